"""Reader of InterHuman in its public layout: two people who share one world.

    motions_processed/person1/ID.npy, person2/ID.npy   (T, 492), 30 frames a second, z up, metres
    motions/ID.pkl                                     the same takes as SMPL parameters (`interhuman_parameters`)
    annots/ID.txt                                      a caption a line, three as a rule, about both people
    split/train.txt, val.txt, test.txt, ignore_list.txt   (or beside the other folders)

A row holds 62 joint positions (SMPL's 22, then the hands'), then the rotations of 51 joints relative to their parents
(SMPL's 1 to 21, then the hands'): the first two columns of each 3 x 2 matrix written ROW by row, unlike the usual 6D.
The root's orientation is not stored: the skeleton posed by the rotations is laid rigidly onto all the positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
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
from motion_preprocessing.readers.files import read_array, read_lines, read_splits
from motion_preprocessing.readers.interhuman_parameters import PEOPLE, read_parameters
from motion_preprocessing.readers.licences import INTERHUMAN, INTERHUMAN_CREDITS
from motion_preprocessing.readers.reading import Source, Taken
from motion_preprocessing.retarget import project_leg_length_m
from motion_preprocessing.rotations import fit_rotation, matrix_from_6d
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import JOINT_COUNT

Array = NDArray[np.float64]

WIDTH: Final = 492
FPS: Final = 30.0
JOINTS: Final = 62
FROM: Final = ("auto", "processed", "parameters")
LARGEST_MISFIT_M: Final = 0.12
"""Mean distance between the source's joints and the posed skeleton's; bodies of other proportions give 2 to 5 cm,
rotations read in the wrong order 18 and more."""

_BODY_ROTATIONS: Final = slice(3 * JOINTS, 3 * JOINTS + 6 * (JOINT_COUNT - 1))


class InterHuman:
    """The takes of one folder."""

    title: Final = "InterHuman"
    credits: Final = INTERHUMAN_CREDITS

    def __init__(self, folder: Path, splits: Sequence[str] = (), motion: str = "auto") -> None:
        """Read the split lists.

        Args:
            folder: The folder that holds the others.
            splits: Which splits to read ('train', 'val', 'test'); none takes all lists that are there.
            motion: 'processed' reads motions_processed, 'parameters' reads motions, 'auto' the first that is there.

        Raises:
            InputError: There is no motion, `motion` or a split is unknown, or a list is missing.
        """
        self._folder = folder
        if motion not in FROM:
            raise InputError(f"expected one of {', '.join(FROM)}, got '{motion}' for motion; choose one")
        if motion == "auto":
            motion = "processed" if (folder / "motions_processed").is_dir() else "parameters"
        self._processed = motion == "processed"
        place = "motions_processed" if self._processed else "motions"
        if not (folder / place).is_dir():
            raise InputError(f"expected motions_processed or motions, got no folder {place} for {folder}; check it")
        ignored: set[str] = set()
        lists = [folder / "split", folder]
        for at in lists:
            if (at / "ignore_list.txt").is_file():
                ignored |= set(read_lines(at / "ignore_list.txt", "a list of takes"))
        self._splits = {take: split for take, split in read_splits(lists, splits) if take not in ignored}

    @property
    def takes(self) -> Sequence[str]:
        """Names of the takes, in the lists' order."""
        return tuple(self._splits)

    def read(self, take: str, fps: float) -> Taken:
        """Make the two sequences of a take: one scale, one floor, the same frames.

        Raises:
            InputError: A file of it is missing or bad, or the two do not belong together.
        """
        captions = tuple(dict.fromkeys(read_lines(self._folder / "annots" / f"{take}.txt", "a text file")))
        if not captions:
            raise InputError(f"expected at least one caption, got none for {take} of {self._folder}; leave it out")
        if self._processed:
            people, sources, files = self._read_processed(take)
        else:
            path = self._folder / "motions" / f"{take}.pkl"
            people, sources, files = read_parameters(path), (), [path, path]
        if people[0].seconds < SHORTEST_S:
            return Taken((), (f"interhuman_{take}",))
        sequences = []
        for name, person, file in zip(PEOPLE, stand_on_floor(people), files, strict=True):
            moved = resampled(person, fps)
            sequences.append(
                MotionSequence(
                    name=f"interhuman_{take}_{name}",
                    fps=fps,
                    local_rotations=moved.local_rotations.astype(np.float32),
                    root_position_m=moved.root_position_m.astype(np.float32),
                    captions=captions,
                    action=action_of_text(captions[0]),
                    person_class="person",
                    subject=f"interhuman_{take}_{name}",
                    split=self._splits[take],
                    pair=f"interhuman_{take}",
                    source=f"InterHuman {file.relative_to(self._folder).as_posix()}",
                    licence=INTERHUMAN,
                )
            )
        return Taken(tuple(sequences), (), sources)

    def _read_processed(self, take: str) -> tuple[list[BodyMotion], tuple[Source, ...], list[Path]]:
        paths = [self._folder / "motions_processed" / person / f"{take}.npy" for person in PEOPLE]
        rows = [read_array(path, (WIDTH,), "InterHuman motion") for path in paths]
        if len(rows[0]) != len(rows[1]):
            raise InputError(
                f"expected two people with as many frames, got {len(rows[0])} and {len(rows[1])} for {paths[0]} and "
                f"{PEOPLE[1]}; leave the take out"
            )
        joints = [positions(row) for row in rows]
        scale = project_leg_length_m() / float(np.mean([mean_leg_length_m(j) for j in joints]))
        people = [
            pose_body(body_rotations(row), scale * j, path) for row, j, path in zip(rows, joints, paths, strict=True)
        ]
        sources = tuple(Source(j, person.joints_m(), FPS) for j, person in zip(joints, people, strict=True))
        return people, sources, paths


def positions(rows: Array) -> Array:
    """Return SMPL's joints (T, 22, 3) of rows (T, 492)."""
    return rows[:, : 3 * JOINT_COUNT].reshape(len(rows), JOINT_COUNT, 3)


def body_rotations(rows: Array) -> Array:
    """Return the rotations of joints 1..21 relative to their parents (T, 21, 3, 3) of rows (T, 492)."""
    columns = rows[:, _BODY_ROTATIONS].reshape(len(rows), JOINT_COUNT - 1, 3, 2)
    return np.asarray(matrix_from_6d(np.swapaxes(columns, -1, -2).reshape(len(rows), JOINT_COUNT - 1, 6)))


def pose_body(rotations: Array, joints_m: Array, path: Path) -> BodyMotion:
    """Pose the project's skeleton and lay it onto joints.

    Args:
        rotations: (T, 21, 3, 3) local rotations of joints 1..21.
        joints_m: (T, 22, 3), z up, scaled to the project's leg length.
        path: The file, for the error.

    Raises:
        InputError: The posed skeleton does not fit the joints.
    """
    identity = np.broadcast_to(np.eye(3), (len(rotations), 1, 3, 3))
    own, _ = forward_kinematics(np.concatenate([identity, rotations], axis=1), np.zeros((len(rotations), 3)))
    centre, own_centre = joints_m.mean(axis=1, keepdims=True), own.mean(axis=1, keepdims=True)
    root = np.asarray(fit_rotation(own - own_centre, joints_m - centre))
    fitted = np.einsum("tij,tkj->tki", root, own - own_centre) + centre
    misfit = float(np.linalg.norm(fitted - joints_m, axis=-1).mean())
    if not misfit <= LARGEST_MISFIT_M:
        raise InputError(
            f"expected rotations that agree with the positions, got joints {100 * misfit:.0f} cm apart for {path}; "
            "is it a file of motions_processed?"
        )
    local = np.concatenate([root[:, None], rotations], axis=1)
    return BodyMotion(local, root_under_hips(root, hips_middle(joints_m)), FPS)
