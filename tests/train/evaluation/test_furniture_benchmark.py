"""The benchmark of people at furniture: what counts as a good start, and intervals of paired differences."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.furnishing.rooms import HeldOutRoom, held_out_room
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.motion import GenerationRequest


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


def test_company_counts_where_there_are_a_bed_and_a_seat(furniture: ModuleType, room: HeldOutRoom) -> None:
    """Somebody on the mattress, somebody beside the seat, and further people who stand on one spot."""
    both = held_out_room(2)
    bed, seat = both.support("mattress"), both.support("seat")
    assert bed is not None
    assert seat is not None
    asked: list[tuple[str, ...]] = []

    def generate(request: GenerationRequest) -> SimpleNamespace:
        asked.append(request.prompts)
        joints = np.repeat(standing(bed.centre_m, seat.approach_m, *[(0.0, 9.0)] * (request.persons - 2)), 4, axis=1)
        joints[0, ..., 2] -= bed.gap_m(joints[0])[:, None]  # down until it touches
        return SimpleNamespace(joints_m=joints, fps=20.0)

    found = furniture.measure_company(SimpleNamespace(generate=generate), [room, both], 2)
    assert list(found) == ["2", "3", "4"]
    assert {len(prompts) for prompts in asked} == {2, 3, 4}
    assert all("bed" in prompts[0] and seat.object_class in prompts[1] for prompts in asked)
    assert [row["motions"] for row in found.values()] == [2, 2, 2]  # the first room has no bed
    assert [row["contact"] for row in found.values()] == [0.5, 0.5, 0.5]
    assert [row["overlap"] for row in found.values()] == [0.0, 0.0, 1.0]
