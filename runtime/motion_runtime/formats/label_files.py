"""Label tables beside video or skeletons: OmniFall's csv of stretches, AVA's csv of one row a second and person."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.describe import ACTIONS
from motion_runtime.formats.action_segments import HAPPENINGS, Segment, frame_actions, segments
from motion_runtime.formats.camera import HEIGHT, WIDTH, camera_for
from motion_runtime.motion import Motion

if TYPE_CHECKING:
    from motion_runtime.views.sight import View

Array = NDArray[np.float64]

OMNIFALL_HEADER: Final = ("path", "label", "start", "end", "subject", "cam", "dataset")
NO_CAMERA: Final = -1
"""`cam` of labels that hold in three dimensions, from wherever one looks."""
DATASET: Final = "scene-motion"
_BODY_MARGIN_M: Final = 0.12
"""From joints to the skin, for boxes."""


def omnifall_csv(motion: Motion, name: str) -> str:
    """Rows `path,label,start,end,subject,cam,dataset`: seconds, dense over everybody's time.

    `subject` is the number of the person in the motion; labels are the numbers of `ACTIONS`.
    """
    rows = [
        (name, s.action, f"{s.start / motion.fps:.3f}", f"{s.stop / motion.fps:.3f}", s.person, NO_CAMERA, DATASET)
        for s in segments(motion)
    ]
    return _csv([OMNIFALL_HEADER, *rows])


def ava_csv(motion: Motion, name: str, views: Sequence[View] = ()) -> str:
    """Rows `video,second,x1,y1,x2,y2,action,person` without a header: boxes in 0 to 1, actions and persons from 1.

    One row a whole second and person, of the frame at that second, and another one at the nearest second for whatever
    happens so fast that it is over before the next: many a fall takes less than a second. Actions are numbers of
    `ACTIONS` plus one. Boxes are those of `camera_for`'s camera, or of what is seen in views: a video NAME_CAMERA each.
    """
    actions = frame_actions(motion)
    frames = np.round(np.arange(math.ceil(motion.frames / motion.fps)) * motion.fps).astype(np.int64)
    frames = frames[frames < motion.frames]
    between = _between(segments(motion), frames)
    videos = {f"{name}_{view.camera.name}": _visible_boxes(view) for view in views} or {name: _still_boxes(motion)}
    rows = []
    for video, boxes in videos.items():
        for second, frame in enumerate(frames):
            for person in range(motion.persons):
                if np.isnan(boxes[person, frame, 0]):
                    continue  # nothing of the person is in the picture
                box = [f"{value:.4f}" for value in boxes[person, frame]]
                done = (int(actions[person, frame]), *between.get((person, second), ()))
                rows += [(video, f"{second:04d}", *box, action + 1, person + 1) for action in done]
    return _csv(rows)


def _visible_boxes(view: View) -> Array:
    """Boxes (P, T, 4) of what a camera sees, in 0 to 1; NaN where it sees nothing."""
    return np.asarray(view.visible / np.tile([view.camera.width, view.camera.height], 2))


def _still_boxes(motion: Motion) -> Array:
    """Boxes (P, T, 4) in the picture of `camera_for`'s camera, in 0 to 1."""
    joints = motion.joints_m.astype(np.float64)
    around = joints[..., None, :] + _BODY_MARGIN_M * np.concatenate([np.eye(3), -np.eye(3)])
    pixels = camera_for(motion).project(around) / (WIDTH, HEIGHT)
    return np.concatenate([pixels.min(axis=(2, 3)), pixels.max(axis=(2, 3))], axis=-1).clip(0, 1)


def _between(stretches: list[Segment], frames: NDArray[np.int64]) -> dict[tuple[int, int], list[int]]:
    """Actions by person and nearest second of what begins and ends between two of the seconds' `frames`."""
    found: dict[tuple[int, int], list[int]] = {}
    for person, action, start, stop in stretches:
        away = np.maximum(np.maximum(start - frames, frames - (stop - 1)), 0)
        second = int(np.argmin(away))
        if away[second] and action in HAPPENINGS and action not in (seen := found.setdefault((person, second), [])):
            seen.append(action)
    return found


def ava_label_map() -> str:
    """The table of AVA's action numbers, in the text form of its label map."""
    items = ("item {\n" f'  name: "{name}"\n' f"  id: {number}\n" "}\n" for number, name in enumerate(ACTIONS, 1))
    return "".join(items)


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all.

    Raises:
        OutputError: The file could not be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def _csv(rows: Iterable[tuple[object, ...]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
