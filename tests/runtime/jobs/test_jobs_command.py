"""`motion-run --jobs` as a user meets it: what it writes, how it goes on, how it refuses."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import BundleError, OutputError
from motion_runtime.backends import provider as provider_module
from motion_runtime.cli import main
from motion_runtime.convert_cli import main as convert
from motion_runtime.generator import Generator
from motion_runtime.jobs import command as command_module
from motion_runtime.jobs import make as make_module
from motion_runtime.jobs.lock import LOCK_FILE, only_run
from motion_runtime.jobs.plan import Planned
from motion_runtime.jobs.throughput import Throughput, in_time
from motion_runtime.jobs.unfinished import UNFINISHED
from motion_runtime.motion import GenerationRequest
from motion_runtime.writer import read_motion

RUNTIME = Path(__file__).parents[1]
TOY = RUNTIME / "toy_bundle"
WARD = RUNTIME.parents[1] / "examples" / "ward.ply"
FIXED = ("--bundle", str(TOY), "--provider", "cpu", "--precision", "fp32")
JOBS: tuple[dict[str, Any], ...] = (
    {"name": "pair", "prompt": ["walks", "waves"], "person": ["staff", "patient"], "seconds": 1, "seed": 1},
    {"name": "short", "prompt": "a person falls", "seconds": 0.5, "seed": 2, "num_samples": 2},
    {"name": "long", "prompt": "a person sits down", "seconds": 1.5, "seed": 3},
)


def run(folder: Path, *arguments: object, jobs: str = "jobs.jsonl", out: str = "out") -> Result:
    return CliRunner().invoke(
        main, [*FIXED, "--jobs", str(folder / jobs), "--out", str(folder / out), *map(str, arguments)]
    )


def write_jobs(folder: Path, *jobs: dict[str, Any]) -> None:
    (folder / "jobs.jsonl").write_text("\n".join(map(json.dumps, jobs)) + "\n", encoding="utf-8")


def bytes_below(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in folder.rglob("*")
        if path.is_file() and path.name != LOCK_FILE
    }


def one_line(result: Result) -> str:
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error: ")
    assert "Traceback" not in result.output
    return line


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run of JOBS."""
    folder = tmp_path_factory.mktemp("finished")
    write_jobs(folder, *JOBS)
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert "3 of 3 jobs made" in result.stdout
    assert "4 motions in" in result.stdout
    assert "motions/s" in result.stdout
    return folder / "out"


def test_each_job_is_what_motion_run_makes(finished: Path) -> None:
    generator = Generator.load(TOY, "cpu", "fp32")
    for job in JOBS:
        for sample in range(job.get("num_samples", 1)):
            prompts = job["prompt"] if isinstance(job["prompt"], list) else [job["prompt"]]
            request = GenerationRequest(
                tuple(prompts), tuple(job.get("person", ())), seconds=job["seconds"], seed=job["seed"], sample=sample
            )
            motion = read_motion(finished / job["name"] / f"sample_{sample:03d}" / "motion.npz")
            np.testing.assert_array_equal(motion.joints_m, generator.generate(request).joints_m)
            assert motion.prompts == request.prompt_of_each


def test_run_json_tells_jobs_of_another_eta_apart(tmp_path: Path) -> None:
    asked = {"prompt": "walks", "seconds": 0.5, "sampler": "ddim"}
    write_jobs(tmp_path, asked, asked | {"eta": 0.9})
    result = run(tmp_path, "--formats", "npz")
    assert result.exit_code == 0, result.output
    told = [
        json.loads((tmp_path / "out" / f"job_0000{line}" / "sample_000" / "run.json").read_text("utf-8"))["request"]
        for line in (1, 2)
    ]
    assert [request["eta"] for request in told] == [0.0, 0.9]


def test_a_jobs_bytes_do_not_depend_on_the_number_of_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jobs(tmp_path, JOBS[1])
    found = []
    for cores in (1, 2):
        monkeypatch.setattr(provider_module, "granted_cores", lambda cores=cores: cores)
        for batch in ("--batch", "--no-batch"):
            result = run(tmp_path, "--formats", "npz", batch, out=f"{cores}{batch}")
            assert result.exit_code == 0, result.output
            found.append(sha256_of(tmp_path / f"{cores}{batch}" / "short" / "sample_000" / "run.json"))
    assert found[:2] == found[2:]


def test_the_index_has_a_line_a_motion_in_the_files_order(finished: Path) -> None:
    rows = [json.loads(line) for line in (finished / "index.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["folder"] for row in rows] == [
        "pair/sample_000", "short/sample_000", "short/sample_001", "long/sample_000",
    ]  # fmt: skip
    for row in rows:
        motion = finished / row["folder"] / "motion.npz"
        assert row["motion_sha256"] == sha256_of(motion)
        assert row["frames"] == read_motion(motion).frames
        assert row["metrics"]["bone_drift_worst_percent"] < 0.01
    assert rows[0]["prompts"] == ["walks", "waves"]
    assert rows[0]["person_classes"] == ["staff", "patient"]
    assert {path.name for path in finished.iterdir()} == {"pair", "short", "long", "index.jsonl"}  # and no lock


def test_what_the_model_is_told_instead_of_a_prompt_stands_in_run_json(tmp_path: Path) -> None:
    said = "a person walks to the bed and lies down"
    write_jobs(tmp_path, {"scene": os.path.relpath(WARD, tmp_path), "prompt": said, "seconds": 4.5, "steps": 1})
    result = run(tmp_path, "--formats", "npz")
    assert result.exit_code == 0, result.output
    asked = json.loads((tmp_path / "out" / "job_00001" / "sample_000" / "run.json").read_text("utf-8"))["request"]
    assert asked["prompts"] == [said]
    assert [part["start_s"] for part in asked["parts"][0]] == [0.0, 2.0]
    assert asked["parts"][0][1]["prompt"] == "a patient lies on the bed"


def test_kernels_take_turns_once_and_rooms_load_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import motion_runtime.jobs.rooms as rooms

    loads: list[str] = []
    load = rooms.load_room
    monkeypatch.setattr(rooms, "load_room", lambda path, **values: (loads.append(str(path)), load(path, **values))[1])
    order: list[tuple[int, int]] = []
    real = make_module.make_jobs
    monkeypatch.setattr(
        command_module,
        "make_jobs",
        lambda left, *rest: (order.extend(each.kernel for each in left), real(left, *rest))[1],
    )
    lengths = (0.5, 1.5, 0.5, 1.5)
    ward = {"scene": os.path.relpath(WARD, tmp_path), "labels": "ignore", "prompt": "walks", "steps": 1}
    write_jobs(tmp_path, *({**ward, "seconds": length} for length in lengths))
    result = run(tmp_path, "--formats", "npz")
    assert result.exit_code == 0, result.output
    assert len(loads) == 1
    assert order == [(1, 20), (1, 20), (1, 40), (1, 40)]
    index = (tmp_path / "out" / "index.jsonl").read_text(encoding="utf-8").splitlines()
    assert [(row["scene"], row["scene_labels"]) for row in map(json.loads, index)] == [(ward["scene"], "ignore")] * 4


def test_a_second_run_makes_nothing_and_says_so(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("motion.npz")}
    result = run(finished.parent)
    assert result.exit_code == 0, result.output
    assert "0 of 3 jobs made, 3 from before" in result.stdout
    assert before == {path: path.stat().st_mtime_ns for path in finished.rglob("motion.npz")}


def test_what_is_missing_altered_or_half_written_is_made_again_with_the_same_bytes(
    finished: Path, tmp_path: Path
) -> None:
    write_jobs(tmp_path, *JOBS)
    assert run(tmp_path).exit_code == 0
    assert bytes_below(tmp_path / "out") == bytes_below(finished)  # another folder, the same bytes
    out = tmp_path / "out"
    (out / "pair" / "sample_000" / "motion.npz").write_bytes(b"PK")
    (out / "short" / "job.json").write_text("", encoding="utf-8")  # a power cut
    (out / ".long.abcd1234.partial" / "sample_000").mkdir(parents=True)
    (out / "index.jsonl").unlink()
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("is made again") == 2
    assert "2 of 3 jobs made, 1 from before" in result.stdout
    (out / "notes.txt").unlink()  # kept
    assert bytes_below(out) == bytes_below(finished)
    assert not (out / ".long.abcd1234.partial").exists()


def test_killed_in_the_middle_it_goes_on_with_the_same_bytes(tmp_path: Path) -> None:
    jobs = [{"name": f"n{number}", "prompt": "walks", "seconds": 0.5, "seed": number} for number in range(8)]
    write_jobs(tmp_path, *jobs)
    program = [sys.executable, "-c", "from motion_runtime.cli import main; main()"]
    command = [*program, *FIXED, "--jobs", str(tmp_path / "jobs.jsonl"), "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (tmp_path / "out" / "n1").exists():
            time.sleep(0.002)
        process.kill()
    assert process.returncode in (-signal.SIGKILL, 0)
    result = run(tmp_path)  # the lock of the dead process is taken over
    assert result.exit_code == 0, result.output
    there = int(result.stdout.partition("jobs made, ")[2].partition(" ")[0] or 0)
    assert 1 <= there <= 8
    assert run(tmp_path, out="whole").exit_code == 0
    assert bytes_below(tmp_path / "out") == bytes_below(tmp_path / "whole")


MANY: dict[str, Any] = {"name": "many", "prompt": "a person falls", "seconds": 0.5, "seed": 5, "num_samples": 6}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run of MANY."""
    folder = tmp_path_factory.mktemp("many")
    write_jobs(folder, MANY)
    assert run(folder).exit_code == 0
    return folder / "out"


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The samples that the network is asked for."""
    asked: list[int] = []
    real = Generator.predict

    def predict(self: Generator, request: GenerationRequest, progress: Any = None) -> Any:
        asked.append(request.sample)
        return real(self, request, progress)

    monkeypatch.setattr(Generator, "predict", predict)
    monkeypatch.setattr(provider_module, "granted_cores", lambda: 1)  # one after the other
    return asked


def interrupt(monkeypatch: pytest.MonkeyPatch, folder: Path, sample: int) -> Result:
    """Run until the disk is full at a sample of MANY."""
    real = make_module.write_sample

    def full(folder: Path, motion: Any, *rest: Any, **values: Any) -> Any:
        if motion.sample == sample:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(folder, motion, *rest, **values)

    with monkeypatch.context() as patch:
        patch.setattr(make_module, "write_sample", full)
        return run(folder)


def test_a_job_goes_on_at_the_sample_where_it_was_interrupted(
    tmp_path: Path, many: Path, predicted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jobs(tmp_path, MANY)
    out = tmp_path / "out"
    assert "4 of 6 motions made and kept" in one_line(interrupt(monkeypatch, tmp_path, 4))
    assert not (out / "many").exists()  # a job is whole or not there
    job = out / UNFINISHED / "many" / "job"
    (job / ".sample_004.abcd1234.partial").mkdir()
    (job / "sample_001" / "motion.npz").write_bytes(b"PK")  # a power cut
    (job / "sample_003" / "run.json").unlink()
    (out / UNFINISHED / "many" / "sample_002.json").write_text("{", encoding="utf-8")
    predicted.clear()
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert sorted(predicted) == [1, 2, 3, 4, 5]
    assert "1 motion of unfinished jobs kept from before\n1 of 1 job made\n5 motions in" in result.stdout
    assert bytes_below(out) == bytes_below(many)
    assert {path.name for path in out.iterdir()} == {"many", "index.jsonl"}


def test_a_run_that_ends_between_the_last_sample_and_the_job_only_completes_it(
    tmp_path: Path, many: Path, predicted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jobs(tmp_path, MANY)

    def broken(complete: Path, folder: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr("motion_runtime.jobs.unfinished.swap_folder", broken)
        assert "6 of 6 motions made and kept" in one_line(run(tmp_path))
    predicted.clear()
    result = run(tmp_path, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["made"], said["motions"], said["motions_kept"]) == (1, 0, 6)
    assert predicted == []
    assert bytes_below(tmp_path / "out") == bytes_below(many)


def test_samples_of_a_job_made_otherwise_are_not_thrown_away_unless_told(
    tmp_path: Path, many: Path, predicted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jobs(tmp_path, MANY)
    interrupt(monkeypatch, tmp_path, 4)
    write_jobs(tmp_path, {**MANY, "steps": 1})
    assert "as it was made before, got another 'steps'" in one_line(run(tmp_path))
    write_jobs(tmp_path, MANY)
    predicted.clear()
    assert run(tmp_path).exit_code == 0
    assert predicted == [4, 5]
    assert bytes_below(tmp_path / "out") == bytes_below(many)
    shutil.rmtree(tmp_path / "out")
    interrupt(monkeypatch, tmp_path, 4)
    write_jobs(tmp_path, {**MANY, "steps": 1})
    predicted.clear()
    assert run(tmp_path, "--overwrite").exit_code == 0
    assert predicted == [0, 1, 2, 3, 4, 5]
    assert not (tmp_path / "out" / UNFINISHED).exists()


def test_of_a_job_that_fails_no_sample_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jobs(tmp_path, MANY, JOBS[2])
    real = Generator.predict

    def predict(self: Generator, request: GenerationRequest, progress: Any = None) -> Any:
        if request.sample == 3:
            raise BundleError("expected numbers, got NaN")
        return real(self, request, progress)

    monkeypatch.setattr(Generator, "predict", predict)
    result = run(tmp_path)
    assert result.exit_code == 2
    assert result.stderr.count("failed: line 1, many") == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"long", "index.jsonl"}


def test_killed_in_the_middle_of_a_job_it_goes_on_with_the_same_bytes(tmp_path: Path, many: Path) -> None:
    write_jobs(tmp_path, MANY)
    program = [sys.executable, "-c", "from motion_runtime.cli import main; main()"]
    command = [*program, *FIXED, "--jobs", str(tmp_path / "jobs.jsonl"), "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list((tmp_path / "out").glob(f"{UNFINISHED}/many/sample_*.json")):
            time.sleep(0.002)
        process.kill()
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert bytes_below(tmp_path / "out") == bytes_below(many)


def test_ctrl_c_says_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jobs(tmp_path, *({"prompt": "walks", "seconds": 0.5, "seed": number} for number in range(3)))
    real = make_module.make_jobs

    def interrupted(*given: Any) -> Any:
        with closing(real(*given)) as made:  # which finishes what is under way
            yield next(made)
            raise KeyboardInterrupt

    monkeypatch.setattr(command_module, "make_jobs", interrupted)
    result = run(tmp_path)
    assert result.exit_code == 130
    there = len((tmp_path / "out" / "index.jsonl").read_text().splitlines())
    assert 1 <= there <= 3
    told = f"error: interrupted, {there} of 3 motions made and kept, the same command goes on from there"
    assert one_line(result) == told


def test_a_bad_line_stops_everything_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "broken.ply").write_text("no scene", encoding="utf-8")
    write_jobs(
        tmp_path,
        {"prompt": "walks", "seconds": 1},
        {"prompt": "walks", "sampler": "euler"},
        {"prompt": "walks", "seconds": 1, "person": "cat"},
        {"prompt": "walks", "seconds": 1, "person": ["staff"] * 9},
        {"prompt": "walks", "seconds": 1, "steps": 5000},
        {"prompt": "walks", "seconds": 1, "scene": "no.ply"},
        {"prompt": "walks", "seconds": 1, "scene": "broken.ply"},
        {"prompt": "walks", "seconds": 1, "keyframes": "no.npz"},
        {"prompt": "walks", "seconds": float("nan")},
        {"prompt": "walks", "seconds": 1, "path": "9:1,1"},
        {"prompt": "walks", "seconds": 1, "goal": "chair"},
        {"prompt": "walks", "seconds": 1, "goal": "piano", "scene": os.path.relpath(WARD, tmp_path)},
        {"prompt": "walks", "seconds": 1, "path": "0:50,50", "scene": os.path.relpath(WARD, tmp_path)},
        {"prompt": "walks", "seconds": 1, "start": [99, 99], "scene": os.path.relpath(WARD, tmp_path)},
        {"prompt": "walks", "seconds": 1, "start": [1, 1], "path": "0:0,0 0.5:1,0"},
    )
    result = run(tmp_path)
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == [f"line {number}" for number in range(2, 16)]
    for line, words in zip(lines, ("'euler'", "'cat'", "persons", "5000", "no.ply", "broken.ply", "no.npz", "nan",
                                   "9 s", "a room for the goal", "'piano'", "places inside the room",
                                   "a start inside the room", "the start that the edits have"),
                           strict=False):  # fmt: skip
        assert words in line
    assert "got 14 bad lines (line 2 is the first)" in one_line(result)
    assert not (tmp_path / "out").exists()


def test_a_dry_run_checks_and_makes_nothing(tmp_path: Path) -> None:
    write_jobs(tmp_path, *JOBS, {"prompt": "walks", "seconds": 1.5, "num_samples": 3})
    result = run(tmp_path, "--dry-run")
    assert result.exit_code == 0, result.output
    seconds = sum(job["seconds"] * job.get("num_samples", 1) for job in JOBS) + 4.5
    motions = sum(job.get("num_samples", 1) for job in JOBS) + 3
    told = f"{len(JOBS) + 1} jobs, {motions} motions, {seconds:g} s in all; every line is good, nothing was made\n"
    assert result.stdout == told
    assert not (tmp_path / "out").exists()
    write_jobs(tmp_path, {"prompt": "walks", "seconds": 1, "goal": "chair"})
    assert run(tmp_path, "--dry-run").exit_code == 2


def test_a_dry_run_says_how_prompts_are_read_where_that_differs(tmp_path: Path) -> None:
    write_jobs(
        tmp_path,
        {"prompt": "a person keels over", "seconds": 1},
        {"prompt": "a person walks", "seconds": 1},
        {"prompt": ["a person keels over", "a person walks"], "seconds": 1},
        {"prompt": "a person keels over", "seconds": 1, "plain": False},
    )
    told = run(tmp_path, "--dry-run").stdout
    assert told.startswith("line 1: a person keels over\n  read as   a person falls to the floor\n4 jobs, 4 motions")
    write_jobs(tmp_path, *({"prompt": f"a person keels over {n} times", "seconds": 1} for n in range(2, 25)))
    assert "\nand 3 prompts more in other words; --verbose shows all\n23 jobs" in run(tmp_path, "--dry-run").stdout


def test_quiet_json_and_verbose_are_as_for_one_motion(tmp_path: Path) -> None:
    ward = os.path.relpath(WARD, tmp_path)
    jobs = [
        {"name": "one", "prompt": "a person keels over", "scene": ward, "seconds": 0.5, "steps": 1, "num_samples": 2},
        {"name": "two", "prompt": ["walks", "waves"], "person": ["staff", "patient"], "seconds": 1, "steps": 1},
    ]
    write_jobs(tmp_path, *jobs)
    planned = json.loads(run(tmp_path, "--dry-run", "--json").stdout)
    assert (planned["motions"], planned["seconds"]) == (3, 2.0)
    first, second = planned["jobs"]
    assert (first["line"], first["name"], first["samples"], first["scene"]) == (1, "one", 2, ward)
    assert first["people"][0]["read_as"] == "a person falls to the floor"
    assert "chair 2" in first["objects"]
    assert [person["class"] for person in second["people"]] == ["staff", "patient"]
    assert run(tmp_path, "--dry-run", "--quiet").stdout == ""
    verbose = run(tmp_path, "--dry-run", "-v").stdout.splitlines()
    assert verbose[0] == "line 1: one"
    assert "  read as   a person falls to the floor" in verbose
    assert any(line.startswith("  person 2  patient") for line in verbose[verbose.index("line 2: two") :])
    assert verbose[-1].startswith("2 jobs, 3 motions")
    assert not (tmp_path / "out").exists()

    made = run(tmp_path, "--formats", "npz", "--json")
    assert made.exit_code == 0, made.output
    assert made.stderr == ""
    said = json.loads(made.stdout)
    assert (said["jobs"], said["made"], said["from_before"], said["failed"], said["motions"]) == (2, 2, 0, [], 3)
    assert said["provider"] == {"name": "cpu", "precision": "fp32"}
    assert len(Path(said["index"]).read_text(encoding="utf-8").splitlines()) == 3
    quiet = run(tmp_path, "--formats", "npz", "-q")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")


def test_json_names_the_jobs_that_failed(tmp_path: Path, failing: None) -> None:
    write_jobs(tmp_path, *JOBS)
    result = run(tmp_path, "--json")
    assert result.exit_code == 2
    said = json.loads(result.stdout)
    assert said["made"] == 2
    assert [(row["line"], row["name"]) for row in said["failed"]] == [(2, "short")]
    assert said["failed"][0]["error"] in result.stderr


def test_pictures_of_jobs_are_of_sticks_where_that_is_asked(tmp_path: Path) -> None:
    write_jobs(tmp_path, {"name": "one", "prompt": "walks", "seconds": 0.5, "steps": 1})
    for style in ("body", "stick"):
        assert run(tmp_path, "--formats", "npz", "--preview", style, out=style).exit_code == 0
    sheets = [tmp_path / style / "one" / "sample_000" / "contact_sheet.png" for style in ("body", "stick")]
    assert sheets[0].read_bytes() != sheets[1].read_bytes()
    assert run(tmp_path, "--formats", "npz", "--preview", "stick", out="stick").stdout.startswith("0 of 1 job made")
    refused = run(tmp_path, "--formats", "npz", "--preview", "body", out="stick")
    assert "another 'preview'" in one_line(refused)


def test_thousands_of_bad_lines_do_not_fill_the_screen(tmp_path: Path) -> None:
    write_jobs(tmp_path, *({"prompt": 1} for _ in range(100)))
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "and 80 more" in result.stderr
    assert len(result.stderr.splitlines()) == 22


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network fails for the job 'short'."""
    real = Generator.predict

    def predict(self: Generator, request: GenerationRequest, progress: Any = None) -> Any:
        if request.seed == 2:
            raise BundleError("expected numbers, got NaN")
        return real(self, request, progress)

    monkeypatch.setattr(Generator, "predict", predict)


@pytest.mark.usefixtures("failing")
def test_a_job_that_fails_is_reported_and_skipped(tmp_path: Path, finished: Path) -> None:
    write_jobs(tmp_path, *JOBS)
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "failed: line 2, short: expected numbers, got NaN" in result.stderr
    assert "got 1 that failed (line 2 is the first)" in one_line(result)
    assert "2 of 3 jobs made" in result.stdout
    rows = (tmp_path / "out" / "index.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["job"] for row in rows] == ["pair", "long"]
    assert not (tmp_path / "out" / "short").exists()


@pytest.mark.usefixtures("failing")
def test_it_can_be_told_to_stop_at_a_failure(tmp_path: Path) -> None:
    write_jobs(tmp_path, *JOBS)
    before = set(threading.enumerate())
    result = run(tmp_path, "--stop-on-failure")
    assert result.exit_code == 2
    assert "the same command goes on from there" in one_line(result)
    assert not (tmp_path / "out" / "short").exists()
    assert set(threading.enumerate()) <= before  # nobody makes the next ones, which the index would not have


def test_a_full_disk_in_the_middle_loses_nothing(
    tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jobs(tmp_path, *JOBS)
    real = make_module.write_sample

    def full(folder: Path, motion: Any, *rest: Any, **values: Any) -> Any:
        if motion.seed == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(folder, motion, *rest, **values)

    with monkeypatch.context() as patch:
        patch.setattr(make_module, "write_sample", full)
        result = run(tmp_path)
    assert result.exit_code == OutputError.exit_code
    line = one_line(result)
    assert "No space left on device" in line
    there = len(list((tmp_path / "out").rglob("motion.npz")))
    assert f"{there} of 4 motions made and kept, the same command goes on from there" in line
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names <= {"short", "pair", "index.jsonl", UNFINISHED, LOCK_FILE}
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert bytes_below(tmp_path / "out") == bytes_below(finished)


@pytest.mark.parametrize("cores", [1, 4])
def test_the_bytes_do_not_depend_on_the_number_of_cores(
    tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    write_jobs(tmp_path, *JOBS)
    monkeypatch.setattr("motion_runtime.backends.provider.granted_cores", lambda: cores)
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert bytes_below(tmp_path / "out") == bytes_below(finished)


def test_on_a_device_the_network_is_run_by_one_thread(
    tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider of another name takes the way that feeds one device: same motions, predicted where it was asked."""
    write_jobs(tmp_path, *JOBS)
    monkeypatch.setattr(make_module, "CPU", "not this one")
    callers: set[int] = set()
    real = Generator.predict

    def predict(self: Generator, *arguments: Any) -> Any:
        callers.add(threading.get_ident())
        return real(self, *arguments)

    monkeypatch.setattr(Generator, "predict", predict)
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert callers == {threading.get_ident()}
    for path in finished.rglob("motion.npz"):
        ours = read_motion(tmp_path / "out" / path.relative_to(finished))
        np.testing.assert_allclose(ours.joints_m, read_motion(path).joints_m, atol=1e-5)


def test_two_runs_into_one_folder_are_refused(tmp_path: Path) -> None:
    write_jobs(tmp_path, *JOBS)
    (tmp_path / "out").mkdir()
    holder = (
        "import sys, time; from pathlib import Path; from motion_runtime.jobs.lock import only_run\n"
        "with only_run(Path(sys.argv[1])):\n    print('in', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", holder, str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        result = run(tmp_path)
        process.kill()
    assert result.exit_code == OutputError.exit_code
    assert f"in use by process {process.pid} on " in one_line(result)
    with only_run(tmp_path / "out"):  # the dead process holds nothing
        assert (tmp_path / "out" / LOCK_FILE).read_text(encoding="utf-8").startswith(f"{os.getpid()} on ")
    assert not (tmp_path / "out" / LOCK_FILE).exists()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_run_that_has_opened_a_lock_which_is_then_removed_takes_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would hold the lock of a file that nobody can see, beside a third run with the one of that name."""
    path, opened, real = tmp_path / LOCK_FILE, [], os.open

    def open_and_lose(*arguments: Any) -> int:
        handle = real(*arguments)
        if not opened:
            path.unlink()  # the run before ends now
        opened.append(handle)
        return handle

    monkeypatch.setattr(os, "open", open_and_lose)
    with only_run(tmp_path):
        assert len(opened) == 2
        assert path.read_text(encoding="utf-8").startswith(f"{os.getpid()} on ")


def test_a_job_made_otherwise_is_not_replaced_unless_told(tmp_path: Path, finished: Path) -> None:
    write_jobs(tmp_path, *JOBS[:1])
    assert run(tmp_path).exit_code == 0
    write_jobs(tmp_path, {**JOBS[0], "seed": 9})
    result = run(tmp_path)
    assert result.exit_code == OutputError.exit_code
    assert "as it was made before, got another 'seed'" in one_line(result)
    assert bytes_below(tmp_path / "out" / "pair") == bytes_below(finished / "pair")
    assert run(tmp_path, "--overwrite").exit_code == 0
    assert read_motion(tmp_path / "out" / "pair" / "sample_000" / "motion.npz").seed == 9


def test_formats_that_are_added_later_are_said_to_be_converted(tmp_path: Path, finished: Path) -> None:
    write_jobs(tmp_path, *JOBS)
    shutil.copytree(finished, tmp_path / "my out")
    result = run(tmp_path, "--formats", "npz,bvh,omnifall,coco", out="my out")
    assert result.exit_code == OutputError.exit_code
    line = one_line(result)
    assert "another 'formats'" in line
    said = line.partition("take --overwrite, or write them beside: ")[2]
    program, *arguments = shlex.split(said)
    assert program == "motion-convert"
    assert CliRunner().invoke(convert, arguments).exit_code == 0
    place = tmp_path / "my out_omnifall_coco"
    names = {f"{name}/{file}" for name in ("pair/sample_000", "short/sample_000", "short/sample_001", "long/sample_000")
             for file in ("omnifall.csv", "coco17.npz")}  # fmt: skip
    assert {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()} == names
    line = one_line(run(tmp_path, "--formats", "npz", out="my out"))
    assert line.endswith("name the formats that they were made in: --formats npz,bvh")


def test_cameras_of_a_job_are_named_where_what_they_see_is_added(tmp_path: Path) -> None:
    camera = {"name": "door", "width": 640, "height": 480, "fov_deg": 80, "position": [3, 0, 2], "look_at": [0, 0, 1]}
    (tmp_path / "cameras.json").write_text(json.dumps({"cameras": [camera]}), encoding="utf-8")
    made = {"name": "one", "prompt": "walks", "seconds": 0.5, "steps": 1, "cameras": "cameras.json"}
    write_jobs(tmp_path, made)
    assert run(tmp_path, "--formats", "ava").exit_code == 0
    line = one_line(run(tmp_path, "--formats", "ava,coco-2d"))
    assert f"--to coco-2d --cameras {tmp_path / 'cameras.json'} --out" in line


def test_somebodys_files_are_never_replaced(tmp_path: Path) -> None:
    write_jobs(tmp_path, JOBS[0])
    (tmp_path / "out" / "pair").mkdir(parents=True)
    (tmp_path / "out" / "pair" / "thesis.txt").write_text("mine", encoding="utf-8")
    result = run(tmp_path, "--overwrite")
    assert result.exit_code == OutputError.exit_code
    assert "move it away" in one_line(result)
    (tmp_path / "out" / "pair" / "job.json").write_text("{}", encoding="utf-8")
    assert "got 'thesis.txt'" in one_line(run(tmp_path, "--overwrite"))
    assert (tmp_path / "out" / "pair" / "thesis.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--jobs", "j.jsonl", "--seconds", "2"), "got --seconds beside --jobs"),
        (("--jobs", "j.jsonl", "--prompt", "walks"), "got --prompt beside --jobs"),
        (("--jobs", "j.jsonl", "--view"), "got --view beside --jobs; leave it away"),
        (("--jobs", "j.jsonl", "--json", "-q"), "one of --json, --quiet and --verbose"),
        ((), "expected --prompt or --jobs, got neither"),
    ],
)
def test_what_belongs_into_the_file_is_refused_beside_it(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert words in one_line(result)


def test_how_far_a_motion_is_from_what_was_asked_is_written_and_warned_of(tmp_path: Path) -> None:
    torn = np.zeros((1, 1, 22, 3))
    torn[0, 0, 20], torn[0, 0, 21] = [3.0, 0, 1], [-3.0, 0, 1]  # hands six metres apart
    mask = np.isin(np.arange(22), (20, 21)).reshape(1, 1, 22)
    np.savez(tmp_path / "torn.npz", times_s=np.array([0.5]), joints_m=torn, joint_mask=mask)
    quick: dict[str, Any] = {"prompt": "walks", "seconds": 1, "steps": 1}
    write_jobs(
        tmp_path,
        quick | {"name": "torn", "keyframes": "torn.npz"},
        quick | {"name": "led", "path": "0:0,0 1:0.5,0"},
        quick,
    )
    result = run(tmp_path, "--formats", "npz")
    assert result.exit_code == 0, result.output
    (warning,) = result.stderr.splitlines()
    assert warning.startswith("warning: line 1, torn: sample_000 misses what was asked of it by up to ")
    rows = [json.loads(line) for line in (tmp_path / "out" / "index.jsonl").read_text().splitlines()]
    infos = [json.loads((tmp_path / "out" / row["folder"] / "run.json").read_text()) for row in rows]
    missed = [row.get("edits_missed_by") for row in rows]
    assert missed == [info.get("edits_missed_by") for info in infos]
    assert missed[0]["position_m"] > 1.0
    assert missed[1]["position_m"] < 0.01
    assert missed[2] is None


def test_one_is_no_plural(tmp_path: Path) -> None:
    write_jobs(tmp_path, {"prompt": "walks", "seconds": 0.5, "steps": 1})
    assert run(tmp_path, "--dry-run").stdout.startswith("1 job, 1 motion, 0.5 s in all; ")
    said = run(tmp_path, "--formats", "npz").stdout
    assert "1 of 1 job made\n1 motion in " in said


def test_the_first_prompts_without_known_words_are_named(tmp_path: Path) -> None:
    words = [*("geht", "stolpert", "winkt", "rennt", "kriecht", "klettert", "tanzt"), "geht", "walks"]
    write_jobs(tmp_path, *({"prompt": word} for word in words))
    result = run(tmp_path, "--dry-run")
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    assert [line for line in lines if "'geht'" in line] == lines[:1]
    assert lines[0].startswith("warning: the prompt of line 1, 'geht', says little in words that the model knows")
    assert lines[-1] == "warning: the same of 2 prompts more"
    assert len(lines) == 6


def test_long_prompts_are_said_to_be_cut_once(tmp_path: Path) -> None:
    prompt = "walks " * 11 + "and sits on the edge of the bed"
    write_jobs(tmp_path, *({"prompt": prompt, "seconds": 0.5, "steps": 1, "seed": seed} for seed in range(3)))
    result = run(tmp_path, "--formats", "npz")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("warning: the prompt of line 1 is cut after") == 1
    assert result.stderr.count("\n") == 1


def test_throughput_is_counted_and_the_rest_estimated_by_work() -> None:
    now = [0.0]
    small, large = (Planned(job(number), (1, 20), 2.0, cost, {}) for number, cost in ((2, 10.0), (1, 30.0)))
    throughput = Throughput(3, 40.0, clock=lambda: now[0])
    assert throughput.left_s is None
    now[0] = 4.0
    throughput.add(small, made=True)
    assert throughput.left_s == pytest.approx(12.0)  # a quarter of the work took 4 s
    assert str(throughput) == "2 of 3 motions, 0.50 motions/s, 1.0 s of motion a second, 12 s left"
    throughput.add(large, made=False)
    assert throughput.left_s == pytest.approx(0.0)
    assert Throughput.of([small, large], {"a": 1}).motions_to_make == 1
    assert Throughput.of([small], {"a": 1}).cost_to_make == 5.0
    assert throughput.motions == 2
    spans = {5: "5 s", 89: "89 s", 120: "2 min", 5399: "1 h 30 min", 12000: "3 h 20 min"}
    assert {seconds: in_time(seconds) for seconds in spans} == spans


def job(samples: int) -> Any:
    from motion_runtime.jobs.fields import Job

    return Job(1, "a", samples, {}, Path())
