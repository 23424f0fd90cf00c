"""Hands that hover beside somebody come to be on them: on two stiff bodies, through a generator, and with the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import NAMES, body_capsules, point_segment_distance
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import bone_length_drift_percent
from motion_preprocessing.pose_vector import POSITIONS, VELOCITIES, decode, encode, velocities
from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.editing import Edits, Keyframes
from motion_runtime.editing.arm import REACH_M, palms_m
from motion_runtime.editing.edits import miss_of
from motion_runtime.editing.grips import Grip, find_grips, find_handles
from motion_runtime.editing.hands_on import EASE_S, HandsOn, laid_on
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest

Array = NDArray[np.float64]
FPS = 20.0
FRAMES = 120
REACHES = slice(40, 80)
"""Frames in which the carer's arms are held out; they hang a second before and after."""
TOY = Path(__file__).parents[1] / "toy_bundle"
HELPS = ("a nurse helps a patient stand up", "a patient stands up from a chair with the help of a nurse")


def pair(apart_m: float = 0.6) -> tuple[Array, Array]:
    """A carer who faces a patient who sways, and holds both arms out to them for a while: rotations and pelves."""
    vectors = np.zeros((2, FRAMES, 22, 3))
    t = np.arange(FRAMES)
    u = np.clip(np.minimum(t - REACHES.start + 20, REACHES.stop + 19 - t) / 20, 0.0, 1.0)
    held_out = u**3 * (10 - 15 * u + 6 * u * u)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        # From hanging (about z) to held out before the body (about y).
        vectors[:, :, JOINT_INDEX[f"{side}_shoulder"], 2] = -sign * 1.35
        vectors[0, :, JOINT_INDEX[f"{side}_shoulder"], 2] *= 1 - held_out
        vectors[0, :, JOINT_INDEX[f"{side}_shoulder"], 1] = -sign * 1.2 * held_out
    rotations = np.asarray(matrix_from_rotation_vector(vectors))
    rotations[0, :, 0] = np.array(WORLD_FROM_BODY)
    rotations[1, :, 0] = about_z(np.pi + 0.2 * np.sin(t / 15.0)) @ np.array(WORLD_FROM_BODY)
    root = np.zeros((2, FRAMES, 3))
    root[..., 2] = 0.93
    root[1, :, 0] = apart_m + 0.03 * np.sin(t / 12.0)
    return rotations, root


def kinematics(rotations: Array, root: Array) -> tuple[Array, Array]:
    joints, world = forward_kinematics(rotations, root)
    return np.asarray(joints), np.asarray(world)


def found_grips(rotations: Array, root: Array, holding: NDArray[np.bool_] | None = None) -> list[Grip]:
    mask = np.zeros((2, FRAMES), np.bool_)
    mask[0] = True if holding is None else holding
    return find_grips(*kinematics(rotations, root), mask, FPS)


def off_surface_m(joints: Array, side: str) -> Array:
    """How far the carer's palm is from the patient's capsules, (T,)."""
    capsules = body_capsules(joints[1])
    palm = palms_m(joints[0], side)[:, None]
    gap = point_segment_distance(palm, capsules.starts_m, capsules.ends_m) - capsules.radii_m
    trunk_and_arms = [k for k, name in enumerate(NAMES) if not name.endswith(("head", "head_end", "foot", "foot_end"))]
    return np.asarray(gap[:, trunk_and_arms].min(axis=1))


def test_hands_that_hover_are_laid_on_the_surface_and_stay_at_one_place_of_it() -> None:
    rotations, root = pair()
    before, _ = kinematics(rotations, root)
    grips = found_grips(rotations, root)
    assert [grip.side for grip in grips] == ["left", "right"]
    after, world = kinematics(laid_on(rotations, root, grips, FPS), root)
    for grip in grips:
        stretch = slice(grip.first, grip.last)
        assert grip.first <= REACHES.start + 2
        assert grip.last >= REACHES.stop - 2
        assert off_surface_m(before, grip.side)[REACHES].mean() > 0.15
        np.testing.assert_allclose(off_surface_m(after, grip.side)[stretch], 0.01, atol=0.02)  # pressing a little
        palm = palms_m(after[0], grip.side)[stretch]
        turns = world[1, stretch, grip.joint]
        own = np.einsum("tji,tj->ti", turns, palm - after[1, stretch, grip.joint])
        shoulder = after[0, stretch, JOINT_INDEX[f"{grip.side}_shoulder"]]
        freely = np.linalg.norm(grip.places_m(after, world)[stretch] - shoulder, axis=-1) < 0.95 * REACH_M
        assert freely.mean() > 0.3
        np.testing.assert_allclose(own[freely], np.broadcast_to(grip.place_m, own[freely].shape), atol=1e-6)
        # Where the arm is nearly stretched, the hand stays a little short of it.
        np.testing.assert_allclose(own, np.broadcast_to(grip.place_m, own.shape), atol=0.012)
    assert bone_length_drift_percent(after[0]).max() < 1e-6


def test_nothing_changes_long_before_and_after_and_nothing_of_the_other() -> None:
    rotations, root = pair()
    grips = found_grips(rotations, root)
    after = laid_on(rotations, root, grips, FPS)
    ease = round(EASE_S * FPS)
    first, last = min(grip.first for grip in grips) - ease, max(grip.last for grip in grips) + ease
    assert 0 < first < last < FRAMES
    np.testing.assert_array_equal(after[0, :first], rotations[0, :first])
    np.testing.assert_array_equal(after[0, last:], rotations[0, last:])
    np.testing.assert_array_equal(after[1], rotations[1])
    assert (after[0] != rotations[0]).any()
    np.testing.assert_array_equal(after, laid_on(rotations, root, grips, FPS))


def test_hands_come_and_go_smoothly() -> None:
    rotations, root = pair()
    after = laid_on(rotations, root, found_grips(rotations, root), FPS)
    before, now = (kinematics(turns, root)[0][0] for turns in (rotations, after))
    for side in ("left", "right"):
        palm = palms_m(before, side)
        way = palms_m(now, side) - palm
        most = np.linalg.norm(way, axis=-1).max()
        assert 0.15 < most < 0.45
        # A share s of the way d to the place is taken: the third derivative of s d has Leibniz' four terms. Those of
        # the s with the least jerk (Flash and Hogan 1985), over T, are 15/8 / T, 10/sqrt(3) / T^2 and 60 / T^3 at most.
        v, a, j = (np.linalg.norm(np.diff(palm, n=n, axis=0), axis=-1).max() * FPS**n for n in (1, 2, 3))
        bound = 60 * most / EASE_S**3 + 3 * 10 / 3**0.5 * v / EASE_S**2 + 3 * 15 / 8 * a / EASE_S + j
        assert (np.linalg.norm(np.diff(way, n=3, axis=0), axis=-1) * FPS**3).max() < bound


def test_who_is_too_far_leans_and_reaches_as_far_as_the_arm() -> None:
    rotations, root = pair(0.85)
    joints, world = kinematics(rotations, root)
    place = Grip(0, "left", 1, 45, 75, JOINT_INDEX["spine3"], np.array([0.0, 0.1, 0.14]))
    after, _ = kinematics(laid_on(rotations, root, [place], FPS), root)
    aim = place.places_m(joints, world)[50:70]
    missing = np.linalg.norm(palms_m(joints[0], "left")[50:70] - aim, axis=-1)
    left = np.linalg.norm(palms_m(after[0], "left")[50:70] - aim, axis=-1)
    assert left.max() < missing.min() - 0.05
    neck = JOINT_INDEX["neck"]
    assert (after[0, 60, neck] - joints[0, 60, neck])[0] > 0.03


def test_a_hand_that_has_held_lets_go_of_who_goes_away_slowly() -> None:
    rotations, root = pair()
    rotations[:] = rotations[:, 60:61]
    root[1, :, 0] = 0.5 + np.clip((np.arange(FRAMES) - 60) / 60, 0.0, 1.0) * 0.3  # still within 35 cm in the end
    grips = found_grips(rotations, root)
    assert {grip.side for grip in grips} == {"left", "right"}
    assert all(60 <= grip.last < 115 for grip in grips)


def test_a_grip_on_somebody_who_was_moved_away_is_let_go() -> None:
    rotations, root = pair()
    grips = found_grips(rotations, root)
    root[1, :, 0] += 1.0
    np.testing.assert_array_equal(laid_on(rotations, root, grips, FPS), rotations)


def test_hands_far_away_or_passing_by_hold_nothing() -> None:
    assert not found_grips(*pair(1.8))
    rotations, root = pair()
    root[0, :, 1] = np.linspace(-6.0, 6.0, FRAMES)  # 2 m/s
    assert not found_grips(rotations, root)


def test_arms_are_held_rather_than_the_belly() -> None:
    rotations, root = pair()
    root[0, :, 2] -= 0.25  # hands before the other's belly, as near to it as to the arms
    grips = found_grips(rotations, root)
    assert grips
    assert {grip.joint for grip in grips} <= {
        JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("shoulder", "elbow")
    }


def test_only_while_it_is_said() -> None:
    rotations, root = pair()
    said = np.arange(FRAMES) < 60
    grips = found_grips(rotations, root, said)
    assert grips
    assert max(grip.last for grip in grips) <= 60


def vectors_of(rotations: Array, root: Array) -> Array:
    return np.asarray(encode(rotations, root, FPS))


def test_in_the_loop_pose_vectors_stay_true_to_themselves() -> None:
    x = vectors_of(*pair())
    hands = HandsOn([True, False], FPS, wait=1)
    assert hands(x) is x  # the first step is waited for
    found = hands(x)
    joints = found[..., POSITIONS].reshape(2, FRAMES, 22, 3)
    np.testing.assert_allclose(found[..., VELOCITIES], velocities(joints, FPS).reshape(2, FRAMES, -1), atol=1e-9)
    pose = decode(found)
    own, _ = forward_kinematics(pose.local_rotations, joints[..., 0, :])
    np.testing.assert_allclose(own, joints, atol=1e-6)
    np.testing.assert_array_equal(found[1], x[1])
    grip = hands.grips[0]
    assert off_surface_m(joints, grip.side)[grip.first : grip.last].max() < 0.05


def test_a_hold_does_not_grow_from_step_to_step() -> None:
    x = vectors_of(*pair())
    hands = HandsOn([True, False], FPS, wait=0)
    x = hands(x)
    first = [(grip.first, grip.last) for grip in hands.grips]
    for _ in range(4):
        x = hands(x)
    low, high = min(a for a, _ in first), max(b for _, b in first)
    assert all(low <= grip.first < grip.last <= high for grip in hands.grips)


def test_frames_of_the_window_before_are_its_own_affair() -> None:
    x = vectors_of(*pair())
    hands = HandsOn([True, False], FPS, wait=0, kept=50)
    hands(x)
    assert hands.grips
    assert min(grip.first for grip in hands.grips) >= 50


def test_who_holds_nobody_is_left_alone() -> None:
    x = vectors_of(*pair())
    assert HandsOn([False, False], FPS, wait=0)(x) is x
    grip = Grip(0, "left", 1, 3, 9, 16, np.zeros(3)).moved([2, 5], 30)
    assert (grip.person, grip.other, grip.first, grip.last) == (2, 5, 33, 39)


def test_without_verbs_of_holding_a_motion_is_the_same_to_the_bit() -> None:
    generator = Generator.load(TOY, "cpu")
    request = GenerationRequest(("a person walks", "a person stands"), seconds=1.5, steps=4)
    made = [generator.generate(replace(request, hands=hands)) for hands in (True, False)]
    np.testing.assert_array_equal(made[0].local_rotations, made[1].local_rotations)
    np.testing.assert_array_equal(made[0].joints_m, made[1].joints_m)


def test_what_is_known_of_a_hand_is_met_all_the_same() -> None:
    generator = Generator.load(TOY, "cpu")
    rotations, root = pair()
    wrist = JOINT_INDEX["left_wrist"]
    places = kinematics(rotations, root)[0][:1, 60:61] + np.array([0.0, 0.05, 0.1])
    mask = np.zeros((1, 1, 22), np.bool_)
    mask[..., wrist] = True
    edits = Edits(keyframes=(Keyframes(np.array([60 / FPS]), places, mask),))
    request = GenerationRequest(HELPS, seconds=FRAMES / FPS, steps=1, start_m=(0.0, 0.0), heading_deg=0.0, edits=edits)
    made = replace(generator.predict(request), pose_vectors=vectors_of(rotations, root).astype(np.float32))
    motion = generator.pose(request, replace(made, grips=tuple(found_grips(rotations, root))))
    assert miss_of(edits, motion).position_m < 0.01
    without = generator.pose(request, replace(made, grips=()))
    assert np.linalg.norm(motion.joints_m - without.joints_m, axis=-1)[0, :, wrist].max() > 0.1


def test_with_the_built_in_model_a_carers_hands_hold(default_bundle: Path) -> None:
    generator = Generator.load(default_bundle, "cpu")
    request = GenerationRequest(HELPS, ("staff", "patient"), seconds=4.0, seed=2)
    made = generator.predict(request)
    assert made.grips
    assert {(grip.person, grip.other) for grip in made.grips} == {(0, 1)}
    without = generator.predict(replace(request, hands=False))
    assert without.grips == ()
    joints = generator.pose(request, made).joints_m.astype(np.float64)
    apart = generator.pose(request, without).joints_m.astype(np.float64)
    on = [np.abs(off_surface_m(joints, grip.side)[grip.first : grip.last] - 0.01) for grip in made.grips]
    off = [np.abs(off_surface_m(apart, grip.side)[grip.first : grip.last] - 0.01) for grip in made.grips]
    assert np.median(np.concatenate(on)) < 0.02
    assert np.median(np.concatenate(off)) > 2 * np.median(np.concatenate(on))


def test_hands_on_a_wheelchair_stay_where_its_handles_are() -> None:
    rotations, root = pair()
    joints, world = kinematics(rotations, root)
    handles = find_handles(joints, world, [True, False])
    assert [(grip.person, grip.side, grip.other, grip.first, grip.last, grip.joint) for grip in handles] == [
        (0, "left", 1, 0, FRAMES, 0), (0, "right", 1, 0, FRAMES, 0),
    ]  # fmt: skip
    after, turned = kinematics(laid_on(rotations, root, handles, FPS), root)
    for grip in handles:
        turns = world[1, :, 0]
        own = np.einsum("tji,tj->ti", turns, palms_m(joints[0], grip.side) - joints[1, :, 0])
        np.testing.assert_allclose(grip.place_m, np.median(own, axis=0), atol=1e-12)
        now = np.einsum("tji,tj->ti", turned[1, :, 0], palms_m(after[0], grip.side) - after[1, :, 0])
        assert now.std(axis=0).max() < 0.012 < 0.1 < own.std(axis=0).max()
    assert find_handles(joints, world, [False, False]) == []
    assert find_handles(joints, world, [True, True]) == []  # who pushes sits in none
    away = root + np.array([[[0.0, 0.0, 0.0]], [[3.0, 0.0, 0.0]]])
    assert find_handles(*kinematics(rotations, away), [True, False]) == []


def test_hands_on_a_wheelchair_go_on_from_where_an_earlier_window_has_them() -> None:
    rotations, root = pair()
    x = vectors_of(rotations, root)
    hands = HandsOn([False, False], FPS, wait=0, kept=20, wheels=[True, False])
    made = hands(x)
    assert [(grip.first, grip.last) for grip in hands.grips] == [(20, FRAMES)] * 2
    np.testing.assert_allclose(made[:, :6], x[:, :6], atol=1e-9)  # until hands come
    later = find_handles(*kinematics(rotations[:, 20:], root[:, 20:]), [True, False])
    for grip, other in zip(hands.grips, later, strict=True):
        np.testing.assert_allclose(grip.place_m, other.place_m, atol=1e-6)
    near, far = np.full(3, 0.1), np.array([0.0, 0.0, 2.0])
    known = {(0, "left", 1): later[0].place_m + near, (0, "right", 1): later[1].place_m + far}
    hands = HandsOn([False, False], FPS, 0, 20, [True, False], known)
    hands(x)
    np.testing.assert_array_equal(hands.handles[0].place_m, known[0, "left", 1])
    np.testing.assert_allclose(hands.handles[1].place_m, later[1].place_m, atol=1e-6)


def test_with_the_built_in_model_handles_stay_from_window_to_window(default_bundle: Path) -> None:
    generator = Generator.load(default_bundle, "cpu")
    prompts = ("a nurse pushes a wheelchair", "a patient sits in a wheelchair that is pushed")
    request = GenerationRequest(prompts, ("staff", "patient"), seconds=11.0, seed=3)
    (_, later) = generator.windows_of(request)
    motion = generator.generate(request)
    joints, world = kinematics(motion.local_rotations.astype(np.float64), motion.root_position_m.astype(np.float64))
    for side in ("left", "right"):
        own = np.einsum("tji,tj->ti", world[1, :, 0], palms_m(joints[0], side) - joints[1, :, 0])
        assert np.linalg.norm(own[: later.first].mean(axis=0) - own[later.start :].mean(axis=0)) < 0.05


def test_with_the_built_in_model_a_wheelchair_has_its_pusher(default_bundle: Path) -> None:
    generator = Generator.load(default_bundle, "cpu")
    prompts = ("a nurse pushes a wheelchair", "a patient sits in a wheelchair that is pushed")
    request = GenerationRequest(prompts, ("staff", "patient"), seconds=4.0, seed=2)
    shaking = []
    for hands in (True, False):
        motion = generator.generate(replace(request, hands=hands))
        joints, world = kinematics(motion.local_rotations.astype(np.float64), motion.root_position_m.astype(np.float64))
        palms = [
            np.einsum("tji,tj->ti", world[1, :, 0], palms_m(joints[0], side) - joints[1, :, 0])
            for side in ("left", "right")
        ]
        shaking.append(float(np.mean([palm.std(axis=0).max() for palm in palms])))
    assert shaking[0] < 0.015
    assert shaking[1] > 2 * shaking[0]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_place_lies_on_the_side_where_the_hand_is(side: str) -> None:
    rotations, root = pair()
    joints, world = kinematics(rotations, root)
    grip = next(grip for grip in found_grips(rotations, root) if grip.side == side)
    middle = (grip.first + grip.last) // 2
    place = grip.places_m(joints, world)[middle]
    palm = palms_m(joints[0], side)[middle]
    assert place[0] < joints[1, middle, grip.joint, 0] + 0.01  # before the patient, where the carer is
    assert np.linalg.norm(place - palm) < 0.3
