"""`motion-convert`: a motion.npz in, files of other tools out.

Heavy modules are imported inside the command, so that `--help` and mistakes in the arguments answer at once.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

from motion_preprocessing.command import SETTINGS, OneLineCommand
from motion_runtime.cli import UNITS, UP
from motion_runtime.formats.names import FORMATS

EPILOG = (
    "\b\nFormats:\n"
    + "".join(f"  {name:<12} {kind.summary}\n" for name, kind in FORMATS.items())
    + """  all          everything that needs no program of others

\b
Examples:
  motion-convert out/sample_000/motion.npz --to glb --scene ward.ply --out take_away/
  motion-convert out/sample_* --to amass,coco,omnifall --out labels/
  motion-convert dataset/ --to omnifall,ava --out labels/
  motion-convert out/sample_* --to coco-2d --scene ward.ply --cameras cameras.json --out labels/
  motion-convert motion.npz --to glb --body SMPLX_NEUTRAL.npz --out smplx/
"""
)


@click.command(cls=OneLineCommand, epilog=EPILOG, context_settings=SETTINGS)
@click.argument("motions", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="MOTION...")
@click.option("--to", "formats", required=True, metavar="NAMES", help="Formats, separated by commas; see below.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make.")
@click.option("--scene", "scene_path", type=click.Path(path_type=Path), help="Room; default: the one in run.json.")
@click.option("--no-scene", is_flag=True, help="Show no room, and let nothing of it hide people.")
@click.option("--up", type=click.Choice(UP), default="auto", show_default=True, help="Axis of the room's file: up.")
@click.option("--units", type=click.Choice(UNITS), default="auto", show_default=True, help="Unit of the room's file.")
@click.option("--labels", metavar="FILE", help="What the room's label numbers mean, as .json; or 'ignore'.")
@click.option("--body", "body_path", type=click.Path(path_type=Path), help="SMPL, SMPL-H or SMPL-X file to show.")
@click.option("--cameras", "cameras_path", type=click.Path(path_type=Path), metavar="FILE",
              help="Calibrated cameras, .json, whose pictures coco-2d, ava ... are of.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an --out that an earlier run wrote.")
@click.option("--json", "as_json", is_flag=True, help="Say what was written as one JSON object, for programs.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors.")
@click.version_option(version("scene-motion"), prog_name="motion-convert")
def main(
    motions: tuple[Path, ...],
    formats: str,
    out: Path,
    scene_path: Path | None,
    no_scene: bool,
    up: str,
    units: str,
    labels: str | None,
    body_path: Path | None,
    cameras_path: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write generated motion in the formats of other tools.

    MOTION is a motion.npz or a folder that holds motions, such as that of a run or of many jobs. One motion's files are
    put into --out itself, those of several into a folder each, named after the motion's folder: of jobs
    'fall_bed/sample_000'. Nothing is written unless all of it is.
    """
    if scene_path is None and (up, units, labels) != ("auto", "auto", None):
        raise click.UsageError("expected --scene beside --up, --units or --labels, got none; name the room's file")
    if no_scene and scene_path is not None:
        raise click.UsageError("expected --scene or --no-scene, got both; leave one out")
    if as_json and quiet:
        raise click.UsageError("expected one of --json and --quiet, got both; choose one")
    from motion_runtime.convert_command import convert

    convert(
        motions,
        formats,
        out,
        scene_path=scene_path,
        with_scene=not no_scene,
        up=up,
        units=units,
        labels=labels,
        body_path=body_path,
        cameras_path=cameras_path,
        overwrite=overwrite,
        saying="json" if as_json else "quiet" if quiet else "text",
    )
