"""The swept volume against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.furnishing.item import to_item, to_world
from motion_preprocessing.furnishing.sweep import FloorGrid, Sweep, lattice


def test_depth_agrees_with_the_capsules(walking, depth_inside):
    joints = walking(30)
    rng = np.random.default_rng(0)
    points = rng.uniform([-0.5, -0.6, 0.0], [2.0, 0.6, 1.8], size=(6000, 3))
    exact = depth_inside(joints, points)
    found = Sweep.of(joints[None]).depth_m(points)
    close = exact > -0.02
    assert close.sum() > 300
    # Spheres cover the capsules and stand out by .6 cm at most; between two centres they are less deep than these.
    assert np.all(found[exact > 1e-5] > 0)
    assert (exact > 0.05).sum() > 50
    assert np.all(found[exact > 0.05] > 0.04)
    assert np.all(found[close] <= exact[close] + 0.007)
    assert np.all(found[~close] <= 0.0)


def test_a_still_body_counts_once(walking):
    still, moving = Sweep.of(walking(40, 0.0)[None]), Sweep.of(walking(40, 1.0)[None])
    assert still.kept.sum() == 1
    assert moving.kept.sum() == 40


def test_nobody_is_left_out_without_trace(walking):
    people = np.stack([walking(20), np.full((20, 22, 3), np.nan)])
    sweep = Sweep.of(people)
    assert sweep.kept[0].all()
    assert not sweep.kept[1].any()
    assert np.isfinite(sweep.spheres[0]).all()


@pytest.mark.parametrize("height", [0.4, 1.2])
def test_free_floor_has_no_body_over_it(walking, height):
    sweep = Sweep.of(walking(40)[None])
    grid = FloorGrid.around(sweep, 2.0)
    centres, radii = sweep.spheres
    rng = np.random.default_rng(1)
    free = 0
    for _ in range(300):
        origin, yaw = rng.uniform([-2, -1.5], [4, 1.5]), rng.uniform(-np.pi, np.pi)
        half = rng.uniform(0.1, 0.5, size=2)
        rectangle = (-half[0], half[0], -half[1], half[1])
        if not grid.is_free(to_world(lattice(rectangle), yaw, origin), height):
            continue
        free += 1
        own = np.abs(to_item(centres, yaw, origin))
        over = (own[:, 0] < half[0]) & (own[:, 1] < half[1]) & (centres[:, 2] - radii < height)
        assert not over.any()
    assert free > 50


def test_taken_floor_is_not_free(walking):
    grid = FloorGrid.around(Sweep.of(walking(20)[None]), 3.0)
    place = lattice((-1.5, -1.0, -1.5, -1.0))
    assert grid.is_free(place, 1.0)
    grid.take(place)
    assert not grid.is_free(place, 1.0)
    assert not grid.is_free(place + 100.0, 1.0)  # off the grid


def test_moves_are_undone():
    points = np.random.default_rng(0).normal(size=(20, 3))
    there = to_world(points, 0.7, np.array([1.0, -2.0]))
    np.testing.assert_allclose(to_item(there, 0.7, np.array([1.0, -2.0])), points, atol=1e-12)
    np.testing.assert_allclose(to_world(np.array([[1.0, 0.0]]), np.pi / 2, np.zeros(2)), [[0.0, 1.0]], atol=1e-12)
