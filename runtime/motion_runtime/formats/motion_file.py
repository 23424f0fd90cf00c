"""motion.npz: a motion as plain arrays (docs/formats/motion.md says what each holds).

Arrays are stored without compression and with fixed time stamps: equal motions give equal bytes on every machine.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.resample import continuous
from motion_preprocessing.rotations import matrix_from_quaternion, quaternion_from_matrix
from motion_preprocessing.skeleton import JOINT_NAMES, PARENTS, REST_OFFSETS_M
from motion_runtime.formats.arrays import write_arrays
from motion_runtime.motion import Motion

FORMAT_VERSION: Final = 1
_UNIT: Final = 1e-2
"""How far a quaternion's length may be from 1."""


def write_motion(path: Path, motion: Motion) -> None:
    """Write motion.npz; `docs/formats/motion.md` says what each array holds.

    Raises:
        OutputError: The file could not be written.
    """
    arrays: dict[str, NDArray[Any]] = {
        "format_version": np.array(FORMAT_VERSION, dtype=np.int32),
        "joints_m": np.ascontiguousarray(motion.joints_m, dtype=np.float32),
        "local_rotations_wxyz": _continuous(quaternion_from_matrix(motion.local_rotations.astype(np.float64))),
        "root_position_m": np.ascontiguousarray(motion.root_position_m, dtype=np.float32),
        "fps": np.array(motion.fps, dtype=np.float64),
        "person_classes": np.array(motion.person_classes, dtype=np.str_),
        "prompts": np.array(motion.prompts, dtype=np.str_),
        "seed": np.array(motion.seed, dtype=np.uint64),
        "sample": np.array(motion.sample, dtype=np.int64),
        "sampler": np.array(motion.sampler, dtype=np.str_),
        "steps": np.array(motion.steps, dtype=np.int64),
        "guidance": np.array(motion.guidance, dtype=np.float64),
        "room_from_canonical": np.ascontiguousarray(motion.room_from_canonical, dtype=np.float64),
        "joint_names": np.array(JOINT_NAMES, dtype=np.str_),
        "joint_parents": np.array(PARENTS, dtype=np.int32),
        "rest_offsets_m": np.array(REST_OFFSETS_M, dtype=np.float64),
    }
    write_arrays(path, arrays)


def read_motion(path: Path) -> Motion:
    """Read what `write_motion` wrote. Joint positions are taken as stored, rotations come back from quaternions.

    Raises:
        InputError: The file is missing, broken, or of another format version.
    """
    try:
        # Opened here: numpy leaves a broken archive's file open.
        with Path(path).open("rb") as raw:
            if not zipfile.is_zipfile(raw):  # numpy would suggest to load it as a pickle
                raise ValueError("a file that is no .npz archive")
            raw.seek(0)
            with np.load(raw, allow_pickle=False) as file:
                stored = {name: file[name] for name in file.files}
        if int(stored["format_version"]) != FORMAT_VERSION:
            raise InputError(
                f"expected format version {FORMAT_VERSION}, got {int(stored['format_version'])} for {path}; "
                "use the release that wrote it"
            )
        return _motion(stored)
    except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile, IndexError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        if isinstance(error, KeyError):
            words = f"no array {error.args[0]}"
        remedy = "check the path" if isinstance(error, OSError) else "make it anew"
        reason = " ".join((words or "").split()) or "nothing in it"
        raise InputError(f"expected a motion.npz, got '{reason}' for {path}; {remedy}") from error


def _motion(stored: Mapping[str, NDArray[Any]]) -> Motion:
    """Make the motion; what says how it was generated may be missing, as in files made by hand or by other tools."""
    quaternions = stored["local_rotations_wxyz"].astype(np.float64)
    for name in ("joints_m", "local_rotations_wxyz", "root_position_m", "room_from_canonical"):
        broken = int(np.count_nonzero(~np.isfinite(stored.get(name, 0.0))))
        if broken:
            raise ValueError(f"NaN or infinity in {broken} of {stored[name].size} numbers of {name}")
    if np.any(np.abs(np.linalg.norm(quaternions, axis=-1) - 1.0) > _UNIT):
        raise ValueError("quaternions that are not of length 1 in local_rotations_wxyz")
    people = len(stored["root_position_m"])
    motion = Motion(
        joints_m=stored["joints_m"].astype(np.float32),
        local_rotations=matrix_from_quaternion(quaternions).astype(np.float32),
        root_position_m=stored["root_position_m"].astype(np.float32),
        fps=float(stored["fps"]),
        person_classes=tuple(str(name) for name in stored.get("person_classes", ["person"] * people)),
        prompts=tuple(str(text) for text in stored.get("prompts", [""] * people)),
        seed=int(stored.get("seed", 0)),
        sample=int(stored.get("sample", 0)),
        sampler=str(stored.get("sampler", "")),
        steps=int(stored.get("steps", 0)),
        guidance=float(stored.get("guidance", 1.0)),
        room_from_canonical=stored.get("room_from_canonical", np.eye(4)).astype(np.float64),
    )
    if motion.frames < 1 or motion.persons < 1 or not 0 < motion.fps < np.inf:
        raise ValueError(f"{motion.persons} persons, {motion.frames} frames, {motion.fps} frames a second")
    return motion


def motion_from_rotations(
    local_rotations: NDArray[np.floating[Any]],
    root_position_m: NDArray[np.floating[Any]],
    fps: float,
    *,
    person_classes: tuple[str, ...] = (),
    prompts: tuple[str, ...] = (),
    seed: int = 0,
) -> Motion:
    """Make a `Motion` of recorded or synthetic rotations (P, T, 22, 3, 3) and root positions (P, T, 3)."""
    rotations = np.asarray(local_rotations, dtype=np.float64)
    root = np.asarray(root_position_m, dtype=np.float64)
    joints, _ = forward_kinematics(rotations, root)
    people = len(root)
    return Motion(
        joints_m=joints.astype(np.float32),
        local_rotations=rotations.astype(np.float32),
        root_position_m=root.astype(np.float32),
        fps=fps,
        person_classes=person_classes or ("person",) * people,
        prompts=prompts or ("",) * people,
        seed=seed,
    )


def _continuous(quaternions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Choose signs (P, T, 22, 4) so that neighbouring frames are less than half a turn apart: safe to interpolate."""
    frames_first = continuous(np.swapaxes(quaternions, 0, 1))
    return np.ascontiguousarray(np.swapaxes(frames_first, 0, 1), dtype=np.float32)
