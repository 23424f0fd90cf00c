"""Rooms as meshes: OBJ and GLB as trimesh writes them, PLY faces, points by area, and files that are broken."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from motion_preprocessing.errors import InputError
from motion_preprocessing.gltf import read_glb
from motion_preprocessing.labels import DEFAULT_LABELS, label_of_name, named_classes
from motion_preprocessing.mesh import SURFACE_POINTS, fans, sample_surface
from motion_preprocessing.obj import read_obj
from motion_preprocessing.ply import read_ply
from motion_preprocessing.scene import load_scene

Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
BOXES = {  # centre and size, metres
    "Floor": ((2.0, 1.5, -0.1), (4.0, 3.0, 0.2)),
    "Wall_north": ((2.0, 3.05, 1.25), (4.0, 0.1, 2.5)),
    "Wall_west": ((-0.05, 1.5, 1.25), (0.1, 3.0, 2.5)),
    "Bed.001": ((1.0, 2.3, 0.25), (2.0, 0.9, 0.5)),
    "KitchenTable_2": ((3.2, 0.8, 0.72), (0.8, 0.8, 0.05)),
}


def room() -> trimesh.Scene:
    scene = trimesh.Scene()
    for name, (centre, size) in BOXES.items():
        box = trimesh.creation.box(size, transform=trimesh.transformations.translation_matrix(centre))
        scene.add_geometry(box, node_name=name, geom_name=name)
    return scene


def glb(description: dict[str, object], binary: bytes = b"") -> bytes:
    text = json.dumps(description).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


@pytest.mark.parametrize("name", ["room.glb", "room.obj", "room.ply"])
def test_a_drawn_room_is_read_whatever_the_format(tmp_path: Path, name: str) -> None:
    drawn = room()
    drawn.apply_transform(Y_UP)
    if name.endswith(".ply"):
        drawn = drawn.to_mesh()
    drawn.export(str(tmp_path / name))
    scene = load_scene(tmp_path / name)
    assert len(scene) == SURFACE_POINTS
    assert scene.floor is not None
    assert (scene.floor.up, scene.floor.units) == ("y", "m")
    # The floor is the slab's upper side, not the lower one; tops are where they were drawn.
    table = (np.abs(scene.points_m[:, :2] - (3.2, 0.8)) < 0.38).all(axis=1) & (scene.points_m[:, 2] > 0.3)
    assert 0.69 < scene.points_m[table, 2].min() < scene.points_m[table, 2].max() < 0.755
    bed = next(thing for thing in scene.furniture if thing.object_class == "bed")
    np.testing.assert_allclose(bed.centre_m, (1.0, 2.3), atol=0.05)
    np.testing.assert_allclose(bed.size_m, (2.0, 0.9, 0.5), atol=0.1)
    if name.endswith(".glb"):
        assert {scene.label_names[label] for label in np.unique(scene.labels)} == {"floor", "wall", "bed", "table"}
        assert bed.labelled
    # The mesh itself is kept, where its points are.
    assert scene.mesh is not None
    faces = trimesh.Trimesh(scene.mesh.vertices, scene.mesh.faces, process=False)
    _, distance, _ = trimesh.proximity.closest_point_naive(faces, scene.points_m[::2000])
    assert distance.max() < 1e-5
    assert faces.volume == pytest.approx(sum(np.prod(size) for _, size in BOXES.values()), rel=1e-3)
    if name.endswith(".glb"):
        of_bed = [scene.label_names[label] == "bed" for label in scene.mesh.labels]  # type: ignore[union-attr]
        np.testing.assert_allclose(np.ptp(scene.mesh.vertices[of_bed], axis=0), (2.0, 0.9, 0.5), atol=0.01)


@pytest.mark.parametrize("name", ["room.glb", "room.obj", "room.ply"])
def test_faces_of_vertices_that_are_nowhere_are_left_out(tmp_path: Path, name: str) -> None:
    """What is left are the faces that were there without them, with their labels."""
    torn = room()
    for box in torn.geometry.values():
        count = len(box.vertices)
        broken = trimesh.Trimesh(
            np.concatenate([[[np.nan, 0, 0], [0, np.inf, 0]], box.vertices]),
            np.concatenate([[[0, 2, 3], [1, 4, 5]], box.faces + 2, [[count, count + 1, 0]]]),
            process=False,
        )
        box.vertices, box.faces = broken.vertices, broken.faces
    (tmp_path / "torn").mkdir()
    for drawn, place in ((room(), tmp_path / name), (torn, tmp_path / "torn" / name)):
        with np.errstate(invalid="ignore"):
            drawn.apply_transform(Y_UP)
            (drawn.to_mesh() if name.endswith(".ply") else drawn).export(str(place))
    clean, scene = load_scene(tmp_path / name), load_scene(tmp_path / "torn" / name)
    assert scene.left_out == "10 of 50 vertices"
    assert scene.mesh is not None
    assert clean.mesh is not None
    np.testing.assert_allclose(scene.mesh.vertices, clean.mesh.vertices, atol=1e-6)
    np.testing.assert_array_equal(scene.mesh.faces, clean.mesh.faces)
    np.testing.assert_allclose(scene.points_m, clean.points_m, atol=1e-5)
    np.testing.assert_array_equal(scene.labels, clean.labels)


def test_points_are_spread_by_area_and_stay_on_the_surface() -> None:
    mesh = trimesh.creation.icosphere(subdivisions=2)
    mesh.apply_scale((1.0, 2.0, 0.5))
    drawn = sample_surface(mesh.vertices, mesh.faces, 20_000)
    _, distance, face = trimesh.proximity.closest_point_naive(mesh, drawn.points[::100])
    assert distance.max() < 1e-9
    # The mean of points is the surface's own (an integral that trimesh does face by face).
    np.testing.assert_allclose(
        drawn.points.mean(axis=0), (mesh.triangles_center * mesh.area_faces[:, None]).sum(0) / mesh.area, atol=0.01
    )
    gaps = np.linalg.norm(mesh.vertices[mesh.faces[face]] - drawn.points[::100, None], axis=2)
    own = np.linalg.norm(mesh.vertices[drawn.corners[::100]] - drawn.points[::100], axis=1)
    assert (own <= gaps.max(axis=1)).all()
    twice = sample_surface(mesh.vertices, mesh.faces, 20_000)
    np.testing.assert_array_equal(twice.points, drawn.points)
    # A triangle of nine tenths of the area gets nine tenths of the points.
    two = sample_surface(
        np.array([[0, 0, 0], [9, 0, 0], [0, 2, 0], [-1, 0, 0.0]]), np.array([[0, 1, 2], [0, 2, 3]]), 100
    )
    assert (two.points[:, 0] > 0).sum() == 90


def test_polygons_become_fans() -> None:
    faces = fans(np.array([3, 5, 2, 4]), np.arange(14))
    np.testing.assert_array_equal(faces, [[0, 1, 2], [3, 4, 5], [3, 5, 6], [3, 6, 7], [10, 11, 12], [10, 12, 13]])
    assert fans(np.zeros(0, np.int64), np.zeros(0, np.int64)).shape == (0, 3)


def test_obj_with_colours_negative_indices_and_textures(tmp_path: Path) -> None:
    path = tmp_path / "q.obj"
    path.write_text(
        "# made by hand\nmtllib q.mtl\nv 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 1 1 0 0 0 1\nv 0 1 0 1 1 1\nvt 0 0\n"
        "o Chair_3\nf 1/1 2/1 \\\n3/1 4/1\ng walls\nf -4 -3 -2\n"
    )
    mesh = read_obj(path)
    np.testing.assert_array_equal(mesh.faces, [[0, 1, 2], [0, 2, 3], [0, 1, 2]])
    assert mesh.colors is not None
    np.testing.assert_array_equal(mesh.colors[2], [0, 0, 255])
    assert mesh.labels is not None
    assert [DEFAULT_LABELS[label] for label in mesh.labels] == ["wall", "wall", "wall", "chair"]


@pytest.mark.parametrize("text", [False, True])
def test_ply_faces_of_mixed_sizes(tmp_path: Path, text: bool) -> None:
    head = "ply\nformat {} 1.0\nelement vertex 5\nproperty float x\nproperty float y\nproperty float z\n"
    head += "element face 2\nproperty uchar flag\nproperty list uchar int vertex_indices\nend_header\n"
    xyz = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 2, 2]], np.float32)
    path = tmp_path / "m.ply"
    if text:
        rows = "\n".join(" ".join(f"{v:g}" for v in row) for row in xyz)
        path.write_text(f"{head.format('ascii')}{rows}\n7 3 0 1 2\n7 4 0 2 3 4\n")
    else:
        faces = struct.pack("<BB3i", 7, 3, 0, 1, 2) + struct.pack("<BB4i", 7, 4, 0, 2, 3, 4)
        path.write_bytes(head.format("binary_little_endian").encode() + xyz.tobytes() + faces)
    found = read_ply(path, faces=True)
    np.testing.assert_array_equal(found.faces, [[0, 1, 2], [0, 2, 3], [0, 3, 4]])
    assert read_ply(path).faces is None


def textured(mode: str = "RGB") -> tuple[trimesh.Trimesh, np.ndarray]:
    """A grid of 8 x 8 vertices over a picture of random squares, and the colour (64, 3) under each vertex."""
    squares = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    picture = Image.fromarray(squares).resize((1600, 1600), Image.Resampling.NEAREST).convert(mode)
    row, column = (part.ravel() for part in np.mgrid[0:8, 0:8])
    vertices = np.stack([column / 2, 0 * row, row / 2], axis=1)
    at = (row * 8 + column).reshape(8, 8)
    faces = np.concatenate(
        [np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:]], -1), np.stack([at[:-1, :-1], at[1:, 1:], at[1:, :-1]], -1)]
    ).reshape(-1, 3)
    # trimesh has v = 0 at the picture's lower edge. The middles of the squares, some a whole picture further on.
    uv = np.stack([(column + 0.5) / 8 + (row == 3), 1 - (row + 0.5) / 8 + (column == 5)], axis=1)
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture)
    visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    return trimesh.Trimesh(vertices, faces, visual=visual, process=False), squares[row, column]


def test_a_texture_colours_the_vertices_on_it(tmp_path: Path) -> None:
    mesh, colors = textured()
    trimesh.Scene([mesh]).export(str(tmp_path / "t.glb"))
    read, _ = read_glb(tmp_path / "t.glb")
    np.testing.assert_allclose(read.vertices, mesh.vertices, atol=1e-6)
    assert read.colors is not None
    np.testing.assert_allclose(read.colors.astype(int), colors, atol=1)  # linear light and back


def test_the_edges_of_a_texture_are_not_the_opposite_ones(tmp_path: Path) -> None:
    picture = Image.new("RGB", (4, 4), (255, 0, 0))
    picture.paste((0, 0, 255), (3, 0, 4, 4))  # the last column
    quad = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]], [[0, 1, 2], [0, 2, 3]], process=False)
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture, baseColorFactor=[255, 255, 127, 255])
    quad.visual = trimesh.visual.TextureVisuals(uv=[[0, 0], [1, 0], [1, 1], [0, 1]], material=material)
    trimesh.Scene([quad]).export(str(tmp_path / "t.glb"))
    colors = read_glb(tmp_path / "t.glb")[0].colors
    assert colors is not None
    np.testing.assert_array_equal(colors[[0, 3]], [[255, 0, 0]] * 2)
    np.testing.assert_array_equal(colors[[1, 2], :2], [[0, 0]] * 2)
    assert (np.abs(colors[[1, 2], 2].astype(int) - 188) < 3).all()  # half the light of blue


def test_a_texture_that_cannot_be_read_leaves_no_colour(tmp_path: Path) -> None:
    mesh, _ = textured("L")
    content = trimesh.Scene([mesh]).export(file_type="glb")
    at = content.index(b"\x89PNG")
    (tmp_path / "t.glb").write_bytes(content[:at] + b"\x00" * 64 + content[at + 64 :])
    assert read_glb(tmp_path / "t.glb")[0].colors is None
    (tmp_path / "t.glb").write_bytes(content)
    grey = read_glb(tmp_path / "t.glb")[0].colors
    assert grey is not None
    assert (grey == grey[:, :1]).all()


def test_glb_places_its_nodes_and_converts_colours(tmp_path: Path) -> None:
    box = trimesh.creation.box((1, 2, 3))
    box.visual.vertex_colors = np.tile([188, 0, 255, 255], (len(box.vertices), 1)).astype(np.uint8)
    turn = trimesh.transformations.rotation_matrix(0.7, (0.2, 1, 0.3), (1, 2, 3))
    scene = trimesh.Scene()
    scene.add_geometry(box, transform=turn)
    scene.export(str(tmp_path / "b.glb"))
    mesh, lone = read_glb(tmp_path / "b.glb")
    assert not len(lone)
    expected = trimesh.transform_points(box.vertices, turn)
    np.testing.assert_allclose(sorted(mesh.vertices.tolist()), sorted(expected.tolist()), atol=1e-5)
    assert mesh.colors is not None
    # Linear light of 188/255 is 0.8745 in sRGB by IEC 61966-2-1.
    assert (
        np.abs(mesh.colors[0].astype(int) - [round(255 * (1.055 * (188 / 255) ** (1 / 2.4) - 0.055)), 0, 255]).max()
        <= 1
    )


@pytest.mark.parametrize("bits", [8, 16])
def test_glb_of_whole_numbers_that_stand_for_shares(tmp_path: Path, bits: int) -> None:
    """KHR_mesh_quantization: the lowest number is -1, as the next one is."""
    most = 2 ** (bits - 1) - 1
    places = np.array([[-most - 1, 0, most], [most, most, 0], [0, -most, most]], f"<i{bits // 8}")
    rows = np.pad(places, ((0, 0), (0, 1))).tobytes()
    described = {
        "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0, "scale": [2.0, 2.0, 2.0]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{
            "bufferView": 0, "componentType": {8: 5120, 16: 5122}[bits], "normalized": True, "count": 3, "type": "VEC3",
        }],
        "bufferViews": [{"buffer": 0, "byteLength": len(rows), "byteStride": 4 * bits // 8}],
        "buffers": [{"byteLength": len(rows)}], "extensionsRequired": ["KHR_mesh_quantization"],
    }  # fmt: skip
    (tmp_path / "q.glb").write_bytes(glb(described, rows))
    mesh, _ = read_glb(tmp_path / "q.glb")
    np.testing.assert_array_equal(mesh.vertices, [[-2, 0, 2], [2, 2, 0], [0, -2, 2]])


BAD = {
    "obj with words": ("a.obj", b"v 0 0 zero\n", "line 1"),
    "obj without vertices": ("a.obj", b"# nothing\n", "vertices"),
    "obj of faces that are not there": ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "got 8"),
    "obj of two corners that are not there": (
        "a.obj", b"o Bed\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf 1 50\n", "got 49"
    ),
    "obj of two corners before the first": (
        "a.obj", b"o Bed\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf -9 1\n", "got -6"
    ),
    "obj of a line": ("a.obj", b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "area"),
    "obj of NaN": ("a.obj", b"v 0 0 nan\nv 1 nan 0\nv nan 0 0\nf 1 2 3\n", "3 of 3 vertices with NaN"),
    "obj of NaN in every face": ("a.obj", b"v 0 0 nan\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "100 points"),
    "obj of 1 point": ("a.obj", b"v 0 0 0\n", "100 points"),
    "glb of another kind": ("a.glb", b"hello", "glTF"),
    "glb cut short": ("a.glb", glb({"nodes": []})[:24], "cut short"),
    "glb of version 1": ("a.glb", struct.pack("<4sII", b"glTF", 1, 20) + bytes(8), "version 2"),
    "glb without geometry": ("a.glb", glb({"asset": {"version": "2.0"}}), "triangles or points"),
    "glb that is compressed": ("a.glb", glb({"extensionsRequired": ["KHR_draco_mesh_compression"]}), "compression"),
    "glb in a circle": ("a.glb", glb({"scenes": [{"nodes": [0]}], "nodes": [{"children": [0]}]}), "circle"),
    "glb of no JSON": ("a.glb", struct.pack("<4sIII4s", b"glTF", 2, 24, 4, b"JSON") + b"{{{{", "JSON"),
    "glb of a node that is not there": ("a.glb", glb({"scenes": [{"nodes": [3]}]}), "description"),
    "glb with an array beyond the file": (
        "a.glb",
        glb({
            "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}], "buffers": [{"byteLength": 12}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}], "bufferViews": [{"byteLength": 12}],
            "accessors": [{"bufferView": 0, "componentType": 5126, "count": 9, "type": "VEC3"}],
        }, bytes(12)),
        "cut short",
    ),
    "ply of faces that are not there": (
        "a.ply",
        b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
        b"element face 1\nproperty list uchar int vertex_index\nend_header\n0 0 0\n3 0 1 2\n",
        "got 2",
    ),
    "ply of faces cut short": (
        "a.ply",
        b"ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\n"
        b"element face 2\nproperty list uchar int vertex_index\nend_header\n0 0 0\n3 0 0 0\n",
        "cut short",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_broken_meshes_are_refused_in_one_line(tmp_path: Path, case: str) -> None:
    name, content, message = BAD[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load_scene(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.obj", "a.glb"])
def test_a_mesh_that_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="got none at"):
        load_scene(tmp_path / name)


def test_what_names_and_sentences_name() -> None:
    assert [DEFAULT_LABELS[label_of_name(n)] for n in ("Bed_02", "ArmChair", "WallNorth", "ceiling.001", "Cube.4")] == [
        "bed", "chair", "wall", "ceiling", "unlabelled"
    ]  # fmt: skip
    assert named_classes("sits on the couch by the hospital bed, near two chairs") == ["sofa", "bed", "chair"]
    assert named_classes("a person puts it into the chest of drawers with a light step") == ["cabinet"]
