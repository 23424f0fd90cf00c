"""Plane fits against planes known in closed form, connected parts against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from motion_preprocessing.components import connected_parts, thin
from motion_preprocessing.errors import InputError
from motion_preprocessing.planes import Plane, find_planes, fit_plane, total_least_squares


def on_plane(normal: np.ndarray, offset: float, count: int, noise: float, rng: np.random.Generator) -> np.ndarray:
    across = np.linalg.svd(normal[None])[2][1:]
    flat = rng.uniform(-2.0, 2.0, (count, 2)) @ across
    return flat - offset * normal + rng.normal(scale=noise, size=(count, 1)) * normal


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(abs(a @ b), -1.0, 1.0))))


# Camera pitch 0 looks along the floor: the plane is then parallel to the optical axis z, where a regression of z fails.
@pytest.mark.parametrize("pitch_deg", [0.0, 2.0, 10.0, 45.0, 90.0])
def test_fit_survives_half_outliers_at_every_pitch(pitch_deg: float) -> None:
    rng = np.random.default_rng(int(pitch_deg))
    normal = np.array([0.0, -np.cos(np.radians(pitch_deg)), -np.sin(np.radians(pitch_deg))])
    inliers = on_plane(normal, 1.6, 4000, 0.02, rng)
    outliers = rng.uniform(-3.0, 3.0, (4000, 3))
    plane = fit_plane(np.concatenate([inliers, outliers]), 0.08, up=np.array([0.0, -1.0, -0.5]), max_angle_deg=75.0)
    assert angle_deg(plane.normal, normal) < 0.3
    assert plane.normal @ normal > 0
    assert plane.offset == pytest.approx(1.6, abs=0.01)
    assert np.linalg.norm(plane.normal) == pytest.approx(1.0)


def test_total_least_squares_is_the_smallest_singular_vector() -> None:
    points = np.random.default_rng(2).normal(size=(500, 3)) * [3.0, 1.0, 0.2] + [5.0, -2.0, 1.0]
    plane = total_least_squares(points)
    centred = points - points.mean(axis=0)
    assert angle_deg(plane.normal, np.linalg.svd(centred)[2][-1]) < 1e-5
    assert np.sum(plane.distances(points)) == pytest.approx(0.0, abs=1e-9)


def test_fit_is_repeatable_and_keeps_to_the_cone() -> None:
    rng = np.random.default_rng(3)
    floor = on_plane(np.array([0.0, 0.0, 1.0]), 0.0, 1000, 0.01, rng)
    wall = on_plane(np.array([1.0, 0.0, 0.0]), 1.0, 3000, 0.01, rng)
    cloud = np.concatenate([floor, wall])
    first, second = (fit_plane(cloud, 0.05, up=np.array([0.0, 0.0, 1.0]), max_angle_deg=30.0) for _ in range(2))
    np.testing.assert_array_equal(first.normal, second.normal)
    assert angle_deg(first.normal, np.array([0.0, 0.0, 1.0])) < 0.5
    assert angle_deg(fit_plane(cloud, 0.05).normal, np.array([1.0, 0.0, 0.0])) < 0.5


@pytest.mark.parametrize(
    "points", [np.zeros((2, 3)), np.linspace(0, 1, 90)[:, None] * np.ones(3), np.ones((50, 3))], ids=str
)
def test_points_that_span_no_plane_are_refused(points: np.ndarray) -> None:
    with pytest.raises(InputError, match="plane"):
        fit_plane(points, 0.1)


def test_all_faces_of_a_box_are_found() -> None:
    rng = np.random.default_rng(4)
    low, high = np.array([-2.0, 1.0, 0.0]), np.array([2.0, 4.0, 2.5])
    faces = []
    for axis in range(3):
        for side in (low, high):
            face = rng.uniform(low, high, (900, 3))
            face[:, axis] = side[axis]
            faces.append(face)
    found = find_planes(np.concatenate(faces), 0.05)
    assert len(found) == 6
    for axis in range(3):
        for side in (low, high):
            hits = [
                f for f in found
                if abs(f.plane.normal[axis]) > 0.9999 and abs(f.plane.distances(np.array([side]))[0]) < 0.01
            ]  # fmt: skip
            assert len(hits) == 1
            assert hits[0].share == pytest.approx(1 / 6, abs=0.03)
            assert min(hits[0].above, hits[0].below) == 0.0


def test_a_flipped_plane_is_the_same_plane() -> None:
    plane = Plane(np.array([0.6, 0.0, 0.8]), -1.5)
    point = np.array([[1.0, 2.0, 3.0]])
    assert plane.flipped().distances(point)[0] == -plane.distances(point)[0] == pytest.approx(-1.5)


def test_connected_parts_agree_with_scipy() -> None:
    rng = np.random.default_rng(5)
    grid = rng.random((25, 25, 25)) < 0.06
    cells = np.argwhere(grid)
    points = (cells + rng.uniform(0.1, 0.9, cells.shape)) * 0.2
    # Cells are counted from the middle of the cloud, so the reference uses that grid too.
    own = np.floor((points - np.median(points, axis=0)) / 0.2).astype(int)
    own -= own.min(axis=0)
    volume = np.zeros(own.max(axis=0) + 1, dtype=bool)
    volume[tuple(own.T)] = True
    expected = ndimage.label(volume, np.ones((3, 3, 3)))[0][tuple(own.T)]
    parts = connected_parts(points, 0.2)
    assert len(np.unique(parts)) == len(np.unique(expected)) > 10
    pairs = np.unique(np.column_stack([parts, expected]), axis=0)
    assert len(pairs) == len(np.unique(parts))


def test_a_long_chain_is_one_part() -> None:
    chain = np.column_stack([np.arange(5000) * 0.1, np.zeros(5000), np.zeros(5000)])
    assert set(connected_parts(chain, 0.1).tolist()) == {0}
    gap = chain[(chain[:, 0] < 100) | (chain[:, 0] > 100.5)]
    assert set(connected_parts(gap, 0.1).tolist()) == {0, 1}


def test_a_stray_far_away_does_not_merge_the_rest() -> None:
    two = np.array([[0.0, 0, 0], [0.05, 0, 0], [9.0, 0, 0], [9.05, 0, 0], [1e12, -1e12, 0]])
    parts = connected_parts(two, 0.1)
    assert parts[0] == parts[1] != parts[2] == parts[3]
    assert len(set(parts.tolist())) == 3
    assert len(thin(two, 0.5)) == 3
