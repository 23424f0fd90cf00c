"""One guided denoising step: its inputs, the work in it, and timings of several ways to compute it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from motion_preprocessing.errors import MotionError
from motion_runtime.backends.provider import CAN, Provider, choose_provider
from motion_runtime.bundle import Bundle
from motion_runtime.conditioning import KernelShape, key_bias
from motion_runtime.manifest import BF16, FP16, FP32, INT8, STEP
from motion_runtime.session import GraphSession

BRANCHES: Final = 2
"""Classifier-free guidance: with the conditions, and without."""
GUIDANCE: Final = 2.5
WARM_UP: Final = 2
_BYTES: Final = {FP32: 4, FP16: 2, BF16: 2, INT8: 1}


@dataclass(frozen=True)
class Sizes:
    """The denoiser's sizes that its work follows from."""

    width: int
    layers: int
    feedforward: int
    pose_dim: int

    @classmethod
    def of(cls, bundle: Bundle) -> Sizes | None:
        """Those that the bundle's description of its training tells; None where it does not."""
        model = bundle.manifest.training.get("config", {}).get("model", {})
        try:
            return cls(**{name: int(model[name]) for name in ("width", "layers", "feedforward", "pose_dim")})
        except (KeyError, TypeError, ValueError):
            return None


def operations(sizes: Any, people: int, frames: int, scene_tokens: int, branches: int) -> float:
    """Multiplications and additions of one step's matrix products, times two: attention included, norms left out."""
    d, ff, poses = int(sizes.width), int(sizes.feedforward), people * frames
    tokens = 1 + people + scene_tokens + poses
    full = 4 * tokens * d * d + 2 * tokens * tokens * d + 2 * tokens * d * ff
    # The last layer computes its queries, and what follows them, for poses only.
    last = 2 * tokens * d * d + 2 * poses * d * d + 2 * poses * tokens * d + 2 * poses * d * ff
    return 2.0 * branches * ((int(sizes.layers) - 1) * full + last + 2 * poses * int(sizes.pose_dim) * d)


def weight_bytes(sizes: Sizes, precision: str) -> float:
    """Bytes of the step kernel's weights: the least that a step has to read."""
    d = sizes.width
    products = sizes.layers * (4 * d * d + 2 * d * sizes.feedforward)
    return _BYTES[precision] * products + _BYTES[FP32] * 2.0 * sizes.pose_dim * d


def step_inputs(
    bundle: Bundle, people: int, frames: int, branches: int = BRANCHES, scene_tokens: int | None = None
) -> dict[str, Any]:
    """Inputs of a step kernel of one shape, everything in use; None = as much of a room as there may be."""
    m = bundle.manifest
    groups = m.scene_tokens if scene_tokens is None else scene_tokens
    shape = KernelShape(people, frames, groups)
    rng = np.random.default_rng(0)

    def normal(*size: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return rng.standard_normal(size, dtype=np.float32)

    pose = (1, people, frames, m.pose_dim)
    bias = key_bias(shape, people, frames, np.ones(groups, np.bool_))
    weights = {1: [1.0], 2: [GUIDANCE, 1 - GUIDANCE]}.get(branches, [GUIDANCE, 0.0, 1 - GUIDANCE])
    return {
        "x": normal(*pose),
        "x0_prev": normal(*pose),
        "noise": normal(*pose),
        "t": np.array([500], np.float32),
        "coefficients": np.array([0.5, 0.5, 0.0, 0.1, *weights], np.float32),
        "prefix": normal(branches, people + groups, m.width),
        "person": normal(branches, people, m.width),
        "key_bias": np.tile(bias, (branches, 1)),
    }


def interleaved(contenders: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, dict[str, float]]:
    """Time every contender once a round, in rotating order, after two rounds of warm-up."""
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for round_number in range(-WARM_UP, rounds):
        shift = round_number % len(names)
        for name in names[shift:] + names[:shift]:
            start = time.perf_counter()
            contenders[name]()
            if round_number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: {"min_s": min(values), "median_s": float(np.median(values))} for name, values in seconds.items()}


def working_providers(
    bundle: Bundle, threads: int | None, names: Sequence[str], precisions: Sequence[str]
) -> tuple[dict[str, Provider], dict[str, str]]:
    """Every provider and precision that the bundle offers and that works here, and why the others do not."""
    found: dict[str, Provider] = {}
    left_out: dict[str, str] = {}
    people, frames = bundle.manifest.people[0], bundle.manifest.frames[0]
    branches = bundle.manifest.branches[min(1, len(bundle.manifest.branches) - 1)]
    for name, able in CAN.items():
        for precision in able:
            if (names and name not in names) or (precisions and precision not in precisions):
                continue
            if not precisions and precision not in bundle.manifest.precisions:
                continue
            try:
                provider = choose_provider(name, threads, precision, bundle.manifest.precisions)
                session = GraphSession.load(bundle, STEP, provider, people, frames, branches)
                session.run(step_inputs(bundle, people, frames, branches))
            except MotionError as error:
                left_out[f"{name} {precision}"] = str(error)
                continue
            found[f"{name} {precision}"] = provider
    return found, left_out


def measure_steps(
    bundle: Bundle,
    providers: Mapping[str, Provider],
    shapes: Sequence[tuple[int, int]],
    rounds: int,
    tick: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Time a guided step of each shape in every provider."""
    sizes = Sizes.of(bundle)
    have = bundle.manifest.branches
    branches = max((count for count in have if count <= BRANCHES), default=min(have))
    rows = []
    for people, frames in shapes:
        tick(f"{people} x {frames} frames")
        inputs = step_inputs(bundle, people, frames, branches)
        calls = {
            name: _bound(GraphSession.load(bundle, STEP, provider, people, frames, branches), inputs)
            for name, provider in providers.items()
        }
        row: dict[str, Any] = {"people": people, "frames": frames, "branches": branches}
        if sizes is not None:
            row["gflop"] = operations(sizes, people, frames, bundle.manifest.scene_tokens, branches) / 1e9
            row["weight_mb"] = {
                name: weight_bytes(sizes, provider.precision) / 1e6 for name, provider in providers.items()
            }
        rows.append(row | {"times": interleaved(calls, rounds)})
    return rows


def _bound(session: GraphSession, inputs: Mapping[str, Any]) -> Callable[[], Any]:
    """A step with its conditions kept, as in the denoising loop; the poses are sent and fetched each time."""
    moving = {name: inputs[name] for name in ("x", "x0_prev", "noise", "t", "coefficients")}
    run = session.bind({name: value for name, value in inputs.items() if name not in moving})
    return lambda: np.asarray(run(moving)[0])
