"""Evaluates a body through the package smplx, whose files users may hold; a second opinion on `BodyModel.pose`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.bodies.body_model import BodyModel, PosedBody
from motion_preprocessing.errors import MissingExtraError

FloatArray = NDArray[np.floating[Any]]


def pose_with_smplx(
    model: BodyModel, rotations: FloatArray, betas: FloatArray, translation_m: FloatArray
) -> PosedBody:
    """Pose SMPL, SMPL-H or SMPL-X by smplx's own skinning function, in float32.

    Args:
        model: As read from its file.
        rotations: (N, J, 3, 3) of the first J joints; the others stay at rest.
        betas: (N, B).
        translation_m: (N, 3).
    """
    try:
        from smplx.lbs import lbs
        from smplx.utils import to_tensor
    except ImportError as error:
        raise MissingExtraError.for_extra("smplx", "preprocess") from error
    every = np.broadcast_to(np.eye(3), (len(rotations), model.joint_count, 3, 3)).copy()
    every[:, : rotations.shape[1]] = rotations
    pose = model.pose_directions.reshape(-1, model.pose_directions.shape[-1]).T
    vertices, joints = lbs(
        to_tensor(np.asarray(betas)),
        to_tensor(every),
        to_tensor(model.template_m),
        to_tensor(model.shape_directions[..., : betas.shape[1]]),
        to_tensor(pose),
        to_tensor(model.regressor),
        to_tensor(np.array(model.parents)).long(),
        to_tensor(model.weights),
        pose2rot=False,
    )
    shift = np.asarray(translation_m, dtype=np.float64)[:, None]
    return PosedBody(np.asarray(vertices.numpy() + shift), np.asarray(joints.numpy() + shift))
