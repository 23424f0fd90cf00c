"""Does a graph compute what PyTorch computes? Measured over random inputs before anything is written to its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from motion_preprocessing.errors import ParityError
from motion_runtime.manifest import BF16, FP16, INT8, STEP, GraphSpec
from motion_runtime.session import GraphSession, Provider

Array = NDArray[Any]
Draw = Callable[[np.random.Generator], dict[str, Array]]
Reference = Callable[[Mapping[str, Array]], Sequence[Array]]

TOLERANCE: Final = 1e-4
"""Largest absolute difference that an fp32 graph may show. Of a step kernel, in the frames that are used (others are
never read), and a unit of the weights |w_1| + .. + |w_K| by which it sums up its branches: each branch has fp32's
rounding, and guidance multiplies it."""
RELATIVE_RMS: Final = {FP16: 5e-3, INT8: 5e-2, BF16: 5e-2}
"""Largest root-mean-square difference that a step kernel of reduced precision may show in the frames that are used, as
a share of its outputs'."""
INPUTS: Final = 20


@dataclass(frozen=True)
class Parity:
    """Differences between a graph in ONNX Runtime and PyTorch."""

    inputs: int
    """Random inputs that were tried, at least; a batch counts as many as it has requests."""
    tolerance: float
    """Largest absolute difference allowed, counted as `TOLERANCE` says."""
    max_abs: float
    """Largest one found."""
    max_abs_unoptimised: float
    """The same for one input with ONNX Runtime's graph optimisation off."""

    def to_dict(self) -> dict[str, float]:
        """Plain values for the manifest."""
        return asdict(self)


def measure(
    path: Path,
    spec: GraphSpec,
    draw: Draw,
    reference: Reference,
    *,
    provider: Provider,
    inputs: int = INPUTS,
    tolerance: float = TOLERANCE,
    seed: int = 0,
) -> Parity:
    """Compare a graph with PyTorch as the runtime runs it, and once without ONNX Runtime's optimisation.

    Args:
        path: The graph's file.
        spec: Its description.
        draw: Makes the inputs of one comparison.
        reference: Computes the outputs in PyTorch.
        provider: Where the graph runs.
        inputs: How many comparisons.
        tolerance: Largest absolute difference allowed.
        seed: Seed of the inputs.

    Raises:
        ParityError: A difference is larger, or not a number; the message holds the worst element.
    """
    session = GraphSession(path, spec, provider)
    rng = np.random.default_rng(seed)
    worst = 0.0
    unoptimised = 0.0
    for index in range(calls(spec, inputs)):
        values = draw(rng)
        expected = reference(values)
        share = shares(spec, values)
        worst = max(worst, _compare(expected, session.run(values), spec, tolerance, share, f"input {index}"))
        if index == 0:
            found = _run_unoptimised(path, spec, values)
            label = f"input {index}, without graph optimisation"
            unoptimised = _compare(expected, found, spec, tolerance, share, label)
    return Parity(inputs, tolerance, worst, unoptimised)


def calls(spec: GraphSpec, inputs: int) -> int:
    """Calls of a graph that go through so many inputs, a batch of them in each."""
    return -(-inputs // spec.batch)


def _run_unoptimised(path: Path, spec: GraphSpec, values: Mapping[str, Array]) -> Sequence[Array]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found: Sequence[Array] = session.run([tensor.name for tensor in spec.outputs], dict(values))
    return found


def shares(spec: GraphSpec, values: Mapping[str, Array]) -> NDArray[np.float64]:
    """By what differences of a graph's outputs are multiplied before they are judged, broadcastable to them.

    One over the sum of the sizes of a step kernel's branch weights (at least 1), and 0 where a frame is not used.
    """
    if spec.role != STEP:
        return np.ones(1)
    unit = np.maximum(1.0, np.abs(values["coefficients"][..., 4:]).sum(-1).astype(np.float64))  # () or (B,)
    used = values["key_bias"][..., 0, -spec.people * spec.frames :] == 0  # (P*T,) or (B, P*T)
    return np.asarray(
        used.reshape(*unit.shape, 1, spec.people, spec.frames, 1) / unit[..., None, None, None, None], dtype=np.float64
    )


def _compare(
    expected: Sequence[Array],
    found: Sequence[Array],
    spec: GraphSpec,
    tolerance: float,
    share: NDArray[np.float64],
    label: str,
) -> float:
    """Largest difference over all outputs, times `share`."""
    worst = 0.0
    for tensor, want, got in zip(spec.outputs, expected, found, strict=True):
        if want.shape != got.shape:
            raise ParityError(
                f"expected shape {list(want.shape)}, got {list(got.shape)} for '{tensor.name}' of '{spec.file}'; "
                "this is a defect of the export"
            )
        # A NaN on either side counts as an infinite difference: comparisons with NaN are false.
        difference = np.nan_to_num(np.abs(want.astype(np.float64) - got.astype(np.float64)) * share, nan=np.inf)
        index = np.unravel_index(int(np.argmax(difference)), difference.shape)
        largest = float(difference[index])
        if largest > tolerance:
            place = ", ".join(str(int(i)) for i in index)
            each = " a unit of the branches' weights" if spec.role == STEP else ""
            raise ParityError(
                f"expected {want[index]:.9g} within {tolerance:g}, got {got[index]:.9g} "
                f"(difference {largest:.3g}{each}) for '{tensor.name}[{place}]' of "
                f"'{spec.file}' at {label}; nothing was written"
            )
        worst = max(worst, largest)
    return worst


def measure_reduced(
    path: Path, spec: GraphSpec, draw: Draw, reference: Reference, *, provider: Provider, seed: int = 0
) -> float:
    """Measure the root-mean-square difference of a reduced precision, as a share of the outputs' own.

    Raises:
        ParityError: It is beyond what the provider's precision is allowed, or not a number.
    """
    session = GraphSession(path, spec, provider)
    rng = np.random.default_rng(seed)
    difference, size = 0.0, 0.0
    for _ in range(calls(spec, INPUTS)):
        values = draw(rng)
        used = shares(spec, values) > 0  # frames of nobody hold whatever rounding makes of nothing, and are never read
        for want, got in zip(reference(values), session.run(values), strict=True):
            exact = want.astype(np.float64)
            difference += float((np.square(got.astype(np.float64) - exact) * used).sum())
            size += float((np.square(exact) * used).sum())
    share = float(np.sqrt(difference / size)) if size else float("inf")
    limit = RELATIVE_RMS[provider.precision]
    if not share <= limit:  # a NaN is no pass
        raise ParityError(
            f"expected {provider.precision} within {limit:g} of PyTorch's outputs (relative RMS), got {share:.3g} for "
            f"'{spec.file}'; leave {provider.precision} out of --precisions"
        )
    return share
