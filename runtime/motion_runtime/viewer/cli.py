"""`motion-view`: a page to look at motions in their room; a file, or served to this machine.

Heavy modules are imported inside the command, so that `--help` and mistakes in the arguments answer at once.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

from motion_preprocessing.command import SETTINGS, OneLineCommand

EXAMPLES = """\b
Examples:
  motion-view walk/
  motion-view falls/sample_003 --out fall.html
  motion-view walk/sample_000/motion.npz --scene ward.ply --up z --units m
  motion-view walk/ --serve 8000
"""
UP = ("auto", "z", "y", "x", "-z", "-y", "-x")
UNITS = ("auto", "m", "cm", "mm", "ft", "in")


@click.command(cls=OneLineCommand, epilog=EXAMPLES, context_settings=SETTINGS)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--scene", "scene_path", type=click.Path(path_type=Path), help="Room; default: the one in run.json.")
@click.option("--no-scene", is_flag=True, help="Show no room.")
@click.option("--up", type=click.Choice(UP), default="auto", show_default=True, help="Axis of its file that is up.")
@click.option("--units", type=click.Choice(UNITS), default="auto", show_default=True, help="Unit of its file.")
@click.option("--labels", metavar="FILE", help='What label numbers mean, as .json: {"4": "bed"}; or \'ignore\'.')
@click.option("--out", type=click.Path(path_type=Path), help="File to write; default: view.html beside the motion.")
@click.option("--overwrite", is_flag=True, help="Replace --out even if it is no such page.")
@click.option("--serve", "port", type=click.IntRange(0, 65535), help="Write nothing, serve on 127.0.0.1; 0 = any port.")
@click.option("--open/--no-open", "open_it", default=True, help="Open the page in a browser.  [default: open]")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but warnings, errors and --serve's address.")
@click.version_option(version("scene-motion"), prog_name="motion-view")
def main(
    path: Path,
    scene_path: Path | None,
    no_scene: bool,
    up: str,
    units: str,
    labels: str | None,
    out: Path | None,
    overwrite: bool,
    port: int | None,
    open_it: bool,
    quiet: bool,
) -> None:
    """Show motions in their room in a browser: PATH is a motion.npz, a sample's folder or a folder of samples."""
    if no_scene and scene_path is not None:
        raise click.UsageError("expected --scene or --no-scene, got both; leave one out")
    if no_scene and (up, units, labels) != ("auto", "auto", None):
        raise click.UsageError("expected a room beside --up, --units or --labels, got --no-scene; leave it out")
    if port is not None and (out is not None or overwrite):
        raise click.UsageError("expected --serve or --out, got both; --serve writes no file")
    from motion_runtime.viewer.view_command import view

    view(
        path,
        scene_path=scene_path,
        with_scene=not no_scene,
        up=up,
        units=units,
        labels=labels,
        out=out,
        overwrite=overwrite,
        port=port,
        open_it=open_it,
        quiet=quiet,
    )
