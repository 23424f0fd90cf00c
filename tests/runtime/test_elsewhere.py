"""Whose way leads through a bed goes the same way elsewhere; everybody else stays where they are, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_spheres
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.room_objects import RoomObject
from motion_preprocessing.scene import Scene
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime import corrections
from motion_runtime.elsewhere import FARTHEST_M, companies, elsewhere
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
from motion_runtime.room_bounds import RADIUS_M, RoomBounds
from motion_runtime.room_solids import Solids

Array = NDArray[np.float64]
FPS = 20.0
TOY = Path(__file__).parent / "toy_bundle"


def bed() -> Solids:
    """A box of 2 m x 1 m x 0.6 m about the origin, known by its top."""
    x, y = np.arange(-1.0, 1.01, 0.025), np.arange(-0.5, 0.51, 0.025)
    points = np.stack([*np.meshgrid(x, y, indexing="ij"), np.full((len(x), len(y)), 0.6)], axis=-1).reshape(-1, 3)
    thing = RoomObject(
        1, "bed", "bed", True, np.arange(len(points)), (0.0, 0.0), (1.0, 1.0, 1.0), 0.0, None, (0.0, 0.0), (0.0, 0.0)
    )
    return Solids.of((thing,), points.astype(np.float32))


BED = bed()


def walks(*ways: tuple[float, float]) -> tuple[Array, Array]:
    """Bodies upright that glide along y from (x, y) for two metres in 2 s: pose and pelvis."""
    rotations = np.tile(np.eye(3), (len(ways), 40, 22, 1, 1))
    rotations[..., 0, :, :] = np.array(WORLD_FROM_BODY)
    root = np.zeros((len(ways), 40, 3))
    root[..., :2] = np.array(ways)[:, None]
    root[..., 1] += np.linspace(0.0, 2.0, 40)
    root[..., 2] = 0.93
    return rotations, root


def deepest(rotations: Array, root: Array) -> float:
    """How deep any body ever is in the bed, metres."""
    centres, radii = body_spheres(np.asarray(forward_kinematics(rotations, root)[0]).reshape(-1, 22, 3))
    return float(BED.depth(centres.reshape(-1, 3), np.tile(radii, len(centres)))[0].max())


def gaps(root: Array) -> Array:
    """Distances between all places at all times."""
    places = root.reshape(-1, 3)
    return np.asarray(np.linalg.norm(places[:, None] - places[None], axis=-1))


def test_a_way_through_a_bed_is_gone_beside_it_as_one_piece() -> None:
    rotations, root = walks((0.3, -1.0))
    after = elsewhere(rotations, root, BED, None, FPS)
    assert deepest(rotations, root) > 0.1
    assert deepest(*after) < 0.05
    np.testing.assert_allclose(gaps(after[1]), gaps(root), atol=1e-9)
    np.testing.assert_array_equal(after[1][..., 2], root[..., 2])
    assert np.linalg.norm(after[1][0, 0] - root[0, 0]) <= FARTHEST_M + 1e-9
    np.testing.assert_array_equal(after[0][:, :, 1:], rotations[:, :, 1:])
    # Where the pelvis goes is where the body faces, as before.
    way, facing = after[1][0, -1] - after[1][0, 0], after[0][0, 0, 0] @ np.array(WORLD_FROM_BODY).T @ [0.0, 2.0, 0.0]
    np.testing.assert_allclose(way, facing, atol=1e-9)


def test_who_is_pushed_goes_along_and_who_is_far_stays() -> None:
    rotations, root = walks((0.0, -1.6), (0.0, -0.9), (4.0, -1.0))
    after = elsewhere(rotations, root, BED, None, FPS)
    np.testing.assert_array_equal(after[1][2], root[2])
    assert (after[1][:2] != root[:2]).any()
    np.testing.assert_allclose(gaps(after[1][:2]), gaps(root[:2]), atol=1e-9)
    assert deepest(*after) < 0.05


def test_who_goes_through_nothing_stays_bit_by_bit() -> None:
    for ways in (((2.0, -1.0),), ((2.0, -1.0), (2.6, -1.0))):
        rotations, root = walks(*ways)
        after = elsewhere(rotations, root, BED, None, FPS)
        np.testing.assert_array_equal(after[0], rotations)
        np.testing.assert_array_equal(after[1], root)


def test_nobody_goes_through_a_wall_instead() -> None:
    rotations, root = walks((0.3, -1.0))
    free = elsewhere(rotations, root, BED, None, FPS)[1][0]
    aside = np.sign(free[20, 0] - 0.3)
    grid = np.arange(-5.0, 5.0, 0.1)
    room_m = 0.8 - aside * (grid - 0.3)  # a wall 0.8 m beside the way, on the side that they went to
    walls = RoomBounds((-5.0, -5.0), 0.1, np.tile(room_m[:, None], (1, len(grid))))
    held = elsewhere(rotations, root, BED, walls, FPS)
    assert (walls.distance(free[:, :2])[0] < 0).any()
    assert (walls.distance(held[1][0, :, :2])[0] > RADIUS_M - 0.05).all()
    assert deepest(*held) < 0.05


def test_nobody_goes_into_anothers_reach_instead() -> None:
    rotations, root = walks((0.3, -1.0), (0.0, 0.0))
    alone = elsewhere(rotations[:1], root[:1], BED, None, FPS)[1][0]
    far = np.linalg.norm(alone[:, None] - root[0], axis=-1).min(axis=1)
    root[1] = alone[far.argmax()]  # somebody stands where the way would lead
    assert companies(root) == [[0], [1]]
    np.testing.assert_array_equal(elsewhere(rotations, root, BED, None, FPS)[1], root)


def test_companies_hang_together_by_those_between() -> None:
    root = np.zeros((4, 5, 3))
    root[:, :, 0] = np.array([0.0, 1.6, 0.8, 9.0])[:, None]
    assert companies(root) == [[0, 1, 2], [3]]


@pytest.mark.parametrize("told", [False, True])
def test_a_generator_moves_only_whom_nobody_told_where_to_start(monkeypatch: pytest.MonkeyPatch, told: bool) -> None:
    floor = np.stack(np.meshgrid(*[np.arange(-2, 2, 0.05)] * 2, [0.0]), axis=-1).reshape(-1, 3).astype(np.float32)
    label = np.zeros(len(floor), np.int32)
    scene = Scene(floor, label, label, None, ("floor",), np.eye(4))
    asked: list[int] = []

    def note(rotations: Array, root: Array, *_: object) -> tuple[Array, Array]:
        asked.append(len(root))
        return rotations, root + [1.0, 0.0, 0.0]

    monkeypatch.setattr(corrections, "elsewhere", note)
    start = (0.0, 0.0) if told else None
    request = GenerationRequest(("a person walks",), seconds=1.0, steps=2, scene=scene, start_m=start)
    toy = Generator.load(TOY, "cpu")
    toy.generate(request)
    toy.generate(toy.staged(request))  # as the command and jobs do
    assert asked == ([] if told else [1, 1])
    toy.generate(replace(request, solid=False))
    assert len(asked) == (0 if told else 2)
