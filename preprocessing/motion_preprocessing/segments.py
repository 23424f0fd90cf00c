"""Cuts recordings into actions: stretches that show one thing each, named by the event that fills them.

Long captures hold many actions one after the other. The measured events say where each begins and ends; where two
overlap, the more telling one keeps its time and the other what is left of its own, in one piece or several. Stretches
without any are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.describe import SALIENCE
from motion_preprocessing.event import Event
from motion_preprocessing.events import detect
from motion_preprocessing.motion_features import measure, runs

SHORTEST_S: Final = 0.5
MARGIN_S: Final = 0.2
"""A segment shows so much of what comes before and after, where no other segment is."""


@dataclass(frozen=True)
class Segment:
    """One action, frames [start, stop) of the recording."""

    start: int
    stop: int
    event: Event
    """What happens; its `kind` names the action."""


def segment_actions(joints_m: NDArray[np.floating[Any]], fps: float) -> tuple[Segment, ...]:
    """Cut a recording of joints (T, 22, 3), metres, z up, into its actions, in order of time; they do not overlap."""
    f = measure(np.asarray(joints_m, dtype=np.float64), fps)
    return cut_by_events(detect(f), f.frames, fps)


def cut_by_events(events: tuple[Event, ...], frames: int, fps: float) -> tuple[Segment, ...]:
    """The same from a recording's events and its length."""
    owner = np.full(frames, -1)
    # From the least telling to the most telling, so that the latter have the last word; of two alike the shorter.
    order = sorted(range(len(events)), key=lambda i: (SALIENCE[events[i].kind], events[i].start_s - events[i].end_s))
    for i in order:
        owner[_frame(events[i].start_s, fps, frames) : _frame(events[i].end_s, fps, frames)] = i
    pieces = []
    for i, event in enumerate(events):
        pieces += [(a, b, event) for a, b in runs(owner == i) if b - a >= SHORTEST_S * fps]
    pieces.sort(key=lambda piece: piece[0])
    margin = round(MARGIN_S * fps)
    found = []
    for place, (start, stop, event) in enumerate(pieces):
        before = pieces[place - 1][1] if place else 0
        after = pieces[place + 1][0] if place + 1 < len(pieces) else frames
        # Two neighbours share the gap between them.
        first = max(start - margin, (before + start + 1) // 2 if place else 0)
        last = min(stop + margin, (stop + after) // 2 if place + 1 < len(pieces) else frames)
        found.append(Segment(first, last, event))
    return tuple(found)


def _frame(second: float, fps: float, frames: int) -> int:
    return min(frames, round(second * fps))
