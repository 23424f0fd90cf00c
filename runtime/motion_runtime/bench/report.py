"""The figures of a benchmark as a table to paste, and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from motion_preprocessing.atomic_output import atomic_file
from motion_runtime.bench.machine import in_words

_BAR_PX: Final = 22
_LABEL_PX: Final = 250
_SIZE_PX: Final = 760
_COLORS: Final = ((70, 110, 170), (200, 120, 60), (90, 150, 90), (150, 90, 150), (120, 120, 120), (180, 160, 60))


def table(result: Mapping[str, Any]) -> str:
    """Markdown."""
    machine = result["machine"]
    lines = [
        f"`{result['bundle']['name']}` on {in_words(machine)}; load before: {machine['load_before']}. "
        f"{result['threads']} threads, minimum / median of {result['rounds']} interleaved rounds.",
        "",
    ]
    limits = result.get("limits")
    if limits:
        lines += [
            f"The CPU's limits by as many threads: {limits['gflop_s']:.0f} GFLOP/s in fp32 matrix products, "
            f"{limits['copy_gb_s']:.1f} GB/s of memory read and written. In brackets: the step's products as a share "
            "of that rate, its weights read once as a share of that bandwidth.",
            "",
        ]
    steps = result["steps"]
    heads = [f"{row['people']} x {row['frames']} frames" for row in steps]
    lines += ["| one guided step, ms | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for name in steps[0]["times"]:
        lines.append(f"| {name} | " + " | ".join(_cell(row, name, limits) for row in steps) + " |")
    rows = _whole_rows(result)
    if rows:
        lines += ["", "| | |", "|---|---|", *(f"| {label} | {value} |" for label, value in rows)]
    for name, reason in result["left_out"].items():
        lines += ["", f"{name} is left out: {reason}"]
    return "\n".join(lines) + "\n"


def _cell(row: Mapping[str, Any], name: str, limits: Mapping[str, Any] | None) -> str:
    time = row["times"][name]
    text = f"{time['min_s'] * 1e3:.1f} / {time['median_s'] * 1e3:.1f}"
    if limits is None or "gflop" not in row or name.split()[0] not in ("cpu", "openvino"):
        return text
    products = row["gflop"] / time["min_s"] / limits["gflop_s"]
    memory = row["weight_mb"][name] / 1e3 / time["min_s"] / limits["copy_gb_s"]
    return f"{text} ({100 * products:.0f} %, {100 * memory:.1f} %)"


def _whole_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    cold = result.get("cold")
    if cold:
        labels = {"first_step_s": ("new process to the end of the first step, s", ".2f"),
                  "motion_s": (f"new process to {result['motion_seconds']:g} s of motion, s", ".2f"),
                  "peak_mb": ("its peak memory, MB", ".0f")}  # fmt: skip
        rows += [
            (label, f"{cold[key]['min']:{form}} / {cold[key]['median']:{form}}")
            for key, (label, form) in labels.items()
            if key in cold
        ]
    for bulk in (result[key] for key in ("bulk", "bulk_batched") if key in result):
        together = "" if bulk["batch"] == 1 else f", {bulk['batch']} requests in a call"
        rows.append(
            (
                f"{bulk['motions']:.0f} motions of {bulk['seconds']:g} s in bulk on {result['chosen']}{together}",
                f"{bulk['motions_per_s']:.2f} motions/s, {bulk['motion_seconds_per_s']:.1f} s of motion a second",
            )
        )
    return rows


def draw_bars(path: Path, title: str, groups: Mapping[str, Mapping[str, float]], unit: str) -> None:
    """Draw horizontal bars, longest value full width, groups below each other, and write them as PNG.

    Args:
        path: File to write.
        title: What stands above.
        groups: Group -> contender -> value.
        unit: What stands behind each value.

    Raises:
        OutputError: The file could not be written.
    """
    names: Sequence[str] = list(dict.fromkeys(name for values in groups.values() for name in values))
    top = max(value for values in groups.values() for value in values.values())
    height = 40 + sum(28 + _BAR_PX * len(values) for values in groups.values()) + 10
    picture = Image.new("RGB", (_LABEL_PX + _SIZE_PX, height), "white")
    pen, font, bold = ImageDraw.Draw(picture), ImageFont.load_default(13), ImageFont.load_default(16)
    pen.text((12, 10), title, fill="black", font=bold)
    y = 40
    for group, values in groups.items():
        pen.text((12, y + 4), group, fill="black", font=font)
        y += 24
        for name, value in values.items():
            pen.text((24, y + 2), name, fill=(60, 60, 60), font=font)
            length = round((_SIZE_PX - 110) * value / top)
            color = _COLORS[names.index(name) % len(_COLORS)]
            pen.rectangle([_LABEL_PX, y + 2, _LABEL_PX + max(1, length), y + _BAR_PX - 4], fill=color)
            pen.text((_LABEL_PX + length + 8, y + 2), f"{value:.3g} {unit}", fill="black", font=font)
            y += _BAR_PX
        y += 4
    with atomic_file(path) as temporary:
        picture.save(temporary, format="PNG")


def draw_steps(path: Path, steps: Sequence[Mapping[str, Any]], title: str) -> None:
    """Draw the step times of `measure_steps` as bars."""
    groups = {
        f"{row['people']} x {row['frames']} frames": {name: 1e3 * time["min_s"] for name, time in row["times"].items()}
        for row in steps
    }
    draw_bars(path, title, groups, "ms")
