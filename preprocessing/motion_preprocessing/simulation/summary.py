"""What a batch came to, beside what is known of real falls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from rich.table import Table

from motion_preprocessing.simulation.batch import Tally

Figures = list[dict[str, Any]]

_REAL: Final = {
    "onset to impact, s": "1.27 +- 0.65",
    "descent, s": "0.44 / 0.61 / 0.92",
    "pelvis at impact, m/s": "2.14 +- 0.63",
    "head at impact, m/s": "2.91 +- 0.86",
    "head hits the floor": "35 %",
}
"""Care-home falls on video, mean age 80 (Choi, Wakeling and Robinovitch 2015; head hits: Komisar et al., 2,388 falls);
descent: 15 acted falls of UP-Fall at 18 frames a second, p10 / p50 / p90."""


def _spread(values: list[float]) -> str:
    known = [v for v in values if v is not None and np.isfinite(v)]
    if not known:
        return ""
    low, middle, high = np.percentile(known, [10, 50, 90])
    return f"{np.mean(known):.2f} +- {np.std(known):.2f} ({low:.2f} / {middle:.2f} / {high:.2f})"


def _share(values: list[bool]) -> str:
    return f"{100 * np.mean(values):.0f} %" if values else ""


def fall_rows(figures: Figures) -> list[tuple[str, str, str]]:
    """Lay out a batch's falls: what, simulated, real."""

    def of(name: str) -> list[Any]:
        return [row[name] for row in figures]

    rows: list[tuple[str, str]] = [
        ("onset to impact, s", _spread(of("impact_s"))),
        ("descent, s", _spread(of("descent_s"))),
        ("pelvis at impact, m/s", _spread(of("pelvis_m_s"))),
        ("head at impact, m/s", _spread([row["head_m_s"] for row in figures if row["head_hit"]])),
        ("head hits the floor", _share(of("head_hit"))),
        ("a hand lands first", _share(of("hand_first"))),
        ("body height, m", _spread(of("height_m"))),
        ("body mass, kg", _spread(of("mass_kg"))),
    ]
    names: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
        ("comes to lie", lambda row: str(row["rest"])),
        ("falls to", lambda row: str(row["way"])),
    )
    for what, get in names:
        counts: dict[str, int] = {}
        for row in figures:
            counts[get(row)] = counts.get(get(row), 0) + 1
        rows.append((what, ", ".join(f"{name} {100 * n / len(figures):.0f} %" for name, n in sorted(counts.items()))))
    return [(what, value, _REAL.get(what, "")) for what, value in rows]


def yield_table(tally: Tally) -> Table:
    """Tries and yields of every kind."""
    table = Table("kind", "tries", "kept", "yield", "left out for", title="Simulated clips")
    for kind, count in tally.tries.items():
        kept = tally.kept.get(kind, 0)
        reasons = ", ".join(f"{name} {n}" for name, n in sorted(tally.faults[kind].items(), key=lambda item: -item[1]))
        table.add_row(kind, str(count), str(kept), f"{100 * kept / count:.0f} %", reasons)
    count, kept = sum(tally.tries.values()), sum(tally.kept.values())
    note = f"{tally.thinned} good falls for hitting the head" if tally.thinned else ""
    table.add_row("all", str(count), str(kept), f"{100 * kept / max(count, 1):.0f} %", note)
    return table


def fall_table(figures: Figures) -> Table:
    """The falls that were kept beside real ones."""
    table = Table("falls", "simulated: mean +- sd (p10 / p50 / p90)", "real", title=f"{len(figures)} falls")
    for row in fall_rows(figures):
        table.add_row(*row)
    return table


_BODY_ROWS: Final = (
    ("help up, % of weight", "help_up", True), ("help level", "help_level", True),
    ("help turning, % of weight x height", "help_turn", True), ("both hands of a carer, % of weight", "carer", True),
    ("off the key poses, cm", "error_m", False), ("feet slide, cm/s", "feet_m_s", False),
    ("hands slide, cm/s", "hands_m_s", False), ("in the floor, cm", "floor_m", False),
    ("in furniture, cm", "things_m", False),
)  # fmt: skip


def tracked_table(rows: list[tuple[str, dict[str, Any]]]) -> Table:
    """What key poses that bodies did needed and came to: means over clips, in brackets the most in any moment."""
    kinds = {kind: [figures for name, figures in rows if name == kind] for kind, _ in rows}
    table = Table("clips done by a body", *kinds, title="mean (most in any moment)")
    table.add_row("clips", *(str(len(mine)) for mine in kinds.values()))
    for what, name, peaks in _BODY_ROWS:
        cells = []
        for mine in kinds.values():
            known = [figures for figures in mine if name in figures]
            cell = f"{100 * np.mean([figures[name] for figures in known]):.1f}" if known else ""
            cells.append(cell + (f" ({100 * max(f[name + '_most'] for f in known):.0f})" if known and peaks else ""))
        if any(cells):
            table.add_row(what, *cells)
    return table
