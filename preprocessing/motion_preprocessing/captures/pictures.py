"""Pictures of what the chain did with a capture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from motion_preprocessing.captures.drawing import (
    FLOOR,
    INK,
    LETTERS,
    REST,
    Axes,
    Color,
    color_bar,
    depth_colors,
    line_with_rim,
    person_color,
    tag,
    write,
)
from motion_preprocessing.captures.lifting import Lifted, LiftedPerson
from motion_preprocessing.captures.read import Capture
from motion_preprocessing.captures.room_of import FLOOR_LABEL
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import BONES, JOINT_INDEX, REST_OFFSETS_M

Array = NDArray[np.float64]

_WIDTH: Final = 640
_HEIGHT: Final = 480
_MARGIN: Final = 48
_POINTS: Final = 20_000
_LEAST_WIDTH: Final = 960
"""Of overlays and depth, pixels."""
_CEILING_M: Final = 2.0
_SHOWN_POSES: Final = 3


def floor_picture(lifted: Lifted) -> Image.Image:
    """Side views of the cloud before and after the floor became z = 0."""
    cloud, step = lifted.cloud, max(len(lifted.cloud) // _POINTS, 1)
    after = cloud.points_m[::step]
    rotation, shift = lifted.world_from_camera[:3, :3], lifted.world_from_camera[:3, 3]
    before = (after - shift) @ rotation
    colors = np.where((cloud.labels[::step] == FLOOR_LABEL)[:, None], FLOOR, REST).astype(np.uint8)
    order = np.argsort(cloud.labels[::step] == FLOOR_LABEL, kind="stable")
    picture = Image.new("RGB", (2 * _WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    for column, (x, y, title, names) in enumerate(
        (
            (before[:, 2], -before[:, 1], "before; floor points orange", ("depth, m", "up in the picture, m")),
            (after[:, 1], after[:, 2], "after; floor at z = 0", ("ahead, m", "height, m")),
        )
    ):
        axes = _panel(x, y, column * _WIDTH, _WIDTH, _HEIGHT)
        axes.draw_grid(draw, title, names)
        axes.draw_points(picture, x[order], y[order], colors[order], 1)
        if column == 1:
            draw.line((axes.left, axes.line(0.0), axes.left + axes.width, axes.line(0.0)), fill=INK, width=2)
    return picture


def histogram_picture(errors_px: NDArray[np.floating], believed: NDArray[np.bool_]) -> Image.Image:
    """Reprojection errors of all poses; those that were dropped in another colour."""
    picture = Image.new("RGB", (2 * _WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    if len(errors_px) == 0:
        write(draw, _MARGIN, _MARGIN, "no poses")
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
            draw.rectangle((x0, base - whole, x1, base), fill=FLOOR)
        if kept[i]:
            draw.rectangle((x0, base - part, x1, base), fill=REST)
    draw.line((left, base, right, base), fill=INK)
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        write(draw, left + share * (right - left), base + 6, f"{share * top:.1f} px", anchor="ma")
    counts = f"{int(kept.sum())} kept (blue), {int(lost.sum())} dropped (orange)"
    write(draw, left, 12, f"reprojection error: {counts}; heights are logarithms of counts")
    return picture


def overlay_pictures(capture: Capture, lifted: Lifted) -> Iterator[tuple[str, Image.Image]]:
    """The lifted people's bones over each key frame's picture, one colour a person; annotated keypoints are rings."""
    camera = capture.camera
    scale = max(1, -(-_LEAST_WIDTH // camera.width))
    camera_from_world = np.linalg.inv(lifted.world_from_camera)
    numbers = _numbers(lifted)
    for key_frame in capture.key_frames:
        pixels = key_frame.image()
        if pixels is None:
            pixels = np.full((camera.height, camera.width, 3), 255, dtype=np.uint8)
        size = camera.width * scale, camera.height * scale
        picture = Image.new("RGB", (size[0], size[1] + 2 * LETTERS), "white")
        picture.paste(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
        draw = ImageDraw.Draw(picture)
        for person in lifted.people:
            at = key_frame.frame - person.first_frame
            if not 0 <= at < len(person.seen):
                continue
            joints = _joints(person, at) @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
            color = person_color(numbers[person.track_id])
            seen = bool(person.seen[at])
            text = f"{person.track_id} {person.person_class}" + ("" if seen else ", filled in")
            _draw_body(draw, camera.project(joints) * scale, color, seen, text)
        for track in lifted.poses.tracks:
            color = person_color(numbers.get(track.track_id, track.track_id))
            for index in np.flatnonzero(track.frames == key_frame.frame):
                for x, y, visible in track.keypoints_2d[index]:
                    if visible > 0:
                        _ring(draw, x * scale, y * scale, color, hidden=visible == 1)
        legend = "bones: lifted people, thin where filled in; rings: annotated keypoints, dark rim where hidden"
        write(draw, 8, size[1] + LETTERS, f"frame {key_frame.frame}; {legend}", anchor="lm")
        yield f"overlay_{key_frame.frame:06d}.png", picture


def depth_picture(lifted: Lifted) -> Image.Image:
    """The fused depth with its scale in metres; white where nothing is known."""
    depth = lifted.room.fused.depth_m
    known = depth[np.isfinite(depth)]
    low, high = (float(v) for v in np.percentile(known, [1.0, 99.0])) if len(known) else (0.0, 1.0)
    scale = max(1, -(-_LEAST_WIDTH // depth.shape[1]))
    width, height = depth.shape[1] * scale, depth.shape[0] * scale
    picture = Image.new("RGB", (width + 110, height + 40), "white")
    # Each pixel of the map as it is: smoothing would hide what it is like.
    colors = Image.fromarray(depth_colors(depth, low, high))
    picture.paste(colors.resize((width, height), Image.Resampling.NEAREST), (0, 40))
    draw = ImageDraw.Draw(picture)
    title = f"depth of {len(lifted.room.frames)} key frames fused, people taken out"
    write(draw, 8, 20, f"{title}; known: {100 * len(known) / depth.size:.0f} %", anchor="lm")
    write(draw, width + 12, 20, "depth, m", anchor="lm")
    color_bar(draw, width + 14, 54, height - 28, low, high)
    return picture


def cloud_picture(lifted: Lifted) -> Image.Image:
    """The aligned room from above and from the side, in its colours, with people's ways and some of their poses."""
    points, colors = lifted.cloud.points_m, lifted.cloud.colors
    width, height = 800, 720
    picture = Image.new("RGB", (2 * width, height), "white")
    draw = ImageDraw.Draw(picture)
    numbers = _numbers(lifted)
    low = points[:, 2] < _CEILING_M  # what hangs from the ceiling would hide the rest
    for column, (x, y, depth, title, names) in enumerate(
        (
            (0, 1, 2, f"from above, below {_CEILING_M:g} m", ("right, m", "ahead, m")),
            (1, 2, 0, "from the side", ("ahead, m", "height, m")),
        )
    ):
        shown = np.flatnonzero(low) if column == 0 else np.arange(len(points))
        order = shown[np.argsort(points[shown, depth], kind="stable")]
        axes = _panel(points[shown, x], points[shown, y], column * width, width, height)
        axes.draw_grid(draw, title, names)
        axes.draw_points(picture, points[order, x], points[order, y], colors[order], 2)
        if column == 1:
            right = axes.left + axes.width
            line_with_rim(draw, [(axes.left, axes.line(0.0)), (right, axes.line(0.0))], FLOOR, 2)
            tag(draw, axes.left + 58, axes.line(0.0) + 26, "floor, z = 0", FLOOR)
        for person in lifted.people:
            color = person_color(numbers[person.track_id])
            for at in np.linspace(0, len(person.seen) - 1, _SHOWN_POSES).astype(int):
                joints = _joints(person, at)
                for a, b in BONES:
                    ends = [(axes.column(joints[j, x]), axes.line(joints[j, y])) for j in (a, b)]
                    line_with_rim(draw, ends, color, 2)
            if column == 0:
                way = [(axes.column(p[x]), axes.line(p[y])) for p in person.root_position_m]
                line_with_rim(draw, way, color, 3)
                draw.ellipse((way[0][0] - 7, way[0][1] - 7, way[0][0] + 7, way[0][1] + 7), fill=color, outline="white")
                tag(draw, way[0][0], way[0][1] - 12, f"{person.track_id} {person.person_class}", color)
        axes.draw_scale_bar(draw)
    return picture


def _panel(x: Array, y: Array, left: float, width: float, height: float) -> Axes:
    top = 40.0
    return Axes.around(
        x, y, left=left + _MARGIN, top=top, width=width - 1.5 * _MARGIN, height=height - top - 1.2 * _MARGIN
    )


def _numbers(lifted: Lifted) -> dict[int, int]:
    """Which colour a track has."""
    return {track.track_id: number for number, track in enumerate(lifted.poses.tracks)}


def _joints(person: LiftedPerson, frame: int) -> Array:
    joints, _ = forward_kinematics(
        person.local_rotations[frame], person.root_position_m[frame], person.body_scale * REST_OFFSETS_M
    )
    return np.asarray(joints, dtype=np.float64)


def _draw_body(draw: ImageDraw.ImageDraw, points: Array, color: Color, seen: bool, text: str) -> None:
    known = np.asarray(np.isfinite(points).all(axis=1))
    for a, b in BONES:
        if known[a] and known[b]:
            line_with_rim(draw, [tuple(points[a].tolist()), tuple(points[b].tolist())], color, 5 if seen else 2)
    for x, y in points[known]:
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=color if seen else "white", outline="white" if seen else color)
    head = JOINT_INDEX["head"]
    if known[head]:
        # Above the face, whose keypoints lie a seventh of the body above its joint.
        top, bottom = points[known, 1].min(), points[known, 1].max()
        tag(draw, float(points[head, 0]), float(top - (bottom - top) / 7 - 12), text, color)


def _ring(draw: ImageDraw.ImageDraw, x: float, y: float, color: Color, *, hidden: bool) -> None:
    draw.ellipse((x - 6, y - 6, x + 6, y + 6), outline=INK if hidden else "white", width=4)
    draw.ellipse((x - 5, y - 5, x + 5, y + 5), outline=color, width=2)
