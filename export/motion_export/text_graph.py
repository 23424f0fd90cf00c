"""The text encoder's graph: tokens (1, L) -> embedding (1, Dt), for the small tower and for pretrained CLIP alike."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from torch import Tensor

from motion_export.graphs import trace
from motion_export.kernels import TextKernel
from motion_runtime.manifest import TEXT_ENCODER


def trace_text(kernel: TextKernel, example: Mapping[str, Tensor]) -> onnx.ModelProto:
    """Export a text tower.

    It runs once a prompt, so its attention is left as the tracer finds it.
    """
    return trace(kernel, example, ["embedding"], TEXT_ENCODER)
