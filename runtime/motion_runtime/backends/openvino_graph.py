"""Graphs in OpenVINO on the CPU: fp32, or bf16 computed from the same fp32 graph."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import BundleError, MissingExtraError, ProviderError
from motion_runtime.backends.loaded import Run
from motion_runtime.backends.obstacles import one_line
from motion_runtime.backends.provider import Provider
from motion_runtime.manifest import BF16, FP32, TensorSpec

Array = NDArray[Any]

_HINTS: Final = {FP32: "f32", BF16: "bf16"}


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry: importing it reports to Google Analytics unless the user has opted out.

    Raises:
        MissingExtraError: It is not installed.
    """
    blocked = "openvino" not in sys.modules and "openvino_telemetry" not in sys.modules
    if blocked:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # an import then fails, and it goes without
    try:
        return importlib.import_module("openvino")
    except ImportError:
        raise MissingExtraError.for_extra("openvino", "openvino") from None
    finally:
        if blocked:
            del sys.modules["openvino_telemetry"]


class OpenVinoGraph:
    """A plain graph, compiled for the CPU."""

    def __init__(self, path: Path, provider: Provider) -> None:
        """Compile a graph.

        Raises:
            MissingExtraError: OpenVINO is not installed.
            ProviderError: This CPU has no instructions for the precision.
            BundleError: The file is no graph.
        """
        core = import_openvino().Core()
        # Without the instructions OpenVINO would compute in fp32 and not say so.
        if provider.precision == BF16 and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise ProviderError(
                "expected a CPU with bf16 instructions (AVX512-BF16 or AMX), got one without for --precision bf16; "
                "use --precision fp32"
            )
        try:
            compiled = core.compile_model(core.read_model(str(path)), "CPU", compile_options(provider))
        except Exception as error:  # OpenVINO raises RuntimeError and its own
            raise BundleError(
                f"expected a graph that OpenVINO loads, got: {one_line(error)} for {path}; restore the bundle"
            ) from None
        self._request = compiled.create_infer_request()
        # A tensor may have several names after compilation; the parameter's own is the graph's.
        self.inputs = _specs(compiled.inputs, [port.get_node().get_friendly_name() for port in compiled.inputs])
        self.outputs = _specs(compiled.outputs, [port.get_any_name() for port in compiled.outputs])
        self._places = {tensor.name: index for index, tensor in enumerate(self.inputs)}

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Compute the outputs."""
        # Inputs are read where they are; outputs are copied, for the next call writes to the same place.
        found = self._request.infer({self._places[name]: value for name, value in inputs.items()}, share_inputs=True)
        return [found[index] for index in range(len(self.outputs))]

    def bind(self, fixed: Mapping[str, Array]) -> Run:
        """Keep some inputs."""
        return lambda moving: self.run({**moving, **fixed})


def compile_options(provider: Provider) -> dict[str, Any]:
    """Granted threads, one request at a time, no thread nailed to a core that others may be using."""
    return {
        "INFERENCE_PRECISION_HINT": _HINTS[provider.precision],
        "INFERENCE_NUM_THREADS": provider.threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
    }


def _specs(ports: Sequence[Any], names: Sequence[str]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name,
            np.dtype(port.get_element_type().to_dtype()).name,
            tuple(int(size) for size in port.get_shape()) if port.get_partial_shape().is_static else (-1,),
        )
        for port, name in zip(ports, names, strict=True)
    )
