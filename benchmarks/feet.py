"""What it does to motion that bodies go only as far as their feet carry them and standing feet stay, made and recorded.

    python benchmarks/feet.py --out benchmarks/results/feet [--bundle B] [--seeds 8] [--data DATASET]

Protocol. The prompts of quality.py, each with several seeds, without and with both corrections (`editing.feet_carry`,
`feet_stand`); metrics as in steps.py, brackets hold the 95 % interval of the relative difference over motions that
share their noise. With --data they are laid over the held-out recordings, whose feet hardly slide: what they do there
they do wrongly. Shown are the way of the pelvis and the foot-skate ratio without and with the first, how far a standing
foot goes without and with the second, and by how much that moves knees and feet on average. The last table is where
`feet_lift` has its heights from: how high the ball of the foot gets in the steps of those who were recorded for
training, by how far the step leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
from machine import describe as describe_machine
from machine import in_words
from motion_figures import FIGURES, cell, differences, drift_cm, mean, measure
from numpy.typing import NDArray
from quality import PROMPTS
from recorded import write_results

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import foot_skate_ratio
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import FEET, JOINT_COUNT, JOINT_INDEX
from motion_preprocessing.stitch import unpack
from motion_runtime import GenerationRequest, Generator
from motion_runtime.editing.feet_carry import FeetCarry
from motion_runtime.feet_lift import HEIGHT_M, STEP_M, far_and_high_m, steps
from motion_runtime.feet_stand import feet_stand

FRAMES = 600
_LEGS = [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("knee", "ankle", "foot")]
SPLITS = ("validation", "test")
STEPS_M = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.1, 2.0)
"""Between each two of these the heights of steps are shown."""


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--seeds", default=8, show_default=True, help="Motions a prompt.")
@click.option("--seconds", default=6.0, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Processed dataset whose recordings are corrected too.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(bundle: Path | None, seeds: int, seconds: float, data: Path | None, out: Path) -> None:
    """Measure ways as long as the steps."""
    generator = Generator.load(bundle, provider="cpu")
    settings = {}
    for feet in (False, True):
        wanted = [
            (
                GenerationRequest(tuple(prompt for prompt, _ in people), seconds=seconds, seed=seed, feet=feet),
                lambda person, events, people=people: people[person][1].seen(events),
            )
            for people in PROMPTS.values()
            for seed in range(seeds)
        ]
        settings[feet] = measure(generator, wanted, 0.0)
    compared = differences(settings[True], settings[False])
    machine = describe_machine()
    lines = [
        "# Ways as long as the steps, and feet that stand",
        "",
        f"{len(PROMPTS) * seeds} motions of {seconds:g} s, bundle {generator.bundle.sha256[:12]}; {in_words(machine)}.",
        "",
        "| generated | " + " | ".join(label for label, _ in FIGURES.values()) + " | asked and seen |",
        "|---" * (len(FIGURES) + 2) + "|",
    ]
    for feet, name in ((False, "as the network has it"), (True, "as the feet carry and stand")):
        cells = [cell(mean(settings[feet].figures[key]), compared[key] if feet else None) for key in FIGURES]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {settings[feet].seen.mean():.0%} |")
    result: dict[str, Any] = {
        "protocol": __doc__,
        "machine": machine,
        "bundle": generator.bundle.sha256,
        "generated": {str(feet): {key: mean(one.figures[key]) for key in FIGURES} for feet, one in settings.items()},
    }
    if data is not None:
        result["recorded"] = rows = recorded(data)
        heads = ["recorded, held out", "clips", "way, m/s", "as feet carry", "foot-skate ratio", "as feet carry"]
        heads += ["drift, cm", "as feet stand", "legs moved, cm"]
        lines += ["", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        lines += [
            f"| {row['action']} | {row['clips']} | {row['way']:.2f} | {row['carried']:.2f} | {row['skate']:.3f} "
            f"| {row['skate_carried']:.3f} | {row['drift']:.1f} | {row['drift_standing']:.1f} | {row['moved']:.2f} |"
            for row in rows
        ]
        result["steps"] = rows = steps_recorded(data)
        heads = ["steps recorded for training", "count", "far, m", "high, lower quartile, cm", "median"]
        heads.append("lifted to, cm")
        lines += ["", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        lines += [
            f"| {row['from']:g} to {row['to']:g} m | {row['count']} | {row['far']:.2f} | {100 * row['quartile']:.1f} "
            f"| {100 * row['median']:.1f} | {100 * row['lifted']:.1f} |"
            for row in rows
        ]
    write_results(out, result, "\n".join(lines) + "\n")
    click.echo("\n".join(lines))


def recorded(folder: Path) -> list[dict[str, Any]]:
    """Ways and skate of the held-out recordings (nothing that simulation made) by action, the long ones first."""
    from motion_preprocessing.dataset import MotionDataset

    found: dict[str, list[Sequence[float]]] = {}
    for split in SPLITS:
        for record in MotionDataset.open(folder, split=split):
            if record.name.startswith("sim_"):
                continue
            joints = np.asarray(record.pose[:FRAMES, POSITIONS], dtype=np.float64).reshape(-1, JOINT_COUNT, 3)
            carried = joints.copy()
            carried[..., :2] += FeetCarry(record.fps).shift_m(joints)[:, None]
            skate = [foot_skate_ratio(one, record.fps) for one in (joints, carried)]
            legs = _standing(np.asarray(record.pose[:FRAMES], dtype=np.float32), record.fps)
            found.setdefault(record.action, []).append(
                (len(joints) / record.fps, _way(joints), _way(carried), *skate, *legs)
            )
    rows = []
    for action, values in found.items():
        seconds, way, after, skate, skate_after, drift, drift_after, moved = np.array(values).T
        rows.append(
            {
                "action": action,
                "clips": len(values),
                "way": float(way.sum() / seconds.sum()),
                "carried": float(after.sum() / seconds.sum()),
                "skate": float(np.nanmean(skate)),
                "skate_carried": float(np.nanmean(skate_after)),
                "drift": mean(drift),
                "drift_standing": mean(drift_after),
                "moved": mean(moved),
            }
        )
    return sorted(rows, key=lambda row: -row["way"])


def steps_recorded(folder: Path) -> list[dict[str, Any]]:
    """How high the ball of the foot gets in steps of the training's recordings, by how far they lead."""
    from motion_preprocessing.dataset import MotionDataset

    found = []
    for record in MotionDataset.open(folder, split="train"):
        if not record.name.startswith("sim_"):
            joints = np.asarray(record.pose[:, POSITIONS], dtype=np.float64).reshape(-1, JOINT_COUNT, 3)
            found += [far_and_high_m(joints[step, FEET[foot]]) for foot, step in steps(joints, record.fps)]
    far, high = np.array(found).T
    rows = []
    for least, most in pairwise(STEPS_M):
        among = (far >= least) & (far < most)
        middle = float(np.median(far[among]))
        quartile, median = np.quantile(high[among], (0.25, 0.5))
        rows.append(
            {
                "from": least, "to": most, "count": int(among.sum()), "far": middle, "quartile": float(quartile),
                "median": float(median), "lifted": float(np.interp(middle, STEP_M, HEIGHT_M)),
            }
        )  # fmt: skip
    return rows


def _standing(pose: NDArray[np.float32], fps: float) -> tuple[float, float, float]:
    """Drift of standing feet, cm, before and after, and how far knees, ankles and feet are moved for it."""
    rotations, root = (np.asarray(value, dtype=np.float64) for value in unpack(pose))
    before, after = (
        np.asarray(forward_kinematics(turned, root)[0])
        for turned in (rotations, feet_stand(rotations[None], root[None], fps)[0])
    )
    moved = np.linalg.norm(after[:, _LEGS] - before[:, _LEGS], axis=-1)
    return drift_cm(before, fps), drift_cm(after, fps), 100 * float(moved.mean())


def _way(joints: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(joints[:, 0, :2], axis=0), axis=-1).sum())


if __name__ == "__main__":
    main()
