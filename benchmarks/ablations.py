"""What each setting of the training is good for: the same small model trained without it, on the same windows, as long.

    python benchmarks/ablations.py --data DATASET --text TOWER --out benchmarks/results/ablations \
        [--study terms] [--config train/configs/cpu.toml] [--minutes 0.75 | --steps 4000] [--only full,objects] \
        [--set key=value]

Two studies: `terms` trains without one loss term after the other, `recipe` changes size, noise schedule, learning rate,
moving average and what is dropped, one at a time. Its words are of a model of 4 layers of width 128 that learns at
1.5e-3, which --set gives. A variant that changes nothing of the settings as given is left out.

Protocol. Windows are cut once. Every variant starts from the same weights, where it has their shape, and is trained on
the same batches with the same noise (training of `motion_train`, moving average of the weights), for the same time or
for the same number of steps. Each then answers the same requests: words, rooms and people of held-out windows
(validation split) of one and of two persons, from the same starting noise. Figures are those of `held_out`; each stands
with the 95 % interval of its relative difference to the settings as given (bootstrap over samples, in pairs). 'Held-out
error' is the masked error of x0 at random noise levels of the given schedule on the windows of the requests,
normalised, without the other terms.

One run a variant: intervals cover the choice of samples, not that of the seed. The line 'another seed' has the given
settings but other first weights and noise; what differs less than it differs by chance. So short a training shows what
a setting does first, not where it ends. Results are written after every variant.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import torch
from accelerate import Accelerator
from held_out import BODY, TOGETHER, generate, measure, requests
from motion_figures import Difference, cell, difference, mean
from numpy.typing import NDArray
from recorded import write_results

from motion_preprocessing.errors import InputError
from motion_runtime.sampler import Step, plan_steps
from motion_runtime.schedule import NoiseSchedule
from motion_train import config as configuration
from motion_train.config import TrainConfig
from motion_train.console import TrainingConsole
from motion_train.denoiser import Denoiser
from motion_train.denoiser_run import Data, load_data
from motion_train.diffusion import GaussianDiffusion
from motion_train.loader import Batch
from motion_train.losses import TERMS, LossConfig, Objective
from motion_train.seeds import INITIALISATION, VALIDATION, seed_of
from motion_train.trainer import Trainer, make_accelerator

FULL: Final = "full"
SEED: Final = "seed"


@dataclass(frozen=True)
class Study:
    """What is changed, one thing at a time."""

    title: str
    column: str
    """Heading of the column that tells the variants."""
    variants: Mapping[str, tuple[str, tuple[str, ...]]]
    """Name -> how the table tells it, and the settings that are changed, as for --set."""


STUDIES: Final = {
    "terms": Study(
        "Loss terms",
        "trained without",
        {FULL: ("nothing (full)", ()), SEED: ("nothing, another seed", ("run.seed=1",))}
        | {term: (term, (f"loss.{term}=0",)) for term in TERMS}
        | {"geometry": ("any of them", tuple(f"loss.{term}=0" for term in TERMS))},
    ),
    "recipe": Study(
        "Training recipe",
        "changed",
        {
            FULL: ("nothing", ()),
            SEED: ("nothing, another seed", ("run.seed=1",)),
            "narrow": ("three quarters as wide", ("model.width=96", "model.feedforward=384")),
            "wide": ("half as wide again", ("model.width=192", "model.feedforward=768")),
            "shallow": ("half as deep", ("model.layers=2",)),
            "deep": ("half as deep again", ("model.layers=6",)),
            "dropout": ("dropout 0.1", ("model.dropout=0.1",)),
            "linear": ("linear noise schedule", ("diffusion.schedule=linear",)),
            "slow": ("a third of the learning rate", ("optimiser.lr=5e-4",)),
            "constant": ("constant learning rate", ("optimiser.min_lr_ratio=1",)),
            "last": ("hardly any moving average (0.5)", ("optimiser.ema_decay=0.5",)),
            "long": ("longer moving average (0.998)", ("optimiser.ema_decay=0.998",)),
            "kept": ("nothing dropped", ("loss.drop_text=0", "loss.drop_scene=0")),
            "dropped": ("text and scene dropped in 0.2", ("loss.drop_text=0.2", "loss.drop_scene=0.2")),
            "epsilon": ("error of the noise, not of x0", ("loss.target=epsilon",)),
        },
    ),
}
RECORDED: Final = "recordings"
FIGURES: Final = BODY | TOGETHER
WARM_UP_STEPS: Final = 10
Values = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Sampling:
    """How the requests are answered."""

    sampler: str
    steps: int
    guidance: float

    def plan(self, settings: TrainConfig) -> Sequence[Step]:
        """Steps over a model's own noise schedule."""
        return plan_steps(_schedule(settings), self.sampler, self.steps, guidance=self.guidance)


@dataclass(frozen=True)
class Setup:
    """What all variants share."""

    settings: TrainConfig
    data: Data
    accelerator: Accelerator
    requests: Sequence[Batch]
    plan: Sequence[Step]
    fps: float


@dataclass(frozen=True)
class Measured:
    """What came of one variant, or of the recordings themselves."""

    values: Values
    """Figure -> (N,) a sample, NaN where it cannot be measured."""
    told: Mapping[str, Any]
    """Settings changed, steps, seconds, parameters and the held-out terms; empty for the recordings."""


def prepare(settings: TrainConfig, singles: int, pairs: int, sampling: Sampling) -> Setup:
    """Cut the windows and choose the requests.

    Raises:
        InputError: There is nothing held out to ask for.
    """
    accelerator = make_accelerator(settings.run)
    data = load_data(settings, None, TrainingConsole(0), device=accelerator.device)
    if data.validation is None or data.header is None:
        raise InputError("expected held-out windows, got run.validation_batches = 0; set it to 1 or more")
    chosen = requests(data.validation, singles, pairs if settings.data.people > 1 else 0)
    here = [{name: value.to(accelerator.device) for name, value in batch.items()} for batch in chosen]
    return Setup(settings, data, accelerator, here, sampling.plan(settings), float(data.header["fps"]))


def train(setup: Setup, settings: TrainConfig) -> tuple[Denoiser, int, float]:
    """Train one variant from the first weights of all; returns its averaged weights, steps and seconds."""
    torch.manual_seed(seed_of(settings.run.seed, INITIALISATION))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            Denoiser(settings.model),
            _objective(setup, settings),
            setup.data.training,
            None,
            settings,
            setup.data.normaliser,
            Path(folder),
            setup.accelerator,
            TrainingConsole(settings.run.steps, enabled=False),
            setup.data.header,
            graphs=True,
        )
        outcome = trainer.fit()
    if outcome.reason == "signal":  # which is meant for all variants
        raise click.Abort
    averaged = trainer.ema.module
    assert isinstance(averaged, Denoiser)
    return averaged, outcome.progress.step, outcome.progress.elapsed_s


def answer(setup: Setup, model: Denoiser, seed: int) -> Values:
    """Let a model answer the requests, from the noise of a seed, and measure what it made."""
    normaliser = setup.data.normaliser
    rows: list[dict[str, float]] = []
    for number, batch in enumerate(setup.requests):
        made = generate(model, batch, setup.plan, seed, number)
        rows += measure(batch, made, normaliser, setup.fps)
    return _columns(rows)


def recorded(setup: Setup) -> Measured:
    """Measure the recordings that the requests are from."""
    rows = [row for batch in setup.requests for row in measure(batch, batch["x0"], setup.data.normaliser, setup.fps)]
    return Measured(_columns(rows), {})


@torch.no_grad()
def held_out_terms(setup: Setup, model: Denoiser) -> dict[str, float]:
    """Mean of every term on the windows of the requests, each weighted by its samples."""
    objective = _objective(setup, replace(setup.settings, loss=LossConfig(geometry_share=1.0)))
    totals: dict[str, float] = {}
    samples = sum(len(batch["x0"]) for batch in setup.requests)
    for number, batch in enumerate(setup.requests):
        key = torch.Generator().manual_seed(seed_of(setup.settings.run.seed, VALIDATION, number))
        for name, value in objective(model, batch, key).items():
            totals[name] = totals.get(name, 0.0) + float(value) * len(batch["x0"]) / samples
    return {name: totals[name] for name in ("simple", *TERMS) if name in totals}  # terms of weight 0 are not computed


def variant(setup: Setup, settings: TrainConfig, sampling: Sampling) -> Measured:
    """Train by other settings than the study's, and measure what comes of it."""
    model, steps, seconds = train(setup, settings)
    told = {"steps": steps, "seconds": seconds, "parameters": sum(weight.numel() for weight in model.parameters())}
    answered = replace(setup, settings=settings, plan=sampling.plan(settings))
    return Measured(answer(answered, model, setup.settings.run.seed), told | {"held_out": held_out_terms(setup, model)})


def report(measured: Mapping[str, Measured]) -> dict[str, Any]:
    """Means, how many samples each is over, and differences to the full objective."""
    rows = {}
    for name, found in measured.items():
        compared = _compared(measured, name)
        rows[name] = dict(found.told) | {
            "figures": {
                figure: {"mean": mean(values), "samples": int(np.isfinite(values).sum())}
                | ({"to_full": vars(compared[figure])} if figure in compared else {})
                for figure, values in found.values.items()
                if np.isfinite(values).any()
            }
        }
    return {"variants": rows}


def table(measured: Mapping[str, Measured], setting: str, study: Study) -> str:
    """Everything as Markdown: one table of bodies, one of what they do with objects and each other."""
    lines = [f"# {study.title}", "", setting, ""]
    lines += [f"Means; in brackets the 95 % interval of the difference to {study.variants[FULL][0]}."]
    for figures, more in ((BODY, True), (TOGETHER, False)):
        heads = [study.column, *(label for label, _ in figures.values())]
        heads += ["held-out error", "parameters"] if more else []
        lines += ["", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for name, found in measured.items():
            compared = _compared(measured, name)
            cells = [
                cell(mean(found.values[figure]), compared.get(figure))
                if np.isfinite(found.values[figure]).any()
                else "none"
                for figure in figures
            ]
            if more:
                told = found.told
                cells += (
                    [f"{told['held_out']['simple']:.4g}", f"{told['parameters'] / 1e6:.2f} M"] if told else ["", ""]
                )
            title = RECORDED if name == RECORDED else study.variants[name][0]
            lines.append("| " + " | ".join([title, *cells]) + " |")
    return "\n".join(lines) + "\n"


def _compared(measured: Mapping[str, Measured], name: str) -> dict[str, Difference]:
    """A variant's differences to the settings as given, by figure."""
    if name in (FULL, RECORDED) or FULL not in measured:
        return {}
    own, full = measured[name].values, measured[FULL].values
    return {
        figure: difference(own[figure], full[figure], too_little)
        for figure, (_, too_little) in FIGURES.items()
        if (np.isfinite(own[figure]) & np.isfinite(full[figure])).any()
    }


def _columns(rows: Sequence[Mapping[str, float]]) -> Values:
    return {figure: np.array([row[figure] for row in rows]) for figure in FIGURES}


def _schedule(settings: TrainConfig) -> NoiseSchedule:
    return NoiseSchedule.named(settings.diffusion.schedule, settings.diffusion.steps)


def _objective(setup: Setup, settings: TrainConfig) -> Objective:
    device, normaliser = setup.accelerator.device, setup.data.normaliser
    mean_of, std = (torch.from_numpy(array).to(device) for array in (normaliser.mean, normaliser.std))
    return Objective(GaussianDiffusion(_schedule(settings)), settings.loss, mean_of, std)


def _names(text: str, study: Study) -> list[str]:
    known = list(study.variants)
    names = [name.strip() for name in text.split(",") if name.strip()] or known
    if unknown := next((name for name in names if name not in known), None):
        raise click.BadParameter(f"expected some of {', '.join(known)}, got '{unknown}' for --only; correct it")
    return names


@click.command()
@click.option("--study", "studied", type=click.Choice(list(STUDIES)), default="terms", show_default=True)
@click.option("--data", required=True, help="Processed dataset.")
@click.option("--text", required=True, help="Folder of the text tower.")
@click.option("--config", "toml", type=click.Path(path_type=Path), help="TOML file of the training; default: defaults.")
@click.option("--set", "settings", multiple=True, help="section.key=value, over the file.")
@click.option("--minutes", default=0.75, show_default=True, help="Training time of a variant.")
@click.option("--steps", type=int, help="Steps of a variant instead: no clock has a say then.")
@click.option("--only", default="", help="Names of variants; default: all of the study.")
@click.option("--singles", default=128, show_default=True, help="Requests of one person.")
@click.option("--pairs", default=64, show_default=True, help="Requests of two.")
@click.option("--guidance", default=2.5, show_default=True)
@click.option("--sampler", type=click.Choice(["ddim", "dpm++"]), default="ddim", show_default=True)
@click.option("--denoising-steps", default=20, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(
    studied: str,
    data: str,
    text: str,
    toml: Path | None,
    settings: tuple[str, ...],
    minutes: float,
    steps: int | None,
    only: str,
    singles: int,
    pairs: int,
    guidance: float,
    sampler: str,
    denoising_steps: int,
    out: Path,
) -> None:
    """Train with one setting after the other changed."""
    study = STUDIES[studied]
    names = _names(only, study)
    length: dict[str, Any] = {"run.max_minutes": minutes, "optimiser.schedule_by": "time", "run.steps": 10**9}
    if steps is not None:
        length = {"run.max_minutes": 0.0, "optimiser.schedule_by": "steps", "run.steps": steps}
    # Nothing of a run is kept: no checkpoint but the last, which goes with its folder.
    quiet = {"run.validate_every": 0, "run.checkpoint_every": 10**9, "data.dataset": data, "data.text_tower": text}
    resolved = configuration.load(toml, settings, length | quiet)
    changes = {name: configuration.load(toml, (*settings, *study.variants[name][1]), length | quiet) for name in names}
    for name in [name for name in names if name != FULL and changes[name] == resolved]:
        names.remove(name)
        click.echo(f"{name}: what it changes is given so already, left out", err=True)
    sampling = Sampling(sampler, denoising_steps, guidance)
    setup = prepare(resolved, singles, pairs, sampling)
    counts = [sum(len(b["x0"]) for b in setup.requests if b["x0"].shape[1] == people) for people in (1, 2)]
    device = setup.accelerator.device
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    size = sum(parameter.numel() for parameter in Denoiser(resolved.model).parameters())
    setting = (
        f"A model of {size / 1e6:.1f} million parameters, "
        + (f"{steps} steps" if steps is not None else f"{60 * minutes:g} s of training")
        + f" a variant at batch {resolved.data.batch_size}, {machine}, "
        f"{setup.accelerator.mixed_precision.replace('no', 'fp32')}; "
        f"{counts[0]} requests of one person and {counts[1]} of two, {sampler} with {denoising_steps} steps, guidance "
        f"{guidance:g}."
    )
    measured = {RECORDED: recorded(setup)}
    if steps is None:  # the first variant's time would else hold what starting the device takes
        short = replace(resolved.run, steps=WARM_UP_STEPS)
        train(setup, replace(resolved, run=short))
    for name in names:
        started = time.monotonic()
        found = variant(setup, changes[name], sampling)
        measured[name] = replace(found, told={"changed": study.variants[name][1]} | dict(found.told))
        result = {
            "protocol": __doc__, "setting": setting, "config": configuration.to_dict(resolved), "requests": counts
        } | report(measured)  # fmt: skip
        folders = {"dataset": data, "text_tower": text, "furniture": resolved.data.furniture}
        result["config"]["data"] |= {key: Path(folder).name for key, folder in folders.items()}
        write_results(out, result, table(measured, setting, study))
        told = measured[name].told
        click.echo(
            f"{name}: {told['steps']} steps in {told['seconds']:.1f} s, {time.monotonic() - started:.1f} s in all, "
            f"held-out error {told['held_out']['simple']:.4g}",
            err=True,
        )
    click.echo(table(measured, setting, study))


if __name__ == "__main__":
    main()
