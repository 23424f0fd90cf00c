"""Easing against the only polynomials that are at rest at both ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from motion_preprocessing.easing import min_jerk, smooth_step


@pytest.mark.parametrize(("ease", "still"), [(smooth_step, 1), (min_jerk, 2)])
def test_it_is_the_lowest_polynomial_that_rests_at_both_ends(
    ease: Callable[[np.ndarray], np.ndarray], still: int
) -> None:
    """Still in as many derivatives: of degree 3, and of degree 5 (Flash and Hogan 1985)."""
    count = 2 * (still + 1)
    monomials = [np.polynomial.Polynomial(row) for row in np.eye(count)]
    rows = [
        [p.deriv(order)(end) if order else p(end) for p in monomials] for order in range(still + 1) for end in (0, 1)
    ]
    coefficients = np.linalg.solve(np.array(rows, np.float64), [0.0, 1.0] + [0.0] * (count - 2))
    u = np.linspace(0, 1, 11)
    np.testing.assert_allclose(ease(u), np.polynomial.polynomial.polyval(u, coefficients), atol=1e-12)
    np.testing.assert_array_equal(ease(np.array([-1.0, 2.0])), [0.0, 1.0])
