"""People and room in one frame: recovered from wrong distances and sizes, checked against scipy's minimiser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import least_squares

from motion_preprocessing.body_capsules import body_capsules, point_segment_distance
from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.captures.walks import procedural_walk
from motion_preprocessing.depth.body_surface import PersonDepth, depth_ahead, surface_pixels
from motion_preprocessing.depth.placing import floor_report, place_person
from motion_preprocessing.depth.placing_problem import PlacingConfig, Problem, cost_of, minimise, standing
from motion_preprocessing.errors import InputError
from motion_preprocessing.planes import Plane
from motion_preprocessing.poses.track import PersonTrack
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M

Array = NDArray[np.float64]
CAMERA = Intrinsics(100.0, 100.0, 80.0, 60.0, 160, 120)
FPS = 10.0
SIZE = 1.06
"""How large the true body is; the estimator takes it for 1."""


def _camera_from_world(pitch_deg: float, height_m: float = 2.4) -> tuple[Array, Plane]:
    """A camera that looks along +x, `pitch_deg` down, and the floor as it sees it."""
    level = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])  # right is -y, down is -z, ahead is +x
    turn = np.asarray(matrix_from_rotation_vector(np.array([np.radians(pitch_deg), 0.0, 0.0])))
    rotation = turn @ level
    return rotation, Plane(rotation[:, 2], height_m)


def _scene(pitch_deg: float, seed: int = 0, frames: int = 40) -> tuple[PersonTrack, Plane]:
    """A true walk before the camera, as a track of a body of size `SIZE`."""
    rng = np.random.default_rng(seed)
    motion = procedural_walk(rng, frames, FPS)
    rotation, floor = _camera_from_world(pitch_deg)
    place = SIZE * motion.root_position_m
    place[:, :2] += np.array([4.0, 0.0]) - place[:, :2].mean(axis=0)
    place[:, 2] -= floor.offset
    local = motion.local_rotations.copy()
    local[:, 0] = rotation @ local[:, 0]
    track = replace(
        PersonTrack.blank(1, np.arange(frames)), rotations=local, translation_m=place @ rotation.T,
        present=np.ones(frames, np.bool_), score=np.ones(frames),
    )  # fmt: skip
    return replace(track, predicted_2d=CAMERA.project(track.joints_m(SIZE * REST_OFFSETS_M))), floor


def _estimated(true: PersonTrack, rng: np.random.Generator, noise: float = 0.03) -> PersonTrack:
    """What an estimator says: a body of size 1, nearer by as much, and a distance that jitters."""
    factor = (1 + noise * rng.standard_normal(len(true))) / SIZE
    estimate = replace(true, translation_m=true.translation_m * factor[:, None])
    return replace(estimate, predicted_2d=CAMERA.project(estimate.joints_m()))


def _view(true: PersonTrack, frame: int, scale: float = SIZE) -> PersonDepth:
    """Depth and mask of the true body by sphere tracing: another way than the one that is tested."""
    joints = true.joints_m(scale * REST_OFFSETS_M)[frame]
    body = body_capsules(joints)
    rays = CAMERA.rays()
    pixels = CAMERA.project(joints)
    near = np.abs(rays[..., :2] * (CAMERA.fx, CAMERA.fy) + (CAMERA.cx, CAMERA.cy) - pixels.mean(axis=0))
    window = np.all(near < 0.6 * np.ptp(pixels, axis=0) + 5, axis=-1)  # the others surely miss
    length = np.linalg.norm(rays[window], axis=-1)
    unit = rays[window] / length[:, None]
    travelled = np.full(len(unit), float(np.min(np.linalg.norm(body.starts_m, axis=-1))) - 0.5)
    for _ in range(18):
        points = unit * travelled[:, None]
        gap = np.full(len(unit), np.inf)
        for start, end, radius in zip(body.starts_m, body.ends_m, scale * body.radii_m, strict=True):
            gap = np.minimum(gap, point_segment_distance(points, start, end) - radius)
        travelled += gap
    hit = np.abs(gap) < 2e-3
    depth, mask = np.full(rays.shape[:2], 8.0), np.zeros(rays.shape[:2], np.bool_)
    depth[window] = np.where(hit, travelled / length, 8.0)
    mask[window] = hit
    return PersonDepth(frame, depth, mask)


def test_the_body_is_found_as_far_before_the_map_as_it_was_moved() -> None:
    true, _ = _scene(20.0)
    view = _view(true, 5)
    assert np.count_nonzero(view.mask) > 150
    pixels = surface_pixels(view, CAMERA)
    joints = true.joints_m(SIZE * REST_OFFSETS_M)[5]
    ahead, count = depth_ahead(pixels, joints, SIZE)
    assert count > 100
    assert ahead == pytest.approx(0.0, abs=2e-3)
    nearer = joints * (1 - 0.2 / joints[0, 2])  # along the ray, by 20 cm of depth
    moved, _ = depth_ahead(pixels, nearer, SIZE)
    assert moved == pytest.approx(0.2, abs=0.02)
    assert np.isnan(depth_ahead(pixels, joints + (50.0, 0.0, 0.0))[0])
    nothing = PersonDepth(0, np.full((4, 4), np.nan), np.ones((4, 4), np.bool_))
    assert depth_ahead(surface_pixels(nothing, CAMERA), joints)[1] == 0


@pytest.mark.parametrize("pitch_deg", [0.0, 30.0, 55.0])
def test_distance_size_and_floor_are_recovered(pitch_deg: float) -> None:
    true, floor = _scene(pitch_deg)
    rng = np.random.default_rng(1)
    estimate = _estimated(true, rng)
    views = [_view(true, frame) for frame in (3, 20, 36)]
    noisy = [replace(v, depth_m=v.depth_m * (1 + 0.03 * rng.standard_normal(v.depth_m.shape))) for v in views]
    placed = place_person(estimate, CAMERA, fps=FPS, views=noisy, floor=floor)
    before = np.linalg.norm(estimate.translation_m - true.translation_m, axis=1)
    after = np.linalg.norm(placed.track.translation_m - true.translation_m, axis=1)
    assert np.median(before) > 0.2
    assert np.median(after) < 0.03
    assert np.max(after) < 0.12
    assert placed.scale == pytest.approx(SIZE, abs=0.012)
    assert placed.depth_before_m > 0.15
    assert placed.depth_after_m < 0.03
    assert placed.moved_px < 1.0
    assert placed.floor_before.median_abs_m > 0.04
    assert placed.floor_after.median_abs_m < 0.015
    assert placed.floor_after.floating == placed.floor_after.sinking == 0.0
    # Only the place changes.
    np.testing.assert_array_equal(placed.track.rotations, estimate.rotations)
    np.testing.assert_array_equal(placed.track.present, estimate.present)


def test_exact_inputs_stay_where_they_are() -> None:
    true, floor = _scene(35.0)
    body = SIZE * REST_OFFSETS_M
    still = replace(true, predicted_2d=CAMERA.project(true.joints_m(body)))
    placed = place_person(still, CAMERA, fps=FPS, views=[_view(true, 9, SIZE)], floor=floor, offsets_m=body,
                          config=PlacingConfig(acceleration_m_s2=1e6))  # fmt: skip
    # Nothing pulls but the flesh: capsules of a body of size 1 are thinner than those the map shows.
    assert np.max(np.abs(placed.track.translation_m - true.translation_m)) < 0.01
    without = place_person(still, CAMERA, fps=FPS, floor=floor, offsets_m=body,
                           config=PlacingConfig(acceleration_m_s2=1e6))  # fmt: skip
    np.testing.assert_allclose(without.track.translation_m, true.translation_m, atol=2e-4)
    assert without.scale == pytest.approx(1.0, abs=1e-4)


def test_a_body_of_fixed_size_is_put_on_the_floor_too() -> None:
    true, floor = _scene(30.0)
    estimate = _estimated(true, np.random.default_rng(2))
    placed = place_person(estimate, CAMERA, fps=FPS, floor=floor, config=PlacingConfig(body_scale=0.0))
    assert placed.scale == pytest.approx(1.0, abs=1e-6)
    assert placed.floor_after.median_abs_m < 0.02 < placed.floor_before.median_abs_m


def _problem(seed: int) -> tuple[Problem, Array]:
    true, floor = _scene(25.0, seed, frames=12)
    estimate = _estimated(true, np.random.default_rng(seed), 0.08)
    present = estimate.present.copy()
    present[[4, 5]] = False
    estimate = replace(estimate, present=present)
    rows = np.flatnonzero(present)
    config = PlacingConfig(sole_m=0.02)
    problem = Problem.of(estimate, rows, CAMERA, FPS, floor, config, REST_OFFSETS_M)
    aims = np.full(len(rows), np.nan)
    aims[[1, 6]] = true.translation_m[rows[[1, 6]], 2] + (0.02, 0.9)  # the second is an outlier
    return replace(problem, depth_aim_m=aims), np.append(estimate.translation_m[rows].ravel(), 1.0)


def test_the_jacobian_is_that_of_finite_differences() -> None:
    problem, state = _problem(3)
    state = state + 0.01 * np.random.default_rng(0).standard_normal(len(state))
    residual, jacobian = problem.residuals(state)
    # 2 pixel, 1 distance a pose; 2 depth; a foot each; 3 a triple (the gap of three frames is bridged); the size.
    assert len(residual) == 10 * 3 + 2 + np.count_nonzero(problem.foot >= 0) + 3 * 8 + 1
    numeric = np.empty(jacobian.shape)
    for column in range(len(state)):
        step = np.zeros(len(state))
        step[column] = 1e-6
        numeric[:, column] = (problem.residuals(state + step)[0] - problem.residuals(state - step)[0]) / 2e-6
    np.testing.assert_allclose(jacobian.toarray(), numeric, rtol=1e-5, atol=1e-4)


def test_the_minimum_is_scipys() -> None:
    problem, state = _problem(4)
    found = minimise(problem, state)
    limit = problem.config.huber

    # The last residual, of the size, is squared: many small copies of it are below Huber's limit.
    copies = 400

    def residuals(x: Array) -> Array:
        values = problem.residuals(x)[0]
        return np.append(values[:-1], np.full(copies, values[-1] / np.sqrt(copies)))

    def jacobian(x: Array) -> Array:
        rows = problem.residuals(x)[1].toarray()
        return np.concatenate([rows[:-1], np.tile(rows[-1:] / np.sqrt(copies), (copies, 1))])

    oracle = least_squares(
        residuals, state, jac=jacobian, loss="huber", f_scale=limit, xtol=1e-14, ftol=1e-14, gtol=1e-12, max_nfev=2000
    )
    assert cost_of(problem.residuals(found)[0], limit) <= oracle.cost * (1 + 1e-9)
    np.testing.assert_allclose(found, oracle.x, atol=1e-4)
    assert cost_of(problem.residuals(state)[0], limit) > 2 * oracle.cost


@pytest.mark.parametrize("seen", [True, False])
def test_who_steps_onto_something_is_not_pulled_down_where_depth_shows_it(seen: bool) -> None:
    true, floor = _scene(30.0)
    lift = np.where(np.arange(40) < 20, 0.0, 0.45)[:, None] * floor.normal
    true = replace(true, translation_m=true.translation_m + lift)
    true = replace(true, predicted_2d=CAMERA.project(true.joints_m(SIZE * REST_OFFSETS_M)))
    views = [_view(true, frame) for frame in (3, 12, 25, 36)] if seen else []
    placed = place_person(_estimated(true, np.random.default_rng(1)), CAMERA, fps=FPS, views=views, floor=floor)
    after = np.linalg.norm(placed.track.translation_m - true.translation_m, axis=1)
    if seen:
        assert np.median(after[:15]) < 0.05
        assert np.median(after[25:]) < 0.05
        assert placed.scale == pytest.approx(SIZE, abs=0.02)
    else:  # nothing tells a step from the floor
        assert np.median(after[25:]) > 0.2


def test_a_fast_person_does_not_shrink() -> None:
    """Accelerations count in lengths of the body: a speck near the lens would have none."""
    true, _ = _scene(20.0)
    rng = np.random.default_rng(4)
    wild = true.translation_m + rng.normal(0.0, 0.15, true.translation_m.shape)
    true = replace(true, translation_m=wild)
    true = replace(true, predicted_2d=CAMERA.project(true.joints_m(SIZE * REST_OFFSETS_M)))
    placed = place_person(_estimated(true, rng), CAMERA, fps=FPS, views=[_view(true, 9)])
    assert placed.scale > 0.9


def _posed(angles: dict[str, tuple[float, float, float]], root: tuple[float, float, float] = (0, 0, 0)) -> PersonTrack:
    vectors = np.zeros((1, 22, 3))
    for name, angle in angles.items():
        vectors[0, JOINT_INDEX[name]] = np.radians(angle)
    rotations = np.asarray(matrix_from_rotation_vector(vectors))
    upright = np.diag([1.0, -1.0, -1.0])
    rotations[:, 0] = upright @ np.asarray(matrix_from_rotation_vector(np.radians(np.array(root, dtype=float))))
    return replace(
        PersonTrack.blank(0, [0]), rotations=rotations, present=np.ones(1, np.bool_),
        translation_m=np.array([[0.0, 0.0, 4.0]]),
    )  # fmt: skip


def test_who_stands_and_who_does_not() -> None:
    up = np.array([0.0, -1.0, 0.0])
    sitting = {f"{s}_{j}": (a, 0.0, 0.0) for s in ("left", "right") for j, a in (("hip", -90.0), ("knee", 90.0))}
    cases = [
        (_posed({}), True),
        (_posed({"left_knee": (60.0, 0, 0)}), True),  # a lifted foot
        (_posed(sitting), False),
        (_posed({}, (90.0, 0, 0)), False),  # lies
        (_posed({}, (180.0, 0, 0)), False),  # upside down
        (replace(_posed({}), present=np.zeros(1, np.bool_)), False),
    ]
    assert [bool(standing(track, up)[0]) for track, _ in cases] == [expected for _, expected in cases]


def test_nobody_lying_is_pulled_to_the_floor_by_the_feet() -> None:
    lying = _posed({}, (90.0, 0, 0))
    lying = replace(lying, predicted_2d=CAMERA.project(lying.joints_m()))
    floor = Plane(np.array([0.0, -1.0, 0.0]), 1.5)
    placed = place_person(lying, CAMERA, fps=FPS, floor=floor)
    np.testing.assert_allclose(placed.track.translation_m, lying.translation_m, atol=1e-6)
    assert placed.floor_before.frames == placed.floor_after.frames == 0
    assert np.isnan(placed.floor_after.median_abs_m)


def test_the_report_counts_who_floats_and_who_sinks() -> None:
    true, floor = _scene(30.0)
    body = SIZE * REST_OFFSETS_M
    heights = np.repeat([0.0, 0.10, -0.08, 0.03], 10)
    shifted = replace(true, translation_m=true.translation_m + heights[:, None] * floor.normal)
    report = floor_report(shifted, floor, offsets_m=body)
    assert report.frames == 40
    assert report.floating == pytest.approx(0.25)
    assert report.sinking == pytest.approx(0.25)
    assert report.mean_m == pytest.approx(heights.mean(), abs=1e-6)
    assert report.median_abs_m == pytest.approx(0.055, abs=1e-6)


def test_one_pose_gaps_and_empty_tracks() -> None:
    true, floor = _scene(30.0)
    estimate = _estimated(true, np.random.default_rng(5))
    none = place_person(estimate.without(np.ones(40, np.bool_)), CAMERA, fps=FPS, floor=floor)
    assert none.scale == 1.0
    assert none.floor_after.frames == 0
    np.testing.assert_array_equal(none.track.translation_m, estimate.translation_m)
    only = np.arange(40) != 17
    one = place_person(estimate.without(only), CAMERA, fps=FPS, floor=floor, views=[_view(true, 17), _view(true, 3)])
    assert np.linalg.norm(one.track.translation_m[17] - true.translation_m[17]) < 0.08
    np.testing.assert_array_equal(one.track.translation_m[only], estimate.translation_m[only])


def test_bad_input_is_refused() -> None:
    true, floor = _scene(30.0)
    with pytest.raises(InputError, match=r"expected a mask of \(4, 6\), got \(4, 5\) for a person in frame 7"):
        PersonDepth(7, np.ones((4, 6)), np.ones((4, 5), np.bool_))
    with pytest.raises(InputError, match="expected a frame rate above 0, got 0"):
        place_person(true, CAMERA, fps=0, floor=floor)
    with pytest.raises(InputError, match="expected a value above 0, got 0.0 for floor_m"):
        PlacingConfig(floor_m=0.0)
