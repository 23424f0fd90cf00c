"""Steps that meet: every motion gets its own answers, whoever came with it; nobody waits for who is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.errors import ProviderError
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import STEP
from motion_runtime.session import GraphSession, Provider
from motion_runtime.step_batcher import StepBatcher

TOY = Path(__file__).with_name("toy_bundle")
PATIENCE_S = 30
"""A batcher that loses somebody would wait for ever."""


class Kernel:
    """Adds `fixed` to `x`, row by row; notes what each call held and who made it."""

    def __init__(self, batch: int) -> None:
        self.spec = SimpleNamespace(batch=batch)
        self.calls: list[list[float]] = []
        self.threads: set[int] = set()
        self.fail = False

    def run(self, inputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        if self.fail:
            raise ProviderError("expected memory, got none")
        self.calls.append(inputs["x"].reshape(-1).tolist())
        self.threads.add(threading.get_ident())
        assert inputs["x"].shape == ((self.spec.batch, 1) if self.spec.batch > 1 else (1,))
        return inputs["x"] + inputs["fixed"], inputs["x"]


Makes = Callable[..., list[Any]]


@pytest.fixture
def make() -> Iterator[Makes]:
    """Run loops of so many steps, each in a thread; they begin together."""
    with StepBatcher() as batcher:

        def loop(kernel: Any, number: int, steps: int, start: threading.Barrier, gives_up: int | None) -> list[float]:
            found = []
            with batcher.making():
                start.wait()
                step = batcher.bind(kernel, {"fixed": np.array([100.0 * number])})
                for done in range(steps):
                    if done == gives_up:
                        raise ValueError("by itself")
                    found.append(step({"x": np.array([float(done)])})[0].item())
            return found

        def make(kernels: list[Any], steps: list[int], gives_up: Mapping[int, int] | None = None) -> list[Any]:
            start = threading.Barrier(len(steps))
            with ThreadPoolExecutor(len(steps)) as threads:
                futures = [
                    threads.submit(loop, kernel, number, count, start, (gives_up or {}).get(number))
                    for number, (kernel, count) in enumerate(zip(kernels, steps, strict=True))
                ]
                errors = [future.exception(PATIENCE_S) for future in futures]
                return [error or future.result() for error, future in zip(errors, futures, strict=True)]

        yield make


def own(number: int, steps: int) -> list[float]:
    return [100.0 * number + step for step in range(steps)]


def test_loops_of_different_lengths_share_calls_to_the_end(make: Makes) -> None:
    kernel = Kernel(3)
    assert make([kernel] * 3, [1, 2, 4]) == [own(0, 1), own(1, 2), own(2, 4)]
    assert [len(call) for call in kernel.calls] == [3] * 4
    # The rest of a row of three repeats its first; nobody waits for who is through.
    assert kernel.calls == [[0.0] * 3, [1.0] * 3, [2.0] * 3, [3.0] * 3]
    assert len(kernel.threads) == 1
    assert kernel.threads.isdisjoint({threading.get_ident()})


def test_a_full_batch_does_not_wait_for_the_others() -> None:
    kernel: Any = Kernel(2)
    with StepBatcher() as batcher, ThreadPoolExecutor(2) as threads, batcher.making(), batcher.making():
        steps = [batcher.bind(kernel, {"fixed": np.array([100.0 * number])}) for number in range(2)]
        with batcher.making():  # a third one, who comes with no step
            futures = [threads.submit(step, {"x": np.zeros(1)}) for step in steps]
            assert [future.result(PATIENCE_S)[0].item() for future in futures] == [0.0, 100.0]
    assert kernel.calls == [[0.0, 0.0]]


def test_a_batch_that_is_not_full_waits_for_who_may_come(make: Makes) -> None:
    kernel = Kernel(2)
    assert make([kernel] * 5, [6] * 5) == [own(number, 6) for number in range(5)]
    assert len(kernel.calls) < 30  # one at a time at worst


def test_kernels_take_turns_and_those_of_one_request_are_run_alone(make: Makes) -> None:
    batched, alone = Kernel(4), Kernel(1)
    found = make([batched, alone, batched, alone], [3, 3, 3, 3])
    assert found == [own(number, 3) for number in range(4)]
    assert all(len(call) == 1 for call in alone.calls)
    assert len(alone.calls) == 6
    assert len(batched.calls) <= 6
    assert batched.threads == alone.threads


def test_who_gives_up_is_not_waited_for(make: Makes) -> None:
    kernel = Kernel(3)
    first, second, third = make([kernel] * 3, [5, 5, 5], gives_up={1: 2})
    assert (first, third) == (own(0, 5), own(2, 5))
    assert isinstance(second, ValueError)


def test_what_a_call_fails_by_is_told_to_all_who_were_in_it(make: Makes) -> None:
    kernel, fine = Kernel(2), Kernel(2)
    kernel.fail = True
    found = make([kernel, kernel, fine, fine], [3] * 4)
    assert [type(each) for each in found] == [ProviderError, ProviderError, list, list]
    assert found[2:] == [own(2, 3), own(3, 3)]
    kernel.fail = False
    assert make([kernel, kernel], [2, 2]) == [own(0, 2), own(1, 2)]  # goes on after that


def test_inputs_that_do_not_fit_together_fail_and_do_not_hang() -> None:
    kernel: Any = Kernel(2)
    with StepBatcher() as batcher, ThreadPoolExecutor(2) as threads, batcher.making(), batcher.making():
        steps = [batcher.bind(kernel, {"fixed": np.zeros(size)}) for size in (1, 2)]
        futures = [threads.submit(step, {"x": np.zeros(1)}) for step in steps]
        assert [type(future.exception(PATIENCE_S)) for future in futures] == [ValueError] * 2


@pytest.fixture(scope="module")
def kernels() -> tuple[GraphSession, GraphSession]:
    """The toy's kernel of a batch, and that of one request."""
    bundle = Bundle.open(TOY)
    cpu = Provider("cpu", "", 1)
    return GraphSession.load(bundle, STEP, cpu, 2, 20, 2, 4, 3), GraphSession.load(bundle, STEP, cpu, 2, 20, 2, 4)


def drawn(session: GraphSession, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = {tensor.name: rng.standard_normal(tensor.shape, np.float32) for tensor in session.spec.inputs}
    values["t"][:] = rng.integers(0, 1000)
    return values


def stacked(requests: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([request[name] for request in requests]) for name in requests[0]}


def test_a_batch_is_as_many_single_calls_each_at_its_own_level(kernels: tuple[GraphSession, GraphSession]) -> None:
    batched, single = kernels
    requests = [drawn(single, seed) for seed in range(3)]
    assert len({float(request["t"][0]) for request in requests}) == 3
    found = batched.run(stacked(requests))
    for row, request in enumerate(requests):
        for ours, theirs in zip(found, single.run(request), strict=True):
            np.testing.assert_allclose(ours[row], theirs, atol=1e-5)


def test_what_is_no_number_in_one_request_stays_there(kernels: tuple[GraphSession, GraphSession]) -> None:
    batched, single = kernels
    requests = [drawn(single, seed) for seed in range(3)]
    clean = batched.run(stacked(requests))
    requests[1]["x"][:] = np.nan
    found = batched.run(stacked(requests))
    assert all(np.isnan(output[1]).all() for output in found)
    for ours, theirs in zip(found, clean, strict=True):
        np.testing.assert_allclose(ours[[0, 2]], theirs[[0, 2]], atol=1e-6)
