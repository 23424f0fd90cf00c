"""Finds the motions that a path names, and the room they take place in."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from motion_preprocessing.errors import InputError
from motion_preprocessing.floor import UNITS, UP_AXES
from motion_runtime.motion import Motion
from motion_runtime.writer import read_motion

MAX_SAMPLES: Final = 9
"""More than nine views side by side are too small to see anything in, and a page of all would be too large."""

AUTO: Final = "auto"
"""An axis or a unit that is to be found."""
IGNORE: Final = "ignore"
"""In place of a label table: the room's labels count for nothing."""


@dataclass(frozen=True, eq=False)
class Shown:
    """One motion and what is said beside it."""

    motion: Motion
    name: str = ""
    """Title of its view: the sample's folder."""
    run_info: Mapping[str, Any] = field(default_factory=dict)
    """What run.json holds; events listed there under 'events' (person, label, start_s, end_s) go on the timeline."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a path holds."""

    samples: tuple[Shown, ...]
    """The first `MAX_SAMPLES` motions, in the order of their names."""
    total: int
    """How many there are."""
    scene_path: Path | None
    """The room they were made in, where run.json names one that is still there."""
    up: str = AUTO
    """Axis of the room's file that the run took for up, where run.json says so."""
    units: str = AUTO
    """Unit that the run took the room's file to be in, where run.json says so."""
    labels: str | None = None
    """File of the label table that the run read the room with, or 'ignore', where run.json says so and it is there."""
    lost_scene: str = ""
    """The room that run.json names, where it is not there any more."""
    title: str = ""
    """Name of the folder or file."""


def find_samples(path: Path, most: int = MAX_SAMPLES) -> Found:
    """Read the motions at a path: a motion.npz, a sample's folder, or the folder of a run with one folder a sample.

    Raises:
        InputError: There is no motion, or a file cannot be read.
    """
    path = Path(path)
    files = _motion_files(path)
    if not files:
        if jobs := sorted(path.glob("*/*/motion.npz")):
            raise InputError(
                f"expected one job's folder, got a folder of jobs at {path}; name one of them, such as "
                f"{jobs[0].parents[1]}"
            )
        raise InputError(
            f"expected a motion.npz or a folder that motion-run wrote, got no motion at {path}; check the path"
        )
    shown = [Shown(read_motion(file), _name(file), _run_info(file.parent)) for file in files[:most]]
    scene_path, lost = _scene_of(shown[0].run_info, files[0].parent)
    labels = _labels_of(shown[0].run_info, files[0].parent)
    title = path.resolve().name if path.is_dir() else _name(path)
    up = _one_of(shown[0].run_info, "scene_up", UP_AXES)
    units = _one_of(shown[0].run_info, "scene_units", UNITS)
    return Found(tuple(shown), len(files), scene_path, up, units, labels, lost, title)


def _motion_files(path: Path) -> list[Path]:
    if path.is_dir():
        own = path / "motion.npz"
        return [own] if own.is_file() else sorted(path.glob("*/motion.npz"))
    return [path] if path.is_file() else []


def _name(file: Path) -> str:
    return file.resolve().parent.name if file.name == "motion.npz" else file.stem


def _run_info(folder: Path) -> Mapping[str, Any]:
    """What run.json beside a motion says; a motion without one, or with a foreign one, is shown all the same."""
    try:
        info = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return info if isinstance(info, dict) else {}


class RoomOfRun(NamedTuple):
    """The room that a run was made in, and how it read its file."""

    path: Path
    up: str
    units: str
    labels: str | None


def room_read_by_run(folder: Path) -> RoomOfRun | None:
    """The room that run.json beside a motion names, if it is still there."""
    info = _run_info(folder)
    path, _ = _scene_of(info, folder)
    if path is None:
        return None
    up, units = _one_of(info, "scene_up", UP_AXES), _one_of(info, "scene_units", UNITS)
    return RoomOfRun(path, up, units, _labels_of(info, folder))


def room_of_run(folder: Path) -> str:
    """The file of the room that a motion in a folder was made in, as run.json beside it names it; '' for none."""
    return _named(_run_info(folder), "scene")


def _one_of(info: Mapping[str, Any], key: str, known: Collection[str]) -> str:
    """What a run's request says under a key; 'auto' where that is nothing known."""
    request = info.get("request")
    said = request.get(key) if isinstance(request, dict) else None
    return said if isinstance(said, str) and said in known else AUTO


def _scene_of(info: Mapping[str, Any], folder: Path) -> tuple[Path | None, str]:
    named = _named(info, "scene")
    path = _typed(named, folder)
    return path, named if path is None else ""


def _labels_of(info: Mapping[str, Any], folder: Path) -> str | None:
    named = _named(info, "scene_labels")
    path = _typed(named, folder)
    return IGNORE if named == IGNORE else None if path is None else str(path)


def _named(info: Mapping[str, Any], key: str) -> str:
    """The file that a run's request names under a key; '' where it names none."""
    request = info.get("request")
    named = request.get(key) if isinstance(request, dict) else None
    return named if isinstance(named, str) else ""


def _typed(named: str, folder: Path) -> Path | None:
    """The file that was named; None where it is not there.

    The path is as it was typed: relative to where the command ran or to the job file, which often are above the folder
    of the run or of all jobs.
    """
    bases = (Path(), folder, *folder.resolve().parents[:3])
    return next((base / named for base in bases if named and (base / named).is_file()), None)
