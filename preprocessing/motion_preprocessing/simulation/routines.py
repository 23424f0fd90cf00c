"""What people do around chairs, beds and the floor, drawn at random: keys, furniture, words and phases of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from motion_preprocessing.simulation import bed as beds
from motion_preprocessing.simulation import chair as chairs
from motion_preprocessing.simulation import ground
from motion_preprocessing.simulation.keys import Key, mirrored_box
from motion_preprocessing.simulation.routine import (
    Part,
    Routine,
    Walks,
    draw_tempo,
    mirrored_part,
    walk_in,
    walk_out,
)
from motion_preprocessing.simulation.solve import Box

Rng = np.random.Generator


def _first(keys: list[Key], seconds: float) -> list[Key]:
    return [replace(keys[0], seconds=seconds), *keys[1:]]


_ARM_WORDS: Final = {
    "armrests": "holding on to the armrests", "seat": "with the hands on the seat",
    "front": "with the arms stretched forward",
    "crossed": "with the arms crossed", "thighs": "with the hands on the thighs",
}  # fmt: skip


def _sit_words(seat: chairs.Seat, name: str) -> tuple[str, ...]:
    words = [
        f"sits down on the {name}",
        "sits down",
        "takes a seat",
        f"sits down on a {name}",
        f"lowers down onto the {name}",
    ]
    if seat.arms in ("armrests", "crossed"):
        words.append(f"sits down {_ARM_WORDS[seat.arms]}")
    return tuple(words)


def _stand_words(seat: chairs.Seat, name: str, rocks: int) -> tuple[str, ...]:
    words = [f"stands up from the {name}", "stands up", f"gets up from a {name}", f"rises from the {name}"]
    if seat.arms == "armrests":
        words += ["pushes up from the armrests and stands up", "stands up using the armrests"]
    elif seat.arms in ("front", "crossed"):
        words += [f"stands up {_ARM_WORDS[seat.arms]}"]
    if rocks:
        words = [f"rocks forward {'once' if rocks == 1 else 'twice'} and then stands up",
                 "needs several tries to stand up", f"stands up from the {name} with effort"]  # fmt: skip
    return tuple(words)


def _sitting(seat: chairs.Seat, rng: Rng, seconds: float, first_s: float) -> list[Key]:
    """Sit for a while, looking about and leaning a little."""
    keys = [chairs.seated(seat, first_s)]
    left = seconds
    while left > 0.2:
        step = min(left, float(rng.uniform(0.9, 1.8)))
        keys.append(
            chairs.seated(seat, step, float(rng.normal(scale=4)), float(rng.normal(scale=16)),
                          **{"neck.y": float(rng.uniform(-4, 14))})
        )  # fmt: skip
        left -= step
    return keys


def chair_sit(rng: Rng, walks: Walks) -> Routine:
    """Walk or stand, then sit down on a seat."""
    seat = chairs.draw_seat(rng)
    name = "chair" if seat.back else "stool"
    parts: list[Part] = []
    arrival = None
    if rng.random() < 0.6:
        come = float(rng.choice([180, -180, 90, -90, 45, -45, 150, -150]) * rng.uniform(0.9, 1.0))
        arrival, parts = walk_in(rng, walks, (seat.feet_m, 0.0), come, seat.half_m, f"the {name}")
        parts.append(Part("standing", [chairs.standing(seat, 0.45)], ()))
    else:
        wait = float(rng.uniform(0.4, 1.4))
        parts.append(Part("standing", [chairs.standing(seat, 0.0), chairs.standing(seat, wait)], ("stands", "")))
    parts.append(Part("sit_down", chairs.sit_down(seat), _sit_words(seat, name), True))
    hold = float(rng.uniform(0.3, 2.5))
    parts.append(
        Part("sitting", _sitting(seat, rng, hold, 0.6 * seat.tempo), ("stays seated", "") if hold > 1.2 else ())
    )
    return Routine("chair_sit", parts, seat.boxes(), seat.tempo > 1.35, arrival, tags={"arms": seat.arms})


def chair_stand(rng: Rng, walks: Walks) -> Routine:
    """Sit, stand up, and perhaps walk away."""
    seat = chairs.draw_seat(rng)
    name = "chair" if seat.back else "stool"
    rocks = int(rng.choice([0, 0, 0, 1, 2]))
    hold = float(rng.uniform(0.3, 2.0))
    parts = [
        Part("sitting", _sitting(seat, rng, hold, 0.0), (f"sits on the {name}", "is sitting") if hold > 0.8 else ()),
        Part("stand_up", chairs.stand_up(seat, rocks), _stand_words(seat, name, rocks), True),
        Part("standing", [chairs.standing(seat, 0.5 * seat.tempo)], ()),
    ]
    departure = None
    if rng.random() < 0.55:
        departure, more = walk_out(rng, walks, (seat.feet_m, 0.0), seat.half_m, (0, 0, 45, -45, 90, -90))
        parts += more
    else:
        parts.append(Part("standing", [chairs.standing(seat, float(rng.uniform(0.4, 1.4)))], ("stands still", "")))
    return Routine("chair_stand", parts, seat.boxes(), seat.tempo > 1.35, None, departure, {"arms": seat.arms})


def chair_both(rng: Rng, walks: Walks) -> Routine:
    """Sit down for a moment and stand up again."""
    seat = replace(chairs.draw_seat(rng), tempo=float(rng.uniform(0.75, 1.1)))
    name = "chair" if seat.back else "stool"
    hold = float(rng.uniform(0.3, 1.5))
    parts = [
        Part("standing", [chairs.standing(seat, 0.0), chairs.standing(seat, 0.5)], ()),
        Part("sit_down", chairs.sit_down(seat), _sit_words(seat, name), True),
        Part("sitting", _sitting(seat, rng, hold, 0.6), ()),
        Part("stand_up", chairs.stand_up(seat), ("stands up again", "gets up again", "rises again"), True),
        Part("standing", [chairs.standing(seat, 0.5), chairs.standing(seat, 0.5)], ()),
    ]
    return Routine("chair_both", parts, seat.boxes(), False, tags={"arms": seat.arms})


def _bedside(bed: beds.Bed, rng: Rng) -> chairs.Seat:
    arms = str(rng.choice(["thighs", "seat", "front"]))
    return replace(chairs.draw_seat(rng), pelvis_m=bed.sit_m, feet_m=bed.feet_m, back=False, half_m=0.1, arms=arms)


def _bed_way(bed: beds.Bed, rng: Rng) -> tuple[list[Key], str]:
    if rng.random() < 0.55:
        return beds.log_roll(bed, rng), "over the side"
    return beds.pivot(bed, rng), "legs swung"


def bed_lie(rng: Rng, walks: Walks) -> Routine:
    """Sit down on the edge of a bed and lie down."""
    bed = beds.draw_bed(rng)
    seat = _bedside(bed, rng)
    mirror = bool(rng.random() < 0.5)
    way, how = _bed_way(bed, rng)
    tempo = draw_tempo(rng)
    parts: list[Part] = []
    arrival = None
    draw = rng.random()
    if draw < 0.3:
        come = float(rng.choice([180, -180, 90, -90]) * rng.uniform(0.9, 1.0))
        arrival, parts = walk_in(rng, walks, (seat.feet_m, 0.0), come, seat.half_m, "the bed")
        parts.append(Part("standing", [chairs.standing(seat, 0.4)], ()))
    elif draw < 0.55:
        parts.append(Part("standing", [chairs.standing(seat, 0.0), chairs.standing(seat, 0.6)], ()))
    sits = ("sits down on the edge of the bed", "sits down on the bed")
    if draw < 0.55:
        parts.append(Part("sit_down", chairs.sit_down(seat), sits))
        parts.append(Part("sitting", [chairs.seated(seat, 0.5)], ()))
    else:
        parts.append(
            Part("sitting", _sitting(seat, rng, 0.6, 0.0), ("sits on the edge of the bed", "is sitting on the bed"))
        )
    roll = float(rng.choice([0, 0, 0, 80]))
    lies = ["lies down on the bed", "lies down", "lies down on the back" if roll == 0 else "lies down in bed"]
    if how == "legs swung":
        lies.append("swings the legs onto the bed and lies down")
    down = [*ground.slower(way, tempo), beds.flat(bed, tempo, rng)]
    parts.append(mirrored_part(Part("lie_down", down, tuple(lies), True), mirror))
    rest: tuple[str, ...] = ("stays lying", "")
    last = [beds.flat(bed, float(rng.uniform(0.5, 1.6)), rng)]
    if roll:
        side = "right" if mirror else "left"
        rest = (f"turns onto the {side} side", f"rolls over to the {side} side")
        last = [beds.flat(bed, 1.3 * tempo, rng, roll), beds.flat(bed, 0.6, rng, roll)]
    parts.append(mirrored_part(Part("lying", last, rest), mirror))
    boxes = tuple(mirrored_box(box) if mirror else box for box in bed.boxes())
    return Routine("bed_lie", parts, boxes, tempo > 1.25, arrival, tags={"way": how})


def bed_up(rng: Rng, walks: Walks) -> Routine:
    """Lie in bed, sit up, and perhaps stand up and walk away."""
    bed = beds.draw_bed(rng)
    seat = _bedside(bed, rng)
    mirror = bool(rng.random() < 0.5)
    way, how = _bed_way(bed, rng)
    tempo = draw_tempo(rng)
    start = float(rng.choice([0, 0, 0, 80]))
    side = "right" if mirror else "left"
    lying = [beds.flat(bed, 0.0, rng, start), beds.flat(bed, float(rng.uniform(0.4, 1.4)), rng, start)]
    if start:
        lying.append(beds.flat(bed, 1.2 * tempo, rng))
    lies = ("lies in bed", "is lying on the bed") if not start else (f"lies in bed on the {side} side", "lies in bed")
    up = ground.slower(ground.reverse([chairs.seated(seat, 0.0), *way], 0.9), tempo)
    parts = [
        mirrored_part(Part("lying", lying, lies), mirror),
        mirrored_part(
            Part("stand_up", up[:-1], ("sits up on the edge of the bed", "sits up",
                                         "sits up and puts the feet on the floor"),
                 True), mirror),
        Part("sitting", [*up[-1:], chairs.seated(seat, float(rng.uniform(0.2, 1.0)))], ()),
    ]  # fmt: skip
    departure = None
    draw = rng.random()
    if draw < 0.65:
        words = ("stands up from the bed", "gets up", "stands up")
        parts.append(Part("stand_up", chairs.stand_up(seat), words, True))
        parts.append(Part("standing", [chairs.standing(seat, 0.5)], ()))
        if draw < 0.35:
            departure, more = walk_out(rng, walks, (seat.feet_m, 0.0), seat.half_m, (0, 0, 45, -45, 90, -90))
            parts += more
        else:
            parts.append(Part("standing", [chairs.standing(seat, 0.6)], ()))
    boxes = tuple(mirrored_box(box) if mirror else box for box in bed.boxes())
    return Routine("bed_up", parts, boxes, tempo > 1.25, None, departure, {"way": how})


def bed_roll(rng: Rng, walks: Walks) -> Routine:
    """Turn over in bed."""
    bed = beds.draw_bed(rng)
    mirror = bool(rng.random() < 0.5)
    side = "right" if mirror else "left"
    turns = [0.0, 80.0] if rng.random() < 0.5 else [80.0, 0.0]
    tempo = draw_tempo(rng)
    first = [beds.flat(bed, 0.0, rng, turns[0]), beds.flat(bed, float(rng.uniform(0.5, 2.0)), rng, turns[0])]
    then = [beds.flat(bed, 1.5 * tempo, rng, turns[1])]
    rest = [beds.flat(bed, float(rng.uniform(0.8, 2.5)), rng, turns[1])]
    names = {0.0: "on the back", 80.0: f"on the {side} side"}
    goal = "onto the back" if turns[1] == 0 else f"onto the {side} side"
    parts = [
        Part(
            "lying", first, (f"lies in bed {names[turns[0]]}", f"is lying on the bed {names[turns[0]]}", "lies in bed")
        ),
        Part("lying", then, (f"turns over {goal}", f"rolls {goal}"), True),
        Part("lying", rest, ("goes on lying", "")),
    ]
    boxes = tuple(mirrored_box(box) if mirror else box for box in bed.boxes())
    return Routine("bed_roll", [mirrored_part(part, mirror) for part in parts], boxes, tempo > 1.25)


_LIES: Final = {"supine": "on the back", "prone": "face down", "side": "on the side"}


def _floor_way(rng: Rng) -> tuple[list[Key], str, str, tuple[Box, ...]]:
    """Keys from lying to standing, the start, the way, and furniture."""
    way = str(rng.choice(["knee", "free", "seat", "bear", "sitting", "squat"], p=(0.26, 0.16, 0.14, 0.1, 0.2, 0.14)))
    start = str(rng.choice(["supine", "prone", "side"]))
    boxes: tuple[Box, ...] = ()
    if way == "squat":
        return ground.squat_up(rng), "supine", way, boxes
    if way == "sitting":
        keys, start = ground.over_sitting(rng), "supine"
    else:
        keys = ground.over_the_side(start, rng)
    keys = [*keys, ground.all_fours(0.8)]
    if way == "bear":
        keys += ground.bear_up()
    elif way == "seat":
        boxes = (ground.seat_box(),)
        keys += ground.half_kneel_up("seat")
    else:
        keys += ground.half_kneel_up("knee" if way == "knee" else str(rng.choice(["knee", "free"])))
    return keys, start, way, boxes


_UP_HOW: Final = {
    "knee": ("gets onto hands and knees and stands up over one knee", "pushes up from hands and knees, then stands up"),
    "free": ("gets onto all fours, kneels on one knee and stands up",),
    "seat": ("gets up from the floor with the help of a chair", "crawls up on a chair to stand up",
             "holds on to a chair and gets up from the floor"),
    "bear": ("pushes up on hands and feet and straightens up",),
    "sitting": ("sits up, turns onto hands and knees and stands up", "sits up on the floor, then gets up"),
    "squat": ("sits up, squats and stands up", "gets up from the floor quickly"),
}  # fmt: skip
_DOWN_HOW: Final = {
    "knee": ("kneels down, gets onto all fours and lies down",),
    "free": ("kneels down on one knee, then lies down on the floor",),
    "seat": ("holds on to a chair, kneels down and lies down on the floor",),
    "bear": ("bends down, puts the hands on the floor and lies down",),
    "sitting": ("kneels down, sits down on the floor and lies back",),
    "squat": ("squats down, sits on the floor and lies back", "sits down on the floor and lies down on the back"),
}  # fmt: skip


def floor_up(rng: Rng, walks: Walks) -> Routine:
    """Lie on the floor and get up."""
    keys, start, way, boxes = _floor_way(rng)
    mirror = bool(rng.random() < 0.5)
    tempo = draw_tempo(rng) * 1.12
    lead_side = "right" if mirror else "left"
    where = f"on the {lead_side} side" if start == "side" else _LIES[start]
    hold = [replace(keys[0], seconds=0.0), replace(keys[0], seconds=float(rng.uniform(0.3, 1.5)))]
    ups = ("gets up from the floor", "gets up", "stands up from the floor", *_UP_HOW[way])
    parts = [
        mirrored_part(Part("lying", hold, (f"lies on the floor {where}", "is lying on the floor")), mirror),
        mirrored_part(Part("stand_up", ground.slower(keys[1:], tempo), ups, True), mirror),
        Part("standing", [ground.standing(0.7 * tempo)], ()),
    ]
    departure = None
    if rng.random() < 0.3 and way != "seat":
        departure, more = walk_out(rng, walks, (ground.FEET_X, 0.0), 0.12, (0, 0, 45, -45))
        parts += more
    else:
        parts.append(Part("standing", [ground.standing(float(rng.uniform(0.4, 1.0)))], ("stands still", "")))
    boxes = tuple(mirrored_box(box) if mirror else box for box in boxes)
    return Routine("floor_up", parts, boxes, tempo > 1.4, None, departure, {"way": way, "start": start})


def floor_lie(rng: Rng, walks: Walks) -> Routine:
    """Stand or walk, then lie down on the floor."""
    keys, start, way, boxes = _floor_way(rng)
    mirror = bool(rng.random() < 0.5)
    tempo = draw_tempo(rng) * 1.1
    lead_side = "right" if mirror else "left"
    where = f"on the {lead_side} side" if start == "side" else _LIES[start]
    down = ground.slower(ground.reverse(keys, 0.8), tempo)
    lies = ("lies down on the floor", f"lies down {where}", f"lies down on the floor {where}", *_DOWN_HOW[way])
    parts: list[Part] = []
    arrival = None
    if rng.random() < 0.35 and way != "seat":
        come = float(rng.choice([0, 0, 60, -60, 90, -90]) * rng.uniform(0.8, 1.0))
        arrival, parts = walk_in(rng, walks, (ground.FEET_X, 0.0), come, 0.12, "a place on the floor")
        parts = [
            replace(part, phrases=("walks", "walks a few steps")) if part.label == "walk" else part for part in parts
        ]
        parts.append(Part("standing", [ground.standing(0.4)], ()))
    else:
        parts.append(Part("standing", [ground.standing(0.0), ground.standing(0.5)], ("stands", "")))
    parts.append(mirrored_part(Part("lie_down", down, lies, True), mirror))
    hold = float(rng.uniform(0.4, 1.8))
    last = replace(keys[0], seconds=hold)
    parts.append(mirrored_part(Part("lying", [last], (f"lies {where}", "stays lying", "")), mirror))
    boxes = tuple(mirrored_box(box) if mirror else box for box in boxes)
    return Routine("floor_lie", parts, boxes, tempo > 1.4, arrival, tags={"way": way, "start": start})


KINDS: Final[dict[str, tuple[Callable[[Rng, Walks], Routine], float]]] = {
    "chair_sit": (chair_sit, 0.2), "chair_stand": (chair_stand, 0.18), "chair_both": (chair_both, 0.08),
    "bed_lie": (bed_lie, 0.13), "bed_up": (bed_up, 0.13), "bed_roll": (bed_roll, 0.04), "floor_up": (floor_up, 0.14),
    "floor_lie": (floor_lie, 0.10),
}  # fmt: skip
"""Each routine with its share of what is made."""
