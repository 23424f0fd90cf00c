"""From a folder of captures to motion sequences: read, clean, retarget, level, stand on the floor, resample, describe.

`capture_sequences` works through the folder session by session: the takes of one subject, and of who danced with whom,
share cameras and therefore a floor.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captions import sentences_for_fall, sentences_for_label
from motion_preprocessing.errors import InputError
from motion_preprocessing.falls import SimulatedFall, read_falls
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.level import find_stances, fit_floor_tilt, floor_height_m
from motion_preprocessing.manifest import CaptureReader, Take, read_manifest
from motion_preprocessing.markers.uiprmd import MarkerReport
from motion_preprocessing.metrics import foot_skate_ratio
from motion_preprocessing.quality import Tally, faults
from motion_preprocessing.resample import resample
from motion_preprocessing.retarget import (
    LIMBS,
    SIDES,
    JointMap,
    Retargeted,
    leg_length_m,
    project_leg_length_m,
    retarget,
)
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
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
SHORTEST_S: Final = 0.5
_UNEVEN_WORDS: Final = ("uneven", "ladder", "stairs")


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
    levelled: int = 0
    """Sequences whose tilted floor was levelled."""
    tilt_deg: float = 0.0
    """The largest tilt."""
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
    captures: Tally = field(default_factory=Tally)
    """What became of the captures."""
    markers: MarkerReport = field(default_factory=MarkerReport)
    """What became of the exercises given as markers."""
    falls: Tally = field(default_factory=Tally)
    """What became of the simulated falls."""

    def drop_capture(self, fault: str, trial: str) -> None:
        """Note a take that was dropped."""
        self.dropped.append(trial)
        self.captures.drop(fault, trial)

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
    groups: dict[str, list[Take]] = {}
    for take in read_manifest(folder)[:limit]:
        groups.setdefault(take.pair or take.trial, []).append(take)
    reader = CaptureReader(folder)
    for session in sessions(list(groups.values())):
        shared = []
        for group in session:
            shared.append(_share_time(_read_group(group, reader, report), report))
            for take in group:
                on_take(take.trial)
        for people in _level(shared, report):
            yield from _group_sequences(people, fps, splits, report)


def sessions(groups: list[list[Take]]) -> list[list[list[Take]]]:
    """Put the groups together whose people were captured by the same cameras: those of one subject, and of partners."""
    made: list[tuple[set[str], list[list[Take]]]] = []
    for group in groups:
        subjects = {take.subject for take in group}
        joined = [session for session in made if session[0] & subjects]
        if not joined:
            made.append((subjects, [group]))
            continue
        for others in joined[1:]:
            made.remove(others)
            joined[0][0].update(others[0])
            joined[0][1].extend(others[1])
        joined[0][0].update(subjects)
        joined[0][1].append(group)
    return [session for _, session in made]


def _read_group(group: list[Take], reader: CaptureReader, report: Report) -> list[_Person]:
    """Read, retarget and clean the people who share one world, at one scale."""
    if len({take.fps for take in group}) > 1:
        raise InputError(f"expected one frame rate, got several for the takes of '{group[0].pair}'; mend the manifest")
    read = [(take, *reader.read(take)) for take in group]
    scale = float(np.mean([project_leg_length_m() / leg_length_m(source, nodes) for _, source, nodes in read]))
    people = []
    for take, source, nodes in read:
        retargeted = retarget(source, nodes, scale=scale)
        report.captures.read(len(source.joints_m) / take.fps)
        cleaned = clean(retargeted.local_rotations, retargeted.root_position_m, take.fps)
        if cleaned is None or len(cleaned.root_position_m) < SHORTEST_S * take.fps:
            report.drop_capture("limbs flip" if cleaned is None else "too short", take.trial)
            continue
        people.append(_Person(take, source, nodes, retargeted, cleaned))
    return people


def _share_time(people: list[_Person], report: Report) -> list[_Person]:
    """Cut the people who share one world to the stretch of time that is left of all."""
    if not people:
        return []
    kept = [person.cleaned for person in people]
    start = max(c.start for c in kept)
    stop = min(c.start + len(c.root_position_m) for c in kept)
    if stop - start < SHORTEST_S * people[0].take.fps:
        for person in people:
            report.drop_capture("too short", person.take.trial)
        return []
    cut = []
    for person, c in zip(people, kept, strict=True):
        inside = slice(start - c.start, stop - c.start)
        c = replace(
            c, local_rotations=c.local_rotations[inside], root_position_m=c.root_position_m[inside], start=start
        )
        cut.append(replace(person, cleaned=c))
    return cut


def _level(session: list[list[_Person]], report: Report) -> list[list[_Person]]:
    """Level the floor of a session: one plane for all of its clips if they agree, else one for each that shows its own.

    Who climbs or walks on uneven ground neither votes nor is turned.
    """
    stances = [
        [find_stances(_joints(p.cleaned), p.take.fps) for p in people if has_even_floor(p.take)] for people in session
    ]
    common = fit_floor_tilt([clip for clips in stances for clip in clips])
    made = []
    for people, clips in zip(session, stances, strict=True):
        tilt = (common or fit_floor_tilt(clips)) if clips else None
        if tilt is None:
            made.append(people)
            continue
        report.levelled += len(people)
        report.tilt_deg = max(report.tilt_deg, tilt.angle_deg)
        turned = []
        for person in people:
            rotations, root = tilt.level(person.cleaned.local_rotations, person.cleaned.root_position_m)
            cleaned = replace(person.cleaned, local_rotations=rotations, root_position_m=root)
            turned.append(replace(person, cleaned=cleaned))
        made.append(turned)
    return made


def _group_sequences(people: list[_Person], fps: float, splits: Splits, report: Report) -> Iterator[MotionSequence]:
    """Make the sequences of people who share one world: one floor, one stretch of time."""
    if not people:
        return
    shares = len(people) > 1
    floor = float(np.mean([floor_height_m(_joints(person.cleaned)) for person in people]))
    for person in people:
        cleaned, take = person.cleaned, person.take
        root = cleaned.root_position_m - [0.0, 0.0, floor]
        rotations, root = resample(cleaned.local_rotations, root, take.fps, fps)
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
        joints = _sequence_joints(sequence)
        wrong = faults(joints, fps)
        if wrong:
            report.drop_capture(wrong[0], take.trial)
            continue
        report.captures.keep(joints, fps)
        inside = slice(cleaned.start, cleaned.start + len(cleaned.root_position_m))
        _measure(person, sequence, inside, report)
        report.cut_frames += len(person.source.joints_m) - len(cleaned.root_position_m)
        report.mended_frames += cleaned.mended
        report.count(sequence)
        yield sequence


def _sequence_joints(sequence: MotionSequence) -> NDArray[np.float64]:
    rotations, root = sequence.local_rotations.astype(np.float64), sequence.root_position_m.astype(np.float64)
    return np.asarray(forward_kinematics(rotations, root)[0])


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
    after = _sequence_joints(sequence)
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
        joints = _sequence_joints(sequence)
        report.falls.read(len(joints) / fps)
        wrong = faults(joints, fps, slides=True)
        if wrong:
            report.falls.drop(wrong[0], sequence.name)
            continue
        report.falls.keep(joints, fps)
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


def has_even_floor(take: Take) -> bool:
    """Whether the label speaks of no climbing and no uneven ground."""
    label = take.label.lower()
    return coarse_action(label, take.category) != "climb" and not any(word in label for word in _UNEVEN_WORDS)
