"""What the pictures of captures share: colours, letters, axes in metres, colour bars. Pillow alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Array = NDArray[np.float64]
Color = tuple[int, int, int]

INK: Final[Color] = (40, 40, 40)
GRID: Final[Color] = (222, 222, 222)
FLOOR: Final[Color] = (214, 96, 40)
REST: Final[Color] = (120, 140, 165)
PEOPLE: Final[tuple[Color, ...]] = ((30, 110, 245), (255, 150, 0), (20, 165, 80), (215, 40, 150), (120, 80, 220))
NEAR_TO_FAR: Final = np.array([[250, 240, 120], [245, 150, 50], [190, 50, 90], [90, 25, 120], [15, 10, 50]])
LETTERS: Final = 16


def person_color(number: int) -> Color:
    """Return the colour of the person with this number, the same in every picture of a capture."""
    return PEOPLE[number % len(PEOPLE)]


def write(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, color: Color = INK, *, anchor: str = "la") -> None:
    """Write in letters that can be read."""
    draw.text((x, y), text, fill=color, font=ImageFont.load_default(LETTERS), anchor=anchor)


def tag(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, color: Color) -> None:
    """Write white on a patch of colour, whatever lies below; (x, y) is the middle of its lower edge."""
    font = ImageFont.load_default(LETTERS)
    box = draw.textbbox((x, y), text, font=font, anchor="mb")
    draw.rectangle((box[0] - 4, box[1] - 3, box[2] + 4, box[3] + 3), fill=color)
    draw.text((x, y), text, fill="white", font=font, anchor="mb")


def line_with_rim(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], color: Color, width: int) -> None:
    """Draw a line that stands out from whatever lies below."""
    draw.line(points, fill="white", width=width + 3, joint="curve")
    draw.line(points, fill=color, width=width, joint="curve")


def depth_colors(depth_m: Array, low: float, high: float) -> NDArray[np.uint8]:
    """Return colours (..., 3), near in light and far in dark ones; white where nothing is known."""
    known = np.isfinite(depth_m)
    share = np.clip((np.where(known, depth_m, low) - low) / max(high - low, 1e-6), 0.0, 1.0) * (len(NEAR_TO_FAR) - 1)
    at = np.minimum(share.astype(np.int64), len(NEAR_TO_FAR) - 2)
    rest = (share - at)[..., None]
    colors = NEAR_TO_FAR[at] * (1 - rest) + NEAR_TO_FAR[at + 1] * rest
    colors[~known] = 255
    return np.asarray(colors, dtype=np.uint8)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return round values between two others: steps of 1, 2 or 5 times a power of ten, at most `most` of them."""
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-6) / most))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= most)
    first = int(np.ceil(low / step - 1e-9))
    return [round(number * step, 6) for number in range(first, int(np.floor(high / step + 1e-9)) + 1)]


def color_bar(draw: ImageDraw.ImageDraw, left: int, top: int, height: int, low: float, high: float) -> None:
    """Draw the scale of `depth_colors`, near at the top, with its values in metres to the right."""
    values = np.linspace(low, high, height)
    for row, color in enumerate(depth_colors(values, low, high).tolist()):
        draw.line((left, top + row, left + 22, top + row), fill=tuple(color))
    draw.rectangle((left, top, left + 22, top + height - 1), outline=INK)
    for value in ticks(low, high, 8):
        y = top + (value - low) / max(high - low, 1e-6) * (height - 1)
        draw.line((left + 22, y, left + 28, y), fill=INK)
        write(draw, left + 32, y, f"{value:g}", anchor="lm")


@dataclass(frozen=True)
class Axes:
    """A part of a picture in which metres are drawn, both axes to one scale."""

    left: float
    top: float
    width: float
    height: float
    low: tuple[float, float]
    """Metres at the lower left corner."""
    scale: float
    """Pixels a metre."""

    @classmethod
    def around(cls, x: Array, y: Array, *, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes that show the points but for outliers, in the middle of the space."""
        low_x, high_x = np.percentile(x, [0.5, 99.5])
        low_y, high_y = np.percentile(y, [0.5, 99.5])
        scale = min(width / max(high_x - low_x, 1.0), height / max(high_y - low_y, 1.0))
        spare = (width / scale - (high_x - low_x)) / 2, (height / scale - (high_y - low_y)) / 2
        return cls(left, top, width, height, (float(low_x - spare[0]), float(low_y - spare[1])), float(scale))

    def column(self, x: Any) -> Any:
        """Return where x metres are drawn."""
        return self.left + (x - self.low[0]) * self.scale

    def line(self, y: Any) -> Any:
        """Return where y metres are drawn."""
        return self.top + self.height - (y - self.low[1]) * self.scale

    def draw_grid(self, draw: ImageDraw.ImageDraw, title: str, names: tuple[str, str]) -> None:
        """Draw lines of whole metres with their numbers, a title above and what is counted."""
        for value in ticks(self.low[0], self.low[0] + self.width / self.scale, 10):
            draw.line((self.column(value), self.top, self.column(value), self.top + self.height), fill=GRID)
            write(draw, self.column(value), self.top + self.height + 6, f"{value:g}", anchor="ma")
        for value in ticks(self.low[1], self.low[1] + self.height / self.scale, 8):
            draw.line((self.left, self.line(value), self.left + self.width, self.line(value)), fill=GRID)
            write(draw, self.left - 6, self.line(value), f"{value:g}", anchor="rm")
        write(draw, self.left, self.top - 28, title)
        write(draw, self.left + self.width / 2, self.top + self.height + 26, names[0], anchor="ma")
        write(draw, self.left + self.width, self.top - 28, names[1], anchor="ra")

    def draw_points(self, picture: Image.Image, x: Array, y: Array, colors: NDArray[np.uint8], size: int) -> None:
        """Draw points as squares, the later ones above."""
        pixels = np.asarray(picture).copy()
        column = np.round(self.column(x)).astype(np.int64)
        line = np.round(self.line(y)).astype(np.int64)
        for dx in range(size):
            for dy in range(size):
                i, j = line + dy, column + dx
                inside = (i >= self.top) & (i <= self.top + self.height)
                inside &= (j >= self.left) & (j <= self.left + self.width)
                pixels[i[inside], j[inside]] = colors[inside]
        picture.paste(Image.fromarray(pixels))

    def draw_scale_bar(self, draw: ImageDraw.ImageDraw) -> None:
        """Draw the length of one metre into the lower right corner."""
        right, y = self.left + self.width - 14, self.top + self.height - 14
        left = right - self.scale
        draw.rectangle((left - 10, y - 30, right + 10, y + 10), fill="white", outline=GRID)
        draw.line((left, y, right, y), fill=INK, width=3)
        for x in (left, right):
            draw.line((x, y - 6, x, y + 6), fill=INK, width=3)
        write(draw, (left + right) / 2, y - 6, "1 m", anchor="mb")
