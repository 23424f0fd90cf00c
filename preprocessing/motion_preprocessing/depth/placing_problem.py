"""What is known of where a person is, as one least-squares problem over all frames of a track.

The unknowns are the translations t of the frames and the size s of the body. Each residual (`placing` names them) is
taken over its standard deviation under Huber's loss (the size's is squared: one number must hold against all frames);
the minimum is found by Gauss-Newton steps with iteratively reweighted least squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.errors import InputError, MissingExtraError
from motion_preprocessing.planes import Plane
from motion_preprocessing.poses.track import PersonTrack
from motion_preprocessing.skeleton import FEET, REST_OFFSETS_M, rest_joints

Array = NDArray[np.float64]

UPRIGHT: Final = 0.85
"""Who holds the pelvis higher above the lower foot than this part of the straight leg stands or walks."""
_STEPS: Final = 40
_SETTLED_M: Final = 1e-7


@dataclass(frozen=True)
class PlacingConfig:
    """Standard deviations of what is known, and what counts as known at all."""

    pixel: float = 0.01
    """Of the joints' mean place, parts of the person's size in the picture."""
    distance: float = 0.05
    """Of the estimator's distance in one frame, relative."""
    depth: float = 0.03
    """Of the depth map as a whole at a person, relative."""
    floor_m: float = 0.02
    """Of the lower foot's height."""
    acceleration_m_s2: float = 3.0
    """Of a walking pelvis."""
    body_scale: float = 0.05
    """Of the body's size; 0 takes every body for one of size 1."""
    sole_m: float = 0.0
    """Height of the foot joints of a body that stands on the floor: 0 for the project's skeleton."""
    step_m: float = 0.10
    """A foot this far above the track's lowest level, as seen without the floor's help, is on something else."""
    level_m: float = 0.15
    """A lowest level farther from the floor than this is that of something else."""
    huber: float = 1.5
    """Standard deviations from which a residual counts linearly."""
    min_pixels: int = 30
    """Of a mask that see the body; fewer say nothing."""
    rounds: int = 4
    """How often the surface is looked for anew."""

    def __post_init__(self) -> None:
        for name in ("pixel", "distance", "depth", "floor_m", "acceleration_m_s2", "step_m", "level_m", "huber"):
            if not getattr(self, name) > 0:
                raise InputError(f"expected a value above 0, got {getattr(self, name)} for {name}; correct it")


def standing(track: PersonTrack, up: Array, offsets_m: Array = REST_OFFSETS_M) -> NDArray[np.bool_]:
    """Return in which frames (T,) the pose is that of somebody on straight legs, wherever the person is.

    Args:
        track: With poses.
        up: (3,) the floor's normal in the camera frame.
        offsets_m: (22, 3) the body.
    """
    height = track.joints_m(offsets_m) @ up
    rest = rest_joints(offsets_m)
    leg = float(rest[0, 1] - rest[list(FEET), 1].mean())
    feet = height[:, list(FEET)].min(axis=1)
    # A foot above the head: somebody upside down or lying with raised legs.
    return np.asarray(track.present & (height[:, 0] - feet > UPRIGHT * leg) & (height[:, 15] > height[:, 0]))


@dataclass(frozen=True, eq=False)
class Problem:
    """The residuals of one track with N poses; the unknowns are t (N, 3) flattened, then s."""

    camera: Intrinsics
    config: PlacingConfig
    reach_m: Array
    """(N, 22, 3) joints relative to `t` for s = 1."""
    pixels: Array
    """(N, 22, 2) that stay."""
    size_px: Array
    """(N,) the person's size in the picture."""
    distance_m: Array
    """(N,) the estimator's pelvis depth."""
    depth_aim_m: Array
    """(N,) pelvis depth that the depth map asks for; NaN where it says nothing."""
    floor: Plane | None
    foot: NDArray[np.int64]
    """(N,) joint that is on the floor; -1 where nobody stands."""
    triples: NDArray[np.int64]
    """(M, 3) neighbouring poses."""
    gaps: Array
    """(M, 2) frames between them."""
    fps: float

    @classmethod
    def of(
        cls, track: PersonTrack, rows: NDArray[np.int64], camera: Intrinsics, fps: float, floor: Plane | None,
        config: PlacingConfig, offsets_m: Array,
    ) -> Problem:  # fmt: skip
        """Gather what the track says of its frames `rows`."""
        reach = track.joints_m(offsets_m)[rows] - track.translation_m[rows][:, None]
        pixels = track.predicted_2d[rows]
        foot = np.full(len(rows), -1, dtype=np.int64)
        if floor is not None:
            lower = np.array(FEET)[np.argmin(reach[:, list(FEET)] @ floor.normal, axis=1)]
            foot = np.where(standing(track, floor.normal, offsets_m)[rows], lower, -1)
        step = np.diff(track.frames[rows])
        # Across a longer gap nothing is known of the velocity.
        near = step <= max(int(fps), 1)
        middle = np.flatnonzero(near[:-1] & near[1:]) + 1
        return cls(
            camera, config, reach, pixels, np.hypot(*np.ptp(pixels, axis=1).T),
            track.translation_m[rows, 2] + reach[:, 0, 2], np.full(len(rows), np.nan), floor, foot,
            np.stack([middle - 1, middle, middle + 1], axis=-1),
            np.stack([step[middle - 1], step[middle]], axis=-1).astype(np.float64), fps,
        )  # fmt: skip

    def joints_m(self, state: Array) -> Array:
        """Return the joints (N, 22, 3) in the camera frame."""
        return np.asarray(state[:-1].reshape(-1, 1, 3) + state[-1] * self.reach_m)

    def residuals(self, state: Array) -> tuple[Array, Any]:
        """Return the residuals (R,), each over its standard deviation, and their Jacobian (R, 3 N + 1), sparse."""
        from scipy.sparse import coo_matrix

        camera, config = self.camera, self.config
        joints = self.joints_m(state)
        count = len(joints)
        scale = state[-1]
        values: list[Array] = []
        entries: list[tuple[NDArray[Any], NDArray[Any], Array]] = []
        total = 0

        def add(residual: Array, columns: NDArray[Any], derivative: Array) -> None:
            nonlocal total
            number = len(residual)
            row = np.broadcast_to(np.arange(total, total + number)[:, None], columns.shape)
            values.append(residual)
            entries.append((row.ravel(), columns.ravel(), derivative.ravel()))
            total += number

        unknowns = 3 * np.arange(count)[:, None] + np.arange(3)
        last = np.full((count, 1), 3 * count)
        inverse = 1.0 / np.maximum(joints[..., 2], 1e-3)
        sigma = config.pixel * np.maximum(self.size_px, 1.0)
        for axis, focal, centre in ((0, camera.fx, camera.cx), (1, camera.fy, camera.cy)):
            place = focal * joints[..., axis] * inverse
            by_joint = np.zeros_like(joints)
            by_joint[..., axis] = focal * inverse
            by_joint[..., 2] = -place * inverse
            by_scale = np.sum(by_joint * self.reach_m, axis=-1).mean(axis=1)
            residual = (place + centre - self.pixels[..., axis]).mean(axis=1)
            derivative = np.concatenate([by_joint.mean(axis=1), by_scale[:, None]], axis=1)
            add(residual / sigma, np.concatenate([unknowns, last], axis=1), derivative / sigma[:, None])
        pelvis = joints[:, 0, 2]
        relative = pelvis / (scale * self.distance_m)
        by_z = 1.0 / (scale * self.distance_m)
        derivative = np.stack([by_z, by_z * self.reach_m[:, 0, 2] - relative / scale], axis=1)
        columns = np.concatenate([unknowns[:, 2:], last], axis=1)
        add((relative - 1.0) / config.distance, columns, derivative / config.distance)
        aimed = np.flatnonzero(np.isfinite(self.depth_aim_m))
        if len(aimed):
            sigma = config.depth * self.distance_m[aimed]
            derivative = np.stack([np.ones(len(aimed)), self.reach_m[aimed, 0, 2]], axis=1) / sigma[:, None]
            columns = np.concatenate([unknowns[aimed, 2:], last[aimed]], axis=1)
            add((pelvis[aimed] - self.depth_aim_m[aimed]) / sigma, columns, derivative)
        stands = np.flatnonzero(self.foot >= 0)
        if self.floor is not None and len(stands):
            normal = self.floor.normal
            sole = joints[stands, self.foot[stands]] @ normal + self.floor.offset - scale * config.sole_m
            by_scale = self.reach_m[stands, self.foot[stands]] @ normal - config.sole_m
            derivative = np.concatenate([np.broadcast_to(normal, (len(stands), 3)), by_scale[:, None]], axis=1)
            columns = np.concatenate([unknowns[stands], last[stands]], axis=1)
            add(sole / config.floor_m, columns, derivative / config.floor_m)
        if len(self.triples):
            before, now, after = self.triples.T
            sigma = config.acceleration_m_s2 * self.gaps.mean(axis=1) / self.fps**2  # metres a frame
            a, b = 1.0 / (self.gaps[:, 0] * sigma), 1.0 / (self.gaps[:, 1] * sigma)
            # In lengths of the body: a shrunken one would stand still for nothing.
            derivative = np.stack([a, -a - b, b], axis=1) / scale
            place = state[:-1].reshape(-1, 3)
            for axis in range(3):
                change = b * (place[after, axis] - place[now, axis]) - a * (place[now, axis] - place[before, axis])
                residual = change / scale
                columns = np.concatenate([unknowns[self.triples, axis], last[: len(now)]], axis=1)
                add(residual, columns, np.concatenate([derivative, -residual[:, None] / scale], axis=1))
        spread = config.body_scale or 1e-9
        add(np.array([np.log(scale) / spread]), last[:1], np.array([[1.0 / (scale * spread)]]))
        row, column, entry = (np.concatenate([part[i] for part in entries]) for i in range(3))
        return np.concatenate(values), coo_matrix((entry, (row, column)), shape=(total, 3 * count + 1)).tocsr()


def cost_of(residuals: Array, limit: float) -> float:
    """Return the sum of Huber's loss, r^2 / 2 up to `limit` and linear beyond; the last, of the size, is squared."""
    size = np.abs(residuals[:-1])
    huber = np.where(size <= limit, 0.5 * size * size, limit * (size - 0.5 * limit)).sum()
    return float(huber + 0.5 * residuals[-1] ** 2)


def minimise(problem: Problem, state: Array) -> Array:
    """Return the unknowns with the smallest Huber cost, from `state` on."""
    try:
        from scipy.sparse import diags
        from scipy.sparse.linalg import spsolve
    except ImportError as error:
        raise MissingExtraError.for_extra("scipy", "preprocess") from error
    limit = problem.config.huber
    residual, jacobian = problem.residuals(state)
    cost = cost_of(residual, limit)
    for _ in range(_STEPS):
        weight = limit / np.maximum(np.abs(residual), limit)
        weight[-1] = 1.0
        normal = jacobian.T @ diags(weight) @ jacobian
        # A speck on the diagonal: a frame that nothing but its pixel ties down still has one solution.
        step = spsolve((normal + 1e-9 * diags(normal.diagonal())).tocsc(), -(jacobian.T @ (weight * residual)))
        factor = 1.0
        while factor > 1e-3:
            trial = state + factor * step
            trial[-1] = max(trial[-1], state[-1] / 2)  # a size has a logarithm
            new_residual, new_jacobian = problem.residuals(trial)
            new_cost = cost_of(new_residual, limit)
            if new_cost <= cost and np.all(problem.joints_m(trial)[..., 2] > 1e-3):
                break
            factor /= 2
        else:
            return state
        settled = np.max(np.abs(trial - state)) < _SETTLED_M
        state, residual, jacobian, cost = trial, new_residual, new_jacobian, new_cost
        if settled:
            break
    return state
