"""`motion-run`: a prompt, people and a room in; labelled motion out.

Heavy modules are imported inside the command, so that `--help` and mistakes in the arguments answer at once.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import click
from click.core import ParameterSource

from motion_preprocessing.command import SETTINGS
from motion_runtime.run_help import EXIT_CODES, RunCommand

EXAMPLES = """\b
Examples:
  motion-run --prompt "a person walks forward and sits down" --out walk/
  motion-run --scene ward.ply --prompt "a person falls" --person patient --num-samples 8 --out falls/
  motion-run --scene ward.ply --person staff --person patient \\
             --prompt "walks forward" --prompt "stands up from the bed" --out pair/
  motion-run --scene phone_scan.ply --up y --units cm --labels ignore --prompt "a person turns left" --out turn/
  motion-run --scene ward.ply --prompt "someone waves" --start 1.5,2 --heading 90 --seed 7 --out wave/
  motion-run --scene ward.ply --prompt "a person walks to the chair and sits down" --goal chair --out sit/
  motion-run --prompt "4s: a person walks | 5s: a person sits down" --out long/
  motion-run --prompt "a person walks" --path "0:0,0 3:2,0 6:2,2" --out way/
  motion-run --jobs jobs.jsonl --out dataset/
"""
# Written out, since importing them from `motion_preprocessing.floor` would load numpy; a test compares them.
UP = ("auto", "z", "y", "x", "-z", "-y", "-x")
UNITS = ("auto", "m", "cm", "mm", "ft", "in")


# What a run of jobs takes from the command line; everything else stands in the job file.
WITH_JOBS = (
    "jobs", "out", "bundle", "provider", "precision", "batch", "formats", "preview", "no_preview", "overwrite",
    "keep_going", "dry_run", "as_json", "quiet", "verbose",
)  # fmt: skip
# What a run of jobs has no use for, nor its file.
OF_ONE_RUN = ("view", "open_view")


def _point(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Parse 'x,y' or 'x,y,yaw'."""
    if value is None:
        return None
    try:
        numbers = tuple(float(part) for part in value.split(","))
        if len(numbers) not in (2, 3):
            raise ValueError(value)
    except ValueError:
        raise click.BadParameter(
            f"expected two numbers 'x,y' in metres, or three with the degrees faced, got '{value}'; write --start 1.5,2"
        ) from None
    return numbers


def _interval(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Parse 'lo,hi'."""
    if value is None:
        return None
    try:
        low, high = (float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"expected two numbers 'lo,hi' within 0 and 1, got '{value}'; write 0.2,0.8") from None
    return low, high


def _check_beside_jobs(ctx: click.Context) -> None:
    """Refuse options that would have to be every job's."""
    for option in ctx.command.params:
        given = option.name is not None and ctx.get_parameter_source(option.name) == ParameterSource.COMMANDLINE
        if given and option.name in OF_ONE_RUN:
            raise click.UsageError(
                f"expected options for many motions, got {option.opts[0]} beside --jobs; leave it away"
            )
        if given and option.name not in WITH_JOBS:
            raise click.UsageError(
                f"expected what is to be made in the job file, got {option.opts[0]} beside --jobs; write it there"
            )


@click.command(cls=RunCommand, epilog=f"{EXAMPLES}\n{EXIT_CODES}", context_settings=SETTINGS)
@click.option("--prompt", "prompts", multiple=True,
              help="What happens; once for all, or once a person. Parts in time: 'walks | 4s: sits down'.")  # fmt: skip
@click.option("--jobs", type=click.Path(path_type=Path), help="Make every motion that a .jsonl or .csv file lists.")
@click.option("--keep-going/--stop-on-failure", default=True, help="Skip a job that fails.  [default: keep going]")
@click.option("--person", "persons", multiple=True,
              help="A person: person, staff or patient; repeat for each; default: who is named.")  # fmt: skip
@click.option("--scene", "scene_path", type=click.Path(path_type=Path), help="Room: .ply, .obj, .glb, .npz or .npy.")
@click.option("--up", type=click.Choice(UP), default="auto", show_default=True, help="Axis of the file that is up.")
@click.option("--units", type=click.Choice(UNITS), default="auto", show_default=True, help="Unit of the file.")
@click.option("--labels", metavar="FILE", help="What label numbers mean, as .json: {\"4\": \"bed\"}; or 'ignore'.")
@click.option("--seconds", type=float, default=6.0, show_default=True, help="Length of the motion.")
@click.option("--num-samples", type=click.IntRange(1, 1000), default=1, show_default=True, help="Motions to make.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same bytes.")
@click.option("--start", metavar="X,Y[,YAW]", callback=_point,
              help="Where the first person starts, metres, degrees; default: near what the prompt names.")  # fmt: skip
@click.option("--heading", type=float, help="Where they face, degrees: 0 = +x, 90 = +y; default: chosen.")
@click.option("--goal", "goals", multiple=True, metavar="X,Y|THING",
              help="Where a person ends: a place, 'chair 2', 'object 3' ...; once a person, '-' for none.")  # fmt: skip
@click.option("--sampler", type=click.Choice(["ddpm", "ddim", "dpm++", "sde-dpm++"]), help="Default: the bundle's.")
@click.option("--steps", type=int, help="Denoising steps; default: the bundle's.")
@click.option("--guidance", type=float, help="1 follows the prompt plainly, more exaggerates; default: the bundle's.")
@click.option("--guidance-text", type=float, help="The same for the prompt alone; default: as --guidance.")
@click.option("--guidance-scene", type=float, help="The same for the room alone; default: as --guidance.")
@click.option("--guidance-interval", metavar="LO,HI", callback=_interval,
              help="Steps that guidance counts in: 0 = the first, 1 = the last; default: the bundle's.")  # fmt: skip
@click.option("--keyframes", multiple=True, type=click.Path(path_type=Path), help="Joints known at some times, .npz.")
@click.option("--start-pose", metavar="FILE[@S]", help="First pose: a motion.npz's last one, or the one at S seconds.")
@click.option("--end-pose", metavar="FILE[@S]", help="Last pose: a motion.npz's first one, or the one at S seconds.")
@click.option("--hold", "holds", multiple=True, metavar="PART=FILE[@S]",
              help="Move arms, legs, lower_body ... as in a motion.npz, or keep them as there at S.")  # fmt: skip
@click.option("--path", "paths", multiple=True, metavar="'T:X,Y[,YAW] ...'",
              help="Where a person is at some times, metres in the room; once a person, '-' for none.")  # fmt: skip
@click.option("--walls/--no-walls", default=True, show_default=True, help="Walls of the room hold people back.")
@click.option("--amounts/--no-amounts", default=True, show_default=True, help="'Two metres', '90 degrees' are kept to.")
@click.option("--plain/--no-plain", default=True, show_default=True, help="'Keels over' is read as 'falls', and so on.")
@click.option("--ways/--no-ways", default=True, show_default=True, help="Who is not told which way falls any way.")
@click.option("--ground/--no-ground", default=True, show_default=True, help="Nobody floats, sinks or falls too fast.")
@click.option("--feet/--no-feet", default=True, show_default=True, help="Feet that stand do not slide.")
@click.option("--use/--no-use", default=True, show_default=True, help="Who sits or lies is put on a seat or a bed.")
@click.option("--solid/--no-solid", default=True, show_default=True, help="Who is inside of things is moved out.")
@click.option("--hands/--no-hands", default=True, show_default=True, help="Who helps somebody has the hands on them.")
@click.option("--apart", type=float, default=0.45, show_default=True, help="People keep apart, metres; 0 = off.")
@click.option("--calibrate/--no-calibrate", default=True, show_default=True,
              help="Gives back what the network loses of quick movement.")  # fmt: skip
@click.option("--low-pass", type=float, default=0.045, show_default=True, help="Smooths what moves, seconds; 0 = off.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Model bundle; default: the built-in one.")
@click.option("--provider", default="auto", show_default=True, help="auto, cpu, openvino, cuda or tensorrt.")
@click.option("--precision", default="auto", show_default=True, help="auto, fp32, fp16, int8 or bf16 (OpenVINO).")
@click.option("--batch/--no-batch", default=None,
              help="Jobs share calls of the network.  [default: on a GPU, if the bundle can]")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make, one sub-folder a sample.")
@click.option("--preview", type=click.Choice(["body", "stick", "mp4", "none"]), is_flag=False, flag_value="body",
              help="Pictures as well, of bodies or sticks, or a video.  [default: body; none with --jobs]")  # fmt: skip
@click.option("--no-preview", is_flag=True, help="The same as --preview none.")
@click.option("--formats", default="npz,bvh", show_default=True, metavar="NAMES",
              help="Files to write: npz, bvh, glb, amass, coco ...; motion-convert --help lists them.")  # fmt: skip
@click.option("--cameras", "cameras_path", type=click.Path(path_type=Path), metavar="FILE",
              help="Calibrated cameras, .json, whose pictures coco-2d, ava ... are of.")  # fmt: skip
@click.option("--view", is_flag=True, help="Write view.html too, a page to look at the motions in 3D, and open it.")
@click.option("--open/--no-open", "open_view", default=True, help="Open that page in a browser.  [default: open]")
@click.option("--overwrite", is_flag=True, help="Replace an --out that an earlier run wrote.")
@click.option("--dry-run", is_flag=True, help="Check everything, say what would be made and with what, make nothing.")
@click.option("--json", "as_json", is_flag=True, help="Say it as one JSON object, for programs.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but warnings and errors.")
@click.option("--verbose", "-v", is_flag=True, help="Say first what will be made and with what.")
@click.version_option(version("scene-motion"), prog_name="motion-run")
@click.pass_context
def main(
    ctx: click.Context,
    prompts: tuple[str, ...],
    jobs: Path | None,
    keep_going: bool,
    persons: tuple[str, ...],
    scene_path: Path | None,
    up: str,
    units: str,
    labels: str | None,
    seconds: float,
    num_samples: int,
    seed: int,
    start: tuple[float, ...] | None,
    heading: float | None,
    goals: tuple[str, ...],
    sampler: str | None,
    steps: int | None,
    guidance: float | None,
    guidance_text: float | None,
    guidance_scene: float | None,
    guidance_interval: tuple[float, float] | None,
    keyframes: tuple[Path, ...],
    start_pose: str | None,
    end_pose: str | None,
    holds: tuple[str, ...],
    paths: tuple[str, ...],
    low_pass: float,
    walls: bool,
    calibrate: bool,
    amounts: bool,
    plain: bool,
    ways: bool,
    ground: bool,
    feet: bool,
    use: bool,
    solid: bool,
    hands: bool,
    apart: float,
    bundle: Path | None,
    provider: str,
    precision: str,
    batch: bool | None,
    out: Path,
    preview: str | None,
    no_preview: bool,
    formats: str,
    cameras_path: Path | None,
    view: bool,
    open_view: bool,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Generate labelled 3D human motion from text, in a scanned room.

    'motion-run inspect FILE' says what a room file or a model bundle holds.
    """
    # Before numpy is loaded: its products are small here, and threads of their own would stand in the network's way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    preview = "none" if no_preview else preview
    if as_json + quiet + verbose > 1:
        raise click.UsageError("expected one of --json, --quiet and --verbose, got several; choose one")
    saying = "json" if as_json else "quiet" if quiet else "verbose" if verbose else "text"
    if preview == "mp4":
        from motion_runtime.formats.video import with_video

        preview, formats = "body", with_video(formats)
    if jobs is not None:
        _check_beside_jobs(ctx)
        from motion_runtime.jobs.command import run_jobs

        run_jobs(
            jobs,
            out,
            bundle=bundle,
            provider=provider,
            precision=precision,
            preview=preview in ("body", "stick"),
            style="stick" if preview == "stick" else "body",
            formats=formats,
            batch=batch,
            keep_going=keep_going,
            overwrite=overwrite,
            dry_run=dry_run,
            saying=saying,
        )
        return
    if batch is not None:
        raise click.UsageError("expected --jobs beside --batch and --no-batch, got none; leave them away")
    if not prompts:
        raise click.UsageError("expected --prompt or --jobs, got neither; say what happens")
    if scene_path is None and (up, units, labels) != ("auto", "auto", None):
        raise click.UsageError("expected --scene beside --up, --units or --labels, got none; name the room's file")
    from motion_runtime.editing.options import edits_of
    from motion_runtime.motion import GenerationRequest
    from motion_runtime.people_named import as_named, people_named
    from motion_runtime.run_command import run

    given = len(prompts)
    prompts, persons = people_named(prompts, persons)
    if len(prompts) > given and saying in ("text", "verbose"):
        click.echo(as_named(prompts, persons), err=True)
    request = GenerationRequest(
        prompts=prompts,
        person_classes=persons,
        seconds=seconds,
        sampler=sampler,
        steps=steps,
        guidance=guidance,
        guidance_text=guidance_text,
        guidance_scene=guidance_scene,
        guidance_interval=guidance_interval,
        low_pass_s=low_pass,
        walls=walls,
        calibrate=calibrate,
        amounts=amounts,
        plain=plain,
        ways=ways,
        ground=ground,
        feet=feet,
        use=use,
        solid=solid,
        hands=hands,
        apart_m=apart,
        seed=seed,
        start_m=None if start is None else (start[0], start[1]),
        heading_deg=start[2] if start is not None and len(start) == 3 else heading,
        goals=goals,
        edits=edits_of(keyframes=keyframes, start_pose=start_pose, end_pose=end_pose, holds=holds, paths=paths),
    )
    run(
        request,
        num_samples,
        out,
        scene_path=scene_path,
        up=up,
        units=units,
        labels=labels,
        bundle=bundle,
        provider=provider,
        precision=precision,
        preview=preview != "none",
        style="stick" if preview == "stick" else "body",
        formats=formats,
        cameras_path=cameras_path,
        view=view,
        open_view=open_view,
        overwrite=overwrite,
        dry_run=dry_run,
        saying=saying,
    )
