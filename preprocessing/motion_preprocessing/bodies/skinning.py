"""Moves a rest mesh with its joints: linear blend and dual-quaternion skinning.

Linear blending (Magnenat-Thalmann et al. 1988) averages the joints' motions as matrices and loses volume where they
differ by a twist. Dual quaternions (Kavan et al. 2008) average them as rigid motions and keep it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.rotations import quaternion_from_matrix

Array = NDArray[np.float64]


def linear_blend(vertices: Array, weights: Array, rotations: Array, translations: Array) -> Array:
    """Return v'_i = sum_k w_ik (R_k v_i + t_k).

    Args:
        vertices: (V, 3) at rest.
        weights: (V, K), rows sum to 1.
        rotations: (K, 3, 3) of each joint from rest.
        translations: (K, 3) of each joint's motion from rest: of the origin, not of the joint.
    """
    count = len(rotations)
    affine = weights @ np.concatenate([rotations.reshape(count, 9), translations], axis=1)
    moved: Array = np.einsum("vij,vj->vi", affine[:, :9].reshape(-1, 3, 3), vertices)
    moved += affine[:, 9:]
    return moved


def dual_quaternion_blend(vertices: Array, weights: Array, rotations: Array, translations: Array) -> Array:
    """Blend the joints' motions as unit dual quaternions; arguments as for `linear_blend`."""
    real = np.asarray(quaternion_from_matrix(rotations))
    # The dual part is t q / 2 with t the pure quaternion of the translation.
    w, v = real[:, :1], real[:, 1:]
    dual = 0.5 * np.concatenate(
        [-np.sum(translations * v, axis=1, keepdims=True), w * translations + np.cross(translations, v)], axis=1
    )
    # q and -q are one rotation: each vertex counts its joints on the side of the one that moves it most.
    pivot = np.argmax(weights, axis=1)
    signed = weights * np.where((real @ real.T)[pivot] < 0, -1.0, 1.0)
    real, dual = signed @ real, signed @ dual
    length = np.linalg.norm(real, axis=1, keepdims=True)
    real, dual = real / length, dual / length
    w, v, dual_w, dual_v = real[:, :1], real[:, 1:], dual[:, :1], dual[:, 1:]
    turned = vertices + 2 * np.cross(v, np.cross(v, vertices) + w * vertices)
    return np.asarray(turned + 2 * (w * dual_v - dual_w * v + np.cross(v, dual_v)))
