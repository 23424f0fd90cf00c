"""The plan of a room: things are where they are, in their colours, and people's ways are drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from motion_preprocessing.labels import object_class
from motion_preprocessing.scene import load_scene
from motion_runtime.figure import CLASS_COLORS
from motion_runtime.motion import Motion
from motion_runtime.room_plan import draw_room_plan, room_plan
from motion_runtime.room_view import CLASS_PALETTE

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"


def hue_places(picture: np.ndarray, color: tuple[float, float, float]) -> np.ndarray:
    """Pixels (N, 2) as x, y whose hue is that of a colour."""
    hsv = np.asarray(Image.fromarray(picture).convert("HSV")).astype(int)
    wanted = Image.new("RGB", (1, 1), tuple(round(255 * c) for c in color)).convert("HSV").getpixel((0, 0))
    apart = np.abs((hsv[..., 0] - wanted[0] + 128) % 256 - 128)  # type: ignore[index]
    rows, columns = np.nonzero((apart < 6) & (hsv[..., 1] > 70))
    return np.stack([columns, rows], axis=1)


def test_things_walls_and_ways_lie_where_they_are(tmp_path: Path, walk: Callable[..., Motion]) -> None:
    scene = load_scene(WARD)
    motion = walk(people=1, frames=30, person_classes=("staff",))
    draw_room_plan(tmp_path / "room.png", scene, [motion])
    with Image.open(tmp_path / "room.png") as file:
        assert file.format == "PNG"
        picture = np.asarray(file.convert("RGB"))
    assert max(picture.shape) <= 910
    # The bed (blue) is up on the right, the walker (red) to the right below it: two known places give the scale.
    bed = hue_places(picture, CLASS_PALETTE[object_class("bed") - 1])
    low, high = np.percentile(bed, [2, 98], axis=0)
    middle, per_metre = (low + high) / 2, float(high[0] - low[0]) / 2.12
    walker = np.median(hue_places(picture, CLASS_PALETTE[object_class("walker") - 1]), axis=0)
    off = (walker - middle) / per_metre
    np.testing.assert_allclose(off, (3.99 - 3.28, -(2.01 - 4.21)), atol=0.2)
    # The ward's west wall is at x = 0: dark from 1 to 2 m.
    column = round(middle[0] - 3.28 * per_metre)
    rows = slice(round(middle[1] + 2.3 * per_metre), round(middle[1] + 3.1 * per_metre))
    assert (picture[rows, column - 2 : column + 3].mean(axis=2) < 150).any(axis=1).mean() > 0.9
    # The way starts where the person starts.
    staff = hue_places(picture, CLASS_COLORS["staff"])
    start = middle + per_metre * (motion.joints_m[0, 0, 0, :2] - (3.28, 4.21)) * (1, -1)
    assert np.linalg.norm(staff - start, axis=1).min() < 6


def test_equal_rooms_give_equal_pictures_and_blind_ones_have_walls() -> None:
    scene = load_scene(WARD, labels="ignore")
    first, again = (np.asarray(room_plan(scene)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first.mean(axis=2) < 130).sum() > 3000
