"""The work of `motion-preprocess captures`: progress, the dataset, the report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from motion_preprocessing.atomic_output import as_output_error
from motion_preprocessing.captures.lifting import LiftConfig
from motion_preprocessing.captures.report import REPORT_FILE, Totals, write_report
from motion_preprocessing.captures.results import ROOM_FILE, read_result
from motion_preprocessing.captures.run import Outcome, do_all, remove_leftovers, tasks_of
from motion_preprocessing.captures.sequences import sequences_of
from motion_preprocessing.command import kept_when_stopped
from motion_preprocessing.dataset import SCENES_FOLDER, write_dataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.sequence import MotionSequence

DATASET = "dataset"


def run_captures(
    captures: Path, out: Path, *, workers: int, config: LiftConfig, licence: str, debug_plots: bool
) -> Totals:
    """Lift captures and write OUT; see `captures.run` for what lies where and for `workers`.

    Raises:
        InputError: There is no capture, or none could be used.
        OutputError: OUT cannot be written.
    """
    tasks = tasks_of(captures, out, config, debug=debug_plots)
    with as_output_error(out):
        out.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out)
    console = Console(stderr=True)
    begin = time.monotonic()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(), console=console, disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        bar = progress.add_task("captures", total=len(tasks), rate="")
        made = 0

        def advance(outcome: Outcome) -> None:
            nonlocal made
            if outcome.result is None:
                line = f"skipped {outcome.folder}: {outcome.message}"
                progress.console.print(line, style="yellow", markup=False, soft_wrap=True)
            made += not outcome.kept
            rate = 60 * made / max(time.monotonic() - begin, 1e-9)
            progress.update(bar, advance=1, rate=f"{rate:.1f} a minute" if made else "kept")

        with kept_when_stopped(lambda: "finished captures are kept, the same command goes on from there"):
            outcomes = do_all(tasks, workers, advance)
    totals = Totals()
    skipped = [
        (outcome.folder.relative_to(captures).as_posix(), outcome.message)
        for outcome in outcomes
        if outcome.result is None
    ]
    names: set[str] = set()
    scenes: dict[str, Path] = {}

    def sequences() -> Iterator[MotionSequence]:
        for outcome in outcomes:
            if outcome.result is None:
                continue
            result = read_result(outcome.result)
            if result.name in names:
                skipped.append(
                    (
                        outcome.folder.relative_to(captures).as_posix(),
                        f"expected unique names, got {result.name} twice for the captures; rename one",
                    )
                )
                continue
            names.add(result.name)
            totals.add(result, outcome.result)
            # Site, room and time are names without slashes; together they are unique.
            scene = f"{SCENES_FOLDER}/{result.name}.ply"
            scenes[scene] = outcome.result / ROOM_FILE
            for sequence in sequences_of(result, fps=config.fps, licence=licence, scene=scene):
                totals.sequences += 1
                yield sequence

    provenance = {
        "tool": f"motion-preprocess captures, scene-motion {version('scene-motion')}",
        "captures": len(tasks),
        # The list is complete when the header is written, after the sequences.
        "skipped": skipped,
        "settings": asdict(config),
        "steps": "swapped poses masked, far ones dropped, disparity fitted to metres, people placed, floor at z = 0, "
        "smoothed, resampled",
    }
    try:
        write_dataset(out / DATASET, sequences(), fps=config.fps, credits=(), provenance=provenance, scenes=scenes)
    except InputError as error:
        if totals.sequences:
            raise
        write_report(out, totals, skipped, config)
        raise InputError(
            f"expected at least one usable capture, got none of {len(tasks)} for {captures}; see {out / REPORT_FILE}"
        ) from error
    write_report(out, totals, skipped, config)
    click.echo(
        f"{totals.sequences} sequences of {totals.captures} captures in {out / DATASET}; {len(skipped)} captures left "
        f"out; report: {out / REPORT_FILE}"
    )
    return totals
