"""What recordings score: every metric of `motion_preprocessing.metrics` over a processed dataset, by kind of motion.

Usage: python benchmarks/recording_metrics.py DATASET [--out benchmarks/results]

Writes recording_metrics.md and .json. Generated motion is to be compared with these figures, at the same frame rate.
Recordings are measured by kind; what was simulated stands beside them, falls and all else, and counts as none.
"""

from __future__ import annotations

import argparse
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
from recorded import write_results

from motion_preprocessing import pose_vector
from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.metrics import MotionMetrics, Spread, evaluate_motion, jerk_m_s3, summarise

HEADER = (
    "| kind | clips | minutes | skate ratio | penetration mm | float mm | skate mm/frame | jerk q50 | jerk q95 "
    "| jerk q99 | jerk peak | joint limits % |\n" + "|---" * 12 + "|"
)

RECORDED = "all recordings"
MADE = ("simulated", "key poses", "layered")
"""How the sources of clips begin that nobody recorded."""


def weighted_mean(rows: list[MotionMetrics], figure: str) -> float:
    """Mean of a figure over clips, each counting by its frames; clips where it was not measured are left out."""
    values = np.array([getattr(row, figure) for row in rows])
    frames = np.array([row.frames for row in rows], dtype=np.float64)
    known = ~np.isnan(values)
    return float(np.average(values[known], weights=frames[known])) if known.any() else math.nan


def describe(rows: list[MotionMetrics], jerk: list[np.ndarray], fps: float) -> dict[str, float]:
    """One line of the table."""
    q50, q95, q99 = (float(q) for q in np.quantile(np.concatenate(jerk), (0.5, 0.95, 0.99)))
    return {
        "clips": len(rows),
        "minutes": sum(row.frames for row in rows) / fps / 60,
        **{name: weighted_mean(rows, name) for name in ("foot_skate_ratio", "penetration_mm", "float_mm", "skate_mm")},
        "jerk_q50_m_s3": q50,
        "jerk_q95_m_s3": q95,
        "jerk_q99_m_s3": q99,
        "jerk_peak_median_m_s3": float(np.median([row.jerk_peak_m_s3 for row in rows])),
        "joint_limit_share": weighted_mean(rows, "joint_limit_share"),
        "bone_drift_worst_percent": max(row.bone_drift_worst_percent for row in rows),
    }


def line(kind: str, d: dict[str, float]) -> str:
    """One line of the table as Markdown."""
    return (
        f"| {kind} | {d['clips']} | {d['minutes']:.1f} | {d['foot_skate_ratio']:.3f} | {d['penetration_mm']:.2f} | "
        f"{d['float_mm']:.0f} | {d['skate_mm']:.1f} | {d['jerk_q50_m_s3']:.0f} | {d['jerk_q95_m_s3']:.0f} | "
        f"{d['jerk_q99_m_s3']:.0f} | {d['jerk_peak_median_m_s3']:.0f} | {100 * d['joint_limit_share']:.2f} |"
    )


def main() -> None:
    """Measure a dataset and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--window", type=int, default=120, help="frames of a window, which stands for one sample")
    arguments = parser.parse_args()
    dataset = MotionDataset.open(arguments.dataset)
    rows: dict[str, list[MotionMetrics]] = defaultdict(list)
    jerk: dict[str, list[np.ndarray]] = defaultdict(list)
    windows: dict[str, list[MotionMetrics]] = defaultdict(list)
    joints: dict[str, np.ndarray] = {}
    for record in dataset:
        if len(record.pose) < 8:
            continue
        pose = pose_vector.decode(np.asarray(record.pose, dtype=np.float64))
        joints[record.name] = pose.joints_m
        metrics = evaluate_motion(pose.joints_m[None], record.fps, local_rotations=pose.local_rotations[None])
        group = RECORDED
        if record.source.startswith(MADE):
            group = "all simulated falls" if record.action == "fall" else "all else that is simulated"
        for kind in (record.action, group) if group == RECORDED else (group,):
            rows[kind].append(metrics)
            jerk[kind].append(jerk_m_s3(pose.joints_m, record.fps).ravel())
        # A clip shorter than a window is one window: falls are.
        for start in range(0, max(1, len(record.pose) - arguments.window + 1), arguments.window):
            part = slice(start, start + arguments.window)
            windows[group].append(
                evaluate_motion(
                    pose.joints_m[None, part], record.fps, local_rotations=pose.local_rotations[None, part]
                )
            )
    table = {kind: describe(rows[kind], jerk[kind], dataset.fps) for kind in sorted(rows)}
    pairs = []
    for take in dataset.pairs():
        people = [joints[dataset[index].name] for index in take]
        shortest = min(len(person) for person in people)
        pairs.append(evaluate_motion(np.stack([person[:shortest] for person in people]), dataset.fps))
    spreads = {group: summarise(measured) for group, measured in windows.items()}
    result = {
        "fps": dataset.fps,
        "kinds": table,
        "window_frames": arguments.window,
        "windows": {group: {name: vars(s) for name, s in spread.items()} for group, spread in spreads.items()},
        "pairs": {name: vars(s) for name, s in summarise(pairs).items() if name.startswith("person_")},
    }
    lines = ["# What recordings score", "", f"{dataset.fps:g} frames a second; means weighted by length.", "", HEADER]
    lines += [line(kind, table[kind]) for kind in table]
    lines += ["", f"Windows of {arguments.window} frames (shorter clips whole):"]
    lines += ["mean (5 % .. median .. 95 %), each counting once.", ""]
    lines += ["| figure | " + " | ".join(spreads) + " |", "|---" * (len(spreads) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(cell(s[name]) for s in spreads.values()) + " |" for name in SHOWN]
    write_results(arguments.out / "recording_metrics", result, "\n".join(lines) + "\n")
    print("\n".join(lines))


SHOWN = (
    "foot_skate_ratio", "penetration_mm", "float_mm", "skate_mm", "jerk_mean_m_s3", "jerk_q50_m_s3", "jerk_q95_m_s3",
    "jerk_peak_m_s3", "joint_limit_share",
)  # fmt: skip


def cell(spread: Spread) -> str:
    """One cell of the table of windows."""
    return f"{spread.mean:.3g} ({spread.q05:.3g} .. {spread.median:.3g} .. {spread.q95:.3g}), n = {spread.count}"


if __name__ == "__main__":
    main()
