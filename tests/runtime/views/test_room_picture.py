"""The room in a camera, as `motion-run inspect --cameras` draws it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from motion_preprocessing.scene import Scene
from motion_runtime.cli import main
from motion_runtime.views.room_picture import draw_room_picture
from motion_runtime.views.view_camera import ViewCamera

WARD = Path(__file__).parents[3] / "examples" / "ward.ply"
CAMERAS = [
    {"name": "ceiling", "width": 320, "height": 180, "fov_deg": 90, "position": [0.3, 0.3, 2.4], "look_at": [2, 3, 0]},
    {"name": "small", "width": 160, "height": 120, "fov_deg": 70, "position": [2, 0.3, 1.5], "look_at": [2, 3, 1]},
]


def test_a_thing_is_in_the_picture_where_its_pixels_are(
    tmp_path: Path, camera_at: Callable[..., ViewCamera], board: Callable[..., Scene]
) -> None:
    camera = camera_at((4.0, 0.0, 1.0))
    room = board(0.0, (-1.0, -0.2), (0.8, 1.6))
    red = replace(room, colors=np.tile(np.array([200, 20, 20], dtype=np.uint8), (len(room), 1)))
    draw_room_picture(tmp_path / "a.png", camera, red)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (960, 540)
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    row, column = np.nonzero(pixels[..., 0] > pixels[..., 2] + 40)
    (low, high), _ = camera.project(np.array([[0.0, -0.2, 1.6], [0.0, -1.0, 0.8]]))  # it looks along -x: y is right
    edges = sorted((low[0], high[0])), sorted((low[1], high[1]))
    # Points are drawn somewhat larger than they are apart: 4 cm are 7 pixels here.
    np.testing.assert_allclose([column.min(), column.max()], np.array(edges[0]) * 0.75, atol=7)
    np.testing.assert_allclose([row.min(), row.max()], np.array(edges[1]) * 0.75, atol=7)


def test_inspect_draws_every_camera_beside_the_plan(tmp_path: Path) -> None:
    (tmp_path / "cameras.json").write_text(json.dumps(CAMERAS))
    words = ["inspect", str(WARD), "--cameras", str(tmp_path / "cameras.json"), "--picture", str(tmp_path / "plan.png")]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0, told.output
    assert f"small: {tmp_path / 'ward_small.png'}" in told.stdout
    for name, size in (("ceiling", (320, 180)), ("small", (160, 120))):
        with Image.open(tmp_path / f"ward_{name}.png") as picture:
            assert picture.size == size
            assert np.asarray(picture).std() > 10
    bundle = CliRunner().invoke(main, ["inspect", str(tmp_path), *words[2:4]])
    assert bundle.exit_code == 2
    assert "expected a room beside --cameras" in bundle.stderr
