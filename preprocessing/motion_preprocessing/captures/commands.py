"""The work of `motion-preprocess validate` and `motion-preprocess synthesise`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from motion_preprocessing.captures.layout import find_captures
from motion_preprocessing.captures.synthetic import SyntheticConfig, synthesise_of_set
from motion_preprocessing.captures.validate import check_set
from motion_preprocessing.captures.walks import MotionSource
from motion_preprocessing.captures.write import write_capture
from motion_preprocessing.command import kept_when_stopped
from motion_preprocessing.errors import InputError


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console,
        disable=not console.is_terminal,
    )  # fmt: skip


def run_validate(folder: Path) -> None:
    """Check captures and print a line for every fault.

    Raises:
        InputError: There is no capture, or one of them cannot be used.
    """
    checked = bad = 0
    with _progress() as progress:
        task = progress.add_task("captures", total=len(find_captures(folder)))
        for path, faults in check_set(folder):
            checked += 1
            bad += any(not fault.warning for fault in faults)
            for fault in faults:
                kind = "warning" if fault.warning else "error"
                click.echo(f"{kind}: {(path / fault.file).as_posix()}: {fault.field or '-'}: {fault.message}")
            progress.advance(task)
    if bad:
        raise InputError(f"expected good captures, got faults in {bad} of {checked} for {folder}; mend the lines above")
    click.echo(f"{checked} captures, all good")


def run_synthesise(out: Path, *, captures: int, seed: int, motions: Path | None, config: SyntheticConfig) -> None:
    """Write synthetic captures OUT/synthetic/room_NNNN/seed_S; those that are there already are kept.

    Args:
        out: The set's folder.
        captures: How many; their pitches are spread evenly over the range of `config`.
        seed: Capture i depends on the seed and i (and on its pitch), not on the others.
        motions: Processed dataset whose motions the people do; None for procedural walks.
        config: What they are like.
    """
    source = MotionSource(motions)
    kept = "finished captures are kept, the same command goes on from there"
    with _progress() as progress, kept_when_stopped(lambda: kept):
        task = progress.add_task("captures", total=captures)
        for index in range(captures):
            room, time = f"room_{index:04d}", f"seed_{seed}"
            folder = out / "synthetic" / room / time
            if not folder.exists():
                capture = synthesise_of_set(config, seed=seed, index=index, count=captures, source=source)
                write_capture(folder, capture, site="synthetic", room=room, time=time)
            progress.advance(task)
    click.echo(f"{captures} captures in {out}")
