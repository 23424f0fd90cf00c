"""From noise to motion: DDPM, DDIM, DPM-Solver++(2M) and its SDE form as coefficients of one and the same step.

The network predicts the clean motion x0 from a noisy x, in branches k that are told all or some of the conditions.
Whatever the sampler, a denoising step from noise level t to the next lower one, t', is

    x0 = sum_k w_k x0_k                              classifier-free guidance, see `guidance`
    x' = a x + b x0 + c x0_prev + s z                z ~ N(0, I), x0_prev from the step before

Only a, b, c and s differ. They depend on the noise schedule alone, so they are computed here, in float64 and ahead of
the loop; network, guidance and update form one graph, the *step kernel*, that serves every sampler and every provider.
What is known of the motion beforehand replaces x0 after the kernel (`sample`): x' is linear in x0.

With abar = alphas_cumprod[t], abar' that of the next level (1 after the last step), as NoiseSchedule defines them.
Equation numbers without a name are the thesis'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_runtime.guidance import CONDITIONAL, Guidance, Weights
from motion_runtime.schedule import NoiseSchedule

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Step:
    """One denoising step: x' = a x + b x0 + c x0_prev + s z, with x0 the branches' weighted sum."""

    t: int
    """Noise level that the network is told, 0 .. K-1."""
    a: float
    """Factor of x."""
    b: float
    """Factor of x0."""
    c: float
    """Factor of the x0 of the step before."""
    s: float
    """Standard deviation of the noise that is added."""
    weights: Weights = CONDITIONAL
    """Weights of the branches: all conditions, the scene alone, none."""

    @property
    def branches(self) -> tuple[int, ...]:
        """The branches that have a weight, and therefore have to be run."""
        return tuple(branch for branch, weight in enumerate(self.weights) if weight != 0.0)

    @property
    def last(self) -> bool:
        """Whether no noise is left after it: x' is x0."""
        return self.a == self.c == self.s == 0.0

    @property
    def coefficients(self) -> Array:
        """The step kernel's input (4 + K,): a, b, c, s and the weights of its K branches."""
        weights = [self.weights[branch] for branch in self.branches]
        return np.array([self.a, self.b, self.c, self.s, *weights], dtype=np.float32)


class StepKernel(Protocol):
    """Network, guidance and update in one call."""

    def __call__(self, x: Array, x0_prev: Array, noise: Array, step: Step) -> tuple[Array, Array]:
        """Return x' and x0, both shaped like x."""
        ...


def trailing_timesteps(schedule_steps: int, steps: int) -> list[int]:
    """Spread `steps` levels over 0 .. schedule_steps - 1, from the noisiest down.

    'Trailing' spacing (Lin et al. 2024, table 2) starts at the noisiest level, which is what x_T ~ N(0, I) stands for.

    Raises:
        InputError: There are more levels asked for than the schedule has, or none.
    """
    if not 1 <= steps <= schedule_steps:
        raise InputError(f"expected 1 to {schedule_steps} denoising steps, got {steps}; choose --steps in that range")
    levels = np.round(schedule_steps - np.arange(steps) * (schedule_steps / steps)) - 1
    return [int(level) for level in levels]


def balanced_timesteps(schedule: NoiseSchedule, steps: int) -> list[int]:
    """Spread `steps` levels halfway between trailing ones and ones equally far apart in lambda, the log of the SNR.

    What a step has to bridge is a distance in lambda (Lu et al. 2022, section 4.3), of which trailing levels leave most
    to the last step: with ten of a thousand it leads from level 99 to the motion. Levels equally far apart in lambda
    end well, but spend half of the steps above level 950. Of these the last one is about that of fifty trailing steps.

    Raises:
        InputError: As `trailing_timesteps`.
    """
    trailing = trailing_timesteps(schedule.steps, steps)
    log_snr = _log_snr(schedule.alphas_cumprod.astype(np.float64))
    targets = np.linspace(log_snr[-1], log_snr[schedule.steps // 50], steps)
    # log_snr falls with the level, np.interp wants it to rise.
    even = np.interp(targets, log_snr[::-1], np.arange(schedule.steps - 1, -1, -1.0))
    levels: list[int] = []
    for k, level in enumerate(np.round((np.array(trailing) + even) / 2).astype(int).tolist()):
        highest = levels[-1] - 1 if levels else schedule.steps - 1
        levels.append(min(max(level, steps - 1 - k), highest))  # no level twice, and one left for every step to come
    return levels


def _log_snr(abar: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Lambda = log(sqrt(abar) / sqrt(1 - abar))."""
    return np.asarray(0.5 * np.log(abar / (1 - np.asarray(abar))))


def _levels(schedule: NoiseSchedule, timesteps: list[int]) -> list[tuple[int, float, float]]:
    """List (t, abar, abar') of every step."""
    abar = [float(schedule.alphas_cumprod[t]) for t in timesteps]
    return list(zip(timesteps, abar, [*abar[1:], 1.0], strict=True))


def ddpm(schedule: NoiseSchedule, steps: int) -> list[Step]:
    """Ancestral sampling (Algorithm 2): x' ~ q(x' | x, x0), the posterior of eq. 3.7-3.9.

    Fewer steps than the schedule has make a coarser chain through the same abar, with 1 - abar / abar' for its beta.
    """
    plan = []
    for t, abar, abar_next in _levels(schedule, trailing_timesteps(schedule.steps, steps)):
        alpha = abar / abar_next
        beta = 1 - alpha
        plan.append(
            Step(
                t,
                a=alpha**0.5 * (1 - abar_next) / (1 - abar),  # (3.8), factor of x_t
                b=abar_next**0.5 * beta / (1 - abar),  # (3.8), factor of x_0
                c=0.0,
                s=(beta * (1 - abar_next) / (1 - abar)) ** 0.5,  # (3.9), 0 at the last step
            )
        )
    return plan


def ddim(schedule: NoiseSchedule, steps: int, eta: float = 0.0) -> list[Step]:
    """DDIM (Song et al. 2021, eq. 12 and 16): x' = sqrt(abar') x0 + sqrt(1 - abar' - s^2) eps + s z.

    eps = (x - sqrt(abar) x0) / sqrt(1 - abar) is the noise that x0 leaves in x. eta = 0 is deterministic, eta = 1 is
    DDPM.
    """
    plan = []
    for t, abar, abar_next in _levels(schedule, trailing_timesteps(schedule.steps, steps)):
        s = eta * ((1 - abar_next) / (1 - abar) * (1 - abar / abar_next)) ** 0.5
        a = max(1 - abar_next - s * s, 0.0) ** 0.5 / (1 - abar) ** 0.5
        plan.append(Step(t, a=a, b=abar_next**0.5 - a * abar**0.5, c=0.0, s=s))
    return plan


def dpm_solver(schedule: NoiseSchedule, steps: int) -> list[Step]:
    """DPM-Solver++(2M) (Lu et al. 2022, Algorithm 2): second order, from the x0 of this step and of the one before.

    In lambda = log(sqrt(abar) / sqrt(1 - abar)) the exact solution integrates x0 against an exponential; x0 is taken as
    linear between the last two steps. The first step has no predecessor and the last has infinite length: first order.
    """
    plan: list[Step] = []
    h_before = 0.0
    for t, abar, abar_next in _levels(schedule, trailing_timesteps(schedule.steps, steps)):
        last = abar_next == 1.0
        h = np.inf if last else float(_log_snr(abar_next) - _log_snr(abar))
        weight = -(abar_next**0.5) * np.expm1(-h)
        extrapolate = 0.0 if last or not plan else h / (2 * h_before)  # 1 / (2 r)
        plan.append(
            Step(
                t,
                a=((1 - abar_next) / (1 - abar)) ** 0.5,
                b=float(weight * (1 + extrapolate)),
                c=float(-weight * extrapolate),
                s=0.0,
            )
        )
        h_before = h
    return plan


def sde_dpm_solver(schedule: NoiseSchedule, steps: int) -> list[Step]:
    """SDE-DPM-Solver++(2M) (Lu et al. 2022, eq. 14 and appendix B): DPM-Solver++ with as much fresh noise as DDPM's.

    Like DDPM it corrects at one level what the network got wrong at the one before; like DPM-Solver++ it follows x0
    from step to step, and so takes a third of the steps. Levels are those of `balanced_timesteps`.
    """
    plan: list[Step] = []
    h_before = 0.0
    for t, abar, abar_next in _levels(schedule, balanced_timesteps(schedule, steps)):
        last = abar_next == 1.0
        h = np.inf if last else float(_log_snr(abar_next) - _log_snr(abar))
        weight = -(abar_next**0.5) * np.expm1(-2 * h)
        extrapolate = 0.0 if last or not plan else h / (2 * h_before)
        plan.append(
            Step(
                t,
                a=float(((1 - abar_next) / (1 - abar)) ** 0.5 * np.exp(-h)),
                b=float(weight * (1 + extrapolate)),
                c=float(-weight * extrapolate),
                s=float((-(1 - abar_next) * np.expm1(-2 * h)) ** 0.5),
            )
        )
        h_before = h
    return plan


SAMPLERS: Final = ("ddpm", "ddim", "dpm++", "sde-dpm++")


def plan_steps(
    schedule: NoiseSchedule, sampler: str, steps: int, *, guidance: Guidance | float = 1.0, eta: float = 0.0
) -> list[Step]:
    """Compute every step of a sampler called by name.

    Args:
        schedule: The noise schedule that the network was trained with.
        sampler: One of `SAMPLERS`.
        steps: Denoising steps.
        guidance: How far conditions are exaggerated; a number is one scale for all of them, in every step.
        eta: Noise of DDIM: 0 = none, 1 = as much as DDPM. Other samplers ignore it.

    Raises:
        InputError: The sampler is unknown, or the schedule does not have so many steps.
    """
    if sampler == "ddpm":
        plan = ddpm(schedule, steps)
    elif sampler == "ddim":
        plan = ddim(schedule, steps, eta)
    elif sampler == "dpm++":
        plan = dpm_solver(schedule, steps)
    elif sampler == "sde-dpm++":
        plan = sde_dpm_solver(schedule, steps)
    else:
        raise InputError(f"expected one of {', '.join(SAMPLERS)}, got '{sampler}' for the sampler; choose one of these")
    guide = guidance if isinstance(guidance, Guidance) else Guidance(guidance, guidance)
    return [replace(step, weights=guide.weights(k, len(plan))) for k, step in enumerate(plan)]


def philox_noise(seed: int, sample: int, draw: int, shape: tuple[int, ...]) -> Array:
    """Standard normal numbers that depend on nothing but the arguments: neither on call order nor on the provider.

    Philox (Salmon et al. 2011) is counter-based: (seed, sample) is the key and `draw` sits in the counter's third word,
    2^128 numbers apart, so no two streams ever overlap. Draw 0 is x_T, draw k the noise of step k.
    """
    bits = np.random.Philox(key=np.array([seed, sample], np.uint64), counter=np.array([0, 0, draw, 0], np.uint64))
    return np.random.Generator(bits).standard_normal(shape, dtype=np.float32)


def sample(
    kernel: StepKernel,
    plan: list[Step],
    noise: Callable[[int], Array],
    on_step: Callable[[int, int], None] | None = None,
    correct: Callable[[Array, Step], Array] | None = None,
    begin: tuple[Array, Array] | None = None,
) -> Array:
    """Run the plan from pure noise to a clean motion.

    Args:
        kernel: The step kernel with its conditions bound.
        plan: From `plan_steps`.
        noise: Draw number -> standard normal array; its shape is the motion's.
        on_step: Called after every step with how many are done and how many there are.
        correct: Gives a step's x0 with what is known of it in its place.
        begin: x at the plan's first level and the x0 it has come from, where the plan is the rest of one; None = noise.
    """
    x = noise(0) if begin is None else begin[0]
    none = np.zeros_like(x)
    x0 = none if begin is None else begin[1]
    for done, step in enumerate(plan, start=1):
        z = noise(done) if step.s > 0 else none
        x, x0 = kernel(x, x0, z, step)
        if correct is not None:
            known = correct(x0, step)
            if known is not x0:
                x, x0 = x + np.float32(step.b) * (known - x0), known
        if on_step is not None:
            on_step(done, len(plan))
    return x  # every sampler's last step has abar' = 1, hence a = c = s = 0 and b = 1: x is x0
