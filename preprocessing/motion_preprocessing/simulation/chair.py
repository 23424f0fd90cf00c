"""Sitting down on and standing up from a seat. The seat stands at the origin and its front faces +x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from motion_preprocessing.simulation.keys import Key
from motion_preprocessing.simulation.solve import Box
from motion_preprocessing.simulation.steps import ARMS_DOWN, stance

ARMS = ("thighs", "armrests", "seat", "front", "crossed")


@dataclass(frozen=True)
class Seat:
    """A seat and how it is used."""

    pelvis_m: float
    """Height of the pelvis joint of somebody who sits."""
    feet_m: float
    """Distance of the ankles from the pelvis of somebody who sits."""
    half_m: float
    """Half the distance of the feet."""
    arms: str
    """One of ARMS: what the hands do on the way down and up."""
    back: bool
    """Whether there is a backrest to lean on."""
    lean_deg: float
    """How far the trunk bends on the way."""
    tempo: float
    """Factor on times."""

    @property
    def feet(self) -> dict[str, tuple[float, ...]]:
        """The contacts of the feet in front of the seat."""
        return stance(self.feet_m, 0.0, 0.0, self.half_m)

    def boxes(self) -> tuple[Box, ...]:
        """The seat as furniture."""
        top = self.pelvis_m - 0.10
        seat = Box("chair" if self.back else "stool", (-0.06, 0.0), (0.24, 0.23), top, give_m=0.09)
        rest = Box("chair", (-0.33, 0.0), (0.03, 0.23), top + 0.42)
        return (seat, rest) if self.back else (seat,)


def draw_seat(rng: np.random.Generator) -> Seat:
    """Draw a seat and a way to use it."""
    return Seat(
        pelvis_m=float(rng.uniform(0.50, 0.62)),
        feet_m=float(rng.uniform(0.30, 0.40)),
        half_m=float(rng.uniform(0.08, 0.14)),
        arms=str(rng.choice(ARMS, p=(0.3, 0.25, 0.15, 0.2, 0.1))),
        back=bool(rng.random() < 0.6),
        lean_deg=float(rng.uniform(26, 46)),
        tempo=float(rng.choice([0.8, 1.0, 1.25, 1.7]) * rng.uniform(0.88, 1.14)),
    )


def _hands(seat: Seat, phase: str) -> tuple[dict[str, float], dict[str, tuple[float, ...]]]:
    """Arm angles and hand contacts of a phase: 'bent' (off the seat), 'low' (meeting it), 'sat'."""
    if seat.arms == "thighs" or phase == "sat":
        bend = {"bent": (-38.0, -82.0, -30.0), "low": (-36.0, -80.0, -48.0), "sat": (-26.0, -80.0, -52.0)}[phase]
        return {"shoulder.y": bend[0], "shoulder.x": bend[1], "elbow": bend[2]}, {}
    if seat.arms == "crossed":
        return {"shoulder.y": -38.0, "shoulder.x": -82.0, "elbow": -108.0, "shoulder.y'": -48.0}, {}
    if seat.arms == "front":
        return {"shoulder.y": -62.0, "shoulder.x": -84.0, "elbow": -18.0}, {}
    rest = (0.06, 0.29, seat.pelvis_m + 0.12) if seat.arms == "armrests" else (-0.04, 0.27, seat.pelvis_m - 0.05)
    touch: dict[str, tuple[float, ...]] = {"hand_l": rest, "hand_r": (rest[0], -rest[1], rest[2])}
    return {"shoulder.y": 12.0, "shoulder.x": -66.0, "elbow": -40.0}, touch


def standing(seat: Seat, seconds: float, stand_m: float = 0.93) -> Key:
    """Stand in front of the seat, the back to it."""
    return Key(
        seconds, ARMS_DOWN, (seat.feet_m + 0.03, 0.0, stand_m), (0.0, 2.0, 0.0), seat.feet,
        balance_m=(seat.feet_m + 0.05, 0.0),
    )  # fmt: skip


def seated(seat: Seat, seconds: float, lean_deg: float = 0.0, turn_deg: float = 0.0, **angles: float) -> Key:
    """Sit, upright or leaning back."""
    arms, _ = _hands(seat, "sat")
    back = -9.0 if seat.back else 2.0
    return Key(
        seconds, arms | {"spine.y": 6.0, "hip.y": -84.0, "knee": 84.0, "head.z": turn_deg, "neck.z": 0.6 * turn_deg}
        | angles,
        (-0.02, 0.0, seat.pelvis_m), (0.15 * turn_deg, back + lean_deg, 0.0),
        seat.feet | {"seat": (-0.02, 0.0, seat.pelvis_m)},
    )  # fmt: skip


def _transfer(seat: Seat, up: bool) -> list[Key]:
    """The keys between sitting and standing, in the order of sitting down."""
    low, low_touch = _hands(seat, "low")
    bent, bent_touch = _hands(seat, "bent")
    lean, f = seat.lean_deg, seat.feet_m
    high = 0.5 * (seat.pelvis_m + 0.93)
    touch_high = {} if (up and seat.arms != "armrests") or high > seat.pelvis_m + 0.2 else bent_touch
    return [
        Key(0.55, bent | {"hip.y": -62.0, "knee": 48.0, "spine.y": 0.4 * lean, "head.y": -8.0},
            (f - 0.13, 0.0, high + 0.05), (0.0, 0.8 * lean, 0.0), seat.feet | touch_high, balance_m=(f + 0.04, 0.0)),
        Key(0.45, low | {"hip.y": -90.0, "knee": 76.0, "spine.y": 0.5 * lean, "head.y": -12.0, "ankle.y": -15.0},
            (0.07, 0.0, seat.pelvis_m + 0.08), (0.0, lean, 0.0), seat.feet | low_touch, balance_m=(f - 0.04, 0.0)),
        Key(0.35, low | {"hip.y": -95.0, "knee": 82.0, "spine.y": 0.5 * lean, "head.y": -10.0},
            (0.01, 0.0, seat.pelvis_m), (0.0, 0.75 * lean, 0.0),
            seat.feet | low_touch | {"seat": (0.01, 0.0, seat.pelvis_m)}),
    ]  # fmt: skip


def _at(key: Key, seconds: float, **changes: Any) -> Key:
    values = {name: getattr(key, name) for name in key.__dataclass_fields__} | {"seconds": seconds} | changes
    return Key(**values)


def sit_down(seat: Seat) -> list[Key]:
    """From standing to sitting, without either."""
    return [_at(key, key.seconds * seat.tempo) for key in _transfer(seat, False)]


def stand_up(seat: Seat, rocks: int = 0) -> list[Key]:
    """From sitting to standing, without either; `rocks` vain tries come first."""
    high, low, sat = _transfer(seat, True)
    lean = seat.lean_deg
    forward = _at(sat, 0.6 * seat.tempo, turn_deg=(0.0, 1.05 * lean, 0.0))
    vain: list[Key] = []
    for _ in range(rocks):
        vain.append(_at(forward, 0.55 * seat.tempo))
        vain.append(_at(sat, 0.5 * seat.tempo, turn_deg=(0.0, 0.25 * lean, 0.0)))
    return [*vain, forward, _at(low, 0.35 * seat.tempo), _at(high, 0.5 * seat.tempo)]
