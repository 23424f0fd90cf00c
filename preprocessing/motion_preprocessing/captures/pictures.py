"""Pictures of what the chain did with a capture, drawn with Pillow alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from motion_preprocessing.captures.lifting import Lifted, LiftedPerson
from motion_preprocessing.captures.read import Capture
from motion_preprocessing.captures.room_of import FLOOR_LABEL
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import BONES, REST_OFFSETS_M

Array = NDArray[np.float64]

_WIDTH: Final = 480
_HEIGHT: Final = 360
_MARGIN: Final = 34
_POINTS: Final = 12_000
_INK, _GRID, _FLOOR, _REST = (40, 40, 40), (225, 225, 225), (214, 96, 40), (120, 140, 165)
_PEOPLE: Final = ((38, 92, 190), (40, 140, 70), (205, 120, 20), (150, 60, 140))
_NEAR_TO_FAR: Final = np.array([[250, 235, 80], [240, 120, 50], [160, 40, 110], [40, 20, 90], [5, 5, 25]])


def floor_picture(lifted: Lifted) -> Image.Image:
    """Side views of the cloud before and after the floor became z = 0."""
    cloud, step = lifted.cloud, max(len(lifted.cloud) // _POINTS, 1)
    after = cloud.points_m[::step]
    rotation, shift = lifted.world_from_camera[:3, :3], lifted.world_from_camera[:3, 3]
    before = (after - shift) @ rotation
    floor = cloud.labels[::step] == FLOOR_LABEL
    picture = Image.new("RGB", (2 * _WIDTH, _HEIGHT), "white")
    for column, (x, y, title, names) in enumerate(
        (
            (before[:, 2], -before[:, 1], "before: camera axes", ("depth, m", "up in the picture, m")),
            (after[:, 1], after[:, 2], "after: floor at z = 0", ("ahead, m", "height, m")),
        )
    ):
        picture.paste(_scatter(x, y, floor, title, names, level=column == 1), (column * _WIDTH, 0))
    return picture


def histogram_picture(errors_px: NDArray[np.floating], believed: NDArray[np.bool_]) -> Image.Image:
    """Reprojection errors of all poses; those that were dropped in another colour."""
    picture = Image.new("RGB", (2 * _WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    if len(errors_px) == 0:
        draw.text((_MARGIN, _MARGIN), "no poses", fill=_INK)
        return picture
    top = max(float(np.percentile(errors_px, 99.0)) * 1.1, 1.0)
    edges = np.linspace(0.0, top, 41)
    clipped = np.minimum(errors_px, top * (1 - 1e-9))
    kept, _ = np.histogram(clipped[believed], edges)
    lost, _ = np.histogram(clipped[~believed], edges)
    peak = int((kept + lost).max())
    left, right, base = _MARGIN, 2 * _WIDTH - _MARGIN, _HEIGHT - _MARGIN
    # Counts span decades: a few dropped poses beside thousands would not be seen otherwise.
    scale = (base - _MARGIN) / np.log1p(peak)
    for i in range(len(kept)):
        x0 = left + (right - left) * i / len(kept)
        x1 = left + (right - left) * (i + 1) / len(kept) - 1
        whole, part = np.log1p(kept[i] + lost[i]) * scale, np.log1p(kept[i]) * scale
        if kept[i] + lost[i]:
            draw.rectangle((x0, base - whole, x1, base), fill=_FLOOR)
        if kept[i]:
            draw.rectangle((x0, base - part, x1, base), fill=_REST)
    draw.line((left, base, right, base), fill=_INK)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        draw.text((left + share * (right - left) - 10, base + 6), f"{share * top:.1f}", fill=_INK)
    draw.text((right - 30, base + 18), "px", fill=_INK)
    title = f"reprojection error: {int(kept.sum())} kept, {int(lost.sum())} dropped (log counts)"
    draw.text((left, 8), title, fill=_INK)
    return picture


def overlay_pictures(capture: Capture, lifted: Lifted) -> Iterator[tuple[str, Image.Image]]:
    """The lifted people's joints over each key frame's picture; joints of gaps are hollow."""
    camera = capture.camera
    scale = max(1, 640 // camera.width)
    camera_from_world = np.linalg.inv(lifted.world_from_camera)
    for key_frame in capture.key_frames:
        pixels = key_frame.image()
        if pixels is None:
            pixels = np.full((camera.height, camera.width, 3), 255, dtype=np.uint8)
        picture = Image.fromarray(pixels).resize((camera.width * scale, camera.height * scale))
        draw = ImageDraw.Draw(picture)
        for number, person in enumerate(lifted.people):
            at = key_frame.frame - person.first_frame
            if not 0 <= at < len(person.seen):
                continue
            joints = _joints(person, at)
            points = camera.project(joints @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]) * scale
            _draw_body(draw, points, _PEOPLE[number % len(_PEOPLE)], bool(person.seen[at]))
        for track in lifted.poses.tracks:
            for index in np.flatnonzero(track.frames == key_frame.frame):
                for x, y, visible in track.keypoints_2d[index]:
                    if visible > 0:
                        color = (220, 30, 30) if visible == 2 else (250, 200, 40)
                        draw.ellipse((x * scale - 2, y * scale - 2, x * scale + 2, y * scale + 2), outline=color)
        yield f"overlay_{key_frame.frame:06d}.png", picture


def depth_picture(lifted: Lifted) -> Image.Image:
    """The fused depth, near in light and far in dark colours; white where nothing is known."""
    depth = lifted.room.fused.depth_m
    known = np.isfinite(depth)
    low, high = np.percentile(depth[known], [1.0, 99.0])
    share = np.clip((np.where(known, depth, low) - low) / max(high - low, 1e-6), 0.0, 1.0) * (len(_NEAR_TO_FAR) - 1)
    at = np.minimum(share.astype(np.int64), len(_NEAR_TO_FAR) - 2)
    rest = (share - at)[..., None]
    colors = _NEAR_TO_FAR[at] * (1 - rest) + _NEAR_TO_FAR[at + 1] * rest
    colors[~known] = 255
    picture = Image.fromarray(colors.astype(np.uint8))
    ImageDraw.Draw(picture).text((6, 6), f"{low:.1f} m to {high:.1f} m", fill=(255, 255, 255))
    return picture


def cloud_picture(lifted: Lifted) -> Image.Image:
    """The aligned room from above, in its colours, with people's ways."""
    points, colors = lifted.cloud.points_m, lifted.cloud.colors
    low, high = np.percentile(points[:, :2], [0.5, 99.5], axis=0)
    scale = min((2 * _WIDTH - 2 * _MARGIN) / (high[0] - low[0]), (2 * _HEIGHT - 2 * _MARGIN) / (high[1] - low[1]))
    canvas = np.full((2 * _HEIGHT, 2 * _WIDTH, 3), 255, dtype=np.uint8)
    shown = points[:, 2] < 2.0  # what hangs from the ceiling would hide the rest
    order = np.flatnonzero(shown)[np.argsort(points[shown, 2], kind="stable")]
    at = np.round((points[order, :2] - low) * scale).astype(np.int64) + _MARGIN
    x, y = at[:, 0], 2 * _HEIGHT - 1 - at[:, 1]
    for dx in (0, 1):
        for dy in (0, 1):
            inside = (x + dx >= 0) & (x + dx < 2 * _WIDTH) & (y + dy >= 0) & (y + dy < 2 * _HEIGHT)
            canvas[y[inside] + dy, x[inside] + dx] = colors[order[inside]]
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for number, person in enumerate(lifted.people):
        way = (person.root_position_m[:, :2] - low) * scale + _MARGIN
        line = [(float(px), float(2 * _HEIGHT - 1 - py)) for px, py in way]
        color = _PEOPLE[number % len(_PEOPLE)]
        draw.line(line, fill=color, width=3)
        draw.ellipse((line[0][0] - 5, line[0][1] - 5, line[0][0] + 5, line[0][1] + 5), fill=color)
    draw.text((8, 8), "from above; a dot is where a way begins", fill=_INK)
    return picture


def _joints(person: LiftedPerson, frame: int) -> Array:
    joints, _ = forward_kinematics(
        person.local_rotations[frame], person.root_position_m[frame], person.body_scale * REST_OFFSETS_M
    )
    return np.asarray(joints, dtype=np.float64)


def _draw_body(draw: ImageDraw.ImageDraw, points: Array, color: tuple[int, int, int], seen: bool) -> None:
    for a, b in BONES:
        if np.isfinite(points[[a, b]]).all():
            draw.line((*points[a].tolist(), *points[b].tolist()), fill=color, width=2 if seen else 1)
    for x, y in points[np.isfinite(points).all(axis=1)]:
        draw.ellipse((x - 2.5, y - 2.5, x + 2.5, y + 2.5), fill=color if seen else None, outline=color)


def _scatter(
    x: Array, y: Array, floor: NDArray[np.bool_], title: str, names: tuple[str, str], *, level: bool
) -> Image.Image:
    """Points seen from the side, the floor's in another colour, both axes to one scale."""
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    low_x, high_x = np.percentile(x, [0.5, 99.5])
    low_y, high_y = np.percentile(y, [0.5, 99.5])
    scale = min((_WIDTH - 2 * _MARGIN) / max(high_x - low_x, 1.0), (_HEIGHT - 2 * _MARGIN) / max(high_y - low_y, 1.0))

    def column_of(value: Any) -> Any:
        return _MARGIN + (value - low_x) * scale

    def line_of(value: Any) -> Any:
        return _HEIGHT - _MARGIN - (value - low_y) * scale

    for metre in range(int(np.ceil(low_x)), int(high_x) + 1):
        column = column_of(metre)
        draw.line((column, _MARGIN, column, _HEIGHT - _MARGIN), fill=_GRID)
        draw.text((column - 4, _HEIGHT - _MARGIN + 4), str(metre), fill=_INK)
    for metre in range(int(np.ceil(low_y)), int(high_y) + 1):
        line = line_of(metre)
        draw.line((_MARGIN, line, _WIDTH - _MARGIN, line), fill=_GRID)
        draw.text((8, line - 6), str(metre), fill=_INK)
    for chosen, color in ((~floor, _REST), (floor, _FLOOR)):
        columns, lines = column_of(x[chosen]), line_of(y[chosen])
        inside = (columns >= 0) & (columns < _WIDTH) & (lines >= 0) & (lines < _HEIGHT)
        draw.point(np.column_stack([columns, lines])[inside].ravel().tolist(), fill=color)
    if level:
        line = line_of(0.0)
        draw.line((_MARGIN, line, _WIDTH - _MARGIN, line), fill=_INK)
    draw.text((_MARGIN, 8), f"{title}  ({names[1]} over {names[0]}; floor points orange)", fill=_INK)
    return picture
