"""What guidance in an interval of the steps saves, and what it does to the motion.

    python benchmarks/guidance.py --out benchmarks/results/guidance [--bundle B] [--seeds 6] [--seconds 6]

Protocol. The prompts of quality.py, each with several seeds, with the bundle's default sampler and steps: guided in all
steps, in parts of them, and in none (scale 1). Metrics as in steps.py; brackets hold the 95 % interval of the relative
difference to guidance in all steps, over motions that share their noise. 'Asked and seen' counts motions in which event
detectors find what the prompt asked for: what guidance is for. Intervals are shares of the way from noise to motion.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
from machine import describe as describe_machine
from machine import in_words
from motion_figures import FIGURES, Setting, cell, differences, mean, measure
from quality import PROMPTS
from recorded import write_results
from steps import real_means

from motion_runtime import GenerationRequest, Generator

INTERVALS = ((0.0, 1.0), (0.0, 0.5), (0.0, 0.3), (0.5, 1.0), (0.0, 0.0))
"""All, parts, and none: an empty interval is a scale of 1."""


def seen_share(setting: Setting, seed: int = 0) -> str:
    """Share of motions that do what was asked, with its bootstrap interval."""
    picks = np.random.default_rng(seed).integers(0, len(setting.seen), (2000, len(setting.seen)))
    low, high = np.quantile(setting.seen[picks].mean(axis=1), (0.025, 0.975))
    return f"{setting.seen.mean():.0%} ({low:.0%} .. {high:.0%})"


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--seconds", default=6.0, show_default=True)
@click.option("--seeds", default=6, show_default=True, help="Motions a prompt.")
@click.option("--guidance", type=float, help="Default: the bundle's.")
@click.option("--sampler", help="Default: the bundle's.")
@click.option("--steps", type=int, help="Default: the bundle's.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(
    bundle: Path | None,
    seconds: float,
    seeds: int,
    guidance: float | None,
    sampler: str | None,
    steps: int | None,
    out: Path,
) -> None:
    """Measure intervals."""
    generator = Generator.load(bundle, provider="cpu")
    machine = describe_machine()
    count = generator.bundle.manifest.default.steps if steps is None else steps
    measured: list[tuple[tuple[float, float], Setting]] = []
    for interval in INTERVALS:
        requests: list[Any] = [
            (
                GenerationRequest(
                    tuple(prompt for prompt, _ in wanted), seconds=seconds, seed=seed, guidance=guidance,
                    sampler=sampler, steps=steps, guidance_interval=interval,
                ),
                lambda person, events, wanted=wanted: wanted[person][1].seen(events),
            )
            for wanted in PROMPTS.values()
            for seed in range(seeds)
        ]  # fmt: skip
        guided = generator.guidance_of(requests[0][0])
        branches = sum(sum(weight != 0 for weight in guided.weights(k, count)) for k in range(count))
        measured.append((interval, measure(generator, requests, branches)))
        click.echo(f"{interval}: {measured[-1][1].cpu_s:.2f} s of CPU a motion", err=True)
    whole, real = measured[0][1], real_means()
    lines = [
        "# Guidance in an interval", "",
        f"{len(PROMPTS) * seeds} motions of {seconds:g} s a row, scale {guided.text:g}, {count} steps, bundle "
        f"{generator.bundle.sha256[:12]}. Means; in brackets the 95 % interval of the difference to the first row.", "",
        f"Machine: {in_words(machine)}.", "",
        "| guided from .. to | passes | CPU time | " + " | ".join(label for label, _ in FIGURES.values())
        + " | asked and seen |", "|---" * (len(FIGURES) + 4) + "|",
    ]  # fmt: skip
    rows = []
    for interval, setting in measured:
        against = differences(setting, whole)
        means = {name: mean(values) for name, values in setting.figures.items()}
        shown = [cell(means[name], None if setting is whole else against[name]) for name in FIGURES]
        name = "nowhere (scale 1)" if interval == (0.0, 0.0) else f"{interval[0]:g} .. {interval[1]:g}"
        lines.append(
            f"| {name} | {setting.branches:.0f} | {setting.cpu_s / whole.cpu_s:.2f} | "
            + " | ".join(shown) + f" | {seen_share(setting)} |"
        )  # fmt: skip
        rows.append(
            {
                "interval": interval, "passes": setting.branches, "cpu_s": setting.cpu_s, "means": means,
                "to_whole": {figure: vars(d) for figure, d in against.items()},
                "asked_and_seen": float(setting.seen.mean()),
            }
        )  # fmt: skip
    lines.append(
        "| recordings | | | " + " | ".join(f"{real[name]:.3g}" if name in real else "" for name in FIGURES) + " | |"
    )
    text = "\n".join(lines)
    result = {
        "protocol": __doc__, "motions": len(PROMPTS) * seeds, "seconds": seconds, "scale": guided.text, "steps": count,
        "bundle": generator.bundle.sha256, "machine": machine, "rows": rows, "real": real,
    }  # fmt: skip
    write_results(out, result, text + "\n")
    click.echo(text)


if __name__ == "__main__":
    main()
