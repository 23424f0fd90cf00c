"""The report of a run: a Markdown page with tables and pictures, the same for the same captures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.captures.lifting import LiftConfig
from motion_preprocessing.captures.pictures import histogram_picture
from motion_preprocessing.captures.results import Result

REPORT_FILE: Final = "report.md"
HISTOGRAM_FILE: Final = "reprojection.png"
_ROWS: Final = 200
_COUNTS: Final = (
    ("given", "poses given"), ("unused", "poses without a person or unusable"), ("missing", "people without a pose"),
    ("swapped", "masked: nearer to another person"), ("far", "dropped: too far from the annotation"),
    ("kept", "poses kept"),
)  # fmt: skip
_RULES: Final = (
    ("both_rules", "both rules"), ("nearest_only", "only: nearer to another person"),
    ("assignment_only", "only: given to another person by the optimal assignment"),
)  # fmt: skip
_STANDING: Final = (
    ("feet", "_m", "median distance of the lower foot from the floor, cm"),
    ("floating", "", "more than 5 cm above the floor, %"), ("sinking", "", "more than 5 cm below the floor, %"),
)  # fmt: skip


@dataclass
class Totals:
    """Sums over the captures of a run."""

    captures: int = 0
    seconds: float = 0.0
    people: int = 0
    sequences: int = 0
    left_out: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((key for key, _ in (*_COUNTS, *_RULES)), 0))
    errors_px: list[NDArray[np.float64]] = field(default_factory=list)
    believed: list[NDArray[np.bool_]] = field(default_factory=list)
    floors: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    pictures: list[tuple[str, Path, str]] = field(default_factory=list)
    """Capture, file, what it shows."""

    def add(self, result: Result, folder: Path) -> None:
        """Count one result."""
        self.captures += 1
        self.seconds += result.figures["seconds"]
        self.people += result.figures["people"]
        self.left_out += [f"{result.name}, {who}" for who in result.figures["left_out"]]
        for key in self.counts:
            self.counts[key] += result.figures["poses"][key]
        self.errors_px.append(result.errors_px)
        self.believed.append(result.believed)
        self.floors.append((result.name, result.figures))
        self.pictures += [(result.name, folder / name, name.split(".")[0]) for name in result.pictures]


def write_report(out: Path, totals: Totals, skipped: Sequence[tuple[str, str]], config: LiftConfig) -> None:
    """Write OUT/report.md and its histogram.

    Args:
        out: The output's folder.
        totals: What the results sum up to.
        skipped: Captures that were left out, and why.
        config: How captures were lifted.
    """
    errors = np.concatenate([np.zeros(0), *totals.errors_px])
    believed = np.concatenate([np.zeros(0, np.bool_), *totals.believed])
    picture = histogram_picture(errors, believed)
    with atomic_file(out / HISTOGRAM_FILE) as path:
        picture.save(path, format="PNG")
    text = "\n".join(_lines(out, totals, skipped, config, errors, believed)) + "\n"
    with atomic_file(out / REPORT_FILE) as path:
        path.write_text(text, encoding="utf-8")


def _lines(
    out: Path, totals: Totals, skipped: Sequence[tuple[str, str]], config: LiftConfig, errors: NDArray[np.float64],
    believed: NDArray[np.bool_],
) -> list[str]:  # fmt: skip
    lines = [
        "# Captures", "", "| | |", "|---|---|",
        f"| captures | {totals.captures} |",
        f"| captures left out | {len(skipped)} |",
        f"| people | {totals.people} |",
        f"| people left out | {len(totals.left_out)} |",
        f"| sequences | {totals.sequences} |",
        f"| minutes of motion | {totals.seconds / 60:.1f} |",
        *(f"| {words} | {totals.counts[key]} |" for key, words in _COUNTS),
        "",
        f"Floor: {config.floor}. Swapped poses: {config.occlusion} rule. Placement: {config.placement}. "
        f"Smoothing: lambda {config.smoothing:g}. {config.fps:g} frames a second.",
        "", "## Reprojection error", "",
    ]  # fmt: skip
    if len(errors):
        kept = errors[believed]
        median = f"{np.median(kept):.2f}" if len(kept) else "-"
        lines += [f"Median {np.median(errors):.2f} px before, {median} px after poses were dropped.", ""]
    lines += [f"![reprojection error]({HISTOGRAM_FILE})", "", *_rule_lines(totals), "", *_standing_lines(totals), ""]
    lines += [
        "## Rooms", "",
        "| capture | camera pitch, deg | roll, deg | height, m | depth error, % | poses kept | feet off the floor, cm "
        "| floating, % | sinking, % |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, figures in totals.floors[:_ROWS]:
        floor, depth, poses, placing = (figures[key] for key in ("floor", "depth", "poses", "placing"))
        share = 100 * poses["kept"] / max(poses["given"], 1)
        lines.append(
            f"| {name} | {floor['pitch_deg']:.1f} | {floor['roll_deg']:.1f} | {floor['camera_height_m']:.2f} | "
            f"{'-' if depth is None else format(100 * depth['abs_rel'], '.1f')} | {share:.0f} % | "
            f"{' | '.join(_change(placing, key, unit) for key, unit, _ in _STANDING)} |"
        )
    if len(totals.floors) > _ROWS:
        lines.append(f"| ... {len(totals.floors) - _ROWS} more | | | | | | | | |")
    if totals.pictures:
        lines += ["", "## Pictures", ""]
        for name, path, what in totals.pictures:
            link = Path(os.path.relpath(path, out)).as_posix()
            lines += [f"{name}, {what}:", "", f"![{what}](<{link}>)", ""]
    for title, entries in (
        ("Captures left out", [f"{name}: {reason}" for name, reason in skipped]),
        ("People left out", totals.left_out),
        ("Warnings", [f"{name}: {text}" for name, figures in totals.floors for text in figures["warnings"]]),
    ):
        if entries:
            lines += ["", f"## {title}", "", *(f"- {entry}" for entry in entries[:_ROWS])]
            if len(entries) > _ROWS:
                lines.append(f"- ... {len(entries) - _ROWS} more")
    return lines


def _rule_lines(totals: Totals) -> list[str]:
    return [
        "## Swapped poses, rule by rule", "",
        "Poses that each rule calls another person's, whichever of them was used:", "",
        "| masked by | poses |", "|---|---|",
        *(f"| {words} | {totals.counts[key]} |" for key, words in _RULES),
    ]  # fmt: skip


def _standing_lines(totals: Totals) -> list[str]:
    placings = [figures["placing"] for _, figures in totals.floors]
    frames = sum(placing["standing_frames"] for placing in placings)
    lines = [
        "## People and the floor", "",
        f"Of people who stand or walk, over {frames} frames; before and after their distance was fitted to pixels, "
        "depth and floor:", "", "| | before | after |", "|---|---|---|",
    ]  # fmt: skip
    for key, unit, words in _STANDING:
        pooled = []
        for when in ("before", "after"):
            known = [p for p in placings if p[f"{key}_{when}{unit}"] is not None]
            total = sum(p[f"{key}_{when}{unit}"] * p["standing_frames"] for p in known)
            weight = sum(p["standing_frames"] for p in known)
            pooled.append(f"{100 * total / weight:.1f}" if weight else "-")
        lines.append(f"| {words} | {' | '.join(pooled)} |")
    return lines


def _change(placing: dict[str, Any], key: str, unit: str) -> str:
    values = [placing[f"{key}_{when}{unit}"] for when in ("before", "after")]
    return " -> ".join("-" if value is None else f"{100 * value:.1f}" for value in values)
