"""Are the twelve actions recognised by a classifier that has seen training clips only?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from motion_preprocessing.dataset import MotionDataset
from motion_train.evaluation.estimate import mean_of, share_of
from motion_train.evaluation.making import Made
from motion_train.evaluation.recognise import KINDS, Labelled, Recogniser, hands_held, labelled_windows
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
    lesson = hands_held(labelled_windows(training, windows, seed), training.fps)
    recogniser = Recogniser(lesson, training.fps, threads)
    held = [
        labelled_windows(MotionDataset.open(data, split=split), max(60, windows // 4), seed + 1) for split in splits
    ]
    held_out = Labelled([w for part in held for w in part.joints_m], np.concatenate([part.shows for part in held]))
    seen = recogniser.sees(held_out.joints_m) if held_out.joints_m else {}
    found = recogniser.sees([one.joints_m[0] for one in made]) if made else {}
    asked = np.array([_action(one) for one in made])
    rows = []
    for action in ACTIONS:
        own_motions = asked == action
        label = action.replace("_", " ")
        if action not in recogniser.kinds or not own_motions.any():
            note = "no training clip shows it: nothing can recognise it" if own_motions.any() else "not asked for"
            met = False if own_motions.any() else None
            rows.append(Row(PART, action, label, "%", NOT_MEASURED, target=">= 60 %", met=met, note=note))
            continue
        model = share_of(found[action][own_motions], rng, replications)
        unasked = f"; seen in {found[action][~own_motions].mean():.0%} of the motions that were asked for other things"
        truth = held_out.shows[:, KINDS.index(action)] if seen else np.zeros(0, dtype=np.bool_)
        if not truth.any():  # a classifier that was never tried proves nothing
            note = "no held-out clip shows it: how good the classifier is, is not known" + unasked
            rows.append(Row(PART, action, label, "%", model, target=">= 60 %", note=note))
            continue
        own = share_of(seen[action][truth], rng, replications)
        alarms = f"{seen[action][~truth].mean():.0%}" if (~truth).any() else "none"
        note = f"real: sensitivity on {int(truth.sum())} held-out windows, false alarms on {alarms} of the others"
        rows.append(Row(PART, action, label, "%", model, own, ">= 60 %", at_least(model, REACH), note + unasked))
    measured = [row.model.value for row in rows if row.model.count]
    if (asked == "help").any() and {"stand_up", "get_up"} <= set(recogniser.kinds):
        others = recogniser.sees([one.joints_m[1] for one in made if _action(one) == "help"])
        risen = share_of(others["stand_up"] | others["get_up"], rng, replications)
        note = "by the other one's own body: seen to stand up or to get up"
        rows.append(Row(PART, "helped", "help: the other one rises", "%", risen, note=note))
    if measured:
        reached = sum(bool(row.met) for row in rows)
        every = mean_of(measured, rng, replications, (0.0, 1.0))
        own = mean_of([row.real.value for row in rows if row.real.count], rng, replications, (0.0, 1.0))
        note = f"{reached} of {len(ACTIONS)} reach 60 %"
        label, target = "mean over actions that have training clips", "all 12 >= 60 %"
        rows.append(Row(PART, "all_actions", label, "%", every, own, target, reached == len(ACTIONS), note))
    return rows


def _action(made: Made) -> str:
    """The action that a motion was asked for."""
    return made.wanted.name.rpartition("_")[0]
