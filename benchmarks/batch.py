"""Does a batch axis in the step kernel pay: B requests in one call against B calls?

    python benchmarks/batch.py --out benchmarks/results/batch [--bundle B] [--threads 1,2] [--batches 1,2,4,8]

Protocol. The denoiser of a bundle's sizes with random weights, exported as `motion-export` does, with B times the rows
that guidance has: the work of B requests in one call, shared weights included. All batches run in ONE process,
interleaved; a round times each once, in a rotating order. Given is the time a REQUEST, the minimum over the rounds, as
wall time and as CPU time of the process (which a busy machine distorts less), and its ratio to B = 1: below 1 a batch
pays. With --cuda the same network in PyTorch as a CUDA graph, fp32 and autocast to fp16, where there is a GPU; ONNX
Runtime's own CUDA provider is not measured here. Whole jobs with and without batches are measured by `motion-bench
--bulk 64`, of a bundle that was exported with `motion-export --batch`. Prints one JSON line last.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import machine
import onnxruntime as ort
import torch
from recorded import write_results

from motion_export.fusion import fuse_attention
from motion_export.graphs import trace
from motion_export.kernels import StepKernel, traceable
from motion_export.precisions import converted_to
from motion_runtime.backends.ort_graph import SLOW_ON_CPU, session_options
from motion_runtime.backends.provider import Provider
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import FP32, INT8
from motion_train.config import TrainConfig, from_dict
from motion_train.denoiser import Denoiser

BRANCHES = 2


def inputs_of(bundle: Bundle, people: int, frames: int, rows: int) -> dict[str, torch.Tensor]:
    """Inputs of a step kernel with so many rows."""
    m = bundle.manifest
    pose = (1, people, frames, m.pose_dim)
    tokens = 1 + people + m.scene_tokens + people * frames
    return {
        "x": torch.randn(pose),
        "x0_prev": torch.randn(pose),
        "noise": torch.randn(pose),
        "t": torch.tensor([500.0]),
        "coefficients": torch.full((4 + rows,), 0.5),
        "prefix": torch.randn(rows, people + m.scene_tokens, m.width),
        "person": torch.randn(rows, people, m.width),
        "key_bias": torch.zeros(rows, tokens),
    }


def on_cpu(
    denoiser: Denoiser, bundle: Bundle, shape: tuple[int, int], batches: Sequence[int], precision: str, threads: int
) -> dict[int, Callable[[], Any]]:
    """A session a batch size."""
    found: dict[int, Callable[[], Any]] = {}
    provider = Provider("cpu", "", threads, precision)
    with TemporaryDirectory() as folder:
        for batch in batches:
            inputs = inputs_of(bundle, *shape, BRANCHES * batch)
            kernel = StepKernel(traceable(denoiser), BRANCHES * batch)
            plain = trace(kernel, inputs, ["x_next", "x0"], "step")
            if precision != FP32:
                plain = converted_to(precision, plain)
            path = Path(folder) / f"{batch}.onnx"
            path.write_bytes(fuse_attention(plain).SerializeToString())
            session = ort.InferenceSession(
                str(path), session_options(provider), providers=["CPUExecutionProvider"],
                disabled_optimizers=SLOW_ON_CPU,
            )  # fmt: skip
            arrays = {name: value.numpy() for name, value in inputs.items()}
            found[batch] = lambda session=session, arrays=arrays: session.run(None, arrays)
    return found


def on_cuda(
    denoiser: Denoiser, bundle: Bundle, shape: tuple[int, int], batches: Sequence[int], half: bool
) -> dict[int, Callable[[], Any]]:
    """A CUDA graph a batch size."""
    found: dict[int, Callable[[], Any]] = {}
    for batch in batches:
        inputs = {name: value.cuda() for name, value in inputs_of(bundle, *shape, BRANCHES * batch).items()}
        kernel = StepKernel(traceable(denoiser), BRANCHES * batch).cuda().eval()
        stream = torch.cuda.Stream()
        # No cache of cast weights: what it holds would be freed under the recording.
        cast = torch.autocast("cuda", torch.float16, enabled=half, cache_enabled=False)
        with torch.cuda.stream(stream), torch.no_grad(), cast:
            for _ in range(3):
                kernel(*inputs.values())
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.no_grad(), cast, torch.cuda.graph(graph):
            kernel(*inputs.values())

        def replay(graph: Any = graph, _keep: Any = (kernel, inputs)) -> None:
            graph.replay()
            torch.cuda.synchronize()

        found[batch] = replay
    return found


def interleaved(calls: dict[int, Callable[[], Any]], rounds: int) -> dict[int, dict[str, float]]:
    """Best seconds a request, by batch: wall time and CPU time."""
    names = list(calls)
    wall: dict[int, list[float]] = {name: [] for name in names}
    used: dict[int, list[float]] = {name: [] for name in names}
    for number in range(-2, rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            cpu, start = time.process_time(), time.perf_counter()
            calls[name]()
            if number >= 0:
                wall[name].append((time.perf_counter() - start) / name)
                used[name].append((time.process_time() - cpu) / name)
    return {name: {"wall_s": min(wall[name]), "cpu_s": min(used[name])} for name in names}


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    batches = result["batches"]
    lines = [
        f"{machine.in_words(result['machine'])}; load before: {result['machine']['load_before']}. Minimum of "
        f"{result['rounds']} interleaved rounds; ms a request of wall time (ratio to B = 1, wall / CPU time). "
        "Protocol: [benchmarks/batch.py](../batch.py).",
        "",
        "| one guided step | " + " | ".join(f"B = {batch}" for batch in batches) + " |",
        "|---|" + "---|" * len(batches),
    ]
    for row in result["rows"]:
        base, cells = row["times"][str(batches[0])], []
        for batch in map(str, batches):
            own = row["times"][batch]
            ratio = f"{own['wall_s'] / base['wall_s']:.2f} / {own['cpu_s'] / base['cpu_s']:.2f}"
            cells.append(f"{own['wall_s'] * 1e3:.2f} ({ratio})")
        lines.append(f"| {row['where']}, {row['people']} x {row['frames']} frames | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _integers(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, ...]:
    return tuple(int(part) for part in value.split(","))


@click.command()
@click.option("--bundle", "folder", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--batches", default="1,2,4,8", callback=_integers, show_default=True)
@click.option("--threads", default="1,2", callback=_integers, show_default=True)
@click.option("--frames", default="60,120", callback=_integers, show_default=True)
@click.option("--precisions", default=f"{FP32},{INT8}", show_default=True)
@click.option("--rounds", default=20, show_default=True)
@click.option("--cuda", is_flag=True, help="On a GPU too.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(
    folder: Path | None,
    batches: tuple[int, ...],
    threads: tuple[int, ...],
    frames: tuple[int, ...],
    precisions: str,
    rounds: int,
    cuda: bool,
    out: Path,
) -> None:
    """Measure batches."""
    bundle = Bundle.open(folder)
    torch.manual_seed(0)
    denoiser = Denoiser(from_dict(TrainConfig, bundle.manifest.training["config"]).model)
    description = machine.describe()
    rows = []
    for length in frames:
        for precision in precisions.split(","):
            for count in threads:
                where = f"CPU {precision}, {count} thread{'s' * (count > 1)}"
                calls = on_cpu(denoiser, bundle, (1, length), batches, precision, count)
                rows.append({"where": where, "frames": length, "times": interleaved(calls, rounds)})
        for half in (False, True) if cuda else ():
            calls = on_cuda(denoiser, bundle, (1, length), batches, half)
            where = f"{torch.cuda.get_device_name()}, PyTorch {'fp16' if half else 'fp32'}, CUDA graph"
            rows.append({"where": where, "frames": length, "times": interleaved(calls, rounds)})
    result = {"benchmark": "batch", "machine": description, "batches": batches, "rounds": rounds,
              "rows": [{"people": 1, **row} for row in rows]}  # fmt: skip
    result = json.loads(json.dumps(result))
    write_results(out, result, table(result))
    click.echo(table(result))
    click.echo(json.dumps(result))


if __name__ == "__main__":
    main()
