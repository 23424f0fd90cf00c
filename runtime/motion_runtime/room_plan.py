"""A plan of a room as it was understood: floor, walls, things with their names, where people start and go.

Seen from above, x to the right and y up, with metres along the edges. Equal rooms give equal pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.errors import InputError
from motion_preprocessing.labels import OBJECT_CLASSES, WALL
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.scene import wall_planes
from motion_runtime.figure import person_color, twins
from motion_runtime.framing import facing
from motion_runtime.room_view import CLASS_PALETTE

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene
    from motion_runtime.motion import Motion

Array = NDArray[np.float64]
Color = tuple[int, int, int]

_LONGEST_PX: Final = 900
_MARGIN_PX: Final = 46
_SHARP: Final = 2
"""Drawn so many times larger: lines come out smooth."""
_PAPER: Final = (250, 251, 253)
_FLOOR: Final = (231, 235, 241)
_GRID: Final = (213, 219, 228)
_WALL: Final = (92, 99, 112)
_UNKNOWN: Final = (168, 174, 184)
_INK: Final = (44, 51, 64)
_WALL_M: Final = 0.1
_BODY_M: Final = 0.22
_FACING_FRAMES: Final = 5


def draw_room_plan(path: Path, scene: Scene, motions: Sequence[Motion] = ()) -> None:
    """Write a PNG.

    Args:
        path: File to write; an existing one is replaced.
        scene: The room.
        motions: What takes place in it; every person's way is drawn, with an arrow at the start.

    Raises:
        OutputError: The file could not be written.
    """
    picture = room_plan(scene, motions)
    with atomic_file(path) as temporary:
        picture.save(temporary, format="PNG", optimize=True)


def room_plan(scene: Scene, motions: Sequence[Motion] = ()) -> Image.Image:
    """Draw a room from above; see `draw_room_plan`."""
    plan = _Plan.of(scene)
    plan.floor(scene)
    plan.grid()
    plan.things(scene)
    plan.walls(scene)
    plan.names(scene)
    for motion in motions:
        plan.ways(motion)
    plan.edges()
    return plan.picture.resize((plan.width // _SHARP, plan.height // _SHARP), Image.Resampling.LANCZOS)


class _Plan:
    """The picture while it is drawn."""

    def __init__(self, low: Array, high: Array) -> None:
        self.low, self.high = low, high
        span = np.maximum(high - low, 0.5)
        self.scale = _SHARP * (_LONGEST_PX - 2 * _MARGIN_PX) / float(span.max())
        margin = 2 * _SHARP * _MARGIN_PX
        self.width, self.height = (math.ceil(float(s) * self.scale) + margin for s in span)
        self.picture = Image.new("RGB", (self.width, self.height), _PAPER)
        self.pen = ImageDraw.Draw(self.picture)
        self.font = ImageFont.load_default(13 * _SHARP)

    @classmethod
    def of(cls, scene: Scene) -> _Plan:
        """Frame a room; strays seen through its windows do not count."""
        low, high = np.percentile(scene.points_m[:, :2].astype(np.float64), [0.3, 99.7], axis=0)
        return cls(low - 0.1, high + 0.1)

    def pixels(self, xy: Array) -> Array:
        """Pixels (N, 2) of places (N, 2)."""
        margin = _SHARP * _MARGIN_PX
        right = margin + (xy[:, 0] - self.low[0]) * self.scale
        down = self.height - margin - (xy[:, 1] - self.low[1]) * self.scale
        return np.stack([right, down], axis=1)

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Pixel of one place."""
        ((right, down),) = self.pixels(np.array([[x, y]]))
        return float(right), float(down)

    def dots(self, xy: Array, colors: NDArray[np.uint8], size_m: float) -> None:
        """Paint squares of points (N, 2); later ones lie on top."""
        half = max(1, round(size_m * self.scale / 2))
        at = np.round(self.pixels(xy)).astype(np.int64)
        pixels = np.asarray(self.picture).copy()
        for down in range(-half, half + 1):
            for right in range(-half, half + 1):
                column, row = at[:, 0] + right, at[:, 1] + down
                inside = (column >= 0) & (column < self.width) & (row >= 0) & (row < self.height)
                pixels[row[inside], column[inside]] = colors[inside]
        self.picture = Image.fromarray(pixels)
        self.pen = ImageDraw.Draw(self.picture)

    def floor(self, scene: Scene) -> None:
        """Paint where there is floor."""
        try:
            space = FreeSpace.from_scene(scene)
        except InputError:
            return  # no floor was scanned: the paper shows that
        cells = np.array(space.origin_m) + space.cell_m * np.argwhere(space.floor)
        self.dots(cells, np.tile(np.array(_FLOOR, dtype=np.uint8), (len(cells), 1)), 1.02 * space.cell_m)

    def grid(self) -> None:
        """Draw a line a metre."""
        (left, bottom), (right, top) = self.pixel(*self.low), self.pixel(*self.high)
        for x in range(math.ceil(self.low[0]), math.floor(self.high[0]) + 1):
            at = self.pixel(x, 0)[0]
            self.pen.line([(at, top), (at, bottom)], fill=_GRID, width=_SHARP)
        for y in range(math.ceil(self.low[1]), math.floor(self.high[1]) + 1):
            at = self.pixel(0, y)[1]
            self.pen.line([(left, at), (right, at)], fill=_GRID, width=_SHARP)

    def walls(self, scene: Scene) -> None:
        """Paint what is labelled wall, or lies on the planes that are taken for walls."""
        points = scene.points_m.astype(np.float64)
        wall = scene.labelled(WALL)
        open_points = scene.labels < 0
        if open_points.mean() > 0.5:
            near = np.zeros(len(points), dtype=np.bool_)
            for plane in wall_planes(points):
                near |= np.abs(plane.distances(points)) < _WALL_M
            wall |= near & open_points & (points[:, 2] > 0.3)
        xy = points[wall & (points[:, 2] < 2.2), :2]
        # A wall shows as a line only where a column of points stands: strays in a cell do not make one.
        cell = np.floor(xy / 0.04).astype(np.int64)
        places, counts = np.unique(cell, axis=0, return_counts=True)
        if len(places):
            places = places[counts >= max(2.0, 0.1 * float(np.median(counts)))]
            self.dots(
                np.asarray((places + 0.5) * 0.04, dtype=np.float64),
                np.tile(np.array(_WALL, dtype=np.uint8), (len(places), 1)),
                0.045,
            )

    def things(self, scene: Scene) -> None:
        """Paint things by class, low parts first."""
        for thing in reversed(scene.furniture):
            points = scene.points_m[thing.members].astype(np.float64)
            order = np.argsort(points[:, 2], kind="stable")
            points = points[order]
            light = 0.72 + 0.28 * np.clip(points[:, 2:] / max(thing.size_m[2], 0.1), 0, 1)
            color = np.clip(np.array(_color(thing.object_class)) * light, 0, 255).astype(np.uint8)
            self.dots(points[:, :2], color, 0.035)

    def names(self, scene: Scene) -> None:
        """Draw the box and the name of each thing."""
        for thing in scene.furniture:
            corners = [(float(x), float(y)) for x, y in self.pixels(thing.corners(0.02))]
            ink = tuple(round(0.55 * c) for c in _color(thing.object_class))
            self.pen.line([*corners, corners[0]], fill=(ink[0], ink[1], ink[2]), width=2 * _SHARP, joint="curve")
        taken: list[tuple[float, float, float, float]] = []
        for thing in scene.furniture:
            text = thing.name if thing.labelled or thing.object_class == "unknown" else f"{thing.name}?"
            x, y = self.pixel(*thing.centre_m)
            half = self.font.getlength(text) / 2 + 4 * _SHARP
            tall = 10 * _SHARP
            while any(abs(x - a) < half + c and abs(y - b) < tall + d for a, b, c, d in taken):
                y += 2 * _SHARP
            taken.append((x, y, half, tall))
            box = [x - half, y - tall, x + half, y + tall]
            self.pen.rounded_rectangle(box, radius=5 * _SHARP, fill=_PAPER, outline=_GRID, width=_SHARP)
            self.pen.text((x, y), text, fill=_INK, font=self.font, anchor="mm")

    def ways(self, motion: Motion) -> None:
        """Draw each person's way, an arrow where it starts and a dot where it ends."""
        joints = motion.joints_m.astype(np.float64)
        for person, (name, twin) in enumerate(zip(motion.person_classes, twins(motion.person_classes), strict=True)):
            color = _bytes(person_color(name, twin))
            way = [(float(x), float(y)) for x, y in self.pixels(joints[person, :, 0, :2])]
            self.pen.line(way, fill=_PAPER, width=6 * _SHARP, joint="curve")
            self.pen.line(way, fill=color, width=3 * _SHARP, joint="curve")
            yaw = _facing_rad(joints[person, :_FACING_FRAMES])
            self._arrow(joints[person, 0, 0, :2], yaw, color)
            x, y = way[-1]
            size = 4.5 * _SHARP
            self.pen.ellipse([x - size, y - size, x + size, y + size], fill=color, outline=_PAPER, width=_SHARP)

    def _arrow(self, place: Array, yaw: float, color: Color) -> None:
        turn = np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])
        shape = _BODY_M * np.array([[1.25, 0.0], [-0.7, 0.75], [-0.35, 0.0], [-0.7, -0.75]])
        corners = [(float(x), float(y)) for x, y in self.pixels(place + shape @ turn.T)]
        self.pen.polygon(corners, fill=color, outline=_PAPER, width=2 * _SHARP)

    def edges(self) -> None:
        """Write metres along the edges."""
        bottom, left = self.height - _SHARP * (_MARGIN_PX - 6), _SHARP * (_MARGIN_PX - 8)
        step = max(1, math.ceil(float((self.high - self.low).max()) / 12))
        for x in range(math.ceil(self.low[0]), math.floor(self.high[0]) + 1, step):
            self.pen.text((self.pixel(x, 0)[0], bottom), f"{x}", fill=_INK, font=self.font, anchor="mt")
        for y in range(math.ceil(self.low[1]), math.floor(self.high[1]) + 1, step):
            self.pen.text((left, self.pixel(0, y)[1]), f"{y}", fill=_INK, font=self.font, anchor="rm")
        self.pen.text((self.width - 8 * _SHARP, bottom), "x, m", fill=_INK, font=self.font, anchor="rt")
        self.pen.text((6 * _SHARP, 6 * _SHARP), "y, m", fill=_INK, font=self.font, anchor="lt")


def _facing_rad(joints: Array) -> float:
    """Direction that the hips of joints (T, 22, 3) face, on average."""
    x, y = facing(joints).mean(axis=0)
    return math.atan2(y, x)


def _color(object_class: str) -> Color:
    index = OBJECT_CLASSES.index(object_class)
    return _UNKNOWN if index == 0 else _bytes(CLASS_PALETTE[index - 1])


def _bytes(color: tuple[float, float, float]) -> Color:
    return round(255 * color[0]), round(255 * color[1]), round(255 * color[2])
