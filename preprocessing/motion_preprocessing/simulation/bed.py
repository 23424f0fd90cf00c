"""Lying down on a bed and getting up from it. The body sits on the edge facing +x; the head end is towards +y."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from motion_preprocessing.simulation.ground import flat_arms, lying_root, resting, side_rest
from motion_preprocessing.simulation.keys import Key
from motion_preprocessing.simulation.solve import Box
from motion_preprocessing.simulation.steps import stance

_FREE = float("nan")


@dataclass(frozen=True)
class Bed:
    """A bed and where on it one lies."""

    top_m: float
    """Height of the mattress."""
    half_width_m: float
    """Half its width."""
    feet_m: float
    """Where the ankles of the sitting body are."""
    in_m: float
    """How far from the sitting place the pelvis of the lying body is."""

    @property
    def sit_m(self) -> float:
        """Height of the pelvis of somebody who sits on the edge."""
        return self.top_m + 0.12

    def boxes(self) -> tuple[Box, ...]:
        """The bed as furniture."""
        return (Box("bed", (0.14 - self.half_width_m, 0.0), (self.half_width_m, 1.02), self.top_m, give_m=0.03),)


def draw_bed(rng: np.random.Generator) -> Bed:
    """Draw a bed."""
    half = float(rng.uniform(0.42, 0.7))
    return Bed(float(rng.uniform(0.40, 0.58)), half, float(rng.uniform(0.32, 0.38)), float(rng.uniform(0.30, 0.5)))


def flat(bed: Bed, seconds: float, rng: np.random.Generator, left_deg: float = 0.0) -> Key:
    """Lie in bed, on the back or rolled to the left."""
    fold = min(1.0, abs(left_deg) / 80)
    bent = float(rng.choice([0.0, 0.0, 25.0]))
    angles = {
        "hip.y_l": -6 - 40 * fold - bent * rng.random(), "knee_l": 9 + 62 * fold + 2 * bent * rng.random(),
        "hip.y_r": -6 - 52 * fold - bent, "knee_r": 9 + 72 * fold + 1.9 * bent, "hip.x": 5.0,
        "shoulder.x": -72.0 + 20 * rng.random(), "elbow": -15 - 50 * rng.random(), "shoulder.y": -45 * fold,
        "neck.y": 10.0, "head.y": 8.0, "head.z": rng.uniform(-25, 25), "ankle.y": 25.0,
    }  # fmt: skip
    x = -bed.in_m
    touch = (
        side_rest(bed.top_m)
        if fold > 0.7
        else resting(bed.top_m + 0.1 + 0.06 * fold, bed.top_m + 0.13) | flat_arms(bed.top_m)
    )
    return Key(seconds, angles, (x, -0.12, bed.top_m + 0.1 + 0.06 * fold), root=lying_root(left_deg, 90.0), touch=touch)


def log_roll(bed: Bed, rng: np.random.Generator) -> list[Key]:
    """From sitting on the edge over the left side onto the back."""
    top, feet = bed.top_m, stance(bed.feet_m, 0.0, 0.0, 0.1)
    elbow = {"elbow_l": (-0.08, 0.40, top + 0.045)}
    return [
        Key(1.1, {"hip.y": -82, "knee": 82, "spine.x": -18, "neck.x": 8, "shoulder.x_l": -50, "elbow_l": -60,
                  "shoulder.y_l": -10, "shoulder.y_r": -45, "shoulder.x_r": -88, "elbow_r": -30},
            (-0.06, -0.02, bed.sit_m), (0.0, 8.0, -38.0), feet | elbow | {"hand_r": (0.0, 0.26, top + 0.06)}),
        Key(1.0, {"hip.y": -82, "knee": 84, "spine.x": -8, "neck.x": 6, "shoulder.x_l": -40, "elbow_l": -75,
                  "shoulder.y_l": -45, "shoulder.y_r": -60, "shoulder.x_r": -85, "elbow_r": -35},
            (-0.15, -0.05, top + 0.16), root=np.asarray(lying_root(76.0, 84.0)),
            touch={"seat": (_FREE, _FREE, top + 0.16), "hand_r": (0.02, 0.30, top + 0.06),
                   "elbow_l": (-0.06, 0.36, top + 0.045)}),
        Key(0.9, {"hip.y": -62, "knee": 80, "shoulder.x_l": -35, "elbow_l": -80, "shoulder.y_l": -60,
                  "shoulder.y_r": -50, "shoulder.x_r": -80, "elbow_r": -45, "neck.y": 8},
            (-0.27, -0.10, top + 0.17), root=np.asarray(lying_root(82.0, 90.0)), touch=side_rest(top)),
        Key(1.1, {"hip.y": -45, "knee": 80, "shoulder.x": -66, "elbow": -40, "neck.y": 10, "head.y": 6},
            (-bed.in_m, -0.12, top + 0.11), root=np.asarray(lying_root(8.0, 90.0)),
            touch=resting(top + 0.11, top + 0.13) | {"foot_l": (-bed.in_m + 0.1, -0.58, -90.0, top),
                                                     "foot_r": (-bed.in_m - 0.1, -0.58, -90.0, top)}),
    ]  # fmt: skip


def pivot(bed: Bed, rng: np.random.Generator) -> list[Key]:
    """From sitting on the edge by swinging the legs up while leaning back on the hands."""
    top, x = bed.top_m, -bed.in_m
    return [
        Key(0.8, {"hip.y": -86, "knee": 76, "spine.y": 18, "shoulder.y": 25, "shoulder.x": -62, "elbow": -15},
            (-0.08, 0.0, bed.sit_m), (-18.0, -8.0, 0.0),
            stance(bed.feet_m, 0.0, 0.0, 0.1)
            | {"hand_l": (-0.06, 0.30, top + 0.05), "hand_r": (-0.36, 0.08, top + 0.05)}),
        Key(0.9, {"hip.y": -98, "knee": 62, "spine.y": 30, "shoulder.y": 25, "shoulder.x": -60, "elbow": -20},
            (-0.20, -0.03, bed.sit_m), (-55.0, -16.0, 0.0),
            {"hand_l": (-0.06, 0.30, top + 0.05), "hand_r": (-0.42, 0.14, top + 0.05)}),
        Key(0.9, {"hip.y": -76, "knee": 24, "spine.y": 30, "shoulder.y": 25, "shoulder.x": -62, "elbow": -20},
            (x, -0.08, bed.sit_m), (-88.0, -14.0, 0.0),
            {"hand_l": (x + 0.24, 0.12, top + 0.05), "hand_r": (x - 0.24, 0.12, top + 0.05)}),
        Key(0.9, {"hip.y": -34, "knee": 16, "spine.y": 42, "neck.y": 24, "shoulder.y": 20, "shoulder.x": -58,
                  "elbow": -80},
            (x, -0.12, top + 0.11), (-90.0, -48.0, 0.0),
            {"elbow_l": (x + 0.24, 0.13, top + 0.045), "elbow_r": (x - 0.24, 0.13, top + 0.045)}),
    ]  # fmt: skip
