"""Furniture for motions that were recorded without any: procedural objects placed where the motion allows them.

Mocap has no rooms, yet the denoiser reads one. A seat is put under a pelvis that sits, a bed under a body that lies
above the floor, and further objects where no joint ever comes; all are boxes and slabs of many sizes, sampled as
scanners see them (surface points with noise, some sides missing). It is a stand-in for paired data, not a substitute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.scene import OBJECT_CLASSES
from motion_preprocessing.skeleton import JOINT_INDEX

FloatArray = NDArray[np.floating[Any]]

POINTS_PER_M2: Final = 220.0
MARGIN_M: Final = 0.22
"""Room left between an object's outline and any joint's path below the object's height."""
SEAT_BELOW_PELVIS_M: Final = 0.10
"""The pelvis joint of a seated body is about this far above what it sits on."""
MATTRESS_BELOW_PELVIS_M: Final = 0.12

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


def surface_points(furniture: Furniture, rng: np.random.Generator) -> FloatArray:
    """Sample points (M, 3) on the boxes' faces as a scanner would: noisy, and with a side or two unseen."""
    density = POINTS_PER_M2 * rng.uniform(0.5, 2.0)
    hidden = rng.uniform(size=4) < 0.2  # -x, +x, -y, +y; the top is always seen
    clouds = []
    for x0, x1, y0, y1, z0, z1 in furniture.boxes:
        size = np.array([x1 - x0, y1 - y0, z1 - z0])
        low = np.array([x0, y0, z0])
        for axis, end in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 1)):
            if axis < 2 and hidden[2 * axis + end]:
                continue
            others = [a for a in range(3) if a != axis]
            count = rng.poisson(density * float(np.prod(size[others])))
            points = low + rng.uniform(size=(count, 3)) * size
            points[:, axis] = low[axis] + end * size[axis]
            clouds.append(points)
    points = np.concatenate(clouds) if clouds else np.zeros((0, 3))
    return np.asarray(points + rng.normal(scale=rng.uniform(0.002, 0.015), size=points.shape))


def furnish(
    joints_m: FloatArray, rng: np.random.Generator, free_objects: int = 4, reach_m: float = 3.5
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Furnish the surroundings of a motion.

    Args:
        joints_m: (T, 22, 3) in the frame the points are wanted in.
        rng: Source of every choice.
        free_objects: How many objects are tried where no joint comes.
        reach_m: How far from the start they may stand.

    Returns:
        Object points (M, 3), metres, and their classes (M,) as indices into OBJECT_CLASSES.
    """
    clouds: list[FloatArray] = []
    classes: list[NDArray[np.int64]] = []

    def place(item: Furniture, centre: FloatArray, yaw: float) -> None:
        points = surface_points(item, rng)
        c, s = np.cos(yaw), np.sin(yaw)
        points[:, :2] = points[:, :2] @ np.array([[c, s], [-s, c]]) + centre
        known = rng.uniform() < 0.8  # scans without labels must be read as well
        clouds.append(points)
        classes.append(np.full(len(points), OBJECT_CLASSES.index(item.name) if known else 0, dtype=np.int64))

    taken = _supports(joints_m, rng, place)
    for _ in range(free_objects):
        name = str(rng.choice(["chair", "table", "cabinet", "bed", "sofa", "stool", "nightstand", "desk", "shelf"]))
        item = make(name, rng)
        for _ in range(8):
            angle, distance, yaw = rng.uniform(-np.pi, np.pi), rng.uniform(0.5, reach_m), rng.uniform(-np.pi, np.pi)
            centre = joints_m[0, 0, :2] + distance * np.array([np.cos(angle), np.sin(angle)])
            if _is_free(joints_m, item, centre, yaw) and all(np.linalg.norm(centre - other) > 1.0 for other in taken):
                place(item, centre, yaw)
                taken.append(centre)
                break
    if not clouds:
        return np.zeros((0, 3)), np.zeros(0, dtype=np.int64)
    return np.concatenate(clouds), np.concatenate(classes)


def _is_free(joints_m: FloatArray, item: Furniture, centre: FloatArray, yaw: float) -> bool:
    """Whether no joint comes within MARGIN_M of the object's outline below its top."""
    low = joints_m[joints_m[..., 2] < item.height + 0.1][:, :2] - centre
    c, s = np.cos(yaw), np.sin(yaw)
    own = np.abs(low @ np.array([[c, -s], [s, c]]))
    half_x, half_y = item.half_extent
    return not bool(np.any((own[:, 0] < half_x + MARGIN_M) & (own[:, 1] < half_y + MARGIN_M)))


def _supports(joints_m: FloatArray, rng: np.random.Generator, place: Any) -> list[FloatArray]:
    """Put a seat or a bed where the body rests above the floor; return the centres."""
    pelvis = joints_m[:, JOINT_INDEX["pelvis"]]
    forward = np.cross(
        joints_m[:, JOINT_INDEX["left_hip"]] - joints_m[:, JOINT_INDEX["right_hip"]], np.array([0.0, 0.0, 1.0])
    )[:, :2]
    sitting, lying = sitting_frames(joints_m), lying_frames(joints_m) & (pelvis[:, 2] > 0.35)
    taken: list[FloatArray] = []
    for mask, what in ((sitting, "seat"), (lying, "bed")):
        if mask.sum() < 4:
            continue
        where = pelvis[mask]
        # One support: a body that rests in two places far apart keeps the first.
        near = np.linalg.norm(where[:, :2] - where[0, :2], axis=1) < 0.35
        spot = where[near].mean(axis=0)
        if what == "seat":
            seat = spot[2] - SEAT_BELOW_PELVIS_M
            if seat < 0.15:
                continue
            name = str(rng.choice(["stool", "stool", "chair", "chair", "sofa"]))
            direction = forward[mask][near].mean(axis=0)
            yaw = float(np.arctan2(direction[1], direction[0]))
            back = 0.05 * np.array([np.cos(yaw), np.sin(yaw)])
            place(make(name, rng, float(seat)), spot[:2] - back, yaw)
        else:
            spine = (joints_m[mask, JOINT_INDEX["head"], :2] - pelvis[mask, :2])[near].mean(axis=0)
            yaw = float(np.arctan2(-spine[1], -spine[0]))  # a bed's head end is at its -x
            place(make("bed", rng, float(spot[2] - MATTRESS_BELOW_PELVIS_M)), spot[:2], yaw)
        taken.append(spot[:2])
    return taken


def sitting_frames(joints_m: FloatArray) -> NDArray[np.bool_]:
    """Frames (T,) of a seated body: pelvis .3-.75 m up, trunk upright, thighs level, feet lower than the pelvis."""
    j = joints_m
    pelvis, neck = j[:, JOINT_INDEX["pelvis"]], j[:, JOINT_INDEX["neck"]]
    knees = (j[:, JOINT_INDEX["left_knee"]] + j[:, JOINT_INDEX["right_knee"]]) / 2
    hips = (j[:, JOINT_INDEX["left_hip"]] + j[:, JOINT_INDEX["right_hip"]]) / 2
    thigh = knees - hips
    level = np.abs(thigh[:, 2]) < 0.55 * np.linalg.norm(thigh, axis=1)
    trunk = neck - pelvis
    upright = trunk[:, 2] > 0.75 * np.linalg.norm(trunk, axis=1)
    return np.asarray((pelvis[:, 2] > 0.3) & (pelvis[:, 2] < 0.75) & level & upright)


def lying_frames(joints_m: FloatArray) -> NDArray[np.bool_]:
    """Frames (T,) of a body whose trunk is level: the neck less than .25 m above or below the pelvis."""
    trunk = joints_m[:, JOINT_INDEX["neck"]] - joints_m[:, JOINT_INDEX["pelvis"]]
    return np.asarray(np.abs(trunk[:, 2]) < 0.25)
