"""Carrying a correction over time: exact where it is known, smooth elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from motion_runtime.editing.spread import fading, lasting


def mask(frames: int, *known: int) -> np.ndarray:
    result = np.zeros(frames, np.bool_)
    result[list(known)] = True
    return result


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.floats(1, 12))
def test_both_are_exact_at_known_frames_and_read_no_others(known: list[bool], reach: float) -> None:
    at = np.array(known)
    for spread in (fading(at, reach), lasting(at, reach)):
        matrix = spread(np.eye(len(at)))  # linear: its columns are what each frame does to all
        np.testing.assert_array_equal(matrix[at], np.eye(len(at))[at])
        np.testing.assert_array_equal(matrix[:, ~at], 0)
        values = np.arange(3.0 * len(at)).reshape(-1, 3)
        np.testing.assert_allclose(spread(values), matrix @ values, atol=1e-9)
        np.testing.assert_allclose(spread(values[:, 1]), matrix @ values[:, 1], atol=1e-9)


def test_a_single_correction_fades_symmetrically_within_its_reach_and_lasts_otherwise() -> None:
    values = np.zeros(41)
    values[20] = 2.0
    faded = fading(mask(41, 20), 8)(values)
    np.testing.assert_allclose(faded, faded[::-1])
    np.testing.assert_array_equal(np.flatnonzero(faded), np.arange(13, 28))
    assert (np.diff(faded[20:29]) < 0).all()
    assert faded[24] == pytest.approx(1.0)  # halfway it is half
    np.testing.assert_allclose(lasting(mask(41, 20), 8)(values), 2.0)


def test_between_two_places_the_correction_goes_straight() -> None:
    values = np.zeros(31)
    values[5], values[25] = 1.0, 3.0
    carried = lasting(mask(31, 5, 25), 6)(values)
    np.testing.assert_allclose(carried[5:26], np.linspace(1, 3, 21), atol=1e-12)
    # Beyond the ends the slope dies away: half a settling time's worth of it is left for good.
    assert carried[0] == pytest.approx(1 - 0.1 * (5 - 25 / 12))
    assert carried[-1] == pytest.approx(3 + 0.1 * (5 - 25 / 12))


def test_between_more_places_it_is_the_cubic_hermite_spline() -> None:
    knots, heights = np.array([0, 7, 20, 39]), np.array([0.0, 1.0, -0.5, 0.25])
    values = np.zeros(40)
    values[knots] = heights
    slopes = [(1 - 0) / 7, (-0.5 - 0) / 20, (0.25 - 1) / 32, (0.25 + 0.5) / 19]
    reference = CubicHermiteSpline(knots, heights, slopes)(np.arange(40))
    np.testing.assert_allclose(lasting(mask(40, *knots), 10)(values), reference, atol=1e-12)


@pytest.mark.parametrize("carry", [fading, lasting])
def test_neither_place_nor_speed_jumps_where_a_run_of_known_frames_ends(carry: object) -> None:
    # Known frames move at 0.1 a frame; a jump in speed would show as a second difference of about 0.1.
    values, known = np.zeros(80), np.zeros(80, np.bool_)
    known[30:45] = True
    values[known] = 0.1 * np.arange(15) - 0.4
    carried = carry(known, 20.0)(values)  # type: ignore[operator]
    assert np.abs(np.diff(carried, 2)).max() < 0.035
    assert np.abs(np.diff(carried)).max() < 0.3
    assert np.isfinite(carried).all()


def test_nothing_known_is_nothing_done() -> None:
    for spread in (fading(mask(5), 3), lasting(mask(5), 3)):
        np.testing.assert_array_equal(spread(np.ones(5)), np.zeros(5))


def test_an_hour_of_held_frames_is_no_matrix_of_an_hour_by_an_hour() -> None:
    known = np.ones(72_000, np.bool_)
    known[30_000:40_000] = False
    for spread in (fading(known, 10), lasting(known, 10)):
        assert sum(block.weights.size for block in spread.blocks) <= 10_000 * 4
