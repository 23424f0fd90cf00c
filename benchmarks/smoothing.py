"""Time and exactness of smoothing (equation 5.1), extrapolated to 100,000 sequences of 100 frames with 24 joints.

Usage: python benchmarks/smoothing.py [--sequences 40] [--out benchmarks/results]

Protocol: piecewise straight walks of every joint, a new velocity about every ten frames, with 2 cm of noise and 3 % of
frames 30 cm off; one seed. Smoothed one after the other in groups of ten sequences, as a data set would be, in one
process with one thread. CPU time of the process, not wall time, is divided by the sequences and multiplied by 100,000:
that is fair as every path is solved by itself and nothing is shared but a factor of 100 x 100. Other work on the
machine slows this down. The gap to the optimum is measured on the first 24 paths with cvxpy and CLARABEL where these
are installed. Denoising errors are mean distances to the clean paths. Writes smoothing.md and smoothing.json; prints
one JSON line last.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from machine import describe, in_words
from recorded import write_results

from motion_preprocessing.smoothing.motion import smooth_joints
from motion_preprocessing.smoothing.trend import SmoothingConfig, smooth_paths

FRAMES, JOINTS, TARGET = 100, 24, 100_000
GROUP = 10
ORACLE_PATHS = 24


def sequences(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Clean and disturbed joints (B, T, J, 3)."""
    velocities = rng.normal(scale=0.03, size=(count, FRAMES // 10 + 1, JOINTS, 3))
    clean = np.cumsum(np.repeat(velocities, 10, axis=1)[:, :FRAMES], axis=1)
    wild = rng.random((count, FRAMES, JOINTS, 1)) < 0.03
    noise = rng.normal(scale=0.02, size=clean.shape)
    direction = rng.normal(size=clean.shape)
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    return clean, clean + noise + 0.3 * wild * direction


def optimum(path: np.ndarray, data_weight: float) -> float:
    """Equation 5.1 at its minimum for one path (T, 3), by an interior-point solver."""
    import cvxpy

    variable = cvxpy.Variable(path.shape)
    changes = np.diff(np.eye(len(path)), n=2, axis=0) @ variable
    total = cvxpy.sum(cvxpy.norm(changes, 2, axis=1)) + data_weight * cvxpy.sum(cvxpy.norm(variable - path, 2, axis=1))
    return float(cvxpy.Problem(cvxpy.Minimize(total)).solve(solver=cvxpy.CLARABEL))


def squared_norms(noisy: np.ndarray, weight: float) -> np.ndarray:
    """The same problem with squared norms, which is linear."""
    difference = np.diff(np.eye(FRAMES), n=2, axis=0)
    return np.einsum("st,btjc->bsjc", np.linalg.inv(weight * difference.T @ difference + np.eye(FRAMES)), noisy)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    config = SmoothingConfig()
    machine = describe()
    clean, noisy = sequences(arguments.sequences, np.random.default_rng(0))
    smooth_joints(noisy[:1], None, config)  # first calls load libraries
    start = time.process_time()
    smooth = np.concatenate([smooth_joints(noisy[i : i + GROUP], None, config) for i in range(0, len(noisy), GROUP)])
    seconds = time.process_time() - start

    def error_mm(values: np.ndarray) -> float:
        return 1000 * float(np.linalg.norm(values - clean, axis=-1).mean())

    paths = np.moveaxis(noisy[0], 0, -1)[..., :ORACLE_PATHS].transpose(2, 1, 0)
    solved = smooth_paths(paths, None, config)
    gaps = []
    if importlib.util.find_spec("cvxpy") and importlib.util.find_spec("clarabel"):
        best = np.array([optimum(paths[:, :, i], config.data_weight) for i in range(paths.shape[2])])
        gaps = list(solved.objective / best - 1)
    result = {
        "command": f"python benchmarks/smoothing.py --sequences {arguments.sequences}",
        "sequences": arguments.sequences,
        "core_seconds": seconds,
        "core_hours_for_100k": seconds / arguments.sequences * TARGET / 3600,
        "iterations_mean": float(solved.iterations.mean()),
        "gap_mean": float(np.mean(gaps)) if gaps else None,
        "gap_worst": float(np.max(gaps)) if gaps else None,
        "error_raw_mm": error_mm(noisy),
        "error_smoothed_mm": error_mm(smooth),
        "error_squared_norms_mm": min(error_mm(squared_norms(noisy, w)) for w in (0.3, 1, 3, 10, 30, 100)),
        "machine": machine,
    }
    exact = f"{result['gap_mean']:.1e} ({result['gap_worst']:.1e})" if gaps else "not measured"
    text = (
        f"# Smoothing\n\n`{result['command']}`\n\n"
        f"{arguments.sequences} sequences of {FRAMES} frames x {JOINTS} joints; {in_words(machine)}.\n\n"
        "| figure | value |\n|---|---|\n"
        f"| CPU time a sequence | {1000 * seconds / arguments.sequences:.1f} ms |\n"
        f"| core-hours for {TARGET:,} sequences, extrapolated | {result['core_hours_for_100k']:.2f} |\n"
        f"| relative gap to the optimum, mean (worst) | {exact} |\n"
        f"| error before | {result['error_raw_mm']:.1f} mm |\n"
        f"| error after | {result['error_smoothed_mm']:.1f} mm |\n"
        f"| error after, best squared norms | {result['error_squared_norms_mm']:.1f} mm |\n"
    )
    write_results(arguments.out / "smoothing", result, text)
    print(text)
    print(json.dumps({"benchmark": "smoothing", "core_hours_for_100k": result["core_hours_for_100k"]}))


if __name__ == "__main__":
    main()
