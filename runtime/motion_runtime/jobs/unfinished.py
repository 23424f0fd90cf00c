"""Samples of jobs that are not whole yet: what a run that ends early leaves to the next one.

`.unfinished/NAME/` in the folder of the runs holds `made_of.json`, which says what the job is made of, the job's folder
as it grows (`job/`) and a record of each sample that is whole (`sample_007.json`). A record is written when all of its
sample is, and has the digests of its files: half-written and damaged samples have none that fits, and are made again.
The last sample completes the job: its folder gets job.json and is renamed to where it belongs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from motion_preprocessing.atomic_output import as_output_error, atomic_file, swap_folder
from motion_runtime.jobs.finished import NEW, differs, digests_below, write_job_file
from motion_runtime.jobs.plan import Planned
from motion_runtime.motion_places import SAMPLE_PREFIX

UNFINISHED: Final = ".unfinished"
"""Folder of all of them. No job is called so: names begin with a letter or a digit."""
_MADE_OF: Final = "made_of.json"


class Unfinished:
    """The samples of one job that are there."""

    def __init__(self, out: Path, planned: Planned, made_of: Mapping[str, Any]) -> None:
        self._target = out / planned.job.name
        self._planned = planned
        self._made_of = made_of
        self._place = out / UNFINISHED / planned.job.name
        self.folder: Final = self._place / "job"
        """Where samples are written."""

    def state(self) -> str:
        """NEW where no sample is whole or all can be gone on from, else what they were made otherwise in."""
        if not any(self._place.glob(f"{SAMPLE_PREFIX}*.json")):
            return NEW
        before = _read(self._place / _MADE_OF)
        return NEW if before is None else differs(before, self._made_of) or NEW

    def kept(self) -> list[int]:
        """Numbers of the samples that are whole, in order; whatever else was left is removed."""
        with as_output_error(self._target):
            if not self._place.exists():
                return []
            before = _read(self._place / _MADE_OF)
            if before is None or differs(before, self._made_of):
                self.clear()
                return []
            whole = [index for index in range(self._planned.job.samples) if self._is_whole(index)]
            names = {_name(index) for index in whole}
            for path in self.folder.iterdir() if self.folder.is_dir() else ():
                if path.name not in names:
                    _remove(path)
        return whole

    def begin(self) -> None:
        """Make the folder; several threads write into it from now on."""
        with as_output_error(self._target):
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self._place / _MADE_OF).exists():
                _write(self._place / _MADE_OF, self._made_of)

    def keep(self, index: int, row: Mapping[str, Any], warnings: list[str]) -> None:
        """A sample is whole: remember that, with its line of the index and what is to be said of it."""
        digests = digests_below(self.folder / _name(index))
        _write(self._place / f"{_name(index)}.json", {"row": row, "warnings": warnings, "sha256": digests})

    def finish(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Make a job of its samples, all of which are there; their lines of the index, and what is said of them."""
        records = [_read(self._place / f"{_name(index)}.json") or {} for index in range(self._planned.job.samples)]
        with as_output_error(self._target):
            rows = [record["row"] for record in records]
            write_job_file(self.folder, self._planned, self._made_of, rows)
            swap_folder(self.folder, self._target)
        self.clear()
        return rows, [warning for record in records for warning in record["warnings"]]

    def clear(self) -> None:
        """Remove all that is left of the job."""
        shutil.rmtree(self._place, ignore_errors=True)

    def _is_whole(self, index: int) -> bool:
        record = _read(self._place / f"{_name(index)}.json")
        sample = self.folder / _name(index)
        return record is not None and sample.is_dir() and record.get("sha256") == digests_below(sample)


def clear_unused(out: Path) -> None:
    """Remove what is left of jobs none of whose samples became whole, and the folder of them all if it is empty."""
    with suppress(OSError):
        for place in (out / UNFINISHED).iterdir():
            if not any(place.glob(f"{SAMPLE_PREFIX}*.json")):
                _remove(place)
        (out / UNFINISHED).rmdir()


def _name(index: int) -> str:
    return f"{SAMPLE_PREFIX}{index:03d}"


def _read(path: Path) -> dict[str, Any] | None:
    """An object of JSON; None where there is none, or only a part of one, as a power cut may leave."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
