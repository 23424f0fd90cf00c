"""What to warn of where people are inside of each other, as several in a small room are who have no other way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from motion_runtime.approach import names_others

MANY_FRAMES: Final = 0.2
"""Of the frames of four people in rooms of 2.6 m and more, and of nearly all pairs, less than this; in rooms of 1.8 m
a third and more. Who helps or hugs somebody touches them in most frames, and is asked to."""


def too_close(metrics: Sequence[Mapping[str, Any]], prompts: Iterable[str]) -> list[str]:
    """One line, or none, for the samples of a run or a job.

    Args:
        metrics: Quality figures of each sample.
        prompts: What people do, as they are told and as it is read.
    """
    shares = [figures.get("person_penetration_share") or 0.0 for figures in metrics]
    if max(shares, default=0.0) <= MANY_FRAMES or any(map(names_others, prompts)):
        return []
    worst = shares.index(max(shares))
    in_frames = f"in {shares[worst]:.0%} of the frames"
    if len(shares) > 1:
        many = sum(share > MANY_FRAMES for share in shares)
        in_frames = f"{in_frames} of sample {worst}, in more than {MANY_FRAMES:.0%} of {many} of {len(shares)} samples"
    return [f"people are inside of each other {in_frames}; make fewer people, or take a room with more free floor"]
