"""How good a bundle's motion is: eleven prompts, several seeds, metrics beside those of real motion.

    python benchmarks/quality.py --out benchmarks/results/quality [--bundle B] [--data DATASET] [--pictures FOLDER]

Protocol. Every prompt is generated once a seed with the bundle's default sampler, steps and guidance, 6 s, no room.
The network runs once a motion.
Figures are those of `motion_preprocessing.metrics` (definitions in docs/metrics.md), the mean over motions. 'Real' is
the held-out part (validation and test subjects) of the processed dataset, cut into pieces of at most 6 s. 'Asked and
seen' counts the motions in which the event detectors of `motion_preprocessing.describe`, which also caption training
data, find what each person's prompt asked of that person: the action itself, with the side, direction and size that the
prompt names. A stand-in for a person's eye, not a classifier's accuracy.

Bone lengths of written motion are exact by construction; the drift of the network's own positions stands beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from recorded import write_results

from motion_preprocessing.describe import Event, describe
from motion_preprocessing.metrics import (
    MotionMetrics,
    bone_length_drift_percent,
    evaluate_motion,
    jerk_m_s3,
    ks_distance,
    summarise,
)
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime import GenerationRequest, Generator


@dataclass(frozen=True)
class Expected:
    """The event that a prompt asks of one person."""

    kind: str
    """As `describe` names it."""
    side: str = ""
    """Limb or direction; empty where the prompt names none."""
    manner: str = ""
    """How it is done; empty where the prompt does not say."""
    amount: tuple[float, float] = (-math.inf, math.inf)
    """Least and most of what `Event.amount` measures: a turn's degrees are positive to the left."""

    def seen(self, events: Iterable[Event]) -> bool:
        """Whether it is among a person's events."""
        return any(
            event.kind == self.kind
            and self.side in ("", event.side)
            and self.manner in ("", event.manner)
            and self.amount[0] <= event.amount <= self.amount[1]
            for event in events
        )


# A row a person. A turn counts as one of 90 degrees where the captions of the training data call it so.
PROMPTS: dict[str, tuple[tuple[str, Expected], ...]] = {
    "walk": (("a person walks forward", Expected("walk", "forward")),),
    "run": (("a person runs forward", Expected("run", "forward")),),
    "turn": (("a person turns left by 90 degrees", Expected("turn", amount=(65, 135))),),
    "sit down": (("a person sits down on a chair", Expected("sit_down")),),
    "stand up": (("a person stands up from a chair", Expected("stand_up")),),
    "jump": (("a person jumps up", Expected("jump")),),
    "wave": (("a person waves with the right hand", Expected("wave", "right")),),
    "bend": (("a person bends over", Expected("bend", "forward")),),
    "climb": (("a person climbs a ladder", Expected("climb", manner="ladder", amount=(0, math.inf))),),
    "fall": (("a person falls to the floor", Expected("fall")),),
    "two persons": (
        ("a person walks forward", Expected("walk", "forward")),
        ("a person stands and waves", Expected("wave")),
    ),
}
FIGURES = (
    ("foot_skate_ratio", "foot-skate ratio", 1.0),
    ("penetration_mm", "floor penetration, mm", 1.0),
    ("float_mm", "floating, mm", 1.0),
    ("skate_mm", "skate, mm a frame", 1.0),
    ("jerk_mean_m_s3", "jerk, mean, m/s^3", 1.0),
    ("jerk_q95_m_s3", "jerk, 95th percentile, m/s^3", 1.0),
    ("joint_limit_share", "frames beyond joint limits, %", 100.0),
    ("bone_drift_mean_percent", "bone-length drift of what is written, %", 1.0),
)


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--data", type=click.Path(path_type=Path), help="Processed dataset to measure real motion on.")
@click.option("--seconds", default=6.0, show_default=True, help="Length of a motion.")
@click.option("--seeds", default=8, show_default=True, help="Motions a prompt.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for a contact sheet a prompt.")
@click.option("--guidance", type=float)
@click.option("--steps", type=int)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(
    bundle: Path | None,
    data: Path | None,
    seconds: float,
    seeds: int,
    pictures: Path | None,
    guidance: float | None,
    steps: int | None,
    out: Path,
) -> None:
    """Measure a bundle's motion."""
    generator = Generator.load(bundle, provider="cpu")
    rng = np.random.default_rng(0)
    rows, measured, jerks, drifts = {}, [], [], []
    for name, wanted in PROMPTS.items():
        prompts = tuple(prompt for prompt, _ in wanted)
        seen = 0
        for seed in range(seeds):
            request = GenerationRequest(prompts=prompts, seconds=seconds, seed=seed, guidance=guidance, steps=steps)
            made = generator.predict(request)
            motion = generator.pose(request, made)
            measured.append(
                evaluate_motion(motion.joints_m, motion.fps, local_rotations=motion.local_rotations.astype(np.float64))
            )
            raw = made.pose_vectors[..., POSITIONS].reshape(motion.joints_m.shape)
            drifts.append(float(np.mean([bone_length_drift_percent(person) for person in raw])))
            jerks += [jerk_m_s3(person, motion.fps).reshape(-1) for person in motion.joints_m]
            seen += all(
                expected.seen(describe(joints, motion.fps, rng).events)
                for joints, (_, expected) in zip(motion.joints_m, wanted, strict=True)
            )
            if pictures and seed < 2:
                from motion_runtime.preview import render_contact_sheet

                pictures.mkdir(parents=True, exist_ok=True)
                render_contact_sheet(pictures / f"{name.replace(' ', '_')}_{seed}.png", motion)
        rows[name] = seen / seeds
        click.echo(f"{name:12s} asked and seen {seen}/{seeds}", err=True)
    result = {
        "protocol": __doc__,
        "seeds": seeds,
        "asked_and_seen": rows,
        "generated": {key: value.mean * scale for key, _, scale in FIGURES for value in [summarise(measured)[key]]},
    }
    lines = ["| figure | generated | real, held out |", "|---|---|---|"]
    real_means: dict[str, float] = {}
    if data is not None:
        real, real_jerk = real_metrics(data)
        real_means = {key: summarise(real)[key].mean * scale for key, _, scale in FIGURES}
        result["real"] = real_means
        result["jerk_ks"] = ks_distance(np.concatenate(jerks), real_jerk)
    for key, label, _ in FIGURES:
        real_value = f"{real_means[key]:.3g}" if real_means else "not measured"
        lines.append(f"| {label} | {result['generated'][key]:.3g} | {real_value} |")
    if "jerk_ks" in result:
        lines.append(f"| jerk, Kolmogorov-Smirnov distance from real | {result['jerk_ks']:.3g} | 0 |")
    lines.append(f"| bone-length drift of the network's own positions, % | {np.mean(drifts):.3g} | 0 |")
    result["network_bone_drift_percent"] = float(np.mean(drifts))
    lines += ["", "| prompt | asked and seen |", "|---|---|"]
    lines += [f"| {' / '.join(prompt for prompt, _ in PROMPTS[name])} | {share:.0%} |" for name, share in rows.items()]
    text = "\n".join(lines)
    write_results(out, result, text + "\n")
    click.echo(text)


def real_metrics(folder: Path) -> tuple[list[MotionMetrics], np.ndarray]:
    """Metrics and jerks of the held-out sequences, cut into pieces of at most 6 s."""
    from motion_preprocessing.dataset import MotionDataset
    from motion_preprocessing.stitch import unpack

    metrics, jerks = [], []
    for split in ("validation", "test"):
        for record in MotionDataset.open(folder, split=split):
            joints = np.asarray(record.pose[:, POSITIONS]).reshape(-1, JOINT_COUNT, 3)
            for first in range(0, len(joints) - 20, 120):
                piece = joints[first : first + 120]
                if len(piece) >= 20:
                    rotations, _ = unpack(np.asarray(record.pose[first : first + 120], dtype=np.float64))
                    metrics.append(evaluate_motion(piece[None], record.fps, local_rotations=rotations[None]))
                    jerks.append(jerk_m_s3(piece, record.fps).reshape(-1))
    return metrics, np.concatenate(jerks)


if __name__ == "__main__":
    main()
