"""The noise schedule against the papers' formulas written out, and against diffusers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from diffusers import DDPMScheduler

from motion_preprocessing.errors import InputError
from motion_runtime.schedule import NoiseSchedule


@pytest.mark.parametrize("kind", ["cosine", "linear"])
@pytest.mark.parametrize("steps", [1, 10, 1000])
def test_coefficients_by_scalar_arithmetic(kind, steps):
    s = NoiseSchedule.named(kind, steps)
    assert s.betas.dtype == np.float64
    assert s.steps == steps
    product, previous = 1.0, 1.0
    for t in range(steps):
        beta = float(s.betas[t])
        previous, product = product, product * (1 - beta)
        assert s.alphas_cumprod[t] == pytest.approx(product, rel=1e-10)
        assert s.posterior_variance[t] == pytest.approx((1 - previous) / (1 - product) * beta, rel=1e-9, abs=1e-300)
        assert s.posterior_mean_x0[t] == pytest.approx(math.sqrt(previous) * beta / (1 - product), rel=1e-9)
        expected = math.sqrt(1 - beta) * (1 - previous) / (1 - product)
        assert s.posterior_mean_xt[t] == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_cosine_follows_its_formula_until_the_cap():
    s = NoiseSchedule.cosine(1000)

    def f(u: float) -> float:
        return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2

    for t in (0, 1, 250, 500, 900, 990):
        assert s.alphas_cumprod[t] == pytest.approx(f((t + 1) / 1000) / f(0), rel=1e-9)
    assert s.betas.max() == 0.999


@pytest.mark.parametrize(("kind", "name"), [("cosine", "squaredcos_cap_v2"), ("linear", "linear")])
def test_tables_agree_with_diffusers_to_its_own_precision(kind, name):
    theirs = DDPMScheduler(1000, beta_schedule=name, beta_start=1e-4, beta_end=0.02).alphas_cumprod.numpy()
    np.testing.assert_allclose(NoiseSchedule.named(kind).alphas_cumprod, theirs, rtol=2e-3, atol=1e-6)


def test_posterior_is_bayes_rule():
    """q(x_{t-1} | x_t, x_0) from the product of the two Gaussians that define it."""
    s = NoiseSchedule.cosine(50)
    for t in (1, 20, 49):
        prior_mean, prior_variance = math.sqrt(s.alphas_cumprod_prev[t]), 1 - s.alphas_cumprod_prev[t]  # times x_0
        gain = prior_variance * math.sqrt(s.alphas[t]) / (s.alphas[t] * prior_variance + s.betas[t])
        assert s.posterior_mean_xt[t] == pytest.approx(gain, rel=1e-9)
        assert s.posterior_mean_x0[t] == pytest.approx(prior_mean * (1 - gain * math.sqrt(s.alphas[t])), rel=1e-7)
        assert s.posterior_variance[t] == pytest.approx((1 - gain * math.sqrt(s.alphas[t])) * prior_variance, rel=1e-7)


def test_tables_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        NoiseSchedule.cosine(10).betas[0] = 1.0


@pytest.mark.parametrize("bad", [("quadratic", 10), ("cosine", 0), ("linear", -1)])
def test_unknown_kind_and_no_steps_are_refused(bad):
    with pytest.raises(InputError, match="expected"):
        NoiseSchedule.named(*bad)
    with pytest.raises(InputError, match="expected"):
        NoiseSchedule.from_betas(np.array([0.1, 1.5]), "mine")
