"""The body that an animated file shows: a mesh in T-pose bound to the project's 22 joints.

The built-in body keeps the joints it was modelled on: hips, knees, ankles and feet lie 4.6 cm further out than the
motion's, all limbs have the motion's lengths. A body of the SMPL family gets the shape that fits the motion's skeleton
best and is then drawn onto it: each vertex moves as its joints do, so that they lie exactly where the motion has them.
Fingers, jaw and eyes of larger bodies follow the wrist and the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.bodies.body_model import BodyModel
from motion_preprocessing.bodies.default_body import default_body
from motion_preprocessing.skeleton import JOINT_COUNT, PARENTS, REST_OFFSETS_M, rest_joints
from motion_runtime.figure import person_color

Array = NDArray[np.float64]

INFLUENCES: Final = 4
"""Joints a vertex may follow, as all readers of glTF support."""
_CLOTHES: Final = ((62, 66, 78), (92, 124, 150))
"""Trousers and shirt in the built-in body's palette: these take the colour of the person's class."""
_TROUSERS_SHADE: Final = 0.55
_BETA_RIDGE: Final = 1e-5
"""Square metres that one standard deviation of shape counts in the fit: a few millimetres buy no odd shape."""


@dataclass(frozen=True, eq=False)
class Skin:
    """A mesh in T-pose, body axes (x left, y up, z forward), pelvis at the origin."""

    vertices_m: NDArray[np.float32]
    """(V, 3)."""
    normals: NDArray[np.float32]
    """(V, 3) unit vectors that point outwards."""
    faces: NDArray[np.uint32]
    """(F, 3) counter-clockwise seen from outside."""
    joints: NDArray[np.uint8]
    """(V, 4) joints that move each vertex; 0 where there are fewer."""
    weights: NDArray[np.uint16]
    """(V, 4) part of each, in 65535ths; rows sum to 65535."""
    rest_joints_m: Array
    """(22, 3)."""
    paint: NDArray[np.uint8] | None
    """(V, 3) sRGB colours of the mesh itself; None where it has none."""

    def colors(self, person_class: str, twin: int) -> Array:
        """Colours (V, 3), sRGB in 0 to 1, of a person: clothes in the class' colour, or the whole body."""
        tint = np.array(person_color(person_class, twin))
        if self.paint is None:
            return np.broadcast_to(tint, self.vertices_m.shape)
        colors = self.paint / 255.0
        trousers, shirt = (np.all(self.paint == shade, axis=1) for shade in _CLOTHES)
        colors[shirt], colors[trousers] = tint, _TROUSERS_SHADE * tint
        return colors


def built_in_skin() -> Skin:
    """Return the body that comes with the project."""
    body = default_body()
    model = body.model
    return _skin(model.template_m, model.weights, model.faces, model.rest_joints_m(), body.colors)


def skin_of(model: BodyModel) -> Skin:
    """Return a body of the SMPL family drawn onto the motion's skeleton."""
    betas = fitted_betas(model)
    weights = folded_weights(model)
    joints = model.rest_joints_m(betas)[:JOINT_COUNT]
    target = rest_joints()
    vertices = model.shaped(betas) + weights @ (target - joints)
    return _skin(vertices, weights, model.faces, target, None)


def fitted_betas(model: BodyModel) -> Array:
    """Shape coefficients (B,) whose bones come closest to the motion's skeleton, preferring the mean shape."""
    count = model.shape_count
    if count == 0:
        return np.zeros(0)

    def bones(joints: Array) -> Array:
        return np.asarray(joints[1:JOINT_COUNT] - joints[list(PARENTS[1:])]).reshape(-1)

    basis = np.stack([bones(model.regressor @ model.shape_directions[..., k]) for k in range(count)], axis=1)
    missing = REST_OFFSETS_M[1:].reshape(-1) - bones(model.regressor @ model.template_m)
    return np.asarray(np.linalg.solve(basis.T @ basis + _BETA_RIDGE * np.eye(count), basis.T @ missing))


def folded_weights(model: BodyModel) -> Array:
    """Weights (V, 22): those of joints beyond the 22 are added to the nearest of these up the tree."""
    weights = np.zeros((len(model.weights), JOINT_COUNT))
    for joint in range(model.joint_count):
        owner = joint
        while owner >= JOINT_COUNT:
            owner = model.parents[owner]
        weights[:, owner] += model.weights[:, joint]
    return weights


def vertex_normals(vertices: Array, faces: NDArray[Any]) -> Array:
    """Unit normals (V, 3): the mean of the faces round each vertex, weighted by their area."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], across)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    # A vertex of no face, or of faces without area, still needs a unit vector.
    return np.where(length > 1e-20, normals / np.where(length > 1e-20, length, 1.0), (0.0, 1.0, 0.0))


def _skin(vertices: Array, weights: Array, faces: NDArray[Any], joints: Array, paint: NDArray[np.uint8] | None) -> Skin:
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    if np.einsum("ij,ij->", a, np.cross(b, c)) < 0:
        faces = faces[:, ::-1]  # an inside-out mesh has a negative volume
    chosen, shares = strongest(weights)
    return Skin(
        vertices_m=vertices.astype(np.float32),
        normals=_unit32(vertex_normals(vertices, faces)),
        faces=np.ascontiguousarray(faces, dtype=np.uint32),
        joints=chosen,
        weights=shares,
        rest_joints_m=joints,
        paint=paint,
    )


def strongest(weights: Array) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Keep the four greatest weights of each vertex (V, J): joints (V, 4) and 65535ths (V, 4) that sum to 65535."""
    chosen = np.argsort(-weights, axis=1, kind="stable")[:, :INFLUENCES]
    kept = np.take_along_axis(weights, chosen, axis=1)
    kept = kept / kept.sum(axis=1, keepdims=True)
    whole = np.floor(kept * 65535.0 + 0.5).astype(np.int64)
    whole[:, 0] += 65535 - whole.sum(axis=1)  # the greatest one takes what rounding left over
    return np.where(whole > 0, chosen, 0).astype(np.uint8), whole.astype(np.uint16)


def _unit32(normals: Array) -> NDArray[np.float32]:
    rounded = normals.astype(np.float32)
    rounded /= np.linalg.norm(rounded, axis=1, keepdims=True)
    return rounded
