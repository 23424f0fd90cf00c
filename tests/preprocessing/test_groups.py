"""Groups of 64 and scene tokens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_preprocessing.errors import InputError
from motion_preprocessing.groups import CELL_M, group_points, scene_tokens, voxel_means


def cloud(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-2.0, 2.0, (count, 3))


def spread(points: np.ndarray, groups: np.ndarray) -> float:
    members = points[groups]
    return float(np.sqrt(((members - members.mean(axis=1, keepdims=True)) ** 2).sum(-1).mean()))


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 700), size=st.integers(1, 70), seed=st.integers(0, 9))
def test_groups_are_a_partition(count: int, size: int, seed: int) -> None:
    groups = group_points(cloud(count, seed), size)
    assert groups.shape == (-(-count // size), size)
    # Every point once, but for the repeats that fill one single group.
    values, repeats = np.unique(groups, return_counts=True)
    np.testing.assert_array_equal(values, np.arange(count))
    filled = [g for g in groups if len(np.unique(g)) < size]
    assert len(filled) <= 1
    assert repeats.sum() - count == (-count) % size


@settings(max_examples=25, deadline=None)
@given(count=st.integers(65, 500), seed=st.integers(0, 99), decimals=st.sampled_from([1, 6]))
def test_groups_do_not_depend_on_the_order_of_the_points(count: int, seed: int, decimals: int) -> None:
    points = np.round(cloud(count, seed), decimals)  # one decimal makes many ties
    shuffled = points[np.random.default_rng(seed).permutation(count)]
    np.testing.assert_array_equal(points[group_points(points)], shuffled[group_points(shuffled)])


def test_groups_are_compact() -> None:
    points = cloud(64 * 64, 3)
    groups = group_points(points)
    random = np.random.default_rng(0).permutation(len(points)).reshape(-1, 64)
    # 64 equal cells of a 4 m cube are 1 m wide: their points lie 1/2 m rms from the centre, the cube's 2 m.
    assert spread(points, groups) == pytest.approx(0.5, rel=0.1)
    assert spread(points, random) == pytest.approx(2.0, rel=0.1)


def test_place_in_a_group_means_place_in_space() -> None:
    points = cloud(64 * 40, 5)
    for group in group_points(points):
        members = points[group]
        assert members[:32, 2].max() <= members[32:, 2].min()
        for half in (members[:32], members[32:]):
            assert half[:16, 1].max() <= half[16:, 1].min()
            assert half[:8, 0].max() <= half[8:16, 0].min()


def test_groups_refuse_what_is_no_cloud() -> None:
    assert group_points(np.zeros((0, 3))).shape == (0, 64)
    with pytest.raises(InputError, match="shape"):
        group_points(np.zeros((5, 2)))
    with pytest.raises(InputError, match="group size"):
        group_points(np.zeros((5, 3)), 0)


def test_voxel_means_against_a_dictionary() -> None:
    points, classes = cloud(3000, 8), np.random.default_rng(8).integers(0, 3, 3000)
    cells: dict[tuple[int, ...], list[np.ndarray]] = {}
    for point, class_id in zip(points, classes, strict=True):
        cells.setdefault((int(class_id), *np.floor(point / 0.5).astype(int)), []).append(point)
    means, mean_classes = voxel_means(points, classes, 0.5)
    assert len(means) == len(cells)
    for mean, class_id in zip(means, mean_classes, strict=True):
        members = cells[(int(class_id), *np.floor(mean / 0.5).astype(int))]
        np.testing.assert_allclose(mean, np.mean(members, axis=0), atol=1e-12)


def room() -> tuple[np.ndarray, np.ndarray]:
    """A large bed near by, a small lamp, and a chair out of reach."""
    rng = np.random.default_rng(0)
    bed = rng.uniform((1.0, 1.0, 0.0), (3.0, 2.0, 0.5), (20_000, 3))
    lamp = rng.normal((0.5, -1.0, 0.8), 0.03, (30, 3))
    chair = rng.uniform((5.0, 5.0, 0.0), (5.4, 5.4, 0.9), (5_000, 3))
    return np.concatenate([bed, lamp, chair]), np.repeat([1, 16, 2], [20_000, 30, 5_000])


def test_tokens_keep_every_object_within_reach() -> None:
    points, classes = room()
    tokens = scene_tokens(points, classes, max_tokens=32)
    assert tokens.points.shape == (32, 64, 3)
    assert tokens.points.dtype == np.float32
    assert set(tokens.classes[tokens.mask].tolist()) == {1, 16}
    used = tokens.points[tokens.mask]
    assert np.hypot(used[..., 0], used[..., 1]).max() <= 4.0
    assert not tokens.points[~tokens.mask].any()
    assert not tokens.classes[~tokens.mask].any()
    for class_id, low, high in ((1, (1.0, 1.0, 0.0), (3.0, 2.0, 0.5)), (16, (0.3, -1.2, 0.6), (0.7, -0.8, 1.0))):
        part = tokens.points[tokens.mask & (tokens.classes == class_id)]
        assert (part >= np.array(low) - 1e-6).all()
        assert (part <= np.array(high) + 1e-6).all()


def test_tokens_fill_their_budget_and_are_ordered_by_distance() -> None:
    points, classes = room()
    tokens = scene_tokens(points, classes, max_tokens=32, centre_xy=(4.0, 3.0), radius_m=9.0)
    assert 24 <= tokens.mask.sum() <= 32
    assert not np.any(np.diff(tokens.mask.astype(int)) > 0)
    distance = np.hypot(*(tokens.points[tokens.mask].mean(axis=1)[:, :2] - (4.0, 3.0)).T)
    assert (np.diff(distance) >= -1e-6).all()
    assert set(tokens.classes[tokens.mask].tolist()) == {1, 2, 16}


def test_tokens_do_not_depend_on_order_or_on_scan_density() -> None:
    points, classes = room()
    order = np.random.default_rng(4).permutation(len(points))
    first, second = (scene_tokens(points[i], classes[i], max_tokens=32) for i in (slice(None), order))
    for a, b in zip(vars(first).values(), vars(second).values(), strict=True):
        np.testing.assert_array_equal(a, b)
    # A surface scanned twice as densely is the same surface: as many tokens, each in nearly the same place.
    rng = np.random.default_rng(6)
    surface = np.column_stack([rng.uniform(0.5, 1.5, (60_000, 2)), np.full(60_000, 0.7)])
    none = np.zeros(60_000, np.int64)
    dense, sparse = (scene_tokens(surface[::n], none[::n], max_tokens=32) for n in (1, 2))
    assert dense.mask.sum() == sparse.mask.sum()
    np.testing.assert_allclose(dense.points.mean(axis=(0, 1)), sparse.points.mean(axis=(0, 1)), atol=CELL_M)


def test_small_and_empty_scenes() -> None:
    empty = scene_tokens(np.zeros((0, 3)), np.zeros(0, np.int64), max_tokens=4)
    assert not empty.mask.any()
    assert empty.points.shape == (4, 64, 3)
    single = scene_tokens(np.array([[1.0, 0.0, 0.5]]), np.array([7]), max_tokens=4)
    assert single.mask.tolist() == [True, False, False, False]
    assert single.classes[0] == 7
    np.testing.assert_allclose(single.points[0], np.tile([1.0, 0.0, 0.5], (64, 1)), atol=1e-6)


def test_more_classes_than_tokens_keeps_the_nearest() -> None:
    points = np.column_stack([np.arange(1.0, 4.0, 0.5), np.zeros(6), np.zeros(6)])
    tokens = scene_tokens(points, np.arange(6), max_tokens=3)
    assert tokens.classes.tolist() == [0, 1, 2]
    assert tokens.mask.all()


def test_tokens_refuse_classes_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="one class a point"):
        scene_tokens(np.zeros((5, 3)), np.zeros(4, np.int64), max_tokens=32)
