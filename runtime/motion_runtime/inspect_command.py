"""`motion-run inspect`: what a room file or a model bundle holds, before anything is made with it."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from motion_preprocessing.command import SETTINGS, OneLineCommand
from motion_preprocessing.errors import InputError

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene
    from motion_runtime.bundle import Bundle

EPILOG: Final = """\b
Examples:
  motion-run inspect room.ply
  motion-run inspect phone_scan.glb --picture plan.png
  motion-run inspect room.ply --cameras cameras.json
  motion-run inspect room.ply --units mm --json --no-picture
  motion-run inspect bundle/
"""
_UP: Final = ("auto", "z", "y", "x", "-z", "-y", "-x")
_UNITS: Final = ("auto", "m", "cm", "mm", "ft", "in")
_WIDTH: Final = 110
"""Columns that a bundle's summary is wrapped to."""


@click.command(cls=OneLineCommand, epilog=EPILOG, context_settings=SETTINGS)
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--scene", "room", type=click.Path(path_type=Path), help="The room, instead of PATH.")
@click.option("--up", type=click.Choice(_UP), default="auto", show_default=True, help="Axis of the file that is up.")
@click.option("--units", type=click.Choice(_UNITS), default="auto", show_default=True, help="Unit of the file.")
@click.option("--labels", metavar="FILE", help="What label numbers mean, as .json; or 'ignore'.")
@click.option("--picture", type=click.Path(path_type=Path), help="Plan to write; default: NAME_plan.png, here.")
@click.option("--no-picture", is_flag=True, help="Write no plan.")
@click.option("--cameras", "cameras_path", type=click.Path(path_type=Path), metavar="FILE",
              help="Camera file: the room as each camera sees it, NAME_CAMERA.png, beside the plan.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def inspect(
    path: Path | None,
    room: Path | None,
    up: str,
    units: str,
    labels: str | None,
    picture: Path | None,
    no_picture: bool,
    cameras_path: Path | None,
    as_json: bool,
) -> None:
    """Say what a ROOM file or a BUNDLE folder holds.

    Of a room: floor, extents, unit, free floor, the things that were found, and a plan of it all as a picture. Of a
    bundle: people, lengths, precisions, licence, what it was trained on, and its figures.
    """
    if path and room:
        raise InputError(f"expected one thing to look at, got {path} and --scene {room}; name one of them")
    path = path or room
    if path is None:
        raise InputError("expected a room's file or a bundle's folder, got neither; name one")
    if path.is_dir():
        if cameras_path is not None:
            raise InputError(f"expected a room beside --cameras, got the folder {path}; name the room's file")
        from motion_runtime.bundle import Bundle

        bundle = Bundle.open(path)
        found = describe_bundle(bundle)
        lines = _bundle_lines(found)
    else:
        from motion_runtime.room_plan import draw_room_plan
        from motion_runtime.room_units import label_table, load_room

        scene = load_room(path, up=up, units=units, labels=label_table(labels), ask=not as_json)
        found = {"file": str(path), **describe_room(scene)}
        if not no_picture:
            place = picture or Path(f"{path.stem}_plan.png")
            draw_room_plan(place, scene)
            found["picture"] = str(place)
        if cameras_path is not None:
            from motion_runtime.views.camera_file import read_cameras
            from motion_runtime.views.hardly_seen import hardly_any_floor
            from motion_runtime.views.room_picture import draw_room_picture

            found["cameras"] = {}
            cameras = read_cameras(cameras_path, scene)
            for warning in hardly_any_floor(cameras, scene):
                click.echo(f"warning: {warning}", err=True)
            for camera in cameras:
                place = (picture or Path()).parent / f"{path.stem}_{camera.name}.png"
                draw_room_picture(place, camera, scene)
                found["cameras"][camera.name] = str(place)
        lines = _room_lines(found)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))


def describe_room(scene: Scene) -> dict[str, Any]:
    """What was understood of a room, as plain values."""
    import numpy as np

    from motion_preprocessing.occupancy import FreeSpace
    from motion_preprocessing.scene import wall_planes

    low, high = np.percentile(scene.points_m.astype(np.float64), [0.5, 99.5], axis=0)
    try:
        space = FreeSpace.from_scene(scene)
        floor_m2, free_m2 = (float(mask.sum()) * space.cell_m**2 for mask in (space.floor, space.free))
    except InputError:
        floor_m2 = free_m2 = 0.0
    floor = scene.floor
    return {
        "points": len(scene),
        "up": None if floor is None else floor.up,
        "units": None if floor is None else floor.units,
        "tilt_deg": None if floor is None else round(floor.tilt_deg, 2),
        "low_m": [round(float(value), 3) for value in low],
        "high_m": [round(float(value), 3) for value in high],
        "floor_m2": round(floor_m2, 2),
        "free_m2": round(free_m2, 2),
        "walls": len(wall_planes(scene.points_m)),
        "colors": scene.colors is not None,
        "labelled_share": round(float((scene.labels >= 0).mean()), 3),
        "objects": [
            {
                "number": thing.number,
                "name": thing.name,
                "class": thing.object_class,
                "by": "label" if thing.labelled else "shape",
                "label": scene.label_names[scene.labels[thing.members[0]]] if thing.labelled else None,
                "centre_m": [round(value, 2) for value in thing.centre_m],
                "size_m": [round(value, 2) for value in thing.size_m],
                "surface_m": None if thing.level_m is None else round(thing.level_m, 2),
            }
            for thing in scene.furniture
        ],
    }


def describe_bundle(bundle: Bundle) -> dict[str, Any]:
    """What a bundle says of itself, as plain values."""
    manifest = bundle.manifest
    return {
        "folder": str(bundle.folder),
        "name": manifest.name,
        "sha256": bundle.sha256,
        "format_version": manifest.format_version,
        "people": list(manifest.people),
        "frames": list(manifest.frames),
        "fps": manifest.fps,
        "seconds": round(max(manifest.frames) / manifest.fps, 2),
        "branches": list(manifest.branches),
        "batch": manifest.batch,
        "precisions": list(manifest.precisions),
        "sampler": manifest.default.sampler,
        "steps": manifest.default.steps,
        "guidance": manifest.default.guidance,
        "guidance_interval": list(manifest.default.guidance_interval),
        "scene_tokens": manifest.scene_tokens,
        "person_classes": list(manifest.person_classes),
        "prompt_tokens": manifest.text.context_length,
        "megabytes": round(sum((bundle.folder / name).stat().st_size for name in manifest.files) / 1e6, 1),
        "licence": manifest.licence,
        "credits": manifest.credits,
        "training": dict(manifest.training),
        "parity": dict(manifest.parity),
        "summary": dict(manifest.summary),
    }


def _room_lines(found: dict[str, Any]) -> list[str]:
    size = [high - low for low, high in zip(found["low_m"], found["high_m"], strict=True)]
    labelled = f"{found['labelled_share']:.0%} labelled" if found["labelled_share"] else "no labels"
    lines = [
        f"{found['file']}: {found['points']:,} points, {'coloured' if found['colors'] else 'no colours'}, {labelled}",
        f"  read as   {found['up']} up, in {found['units']}, tilted by {found['tilt_deg']:.1f} degrees "
        "(settle it with --up, --units)",
        f"  extents   x {found['low_m'][0]:z.2f} to {found['high_m'][0]:z.2f} m, y {found['low_m'][1]:z.2f} to "
        f"{found['high_m'][1]:.2f} m, {size[2]:.2f} m high",
        f"  floor     {found['floor_m2']:.1f} square metres, {found['free_m2']:.1f} of them free to stand on; "
        f"{found['walls']} outer walls",
        f"  things    {len(found['objects'])}{'' if found['objects'] else ': none was found'}",
    ]
    for thing in found["objects"]:
        length, width, height = thing["size_m"]
        surface = "" if thing["surface_m"] is None else f", level surface at {thing['surface_m']:.2f} m"
        # A name that is none of the model's classes is shown, so that one sees what a table of labels has to say.
        own = f" '{thing['label']}'" if thing["label"] is not None and thing["class"] == "other" else ""
        lines.append(
            f"    {thing['number']:>2}  {thing['name']:<12} at {thing['centre_m'][0]:6.2f},{thing['centre_m'][1]:6.2f}"
            f"  {length:.2f} x {width:.2f} m, {height:.2f} m high{surface} (by {thing['by']}{own})"
        )
    if "picture" in found:
        lines.append(f"  picture   {found['picture']}")
    for name, place in found.get("cameras", {}).items():
        lines.append(f"  camera    {name}: {place}, to be laid beside a picture of its own")
    return lines


def _bundle_lines(found: dict[str, Any]) -> list[str]:
    def flat(values: dict[str, Any]) -> str:
        return ", ".join(
            f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in values.items()
            if isinstance(value, (str, int, float))
        )

    low, high = found["guidance_interval"]
    when = "" if (low, high) == (0, 1) else f" in steps {low:.0%} to {high:.0%}"
    together = "" if found["batch"] == 1 else f", {found['batch']} requests in a call"
    lines = [
        f"{found['folder']}: {found['name']}, format {found['format_version']}, {found['megabytes']} MB, "
        f"sha256 {found['sha256'][:12]}",
        f"  people      {', '.join(map(str, found['people']))} ({', '.join(found['person_classes'])})",
        f"  length      up to {found['seconds']:g} s a window at {found['fps']:g} frames a second",
        f"  precisions  {', '.join(found['precisions'])}{together}",
        f"  sampling    {found['sampler']}, {found['steps']} steps, guidance {found['guidance']:g}{when}, "
        f"{' and '.join(map(str, found['branches']))} branches",
        f"  reads       {found['prompt_tokens']} tokens of a prompt, {found['scene_tokens']} groups of a room's points",
        f"  licence     {' '.join(found['licence'].split())}",
        f"  credits     {' '.join(found['credits'].split())}",
    ]
    more = [title for title in ("training", "parity") if found[title]]
    lines += [f"  {title:<10}  {flat(found[title]) or 'see --json'}" for title in more]
    if found["summary"]:
        lines.append("  what its makers say of it")
    for name, text in found["summary"].items():
        lines += [f"    {name}", *textwrap.wrap(text, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)]
    return lines
