"""Read the geometry of a binary glTF 2.0 file (.glb): triangles and points with vertex colours, in the scene's frame.

Khronos glTF 2.0 specification, sections 3.5 to 3.9 and 4.4. Y is up there and the metre the unit. Of a texture each
vertex takes the colour at its place in it; one that lies outside the file, or is coded in a way of its own, is left
out. Compressed geometry (Draco, meshopt) is refused. A node or mesh whose name says what it is ('Bed_02') labels its
vertices.
"""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.labels import label_of_name
from motion_preprocessing.mesh import Mesh, check_mesh

_COMPONENTS: Final = {5120: "i1", 5121: "u1", 5122: "i2", 5123: "u2", 5125: "u4", 5126: "f4"}
_WIDTHS: Final = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_POINTS, _TRIANGLES, _STRIP, _FAN = 0, 4, 5, 6
_COMPRESSIONS: Final = ("KHR_draco_mesh_compression", "EXT_meshopt_compression")
_MAX_DEPTH: Final = 64
_TEXTURE_PX: Final = 1024
"""Larger textures are made smaller."""


def read_glb(path: Path) -> tuple[Mesh, NDArray[np.int64]]:
    """Read a .glb file.

    Returns:
        The mesh of all nodes of its scene, and the vertices (N,) that are points of their own and belong to no face.

    Raises:
        InputError: The file is missing, cut short, compressed, or holds no geometry.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"expected a GLB file, got '{error.strerror or error}' for {path}; check the path") from error
    description, binary = _chunks(content, path)
    try:
        return _Reader(description, binary, path).scene()
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(
            f"expected a glTF 2.0 description, got {type(error).__name__} '{str(error)[:60]}' for {path}; "
            "export the room again"
        ) from error


def _chunks(content: bytes, path: Path) -> tuple[dict[str, Any], bytes]:
    """Return the description and the binary chunk."""
    if content[:4] != b"glTF" or len(content) < 20:
        raise InputError(f"expected a file that starts with 'glTF', got another format for {path}; export it as GLB")
    if struct.unpack_from("<I", content, 4)[0] != 2:
        raise InputError(
            f"expected version 2 of glTF, got {struct.unpack_from('<I', content, 4)[0]} for {path}; export it as 2.0"
        )
    found: dict[bytes, bytes] = {}
    offset = 12
    while offset + 8 <= len(content):
        length, kind = struct.unpack_from("<I4s", content, offset)
        if offset + 8 + length > len(content):
            raise InputError(
                f"expected a chunk of {length} bytes, got {len(content) - offset - 8} for {path}; the file is cut "
                "short: copy or export it again"
            )
        found.setdefault(kind, content[offset + 8 : offset + 8 + length])
        offset += 8 + length
    try:
        description = json.loads(found.get(b"JSON", b""))
        if not isinstance(description, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"expected a description in JSON, got '{str(error)[:60]}' for {path}; export the room again"
        ) from error
    return description, found.get(b"BIN\0", b"")


class _Reader:
    """Collects the geometry of one file."""

    def __init__(self, description: dict[str, Any], binary: bytes, path: Path) -> None:
        self.of: dict[str, list[dict[str, Any]]] = {
            name: description.get(name, [])
            for name in ("nodes", "meshes", "accessors", "bufferViews", "buffers", "scenes", "materials", "textures")
        }
        self.of["images"] = description.get("images", [])
        self.pictures: dict[int, NDArray[np.float64] | None] = {}
        self.start = int(description.get("scene", 0))
        self.binary, self.path = binary, path
        compressed = [name for name in _COMPRESSIONS if name in description.get("extensionsRequired", [])]
        if compressed:
            raise InputError(
                f"expected plain geometry, got {compressed[0]} for {path}; export the room without compression"
            )
        self.vertices: list[NDArray[np.float64]] = []
        self.colors: list[NDArray[np.float64] | None] = []
        self.labels: list[int] = []
        self.faces: list[NDArray[np.int64]] = []
        self.lone: list[NDArray[np.int64]] = []
        self.count = 0

    def scene(self) -> tuple[Mesh, NDArray[np.int64]]:
        """Walk the scene's nodes."""
        scenes = self.of["scenes"]
        children = {child for node in self.of["nodes"] for child in node.get("children", [])}
        loose = [index for index in range(len(self.of["nodes"])) if index not in children]
        roots = scenes[self.start].get("nodes", []) if scenes else loose
        pending = [(int(root), np.eye(4), 0, 0) for root in roots]
        while pending:
            index, above, label, depth = pending.pop()
            if depth > _MAX_DEPTH:
                raise InputError(
                    f"expected a tree of nodes, got a circle or more than {_MAX_DEPTH} levels for {self.path}; "
                    "export the room again"
                )
            node = self.of["nodes"][index]
            place = above @ _matrix(node)
            label = label_of_name(str(node.get("name", ""))) or label
            if "mesh" in node:
                mesh = self.of["meshes"][int(node["mesh"])]
                mine = label or label_of_name(str(mesh.get("name", "")))
                for primitive in mesh["primitives"]:
                    self._add(primitive, place, mine)
            pending += [(int(child), place, label, depth + 1) for child in node.get("children", [])]
        if not self.count:
            raise InputError(f"expected triangles or points, got none for {self.path}; export the room's geometry")
        vertices = np.concatenate(self.vertices)
        faces = np.concatenate([np.zeros((0, 3), np.int64), *self.faces])
        check_mesh(vertices, faces, self.path)
        sizes = [len(part) for part in self.vertices]
        colors = None
        if any(part is not None for part in self.colors):
            grey = [np.full((n, 3), 0.6) if c is None else c for n, c in zip(sizes, self.colors, strict=True)]
            colors = np.round(255 * _srgb(np.concatenate(grey))).astype(np.uint8)
        labels = np.repeat(self.labels, sizes).astype(np.int64) if any(self.labels) else None
        return Mesh(vertices, faces, colors, labels), np.concatenate([np.zeros(0, np.int64), *self.lone])

    def _add(self, primitive: dict[str, Any], place: NDArray[np.float64], label: int) -> None:
        mode = int(primitive.get("mode", _TRIANGLES))
        if mode not in (_POINTS, _TRIANGLES, _STRIP, _FAN):
            return  # lines
        attributes = primitive["attributes"]
        points = self._accessor(int(attributes["POSITION"]))[:, :3].astype(np.float64)
        index = (
            self._accessor(int(primitive["indices"])).reshape(-1).astype(np.int64)
            if "indices" in primitive
            else np.arange(len(points))
        )
        if mode == _POINTS:
            self.lone.append(np.unique(index) + self.count)
        else:
            if mode == _TRIANGLES:
                faces = index[: len(index) // 3 * 3].reshape(-1, 3)
            elif mode == _STRIP:
                faces = np.stack([index[:-2], index[1:-1], index[2:]], axis=1)
            else:
                faces = np.stack([np.full(max(len(index) - 2, 0), index[0]), index[1:-1], index[2:]], axis=1)
            if len(faces) and faces.max() >= len(points):
                raise ValueError(f"index {faces.max()} of {len(points)} vertices")
            self.faces.append(faces + self.count)
        with np.errstate(invalid="ignore"):  # infinity times nought, of vertices that are left out later
            self.vertices.append(points @ place[:3, :3].T + place[:3, 3])
        self.colors.append(self._paint(primitive, attributes, len(points)))
        self.labels.append(label)
        self.count += len(points)

    def _paint(self, primitive: dict[str, Any], attributes: dict[str, Any], count: int) -> NDArray[np.float64] | None:
        """Linear colours (V, 3) in 0..1 of a primitive's vertices."""
        color: NDArray[np.float64] | None = None
        if "COLOR_0" in attributes:
            color = self._accessor(int(attributes["COLOR_0"]), scaled=True)[:, :3].astype(np.float64)
        if "material" in primitive:
            surface = self.of["materials"][int(primitive["material"])].get("pbrMetallicRoughness", {})
            factor: NDArray[np.float64] | None = None
            if "baseColorFactor" in surface:
                factor = np.array(surface["baseColorFactor"][:3], dtype=np.float64)
            if "baseColorTexture" in surface:
                seen = self._texture(surface["baseColorTexture"], attributes)
                # A factor is white or a tint where there is a texture: without the texture it says nothing.
                factor = None if seen is None else seen * (1.0 if factor is None else factor)
            if factor is not None:
                color = factor * (np.ones((count, 3)) if color is None else color)
        return color

    def _texture(self, used: dict[str, Any], attributes: dict[str, Any]) -> NDArray[np.float64] | None:
        """Linear colours (V, 3) of a texture where the vertices are in it; None where it cannot be read."""
        name = f"TEXCOORD_{int(used.get('texCoord', 0))}"
        source = self.of["textures"][int(used["index"])].get("source")
        if name not in attributes or source is None or used.get("extensions"):
            return None
        if source not in self.pictures:
            self.pictures[source] = self._picture(self.of["images"][int(source)])
        picture = self.pictures[source]
        if picture is None:
            return None
        places = self._accessor(int(attributes[name]), scaled=True)[:, :2].astype(np.float64)
        height, width = picture.shape[:2]
        # Outside of 0 to 1 a texture repeats; its first row is v = 0, and its last one ends at v = 1.
        places = np.nan_to_num(places)
        within = np.where((places > 0) & (places == np.round(places)), 1.0, places % 1.0)
        column, row = (within * (width, height)).astype(np.int64).T
        return np.asarray(picture[np.minimum(row, height - 1), np.minimum(column, width - 1)])

    def _picture(self, image: dict[str, Any]) -> NDArray[np.float64] | None:
        """Linear colours (H, W, 3) of a picture inside the file; None for any other, and for a broken one."""
        if "bufferView" not in image:
            return None
        from PIL import Image  # loaded for textures alone

        view = self.of["bufferViews"][int(image["bufferView"])]
        start = int(view.get("byteOffset", 0))
        content = self.binary[start : start + int(view["byteLength"])]
        try:
            with Image.open(io.BytesIO(content)) as opened:
                shown = opened.convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError):
            return None
        # Vertices lie centimetres apart: finer than that a texture is noise.
        shown.thumbnail((_TEXTURE_PX, _TEXTURE_PX))
        return linear_from_srgb(np.asarray(shown) / 255.0)

    def _accessor(self, number: int, *, scaled: bool = False) -> NDArray[Any]:
        """Return the numbers (N, width) of an accessor; whole ones as 0..1 if `scaled`, normalised ones as -1..1."""
        accessor = self.of["accessors"][number]
        if "sparse" in accessor or "bufferView" not in accessor:
            raise InputError(
                f"expected plain geometry, got a sparse or compressed array for {self.path}; export it without"
            )
        view = self.of["bufferViews"][int(accessor["bufferView"])]
        if int(view.get("buffer", 0)) != 0 or "uri" in self.of["buffers"][0]:
            raise InputError(
                f"expected all arrays inside the file, got a second buffer for {self.path}; export one GLB file"
            )
        dtype = np.dtype("<" + _COMPONENTS[int(accessor["componentType"])])
        width, count = _WIDTHS[accessor["type"]], int(accessor["count"])
        stride = int(view.get("byteStride", dtype.itemsize * width))
        start = int(view.get("byteOffset", 0)) + int(accessor.get("byteOffset", 0))
        last = start + stride * (count - 1) + dtype.itemsize * width
        if min(start, count - 1, stride - dtype.itemsize * width) < 0 or last > len(self.binary):
            raise InputError(
                f"expected an array within {len(self.binary)} bytes, got one up to {last} for {self.path}; the file "
                "is cut short: copy or export it again"
            )
        rows: NDArray[Any] = np.ndarray((count, width), dtype, self.binary, start, (stride, dtype.itemsize))
        if dtype.kind in "iu" and (accessor.get("normalized", False) or (scaled and dtype.kind == "u")):
            # The lowest signed number has no counterpart: it is -1 like the next one (section 3.6.2.2).
            return np.maximum(rows / float(np.iinfo(dtype).max), -1.0)
        return rows


def _matrix(node: dict[str, Any]) -> NDArray[np.float64]:
    """(4, 4) from a node's frame to its parent's."""
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T  # columns first in the file
    x, y, z, w = (float(value) for value in node.get("rotation", (0, 0, 0, 1)))
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, :3] *= np.array(node.get("scale", (1, 1, 1)), dtype=np.float64)
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def _srgb(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1: what screens show of linear light."""
    light = np.clip(np.nan_to_num(linear), 0.0, 1.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def linear_from_srgb(srgb: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Light that sRGB values in 0 to 1 stand for (IEC 61966-2-1): what COLOR_0 holds."""
    s = np.asarray(srgb, dtype=np.float64)
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
