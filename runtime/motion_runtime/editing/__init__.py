"""Editing: parts of a motion that are known before it is made, and motion longer than the model's.

    from motion_runtime.editing import Edits, Keyframes, RootPath, Pose, Hold, read_keyframes

What is known is imposed on the network's clean motion at every step (`impose`) and met exactly by the written body
(`meet`). Long motion is made in windows that overlap (`windows`).
"""

from __future__ import annotations

from motion_runtime.editing.body_parts import BODY_PARTS, Hold, Pose
from motion_runtime.editing.edits import Edits
from motion_runtime.editing.keyframes import Keyframes, read_keyframes
from motion_runtime.editing.root_path import RootPath, Waypoint

__all__ = ["BODY_PARTS", "Edits", "Hold", "Keyframes", "Pose", "RootPath", "Waypoint", "read_keyframes"]
