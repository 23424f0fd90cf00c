"""Parameter files, posed by the package smplx with bodies in SMPL's, SMPL-H's and SMPL-X's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.bodies.body_model import BodyModel
from motion_preprocessing.bodies.capsule_body import capsule_body_fields
from motion_preprocessing.bodies.model_files import body_model_from_fields
from motion_preprocessing.readers.amass import read_amass
from motion_preprocessing.skeleton import JOINT_INDEX, SMPL_PELVIS_M, SMPLX_PELVIS_M
from motion_runtime.formats import smpl_files
from motion_runtime.formats.skin import fitted_betas, folded_weights
from motion_runtime.motion import Motion


def body_fields(joints: int, pelvis_m: tuple[float, ...]) -> dict[str, Any]:
    """A body with 24, 52 or 55 joints on the project's skeleton, its pelvis at a given place."""
    fields: dict[str, Any] = dict(capsule_body_fields())
    shift = np.array(pelvis_m) - fields["J"][0]
    fields["v_template"] = fields["v_template"] + shift
    wrists = [JOINT_INDEX["left_wrist"]] * 15 + [JOINT_INDEX["right_wrist"]] * 15
    further = {24: None, 52: wrists, 55: [JOINT_INDEX["head"]] * 3 + wrists}[joints]
    if further is not None:
        parents = [*fields["kintree_table"][0, :22], *further]
        weights = np.zeros((len(fields["weights"]), joints))
        weights[:, :22] = fields["weights"][:, :22]
        # Half of each hand follows a finger, so that its weight must be folded back.
        for hand, (owner, finger) in {22: (20, joints - 20), 23: (21, joints - 5)}.items():
            weights[:, owner] += 0.5 * fields["weights"][:, hand]
            weights[:, finger] += 0.5 * fields["weights"][:, hand]
        fields["weights"] = weights
        fields["J_regressor"] = np.concatenate([fields["J_regressor"][:22], fields["J_regressor"][further]])
        fields["kintree_table"] = np.array([parents, range(joints)], dtype=np.int64)
        fields["posedirs"] = np.zeros((len(weights), 3, 9 * (joints - 1)), dtype=np.float32)
    return fields


def posed_by_smplx(
    kind: str, fields: dict[str, Any], frames: int, file: Path | None = None, **pose: np.ndarray
) -> np.ndarray:
    """Joints (T, 22, 3) of the package's own class."""
    smplx = pytest.importorskip("smplx")
    torch = pytest.importorskip("torch")
    fields = fields | {
        "hands_componentsl": np.eye(45), "hands_componentsr": np.eye(45), "hands_meanl": np.zeros(45),
        "hands_meanr": np.zeros(45), "lmk_faces_idx": np.zeros(1, int), "lmk_bary_coords": np.ones((1, 3)) / 3,
    }  # fmt: skip
    more: dict[str, Any] = {"use_pca": False, "flat_hand_mean": True} if kind != "SMPL" else {}
    if kind == "SMPLX":
        directions = np.zeros((*fields["shapedirs"].shape[:2], 400))
        directions[..., :10] = fields["shapedirs"]
        fields["shapedirs"] = directions
        more |= {"use_face_contour": False}
        # The class picks fingertips and the like by the numbers of SMPL-X's 10,475 vertices: repeat the last one.
        missing = 10475 - len(fields["v_template"])
        for name in ("v_template", "shapedirs", "posedirs", "weights"):
            fields[name] = np.concatenate([fields[name], np.repeat(fields[name][-1:], missing, axis=0)])
        fields["J_regressor"] = np.pad(fields["J_regressor"], ((0, 0), (0, missing)))
    if file is None:
        more |= {"model_path": "", "data_struct": smplx.utils.Struct(**fields)}
    else:  # SMPL-X is read from a file only
        np.savez(file, **fields)
        more |= {"model_path": str(file), "ext": "npz"}
    layer = getattr(smplx, kind)(batch_size=frames, num_betas=10, **more)
    tensors = {name: torch.tensor(np.ascontiguousarray(value), dtype=torch.float32) for name, value in pose.items()}
    with torch.no_grad():
        out = layer(**tensors)
    return np.asarray(out.joints[:, :22].numpy())


def betas_of(arrays: smpl_files.Arrays, frames: int) -> np.ndarray:
    return np.tile(arrays["betas"][:10], (frames, 1))


@pytest.mark.parametrize("given", [False, True])
def test_smpl_in_smplx_has_the_motions_joints(tumble: Motion, given: bool) -> None:
    # Without the body's file its pelvis is taken to be where the published mean body has it.
    fields = body_fields(24, (0.02, -0.31, 0.05) if given else SMPL_PELVIS_M)
    model = body_model_from_fields(fields) if given else None
    arrays = smpl_files.smpl(tumble, 0, model)
    joints = posed_by_smplx(
        "SMPL", fields, tumble.frames, global_orient=arrays["global_orient"], body_pose=arrays["body_pose"],
        betas=betas_of(arrays, tumble.frames), transl=arrays["transl"],
    )  # fmt: skip
    np.testing.assert_allclose(joints, tumble.joints_m[0], atol=2e-5)


def test_amass_of_smplh_in_smplx_has_the_motions_joints(tumble: Motion) -> None:
    arrays = smpl_files.amass_smplh(tumble, 0)
    poses = arrays["poses"]
    joints = posed_by_smplx(
        "SMPLH", body_fields(52, SMPL_PELVIS_M), tumble.frames, global_orient=poses[:, :3], body_pose=poses[:, 3:66],
        left_hand_pose=poses[:, 66:111], right_hand_pose=poses[:, 111:], betas=betas_of(arrays, tumble.frames),
        transl=arrays["trans"],
    )  # fmt: skip
    np.testing.assert_allclose(joints, tumble.joints_m[0], atol=2e-5)


def test_amass_of_smplx_in_smplx_has_the_motions_joints(tmp_path: Path, tumble: Motion) -> None:
    arrays = smpl_files.amass_smplx(tumble, 0)
    joints = posed_by_smplx(
        "SMPLX", body_fields(55, SMPLX_PELVIS_M), tumble.frames, tmp_path / "SMPLX.npz",
        global_orient=arrays["root_orient"], body_pose=arrays["pose_body"],
        jaw_pose=arrays["pose_jaw"], leye_pose=arrays["pose_eye"][:, :3],
        reye_pose=arrays["pose_eye"][:, 3:], left_hand_pose=arrays["pose_hand"][:, :45],
        right_hand_pose=arrays["pose_hand"][:, 45:], expression=np.zeros((tumble.frames, 10)),
        betas=betas_of(arrays, tumble.frames), transl=arrays["trans"],
    )  # fmt: skip
    np.testing.assert_allclose(joints, tumble.joints_m[0], atol=2e-5)


def test_fields_are_amass_own(pair: Motion) -> None:
    frames = pair.frames
    h, x = smpl_files.amass_smplh(pair, 1), smpl_files.amass_smplx(pair, 1)
    assert {name: value.shape for name, value in h.items()} == {
        "trans": (frames, 3), "gender": (), "mocap_framerate": (), "betas": (16,), "dmpls": (frames, 8),
        "poses": (frames, 156),
    }  # fmt: skip
    assert {name: value.shape for name, value in x.items()} == {
        "gender": (), "surface_model_type": (), "mocap_frame_rate": (), "mocap_time_length": (), "trans": (frames, 3),
        "betas": (16,), "num_betas": (), "poses": (frames, 165), "root_orient": (frames, 3),
        "pose_body": (frames, 63), "pose_jaw": (frames, 3), "pose_eye": (frames, 6), "pose_hand": (frames, 90),
    }  # fmt: skip
    assert str(x["surface_model_type"]) == "smplx"
    assert float(h["mocap_framerate"]) == float(x["mocap_frame_rate"]) == pair.fps
    whole = np.concatenate([x[name] for name in ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")], 1)
    np.testing.assert_array_equal(x["poses"], whole)
    vectors = Rotation.from_matrix(pair.local_rotations[1].reshape(-1, 3, 3)).as_rotvec().reshape(frames, 66)
    for arrays in (h, x):
        np.testing.assert_allclose(arrays["poses"][:, :66], vectors, atol=1e-5)
        assert not arrays["poses"][:, 66:].any()


@pytest.mark.parametrize(("suffix", "arrays_of"), [("h", smpl_files.amass_smplh), ("x", smpl_files.amass_smplx)])
def test_the_reader_of_amass_reads_the_files(tmp_path: Path, pair: Motion, suffix: str, arrays_of: Any) -> None:
    smpl_files.write_people(tmp_path, pair, suffix, arrays_of, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"person_{n}_{suffix}.npz" for n in (0, 1)]
    for person in (0, 1):
        take = read_amass(tmp_path / f"person_{person}_{suffix}.npz")
        assert take.fps == pair.fps
        np.testing.assert_allclose(take.local_rotations, pair.local_rotations[person], atol=1e-5)
        moved = pair.root_position_m[person] - pair.root_position_m[person, 0]
        np.testing.assert_allclose(take.root_position_m - take.root_position_m[0], moved, atol=1e-5)
        with np.load(tmp_path / f"person_{person}_{suffix}.npz", allow_pickle=False) as file:
            assert str(file["prompt"]) == pair.prompts[person]


def test_shape_is_fitted_to_the_skeleton() -> None:
    fields = body_fields(24, SMPL_PELVIS_M)
    model = body_model_from_fields(fields)
    assert np.abs(fitted_betas(model)).max() < 1e-6  # made on this very skeleton
    # A template that is the shape (1.5, 0 ...) away is brought back by the opposite.
    fields["v_template"] = model.shaped(np.array([1.5]))
    brought_back = fitted_betas(body_model_from_fields(fields))
    assert brought_back[0] == pytest.approx(-1.5, abs=0.05)
    assert np.abs(brought_back[1:]).max() < 0.2


def test_weights_of_fingers_and_face_go_to_wrist_and_head() -> None:
    model: BodyModel = body_model_from_fields(body_fields(55, SMPLX_PELVIS_M))
    folded = folded_weights(model)
    assert folded.shape == (len(model.weights), 22)
    np.testing.assert_allclose(folded.sum(axis=1), 1.0, atol=1e-12)
    owners = {joint: [j for j in range(22, 55) if model.parents[j] == joint] for joint in (15, 20, 21)}
    for joint, further in owners.items():
        np.testing.assert_allclose(folded[:, joint], model.weights[:, [joint, *further]].sum(axis=1), atol=1e-12)
