"""A classifier of the actions of one body that has seen recorded and simulated clips of the training split only.

A window of at most six seconds may show several actions, so each has its own yes or no, from statistics of joints in
the body's own frame. What happens in a window is taken from what a simulated clip tells of itself, else from the event
detectors; falls from clips of falls alone. What takes two people is recognised in both: `recognise_two.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.dataset import MotionRecord
from motion_preprocessing.events import detect
from motion_preprocessing.motion_features import measure
from motion_preprocessing.pose_vector import root_orientation
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_train.evaluation.clips import KINDS_OF_TWO, Clips, enough, shows_its_own
from motion_train.evaluation.forest import Forest

Floats = NDArray[np.floating[Any]]
KINDS: Final = ("walk", "turn", "sit_down", "stand_up", "lie_down", "get_up", "fall", "reach", "bend", "wave")
"""Actions that are told apart."""
_SIMULATED: Final = ("walk", "sit_down", "lie_down")
_OF_CLIPS: Final = (*KINDS_OF_TWO, "reach")
"""Actions that clips are made of. Few other clips reach, or move as those who help and push do, so that windows of such
clips are added to those that are drawn around events."""
_CLIP_SHARE: Final = 1 / 15
"""So many windows are added for each, of all."""
_ELBOWS: Final = [JOINT_INDEX["left_elbow"], JOINT_INDEX["right_elbow"]]
_WRISTS: Final = [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]
_SWING_S: Final = 0.9


@dataclass(frozen=True, eq=False)
class Labelled:
    """Windows and what happens in them."""

    joints_m: list[NDArray[np.float64]]
    """Each (T, 22, 3)."""
    shows: NDArray[np.bool_]
    """(N, K) of `KINDS`."""
    records: NDArray[np.int64]
    """(N,) the clip that each is cut from."""


def labelled_windows(clips: Clips, count: int, seed: int) -> Labelled:
    """Cut windows around events of every kind, drawn as training draws them, and say what each shows.

    Clips made of one action come on top, one window each.
    """
    topics = clips.topics
    rng = np.random.Generator(np.random.Philox(key=[seed, 2**44]))
    windows, shows, records = [], [], []
    moments = [topics.draw(rng) for _ in range(count if len(topics) else 0)]
    for kind in _OF_CLIPS:
        having = clips.made_of(kind)
        chosen = rng.permutation(len(having))[: round(count * _CLIP_SHARE)]
        moments += [having[i] for i in chosen]
    for moment in moments:
        joints, start = clips.cut(moment, rng)
        windows.append(joints)
        shows.append(shown(clips.records[moment.record], joints, start, clips.fps))
        records.append(moment.record)
    return Labelled(
        windows, np.array(shows, dtype=np.bool_).reshape(-1, len(KINDS)), np.array(records, dtype=np.int64)
    )


def hands_held(windows: Labelled, fps: float) -> Labelled:
    """Windows that wave once more, with the swing taken out: hands that are held up do not wave."""
    from scipy.ndimage import uniform_filter1d

    wave = KINDS.index("wave")
    chosen = np.flatnonzero(windows.shows[:, wave])
    held = [windows.joints_m[i].copy() for i in chosen]
    for joints in held:
        fore = joints[:, _WRISTS] - joints[:, _ELBOWS]
        joints[:, _WRISTS] = joints[:, _ELBOWS] + uniform_filter1d(fore, round(_SWING_S * fps), axis=0, mode="nearest")
    shows = windows.shows[chosen].copy()
    shows[:, wave] = False
    return Labelled(
        [*windows.joints_m, *held],
        np.concatenate([windows.shows, shows]),
        np.concatenate([windows.records, windows.records[chosen]]),
    )


def shown(record: MotionRecord, joints_m: Floats, start: int, fps: float) -> list[bool]:
    """What a window shows that begins at a frame of a clip."""
    if record.action == "fall":
        return [kind == "fall" or (kind == "walk" and _detected(joints_m, fps, "walk")) for kind in KINDS]
    kinds = {event.kind for event in detect(measure(np.asarray(joints_m, dtype=np.float64), fps))} - {"fall"}
    told = _told(record, start / fps, (start + len(joints_m)) / fps)
    kinds |= told & set(_SIMULATED)
    if "stand_up" in told:
        kinds.add("stand_up" if "chair" in record.source else "get_up")
    if "pick_up" in kinds:
        kinds.add("bend")  # with a hand near the floor
    if record.action == "wheelchair" and record.person_class == "patient":
        kinds -= {"walk", "turn"}  # who is wheeled along does neither
    if shows_its_own(record, "reach", start, len(joints_m), fps):
        kinds.add("reach")
    return [kind in kinds for kind in KINDS]


def _told(record: MotionRecord, start_s: float, stop_s: float) -> set[str]:
    """Phases of a simulated clip of which a window shows enough; each lasts until the next one."""
    ends = [*(event.time_s for event in record.events[1:]), len(record.pose) / record.fps]
    return {
        event.name
        for event, end in zip(record.events, ends, strict=False)
        if enough(event.time_s, end, start_s, stop_s)
    }


def _detected(joints_m: Floats, fps: float, kind: str) -> bool:
    return any(event.kind == kind for event in detect(measure(np.asarray(joints_m, dtype=np.float64), fps)))


def features(joints_m: Floats, fps: float) -> NDArray[np.float32]:
    """Statistics (F,) of a window (T, 22, 3): they do not depend on where it stands and which way it faces."""
    from scipy.ndimage import uniform_filter1d

    joints = np.asarray(joints_m, dtype=np.float64)
    facing = np.unwrap(heading_rad(root_orientation(joints)))
    c, s = np.cos(facing)[:, None], np.sin(facing)[:, None]
    offset = joints - joints[:, :1] * [1, 1, 0]
    own = np.stack([c * offset[..., 0] + s * offset[..., 1], c * offset[..., 1] - s * offset[..., 0], offset[..., 2]])
    velocity = np.gradient(joints, axis=0) * fps
    ahead = c[:, 0] * velocity[:, 0, 0] + s[:, 0] * velocity[:, 0, 1]
    aside = c[:, 0] * velocity[:, 0, 1] - s[:, 0] * velocity[:, 0, 0]
    speed = np.linalg.norm(velocity, axis=-1)
    series = np.concatenate(
        [np.moveaxis(own, 0, -1).reshape(len(joints), -1), speed, velocity[:, 0, 2:], ahead[:, None], aside[:, None]],
        axis=1,
    )  # (T, C)
    quantiles = np.quantile(series, (0.0, 0.1, 0.5, 0.9, 1.0), axis=0)
    # Forearms against the mean of .9 s around: a hand that is held up does not wave.
    fore = own[:, :, _WRISTS] - own[:, :, _ELBOWS]  # (3, T, 2)
    swings = (fore - uniform_filter1d(fore, round(_SWING_S * fps), axis=1)).std(axis=1)
    # How the pelvis and the facing go: the order of things, which quantiles do not tell.
    at = np.linspace(0, len(joints) - 1, 12).round().astype(int)
    course = [joints[at, 0, 2], facing[at] - facing[0], joints[at, 15, 2]]
    turned = [facing.max() - facing.min(), facing[-1] - facing[0], speed[:, 0].sum() / fps]
    step = max(1, round(fps))
    rise = joints[step:, 0, 2] - joints[:-step, 0, 2] if len(joints) > step else np.zeros(1)
    parts = [
        quantiles.ravel(),
        swings,
        np.linalg.norm(swings, axis=0),
        series.std(axis=0),
        series[-1] - series[0],
        *course,
        turned,
        [rise.min(), rise.max()],
    ]
    return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts]).astype(np.float32)


class Recogniser:
    """The classifier."""

    def __init__(self, training: Labelled, fps: float, threads: int = 1) -> None:
        """Learn from labelled windows; actions that fewer than five windows show are left out."""
        self.fps = fps
        self._forest = Forest(self._describe(training.joints_m), training.shows, KINDS, threads)
        self.kinds = self._forest.kinds

    def sees(self, windows: Sequence[Floats]) -> dict[str, NDArray[np.bool_]]:
        """Which windows (N,) show each action."""
        return self._forest.sees(self._describe(windows))

    def _describe(self, windows: Sequence[Floats]) -> NDArray[np.float32]:
        return stacked([features(window, self.fps) for window in windows])


def stacked(described: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Descriptions (F,) as rows; (0, 0) of none."""
    return np.stack(described) if described else np.zeros((0, 0), dtype=np.float32)
