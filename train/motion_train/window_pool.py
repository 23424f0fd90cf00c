"""Windows of motion made once before training: joined, mirrored, canonical, described, furnished.

Window number i is a function of (seed, i) and the dataset alone, so a pool can be built by any number of processes and
is the same after a resume. It holds what is costly to make; `windows.py` draws batches from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import canonical_move, move_points
from motion_preprocessing.dataset import MotionDataset, MotionRecord
from motion_preprocessing.describe import describe
from motion_preprocessing.errors import InputError
from motion_preprocessing.furnishing.furnisher import furnish_people
from motion_preprocessing.furnishing.library import FurnitureLibrary, Split
from motion_preprocessing.furnishing.words import with_objects
from motion_preprocessing.groups import scene_tokens
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.labels import PERSON_CLASSES
from motion_preprocessing.mirror import mirror_motion, mirror_text
from motion_preprocessing.pose_vector import POSITIONS, encode
from motion_preprocessing.rotations import about_z
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_preprocessing.stitch import join, unpack
from motion_train.config import DataConfig
from motion_train.window_topics import Topics, agrees, place

FloatArray = NDArray[np.floating[Any]]

GROUP_WEIGHTS: Final[dict[str, float]] = {
    "walk": 5.0,
    "fall": 4.0,
    "sit": 3.0,
    "daily": 3.0,
    "run": 2.5,
    "jump": 2.5,
    "other": 2.5,
    "dance": 2.0,
    "climb": 1.5,
}
"""How often each kind of clip is drawn; by length alone, dance and idling would crowd out sitting down."""
_OTHER_WEIGHT: Final = 2.0
_CHUNK: Final = 50

# What a clip says about its person leaves room for the other classes, so that a class shifts the motion without
# excluding any.
_SHARES: Final[dict[str, dict[str, float]]] = {
    "person": {"unknown": 0.15, "person": 0.5, "staff": 0.2, "patient": 0.15},
    "staff": {"unknown": 0.1, "person": 0.2, "staff": 0.7},
    "patient": {"unknown": 0.1, "person": 0.25, "patient": 0.65},
}
CLASS_SHARES: Final[dict[str, tuple[float, ...]]] = {
    told: tuple(shares.get(name, 0.0) for name in PERSON_CLASSES) for told, shares in _SHARES.items()
}
"""By the class a clip tells, how often each row of the class table is drawn."""


@dataclass(frozen=True)
class Window:
    """One window of one or two persons who share a world frame."""

    pose: NDArray[np.float32]
    """(P, T, 258) in the canonical frame of person 0."""
    clip_captions: tuple[str, ...]
    """Sentences about the clip, true of this window as far as the clip's label goes."""
    measured_captions: tuple[str, ...]
    """Sentences measured on person 0's window."""
    person_class: str
    scene_points: NDArray[np.float32]
    """(S, 64, 3)."""
    scene_class: NDArray[np.int64]
    """(S,)."""
    scene_mask: NDArray[np.bool_]
    """(S,)."""


class WindowMaker:
    """Makes window number i."""

    def __init__(self, dataset: MotionDataset, config: DataConfig, seed: int, split: str = "train") -> None:
        self.config, self.seed = config, seed
        # Rooms of a held-out split are furnished with items that training never saw.
        self.library: FurnitureLibrary | None = None
        if config.furniture:
            self.library = FurnitureLibrary.open(Path(config.furniture), split=cast(Split, split))
        self.fps = float(dataset.fps)
        self.records: list[MotionRecord] = [dataset[i] for i in range(len(dataset))]
        if not self.records:
            raise InputError("expected at least one sequence, got none for the windows; check the split's name")
        self.groups: dict[str, list[int]] = {}
        self.pairs: dict[str, list[int]] = {}
        for index, record in enumerate(self.records):
            self.groups.setdefault(record.action, []).append(index)
            if record.pair:
                self.pairs.setdefault(record.pair, []).append(index)
        self.pairs = {key: members for key, members in self.pairs.items() if len(members) > 1}
        weights = np.array([GROUP_WEIGHTS.get(name, _OTHER_WEIGHT) for name in self.groups])
        self._group_shares = weights / weights.sum()
        self._members = [
            (np.array(members), np.array([len(self.records[i].pose) for i in members], dtype=np.float64))
            for members in self.groups.values()
        ]
        self.topics = Topics(self.records, self.fps)

    def draw(self, rng: np.random.Generator) -> int:
        """Draw a clip: its group by weight, the clip in its group by its length."""
        members, lengths = self._members[int(rng.choice(len(self._members), p=self._group_shares))]
        return int(rng.choice(members, p=lengths / lengths.sum()))

    def single(self, index: int) -> Window:
        """Make window `index` of one person."""
        rng = np.random.Generator(np.random.Philox(key=[self.seed, 2 * index]))
        length = self.config.frames
        if rng.uniform() < self.config.short_fraction:
            length = int(rng.integers(self.config.min_frames, length + 1))
        record, start = self._choose(length, rng)
        rotations, root = unpack(np.asarray(record.pose[start : start + length], dtype=np.float32))
        clip_captions, actions = record.captions, {record.action}
        if len(root) < length and rng.uniform() < self.config.join_fraction:
            rotations, root, others = self._extend(record, rotations, root, length, rng)
            actions |= others
            if others - {record.action}:  # what the clip's captions leave out is now part of the window
                clip_captions = ()
        if rng.uniform() < self.config.mirror_fraction:
            rotations, root = mirror_motion(rotations, root)
            clip_captions = tuple(mirror_text(sentence) for sentence in clip_captions)
        return self._window([(rotations, root)], clip_captions, record.person_class, rng, falls="fall" in actions)

    def _choose(self, length: int, rng: np.random.Generator) -> tuple[MotionRecord, int]:
        """Choose a clip and the first frame of its window."""
        if len(self.topics) and rng.uniform() < self.config.topic_fraction:
            moment = self.topics.draw(rng)
            record = self.records[moment.record]
            return record, place(moment, len(record.pose), length, self.fps, rng)
        record = self.records[self.draw(rng)]
        total = len(record.pose)
        return record, int(rng.integers(0, total - length + 1)) if total > length else 0

    def pair(self, index: int) -> Window:
        """Make window `index` of two persons of one take."""
        rng = np.random.Generator(np.random.Philox(key=[self.seed, 2 * index + 1]))
        keys = sorted(self.pairs)
        members = [self.records[i] for i in self.pairs[keys[int(rng.integers(len(keys)))]]]
        order = rng.permutation(len(members))[:2]
        frames = min(len(members[i].pose) for i in order)
        length = min(self.config.frames, frames)
        start = int(rng.integers(0, frames - length + 1))
        people = [unpack(np.asarray(members[i].pose[start : start + length], dtype=np.float32)) for i in order]
        captions = members[int(order[0])].captions
        if rng.uniform() < self.config.mirror_fraction:
            people = [mirror_motion(*person) for person in people]
            captions = tuple(mirror_text(sentence) for sentence in captions)
        return self._window(people, captions, "person", rng)

    def _extend(
        self, record: MotionRecord, rotations: FloatArray, root: FloatArray, length: int, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, set[str]]:
        """Go on with another clip where the poses meet; a body at rest on the floor simply stays.

        Also gives the actions of the clips that were added.
        """
        if record.action == "fall":
            extra = length - len(root)
            return (
                np.concatenate([rotations, np.repeat(rotations[-1:], extra, axis=0)]),
                np.concatenate([root, np.repeat(root[-1:], extra, axis=0)]),
                set(),
            )
        actions: set[str] = set()
        for attempt in range(6):
            if len(root) >= length:
                break
            same = rng.uniform() < 0.6
            other = self.records[self.draw(rng)]
            if same and attempt < 4 and other.action != record.action:
                members, lengths = self._members[list(self.groups).index(record.action)]
                other = self.records[int(rng.choice(members, p=lengths / lengths.sum()))]
            if other.pair:
                continue
            joined = join(rotations, root, *unpack(np.asarray(other.pose[: length + 24], dtype=np.float32)))
            if joined is not None:
                rotations, root = joined
                actions.add(other.action)
        return rotations[:length], root[:length], actions

    def _window(
        self,
        people: Sequence[tuple[FloatArray, FloatArray]],
        clip_captions: tuple[str, ...],
        person_class: str,
        rng: np.random.Generator,
        *,
        falls: bool = False,
    ) -> Window:
        first, _ = forward_kinematics(people[0][0][:1], people[0][1][:1])
        yaw, shift = canonical_move(first[0])
        poses = []
        for rotations, root in people:
            turned = np.array(rotations, dtype=np.float32)
            turned[:, 0] = about_z(np.asarray(yaw)) @ turned[:, 0]
            poses.append(encode(turned, move_points(root, yaw, shift).astype(np.float32), self.fps).astype(np.float32))
        joints = np.stack(poses)[..., POSITIONS].reshape(len(poses), -1, JOINT_COUNT, 3)
        measured: tuple[str, ...] = ()
        if len(poses) == 1:
            # Only clips of falls have any: lying down fast, or from the knees, measures alike.
            description = describe(joints[0], self.fps, rng, without=() if falls else ("fall", "roll"))
            measured = description.sentences
            clip_captions = tuple(caption for caption in clip_captions if agrees(caption, description.events))
        points, classes = np.zeros((0, 3), dtype=np.float32), np.zeros(0, dtype=np.int64)
        if rng.uniform() < self.config.scene_fraction:
            around = int(rng.integers(0, 6))
            done = furnish_people(joints, rng, fps=self.fps, library=self.library, free_objects=around)
            points, classes = done.points_m, done.classes
            if measured:
                # Half of the words about a furnished window name what is used there.
                named = with_objects(measured, done.uses, rng)
                measured = (*measured, *named[: len(measured)])
        budget = self.config.scene_tokens
        tokens = scene_tokens(points, classes, max_tokens=budget, radius_m=self.config.scene_radius_m)
        scene = (tokens.points, tokens.classes, tokens.mask)
        return Window(np.stack(poses), tuple(clip_captions), tuple(measured), person_class, *scene)


_maker: WindowMaker | None = None


def _start_worker(folder: str, split: str, config: DataConfig, seed: int) -> None:
    global _maker
    _maker = WindowMaker(MotionDataset.open(Path(folder), split=split), config, seed, split)


def _make_chunk(kind: str, first: int, last: int) -> list[Window]:
    assert _maker is not None
    return [getattr(_maker, kind)(index) for index in range(first, last)]


def make_windows(
    folder: Path,
    split: str,
    config: DataConfig,
    seed: int,
    kind: str,
    count: int,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Window]:
    """Yield windows 0 .. count-1 of `kind` ('single' or 'pair') in order.

    Args:
        folder: The processed dataset.
        split: 'train', 'validation' or 'test'.
        config: How windows are cut.
        seed: Key of every choice.
        kind: One person, or two of one take; of the latter none are yielded where the split has no such takes.
        count: How many.
        workers: Processes; 1 makes them in this one.
        progress: Called with the number of windows made so far.
    """
    arguments = (str(folder), split, config, seed)
    _start_worker(*arguments)
    assert _maker is not None
    if kind == "pair" and not _maker.pairs:
        return
    chunks = [(first, min(first + _CHUNK, count)) for first in range(0, count, _CHUNK)]
    if workers <= 1:
        results: Iterator[list[Window]] = (_make_chunk(kind, *chunk) for chunk in chunks)
        yield from _counted(results, progress)
        return
    # spawn, not fork: torch's threads do not survive a fork.
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, arguments) as pool:
        results = pool.map(_make_chunk, [kind] * len(chunks), [c[0] for c in chunks], [c[1] for c in chunks])
        yield from _counted(results, progress)


def _counted(results: Iterator[list[Window]], progress: Callable[[int], None] | None) -> Iterator[Window]:
    done = 0
    for chunk in results:
        yield from chunk
        done += len(chunk)
        if progress is not None:
            progress(done)



