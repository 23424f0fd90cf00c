"""Checks every job against its files and the bundle, and puts them in an order that loads little."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from motion_preprocessing.counted import counted
from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import InputError, MotionError
from motion_preprocessing.scene import Scene
from motion_runtime.generator import Generator
from motion_runtime.jobs.fields import Job
from motion_runtime.jobs.job_file import Fault, read_job_file
from motion_runtime.jobs.rooms import RoomKey, Rooms
from motion_runtime.motion import GenerationRequest
from motion_runtime.negated import negated
from motion_runtime.not_learned import not_learned
from motion_runtime.not_there import not_there
from motion_runtime.people_named import not_made
from motion_runtime.prompt_words import NOT_UNDERSTOOD, shortened
from motion_runtime.starting_places import no_free_floor
from motion_runtime.still_down import still_down
from motion_runtime.views.hardly_seen import hardly_any_floor
from motion_runtime.warn import warn

SHOWN_FAULTS: Final = 20
"""Bad lines that are named; thousands of lines are often wrong in the same way."""
_SHOWN_PROMPTS: Final = 5
"""Prompts and cameras that are warned about one by one, of each kind."""


@dataclass(frozen=True)
class Planned:
    """A job that was checked."""

    job: Job
    kernel: tuple[int, int]
    """Persons and frames of the step kernel that its longest window takes."""
    seconds: float
    """Length of each of its motions."""
    cost: float
    """Denoising work, for the time left: frames of all windows, people and steps multiplied."""
    files: dict[str, str]
    """sha256 of each file that its motion depends on, by its path from the job file."""
    read_as: tuple[tuple[str, str], ...] = ()
    """Its prompts that are read in other words, with these."""

    @property
    def order(self) -> tuple[tuple[int, int], RoomKey, int]:
        """By kernel, so that sessions are reused, then by room, so that rooms are, then as in the file."""
        return self.kernel, self.job.room or ("", "", "", ""), self.job.line


def plan_jobs(path: Path, generator: Generator, rooms: Rooms, tick: Callable[[int, int], None]) -> list[Planned]:
    """Read and check a job file, as a whole and before anything is made; jobs in the file's order.

    Args:
        path: The job file.
        generator: What will make them.
        rooms: Loads rooms.
        tick: Called with how many jobs are checked and how many there are.

    Raises:
        InputError: The file is none, or has bad lines, which are named on stderr, each by number and fault.
    """
    jobs, faults = read_job_file(path)
    planned: list[Planned] = []
    digests: dict[Path, str] = {}
    unusable: dict[RoomKey, str] = {}
    cut: dict[str, int] = {}
    strange: dict[str, int] = {}
    blind: dict[str, int] = {}
    lacking: dict[str, int] = {}
    looked: set[tuple[RoomKey | None, str]] = set()
    # By room, so that each is loaded once whatever the order of the lines.
    for number, job in enumerate(sorted(jobs, key=lambda job: (job.room or ("", "", "", ""), job.line)), start=1):
        try:
            request = job.request(_room(job, rooms, unusable))
            planned.append(_plan(job, request, generator, digests))
        except MotionError as error:
            faults.append(Fault(job.line, str(error)))
        else:
            _note_prompts(generator, request, job.line, cut, strange)
            warnings = negated(request.prompts) + not_learned(request.prompts)
            warnings += not_made(request.prompts, request.persons)
            for said in warnings + still_down(request.as_read.prompt_of_each):
                lacking.setdefault(said, job.line)
            for said in [] if request.scene is None else not_there(request.as_read.prompt_of_each, request.scene):
                lacking.setdefault(said, job.line)
            room = generator.room_of(request)
            for said in [] if room is None else no_free_floor(request, room):
                lacking.setdefault(said, job.line)
            if "cameras" in job.fields and (job.room, job.fields["cameras"]) not in looked:
                looked.add((job.room, job.fields["cameras"]))
                for warning in hardly_any_floor(job.cameras(request.scene), request.scene):
                    blind.setdefault(f"{warning} ({job.fields['cameras']})", job.line)
        tick(number, len(jobs))
    if faults:
        _refuse(path, faults)
    _warn([f"the prompt of line {n} is cut after '...{said}': it is too long" for said, n in cut.items()])
    _warn([f"the prompt of line {n}, {shortened(said)}, {NOT_UNDERSTOOD}" for said, n in strange.items()])
    _warn([f"line {n}: {said}" for said, n in lacking.items()])
    _warn([f"line {n}: {said}" for said, n in blind.items()], "camera")
    return sorted(planned, key=lambda each: each.job.line)


def _room(job: Job, rooms: Rooms, unusable: dict[RoomKey, str]) -> Scene | None:
    """A job's room; a file that is none is read only once, however many jobs name it."""
    room = job.room
    if room is None:
        return None
    if room in unusable:
        raise InputError(unusable[room])
    try:
        return rooms.get(room)
    except InputError as error:
        unusable[room] = str(error)
        raise


def _plan(job: Job, request: GenerationRequest, generator: Generator, digests: dict[Path, str]) -> Planned:
    """Check one job against the bundle.

    Raises:
        MotionError: It cannot be made.
    """
    shape = generator.check(request)
    job.cameras(request.scene)
    for path in job.files:
        if path not in digests:
            try:
                digests[path] = sha256_of(path)
            except OSError as error:
                reason = error.strerror or error
                raise InputError(f"expected a file, got '{reason}' for {path}; check the path") from None
    files = {path.relative_to(job.base).as_posix() if path.is_relative_to(job.base) else str(path): digests[path]
             for path in job.files}  # fmt: skip
    frames = sum(window.frames for window in generator.windows_of(request))
    steps = generator.bundle.manifest.default.steps if request.steps is None else request.steps
    cost = float(job.samples * frames * shape.people * steps)
    prompts = zip(request.prompt_of_each, request.as_read.prompt_of_each, strict=True)
    read_as = tuple((prompt, read) for prompt, read in prompts if read != prompt)
    return Planned(job, (shape.people, shape.frames), request.seconds, cost, files, read_as)


def _note_prompts(
    generator: Generator, request: GenerationRequest, line: int, cut: dict[str, int], strange: dict[str, int]
) -> None:
    """Remember prompts that are longer than the model's context, by their last words, and those that say it nothing."""
    for part in (part for timeline in request.as_made.timelines for part in timeline.parts):
        read, left_out = generator.split_prompt(part.text)
        if left_out:
            cut.setdefault(read[-40:], line)
        if not generator.understands(part.text, plain=False):
            strange.setdefault(part.text, line)


def _warn(lines: Sequence[str], of: str = "prompt") -> None:
    """Say the first few on stderr, and of how many prompts (or what they are of) more the same is true."""
    warn(lines[:_SHOWN_PROMPTS])
    if len(lines) > _SHOWN_PROMPTS:
        warn([f"the same of {counted(len(lines) - _SHOWN_PROMPTS, of)} more"])


def _refuse(path: Path, faults: Sequence[Fault]) -> None:
    """Name the bad lines and raise.

    Raises:
        InputError: Always.
    """
    faults = sorted(faults, key=lambda fault: fault.line)
    for fault in faults[:SHOWN_FAULTS]:
        click.echo(f"line {fault.line}: {' '.join(fault.reason.split())}", err=True)
    if len(faults) > SHOWN_FAULTS:
        click.echo(f"and {len(faults) - SHOWN_FAULTS} more", err=True)
    raise InputError(
        f"expected jobs in every line, got {counted(len(faults), 'bad line')} (line {faults[0].line} is the first) for "
        f"{path}; nothing was started, correct them"
    )
