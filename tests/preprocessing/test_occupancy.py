"""Free floor of rooms drawn by hand."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from motion_preprocessing.errors import InputError
from motion_preprocessing.occupancy import FreeSpace, distance_to
from motion_preprocessing.ply import read_ply
from motion_preprocessing.scene import Scene, load_scene

EXAMPLES = Path(__file__).parents[2] / "examples"


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)), share=st.floats(0.0, 0.3), far=st.sampled_from([0.5, 99.0])
)
def test_distance_transform_agrees_with_scipy(shape: tuple[int, int], share: float, far: float) -> None:
    seeds = np.random.default_rng(len(str(share))).random(shape) < share
    expected = np.full(shape, far)
    if seeds.any():
        expected = np.minimum(ndimage.distance_transform_edt(~seeds) * 0.1, far)
    np.testing.assert_allclose(distance_to(seeds, 0.1, far_m=far), expected, atol=1e-12)


def scene_of(*parts: np.ndarray, labels: np.ndarray | None = None) -> Scene:
    points = np.concatenate(parts).astype(np.float32)
    unknown = np.full(len(points), -1, dtype=np.int32)
    return Scene(points, unknown if labels is None else labels, unknown, None, ("floor", "rug", "bed"), np.eye(4))


def block(low: tuple[float, float, float], high: tuple[float, float, float], spacing: float = 0.04) -> np.ndarray:
    axes = [np.arange(a, b + spacing / 2, spacing) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


FLOOR = block((0, 0, 0), (4, 3, 0))
WALLS = np.concatenate(
    [block((0, 0, 0), (4, 0, 2.4)), block((0, 3, 0), (4, 3, 2.4)), block((0, 0, 0), (0, 3, 2.4)),
     block((4, 0, 0), (4, 3, 2.4))]
)  # fmt: skip
BED = block((2.5, 1.5, 0.2), (3.9, 2.9, 0.5))
LAMP = block((0.9, 1.4, 2.0), (1.1, 1.6, 2.2))


def test_clearance_is_the_distance_to_walls_and_furniture() -> None:
    space = FreeSpace.from_scene(scene_of(FLOOR, WALLS, BED))
    x, y = np.array([1.2, 2.0, 2.2, 3.2, 3.2, -3.0, 2.0]), np.array([1.5, 0.8, 2.0, 2.2, 1.0, 1.0, 9.0])
    expected = [1.2, 0.8, 0.3, 0.0, 0.5, 0.0, 0.0]
    np.testing.assert_allclose(space.clearance(x, y), expected, atol=0.11)
    # 0.3 m off walls and bed: (4 - 0.6) (3 - 0.6) less the bed with its margin.
    assert space.free.sum() * 0.01 == pytest.approx(3.4 * 2.4 - 1.5 * 1.5, rel=0.12)


def test_what_is_over_the_head_or_a_doorstep_is_no_obstacle() -> None:
    bare = FreeSpace.from_scene(scene_of(FLOOR, WALLS))
    with_lamp = FreeSpace.from_scene(scene_of(FLOOR, WALLS, LAMP, block((2, 1, 0), (2.1, 2, 0.06))))
    np.testing.assert_array_equal(bare.free, with_lamp.free)
    lower = FreeSpace.from_scene(scene_of(FLOOR, WALLS, LAMP), body_height=(0.1, 2.1))
    assert lower.free.sum() < bare.free.sum()


def test_noise_above_the_floor_is_no_obstacle() -> None:
    rng = np.random.default_rng(0)
    noisy = np.repeat(FLOOR, 4, axis=0)
    noisy = noisy + rng.normal(scale=0.05, size=noisy.shape) * [0, 0, 1]
    labels = np.concatenate([np.zeros(len(noisy), np.int32), np.full(len(WALLS), -1, np.int32)])
    unlabelled = FreeSpace.from_scene(scene_of(noisy, WALLS))
    labelled = FreeSpace.from_scene(scene_of(noisy, WALLS, labels=labels))
    exact = FreeSpace.from_scene(scene_of(FLOOR, WALLS))
    assert labelled.free.sum() == pytest.approx(exact.free.sum(), rel=0.05)
    assert unlabelled.free.sum() == pytest.approx(exact.free.sum(), rel=0.05)


def test_holes_in_the_floor_are_closed_but_no_floor_is_made_up_outside() -> None:
    hole = FLOOR[np.hypot(FLOOR[:, 0] - 2, FLOOR[:, 1] - 1.5) > 0.3]
    space = FreeSpace.from_scene(scene_of(hole))
    assert space.clearance(2.0, 1.5) > 1.2
    assert space.clearance(4.3, 1.5) == 0.0
    wide = FLOOR[np.hypot(FLOOR[:, 0] - 2, FLOOR[:, 1] - 1.5) > 0.9]
    assert FreeSpace.from_scene(scene_of(wide)).clearance(2.0, 1.5) == 0.0


def test_free_run_ends_a_body_before_the_wall() -> None:
    space = FreeSpace.from_scene(scene_of(FLOOR, WALLS, BED))
    np.testing.assert_allclose(space.free_run(0.5, 0.75, 0.0), 3.2, atol=0.15)
    np.testing.assert_allclose(space.free_run(0.5, 2.2, 0.0), 1.7, atol=0.15)
    np.testing.assert_allclose(space.free_run(0.5, 0.75, np.array([np.pi / 2, np.pi])), [1.95, 0.2], atol=0.15)
    assert space.free_run(3.0, 2.0, 0.0) == 0.0  # inside the bed


def test_only_the_floor_one_can_walk_to_counts() -> None:
    island = block((6, 0, 0), (7.2, 1.2, 0))
    space = FreeSpace.from_scene(scene_of(FLOOR, WALLS, island))
    assert space.clearance(6.6, 0.6) > 0.4
    i, j = (round((v - o) / space.cell_m) for v, o in zip((6.6, 0.6), space.origin_m, strict=True))
    assert not space.free[i, j]


def test_rooms_without_free_floor() -> None:
    assert not FreeSpace.from_scene(scene_of(FLOOR, block((0, 0, 0.2), (4, 3, 0.5), 0.05))).free.any()
    with pytest.raises(InputError, match="points on the floor"):
        FreeSpace.from_scene(scene_of(BED))


def test_example_room_has_room_to_walk() -> None:
    space = FreeSpace.from_scene(load_scene(EXAMPLES / "ward.ply"))
    i, j = np.argwhere(space.free).T
    x, y = space.origin_m[0] + i * space.cell_m, space.origin_m[1] + j * space.cell_m
    assert max(space.free_run(x, y, yaw).max() for yaw in np.arange(16) * (np.pi / 8)) >= 3.0
    # Two by three metres and more, clear of furniture.
    free = space.clearance_m > 0
    area = np.array([round(2.0 / space.cell_m), round(3.0 / space.cell_m)])
    windows = [np.lib.stride_tricks.sliding_window_view(free, tuple(a)) for a in (area, area[::-1])]
    assert any(w.all(axis=(2, 3)).any() for w in windows)
    assert space.clearance(3.3, 4.2) == 0.0  # the bed


@pytest.mark.slow
def test_example_room_is_what_its_script_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["make_ward.py", str(tmp_path / "ward.ply")])
    runpy.run_path(str(EXAMPLES / "make_ward.py"), run_name="__main__")
    made, kept = read_ply(tmp_path / "ward.ply"), read_ply(EXAMPLES / "ward.ply")
    assert made.comments == kept.comments
    for name, column in kept.properties.items():
        np.testing.assert_allclose(made.properties[name], column, atol=1e-6)


def test_example_room_is_small_and_says_what_its_labels_mean() -> None:
    path = EXAMPLES / "ward.ply"
    assert path.stat().st_size < 2_000_000
    ply = read_ply(path)
    assert list(ply.properties) == ["x", "y", "z", "red", "green", "blue", "label", "instance"]
    for number in np.unique(ply.properties["label"]):
        assert any(comment.startswith(f"label {number} ") for comment in ply.comments)
