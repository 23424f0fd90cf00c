"""Many numpy arrays in one block of base64: what the page's script reads back as typed arrays.

The block is compressed, since a body's triangles and a room's points are most of a page. Browsers unpack it themselves
(Compression Streams, in all of them since 2023).
"""

from __future__ import annotations

import base64
import zlib
from typing import Any, Final, TypedDict

import numpy as np
from numpy.typing import NDArray

_NAMES: Final = {"uint8": "u8", "int8": "i8", "uint16": "u16", "int16": "i16", "uint32": "u32", "float32": "f32"}
_ALIGNMENT: Final = 4
"""Typed arrays must start at a multiple of their element's size."""


class ArrayRef(TypedDict):
    """Where an array lies in the block."""

    type: str
    """u8, i8, u16, i16, u32 or f32."""
    at: int
    """Byte it starts at."""
    count: int
    """Number of elements; their order is numpy's (C)."""


class ArrayBlock:
    """Collects arrays; `base64()` is called once all are in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def add(self, array: NDArray[Any]) -> ArrayRef:
        """Append an array, little-endian whatever the machine, and say where it lies."""
        name = _NAMES.get(array.dtype.name)
        if name is None:
            raise ValueError(f"expected one of {sorted(_NAMES)}, got {array.dtype.name} for an array of the page")
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
        ref: ArrayRef = {"type": name, "at": self._length, "count": int(array.size)}
        data += bytes(-len(data) % _ALIGNMENT)
        self._parts.append(data)
        self._length += len(data)
        return ref

    def base64(self) -> str:
        """Return everything so far, deflated (RFC 1950, which holds no time stamp), in base64."""
        return base64.b64encode(zlib.compress(b"".join(self._parts), 9)).decode("ascii")


def quantised(values: NDArray[np.floating[Any]], unit: float) -> NDArray[np.int16]:
    """Round to multiples of `unit` in 16 bits; whoever calls has seen to it that they fit."""
    steps = np.rint(np.asarray(values, dtype=np.float64) / unit)
    if np.abs(steps).max(initial=0.0) > np.iinfo(np.int16).max:
        raise ValueError(f"expected values within {np.iinfo(np.int16).max * unit:g}, got larger ones for 16 bits")
    return steps.astype(np.int16)
