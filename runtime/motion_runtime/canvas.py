"""A small software renderer: points, capsules, a floor and shadows on one depth buffer, numpy only.

World: Z up, metres. Pixels: x to the right, y down, the centre of the first pixel at (0, 0). Depth is the distance
along the view direction in metres. Colours are float32 RGB in 0..1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
AnyArray = NDArray[np.floating[Any]]

SKY_TOP: Final = (0.975, 0.98, 0.99)
SKY_BOTTOM: Final = (0.90, 0.915, 0.935)
FLOOR: Final = (0.862, 0.873, 0.89)
GRID: Final = (0.70, 0.725, 0.76)
SHADOW: Final = (0.12, 0.14, 0.20)
_LIGHT: Final = np.array([-0.45, 0.75, 0.49], dtype=np.float32)
"""Unit direction towards the light in view axes: right, up, towards the viewer."""
_NEAR_M: Final = 0.1
_FINER: Final = 2
"""Bodies are drawn so many times finer and then averaged: their outlines are smooth."""
_GHOST: Final = 0.28
"""How much of a body shines through the room in front of it."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that stands still and level."""

    eye_m: NDArray[np.float64]
    """(3,) position."""
    axes: NDArray[np.float64]
    """(3, 3) rows: right, up, forward; orthonormal."""
    focal_px: float
    """Focal length in pixels."""
    width: int
    height: int

    @classmethod
    def look_at(
        cls, target_m: AnyArray, azimuth_rad: float, elevation_rad: float, distance_m: float, focal_px: float,
        size: tuple[int, int],
    ) -> Camera:  # fmt: skip
        """Look at a point from `distance_m` away; azimuth counter-clockwise from +x is where the camera stands."""
        c, s = np.cos(azimuth_rad), np.sin(azimuth_rad)
        away = np.array([c * np.cos(elevation_rad), s * np.cos(elevation_rad), np.sin(elevation_rad)])
        right = np.array([-s, c, 0.0])
        forward = -away
        up = np.cross(right, forward)
        eye = np.asarray(target_m, dtype=np.float64) + distance_m * away
        return cls(eye, np.stack([right, up, forward]), focal_px, *size)

    def project(self, points_m: AnyArray) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Pixel x, pixel y and depth (...) of points (..., 3)."""
        view = (np.asarray(points_m, dtype=np.float64) - self.eye_m) @ self.axes.T
        depth = np.maximum(view[..., 2], 1e-6)
        x = (self.width - 1) / 2 + self.focal_px * view[..., 0] / depth
        y = (self.height - 1) / 2 - self.focal_px * view[..., 1] / depth
        return x, y, view[..., 2]

    def floor_of_pixels(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """World x, y and depth (H, W) of the floor z = 0 in each pixel; depth is infinite above the horizon."""
        x = (np.arange(self.width) - (self.width - 1) / 2) / self.focal_px
        y = ((self.height - 1) / 2 - np.arange(self.height)) / self.focal_px
        ray = self.axes[2] + x[None, :, None] * self.axes[0] + y[:, None, None] * self.axes[1]  # (H, W, 3), depth 1
        falling = ray[..., 2] < -1e-3
        depth = np.where(falling, -self.eye_m[2] / np.where(falling, ray[..., 2], 1.0), np.inf)
        reach = np.where(falling, depth, 0.0)
        return self.eye_m[0] + reach * ray[..., 0], self.eye_m[1] + reach * ray[..., 1], depth


class Canvas:
    """Colour and depth of a picture; `copy` gives a fresh one to draw people on, over the same room.

    The room's depth and the bodies' are kept apart, so that a body is seen faintly through what hides it.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        shade = np.linspace(0, 1, camera.height, dtype=np.float32)[:, None, None]
        sky = (1 - shade) * np.array(SKY_TOP, dtype=np.float32) + shade * np.array(SKY_BOTTOM, dtype=np.float32)
        self.color: Array = np.broadcast_to(sky, (camera.height, camera.width, 3)).copy()
        self.depth: Array = np.full((camera.height, camera.width), np.inf, dtype=np.float32)
        self.body_depth: Array = self.depth.copy()
        self.floor_x, self.floor_y, self.floor_depth = (a.astype(np.float32) for a in camera.floor_of_pixels())
        self.floor_seen: NDArray[np.bool_] = np.isfinite(self.floor_depth)

    def copy(self) -> Canvas:
        """Return a canvas with its own colours and bodies; the room is shared."""
        other = object.__new__(Canvas)
        other.__dict__.update(self.__dict__)
        other.color, other.body_depth = self.color.copy(), self.body_depth.copy()
        return other

    def draw_floor(self, centre_m: tuple[float, float], radius_m: float) -> None:
        """Lay a floor that fades into the background `radius_m` away from `centre_m`."""
        fade = self._fade(centre_m, radius_m)
        self.color += fade[..., None] * (np.array(FLOOR, dtype=np.float32) - self.color)
        np.copyto(self.depth, self.floor_depth, where=fade > 0)

    def draw_grid(self, centre_m: tuple[float, float], radius_m: float, step_m: float = 0.5) -> None:
        """Draw lines every `step_m`, stronger ones every metre, on what is seen of the floor."""
        visible = self._floor_visible() * self._fade(centre_m, radius_m)
        # One pixel covers more floor the flatter it is seen: line width and strength follow the pixel's footprint.
        strength = np.zeros_like(self.depth)
        for coordinate in (self.floor_x, self.floor_y):
            footprint = np.maximum(
                np.abs(np.gradient(coordinate, axis=0)), np.abs(np.gradient(coordinate, axis=1))
            )
            for step, weight in ((step_m, 0.35), (2 * step_m, 0.75)):
                gap = np.abs(coordinate / step - np.round(coordinate / step)) * step
                line = np.clip(1.1 - gap / np.maximum(footprint, 1e-6), 0, 1) * weight
                line *= np.clip(1.4 - 4 * footprint / step, 0, 1)  # lines that run together far away fade out
                strength = np.maximum(strength, line)
        self.color += (strength * visible)[..., None] * (np.array(GRID, dtype=np.float32) - self.color)

    def draw_points(self, points_m: AnyArray, colors: Array, size_m: AnyArray, *, max_px: int = 7) -> None:
        """Splat points (N, 3) with colours (N, 3) as squares of `size_m` (N,), the nearest in front."""
        px, py, depth = self.camera.project(points_m)
        reach = max_px // 2
        seen = (depth > _NEAR_M) & (px > -reach) & (px < self.camera.width + reach)
        seen &= (py > -reach) & (py < self.camera.height + reach)
        if not seen.any():
            return
        column, row = np.round(px[seen]).astype(np.int32), np.round(py[seen]).astype(np.int32)
        depth, shade = depth[seen].astype(np.float32), colors[seen]
        pixels = np.ceil(self.camera.focal_px * np.asarray(size_m)[seen] / depth).clip(1, max_px).astype(np.int32)
        flat, source = [], []
        for k in np.unique(pixels):
            chosen = np.flatnonzero(pixels == k)
            for dy in range(-((k - 1) // 2), k // 2 + 1):
                for dx in range(-((k - 1) // 2), k // 2 + 1):
                    x, y = column[chosen] + dx, row[chosen] + dy
                    inside = (x >= 0) & (x < self.camera.width) & (y >= 0) & (y < self.camera.height)
                    flat.append((y * self.camera.width + x)[inside])
                    source.append(chosen[inside])
        target, chosen = np.concatenate(flat), np.concatenate(source)
        # Far to near, so that of all points on a pixel the last written is the nearest.
        order = np.argsort(-depth[chosen], kind="stable")
        target, chosen = target[order], chosen[order]
        nearest = np.full(self.depth.size, -1, dtype=np.int64)
        nearest[target] = chosen
        hit = nearest >= 0
        hit[hit] = depth[nearest[hit]] < self.depth.ravel()[hit] + 0.03
        self.color.reshape(-1, 3)[hit] = shade[nearest[hit]]
        self.depth.ravel()[hit] = depth[nearest[hit]]

    def mend_points(self) -> None:
        """Close the small holes of splatted surfaces, and calm their colours without blurring across edges."""
        for _ in range(4):
            # A hole is a pixel with five or more of its eight neighbours in front of it.
            count, color, depth = self._neighbours(lambda here, there: there < 0.95 * here)
            hole = count >= 5
            self.color[hole] = color[hole] / count[hole][..., None]
            self.depth[hole] = depth[hole] / count[hole]
        count, color, _ = self._neighbours(lambda here, there: np.abs(there - here) < 0.015 * here)
        self.color = (2 * self.color + color) / (2 + count)[..., None]

    def _neighbours(self, alike: Callable[[Array, Array], NDArray[np.bool_]]) -> tuple[Array, Array, Array]:
        """Count, colour sum and depth sum of those of a pixel's 8 neighbours that `alike(depth, theirs)` accepts."""
        here = np.where(np.isfinite(self.depth), self.depth, np.float32(1e3))
        height, width = here.shape
        padded = np.pad(here, 1, mode="edge")
        colors = np.pad(self.color, ((1, 1), (1, 1), (0, 0)), mode="edge")
        count, depth, color = np.zeros_like(here), np.zeros_like(here), np.zeros_like(self.color)
        for dy, dx in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)):
            there = padded[dy : dy + height, dx : dx + width]
            weight = alike(here, there).astype(np.float32)
            count += weight
            depth += weight * there
            color += weight[..., None] * colors[dy : dy + height, dx : dx + width]
        return count, color, depth

    def shade_depth_edges(self, strength: float = 1.0) -> None:
        """Darken pixels that lie behind their neighbours (eye-dome lighting): gives a point cloud its shape."""
        log_depth = np.log2(np.where(np.isfinite(self.depth), self.depth, 1e3)).astype(np.float32)
        behind = np.zeros_like(log_depth)
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 2), (0, -2), (2, 0), (-2, 0)):
            neighbour = np.roll(log_depth, (dy, dx), axis=(0, 1))
            behind += np.clip(log_depth - neighbour, 0, 0.1)
        self.color *= np.exp(-strength * behind)[..., None]

    def draw_shadow(self, centres_m: AnyArray, radii_m: AnyArray, darkness: AnyArray) -> None:
        """Darken the floor under points: discs (N, 2) with soft edges, the darkest one counts in each pixel."""
        centres, radii, dark = (np.asarray(a, dtype=np.float64) for a in (centres_m, radii_m, darkness))
        corners = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
        corner = centres[:, None, :] + radii[:, None, None] * corners
        x, y, depth = self.camera.project(np.concatenate([corner, np.zeros((*corner.shape[:2], 1))], axis=-1))
        light = np.ones_like(self.depth)
        for disc in np.flatnonzero((dark > 0.02) & (depth > _NEAR_M).all(axis=1)):
            box = self._box(x[disc], y[disc], 1.0)
            gap2 = (self.floor_x[box] - centres[disc, 0]) ** 2 + (self.floor_y[box] - centres[disc, 1]) ** 2
            near = np.maximum(1 - gap2 / np.float32(radii[disc] ** 2), 0)
            np.minimum(light[box], 1 - np.float32(dark[disc]) * near * near, out=light[box])
        alpha = (1 - light) * self._floor_visible()
        rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
        if rows.size:
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            patch = self.color[box]
            patch += alpha[box][..., None] * (np.array(SHADOW, dtype=np.float32) - patch)

    def draw_capsules(self, starts_m: AnyArray, ends_m: AnyArray, radii_m: AnyArray, colors: AnyArray) -> None:
        """Draw shaded capsules (C, 3) to (C, 3), smooth at their edges, faint behind the room."""
        x0, y0, d0 = self.camera.project(starts_m)
        x1, y1, d1 = self.camera.project(ends_m)
        for c in np.argsort(-(d0 + d1)):
            if min(d0[c], d1[c]) > _NEAR_M:
                self._capsule(
                    (float(x0[c]), float(y0[c]), float(d0[c])), (float(x1[c]), float(y1[c]), float(d1[c])),
                    float(radii_m[c]), np.asarray(colors[c], dtype=np.float32),
                )  # fmt: skip

    def draw_bodies(self, meshes: Sequence[tuple[AnyArray, AnyArray, NDArray[np.integer[Any]], Array]]) -> None:
        """Draw shaded meshes, smooth at their edges, faint behind the room.

        Args:
            meshes: For each body its vertices (V, 3), their unit normals (V, 3), faces (F, 3) and colours (V, 3).
        """
        from motion_runtime.rasteriser import rasterise

        fine = Camera(
            self.camera.eye_m, self.camera.axes, _FINER * self.camera.focal_px, _FINER * self.camera.width,
            _FINER * self.camera.height,
        )  # fmt: skip
        size = fine.width * fine.height
        nearest = np.full(size, np.inf, dtype=np.float32)
        paint = np.zeros((size, 3), dtype=np.float32)
        for vertices, normals, faces, colors in meshes:
            seen = rasterise(vertices, faces, fine)
            ahead = seen.depth < nearest[seen.pixels]
            pixels, corners = seen.pixels[ahead], faces[seen.faces[ahead]]
            shares = seen.shares[ahead][:, :, None]
            nearest[pixels] = seen.depth[ahead]
            normal = (np.asarray(normals, dtype=np.float32)[corners] * shares).sum(axis=1)
            normal = normal @ self.camera.axes.T.astype(np.float32)
            normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
            # View axes are right, up, forward; light comes from where the viewer is.
            towards = -normal[:, 2]
            lambert = np.maximum(normal[:, 0] * _LIGHT[0] + normal[:, 1] * _LIGHT[1] + towards * _LIGHT[2], 0)
            light = (0.66 + 0.52 * lambert) * (0.74 + 0.26 * np.minimum(1, np.maximum(towards, 0) * 1.8))
            paint[pixels] = np.minimum((colors[corners] * shares).sum(axis=1) * light[:, None], 1)
        shape = (self.camera.height, _FINER, self.camera.width, _FINER)
        covered = np.isfinite(nearest).reshape(shape)
        rows, columns = np.flatnonzero(covered.any(axis=(1, 2, 3))), np.flatnonzero(covered.any(axis=(0, 1, 3)))
        if not len(rows):
            return
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        covered = covered[box[0], :, box[1]]
        depth = nearest.reshape(shape)[box[0], :, box[1]]
        behind = depth >= self.depth[box][:, None, :, None] + 0.01
        alpha = covered * np.where(behind, np.float32(_GHOST), np.float32(1)) / np.float32(_FINER * _FINER)
        color = (paint.reshape(*shape, 3)[box[0], :, box[1]] * alpha[..., None]).sum(axis=(1, 3))
        self.color[box] = color + (1 - alpha.sum(axis=(1, 3)))[..., None] * self.color[box]
        np.minimum(self.body_depth[box], depth.min(axis=(1, 3)), out=self.body_depth[box])

    def _capsule(
        self, start: tuple[float, float, float], end: tuple[float, float, float], radius_m: float, color: Array
    ) -> None:
        (x0, y0, d0), (x1, y1, d1) = start, end
        r0, r1 = self.camera.focal_px * radius_m / d0, self.camera.focal_px * radius_m / d1
        rows, columns = self._box(np.array([x0, x1]), np.array([y0, y1]), max(r0, r1) + 1)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] - np.float32(x0)
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(y0)
        vx, vy = np.float32(x1 - x0), np.float32(y1 - y0)
        length2 = max(float(vx * vx + vy * vy), 1e-6)
        s = np.clip((x * vx + y * vy) / np.float32(length2), 0, 1)
        ox, oy = x - s * vx, y - s * vy
        radius = np.float32(r0) + np.float32(r1 - r0) * s
        gap = np.sqrt(ox * ox + oy * oy)
        alpha = np.clip(radius - gap + np.float32(0.5), 0, 1)
        bulge = np.sqrt(np.maximum(1 - (gap / radius) ** 2, 0))
        depth = np.float32(d0) + np.float32(d1 - d0) * s - np.float32(radius_m) * bulge
        room, bodies = self.depth[rows, columns], self.body_depth[rows, columns]
        alpha *= depth < bodies + 0.01
        solid = depth < room + 0.01
        np.copyto(bodies, np.minimum(depth, bodies), where=alpha > 0.5)
        alpha *= np.where(solid, np.float32(1), np.float32(_GHOST))
        lambert = np.maximum((ox * _LIGHT[0] - oy * _LIGHT[1]) / radius + bulge * _LIGHT[2], 0)
        # Ambient, diffuse, and a rim that sets limbs off against each other.
        light = (0.62 + 0.5 * lambert) * (0.76 + 0.24 * np.minimum(1, bulge * 1.8))
        patch = self.color[rows, columns]
        patch += alpha[..., None] * (np.minimum(light[..., None] * color, 1) - patch)

    def pixels(self) -> NDArray[np.uint8]:
        """Return the picture as (H, W, 3) bytes."""
        return np.asarray(np.clip(self.color * 255 + 0.5, 0, 255).astype(np.uint8))

    def _floor_visible(self) -> Array:
        """1 where the floor is the nearest thing, else 0. Scanned floors lie a little above or below z = 0."""
        return np.asarray(self.floor_seen & (self.depth > 0.985 * self.floor_depth - 0.02), dtype=np.float32)

    def _fade(self, centre_m: tuple[float, float], radius_m: float) -> Array:
        distance = np.hypot(self.floor_x - centre_m[0], self.floor_y - centre_m[1]) / radius_m
        return np.asarray(self.floor_seen * np.clip(3 - 3 * distance, 0, 1) ** 0.8, dtype=np.float32)

    def _box(self, x: NDArray[np.float64], y: NDArray[np.float64], margin: float) -> tuple[slice, slice]:
        """Rows and columns of the picture that hold the pixels x, y and a margin."""
        left, right = int(np.floor(x.min() - margin)), int(np.ceil(x.max() + margin)) + 1
        top, bottom = int(np.floor(y.min() - margin)), int(np.ceil(y.max() + margin)) + 1
        return (
            slice(max(0, min(top, self.camera.height)), max(0, min(bottom, self.camera.height))),
            slice(max(0, min(left, self.camera.width)), max(0, min(right, self.camera.width))),
        )
