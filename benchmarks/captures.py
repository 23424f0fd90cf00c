"""What the chain from annotated video to motion recovers, on captures whose truth is known.

    python benchmarks/captures.py --captures 200 --out benchmarks/results/captures

Makes synthetic captures (camera pitch spread evenly over 0 to 60 degrees, 3 % depth noise, 20 % of the poses occluded,
5 % of them another person's) one at a time, writes each in the capture format to a temporary folder, reads it back, and
lifts it twice: with the default methods, and with the thesis' own (floor by a RANSAC regression of z on x and y, people
at the distance the estimator says, here with the true focal length, which the thesis does not have). Errors are those
of the room: each room is laid out from the camera by its own floor, so an error of the floor moves people too. Prints a
table; the last line is one JSON object. `--out` writes NAME.json and NAME.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from machine import describe, in_words

from motion_preprocessing.camera_floor import FloorWarning
from motion_preprocessing.captures.evaluate import score
from motion_preprocessing.captures.lifting import LiftConfig, lift
from motion_preprocessing.captures.read import read_capture
from motion_preprocessing.captures.synthetic import SyntheticConfig, synthesise_of_set
from motion_preprocessing.captures.walks import MotionSource
from motion_preprocessing.captures.write import write_capture

METHODS = {
    "this project": LiftConfig(),
    "thesis": LiftConfig(floor="thesis", placement="predicted"),
}
BINS = ((0, 5), (5, 15), (15, 30), (30, 45), (45, 60))


@dataclass(frozen=True)
class Job:
    """One capture to make and lift."""

    index: int
    count: int
    seed: int
    config: SyntheticConfig
    motions: Path | None


def run(job: Job) -> dict[str, Any]:
    """Make one capture and lift it by each method."""
    warnings.simplefilter("ignore", FloorWarning)
    made = synthesise_of_set(
        job.config, seed=job.seed, index=job.index, count=job.count, source=MotionSource(job.motions)
    )
    pose = made.truth.world_from_camera
    entry: dict[str, Any] = {
        "index": job.index,
        "pitch_deg": float(np.degrees(np.arcsin(-pose[2, 2]))),
        "occluded": float(made.truth.occluded.mean()),
        "methods": {},
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "capture"
        write_capture(folder, made, site="synthetic", room=f"room_{job.index:04d}", time=f"seed_{job.seed}")
        capture = read_capture(folder)
        for name, config in METHODS.items():
            begin = time.process_time()
            lifted = lift(capture, config)
            seconds = time.process_time() - begin
            result = score(lifted, folder)
            placing = lifted.figures["placing"]
            entry["methods"][name] = {
                "floor_deg": result.floor_deg,
                "floor_height_m": result.floor_height_m,
                "root_m": [float(v) for v in np.round(result.root_m, 4)],
                "joints_m": [float(v) for v in np.round(result.joints_m, 4)],
                "swapped": result.swapped,
                "good": result.good,
                "feet_m": placing.get("feet_after_m"),
                "cpu_seconds": seconds,
            }
    return entry


def summarise(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Pool the captures."""
    table: dict[str, Any] = {}
    for name in METHODS:
        rows = [entry["methods"][name] for entry in entries]
        floors = np.array([row["floor_deg"] for row in rows])
        roots = np.concatenate([row["root_m"] for row in rows])
        swapped, good = (np.array([row[key] for row in rows]).sum(axis=0) for key in ("swapped", "good"))
        table[name] = {
            "floor normal error, mean, degrees": float(floors.mean()),
            "floor normal error, worst, degrees": float(floors.max()),
            "root position error, median, cm": float(100 * np.median(roots)),
            "root position error, 90th percentile, cm": float(100 * np.percentile(roots, 90)),
            "joint position error, median, cm": float(100 * np.median(np.concatenate([r["joints_m"] for r in rows]))),
            "swapped poses masked, %": float(100 * swapped[1] / max(swapped[0], 1)),
            "right poses lost, %": float(100 * good[1] / max(good[0], 1)),
            "standing feet off the floor, median, cm": float(
                100 * np.mean([row["feet_m"] for row in rows if row["feet_m"] is not None])
            ),
            "CPU seconds a capture": float(np.mean([row["cpu_seconds"] for row in rows])),
        }
    pitches = np.array([entry["pitch_deg"] for entry in entries])
    by_pitch = {}
    for low, high in BINS:
        chosen = [e for e, pitch in zip(entries, pitches, strict=True) if low <= pitch < high or pitch == high == 60]
        if chosen:
            by_pitch[f"{low}-{high}"] = {
                "captures": len(chosen),
                **{
                    name: {
                        "floor": float(np.mean([e["methods"][name]["floor_deg"] for e in chosen])),
                        "root": float(100 * np.median(np.concatenate([e["methods"][name]["root_m"] for e in chosen]))),
                    }
                    for name in METHODS
                },
            }
    return {
        "captures": len(entries),
        "occluded poses, %": 100 * float(np.mean([entry["occluded"] for entry in entries])),
        "methods": table,
        "by pitch": by_pitch,
    }


def lines_of(summary: dict[str, Any], command: str) -> list[str]:
    """Lay the figures out as Markdown."""
    names = list(METHODS)
    lines = [
        f"`{command}`", "",
        f"{summary['captures']} captures, {summary['occluded poses, %']:.0f} % of the poses occluded (more than a "
        "third of the keypoints hidden).", "",
        f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}",
    ]  # fmt: skip
    for key in summary["methods"][names[0]]:
        values = " | ".join(format(summary["methods"][name][key], ".2f") for name in names)
        lines += [f"| {key} | {values} |"]
    lines += [
        "", "By camera pitch:", "",
        f"| pitch, degrees | captures | {' | '.join(f'floor error, degrees: {n}' for n in names)} | "
        f"{' | '.join(f'root error, cm: {n}' for n in names)} |",
        f"|---|---|{'---|' * 2 * len(names)}",
    ]  # fmt: skip
    for pitch, row in summary["by pitch"].items():
        floor = " | ".join(f"{row[name]['floor']:.2f}" for name in names)
        root = " | ".join(f"{row[name]['root']:.1f}" for name in names)
        lines.append(f"| {pitch} | {row['captures']} | {floor} | {root} |")
    return lines


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--depth-noise", type=float, default=0.03)
    parser.add_argument("--occlusion", type=float, default=0.2)
    parser.add_argument("--motions", type=Path, help="processed dataset of motions; made-up walks where left out")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md")
    given = parser.parse_args()
    config = SyntheticConfig(depth_noise=given.depth_noise, occlusion=given.occlusion)
    jobs = [Job(i, given.captures, given.seed, config, given.motions) for i in range(given.captures)]
    entries = []
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        for entry in pool.imap(run, jobs):
            entries.append(entry)
            ours = entry["methods"]["this project"]
            print(
                f"{entry['index'] + 1}/{len(jobs)} pitch {entry['pitch_deg']:.0f}: floor {ours['floor_deg']:.2f} deg, "
                f"root {100 * np.median(ours['root_m']):.1f} cm",
                flush=True,
            )
    summary = summarise(entries)
    motions = " --motions DATASET" if given.motions else ""
    command = (
        f"python benchmarks/captures.py --captures {given.captures} --seed {given.seed} "
        f"--depth-noise {given.depth_noise} --occlusion {given.occlusion}{motions}"
    )
    lines = lines_of(summary, command)
    machine = describe()
    lines += ["", in_words(machine)]
    record = {"command": command, "config": asdict(config), "machine": machine, **summary}
    print("\n" + "\n".join(lines) + "\n")
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        given.out.with_suffix(".md").write_text("# Captures\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
