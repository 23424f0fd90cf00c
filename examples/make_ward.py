"""Make examples/ward.ply, a small care-home room, as a scan of it would look.

The furniture is built here from boxes, cylinders and discs, so the room is free of anybody else's rights. The scan is
simulated: surfaces are sampled evenly, points that none of three viewpoints sees are dropped, and every point gets 4 mm
of noise. Run `python examples/make_ward.py [OUT]`; the same seed gives the same bytes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.labels import DEFAULT_LABELS
from motion_preprocessing.ply import write_ply

SEED = 20
SIZE_M = (4.4, 5.0, 2.6)
POINTS = 80_000
DENSITY = {"floor": 1800.0, "wall": 1500.0}
"""Points a square metre before what nobody sees is dropped; furniture gets more, so that its shape shows."""
FURNITURE_DENSITY = 5000.0
NOISE_M = 0.004
VIEWPOINTS_M = ((2.1, 1.5, 1.6), (3.2, 3.2, 1.7), (1.0, 4.2, 1.6))
LABELS = {name: number for number, name in DEFAULT_LABELS.items()}

Array = NDArray[np.float64]


@dataclass
class Room:
    """Surfaces as parallelograms: corner and two edges (F, 3, 3), with a colour, a label and an instance each."""

    faces: list[Array] = field(default_factory=list)
    colors: list[tuple[int, int, int]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    instances: list[int] = field(default_factory=list)
    instance: int = 0

    def face(self, corner: Array, edge_u: Array, edge_v: Array, color: tuple[int, int, int], name: str) -> None:
        """Add one parallelogram."""
        self.faces.append(np.stack([corner, edge_u, edge_v]))
        self.colors.append(color)
        self.labels.append(LABELS[name])
        self.instances.append(0 if name in ("floor", "wall", "ceiling") else self.instance)

    def box(
        self, low: tuple[float, float, float], high: tuple[float, float, float], color: tuple[int, int, int], name: str
    ) -> None:
        """Add the six faces of an upright box."""
        corner, top = np.array(low), np.array(high)
        x, y, z = np.diag(top - corner)
        for start, u, v in (
            (corner, x, y), (corner + z, x, y), (corner, x, z), (corner + y, x, z), (corner, y, z), (corner + x, y, z)
        ):  # fmt: skip
            self.face(start, u, v, color, name)

    def pole(
        self, low: tuple[float, float, float], radius: float, height: float, color: tuple[int, int, int], name: str
    ) -> None:
        """Add an upright twelve-sided column."""
        angles = np.arange(13) * (2 * np.pi / 12)
        ring = np.array(low) + radius * np.column_stack([np.cos(angles), np.sin(angles), np.zeros(13)])
        up = np.array([0.0, 0.0, height])
        for a, b in zip(ring[:-1], ring[1:], strict=True):
            self.face(a, b - a, up, color, name)
        for strip in range(4):  # the lid as bands across the circle
            y0, y1 = (radius * np.cos(np.pi * (strip + k) / 4) for k in (0, 1))
            half = radius * np.sin(np.pi * (strip + 0.5) / 4)
            self.face(
                np.array(low) + [-half, y0, height], np.array([2 * half, 0, 0]), np.array([0, y1 - y0, 0]), color, name
            )

    def wall(self, corner: Array, along: Array, openings: list[tuple[float, float, float, float]]) -> None:
        """Add a wall with rectangular openings, each from, to, bottom, top in metres."""
        length, color = float(np.linalg.norm(along)), (226, 221, 208)
        direction = along / length
        cuts = sorted({0.0, length, *(value for o in openings for value in o[:2])})
        for a, b in zip(cuts[:-1], cuts[1:], strict=True):
            holes = [o for o in openings if o[0] <= a and b <= o[1]]
            bands = [(0.0, SIZE_M[2])] if not holes else [(0.0, holes[0][2]), (holes[0][3], SIZE_M[2])]
            for low, high in bands:
                if high > low:
                    start = corner + a * direction + np.array([0.0, 0.0, low])
                    self.face(start, (b - a) * direction, np.array([0.0, 0.0, high - low]), color, "wall")


def build() -> Room:
    """Furnish the room: x to the right 4.4 m, y away from the door 5 m, the door gap in the wall y = 0."""
    room = Room()
    width, depth, _ = SIZE_M
    room.face(np.zeros(3), np.array([width, 0, 0]), np.array([0, depth, 0]), (176, 158, 134), "floor")
    room.wall(np.zeros(3), np.array([width, 0.0, 0.0]), [(0.5, 1.6, 0.0, 2.1)])
    room.wall(np.array([0.0, depth, 0.0]), np.array([width, 0.0, 0.0]), [(1.5, 3.3, 0.9, 2.2)])
    room.wall(np.zeros(3), np.array([0.0, depth, 0.0]), [])
    room.wall(np.array([width, 0.0, 0.0]), np.array([0.0, depth, 0.0]), [])
    _bed(room)
    _nightstand(room)
    _wardrobe(room)
    _table_and_chairs(room)
    _walker(room)
    return room


def _bed(room: Room) -> None:
    """A care bed, its head against the wall x = 4.4, its long side along y = 5."""
    room.instance += 1
    frame, sheet, blanket, pillow = (150, 112, 74), (240, 240, 236), (96, 140, 176), (250, 250, 248)
    for x in (2.28, 4.22):
        for y in (3.72, 4.62):
            room.box((x, y, 0.0), (x + 0.08, y + 0.08, 0.34), frame, "bed")
    room.box((2.26, 3.68, 0.3), (4.34, 4.74, 0.4), frame, "bed")
    room.box((2.3, 3.74, 0.4), (4.3, 4.68, 0.56), sheet, "bed")
    room.box((2.29, 3.72, 0.5), (3.55, 4.7, 0.6), blanket, "bed")
    room.box((3.82, 3.92, 0.56), (4.24, 4.5, 0.66), pillow, "bed")
    room.box((4.32, 3.68, 0.0), (4.37, 4.74, 1.0), frame, "bed")
    room.box((2.22, 3.68, 0.0), (2.27, 4.74, 0.8), frame, "bed")
    for rail in (0.68, 0.8):
        room.box((2.9, 4.71, rail), (3.9, 4.74, rail + 0.04), (190, 190, 190), "bed")


def _nightstand(room: Room) -> None:
    room.instance += 1
    room.box((3.9, 3.1, 0.0), (4.36, 3.52, 0.58), (172, 134, 92), "nightstand")
    room.box((3.88, 3.08, 0.58), (4.37, 3.54, 0.61), (150, 112, 74), "nightstand")
    room.instance += 1
    room.pole((4.14, 3.31, 0.61), 0.07, 0.03, (90, 90, 95), "lamp")
    room.pole((4.14, 3.31, 0.64), 0.015, 0.2, (90, 90, 95), "lamp")
    room.pole((4.14, 3.31, 0.82), 0.11, 0.18, (244, 226, 170), "lamp")


def _wardrobe(room: Room) -> None:
    room.instance += 1
    room.box((3.78, 0.3, 0.0), (4.37, 1.5, 1.95), (184, 148, 106), "cabinet")
    for y in (0.86, 0.94):
        room.box((3.75, y - 0.01, 0.9), (3.78, y + 0.01, 1.1), (110, 110, 115), "cabinet")


def _table_and_chairs(room: Room) -> None:
    room.instance += 1
    wood, seat = (190, 156, 112), (146, 72, 66)
    room.box((0.1, 3.55, 0.71), (0.9, 4.45, 0.74), wood, "table")
    for x in (0.13, 0.82):
        for y in (3.58, 4.37):
            room.box((x, y, 0.0), (x + 0.05, y + 0.05, 0.71), wood, "table")
    for low, back in (((0.95, 3.78), "+x"), ((0.28, 3.02), "-y")):
        room.instance += 1
        x, y = low
        for dx in (0.0, 0.4):
            for dy in (0.0, 0.4):
                room.box((x + dx, y + dy, 0.0), (x + dx + 0.04, y + dy + 0.04, 0.44), wood, "chair")
        room.box((x, y, 0.44), (x + 0.44, y + 0.44, 0.48), seat, "chair")
        if back == "+x":
            room.box((x + 0.4, y, 0.48), (x + 0.44, y + 0.44, 0.92), seat, "chair")
        else:
            room.box((x, y, 0.48), (x + 0.44, y + 0.04, 0.92), seat, "chair")
    room.instance += 1
    x, y = 0.12, 1.95
    leather = (78, 104, 96)
    room.box((x, y, 0.05), (x + 0.75, y + 0.72, 0.43), leather, "chair")
    room.box((x, y, 0.43), (x + 0.18, y + 0.72, 1.02), leather, "chair")
    for side in (y, y + 0.6):
        room.box((x + 0.18, side, 0.43), (x + 0.72, side + 0.12, 0.62), leather, "chair")


def _walker(room: Room) -> None:
    """A walking frame, parked beside the wardrobe."""
    room.instance += 1
    grey, dark = (176, 180, 186), (60, 60, 64)
    for y in (1.75, 2.25):
        for x in (3.75, 4.2):
            room.box((x, y, 0.0), (x + 0.03, y + 0.03, 0.84), grey, "walker")
        room.box((3.75, y, 0.84), (4.23, y + 0.03, 0.88), dark, "walker")
    for height in (0.3, 0.62):
        room.box((4.2, 1.78, height), (4.23, 2.25, height + 0.03), grey, "walker")


def scan(room: Room, rng: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Sample what the viewpoints see."""
    faces = np.stack(room.faces)  # (F, 3, 3)
    areas = np.linalg.norm(np.cross(faces[:, 1], faces[:, 2]), axis=1)
    density = np.array([DENSITY.get(DEFAULT_LABELS[label], FURNITURE_DENSITY) for label in room.labels])
    owner = np.repeat(np.arange(len(faces)), np.round(areas * density).astype(int))
    u, v = rng.random((2, len(owner), 1))
    points = faces[owner, 0] + u * faces[owner, 1] + v * faces[owner, 2]
    seen = np.zeros(len(points), dtype=np.bool_)
    for viewpoint in VIEWPOINTS_M:
        seen |= ~_hidden(points, np.array(viewpoint), faces)
    visible = np.flatnonzero(seen)
    chosen = np.sort(rng.choice(visible, min(POINTS, len(visible)), replace=False))
    points = points[chosen] + rng.normal(scale=NOISE_M, size=(len(chosen), 3))
    owner = owner[chosen]
    shade = rng.normal(scale=6.0, size=(len(chosen), 1))
    colors = np.clip(np.array(room.colors)[owner] + shade, 0, 255).astype(np.uint8)
    return {
        **{axis: points[:, i].astype(np.float32) for i, axis in enumerate("xyz")},
        **{name: colors[:, i] for i, name in enumerate(("red", "green", "blue"))},
        "label": np.array(room.labels)[owner].astype(np.uint8),
        "instance": np.array(room.instances)[owner].astype(np.uint8),
    }


def _hidden(points: Array, viewpoint: Array, faces: Array) -> NDArray[np.bool_]:
    """Return (N,) True where a face lies between the viewpoint and the point."""
    hidden = np.zeros(len(points), dtype=np.bool_)
    rays = points - viewpoint
    for corner, edge_u, edge_v in faces:
        normal = np.cross(edge_u, edge_v)
        along = rays @ normal
        with np.errstate(divide="ignore", invalid="ignore"):
            t = ((corner - viewpoint) @ normal) / along
        hit = np.where(np.isfinite(t), t, -1.0)[:, None] * rays + (viewpoint - corner)
        # The edges are perpendicular, so the coordinates in the face are projections.
        a, b = hit @ edge_u / (edge_u @ edge_u), hit @ edge_v / (edge_v @ edge_v)
        hidden |= (t > 1e-6) & (t < 1 - 1e-3) & (a >= 0) & (a <= 1) & (b >= 0) & (b <= 1)
    return hidden


def main() -> None:
    """Write the room beside this script, or to the path given."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("ward.ply")
    columns = scan(build(), np.random.default_rng(SEED))
    used = sorted(set(columns["label"].tolist()))
    comments = [
        "scene-motion example room, made by examples/make_ward.py; metres, z up, floor z = 0",
        *(f"label {number} {DEFAULT_LABELS[number]}" for number in used),
    ]
    write_ply(out, columns, comments)
    print(f"{out}: {len(columns['x'])} points, {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
