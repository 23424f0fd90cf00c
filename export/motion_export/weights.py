"""All graphs' weights in one file, each tensor once: ONNX external data, deduplicated by content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, Final

import onnx
from onnx import external_data_helper, numpy_helper

from motion_runtime.bundle import WEIGHTS_FILE

INLINE_BYTES: Final = 1024
"""Smaller tensors stay in the graph: shapes and scalars, which shape inference must see."""
_PAGE: Final = 4096
_LINE: Final = 64


class WeightsFile:
    """Writes tensors one after the other and remembers where each content lies.

    Large tensors start on a page, so that they can be mapped into memory; small ones on a cache line.
    """

    def __init__(self, folder: Path) -> None:
        """Start `weights.bin` in `folder`; use as a context manager."""
        self._path = folder / WEIGHTS_FILE
        self._places: dict[tuple[str, int], int] = {}
        self._stream: BinaryIO | None = None

    def __enter__(self) -> WeightsFile:
        self._stream = self._path.open("xb")
        return self

    def __exit__(self, *error: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def move_out(self, model: onnx.ModelProto) -> None:
        """Move a model's large initialisers here, in place."""
        for tensor in model.graph.initializer:
            # from_array/to_array bring every encoding of a tensor to little-endian raw bytes.
            content = numpy_helper.to_array(tensor).tobytes()
            if len(content) < INLINE_BYTES:
                continue
            offset = self._store(content)
            tensor.CopyFrom(onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims))
            tensor.raw_data = b""
            external_data_helper.set_external_data(tensor, WEIGHTS_FILE, offset=offset, length=len(content))
            tensor.ClearField("raw_data")

    def _store(self, content: bytes) -> int:
        if self._stream is None:
            raise ValueError("expected the weights file to be open")
        key = (hashlib.sha256(content).hexdigest(), len(content))
        if key not in self._places:
            alignment = _PAGE if len(content) >= 16 * _PAGE else _LINE
            end = self._stream.tell()
            offset = -(-end // alignment) * alignment
            self._stream.write(bytes(offset - end))
            self._stream.write(content)
            self._places[key] = offset
        return self._places[key]
