"""Clouds from depth: places that are known, fusion across key frames, thinning, strays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.depth.cloud import (
    KeyFrame,
    PointCloud,
    back_project,
    fuse_key_frames,
    hanging_pixels,
    join,
    remove_outliers,
    voxel_downsample,
    write_cloud,
)
from motion_preprocessing.errors import InputError
from motion_preprocessing.scene_file import read_scene_file

CAMERA = Intrinsics(200.0, 210.0, 82.0, 59.0, 160, 120)


def _plane(normal: tuple[float, float, float], offset: float) -> np.ndarray:
    """Depth (120, 160) of the plane normal.p + offset = 0."""
    return -offset / (CAMERA.rays() @ np.array(normal))


def test_pixels_become_the_points_they_show() -> None:
    depth = np.full((120, 160), np.nan)
    depth[10, 20], depth[100, 150] = 2.0, 3.0
    image = np.zeros((120, 160, 3), np.uint8)
    image[10, 20] = (10, 20, 30)
    labels = np.arange(120 * 160, dtype=np.int32).reshape(120, 160)
    cloud = back_project(depth, CAMERA, image=image, labels=labels)
    expected = [(2 * (20.5 - 82) / 200, 2 * (10.5 - 59) / 210, 2), (3 * (150.5 - 82) / 200, 3 * (100.5 - 59) / 210, 3)]
    np.testing.assert_allclose(cloud.points_m, expected, rtol=1e-12)
    np.testing.assert_allclose(CAMERA.project(cloud.points_m), [(20.5, 10.5), (150.5, 100.5)], rtol=1e-12)
    assert cloud.colors.tolist() == [[10, 20, 30], [0, 0, 0]]
    assert cloud.labels.tolist() == [10 * 160 + 20, 100 * 160 + 150]
    assert cloud.instances.tolist() == [-1, -1]


def test_masks_of_another_size_and_empty_maps_are_refused() -> None:
    depth = np.ones((120, 160))
    with pytest.raises(InputError, match="expected 160 x 120 pixels, got 80 x 60 for the labels of a key frame"):
        back_project(depth, CAMERA, labels=np.zeros((60, 80), np.int32))
    with pytest.raises(InputError, match="got 160 x 119 for the hidden"):
        KeyFrame(depth, np.zeros((119, 160), np.bool_))
    with pytest.raises(InputError, match="expected depths above 0, got none"):
        back_project(np.zeros((120, 160)), CAMERA)
    with pytest.raises(InputError, match="expected key frames of one size"):
        fuse_key_frames([], CAMERA)


def test_only_jumps_hang_in_the_air() -> None:
    floor = _plane((0.0, -1.0, 0.0), 1.6)
    floor[floor <= 0] = np.nan
    # Seen at a few degrees, depth changes by a quarter from one row to the next, and still nothing hangs.
    rows = floor[62:, 0]
    assert np.max(np.abs(np.diff(rows)) / rows[1:]) > 0.2
    assert not hanging_pixels(floor)[62:].any()
    stepped = np.full((120, 160), 4.0)
    stepped[:, 80:] = 2.0
    stepped[:, 80] = 3.0  # an estimator's bridge
    hanging = hanging_pixels(stepped)
    assert hanging[:, 80].all()
    assert not hanging[:, :78].any()
    assert not hanging[:, 83:].any()


def test_fused_key_frames_show_the_room_behind_the_people() -> None:
    rng = np.random.default_rng(0)
    wall = _plane((0.1, 0.0, -1.0), 4.0)
    frames = []
    for k in range(5):
        depth = wall * (1 + 0.03 * rng.standard_normal(wall.shape))
        hidden = np.zeros(wall.shape, np.bool_)
        hidden[30:90, 20 * k : 20 * k + 40] = True
        depth[hidden] = 2.0
        image = np.full((*wall.shape, 3), 200, np.uint8)
        image[hidden] = 0
        labels = np.full(wall.shape, 2, np.int32)
        labels[hidden] = -1
        frames.append(KeyFrame(depth, hidden, image, labels))
    room = fuse_key_frames(frames, CAMERA)
    assert room.seen.min() >= 3
    assert np.abs(room.depth_m / wall - 1).mean() < 0.6 * 0.03 * np.sqrt(2 / np.pi)
    assert np.abs(room.depth_m / wall - 1).max() < 0.12
    assert np.all(room.cloud.colors == 200)
    assert np.all(room.cloud.labels == 2)
    drawn = 0.03 * rng.standard_normal((5, 20000))
    expected = np.median(np.median(np.abs(drawn - np.median(drawn, axis=0)), axis=0))
    everywhere = room.seen == 5
    assert np.median(room.spread[everywhere]) == pytest.approx(expected, rel=0.1)
    distance = (room.cloud.points_m @ [0.1, 0.0, -1.0] + 4.0) / np.hypot(0.1, 1)
    assert np.abs(distance).mean() < 0.06
    # With one key frame nobody knows what is behind the person.
    alone = fuse_key_frames(frames[:1], CAMERA)
    assert np.isnan(alone.depth_m[30:90, :40]).all()
    assert len(alone.cloud) <= wall.size - 60 * 40
    with pytest.raises(InputError, match="expected image in all key frames or in none"):
        fuse_key_frames([frames[0], KeyFrame(wall, frames[0].hidden)], CAMERA)


def test_thinning_equals_a_dictionary_of_cells() -> None:
    rng = np.random.default_rng(1)
    cloud = PointCloud(
        rng.uniform(0, 1, (3000, 3)), rng.integers(0, 256, (3000, 3)).astype(np.uint8),
        rng.integers(-1, 3, 3000).astype(np.int32), rng.integers(0, 2, 3000).astype(np.int32),
    )  # fmt: skip
    thin = voxel_downsample(cloud, 0.2)
    middle = np.median(cloud.points_m, axis=0)  # cells are counted from the cloud's middle
    cells: dict[tuple[int, ...], list[int]] = {}
    for i, p in enumerate(cloud.points_m):
        cells.setdefault(tuple(np.floor((p - middle) / 0.2).astype(int)), []).append(i)
    assert len(thin) == len(cells)
    expected = {}
    for members in cells.values():
        labels = cloud.labels[members].tolist()
        best = min(set(labels), key=lambda v: (-labels.count(v), v))
        expected[tuple(np.round(cloud.points_m[members].mean(axis=0), 9))] = (
            best, np.rint(cloud.colors[members].astype(float).mean(axis=0)).tolist(),
        )  # fmt: skip
    for point, label, colour in zip(thin.points_m, thin.labels, thin.colors, strict=True):
        assert expected[tuple(np.round(point, 9))] == (label, colour.tolist())
    assert len(voxel_downsample(cloud.take(np.zeros(3000, np.bool_)))) == 0
    with pytest.raises(InputError, match="expected a voxel above 0"):
        voxel_downsample(cloud, 0.0)


def test_strays_go_and_surfaces_stay() -> None:
    rng = np.random.default_rng(2)
    surface = np.column_stack([rng.uniform(0, 2, (900, 2)), 0.005 * rng.standard_normal(900)])
    strays = rng.uniform((0, 0, 0.5), (2, 2, 2), (20, 3))
    points = np.concatenate([surface, strays])
    grey, none = np.full((920, 3), 128, np.uint8), np.full(920, -1, np.int32)
    cleaned, stay = remove_outliers(PointCloud(points, grey, none, none))
    assert not stay[900:].any()
    assert stay[:900].mean() > 0.98
    assert len(cleaned) == stay.sum()
    # The rule itself, by brute force.
    distance = np.sort(np.linalg.norm(points[:, None] - points[None], axis=-1), axis=1)[:, 1:17].mean(axis=1)
    np.testing.assert_array_equal(stay, distance <= distance.mean() + 2.5 * distance.std())


def test_a_written_cloud_is_a_scene_file(tmp_path: Path) -> None:
    cloud = PointCloud(
        np.array([[0.0, 1, 2], [3, 4, 5]]), np.array([[1, 2, 3], [4, 5, 6]], np.uint8),
        np.array([1, -1], np.int32), np.array([7, -1], np.int32),
    )  # fmt: skip
    turned = cloud.moved(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.array([0.0, 0, 1]))
    np.testing.assert_allclose(turned.points_m, [[-1, 0, 3], [-4, 3, 6]])
    both = join([cloud, turned])
    assert len(both) == 4
    write_cloud(tmp_path / "c.ply", both, ["unlabelled", "floor"])
    scene = read_scene_file(tmp_path / "c.ply")
    np.testing.assert_allclose(scene.points, both.points_m)
    assert scene.labels is not None
    assert scene.labels.tolist() == both.labels.tolist()
