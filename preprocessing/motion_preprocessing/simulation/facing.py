"""What is made facing +x is written facing anywhere, so that no direction of the world tells what a clip shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.rotations import about_z
from motion_preprocessing.simulation.hinges import Array


def any_facing(rng: np.random.Generator) -> Array:
    """Draw a turn (3, 3) about z."""
    return np.asarray(about_z(np.asarray(float(rng.uniform(-np.pi, np.pi)))))


def faced(rotations: Array, root_m: Array, turn: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn a motion, local rotations (T, 22, 3, 3) and pelvis (T, 3), about the world's origin, as datasets hold it."""
    turned = rotations.astype(np.float32)
    turned[:, 0] = turn @ rotations[:, 0]
    return turned, (root_m @ turn.T).astype(np.float32)
