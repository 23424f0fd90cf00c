"""Makes jobs: several at a time on a CPU or in batches, else one after the other; host work beside the network.

On a CPU a step kernel does not become N times as fast by N threads: they wait for each other at every layer. So each
core makes motions of its own, by one thread from the prompt to the files; what is written is kept for the next run,
should this one end early (`unfinished`). A device runs one kernel at a time, and is
fed by one thread; bodies are fitted and files written by another. Where the bundle has kernels of a batch for it, there
are as many threads as two batches have requests, each of which makes motions as on a CPU, while their steps meet in one
call (`step_batcher`).
"""

from __future__ import annotations

from collections import abc, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock
from typing import Any, Final

from motion_preprocessing.atomic_output import as_output_error
from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import MotionError, OutputError, ProviderError
from motion_runtime.backends.provider import CPU
from motion_runtime.generator import Generator
from motion_runtime.jobs.finished import Settings
from motion_runtime.jobs.plan import Planned
from motion_runtime.jobs.rooms import Rooms
from motion_runtime.jobs.unfinished import Unfinished, clear_unused
from motion_runtime.motion import GenerationRequest
from motion_runtime.motion_places import SAMPLE_PREFIX
from motion_runtime.prediction import Prediction
from motion_runtime.run_command import describe_run, too_far
from motion_runtime.step_batcher import StepBatcher
from motion_runtime.too_close import too_close
from motion_runtime.views.hardly_seen import WhoIsSeen
from motion_runtime.writer import write_sample

BATCHES: Final = 2
"""Batches of motions that are under way: while some are staged or written, others fill a call."""
BACKLOG: Final = 2
"""Jobs that may wait for a free thread: more would only fill the memory where writing is slower than the network."""
FATAL: Final = (OutputError, ProviderError)
"""What would fail every job after this one as well."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    planned: Planned
    error: MotionError | None = None
    """Why it was not made."""
    warnings: tuple[str, ...] = ()
    """What is to be said of its samples."""
    seen: WhoIsSeen = field(default_factory=WhoIsSeen)
    """By the job's cameras."""


class _Stopped(Exception):
    """The run ends; what a thread is making is given up."""


class _Stop:
    """Tells all threads to stop, and why."""

    def __init__(self) -> None:
        self._event = Event()
        self.reason: MotionError | None = None

    def set(self, reason: MotionError | None = None) -> None:
        self.reason = self.reason or reason
        self._event.set()

    def check(self) -> None:
        """Give up where the run is to end."""
        if self._event.is_set():
            raise _Stopped


class _Making:
    """A job whose samples are made by several threads; the last one of them completes it."""

    def __init__(self, planned: Planned, out: Path, settings: Settings) -> None:
        self.planned = planned
        self.future: Future[Outcome] = Future()
        self.unfinished = Unfinished(out, planned, settings.made_of(planned))
        kept = self.unfinished.kept()
        self.missing = [index for index in range(planned.job.samples) if index not in kept]
        self._left = len(self.missing)
        self._seen = WhoIsSeen()
        self._lock = Lock()

    def keep(self, index: int, row: dict[str, Any], warnings: list[str], seen: WhoIsSeen) -> None:
        """A sample is whole; with the last one the job is."""
        self.unfinished.keep(index, row, warnings)
        with self._lock:
            self._seen.add_all(seen)
            self._left -= 1
            last = self._left == 0
        if last:
            self.finish()

    def finish(self) -> None:
        """All samples are there."""
        rows, warnings = self.unfinished.finish()
        prompts = {prompt for row in rows for prompt in (*row["prompts"], *row["prompts_read_as"])}
        warnings += too_close([row["metrics"] for row in rows], prompts)
        self.future.set_result(Outcome(self.planned, warnings=tuple(warnings), seen=self._seen))

    def fail(self, error: BaseException) -> None:
        """The job is not made, by the first error of its samples."""
        with self._lock:
            if not self.future.done():
                self.future.set_exception(error)


def make_jobs(
    planned: Sequence[Planned], generator: Generator, rooms: Rooms, out: Path, settings: Settings
) -> abc.Generator[Outcome, None, None]:
    """Make jobs in the order given and yield what became of each; samples that are there of an earlier run are kept.

    Whoever takes no more of them closes it: threads go on making the next ones until then.

    Raises:
        OutputError: A folder could not be written: the disk is full, say.
        ProviderError: The device failed.
    """
    provider = generator.provider
    batcher = StepBatcher() if settings.batch > 1 else None
    several = batcher is not None or provider.name == CPU
    at_once = provider.threads if batcher is None else BATCHES * settings.batch
    streams = max(1, min(at_once, sum(each.job.samples for each in planned))) if several else 1
    stop = _Stop()
    free: SimpleQueue[Generator] = SimpleQueue()
    if several:
        if batcher is None:
            maker = Generator(generator.bundle, replace(provider, threads=1))
        else:
            maker = generator.batched(batcher)
        for _ in range(streams):
            free.put(maker.twin())

    def sample(making: _Making, request: GenerationRequest) -> None:
        """One motion, in a thread of its own."""
        by = free.get()
        try:
            stop.check()
            if not making.future.done():
                write(making, predict(request, by), by)
        except BaseException as error:
            if isinstance(error, FATAL):
                stop.set(error)
            making.fail(error)
        finally:
            free.put(by)

    def predict(request: GenerationRequest, by: Generator) -> tuple[GenerationRequest, Prediction]:
        # Staged here: run.json says what the model was told, and nobody is put into the room again to say it.
        request = by.staged(request)
        with nullcontext() if batcher is None else batcher.making():
            return request, by.predict(request, lambda *_: stop.check())

    def write(making: _Making, made: tuple[GenerationRequest, Prediction], by: Generator) -> None:
        try:
            stop.check()
            if not making.future.done():
                with as_output_error(making.unfinished.folder):
                    write_one(making, *made, by, settings)
        except BaseException as error:
            if isinstance(error, FATAL):
                stop.set(error)  # whoever waits hears of what broke first
            making.fail(error)

    def outcome(making: _Making) -> Iterator[Outcome]:
        """What became of a job; nothing where the run's end stopped it."""
        try:
            found = making.future.result()
        except (_Stopped, *FATAL):
            return
        except MotionError as error:
            failed.append(making.unfinished)
            yield Outcome(making.planned, error)
        else:
            yield found

    failed: list[Unfinished] = []
    waiting: deque[_Making] = deque()
    try:
        with batcher or nullcontext(), ThreadPoolExecutor(streams, "job") as threads:
            try:
                for each in planned:
                    making = _Making(each, out, settings)
                    try:
                        making.unfinished.begin()
                        request = each.job.request(rooms.get(each.job.room))
                        if not making.missing:  # an earlier run ended between the last sample and the job
                            making.finish()
                        for one in (replace(request, sample=index) for index in making.missing):
                            if several:
                                threads.submit(sample, making, one)
                            else:
                                threads.submit(write, making, predict(one, generator), generator)
                    except _Stopped:  # by the thread that writes
                        break
                    except FATAL as error:
                        stop.set(error)
                        break
                    except MotionError as error:
                        making.fail(error)
                    waiting.append(making)
                    while len(waiting) >= streams + BACKLOG or (waiting and waiting[0].future.done()):
                        yield from outcome(waiting.popleft())
                    if stop.reason is not None:
                        break
                while waiting:
                    yield from outcome(waiting.popleft())
            finally:
                # Samples that are being written are finished, motions that are being made are not.
                stop.set()
    finally:
        # Once no thread writes any more: of a job that fails nothing stays.
        for unfinished in failed:
            unfinished.clear()
        clear_unused(out)
    if stop.reason is not None:
        raise stop.reason


def write_one(
    making: _Making, request: GenerationRequest, prediction: Prediction, generator: Generator, settings: Settings
) -> None:
    """Fit bodies to what the network said of a sample and write its folder; uses nothing but the CPU.

    Raises:
        MotionError: It could not be written.
    """
    job = making.planned.job
    cameras = job.cameras(request.scene)
    motion = generator.pose(request, prediction)
    scene_path = None if job.room is None else Path(job.fields["scene"])
    # No times in it, nor how many threads there were: the same job gives the same bytes on any machine.
    info = describe_run(generator, request, motion, scene_path, job.fields.get("labels"))
    del info["provider"]["threads"]
    name = f"{SAMPLE_PREFIX}{request.sample:03d}"
    folder = making.unfinished.folder / name
    views = write_sample(
        folder,
        motion,
        request.scene,
        info,
        preview=settings.preview,
        style=settings.style,
        formats=settings.formats,
        name=f"{job.name}/{name}",
        cameras=cameras,
    )
    seen = WhoIsSeen()
    seen.add(views, job.fields.get("cameras", ""))
    warnings = [f"{name} {too_far(info)}"] if too_far(info) else []
    figures = {key: info[key] for key in ("metrics", "edits_missed_by") if key in info}
    row = {"job": job.name, "folder": f"{job.name}/{name}", **info["request"], **figures}
    making.keep(request.sample, row | {"motion_sha256": sha256_of(folder / "motion.npz")}, warnings, seen)
