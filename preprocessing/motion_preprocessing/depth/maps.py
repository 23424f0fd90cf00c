"""Depth maps and what their numbers mean.

Estimators give very different things under the name of depth; a map therefore carries its `kind`, and only what the
kind allows is done with it:

    disparity     d with 1/depth = alpha d + beta, alpha and beta unknown (Depth Anything V1 and V2 relative)
    metric        depth along the optical axis times a known unit (Depth Anything metric, depth cameras)
    depth         depth up to one unknown scale (Depth Anything 3)
    focal_metric  metres = focal length in pixels * value / 300 (Depth Anything 3's metric model)
    points        metric points (H, W, 3) in camera axes (MoGe-2)
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.errors import InputError

FloatMap = NDArray[np.float64]

KINDS: Final[tuple[str, ...]] = ("disparity", "metric", "depth", "focal_metric", "points")
METRIC_KINDS: Final = ("metric", "focal_metric", "points")
_CANONICAL_FOCAL_PX: Final = 300.0


@dataclass(frozen=True, eq=False)
class DepthMap:
    """A map of one picture, at its own size."""

    values: FloatMap
    """(H, W), or (H, W, 3) for `points`; NaN where nothing is known."""
    kind: str
    """One of `KINDS`."""
    unit_m: float = 1.0
    """Metres of one unit, for the kinds that have a unit."""
    name: str = "a depth map"
    """What messages call it."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"expected a kind of {', '.join(KINDS)}, got '{self.kind}' for {self.name}; name its kind")
        wanted = 3 if self.kind == "points" else 2
        shape = self.values.shape
        if len(shape) != wanted or min(shape) == 0 or (wanted == 3 and shape[2] != 3):
            form = "(H, W, 3)" if wanted == 3 else "(H, W)"
            raise InputError(f"expected an array {form}, got {shape} for {self.name}; one map a file")
        if not (np.isfinite(self.unit_m) and self.unit_m > 0):
            raise InputError(f"expected a unit above 0 metres, got {self.unit_m} for {self.name}; correct it")

    def metres(self, camera: Intrinsics) -> FloatMap:
        """Return the depth (H, W) along the optical axis in metres; NaN where there is none.

        Args:
            camera: Of the whole picture, at any size.

        Raises:
            InputError: The kind has no metres, or no pixel has a depth above zero.
        """
        if self.kind not in METRIC_KINDS:
            raise InputError(
                f"expected a map in metres ({', '.join(METRIC_KINDS)}), got kind '{self.kind}' for {self.name}; "
                "fit it to a metric map first"
            )
        depth = (self.values[..., 2] if self.kind == "points" else self.values) * self.unit_m
        if self.kind == "focal_metric":
            # The network saw the map's pixels: its focal length is the camera's at the map's size.
            depth = depth * (camera.scaled(depth.shape[1], depth.shape[0]).fx / _CANONICAL_FOCAL_PX)
        known = np.isfinite(depth) & (depth > 0)
        if not known.any():
            raise InputError(f"expected depths above 0, got none for {self.name}; the map is empty: run the model anew")
        return np.where(known, depth, np.nan)

    def disparity(self) -> FloatMap:
        """Return the disparity (H, W); NaN where there is none.

        Raises:
            InputError: The map is of another kind, or has not two different finite values.
        """
        if self.kind != "disparity":
            raise InputError(
                f"expected a disparity to fit 1/depth = alpha d + beta to, got kind '{self.kind}' for {self.name}; "
                "this relation does not hold for it: use it as it is, or give a disparity"
            )
        finite = np.isfinite(self.values)
        if not finite.any():
            raise InputError(f"expected finite disparities, got only NaN for {self.name}; run the model anew")
        if np.ptp(self.values[finite]) <= 0:
            raise InputError(f"expected disparities that differ, got one value for {self.name}; run the model anew")
        return np.where(finite, self.values, np.nan)


def load_depth_map(path: str | os.PathLike[str], kind: str, *, unit_m: float = 1.0) -> DepthMap:
    """Read a map from .npy, .npz (the array `depth`, or the only one) or a 16-bit .png.

    Raises:
        InputError: The file cannot be read as such a map.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            values = np.load(path, allow_pickle=False)
        elif suffix == ".npz":
            values = _from_npz(path)
        elif suffix == ".png":
            values = _from_png(path)
        else:
            raise InputError(f"expected .npy, .npz or .png, got '{suffix}' for the depth map {path}; convert it")
    except OSError as error:
        # Pillow's own message names the path once more.
        reason = error.strerror or "no readable file of its kind"
        raise InputError(f"expected a depth map, got '{reason}' for {path}; check the file") from error
    except (ValueError, EOFError, zipfile.BadZipFile, SyntaxError) as error:
        raise InputError(f"expected a depth map, got '{error}' for {path}; write it anew") from error
    if values.dtype.kind not in "fiu":
        raise InputError(f"expected numbers, got {values.dtype} for {path}; write floats")
    values = np.asarray(values, dtype=np.float64)
    # Networks keep their batch and channel axes of length one.
    while values.ndim > (3 if kind == "points" else 2) and values.shape[0] == 1:
        values = values[0]
    return DepthMap(values, kind, unit_m, str(path))


def save_depth_map(path: str | os.PathLike[str], depth: DepthMap) -> None:
    """Write the values as .npz with `depth`, `kind` and `unit_m`, float32."""
    from motion_preprocessing.depth.files import replace_when_written

    with replace_when_written(Path(path)) as file:
        values = depth.values.astype(np.float32)
        np.savez_compressed(file, depth=values, kind=np.array(depth.kind), unit_m=np.array(depth.unit_m))


def _from_npz(path: Path) -> NDArray[Any]:
    with np.load(path, allow_pickle=False) as file:
        if "depth" in file.files:
            return np.asarray(file["depth"])
        if len(file.files) != 1:
            held = ", ".join(file.files) or "none"
            raise InputError(f"expected an array 'depth', got {held} for {path}; name the map 'depth'")
        return np.asarray(file[file.files[0]])


def _from_png(path: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(path) as image:
        if not image.mode.startswith("I"):
            raise InputError(f"expected a 16-bit grey .png, got mode {image.mode} for {path}; 8 bits are too coarse")
        return np.asarray(image, dtype=np.int64)
