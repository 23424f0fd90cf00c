"""OmniFall's class of every frame, by rule from postures and events.

States come from the posture of the frame, transitions and jumps from the events, which overrule the states they lead
to. Lying that follows a fall is 'fallen' until the person rises. On the feet, a frame is 'walk' where the body travels
and the feet step, 'standing' where the legs are nearly straight and the trunk upright, else 'other' (a lunge, a bow).
No posture is so short that nobody could say that it was seen: such frames belong to what is beside them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.event import Event
from motion_preprocessing.events import detect
from motion_preprocessing.motion_features import (
    ALL_FOURS,
    KNEELING,
    LYING,
    SITTING,
    SQUATTING,
    UPRIGHT,
    Features,
    measure,
)
from motion_preprocessing.travel_events import MOVING_M_S, stepping

ACTIONS: Final = (
    "walk", "fall", "fallen", "sit_down", "sitting", "lie_down", "lying", "stand_up", "standing", "other", "kneel_down",
    "kneeling", "squat_down", "squatting", "crawl", "jump",
)  # fmt: skip
"""OmniFall's classes; the index is the class id. Running counts as walk, as there is no class of its own."""

STANDING_LEG_M: Final = 0.76
"""Pelvis over the lower foot: less is a lunge or a crouch, .93 a straight stand."""
STANDING_TILT_DEG: Final = 40.0
SHORTEST_S: Final = 0.2
"""A shorter stretch of a posture is a flicker at the border of two others; an event may be as short as it is."""

SOON_S: Final = 2.0
"""Who rises no later from hands and knees, on which they got up, does it in one."""

_ACTION: Final = {name: index for index, name in enumerate(ACTIONS)}
_RESTS: Final = tuple(_ACTION[name] for name in ("standing", "sitting", "lying", "kneeling", "squatting"))
_OF_STATE: Final = {"sit": "sitting", "lie": "lying", "kneel": "kneeling", "squat": "squatting", "crawl": "crawl"}
_OF_EVENT: Final = (
    ("sit_down", "sit_down"), ("lie_down", "lie_down"), ("kneel_down", "kneel_down"), ("squat_down", "squat_down"),
    ("stand_up", "stand_up"), ("get_up", "stand_up"), ("rise", "stand_up"), ("get_up_to", "stand_up"),
    ("sit_up", "stand_up"), ("bend", "other"), ("pick_up", "other"), ("roll", "other"), ("cartwheel", "other"),
    ("climb", "other"), ("kick", "other"), ("lunge", "other"), ("jump", "jump"), ("fall", "fall"),
)  # fmt: skip


def omnifall_labels(joints_m: NDArray[np.floating[Any]], fps: float) -> NDArray[np.int64]:
    """Return OmniFall's class id of every frame (T,), as `ACTIONS` numbers them.

    Args:
        joints_m: (T, 22, 3) joint positions of captured or generated motion, metres, Z up, the floor at z = 0.
        fps: Frames a second.
    """
    f = measure(np.asarray(joints_m, dtype=np.float64), fps)
    return labels_of_events(f, detect(f))


def labels_of_events(f: Features, events: tuple[Event, ...]) -> NDArray[np.int64]:
    """The same from a measured motion and its events."""
    labels = np.full(f.frames, _ACTION["other"], dtype=np.int64)
    feet = (f.posture == UPRIGHT) | ((f.leg_m > 0.6) & (f.tilt_deg < 60))
    walking = feet & (f.speed_m_s > MOVING_M_S) & stepping(f)
    labels[feet & (f.leg_m > STANDING_LEG_M) & (f.tilt_deg < STANDING_TILT_DEG)] = _ACTION["standing"]
    labels[walking] = _ACTION["walk"]
    states = {SITTING: "sitting", KNEELING: "kneeling", SQUATTING: "squatting", LYING: "lying", ALL_FOURS: "crawl"}
    for posture, name in states.items():
        labels[f.posture == posture] = _ACTION[name]

    def span(e: Event) -> slice:
        return slice(int(round(e.start_s * f.fps)), max(int(round(e.end_s * f.fps)), int(round(e.start_s * f.fps)) + 1))

    for e in events:  # states as stretches fill the flickers of the postures
        if e.kind in _OF_STATE:
            labels[span(e)] = _ACTION[_OF_STATE[e.kind]]
    told = np.zeros(f.frames, dtype=np.bool_)
    for kind, name in _OF_EVENT:
        for e in events:
            if e.kind == kind and (kind != "get_up_to" or _goes_on_up(e, events)):
                labels[span(e)] = _ACTION[name]
                told[span(e)] = True
    _join_flickers(labels, told, SHORTEST_S * f.fps)
    rising = ("get_up", "stand_up", "get_up_to", "sit_up", "rise")
    rises = [int(round(e.start_s * f.fps)) for e in events if e.kind in rising]
    for e in events:
        if e.kind == "fall":
            stop = span(e).stop
            until = min([r for r in rises if r >= stop], default=f.frames)
            down = np.isin(labels[stop:until], [_ACTION[n] for n in ("lying", "other", "crawl", "lie_down", "sitting")])
            labels[stop:until][down] = _ACTION["fallen"]
    return labels


def _goes_on_up(event: Event, events: tuple[Event, ...]) -> bool:
    """Whether who gets from lying onto hands and knees, or onto the knees, soon rises from there.

    Else nobody stands up: they crawl or kneel, which the postures say.
    """
    # Both are widened over the frames in between, and may overlap.
    return any(e.kind in ("get_up", "rise") and event.start_s < e.start_s < event.end_s + SOON_S for e in events)


def _join_flickers(labels: NDArray[np.int64], told: NDArray[np.bool_], shortest: float) -> None:
    """Give stretches of fewer frames than `shortest`, in which no event is `told`, to their longer neighbours.

    A rest between two events is what the first leads to, and stays: the deepest moment of a squat.
    """
    while True:
        edges = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1, [len(labels)]])
        lengths = np.diff(edges)
        eventful = np.logical_or.reduceat(told, edges[:-1])
        between = np.pad(eventful[:-2] & eventful[2:], 1)[: len(lengths)] & np.isin(labels[edges[:-1]], _RESTS)
        short = np.flatnonzero((lengths < shortest) & ~eventful & ~between)
        if not len(short) or len(lengths) == 1:
            return
        # The shortest first, so that what two flickers cut in three is whole again before it is looked at.
        at = int(short[np.argmin(lengths[short])])
        beside = [i for i in (at - 1, at + 1) if 0 <= i < len(lengths)]
        labels[edges[at] : edges[at + 1]] = labels[edges[max(beside, key=lambda i: lengths[i])]]
