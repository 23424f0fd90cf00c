"""How few denoising steps will do: each sampler's smallest count that moves no motion metric by more than two per cent.

    python benchmarks/steps.py --out benchmarks/results/steps [--bundle B] [--seeds 6] [--seconds 6]

Protocol. The prompts of quality.py, each with several seeds, are generated with every sampler and step count; metrics
are those of `motion_preprocessing.metrics`, compared with 50 steps of the same sampler and with 50 steps of DDPM, which
is what the models of the field are run with. Pairs share their noise. A difference counts as kept where the means
differ by at most 2 % in every metric, or by less than counts (0.001 of skate ratio, 0.1 mm). 'Shown' means that the
whole 95 % interval lies within 2 %: with few motions intervals are wider than that, and 'kept' is then no proof. 'No
worse' than 50 DDPM steps is a setting in which no metric is farther from the recordings' value, and no fewer motions
are as asked, by more than 2 % of what 50 steps have: a metric that comes nearer to recordings is no loss. A
count is found only if all larger ones measured keep the metrics too: one that passes by luck between two that do not
is none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from machine import describe as describe_machine
from machine import in_words
from motion_figures import FIGURES, Difference, Setting, cell, differences, mean, measure
from quality import PROMPTS
from recorded import write_results

from motion_runtime import GenerationRequest, Generator
from motion_runtime.sampler import SAMPLERS

REFERENCE_STEPS = 50
SHARE = 0.02
RECORDINGS = Path(__file__).parent / "results" / "recording_metrics.json"


def requests(
    seconds: float, seeds: int, sampler: str, steps: int, guidance: float | None, interval: tuple[float, float] | None
) -> list[Any]:
    """Every prompt with every seed, and what tells whether it was followed."""
    return [
        (
            GenerationRequest(
                tuple(prompt for prompt, _ in wanted), seconds=seconds, seed=seed, sampler=sampler, steps=steps,
                guidance=guidance, guidance_interval=interval,
            ),
            lambda person, events, wanted=wanted: wanted[person][1].seen(events),
        )
        for wanted in PROMPTS.values()
        for seed in range(seeds)
    ]  # fmt: skip


def smallest(kept: dict[int, bool]) -> int | None:
    """The smallest step count from which on every larger one up to the reference's keeps the metrics; None without."""
    found = None
    for steps in sorted((count for count in kept if count <= REFERENCE_STEPS), reverse=True):
        if not kept[steps]:
            break
        found = steps
    return found


def real_means() -> dict[str, float]:
    """What recordings score, in windows of 6 s, as far as the committed results of recording_metrics.py have it."""
    windows = json.loads(RECORDINGS.read_text(encoding="utf-8"))["windows"]["all recordings"]
    return {name: windows[name]["mean"] for name in FIGURES if name in windows}


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--seconds", default=6.0, show_default=True)
@click.option("--seeds", default=6, show_default=True, help="Motions a prompt.")
@click.option("--guidance", type=float)
@click.option("--guidance-interval", type=(float, float), help="Default: the bundle's.")
@click.option("--steps", "counts", default="5,8,10,15,20,30,40,50", show_default=True)
@click.option("--samplers", default=",".join(SAMPLERS), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(
    bundle: Path | None,
    seconds: float,
    seeds: int,
    guidance: float | None,
    guidance_interval: tuple[float, float] | None,
    counts: str,
    samplers: str,
    out: Path,
) -> None:
    """Measure step counts."""
    generator = Generator.load(bundle, provider="cpu")
    steps = sorted({*(int(count) for count in counts.split(",")), REFERENCE_STEPS})
    names = ["ddpm", *(name for name in samplers.split(",") if name != "ddpm")]
    machine = describe_machine()
    measured: dict[tuple[str, int], Setting] = {}
    for name in names:
        for count in steps if name in samplers.split(",") else [REFERENCE_STEPS]:
            # The reference is guided in every step.
            interval = (0.0, 1.0) if name == "ddpm" and count == REFERENCE_STEPS else guidance_interval
            wanted = requests(seconds, seeds, name, count, guidance, interval)
            guided = generator.guidance_of(wanted[0][0])
            branches = sum(sum(weight != 0 for weight in guided.weights(k, count)) for k in range(count))
            measured[name, count] = measure(generator, wanted, branches)
            click.echo(f"{name} {count}: {measured[name, count].cpu_s:.2f} s of CPU a motion", err=True)
    result = report(measured)
    result |= {
        "protocol": __doc__, "motions": len(PROMPTS) * seeds, "seconds": seconds, "machine": machine,
        "bundle": generator.bundle.sha256, "guidance": generator.guidance_of(wanted[0][0]).text,
        "guidance_interval": generator.guidance_of(wanted[0][0]).interval,
    }  # fmt: skip
    text = table(measured, result)
    write_results(out, result, text + "\n")
    click.echo(text)


def report(measured: dict[tuple[str, int], Setting]) -> dict[str, Any]:
    """Means, differences and the smallest counts."""
    rows, found = [], {}
    for name in dict.fromkeys(sampler for sampler, _ in measured):
        own, ddpm = measured[name, REFERENCE_STEPS], measured["ddpm", REFERENCE_STEPS]
        kept: dict[str, dict[int, bool]] = {"own": {}, "ddpm": {}, "own, shown": {}, "no worse": {}}
        for (sampler, count), setting in measured.items():
            if sampler != name:
                continue
            to_own, to_ddpm = differences(setting, own), differences(setting, ddpm)
            kept["own"][count] = all(d.within(SHARE) for d in to_own.values())
            kept["own, shown"][count] = all(d.shown_within(SHARE) for d in to_own.values())
            kept["ddpm"][count] = all(d.within(SHARE) for d in to_ddpm.values())
            kept["no worse"][count] = no_worse(setting, ddpm, real_means())
            rows.append(
                {
                    "sampler": name,
                    "steps": count,
                    "means": {figure: mean(values) for figure, values in setting.figures.items()},
                    "asked_and_seen": float(setting.seen.mean()),
                    "cpu_s": setting.cpu_s,
                    "branch_passes": setting.branches,
                    "to_own_50": {figure: vars(d) for figure, d in to_own.items()},
                    "to_ddpm_50": {figure: vars(d) for figure, d in to_ddpm.items()},
                }
            )
        found[name] = {against: smallest(of) for against, of in kept.items()}
    return {"rows": rows, "smallest": found, "real": real_means()}


def no_worse(setting: Setting, reference: Setting, real: dict[str, float]) -> bool:
    """Whether no figure is farther from the recordings' than the reference's is, and as many do as asked, up to 2 %."""
    for name, recorded in real.items():
        here, there = mean(setting.figures[name]), mean(reference.figures[name])
        if abs(here - recorded) > abs(there - recorded) + max(SHARE * there, FIGURES[name][1]):
            return False
    return bool(setting.seen.mean() >= (1 - SHARE) * reference.seen.mean())


def table(measured: dict[tuple[str, int], Setting], result: dict[str, Any]) -> str:
    """Everything as Markdown."""
    low, high = result["guidance_interval"]
    lines = [
        "# Denoising steps", "",
        f"{result['motions']} motions of {result['seconds']:g} s a setting, guidance {result['guidance']:g} in steps "
        f"{low:.0%} to {high:.0%} (in all of them for 50 of DDPM), bundle {result['bundle'][:12]}. Means; in brackets "
        "the 95 % interval of the difference to 50 steps of the same sampler.", "",
        f"Machine: {in_words(result['machine'])}.", "",
        "| sampler | steps | " + " | ".join(label for label, _ in FIGURES.values()) + " | asked and seen | CPU s |",
        "|---" * (len(FIGURES) + 4) + "|",
    ]  # fmt: skip
    for row in result["rows"]:
        setting = measured[row["sampler"], row["steps"]]
        differing = {name: Difference(**d) for name, d in row["to_own_50"].items()}
        shown = [
            cell(mean(setting.figures[name]), None if row["steps"] == REFERENCE_STEPS else differing[name])
            for name in FIGURES
        ]
        lines.append(
            f"| {row['sampler']} | {row['steps']} | " + " | ".join(shown)
            + f" | {row['asked_and_seen']:.0%} | {row['cpu_s']:.2f} |"
        )  # fmt: skip
    real = " | ".join(f"{result['real'][name]:.3g}" if name in result["real"] else "" for name in FIGURES)
    lines += [f"| recordings | | {real} | | |", "", "Smallest count that keeps every metric within 2 %:", ""]
    lines += [
        "| sampler | of its own 50 steps | shown by the intervals | of 50 DDPM steps | no worse than 50 DDPM steps |",
        "|---|---|---|---|---|",
    ]
    for name, found in result["smallest"].items():
        words = [in_steps(found[key]) for key in ("own", "own, shown", "ddpm", "no worse")]
        lines.append(f"| {name} | " + " | ".join(words) + " |")
    return "\n".join(lines)


def in_steps(count: int | None) -> str:
    """A count in words."""
    return "none" if count is None else f"none below {count}" if count == REFERENCE_STEPS else str(count)


if __name__ == "__main__":
    main()
