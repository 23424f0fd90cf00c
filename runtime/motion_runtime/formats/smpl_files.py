"""Motion as parameters of SMPL, SMPL-H and SMPL-X, in the fields of AMASS (Mahmood et al. 2019) and of plain SMPL.

The first 22 joints are the same in all three bodies and so are their rotations; those beyond (hands, jaw, eyes) rest.
A body turns about its pelvis, which lies at J_0(beta) + trans whatever the pose, so trans = pelvis - J_0(beta). J_0 is
that of the body model that is given, else that of the published neutral mean bodies. z is up, as in AMASS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.bodies.body_model import BodyModel
from motion_preprocessing.rotations import quaternion_from_matrix, rotation_vector_from_quaternion
from motion_preprocessing.skeleton import SMPL_PELVIS_M, SMPLX_PELVIS_M
from motion_runtime.formats.arrays import write_arrays
from motion_runtime.formats.skin import fitted_betas
from motion_runtime.motion import Motion

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

AMASS_BETAS: Final = 16
SMPL_BETAS: Final = 10


@dataclass(frozen=True, eq=False)
class Parameters:
    """One person as every body of the family has them."""

    vectors: Array
    """(T, 22, 3) axis times angle, radians; entry 0 turns the body in the world, z up."""
    trans_m: Array
    """(T, 3)."""
    betas: Array
    """(B,) shape."""
    fps: float


def parameters(motion: Motion, person: int, model: BodyModel | None, mean_pelvis_m: tuple[float, ...]) -> Parameters:
    """Turn one person's motion into parameters.

    Args:
        motion: The motion.
        person: Which of its people.
        model: Body whose shape is fitted to the skeleton; None = the mean shape.
        mean_pelvis_m: J_0 where there is no model.
    """
    pelvis = np.array(mean_pelvis_m)
    betas = np.zeros(0)
    if model is not None:
        betas = fitted_betas(model)
        pelvis = model.rest_joints_m(betas)[0]
    quaternions = quaternion_from_matrix(motion.local_rotations[person].astype(np.float64))
    vectors = np.asarray(rotation_vector_from_quaternion(quaternions))
    return Parameters(vectors, motion.root_position_m[person].astype(np.float64) - pelvis, betas, motion.fps)


def amass_smplh(motion: Motion, person: int, model: BodyModel | None = None) -> Arrays:
    """AMASS' arrays of SMPL-H: `poses` holds 52 joints, the last 30 of them the hands."""
    found = parameters(motion, person, model, SMPL_PELVIS_M)
    frames = motion.frames
    return {
        "trans": found.trans_m,
        "gender": np.array("neutral"),
        "mocap_framerate": np.array(found.fps),
        "betas": _padded(found.betas, AMASS_BETAS),
        "dmpls": np.zeros((frames, 8)),
        "poses": np.concatenate([found.vectors.reshape(frames, -1), np.zeros((frames, 90))], axis=1),
    }


def amass_smplx(motion: Motion, person: int, model: BodyModel | None = None) -> Arrays:
    """AMASS' arrays of SMPL-X: `poses` holds 55 joints in the order root, body, jaw, eyes, hands."""
    found = parameters(motion, person, model, SMPLX_PELVIS_M)
    frames = motion.frames
    parts = {
        "root_orient": found.vectors[:, 0],
        "pose_body": found.vectors[:, 1:].reshape(frames, -1),
        "pose_jaw": np.zeros((frames, 3)),
        "pose_eye": np.zeros((frames, 6)),
        "pose_hand": np.zeros((frames, 90)),
    }
    return {
        "gender": np.array("neutral"),
        "surface_model_type": np.array("smplx"),
        # With an underscore that the files of SMPL-H have not.
        "mocap_frame_rate": np.array(found.fps),
        "mocap_time_length": np.array(frames / found.fps),
        "trans": found.trans_m,
        "betas": _padded(found.betas, AMASS_BETAS),
        "num_betas": np.array(AMASS_BETAS),
        "poses": np.concatenate(list(parts.values()), axis=1),
        **parts,
    }


def smpl(motion: Motion, person: int, model: BodyModel | None = None) -> Arrays:
    """Arguments of the package smplx's SMPL: its 23 body joints end with the two hands, which rest."""
    found = parameters(motion, person, model, SMPL_PELVIS_M)
    frames = motion.frames
    body = np.concatenate([found.vectors[:, 1:].reshape(frames, -1), np.zeros((frames, 6))], axis=1)
    return {
        "global_orient": found.vectors[:, 0].astype(np.float32),
        "body_pose": body.astype(np.float32),
        "betas": _padded(found.betas, SMPL_BETAS).astype(np.float32),
        "transl": found.trans_m.astype(np.float32),
        "gender": np.array("neutral"),
        "fps": np.array(found.fps),
        "up_axis": np.array("z"),
    }


def write_people(
    folder: Path,
    motion: Motion,
    suffix: str,
    arrays_of: Callable[[Motion, int, BodyModel | None], Arrays],
    model: BodyModel | None,
) -> None:
    """Write `person_<n>_<suffix>.npz` for everybody.

    Raises:
        OutputError: A file could not be written.
    """
    for person in range(motion.persons):
        known = {"person_class": np.array(motion.person_classes[person]), "prompt": np.array(motion.prompts[person])}
        write_arrays(folder / f"person_{person}_{suffix}.npz", arrays_of(motion, person, model) | known)


def _padded(betas: Array, count: int) -> Array:
    padded = np.zeros(count)
    padded[: min(len(betas), count)] = betas[:count]
    return padded
