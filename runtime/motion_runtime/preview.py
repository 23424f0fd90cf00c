"""Pictures of a motion in its room, through Pillow: an animated GIF and a contact sheet of a few poses.

People are drawn as bodies (`body_view.py`) or as sticks (`figure.py`) in the colour of their class, the room as points
with depth (`canvas.py`), seen by a fixed three-quarter camera (`framing.py`). Equal motions give equal pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.errors import InputError
from motion_runtime.body_view import BodyView
from motion_runtime.canvas import Camera, Canvas
from motion_runtime.figure import figure, person_color, twins
from motion_runtime.framing import choose_camera, choose_following_cameras
from motion_runtime.motion import Motion
from motion_runtime.room_view import RoomView, room_view
from motion_runtime.wheelchair_view import RADIUS_M, Mesh, Wheelchair, wheelchairs_of

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

Pixels = NDArray[np.uint8]

BODY: Final = "body"
STICK: Final = "stick"
STYLES: Final = (BODY, STICK)
PREVIEW_SIZE: Final = (640, 480)
PREVIEW_FPS: Final = 10.0
_TILE: Final = 288
_POINT_GROWTH: Final = 1.7
"""Points are drawn so much larger than their distance: thin places of a scan close."""
_COLUMNS: Final = 3
_INK: Final = (44, 51, 64)
_PAPER: Final = (248, 249, 251)
_BAR: Final = (90, 110, 150)
_CAPTION_LINE_PX: Final = 19
_MAX_CAPTION_LINES: Final = 4


def render_preview(
    path: Path,
    motion: Motion,
    scene: Scene | None = None,
    *,
    size: tuple[int, int] = PREVIEW_SIZE,
    fps: float = PREVIEW_FPS,
    style: str = BODY,
) -> None:
    """Write an animated GIF that loops.

    Args:
        path: File to write; an existing one is replaced.
        motion: The motion.
        scene: The room; None = a plain floor.
        size: Width and height in pixels.
        fps: Frames a second of the GIF, whose clock ticks in hundredths of a second.
        style: BODY for the built-in mesh, STICK for bones, which take half the time.

    Raises:
        InputError: The motion holds NaN or infinity.
        OutputError: The file could not be written.
    """
    frames = list(preview_frames(motion, scene, size=size, fps=fps, style=style))
    palette = _palette(frames)
    indexed = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    with atomic_file(path) as temporary:
        indexed[0].save(
            temporary, format="GIF", save_all=True, append_images=indexed[1:], duration=round(100 / fps) * 10, loop=0,
            optimize=True, disposal=1,
        )  # fmt: skip


def preview_frames(
    motion: Motion,
    scene: Scene | None = None,
    *,
    size: tuple[int, int] = PREVIEW_SIZE,
    fps: float = PREVIEW_FPS,
    style: str = BODY,
) -> Iterator[Pixels]:
    """Draw the frames (H, W, 3) of a preview one after the other; see `render_preview`."""
    joints = _checked_joints(motion)
    bodies, chairs = _bodies(motion, style), wheelchairs_of(motion, scene)
    room = room_view(scene) if scene is not None else None
    caption = _Caption(motion, size)
    margins = (14.0, 30.0, 14.0, caption.height + 12.0)
    camera, azimuth = choose_camera(joints, room, size, margins)
    stage = _stage(camera, azimuth, room, joints)
    count = max(1, math.ceil(motion.seconds * fps - 1e-6))
    # The last frame is the motion's last, wherever the two clocks meet.
    times = np.minimum(np.arange(count) / fps, (motion.frames - 1) / motion.fps)
    for second in times:
        canvas = stage.copy()
        frame = int(round(second * motion.fps))
        _draw_people(canvas, joints[:, frame], motion.person_classes, bodies, frame, chairs)
        picture = Image.fromarray(canvas.pixels())
        caption.draw(picture, float(second), motion.seconds)
        yield np.asarray(picture)


def render_contact_sheet(
    path: Path, motion: Motion, scene: Scene | None = None, *, poses: int = 8, style: str = BODY
) -> None:
    """Write one PNG with poses at equal times, read like text, and a map of the way seen from above.

    The camera looks in one direction throughout and follows the people; the floor's lines are half a metre apart.

    Args:
        path: File to write; an existing one is replaced.
        motion: The motion.
        scene: The room; None = a plain floor.
        poses: Number of poses, the first and the last frame among them.
        style: BODY for the built-in mesh, STICK for bones.

    Raises:
        InputError: The motion holds NaN or infinity.
        OutputError: The file could not be written.
    """
    joints = _checked_joints(motion)
    bodies, chairs = _bodies(motion, style), wheelchairs_of(motion, scene)
    room = room_view(scene) if scene is not None else None
    picked = np.linspace(0, motion.frames - 1, poses).round().astype(np.int64)
    size, margins = (_TILE, _TILE), (12.0, 26.0, 12.0, 12.0)
    cameras, azimuth = choose_following_cameras(joints, picked, room, size, margins)
    caption = _Caption(motion, (_COLUMNS * _TILE, 0))
    header = caption.height + 8
    rows = math.ceil((poses + 1) / _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _TILE, header + rows * _TILE), _PAPER)
    caption.draw_text(sheet, 4)
    font = ImageFont.load_default(14)
    for tile, frame in enumerate(picked):
        canvas = _stage(cameras[tile], azimuth, room, joints[:, [frame]])
        _draw_people(canvas, joints[:, frame], motion.person_classes, bodies, int(frame), chairs)
        picture = Image.fromarray(canvas.pixels())
        _tag(picture, f"{tile + 1}   {frame / motion.fps:.1f} s", 8, font)
        sheet.paste(picture, _tile_corner(tile, header))
    sheet.paste(_map(motion, joints, room, picked), _tile_corner(poses, header))
    lines = ImageDraw.Draw(sheet)
    for k in range(rows):
        lines.line([(0, header + k * _TILE), (sheet.width, header + k * _TILE)], fill=_PAPER, width=2)
    for k in range(1, _COLUMNS):
        lines.line([(k * _TILE, header), (k * _TILE, sheet.height)], fill=_PAPER, width=2)
    with atomic_file(path) as temporary:
        sheet.save(temporary, format="PNG", optimize=True)


def _checked_joints(motion: Motion) -> NDArray[np.float64]:
    joints = motion.joints_m.astype(np.float64)
    if motion.frames < 1 or not np.isfinite(joints).all():
        raise InputError(
            "expected a motion of finite joints, got NaN, infinity or no frame for the preview; make it anew"
        )
    return joints


def _stage(camera: Camera, azimuth: float, room: RoomView | None, joints: NDArray[np.float64]) -> Canvas:
    """Everything that stands still: floor, room, grid."""
    middle = joints[:, :, 0, :2].reshape(-1, 2)
    centre = (float(middle[:, 0].mean()), float(middle[:, 1].mean()))
    reach = float(np.linalg.norm(middle - np.array(centre), axis=1).max()) + 4.5
    canvas = Canvas(camera)
    canvas.draw_floor(centre, reach)
    if room is not None:
        # Walls between camera and people go: the half of the room behind the nearest of them stays.
        towards = (math.cos(azimuth), math.sin(azimuth))
        opened = room.opened(towards, centre)
        canvas.draw_points(opened.points_m, opened.colors, _POINT_GROWTH * opened.size_m, max_px=9)
        canvas.mend_points()
        canvas.shade_depth_edges()
    canvas.draw_grid(centre, reach)
    return canvas


def _bodies(motion: Motion, style: str) -> BodyView | None:
    """Return the bodies to draw, None for sticks."""
    if style not in STYLES:
        raise InputError(f"expected one of {', '.join(STYLES)}, got '{style}' for the preview; choose one of these")
    return BodyView(motion) if style == BODY else None


def _draw_people(
    canvas: Canvas,
    joints: NDArray[np.float64],
    person_classes: tuple[str, ...],
    bodies: BodyView | None,
    frame: int,
    chairs: Sequence[Wheelchair],
) -> None:
    """Draw people (P, 22, 3) and their wheelchairs with shadows, nearer ones over farther ones."""
    figures = [
        figure(person, person_color(name, twin))
        for person, name, twin in zip(joints, person_classes, twins(person_classes), strict=True)
    ]
    for body in figures:
        share = np.linspace(0, 1, 4)[:, None, None]
        along = (body.starts_m + share * (body.ends_m - body.starts_m)).reshape(-1, 3)
        radius = np.tile(body.radii_m, 4)
        height = np.maximum(along[:, 2] - radius, 0.0)
        canvas.draw_shadow(along[:, :2], radius + 0.07 + 0.15 * height, 0.5 * np.exp(-height / 0.35))
    for chair in chairs:
        canvas.draw_shadow(chair.places_m[frame, None], np.array([RADIUS_M]), np.array([0.4]))
    meshes: list[Mesh] = [chair.mesh(frame) for chair in chairs]
    if bodies is not None:
        for person in range(len(joints)):
            vertices = bodies.vertices(person, frame)
            meshes.append((vertices, bodies.normals(vertices), bodies.faces, bodies.colors[person]))
        canvas.draw_bodies(meshes)
        return
    canvas.draw_bodies(meshes)
    canvas.draw_capsules(*(np.concatenate(parts) for parts in zip(*figures, strict=True)))


def _map(
    motion: Motion, joints: NDArray[np.float64], room: RoomView | None, picked: NDArray[np.int64]
) -> Image.Image:
    """Draw the pelvis's way from above, x to the right, y up, with the numbers of the poses."""
    way = joints[:, :, 0, :2]
    low, high = way.reshape(-1, 2).min(axis=0), way.reshape(-1, 2).max(axis=0)
    span = max(float((high - low).max()) * 1.25, 2.5) + (1.0 if room is not None else 0.0)
    scale = (_TILE - 40) / span
    corner = (low + high) / 2

    def pixel(xy: Any) -> tuple[float, float]:
        return (
            _TILE / 2 + scale * (float(xy[0]) - float(corner[0])),
            _TILE / 2 - scale * (float(xy[1]) - float(corner[1])),
        )

    picture = Image.new("RGB", (_TILE, _TILE), (238, 240, 244))
    if room is not None:
        order = np.argsort(room.points_m[:, 2], kind="stable")
        column = np.round(_TILE / 2 + scale * (room.points_m[order, 0] - corner[0])).astype(np.int64)
        row = np.round(_TILE / 2 - scale * (room.points_m[order, 1] - corner[1])).astype(np.int64)
        top = np.full((_TILE, _TILE), -1, dtype=np.int64)
        reach = round(0.6 * scale * float(np.median(room.size_m))) if len(room.size_m) else 0
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                inside = np.flatnonzero(
                    (column + dx >= 0) & (column + dx < _TILE) & (row + dy >= 0) & (row + dy < _TILE)
                )
                np.maximum.at(top, (row[inside] + dy, column[inside] + dx), inside)
        pixels = np.asarray(picture).copy()
        pixels[top >= 0] = (255 * room.colors[order[top[top >= 0]]]).astype(np.uint8)
        picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    for k in range(math.ceil((corner[0] - span) / 0.5), math.floor((corner[0] + span) / 0.5) + 1):
        draw.line([(pixel((k / 2, 0))[0], 0), (pixel((k / 2, 0))[0], _TILE)], fill=(214, 219, 227))
    for k in range(math.ceil((corner[1] - span) / 0.5), math.floor((corner[1] + span) / 0.5) + 1):
        draw.line([(0, pixel((0, k / 2))[1]), (_TILE, pixel((0, k / 2))[1])], fill=(214, 219, 227))
    font = ImageFont.load_default(12)
    for person, (name, twin) in enumerate(zip(motion.person_classes, twins(motion.person_classes), strict=True)):
        color = _bytes(person_color(name, twin))
        draw.line([pixel(xy) for xy in way[person]], fill=color, width=3, joint="curve")
        for number, frame in enumerate(picked, 1):
            x, y = pixel(way[person, frame])
            draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill=color, outline=(255, 255, 255))
            if number in (1, len(picked)):
                draw.text((x + 6, y - 14), str(number), fill=_INK, font=font)
    _tag(picture, "from above, lines every 0.5 m", 8, font)
    return picture


def _tag(picture: Image.Image, text: str, left: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> None:
    """Write a few words at the top, on paper so that they are readable over anything."""
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle([left, 7, left + font.getlength(text) + 13, 27], radius=6, fill=_PAPER)
    pen.text((left + 7, 9), text, fill=_INK, font=font)


def _tile_corner(tile: int, header: int) -> tuple[int, int]:
    return (tile % _COLUMNS) * _TILE, header + (tile // _COLUMNS) * _TILE


class _Caption:
    """Who does what, in words, below the picture."""

    def __init__(self, motion: Motion, size: tuple[int, int]) -> None:
        self.size = size
        self.font = ImageFont.load_default(14)
        self.lines: list[tuple[tuple[int, int, int] | None, str]] = []
        people = list(zip(motion.person_classes, motion.prompts, twins(motion.person_classes), strict=True))
        same = len({prompt for _, prompt, _ in people}) == 1
        for name, prompt, twin in people:
            text = f"{name}: {' '.join(prompt.split())}" if not same else name
            self._add(_bytes(person_color(name, twin)), text, 1 if len(people) > 1 else 2)
        if same and people[0][1].split():
            self._add(None, " ".join(people[0][1].split()), 2)
        self.lines = self.lines[-_MAX_CAPTION_LINES:]
        self.height = _CAPTION_LINE_PX * len(self.lines) + 10

    def draw(self, picture: Image.Image, second: float, seconds: float) -> None:
        """Draw caption, clock and progress on a frame."""
        pen = ImageDraw.Draw(picture)
        width, height = picture.size
        pen.rectangle([0, height - self.height, width, height], fill=_PAPER)
        self.draw_text(picture, height - self.height + 4)
        clock = f"{second:.1f} s"
        _tag(picture, clock, round(width - 22 - self.font.getlength(clock)), self.font)
        pen.rectangle([0, height - 3, round(width * min(1.0, second / max(seconds, 1e-6))), height], fill=_BAR)

    def draw_text(self, picture: Image.Image, top: int) -> None:
        """Draw the lines of text from `top` down."""
        pen = ImageDraw.Draw(picture)
        for row, (color, text) in enumerate(self.lines):
            y = top + row * _CAPTION_LINE_PX
            if color is not None:
                pen.ellipse([12, y + 4, 22, y + 14], fill=color)
            pen.text((28 if color is not None else 12, y), text, fill=_INK, font=self.font)

    def _add(self, color: tuple[int, int, int] | None, text: str, most: int) -> None:
        room = self.size[0] - 24 - (16 if color is not None else 0)
        words, lines = text.split(), [""]
        for word in words:
            longer = f"{lines[-1]} {word}".strip()
            if self.font.getlength(longer) <= room or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
        if len(lines) > most or self.font.getlength(lines[-1]) > room:
            lines = lines[:most]
            while lines[-1] and self.font.getlength(f"{lines[-1]} ...") > room:
                lines[-1] = lines[-1][:-1]
            lines[-1] += " ..."
        self.lines += [(color if row == 0 else None, line) for row, line in enumerate(lines)]


def _palette(frames: list[Pixels]) -> Image.Image:
    """Choose one palette for all frames: what stands still then compresses to nothing.

    Half of it goes to what moves: people cover few pixels, and a palette chosen by area would paint them in stripes.
    One of the 256 places stays free for 'as in the frame before'.
    """
    still = frames[0]
    moving = [frame[(frame != still).any(axis=2)] for frame in frames[1 :: max(1, len(frames) // 12)]]
    pixels = np.concatenate([np.empty((0, 3), dtype=np.uint8), *moving])
    colors = _colors(still.reshape(-1, 3), 255 if not len(pixels) else 120)
    if len(pixels):
        colors = np.concatenate([colors, _colors(pixels, 255 - len(colors))])
    palette = Image.new("P", (1, 1))
    palette.putpalette(colors.ravel().tolist())
    return palette


def _colors(pixels: Pixels, most: int) -> Pixels:
    """Choose at most `most` colours (N, 3) that stand for pixels (M, 3)."""
    indexed = Image.fromarray(pixels[None]).quantize(most, method=Image.Quantize.MEDIANCUT)
    used = len(indexed.getcolors(256) or [])
    return np.array(indexed.getpalette(), dtype=np.uint8).reshape(-1, 3)[:used]


def _bytes(color: tuple[float, float, float]) -> tuple[int, int, int]:
    return round(255 * color[0]), round(255 * color[1]), round(255 * color[2])
