"""Do kernels of one process share their weights, and what would it cost if they did?

    python benchmarks/weights_in_memory.py --out benchmarks/results/weights_in_memory [--bundle B] [--rounds R]

All kernels read one weights file. ONNX Runtime maps it into memory, where its pages are there once however many
sessions read them, but then packs the matrices of every session anew, into the order in which its products run fastest
(`session.disable_prepacking` keeps it from that; its containers for packed weights that sessions share are not part of
the Python interface).

Protocol. Kernels of one guidance branch, from the smallest to the largest shape, are loaded and run once each, one
after the other, in a fresh process a setting; given is the proportional set size (PSS, Linux) after the first and what
each further one adds. Speed: a step of one person and of the most people, longest motion, packed and mapped, in ONE
process, interleaved, three steps of each a round; minimum and median. Prints one JSON line last.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np
import onnxruntime as ort
from recorded import write_results

from motion_runtime.backends.ort_graph import SLOW_ON_CPU, session_options
from motion_runtime.backends.provider import Provider, choose_provider
from motion_runtime.bench.step import step_inputs
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import FUSED, STEP

STEPS = 3
PRECISIONS = ("fp32", "int8")
SETTINGS = {"packed": "0", "mapped": "1"}
"""What `session.disable_prepacking` is set to."""


def session(bundle: Bundle, provider: Provider, precision: str, people: int, frames: int, setting: str) -> Any:
    """A step kernel of one branch."""
    spec = bundle.find(STEP, FUSED, people, frames, 1, precision=precision)
    assert spec is not None
    options = session_options(provider)
    options.add_session_config_entry("session.disable_prepacking", SETTINGS[setting])
    return ort.InferenceSession(
        str(bundle.path(spec.file)), options, providers=["CPUExecutionProvider"], disabled_optimizers=SLOW_ON_CPU
    )


def set_size_mb() -> float:
    """Proportional set size of this process, MB: pages that several mappings share count once."""
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("no Pss in /proc/self/smaps_rollup")


def loaded(bundle: Bundle, provider: Provider, precision: str, setting: str) -> list[float]:
    """MB of this process before any kernel and after each."""
    kept, sizes = [], [set_size_mb()]
    for people in bundle.manifest.people:
        for frames in bundle.manifest.frames:
            kept.append(session(bundle, provider, precision, people, frames, setting))
            kept[-1].run(None, step_inputs(bundle, people, frames, 1))
            sizes.append(set_size_mb())
    return sizes


def timed(bundle: Bundle, provider: Provider, precision: str, people: int, rounds: int) -> dict[str, list[float]]:
    """Minimum and median ms a step of each setting."""
    frames = max(bundle.manifest.frames)
    found = {setting: session(bundle, provider, precision, people, frames, setting) for setting in SETTINGS}
    inputs = step_inputs(bundle, people, frames, 1)
    times: dict[str, list[float]] = {setting: [] for setting in SETTINGS}
    for number in range(-1, rounds):
        for setting, own in found.items():
            start = time.perf_counter()
            for _ in range(STEPS):
                own.run(None, inputs)
            if number >= 0:
                times[setting].append(1e3 * (time.perf_counter() - start) / STEPS)
    return {setting: [min(own), float(np.median(own))] for setting, own in times.items()}


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{machine.in_words(result['machine'])}; load before: {result['machine']['load_before']}. Kernels of "
        f"{result['shapes']} shapes, {result['threads']} threads, {result['rounds']} interleaved rounds of {STEPS} "
        "steps. Protocol: [benchmarks/weights_in_memory.py](../weights_in_memory.py).",
        "",
        "| precision | weights | first kernel, MB | each further one, MB | all, MB | "
        + " | ".join(f"a step, {people} x {result['frames']} frames, ms: min / median" for people in result["people"])
        + " |",
        "|---|---|---|---|---|" + "---|" * len(result["people"]),
    ]
    for row in result["rows"]:
        for setting in SETTINGS:
            sizes = row["mb"][setting]
            steps = []
            for times in row["ms"]:
                least, middle = times[setting]
                base = times["packed"]
                steps.append(f"{least:.1f} / {middle:.1f} (x {least / base[0]:.2f} / {middle / base[1]:.2f})")
            further = (sizes[-1] - sizes[1]) / (len(sizes) - 2)
            lines.append(
                f"| {row['precision']} | {setting} | {sizes[1] - sizes[0]:.0f} | {further:.0f} | "
                f"{sizes[-1] - sizes[0]:.0f} | " + " | ".join(steps) + " |"
            )
    return "\n".join(lines) + "\n"


@click.command(help=__doc__)
@click.option("--out", type=click.Path(path_type=Path), help="Stem of the .json and .md to write.")
@click.option("--bundle", type=click.Path(path_type=Path, exists=True), default=None)
@click.option("--rounds", type=click.IntRange(1), default=30, show_default=True)
@click.option("--only", nargs=2, hidden=True, help="Precision and setting whose sizes are printed, in this process.")
def main(out: Path | None, bundle: Path | None, rounds: int, only: tuple[str, str] | None) -> None:
    """Measure and record."""
    opened = Bundle.open(bundle)
    provider = choose_provider("cpu")
    if only:
        click.echo(json.dumps(loaded(opened, provider, *only)))
        return
    if out is None:
        raise click.UsageError("expected --out, got none; give the stem of the files to write")
    about = machine.describe()
    most = (1, max(opened.manifest.people))
    rows = []
    for precision in PRECISIONS:
        sizes = {}
        for setting in SETTINGS:
            command = [sys.executable, __file__, "--only", precision, setting]
            command += ["--bundle", str(bundle)] if bundle else []
            sizes[setting] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        times = [timed(opened, provider, precision, people, rounds) for people in most]
        rows.append({"precision": precision, "mb": sizes, "ms": times})
    result = {
        "machine": about, "bundle": opened.sha256, "threads": provider.threads, "rounds": rounds, "people": most,
        "frames": max(opened.manifest.frames), "rows": rows,
        "shapes": len(opened.manifest.people) * len(opened.manifest.frames),
    }  # fmt: skip
    text = table(result)
    write_results(out, result, text)
    click.echo(text)
    click.echo(json.dumps(result))


if __name__ == "__main__":
    main()
