"""Two bones, an arm's or a leg's, turned in closed form so that their end is at a place.

The end of bones a and b is at a distance r from where the first begins if

    |a + b|^2 = r^2,  hence  cos(bend) = (r^2 - |a|^2 - |b|^2) / (2 |a| |b|)

for the angle that the second makes with the first one's line. It bends in the plane that it bends in already; then both
are turned together by the least turn that points their end at the place. So an elbow or a knee stays on its side, and a
limb whose end is where it should be stays as it is.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.rotations import between_vectors

Array = NDArray[np.float64]

MOST_BENT_RAD: Final = np.radians(150.0)
"""Elbows and knees bend no further."""


def turned_to(upper: Array, lower: Array, way: Array, aside: Array) -> tuple[Array, Array]:
    """Turn two bones so that they lead along `way`; beyond their reach they are stretched towards it.

    Args:
        upper: (T, 3) from the first joint to the second.
        lower: (T, 3) from the second to the end.
        way: (T, 3) from the first joint to where the end belongs.
        aside: (T, 3) unit vectors to where the lower bone bends from a straight limb, which shows no plane.

    Returns:
        Turns (T, 3, 3) of the upper and of the lower bone, in the frame of the arguments.
    """
    a, f, r = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (upper, lower, way))
    bent = np.clip((r**2 - a**2 - f**2) / (2 * a * f), np.cos(MOST_BENT_RAD), 1.0)
    along = upper / a
    was = np.sum(along * lower, axis=-1, keepdims=True) / f
    # As little of `aside` as the limb bends more than it did: what is bent keeps its plane.
    aside = lower / f + np.abs(bent - was) * aside
    aside = unit(aside - np.sum(aside * along, axis=-1, keepdims=True) * along)
    folded = f * (bent * along + np.sqrt(1 - bent**2) * aside)
    turn = np.asarray(between_vectors(upper + folded, way))
    return turn, turn @ np.asarray(between_vectors(lower, folded))


def unit(v: Array) -> Array:
    """Vectors (..., 3) at length 1; zero stays zero."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))
