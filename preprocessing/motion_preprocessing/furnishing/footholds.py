"""Steps, boxes and rungs under feet that are planted above the floor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from motion_preprocessing.furnishing.fitting import Fitted, Fitter, Space
from motion_preprocessing.furnishing.needs import DEEPEST_M, Need
from motion_preprocessing.furnishing.procedural import legs
from motion_preprocessing.furnishing.shapes import Box, Shape

_MOST: Final = 8
_LEAST_M: Final = 0.14


def fit_footholds(fitter: Fitter, needs: Sequence[Need]) -> list[tuple[Need, Fitted]]:
    """Put a step under each foot hold: a closed one where there is room, or else a board or a rung."""
    rng = fitter.rng
    wide = float(rng.uniform(0.25, 0.5))
    solid = bool(rng.uniform() < 0.7)
    # A box to step on is a stool; steps one after another are none.
    levels = {round(need.height_m / 0.08) for need in needs}
    name = "stool" if len(levels) == 1 and needs and needs[0].height_m < 0.6 else "other"
    found = []
    for need in needs[:_MOST]:
        space = Space(fitter.sweep, need.origin_m, need.yaw_rad)
        h = need.height_m
        for closed in (True, False) if solid else (False,):
            layer = space.between(0.0 if closed else h - 0.07, h - DEEPEST_M)
            x1 = space.edge(float(rng.uniform(0.14, 0.3)), 0.0, "x", (-0.1, 0.1), layer)
            x0 = space.edge(-float(rng.uniform(0.14, 0.3)), 0.0, "x", (-0.1, 0.1), layer)
            y1 = space.edge(wide, 0.0, "y", (x0, x1), layer)
            y0 = space.edge(-wide, 0.0, "y", (x0, x1), layer)
            if x1 - x0 < (_LEAST_M if closed else 0.05) or y1 - y0 < 0.16:
                continue
            boxes: list[Box] = [(x0, x1, y0, y1, 0.0 if closed else h - 0.04, h)]
            if not closed and x1 - x0 > 0.2:
                boxes += legs((x0, x1, y0, y1), h - 0.04, 0.015)
            shape = Shape(name, tuple(boxes), (), h)
            fitted = fitter.settle(shape.item(rng, 1.5 * fitter.per_m2), need.origin_m, need.yaw_rad, h)
            if fitted is not None:
                found.append((need, fitted))
                break
    return found
