"""Batches by number, prepared ahead in the background."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

from torch import Tensor

Batch = Mapping[str, Tensor]

_AHEAD: Final = 2
"""Batches prepared while the device works."""


class BatchSource(Protocol):
    """Where batches come from: `batch` must be a pure function of its argument."""

    def batch(self, step: int) -> Batch:
        """Return batch number `step`."""


class Prefetcher:
    """Prepares the coming batches in a thread; the order is that of the indices."""

    def __init__(self, source: BatchSource, first: int, stride: int) -> None:
        """Begin with batch `first` and go on by `stride`."""
        self._stride, self._next, self._source = stride, first, source
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._coming: list[Future[Batch]] = []

    def take(self) -> Batch:
        """Return the next batch, waiting for it if it is not ready."""
        while len(self._coming) <= _AHEAD:
            self._coming.append(self._pool.submit(self._source.batch, self._next))
            self._next += self._stride
        return self._coming.pop(0).result()

    def close(self) -> None:
        """Drop what has been prepared."""
        self._pool.shutdown(cancel_futures=True)
