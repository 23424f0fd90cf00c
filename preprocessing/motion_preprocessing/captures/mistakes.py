"""What an estimator gets wrong on a synthetic capture: poses of somebody else, nonsense, none at all."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RIGHT, SWAPPED, WRONG, MISSING, UNSEEN, ALIKE = range(6)
"""What `predicted` says of a person and frame; see docs/formats/capture.md."""
MIN_KEYPOINTS: Final = 6
"""A person with fewer keypoints in the picture is not annotated."""
DISTINCT: Final = 0.3
"""Two people whose keypoints lie closer on average than this part of their box's side look alike in the picture."""
_ALIKE_ODDS: Final = 20.0
"""How much likelier an estimator takes one for the other who looks alike: such moments are rare."""
_SWAP_RUN, _MISSING_RUN, _WRONG_RUN = 8, 5, 2


def choose_mistakes(
    keypoints: Array,
    boxes: Array,
    seen: NDArray[np.bool_],
    *,
    swapped: float,
    swap_alike: bool,
    missing: float,
    wrong: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Choose what the estimator does with each person and frame.

    Args:
        keypoints: (P, T, 17, 3) annotated.
        boxes: (P, T, 4) annotated.
        seen: (P, T) whether the person is annotated.
        swapped: Share of poses that are another person's.
        swap_alike: Whether that may be somebody who looks the same in the picture.
        missing: Share of poses that are missing.
        wrong: Share of poses that are nonsense.
        rng: Source of every choice.

    Returns:
        What it does (P, T), and whose pose it shows (P, T).
    """
    people, frames = seen.shape
    predicted = np.where(seen, RIGHT, UNSEEN).astype(np.int8)
    shown = np.repeat(np.arange(people)[:, None], frames, axis=1)
    for person in rng.permutation(people):
        count = round(swapped * frames)
        if people > 1 and count:
            others = np.array([i for i in range(people) if i != person])
            pairs = [_confusion(keypoints, boxes, seen, person, other) for other in others]
            odds = _ALIKE_ODDS if swap_alike else 0.0
            weight = np.stack([w * np.where(distinct, 1.0, odds) for w, distinct in pairs])
            distinct = np.stack([distinct for _, distinct in pairs])
            nearest = weight.argmax(axis=0)
            chosen = _runs(seen[person], weight.max(axis=0), count, _SWAP_RUN, rng)
            told_apart = np.take_along_axis(distinct, nearest[None], axis=0)[0]
            predicted[person, chosen] = np.where(told_apart, SWAPPED, ALIKE)[chosen]
            shown[person, chosen] = others[nearest[chosen]]
        for what, share, longest in ((MISSING, missing, _MISSING_RUN), (WRONG, wrong, _WRONG_RUN)):
            free = predicted[person] == RIGHT
            predicted[person, _runs(free, np.ones(frames), round(share * frames), longest, rng)] = what
    return predicted, shown


def _runs(
    free: NDArray[np.bool_], weight: Array, count: int, longest: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose about `count` of the free frames (T,) in runs, starting where the weight (T,) is large."""
    chosen = np.zeros_like(free)
    for _ in range(4 * count + 4):
        odds = np.where(free & ~chosen, weight, 0.0)
        if chosen.sum() >= count or odds.sum() <= 0:
            break
        first = int(rng.choice(len(free), p=odds / odds.sum()))
        length = int(rng.integers(1, longest + 1))
        run = np.zeros_like(free)
        run[first : first + min(length, count - int(chosen.sum()))] = True
        chosen |= run & free & (weight > 0)
    return chosen


def _confusion(
    keypoints: Array, boxes: Array, seen: NDArray[np.bool_], person: int, other: int
) -> tuple[Array, NDArray[np.bool_]]:
    """How likely (T,) the crop of a person gives the pose of another, and whether the two can be told apart (T,).

    The likelihood is high where the boxes overlap, and falls with the distance elsewhere. The more two look alike, the
    less annotations tell a swap.
    """
    a, b = boxes[person], boxes[other]
    size = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0.0, None).prod(axis=-1)
    area = np.maximum((a[:, 2:] - a[:, :2]).prod(axis=-1), 1.0)
    gap = np.linalg.norm((a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) / 2, axis=-1) / np.sqrt(area)
    both = (keypoints[person, ..., 2] > 0) & (keypoints[other, ..., 2] > 0)
    apart = np.linalg.norm(keypoints[person, ..., :2] - keypoints[other, ..., :2], axis=-1)
    mean = np.where(both, apart, 0.0).sum(axis=-1) / np.maximum(both.sum(axis=-1), 1)
    weight = np.where(size > 0, 1.0 + 4.0 * size / area, 0.02 * np.exp(-gap))
    distinct = (mean > DISTINCT * np.sqrt(area)) & (both.sum(axis=-1) >= MIN_KEYPOINTS)
    return np.where(seen[person] & seen[other], weight, 0.0), distinct
