"""Furniture for a window of motion: what the bodies use, what stands around, as a scanner would see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.furnishing.fitting import Fitted, Fitter
from motion_preprocessing.furnishing.footholds import fit_footholds
from motion_preprocessing.furnishing.item import Placed, to_world
from motion_preprocessing.furnishing.library import FurnitureLibrary
from motion_preprocessing.furnishing.needs import Need, find_needs, on_bed
from motion_preprocessing.furnishing.scan import scan
from motion_preprocessing.furnishing.surroundings import fit_goal, surround
from motion_preprocessing.furnishing.sweep import FloorGrid, Sweep, lattice
from motion_preprocessing.labels import OBJECT_CLASSES
from motion_preprocessing.motion_features import LYING, PELVIS, SITTING, UPRIGHT, Features, measure

Floats = NDArray[np.floating[Any]]

_UNKNOWN_WINDOWS: Final = 0.15
"""Share of the windows whose scan has no labels at all."""
_UNKNOWN_OBJECTS: Final = 0.05
_TABLE_SHARE: Final = 0.75
"""Share of the reaching hands that get a table; people also reach for what is not there."""
_GOAL_SHARE: Final = 0.6
MOST_POINTS: Final = 8000


@dataclass(frozen=True)
class Use:
    """What somebody does with an object in frames [start, stop)."""

    object_class: str
    use: str
    """sit_down, sit, stand_up, lie_down, lie, get_up, fall_from, reach, walk_to or climb."""
    person: int
    start: int
    stop: int
    placed: int
    """Index into `Furnishing.placed`."""


@dataclass(frozen=True)
class Furnishing:
    """A furnished window."""

    points_m: NDArray[np.float32]
    """(M, 3) object points in the frame of the joints."""
    classes: NDArray[np.int64]
    """(M,) index into OBJECT_CLASSES; 0 where the scan does not say."""
    objects: NDArray[np.int64]
    """(M,) index into `placed`."""
    placed: tuple[Placed, ...]
    """The objects, those in use first."""
    uses: tuple[Use, ...]
    """What the persons do with them, in order of time."""
    unmet: tuple[str, ...] = ()
    """Kinds of needs for which nothing fitted."""


def furnish_people(
    people_m: Floats,
    rng: np.random.Generator,
    *,
    fps: float = 20.0,
    library: FurnitureLibrary | None = None,
    free_objects: int = 4,
    reach_m: float = 3.5,
    supports: bool = True,
    seated: bool = False,
) -> Furnishing:
    """Furnish the surroundings of a motion.

    Args:
        people_m: (P, T, 22, 3) joints in the frame the points are wanted in; NaN where a person is not there.
        rng: Source of every choice.
        fps: Frames a second.
        library: Modelled furniture to use beside what is made by rule.
        free_objects: How many objects are tried where nobody comes.
        reach_m: How far from the first person's start they may stand.
        supports: Whether furniture is put under and in front of bodies at all.
        seated: Whether the motion is known to use a seat: then low squats are taken for sitting.
    """
    people = np.asarray(people_m)
    sweep = Sweep.of(people)
    per_m2 = float(np.exp(rng.uniform(np.log(60), np.log(350))))
    fitter = Fitter(sweep, rng, library, per_m2)
    grid = FloorGrid.around(sweep, reach_m + 0.5)
    found: list[Fitted] = []
    uses: list[Use] = []
    unmet: list[str] = []
    for person, joints in enumerate(people) if supports else ():
        present = np.isfinite(joints).all(axis=(-1, -2))
        if present.sum() < 4 or not present[: int(present.sum())].all():
            continue
        f = measure(joints[: int(present.sum())], fps)
        needs = find_needs(f, _first_frames(sweep, f.frames), person, seated=seated)
        _meet(needs, f, fitter, grid, found, uses, unmet)
    start = people[0, 0, PELVIS, :2]
    around, corners = surround(fitter, grid, free_objects, start, reach_m)
    found += around
    points, classes, objects = _scanned(found, fitter, corners)
    uses = [use for use in uses if np.any(objects == use.placed)]
    placed = tuple(fitted.placed for fitted in found)
    return Furnishing(points, classes, objects, placed, tuple(sorted(uses, key=lambda u: u.start)), tuple(unmet))


def _first_frames(sweep: Sweep, frames: int) -> Sweep:
    return Sweep(sweep.centres_m[:, :frames], sweep.kept[:, :frames])


def _meet(
    needs: list[Need], f: Features, fitter: Fitter, grid: FloorGrid,
    found: list[Fitted], uses: list[Use], unmet: list[str],
) -> None:  # fmt: skip
    """Fit an object to each need; others are kept from its place."""

    def add(fitted: Fitted) -> int:
        found.append(fitted)
        placed = fitted.placed
        grid.take(to_world(lattice(placed.rectangle_m), placed.yaw_rad, np.array(placed.origin_m)))
        return len(found) - 1

    holds = [need for need in needs if need.kind == "climb"]
    for need, fitted in fit_footholds(fitter, holds):
        uses.append(Use(fitted.placed.object_class, "climb", need.person, need.start, need.stop, add(fitted)))
    for need in needs:
        if need.kind == "climb":
            continue
        shared = _shared(need, found)
        if shared is not None:
            uses += _uses(need, f, found[shared].placed, shared)
            continue
        if any(
            fitted.placed.object_class == "bed" and on_bed(need, fitted.placed.origin_m, fitted.placed.support_m or 0.0)
            for fitted in found
        ):
            unmet.append(need.kind)  # beside the bed it should be on: no place for a chair
            continue
        if need.kind == "reach" and fitter.rng.uniform() > _TABLE_SHARE:
            continue
        if need.kind == "walk_to":
            fitted_or_none = fit_goal(fitter, grid, need) if fitter.rng.uniform() < _GOAL_SHARE else None
        else:
            fitted_or_none = fitter.fit(need)
        if fitted_or_none is None:
            if need.kind in ("sit", "lie"):
                unmet.append(need.kind)
            continue
        uses += _uses(need, f, fitted_or_none.placed, add(fitted_or_none))


def _shared(need: Need, found: list[Fitted]) -> int | None:
    """An object that is there already, put under somebody else, and serves this need too."""
    if need.kind not in ("sit", "lie"):
        return None
    for index, fitted in enumerate(found):
        placed = fitted.placed
        bed = placed.object_class == "bed"
        if placed.support_m is None or abs(placed.support_m - need.height_m) > (0.2 if bed else 0.06):
            continue
        c, s = np.cos(placed.yaw_rad), np.sin(placed.yaw_rad)
        x, y = need.origin_m - np.array(placed.origin_m)
        x0, x1, y0, y1 = placed.rectangle_m
        margin = 0.12 if bed else 0.0
        if x0 - margin < c * x + s * y < x1 + margin and y0 - margin < c * y - s * x < y1 + margin:
            return index
    return None


def _uses(need: Need, f: Features, placed: Placed, index: int) -> list[Use]:
    """Name what happens around a contact: getting into it, staying, and leaving it."""
    name, person = placed.object_class, need.person
    if need.kind not in ("sit", "lie"):
        return [Use(name, need.kind, person, need.start, need.stop, index)]
    second = f.count(1.0)
    into, out = ("sit_down", "stand_up") if need.kind == "sit" else ("lie_down", "get_up")
    found = []
    if need.start >= f.count(0.4) and f.posture[max(0, need.start - second)] not in (LYING, SITTING):
        found.append(Use(name, into, person, max(0, need.start - second), need.start, index))
    found.append(Use(name, need.kind, person, need.start, need.stop, index))
    if f.frames - need.stop >= f.count(0.4):
        upright = np.flatnonzero(f.posture[need.stop :] == UPRIGHT)
        low = np.flatnonzero(f.joints_m[need.stop :, PELVIS, 2] < 0.3)
        fell = len(low) > 0 and (len(upright) < second // 2 or low[0] < 2.5 * second)
        if fell or len(upright) >= second // 4:
            later = need.stop + int(low[0] if fell else min(second, len(upright) + upright[0]))
            found.append(Use(name, "fall_from" if fell else out, person, need.stop, min(later, f.frames), index))
    return found


def _scanned(
    found: list[Fitted], fitter: Fitter, corners: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    rng = fitter.rng
    if not found:
        return np.zeros((0, 3), dtype=np.float32), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    points = np.concatenate([fitted.points_m for fitted in found]).astype(np.float32)
    objects = np.repeat(np.arange(len(found)), [len(fitted.points_m) for fitted in found])
    if len(points) > MOST_POINTS:
        some = np.sort(rng.choice(len(points), MOST_POINTS, replace=False))
        points, objects = points[some], objects[some]
    seen = scan(points, objects, corners, rng)
    points, objects = points[seen], objects[seen]
    known = np.full(len(found), rng.uniform() >= _UNKNOWN_WINDOWS) & (rng.uniform(size=len(found)) >= _UNKNOWN_OBJECTS)
    ids = np.array([OBJECT_CLASSES.index(fitted.placed.object_class) for fitted in found]) * known
    return points, ids[objects].astype(np.int64), objects.astype(np.int64)
