"""The physics of a fall: MuJoCo's world with a body in it that begins to fall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.rotations import quaternion_from_matrix
from motion_preprocessing.simulation.body import DAMPING_SHARE, Indexed, compile_body, gains, mujoco_module
from motion_preprocessing.simulation.fall_plan import FallPlan
from motion_preprocessing.simulation.hinges import HIGH_RAD, LOW_RAD, Array


class World(Indexed):
    """MuJoCo's model and data with the indices that the controller needs."""

    def __init__(self, plan: FallPlan) -> None:
        self.mj = mujoco_module()
        self.model = compile_body(plan.size, plan.boxes, plan.friction)
        self.data = self.mj.MjData(self.model)
        model = self.model
        self.index(model)
        self.floor = model.geom("floor").id
        self.stiffness, self.torque = gains(plan.size)
        self.feet = [self.body[f"{side}_{part}"] for side in ("left", "right") for part in ("ankle", "foot")]
        s = plan.size.scale
        data = self.data
        data.qpos[0:3] = plan.start.root_m[0] * s
        data.qpos[3:7] = np.asarray(quaternion_from_matrix(plan.start.root[0]))
        data.qpos[self.qpos] = np.clip(plan.start.angles[0], LOW_RAD, HIGH_RAD)
        data.qvel[0:3] = plan.root_velocity[:3] * np.sqrt(s)
        data.qvel[3:6] = plan.start.root[0].T @ plan.root_velocity[3:] / np.sqrt(s)
        data.qvel[self.qvel] = plan.hinge_velocity / np.sqrt(s)
        self.mj.mj_forward(model, data)

    def set_muscles(self, tone: Array, catch: Array) -> None:
        """Set the stiffness, damping and strength of every muscle for a tone (45,)."""
        model = self.model
        stiff = self.stiffness * tone * catch
        model.actuator_gainprm[:, 0] = stiff
        model.actuator_biasprm[:, 1] = -stiff
        model.actuator_biasprm[:, 2] = -DAMPING_SHARE * self.stiffness * np.sqrt(np.maximum(tone, 0.0))
        limit = self.torque * np.maximum(tone, 0.02) * catch
        model.actuator_forcerange[:, 0], model.actuator_forcerange[:, 1] = -limit, limit

    def floor_contacts(self) -> NDArray[np.int64]:
        """Geoms that touch the floor."""
        geoms = self.data.contact.geom[: self.data.ncon]
        hit = geoms[:, 0] == self.floor
        return np.asarray(geoms[hit, 1])
