"""What it does to motion that a body goes only as far as its feet carry it, generated and recorded.

    python benchmarks/feet.py --out benchmarks/results/feet [--bundle B] [--seeds 8] [--data DATASET]

Protocol. The prompts of quality.py, each with several seeds, without and with the correction; metrics as in steps.py,
brackets hold the 95 % interval of the relative difference over motions that share their noise. With --data the same
correction is laid over the held-out recordings, whose feet hardly slide: what it does there it does wrongly. Shown are
the way of the pelvis and the foot-skate ratio, without and with.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from machine import describe as describe_machine
from machine import in_words
from motion_figures import FIGURES, cell, differences, mean, measure
from quality import PROMPTS
from recorded import write_results

from motion_preprocessing.metrics import foot_skate_ratio
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime import GenerationRequest, Generator
from motion_runtime.editing.feet_carry import FeetCarry

FRAMES = 600
SPLITS = ("validation", "test")


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
        "# Ways as long as the steps",
        "",
        f"{len(PROMPTS) * seeds} motions of {seconds:g} s, bundle {generator.bundle.sha256[:12]}; {in_words(machine)}.",
        "",
        "| generated | " + " | ".join(label for label, _ in FIGURES.values()) + " | asked and seen |",
        "|---" * (len(FIGURES) + 2) + "|",
    ]
    for feet, name in ((False, "as the network has it"), (True, "as far as the feet carry")):
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
        lines += ["", "| recorded, held out | clips | way, m/s | with the correction | foot-skate ratio | with it |"]
        lines.append("|---" * 6 + "|")
        lines += [
            f"| {row['action']} | {row['clips']} | {row['way']:.2f} | {row['carried']:.2f} | {row['skate']:.3f} "
            f"| {row['skate_carried']:.3f} |"
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
            found.setdefault(record.action, []).append((len(joints) / record.fps, _way(joints), _way(carried), *skate))
    rows = []
    for action, values in found.items():
        seconds, way, after, skate, skate_after = np.array(values).T
        rows.append(
            {
                "action": action,
                "clips": len(values),
                "way": float(way.sum() / seconds.sum()),
                "carried": float(after.sum() / seconds.sum()),
                "skate": float(np.nanmean(skate)),
                "skate_carried": float(np.nanmean(skate_after)),
            }
        )
    return sorted(rows, key=lambda row: -row["way"])


def _way(joints: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(joints[:, 0, :2], axis=0), axis=-1).sum())


if __name__ == "__main__":
    main()
