"""Reader of exercise trials given as markers (UI-PRMD, Vakanski et al. 2018): an .npz of 39 Plug-in Gait markers.

Arrays: `markers` (N, 39, 3) metres, z up, NaN where missing; `marker_names` (39,); `fps`; and `trials`, a JSON list of
{trial, subject, label, correct, start, frames, qc} into the N frames.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.events import detect
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.level import floor_height_m
from motion_preprocessing.markers.exercise_phrases import EXERCISES, SIT_TO_STAND, sentences_for_exercise
from motion_preprocessing.markers.foot_lock import lock_feet
from motion_preprocessing.markers.marker_motion import FittedTrial, fit_subject
from motion_preprocessing.markers.plug_in_gait import MARKERS
from motion_preprocessing.motion_features import measure
from motion_preprocessing.quality import Tally, faults
from motion_preprocessing.resample import resample
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_preprocessing.splits import Splits, load_splits

Array = NDArray[np.float64]

FILE_NAME: Final = "uiprmd_markers.npz"
LICENCE: Final = "ODC-PDDL 1.0 (public domain)"
CREDIT: Final = "Exercises: UI-PRMD, University of Idaho Physical Rehabilitation Movement Data (Vakanski et al. 2018)."
IMPAIRED: Final = "(performed incorrectly, as by a patient)"
SHORTEST_S: Final = 1.0
WORST_FIT_M: Final = 0.025
"""A trial whose markers lie farther from the fitted body's (root mean square at the worst twentieth) is dropped."""
WORST_SPEED_M_S: Final = 6.0
"""No exercise moves a joint as fast; a marker that was lost and found elsewhere does."""
LIMITED_SHARE: Final = 0.8
"""Less of the subject's own correct range than this is called limited."""
_FIT_FPS: Final = 17.0
"""About; slow exercises hold nothing faster than 5 Hz, so every second of 33 frames a second is enough to fit."""


@dataclass(frozen=True)
class MarkerTrial:
    """One trial of the file."""

    name: str
    subject: str
    exercise: str
    correct: bool
    markers_m: Array
    """(T, 39, 3) in the order of MARKERS, NaN where missing."""
    fps: float


@dataclass
class MarkerReport(Tally):
    """Figures of the trials, for the summary."""

    residual_m: list[float] = field(default_factory=list)
    """Root mean square distance of the markers of each kept trial."""


def read_markers(path: Path) -> list[MarkerTrial]:
    """Read all trials of a file.

    Raises:
        InputError: The file is missing or damaged, lacks an array or a marker, or names an unknown exercise.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            names = ("markers", "marker_names", "fps", "trials")
            missing = [name for name in names if name not in data]
            if missing:
                raise InputError(f"expected an array '{missing[0]}', got none for {path}; is it a file of markers?")
            markers, marker_names, fps, listed = (data[name] for name in names)
        entries: list[dict[str, Any]] = json.loads(str(listed))
    except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"expected a readable .npz of markers, got '{reason}' for {path}; check the file") from None
    there = [str(name) for name in marker_names]
    unseen = [name for name in MARKERS if name not in there]
    if unseen or markers.ndim != 3 or markers.shape[1:] != (len(there), 3):
        what = f"no marker {unseen[0]}" if unseen else f"shape {markers.shape}"
        raise InputError(f"expected 39 Plug-in Gait markers, got {what} for {path}; name them as the set does")
    order = [there.index(name) for name in MARKERS]
    return [_trial(entry, markers, order, float(fps), path) for entry in entries]


def _trial(entry: dict[str, Any], markers: NDArray[Any], order: list[int], fps: float, path: Path) -> MarkerTrial:
    try:
        name, subject = str(entry["trial"]), str(entry["subject"])
        label, correct = str(entry["label"]), bool(entry["correct"])
        start, count = int(entry["start"]), int(entry["frames"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"expected a full entry, got '{error}' for a trial of {path}; mend the list") from None
    exercise = label.removesuffix(IMPAIRED).strip()
    if exercise not in EXERCISES:
        raise InputError(f"expected one of {', '.join(EXERCISES)}, got '{exercise}' for {name} of {path}; mend it")
    if start < 0 or count < 1 or start + count > len(markers):
        raise InputError(
            f"expected frames {start}..{start + count}, got {len(markers)} frames for {name} of {path}; "
            "the file is truncated"
        )
    part = markers[start : start + count][:, order].astype(np.float64)
    return MarkerTrial(name, subject, exercise, correct, part, fps)


def exercise_sequences(
    path: Path,
    *,
    fps: float,
    report: MarkerReport,
    splits: Splits | None = None,
    limit: int | None = None,
    on_subject: Callable[[str], None] = lambda name: None,
) -> Iterator[MotionSequence]:
    """Make sequences of the trials of a file, subject by subject.

    Args:
        path: The .npz of markers.
        fps: Frame rate to make.
        report: Is filled in.
        splits: Who is kept out of training; None reads the committed table.
        limit: Take only the first so many trials.
        on_subject: Called with each subject once done.
    """
    splits = splits or load_splits()
    trials = read_markers(path)[:limit]
    for subject in dict.fromkeys(trial.subject for trial in trials):
        yield from _subject_sequences([t for t in trials if t.subject == subject], fps, splits, report)
        on_subject(subject)


def _subject_sequences(
    trials: list[MarkerTrial], fps: float, splits: Splits, report: MarkerReport
) -> Iterator[MotionSequence]:
    kept = []
    for trial in trials:
        seconds = len(trial.markers_m) / trial.fps
        report.read(seconds)
        if seconds < SHORTEST_S:
            report.drop("too short", trial.name)
        else:
            kept.append(trial)
    if not kept:
        return
    step = max(1, round(kept[0].fps / _FIT_FPS))
    fit_fps = kept[0].fps / step
    _, fitted = fit_subject(
        [trial.markers_m[::step] for trial in kept], fit_fps, [f"{trial.exercise} {trial.correct}" for trial in kept]
    )
    good: list[tuple[MarkerTrial, Array, Array, Measured]] = []
    for trial, fit in zip(kept, fitted, strict=True):
        fault = _fault(fit, fit_fps)
        if fault:
            report.drop(fault, trial.name)
            continue
        root = lock_feet(fit.local_rotations, fit.root_position_m, fit.scale * fit.source_joints_m, fit_fps)
        joints = np.asarray(forward_kinematics(fit.local_rotations, root)[0])
        root = root - [0.0, 0.0, floor_height_m(joints)]
        rotations, root = resample(fit.local_rotations, root, fit_fps, fps)
        joints = np.asarray(forward_kinematics(rotations, root)[0])
        wrong = faults(joints, fps)
        if wrong:
            report.drop(wrong[0], trial.name)
            continue
        report.keep(joints, fps)
        good.append((trial, rotations, root, measure_exercise(trial.exercise, joints, fps)))
        report.residual_m.append(float(np.sqrt(np.mean(fit.residual_m**2))))
    able = {
        exercise: float(np.median([m.range_m for t, _, _, m in good if t.exercise == exercise and t.correct]))
        for exercise in {t.exercise for t, *_ in good if t.correct}
    }
    for trial, rotations, root, measured in good:
        limited = measured.range_m < LIMITED_SHARE * able.get(trial.exercise, 0.0)
        sequence = MotionSequence(
            name=f"uiprmd_{trial.name}",
            fps=fps,
            local_rotations=rotations.astype(np.float32),
            root_position_m=root.astype(np.float32),
            captions=sentences_for_exercise(
                trial.exercise,
                measured.side,
                limited=limited and not trial.correct,
                correct=trial.correct,
                seated=measured.seated,
            ),
            action="sit" if trial.exercise == SIT_TO_STAND and measured.seated else "exercise",
            person_class="person" if trial.correct else "patient",
            subject=f"uiprmd_{trial.subject}",
            split=splits.of_subject(f"uiprmd_{trial.subject}"),
            pair="",
            source=f"UI-PRMD {trial.name}",
            licence=LICENCE,
            label=trial.exercise + ("" if trial.correct else f" {IMPAIRED}"),
        )
        yield sequence


def _fault(fit: FittedTrial, fps: float) -> str:
    """Name what is wrong with a fit, '' where nothing is."""
    if float(np.percentile(fit.residual_m, 95)) > WORST_FIT_M:
        return "markers fit no body"
    speed = np.linalg.norm(np.diff(fit.source_joints_m, axis=0), axis=-1) * fps
    return "jumps" if speed.max() > WORST_SPEED_M_S else ""


@dataclass(frozen=True)
class Measured:
    """How an exercise was moved."""

    side: str
    """The limb that moves most: left or right."""
    range_m: float
    """How far the joint that matters moves, metres."""
    seated: bool = False
    """Whether the body is seen to sit."""


_ARMS: Final = tuple(EXERCISES[6:])
_BACKWARD: Final = "standing shoulder extension"


def measure_exercise(exercise: str, joints_m: Array, fps: float) -> Measured:
    """Find which limb moves and how far, from joints (T, 22, 3)."""
    pelvis = joints_m[:, JOINT_INDEX["pelvis"], 2]
    moved = {}
    for side in ("left", "right"):
        end = JOINT_INDEX[f"{side}_{'wrist' if exercise in _ARMS else 'ankle'}"]
        path = joints_m[:, end] - joints_m[:, JOINT_INDEX["pelvis"]] * (exercise in _ARMS)
        moved[side] = float(np.linalg.norm(np.ptp(path, axis=0)) if exercise == _BACKWARD else np.ptp(path[:, 2]))
    side = max(moved, key=lambda name: moved[name])
    if exercise == "side lunge":
        ankles = [joints_m[:, JOINT_INDEX[f"{s}_ankle"], :2].mean(axis=0) for s in ("left", "right")]
        lowest = joints_m[int(np.argmin(pelvis)), JOINT_INDEX["pelvis"], :2]
        near = [float(np.linalg.norm(lowest - ankle)) for ankle in ankles]
        side = "left" if near[0] < near[1] else "right"
    if exercise == "inline lunge":
        first = joints_m[0]
        across = first[JOINT_INDEX["left_hip"], :2] - first[JOINT_INDEX["right_hip"], :2]
        forward = np.array([across[1], -across[0]])
        ahead = first[[JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]], :2] @ forward
        side = "left" if ahead[0] > ahead[1] else "right"
    low = exercise in ("deep squat", "inline lunge", "side lunge", SIT_TO_STAND)
    seated = exercise == SIT_TO_STAND and any(event.kind == "sit" for event in detect(measure(joints_m, fps)))
    return Measured(side, float(np.ptp(pelvis)) if low else moved[side], seated)
