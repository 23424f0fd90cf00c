"""`motion-run` as a user meets it: what it writes, and how it refuses bad input, in process and as a real program."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from motion_preprocessing import scene as scene_module
from motion_preprocessing.floor import UNITS as FLOOR_UNITS
from motion_preprocessing.floor import UP_AXES
from motion_preprocessing.labels import DEFAULT_LABELS
from motion_preprocessing.metrics import evaluate_motion
from motion_preprocessing.ply import read_ply, write_ply
from motion_preprocessing.scene import load_scene, object_points
from motion_runtime import room_view as room_view_module
from motion_runtime.cli import UNITS, UP, main
from motion_runtime.writer import read_motion

TOY = Path(__file__).with_name("toy_bundle")
WARD = Path(__file__).parents[2] / "examples" / "ward.ply"
PROGRAM = (sys.executable, "-c", "from motion_runtime.cli import main; main()")
QUICK = ("--bundle", str(TOY), "--provider", "cpu", "--seconds", "1", "--no-preview")


def run(*arguments: str) -> Result:
    """Run in process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def launch(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run as a program."""
    command = [*PROGRAM, *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_writes_a_folder_a_sample_and_says_how_to_look_at_it(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    result = run(
        "--bundle", TOY, "--provider", "cpu", "--scene", WARD, "--seconds", "1.5", "--num-samples", "2", "--seed", "4",
        "--prompt", "walks forward", "--prompt", "waves", "--person", "staff", "--person", "patient", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stderr == ""  # no bar where there is no terminal
    names = {"motion.npz", "person_0.bvh", "person_1.bvh", "preview.gif", "contact_sheet.png", "run.json"}
    for sample in ("sample_000", "sample_001"):
        assert {path.name for path in (out / sample).iterdir()} == names
    assert str(out / "sample_000" / "preview.gif") in result.stdout
    assert "wrote 2 motions" in result.stdout

    motion = read_motion(out / "sample_001" / "motion.npz")
    assert motion.joints_m.shape == (2, 30, 22, 3)
    assert motion.prompts == ("walks forward", "waves")
    assert motion.person_classes == ("staff", "patient")
    info = json.loads((out / "sample_001" / "run.json").read_text(encoding="utf-8"))
    assert info["request"]["seed"] == 4
    assert info["request"]["sample"] == 1
    assert info["request"]["scene"] == str(WARD)
    assert info["provider"]["name"] == "cpu"
    assert len(info["bundle"]["sha256"]) == 64
    assert info["timings_s"]["generate"] > 0
    assert info["metrics"]["bone_drift_worst_percent"] < 0.01
    scene = load_scene(WARD)
    measured = evaluate_motion(
        motion.joints_m, motion.fps, object_points(scene)[0], local_rotations=motion.local_rotations,
        wall_points=scene.wall_points_m,
    )  # fmt: skip
    assert info["metrics"] == json.loads(json.dumps(measured.as_dict()))
    np.testing.assert_allclose(info["request"]["start_m"], motion.room_from_canonical[:2, 3], atol=1e-4)


def test_words_that_the_model_does_not_know_are_warned_about_once(tmp_path: Path) -> None:
    result = run(*QUICK, "--prompt", "Jemand stolpert", "--prompt", "Jemand stolpert", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("warning: the prompt 'Jemand stolpert' says little in words that the model knows")
    assert "in plain English" in line


def test_a_prompt_longer_than_the_context_is_cut_with_a_warning(tmp_path: Path) -> None:
    read = "walks " * 11 + "and sits"
    result = run(*QUICK, "--prompt", "waves", "--prompt", f"{read} on the edge of the bed", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    info = json.loads((tmp_path / "out" / "sample_000" / "run.json").read_text(encoding="utf-8"))
    short, left_out = info["request"]["prompts_left_out"]
    assert short == ""
    assert f"{read} on the edge of the bed".endswith(left_out)
    assert result.stderr.startswith("warning: the prompt is cut after '...")
    assert result.stderr.count("\n") == 1
    assert f"'{left_out[:40]}..." in result.stderr


@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("4", "4")])
def test_numpys_products_get_one_thread_unless_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, expected: str
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", given or "")
    if given is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    run("--dry-run", "--out", str(tmp_path / "out"))
    assert os.environ["OPENBLAS_NUM_THREADS"] == expected


def test_a_plan_without_a_room_has_no_free_floor(tmp_path: Path) -> None:
    plans = [run(*QUICK, "--prompt", "walks", "--dry-run", *more, "--out", tmp_path / "out").stdout
             for more in ((), ("--start", "1,2"), ("--scene", WARD))]  # fmt: skip
    starts = [[line for line in plan.splitlines() if line.startswith("  start ")] for plan in plans]
    assert starts == [[], ["  start     1,2"], ["  start     chosen on the free floor for every sample"]]


def test_the_command_line_is_read_without_numpy() -> None:
    """Else what is set for numpy would come too late."""
    code = "import sys, motion_runtime.cli; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_pictures_nothing_points_to_them(tmp_path: Path) -> None:
    result = run(*QUICK, "--prompt", "walks", "--out", tmp_path / "out")
    assert "preview.gif" not in result.stdout
    assert str(tmp_path / "out" / "sample_000" / "person_0.bvh") in result.stdout.splitlines()[-1]


def test_a_file_of_another_frame_is_turned_as_told(tmp_path: Path) -> None:
    """The example room, y up and in inches, its labels numbered by another table."""
    columns = dict(read_ply(WARD).properties)
    x, y, z = (columns[axis].astype(np.float32) / np.float32(0.0254) for axis in "xyz")
    columns.update(x=x, y=z, z=-y, label=(columns["label"] + np.uint8(100)).astype(np.uint8))
    write_ply(tmp_path / "scan.ply", columns)
    table = {100 + number: name for number, name in DEFAULT_LABELS.items()}
    (tmp_path / "table.json").write_text(json.dumps(table), encoding="utf-8")
    scene = ("--scene", tmp_path / "scan.ply", "--prompt", "walks", "--start", "2,2", "--heading", "0")
    refused = run(*QUICK, *scene, "--out", tmp_path / "a")
    assert refused.exit_code == 2
    assert_one_line(refused.stderr, "--labels")
    told = ("--up", "y", "--units", "in", "--labels", tmp_path / "table.json")
    assert run(*QUICK, *scene, *told, "--out", tmp_path / "b").exit_code == 0
    same = ("--scene", WARD, *scene[2:])
    assert run(*QUICK, *same, "--out", tmp_path / "c").exit_code == 0
    turned, straight = (read_motion(tmp_path / out / "sample_000" / "motion.npz") for out in "bc")
    # The floors that are fitted differ by a millimetre or so, the objects around the start by as much.
    np.testing.assert_allclose(turned.joints_m, straight.joints_m, atol=0.05)
    ignored = run(*QUICK, *scene, "--up", "y", "--units", "in", "--labels", "ignore", "--out", tmp_path / "d")
    assert ignored.exit_code == 0, ignored.output


def test_the_choices_are_those_of_the_scene_reader() -> None:
    assert ("auto", *UP_AXES) == UP
    assert ("auto", *FLOOR_UNITS) == UNITS


def test_rooms_are_worked_out_once_for_all_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def count(module: Any, name: str) -> None:
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda scene: (calls.append(name), real(scene))[1])

    count(scene_module, "_object_points")
    count(room_view_module, "_view_of")
    result = run(
        "--bundle", TOY, "--provider", "cpu", "--seconds", "0.5", "--scene", WARD, "--num-samples", "2",
        "--prompt", "walks", "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert sorted(calls) == ["_object_points", "_view_of"]


def test_start_heading_and_sampling_options_are_used(tmp_path: Path) -> None:
    result = run(
        *QUICK, "--prompt", "walks", "--start", "1.5,-2", "--heading", "90", "--sampler", "ddim", "--steps", "3",
        "--guidance", "1.5", "--out", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    motion = read_motion(tmp_path / "out" / "sample_000" / "motion.npz")
    assert (motion.sampler, motion.steps, motion.guidance) == ("ddim", 3, 1.5)
    np.testing.assert_allclose(motion.room_from_canonical[:2], [[0, -1, 0, 1.5], [1, 0, 0, -2]], atol=1e-12)


@pytest.mark.parametrize("prompt", ["walks 🚶 and waves 👋", "👍", "geht vorwärts, 走る"])
def test_emoji_and_other_scripts_are_prompts(tmp_path: Path, prompt: str) -> None:
    result = run(*QUICK, "--prompt", prompt, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert read_motion(tmp_path / "out" / "sample_000" / "motion.npz").prompts == (prompt,)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    common = ("--bundle", TOY, "--provider", "cpu", "--seconds", "1", "--scene", WARD, "--prompt", "walks")
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        done = launch(*common, "--seed", seed, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr

    def content(name: str, file: str) -> bytes:
        return (tmp_path / name / "sample_000" / file).read_bytes()

    for file in ("motion.npz", "person_0.bvh", "preview.gif", "contact_sheet.png"):
        assert content("a", file) == content("b", file), file
        assert content("a", file) != content("c", file), file


def test_overwrite_replaces_earlier_samples_only_when_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(*QUICK, "--prompt", "walks", "--num-samples", "2", "--out", out).exit_code == 0
    before = (out / "sample_000" / "motion.npz").read_bytes()
    refused = run(*QUICK, "--prompt", "waves", "--out", out)
    assert refused.exit_code == 7
    assert "--overwrite" in refused.stderr
    assert (out / "sample_000" / "motion.npz").read_bytes() == before
    assert run(*QUICK, "--prompt", "waves", "--overwrite", "--out", out).exit_code == 0
    assert [path.name for path in out.iterdir()] == ["sample_000"]
    assert (out / "sample_000" / "motion.npz").read_bytes() != before


def test_an_empty_folder_may_be_the_output(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert run(*QUICK, "--prompt", "walks", "--out", out).exit_code == 0


@pytest.mark.parametrize("foreign", ["thesis.docx", "sample_000/thesis.docx"])
def test_overwrite_never_removes_what_it_did_not_write(tmp_path: Path, foreign: str) -> None:
    out = tmp_path / "out"
    assert run(*QUICK, "--prompt", "walks", "--out", out).exit_code == 0
    (out / foreign).write_text("years of work", encoding="utf-8")
    result = run(*QUICK, "--prompt", "walks", "--overwrite", "--out", out)
    assert result.exit_code == 7
    assert (out / foreign).read_text(encoding="utf-8") == "years of work"


def test_help_shows_examples_and_version_its_number() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert 'motion-run --prompt "a person walks forward and sits down" --out walk/' in result.stdout
    version = run("--version")
    assert version.exit_code == 0
    assert version.stdout.startswith("motion-run, version ")


def test_every_example_of_the_help_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example is parsed and starts to run; the work itself is left out."""
    from motion_runtime import run_command
    from motion_runtime.cli import EXAMPLES
    from motion_runtime.jobs import command as jobs_command

    seen: list[Any] = []
    monkeypatch.setattr(run_command, "run", lambda request, *_, **__: seen.append(request))
    monkeypatch.setattr(jobs_command, "run_jobs", lambda path, *_, **__: seen.append(path))
    commands = re.sub(r"\\\n\s*", "", EXAMPLES).splitlines()
    examples = [shlex.split(line)[1:] for line in commands if "motion-run" in line]
    assert len(examples) >= 4
    for example in examples:
        result = run(*example)
        assert result.exit_code == 0, result.output
    assert len(seen) == len(examples)


# Bad input. Each case prepares what it needs in a folder and returns the arguments that must be refused.

Case = Callable[[Path], list[Any]]


def with_scene(content: bytes | None, name: str = "room.ply") -> Case:
    def prepare(folder: Path) -> list[Any]:
        if content is not None:
            (folder / name).write_bytes(content)
        return ["--scene", folder / name]

    return prepare


def ascii_ply(points: np.ndarray) -> bytes:
    header = f"ply\nformat ascii 1.0\nelement vertex {len(points)}\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    return (header + "\n".join(" ".join(f"{v:g}" for v in point) for point in points) + "\n").encode()


def upright_wall() -> np.ndarray:
    """A wall and nothing else: its plane is no floor."""
    y, z = np.meshgrid(np.linspace(0, 4, 40), np.linspace(0.5, 2.5, 40))
    return np.stack([np.zeros(y.size), y.ravel(), z.ravel()], axis=1)


def with_bundle(damage: Callable[[Path], None]) -> Case:
    def prepare(folder: Path) -> list[Any]:
        bundle = Path(shutil.copytree(TOY, folder / "bundle"))
        damage(bundle)
        return ["--bundle", bundle]

    return prepare


def edit_manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(bundle: Path) -> None:
        values = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
        change(values)
        (bundle / "manifest.json").write_text(json.dumps(values), encoding="utf-8")

    return edit


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def below_a_file(folder: Path) -> list[Any]:
    # The tests may run as root, whom no permission stops; nobody can make a folder below a regular file.
    (folder / "plain").write_text("a file", encoding="utf-8")
    return ["--out", folder / "plain" / "out"]


def foreign_output(folder: Path) -> list[Any]:
    (folder / "full").mkdir()
    (folder / "full" / "thesis.docx").write_text("years of work", encoding="utf-8")
    return ["--out", folder / "full", "--overwrite"]


def file_output(folder: Path) -> list[Any]:
    (folder / "taken").write_text("a file", encoding="utf-8")
    return ["--out", folder / "taken", "--overwrite"]


def options(*arguments: str) -> Case:
    return lambda _: list(arguments)


EMPTY_BINARY = b"ply\nformat binary_little_endian 1.0\nelement vertex 1000\nproperty float x\nproperty float y\n"
BAD: dict[str, tuple[Case, int, str]] = {
    "scene missing": (with_scene(None), 2, "room.ply"),
    "scene empty": (with_scene(b""), 2, "room.ply"),
    "scene truncated": (with_scene(WARD.read_bytes()[:200_000]), 2, "room.ply"),
    "scene truncated header": (with_scene(EMPTY_BINARY), 2, "room.ply"),
    "scene not PLY": (with_scene(b"\x89PNG\r\n\x1a\n" + bytes(200)), 2, "room.ply"),
    "scene of another kind": (with_scene(b"hello", "room.txt"), 2, "to .obj, .glb, .npz or .npy for a room"),
    "scene of NaN": (with_scene(ascii_ply(np.full((200, 3), np.nan))), 2, "200 of 200 points with NaN"),
    "scene of one point": (with_scene(ascii_ply(np.zeros((1, 3)))), 2, "got 1"),
    "scene without a floor": (with_scene(ascii_ply(upright_wall())), 2, "floor"),
    "scene of unknown axes": (with_scene(ascii_ply(upright_wall())), 2, "--up"),
    "prompt empty": (options("--prompt", ""), 2, "prompt"),
    "prompt of spaces": (options("--prompt", "  "), 2, "prompt"),
    "prompt of 10,000 characters": (options("--prompt", "walk " * 2000), 2, "prompt"),
    "more prompts than persons": (options("--prompt", "waves", "--person", "staff"), 2, "one a person"),
    "persons beyond the bundle": (options(*["--person", "staff"] * 3), 4, "at most 2 persons"),
    "seconds beyond reason": (options("--seconds", "1e308"), 2, "at most 3600"),
    "seconds too few": (options("--seconds", "0.01"), 2, "at least 0.2 s"),
    "seconds NaN": (options("--seconds", "nan"), 2, "seconds"),
    "seconds no number": (options("--seconds", "six"), 2, "--seconds"),
    "unknown class": (options("--person", "cat"), 2, "got 'cat'"),
    "unknown sampler": (options("--sampler", "euler"), 2, "'euler'"),
    "unknown provider": (options("--provider", "tpu"), 5, "got 'tpu'"),
    "a prompt without its option": (options("someone waves"), 2, "'someone waves' without one; put --prompt before"),
    "unknown option": (options("--colour", "red"), 2, "--colour"),
    "no steps": (options("--steps", "0"), 2, "steps"),
    "too many steps": (options("--steps", "1001"), 2, "1 to 1000"),
    "negative guidance": (options("--guidance", "-1"), 2, "guidance"),
    "negative seed": (options("--seed", "-1"), 2, "seed"),
    "seed beyond floats": (options("--seed", "1" + 400 * "0"), 2, "seed"),
    "steps beyond floats": (options("--steps", "1" + 400 * "0"), 2, "steps"),
    "start beyond reason": (options("--start", "1e300,0"), 2, "at most 10000"),
    "up without a scene": (options("--up", "y"), 2, "--scene"),
    "unknown axis": (options("--scene", str(WARD), "--up", "w"), 2, "'w'"),
    "unknown unit": (options("--scene", str(WARD), "--units", "parsec"), 2, "'parsec'"),
    "no label table": (options("--scene", str(WARD), "--labels", "/nowhere.json"), 2, "/nowhere.json"),
    "label table that is none": (options("--scene", str(WARD), "--labels", str(WARD)), 2, "ward.ply"),
    "no samples": (options("--num-samples", "0"), 2, "--num-samples"),
    "start of one number": (options("--start", "1.5"), 2, "x,y"),
    "start outside": (options("--scene", str(WARD), "--start", "500,2"), 2, "inside the room, x 0.0 to 4.4 m"),
    "no bundle": (options("--bundle", "/nowhere/bundle"), 4, "/nowhere/bundle"),
    "bundle without a file": (with_bundle(lambda b: (b / "weights.bin").unlink()), 4, "weights.bin"),
    "bundle truncated": (with_bundle(lambda b: os.truncate(b / "weights.bin", 100)), 4, "truncated or altered"),
    "bundle altered": (with_bundle(lambda b: alter(b / "step_p1_t20_k2.fused.onnx")), 4, "truncated or altered"),
    "bundle of tomorrow": (with_bundle(edit_manifest(lambda m: m.update(format_version=99))), 4, "upgrade"),
    "bundle of wrong shapes": (with_bundle(edit_manifest(lambda m: m.update(width=64))), 4, "float32"),
    "output below a file": (below_a_file, 7, "plain"),
    "output with an endless name": (lambda folder: ["--out", folder / ("x" * 300)], 7, "File name too long"),
    "output below an endless name": (lambda folder: ["--out", folder / ("x" * 300) / "out"], 7, "File name too long"),
    "scene with an endless name": (lambda folder: ["--scene", folder / ("x" * 300)], 2, "File name too long"),
    "bundle with an endless name": (lambda folder: ["--bundle", folder / ("x" * 300)], 4, "File name too long"),
    "output is a file": (file_output, 7, "taken"),
    "output holds other things": (foreign_output, 7, "thesis.docx"),
}


@pytest.fixture(params=BAD)
def bad(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[list[Any], int, str, set[str]]:
    """Arguments to refuse, exit code, what the line says, and the files that were there before."""
    case, code, said = BAD[request.param]
    arguments = [*QUICK, "--prompt", "a person walks", "--out", tmp_path / "out", *case(tmp_path)]
    return arguments, code, said, files_below(tmp_path)


def assert_one_line(stderr: str, said: str) -> None:
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    assert stderr.endswith("\n")
    assert said in stderr


def test_bad_input_in_process(bad: tuple[list[Any], int, str, set[str]], tmp_path: Path) -> None:
    arguments, code, said, before = bad
    result = run(*arguments)
    assert_one_line(result.stderr, said)
    assert result.exit_code == code
    assert result.stdout == ""
    assert files_below(tmp_path) == before


@pytest.mark.slow
def test_bad_input_to_the_program(bad: tuple[list[Any], int, str, set[str]], tmp_path: Path) -> None:
    arguments, code, said, before = bad
    done = launch(*arguments)
    assert_one_line(done.stderr, said)
    assert done.returncode == code
    assert done.stdout == ""
    assert files_below(tmp_path) == before


def test_what_is_required_is_asked_for() -> None:
    for arguments, missing in ((["--out", "x"], "--prompt"), (["--prompt", "walks"], "--out")):
        result = run(*arguments)
        assert result.exit_code == 2
        assert_one_line(result.stderr, missing)


def test_a_provider_that_silently_falls_back_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime accepts 'cuda', then runs on the CPU: as it does where the CUDA libraries are missing."""
    from motion_runtime.backends import obstacles, ort_graph

    real = ort_graph.ort.InferenceSession

    def falls_back(path: Any, options: Any, providers: list[str], **_: Any) -> Any:
        return real(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(obstacles, "cuda", lambda: None)
    monkeypatch.setattr(obstacles, "preload", lambda: None)
    monkeypatch.setattr(ort_graph.ort, "InferenceSession", falls_back)
    result = run(*QUICK, "--provider", "cuda", "--prompt", "walks", "--out", tmp_path / "out")
    assert result.exit_code == 5
    assert_one_line(result.stderr, "got CPUExecutionProvider")
    assert files_below(tmp_path) == set()


def test_cuda_where_there_is_none(tmp_path: Path) -> None:
    from motion_runtime.backends import obstacles

    if obstacles.cuda() is None:
        pytest.skip("CUDA works here")
    done = launch(*QUICK, "--provider", "cuda", "--prompt", "walks", "--out", tmp_path / "out")
    assert done.returncode == 5
    assert_one_line(done.stderr, "--provider cpu")
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize("at", ["motion.npz", "run.json"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    from motion_runtime import writer

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((writer, "write_motion") if at == "motion.npz" else (Path, "write_text")), full)
    result = run(*QUICK, "--prompt", "walks", "--num-samples", "2", "--out", tmp_path / "deep" / "out")
    assert result.exit_code == 7
    assert_one_line(result.stderr, "No space left on device")
    assert files_below(tmp_path) == set()


def test_files_that_may_not_grow_leave_nothing_behind(tmp_path: Path) -> None:
    """A real failing write: the system stops the program's files at 2,000 bytes."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))  # noqa: E731
    done = launch(*QUICK, "--prompt", "walks", "--out", tmp_path / "out", preexec_fn=limit)
    assert done.returncode == 7
    assert_one_line(done.stderr, "File too large")
    assert files_below(tmp_path) == set()


def test_a_terminal_sees_a_progress_bar(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    reader, terminal = pty.openpty()
    command = [*PROGRAM, *QUICK, "--prompt", "walks", "--num-samples", "2", "--out", str(tmp_path / "out")]
    environment = os.environ | {"TERM": "xterm-256color"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, env=environment) as process:
        os.close(terminal)
        seen = b""
        while True:
            try:
                chunk = os.read(reader, 4096)
            except OSError:  # the program has closed its end
                break
            if not chunk:
                break
            seen += chunk
        assert process.wait(timeout=60) == 0
    os.close(reader)
    assert b"sample 1 of 2" in seen
    assert b"sample 2 of 2" in seen


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "terminate"])
def test_stopping_in_the_middle_leaves_nothing_behind(
    tmp_path: Path, overwrite: bool, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "out"
    if overwrite:
        assert run(*QUICK, "--prompt", "walks", "--out", out).exit_code == 0
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in files_below(tmp_path)}
    command = [*PROGRAM, *QUICK, "--prompt", "walks", "--num-samples", "1000", "--out", str(out), "--overwrite"]
    # A shell starts background jobs with SIGINT ignored, and children inherit that: Ctrl-C must count in any case.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    # Samples are written to a hidden folder first: once two are there, the program is in the middle of its work.
    while len(list(tmp_path.glob(".out.*.partial/sample_001/run.json"))) < 1:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert_one_line(stderr, "interrupted, nothing was written")
    assert stdout == ""
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in files_below(tmp_path)} == before
