"""Keyframes files: what is read, and the one line that every mistake gets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_preprocessing.rotations import matrix_from_rotation_vector, quaternion_from_matrix
from motion_runtime.editing import Keyframes, read_keyframes


def arrays(**changes: Any) -> dict[str, Any]:
    """Two keyframes of one person, places of all joints; a change to None takes an array away."""
    values: dict[str, Any] = {
        "times_s": np.array([0.5, 1.5]),
        "joints_m": np.ones((1, 2, 22, 3)),
        "joint_mask": np.ones((1, 2, 22), np.bool_),
    } | changes
    return {name: value for name, value in values.items() if value is not None}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "keys.npz"
    np.savez(path, **arrays(**changes))
    return path


def test_places_and_turns_are_read_and_what_the_masks_leave_out_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    turns = matrix_from_rotation_vector(rng.normal(size=(1, 2, 22, 3)))
    quaternions = quaternion_from_matrix(turns).astype(np.float32)
    mask = rng.random((1, 2, 22)) < 0.5
    quaternions[~mask] = np.nan
    places = rng.normal(size=(1, 2, 22, 3)).astype(np.float32)
    places[0, 1, 3] = np.nan
    known = np.isfinite(places).all(axis=-1)
    keys = read_keyframes(
        written(tmp_path, joints_m=places, joint_mask=known, local_rotations_wxyz=quaternions, rotation_mask=mask,
                format_version=np.array(1))
    )  # fmt: skip
    assert keys.persons == 1
    assert keys.joints_m is not None
    assert keys.rotations is not None
    np.testing.assert_array_equal(keys.joints_m[known], places[known])
    np.testing.assert_allclose(keys.rotations[mask], turns[mask], atol=1e-6)
    assert np.isfinite(keys.rotations).all()
    assert np.isfinite(keys.joints_m).all()
    np.testing.assert_array_equal(keys.rotation_mask, mask)


NAN = np.full((1, 2, 22, 3), np.nan)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints_m": np.ones((1, 2, 21, 3))}, r"expected \(P, 2, 22, 3\), got \(1, 2, 21, 3\) for joints_m"),
        ({"joints_m": np.ones((2, 22, 3))}, r"expected \(P, 2, 22, 3\), got \(2, 22, 3\) for joints_m"),
        ({"joints_m": np.ones((1, 3, 22, 3))}, r"expected \(P, 2, 22, 3\), got \(1, 3, 22, 3\) for joints_m"),
        ({"joints_m": np.ones((0, 2, 22, 3))}, r"expected \(P, 2, 22, 3\), got \(0, 2, 22, 3\) for joints_m"),
        ({"joints_m": NAN}, "expected finite numbers where joint_mask is True, got NaN"),
        ({"joints_m": np.full((1, 2, 22, 3), 1e9)}, "places beyond 10000 m for joints_m"),
        ({"joints_m": np.array("x")}, "expected numbers, got str"),
        ({"joint_mask": None}, "expected joint_mask beside joints_m, got none"),
        ({"joint_mask": np.ones((1, 2, 22))}, r"expected booleans \(1, 2, 22\), got float64"),
        ({"joint_mask": np.ones((1, 22), np.bool_)}, r"expected booleans \(1, 2, 22\), got bool \(1, 22\)"),
        ({"joints_m": None, "joint_mask": None}, "expected joints_m or local_rotations_wxyz, got neither"),
        ({"joints_m": None}, "expected joints_m or local_rotations_wxyz, got neither"),
        ({"times_s": None}, "expected times_s, got no such array"),
        ({"times_s": np.array([1.0, 0.5])}, "expected ascending times"),
        ({"times_s": np.array([np.nan, 0.5])}, "expected at least one time in seconds"),
        ({"times_s": np.array([-1.0, 0.5])}, "expected at least one time in seconds, 0 or later"),
        ({"times_s": np.array([])}, "expected at least one time in seconds"),
        ({"pelvis": np.ones(3)}, "got 'pelvis' for the arrays of"),
        ({"format_version": np.array(2)}, "expected format version 1, got 2"),
        ({"local_rotations_wxyz": np.ones((1, 2, 22, 4))}, "expected rotation_mask beside local_rotations_wxyz"),
        ({"local_rotations_wxyz": np.ones((1, 2, 22, 3))}, r"expected \(P, F, 22, 4\), got \(1, 2, 22, 3\)"),
        (
            {"local_rotations_wxyz": np.zeros((1, 2, 22, 4)), "rotation_mask": np.ones((1, 2, 22), np.bool_)},
            "expected unit quaternions, got zeros",
        ),
        (
            {"local_rotations_wxyz": np.ones((2, 2, 22, 4)), "rotation_mask": np.ones((2, 2, 22), np.bool_)},
            "expected as many persons in both, got 1 and 2",
        ),
        (
            {"local_rotations_wxyz": NAN[..., [0, 0, 0, 0]], "rotation_mask": np.ones((1, 2, 22), np.bool_)},
            "expected finite numbers where rotation_mask is True, got NaN",
        ),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_keyframes(written(tmp_path, **changes))
    assert "\n" not in str(caught.value)
    assert "keys.npz" in str(caught.value)


def test_what_is_no_archive_is_said_so(tmp_path: Path) -> None:
    for name, content in (("empty.npz", b""), ("text.npz", b"hello"), ("cut.npz", b"PK\x03\x04 and no more")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="expected keyframes, got "):
            read_keyframes(tmp_path / name)
    np.save(tmp_path / "one.npy", np.ones(3))
    with pytest.raises(InputError, match="one array instead of an archive"):
        read_keyframes(tmp_path / "one.npy")
    with pytest.raises(InputError, match="No such file"):
        read_keyframes(tmp_path / "missing.npz")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", times_s=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="expected keyframes, got 'Object arrays"):
        read_keyframes(tmp_path / "objects.npz")


def test_the_documented_example_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs" / "formats" / "keyframes.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "keyframes.md", "exec"), {})
    keys = read_keyframes(tmp_path / "hand.npz")
    assert keys.joint_mask is not None
    assert keys.joint_mask.sum() == 2
    assert keys.joint_mask[0, :, 20].all()


def test_a_mask_alone_does_not_make_keyframes() -> None:
    with pytest.raises(InputError, match="expected joints_m or local_rotations_wxyz, got neither"):
        Keyframes(np.array([0.0]), joint_mask=np.ones((1, 1, 22), np.bool_))
