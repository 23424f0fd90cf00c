"""Figures in rooms: bodies in furniture, the room shown to the model or hidden from it, and contact with seats."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.furnishing.furnisher import Furnishing, furnish_people
from motion_preprocessing.furnishing.item import Placed, to_world
from motion_preprocessing.furnishing.library import FurnitureLibrary
from motion_preprocessing.furnishing.rooms import HeldOutRoom, Support
from motion_train.evaluation.estimate import Estimate, estimate, mean_of, share_of
from motion_train.evaluation.making import Made
from motion_train.evaluation.real import RealSet
from motion_train.evaluation.rows import NOT_MEASURED, Row, at_least, at_most
from motion_train.evaluation.solids import longest_run, model_surface_m, object_depth_m, wall_depth_m

PART: Final = "Rooms that no training saw"
TOLERANCE_M: Final = 0.02
CONTACT_M: Final = 0.05
CONTACT_S: Final = 0.5
_NOTE: Final = "real: recordings with furniture fitted around them"
_HIDDEN: Final = "same noise and same start; walls do not hold people back then either, and nobody is led to a seat"
_SYSTEM: Final = "of the whole system: tokens, seats and beds that are met, bodies moved out of things"
_DROPPED: Final = "same noise, start, walls, seats and corrections; the network is shown no room"
_CONTACTS: Final = (
    ("seat_before", "'sits on the chair', starting in front of it"),
    ("mattress_before", "'lies on the bed', starting beside it"),
    ("seat_anywhere", "'sits on the chair', starting anywhere"),
    ("mattress_anywhere", "'lies on the bed', starting anywhere"),
)


def in_contact(support: Support, joints_m: NDArray[np.floating[Any]], fps: float) -> bool:
    """Whether one person (T, 22, 3) is within 5 cm of a seat or a mattress for half a second on end."""
    near = np.abs(support.gap_m(joints_m)) < CONTACT_M
    return longest_run(np.asarray(near)) >= round(CONTACT_S * fps)


def room_figures(
    rooms: Mapping[int, HeldOutRoom],
    seen: Sequence[Made],
    blind: Sequence[Made],
    untold: Sequence[Made],
    held_out: RealSet,
    rng: np.random.Generator,
    replications: int,
    library: FurnitureLibrary | None = None,
) -> list[Row]:
    """Rows of penetration and contact.

    Args:
        rooms: By number.
        seen: Motions made in them.
        blind: Some of the same with the room hidden from the model; same noise, same start.
        untold: All of the same with the scene tokens dropped and nothing else.
        held_out: Recordings, which are furnished to stand beside.
        rng: Draws furniture and halves.
        replications: For the intervals.
        library: Whose models stand in the rooms.
    """
    surfaces = {} if library is None else {i: model_surface_m(room.placed, library) for i, room in rooms.items()}

    def in_objects(one: Made) -> NDArray[np.float64]:
        return object_depth_m(one.joints_m[0], rooms[one.wanted.row].placed, surfaces.get(one.wanted.row))

    depth = {one.wanted.name: in_objects(one) for one in seen}
    hidden = {one.wanted.name: in_objects(one) for one in blind}
    furnished = _furnished(held_out, rng)
    own_depth = [object_depth_m(joints, done.placed) for joints, done in furnished]
    with_room = np.array([_deep(depth[name]) for name in hidden])
    without = np.array([_deep(one) for one in hidden.values()])
    everywhere = mean_of([_deep(one) for one in depth.values()], rng, replications, (0.0, 1.0))
    own = mean_of([_deep(one) for one in own_depth], rng, replications, (0.0, 1.0))
    rows = [
        Row(PART, "scene_penetration", "frames with the body > 2 cm inside an object", "%", everywhere, own, "<= 3 %",
            at_most(everywhere, 0.03), _NOTE),
        Row(PART, "scene_penetration_paired", "the same, of the motions that are also made with the room hidden", "%",
            mean_of(with_room, rng, replications, (0.0, 1.0)), own, note=_NOTE),
        Row(PART, "scene_penetration_hidden", "the same, room hidden from the model", "%",
            mean_of(without, rng, replications, (0.0, 1.0)), own, note=_HIDDEN),
    ]  # fmt: skip
    ratio = _ratio(without, with_room, rng, replications)
    rows.append(Row(PART, "scene_penetration_ratio", "hidden over shown", "x", ratio, NOT_MEASURED, ">= 3 x",
                    at_least(ratio, 3.0), _SYSTEM))  # fmt: skip
    told = np.array([_deep(depth[one.wanted.name]) for one in untold])
    dropped = np.array([_deep(in_objects(one)) for one in untold])
    rows += [
        Row(PART, "scene_penetration_no_tokens", "all motions in rooms, only the scene tokens dropped", "%",
            mean_of(dropped, rng, replications, (0.0, 1.0)), own, note=_DROPPED),
        Row(PART, "scene_penetration_tokens_ratio", "tokens dropped over shown", "x",
            _ratio(dropped, told, rng, replications), NOT_MEASURED, note=_DROPPED),
    ]  # fmt: skip
    rows.append(Row(PART, "scene_depth_mean_cm", "mean depth in objects", "cm",
                    mean_of([100 * one.mean() for one in depth.values()], rng, replications, (0.0, math.inf)),
                    mean_of([100 * one.mean() for one in own_depth], rng, replications, (0.0, math.inf))))  # fmt: skip
    worst = max((100 * float(one.max()) for one in depth.values()), default=math.nan)
    own_worst = max((100 * float(one.max()) for one in own_depth), default=math.nan)
    rows.append(Row(PART, "scene_depth_worst_cm", "worst depth in objects", "cm", _single(worst, len(depth)),
                    _single(own_worst, len(own_depth))))  # fmt: skip
    walls = [_deep(wall_depth_m(m.joints_m[0], rooms[m.wanted.row].size_m)) for m in seen]
    note = "walls are no objects: the model is not shown them"
    rows.append(Row(PART, "wall_penetration", "frames with the body > 2 cm in a wall", "%",
                    mean_of(walls, rng, replications, (0.0, 1.0)), note=note,
                    unreal="recordings have no walls"))  # fmt: skip
    return rows + _contact_rows(rooms, seen, untold, furnished, held_out.fps, rng, replications)


def _contact_rows(
    rooms: Mapping[int, HeldOutRoom],
    seen: Sequence[Made],
    untold: Sequence[Made],
    furnished: Sequence[tuple[NDArray[np.float32], Furnishing]],
    fps: float,
    rng: np.random.Generator,
    replications: int,
) -> list[Row]:
    met, dropped = _met(rooms, seen), _met(rooms, untold)
    own: dict[str, list[bool]] = {"seat": [], "mattress": []}
    for joints, done in furnished:
        for use in {use.placed: use for use in done.uses if use.use in ("sit", "lie")}.values():
            support = support_of(done.placed[use.placed])
            if support is not None:
                own[support.kind].append(in_contact(support, joints, fps))
    every, untouched = (
        share_of([hit for hits in found.values() for hit in hits], rng, replications) for found in (met, dropped)
    )
    both = share_of(own["seat"] + own["mattress"], rng, replications)
    label = "pelvis meets the seat or the mattress (< 5 cm for half a second)"
    rows = [Row(PART, "contact", label, "%", every, both, ">= 70 %", at_least(every, 0.70), _NOTE)]
    for name, words in _CONTACTS:
        beside = share_of(own[name.partition("_")[0]], rng, replications)
        rows.append(Row(PART, f"contact_{name}", words, "%", share_of(met[name], rng, replications), beside,
                        note=_NOTE))  # fmt: skip
    rows.append(Row(PART, "contact_no_tokens", "all of these, only the scene tokens dropped", "%", untouched, both,
                    note=_DROPPED))  # fmt: skip
    return rows


def _met(rooms: Mapping[int, HeldOutRoom], made: Sequence[Made]) -> dict[str, list[bool]]:
    """Whether each of those who are asked to sit or lie touches what they are asked to, by how they are asked."""
    met: dict[str, list[bool]] = {name: [] for name, _ in _CONTACTS}
    for one in made:
        name = one.wanted.name.partition("_")[2]
        support = rooms[one.wanted.row].support(name.partition("_")[0])
        if name in met and support is not None:
            met[name].append(in_contact(support, one.joints_m[0], one.fps))
    return met


def support_of(placed: Placed) -> Support | None:
    """The seat or mattress of an object in use, None for one that has none."""
    if placed.support_m is None:
        return None
    kind = "mattress" if placed.object_class == "bed" else "seat"
    x0, x1, y0, y1 = placed.rectangle_m
    # Backs and boards stand on the outline; the surface is the box whose top is the support.
    tops = [box for box in placed.boxes if abs(box[5] - placed.support_m) < 1e-6]
    if tops:
        x0, x1, y0, y1 = tops[0][:4]
    own = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    corners = np.asarray(to_world(own, placed.yaw_rad, np.array(placed.origin_m)), dtype=np.float64)
    centre = corners.mean(axis=0)
    middle = (float(centre[0]), float(centre[1]))
    return Support(placed.object_class, "mattress" if kind == "mattress" else "seat", middle, placed.support_m,
                   placed.yaw_rad, corners, middle, 0)  # fmt: skip


def _furnished(held_out: RealSet, rng: np.random.Generator) -> list[tuple[NDArray[np.float32], Furnishing]]:
    """Recordings and the furniture that fits around them; without those that find none for their needs."""
    found = []
    for joints in held_out.joints_m:
        done = furnish_people(joints[None], rng, fps=held_out.fps)
        if not done.unmet:
            found.append((joints, done))
    return found


def _ratio(
    one: NDArray[np.float64], other: NDArray[np.float64], rng: np.random.Generator, replications: int
) -> Estimate:
    """Mean (N,) over mean (N,), of the same motions made in two ways."""
    return estimate(
        lambda i: one[i].mean() / other[i].mean() if other[i].mean() > 0 else math.inf,
        [len(one)],
        rng,
        replications,
        (0.0, math.inf),
    )


def _deep(depth: NDArray[np.float64]) -> float:
    return float((depth > TOLERANCE_M).mean())


def _single(value: float, count: int) -> Estimate:
    return Estimate(value, math.nan, math.nan, count)
