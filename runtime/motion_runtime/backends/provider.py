"""Which backend runs the graphs, in which arithmetic.

A provider that was asked for by name and cannot work is an error with its remedy: ONNX Runtime itself falls back to the
CPU with no more than a line in its log. Only `auto` may choose, and it says what it chose and why.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

from motion_preprocessing.errors import ProviderError
from motion_runtime.backends import obstacles
from motion_runtime.cores import granted_cores, has_8bit_products
from motion_runtime.manifest import BF16, FP16, FP32, FUSED, INT8, PLAIN, PRECISIONS

AUTO: Final = "auto"
CPU: Final = "cpu"
OPENVINO: Final = "openvino"
CUDA: Final = "cuda"
TENSORRT: Final = "tensorrt"
PROVIDERS: Final = (AUTO, CPU, OPENVINO, CUDA, TENSORRT)
CAN: Final = {CPU: (FP32, FP16, INT8), OPENVINO: (FP32, BF16), CUDA: (FP32, FP16), TENSORRT: (FP32, FP16)}
"""Precisions that each provider can compute in."""
FINE_LEVELS: Final = 0.1
"""Share of the noise levels, the lowest, at which int8 and bf16 give way to fp32."""
_COARSE: Final = (INT8, BF16)
_TITLES: Final = {CPU: "CPU", OPENVINO: "OpenVINO", CUDA: "CUDA", TENSORRT: "TensorRT"}


@dataclass(frozen=True)
class Provider:
    """Where the graphs run."""

    name: str
    """'cpu', 'openvino', 'cuda' or 'tensorrt'."""
    reason: str
    """Why this one, in a few words for the user."""
    threads: int
    """Threads within an operator."""
    precision: str = FP32
    """Arithmetic of the step kernel: 'fp32', 'fp16', 'int8' or 'bf16'."""

    def at(self, level: float) -> Provider:
        """Where a denoising step runs, by its noise level as a share of the schedule's, 0 .. 1.

        Rounding in 8 bits is noise of its own, and differs from frame to frame. While there is more noise in the pose
        the steps that follow take it out again; after the last ones it would stay as jitter.
        """
        fine = self.precision in _COARSE and level < FINE_LEVELS
        return replace(self, precision=FP32) if fine else self

    @property
    def stored_precision(self) -> str:
        """Precision of the files that its step kernels are loaded from: bf16 is computed from fp32's."""
        return FP32 if self.precision == BF16 else self.precision

    @property
    def variant(self) -> str:
        """Which kind of graph it runs best: the com.microsoft operators exist in ONNX Runtime's own providers only."""
        return FUSED if self.name in (CPU, CUDA) else PLAIN


def choose_provider(
    name: str = AUTO, threads: int | None = None, precision: str = AUTO, offered: Collection[str] = (FP32,)
) -> Provider:
    """Resolve what was asked for to a provider and a precision that can be expected to work.

    A provider of 'auto' is CUDA where a device works, else the CPU. A precision of 'auto' is int8 on a CPU with 8-bit
    dot products, where it takes half of fp32's time, if the bundle offers it, and fp32 everywhere else.

    Args:
        name: One of `PROVIDERS`.
        threads: CPU threads; None = as many as the process is granted cores.
        precision: 'auto' or one of `motion_runtime.manifest.PRECISIONS`.
        offered: Precisions that the bundle has: its motions in them were compared with fp32's.

    Raises:
        ProviderError: Something is unknown, or was asked for by name and cannot work here.
    """
    if name not in PROVIDERS:
        raise ProviderError(f"expected one of {', '.join(PROVIDERS)}, got '{name}' for the provider; choose another")
    if threads is not None and threads < 1:
        raise ProviderError(f"expected at least 1, got {threads} for the CPU threads; leave it out to use all cores")
    if precision != AUTO:
        _check_precision(precision, name, offered)
    if name == AUTO:
        name, reason = _best(precision)
    else:
        _require(name)
        reason = "asked for"
    if precision == AUTO:
        precision = INT8 if name == CPU and INT8 in offered and has_8bit_products() else FP32
    return Provider(name, reason, threads or granted_cores(), precision)


def _check_precision(precision: str, name: str, offered: Collection[str]) -> None:
    """Refuse a precision that does not exist, or that bundle or provider do not have."""
    if precision not in PRECISIONS:
        names = ", ".join((AUTO, *PRECISIONS))
        raise ProviderError(f"expected one of {names}, got '{precision}' for the precision; choose another")
    if precision not in offered:
        raise ProviderError(
            f"expected a precision of the bundle ({', '.join(offered)}), got '{precision}'; choose one of them, or "
            f"export with: motion-export --precisions fp32,{precision}"
        )
    if name != AUTO and precision not in CAN[name]:
        able = [provider for provider, precisions in CAN.items() if precision in precisions]
        raise ProviderError(
            f"expected a precision that {_TITLES[name]} computes in ({', '.join(CAN[name])}), got '{precision}'; "
            f"use --provider {' or '.join(able)}"
        )


def _best(precision: str) -> tuple[str, str]:
    """The fastest provider that works here and computes in a precision, and why it is taken."""
    if precision == BF16:
        _require(OPENVINO)
        return OPENVINO, "bf16 runs through OpenVINO"
    if precision == INT8:
        return CPU, "int8 runs on the CPU"
    obstacle = obstacles.cuda()
    return (CUDA, "a CUDA device works") if obstacle is None else (CPU, obstacle.problem)


def _require(name: str) -> None:
    """Raise where a provider that was asked for cannot work."""
    checks = {OPENVINO: obstacles.openvino, CUDA: obstacles.cuda, TENSORRT: obstacles.tensorrt}
    obstacle = checks[name]() if name in checks else None
    if obstacle is not None:
        raise ProviderError(
            f"expected a working {_TITLES[name]} provider, got none ({obstacle.problem}) for --provider {name}; "
            f"{obstacle.remedy}, or use --provider cpu"
        )
