"""Reader of simulated falls: an .npz of motion that is already on the project's skeleton, y up.

Arrays: `root_position_m` (N, 3), `local_rotation_wxyz` (N, 22, 4), `offsets_m` (22, 3), `fps`, and `clips`, a JSON list
of {kind, rest, onset_frame, impact_s, source, start, frames} into the N frames.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.rotations import matrix_from_quaternion
from motion_preprocessing.skeleton import JOINT_COUNT, REST_OFFSETS_M, WORLD_FROM_BODY


@dataclass(frozen=True)
class SimulatedFall:
    """One fall, z up, at the file's frame rate."""

    index: int
    """Its place in the file."""
    kind: str
    """What made the person fall, such as push_f, trip or bed."""
    rest: str
    """How the person comes to lie: prone, side or supine."""
    source: str
    """The capture whose frames it starts from, '' where there is none."""
    onset_s: float
    """When balance is lost."""
    impact_s: float
    """When pelvis, trunk or thigh meets the floor."""
    local_rotations: NDArray[np.float64]
    """(T, 22, 3, 3)."""
    root_position_m: NDArray[np.float64]
    """(T, 3)."""
    fps: float
    """Frames a second."""


def read_falls(path: Path) -> list[SimulatedFall]:
    """Read all falls of a file.

    Raises:
        InputError: The file is missing, lacks an array, is of another skeleton, or holds numbers that are not finite.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            names = ("root_position_m", "local_rotation_wxyz", "offsets_m", "fps", "clips")
            missing = [name for name in names if name not in data]
            if missing:
                raise InputError(f"expected an array '{missing[0]}', got none for {path}; is it a file of falls?")
            root, quaternion, offsets, fps, clips = (data[name] for name in names)
        entries: list[dict[str, Any]] = json.loads(str(clips))
    except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"expected a readable .npz of falls, got '{reason}' for {path}; check the file") from None
    if quaternion.shape[1:] != (JOINT_COUNT, 4) or root.shape != (len(quaternion), 3):
        raise InputError(f"expected (N, 22, 4) rotations, got {quaternion.shape} for {path}; use another file")
    if offsets.shape != REST_OFFSETS_M.shape or np.abs(offsets - REST_OFFSETS_M).max() > 1e-6:
        raise InputError(f"expected the project's rest offsets, got others for {path}; retarget the falls first")
    if not (np.isfinite(root).all() and np.isfinite(quaternion).all()):
        raise InputError(f"expected finite numbers, got NaN or infinity for {path}; mend the file")
    return [_fall(i, entry, root, quaternion, float(fps), path) for i, entry in enumerate(entries)]


def _fall(
    index: int,
    entry: dict[str, Any],
    root: NDArray[np.float32],
    quaternion: NDArray[np.float32],
    fps: float,
    path: Path,
) -> SimulatedFall:
    try:
        start, count = int(entry["start"]), int(entry["frames"])
        onset_s = int(entry["onset_frame"]) / fps
        kind, rest, source = str(entry["kind"]), str(entry["rest"]), str(entry["source"])
        impact_s = onset_s + float(entry["impact_s"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected a full entry, got '{error}' for fall {index} of {path}; mend the list") from None
    if start < 0 or count < 2 or start + count > len(root):
        raise InputError(
            f"expected frames {start}..{start + count}, got {len(root)} frames for fall {index} of {path}; "
            "the file is truncated"
        )
    local = np.array(matrix_from_quaternion(quaternion[start : start + count].astype(np.float64)))
    local[:, 0] = WORLD_FROM_BODY @ local[:, 0]
    position = root[start : start + count].astype(np.float64) @ WORLD_FROM_BODY.T
    return SimulatedFall(index, kind, rest, source, onset_s, impact_s, local, position, fps)
