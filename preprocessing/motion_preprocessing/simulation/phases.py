"""OmniFall's class of every frame, from the phases that a clip was made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.frame_labels import ACTIONS
from motion_preprocessing.sequence import Event


def labels_of_phases(events: tuple[Event, ...], frames: int, fps: float) -> NDArray[np.int64]:
    """Return the class ids (T,): an event named as a class begins a phase that lasts until the next such event.

    Other events (onset, impact) are moments and begin nothing.
    """
    phases = [(event.time_s, ACTIONS.index(event.name)) for event in events if event.name in ACTIONS]
    if not phases:
        raise ValueError("expected at least one phase")
    starts = np.array([round(time_s * fps) for time_s, _ in phases])
    which = np.clip(np.searchsorted(starts, np.arange(frames), side="right") - 1, 0, len(phases) - 1)
    return np.array([label for _, label in phases], dtype=np.int64)[which]
