"""Poses of a falling body by their hinges: those that protect it on its way down, and those of a limp one at rest."""

from __future__ import annotations

from typing import Final

import numpy as np

from motion_preprocessing.simulation.hinges import Array, angles_of, mirrored_angles

_FORWARD: Final = angles_of(
    {"hip.y": -18, "knee": 75, "spine.y": -12, "neck.y": -28, "head.y": -26, "shoulder.y": -82, "shoulder.x": -72,
     "elbow": -28, "wrist.x": 30}
)  # fmt: skip
_BACK: Final = angles_of(
    {"hip.y": -85, "knee": 85, "spine.y": 48, "neck.y": 26, "head.y": 22, "shoulder.y": 42, "shoulder.x": -60,
     "elbow": -25}
)  # fmt: skip
_LEFT: Final = angles_of(
    {"hip.y": -50, "knee": 70, "spine.y": 20, "neck.y": 8, "neck.x": 16, "head.x": 16, "shoulder.y_l": -25,
     "shoulder.x_l": -38, "elbow_l": -30, "shoulder.y_r": -55, "shoulder.x_r": -108, "elbow_r": -50, "hip.x_l": 8,
     "hip.x_r": -8, "spine.x": 12}
)  # fmt: skip
PROTECTIVE: Final = np.stack([_FORWARD, _BACK, _LEFT, mirrored_angles(_LEFT)])
"""Falling forward, back, to the left and to the right, (4, 45)."""


def rest_pose(rest: str, side: str, rng: np.random.Generator) -> Array:
    """Angles that a limp body lying so sinks to."""
    if rest == "prone":
        turn = float(rng.choice([-1.0, 1.0]))
        return angles_of(
            {"hip.y": -rng.uniform(0, 12), "knee_l": rng.uniform(5, 35), "knee_r": rng.uniform(5, 35),
             "neck.z": 28 * turn, "head.z": 28 * turn, "ankle.y": 40}
        )  # fmt: skip
    if rest == "supine":
        return angles_of(
            {"hip.y_l": -rng.uniform(5, 35), "knee_l": rng.uniform(5, 55), "hip.y_r": -rng.uniform(5, 35),
             "knee_r": rng.uniform(5, 55), "hip.x": rng.uniform(4, 16), "head.z": rng.uniform(-30, 30), "ankle.y": 25}
        )  # fmt: skip
    lower = {"left": "l", "right": "r"}[side]
    upper = "r" if lower == "l" else "l"
    return angles_of(
        {f"hip.y_{lower}": -rng.uniform(25, 60), f"knee_{lower}": rng.uniform(35, 80),
         f"hip.y_{upper}": -rng.uniform(40, 75), f"knee_{upper}": rng.uniform(45, 90), f"hip.x_{upper}": -18,
         "spine.y": 10, "ankle.y": 20}
    )  # fmt: skip
