"""How good a bundle's motion is: eleven prompts, several seeds, metrics beside those of real motion.

    python benchmarks/quality.py --out benchmarks/results/quality [--bundle B] [--data DATASET] [--pictures FOLDER]

Protocol. Every prompt is generated once a seed with the bundle's default sampler, steps and guidance, 6 s, no room.
Figures are those of `motion_preprocessing.metrics` (definitions in docs/metrics.md), the mean over motions. 'Real' is
the held-out part (validation and test subjects) of the processed dataset, cut into pieces of at most 6 s. 'Asked and
seen' counts the motions in which the event detectors of `motion_preprocessing.describe`, which also caption training
data, find what the prompt asked for: a stand-in for a person's eye, not a classifier's accuracy.

Bone lengths of written motion are exact by construction; the drift of the network's own positions stands beside them.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from motion_preprocessing.describe import describe
from motion_preprocessing.metrics import (
    MotionMetrics,
    bone_length_drift_percent,
    evaluate_motion,
    jerk_m_s3,
    ks_distance,
    summarise,
)
from motion_runtime import GenerationRequest, Generator

PROMPTS: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "walk": (("a person walks forward",), {"walk"}),
    "run": (("a person runs forward",), {"run"}),
    "turn": (("a person turns left by 90 degrees",), {"turn"}),
    "sit down": (("a person sits down on a chair",), {"sit_down", "sit"}),
    "stand up": (("a person stands up from a chair",), {"stand_up", "get_up", "rise"}),
    "jump": (("a person jumps up",), {"jump"}),
    "wave": (("a person waves with the right hand",), {"wave", "raise_arm", "hold_arm"}),
    "bend": (("a person bends over",), {"bend", "pick_up"}),
    "climb": (("a person climbs a ladder",), {"climb", "rise"}),
    "fall": (("a person falls to the floor",), {"fall"}),
    "two persons": (("a person walks forward", "a person stands and waves"), {"walk"}),
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
@click.option("--seeds", default=8, show_default=True, help="Motions a prompt.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Folder for a contact sheet a prompt.")
@click.option("--guidance", type=float)
@click.option("--steps", type=int)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(
    bundle: Path | None,
    data: Path | None,
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
    for name, (prompts, wanted) in PROMPTS.items():
        seen = 0
        for seed in range(seeds):
            request = GenerationRequest(prompts=prompts, seconds=6.0, seed=seed, guidance=guidance, steps=steps)
            motion = generator.generate(request)
            measured.append(
                evaluate_motion(motion.joints_m, motion.fps, local_rotations=motion.local_rotations.astype(np.float64))
            )
            raw = generator.predict(request).pose_vectors[..., :66].reshape(*motion.joints_m.shape)
            drifts.append(float(bone_length_drift_percent(raw).mean()))
            jerks.append(jerk_m_s3(motion.joints_m, motion.fps).reshape(-1))
            events = {event.kind for event in describe(motion.joints_m[0], motion.fps, rng).events}
            seen += bool(events & wanted)
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
    lines += [f"| {' / '.join(PROMPTS[name][0])} | {share:.0%} |" for name, share in rows.items()]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = "\n".join(lines)
    out.with_suffix(".md").write_text(f"{text}\n", encoding="utf-8")
    click.echo(text)


def real_metrics(folder: Path) -> tuple[list[MotionMetrics], np.ndarray]:
    """Metrics and jerks of the held-out sequences, cut into pieces of at most 6 s."""
    from motion_preprocessing.dataset import MotionDataset
    from motion_preprocessing.stitch import unpack

    metrics, jerks = [], []
    for split in ("validation", "test"):
        for record in MotionDataset.open(folder, split=split):
            joints = np.asarray(record.pose[:, :66]).reshape(-1, 22, 3)
            for first in range(0, len(joints) - 20, 120):
                piece = joints[first : first + 120]
                if len(piece) >= 20:
                    rotations, _ = unpack(np.asarray(record.pose[first : first + 120], dtype=np.float64))
                    metrics.append(evaluate_motion(piece[None], record.fps, local_rotations=rotations[None]))
                    jerks.append(jerk_m_s3(piece[None], record.fps).reshape(-1))
    return metrics, np.concatenate(jerks)


if __name__ == "__main__":
    main()
