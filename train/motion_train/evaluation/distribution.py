"""How two clouds of embedded motions lie to each other; rows are motions, numpy only.

Frechet distance (Heusel et al. 2017), precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et
al. 2020), the leave-one-out nearest-neighbour two-sample test (Lopez-Paz and Oquab 2017), diversity, multimodality and
MM-distance (Guo et al. 2020, 2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
NEIGHBOURS: Final = 5
"""k of precision, recall, density and coverage."""


def frechet_distance(a: Floats, b: Floats) -> float:
    """Squared 2-Wasserstein distance of the Gaussians fitted to two samples (N, D), (M, D); NaN below two rows.

    |m_a - m_b|^2 + tr(C_a) + tr(C_b) - 2 tr((C_a C_b)^(1/2)). With C_a = A'A and C_b = B'B the last trace is the sum of
    the singular values of A B', which needs no root of a singular matrix.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if min(len(a), len(b)) < 2:
        return math.nan
    shift = a.mean(axis=0) - b.mean(axis=0)
    a = (a - a.mean(axis=0)) / math.sqrt(len(a) - 1)
    b = (b - b.mean(axis=0)) / math.sqrt(len(b) - 1)
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    return max(0.0, float(shift @ shift + (a * a).sum() + (b * b).sum() - 2 * shared))


def distances(a: Floats, b: Floats) -> NDArray[np.float64]:
    """Euclidean distances (N, M) between rows."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    squared = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


@dataclass(frozen=True)
class Manifolds:
    """How far generated rows lie in the manifold of real ones, and the other way round."""

    precision: float
    """Share of the generated rows inside the ball of some real row, which reaches to its k-th neighbour."""
    recall: float
    """Share of the real rows inside the ball of some generated row."""
    density: float
    """How many real balls hold a generated row, over k: above 1 where it is crowded."""
    coverage: float
    """Share of the real rows whose ball holds a generated row."""


def manifolds(real: Floats, made: Floats, neighbours: int = NEIGHBOURS) -> Manifolds:
    """Compare samples (N, D) and (M, D), each of more than `neighbours` rows, else NaN."""
    if min(len(real), len(made)) <= neighbours:
        return Manifolds(math.nan, math.nan, math.nan, math.nan)
    # The nearest row to each is itself.
    real_reach = np.sort(distances(real, real), axis=1)[:, neighbours]
    made_reach = np.sort(distances(made, made), axis=1)[:, neighbours]
    between = distances(real, made)
    in_real, in_made = between <= real_reach[:, None], between <= made_reach[None]
    return Manifolds(
        float(in_real.any(axis=0).mean()),
        float(in_made.any(axis=1).mean()),
        float(in_real.sum(axis=0).mean() / neighbours),
        float(in_real.any(axis=1).mean()),
    )


def two_sample_accuracy(a: Floats, b: Floats) -> float:
    """How often the nearest other row tells which sample a row is of: .5 where they cannot be told apart, 1 at worst.

    Samples are cut to one size. NaN below two rows.
    """
    size = min(len(a), len(b))
    if size < 2:
        return math.nan
    rows = np.concatenate([np.asarray(a, dtype=np.float64)[:size], np.asarray(b, dtype=np.float64)[:size]])
    gap = distances(rows, rows)
    np.fill_diagonal(gap, np.inf)
    side = np.repeat([0, 1], size)
    return float((side[gap.argmin(axis=1)] == side).mean())


def diversity(rows: Floats) -> float:
    """Mean distance of two different rows, over all pairs; NaN below two rows."""
    count = len(rows)
    return float(distances(rows, rows).sum() / (count * (count - 1))) if count > 1 else math.nan


def multimodality(groups: Sequence[Floats]) -> float:
    """Mean over texts of the mean distance of two motions of one text; texts with one motion are left out."""
    measured = [diversity(group) for group in groups if len(group) > 1]
    return float(np.mean(measured)) if measured else math.nan


def matched_distance(text: Floats, motion: Floats) -> NDArray[np.float64]:
    """Distance (N,) of each text to its own motion; its mean is the MM-distance."""
    return np.asarray(np.linalg.norm(np.asarray(text, np.float64) - np.asarray(motion, np.float64), axis=1))


def retrieval_hits(
    text: Floats,
    motion: Floats,
    same: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    pool: int = 32,
    rounds: int = 20,
    ranks: Sequence[int] = (1, 2, 3),
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """R-precision of each text: is a right motion among the k nearest of a pool of 32?

    Each text is ranked against its own motion and 31 others, drawn anew in every round. A motion whose caption says the
    same as the text counts as right, so chance lies above k/32.

    Args:
        text: (N, D).
        motion: (N, D).
        same: (N, N), entry (i, j) where text i also fits motion j.
        rng: Draws the others.
        pool: Motions in a pool, cut to N.
        rounds: Pools a text.
        ranks: The k.

    Returns:
        (N, K) share of the pools with a hit, and (N, K) the same of a random ranking.
    """
    count, size = len(text), min(pool, len(text))
    gap = distances(text, motion)
    hits, chance = np.zeros((count, len(ranks))), np.zeros((count, len(ranks)))
    for row in range(count):
        others = np.delete(np.arange(count), row)
        for _ in range(rounds):
            members = np.append(rng.permutation(others)[: size - 1], row)
            right = same[row, members] | (members == row)
            # Of equal distances the wrong one counts as nearer.
            order = np.lexsort((right, gap[row, members]))
            first = int(right[order].argmax())
            wrong = size - int(right.sum())
            for column, k in enumerate(ranks):
                hits[row, column] += first < k
                chance[row, column] += 1 - math.comb(wrong, k) / math.comb(size, k)
    return hits / rounds, chance / rounds
