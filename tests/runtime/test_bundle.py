"""The bundle reader: what it reads, and what it refuses in one line."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.errors import BundleError
from motion_runtime.bundle import Bundle
from motion_runtime.generator import Generator
from motion_runtime.manifest import FORMAT_VERSION, to_dict
from motion_runtime.manifest_reader import parse_manifest
from motion_runtime.motion import GenerationRequest

TOY = Path(__file__).with_name("toy_bundle")
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TOY, tmp_path / "bundle"))


def refused(folder: Path | None) -> str:
    with pytest.raises(BundleError) as caught:
        Bundle.open(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert "expected" in message
    assert ";" in message  # what to do about it
    return message


def rewrite(folder: Path, edit: Edit) -> None:
    path = folder / "manifest.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    edit(values)
    path.write_text(json.dumps(values), encoding="utf-8")


def test_reads_sizes_tables_and_defaults() -> None:
    bundle = Bundle.open(TOY)
    manifest = bundle.manifest
    raw = json.loads((TOY / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest.people, manifest.frames, manifest.scene_tokens) == ((1, 2), (20, 40), 4)
    assert manifest.person_classes == ("unknown", "person", "staff", "patient")
    assert (manifest.default.sampler, manifest.default.steps, manifest.default.guidance) == ("dpm++", 4, 2.0)
    assert manifest.normaliser.mean.tolist() == np.array(raw["normaliser"]["mean"], np.float32).tolist()
    assert bundle.sha256 == hashlib.sha256((TOY / "manifest.json").read_bytes()).hexdigest()
    assert set(manifest.files) == {path.name for path in TOY.iterdir()} - {"manifest.json"}


def test_manifest_survives_writing_and_reading() -> None:
    manifest = Bundle.open(TOY).manifest
    again = parse_manifest(json.dumps(to_dict(manifest)).encode(), "a copy")
    assert to_dict(again) == to_dict(manifest)
    assert again.normaliser.std.tobytes() == manifest.normaliser.std.tobytes()


def test_normaliser_is_affine_and_invertible() -> None:
    normaliser = Bundle.open(TOY).manifest.normaliser
    x = np.random.default_rng(0).standard_normal((3, 258)).astype(np.float32)
    expected = (x.astype(np.float64) - normaliser.mean) / normaliser.std
    np.testing.assert_allclose(normaliser.normalise(x), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(normaliser.denormalise(normaliser.normalise(x)), x, atol=1e-5)


def test_unknown_keys_are_ignored(copy: Path) -> None:
    rewrite(copy, lambda values: values.update(from_the_future=1))
    assert Bundle.open(copy).manifest.name == "toy"


@pytest.mark.parametrize("name", sorted(path.name for path in TOY.iterdir()))
def test_missing_file(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert name in refused(copy)


@pytest.mark.parametrize("name", ["weights.bin", "step_p2_t40_k2.onnx", "tokenizer.json"])
def test_truncated_file(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    message = refused(copy)
    assert name in message
    assert "truncated or altered" in message


@pytest.mark.parametrize("name", ["weights.bin", "step_p2_t40_k2.fused.onnx", "CREDITS.txt"])
def test_one_altered_byte(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    assert name in refused(copy)


def test_empty_file_and_folder_in_place_of_a_file(copy: Path) -> None:
    (copy / "weights.bin").write_bytes(b"")
    assert "weights.bin" in refused(copy)
    (copy / "weights.bin").unlink()
    (copy / "weights.bin").mkdir()
    assert "weights.bin" in refused(copy)


def test_newer_format_says_how_to_upgrade(copy: Path) -> None:
    rewrite(copy, lambda values: values.update(format_version=FORMAT_VERSION + 1, graphs="of another kind"))
    message = refused(copy)
    assert f"got {FORMAT_VERSION + 1}" in message
    assert "pip install" in message


def test_older_format_asks_for_another_export(copy: Path) -> None:
    rewrite(copy, lambda values: values.update(format_version=1, graphs="of another kind"))
    message = refused(copy)
    assert "got 1" in message
    assert "motion-export" in message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"format_version": true}', b"[" * 5000])
def test_manifest_that_is_none(copy: Path, content: bytes) -> None:
    (copy / "manifest.json").write_bytes(content)
    assert "manifest.json" in refused(copy)


def test_a_bundle_says_in_which_steps_it_guides(copy: Path) -> None:
    def older(values: dict[str, Any]) -> None:
        values["default"].pop("guidance_interval", None)

    rewrite(copy, older)
    assert Bundle.open(copy).manifest.default.guidance_interval == (0.0, 1.0)
    rewrite(copy, lambda values: values["default"].update(guidance_interval=[0, 0.5]))
    generator = Generator.load(copy, "cpu")
    asked = GenerationRequest(("a person walks",), seconds=1.0)
    assert generator.guidance_of(asked).interval == (0.0, 0.5)
    assert generator.guidance_of(replace(asked, guidance_interval=(0.2, 0.4))).interval == (0.2, 0.4)


def test_a_bundle_says_how_much_faster_falls_are_gone_through(copy: Path) -> None:
    def without(values: dict[str, Any]) -> None:
        for name in ("fall_speed", "fall_offset_m_s"):
            values.pop(name, None)

    rewrite(copy, without)
    manifest = Bundle.open(copy).manifest
    assert (manifest.fall_speed, manifest.fall_offset_m_s) == (1.0, 0.0)
    rewrite(copy, lambda values: values.update(fall_speed=1.25, fall_offset_m_s=0.3))
    manifest = Bundle.open(copy).manifest
    assert (manifest.fall_speed, manifest.fall_offset_m_s) == (1.25, 0.3)


def test_no_folder(tmp_path: Path) -> None:
    assert "motion-export" in refused(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file")


def step(values: dict[str, Any]) -> dict[str, Any]:
    graph: dict[str, Any] = next(graph for graph in values["graphs"] if graph["file"] == "step_p2_t40_k2.onnx")
    return graph


def without(values: dict[str, Any], stem: str) -> None:
    values["graphs"] = [graph for graph in values["graphs"] if stem not in graph["file"]]


def before_there_were_kernels_without_a_room(values: dict[str, Any]) -> None:
    without(values, "_no_room")
    del values["batched"]
    for graph in values["graphs"]:
        del graph["scene_tokens"]


def test_a_bundle_of_before_there_were_kernels_without_a_room_makes_the_same_motion(copy: Path) -> None:
    rewrite(copy, before_there_were_kernels_without_a_room)
    old, new = Generator.load(copy, "cpu"), Generator.load(TOY, "cpu")
    request = GenerationRequest(("a person walks",), seconds=1.0)
    assert (old.check(request).scene_tokens, new.check(request).scene_tokens) == (4, 0)
    np.testing.assert_allclose(old.generate(request).joints_m, new.generate(request).joints_m, atol=1e-5)


def test_a_bundle_of_before_there_were_batches_is_read(copy: Path) -> None:
    new = Bundle.open(copy)
    assert new.manifest.batch == 3
    spec = new.find("step", "fused", 2, 40, 2, batch=3)
    assert spec is not None
    assert (spec.file, spec.batch, spec.inputs[0].shape) == ("step_p2_t40_k2_b3.fused.onnx", 3, (3, 1, 2, 40, 258))
    assert new.find("step", "fused", 2, 40, 1, batch=3) is None  # guides by default
    rewrite(copy, lambda values: values.pop("batched"))
    old = Bundle.open(copy)
    assert (old.manifest.batch, old.manifest.batched) == (1, ())
    assert old.manifest.graphs == new.manifest.graphs
    assert "batched" not in to_dict(old.manifest)


def first_batched(values: dict[str, Any]) -> dict[str, Any]:
    graph: dict[str, Any] = values["batched"][0]
    return graph


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda v: v.update(batched=1), "'batched'"),
        (lambda v: first_batched(v).pop("batch"), "'batch'"),
        (lambda v: first_batched(v).update(batch=1), "'batch'"),
        (lambda v: first_batched(v).update(batch=4), "[4, 1, 1, 20, 258]"),
        (lambda v: first_batched(v).update(role="condition"), "'role'"),
        (lambda v: first_batched(v).update(file="elsewhere.onnx"), "elsewhere.onnx"),
        (lambda v: first_batched(v).update(precision="fp16"), "fp16 step graph"),  # none of one request
        (lambda v: without(v, "step_p1_t20_k2"), "1 people, 20 frames, 2 branches"),
        (
            lambda v: [
                first_batched(v).update(batch=2),
                *(each["shape"].__setitem__(0, 2) for kind in ("inputs", "outputs") for each in first_batched(v)[kind]),
            ],
            "one size of batch, got [2, 3]",
        ),
    ],
)
def test_wrong_kernels_of_batches(copy: Path, edit: Edit, said: str) -> None:
    rewrite(copy, edit)
    assert said in refused(copy)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda v: v.update(width=64), "prefix"),
        (lambda v: v.update(scene_tokens=8), "8 groups of a room's points"),
        (lambda v: step(v).update(scene_tokens=2), "prefix"),
        (lambda v: without(v, "step_p2_t40_k2_no_room"), "0 groups of a room's points"),
        (lambda v: step(v)["inputs"][0].update(shape=[1, 2, 41, 258]), "[1, 2, 40, 258]"),
        (lambda v: step(v)["inputs"][0].update(dtype="float16"), "float32"),
        (lambda v: step(v)["inputs"][0].update(name="y"), "y float32"),
        (lambda v: step(v)["inputs"].pop(), "key_bias"),
        (lambda v: step(v)["outputs"].append({"name": "z", "dtype": "float32", "shape": [1]}), "z float32"),
        (lambda v: step(v).update(frames=30), "step_p2_t40_k2.onnx"),
        (lambda v: v.update(frames=[20, 40, 80]), "80 frames"),
        (lambda v: v.update(people=[1, 2, 3]), "3 people"),
        (lambda v: v.update(people=[]), "'people'"),
        (lambda v: v.update(branches=[]), "'branches'"),
        (lambda v: v.update(branches=[1, 2, 3, 4]), "4 branches"),
        (lambda v: step(v).update(branches=4), "'branches'"),
        (lambda v: step(v).update(branches=1), "step_p2_t40_k2.onnx"),
        (lambda v: v["graphs"].pop(), "text_encoder"),
        (lambda v: v["normaliser"].update(mean=[0.0] * 10), "258"),
        (lambda v: v["normaliser"]["std"].__setitem__(5, 0.0), "above 0"),
        (lambda v: v["normaliser"]["mean"].__setitem__(5, float("nan")), "finite"),
        (lambda v: v["normaliser"].update(std="many"), "'std'"),
        (lambda v: v.update(fps="fast"), "'fps'"),
        (lambda v: v.update(fps=0), "'fps'"),
        (lambda v: v.update(fps=10**400), "'fps'"),
        (lambda v: v.update(width=10**400), "'width'"),
        (lambda v: v["normaliser"]["mean"].__setitem__(5, 10**400), "'mean'"),
        (lambda v: v["normaliser"]["std"].__setitem__(5, 1e300), "finite"),
        (lambda v: v["schedule"].update(kind="quadratic"), "'quadratic'"),
        (lambda v: v["schedule"].update(steps=10**9), "'steps'"),
        (lambda v: v["default"].update(sampler="euler"), "'euler'"),
        (lambda v: v["default"].update(steps=v["schedule"]["steps"] + 1), "default steps"),
        (lambda v: v["default"].update(guidance_interval=[0.5, 0.2]), "'guidance_interval'"),
        (lambda v: v["default"].update(guidance_interval=[0, 1.5]), "'guidance_interval'"),
        (lambda v: v["default"].update(guidance_interval=[0.5]), "'guidance_interval'"),
        (lambda v: v["default"].update(guidance_interval="all"), "'guidance_interval'"),
        (lambda v: v.update(fall_speed=0), "'fall_speed'"),
        (lambda v: v.update(fall_speed="fast"), "'fall_speed'"),
        (lambda v: v.update(fall_offset_m_s=-0.1), "'fall_offset_m_s'"),
        (lambda v: v.update(identities=1), "identities"),
        (lambda v: v.update(opset=17.5), "'opset'"),
        (lambda v: v.update(person_classes=[]), "'person_classes'"),
        (lambda v: v.pop("schedule"), "'schedule'"),
        (lambda v: step(v).update(role="virus"), "'role'"),
        (lambda v: step(v).update(file="elsewhere.onnx"), "elsewhere.onnx"),
    ],
)
def test_wrong_shapes_and_values(copy: Path, edit: Edit, said: str) -> None:
    rewrite(copy, edit)
    assert said in refused(copy)


@pytest.mark.parametrize("name", ["../evil.onnx", "/etc/passwd", "a/b.onnx", "x.so", "run.py", "x.pkl", ".bin", ""])
def test_only_plain_names_of_harmless_kinds(copy: Path, name: str) -> None:
    rewrite(copy, lambda values: values["files"].update({name: "0" * 64}))
    assert "do not use" in refused(copy)


def test_digest_must_be_one(copy: Path) -> None:
    rewrite(copy, lambda values: values["files"].update({"weights.bin": ""}))
    assert "sha256" in refused(copy)


@pytest.mark.parametrize(
    ("people", "frames", "kernel"),
    [(1, 1, (1, 20)), (1, 20, (1, 20)), (1, 21, (1, 40)), (2, 3, (2, 20)), (2, 40, (2, 40))],
)
def test_smallest_kernel_that_covers(people: int, frames: int, kernel: tuple[int, int]) -> None:
    assert Bundle.open(TOY).smallest_kernel(people, frames) == kernel


@pytest.mark.parametrize(("people", "frames"), [(3, 1), (1, 41), (9, 999)])
def test_request_beyond_the_bundle(people: int, frames: int) -> None:
    with pytest.raises(BundleError, match="at most 2 persons and 40 frames"):
        Bundle.open(TOY).smallest_kernel(people, frames)


def test_only_listed_files_are_handed_out(copy: Path) -> None:
    (copy / "stray.onnx").write_bytes(b"")
    bundle = Bundle.open(copy)
    with pytest.raises(BundleError, match="stray"):
        bundle.path("stray.onnx")
    assert bundle.path("weights.bin") == copy / "weights.bin"
