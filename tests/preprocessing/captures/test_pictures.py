"""Pictures show what they say: colours and places are looked up in the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from motion_preprocessing.captures.drawing import (
    FLOOR,
    NEAR_TO_FAR,
    Axes,
    color_bar,
    depth_colors,
    person_color,
    ticks,
)
from motion_preprocessing.captures.lifting import LiftConfig, Lifted, lift
from motion_preprocessing.captures.pictures import (
    cloud_picture,
    depth_picture,
    floor_picture,
    histogram_picture,
    overlay_pictures,
)
from motion_preprocessing.captures.read import Capture, read_capture
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import BONES, REST_OFFSETS_M

pytest.importorskip("scipy")


@pytest.fixture(scope="module")
def lifted(pristine: Path) -> tuple[Capture, Lifted]:
    capture = read_capture(pristine / "house/room_1/noon")
    return capture, lift(capture, LiftConfig())


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.3, 5.2, [1, 2, 3, 4, 5]), (-1.0, 1.0, [-1, -0.5, 0, 0.5, 1]), (0.0, 70.0, [0, 20, 40, 60])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high, 5) == expected


def test_near_is_light_and_far_is_dark() -> None:
    colors = depth_colors(np.array([1.0, 2.5, 4.0, 9.0, np.nan]), 1.0, 4.0)
    np.testing.assert_array_equal(colors[0], NEAR_TO_FAR[0])
    np.testing.assert_array_equal(colors[1], NEAR_TO_FAR[2])
    np.testing.assert_array_equal(colors[[2, 3]], [NEAR_TO_FAR[-1]] * 2)
    np.testing.assert_array_equal(colors[4], [255, 255, 255])
    assert (np.diff(NEAR_TO_FAR.sum(axis=1)) < 0).all()


def test_the_bar_has_the_colours_of_its_values() -> None:
    picture = Image.new("RGB", (120, 240), "white")
    color_bar(ImageDraw.Draw(picture), 10, 20, 201, 1.0, 5.0)
    pixels = np.asarray(picture)
    for value in (1.5, 3.0, 4.5):
        row = 20 + round((value - 1.0) / 4.0 * 200)
        np.testing.assert_array_equal(pixels[row, 20], depth_colors(np.array(value), 1.0, 5.0))
    assert (pixels[120, 33:39] == 40).all()  # the mark of 3 m


def test_metres_keep_their_proportions() -> None:
    axes = Axes.around(np.linspace(0, 4, 500), np.linspace(1, 2, 500), left=50, top=10, width=400, height=300)
    assert axes.column(3.0) - axes.column(2.0) == pytest.approx(axes.scale)
    assert axes.line(1.0) - axes.line(2.0) == pytest.approx(axes.scale)
    assert axes.column(2.0) == pytest.approx(250, abs=1)
    assert axes.line(1.5) == pytest.approx(160, abs=1)


def test_bones_are_drawn_over_people_in_their_colours(lifted: tuple[Capture, Lifted]) -> None:
    capture, result = lifted
    pictures = dict(overlay_pictures(capture, result))
    assert list(pictures) == ["overlay_000000.png", "overlay_000023.png"]
    pixels = np.asarray(pictures["overlay_000023.png"]).astype(int)
    scale = 960 // capture.camera.width
    assert pixels.shape[1] == 960
    tracks = [track.track_id for track in result.poses.tracks]
    camera_from_world = np.linalg.inv(result.world_from_camera)
    found = 0
    for person in result.people:
        at = 23 - person.first_frame
        if not (0 <= at < len(person.seen) and person.seen[at]):
            continue
        joints, _ = forward_kinematics(
            person.local_rotations[at], person.root_position_m[at], person.body_scale * REST_OFFSETS_M
        )
        places = scale * capture.camera.project(joints @ camera_from_world[:3, :3].T + camera_from_world[:3, 3])
        color = np.array(person_color(tracks.index(person.track_id)))
        for a, b in BONES[:6]:  # hips, legs and back
            x, y = np.round(places[[a, b]].mean(axis=0)).astype(int)
            if 4 < x < 955 and 4 < y < scale * capture.camera.height - 5:
                patch = pixels[y - 4 : y + 5, x - 4 : x + 5]
                found += bool((np.abs(patch - color).max(axis=-1) < 8).any())
    assert found >= 5


def test_the_floor_line_of_the_cloud_lies_below_the_room(lifted: tuple[Capture, Lifted]) -> None:
    picture = np.asarray(cloud_picture(lifted[1]))
    assert picture.shape == (720, 1600, 3)
    side = picture[:, 860:1560]
    floor = (side == FLOOR).all(axis=-1)
    rows = np.flatnonzero(floor.mean(axis=1) > 0.5)
    assert 1 <= len(rows) <= 3  # one level line through the panel
    inked = (side < 200).any(axis=-1)
    assert inked[: rows[0] - 20].sum() > 10 * inked[rows[0] + 40 : 640].sum()


def test_other_pictures_are_large_enough_to_read(lifted: tuple[Capture, Lifted]) -> None:
    _, result = lifted
    depth = np.asarray(depth_picture(result))
    assert depth.shape[1] >= 960 + 100
    at = 40 + 6 * 100 + 3, 6 * 30 + 3  # the middle of pixel (30, 100), six times as large
    known = result.room.fused.depth_m[np.isfinite(result.room.fused.depth_m)]
    low, high = np.percentile(known, [1.0, 99.0])
    expected = depth_colors(result.room.fused.depth_m[100, 30], low, high)
    np.testing.assert_array_equal(depth[at], expected)
    assert floor_picture(result).size == (1280, 480)
    empty = histogram_picture(np.zeros(0), np.zeros(0, bool))
    full = histogram_picture(np.array([1.0, 2.0, 30.0]), np.array([True, True, False]))
    assert full.size == empty.size == (1280, 480)
    assert (np.asarray(full) == FLOOR).all(axis=-1).sum() > 100
    assert not (np.asarray(empty) == FLOOR).all(axis=-1).any()
