"""Who falls out of bed rolls over its free edge: a draft of that, which the network goes over.

The network knows falls out of bed: shown one with so much noise that hardly the plan is left, it answers with one. But
told of one it mostly has people sit up, stand and fall, and beside a bed lie and stay. So the plan is given: a body
lies on the mattress with hips and knees bent; turns about its long axis towards the edge, as the pelvis gets there
faster and faster; falls nearly freely from where the pelvis is past it, turning on; and lies beside the bed. Everything
else is the network's (`out_of_bed`).

With phi, 0 on the back, 90 degrees facing the edge and 180 prone, one always rolls outwards, and so comes to lie a
quarter or half a turn farther than one lay: from the side with the back to the edge onto the back, from the side facing
it onto the front.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.easing import smooth_step
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.pose_vector import encode
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.free_fall import GRAVITY_M_S2
from motion_runtime.stage import Rest, RollsOut

Array = NDArray[np.float64]

CURLED_DEG: Final = {
    "left_hip": (-35.0, 0.0, 0.0), "right_hip": (-50.0, 0.0, 0.0), "left_knee": (55.0, 0.0, 0.0),
    "right_knee": (75.0, 0.0, 0.0), "spine1": (10.0, 0.0, 0.0), "spine2": (8.0, 0.0, 0.0),
    "left_shoulder": (0.0, -50.0, -55.0), "right_shoulder": (0.0, 50.0, 55.0), "left_elbow": (0.0, -60.0, 0.0),
    "right_elbow": (0.0, 60.0, 0.0),
}  # fmt: skip
"""Rotation vectors of who lies in bed, arms in front, ..."""
FLAT_DEG: Final = {
    "left_hip": (-8.0, 0.0, 6.0), "right_hip": (-16.0, 0.0, -6.0), "left_knee": (12.0, 0.0, 0.0),
    "right_knee": (25.0, 0.0, 0.0), "left_shoulder": (0.0, -10.0, -60.0), "right_shoulder": (0.0, 10.0, 60.0),
    "left_elbow": (0.0, -25.0, 0.0), "right_elbow": (0.0, 25.0, 0.0),
}  # fmt: skip
"""... and of who has come to lie on the floor."""
LIES_M: Final = 0.11
"""Height of the pelvis over what one lies on: on the back or the front, ..."""
ON_SIDE_M: Final = 0.05
"""... and by so much more on the side."""
FROM_DEG: Final = (-70.0, 95.0)
TURNS_DEG: Final = (70.0, 125.0)
"""How one lies at first, and how far one rolls: drawn between these."""
WITHIN_M: Final = (0.2, 0.32)
"""From the edge to the pelvis at first, drawn; half a mattress at most."""
TIPS_M: Final = 0.12
"""So far past the edge the pelvis is when nothing holds it any more: till then half of a body is on the mattress."""
LIES_S: Final = (0.8, 1.6)
"""How long one lies before, drawn, where nothing else says when."""
ROLLS_S: Final = (0.7, 1.0)
"""From then to there, drawn."""
FALLS_M_S2: Final = 0.74 * GRAVITY_M_S2
"""Legs and arms drag over the edge: simulated falls out of bed turn .74 of the height that they lose into speed."""
BESIDE_M: Final = (0.4, 0.7)
"""How far from the bed one comes to lie: as far as there is most room."""
CLEAR_M: Final = 0.15
"""On a side with less, between what stands there and the middle of who lies, nobody can fall."""
NEARLY_M: Final = 0.1
"""Ways with so much less room than the widest are as good."""
_HEAD_M: Final = 0.65
_FEET_M: Final = 0.85
"""From the pelvis to both ends of who lies."""
_SLIDES_S: Final = 0.2
"""After the impact one gets on for so long."""


def ways_out(rest: Rest, level_m: float, edge_m: float, space: FreeSpace) -> list[RollsOut]:
    """The ways off a mattress on which there is room to lie beside it, all with about as much room as there is.

    Args:
        rest: Where somebody lies, and which way.
        level_m: Height of the mattress.
        edge_m: From its middle to its long edges.
        space: The room's free floor.
    """
    foot = np.array([math.cos(rest.facing_rad), math.sin(rest.facing_rad)])
    found = []
    for side in (1.0, -1.0):
        out = side * np.array([-foot[1], foot[0]])
        for along in (0.0, -1.0, 1.0):
            middle = np.array(rest.centre_m) + along * rest.half_m[0] * foot
            beside = [_room_m(middle + (edge_m + far) * out, foot, space) for far in np.linspace(*BESIDE_M, 4)]
            best = int(np.argmax(beside))
            if beside[best] >= CLEAR_M:
                place = (float(middle[0]), float(middle[1]))
                far = float(np.linspace(*BESIDE_M, 4)[best])
                way = RollsOut(place, rest.facing_rad, side, level_m, edge_m, far)
                found.append((beside[best] - 0.05 * abs(along), way))
    most = max((room for room, _ in found), default=0.0)
    return [way for room, way in found if room >= most - NEARLY_M]


def _room_m(place: Array, foot: Array, space: FreeSpace) -> float:
    """Least clearance of who lies at a place (2,) with the feet to `foot`."""
    along = np.linspace(-_HEAD_M, _FEET_M, 8)[:, None]
    return float(space.clearance(*(place + along * foot).T).min())


def rolls_out(way: RollsOut, frames: int, fps: float, rng: np.random.Generator) -> Array:
    """The draft, pose vectors (T, 258) in the room.

    Args:
        way: Where from and where to.
        frames: T.
        fps: Frames a second.
        rng: Draws how somebody lies and rolls.
    """
    begins, turns = rng.uniform(*FROM_DEG), rng.uniform(*TURNS_DEG)
    lies_s, rolls_s = rng.uniform(*LIES_S), rng.uniform(*ROLLS_S)
    within = min(rng.uniform(*WITHIN_M), way.edge_m)
    rolls_m, falls_m = within + TIPS_M, way.beside_m - TIPS_M
    lies_s = lies_s if way.since_s is None else way.since_s
    after = np.arange(frames) / fps - lies_s - rolls_s  # the time since it tipped over the edge
    top, floor = (level + LIES_M for level in (way.level_m, 0.0))
    falls_s = math.sqrt(2 * (top - floor) / FALLS_M_S2)
    turned = smooth_step((after + rolls_s) / (rolls_s + falls_s))
    phi = np.radians(begins + turns * turned)
    u = np.clip((after + rolls_s) / rolls_s, 0.0, 1.0)
    lands_s = falls_s + _SLIDES_S
    v = np.clip(after / lands_s, 0.0, 1.0)
    fast = 2 * rolls_m / rolls_s * lands_s  # the way that the speed at the edge would make
    beyond = fast * v + (falls_m - fast) * v * v if fast < falls_m else falls_m * (1 - (1 - v) ** 2)
    across = way.edge_m + TIPS_M - rolls_m * (1 - u**2) + beyond
    height = np.maximum(top - 0.5 * FALLS_M_S2 * np.maximum(after, 0.0) ** 2, floor) + ON_SIDE_M * np.abs(np.sin(phi))
    foot = np.array([math.cos(way.foot_rad), math.sin(way.foot_rad), 0.0])
    out = np.array([*way.out, 0.0])
    root = np.array([*way.place_m, 0.0]) + across[:, None] * out
    root[:, 2] = height
    rotations = np.tile(np.eye(3), (frames, JOINT_COUNT, 1, 1))
    for name, curled in CURLED_DEG.items():
        angles = np.array(curled) + turned[:, None] * (np.array(FLAT_DEG.get(name, (0.0, 0.0, 0.0))) - np.array(curled))
        rotations[:, JOINT_INDEX[name]] = matrix_from_rotation_vector(np.radians(angles))
    chest = np.cos(phi)[:, None] * np.array([0.0, 0.0, 1.0]) + np.sin(phi)[:, None] * out
    head = np.broadcast_to(-foot, chest.shape)
    rotations[:, 0] = np.stack([np.cross(head, chest), head, chest], axis=-1)
    return np.asarray(encode(rotations, root, fps), dtype=np.float64)


def as_planned(x: Array, way: RollsOut, plan: Array, fps: float) -> Array:
    """Take back what the network has changed of where a fall begins and ends.

    Args:
        x: What it has made of the draft, pose vectors (T, 258) in the room.
        way: Where from and where to.
        plan: The draft (T, 258).
        fps: Frames a second.

    Returns:
        The same, moved as a whole over the floor and as far up or down at each frame as one has not come off yet.
    """
    joints, planned = joints_of(x), joints_of(plan)
    ends = [slice(0, max(1, round(0.5 * LIES_S[0] * fps))), slice(-max(1, round(0.5 * fps)), None)]
    first, last = (planned[end, 0].mean(axis=0) - joints[end, 0].mean(axis=0) for end in ends)
    across = joints[:, 0, :2] @ way.out
    begins, arrives = (float(across[end].mean()) for end in ends)
    gone = np.clip((across - begins) / max(arrives - begins, 1e-6), 0.0, 1.0)[:, None]
    moved = joints.copy()
    moved[..., :2] += ((1 - gone) * first[:2] + gone * last[:2])[:, None]
    height = joints[:, 0, 2]
    up = np.clip((height - LIES_M) / max(float(height[ends[0]].mean()) - LIES_M, 1e-6), 0.0, 1.0)
    moved[..., 2] += (up * first[2])[:, None]
    return with_joints(x, moved, fps)
