"""Symmetric positive definite matrices of bandwidth 2: factored once, solved for many right-hand sides.

The matrices of this package are D^T W D + V with D the second difference (rows 1, -2, 1) and W, V diagonal. Their
factor L diag(d) L^T has two bands below the diagonal, so a solve takes 9 operations a value, whatever the length. Time
is the first axis and everything else comes behind it: each step of the recurrence is one array operation over all
columns, which needs no LAPACK and takes a matrix of its own for every column as well as one shared by all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_DENSE_UP_TO: Final = 300
"""Frames up to which a product with the inverse beats the recurrence: more arithmetic, but none of it in Python."""


@dataclass(frozen=True)
class BandedFactor:
    """L diag(d) L^T of a pentadiagonal matrix, or of one such matrix a column.

    Attributes:
        inverse_diagonal: (T, ...) 1 / d.
        lower_1: (T - 1, ...) entries L[t + 1, t].
        lower_2: (T - 2, ...) entries L[t + 2, t].
    """

    inverse_diagonal: Array
    lower_1: Array
    lower_2: Array

    def solve_in_place(self, right: Array) -> None:
        """Replace `right` (T, ...) by the solution; the factor's arrays must broadcast against its rows."""
        length = len(right)
        lower_1, lower_2 = self.lower_1, self.lower_2
        term = np.empty_like(right[0])
        for t in range(1, length):
            row = right[t]
            np.multiply(right[t - 1], lower_1[t - 1], out=term)
            np.subtract(row, term, out=row)
            if t > 1:
                np.multiply(right[t - 2], lower_2[t - 2], out=term)
                np.subtract(row, term, out=row)
        for t in range(length - 1, -1, -1):
            row = right[t]
            np.multiply(row, self.inverse_diagonal[t], out=row)
            if t < length - 1:
                np.multiply(right[t + 1], lower_1[t], out=term)
                np.subtract(row, term, out=row)
            if t < length - 2:
                np.multiply(right[t + 2], lower_2[t], out=term)
                np.subtract(row, term, out=row)


class SharedSolver:
    """One matrix for many batches of right-hand sides."""

    def __init__(self, matrix: BandedFactor) -> None:
        self._factor = matrix
        length = len(matrix.inverse_diagonal)
        self._inverse: Array | None = None
        if length <= _DENSE_UP_TO:
            self._inverse = np.eye(length)
            matrix.solve_in_place(self._inverse)

    def solve(self, right: Array) -> Array:
        """Return the solution for `right` (T, ...), which may be overwritten."""
        if self._inverse is None:
            self._factor.solve_in_place(right)
            return right
        return (self._inverse @ right.reshape(len(right), -1)).reshape(right.shape)


def factor(curvature_weight: Array, data_weight: Array) -> BandedFactor:
    """Factor D^T diag(curvature_weight) D + diag(data_weight).

    Args:
        curvature_weight: (T - 2, ...) W, not negative.
        data_weight: (T, ...) V, not negative; positive in at least two frames, or the matrix is singular.
    """
    diagonal = data_weight.copy()
    diagonal[:-2] += curvature_weight
    diagonal[1:-1] += 4.0 * curvature_weight
    diagonal[2:] += curvature_weight
    length, columns = len(diagonal), diagonal.shape[1:]
    off_1 = np.zeros((length - 1, *columns))
    off_1[:-1] -= 2.0 * curvature_weight
    off_1[1:] -= 2.0 * curvature_weight
    pivots = np.empty_like(diagonal)
    lower_1 = np.empty((length - 1, *columns))
    lower_2 = np.empty((length - 2, *columns))
    for t in range(length):
        pivots[t] = diagonal[t]
        if t > 0:
            pivots[t] -= lower_1[t - 1] * lower_1[t - 1] * pivots[t - 1]
        if t > 1:
            pivots[t] -= lower_2[t - 2] * lower_2[t - 2] * pivots[t - 2]
        if t < length - 1:
            entry = off_1[t]
            if t > 0:
                entry = entry - lower_2[t - 1] * lower_1[t - 1] * pivots[t - 1]
            lower_1[t] = entry / pivots[t]
        if t < length - 2:
            lower_2[t] = curvature_weight[t] / pivots[t]
    return BandedFactor(1.0 / pivots, lower_1, lower_2)
