"""Teach a trained text tower more words, while all that it says already stays where it was.

The denoiser reads an embedding through a layer norm, so that is where two embeddings are compared: the new tower's of
what is said with the old one's of what is meant (`word_lessons`). No motion is needed and the denoiser is not trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from motion_train.config import OptimiserConfig
from motion_train.optimiser import lr_factor, make_optimizer
from motion_train.text_tower import TextTower
from motion_train.word_lessons import Lesson, Lessons

BATCH: Final = 128
OPTIMISER: Final = OptimiserConfig(lr=5e-4, warmup_steps=100, min_lr_ratio=0.0)
_TAUGHT: Final = "; taught more words"
_EVERY: Final = 100
"""Steps between two lines of the log."""


@dataclass(frozen=True)
class Understood:
    """How a list of lessons is understood."""

    nearest: float
    """Share of the sentences whose embedding is nearest to what was meant, among all that is meant in the list."""
    distance: float
    """Root mean square between the two embeddings, after the layer norm: 1.4 for two that have nothing in common."""
    count: int
    """Sentences."""


def teach(
    tower: TextTower, lessons: Lessons, steps: int, seed: int = 0, report: Callable[[str], None] = lambda _: None
) -> TextTower:
    """Train a copy of a tower on lessons; the same seed gives the same weights on a CPU.

    Args:
        tower: What says what is meant.
        lessons: To draw from.
        steps: Optimiser steps (AdamW, cosine) of `BATCH` lessons.
        seed: Of the lessons.
        report: Told the loss now and then.

    Returns:
        The taught tower, frozen.
    """
    old = deepcopy(tower).freeze()
    source = tower.config.source.removesuffix(_TAUGHT) + _TAUGHT
    new = TextTower(replace(tower.config, source=source), tower.tokenizer_text)
    new.load_state_dict(tower.state_dict())
    new.train()
    optimiser = make_optimizer(new, OPTIMISER)
    rng = np.random.Generator(np.random.Philox(key=[seed, 2**44]))
    losses: list[float] = []
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = OPTIMISER.lr * lr_factor(OPTIMISER, step, step / steps)
        drawn = [lessons.draw(rng) for _ in range(BATCH)]
        with torch.no_grad():
            meant = seen(old, [lesson.meant for lesson in drawn])
        loss = F.mse_loss(seen(new, [lesson.said for lesson in drawn]), meant)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(new.parameters(), OPTIMISER.clip_norm)
        optimiser.step()
        losses.append(float(loss.detach()))
        if (step + 1) % _EVERY == 0:
            report(f"step {step + 1} of {steps}: {np.mean(losses[-_EVERY:]):.4f}")
    return new.freeze()


def seen(tower: TextTower, sentences: Sequence[str]) -> Tensor:
    """Embeddings (N, Dt) as a denoiser sees them: of mean 0 and variance 1.

    Sentences are cut to the tokens of the longest: attention is causal, so what pads them changes nothing before it.
    """
    encode = tower.prompt_tokenizer().encode
    tokens = np.concatenate([encode(sentence) for sentence in sentences])
    longest = int(tokens.argmax(axis=1).max()) + 1  # the end token has the highest id
    mask = tower.transformer.attn_mask
    tower.transformer.attn_mask = mask[:longest, :longest]  # open_clip's own does not follow the tokens
    try:
        embedded = tower.encode(torch.from_numpy(tokens[:, :longest]))
    finally:
        tower.transformer.attn_mask = mask
    return F.layer_norm(embedded, (embedded.shape[-1],))


@torch.no_grad()
def understood(old: TextTower, new: TextTower, lessons: Sequence[Lesson]) -> Understood:
    """Measure how far `new` understands what is said as `old` understands what is meant."""
    said = seen(new, [lesson.said for lesson in lessons])
    different = list(dict.fromkeys(lesson.meant for lesson in lessons))
    targets = seen(old, different)
    right = torch.tensor([different.index(lesson.meant) for lesson in lessons])
    apart = torch.cdist(said, targets)
    distance = (said - targets[right]).square().mean().sqrt()
    return Understood(float((apart.argmin(1) == right).float().mean()), float(distance), len(lessons))


def figures(old: TextTower, new: TextTower, lists: Mapping[str, Sequence[Lesson]]) -> dict[str, dict[str, Understood]]:
    """`understood` of each list, before and after."""
    return {
        name: {"before": understood(old, old, lessons), "after": understood(old, new, lessons)}
        for name, lessons in lists.items() if lessons
    }  # fmt: skip
