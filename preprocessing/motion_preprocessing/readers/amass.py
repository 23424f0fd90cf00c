"""Reader of AMASS: a tree DATASET/SUBJECT/TAKE.npz of SMPL parameters, z up, metres.

    SMPL-H   trans (T, 3), poses (T, 156), betas, gender, mocap_framerate
    SMPL-X   trans (T, 3), root_orient (T, 3), pose_body (T, 63) (or poses (T, 165)), betas, gender, mocap_frame_rate

Rotations are axis * angle of SMPL's joints; the first 22 are the same in all of its models and are copied. The pelvis
lies at `trans` plus a constant that depends on the body's shape, so its path is known but for a shift, which the floor
and the canonical frame take off. Without the licensed body model the legs' length is not known: the scale of the path
is the one at which feet stand still (`body_motion.stance_scale`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.readers.actions import action_of_text
from motion_preprocessing.readers.body_motion import (
    SHORTEST_S,
    BodyMotion,
    resampled,
    stance_scale,
    stand_on_floor,
)
from motion_preprocessing.readers.files import check_array, check_frame_rate, read_npz
from motion_preprocessing.readers.licences import AMASS, AMASS_CREDITS
from motion_preprocessing.readers.reading import Taken
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_preprocessing.splits import load_splits

POSE_WIDTHS: Final = (72, 156, 165)
"""SMPL, SMPL-H, SMPL-X."""
RATE_NAMES: Final = ("mocap_framerate", "mocap_frame_rate", "mocap_frame_rates")

VALIDATION: Final = frozenset({"HumanEva", "MPI_HDM05", "HDM05", "SFU", "MPI_mosh", "MoSh"})
TEST: Final = frozenset({"Transitions_mocap", "Transitions", "SSM_synced", "SSM"})
"""The sub-datasets that the collection's own body prior was validated and tested on."""

LEAD_IN_S: Final[Mapping[str, float]] = MappingProxyType(
    {"Eyes_Japan_Dataset": 3.0, "MPI_HDM05": 3.0, "HDM05": 3.0, "TotalCapture": 1.0, "MPI_Limits": 1.0,
     "PosePrior": 1.0, "Transitions_mocap": 0.5, "Transitions": 0.5}
)  # fmt: skip
"""Seconds of a calibration pose at the beginning of these sub-datasets' takes, as HumanML3D cuts them off."""

_NO_MOTION: Final = re.compile(r"^(shape|neutral_stagei|male_stagei|female_stagei)$|_stagei$")
_ENDINGS: Final = re.compile(r"_(poses|stageii)$")


class Amass:
    """The takes of one folder."""

    title: Final = "AMASS"
    credits: Final = AMASS_CREDITS

    def __init__(self, folder: Path) -> None:
        """List the takes.

        Raises:
            InputError: There is no .npz in the folder.
        """
        self._folder = folder
        files = sorted(path for path in folder.rglob("*.npz") if not _NO_MOTION.search(path.stem))
        if not files:
            raise InputError(f"expected DATASET/SUBJECT/*.npz, got no .npz for {folder}; check the folder")
        self._files = {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}
        self._splits = load_splits()

    @property
    def takes(self) -> Sequence[str]:
        """Names of the takes, their path without the ending."""
        return tuple(self._files)

    def read(self, take: str, fps: float) -> Taken:
        """Make the sequence of a take.

        Raises:
            InputError: The file is bad.
        """
        path = self._files[take]
        motion = read_amass(path)
        # The folder given may be the whole tree, one collection or one subject.
        *_, collection, subject, stem = (*self._folder.resolve().parts[-2:], *take.split("/"))
        motion = motion.part(LEAD_IN_S.get(collection, 0.0), motion.seconds)
        name = "amass_" + _ENDINGS.sub("", take).replace("/", "_").replace(" ", "_")
        if motion.seconds < SHORTEST_S:
            return Taken((), (name,))
        scale = stance_scale(motion)
        motion = BodyMotion(motion.local_rotations, scale * motion.root_position_m, motion.fps)
        [motion] = stand_on_floor([motion])
        motion = resampled(motion, fps)
        label = label_of(stem)
        sequence = MotionSequence(
            name=name,
            fps=fps,
            local_rotations=motion.local_rotations.astype(np.float32),
            root_position_m=motion.root_position_m.astype(np.float32),
            captions=(),
            action=action_of_text(label),
            person_class="person",
            subject=f"amass_{collection}_{subject}".replace(" ", "_").strip("_"),
            split=self._split(collection, subject),
            pair="",
            source=f"AMASS {path.relative_to(self._folder).as_posix()}",
            licence=AMASS,
            label=label,
        )
        return Taken((sequence,))

    def _split(self, collection: str, subject: str) -> str:
        """Keep out of training who is kept out elsewhere: CMU's subjects are those of the project's own table."""
        if collection == "CMU":
            return self._splits.of_subject(subject)
        return "validation" if collection in VALIDATION else "test" if collection in TEST else "train"


def label_of(stem: str) -> str:
    """Return the words of a file's name: 'B3 - walk1_poses' -> 'b walk'; names without words give ''."""
    words = re.findall(r"[A-Za-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", _ENDINGS.sub("", stem)))
    return " ".join(word.lower() for word in words if len(word) > 1)


def read_amass(path: Path) -> BodyMotion:
    """Read a take at its own frame rate and size; the floor is where the file has it.

    Raises:
        InputError: The file is no AMASS motion, its arrays disagree, hold NaN, or its frame rate is none.
    """
    arrays = read_npz(path)
    fps = _frame_rate(arrays, path)
    if "trans" not in arrays:
        raise InputError(f"expected an array 'trans', got {_names(arrays)} for {path}; is it an AMASS motion?")
    trans = check_array(arrays["trans"], (3,), "translations", path)
    if "root_orient" in arrays and "pose_body" in arrays:
        root = check_array(arrays["root_orient"], (3,), "root orientations", path)
        body = check_array(arrays["pose_body"], (3 * (JOINT_COUNT - 1),), "body poses", path)
        if len(root) != len(body):
            raise InputError(f"expected {len(root)} body poses, got {len(body)} for {path}; the file is damaged")
        vectors = np.concatenate([root, body], axis=1)
    elif "poses" in arrays:
        width = arrays["poses"].shape[-1] if arrays["poses"].ndim else 0
        if width not in POSE_WIDTHS:
            widths = ", ".join(map(str, POSE_WIDTHS))
            raise InputError(f"expected poses {widths} numbers wide, got {width} for {path}; is it an AMASS motion?")
        vectors = check_array(arrays["poses"], (width,), "poses", path)[:, : 3 * JOINT_COUNT]
    else:
        raise InputError(f"expected an array 'poses', got {_names(arrays)} for {path}; is it an AMASS motion?")
    if len(vectors) != len(trans):
        raise InputError(f"expected {len(trans)} poses as of translations, got {len(vectors)} for {path}; mend it")
    rotations = np.asarray(matrix_from_rotation_vector(vectors.reshape(len(vectors), JOINT_COUNT, 3)))
    return BodyMotion(rotations, trans, fps)


def _frame_rate(arrays: Mapping[str, NDArray[Any]], path: Path) -> float:
    found = [arrays[name] for name in RATE_NAMES if name in arrays]
    if not found:
        raise InputError(f"expected an array '{RATE_NAMES[0]}', got {_names(arrays)} for {path}; is it AMASS?")
    return check_frame_rate(found[0], path)


def _names(arrays: Mapping[str, NDArray[Any]]) -> str:
    return ", ".join(sorted(arrays)) or "none"
