"""A batch of simulated clips: numbered tries, each made from its own seed, taken in order until enough are kept.

Try i of seed s depends on (s, i) alone, and whether it is kept depends on it and on the tries before it. A batch that
is stopped and goes on therefore ends in the same bytes as one that is not.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.sequence import SPLITS, Event, MotionSequence
from motion_preprocessing.simulation import (
    care,
    errands,
    keypose,
    layered,
    mishaps,
    routines,
    tracked_care,
    tracked_clips,
)
from motion_preprocessing.simulation.fall_clips import fall_faults, fall_sequence, make_fall
from motion_preprocessing.simulation.hinges import Array, chain
from motion_preprocessing.simulation.recorded import recordings
from motion_preprocessing.simulation.routine import Walks
from motion_preprocessing.simulation.solve import Box
from motion_preprocessing.simulation.spans import Span, spans
from motion_preprocessing.simulation.steps import junctions

LEAD_FRAMES: Final = 24
TRAIL_FRAMES: Final = 30
HEAD_SHARE: Final = 0.38
"""Falls that hit the head are kept only while they stay under this share; 35 % of real ones in care homes do."""
_SPLIT_SHARES: Final = (0.86, 0.07, 0.07)
_GROUP_SHARES: Final = {"falls": 0.38, "keyposes": 0.32, "care": 0.10, "layered": 0.20}
VERSION: Final = 3
"""Of what a try makes of its seed; results of another version are not gone on with."""


def _table() -> dict[str, tuple[str, float]]:
    tables: dict[str, dict[str, Any]] = {
        "falls": mishaps.KINDS, "keyposes": routines.KINDS, "care": care.KINDS,
        "layered": layered.KINDS | errands.KINDS,
    }  # fmt: skip
    return {
        name: (group, _GROUP_SHARES[group] * entry[1])
        for group, table in tables.items()
        for name, entry in table.items()
    }


KINDS: Final[dict[str, tuple[str, float]]] = _table()
"""Every kind of clip: its group and its share of the tries."""
GROUPS: Final = tuple(_GROUP_SHARES)


def chosen_kinds(names: tuple[str, ...]) -> tuple[str, ...]:
    """Resolve names of kinds and groups; none means all.

    Raises:
        InputError: A name is neither.
    """
    if not names:
        return tuple(KINDS)
    found: dict[str, None] = {}
    for name in names:
        if name in GROUPS:
            found.update(dict.fromkeys(kind for kind, (group, _) in KINDS.items() if group == name))
        elif name in KINDS:
            found[name] = None
        else:
            raise InputError(
                f"expected a kind or one of {', '.join(GROUPS)}, got '{name}' for --kinds; kinds are {', '.join(KINDS)}"
            )
    return tuple(found)


def check_tracked(kinds: tuple[str, ...]) -> None:
    """Check that there is something among kinds that a body can do by physics.

    Raises:
        InputError: There is not.
    """
    able = (*tracked_clips.KINDS, *tracked_care.KINDS)
    if not set(kinds) & set(able):
        raise InputError(
            f"expected kinds that a body can do by physics, got {', '.join(kinds)} for --tracked; "
            f"leave it out, or choose of {', '.join(able)}"
        )


@dataclass(frozen=True)
class Try:
    """What became of one try."""

    kind: str
    faults: tuple[str, ...]
    """Why it is not kept; empty for a good one."""
    sequences: tuple[MotionSequence, ...]
    """One a person; empty with faults."""
    figures: dict[str, Any]
    """Of a fall: impact_s, descent_s, pelvis_m_s, head_hit, head_m_s, hand_first, way, rest, height_m, mass_kg; of a
    tracked clip what `tracked_clips.figures_of` measures; else nothing."""
    joints_m: tuple[Array, ...]
    """People's joints before the clip was turned, for the sheets."""
    boxes: tuple[Box, ...]
    seconds: float
    """Processor time."""


@dataclass
class Starts:
    """What tries start from, by split."""

    walks: dict[str, Walks]
    spots: dict[str, mishaps.Spots]
    spans: dict[str, list[Span]]
    """What actions are laid over."""


def read_starts(folder: Path) -> Starts:
    """Search a dataset of recordings for walks to join, moments to fall in and stretches to lay actions over.

    Raises:
        InputError: It is no dataset, or nobody walks in the training split.
    """
    every = recordings(MotionDataset.open(folder), ("walk", "other", "daily", "sit"))
    found = [r for r in every if r.action != "sit"]
    starts = Starts({}, {}, {})
    for split in SPLITS:
        mine = [r for r in found if r.split == split]
        walks = [r for r in mine if r.action == "walk"]
        starts.walks[split] = Walks(junctions(walks, LEAD_FRAMES, 0), junctions(walks, 0, TRAIL_FRAMES), LEAD_FRAMES)
        starts.spots[split] = mishaps.spots(mine)
        starts.spans[split] = spans([r for r in every if r.split == split])
    if not (starts.walks["train"].into and starts.walks["train"].out and starts.spots["train"].passing):
        raise InputError(
            f"expected recorded walks of subjects cmu_*, got too few for {folder}; run motion-preprocess mocap"
        )
    return starts


def _split(starts: Starts, rng: np.random.Generator) -> str:
    split = str(rng.choice(SPLITS, p=_SPLIT_SHARES))
    walks, spots = starts.walks[split], starts.spots[split]
    # Small splits of small datasets may lack a start that a kind needs.
    full = walks.into and walks.out and spots.passing and spots.striking and spots.striding
    pushed = any(span.kind == "walk" for span in starts.spans[split])
    return split if full and pushed else "train"


def attempt(number: int, seed: int, kinds: tuple[str, ...], starts: Starts, tracked: bool = False) -> Try:
    """Make try `number` of a seed; where `tracked`, key poses are done by a body."""
    began = time.process_time()
    rng = np.random.default_rng([seed, number])
    shares = np.array([KINDS[kind][1] for kind in kinds])
    kind = str(rng.choice(kinds, p=shares / shares.sum()))
    split = _split(starts, rng)
    name = f"sim_{kind}_{seed}_{number:05d}"
    group = KINDS[kind][0]
    figures: dict[str, Any] = {}
    sequences: tuple[MotionSequence, ...]
    joints: tuple[Array, ...]
    if group == "falls":
        clip = make_fall(kind, rng, starts.spots[split])
        faults = tuple(fall_faults(clip))
        sequences = () if faults else (fall_sequence(clip, name, seed, split, rng),)
        fallen, size = clip.fallen, clip.mishap.plan.size
        figures = {
            "impact_s": fallen.impact_s, "descent_s": clip.descent_s, "pelvis_m_s": fallen.pelvis_m_s,
            "head_hit": fallen.head_hit, "head_m_s": fallen.head_m_s, "hand_first": fallen.hand_first, "way": clip.way,
            "rest": fallen.rest, "height_m": size.height_m, "mass_kg": size.mass_kg,
        }  # fmt: skip
        joints, boxes = (clip.joints_m,), clip.mishap.plan.boxes
    elif kind in layered.KINDS:
        laid = layered.KINDS[kind][0](rng, starts.spans[split])
        faults = tuple(laid.faults())
        sequences = () if faults else tuple(laid.sequences(name, seed, split, rng))
        joints, boxes = laid.people_m(), ()
    elif tracked and kind in tracked_clips.KINDS:
        done = tracked_clips.make_tracked(kind, rng, starts.walks[split])
        faults = tuple(tracked_clips.tracked_faults(done))
        name = f"sim_tracked_{kind}_{seed}_{number:05d}"
        sequences = () if faults else (tracked_clips.tracked_sequence(done, name, seed, split, rng),)
        figures = {} if faults else tracked_clips.figures_of(done)
        joints, boxes = (done.made.joints_m,), done.boxes
    elif tracked and kind in tracked_care.KINDS:
        helped = tracked_care.make_helped(kind, rng)
        faults, name = tuple(helped.faults()), f"sim_tracked_{kind}_{seed}_{number:05d}"
        sequences = () if faults else tuple(tracked_care.helped_sequences(helped, name, seed, split, rng))
        figures = {} if faults else helped.figures
        joints, boxes = tuple(chain(pose).joints_m for pose in helped.scene.poses), helped.boxes
    elif kind in routines.KINDS or kind in errands.KINDS:
        made = keypose.make(kind, rng, starts.walks[split])
        faults = tuple(keypose.faults(made))
        sequences = () if faults else (keypose.sequence_of(made, name, seed, split, rng),)
        joints, boxes = (made.joints_m,), made.routine.boxes
    else:
        two = care.KINDS[kind][0](rng)
        faults = tuple(care.help_faults(two))
        sequences = () if faults else tuple(care.help_sequences(two, name, seed, split, rng))
        joints, boxes = tuple(chain(pose).joints_m for pose in two.poses), two.boxes
    shown = () if faults else tuple(j.astype(np.float32).astype(np.float64) for j in joints)
    return Try(kind, faults, sequences, figures, shown, boxes, time.process_time() - began)


_ARRAYS: Final = ("local_rotations", "root_position_m", "frame_labels")


def write_try(done: Try, path: Path) -> None:
    """Write a try as .npz, whole or not at all."""
    arrays: dict[str, Any] = {f"joints_{i}": joints for i, joints in enumerate(done.joints_m)}
    rows = []
    for i, sequence in enumerate(done.sequences):
        arrays |= {f"{name}_{i}": getattr(sequence, name) for name in _ARRAYS}
        plain = {name: getattr(sequence, name) for name in sequence.__dataclass_fields__ if name not in _ARRAYS}
        rows.append(plain | {"events": [[event.name, event.time_s] for event in sequence.events]})
    words = {
        "version": VERSION, "kind": done.kind, "faults": done.faults, "figures": done.figures, "seconds": done.seconds,
        "boxes": [asdict(box) for box in done.boxes], "sequences": rows, "people": len(done.joints_m),
    }  # fmt: skip
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, words=np.array(json.dumps(words)), **arrays)


def read_try(path: Path) -> Try | None:
    """Read a try back; None where there is none, or one of another version."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as data:
        words = json.loads(str(data["words"]))
        if words["version"] != VERSION:
            return None
        sequences = []
        for i, row in enumerate(words["sequences"]):
            events = tuple(Event(name, time_s) for name, time_s in row.pop("events"))
            row["captions"] = tuple(row["captions"])
            sequences.append(MotionSequence(**row, **{name: data[f"{name}_{i}"] for name in _ARRAYS}, events=events))
        joints = tuple(data[f"joints_{i}"] for i in range(words["people"]))
    boxes = tuple(
        Box(**(box | {"centre_m": tuple(box["centre_m"]), "half_m": tuple(box["half_m"])})) for box in words["boxes"]
    )
    return Try(
        words["kind"], tuple(words["faults"]), tuple(sequences), words["figures"], joints, boxes, words["seconds"]
    )


_WORKER: dict[str, Any] = {}


def _start_worker(folder: Path) -> None:
    _WORKER["starts"] = read_starts(folder)


def _work(number: int, seed: int, kinds: tuple[str, ...], tracked: bool, place: Path) -> None:
    write_try(attempt(number, seed, kinds, _WORKER["starts"], tracked), place)


@dataclass
class Tally:
    """Counts of a batch, a row a kind."""

    tries: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    faults: dict[str, dict[str, int]] = field(default_factory=dict)
    thinned: int = 0
    """Good falls that were left out for hitting the head."""
    falls: int = 0
    heads: int = 0
    seconds: float = 0.0
    """Processor time of all tries."""

    def take(self, done: Try) -> bool:
        """Count a try; return whether it is kept."""
        self.tries[done.kind] = self.tries.get(done.kind, 0) + 1
        self.seconds += done.seconds
        reasons = self.faults.setdefault(done.kind, {})
        for fault in done.faults:
            reasons[fault] = reasons.get(fault, 0) + 1
        if done.faults:
            return False
        if "head_hit" in done.figures:
            head = bool(done.figures["head_hit"])
            # The first few are free, or a batch of one would never hit a head.
            if head and self.heads + 1 > HEAD_SHARE * (self.falls + 1) + 1:
                self.thinned += 1
                return False
            self.falls += 1
            self.heads += head
        self.kept[done.kind] = self.kept.get(done.kind, 0) + 1
        return True


def tries(
    folder: Path, place: Path, seed: int, kinds: tuple[str, ...], workers: int, tracked: bool = False
) -> Generator[Try]:
    """Give the tries in order, those made before from the folder `place`, where new ones are put.

    Args:
        folder: Dataset of recordings.
        place: Folder of finished tries.
        seed: Of the batch.
        kinds: Kinds to draw from.
        workers: Processes; 0 works in this one.
        tracked: Whether key poses are done by a body.
    """
    number = 0
    if workers == 0:
        _start_worker(folder)
        while True:
            path = place / f"{number:06d}.npz"
            done = read_try(path)
            if done is None:
                _work(number, seed, kinds, tracked, path)
                done = read_try(path)
            assert done is not None
            yield done
            number += 1
    with ProcessPoolExecutor(workers, initializer=_start_worker, initargs=(folder,)) as pool:
        ahead: dict[int, Future[None] | None] = {}
        try:
            while True:
                for later in range(number, number + 3 * workers):
                    if later not in ahead:
                        path = place / f"{later:06d}.npz"
                        ready = read_try(path) is not None
                        ahead[later] = None if ready else pool.submit(_work, later, seed, kinds, tracked, path)
                waiting = ahead.pop(number)
                if waiting is not None:
                    waiting.result()
                done = read_try(place / f"{number:06d}.npz")
                assert done is not None
                yield done
                number += 1
        finally:
            for left in ahead.values():
                if left is not None:
                    left.cancel()
