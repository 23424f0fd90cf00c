"""What every backend makes of a graph file: something with described inputs and outputs that runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from motion_runtime.backends.provider import CUDA, OPENVINO, TENSORRT, Provider
from motion_runtime.manifest import STEP, GraphSpec, TensorSpec

Array = NDArray[Any]
Run = Callable[[Mapping[str, Array]], Sequence[Array]]


class LoadedGraph(Protocol):
    """A graph in a backend."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """Inputs in the graph's order, as the backend found them."""
        ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """Outputs in the graph's order, as the backend found them."""
        ...

    def run(self, inputs: Mapping[str, Array]) -> Sequence[Array]:
        """Compute the outputs from all inputs."""
        ...

    def bind(self, fixed: Mapping[str, Array]) -> Run:
        """Keep some inputs; the result takes the others and computes the outputs.

        Outputs are arrays, or, where a device has its own memory, stand-ins that are fetched when read and cost nothing
        when handed back as the next call's inputs.
        """
        ...


def load_graph(path: Path, spec: GraphSpec, provider: Provider) -> LoadedGraph:
    """Load a graph where the provider says.

    The graphs that run once a request (conditions, text) take the plain way: OpenVINO and TensorRT compile for longer
    than these ever run.

    Raises:
        BundleError: The file is no graph.
        ProviderError: The provider did not come into use.
    """
    if provider.name == OPENVINO and spec.role == STEP:
        from motion_runtime.backends.openvino_graph import OpenVinoGraph

        return OpenVinoGraph(path, provider)
    from motion_runtime.backends.ort_graph import DeviceGraph, OrtGraph

    if spec.role == STEP and provider.name in (CUDA, TENSORRT):
        return DeviceGraph(path, provider)
    name = {OPENVINO: "cpu", TENSORRT: CUDA}.get(provider.name, provider.name)
    return OrtGraph(path, provider, name)
