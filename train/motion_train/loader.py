"""Batches by number, prepared ahead in the background."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Batch = Mapping[str, Tensor]

_AHEAD: Final = 2
"""Batches prepared while the device works, for each that prepares."""


class BatchSource(Protocol):
    """Where batches come from: `batch` must be a pure function of its argument."""

    def batch(self, step: int) -> Batch:
        """Return batch number `step`."""


class Prefetcher:
    """Prepares the coming batches in the background; the order is that of the indices.

    A thread is enough for a CPU or a large model. A small model on a fast GPU takes batches faster than one process
    makes them: further processes are forked then, which share the source's windows with this one.
    """

    def __init__(self, source: BatchSource, first: int, stride: int, processes: int = 0) -> None:
        """Begin with batch `first` and go on by `stride`; `processes` 0 = a thread of this one."""
        self._stride, self._next, self._source = stride, first, source
        self._ahead = _AHEAD * max(processes, 1)
        self._processes = processes
        self._pool: Executor
        if processes:
            self._pool = ProcessPoolExecutor(processes, get_context("fork"), _take_over, (source,))
        else:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._coming: list[Future[Any]] = []

    def take(self) -> Batch:
        """Return the next batch, waiting for it if it is not ready."""
        while len(self._coming) <= self._ahead:
            if self._processes:
                self._coming.append(self._pool.submit(_arrays, self._next))
            else:
                self._coming.append(self._pool.submit(self._source.batch, self._next))
            self._next += self._stride
        taken = self._coming.pop(0).result()
        return {name: torch.from_numpy(value) for name, value in taken.items()} if self._processes else taken

    def close(self) -> None:
        """Drop what has been prepared."""
        self._pool.shutdown(cancel_futures=True)


_source: BatchSource | None = None


def _take_over(source: BatchSource) -> None:
    global _source
    _source = source
    torch.set_num_threads(1)


def _arrays(step: int) -> dict[str, NDArray[Any]]:
    """A batch as arrays, which travel through a pipe; tensors would ask for shared memory."""
    assert _source is not None
    return {name: np.asarray(tensor.numpy()) for name, tensor in _source.batch(step).items()}
