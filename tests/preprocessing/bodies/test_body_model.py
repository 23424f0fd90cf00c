"""Equations 3.1 to 3.3 against an independent evaluation with homogeneous matrices, and against smplx."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.bodies.body_model import BodyModel
from motion_preprocessing.bodies.capsule_body import capsule_body_fields
from motion_preprocessing.bodies.model_files import body_model_from_fields
from motion_preprocessing.bodies.skinning import dual_quaternion_blend, linear_blend
from motion_preprocessing.camera_floor import WorldFromCamera
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.planes import Plane
from motion_preprocessing.skeleton import rest_joints


@pytest.fixture(scope="module")
def fields() -> dict[str, np.ndarray]:
    return capsule_body_fields()


@pytest.fixture(scope="module")
def model(fields: dict[str, np.ndarray]) -> BodyModel:
    return body_model_from_fields(fields, "capsules")


def by_the_book(fields: dict[str, np.ndarray], pose: np.ndarray, betas: np.ndarray, transl: np.ndarray) -> np.ndarray:
    """SMPL as its paper writes it: 4 x 4 matrices, one vertex formula, nothing shared with the package."""
    shaped = fields["v_template"] + np.tensordot(fields["shapedirs"], betas, axes=(2, 0))
    joints = fields["J_regressor"] @ shaped
    bent = shaped + np.tensordot(fields["posedirs"], (pose[1:] - np.eye(3)).ravel(), axes=(2, 0))
    world: list[np.ndarray] = []
    for k, parent in enumerate(fields["kintree_table"][0]):
        step = np.eye(4)
        step[:3, :3] = pose[k]
        step[:3, 3] = joints[k] - (joints[int(parent)] if k else 0)
        world.append(world[int(parent)] @ step if k else step)
    relative = []
    for k, matrix in enumerate(world):
        back = np.eye(4)
        back[:3, 3] = -joints[k]
        relative.append(matrix @ back)
    blended = np.einsum("vk,kij->vij", fields["weights"], np.array(relative))
    homogeneous = np.concatenate([bent, np.ones((len(bent), 1))], axis=1)
    return np.einsum("vij,vj->vi", blended, homogeneous)[:, :3] + transl


def random_pose(count: int, joints: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rotations = Rotation.from_rotvec(rng.normal(scale=0.5, size=(count * joints, 3))).as_matrix()
    return rotations.reshape(count, joints, 3, 3), rng.normal(size=(count, 10)), rng.normal(size=(count, 3))


def test_vertices_and_joints_equal_the_papers_equations(fields: dict[str, np.ndarray], model: BodyModel) -> None:
    rotations, betas, transl = random_pose(2, 24, seed=0)
    posed = model.pose(rotations, betas, transl)
    for frame in range(2):
        expected = by_the_book(fields, rotations[frame], betas[frame], transl[frame])
        np.testing.assert_allclose(posed.vertices_m[frame], expected, atol=1e-12)


def test_smplx_agrees(fields: dict[str, np.ndarray], model: BodyModel, capsys: pytest.CaptureFixture[str]) -> None:
    smplx = pytest.importorskip("smplx")
    torch = pytest.importorskip("torch")
    from motion_preprocessing.bodies.smplx_reference import pose_with_smplx

    rotations, betas, transl = random_pose(2, 24, seed=1)
    ours = model.pose(rotations, betas, transl)
    reference = pose_with_smplx(model, rotations, betas, transl)
    np.testing.assert_allclose(ours.vertices_m, reference.vertices_m, atol=2e-5)
    np.testing.assert_allclose(ours.joints_m, reference.joints_m, atol=2e-5)
    # The package's own class, given the file's arrays.
    layer = smplx.SMPL(model_path="", data_struct=smplx.utils.Struct(**fields), batch_size=2)
    vectors = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec().reshape(2, 24, 3)
    with torch.no_grad():
        out = layer(
            betas=torch.tensor(betas, dtype=torch.float32),
            global_orient=torch.tensor(vectors[:, 0], dtype=torch.float32),
            body_pose=torch.tensor(vectors[:, 1:].reshape(2, -1), dtype=torch.float32),
            transl=torch.tensor(transl, dtype=torch.float32),
        )
    np.testing.assert_allclose(ours.vertices_m, out.vertices.numpy(), atol=2e-5)
    np.testing.assert_allclose(ours.joints_m, out.joints.numpy()[:, :24], atol=2e-5)


def test_rest_offsets_drive_the_projects_forward_kinematics(model: BodyModel) -> None:
    rotations, betas, transl = random_pose(3, 22, seed=2)
    posed = model.pose(rotations, betas[0], transl)
    offsets = model.rest_offsets_m(betas[0])
    joints = np.asarray(forward_kinematics(rotations, transl + offsets[0], offsets)[0])
    np.testing.assert_allclose(posed.joints_m[:, :22], joints, atol=1e-12)


def test_levelling_the_floor_moves_every_vertex_as_a_point(model: BodyModel) -> None:
    rotations, betas, transl = random_pose(2, 22, seed=3)
    normal = np.array([0.1, -0.8, -0.5])
    world = WorldFromCamera.from_floor(Plane(normal / np.linalg.norm(normal), 2.4))
    before = model.pose(rotations, betas, transl)
    moved = world.root_translations(transl, model.rest_joints_m(betas)[:, 0])
    after = model.pose(world.local_rotations(rotations), betas, moved)
    np.testing.assert_allclose(after.vertices_m, world.points(before.vertices_m), atol=1e-12)
    np.testing.assert_allclose(after.joints_m, world.points(before.joints_m), atol=1e-12)


def test_the_capsule_body_is_an_smpl_file(fields: dict[str, np.ndarray], model: BodyModel) -> None:
    assert model.kind == "SMPL"
    assert len(model.template_m) >= 6890
    np.testing.assert_allclose(model.weights.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(model.rest_joints_m(), fields["J"], atol=1e-9)
    np.testing.assert_allclose(model.rest_joints_m()[:22] - fields["J"][0], rest_joints(), atol=1e-9)
    assert np.linalg.norm(fields["J"][0]) > 0.2
    # Outward triangles: the signed volume of the closed tubes is that of a person.
    a, b, c = (model.template_m[model.faces[:, i]] for i in range(3))
    assert 0.03 < float(np.sum(a * np.cross(b, c)) / 6) < 0.2


def two_bones(vertices: np.ndarray, weights: np.ndarray, twist_deg: float, method: object) -> np.ndarray:
    rotations = np.stack([np.eye(3), Rotation.from_euler("x", twist_deg, degrees=True).as_matrix()])
    return method(vertices, weights, rotations, np.zeros((2, 3)))  # type: ignore[operator]


def test_dual_quaternions_keep_the_radius_that_linear_blending_loses() -> None:
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.stack([np.zeros(12), np.cos(angles), np.sin(angles)], axis=1)
    half = np.full((12, 2), 0.5)
    for twist in (30.0, 120.0, 179.0):
        linear = np.linalg.norm(two_bones(ring, half, twist, linear_blend)[:, 1:], axis=1)
        np.testing.assert_allclose(linear, np.cos(np.radians(twist) / 2), atol=1e-9)
        dual = two_bones(ring, half, twist, dual_quaternion_blend)
        expected = Rotation.from_euler("x", twist / 2, degrees=True).apply(ring)
        np.testing.assert_allclose(dual, expected, atol=1e-9)


def test_both_kinds_of_skinning_agree_on_rigid_motion_and_single_joints() -> None:
    rng = np.random.default_rng(4)
    vertices = rng.normal(size=(50, 3))
    rotations, translations = Rotation.random(5, rng=rng).as_matrix(), rng.normal(size=(5, 3))
    single = np.eye(5)[rng.integers(0, 5, 50)]
    expected = np.einsum("vk,vki->vi", single, np.einsum("kij,vj->vki", rotations, vertices) + translations)
    weights = rng.dirichlet(np.ones(5), 50)
    same_turn, same_shift = np.repeat(rotations[:1], 5, axis=0), np.repeat(translations[:1], 5, axis=0)
    for method in (linear_blend, dual_quaternion_blend):
        np.testing.assert_allclose(method(vertices, single, rotations, translations), expected, atol=1e-12)
        rigid = method(vertices, weights, same_turn, same_shift)
        np.testing.assert_allclose(rigid, vertices @ rotations[0].T + translations[0], atol=1e-12)


def test_dual_quaternions_blend_along_the_shorter_way() -> None:
    """Two nearly equal turns whose quaternions have opposite signs."""
    turns = Rotation.from_euler("z", [[179.0], [181.0]], degrees=True).as_matrix()
    moved = dual_quaternion_blend(np.array([[1.0, 0.0, 0.0]]), np.array([[0.5, 0.5]]), turns, np.zeros((2, 3)))
    np.testing.assert_allclose(moved, [[-1.0, 0.0, 0.0]], atol=1e-9)


def test_skinning_is_chosen_by_name(model: BodyModel) -> None:
    rotations, _, transl = random_pose(1, 22, seed=5)
    linear = model.pose(rotations, None, transl)
    dual = model.pose(rotations, None, transl, skinning="dual_quaternion")
    np.testing.assert_array_equal(linear.joints_m, dual.joints_m)
    apart = np.linalg.norm(linear.vertices_m - dual.vertices_m, axis=-1)
    assert 1e-3 < apart.max() < 0.1
    with pytest.raises(InputError, match="expected linear or dual_quaternion, got 'cubic'"):
        model.pose(rotations, skinning="cubic")


def test_leading_axes_and_missing_joints_and_coefficients(model: BodyModel) -> None:
    rotations, betas, transl = random_pose(6, 22, seed=6)
    posed = model.pose(rotations.reshape(2, 3, 22, 3, 3), betas.reshape(2, 3, 10)[..., :4], transl.reshape(2, 3, 3))
    assert posed.vertices_m.shape == (2, 3, 6912, 3)
    padded = np.where(np.arange(10) < 4, betas, 0.0)
    hands = np.concatenate([rotations, np.broadcast_to(np.eye(3), (6, 2, 3, 3))], axis=1)
    alone = model.pose(hands[5], padded[5], transl[5])
    np.testing.assert_allclose(posed.vertices_m[1, 2], alone.vertices_m, atol=1e-12)
    more = np.concatenate([betas[0], np.zeros(6)])
    np.testing.assert_array_equal(model.shaped(more), model.shaped(betas[0]))


def test_bad_input_is_named(model: BodyModel) -> None:
    with pytest.raises(InputError, match="expected 10 shape coefficients or fewer, got 12 for capsules"):
        model.shaped(np.ones(12))
    with pytest.raises(InputError, match=r"expected an array \(..., <= 24, 3, 3\), got shape \(25, 3, 3\)"):
        model.pose(np.broadcast_to(np.eye(3), (25, 3, 3)))
    with pytest.raises(InputError, match=r"expected shape \(6912, 24\), got \(5, 24\) for weights of capsules"):
        replace(model, weights=model.weights[:5])
    with pytest.raises(InputError, match="another tree for capsules"):
        replace(model, parents=(-1, *range(23)))
