"""What the chain from annotated video to motion recovers, on captures whose truth is known.

    python benchmarks/captures.py --captures 200 --out benchmarks/results/captures
    python benchmarks/captures.py --captures 200 --motions DATASET --out benchmarks/results/captures_mocap

Makes synthetic captures (camera pitch spread evenly over 0 to 60 degrees, 3 % depth noise, 20 % of the poses occluded,
5 % of them another person's) one at a time, writes each in the capture format to a temporary folder, reads it back, and
lifts it three times: with the default methods, and with the thesis' own (floor by a RANSAC regression of z on x and y,
people at the distance the estimator says), once with the camera's true focal length and once with the one that HMR2
assumes, as the thesis does not say where a true one would come from. People do made-up walks, or what a processed
dataset (`--motions`) recorded. Errors are those of the room: each room is laid out from the camera by its own floor, so
an error of the floor moves people too. Prints a table; the last line is one JSON object. `--out` writes NAME.json and
NAME.md.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from machine import describe, in_words
from recorded import write_results

from motion_preprocessing.camera_floor import FloorWarning
from motion_preprocessing.captures.evaluate import score
from motion_preprocessing.captures.lifting import LiftConfig, lift
from motion_preprocessing.captures.mistakes import DISTINCT
from motion_preprocessing.captures.read import read_capture
from motion_preprocessing.captures.synthetic import SyntheticCapture, SyntheticConfig, synthesise_of_set
from motion_preprocessing.captures.walks import MotionSource
from motion_preprocessing.captures.write import write_capture
from motion_preprocessing.depth.placing import OFF_FLOOR_M
from motion_preprocessing.depth.placing_problem import UPRIGHT
from motion_preprocessing.skeleton import FEET, rest_joints

OURS = "this project"
METHODS = {
    OURS: LiftConfig(),
    "thesis, true focal length": LiftConfig(floor="thesis", placement="predicted"),
    "thesis, HMR2's focal length": LiftConfig(floor="thesis", placement="assumed"),
}
PLACING = ("feet_before_m", "feet_after_m", "floating_before", "floating_after", "sinking_before", "sinking_after",
           "standing_frames")  # fmt: skip
BINS = ((0, 5), (5, 15), (15, 30), (30, 45), (45, 60))


@dataclass(frozen=True)
class Job:
    """One capture to make and lift."""

    index: int
    count: int
    seed: int
    config: SyntheticConfig
    motions: Path | None


def truly_above(made: SyntheticCapture) -> tuple[int, int]:
    """Count the frames in which people stand, and those of them with both feet more than 5 cm above the floor."""
    rest = rest_joints()
    leg = rest[0, 1] - rest[list(FEET), 1].mean()
    height = made.truth.joints_m[..., 2]
    feet = height[..., list(FEET)].min(axis=-1)
    scales = np.array([[actor.scale] for actor in made.stage.actors])
    stands = height[..., 0] - feet > UPRIGHT * leg * scales
    return int(stands.sum()), int((stands & (feet > OFF_FLOOR_M)).sum())


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
        "actions": [actor.motion.action for actor in made.stage.actors],
        "above": truly_above(made),
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
            entry["methods"][name] = {
                "floor_deg": result.floor_deg,
                "floor_height_m": result.floor_height_m,
                "root_m": [float(v) for v in np.round(result.root_m, 4)],
                "joints_m": [float(v) for v in np.round(result.joints_m, 4)],
                "swapped": result.swapped,
                "alike": result.alike,
                "good": result.good,
                "placing": {key: lifted.figures["placing"][key] for key in PLACING},
                "cpu_seconds": seconds,
            }
            # The same for every method: they differ in the floor and in where people stand.
            entry["rules"] = {
                "poses": result.swapped[0] + result.alike[0] + result.good[0],
                "masked": {rule: list(counts) for rule, counts in result.rules.items()},
                "agreement": [
                    lifted.figures["poses"][key] for key in ("nearest_only", "assignment_only", "both_rules")
                ],
            }
    return entry


def percent(part: float, whole: float) -> float:
    """Return a share in percent; NaN of nothing."""
    return float(100 * part / whole) if whole else float("nan")


def shown(value: float) -> str:
    """Lay out a figure; there may be none."""
    return "-" if np.isnan(value) else format(value, ".2f")


def pooled(rows: list[dict[str, Any]], key: str) -> float:
    """Average a figure of the placing over captures, each weighing its standing frames; times 100."""
    known = [row["placing"] for row in rows if row["placing"][key] is not None]
    weights = [placing["standing_frames"] for placing in known]
    return float(100 * np.average([placing[key] for placing in known], weights=weights)) if sum(weights) else np.nan


def compare_rules(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """How well each rule for swapped poses does by itself, before poses are dropped for lying far off."""
    rows = [entry["methods"][OURS] for entry in entries]
    given = [sum(row[key][0] for row in rows) for key in ("swapped", "alike", "good")]
    rules = {}
    for rule in ("nearest", "assignment"):
        masked = np.sum([entry["rules"]["masked"][rule] for entry in entries], axis=0)
        rules[rule] = {
            "swapped, who look different, %": percent(masked[0], given[0]),
            "swapped, who look alike, %": percent(masked[1], given[1]),
            "right poses lost, %": percent(masked[2], given[2]),
        }
    agreement = np.sum([entry["rules"]["agreement"] for entry in entries], axis=0)
    return {
        "given": dict(zip(("swapped", "alike", "right"), given, strict=True)),
        "rules": rules,
        "masked by": dict(zip(("nearest only", "assignment only", "both"), map(int, agreement), strict=True)),
    }


def summarise(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Pool the captures."""
    table: dict[str, Any] = {}
    for name in METHODS:
        rows = [entry["methods"][name] for entry in entries]
        floors = np.array([row["floor_deg"] for row in rows])
        roots = np.concatenate([row["root_m"] for row in rows])
        swapped, alike, good = (np.sum([row[key] for row in rows], axis=0) for key in ("swapped", "alike", "good"))
        table[name] = {
            "floor normal error, mean, degrees": float(floors.mean()),
            "floor normal error, worst, degrees": float(floors.max()),
            "root position error, median, cm": float(100 * np.median(roots)),
            "root position error, 90th percentile, cm": float(100 * np.percentile(roots, 90)),
            "joint position error, median, cm": float(100 * np.median(np.concatenate([r["joints_m"] for r in rows]))),
            "swapped poses masked, people who look different, %": percent(swapped[1], swapped[0]),
            "swapped poses masked, people who look alike, %": percent(alike[1], alike[0]),
            "right poses lost, %": percent(good[1], good[0]),
            "standing feet off the floor, median, cm: as predicted": pooled(rows, "feet_before_m"),
            "standing feet off the floor, median, cm: as placed": pooled(rows, "feet_after_m"),
            "standing more than 5 cm above the floor, %: as predicted": pooled(rows, "floating_before"),
            "standing more than 5 cm above the floor, %: as placed": pooled(rows, "floating_after"),
            "standing more than 5 cm below the floor, %: as predicted": pooled(rows, "sinking_before"),
            "standing more than 5 cm below the floor, %: as placed": pooled(rows, "sinking_after"),
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
        "actions": dict(Counter(action for entry in entries for action in entry["actions"]).most_common()),
        "methods": table,
        "truly standing above the floor, %": percent(*reversed(np.sum([entry["above"] for entry in entries], axis=0))),
        "swapped poses": compare_rules(entries),
        "by pitch": by_pitch,
    }


def lines_of(summary: dict[str, Any], command: str, config: SyntheticConfig, count: int) -> list[str]:
    """Lay the figures out as Markdown."""
    names = list(METHODS)
    actions = ", ".join(f"{action} {count}" for action, count in summary["actions"].items())
    spread = config.depth_correlation_px
    patches = f"in patches of {spread:g} pixels" if spread else "pixel by pixel"
    assumed = 5000 / 256 * max(config.width, config.height)
    lines = [
        f"`{command}`", "",
        f"{summary['captures']} of {count} captures, each {config.frames} frames of {config.width} x {config.height}; "
        f"{summary['occluded poses, %']:.0f} % of the poses occluded (more than a third of the keypoints hidden). "
        f"Depth noise {100 * config.depth_noise:g} %, {patches}. People by what they do: {actions}.", "",
        "Swapped poses are counted apart for people who look different in the picture and for people who look alike "
        f"(one close behind the other, keypoints less than {DISTINCT} of the box's side apart on average). The thesis' "
        "methods get the camera's true focal length in one column and the one that HMR2 assumes, "
        f"{assumed:.0f} pixels, in the other; floor and masks do not depend on it.",
        "",
        f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}",
    ]  # fmt: skip
    for key in summary["methods"][names[0]]:
        values = " | ".join(shown(summary["methods"][name][key]) for name in names)
        lines += [f"| {key} | {values} |"]
    above = summary["truly standing above the floor, %"]
    lines += ["", f"In truth {above:.1f} % of the standing are more than 5 cm above the floor: they climb or jump."]
    rules = summary["swapped poses"]
    lines += ["", "The two rules for swapped poses, each by itself:", "", "| | nearest | assignment |", "|---|---|---|"]
    for key in rules["rules"]["nearest"]:
        values = " | ".join(shown(rules["rules"][rule][key]) for rule in ("nearest", "assignment"))
        lines.append(f"| {key} | {values} |")
    given = ", ".join(f"{count} {what}" for what, count in rules["given"].items())
    by = ", ".join(f"{what} {count}" for what, count in rules["masked by"].items())
    lines += ["", f"Given: {given}. Masked by: {by}."]
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


def spread(count: int) -> list[int]:
    """Return 0 to count - 1 in an order whose every beginning is spread over them: by their bits from last to first."""
    bits = max((count - 1).bit_length(), 1)
    return sorted(range(count), key=lambda index: int(f"{index:0{bits}b}"[::-1], 2))


def measure(jobs: list[Job], workers: int, minutes: float, partial: Path | None) -> list[dict[str, Any]]:
    """Do the jobs; what a run that was stopped has done is taken from `partial` and not done again."""
    key = json.dumps([asdict(jobs[0].config), jobs[0].seed, jobs[0].count, str(jobs[0].motions), list(METHODS)])
    entries: list[dict[str, Any]] = []
    if partial is not None and partial.is_file():
        first, *rest = partial.read_text(encoding="utf-8").splitlines()
        entries = [json.loads(line) for line in rest] if first == key else []
    if partial is not None:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text("\n".join([key, *map(json.dumps, entries)]) + "\n", encoding="utf-8")
    done = {entry["index"] for entry in entries}
    left = [job for job in jobs if job.index not in done]
    begin = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for entry in pool.imap(run, left):
            entries.append(entry)
            if partial is not None:
                with partial.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")
            ours = entry["methods"][OURS]
            print(
                f"{len(entries)}/{len(jobs)} pitch {entry['pitch_deg']:.0f}: floor {ours['floor_deg']:.2f} deg, "
                f"root {100 * np.median(ours['root_m']):.1f} cm",
                flush=True,
            )
            if time.monotonic() - begin > 60 * minutes:
                break
    return sorted(entries, key=lambda entry: entry["index"])


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captures", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--depth-noise", type=float, default=0.03)
    parser.add_argument("--occlusion", type=float, default=0.2)
    parser.add_argument("--depth-correlation", type=float, default=0.0, help="size of the noise's patches, pixels")
    parser.add_argument("--motions", type=Path, help="processed dataset of motions; made-up walks where left out")
    parser.add_argument("--minutes", type=float, default=np.inf, help="begin no capture after so long")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.md; a stopped run goes on")
    given = parser.parse_args()
    config = SyntheticConfig(
        depth_noise=given.depth_noise, depth_correlation_px=given.depth_correlation, occlusion=given.occlusion,
        swap_alike=True,
    )  # fmt: skip
    jobs = [Job(i, given.captures, given.seed, config, given.motions) for i in spread(given.captures)]
    entries = measure(jobs, given.workers, given.minutes, given.out and given.out.with_suffix(".partial.jsonl"))
    summary = summarise(entries)
    more = f" --depth-correlation {given.depth_correlation:g}" if given.depth_correlation else ""
    more += " --motions DATASET" if given.motions else ""
    command = (
        f"python benchmarks/captures.py --captures {given.captures} --seed {given.seed} "
        f"--depth-noise {given.depth_noise} --occlusion {given.occlusion}{more}"
    )
    lines = lines_of(summary, command, config, given.captures)
    machine = describe()
    lines += ["", in_words(machine)]
    record = {"command": command, "config": asdict(config), "machine": machine, **summary}
    print("\n" + "\n".join(lines) + "\n")
    if given.out:
        write_results(given.out, record, "# Captures\n\n" + "\n".join(lines) + "\n")
        if len(entries) == len(jobs):
            given.out.with_suffix(".partial.jsonl").unlink()
    print(json.dumps(record))


if __name__ == "__main__":
    main()
