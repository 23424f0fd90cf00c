"""Standing people's errands by key poses: picking things up from the floor, reaching, rising from the knees.

The feet stand at the origin and the body faces +x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from motion_preprocessing.simulation import ground
from motion_preprocessing.simulation.keys import Key
from motion_preprocessing.simulation.routine import Part, Routine, Walks, draw_tempo, mirrored_part, walk_in
from motion_preprocessing.simulation.steps import ARMS_DOWN, stance

Rng = np.random.Generator


def _stand(seconds: float, half_m: float, **angles: float) -> Key:
    return Key(
        seconds, ARMS_DOWN | angles, (0.04, 0.0, 0.93), (0.0, 2.0, 0.0), stance(0.0, 0.0, 0.0, half_m),
        balance_m=(0.05, 0.0),
    )  # fmt: skip


def _down(style: str, x: float, y: float, height: float, seconds: float, half_m: float, both: bool) -> list[Key]:
    """Keys of a body on its way down and with the right hand at (x, y, height); `both` hands close about a thing."""
    feet = stance(0.0, 0.0, 0.0, half_m)
    hands: dict[str, tuple[float, ...]] = {"hand_r": (x, y, height)}
    if both:
        hands = {"hand_r": (x, -0.13, height), "hand_l": (x, 0.13, height)}
    arm = {"shoulder.y_r": -70.0, "shoulder.x_r": -80.0, "elbow_r": -12.0}
    arm |= {name.replace("_r", "_l"): value for name, value in arm.items()} if both else {}
    if style == "stoop":
        half = {"hip.y": -50.0, "knee": 22.0, "spine.y": 22.0, "neck.y": 8.0}
        low = {"hip.y": -92.0, "knee": 34.0, "spine.y": 30.0, "neck.y": -4.0}
        at, pitch = ((-0.08, 0.0, 0.87), (-0.16, 0.0, 0.80)), (34.0, 66.0)
    elif style == "bend_knees":
        half = {"hip.y": -58.0, "knee": 52.0, "spine.y": 20.0, "neck.y": 4.0}
        low = {"hip.y": -104.0, "knee": 96.0, "spine.y": 22.0, "neck.y": -10.0}
        at, pitch = ((-0.08, 0.0, 0.76), (-0.18, 0.0, 0.50)), (26.0, 40.0)
    else:
        half = {"hip.y": -62.0, "knee": 66.0, "spine.y": 14.0, "neck.y": 0.0}
        low = {"hip.y": -112.0, "knee": 122.0, "spine.y": 20.0, "neck.y": -12.0, "ankle.y": -22.0}
        at, pitch = ((-0.08, 0.0, 0.72), (-0.17, 0.0, 0.40)), (22.0, 36.0)
    # Arms hang down whichever way the trunk leans.
    rest = {"shoulder.y": -30.0, "shoulder.x": -78.0, "elbow": -25.0}
    hang = {"shoulder.y_l": -85.0 if style == "stoop" else -62.0, "shoulder.x_l": -80.0, "elbow_l": -25.0}
    reach = {"shoulder.y_r": -40.0, "elbow_r": -25.0}
    lean = (0.05, 0.0)
    return [
        Key(0.9 * seconds, rest | reach | half, at[0], (0.0, pitch[0], 0.0), feet, balance_m=lean),
        Key(0.9 * seconds, rest | hang | arm | low, at[1], (0.0, pitch[1], 0.0), feet | hands, balance_m=lean),
    ]


_STYLES: Final = {
    "stoop": ("bends down and picks something up", "bends over and picks something up from the floor",
              "stoops and picks up an object"),
    "bend_knees": ("bends down and picks something up", "bends the knees and picks something up from the floor"),
    "squat": ("squats down and picks something up", "crouches and picks something up from the floor"),
}  # fmt: skip


def pick_up(rng: Rng, walks: Walks) -> Routine:
    """Walk up or stand, and pick something up from the floor."""
    style = str(rng.choice(list(_STYLES), p=(0.4, 0.35, 0.25)))
    both = bool(rng.random() < 0.3)
    mirror = bool(rng.random() < 0.5)
    tempo = draw_tempo(rng)
    half = float(rng.uniform(0.09, 0.16))
    x, y = float(rng.uniform(0.22, 0.36)), float(rng.uniform(-0.22, -0.04))
    down = _down(style, x, y, float(rng.uniform(0.06, 0.16)), 0.62 * tempo, half, both)
    hold = replace(down[-1], seconds=float(rng.uniform(0.25, 0.6)))
    up = replace(down[0], seconds=down[-1].seconds)
    # What was picked up is held, or the arm hangs again.
    held = {"elbow_r": -80.0, "shoulder.y_r": -12.0} | ({"elbow_l": -80.0, "shoulder.y_l": -12.0} if both else {})
    after = held if rng.random() < 0.6 else {}
    arrival = None
    parts: list[Part] = []
    if rng.random() < 0.4:
        come = float(rng.choice([0, 0, 0, 45, -45]) * rng.uniform(0.8, 1.0))
        arrival, parts = walk_in(rng, walks, (0.0, 0.0), come, half, "something on the floor")
        parts = [part if part.label != "walk" else replace(part, phrases=("walks", "walks a few steps", "comes"))
                 for part in parts]  # fmt: skip
        parts.append(Part("standing", [_stand(0.45, half)], ()))
    else:
        parts.append(Part("standing", [_stand(0.0, half), _stand(float(rng.uniform(0.3, 1.2)), half)], ("stands", "")))
    side = "both hands" if both else f"the {'left' if mirror else 'right'} hand"
    words = (
        *_STYLES[style],
        "picks something up from the floor",
        "picks something up",
        f"picks something up with {side}",
    )
    rise = ("stands upright again", "straightens again", "rises again", "")
    more = [
        Part("other", [*down, hold], words, True),
        Part("other", [up], rise),
        Part("standing", [_stand(0.5 * tempo, half, **after), _stand(float(rng.uniform(0.4, 1.0)), half, **after)], ()),
    ]  # fmt: skip
    return Routine(
        "pick_up",
        [*parts, *(mirrored_part(part, mirror) for part in more)],
        (),
        tempo > 1.25,
        arrival,
        tags={"style": style},
    )


def reach(rng: Rng, walks: Walks) -> Routine:
    """Stand and reach for something ahead or above, with one hand or both."""
    up = bool(rng.random() < 0.5)
    both = bool(rng.random() < 0.3)
    mirror = bool(rng.random() < 0.5)
    tempo = draw_tempo(rng)
    half = float(rng.uniform(0.08, 0.14))
    y = float(rng.uniform(-0.3, -0.08))
    at = (float(rng.uniform(0.2, 0.34)), y, float(rng.uniform(1.62, 1.82))) if up else (
        float(rng.uniform(0.48, 0.62)), y, float(rng.uniform(1.08, 1.38)))  # fmt: skip
    touch: dict[str, tuple[float, ...]] = {"hand_r": at}
    if both:
        touch["hand_l"] = (at[0], -at[1], at[2])
    arm = {"shoulder.y": -140.0 if up else -80.0, "shoulder.x": -80.0, "elbow": -15.0}
    names = arm if both else {f"{name}_r": value for name, value in arm.items()}
    lean = 4.0 if up else float(rng.uniform(8, 20))
    out = Key(
        0.75 * tempo, ARMS_DOWN | names | {"spine.y": -4.0 if up else 0.8 * lean, "neck.y": -18.0 if up else 4.0,
                                           "hip.y": -0.6 * lean},
        (0.02, 0.0, 0.93), (0.0, 0.6 * lean, 0.0), stance(0.0, 0.0, 0.0, half) | touch, balance_m=(0.07, 0.0),
    )  # fmt: skip
    stays = replace(out, seconds=float(rng.uniform(0.4, 1.6)))
    hand = "both hands" if both else f"the {'left' if mirror else 'right'} hand"
    words = (
        ("reaches up", f"reaches up with {hand}", "reaches for something high up", f"stretches {hand} up to a shelf",
         "reaches for something on a shelf") if up else
        ("reaches forward", f"reaches forward with {hand}", "reaches for something in front",
         f"stretches {hand} out to something", "reaches out to the front")
    )  # fmt: skip
    parts = [
        Part("standing", [_stand(0.0, half), _stand(float(rng.uniform(0.4, 1.2)), half)], ("stands", "")),
        Part("standing", [out, stays], words, True),
        Part("standing", [_stand(0.75 * tempo, half), _stand(float(rng.uniform(0.4, 1.0)), half)],
             ("lowers the arm again" if not both else "lowers the arms again", "")),
    ]  # fmt: skip
    return Routine(
        "reach",
        [mirrored_part(part, mirror) for part in parts],
        (),
        tempo > 1.25,
        tags={"way": "up" if up else "forward"},
    )


def kneel_up(rng: Rng, walks: Walks) -> Routine:
    """Kneel on both knees and stand up over one foot."""
    tempo = draw_tempo(rng) * 1.1
    mirror = bool(rng.random() < 0.5)
    thigh = bool(rng.random() < 0.5)
    rise = ground.half_kneel_up("knee" if thigh else "free")[-3:]
    # The foot swings forward as it does with the hands on a seat, but free.
    swing = ground.half_kneel_up("seat")[1]
    swing = replace(
        swing,
        angles_deg={**swing.angles_deg, "shoulder.y": -30.0, "shoulder.x": -76.0, "elbow": -35.0},
        touch={name: place for name, place in swing.touch.items() if not name.startswith("hand")},
    )
    keys = [ground.kneeling(0.0), ground.kneeling(float(rng.uniform(0.5, 1.6)))]
    parts = [
        Part("kneeling", keys, ("kneels", "kneels on the floor", "is kneeling on both knees")),
        Part("stand_up", ground.slower([swing, *rise], tempo),
             ("gets up from kneeling", "stands up from the knees", "gets up", "puts one foot forward and stands up",
              "stands up from kneeling"), True),
        Part("standing", [ground.standing(0.7 * tempo), ground.standing(float(rng.uniform(0.4, 1.2)))],
             ("stands still", "")),
    ]  # fmt: skip
    return Routine(
        "kneel_up",
        [mirrored_part(part, mirror) for part in parts],
        (),
        tempo > 1.4,
        tags={"hands": "thigh" if thigh else "free"},
    )


KINDS: Final[dict[str, tuple[Callable[[Rng, Walks], Routine], float]]] = {
    "pick_up": (pick_up, 0.2), "reach": (reach, 0.14), "kneel_up": (kneel_up, 0.06),
}  # fmt: skip
"""Each errand with its share of the layered clips."""
