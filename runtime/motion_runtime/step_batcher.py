"""Steps of several motions, each made in a thread of its own, meet in one call of a step kernel of a batch.

Every thread runs the ordinary denoising loop of one request; its step kernel, bound here, waits for the others':

    thread 1   corrections --> step --+               +--> corrections
    thread 2   corrections --> step --+-- one call ---+--> corrections
    thread 3   corrections --> step --+               +--> corrections

A call is made when its batch is full, or when everybody who makes a motion waits for a step. No clock is part of that:
a slow machine fills its batches like a fast one. Nobody waits forever either: who makes a motion comes with a step, or
leaves, finished or failed. Rows that are left over repeat the first request, and somebody alone takes the kernel of a
batch too, so that a motion is computed by the same kernel whoever came with it. All calls are made by one thread, since
a recording of a device's launches (CUDA graphs) belongs to the thread that made it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Condition, Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_runtime.session import GraphSession

Array = NDArray[Any]
Outputs = tuple[Array, ...]


class _Call:
    """A step that a thread waits for."""

    def __init__(self, session: GraphSession, inputs: Mapping[str, Array]) -> None:
        self.session = session
        self.inputs = inputs
        self.outputs: Future[Outputs] = Future()


class StepBatcher:
    """Runs step kernels for threads that make motions; a context manager that outlives these threads."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: list[_Call] = []
        self._making = 0
        self._closed = False
        self._thread = Thread(target=self._serve, name="step kernel", daemon=True)

    def __enter__(self) -> StepBatcher:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    @contextmanager
    def making(self) -> Iterator[None]:
        """While the block runs, the caller's thread makes a motion: batches wait for its steps."""
        with self._changed:
            self._making += 1
        try:
            yield
        finally:
            with self._changed:
                self._making -= 1
                self._changed.notify()

    def bind(self, session: GraphSession, fixed: Mapping[str, Array]) -> Callable[[Mapping[str, Array]], Outputs]:
        """Keep some inputs of one request; the result takes the others and waits for the step.

        Args:
            session: A step kernel, of a batch or of one request.
            fixed: As of the kernel of one request.
        """

        def step(moving: Mapping[str, Array]) -> Outputs:
            call = _Call(session, {**moving, **fixed})
            with self._changed:
                self._waiting.append(call)
                self._changed.notify()
            return call.outputs.result()

        return step

    def _serve(self) -> None:
        """Make calls until there are no more to come."""
        while calls := self._next():
            try:
                outputs = _run(calls)
            except BaseException as error:  # raised where each of them waits
                for call in calls:
                    call.outputs.set_exception(error)
            else:
                for call, own in zip(calls, outputs, strict=True):
                    call.outputs.set_result(own)

    def _next(self) -> list[_Call]:
        """Wait for the steps of the next call and take them; none = the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._ready())
            calls = self._ready()
            self._waiting = [call for call in self._waiting if call not in calls]
            return calls

    def _ready(self) -> list[_Call]:
        """Steps that one call can be made for now; of several kernels', those that somebody waits for longest."""
        by_kernel: dict[GraphSession, list[_Call]] = {}
        for call in self._waiting:
            by_kernel.setdefault(call.session, []).append(call)
        nobody_else = self._closed or len(self._waiting) >= self._making
        for session, calls in by_kernel.items():
            if nobody_else or len(calls) >= session.spec.batch:
                return calls[: session.spec.batch]
        return []


def _run(calls: list[_Call]) -> list[Outputs]:
    """Make one call for steps of the same kernel."""
    session = calls[0].session
    batch = session.spec.batch
    if batch == 1:
        return [session.run(calls[0].inputs)]
    rows = [*calls, *calls[:1] * (batch - len(calls))]
    outputs = session.run({name: np.stack([row.inputs[name] for row in rows]) for name in calls[0].inputs})
    return [tuple(output[row] for output in outputs) for row in range(len(calls))]
