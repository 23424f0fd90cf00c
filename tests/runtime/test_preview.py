"""Previews: what is in the picture, that it is framed, and that files are as promised."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.scene import Scene
from motion_runtime.figure import CLASS_COLORS, figure, person_color, twins
from motion_runtime.framing import (
    choose_camera,
    choose_following_cameras,
    facing,
    fit_camera,
    following_cameras,
    hidden_share,
)
from motion_runtime.motion import Motion
from motion_runtime.preview import preview_frames, render_contact_sheet, render_preview
from motion_runtime.room_view import CEILING_FROM_M, room_view

Walk = Callable[..., Motion]
MARGINS = (10.0, 20.0, 10.0, 40.0)


def room(*, labels: bool = True, colors: bool = True, rng_seed: int = 0) -> Scene:
    """A room 5 m x 4 m with floor, four walls, ceiling and a block of furniture at the far end."""
    rng = np.random.default_rng(rng_seed)

    def face(low: tuple[float, ...], high: tuple[float, ...], n: int) -> np.ndarray:
        return rng.uniform(low, high, size=(n, 3))

    parts = [
        (0, face((-2.5, -2, 0), (2.5, 2, 0), 8000)),
        (1, face((-2.5, -2, 0), (-2.5, 2, 2.5), 4000)),
        (1, face((2.5, -2, 0), (2.5, 2, 2.5), 4000)),
        (1, face((-2.5, -2, 0), (2.5, -2, 2.5), 5000)),
        (1, face((-2.5, 2, 0), (2.5, 2, 2.5), 5000)),
        (2, face((-2.5, -2, 2.5), (2.5, 2, 2.5), 8000)),
        (3, face((1.5, -0.5, 0), (2.2, 0.5, 0.6), 3000)),
    ]
    points = np.concatenate([p for _, p in parts]).astype(np.float32)
    numbers = np.concatenate([np.full(len(p), k) for k, p in parts]).astype(np.int32)
    return Scene(
        points_m=points,
        labels=numbers if labels else np.full(len(points), -1, dtype=np.int32),
        instances=np.full(len(points), -1, dtype=np.int32),
        colors=rng.integers(100, 200, size=(len(points), 3)).astype(np.uint8) if colors else None,
        label_names=("floor", "wall", "ceiling", "bed") if labels else (),
        world_from_file=np.eye(4),
    )


def share_of_hue(frame: np.ndarray, color: tuple[float, float, float]) -> float:
    """Share of saturated pixels whose hue is near that of `color`."""
    hsv = np.asarray(Image.fromarray(frame).convert("HSV")).astype(int)
    wanted = Image.new("RGB", (1, 1), tuple(round(255 * c) for c in color)).convert("HSV").getpixel((0, 0))
    apart = np.abs((hsv[..., 0] - wanted[0] + 128) % 256 - 128)  # type: ignore[index]
    return float(((apart < 8) & (hsv[..., 1] > 70)).mean())


# ------------------------------------------------------------------------------------------------ files


def test_a_gif_of_the_promised_size_rate_and_length_that_loops(tmp_path: Path, walk: Walk) -> None:
    motion = walk(frames=41, prompts=("a person walks",))
    render_preview(tmp_path / "p.gif", motion)
    with Image.open(tmp_path / "p.gif") as gif:
        assert gif.format == "GIF"
        assert gif.size == (640, 480)
        assert gif.info["loop"] == 0  # for ever
        durations = []
        for k in range(gif.n_frames):  # type: ignore[attr-defined]
            gif.seek(k)
            durations.append(gif.info["duration"])
    assert sum(durations) == 2100  # 41 frames at 20 fps, in tenths of a second
    assert set(durations) == {100}
    assert [p.name for p in tmp_path.iterdir()] == ["p.gif"]


def test_six_seconds_in_a_scanned_room_stay_below_two_megabytes(tmp_path: Path, walk: Walk) -> None:
    render_preview(tmp_path / "p.gif", walk(people=2, frames=120), room())
    assert 20_000 < (tmp_path / "p.gif").stat().st_size < 2_000_000


def test_the_gif_shows_the_frames_that_were_drawn(tmp_path: Path, walk: Walk) -> None:
    motion = walk(frames=12)
    frames = list(preview_frames(motion))
    render_preview(tmp_path / "p.gif", motion)
    with Image.open(tmp_path / "p.gif") as gif:
        assert gif.n_frames == len(frames) == 6  # type: ignore[attr-defined]
        for k, frame in enumerate(frames):
            gif.seek(k)
            error = np.abs(np.asarray(gif.convert("RGB")).astype(int) - frame)
            # 255 colours stand for all: close on average everywhere, and nowhere a leftover of another frame.
            assert error.mean() < 4
            assert np.quantile(error.max(axis=2), 0.999) < 60


def test_equal_motions_give_equal_bytes(tmp_path: Path, walk: Walk) -> None:
    for name in ("a", "b"):
        render_preview(tmp_path / f"{name}.gif", walk(frames=4), room())
        render_contact_sheet(tmp_path / f"{name}.png", walk(frames=4), room(), poses=2)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_contact_sheet_has_a_tile_a_pose_and_a_map(tmp_path: Path, walk: Walk) -> None:
    render_contact_sheet(tmp_path / "s.png", walk(people=2, frames=60, person_classes=("staff", "patient")))
    with Image.open(tmp_path / "s.png") as sheet:
        assert sheet.format == "PNG"
        pixels = np.asarray(sheet)
    assert pixels.shape[1] == 3 * 288
    header = pixels.shape[0] - 3 * 288
    assert 20 < header < 100
    for tile in range(9):
        row, column = header + 288 * (tile // 3), 288 * (tile % 3)
        square = pixels[row : row + 288, column : column + 288]
        least = 0.004 if tile < 8 else 0.001  # the ninth is the map with the two ways
        assert share_of_hue(square, CLASS_COLORS["staff"]) > least
        assert share_of_hue(square, CLASS_COLORS["patient"]) > least


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_motions_can_be_drawn(tmp_path: Path, walk: Walk, frames: int) -> None:
    render_preview(tmp_path / "p.gif", walk(frames=frames))
    render_contact_sheet(tmp_path / "s.png", walk(frames=frames))
    assert (tmp_path / "p.gif").stat().st_size > 1000
    assert (tmp_path / "s.png").stat().st_size > 1000


@pytest.mark.parametrize(
    "prompt",
    ["", "walk " * 180, "x" * 900, "a person waves \U0001f44b and says \u4f60\u597d", "two\nlines\tand a tab"],
    ids=["empty", "long", "one word", "emoji", "line break"],
)
def test_any_prompt_fits_below_the_picture(walk: Walk, prompt: str) -> None:
    frame = next(preview_frames(walk(frames=2, prompts=(prompt,))))
    # Whatever the words, at most three lines of caption: the person keeps the picture.
    assert share_of_hue(frame[:300], CLASS_COLORS["person"]) > 0.01
    assert frame.shape == (480, 640, 3)


@pytest.mark.parametrize("render", [render_preview, render_contact_sheet])
def test_motion_with_nan_is_refused_and_nothing_is_written(
    tmp_path: Path, walk: Walk, render: Callable[..., None]
) -> None:
    motion = walk(frames=5)
    joints = motion.joints_m.copy()
    joints[0, 2, 3, 1] = np.nan
    with pytest.raises(InputError, match="^expected [^\n]*$"):
        render(tmp_path / "p", replace(motion, joints_m=joints))
    assert not list(tmp_path.iterdir())


def test_an_unwritable_place_is_one_line(tmp_path: Path, walk: Walk) -> None:
    with pytest.raises(OutputError, match="^expected [^\n]*$"):
        render_preview(tmp_path / "missing" / "p.gif", walk(frames=2))
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------ pictures


def test_people_wear_the_colours_of_their_classes_and_twins_differ(walk: Walk) -> None:
    frame = next(preview_frames(walk(people=3, frames=3, person_classes=("staff", "patient", "person"))))
    for name in ("staff", "patient", "person"):
        assert share_of_hue(frame[:320], CLASS_COLORS[name]) > 0.004
    assert twins(("person", "staff", "person", "person")) == [0, 0, 1, 2]
    assert len({person_color("person", twin) for twin in range(4)}) == 4
    assert person_color("visitor") == pytest.approx((0.58, 0.40, 0.80))


def test_left_limbs_are_lighter_than_right_ones(walk: Walk) -> None:
    joints = walk(frames=1).joints_m[0, 0]
    body = figure(joints, CLASS_COLORS["person"])

    def brightness(joint: int) -> float:
        ends = np.linalg.norm(body.ends_m - joints[joint], axis=1) < 1e-6
        return float(body.colors[ends].mean())

    for left, right in ((4, 5), (7, 8), (18, 19), (20, 21)):
        assert brightness(left) > brightness(right) + 0.15


def test_a_nose_shows_where_the_person_faces(walk: Walk) -> None:
    joints = walk(frames=1, turn_rad=0.0).joints_m[0, 0]
    body = figure(joints, CLASS_COLORS["person"])
    nose = body.ends_m[np.argmin(body.radii_m)]
    head = joints[15]
    assert nose[0] > head[0] + 0.08  # the walk faces +x
    assert abs(nose[1] - head[1]) < 0.02
    np.testing.assert_allclose(facing(joints), [1.0, 0.0], atol=1e-6)


def test_the_clock_and_the_bar_run(walk: Walk) -> None:
    frames = list(preview_frames(walk(frames=60)))
    bars = [int((np.abs(frame[-2].astype(int) - (90, 110, 150)).max(axis=1) < 6).sum()) for frame in frames]
    assert bars[0] <= 1
    assert bars == sorted(bars)
    assert bars[-1] == pytest.approx(640 * 2.9 / 3.0, abs=3)


# ------------------------------------------------------------------------------------------------ camera


@pytest.mark.parametrize("turn", [0.0, 2.0, 6.0])
@pytest.mark.parametrize("people", [1, 3])
def test_everybody_stays_in_the_picture_clear_of_the_margins(walk: Walk, turn: float, people: int) -> None:
    joints = walk(people=people, frames=120, turn_rad=turn).joints_m
    camera, _ = choose_camera(joints, None, (512, 384), MARGINS)
    x, y, depth = camera.project(joints.reshape(-1, 3))
    left, top, right, bottom = MARGINS
    assert depth.min() > 0.5
    assert x.min() >= left
    assert x.max() <= 511 - right
    assert y.min() >= top
    assert y.max() <= 383 - bottom
    # And they fill it: the box of what is framed touches two of its sides.
    assert x.max() - x.min() > 200 or y.max() - y.min() > 150


def test_fit_camera_fills_the_picture_and_centres_the_box() -> None:
    points = np.random.default_rng(3).uniform([-2, -1, 0], [3, 1, 2], size=(300, 3))
    for azimuth in np.linspace(0, 6, 7):
        camera = fit_camera(points, azimuth, (400, 300), MARGINS)
        x, y, _ = camera.project(points)
        left, top, right, bottom = MARGINS
        assert (x.min() + x.max()) / 2 == pytest.approx(199.5 + (left - right) / 2, abs=1.0)
        assert (y.min() + y.max()) / 2 == pytest.approx(149.5 + (top - bottom) / 2, abs=1.0)
        fill = max((x.max() - x.min()) / (400 - left - right), (y.max() - y.min()) / (300 - top - bottom))
        assert fill == pytest.approx(1.0, abs=0.02)


def test_the_camera_sees_people_from_the_front_and_side(walk: Walk) -> None:
    joints = walk(frames=40, turn_rad=0.0).joints_m
    _, azimuth = choose_camera(joints, None, (512, 384), MARGINS)
    assert 25 <= abs(math.degrees(math.remainder(azimuth, 2 * math.pi))) <= 95  # the walk faces +x


def test_the_camera_goes_round_to_where_furniture_does_not_hide_people(walk: Walk) -> None:
    joints = walk(frames=20, turn_rad=0.0).joints_m
    _, free = choose_camera(joints, None, (512, 384), MARGINS)
    # A screen of cupboards between the people and the camera that would have been chosen.
    rng = np.random.default_rng(0)
    centre = joints[0, :, 0, :2].mean(axis=0)
    along, height = rng.uniform(-2, 2, 6000), rng.uniform(0, 2, 6000)
    ahead = np.array([math.cos(free), math.sin(free)])
    screen = centre + 1.2 * ahead + along[:, None] * np.array([-ahead[1], ahead[0]])
    base = room()
    points = np.concatenate([screen, height[:, None]], axis=1).astype(np.float32)
    scene = replace(
        base,
        points_m=points,
        labels=np.full(len(points), 3, dtype=np.int32),
        instances=np.full(len(points), -1, dtype=np.int32),
        colors=None,
    )
    view = room_view(scene)
    camera, azimuth = choose_camera(joints, view, (512, 384), MARGINS)
    assert abs(math.remainder(azimuth - free, 2 * math.pi)) > 0.4
    assert hidden_share(joints, view, camera, azimuth) < 0.05
    blocked, _ = choose_camera(joints, None, (512, 384), MARGINS)
    assert hidden_share(joints, view, blocked, free) > 0.6


def cupboards(centre: np.ndarray, radius_m: float, towards_rad: np.ndarray) -> Scene:
    """Cupboards of two metres around a place, on its sides in some directions."""
    rng = np.random.default_rng(0)
    angle = rng.choice(towards_rad, 20000) + rng.uniform(-0.1, 0.1, 20000)
    place = centre + radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.concatenate([place, rng.uniform(0, 2, (20000, 1))], axis=1).astype(np.float32)
    marks = np.full(len(points), 3, dtype=np.int32)
    return replace(room(), points_m=points, labels=marks, instances=np.full_like(marks, -1), colors=None)


def test_a_contact_sheet_goes_round_what_would_hide_one_of_its_moments(walk: Walk) -> None:
    joints = walk(frames=41, turn_rad=0.0).joints_m.astype(np.float64)
    picked, tile = np.linspace(0, 40, 8).round().astype(np.int64), ((288, 288), (12.0, 26.0, 12.0, 12.0))
    open_cameras, free = choose_following_cameras(joints, picked, None, *tile)
    # Close to where the last pose is, and nowhere near the others.
    last = joints[:, -1].mean(axis=(0, 1))[:2]
    view = room_view(cupboards(last, 0.7, free + np.linspace(-0.3, 0.3, 10)))
    assert hidden_share(joints[:, -1], view, open_cameras[-1], free) > 0.5
    cameras, azimuth = choose_following_cameras(joints, picked, view, *tile)
    hidden = [hidden_share(joints[:, f], view, camera, azimuth) for f, camera in zip(picked, cameras, strict=True)]
    assert max(hidden) < 0.1
    assert choose_following_cameras(joints, picked, view, *tile)[1] == azimuth


def test_between_high_furniture_all_around_the_camera_looks_down(walk: Walk) -> None:
    joints = walk(frames=2, turn_rad=0.0).joints_m.astype(np.float64)
    picked, tile = np.array([0, 1]), ((288, 288), (12.0, 26.0, 12.0, 12.0))
    open_cameras, _ = choose_following_cameras(joints, picked, None, *tile)
    centre = joints.mean(axis=(0, 1, 2))[:2]
    view = room_view(cupboards(centre, 1.3, np.linspace(-math.pi, math.pi, 60)))
    cameras, azimuth = choose_following_cameras(joints, picked, view, *tile)
    assert cameras[0].axes[2][2] < open_cameras[0].axes[2][2] - 0.2  # the way it looks points further down
    seen = hidden_share(joints, view, cameras[0], azimuth)
    level = following_cameras(joints, azimuth, *tile)
    assert seen < hidden_share(joints, view, level[0], azimuth) - 0.3


# ------------------------------------------------------------------------------------------------ room


@pytest.mark.parametrize("labels", [True, False])
def test_the_ceiling_is_taken_off_and_near_walls_are_opened(labels: bool) -> None:
    view = room_view(room(labels=labels))
    assert view.points_m[:, 2].max() < CEILING_FROM_M
    assert view.floor.sum() == pytest.approx(8000, rel=0.1)
    opened = view.opened((1.0, 0.0), (0.0, 0.0))
    x, height = opened.points_m[:, 0], opened.points_m[:, 2]
    # The wall at +x is gone, the one at -x and the furniture stand.
    assert ((x > 2.4) & (height > 1.0)).sum() == 0
    assert ((x < -2.4) & (height > 1.0)).sum() > 1000
    block = (np.abs(x - 1.85) < 0.34) & (np.abs(opened.points_m[:, 1]) < 0.49) & (height > 0.1)
    assert block.sum() > 2000


def test_rooms_without_colours_are_coloured_by_label_or_height() -> None:
    labelled, bare = room_view(room(colors=False)), room_view(room(labels=False, colors=False))
    bed = np.abs(labelled.points_m[:, 0] - 1.85) < 0.3
    bed &= (np.abs(labelled.points_m[:, 1]) < 0.4) & (labelled.points_m[:, 2] > 0.1)
    assert len(np.unique(labelled.colors[bed], axis=0)) == 1
    assert (labelled.colors[bed][0] != labelled.colors[labelled.floor][0]).any()
    low, high = bare.points_m[:, 2] < 0.6, bare.points_m[:, 2] > 1.8
    assert bare.colors[high & ~bare.floor].mean() > bare.colors[low & ~bare.floor & ~bare.wall].mean() + 0.05
    for view in (labelled, bare):
        assert view.colors.min() >= 0
        assert view.colors.max() <= 1


def test_furniture_in_front_of_a_person_is_drawn_over_them(walk: Walk) -> None:
    motion = walk(frames=4, turn_rad=0.0)
    joints = motion.joints_m.astype(float)
    empty = next(preview_frames(motion))
    # Everything around the legs is boxed in: the legs shine through faintly from every side.
    rng = np.random.default_rng(1)
    angle, height = rng.uniform(0, 2 * math.pi, 40_000), rng.uniform(0, 0.8, 40_000)
    ring = joints[0, :, 0, :2].mean(axis=0) + 0.6 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    base = room()
    points = np.concatenate([ring, height[:, None]], axis=1).astype(np.float32)
    scene = replace(
        base,
        points_m=points,
        labels=np.full(len(points), 3, dtype=np.int32),
        instances=np.full(len(points), -1, dtype=np.int32),
        colors=np.full((len(points), 3), 140, dtype=np.uint8),
    )
    boxed = next(preview_frames(motion, scene))
    color = CLASS_COLORS["person"]
    assert 0.001 < share_of_hue(boxed[:320], color) < 0.75 * share_of_hue(empty[:320], color)


def test_sticks_on_request_and_nothing_else(walk: Walk) -> None:
    motion = walk(frames=4)
    body, stick = (next(iter(preview_frames(motion, style=style))) for style in ("body", "stick"))
    assert (body != stick).any(axis=2).mean() > 0.01
    for frame in (body, stick):
        assert share_of_hue(frame, CLASS_COLORS["person"]) > 0.004
    with pytest.raises(InputError, match=r"body, stick, got 'hologram'"):
        next(iter(preview_frames(motion, style="hologram")))
