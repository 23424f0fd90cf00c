"""What is there of earlier runs: `job.json` in a job's folder tells what it was made of and what belongs in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

from motion_preprocessing.atomic_output import as_output_error, atomic_file
from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import OutputError
from motion_runtime.jobs.fields import INDEX_FILE
from motion_runtime.jobs.plan import Planned
from motion_runtime.preview import BODY
from motion_runtime.writer import OWN_FILES

JOB_FILE: Final = "job.json"
FORMAT_VERSION: Final = 1
NEW: Final = "new"
FINISHED: Final = "finished"
DAMAGED: Final = "damaged"


@dataclass(frozen=True)
class Settings:
    """What all jobs of a run have in common and their files depend on."""

    bundle_sha256: str
    provider: str
    precision: str
    formats: tuple[str, ...]
    preview: bool
    style: str = BODY
    batch: int = 1
    """Requests that share a call of the step kernel: a kernel of a batch may round otherwise."""

    def made_of(self, planned: Planned) -> dict[str, Any]:
        """Everything that a job's bytes follow from, as JSON values."""
        return {
            "job": dict(sorted(planned.job.fields.items())),
            "num_samples": planned.job.samples,
            "files": planned.files,
            "bundle": self.bundle_sha256,
            "provider": self.provider,
            "precision": self.precision,
            "formats": list(self.formats),
            "preview": self.style if self.preview and self.style != BODY else self.preview,
            # As jobs have it that were made before there were batches: nothing.
            "batch": self.batch if self.batch > 1 else None,
        }


def write_job_file(folder: Path, planned: Planned, made_of: Mapping[str, Any], samples: list[dict[str, Any]]) -> None:
    """Write job.json, the last file of a job's folder: it holds the digests of all others."""
    content = {
        "format_version": FORMAT_VERSION,
        "name": planned.job.name,
        **made_of,
        "samples": samples,
        "sha256": digests_below(folder),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / JOB_FILE).write_text(text, encoding="utf-8")


def digests_below(folder: Path) -> dict[str, str]:
    """The sha256 of every file in a folder and those in it, by its path from there."""
    return {
        file.relative_to(folder).as_posix(): sha256_of(file) for file in sorted(folder.rglob("*")) if file.is_file()
    }


def state_of(folder: Path, made_of: Mapping[str, Any]) -> str:
    """What a job's folder holds.

    Returns:
        NEW: nothing. FINISHED: the job. DAMAGED: the job, but files of it are missing or altered. Anything else
        names the setting, or the fields of the job, in which it was made otherwise.

    Raises:
        OutputError: It is not a job's folder, or a damaged one with somebody's files in it.
    """
    with as_output_error(folder):
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return NEW
        content = read_job_file(folder)
        if content is None:
            raise OutputError(
                f"expected a job's folder or none, got something without {JOB_FILE} at {folder}; "
                "move it away or choose another --out"
            )
        other = differs(content, made_of) if content else ""
        if other:
            return other
        digests = content.get("sha256", {})
        here = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {JOB_FILE}
        if digests and digests.keys() <= here and all(sha256_of(folder / name) == digests[name] for name in digests):
            return FINISHED
        foreign = sorted(name for name in here if not any(fnmatch(Path(name).name, own) for own in OWN_FILES))
    if foreign:
        raise OutputError(
            f"expected nothing but a job's files in the damaged {folder}, got '{foreign[0]}'; move it away"
        )
    return DAMAGED


def differs(made_before: Mapping[str, Any], made_of: Mapping[str, Any]) -> str:
    """The name of what a job was made otherwise in, of its own fields those; '' where it was made as it is now."""
    key = next((key for key in made_of if made_before.get(key) != made_of[key]), "")
    before, now = made_before.get(key), made_of.get(key)
    if key != "job" or not isinstance(before, dict) or not isinstance(now, dict):
        return key
    return ", ".join(name for name in sorted({*before, *now}) if before.get(name) != now.get(name))


def read_job_file(folder: Path) -> dict[str, Any] | None:
    """What job.json says; None where there is none, {} for a damaged one, as a power cut may leave."""
    path = folder / JOB_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    wanted = {"sha256": dict, "samples": list}
    fine = isinstance(content, dict) and all(isinstance(content.get(key), kind) for key, kind in wanted.items())
    return content if fine else {}


def clear_unfinished(out: Path, names: Iterable[str]) -> None:
    """Remove the temporary folders that a killed run, or one of an earlier release, left of jobs with these names."""
    starts = tuple(f".{name[:40]}." for name in names)
    with as_output_error(out):
        for path in out.iterdir():
            if path.name.startswith(starts) and path.name.endswith((".partial", ".old")):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def write_index(out: Path, planned: Iterable[Planned]) -> None:
    """Write index.jsonl: a line a motion, jobs in the job file's order, as far as they are there.

    Raises:
        OutputError: It could not be written.
    """
    with atomic_file(out / INDEX_FILE) as path, path.open("w", encoding="utf-8") as file:
        for name in (each.job.name for each in planned):
            for sample in (read_job_file(out / name) or {}).get("samples", ()):
                file.write(json.dumps(sample, ensure_ascii=False, allow_nan=False) + "\n")
