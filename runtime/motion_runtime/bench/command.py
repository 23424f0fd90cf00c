"""What `motion-bench` does.

Protocol. Steps of one shape run in ONE process, interleaved: every round times each provider and precision once, in a
rotating order, so that noise of the machine meets all alike. A cold start is a new process with a warm file cache. Bulk
is what `motion-run --jobs` does, files included, with the provider and precision that it would choose; where the bundle
has kernels of a batch for these, once without and once with them, each with sessions of its own to load.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.errors import InputError
from motion_runtime.backends.provider import choose_provider
from motion_runtime.bench import machine
from motion_runtime.bench.limits import measure_limits
from motion_runtime.bench.report import draw_steps, table
from motion_runtime.bench.step import BRANCHES, Sizes, measure_steps, working_providers
from motion_runtime.bench.whole import measure_bulk, measure_cold
from motion_runtime.bundle import Bundle
from motion_runtime.generator import Generator
from motion_runtime.manifest import STEP


def bench(
    folder: Path | None,
    *,
    people: Sequence[int] = (),
    frames: Sequence[int] = (),
    providers: Sequence[str] = (),
    precisions: Sequence[str] = (),
    threads: int | None = None,
    rounds: int = 30,
    seconds: float = 6.0,
    cold: bool = True,
    bulk: int = 8,
    json_path: Path | None = None,
    plot: Path | None = None,
) -> None:
    """Measure a bundle and print the table; arguments as the options of `motion-bench`.

    Raises:
        MotionError: The bundle cannot be used, nothing that was asked for works here, or a file cannot be written.
    """
    bundle = Bundle.open(folder)
    description = machine.describe()
    shapes = _shapes(bundle, people, frames)
    working, left_out = working_providers(bundle, threads, providers, precisions)
    if not working:
        reason = next(iter(left_out.values()), "no provider computes in such a precision")
        raise InputError(f"expected a provider that works here, got none; {reason}")
    chosen = choose_provider("auto", threads, "auto", bundle.manifest.precisions)
    count = next(iter(working.values())).threads
    result: dict[str, Any] = {
        "benchmark": "motion-bench",
        "bundle": {"name": bundle.manifest.name, "sha256": bundle.sha256},
        "machine": description,
        "threads": count,
        "rounds": rounds,
        "motion_seconds": seconds,
        "chosen": f"{chosen.name} in {chosen.precision}",
        "left_out": left_out,
    }
    sizes = Sizes.of(bundle)
    if sizes is not None:
        _say("the machine's limits")
        tokens = BRANCHES * (1 + shapes[-1][0] + bundle.manifest.scene_tokens + shapes[-1][0] * shapes[-1][1])
        result["limits"] = measure_limits(tokens, sizes.width, sizes.feedforward, count, rounds)
    result["steps"] = measure_steps(bundle, working, shapes, rounds, _say)
    if cold:
        _say("new processes")
        result["cold"] = measure_cold(bundle.folder, seconds, max(1, min(5, rounds // 3)))
    if bulk:
        _say(f"{bulk} motions")
        result["bulk"] = measure_bulk(Generator(bundle, chosen), bulk, seconds)
        batched = Generator(bundle, chosen)
        if batched.batch > 1:
            _say(f"{bulk} motions, {batched.batch} requests in a call")
            result["bulk_batched"] = measure_bulk(batched, bulk, seconds, batched.batch)
    text = json.dumps(result, indent=1) + "\n"
    if json_path is not None and str(json_path) != "-":
        with atomic_file(json_path) as path:
            path.write_text(text, encoding="utf-8")
    if plot is not None:
        draw_steps(plot, result["steps"], f"one guided step on {machine.in_words(description)}")
    click.echo(text if str(json_path) == "-" else table(result), nl=False)


def _say(what: str) -> None:
    click.echo(f"measuring {what}", err=True)


def _shapes(bundle: Bundle, people: Sequence[int], frames: Sequence[int]) -> list[tuple[int, int]]:
    """Shapes of the bundle's step kernels that were asked for, in order.

    Raises:
        InputError: It has none of these.
    """
    there = sorted({(graph.people, graph.frames) for graph in bundle.manifest.graphs if graph.role == STEP})
    found = [(p, t) for p, t in there if (not people or p in people) and (not frames or t in frames)]
    if not found:
        has = ", ".join(f"{p} x {t}" for p, t in there)
        wanted = " x ".join("/".join(map(str, counts)) or "any" for counts in (people, frames))
        raise InputError(
            f"expected kernels of the bundle (people x frames: {has}), got {wanted} for --people and --frames; "
            "choose among these"
        )
    return found
