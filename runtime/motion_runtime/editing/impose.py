"""Known parts imposed on the network's clean motion at every denoising step (Tevet et al. 2023, MDM, section 3).

The network predicts x0; what is known of it replaces what it predicted, and the step goes on from there. Replaced at
the known frames alone, x0 would have jumps that the network then has to explain; so a correction is carried on to the
neighbouring frames (`spread`), in this order, each on what the ones before have left:

    place over the floor  ->  facing, about the pelvis  ->  places of joints  ->  turns of joints

Velocities follow the positions. Everything happens in metres, in the canonical frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.pose_vector import ROTATIONS, root_orientation
from motion_preprocessing.rotations import about_z, matrix_to_6d
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime.editing.constraints import Constraints, wrapped
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.editing.spread import Spread, fading, lasting
from motion_runtime.manifest import Normaliser
from motion_runtime.sampler import Step

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

REACH_S: Final = 0.5
"""The correction of a pose dies away within this time."""
TURN_S: Final = 1.0
"""The correction of where a body faces dies away within this time."""


class Imposer:
    """Imposes what is known on pose vectors; how corrections are carried over time is worked out once."""

    def __init__(self, known: Constraints, fps: float) -> None:
        """Prepare for P persons over T frames, `known` in the frame of the pose vectors."""
        self._known = known
        self._fps = fps
        reach, turn = REACH_S * fps, TURN_S * fps
        persons = range(len(known.floor_mask))
        self._floor = {p: lasting(known.floor_mask[p], reach) for p in persons if known.floor_mask[p].any()}
        self._yaw = {p: fading(known.yaw_mask[p], turn) for p in persons if known.yaw_mask[p].any()}
        self._places = _groups(known.position_mask, reach)
        self._turns = _groups(known.rotation_mask[..., 1:], reach)

    def __call__(self, x: Array) -> Array:
        """Impose on pose vectors (P, T, 258) in metres."""
        known = self._known
        lead = x.shape[:2]
        joints = joints_of(x).copy()
        for person, spread in self._floor.items():
            joints[person, ..., :2] += spread(known.floor_m[person] - joints[person, :, 0, :2])[:, None]
        for person, spread in self._yaw.items():
            yaw = heading_rad(root_orientation(joints[person]))
            turn = about_z(spread(wrapped(known.yaw_rad[person] - yaw)))  # (T, 3, 3)
            pelvis = joints[person, :, :1]
            joints[person] = (joints[person] - pelvis) @ turn.swapaxes(-1, -2) + pelvis
        for person, which, spread in self._places:
            joints[person][:, which] += spread((known.positions_m - joints)[person][:, which])
        x = with_joints(x, joints, self._fps)
        six = x[..., ROTATIONS].reshape(*lead, JOINT_COUNT - 1, 6)
        wanted = np.asarray(matrix_to_6d(known.rotations[..., 1:, :, :]))
        for person, which, spread in self._turns:
            six[person][:, which] += spread((wanted - six)[person][:, which])
        x[..., ROTATIONS] = six.reshape(*lead, -1)
        return x


def in_the_loop(
    corrections: Sequence[Callable[[Array], Array]],
    normaliser: Normaliser,
    persons: int,
    frames: int,
    calibrated: Callable[[Floats, Step], Floats] | None = None,
) -> Callable[[Floats, Step], Floats]:
    """Wrap corrections of pose vectors (p, t, 258) in metres for the sampler's normalised and padded (1, P, T, 258).

    Args:
        corrections: Applied one after the other.
        normaliser: The model's.
        persons: Persons p of the request.
        frames: Frames t of the window.
        calibrated: What is done first, with the model's numbers (p, t, 258); None = nothing.

    Returns:
        What `sample` corrects x0 by; it hands back what it is given where there is nothing to correct.
    """

    def correct(x0: Floats, step: Step) -> Floats:
        part = (0, slice(persons), slice(frames))
        answer: Floats = x0[part]
        if not np.isfinite(answer).all():
            return x0  # no motion to correct: the generator says so at the end
        own = answer if calibrated is None else calibrated(answer, step)
        given: Array = normaliser.denormalise(own).astype(np.float64)
        x = given
        for correction in corrections:
            x = correction(x)
        if x is given and own is answer:
            return x0
        result = x0.copy()
        result[part] = own if x is given else normaliser.normalise(x.astype(np.float32))
        return result

    return correct


def _groups(mask: Mask, reach: float) -> list[tuple[int, NDArray[np.int64], Spread]]:
    """Joints of one person that are known at the same frames are carried alike: (person, joints, how)."""
    groups: list[tuple[int, NDArray[np.int64], Spread]] = []
    for person, of_person in enumerate(mask):  # (T, J)
        columns, which = np.unique(of_person, axis=1, return_inverse=True)
        groups += [
            (person, np.flatnonzero(which.reshape(-1) == index), fading(columns[:, index], reach))
            for index in range(columns.shape[1])
            if columns[:, index].any()
        ]
    return groups
