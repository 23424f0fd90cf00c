"""What a run of jobs says: to people in lines, to programs in one JSON object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from motion_preprocessing.counted import counted
from motion_preprocessing.errors import InputError
from motion_runtime.generator import Generator
from motion_runtime.jobs.fields import INDEX_FILE
from motion_runtime.jobs.make import Outcome
from motion_runtime.jobs.plan import Planned
from motion_runtime.jobs.rooms import Rooms
from motion_runtime.jobs.throughput import Throughput, in_time
from motion_runtime.run_plan import describe_plan, plan_lines

SAYINGS: Final = ("text", "json", "quiet", "verbose")
SHOWN_PROMPTS: Final = 20
"""Prompts that are shown as they are read; `--verbose` and `--json` have all of them."""


@dataclass(frozen=True)
class Teller:
    """How a run speaks: 'text', 'json' (one object on stdout), 'quiet' (warnings and errors) or 'verbose'."""

    saying: str = "text"

    def __post_init__(self) -> None:
        if self.saying not in SAYINGS:
            raise InputError(f"expected one of {', '.join(SAYINGS)}, got '{self.saying}' for saying; choose one")

    @property
    def shows_progress(self) -> bool:
        """Whether bars and figures are shown as it goes."""
        return self.saying in ("text", "verbose")

    def plan(
        self,
        planned: Sequence[Planned],
        generator: Generator,
        rooms: Rooms,
        out: Path,
        formats: Sequence[str],
        *,
        dry_run: bool,
    ) -> None:
        """Say what is to be made, each job as a run of it alone does where that was asked for."""
        motions = sum(each.job.samples for each in planned)
        length_s = round(sum(each.job.samples * each.seconds for each in planned), 1)
        if self.saying == "json" and dry_run:
            jobs = [plan for _, plan in _plans(planned, generator, rooms, out, formats)]
            _say({"out": str(out), "motions": motions, "seconds": length_s, "jobs": jobs})
        if not self.shows_progress:
            return
        if self.saying == "verbose":
            for each, plan in _plans(planned, generator, rooms, out, formats):
                click.echo("\n".join([f"line {each.job.line}: {each.job.name}", *plan_lines(plan)]))
        elif dry_run:
            _say_how_prompts_are_read(planned)
        if dry_run:
            click.echo(
                f"{counted(len(planned), 'job')}, {counted(motions, 'motion')}, {length_s:g} s in all; "
                "every line is good, nothing was made"
            )

    def kept(self, motions: int) -> None:
        """Say how many motions of jobs that are not whole an earlier run has left."""
        if motions and self.shows_progress:
            click.echo(f"{counted(motions, 'motion')} of unfinished jobs kept from before")

    def summary(
        self,
        out: Path,
        planned: Sequence[Planned],
        left: Sequence[Planned],
        throughput: Throughput,
        failed: Sequence[Outcome],
        generator: Generator,
        batch: int,
    ) -> None:
        """Say what was made and how fast, with so many requests in a call of the step kernel."""
        before = len(planned) - len(left)
        kept = sum(each.job.samples for each in left) - throughput.motions_to_make
        made = len(left) - len(failed)
        provider = generator.provider
        if self.saying == "json":
            _say(
                {
                    "out": str(out),
                    "index": str(out / INDEX_FILE),
                    "jobs": len(planned),
                    "made": made,
                    "from_before": before,
                    "failed": [
                        {"line": each.planned.job.line, "name": each.planned.job.name, "error": str(each.error)}
                        for each in failed
                    ],
                    "motions": throughput.motions,
                    "motions_kept": kept,
                    "elapsed_s": round(throughput.elapsed_s, 3),
                    "provider": {"name": provider.name, "precision": provider.precision}
                    | ({"batch": batch} if batch > 1 else {}),
                }
            )
        if not self.shows_progress:
            return
        click.echo(f"{made} of {counted(len(planned), 'job')} made" + (f", {before} from before" if before else ""))
        if throughput.motions:
            took = in_time(throughput.elapsed_s)
            where = f"{provider.name} in {provider.precision} ({provider.reason})"
            where += f", {batch} requests in a call" * (batch > 1)
            click.echo(f"{counted(throughput.motions, 'motion')} in {took} on {where}: {throughput.rate}")
        click.echo(f"{out / INDEX_FILE}  a line a motion: its folder, prompts, settings and quality figures")


def _say(values: dict[str, Any]) -> None:
    click.echo(json.dumps(values, indent=2, ensure_ascii=False))


def _plans(
    planned: Sequence[Planned], generator: Generator, rooms: Rooms, out: Path, formats: Sequence[str]
) -> Iterator[tuple[Planned, dict[str, Any]]]:
    """Each job with what a run of it alone would say of it."""
    for each in planned:
        job = each.job
        request = job.request(rooms.get(job.room))
        scene_path = None if job.room is None else Path(job.fields["scene"])
        shape = generator.check(request)
        plan = describe_plan(generator, request, job.samples, out / job.name, formats, scene_path, shape)
        yield each, {"line": job.line, "name": job.name, **plan}


def _say_how_prompts_are_read(planned: Sequence[Planned]) -> None:
    """Name the first prompts that the model reads in other words, each once, and of how many more that is true."""
    lines: dict[tuple[str, str], int] = {}
    for each in planned:
        for pair in each.read_as:
            lines.setdefault(pair, each.job.line)
    for (prompt, read), line in list(lines.items())[:SHOWN_PROMPTS]:
        click.echo(f"line {line}: {prompt}\n  read as   {read}")
    if len(lines) > SHOWN_PROMPTS:
        click.echo(f"and {counted(len(lines) - SHOWN_PROMPTS, 'prompt')} more in other words; --verbose shows all")
