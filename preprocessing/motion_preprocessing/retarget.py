"""Takes captures of known skeletons to the project's skeleton by rotations.

With D_j(t) the source's rotation of a joint relative to its T-pose, the world rotation given to the joint is

    R_j(t) = A D_j(t) B_j,        A = WORLD_FROM_BODY (y up to z up)

B_j is constant. It is the identity where the two T-poses show the same posture of the same part (pelvis, trunk, neck,
head, collars, feet): joint centres there are placed by other rules in every skeleton, so the direction from one to the
next is no posture. For thighs, shins, upper and lower arms it is the smallest rotation that lays the project's bone
along the source's, so that A D_j B_j o_j points exactly where the source's limb points.

Positions follow from the hips' middle, scaled by the ratio of the leg lengths, never from the source's root, whose
place in the pelvis differs from skeleton to skeleton.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import local_from_world
from motion_preprocessing.rotations import between_vectors
from motion_preprocessing.skeleton import JOINT_INDEX, JOINT_NAMES, REST_OFFSETS_M, WORLD_FROM_BODY
from motion_preprocessing.source_motion import END_SUFFIX, SourceMotion, axis_rotation

SIDES: Final = ("left", "right")
LIMBS: Final = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
"""Joint pairs, without their side, whose bones take the source's direction exactly."""

_NECK_PITCH_DEG: Final = (-16.0, 5.0, 16.0)
"""Pitch of CMU's two neck bones and head about the body's left axis in its own upright T-pose; see `to_t_pose`."""
_T_POSE_TOLERANCE_DEG: Final = 25.0


@dataclass(frozen=True)
class JointMap:
    """Which nodes of a source skeleton stand for the project's joints."""

    name: str
    """Name of the skeleton's flavour."""
    unit_m: float
    """Metres of its length unit, for formats that do not say it themselves (an .asf file does)."""
    rotation: Mapping[str, str]
    """Joint -> the node whose rotation moves that joint's children."""
    position: Mapping[str, str]
    """Joint -> the node that lies where the joint is, for the joints of the limbs."""
    neck: tuple[str, str, str]
    """The two neck nodes and the head."""


def _joint_map(
    name: str, unit_m: float, trunk: str, limbs: str, neck: tuple[str, str, str], toe: str | None = None
) -> JointMap:
    """Build a map from the node names of pelvis..spine3 and, with {side} and {s}, of hip..foot and collar..wrist."""
    rotation = dict(zip(("pelvis", "spine1", "spine2", "spine3"), trunk.split(), strict=True))
    rotation |= {"neck": neck[1], "head": neck[2]}
    position: dict[str, str] = {}
    parts = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")
    for side in SIDES:
        names = limbs.format(Side=side.capitalize(), s=side[0]).split()
        for part, node in zip(parts, names, strict=True):
            rotation[f"{side}_{part}"] = node
            position[f"{side}_{part}"] = node
        if toe is not None:
            position[f"{side}_foot"] = toe.format(s=side[0])
    return JointMap(name, unit_m, MappingProxyType(rotation), MappingProxyType(position), neck)


_INCH_M: Final = 0.0254 / 0.45

JOINT_MAPS: Final[tuple[JointMap, ...]] = (
    _joint_map(
        "CMU BVH, MotionBuilder names",
        _INCH_M,
        "Hips Spine Spine1 Spine1",
        "{Side}UpLeg {Side}Leg {Side}Foot {Side}ToeBase {Side}Shoulder {Side}Arm {Side}ForeArm {Side}Hand",
        ("Neck", "Neck1", "Head"),
    ),
    _joint_map(
        "CMU BVH, 3ds Max names",
        _INCH_M,
        "Hips Chest Chest2 Chest2",
        "{Side}Hip {Side}Knee {Side}Ankle {Side}Toe {Side}Collar {Side}Shoulder {Side}Elbow {Side}Wrist",
        ("lowerneck", "Neck", "Head"),
    ),
    _joint_map(
        "CMU BVH, DAZ names",
        0.01,
        "hip abdomen chest chest",
        "{s}Thigh {s}Shin {s}Foot {s}Foot {s}Collar {s}Shldr {s}ForeArm {s}Hand",
        ("neck", "neck", "head"),
        toe="{s}Foot" + END_SUFFIX,
    ),
    _joint_map(
        "CMU ASF/AMC",
        _INCH_M,
        "root upperback thorax thorax",
        "{s}femur {s}tibia {s}foot {s}toes {s}clavicle {s}humerus {s}radius {s}wrist",
        ("lowerneck", "upperneck", "head"),
    ),
)
"""Two facts are behind the names: the MotionBuilder files leave out the thorax bone's length (its rotation is
`Spine1`), and an Acclaim bone is listed here at its START, so that `lwrist` lies at the end of `lradius`."""


def joint_map(names: tuple[str, ...], what: str) -> JointMap:
    """Return the map whose nodes are all in `names`; `what` names the file in the error.

    Raises:
        InputError: No known skeleton has all its nodes there.
    """
    best, best_missing = None, list(names)
    for candidate in JOINT_MAPS:
        wanted = dict.fromkeys((*candidate.rotation.values(), *candidate.position.values(), *candidate.neck))
        missing = [node for node in wanted if node not in names]
        if not missing:
            return candidate
        if best is None or len(missing) < len(best_missing):
            best, best_missing = candidate, missing
    assert best is not None
    raise InputError(
        f"expected a joint '{best_missing[0]}' (nearest known skeleton: {best.name}), got {len(names)} other joints "
        f"for {what}; use a recording with one of the known skeletons"
    )


def rest_is_t_pose(source: SourceMotion, nodes: JointMap) -> bool:
    """Whether arms lie level and legs stand upright in the source's rest pose, each within 25 degrees."""
    worst = 0.0
    for side, across in zip(SIDES, (1.0, -1.0), strict=True):
        for start, end, axis in (("shoulder", "wrist", (across, 0, 0)), ("hip", "ankle", (0, -1.0, 0))):
            bone = _rest_vector(source, nodes, f"{side}_{start}", f"{side}_{end}")
            worst = max(worst, float(np.degrees(np.arccos(np.clip(bone @ axis / np.linalg.norm(bone), -1, 1)))))
    return worst <= _T_POSE_TOLERANCE_DEG


def _rest_vector(source: SourceMotion, nodes: JointMap, start: str, end: str) -> NDArray[np.float64]:
    names = source.names
    a, b = names.index(nodes.position[start]), names.index(nodes.position[end])
    return np.asarray(source.rest_joints_m[b] - source.rest_joints_m[a])


def to_t_pose(source: SourceMotion, nodes: JointMap) -> SourceMotion:
    """Stand a CMU zero pose up: the rest pose of .asf files has its legs apart and its neck bent.

    The legs (with the feet) are turned about the fore-and-aft axis until they stand upright. The neck and head are
    pitched by the constants which the T-pose frames of CMU's BVH conversions hold for the same nodes; upright walkers
    of the .asf files show them, too (medians over 26 walks of one subject: -12, 10 and 19 degrees).
    """
    posed = np.broadcast_to(np.eye(3), (len(source.names), 3, 3)).copy()
    for side in SIDES:
        leg = _rest_vector(source, nodes, f"{side}_hip", f"{side}_ankle")
        upright = axis_rotation("z", float(-np.arctan2(leg[0], -leg[1])))
        top = source.names.index(nodes.position[f"{side}_hip"])
        for node in _subtree(source, top):
            posed[node] = upright
    for node_name, pitch in zip(nodes.neck, _NECK_PITCH_DEG, strict=True):
        turn = axis_rotation("x", float(np.radians(pitch)))
        for node in _subtree(source, source.names.index(node_name)):
            posed[node] = turn
    rest = source.rest_joints_m.copy()
    for node, parent in enumerate(source.parents):
        if parent >= 0:
            rest[node] = rest[parent] + posed[parent] @ (source.rest_joints_m[node] - source.rest_joints_m[parent])
    return replace(source, rest_joints_m=rest, rotations=source.rotations @ np.swapaxes(posed, -1, -2))


def _subtree(source: SourceMotion, top: int) -> list[int]:
    inside = {top}
    for node in range(top + 1, len(source.names)):
        if source.parents[node] in inside:
            inside.add(node)
    return sorted(inside)


def leg_length_m(source: SourceMotion, nodes: JointMap) -> float:
    """Mean length of thigh and shin together."""
    total = 0.0
    for side in SIDES:
        for start, end in (("hip", "knee"), ("knee", "ankle")):
            total += float(np.linalg.norm(_rest_vector(source, nodes, f"{side}_{start}", f"{side}_{end}")))
    return total / 2


def project_leg_length_m() -> float:
    """The same of the project's skeleton."""
    return float(sum(np.linalg.norm(REST_OFFSETS_M[JOINT_INDEX[f"left_{j}"]]) for j in ("knee", "ankle")))


def rest_corrections(source: SourceMotion, nodes: JointMap) -> NDArray[np.float64]:
    """Return B (22, 3, 3) of the module's equation."""
    corrections = np.broadcast_to(np.eye(3), (len(JOINT_NAMES), 3, 3)).copy()
    for side in SIDES:
        for start, end in LIMBS:
            own = REST_OFFSETS_M[JOINT_INDEX[f"{side}_{end}"]]
            theirs = _rest_vector(source, nodes, f"{side}_{start}", f"{side}_{end}")
            corrections[JOINT_INDEX[f"{side}_{start}"]] = between_vectors(own, theirs)
        # The hand goes on in line with the forearm in both T-poses.
        corrections[JOINT_INDEX[f"{side}_wrist"]] = corrections[JOINT_INDEX[f"{side}_elbow"]]
    return corrections


@dataclass(frozen=True)
class Retargeted:
    """Motion of the project's skeleton, z up, at the source's frame rate; the floor is not placed yet."""

    local_rotations: NDArray[np.float64]
    """(T, 22, 3, 3), entry 0 the root's orientation in the world."""
    root_position_m: NDArray[np.float64]
    """(T, 3) pelvis."""


def retarget(source: SourceMotion, nodes: JointMap, *, scale: float | None = None) -> Retargeted:
    """Take a capture to the project's skeleton.

    Args:
        source: The capture; its rest pose must be a T-pose (`to_t_pose`).
        nodes: The map of its nodes.
        scale: Scale of the path through the room; None takes the ratio of the leg lengths. People who share one world
            need one scale.
    """
    scale = project_leg_length_m() / leg_length_m(source, nodes) if scale is None else scale
    picked = [source.names.index(nodes.rotation[name]) for name in JOINT_NAMES]
    world = WORLD_FROM_BODY @ source.rotations[:, picked] @ rest_corrections(source, nodes)
    hips = [source.names.index(nodes.position[f"{side}_hip"]) for side in SIDES]
    middle = scale * source.joints_m[:, hips].mean(axis=1) @ WORLD_FROM_BODY.T
    own_middle = REST_OFFSETS_M[[JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]]].mean(axis=0)
    root = middle - world[:, 0] @ own_middle
    return Retargeted(np.asarray(local_from_world(world)), root)
