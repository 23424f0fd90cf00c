"""Rooms that came as a mesh: drawn with trimesh, read as any scene file, and read back from the .glb with trimesh."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from motion_preprocessing.errors import InputError
from motion_preprocessing.mesh import Mesh
from motion_preprocessing.scene import Scene, load_scene
from motion_runtime.formats.export import Export
from motion_runtime.formats.room import Room
from motion_runtime.formats.room_mesh import merged, room_of_mesh
from motion_runtime.motion import Motion
from motion_runtime.room_view import CLASS_PALETTE, lightened

SIZE = np.array([5.0, 4.0, 2.6])
MIDDLE, RADIUS = np.array([4.0, 3.0, 0.4]), 0.4


def drawn(*, thick: bool = False) -> trimesh.Trimesh:
    """A room with its origin in a corner: floor, walls and ceiling, a table top, and a ball on the floor."""
    shell = trimesh.creation.box(SIZE)
    shell.apply_translation(SIZE / 2)
    shell.invert()
    top = trimesh.creation.box((1.2, 0.7, 0.05))
    top.apply_translation((2, 2, 0.7))
    ball = trimesh.creation.icosphere(4, radius=RADIUS)
    ball.apply_translation(MIDDLE)
    parts = [shell, top, ball]
    if thick:
        outside = trimesh.creation.box(SIZE + 0.4)
        outside.apply_translation(SIZE / 2)
        parts.append(outside)
    return trimesh.util.concatenate(parts)


def loaded(path: Path, mesh: trimesh.Trimesh) -> tuple[Scene, Room]:
    mesh.export(path)
    scene = load_scene(path)
    assert scene.mesh is not None
    return scene, room_of_mesh(scene, scene.mesh)


def wound(room: Room) -> tuple[np.ndarray, np.ndarray]:
    """Middles (F, 3) and unit normals (F, 3) of the triangles as they are wound."""
    assert room.faces is not None
    corners = room.points_m[room.faces].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return corners.mean(axis=1), across / np.linalg.norm(across, axis=1, keepdims=True)


@pytest.mark.parametrize("flipped", [False, True])
def test_floor_walls_and_ceiling_face_into_the_room(tmp_path: Path, flipped: bool) -> None:
    mesh = drawn()
    if flipped:
        mesh.invert()
    _, room = loaded(tmp_path / "room.ply", mesh)
    middles, normals = wound(room)
    assert room.walls is not None
    assert room.walls.sum() == 8
    assert room.ceiling.sum() == 2
    shell = ((middles < 1e-3) | (middles > SIZE - 1e-3)).any(axis=1)
    shell &= np.linalg.norm(middles - MIDDLE, axis=1) > RADIUS + 0.01  # the ball touches the floor
    assert shell.sum() == 12
    inwards = np.einsum("ij,ij->i", normals, SIZE / 2 - middles)
    assert (inwards[shell] > 0).all()
    assert room.points_m.min(axis=0) == pytest.approx([0, 0, 0], abs=2e-3)
    assert room.points_m.max(axis=0) == pytest.approx(SIZE, abs=2e-3)


def test_edges_are_sharp_and_round_things_smooth(tmp_path: Path) -> None:
    _, room = loaded(tmp_path / "room.obj", drawn())
    assert room.normals is not None
    np.testing.assert_allclose(np.linalg.norm(room.normals, axis=1), 1.0, atol=1e-6)
    off = room.points_m - MIDDLE
    distance = np.linalg.norm(off, axis=1)
    ball = distance < RADIUS + 0.01
    assert ball.sum() == 2562  # no vertex of the ball is split
    assert np.einsum("ij,ij->i", room.normals[ball], off[ball] / distance[ball, None]).min() > 0.999
    boxes = ~ball
    assert boxes.sum() == 48  # three normals at each corner of two boxes
    np.testing.assert_allclose(
        np.abs(room.normals[boxes]).max(axis=1), 1.0, atol=1e-4
    )  # the room is levelled by a hair


def test_the_outer_side_of_a_thick_wall_faces_inwards_too(tmp_path: Path) -> None:
    scene, _ = loaded(tmp_path / "room.ply", drawn())
    thick = drawn(thick=True)
    room = room_of_mesh(scene, Mesh(thick.vertices, thick.faces))
    assert room.walls is not None
    middles, normals = wound(room)
    assert room.walls.sum() == 16
    assert (np.einsum("ij,ij->i", normals, SIZE / 2 - middles)[room.walls] > 0).all()


def test_the_glb_holds_the_faces_in_their_place(tmp_path: Path, pair: Motion) -> None:
    mesh = drawn()
    scene, _ = loaded(tmp_path / "room.ply", mesh)
    Export(pair, scene=scene).write(tmp_path, ["glb"])
    read = trimesh.load(tmp_path / "motion.glb")
    parts = {name: read.geometry[name].copy() for name in ("room", "walls", "ceiling")}
    assert all(isinstance(part, trimesh.Trimesh) for part in parts.values())
    assert [len(part.faces) for part in parts.values()] == [5120 + 12 + 2, 8, 2]
    for name, part in parts.items():
        part.apply_transform(read.graph.get(name)[0])
    everything = trimesh.util.concatenate(list(parts.values()))
    everything.vertices = np.stack(  # from glTF's axes back to the room's
        [everything.vertices[:, 0], -everything.vertices[:, 2], everything.vertices[:, 1]], axis=1
    )
    assert everything.area == pytest.approx(mesh.area, rel=1e-4)
    np.testing.assert_allclose(everything.bounds, mesh.bounds, atol=2e-3)


def test_vertices_keep_their_colours(tmp_path: Path) -> None:
    mesh = drawn()
    colors = np.random.default_rng(0).integers(0, 255, (len(mesh.vertices), 4)).astype(np.uint8)
    mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=colors)
    _, room = loaded(tmp_path / "room.ply", mesh)
    nearest = np.array([np.argmin(np.linalg.norm(mesh.vertices - point, axis=1)) for point in room.points_m])
    assert len(np.unique(nearest)) == len(mesh.vertices)
    np.testing.assert_allclose(room.colors, colors[nearest, :3] / 255.0, atol=1e-9)


def test_named_things_have_their_colours_and_a_named_ceiling_is_apart(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    floor = trimesh.creation.box((5, 4, 0.02))
    floor.apply_translation((2.5, 2, -0.01))
    roof = trimesh.creation.box((5, 4, 0.02))
    roof.apply_translation((2.5, 2, 2.0))  # lower than what counts as high without a name
    bed = trimesh.creation.box((2, 1, 0.5))
    bed.apply_translation((2, 2, 0.25))
    turn = trimesh.transformations.rotation_matrix(-np.pi / 2, (1, 0, 0))  # glTF's y is up
    for name, part in (("floor", floor), ("ceiling", roof), ("bed", bed)):
        part.apply_transform(turn)
        part.visual = trimesh.visual.ColorVisuals()
        scene.add_geometry(part, node_name=name, geom_name=name)
    scene.export(tmp_path / "room.glb")
    content = load_scene(tmp_path / "room.glb")
    if content.colors is not None:  # trimesh writes grey for what has no colour
        assert content.mesh is not None
        content = replace(content, colors=None, mesh=replace(content.mesh, colors=None))
    assert content.mesh is not None
    room = room_of_mesh(content, content.mesh)
    assert room.ceiling.sum() == 12
    on_bed = (np.abs(room.points_m[:, 2] - 0.5) < 0.02) & (room.normals[:, 2] > 0.9)  # type: ignore[index]
    assert on_bed.sum() == 4
    np.testing.assert_allclose(room.colors[on_bed], lightened(np.array([CLASS_PALETTE[0]] * 4)), atol=1e-6)


def test_too_many_triangles_without_any_area_are_refused() -> None:
    line = np.column_stack([np.arange(6.0), np.zeros((6, 2))])  # three corners of each on one line
    mesh = Mesh(line, np.array([[0, 1, 2], [1, 2, 3], [3, 4, 5]]), None, None)
    with pytest.raises(InputError, match="expected triangles with an area, got 3 without"):
        merged(mesh, 2)
    assert merged(mesh, 3) is mesh


def test_too_many_triangles_are_merged_near_where_they_were() -> None:
    ball = trimesh.creation.icosphere(6, radius=1.0)  # 81,920 triangles
    red = np.round(127.5 * (ball.vertices[:, 2] + 1)).astype(np.uint8)
    colors = np.stack([red, 0 * red, 255 - red], axis=1)
    mesh = Mesh(ball.vertices, ball.faces, colors, np.full(len(ball.vertices), 3))
    few = merged(mesh, 5000)
    assert 2500 < len(few.faces) <= 5000
    small = trimesh.Trimesh(few.vertices, few.faces, process=False)
    assert small.area == pytest.approx(4 * np.pi, rel=0.03)
    assert small.volume == pytest.approx(4 / 3 * np.pi, rel=0.03)  # winding is kept
    np.testing.assert_allclose(np.linalg.norm(few.vertices, axis=1), 1.0, atol=0.01)
    assert few.colors is not None
    np.testing.assert_allclose(few.colors[:, 0], 127.5 * (few.vertices[:, 2] + 1), atol=2.0)
    assert few.labels is not None
    assert (few.labels == 3).all()
    assert merged(mesh, 81_920) is mesh
