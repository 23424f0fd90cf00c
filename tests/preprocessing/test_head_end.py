"""At which end of a bed heads lie: boards, pillows and walls, in that order, and nothing where nothing tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.head_end import head_direction
from motion_preprocessing.scene import load_scene

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"
Array = NDArray[np.float64]
YAW = 0.7
AXES = np.array([[np.cos(YAW), np.sin(YAW)], [-np.sin(YAW), np.cos(YAW)]])
CENTRE = np.array([3.0, -1.0])
SIZE = np.array([2.1, 0.9])
LEVEL = 0.5


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Array:
    """Points all through a box along the bed's own axes, turned and moved to where it stands."""
    own = np.stack(np.meshgrid(*np.linspace(low, high, 14).T), axis=-1).reshape(-1, 3)
    return np.column_stack([own[:, :2] @ AXES + CENTRE, own[:, 2]])


MATTRESS = box((-1.05, -0.45, 0.4), (1.05, 0.45, LEVEL))
NO_WALL = np.zeros((0, 3))


def board(side: int, top: float) -> Array:
    return box((side * 1.0, -0.45, 0.3), (side * 1.05, 0.45, top))


def pillow(side: int) -> Array:
    return box((side * 0.4, -0.25, LEVEL), (side * 0.8, 0.25, LEVEL + 0.1))


def wall(side: int, gap: float) -> Array:
    return box((side * (1.05 + gap), -1.5, 0.0), (side * (1.1 + gap), 1.5, 2.4))


def found(points: Array, walls: Array = NO_WALL) -> tuple[float, float]:
    return head_direction(points, CENTRE, AXES, SIZE, LEVEL, walls)


@pytest.mark.parametrize("side", [1, -1])
def test_each_sign_of_a_head_end_tells_it(side: int) -> None:
    boards = np.concatenate([MATTRESS, board(side, 1.0), board(-side, 0.75)])
    for points, walls in (
        (boards, wall(-side, 0.1)),  # a board tells more than a wall
        (np.concatenate([MATTRESS, pillow(side)]), wall(-side, 0.1)),
        (MATTRESS, wall(side, 0.1)),
        (MATTRESS, np.concatenate([wall(side, 0.1), wall(-side, 1.0)])),
    ):
        np.testing.assert_allclose(found(points, walls), side * AXES[0], atol=1e-12)


def test_where_nothing_tells_nothing_is_said() -> None:
    for walls in (NO_WALL, wall(1, 2.0), np.concatenate([wall(1, 0.1), wall(-1, 0.2)])):
        assert found(MATTRESS, walls) == (0.0, 0.0)
    assert found(np.concatenate([MATTRESS, board(1, 0.8), board(-1, 0.8)])) == (0.0, 0.0)


@pytest.mark.parametrize("labels", [None, "ignore"])
def test_the_care_bed_of_the_ward_has_its_head_at_the_wall(labels: str | None) -> None:
    scene = load_scene(WARD, labels=labels)  # type: ignore[arg-type]
    (bed,) = (thing for thing in scene.furniture if thing.object_class == "bed")
    assert bed.head_m[0] > 0.99  # the pillow lies at x = 4
    assert all(thing.head_m == (0.0, 0.0) for thing in scene.furniture if thing is not bed)
