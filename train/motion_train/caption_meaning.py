"""When two captions say the same, so that neither's motion is a wrong answer to the other.

A batch of motions and captions holds false negatives: two clips of walking, captioned alike. TMR (Petrovich et al.
2023) leaves out of the contrastive loss pairs whose captions a sentence encoder finds alike; such an encoder hardly
tells left from right, so here content words are compared, and words that turn a meaning round must be equal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

OVERLAP: Final = 0.8
"""Share of common content words (Jaccard) from which two captions count as the same."""

_TELLING: Final = frozenset(
    ["left", "right", "forward", "forwards", "backward", "backwards", "back", "up", "down", "slowly", "quickly", "fast",
     "slow", "sideways", "clockwise", "counterclockwise", "not", "one", "two", "three", "both", "high", "low"]
)  # fmt: skip
_STOP: Final = frozenset(
    ["a", "an", "the", "and", "is", "are", "then", "to", "with", "of", "at", "in", "on", "their", "his", "her", "it",
     "person", "someone", "somebody", "human", "man", "woman", "he", "she", "they"]
)  # fmt: skip
_WORD: Final = re.compile(r"[a-z0-9]+")


@lru_cache(maxsize=65_536)
def content(text: str) -> frozenset[str]:
    """The words of a caption that carry its meaning."""
    return frozenset(_WORD.findall(text.lower())) - _STOP


def same_meaning(first: str, second: str) -> bool:
    """Compare two captions."""
    a, b = content(first), content(second)
    if a & _TELLING != b & _TELLING:
        return False
    return first == second or len(a & b) >= OVERLAP * len(a | b) > 0


def same_meanings(texts: Sequence[str], owned: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """Which texts (N) say the same as any caption of which motions (M): (N, M); `same_meaning` for a whole batch."""
    captions = list(dict.fromkeys(caption for group in owned for caption in group))
    words: dict[str, int] = {}
    for text in (*texts, *captions):
        for word in content(text):
            words.setdefault(word, len(words))
    telling = np.array([word in _TELLING for word in words], dtype=np.bool_)
    a, b = _bags(texts, words), _bags(captions, words)  # (N, W), (C, W)
    common = a @ b.T
    union = a.sum(axis=1)[:, None] + b.sum(axis=1) - common
    alike = (common >= OVERLAP * union) & (union > 0)
    turns = (a[:, telling] @ b[:, telling].T) * 2 == a[:, telling].sum(axis=1)[:, None] + b[:, telling].sum(axis=1)
    place = {caption: column for column, caption in enumerate(captions)}
    alike &= turns
    for row, text in enumerate(texts):
        if text in place:
            alike[row, place[text]] = True
    member = np.zeros((len(captions), len(owned)), dtype=np.bool_)
    for column, group in enumerate(owned):
        member[[place[caption] for caption in group], column] = True
    return np.asarray(alike.astype(np.float32) @ member.astype(np.float32) > 0)


def _bags(texts: Sequence[str], words: dict[str, int]) -> NDArray[np.float32]:
    bags = np.zeros((len(texts), len(words)), dtype=np.float32)
    for row, text in enumerate(texts):
        bags[row, [words[word] for word in content(text)]] = 1
    return bags
