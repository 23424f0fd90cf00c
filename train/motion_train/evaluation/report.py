"""The report: metrics.json, table.md, and one HTML page that holds its plots and animated samples itself."""

from __future__ import annotations

import base64
import html
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import atomic_folder
from motion_preprocessing.scene import Scene
from motion_train.evaluation import action_figures, body_figures, room_figures
from motion_train.evaluation.making import Made
from motion_train.evaluation.plots import bars, histogram
from motion_train.evaluation.rows import Row, markdown, shown
from motion_train.files import json_text

METRICS_FILE = "metrics.json"
TABLE_FILE = "table.md"
PAGE_FILE = "index.html"
_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem;
 background:light-dark(#fff,#16181d);color:light-dark(#1f2430,#e6e8ee)}
h1{font-size:1.7rem;margin-bottom:.2rem} h2{margin-top:2.4rem;font-size:1.25rem}
.wide{overflow-x:auto} table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid light-dark(#e3e6ec,#333844);vertical-align:top}
td.n{white-space:nowrap;font-variant-numeric:tabular-nums}
.yes{color:light-dark(#15803d,#4ade80);font-weight:600}.no{color:light-dark(#b91c1c,#f87171);font-weight:600}
.note{color:light-dark(#596070,#a5adbd);font-size:.83rem}
svg{width:100%;height:auto;max-width:760px;display:block;margin:1rem 0} svg text{font:12px system-ui;fill:currentColor}
.grid{stroke:currentColor;stroke-opacity:.15}.whisker{stroke:currentColor;stroke-width:1.6}
.films{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:1rem}
figure{margin:0} figure img{width:100%;border-radius:6px} figcaption{font-size:.83rem}
"""


@dataclass(frozen=True, eq=False)
class Findings:
    """All that the report tells."""

    rows: Sequence[Row]
    about: Mapping[str, Any]
    """How it was made: bundle, data, counts, seeds, command."""
    jerk: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Of the model and of recordings, m/s^3."""
    nearest: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Distances to the nearest training clip, of the model and of recordings, metres."""
    films: Sequence[tuple[Made, Scene | None]] = field(default_factory=tuple)
    """Motions to show."""


def write_report(out: Path, findings: Findings) -> None:
    """Write the folder, whole or not at all; an older report in its place is replaced.

    Raises:
        OutputError: It cannot be written.
    """
    with atomic_folder(out, overwrite=True) as part:
        figures = {"about": dict(findings.about), "figures": {row.key: row.as_dict() for row in findings.rows}}
        (part / METRICS_FILE).write_text(json_text(figures), encoding="utf-8")
        (part / TABLE_FILE).write_text(markdown(findings.rows), encoding="utf-8")
        (part / PAGE_FILE).write_text(page(findings), encoding="utf-8")


def page(findings: Findings) -> str:
    """The HTML page."""
    rows = findings.rows
    asked = [row for row in rows if row.target]
    about = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(_told(value))}</td></tr>"
        for name, value in findings.about.items()
    )
    parts = {row.part: [r for r in rows if r.part == row.part] for row in rows}
    body = [
        "<h1>How good the motion is</h1>",
        '<p class="note">Model beside real recordings; 95 % intervals in brackets. Definitions: docs/metrics.md.</p>',
        f"<h2>What is to be reached</h2>{_table(asked, with_target=True)}",
    ]
    for name, members in parts.items():
        body.append(f"<h2>{html.escape(name)}</h2>{_plot(name, findings)}{_table(members, with_target=False)}")
    films = "".join(_film(made, scene) for made, scene in findings.films)
    if films:
        body.append(f'<h2>Samples</h2><p class="note">Not chosen: the first of each kind.</p><div class="films">{films}'
                    "</div>")  # fmt: skip
    body.append(f'<h2>How it was measured</h2><div class="wide"><table>{about}</table></div>')
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>How good the motion is</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _told(value: Any) -> str:
    """A setting in words."""
    if value is None:
        return "not given"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _plot(part: str, findings: Findings) -> str:
    """The plot of a part, '' where it has none."""
    rows = [row for row in findings.rows if row.part == part and row.unit == "%"]
    if part == body_figures.PART:
        return histogram(*findings.jerk, "jerk, m/s^3 (logarithmic)", logarithmic=True, title="Jerk")
    if part == body_figures.MEMORY:
        real = findings.nearest[1]
        mark = float(np.quantile(real, 0.05)) if len(real) else None
        return histogram(*findings.nearest, "distance to the nearest training clip, m", mark=mark, title="Memorisation")
    if part == action_figures.PART:
        return bars(rows, action_figures.REACH, "Actions recognised")
    if part in (room_figures.PART, body_figures.FALLS, body_figures.COMPANY):
        return bars(rows, title=part)
    return ""


def _table(rows: Sequence[Row], *, with_target: bool) -> str:
    head = "<th>figure</th><th>model</th><th>real</th>" + ("<th>to reach</th><th>met</th>" if with_target else "")
    lines = []
    for row in rows:
        note = f'<div class="note">{html.escape(row.note)}</div>' if row.note else ""
        cells = f"<td>{html.escape(row.label)}{note}</td>"
        figures = shown(row.model, row.unit), shown(row.real, row.unit, row.unreal)
        cells += "".join(f'<td class="n">{html.escape(figure)}</td>' for figure in figures)
        if with_target:
            word = {True: "yes", False: "no", None: "not measured"}[row.met]
            cells += f'<td class="n">{html.escape(row.target)}</td><td class="{word[:3].strip()}">{word}</td>'
        lines.append(f"<tr>{cells}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _film(made: Made, scene: Scene | None) -> str:
    from motion_runtime.preview import render_preview

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.gif"
        render_preview(path, made.motion(), scene, size=(300, 230), fps=8.0)
        data = base64.b64encode(path.read_bytes()).decode("ascii")
    words = html.escape(" / ".join(made.wanted.request.prompt_of_each))
    return f'<figure><img alt="{words}" src="data:image/gif;base64,{data}"><figcaption>{words}</figcaption></figure>'
