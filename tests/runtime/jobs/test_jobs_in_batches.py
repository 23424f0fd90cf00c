"""Jobs whose steps share calls of the network: the same motions, the same manners."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from motion_preprocessing.errors import BundleError, ProviderError
from motion_preprocessing.occupancy import FreeSpace
from motion_runtime.cli import main
from motion_runtime.generator import Generator
from motion_runtime.jobs import command as command_module
from motion_runtime.jobs import make as make_module
from motion_runtime.manifest import STEP
from motion_runtime.motion import GenerationRequest
from motion_runtime.room_bounds import RoomBounds, Supports
from motion_runtime.room_solids import Solids
from motion_runtime.session import GraphSession
from motion_runtime.writer import read_motion

TOY = Path(__file__).parents[1] / "toy_bundle"
WARD = Path(__file__).parents[3] / "examples" / "ward.ply"
QUICK = ("--provider", "cpu", "--precision", "fp32", "--formats", "npz")
JOBS: tuple[dict[str, Any], ...] = (
    {"name": "pair", "prompt": ["walks", "waves"], "person": ["staff", "patient"], "seconds": 1, "seed": 1},
    {"name": "short", "prompt": "a person falls", "seconds": 0.5, "seed": 2, "num_samples": 3},
    {"name": "windows", "prompt": "1s: a person walks | 1.5s: a person sits down", "seed": 3, "seconds": 2.5},
    {"name": "held", "prompt": "a person walks", "seconds": 1, "seed": 4, "path": "0:0,0 1:0.5,0"},
    {"name": "room", "prompt": "a person walks", "seconds": 1, "seed": 5, "scene": str(WARD)},
    {"name": "noisy", "prompt": "a person turns", "seconds": 1, "seed": 6, "sampler": "ddpm", "steps": 7},
    {"name": "plain", "prompt": "a person turns", "seconds": 1, "seed": 7, "guidance": 1},
)
"""One and two persons, several windows, what is known, a room, another sampler, and one without guidance."""


def run(folder: Path, *arguments: object, out: str = "out", bundle: Path = TOY) -> Result:
    given = [*QUICK, "--bundle", bundle, "--jobs", folder / "jobs.jsonl", "--out", folder / out, *arguments]
    return CliRunner().invoke(main, [str(argument) for argument in given])


def write_jobs(folder: Path, *jobs: dict[str, Any]) -> None:
    (folder / "jobs.jsonl").write_text("\n".join(map(json.dumps, jobs)) + "\n", encoding="utf-8")


def motions(folder: Path) -> dict[str, np.ndarray]:
    return {str(path.parent.relative_to(folder)): read_motion(path).joints_m for path in folder.rglob("motion.npz")}


def assert_same(found: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, joints in found.items():
        np.testing.assert_allclose(joints, expected[name], atol=1e-4, err_msg=name)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """Calls of step kernels so far, by the requests that they take."""
    counted: Counter[int] = Counter()
    real = GraphSession.run

    def counting(self: GraphSession, inputs: Mapping[str, np.ndarray]) -> Any:
        if self.spec.role == STEP:
            counted[self.spec.batch] += 1
        return real(self, inputs)

    monkeypatch.setattr(GraphSession, "run", counting)
    return counted


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of JOBS without batches."""
    folder = tmp_path_factory.mktemp("one_by_one")
    write_jobs(folder, *JOBS)
    result = run(folder)
    assert result.exit_code == 0, result.output
    return folder / "out"


def test_a_motion_does_not_depend_on_the_batch_that_it_was_made_in(
    tmp_path: Path, one_by_one: Path, rows: Counter[int]
) -> None:
    write_jobs(tmp_path, *JOBS)
    result = run(tmp_path, "--batch")
    assert result.exit_code == 0, result.output
    assert "9 motions in" in result.stdout
    assert "fp32 (asked for), 3 requests in a call: " in result.stdout
    together = motions(tmp_path / "out")
    assert_same(together, motions(one_by_one))
    assert rows[1] == 4  # without guidance: the bundle has no such kernel of a batch
    steps = 4 * (2 + 3 + 2 + 1 + 1) + 7  # two people are made one by one, one motion is made in two windows
    assert 0 < rows[3] < steps
    for name in ("short", "windows"):
        write_jobs(tmp_path, *(job for job in JOBS if job["name"] == name))
        assert run(tmp_path, "--batch", out=name).exit_code == 0
        assert_same(motions(tmp_path / name), {key: value for key, value in together.items() if key.startswith(name)})


def test_each_is_what_a_request_alone_is(tmp_path: Path, one_by_one: Path) -> None:
    """Independent of how jobs are run: the generator by itself."""
    write_jobs(tmp_path, *JOBS[1:2])
    assert run(tmp_path, "--batch").exit_code == 0
    generator = Generator.load(TOY, "cpu", "fp32")
    for sample in range(3):
        motion = generator.generate(GenerationRequest(("a person falls",), seconds=0.5, seed=2, sample=sample))
        found = read_motion(tmp_path / "out" / "short" / f"sample_{sample:03d}" / "motion.npz")
        np.testing.assert_allclose(found.joints_m, motion.joints_m, atol=1e-4)


@pytest.mark.parametrize(
    ("provider", "arguments", "batch"), [("cpu", (), 3), ("cpu", ("--no-batch",), 1), (None, (), 1)]
)
def test_on_a_device_batches_are_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: Counter[int], provider: str, arguments: tuple[str, ...],
    batch: int,
) -> None:  # fmt: skip
    if provider is not None:
        monkeypatch.setattr(command_module, "CUDA", provider)  # the CPU takes the way of a device
        monkeypatch.setattr(make_module, "CPU", "not this one")
    write_jobs(tmp_path, JOBS[1])
    result = run(tmp_path, "--json", *arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["provider"].get("batch", 1) == batch
    assert (rows[3] > 0) == (batch == 3)


def test_a_run_goes_on_as_it_began(tmp_path: Path, one_by_one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jobs(tmp_path, *JOBS)
    real = make_module.write_sample

    def interrupted(folder: Path, motion: Any, *rest: Any, **values: Any) -> Any:
        if motion.seed == 4:
            deadline = time.monotonic() + 60
            while not list((tmp_path / "out").glob("*/job.json")):  # the disk is full after the first
                assert time.monotonic() < deadline
                time.sleep(0.01)
            raise OSError(28, "No space left on device")
        return real(folder, motion, *rest, **values)

    with monkeypatch.context() as patch:
        patch.setattr(make_module, "write_sample", interrupted)
        assert run(tmp_path, "--batch").exit_code == 7
    kept = motions(tmp_path / "out")
    assert not any(name.startswith("held") for name in kept)
    assert kept
    other = run(tmp_path)
    assert other.exit_code == 7
    assert "as it was made before, got another 'batch'" in other.stderr
    assert run(tmp_path, "--batch").exit_code == 0
    finished = motions(tmp_path / "out")
    assert_same(finished, motions(one_by_one))
    for name, joints in kept.items():
        np.testing.assert_array_equal(finished[name], joints)  # not made again
    said = {json.loads(path.read_text("utf-8"))["batch"] for path in (tmp_path / "out").rglob("job.json")}
    assert said == {3}


def test_jobs_of_before_there_were_batches_are_finished(tmp_path: Path) -> None:
    write_jobs(tmp_path, JOBS[0])
    assert run(tmp_path).exit_code == 0
    path = tmp_path / "out" / "pair" / "job.json"
    content = json.loads(path.read_text("utf-8"))
    assert content.pop("batch") is None
    path.write_text(json.dumps(content), encoding="utf-8")
    assert "0 of 1 job made, 1 from before" in run(tmp_path).stdout


def test_a_job_that_fails_in_a_batch_is_skipped(
    tmp_path: Path, one_by_one: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Generator.predict

    def predict(self: Generator, request: GenerationRequest, progress: Any = None) -> Any:
        def told(done: int, steps: int) -> None:
            progress(done, steps)
            if request.seed == 2 and request.sample == 1 and done == 2:  # in the middle, the others go on
                raise BundleError("expected numbers, got NaN")

        return real(self, request, told)

    monkeypatch.setattr(Generator, "predict", predict)
    write_jobs(tmp_path, *JOBS)
    result = run(tmp_path, "--batch")
    assert result.exit_code == 2
    assert "failed: line 2, short: expected numbers, got NaN" in result.stderr
    others = {name: joints for name, joints in motions(one_by_one).items() if not name.startswith("short")}
    assert_same(motions(tmp_path / "out"), others)


def test_a_device_that_fails_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = GraphSession.run

    def run_out_of_memory(self: GraphSession, inputs: Mapping[str, np.ndarray]) -> Any:
        if self.spec.batch > 1:
            raise ProviderError("expected the device to run it, got: out of memory; use --provider cpu")
        return real(self, inputs)

    monkeypatch.setattr(GraphSession, "run", run_out_of_memory)
    write_jobs(tmp_path, *JOBS)
    result = run(tmp_path, "--batch")
    assert result.exit_code == ProviderError.exit_code
    assert "out of memory" in result.stderr
    assert "the same command goes on from there" in result.stderr.splitlines()[-1]


def test_a_room_is_worked_out_once_for_all_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Counter[str] = Counter()
    for kind in (FreeSpace, RoomBounds, Supports, Solids):
        real = kind.from_scene

        def counting(*arguments: Any, real: Any = real, name: str = kind.__name__) -> Any:
            found[name] += 1
            return real(*arguments)

        monkeypatch.setattr(kind, "from_scene", counting)
    write_jobs(tmp_path, *({**JOBS[4], "name": f"room_{seed}", "seed": seed} for seed in range(8)))
    result = run(tmp_path, "--batch")
    assert result.exit_code == 0, result.output
    # Whether there is free floor is also looked at before, when the file is checked.
    assert found == {"FreeSpace": 2, "RoomBounds": 1, "Supports": 1, "Solids": 1}


def test_a_bundle_without_such_kernels(tmp_path: Path, rows: Counter[int]) -> None:
    old = Path(shutil.copytree(TOY, tmp_path / "old"))
    values = json.loads((old / "manifest.json").read_text("utf-8"))
    del values["batched"]
    (old / "manifest.json").write_text(json.dumps(values), encoding="utf-8")
    write_jobs(tmp_path, JOBS[1])
    result = run(tmp_path, "--batch", bundle=old)
    assert result.exit_code == BundleError.exit_code
    assert "export with: motion-export --batch 8" in result.stderr
    assert result.stderr.count("\n") == 1
    assert run(tmp_path, bundle=old).exit_code == 0
    assert rows[3] == 0


def test_a_precision_has_its_own() -> None:
    generator = Generator.load(TOY, "cpu", "fp32")
    assert generator.batch == 3
    # bf16 is computed from fp32's files; int8 has no kernels of a batch.
    for precision, batch in (("bf16", 3), ("int8", 1)):
        assert Generator(generator.bundle, replace(generator.provider, precision=precision)).batch == batch


def test_it_is_an_option_of_jobs_alone(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--prompt", "walks", "--batch", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "expected --jobs beside --batch" in result.stderr
