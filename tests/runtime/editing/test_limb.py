"""Two bones: the end is where it was asked for, lengths stay, and nothing turns that need not."""

from __future__ import annotations

import numpy as np
import pytest

from motion_runtime.editing.limb import MOST_BENT_RAD, turned_to

DOWN = np.array([[0.0, 0.0, -0.45]])
BACK = np.array([[-1.0, 0.0, 0.0]])


def ends(upper: np.ndarray, lower: np.ndarray, way: np.ndarray, aside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = turned_to(upper, lower, way, aside)
    middle = (first @ upper[..., None])[..., 0]
    return middle, middle + (second @ lower[..., None])[..., 0]


def test_the_end_is_where_it_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    upper, lower, aside = rng.normal(size=(3, 500, 3))
    lengths = np.linalg.norm(upper, axis=1), np.linalg.norm(lower, axis=1)
    nearest = np.sqrt(lengths[0] ** 2 + lengths[1] ** 2 + 2 * lengths[0] * lengths[1] * np.cos(MOST_BENT_RAD))
    far = rng.uniform(nearest, lengths[0] + lengths[1])
    way = rng.normal(size=(500, 3))
    way *= (far / np.linalg.norm(way, axis=1))[:, None]
    middle, end = ends(upper, lower, way, aside / np.linalg.norm(aside, axis=1, keepdims=True))
    np.testing.assert_allclose(end, way, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(middle, axis=1), lengths[0])
    np.testing.assert_allclose(np.linalg.norm(end - middle, axis=1), lengths[1])


def test_what_is_where_it_should_be_stays() -> None:
    lower = np.array([[-0.2, 0.0, -0.35]])
    first, second = turned_to(DOWN, lower, DOWN + lower, BACK)
    np.testing.assert_allclose(first[0], np.eye(3), atol=1e-6)
    np.testing.assert_allclose(second[0], np.eye(3), atol=1e-6)


def test_a_straight_limb_bends_to_its_side() -> None:
    middle, end = ends(DOWN, 0.9 * DOWN, np.array([[0.0, 0.0, -0.7]]), BACK)
    np.testing.assert_allclose(end, [[0.0, 0.0, -0.7]], atol=1e-9)
    assert middle[0, 0] > 0.2  # the shin bends back, so the knee is in front
    assert middle[0, 1] == pytest.approx(0.0, abs=1e-9)


def test_beyond_its_reach_it_is_stretched_towards_the_place() -> None:
    middle, end = ends(DOWN, np.array([[-0.3, 0.0, -0.3]]), np.array([[2.0, 0.0, 0.0]]), BACK)
    whole = 0.45 + 0.3 * np.sqrt(2)
    np.testing.assert_allclose(end, [[whole, 0.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(middle, [[0.45, 0.0, 0.0]], atol=1e-6)
