"""How fast a run of jobs is, and how long it will still take: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from motion_preprocessing.counted import counted
from motion_runtime.jobs.plan import Planned

LINE_EVERY_S: Final = 30.0
"""Between two lines where there is no terminal."""


@dataclass
class Throughput:
    """What has been made in this run."""

    motions_to_make: int
    """Motions that are not there from earlier runs."""
    cost_to_make: float
    """Their denoising work."""
    clock: Callable[[], float] = time.perf_counter
    """Seconds from any start."""
    motions: int = 0
    motion_seconds: float = 0.0
    _cost: float = 0.0
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()

    @classmethod
    def of(cls, planned: Iterable[Planned], kept: Mapping[str, int]) -> Throughput:
        """For the jobs that are left, of some of which so many motions are there."""
        missing = [(each, each.job.samples - kept.get(each.job.name, 0)) for each in planned]
        cost = sum(each.cost * motions / each.job.samples for each, motions in missing)
        return cls(sum(motions for _, motions in missing), cost)

    def add(self, planned: Planned, *, made: bool, kept: int = 0) -> None:
        """Count a job that is through, whether or not it was made, but for motions that were there before."""
        motions = planned.job.samples - kept
        self._cost += planned.cost * motions / planned.job.samples
        if made:
            self.motions += motions
            self.motion_seconds += motions * planned.seconds

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self.clock() - self._started

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take if it goes on like this; None before anything is known."""
        return self.elapsed_s * (self.cost_to_make / self._cost - 1) if self._cost else None

    @property
    def rate(self) -> str:
        """Motions a second, and seconds of motion a second."""
        elapsed = max(self.elapsed_s, 1e-9)
        return f"{self.motions / elapsed:.2f} motions/s, {self.motion_seconds / elapsed:.1f} s of motion a second"

    def __str__(self) -> str:
        left = "" if self.left_s is None else f", {in_time(self.left_s)} left"
        return f"{self.motions} of {counted(self.motions_to_make, 'motion')}, {self.rate}{left}"


def in_time(seconds: float) -> str:
    """A span in words: '45 s', '12 min', '3 h 20 min'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def shown(throughput: Throughput, *, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """Yield what to call after every job: it shows the figures on stderr, or nothing where it is to be quiet."""
    if quiet:
        yield lambda: None
        return
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (BarColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(str(throughput), total=throughput.motions_to_make)
            yield lambda: bar.update(task, completed=throughput.motions, description=str(throughput))
        return
    last = throughput.elapsed_s

    def line() -> None:
        nonlocal last
        if throughput.elapsed_s - last >= LINE_EVERY_S:
            last = throughput.elapsed_s
            click.echo(str(throughput), err=True)

    yield line
