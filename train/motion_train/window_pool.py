"""Windows of motion made once before training: joined, mirrored, composed, canonical, described, furnished.

Three kinds: one person; two of one take, who share its world frame ('pair'); several clips composed in one place
('group'). Window number i of a kind is a function of (seed, i) and the dataset alone, so a pool can be built by any
number of processes and is the same after a resume. It holds what is costly to make; `windows.py` draws batches from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import canonical_move, move_points
from motion_preprocessing.dataset import MotionDataset, MotionRecord
from motion_preprocessing.describe import describe
from motion_preprocessing.errors import InputError, MotionError
from motion_preprocessing.furnishing.furnisher import furnish_people
from motion_preprocessing.furnishing.library import FurnitureLibrary, Split
from motion_preprocessing.furnishing.words import with_objects
from motion_preprocessing.groups import scene_tokens
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.labels import PERSON_CLASSES
from motion_preprocessing.pose_vector import POSITIONS, encode
from motion_preprocessing.rotations import about_z
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_preprocessing.stitch import join, unpack
from motion_train.config import DataConfig
from motion_train.window_parts import TRIES, Part, beside, mirrored
from motion_train.window_topics import Topics, agrees, balanced, place

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
KINDS: Final = ("single", "pair", "group")
"""Kinds of windows, in the order of their keys."""
CARRIED: Final = frozenset({"wheelchair"})
"""Actions of people who move together with something that no scene of fixed objects shows."""
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

_COMPANIONS: Final = ((2, 0.6), (3, 0.2), (4, 0.2))
"""How many persons a composed window has, and how often."""


@dataclass(frozen=True)
class Described:
    """What is known of one person of a window."""

    clip_captions: tuple[str, ...]
    """Sentences about the clip, true of this window as far as the clip's label goes."""
    measured_captions: tuple[str, ...]
    """Sentences measured on this person's window."""
    person_class: str


@dataclass(frozen=True)
class Window:
    """One window of one or more persons who share a world frame."""

    pose: NDArray[np.float32]
    """(P, T, 258) in the canonical frame of person 0."""
    people: tuple[Described, ...]
    """The P persons."""
    scene_points: NDArray[np.float32]
    """(S, 64, 3)."""
    scene_class: NDArray[np.int64]
    """(S,)."""
    scene_mask: NDArray[np.bool_]
    """(S,); the groups in use come first."""

    @property
    def clip_captions(self) -> tuple[str, ...]:
        """Those of person 0."""
        return self.people[0].clip_captions

    @property
    def measured_captions(self) -> tuple[str, ...]:
        """Those of person 0."""
        return self.people[0].measured_captions


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
        self._members = {
            name: (np.array(members), np.array([_amount(self.records[i]) for i in members]))
            for name, members in self.groups.items()
        }
        self._pair_shares = self._share_pairs()
        self.topics = Topics(self.records, self.fps)

    def draw(self, rng: np.random.Generator, action: str = "") -> int:
        """Draw a clip: its group by weight unless it is told, the clip in its group by how much happens in it."""
        name = action or list(self.groups)[int(rng.choice(len(self.groups), p=self._group_shares))]
        members, amounts = self._members[name]
        return int(rng.choice(members, p=amounts / amounts.sum()))

    def single(self, index: int) -> Window:
        """Make window `index` of one person."""
        rng = self._rng("single", index)
        return self._window([self._part(self._length(rng), rng)], rng)

    def group(self, index: int) -> Window:
        """Make window `index` of several persons from clips of their own, none in another's way."""
        rng = self._rng("group", index)
        counts, shares = zip(*(pair for pair in _COMPANIONS if pair[0] <= max(2, self.config.people)), strict=True)
        wanted = int(rng.choice(counts, p=np.array(shares) / sum(shares)))
        length = self._length(rng)
        parts: list[Part] = []
        for _ in range(TRIES * wanted):
            part = self._part(length, rng)
            if parts and len(part.root) < self.config.min_frames:
                continue
            placed = beside(part, parts, rng)
            if placed is not None:
                parts.append(placed)
            if len(parts) == wanted:
                break
        return self._window(parts, rng)

    def pair(self, index: int) -> Window:
        """Make window `index` of two persons of one take."""
        rng = self._rng("pair", index)
        keys, shares = self._pair_shares
        members = [self.records[i] for i in self.pairs[keys[int(rng.choice(len(keys), p=shares))]]]
        order = rng.permutation(len(members))[:2]
        frames = min(len(members[i].pose) for i in order)
        length = min(self.config.frames, frames)
        start = int(rng.integers(0, frames - length + 1))
        swap_sides = rng.uniform() < self.config.mirror_fraction
        parts = []
        for i in order:
            record = members[i]
            rotations, root = unpack(np.asarray(record.pose[start : start + length], dtype=np.float32))
            part = Part(rotations, root, record.captions, record.person_class, frozenset({record.action}))
            parts.append(mirrored(part) if swap_sides else part)
        return self._window(parts, rng)

    def _rng(self, kind: str, index: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(key=[self.seed, len(KINDS) * index + KINDS.index(kind)]))

    def _share_pairs(self) -> tuple[list[str], NDArray[np.float64]]:
        """Takes of two persons and how often each is drawn, so that the many of one kind leave room for the others."""
        keys = sorted(self.pairs)
        return keys, balanced([self.records[self.pairs[key][0]].action for key in keys])

    def _length(self, rng: np.random.Generator) -> int:
        """Draw the number of frames of a window."""
        if rng.uniform() < self.config.short_fraction:
            return int(rng.integers(self.config.min_frames, self.config.frames + 1))
        return self.config.frames

    def _part(self, length: int, rng: np.random.Generator) -> Part:
        """Cut one person's motion of at most `length` frames, continued where it is too short."""
        record, start = self._choose(length, rng)
        rotations, root = unpack(np.asarray(record.pose[start : start + length], dtype=np.float32))
        captions, actions = record.captions, {record.action}
        if len(root) < length and rng.uniform() < self.config.join_fraction:
            rotations, root, others = self._extend(record, rotations, root, length, rng)
            actions |= others
            if others - {record.action}:  # what the clip's captions leave out is now part of the window
                captions = ()
        part = Part(rotations, root, captions, record.person_class, frozenset(actions))
        return mirrored(part) if rng.uniform() < self.config.mirror_fraction else part

    def _choose(self, length: int, rng: np.random.Generator) -> tuple[MotionRecord, int]:
        """Choose a clip and the first frame of its window."""
        if len(self.topics) and rng.uniform() < self.config.topic_fraction:
            moment = self.topics.draw(rng)
            record = self.records[moment.record]
            return record, place(moment, len(record.pose), length, self.fps, rng)
        record = self.records[self.draw(rng)]
        total = len(record.pose)
        if total <= length:
            return record, 0
        if not len(record.frame_weights):
            return record, int(rng.integers(0, total - length + 1))
        # Around a frame drawn by its weight, so that little is cut from idle stretches.
        weights = np.asarray(record.frame_weights, dtype=np.float64)
        frame = int(rng.choice(total, p=weights / weights.sum()))
        return record, int(np.clip(frame - rng.integers(0, length), 0, total - length))

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
                other = self.records[self.draw(rng, record.action)]
            if other.pair:
                continue
            joined = join(rotations, root, *unpack(np.asarray(other.pose[: length + 24], dtype=np.float32)))
            if joined is not None:
                rotations, root = joined
                actions.add(other.action)
        return rotations[:length], root[:length], actions

    def _window(self, parts: Sequence[Part], rng: np.random.Generator) -> Window:
        length = min(len(part.root) for part in parts)
        first, _ = forward_kinematics(parts[0].rotations[:1], parts[0].root[:1])
        yaw, shift = canonical_move(first[0])
        poses = []
        for part in parts:
            turned = np.array(part.rotations[:length], dtype=np.float32)
            turned[:, 0] = about_z(np.asarray(yaw)) @ turned[:, 0]
            root = move_points(part.root[:length], yaw, shift).astype(np.float32)
            poses.append(encode(turned, root, self.fps).astype(np.float32))
        joints = np.stack(poses)[..., POSITIONS].reshape(len(poses), length, JOINT_COUNT, 3)
        people = [self._described(part, body, rng) for part, body in zip(parts, joints, strict=True)]
        points, classes = np.zeros((0, 3), dtype=np.float32), np.zeros(0, dtype=np.int64)
        if rng.uniform() < self.config.scene_fraction:
            around = int(rng.integers(0, 6))
            carried = any(part.actions & CARRIED for part in parts)
            done = furnish_people(
                joints, rng, fps=self.fps, library=self.library, free_objects=around, supports=not carried
            )
            points, classes = done.points_m, done.classes
            for person, described in enumerate(people):
                if measured := described.measured_captions:
                    # Half of the words about a furnished window name what is used there.
                    named = with_objects(measured, done.uses, rng, person)
                    people[person] = replace(described, measured_captions=(*measured, *named[: len(measured)]))
        budget = self.config.scene_tokens
        tokens = scene_tokens(points, classes, max_tokens=budget, radius_m=self.config.scene_radius_m)
        return Window(np.stack(poses), tuple(people), tokens.points, tokens.classes, tokens.mask)

    def _described(self, part: Part, joints: NDArray[np.float32], rng: np.random.Generator) -> Described:
        """Describe one person from the part's words and from joints (T, 22, 3)."""
        # Only clips of falls have any: lying down fast, or from the knees, measures alike.
        told = describe(joints, self.fps, rng, without=() if "fall" in part.actions else ("fall", "roll"))
        measured = told.sentences
        if part.actions & CARRIED:
            measured = ()  # who is wheeled along does not walk, and who pushes does more than that
            captions = part.captions
        else:
            captions = tuple(caption for caption in part.captions if agrees(caption, told.events))
        return Described(captions, measured, part.person_class)


def _amount(record: MotionRecord) -> float:
    """Frames of a clip, idle ones counted by their weight."""
    return float(np.sum(record.frame_weights)) if len(record.frame_weights) else float(len(record.pose))


_maker: WindowMaker | MotionError | None = None


def _start_worker(folder: str, split: str, config: DataConfig, seed: int) -> None:
    global _maker
    try:
        _maker = WindowMaker(MotionDataset.open(Path(folder), split=split), config, seed, split)
    except MotionError as error:  # raised here it would only break the pool, which keeps the reason to itself
        _maker = error


def _make_chunk(kind: str, first: int, last: int) -> list[tuple[str, Window]]:
    if isinstance(_maker, MotionError):
        raise _maker
    assert _maker is not None
    if kind == "pair" and not _maker.pairs:
        return []
    return [(kind, getattr(_maker, kind)(index)) for index in range(first, last)]


def make_windows(
    folder: Path,
    split: str,
    config: DataConfig,
    seed: int,
    counts: Mapping[str, int],
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[str, Window]]:
    """Yield windows 0 .. count-1 of each kind in order, with their kind.

    Args:
        folder: The processed dataset.
        split: 'train', 'validation' or 'test'.
        config: How windows are cut.
        seed: Key of every choice.
        counts: How many of each kind (see `KINDS`); no pairs are yielded where the split has no takes of two persons.
        workers: Processes; 1 makes them in this one.
        progress: Called with the number of windows made so far.

    Raises:
        MotionError: The dataset is none, or the split is empty.
    """
    chunks = [
        (kind, first, min(first + _CHUNK, count)) for kind, count in counts.items() for first in range(0, count, _CHUNK)
    ]
    arguments = (str(folder), split, config, seed)
    if workers <= 1:
        _start_worker(*arguments)
        yield from _counted((_make_chunk(*chunk) for chunk in chunks), progress)
        return
    # spawn, not fork: torch's threads do not survive a fork.
    with ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, arguments) as pool:
        yield from _counted(pool.map(_make_chunk, *zip(*chunks, strict=True)), progress)


def _counted(
    results: Iterable[list[tuple[str, Window]]], progress: Callable[[int], None] | None
) -> Iterator[tuple[str, Window]]:
    done = 0
    for chunk in results:
        yield from chunk
        done += len(chunk)
        if progress is not None:
            progress(done)
