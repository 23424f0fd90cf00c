"""Gaussian diffusion for training: forward process, posterior, parametrisations and the losses of the thesis.

Equation numbers are the thesis'. Coefficients come from `motion_runtime.schedule` in float64 and are cast to the
data's dtype only when they meet it. `t` is (B,) int64, 0 .. K-1, as in the schedule.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motion_runtime.schedule import NoiseSchedule


class GaussianDiffusion:
    """The process of a `NoiseSchedule` over tensors of shape (B, ...)."""

    def __init__(self, schedule: NoiseSchedule) -> None:
        self.schedule = schedule
        abar = schedule.alphas_cumprod
        self._coefficients: dict[str, NDArray[np.float64]] = {
            "abar": abar,
            "signal": np.sqrt(abar),
            "noise": np.sqrt(1 - abar),
            "x0_from_xt": 1 / np.sqrt(abar),
            "x0_from_epsilon": np.sqrt(1 / abar - 1),
            "epsilon_from_xt": 1 / np.sqrt(1 - abar),
            "epsilon_from_x0": np.sqrt(abar / (1 - abar)),
            "beta": schedule.betas,
            "mean_x0": schedule.posterior_mean_x0,
            "mean_xt": schedule.posterior_mean_xt,
            "variance": schedule.posterior_variance,
            "log_variance": schedule.posterior_log_variance,
        }
        self._placed: dict[tuple[str, torch.device], Tensor] = {}

    def at(self, name: str, t: Tensor, like: Tensor) -> Tensor:
        """Pick a coefficient at `t` and shape it (B, 1, ...) to broadcast over `like`, e.g. 'abar' for abar_t."""
        key = (name, like.device)
        if key not in self._placed:  # once a device: copying a table to a GPU in every step would make it wait
            self._placed[key] = torch.from_numpy(self._coefficients[name].copy()).to(like.device)
        return self._placed[key][t].to(like.dtype).reshape(-1, *([1] * (like.ndim - 1)))

    def q_sample(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Draw x_t from q(x_t | x_0) (3.4): sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise."""
        return self.at("signal", t, x0) * x0 + self.at("noise", t, x0) * noise

    def q_posterior(self, x0: Tensor, xt: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean, variance and log variance of q(x_{t-1} | x_t, x_0) (3.7-3.9)."""
        mean = self.at("mean_x0", t, xt) * x0 + self.at("mean_xt", t, xt) * xt
        return mean, self.at("variance", t, xt), self.at("log_variance", t, xt)

    def x0_from_epsilon(self, xt: Tensor, t: Tensor, epsilon: Tensor) -> Tensor:
        """Invert (3.4) for x_0 given the noise."""
        return self.at("x0_from_xt", t, xt) * xt - self.at("x0_from_epsilon", t, xt) * epsilon

    def epsilon_from_x0(self, xt: Tensor, t: Tensor, x0: Tensor) -> Tensor:
        """Invert (3.4) for the noise given x_0."""
        return self.at("epsilon_from_xt", t, xt) * xt - self.at("epsilon_from_x0", t, xt) * x0

    def simple_loss(self, predicted: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """L_simple (3.14): mean squared error over the entries that `mask` (broadcastable, 0/1) keeps."""
        error = (predicted - target) ** 2
        return masked_mean(error, mask)

    def variational_entries(self, x0: Tensor, xt: Tensor, t: Tensor, predicted_x0: Tensor) -> Tensor:
        """Return each entry's share of the bound's term at `t` in nats, shaped like `x0` (3.11-3.13).

        For t > 0 this is L_{t-1} = KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) with the posterior variance on both
        sides (3.12); for t = 0 it is the decoder's -log p(x_0 | x_1) of a Gaussian with the variance beta_0 (3.13:
        motion is continuous, so no discretised likelihood is wanted).
        """
        true_mean, variance, _ = self.q_posterior(x0, xt, t)
        model_mean, _, _ = self.q_posterior(predicted_x0, xt, t)
        first = self.at("beta", torch.zeros_like(t), xt)
        at_zero = (t == 0).reshape(-1, *([1] * (xt.ndim - 1)))
        safe = torch.where(at_zero, first, variance)
        divergence = (true_mean - model_mean) ** 2 / (2 * safe)
        likelihood = 0.5 * (math.log(2 * math.pi) + torch.log(first) + (x0 - predicted_x0) ** 2 / first)
        return torch.where(at_zero, likelihood, divergence)

    def variational_term(self, x0: Tensor, xt: Tensor, t: Tensor, predicted_x0: Tensor) -> Tensor:
        """Return each sample's mean of `variational_entries`, nats a dimension, (B,)."""
        return self.variational_entries(x0, xt, t, predicted_x0).flatten(1).mean(dim=1)

    def prior_term(self, x0: Tensor) -> Tensor:
        """L_T = KL(q(x_T | x_0) || N(0, I)) in nats a dimension, (B,) (3.11): what the schedule leaves at its end."""
        abar = float(self.schedule.alphas_cumprod[-1])
        variance = 1 - abar
        term = 0.5 * (variance + abar * x0**2 - 1 - math.log(variance))
        return term.flatten(1).mean(dim=1)

    def variational_bound(
        self, x0: Tensor, predict_x0: Callable[[Tensor, Tensor], Tensor], generator: torch.Generator | None = None
    ) -> Tensor:
        """Sum every term of the bound (3.11) for each sample, nats a dimension, (B,); costs K evaluations."""
        total = self.prior_term(x0)
        for step in range(self.schedule.steps):
            t = torch.full((x0.shape[0],), step, dtype=torch.int64, device=x0.device)
            noise = torch.randn(x0.shape, generator=generator, dtype=x0.dtype, device=x0.device)
            xt = self.q_sample(x0, t, noise)
            total = total + self.variational_term(x0, xt, t, predict_x0(xt, t))
        return total


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of `values` where `mask` (broadcastable, 0/1) is 1; zero where nothing is."""
    if mask is None:
        return values.mean()
    weight = mask.to(values.dtype).expand_as(values)
    return (values * weight).sum() / weight.sum().clamp_min(1.0)
