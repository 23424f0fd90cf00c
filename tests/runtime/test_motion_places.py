"""Which motions files and folders hold, and what each is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from motion_preprocessing.errors import InputError
from motion_runtime.motion_places import motion_places


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a/x/motion.npz", "a/y/motion.npz", "b/x/motion.npz", "b/.y.partial/motion.npz", "c/motion.npz",
                 "c/below/motion.npz", "walk.npz", "d/walk.npz"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["a/x"], ["x"]),
        (["a/x/motion.npz", "c"], ["x", "c"]),
        (["a"], ["x", "y"]),
        (["a", "b"], ["a/x", "a/y", "b/x"]),
        (["b/x", "a/x"], ["b/x", "a/x"]),
        (["walk.npz", "c"], ["walk", "c"]),
        (["c/below", "c"], ["below", "c"]),
        (["."], ["a/x", "a/y", "b/x", "c/below", "c"]),
    ],
)
def test_names(root: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], names: list[str]) -> None:
    monkeypatch.chdir(root)
    assert list(motion_places([Path(path) for path in given])) == names
    assert list(motion_places([root / path for path in given])) == names


def test_files_of_other_names_are_told_apart_by_their_folders(root: Path) -> None:
    found = motion_places([root / "walk.npz", root / "d" / "walk.npz"])
    assert found == {f"{root.name}/walk": root / "walk.npz", "d/walk": root / "d" / "walk.npz"}


def test_capitals_alone_do_not_tell_names_apart(root: Path) -> None:
    (root / "A" / "X").mkdir(parents=True)
    (root / "A" / "X" / "motion.npz").touch()
    with pytest.raises(InputError, match="expected motions of different names, got 'X' twice"):
        motion_places([root / "a" / "x", root / "A" / "X"])


@pytest.mark.parametrize("again", ["c", "c/motion.npz", "b/../c"])
def test_a_motion_named_twice_is_refused(root: Path, again: str) -> None:
    with pytest.raises(InputError, match="got 'c' twice"):
        motion_places([root / "c", root / again])


def test_a_folder_without_any_is_refused(root: Path) -> None:
    with pytest.raises(InputError, match="got none in .*d; check the path"):
        motion_places([root / "d"])
