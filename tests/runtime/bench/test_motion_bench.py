"""`motion-bench` runs from end to end on a small bundle; its counts of work are those of the network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from motion_preprocessing.errors import InputError
from motion_runtime.bench.cli import main
from motion_runtime.bench.limits import measure_limits
from motion_runtime.bench.report import table
from motion_runtime.bench.step import Sizes, interleaved, measure_steps, operations, step_inputs, weight_bytes
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import expected_tensors
from motion_runtime.session import Provider

TOY = Path(__file__).parents[1] / "toy_bundle"
QUICK = ("--bundle", str(TOY), "--provider", "cpu", "--precision", "fp32", "--threads", "1", "--rounds", "2")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*QUICK, *arguments])


def test_everything_is_measured_and_told(tmp_path: Path) -> None:
    result = run(
        "--people", "1", "--seconds", "1", "--bulk", "2", "--json", str(tmp_path / "b.json"), "--plot",
        str(tmp_path / "b.png"),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert [(row["people"], row["frames"]) for row in found["steps"]] == [(1, 20), (1, 40)]
    for row in found["steps"]:
        assert 0 < row["times"]["cpu fp32"]["min_s"] <= row["times"]["cpu fp32"]["median_s"]
    assert 0 < found["cold"]["first_step_s"]["min"] < found["cold"]["motion_s"]["min"]
    assert found["cold"]["peak_mb"]["min"] > 10
    assert found["bulk"]["motion_seconds_per_s"] == pytest.approx(found["bulk"]["motions_per_s"])  # a second each
    assert (found["bulk"]["batch"], found["bulk_batched"]["batch"]) == (1, 3)
    assert found["bulk_batched"]["motions_per_s"] > 0
    assert result.stdout == table(found)
    for words in (
        "1 x 20 frames", "| cpu fp32 |", "2 motions of 1 s in bulk on cpu", "fp32, 3 requests in a call |",
        found["machine"]["cpu"],
    ):  # fmt: skip
        assert words in result.stdout
    with Image.open(tmp_path / "b.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(100_000) or []) > 3


def test_json_alone_goes_to_stdout() -> None:
    result = run("--people", "1", "--frames", "20", "--no-cold", "--bulk", "0", "--json", "-")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found.keys().isdisjoint({"cold", "bulk", "limits"})  # the toy does not tell its sizes
    assert len(found["steps"]) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--people", "7"), "expected kernels of the bundle (people x frames: 1 x 20, 1 x 40, 2 x 20, 2 x 40)"),
        (("--seconds", "nan"), "expected a number, got 'nan' for --seconds"),
        (("--seconds", "0"), "expected a number above 0 and of at most 3600, got 0.0 for --seconds"),
        (("--people", "7,8"), "got 7/8 x any for --people and --frames; choose among these"),
        (("--precision", "int4"), "expected a provider that works here, got none"),
        (("--precision", "int8"), "expected a provider that works here, got none; expected a precision of the bundle"),
        (("--frames", "long"), "expected whole numbers such as 1,2, got 'long'"),
    ],
)
def test_what_is_not_there_is_one_line(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_operations_are_those_that_a_profiler_counts() -> None:
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from motion_export.kernels import traceable
    from motion_train.denoiser import Denoiser, DenoiserConfig

    config = DenoiserConfig(width=32, layers=3, heads=2, feedforward=80, text_dim=16, person_classes=4,
                            object_classes=3, identities=4)  # fmt: skip
    denoiser = traceable(Denoiser(config))
    branches, people, frames, scene = 2, 2, 10, 3
    tokens = 1 + people + scene + people * frames
    inputs = (
        torch.randn(branches, people, frames, config.pose_dim), torch.zeros(branches),
        torch.randn(branches, people + scene, 32), torch.randn(branches, people, 32), torch.zeros(branches, tokens),
    )  # fmt: skip
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        denoiser.denoise(*inputs)
    counted = counter.get_total_flops()
    sizes = Sizes(32, 3, 80, config.pose_dim)
    # The embedding of the step is all that is not counted; the last layer is counted as it is exported.
    assert operations(sizes, people, frames, scene, branches) == pytest.approx(counted, rel=0.02)


def test_weights_are_those_of_the_network() -> None:
    sizes = Sizes(width=8, layers=2, feedforward=16, pose_dim=5)
    products = 2 * (4 * 8 * 8 + 2 * 8 * 16)
    assert weight_bytes(sizes, "fp32") == 4 * (products + 2 * 5 * 8)
    assert weight_bytes(sizes, "int8") == products + 4 * 2 * 5 * 8


def test_inputs_fit_the_kernels() -> None:
    bundle = Bundle.open(TOY)
    for branches in bundle.manifest.branches:
        wanted, _ = expected_tensors(bundle.manifest, "step", 2, 40, branches, bundle.manifest.scene_tokens)
        given = step_inputs(bundle, 2, 40, branches)
        assert {tensor.name: tensor.shape for tensor in wanted} == {name: given[name].shape for name in given}
        assert given["coefficients"][4:].sum() == pytest.approx(1.0)


def test_a_bundle_of_three_branches_alone_is_measured_by_them() -> None:
    bundle = Bundle.open(TOY)
    bundle = replace(bundle, manifest=replace(bundle.manifest, branches=(3,)))
    provider = Provider("cpu", "asked for", 1)
    (row,) = measure_steps(bundle, {"cpu fp32": provider}, [(1, 20)], 1, lambda _: None)
    assert row["branches"] == 3
    assert row["times"]["cpu fp32"]["min_s"] > 0


def test_contenders_take_turns() -> None:
    calls: list[str] = []
    times = interleaved({name: lambda name=name: calls.append(name) for name in "abc"}, rounds=4)  # type: ignore[misc]
    assert sorted(calls) == sorted("abc" * 6)
    assert len({calls[start] for start in range(0, len(calls), 3)}) == 3  # each begins a round now and then
    assert times.keys() == set("abc")


def test_limits_are_measured_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measure_limits(64, 32, 64, threads=1, rounds=1)
    assert found["gflop_s"] > 0
    assert found["copy_gb_s"] > 0
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(InputError, match="expected this machine's limits"):
        measure_limits(64, 32, 64, threads=1, rounds=1)


def test_shares_are_of_the_limits() -> None:
    row = {"people": 1, "frames": 120, "gflop": 2.0, "weight_mb": {"cpu fp32": 20.0},
           "times": {"cpu fp32": {"min_s": 0.02, "median_s": 0.03}}}  # fmt: skip
    machine = {"cpu": "c", "cores_granted": 2, "system": "s", "packages": {}, "load_before": None}
    text = table({"bundle": {"name": "b"}, "machine": machine, "threads": 2, "rounds": 3, "steps": [row],
                  "left_out": {"cuda fp32": "none"}, "limits": {"gflop_s": 200.0, "copy_gb_s": 10.0}})  # fmt: skip
    # 2 GFLOP in 20 ms are 100 of 200 GFLOP/s; 20 MB in 20 ms are 1 of 10 GB/s.
    assert "| cpu fp32 | 20.0 / 30.0 (50 %, 10.0 %) |" in text
    assert "cuda fp32 is left out: none" in text
