"""A body of tubes in SMPL's file format: 24 joints, 6,912 vertices, shape and pose directions. For tests and examples.

It has all the parts of an SMPL file, made from the project's own skeleton, so that whatever reads or poses SMPL can be
tried without the licensed files. Its pelvis is not at the origin, as SMPL's is not.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.skeleton import JOINT_INDEX, PARENTS, rest_joints

Array = NDArray[np.float64]

RINGS: Final = 24
SIDES: Final = 12
END_RING: Final = 19
"""The ring round the part's joint; those beyond close the tube."""
PELVIS_M: Final = (-0.002, -0.23, 0.028)
_HAND_M: Final = 0.085
_RADII_M: Final = {
    "pelvis": 0.14, "spine1": 0.13, "spine2": 0.13, "spine3": 0.14, "neck": 0.06, "head": 0.09, "hip": 0.1,
    "knee": 0.075, "ankle": 0.055, "foot": 0.045, "collar": 0.07, "shoulder": 0.06, "elbow": 0.05, "wrist": 0.04,
    "hand": 0.035,
}  # fmt: skip


def capsule_body_fields(seed: int = 0) -> dict[str, NDArray[Any]]:
    """Return the arrays of an SMPL file (see `model_files.FIELDS`) and the joints J.

    Args:
        seed: Of the pose directions, which are small random correctives near the joints.
    """
    parents = (*PARENTS, JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"])
    body = rest_joints() + np.array(PELVIS_M)
    hands = [body[JOINT_INDEX[f"{side}_wrist"]] + [sign * _HAND_M, 0, 0] for side, sign in (("left", 1), ("right", -1))]
    joints = np.concatenate([body, hands])
    names = (*JOINT_INDEX, "left_hand", "right_hand")
    parts = [_part(joint, parents[joint], joints, _radius(names[joint])) for joint in range(len(parents))]
    vertices = np.concatenate([part[0] for part in parts])
    weights = np.zeros((len(vertices), len(parents)))
    regressor = np.zeros((len(parents), len(vertices)))
    size = RINGS * SIDES
    for joint, parent in enumerate(parents):
        rows = slice(joint * size, (joint + 1) * size)
        own = parts[joint][1] if parent >= 0 else np.ones(size)
        weights[rows, joint] += own
        weights[rows, max(parent, 0)] += 1.0 - own
        regressor[joint, joint * size + END_RING * SIDES : joint * size + (END_RING + 1) * SIDES] = 1.0 / SIDES
    rng = np.random.default_rng(seed)
    mixed = weights * (1.0 - weights)
    correctives = rng.normal(scale=0.02, size=(len(vertices), 3, len(parents) - 1, 9))
    correctives *= mixed[:, None, 1:, None]
    return {
        "v_template": vertices,
        "shapedirs": _shape_directions(vertices, np.concatenate([part[2] for part in parts])),
        "posedirs": correctives.reshape(len(vertices), 3, -1),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([(2**32 - 1, *parents[1:]), range(len(parents))], dtype=np.int64),
        "f": np.concatenate([_faces() + joint * size for joint in range(len(parents))]).astype(np.uint32),
        "J": joints,
    }


def _radius(name: str) -> float:
    return _RADII_M[name.removeprefix("left_").removeprefix("right_")]


def _part(joint: int, parent: int, joints: Array, radius: float) -> tuple[Array, Array, Array]:
    """Vertices (288, 3), the joint's own weights (288,) and outward directions (288, 3) of one tube."""
    end = joints[joint]
    start = joints[parent] if parent >= 0 else end - [0.0, 0.09, 0.0]
    along = end - start
    length = float(np.linalg.norm(along))
    along /= length
    across = np.cross(along, [0.0, 0.0, 1.0] if abs(along[2]) < 0.9 else [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    # Rings 4 to END_RING run from parent to joint; the others close the ends like half spheres.
    position = (np.arange(RINGS) - 4.0) / (END_RING - 4.0)
    beyond = np.concatenate([np.arange(4, 0, -1), np.zeros(END_RING - 3), np.arange(1, RINGS - END_RING)]) / 4.2
    place = np.clip(position, 0.0, 1.0) * length + np.where(position < 0.5, -1.0, 1.0) * radius * np.sin(
        0.5 * np.pi * beyond
    )
    width = radius * np.cos(0.5 * np.pi * beyond)
    angles = 2.0 * np.pi * np.arange(SIDES) / SIDES
    round_ = np.cos(angles)[:, None] * across + np.sin(angles)[:, None] * np.cross(along, across)
    vertices = start + place[:, None, None] * along + width[:, None, None] * round_
    share = np.clip((position - 0.7) / 0.6, 0.0, 1.0)
    smooth = share * share * (3.0 - 2.0 * share)
    outward = np.broadcast_to(round_, vertices.shape) * np.cos(0.5 * np.pi * beyond)[:, None, None]
    return vertices.reshape(-1, 3), np.repeat(smooth, SIDES), outward.reshape(-1, 3)


def _faces() -> NDArray[np.int64]:
    """Triangles of one tube, its two ends closed by fans."""
    ring, side = np.meshgrid(np.arange(RINGS - 1), np.arange(SIDES), indexing="ij")
    a = (ring * SIDES + side).reshape(-1)
    b = (ring * SIDES + (side + 1) % SIDES).reshape(-1)
    wall = np.concatenate([np.stack([a, b, a + SIDES], axis=1), np.stack([b, b + SIDES, a + SIDES], axis=1)])
    fan = np.arange(1, SIDES - 1)
    last = (RINGS - 1) * SIDES
    bottom = np.stack([np.zeros_like(fan), fan + 1, fan], axis=1)
    return np.concatenate([wall, bottom, np.stack([np.full_like(fan, last), last + fan, last + fan + 1], axis=1)])


def _shape_directions(vertices: Array, outward: Array) -> Array:
    """Ten directions (V, 3, 10): size, girth, then slow waves along the body's axes."""
    directions = np.zeros((*vertices.shape, 10))
    directions[..., 0] = 0.04 * vertices
    directions[..., 1] = 0.01 * outward
    for index in range(8):
        axis = index % 3
        phase = (1.5 + 0.5 * (index // 3)) * vertices[:, axis]
        directions[:, (index + 1) % 3, index + 2] = 0.006 * np.sin(phase) * np.sign(vertices[:, (index + 1) % 3])
    return directions
