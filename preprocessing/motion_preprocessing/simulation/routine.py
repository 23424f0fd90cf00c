"""A motion to be made from key poses: its parts, the recorded walks before and after it, and its words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from motion_preprocessing.simulation.hinges import Pose
from motion_preprocessing.simulation.keys import Key, mirrored_key
from motion_preprocessing.simulation.solve import Box
from motion_preprocessing.simulation.steps import Arrival, Departure, Junction, arrive, depart

Rng = np.random.Generator


@dataclass(frozen=True)
class Part:
    """A stretch of a routine."""

    label: str
    """Its OmniFall class."""
    keys: list[Key]
    """Its key poses."""
    phrases: tuple[str, ...]
    """Ways to say it, after a subject; empty where it goes without saying."""
    main: bool = False
    """Whether a short caption tells this part."""


@dataclass(frozen=True)
class Routine:
    """A whole motion to be made."""

    kind: str
    parts: list[Part]
    boxes: tuple[Box, ...]
    slow: bool
    arrival: Arrival | None = None
    departure: Departure | None = None
    tags: dict[str, str] = field(default_factory=dict)
    """What was drawn, for the tables."""

    @property
    def keys(self) -> list[Key]:
        """All key poses."""
        return [key for part in self.parts for key in part.keys]

    @property
    def lead(self) -> Pose | None:
        """Frames before the first key."""
        return None if self.arrival is None else self.arrival.lead

    @property
    def trail(self) -> Pose | None:
        """Frames from the last key on."""
        return None if self.departure is None else self.departure.trail


@dataclass(frozen=True)
class Walks:
    """Recorded walks to come from and to go into."""

    into: list[Junction]
    """With at least `frames` frames before the junction."""
    out: list[Junction]
    """With at least `frames` frames after it."""
    frames: int


def mirrored_part(part: Part, mirror: bool) -> Part:
    """Exchange left and right of a part's keys, if asked to."""
    return replace(part, keys=[mirrored_key(key) for key in part.keys]) if mirror else part


def _pick(items: list[Junction], rng: Rng) -> Junction:
    return items[int(rng.integers(len(items)))]


def draw_tempo(rng: Rng) -> float:
    """Draw a factor on times: brisk, usual or slow."""
    return float(rng.choice([0.75, 0.9, 1.05, 1.35]) * rng.uniform(0.9, 1.12))


def _turn_words(come_deg: float) -> tuple[str, ...]:
    side = "left" if come_deg > 0 else "right"
    if abs(come_deg) > 130:
        return (f"turns around to the {side}", "turns around", f"makes a half turn to the {side}")
    if abs(come_deg) > 40:
        return (f"turns to the {side}", f"makes a turn to the {side}")
    return ()


def walk_in(
    rng: Rng, walks: Walks, at: tuple[float, float], come_deg: float, half_m: float, where: str
) -> tuple[Arrival, list[Part]]:
    """Draw a recorded walk that comes to a stand at a place, with its words."""
    found = arrive(
        _pick(walks.into, rng), walks.frames, np.array(at), 0.0, come_deg, float(rng.uniform(0.95, 1.2)), half_m=half_m
    )
    words = (f"walks to {where}", f"walks up to {where}", f"approaches {where}", f"comes walking to {where}")
    parts = [Part("walk", found.keys, words)]
    turned = _turn_words(come_deg)
    if turned:
        parts.append(Part("standing", [], turned))
    return found, parts


def walk_out(
    rng: Rng, walks: Walks, at: tuple[float, float], half_m: float, turns: tuple[float, ...]
) -> tuple[Departure, list[Part]]:
    """Draw a recorded walk that goes off from a place, with its words."""
    way = float(rng.choice(turns) * rng.uniform(0.8, 1.1))
    found = depart(
        _pick(walks.out, rng), walks.frames, np.array(at), 0.0, way, float(rng.uniform(0.95, 1.2)), half_m=half_m
    )
    words = ("walks away", "walks off", "walks forward", "goes away")
    parts = [Part("standing", found.keys[:-1], _turn_words(way)), Part("walk", found.keys[-1:], words)]
    return found, parts


_SUBJECTS: Final = ("a person", "someone", "the person", "a human")
_PATIENTS: Final = ("a patient", "the patient", "an elderly person")


def words(routine: Routine, patient: bool, rng: Rng, count: int = 7) -> tuple[str, ...]:
    """Word a routine: short sentences that tell the main parts, long ones that tell all."""
    subjects = _SUBJECTS + (_PATIENTS if patient else ())
    found: dict[str, None] = {}
    told = [part for part in routine.parts if part.phrases]
    for turn in range(6 * count):
        chosen = [part for part in told if part.main] if turn % 3 == 0 else told
        phrases = [str(rng.choice(part.phrases)) for part in chosen]
        phrases = [phrase for phrase in phrases if phrase]
        if routine.slow and rng.random() < 0.5:
            main = [i for i, part in enumerate(chosen) if part.main]
            if main and len(phrases) == len(chosen):
                phrases[main[0]] = f"slowly {phrases[main[0]]}"
        joined = phrases[0]
        for i, phrase in enumerate(phrases[1:], 1):
            last = i == len(phrases) - 1
            joiner = (" and ", " and then ", ", then ")[int(rng.integers(3))] if last else ", "
            joined += (joiner if " and " not in joined or not last else ", then ") + phrase
        found.setdefault(f"{subjects[int(rng.integers(len(subjects)))]} {joined}")
        if len(found) == count:
            break
    return tuple(found)
