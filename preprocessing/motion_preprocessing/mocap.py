"""From a folder of captures to motion sequences: read, clean, retarget, stand on the floor, resample, describe.

The folder holds `manifest.csv` (one row a take) and the files that it names. The manifest is believed where it and a
file disagree: about the frame rate always, about the added T-pose only if the first frame is one.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.amc import AsfSkeleton, amc_motion, read_amc, read_asf
from motion_preprocessing.bvh import read_bvh
from motion_preprocessing.captions import sentences_for_fall, sentences_for_label
from motion_preprocessing.errors import InputError
from motion_preprocessing.falls import SimulatedFall, read_falls
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import foot_skate_ratio
from motion_preprocessing.resample import resample
from motion_preprocessing.retarget import (
    LIMBS,
    SIDES,
    JointMap,
    Retargeted,
    joint_map,
    leg_length_m,
    project_leg_length_m,
    rest_is_t_pose,
    retarget,
    to_t_pose,
)
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.skeleton import FEET, JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_preprocessing.source_motion import SourceMotion
from motion_preprocessing.spikes import Cleaned, clean
from motion_preprocessing.splits import Splits, load_splits

CREDITS: Final = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. "
    "The database was created with funding from NSF EIA-0196217.",
)
FALL_LICENCE: Final = (
    "simulated from CMU mocap starting frames; CMU mocap terms: free for research and commercial products; "
    "do not resell the data itself; credit mocap.cs.cmu.edu (NSF EIA-0196217)"
)
FLOOR_PERCENTILE: Final = 5.0
SHORTEST_S: Final = 0.5
_FEET_AND_ANKLES: Final = (*FEET, JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"])
_TEXTS: Final = ("file", "subject", "trial", "category", "label", "licence", "source")
_COLUMNS: Final = (*_TEXTS, "fps", "frames", "tpose_frame0")


@dataclass(frozen=True)
class Take:
    """One row of the manifest."""

    file: str
    """Path inside the folder."""
    subject: str
    """Who moved."""
    trial: str
    """Unique name of the take."""
    fps: float
    """The true frame rate."""
    frames: int
    """Frames of the file, an added T-pose included."""
    t_pose_first: bool
    """Whether the first frame is an added T-pose."""
    category: str
    """Coarse category."""
    label: str
    """The collection's short label."""
    licence: str
    """Licence terms."""
    source: str
    """Name of the collection."""

    @property
    def pair(self) -> str:
        """Key of the take that several people share, '' for one person alone."""
        return f"{self.label} {self.trial.rpartition('_')[2]}" if self.category == "two_person" else ""


def read_manifest(folder: Path) -> list[Take]:
    """Read `manifest.csv`.

    Raises:
        InputError: It is missing or empty, lacks a column, or a row holds what is no number where one must stand.
    """
    path = folder / "manifest.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"expected a readable manifest, got '{reason}' for {path}; check DATA_DIR") from None
    if not rows:
        raise InputError(f"expected a row a take, got none for {path}; the manifest is empty")
    missing = [column for column in _COLUMNS if rows[0].get(column) is None]
    if missing:
        raise InputError(f"expected a column '{missing[0]}', got none for {path}; mend the manifest")
    takes = []
    for number, row in enumerate(rows, start=2):
        try:
            fps, frames, added = float(row["fps"]), int(row["frames"]), row["tpose_frame0"] == "1"
        except (TypeError, ValueError):
            raise InputError(f"expected numbers as fps and frames, got others for line {number} of {path}") from None
        if not 1 <= fps <= 1000:
            raise InputError(f"expected a frame rate of 1 to 1000, got {fps} for line {number} of {path}; mend it")
        texts = {name: row[name] or "" for name in _TEXTS}
        takes.append(Take(fps=fps, frames=frames, t_pose_first=added, **texts))
    return takes


class CaptureReader:
    """Reads takes of one folder as T-pose-relative motion; skeleton files are read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._skeletons: dict[Path, AsfSkeleton] = {}

    def read(self, take: Take) -> tuple[SourceMotion, JointMap]:
        """Read a take and the map of its skeleton.

        Raises:
            InputError: The file is bad, of an unknown skeleton or of another length than the manifest says.
        """
        path = self._folder / take.file
        if path.suffix == ".bvh":
            bvh = read_bvh(path)
            self._check_length(take, len(bvh.frames))
            nodes = joint_map(bvh.names, str(path))
            if take.t_pose_first and len(bvh.frames) > 1:
                source = bvh.motion(unit_m=nodes.unit_m, fps=take.fps, rest_frame=0)
                if rest_is_t_pose(source, nodes):
                    return source, nodes
            # No T-pose was added whatever the manifest says, or one that is none: the first frame is motion.
            return to_t_pose(bvh.motion(unit_m=nodes.unit_m, fps=take.fps), nodes), nodes
        if path.suffix == ".amc":
            asf = path.parent / f"{path.parent.name}.asf"
            skeleton = self._skeletons.get(asf) or self._skeletons.setdefault(asf, read_asf(asf))
            values = read_amc(path, skeleton)
            self._check_length(take, len(values))
            nodes = joint_map(tuple(bone.name for bone in skeleton.bones), str(asf))
            return to_t_pose(amc_motion(skeleton, values, unit_m=nodes.unit_m, fps=take.fps), nodes), nodes
        raise InputError(f"expected .bvh or .amc, got '{path.suffix}' for {path}; mend the manifest")

    def _check_length(self, take: Take, frames: int) -> None:
        if frames != take.frames:
            raise InputError(
                f"expected {take.frames} frames as in the manifest, got {frames} for {self._folder / take.file}; "
                "the file is truncated or another"
            )


def floor_height_m(joints_m: NDArray[np.float64], which: tuple[int, ...] = _FEET_AND_ANKLES) -> float:
    """Height of the floor under joints (T, 22, 3): the 5th percentile over time of the lowest of `which`.

    Toes dip for moments when a foot rolls off, so the lowest value of all lies 1 to 3 cm under the height at which a
    standing foot rests. Who climbs stands on the ground for more than a twentieth of the clip, or the lowest rung
    becomes the floor.
    """
    lowest = joints_m[:, list(which), 2].min(axis=1)
    return float(np.percentile(lowest, FLOOR_PERCENTILE))


@dataclass
class Report:
    """Figures of a run, for its summary."""

    clips: int = 0
    """Sequences made."""
    seconds: float = 0.0
    """Their length."""
    captions: int = 0
    """Their sentences."""
    dropped: list[str] = field(default_factory=list)
    """Takes that could not be cleaned, or of which too little was left."""
    mended_frames: int = 0
    """Source frames that were interpolated."""
    cut_frames: int = 0
    """Source frames cut off."""
    limb_error_deg: float = 0.0
    """Largest angle between a source's limb and the project's."""
    source_skate: list[tuple[float, float]] = field(default_factory=list)
    """(foot-skate ratio, seconds) of each source."""
    skate: list[tuple[float, float]] = field(default_factory=list)
    """The same of the sequences made of them."""
    source_bones_m: dict[str, list[float]] = field(default_factory=dict)
    """Lengths of the sources' limbs, a list over takes."""
    bones_m: dict[str, list[float]] = field(default_factory=dict)
    """The same of the sequences."""
    split_seconds: dict[str, float] = field(default_factory=dict)
    """Seconds a split."""

    def count(self, sequence: MotionSequence) -> None:
        """Add a sequence that was made."""
        seconds = len(sequence.root_position_m) / sequence.fps
        self.clips += 1
        self.seconds += seconds
        self.captions += len(sequence.captions)
        self.split_seconds[sequence.split] = self.split_seconds.get(sequence.split, 0.0) + seconds


def mean_ratio(ratios: list[tuple[float, float]]) -> float:
    """Mean of (ratio, seconds) weighted by the seconds; NaN without any."""
    known = [(ratio, seconds) for ratio, seconds in ratios if not math.isnan(ratio)]
    total = sum(seconds for _, seconds in known)
    return sum(ratio * seconds for ratio, seconds in known) / total if total else math.nan


def bone_spread_percent(bones_m: dict[str, list[float]]) -> float:
    """Standard deviation over takes as a percentage of the mean, averaged over the bones."""
    spreads = [100 * float(np.std(lengths) / np.mean(lengths)) for lengths in bones_m.values() if lengths]
    return float(np.mean(spreads)) if spreads else math.nan


@dataclass(frozen=True)
class _Person:
    """A take on its way."""

    take: Take
    source: SourceMotion
    nodes: JointMap
    retargeted: Retargeted
    cleaned: Cleaned


def capture_sequences(
    folder: Path,
    *,
    fps: float,
    report: Report,
    limit: int | None = None,
    splits: Splits | None = None,
    on_take: Callable[[str], None] = lambda name: None,
) -> Iterator[MotionSequence]:
    """Make sequences of the takes of a folder.

    Args:
        folder: Holds manifest.csv.
        fps: Frame rate to make.
        report: Is filled in.
        limit: Take only the first so many takes.
        splits: Who is kept out of training; None reads the committed table.
        on_take: Called with each take's name once it is done.
    """
    splits = splits or load_splits()
    takes = read_manifest(folder)[:limit]
    groups: dict[str, list[Take]] = {}
    for take in takes:
        groups.setdefault(take.pair or take.trial, []).append(take)
    reader = CaptureReader(folder)
    for group in groups.values():
        yield from _group_sequences(group, reader, fps, splits, report)
        for take in group:
            on_take(take.trial)


def _group_sequences(
    group: list[Take], reader: CaptureReader, fps: float, splits: Splits, report: Report
) -> Iterator[MotionSequence]:
    """Make the sequences of people who share one world: one scale, one floor, one stretch of time."""
    if len({take.fps for take in group}) > 1:
        raise InputError(f"expected one frame rate, got several for the takes of '{group[0].pair}'; mend the manifest")
    read = [(take, *reader.read(take)) for take in group]
    scale = float(np.mean([project_leg_length_m() / leg_length_m(source, nodes) for _, source, nodes in read]))
    people = []
    for take, source, nodes in read:
        retargeted = retarget(source, nodes, scale=scale)
        cleaned = clean(retargeted.local_rotations, retargeted.root_position_m, take.fps)
        if cleaned is None or len(cleaned.root_position_m) < SHORTEST_S * take.fps:
            report.dropped.append(take.trial)
            continue
        people.append(_Person(take, source, nodes, retargeted, cleaned))
    if not people:
        return
    kept = [person.cleaned for person in people]
    start = max(c.start for c in kept)
    stop = min(c.start + len(c.root_position_m) for c in kept)
    if stop - start < SHORTEST_S * people[0].take.fps:
        report.dropped.extend(person.take.trial for person in people)
        return
    shares = len(people) > 1
    floor = float(np.mean([floor_height_m(_joints(c)[start - c.start : stop - c.start]) for c in kept]))
    for person in people:
        cleaned = person.cleaned
        inside = slice(start - cleaned.start, stop - cleaned.start)
        rotations, root = cleaned.local_rotations[inside], cleaned.root_position_m[inside] - [0.0, 0.0, floor]
        rotations, root = resample(rotations, root, person.take.fps, fps)
        take = person.take
        sequence = MotionSequence(
            name=f"cmu_{take.trial}",
            fps=fps,
            local_rotations=rotations.astype(np.float32),
            root_position_m=root.astype(np.float32),
            captions=sentences_for_label(take.label, take.category),
            action=coarse_action(take.label, take.category),
            person_class="person",
            subject=f"cmu_{take.subject}",
            split=splits.of_subject(take.subject),
            pair=take.pair if shares else "",
            source=f"{take.source} {take.file}",
            licence=take.licence,
            label=take.label,
        )
        _measure(person, sequence, slice(start, stop), report)
        report.cut_frames += len(person.source.joints_m) - (stop - start)
        report.mended_frames += cleaned.mended
        report.count(sequence)
        yield sequence


def _joints(cleaned: Cleaned) -> NDArray[np.float64]:
    return np.asarray(forward_kinematics(cleaned.local_rotations, cleaned.root_position_m)[0])


def _measure(person: _Person, sequence: MotionSequence, inside: slice, report: Report) -> None:
    """Compare the source with the sequence made of it."""
    source, nodes, seconds = person.source, person.nodes, len(sequence.root_position_m) / sequence.fps
    there = np.zeros((len(source.joints_m), JOINT_COUNT, 3))
    there[:, 0] = source.joints_m[:, source.names.index(nodes.rotation["pelvis"])] @ WORLD_FROM_BODY.T
    for joint, node in nodes.position.items():
        there[:, JOINT_INDEX[joint]] = source.joints_m[:, source.names.index(node)] @ WORLD_FROM_BODY.T
    before, _ = forward_kinematics(person.retargeted.local_rotations, person.retargeted.root_position_m)
    after = np.asarray(
        forward_kinematics(sequence.local_rotations.astype(np.float64), sequence.root_position_m.astype(np.float64))[0]
    )
    for side in SIDES:
        for start, end in LIMBS:
            a, b = JOINT_INDEX[f"{side}_{start}"], JOINT_INDEX[f"{side}_{end}"]
            theirs, ours = there[:, b] - there[:, a], before[:, b] - before[:, a]
            report.limb_error_deg = max(report.limb_error_deg, float(_angle_deg(theirs, ours).max()))
            for lengths, joints in ((report.source_bones_m, there), (report.bones_m, after)):
                length = float(np.linalg.norm(joints[:, b] - joints[:, a], axis=-1).mean())
                lengths.setdefault(f"{side}_{end}", []).append(length)
    there = there[inside]
    there[..., 2] -= floor_height_m(there)
    report.source_skate.append((foot_skate_ratio(there, person.take.fps), seconds))
    report.skate.append((foot_skate_ratio(after, sequence.fps), seconds))


def _angle_deg(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.asarray(np.degrees(np.arctan2(cross, np.sum(a * b, axis=-1))))


def fall_sequences(
    path: Path, *, fps: float, report: Report, splits: Splits | None = None, limit: int | None = None
) -> Iterator[MotionSequence]:
    """Make sequences of simulated falls; the person is a patient."""
    splits = splits or load_splits()
    for fall in read_falls(path)[:limit]:
        sequence = _fall_sequence(fall, fps, splits)
        report.count(sequence)
        yield sequence


def _fall_sequence(fall: SimulatedFall, fps: float, splits: Splits) -> MotionSequence:
    joints = np.asarray(forward_kinematics(fall.local_rotations, fall.root_position_m)[0])
    # Lying bodies touch the floor with any joint, so all of them count.
    floor = floor_height_m(joints, tuple(range(JOINT_COUNT)))
    rotations, root = resample(fall.local_rotations, fall.root_position_m - [0.0, 0.0, floor], fall.fps, fps)
    return MotionSequence(
        name=f"fall_{fall.index:03d}_{fall.kind}",
        fps=fps,
        local_rotations=rotations.astype(np.float32),
        root_position_m=root.astype(np.float32),
        captions=sentences_for_fall(fall.kind, fall.rest),
        action="fall",
        person_class="patient",
        subject="simulated",
        split=splits.of_fall(fall.index, fall.source),
        pair="",
        source=f"simulated fall {fall.index}" + (f" from CMU {fall.source}" if fall.source else ""),
        licence=FALL_LICENCE,
        label=f"fall {fall.kind} {fall.rest}".strip(),
        events=(Event("onset", fall.onset_s), Event("impact", fall.impact_s)),
    )


_ACTION_WORDS: Final = (
    ("dance", ("dance",)),
    ("climb", ("climb", "playground")),
    ("sit", ("sit",)),
    ("jump", ("jump", "hop", "leap", "jumping")),
    ("run", ("run", "jog")),
    ("walk", ("walk", "stride", "navigate")),
)


def coarse_action(label: str, category: str) -> str:
    """Name the coarse action of a label: the word in it that comes first in the text, else by its category."""
    if category == "two_person":
        return "dance"
    words = re.findall(r"[a-z]+", label.lower())
    first = {action: min((words.index(w) for w in keys if w in words), default=99) for action, keys in _ACTION_WORDS}
    action = min(first, key=lambda name: first[name])
    if first[action] < 99:
        return action
    return "daily" if category == "daily_reach" else "other"
