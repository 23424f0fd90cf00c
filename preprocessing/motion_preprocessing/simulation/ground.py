"""Lying down on the floor and getting up from it, in several ways.

All keys stand in one frame: on hands and knees, kneeling and standing the body faces +x about the origin, and a lying
body's head points to +x. The left side leads; mirrored keys lead with the right.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.simulation.hinges import Array
from motion_preprocessing.simulation.keys import Key
from motion_preprocessing.simulation.solve import Box
from motion_preprocessing.simulation.steps import ARMS_DOWN, stance

Touch = dict[str, tuple[float, ...]]
_FREE = float("nan")
KNEES_X = -0.40
FEET_X = -0.02


def lying_root(left_deg: float, head_deg: float = 0.0) -> Array:
    """Orientation of a lying pelvis, rolled `left_deg` from the back (90 left side, 180 prone), head to `head_deg`."""
    about = np.radians([[0.0, 0.0, 180.0 + head_deg], [-left_deg, 0.0, 0.0], [0.0, -90.0, 0.0]])
    head, roll, back = (np.asarray(matrix_from_rotation_vector(row)) for row in about)
    return np.asarray(head @ roll @ back)


def reverse(keys: list[Key], first_s: float = 0.5) -> list[Key]:
    """Return the keys in the opposite order, with the times between them kept."""
    seconds = [first_s, *(key.seconds for key in reversed(keys[1:]))]
    return [replace(key, seconds=s) for key, s in zip(reversed(keys), seconds, strict=True)]


def slower(keys: list[Key], factor: float) -> list[Key]:
    """Stretch the times of keys."""
    return [replace(key, seconds=key.seconds * factor) for key in keys]


def resting(pelvis_m: float, head_m: float) -> Touch:
    """Contacts of a lying body, which only hold heights."""
    return {"seat": (_FREE, _FREE, pelvis_m), "head": (_FREE, _FREE, head_m)}


def flat_arms(top_m: float) -> Touch:
    """Contacts of arms that lie on what the body lies on."""
    return {f"{part}_{side}": (_FREE, _FREE, top_m + 0.045) for part in ("hand", "elbow") for side in "lr"}


def side_rest(top_m: float) -> Touch:
    """Contacts of a body that lies on its left side: pelvis, head and the upper leg in front of the lower."""
    return {
        "seat": (_FREE, _FREE, top_m + 0.165), "head": (_FREE, _FREE, top_m + 0.14),
        "knee_r": (_FREE, _FREE, top_m + 0.10),
        "instep_r": (_FREE, _FREE, top_m + 0.08), "hand_r": (_FREE, _FREE, top_m + 0.06),
    }  # fmt: skip


def _knees(y: float = 0.1) -> Touch:
    return {"knee_l": (KNEES_X, y), "knee_r": (KNEES_X, -y)}


def _insteps() -> Touch:
    return {"instep_l": (KNEES_X - 0.40, 0.1), "instep_r": (KNEES_X - 0.40, -0.1)}


def _hands(x: float, y: float = 0.18) -> Touch:
    return {"hand_l": (x, y), "hand_r": (x, -y)}


def supine(seconds: float, rng: np.random.Generator, y: float = 0.30) -> Key:
    """Lie on the back."""
    bent = float(rng.choice([0.0, 0.0, 35.0]) * rng.uniform(0.6, 1.2))
    angles = {
        "hip.y_l": -4 - bent * rng.random(), "knee_l": 8 + 1.8 * bent * rng.random(), "hip.y_r": -5 - bent,
        "knee_r": 9 + 1.9 * bent, "hip.x": 7.0, "shoulder.x_l": rng.uniform(-78, -45), "elbow": -rng.uniform(5, 50),
        "shoulder.x_r": rng.uniform(-78, -45), "ankle.y": 25.0, "head.z": rng.uniform(-20, 20), "head.y": 8.0,
    }  # fmt: skip
    return Key(
        seconds, angles, (0.0, y, 0.1), root=lying_root(rng.uniform(-5, 5)), touch=resting(0.1, 0.1) | flat_arms(0.0),
    )  # fmt: skip


def prone(seconds: float, rng: np.random.Generator) -> Key:
    """Lie on the front, arms beside the head or the trunk, head turned."""
    side = float(rng.choice([-1.0, 1.0]))
    up = bool(rng.random() < 0.6)
    arms = {"shoulder.x": -20.0, "shoulder.y": -10.0, "elbow": -95.0} if up else {"shoulder.x": -68.0, "elbow": -20.0}
    angles = arms | {
        "hip.y": 2.0,
        "knee": rng.uniform(4, 25),
        "ankle.y": 42.0,
        "neck.z": 28 * side,
        "head.z": 30 * side,
    }
    return Key(seconds, angles, (0.0, 0.0, 0.11), (0.0, 90.0, 0.0), resting(0.105, 0.11) | flat_arms(0.0))


def side_lying(seconds: float, rng: np.random.Generator) -> Key:
    """Lie on the left side, legs bent."""
    fold = rng.uniform(0.6, 1.2)
    angles = {
        "hip.y_l": -45 * fold, "knee_l": 70 * fold, "hip.y_r": -58 * fold, "knee_r": 80 * fold, "spine.y": 12.0,
        "shoulder.y_l": -80.0, "shoulder.x_l": -82.0, "elbow_l": -70.0, "shoulder.y'_l": 80.0, "shoulder.y_r": -40.0,
        "shoulder.x_r": -95.0, "elbow_r": -60.0, "neck.x": -6.0, "hip.x_r": -20.0,
    }  # fmt: skip
    return Key(
        seconds, angles, (0.0, 0.15, 0.17), root=lying_root(94 + rng.uniform(-12, 15)), touch=side_rest(0.0),
    )  # fmt: skip


def over_the_side(start: str, rng: np.random.Generator) -> list[Key]:
    """From lying to hands and knees by rolling: supine, side or prone."""
    keys: list[Key] = []
    if start == "supine":
        keys += [
            supine(0.6, rng),
            Key(0.9, {"hip.y_r": -58, "knee_r": 100, "hip.y_l": -12, "knee_l": 20, "shoulder.y_r": -55,
                      "shoulder.x_r": -105, "elbow_r": -15, "shoulder.x_l": -45, "neck.y": 10, "neck.z": 20},
                (0.0, 0.27, 0.11), root=lying_root(28), touch=resting(0.11, 0.1)),
            replace(side_lying(0.9, rng), touch=side_rest(0.0) | {"hand_r": (0.36, -0.13)}),
        ]  # fmt: skip
    elif start == "side":
        keys += [side_lying(0.6, rng), replace(side_lying(0.8, rng), touch=side_rest(0.0) | {"hand_r": (0.36, -0.13)})]
    else:
        keys += [prone(0.6, rng)]
    elbows: Touch = {"elbow_l": (0.42, 0.19), "elbow_r": (0.42, -0.19)}
    keys += [
        Key(1.0, {"hip.y": 4, "knee": 18, "spine.y": -18, "shoulder.y": -100, "shoulder.x": -70, "elbow": -95,
                  "neck.y": -18, "head.y": -12, "ankle.y": 35},
            (0.0, 0.0, 0.12), (0.0, 76.0, 0.0), {"seat": (_FREE, _FREE, 0.115)} | elbows
            | {"hand_l": (0.66, 0.14), "hand_r": (0.66, -0.14)}),
        Key(1.0, {"hip.y": -85, "knee": 105, "spine.y": 12, "shoulder.y": -110, "shoulder.x": -75, "elbow": -60,
                  "neck.y": -10, "ankle.y": 35},
            (-0.36, 0.0, 0.38), (0.0, 72.0, 0.0), _knees() | _hands(0.30)),
    ]  # fmt: skip
    return keys


def all_fours(seconds: float, hands_x: float = 0.12) -> Key:
    """Stand on hands and knees."""
    return Key(
        seconds, {"hip.y": -84, "knee": 90, "spine.y": 4, "shoulder.y": -84, "shoulder.x": -80, "elbow": -8,
                  "ankle.y": 40, "neck.y": -14, "head.y": -10},
        (-0.41, 0.0, 0.47), (0.0, 79.0, 0.0), _knees() | _hands(hands_x) | _insteps(),
    )  # fmt: skip


def kneeling(seconds: float) -> Key:
    """Kneel upright on both knees."""
    return Key(
        seconds, {"hip.y": -8, "knee": 94, "spine.y": 6, "shoulder.y": -14, "shoulder.x": -78, "elbow": -30,
                  "ankle.y": 40},
        (KNEES_X, 0.0, 0.52), (0.0, 4.0, 0.0), _knees() | _insteps(), balance_m=(KNEES_X - 0.08, 0.0),
    )  # fmt: skip


def over_sitting(rng: np.random.Generator) -> list[Key]:
    """From the back over sitting with stretched legs and sitting sideways; ends before hands and knees."""
    # Sits facing -y; hands and knees then face +x, a quarter turn to the left.
    x, y = -0.30, 0.22
    flat = supine(0.6, rng)
    on_seat: Touch = {"seat": (_FREE, _FREE, 0.1)}
    first = replace(flat, at_m=(x, y, 0.1), root=lying_root(0.0, 90.0))
    return [
        first,
        Key(0.9, {"hip.y": -30, "knee": 20, "spine.y": 40, "neck.y": 25, "shoulder.y": 20, "shoulder.x": -62,
                  "elbow": -75}, (x, y, 0.1), (-90.0, -48.0, 0.0), on_seat |
            {"elbow_l": (x + 0.22, y + 0.26), "elbow_r": (x - 0.22, y + 0.26), "hand_l": (_FREE, _FREE, 0.05),
             "hand_r": (_FREE, _FREE, 0.05)}),
        Key(0.9, {"hip.y": -82, "knee": 24, "spine.y": 30, "shoulder.y": 22, "shoulder.x": -66, "elbow": -15},
            (x, y, 0.1), (-90.0, -8.0, 0.0), on_seat
            | {"hand_l": (x + 0.25, y + 0.14), "hand_r": (x - 0.25, y + 0.14)}),
        Key(0.9, {"hip.y_l": -70, "knee_l": 95, "hip.y_r": -75, "knee_r": 85, "hip.x_l": 25, "hip.x_r": -10,
                  "spine.y": 25, "spine.z": 25, "shoulder.x": -80, "shoulder.y": -45, "elbow": -20},
            (x, y - 0.04, 0.12), (-62.0, 12.0, -12.0), {"hand_l": (x + 0.42, y + 0.02), "hand_r": (x + 0.36, y - 0.26),
                                                          "instep_l": (-0.66, -0.20, 0.07),
                                                          "instep_r": (-0.74, -0.42, 0.07)}),
        Key(0.9, {"hip.y": -85, "knee": 110, "spine.y": 15, "shoulder.y": -85, "shoulder.x": -80, "elbow": -12,
                  "ankle.y": 35},
            (-0.42, 0.05, 0.34), (-22.0, 58.0, -6.0), _knees() | _hands(0.12) | _insteps()),
    ]  # fmt: skip


def half_kneel_up(support: str) -> list[Key]:
    """From hands and knees over one knee to standing; `support`: knee (hands push on the thigh), free or seat."""
    foot: Touch = {"foot_l": (FEET_X, 0.13, 0.0)}
    down: Touch = {"knee_r": (KNEES_X, -0.1), "toes_r": (KNEES_X - 0.36, -0.1)}
    thigh: Touch = {"hand_l": (FEET_X + 0.02, 0.15, 0.53), "hand_r": (FEET_X + 0.0, 0.07, 0.53)}
    seat: Touch = {"hand_l": (0.34, 0.16, 0.47), "hand_r": (0.34, -0.16, 0.47)}
    high: Touch = {"knee": thigh, "free": {}, "seat": seat}[support]
    arms = {"shoulder.y": -35, "shoulder.x": -76, "elbow": -40}
    arch: Touch = {"instep_l": (KNEES_X - 0.06, 0.15, 0.19)}
    swing = {"hip.y_l": -118, "knee_l": 125, "hip.x_l": 14, "ankle.y_l": -10, "foot_l": 0, "spine.y": 16,
             "shoulder.x": -80, "elbow": -10, "ankle.y_r": -10, "neck.y": -12}  # fmt: skip
    keys = []
    if support == "seat":
        keys += [
            Key(1.2, arms | {"hip.y": -25, "knee": 90, "spine.y": 15, "shoulder.y": -75, "ankle.y": 20},
                (KNEES_X + 0.02, 0.0, 0.55), (0.0, 22.0, 0.0), _knees() | seat),
            Key(0.75, arms | swing | {"hip.y_l": -75, "hip.y_r": -10, "knee_r": 88, "shoulder.y": -72},
                (KNEES_X + 0.06, -0.03, 0.57), (0.0, 24.0, 6.0), arch | down | seat),
            Key(0.75, arms | {"hip.y_l": -85, "knee_l": 90, "hip.y_r": 2, "knee_r": 88, "spine.y": 18,
                             "shoulder.y": -70, "ankle.y_r": -15},
                (KNEES_X + 0.10, 0.0, 0.56), (0.0, 24.0, 0.0), foot | down | seat),
        ]  # fmt: skip
    else:
        keys += [
            Key(0.75, swing | {"hip.y_r": -62, "knee_r": 88, "shoulder.y": -78},
                (KNEES_X + 0.04, -0.03, 0.51), (0.0, 64.0, 6.0), arch | down | _hands(0.12)),
            Key(0.75, {"hip.y_l": -120, "knee_l": 110, "hip.y_r": -52, "knee_r": 86, "spine.y": 18, "shoulder.y": -75,
                      "shoulder.x": -80, "elbow": -10, "ankle.y_r": -10, "neck.y": -12},
                (KNEES_X + 0.10, 0.0, 0.49), (0.0, 56.0, 0.0),
                foot | down | {"hand_l": (0.12, 0.27), "hand_r": (0.12, -0.18)}),
            Key(1.0, arms | {"hip.y_l": -92, "knee_l": 92, "hip.y_r": -4, "knee_r": 90, "spine.y": 10,
                             "ankle.y_r": -15},
                (KNEES_X + 0.07, 0.0, 0.53), (0.0, 14.0, 0.0), foot | down | high),
        ]  # fmt: skip
    keys += [
        Key(0.9, arms | {"hip.y_l": -102, "knee_l": 96, "hip.y_r": -40, "knee_r": 66, "spine.y": 18, "ankle.y_l": -18},
            (-0.16, 0.02, 0.64), (0.0, 36.0, 0.0), foot | {"toes_r": (KNEES_X - 0.30, -0.1)} | high,
            balance_m=(0.0, 0.06)),
        Key(0.8, ARMS_DOWN | {"hip.y_l": -48, "knee_l": 46, "hip.y_r": -30, "knee_r": 40, "spine.y": 14},
            (-0.04, 0.02, 0.82), (0.0, 24.0, 0.0),
            foot | {"foot_r": (FEET_X - 0.14, -0.09, 0.0, 0.03)} | (high if support == "seat" else {}),
            balance_m=(0.03, 0.06)),
    ]  # fmt: skip
    return keys


def standing(seconds: float) -> Key:
    """Stand where the feet of the other keys stand."""
    return Key(
        seconds, ARMS_DOWN, (FEET_X + 0.04, 0.0, 0.93), (0.0, 2.0, 0.0), stance(FEET_X, 0.0, 0.0, 0.12),
        balance_m=(FEET_X + 0.05, 0.0),
    )  # fmt: skip


def bear_up() -> list[Key]:
    """From hands and knees over hands and feet to standing."""
    feet: Touch = {"toes_l": (-0.62, 0.12), "toes_r": (-0.62, -0.12)}
    near = stance(-0.34, 0.0, 0.0, 0.12)
    back = stance(FEET_X, 0.0, 0.0, 0.12)
    arms = {"shoulder.y": -120, "shoulder.x": -80, "elbow": -8, "neck.y": -5}
    return [
        Key(0.7, arms | {"hip.y": -86, "knee": 84, "ankle.y": -18, "foot": -45, "shoulder.y": -84},
            (-0.42, 0.0, 0.47), (0.0, 80.0, 0.0), _hands(0.12) | _knees() | {"toes_l": (-0.70, 0.12),
                                                                             "toes_r": (-0.70, -0.12)}),
        Key(0.9, arms | {"hip.y": -95, "knee": 40, "ankle.y": -10, "foot": -40}, (-0.40, 0.0, 0.72),
            (0.0, 102.0, 0.0), _hands(0.12) | feet),
        Key(0.8, arms | {"hip.y": -112, "knee": 42, "ankle.y": -15}, (-0.33, 0.0, 0.76), (0.0, 100.0, 0.0),
            _hands(0.14) | near),
        Key(0.8, arms | {"hip.y": -115, "knee": 55, "ankle.y": -18, "spine.y": 30}, (-0.12, 0.0, 0.74),
            (0.0, 90.0, 0.0), {"hand_l": (0.16, 0.2), "hand_r": (0.16, -0.2)} | back),
        Key(0.8, ARMS_DOWN | {"hip.y": -60, "knee": 35, "spine.y": 30, "shoulder.y": -40}, (-0.06, 0.0, 0.84),
            (0.0, 48.0, 0.0), back, balance_m=(FEET_X + 0.05, 0.0)),
    ]  # fmt: skip


def squat_up(rng: np.random.Generator) -> list[Key]:
    """From the back over sitting up and squatting to standing, the quick way of the young."""
    feet = stance(FEET_X, 0.0, 0.0, 0.14)
    lie = supine(0.6, rng)
    first = replace(lie, at_m=(-0.42, 0.0, 0.1), root=lying_root(0.0, 180.0))
    return [
        first,
        Key(0.8, {"hip.y": -55, "knee": 70, "spine.y": 45, "neck.y": 20, "shoulder.y": 20, "shoulder.x": -65,
                  "elbow": -60}, (-0.42, 0.0, 0.1), (0.0, -42.0, 0.0), feet | resting(0.1, _FREE)
            | {"hand_r": (-0.62, -0.24)}),
        Key(0.7, {"hip.y": -95, "knee": 110, "spine.y": 40, "shoulder.y": 15, "shoulder.x": -65, "elbow": -12},
            (-0.40, 0.0, 0.11), (0.0, 4.0, 0.0), feet | {"hand_l": (-0.58, 0.25), "hand_r": (-0.58, -0.25)}),
        Key(0.7, {"hip.y": -118, "knee": 138, "spine.y": 40, "shoulder.y": -65, "shoulder.x": -80, "elbow": -12,
                  "ankle.y": -22}, (-0.22, 0.0, 0.26), (0.0, 40.0, 0.0), feet | {"hand_r": (-0.45, -0.28)},
            balance_m=(FEET_X - 0.02, 0.0)),
        Key(0.6, {"hip.y": -112, "knee": 122, "spine.y": 40, "shoulder.y": -70, "shoulder.x": -80, "elbow": -12,
                  "ankle.y": -22}, (-0.17, 0.0, 0.38), (0.0, 52.0, 0.0), feet, balance_m=(FEET_X + 0.04, 0.0)),
        Key(0.6, ARMS_DOWN | {"hip.y": -75, "knee": 66, "spine.y": 25, "shoulder.y": -45}, (-0.08, 0.0, 0.70),
            (0.0, 42.0, 0.0), feet, balance_m=(FEET_X + 0.05, 0.0)),
    ]  # fmt: skip


def seat_box() -> Box:
    """The seat that a body gets up on."""
    return Box("chair", (0.48, 0.0), (0.23, 0.23), 0.42, give_m=0.02)
