"""Plots as inline SVG: no script, no font file, readable in light and dark."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_train.evaluation.rows import Row, shown

MODEL, REAL, LIMIT = "#c2410c", "#1d4ed8", "#6b7280"
_WIDTH: Final = 760
_LEFT: Final = 300


def bars(rows: Sequence[Row], limit: float | None = None, title: str = "") -> str:
    """Model and real beside each other, shares of 0 to 100 %, with intervals; `limit` is a line to reach."""
    rows = [row for row in rows if math.isfinite(row.model.value) or math.isfinite(row.real.value)]
    step, top = 34, 28
    height = top + step * len(rows) + 26
    span = _WIDTH - _LEFT - 30
    parts = [_open(height, title)]
    for tick in range(0, 101, 20):
        x = _LEFT + span * tick / 100
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{height - 22}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 6}" class="tick" text-anchor="middle">{tick} %</text>')
    for index, row in enumerate(rows):
        y = top + step * index
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 17}" text-anchor="end">{html.escape(_cut(row.label))}</text>')
        for offset, estimate, colour in ((3, row.model, MODEL), (15, row.real, REAL)):
            if not math.isfinite(estimate.value):
                continue
            wide = span * min(1.0, max(0.0, estimate.value))
            parts.append(
                f'<rect x="{_LEFT}" y="{y + offset}" width="{max(wide, 1):.1f}" height="10" fill="{colour}">'
                f"<title>{html.escape(shown(estimate, row.unit))}</title></rect>"
            )
            if math.isfinite(estimate.low):
                a, b = (_LEFT + span * min(1.0, max(0.0, v)) for v in (estimate.low, estimate.high))
                mid = y + offset + 5
                parts.append(f'<line x1="{a:.1f}" x2="{b:.1f}" y1="{mid}" y2="{mid}" class="whisker"/>')
    if limit is not None:
        x = _LEFT + span * limit
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{height - 22}" stroke="{LIMIT}" '
            'stroke-width="2" stroke-dasharray="5 4"/>'
        )
    parts.append(_legend())
    return "".join(parts) + "</svg>"


def histogram(
    model: NDArray[np.floating[Any]],
    real: NDArray[np.floating[Any]],
    label: str,
    *,
    logarithmic: bool = False,
    mark: float | None = None,
    title: str = "",
) -> str:
    """Two distributions as outlines; `mark` is a line."""
    a, b = (np.asarray(values, dtype=np.float64).ravel() for values in (model, real))
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    if not a.size or not b.size:
        return ""
    if logarithmic:
        a, b = (np.log10(np.maximum(values, 1e-3)) for values in (a, b))
    both = np.concatenate([a, b])
    low, high = float(np.quantile(both, 0.001)), float(np.quantile(both, 0.999))
    edges = np.linspace(low, max(high, low + 1e-6), 49)
    height, top, left = 230, 28, 40
    span, tall = _WIDTH - left - 30, height - top - 46
    counts = [np.histogram(np.clip(values, low, high), edges)[0] / values.size for values in (a, b)]
    peak = max(float(count.max()) for count in counts)
    parts = [_open(height, title)]
    for tick in np.linspace(low, edges[-1], 7):
        x = left + span * (tick - low) / (edges[-1] - low)
        text = f"{10**tick:.3g}" if logarithmic else f"{tick:.3g}"
        parts.append(f'<text x="{x:.1f}" y="{height - 28}" class="tick" text-anchor="middle">{text}</text>')
    for count, colour in zip(counts, (MODEL, REAL), strict=True):
        points = []
        for index, value in enumerate(count):
            y = top + tall * (1 - value / peak)
            points += [f"{left + span * k / 48:.1f},{y:.1f}" for k in (index, index + 1)]
        line = " ".join([f"{left},{top + tall}", *points, f"{left + span},{top + tall}"])
        parts.append(f'<polyline points="{line}" fill="{colour}" fill-opacity=".14" stroke="{colour}" '
                     'stroke-width="2"/>')  # fmt: skip
    if mark is not None:
        place = math.log10(max(mark, 1e-3)) if logarithmic else mark
        x = left + span * (place - low) / (edges[-1] - low)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + tall}" stroke="{LIMIT}" '
                     'stroke-width="2" stroke-dasharray="5 4"/>')  # fmt: skip
    parts.append(f'<text x="{left + span / 2}" y="{height - 8}" text-anchor="middle">{html.escape(label)}</text>')
    parts.append(_legend())
    return "".join(parts) + "</svg>"


def _open(height: int, title: str) -> str:
    named = f"<title>{html.escape(title)}</title>" if title else ""
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">{named}'


def _legend() -> str:
    return (
        f'<rect x="{_WIDTH - 150}" y="6" width="10" height="10" fill="{MODEL}"/>'
        f'<text x="{_WIDTH - 135}" y="15">model</text>'
        f'<rect x="{_WIDTH - 80}" y="6" width="10" height="10" fill="{REAL}"/>'
        f'<text x="{_WIDTH - 65}" y="15">real</text>'
    )


def _cut(text: str, most: int = 44) -> str:
    return text if len(text) <= most else text[: most - 1] + "\u2026"
