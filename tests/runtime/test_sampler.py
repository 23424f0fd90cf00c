"""Samplers against diffusers' schedulers, against the posterior, and on Gaussian data, where everything is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_preprocessing.errors import InputError
from motion_runtime.sampler import (
    SAMPLERS,
    Step,
    balanced_timesteps,
    ddim,
    ddpm,
    dpm_solver,
    philox_noise,
    plan_steps,
    sample,
    trailing_timesteps,
)
from motion_runtime.schedule import NoiseSchedule

COSINE = NoiseSchedule.cosine()
LINEAR = NoiseSchedule.linear()


def closed_form_denoiser(x: np.ndarray, t: int, schedule: NoiseSchedule, mean: float, std: float) -> np.ndarray:
    """E[x0 | x_t] for data of N(mean, std^2): Bayes' rule for two Gaussians."""
    abar = schedule.alphas_cumprod[t]
    gain = np.sqrt(abar) * std**2 / (abar * std**2 + 1 - abar)
    return mean + gain * (x - np.sqrt(abar) * mean)


def run_float64(plan: list[Step], x: np.ndarray, denoise: Any, noise: Any) -> np.ndarray:
    """The loop of `sample` in float64, to compare with another library's float64 loop."""
    x0_prev = np.zeros_like(x)
    for k, step in enumerate(plan, start=1):
        x0 = denoise(x, step.t)
        x = step.a * x + step.b * x0 + step.c * x0_prev + step.s * noise(k)
        x0_prev = x0
    return x


# A denoiser without weights that is not linear, so that an error in any coefficient shows in the result.
def wavy(x: Any, t: Any) -> Any:
    return (x * 0.7 + 0.2 * (x * 1.3 + 0.01 * t) ** 2 / (1 + x * x)).clip(-3, 3)


class Float64Torch:
    """torch with its float32 replaced by float64: a scheduler that rounds to float32 inside then does not."""

    def __getattr__(self, name: str) -> Any:
        import torch

        return torch.float64 if name == "float32" else getattr(torch, name)


def diffusers_scheduler(name: str, schedule: NoiseSchedule, steps: int) -> Any:
    """A diffusers scheduler working on our own float64 table (its own is float32, off by 1e-3 at small t)."""
    torch = pytest.importorskip("torch")
    diffusers = pytest.importorskip("diffusers")
    common: dict[str, Any] = {
        "num_train_timesteps": schedule.steps,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "sample",
        "timestep_spacing": "trailing",
    }
    if name == "ddpm":
        scheduler = diffusers.DDPMScheduler(clip_sample=False, **common)
    elif name == "ddim":
        scheduler = diffusers.DDIMScheduler(clip_sample=False, set_alpha_to_one=True, **common)
    else:
        kind = {"dpm++": "dpmsolver++", "sde-dpm++": "sde-dpmsolver++"}[name]
        scheduler = diffusers.DPMSolverMultistepScheduler(
            algorithm_type=kind, solver_order=2, lower_order_final=True, final_sigmas_type="zero", **common
        )
    abar = torch.tensor(np.array(schedule.alphas_cumprod), dtype=torch.float64)
    scheduler.alphas_cumprod = abar
    scheduler.one = scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    scheduler.set_timesteps(steps)
    if name == "sde-dpm++":
        scheduler.timesteps = torch.tensor(balanced_timesteps(schedule, steps))
    if name in ("dpm++", "sde-dpm++"):
        levels = scheduler.timesteps
        sigmas = ((1 - abar[levels]) / abar[levels]) ** 0.5
        scheduler.sigmas = torch.cat([sigmas, torch.zeros(1, dtype=torch.float64)])
    return scheduler


# diffusers' DDIM assumes that the steps divide the schedule: it goes 1000 // steps down from every level.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("schedule", [COSINE, LINEAR], ids=["cosine", "linear"])
@pytest.mark.parametrize(
    ("name", "steps"),
    [(name, steps) for name in SAMPLERS for steps in (1, 2, 7, 20, 50, 333) if name != "ddim" or 1000 % steps == 0],
)
def test_equals_diffusers(name: str, steps: int, schedule: NoiseSchedule, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    scheduler = diffusers_scheduler(name, schedule, steps)
    plan = plan_steps(schedule, name, steps)
    assert [int(t) for t in scheduler.timesteps] == [step.t for step in plan]

    def noise(k: int) -> np.ndarray:
        return philox_noise(3, 0, k, (2, 5)).astype(np.float64)

    draws = iter(range(1, steps + 1))
    schedulers = "diffusers.schedulers"
    monkeypatch.setattr(
        f"{schedulers}.scheduling_ddpm.randn_tensor", lambda *_, **__: torch.from_numpy(noise(next(draws)))
    )
    monkeypatch.setattr(f"{schedulers}.scheduling_dpmsolver_multistep.torch", Float64Torch())
    if name == "sde-dpm++":
        monkeypatch.setattr(
            f"{schedulers}.scheduling_dpmsolver_multistep.randn_tensor",
            lambda *_, **__: torch.from_numpy(noise(next(draws))),
        )
    x = torch.from_numpy(noise(0))
    for t in scheduler.timesteps:
        x = scheduler.step(wavy(x, int(t)), t, x).prev_sample
    ours = run_float64(plan, noise(0), wavy, noise)
    # diffusers clamps DDPM's last variance to 1e-20, adding noise of 1e-10.
    np.testing.assert_allclose(ours, x.numpy(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("steps", [10, 50])
def test_ddim_with_noise_equals_diffusers(steps: int) -> None:
    torch = pytest.importorskip("torch")
    scheduler = diffusers_scheduler("ddim", COSINE, steps)
    plan = ddim(COSINE, steps, eta=0.6)

    def noise(k: int) -> np.ndarray:
        return philox_noise(4, 0, k, (2, 5)).astype(np.float64)

    x = torch.from_numpy(noise(0))
    for k, t in enumerate(scheduler.timesteps, start=1):
        x = scheduler.step(wavy(x, int(t)), t, x, eta=0.6, variance_noise=torch.from_numpy(noise(k))).prev_sample
    np.testing.assert_allclose(run_float64(plan, noise(0), wavy, noise), x.numpy(), rtol=0, atol=1e-9)


def test_ddpm_with_every_step_is_the_schedules_posterior() -> None:
    plan = ddpm(COSINE, COSINE.steps)
    assert [step.t for step in plan] == list(range(999, -1, -1))
    descending = slice(None, None, -1)
    np.testing.assert_allclose([s.a for s in plan], COSINE.posterior_mean_xt[descending], rtol=1e-9)
    np.testing.assert_allclose([s.b for s in plan], COSINE.posterior_mean_x0[descending], rtol=1e-9)
    np.testing.assert_allclose([s.s for s in plan], np.sqrt(COSINE.posterior_variance[descending]), rtol=1e-9)


@pytest.mark.parametrize("steps", [1, 13, 100, 1000])
def test_ddim_with_full_noise_is_ddpm(steps: int) -> None:
    for left, right in zip(ddim(COSINE, steps, eta=1.0), ddpm(COSINE, steps), strict=True):
        np.testing.assert_allclose([left.a, left.b, left.s], [right.a, right.b, right.s], rtol=1e-7, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(steps=st.integers(1, 1000), name=st.sampled_from(SAMPLERS), kind=st.sampled_from(["cosine", "linear"]))
def test_every_plan_ends_in_x0_and_keeps_a_clean_motion(steps: int, name: str, kind: str) -> None:
    schedule = NoiseSchedule.named(kind)
    plan = plan_steps(schedule, name, steps)
    assert len(plan) == steps
    assert plan[0].t == schedule.steps - 1
    assert all(earlier.t > later.t for earlier, later in zip(plan, plan[1:], strict=False))
    assert (plan[-1].a, plan[-1].b, plan[-1].c, plan[-1].s) == (0.0, 1.0, 0.0, 0.0)
    # If x = sqrt(abar) x0 without noise and x0 never changes, x' must be sqrt(abar') x0 (the DDPM and DDIM means too).
    for step, following in zip(plan, plan[1:], strict=False):
        here = schedule.alphas_cumprod[step.t] ** 0.5
        there = schedule.alphas_cumprod[following.t] ** 0.5
        assert step.a * here + step.b + step.c == pytest.approx(there, abs=1e-9)
        # The variance of x is that of the next level too, when z and what is left of eps add up.
        if name != "dpm++":
            left_over = step.a**2 * (1 - here**2) + step.s**2
            assert left_over == pytest.approx(1 - there**2, abs=1e-9)


def moments(plan: list[Step], schedule: NoiseSchedule, mean: float, std: float) -> tuple[float, float]:
    """Exact mean and deviation of a sampler's output on Gaussian data, where every step is affine in (x, x0_prev).

    Each step maps (x, x0_prev, 1) by a matrix; noise is added to x alone. Mean and covariance follow without sampling.
    """
    expected = np.array([0.0, 0.0, 1.0])
    covariance = np.diag([1.0, 0.0, 0.0])
    for step in plan:
        abar = schedule.alphas_cumprod[step.t]
        gain = np.sqrt(abar) * std**2 / (abar * std**2 + 1 - abar)
        shift = mean * (1 - gain * np.sqrt(abar))
        matrix = np.array([[step.a + step.b * gain, step.c, step.b * shift], [gain, 0, shift], [0, 0, 1]])
        expected = matrix @ expected
        covariance = matrix @ covariance @ matrix.T
        covariance[0, 0] += step.s**2
    return float(expected[0]), float(covariance[0, 0] ** 0.5)


@pytest.mark.parametrize(
    ("name", "steps", "tolerance"),
    [("ddpm", 1000, 1e-2), ("ddim", 1000, 1e-2), ("dpm++", 100, 2e-3), ("sde-dpm++", 200, 2e-3)],
)
def test_gaussian_data_come_out_with_their_mean_and_deviation(name: str, steps: int, tolerance: float) -> None:
    mean, deviation = moments(plan_steps(COSINE, name, steps), COSINE, mean=1.5, std=0.4)
    assert mean == pytest.approx(1.5, abs=tolerance)
    assert deviation == pytest.approx(0.4, rel=tolerance)


def test_dpm_solver_is_of_second_order_and_ddim_of_first() -> None:
    def order(name: str) -> float:
        coarse, fine = (abs(moments(plan_steps(COSINE, name, steps), COSINE, 0.0, 1.5)[1] - 1.5) for steps in (50, 200))
        return float(np.log(coarse / fine) / np.log(4))

    assert order("ddim") == pytest.approx(1.0, abs=0.1)
    assert 1.5 < order("dpm++") < 2.2  # below 2: the schedule's levels are not evenly spaced in lambda


def test_sde_dpm_solver_is_closer_with_as_few_steps_than_ddpm() -> None:
    """What it is for: ten steps of it miss the exact deviation by less than ten of DDPM do."""

    def error(name: str) -> float:
        return abs(moments(plan_steps(COSINE, name, 10), COSINE, mean=1.5, std=0.4)[1] - 0.4)

    assert error("sde-dpm++") < 0.5 * error("ddpm")


@pytest.mark.parametrize("steps", [2, 10, 50])
def test_balanced_levels_lie_halfway_between_trailing_and_even_ones(steps: int) -> None:
    levels, abar = balanced_timesteps(COSINE, steps), COSINE.alphas_cumprod
    log_snr = np.log(abar / (1 - abar)) / 2
    step = (log_snr[20] - log_snr[999]) / (steps - 1)
    for k in range(steps):
        # By counting levels, not by interpolation: how many are noisier than the k-th of the even ones.
        even = 999 - int((log_snr < log_snr[999] + k * step - 1e-9).sum())
        halfway = (999 - round(k * 1000 / steps) + even) / 2
        assert abs(levels[k] - halfway) <= 1.5


@pytest.mark.parametrize("kind", ["cosine", "linear"])
def test_balanced_levels_can_be_all_of_them(kind: str) -> None:
    assert balanced_timesteps(NoiseSchedule.named(kind), 1000) == list(range(999, -1, -1))


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_loop_draws_samples_with_the_exact_moments(name: str) -> None:
    """The float32 loop with Philox noise against the exact moments: 40,000 samples, 5 standard errors."""
    plan = plan_steps(COSINE, name, 30, eta=0.5)

    def kernel(x: Any, x0_prev: Any, noise: Any, step: Step) -> Any:
        a, b, c, s = step.coefficients[:4]
        x0 = closed_form_denoiser(x, step.t, COSINE, 1.5, 0.4).astype(np.float32)
        return a * x + b * x0 + c * x0_prev + s * noise, x0

    samples = sample(kernel, plan, lambda draw: philox_noise(11, 0, draw, (40_000,)))
    mean, deviation = moments(plan, COSINE, 1.5, 0.4)
    assert samples.dtype == np.float32
    assert samples.mean(dtype=np.float64) == pytest.approx(mean, abs=5 * deviation / 200)
    assert samples.std(dtype=np.float64) == pytest.approx(deviation, rel=5 / 200 / 2**0.5)


def test_guidance_reaches_the_kernel_as_weights_of_the_branches() -> None:
    plan = plan_steps(COSINE, "ddim", 5, guidance=2.5)
    step = plan[2]
    np.testing.assert_array_equal(step.coefficients, np.float32([step.a, step.b, step.c, step.s, 2.5, -1.5]))
    assert step.coefficients.dtype == np.float32


@pytest.mark.parametrize("name", SAMPLERS)
def test_guidance_1_is_conditional_and_0_unconditional(name: str) -> None:
    target = {"conditional": 1.0, "unconditional": -2.0}

    def kernel(x: Any, x0_prev: Any, noise: Any, step: Step) -> Any:
        a, b, c, s, *weights = step.coefficients
        means = [(target["conditional"], 99.0, target["unconditional"])[branch] for branch in step.branches]
        x0 = np.float32(
            sum(
                weight * closed_form_denoiser(x, step.t, COSINE, mean, 0.3)
                for weight, mean in zip(weights, means, strict=True)
            )
        )
        return np.float32(a * x + b * x0 + c * x0_prev + s * noise), x0

    def plain(mean: float) -> Any:
        def kernel(x: Any, x0_prev: Any, noise: Any, step: Step) -> Any:
            a, b, c, s = step.coefficients[:4]
            x0 = np.float32(closed_form_denoiser(x, step.t, COSINE, mean, 0.3))
            return np.float32(a * x + b * x0 + c * x0_prev + s * noise), x0

        return kernel

    def noise(draw: int) -> Any:
        return philox_noise(5, 0, draw, (100,))

    for guidance, mean in ((1.0, target["conditional"]), (0.0, target["unconditional"])):
        plan = plan_steps(COSINE, name, 20, guidance=guidance)
        np.testing.assert_allclose(sample(kernel, plan, noise), sample(plain(mean), plan, noise), atol=2e-6)


def test_the_loop_hands_each_x0_to_the_next_step_and_reports_progress() -> None:
    seen: list[Any] = []
    progress: list[tuple[int, int]] = []

    def kernel(x: Any, x0_prev: Any, noise: Any, step: Step) -> Any:
        seen.append((x0_prev.copy(), noise.copy(), step.t))
        return x + 1, np.full_like(x, step.t)

    plan = ddpm(COSINE, 4)
    out = sample(kernel, plan, lambda draw: np.full((2,), draw, np.float32), lambda k, n: progress.append((k, n)))
    assert [int(x0[0]) for x0, _, _ in seen] == [0, 999, 749, 499]
    assert [int(noise[0]) for _, noise, _ in seen] == [1, 2, 3, 0]  # the last step adds none and draws none
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    np.testing.assert_array_equal(out, [4, 4])


def test_noise_depends_on_its_key_alone() -> None:
    reference = philox_noise(1, 2, 3, (4, 5))
    assert reference.dtype == np.float32
    philox_noise(1, 2, 4, (9,))
    np.testing.assert_array_equal(philox_noise(1, 2, 3, (4, 5)), reference)
    for key in ((0, 2, 3), (1, 3, 3), (1, 2, 2), (2, 1, 3), (2**64 - 1, 2, 3)):
        assert not np.any(philox_noise(*key, (4, 5)) == reference), key
    # The numbers themselves, so that a seed keeps meaning the same motion in later versions.
    np.testing.assert_allclose(philox_noise(7, 0, 0, (3,)), [-0.293339, 1.703831, 1.539192], rtol=1e-5)


def test_noise_of_different_draws_is_standard_normal_and_uncorrelated() -> None:
    draws = np.stack([philox_noise(9, s, k, (20_000,)) for s in range(2) for k in range(3)]).astype(np.float64)
    correlation = draws @ draws.T / draws.shape[1]
    # 21 entries of deviation at most sqrt(2 / 20000) = 0.01: five deviations.
    np.testing.assert_allclose(correlation, np.eye(6), atol=0.05)
    np.testing.assert_allclose(draws.mean(axis=1), 0, atol=0.036)


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_impossible_step_counts_are_refused(steps: int) -> None:
    with pytest.raises(InputError, match=f"expected 1 to 1000 denoising steps, got {steps}"):
        trailing_timesteps(1000, steps)


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected one of ddpm, ddim, dpm\+\+, sde-dpm\+\+, got 'euler'"):
        plan_steps(COSINE, "euler", 10)


def test_dpm_solver_takes_the_first_and_the_last_step_at_first_order() -> None:
    plan = dpm_solver(COSINE, 5)
    assert [step.c != 0 for step in plan] == [False, True, True, True, False]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_rest_of_a_plan_goes_on_where_it_was_left(sampler: str) -> None:
    plan = plan_steps(COSINE, sampler, 8)
    states: list[tuple[np.ndarray, np.ndarray]] = []

    def kernel(x: np.ndarray, x0_prev: np.ndarray, noise: np.ndarray, step: Step) -> tuple[np.ndarray, np.ndarray]:
        states.append((x, x0_prev))
        x0 = wavy(x, step.t)
        return (step.a * x + step.b * x0 + step.c * x0_prev + step.s * noise).astype(np.float32), x0

    def noise(draw: int) -> np.ndarray:
        return philox_noise(3, 0, draw, (1, 2, 4, 5))

    whole = sample(kernel, plan, noise)
    begun = states[5]
    rest = sample(kernel, plan[5:], lambda draw: noise(draw + 5), begin=begun)
    np.testing.assert_array_equal(rest, whole)
