"""`motion-preprocess`: turns recordings into what training and generation read."""

from __future__ import annotations

from pathlib import Path

import click

from motion_preprocessing.command import SETTINGS, OneLineGroup


@click.group(cls=OneLineGroup, context_settings=SETTINGS)
@click.version_option(package_name="scene-motion", prog_name="motion-preprocess")
def cli() -> None:
    """Prepare recordings: motion capture, bodies, scenes, video."""


@cli.command()
@click.argument("data_dir", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--fps", type=click.FloatRange(5, 120), default=20.0, show_default=True, help="Frame rate to write.")
@click.option(
    "--falls",
    type=click.Path(path_type=Path),
    help="A file of simulated falls (.npz) to read too; 'motion-preprocess simulate' makes others.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Take only the first so many captures and falls.")
def mocap(data_dir: Path, out: Path, fps: float, falls: Path | None, limit: int | None) -> None:
    """Retarget the captures of DATA_DIR (manifest.csv, BVH, ASF/AMC) and write the dataset folder OUT."""
    # Imported here so that other subcommands and --help stay quick.
    from motion_preprocessing.mocap_command import run_mocap

    run_mocap(data_dir, out, fps=fps, falls=falls, limit=limit)


_fps = click.option(
    "--fps", type=click.FloatRange(5, 120), default=20.0, show_default=True, help="Frame rate to write."
)
_limit = click.option("--limit", type=click.IntRange(min=1), help="Take only the first so many takes.")
_splits = click.option("--split", "splits", multiple=True, help="train, val or test; repeatable  [default: all lists]")
_skip_bad = click.option("--skip-bad", is_flag=True, help="Report a bad take and go on, instead of stopping.")


@cli.command()
@click.argument("data_dir", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@_fps
@_splits
@click.option("--motion", default="auto", show_default=True, help="joints, features, or auto: what a take has.")
@click.option("--mirror", default="skip", show_default=True, help="Takes marked M: skip, files (read), make (mirror).")
@_limit
@_skip_bad
def humanml3d(
    data_dir: Path, out: Path, fps: float, splits: tuple[str, ...], motion: str, mirror: str, limit: int | None,
    skip_bad: bool,
) -> None:  # fmt: skip
    """Read HumanML3D (new_joints or new_joint_vecs, texts, split lists) and write the dataset folder OUT."""
    from motion_preprocessing.readers.command import run_reader
    from motion_preprocessing.readers.humanml3d import HumanML3D, HumanML3DOptions

    options = HumanML3DOptions(motion=motion, mirror=mirror, splits=splits)
    run_reader(HumanML3D(data_dir, options), out, fps=fps, limit=limit, skip_bad=skip_bad)


@cli.command()
@click.argument("data_dir", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@_fps
@_splits
@click.option("--motion", default="auto", show_default=True, help="processed, parameters, or auto: what is there.")
@_limit
@_skip_bad
def interhuman(
    data_dir: Path, out: Path, fps: float, splits: tuple[str, ...], motion: str, limit: int | None, skip_bad: bool
) -> None:
    """Read InterHuman (motions_processed or motions, annots, split lists) and write the dataset folder OUT."""
    from motion_preprocessing.readers.command import run_reader
    from motion_preprocessing.readers.interhuman import InterHuman

    run_reader(InterHuman(data_dir, splits, motion), out, fps=fps, limit=limit, skip_bad=skip_bad)


@cli.command()
@click.argument("data_dir", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@_fps
@_limit
@_skip_bad
def amass(data_dir: Path, out: Path, fps: float, limit: int | None, skip_bad: bool) -> None:
    """Read AMASS (.npz of SMPL-H or SMPL-X parameters, in any depth) and write the dataset folder OUT."""
    from motion_preprocessing.readers.amass import Amass
    from motion_preprocessing.readers.command import run_reader

    run_reader(Amass(data_dir), out, fps=fps, limit=limit, skip_bad=skip_bad)


@cli.command()
@click.argument("captures", type=click.Path(path_type=Path))
def validate(captures: Path) -> None:
    """Check the captures in and below CAPTURES; every fault is a line with its file and field."""
    from motion_preprocessing.captures.commands import run_validate

    run_validate(captures)


@cli.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--captures", type=click.IntRange(min=1), default=10, show_default=True, help="How many to make.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Other seed, other captures.")
@click.option(
    "--pitch", type=click.FloatRange(0, 80), nargs=2, default=(0.0, 60.0), show_default=True,
    help="How far the camera looks down, degrees: from and to, spread evenly.",
)
@click.option("--frames", type=click.IntRange(min=1), default=100, show_default=True, help="Frames of each, 10 a s.")
@click.option(
    "--depth-noise", type=click.FloatRange(0, 0.5), default=0.03, show_default=True, help="Relative standard deviation."
)
@click.option(
    "--occlusion", type=click.FloatRange(0, 1), default=0.2, show_default=True,
    help="Share of frames in which people are hidden, as far as their ways allow.",
)
@click.option("--swapped", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Share of poses.")
@click.option("--missing", type=click.FloatRange(0, 1), default=0.03, show_default=True, help="Share of poses.")
@click.option(
    "--depth-correlation", type=click.FloatRange(min=0), default=0.0, show_default=True,
    help="Size of the patches that depth noise comes in, pixels; 0: each by itself.",
)
@click.option("--swap-alike", is_flag=True, help="Swap people too who look alike in the picture.")
@click.option("--motions", type=click.Path(path_type=Path), help="Processed dataset of motions  [default: walks]")
def synthesise(
    out: Path, captures: int, seed: int, pitch: tuple[float, float], frames: int, depth_noise: float, occlusion: float,
    swapped: float, missing: float, depth_correlation: float, swap_alike: bool, motions: Path | None,
) -> None:  # fmt: skip
    """Write synthetic captures with ground truth to OUT, in the format of real ones."""
    from motion_preprocessing.captures.commands import run_synthesise
    from motion_preprocessing.captures.synthetic import SyntheticConfig

    config = SyntheticConfig(
        frames=frames, key_frames=min(5, frames), pitch_deg=pitch, depth_noise=depth_noise, occlusion=occlusion,
        swapped=swapped, missing=missing, depth_correlation_px=depth_correlation, swap_alike=swap_alike,
    )
    run_synthesise(out, captures=captures, seed=seed, motions=motions, config=config)


@cli.command()
@click.argument("frames", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--model", required=True, type=click.Path(path_type=Path), help="Monocular depth model (.onnx).")
@click.option("--kind", required=True, help="What its numbers are: disparity, metric, depth, focal_metric.")
@click.option("--unit-m", type=float, default=1.0, show_default=True, help="Metres of one unit, for metric kinds.")
@click.option(
    "--short-side", type=int, default=518, show_default=True, help="Pixels shown to a model that takes any size."
)
@click.option("--multiple", type=int, default=14, show_default=True, help="Its sides are multiples of this.")
@click.option("--mean", type=float, nargs=3, help="Taken off red, green, blue in 0..1  [default: ImageNet's]")
@click.option("--std", type=float, nargs=3, help="Red, green, blue are divided by this  [default: ImageNet's]")
@click.option("--output", default="", help="Output of the graph that is the map  [default: the first]")
@click.option("--threads", type=click.IntRange(min=0), default=0, help="Of the CPU  [default: all]")
@click.option("--overwrite", is_flag=True, help="Make maps anew that are there already.")
@click.option("--preview", is_flag=True, help="Write a grey picture beside each map; near is light.")
def depth(
    frames: Path, out: Path, model: Path, kind: str, unit_m: float, short_side: int, multiple: int,
    mean: tuple[float, float, float] | None, std: tuple[float, float, float] | None, output: str, threads: int,
    overwrite: bool, preview: bool,
) -> None:  # fmt: skip
    """Run a depth model on the pictures FRAMES (a folder or one file) and write a map each (.npz) into OUT."""
    from motion_preprocessing.depth.command import run_depth
    from motion_preprocessing.depth.model import IMAGENET_MEAN, IMAGENET_STD, DepthModelConfig

    config = DepthModelConfig(
        kind, unit_m, short_side, multiple, mean or IMAGENET_MEAN, std or IMAGENET_STD, output, threads
    )
    run_depth(frames, out, model, config, overwrite=overwrite, preview=preview)


@cli.command("captures")
@click.argument("captures", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True, help="Processes; 0: this one.")
@click.option("--fps", type=click.FloatRange(5, 120), default=20.0, show_default=True, help="Frame rate to write.")
@click.option("--floor", default="orthogonal", show_default=True, help="orthogonal, or thesis (z over x and y).")
@click.option("--occlusion-rule", default="nearest", show_default=True, help="nearest or assignment.")
@click.option(
    "--max-reprojection", type=click.FloatRange(min=0), default=0.10, show_default=True,
    help="Poses farther from their annotation than this part of the box's diagonal are dropped.",
)
@click.option(
    "--placement", default="room", show_default=True,
    help="room: pixels, depth, floor; predicted: as given; assumed: as given, with HMR2's own focal length.",
)
@click.option(
    "--smoothing", type=click.FloatRange(min=0), default=1.0, show_default=True,
    help="Weight of the data against constant velocity; smaller is smoother, 0 is off.",
)
@click.option("--licence", default="unstated", show_default=True, help="Licence terms to write with the sequences.")
@click.option("--debug-plots", is_flag=True, help="Pictures of each capture: joints over frames, depth, aligned cloud.")
def lift_captures(
    captures: Path, out: Path, workers: int, fps: float, floor: str, occlusion_rule: str, max_reprojection: float,
    placement: str, smoothing: float, licence: str, debug_plots: bool,
) -> None:  # fmt: skip
    """Lift the annotated video in CAPTURES to motion in metric rooms: OUT/dataset, OUT/captures, OUT/report.md."""
    from motion_preprocessing.captures.captures_command import run_captures
    from motion_preprocessing.captures.lifting import LiftConfig

    config = LiftConfig(
        fps=fps, floor=floor, occlusion=occlusion_rule, max_reprojection=max_reprojection, placement=placement,
        smoothing=smoothing,
    )
    run_captures(captures, out, workers=workers, config=config, licence=licence, debug_plots=debug_plots)


@cli.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--furniture", type=click.Path(path_type=Path), help="Folder with furniture.npz and furniture.json.")
@click.option("--count", type=click.IntRange(1, 100), default=12, show_default=True, help="Windows to draw.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--name", help="Only sequences with this in their name or label, or of this action.")
@click.option("--used", is_flag=True, help="Draw only windows in which furniture is used.")
def furnish(
    dataset: Path, out: Path, furniture: Path | None, count: int, seed: int, name: str | None, used: bool
) -> None:
    """Furnish windows of the motions in DATASET as training does, and draw some of them into OUT (.png)."""
    from motion_preprocessing.furnishing.command import run_furnish

    run_furnish(dataset, out, furniture=furniture, count=count, seed=seed, name=name, used_only=used)


@cli.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--starts", required=True, type=click.Path(path_type=Path), help="Dataset of recordings that clips start from."
)
@click.option("--count", type=click.IntRange(min=1), default=300, show_default=True, help="Clips to keep.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Other seed, other clips.")
@click.option(
    "--kinds",
    multiple=True,
    help="falls, keyposes, care, layered, or one kind such as trip; repeatable  [default: all]",
)
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True, help="Processes; 0: this one.")
@click.option("--sheets", type=click.Path(path_type=Path), help="Folder for contact sheets (.png).")
@click.option("--tracked", is_flag=True, help="Key poses of sitting, lying, getting up are done by a body.")
def simulate(
    out: Path, starts: Path, count: int, seed: int, kinds: tuple[str, ...], workers: int, sheets: Path | None,
    tracked: bool,
) -> None:  # fmt: skip
    """Simulate falls, lying down, getting up, helping, waving, wheelchairs; write the dataset folder OUT."""
    from motion_preprocessing.simulation.command import run_simulate

    run_simulate(out, starts, count=count, seed=seed, kinds=kinds, workers=workers, sheets=sheets, tracked=tracked)


@cli.command()
@click.argument("datasets", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def merge(datasets: tuple[Path, ...], out: Path) -> None:
    """Make one dataset, OUT, of several processed DATASETS of one frame rate."""
    from motion_preprocessing.merge import merge_datasets

    click.echo(f"{merge_datasets(datasets, out)} sequences in {out}")


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
