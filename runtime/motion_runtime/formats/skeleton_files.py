"""Skeleton files that recognisers read: keypoint arrays, NTU RGB+D's text, and the pickle of PYSKL and MMAction2."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.describe import ACTIONS
from motion_runtime.formats.action_segments import clip_action
from motion_runtime.formats.arrays import write_arrays
from motion_runtime.formats.camera import camera_for
from motion_runtime.formats.keypoints import (
    COCO_BONES,
    COCO_NAMES,
    NTU_BONES,
    NTU_NAMES,
    coco_keypoints,
    ntu_joints,
)
from motion_runtime.motion import Motion

if TYPE_CHECKING:
    from motion_runtime.views.sight import View

Array = NDArray[np.float64]

PICKLE_PROTOCOL: Final = 4
"""Read by every Python since 3.4."""
VISIBLE: Final = 2
"""COCO: 0 absent, 1 occluded, 2 visible. Nothing hides anything here: there is no camera."""
_TRACKED: Final = 2
_NTU_FIRST_BODY: Final = 72057594037927936
"""Kinect numbers bodies with large numbers; any that are unequal do."""


def write_coco(path: Path, motion: Motion) -> None:
    """Write COCO's keypoints in the room as arrays.

    Raises:
        OutputError: The file could not be written.
    """
    points = coco_keypoints(motion)
    visibility = np.full(points.shape[:-1], VISIBLE, dtype=np.uint8)
    _write_keypoints(path, motion, points, COCO_NAMES, COCO_BONES, {"visibility": visibility})


def write_ntu(path: Path, motion: Motion) -> None:
    """Write NTU RGB+D's joints in the room as arrays.

    Raises:
        OutputError: The file could not be written.
    """
    _write_keypoints(path, motion, ntu_joints(motion), NTU_NAMES, NTU_BONES, {})


def _write_keypoints(
    path: Path,
    motion: Motion,
    points: Array,
    names: tuple[str, ...],
    bones: tuple[tuple[int, int], ...],
    more: dict[str, NDArray[Any]],
) -> None:
    arrays = {
        "keypoints_m": points.astype(np.float32),
        **more,
        "keypoint_names": np.array(names),
        "skeleton": np.array(bones, dtype=np.int32),
        "fps": np.array(motion.fps),
        "person_classes": np.array(motion.person_classes),
        "prompts": np.array(motion.prompts),
        "up_axis": np.array("z"),
    }
    write_arrays(path, arrays)


def write_ntu_text(path: Path, motion: Motion, view: View | None = None) -> None:
    """Write NTU RGB+D's .skeleton text, as a camera sees the motion; None = in the axes of `camera_for`'s camera.

    Raises:
        OutputError: The file could not be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(ntu_text(motion, view), encoding="ascii", newline="\n")


def ntu_text(motion: Motion, view: View | None = None) -> str:
    """The text: number of frames; a frame: number of bodies; a body: ten fields, 25, then 25 lines of twelve fields.

    Fields of a body: number, clipped edges, confidence and state of both hands, restricted, lean x and y, tracked.
    Fields of a joint: x, y, z in metres, depth x and y, colour x and y in pixels, orientation w, x, y, z, tracked.
    The depth picture's pixels and the orientations are left at zero: recognisers read x, y and z. A joint's last field
    is its visibility in the view: NTU counts what is not tracked, inferred and tracked as COCO what is outside, hidden
    and visible.
    """
    joints = ntu_joints(motion)
    if view is None:
        still = camera_for(motion)
        metres, pixels = still.from_room(joints), still.project(joints)
        tracked = np.full(joints.shape[:-1], _TRACKED)
    else:
        metres = view.camera.from_room(joints) * (-1.0, -1.0, 1.0)  # Kinect's x is to the left, its y up
        pixels, tracked = np.nan_to_num(view.ntu.pixels), view.ntu.visibility
    lines = [str(motion.frames)]
    for frame in range(motion.frames):
        lines.append(str(motion.persons))
        for person in range(motion.persons):
            lines += [f"{_NTU_FIRST_BODY + person} 0 1 1 1 1 0 0.0 0.0 {_TRACKED}", str(len(NTU_NAMES))]
            at = (person, frame)
            for (x, y, z), (u, v), state in zip(metres[at], pixels[at], tracked[at], strict=True):
                lines.append(f"{x:.7f} {y:.7f} {z:.7f} 0 0 {u:.4f} {v:.4f} 0 0 0 0 {state}")
    return "\n".join(lines) + "\n"


def write_pyskl(path: Path, motion: Motion, name: str) -> None:
    """Write the pickle that PYSKL and MMAction2 read, layout nturgb+d; plain types and numpy arrays only.

    Args:
        path: File to write.
        motion: The motion.
        name: Its `frame_dir`, which the split lists.

    Raises:
        OutputError: The file could not be written.
    """
    write_pickle(path, pyskl_content(motion, name))


def write_pickle(path: Path, content: object) -> None:
    """Write plain types and arrays as a pickle that any numpy reads.

    Raises:
        OutputError: The file could not be written.
    """
    buffer = io.BytesIO()
    _PlainPickler(buffer, protocol=PICKLE_PROTOCOL).dump(content)
    with atomic_file(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


class _PlainPickler(pickle.Pickler):
    """Writes arrays as calls of `numpy.ndarray`: how numpy itself does it changed with its version 2."""

    def reducer_override(self, obj: object) -> Any:
        if not isinstance(obj, np.ndarray):
            return NotImplemented
        # A bytearray, not bytes, so that the array that is read can be written to.
        return np.ndarray, (obj.shape, obj.dtype.str, bytearray(np.ascontiguousarray(obj).tobytes()))


def pyskl_content(motion: Motion, name: str) -> dict[str, Any]:
    """What the pickle holds: one annotation, in the split 'train'."""
    annotation = pyskl_annotation(motion, name, camera_for(motion).from_room(ntu_joints(motion)))
    return {"split": {"train": [name]}, "annotations": [annotation]}


def pyskl_annotation(motion: Motion, name: str, keypoints: Array) -> dict[str, Any]:
    """An annotation of the pickle, of keypoints (P, T, J, 3 or 2)."""
    label = clip_action(motion)
    return {
        "frame_dir": name,
        "total_frames": motion.frames,
        "label": int(label),
        "keypoint": keypoints.astype(np.float32),
        # Beyond what is asked for; loaders leave these alone.
        "label_name": ACTIONS[label],
        "fps": float(motion.fps),
        "prompts": list(motion.prompts),
        "person_classes": list(motion.person_classes),
        "seed": int(motion.seed),
        "sample": int(motion.sample),
    }
