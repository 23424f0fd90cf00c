"""The diffusion losses against closed forms, sampled estimates and torch.distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from motion_runtime.schedule import NoiseSchedule
from motion_train.diffusion import GaussianDiffusion, masked_mean

STEPS = 40


@pytest.fixture
def diffusion() -> GaussianDiffusion:
    return GaussianDiffusion(NoiseSchedule.cosine(STEPS))


def tensors(seed: int, count: int = 3) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(4, 2, 5, dtype=torch.float64, generator=rng) for _ in range(count)]


def test_q_sample_has_the_mean_and_variance_of_chained_steps(diffusion):
    """Pushing mean and variance through t single steps (3.3) ends at (3.4)."""
    x0, _, _ = tensors(0)
    for last in (0, 7, STEPS - 1):
        mean, variance = x0.clone(), torch.zeros_like(x0)
        for beta in diffusion.schedule.betas[: last + 1]:
            mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        t = torch.full((4,), last)
        zero = torch.zeros_like(x0)
        torch.testing.assert_close(diffusion.q_sample(x0, t, zero), mean)
        spread = diffusion.q_sample(zero, t, torch.ones_like(x0))
        torch.testing.assert_close(spread**2, variance)


def test_parametrisations_invert_each_other(diffusion):
    x0, noise, _ = tensors(1)
    t = torch.tensor([0, 3, 20, STEPS - 2])
    xt = diffusion.q_sample(x0, t, noise)
    torch.testing.assert_close(diffusion.x0_from_epsilon(xt, t, noise), x0, atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(diffusion.epsilon_from_x0(xt, t, x0), noise, atol=1e-8, rtol=1e-8)


def test_simple_loss_counts_only_what_the_mask_keeps(diffusion):
    predicted, target, _ = tensors(2)
    mask = torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]]).expand(4, 2, 5)
    chosen = (predicted - target)[mask.bool()]
    assert float(diffusion.simple_loss(predicted, target, mask)) == pytest.approx(float((chosen**2).mean()))
    assert float(diffusion.simple_loss(predicted, target)) == pytest.approx(float(((predicted - target) ** 2).mean()))
    assert float(masked_mean(predicted, torch.zeros(4, 2, 1))) == 0.0


def test_variational_terms_are_the_divergences_of_the_two_posteriors(diffusion):
    x0, noise, guess = tensors(3)
    for step in (1, 10, STEPS - 1):
        t = torch.full((4,), step)
        xt = diffusion.q_sample(x0, t, noise)
        mean, variance, log_variance = diffusion.q_posterior(x0, xt, t)
        torch.testing.assert_close(variance.log(), log_variance)
        model_mean, _, _ = diffusion.q_posterior(guess, xt, t)
        deviation = variance.sqrt().expand_as(mean)
        expected = kl_divergence(Normal(mean, deviation), Normal(model_mean, deviation)).flatten(1).mean(1)
        torch.testing.assert_close(diffusion.variational_term(x0, xt, t, guess), expected)


def test_the_first_term_is_the_decoders_likelihood(diffusion):
    x0, noise, guess = tensors(4)
    t = torch.zeros(4, dtype=torch.int64)
    deviation = math.sqrt(diffusion.schedule.betas[0])
    expected = -Normal(guess, deviation).log_prob(x0).flatten(1).mean(1)
    got = diffusion.variational_term(x0, diffusion.q_sample(x0, t, noise), t, guess)
    torch.testing.assert_close(got, expected)


def test_prior_term_is_the_divergence_from_a_unit_gaussian(diffusion):
    x0, _, _ = tensors(5)
    abar = float(diffusion.schedule.alphas_cumprod[-1])
    posterior = Normal(math.sqrt(abar) * x0, math.sqrt(1 - abar))
    expected = kl_divergence(posterior, Normal(torch.zeros_like(x0), 1.0)).flatten(1).mean(1)
    torch.testing.assert_close(diffusion.prior_term(x0), expected)


def test_bound_of_the_optimal_denoiser_by_its_closed_form():
    """For x_0 ~ N(0, s^2) the optimal denoiser is linear and its error known, so every term has a closed form.

    The bound must also stay above the data's differential entropy, and a worse denoiser must raise it.
    """
    deviation = 0.7
    diffusion = GaussianDiffusion(NoiseSchedule.linear(200, 1e-3, 0.1))
    s = diffusion.schedule
    rng = torch.Generator().manual_seed(6)
    x0 = deviation * torch.randn(64, 1, 512, dtype=torch.float64, generator=rng)
    abar = torch.from_numpy(s.alphas_cumprod.copy())

    def optimal(xt: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        a = abar[t].reshape(-1, 1, 1)
        return a.sqrt() * deviation**2 / (a * deviation**2 + 1 - a) * xt

    left = deviation**2 * (1 - s.alphas_cumprod) / (s.alphas_cumprod * deviation**2 + 1 - s.alphas_cumprod)
    last = float(s.alphas_cumprod[-1])
    expected = 0.5 * (1 - last + last * deviation**2 - 1 - math.log(1 - last))
    expected += 0.5 * (math.log(2 * math.pi * s.betas[0]) + left[0] / s.betas[0])
    expected += float(np.sum(s.posterior_mean_x0[1:] ** 2 * left[1:] / (2 * s.posterior_variance[1:])))
    bound = float(diffusion.variational_bound(x0, optimal, rng).mean())
    assert bound == pytest.approx(expected, abs=0.02)
    assert bound > 0.5 * math.log(2 * math.pi * math.e * deviation**2)
    worse = float(diffusion.variational_bound(x0, lambda xt, t: 0.8 * optimal(xt, t), rng).mean())
    assert worse > bound + 0.05


def test_linear_weighting_of_the_simple_loss_matches_the_bound(diffusion):
    """KL_t = beta~-weighted squared error of x0: (factor of x_0 in 3.8)^2 / (2 beta~_t) * |x0 - guess|^2."""
    x0, noise, guess = tensors(7)
    t = torch.full((4,), 15)
    s = diffusion.schedule
    weight = s.posterior_mean_x0[15] ** 2 / (2 * s.posterior_variance[15])
    expected = weight * ((x0 - guess) ** 2).flatten(1).mean(1)
    torch.testing.assert_close(diffusion.variational_term(x0, diffusion.q_sample(x0, t, noise), t, guess), expected)
    assert np.isfinite(weight)
