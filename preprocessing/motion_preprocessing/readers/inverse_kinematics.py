"""Local rotations of the project's skeleton from joint positions alone.

A bone's direction says how its joint swings but not how it twists, so a convention has to fill that in. For a child
bone o (rest offset) and its direction d in the frame of the parent:

- pelvis, spine3: no freedom is left. Three bones each leave the joint, a rigid fit to their directions gives all three
  angles.
- spine1, spine2: the smallest rotation that takes o to d, after a twist about o. The trunk's twist, which pelvis and
  spine3 tell together, is shared: spine1, spine2 and spine3 (about the neck bone) twist by the same angle.
- neck, collars, ankles: the smallest rotation that takes o to d; no twist.
- hips and knees, shoulders and elbows: knee and elbow are hinges. A knee bends about the body's left axis (the heel
  goes back), a left elbow about -y, a right one about +y (from the T-pose the hands come forward). Where the limb is
  bent by 30 degrees or more, the plane of the two bones fixes the twist of thigh or upper arm exactly. Between 30 and
  15 degrees it counts less and less, and below it the twist is interpolated over time, since a straight limb shows
  none. A limb that is never bent does not twist at all. What a pure hinge cannot reach is added to knee or elbow as
  the smallest rotation that lays the bone along d.
- head, wrists, feet: nothing hangs on them; they keep the rest pose relative to their parent.

Bones with their own joint (limbs, trunk, neck, collars, feet) take the source's direction exactly.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import local_from_world
from motion_preprocessing.rotations import (
    between_vectors,
    fit_rotation,
    matrix_from_rotation_vector,
    quaternion_from_matrix,
)
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS, REST_OFFSETS_M

Array = NDArray[np.float64]

BENT_DEG: Final = (15.0, 30.0)
"""A limb bent by less tells nothing about its twist; one bent by more tells it exactly."""
SHORTEST_BONE_M: Final = 1e-3
_TWIST_STEPS: Final = 12

_HINGES: Final = (
    ("left_hip", "left_knee", "left_ankle", (1.0, 0.0, 0.0)),
    ("right_hip", "right_knee", "right_ankle", (1.0, 0.0, 0.0)),
    ("left_shoulder", "left_elbow", "left_wrist", (0.0, -1.0, 0.0)),
    ("right_shoulder", "right_elbow", "right_wrist", (0.0, 1.0, 0.0)),
)
"""Upper joint, hinge, far end, and the axis about which the hinge bends in the direction it can."""


def _unit(v: Array) -> Array:
    return np.asarray(v / np.linalg.norm(v, axis=-1, keepdims=True))


def shortest_bone_m(joints_m: Array) -> float:
    """Return the length of the shortest bone in any frame of joints (T, 22, 3): zero where joints coincide."""
    children = range(1, JOINT_COUNT)
    return float(np.linalg.norm(joints_m[:, 1:] - joints_m[:, [PARENTS[j] for j in children]], axis=-1).min())


def rotations_from_joints(joints_m: Array) -> Array:
    """Find the local rotations (T, 22, 3, 3) that lay the bones of the project's skeleton along those of the source.

    Args:
        joints_m: (T, 22, 3) joint positions in a z-up world; bone lengths may be any, none under 1 mm.
    """
    rest = REST_OFFSETS_M
    bones = np.zeros_like(joints_m)
    bones[:, 1:] = _unit(joints_m[:, 1:] - joints_m[:, [PARENTS[j] for j in range(1, JOINT_COUNT)]])
    world = np.zeros((len(joints_m), JOINT_COUNT, 3, 3))
    index = JOINT_INDEX

    def swing(parent: str, child: str) -> Array:
        """Turn the parent's frame by the smallest rotation that lays the child's bone along the source's."""
        frame, bone = world[:, index[parent]], index[child]
        return np.asarray(frame @ between_vectors(rest[bone], _into(frame, bones[:, bone])))

    world[:, index["pelvis"]] = _rigid(bones, ("left_hip", "right_hip", "spine1"))
    world[:, index["spine3"]] = _rigid(bones, ("neck", "left_collar", "right_collar"))
    world[:, index["spine1"]], world[:, index["spine2"]] = _trunk(
        world[:, index["pelvis"]], world[:, index["spine3"]], bones[:, index["spine2"]], bones[:, index["spine3"]]
    )
    world[:, index["neck"]] = swing("spine3", "head")
    world[:, index["head"]] = world[:, index["neck"]]
    for side in ("left", "right"):
        world[:, index[f"{side}_collar"]] = swing("spine3", f"{side}_shoulder")
    for upper, hinge, end, axis in _HINGES:
        parent = PARENTS[index[upper]]
        world[:, index[upper]], world[:, index[hinge]] = _two_bones(
            world[:, parent],
            (rest[index[hinge]], rest[index[end]]),
            (bones[:, index[hinge]], bones[:, index[end]]),
            np.array(axis),
        )
    for side in ("left", "right"):
        world[:, index[f"{side}_ankle"]] = swing(f"{side}_knee", f"{side}_foot")
        world[:, index[f"{side}_foot"]] = world[:, index[f"{side}_ankle"]]
        world[:, index[f"{side}_wrist"]] = world[:, index[f"{side}_elbow"]]
    return np.asarray(local_from_world(world))


def _into(frame: Array, direction: Array) -> Array:
    """Express world directions (T, 3) in frames (T, 3, 3)."""
    return np.asarray(np.einsum("tji,tj->ti", frame, direction))


def _about(axis: Array, angle_rad: Array) -> Array:
    """Return rotations (T, 3, 3) about unit axes (T, 3) or (3,) by angles (T,)."""
    return np.asarray(matrix_from_rotation_vector(np.broadcast_to(axis, (*angle_rad.shape, 3)) * angle_rad[:, None]))


def _wrap(angle_rad: Array) -> Array:
    return np.asarray((angle_rad + np.pi) % (2 * np.pi) - np.pi)


def _rigid(bones: Array, children: tuple[str, str, str]) -> Array:
    """Fit the frame of a joint to the directions of the three bones that leave it."""
    picked = [JOINT_INDEX[name] for name in children]
    source = np.broadcast_to(_unit(REST_OFFSETS_M[picked]), (len(bones), 3, 3))
    return np.asarray(fit_rotation(source, bones[:, picked]))


def _trunk(pelvis: Array, chest: Array, lower: Array, upper: Array) -> tuple[Array, Array]:
    """Return the frames of spine1 and spine2, whose bones point along `lower` and `upper` (T, 3)."""
    first, second, neck = (_unit(REST_OFFSETS_M[JOINT_INDEX[name]]) for name in ("spine2", "spine3", "neck"))
    angle = np.zeros(len(pelvis))
    spine1 = spine2 = pelvis
    for _ in range(_TWIST_STEPS):
        spine1 = pelvis @ between_vectors(first, _into(pelvis, lower)) @ _about(first, angle)
        spine2 = spine1 @ between_vectors(second, _into(spine1, upper)) @ _about(second, angle)
        quaternion = np.asarray(quaternion_from_matrix(np.swapaxes(spine2, -1, -2) @ chest))
        left_over = 2 * np.arctan2(quaternion[:, 1:] @ neck, quaternion[:, 0])
        # Twisting both by one degree more leaves about two less for spine3.
        angle = angle + _wrap(left_over - angle) / 3
    return np.asarray(spine1), np.asarray(spine2)


def _two_bones(
    parent: Array, rest: tuple[Array, Array], directions: tuple[Array, Array], hinge: Array
) -> tuple[Array, Array]:
    """Solve upper and lower frame (T, 3, 3) of a limb whose second joint is a hinge.

    Args:
        parent: (T, 3, 3) world frame of the joint that the limb hangs on.
        rest: Rest offsets (3,) of the two bones.
        directions: Unit world directions (T, 3) of the two bones.
        hinge: Unit axis (3,) about which the second joint bends.
    """
    a, b = _unit(rest[0]), _unit(rest[1])
    d1, d2 = directions
    bend = np.arctan2(np.linalg.norm(np.cross(d1, d2), axis=-1), np.sum(d1 * d2, axis=-1))

    # The angle between the bones fixes the hinge's: a.R(x)b = a_h b_h + |a_p| |b_p| cos(x + offset).
    ah, bh = a @ hinge, b @ hinge
    ap, bp = a - ah * hinge, b - bh * hinge
    offset = np.arctan2(hinge @ np.cross(ap, bp), ap @ bp)
    cosine = (np.cos(bend) - ah * bh) / (np.linalg.norm(ap) * np.linalg.norm(bp))
    flexion = _about(hinge, np.arccos(np.clip(cosine, -1.0, 1.0)) - offset)

    upper = parent @ between_vectors(a, _into(parent, d1))
    lower_bone = np.einsum("tij,tjk,k->ti", upper, flexion, b)
    e = lower_bone - np.sum(lower_bone * d1, axis=-1, keepdims=True) * d1
    f = d2 - np.sum(d2 * d1, axis=-1, keepdims=True) * d1
    twist = np.arctan2(np.sum(d1 * np.cross(e, f), axis=-1), np.sum(e * f, axis=-1))
    upper = _about(d1, _steady_twist(twist, np.degrees(bend))) @ upper

    lower = upper @ flexion
    rest_error = between_vectors(np.einsum("tij,j->ti", lower, b), d2)
    return np.asarray(upper), np.asarray(rest_error @ lower)


def _steady_twist(twist_rad: Array, bend_deg: Array) -> Array:
    """Replace the twist (T,) of frames in which the limb is too straight to show it."""
    share = np.clip((bend_deg - BENT_DEG[0]) / (BENT_DEG[1] - BENT_DEG[0]), 0.0, 1.0)
    share = share * share * (3 - 2 * share)
    certain = np.flatnonzero(share == 1.0)
    if len(certain) == 0:
        between = np.zeros_like(twist_rad)
    else:
        between = np.interp(np.arange(len(twist_rad)), certain, np.unwrap(twist_rad[certain]))
    return np.asarray(between + share * _wrap(twist_rad - between))
