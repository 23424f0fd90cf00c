"""The output folder: its contents, equal bytes, and nothing left behind when it cannot be written."""

from __future__ import annotations

import errno
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motion_preprocessing.atomic_output import atomic_file, atomic_folder
from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import matrix_from_quaternion
from motion_preprocessing.skeleton import JOINT_NAMES, PARENTS
from motion_runtime import writer
from motion_runtime.formats import export
from motion_runtime.motion import Motion
from motion_runtime.writer import read_motion, write_motion, write_sample

Walk = Callable[..., Motion]
RUN = {"bundle": "toy", "seed": 7, "seconds": {"total": 1.5}, "prompt": "a person walks \u4f60\u597d"}
DOCUMENT = Path(__file__).parents[2] / "docs" / "formats" / "motion.md"


@pytest.fixture
def motion(walk: Walk) -> Motion:
    who = {"person_classes": ("staff", "patient"), "prompts": ("helps", "sits down")}
    people = walk(people=2, frames=12, turn_rad=7.0, **who)
    pose = np.eye(4)
    pose[:3, 3] = (1.0, 2.0, 0.0)
    return replace(people, seed=2**63 + 5, sample=3, sampler="ddim", steps=20, guidance=2.5, room_from_canonical=pose)


def everything_in(folder: Path) -> list[str]:
    """All paths below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# ------------------------------------------------------------------------------------------------ contents


def test_a_sample_is_a_folder_of_the_documented_files(tmp_path: Path, motion: Motion) -> None:
    write_sample(tmp_path / "a" / "b" / "out", motion, None, RUN)
    out = tmp_path / "a" / "b" / "out"
    expected = ["contact_sheet.png", "motion.npz", "person_0.bvh", "person_1.bvh", "preview.gif", "run.json"]
    assert everything_in(out) == expected
    assert everything_in(tmp_path / "a" / "b")[0] == "out"  # no temporary name beside it
    assert json.loads((out / "run.json").read_text(encoding="utf-8")) == RUN
    with Image.open(out / "preview.gif") as gif, Image.open(out / "contact_sheet.png") as sheet:
        assert gif.format == "GIF"
        assert sheet.format == "PNG"
    mask = os.umask(0)
    os.umask(mask)
    assert (out / "motion.npz").stat().st_mode & 0o777 == 0o666 & ~mask  # readable by others as any other file is
    assert out.stat().st_mode & 0o777 == 0o777 & ~mask
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in ("contact_sheet.png", "motion.npz", "person_0.bvh", "preview.gif", "run.json"):
        assert f"`{name}`" in text


def test_previews_can_be_left_out(tmp_path: Path, motion: Motion) -> None:
    write_sample(tmp_path / "out", motion, None, RUN, preview=False)
    assert everything_in(tmp_path / "out") == ["motion.npz", "person_0.bvh", "person_1.bvh", "run.json"]


def test_motion_npz_opens_with_plain_numpy_and_holds_the_documented_arrays(tmp_path: Path, motion: Motion) -> None:
    write_motion(tmp_path / "motion.npz", motion)
    with np.load(tmp_path / "motion.npz", allow_pickle=False) as file:
        stored = {name: file[name] for name in file.files}
    np.testing.assert_array_equal(stored["joints_m"], motion.joints_m)
    assert stored["joints_m"].dtype == np.float32
    assert stored["joints_m"].shape == (2, 12, 22, 3)
    np.testing.assert_array_equal(stored["root_position_m"], motion.root_position_m)
    assert stored["local_rotations_wxyz"].shape == (2, 12, 22, 4)
    assert [str(name) for name in stored["person_classes"]] == ["staff", "patient"]
    assert [str(name) for name in stored["prompts"]] == ["helps", "sits down"]
    assert int(stored["seed"]) == 2**63 + 5
    assert float(stored["fps"]) == 20.0
    assert tuple(stored["joint_names"]) == JOINT_NAMES
    assert tuple(stored["joint_parents"]) == PARENTS
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, array in stored.items():
        assert f"| `{name}` |" in text, f"{name} is not documented"
        assert array.dtype.kind in "fiuU"


def test_rotations_and_rest_offsets_of_the_file_give_its_joints(tmp_path: Path, motion: Motion) -> None:
    write_motion(tmp_path / "motion.npz", motion)
    with np.load(tmp_path / "motion.npz") as file:
        matrices = matrix_from_quaternion(file["local_rotations_wxyz"].astype(np.float64))
        joints, _ = forward_kinematics(matrices, file["root_position_m"].astype(np.float64), file["rest_offsets_m"])
        np.testing.assert_allclose(joints, file["joints_m"], atol=2e-6)


def test_quaternions_do_not_change_sign_between_frames(tmp_path: Path, motion: Motion) -> None:
    write_motion(tmp_path / "motion.npz", motion)
    with np.load(tmp_path / "motion.npz") as file:
        q = file["local_rotations_wxyz"].astype(np.float64)
    # The walk turns by 7 rad: with w >= 0 throughout the root's sign would flip on the way.
    assert (q[..., 0] < 0).any()
    assert (np.sum(q[:, 1:] * q[:, :-1], axis=-1) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(q, axis=-1), 1.0, atol=1e-6)


def test_read_motion_gives_back_what_was_written(tmp_path: Path, motion: Motion) -> None:
    write_motion(tmp_path / "motion.npz", motion)
    back = read_motion(tmp_path / "motion.npz")
    for field in fields(Motion):
        got, expected = getattr(back, field.name), getattr(motion, field.name)
        if field.name == "local_rotations":
            np.testing.assert_allclose(got, expected, atol=1e-6)
        elif isinstance(expected, np.ndarray):
            np.testing.assert_array_equal(got, expected)
        else:
            assert got == expected
            assert type(got) is type(expected)


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "text", "array gone", "newer", "pickle", "shape"])
def test_a_broken_motion_file_is_refused_in_one_line(tmp_path: Path, motion: Motion, damage: str) -> None:
    path = tmp_path / "motion.npz"
    write_motion(path, motion)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:4000])
    elif damage == "text":
        path.write_text("no motion")
    elif damage == "array gone":
        del arrays["fps"]
        np.savez(path, **arrays)
    elif damage == "newer":
        np.savez(path, **{**arrays, "format_version": np.array(2)})
    elif damage == "pickle":
        np.savez(path, **{**arrays, "prompts": np.array([{"a": 1}, None], dtype=object)})
    else:
        np.savez(path, **{**arrays, "joints_m": arrays["joints_m"][:, :5]})
    with pytest.raises(InputError, match="^expected [^\n]*motion.npz[^\n]*$"):
        read_motion(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG picture", "got 'a file that is no .npz archive' for [^ ]*room.png; make it anew"),
        (None, "got 'No such file or directory' for [^ ]*room.png; check the path"),
    ],
)
def test_what_is_no_motion_file_is_called_so(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "room.png").write_bytes(content)
    with pytest.raises(InputError, match=f"^expected a motion.npz, {said}$"):
        read_motion(tmp_path / "room.png")


# ------------------------------------------------------------------------------------------------ equal bytes


def test_equal_motions_give_equal_bytes_at_any_time_and_in_any_layout(
    tmp_path: Path, motion: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_motion(tmp_path / "a.npz", motion)
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    other = replace(
        motion, joints_m=np.asfortranarray(motion.joints_m), local_rotations=np.asfortranarray(motion.local_rotations)
    )
    write_motion(tmp_path / "b.npz", other)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        header = archive.read("joints_m.npy")[:64]
    assert b"'<f4'" in header
    assert b"'fortran_order': False" in header


def test_whole_samples_are_equal_byte_for_byte(tmp_path: Path, motion: Motion) -> None:
    for name in ("a", "b"):
        write_sample(tmp_path / name, motion, None, RUN)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


# ------------------------------------------------------------------------------------------------ what goes wrong


def test_an_existing_sample_is_kept_unless_told_otherwise(tmp_path: Path, walk: Walk) -> None:
    out = tmp_path / "out"
    write_sample(out, walk(people=2, frames=5), None, RUN, preview=False)
    first = (out / "motion.npz").read_bytes()
    with pytest.raises(OutputError, match="^expected a new folder[^\n]*--overwrite$"):
        write_sample(out, walk(frames=6), None, RUN, preview=False)
    assert (out / "motion.npz").read_bytes() == first
    write_sample(out, walk(frames=6), None, RUN, preview=False, overwrite=True)
    assert read_motion(out / "motion.npz").frames == 6
    assert everything_in(tmp_path) == ["out", "out/motion.npz", "out/person_0.bvh", "out/run.json"]


def test_overwriting_never_removes_what_is_not_ours(tmp_path: Path, walk: Walk) -> None:
    out = tmp_path / "out"
    write_sample(out, walk(frames=5), None, RUN, preview=False)
    (out / "thesis.docx").write_text("years of work")
    with pytest.raises(OutputError, match=r"thesis\.docx"):
        write_sample(out, walk(frames=6), None, RUN, preview=False, overwrite=True)
    assert (out / "thesis.docx").read_text() == "years of work"
    assert read_motion(out / "motion.npz").frames == 5


def test_an_empty_folder_is_as_good_as_none(tmp_path: Path, walk: Walk) -> None:
    (tmp_path / "out").mkdir()
    write_sample(tmp_path / "out", walk(frames=5), None, RUN, preview=False)
    assert (tmp_path / "out" / "run.json").is_file()


def test_a_file_in_the_folders_place_or_in_its_way_is_refused(tmp_path: Path, walk: Walk) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "out"):
        for overwrite in (False, True):
            with pytest.raises(OutputError, match="^expected [^\n]*$"):
                write_sample(place, walk(frames=5), None, RUN, preview=False, overwrite=overwrite)
    assert everything_in(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("part", ["write_motion", "write_bvh", "render_preview", "render_contact_sheet"])
@pytest.mark.parametrize(
    ("failure", "error"),
    [(OSError(errno.ENOSPC, "No space left on device"), OutputError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_a_full_disk_or_ctrl_c_leaves_things_as_they_were(
    tmp_path: Path,
    walk: Walk,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    failure: BaseException,
    error: type[BaseException],
    existing: bool,
) -> None:
    out = tmp_path / "new" / "out"
    if existing:
        write_sample(out, walk(frames=5), None, RUN, preview=False)
    before = {name: (tmp_path / name).read_bytes() for name in everything_in(tmp_path) if (tmp_path / name).is_file()}

    def fail(path: Path, *_: object, **__: object) -> None:
        Path(path).write_bytes(b"half")
        raise failure

    monkeypatch.setattr(export if part == "write_bvh" else writer, part, fail)
    with pytest.raises(error) as caught:
        write_sample(out, walk(frames=6), None, RUN, overwrite=existing)
    if error is OutputError:
        assert "No space left on device" in str(caught.value)
        assert "\n" not in str(caught.value)
    after = {name: (tmp_path / name).read_bytes() for name in everything_in(tmp_path) if (tmp_path / name).is_file()}
    assert after == before
    assert existing or not everything_in(tmp_path)  # not even the parent that was made


def test_run_info_that_json_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path, walk: Walk) -> None:
    for bad in ({"value": float("nan")}, {"value": np.zeros(3)}):
        with pytest.raises((ValueError, TypeError)):
            write_sample(tmp_path / "out", walk(frames=5), None, bad, preview=False)
    assert not everything_in(tmp_path)


def test_a_replacement_that_fails_puts_the_old_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("old")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="Input/output error"), atomic_folder(out, overwrite=True) as temporary:
        (temporary / "new").write_text("new")
    assert everything_in(tmp_path) == ["out", "out/old"]


def test_what_another_run_wrote_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def both() -> None:
        with atomic_folder(out) as slower:
            (slower / "mine").write_text("mine")
            with atomic_folder(out) as quicker:
                (quicker / "theirs").write_text("theirs")

    with pytest.raises(OutputError, match="expected a new folder"):
        both()
    assert everything_in(tmp_path) == ["out", "out/theirs"]


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"

    def fail(error: Exception) -> None:
        with atomic_file(path) as temporary:
            temporary.write_text("second")
            raise error

    with pytest.raises(RuntimeError):
        fail(RuntimeError())
    with pytest.raises(OutputError, match="^expected [^\n]*disk full[^\n]*$"):
        fail(OSError(errno.ENOSPC, "disk full"))
    assert path.read_text() == "first"
    assert everything_in(tmp_path) == ["a.txt"]


def test_an_error_names_the_place_that_was_asked_for(tmp_path: Path) -> None:
    def fail(error: OSError) -> None:
        with (
            atomic_folder(tmp_path / "out.v2") as folder,
            atomic_folder(folder / "sample") as inner,
            atomic_file(inner / "a.npy"),
        ):
            raise error

    with pytest.raises(OutputError) as caught:
        fail(OSError(errno.ENOSPC, "disk full"))
    place = tmp_path / "out.v2" / "sample" / "a.npy"
    assert str(caught.value).startswith(f"expected to write {place}, got 'disk full'")
    with pytest.raises(OutputError, match="got 'only a part was taken' from the operating system"):
        fail(OSError("76800 requested and 16320 written"))


def test_a_disk_that_is_really_full_gives_the_same_line(tmp_path: Path) -> None:
    # /dev/full refuses every byte with a true ENOSPC.
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")

    def fill() -> None:
        with atomic_file(tmp_path / "a"), io.FileIO("/dev/full", "wb") as full:
            full.write(b"one byte too many")

    with pytest.raises(OutputError, match="No space left"):
        fill()
    assert not everything_in(tmp_path)
