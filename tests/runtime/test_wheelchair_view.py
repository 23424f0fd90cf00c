"""Wheelchairs in pictures: who gets one, that it goes with them, and that it is a body of boxes."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from motion_preprocessing.motion_features import SITTING, measure
from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector
from motion_preprocessing.scene import load_scene
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime import GenerationRequest, Generator, preview
from motion_runtime.formats.export import Export
from motion_runtime.formats.glb import glb_bytes
from motion_runtime.motion import Motion
from motion_runtime.viewer.arrays import ArrayBlock
from motion_runtime.viewer.payload import build_payload
from motion_runtime.viewer.samples import Shown
from motion_runtime.wheelchair_view import wheelchairs_of
from motion_runtime.writer import motion_from_rotations

FPS = 20.0
FRAMES = 40
WARD = Path(__file__).parents[2] / "examples" / "ward.ply"
PUSHED = ("a nurse pushes a wheelchair", "a patient sits in a wheelchair that is pushed")


def people(
    *prompts: str, speed_m_s: float = 0.6, yaw_rad: float = 0.5, pelvis_m: float = 0.63, apart_m: float = 0.85
) -> Motion:
    """Who sits, last, goes straight ahead; the others walk behind them."""
    vectors = np.zeros((len(prompts), FRAMES, JOINT_COUNT, 3))
    for side in ("left", "right"):
        vectors[-1, :, JOINT_INDEX[f"{side}_hip"], 0] = -math.pi / 2
        vectors[-1, :, JOINT_INDEX[f"{side}_knee"], 0] = math.pi / 2
    rotations = np.asarray(matrix_from_rotation_vector(vectors))
    turn = np.asarray(about_z(np.array(yaw_rad)))
    rotations[:, :, 0] = turn @ WORLD_FROM_BODY
    way = np.zeros((len(prompts), FRAMES, 3))
    way[..., 0] = speed_m_s * np.arange(FRAMES) / FPS
    way[:-1, :, 0] -= apart_m
    way[..., 2] = 0.93
    way[-1, :, 2] = pelvis_m
    motion = motion_from_rotations(rotations, way @ turn.T, FPS)
    return replace(motion, prompts=prompts, person_classes=("staff", "patient")[-len(prompts) :])


def test_it_goes_with_who_sits_in_it() -> None:
    motion = people(*PUSHED)
    (chair,) = wheelchairs_of(motion)
    pelvis = motion.root_position_m[1].astype(np.float64)
    np.testing.assert_allclose(chair.places_m[5:-5], pelvis[5:-5, :2], atol=0.02)
    np.testing.assert_allclose(chair.places_m[15:-15], pelvis[15:-15, :2], atol=0.001)
    forward = np.array([math.cos(0.5), math.sin(0.5), 0.0])
    for frame in (5, 20, 34):
        vertices, _, _, _ = chair.mesh(frame)
        assert vertices[:, 2].min() == pytest.approx(0.0, abs=0.005)  # it stands on the floor
        along = (vertices - pelvis[frame]) @ forward
        assert along.max() > 0.35  # rests for the feet ahead
        # Handles behind, where hands are that walk 0.85 m behind.
        high = vertices[vertices[:, 2] > 0.9]
        assert -0.5 < ((high - pelvis[frame]) @ forward).min() < -0.35
        # Something to sit on right under the pelvis.
        seat = vertices[np.abs(vertices[:, 2] - (0.63 - 0.1)) < 0.01]
        assert len(seat) > 0


def test_only_who_sits_in_one_has_one() -> None:
    assert len(wheelchairs_of(people(*PUSHED))) == 1
    assert wheelchairs_of(people(*PUSHED, pelvis_m=0.93)) == []  # who is on their feet
    assert wheelchairs_of(people(*PUSHED, pelvis_m=0.2)) == []  # who has slid to the floor
    assert wheelchairs_of(people("a nurse walks", "a patient sits")) == []
    far = people(PUSHED[0], "a patient sits", apart_m=3.0)
    assert wheelchairs_of(far) == []
    assert len(wheelchairs_of(people("a patient sits in a wheelchair"))) == 1
    assert wheelchairs_of(people("a patient sits on a chair")) == []


def test_one_that_was_scanned_is_not_drawn_again() -> None:
    ward = load_scene(WARD)
    first = replace(ward.furniture[0], object_class="wheelchair")
    alone, pushed = people("a patient sits in a wheelchair"), people(*PUSHED)

    class Room:
        furniture = (first,)

    assert len(wheelchairs_of(alone, ward)) == 1
    assert wheelchairs_of(alone, Room()) == []  # type: ignore[arg-type]
    assert len(wheelchairs_of(pushed, Room())) == 1  # type: ignore[arg-type]  # it goes, so it is none of the scan


def test_it_stays_where_somebody_gets_up_from_it() -> None:
    motion = people("a patient gets up from sitting in a wheelchair", speed_m_s=0.0)
    root = motion.root_position_m.copy()
    root[0, 20:] += [0.5, 0.2, 0.3]  # and away
    (chair,) = wheelchairs_of(motion_moved(motion, root))
    np.testing.assert_allclose(chair.places_m, 0.0, atol=1e-6)


def motion_moved(motion: Motion, root_m: np.ndarray) -> Motion:
    moved = motion_from_rotations(motion.local_rotations.astype(np.float64), root_m.astype(np.float64), FPS)
    return replace(moved, prompts=motion.prompts, person_classes=motion.person_classes)


def test_its_faces_look_outwards() -> None:
    """By the divergence theorem each box has its volume; what faced inwards would not be drawn."""
    (chair,) = wheelchairs_of(people(*PUSHED))
    vertices, normals, faces, colors = chair.mesh(0)
    assert len(vertices) == len(normals) == len(colors) == 2 * len(faces)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    outward = np.cross(b - a, c - a)
    np.testing.assert_allclose(
        outward / np.linalg.norm(outward, axis=1, keepdims=True), normals[faces[:, 0]], atol=1e-9
    )
    volumes = np.einsum("fi,fi->f", a, outward).reshape(-1, 12).sum(axis=1) / 6
    sizes = np.ptp((vertices @ about_z(np.array(0.5))).reshape(-1, 24, 3), axis=1).prod(axis=1)
    assert (volumes > 0).all()
    np.testing.assert_allclose(volumes[:2], sizes[:2], rtol=1e-6)  # seat and back are not turned


@pytest.mark.parametrize("style", preview.STYLES)
def test_pictures_show_it(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = people(*PUSHED)
    with_chair = next(preview.preview_frames(motion, size=(320, 240), style=style)).astype(int)
    monkeypatch.setattr(preview, "wheelchairs_of", lambda *_: [])
    without = next(preview.preview_frames(motion, size=(320, 240), style=style)).astype(int)
    changed = np.abs(with_chair - without).max(axis=-1) > 40
    assert changed.mean() > 0.01
    assert with_chair[changed].mean() < without[changed].mean()  # dark on a light floor


def test_who_is_pushed_sits_to_the_labels_too(default_bundle: Path) -> None:
    """With the feet 4 cm over the floor and going where the chair goes, nobody squats."""
    request = GenerationRequest(PUSHED, person_classes=("staff", "patient"), seconds=6.0, seed=1)
    patient = Generator.load(default_bundle, "cpu").generate(request).joints_m[1]
    postures = measure(patient.astype(np.float64), 20.0).posture
    assert (postures == SITTING).mean() > 0.95


def test_a_glb_has_it_as_a_node_that_the_animation_moves() -> None:
    motion = people(*PUSHED)
    (chair,) = wheelchairs_of(motion)
    file = pygltflib.GLTF2().load_from_bytes(glb_bytes(motion, chairs=[chair]))
    (number,) = (n for n, node in enumerate(file.nodes) if node.name == "wheelchair_0")
    assert number in file.nodes[file.scenes[0].nodes[0]].children  # under what turns z up
    blob = file.binary_blob()

    def values(accessor: int, kind: str, width: int) -> np.ndarray:
        found = file.accessors[accessor]
        at = file.bufferViews[found.bufferView].byteOffset
        return np.frombuffer(blob, kind, found.count * width, at).reshape(-1, width).astype(np.float64)

    moved = {
        channel.target.path: file.animations[0].samplers[channel.sampler].output
        for channel in file.animations[0].channels
        if channel.target.node == number
    }
    way, turns = values(moved["translation"], "<f4", 3), values(moved["rotation"], "<i2", 4) / 32767
    (primitive,) = file.meshes[file.nodes[number].mesh].primitives
    at_rest = values(primitive.attributes.POSITION, "<f4", 3)
    for frame in (0, 17, FRAMES - 1):
        posed = Rotation.from_quat(turns[frame]).apply(at_rest) + way[frame]
        np.testing.assert_allclose(posed, chair.mesh(frame)[0], atol=2e-4)
    scene = trimesh.load(io.BytesIO(glb_bytes(motion, chairs=[chair])), file_type="glb")
    assert "wheelchair_0" in scene.graph.nodes
    alone = pygltflib.GLTF2().load_from_bytes(glb_bytes(motion))
    assert not any("wheelchair" in node.name for node in alone.nodes)


def test_exports_and_pages_have_it() -> None:
    motion = people(*PUSHED)
    assert len(Export(motion).chairs) == 1
    block = ArrayBlock()
    (sample,) = build_payload([Shown(motion)], None, block, "")["samples"]
    (chair,) = sample["wheelchairs"]
    assert chair["way"]["count"] == 3 * FRAMES
    (plain,) = build_payload([Shown(people("a nurse walks", "a patient sits"))], None, block, "")["samples"]
    assert plain["wheelchairs"] == []
