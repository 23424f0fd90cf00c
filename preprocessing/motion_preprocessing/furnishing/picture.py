"""Contact sheets of furnished windows: each from above and from the side, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from motion_preprocessing.body_capsules import body_capsules
from motion_preprocessing.furnishing.furnisher import Furnishing
from motion_preprocessing.furnishing.item import to_item
from motion_preprocessing.labels import OBJECT_CLASSES

Floats = NDArray[np.floating[Any]]

_PALETTE: Final = (
    (150, 150, 150), (76, 120, 200), (214, 110, 40), (178, 60, 120), (220, 160, 40), (96, 150, 80), (60, 130, 110),
    (140, 100, 190), (150, 110, 80), (110, 90, 60), (90, 140, 170), (200, 60, 60), (230, 100, 150), (70, 170, 190),
    (40, 110, 150), (110, 170, 220), (190, 170, 60), (50, 150, 50), (60, 60, 70), (120, 90, 120),
)  # fmt: skip
_BODY: Final = ((205, 92, 72), (64, 96, 190), (70, 140, 80), (150, 90, 160))
_SPAN_M: Final = 3.6


def picture(people_m: Floats, furnishing: Furnishing, caption: str = "", size_px: int = 300) -> Image.Image:
    """Draw a window: left from above, right from the side, bodies at the used moment and, paler, at others."""
    people = np.asarray(people_m)
    frames = people.shape[1]
    moment, person, middle, yaw = frames // 2, 0, None, 0.0
    if furnishing.uses:
        rank = ("sit", "lie", "reach", "climb", "walk_to", "fall_from", "sit_down", "stand_up", "lie_down", "get_up")
        use = min(furnishing.uses, key=lambda u: rank.index(u.use))
        moment, person = min((use.start + use.stop) // 2, frames - 1), use.person
        if use.use == "walk_to":
            moment = min(use.stop + 5, frames - 1)
        placed = furnishing.placed[use.placed]
        middle, yaw = np.array(placed.origin_m), placed.yaw_rad
    pelvis = people[person, moment, 0, :2]
    middle = pelvis if middle is None else (middle + pelvis) / 2
    image = Image.new("RGB", (2 * size_px, size_px + 44), "white")
    for view in (0, 1):
        image.paste(_view(people, furnishing, moment, middle, yaw, view, size_px), (view * size_px, 0))
    used = ", ".join(f"{u.use} {u.object_class} {u.start}-{u.stop}" for u in furnishing.uses) or "nothing used"
    draw = ImageDraw.Draw(image)
    for row, text in enumerate((caption, used[:100], used[100:200])):
        draw.text((4, size_px + 2 + 13 * row), text[: size_px // 3], fill=(20, 20, 20))
    return image


def _view(
    people: Floats, furnishing: Furnishing, moment: int, middle: Floats, yaw: float, view: int, size_px: int
) -> Image.Image:
    """One view at twice the size, scaled down for smooth edges."""
    wide = 2 * size_px
    scale = wide / _SPAN_M
    image = Image.new("RGB", (wide, wide), (250, 250, 252))
    draw = ImageDraw.Draw(image)

    def flat(points: Floats) -> tuple[Floats, Floats]:
        own = to_item(points, yaw, middle)
        if view == 0:
            pixel = np.stack([wide / 2 + scale * own[..., 0], wide / 2 - scale * own[..., 1]], axis=-1)
            return pixel, own[..., 2]
        pixel = np.stack([wide / 2 + scale * own[..., 0], 0.85 * wide - scale * own[..., 2]], axis=-1)
        return pixel, -own[..., 1]

    if view == 1:
        draw.line([(0, 0.85 * wide), (wide, 0.85 * wide)], fill=(180, 180, 185), width=2)
    pixels, near = flat(furnishing.points_m)
    colours = [_colour(furnishing.placed[o].object_class) for o in furnishing.objects]
    for k in np.argsort(near):
        x, y = pixels[k]
        draw.rectangle((x - 2, y - 2, x + 2, y + 2), fill=colours[k])
    frames = people.shape[1]
    for frame in [*range(0, frames, max(1, frames // 6)), moment]:
        for index, joints in enumerate(people[:, frame]):
            if np.isfinite(joints).all():
                tone = _BODY[index % len(_BODY)]
                colour = tone if frame == moment else tuple(int(0.35 * c + 0.65 * 245) for c in tone)
                _body(draw, joints, flat, scale, colour, outline=frame == moment)
    return image.resize((size_px, size_px), Image.Resampling.LANCZOS)


def _colour(name: str) -> tuple[int, int, int]:
    return _PALETTE[OBJECT_CLASSES.index(name) % len(_PALETTE)]


def _body(draw: ImageDraw.ImageDraw, joints: Floats, flat: Any, scale: float, colour: Any, *, outline: bool) -> None:
    starts, ends, radii = body_capsules(joints)
    (a, depth), (b, _) = flat(starts), flat(ends)
    for k in np.argsort(depth):
        width = max(2, int(2 * radii[k] * scale)) if outline else max(2, int(0.5 * radii[k] * scale))
        draw.line([tuple(a[k]), tuple(b[k])], fill=colour, width=width)
        if outline:
            for x, y in (a[k], b[k]):
                draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)


def contact_sheet(pictures: Sequence[Image.Image], columns: int = 3) -> Image.Image:
    """Put pictures of one size into rows."""
    wide, high = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * wide, rows * high), "white")
    for k, one in enumerate(pictures):
        sheet.paste(one, (k % columns * wide, k // columns * high))
    return sheet
