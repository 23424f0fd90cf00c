"""Text and motion into one space: the small text tower and the motion encoder, trained on each other.

    L = 1/2 [ CE(text -> motion) + CE(motion -> text) ] + w * (1 - cos(head(text), teacher))

Symmetric InfoNCE over a batch of windows and captions (CLIP, Radford et al. 2021; for motion TMR, Petrovich et al.
2023), with a learned temperature. Pairs whose captions say the same are left out of the denominators. The second term
distils a general sentence encoder through a linear head that is thrown away afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from motion_preprocessing.errors import InputError
from motion_train.caption_meaning import same_meanings
from motion_train.config import DataConfig, OptimiserConfig, RunConfig
from motion_train.loader import Batch
from motion_train.motion_encoder import MotionEncoder, MotionEncoderConfig
from motion_train.paraphrase import drop_words, paraphrase
from motion_train.sentence_teacher import TeacherSentences
from motion_train.text_tower import TextTower
from motion_train.window_pool import Window

_FIRST_SCALE: Final = 1 / 0.07
_LARGEST_SCALE: Final = 100.0
_AUGMENTATION: Final = 2**41
"""Keeps this module's random streams apart from those that made the windows."""


@dataclass(frozen=True)
class SmallTowerConfig:
    """Sizes of the small text tower, and of its vocabulary."""

    merges: int = 3072
    """Most frequent merges of CLIP's byte-pair encoding to keep, besides those that the words of motion need."""
    context_length: int = 32
    """Tokens a prompt, start and end included."""
    width: int = 160
    """Width of the tower's tokens."""
    heads: int = 5
    """Attention heads; must divide `width`."""
    layers: int = 3
    """Transformer layers."""
    output_dim: int = 256
    """Width of the embedding."""


@dataclass(frozen=True)
class ContrastConfig:
    """What the two sides are trained with."""

    paraphrase_fraction: float = 0.7
    """Share of the captions whose phrases are replaced by others of the same meaning."""
    phrase_fraction: float = 0.5
    """Share of the phrases replaced in such a caption."""
    drop_fraction: float = 0.3
    """Share of the captions that lose little words."""
    teacher_weight: float = 2.0
    """Weight of the distillation, where there is a teacher."""
    teacher_batch: int = 96
    """Sentences of the teacher a step."""

    def __post_init__(self) -> None:
        for name in ("paraphrase_fraction", "phrase_fraction", "drop_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"expected 0 to 1, got {getattr(self, name)} for contrast.{name}; correct it")


def _data() -> DataConfig:
    # No furniture: it says nothing about the motion. Few joined clips: their caption is only true of the first part.
    return DataConfig(
        batch_size=96, windows=5000, people=1, scene_tokens=1, scene_fraction=0.0, join_fraction=0.3, min_frames=30
    )


def _optimiser() -> OptimiserConfig:
    return OptimiserConfig(lr=6e-4, warmup_steps=100, weight_decay=0.1, beta2=0.98, ema_decay=0.99)


def _run() -> RunConfig:
    return RunConfig(steps=1500, log_every=25, validate_every=100, checkpoint_every=500, keep_checkpoints=1)


@dataclass(frozen=True)
class ContrastiveConfig:
    """Everything that a training run of the text tower depends on, apart from the code."""

    tower: SmallTowerConfig = field(default_factory=SmallTowerConfig)
    """Size of the text tower."""
    motion: MotionEncoderConfig = field(default_factory=MotionEncoderConfig)
    """Size of the motion encoder."""
    contrast: ContrastConfig = field(default_factory=ContrastConfig)
    """Augmentation and distillation."""
    data: DataConfig = field(default_factory=_data)
    """Motion windows."""
    optimiser: OptimiserConfig = field(default_factory=_optimiser)
    """Optimiser and moving average."""
    run: RunConfig = field(default_factory=_run)
    """Length, seed, logging and checkpoints."""

    def __post_init__(self) -> None:
        if self.tower.output_dim != self.motion.output_dim:
            raise InputError(
                f"expected one width of embedding, got tower.output_dim {self.tower.output_dim} and motion.output_dim "
                f"{self.motion.output_dim}; set them equal"
            )


def info_nce(text: Tensor, motion: Tensor, scale: Tensor, same: Tensor) -> Tensor:
    """Symmetric InfoNCE of embeddings (B, D) each, row i of one belonging to row i of the other.

    Args:
        text: (B, D).
        motion: (B, D).
        scale: Inverse temperature.
        same: (B, B) bool, entry (i, j) where text i also fits motion j; off the diagonal these are left out.

    Returns:
        Scalar.
    """
    logits = scale * F.normalize(text, dim=-1) @ F.normalize(motion, dim=-1).T  # (B, B)
    own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    logits = logits.masked_fill(same & ~own, float("-inf"))
    answer = torch.arange(len(logits), device=logits.device)
    return 0.5 * (F.cross_entropy(logits, answer) + F.cross_entropy(logits.T, answer))


class ContrastiveModel(nn.Module):
    """Both sides, the temperature and the teacher's head; a batch goes in, losses come out."""

    def __init__(self, text: TextTower, motion: MotionEncoder, config: ContrastConfig, teacher_dim: int = 384) -> None:
        super().__init__()
        self.config = config
        self.text = text
        self.motion = motion
        self.log_scale = nn.Parameter(torch.tensor(_FIRST_SCALE).log())
        self.teacher_head = nn.Linear(text.width, teacher_dim)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the scalars 'loss', 'contrast', 'accuracy' and, where the batch has teacher's sentences, 'teacher'."""
        tokens = batch["tokens"]
        distil = "teacher" in batch
        # One pass of the tower for captions and teacher's sentences.
        both = torch.cat([tokens, batch["teacher_tokens"]]) if distil else tokens
        embedded = self.text.encode(both)
        text = embedded[: len(tokens)]
        motion = self.motion(batch["motion"], batch["mask"])
        scale = self.log_scale.exp().clamp(max=_LARGEST_SCALE)
        contrast = info_nce(text, motion, scale, batch["same"])
        values = {"loss": contrast, "contrast": contrast.detach(), "scale": scale.detach()}
        if distil:
            taught = self.teacher_head(embedded[len(tokens) :])
            teacher = 1 - F.cosine_similarity(taught, batch["teacher"], dim=-1).mean()
            values |= {"loss": contrast + self.config.teacher_weight * teacher, "teacher": teacher.detach()}
        return values


class PairSource:
    """Batches of windows with captions; batch i is a function of (seed, i)."""

    def __init__(
        self,
        windows: Sequence[Window],
        tokenise: Callable[[str], NDArray[np.int64]],
        config: ContrastiveConfig,
        *,
        augment: bool,
        teacher: TeacherSentences | None = None,
    ) -> None:
        """Keep the windows that have a caption.

        Args:
            windows: Windows of one person.
            tokenise: A sentence -> ids (1, L).
            config: The run's configuration.
            augment: Say captions in other words.
            teacher: Sentences to distil.
        """
        self.windows = [window for window in windows if window.clip_captions or window.measured_captions]
        if not self.windows:
            raise InputError("expected windows with captions, got none for the text tower; preprocess again")
        self._tokenise, self._config, self._augment, self._teacher = tokenise, config, augment, teacher

    def batch(self, step: int) -> dict[str, Tensor]:
        """Return batch number `step`.

        Keys: motion (B, T, 258) metres; mask (B, T), same (B, B) bool; tokens (B, L) int64; and with a teacher
        teacher_tokens (M, L) int64, teacher (M, 384).
        """
        config = self._config
        rng = np.random.Generator(np.random.Philox(key=[config.run.seed, _AUGMENTATION + step]))
        count = min(config.data.batch_size, len(self.windows))
        drawn = [self.windows[int(i)] for i in rng.choice(len(self.windows), size=count, replace=False)]
        captions = [draw_caption(window, config.data.measured_caption_fraction, rng) for window in drawn]
        owned = [(*window.clip_captions, *window.measured_captions) for window in drawn]
        said = [self._say(caption, rng) for caption in captions] if self._augment else captions
        motion, mask = stack(drawn)
        result = {
            "motion": motion,
            "mask": mask,
            "same": torch.from_numpy(same_meanings(captions, owned)),
            "tokens": torch.from_numpy(np.concatenate([self._tokenise(text) for text in said])),
        }
        if self._teacher is not None:
            total = len(self._teacher.sentences)
            rows = rng.choice(total, size=min(config.contrast.teacher_batch, total), replace=False)
            tokens = [self._tokenise(self._teacher.sentences[int(row)]) for row in rows]
            result["teacher_tokens"] = torch.from_numpy(np.concatenate(tokens))
            result["teacher"] = torch.from_numpy(self._teacher.embeddings[rows].astype(np.float32))
        return result

    def _say(self, caption: str, rng: np.random.Generator) -> str:
        config = self._config.contrast
        if rng.random() < config.paraphrase_fraction:
            caption = paraphrase(caption, rng, config.phrase_fraction)
        return drop_words(caption, rng) if rng.random() < config.drop_fraction else caption


def draw_caption(window: Window, measured_fraction: float, rng: np.random.Generator) -> str:
    """One of a window's captions; of the kind that is asked for where it has both."""
    first, second = window.clip_captions, window.measured_captions
    if rng.random() < measured_fraction:
        first, second = second, first
    options = first or second
    return options[int(rng.integers(len(options)))]


def stack(windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
    """First persons of windows as (B, T, 258) metres and the mask (B, T) of the frames that are there."""
    frames = max(window.pose.shape[1] for window in windows)
    motion = np.zeros((len(windows), frames, windows[0].pose.shape[2]), dtype=np.float32)
    mask = np.zeros((len(windows), frames), dtype=np.bool_)
    for row, window in enumerate(windows):
        length = window.pose.shape[1]
        motion[row, :length] = window.pose[0]
        mask[row, :length] = True
    return torch.from_numpy(motion), torch.from_numpy(mask)
