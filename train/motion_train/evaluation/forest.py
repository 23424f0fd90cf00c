"""A yes or no for each of several kinds: one forest of decision trees (scikit-learn) for all.

Thresholds come from the trees that did not see a window: a held-out clip takes no part in choosing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
_TREES: Final = 160
_FEWEST: Final = 5


class Forest:
    """The trees and their thresholds."""

    def __init__(self, described: Floats, shows: NDArray[np.bool_], kinds: Sequence[str], threads: int = 1) -> None:
        """Learn from windows described by numbers (N, F) what they show (N, K).

        Kinds that fewer than five windows show, or all, are left out.
        """
        from sklearn.ensemble import RandomForestClassifier

        counts = shows.sum(axis=0)
        self.kinds = tuple(kind for kind, n in zip(kinds, counts, strict=True) if _FEWEST <= n < len(shows))
        columns = [list(kinds).index(kind) for kind in self.kinds]
        self.thresholds = np.zeros(len(columns))
        if not columns:
            return
        target = shows[:, columns].astype(np.int64)
        self._forest = RandomForestClassifier(
            _TREES, min_samples_leaf=2, max_features=0.2, oob_score=True, n_jobs=threads, random_state=0
        )
        # scikit-learn shapes a single answer another way: a second one that is alike keeps it to one.
        target = np.concatenate([target, target[:, :1]], axis=1)
        self._forest.fit(described, target)
        unseen = np.asarray(self._forest.oob_decision_function_)  # (N, 2, K + 1)
        self.thresholds = np.array([best_threshold(unseen[:, 1, k], target[:, k] == 1) for k in range(len(columns))])

    def sees(self, described: Floats) -> dict[str, NDArray[np.bool_]]:
        """Which windows (N,) show each kind."""
        if not self.kinds:
            return {}
        if not len(described):
            return {kind: np.zeros(0, dtype=np.bool_) for kind in self.kinds}
        chances = self._forest.predict_proba(described)[:-1]
        return {
            kind: chance[:, 1] >= threshold
            for kind, chance, threshold in zip(self.kinds, chances, self.thresholds, strict=True)
        }


def best_threshold(chance: Floats, truth: NDArray[np.bool_]) -> float:
    """The threshold with the greatest mean of sensitivity and specificity, half way to the next chance below."""
    levels = np.unique(chance)
    if not truth.any() or truth.all() or len(levels) < 2:
        return 0.5
    cuts = (levels[1:] + levels[:-1]) / 2
    above = chance[None] >= cuts[:, None]
    score = above[:, truth].mean(axis=1) + (~above[:, ~truth]).mean(axis=1)
    return float(cuts[int(score.argmax())])
