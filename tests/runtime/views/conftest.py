"""Cameras, bodies that stand still, and rooms of boards, of which one can say what hides what."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector
from motion_preprocessing.scene import Scene
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.motion import Motion
from motion_runtime.views.camera_file import looking
from motion_runtime.views.view_camera import ViewCamera
from motion_runtime.writer import motion_from_rotations

PELVIS_M = 0.93


@pytest.fixture(scope="session")
def stand() -> Callable[..., Motion]:
    """One frame of people at places (x, y), each facing a yaw; arms hang, or lie along the y axis."""

    def make(*places: tuple[float, float], yaws: tuple[float, ...] = (), arms_down: bool = True) -> Motion:
        vectors = np.zeros((JOINT_COUNT, 3))
        if arms_down:
            vectors[JOINT_INDEX["left_shoulder"], 2], vectors[JOINT_INDEX["right_shoulder"], 2] = -1.2, 1.2
        rotations = np.tile(np.asarray(matrix_from_rotation_vector(vectors)), (len(places), 1, 1, 1, 1))
        for person, yaw in enumerate(yaws or (0.0,) * len(places)):
            rotations[person, 0, 0] = about_z(np.array(yaw)) @ WORLD_FROM_BODY
        roots = np.array([[(x, y, PELVIS_M)] for x, y in places])
        return motion_from_rotations(rotations, roots, 20.0)

    return make


@pytest.fixture(scope="session")
def camera_at() -> Callable[..., ViewCamera]:
    """A camera of 1280 x 720 pixels at a place, looking at another one."""

    def make(
        place: tuple[float, float, float],
        target: tuple[float, float, float] = (0.0, 0.0, 1.0),
        focal_px: float = 900.0,
        distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0),
    ) -> ViewCamera:
        pose = looking(np.array(place), np.array(target), None)
        rows = tuple(map(tuple, pose.tolist()))
        return ViewCamera("one", 1280, 720, focal_px, focal_px, 640.0, 360.0, rows, distortion)

    return make


@pytest.fixture(scope="session")
def board() -> Callable[..., Scene]:
    """A room that is one upright board across the x axis, as scanned: points 1.5 cm apart, somewhat out of line."""

    def make(x: float, y: tuple[float, float] = (-1.5, 1.5), z: tuple[float, float] = (0.0, 2.4)) -> Scene:
        sides = [np.linspace(low, high, math.ceil((high - low) / 0.015)) for low, high in (y, z)]
        flat = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
        points = np.column_stack([np.full(len(flat), x), flat])
        points += np.random.default_rng(0).uniform(-0.004, 0.004, points.shape)
        points = np.clip(points, [-np.inf, y[0], z[0]], [np.inf, y[1], z[1]])
        none = np.full(len(points), -1, dtype=np.int32)
        return Scene(points.astype(np.float32), none, none, None, (), np.eye(4))

    return make
