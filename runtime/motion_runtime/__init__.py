"""Noise schedule, samplers, guidance, bundle reader, ONNX Runtime sessions and outputs. Never imports torch.

    from motion_runtime import GenerationRequest, Generator, load_scene, write_sample

These names are imported on first use: whoever needs the noise schedule alone does not load ONNX Runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import motion_preprocessing as _before_onnxruntime  # noqa: F401  (switches its telemetry off)

if TYPE_CHECKING:
    from motion_preprocessing.scene import load_scene
    from motion_runtime.generator import Generator
    from motion_runtime.motion import GenerationRequest, Motion
    from motion_runtime.writer import read_motion, write_sample

__all__ = ["GenerationRequest", "Generator", "Motion", "load_scene", "read_motion", "write_sample"]

_HOME: Final = {
    "GenerationRequest": "motion_runtime.motion",
    "Generator": "motion_runtime.generator",
    "Motion": "motion_runtime.motion",
    "load_scene": "motion_preprocessing.scene",
    "read_motion": "motion_runtime.writer",
    "write_sample": "motion_runtime.writer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
