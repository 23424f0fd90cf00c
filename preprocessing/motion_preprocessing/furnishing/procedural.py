"""Furniture made by rule: seats, beds and tables to measure, and all other classes of the model in many sizes.

Sizes are the project's own rounded figures for what stands in homes and care homes. Front is +x, left is +y.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from motion_preprocessing.furnishing.shapes import Box, Drum, Shape

Rng = np.random.Generator
Rectangle = tuple[float, float, float, float]
"""x0, x1, y0, y1."""


def seat(
    kind: str, rng: Rng, seat_m: float, rectangle: Rectangle, *, solid: bool = False, arms: bool = False,
    back_m: float | None = None,
) -> Shape:  # fmt: skip
    """Make a seat whose surface fills a rectangle at a height.

    Args:
        kind: chair, stool, sofa, wheelchair or toilet.
        rng: Source of all other sizes.
        seat_m: Height of the seat.
        rectangle: x0 (where the back rest begins) .. x1 (front edge), y0 .. y1.
        solid: Closed down to the floor, where the kind allows both.
        arms: With arm rests outside of the rectangle.
        back_m: Height of the back rest above the seat; 0 for none; None to draw it.
    """
    u = rng.uniform
    x0, x1, y0, y1 = rectangle
    thick = u(0.03, 0.1)
    boxes: list[Box] = []
    drums: list[Drum] = []
    if back_m is None:
        back_m = 0.0 if kind == "stool" else u(0.3, 0.55)
    back = u(0.02, 0.06) if kind in ("chair", "wheelchair") else u(0.08, 0.22)
    lean = (float(u(0.0, 0.3)), x0 + 1e-6, seat_m) if back_m else (0.0, 0.0, 0.0)
    if kind == "toilet":
        middle = (y0 + y1) / 2
        long, wide = (x1 - x0) / 2, min((y1 - y0) / 2, 0.2)
        drums.append((x0 + long, middle, 0.75 * long, 0.7 * wide, 0.0, 0.6 * seat_m, 1.1))
        drums.append((x0 + long, middle, long, wide, 0.6 * seat_m, seat_m, 1.0))
        if back_m:
            boxes.append((x0 - 0.2, x0, middle - 0.2, middle + 0.2, 0.0 if solid else 0.6 * seat_m, seat_m + back_m))
        return Shape(kind, tuple(boxes), tuple(drums), seat_m)
    if kind == "stool" and u() < 0.4:
        radius = min(x1 - x0, y1 - y0) / 2
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        drums.append((cx, cy, (x1 - x0) / 2, (y1 - y0) / 2, 0.0 if solid else seat_m - thick, seat_m, 1.0))
        if not solid:
            drums.append((cx, cy, 0.03, 0.03, 0.0, seat_m - thick, 1.0))
            drums.append((cx, cy, 0.8 * radius, 0.8 * radius, 0.0, 0.03, 1.0))
        return Shape(kind, (), tuple(drums), seat_m)
    solid = solid and (kind in ("sofa", "stool") or u() < 0.4)
    boxes.append((x0, x1, y0, y1, 0.0 if solid else seat_m - thick, seat_m))
    if not solid:
        boxes += legs((x0, x1, y0, y1), seat_m - thick, u(0.015, 0.03))
        if kind in ("stool", "chair") and u() < 0.5:
            rung = u(0.1, 0.3) * seat_m
            boxes += [(x0, x1, y, y + 0.02, rung, rung + 0.02) for y in (y0, y1 - 0.02)]
    if back_m:
        foot = 0.0 if solid else seat_m
        if kind == "chair" and u() < 0.4:  # slats
            count = int(rng.integers(2, 5))
            rails = np.linspace(y0, y1 - 0.04, count)
            boxes += [(x0 - back, x0, y, y + 0.04, seat_m, seat_m + back_m) for y in rails]
            boxes.append((x0 - back, x0, y0, y1, seat_m + 0.75 * back_m, seat_m + back_m))
        else:
            boxes.append((x0 - back, x0, y0, y1, foot, seat_m + back_m))
    if arms:
        wide = u(0.03, 0.06) if kind in ("chair", "wheelchair") else u(0.1, 0.2)
        for y in (y0 - wide, y1):
            top = seat_m + u(0.15, 0.25)
            low = top - 0.04 if kind != "sofa" and not solid else 0.0
            boxes.append((x0 - back, x1 - u(0.0, 0.08), y, y + wide, low, top))
            if low:
                boxes.append((x1 - 0.12, x1 - 0.09, y, y + wide, 0.0, top))
    if kind == "wheelchair":
        wheel = u(0.27, 0.31)
        hub = x0 + 0.08
        for y in (y0 - 0.06, y1 + 0.03):
            for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
                x, z = hub + wheel * np.cos(angle), wheel + wheel * np.sin(angle)
                boxes.append((x - 0.05, x + 0.05, y, y + 0.03, max(z - 0.05, 0.0), z + 0.05))
        boxes.append((x0 - 0.12, x0 + 0.02, y0, y0 + 0.03, seat_m + back_m - 0.03, seat_m + back_m))
        boxes.append((x0 - 0.12, x0 + 0.02, y1 - 0.03, y1, seat_m + back_m - 0.03, seat_m + back_m))
    return Shape(kind, tuple(boxes), tuple(drums), seat_m, lean)


def legs(rectangle: Rectangle, height_m: float, half_m: float) -> list[Box]:
    """Four legs inside a rectangle's corners."""
    x0, x1, y0, y1 = rectangle
    return [
        (x - half_m, x + half_m, y - half_m, y + half_m, 0.0, height_m)
        for x in (x0 + half_m, x1 - half_m)
        for y in (y0 + half_m, y1 - half_m)
    ]


def bed(
    rng: Rng, mattress_m: float, rectangle: Rectangle, *, boards: bool = True, rails: tuple[int, ...] = ()
) -> Shape:
    """Make a bed whose mattress fills a rectangle; its head end is at x0.

    Args:
        rng: Source of all other sizes.
        mattress_m: Height of the mattress.
        rectangle: x0 .. x1, y0 .. y1 of the mattress.
        boards: Whether head and foot boards are possible.
        rails: Sides with half-length rails: -1 for y0, 1 for y1.
    """
    u = rng.uniform
    x0, x1, y0, y1 = rectangle
    thick = min(u(0.1, 0.28), mattress_m)
    frame = min(u(0.05, 0.2), mattress_m - thick)
    under = mattress_m - thick - frame
    boxes: list[Box] = [(x0, x1, y0, y1, mattress_m - thick, mattress_m)]
    if u() < 0.35:
        boxes.append((x0, x1, y0, y1, 0.0, mattress_m - thick))  # a box bed
    else:
        if frame > 0.01:
            boxes.append((x0, x1, y0, y1, under, under + frame))
        boxes += legs((x0, x1, y0, y1), under, u(0.02, 0.04)) if under > 0.02 else []
    if boards:
        edge = u(0.03, 0.08)
        if u() < 0.8:
            boxes.append((x0 - edge, x0, y0, y1, 0.0, mattress_m + u(0.1, 0.6)))
        if u() < 0.5:
            boxes.append((x1, x1 + edge, y0, y1, 0.0, mattress_m + u(-0.1, 0.35)))
    for side in rails:
        y = y0 if side < 0 else y1 - 0.03
        start, long = x0 + u(0.2, 0.5), u(0.5, 1.0)
        boxes += [(start, start + long, y, y + 0.03, mattress_m + z, mattress_m + z + 0.04) for z in (0.1, 0.3)]
    return Shape("bed", tuple(boxes), (), mattress_m)


def table(rng: Rng, top_m: float, rectangle: Rectangle, kind: str = "table") -> Shape:
    """Make a table, a desk, a nightstand, a cabinet or a sink whose top fills a rectangle; its front is x1."""
    u = rng.uniform
    x0, x1, y0, y1 = rectangle
    boxes: list[Box] = []
    drums: list[Drum] = []
    if kind in ("cabinet", "nightstand", "sink", "appliance"):
        boxes.append((x0, x1, y0, y1, 0.0, top_m))
        if kind == "sink":
            tap = (y0 + y1) / 2
            boxes.append((x0 + 0.04, x0 + 0.07, tap, tap + 0.03, top_m, top_m + u(0.1, 0.25)))
        return Shape(kind, tuple(boxes), (), top_m)
    slab = u(0.02, 0.05)
    if kind == "table" and u() < 0.3:
        cx, cy, rx, ry = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
        drums += [(cx, cy, rx, ry, top_m - slab, top_m, 1.0), (cx, cy, 0.05, 0.05, 0.0, top_m - slab, 1.0)]
        drums.append((cx, cy, 0.5 * rx, 0.5 * ry, 0.0, 0.04, 1.0))
        return Shape(kind, (), tuple(drums), top_m)
    boxes.append((x0, x1, y0, y1, top_m - slab, top_m))
    boxes += legs((x0, x1, y0, y1), top_m - slab, u(0.015, 0.04))
    if kind == "desk":
        wide = min(u(0.3, 0.5), 0.45 * (y1 - y0))
        boxes.append((x0, x1, y1 - wide, y1, 0.0, top_m - slab) if u() < 0.5 else (x0, x1, y0, y0 + wide, 0.0, top_m))
        if u() < 0.4:
            boxes.append((x0, x0 + 0.02, y0, y1, 0.2, top_m))
    return Shape(kind, tuple(boxes), tuple(drums), top_m)


def _centred(depth: float, width: float) -> Rectangle:
    return -depth / 2, depth / 2, -width / 2, width / 2


def _free_seat(kind: str) -> Callable[[Rng], Shape]:
    def build(rng: Rng) -> Shape:
        u = rng.uniform
        wide = {"sofa": u(1.2, 2.1), "wheelchair": u(0.42, 0.5), "toilet": 0.38}.get(kind, u(0.36, 0.6))
        height = {"stool": u(0.38, 0.8), "toilet": u(0.38, 0.48)}.get(kind, u(0.38, 0.52))
        arms = kind == "sofa" or kind == "wheelchair" or u() < 0.35
        where = _centred(u(0.38, 0.55), wide)
        return seat(
            kind, rng, height, where, solid=bool(u() < 0.5), arms=bool(arms and kind not in ("stool", "toilet"))
        )

    return build


def _free_table(kind: str) -> Callable[[Rng], Shape]:
    sizes = {
        "table": ((0.5, 1.0), (0.6, 1.8), (0.4, 0.8)),
        "desk": ((0.5, 0.8), (0.9, 1.6), (0.7, 0.78)),
        "nightstand": ((0.32, 0.5), (0.32, 0.55), (0.4, 0.7)),
        "cabinet": ((0.35, 0.65), (0.4, 1.6), (0.7, 2.1)),
        "sink": ((0.38, 0.55), (0.4, 1.2), (0.78, 0.92)),
        "appliance": ((0.5, 0.7), (0.5, 0.75), (0.8, 1.9)),
    }[kind]

    def build(rng: Rng) -> Shape:
        depth, width, height = (float(rng.uniform(*bounds)) for bounds in sizes)
        return table(rng, height, _centred(depth, width), kind)

    return build


def _free_bed(rng: Rng) -> Shape:
    u = rng.uniform
    rails = tuple(side for side in (-1, 1) if u() < 0.15)
    return bed(rng, u(0.38, 0.75), _centred(u(1.88, 2.15), u(0.8, 1.7)), rails=rails)


def _shelf(rng: Rng) -> Shape:
    u = rng.uniform
    x0, x1, y0, y1 = _centred(u(0.22, 0.4), u(0.4, 1.5))
    height, boards = u(0.8, 2.1), int(rng.integers(3, 7))
    boxes: list[Box] = [(x0, x1, y0, y1, z, z + 0.025) for z in np.linspace(0.05, height - 0.025, boards)]
    boxes += [(x0, x1, y, y + 0.02, 0.0, height) for y in (y0, y1 - 0.02)]
    if u() < 0.6:
        boxes.append((x0, x0 + 0.01, y0, y1, 0.0, height))
    return Shape("shelf", tuple(boxes))


def _walker(rng: Rng) -> Shape:
    u = rng.uniform
    x0, x1, y0, y1 = _centred(u(0.45, 0.65), u(0.5, 0.62))
    height = u(0.8, 0.95)
    boxes = legs((x0, x1, y0, y1), height, 0.015)
    boxes += [(x0, x1, y, y + 0.03, height - 0.03, height) for y in (y0, y1 - 0.03)]
    boxes.append((x1 - 0.03, x1, y0, y1, u(0.3, 0.6), height - 0.1))
    if u() < 0.5:
        boxes.append((x0 + 0.1, x1 - 0.1, y0, y1, 0.5, 0.54))  # a rollator's seat
    return Shape("walker", tuple(boxes))


def _bathtub(rng: Rng) -> Shape:
    u = rng.uniform
    x0, x1, y0, y1 = _centred(u(0.68, 0.85), u(1.4, 1.8))
    height, rim = u(0.5, 0.65), 0.06
    walls: list[Box] = [
        (x0, x1, y0, y0 + rim, 0.0, height), (x0, x1, y1 - rim, y1, 0.0, height),
        (x0, x0 + rim, y0, y1, 0.0, height), (x1 - rim, x1, y0, y1, 0.0, height),
    ]  # fmt: skip
    return Shape("bathtub", (*walls, (x0, x1, y0, y1, 0.0, 0.12)))


def _lamp(rng: Rng) -> Shape:
    u = rng.uniform
    height, shade = u(1.2, 1.8), u(0.12, 0.25)
    return Shape(
        "lamp",
        drums=(
            (0, 0, 0.15, 0.15, 0.0, 0.03, 1.0),
            (0, 0, 0.015, 0.015, 0.03, height - 0.3, 1.0),
            (0, 0, shade, shade, height - 0.3, height, u(0.5, 1.0)),
        ),
    )


def _plant(rng: Rng) -> Shape:
    u = rng.uniform
    pot, height, crown = u(0.25, 0.45), u(0.6, 1.7), u(0.18, 0.4)
    middle = pot + 0.5 * (height - pot)
    return Shape(
        "plant",
        drums=(
            (0, 0, 0.13, 0.13, 0.0, pot, 1.3),
            (0, 0, 0.5 * crown, 0.5 * crown, pot, middle, 2.0),
            (0, 0, crown, crown, middle, height, 0.4),
        ),
    )


def _tv(rng: Rng) -> Shape:
    u = rng.uniform
    wide, stand = u(0.7, 1.4), u(0.4, 0.7)
    deep = u(0.35, 0.5)
    screen: Box = (-0.04, 0.04, -wide / 2, wide / 2, stand + 0.08, stand + 0.08 + 0.56 * wide)
    where = _centred(deep, wide)
    board: Box = (*where, 0.0 if u() < 0.5 else stand - 0.04, stand)
    return Shape("tv", (screen, board, *legs(where, stand - 0.04, 0.02)))


def _other(rng: Rng) -> Shape:
    u = rng.uniform
    if u() < 0.3:
        return Shape("other", drums=((0, 0, u(0.12, 0.25), u(0.12, 0.25), 0.0, u(0.25, 0.7), u(0.9, 1.2)),))
    x0, x1, y0, y1 = _centred(u(0.1, 0.7), u(0.2, 1.2))
    boxes: list[Box] = [(x0, x1, y0, y1, 0.0, u(0.2, 1.6))]
    if u() < 0.4:
        boxes.append((x0 * u(0.2, 0.9), x1 * u(0.2, 0.9), y0 * u(0.2, 0.9), y1 * u(0.2, 0.9), 0.0, u(0.4, 1.9)))
    return Shape("other", tuple(boxes))


MAKERS: Final[dict[str, Callable[[Rng], Shape]]] = {
    **{kind: _free_seat(kind) for kind in ("chair", "sofa", "stool", "wheelchair", "toilet")},
    **{kind: _free_table(kind) for kind in ("table", "desk", "nightstand", "cabinet", "sink", "appliance")},
    "bed": _free_bed, "shelf": _shelf, "walker": _walker, "bathtub": _bathtub, "lamp": _lamp, "plant": _plant,
    "tv": _tv, "other": _other,
}  # fmt: skip
"""A maker for each class of furniture."""
