"""The work of `motion-preprocess simulate`: tries until enough clips are kept, the dataset, sheets and tables."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from motion_preprocessing.atomic_output import as_output_error, atomic_file
from motion_preprocessing.dataset import FORMAT_VERSION, HEADER_FILE, write_dataset
from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.mocap import CREDITS
from motion_preprocessing.simulation.batch import (
    KINDS,
    VERSION,
    Tally,
    check_tracked,
    chosen_kinds,
    read_starts,
    tries,
)
from motion_preprocessing.simulation.body import mujoco_module
from motion_preprocessing.simulation.keypose import FPS
from motion_preprocessing.simulation.sheets import Row, sheet
from motion_preprocessing.simulation.summary import fall_table, tracked_table, yield_table

_SHEET_ROWS: Final = 18
_BATCH_FILE: Final = "batch.json"


def run_simulate(
    out: Path, starts: Path, *, count: int, seed: int, kinds: tuple[str, ...], workers: int, sheets: Path | None,
    tracked: bool = False,
) -> Tally:  # fmt: skip
    """Simulate clips, write the dataset OUT, contact sheets and tables.

    Finished tries lie in the folder `OUT.tries` until the dataset is written: the same command goes on with them.

    Args:
        out: The dataset's folder.
        starts: Dataset of recordings that clips start from.
        count: Clips to keep; two people who move together are one.
        seed: Other seed, other clips.
        kinds: Kinds or groups to draw from; none = all.
        workers: Processes; 0 works in this one.
        sheets: Folder for contact sheets; None = none.
        tracked: Whether key poses are done by a body of flesh, by physics, instead of being joined as they are.

    Raises:
        InputError: The starts or the kinds are not what they must be.
        OutputError: Something else is in the place of an output.
        MissingExtraError: mujoco is not installed.
    """
    chosen = chosen_kinds(kinds)
    if tracked:
        check_tracked(chosen)
    if tracked or any(KINDS[kind][0] == "falls" for kind in chosen):
        mujoco_module()
    read_starts(starts)
    place = out.with_name(out.name + ".tries")
    _prepare(place, out, starts, seed, chosen, tracked)
    console = Console(stderr=True)
    tally = Tally()
    figures: list[dict[str, Any]] = []
    bodies: list[tuple[str, dict[str, Any]]] = []
    shown: dict[str, list[Row]] = {}
    kept: list[Any] = []
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("clips", total=count)
        source = tries(starts, place, seed, chosen, workers, tracked)
        try:
            for done in source:
                if not tally.take(done):
                    if sum(tally.tries.values()) > 40 * count + 200:
                        raise InputError(
                            f"expected clips worth keeping, got {len(kept)} in {sum(tally.tries.values())} tries for "
                            f"--kinds {' '.join(chosen)}; choose other kinds"
                        )
                    continue
                kept.append(done)
                figures += [done.figures] if "impact_s" in done.figures else []
                bodies += [(done.kind, done.figures)] if "help_up" in done.figures else []
                first = done.sequences[0]
                rows = shown.setdefault(KINDS[done.kind][0], [])
                if len(rows) < _SHEET_ROWS:
                    rows.append(Row(f"{first.name} {first.label} | {first.captions[0]}", done.joints_m, done.boxes))
                progress.advance(task)
                if len(kept) == count:
                    break
        finally:
            source.close()
    provenance = {
        "tool": f"motion-preprocess simulate, scene-motion {version('scene-motion')}",
        "seed": seed,
        "kinds": list(chosen),
        "tries": sum(tally.tries.values()),
        "starts": sha256_of(starts / HEADER_FILE),
        **({"tracked": True} if tracked else {}),
    }
    write_dataset(out, (s for done in kept for s in done.sequences), fps=FPS, credits=CREDITS, provenance=provenance)
    if sheets is not None:
        with as_output_error(sheets):
            sheets.mkdir(parents=True, exist_ok=True)
        for group, rows in shown.items():
            with atomic_file(sheets / f"{group}.png") as temporary:
                sheet(rows).save(temporary, format="PNG")
    shutil.rmtree(place, ignore_errors=True)
    screen = Console()
    screen.print(yield_table(tally))
    if figures:
        screen.print(fall_table(figures))
    if bodies:
        screen.print(tracked_table(bodies))
    seconds = sum(len(s.root_position_m) / s.fps for done in kept for s in done.sequences)
    screen.print(f"{seconds / 60:.1f} minutes of motion; {tally.seconds / 60:.1f} minutes of processor time")
    return tally


def _prepare(place: Path, out: Path, starts: Path, seed: int, kinds: tuple[str, ...], tracked: bool) -> None:
    """Make the folder of tries, or check that the one there is of the same batch."""
    batch = {
        "version": VERSION, "dataset_format": FORMAT_VERSION, "seed": seed, "kinds": list(kinds),
        "starts": sha256_of(starts / HEADER_FILE), "numpy": np.__version__,
        **({"tracked": mujoco_module().__version__} if tracked else {}),
    }  # fmt: skip
    with as_output_error(place):
        if out.exists() and not (out / HEADER_FILE).is_file() and (not out.is_dir() or any(out.iterdir())):
            raise OutputError(f"expected a dataset or nothing, got something else for {out}; name another folder")
        path = place / _BATCH_FILE
        if place.exists() and any(place.iterdir()):
            found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
            if found != batch:
                raise OutputError(
                    f"expected tries of the same batch, got those of another for {place}; "
                    "repeat its command, or remove the folder"
                )
            return
        place.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(batch) + "\n", encoding="utf-8")
