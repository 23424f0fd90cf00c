"""Key poses done by a body beside the same key poses as they are, kind by kind.

    python benchmarks/tracked.py STARTS --each 10 --seed 91 --sheets sheets/

STARTS is what `motion-preprocess mocap` makes of the permissive folder. Every try makes a routine, and has a drawn body
do it as `motion-preprocess simulate --tracked` does. Both are measured by the same code in the clips that are kept, the
key poses with the standard body's flesh, in the frames that physics makes: how deep flesh is in floor and furniture,
how fast feet and hands slide that should stay, how far hands hover that should touch, jerk. Recorded sits and stands
have their jerk beside them. `--sheets` draws each kind, key poses above what the body did. With `--care` people who are
helped are made too, with forces of the carer's hands and without.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.metrics import jerk_m_s3
from motion_preprocessing.pose_vector import decode
from motion_preprocessing.simulation.batch import read_starts
from motion_preprocessing.simulation.body import BodySize
from motion_preprocessing.simulation.hinges import Pose, chain
from motion_preprocessing.simulation.sheets import Row, sheet
from motion_preprocessing.simulation.tracked_care import KINDS as CARE
from motion_preprocessing.simulation.tracked_care import make_helped
from motion_preprocessing.simulation.tracked_clips import (
    KINDS,
    contact_figures,
    figures_of,
    in_lap,
    make_tracked,
    tracked_faults,
)

_BESIDE = (
    ("in the floor, cm", "floor_m", 100.0), ("in furniture, cm", "things_m", 100.0),
    ("feet slide, cm/s", "feet_m_s", 100.0), ("hands slide, cm/s", "hands_m_s", 100.0),
    ("hands hover, cm", "hover_m", 100.0), ("hands over the lap, cm", "lap_m", 100.0), ("jerk, m/s3", "jerk_m_s3", 1.0),
)  # fmt: skip
_HELP = ("help_up", "help_level", "help_turn")
_SHOWN = 6


def _beside(name: str, factor: float, keys: list[dict[str, Any]], body: list[dict[str, Any]]) -> str:
    if not body:
        return ""
    return " / ".join(f"{factor * np.mean([figures[name] for figures in rows]):.1f}" for rows in (keys, body))


def _recorded(dataset: MotionDataset) -> str:
    """Mean jerk of recorded sitting down and standing up."""
    found = [
        float(jerk_m_s3(np.asarray(decode(r.pose.astype(np.float64)).joints_m), r.fps).mean())
        for r in dataset
        if r.action == "sit" and r.subject.startswith("cmu")
    ]
    return f"{len(found)} recorded clips of sitting: jerk {np.mean(found):.1f} m/s3 (median {np.median(found):.1f})"


@click.command()
@click.argument("starts", type=click.Path(path_type=Path))
@click.option("--each", default=10, show_default=True, help="Tries of each kind.")
@click.option("--seed", default=91, show_default=True)
@click.option("--kinds", multiple=True, default=KINDS, help="Kinds; repeatable.")
@click.option("--sheets", type=click.Path(path_type=Path), help="Folder for a sheet of each kind.")
@click.option("--care", is_flag=True, help="People who are helped as well.")
def main(starts: Path, each: int, seed: int, kinds: tuple[str, ...], sheets: Path | None, care: bool) -> None:
    """Measure, and print tables in Markdown."""
    screen = Console(soft_wrap=True, highlight=False)
    walks = read_starts(starts).walks["train"]
    screen.print(_recorded(MotionDataset.open(starts)))
    screen.print(
        "| kind | kept / tries | CPU s a try | "
        + " | ".join(what for what, _, _ in _BESIDE)
        + " | off the key poses, cm | help up, % of weight: mean (most) | level | turning, % of weight x height "
        "| weakest help sufficed | left out for |"
    )
    for kind in kinds:
        body, keys, rows, faults = [], [], [], Counter[str]()
        began = time.process_time()
        for number in range(each):
            clip = make_tracked(kind, np.random.default_rng([seed, number]), walks)
            wrong = tracked_faults(clip)
            faults.update(wrong)
            if len(rows) < 2 * _SHOWN:
                rows.append(Row(f"{kind} {number} keys", (clip.keys.joints_m,), clip.boxes))
                title = f"{kind} {number} body: {', '.join(wrong) or 'kept'}"
                rows.append(Row(title, (clip.made.joints_m,), clip.boxes))
            if wrong:
                continue
            stop = clip.first + len(clip.held)
            cut = Pose(*(a[clip.first : stop] for a in clip.keys.pose))
            sits = in_lap(clip.keys)[clip.first : stop]
            keys.append(contact_figures(cut, clip.held, sits, BodySize(), clip.boxes))
            body.append(figures_of(clip))
        seconds = (time.process_time() - began) / each
        cells = [kind, f"{len(body)} / {each}", f"{seconds:.1f}"]
        cells += [_beside(name, factor, keys, body) for _, name, factor in _BESIDE]
        if body:
            cells.append(f"{100 * np.mean([f['error_m'] for f in body]):.1f}")
            cells += [
                f"{100 * np.mean([f[name] for f in body]):.0f} ({100 * max(f[name + '_most'] for f in body):.0f})"
                for name in _HELP
            ]
            cells.append(f"{sum(f['rung'] == 0 for f in body)}")
        cells.append(", ".join(f"{name} {count}" for name, count in faults.most_common()))
        screen.print("| " + " | ".join(cells) + " |")
        if sheets is not None:
            sheets.mkdir(parents=True, exist_ok=True)
            sheet(rows).save(sheets / f"{kind}.png")
    if care:
        _care(screen, each, seed, sheets)


def _care(screen: Console, each: int, seed: int, sheets: Path | None) -> None:
    screen.print(
        "| kind | hands | kept / tries | carer's hands, % of weight: mean (most of one) | help up | level "
        "| left out for |"
    )
    for kind in CARE:
        rows = []
        for hands in (True, False):
            found, faults, kept = [], Counter[str](), 0
            for number in range(each):
                made = make_helped(kind, np.random.default_rng([seed, number]), hands)
                wrong = made.faults()
                faults.update(wrong)
                kept += not wrong
                found.append(made.figures)
                if hands and len(rows) < _SHOWN:
                    people = tuple(chain(pose).joints_m for pose in made.scene.poses)
                    rows.append(Row(f"{kind} {number}: {', '.join(wrong) or 'kept'}", people, made.boxes))
            cells = [kind, "forces" if hands else "none", f"{kept} / {each}"]
            cells += [
                f"{100 * np.mean([f[name] for f in found]):.0f} ({100 * max(f[name + '_most'] for f in found):.0f})"
                for name in ("carer", "help_up", "help_level")
            ]
            cells.append(", ".join(f"{name} {count}" for name, count in faults.most_common()))
            screen.print("| " + " | ".join(cells) + " |")
        if sheets is not None:
            sheets.mkdir(parents=True, exist_ok=True)
            sheet(rows).save(sheets / f"{kind}.png")


if __name__ == "__main__":
    main()
