"""The floor in camera coordinates: what it recovers of simulated views, and that a whole capture turns as one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.camera_floor import FloorWarning, WorldFromCamera, find_camera_floor, tilt_deg
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.planes import Plane, total_least_squares
from motion_preprocessing.skeleton import REST_OFFSETS_M

HEIGHT_M = 2.2


def true_normal(pitch_deg: float, roll_deg: float) -> np.ndarray:
    level = Rotation.from_euler("ZX", [roll_deg, pitch_deg], degrees=True)
    return level.apply([0.0, -1.0, 0.0])


def floor_view(
    normal: np.ndarray, noise: float, outliers: float, rng: np.random.Generator, count: int = 4000
) -> np.ndarray:
    """Floor points as a camera sees them: depth noise along the rays, and nearer things in front of the floor."""
    pixels = rng.uniform([-0.67, -0.5], [0.67, 0.5], (20 * count, 2))
    rays = np.column_stack([pixels, np.ones(len(pixels))])
    depth = -HEIGHT_M / (rays @ normal)
    seen = np.flatnonzero((depth > 0.3) & (depth < 9.0))[:count]
    z = depth[seen] * (1 + noise * rng.standard_normal(len(seen)))
    hidden = rng.random(len(seen)) < outliers
    z[hidden] *= rng.uniform(0.4, 1.0, np.count_nonzero(hidden))
    return rays[seen] * z[:, None]


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


@pytest.mark.parametrize("pitch_deg", [0.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0])
def test_recovers_the_floor_at_every_pitch(pitch_deg: float) -> None:
    errors = []
    for seed in range(4):
        rng = np.random.default_rng([seed, int(pitch_deg)])
        normal = true_normal(pitch_deg, rng.uniform(-8.0, 8.0))
        points = floor_view(normal, 0.05, 0.5, rng)
        floor = find_camera_floor(points, is_floor=np.ones(len(points), dtype=bool))
        errors.append(angle_deg(floor.normal, normal))
        assert floor.offset == pytest.approx(HEIGHT_M, rel=0.03)
    assert np.mean(errors) < 0.5


def test_refits_in_inverse_depth_are_free_of_bias() -> None:
    normal = true_normal(10.0, 0.0)
    points = floor_view(normal, 0.06, 0.0, np.random.default_rng(1), count=15000)
    floor = find_camera_floor(points, is_floor=np.ones(len(points), dtype=bool))
    assert angle_deg(floor.normal, normal) < 0.1
    # Least squares over the points is drawn towards the camera by the same noise.
    assert angle_deg(np.abs(total_least_squares(points).normal), np.abs(normal)) > 0.5


def test_without_noise_outliers_hardly_count() -> None:
    normal = true_normal(25.0, -4.0)
    floor = find_camera_floor(floor_view(normal, 0.0, 0.3, np.random.default_rng(0)), is_floor=np.ones(4000, bool))
    assert angle_deg(floor.normal, normal) < 0.01
    assert floor.offset == pytest.approx(HEIGHT_M, abs=1e-3)
    assert tilt_deg(floor) == pytest.approx((25.0, -4.0), abs=0.15)


def test_the_thesis_method_holds_for_steep_views_and_warns_of_level_ones() -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(3)
    steep = true_normal(45.0, 3.0)
    points = floor_view(steep, 0.01, 0.2, rng)
    mask = np.ones(len(points), dtype=bool)
    assert angle_deg(find_camera_floor(points, is_floor=mask, method="thesis").normal, steep) < 1.0
    level = true_normal(2.0, 3.0)
    points = floor_view(level, 0.03, 0.2, rng)
    with pytest.warns(FloorWarning, match="degrees from the image plane.*use the orthogonal method"):
        regressed = find_camera_floor(points, is_floor=np.ones(len(points), bool), method="thesis")
    assert angle_deg(regressed.normal, level) > 5.0
    assert angle_deg(find_camera_floor(points, is_floor=np.ones(len(points), bool)).normal, level) < 0.5


def room_view(pitch_deg: float, roll_deg: float, noise: float, rng: np.random.Generator) -> np.ndarray:
    """What a camera sees of a room with walls, a ceiling and a large table; rays are cast in the room's frame."""
    normal = true_normal(pitch_deg, roll_deg)
    rays = np.column_stack([rng.uniform([-0.8, -0.6], [0.8, 0.6], (16000, 2)), np.ones(16000)])
    forward = np.array([0.0, 0.0, 1.0]) - normal[2] * normal
    forward /= np.linalg.norm(forward)
    d = rays @ np.stack([np.cross(forward, normal), forward, normal]).T
    hit = np.full(len(rays), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        for axis, place in ((2, -HEIGHT_M), (2, 0.6), (0, 2.5), (0, -2.5), (1, 5.0), (1, -0.5)):
            distance = place / d[:, axis]
            hit = np.where((distance > 0) & (distance < hit), distance, hit)
        table = (0.8 - HEIGHT_M) / d[:, 2]
        place = d * table[:, None]
        on_table = (table > 0) & (np.abs(place[:, 0]) < 1.2) & (place[:, 1] > 1.2) & (place[:, 1] < 3.2)
        hit = np.where(on_table & (table < hit), table, hit)
    return rays * (hit * (1 + noise * rng.standard_normal(len(hit))))[:, None]


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(5.0, 0.0), (25.0, 6.0), (40.0, -5.0), (55.0, 3.0)])
def test_without_a_mask_the_floor_is_found_below_table_and_between_walls(pitch_deg: float, roll_deg: float) -> None:
    points = room_view(pitch_deg, roll_deg, 0.01, np.random.default_rng(int(pitch_deg)))
    floor = find_camera_floor(points)
    assert angle_deg(floor.normal, true_normal(pitch_deg, roll_deg)) < 1.0
    assert floor.offset == pytest.approx(HEIGHT_M, abs=0.05)


def test_the_floor_becomes_z_zero_below_the_camera() -> None:
    floor = Plane(true_normal(30.0, 5.0), HEIGHT_M)
    world = WorldFromCamera.from_floor(floor)
    points = floor_view(floor.normal, 0.0, 0.0, np.random.default_rng(2))
    np.testing.assert_allclose(world.points(points)[:, 2], 0.0, atol=1e-12)
    np.testing.assert_allclose(world.points(np.zeros(3)), [0.0, 0.0, HEIGHT_M], atol=1e-12)
    np.testing.assert_allclose(world.rotation @ world.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(world.rotation) == pytest.approx(1.0)
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ world.matrix.T
    np.testing.assert_allclose(homogeneous[:, :3], world.points(points), atol=1e-12)
    # The smallest rotation: its axis lies in the floor's and the image's common directions, with no turn about z.
    axis = Rotation.from_matrix(world.rotation).as_rotvec()
    assert axis @ floor.normal == pytest.approx(0.0, abs=1e-12)


def test_joints_of_the_transformed_parameters_are_the_transformed_joints() -> None:
    rng = np.random.default_rng(5)
    world = WorldFromCamera.from_floor(Plane(true_normal(35.0, -7.0), HEIGHT_M))
    rotations = Rotation.random(30 * 22, rng=rng).as_matrix().reshape(30, 22, 3, 3)
    transl = rng.normal(size=(30, 3)) + [0.0, 0.0, 4.0]
    rest_pelvis = np.array([-0.002, -0.23, 0.028])  # where a body model has it: not at the origin
    joints = np.asarray(forward_kinematics(rotations, transl + rest_pelvis, REST_OFFSETS_M)[0])
    moved = np.asarray(
        forward_kinematics(
            world.local_rotations(rotations), world.root_translations(transl, rest_pelvis) + rest_pelvis, REST_OFFSETS_M
        )[0]
    )
    np.testing.assert_allclose(moved, world.points(joints), atol=1e-12)
    # Turning transl by itself, as the thesis writes it, displaces the body.
    naive = forward_kinematics(world.local_rotations(rotations), world.points(transl) + rest_pelvis, REST_OFFSETS_M)[0]
    assert np.linalg.norm(np.asarray(naive) - world.points(joints), axis=-1).min() > 0.1


@pytest.mark.parametrize("method", ["orthogonal", "thesis"])
@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.linspace(1, 4, 200)[:, None] * [0.1, 0.5, 1.0], "span a plane, got 200 points on a line for the floor"),
        (np.ones((50, 3)), "got 50 points on a line for the floor"),
        (np.full((40, 3), np.nan), "expected 3 floor points or more, got 0"),
    ],
    ids=["line", "point", "nan"],
)
def test_points_without_a_plane_are_refused(points: np.ndarray, message: str, method: str) -> None:
    with pytest.raises(InputError, match=message):
        find_camera_floor(points, is_floor=np.ones(len(points), dtype=bool), method=method)


def test_other_bad_input_is_refused() -> None:
    points = floor_view(true_normal(20.0, 0.0), 0.0, 0.0, np.random.default_rng(0))
    with pytest.raises(InputError, match="expected orthogonal or thesis, got 'median'"):
        find_camera_floor(points, method="median")
    with pytest.raises(InputError, match="expected 4000 flags, got 7"):
        find_camera_floor(points, is_floor=np.ones(7, dtype=bool))
    with pytest.raises(InputError, match="floor below the camera"):
        find_camera_floor(points * [1.0, -1.0, 1.0], is_floor=np.ones(len(points), dtype=bool))
    wall = np.column_stack([np.random.default_rng(0).uniform(-2, 2, (2000, 2)), np.full(2000, 4.0)])
    with pytest.raises(InputError, match="got no such plane for the capture"):
        find_camera_floor(wall)
