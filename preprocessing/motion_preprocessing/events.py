"""All events of a motion: the detectors together, and which of their findings explain others away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from motion_preprocessing.event import Event
from motion_preprocessing.limb_events import arms, legs, stillness
from motion_preprocessing.motion_features import ALL_FOURS, KNEELING, LYING, SITTING, UPRIGHT, Features
from motion_preprocessing.posture_events import bends, falls, lunges, postures, somersaults
from motion_preprocessing.travel_events import RUN_M_S, climbs, jumps, locomotion, turns


def detect(f: Features) -> tuple[Event, ...]:
    """All events of a window in the order in which they start."""
    fallen = falls(f)
    tumbles = somersaults(f)
    free = np.ones(f.frames, dtype=bool)
    for event in (*fallen, *tumbles):
        free[int(event.start_s * f.fps) : int(np.ceil(event.end_s * f.fps)) + 1] = False
    on_feet = (f.posture != LYING) & (f.posture != ALL_FOURS) & (f.posture != SITTING) & (f.posture != KNEELING)
    standing = on_feet & free & (f.leg_m > 0.55)
    lying_free = (f.posture != LYING) & (f.posture != ALL_FOURS) & free
    flights = jumps(f) if not tumbles else []
    stepping = standing & (f.tilt_deg < 75)
    events = [
        *fallen,
        *tumbles,
        *postures(f, [*fallen, *tumbles]),
        *flights,
        *locomotion(f, stepping),
        *turns(f, lying_free),
        *lunges(f, free),
        *bends(f, standing & (f.leg_m > 0.6)),
        *arms(f, lying_free & (f.tilt_deg < 50)),
        *legs(f, standing),
        *climbs(f, free & (f.posture != LYING) & (f.posture != SITTING)),
        *stillness(f, (f.posture == UPRIGHT) & free & (f.tilt_deg < 50)),
    ]
    return tuple(sorted(_settled(events), key=lambda e: (e.start_s, e.end_s)))


@dataclass(frozen=True)
class _Rule:
    """Events of `kinds` are dropped when one of `by` covers more than `share` of their time.

    With `near_s` it is enough that one of `by` comes within so many seconds. `same_side` asks for the same limb.
    """

    kinds: tuple[str, ...]
    by: tuple[str, ...]
    share: float = 0.5
    same_side: bool = False
    near_s: float | None = None


_RULES: Final = (
    _Rule(("raise_arm", "hold_arm", "reach"), ("wave",), 0.3, same_side=True),
    _Rule(("gesture",), ("wave",), 0.3),
    _Rule(("reach", "punch", "gesture"), ("walk", "run", "jump", "fall", "pick_up")),
    _Rule(("raise_arm", "hold_arm"), ("hand_to_face",), same_side=True),
    _Rule(("hand_to_face",), ("punch",), near_s=1.0),  # a boxer's guard
    _Rule(("hand_to_face",), ("lunge", "squat_down", "squat", "turn"), 0.4),  # arms held in front for balance
    _Rule(("gesture",), ("raise_arm", "hold_arm", "hand_to_face"), 0.6, same_side=True),
    _Rule(("gesture",), ("raise_arm", "reach"), same_side=True, near_s=0.4),  # an arm on its way up or down
    _Rule(("squat", "squat_down", "kneel", "kneel_down", "rise"), ("lunge",), 0.4),
    _Rule(("bend",), ("lunge", "squat"), 0.5),
    _Rule(("walk",), ("lunge",), 0.6),
    _Rule(("walk",), ("jump",), 0.4),  # the way of a leap is no walk
    _Rule(("raise_arm", "hold_arm", "wave"), ("jump",), 0.9),
    _Rule(("lift_leg", "stand", "reach", "squat_down", "rise"), ("climb",), 0.4),
    _Rule(("walk",), ("climb",), 0.8),
    _Rule(("lift_leg",), ("climb", "sit"), near_s=1.0),  # a foot on its way to or from a step or a stool's rung
    _Rule(("jump",), ("fall",), 0.3),
    _Rule(("bend", "pick_up"), ("sit_down", "stand_up", "squat_down", "get_up", "rise")),
    _Rule(("kick",), ("jump", "climb"), 0.3),
    _Rule(("stand",), ("raise_arm", "hold_arm", "wave", "reach", "lift_leg", "bend", "gesture")),
    _Rule(("squat", "squat_down", "rise"), ("jump",), 0.4),
    _Rule(("squat", "crawl", "kneel", "sit", "bend", "pick_up"), ("fall", "roll", "cartwheel")),
)
"""Which event explains which away: a wave its raised arm, a fall the squat on the way down."""


def _explained(e: Event, rule: _Rule, events: list[Event]) -> bool:
    if e.kind not in rule.kinds:
        return False
    for o in events:
        if o.kind not in rule.by or (rule.same_side and "both" not in (o.side, e.side) and o.side != e.side):
            continue
        together = min(e.end_s, o.end_s) - max(e.start_s, o.start_s)
        if rule.near_s is not None:
            if together > -rule.near_s:
                return True
        elif together > rule.share * max(e.end_s - e.start_s, 1e-6):
            return True
    return False


def _settled(events: list[Event]) -> list[Event]:
    """Let the more telling event explain others away."""
    kept = []
    for e in events:
        if any(_explained(e, rule, events) for rule in _RULES):
            continue
        seconds = e.end_s - e.start_s
        if e.kind == "run" and e.amount < RUN_M_S * seconds and _explained(e, _Rule(("run",), ("jump",), 0.4), events):
            continue  # the bounce was the jump's
        if e.kind == "walk" and e.amount < 0.6 and _explained(e, _Rule(("walk",), ("turn",), 0.6), events):
            continue  # the steps of a turn on the spot
        around = [o for o in events if o.start_s <= e.start_s + 0.5 and e.end_s <= o.end_s + 0.5]
        if e.kind == "turn" and any(o.manner.startswith("circle") for o in around):
            continue
        if e.manner.startswith("veer"):
            turned = [o for o in events if o.kind == "turn" and e.start_s - 0.3 < o.start_s < e.end_s]
            e = replace(e, manner="") if turned else e
        kept.append(e)
    return _boxing(kept)


BOXING_PUNCHES: Final = 3


def _boxing(events: list[Event]) -> list[Event]:
    """Make one event of a row of punches, whichever the hands."""
    punches = [e for e in events if e.kind == "punch"]
    if len(punches) < BOXING_PUNCHES:
        return events
    start, end = min(e.start_s for e in punches), max(e.end_s for e in punches)
    sides = {e.side for e in punches}
    side = sides.pop() if len(sides) == 1 else "both"
    return [e for e in events if e.kind != "punch"] + [Event("punch", start, end, float(len(punches)), side)]
