"""Makes jobs one after the other: the network here, fitting bodies and writing files in a thread beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, Final

from motion_preprocessing.atomic_output import atomic_folder
from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import MotionError, OutputError, ProviderError
from motion_runtime.generator import Generator, Prediction
from motion_runtime.jobs.finished import Settings, write_job_file
from motion_runtime.jobs.plan import Planned
from motion_runtime.jobs.rooms import Rooms
from motion_runtime.motion import GenerationRequest
from motion_runtime.run_command import SAMPLE_PREFIX, describe_run
from motion_runtime.writer import write_sample

BACKLOG: Final = 2
"""Jobs that may wait to be written: more would only fill the memory where writing is slower than the network."""
FATAL: Final = (OutputError, ProviderError)
"""What would fail every job after this one as well."""


@dataclass(frozen=True)
class Outcome:
    """What became of a job."""

    planned: Planned
    error: MotionError | None = None
    """Why it was not made."""


def make_jobs(
    planned: Sequence[Planned], generator: Generator, rooms: Rooms, out: Path, settings: Settings
) -> Iterator[Outcome]:
    """Make jobs in the order given and yield what became of each. What is not whole leaves nothing behind.

    Raises:
        OutputError: A folder could not be written: the disk is full, say.
        ProviderError: The device failed.
    """
    waiting: deque[tuple[Planned, Future[None]]] = deque()
    broken = Event()

    def write(each: Planned, made: Sequence[tuple[GenerationRequest, Prediction]]) -> None:
        if broken.is_set():
            return  # whoever waits hears of what broke first
        try:
            finish(each, made, generator, out, settings)
        except FATAL:
            broken.set()
            raise

    with ThreadPoolExecutor(1, "write") as thread:
        try:
            for each in planned:
                try:
                    scene = rooms.get(each.job.room)
                    request = each.job.request(scene)
                    samples = [replace(request, sample=index) for index in range(each.job.samples)]
                    made = [(sample, generator.predict(sample)) for sample in samples]
                except FATAL:
                    raise
                except MotionError as error:
                    yield Outcome(each, error)
                    continue
                waiting.append((each, thread.submit(write, each, made)))
                while len(waiting) > BACKLOG or (waiting and waiting[0][1].done()):
                    yield _outcome(*waiting.popleft())
            while waiting:
                yield _outcome(*waiting.popleft())
        finally:
            # The folder that is being written is finished, those behind it are not begun.
            for _, future in waiting:
                future.cancel()


def _outcome(planned: Planned, future: Future[None]) -> Outcome:
    try:
        future.result()
    except FATAL:
        raise
    except MotionError as error:
        return Outcome(planned, error)
    return Outcome(planned)


def finish(
    planned: Planned,
    made: Sequence[tuple[GenerationRequest, Prediction]],
    generator: Generator,
    out: Path,
    settings: Settings,
) -> None:
    """Fit bodies to what the network said of a job's samples and write its folder; uses nothing but the CPU.

    Raises:
        MotionError: It could not be written.
    """
    job = planned.job
    with atomic_folder(out / job.name, overwrite=True) as folder:
        index: list[dict[str, Any]] = []
        for request, prediction in made:
            motion = generator.pose(request, prediction)
            scene_path = None if job.room is None else Path(job.fields["scene"])
            # No times in it: the same job gives the same bytes.
            info = describe_run(generator, request, motion, scene_path)
            name = f"{SAMPLE_PREFIX}{request.sample:03d}"
            write_sample(
                folder / name,
                motion,
                request.scene,
                info,
                preview=settings.preview,
                formats=settings.formats,
                name=f"{job.name}/{name}",
            )
            row = {"job": job.name, "folder": f"{job.name}/{name}", **info["request"], "metrics": info["metrics"]}
            index.append(row | {"motion_sha256": sha256_of(folder / name / "motion.npz")})
        write_job_file(folder, planned, settings.made_of(planned), index)
