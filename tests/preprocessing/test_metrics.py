"""Every metric against a closed form and against plain float64 loops."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from motion_preprocessing.body_capsules import body_capsules
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import (
    MotionMetrics,
    bone_length_drift_percent,
    elbow_flexion_deg,
    evaluate_motion,
    floor_fit,
    foot_skate_ratio,
    jerk_m_s3,
    joint_limit_share,
    knee_flexion_deg,
    ks_distance,
    person_penetration_m,
    quantiles,
    scene_penetration_m,
    summarise,
)
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import BONES, JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY

FPS = 20.0
LEFT_FOOT, RIGHT_FOOT = 10, 11


def standing(frames: int = 12) -> np.ndarray:
    """A rest body that stands still with its toes on z = 0, facing +x; (T, 22, 3)."""
    rotations = np.tile(np.eye(3), (frames, JOINT_COUNT, 1, 1))
    rotations[:, 0] = WORLD_FROM_BODY
    joints, _ = forward_kinematics(rotations, np.zeros((frames, 3)))
    joints[..., 2] -= joints[..., 2].min()
    return joints


def turned(joint: str, axis: int, degrees: float) -> np.ndarray:
    """Rotations (22, 3, 3) of the rest body with one joint turned about a body axis."""
    rotations = np.tile(np.eye(3), (JOINT_COUNT, 1, 1))
    vector = np.zeros(3)
    vector[axis] = math.radians(degrees)
    rotations[JOINT_INDEX[joint]] = matrix_from_rotation_vector(vector)
    rotations[0] = WORLD_FROM_BODY
    return rotations


def bent(joint: str, axis: int, degrees: float) -> np.ndarray:
    """One frame (22, 3) of the rest body with one joint turned about a body axis."""
    return forward_kinematics(turned(joint, axis, degrees), np.array([0.0, 0.0, 0.92]))[0]


def random_walk(seed: int, frames: int = 30) -> np.ndarray:
    """Joints that wander about the floor: enough contact, sliding and lying to exercise every branch."""
    rng = np.random.default_rng(seed)
    joints = standing(frames) + np.cumsum(rng.normal(scale=0.02, size=(frames, 1, 3)), axis=0)
    joints[..., 2] += rng.uniform(-0.05, 0.05)
    joints += rng.normal(scale=0.01, size=joints.shape)
    joints[rng.random(frames) < 0.2, 0, 2] = 0.3
    return joints


# ------------------------------------------------------------------------------------------------ foot skate


@pytest.mark.parametrize(("speed", "expected"), [(0.8, 1.0), (0.51, 1.0), (0.49, 0.0), (0.0, 0.0)])
def test_a_foot_that_slides_at_a_known_speed_skates_in_every_frame_or_in_none(speed: float, expected: float) -> None:
    joints = standing()
    joints[..., 0] += speed * np.arange(len(joints))[:, None] / FPS
    assert foot_skate_ratio(joints, FPS) == expected


def test_a_single_fast_step_is_no_skating_because_the_mean_of_five_is_slow() -> None:
    joints = standing(21)
    joints[11:, LEFT_FOOT, 1] += 0.04  # 0.8 m/s for one step, 0.16 m/s in the mean
    assert foot_skate_ratio(joints, FPS) == 0.0
    joints[12:, LEFT_FOOT, 1] += 0.10  # 0.8 and 2.0 m/s: the mean is 0.56
    assert foot_skate_ratio(joints, FPS) == pytest.approx(2 / 20)


def test_feet_in_the_air_do_not_skate_and_one_foot_on_the_floor_is_enough() -> None:
    joints = standing()
    joints[..., 0] += np.arange(len(joints))[:, None] / FPS
    raised = joints.copy()
    raised[:, [LEFT_FOOT, RIGHT_FOOT], 2] = 0.05  # contact is below 5 cm, not at it
    assert foot_skate_ratio(raised, FPS) == 0.0
    raised[:, RIGHT_FOOT, 2] = 0.049
    assert foot_skate_ratio(raised, FPS) == 1.0


def test_frames_with_the_pelvis_low_are_left_out_of_both_sides_of_the_ratio() -> None:
    joints = standing(11)
    joints[:6, :, 0] += np.arange(6)[:, None] / FPS
    joints[6:, :, 0] += 5 / FPS
    whole = foot_skate_ratio(joints, FPS)
    assert whole == pytest.approx(5 / 10)
    joints[7:, 0, 2] = 0.39  # leaves steps 0..5: five that slide, one that stands
    assert foot_skate_ratio(joints, FPS) == pytest.approx(5 / 6)
    joints[:, 0, 2] = 0.39
    assert math.isnan(foot_skate_ratio(joints, FPS))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_foot_skate_ratio_equals_a_plain_loop(seed: int) -> None:
    joints = random_walk(seed)
    steps = len(joints) - 1

    def speed(t: int, foot: int) -> float:
        return math.hypot(*(joints[t + 1, foot, :2] - joints[t, foot, :2])) * FPS

    skating = counted = 0
    for t in range(steps):
        if joints[t, 0, 2] < 0.4 or joints[t + 1, 0, 2] < 0.4:
            continue
        counted += 1
        hit = False
        for foot in (LEFT_FOOT, RIGHT_FOOT):
            window = [speed(u, foot) for u in range(max(0, t - 2), min(steps, t + 3))]
            low = joints[t, foot, 2] < 0.05 and joints[t + 1, foot, 2] < 0.05
            hit |= low and speed(t, foot) > 0.5 and sum(window) / len(window) > 0.5
        skating += hit
    expected = skating / counted if counted else math.nan
    assert foot_skate_ratio(joints, FPS) == pytest.approx(expected, nan_ok=True)


# ------------------------------------------------------------------------------------------------ floor


def test_a_sunk_and_a_lifted_body_penetrate_and_float_by_what_exceeds_five_millimetres() -> None:
    joints = standing()
    assert floor_fit(joints)[:2] == (0.0, 0.0)
    assert floor_fit(joints - [0, 0, 0.025]).penetration_mm == pytest.approx(20.0)
    assert floor_fit(joints + [0, 0, 0.035]).float_mm == pytest.approx(30.0)
    assert floor_fit(joints + [0, 0, 0.004]).float_mm == 0.0
    half = joints.copy()
    half[: len(half) // 2, :, 2] -= 0.025
    assert floor_fit(half).penetration_mm == pytest.approx(10.0)


def test_floor_skate_is_the_shift_a_frame_of_the_lowest_joint_while_it_rests() -> None:
    joints = standing()
    joints[..., :2] += 0.003 * np.array([0.6, 0.8]) * np.arange(len(joints))[:, None, None]
    assert floor_fit(joints).skate_mm == pytest.approx(3.0)
    assert math.isnan(floor_fit(joints + [0, 0, 0.02]).skate_mm)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_floor_fit_equals_a_plain_loop(seed: int) -> None:
    joints = random_walk(seed)
    deep, high, shifts = 0.0, 0.0, []
    for t in range(len(joints)):
        j = min(range(JOINT_COUNT), key=lambda k: joints[t, k, 2])
        h = joints[t, j, 2]
        deep += max(0.0, -(h + 0.005))
        high += max(0.0, h - 0.005)
        if t + 1 < len(joints) and h <= 0.005 and joints[t + 1, j, 2] <= 0.005:
            shifts.append(math.hypot(*(joints[t + 1, j, :2] - joints[t, j, :2])))
    expected = (
        1000 * deep / len(joints),
        1000 * high / len(joints),
        1000 * sum(shifts) / len(shifts) if shifts else math.nan,
    )
    assert tuple(floor_fit(joints)) == pytest.approx(expected, nan_ok=True)


# ------------------------------------------------------------------------------------------------ jerk


def test_jerk_of_a_cubic_is_its_third_derivative_and_of_a_parabola_nothing() -> None:
    t = np.arange(15) / FPS
    joints = standing(15)
    parabola = joints + np.stack([2 * t, -4.9 * t**2, 1 + t], axis=-1)[:, None]
    assert jerk_m_s3(parabola, FPS).max() < 1e-8
    # x = a t^3 / 6 with a = (3, 4, 12): the norm is 13 m/s^3, and third differences of cubics are exact.
    cubic = joints + (t**3 / 6)[:, None, None] * np.array([3.0, 4.0, 12.0])
    assert jerk_m_s3(cubic, FPS).shape == (12, JOINT_COUNT)
    np.testing.assert_allclose(jerk_m_s3(cubic, FPS), 13.0, rtol=1e-8)


def test_jerk_of_a_slow_sine_comes_near_amplitude_times_omega_cubed() -> None:
    fps, omega = 200.0, 2 * math.pi
    t = np.arange(400) / fps
    joints = standing(400)
    joints[:, 0, 0] += 0.1 * np.sin(omega * t)
    assert jerk_m_s3(joints, fps)[:, 0].max() == pytest.approx(0.1 * omega**3, rel=1e-3)
    assert jerk_m_s3(joints, fps)[:, 1:].max() < 1e-5


def test_jerk_equals_a_plain_loop() -> None:
    joints = random_walk(4, frames=8)
    got = jerk_m_s3(joints, FPS)
    for t in range(5):
        for j in range(JOINT_COUNT):
            a, b, c, d = (joints[t + k, j] for k in range(4))
            third = [d[k] - 3 * c[k] + 3 * b[k] - a[k] for k in range(3)]
            assert got[t, j] == pytest.approx(math.hypot(*third) * FPS**3, rel=1e-9)


# ------------------------------------------------------------------------------------------------ bones and angles


def test_a_bone_that_changes_between_two_lengths_drifts_by_their_half_difference_over_their_mean() -> None:
    joints = standing(10)
    bone = BONES.index((JOINT_INDEX["left_elbow"], JOINT_INDEX["left_wrist"]))
    along = joints[0, JOINT_INDEX["left_wrist"]] - joints[0, JOINT_INDEX["left_elbow"]]
    joints[::2, JOINT_INDEX["left_wrist"]] += 0.04 * along
    joints[1::2, JOINT_INDEX["left_wrist"]] -= 0.02 * along
    drift = bone_length_drift_percent(joints)
    assert drift.shape == (21,)
    assert drift[bone] == pytest.approx(100 * 0.03 / 1.01)  # lengths 1.04 and 0.98 of the same
    assert np.delete(drift, bone).max() < 1e-9


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("degrees", [-30.0, -10.0, 0.0, 20.0, 90.0, 140.0])
def test_knee_flexion_follows_the_knees_rotation_about_the_lateral_axis(side: str, degrees: float) -> None:
    column = 0 if side == "left" else 1
    rest = knee_flexion_deg(bent("pelvis", 0, 0.0))[column]
    assert 0 < rest < 10  # the rest shank leans back a little
    got = knee_flexion_deg(bent(f"{side}_knee", 0, degrees))
    # Thigh and shank are not quite in one plane: two degrees of play.
    assert got[column] == pytest.approx(rest + degrees, abs=2.0)
    assert got[1 - column] == pytest.approx(knee_flexion_deg(bent("pelvis", 0, 0.0))[1 - column])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("degrees", [-30.0, 0.0, 90.0, 155.0])
def test_knee_flexion_by_rotations_ignores_what_the_foot_does(side: str, degrees: float) -> None:
    rotations = turned(f"{side}_knee", 0, degrees)
    rotations[JOINT_INDEX[f"{side}_ankle"]] = matrix_from_rotation_vector(np.array([1.3, 0.5, 0.9]))
    joints = forward_kinematics(rotations, np.zeros(3))[0]
    got = knee_flexion_deg(joints, rotations)[0 if side == "left" else 1]
    rest = math.degrees(math.atan2(0.04, 0.4))  # the rest shank is (0.015, -0.4, -0.04)
    assert got == pytest.approx(rest + degrees, abs=1e-6)


def test_a_foot_in_line_with_the_shank_leaves_the_bend_forward() -> None:
    joints = bent("left_knee", 0, 60.0)
    knee, ankle, foot = (JOINT_INDEX[f"left_{name}"] for name in ("knee", "ankle", "foot"))
    joints[foot] = joints[ankle] + 0.3 * (joints[ankle] - joints[knee])
    assert knee_flexion_deg(joints)[0] == pytest.approx(66.0, abs=3.0)


def test_knee_flexion_does_not_depend_on_where_the_body_faces() -> None:
    joints = bent("left_knee", 0, 70.0)
    elsewhere = joints @ matrix_from_rotation_vector(np.array([0.4, -1.1, 2.0])).T + 3.0
    np.testing.assert_allclose(knee_flexion_deg(elsewhere), knee_flexion_deg(joints), atol=1e-9)


def test_elbow_flexion_is_the_angle_between_upper_arm_and_forearm() -> None:
    assert elbow_flexion_deg(bent("left_elbow", 1, -80.0))[0] == pytest.approx(80.0, abs=6.0)
    square = standing(1)[0]
    square[JOINT_INDEX["right_shoulder"]] = (0, 0, 1)
    square[JOINT_INDEX["right_elbow"]] = (0, 0, 0)
    square[JOINT_INDEX["right_wrist"]] = (5, 0, 0)
    assert elbow_flexion_deg(square)[1] == pytest.approx(90.0)


@pytest.mark.parametrize(("side", "forwards"), [("left", -1.0), ("right", 1.0)])
def test_rotations_tell_an_elbow_bent_backwards(side: str, forwards: float) -> None:
    column = 0 if side == "left" else 1
    for degrees in (-40.0, -10.0, 30.0, 120.0):
        rotations = turned(f"{side}_elbow", 1, forwards * degrees)
        joints = forward_kinematics(rotations, np.zeros(3))[0]
        assert elbow_flexion_deg(joints, rotations)[column] == pytest.approx(degrees, abs=6.5)
        assert elbow_flexion_deg(joints)[column] == pytest.approx(abs(degrees), abs=6.5)


def test_joint_limit_share_counts_frames_with_any_impossible_joint() -> None:
    frames = [turned("pelvis", 0, 0.0)] * 5
    frames += [turned("left_knee", 0, -25.0), turned("right_knee", 0, 149.0), turned("left_elbow", 1, -165.0)]
    rotations = np.stack([*frames, turned("right_elbow", 1, -30.0)])
    joints, _ = forward_kinematics(rotations, np.zeros((9, 3)))
    assert joint_limit_share(joints[:5], rotations[:5]) == 0.0
    assert joint_limit_share(joints, rotations) == pytest.approx(4 / 9)
    # Positions alone do not show the elbow that is bent backwards.
    assert joint_limit_share(joints) == pytest.approx(3 / 9)
    motion = evaluate_motion(joints[None], FPS, local_rotations=rotations[None])
    assert motion.joint_limit_share == pytest.approx(4 / 9)
    with pytest.raises(InputError, match="expected rotations"):
        evaluate_motion(joints[None], FPS, local_rotations=rotations)


# ------------------------------------------------------------------------------------------------ penetration


def ball(centre: tuple[float, float, float], frames: int = 3) -> np.ndarray:
    """All joints in one point: every capsule is a ball there, the largest of 11 cm."""
    return np.tile(np.array(centre), (frames, JOINT_COUNT, 1))


def test_two_balls_overlap_by_the_sum_of_their_radii_less_their_distance() -> None:
    np.testing.assert_allclose(person_penetration_m(ball((0, 0, 1)), ball((0.15, 0, 1))), 0.07, atol=1e-12)
    np.testing.assert_array_equal(person_penetration_m(ball((0, 0, 1)), ball((0.23, 0, 1))), 0.0)


def test_person_penetration_equals_sampled_capsules() -> None:
    a, b = standing(2), standing(2)[..., [1, 0, 2]] + [0.25, 0.1, 0.0]
    got = person_penetration_m(a, b)
    assert got[0] > 0.02
    first, second = body_capsules(a[0]), body_capsules(b[0])
    s = np.linspace(0, 1, 60)[:, None]
    deepest = 0.0
    for p0, p1, r in zip(*first, strict=True):
        for q0, q1, u in zip(*second, strict=True):
            gap = np.linalg.norm((p0 + s * (p1 - p0))[:, None] - (q0 + s * (q1 - q0))[None], axis=-1).min()
            deepest = max(deepest, r + u - gap)
    assert got[0] == pytest.approx(deepest, abs=2e-3)
    np.testing.assert_allclose(person_penetration_m(b, a), got)


def test_a_point_in_a_ball_is_as_deep_as_it_is_from_the_surface() -> None:
    joints = np.concatenate([ball((0, 0, 1), 2), ball((5, 0, 1), 2)])
    depth = scene_penetration_m(joints, np.array([[0.05, 0, 1], [0.0, 0.09, 1], [9, 9, 9]]))
    np.testing.assert_allclose(depth, [0.06, 0.06, 0, 0], atol=1e-12)
    np.testing.assert_array_equal(scene_penetration_m(joints, np.empty((0, 3))), 0.0)


def test_scene_penetration_equals_a_plain_loop_over_points_and_capsules() -> None:
    rng = np.random.default_rng(5)
    joints = standing(3) + np.array([0.1, 0, 0]) * np.arange(3)[:, None, None]
    points = rng.uniform([-0.5, -1, 0], [0.5, 1, 1.8], size=(400, 3))
    got = scene_penetration_m(joints, points)
    assert (got > 0.02).all()
    for t in range(3):
        deepest = 0.0
        for start, end, radius in zip(*body_capsules(joints[t]), strict=True):
            for p in points:
                along = end - start
                f = min(1.0, max(0.0, float((p - start) @ along) / float(along @ along)))
                deepest = max(deepest, radius - math.dist(p, start + f * along))
        assert got[t] == pytest.approx(deepest, abs=1e-12)


# ------------------------------------------------------------------------------------------------ distributions


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(2, 40))
@settings(max_examples=40, deadline=None)
def test_ks_distance_is_scipys(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = np.round(rng.normal(size=n), 1), np.round(rng.normal(0.5, size=m), 1)  # rounded: with ties
    assert ks_distance(a, b) == pytest.approx(ks_2samp(a, b, method="asymp").statistic, abs=1e-12)


def test_quantiles_are_named_and_interpolated() -> None:
    assert quantiles(np.arange(101.0), (0.05, 0.5, 0.995)) == {"q05": 5.0, "q50": 50.0, "q99.5": 99.5}
    assert math.isnan(quantiles(np.empty(0))["q50"])


# ------------------------------------------------------------------------------------------------ together


def test_evaluate_motion_gathers_what_the_single_functions_say() -> None:
    a, b = random_walk(1), random_walk(2) + [0.3, 0, 0]
    points = np.array([[0.0, 0, 1.0], [0.3, 0, 0.5]])
    got = evaluate_motion(np.stack([a, b]), FPS, points)
    assert (got.people, got.frames, got.fps) == (2, 30, FPS)
    assert got.foot_skate_ratio == pytest.approx((foot_skate_ratio(a, FPS) + foot_skate_ratio(b, FPS)) / 2)
    assert got.penetration_mm == pytest.approx((floor_fit(a).penetration_mm + floor_fit(b).penetration_mm) / 2)
    both = np.concatenate([jerk_m_s3(a, FPS), jerk_m_s3(b, FPS)])
    assert got.jerk_peak_m_s3 == both.max()
    assert got.jerk_q95_m_s3 == pytest.approx(np.quantile(both, 0.95))
    drift = np.concatenate([bone_length_drift_percent(a), bone_length_drift_percent(b)])
    assert got.bone_drift_worst_percent == drift.max()
    assert got.bone_drift_mean_percent == pytest.approx(drift.mean())
    overlap = person_penetration_m(a, b)
    assert got.person_penetration_share == (overlap > 0).mean()
    assert got.person_penetration_mean_cm == pytest.approx(100 * overlap.mean())
    depth = np.stack([scene_penetration_m(a, points), scene_penetration_m(b, points)])
    assert got.scene_penetration_share == (depth > 0.02).mean()
    assert got.scene_penetration_worst_cm == pytest.approx(100 * depth.max())
    assert math.isnan(got.wall_penetration_share)  # no walls were given
    walls = evaluate_motion(np.stack([a, b]), FPS, wall_points=points)
    assert walls.wall_penetration_share == got.scene_penetration_share
    assert math.isnan(walls.scene_penetration_share)
    assert math.isnan(evaluate_motion(a[None], FPS, wall_points=np.zeros((0, 3))).wall_penetration_share)


def test_what_cannot_be_measured_is_nan_and_null_in_json() -> None:
    one = evaluate_motion(standing()[None], FPS)
    assert math.isnan(one.person_penetration_share)
    assert math.isnan(one.scene_penetration_worst_cm)
    written = json.loads(json.dumps(one.as_dict(), allow_nan=False))
    assert written["scene_penetration_share"] is None
    assert written["foot_skate_ratio"] == 0.0


@pytest.mark.parametrize(
    "joints", [np.zeros((3, 22, 3)), np.zeros((1, 3, 22, 3)), np.zeros((1, 9, 24, 3)), np.full((1, 9, 22, 3), np.nan)]
)
def test_arrays_that_are_no_motion_are_refused_in_one_line(joints: np.ndarray) -> None:
    with pytest.raises(InputError, match="^expected [^\n]*$"):
        evaluate_motion(joints, FPS)


def test_summarise_counts_each_motion_once_and_skips_what_was_not_measured() -> None:
    rows = [evaluate_motion(standing()[None] - [0, 0, depth], FPS) for depth in (0.015, 0.025, 0.035)]
    rows.append(evaluate_motion(np.stack([standing(), standing() + [0.1, 0, 0]]), FPS))
    spread = summarise(rows)
    assert set(spread) == set(MotionMetrics.__dataclass_fields__)
    assert spread["penetration_mm"].mean == pytest.approx((10 + 20 + 30 + 0) / 4)
    assert spread["penetration_mm"].median == pytest.approx(15)
    assert spread["penetration_mm"].std == pytest.approx(np.std([10, 20, 30, 0]))
    assert spread["person_penetration_share"].count == 1
    assert spread["scene_penetration_share"].count == 0
    assert math.isnan(spread["scene_penetration_share"].mean)
