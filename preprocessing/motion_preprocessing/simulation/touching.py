"""How near a pose's flesh is to floor, furniture and itself, for key poses and simulated bodies alike."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from motion_preprocessing.rotations import quaternion_from_matrix
from motion_preprocessing.simulation.body import BodySize, compile_body, mujoco_module
from motion_preprocessing.simulation.hinges import HINGES, Array, Pose
from motion_preprocessing.simulation.solve import Box
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES

FAR_M: Final = 0.5
"""Distances are measured up to here."""
_LEGS: Final = ("left_hip", "right_hip", "left_knee", "right_knee")


class Gaps(NamedTuple):
    """Distances of T frames, in the scale of the project's skeleton; negative inside."""

    floor_m: Array
    """(T, 22) of each part from the floor."""
    things_m: Array
    """(T, 22) of each part from the nearest piece of furniture; FAR_M where there is none."""
    lap_m: Array
    """(T, 2) of the left and the right hand from the nearest thigh or shank."""

    @property
    def room_m(self) -> Array:
        """(T, 22) of each part from whatever of the room is nearest."""
        return np.minimum(self.floor_m, self.things_m)


def gaps(pose: Pose, size: BodySize, boxes: tuple[Box, ...]) -> Gaps:
    """Measure a motion of a body among boxes, both in the scale of the project's skeleton."""
    mj = mujoco_module()
    model = compile_body(size, boxes)
    data = mj.MjData(model)
    frames, scale = len(pose.root_m), size.scale
    qpos = np.array([model.jnt_qposadr[model.joint(hinge.name).id] for hinge in HINGES])
    geoms = np.array([model.geom(name).id for name in JOINT_NAMES])
    things = [model.geom(f"box{i}").id for i in range(len(boxes))]
    quaternions = np.asarray(quaternion_from_matrix(pose.root))
    floor, room, lap = (np.full((frames, n), FAR_M * scale) for n in (JOINT_COUNT, JOINT_COUNT, 2))
    for t in range(frames):
        data.qpos[:3], data.qpos[3:7], data.qpos[qpos] = pose.root_m[t] * scale, quaternions[t], pose.angles[t]
        mj.mj_kinematics(model, data)
        floor[t] = _over_floor(mj, model, data, geoms)
        for part, geom in enumerate(geoms):
            for thing in things:
                room[t, part] = min(room[t, part], mj.mj_geomDistance(model, data, geom, thing, FAR_M * scale, None))
        for i, hand in enumerate(("left_wrist", "right_wrist")):
            for leg in _LEGS:
                pair = geoms[JOINT_INDEX[hand]], geoms[JOINT_INDEX[leg]]
                lap[t, i] = min(lap[t, i], mj.mj_geomDistance(model, data, *pair, FAR_M * scale, None))
    return Gaps(floor / scale, room / scale, lap / scale)


def _over_floor(mj: object, model: object, data: object, geoms: Array) -> Array:
    """Height of the lowest point of each geom: a capsule, a box or an ellipsoid."""
    sizes, kinds = model.geom_size[geoms], model.geom_type[geoms]  # type: ignore[attr-defined]
    place = data.geom_xpos[geoms, 2]  # type: ignore[attr-defined]
    up = data.geom_xmat[geoms].reshape(-1, 3, 3)[:, 2]  # type: ignore[attr-defined]
    shape = mj.mjtGeom  # type: ignore[attr-defined]
    capsule = sizes[:, 0] + sizes[:, 1] * np.abs(up[:, 2])
    box = (np.abs(up) * sizes).sum(axis=1)
    ellipsoid = np.linalg.norm(up * sizes, axis=1)
    reach = np.where(kinds == shape.mjGEOM_CAPSULE, capsule, np.where(kinds == shape.mjGEOM_BOX, box, ellipsoid))
    return np.asarray(place - reach)
