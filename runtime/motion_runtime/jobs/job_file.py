"""Reads a job file, .jsonl or .csv, and finds every bad line of it, not only the first."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motion_preprocessing.errors import InputError
from motion_runtime.jobs.fields import KINDS, Job, make_job


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line."""

    line: int
    reason: str


def read_job_file(path: Path) -> tuple[list[Job], list[Fault]]:
    """Read the jobs of a file in its order, and what is wrong with the lines that hold none.

    Raises:
        InputError: The file cannot be read, is of another kind, or holds no job.
    """
    readers = {".jsonl": _json_lines, ".csv": _csv_lines}
    if path.suffix.lower() not in readers:
        raise InputError(f"expected a .jsonl or .csv file, got {path} for --jobs; docs/formats/jobs.md has examples")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"expected a file of jobs, got '{error.strerror or 'an error'}' for {path}; check the path"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"expected UTF-8 text, got {error.reason} at byte {error.start:,} for {path}; save it as UTF-8"
        ) from None
    base = path.resolve().parent
    jobs: list[Job] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for line, values in readers[path.suffix.lower()](text, path):
        if isinstance(values, str):
            faults.append(Fault(line, values))
            continue
        try:
            job = make_job(values, line, base, cells=path.suffix.lower() == ".csv")
        except InputError as error:
            faults.append(Fault(line, str(error)))
            continue
        # Some file systems do not tell capitals from small letters.
        first = seen.setdefault(job.name.lower(), line)
        if first != line:
            faults.append(
                Fault(line, f"expected a name of its own, got '{job.name}', which line {first} has; choose another")
            )
        jobs.append(job)
    if not jobs and not faults:
        raise InputError(f"expected at least one job, got none in {path}; write one a line")
    return jobs, faults


def _json_lines(text: str, _path: Path) -> Iterator[tuple[int, dict[str, object] | str]]:
    """Line number and values, or what is wrong."""
    # Not splitlines: a prompt may hold what Unicode calls a line's end.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line, object_pairs_hook=_once)
        except InputError as error:
            yield number, str(error)
        except RecursionError:
            yield number, "expected a JSON object, got one nested too deeply"
        except ValueError as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number of too many digits"
            yield number, f"expected a JSON object, got '{line.strip():.40}' ({reason})"
        else:
            fine = isinstance(values, dict)
            yield number, values if fine else f"expected a JSON object, got '{line.strip():.40}'"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"expected each field once, got '{twice:.40}' several times; keep one")
    return values


def _csv_lines(text: str, path: Path) -> Iterator[tuple[int, dict[str, object] | str]]:
    """Line number and cells by column, or what is wrong; the number is the line's on which a row ends."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: list[str] | None = None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, f"expected cells of a .csv, got a row that is none ({error})"
            return
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns = [cell.strip() for cell in cells]
            unknown = [name for name in columns if name not in KINDS or columns.count(name) > 1]
            if unknown:
                raise InputError(
                    f"expected columns among {', '.join(KINDS)}, each once, got '{unknown[0]:.40}' in line "
                    f"{reader.line_num} of {path}; the first line names the columns"
                )
        elif len(cells) > len(columns):
            yield reader.line_num, f"expected {len(columns)} cells, got {len(cells)}; put texts with commas in quotes"
        else:
            yield reader.line_num, {name: cell.strip() for name, cell in zip(columns, cells, strict=False)}
