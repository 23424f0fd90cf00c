"""Maps and pictures at another size: pixel centres at halves, gaps (NaN) that do not spread."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def resize_map(values: NDArray[np.floating[Any]], width: int, height: int) -> NDArray[np.float64]:
    """Resize (H, W) bilinearly, averaging where it shrinks; NaN stays NaN and is left out of its neighbours' means."""
    from PIL import Image

    known = np.isfinite(values)
    if values.shape == (height, width):
        return np.where(known, values, np.nan).astype(np.float64)

    def scaled(plane: NDArray[Any]) -> NDArray[np.float64]:
        image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
        return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float64)

    if known.all():
        return scaled(values)
    weight = scaled(known)
    # Less than half known: the value would be somebody else's.
    return np.where(weight > 0.5, scaled(np.where(known, values, 0.0)) / np.where(weight > 0.5, weight, 1.0), np.nan)


def resize_labels(labels: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Resize (H, W, ...) by taking the nearest pixel: for masks, whose numbers have no means."""
    rows = ((np.arange(height) + 0.5) * labels.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * labels.shape[1] / width).astype(np.int64)
    resized: NDArray[Any] = labels[rows][:, columns]
    return resized
