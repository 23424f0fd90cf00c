"""COCO's and NTU's skeletons: places on the body's surface, rigid in every facing, and the files that hold them."""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.bodies.default_body import default_body
from motion_preprocessing.rotations import about_z
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.formats import skeleton_files
from motion_runtime.formats.camera import HEIGHT, WIDTH, camera_for
from motion_runtime.formats.keypoints import (
    COCO_BONES,
    COCO_NAMES,
    INSIDE_M,
    NTU_BONES,
    NTU_NAMES,
    ON_SURFACE_M,
    coco_keypoints,
    ntu_joints,
)
from motion_runtime.motion import Motion
from motion_runtime.writer import motion_from_rotations

Walk = Callable[..., Motion]


def t_pose(yaw_rad: float, at: tuple[float, float, float] = (0.0, 0.0, 0.95)) -> Motion:
    """One frame of a body in T-pose."""
    rotations = np.tile(np.eye(3), (1, 1, JOINT_COUNT, 1, 1))
    rotations[0, 0, 0] = about_z(np.array(yaw_rad)) @ WORLD_FROM_BODY
    return motion_from_rotations(rotations, np.array([[at]]), 20.0)


def test_points_lie_on_the_built_in_bodys_surface() -> None:
    model = default_body().model
    joints = model.rest_joints_m()
    for name, (joint, offset) in ON_SURFACE_M.items():
        place = joints[JOINT_INDEX[joint]] + offset
        nearest = np.linalg.norm(model.template_m - place, axis=1).min()
        assert nearest < 0.004, name
    head = model.template_m[model.weights[:, JOINT_INDEX["head"]] > 0.99] - joints[JOINT_INDEX["head"]]
    assert ON_SURFACE_M["nose"][1][2] == pytest.approx(head[:, 2].max(), abs=0.003)  # the nose is foremost
    assert ON_SURFACE_M["left_ear"][1][0] == pytest.approx(head[:, 0].max(), abs=0.003)
    for side in ("left", "right"):
        wrist = JOINT_INDEX[f"{side}_wrist"]
        hand = model.template_m[model.weights[:, wrist] > 0.5] - joints[wrist]
        assert abs(ON_SURFACE_M[f"{side}_hand_tip"][1][0]) == pytest.approx(np.abs(hand[:, 0]).max(), abs=0.003)
    for name, (_, (x, y, z)) in (ON_SURFACE_M | INSIDE_M).items():
        if name.startswith("left"):
            assert (ON_SURFACE_M | INSIDE_M)[name.replace("left", "right")][1] == (-x, y, z)


@pytest.mark.parametrize("points_of", [coco_keypoints, ntu_joints])
def test_points_turn_and_move_with_the_body(points_of: Callable[[Motion], np.ndarray]) -> None:
    straight, turned = points_of(t_pose(0.0)), points_of(t_pose(2.2, (1.0, -2.0, 1.45)))
    expected = (straight - [0, 0, 0.95]) @ about_z(np.array(2.2)).T + [1.0, -2.0, 1.45]
    np.testing.assert_allclose(turned, expected, atol=1e-6)


def test_a_body_that_faces_x_has_its_left_towards_y() -> None:
    coco = dict(zip(COCO_NAMES, coco_keypoints(t_pose(0.0))[0, 0], strict=True))
    for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert coco[f"left_{part}"][1] > 0 > coco[f"right_{part}"][1], part
    assert coco["nose"][0] > coco["left_eye"][0] > coco["left_ear"][0]
    assert coco["left_eye"][2] > coco["nose"][2] > coco["left_shoulder"][2]
    ntu = dict(zip(NTU_NAMES, ntu_joints(t_pose(0.0))[0, 0], strict=True))
    column = [ntu[name][2] for name in ("spine_base", "spine_mid", "spine_shoulder", "neck", "head")]
    assert column == sorted(column)
    arm = [ntu[f"left_{part}"][1] for part in ("shoulder", "elbow", "wrist", "hand", "hand_tip")]
    assert arm == sorted(arm)
    assert ntu["left_thumb"][0] > ntu["left_hand"][0]  # palms down: thumbs forward


def test_limb_joints_are_the_motions_own(pair: Motion) -> None:
    coco, ntu = coco_keypoints(pair), ntu_joints(pair)
    for side in ("left", "right"):
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
            own = pair.joints_m[:, :, JOINT_INDEX[f"{side}_{part}"]]
            np.testing.assert_allclose(coco[:, :, COCO_NAMES.index(f"{side}_{part}")], own, atol=1e-5)
            np.testing.assert_allclose(ntu[:, :, NTU_NAMES.index(f"{side}_{part}")], own, atol=1e-5)


@pytest.mark.parametrize(("names", "bones"), [(COCO_NAMES, COCO_BONES), (NTU_NAMES, NTU_BONES)])
def test_bones_join_all_points(names: tuple[str, ...], bones: tuple[tuple[int, int], ...]) -> None:
    reached = {0}
    for _ in names:
        reached |= {b for a, b in bones if a in reached} | {a for a, b in bones if b in reached}
    assert reached == set(range(len(names)))
    assert len(set(names)) == len(names)


# ------------------------------------------------------------------------------------------------ files


def test_arrays_open_without_pickle(tmp_path: Path, pair: Motion) -> None:
    skeleton_files.write_coco(tmp_path / "coco17.npz", pair)
    skeleton_files.write_ntu(tmp_path / "ntu25.npz", pair)
    for name, points in (("coco17", coco_keypoints(pair)), ("ntu25", ntu_joints(pair))):
        with np.load(tmp_path / f"{name}.npz", allow_pickle=False) as file:
            np.testing.assert_allclose(file["keypoints_m"], points, atol=1e-6)
            assert len(file["keypoint_names"]) == points.shape[2]
            assert float(file["fps"]) == pair.fps
            assert list(file["person_classes"]) == ["staff", "patient"]
            if name == "coco17":
                assert (file["visibility"] == 2).all()


def read_ntu_text(text: str) -> tuple[np.ndarray, np.ndarray]:
    """As the dataset's own script reads it: value by value, x y z and colour x y of (T, bodies, 25)."""
    values = iter(text.split())
    frames = []
    for _ in range(int(next(values))):
        bodies = []
        for _ in range(int(next(values))):
            assert int(next(values)) > 0
            fields = [float(next(values)) for _ in range(9)]
            assert fields[-1] == 2
            joints = [[float(next(values)) for _ in range(12)] for _ in range(int(next(values)))]
            bodies.append(joints)
        frames.append(bodies)
    assert next(values, None) is None
    everything = np.array(frames)
    return everything[..., :3], everything[..., 5:7]


def test_ntu_text_is_seen_by_a_level_camera(pair: Motion) -> None:
    metres, pixels = read_ntu_text(skeleton_files.ntu_text(pair))
    assert metres.shape == (pair.frames, 2, 25, 3)
    room = ntu_joints(pair).swapaxes(0, 1)
    # A rigid map that keeps heights: distances between all points stay, y is z less the camera's height.
    for a, b in ((0, 7), (3, 24)):
        apart = np.linalg.norm(metres[:, 0, a] - metres[:, 1, b], axis=-1)
        np.testing.assert_allclose(apart, np.linalg.norm(room[:, 0, a] - room[:, 1, b], axis=-1), atol=1e-5)
    np.testing.assert_allclose(np.ptp(room[..., 2] - metres[..., 1]), 0.0, atol=1e-5)
    assert metres[..., 2].min() > 2.5

    # Not mirrored: the scalar triple product of three bones keeps its sign and size.
    def volume(points: np.ndarray) -> np.ndarray:
        edges = points[:, 0, [4, 12, 3]] - points[:, 0, [0]]
        return np.linalg.det(edges)

    np.testing.assert_allclose(volume(metres), volume(room), atol=1e-5)
    assert ((pixels > 0) & (pixels < (WIDTH, HEIGHT))).all()


def test_the_camera_sees_the_first_persons_face() -> None:
    for yaw in (0.0, 1.1, -2.5):
        motion = t_pose(yaw, (3.0, -1.0, 0.95))
        camera = camera_for(motion)
        seen = dict(zip(COCO_NAMES, camera.from_room(coco_keypoints(motion))[0, 0], strict=True))
        assert seen["nose"][2] < seen["left_ear"][2]  # nearer to the camera
        assert seen["left_shoulder"][0] < 0 < seen["right_shoulder"][0]  # x is the camera's left
        u, v = camera.project(coco_keypoints(motion))[0, 0, COCO_NAMES.index("left_wrist")]
        # By the pinhole's own formula, x to the right.
        x, y, z = -seen["left_wrist"][0], -seen["left_wrist"][1], seen["left_wrist"][2]
        np.testing.assert_allclose([u, v], [960 + 1081.4 * x / z, 540 + 1081.4 * y / z])
        assert u > 960


@pytest.mark.parametrize("turn", [0.0, 9.0])
def test_everybody_is_in_the_picture_throughout(walk: Walk, turn: float) -> None:
    motion = walk(people=4, frames=120, turn_rad=turn)
    pixels = camera_for(motion).project(motion.joints_m)
    assert ((pixels > 0) & (pixels < (WIDTH, HEIGHT))).all()


def test_the_pickle_is_what_mmaction_asserts_and_runs_nothing(tmp_path: Path, pair: Motion) -> None:
    skeleton_files.write_pyskl(tmp_path / "a.pkl", pair, "sample_007")
    content = (tmp_path / "a.pkl").read_bytes()
    operations = list(pickletools.genops(content))
    assert operations[0][1] == 4
    strings = [argument for _, argument, _ in operations if isinstance(argument, str)]
    named = {
        (strings[i - 1], text)
        for i, text in enumerate(strings)
        if strings[i - 1] in ("numpy", "builtins", "numpy.core.multiarray", "numpy._core.multiarray")
    }
    assert named == {("numpy", "ndarray"), ("builtins", "bytearray")}
    assert sum(op.name in ("GLOBAL", "STACK_GLOBAL") for op, _, _ in operations) <= 2
    data = pickle.loads(content)
    assert set(data) == {"split", "annotations"}
    [annotation] = data["annotations"]
    assert data["split"] == {"train": [annotation["frame_dir"]]} == {"train": ["sample_007"]}
    keypoint = annotation["keypoint"]
    assert annotation["total_frames"] == keypoint.shape[1] == pair.frames
    assert keypoint.shape == (2, pair.frames, 25, 3)
    assert keypoint.dtype == np.float32
    assert keypoint.flags.writeable  # augmentations work in place
    assert type(annotation["label"]) is int
    assert annotation["prompts"] == ["helps", "walks \u00e4"]
    np.testing.assert_allclose(keypoint, camera_for(pair).from_room(ntu_joints(pair)), atol=1e-5)
