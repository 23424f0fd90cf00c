"""Read the vertices of a PLY file, with its faces if they are asked for, and write a small one.

ASCII and binary of either byte order; any scalar properties in any order. Of the element called `vertex` its scalars
are returned, of `face` its polygons; everything else is stepped over. Format: Greg Turk's PLY 1.0.
"""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.mesh import fans

_TYPES: Final = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "int64": "i8", "uint64": "u8",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_NAMES: Final = {
    "i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort", "i4": "int", "u4": "uint", "f4": "float", "f8": "double"
}  # fmt: skip
_BYTE_ORDERS: Final = {"binary_little_endian": "<", "binary_big_endian": ">"}
_CORNERS: Final = ("vertex_indices", "vertex_index")
_MAX_HEADER_BYTES: Final = 1 << 20
_MAX_ROWS: Final = 1 << 48
"""No disk holds more rows."""


@dataclass(frozen=True)
class _Property:
    name: str
    dtype: str
    """numpy type code without a byte order; for a list, that of its entries."""
    count_dtype: str | None
    """numpy type code of a list's length, None for a scalar."""


@dataclass(frozen=True)
class _Element:
    name: str
    count: int
    properties: tuple[_Property, ...]

    @property
    def has_lists(self) -> bool:
        return any(p.count_dtype is not None for p in self.properties)

    def dtype(self, order: str, lengths: Sequence[int] = ()) -> np.dtype[Any]:
        """Record of one row, with lists as fixed arrays of the given lengths."""
        fields: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = []
        remaining = iter(lengths)
        for index, prop in enumerate(self.properties):
            if prop.count_dtype is None:
                fields.append((f"v{index}", order + prop.dtype))
            else:
                fields.append((f"n{index}", order + prop.count_dtype))
                fields.append((f"v{index}", order + prop.dtype, (next(remaining),)))
        return np.dtype(fields)


@dataclass(frozen=True)
class PlyVertices:
    """The scalar properties of a PLY file's vertices, each (N,), in native byte order, and its comments."""

    properties: dict[str, NDArray[Any]]
    comments: tuple[str, ...]
    faces: NDArray[np.int64] | None = None
    """(F, 3) triangles, larger polygons split into fans; None where there are none, or were not asked for."""

    def __len__(self) -> int:
        return len(next(iter(self.properties.values()), ()))


def read_ply(path: str | os.PathLike[str], *, faces: bool = False) -> PlyVertices:
    """Read the vertices of a PLY file.

    Args:
        path: The file.
        faces: Read its faces too.

    Raises:
        InputError: The file is missing, empty, cut short, or not a PLY file.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"expected a PLY file, got '{error.strerror or error}' for {path}; check the path") from error
    order, elements, comments, start = _parse_header(content, path)
    vertex = next((e for e in elements if e.name == "vertex"), None)
    if vertex is None:
        raise InputError(f"expected an element called vertex, got none for {path}; export it as a point cloud or mesh")
    before = elements[: elements.index(vertex)]
    if order is None:
        columns = _read_ascii(content, start, before, vertex, path)
    else:
        columns = _read_binary(content, start, before, vertex, order, path)
    face = next((e for e in elements if e.name == "face" and e.count), None)
    if not faces or face is None:
        return PlyVertices(columns, comments)
    corners = next((i for i, p in enumerate(face.properties) if p.count_dtype and p.name in _CORNERS), None)
    if corners is None:
        return PlyVertices(columns, comments)
    earlier = elements[: elements.index(face)]
    sizes, flat = (
        _ascii_lists(content, start, earlier, face, corners, path)
        if order is None
        else _binary_lists(content, start, earlier, face, corners, order, path)
    )
    return PlyVertices(columns, comments, fans(sizes, flat))


def _parse_header(content: bytes, path: Path) -> tuple[str | None, list[_Element], tuple[str, ...], int]:
    """Return the byte order (None for ASCII), the elements, the comments and where the data starts."""
    if not content:
        raise InputError(f"expected a PLY file, got an empty file for {path}; export the scan again")
    if content[:3] != b"ply" or content[3:4] not in (b"\n", b"\r"):
        raise InputError(
            f"expected a file that starts with 'ply', got another format for {path}; convert it to PLY, or to .obj, "
            ".glb, .npz or .npy for a room"
        )
    marker = content.find(b"end_header", 0, _MAX_HEADER_BYTES)
    if marker < 0:
        raise InputError(f"expected a PLY header that ends with end_header, got none for {path}; the file is cut short")
    start = marker + len(b"end_header")
    if content[start : start + 2] == b"\r\n":
        start += 2
    elif content[start : start + 1] in (b"\n", b"\r"):
        start += 1
    text = content[:marker].decode("utf-8", errors="replace")
    file_format: str | None = None
    elements: list[_Element] = []
    comments: list[str] = []
    for line in text.splitlines()[1:]:
        words = line.split()
        try:
            if not words:
                continue
            if words[0] in ("comment", "obj_info"):
                comments.append(line.strip()[len(words[0]) :].strip())
            elif words[0] == "format":
                file_format = words[1]
            elif words[0] == "element":
                if not 0 <= int(words[2]) <= _MAX_ROWS:
                    raise ValueError(words[2])
                elements.append(_Element(words[1], int(words[2]), ()))
            elif words[0] == "property":
                prop = (
                    _Property(words[4], _TYPES[words[3]], _TYPES[words[2]])
                    if words[1] == "list"
                    else _Property(words[2], _TYPES[words[1]], None)
                )
                last = elements[-1]
                elements[-1] = _Element(last.name, last.count, (*last.properties, prop))
            else:
                raise ValueError(words[0])
        except (ValueError, IndexError, KeyError) as error:
            shown = line.strip()[:80]
            raise InputError(f"expected a PLY header line, got '{shown}' for {path}; export the scan again") from error
    if file_format != "ascii" and file_format not in _BYTE_ORDERS:
        known = ", ".join(("ascii", *_BYTE_ORDERS))
        raise InputError(f"expected one of the formats {known}, got {file_format} for {path}; export the scan again")
    return (None if file_format == "ascii" else _BYTE_ORDERS[file_format]), elements, tuple(comments), start


def _truncated(path: Path, element: _Element) -> InputError:
    return InputError(
        f"expected {element.count} rows of the element {element.name}, got fewer for {path}; "
        "the file is cut short: copy or export it again"
    )


def _read_binary(
    content: bytes, start: int, before: Sequence[_Element], vertex: _Element, order: str, path: Path
) -> dict[str, NDArray[Any]]:
    offset = start
    for element in before:
        _, offset = _binary_rows(content, offset, element, order, path)
    rows, _ = _binary_rows(content, offset, vertex, order, path)
    return {
        prop.name: rows[f"v{index}"].astype(prop.dtype)
        for index, prop in enumerate(vertex.properties)
        if prop.count_dtype is None
    }


def _binary_rows(
    content: bytes, offset: int, element: _Element, order: str, path: Path
) -> tuple[NDArray[Any], int]:
    """Return an element's rows as records (scalars only when its lists vary in length) and where they end."""
    shortest = element.dtype(order, [0] * len(element.properties))
    if not element.properties or element.count == 0:
        return np.zeros(0, shortest), offset
    # Checked before any array of that many rows is made.
    if element.count * shortest.itemsize > len(content) - offset:
        raise _truncated(path, element)
    # One row tells the list lengths; nearly always every row has them (triangles), and the whole element is one view.
    lengths, _ = _row_lengths(content, offset, element, order, path)
    dtype = element.dtype(order, lengths)
    end = offset + element.count * dtype.itemsize
    if end <= len(content):
        rows = np.frombuffer(content, dtype, element.count, offset)
        counts = [f"n{i}" for i, p in enumerate(element.properties) if p.count_dtype is not None]
        if all(bool(np.all(rows[name] == length)) for name, length in zip(counts, lengths, strict=True)):
            return rows, end
    return _walk_rows(content, offset, element, order, path)


def _row_lengths(content: bytes, offset: int, element: _Element, order: str, path: Path) -> tuple[list[int], int]:
    lengths = []
    for prop in element.properties:
        if prop.count_dtype is not None:
            width = np.dtype(prop.count_dtype).itemsize
            if offset + width > len(content):
                raise _truncated(path, element)
            lengths.append(int(np.frombuffer(content, order + prop.count_dtype, 1, offset)[0]))
            if lengths[-1] < 0:
                raise InputError(f"expected a list length of 0 or more, got {lengths[-1]} for {path}; export it again")
            offset += width + lengths[-1] * np.dtype(prop.dtype).itemsize
            # Checked here: a record type of the length that a broken file claims takes gigabytes, or cannot be made.
            if offset > len(content):
                raise _truncated(path, element)
        else:
            offset += np.dtype(prop.dtype).itemsize
    return lengths, offset


def _binary_lists(
    content: bytes, start: int, before: Sequence[_Element], element: _Element, column: int, order: str, path: Path
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lengths (N,) of an element's lists in one column, and all their entries one after the other."""
    offset = start
    for earlier in before:
        _, offset = _binary_rows(content, offset, earlier, order, path)
    rows, _ = _binary_rows(content, offset, element, order, path)
    width = rows.dtype[f"v{column}"].shape
    if width and width[0]:
        return np.full(len(rows), width[0], dtype=np.int64), rows[f"v{column}"].reshape(-1).astype(np.int64)
    lists = []
    at = sum(p.count_dtype is not None for p in element.properties[:column])
    for _ in range(element.count):
        lengths, end = _row_lengths(content, offset, element, order, path)
        row = np.frombuffer(content, element.dtype(order, lengths), 1, offset)
        lists.append(row[f"v{column}"][0][: lengths[at]].astype(np.int64))
        offset = end
    return np.array([len(one) for one in lists], dtype=np.int64), np.concatenate([np.zeros(0, np.int64), *lists])


def _ascii_lists(
    content: bytes, start: int, before: Sequence[_Element], element: _Element, column: int, path: Path
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Do the same for text."""
    first = sum(earlier.count for earlier in before if earlier.properties)
    filled = (line for line in io.BytesIO(content[start:]) if line.strip())
    sizes: list[int] = []
    flat: list[int] = []
    for line in islice(filled, first, first + element.count):
        words = line.split()
        at = 0
        try:
            for prop in element.properties[: column + 1]:
                length = 1 if prop.count_dtype is None else int(words[at])
                at += prop.count_dtype is not None
                entries, at = words[at : at + length], at + length
            flat += [int(word) for word in entries]
        except (ValueError, IndexError) as error:
            raise InputError(f"expected faces, got '{line[:60]!r}' for {path}; export the mesh again") from error
        if len(entries) != length:
            raise _truncated(path, element)
        sizes.append(length)
    if len(sizes) < element.count:
        raise _truncated(path, element)
    return np.array(sizes, dtype=np.int64), np.array(flat, dtype=np.int64)


def _walk_rows(content: bytes, offset: int, element: _Element, order: str, path: Path) -> tuple[NDArray[Any], int]:
    flat = element.dtype(order, [0] * len(element.properties))
    rows = np.zeros(element.count, flat)
    scalars = [f"v{i}" for i, p in enumerate(element.properties) if p.count_dtype is None]
    for index in range(element.count):
        lengths, end = _row_lengths(content, offset, element, order, path)
        if end > len(content):
            raise _truncated(path, element)
        row = np.frombuffer(content, element.dtype(order, lengths), 1, offset)
        for name in scalars:
            rows[name][index] = row[name][0]
        offset = end
    return rows, offset


def _read_ascii(
    content: bytes, start: int, before: Sequence[_Element], vertex: _Element, path: Path
) -> dict[str, NDArray[Any]]:
    stream = io.BytesIO(content)
    stream.seek(start)
    for element in before:
        for _ in range(element.count):
            if not _next_row(stream):
                raise _truncated(path, element)
    body = content[stream.tell() :]
    if vertex.has_lists:
        table = _ascii_rows_with_lists(body, vertex, path)
    elif not body.strip() or vertex.count == 0:
        table = np.zeros((0, len(vertex.properties)))
    else:
        try:
            filled = (line for line in io.BytesIO(body) if line.strip())
            table = np.loadtxt(islice(filled, vertex.count), comments=None, ndmin=2)
        except ValueError as error:
            raise InputError(f"expected numbers, got '{error}' for {path}; export the scan again") from error
    if len(table) < vertex.count:
        raise _truncated(path, vertex)
    scalars = [p for p in vertex.properties if p.count_dtype is None]
    if vertex.count and table.shape[1] != len(scalars):
        raise InputError(
            f"expected {len(scalars)} numbers a vertex, got {table.shape[1]} for {path}; export the scan again"
        )
    columns = {}
    for index, prop in enumerate(scalars):
        column = table[:, index] if vertex.count else np.zeros(0)
        if prop.dtype[0] in "iu" and not np.all(np.isfinite(column)):
            raise InputError(f"expected integers, got NaN in the property {prop.name} for {path}; export it again")
        columns[prop.name] = column.astype(prop.dtype)
    return columns


def _next_row(stream: io.BytesIO) -> bytes:
    """Read the next line that is not blank; empty at the end."""
    for line in stream:
        if line.strip():
            return line
    return b""


def _ascii_rows_with_lists(body: bytes, vertex: _Element, path: Path) -> NDArray[np.float64]:
    rows: list[list[float]] = []
    filled = (line for line in body.splitlines() if line.strip())
    for line in islice(filled, vertex.count):
        words = iter(line.split())
        row = []
        try:
            for prop in vertex.properties:
                value = float(next(words))
                if prop.count_dtype is None:
                    row.append(value)
                else:
                    for _ in range(int(value)):
                        next(words)
        except (StopIteration, ValueError, OverflowError) as error:
            raise _truncated(path, vertex) from error
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(len(rows), -1)


def write_ply(
    path: str | os.PathLike[str], properties: Mapping[str, NDArray[Any]], comments: Sequence[str] = ()
) -> None:
    """Write vertices as a little-endian binary PLY file.

    Args:
        path: Where to; the file appears under this name only when it is complete.
        properties: Columns of equal length (N,), in the order of the file; their types become PLY's.
        comments: One header line each.
    """
    path = Path(path)
    lengths = {len(column) for column in properties.values()}
    if len(lengths) != 1:
        raise InputError(f"expected columns of one length, got {sorted(lengths)} for {path}; pass equal columns")
    rows = np.empty(lengths.pop(), [(name, "<" + column.dtype.str[1:]) for name, column in properties.items()])
    header = ["ply", "format binary_little_endian 1.0", *(f"comment {c}" for c in comments)]
    header.append(f"element vertex {len(rows)}")
    for name, column in properties.items():
        code = column.dtype.str[1:]
        if code not in _NAMES:
            raise InputError(f"expected {', '.join(_NAMES)} columns, got {code} for {name}; convert the column")
        rows[name] = column
        header.append(f"property {_NAMES[code]} {name}")
    if any("\n" in line or "\r" in line for line in header):
        raise InputError(f"expected one line a comment and a name, got a line break for {path}; take it out")
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_bytes("\n".join([*header, "end_header", ""]).encode() + rows.tobytes())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"expected to write {path}, got '{error.strerror}'; check space and permissions") from error
