from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motion_preprocessing.amc import amc_motion, read_amc, read_asf
from motion_preprocessing.bvh import read_bvh
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.level import floor_height_m
from motion_preprocessing.manifest import CaptureReader, read_manifest
from motion_preprocessing.retarget import (
    JOINT_MAPS,
    LIMBS,
    SIDES,
    JointMap,
    joint_map,
    leg_length_m,
    project_leg_length_m,
    rest_is_t_pose,
    retarget,
    to_t_pose,
)
from motion_preprocessing.skeleton import (
    JOINT_COUNT,
    JOINT_INDEX,
    JOINT_NAMES,
    PARENTS,
    WORLD_FROM_BODY,
    rest_joints,
)
from motion_preprocessing.source_motion import SourceMotion

MOTION_BUILDER, DAZ, ACCLAIM = JOINT_MAPS[0], JOINT_MAPS[2], JOINT_MAPS[3]
Floats = NDArray[np.float64]


def random_rotations(rng: np.random.Generator, *shape: int) -> Floats:
    count = int(np.prod(shape))
    return Rotation.random(count, rng).as_matrix().reshape(*shape, 3, 3)


def own_skeleton(world: Floats, stretch: float = 1.0) -> SourceMotion:
    """The project's own skeleton, y up, dressed in a source's node names; `world` (T, 22, 3, 3)."""
    nodes = MOTION_BUILDER
    names = [f"unused {i}" for i in range(JOINT_COUNT)]
    for joint, node in nodes.rotation.items():
        if node not in names:
            names[JOINT_INDEX[joint]] = node
    # spine3 shares the node of spine2; the first neck node has no joint.
    names += [nodes.neck[0]]
    parents = [*PARENTS, JOINT_INDEX["spine3"]]
    rest = np.concatenate([rest_joints(), rest_joints()[[JOINT_INDEX["spine3"]]]]) * stretch
    rotations = np.concatenate([world, world[:, [JOINT_INDEX["spine3"]]]], axis=1)
    joints = np.zeros((len(world), len(names), 3))
    for node, parent in enumerate(parents):
        if parent >= 0:
            joints[:, node] = joints[:, parent] + rotations[:, parent] @ (rest[node] - rest[parent])
    return SourceMotion(tuple(names), tuple(parents), rest, rotations, joints, 30.0)


def test_the_projects_own_skeleton_comes_back_unchanged() -> None:
    world = random_rotations(np.random.default_rng(1), 4, JOINT_COUNT)
    world[:, JOINT_INDEX["spine3"]] = world[:, JOINT_INDEX["spine2"]]
    source = own_skeleton(world)
    result = retarget(source, MOTION_BUILDER)
    joints, rotations = forward_kinematics(result.local_rotations, result.root_position_m)
    expected = source.joints_m[:, :JOINT_COUNT] @ WORLD_FROM_BODY.T
    np.testing.assert_allclose(rotations, WORLD_FROM_BODY @ world, atol=1e-12)
    np.testing.assert_allclose(joints, expected, atol=1e-12)


def test_the_rest_pose_stands_upright_facing_x() -> None:
    result = retarget(own_skeleton(np.broadcast_to(np.eye(3), (1, JOINT_COUNT, 3, 3))), MOTION_BUILDER)
    joints, _ = forward_kinematics(result.local_rotations, result.root_position_m)
    at = {name: joints[0, index] for name, index in JOINT_INDEX.items()}
    assert at["head"][2] > at["pelvis"][2] + 0.5 > at["left_foot"][2] + 1.3
    assert at["left_wrist"][1] > 0.6 > -0.6 > at["right_wrist"][1]
    assert at["left_foot"][0] > at["left_ankle"][0] + 0.1
    np.testing.assert_allclose(result.local_rotations[0, 0], WORLD_FROM_BODY, atol=1e-12)


def test_the_path_is_scaled_by_the_legs() -> None:
    world = np.broadcast_to(np.eye(3), (2, JOINT_COUNT, 3, 3))
    giant = own_skeleton(world, stretch=2.0)
    assert leg_length_m(giant, MOTION_BUILDER) == pytest.approx(2 * project_leg_length_m())
    moved = SourceMotion(
        giant.names, giant.parents, giant.rest_joints_m, giant.rotations,
        giant.joints_m + np.array([[[0, 0, 0]], [[0, 0, 3.0]]]), giant.fps,
    )  # fmt: skip
    path = retarget(moved, MOTION_BUILDER).root_position_m
    np.testing.assert_allclose(path[1] - path[0], [1.5, 0, 0], atol=1e-12)  # z of the source is x of the world
    path = retarget(moved, MOTION_BUILDER, scale=1.0).root_position_m
    np.testing.assert_allclose(path[1] - path[0], [3.0, 0, 0], atol=1e-12)


def limb_angles_deg(source: SourceMotion, nodes: JointMap) -> Floats:
    """Angles between the source's limbs and the retargeted ones, over frames and limbs."""
    result = retarget(source, nodes)
    joints, _ = forward_kinematics(result.local_rotations, result.root_position_m)
    angles = []
    for side in SIDES:
        for start, end in LIMBS:
            a, b = (source.names.index(nodes.position[f"{side}_{part}"]) for part in (start, end))
            theirs = (source.joints_m[:, b] - source.joints_m[:, a]) @ WORLD_FROM_BODY.T
            ours = joints[:, JOINT_INDEX[f"{side}_{end}"]] - joints[:, JOINT_INDEX[f"{side}_{start}"]]
            cosine = np.sum(theirs * ours, axis=-1) / np.linalg.norm(theirs, axis=-1) / np.linalg.norm(ours, axis=-1)
            angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return np.array(angles)


def test_limbs_point_where_the_sources_limbs_point_whatever_the_rest_poses(captures: Any) -> None:
    rng = np.random.default_rng(2)
    names = [name for name, *_ in captures_nodes(captures)]
    frames = [((0.0, 17.0, 0.0), {})]
    frames += [((1.0, 17.0, 2.0), {n: tuple(rng.uniform(-180, 180, 3)) for n in names}) for _ in range(5)]
    bvh = read_bvh(captures.add("cmu_bvh/16/16_01.bvh", captures.bvh_text(frames), 6))
    source = bvh.motion(unit_m=MOTION_BUILDER.unit_m, fps=30.0, rest_frame=0)
    assert limb_angles_deg(source, MOTION_BUILDER).max() < 1e-5  # arccos near 1 halves the digits


def captures_nodes(captures: Any) -> list[tuple[str, ...]]:
    text = captures.bvh_text([((0.0, 0.0, 0.0), {})])
    words = text.split()
    return [(words[i + 1],) for i, word in enumerate(words) if word in ("ROOT", "JOINT")]


def acclaim(captures: Any, tmp_path: Path, frames: Any) -> SourceMotion:
    (tmp_path / "a.asf").write_text(captures.asf_text())
    (tmp_path / "a.amc").write_text(captures.amc_text(frames))
    skeleton = read_asf(tmp_path / "a.asf")
    return amc_motion(skeleton, read_amc(tmp_path / "a.amc", skeleton), unit_m=ACCLAIM.unit_m, fps=30.0)


def test_acclaim_limbs_are_exact_too(captures: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(5):
        values = {
            f"{s}{bone}": tuple(rng.uniform(-120, 120, count))
            for s in "lr"
            for bone, count in (("femur", 3), ("tibia", 1), ("clavicle", 2), ("humerus", 3), ("radius", 1))
        }
        frames.append((tuple(rng.uniform(-180, 180, 6)), values))
    source = acclaim(captures, tmp_path, frames)
    assert limb_angles_deg(to_t_pose(source, ACCLAIM), ACCLAIM).max() < 1e-5


def test_an_acclaim_zero_pose_is_stood_up(captures: Any, tmp_path: Path) -> None:
    source = acclaim(captures, tmp_path, [((0, 17, 0, 0, 0, 0), {})])
    posed = to_t_pose(source, ACCLAIM)
    for side, s in (("l", 1), ("r", -1)):
        knee, ankle, toe = (posed.names.index(f"{side}{bone}") for bone in ("tibia", "foot", "toes"))
        hip = posed.names.index(f"{side}femur")
        thigh = posed.rest_joints_m[knee] - posed.rest_joints_m[hip]
        np.testing.assert_allclose(thigh, [0, -7.5 * ACCLAIM.unit_m, 0], atol=1e-9)
        # The foot goes with the leg: 20 degrees about z about the hip.
        foot = posed.rest_joints_m[toe] - posed.rest_joints_m[ankle]
        turn = Rotation.from_euler("z", -20 * s, degrees=True)
        given = source.rest_joints_m[toe] - source.rest_joints_m[ankle]
        np.testing.assert_allclose(foot, turn.apply(given), atol=1e-9)
    # The pose itself is not changed by naming another reference: every bone still comes out where it was.
    for node, parent in enumerate(posed.parents):
        if parent >= 0:
            turned = posed.rotations[:, parent] @ (posed.rest_joints_m[node] - posed.rest_joints_m[parent])
            np.testing.assert_allclose(turned, source.joints_m[:, node] - source.joints_m[:, parent], atol=1e-9)


def test_a_knee_bent_by_a_right_angle_is_the_same_from_both_formats(captures: Any, tmp_path: Path) -> None:
    # Legs apart by 20 degrees in the .asf: bring them together (femur rz in its own axes) and bend the left knee.
    straight = {"lfemur": (0, 0, -20), "rfemur": (0, 0, 20)}
    amc = acclaim(captures, tmp_path, [((0, 17, 0, 0, 0, 0), {**straight, "ltibia": (90,)})])
    from_amc = retarget(to_t_pose(amc, ACCLAIM), ACCLAIM).local_rotations
    frames = [((0.0, 17.0, 0.0), {}), ((0.0, 17.0, 0.0), {"LeftLeg": (0, 0, 90.0)})]
    bvh = read_bvh(captures.add("cmu_bvh/16/16_01.bvh", captures.bvh_text(frames), 2))
    from_bvh = retarget(bvh.motion(unit_m=1, fps=30, rest_frame=0), MOTION_BUILDER).local_rotations
    legs = [JOINT_INDEX[name] for name in JOINT_NAMES if any(p in name for p in ("hip", "knee", "ankle", "pelvis"))]
    np.testing.assert_allclose(from_amc[0, legs], from_bvh[0, legs], atol=1e-6)
    joints, _ = forward_kinematics(from_bvh, np.zeros((1, 3)))
    shin = joints[0, JOINT_INDEX["left_ankle"]] - joints[0, JOINT_INDEX["left_knee"]]
    np.testing.assert_allclose(shin / np.linalg.norm(shin), [-1, 0, 0], atol=1e-6)  # the heel goes BACK
    thigh = joints[0, JOINT_INDEX["left_knee"]] - joints[0, JOINT_INDEX["left_hip"]]
    np.testing.assert_allclose(thigh / np.linalg.norm(thigh), [0, 0, -1], atol=1e-6)


def test_the_t_pose_is_told_from_another_pose(captures: Any) -> None:
    frames = [((0.0, 17.0, 0.0), {"LeftArm": (-80.0, 0, 0), "RightArm": (80.0, 0, 0)}), ((0.0, 17.0, 0.0), {})]
    bvh = read_bvh(captures.add("cmu_bvh/16/16_01.bvh", captures.bvh_text(frames), 2))
    assert not rest_is_t_pose(bvh.motion(unit_m=1, fps=30, rest_frame=0), MOTION_BUILDER)
    assert rest_is_t_pose(bvh.motion(unit_m=1, fps=30), MOTION_BUILDER)
    # The manifest promises a T-pose; the first frame is none, so it stays in the motion.
    [take] = read_manifest(captures.path)
    source, _ = CaptureReader(captures.path).read(take)
    assert len(source.joints_m) == 2


@pytest.mark.parametrize("nodes", JOINT_MAPS, ids=lambda nodes: nodes.name)
def test_a_skeleton_is_known_by_its_names(nodes: JointMap) -> None:
    names = tuple(dict.fromkeys((*nodes.rotation.values(), *nodes.position.values(), *nodes.neck)))
    assert joint_map(names, "test") is nodes
    with pytest.raises(InputError, match=f"'{names[3]}'.*{nodes.name}"):
        joint_map(tuple(name for name in names if name != names[3]), "test")


def test_the_floor_is_where_standing_feet_rest() -> None:
    joints = np.full((100, JOINT_COUNT, 3), 2.0)
    joints[:, JOINT_INDEX["left_foot"], 2] = 0.3
    joints[:2, JOINT_INDEX["left_foot"], 2] = 0.1  # two frames of a dip do not move it
    joints[:, JOINT_INDEX["left_wrist"], 2] = 0.0  # and hands do not count
    assert floor_height_m(joints) == pytest.approx(0.3)
    assert floor_height_m(joints, (JOINT_INDEX["left_wrist"],)) == pytest.approx(0.0)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("trial", "turn_deg"), [("16_17", 90), ("16_19", -90), ("16_51", 90), ("07_01", 0), ("35_01", 0), ("12_01", 0)]
)
def test_real_walkers_go_where_they_face_and_turn_as_labelled(shared_data: Path, trial: str, turn_deg: float) -> None:
    folder = shared_data / "motion"
    [take] = [take for take in read_manifest(folder) if take.trial == trial]
    source, nodes = CaptureReader(folder).read(take)
    assert limb_angles_deg(source, nodes).max() < 1e-5
    result = retarget(source, nodes)
    joints, rotations = forward_kinematics(result.local_rotations, result.root_position_m)
    middle = slice(4, -4)
    forward = rotations[middle, 0] @ np.array([0.0, 0, 1])
    yaw = np.unwrap(np.arctan2(forward[:, 1], forward[:, 0]))
    assert np.degrees(yaw[-1] - yaw[0]) == pytest.approx(turn_deg, abs=25)
    velocity = (joints[8:, 0] - joints[:-8, 0])[:, :2]
    along = np.sum(velocity * forward[:, :2], axis=-1) / np.linalg.norm(velocity, axis=-1)
    assert np.median(along) > 0.9
    # Knees bend forward: the knee lies ahead of the line from hip to ankle.
    for side in SIDES:
        hip, knee, ankle = (joints[middle, JOINT_INDEX[f"{side}_{part}"]] for part in ("hip", "knee", "ankle"))
        ahead = np.sum((knee - (hip + ankle) / 2) * forward, axis=-1)
        assert np.mean(ahead > 0) > 0.95


@pytest.mark.shared
@pytest.mark.parametrize("trial", ["07_01", "35_01", "12_01", "16_15"])
def test_feet_of_real_walkers_stand_flat_and_straight(shared_data: Path, trial: str) -> None:
    folder = shared_data / "motion"
    [take] = [take for take in read_manifest(folder) if take.trial == trial]
    source, nodes = CaptureReader(folder).read(take)
    result = retarget(source, nodes)
    joints, _ = forward_kinematics(result.local_rotations, result.root_position_m)
    rest = rest_joints()
    for side, s in (("left", 1), ("right", -1)):
        foot, ankle = joints[:, JOINT_INDEX[f"{side}_foot"]], joints[:, JOINT_INDEX[f"{side}_ankle"]]
        still = np.linalg.norm(np.diff(foot, axis=0), axis=-1) * take.fps < 0.2
        still &= np.linalg.norm(np.diff(ankle, axis=0), axis=-1) * take.fps < 0.3
        assert still.sum() >= 3
        bone = (foot - ankle)[:-1][still]
        own = WORLD_FROM_BODY @ (rest[JOINT_INDEX[f"{side}_foot"]] - rest[JOINT_INDEX[f"{side}_ankle"]])
        pitch, rest_pitch = (np.degrees(np.arctan2(b[..., 2], np.hypot(b[..., 0], b[..., 1]))) for b in (bone, own))
        assert np.median(pitch) == pytest.approx(rest_pitch, abs=8)
        way = joints[-1, 0] - joints[0, 0]
        out = np.degrees(np.arctan2(s * (way[0] * bone[:, 1] - way[1] * bone[:, 0]), bone[:, :2] @ way[:2]))
        # The rest pose's foot bone points 12 degrees outwards.
        assert np.median(out) == pytest.approx(12, abs=16)
