"""The work of `motion-preprocess captures`: many captures by several processes, to one dataset and a report.

    OUT/captures/...     a result folder a capture, at the capture's place in IN; it appears when it is complete
    OUT/dataset/         the processed dataset
    OUT/report.md        what happened, with pictures

A result folder that was made from the same files with the same settings is kept, so a killed run goes on where it
stopped and ends with the same bytes. A bad capture is named and left out; the run goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from motion_preprocessing.captures.layout import CAPTURE_FILE, find_captures
from motion_preprocessing.captures.lifting import LiftConfig, lift
from motion_preprocessing.captures.messages import within
from motion_preprocessing.captures.pictures import cloud_picture, depth_picture, floor_picture, overlay_pictures
from motion_preprocessing.captures.read import read_capture
from motion_preprocessing.captures.results import is_done, key_of, write_result
from motion_preprocessing.errors import InputError, MissingExtraError, MotionError, OutputError

SHOWN_CAPTURES: Final = 12
"""So many captures have a picture of their floor in the report."""
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_ATTEMPTS: Final = 2
RESULTS: Final = "captures"


@dataclass(frozen=True)
class Task:
    """One capture to do."""

    folder: Path
    result: Path
    """Where its result folder belongs."""
    config: LiftConfig
    picture: bool
    """Whether a picture of the floor is wanted."""
    debug: bool
    """Whether all pictures are."""


@dataclass(frozen=True)
class Outcome:
    """What became of a task."""

    folder: Path
    result: Path | None
    """The result's folder; None where the capture is left out."""
    message: str = ""
    """Why; files are named relative to the capture's folder."""
    kept: bool = False
    """Whether the result was there already."""


def tasks_of(captures: Path, out: Path, config: LiftConfig, *, debug: bool) -> list[Task]:
    """List the captures in and below a folder.

    Raises:
        InputError: There is none.
    """
    folders = find_captures(captures)
    if not folders:
        raise InputError(f"expected captures (folders with {CAPTURE_FILE}), got none for {captures}; name their folder")
    return [
        Task(folder, out / RESULTS / folder.relative_to(captures), config, index < SHOWN_CAPTURES, debug)
        for index, folder in enumerate(folders)
    ]


def work(task: Task) -> Outcome:
    """Do one capture; whatever is wrong with it ends in the outcome, not in an exception."""
    try:
        capture = read_capture(task.folder)
        key = key_of(task.folder, task.config, {"picture": task.picture, "debug": task.debug})
        if is_done(task.result, key):
            return Outcome(task.folder, task.result, kept=True)
        lifted = lift(capture, task.config)
        pictures = [("floor.png", floor_picture(lifted))] if task.picture or task.debug else []
        if task.debug:
            pictures += [("depth.png", depth_picture(lifted)), ("cloud.png", cloud_picture(lifted))]
            pictures += overlay_pictures(capture, lifted)
        write_result(task.result, lifted, key, pictures)
        return Outcome(task.folder, task.result)
    except (OutputError, MissingExtraError, click.ClickException):
        # A full disk, a missing package or a request to stop is no fault of the capture.
        raise
    except MotionError as error:
        return Outcome(task.folder, None, within(str(error), task.folder))
    except Exception as error:  # one strange capture must not end a run of thousands
        return Outcome(task.folder, None, within(f"unexpected {type(error).__name__}: {error}", task.folder))


def run_tasks(tasks: list[Task], workers: int) -> Iterator[Outcome]:
    """Do tasks with `workers` processes; outcomes come in the order in which they are ready.

    Zero workers: this process does them itself. Numbers may then differ in their last digits, since its linear algebra
    may use another number of threads.
    """
    if workers == 0:
        yield from map(work, tasks)
        return
    left = list(tasks)
    attempts = dict.fromkeys(range(len(tasks)), 0)
    numbers = {task.folder: number for number, task in enumerate(tasks)}
    while left:
        open_tasks: list[Task] = []
        # Once a process has died, its neighbours of that moment are tried again one at a time.
        alone = any(attempts[numbers[task.folder]] for task in left)
        done: set[Path] = set()
        for outcome in _pool(left, 1 if alone else workers, open_tasks):
            done.add(outcome.folder)
            yield outcome
        for task in open_tasks:
            number = numbers[task.folder]
            attempts[number] += 1
            if attempts[number] >= _ATTEMPTS:
                done.add(task.folder)
                yield Outcome(task.folder, None, "the process that worked on it died twice (out of memory?)")
        left = [task for task in left if task.folder not in done]


def _pool(tasks: list[Task], workers: int, open_tasks: list[Task]) -> Iterator[Outcome]:
    """Do tasks in a fresh pool; if a process dies, leave what was being done in `open_tasks` and stop."""
    waiting = iter(tasks)
    with _single_threaded():
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_live_with_parent)
    running: dict[Future[Outcome], Task] = {}
    try:
        while True:
            # Few in flight: what a dying process takes with it is known to be among them.
            while len(running) < workers and (task := next(waiting, None)) is not None:
                with _single_threaded():
                    running[pool.submit(work, task)] = task
            if not running:
                return
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                try:
                    outcome = future.result()
                except BrokenProcessPool:
                    open_tasks += running.values()
                    return
                del running[future]
                yield outcome
    finally:
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            # Whatever they still write has a temporary name, which the next run removes.
            process.terminate()
            process.join()


def _live_with_parent() -> None:
    """Leave Ctrl-C, which goes to the whole process group, to the parent; end when the parent is killed.

    A worker waits for tasks on a pipe that it holds open itself: it would wait for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _single_threaded:  # noqa: N801 - reads as a statement
    """Processes that are started inside use one thread each: N processes of many threads get in each other's way."""

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def remove_leftovers(out: Path) -> None:
    """Remove what a killed run left half-written."""
    for path in (out / RESULTS).rglob(".*.partial") if (out / RESULTS).is_dir() else ():
        shutil.rmtree(path, ignore_errors=True)


def do_all(tasks: list[Task], workers: int, on_outcome: Callable[[Outcome], None]) -> list[Outcome]:
    """Do tasks and return their outcomes in the order of the tasks."""
    outcomes: dict[Path, Outcome] = {}
    for outcome in run_tasks(tasks, workers):
        outcomes[outcome.folder] = outcome
        on_outcome(outcome)
    return [outcomes[task.folder] for task in tasks]
