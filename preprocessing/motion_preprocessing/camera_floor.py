"""The floor seen by a camera, and the step from the camera's frame to the room's (equations 5.2 to 5.6 of the thesis).

Camera axes are OpenCV's: x right, y down, z forward, metres. The room is Z up with the floor at z = 0; its origin is
the point of the floor below the camera, and the floor's normal is turned onto z by the smallest rotation (Rodrigues),
so that the room's y points where the camera looks.

The thesis regresses z on x and y, with z the optical axis. Ten centimetres along that axis are only 10 sin(pitch) cm
across the floor, and where the camera looks level the floor has no such equation at all: with 3 % depth noise its mean
error is 70 degrees at pitch 0. The default therefore fits the plane n.p + d = 0 by orthogonal distances, which noise
proportional to the depth spreads evenly: a point displaced by a share e along its ray lies e d off the plane, however
far away it is. The refits are made in inverse depth, where that noise is in one variable alone and least squares is
free of bias. The thesis' regression stays selectable by name.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.components import thin
from motion_preprocessing.errors import InputError, MissingExtraError
from motion_preprocessing.planes import MAX_POINTS, FoundPlane, Plane, find_planes, fit_plane, subsample
from motion_preprocessing.rotations import between_vectors

Array = NDArray[np.float64]
FloatArray = NDArray[np.floating[Any]]

METHODS: Final = ("orthogonal", "thesis")
THRESHOLD_M: Final = 0.10
"""Distance from which a point is an outlier, as in the thesis."""
MAX_TILT_DEG: Final = 72.0
"""Largest angle between the floor's normal and the picture's upward direction: pitch and roll together."""
STEEP_DEG: Final = 10.0
"""The thesis' regression is warned about where the normal is nearer to the image plane than this."""
_UP: Final[Array] = np.array([0.0, -1.0, 0.0])
_REFITS: Final = 20
_WIDTH: Final = 2.0
"""Standard deviations at which a point loses its weight: what stands on the floor errs to one side only."""
_NEAREST_M: Final = 0.05
_VOXEL_M: Final = 0.05
_MIN_SHARE: Final = 0.02
_MAX_BELOW: Final = 0.05
_HEIGHTS_M: Final = (0.4, 8.0)


class FloorWarning(UserWarning):
    """The floor was fitted by a method that is not sound for this camera."""


@dataclass(frozen=True)
class WorldFromCamera:
    """The rigid motion p_world = rotation p_camera + translation_m, applied alike to everything a capture holds."""

    rotation: Array
    """(3, 3)."""
    translation_m: Array
    """(3,)."""

    @classmethod
    def from_floor(cls, floor: Plane) -> WorldFromCamera:
        """Put the floor at z = 0, its point below the camera at the origin."""
        rotation = np.asarray(between_vectors(floor.normal, np.array([0.0, 0.0, 1.0])))
        return cls(rotation, np.array([0.0, 0.0, floor.offset]))

    @property
    def matrix(self) -> Array:
        """The homogeneous matrix (4, 4)."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation, self.translation_m
        return matrix

    def points(self, points_m: FloatArray) -> Array:
        """Transform points (..., 3): clouds, joints, pelvis positions."""
        return np.asarray(points_m, dtype=np.float64) @ self.rotation.T + self.translation_m

    def orientations(self, root_rotations: FloatArray) -> Array:
        """Transform global orientations (..., 3, 3): O* = R O."""
        return np.asarray(self.rotation @ np.asarray(root_rotations, dtype=np.float64))

    def local_rotations(self, local_rotations: FloatArray) -> Array:
        """Transform local rotations (..., J, 3, 3): only entry 0 is seen from outside."""
        turned = np.array(local_rotations, dtype=np.float64)
        turned[..., 0, :, :] = self.orientations(turned[..., 0, :, :])
        return turned

    def root_translations(self, translation_m: FloatArray, rest_pelvis_m: FloatArray) -> Array:
        """Transform SMPL's `transl` (..., 3).

        SMPL turns the body about its pelvis, which lies at transl + rest_pelvis_m whatever the orientation. So the
        pelvis is transformed as a point; turning `transl` itself would move the body by (R - 1) rest_pelvis_m, some
        20 cm.

        Args:
            translation_m: (..., 3).
            rest_pelvis_m: (3,) or (..., 3) where the body model has its pelvis at rest, for these shape coefficients.
        """
        rest = np.asarray(rest_pelvis_m, dtype=np.float64)
        return self.points(np.asarray(translation_m, dtype=np.float64) + rest) - rest


def find_camera_floor(
    points_m: FloatArray,
    *,
    is_floor: NDArray[np.bool_] | None = None,
    method: str = "orthogonal",
    threshold_m: float = THRESHOLD_M,
    seed: int = 0,
) -> Plane:
    """Find the floor plane in camera coordinates; its normal points up and its offset is the camera's height.

    Args:
        points_m: (N, 3) the fused cloud of a capture, or any part of it; rows that are not finite are left out.
        is_floor: (N,) the floor's mask; where it is left out the floor is found among the cloud's planes.
        method: 'orthogonal', or 'thesis' for scikit-learn's RANSACRegressor of z on x and y.
        threshold_m: Distance from which a point is an outlier; along z for 'thesis'.
        seed: Of the samples; the same seed gives the same floor.

    Raises:
        InputError: Too few points, points on a line, or no plane that can be a floor.
    """
    if method not in METHODS:
        raise InputError(f"expected {' or '.join(METHODS)}, got '{method}' for the floor method; choose one of these")
    cloud = np.asarray(points_m, dtype=np.float64).reshape(-1, 3)
    finite = np.isfinite(cloud).all(axis=1)
    if is_floor is not None:
        mask = np.asarray(is_floor, dtype=np.bool_).reshape(-1)
        if len(mask) != len(cloud):
            raise InputError(f"expected {len(cloud)} flags, got {len(mask)} for the floor mask; give one a point")
        candidates = cloud[finite & mask]
    else:
        candidates = _floor_points(cloud[finite], seed)
    _refuse_degenerate(candidates)
    if method == "thesis":
        return _regression(candidates, threshold_m, seed)
    return _orthogonal(candidates, threshold_m, seed)


def tilt_deg(floor: Plane) -> tuple[float, float]:
    """Pitch (positive: the camera looks down) and roll of the camera that sees this floor, degrees."""
    x, y, z = floor.normal
    return float(np.degrees(np.arctan2(-z, np.hypot(x, y)))), float(np.degrees(np.arctan2(x, -y)))


def _refuse_degenerate(points: Array) -> None:
    if len(points) < 3:
        raise InputError(f"expected 3 floor points or more, got {len(points)} for the floor; widen the floor mask")
    spread = _spread(points)
    if not spread[1] > 1e-3 * spread[0]:
        raise InputError(
            f"expected floor points that span a plane, got {len(points)} points on a line for the floor; "
            "widen the floor mask"
        )


def _spread(points: Array) -> Array:
    """Singular values of the centred points, largest first."""
    centred = points - points.mean(axis=0)
    return np.sqrt(np.maximum(np.linalg.eigvalsh(centred.T @ centred)[::-1], 0.0))


def _orthogonal(points: Array, threshold_m: float, seed: int) -> Plane:
    """MSAC hypotheses by orthogonal distance, then refits in inverse depth.

    Depth noise moves points along their rays, and it moves the far ones most, so that least squares over points is
    drawn towards the camera: 0.7 degrees at 5 % noise. Along its ray r = p / z a point of the plane satisfies
    1 / z = -(n.r) / d, where the noise is in 1 / z alone. Each residual is divided by the fitted 1 / z, which makes it
    the relative depth error, and times d the distance to the plane.
    """
    cloud = subsample(points, MAX_POINTS, np.random.default_rng(seed))
    plane = fit_plane(cloud, threshold_m, up=_UP, max_angle_deg=MAX_TILT_DEG, seed=seed)
    if not plane.offset > 0:
        raise InputError("expected a floor below the camera, got one above it for the floor; check the floor mask")
    cloud = cloud[cloud[:, 2] > _NEAREST_M]
    rays, inverse_depth = cloud / cloud[:, 2:], 1.0 / cloud[:, 2]
    for _ in range(_REFITS):
        fitted = rays @ plane.normal / -plane.offset
        valid = fitted > 0
        errors = np.where(valid, inverse_depth / np.where(valid, fitted, 1.0) - 1.0, np.inf)
        near = np.abs(errors * plane.offset) < 3 * threshold_m
        if np.count_nonzero(near) < 3:
            break
        # The width follows the noise, which a fixed threshold would cut through: two thirds of it lie beyond 10 cm
        # where a camera at 3 m has 5 % of depth noise.
        width = _WIDTH * max(1.4826 * float(np.median(np.abs(errors[near]))), 0.1 * threshold_m / plane.offset)
        weights = np.maximum(1.0 - np.square(np.where(valid, errors, width) / width), 0.0)
        scaled = rays * (weights / np.where(valid, fitted, 1.0))[:, None]
        solution = np.linalg.lstsq(scaled, inverse_depth * weights / np.where(valid, fitted, 1.0), rcond=None)[0]
        length = float(np.linalg.norm(solution))
        refitted = Plane(np.asarray(-solution / length, dtype=np.float64), 1.0 / length)
        still = refitted.normal @ plane.normal > 1 - 1e-14
        plane = refitted
        if still:
            break
    return plane


def _regression(points: Array, threshold_m: float, seed: int) -> Plane:
    """Equations 5.2 and 5.3 as the thesis has them: z = b_z + b_x x + b_y y by RANSAC with residuals along z."""
    try:
        from sklearn.linear_model import RANSACRegressor
    except ImportError as error:
        raise MissingExtraError.for_extra("scikit-learn", "preprocess") from error
    regression = RANSACRegressor(residual_threshold=threshold_m, random_state=seed)
    try:
        regression.fit(points[:, :2], points[:, 2])
    except ValueError as error:
        raise InputError(
            f"expected floor points within {threshold_m} m of one regression of z on x and y, got none for the floor; "
            "use the orthogonal method"
        ) from error
    slope_x, slope_y = regression.estimator_.coef_
    normal = np.array([-slope_x, -slope_y, 1.0])
    length = float(np.linalg.norm(normal))
    plane = Plane(normal / length, -float(regression.estimator_.intercept_) / length)
    plane = plane if plane.normal @ _UP > 0 else plane.flipped()
    # Where the regression breaks down its normal is too far from the image plane: the sound fit is asked as well.
    sound = _orthogonal(points, threshold_m, seed)
    above_image_deg = min(float(np.degrees(np.arcsin(min(abs(p.normal[2]), 1.0)))) for p in (plane, sound))
    if above_image_deg < STEEP_DEG:
        warnings.warn(
            f"the floor's normal is {above_image_deg:.1f} degrees from the image plane, where a regression of z on x "
            "and y breaks down; use the orthogonal method",
            FloorWarning,
            stacklevel=3,
        )
    return plane


def _floor_points(cloud: Array, seed: int) -> Array:
    """Return the points near the plane that is the floor by its extent, its height and what lies below it."""
    _refuse_degenerate(cloud)
    # A camera sees near things with many points and far ones with few: areas are to decide.
    even = thin(cloud, _VOXEL_M)
    found = [
        side
        for plane in find_planes(even, THRESHOLD_M, seed=seed)
        for side in (plane, FoundPlane(plane.plane.flipped(), plane.share, plane.below, plane.above))
    ]
    allowed = np.cos(np.radians(MAX_TILT_DEG))
    candidates = [
        side
        for side in found
        if side.plane.normal @ _UP >= allowed
        and side.share >= _MIN_SHARE
        and side.below <= _MAX_BELOW + 0.15 * side.share
        and _HEIGHTS_M[0] <= side.plane.offset <= _HEIGHTS_M[1]
    ]
    if not candidates:
        raise InputError(
            "expected a floor with the rest of the cloud above it, got no such plane for the capture; "
            "give a floor mask, or key frames that show more of the floor"
        )
    # Of near-parallel planes the lowest is the floor, where the larger one may be a table or a bed.
    largest = max(candidates, key=lambda side: side.share)
    parallel = [side for side in candidates if side.plane.normal @ largest.plane.normal > np.cos(np.radians(12.0))]
    floor = max(parallel, key=lambda side: side.plane.offset).plane
    near = np.abs(floor.distances(cloud)) < 3 * THRESHOLD_M
    for side in found:
        # The feet of walls would lift the floor where little of it is seen.
        if abs(side.plane.normal @ floor.normal) < np.cos(np.radians(30.0)):
            near &= np.abs(side.plane.distances(cloud)) >= 2 * THRESHOLD_M
    return cloud[near]
