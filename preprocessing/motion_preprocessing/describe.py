"""Words for measured motion: sentences such as 'a person walks forward, turns left and sits down'.

`describe` measures a window of motion and words its events in several ways, so that text is grounded in the motion
where nobody wrote one. `frame_labels` gives the same detectors' verdict as a dense label a frame.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captions import inflect
from motion_preprocessing.event import Event
from motion_preprocessing.event_phrases import PHRASES
from motion_preprocessing.events import detect
from motion_preprocessing.frame_labels import ACTIONS
from motion_preprocessing.frame_labels import omnifall_labels as action_labels
from motion_preprocessing.motion_features import measure

__all__ = ["ACTIONS", "Description", "Event", "action_labels", "describe"]


@dataclass(frozen=True)
class Description:
    """What happens in a window of motion."""

    events: tuple[Event, ...]
    """In the order in which they start."""
    sentences: tuple[str, ...]
    """Different wordings without full stops, from terse to detailed."""


SUBJECTS: Final = ("a person", "someone", "a person", "a man", "a woman", "the person", "somebody")

SALIENCE: Final[dict[str, float]] = {
    "fall": 10, "get_up": 9, "sit_down": 9, "stand_up": 9, "lie_down": 9, "jump": 8.5, "roll": 8, "cartwheel": 8,
    "climb": 8, "kick": 7, "kneel_down": 7, "sit_up": 7, "squat_down": 7, "lunge": 7, "twist": 3.5, "pick_up": 7,
    "wave": 7, "walk": 6, "run": 6.5, "turn": 6, "crawl": 6, "lie": 6, "sit": 5.5, "bend": 5.5, "kneel": 5,
    "raise_arm": 5, "punch": 5, "get_up_to": 5, "rise": 4.5, "lift_leg": 4.5, "hand_to_face": 3.8, "squat": 4,
    "hold_arm": 4, "reach": 4, "gesture": 2, "stand": 1.5,
}  # fmt: skip
"""How much an event deserves to be told; the most salient few are told, in order of time."""

_WHILE: Final = frozenset(["raise_arm", "hold_arm", "reach", "wave", "gesture", "punch", "lift_leg", "hand_to_face"])
"""Events that can accompany another one."""


def _repeats(events: list[Event]) -> list[tuple[Event, int]]:
    """Join events of one kind and side that follow each other: the first of them and how many there are."""
    joined: list[tuple[Event, int]] = []
    for e in events:
        if joined and (joined[-1][0].kind, joined[-1][0].side) == (e.kind, e.side):
            first, count = joined[-1]
            if e.kind in ("walk", "run", "climb") and (first.amount > 0) == (e.amount > 0):
                # Walking on after a pause is one walk; its paths add up.
                manner = e.manner if e.kind == "climb" else ""
                joined[-1] = (Event(e.kind, first.start_s, e.end_s, first.amount + e.amount, e.side, manner), 1)
            elif e.kind == "climb" or (e.kind == "turn" and abs(first.amount - e.amount) > 40):
                joined.append((e, 1))
            else:
                joined[-1] = (first, count + 1)
        else:
            joined.append((e, 1))
    return joined


_NO_COUNT: Final = frozenset(
    ["walk", "run", "sit", "lie", "stand", "kneel", "squat", "crawl", "gesture", "hold_arm", "hand_to_face"]
)


def _clause(e: Event, count: int, detailed: bool, rng: np.random.Generator) -> str:
    options = PHRASES[e.kind](e, detailed)
    phrase = options[int(rng.integers(len(options)))]
    if count > 1 and e.kind not in _NO_COUNT and " and " not in phrase:
        phrase += " twice" if count == 2 else " several times"
    return phrase


def _choose(events: tuple[Event, ...], limit: int) -> list[Event]:
    """Take the most salient events, in order of time, without states that a transition has told already."""
    told = {"sit": ("sit_down",), "lie": ("lie_down", "fall"), "kneel": ("kneel_down",), "squat": ("squat_down",)}
    useful = []
    for e in events:
        before = [o for o in events if o.end_s <= e.start_s + 0.6 and o.start_s <= e.start_s]
        if e.kind in told and any(o.kind in told[e.kind] and e.start_s - o.end_s < 0.6 for o in before) and limit < 4:
            continue
        useful.append(e)

    def score(e: Event) -> float:
        length = e.end_s - e.start_s
        value = SALIENCE[e.kind] + 0.25 * min(length, 4.0)
        if e.kind in ("walk", "run"):
            value += min(e.amount, 4.0) * 0.5 - 1.5 * (e.amount < 0.8)
        if e.kind == "turn":
            value += 0.01 * min(abs(e.amount), 180) - 1.5 * (abs(e.amount) < 65)
        return value

    ranked = sorted(useful, key=score, reverse=True)[:limit]
    # A turn is told where its middle lies, so that what one turns out of comes first.
    return sorted(ranked, key=lambda e: (e.start_s + e.end_s) / 2 if e.kind == "turn" else e.start_s + 0.1)


def _companion(events: list[Event]) -> tuple[Event, Event] | None:
    """Find an arm or leg event that runs along with a walk, a sitting or a standing: 'walks while waving'."""
    for e in events:
        if e.kind not in _WHILE:
            continue
        for o in events:
            together = min(e.end_s, o.end_s) - max(e.start_s, o.start_s)
            if o.kind in ("walk", "run", "sit", "kneel", "stand") and together > 0.6 * (e.end_s - e.start_s):
                return o, e
    return None


def _sentence(chosen: list[Event], detailed: bool, rng: np.random.Generator) -> str:
    subject = SUBJECTS[int(rng.integers(len(SUBJECTS)))]
    progressive = rng.random() < 0.35
    pair = _companion(chosen) if rng.random() < 0.6 else None
    clauses: list[str] = []
    for e, count in _repeats([c for c in chosen if pair is None or c is not pair[1]]):
        clause = _clause(e, count, detailed, rng)
        if pair is not None and e.start_s <= pair[0].start_s and e.kind == pair[0].kind and "while" not in clause:
            extra = inflect(_clause(pair[1], 1, detailed, rng).split(" and ")[0], "gerund")
            clause += f" while {extra}"
            pair = None
        if clause not in clauses[-1:]:
            clauses.append(clause)
    if clauses[0].startswith("*be "):
        progressive = False
    return _tell(subject, clauses, progressive, rng)


def _tell(subject: str, clauses: list[str], progressive: bool, rng: np.random.Generator) -> str:
    last = clauses[-1]
    tail = ""
    if len(clauses) > 1:
        if len(clauses) == 2 and rng.random() < 0.25 and not last.startswith("*be "):
            tail = f" before {inflect(last, 'gerund')}"
        else:
            joins = (" and ", " and then ", ", then ") if " and " not in "".join(clauses) else (", then ", " and then ")
            tail = joins[int(rng.integers(len(joins)))] + inflect(last, "third")
        clauses = clauses[:-1]
    first = inflect(clauses[0], "progressive" if progressive else "third")
    rest = [inflect(clause, "third") for clause in clauses[1:]]
    return f"{subject} {'is ' if progressive else ''}{', '.join([first, *rest])}{tail}"


def describe(
    joints_m: NDArray[np.floating[Any]],
    fps: float,
    rng: np.random.Generator,
    max_sentences: int = 4,
    without: Collection[str] = (),
) -> Description:
    """Measure a window of motion and word it.

    Args:
        joints_m: (T, 22, 3) joint positions, metres, Z up, the floor at z = 0.
        fps: Frames a second.
        rng: Draws subjects, wordings and how much is told.
        max_sentences: At most so many sentences; at least one is given.
        without: Kinds of event that are known not to happen.
    """
    found = detect(measure(np.asarray(joints_m, dtype=np.float64), fps))
    events = tuple(event for event in found if event.kind not in without)
    return Description(events, _sentences(events, rng, max_sentences))


def _sentences(events: tuple[Event, ...], rng: np.random.Generator, max_sentences: int) -> tuple[str, ...]:
    if not events:
        # No detector fires: say only what is certain.
        calm = ("moves a little", "shifts about", "makes small movements")
        return tuple(f"a person {phrase}" for phrase in calm[:max_sentences])
    found: dict[str, None] = {}
    # The first is terse, the following tell more; a window of one event has only one length.
    limits = (2, 3, 1, 4, 3, 2, 4, 3)
    for turn in range(4 * max_sentences):
        chosen = _choose(events, limits[turn % len(limits)]) or list(events[:1])
        found.setdefault(_sentence(chosen, detailed=turn % 2 == 1, rng=rng))
        if len(found) == max_sentences:
            break
    return tuple(found)
