"""The latency benchmark runs from end to end on a small model, and writes what README links to."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image

from motion_export.bundle_writer import Model, write_bundle
from motion_preprocessing.errors import BundleError
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import FUSED, PLAIN
from motion_runtime.session import Provider
from motion_train import config as configuration

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "latency.py"


@pytest.mark.slow
def test_benchmark_records_every_contender(toy_model: Model, tmp_path: Path) -> None:
    sizes = [f"model.{key}={value}" for key, value in dataclasses.asdict(toy_model.denoiser.config).items()]
    settings = configuration.load(None, [*sizes, "data.people=2", "data.identities=4"])
    model = dataclasses.replace(toy_model, training={"config": configuration.to_dict(settings)})
    write_bundle(model, tmp_path / "bundle", people=(1, 2), frames=(120,))
    folders = ["--bundle", str(tmp_path / "bundle"), "--out", str(tmp_path / "out" / "x")]
    command = [sys.executable, str(SCRIPT), *folders, "--rounds", "2", "--motion-rounds", "1", "--no-compile"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out" / "x.json").read_text())
    assert json.loads(done.stdout.splitlines()[-1]) == result
    assert [row["people"] for row in result["steps"]] == [1, 2]
    for row in (*result["steps"], result["motion"]):
        assert len(row["times"]) == 3
        assert all(0 < time["min_s"] <= time["median_s"] for time in row["times"].values())
    assert result["cold"]["first_step_s"]["min"] < result["cold"]["motion_s"]["min"]
    for picture in ("steps", "motion"):
        with Image.open(tmp_path / "out" / f"x_{picture}.png") as image:
            assert len(image.convert("RGB").getcolors(100_000) or []) > 5
    text = (tmp_path / "out" / "x.md").read_text()
    assert "PyTorch eager, two calls" in text
    assert result["machine"]["cpu"] in text


def test_outputs_are_compared_on_kernels_that_are_there(
    exported: Bundle, benchmark_script: Callable[[str], ModuleType]
) -> None:
    latency = benchmark_script("latency")
    provider = Provider("cpu", "asked for", 1)

    class Nothing:
        @staticmethod
        def step(inputs: dict[str, torch.Tensor]) -> torch.Tensor:
            return torch.zeros_like(inputs["x"])

    rows = latency.measure_steps(exported, Nothing(), provider, 1, compare=True, compiled=False)
    assert [row["people"] for row in rows] == [1, 2]
    assert all(row["max_abs_difference"] > 0 for row in rows)
    assert [*latency.step_sessions(exported, 1, 10, provider)] == [PLAIN, FUSED]
    single = tuple(graph for graph in exported.manifest.graphs if graph.branches != 2)
    manifest = dataclasses.replace(exported.manifest, graphs=single, branches=(1, 3))
    unguided = dataclasses.replace(exported, manifest=manifest)
    with pytest.raises(BundleError, match="expected step kernels of 2 guidance branches, got those of 1, 3"):
        latency.measure_steps(unguided, Nothing(), provider, 1, compare=True, compiled=False)
