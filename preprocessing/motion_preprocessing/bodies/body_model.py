"""A skinned body in SMPL's form, evaluated in numpy (Loper et al. 2015; equations 3.1 to 3.3 of the source thesis).

    T(beta, theta) = T + B_S(beta) + B_P(theta)         shape and pose correctives on the template
    J(beta)        = regressor (T + B_S(beta))          joints at rest
    M(beta, theta) = W(T(beta, theta), J(beta), theta)  skinning

B_S is linear in beta; B_P is linear in the entries of R_k(theta) - 1 of all joints but the root. The body turns about
its root joint, which lies at J_0(beta) + translation whatever the pose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.bodies.skinning import dual_quaternion_blend, linear_blend
from motion_preprocessing.errors import InputError
from motion_preprocessing.skeleton import JOINT_COUNT, PARENTS

Array = NDArray[np.float64]
FloatArray = NDArray[np.floating[Any]]

SKINNING: Final[dict[str, Callable[[Array, Array, Array, Array], Array]]] = {
    "linear": linear_blend,
    "dual_quaternion": dual_quaternion_blend,
}
KINDS: Final[dict[int, str]] = {22: "22-joint body", 24: "SMPL", 52: "SMPL-H", 55: "SMPL-X"}
"""Kind of body by its number of joints; the first 22 are always SMPL's."""


@dataclass(frozen=True, eq=False)
class PosedBody:
    """The body in one or more poses."""

    vertices_m: Array
    """(..., V, 3)."""
    joints_m: Array
    """(..., K, 3)."""


@dataclass(frozen=True, eq=False)
class BodyModel:
    """Template, correctives and skeleton of a body; metres, body axes (x left, y up, z forward)."""

    template_m: Array
    """(V, 3) T."""
    faces: NDArray[np.int32]
    """(F, 3) vertices of the triangles, counter-clockwise seen from outside."""
    weights: Array
    """(V, K) part of each joint in each vertex; rows sum to 1."""
    parents: tuple[int, ...]
    """(K,) parent of each joint, -1 for the root; parents come first."""
    regressor: Array
    """(K, V) which average of vertices each joint is."""
    shape_directions: Array
    """(V, 3, B) B_S; B may be 0."""
    pose_directions: Array
    """(V, 3, 9 (K - 1)) B_P; the last axis may be 0."""
    name: str = "body"
    """For messages."""

    def __post_init__(self) -> None:
        vertices, joints = len(self.template_m), len(self.parents)
        pose = self.pose_directions.shape[-1]
        expected = {
            "template_m": (vertices, 3),
            "faces": (len(self.faces), 3),
            "weights": (vertices, joints),
            "regressor": (joints, vertices),
            "shape_directions": (vertices, 3, self.shape_count),
            "pose_directions": (vertices, 3, pose if pose == 0 else 9 * (joints - 1)),
        }
        for name, shape in expected.items():
            got = getattr(self, name).shape
            if got != shape:
                raise InputError(f"expected shape {shape}, got {got} for {name} of {self.name}; get an unaltered file")
        if self.parents[:JOINT_COUNT] != PARENTS:
            raise InputError(
                f"expected SMPL's first {JOINT_COUNT} joints, got another tree for {self.name}; use an SMPL body"
            )
        if any(not 0 <= parent < joint for joint, parent in enumerate(self.parents) if joint):
            raise InputError(f"expected parents before children, got others for {self.name}; use an SMPL body")

    @property
    def joint_count(self) -> int:
        """K."""
        return len(self.parents)

    @property
    def shape_count(self) -> int:
        """B."""
        return int(self.shape_directions.shape[-1])

    @property
    def kind(self) -> str:
        """SMPL, SMPL-H, SMPL-X or 22-joint body."""
        return KINDS.get(self.joint_count, f"{self.joint_count}-joint body")

    def shaped(self, betas: FloatArray | None = None) -> Array:
        """T + B_S(beta): (..., V, 3) for betas (..., <= B); missing coefficients are zero."""
        if betas is None or np.shape(betas)[-1] == 0:
            return self.template_m
        coefficients = np.asarray(betas, dtype=np.float64)
        used = coefficients.shape[-1]
        if used > self.shape_count:
            if np.any(coefficients[..., self.shape_count :]):
                raise InputError(
                    f"expected {self.shape_count} shape coefficients or fewer, got {used} for {self.name}; cut them off"
                )
            coefficients, used = coefficients[..., : self.shape_count], self.shape_count
        flat = self.shape_directions[..., :used].reshape(-1, used)
        return np.asarray(self.template_m + (coefficients @ flat.T).reshape(*coefficients.shape[:-1], -1, 3))

    def rest_joints_m(self, betas: FloatArray | None = None) -> Array:
        """J(beta): (..., K, 3)."""
        return np.asarray(self.regressor @ self.shaped(betas))

    def rest_offsets_m(self, betas: FloatArray | None = None) -> Array:
        """Offsets (..., 22, 3) for forward kinematics: entry 0 is where the pelvis lies for a zero translation."""
        joints = self.rest_joints_m(betas)[..., :JOINT_COUNT, :]
        offsets = joints.copy()
        offsets[..., 1:, :] -= joints[..., list(PARENTS[1:]), :]
        return offsets

    def pose(
        self,
        rotations: FloatArray,
        betas: FloatArray | None = None,
        translation_m: FloatArray | None = None,
        skinning: str = "linear",
    ) -> PosedBody:
        """Pose the body.

        Args:
            rotations: (..., J, 3, 3) local rotations of the first J <= K joints, entry 0 in the world; joints beyond
                them (hands, face) stay at rest.
            betas: (B',) for all or (..., B').
            translation_m: (..., 3); zero where it is left out.
            skinning: 'linear' or 'dual_quaternion'.
        """
        if skinning not in SKINNING:
            raise InputError(f"expected {' or '.join(SKINNING)}, got '{skinning}' for skinning; choose one of these")
        local = np.asarray(rotations, dtype=np.float64)
        if local.ndim < 3 or local.shape[-2:] != (3, 3) or not 1 <= local.shape[-3] <= self.joint_count:
            raise InputError(
                f"expected an array (..., <= {self.joint_count}, 3, 3), got shape {local.shape} for the rotations of "
                f"{self.name}; pass matrices of the first joints"
            )
        batch = local.shape[:-3]
        frames = int(np.prod(batch))
        every = np.broadcast_to(np.eye(3), (frames, self.joint_count, 3, 3)).copy()
        every[:, : local.shape[-3]] = local.reshape(frames, -1, 3, 3)
        shift = np.zeros((frames, 3))
        if translation_m is not None:
            shift[:] = np.broadcast_to(np.asarray(translation_m, dtype=np.float64), (*batch, 3)).reshape(frames, 3)
        shaped = self.shaped(betas)
        rest = np.asarray(self.regressor @ shaped)
        joints, world = _chain(every, rest, self.parents)
        shaped = np.broadcast_to(shaped, (*batch, *self.template_m.shape)).reshape(frames, -1, 3)
        rest = np.broadcast_to(rest, (*batch, self.joint_count, 3)).reshape(frames, -1, 3)
        joints = joints + shift[:, None]
        # Frame by frame: the correctives of one frame fill the cache, those of a thousand the memory.
        vertices = np.empty((frames, *self.template_m.shape))
        for frame in range(frames):
            bent = shaped[frame]
            if self.pose_directions.shape[-1]:
                feature = (every[frame, 1:] - np.eye(3)).reshape(-1)
                bent = bent + self.pose_directions @ feature
            moves = joints[frame] - np.einsum("kij,kj->ki", world[frame], rest[frame])
            vertices[frame] = SKINNING[skinning](bent, self.weights, world[frame], moves)
        return PosedBody(vertices.reshape(*batch, -1, 3), joints.reshape(*batch, -1, 3))


def _chain(local: Array, rest: Array, parents: tuple[int, ...]) -> tuple[Array, Array]:
    """Joints (N, K, 3) and their world rotations (N, K, 3, 3) for a zero translation."""
    rest = np.broadcast_to(rest.reshape(-1, len(parents), 3), (len(local), len(parents), 3))
    joints, world = np.empty_like(rest), np.empty_like(local)
    for joint, parent in enumerate(parents):
        if parent < 0:
            joints[:, joint], world[:, joint] = rest[:, joint], local[:, joint]
            continue
        bone = rest[:, joint] - rest[:, parent]
        joints[:, joint] = joints[:, parent] + np.einsum("nij,nj->ni", world[:, parent], bone)
        world[:, joint] = world[:, parent] @ local[:, joint]
    return joints, world
