"""Should ONNX Runtime's threads spin while they wait for each other, and for how long?

    python benchmarks/spinning.py --out benchmarks/results/spinning [--bundle B] [--threads N] [--rounds R]

Protocol. One step of the default bundle's kernel for one person and its longest motion, in the CPU's own precision, by
one session a setting: threads that sleep as soon as there is nothing to do, that spin for some microseconds first, and
that spin until the run ends. All in ONE process, interleaved: a round takes ten steps of each. The same beside
processes that do nothing but count, one and as many as there are threads, since it is on busy machines that spinning
costs others. Given are the median wall time and the mean CPU time of a step, as ratios to threads that sleep. Prints
one JSON line last.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np
import onnxruntime as ort
from recorded import write_results

from motion_runtime.backends.obstacles import quiet_options
from motion_runtime.backends.ort_graph import SLOW_ON_CPU, SPIN_US
from motion_runtime.backends.provider import Provider, choose_provider
from motion_runtime.bench.step import step_inputs
from motion_runtime.bundle import Bundle
from motion_runtime.cores import granted_cores
from motion_runtime.manifest import FUSED, STEP

STEPS = 10
SETTINGS: dict[str, str | None] = {
    "sleep at once": None, f"spin for {SPIN_US} us": str(SPIN_US), "spin for 100 us": "100", "spin to the end": "",
}  # fmt: skip
"""Microseconds; None = no spinning, '' = as long as a run takes."""


def sessions(bundle: Bundle, provider: Provider, file: str) -> dict[str, ort.InferenceSession]:
    """One a setting."""
    found = {}
    for name, duration in SETTINGS.items():
        options = quiet_options()
        options.intra_op_num_threads = provider.threads
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(duration is not None)))
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.add_session_config_entry("session.intra_op.spin_duration_us", duration or "1000000")
        found[name] = ort.InferenceSession(
            str(bundle.path(file)), options, providers=["CPUExecutionProvider"],
            disabled_optimizers=SLOW_ON_CPU,
        )  # fmt: skip
    return found


@contextmanager
def beside(count: int) -> Iterator[None]:
    """Processes that keep a core each busy."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def timed(
    found: dict[str, ort.InferenceSession], inputs: dict[str, Any], rounds: int
) -> dict[str, dict[str, float]]:
    """Median wall time and mean CPU time of a step, s."""
    wall: dict[str, list[float]] = {name: [] for name in found}
    used = dict.fromkeys(found, 0.0)
    for number in range(-1, rounds):
        for name, session in found.items():
            cpu = time.process_time()
            for _ in range(STEPS):
                start = time.perf_counter()
                session.run(None, inputs)
                if number >= 0:
                    wall[name].append(time.perf_counter() - start)
            if number >= 0:
                used[name] += time.process_time() - cpu
    return {
        name: {"wall_s": float(np.median(wall[name])), "cpu_s": used[name] / (rounds * STEPS)} for name in found
    }


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{machine.in_words(result['machine'])}; load before: {result['machine']['load_before']}. "
        f"{result['precision']}, {result['threads']} threads, {result['rounds']} interleaved rounds of {STEPS} "
        "steps; ms a step, median wall time / mean CPU time (ratios to threads that sleep at once). "
        "Protocol: [benchmarks/spinning.py](../spinning.py).",
        "",
        "| beside | " + " | ".join(SETTINGS) + " |",
        "|---|" + "---|" * len(SETTINGS),
    ]
    for row in result["rows"]:
        base, cells = next(iter(row["times"].values())), []
        for own in row["times"].values():
            wall, cpu = own["wall_s"], own["cpu_s"]
            cells.append(
                f"{1e3 * wall:.2f} / {1e3 * cpu:.2f} ({wall / base['wall_s']:.2f} / {cpu / base['cpu_s']:.2f})"
            )
        who = f"{row['busy']} busy processes" if row["busy"] != 1 else "1 busy process"
        lines.append(f"| {who if row['busy'] else 'nothing'} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@click.command(help=__doc__)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--bundle", type=click.Path(path_type=Path, exists=True), default=None)
@click.option("--threads", type=click.IntRange(2), default=None, help="Default: the granted cores.")
@click.option("--rounds", type=click.IntRange(1), default=40, show_default=True)
def main(out: Path, bundle: Path | None, threads: int | None, rounds: int) -> None:
    """Measure and record."""
    about = machine.describe()
    opened = Bundle.open(bundle)
    provider = choose_provider("cpu", threads or max(2, granted_cores()), "auto", opened.manifest.precisions)
    people, frames = 1, max(opened.manifest.frames)
    spec = opened.find(STEP, FUSED, people, frames, 1, precision=provider.precision)
    assert spec is not None
    inputs = step_inputs(opened, people, frames, 1)
    found = sessions(opened, provider, spec.file)
    rows = []
    for busy in (0, 1, provider.threads):
        with beside(busy):
            rows.append({"busy": busy, "times": timed(found, inputs, rounds)})
        click.echo(json.dumps(rows[-1]))
    result = {
        "machine": about, "bundle": opened.manifest.name, "precision": provider.precision, "threads": provider.threads,
        "rounds": rounds, "rows": rows,
    }  # fmt: skip
    text = table(result)
    write_results(out, result, text)
    click.echo(text)
    click.echo(json.dumps(result))


if __name__ == "__main__":
    main()
