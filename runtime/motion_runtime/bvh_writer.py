"""One person's motion as BVH, the text format animation tools read.

BVH tools expect Y up and centimetres. The room's axes are renamed, x_bvh = x, y_bvh = z, z_bvh = -y: the turn that
glTF, USD and the importers of programs with Z up agree on, so that people stand in the room as its own file has it.
A rest body in body axes (x to its left, y up, z forward) faces -y of the room. Joints below the root keep their
rotations, because offsets and rotations are in body axes, which are Y up already.

The rest pose is the T-pose of `REST_OFFSETS_M`, zero channels give it at the origin. Channels are Zrotation Xrotation
Yrotation in degrees, read as R = Rz Rx Ry on column vectors. Angles are unwrapped over time, so that a tool that
interpolates them does not spin a joint; a turn of 360 degrees therefore ends at 360.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.errors import InputError
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_NAMES, PARENTS, REST_OFFSETS_M

Array = NDArray[np.float64]

BVH_FROM_WORLD: Final[Array] = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""(3, 3) axes of the file from axes of the room: rows x, z, -y."""

CENTIMETRES: Final = 100.0

_END_SITES_M: Final[dict[str, tuple[float, float, float]]] = {
    "head": (0.0, 0.18, 0.0), "left_foot": (0.0, 0.0, 0.06), "right_foot": (0.0, 0.0, 0.06),
    "left_wrist": (0.16, 0.0, 0.0), "right_wrist": (-0.16, 0.0, 0.0),
}  # fmt: skip
"""Where head, toes and hands end, body axes; only for tools that draw a last bone."""

_GIMBAL: Final = 1e-5
"""cos(x angle) below which the z and y angles are not told apart by float32 rotations."""


def euler_zxy_rad(rotations: NDArray[np.floating[Any]]) -> Array:
    """Angles (z, x, y) in radians, (T, ..., 3), of rotations (T, ..., 3, 3) = Rz Rx Ry, continuous over the first axis.

    Each rotation has two sets of angles, (z, x, y) and (z + pi, pi - x, y + pi), each up to full turns: the one nearest
    to the previous frame's is taken. In gimbal lock (x = +-90 degrees), where only the sum or difference of z and y
    counts, z stays as it was and y makes up for it.
    """
    r = np.asarray(rotations, dtype=np.float64)
    angles = np.empty((*r.shape[:-2], 3))
    previous = np.zeros((*r.shape[1:-2], 3))
    for frame in range(len(r)):
        m = r[frame]
        locked = np.hypot(m[..., 0, 1], m[..., 1, 1]) < _GIMBAL
        z = np.where(locked, previous[..., 0], np.arctan2(-m[..., 0, 1], m[..., 1, 1]))
        first = _with_z(m, z)
        second = _with_z(m, np.where(locked, z, z + np.pi))
        first, second = (a - 2 * np.pi * np.round((a - previous) / (2 * np.pi)) for a in (first, second))
        nearer = np.sum((first - previous) ** 2, axis=-1) <= np.sum((second - previous) ** 2, axis=-1)
        previous = np.where(nearer[..., None], first, second)
        angles[frame] = previous
    return angles


def _with_z(m: Array, z: Array) -> Array:
    """Angles (..., 3) of `m` once z is chosen.

    Read from what is left after taking z off, Rz(-z) m = Rx Ry: an error in z near gimbal lock is then made up for
    instead of added to.
    """
    c, s = np.cos(z), np.sin(z)
    row0 = c[..., None] * m[..., 0, :] + s[..., None] * m[..., 1, :]
    row1 = c[..., None] * m[..., 1, :] - s[..., None] * m[..., 0, :]
    return np.stack([z, np.arctan2(m[..., 2, 1], row1[..., 1]), np.arctan2(row0[..., 2], row0[..., 0])], axis=-1)


def write_bvh(
    path: Path,
    local_rotations: NDArray[np.floating[Any]],
    root_position_m: NDArray[np.floating[Any]],
    fps: float,
    offsets_m: Array = REST_OFFSETS_M,
) -> None:
    """Write one person's motion as BVH (Y up, centimetres; see the module's text).

    Args:
        path: File to write; an existing one is replaced.
        local_rotations: (T, 22, 3, 3), Z up; entry 0 is the root's orientation in the room.
        root_position_m: (T, 3) pelvis in the room, metres, Z up.
        fps: Frames a second.
        offsets_m: (22, 3) rest offsets, metres, body axes.

    Raises:
        InputError: The arrays have other shapes or are not finite.
        OutputError: The file could not be written.
    """
    rotations = np.array(local_rotations, dtype=np.float64)
    root = np.asarray(root_position_m, dtype=np.float64)
    frames = len(root)
    if rotations.shape != (frames, JOINT_COUNT, 3, 3) or root.shape != (frames, 3) or frames < 1:
        raise InputError(
            f"expected rotations (T, {JOINT_COUNT}, 3, 3) and root positions (T, 3), "
            f"got {rotations.shape} and {root.shape} for BVH; give those of one person"
        )
    if not (np.isfinite(rotations).all() and np.isfinite(root).all() and np.isfinite(fps) and fps > 0):
        raise InputError(
            "expected finite rotations, positions and a positive frame rate, got others for BVH; make the motion anew"
        )
    rotations[:, 0] = BVH_FROM_WORLD @ rotations[:, 0]
    order = _depth_first()
    angles = np.degrees(euler_zxy_rad(rotations))[:, order].reshape(frames, -1)
    channels = np.concatenate([CENTIMETRES * root @ BVH_FROM_WORLD.T, angles], axis=1)
    lines = ["HIERARCHY", *_hierarchy(0, 0, np.asarray(offsets_m) * CENTIMETRES)]
    lines += ["MOTION", f"Frames: {frames}", f"Frame Time: {1 / fps:.8f}"]
    # Adding zero turns -0.0 into 0.0, which not every reader accepts.
    lines += [" ".join(f"{value:.6f}" for value in row) for row in np.round(channels, 6) + 0.0]
    with atomic_file(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")


def _children(joint: int) -> list[int]:
    return [child for child, parent in enumerate(PARENTS) if parent == joint]


def _depth_first() -> list[int]:
    """Joints in the order the file names them, which is the order of the channels."""
    order: list[int] = []
    stack = [0]
    while stack:
        joint = stack.pop()
        order.append(joint)
        stack += reversed(_children(joint))
    return order


def _hierarchy(joint: int, level: int, offsets_cm: Array) -> list[str]:
    indent, name = "\t" * level, JOINT_NAMES[joint]
    channels = "Zrotation Xrotation Yrotation"
    channels = f"6 Xposition Yposition Zposition {channels}" if joint == 0 else f"3 {channels}"
    lines = [
        f"{indent}{'ROOT' if joint == 0 else 'JOINT'} {name}",
        f"{indent}{{",
        f"{indent}\tOFFSET {_numbers(offsets_cm[joint])}",
        f"{indent}\tCHANNELS {channels}",
    ]
    for child in _children(joint):
        lines += _hierarchy(child, level + 1, offsets_cm)
    if name in _END_SITES_M:
        end = np.array(_END_SITES_M[name]) * CENTIMETRES
        lines += [f"{indent}\tEnd Site", f"{indent}\t{{", f"{indent}\t\tOFFSET {_numbers(end)}", f"{indent}\t}}"]
    return [*lines, f"{indent}}}"]


def _numbers(values: Array) -> str:
    return " ".join(f"{value:.6f}" for value in values)
