"""Measured events and their words, on motions made by formulas whose truth is known."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from motion_preprocessing.describe import ACTIONS, SALIENCE, Description, action_labels, describe
from motion_preprocessing.event_phrases import PHRASES
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.mirror import mirror_joints, mirror_text
from motion_preprocessing.motion_features import SIT_BEHIND_M, closed, measure, runs, smooth
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M, WORLD_FROM_BODY

FPS = 20.0
STAND_M = 0.945  # toe joints 2 cm over the floor


def about(axis: str, degrees) -> np.ndarray:
    """Rotation matrices about x, y or z."""
    vector = np.atleast_1d(np.radians(degrees))[:, None] * np.eye(3)["xyz".index(axis)]
    return Rotation.from_rotvec(vector).as_matrix()


class Body:
    """A motion under construction: T frames of the rest pose with hanging arms, to be bent joint by joint.

    Angles are degrees (T,) or numbers, about the body's own axes: x left, y up, z forward.
    """

    def __init__(self, seconds: float, fps: float = FPS):
        self.fps = fps
        self.frames = int(round(seconds * fps))
        self.time_s = np.arange(self.frames) / fps
        self.local = np.broadcast_to(np.eye(3), (self.frames, 22, 3, 3)).copy()
        self.position = np.zeros((self.frames, 3))
        self.position[:, 2] = STAND_M
        self.yaw_deg = np.zeros(self.frames)
        self.body = np.broadcast_to(np.eye(3), (self.frames, 3, 3)).copy()
        self.bend("left_shoulder", "z", -75)
        self.bend("right_shoulder", "z", 75)

    def bend(self, joint: str, axis: str, degrees) -> Body:
        self.local[:, JOINT_INDEX[joint]] = about(axis, degrees)
        return self

    def lean(self, axis: str, degrees) -> Body:
        self.body = about(axis, degrees)
        return self

    def ramp(self, start_s: float, stop_s: float) -> np.ndarray:
        """From 0 to 1 between two times, with zero speed and acceleration at the ends (minimum jerk)."""
        u = np.clip((self.time_s - start_s) / (stop_s - start_s), 0, 1)
        return u**3 * (10 - 15 * u + 6 * u**2)

    def joints(self) -> np.ndarray:
        local = self.local.copy()
        turn = about("z", self.yaw_deg)
        local[:, 0] = turn @ WORLD_FROM_BODY @ self.body
        return forward_kinematics(local, self.position)[0]

    def grounded(self) -> np.ndarray:
        """The joints, shifted so that the lowest one stays 2 cm over the floor in every frame."""
        joints = self.joints()
        joints[..., 2] -= joints[..., 2].min(axis=1)[:, None] - 0.02
        return joints


def walking(seconds: float, speed: float, course_deg: float = 0.0, yaw_rate_deg_s: float = 0.0) -> Body:
    """Glide at `speed` in the direction `course_deg` against the facing while turning at a steady rate."""
    body = Body(seconds)
    body.yaw_deg = yaw_rate_deg_s * body.time_s
    course = np.radians(body.yaw_deg + course_deg)
    step = speed / FPS * np.stack([np.cos(course), np.sin(course)], axis=-1)
    body.position[:, :2] = np.cumsum(step, axis=0) - step[0]
    return body


def tell(joints: np.ndarray, fps: float = FPS, seed: int = 0) -> Description:
    return describe(joints, fps, np.random.default_rng(seed))


def kinds(joints: np.ndarray, fps: float = FPS) -> list[str]:
    return [e.kind for e in tell(joints, fps).events]


def only(joints: np.ndarray, kind: str, fps: float = FPS):
    found = [e for e in tell(joints, fps).events if e.kind == kind]
    assert len(found) == 1, tell(joints, fps).events
    return found[0]


def labels(joints: np.ndarray, fps: float = FPS) -> list[str]:
    return [ACTIONS[k] for k in action_labels(joints, fps)]


def seated() -> np.ndarray:
    """Sit down on a seat between 1 s and 2.2 s and stay: thighs level, pelvis over a seat behind the feet."""
    body = Body(4.5)
    down = body.ramp(1.0, 2.2)
    for side in ("left", "right"):
        body.bend(f"{side}_hip", "x", -85 * down).bend(f"{side}_knee", "x", 85 * down)
    body.position[:, 0] = -0.4 * down
    body.position[:, 2] = STAND_M - 0.36 * down
    return body.joints()


def toppled(axis: str, sign: float, seconds: float = 0.9) -> np.ndarray:
    """Fall like a plank about the feet, the angle growing as gravity has it (a parabola), and stay down 2 s."""
    body = Body(1.0 + seconds + 2.0)
    angle = 88 * np.clip((body.time_s - 1.0) / seconds, 0, 1) ** 2
    body.lean(axis, sign * angle)
    a = np.radians(angle)
    body.position[:, 2] = 0.1 + (STAND_M - 0.1) * np.cos(a)
    away = STAND_M * np.sin(a) * sign
    if axis == "x":
        body.position[:, 0] = away
    else:
        body.position[:, 1] = -away
    return body.joints()


def bow(seconds: float = 4.0, degrees: float = 90.0) -> np.ndarray:
    body = Body(seconds)
    part = degrees / 3 * (body.ramp(0.8, 1.5) - body.ramp(2.2, 2.9))
    for joint in ("spine1", "spine2", "spine3"):
        body.bend(joint, "x", part)
    return body.joints()


def hop(take_off_m_s: float, gravity: float = 9.81) -> np.ndarray:
    """A pelvis parabola of the whole stiff body between two stands."""
    flight = 2 * take_off_m_s / gravity
    body = Body(1.0 + flight + 1.0)
    t = np.clip(body.time_s - 1.0, 0, flight)
    body.position[:, 2] += take_off_m_s * t - gravity * t**2 / 2
    return body.joints()


def arm_raised(side: str) -> np.ndarray:
    body = Body(3.0)
    sign = 1 if side == "left" else -1
    body.bend(f"{side}_shoulder", "z", sign * (-75 + 150 * body.ramp(0.8, 1.4)))
    return body.joints()


def waving(side: str) -> np.ndarray:
    body = Body(4.0)
    sign = 1 if side == "left" else -1
    up = body.ramp(0.5, 1.0) - body.ramp(3.3, 3.8)
    body.bend(f"{side}_shoulder", "z", sign * (-75 + 75 * up))
    swing = 35 * np.sin(2 * np.pi * 1.5 * (body.time_s - 1.0)) * ((body.time_s > 1.0) & (body.time_s < 3.3))
    body.bend(f"{side}_elbow", "z", sign * (90 * up + swing))
    return body.joints()


def kicking(side: str) -> np.ndarray:
    body = Body(3.0)
    body.bend(f"{side}_hip", "x", -80 * (body.ramp(1.0, 1.35) - body.ramp(1.5, 1.9)))
    return body.joints()


def squatting() -> np.ndarray:
    body = Body(4.0)
    down = body.ramp(0.8, 1.6) - body.ramp(2.4, 3.2)
    body.lean("x", 25 * down)
    for side in ("left", "right"):
        body.bend(f"{side}_hip", "x", -115 * down).bend(f"{side}_knee", "x", 120 * down)
        body.bend(f"{side}_ankle", "x", -30 * down)
    return body.grounded()


def kneeling() -> np.ndarray:
    body = Body(4.0)
    down = body.ramp(0.8, 2.0)
    for side in ("left", "right"):
        body.bend(f"{side}_knee", "x", 88 * down).bend(f"{side}_ankle", "x", 50 * down)
    return body.grounded()


def climbing(rise_m: float) -> np.ndarray:
    """The body glides up or down, the feet take turns in stepping after it and rest in between."""
    body = Body(5.0)
    body.position[:, 2] += rise_m * np.clip((body.time_s - 1.0) / 3.0, 0, 1)
    body.position[:, 0] = 0.3 * body.time_s
    joints = body.joints()
    for side, joint in enumerate((7, 8)):
        phase = body.time_s / 0.8 + 0.5 * side
        swing = np.clip((phase % 1.0 - 0.6) / 0.4, 0, 1)  # rests for .48 s, then goes to where the body will be
        at = (np.floor(phase) + swing - 0.5 * side) * 0.8
        for axis in (0, 2):
            lag = np.interp(at, body.time_s, body.position[:, axis]) - body.position[:, axis]
            joints[:, [joint, joint + 3], axis] += lag[:, None]
    return joints


def twisting() -> np.ndarray:
    """Planted feet, the trunk turns to the left and stays."""
    body = Body(4.0)
    turn = body.ramp(1.0, 2.0)
    for joint, share in (("spine1", 0.4), ("spine2", 0.3), ("spine3", 0.3)):
        body.bend(joint, "y", 70 * share * turn)
    joints = body.joints()
    hips = about("z", 45 * turn)  # the pelvis goes along a good deal
    for hip in (1, 2):
        joints[:, hip] = joints[:, 0] + np.einsum("tij,tj->ti", hips, joints[:, hip] - joints[:, 0])
    return joints


MOTIONS = {
    "walk": lambda: walking(3.0, 1.2).joints(),
    "sidestep": lambda: walking(3.0, 0.8, 90).joints(),
    "circle": lambda: walking(6.0, 1.0, 0, 60).joints(),
    "sit": seated,
    "fall_left": lambda: toppled("z", -1),
    "fall_forward": lambda: toppled("x", 1),
    "bow": bow,
    "raise_left": lambda: arm_raised("left"),
    "wave_right": lambda: waving("right"),
    "kick_left": lambda: kicking("left"),
    "squat": squatting,
    "kneel": kneeling,
    "jump": lambda: hop(2.5),
}


@pytest.mark.parametrize(
    ("course", "way"),
    [(0, "forward"), (180, "backward"), (90, "left"), (-90, "right"), (20, "forward"), (-70, "right")],
)
def test_two_metres_of_walking_are_measured(course, way):
    body = walking(2.5, 0.8, course)
    event = only(body.joints(), "walk")
    assert event.side == way
    assert event.amount == pytest.approx(0.8 * 2.5, abs=0.1)
    assert event.start_s == pytest.approx(0.0, abs=0.2)
    assert event.end_s == pytest.approx(2.5, abs=0.2)
    assert set(labels(body.joints())) == {"walk"}


@pytest.mark.parametrize(("speed", "kind"), [(0.5, "walk"), (1.4, "walk"), (1.8, "walk"), (2.6, "run"), (4.0, "run")])
def test_pace_tells_walking_from_running(speed, kind):
    found = kinds(walking(3.0, speed).joints())
    assert [k for k in found if k in ("walk", "run")] == [kind]


def test_a_bounce_makes_a_slow_run():
    body = walking(3.0, 1.7)
    body.position[:, 2] += 0.03 * np.sin(2 * np.pi * 2.6 * body.time_s)
    assert [k for k in kinds(body.joints()) if k in ("walk", "run")] == ["run"]


def test_pace_and_length_are_worded():
    slow = [s for seed in range(20) for s in tell(walking(4.0, 0.5).joints(), seed=seed).sentences]
    fast = [s for seed in range(20) for s in tell(walking(4.0, 1.8).joints(), seed=seed).sentences]
    assert any("slow" in s for s in slow)
    assert not any(re.search("quick|brisk|fast", s) for s in slow)
    assert any(re.search("quick|brisk|fast", s) for s in fast)
    assert any("two meters" in s for s in slow)
    assert any("seven meters" in s for s in fast)


@pytest.mark.parametrize("degrees", [90.0, -90.0, 180.0, -45.0])
def test_turns_on_the_spot_are_measured(degrees):
    body = Body(4.0)
    body.yaw_deg = degrees * body.ramp(1.0, 2.5)
    event = only(body.joints(), "turn")
    assert event.amount == pytest.approx(degrees, rel=0.12)
    assert 0.8 < event.start_s < 1.6
    assert 2.0 < event.end_s < 2.7
    side = "left" if degrees > 0 else "right"
    sentences = [s for seed in range(10) for s in tell(body.joints(), seed=seed).sentences]
    if abs(degrees) < 135:
        assert all(side in s for s in sentences if "turn" in s)
    else:
        assert all("turn" in s and ("around" in s or "180" in s) for s in sentences if "turn" in s)
    assert any("turn" in s for s in sentences)


def test_who_falls_out_of_bed_lay_on_the_bed_before():
    body = Body(5.0)
    body.lean("x", 88.0)
    drop = np.clip((body.time_s - 1.5) / 0.35, 0, 1) ** 2
    body.position[:, 2] = 0.58 - 0.46 * drop
    events = [(e.kind, e.manner) for e in tell(body.joints()).events]
    assert events == [("lie", "bed"), ("fall", "bed"), ("lie", "floor")]


@pytest.mark.parametrize("elbows_rest", [True, False])
def test_two_hands_that_swing_at_once_wave_only_where_the_elbows_rest(elbows_rest):
    body = Body(4.0)
    up = body.ramp(0.5, 1.0) - body.ramp(3.3, 3.8)
    swing = 35 * np.sin(2 * np.pi * 1.5 * (body.time_s - 1.0)) * ((body.time_s > 1.0) & (body.time_s < 3.3))
    for side, sign in (("left", 1), ("right", -1)):
        body.bend(f"{side}_shoulder", "z", sign * (-75 + 75 * up + (0 if elbows_rest else 0.5) * swing))
        body.bend(f"{side}_elbow", "z", sign * (90 * up + swing))
    sides = [event.side for event in tell(body.joints()).events if event.kind == "wave"]
    assert sides == (["both"] if elbows_rest else [])


def test_a_trunk_that_turns_over_planted_feet_is_a_twist():
    events = tell(twisting()).events
    assert [(e.kind, e.side) for e in events if e.kind in ("turn", "twist")] == [("twist", "left")]


def test_a_leg_raised_straight_and_slowly_is_no_kick():
    body = Body(4.0)
    body.bend("left_hip", "x", -75 * (body.ramp(0.8, 1.6) - body.ramp(2.2, 3.0)))
    [raised] = [e for e in tell(body.joints()).events if e.kind in ("lift_leg", "kick")]
    assert (raised.kind, raised.side, raised.manner) == ("lift_leg", "left", "straight")


def lunging(way: tuple[float, float]) -> np.ndarray:
    """Feet far apart along `way` stay; the pelvis sinks towards the one that is ahead, knees bend as they must."""
    body = Body(4.0)
    down = body.ramp(0.8, 1.6) - body.ramp(2.4, 3.2)
    joints = body.joints()
    towards = np.array([*way, 0.0])
    joints += (np.array([0.0, 0.0, -0.12]) + down[:, None] * (0.22 * towards - [0.0, 0.0, 0.2]))[:, None]
    legs = ((1, 4, 7, 10), (2, 5, 8, 11)) if way[1] >= 0 else ((2, 5, 8, 11), (1, 4, 7, 10))
    for side, (hip, knee, ankle, toe) in zip((1.0, -1.0), legs, strict=True):
        to_toe = joints[0, toe] - joints[0, ankle]
        joints[:, ankle] = 0.42 * side * towards + [0.0, 0.06 * side * (1 - abs(way[1])), 0.075]
        joints[:, toe] = joints[:, ankle] + to_toe
        middle = (joints[:, hip] + joints[:, ankle]) / 2
        half = np.linalg.norm(joints[:, hip] - joints[:, ankle], axis=-1) / 2
        joints[:, knee] = middle + np.sqrt(np.maximum(0.39**2 - half**2, 0))[:, None] * [1.0, 0.0, 0.0]
    return joints


@pytest.mark.parametrize(("way", "name"), [((1.0, 0.0), "forward"), ((0.0, 1.0), "left"), ((0.0, -1.0), "right")])
def test_lunges_have_a_way(way, name):
    joints = lunging(way)
    assert only(joints, "lunge").side == name
    assert not {"squat", "walk", "kneel"} & set(kinds(joints))


def test_a_twist_to_and_fro_is_no_turn():
    body = Body(4.0)
    body.yaw_deg = 60 * (body.ramp(1.0, 1.8) - body.ramp(1.9, 2.7))
    assert "turn" not in kinds(body.joints())


@pytest.mark.parametrize(("rate", "side", "clock"), [(60, "left", "counterclockwise"), (-60, "right", "clockwise")])
def test_a_circle_is_no_row_of_turns(rate, side, clock):
    joints = walking(6.0, 1.0, 0, rate).joints()
    event = only(joints, "walk")
    assert event.manner == f"circle_{side}"
    assert "turn" not in kinds(joints)
    sentences = [s for seed in range(20) for s in tell(joints, seed=seed).sentences]
    assert all("circle" in s for s in sentences)
    assert any(re.search(rf"\b{clock}\b", s) for s in sentences)


def test_straight_and_veering_walks_are_told_apart():
    assert only(walking(3.0, 1.2).joints(), "walk").manner == "straight"
    assert only(walking(4.0, 1.2, 0, 12).joints(), "walk").manner == "veer_left"


def test_sitting_down_is_timed_and_then_sat():
    event = only(seated(), "sit_down")
    assert 0.9 < event.start_s < 1.5
    assert 1.8 < event.end_s < 2.4
    assert event.amount == pytest.approx(-0.36, abs=0.05)
    assert only(seated(), "sit").end_s == pytest.approx(4.5, abs=0.1)
    dense = labels(seated())
    assert dense[0] == "standing"
    assert dense[int(1.7 * FPS)] == "sit_down"
    assert set(dense[int(2.6 * FPS) :]) == {"sitting"}
    assert any("sit" in s for s in tell(seated()).sentences)


def test_standing_up_is_sitting_down_backwards():
    joints = seated()[::-1]
    event = only(joints, "stand_up")
    assert event.amount == pytest.approx(0.36, abs=0.05)
    assert "sit_down" not in kinds(joints)
    dense = labels(joints)
    assert dense[0] == "sitting"
    assert dense[int((4.5 - 1.7) * FPS)] == "stand_up"
    assert dense[-1] == "standing"


def test_leaning_forward_on_a_seat_is_still_sitting():
    """Both arms stretched ahead and the trunk inclined: the mass is over the feet, the pelvis rests behind them."""
    body = Body(5.0)
    down = body.ramp(0.8, 1.8) - body.ramp(3.2, 4.2)
    body.lean("x", 35 * down)
    for side in ("left", "right"):
        sign = 1 if side == "left" else -1
        body.bend(f"{side}_hip", "x", -115 * down).bend(f"{side}_knee", "x", 95 * down)
        body.bend(f"{side}_ankle", "x", -18 * down).bend(f"{side}_shoulder", "y", -85 * sign)
    joints = body.grounded()
    f = measure(joints, FPS)
    lowest = int(np.argmin(joints[:, 0, 2]))
    assert f.behind_m[lowest] < SIT_BEHIND_M  # the older rule alone would call it a squat
    events = kinds(joints)
    assert [k for k in events if k in ("sit_down", "sit", "stand_up")] == ["sit_down", "sit", "stand_up"]
    assert "squat" not in events


def test_a_squat_is_not_sitting():
    found = kinds(squatting())
    assert {"squat_down", "rise"} <= set(found)
    assert "sit_down" not in found
    assert "squatting" in labels(squatting())
    assert "sitting" not in labels(squatting())


def test_kneeling():
    assert {"kneel_down", "kneel"} <= set(kinds(kneeling()))
    assert labels(kneeling())[-1] == "kneeling"


@pytest.mark.parametrize(
    ("axis", "sign", "way", "lies"),
    [
        ("x", 1, "forward", "prone"),
        ("x", -1, "backward", "supine"),
        ("z", -1, "left", "left"),
        ("z", 1, "right", "right"),
    ],
)
def test_falls_have_a_way_and_an_end(axis, sign, way, lies):
    # About the body's z (forward) axis a positive angle takes the head to the right, as x is left.
    joints = toppled(axis, sign)
    fall = only(joints, "fall")
    assert fall.side == way
    assert 1.0 < fall.start_s < 1.6
    assert 1.7 < fall.end_s < 2.4
    assert only(joints, "lie").side == lies
    dense = labels(joints)
    assert dense[0] == "standing"
    assert "fall" in dense
    assert dense[-1] == "fallen"
    assert "lie_down" not in kinds(joints)


def test_going_down_slowly_is_lying_down_and_no_fall():
    joints = toppled("x", -1, seconds=4.0)
    found = kinds(joints)
    assert "lie_down" in found
    assert "fall" not in found
    dense = labels(joints)
    assert dense[-1] == "lying"
    assert "fallen" not in dense
    assert "get_up" in kinds(joints[::-1])


def on_all_fours(down, rest_m: float) -> np.ndarray:
    """Onto hands and knees and, as `down` goes to 1, on from there to the floor, propped on the elbows."""
    body = Body(6.0)
    sunk = body.ramp(1.0, 2.3)
    flat = down(body)
    for side in ("left", "right"):
        body.bend(f"{side}_hip", "x", -90 * sunk + 70 * flat)
        body.bend(f"{side}_knee", "x", 90 * sunk - 80 * flat)
    body.lean("x", 94 * sunk - 27 * flat)
    body.position[:, 2] = STAND_M - (STAND_M - 0.44) * sunk - (0.44 - rest_m) * flat
    return body.joints()


def test_who_goes_from_hands_and_knees_onto_the_floor_falls_not():
    joints = on_all_fours(lambda body: np.clip((body.time_s - 4.0) / 0.4, 0, 1), 0.13)
    pelvis, neck = joints[:, JOINT_INDEX["pelvis"], 2], joints[:, JOINT_INDEX["neck"], 2]
    assert -np.diff(pelvis).min() * FPS > 0.6  # as fast as a fall out of bed ...
    assert np.ptp(neck[80:]) < 0.2  # ... of which the neck knows nothing
    assert "fall" not in kinds(joints)
    assert "fall" not in labels(joints)


def test_who_sinks_onto_hands_and_knees_falls_not_however_fast_the_trunk_is():
    joints = on_all_fours(lambda body: np.zeros(body.frames), 0.44)
    assert -np.diff(joints[:, JOINT_INDEX["neck"], 2]).min() * FPS > 1.1
    assert "fall" not in kinds(joints)


@pytest.mark.parametrize(("topple_s", "falls"), [(0.3, True), (1.4, False)])
def test_who_sinks_slowly_and_then_topples_faints(topple_s: float, falls: bool) -> None:
    """The legs fold for 1.6 s, slower than any fall; the trunk goes down on top of that, as fast as it may."""
    body = Body(6.0)
    sunk = np.clip((body.time_s - 1.0) / 1.6, 0, 1)
    over = np.clip((body.time_s - 2.2) / topple_s, 0, 1)
    for side in ("left", "right"):
        body.bend(f"{side}_hip", "x", -60 * sunk)
        body.bend(f"{side}_knee", "x", 120 * sunk)
    body.lean("x", 85 * over)
    body.position[:, 2] = STAND_M - (STAND_M - 0.2) * sunk
    joints = body.joints()
    pelvis, neck = joints[:, JOINT_INDEX["pelvis"], 2], joints[:, JOINT_INDEX["neck"], 2]
    assert -np.diff(pelvis).min() * FPS < 0.6
    assert (-np.diff(neck).min() * FPS > 1.8) == falls
    assert ("fall" in kinds(joints)) == falls
    assert ("fall" in labels(joints)) == falls


@pytest.mark.parametrize("take_off", [1.8, 2.5, 3.0])
def test_a_parabola_is_a_jump_of_its_height(take_off):
    event = only(hop(take_off), "jump")
    assert event.amount == pytest.approx(take_off**2 / (2 * 9.81), abs=0.05)
    assert event.side == "up"
    assert "jump" in labels(hop(take_off))


def test_floating_up_and_down_is_no_jump():
    assert "jump" not in kinds(hop(0.5, gravity=1.0))
    assert "jump" not in kinds(walking(3.0, 1.2).joints())


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_raised_arm(side):
    event = only(arm_raised(side), "raise_arm")
    assert event.side == side
    assert 0.8 < event.start_s < 1.4
    assert "wave" not in kinds(arm_raised(side))
    assert any(f"{side} arm" in s for s in tell(arm_raised(side)).sentences)


def test_both_arms_raised_are_one_event():
    body = Body(3.0)
    body.bend("left_shoulder", "z", -75 + 150 * body.ramp(0.8, 1.4))
    body.bend("right_shoulder", "z", 75 - 150 * body.ramp(0.8, 1.4))
    assert only(body.joints(), "raise_arm").side == "both"


@pytest.mark.parametrize("side", ["left", "right"])
def test_waving(side):
    event = only(waving(side), "wave")
    assert event.side == side
    assert 0.4 < event.start_s < 1.5
    assert 2.5 < event.end_s < 3.8
    assert any("wav" in s for s in tell(waving(side)).sentences)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_hand_at_the_face_is_no_raised_arm(side):
    body = Body(4.0)
    sign = 1 if side == "left" else -1
    up = body.ramp(0.8, 1.5)
    body.bend(f"{side}_shoulder", "z", sign * (-75 + 25 * up)).bend(f"{side}_elbow", "y", -sign * 140 * up)
    body.local[:, JOINT_INDEX[f"{side}_shoulder"]] = (
        about("x", -75 * up) @ body.local[:, JOINT_INDEX[f"{side}_shoulder"]]
    )
    assert only(body.joints(), "hand_to_face").side == side
    assert "raise_arm" not in kinds(body.joints())


def test_thrusts_of_a_fist_are_punches():
    body = Body(3.0)
    out = sum(body.ramp(t, t + 0.2) - body.ramp(t + 0.25, t + 0.5) for t in (0.6, 1.3, 2.0))
    body.bend("right_elbow", "y", 130 * (1 - out))
    body.local[:, JOINT_INDEX["right_shoulder"]] = about("y", 85.0)
    event = only(body.joints(), "punch")
    assert (event.side, event.amount) == ("right", 3)
    assert 0.4 < event.start_s < 0.8
    assert 2.0 < event.end_s < 2.4
    assert "punch" not in kinds(arm_raised("right"))


def test_perched_on_a_high_stool_is_sitting():
    body = Body(4.0)
    for side in ("left", "right"):
        body.bend(f"{side}_hip", "x", -65).bend(f"{side}_knee", "x", 115)
    body.position[:, 2] = 0.82
    joints = body.joints()
    assert joints[:, [10, 11], 2].min() > 0.1
    assert "sit" in kinds(joints)
    assert set(labels(joints)) == {"sitting"}


def test_on_the_edge_of_a_high_bed_with_the_feet_on_the_floor_is_sitting_and_a_half_squat_is_not():
    def bent(hip, knee, lean=0.0):
        body = Body(4.0)
        for name in ("left", "right"):
            body.bend(f"{name}_hip", "x", -hip).bend(f"{name}_knee", "x", knee)
        joints = body.bend("spine1", "x", lean).joints()
        return joints - [0.0, 0.0, joints[..., 2].min()]

    edge = bent(44, 48)  # thighs slope, shanks are nearly upright, the trunk is over the pelvis
    assert edge[:, 0, 2].min() > 0.75
    assert set(labels(edge)) == {"sitting"}
    assert "sitting" not in set(labels(bent(44, 75, 30.0)))  # the mass is over the feet: somebody stands there


@pytest.mark.parametrize("side", ["left", "right"])
def test_kicking(side):
    assert only(kicking(side), "kick").side == side
    assert "kick" not in kinds(walking(3.0, 1.2).joints())


def test_bending_forward():
    event = only(bow(), "bend")
    assert event.side == "forward"
    assert event.amount > 42
    assert 0.8 < event.start_s < 1.5
    assert labels(bow())[int(1.8 * FPS)] == "other"


@pytest.mark.parametrize("rise", [0.8, -0.8])
def test_climbing_is_a_lasting_change_of_support(rise):
    event = only(climbing(rise), "climb")
    assert event.amount == pytest.approx(rise, abs=0.2)
    assert "climb" not in kinds(hop(3.0))


def test_standing_still():
    joints = Body(3.0).joints()
    assert kinds(joints) == ["stand"]
    assert set(labels(joints)) == {"standing"}
    assert all(re.search("stand", s) for s in tell(joints).sentences)


def test_events_are_told_in_order():
    body = Body(8.0)
    body.position[:, 0] = np.minimum(1.2 * body.time_s, 3.0)
    body.yaw_deg = 90 * body.ramp(2.8, 4.0)
    down = body.ramp(5.0, 6.2)
    for side in ("left", "right"):
        body.bend(f"{side}_hip", "x", -85 * down).bend(f"{side}_knee", "x", 85 * down)
    body.position[:, 1] = -0.4 * down
    body.position[:, 2] = STAND_M - 0.36 * down
    told = [s for seed in range(10) for s in tell(body.joints(), seed=seed).sentences]
    full = [s for s in told if re.search("walk|stroll", s) and re.search("left", s) and re.search("seat|sit", s)]
    assert full
    for sentence in full:
        places = [re.search(p, sentence).start() for p in ("walk|stroll", "left", "seat|sit")]
        assert places == sorted(places), sentence


@pytest.mark.parametrize("name", MOTIONS)
def test_sentences_are_clean_and_different(name):
    for seed in range(5):
        sentences = tell(MOTIONS[name](), seed=seed).sentences
        assert 1 <= len(sentences) <= 4
        assert len(set(sentences)) == len(sentences)
        for sentence in sentences:
            assert re.fullmatch(r"[a-z0-9, -]+", sentence), sentence
            assert not re.search(r"  |,,| ,|\b(\w+) \1\b|,$", sentence), sentence
            assert re.match(r"(a person|someone|somebody|a man|a woman|the person) ", sentence), sentence


def test_the_same_generator_gives_the_same_words_and_another_gives_others():
    joints = seated()
    assert tell(joints, seed=1) == tell(joints, seed=1)
    assert tell(joints, seed=1).sentences != tell(joints, seed=2).sentences


def test_subjects_and_wordings_vary():
    sentences = {s for seed in range(30) for s in tell(MOTIONS["walk"](), seed=seed).sentences}
    assert len(sentences) > 15
    assert len({s.split()[1 if s.startswith(("a ", "the ")) else 0] for s in sentences}) >= 4


@pytest.mark.parametrize("name", MOTIONS)
def test_a_mirrored_motion_has_mirrored_words_and_labels(name):
    joints = MOTIONS[name]()
    plain, mirrored = tell(joints), tell(mirror_joints(joints))
    assert tuple(mirror_text(s) for s in plain.sentences) == mirrored.sentences
    np.testing.assert_array_equal(action_labels(joints, FPS), action_labels(mirror_joints(joints), FPS))


@given(st.sampled_from(sorted(MOTIONS)), st.floats(-np.pi, np.pi), st.floats(-20, 20), st.floats(-20, 20))
@settings(max_examples=30, deadline=None)
def test_where_and_which_way_in_the_world_does_not_matter(name, yaw, x, y):
    joints = MOTIONS[name]()
    moved = joints @ Rotation.from_euler("z", yaw).as_matrix().T + np.array([x, y, 0.0])
    assert tell(joints).sentences == tell(moved).sentences


@pytest.mark.parametrize("name", MOTIONS)
def test_the_frame_rate_hardly_matters(name):
    joints = MOTIONS[name]()
    half = np.arange(len(joints) * 2 - 1) / 2
    low, part = np.floor(half).astype(int), half % 1
    high = np.minimum(low + 1, len(joints) - 1)
    dense = joints[low] * (1 - part)[:, None, None] + joints[high] * part[:, None, None]
    main = {"walk", "run", "sit_down", "sit", "fall", "lie", "bend", "raise_arm", "wave", "squat_down", "kneel_down"}
    assert set(kinds(joints)) & main == set(kinds(dense, 2 * FPS)) & main


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_very_short_windows_are_described(frames):
    description = tell(np.tile(Body(1.0).joints()[:1], (frames, 1, 1)))
    assert description.sentences
    assert len(action_labels(Body(1.0).joints()[:frames], FPS)) == frames


@given(st.integers(0, 2**31), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_any_motion_has_words_and_labels(seed, frames):
    joints = np.random.default_rng(seed).normal(scale=0.7, size=(frames, 22, 3)) + [0, 0, 0.8]
    description = tell(joints)
    assert description.sentences
    dense = action_labels(joints, FPS)
    assert dense.shape == (frames,)
    assert dense.min() >= 0
    assert dense.max() < len(ACTIONS)


def test_joints_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected joints of shape \(T, 22, 3\), got \(4, 24, 3\)"):
        tell(np.zeros((4, 24, 3)))


def test_every_kind_that_can_be_told_has_words():
    assert set(SALIENCE) == set(PHRASES)


def test_the_classes_are_those_of_the_benchmark():
    assert len(ACTIONS) == 16
    assert [ACTIONS[k] for k in (0, 1, 2, 6, 9, 14, 15)] == [
        "walk",
        "fall",
        "fallen",
        "lying",
        "other",
        "crawl",
        "jump",
    ]


def test_smoothing_keeps_a_line_and_stretches_are_found():
    line = np.linspace(0, 1, 50)
    np.testing.assert_allclose(smooth(line, 0.25, FPS)[3:-3], line[3:-3], atol=1e-12)
    mask = np.array([0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1], dtype=bool)
    assert runs(mask) == [(1, 3), (4, 7), (10, 11)]
    assert closed(mask, gap=1, shortest=2) == [(1, 7)]


def test_the_rest_pose_of_this_file_stands_on_the_floor():
    joints = Body(0.1).joints()
    assert joints[..., 2].min() == pytest.approx(0.02, abs=1e-9)
    assert REST_OFFSETS_M.shape == (22, 3)
