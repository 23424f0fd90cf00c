"""What keeps a backend from working here, and what to do about it: found by trying, in the cheapest order."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from typing import Final, NamedTuple

import onnxruntime as ort

ORT_NAMES: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
INSTALL_CUDA: Final = "run: pip install 'onnxruntime-gpu[cuda,cudnn]'"
INSTALL_TENSORRT: Final = "run: pip install 'onnxruntime-gpu[cuda,cudnn]' tensorrt"
PROBE_GRAPH: Final = bytes.fromhex(  # y = x + x, ONNX opset 17
    "08083a390a0e0a01780a01781201792203416464120570726f62655a0f0a0178120a"
    "0a08080112040a020801620f0a0179120a0a08080112040a02080142040a001011"
)
_QUIET: Final = 3  # only errors: warnings of the optimiser are no news to a user


class Obstacle(NamedTuple):
    """Why a provider cannot work, and what to do about it."""

    problem: str
    remedy: str


def cuda() -> Obstacle | None:
    """What keeps CUDA from working here; None where a graph loads on it."""
    if ORT_NAMES["cuda"] not in ort.get_available_providers():
        return Obstacle("this onnxruntime was built without CUDA", INSTALL_CUDA)
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
    return _probe("cuda", "the CUDA or cuDNN libraries do not load", INSTALL_CUDA)


def tensorrt() -> Obstacle | None:
    """What keeps TensorRT from working here; None where a graph loads on it."""
    if ORT_NAMES["tensorrt"] not in ort.get_available_providers():
        return Obstacle("this onnxruntime was built without TensorRT", INSTALL_TENSORRT)
    return cuda() or _probe("tensorrt", "the TensorRT libraries do not load", INSTALL_TENSORRT)


def openvino() -> Obstacle | None:
    """What keeps OpenVINO from working here; None where it is installed."""
    if importlib.util.find_spec("openvino") is None:
        return Obstacle("openvino is not installed", "run: pip install 'scene-motion[openvino]'")
    return None


def preload() -> None:
    """Load the CUDA libraries that pip installed beside ONNX Runtime."""
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()


def quiet_options() -> ort.SessionOptions:
    """Options of a session that logs errors only."""
    options = ort.SessionOptions()
    options.log_severity_level = _QUIET
    return options


def one_line(error: Exception) -> str:
    """An error's text on one line, 200 letters at most."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _probe(name: str, problem: str, remedy: str) -> Obstacle | None:
    """Load a graph of one node."""
    try:
        preload()
        session = ort.InferenceSession(PROBE_GRAPH, quiet_options(), providers=[ORT_NAMES[name]])
    except Exception as error:  # ONNX Runtime's exceptions have no common base but this
        return Obstacle(f"it does not load ({one_line(error)})", remedy)
    return None if session.get_providers()[0] == ORT_NAMES[name] else Obstacle(problem, remedy)
