"""InterHuman's takes as SMPL parameters: motions/ID.pkl, z up, metres, at their own frame rate.

    {'mocap_framerate': float,
     'person1': {'trans': (T, 3), 'root_orient': (T, 3), 'pose_body': (T, 63), ...}, 'person2': the same}

Rotations are axis * angle and are copied, the root's orientation included. As in AMASS the pelvis lies at `trans` plus
a constant of the body's shape, some centimetres different for two people, and the scale is the one at which feet stand
still, the mean of the two. The pickle is read as data (`poses.pickle_data`): nothing in it is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from motion_preprocessing.errors import InputError
from motion_preprocessing.poses.pickle_data import read_pickle_data
from motion_preprocessing.readers.body_motion import BodyMotion, stance_scale
from motion_preprocessing.readers.files import check_array, check_frame_rate
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_COUNT

PEOPLE: Final = ("person1", "person2")
RATE: Final = "mocap_framerate"
_WIDTHS: Final = {"trans": 3, "root_orient": 3, "pose_body": 3 * (JOINT_COUNT - 1)}


def read_parameters(path: Path) -> list[BodyMotion]:
    """Read the two people of a take, scaled to the project's skeleton; the floor is where the file has it.

    Raises:
        InputError: The file is missing, damaged, more than data, or of another layout.
    """
    take = read_pickle_data(path)
    if not isinstance(take, Mapping) or not all(isinstance(take.get(name), Mapping) for name in PEOPLE):
        raise InputError(f"expected a dict with person1 and person2, got other data for {path}; is it InterHuman?")
    fps = check_frame_rate(take.get(RATE), path)
    people = [_person(take[name], fps, name, path) for name in PEOPLE]
    counts = [len(person.root_position_m) for person in people]
    if counts[0] != counts[1]:
        raise InputError(
            f"expected two people with as many frames, got {counts[0]} and {counts[1]} for {path}; leave the take out"
        )
    scale = float(np.mean([stance_scale(person) for person in people]))
    return [replace(person, root_position_m=scale * person.root_position_m) for person in people]


def _person(values: Mapping[str, Any], fps: float, name: str, path: Path) -> BodyMotion:
    arrays = {}
    for field, width in _WIDTHS.items():
        if field not in values:
            raise InputError(f"expected '{field}' of {name}, got none for {path}; is it InterHuman?")
        value = np.asarray(values[field])
        if value.ndim == 3:
            value = value.reshape(len(value), -1)
        arrays[field] = check_array(value, (width,), f"{field} of {name}", path)
    if len({len(array) for array in arrays.values()}) > 1:
        counts = ", ".join(str(len(array)) for array in arrays.values())
        raise InputError(f"expected as many frames of all parameters, got {counts} for {name} of {path}; leave it out")
    vectors = np.concatenate([arrays["root_orient"], arrays["pose_body"]], axis=1).reshape(-1, JOINT_COUNT, 3)
    return BodyMotion(np.asarray(matrix_from_rotation_vector(vectors)), arrays["trans"], fps)
