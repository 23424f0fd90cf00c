"""Figures in the evaluator's space: does the motion say what the text says, and is it drawn as recordings are?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_train.evaluation.distribution import (
    diversity,
    frechet_distance,
    manifolds,
    matched_distance,
    multimodality,
    retrieval_hits,
    two_sample_accuracy,
)
from motion_train.evaluation.embedder import Evaluator, canonical_pose
from motion_train.evaluation.estimate import Estimate, estimate, mean_of
from motion_train.evaluation.making import Made
from motion_train.evaluation.real import RealSet
from motion_train.evaluation.rows import Row, at_least

PART: Final = "Text and distribution (internal evaluator)"
_RANKS: Final = (1, 2, 3)
_SPACE: Final = "real: as many training windows against the held-out ones"


def embed_made(evaluator: Evaluator, made: Sequence[Made], person: int = 0) -> NDArray[np.float64]:
    """Embeddings (N, D) of one person of each motion."""
    poses = [
        canonical_pose(m.joints_m[person], m.local_rotations[person], m.root_position_m[person], m.fps) for m in made
    ]
    return evaluator.embed_motion(poses)


def text_figures(
    evaluator: Evaluator,
    held_out: RealSet,
    training: RealSet,
    made: Sequence[Made],
    actions: Sequence[Made],
    rng: np.random.Generator,
    replications: int,
) -> list[Row]:
    """Rows of FID, R-precision, MM-distance, diversity, multimodality, precision, recall and the two-sample test.

    Args:
        evaluator: Embeds.
        held_out: Captioned recordings.
        training: As many training windows: what a perfect memory would give.
        made: A motion for each caption of `held_out`, in its order.
        actions: Several motions of each of a few texts.
        rng: Draws pools and halves.
        replications: For the intervals.
    """
    text = evaluator.embed_text(held_out.captions)
    real, fake = evaluator.embed_motion(held_out.poses), embed_made(evaluator, made)
    seen = evaluator.embed_motion(training.poses)
    same = held_out.same()
    count = len(text)
    rows = []

    def both(key: str, label: str, statistic: object, limits: tuple[float, float], note: str = "") -> None:
        assert callable(statistic)
        model = estimate(lambda a, b: statistic(real[a], fake[b]), [count, len(fake)], rng, replications, limits)
        own = estimate(lambda a, b: statistic(real[a], seen[b]), [count, len(seen)], rng, replications, limits)
        rows.append(Row(PART, key, label, "", model, own, note=note or _SPACE))

    both("fid", "FID", frechet_distance, (0.0, np.inf))
    made_hits, chance = retrieval_hits(text, fake, same, rng, rounds=replications, ranks=_RANKS)
    real_hits, _ = retrieval_hits(text, real, same, rng, rounds=replications, ranks=_RANKS)
    for column, rank in enumerate(_RANKS):
        model = mean_of(made_hits[:, column], rng, replications, (0.0, 1.0))
        own = mean_of(real_hits[:, column], rng, replications, (0.0, 1.0))
        note = f"pools of {min(32, count)}; a random ranking scores {chance[:, column].mean():.2f}"
        row = Row(PART, f"r_precision_{rank}", f"R-precision@{rank}", "", model, own, note=note)
        if rank == 3:
            row = Row(PART, row.key, row.label, "", model, own, ">= 0.60", at_least(model, 0.60), note)
        rows.append(row)
    model_mm = mean_of(matched_distance(text, fake), rng, replications)
    real_mm = mean_of(matched_distance(text, real), rng, replications)
    rows.append(Row(PART, "mm_distance", "MM-distance", "", model_mm, real_mm, note="unit vectors: 0 to 2"))

    def spread(rows_of: NDArray[np.float64]) -> Estimate:
        return estimate(lambda a: diversity(rows_of[a]), [len(rows_of)], rng, replications)

    rows.append(Row(PART, "diversity", "diversity", "", spread(fake), spread(real), note="all pairs"))
    rows.append(_multimodality(evaluator, held_out, real, actions, rng, replications))
    for key, label in (("precision", "precision"), ("recall", "recall"), ("density", "density"),
                       ("coverage", "coverage")):  # fmt: skip
        top = np.inf if key == "density" else 1.0
        both(key, label, lambda a, b, key=key: getattr(manifolds(a, b), key), (0.0, top))
    note = "0.5 is ideal; 1: every motion is told from a recording; " + _SPACE
    both("two_sample", "two-sample accuracy", two_sample_accuracy, (0.0, 1.0), note)
    return rows


def _multimodality(
    evaluator: Evaluator,
    held_out: RealSet,
    real: NDArray[np.float64],
    actions: Sequence[Made],
    rng: np.random.Generator,
    replications: int,
) -> Row:
    """Spread of the motions of one text; of recordings the spread of windows whose clips have one caption."""
    groups: dict[str, list[int]] = {}
    for index, one in enumerate(actions):
        groups.setdefault(one.wanted.request.prompts[0], []).append(index)
    embedded = embed_made(evaluator, actions) if actions else np.zeros((0, 1))
    made = [embedded[members] for members in groups.values()]
    alike: dict[str, list[int]] = {}
    for index, window in enumerate(held_out.windows):
        if window.clip_captions:
            alike.setdefault(window.clip_captions[0], []).append(index)
    recorded = [real[members] for members in alike.values() if len(members) > 1]
    note = "one text, many motions; real: windows of one caption, which may be of one clip"
    return Row(PART, "multimodality", "multimodality", "", _spread(made, rng, replications),
               _spread(recorded, rng, replications), note=note)  # fmt: skip


def _spread(groups: Sequence[NDArray[np.float64]], rng: np.random.Generator, replications: int) -> Estimate:
    return mean_of([multimodality([group]) for group in groups], rng, replications)
