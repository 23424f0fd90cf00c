"""The diffusion process' noise schedule, in float64, written once for training and generation.

    q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I)                                        (3.4)
    q(x_{t-1} | x_t, x_0) = N(mu~_t, beta~_t I)                                               (3.7)
    mu~_t = sqrt(abar_{t-1}) beta_t / (1 - abar_t) x_0 + sqrt(alpha_t) (1 - abar_{t-1}) / (1 - abar_t) x_t   (3.8)
    beta~_t = (1 - abar_{t-1}) / (1 - abar_t) beta_t                                          (3.9)

Equation numbers are the thesis'; the process is Ho et al. 2020. Time steps count from 0 (almost clean) to steps - 1
(almost pure noise), so index t here is the papers' t + 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError

ScheduleKind = Literal["cosine", "linear"]
SCHEDULE_KINDS: Final[tuple[str, ...]] = get_args(ScheduleKind)

COSINE_OFFSET: Final = 0.008
MAX_BETA: Final = 0.999


@dataclass(frozen=True)
class NoiseSchedule:
    """Coefficients of the forward process and of its posterior; every array is (K,) float64 with K = `steps`."""

    kind: str
    betas: NDArray[np.float64]
    alphas: NDArray[np.float64]
    alphas_cumprod: NDArray[np.float64]
    alphas_cumprod_prev: NDArray[np.float64]
    posterior_mean_x0: NDArray[np.float64]
    """Factor of x_0 in eq. 3.8."""
    posterior_mean_xt: NDArray[np.float64]
    """Factor of x_t in eq. 3.8."""
    posterior_variance: NDArray[np.float64]
    """Eq. 3.9; zero at t = 0."""
    posterior_log_variance: NDArray[np.float64]
    """log of eq. 3.9 with the first entry replaced by the second, since the log of zero is wanted by the bound."""

    @property
    def steps(self) -> int:
        """Number of diffusion steps K."""
        return len(self.betas)

    @classmethod
    def from_betas(cls, betas: NDArray[np.float64], kind: str) -> NoiseSchedule:
        """Derive every coefficient from `betas` (K,), each in (0, 1)."""
        betas = np.array(betas, dtype=np.float64)
        if betas.ndim != 1 or len(betas) < 1 or not np.all((betas > 0) & (betas < 1)):
            raise InputError("expected betas as a list of numbers in (0, 1) for the noise schedule; choose another")
        alphas = 1.0 - betas
        cumprod = np.cumprod(alphas)
        previous = np.append(1.0, cumprod[:-1])
        variance = betas * (1.0 - previous) / (1.0 - cumprod)
        # log(0) at t = 0: there the bound uses the decoder's likelihood, so any finite stand-in serves.
        floor = variance[1] if len(variance) > 1 else betas[0]
        arrays = {
            "betas": betas,
            "alphas": alphas,
            "alphas_cumprod": cumprod,
            "alphas_cumprod_prev": previous,
            "posterior_mean_x0": betas * np.sqrt(previous) / (1.0 - cumprod),
            "posterior_mean_xt": np.sqrt(alphas) * (1.0 - previous) / (1.0 - cumprod),
            "posterior_variance": variance,
            "posterior_log_variance": np.log(np.append(floor, variance[1:])),
        }
        for array in arrays.values():
            array.setflags(write=False)
        return cls(kind=kind, **arrays)

    @classmethod
    def cosine(cls, steps: int = 1000) -> NoiseSchedule:
        """Cosine schedule (eq. 3.15; Nichol and Dhariwal 2021): abar ~ cos^2((u + s) / (1 + s) pi / 2), s = 0.008."""
        _check_steps(steps)
        u = np.arange(steps + 1, dtype=np.float64) / steps
        abar = np.cos((u + COSINE_OFFSET) / (1 + COSINE_OFFSET) * np.pi / 2) ** 2
        return cls.from_betas(np.minimum(1 - abar[1:] / abar[:-1], MAX_BETA), "cosine")

    @classmethod
    def linear(cls, steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> NoiseSchedule:
        """Linear betas from `first` to `last` (Ho et al. 2020)."""
        _check_steps(steps)
        return cls.from_betas(np.linspace(first, last, steps, dtype=np.float64), "linear")

    @classmethod
    def named(cls, kind: str, steps: int = 1000) -> NoiseSchedule:
        """Build the schedule called 'cosine' or 'linear'.

        Raises:
            InputError: The name is another, or `steps` is below 1.
        """
        if kind == "cosine":
            return cls.cosine(steps)
        if kind == "linear":
            return cls.linear(steps)
        raise InputError(f"expected 'cosine' or 'linear', got '{kind}' for the noise schedule; choose one")


def _check_steps(steps: int) -> None:
    if steps < 1:
        raise InputError(f"expected at least 1 diffusion step, got {steps} for the noise schedule; raise it")
