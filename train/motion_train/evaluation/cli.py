"""`motion-evaluate`: measure a bundle; `motion-evaluate train-evaluator` makes the evaluator that it needs.

torch is imported inside the commands, so that `--help` and a missing extra answer at once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from motion_preprocessing.command import INTERRUPTED, SETTINGS, OneLineCommand, OneLineGroup
from motion_preprocessing.errors import InputError
from motion_train.cli import require_extra
from motion_train.files import check_writable

EXAMPLES = """\b
Examples:
  motion-evaluate train-evaluator --data DATASET --out EVALUATOR
  motion-evaluate --data DATASET --evaluator EVALUATOR --out REPORT
  motion-evaluate --bundle BUNDLE --data DATASET --evaluator EVALUATOR --count 400 --samples 30 --out REPORT
"""
_PATH = click.Path(path_type=Path)


@click.group(cls=OneLineGroup, invoke_without_command=True, epilog=EXAMPLES, context_settings=SETTINGS)
@click.option("--bundle", type=_PATH, help="Bundle to measure. Default: the one that comes with the package.")
@click.option("--data", type=_PATH, help="Processed dataset; its held-out splits are compared with.")
@click.option("--evaluator", type=_PATH, help="Folder that 'train-evaluator' wrote.")
@click.option("--out", type=_PATH, help="Folder of the report: metrics.json, table.md, index.html.")
@click.option("--cache", type=_PATH, help="Where motions are kept. Default: OUT.motions; an interrupted run goes on.")
@click.option("--split", default="held-out", show_default=True, help="held-out (both), validation or test.")
@click.option("--count", default=96, show_default=True, help="Held-out captions, a motion each.")
@click.option("--samples", default=8, show_default=True, help="Motions of each of the twelve actions.")
@click.option("--rooms", default=20, show_default=True, help="Held-out rooms.")
@click.option("--groups", default=4, show_default=True, help="Motions of two, of three and of four people each.")
@click.option("--windows", default=1200, show_default=True, help="Training windows of the classifier of actions.")
@click.option("--replications", default=20, show_default=True, help="Half-samples behind the 95 % intervals.")
@click.option("--steps", type=int, help="Denoising steps. Default: the bundle's own.")
@click.option("--seed", default=0, show_default=True, help="Of noise, windows and halves.")
@click.option("--provider", default="auto", show_default=True, help="auto, cpu, openvino, cuda or tensorrt.")
@click.option("--furniture", type=_PATH, help="Modelled furniture; its test split stands in the rooms too.")
@click.option("--threads", type=int, help="Of torch and the classifier. Default: as many as are granted.")
@click.version_option(package_name="scene-motion", prog_name="motion-evaluate")
@click.pass_context
def main(ctx: click.Context, /, **options: Any) -> None:
    """Measure a bundle's motion beside recordings: definitions in docs/metrics.md."""
    if ctx.invoked_subcommand is not None:
        return
    for name in ("data", "evaluator", "out"):
        if options[name] is None:
            raise InputError(f"expected a folder, got none for --{name}; see 'motion-evaluate --help'")
    splits = {"held-out": ("validation", "test"), "validation": ("validation",), "test": ("test",)}
    split = options.pop("split")
    if split not in splits:
        raise InputError(f"expected {', '.join(splits)}, got '{split}' for --split; choose one")
    require_extra()
    check_writable(options["out"])
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    import torch
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from motion_runtime.cores import granted_cores
    from motion_train.evaluation.run import Plan, evaluate

    threads = options.pop("threads") or granted_cores()
    torch.set_num_threads(threads)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
               TimeRemainingColumn())  # fmt: skip
    from rich.console import Console

    from motion_train.evaluation.rows import markdown

    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("motions", total=None)

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            if not console.is_terminal and done % 20 == 0:
                click.echo(f"{what} {done}/{total}", err=True)

        plan = Plan(splits=splits[split], threads=threads, **options)
        rows = evaluate(plan, lambda line: click.echo(line, err=True), progress)
    click.echo(markdown([row for row in rows if row.target]))
    click.echo(str(plan.out / "index.html"))


@main.command("train-evaluator", cls=OneLineCommand)
@click.option("--data", type=_PATH, help="Processed dataset; only its training split is learned from.")
@click.option("--out", type=_PATH, required=True, help="The evaluator's folder; made if missing.")
@click.option("--steps", default=420, show_default=True, help="Optimiser steps.")
@click.option("--seed", type=int, help="Another than the generator's text tower has.")
@click.option("--threads", default=0, show_default=True, help="CPU threads; 0 is as many as are granted.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other key, e.g. data.windows=5000.")
@click.option("--resume", is_flag=True, help="Continue from the newest checkpoint in --out, if there is one.")
@click.pass_context
def train_evaluator_command(ctx: click.Context, /, **options: Any) -> None:
    """Train the evaluator: a text tower and a motion encoder, on each other."""
    if options["data"] is None and not options["resume"]:
        raise InputError("expected a folder, got none for --data; give the one that motion-preprocess wrote")
    require_extra()
    check_writable(options["out"])
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from motion_train.evaluation.embedder import SEED, evaluator_run, train_evaluator

    run = evaluator_run(
        options["data"], options["out"], steps=options["steps"], threads=options["threads"],
        seed=SEED if options["seed"] is None else options["seed"], settings=options["settings"],
        resume=options["resume"],
    )  # fmt: skip
    if train_evaluator(run, options["out"]).reason == "signal":
        ctx.exit(INTERRUPTED)
