"""The benchmark of people at furniture: what counts as a good start, and intervals of paired differences."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.furnishing.rooms import HeldOutRoom, held_out_room
from motion_preprocessing.skeleton import WORLD_FROM_BODY


@pytest.fixture(scope="module")
def furniture(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("furniture")


@pytest.fixture(scope="module")
def room() -> HeldOutRoom:
    """A room with a chair."""
    return held_out_room(0)


def standing(*places: tuple[float, float]) -> NDArray[np.float64]:
    """People (P, 5, 22, 3) in the rest pose."""
    from motion_preprocessing.kinematics import forward_kinematics

    rotations = np.tile(np.eye(3), (len(places), 5, 22, 1, 1))
    rotations[:, :, 0] = np.array(WORLD_FROM_BODY)
    root = np.tile(np.array([(*place, 0.93) for place in places])[:, None], (1, 5, 1))
    return np.asarray(forward_kinematics(rotations, root)[0])


def test_what_counts_as_a_good_start(furniture: ModuleType, room: HeldOutRoom) -> None:
    seat = room.support("seat")
    assert seat is not None
    before = seat.approach_m
    far = before[0] + 0.3, before[1] + 0.9

    def well(*places: tuple[float, float], prompt: str = "a person sits down on the chair") -> tuple[bool, ...]:
        return tuple(furniture.starts_well(room, standing(*places), 0, prompt, "chair"))

    assert well(before, far) == (True, True, True)
    assert well(before, (before[0], before[1] + 0.3)) == (True, True, False)
    assert well(before, far, prompt="a person walks to the chair")[0] is False  # there already
    other = next(placed for placed in room.placed if placed.object_class != "chair")
    assert well(other.origin_m, before)[1] is False
    assert well((room.size_m[0], 0.0), before)[:2] == (False, False)


def test_the_interval_is_of_the_difference_and_paired(furniture: ModuleType) -> None:
    rng = np.random.default_rng(0)
    without = rng.normal(size=300)
    low, high = furniture.interval(np.stack([without, without + 0.2]))
    assert (low, high) == pytest.approx((0.2, 0.2))  # pairs move together
    noise = rng.normal(size=300)
    low, high = furniture.interval(np.stack([without, without + noise]))
    spread = 1.96 * noise.std() / np.sqrt(300)
    assert (low, high) == pytest.approx((noise.mean() - spread, noise.mean() + spread), abs=0.02)
    assert np.isnan(furniture.interval(np.full((2, 3), np.nan))).all()


def test_what_is_asked_of_a_room(furniture: ModuleType, room: HeldOutRoom) -> None:
    asked = furniture.requests(0, room, 1)
    assert [kind for kind, _, _ in asked] == ["seat_before", "seat_anywhere", "seat_walk"]
    assert asked[0][2].start_m is not None
    assert asked[1][2].start_m is None
    assert [names for _, names in furniture.pairs(room)] == [("chair", "chair")] * 2
