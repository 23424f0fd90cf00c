"""Falls' benchmark: how fast a body sinks and for how long, against closed forms, and how deep it is in a bed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.scene import load_scene
from motion_preprocessing.skeleton import JOINT_COUNT, WORLD_FROM_BODY
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


def test_who_stands_in_a_bed_is_inside_and_who_stands_beside_it_is_not(falls: ModuleType) -> None:
    room = Room(load_scene(WARD))
    bed = next(thing for thing in room.scene.furniture if thing.object_class == "bed")
    inside = body(np.tile([*bed.centre_m, 0.95], (4, 1)))
    assert falls.inside(inside, room) == 1.0
    assert falls.inside(inside - [0.0, 2.0, 0.0], room) == 0.0
