"""A denoiser taught by the one that it starts from, or by another: guidance in one call, and nothing forgotten.

In the batches that are *taught*, what the model is to answer is not the clip but what frozen weights answer to the same
x_t: those that it starts from, or those of `run`. That serves two ends:

    guidance distillation (Meng et al. 2023, section 3.1): above a noise level the answer is the teacher's guided one,
    x0_none + g (x0 - x0_none), so that one call of the student does what two of the teacher did;
    learning without forgetting (Li & Hoiem 2016): further training on a few kinds of motion keeps all the others. With
    `answers_from` that holds from that level on, where is settled what is done; below it clips of all kinds say how.

Batches that are not taught are clips as ever, but where guidance is distilled only at the levels below: above them no
clip says what the model is to answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from motion_train.loader import Batch, BatchSource

TAUGHT: Final = "taught"
"""Key that marks a batch whose target is the teacher's answer."""

Predict = Callable[[slice, Tensor, Tensor], Tensor]
"""(rows, keep_text (b,), keep_scene (b,)) -> x0 (b, P, T, D)."""


@dataclass(frozen=True)
class TeacherConfig:
    """Batches that are taught by frozen weights."""

    share: float = 0.0
    """Share of the batches that are taught; 0 = there is no teacher."""
    dataset: str = ""
    """Folder of the motion dataset that they are made of; '' = that of the others."""
    guidance: float = 1.0
    """Scale of the guidance that is learned, of text and scene together; 1 = none."""
    guided_from: int = 0
    """Lowest noise level at which it is."""
    answers_from: int = 0
    """Lowest noise level at which taught batches are answered by the teacher; below it by their clips."""
    run: str = ""
    """Folder of the run whose best weights answer; '' = the one that this run starts from."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"expected 0 to 1, got {self.share:g} for the share of batches that are taught")
        if self.guided_from < 0:
            raise ValueError(f"expected 0 or more, got {self.guided_from} for the level from which guidance is learned")
        if self.answers_from < 0:
            raise ValueError(f"expected 0 or more, got {self.answers_from} for the level that the teacher answers from")
        if self.answers_from and self.guidance != 1:
            raise ValueError("expected guidance 1, got another beside a level that the teacher answers from; set one")
        if self.guidance != 1 and self.share == 0:
            raise ValueError("expected a share of taught batches, got 0 for guidance to be learned")
        if self.share == 0 and (unused := "teacher.run" if self.run else "teacher.dataset" if self.dataset else ""):
            raise ValueError(f"expected a share of taught batches, got 0 beside {unused}; set teacher.share")


class Interleaved:
    """Batches of two sources in turn, as evenly as whole batches can be, those of the second marked as taught."""

    def __init__(self, own: BatchSource, taught: BatchSource, share: float) -> None:
        """Take `share` of the batches from `taught`."""
        self._own, self._taught, self._share = own, taught, share

    def batch(self, step: int) -> Batch:
        """Return batch number `step`."""
        before, after = int(step * self._share), int((step + 1) * self._share)
        if after == before:
            return self._own.batch(step - before)
        made = self._taught.batch(before)
        return {**made, TAUGHT: torch.ones((), device=made["x0"].device)}


class Teacher:
    """What taught batches are to be answered with, and at which noise levels batches are looked at."""

    def __init__(self, model: torch.nn.Module, config: TeacherConfig, levels: int) -> None:
        """Freeze a model.

        Args:
            model: The denoiser to learn from.
            config: What is learned from it.
            levels: Noise levels of the diffusion.
        """
        self.model = model.eval().requires_grad_(False)
        self.config = config
        self._levels = levels
        self._cut = min(config.guided_from, levels) if config.guidance != 1 else levels
        self._from = min(config.answers_from, levels)

    def guided_rows(self, rows: int) -> int:
        """How many of a taught batch's rows have levels at which guidance is learned: the first ones.

        As many as make up for the batches that have none: over all batches every level is equally frequent.
        """
        return round(rows * min(1.0, (1 - self._cut / self._levels) / max(self.config.share, 1e-9)))

    def answered_rows(self, rows: int) -> int:
        """How many of a taught batch's rows the teacher answers, the first ones: as many as have such levels."""
        return round(rows * (1 - self._from / self._levels))

    def noise_levels(self, drawn: Tensor, *, taught: bool) -> Tensor:
        """Turn numbers of [0, 1), (B,), into noise levels (B,) int64."""
        below = (drawn * self._cut).long()
        if not taught:
            return below
        if self._from:
            answered = torch.arange(len(drawn), device=drawn.device) < self.answered_rows(len(drawn))
            high = self._from + (drawn * (self._levels - self._from)).long()
            return torch.where(answered, high, (drawn * self._from).long())
        above = self._cut + (drawn * (self._levels - self._cut)).long()
        guided = torch.arange(len(drawn), device=drawn.device) < self.guided_rows(len(drawn))
        return torch.where(guided, above, below)

    @torch.no_grad()
    def answer(self, predict: Predict, keep_text: Tensor, keep_scene: Tensor) -> Tensor:
        """The teacher's x0 (b, P, T, D) of the rows of a taught batch that it answers: the first `answered_rows`.

        Args:
            predict: Calls the teacher on some rows, told text and scene as the two masks (b,) say.
            keep_text: (B,) 1 where the text is told.
            keep_scene: (B,) 1 where the scene is told.
        """
        rows = self.answered_rows(len(keep_text))
        told = predict(slice(rows), keep_text[:rows], keep_scene[:rows])
        count = self.guided_rows(len(keep_text))
        if self.config.guidance == 1 or count == 0:
            return told
        nothing = torch.zeros_like(keep_text[:count])
        plain = predict(slice(count), nothing, nothing)
        return torch.cat([plain + self.config.guidance * (told[:count] - plain), told[count:]])
