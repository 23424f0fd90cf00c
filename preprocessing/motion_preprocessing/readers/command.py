"""The work of `motion-preprocess humanml3d`, `interhuman` and `amass`: progress, the dataset, the summary table."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.mocap import Report
from motion_preprocessing.mocap_command import summary_table
from motion_preprocessing.readers.licences import is_non_commercial
from motion_preprocessing.readers.reading import Reader, measure
from motion_preprocessing.sequence import MotionSequence


def run_reader(reader: Reader, out: Path, *, fps: float, limit: int | None, skip_bad: bool) -> Report:
    """Make the dataset and print its summary.

    Args:
        reader: The source.
        out: The dataset's folder.
        fps: Frame rate to write.
        limit: Take only the first so many takes.
        skip_bad: Report a bad take in one line and go on, instead of stopping with nothing written.

    Raises:
        InputError: A take is bad, or none is left.
        OutputError: The dataset could not be written, or something else is in its place.
        MissingExtraError: pyarrow is not installed.
    """
    console = Console(stderr=True)
    takes = reader.takes[:limit]
    report = Report()
    bad: list[str] = []
    licences: set[str] = set()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(reader.title, total=len(takes))

        def sequences() -> Iterator[MotionSequence]:
            for take in takes:
                try:
                    taken = reader.read(take, fps)
                except InputError as error:
                    if not skip_bad:
                        raise
                    bad.append(take)
                    progress.console.print(f"skipped {take}: {error}", style="yellow", markup=False, soft_wrap=True)
                else:
                    measure(taken, report)
                    licences.update(sequence.licence for sequence in taken.sequences)
                    yield from taken.sequences
                progress.advance(task)

        provenance = {
            "tool": f"motion-preprocess, scene-motion {version('scene-motion')}",
            "collection": reader.title,
            "takes": len(takes),
            # The list itself is filled while the sequences are written, before the header is.
            "skipped": bad,
            "steps": "rotations of SMPL's joints, path scaled by leg length, floor at z = 0, resampled",
        }
        write_dataset(out, sequences(), fps=fps, credits=reader.credits, provenance=provenance)
    report.dropped.extend(bad)
    table = summary_table(report)
    table.add_row("bad takes skipped", str(len(bad)))
    table.add_row("commercial use", "no" if any(map(is_non_commercial, licences)) else "see the licences")
    Console().print(table)
    return report
