"""Are the twelve actions recognised by a classifier that has seen training clips only?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from motion_preprocessing.dataset import MotionDataset
from motion_train.evaluation.estimate import mean_of, share_of
from motion_train.evaluation.making import Made
from motion_train.evaluation.recognise import KINDS, Labelled, Recogniser, labelled_windows
from motion_train.evaluation.requests import ACTIONS
from motion_train.evaluation.rows import NOT_MEASURED, Row, at_least

PART: Final = "Actions recognised"
REACH: Final = 0.60


def action_figures(
    made: Sequence[Made],
    data: Path,
    splits: Sequence[str],
    windows: int,
    seed: int,
    rng: np.random.Generator,
    replications: int,
    threads: int,
) -> list[Row]:
    """Rows of the twelve actions; beside them the classifier's own sensitivity on held-out clips."""
    training = MotionDataset.open(data, split="train")
    recogniser = Recogniser(labelled_windows(training, windows, seed), training.fps, threads)
    held = [
        labelled_windows(MotionDataset.open(data, split=split), max(60, windows // 4), seed + 1) for split in splits
    ]
    held_out = Labelled([w for part in held for w in part.joints_m], np.concatenate([part.shows for part in held]))
    seen = recogniser.sees(held_out.joints_m) if held_out.joints_m else {}
    rows = []
    for action in ACTIONS:
        motions = [m.joints_m[-1 if action == "help" else 0] for m in made if m.wanted.name.startswith(f"{action}_")]
        label = action.replace("_", " ")
        if action not in recogniser.kinds or not motions:
            note = "no training clip shows it: nothing can recognise it" if motions else "not asked for"
            rows.append(Row(PART, action, label, "%", NOT_MEASURED, target=">= 60 %",
                            met=False if motions else None, note=note))  # fmt: skip
            continue
        truth = held_out.shows[:, KINDS.index(action)]
        model = share_of(recogniser.sees(motions)[action], rng, replications)
        own = share_of(seen[action][truth], rng, replications) if action in seen else NOT_MEASURED
        alarms = float(seen[action][~truth].mean()) if action in seen and (~truth).any() else float("nan")
        note = f"real: sensitivity on {int(truth.sum())} held-out windows; {alarms:.0%} of the others are false alarms"
        rows.append(Row(PART, action, label, "%", model, own, ">= 60 %", at_least(model, REACH), note))
    measured = [row.model.value for row in rows if row.model.count]
    if measured:
        reached = sum(bool(row.met) for row in rows)
        every = mean_of(measured, rng, replications, (0.0, 1.0))
        own = mean_of([row.real.value for row in rows if row.real.count], rng, replications, (0.0, 1.0))
        note = f"{reached} of {len(ACTIONS)} reach 60 %"
        label, target = "mean over actions that have training clips", "all 12 >= 60 %"
        rows.append(Row(PART, "all_actions", label, "%", every, own, target, reached == len(ACTIONS), note))
    return rows
