"""How often the rules find OmniFall's class of a frame where something else tells it.

    python benchmarks/frame_labels.py DATASET

DATASET is what `motion-preprocess mocap` makes of the permissive folder. What tells the class:

- fall, fallen, lying: the simulation's own onset and impact; half a second after the impact is left out;
- walk: captures whose whole label is a walk or a run; standing: exercises of the arms;
- sit_down, sitting, stand_up, squat_down, squatting: the pelvis' height in exercises whose name says which: on the way
  between 8 and 93 % of the drop, below in between (0.1 s around each border left out);
- jump: clips with 'jump' in their label, counted once each.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from motion_preprocessing.dataset import MotionDataset, MotionRecord
from motion_preprocessing.frame_labels import ACTIONS, omnifall_labels
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT

STARTED, ARRIVED = 0.08, 0.93
BORDER_S = 0.1
AFTER_IMPACT_S = 0.5
SQUAT_M = 0.65

Known = Iterator[tuple[str, list[str]]]


def known_parts(record: MotionRecord, found: list[str], pelvis_m: NDArray[np.float64]) -> Known:
    """Give (true class, classes found) of the frames whose class is known."""
    label, border = record.label.lower(), max(1, round(BORDER_S * record.fps))
    if record.action == "fall":
        moments = {event.name: round(event.time_s * record.fps) for event in record.events}
        onset, impact = moments["onset"], moments["impact"]
        yield "fall", found[onset + border : impact + 1]
        yield "fallen", found[impact + round(AFTER_IMPACT_S * record.fps) :]
        if " bed" in label:
            yield "lying", found[: max(0, onset - border)]
    elif re.match(r"walk(,|$)|run(/jog)?$", label):
        yield "walk", found
    elif "shoulder" in label:
        yield "standing", found
    elif label.startswith("sit to stand") and record.action == "sit":
        yield from _down_and_up(("sit_down", "sitting"), found, pelvis_m, border)
    elif label.startswith("deep squat") and pelvis_m.min() < SQUAT_M:
        yield from _down_and_up(("squat_down", "squatting"), found, pelvis_m, border)


def _down_and_up(names: tuple[str, str], found: list[str], pelvis_m: NDArray[np.float64], border: int) -> Known:
    drop = (np.percentile(pelvis_m, 90) - pelvis_m) / (np.percentile(pelvis_m, 90) - pelvis_m.min())
    lowest = int(np.argmin(pelvis_m))
    below, deep = np.flatnonzero(drop < STARTED), np.flatnonzero(drop > ARRIVED)
    start = max(below[below < lowest], default=0)
    stop = min(below[below > lowest], default=len(drop) - 1)
    yield "standing", found[: max(0, start - 3 * border)] + found[stop + 3 * border :]
    yield names[0], found[start + border : max(start, deep[0] - border)]
    yield names[1], found[deep[0] + border : deep[-1] + 1 - border]
    yield "stand_up", found[deep[-1] + border : max(deep[-1], stop - border)]


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
def main(dataset: Path) -> None:
    """Print the recall of every class that is known somewhere in DATASET."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    jumps = [0, 0]
    for record in MotionDataset.open(dataset):
        joints = np.asarray(record.pose[:, POSITIONS], dtype=np.float64).reshape(-1, JOINT_COUNT, 3)
        found = [ACTIONS[k] for k in omnifall_labels(joints, record.fps)]
        for name, part in known_parts(record, found, joints[:, 0, 2]):
            counts[name].update(part)
        if "jump" in record.label.lower():
            jumps = [jumps[0] + ("jump" in found), jumps[1] + 1]
    table = Table("class", "frames", "recall", "else taken for", title="Classes of frames")
    for name in sorted(counts, key=ACTIONS.index):
        total = counts[name].total()
        others = [(other, n) for other, n in counts[name].most_common(3) if other != name and n > 0.01 * total]
        mistaken = ", ".join(f"{other} {n / total:.0%}" for other, n in others)
        table.add_row(name, str(total), f"{counts[name][name] / total:.1%}", mistaken)
    table.add_row("jump", f"{jumps[1]} clips", f"{jumps[0] / max(1, jumps[1]):.1%}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
