"""Are the twelve actions recognised by classifiers that have seen training clips only?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.dataset import MotionDataset
from motion_train.evaluation.clips import KINDS_OF_TWO, Clips
from motion_train.evaluation.estimate import mean_of, share_of
from motion_train.evaluation.making import Made
from motion_train.evaluation.recognise import KINDS, Labelled, Recogniser, hands_held, labelled_windows
from motion_train.evaluation.recognise_two import PairRecogniser, Pairs, pair_windows
from motion_train.evaluation.requests import ACTIONS
from motion_train.evaluation.rows import NOT_MEASURED, Row, at_least

PART: Final = "Actions recognised"
REACH: Final = 0.60
_PAIR_SHARE: Final = 1 / 8
"""So many takes of two people of each action, and windows of every sort without it, of the windows of one."""
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class _Seen:
    """What a classifier says of an action: N motions made, M held-out windows."""

    made: Bools
    """(N,)."""
    asked: Bools
    """(N,), which were asked for it."""
    held_out: Bools
    """(M,)."""
    truth: Bools
    """(M,)."""
    alarms: str = ""
    """In which held-out windows it is seen wrongly."""
    strangers: str = ""
    """In how many people in company it is seen."""


def action_figures(
    made: Sequence[Made],
    company: Sequence[Made],
    data: Path,
    splits: Sequence[str],
    windows: int,
    seed: int,
    rng: np.random.Generator,
    replications: int,
    threads: int,
) -> list[Row]:
    """Rows of the twelve actions; beside them the classifiers' own sensitivity on held-out clips.

    `company` are motions of people who have nothing to do with each other: what is seen in them is a false alarm.
    """
    training = Clips(MotionDataset.open(data, split="train"))
    held_out = [Clips(MotionDataset.open(data, split=split)) for split in splits]
    bodies = Recogniser(hands_held(labelled_windows(training, windows, seed), training.fps), training.fps, threads)
    seen = _of_one(bodies, made, [labelled_windows(clips, max(60, windows // 4), seed + 1) for clips in held_out])
    takes = round(windows * _PAIR_SHARE)
    pairs = PairRecogniser(pair_windows(training, takes, seed), training.fps, threads)
    takes_held_out = Pairs()
    for clips in held_out:
        takes_held_out.extend(pair_windows(clips, max(8, takes // 2), seed + 1))
    seen |= _of_two(pairs, made, company, takes_held_out)
    rows = [_row(action, seen.get(action), rng, replications) for action in ACTIONS]
    measured = [row.model.value for row in rows if row.model.count]
    asked = [one for one in made if _action(one) == "help"]
    if asked and {"stand_up", "get_up"} <= set(bodies.kinds):
        found = zip(takes_held_out.other_m, takes_held_out.does, strict=True)
        risen, beside = (
            share_of(_rise(bodies, others), rng, replications)
            for others in ([one.joints_m[1] for one in asked], [other for other, does in found if does == "help"])
        )
        note = "by the other one's own body: seen to stand up or to get up; real: simulated takes of other seeds"
        rows.append(Row(PART, "helped", "help: the other one rises", "%", risen, beside, note=note,
                        unreal="no held-out take of help"))  # fmt: skip
    if measured:
        reached = sum(bool(row.met) for row in rows)
        every = mean_of(measured, rng, replications, (0.0, 1.0))
        own = mean_of([row.real.value for row in rows if row.real.count], rng, replications, (0.0, 1.0))
        note = f"{reached} of {len(ACTIONS)} reach 60 %"
        label, target = "mean over actions that have training clips", "all 12 >= 60 %"
        rows.append(Row(PART, "all_actions", label, "%", every, own, target, reached == len(ACTIONS), note))
    return rows


def _rise(recogniser: Recogniser, bodies_m: Sequence[NDArray[np.floating[Any]]]) -> Bools:
    """Which of N bodies, each (T, 22, 3), stand up or get up."""
    found = recogniser.sees(bodies_m)
    return found["stand_up"] | found["get_up"]


def _of_one(recogniser: Recogniser, made: Sequence[Made], held_out: Sequence[Labelled]) -> dict[str, _Seen]:
    """What one body shows, the first one's of several."""
    asked = np.array([_action(one) for one in made])
    found = recogniser.sees([one.joints_m[0] for one in made])
    seen = recogniser.sees([window for part in held_out for window in part.joints_m])
    truth = np.concatenate([part.shows for part in held_out])
    return {
        kind: _Seen(found[kind], asked == kind, seen[kind], truth[:, KINDS.index(kind)]) for kind in recogniser.kinds
    }


def _of_two(
    recogniser: PairRecogniser, made: Sequence[Made], company: Sequence[Made], windows: Pairs
) -> dict[str, _Seen]:
    """What the first one of several does with another."""
    several = [one for one in made if len(one.joints_m) > 1]
    asked = np.array([_action(one) for one in several])
    found = [recogniser.sees_people(one.joints_m) for one in several]
    strangers = [recogniser.sees_people(one.joints_m, who) for one in company for who in range(len(one.joints_m))]
    seen = recogniser.sees(windows.own_m, windows.other_m)
    rows = {}
    for kind in recogniser.kinds:
        truth = windows.shows[:, KINDS_OF_TWO.index(kind)]
        wrong = np.flatnonzero(seen[kind] & ~truth)
        sorts = Counter(windows.does[i] or windows.sorts[i] for i in wrong)
        alarms = " (who " + ", ".join(f"{sort}: {n}" for sort, n in sorts.items()) + ")" if sorts else ""
        made_so = np.array([one[kind] for one in found], dtype=np.bool_)
        share = np.mean([one[kind] for one in strangers]) if strangers else 0.0
        told = f"; seen in {share:.0%} of {len(strangers)} people in company" if strangers else ""
        rows[kind] = _Seen(made_so, asked == kind, seen[kind], truth, alarms, told)
    return rows


def _row(action: str, seen: _Seen | None, rng: np.random.Generator, replications: int) -> Row:
    label, target = action.replace("_", " "), ">= 60 %"
    if seen is None:
        note = "no training clip shows it: nothing can recognise it"
        return Row(PART, action, label, "%", NOT_MEASURED, target=target, met=False, note=note)
    if not seen.asked.any():
        return Row(PART, action, label, "%", NOT_MEASURED, target=target, note="not asked for")
    model = share_of(seen.made[seen.asked], rng, replications)
    others = seen.made[~seen.asked]
    more = seen.strangers
    if others.size:
        more = f"; seen in {others.mean():.0%} of {others.size} motions that were asked for other things" + more
    if not seen.truth.any():  # a classifier that was never tried proves nothing
        note = "no held-out clip shows it: how good the classifier is, is not known" + more
        return Row(PART, action, label, "%", model, target=target, note=note)
    own = share_of(seen.held_out[seen.truth], rng, replications)
    wrong = seen.held_out[~seen.truth]
    alarms = f"{wrong.mean():.1%} of {wrong.size} others" if wrong.size else "none of others"
    note = f"real: sensitivity on {int(seen.truth.sum())} held-out windows, false alarms on {alarms}{seen.alarms}"
    return Row(PART, action, label, "%", model, own, target, at_least(model, REACH), note + more)


def _action(made: Made) -> str:
    """The action that a motion was asked for."""
    return made.wanted.name.rpartition("_")[0]
