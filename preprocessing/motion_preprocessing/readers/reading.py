"""What the command asks of a dataset's reader, and the figures of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.level import floor_height_m
from motion_preprocessing.metrics import foot_skate_ratio
from motion_preprocessing.mocap import Report
from motion_preprocessing.readers.body_motion import EVERY_JOINT
from motion_preprocessing.retarget import LIMBS, SIDES
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import JOINT_INDEX


@dataclass(frozen=True)
class Source:
    """Joints as a source has them, beside those of the skeleton that was posed after them."""

    joints_m: NDArray[np.float64]
    """(T, 22, 3), z up, the source's own size; its floor need not be at 0."""
    posed_m: NDArray[np.float64]
    """(T, 22, 3) the same frames on the project's skeleton."""
    fps: float
    """Frames a second."""


@dataclass(frozen=True)
class Taken:
    """What came out of one take."""

    sequences: tuple[MotionSequence, ...]
    """One a person and part."""
    dropped: tuple[str, ...] = ()
    """Parts too short to keep."""
    sources: tuple[Source, ...] = ()
    """For comparison; empty where the source holds no joints."""


class Reader(Protocol):
    """A public dataset in a folder."""

    @property
    def title(self) -> str:
        """Its name."""

    @property
    def credits(self) -> tuple[str, ...]:
        """Lines of credit that it asks for."""

    @property
    def takes(self) -> Sequence[str]:
        """Names of its takes."""

    def read(self, take: str, fps: float) -> Taken:
        """Make the sequences of a take; raises InputError where a file is missing or bad."""


def measure(taken: Taken, report: Report) -> None:
    """Add what came out of a take to the figures of the run."""
    report.dropped.extend(taken.dropped)
    for sequence in taken.sequences:
        report.count(sequence)
        joints = np.asarray(
            forward_kinematics(
                sequence.local_rotations.astype(np.float64), sequence.root_position_m.astype(np.float64)
            )[0]
        )
        seconds = len(joints) / sequence.fps
        report.skate.append((foot_skate_ratio(joints, sequence.fps), seconds))
        _add_bones(joints, report.bones_m)
    for source in taken.sources:
        standing = source.joints_m - np.array([0.0, 0.0, floor_height_m(source.joints_m, EVERY_JOINT)])
        report.source_skate.append((foot_skate_ratio(standing, source.fps), len(standing) / source.fps))
        _add_bones(source.joints_m, report.source_bones_m)
        for start, end in _limbs():
            theirs, ours = (joints[:, end] - joints[:, start] for joints in (source.joints_m, source.posed_m))
            cross = np.linalg.norm(np.cross(theirs, ours), axis=-1)
            angle = np.degrees(np.arctan2(cross, np.sum(theirs * ours, axis=-1)))
            report.limb_error_deg = max(report.limb_error_deg, float(angle.max()))


def _limbs() -> list[tuple[int, int]]:
    return [(JOINT_INDEX[f"{side}_{start}"], JOINT_INDEX[f"{side}_{end}"]) for side in SIDES for start, end in LIMBS]


def _add_bones(joints_m: NDArray[np.float64], bones_m: dict[str, list[float]]) -> None:
    for start, end in _limbs():
        length = float(np.linalg.norm(joints_m[:, end] - joints_m[:, start], axis=-1).mean())
        bones_m.setdefault(str(end), []).append(length)
