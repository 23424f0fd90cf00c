"""`motion-bench`: measure a bundle on this machine.

Heavy modules are imported inside the command, so that `--help` answers at once.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

from motion_preprocessing.command import SETTINGS, OneLineCommand

EXAMPLES = """\b
Examples:
  motion-bench
  motion-bench --people 1 --frames 120 --rounds 10 --no-cold --bulk 0
  motion-bench --bundle my_bundle/ --json bench.json --plot bench.png
"""


def _integers(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Parse '1,2'."""
    try:
        numbers = tuple(int(part) for part in value.split(",")) if value else ()
    except ValueError:
        raise click.BadParameter(f"expected whole numbers such as 1,2, got '{value}'; correct it") from None
    return numbers


def _words(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Parse 'a,b'."""
    return tuple(part.strip() for part in value.split(",")) if value else ()


@click.command(cls=OneLineCommand, epilog=EXAMPLES, context_settings=SETTINGS)
@click.option("--bundle", type=click.Path(path_type=Path), help="Model bundle; default: the built-in one.")
@click.option("--people", callback=_integers, metavar="P,..", help="Kernels to measure; default: all of the bundle.")
@click.option("--frames", callback=_integers, metavar="T,..", help="The same by frames.")
@click.option("--provider", "providers", callback=_words, metavar="NAME,..", help="Default: all that work here.")
@click.option("--precision", "precisions", callback=_words, metavar="NAME,..", help="Default: all of the bundle.")
@click.option("--threads", type=click.IntRange(1), help="Default: as many as the process is granted cores.")
@click.option("--rounds", type=click.IntRange(1), default=30, show_default=True, help="Rounds of the step times.")
@click.option(
    "--seconds", type=click.FloatRange(0, 3600, min_open=True), default=6.0, show_default=True,
    help="Length of whole motions.",
)  # fmt: skip
@click.option("--cold/--no-cold", default=True, show_default=True, help="Start new processes too.")
@click.option("--bulk", type=click.IntRange(0), default=8, show_default=True, help="Motions to make in bulk; 0 = none.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path), help="Write the figures as JSON; '-' prints them."
)
@click.option("--plot", type=click.Path(path_type=Path), help="Write a picture of the step times, .png.")
@click.version_option(version("scene-motion"), prog_name="motion-bench")
def main(
    bundle: Path | None,
    people: tuple[int, ...],
    frames: tuple[int, ...],
    providers: tuple[str, ...],
    precisions: tuple[str, ...],
    threads: int | None,
    rounds: int,
    seconds: float,
    cold: bool,
    bulk: int,
    json_path: Path | None,
    plot: Path | None,
) -> None:
    """Measure how fast a bundle runs on this machine, and print a table to paste."""
    from motion_runtime.bench.command import bench

    bench(
        bundle,
        people=people,
        frames=frames,
        providers=providers,
        precisions=precisions,
        threads=threads,
        rounds=rounds,
        seconds=seconds,
        cold=cold,
        bulk=bulk,
        json_path=json_path,
        plot=plot,
    )
