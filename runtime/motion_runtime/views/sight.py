"""What cameras see of a motion: keypoints in their pictures, what hides them, boxes around people.

Everything is drawn into one buffer of distances a camera and frame, in the camera's own (distorted) pixels: the room
once, the bodies in every frame. A keypoint is hidden where the buffer has something nearer than the keypoint lies, by
more than `FLESH_M` (how deep it is below its own skin, so that this never hides it) and `MARGIN_M` together. The margin
is what scans and bodies are off by: points of a scan scatter by a centimetre or two, bodies sink into mattresses as
far, and fingers that touch a shoulder do not hide it.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.components import NEIGHBOURS, cell_keys
from motion_runtime.body_view import BodyView
from motion_runtime.canvas import Camera, Canvas
from motion_runtime.formats.keypoints import COCO_NAMES, NTU_NAMES, coco_keypoints, ntu_joints
from motion_runtime.motion import Motion
from motion_runtime.rasteriser import rasterise
from motion_runtime.views.view_camera import AnyArray, Array, ViewCamera

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene
    from motion_runtime.formats.skin import Skin

Array32 = NDArray[np.float32]

OUTSIDE: Final = 0
HIDDEN: Final = 1
VISIBLE: Final = 2
"""COCO's numbers: not in the picture; in it but behind something; seen."""

MARGIN_M: Final = 0.04
"""See above."""
FLESH_M: Final[dict[str, float]] = {
    "shoulder": 0.08, "elbow": 0.06, "wrist": 0.04, "hip": 0.14, "knee": 0.10, "ankle": 0.08, "foot": 0.04,
    "hand": 0.05, "head": 0.10, "neck": 0.06, "spine_shoulder": 0.06, "spine_mid": 0.10, "spine_base": 0.14,
}  # fmt: skip
"""How deep keypoints lie below the built-in body's skin on their own side, measured from all around in motions: where
the depths of that side end, and those of limbs behind the trunk begin. Those not named are on the skin."""
MOUNT_M: Final = 0.3
"""What of a scan is nearer to a camera is what the camera is fixed to."""
BODIES_PX: Final = 960
"""Longer side of the buffer for bodies: a wrist 6 m away is still four pixels wide."""
_COARSER: Final = 2
"""The room is drawn so many times coarser: its points are some centimetres apart, and would leave holes."""
_CELL_M: Final = 0.1
_SPACING_M: Final = (0.008, 0.12)
_GROWTH: Final = 1.6
"""Points are drawn so much larger than they are apart. Of a wall 3 m away whose points lie by chance 4 cm apart, 0.4 %
are holes then, and its edge reaches 3 cm too far; both are less where points are denser."""
_STRAY: Final = 4
"""Fewer points that have no others around them are noise of the scanner, not things."""
_LARGEST_PX: Final = 41
"""Points that are as near as the camera's mount grow no further."""


class Seen(NamedTuple):
    """Keypoints of one layout in one camera."""

    pixels: Array
    """(P, T, J, 2) right and down from the picture's top left corner, also outside of it; NaN behind the camera."""
    depth_m: Array
    """(P, T, J) along the optical axis."""
    visibility: NDArray[np.uint8]
    """(P, T, J) `OUTSIDE`, `HIDDEN` or `VISIBLE`."""


@dataclass(frozen=True, eq=False)
class View:
    """What one camera sees of a motion."""

    camera: ViewCamera
    coco: Seen
    """COCO's 17 keypoints."""
    ntu: Seen
    """The 25 joints of NTU RGB+D."""
    whole: Array
    """(P, T, 4) left, top, right and bottom of the whole body, also of what is hidden or beyond the picture's edge; NaN
    of who is behind the camera."""
    visible: Array
    """(P, T, 4) the same of what is seen; NaN where nothing is."""
    area_px: Array
    """(P, T) pixels of the picture in which the person is seen."""
    share: Array
    """(P, T) part of the person's pixels within the picture that nothing hides; 0 where there are none."""


def look(
    motion: Motion, cameras: Sequence[ViewCamera], scene: Scene | None = None, skin: Skin | None = None
) -> tuple[View, ...]:
    """Work out what cameras see.

    Args:
        motion: The motion.
        cameras: The cameras.
        scene: The room, which hides what is behind its things; None = nothing but people is there.
        skin: What people look like; None = the built-in body.
    """
    names = (*COCO_NAMES, *NTU_NAMES)
    points = np.concatenate([coco_keypoints(motion), ntu_joints(motion)], axis=2)
    margins = MARGIN_M + np.array([_flesh(name) for name in names])
    bodies = BodyView(motion, skin)
    eyes = [_Eye(camera, points, margins, scene) for camera in cameras]
    for frame in range(motion.frames):
        vertices = [bodies.vertices(person, frame) for person in range(motion.persons)]
        for eye in eyes:
            eye.see(frame, vertices, bodies.faces)
    return tuple(eye.view() for eye in eyes)


def _flesh(name: str) -> float:
    """A keypoint's entry of `FLESH_M`, that of both sides being one."""
    return FLESH_M.get(name.removeprefix("left_").removeprefix("right_"), 0.0)


@dataclass(frozen=True)
class _Screen(Camera):
    """A camera as `Canvas` and `rasterise` know one, with pixels of its own for the whole picture."""

    view: ViewCamera

    @classmethod
    def of(cls, view: ViewCamera, size: tuple[int, int]) -> _Screen:
        """A screen of `size` (width, height)."""
        focal = max(view.fx * size[0] / view.width, view.fy * size[1] / view.height)
        return cls(view.position_m, view.pose[:3, :3] * [[1.0], [-1.0], [1.0]], focal, *size, view)

    def project(self, points_m: AnyArray) -> tuple[Array, Array, Array]:
        """Pixel x, pixel y and distance of points; a distance of -1 where they are in no picture.

        The distance, not the depth along the axis: that is the same in all directions, up to those of a fisheye
        across its axis, and margins are along the line of sight.
        """
        pixels, _ = self.view.project(points_m)
        nowhere = np.isnan(pixels[..., 0])
        # The centre of the first pixel is at 0.
        x, y = np.moveaxis(pixels * (self.width / self.view.width, self.height / self.view.height) - 0.5, -1, 0)
        away = distances(self.view, points_m)
        return np.where(nowhere, -1.0, x), np.where(nowhere, -1.0, y), np.where(nowhere, -1.0, away)


class _Eye:
    """A camera that looks at frame after frame."""

    def __init__(self, camera: ViewCamera, points_m: Array, margins_m: Array, scene: Scene | None) -> None:
        self.camera = camera
        self.pixels, self.depth = camera.project(points_m)
        self.inside = camera.holds(self.pixels)
        self.in_front = distances(camera, points_m) - margins_m
        coarse = coarse_size(camera)
        self.screen = _Screen.of(camera, (coarse[0] * _COARSER, coarse[1] * _COARSER))
        self.step = np.array([camera.width / self.screen.width, camera.height / self.screen.height])
        self.room = np.full(self.screen.width * self.screen.height, np.inf, dtype=np.float32)
        if scene is not None:
            room = room_distance(camera, coarse, scene)
            self.room = room.repeat(_COARSER, axis=0).repeat(_COARSER, axis=1).reshape(-1)
        cell = (np.where(self.inside[..., None], self.pixels, 0.0) / self.step).astype(np.int64)
        column, row = np.moveaxis(np.minimum(cell, [self.screen.width - 1, self.screen.height - 1]), -1, 0)
        self.at = row * self.screen.width + column
        self.hidden = np.zeros(self.inside.shape, dtype=np.bool_)
        people, frames = points_m.shape[:2]
        self.whole, self.visible = np.full((2, people, frames, 4), np.nan)
        self.area, self.share = np.zeros((2, people, frames))

    def see(self, frame: int, vertices_m: Sequence[Array32], faces: NDArray[np.int64]) -> None:
        """Look at people's meshes (V, 3) in a frame."""
        nearest = np.full_like(self.room, np.inf)
        seen = [rasterise(vertices, faces, self.screen) for vertices in vertices_m]
        for each in seen:
            nearest[each.pixels] = np.minimum(nearest[each.pixels], each.depth)
        for person, (vertices, each) in enumerate(zip(vertices_m, seen, strict=True)):
            self.whole[person, frame] = _box(self.camera.project(vertices)[0])
            front = each.depth <= np.minimum(nearest[each.pixels], self.room[each.pixels] + np.float32(MARGIN_M))
            if not front.any():
                continue
            row, column = np.divmod(each.pixels[front], self.screen.width)
            left, top, right, bottom = column.min(), row.min(), column.max() + 1, row.max() + 1
            self.visible[person, frame] = np.array([left, top, right, bottom]) * np.tile(self.step, 2)
            self.area[person, frame] = len(row) * self.step.prod()
            self.share[person, frame] = len(row) / len(each.pixels)
        at = self.at[:, frame]
        self.hidden[:, frame] = np.minimum(nearest[at], self.room[at]) < self.in_front[:, frame]

    def view(self) -> View:
        """Everything that was seen."""
        visibility = np.where(self.inside, np.where(self.hidden, HIDDEN, VISIBLE), OUTSIDE).astype(np.uint8)
        of_coco, of_ntu = (
            Seen(self.pixels[:, :, part], self.depth[:, :, part], visibility[:, :, part])
            for part in (slice(len(COCO_NAMES)), slice(len(COCO_NAMES), None))
        )
        return View(self.camera, of_coco, of_ntu, self.whole, self.visible, self.area, self.share)


def coarse_size(camera: ViewCamera) -> tuple[int, int]:
    """Width and height that the room is drawn in, pixels."""
    scale = BODIES_PX / _COARSER / max(camera.width, camera.height)
    return max(1, round(camera.width * scale)), max(1, round(camera.height * scale))


def distances(camera: ViewCamera, points_m: AnyArray) -> Array:
    """How far points (..., 3) of the room are from a camera (...)."""
    return np.asarray(np.linalg.norm(np.asarray(points_m, dtype=np.float64) - camera.position_m, axis=-1))


def _box(pixels: Array) -> Array:
    """Left, top, right and bottom of pixels (N, 2), NaN left out; NaN where there are no others."""
    there = pixels[~np.isnan(pixels[:, 0])]
    return np.concatenate([there.min(axis=0), there.max(axis=0)]) if len(there) else np.full(4, np.nan)


_last: tuple[weakref.ref[Scene], dict[tuple[ViewCamera, tuple[int, int]], Array32]] | None = None
"""What cameras see of the last room: the motions of a run mostly share both."""


def room_distance(camera: ViewCamera, size: tuple[int, int], scene: Scene) -> Array32:
    """Distance (H, W) of a room in a camera's picture of `size` (width, height) pixels; infinite where nothing is."""
    global _last
    last = _last  # other threads may look at other rooms
    if last is None or last[0]() is not scene:
        last = _last = weakref.ref(scene), {}
    known = last[1]
    if (camera, size) not in known:
        known[camera, size] = draw_room(camera, size, scene, np.zeros_like(scene.points_m)).depth
    return known[camera, size]


def draw_room(camera: ViewCamera, size: tuple[int, int], scene: Scene, colors: Array32) -> Canvas:
    """Draw the points of a room with colours (N, 3) as a camera sees them, over `size` (width, height) pixels."""
    apart = point_spacing(scene.points_m)
    away = distances(camera, scene.points_m)
    kept = (apart > 0) & (away > MOUNT_M)
    if not camera.fisheye:  # a plane picture shows what is aside larger than its distance says
        apart *= away / np.maximum(camera.from_room(scene.points_m)[:, 2], 0.2 * away)
    canvas = Canvas(_Screen.of(camera, size))
    canvas.draw_points(scene.points_m[kept], colors[kept], _GROWTH * apart[kept], max_px=_LARGEST_PX)
    canvas.mend_points()
    return canvas


def point_spacing(points_m: Array32) -> Array:
    """How far points (N, 3) of surfaces are from their neighbours (N,), by how many share a cell; 0 for strays."""
    keys = cell_keys(points_m, _CELL_M)
    occupied, cell, count = np.unique(keys, return_inverse=True, return_counts=True)
    total, cells = np.zeros((2, len(occupied)))
    for step in NEIGHBOURS:
        at = np.minimum(np.searchsorted(occupied, occupied + step), len(occupied) - 1)
        hit = occupied[at] == occupied + step
        total += np.where(hit, count[at], 0)
        cells += hit
    # A surface through a cell has about 1.2 times the area of one of its faces.
    apart = np.sqrt(1.2 * _CELL_M**2 * cells / total).clip(*_SPACING_M)
    return np.asarray(np.where(total < _STRAY, 0.0, apart)[cell.reshape(-1)])
