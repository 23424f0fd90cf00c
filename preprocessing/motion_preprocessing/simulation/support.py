"""What floor and furniture can give a body: contact forces within friction that come nearest to a wanted wrench."""

from __future__ import annotations

from typing import Final

import numpy as np

from motion_preprocessing.errors import MissingExtraError
from motion_preprocessing.simulation.hinges import Array

_EDGES: Final = np.array([(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)])


def non_negative(rows: Array, wanted: Array) -> Array:
    """Return the x >= 0 (N,) with the least |rows x - wanted| (Lawson and Hanson 1974).

    Raises:
        MissingExtraError: scipy is not installed.
    """
    try:
        from scipy.optimize import nnls
    except ImportError:
        raise MissingExtraError.for_extra("scipy", "preprocess") from None
    return np.asarray(nnls(rows, wanted)[0])


def cone(frame: Array, friction: float) -> Array:
    """Return the edges (4, 3) of the pyramid inside the friction cone of a contact.

    Args:
        frame: (3, 3) rows: the normal, out of what carries, and two tangents.
        friction: Coefficient of friction.
    """
    return np.asarray(frame[0] + friction * (_EDGES @ frame[1:]))


def contact_forces(wrench: Array, maps: Array, cones: Array, dear: Array, lever_m: float) -> Array:
    """Return the forces (C, 3) of C contacts whose sum comes nearest to a wrench on the root.

    Minimises |W (sum_c maps_c f_c - wrench)|^2 + sum_c dear_c^2 |f_c's shares|^2 with every f_c in its pyramid.

    Args:
        wrench: (6,) wanted force and moment at the root.
        maps: (C, 6, 3) what a contact's force is at the root.
        cones: (C, 4, 3) edges of the pyramids.
        dear: (C,) how little a contact should be loaded, against missing the wrench by as much.
        lever_m: Length that makes forces of moments.
    """
    scale = np.array([1.0, 1.0, 1.0, 1 / lever_m, 1 / lever_m, 1 / lever_m])
    columns = np.einsum("cij,cej->ice", maps, cones).reshape(6, -1) * scale[:, None]
    rows = np.concatenate([columns, np.diag(np.repeat(dear, cones.shape[1]))])
    found = non_negative(rows, np.concatenate([wrench * scale, np.zeros(columns.shape[1])]))
    return np.asarray(np.einsum("ce,cej->cj", found.reshape(cones.shape[:2]), cones))
