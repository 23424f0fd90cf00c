"""Planes in point clouds: one robust fit, and all the large planes of a cloud.

A plane is a unit normal n and an offset d with n.p + d = 0. Residuals are orthogonal distances, never heights along an
axis: a regression of one coordinate on the others breaks down where the plane is steep in it. Hypotheses come from
three points each; they are scored by MSAC (a truncated square, Torr and Zisserman 2000) and refitted by total least
squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.components import cell_keys
from motion_preprocessing.errors import InputError

HYPOTHESES: Final = 400
MAX_POINTS: Final = 20_000
"""More points than these cost time and add no accuracy to the score of a hypothesis."""
REFITS: Final = 5
_SEARCH_POINTS: Final = 6_000
_SEARCH_HYPOTHESES: Final = 800
_NEIGHBOURHOOD: Final = 25.0
"""Width of the cells that the three points of a search hypothesis share, in thresholds."""


@dataclass(frozen=True)
class Plane:
    """The plane normal.p + offset = 0."""

    normal: NDArray[np.float64]
    """(3,) unit vector; for a floor it points up into the room."""
    offset: float

    def distances(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Signed distances (N,), positive on the normal's side."""
        return np.asarray(points, dtype=np.float64) @ self.normal + self.offset

    def flipped(self) -> Plane:
        """The same plane seen from its other side."""
        return Plane(-self.normal, -self.offset)


@dataclass(frozen=True)
class FoundPlane:
    """A plane of `find_planes`."""

    plane: Plane
    share: float
    """Part of the cloud within the threshold."""
    above: float
    """Part of the cloud beyond twice the threshold on the normal's side."""
    below: float
    """The same on the other side."""


def total_least_squares(points: NDArray[np.floating[Any]]) -> Plane:
    """Fit a plane that minimises the sum of squared orthogonal distances; the sign of its normal is arbitrary."""
    centre = points.mean(axis=0)
    centred = points - centre
    _, vectors = np.linalg.eigh(centred.T @ centred)
    normal = vectors[:, 0]
    return Plane(normal, float(-normal @ centre))


def subsample(points: NDArray[np.float64], limit: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return at most `limit` of the points, drawn without replacement."""
    return points if len(points) <= limit else points[rng.choice(len(points), limit, replace=False)]


def fit_plane(
    points: NDArray[np.floating[Any]],
    threshold: float,
    *,
    up: NDArray[np.float64] | None = None,
    max_angle_deg: float = 70.0,
    hypotheses: int = HYPOTHESES,
    seed: int = 0,
) -> Plane:
    """Fit the plane that most of the points lie on.

    Args:
        points: (N, 3) in any unit.
        threshold: Distance, in that unit, from which a point is an outlier.
        up: (3,) rough direction of the normal; hypotheses farther than `max_angle_deg` from it are not tried, and the
            normal points to its side.
        max_angle_deg: See `up`.
        hypotheses: Number of three-point samples.
        seed: Of the samples; the same seed gives the same plane.

    Raises:
        InputError: There are fewer than three points or they lie on a line.
    """
    rng = np.random.default_rng(seed)
    cloud = subsample(np.asarray(points, dtype=np.float64), MAX_POINTS, rng)
    if len(cloud) < 3:
        raise InputError(f"expected 3 points or more, got {len(cloud)} for a plane; select more of the floor")
    normals, offsets = _hypotheses(cloud, rng.integers(0, len(cloud), (hypotheses, 3)), threshold * threshold * 1e-6)
    if up is not None:
        side = normals @ up
        keep = np.abs(side) >= np.cos(np.radians(max_angle_deg)) * np.linalg.norm(up)
        normals, offsets = normals[keep], offsets[keep]
    if len(normals) == 0:
        raise InputError("expected points that span a plane, got points on a line or a plane too steep; select others")
    scores = _msac(normals, offsets, cloud, threshold).sum(axis=1)
    best = int(np.argmax(scores))
    plane = Plane(normals[best], float(offsets[best]))
    for _ in range(REFITS):
        inliers = cloud[np.abs(plane.distances(cloud)) < threshold]
        if len(inliers) < 3:
            break
        plane = total_least_squares(inliers)
    return plane.flipped() if up is not None and plane.normal @ up < 0 else plane


def find_planes(points: NDArray[np.float64], threshold: float, *, count: int = 14, seed: int = 0) -> list[FoundPlane]:
    """Find the large planes of a cloud, largest first.

    The three points of a hypothesis come from one neighbourhood, so that a plane with a tenth of the points is still
    hit often. For areas rather than scan densities to decide, pass points that are evenly spaced.

    Args:
        points: (N, 3).
        threshold: Distance within which a point belongs to a plane.
        count: Planes at most; planes of less than a hundredth of the points are not reported.
        seed: Of the samples.
    """
    rng = np.random.default_rng(seed)
    cloud = subsample(points, _SEARCH_POINTS, rng)
    normals, offsets = _hypotheses(cloud, _local_triples(cloud, threshold * _NEIGHBOURHOOD, rng), (3 * threshold) ** 2)
    if len(normals) == 0:
        return []
    scores = _msac(normals, offsets, cloud, threshold)
    free = np.ones(len(cloud), dtype=np.bool_)
    found: list[FoundPlane] = []
    for _ in range(count):
        best = int(np.argmax(scores @ free.astype(np.float32)))
        plane = Plane(normals[best], float(offsets[best]))
        for widening in (2.0, 1.5, 1.0, 1.0, 1.0):  # a hypothesis from close points is a few degrees off
            inliers = free & (np.abs(plane.distances(cloud)) < threshold * widening)
            if np.count_nonzero(inliers) < 3:
                break
            plane = total_least_squares(cloud[inliers])
        distances = plane.distances(cloud)
        share = float(np.mean(free & (np.abs(distances) < threshold)))
        if share < 0.01:
            break
        above, below = float(np.mean(distances > 2 * threshold)), float(np.mean(distances < -2 * threshold))
        found.append(FoundPlane(plane, share, above, below))
        free &= np.abs(distances) >= 1.5 * threshold
    return found


def _hypotheses(
    cloud: NDArray[np.float64], triples: NDArray[np.int64], min_area: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first = cloud[triples[:, 0]]
    normals = np.cross(cloud[triples[:, 1]] - first, cloud[triples[:, 2]] - first)
    areas = np.linalg.norm(normals, axis=1)
    keep = areas > max(min_area, np.finfo(np.float64).tiny)
    normals = normals[keep] / areas[keep, None]
    return normals, -np.sum(normals * first[keep], axis=1)


def _msac(
    normals: NDArray[np.float64], offsets: NDArray[np.float64], cloud: NDArray[np.float64], threshold: float
) -> NDArray[np.float32]:
    """Return each point's part (H, N) in each hypothesis' score: 1 on the plane, 0 from the threshold on."""
    # float32 halves the time; centring first keeps its rounding far below the threshold, whatever the strays.
    centre = np.median(cloud, axis=0)
    shifted = (offsets + normals @ centre).astype(np.float32)
    scaled: NDArray[np.float32] = normals.astype(np.float32) @ (cloud - centre).T.astype(np.float32)
    scaled += shifted[:, None]
    scaled /= np.float32(threshold)
    np.square(scaled, out=scaled)
    np.subtract(np.float32(1.0), scaled, out=scaled)
    np.maximum(scaled, np.float32(0.0), out=scaled)
    return scaled


def _local_triples(cloud: NDArray[np.float64], cell: float, rng: np.random.Generator) -> NDArray[np.int64]:
    keys = cell_keys(cloud, cell)
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    first = rng.integers(0, len(cloud), _SEARCH_HYPOTHESES)
    low = np.searchsorted(sorted_keys, keys[first], side="left")
    high = np.searchsorted(sorted_keys, keys[first], side="right")
    others = low[:, None] + (rng.random((len(first), 2)) * (high - low)[:, None]).astype(np.int64)
    return np.column_stack([first, order[others]])
