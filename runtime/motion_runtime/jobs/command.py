"""What `motion-run --jobs` does: check everything, take the folder, make what is not there yet, write the index."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from motion_preprocessing.atomic_output import as_output_error
from motion_preprocessing.command import kept_when_stopped
from motion_preprocessing.counted import counted
from motion_preprocessing.errors import BundleError, InputError, MotionError, OutputError
from motion_runtime.backends.provider import CUDA, TENSORRT
from motion_runtime.formats.export import check_programs
from motion_runtime.formats.names import BY_CAMERAS, check_by_cameras, parse_formats
from motion_runtime.generator import Generator
from motion_runtime.jobs.finished import (
    DAMAGED,
    FINISHED,
    NEW,
    Settings,
    clear_unfinished,
    read_job_file,
    state_of,
    write_index,
)
from motion_runtime.jobs.lock import only_run
from motion_runtime.jobs.make import Outcome, make_jobs
from motion_runtime.jobs.plan import Planned, plan_jobs
from motion_runtime.jobs.rooms import Rooms
from motion_runtime.jobs.throughput import Throughput, shown
from motion_runtime.jobs.told import Teller
from motion_runtime.jobs.unfinished import Unfinished
from motion_runtime.preview import BODY
from motion_runtime.views.hardly_seen import WhoIsSeen
from motion_runtime.warn import warn


def run_jobs(
    path: Path,
    out: Path,
    *,
    bundle: Path | None = None,
    provider: str = "auto",
    precision: str = "auto",
    preview: bool = False,
    style: str = BODY,
    formats: str = "npz,bvh",
    batch: bool | None = None,
    keep_going: bool = True,
    overwrite: bool = False,
    dry_run: bool = False,
    saying: str = "text",
) -> None:
    """Make every job of a file, those excepted that an earlier run into the same folder has finished.

    Args:
        path: The job file.
        out: Folder to make or to go on in, a folder a job.
        bundle: Model bundle; None = the built-in one.
        provider: 'auto', 'cpu', 'openvino', 'cuda' or 'tensorrt'.
        precision: 'auto', 'fp32', 'fp16', 'int8' or 'bf16'.
        preview: Draw pictures as well.
        style: 'body' or 'stick': how people are drawn in them.
        formats: Names of `formats.names.FORMATS`, separated by commas; motion.npz is always written.
        batch: Have the steps of several motions share a call; None = on a device, if the bundle has kernels for it.
        keep_going: Skip a job that fails; False = stop there.
        overwrite: Make jobs again that were made with other settings.
        dry_run: Only check the file and say how much it asks for, and in which other words its prompts are read.
        saying: 'text', 'json' (one object on stdout), 'quiet' (warnings and errors only) or 'verbose'.

    Raises:
        MotionError: A line is bad, the folder is not to be written to, or a job failed; what is finished stays.
    """
    teller = Teller(saying)
    names = parse_formats(formats)
    check_programs(names)
    generator = Generator.load(bundle, provider, precision)
    chosen = generator.provider
    size = _batch(generator, batch)
    rooms = Rooms()
    console = Console(stderr=True)
    hidden = not (console.is_terminal and teller.shows_progress)
    with Progress(console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("checking", total=None)
        planned = plan_jobs(path, generator, rooms, lambda done, all_: bar.update(task, completed=done, total=all_))
    if any("cameras" in each.job.fields for each in planned):
        check_by_cameras(names)
    teller.plan(planned, generator, rooms, out, names, dry_run=dry_run)
    if dry_run:
        return
    settings = Settings(generator.bundle.sha256, chosen.name, chosen.precision, names, preview, style, size)
    with as_output_error(out):
        out.mkdir(parents=True, exist_ok=True)
    with only_run(out):
        clear_unfinished(out, (each.job.name for each in planned))
        left = _left(planned, out, settings, overwrite)
        kept = {each.job.name: len(Unfinished(out, each, settings.made_of(each)).kept()) for each in left}
        teller.kept(sum(kept.values()))
        throughput = Throughput.of(left, kept)
        failed: list[Outcome] = []

        def done() -> str:
            # Looked up, since jobs that were under way may have been finished after the last that was told of.
            made = sum(_there(each, out, settings) for each in left) - sum(kept.values())
            asked = counted(throughput.motions_to_make, "motion")
            return f"{made} of {asked} made and kept, the same command goes on from there"

        try:
            with (
                kept_when_stopped(done),
                shown(throughput, quiet=not teller.shows_progress) as show,
                # Closed here: nothing may be made any more once the folder is indexed and unlocked.
                closing(make_jobs(left, generator, rooms, out, settings)) as outcomes,
            ):
                _follow(outcomes, throughput, show, failed, kept, keep_going=keep_going)
        except MotionError as error:
            _index_what_is_there(out, planned)
            raise type(error)(f"{error}; {done()}") from None
        except BaseException:  # Ctrl-C
            _index_what_is_there(out, planned)
            raise
        write_index(out, planned)
    teller.summary(out, planned, left, throughput, failed, generator, size)
    if failed:
        raise InputError(
            f"expected every job of {path} to be made, got {len(failed)} that failed (line "
            f"{failed[0].planned.job.line} is the first); the others are finished, correct these lines and start again"
        )


def _batch(generator: Generator, asked: bool | None) -> int:
    """How many requests share a call of the step kernel.

    Raises:
        BundleError: They are to, and the bundle has no kernel for that.
    """
    if asked and generator.batch == 1:
        precision = generator.provider.precision
        raise BundleError(
            f"expected step kernels of several requests in {precision}, got none in the bundle "
            f"{generator.bundle.folder.name} for --batch; leave it away, try --precision fp32, or export with: "
            "motion-export --batch 8"
        )
    on_device = generator.provider.name in (CUDA, TENSORRT)
    return generator.batch if asked or (asked is None and on_device) else 1


def _index_what_is_there(out: Path, planned: Sequence[Planned]) -> None:
    """Write the index of a run that ends early; where even that cannot be written, the next run does."""
    with suppress(OutputError):
        write_index(out, planned)


def _there(planned: Planned, out: Path, settings: Settings) -> int:
    """How many motions of a job are there, whether or not the job is whole."""
    made_of = settings.made_of(planned)
    if state_of(out / planned.job.name, made_of) == FINISHED:
        return planned.job.samples
    return len(Unfinished(out, planned, made_of).kept())


def _left(planned: Sequence[Planned], out: Path, settings: Settings, overwrite: bool) -> list[Planned]:
    """Jobs to be made, in a good order.

    Raises:
        OutputError: A job is there that was made otherwise.
    """
    left = []
    for each in planned:
        unfinished = Unfinished(out, each, settings.made_of(each))
        state = state_of(out / each.job.name, settings.made_of(each))
        if state == NEW:
            state = unfinished.state()
        if state == DAMAGED:
            warn([f"files of {out / each.job.name} are missing or altered; it is made again"])
        elif state not in (NEW, FINISHED) and not overwrite:
            remedy = "choose another --out or make it again with --overwrite"
            if state == "formats":
                remedy = _other_formats(each, out, settings) or remedy
            raise OutputError(
                f"expected the job of line {each.job.line} as it was made before, got another '{state}' for "
                f"{out / each.job.name}; {remedy}"
            )
        if state == FINISHED:
            unfinished.clear()
        else:
            left.append(each)
    return sorted(left, key=lambda each: each.order)


def _other_formats(planned: Planned, out: Path, settings: Settings) -> str:
    """What to do about a whole job that was made in other formats: none of them needs its motions made again."""
    before = (read_job_file(out / planned.job.name) or {}).get("formats")
    if before is None:
        return ""
    added = [name for name in settings.formats if name not in (*before, "npz")]
    if not added:
        return f"name the formats that they were made in: --formats {','.join(before)}"
    command = ["motion-convert", str(out), "--to", ",".join(added)]
    if "cameras" in planned.job.fields and set(added) & set(BY_CAMERAS):
        command += ["--cameras", str(planned.job.base / planned.job.fields["cameras"])]
    command += ["--out", f"{out}_{'_'.join(added)}"]
    return f"take --overwrite, or write them beside: {shlex.join(command)}"


def _follow(
    outcomes: Iterable[Outcome],
    throughput: Throughput,
    show: Callable[[], None],
    failed: list[Outcome],
    kept: Mapping[str, int],
    *,
    keep_going: bool,
) -> None:
    """Show how fast jobs are made, and name those that fail.

    Raises:
        InputError: One failed, and none is to be made after it.
    """
    seen = WhoIsSeen()
    for outcome in outcomes:
        seen.add_all(outcome.seen)
        job = outcome.planned.job
        throughput.add(outcome.planned, made=outcome.error is None, kept=kept.get(job.name, 0))
        show()
        warn(f"line {job.line}, {job.name}: {warning}" for warning in outcome.warnings)
        if outcome.error is None:
            continue
        failed.append(outcome)
        click.echo(f"failed: line {job.line}, {job.name}: {outcome.error}", err=True)
        if not keep_going:
            raise InputError(
                f"expected every job to be made, got a failed one in line {job.line}; mend it, or leave "
                "--stop-on-failure away"
            )
    warn(seen.warnings())
