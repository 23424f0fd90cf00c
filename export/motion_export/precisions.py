"""The precisions of a bundle's step kernels: how a graph is converted, where it is tried, what it must keep.

fp32 is compared with PyTorch element by element. A reduced precision must stay near PyTorch's outputs (`parity`), and
its motions must measure what fp32's do (`motion_gate`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import onnx

from motion_export.half import to_half
from motion_export.inputs import Drawing
from motion_export.motion_gate import Embed, check, compare, measure_motion
from motion_export.parity import Array, Draw, Parity, Reference, measure, measure_reduced
from motion_export.quantise import quantise
from motion_preprocessing.errors import InputError
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import BF16, FP16, FP32, FUSED, INT8, PLAIN, PRECISIONS, STEP
from motion_runtime.session import Provider, choose_provider
from motion_train.text_tower import TextTower

VARIANTS_OF: Final = {FP32: (PLAIN, FUSED), FP16: (PLAIN, FUSED), INT8: (FUSED,)}
"""Graphs to write of each stored precision: int8 runs in ONNX Runtime on the CPU only, which takes the fused ones."""
BATCHED: Final = (FP32, FP16)
"""Precisions that kernels of a batch are written in, those of devices: on a CPU a batch does not pay."""
_CONVERT: Final[dict[str, Callable[[onnx.ModelProto], onnx.ModelProto]]] = {FP16: to_half, INT8: quantise}


def converted_to(precision: str, model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy an fp32 step kernel in another precision."""
    if precision in _CONVERT:
        return _CONVERT[precision](model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def precision_providers(precisions: Sequence[str]) -> dict[str, Provider]:
    """Where each precision is tried at export; fp32 comes first, asked for or not.

    fp16 is tried on the CPU, which rounds to fp16 wherever the graph does and computes in fp32.

    Raises:
        InputError: A precision is unknown.
        ProviderError: OpenVINO, which bf16 needs, does not work here.
    """
    unknown = [precision for precision in precisions if precision not in PRECISIONS]
    if unknown:
        known = ", ".join(PRECISIONS)
        raise InputError(f"expected precisions of {known}, got '{unknown[0]}' for --precisions; choose among these")
    asked = [precision for precision in PRECISIONS if precision in precisions or precision == FP32]
    return {
        precision: choose_provider("openvino" if precision == BF16 else "cpu", None, precision, offered=PRECISIONS)
        for precision in asked
    }


def check_precisions(
    bundle: Bundle,
    drawing: Drawing,
    tower: TextTower,
    providers: Mapping[str, Provider],
    motions: int,
    report: Callable[[str], None],
    embed: Embed | None = None,
) -> tuple[dict[str, Parity], dict[str, Any]]:
    """Compare every graph with PyTorch and the motions of every precision with fp32's.

    Returns:
        Parity of each fp32 graph, and what the manifest says of each precision.

    Raises:
        ParityError: A graph or a precision differs by more than it may.
    """
    # Motions first: they are what a reduced precision fails by, if it does.
    moved = _compare_motions(bundle, providers, motions, report, embed)
    parity: dict[str, Parity] = {}
    shares: dict[str, list[float]] = {precision: [] for precision in providers}
    answers: dict[tuple[Any, ...], _Remembered] = {}
    for spec in (*bundle.manifest.graphs, *bundle.manifest.batched):
        key = (spec.role, spec.people, spec.frames, spec.branches, spec.scene_tokens, spec.batch)
        if key not in answers:
            answers.clear()  # graphs of one shape stand together
            answers[key] = _Remembered(*drawing.comparison(spec, tower))
        draw, reference = answers[key].restarted()
        path = bundle.path(spec.file)
        if spec.precision == FP32:
            parity[spec.file] = measure(path, spec, draw, reference, provider=providers[FP32])
            report(f"{spec.file}: differs from PyTorch by at most {parity[spec.file].max_abs:.2g}")
        else:
            share = measure_reduced(path, spec, draw, reference, provider=providers[spec.precision])
            shares[spec.precision].append(share)
            report(f"{spec.file}: differs from PyTorch by {100 * share:.2g} % (relative RMS)")
        # Error grows with the branches that guidance takes apart: the most of them show the largest.
        most = spec.branches == max(bundle.manifest.branches) and spec.batch == 1
        if BF16 in providers and most and (spec.role, spec.variant, spec.precision) == (STEP, PLAIN, FP32):
            draw, reference = answers[key].restarted()
            shares[BF16].append(measure_reduced(path, spec, draw, reference, provider=providers[BF16]))
            report(f"{spec.file}: in bf16 differs from PyTorch by {100 * shares[BF16][-1]:.2g} % (relative RMS)")
    measured: dict[str, Any] = {FP32: {"max_abs": max(found.max_abs for found in parity.values())}}
    for precision, comparison in moved.items():
        tried = {"provider": providers[precision].name, "relative_rms": max(shares[precision])}
        measured[precision] = {**tried, "motion": comparison}
    return parity, measured


def _compare_motions(
    bundle: Bundle,
    providers: Mapping[str, Provider],
    motions: int,
    report: Callable[[str], None],
    embed: Embed | None,
) -> dict[str, Any]:
    """Lay the motions of every reduced precision beside fp32's."""
    result: dict[str, Any] = {}
    if len(providers) == 1:
        return result
    report(f"fp32: {motions} motions to compare with")
    exact = measure_motion(bundle, providers[FP32], motions, embed)
    for precision, provider in providers.items():
        if precision == FP32:
            continue
        comparison = compare(measure_motion(bundle, provider, motions, embed), exact)
        figures = {name: (row["found"], row[FP32]) for name, row in comparison["figures"].items()}
        words = ", ".join(f"{name} {found} (fp32 {there})" for name, (found, there) in figures.items())
        words += f", jerk KS {comparison['jerk_ks']['found']}"
        if "feature_distance" in comparison:
            words += f", feature distance {comparison['feature_distance']['found']}"
        report(f"{precision}: {words}")
        check(precision, comparison)
        result[precision] = comparison
    return result


class _Remembered:
    """Inputs and PyTorch's answers to them, computed once for all graphs of a shape."""

    def __init__(self, draw: Draw, reference: Reference) -> None:
        self._draw = draw
        self._reference = reference
        self._values: list[dict[str, Array]] = []
        self._answers: list[Sequence[Array]] = []

    def restarted(self) -> tuple[Draw, Reference]:
        """Drawing and reference that go through the same inputs from the first on."""
        drawn, answered = iter(range(1_000_000)), iter(range(1_000_000))
        values, answers = self._values, self._answers

        def draw(rng: Any) -> dict[str, Array]:
            number = next(drawn)
            if number == len(values):
                values.append(self._draw(rng))
            return values[number]

        def reference(given: Mapping[str, Array]) -> Sequence[Array]:
            number = next(answered)
            if number == len(answers):
                answers.append(self._reference(given))
            return answers[number]

        return draw, reference
