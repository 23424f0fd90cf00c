"""`motion-preprocess`: turns recordings into what training and generation read."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from motion_preprocessing.errors import MotionError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Prepare recordings: motion capture, bodies, scenes, video."""


@cli.command()
@click.argument("data_dir", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--fps", type=click.FloatRange(5, 120), default=20.0, show_default=True, help="Frame rate to write.")
@click.option(
    "--falls",
    type=click.Path(path_type=Path),
    help="Simulated falls (.npz)  [default: DATA_DIR/simulated_falls.npz where it exists]",
)
@click.option("--limit", type=click.IntRange(min=1), help="Take only the first so many captures and falls.")
def mocap(data_dir: Path, out: Path, fps: float, falls: Path | None, limit: int | None) -> None:
    """Retarget the captures of DATA_DIR (manifest.csv, BVH, ASF/AMC) and write the dataset folder OUT."""
    # Imported here so that other subcommands and --help stay quick.
    from motion_preprocessing.mocap_command import run_mocap

    run_mocap(data_dir, out, fps=fps, falls=falls, limit=limit)


def main() -> None:
    """Run the command line; errors of the project become one line on stderr and their exit code."""
    try:
        cli(standalone_mode=False)
    except MotionError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("error: interrupted; nothing was written", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
