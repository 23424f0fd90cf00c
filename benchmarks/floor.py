"""Error of the floor's normal by camera pitch: the orthogonal fit against the source thesis' regression.

Usage: python benchmarks/floor.py [--views 20] [--height 2.2] [--out benchmarks/results]

Protocol: a camera at 2.2 m (1.6 m with --height 1.6), roll drawn from -5 to 5 degrees, 20,000 floor pixels between 0.3
and 9 m; depth noise is normal and proportional to the depth; an outlier is a pixel where something stands in front of
the floor, at 40 to 100 % of the floor's depth. All points are given to both methods as the floor's mask. Writes
floor.md and floor.json; prints the table, and one JSON line last.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from machine import describe, in_words
from recorded import write_results

from motion_preprocessing.camera_floor import METHODS, FloorWarning, find_camera_floor
from motion_preprocessing.errors import InputError

PITCHES_DEG = (0, 2, 5, 10, 20, 30, 45, 60)
CASES = ((0.01, 0.23), (0.03, 0.23), (0.05, 0.23), (0.03, 0.5), (0.05, 0.5))
POINTS = 20_000
MOST_ROLL_DEG = 5.0


def view(
    pitch_deg: float, noise: float, outliers: float, height_m: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return points (N, 3) in camera axes and the true normal (3,)."""
    pitch, roll = np.radians(pitch_deg), np.radians(rng.uniform(-MOST_ROLL_DEG, MOST_ROLL_DEG))
    normal = np.array([np.cos(pitch) * np.sin(roll), -np.cos(pitch) * np.cos(roll), -np.sin(pitch)])
    rays = np.column_stack([rng.uniform([-0.67, -0.5], [0.67, 0.5], (30 * POINTS, 2)), np.ones(30 * POINTS)])
    with np.errstate(divide="ignore"):
        depth = -height_m / (rays @ normal)
    seen = np.flatnonzero((depth > 0.3) & (depth < 9.0))[:POINTS]
    z = depth[seen] * (1 + noise * rng.standard_normal(len(seen)))
    hidden = rng.random(len(seen)) < outliers
    z[hidden] *= rng.uniform(0.4, 1.0, np.count_nonzero(hidden))
    return rays[seen] * z[:, None], normal


def error_deg(points: np.ndarray, normal: np.ndarray, method: str, seed: int) -> float:
    """Angle between the fitted and the true normal; 90 where the method finds nothing."""
    try:
        found = find_camera_floor(points, is_floor=np.ones(len(points), dtype=bool), method=method, seed=seed).normal
    except InputError:
        return 90.0
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(found, normal)), found @ normal)))


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, default=20, help="random views a cell")
    parser.add_argument("--height", type=float, default=2.2, help="of the camera, metres")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", FloorWarning)
    seconds = dict.fromkeys(METHODS, 0.0)
    cells = []
    for noise, outliers in CASES:
        for pitch in PITCHES_DEG:
            errors: dict[str, list[float]] = {method: [] for method in METHODS}
            for seed in range(arguments.views):
                rng = np.random.default_rng([seed, pitch, round(1000 * noise), round(100 * outliers)])
                points, normal = view(pitch, noise, outliers, arguments.height, rng)
                for method in METHODS:
                    start = time.process_time()
                    errors[method].append(error_deg(points, normal, method, seed))
                    seconds[method] += time.process_time() - start
            cell = {"pitch_deg": pitch, "depth_noise": noise, "outliers": outliers}
            for method, values in errors.items():
                cell |= {f"{method}_mean_deg": float(np.mean(values)), f"{method}_worst_deg": float(np.max(values))}
            cells.append(cell)
    machine = describe()
    fits = arguments.views * len(CASES) * len(PITCHES_DEG)
    command = f"python benchmarks/floor.py --views {arguments.views} --height {arguments.height:g}"
    result = {
        "command": command,
        "views_a_cell": arguments.views,
        "height_m": arguments.height,
        "core_seconds_a_fit": {method: total / fits for method, total in seconds.items()},
        "cells": cells,
        "machine": machine,
    }
    head = [f"{100 * noise:.0f} % noise, {100 * outliers:.0f} % outliers" for noise, outliers in CASES]
    lines = [f"| pitch | {' | '.join(head)} |", "|---" * (1 + len(CASES)) + "|"]
    for pitch in PITCHES_DEG:
        row = [cell for cell in cells if cell["pitch_deg"] == pitch]
        entries = [
            f"{c['orthogonal_mean_deg']:.2f} ({c['orthogonal_worst_deg']:.2f}) / {c['thesis_mean_deg']:.1f} "
            f"({c['thesis_worst_deg']:.0f})"
            for c in row
        ]
        lines.append(f"| {pitch} | {' | '.join(entries)} |")
    caption = (
        f"Error of the floor's normal in degrees, mean (worst) of {arguments.views} views: orthogonal / thesis. Camera "
        f"at {arguments.height} m, roll to {MOST_ROLL_DEG:g} degrees, {POINTS:,} pixels; 90 where none is found. "
        f"A fit takes {seconds['orthogonal'] / fits:.2f} / {seconds['thesis'] / fits:.2f} s of one core.\n\n"
        f"{in_words(machine)}"
    )
    table = "\n".join(lines)
    page = f"# Floor\n\n`{command}`\n\n{caption}\n\n{table}\n"
    write_results(arguments.out / "floor", result, page)
    print(f"{caption}\n\n{table}")
    worst = max(cell["orthogonal_mean_deg"] for cell in cells)
    print(json.dumps({"benchmark": "floor", "orthogonal_worst_mean_deg": worst}))


if __name__ == "__main__":
    main()
