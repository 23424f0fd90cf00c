"""Factors of frequencies, measured on denoisers whose faults are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.fft import dct, idct
from torch import Tensor

from motion_preprocessing.errors import InputError
from motion_preprocessing.pose_vector import POSE_DIM
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime.calibrated import ARMS
from motion_runtime.manifest import Normaliser
from motion_runtime.schedule import NoiseSchedule
from motion_train.calibration import EDGES_HZ, LEAST_FRAMES, measure
from motion_train.diffusion import GaussianDiffusion

FPS, FRAMES = 20.0, 120
LEFT, RIGHT = ARMS
NORMALISER = Normaliser(np.zeros(POSE_DIM, np.float32), np.ones(POSE_DIM, np.float32))
DIFFUSION = GaussianDiffusion(NoiseSchedule.cosine(1000))


def batch(rows: int, lengths: list[int]) -> dict[str, Tensor]:
    """Clips of white noise, one person each."""
    x0 = torch.from_numpy(np.random.default_rng(0).normal(size=(rows, 1, FRAMES, POSE_DIM)).astype(np.float32))
    mask = torch.arange(FRAMES) < torch.tensor(lengths)[:, None, None]
    ones = torch.ones(rows, 1, dtype=torch.int64)
    return {
        "x0": x0, "pose_mask": mask, "text_mask": ones.bool(), "scene_mask": ones.bool(),
        "text": torch.zeros(rows, 1, 8),
        "scene": torch.zeros(rows, 1, 192), "scene_class": ones, "person_class": ones, "identity": ones,
    }  # fmt: skip


class Answers(torch.nn.Module):
    """A denoiser that answers with a function of the clean clip and of x_t."""

    def __init__(self, clean: Tensor, function: Callable[[np.ndarray, np.ndarray, float], np.ndarray]) -> None:
        super().__init__()
        self.clean, self.function = clean, function

    def forward(self, xt: Tensor, t: Tensor, *given: Any) -> Tensor:
        made = self.function(self.clean.numpy().astype(np.float64), xt.numpy().astype(np.float64), float(t[0]))
        return torch.from_numpy(made.astype(np.float32))


def test_what_is_answered_too_small_gets_its_inverse() -> None:
    """Arms at .5, all else at .8 of their size, from 2 Hz on a tenth of that."""

    def blunt(x0: np.ndarray, xt: np.ndarray, t: float) -> np.ndarray:
        size = np.where(np.isin(np.arange(POSE_DIM), np.concatenate(ARMS)), 0.5, 0.8)
        hertz = np.arange(FRAMES) * FPS / (2 * FRAMES)
        found = dct(x0, axis=2, norm="ortho") * np.where(hertz >= 2.0, 0.1, 1.0)[:, None] * size
        return np.asarray(idct(found, axis=2, norm="ortho"))

    clips = batch(2, [FRAMES, FRAMES])
    found = measure(Answers(clips["x0"], blunt), DIFFUSION, [clips], NORMALISER, FPS)  # type: ignore[arg-type]
    quick = np.array(found.hertz) > 2.0
    for table, size in ((found.arms, 0.5), (found.raised_arms, 0.5), (found.others, 0.8)):
        expected = np.where(quick, 10 / size, 1 / size)
        np.testing.assert_allclose(table, np.tile(expected, (len(found.levels), 1)), rtol=1e-4)
    assert found.hertz[0] == pytest.approx((EDGES_HZ[0] + EDGES_HZ[1]) / 2)
    assert len(found.levels) == 10


def test_noise_that_is_let_through_is_cut_by_its_share() -> None:
    """Of q = x0 + n, both white with variances 1 and v, the factor is 1 / (1 + v)."""
    rng = np.random.default_rng(1)

    def noisy(x0: np.ndarray, xt: np.ndarray, t: float) -> np.ndarray:
        return np.asarray(x0 + np.sqrt(3.0) * rng.normal(size=x0.shape))

    clips = batch(4, [FRAMES] * 4)
    found = measure(Answers(clips["x0"], noisy), DIFFUSION, [clips], NORMALISER, FPS)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.others, 0.25, atol=0.02)


def test_the_best_linear_answer_needs_nothing() -> None:
    """sqrt(abar) x_t is E[x0 | x_t] of white noise; it is what the model is shown, and all factors are 1."""

    def best(x0: np.ndarray, xt: np.ndarray, t: float) -> np.ndarray:
        return np.asarray(float(DIFFUSION.schedule.alphas_cumprod[int(t)]) ** 0.5 * xt)

    clips = batch(8, [FRAMES] * 8)
    found = measure(Answers(clips["x0"], best), DIFFUSION, [clips], NORMALISER, FPS)  # type: ignore[arg-type]
    for level, row in zip(found.levels, found.others, strict=True):
        # As far as so few clips tell: the noisier, the less.
        sure = 6 / np.sqrt(2000 * DIFFUSION.schedule.alphas_cumprod[level])
        np.testing.assert_allclose(row, 1.0, atol=sure)


def test_arms_that_are_raised_have_factors_of_their_own() -> None:
    """The left hand is up in both clips; the answer has that arm at half its size, the other at a quarter."""
    clips = batch(2, [FRAMES, FRAMES])
    clips["x0"][..., 3 * JOINT_INDEX["left_wrist"] + 2] += 20.0
    clips["x0"][..., 3 * JOINT_INDEX["right_wrist"] + 2] -= 20.0

    def smaller(x0: np.ndarray, xt: np.ndarray, t: float) -> np.ndarray:
        made = x0.copy()
        made[..., LEFT] *= 0.5
        made[..., RIGHT] *= 0.25
        return made

    found = measure(Answers(clips["x0"], smaller), DIFFUSION, [clips], NORMALISER, FPS)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.raised_arms, 2.0, rtol=1e-4)
    np.testing.assert_allclose(found.arms, 4.0, rtol=1e-4)
    np.testing.assert_allclose(found.others, 1.0, rtol=1e-4)


def test_padding_and_short_clips_do_not_count() -> None:
    clips = batch(2, [80, LEAST_FRAMES - 1])

    def half(x0: np.ndarray, xt: np.ndarray, t: float) -> np.ndarray:
        made = 0.5 * x0
        made[0, :, 80:] = 1e3
        made[1] = -1e3
        return made

    found = measure(Answers(clips["x0"], half), DIFFUSION, [clips], NORMALISER, FPS)  # type: ignore[arg-type]
    np.testing.assert_allclose(found.arms, 2.0, rtol=1e-4)


def test_progress_is_told() -> None:
    clips, seen = batch(1, [FRAMES]), []
    measure(Answers(clips["x0"], lambda x0, xt, t: x0), DIFFUSION, [clips], NORMALISER, FPS, lambda *k: seen.append(k))  # type: ignore[arg-type]
    assert seen == [(k, 10) for k in range(1, 11)]


def test_clips_that_are_all_too_short_are_no_measure() -> None:
    clips = batch(1, [LEAST_FRAMES - 1])
    with pytest.raises(InputError, match="at least 40 frames"):
        measure(Answers(clips["x0"], lambda x0, xt, t: x0), DIFFUSION, [clips], NORMALISER, FPS)  # type: ignore[arg-type]
