"""A bundle's graphs, loaded: outputs as described, inputs checked before every call, whatever the backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from motion_preprocessing.errors import BundleError, ProviderError
from motion_runtime.backends.loaded import load_graph
from motion_runtime.backends.obstacles import one_line
from motion_runtime.backends.provider import CPU, PROVIDERS, Provider, choose_provider
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import FP32, PLAIN, STEP, GraphSpec, TensorSpec

__all__ = ["PROVIDERS", "GraphSession", "Provider", "choose_provider"]

Array = NDArray[Any]


class GraphSession:
    """One graph, loaded; its inputs are verified for name, dtype and shape before each call."""

    def __init__(self, path: Path, spec: GraphSpec, provider: Provider) -> None:
        """Load a graph and compare it with its description.

        Raises:
            BundleError: The file is no graph, or not the one that the manifest describes.
            ProviderError: The provider did not come into use.
        """
        self.spec = spec
        self.provider = provider
        self._graph = load_graph(path, spec, provider)
        for kind, wanted, given in (
            ("inputs", spec.inputs, self._graph.inputs),
            ("outputs", spec.outputs, self._graph.outputs),
        ):
            if wanted != given:
                raise BundleError(
                    f"expected {_words(wanted)}, got {_words(given)} for the {kind} of {path}; restore the bundle"
                )

    @classmethod
    def load(
        cls,
        bundle: Bundle,
        role: str,
        provider: Provider,
        people: int = 0,
        frames: int = 0,
        branches: int = 0,
        scene_tokens: int | None = None,
        batch: int = 1,
    ) -> GraphSession:
        """Load the graph of a role and shape from a bundle, in the precision and variant that suit the provider.

        Only step kernels exist in several precisions: the other graphs run once a request.

        Raises:
            BundleError: The bundle has no such graph.
        """
        precision = provider.stored_precision if role == STEP else FP32
        for variant in (provider.variant, PLAIN):
            spec = bundle.find(
                role, variant, people, frames, branches, scene_tokens, precision=precision, batch=batch
            )  # fmt: skip
            if spec is not None:
                return cls(bundle.path(spec.file), spec, provider)
        room = "" if scene_tokens is None else f" and {scene_tokens} groups of a room's points"
        raise BundleError(
            f"expected a {precision} {role} graph for {people} people, {frames} frames, {branches} branches{room}, "
            f"got none in {bundle.folder}; export one"
        )

    def run(self, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        """Run the graph once; outputs come in the order of the description.

        Raises:
            BundleError: An input is missing, unknown, or of another dtype or shape than the graph's, or the graph
                cannot compute its outputs on the CPU.
            ProviderError: The graph cannot compute its outputs on another provider: out of memory, say.
        """
        self._verify(inputs, self.spec.inputs)
        return self._guarded(self._graph.run, inputs)

    def bind(self, fixed: Mapping[str, Array]) -> Callable[[Mapping[str, Array]], tuple[Array, ...]]:
        """Keep some inputs, a request's conditions; the result runs the graph with the others, and raises as `run`.

        On a device with its own memory the outputs are stand-ins that numpy fetches when it reads them: handed back as
        the next step's inputs they stay where they are.
        """
        run = self._graph.bind(fixed)
        self._verify(fixed, [tensor for tensor in self.spec.inputs if tensor.name in fixed])
        left = [tensor for tensor in self.spec.inputs if tensor.name not in fixed]

        def step(moving: Mapping[str, Array]) -> tuple[Array, ...]:
            self._verify(moving, left)
            return self._guarded(run, moving)

        return step

    def _guarded(self, run: Callable[[Mapping[str, Array]], Any], inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        """Run, with every backend's errors as ours."""
        try:
            return tuple(run(inputs))
        except Exception as error:  # neither ONNX Runtime's nor OpenVINO's exceptions have a base of their own
            reason = one_line(error)
        if self.provider.name != CPU:
            raise ProviderError(
                f"expected the {self.provider.name} provider to run '{self.spec.file}', got: {reason}; "
                "use --provider cpu"
            )
        raise BundleError(f"expected a graph that runs, got: {reason} for '{self.spec.file}'; restore the bundle")

    def _verify(self, inputs: Mapping[str, Array], expected: Sequence[TensorSpec]) -> None:
        wanted = {tensor.name for tensor in expected}
        if inputs.keys() != wanted:
            odd = sorted(inputs.keys() ^ wanted)[0]
            word = "an input" if odd in wanted else "no input"
            got = "none" if odd in wanted else "one"
            raise BundleError(f"expected {word} '{odd}', got {got} for '{self.spec.file}'; give {sorted(wanted)}")
        for tensor in expected:
            value = inputs[tensor.name]
            if value.dtype != tensor.dtype or value.shape != tensor.shape:
                raise BundleError(
                    f"expected {tensor.dtype} {list(tensor.shape)}, got {value.dtype.name} {list(value.shape)} for the "
                    f"input '{tensor.name}' of '{self.spec.file}'; choose a kernel of that shape"
                )


def _words(tensors: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"{tensor.name} {tensor.dtype} {list(tensor.shape)}" for tensor in tensors) or "nothing"
