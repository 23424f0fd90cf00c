"""Contact sheets: what was simulated, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from motion_preprocessing.body_capsules import NAMES, body_capsules
from motion_preprocessing.simulation.hinges import Array
from motion_preprocessing.simulation.solve import Box

_CELL: Final = (112, 104)
_TITLE: Final = 12
_METRES: Final = 2.3
_LEFT, _RIGHT, _MIDDLE, _OTHER = (60, 60, 200), (200, 60, 60), (90, 90, 90), (30, 140, 90)


@dataclass(frozen=True)
class Row:
    """One clip of a sheet."""

    title: str
    people_m: tuple[Array, ...]
    """(T, 22, 3) each; the first is looked at."""
    boxes: tuple[Box, ...] = ()


def _view(joints: Array) -> tuple[Array, Array, Array]:
    """Right, up and into-the-picture directions that show the clip's longest extent from the side."""
    spread = joints[..., :2].reshape(-1, 2)
    # A lying body shows its length; otherwise the way that it goes.
    low = joints[joints[:, 0, 2] < 0.75]
    if len(low):
        spread = (low - low[:, :1])[..., :2].reshape(-1, 2)
    values, vectors = np.linalg.eigh(np.cov(spread.T))
    along = vectors[:, int(np.argmax(values))]
    azimuth = float(np.arctan2(along[1], along[0])) + np.pi / 2 - np.radians(25)
    into = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    right = np.array([into[1], -into[0], 0.0])
    tilt = np.radians(14)
    return right, np.cos(tilt) * np.array([0.0, 0.0, 1.0]) + np.sin(tilt) * into, into


def _corners(box: Box) -> Array:
    c, s = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
    signs = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)])
    flat = signs * np.array(box.half_m)
    xy = flat @ np.array([[c, s], [-s, c]]) + np.array(box.centre_m)
    return np.concatenate([np.column_stack([xy, np.full(4, z)]) for z in (box.bottom_m, box.top_m)])


def sheet(rows: list[Row], columns: int = 14) -> Image.Image:
    """Draw clips in rows, their frames evenly in columns; left limbs blue, right limbs red."""
    width, height = _CELL
    image = Image.new("RGB", (width * columns, (height + _TITLE) * len(rows)), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for r, row in enumerate(rows):
        draw.text((3, (height + _TITLE) * r), row.title, fill=(0, 0, 0))
        view = _view(row.people_m[0])
        for column, frame in enumerate(np.linspace(0, len(row.people_m[0]) - 1, columns).astype(int)):
            origin = np.array([width * (column + 0.5), (height + _TITLE) * r + _TITLE + 0.82 * height])
            _draw(draw, row, int(frame), view, origin)
    return image


def _draw(draw: ImageDraw.ImageDraw, row: Row, frame: int, view: tuple[Array, Array, Array], origin: Array) -> None:
    right, up, into = view
    zoom = _CELL[1] / _METRES
    centre = row.people_m[0][frame, 0] * [1.0, 1.0, 0.0]

    def place(point: Array) -> tuple[float, float]:
        rel = point - centre
        return float(origin[0] + zoom * (rel @ right)), float(origin[1] - zoom * (rel @ up))

    draw.line([place(centre - 1.1 * right), place(centre + 1.1 * right)], fill=(205, 205, 205))
    for box in row.boxes:
        corners = _corners(box)
        for a, b in [(i, (i + 1) % 4) for i in range(4)]:
            draw.line([place(corners[a]), place(corners[b])], fill=(170, 205, 170))
            draw.line([place(corners[a + 4]), place(corners[b + 4])], fill=(90, 160, 90))
            draw.line([place(corners[a]), place(corners[a + 4])], fill=(170, 205, 170))
    for number, joints in enumerate(row.people_m):
        parts = body_capsules(joints[min(frame, len(joints) - 1)])
        depth = (parts.starts_m + parts.ends_m) @ into
        for m in np.argsort(-depth):
            name = NAMES[m]
            colour = _LEFT if name.startswith("left") else _RIGHT if name.startswith("right") else _MIDDLE
            if number:
                colour = _OTHER
            thick = max(2, int(1.4 * zoom * parts.radii_m[m]))
            draw.line([place(parts.starts_m[m]), place(parts.ends_m[m])], fill=colour, width=thick)
