"""Reads a job file, .jsonl or .csv, and finds every bad line of it, not only the first."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from motion_preprocessing.counted import counted
from motion_preprocessing.errors import InputError
from motion_runtime.jobs.fields import KINDS, Job, is_number, make_job, unknown_field

_SEPARATORS: Final = (",", ";", "\t")


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


def _separated(text: str) -> tuple[str, str]:
    """What stands between the cells of a .csv, and its text without a line 'sep=;', by which some files say so.

    Where a comma is the decimal mark, spreadsheets separate cells by semicolons.
    """
    told = re.match(r"sep=([,;\t])\r?\n", text)
    if told:
        return told[1], "\n" + text[told.end() :]
    columns = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=columns.count), text


def _csv_lines(text: str, path: Path) -> Iterator[tuple[int, dict[str, object] | str]]:
    """Line number and cells by column, or what is wrong; the number is the line's on which a row ends."""
    separator, text = _separated(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
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
            columns = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in cells]  # 'Num samples', 'num-samples'
            unknown = next((cell for name, cell in zip(columns, cells, strict=True) if name not in KINDS), None)
            twice = next((name for name in columns if columns.count(name) > 1), None)
            if unknown is not None:
                raise InputError(
                    unknown_field(unknown, f" in line {reader.line_num} of {path}, which names the columns")
                )
            if twice is not None:
                raise InputError(
                    f"expected each column once, got '{twice}' several times in line {reader.line_num} of {path}; "
                    "keep one"
                )
        elif len(cells) > len(columns):
            expected = counted(len(columns), "cell")
            yield reader.line_num, f"expected {expected}, got {len(cells)}; put texts with '{separator}' in quotes"
        else:
            yield (
                reader.line_num,
                {name: _decimal(name, cell.strip(), separator) for name, cell in zip(columns, cells, strict=False)},
            )


def _decimal(name: str, cell: str, separator: str) -> str:
    """A number's cell with a decimal point, where the file's comma is none between cells."""
    return cell.replace(",", ".") if separator == ";" and is_number(name) and cell.count(",") == 1 else cell
