"""Edits as a command line or a job file writes them: file names and short texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from motion_preprocessing.counted import counted
from motion_preprocessing.errors import InputError
from motion_runtime.editing.body_parts import BODY_PARTS, Hold, Pose
from motion_runtime.editing.edits import Edits
from motion_runtime.editing.keyframes import read_keyframes
from motion_runtime.editing.root_path import RootPath
from motion_runtime.motion import Motion
from motion_runtime.writer import read_motion


def edits_of(
    *,
    keyframes: Sequence[Path | str] = (),
    start_pose: str | None = None,
    end_pose: str | None = None,
    holds: Sequence[str] = (),
    paths: Sequence[str] = (),
) -> Edits | None:
    """Read edits.

    Args:
        keyframes: Files of keyframes.
        start_pose: 'motion.npz' for its last pose, 'motion.npz@1.5' for the one at 1.5 s.
        end_pose: The same, by default the motion's first pose.
        holds: 'PART=motion.npz' to move a part as there, 'PART=motion.npz@1.5' to keep it as it is there at 1.5 s.
        paths: 'TIME:X,Y[,YAW] ...', one a person.

    Returns:
        The edits, None where nothing is asked for.

    Raises:
        InputError: A file or a text does not hold what it must.
    """
    if not (keyframes or start_pose or end_pose or holds or paths):
        return None
    return Edits(
        keyframes=tuple(read_keyframes(Path(path)) for path in keyframes),
        start_pose=None if start_pose is None else _pose(start_pose, None),
        end_pose=None if end_pose is None else _pose(end_pose, 0.0),
        holds=tuple(_hold(text) for text in holds),
        paths=tuple(RootPath.parse(text) for text in paths),
    )


def _pose(text: str, otherwise_s: float | None) -> Pose:
    motion, time_s = _motion_at(text)
    return Pose.of(motion, otherwise_s if time_s is None else time_s)


def _hold(text: str) -> Hold:
    part, equals, file = text.partition("=")
    if not equals or not file:
        raise InputError(
            f"expected PART=motion.npz, got '{text:.60}' for --hold; parts are {', '.join(BODY_PARTS)}"
        )
    if part not in BODY_PARTS:  # before the file is read
        raise InputError(f"expected one of {', '.join(BODY_PARTS)}, got '{part:.40}' for --hold; choose a part")
    return Hold.of(part, *_motion_at(file))


def _motion_at(text: str) -> tuple[Motion, float | None]:
    """Read 'FILE' or 'FILE@SECONDS'; a folder of a sample stands for the motion.npz in it."""
    file, at, seconds = text.rpartition("@")
    time_s: float | None = None
    if at:
        try:
            time_s = float(seconds)
        except ValueError:
            file = text  # the @ is part of a name
    else:
        file = text
    path = Path(file)
    if path.is_dir() and not (path / "motion.npz").exists() and (samples := sorted(path.glob("*/motion.npz"))):
        raise InputError(
            f"expected one motion, got a folder of {counted(len(samples), 'sample')} for {path}; name one of them, "
            f"such as {samples[0].parent}"
        )
    return read_motion(path / "motion.npz" if path.is_dir() else path), time_s
