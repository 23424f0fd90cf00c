"""Finds a subject's bone lengths and marker places from some of the subject's frames.

All frames' poses and the body are solved for together by Gauss-Newton. The body's unknowns touch every frame, the
poses' only their own, so each frame's are eliminated first (Schur complement) and the 126 of the body remain.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.markers.marker_fit import (
    STANDARD_BODY,
    UNKNOWNS,
    Body,
    fit_frames,
    linearise,
    moved_by,
    normal_equations,
    rest_pull,
    start_pose,
)
from motion_preprocessing.markers.plug_in_gait import CARRIER, GROUP, GROUPS, MARKERS, PLACES_M, SPREAD_M, chain
from motion_preprocessing.skeleton import PARENTS, REST_OFFSETS_M

Array = NDArray[np.float64]

SCALE: Final = 0.08
"""Standard deviation of a bone's length, relative to the body's size."""
INDEPENDENT: Final = 20
"""So many frames' worth of evidence are in any number of them: skin moves in the same way whenever a limb does."""
ITERATIONS: Final = 12
_BODY_UNKNOWNS: Final = len(GROUPS) + 3 * len(MARKERS)


def calibrate(markers_m: Array) -> Body:
    """Fit one body to frames (B, 39, 3) of one subject, metres, z up, NaN where a marker is missing."""
    body = _sized(markers_m)
    size = float(body.scales[0])
    pose = fit_frames(markers_m, body, start_pose(markers_m, body), iterations=15)
    pull = rest_pull()
    for _ in range(ITERATIONS):
        linear = linearise(markers_m, pose, body)
        centre = np.broadcast_to(np.eye(3), pose.local_rotations.shape)
        square, right = normal_equations(linear, pose, centre, pull)
        square[:, np.arange(UNKNOWNS), np.arange(UNKNOWNS)] += 1e-3
        by_body = _body_jacobian(linear.world)
        count = len(markers_m)
        weighted = (by_body * linear.weight[..., None, None]).reshape(count, -1, _BODY_UNKNOWNS)
        flat = by_body.reshape(count, -1, _BODY_UNKNOWNS)
        mixed = np.swapaxes(linear.jacobian.reshape(count, -1, UNKNOWNS), 1, 2) @ weighted  # (B, U, G)
        whole = (np.swapaxes(flat, 1, 2) @ weighted).sum(axis=0)
        pulled = np.einsum("bng,bn->g", weighted, linear.residual_m.reshape(count, -1))
        diagonal = np.concatenate([np.full(len(GROUPS), SCALE**-2), np.repeat(SPREAD_M**-2, 3)])
        diagonal = diagonal * max(1.0, count / INDEPENDENT)
        away = np.concatenate([body.scales - size, (body.places_m - size * PLACES_M).reshape(-1)])
        whole[np.arange(_BODY_UNKNOWNS), np.arange(_BODY_UNKNOWNS)] += diagonal
        pulled = pulled - diagonal * away
        solved = np.linalg.solve(square, np.concatenate([mixed, right[..., None]], axis=-1))
        reduced = whole - np.einsum("bug,buh->gh", mixed, solved[..., :-1])
        step = np.linalg.solve(reduced, pulled - np.einsum("bug,bu->g", mixed, solved[..., -1]))
        pose = moved_by(pose, solved[..., -1] - solved[..., :-1] @ step)
        body = Body(
            np.clip(body.scales + step[: len(GROUPS)], 0.6, 1.5),
            body.places_m + step[len(GROUPS) :].reshape(-1, 3),
        )
    return body


def _sized(markers_m: Array) -> Body:
    """Scale the standard body by the height of the hips' markers over the ankles' where the subject stands tallest."""
    height = np.nanmean(markers_m[:, [MARKERS.index(m) for m in ("LASI", "RASI", "LPSI", "RPSI")], 2], axis=1)
    ankles = np.nanmean(markers_m[:, [MARKERS.index(m) for m in ("LANK", "RANK")], 2], axis=1)
    tall = float(np.nanpercentile(height - ankles, 95))
    rest = 0.09 + 0.38 + 0.4 + 0.015  # from the pelvis' markers to the ankles in the T-pose
    size = tall / rest if np.isfinite(tall) else 1.0
    return Body(STANDARD_BODY.scales * size, PLACES_M * size)


def _body_jacobian(world: Array) -> Array:
    """Derivatives (B, 39, 3, 126) of the model's markers by the bones' scales and the markers' places."""
    count = len(world)
    jacobian = np.zeros((count, len(MARKERS), 3, _BODY_UNKNOWNS))
    for marker, carrier in enumerate(CARRIER):
        for joint in chain(int(carrier))[1:]:
            jacobian[:, marker, :, GROUP[joint]] += world[:, PARENTS[joint]] @ REST_OFFSETS_M[joint]
        first = len(GROUPS) + 3 * marker
        jacobian[:, marker, :, first : first + 3] = world[:, carrier]
    return jacobian
