"""How much larger each frequency of a movement is than the denoiser says: measured on held-out clips, for bundles.

For a clip x0 and the answer q to its noisy x_t, both in DCT-II frequencies over a person's frames and summed over clips
and numbers of a pose and the frequencies of a band,

    c(band, t) = sum x0 q / sum q^2

is the factor with which q is closest to x0. It is 1 for the best of all denoisers, E[x0 | x_t]: less in what is slow
means that the model guesses, more in what is quick that it has not dared to yet. `motion_runtime.calibrated` tells what
becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motion_preprocessing.errors import InputError
from motion_runtime.calibrated import ARMS, dct_basis, raised_arms
from motion_runtime.manifest import Calibration, Normaliser
from motion_train.config import DataConfig
from motion_train.denoiser import Denoiser, key_bias
from motion_train.diffusion import GaussianDiffusion
from motion_train.loader import Batch
from motion_train.text_tower import TextTower
from motion_train.windows import WindowSampler, embedder

LEVELS: Final = tuple(range(50, 1000, 100))
"""Of a thousand noise levels, those that are measured."""
EDGES_HZ: Final = (0.3, 0.6, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)
"""Bounds of the bands. What is slower is in every frame of a window: its factor is 1 but for chance."""
LEAST_FRAMES: Final = 40
"""Shorter clips have no frequencies to tell apart."""

WINDOWS: Final = 512
"""Of one person each, drawn by topic as those of the training are."""
_ROWS: Final = 32

Array = NDArray[np.float64]


def held_out(folder: Path, config: DataConfig, tower: TextTower, normaliser: Normaliser) -> list[Batch]:
    """Cut a dataset's validation clips into batches of one person, as the training's `config` says."""
    single = replace(config, people=1, paraphrases=0, batch_size=_ROWS)
    embed = embedder(tower.encode, tower.prompt_tokenizer().encode)
    statistics = (normaliser.mean, normaliser.std)
    sampler = WindowSampler(folder, "validation", embed, single, 0, windows=WINDOWS, normaliser=statistics)
    return [sampler.batch(number) for number in range(WINDOWS // _ROWS)]


def measure(
    model: Denoiser,
    diffusion: GaussianDiffusion,
    batches: Sequence[Batch],
    normaliser: Normaliser,
    fps: float,
    note: Callable[[int, int], None] = lambda done, total: None,
) -> Calibration:
    """Measure a denoiser.

    Args:
        model: With the weights that are used, told all conditions.
        diffusion: Its noise.
        batches: Held-out windows, as `WindowSampler.batch` makes them.
        normaliser: The model's.
        fps: Frames a second.
        note: Told how many levels are done, and how many there are.

    Raises:
        InputError: No clip is long enough.
    """
    edges = [edge for edge in EDGES_HZ if edge <= fps / 2]
    levels = sorted({round(level * diffusion.schedule.steps / 1000) for level in LEVELS})
    tables: list[Array] = []
    for done, level in enumerate(levels):
        sums = np.zeros((3, 2, len(edges) - 1))  # (arms, raised arms, others; x0 q, q q; band)
        for number, batch in enumerate(batches):
            said = answer(model, diffusion, batch, level, number)
            sums += _sums(batch["x0"], said, batch["pose_mask"], normaliser, edges, fps)
        arms = sums[:2].sum(axis=0)
        sums[:2] = np.where(sums[:2, 1:] > 0, sums[:2], arms)  # where nobody raises an arm, or nobody has one down
        if not sums[:, 1].all():
            raise InputError(
                f"expected held-out clips of at least {LEAST_FRAMES} frames that move, got none for the calibration; "
                "leave it out, or give another dataset"
            )
        tables.append(sums[:, 0] / sums[:, 1])
        note(done + 1, len(levels))
    factors = np.maximum(np.stack(tables, axis=1), 0.0).round(4)  # (3, levels, bands)
    middle = tuple(round((low + high) / 2, 3) for low, high in zip(edges, edges[1:], strict=False))
    return Calibration(middle, tuple(levels), *(tuple(map(tuple, table.tolist())) for table in factors))


@torch.no_grad()
def answer(model: Denoiser, diffusion: GaussianDiffusion, batch: Batch, level: int, seed: int) -> Tensor:
    """x0 (B, P, T, D) that the model sees in the batch's clips at a noise level."""
    x0 = batch["x0"]
    t = torch.full((len(x0),), level)
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(seed))
    told = torch.ones(len(x0))
    bias = key_bias(batch["text_mask"], batch["scene_mask"], batch["pose_mask"])
    given = [batch[name] for name in ("text", "scene", "scene_class", "person_class", "identity")]
    said: Tensor = model(diffusion.q_sample(x0, t, noise), t.float(), *given, told, told, bias)
    return said


def _sums(x0: Tensor, q: Tensor, mask: Tensor, normaliser: Normaliser, edges: Sequence[float], fps: float) -> Array:
    """Sum x0 q and q q over persons, numbers and the frequencies of a band: (arms, raised arms, others; 2; bands)."""
    total = np.zeros((3, 2, len(edges) - 1))
    for row, person in np.argwhere(mask.sum(dim=-1).numpy() >= LEAST_FRAMES):
        frames = int(mask[row, person].sum())
        basis = dct_basis(frames)
        real, said = (x[row, person, :frames].numpy() for x in (x0, q))  # (T, D)
        up = raised_arms(said[None], normaliser)[0]
        real, said = basis @ real.astype(np.float64), basis @ said.astype(np.float64)
        band = np.digitize(np.arange(frames) * fps / (2 * frames), edges) - 1  # -1: slower than all
        inside = (band >= 0) & (band < total.shape[-1])
        for kind, values in enumerate((real * said, said * said)):
            left = values.sum(axis=1)
            for raised, numbers in zip(up, ARMS, strict=True):
                arm = values[:, numbers].sum(axis=1)
                left -= arm
                np.add.at(total[int(raised), kind], band[inside], arm[inside])
            np.add.at(total[2, kind], band[inside], left[inside])
    return total
