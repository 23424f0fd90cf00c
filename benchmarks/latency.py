"""How fast: ONNX Runtime's step kernels against the same network in PyTorch, called twice a step as MDM does.

    python benchmarks/latency.py --out benchmarks/results/latency [--bundle B] [--checkpoint RUN]

`motion-bench` measures the same kernels without PyTorch, on a user's machine.

Protocol. All contenders run in ONE process, interleaved: every round times each of them once, in a rotating order, so
that noise of the machine meets all alike; minimum and median over the rounds. Threads: as many as the process is
granted cores, or --threads, for all (on a busy machine use 1: PyTorch's threads wait for each other, spinning).
A *guided step* is two branches of the network, classifier-free guidance and the sampler's update. A *motion* is 6 s of
one person and no room, prompt to joints; no side has a room's tokens. 'PyTorch, 50 steps' is MDM's way to the same
result: eager mode, 50 DDPM steps, two calls a step; against it stands what motion-run does by default, sampler, steps
and precision included.
'PyTorch compiled' is torch.compile with both branches in one call; it is left out where there is no C++ compiler.
Cold start is a new process, with the operating system's file cache warm: from its start to the end of the first
denoising step, and to the finished motion; peak memory is that process's.

The network in PyTorch holds the checkpoint's weights where one is given, and its outputs are compared; else random
ones of the same shapes, which take the same time. Its attention is coded as it is trained on CPUs: spelt out, which is
faster there than PyTorch's own kernel. Prints one JSON line last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as motion-run does

import click
import machine
import numpy as np
import torch
from recorded import write_results
from torch import Tensor

from motion_preprocessing.errors import BundleError, ProviderError
from motion_runtime import GenerationRequest, Generator
from motion_runtime.bench.report import draw_bars, draw_steps
from motion_runtime.bench.step import BRANCHES, GUIDANCE, interleaved, step_inputs
from motion_runtime.bench.whole import PROMPT, measure_cold
from motion_runtime.bundle import Bundle
from motion_runtime.guidance import ALL_STEPS
from motion_runtime.manifest import BF16, FP32, FUSED, PLAIN, STEP
from motion_runtime.sampler import philox_noise, plan_steps
from motion_runtime.schedule import NoiseSchedule
from motion_runtime.session import GraphSession, Provider, choose_provider
from motion_train import checkpoint as checkpoints
from motion_train.config import TrainConfig, from_dict
from motion_train.denoiser import Denoiser

SECONDS = 6.0
TORCH = "PyTorch eager, two calls"
COMPILED = "PyTorch compiled, one call"


class Network:
    """The denoiser in PyTorch, run as MDM runs its own: one call with the conditions, one without, a step."""

    def __init__(self, bundle: Bundle, run: Path | None) -> None:
        """Build it with a checkpoint's weights, or random ones."""
        config = from_dict(TrainConfig, bundle.manifest.training["config"])
        self.module = Denoiser(config.model).eval()
        self.compiled: Callable[..., Tensor] | None = None
        if run is not None:
            saved = checkpoints.load(checkpoints.find(run))
            checkpoints.load_weights(self.module, saved.ema, str(run))

    @torch.inference_mode()
    def step(self, inputs: dict[str, Tensor]) -> Tensor:
        """One guided step; the conditions are embedded once, which MDM does not."""
        x0 = []
        for row in (slice(0, 1), slice(1, 2)):
            given = [inputs[name][row] for name in ("prefix", "person", "key_bias")]
            x0.append(self.module.denoise(inputs["x"], inputs["t"], *given))
        return _updated(inputs, x0[0], x0[1])

    @torch.inference_mode()
    def compiled_step(self, inputs: dict[str, Tensor]) -> Tensor:
        """The same through torch.compile, both branches in one call."""
        if self.compiled is None:
            self.compiled = torch.compile(self.module.denoise, dynamic=False)
        given = [inputs[name] for name in ("prefix", "person", "key_bias")]
        x, t = (torch.cat([inputs[name]] * 2) for name in ("x", "t"))
        both = self.compiled(x, t, *given)
        return _updated(inputs, both[:1], both[1:])


def _updated(inputs: dict[str, Tensor], conditional: Tensor, unconditional: Tensor) -> Tensor:
    """Guidance and the sampler's update."""
    a, b, c, s, *weights = inputs["coefficients"]
    guided = weights[0] * conditional + weights[1] * unconditional
    return a * inputs["x"] + b * guided + c * inputs["x0_prev"] + s * inputs["noise"]


def measure_steps(
    bundle: Bundle, network: Network, provider: Provider, rounds: int, *, compare: bool, compiled: bool
) -> list[dict[str, Any]]:
    """Time a guided step of every kernel in the bundle."""
    rows = []
    for people in bundle.manifest.people:
        for frames in bundle.manifest.frames:
            inputs = step_inputs(bundle, people, frames)
            tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
            contenders: dict[str, Callable[[], Any]] = {TORCH: lambda tensors=tensors: network.step(tensors)}
            if compiled and _compiles(network, tensors):
                contenders[COMPILED] = lambda tensors=tensors: network.compiled_step(tensors)
            sessions = step_sessions(bundle, people, frames, provider)
            for variant, session in sessions.items():
                contenders[f"ONNX Runtime, {variant} graph"] = lambda s=session, i=inputs: s.run(i)
            row = {
                "people": people,
                "frames": frames,
                "tokens": 1 + people + bundle.manifest.scene_tokens + people * frames,
                "times": interleaved(contenders, rounds),
            }
            if compare:
                expected = network.step(tensors).numpy()
                row["max_abs_difference"] = float(np.abs([*sessions.values()][-1].run(inputs)[0] - expected).max())
            rows.append(row)
    return rows


def step_sessions(bundle: Bundle, people: int, frames: int, provider: Provider) -> dict[str, GraphSession]:
    """The guided step's kernels of a shape, by variant.

    Raises:
        BundleError: The bundle's kernels are of other numbers of branches: it was exported without guidance, say.
    """
    found = {variant: bundle.find(STEP, variant, people, frames, BRANCHES) for variant in (PLAIN, FUSED)}
    sessions = {
        name: GraphSession(bundle.path(spec.file), spec, provider) for name, spec in found.items() if spec is not None
    }
    if not sessions:
        raise BundleError(
            f"expected step kernels of {BRANCHES} guidance branches, got those of "
            f"{', '.join(map(str, bundle.manifest.branches))} for {bundle.folder}; export them too"
        )
    return sessions


def _compiles(network: Network, tensors: dict[str, Tensor]) -> bool:
    """Whether torch.compile works here; it needs a C++ compiler."""
    try:
        network.compiled_step(tensors)
    except Exception as error:  # the compiler's exceptions have no base of their own
        click.echo(f"torch.compile is left out: {str(error).splitlines()[0]:.120}", err=True)
        return False
    return True


def measure_motion(bundle: Bundle, network: Network, provider: Provider, rounds: int) -> dict[str, Any]:
    """Time 6 s of one person: what motion-run does by default, 50-step DDPM in fp32, and MDM's way in PyTorch."""
    exact = Generator(bundle, provider)
    best = choose_provider("cpu", provider.threads, "auto", bundle.manifest.precisions)
    usual = exact if best.precision == FP32 else Generator(bundle, best)
    default = bundle.manifest.default
    frames = round(SECONDS * bundle.manifest.fps)
    kernel = bundle.smallest_kernel(1, frames)
    # PyTorch, whose shapes are free, leaves out a room's tokens as the kernel without a room does.
    inputs = {name: torch.from_numpy(value) for name, value in step_inputs(bundle, *kernel, scene_tokens=0).items()}
    schedule = NoiseSchedule.named(bundle.manifest.schedule.kind, bundle.manifest.schedule.steps)
    plan = plan_steps(schedule, "ddpm", 50, guidance=GUIDANCE)

    def torch_motion() -> None:
        x = torch.from_numpy(philox_noise(0, 0, 0, tuple(inputs["x"].shape)))
        for number, step in enumerate(plan, start=1):
            noise = torch.from_numpy(philox_noise(0, 0, number, tuple(x.shape)))
            coefficients = torch.from_numpy(step.coefficients)
            t = torch.tensor([float(step.t)])
            x = network.step({**inputs, "x": x, "noise": noise, "coefficients": coefficients, "t": t})

    def ours(generator: Generator, **setting: Any) -> Callable[[], Any]:
        request = GenerationRequest(prompts=(PROMPT,), seconds=SECONDS, **setting)
        return lambda: generator.generate(request)

    as_mdm = ours(exact, sampler="ddpm", steps=50, guidance=GUIDANCE, guidance_interval=ALL_STEPS)
    low, high = default.guidance_interval
    guided = "" if (low, high) == ALL_STEPS else f" guided from {low:.0%} to {high:.0%}"
    if default.guidance == 1:
        guided = " of one call"
    settings = f"{default.sampler}, {default.steps} steps{guided}"
    reduced = {}
    try:
        fast = choose_provider("openvino", provider.threads, BF16, bundle.manifest.precisions)
    except ProviderError as error:
        click.echo(f"OpenVINO is left out: {error}", err=True)
    else:
        reduced[f"the same through OpenVINO ({fast.precision})"] = ours(Generator(bundle, fast))
    return {
        "seconds": SECONDS,
        "kernel": list(kernel),
        "times": interleaved(
            {
                f"{TORCH}, 50 DDPM steps": torch_motion,
                "ONNX Runtime fp32, 50 DDPM steps": as_mdm,
                f"motion-run's default ({settings}, {best.precision})": ours(usual),
            }
            | reduced,
            rounds,
        ),
    }


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{machine.in_words(result['machine'])}; load before: {result['machine']['load_before']}. fp32, "
        f"{result['threads']} threads, minimum / median of {result['rounds']} interleaved rounds in one process; in "
        "brackets the ratio to the first row. Protocol: [benchmarks/latency.py](../latency.py).",
        "",
        "| one guided step | " + " | ".join(f"{r['people']} x {r['frames']} frames" for r in result["steps"]) + " |",
        "|---|" + "---|" * len(result["steps"]),
    ]
    for name in result["steps"][0]["times"]:
        cells = []
        for row in result["steps"]:
            own, base = row["times"][name], row["times"][TORCH]
            ratio = f"{own['min_s'] / base['min_s']:.2f} / {own['median_s'] / base['median_s']:.2f}"
            cells.append(f"{own['min_s'] * 1e3:.1f} / {own['median_s'] * 1e3:.1f} ms (x {ratio})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    times = result["motion"]["times"]
    base = next(iter(times.values()))
    lines += ["", f"| {result['motion']['seconds']:g} s of motion, one person | seconds | faster by |", "|---|---|---|"]
    for name, own in times.items():
        gain = f"{base['min_s'] / own['min_s']:.1f} / {base['median_s'] / own['median_s']:.1f}"
        lines.append(f"| {name} | {own['min_s']:.2f} / {own['median_s']:.2f} | {gain} |")
    cold = result["cold"]
    lines += ["", "| new process, warm file cache | min / median |", "|---|---|"]
    for key, label, form in (
        ("first_step_s", "start to the end of the first step, s", "{:.2f}"),
        ("motion_s", "start to the finished motion, s", "{:.2f}"),
        ("peak_mb", "peak memory, MB", "{:.0f}"),
    ):
        lines.append(f"| {label} | {form.format(cold[key]['min'])} / {form.format(cold[key]['median'])} |")
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--bundle", "folder", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Run that the bundle was exported from.")
@click.option("--rounds", default=30, show_default=True, help="Rounds of the step times.")
@click.option("--motion-rounds", default=5, show_default=True, help="Rounds of whole motions and of cold starts.")
@click.option("--compile/--no-compile", "compiled", default=True, help="Measure torch.compile too.")
@click.option("--threads", type=click.IntRange(1), help="Default: as many as the process is granted cores.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(
    folder: Path | None,
    checkpoint: Path | None,
    rounds: int,
    motion_rounds: int,
    compiled: bool,
    threads: int | None,
    out: Path,
) -> None:
    """Measure latency."""
    bundle = Bundle.open(folder)
    provider = choose_provider("cpu", threads)
    step_sessions(bundle, bundle.manifest.people[0], bundle.manifest.frames[0], provider)  # else minutes are lost
    torch.set_num_threads(provider.threads)
    network = Network(bundle, checkpoint)
    description = machine.describe()
    result = {
        "benchmark": "latency",
        "bundle": {"name": bundle.manifest.name, "sha256": bundle.sha256},
        "machine": description,
        "threads": provider.threads,
        "rounds": rounds,
        "weights": "the checkpoint's" if checkpoint else "random in PyTorch, the bundle's in ONNX Runtime",
        "cold": measure_cold(bundle.folder, SECONDS, motion_rounds, "cpu"),
        "steps": measure_steps(bundle, network, provider, rounds, compare=checkpoint is not None, compiled=compiled),
        "motion": measure_motion(bundle, network, provider, motion_rounds),
    }
    write_results(out, result, table(result))
    where = machine.in_words(description)
    draw_steps(out.with_name(out.name + "_steps.png"), result["steps"], f"one guided step on {where}")
    motion = {f"{SECONDS:g} s, one person": {name: t["min_s"] for name, t in result["motion"]["times"].items()}}
    draw_bars(out.with_name(out.name + "_motion.png"), f"a motion on {where}", motion, "s")
    click.echo(table(result))
    click.echo(json.dumps(result))


if __name__ == "__main__":
    main()
