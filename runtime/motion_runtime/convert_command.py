"""What `motion-convert` does: read everything, write one folder, all or nothing, and say what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.progress import track

from motion_preprocessing.atomic_output import as_output_error, atomic_folder
from motion_preprocessing.bodies.model_files import load_body_model
from motion_preprocessing.counted import counted
from motion_preprocessing.errors import OutputError
from motion_runtime.formats.export import Export, check_programs
from motion_runtime.formats.motion_file import read_motion
from motion_runtime.formats.names import (
    CAMERA_FILE,
    CAMERA_SUMMARY,
    CAMERAS_FILE,
    CAMERAS_SUMMARY,
    FORMATS,
    check_by_cameras,
    files_of,
    parse_formats,
)
from motion_runtime.motion_places import clip_name, motion_places
from motion_runtime.room_units import label_table, load_room
from motion_runtime.viewer.samples import room_of_run, room_read_by_run
from motion_runtime.views.camera_file import read_cameras
from motion_runtime.views.hardly_seen import WhoIsSeen, hardly_any_floor
from motion_runtime.warn import warn

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

OWN_FILES: Final = files_of(tuple(FORMATS))
_SHOW_ROOM: Final = frozenset({"glb", "mp4", "fbx", "usd"})
"""Formats that the room is a part of."""
_SHOWN: Final = 3
"""Folders of several that are named in the summary."""


def convert(
    motions: Sequence[Path],
    formats: str,
    out: Path,
    *,
    scene_path: Path | None = None,
    with_scene: bool = True,
    up: str = "auto",
    units: str = "auto",
    labels: str | None = None,
    body_path: Path | None = None,
    cameras_path: Path | None = None,
    overwrite: bool = False,
    saying: str = "text",
) -> None:
    """Write motions in other formats.

    Args:
        motions: Files motion.npz, or folders that hold some, directly or in folders below.
        formats: Names separated by commas.
        out: Folder to make.
        scene_path: Room around the motions; None = the one that they were all made in, where a format shows it.
        with_scene: Whether there is a room.
        up: Axis of the room's file that points up, or 'auto'.
        units: Unit of the room's file, or 'auto'.
        labels: File of a label table, or 'ignore'; None = the room's own table.
        body_path: A body of the SMPL family in place of the built-in one.
        cameras_path: Cameras that see the motions.
        overwrite: Replace what an earlier run wrote.
        saying: 'text', 'json' (one object on stdout) or 'quiet' (errors only).

    Raises:
        MotionError: Anything that the caller can mend; nothing has been written then.
    """
    names = parse_formats(formats)
    if cameras_path is not None:
        check_by_cameras(names)
    check_programs(names)
    places = motion_places(motions)
    _check_output(out, overwrite, [path for path in places.values() if path.resolve().is_relative_to(out.resolve())])
    body = None if body_path is None else load_body_model(body_path)
    scene = None
    shows = not _SHOW_ROOM.isdisjoint(names) or cameras_path is not None
    if scene_path is not None:
        scene = load_room(scene_path, up=up, units=units, labels=label_table(labels), ask=saying == "text")
        _warn_of_other_rooms(scene_path, list(places.values()))
    elif with_scene and shows:
        scene = _room_of(list(places.values()))
    cameras = () if cameras_path is None else read_cameras(cameras_path, scene)
    seen = WhoIsSeen()
    warn(hardly_any_floor(cameras, scene))
    with atomic_folder(out, overwrite=overwrite) as folder:
        for name, path in _progress(places.items(), saying):
            place = folder if len(places) == 1 else folder / name
            place.mkdir(parents=True, exist_ok=True)
            export = Export(read_motion(path), clip_name(name, path), scene, body, cameras=cameras)
            export.write(place, names)
            seen.add(export.seen)
    warn(seen.warnings())
    if saying == "json":
        files = [str(file) for file in sorted(out.rglob("*")) if file.is_file()]
        click.echo(json.dumps({"out": str(out), "motions": list(places), "files": files}, ensure_ascii=False))
    elif saying == "text":
        _summarise(out, list(places))
        room = next((room for path in places.values() if (room := room_of_run(path.parent))), "")
        if scene is None and room and with_scene and shows:
            click.echo(f"without the room, since {room} is not there or not the only one: --scene names one")


def _room_of(motions: Sequence[Path]) -> Scene | None:
    """The room that all motions were made in, by run.json beside them; None where there are several, or it is gone."""
    rooms = {room_read_by_run(path.parent) for path in motions}
    room = rooms.pop() if len(rooms) == 1 else None
    if room is None:
        return None
    return load_room(room.path, up=room.up, units=room.units, labels=label_table(room.labels), ask=False)


def _warn_of_other_rooms(scene_path: Path, motions: list[Path]) -> None:
    """Say which motions were made in rooms of other names, by what their run.json says: they may lie in its walls."""
    rooms = [room_of_run(path.parent) for path in motions]
    others = [path for path, room in zip(motions, rooms, strict=True) if room and Path(room).name != scene_path.name]
    if others:
        room = Path(room_of_run(others[0].parent)).name
        warn(
            [
                f"{len(others)} of {len(motions)} motions were made in another room than {scene_path.name}, "
                f"{others[0].parent} in {room}; convert those with --scene of their own"
            ]
        )


def _check_output(out: Path, overwrite: bool, inside: Sequence[Path]) -> None:
    """Refuse, before any work, to replace what no earlier run wrote, or what was not said to be replaced.

    Raises:
        OutputError: Something is there.
    """
    with as_output_error(out):
        if not out.is_dir():
            return  # `atomic_folder` refuses files
        entries = sorted(out.rglob("*"))
        foreign = [entry for entry in entries if entry.is_symlink() or not (entry.is_dir() or _is_own(entry.name))]
    if foreign:
        raise OutputError(
            f"expected an empty folder or files of an earlier run, got '{foreign[0].relative_to(out)}' in {out} for "
            "--out; choose another folder"
        )
    if inside:
        raise OutputError(
            f"expected another folder than that of the motions, got {inside[0]} in {out} for --out; it would be "
            "replaced: choose another folder"
        )
    if entries and not overwrite:
        raise OutputError(
            f"expected a new folder, got files of an earlier run in {out} for --out; "
            "choose another one or replace them with --overwrite"
        )


def _is_own(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in OWN_FILES)


def _progress(items: Iterable[tuple[str, Path]], saying: str) -> Iterator[tuple[str, Path]]:
    """Draw a bar on stderr where that is a terminal and there is more than one motion."""
    listed = list(items)
    console = Console(stderr=True)
    quiet = len(listed) < 2 or saying != "text" or not console.is_terminal
    yield from track(listed, "converting", console=console, transient=True, disable=quiet)


def _summarise(out: Path, names: list[str]) -> None:
    """Say what was written."""
    first = out if len(names) == 1 else out / names[0]
    files = sorted(file for file in first.iterdir() if file.is_file())
    click.echo(f"wrote {counted(len(names), 'motion')} to {out}")
    for file in files:
        click.echo(f"  {file}  {_what_is(file.name)}")
    if len(names) > 1:
        click.echo(f"  and the same of {', '.join(names[1 : 1 + _SHOWN])}{' ...' if len(names) > 1 + _SHOWN else ''}")


def _what_is(file: str) -> str:
    """A few words on a file."""
    if file in (words := {CAMERA_FILE: CAMERA_SUMMARY, CAMERAS_FILE: CAMERAS_SUMMARY}):
        return words[file]
    return next(
        (kind.summary for kind in FORMATS.values() if any(fnmatch(file, pattern) for pattern in kind.files)), ""
    )
