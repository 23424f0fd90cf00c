"""Retrieval: does a caption find its motion among others, and a motion its caption?

R@k in pools of 32 (Guo et al. 2022, Petrovich et al. 2023): each query is ranked against its own partner and 31 others.
A candidate whose caption says the same as the query's counts as right, so the chance of a random ranking is above k/32;
it stands beside every figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

POOL: Final = 32
RANKS: Final = (1, 3)


@dataclass(frozen=True)
class Retrieval:
    """R@k by k, in shares of the queries."""

    text_to_motion: dict[int, float]
    motion_to_text: dict[int, float]
    chance: dict[int, float]
    """Of a random ranking in these same pools, caption to motion."""
    pools: int
    """Pools the figures are means of."""
    windows: int
    """Windows the pools were drawn from."""


def retrieval(
    text: NDArray[np.floating[Any]],
    motion: NDArray[np.floating[Any]],
    same: NDArray[np.bool_],
    rng: np.random.Generator,
    pools: int = 20,
    ranks: Sequence[int] = RANKS,
) -> Retrieval:
    """Rank in random pools of 32 (of all, if there are fewer).

    Args:
        text: (N, D) embeddings of captions; need not be normalised.
        motion: (N, D) embeddings of their motions.
        same: (N, N), entry (i, j) where caption i also fits motion j.
        rng: Draws the pools.
        pools: How many.
        ranks: The k.

    Returns:
        Means over all queries of all pools.
    """
    text = text / np.linalg.norm(text, axis=1, keepdims=True)
    motion = motion / np.linalg.norm(motion, axis=1, keepdims=True)
    size = min(POOL, len(text))
    found: dict[str, list[NDArray[np.float64]]] = {"text": [], "motion": [], "chance": []}
    for _ in range(pools):
        members = rng.permutation(len(text))[:size]
        scores = text[members] @ motion[members].T
        right = same[np.ix_(members, members)] | np.eye(size, dtype=np.bool_)
        found["text"].append(_hits(scores, right, ranks))
        found["motion"].append(_hits(scores.T, right.T, ranks))
        wrong = size - right.sum(axis=1)
        found["chance"].append(
            np.array([np.mean([1 - comb(int(w), k) / comb(size, k) for w in wrong]) for k in ranks])
        )
    means = {name: np.mean(values, axis=0) for name, values in found.items()}
    by_rank = {name: {k: float(v) for k, v in zip(ranks, values, strict=True)} for name, values in means.items()}
    return Retrieval(by_rank["text"], by_rank["motion"], by_rank["chance"], pools, len(text))


def _hits(scores: NDArray[np.floating[Any]], right: NDArray[np.bool_], ranks: Sequence[int]) -> NDArray[np.float64]:
    """Share of the rows with a right candidate among their k best, for each k."""
    order = np.argsort(-scores, axis=1, kind="stable")
    first = np.take_along_axis(right, order, axis=1).argmax(axis=1)
    return np.array([np.mean(first < k) for k in ranks])
