"""A binary glTF 2.0 file, put together array by array (Khronos glTF 2.0 specification, sections 3 and 4.4).

A header ('glTF', version 2, length of the whole), a chunk 'JSON' with the description, padded with spaces, and a chunk
'BIN' with all arrays one after the other, little-endian, each starting at a multiple of four bytes.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_COMPONENTS: Final[dict[str, int]] = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
_KINDS: Final[dict[tuple[int, ...], str]] = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
VERTICES: Final = 34962
"""Target of a buffer view that holds vertex attributes."""
INDICES: Final = 34963
"""Target of a buffer view that holds indices of vertices."""


class GlbFile:
    """Collects arrays and the description; `to_bytes` gives the file."""

    def __init__(self, asset: dict[str, Any]) -> None:
        """Begin an empty file; `asset` is the glTF object of that name."""
        self._parts: list[bytes] = []
        self._length = 0
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._objects: dict[str, list[dict[str, Any]]] = {}
        self._asset = asset
        self._extensions: set[str] = set()

    def array(
        self, values: NDArray[Any], *, target: int | None = None, normalized: bool = False, bounds: bool = False
    ) -> int:
        """Store an array (N,), (N, 2), (N, 3), (N, 4) or (N, 4, 4) and return the number of its accessor.

        Args:
            values: One of the component types of glTF. Matrices as usual, rows first; the file has columns first.
            target: VERTICES or INDICES where a mesh uses it.
            normalized: Whole numbers stand for [0, 1] or [-1, 1].
            bounds: Say the least and the greatest value, as glTF asks of positions and times.
        """
        if values.ndim == 3:
            values = np.swapaxes(values, 1, 2)
        code = values.dtype.str[1:]
        data = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._length, "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        accessor: dict[str, Any] = {
            "bufferView": len(self._views),
            "componentType": _COMPONENTS[code],
            "count": len(values),
            "type": _KINDS[values.shape[1:]],
        }
        if normalized:
            accessor["normalized"] = True
        if bounds:
            # Python floats print every digit of a float32: readers compare the bounds with the data exactly.
            low, high = (np.atleast_1d(pick(values, axis=0)).tolist() for pick in (np.min, np.max))
            accessor |= {"min": low, "max": high}
        padded = data + b"\0" * (-len(data) % 4)
        self._parts.append(padded)
        self._length += len(padded)
        self._views.append(view)
        self._accessors.append(accessor)
        return len(self._accessors) - 1

    def add(self, kind: str, item: dict[str, Any]) -> int:
        """Append an object to one of the top-level lists ('nodes', 'meshes' ...) and return its number."""
        items = self._objects.setdefault(kind, [])
        items.append(item)
        return len(items) - 1

    def node(self, number: int) -> dict[str, Any]:
        """Return a node that was added, to be changed in place."""
        return self._objects["nodes"][number]

    def use_extension(self, name: str) -> None:
        """Say that the file uses an extension that readers may ignore."""
        self._extensions.add(name)

    def to_bytes(self) -> bytes:
        """Return the whole file."""
        content: dict[str, Any] = {"asset": self._asset, "scene": 0, **self._objects}
        if self._extensions:
            content["extensionsUsed"] = sorted(self._extensions)
        content |= {
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": self._length}],
        }
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")
        text += b" " * (-len(text) % 4)
        whole = 12 + 8 + len(text) + 8 + self._length
        head = struct.pack("<4sII", b"glTF", 2, whole) + struct.pack("<I4s", len(text), b"JSON")
        return b"".join([head, text, struct.pack("<I4s", self._length, b"BIN\0"), *self._parts])
