"""Fall physics on falls of known times, and nearest training snippets against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.canonical import move_points
from motion_preprocessing.skeleton import WORLD_FROM_BODY, rest_joints
from motion_train.evaluation.falls import fall_physics, lies
from motion_train.evaluation.memory import nearest_m, snippet

FPS = 20.0


def falling(seconds: float, *, rest_s: float = 1.5, drop_m: float = 0.8) -> np.ndarray:
    """A rigid body of 22 joints that sinks by a smooth step in so many seconds."""
    stand, down, rest = round(0.5 * FPS), round(seconds * FPS), round(rest_s * FPS)
    u = np.concatenate([np.zeros(stand), np.arange(down) / down, np.ones(rest)])
    height = 0.95 - drop_m * (3 * u**2 - 2 * u**3)
    joints = np.zeros((len(u), 22, 3))
    joints[..., 2] = height[:, None]
    return joints


def test_a_fall_of_a_second_is_plausible() -> None:
    # A smooth step of .8 m in .7 s: peak speed 1.5 * .8 / .7 = 1.71 m/s, peak acceleration 6 * .8 / .49 = 9.8.
    found = fall_physics(falling(0.7), FPS)
    assert found is not None
    assert found.plausible, found


@pytest.mark.parametrize(
    ("motion", "broken"),
    [
        (falling(0.15), {"acceleration", "descent", "onset_to_impact"}),
        (falling(2.0), {"impact_speed"}),
        (falling(0.7, rest_s=0.3), {"settles"}),
    ],
    ids=["faster than gravity", "sinks slowly", "does not come to rest"],
)
def test_what_is_wrong_is_named(motion: np.ndarray, broken: set[str]) -> None:
    found = fall_physics(motion, FPS)
    assert found is not None
    assert not found.plausible
    assert broken <= {name for name, fine in vars(found).items() if not fine}


def test_nobody_falls() -> None:
    assert fall_physics(falling(1.0, drop_m=0.4), FPS) is None
    assert fall_physics(falling(1.0)[::-1], FPS) is None


@pytest.mark.parametrize(
    ("roll_deg", "expected"),
    [(0, "supine"), (55, "supine"), (65, "on the side"), (-90, "on the side"), (115, "on the side"), (125, "prone"),
     (180, "prone")],
)  # fmt: skip
@pytest.mark.parametrize("heading_deg", [0, 70])
def test_how_somebody_lies(roll_deg: float, expected: str, heading_deg: float) -> None:
    body = rest_joints() @ WORLD_FROM_BODY.T  # stands facing +x
    on_the_back = Rotation.from_euler("y", -90, degrees=True)
    turned = Rotation.from_euler("xz", [roll_deg, heading_deg], degrees=True) * on_the_back
    assert lies(np.tile(turned.apply(body), (30, 1, 1)), FPS) == expected


def test_the_nearest_training_snippet() -> None:
    rng = np.random.default_rng(0)
    training, queries = rng.standard_normal((7, 8, 22, 3)), rng.standard_normal((3, 8, 22, 3))
    expected = [min(np.linalg.norm(q - t, axis=-1).mean() for t in training) for q in queries]
    np.testing.assert_allclose(nearest_m(queries, training), expected, rtol=1e-5)


def test_a_snippet_does_not_depend_on_place_and_way() -> None:
    rng = np.random.default_rng(0)
    joints = rng.standard_normal((45, 22, 3)) * 0.3 + np.array([0, 0, 1.0])
    moved = move_points(joints, 1.1, np.array([3.0, -2.0]))
    first, second = snippet(joints, FPS), snippet(moved, FPS)
    assert first is not None
    assert second is not None
    assert first.shape == (8, 22, 3)
    np.testing.assert_allclose(first, second, atol=1e-5)
    np.testing.assert_allclose(first[0, 0, :2], 0.0, atol=1e-6)
    assert snippet(joints[:30], FPS) is None
