"""Small collections in the public layouts, encoded here from motion that is known, by code of the tests' own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS, REST_OFFSETS_M, WORLD_FROM_BODY

J = JOINT_INDEX


def forward(local: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Joints (T, 22, 3) by forward kinematics written out with scipy: the tests' own reference."""
    joints = np.zeros((len(local), JOINT_COUNT, 3))
    world: list[Rotation] = []
    for joint, parent in enumerate(PARENTS):
        own = Rotation.from_matrix(local[:, joint])
        if parent < 0:
            world.append(own)
            joints[:, joint] = root
        else:
            world.append(world[parent] * own)
            joints[:, joint] = joints[:, parent] + world[parent].apply(REST_OFFSETS_M[joint].copy())
    return joints


def smooth(rng: np.random.Generator, frames: int, size: tuple[int, ...], top: float) -> np.ndarray:
    """Slow random curves (T, *size) within +-top."""
    time = np.linspace(0, 1, frames).reshape(-1, *([1] * len(size)))
    phase, pace = rng.uniform(0, 2 * np.pi, size), rng.uniform(0.5, 1.5, size)
    return top * np.sin(2 * np.pi * pace * time + phase) * rng.uniform(0.5, 1.0, size)


def _swing(rng: np.random.Generator, frames: int, bone: np.ndarray, top: float) -> Rotation:
    """Rotations about axes at right angles to a bone."""
    unit = bone / np.linalg.norm(bone)
    e = np.cross(unit, np.eye(3)[np.argmin(np.abs(unit))])
    e /= np.linalg.norm(e)
    components = smooth(rng, frames, (2,), top)
    return Rotation.from_rotvec(components[:, :1] * e + components[:, 1:] * np.cross(unit, e))


def _twist(axis: np.ndarray, angle: np.ndarray) -> Rotation:
    return Rotation.from_rotvec(angle[:, None] * axis / np.linalg.norm(axis))


def known_motion(seed: int = 0, frames: int = 40, bent_deg: float = 35.0) -> tuple[np.ndarray, np.ndarray]:
    """Motion that joints alone determine: hinges hinge, single-child joints swing, the trunk's twist is even.

    Returns local rotations (T, 22, 3, 3) and root positions (T, 3), z up.
    """
    rng = np.random.default_rng(seed)
    local = [Rotation.identity(frames)] * JOINT_COUNT
    yaw = np.linspace(0, 2.5, frames) + smooth(rng, frames, (), 0.3)
    tilt = Rotation.from_rotvec(smooth(rng, frames, (3,), 0.25))
    local[0] = Rotation.from_euler("z", yaw[:, None]) * Rotation.from_matrix(WORLD_FROM_BODY) * tilt
    twist = smooth(rng, frames, (), 0.2)
    for joint, child in (("spine1", "spine2"), ("spine2", "spine3"), ("spine3", "neck")):
        bone = REST_OFFSETS_M[J[child]]
        local[J[joint]] = _swing(rng, frames, bone, 0.3) * _twist(bone, twist)
    local[J["neck"]] = _swing(rng, frames, REST_OFFSETS_M[J["head"]], 0.5)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        local[J[f"{side}_collar"]] = _swing(rng, frames, REST_OFFSETS_M[J[f"{side}_shoulder"]], 0.2)
        local[J[f"{side}_ankle"]] = _swing(rng, frames, REST_OFFSETS_M[J[f"{side}_foot"]], 0.4)
        hang = Rotation.from_rotvec([0, 0, -1.1 * sign])
        local[J[f"{side}_shoulder"]] = Rotation.from_rotvec(smooth(rng, frames, (3,), 0.6)) * hang
        local[J[f"{side}_hip"]] = Rotation.from_rotvec(smooth(rng, frames, (3,), 0.6))
        for joint, axis in (("knee", (1.0, 0, 0)), ("elbow", (0, -sign, 0))):
            angle = np.radians(bent_deg + 15) + np.abs(smooth(rng, frames, (), 0.8))
            local[J[f"{side}_{joint}"]] = _twist(np.array(axis), angle)
    root = np.stack([np.linspace(0, 2, frames), smooth(rng, frames, (), 0.3), np.full(frames, 0.9)], axis=-1)
    return np.stack([rotation.as_matrix() for rotation in local], axis=1), root


def smooth_rotations(seed: int, frames: int) -> np.ndarray:
    """Any slow rotations of joints 1..21 (T, 21, 3, 3)."""
    vectors = smooth(np.random.default_rng(seed), frames, (21, 3), 0.5)
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(frames, 21, 3, 3)


def y_up(joints: np.ndarray) -> np.ndarray:
    """Name the axes as HumanML3D does: x to the left of who faces +z, y up."""
    return joints[..., [1, 2, 0]]


CHAINS = ((0, 2, 5, 8, 11), (0, 1, 4, 7, 10), (0, 3, 6, 9, 12, 15), (9, 14, 17, 19, 21), (9, 13, 16, 18, 20))
RAW = {1: "+x", 2: "-x", 3: "+y", 4: "-y", 5: "-y", 6: "+y", 7: "-y", 8: "-y", 9: "+y", 10: "+z", 11: "+z", 12: "+y",
       13: "+x", 14: "-x", 15: "+z"}  # fmt: skip


def _raw(joint: int) -> np.ndarray:
    sign, axis = RAW.get(joint, "-y")
    return np.eye(3)["xyz".index(axis)] * (1.0 if sign == "+" else -1.0)


def _shortest(u: np.ndarray, v: np.ndarray) -> Rotation:
    """The smallest rotations from one direction (3,) to others (T, 3), by axis and angle."""
    v = v / np.linalg.norm(v, axis=-1, keepdims=True)
    axis = np.cross(u, v)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine[:, 0], v @ u)
    return Rotation.from_rotvec(axis / np.maximum(sine, 1e-12) * angle[:, None])


def encode_263(joints_y_up: np.ndarray) -> np.ndarray:
    """HumanML3D's features (T-1, 263) of joints (T, 22, 3), y up, whose first frame faces +z over the origin."""
    across = joints_y_up[:, 1] - joints_y_up[:, 2] + joints_y_up[:, 16] - joints_y_up[:, 17]
    heading = np.arctan2(-across[:, 2], across[:, 0])  # of the body about y, from +z towards +x
    heading = np.unwrap(heading - heading[0])
    into = Rotation.from_euler("y", -heading[:, None])  # from the world to the facing frame
    root = joints_y_up[:, 0]
    step = into[1:].apply(root[1:] - root[:-1])
    flat = joints_y_up - root[:, None] * [1, 0, 1]
    local = np.stack([into.apply(flat[:, j]) for j in range(22)], axis=1)
    rotations = np.zeros((len(root), 22, 3, 3))
    for chain in CHAINS:
        frame = into
        for a, b in zip(chain[:-1], chain[1:], strict=True):
            bone = _shortest(_raw(b), joints_y_up[:, b] - joints_y_up[:, a])
            rotations[:, b] = (frame.inv() * bone).as_matrix()
            frame = bone
    six = np.concatenate([rotations[..., 0], rotations[..., 1]], axis=-1)
    speed = joints_y_up[1:] - joints_y_up[:-1]
    speed = np.stack([into[:-1].apply(speed[:, j]) for j in range(22)], axis=1)
    contacts = np.zeros((len(root) - 1, 4))
    return np.concatenate(
        [
            np.diff(-heading)[:, None] / 2,
            step[:, [0, 2]],
            root[:-1, 1:2],
            local[:-1, 1:].reshape(-1, 63),
            six[:-1, 1:].reshape(-1, 126),
            speed.reshape(-1, 66),
            contacts,
        ],
        axis=-1,
    )


class HumanML3DFolder:
    """A folder in the layout of HumanML3D."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lists: dict[str, list[str]] = {}

    def add(
        self,
        name: str,
        joints: np.ndarray | None = None,
        features: np.ndarray | None = None,
        text: str | None = "a person walks forward.#a/DET person/NOUN walk/VERB forward/ADV#0.0#0.0\n",
        split: str = "train",
    ) -> None:
        for folder, values in (("new_joints", joints), ("new_joint_vecs", features)):
            (self.path / folder).mkdir(parents=True, exist_ok=True)
            if values is not None:
                np.save(self.path / folder / f"{name}.npy", values.astype(np.float32))
        (self.path / "texts").mkdir(exist_ok=True)
        if text is not None:
            (self.path / "texts" / f"{name}.txt").write_text(text, encoding="utf-8")
        self.lists.setdefault(split, []).append(name)
        (self.path / f"{split}.txt").write_text("\n".join(self.lists[split]) + "\n")


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """The makers above."""
    return SimpleNamespace(
        forward=forward,
        known_motion=known_motion,
        smooth_rotations=smooth_rotations,
        y_up=y_up,
        encode_263=encode_263,
    )


@pytest.fixture
def humanml3d(tmp_path: Path) -> HumanML3DFolder:
    folder = tmp_path / "HumanML3D"
    folder.mkdir()
    return HumanML3DFolder(folder)
