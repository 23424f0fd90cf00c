"""Clips of a split, and windows of at most six seconds cut from them, for the classifiers of actions."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.dataset import MotionDataset, MotionRecord
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_train.window_topics import Moment, Topics, place

KINDS_OF_TWO: Final = ("help", "wheelchair")
"""What one does with another: the action of who helps and who pushes."""
LONGEST_S: Final = 6.0
"""Windows are no longer."""
_ENOUGH_S: Final = 1.0
"""A window that shows no more than this of an action that a clip tells does not count as showing it."""


class Clips:
    """Clips of a split, what happens in them, and windows cut from them."""

    def __init__(self, data: MotionDataset) -> None:
        """Read them all, and detect their events."""
        self.fps = float(data.fps)
        self.frames = round(LONGEST_S * self.fps)
        self.records = [data[i] for i in range(len(data))]
        self.topics = Topics(self.records, self.fps)
        self.takes = [members[:2] for members in data.pairs()]
        """Two clips each."""

    def cut(self, moment: Moment, rng: np.random.Generator) -> tuple[NDArray[np.float64], int]:
        """Cut a window (T, 22, 3) around a moment; also its first frame."""
        length = min(self.frames, len(self.records[moment.record].pose))
        start = place(moment, len(self.records[moment.record].pose), length, self.fps, rng)
        return self.joints_m(moment.record, start, length), start

    def joints_m(self, record: int, start: int, length: int) -> NDArray[np.float64]:
        """Joints (T, 22, 3) of some frames of a clip."""
        pose = self.records[record].pose[start : start + length, POSITIONS]
        return np.asarray(pose, dtype=np.float64).reshape(-1, JOINT_COUNT, 3)

    def made_of(self, kind: str) -> list[Moment]:
        """When the clips that are made of an action show it."""
        return [moment for i, record in enumerate(self.records) if (moment := made_of(record, i, kind, self.fps))]


def shows_its_own(record: MotionRecord, kind: str, start: int, length: int, fps: float) -> bool:
    """Whether frames of a clip that is made of an action show enough of it."""
    moment = made_of(record, 0, kind, fps)
    return moment is not None and enough(moment.start / fps, moment.stop / fps, start / fps, (start + length) / fps)


def enough(begin_s: float, end_s: float, start_s: float, stop_s: float) -> bool:
    """Whether a window shows more than a second of something, or all of what is shorter."""
    return min(end_s, stop_s) - max(begin_s, start_s) > min(_ENOUGH_S, 0.99 * (end_s - begin_s))


def made_of(record: MotionRecord, index: int, kind: str, fps: float) -> Moment | None:
    """When the person of a clip does the action that it is made of; None where another does it, or nobody."""
    if record.action != kind or (kind != "reach" and record.person_class != "staff"):
        return None
    if kind != "help":
        return Moment(index, 0, len(record.pose))
    # Who helps stands before and after.
    begin = next((event.time_s for event in record.events if event.name == "other"), 0.0)
    later = (event.time_s for event in record.events if event.time_s > begin)
    return Moment(index, int(begin * fps), min(len(record.pose), int(next(later, len(record.pose) / fps) * fps)))
