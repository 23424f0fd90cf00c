"""Falls' benchmark: how fast a body sinks and for how long, against closed forms, and how deep it is in a bed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.scene import load_scene
from motion_preprocessing.skeleton import JOINT_COUNT, WORLD_FROM_BODY
from motion_runtime import GenerationRequest, Generator
from motion_runtime.above_floor import LOWEST
from motion_runtime.placement import Room

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"


@pytest.fixture(scope="module")
def falls(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("falls")


def body(root_m: np.ndarray) -> np.ndarray:
    """Joints (T, 22, 3) of a straight body whose pelvis is at (T, 3)."""
    rotations = np.tile(np.eye(3), (len(root_m), JOINT_COUNT, 1, 1))
    rotations[:, 0] = WORLD_FROM_BODY
    return np.asarray(forward_kinematics(rotations, root_m)[0])


@pytest.mark.parametrize("speed_m_s", [1.0, 2.0])
def test_a_pelvis_that_sinks_evenly(falls: ModuleType, speed_m_s: float) -> None:
    fps, drop = 20.0, 0.8
    height = 0.95 - np.clip((np.arange(120) / fps - 2.0) * speed_m_s, 0.0, drop)
    speed, seconds, begins, impact = falls.descent_of(body(np.stack([0 * height, 0 * height, height], axis=-1)), fps)
    assert speed == pytest.approx(speed_m_s)
    assert seconds == pytest.approx(drop / speed_m_s, abs=2 / fps)
    assert begins == pytest.approx(40, abs=1)
    assert impact - begins == round(seconds * fps)
    assert falls.descent_of(body(np.tile([0.0, 0.0, 0.95], (120, 1))), fps) is None


def test_falls_without_what_changes_their_time_are_those_of_a_bundle_that_changes_none(falls: ModuleType) -> None:
    built_in = Generator.load(None, "cpu")
    request = GenerationRequest(("a person falls backward",), seconds=3.0, seed=3)
    made = built_in.predict(request)
    timed, untimed = (falls.posed(built_in, request, made, timed=timed).joints_m for timed in (True, False))
    manifest = replace(built_in.bundle.manifest, fall_speed=1.0, fall_offset_m_s=0.0)
    even = Generator(replace(built_in.bundle, manifest=manifest), built_in.provider)
    assert np.abs(timed - untimed).max() > 0.01
    # That time runs out at rest is left out too, so the fall alone is compared.
    fall = slice(0, 30)
    np.testing.assert_allclose(untimed[:, fall], even.pose(request, made).joints_m[:, fall], atol=1e-3)


def test_who_stands_in_a_bed_is_inside_and_who_stands_beside_it_is_not(falls: ModuleType) -> None:
    room = Room(load_scene(WARD))
    bed = next(thing for thing in room.scene.furniture if thing.object_class == "bed")
    inside = body(np.tile([*bed.centre_m, 0.95], (4, 1)))
    assert falls.inside(inside, room) == 1.0
    assert falls.inside(inside - [0.0, 2.0, 0.0], room) == 0.0


def lying(height_m: np.ndarray) -> np.ndarray:
    """Joints (T, 22, 3) of a straight body on its back, the lowest of its trunk so high over where it lies."""
    joints = body(np.zeros((len(height_m), 3)))[..., [2, 1, 0]] * [1.0, 1.0, -1.0]
    return joints + np.array([0.0, 0.0, 1.0]) * (height_m - (joints[0, :, 2] - LOWEST).min())[:, None, None]


def test_who_hangs_in_the_air_and_for_how_long(falls: ModuleType) -> None:
    fps = 20.0
    hangs = np.zeros(80)
    hangs[20:33] = 0.1
    # Thrown up and dropped at once: by differences over a tenth of a second two frames at either end fall freely.
    assert falls.hangs_s(lying(hangs), fps) == pytest.approx((13 - 4) / fps)
    assert falls.hangs_s(lying(0.7 * hangs), fps) == 0.0
    flies = np.maximum(0.0, 0.6 - 0.5 * 9.81 * (np.arange(80) / fps) ** 2)
    assert falls.hangs_s(lying(flies), fps) <= 1 / fps  # the frame of the impact is braked


def test_heights_of_who_lies(falls: ModuleType) -> None:
    found = falls.at_rest_m(lying(np.full(20, 0.05)), 20.0)
    assert found["trunk_m"] == pytest.approx(0.05)
    flat = lying(np.zeros(1))[0, :, 2]
    assert found["pelvis_m"] == pytest.approx(flat[0] + 0.05)
    assert found["ankle_m"] == pytest.approx(flat[7] + 0.05)
