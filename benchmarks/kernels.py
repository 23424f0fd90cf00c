"""How fast is a step kernel, by backend and precision, and how near to what the machine can do?

    python benchmarks/kernels.py --out benchmarks/results/kernels [--bundle B] [--checkpoint RUN] [--threads 1]

Protocol. One guided step (K branches, guidance, the sampler's update) of one shape. All contenders run in ONE process,
interleaved: every round times each of them once, in a rotating order; minimum and median over the rounds. The matrix
product beside them is PyTorch's, fp32, of the shape of the layers' largest one, the inner kernel of the same library
that eager mode uses: the *share* is a kernel's useful operations a second over that product's.
Operations are counted from the network's sizes: two for each multiplication and addition of its matrix products,
attention included; norms, softmax, GELU and the update count as nothing.

'With fp32 at the end' is what a motion pays on average for a step in int8 or bf16, whose last tenth of the noise levels
runs in fp32. What each precision costs in motion stands in the bundle's manifest, measured by motion-export, and below.

On a busy machine use --threads 1 --clock cpu: the time that the process computes, without what it waits for others;
PyTorch's threads also spin while they wait for each other. Prints one JSON line last.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import machine
import numpy as np
import torch
from latency import TORCH, Network, step_inputs
from recorded import write_results

from motion_preprocessing.errors import MotionError
from motion_runtime.backends.provider import CAN, FINE_LEVELS
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import BF16, FP32, FUSED, INT8, PLAIN, STEP
from motion_runtime.session import GraphSession, choose_provider

PRODUCT = "matrix product in PyTorch"
BRANCHES = 2
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def operations(config: Any, people: int, frames: int, scene_tokens: int, branches: int) -> float:
    """Multiplications and additions of one step's matrix products, times two."""
    d, ff, poses = config.width, config.feedforward, people * frames
    tokens = 1 + people + scene_tokens + poses
    full = 4 * tokens * d * d + 2 * tokens * tokens * d + 2 * tokens * d * ff
    # The last layer computes its queries, and what follows them, for poses only.
    last = 2 * tokens * d * d + 2 * poses * d * d + 2 * poses * tokens * d + 2 * poses * d * ff
    return 2.0 * branches * ((config.layers - 1) * full + last + 2 * poses * config.pose_dim * d)


def contenders(bundle: Bundle, inputs: dict[str, Any], people: int, frames: int, threads: int) -> dict[str, Any]:
    """Every backend and precision that works here, loaded."""
    found: dict[str, Any] = {}
    for name, precisions in CAN.items():
        for precision in precisions:
            if precision not in bundle.manifest.precisions:
                continue
            try:
                provider = choose_provider(name, threads, precision, bundle.manifest.precisions)
                session = GraphSession.load(bundle, STEP, provider, people, frames, BRANCHES)
                session.run(inputs)
            except MotionError as error:
                click.echo(f"{name} {precision}: left out, {error}", err=True)
                continue
            found[f"{name} {precision}"] = session
    spec = bundle.find(STEP, PLAIN, people, frames, BRANCHES)
    assert spec is not None
    plain = GraphSession(bundle.path(spec.file), spec, choose_provider("cpu", threads, FP32))
    assert found["cpu fp32"].spec.variant == FUSED
    return {"cpu fp32, plain graph": plain, **found}


def interleaved(
    timed: dict[str, Callable[[], Any]], rounds: int, clock: Callable[[], float]
) -> dict[str, dict[str, float]]:
    """Time every contender once a round, in rotating order, after two rounds of warm-up."""
    names = list(timed)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-2, rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            start = clock()
            timed[name]()
            if number >= 0:
                seconds[name].append(clock() - start)
    return {name: {"min_s": min(values), "median_s": float(np.median(values))} for name, values in seconds.items()}


def measure_shape(
    bundle: Bundle, network: Network, people: int, frames: int, threads: int, rounds: int, clock: str, compare: bool
) -> dict[str, Any]:
    """Time one shape."""
    config = network.module.config
    inputs = step_inputs(bundle, people, frames)
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
    sessions = contenders(bundle, inputs, people, frames, threads)
    tokens = BRANCHES * (1 + people + bundle.manifest.scene_tokens + people * frames)
    left, right = torch.randn(tokens, config.width), torch.randn(config.width, config.feedforward)
    # As often as a kernel's operations, so that the two are timed over the same span.
    useful = operations(config, people, frames, bundle.manifest.scene_tokens, BRANCHES)
    repeats = max(1, round(useful / (2 * tokens * config.width * config.feedforward)))

    def product() -> None:
        for _ in range(repeats):
            torch.mm(left, right)

    timed: dict[str, Callable[[], Any]] = {TORCH: lambda: network.step(tensors), PRODUCT: product}
    for name, session in sessions.items():
        timed[name] = lambda session=session: session.run(inputs)
    with torch.inference_mode():
        times = interleaved(timed, rounds, CLOCKS[clock])
    for name, row in times.items():
        done = 2.0 * tokens * config.width * config.feedforward * repeats if name == PRODUCT else useful
        row["gflop_s"] = done / row["min_s"] / 1e9
    row = {"people": people, "frames": frames, "branches": BRANCHES, "gflop": useful / 1e9, "times": times}
    if compare:
        expected = network.step(tensors).numpy()
        row["max_abs_difference"] = {
            name: float(np.abs(session.run(inputs)[0] - expected).max()) for name, session in sessions.items()
        }
    return row


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    load = result["machine"]["load_before"]
    lines = [
        f"{machine.in_words(result['machine'])}; load before: {load}. {result['threads']} threads, "
        f"{result['clock']} time, minimum / median of {result['rounds']} interleaved rounds. "
        "Protocol: [benchmarks/kernels.py](../kernels.py).",
    ]
    for shape in result["shapes"]:
        times = shape["times"]
        base, rate = times[TORCH], times[PRODUCT]["gflop_s"]
        exact = times["cpu fp32"]
        lines += [
            "",
            f"**{shape['people']} x {shape['frames']} frames, {shape['branches']} branches** "
            f"({shape['gflop']:.1f} GFLOP a step; the matrix product runs at {rate:.0f} GFLOP/s)",
            "",
            "| one guided step | ms | ratio to PyTorch | with fp32 at the end | share of the product's rate |",
            "|---|---|---|---|---|",
        ]
        for name, row in times.items():
            if name == PRODUCT:
                continue
            ratio = {key: row[key] / base[key] for key in ("min_s", "median_s")}
            mixed = ""
            if name.endswith((INT8, BF16)):
                whole = [FINE_LEVELS * exact[k] / base[k] + (1 - FINE_LEVELS) * ratio[k] for k in ratio]
                mixed = f"{whole[0]:.2f} / {whole[1]:.2f}"
            lines.append(
                f"| {name} | {row['min_s'] * 1e3:.1f} / {row['median_s'] * 1e3:.1f} | {ratio['min_s']:.2f} / "
                f"{ratio['median_s']:.2f} | {mixed} | {100 * row['gflop_s'] / rate:.0f} % |"
            )
    lines += motion_table(result["precisions"])
    return "\n".join(lines) + "\n"


def motion_table(precisions: dict[str, Any]) -> list[str]:
    """What the bundle's manifest says of its precisions, as Markdown."""
    moved = {name: values["motion"] for name, values in precisions.items() if "motion" in values}
    if not moved:
        return []
    first = next(iter(moved.values()))
    lines = ["", f"| over {first['motions']} motions | fp32 | " + " | ".join(moved) + " | may differ by |"]
    lines.append("|---|---|" + "---|" * (len(moved) + 1))
    for figure, row in first["figures"].items():
        cells = " | ".join(f"{motion['figures'][figure]['found']:.4g}" for motion in moved.values())
        lines.append(f"| {figure} | {row[FP32]:.4g} | {cells} | {row['limit']:.2g} |")
    cells = " | ".join(f"{motion['jerk_ks']['found']:.2g}" for motion in moved.values())
    lines.append(f"| jerk, Kolmogorov-Smirnov | 0 | {cells} | {first['jerk_ks']['limit']:g} |")
    cells = " | ".join(f"{motion['joints_apart_mm']['mean']:.1f}" for motion in moved.values())
    lines.append(f"| joints apart from fp32's, mean, mm | 0 | {cells} | |")
    cells = " | ".join(f"{100 * precisions[name]['relative_rms']:.2g} %" for name in moved)
    lines.append(f"| one step apart from PyTorch, relative RMS | 0 | {cells} | |")
    return lines


@click.command()
@click.option("--bundle", "folder", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Run that the bundle was exported from.")
@click.option("--people", default=1, show_default=True)
@click.option("--rounds", default=30, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="Default: as many as the process is granted cores.")
@click.option("--clock", type=click.Choice(list(CLOCKS)), default="wall", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(
    folder: Path | None, checkpoint: Path | None, people: int, rounds: int, threads: int | None, clock: str, out: Path
) -> None:
    """Measure step kernels."""
    bundle = Bundle.open(folder)
    count = choose_provider("cpu", threads).threads
    torch.set_num_threads(count)
    network = Network(bundle, checkpoint)
    description = machine.describe()
    result = {
        "benchmark": "kernels",
        "bundle": {"name": bundle.manifest.name, "sha256": bundle.sha256},
        "machine": description,
        "threads": count,
        "rounds": rounds,
        "clock": clock,
        "precisions": dict(bundle.manifest.precisions),
        "shapes": [
            measure_shape(bundle, network, people, frames, count, rounds, clock, compare=checkpoint is not None)
            for frames in bundle.manifest.frames
        ],
    }
    write_results(out, result, table(result))
    click.echo(table(result))
    click.echo(json.dumps(result))


if __name__ == "__main__":
    main()
