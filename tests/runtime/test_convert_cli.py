"""`motion-convert` as a user meets it: all formats, one line for every mistake, nothing partial."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from motion_preprocessing.errors import InputError
from motion_runtime.convert_cli import main
from motion_runtime.formats import export as export_module
from motion_runtime.formats.names import FORMATS, files_of, parse_formats
from motion_runtime.motion import Motion
from motion_runtime.writer import OWN_FILES, read_motion, write_motion

Walk = Callable[..., Motion]
WARD = Path(__file__).parents[2] / "examples" / "ward.ply"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(result: Result, code: int, words: str) -> None:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: expected ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


@pytest.fixture
def source(tmp_path: Path, walk: Walk) -> Path:
    folder = tmp_path / "in" / "sample_000"
    folder.mkdir(parents=True)
    motion = walk(people=2, frames=25, person_classes=("staff", "patient"), prompts=("helps", "walks"))
    write_motion(folder / "motion.npz", motion)
    return folder / "motion.npz"


def test_every_format_is_written_and_named(tmp_path: Path, source: Path) -> None:
    result = run(source, "--to", "all", "--scene", WARD, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "motion.npz", "motion.glb", "person_0.bvh", "person_1.bvh", "person_0_smplh.npz", "person_1_smplh.npz",
        "person_0_smplx.npz", "person_1_smplx.npz", "person_0_smpl.npz", "person_1_smpl.npz", "coco17.npz",
        "ntu25.npz", "ntu25.skeleton", "pyskl.pkl", "omnifall.csv", "ava.csv", "ava_actions.pbtxt",
        "camera.json", "cameras.json", "coco_keypoints.json", "ntu_keypoints.json", "pyskl_2d.pkl",
    }  # fmt: skip
    assert all(name in result.stdout for name in names)
    assert "camera.json  the still camera" in result.stdout
    with np.load(tmp_path / "out" / "motion.npz") as after, np.load(source) as before:
        assert after.files == before.files
        for name in ("joints_m", "root_position_m", "prompts", "seed"):
            np.testing.assert_array_equal(after[name], before[name])
        np.testing.assert_allclose(after["local_rotations_wxyz"], before["local_rotations_wxyz"], atol=1e-6)
    assert (tmp_path / "out" / "omnifall.csv").read_text().splitlines()[1].startswith("in/sample_000,")


def test_what_is_said_can_be_read_by_programs_or_left_out(tmp_path: Path, source: Path) -> None:
    said = run(source, "--to", "bvh,coco", "--out", tmp_path / "out", "--json")
    files = [str(tmp_path / "out" / name) for name in ("coco17.npz", "person_0.bvh", "person_1.bvh")]
    assert json.loads(said.stdout) == {"out": str(tmp_path / "out"), "motions": ["sample_000"], "files": files}
    again = run(source, "--to", "bvh", "--out", tmp_path / "out", "--overwrite", "-q")
    assert (again.exit_code, again.output) == (0, "")
    refused(run(source, "--to", "bvh", "--out", tmp_path / "more", "-q", "--json"), 2, "one of --json and --quiet")


def test_several_motions_get_a_folder_each(tmp_path: Path, source: Path) -> None:
    other = tmp_path / "in" / "sample_001"
    other.mkdir()
    (other / "motion.npz").write_bytes(source.read_bytes())
    result = run(source.parent, other, "--to", "coco", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.npz"))
    assert found == ["sample_000/coco17.npz", "sample_001/coco17.npz"]
    again = run(source.parent, other, "--to", "ntu", "--out", tmp_path / "out", "--overwrite")
    assert again.exit_code == 0, again.output
    assert not list((tmp_path / "out").rglob("coco17.npz"))
    refused(run(source, source.parent, "--to", "ntu", "--out", tmp_path / "x"), 2, "'sample_000' twice")


def test_a_room_that_is_another_one_is_warned_of(tmp_path: Path, source: Path) -> None:
    for made_in, warned in (("rooms/bath.ply", True), ("rooms/ward.ply", False), (None, False)):
        (source.parent / "run.json").write_text(json.dumps({"request": {"scene": made_in}}))
        result = run(source, "--to", "coco", "--scene", WARD, "--out", tmp_path / "out", "--overwrite")
        assert result.exit_code == 0, result.output
        assert ("1 of 1 motions were made in another room than ward.ply" in result.output) == warned
        assert ("in bath.ply; convert those with --scene of their own" in result.output) == warned


def test_the_room_that_a_run_was_made_in_is_shown_unless_told_otherwise(tmp_path: Path, source: Path) -> None:
    request = {"scene": str(WARD), "scene_up": "z", "scene_units": "m"}
    (source.parent / "run.json").write_text(json.dumps({"request": request}))
    made = {}
    for name, arguments in (("found", ()), ("told", ("--scene", WARD)), ("none", ("--no-scene",))):
        result = run(source, "--to", "glb", "--out", tmp_path / name, *arguments)
        assert result.exit_code == 0, result.output
        assert "without the room" not in result.output
        made[name] = (tmp_path / name / "motion.glb").read_bytes()
    assert made["found"] == made["told"]
    assert len(made["none"]) < len(made["told"])
    refused(run(source, "--to", "glb", "--out", tmp_path / "x", "--scene", WARD, "--no-scene"), 2, "--no-scene")


def test_a_format_by_another_name_is_named(tmp_path: Path, source: Path) -> None:
    refused(run(source, "--to", "gltf", "--out", tmp_path / "x"), 2, "take 'glb'")
    assert "take '" not in run(source, "--to", "nothing", "--out", tmp_path / "x").output


def test_a_room_that_is_left_out_is_named(tmp_path: Path, source: Path) -> None:
    (source.parent / "run.json").write_text(json.dumps({"request": {"scene": "rooms/ward.ply"}}))
    told = "without the room, since rooms/ward.ply is not there or not the only one: --scene names one"
    assert run(source, "--to", "glb", "--out", tmp_path / "a").stdout.splitlines()[-1] == told
    for arguments in (("--to", "coco"), ("--to", "glb", "-q"), ("--to", "glb", "--scene", str(WARD))):
        result = run(source, *arguments, "--out", tmp_path / "b", "--overwrite")
        assert result.exit_code == 0, result.output
        assert "without the room" not in result.output


def test_a_folder_of_jobs_keeps_its_folders(tmp_path: Path, source: Path) -> None:
    for sample in ("fall/sample_000", "fall/sample_001", "sit/sample_000", ".walk.partial/sample_000"):
        (tmp_path / "jobs" / sample).mkdir(parents=True)
        (tmp_path / "jobs" / sample / "motion.npz").write_bytes(source.read_bytes())
    (tmp_path / "jobs" / "index.jsonl").touch()
    names = ["fall/sample_000", "fall/sample_001", "sit/sample_000"]
    for given in ([tmp_path / "jobs"], [tmp_path / "jobs" / "fall", tmp_path / "jobs" / "sit"],
                  [tmp_path / "jobs" / name for name in names]):  # fmt: skip
        result = run(*given, "--to", "omnifall", "--out", tmp_path / "out", "--overwrite", "--json")
        assert result.exit_code == 0, result.output
        assert sorted(json.loads(result.stdout)["files"]) == [str(tmp_path / "out" / n / "omnifall.csv") for n in names]
    # Label tables call a motion what `index.jsonl` calls it.
    table = tmp_path / "out" / "sit" / "sample_000" / "omnifall.csv"
    assert table.read_text().splitlines()[1].startswith("sit/sample_000,")
    refused(run(tmp_path / "jobs", "--to", "bvh", "--out", tmp_path / "jobs", "--overwrite"), 7, "index.jsonl")
    assert (tmp_path / "jobs" / "fall" / "sample_000" / "motion.npz").is_file()


def test_samples_of_two_runs_are_told_apart_in_tables_that_are_put_together(tmp_path: Path, source: Path) -> None:
    paths = []
    for name in ("morning", "evening"):
        (tmp_path / name / "sample_000").mkdir(parents=True)
        (tmp_path / name / "sample_000" / "motion.npz").write_bytes(source.read_bytes())
        for number, given in enumerate((tmp_path / name, tmp_path / name / "sample_000")):
            out = tmp_path / f"{name}_{number}"
            assert run(given, "--to", "omnifall,pyskl", "--out", out).exit_code == 0
            paths += [row.partition(",")[0] for row in (out / "omnifall.csv").read_text().splitlines()[1:]]
    assert set(paths) == {"morning/sample_000", "evening/sample_000"}


def test_files_that_lack_what_says_how_they_were_made_are_read(tmp_path: Path, source: Path) -> None:
    with np.load(source) as file:
        stored = {name: file[name] for name in file.files}
    kept = ("format_version", "joints_m", "local_rotations_wxyz", "root_position_m", "fps")
    np.savez_compressed(tmp_path / "old.npz", **{name: stored[name] for name in kept})
    result = run(tmp_path / "old.npz", "--to", "npz,glb", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    motion, before = read_motion(tmp_path / "out" / "motion.npz"), read_motion(source)
    np.testing.assert_array_equal(motion.joints_m, before.joints_m)
    assert motion.person_classes == ("person", "person")
    assert motion.prompts == ("", "")
    assert (motion.seed, motion.sampler, motion.guidance) == (0, "", 1.0)


def broken(kind: str, source: Path, path: Path) -> None:
    """Write what is no motion."""
    content = source.read_bytes()
    with np.load(source) as file:
        stored = {name: file[name] for name in file.files}
    if kind == "text":
        path.write_text("joints, and so on")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "other arrays":
        np.savez(path, poses=np.zeros((5, 156)))
    elif kind == "one array":
        np.save(path.with_suffix(".npy"), np.zeros(3))
        path.with_suffix(".npy").rename(path)
    elif kind == "pickled":
        buffer = io.BytesIO()
        np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("format_version.npy", buffer.getvalue())
    elif kind == "newer":
        np.savez(path, **(stored | {"format_version": np.array(99)}))
    elif kind == "nan":
        stored["root_position_m"][0, 3, 1] = np.nan
        np.savez(path, **stored)
    elif kind == "infinite rotation":
        stored["local_rotations_wxyz"][0, 3, 1] = np.inf
        np.savez(path, **stored)
    elif kind == "no rotation":
        stored["local_rotations_wxyz"][0, 3, 1] = 0
        np.savez(path, **stored)
    elif kind == "shapes":
        np.savez(path, **(stored | {"joints_m": stored["joints_m"][:, :4]}))
    elif kind == "no frames":
        cut = {name: stored[name][:, :0] for name in ("joints_m", "local_rotations_wxyz", "root_position_m")}
        np.savez(path, **(stored | cut))
    elif kind == "fps":
        np.savez(path, **(stored | {"fps": np.array([20.0, 30.0])}))
    elif kind == "negative fps":
        np.savez(path, **(stored | {"fps": np.array(-20.0)}))
    else:
        np.savez(path, **(stored | {"joints_m": np.array(["a"])}))


BROKEN = {
    "text": "", "empty": "", "truncated": "", "other arrays": "no array format_version", "one array": "", "pickled": "",
    "newer": "version 1, got 99", "nan": "NaN or infinity in 1 of", "infinite rotation": "NaN or infinity",
    "no rotation": "not of length 1", "shapes": "shape", "no frames": "0 frames", "fps": "", "negative fps": "-20.0",
    "letters": "",
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_motion_is_one_line_and_nothing_is_written(tmp_path: Path, source: Path, kind: str) -> None:
    bad = tmp_path / "bad" / "motion.npz"
    bad.parent.mkdir()
    broken(kind, source, bad)
    # The good one comes first: it must not be left behind.
    result = run(source, bad, "--to", "bvh,coco", "--out", tmp_path / "deep" / "out")
    refused(result, 2, BROKEN[kind])
    assert str(bad) in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "in"]


def test_mistakes_in_the_arguments_are_one_line(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "out"
    refused(run(source, "--to", "glb,gltf2", "--out", out), 2, "'gltf2'")
    refused(run(source, "--to", ",", "--out", out), 2, "','")
    refused(run(tmp_path / "nothing.npz", "--to", "bvh", "--out", out), 2, "nothing.npz")
    (tmp_path / "empty").mkdir()
    refused(run(tmp_path / "empty", "--to", "bvh", "--out", out), 2, "got none in")
    refused(run(source, "--to", "bvh", "--out", out, "--up", "y"), 2, "--scene")
    refused(run(source, "--to", "glb", "--out", out, "--scene", tmp_path / "no.ply"), 2, "no.ply")
    refused(run(source, "--to", "glb", "--out", out, "--body", source), 2, "v_template")
    assert not out.exists()


def test_places_that_cannot_be_written_are_one_line(tmp_path: Path, source: Path) -> None:
    (tmp_path / "file").write_text("mine")
    refused(run(source, "--to", "bvh", "--out", tmp_path / "file"), 7, "file")
    refused(run(source, "--to", "bvh", "--out", tmp_path / "file" / "below"), 7, "below")
    assert (tmp_path / "file").read_text() == "mine"


def test_files_of_others_are_never_replaced(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "out"
    assert run(source, "--to", "bvh", "--out", out).exit_code == 0
    refused(run(source, "--to", "coco", "--out", out), 7, "--overwrite")
    (out / "notes").mkdir()
    (out / "notes" / "thesis.tex").write_text("mine")
    refused(run(source, "--to", "coco", "--out", out, "--overwrite"), 7, "thesis.tex")
    assert (out / "notes" / "thesis.tex").read_text() == "mine"
    assert (out / "person_0.bvh").is_file()


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_ctrl_c_leaves_an_earlier_run_as_it_was(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    out = tmp_path / "out"
    assert run(source, "--to", "bvh", "--out", out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fail(path: Path, *_: object) -> None:
        Path(path).write_bytes(b"half")
        raise failure

    monkeypatch.setattr(export_module, "write_glb", fail)
    result = run(source, "--to", "coco,glb", "--out", out, "--overwrite")
    assert result.exit_code == (7 if isinstance(failure, OSError) else 130)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_formats_are_parsed_once_each_in_order() -> None:
    assert parse_formats(" GLB, bvh,glb ") == ("glb", "bvh")
    assert set(parse_formats("all")) == set(FORMATS) - {"fbx", "usd", "mp4"}
    with pytest.raises(InputError, match="'obj'"):
        parse_formats("bvh,obj")


def test_a_samples_folder_may_hold_every_format() -> None:
    assert set(files_of(tuple(FORMATS))) < set(OWN_FILES)


def test_help_names_every_format_without_loading_the_engine() -> None:
    script = (
        "import sys\n"
        "from motion_runtime.convert_cli import main\n"
        "try:\n    main(['--help'])\n"
        "finally:\n    print('LOADED', [n for n in ('numpy', 'onnxruntime', 'tokenizers') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert all(f"  {name} " in done.stdout for name in FORMATS)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_what_is_converted_is_not_replaced(source: Path) -> None:
    refused(run(source.parent, "--to", "bvh", "--out", source.parent, "--overwrite"), 7, "choose another folder")
    assert source.is_file()
