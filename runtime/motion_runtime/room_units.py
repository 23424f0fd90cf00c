"""Rooms as commands are given them: label tables, and a unit that is asked for where the height does not tell it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import click

from motion_preprocessing.floor import UNITS
from motion_preprocessing.scene import Scene, load_scene
from motion_preprocessing.scene_file import read_label_table
from motion_runtime.warn import warn


def load_room(
    path: Path,
    *,
    up: str,
    units: str,
    labels: Mapping[int, str] | Literal["ignore"] | None,
    ask: bool,
    said_with: str = "--units",
) -> Scene:
    """Read a room as `load_scene` does, say what of it is left out, and settle its unit.

    Args:
        path: The file.
        up: Axis of the file that is up, or 'auto'.
        units: Its unit, or 'auto'.
        labels: What label numbers mean.
        ask: Whether somebody may be asked, given that stdin is a terminal.
        said_with: What the unit can be named with.

    Raises:
        InputError: The file is no room.
    """
    scene = load_scene(path, up=up, units=units, labels=labels)
    if scene.left_out:
        warn([f"{scene.left_out} of {path} are left out: their coordinates are NaN or infinite"])
    floor = scene.floor
    if floor is None or not floor.other_units:
        return scene
    heights = {name: floor.height_m / UNITS[floor.units] * UNITS[name] for name in (floor.units, *floor.other_units)}
    meant = " or ".join(f"{name} ({height:.1f} m high)" for name, height in heights.items())
    if not (ask and sys.stdin.isatty()):
        click.echo(f"warning: {path} may be in {meant}; {floor.units} is taken, say which with {said_with}", err=True)
        return scene
    choice = click.Choice(list(heights))
    unit = str(click.prompt(f"{path} may be in {meant}. Which", type=choice, default=floor.units, err=True))
    return scene if unit == floor.units else load_scene(path, up=up, units=unit, labels=labels)


def label_table(labels: str | None) -> Mapping[int, str] | Literal["ignore"] | None:
    """What `load_scene` asks for, from the option --labels."""
    if labels == "ignore":
        return "ignore"
    return None if labels is None else read_label_table(Path(labels))
