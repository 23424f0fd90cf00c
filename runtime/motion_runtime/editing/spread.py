"""Carrying a correction from the frames where it is known to all others, smoothly.

A correction is what has to be added at some frames to meet what was asked. Added there alone it would make a jump; it
is therefore carried on to the neighbouring frames. Both ways below are linear in the correction and worked out once:
every run of unknown frames is a small matrix that reads the few known frames around it.

- `fading`: the correction of a pose dies away within `reach` frames.
- `lasting`: the correction of a place goes over into the next known one however far that is, and stays as it is before
  the first and after the last. Whoever is half a metre off must not slide back within half a second.

A run of known frames may end while its correction still changes from frame to frame; its slope then dies away too, so
that neither place nor speed jumps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Row = Mapping[int, float]
"""A number as a weighted sum over frames: frame -> weight."""


class Block(NamedTuple):
    """A run of unknown frames."""

    rows: slice
    """The frames."""
    columns: NDArray[np.int64]
    """Known frames (C,) that they depend on."""
    weights: Array
    """(rows, C)."""


@dataclass(frozen=True)
class Spread:
    """A correction over T frames, made from its known frames."""

    known: Mask
    """(T,)."""
    blocks: tuple[Block, ...]
    """Every run of unknown frames that depends on a known one."""

    def __call__(self, correction: Array) -> Array:
        """Carry a correction (T, ...) on; what it holds at unknown frames is not read."""
        shape = (-1, *([1] * (correction.ndim - 1)))
        result: Array = np.where(self.known.reshape(shape), correction, 0.0)
        for block in self.blocks:
            result[block.rows] = np.tensordot(block.weights, correction[block.columns], axes=1)
        return result


def fading(known: Mask, reach: float) -> Spread:
    """A correction that is zero `reach` frames away from the known ones.

    Args:
        known: (T,) frames at which the correction is known.
        reach: Frames over which it dies away; shorter where the next known frame is nearer.
    """
    blocks = []
    for a, b in _gaps(known):
        inside = a >= 0 and b < len(known)
        span = float(min(reach, b - a)) if inside else float(reach)
        parts: list[tuple[Array, Row]] = []
        for edge, way in ((a, 1), (b, -1)):
            if 0 <= edge < len(known):
                u = np.minimum(way * (np.arange(a + 1, b) - edge) / span, 1.0)
                parts += [(_value(u), {edge: 1.0}), (span * _slope(u), _run_slope(known, edge, way) or {})]
        blocks += _block(a, b, parts)
    return Spread(known, tuple(blocks))


def lasting(known: Mask, settle: float) -> Spread:
    """A correction that goes over from each known frame into the next, and stays beyond the last.

    Args:
        known: (T,) frames at which the correction is known.
        settle: Frames within which the slope of a run of known frames dies away.
    """
    blocks = []
    slopes = _knot_slopes(np.flatnonzero(known))
    for a, b in _gaps(known):
        between = np.arange(a + 1, b)
        parts: list[tuple[Array, Row]] = []
        if a >= 0 and b < len(known):
            # Cubic between the two (Hermite), with the slopes of the curve through all known frames ...
            span = float(b - a)
            u = (between - a) / span
            over = u * u * (3 - 2 * u)
            parts += [(1 - over, {a: 1.0}), (over, {b: 1.0})]
            parts += [(span * u * (1 - u) ** 2, slopes[a]), (-span * u * u * (1 - u), slopes[b])]
            # ... and what a run of known frames differs from that, within a short time.
            for edge, way in ((a, 1), (b, -1)):
                own = _run_slope(known, edge, way)
                if own is not None:
                    near = min(settle, span)
                    weight = near * _slope(np.minimum(way * (between - edge) / near, 1.0))
                    parts += [(weight, own), (-way * weight, slopes[edge])]
        elif a >= 0 or b < len(known):
            edge, way = (a, 1) if a >= 0 else (b, -1)
            away = way * (between - edge).astype(np.float64)
            # The slope dies away linearly: its integral rises to half of `settle` and stays there.
            rise = np.where(away < settle, away * (1 - away / (2 * settle)), settle / 2)
            own = _run_slope(known, edge, way)
            parts += [(np.ones_like(away), {edge: 1.0})]
            parts += [(way * rise, slopes[edge]) if own is None else (rise, own)]
        blocks += _block(a, b, parts)
    return Spread(known, tuple(blocks))


def _block(a: int, b: int, parts: list[tuple[Array, Row]]) -> list[Block]:
    """Frames a + 1 .. b - 1 as the sum of parts, each a weight over them times a sum over known frames."""
    columns = sorted({frame for _, row in parts for frame in row})
    if not columns:
        return []
    weights = np.zeros((b - a - 1, len(columns)))
    for weight, row in parts:
        for frame, factor in row.items():
            weights[:, columns.index(frame)] += factor * weight
    return [Block(slice(a + 1, b), np.array(columns), weights)]


def _gaps(known: Mask) -> list[tuple[int, int]]:
    """Runs of unknown frames as the frames around them (a, b); -1 and T stand for the ends."""
    edges = np.concatenate([[-1], np.flatnonzero(known), [len(known)]])
    return [(int(a), int(b)) for a, b in zip(edges[:-1], edges[1:], strict=True) if b - a > 1]


def _value(u: Array) -> Array:
    """From 1 to 0 over [0, 1], slope and curvature zero at both ends."""
    return np.asarray(1 - u**3 * (10 + u * (6 * u - 15)))


def _slope(u: Array) -> Array:
    """From 0 to 0 over [0, 1] with slope 1 at 0; slope at 1 and both curvatures zero."""
    return np.asarray(u * (1 + u * u * (-6 + u * (8 - 3 * u))))


def _run_slope(known: Mask, edge: int, way: int) -> Row | None:
    """Change a frame, looking in the direction `way`, at the end of a run of known frames; None for a run of one."""
    before = edge - way
    if not 0 <= before < len(known) or not known[before]:
        return None
    return {edge: 1.0, before: -1.0}


def _knot_slopes(frames: NDArray[np.int64]) -> dict[int, Row]:
    """Slope at each known frame of the curve through all of them: Catmull and Rom's, secants at the ends.

    A single known frame has slope zero: the correction is the same everywhere.
    """
    slopes: dict[int, Row] = {}
    for index, frame in enumerate(frames):
        low, high = frames[max(index - 1, 0)], frames[min(index + 1, len(frames) - 1)]
        slopes[int(frame)] = {} if high == low else {int(high): 1 / (high - low), int(low): -1 / (high - low)}
    return slopes
