"""Seeds of a run's random numbers: each draw is a function of the run's seed, its purpose and its place."""

from __future__ import annotations

from typing import Final

import numpy as np

TRAINING: Final = 0
"""Noise, time steps and dropout of a training step."""
VALIDATION: Final = 1
"""The same for a validation batch."""
INITIALISATION: Final = 2
"""First weights."""


def seed_of(*key: int) -> int:
    """Hash integers of 0 or more to one 63-bit seed (numpy's SeedSequence, whose mixing is specified and stable)."""
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
