"""Carrying a correction from the frames where it is known to all others, smoothly, as a matrix over time.

A correction is what has to be added at some frames to meet what was asked. Added there alone it would make a jump; it
is therefore carried on to the neighbouring frames. Both ways below are linear in the correction, so for T frames each
is a (T, T) matrix W, made once: `W @ correction` is exact at known frames, smooth between them, and columns of unknown
frames are zero.

- `fading`: the correction of a pose dies away within `reach` frames.
- `lasting`: the correction of a place goes over into the next known one however far that is, and stays as it is before
  the first and after the last. Whoever is half a metre off must not slide back within half a second.

A run of known frames may end while its correction still changes from frame to frame; its slope then dies away too, so
that neither place nor speed jumps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def fading(known: Mask, reach: float) -> Array:
    """Matrix (T, T) of a correction that is zero `reach` frames away from the known ones.

    Args:
        known: (T,) frames at which the correction is known.
        reach: Frames over which it dies away; shorter where the next known frame is nearer.
    """
    frames = np.flatnonzero(known)
    matrix = np.zeros((len(known), len(known)))
    matrix[frames, frames] = 1.0
    for a, b in _gaps(known):
        between = np.arange(a + 1, b)
        inside = a >= 0 and b < len(known)
        span = float(min(reach, b - a)) if inside else float(reach)
        for edge, way in ((a, 1), (b, -1)):
            if not 0 <= edge < len(known):
                continue
            u = np.minimum(way * (between - edge) / span, 1.0)
            matrix[between, edge] += _value(u)
            own = _run_slope(known, edge, way)
            if own is not None:
                matrix[between] += span * _slope(u)[:, None] * own[None, :]
    return matrix


def lasting(known: Mask, settle: float) -> Array:
    """Matrix (T, T) of a correction that goes over from each known frame into the next, and stays beyond the last.

    Args:
        known: (T,) frames at which the correction is known.
        settle: Frames within which the slope of a run of known frames dies away.
    """
    frames = np.flatnonzero(known)
    count = len(known)
    matrix = np.zeros((count, count))
    matrix[frames, frames] = 1.0
    if len(frames) == 0:
        return matrix
    slopes = _knot_slopes(frames, count)
    for a, b in _gaps(known):
        between = np.arange(a + 1, b)
        if a < 0 or b >= count:
            edge, way = (a, 1) if a >= 0 else (b, -1)
            away = way * (between - edge).astype(np.float64)
            matrix[between, edge] += 1.0
            # The slope dies away linearly: its integral rises to half of `settle` and stays there.
            rise = np.where(away < settle, away * (1 - away / (2 * settle)), settle / 2)
            own = _run_slope(known, edge, way)
            matrix[between] += rise[:, None] * (way * slopes[edge] if own is None else own)[None, :]
            continue
        # Cubic between the two knots (Hermite), with the slopes of the curve through all knots ...
        span = float(b - a)
        u = (between - a) / span
        matrix[between, a] += 1 - u * u * (3 - 2 * u)
        matrix[between, b] += u * u * (3 - 2 * u)
        matrix[between] += span * (u * (1 - u) ** 2)[:, None] * slopes[a][None, :]
        matrix[between] -= span * (u * u * (1 - u))[:, None] * slopes[b][None, :]
        # ... and what a run of known frames differs from that, within a short time.
        for edge, way in ((a, 1), (b, -1)):
            own = _run_slope(known, edge, way)
            if own is not None:
                near = min(settle, span)
                weight = near * _slope(np.minimum(way * (between - edge) / near, 1.0))
                matrix[between] += weight[:, None] * (own - way * slopes[edge])[None, :]
    return matrix


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


def _run_slope(known: Mask, edge: int, way: int) -> Array | None:
    """Change a frame, looking in the direction `way`, at the end of a run of known frames; None for a run of one."""
    before = edge - way
    if not 0 <= before < len(known) or not known[before]:
        return None
    row = np.zeros(len(known))
    row[edge], row[before] = 1.0, -1.0
    return row


def _knot_slopes(frames: NDArray[np.int64], count: int) -> dict[int, Array]:
    """Slope (a row over T) at each known frame of the curve through all of them: Catmull and Rom's, secants at the end.

    A single known frame has slope zero: the correction is the same everywhere.
    """
    slopes: dict[int, Array] = {}
    for index, frame in enumerate(frames):
        row = np.zeros(count)
        low, high = frames[max(index - 1, 0)], frames[min(index + 1, len(frames) - 1)]
        if high > low:
            row[high] += 1.0 / (high - low)
            row[low] -= 1.0 / (high - low)
        slopes[int(frame)] = row
    return slopes
