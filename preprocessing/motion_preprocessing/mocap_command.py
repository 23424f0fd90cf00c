"""The work of `motion-preprocess mocap`: progress, the dataset, the summary table."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.manifest import read_manifest
from motion_preprocessing.markers import uiprmd
from motion_preprocessing.mocap import (
    CREDITS,
    Report,
    bone_spread_percent,
    capture_sequences,
    fall_sequences,
    mean_ratio,
)
from motion_preprocessing.sequence import MotionSequence

FALLS_FILE: Final = "simulated_falls.npz"


def run_mocap(data_dir: Path, out: Path, *, fps: float, falls: Path | None, limit: int | None) -> Report:
    """Make the dataset and print its summary.

    Args:
        data_dir: Folder of captures with its manifest.csv.
        out: The dataset's folder.
        fps: Frame rate to write.
        falls: File of simulated falls; None = none, also where `data_dir` has one, which is said.
        limit: Take only the first so many captures and falls; None = all.

    Raises:
        InputError: The manifest, a capture or the falls do not hold what they must.
        OutputError: The dataset could not be written, or something else is in its place.
        MissingExtraError: pyarrow is not installed.
    """
    console = Console(stderr=True)
    if falls is None and (data_dir / FALLS_FILE).is_file():
        # Not unasked: they are of one body, end prone and hit the head too often, and what has them learns it.
        line = f"{FALLS_FILE} lies there and is left out; --falls {data_dir / FALLS_FILE} takes it"
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    takes = read_manifest(data_dir)[:limit]
    markers = data_dir / uiprmd.FILE_NAME
    has_markers = markers.is_file()
    report = Report()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("captures", total=len(takes))

        def sequences() -> Iterator[MotionSequence]:
            yield from capture_sequences(
                data_dir, fps=fps, report=report, limit=limit, on_take=lambda name: progress.advance(task)
            )
            if has_markers:
                subjects = progress.add_task("exercises, by subject", total=None)
                for sequence in uiprmd.exercise_sequences(
                    markers, fps=fps, report=report.markers, limit=limit,
                    on_subject=lambda name: progress.advance(subjects),
                ):  # fmt: skip
                    report.count(sequence)
                    yield sequence
                progress.update(subjects, total=progress.tasks[subjects].completed)
            if falls is not None:
                made = progress.add_task("falls", total=None)
                for sequence in fall_sequences(falls, fps=fps, report=report, limit=limit):
                    progress.advance(made)
                    yield sequence
                progress.update(made, total=progress.tasks[made].completed)

        provenance = {
            "tool": f"motion-preprocess mocap, scene-motion {version('scene-motion')}",
            "captures": f"{len(takes)} takes of manifest.csv",
            "exercises": f"{markers.name}, a body fitted to its markers" if has_markers else "",
            "falls": falls.name if falls is not None else "",
            "steps": "rotations relative to the T-pose, limbs exact, spikes mended, floor level at z = 0, resampled",
        }
        credits = (*CREDITS, uiprmd.CREDIT) if has_markers else CREDITS
        write_dataset(out, sequences(), fps=fps, credits=credits, provenance=provenance)
    Console().print(summary_table(report))
    Console().print(cleaning_table(report))
    return report


def summary_table(report: Report) -> Table:
    """Lay out the figures of a run."""
    table = Table("figure", "value", title="Motion dataset")
    table.add_row("sequences", str(report.clips))
    table.add_row("hours", f"{report.seconds / 3600:.3f}")
    for split in ("train", "validation", "test"):
        table.add_row(f"  {split}, minutes", f"{report.split_seconds.get(split, 0.0) / 60:.1f}")
    table.add_row("captions", str(report.captions))
    table.add_row("takes dropped", f"{len(report.dropped)} {' '.join(report.dropped)}".strip())
    if report.markers.residual_m:
        table.add_row("markers to fitted body, median, mm", f"{1000 * float(np.median(report.markers.residual_m)):.1f}")
    table.add_row("source frames mended / cut", f"{report.mended_frames} / {report.cut_frames}")
    table.add_row("tilted floors levelled, clips", f"{report.levelled} (up to {report.tilt_deg:.2f} degrees)")
    table.add_row("limb direction error, largest, degrees", f"{report.limb_error_deg:.1e}")
    table.add_row("limb length spread over takes, source", f"{bone_spread_percent(report.source_bones_m):.2f} %")
    table.add_row("limb length spread over takes, dataset", f"{bone_spread_percent(report.bones_m):.4f} %")
    table.add_row("foot-skate ratio, source", f"{mean_ratio(report.source_skate):.3f}")
    table.add_row("foot-skate ratio, dataset", f"{mean_ratio(report.skate):.3f}")
    return table


def cleaning_table(report: Report) -> Table:
    """Lay out what became of each source's recordings."""
    table = Table(
        "source", "takes", "minutes", "kept", "minutes kept", "of them idle", "dropped", title="Cleaning, by source"
    )
    tallies = (("captures", report.captures), ("exercises", report.markers), ("simulated falls", report.falls))
    for name, tally in tallies:
        if tally.takes:
            figures = (tally.takes, tally.seconds_before / 60, tally.kept, tally.seconds / 60, tally.idle_seconds / 60)
            cells = [f"{value:.1f}" if isinstance(value, float) else str(value) for value in figures]
            table.add_row(name, *cells, tally.faults_text())
    return table
