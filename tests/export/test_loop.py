"""The whole denoising loop: ONNX Runtime against PyTorch with the same noise, every sampler, many steps."""

from __future__ import annotations

import numpy as np
import pytest

from motion_export.bundle_writer import Model
from motion_export.inputs import Drawing
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import STEP
from motion_runtime.sampler import Step, StepKernel, philox_noise, plan_steps, sample
from motion_runtime.schedule import NoiseSchedule
from motion_runtime.session import GraphSession, Provider

Array = np.ndarray
CONDITIONS = ("prefix", "person", "key_bias")


@pytest.mark.parametrize(("sampler", "steps"), [("ddpm", 50), ("ddim", 50), ("dpm++", 20)])
def test_same_noise_gives_the_same_motion(toy_model: Model, exported: Bundle, sampler: str, steps: int) -> None:
    schedule = NoiseSchedule.cosine()
    drawing = Drawing(toy_model.denoiser, exported.manifest, schedule)
    drawn = drawing.step(np.random.default_rng(3), 2, 10, 2, toy_model.scene_tokens)
    conditions = {name: value for name, value in drawn.items() if name in CONDITIONS}
    session = GraphSession.load(exported, STEP, Provider("cpu", "", 1), 2, 10, 2)

    def kernel(call: object) -> StepKernel:
        def run(x: Array, x0_prev: Array, noise: Array, step: Step) -> tuple[Array, Array]:
            values = {"x": x, "x0_prev": x0_prev, "noise": noise, "t": np.array([step.t], np.float32)}
            x_next, x0 = call({**values, "coefficients": step.coefficients, **conditions})  # type: ignore[operator]
            return x_next, x0

        return run

    def noise(draw: int) -> Array:
        return philox_noise(7, 0, draw, (1, 2, 10, 258))

    plan = plan_steps(schedule, sampler, steps, guidance=2.5, eta=0.3)
    found = sample(kernel(session.run), plan, noise)
    expected = sample(kernel(drawing.step_reference), plan, noise)
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(found, expected, atol=1e-4)
