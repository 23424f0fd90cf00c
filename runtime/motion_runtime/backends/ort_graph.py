"""Graphs in ONNX Runtime: on the CPU, on CUDA and through TensorRT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

import click
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from motion_preprocessing.errors import BundleError, ProviderError
from motion_runtime.backends import obstacles
from motion_runtime.backends.device_loop import DeviceLoop
from motion_runtime.backends.engine_cache import EngineCache
from motion_runtime.backends.loaded import Run
from motion_runtime.backends.provider import CPU, CUDA, TENSORRT, Provider
from motion_runtime.manifest import FP16, TensorSpec

Array = NDArray[Any]

_DTYPES: Final = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(int64)": "int64"}
# ONNX Runtime 1.31's SkipLayerNormalization for CPU takes five times as long as the Add and LayerNormalization it
# replaces (0.65 ms against 0.13 ms for 550 x 256 numbers on one core).
SLOW_ON_CPU: Final = ["SkipLayerNormFusion"]
SPIN_US: Final = 20
"""A thread without work looks for some for so long before it sleeps, while a graph is run."""
_SPINS_BRIEFLY: Final = (1, 27)
"""The first ONNX Runtime that can be told for how long."""
_REMEDIES: Final = {CUDA: obstacles.INSTALL_CUDA, TENSORRT: obstacles.INSTALL_TENSORRT}


def session_options(provider: Provider) -> ort.SessionOptions:
    """Options of every session: granted threads that hardly spin, only errors logged."""
    options = obstacles.quiet_options()
    options.intra_op_num_threads = provider.threads
    options.inter_op_num_threads = 1
    # Threads that spin without end burn CPU time that others on the host need. Threads that sleep at once are woken
    # for each of a step's hundreds of nodes, which costs more than the wait: on a quiet machine a step of two threads
    # takes half as long again, and more CPU time (benchmarks/results/spinning.md; a busy one would have them sleep).
    # So they spin for the time between two nodes, not between two runs. An older ONNX Runtime cannot be told for how
    # long, and does not spin.
    briefly = _version() >= _SPINS_BRIEFLY
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(briefly)))
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    if briefly:
        options.add_session_config_entry("session.intra_op.spin_duration_us", str(SPIN_US))
        options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _version() -> tuple[int, ...]:
    return tuple(int(part) for part in ort.__version__.split(".")[:2])


def provider_options(name: str, *, capture: bool, half: bool = False, cache: Path | None = None) -> dict[str, str]:
    """Options of ONNX Runtime's provider.

    Args:
        name: 'cpu', 'cuda' or 'tensorrt'.
        capture: Record the kernel launches of a run once and replay them (CUDA graphs).
        half: The graph holds fp16.
        cache: Folder of TensorRT's engines.
    """
    if name == CPU:
        return {}
    # TF32 keeps 10 bits of a product's factors: an fp32 graph would differ from the one that parity was measured on.
    if name == CUDA:
        return {"use_tf32": "0", "enable_cuda_graph": str(int(capture))}
    options = {"trt_cuda_graph_enable": str(int(capture)), "trt_fp16_enable": str(int(half))}
    if half:
        options["trt_layer_norm_fp32_fallback"] = "1"
    if cache is not None:
        options |= {"trt_engine_cache_enable": "1", "trt_timing_cache_enable": "1"}
        options |= {"trt_engine_cache_path": str(cache), "trt_timing_cache_path": str(cache)}
    return options


class OrtGraph:
    """A graph in ONNX Runtime whose inputs and outputs are arrays."""

    def __init__(self, path: Path, provider: Provider, name: str, options: Mapping[str, str] | None = None) -> None:
        """Load a graph on ONNX Runtime's provider `name`.

        Raises:
            BundleError: The file is no graph.
            ProviderError: The provider did not come into use.
        """
        self.session = _create(
            path, provider, name, provider_options(name, capture=False) if options is None else options
        )
        self.inputs = _specs(self.session.get_inputs())
        self.outputs = _specs(self.session.get_outputs())
        self._names = [tensor.name for tensor in self.outputs]

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Compute the outputs."""
        found: Sequence[Array] = self.session.run(self._names, dict(inputs))
        return found

    def bind(self, fixed: Mapping[str, Array]) -> Run:
        """Keep some inputs."""
        return lambda moving: self.run({**moving, **fixed})


class DeviceGraph:
    """A step kernel on CUDA or TensorRT: conditions and poses stay in the device's memory from step to step."""

    def __init__(self, path: Path, provider: Provider) -> None:
        """Load a step kernel.

        Raises:
            BundleError: The file is no graph.
            ProviderError: The provider did not come into use.
        """
        self._cache = EngineCache.of(path) if provider.name == TENSORRT else None
        if self._cache is not None:
            self._cache.prepare()
        graph, captured = self._load(path, provider)
        self.inputs, self.outputs = graph.inputs, graph.outputs
        self._loop = DeviceLoop(graph.session, graph.inputs, graph.outputs, device="cuda", capture=captured)

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Compute the outputs as arrays."""
        return [np.asarray(output) for output in self.bind({})(inputs)]

    def bind(self, fixed: Mapping[str, Array]) -> Run:
        """Keep some inputs on the device."""
        step = self._loop.bind(fixed)

        def run(moving: Mapping[str, Array]) -> Sequence[Array]:
            outputs = cast(Sequence[Array], step(moving))  # stand-ins, arrays to whoever reads them
            if self._cache is not None:
                self._cache.seal()  # engines are complete once the first run is through
            return outputs

        return run

    def _load(self, path: Path, provider: Provider) -> tuple[OrtGraph, bool]:
        """Load with CUDA graphs; where a node keeps them from being recorded, say so and load without."""
        folder = None if self._cache is None else self._cache.folder

        def load(capture: bool) -> OrtGraph:
            half = provider.precision == FP16
            options = provider_options(provider.name, capture=capture, half=half, cache=folder)
            return OrtGraph(path, provider, provider.name, options)

        try:
            return load(True), True
        except ProviderError as error:
            if self._cache is not None and not self._cache.empty:
                self._cache.clear("an engine of it does not load")
                return load(True), True
            if "graph" not in str(error).partition("got:")[2]:
                raise
            click.echo(f"warning: {provider.name} runs '{path.name}' without CUDA graphs: {error}", err=True)
            return load(False), False


def _create(path: Path, provider: Provider, name: str, options: Mapping[str, str]) -> ort.InferenceSession:
    wanted = obstacles.ORT_NAMES[name]
    if name != CPU:
        obstacles.preload()
    try:
        session = ort.InferenceSession(
            str(path),
            session_options(provider),
            providers=[(wanted, dict(options))],
            disabled_optimizers=SLOW_ON_CPU if name == CPU else [],
        )
    except Exception as error:  # ONNX Runtime's exceptions have no common base but this
        reason = obstacles.one_line(error)
        if name != CPU:
            raise ProviderError(
                f"expected the {name} provider to load '{path.name}', got: {reason}; use --provider cpu"
            ) from None
        raise BundleError(
            f"expected a graph that ONNX Runtime loads, got: {reason} for {path}; restore the bundle"
        ) from None
    used = session.get_providers()[0]
    if used != wanted:
        raise ProviderError(
            f"expected {wanted}, got {used} for '{path.name}'; its libraries do not load, {_REMEDIES[name]}, "
            "or use --provider cpu"
        )
    return session


def _specs(tensors: list[Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            tensor.name,
            _DTYPES.get(tensor.type, tensor.type),
            tuple(size if isinstance(size, int) else -1 for size in tensor.shape),
        )
        for tensor in tensors
    )
