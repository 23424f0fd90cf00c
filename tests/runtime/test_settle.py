"""Who sits down on the edge of a bed and lies is put with the shins beside it and the body along it, as one piece."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_spheres
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.room_objects import RoomObject
from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector
from motion_preprocessing.scene import Scene
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime import corrections
from motion_runtime import settle as settle_module
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
from motion_runtime.room_bounds import RoomBounds
from motion_runtime.room_solids import Solids
from motion_runtime.settle import MOST, best_move, settle
from motion_runtime.stage import Rest, Use

Array = NDArray[np.float64]
FPS = 20.0
LEVEL_M = 0.5
TOY = Path(__file__).parent / "toy_bundle"


def bed_of(low: tuple[float, float], high: tuple[float, float]) -> Solids:
    """A box from the floor up to `LEVEL_M`, known by its top."""
    x, y = (np.arange(a, b + 1e-9, 0.025) for a, b in zip(low, high, strict=True))
    points = np.stack([*np.meshgrid(x, y, indexing="ij"), np.full((len(x), len(y)), LEVEL_M)], axis=-1).reshape(-1, 3)
    thing = RoomObject(
        1, "bed", "bed", True, np.arange(len(points)), (0.0, 0.0), (1.0, 1.0, 1.0), 0.0, None, (0.0, 0.0), (0.0, 0.0)
    )
    return Solids.of((thing,), points.astype(np.float32))


BED = bed_of((-1.0, -0.5), (1.0, 0.5))
LIES_ALONG_X = Use(
    LEVEL_M,
    Rest((0.0, 0.3), (0.07, 0.2), np.pi / 2),
    (Rest((0.0, 0.0), (0.15, 0.25), 0.0), Rest((0.0, 0.0), (0.15, 0.25), np.pi)),
    True,
)


def turned(joint: str, angle: float, rotations: Array) -> None:
    """Bend a joint about the body's axis from right to left, forward for hips, back for knees."""
    rotations[..., JOINT_INDEX[joint], :, :] = matrix_from_rotation_vector(np.array([angle, 0.0, 0.0]))


def sits_then_lies(turn: float, place: tuple[float, float]) -> tuple[Array, Array]:
    """Sits facing +x for 2 s, then lies on the back with the feet to +y; then turned and moved."""
    rotations = np.tile(np.eye(3), (1, 80, 22, 1, 1))
    root = np.zeros((1, 80, 3))
    root[..., 2] = LEVEL_M + 0.2
    sitting, lying = rotations[:, :40], rotations[:, 40:]
    sitting[..., 0, :, :] = np.array(WORLD_FROM_BODY)
    for side in ("left", "right"):
        turned(f"{side}_hip", -np.pi / 2, sitting)
        turned(f"{side}_knee", np.pi / 2, sitting)
    back = about_z(np.asarray(np.pi / 2)) @ np.array(WORLD_FROM_BODY)
    lying[..., 0, :, :] = back @ np.asarray(matrix_from_rotation_vector(np.array([-np.pi / 2, 0.0, 0.0])))
    about = np.asarray(about_z(np.asarray(turn)))
    rotations[:, :, 0] = about @ rotations[:, :, 0]
    root[..., :2] += place
    return rotations, root


def joints(rotations: Array, root: Array) -> Array:
    return np.asarray(forward_kinematics(rotations, root)[0])


def deepest(found: Array, solids: Solids = BED) -> Array:
    """(T,) metres."""
    centres, radii = body_spheres(found)
    return solids.depth(centres.reshape(-1, 3), np.tile(radii, len(found)))[0].reshape(len(found), -1).max(axis=1)


@pytest.mark.parametrize("turn", [0.0, 2.0, -1.3])
def test_shins_hang_beside_the_bed_and_the_body_lies_along_it(turn: float) -> None:
    rotations, root = sits_then_lies(turn, (0.1, 0.0))
    before = joints(rotations, root)[0]
    found = joints(*settle(rotations, root, [LIES_ALONG_X], BED, None, FPS))[0]
    assert deepest(before)[:40].max() > 0.2
    assert deepest(found)[:40].max() < 0.05
    along = found[-1, 0, :2] - found[-1, JOINT_INDEX["neck"], :2]
    assert abs(np.arctan2(along[1], along[0])) < np.radians(21)  # the head is where it is expected
    assert (np.abs(found[40:, 0, :2]) <= [0.16, 0.26]).all()
    # As one piece: heights stay, and so do the distances between all places at all times.
    np.testing.assert_allclose(found[..., 2], before[..., 2], atol=1e-9)
    pairs = [np.linalg.norm(one[::10, None, :, :2] - one[None, ::10, :, :2], axis=-1) for one in (before, found)]
    np.testing.assert_allclose(pairs[1], pairs[0], atol=1e-9)


def test_who_is_well_placed_or_may_not_be_moved_stays_bit_by_bit() -> None:
    lain = settle(*sits_then_lies(0.0, (0.0, 0.0)), [LIES_ALONG_X], BED, None, FPS)
    for uses, (rotations, root) in (
        ([LIES_ALONG_X], lain),
        ([None], sits_then_lies(0.0, (0.1, 0.0))),
        ([], sits_then_lies(0.0, (0.1, 0.0))),
    ):
        after = settle(rotations, root, uses, BED, None, FPS)
        np.testing.assert_array_equal(after[0], rotations)
        np.testing.assert_array_equal(after[1], root)


def test_who_walks_there_from_a_start_that_was_given_keeps_it() -> None:
    rotations, root = sits_then_lies(0.0, (0.1, 0.0))
    root[:, :10, 2] = 0.93  # up at first
    given = replace(LIES_ALONG_X, start_free=False)
    assert (settle(rotations, root, [given], BED, None, FPS)[1] == root).all()
    assert (settle(rotations, root, [LIES_ALONG_X], BED, None, FPS)[1] != root).any()


def test_what_two_do_together_stays_together() -> None:
    rotations, root = (np.concatenate([part, part]) for part in sits_then_lies(0.0, (0.1, 0.0)))
    for aside, stays in ((0.8, True), (6.0, False)):
        apart = root + np.array([0.0, aside, 0.0]) * np.arange(2)[:, None, None]
        moved = settle(rotations, apart, [LIES_ALONG_X, None], BED, None, FPS)[1]
        assert (moved[0] == apart[0]).all() == stays
        np.testing.assert_array_equal(moved[1], apart[1])


def test_who_does_nothing_with_others_is_moved_beside_them_too_but_not_nearer() -> None:
    rotations, root = (np.concatenate([part, part]) for part in sits_then_lies(0.0, (0.1, 0.0)))
    way = settle(rotations[:1], root[:1], [LIES_ALONG_X], BED, None, FPS)[1][0] - root[0]
    aside = 0.8 * np.array([-way[:, 1].mean(), way[:, 0].mean(), 0.0]) / np.linalg.norm(way[:, :2].mean(axis=0))
    ahead = 0.8 * np.array([aside[1], -aside[0], 0.0]) / 0.8
    for beside, stays in ((aside - 0.1 * ahead, False), (ahead, True)):
        near = root + beside * np.arange(2)[:, None, None]
        moved = settle(rotations, near, [LIES_ALONG_X, None], BED, None, FPS, together=False)[1]
        assert (moved[0] == near[0]).all() == stays
        np.testing.assert_array_equal(moved[1], near[1])


def test_nobody_is_put_through_a_wall() -> None:
    # Best off in the open, they sit at the side y > 0 and lie towards +x; with a wall there, the other way round.
    rotations, root = sits_then_lies(0.0, (0.1, 0.0))
    open_side = joints(*settle(rotations, root, [LIES_ALONG_X], BED, None, FPS))[0][0, JOINT_INDEX["left_knee"], 1]
    grid = np.arange(-5.0, 5.0, 0.1)
    inside = np.tile(grid * np.sign(-open_side) + 0.1, (len(grid), 1))  # the wall is 10 cm beyond the middle
    walls = RoomBounds((-5.0, -5.0), 0.1, inside)
    found = joints(*settle(rotations, root, [LIES_ALONG_X], BED, walls, FPS))[0]
    assert found[0, JOINT_INDEX["left_knee"], 1] * open_side < 0
    assert deepest(found)[:40].max() < 0.05


def test_of_a_long_motion_only_some_frames_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    rotations, root = sits_then_lies(0.4, (0.1, 0.2))
    body = np.repeat(joints(rotations, root)[0], 200, axis=0)  # 800 s
    looked_at: list[int] = []
    spheres = settle_module.body_spheres
    monkeypatch.setattr(settle_module, "body_spheres", lambda j: (looked_at.append(len(j)), spheres(j))[1])
    assert best_move(body, LIES_ALONG_X, BED, None, FPS) is not None
    assert MOST / 2 < looked_at[0] <= MOST


def test_a_generator_settles_bodies_only_where_things_are_solid(monkeypatch: pytest.MonkeyPatch) -> None:
    floor = np.stack(np.meshgrid(*[np.arange(-2, 2, 0.05)] * 2, [0.0]), axis=-1).reshape(-1, 3).astype(np.float32)
    label = np.zeros(len(floor), np.int32)
    scene = Scene(floor, label, label, None, ("floor",), np.eye(4))
    asked: list[object] = []

    def note(rotations: Array, root: Array, uses: object, *_: object, **__: object) -> tuple[Array, Array]:
        asked.append(uses)
        return rotations, root + 1.0

    monkeypatch.setattr(corrections, "settle", note)
    request = GenerationRequest(
        ("stands",), seconds=1.0, steps=2, scene=scene, start_m=(0.0, 0.0), heading_deg=0.0, staged=True,
        uses=((LIES_ALONG_X,),),
    )  # fmt: skip
    toy = Generator.load(TOY, "cpu")
    solid, hollow = (toy.generate(replace(request, solid=one)) for one in (True, False))
    assert asked == [[LIES_ALONG_X]]
    np.testing.assert_allclose(solid.root_position_m, hollow.root_position_m + 1.0, atol=1e-5)
