"""A room that came as a mesh in the page: its triangles in parts, and what a browser makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import trimesh

from motion_preprocessing.scene import Scene, load_scene
from motion_runtime.motion import Motion
from motion_runtime.room_view import lightened
from motion_runtime.viewer.arrays import ArrayBlock
from motion_runtime.viewer.page import view_page, write_view
from motion_runtime.viewer.room import room_payload
from motion_runtime.viewer.samples import Shown

from .test_viewer_browser import middle
from .test_viewer_page import Read

if TYPE_CHECKING:
    from .conftest import Browser

SIZE = (5.0, 4.0, 2.6)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A red room with its origin in a corner, and a red box on its floor."""
    room = trimesh.creation.box(SIZE)
    room.apply_translation(np.array(SIZE) / 2)
    room.invert()
    box = trimesh.creation.box((0.6, 0.8, 1.0))
    box.apply_translation((4.2, 3.2, 0.5))
    both = trimesh.util.concatenate([room, box])
    both.visual.vertex_colors = np.tile(np.array([200, 30, 30, 255], np.uint8), (len(both.vertices), 1))
    path = tmp_path_factory.mktemp("drawn") / "room.ply"
    both.export(path)
    return load_scene(path)


@pytest.fixture(scope="module")
def address(drawn: Scene, walk: Callable[..., Motion], tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("faces") / "faces.html"
    write_view(path, [Shown(walk(prompts=("walks",)), "sample_000")], drawn, title="drawn")
    return path.as_uri()


@pytest.fixture
def page(browser: Browser) -> Browser:
    browser.resize(640, 480)
    browser.prefer("light")
    return browser


def test_the_faces_come_back_from_the_page_without_the_ceiling(drawn: Scene, walk: Callable[..., Motion]) -> None:
    read = Read(view_page([Shown(walk())], drawn))
    room = read.payload["room"]
    points = read.array(room["points"]).reshape(-1, 3) * room["unit"] + np.array(room["origin"])
    assert len(points) == room["count"]
    parts = {name: read.array(ref).reshape(-1, 3) for name, ref in room["faces"].items()}
    assert {name: len(faces) for name, faces in parts.items()} == {"floor": 2, "walls": 8, "things": 12}
    np.testing.assert_allclose(points[parts["floor"], 2], 0.0, atol=1e-4)
    np.testing.assert_allclose(np.ptp(points[np.unique(parts["things"])], axis=0), (0.6, 0.8, 1.0), atol=2e-3)
    assert trimesh.Trimesh(points, parts["walls"], process=False).area == pytest.approx(2 * (5 + 4) * 2.6, rel=1e-3)
    # Level faces are the brightest, walls differ by where they face.
    red = read.array(room["colors"]).reshape(-1, 3)[:, 0].astype(float)
    floor = red[np.unique(parts["floor"])]
    assert np.ptp(floor) == 0
    shades = {round(value / floor[0], 2) for value in red[np.unique(parts["walls"])]}
    assert len(shades) == 2
    assert max(shades) == pytest.approx(0.93, abs=0.01)
    assert min(shades) == pytest.approx(0.86, abs=0.01)


def test_a_cloud_stays_points(drawn: Scene) -> None:
    assert "faces" not in room_payload(replace(drawn, mesh=None), ArrayBlock())


def test_faces_are_drawn_and_no_wall_hides_the_room(page: Browser, address: str) -> None:
    page.open(address + "#play=0")
    shown = middle(page.picture())
    red = (shown[..., 0] > shown[..., 1] + 40) & (shown[..., 0] > shown[..., 2] + 40)
    assert red.mean() > 0.15
    # Walls are darker than the floor, which is seen through those between it and the camera.
    floor = 255 * lightened(np.array([[200, 30, 30]]) / 255.0)[0]
    assert (np.abs(shown - floor).max(axis=-1) < 5).mean() > 0.03
    page.press("r")
    hidden = middle(page.picture())
    assert ((hidden[..., 0] > hidden[..., 1] + 40) & (hidden[..., 0] > hidden[..., 2] + 40)).mean() < 0.01
    assert page.complaints() == []
    assert page.requests() == [address]
