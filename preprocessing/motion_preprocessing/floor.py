"""The floor of a room scan: which plane it is, which way is up, and which unit the file is in.

The largest plane is often not the floor: ceilings are larger, table tops denser. Candidates are therefore the planes
that have nearly the whole scan on one side, cover the room's footprint and stand out from the points just above them.
A box-shaped room offers up to six of these; four things tell the floor from walls and ceiling:

- the file's axes: most scans are Z up, many Y up, some upside down, and few are tilted by more than some degrees;
- gravity: whatever stands free of walls and ceiling reaches down to the floor, and most of it lies low;
- rooms are 2 to 3.5 m high, whatever the unit;
- a scan often has no ceiling, but seldom lacks the wall across from a wall.

Where the scan has points labelled as floor, these decide alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.components import cell_keys, connected_parts, thin
from motion_preprocessing.errors import InputError
from motion_preprocessing.planes import (
    MAX_POINTS,
    FoundPlane,
    Plane,
    find_planes,
    fit_plane,
    subsample,
    total_least_squares,
)

UNITS: Final[dict[str, float]] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "in": 0.0254}
"""Metres per unit. Where two units make a room equally plausible, the earlier one is taken."""
UP_AXES: Final[dict[str, tuple[float, float, float]]] = {
    "z": (0.0, 0.0, 1.0), "y": (0.0, 1.0, 0.0), "x": (1.0, 0.0, 0.0),
    "-z": (0.0, 0.0, -1.0), "-y": (0.0, -1.0, 0.0), "-x": (-1.0, 0.0, 0.0),
}  # fmt: skip
_UP_PRIOR: Final = {"z": 1.0, "y": 0.75, "-y": 0.25, "-z": 0.15}
"""How much an axis is believed before the points are looked at. No scanner writes X up: it has to be asked for."""

_TILT_SCALE_DEG: Final = 8.0
_WEIGHT_LOW: Final = 4.0
_WEIGHT_SUPPORT: Final = 4.0
_WEIGHT_OPEN: Final = 0.5
"""Weights against the prior, chosen on some hundred random furnished boxes; doubling or halving one changes little."""

MAX_TILT_DEG: Final = 35.0
MAX_BELOW: Final = 0.08
"""Part of the scan that may lie below the floor: reflections in it, and strays."""
MIN_SHARE: Final = 0.03
MIN_COVERAGE: Final = 0.2
"""Part of the footprint where the floor has to be seen."""
MIN_CONTRAST: Final = 1.5
"""How many times denser the floor is than the layer above it; a cloud without a floor has about 1."""
MIN_SCORE: Final = 3.0
"""Where there is furniture to judge by, true floors score 4.4 or more, and half of the walls of a scan that lacks its
floor less than this."""
_UNSURE: Final = 0.3
_FITS: Final = 0.3
"""Another unit might be meant where its score is so near to the best one's and at least this."""
_RELATIVE_THRESHOLD: Final = 0.01
"""Of the scan's extent: the plane threshold before the unit is known."""


@dataclass(frozen=True)
class Floor:
    """The floor of a scan, in the file's own frame and unit."""

    plane: Plane
    """Its normal points up into the room."""
    up: str
    """The file axis nearest to up: one of `UP_AXES`."""
    tilt_deg: float
    """Angle between that axis and the normal."""
    units: str
    """One of `UNITS`."""
    height_m: float
    """Height of the scan above the floor, without strays."""
    other_units: tuple[str, ...] = ()
    """Units that fit its height nearly as well, the likelier first; none where the unit was said."""

    @property
    def metres_per_unit(self) -> float:
        """Scale of the file's coordinates."""
        return UNITS[self.units]


@dataclass(frozen=True)
class _Candidate:
    plane: Plane
    score: float
    up: str


def find_floor(
    points: NDArray[np.floating[Any]],
    *,
    up: str = "auto",
    units: str = "auto",
    is_floor: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> Floor:
    """Find the floor plane of a room scan.

    Args:
        points: (N, 3) finite points in the file's frame.
        up: 'auto', or the file axis that points up (one of `UP_AXES`); the floor may still be tilted against it.
        units: 'auto', or one of `UNITS`.
        is_floor: (N,) True where a label says floor; None or all False where there are no such labels.
        seed: Of the random samples; the same seed gives the same floor.

    Raises:
        InputError: No plane of the scan can be its floor, or the floor labels contradict the geometry.
    """
    if up != "auto" and up not in UP_AXES:
        raise InputError(f"expected auto, {', '.join(UP_AXES)}, got '{up}' for the up axis; choose --up among these")
    if units != "auto" and units not in UNITS:
        raise InputError(f"expected auto, {', '.join(UNITS)}, got '{units}' for the units; choose --units among these")
    rng = np.random.default_rng(seed)
    cloud = np.asarray(points, dtype=np.float64)
    sample = subsample(cloud, MAX_POINTS, rng)
    low, high = np.percentile(sample, [2.0, 98.0], axis=0)
    extent = float(np.max(high - low))
    if not extent > 0.0:
        raise InputError("expected points that span a room, got points in one place for the scene; scan the room again")
    if is_floor is not None and np.any(is_floor):
        rough = _labelled_floor(cloud, np.asarray(is_floor), extent * _RELATIVE_THRESHOLD)
        axis = _nearest_axis(rough.normal, tuple(UP_AXES) if up == "auto" else (up,))[0]
    else:
        found = _best_candidate(cloud, sample, extent, up, units)
        rough, axis = found.plane, found.up
    height = _height(rough, sample)
    unit = _unit_of(height)[0] if units == "auto" else units
    others = _nearly_as_good(height) if units == "auto" else ()
    plane = _refine(rough, cloud if is_floor is None or not np.any(is_floor) else cloud[is_floor], UNITS[unit], seed)
    tilt = float(np.degrees(np.arccos(np.clip(plane.normal @ np.array(UP_AXES[axis]), -1.0, 1.0))))
    return Floor(plane, axis, tilt, unit, _height(plane, sample) * UNITS[unit], others)


def _height(plane: Plane, sample: NDArray[np.float64]) -> float:
    return float(np.percentile(plane.distances(sample), 98.0))


def _unit_of(height: float) -> tuple[str, float]:
    """Return the unit that makes a room's height most plausible, and how plausible it is (0 to 1)."""
    scores = _unit_scores(height)
    best = max(scores, key=lambda name: scores[name])
    return best, max(scores[best], 0.0)


def _unit_scores(height: float) -> dict[str, float]:
    scores = {}
    for name, scale in UNITS.items():
        # Ramps: 0.6 m (a cropped scan) to 2 m, flat to 3.4 m, falling to 6 m (a hall). Feet and inches are asked for
        # a better fit, as a cropped scan in metres looks like a whole one in feet.
        value = float(np.interp(height * scale, [0.3, 0.6, 2.0, 3.4, 6.0, 7.0], [0.0, 0.4, 1.0, 1.0, 0.4, 0.0]))
        scores[name] = value - (0.3 if name in ("ft", "in") else 0.0)
    return scores


def _nearly_as_good(height: float) -> tuple[str, ...]:
    """Units besides the best that a height could well be in: a person had better say which."""
    scores = _unit_scores(height)
    best = max(scores, key=lambda name: scores[name])
    others = [name for name in scores if name != best and scores[name] >= max(scores[best] - _UNSURE, _FITS)]
    return tuple(sorted(others, key=lambda name: -scores[name]))


def _nearest_axis(normal: NDArray[np.float64], axes: tuple[str, ...]) -> tuple[str, float]:
    cosines = {axis: float(normal @ np.array(UP_AXES[axis])) for axis in axes}
    best = max(cosines, key=lambda axis: cosines[axis])
    return best, float(np.degrees(np.arccos(np.clip(cosines[best], -1.0, 1.0))))


def _labelled_floor(cloud: NDArray[np.float64], is_floor: NDArray[np.bool_], threshold: float) -> Plane:
    marked = cloud[is_floor]
    remedy = "check the label table (--labels FILE), or leave the labels out with --labels ignore"
    if len(marked) < 3:
        raise InputError(f"expected 3 floor points or more, got {len(marked)} for the scene; {remedy}")
    plane = fit_plane(marked, 2 * threshold)
    inliers = float(np.mean(np.abs(plane.distances(marked)) < 3 * threshold))
    rest = plane.distances(cloud[~is_floor])
    if len(rest) and np.median(rest) < 0:
        plane, rest = plane.flipped(), -rest
    below = float(np.mean(rest < -3 * threshold)) if len(rest) else 0.0
    if inliers < 0.6 or below > 0.25:
        raise InputError(
            f"expected the points labelled floor on one plane below the others, got {inliers:.0%} of them on a plane "
            f"and {below:.0%} of the rest below it for the scene; {remedy}"
        )
    if len(rest) == 0 and plane.normal @ np.array(UP_AXES[_nearest_axis(plane.normal, tuple(_UP_PRIOR))[0]]) < 0:
        return plane.flipped()
    return plane


def _best_candidate(
    cloud: NDArray[np.float64], sample: NDArray[np.float64], extent: float, up: str, units: str
) -> _Candidate:
    threshold = extent * _RELATIVE_THRESHOLD
    even = thin(cloud, 1.2 * threshold)
    planes = [
        _measured(side, sample, threshold)
        for found in find_planes(even, threshold)
        for side in (found, FoundPlane(found.plane.flipped(), found.share, found.below, found.above))
        if found.share >= MIN_SHARE
    ]
    borders = [p for p in planes if p.below <= MAX_BELOW]
    on_border = np.zeros(len(even), dtype=np.bool_)
    for border in borders:
        on_border |= np.abs(border.plane.distances(even)) < 3 * threshold
    inside = even[~on_border]
    axes = tuple(_UP_PRIOR) if up == "auto" else (up,)
    candidates = [c for p in borders if (c := _candidate(p, borders, even, inside, threshold, axes, units)) is not None]
    if not candidates:
        raise InputError(
            "expected a floor with the rest of the scan above it, got no such plane for the scene; "
            f"scan the floor too, or say which axis is up with --up ({', '.join(UP_AXES)}) and the unit with --units "
            f"({', '.join(UNITS)})"
        )
    best = max(candidates, key=lambda c: c.score)
    # Of parallel planes that qualify the lowest is the floor: a platform or a mattress can be the larger one.
    centre = sample.mean(axis=0)
    parallel = [c for c in candidates if c.plane.normal @ best.plane.normal > np.cos(np.radians(10.0))]
    return max(parallel, key=lambda c: float(c.plane.distances(centre)))


def _measured(found: FoundPlane, sample: NDArray[np.float64], threshold: float) -> FoundPlane:
    """Take the parts above and below from the scan itself, where strays weigh less than among evenly spaced points."""
    distances = found.plane.distances(sample)
    above, below = float(np.mean(distances > 2 * threshold)), float(np.mean(distances < -2 * threshold))
    return FoundPlane(found.plane, found.share, above, below)


def _candidate(
    found: FoundPlane,
    borders: list[FoundPlane],
    even: NDArray[np.float64],
    inside: NDArray[np.float64],
    threshold: float,
    axes: tuple[str, ...],
    units: str,
) -> _Candidate | None:
    """Score one plane as a floor; None where it cannot be one."""
    plane = found.plane
    axis, tilt = _nearest_axis(plane.normal, axes)
    distances = plane.distances(even)
    if tilt > MAX_TILT_DEG or _coverage(plane, even, distances, threshold) < MIN_COVERAGE:
        return None
    layer = np.count_nonzero((distances > 2 * threshold) & (distances < 4 * threshold))
    if np.count_nonzero(np.abs(distances) < threshold) < MIN_CONTRAST * layer:
        return None
    if found.above < 0.02 and not (axis == "z" or len(axes) == 1):
        return None  # a bare plane is a floor only where the file's axes say so, and else a wall
    height = float(np.percentile(distances, 98.0))
    plausible = _unit_of(height)[1] if units == "auto" else _unit_of(height * UNITS[units])[1]
    score = _UP_PRIOR.get(axis, 0.0) - (1.0 - float(np.exp(-tilt / _TILT_SCALE_DEG))) + plausible
    if not any(b.plane.normal @ plane.normal < -0.95 for b in borders):
        score += _WEIGHT_OPEN
    heights = plane.distances(inside)
    between = heights[(heights > 0) & (heights < height)]
    if len(between) >= 20 and height > 4 * threshold:
        score += _WEIGHT_LOW * (0.5 - float(np.mean(between)) / height)
        score += _WEIGHT_SUPPORT * _support(plane, inside, threshold)
        if score < MIN_SCORE:
            return None
    return _Candidate(plane, score, axis)


def _coverage(plane: Plane, even: NDArray[np.float64], distances: NDArray[np.float64], threshold: float) -> float:
    """Part of the footprint's cells that hold points of the plane; cells with a single stray do not count."""
    across = even @ np.linalg.svd(plane.normal[None])[2][1:].T
    keys = cell_keys(np.column_stack([across, np.zeros(len(even))]), 5 * threshold)
    cell_of_point = np.unique(keys, return_inverse=True)[1].reshape(-1)
    counts = np.bincount(cell_of_point[distances > -2 * threshold], minlength=int(cell_of_point.max()) + 1)
    on_plane = np.bincount(cell_of_point[np.abs(distances) < threshold], minlength=len(counts)) > 0
    footprint = counts > 1
    return float(np.count_nonzero(on_plane & footprint)) / max(float(np.count_nonzero(footprint)), 1.0)


def _support(plane: Plane, inside: NDArray[np.float64], threshold: float) -> float:
    """Part of the points of free-standing things that hang together with something on the plane."""
    parts = connected_parts(inside, 2.5 * threshold)
    lowest = np.full(int(parts.max()) + 1, np.inf)
    np.minimum.at(lowest, parts, plane.distances(inside))
    sizes = np.bincount(parts)
    sizes[sizes < 5] = 0  # strays
    return float(np.sum(sizes[lowest < 7 * threshold])) / max(float(np.sum(sizes)), 1.0)


def _refine(rough: Plane, cloud: NDArray[np.float64], metres_per_unit: float, seed: int) -> Plane:
    """Fit the floor again among the points near it, with a threshold that follows the scan's noise."""
    band = cloud[np.abs(rough.distances(cloud)) < 0.25 / metres_per_unit]
    if len(band) < 3:
        return rough
    plane = fit_plane(band, 0.1 / metres_per_unit, up=rough.normal, max_angle_deg=15.0, seed=seed)
    # Skirting, bed legs and carpets lie on one side only and would lift the floor: leave out what the noise does not
    # explain.
    for _ in range(4):
        distances = plane.distances(band)
        near = np.abs(distances) < 0.1 / metres_per_unit
        spread = 1.4826 * float(np.median(np.abs(distances[near]))) if np.any(near) else 0.0
        inliers = band[np.abs(distances) < np.clip(2.5 * spread, 0.01 / metres_per_unit, 0.15 / metres_per_unit)]
        if len(inliers) < 3:
            break
        plane = total_least_squares(inliers)
    return plane if plane.normal @ rough.normal > 0 else plane.flipped()
