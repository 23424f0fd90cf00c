"""Keyframes: where joints are, and how they are turned, at some times of a motion (docs/formats/keyframes.md)."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.rotations import matrix_from_quaternion
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime.motion import MAX_START_M

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FORMAT_VERSION: Final = 1
_ARRAYS: Final = ("times_s", "joints_m", "joint_mask", "local_rotations_wxyz", "rotation_mask")
_MAX_BYTES: Final = 1 << 30
_LEAST_NORM: Final = 0.5
"""A quaternion as short as this is no rounded unit quaternion."""


@dataclass(frozen=True, eq=False)
class Keyframes:
    """Known joints at F times for P persons, in the room's frame: metres, Z up."""

    times_s: Array
    """(F,) seconds from the start of the motion, ascending."""
    joints_m: Array | None = None
    """(P, F, 22, 3) places of joints; what the mask leaves out may be anything."""
    joint_mask: Mask | None = None
    """(P, F, 22) True where a joint's place is known; beside `joints_m`."""
    rotations: Array | None = None
    """(P, F, 22, 3, 3) turns relative to the parent joint; entry 0 is the body's orientation in the room."""
    rotation_mask: Mask | None = None
    """(P, F, 22) True where a joint's turn is known; beside `rotations`."""

    def __post_init__(self) -> None:
        times = _numbers("times_s", self.times_s, "keyframes")
        if times.ndim != 1 or not len(times) or not np.isfinite(times).all() or (times < 0).any():
            raise InputError(
                f"expected at least one time in seconds, 0 or later, got {_brief(times)} for times_s of the keyframes; "
                "write one number a keyframe"
            )
        if (np.diff(times) <= 0).any():
            raise InputError("expected ascending times, got others for times_s of the keyframes; sort them")
        object.__setattr__(self, "times_s", times)
        if self.joints_m is None and self.rotations is None:
            raise InputError("expected joints_m or local_rotations_wxyz, got neither for the keyframes; add one")
        for name, mask_name, tail in (("joints_m", "joint_mask", (3,)), ("rotations", "rotation_mask", (3, 3))):
            self._check(name, mask_name, (JOINT_COUNT, *tail))
        given = [mask.shape[0] for mask in (self.joint_mask, self.rotation_mask) if mask is not None]
        if len(set(given)) > 1:
            raise InputError(
                f"expected as many persons in both, got {given[0]} and {given[1]} for the keyframes; give both for all"
            )

    @property
    def persons(self) -> int:
        """Number of persons P."""
        mask = self.joint_mask if self.joint_mask is not None else self.rotation_mask
        assert mask is not None
        return int(mask.shape[0])

    def _check(self, name: str, mask_name: str, tail: tuple[int, ...]) -> None:
        """Give an array and its mask their types, or say what is wrong with them."""
        values, mask = getattr(self, name), getattr(self, mask_name)
        shown = "local_rotations_wxyz" if name == "rotations" else name
        if values is None and mask is None:
            return
        if mask is None or values is None:
            missing, there = (mask_name, shown) if mask is None else (shown, mask_name)
            raise InputError(
                f"expected {missing} beside {there}, got none for the keyframes; say which joints are known"
            )
        values, mask = _numbers(shown, values, "keyframes"), np.asarray(mask)
        frames = len(self.times_s)
        if values.ndim != 2 + len(tail) or values.shape[1:] != (frames, *tail) or not len(values):
            words = (JOINT_COUNT, 4) if name == "rotations" else tail
            got = (*values.shape[:-2], 4) if name == "rotations" else values.shape
            raise InputError(
                f"expected (P, {frames}, {', '.join(map(str, words))}), got {got} for {shown} of the keyframes; "
                "give persons, times, joints"
            )
        if mask.dtype != np.bool_ or mask.shape != values.shape[:3]:
            raise InputError(
                f"expected booleans {values.shape[:3]}, got {mask.dtype.name} {mask.shape} for {mask_name} of the "
                "keyframes; give True where a joint is known"
            )
        known = values[mask]
        if not np.isfinite(known).all() or (name == "joints_m" and (np.abs(known) > MAX_START_M).any()):
            raise InputError(
                f"expected finite numbers where {mask_name} is True, got NaN, infinity or places beyond "
                f"{MAX_START_M:g} m for {shown} of the keyframes; mend them or set the mask to False there"
            )
        object.__setattr__(self, name, np.where(mask.reshape(*mask.shape, *([1] * len(tail[1:]))), values, 0.0))
        object.__setattr__(self, mask_name, mask)


def read_keyframes(path: Path) -> Keyframes:
    """Read a keyframes file; what masks leave out may be NaN.

    Raises:
        InputError: The file is missing, broken, or does not hold what docs/formats/keyframes.md asks for.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            file = np.load(raw, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("one array instead of an archive")
            with file:
                _refuse_bombs(file)
                unknown = sorted(set(file.files) - {*_ARRAYS, "format_version"})
                stored: dict[str, Any] = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise InputError(f"expected keyframes, got '{reason or 'nothing in it'}' for {path}; write an .npz") from error
    if unknown:
        raise InputError(f"expected {', '.join(_ARRAYS)}, got '{unknown[0]}' for the arrays of {path}; rename it")
    version = stored.pop("format_version", np.array(FORMAT_VERSION))
    if version.shape != () or version.dtype.kind not in "iu" or int(version) != FORMAT_VERSION:
        raise InputError(f"expected format version {FORMAT_VERSION}, got {_brief(version)} for {path}; leave it out")
    if "times_s" not in stored:
        raise InputError(f"expected times_s, got no such array for {path}; write when each keyframe is, in seconds")
    rotations = stored.get("local_rotations_wxyz")
    try:
        return Keyframes(
            times_s=stored["times_s"],
            joints_m=stored.get("joints_m"),
            joint_mask=stored.get("joint_mask"),
            rotations=None if rotations is None else _matrices(rotations, stored.get("rotation_mask")),
            rotation_mask=stored.get("rotation_mask"),
        )
    except InputError as error:
        raise InputError(str(error).replace("the keyframes", f"the keyframes {path}", 1)) from None


def _matrices(quaternions: Any, mask: Any) -> Array:
    """Turn (P, F, 22, 4) into matrices; what the mask leaves out becomes the identity."""
    values = _numbers("local_rotations_wxyz", quaternions, "keyframes")
    if values.ndim != 4 or values.shape[-1] != 4:
        raise InputError(
            f"expected (P, F, {JOINT_COUNT}, 4), got {values.shape} for local_rotations_wxyz of the keyframes; "
            "give unit quaternions w, x, y, z"
        )
    known = np.ones(values.shape[:-1], np.bool_) if mask is None else np.asarray(mask)
    if known.dtype == np.bool_ and known.shape == values.shape[:-1]:
        wrong = np.isfinite(values).all(axis=-1) & (np.linalg.norm(values, axis=-1) < _LEAST_NORM)
        if (wrong & known).any():
            raise InputError("expected unit quaternions, got zeros for local_rotations_wxyz of the keyframes; fix it")
        values = np.where(known[..., None], values, [1.0, 0.0, 0.0, 0.0])
    return np.asarray(matrix_from_quaternion(values))


def _numbers(name: str, values: Any, what: str) -> Array:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{array.dtype.name} values")
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"expected numbers, got {error} for {name} of the {what}; write an array of floats") from None


def _refuse_bombs(file: Any) -> None:
    """A few kilobytes may unpack to more than the memory."""
    total = sum(entry.file_size for entry in file.zip.infolist())
    if total > _MAX_BYTES:
        raise ValueError(f"{total / 1e9:.1f} GB of arrays")


def _brief(values: NDArray[Any]) -> str:
    text = " ".join(np.array2string(np.asarray(values), threshold=6, precision=3).split())
    return text if len(text) <= 40 else f"{text[:37]}..."


