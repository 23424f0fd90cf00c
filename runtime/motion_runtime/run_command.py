"""What `motion-run` does: load, generate sample by sample, write one folder, say what is in it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from motion_preprocessing.atomic_output import as_output_error, atomic_folder
from motion_preprocessing.counted import counted
from motion_preprocessing.errors import OutputError
from motion_preprocessing.metrics import evaluate_motion
from motion_preprocessing.scene import object_points
from motion_runtime.editing.edits import miss_of
from motion_runtime.formats.export import check_programs
from motion_runtime.formats.names import (
    CAMERA_FILE,
    CAMERA_SUMMARY,
    CAMERAS_FILE,
    CAMERAS_SUMMARY,
    FORMATS,
    check_by_cameras,
    parse_formats,
)
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest, Motion
from motion_runtime.motion_places import MOTION_FILE, SAMPLE_PREFIX, clip_name
from motion_runtime.negated import negated
from motion_runtime.not_learned import not_learned
from motion_runtime.not_there import not_there
from motion_runtime.out_of_bed import no_way_off
from motion_runtime.people_named import not_made
from motion_runtime.preview import BODY
from motion_runtime.prompt_words import NOT_UNDERSTOOD, shortened
from motion_runtime.room_plan import draw_room_plan
from motion_runtime.room_units import label_table, load_room
from motion_runtime.run_plan import describe_plan, plan_lines
from motion_runtime.starting_places import no_free_floor
from motion_runtime.still_down import still_down
from motion_runtime.too_close import too_close
from motion_runtime.viewer.page import VIEW_FILE, is_view, write_view
from motion_runtime.viewer.samples import MAX_SAMPLES, Shown
from motion_runtime.viewer.view_command import announce
from motion_runtime.views.camera_file import read_cameras
from motion_runtime.views.hardly_seen import WhoIsSeen, hardly_any_floor
from motion_runtime.warn import warn
from motion_runtime.writer import OWN_FILES, write_sample

PLAN_FILE: Final = "room.png"
_PLAN_SAMPLES: Final = 8
"""More ways than these make a plan unreadable."""
_SHOWN: Final = 40
"""Letters of a prompt that a warning shows on each side of the cut."""
_SHOWN_BY: Final = {
    "preview.mp4": "a video player",
    "preview.gif": "a browser",
    "motion.glb": "a viewer of glTF or Blender (File > Import)",
    "person_0.bvh": "Blender (File > Import)",
}
_MET_M: Final = 0.01
"""What is asked of a place is met within this."""
_FILE_WORDS: Final = {
    "preview.gif": "animated picture",
    "contact_sheet.png": "a few poses side by side",
    "motion.npz": "joints, rotations and labels as arrays",
    "*.bvh": "skeleton animation for Blender and others",
    **{pattern: kind.summary for kind in FORMATS.values() for pattern in kind.files},
    CAMERA_FILE: CAMERA_SUMMARY,
    CAMERAS_FILE: CAMERAS_SUMMARY,
    "run.json": "settings, timings, quality figures and credits",
}


def run(
    request: GenerationRequest,
    num_samples: int,
    out: Path,
    *,
    scene_path: Path | None = None,
    up: str = "auto",
    units: str = "auto",
    labels: str | None = None,
    bundle: Path | None = None,
    provider: str = "auto",
    precision: str = "auto",
    preview: bool = True,
    style: str = BODY,
    formats: str = "npz,bvh",
    cameras_path: Path | None = None,
    view: bool = False,
    open_view: bool = True,
    overwrite: bool = False,
    dry_run: bool = False,
    saying: str = "text",
) -> None:
    """Generate `num_samples` motions of a request and write them to `out`, all or nothing.

    Args:
        request: What is wanted; its scene is replaced by the one at `scene_path`.
        num_samples: How many motions, each with other noise.
        out: Folder to make.
        scene_path: Room to load.
        up: The file's axis that points up, or 'auto'.
        units: The file's unit of length, or 'auto'.
        labels: File of a label table, or 'ignore'; None = the scene file's own table.
        bundle: Model bundle; None = the built-in one.
        provider: 'auto', 'cpu', 'openvino', 'cuda' or 'tensorrt'.
        precision: 'auto', 'fp32', 'fp16', 'int8' or 'bf16'.
        preview: Draw pictures as well.
        style: 'body' or 'stick': how people are drawn in them.
        formats: Names of `formats.names.FORMATS`, separated by commas; motion.npz is always written.
        cameras_path: Cameras whose pictures some of the formats are of.
        view: Write a page to look at the first motions in 3D.
        open_view: Open it in the browser where there is a desktop.
        overwrite: Replace samples of an earlier run.
        dry_run: Check everything, say what would be made, and make nothing.
        saying: 'text', 'json' (one object on stdout), 'quiet' (errors only) or 'verbose'.

    Raises:
        MotionError: Anything that the caller can mend; nothing has been written then.
    """
    names = parse_formats(formats)
    if cameras_path is not None:
        check_by_cameras(names)
    check_programs(names)
    _check_output(out, overwrite)
    started = time.perf_counter()
    generator = Generator.load(bundle, provider, precision)
    if scene_path is not None:
        ask = saying in ("text", "verbose")
        scene = load_room(scene_path, up=up, units=units, labels=label_table(labels), ask=ask)
        request = replace(request, scene=scene)
    cameras = () if cameras_path is None else read_cameras(cameras_path, request.scene)
    warn(hardly_any_floor(cameras, request.scene))
    _warn_of_prompts(generator, request)
    loaded_s = time.perf_counter() - started
    if dry_run or saying == "verbose":
        shape = generator.check(request)
        plan = describe_plan(generator, request, num_samples, out, names, scene_path, shape)
        if saying != "quiet":
            told = [json.dumps(plan, indent=2, ensure_ascii=False)] if saying == "json" else plan_lines(plan)
            click.echo("\n".join(told))
        if dry_run:
            return
    # One folder for all samples, renamed into place at the very end: an interrupted run leaves nothing behind.
    elapsed_s = []
    shown: list[Shown] = []
    planned: list[Motion] = []
    figures: list[dict[str, Any]] = []
    seen = WhoIsSeen()
    with atomic_folder(out, overwrite=overwrite) as folder:
        for index in range(num_samples):
            sample = generator.staged(replace(request, sample=index))
            label = f"sample {index + 1} of {num_samples}" if num_samples > 1 else "denoising"
            started = time.perf_counter()
            with _step_progress(label, saying) as progress:
                motion = generator.generate(sample, progress)
            elapsed_s.append(time.perf_counter() - started)
            run_info = describe_run(generator, sample, motion, scene_path, labels)
            if too_far(run_info):
                warn([f"sample {index} {too_far(run_info)}"])
            figures.append(run_info["metrics"])
            run_info["timings_s"] = {"load": round(loaded_s, 3), "generate": round(elapsed_s[-1], 3)}
            place = folder / f"{SAMPLE_PREFIX}{index:03d}"
            views = write_sample(
                place,
                motion,
                request.scene,
                run_info,
                preview=preview,
                style=style,
                formats=names,
                # Not the folder of now, which is a temporary one.
                name=clip_name(place.name, out / place.name / MOTION_FILE),
                cameras=cameras,
            )
            seen.add(views)
            if request.scene is not None and preview and index < _PLAN_SAMPLES:
                planned.append(motion)
            if view and index < MAX_SAMPLES:
                shown.append(Shown(motion, f"{SAMPLE_PREFIX}{index:03d}", run_info))
        if request.scene is not None and preview:
            draw_room_plan(folder / PLAN_FILE, request.scene, planned)
        if view:
            write_view(folder / VIEW_FILE, shown, request.scene, title=out.resolve().name)
    warn(seen.warnings())
    warn(too_close(figures, (*request.prompts, *request.as_read.prompts)))
    if saying == "json":
        samples = [str(out / f"{SAMPLE_PREFIX}{index:03d}") for index in range(num_samples)]
        where = {"name": generator.provider.name, "precision": generator.provider.precision}
        said = {"out": str(out), "samples": samples, "provider": where, "generate_s": [round(s, 3) for s in elapsed_s]}
        click.echo(json.dumps(said, ensure_ascii=False))
    elif saying != "quiet":
        _summarise(generator, out, elapsed_s)
    if view and saying in ("text", "verbose"):
        announce(out / VIEW_FILE, open_view)


def _warn_of_prompts(generator: Generator, request: GenerationRequest) -> None:
    """Say on stderr where a prompt is longer than the model's context, or in words that it does not know."""
    for prompt in dict.fromkeys(part.text for timeline in request.as_made.timelines for part in timeline.parts):
        read, left_out = generator.split_prompt(prompt)
        if left_out:
            context = generator.bundle.manifest.text.context_length
            said = f"'...{read[-_SHOWN:]}', what follows is left out: '{left_out[:_SHOWN]}...'"
            mend = "shorten the prompt or give it in parts, 'a person stands up | a person falls'"
            warn([f"the prompt is cut after {said}; the model reads {context} tokens, {mend}"])
        if not generator.understands(prompt, plain=False):
            warn([f"the prompt {shortened(prompt)} {NOT_UNDERSTOOD}"])
    warn(negated(request.prompts) + not_learned(request.prompts))
    warn(not_made(request.prompts, request.persons))
    warn(still_down(request.as_read.prompt_of_each))
    if request.scene is not None:
        warn(not_there(request.as_read.prompt_of_each, request.scene))
    room = generator.room_of(request)
    warn([] if room is None else no_free_floor(request, room))
    if request.scene is not None and no_way_off(request.as_read, request.scene):
        warn([said for said in [no_way_off(generator.staged(request).as_read, request.scene)] if said])


def _check_output(out: Path, overwrite: bool) -> None:
    """Refuse, before any work is done, to replace what no earlier run wrote, or what was not said to be replaced.

    Raises:
        OutputError: Something is there.
    """
    with as_output_error(out):
        if not out.is_dir():
            return  # `atomic_folder` refuses files
        entries = sorted(out.iterdir())
        foreign = [entry.name for entry in entries if not (_is_sample(entry) or _is_page(entry) or _is_plan(entry))]
    if foreign:
        raise OutputError(
            f"expected an empty folder or samples of an earlier run, got '{foreign[0]}' in {out} for --out; "
            "choose another folder"
        )
    if entries and not overwrite:
        raise OutputError(
            f"expected a new folder, got samples of an earlier run in {out} for --out; "
            "choose another one or replace them with --overwrite"
        )


def _is_sample(entry: Path) -> bool:
    """Whether a folder looks like what `write_sample` writes."""
    if not entry.name.startswith(SAMPLE_PREFIX) or entry.is_symlink() or not entry.is_dir():
        return False
    return all(any(file.match(own) for own in OWN_FILES) for file in entry.iterdir())


def _is_plan(entry: Path) -> bool:
    """Whether a file is the picture of the room."""
    return entry.name == PLAN_FILE and entry.is_file() and not entry.is_symlink()


def _is_page(entry: Path) -> bool:
    """Whether a file is the page that --view and motion-view write."""
    return entry.name == VIEW_FILE and entry.is_file() and is_view(entry)


def describe_run(
    generator: Generator,
    request: GenerationRequest,
    motion: Motion,
    scene_path: Path | None,
    labels: str | None = None,
) -> dict[str, Any]:
    """What run.json says, but for the timings: enough to make the same motion again, and how good it is."""
    missed = None if request.edits is None else miss_of(request.edits, motion)
    manifest = generator.bundle.manifest
    turn = motion.room_from_canonical
    obstacles = None if request.scene is None else object_points(request.scene)[0]
    walls = None if request.scene is None else request.scene.wall_points_m
    floor = None if request.scene is None else request.scene.floor
    return {
        "program": f"motion-run {version('scene-motion')}",
        "bundle": {"name": manifest.name, "sha256": generator.bundle.sha256, "licence": manifest.licence},
        "credits": manifest.credits,
        "provider": {
            "name": generator.provider.name,
            "why": generator.provider.reason,
            "threads": generator.provider.threads,
            "precision": generator.provider.precision,
        },
        "request": {
            "prompts": list(motion.prompts),
            "prompts_read_as": list(request.as_made.prompt_of_each),
            "prompts_left_out": [
                " | ".join(filter(None, (generator.split_prompt(part.text)[1] for part in timeline.parts)))
                for timeline in request.as_made.timelines
            ],
            "parts": [
                [
                    {"start_s": round(start, 3), "prompt": part.text}
                    for start, part in zip(timeline.starts(request.seconds), timeline.parts, strict=True)
                ]
                for timeline in request.timelines
            ],
            "person_classes": list(motion.person_classes),
            "seconds": motion.seconds,
            "frames": motion.frames,
            "fps": motion.fps,
            "scene": None if scene_path is None else str(scene_path),
            "scene_up": None if floor is None else floor.up,
            "scene_units": None if floor is None else floor.units,
            "scene_labels": labels,
            "start_m": [round(float(value), 4) for value in turn[:2, 3]],
            "heading_deg": round(math.degrees(math.atan2(turn[1, 0], turn[0, 0])), 2),
            "sampler": motion.sampler,
            "steps": motion.steps,
            "eta": request.eta,
            "guidance": motion.guidance,
            "guidance_scene": generator.guidance_of(request).scene,
            "guidance_interval": list(generator.guidance_of(request).interval),
            "low_pass_s": request.low_pass_s,
            "walls": request.walls,
            "calibrate": request.calibrate,
            "amounts": request.amounts,
            "plain": request.plain,
            "ways": request.ways,
            "ground": request.ground,
            "feet": request.feet,
            "use": request.use,
            "solid": request.solid,
            "hands": request.hands,
            "apart_m": request.apart_m,
            "seed": motion.seed,
            "sample": motion.sample,
        },
        "metrics": evaluate_motion(
            motion.joints_m, motion.fps, obstacles, local_rotations=motion.local_rotations, wall_points=walls
        ).as_dict(),
        **({} if missed is None else {"edits_missed_by": missed.as_dict()}),
    }


def too_far(run_info: Mapping[str, Any]) -> str:
    """What to warn of where a motion is a centimetre and more from what was asked of it, else ''."""
    missed: float = run_info.get("edits_missed_by", {}).get("position_m", 0.0)
    if missed <= _MET_M:
        return ""
    return (
        f"misses what was asked of it by up to {100 * missed:.1f} cm; edits contradict each other, or ask for what a "
        "body with these bones cannot do"
    )


@contextmanager
def _step_progress(label: str, saying: str) -> Iterator[Callable[[int, int], None] | None]:
    """Draw a progress bar on stderr where that is a terminal; yield what to call after each step."""
    console = Console(stderr=True)
    if not console.is_terminal or saying in ("quiet", "json"):
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _summarise(generator: Generator, out: Path, elapsed_s: list[float]) -> None:
    """Say what was written and how to look at it."""
    count = len(elapsed_s)
    provider = generator.provider
    first = out / f"{SAMPLE_PREFIX}000"
    click.echo(
        f"wrote {counted(count, 'motion')} to {out} "
        f"in {sum(elapsed_s):.1f} s on {provider.name} in {provider.precision} ({provider.reason})"
    )
    for file in sorted(first.iterdir()):
        click.echo(f"  {file}  {_what_is(file)}")
    if (out / PLAN_FILE).is_file():
        click.echo(f"  {out / PLAN_FILE}  the room from above, as it was understood, and where people go")
    if count > 1:
        click.echo(f"  and {count - 1} more like it, up to {out / f'{SAMPLE_PREFIX}{count - 1:03d}'}")
    ways = [f"{first / file} in {where}" for file, where in _SHOWN_BY.items() if (first / file).is_file()]
    if ways:
        click.echo(f"to look at it, open {', or '.join(ways[:2])}")


def _what_is(file: Path) -> str:
    """A few words on a file of a sample."""
    return next((words for pattern, words in _FILE_WORDS.items() if file.match(pattern)), "")
