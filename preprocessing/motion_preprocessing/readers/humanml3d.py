"""Reader of HumanML3D in its public layout.

    new_joints/ID.npy        (T, 22, 3) joints, 20 frames a second, y up, metres
    new_joint_vecs/ID.npy    (T, 263) features of the same frames (`humanml3d_features`)
    texts/ID.txt             captions, some of them about a part of the take (`humanml3d_texts`)
    train.txt, val.txt, test.txt   the takes of the splits; an M before the number is the mirror image

Joints hold no twist, so rotations come from inverse kinematics (`inverse_kinematics`). A part of a take with captions
of its own becomes a sequence of its own; the whole take becomes one if a caption speaks of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.mirror import mirror_text
from motion_preprocessing.readers.actions import action_of_text
from motion_preprocessing.readers.body_motion import (
    SHORTEST_S,
    BodyMotion,
    hips_middle,
    mean_leg_length_m,
    resampled,
    root_under_hips,
    stand_on_floor,
)
from motion_preprocessing.readers.files import read_array, read_splits
from motion_preprocessing.readers.humanml3d_features import FEATURES, FPS, check_features, joints_from_features
from motion_preprocessing.readers.humanml3d_texts import by_span, read_annotations
from motion_preprocessing.readers.inverse_kinematics import (
    SHORTEST_BONE_M,
    rotations_from_joints,
    shortest_bone_m,
)
from motion_preprocessing.readers.licences import HUMANML3D, HUMANML3D_CREDITS
from motion_preprocessing.readers.reading import Source, Taken
from motion_preprocessing.retarget import project_leg_length_m
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import JOINT_COUNT, WORLD_FROM_BODY

FROM: Final = ("auto", "joints", "features")
MIRROR: Final = ("skip", "files", "make")
MIRROR_MARK: Final = "M"


@dataclass(frozen=True)
class HumanML3DOptions:
    """How to read the collection."""

    motion: str = "auto"
    """'joints' reads new_joints, 'features' reads new_joint_vecs, 'auto' the first of the two that a take has."""
    mirror: str = "skip"
    """What to do with takes marked M: 'skip' them (training mirrors by itself), read their 'files', or 'make' them."""
    splits: tuple[str, ...] = ()
    """Which splits to read ('train', 'val', 'test'); none takes all lists that are there."""


class HumanML3D:
    """The takes of one folder."""

    title: Final = "HumanML3D"
    credits: Final = HUMANML3D_CREDITS

    def __init__(self, folder: Path, options: HumanML3DOptions | None = None) -> None:
        """Read the split lists.

        Raises:
            InputError: An option or a split is unknown, or a list is missing.
        """
        self._folder = folder
        self._options = options or HumanML3DOptions()
        for value, allowed, what in ((self._options.motion, FROM, "motion"), (self._options.mirror, MIRROR, "mirror")):
            if value not in allowed:
                raise InputError(f"expected one of {', '.join(allowed)}, got '{value}' for {what}; choose one")
        listed = read_splits([folder], self._options.splits)
        if self._options.mirror == "skip":
            listed = [(take, split) for take, split in listed if not take.startswith(MIRROR_MARK)]
        self._splits = dict(listed)

    @property
    def takes(self) -> Sequence[str]:
        """Names of the takes, in the lists' order."""
        return tuple(self._splits)

    def read(self, take: str, fps: float) -> Taken:
        """Make the sequences of a take.

        Raises:
            InputError: A file of it is missing or bad.
        """
        original = take.removeprefix(MIRROR_MARK)
        make = take != original and self._options.mirror == "make"
        file = original if make else take
        groups = by_span(read_annotations(self._folder / "texts" / f"{file}.txt"))
        path, source_joints = self._joints(file)
        motion = body_from_joints(source_joints, path)
        joints_before = motion.joints_m()
        [motion] = stand_on_floor([motion])
        if make:
            motion = motion.mirrored()
            groups = {span: tuple(map(mirror_text, captions)) for span, captions in groups.items()}
        sequences, dropped = [], []
        for span, captions in groups.items():
            part = motion if span is None else motion.part(*span)
            name = f"humanml3d_{take}" + ("" if span is None else f"_{span[0]:g}-{span[1]:g}s")
            if part.seconds < SHORTEST_S:
                dropped.append(name)
                continue
            part = resampled(part, fps)
            sequences.append(
                MotionSequence(
                    name=name,
                    fps=fps,
                    local_rotations=part.local_rotations.astype(np.float32),
                    root_position_m=part.root_position_m.astype(np.float32),
                    captions=captions,
                    action=action_of_text(captions[0]),
                    person_class="person",
                    subject=f"humanml3d_{original}",
                    split=self._splits[take],
                    pair="",
                    source=f"HumanML3D {path.relative_to(self._folder)}" + (", mirrored" if make else ""),
                    licence=HUMANML3D,
                )
            )
        return Taken(tuple(sequences), tuple(dropped), (Source(source_joints, joints_before, FPS),))

    def _joints(self, take: str) -> tuple[Path, NDArray[np.float64]]:
        """Return the file that was read and joints (T, 22, 3), z up."""
        joints_path = self._folder / "new_joints" / f"{take}.npy"
        features_path = self._folder / "new_joint_vecs" / f"{take}.npy"
        kind = self._options.motion
        if kind == "auto":
            kind = "features" if features_path.is_file() and not joints_path.is_file() else "joints"
        if kind == "joints":
            path = joints_path
            joints = read_array(path, (JOINT_COUNT, 3), "joints")
        else:
            path = features_path
            features = read_array(path, (FEATURES,), "HumanML3D features")
            check_features(features, path)
            joints = joints_from_features(features)
        return path, joints @ WORLD_FROM_BODY.T


def body_from_joints(joints_m: NDArray[np.float64], path: Path, fps: float = FPS) -> BodyMotion:
    """Take joints (T, 22, 3), z up, of any bone lengths to the project's skeleton.

    Raises:
        InputError: Two neighbouring joints coincide, so that a bone has no direction.
    """
    shortest = shortest_bone_m(joints_m)
    if shortest < SHORTEST_BONE_M:
        raise InputError(
            f"expected bones of {SHORTEST_BONE_M * 1000:g} mm or more, got {shortest * 1000:.2g} mm for {path}; "
            "leave the take out"
        )
    scale = project_leg_length_m() / mean_leg_length_m(joints_m)
    rotations = rotations_from_joints(joints_m)
    return BodyMotion(rotations, root_under_hips(rotations[:, 0], scale * hips_middle(joints_m)), fps)
