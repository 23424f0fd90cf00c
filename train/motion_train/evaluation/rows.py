"""A row of the report: one figure of the model, the same of recordings, and what is to be reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from motion_train.evaluation.estimate import Estimate

NOT_MEASURED: Final = Estimate(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Row:
    """One figure."""

    part: str
    """Heading it stands under."""
    key: str
    """Name in metrics.json."""
    label: str
    """Name for people."""
    unit: str
    """'' for plain numbers, '%' for shares (kept as 0..1), else as written."""
    model: Estimate
    real: Estimate = NOT_MEASURED
    """Of recordings (or held-out simulated clips, where `note` says so)."""
    target: str = ""
    """What is to be reached, in words."""
    met: bool | None = None
    """Whether it is; None where nothing is asked or nothing was measured."""
    note: str = ""
    """What one must know to read it."""
    unreal: str = "not measured"
    """What is said in the place of `real` where there is none: why not."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "part": self.part,
            "label": self.label,
            "unit": self.unit,
            "model": self.model.as_dict(),
            "real": self.real.as_dict(),
            "target": self.target,
            "met": self.met,
            "note": self.note,
            "why no real": "" if math.isfinite(self.real.value) else self.unreal,
        }


def shown(estimate: Estimate, unit: str, missing: str = "not measured") -> str:
    """Figure with its interval, such as '62 % (51 to 73)'; `missing` where it was not measured."""
    if not math.isfinite(estimate.value):
        return missing
    scale, tail = (100.0, " %") if unit == "%" else (1.0, f" {unit}" if unit else "")
    text = f"{_number(scale * estimate.value)}{tail}"
    if math.isfinite(estimate.low):
        text += f" ({_number(scale * estimate.low)} to {_number(scale * estimate.high)})"
    return text


def markdown(rows: Sequence[Row]) -> str:
    """The table of a model card; intervals are 95 %."""
    lines = ["| figure | model | real | to reach | met |", "|---|---|---|---|---|"]
    for row in rows:
        met = {True: "yes", False: "no", None: ""}[row.met]
        cells = [row.label, shown(row.model, row.unit), shown(row.real, row.unit, row.unreal), row.target, met]
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def at_most(estimate: Estimate, limit: float) -> bool | None:
    """Whether a figure is no greater than a limit; None where one of them is not known."""
    return bool(estimate.value <= limit) if math.isfinite(estimate.value) and math.isfinite(limit) else None


def at_least(estimate: Estimate, limit: float) -> bool | None:
    """Whether a figure is no less than a limit; None where one of them is not known."""
    return bool(estimate.value >= limit) if math.isfinite(estimate.value) and math.isfinite(limit) else None


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
