"""Makes key poses that a body could do: what should touch touches, and the weight stands over what carries it.

A key pose may hold the toes a centimetre over the floor, or the centre of mass beside the only knee that is down; a
spline does not care. Here the flesh that is nearly on floor or furniture is put onto it, and the pelvis is shifted
until the zero-moment point lies over the support. Poses that need neither stay as they are.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.resample import continuous
from motion_preprocessing.rotations import (
    matrix_from_quaternion,
    matrix_from_rotation_vector,
    quaternion_from_matrix,
    rotation_vector_from_matrix,
)
from motion_preprocessing.simulation.body import GRAVITY_M_S2, BodySize, compile_body, mujoco_module
from motion_preprocessing.simulation.hinges import Array, Chain, Pose, chain
from motion_preprocessing.simulation.keys import smoothed
from motion_preprocessing.simulation.solve import Box, Goals, centre_of_mass, even_weight, part_of, points_of, solve
from motion_preprocessing.simulation.support import non_negative
from motion_preprocessing.skeleton import JOINT_INDEX, JOINT_NAMES

NEAR_M: Final = 0.03
"""Flesh that is so near to what it could rest on rests on it."""
LAP_SHARE: Final = 0.6
"""Where on the thigh a hand lies, from the hip to the knee."""
THIGH_M: Final = 0.085
"""How high over the thigh's middle the palm is: flesh and half a hand."""
EASE_S: Final = 0.15
"""Standard deviation of the time over which a reference's own movement is smoothed."""
STILL_M_S: Final = 0.15
"""Flesh that moves over the floor faster than this does not rest on it."""
BALANCED_M: Final = 0.01
"""A zero-moment point that is so far outside of the support is left there."""
LASTING_S: Final = 0.15
"""Weight is taken off a support so long before it leaves, and put onto it so long after it came."""
LEAN_S: Final = 0.16
"""Standard deviation of the time in which weight is shifted."""
SHIFT_M: Final = 0.06
"""Nobody's weight is shifted further."""
DEEP_M: Final = 0.2
"""Flesh that is deeper inside of something is left to physics."""
FIRM: Final = 0.8
"""Share of the support, about its middle, that the zero-moment point is brought into."""
_SUM: Final = 30.0
_PULL: Final = even_weight(0.6, spine=1.2, neck=1.5, head=1.5, collar=1.2, foot=1.0, wrist=0.6, elbow=0.6)


class Flesh(NamedTuple):
    """Points of a body that can rest on something, in the scale of the project's skeleton."""

    on: NDArray[np.int64]
    """(C,) joints they hang on."""
    offsets_m: Array
    """(C, 3) from the joint, hinge axes."""
    radii_m: Array
    """(C,) flesh about the point."""


def flesh_of(size: BodySize) -> Flesh:
    """Return the ends of the limbs' capsules, the corners of the feet and the middle of the head of a body."""
    model, shape = compile_body(size), mujoco_module().mjtGeom
    on, offsets, radii = [], [], []
    for name in JOINT_NAMES:
        geom = model.geom(name)
        turn = np.asarray(matrix_from_quaternion(np.array(geom.quat)))
        half = np.array(geom.size)
        if geom.type[0] == shape.mjGEOM_CAPSULE:
            points, radius = np.array([[0, 0, half[1]], [0, 0, -half[1]]]), half[0]
        elif geom.type[0] == shape.mjGEOM_BOX:
            signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
            points, radius = signs * half, 0.0
        else:
            points, radius = np.zeros((1, 3)), half.min()
        for point in points:
            on.append(JOINT_INDEX[name])
            offsets.append((np.array(geom.pos) + turn @ point) / size.scale)
            radii.append(radius / size.scale)
    return Flesh(np.array(on), np.array(offsets), np.array(radii))


def heights(points_m: Array, radii_m: Array, boxes: tuple[Box, ...]) -> Array:
    """Return how high flesh (T, C) is over what is below it: floor, or a box whose top it is on.

    Args:
        points_m: (T, C, 3).
        radii_m: (C,).
        boxes: Furniture; flesh that is far below a top (DEEP_M, half of it for what is narrow as a seat) is under it.
    """
    low = points_m[..., 2] - radii_m
    over = low.copy()
    for box in boxes:
        c, s = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
        rel = points_m[..., :2] - np.array(box.centre_m)
        reach = DEEP_M if min(box.half_m) > DEEP_M else 0.5 * DEEP_M
        x, y = c * rel[..., 0] + s * rel[..., 1], c * rel[..., 1] - s * rel[..., 0]
        inside = (np.abs(x) < box.half_m[0]) & (np.abs(y) < box.half_m[1]) & (low > box.top_m - reach)
        over = np.where(inside, np.minimum(over, low - box.top_m), over)
    return np.asarray(over)


def rests(pose: Pose, size: BodySize, boxes: tuple[Box, ...], fps: float) -> NDArray[np.bool_]:
    """Return which parts (T, 22) have flesh that rests on floor or furniture: near to it, and not swinging past."""
    flesh = flesh_of(size)
    points = points_of(chain(pose), flesh.on, flesh.offsets_m)
    over = heights(points, flesh.radii_m, boxes)
    down = (over < NEAR_M) & (_down(points, flesh, fps) > 0)
    result = np.zeros((len(points), len(JOINT_NAMES)), dtype=bool)
    for column, joint in enumerate(flesh.on):
        result[:, joint] |= down[:, column]
    return result


def _lowest(over_m: Array, flesh: Flesh) -> Array:
    """1 (T, C) for the lowest point of each part, 0 for points of it that are a centimetre higher."""
    least = np.full((len(over_m), len(JOINT_NAMES)), np.inf)
    for column, joint in enumerate(flesh.on):
        least[:, joint] = np.minimum(least[:, joint], over_m[:, column])
    return np.asarray(np.clip(1 - (over_m - least[:, flesh.on]) / 0.01, 0, 1))


_SWING: Final = ("ankle", "foot", "wrist", "knee", "elbow")


def _down(points_m: Array, flesh: Flesh, fps: float) -> Array:
    """0 .. 1 (T, C): limbs that swing past what they are near to are not put down on it."""
    speed = np.linalg.norm(np.gradient(points_m[..., :2], 1 / fps, axis=0), axis=-1)
    swings = np.array([part_of(JOINT_NAMES[joint]) in _SWING for joint in flesh.on])
    return np.asarray(np.where(swings, np.clip(2 - speed / STILL_M_S, 0, 1), 1.0))


def into_support(point_m: Array, support_m: Array) -> Array:
    """Return the point (2,) of the firm middle of a support's hull (C, 2) that is nearest to a point (2,)."""
    middle = support_m.mean(axis=0)
    firm = middle + FIRM * (support_m - middle)
    rows = np.concatenate([firm.T, np.full((1, len(firm)), _SUM)])
    shares = non_negative(rows, np.append(point_m, _SUM))
    return np.asarray(firm.T @ shares / shares.sum())


def zero_moment(centre_m: Array, fps: float) -> Array:
    """Return the zero-moment point (T, 2) of a centre of mass (T, 3): where the floor's force would have to pass."""
    smooth = smoothed(centre_m, 0.08 * fps)
    change = np.gradient(np.gradient(smooth, 1 / fps, axis=0), 1 / fps, axis=0)
    lift = np.maximum(change[:, 2:] + GRAVITY_M_S2, 0.3 * GRAVITY_M_S2)
    return np.asarray(centre_m[:, :2] - centre_m[:, 2:] / lift * change[:, :2])


def _lasting(down: NDArray[np.bool_], fps: float) -> NDArray[np.bool_]:
    """Leave out what has just come down or is about to leave (T, C), unless nothing else carries."""
    reach = round(LASTING_S * fps)
    padded = np.pad(down, ((reach, reach), (0, 0)), mode="edge")
    firm = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0).all(axis=-1)
    return np.where(np.any(firm, axis=1, keepdims=True), firm, down)


def _imbalance(body: Chain, support: NDArray[np.bool_], points_m: Array, fps: float) -> Array:
    """How far (T, 2) the zero-moment point would have to be moved to lie over the support."""
    at = zero_moment(centre_of_mass(body), fps)
    miss = np.zeros_like(at)
    for t in range(len(at)):
        if support[t].sum() >= 1:
            miss[t] = into_support(at[t], points_m[t, support[t], :2]) - at[t]
    far = np.linalg.norm(miss, axis=1, keepdims=True)
    return np.asarray(miss * np.clip(far - BALANCED_M, 0, SHIFT_M) / np.maximum(far, 1e-9))


def eased(pose: Pose, fps: float) -> Pose:
    """Take off a pose's motion what splines do in a moment and no muscle does: a Gaussian over time."""
    sigma = EASE_S * fps
    quaternions = smoothed(continuous(np.asarray(quaternion_from_matrix(pose.root))), sigma)
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return Pose(
        smoothed(pose.root_m, sigma), np.asarray(matrix_from_quaternion(quaternions)), smoothed(pose.angles, sigma)
    )


def grounded(pose: Pose, size: BodySize, boxes: tuple[Box, ...], fps: float, rounds: int = 3) -> Pose:
    """Put what nearly rests onto what it rests on, and the weight over it.

    Args:
        pose: T frames, in the scale of the project's skeleton.
        size: Whose flesh it is.
        boxes: Furniture, in the same scale.
        fps: Frames a second.
        rounds: How often contacts and balance are looked at anew.
    """
    flesh, result = flesh_of(size), pose
    for _ in range(rounds):
        body = chain(result)
        points = points_of(body, flesh.on, flesh.offsets_m)
        over = heights(points, flesh.radii_m, boxes)
        # Over time a contact comes and goes softly.
        down = _down(points, flesh, fps)
        near = np.clip((NEAR_M - np.abs(over)) / (0.5 * NEAR_M), 0, 1) * down * _lowest(over, flesh)
        shift = smoothed(_imbalance(body, _lasting(near > 0.3, fps), points, fps), LEAN_S * fps)
        inside = np.where((over < 0) & (over > -DEEP_M), -over, 0.0)
        if np.abs(shift).max() < 1e-4 and np.abs(over[near > 0]).max(initial=0.0) < 0.002 and inside.max() < 0.002:
            return result
        # Over time a contact comes and goes softly. What only swings past is lifted out.
        near = smoothed(near, 0.05 * fps)
        out = smoothed(np.clip(inside / 0.005, 0, 1), 0.05 * fps)
        goal = points.copy()
        goal[..., 2] -= over
        weights = np.stack([8.0 * near, 8.0 * near, 12.0 * np.maximum(near, out)], axis=-1)
        goals = Goals(
            flesh.on, flesh.offsets_m, goal, weights, result, _PULL, (3.0, 1.0),
            centre_of_mass(body)[:, :2] + shift, 10.0, boxes, 8.0,
        )  # fmt: skip
        found = solve(result, goals, iterations=6)
        result = calmed(result, found, fps)
    return result


def hands_in_lap(pose: Pose, lap: NDArray[np.bool_], size: BodySize, fps: float) -> Pose:
    """Lay the hands of who sits onto the thighs, which key poses let them hover over.

    Args:
        pose: T frames, in the scale of the project's skeleton.
        lap: (T,) when they should lie there.
        size: Whose thighs they are.
        fps: Frames a second.
    """
    if not lap.any():
        return pose
    joints = chain(pose).joints_m
    hips, knees = joints[:, [JOINT_INDEX[f"{side}_hip"] for side in _SIDES]], joints[:, _KNEES]
    goal = hips + LAP_SHARE * (knees - hips) + [0.0, 0.0, THIGH_M * size.girth]
    weights = np.tile(8.0 * smoothed(lap.astype(np.float64)[:, None], 0.15 * fps)[..., None], (1, 2, 3))
    on = np.array([JOINT_INDEX[f"{side}_wrist"] for side in _SIDES])
    goals = Goals(on, np.array(_PALMS_M), goal, weights, pose, _ARMS, (60.0, 60.0), push_weight=0.0)
    return calmed(pose, solve(pose, goals, iterations=10), fps)


_SIDES: Final = ("left", "right")
_KNEES: Final = [JOINT_INDEX[f"{side}_knee"] for side in _SIDES]
_PALMS_M: Final = ((0.0, 0.085, 0.0), (0.0, -0.085, 0.0))
_ARMS: Final = even_weight(60.0, collar=6.0, shoulder=0.4, elbow=0.4, wrist=0.5)


def calmed(before: Pose, after: Pose, fps: float) -> Pose:
    """Smooth the correction from one motion to another, not the motion."""
    sigma = 0.1 * fps
    turned = np.asarray(rotation_vector_from_matrix(after.root @ np.swapaxes(before.root, -1, -2)))
    return Pose(
        before.root_m + smoothed(after.root_m - before.root_m, sigma),
        np.asarray(matrix_from_rotation_vector(smoothed(turned, sigma))) @ before.root,
        before.angles + smoothed(after.angles - before.angles, sigma),
    )
