from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.simulation.body import BodySize, compile_body, draw_size, gains
from motion_preprocessing.simulation.hinges import HIGH_RAD, HINGES, LOW_RAD, Pose, local_rotations
from motion_preprocessing.skeleton import JOINT_NAMES

mujoco = pytest.importorskip("mujoco")
SIZES = [BodySize(), BodySize(1.5, 48.0), BodySize(1.85, 110.0)]


def addresses(model: object) -> tuple[list[int], list[int]]:
    ids = [model.joint(hinge.name).id for hinge in HINGES]  # type: ignore[attr-defined]
    return [model.jnt_qposadr[i] for i in ids], [model.jnt_dofadr[i] for i in ids]  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size.height_m}")
def test_joints_are_where_the_project_s_kinematics_put_them(size: BodySize) -> None:
    model = compile_body(size)
    data = mujoco.MjData(model)
    qpos, _ = addresses(model)
    rng = np.random.default_rng(0)
    for turn in Rotation.random(5, rng):
        root, angles = rng.normal(size=3), rng.uniform(LOW_RAD, HIGH_RAD)
        data.qpos[:3] = root * size.scale
        data.qpos[3:7] = turn.as_quat(scalar_first=True)
        data.qpos[qpos] = angles
        mujoco.mj_forward(model, data)
        pose = Pose(root[None], turn.as_matrix()[None], angles[None])
        joints, _ = forward_kinematics(local_rotations(pose), pose.root_m)
        places = np.array([data.xpos[model.body(name).id] for name in JOINT_NAMES]) / size.scale
        np.testing.assert_allclose(places, joints[0], atol=1e-8)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size.height_m}")
def test_mass_is_the_body_s_and_a_thigh_is_a_solid_capsule(size: BodySize) -> None:
    model = compile_body(size)
    assert model.body_mass.sum() == pytest.approx(size.mass_kg, rel=1e-6)
    body = model.body("left_hip").id
    mass, (radius, half, _) = float(model.body_mass[body]), model.geom_size[model.geom("left_hip").id]
    # A cylinder between two half spheres of one density; r: radius, h: length of the cylinder.
    r, h = float(radius), 2 * float(half)
    cylinder, sphere = math.pi * r * r * h, 4 / 3 * math.pi * r**3
    m_c, m_s = mass * cylinder / (cylinder + sphere), mass * sphere / (cylinder + sphere)
    along = m_c * r * r / 2 + m_s * 2 / 5 * r * r
    across = m_c * (h * h / 12 + r * r / 4) + m_s * (2 / 5 * r * r + h * h / 4 + 3 / 8 * h * r)
    np.testing.assert_allclose(np.sort(model.body_inertia[body]), np.sort([along, across, across]), rtol=1e-5)


def test_the_centre_of_mass_falls_freely_whatever_the_limbs_do() -> None:
    model = compile_body(SIZES[0])
    data = mujoco.MjData(model)
    qpos, qvel = addresses(model)
    rng = np.random.default_rng(1)
    data.qpos[2] = 5.0
    data.qpos[qpos] = 0.5 * (LOW_RAD + HIGH_RAD)
    data.qvel[qvel] = rng.normal(size=len(HINGES))
    data.qvel[:3] = [1.0, -0.5, 2.0]
    data.ctrl[:] = 0.5 * (LOW_RAD + HIGH_RAD) + rng.normal(scale=0.2, size=len(HINGES))
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    start, velocity = data.subtree_com[1].copy(), data.subtree_linvel[1].copy()
    mujoco.mj_step(model, data, 192)
    mujoco.mj_forward(model, data)
    t = data.time
    expected = start + velocity * t - 0.5 * np.array([0.0, 0.0, 9.81]) * t * t
    # The integrator is of first order: its drop is off by g t dt / 2.
    np.testing.assert_allclose(data.subtree_com[1], expected, atol=0.5 * 9.81 * t * model.opt.timestep * 1.2)


def test_muscles_are_springs_with_dampers_and_a_limit() -> None:
    size = BodySize(1.6, 80.0, strength=0.8)
    model = compile_body(size)
    data = mujoco.MjData(model)
    qpos, qvel = addresses(model)
    rng = np.random.default_rng(2)
    angles, speeds = 0.5 * (LOW_RAD + HIGH_RAD), rng.normal(scale=0.5, size=len(HINGES))
    goal = angles + rng.normal(scale=0.4, size=len(HINGES))
    data.qpos[2], data.qpos[qpos], data.qvel[qvel], data.ctrl[:] = 5.0, angles, speeds, goal
    mujoco.mj_forward(model, data)
    grows = 80.0 / 70.0 * 1.6 / 1.7
    stiffness = grows * np.array([hinge.stiffness for hinge in HINGES])
    limit = 0.8 * grows * np.array([hinge.torque_nm for hinge in HINGES])
    free = stiffness * (goal - angles) - 0.1 * stiffness * speeds
    assert (np.abs(free) > limit).any()
    assert (np.abs(free) < limit).any()
    np.testing.assert_allclose(data.actuator_force, np.clip(free, -limit, limit), rtol=1e-6)
    np.testing.assert_allclose(gains(size)[1], limit)


def test_sizes_are_those_of_adults() -> None:
    sizes = [draw_size(np.random.default_rng(i)) for i in range(300)]
    index = np.array([s.mass_kg / s.height_m**2 for s in sizes])
    assert 18 <= index.min() < 20
    assert 30 < index.max() <= 34
    assert np.ptp([s.height_m for s in sizes]) > 0.3
