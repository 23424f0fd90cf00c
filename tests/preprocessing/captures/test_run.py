"""Runs over many captures: resumed, with bad ones, by several processes; the dataset and the report."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motion_preprocessing.camera_floor import WorldFromCamera
from motion_preprocessing.captures import commands, run
from motion_preprocessing.captures.captures_command import run_captures
from motion_preprocessing.captures.lifting import LiftConfig, LiftedPerson
from motion_preprocessing.captures.results import ROOM_FILE, Result, read_result
from motion_preprocessing.captures.run import Outcome, Task, do_all, tasks_of
from motion_preprocessing.captures.sequences import sequences_of, split_of
from motion_preprocessing.captures.synthetic import SyntheticConfig, synthesise
from motion_preprocessing.captures.walks import move, procedural_walk
from motion_preprocessing.captures.write import write_capture
from motion_preprocessing.cli import cli
from motion_preprocessing.command import Stopped
from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.planes import Plane
from motion_preprocessing.scene import load_scene
from motion_preprocessing.skeleton import FEET, JOINT_COUNT, REST_OFFSETS_M, WORLD_FROM_BODY

pytest.importorskip("pyarrow")
pytest.importorskip("scipy")
CONFIG = LiftConfig()


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good captures and one with malformed JSON between them."""
    folder = tmp_path_factory.mktemp("three")
    config = SyntheticConfig(frames=20, key_frames=2, width=160, height=120, people=(2, 2), pitch_deg=(25.0, 40.0))
    for index in range(2):
        name = f"room_{2 * index}"
        write_capture(folder / "house" / name / "noon", synthesise(config, index), site="house", room=name, time="noon")
    bad = folder / "house" / "room_1" / "noon"
    bad.mkdir(parents=True)
    (bad / "capture.json").write_text("{")
    return folder


@pytest.fixture(scope="module")
def whole(three: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one uninterrupted run makes of them."""
    out = tmp_path_factory.mktemp("whole") / "out"
    run_captures(three, out, workers=0, config=CONFIG, licence="ours", debug_plots=False)
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_dataset_holds_the_people_of_the_good_captures(whole: Path) -> None:
    data = MotionDataset.open(whole / "dataset")
    data.verify()
    assert len(data) == 4
    assert data.fps == 20.0
    assert {record.licence for record in data} == {"ours"}
    assert {record.person_class for record in data} <= {"person", "staff", "patient"}
    for record in data:
        assert record.name.startswith("house_room_")
        assert record.action == "walk"
        assert len(record.captions) >= 2
        assert record.split == split_of(record.source.removeprefix("capture "))
        feet = record.pose[:, :66].reshape(-1, JOINT_COUNT, 3)[:, list(FEET), 2].min(axis=1)
        assert abs(np.median(feet)) < 0.06
    pairs = data.pairs()
    assert len(pairs) == 2
    assert all(len({len(data[index].pose) for index in pair}) == 1 for pair in pairs)


def test_the_report_names_the_bad_capture_and_shows_the_floor(whole: Path) -> None:
    report = (whole / "report.md").read_text()
    [line] = [line for line in report.splitlines() if line.startswith("- house/room_1/noon: expected JSON")]
    assert line.endswith(" for capture.json; run motion-preprocess validate")
    assert line.count("room_1") == 1
    assert "| captures left out | 1 |" in report
    assert "![floor](<captures/house/room_0/noon/floor.png>)" in report
    assert (whole / "captures/house/room_0/noon/floor.png").is_file()
    assert (whole / "reprojection.png").is_file()
    results = [read_result(whole / f"captures/house/room_{index}/noon").figures for index in (0, 2)]
    for words, key in (
        ("both rules", "both_rules"), ("only: nearer to another person", "nearest_only"),
        ("only: given to another person by the optimal assignment", "assignment_only"),
    ):  # fmt: skip
        assert f"| {words} | {sum(figures['poses'][key] for figures in results)} |" in report
    frames = [figures["placing"]["standing_frames"] for figures in results]
    for words, key in (("above", "floating"), ("below", "sinking")):
        before, after = (
            100 * np.average([figures["placing"][f"{key}_{when}"] for figures in results], weights=frames)
            for when in ("before", "after")
        )
        assert f"| more than 5 cm {words} the floor, % | {before:.1f} | {after:.1f} |" in report
    header = MotionDataset.open(whole / "dataset").header
    assert [name for name, _ in header["provenance"]["skipped"]] == ["house/room_1/noon"]


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    three: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    lift = run.lift
    calls: list[str] = []

    def die_second(capture: object, config: LiftConfig) -> object:
        calls.append("lift")
        if len(calls) == 2:
            raise KeyboardInterrupt
        return lift(capture, config)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "lift", die_second)
    with pytest.raises(Stopped, match="interrupted, finished captures are kept"):
        run_captures(three, out, workers=0, config=CONFIG, licence="ours", debug_plots=False)
    assert not (out / "dataset").exists()
    half = out / "captures/house/.room_2.x.partial"
    half.mkdir(parents=True)
    (half / "result.json").write_text("{}")
    run_captures(three, out, workers=0, config=CONFIG, licence="ours", debug_plots=False)
    assert calls == ["lift"] * 3  # the first capture's result was kept
    assert content(out) == content(whole)
    # A third run lifts nothing, and other settings lift all anew.
    run_captures(three, out, workers=0, config=CONFIG, licence="ours", debug_plots=False)
    assert len(calls) == 3
    run_captures(three, out, workers=0, config=replace(CONFIG, smoothing=0.5), licence="ours", debug_plots=False)
    assert len(calls) == 5
    assert content(out)["dataset/frames.arrow"] != content(whole)["dataset/frames.arrow"]


def test_a_changed_file_is_noticed(three: Path, tmp_path: Path) -> None:
    captures = Path(shutil.copytree(three, tmp_path / "in"))
    tasks = tasks_of(captures, tmp_path / "out", CONFIG, debug=False)
    assert [outcome.kept for outcome in do_all(tasks, 0, lambda _: None)] == [False, False, False]
    image = captures / "house/room_0/noon/frames/000000.jpg"
    shutil.copy(captures / "house/room_2/noon/frames/000000.jpg", image)
    (captures / "house/room_2/noon/truth.npz").unlink()  # no part of what a result is made from
    assert [outcome.kept for outcome in do_all(tasks, 0, lambda _: None)] == [False, False, True]


@pytest.mark.slow
def test_one_process_and_two_give_the_same_bytes(three: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        out = tmp_path / str(workers)
        run_captures(three, out, workers=workers, config=CONFIG, licence="ours", debug_plots=False)
    assert content(tmp_path / "1") == content(tmp_path / "2")
    assert len(MotionDataset.open(tmp_path / "1/dataset")) == 4


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_workers_end_with_a_killed_parent_and_the_run_goes_on(three: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "motion_preprocessing.cli", "captures", str(three), str(out), "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        deadline = time.monotonic() + 120
        while not list(out.rglob("result.json")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        # The workers hold the pipe's other end: its end is theirs.
        assert process.stdout is not None
        process.stdout.read()
    assert not (out / "dataset").exists()
    run_captures(three, out, workers=1, config=CONFIG, licence="unstated", debug_plots=False)
    run_captures(three, tmp_path / "whole", workers=1, config=CONFIG, licence="unstated", debug_plots=False)
    assert content(out) == content(tmp_path / "whole")


def test_a_bug_in_one_capture_ends_no_run(three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(capture: object, config: LiftConfig) -> object:
        raise ZeroDivisionError("strange")

    monkeypatch.setattr(run, "lift", fail)
    outcomes = do_all(tasks_of(three, tmp_path / "out", CONFIG, debug=False), 0, lambda _: None)
    assert [outcome.message for outcome in outcomes][::2] == ["unexpected ZeroDivisionError: strange"] * 2
    with pytest.raises(InputError, match="expected at least one usable capture, got none of 3"):
        run_captures(three, tmp_path / "out", workers=0, config=CONFIG, licence="", debug_plots=False)
    assert "ZeroDivisionError" in (tmp_path / "out/report.md").read_text()


def test_a_request_to_stop_is_no_fault_of_a_capture(
    three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(capture: object, config: LiftConfig) -> object:
        raise Stopped(signal.SIGTERM)

    monkeypatch.setattr(run, "lift", stop)
    with pytest.raises(Stopped, match="the same command goes on from there") as caught:
        run_captures(three, tmp_path / "out", workers=0, config=CONFIG, licence="", debug_plots=False)
    assert caught.value.number == signal.SIGTERM


def test_a_full_disk_ends_the_run(three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OutputError("no space")

    monkeypatch.setattr(run, "write_result", full)
    with pytest.raises(OutputError, match="no space"):
        do_all(tasks_of(three, tmp_path / "out", CONFIG, debug=False), 0, lambda _: None)


def test_a_dying_process_is_tried_again_and_then_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [Task(Path(f"c{i}"), Path("r"), CONFIG, False, False) for i in range(5)]
    deadly = tasks[2].folder

    def pool(left: list[Task], workers: int, open_tasks: list[Task]) -> object:
        for at in range(0, len(left), workers):
            group = left[at : at + workers]
            if any(task.folder == deadly for task in group):
                open_tasks += group
                return
            for task in group:
                yield Outcome(task.folder, task.result)

    monkeypatch.setattr(run, "_pool", pool)
    outcomes = do_all(tasks, 2, lambda _: None)
    assert [outcome.result is None for outcome in outcomes] == [False, False, True, False, False]
    assert "died twice" in outcomes[2].message


def test_two_captures_of_one_name_do_not_meet_in_the_dataset(three: Path, tmp_path: Path) -> None:
    captures = Path(shutil.copytree(three, tmp_path / "in"))
    shutil.copytree(captures / "house/room_0", captures / "house/room_9")
    run_captures(captures, tmp_path / "out", workers=0, config=CONFIG, licence="", debug_plots=False)
    assert len(MotionDataset.open(tmp_path / "out/dataset")) == 4
    assert "expected unique names, got house/room_0/noon twice" in (tmp_path / "out/report.md").read_text()


def test_the_command_writes_all_pictures_on_request(three: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["captures", str(three), str(tmp_path / "out"), "--debug-plots"])
    assert result.exit_code == 0, result.output
    assert "4 sequences of 2 captures" in result.output
    assert "skipped" in result.output
    assert "\u2501" not in result.stderr  # bars are for terminals
    names = {path.name for path in (tmp_path / "out/captures/house/room_0/noon").glob("*.png")}
    assert names == {"floor.png", "depth.png", "cloud.png", "overlay_000000.png", "overlay_000019.png"}
    damaged = tmp_path / "out/captures/house/room_0/noon"
    (damaged / "result.npz").write_bytes(b"")
    with pytest.raises(InputError, match="expected a result"):
        read_result(damaged)


def person(first: int, count: int, track: int, scale: float = 1.0) -> LiftedPerson:
    rotations = np.broadcast_to(np.eye(3), (count, JOINT_COUNT, 3, 3)).copy()
    rotations[:, 0] = WORLD_FROM_BODY
    root = np.zeros((count, 3))
    root[:, 0] = 0.1 * np.arange(count)
    legs, _ = forward_kinematics(rotations, root)
    root[:, 2] = -scale * np.asarray(legs)[:, list(FEET), 2].min(axis=1)
    return LiftedPerson(track, "staff", ("Walk",) * count, first, np.ones(count, bool), rotations, root, scale)


def test_people_seen_together_share_their_frames_and_others_stand_alone() -> None:
    people = (person(0, 40, 1), person(4, 38, 2), person(30, 12, 3))
    result = Result("a/b/c", 10.0, people, np.zeros(0), np.zeros(0, bool), {}, ())
    first, second, third = sequences_of(result, fps=20.0, licence="x")
    assert first.pair == second.pair != ""
    assert third.pair == ""
    assert len(first.root_position_m) == len(second.root_position_m) == 2 * 35 + 1  # frames 4 to 39
    # Frame 4 of the first is frame 0 of the second.
    np.testing.assert_allclose(first.root_position_m[0, 0], 0.4, atol=1e-6)
    np.testing.assert_allclose(second.root_position_m[0, 0], 0.0, atol=1e-6)
    assert len({first.name, second.name, third.name}) == 3
    assert first.label == "Walk"
    assert first.person_class == "staff"


@pytest.mark.parametrize("scale", [0.9, 1.12])
def test_standing_feet_of_a_body_of_another_size_stand_still(scale: float) -> None:
    walk = procedural_walk(np.random.default_rng(1), 60, 10.0)
    moved = move(walk, 0.4, np.array([3.0, 2.0]), scale)
    walker = replace(person(0, 60, 1, scale), local_rotations=moved.local_rotations,
                     root_position_m=moved.root_position_m)  # fmt: skip
    (sequence,) = sequences_of(
        Result("a/b/c", 10.0, (walker,), np.zeros(0), np.zeros(0, bool), {}, ()), fps=10.0, licence="x"
    )
    room, _ = forward_kinematics(moved.local_rotations, moved.root_position_m, scale * REST_OFFSETS_M)
    written, _ = forward_kinematics(sequence.local_rotations, sequence.root_position_m)
    assert sequence.body_scale == scale
    # All of it is resized about one point of the floor, the one below the mean place.
    centre = np.append(moved.root_position_m[:, :2].mean(axis=0), 0.0)
    np.testing.assert_allclose(written, centre + (room - centre) / scale, atol=1e-5)
    np.testing.assert_allclose(sequence.root_position_m[:, :2].mean(axis=0), centre[:2], atol=1e-5)
    feet_room, feet = (np.asarray(joints)[:, list(FEET)] for joints in (room, written))
    np.testing.assert_allclose(feet[..., 2].min(axis=1), 0.0, atol=1e-5)
    speeds = [10 * np.linalg.norm(np.diff(f, axis=0), axis=-1) for f in (feet_room, feet)]
    stands = (speeds[0] < 0.15) & (feet_room[1:, :, 2] < 0.02)
    assert stands.sum() > 20
    # The pelvis moves on above them: resizing the height alone would let the feet slide with it.
    assert np.median(np.linalg.norm(np.diff(walk.root_position_m, axis=0), axis=-1)) * 10 > 0.3
    np.testing.assert_allclose(speeds[1][stands], speeds[0][stands] / scale, atol=1e-4)


def test_a_sequence_stands_in_the_room_that_it_names(three: Path, whole: Path) -> None:
    data = MotionDataset.open(whole / "dataset")
    seen = set()
    for record in data:
        name = record.source.removeprefix("capture ")
        assert record.scene == f"scenes/{name}.ply"
        file = data.scene_file(record)
        assert file is not None
        assert file.read_bytes() == (whole / "captures" / name / ROOM_FILE).read_bytes()
        scene = load_scene(file, up="z", units="m")
        # The file lies in the world of the motion: loading it again hardly moves it.
        np.testing.assert_allclose(scene.world_from_file, np.eye(4), atol=0.03)
        floor = scene.points_m[scene.labelled(frozenset({"floor"}))]
        assert abs(np.median(floor[:, 2])) < 0.03
        joints = record.pose[:, :66].reshape(-1, JOINT_COUNT, 3)
        low, high = np.percentile(scene.points_m[:, :2], [0.5, 99.5], axis=0)
        assert (joints[..., :2] > low - 0.1).all()
        assert (joints[..., :2] < high + 0.1).all()
        feet = joints[:, list(FEET)]
        assert abs(np.median(feet[..., 2].min(axis=1)) - np.median(floor[:, 2])) < 0.06
        # In the room's frame people stand where their truth says.
        capture = three / name
        with np.load(capture / "truth.npz") as truth:
            track = int(record.subject.rsplit("_p", 1)[1])
            index = truth["track_ids"].tolist().index(track)
            to_room = WorldFromCamera.from_floor(Plane(truth["floor_normal"], float(truth["floor_offset"]))).matrix
            to_room = to_room @ np.linalg.inv(truth["world_from_camera"])
            root = truth["root_position_m"][index] @ to_room[:3, :3].T + to_room[:3, 3]
        assert np.linalg.norm(joints[:, 0].mean(axis=0) - root.mean(axis=0)) < 0.25
        seen.add(record.scene)
    assert len(seen) == 2


def test_a_room_keeps_to_one_split() -> None:
    assert split_of("a/b/monday") == split_of("a/b/tuesday")
    splits = [split_of(f"site/room_{i}/t") for i in range(400)]
    assert 0.7 < splits.count("train") / 400 < 0.9
    assert splits.count("validation") > 20
    assert splits.count("test") > 20


def test_stopping_a_synthesis_says_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "synthesise_of_set", stop)
    with pytest.raises(Stopped, match="interrupted, finished captures are kept"):
        commands.run_synthesise(tmp_path, captures=2, seed=0, motions=None, config=SyntheticConfig())
