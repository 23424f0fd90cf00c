"""Furniture of plain boxes: what stands in the rooms of synthetic captures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Box = tuple[float, float, float, float, float, float]
"""x0, x1, y0, y1, z0, z1 in the object's own frame, metres."""


@dataclass(frozen=True)
class Furniture:
    """One object: its class and its boxes, front towards +x, centre at the origin, base at z = 0."""

    name: str
    boxes: tuple[Box, ...]

    @property
    def half_extent(self) -> tuple[float, float]:
        """Half length along x and along y, metres."""
        b = np.array(self.boxes)
        return float(np.abs(b[:, :2]).max()), float(np.abs(b[:, 2:4]).max())

    @property
    def height(self) -> float:
        """Highest point, metres."""
        return max(box[5] for box in self.boxes)


def make(name: str, rng: np.random.Generator, top_m: float | None = None) -> Furniture:
    """Draw an object of class `name`; `top_m` fixes the height of its seat, mattress or table top."""
    u = rng.uniform
    if name in ("chair", "stool", "sofa"):
        depth, width = u(0.42, 0.6), u(0.42, 0.62) if name != "sofa" else u(1.2, 2.0)
        seat = top_m if top_m is not None else u(0.4, 0.5)
        boxes: list[Box] = [(-depth / 2, depth / 2, -width / 2, width / 2, max(seat - 0.08, 0.0), seat)]
        if name == "stool" or (name == "chair" and u() < 0.7):
            leg = 0.04
            boxes += [
                (x - leg / 2, x + leg / 2, y - leg / 2, y + leg / 2, 0.0, seat)
                for x in (-depth / 2 + leg, depth / 2 - leg)
                for y in (-width / 2 + leg, width / 2 - leg)
            ]
        else:
            boxes[0] = (-depth / 2, depth / 2, -width / 2, width / 2, 0.0, seat)
        if name != "stool":
            boxes.append((-depth / 2 - 0.06, -depth / 2, -width / 2, width / 2, seat, seat + u(0.3, 0.5)))
        return Furniture(name, tuple(boxes))
    if name == "bed":
        length, width, top = u(1.9, 2.15), u(0.85, 1.5), top_m if top_m is not None else u(0.4, 0.6)
        base: Box = (-length / 2, length / 2, -width / 2, width / 2, u(0.0, 0.25), top)
        board: Box = (-length / 2 - 0.05, -length / 2, -width / 2, width / 2, 0.0, top + u(0.1, 0.5))
        return Furniture(name, (base, board))
    if name in ("table", "desk", "nightstand"):
        small = name == "nightstand"
        length, width = (u(0.35, 0.5), u(0.35, 0.5)) if small else (u(0.6, 1.0), u(0.7, 1.6))
        top = top_m if top_m is not None else (u(0.45, 0.65) if small else u(0.68, 0.78))
        slab: Box = (-length / 2, length / 2, -width / 2, width / 2, 0.0 if small else top - 0.04, top)
        legs: list[Box] = [
            (x - 0.03, x + 0.03, y - 0.03, y + 0.03, 0.0, top)
            for x in (-length / 2 + 0.05, length / 2 - 0.05)
            for y in (-width / 2 + 0.05, width / 2 - 0.05)
        ]
        return Furniture(name, (slab, *([] if small else legs)))
    depth, width, height = u(0.3, 0.65), u(0.4, 1.4), u(0.8, 1.95)
    return Furniture(name, ((-depth / 2, depth / 2, -width / 2, width / 2, 0.0, height),))
