"""The writer: a whole bundle or nothing, and the committed toy bundle is what it writes."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch

from motion_export import precisions
from motion_export.bundle_writer import Model, write_bundle
from motion_export.weights import WeightsFile
from motion_preprocessing.errors import InputError, OutputError, ParityError
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import TEXT_ENCODER
from motion_runtime.session import GraphSession, Provider
from motion_runtime.tokenizer import PromptTokenizer

TOY = Path(__file__).parents[1] / "runtime" / "toy_bundle"


def test_describes_what_was_exported(toy_model: Model, exported: Bundle) -> None:
    manifest = exported.manifest
    assert (manifest.people, manifest.frames, manifest.branches) == ((1, 2), (10,), (1, 2, 3))
    files = {path.name for path in exported.folder.iterdir()}
    assert files == {*manifest.files, "manifest.json"}
    assert {graph.file for graph in manifest.graphs} == {
        "condition_p1.onnx",
        "condition_p2.onnx",
        "text_encoder.onnx",
        *(
            f"step_p{people}_t10_k{k}{room}{kind}.onnx"
            for people in (1, 2)
            for k in (1, 2, 3)
            for room in ("", "_no_room")
            for kind in ("", ".fused")
        ),
    }
    np.testing.assert_array_equal(manifest.normaliser.mean, toy_model.mean)
    parity = manifest.parity["graphs"]
    assert set(parity) == {graph.file for graph in manifest.graphs}
    for result in parity.values():
        assert result["inputs"] == 20
        assert 0 <= result["max_abs"] <= result["tolerance"] == 1e-4
        assert 0 <= result["max_abs_unoptimised"] <= 1e-4
    assert manifest.credits in (exported.folder / "CREDITS.txt").read_text()


def test_text_goes_from_words_to_the_towers_embedding(toy_model: Model, exported: Bundle) -> None:
    """tokenizer.json of the bundle and the encoder's graph against the tower with its own tokenizer."""
    text = exported.manifest.text
    tokenizer = PromptTokenizer.load(exported.path(text.tokenizer), text.context_length)
    tokens = tokenizer.encode("A person WALKS &amp; waves")
    assert tokens[0, 0] == text.sot
    assert text.eot in tokens[0]
    (embedding,) = GraphSession.load(exported, TEXT_ENCODER, Provider("cpu", "", 1)).run({"tokens": tokens})
    own = toy_model.tower.prompt_tokenizer().encode("a person walks & waves")
    with torch.no_grad():
        expected = toy_model.tower.encode(torch.from_numpy(own)).numpy()
    np.testing.assert_allclose(embedding, expected, atol=1e-5)


def test_same_model_gives_the_same_bytes(toy_model: Model, exported: Bundle, tmp_path: Path) -> None:
    again = write_bundle(toy_model, tmp_path / "again", people=(1, 2, 2), frames=(10,))
    assert dict(again.manifest.files) == dict(exported.manifest.files)


def test_committed_toy_bundle_is_of_this_format(toy_model: Model, tmp_path: Path) -> None:
    """Run tests/runtime/make_toy_bundle.py when this fails. Weights are not compared: torch's differ by release."""
    fresh = write_bundle(toy_model, tmp_path / "toy", people=(1, 2), frames=(20, 40), batch=3)
    ignored = ("parity", "precisions", "training", "files")
    found, expected = (
        {key: value for key, value in json.loads((folder / "manifest.json").read_text()).items() if key not in ignored}
        for folder in (TOY, fresh.folder)
    )
    assert found == expected
    assert set(Bundle.open(TOY).manifest.files) == set(fresh.manifest.files)


def test_nothing_is_written_unless_every_graph_agrees(
    toy_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = precisions.measure

    def strict(path: Path, *args: Any, **options: Any) -> Any:
        # The last graph of all fails, when everything else is already written.
        tolerance = 0.0 if path.name == "text_encoder.onnx" else 1e-4
        return original(path, *args, **{**options, "tolerance": tolerance})

    monkeypatch.setattr(precisions, "measure", strict)
    with pytest.raises(ParityError, match=r"text_encoder\.onnx"):
        write_bundle(toy_model, tmp_path / "bundle", people=(1,), frames=(4,), branches=(2,))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interruption", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_full_disk_and_ctrl_c_leave_nothing(
    toy_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: BaseException
) -> None:
    def fail(*args: object) -> NoReturn:
        raise interruption

    monkeypatch.setattr(WeightsFile, "_store", fail)
    expected = OutputError if isinstance(interruption, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_bundle(toy_model, tmp_path / "bundle", people=(1,), frames=(4,), branches=(2,))
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_stays_until_its_successor_is_complete(
    toy_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "bundle"
    first = write_bundle(toy_model, out, people=(1,), frames=(4,), branches=(2,))
    with pytest.raises(OutputError, match="overwrite"):
        write_bundle(toy_model, out, people=(1,), frames=(6,), branches=(2,))
    assert Bundle.open(out).sha256 == first.sha256
    second = write_bundle(toy_model, out, people=(1,), frames=(6,), branches=(2,), overwrite=True)
    assert second.manifest.frames == (6,)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    ("people", "frames", "said"),
    [
        ((0,), (4,), "--people"),
        ((5,), (4,), "1 to 4"),
        ((), (4,), "--people"),
        ((1,), (1,), "--frames"),
        ((1,), (), "--frames"),
    ],
)
def test_shapes_out_of_range(
    toy_model: Model, tmp_path: Path, people: tuple[int, ...], frames: tuple[int, ...], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        write_bundle(toy_model, tmp_path / "bundle", people=people, frames=frames)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("branches", [(), (0,), (4,)])
def test_branches_out_of_range(toy_model: Model, tmp_path: Path, branches: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="branches"):
        write_bundle(toy_model, tmp_path / "bundle", people=(1,), frames=(4,), branches=branches)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"person_classes": ("unknown",)}, "person classes"),
        ({"object_classes": ("unknown", "bed")}, "object classes"),
        ({"mean": np.zeros(7, np.float32)}, "means"),
    ],
)
def test_parts_that_do_not_belong_together(toy_model: Model, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(toy_model, **change)
