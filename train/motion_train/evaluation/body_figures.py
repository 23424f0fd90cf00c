"""Figures that bodies alone decide: feet, floor, jerk, bones, joint limits, falls, company, and what was memorised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.metrics import MotionMetrics, evaluate_motion, jerk_m_s3, ks_distance
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_train.evaluation.estimate import Estimate, estimate, mean_of, share_of
from motion_train.evaluation.falls import LYING, FallPhysics, fall_physics, lies
from motion_train.evaluation.making import Made
from motion_train.evaluation.memory import nearest_m, snippet, training_snippets
from motion_train.evaluation.real import RealSet
from motion_train.evaluation.rows import Row, at_least, at_most

PART: Final = "Bodies"
FALLS: Final = "Falls"
COMPANY: Final = "Company"
MEMORY: Final = "Memorisation"
_FIGURES: Final = (
    ("foot_skate_ratio", "foot-skate ratio", ""),
    ("penetration_mm", "floor penetration", "mm"),
    ("float_mm", "floating", "mm"),
    ("skate_mm", "skate of the lowest joint", "mm/frame"),
    ("jerk_q50_m_s3", "jerk, median", "m/s^3"),
    ("jerk_q95_m_s3", "jerk, 95th percentile", "m/s^3"),
    ("jerk_peak_m_s3", "jerk, peak", "m/s^3"),
    ("bone_drift_mean_percent", "bone-length drift", "% of length"),
    ("joint_limit_share", "frames beyond joint limits", "%"),
)
_CRITERIA: Final = {
    "acceleration": "no faster than gravity allows",
    "onset_to_impact": "onset to impact in .35 to 2.3 s",
    "descent": "descent in .35 to 1.1 s",
    "impact_speed": "impact at 1.5 to 4.5 m/s",
    "ends_low": "pelvis ends below .35 m",
    "settles": "lies still for a second",
}


def body_figures(
    held_out: RealSet, training: RealSet, made: Sequence[Made], rng: np.random.Generator, replications: int
) -> list[Row]:
    """Rows of the metrics of docs/metrics.md, means over motions, and how the jerks are distributed."""
    real = [
        evaluate_motion(joints[None], held_out.fps, local_rotations=turns[None])
        for joints, turns in zip(held_out.joints_m, held_out.rotations(), strict=True)
    ]
    fake = [evaluate_motion(m.joints_m, m.fps, local_rotations=m.local_rotations.astype(np.float64)) for m in made]

    def mean(metrics: Sequence[MotionMetrics], key: str) -> Estimate:
        return mean_of([getattr(one, key) for one in metrics], rng, replications, (0.0, math.inf))

    rows = []
    for key, label, unit in _FIGURES:
        model, own = mean(fake, key), mean(real, key)
        if key == "foot_skate_ratio":
            met = at_most(model, 1.5 * own.value)
            rows.append(Row(PART, key, label, unit, model, own, "<= 1.5 x real", met))
        else:
            rows.append(Row(PART, key, label, unit, model, own))
    drift = mean_of([m.network_drift_percent for m in made], rng, replications, (0.0, math.inf))
    rows.append(Row(PART, "network_bone_drift_percent", "bone-length drift of the network's own joints", "% of length",
                    drift, note="before one body is fitted to each pose"))  # fmt: skip
    jerks = [jerk_m_s3(one, held_out.fps).ravel() for one in held_out.joints_m]
    seen = [jerk_m_s3(one, training.fps).ravel() for one in training.joints_m]
    new = [jerk_m_s3(m.joints_m[0], m.fps).ravel() for m in made]

    def gap(first: list[NDArray[np.float64]], second: list[NDArray[np.float64]]) -> Estimate:
        def statistic(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
            return ks_distance(np.concatenate([first[i] for i in a]), np.concatenate([second[i] for i in b]))

        return estimate(statistic, [len(first), len(second)], rng, replications, (0.0, 1.0))

    note = "Kolmogorov-Smirnov, joints and frames; real: training windows"
    rows.append(Row(PART, "jerk_ks", "jerk, distance of its distribution from real", "", gap(jerks, new),
                    gap(jerks, seen), note=note))  # fmt: skip
    return rows


def fall_figures(made: Sequence[Made], real: Sequence[tuple[NDArray[np.floating[Any]], float]],
                 rng: np.random.Generator, replications: int) -> list[Row]:  # fmt: skip
    """Rows of fall physics.

    Args:
        made: Motions of prompts that ask for a fall.
        real: Joints (T, 22, 3) and frame rate of held-out simulated falls.
        rng: Draws halves.
        replications: For the intervals.
    """
    model = [fall_physics(m.joints_m[0], m.fps) for m in made]
    own = [fall_physics(joints, fps) for joints, fps in real]
    note = "beside: simulated falls of held-out starting poses; nobody fell for a recording"

    def share(falls: Sequence[FallPhysics | None], key: str) -> Estimate:
        return share_of([getattr(fall, key) for fall in falls if fall is not None], rng, replications)

    def happened(falls: Sequence[FallPhysics | None]) -> Estimate:
        return share_of([fall is not None for fall in falls], rng, replications)

    rows = [Row(FALLS, "falls", "asked to fall, falls", "%", happened(model), happened(own), note=note)]
    rows += [
        Row(FALLS, f"fall_{field.name}", _CRITERIA[field.name], "%", share(model, field.name), share(own, field.name),
            note="of those that fall; " + note)
        for field in fields(FallPhysics)
    ]  # fmt: skip
    rows.append(Row(FALLS, "fall_plausible", "all of these", "%", share(model, "plausible"), share(own, "plausible"),
                    note="of those that fall; " + note))  # fmt: skip
    fell = [lies(m.joints_m[0], m.fps) for m, fall in zip(made, model, strict=True) if fall and fall.ends_low]
    lay = [lies(joints, fps) for (joints, fps), fall in zip(real, own, strict=True) if fall and fall.ends_low]
    for way in LYING:
        ours, theirs = (share_of([end == way for end in ends], rng, replications) for ends in (fell, lay))
        name = f"fall_ends_{way.replace(' ', '_')}"
        rows.append(Row(FALLS, name, f"ends {way}", "%", ours, theirs, note="of the falls that end low; " + note))
    return rows


def held_out_falls(data: Path, splits: Sequence[str]) -> list[tuple[NDArray[np.floating[Any]], float]]:
    """Clips of falls of some splits."""
    return [
        (np.asarray(record.pose[:, POSITIONS]).reshape(-1, JOINT_COUNT, 3), record.fps)
        for split in splits
        for record in MotionDataset.open(data, split=split)
        if record.action == "fall"
    ]


def company_figures(made: Sequence[Made], data: Path, rng: np.random.Generator, replications: int) -> list[Row]:
    """Rows of how people keep out of each other; of recordings all takes of two people."""
    shares: dict[int, list[float]] = {}
    depths: list[float] = []
    for one in made:
        metrics = evaluate_motion(one.joints_m, one.fps)
        shares.setdefault(metrics.people, []).append(1 - metrics.person_penetration_share)
        depths.append(metrics.person_penetration_mean_cm)
    dataset = MotionDataset.open(data)
    real_shares: dict[int, list[float]] = {}
    real_depths = []
    for members in dataset.pairs():
        joints = [np.asarray(dataset[i].pose[:, POSITIONS]).reshape(-1, JOINT_COUNT, 3) for i in members]
        frames = min(len(person) for person in joints)
        metrics = evaluate_motion(np.stack([person[:frames] for person in joints]), dataset.fps)
        real_shares.setdefault(metrics.people, []).append(1 - metrics.person_penetration_share)
        real_depths.append(metrics.person_penetration_mean_cm)
    own = mean_of([share for group in real_shares.values() for share in group], rng, replications, (0.0, 1.0))
    note = "real: takes of people who dance, help or push a wheelchair, training split included"
    every = mean_of([share for group in shares.values() for share in group], rng, replications, (0.0, 1.0))
    rows = [Row(COMPANY, "apart", "frames without mutual penetration, 2 to 4 people", "%", every, own, ">= 95 %",
                at_least(every, 0.95), note)]  # fmt: skip
    for people, group in sorted(shares.items()):
        model = mean_of(group, rng, replications, (0.0, 1.0))
        beside = mean_of(real_shares.get(people, []), rng, replications, (0.0, 1.0))
        rows.append(Row(COMPANY, f"apart_{people}", f"the same, {people} people", "%", model, beside, note=note,
                        unreal=f"no recordings of {people} people"))  # fmt: skip
    rows.append(Row(COMPANY, "overlap_cm", "mean depth of overlap", "cm", mean_of(depths, rng, replications),
                    mean_of(real_depths, rng, replications), note=note))  # fmt: skip
    return rows


def memory_figures(
    made: Sequence[Made], held_out: RealSet, data: Path, rng: np.random.Generator, replications: int
) -> tuple[list[Row], NDArray[np.float64], NDArray[np.float64]]:
    """Rows of the distance to the nearest training clip; also the distances (N,) of the model and of recordings."""
    training = training_snippets(MotionDataset.open(data, split="train"))
    real = nearest_m([s for joints in held_out.joints_m if (s := snippet(joints, held_out.fps)) is not None], training)
    new = nearest_m([s for m in made if (s := snippet(m.joints_m[0], m.fps)) is not None], training)
    limit = float(np.quantile(real, 0.05)) if len(real) else math.nan
    near = share_of(new < limit, rng, replications)
    own = share_of(real < limit, rng, replications)
    note = f"nearest training clip nearer than {100 * limit:.2g} cm, real's 5th percentile; first 2 s, mean over joints"
    rows = [
        Row(MEMORY, "near_training", "nearer to training than real's 5th percentile", "%", near, own, "<= 5 %",
            at_most(near, 0.05), note),
        Row(MEMORY, "nearest_median_cm", "distance to the nearest training clip, median", "cm",
            _median(100 * new, rng, replications), _median(100 * real, rng, replications)),
    ]  # fmt: skip
    return rows, new, real


def _median(values: NDArray[np.float64], rng: np.random.Generator, replications: int) -> Estimate:
    return estimate(lambda rows: float(np.median(values[rows])), [len(values)], rng, replications, (0.0, math.inf))
