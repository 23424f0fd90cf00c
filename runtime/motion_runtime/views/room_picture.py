"""The room as a camera sees it: beside a real picture of that camera it shows whether the camera file is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from motion_preprocessing.atomic_output import atomic_file
from motion_runtime.room_view import room_colors
from motion_runtime.views.sight import draw_room
from motion_runtime.views.view_camera import ViewCamera

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

_LONGER_PX: Final = 960
"""Longer side of the picture, unless the camera's own is shorter: more shows nothing but the gaps between points."""


def draw_room_picture(path: Path, camera: ViewCamera, scene: Scene) -> None:
    """Write a PNG of a room in a camera, with its lens' distortion.

    Raises:
        OutputError: The file could not be written.
    """
    scale = min(1.0, _LONGER_PX / max(camera.width, camera.height))
    size = max(1, round(camera.width * scale)), max(1, round(camera.height * scale))
    canvas = draw_room(camera, size, scene, room_colors(scene))
    canvas.shade_depth_edges()
    with atomic_file(path) as temporary:
        Image.fromarray(np.asarray(canvas.pixels())).save(temporary, format="PNG", optimize=True)
