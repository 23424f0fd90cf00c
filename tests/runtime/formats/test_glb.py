"""The .glb, read back by pygltflib and trimesh and posed by the specification's own formulas, not by the project's."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from motion_preprocessing.bodies.capsule_body import capsule_body_fields
from motion_preprocessing.bodies.default_body import default_body
from motion_preprocessing.bodies.model_files import body_model_from_fields
from motion_preprocessing.errors import OutputError
from motion_preprocessing.gltf import linear_from_srgb
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS
from motion_runtime.figure import person_color
from motion_runtime.formats.glb import glb_bytes, write_glb
from motion_runtime.formats.keypoints import COCO_NAMES, coco_keypoints
from motion_runtime.formats.room import Room
from motion_runtime.formats.skin import built_in_skin, skin_of
from motion_runtime.motion import Motion

Walk = Callable[..., Motion]
TYPES = {5120: "i1", 5121: "u1", 5122: "i2", 5123: "u2", 5125: "u4", 5126: "f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def y_up(points: np.ndarray) -> np.ndarray:
    """From the room's axes to glTF's."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


class Read:
    """A .glb through pygltflib; matrices and skinning as sections 3.5 to 3.7 of the specification say."""

    def __init__(self, content: bytes) -> None:
        self.file = pygltflib.GLTF2().load_from_bytes(content)
        self.blob = self.file.binary_blob()
        self.parents = {child: n for n, node in enumerate(self.file.nodes) for child in node.children or []}

    def array(self, number: int) -> np.ndarray:
        """Values of an accessor; normalised ones as the numbers they stand for."""
        accessor = self.file.accessors[number]
        view = self.file.bufferViews[accessor.bufferView]
        dtype = np.dtype("<" + TYPES[accessor.componentType])
        count = accessor.count * WIDTHS[accessor.type]
        raw = np.frombuffer(self.blob, dtype, count, view.byteOffset + (accessor.byteOffset or 0))
        values = raw.reshape(accessor.count, -1) if accessor.type != "SCALAR" else raw
        if accessor.normalized:
            values = np.maximum(values.astype(np.float64) / np.iinfo(dtype).max, -1.0)
        return values

    def locals_at(self, frame: int | None) -> list[np.ndarray]:
        """Local matrices (4, 4) of all nodes, with the animation's values of a frame or without them."""
        parts: list[dict[str, Any]] = [
            {"translation": node.translation, "rotation": node.rotation} for node in self.file.nodes
        ]
        if frame is not None:
            [animation] = self.file.animations
            for channel in animation.channels:
                values = self.array(animation.samplers[channel.sampler].output)
                parts[channel.target.node][channel.target.path] = values[frame]
        matrices = []
        for part in parts:
            matrix = np.eye(4)
            if part["rotation"] is not None:
                matrix[:3, :3] = Rotation.from_quat(part["rotation"]).as_matrix()
            if part["translation"] is not None:
                matrix[:3, 3] = part["translation"]
            matrices.append(matrix)
        return matrices

    def worlds_at(self, frame: int | None) -> list[np.ndarray]:
        """World matrices of all nodes."""
        local = self.locals_at(frame)

        def world(node: int) -> np.ndarray:
            return local[node] if node not in self.parents else world(self.parents[node]) @ local[node]

        return [world(node) for node in range(len(local))]

    def skinned(self, person: int, frame: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (V, 3) and joints (22, 3) of a person."""
        node = next(n for n in self.file.nodes if n.name == f"person_{person}_body")
        skin = self.file.skins[node.skin]
        worlds = np.array([self.worlds_at(frame)[joint] for joint in skin.joints])
        inverse = self.array(skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
        attributes = self.file.meshes[node.mesh].primitives[0].attributes
        weights, joints = self.array(attributes.WEIGHTS_0), self.array(attributes.JOINTS_0)
        blended = np.einsum("vi,vijk->vjk", weights, (worlds @ inverse)[joints])
        points = np.c_[self.array(attributes.POSITION), np.ones(len(weights))]
        return np.einsum("vjk,vk->vj", blended, points)[:, :3], worlds[:, :3, 3]


@pytest.fixture(scope="module")
def read(pair: Motion) -> Read:
    return Read(glb_bytes(pair))


@pytest.mark.parametrize(("person", "frame"), [(0, 0), (1, 13), (1, 29)])
def test_skinning_by_the_specification_gives_the_posed_body(
    read: Read, pair: Motion, person: int, frame: int
) -> None:
    vertices, joints = read.skinned(person, frame)
    posed = default_body().model.pose(pair.local_rotations[person, frame], None, pair.root_position_m[person, frame])
    np.testing.assert_allclose(vertices, y_up(posed.vertices_m), atol=2e-4)
    np.testing.assert_allclose(joints, y_up(posed.joints_m), atol=2e-4)
    upper = [JOINT_NAMES.index(name) for name in ("pelvis", "spine3", "head", "left_wrist", "right_wrist")]
    np.testing.assert_allclose(joints[upper], y_up(pair.joints_m[person, frame])[upper], atol=2e-4)


def test_every_joint_of_an_smpl_body_lies_where_the_motion_has_it(tumble: Motion) -> None:
    fields = capsule_body_fields()
    fields["v_template"] = fields["v_template"] * 1.08  # a taller person than the motion's skeleton
    read = Read(glb_bytes(tumble, skin=skin_of(body_model_from_fields(fields))))
    for frame in (0, 17, 59):
        vertices, joints = read.skinned(0, frame)
        np.testing.assert_allclose(joints, y_up(tumble.joints_m[0, frame]), atol=3e-4)
        assert np.abs(vertices - joints[0]).max() < 1.5


def test_the_built_in_bodys_legs_are_a_constant_way_further_out_than_the_joints(tumble: Motion) -> None:
    """4.6 cm along the line between the hips, in every pose, as the documents say; all else lies on its joints."""
    rest = built_in_skin().rest_joints_m
    rotations = tumble.local_rotations.astype(np.float64)
    joints, world = (np.asarray(each) for each in forward_kinematics(rotations, tumble.root_position_m))
    drawn = joints.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            drawn[:, :, joint] = drawn[:, :, parent] + world[:, :, parent] @ (rest[joint] - rest[parent])
    for joint, name in enumerate(JOINT_NAMES):
        side, _, part = name.partition("_")
        far = 0.046 * {"left": 1, "right": -1}[side] if part in ("hip", "knee", "ankle", "foot") else 0.0
        expected = joints[:, :, joint] + far * world[:, :, 0, :, 0]
        np.testing.assert_allclose(drawn[:, :, joint], expected, atol=3e-4, err_msg=name)
    hips = [JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]]
    seen = coco_keypoints(tumble)[:, :, [COCO_NAMES.index("left_hip"), COCO_NAMES.index("right_hip")]]
    np.testing.assert_allclose(seen, joints[:, :, hips], atol=1e-5)


def test_without_the_animation_everybody_stands_in_t_pose_on_the_floor(read: Read, pair: Motion) -> None:
    model = default_body().model
    for person in range(2):
        vertices, _ = read.skinned(person, None)
        assert vertices[:, 1].min() == pytest.approx(0.0, abs=1e-5)
        # Facing the room's +x: body x (left) is the room's +y, glTF's -z; body z (forward) is +x.
        rest = model.template_m[:, [2, 1, 0]] * (1, 1, -1)
        start = y_up(pair.root_position_m[person, 0])
        expected = rest + [start[0], -model.template_m[:, 1].min(), start[2]]
        np.testing.assert_allclose(vertices, expected, atol=1e-5)


def test_quaternions_are_units_and_never_change_sign(tumble: Motion) -> None:
    read = Read(glb_bytes(tumble))
    [animation] = read.file.animations
    turned = [c for c in animation.channels if c.target.path == "rotation"]
    assert len(turned) == 22
    for channel in turned:
        values = read.array(animation.samplers[channel.sampler].output)
        np.testing.assert_allclose(np.linalg.norm(values, axis=1), 1.0, atol=1e-4)
        assert np.sum(values[1:] * values[:-1], axis=1).min() > 0.5
    times = read.array(animation.samplers[0].input)
    np.testing.assert_allclose(times, np.arange(60) / 30.0, atol=1e-6)


def test_normals_point_outwards_and_triangles_turn_counter_clockwise(read: Read) -> None:
    attributes = read.file.meshes[0].primitives[0].attributes
    vertices, normals = read.array(attributes.POSITION), read.array(attributes.NORMAL)
    faces = read.array(read.file.meshes[0].primitives[0].indices).reshape(-1, 3)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-5)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(0.066, abs=0.005)  # an inside-out body has a negative one
    agreement = np.sum(mesh.vertex_normals * normals, axis=1)
    assert np.median(agreement) > 0.99
    assert np.mean(agreement < 0.8) < 0.01  # creases, where the two ways of averaging differ


def test_inside_out_bodies_are_turned_round() -> None:
    fields = capsule_body_fields()
    right = skin_of(body_model_from_fields(fields))
    fields["f"] = fields["f"][:, ::-1]
    wrong = skin_of(body_model_from_fields(fields))
    np.testing.assert_allclose(wrong.normals, right.normals, atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:deprecated.*")
def test_trimesh_finds_everything_in_its_place(tmp_path: Path, pair: Motion, room: Room) -> None:
    write_glb(tmp_path / "motion.glb", pair, room)
    scene = trimesh.load(tmp_path / "motion.glb")
    assert set(scene.geometry) == {"person_0_body", "person_1_body", "room", "ceiling"}
    assert isinstance(scene.geometry["room"], trimesh.PointCloud)
    place, _ = scene.graph.get("room")
    seen = trimesh.transform_points(scene.geometry["room"].vertices, place)
    np.testing.assert_allclose(seen, y_up(room.points_m[~room.ceiling]), atol=1e-6)
    pelvis, _ = scene.graph.get("pelvis")
    np.testing.assert_allclose(pelvis[[0, 2], 3], y_up(pair.root_position_m[0, 0])[[0, 2]], atol=1e-5)


@pytest.fixture
def room() -> Room:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 3, size=(200, 3)).astype(np.float32)
    return Room(points, rng.uniform(size=(200, 3)), points[:, 2] > 2.5)


def test_a_room_of_triangles_keeps_them(pair: Motion) -> None:
    corners = np.array([[0, 0, 0], [4, 0, 0], [4, 3, 0], [0, 3, 0], [0, 0, 3], [4, 0, 3], [4, 3, 3]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 6, 5], [0, 4, 1]], np.uint32)
    normals = np.array([[0, 0, 1]] * 4 + [[0, 0, -1]] * 3, np.float32)
    ceiling, walls = np.array([False, False, True, False]), np.array([False, False, False, True])
    read = Read(glb_bytes(pair, Room(corners, np.full((7, 3), 0.5), ceiling, faces, normals, walls)))
    meshes = {mesh.name: mesh.primitives[0] for mesh in read.file.meshes}
    floor = meshes["room"]
    assert floor.mode == pygltflib.TRIANGLES
    np.testing.assert_array_equal(read.array(floor.indices).reshape(-1, 3), faces[:2])
    np.testing.assert_allclose(read.array(floor.attributes.NORMAL), [[0, 0, 1]] * 4, atol=1e-6)
    np.testing.assert_array_equal(read.array(meshes["ceiling"].indices), [0, 2, 1])
    assert len(read.array(meshes["ceiling"].attributes.POSITION)) == 3  # and not those of the floor
    np.testing.assert_array_equal(read.array(meshes["walls"].attributes.POSITION)[:, 2], [0, 0, 3])
    # Only what may stand anywhere is drawn from both sides: a room seen from outside is open towards the viewer.
    assert {m.name: m.doubleSided for m in read.file.materials if m.name in meshes} == {
        "room": True, "walls": False, "ceiling": False,
    }  # fmt: skip
    assert not read.file.extensionsUsed


def test_colours_are_linear_and_those_of_the_class(read: Read) -> None:
    # Values of IEC 61966-2-1, worked out by hand.
    light = linear_from_srgb(np.array([0.0, 0.04, 0.5, 1.0]))
    np.testing.assert_allclose(light, [0, 0.0030960, 0.2140411, 1], atol=1e-6)
    for person, name in enumerate(("staff", "patient")):
        colors = read.array(read.file.meshes[person].primitives[0].attributes.COLOR_0)
        assert (colors[:, 3] == 1).all()
        shirt = np.all(np.abs(colors[:, :3] - linear_from_srgb(np.array(person_color(name)))) < 1e-4, axis=1)
        assert 0.05 < shirt.mean() < 0.5
    staff, patient = (read.array(read.file.meshes[p].primitives[0].attributes.COLOR_0) for p in (0, 1))
    assert 0.1 < np.mean(np.any(staff != patient, axis=1)) < 0.6  # skin and hair are the same


def test_extras_say_what_the_motion_is(read: Read, pair: Motion, tumble: Motion) -> None:
    about = read.file.scenes[0].extras
    assert about["prompts"] == ["helps", "walks \u00e4"]
    assert about["person_classes"] == ["staff", "patient"]
    assert (about["fps"], about["frames"], about["seed"]) == (20.0, 30, 0)
    holder = next(node for node in read.file.nodes if node.name == "person_1 (patient)")
    assert holder.extras == {"person": 1, "person_class": "patient", "prompt": "walks \u00e4"}
    big = Read(glb_bytes(tumble)).file.scenes[0].extras["seed"]
    assert big == str(2**60)  # JavaScript would round the number


def test_the_container_is_as_the_specification_has_it(pair: Motion, room: Room) -> None:
    content = glb_bytes(pair, room)
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    binary, kind = struct.unpack_from("<I4s", content, 20 + size)
    assert kind == b"BIN\0"
    assert binary % 4 == 0
    assert 28 + size + binary == len(content)
    text = json.loads(content[20 : 20 + size])
    assert text["buffers"] == [{"byteLength": binary}]
    read = Read(content)
    for number, accessor in enumerate(text["accessors"]):
        assert text["bufferViews"][accessor["bufferView"]]["byteOffset"] % 4 == 0
        if "min" in accessor:
            values = read.array(number).reshape(accessor["count"], -1)
            np.testing.assert_array_equal(values.min(axis=0), np.float32(accessor["min"]))
            np.testing.assert_array_equal(values.max(axis=0), np.float32(accessor["max"]))
    roots = text["scenes"][0]["nodes"]
    children = list(itertools.chain.from_iterable(node.get("children", []) for node in text["nodes"]))
    assert sorted(roots + children) == list(range(len(text["nodes"])))  # a tree: everything once


def test_weights_are_the_four_greatest_and_sum_to_one(read: Read) -> None:
    for mesh in read.file.meshes:
        accessor = mesh.primitives[0].attributes.WEIGHTS_0
        weights = read.array(accessor)
        np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)
        joints = read.array(mesh.primitives[0].attributes.JOINTS_0)
        dense = np.zeros((len(weights), 22))
        np.add.at(dense, (np.arange(len(weights))[:, None], joints), weights)
        np.testing.assert_allclose(dense, default_body().model.weights, atol=2e-5)


def test_equal_motions_give_equal_bytes_and_a_bad_place_one_line(tmp_path: Path, pair: Motion, room: Room) -> None:
    write_glb(tmp_path / "a.glb", pair, room)
    assert (tmp_path / "a.glb").read_bytes() == glb_bytes(pair, room)
    with pytest.raises(OutputError, match="^expected [^\n]*$"):
        write_glb(tmp_path / "missing" / "a.glb", pair)
    assert [path.name for path in tmp_path.iterdir()] == ["a.glb"]
