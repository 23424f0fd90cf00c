"""ONNX Runtime sessions over a bundle's graphs: provider, threads, and inputs that are checked before every call.

A provider that was asked for and did not come into use is an error with its remedy: ONNX Runtime itself falls back to
the CPU with no more than a line in its log. Only `auto` may choose, and it says what it chose and why.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import onnxruntime as ort
from numpy.typing import NDArray

from motion_preprocessing.errors import BundleError, ProviderError
from motion_runtime.bundle import Bundle
from motion_runtime.cores import granted_cores
from motion_runtime.manifest import FUSED, PLAIN, GraphSpec, TensorSpec

Array = NDArray[Any]

PROVIDERS: Final = ("auto", "cpu", "cuda")
_ORT_NAMES: Final = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_DTYPES: Final = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(int64)": "int64"}
# ONNX Runtime 1.31's SkipLayerNormalization for CPU takes five times as long as the Add and LayerNormalization it
# replaces (0.65 ms against 0.13 ms for 550 x 256 numbers on one core).
_SLOW_ON_CPU: Final = ["SkipLayerNormFusion"]
# TF32 keeps 10 bits of a product's factors: an fp32 graph would differ from the one that parity was measured on.
_PROVIDER_OPTIONS: Final = {"cuda": {"use_tf32": "0"}}
_PROBE_GRAPH: Final = bytes.fromhex(  # y = x + x, ONNX opset 17
    "08083a390a0e0a01780a01781201792203416464120570726f62655a0f0a0178120a"
    "0a08080112040a020801620f0a0179120a0a08080112040a02080142040a001011"
)
_INSTALL_CUDA: Final = "run: pip install 'onnxruntime-gpu[cuda,cudnn]'"
_QUIET: Final = 3  # only errors: warnings of the optimiser are no news to a user


@dataclass(frozen=True)
class Provider:
    """Where the graphs run."""

    name: str
    """'cpu' or 'cuda'."""
    reason: str
    """Why this one, in a few words for the user."""
    threads: int
    """Threads within an operator."""

    @property
    def variant(self) -> str:
        """Which kind of graph it runs best: the com.microsoft operators exist in ONNX Runtime's own providers only."""
        return FUSED if self.name in ("cpu", "cuda") else PLAIN


class Obstacle(NamedTuple):
    """Why a provider cannot work, and what to do about it."""

    problem: str
    remedy: str


def choose_provider(name: str = "auto", threads: int | None = None) -> Provider:
    """Resolve 'auto', 'cpu' or 'cuda' to a provider that can be expected to work.

    Args:
        name: What was asked for.
        threads: CPU threads; None = as many as the process is granted cores.

    Raises:
        ProviderError: It is unknown, or was asked for by name and cannot work here.
    """
    if name not in PROVIDERS:
        raise ProviderError(f"expected one of {', '.join(PROVIDERS)}, got '{name}' for the provider; choose another")
    if threads is not None and threads < 1:
        raise ProviderError(f"expected at least 1, got {threads} for the CPU threads; leave it out to use all cores")
    count = threads or granted_cores()
    if name == "cpu":
        return Provider("cpu", "asked for", count)
    obstacle = cuda_obstacle()
    if name == "cuda":
        if obstacle:
            raise ProviderError(
                f"expected a working CUDA provider, got none ({obstacle.problem}) for --provider cuda; "
                f"{obstacle.remedy}, or use --provider cpu"
            )
        return Provider("cuda", "asked for", count)
    if obstacle:
        return Provider("cpu", obstacle.problem, count)
    return Provider("cuda", "a CUDA device works", count)


def cuda_obstacle() -> Obstacle | None:
    """What keeps CUDA from working here; None where a graph loads on it."""
    if _ORT_NAMES["cuda"] not in ort.get_available_providers():
        return Obstacle("this onnxruntime was built without CUDA", _INSTALL_CUDA)
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
        count = ctypes.c_int(0)
        found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    except (OSError, AttributeError):
        return Obstacle(f"no NVIDIA driver ({library})", "install NVIDIA's driver")
    if not found:
        return Obstacle("the NVIDIA driver reports no device", "check nvidia-smi")
    # The driver may be there and the CUDA or cuDNN libraries not: only loading a graph tells.
    try:
        _preload()
        session = ort.InferenceSession(_PROBE_GRAPH, _quiet_options(), providers=[_ORT_NAMES["cuda"]])
    except Exception as error:  # ONNX Runtime's exceptions have no common base but this
        return Obstacle(f"it does not load ({_one_line(error)})", _INSTALL_CUDA)
    if session.get_providers()[0] != _ORT_NAMES["cuda"]:
        return Obstacle("the CUDA or cuDNN libraries do not load", _INSTALL_CUDA)
    return None


def _preload() -> None:
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # finds the CUDA libraries that pip installed beside it


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
        self._session = _create(path, provider)
        self._outputs = [tensor.name for tensor in spec.outputs]
        for kind, wanted, given in (
            ("inputs", spec.inputs, _specs(self._session.get_inputs())),
            ("outputs", spec.outputs, _specs(self._session.get_outputs())),
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
        *,
        precision: str = "fp32",
    ) -> GraphSession:
        """Load the graph of a role and shape from a bundle, in the variant that suits the provider.

        Raises:
            BundleError: The bundle has no such graph.
        """
        for variant in (provider.variant, PLAIN):
            spec = bundle.find(role, variant, people, frames, branches, precision=precision)
            if spec is not None:
                return cls(bundle.path(spec.file), spec, provider)
        raise BundleError(
            f"expected a {precision} {role} graph for {people} people, {frames} frames and {branches} branches, "
            f"got none in {bundle.folder}; export one"
        )

    def run(self, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        """Run the graph once; outputs come in the order of the description.

        Raises:
            BundleError: An input is missing, unknown, or of another dtype or shape than the graph's, or the graph
                cannot compute its outputs on the CPU.
            ProviderError: The graph cannot compute its outputs on another provider: out of memory, say.
        """
        self._verify(inputs)
        try:
            return tuple(self._session.run(self._outputs, dict(inputs)))
        except Exception as error:  # ONNX Runtime's exceptions have no common base but this
            reason = _one_line(error)
        if self.provider.name != "cpu":
            raise ProviderError(
                f"expected the {self.provider.name} provider to run '{self.spec.file}', got: {reason}; "
                "use --provider cpu"
            )
        raise BundleError(f"expected a graph that runs, got: {reason} for '{self.spec.file}'; restore the bundle")

    def _verify(self, inputs: Mapping[str, Array]) -> None:
        wanted = {tensor.name for tensor in self.spec.inputs}
        if inputs.keys() != wanted:
            odd = sorted(inputs.keys() ^ wanted)[0]
            word = "an input" if odd in wanted else "no input"
            got = "none" if odd in wanted else "one"
            raise BundleError(f"expected {word} '{odd}', got {got} for '{self.spec.file}'; give {sorted(wanted)}")
        for tensor in self.spec.inputs:
            value = inputs[tensor.name]
            if value.dtype.name != tensor.dtype or value.shape != tensor.shape:
                raise BundleError(
                    f"expected {tensor.dtype} {list(tensor.shape)}, got {value.dtype.name} {list(value.shape)} for the "
                    f"input '{tensor.name}' of '{self.spec.file}'; choose a kernel of that shape"
                )


def session_options(provider: Provider) -> ort.SessionOptions:
    """Options of every session: granted threads, no spinning, only errors logged."""
    options = _quiet_options()
    options.intra_op_num_threads = provider.threads
    options.inter_op_num_threads = 1
    # Spinning threads gain a little latency and burn a fifth more CPU time: wrong on hosts that others share.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _quiet_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = _QUIET
    return options


def _create(path: Path, provider: Provider) -> ort.InferenceSession:
    wanted = _ORT_NAMES[provider.name]
    disabled: list[str] = _SLOW_ON_CPU if provider.name == "cpu" else []
    if provider.name == "cuda":
        _preload()
    try:
        session = ort.InferenceSession(
            str(path),
            session_options(provider),
            providers=[(wanted, _PROVIDER_OPTIONS.get(provider.name, {}))],
            disabled_optimizers=disabled,
        )
    except Exception as error:  # ONNX Runtime's exceptions have no common base but this
        reason = _one_line(error)
        if provider.name != "cpu":
            raise ProviderError(
                f"expected the {provider.name} provider to load '{path.name}', got: {reason}; use --provider cpu"
            ) from None
        raise BundleError(
            f"expected a graph that ONNX Runtime loads, got: {reason} for {path}; restore the bundle"
        ) from None
    used = session.get_providers()[0]
    if used != wanted:
        raise ProviderError(
            f"expected {wanted}, got {used} for '{path.name}'; its libraries do not load, {_INSTALL_CUDA}, "
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


def _words(tensors: tuple[TensorSpec, ...]) -> str:
    return ", ".join(f"{tensor.name} {tensor.dtype} {list(tensor.shape)}" for tensor in tensors) or "nothing"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
