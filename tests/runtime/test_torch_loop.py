"""The whole runtime against a plain torch loop with the same noise: text, conditions, guidance and 50 DDPM steps."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import fit_body
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
from motion_runtime.sampler import philox_noise, trailing_timesteps
from motion_runtime.schedule import NoiseSchedule

torch = pytest.importorskip("torch")
MAKER = Path(__file__).with_name("make_toy_bundle.py")
GUIDANCE, STEPS, SEED, FRAMES = 2.5, 50, 9, 20


@pytest.fixture(scope="module")
def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_toy_bundle", MAKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_toy_bundle"] = module
    spec.loader.exec_module(module)
    return module


def torch_loop(model: Any, prompts: tuple[str, ...]) -> np.ndarray:
    """Algorithm 2 as the papers write it, two network calls a step; returns pose vectors (P, T, 258)."""
    from motion_train.denoiser import key_bias

    people, groups = len(prompts), model.scene_tokens
    schedule = NoiseSchedule.cosine(1000)
    tokenizer = model.tower.prompt_tokenizer()
    tokens = np.concatenate([tokenizer.encode(prompt) for prompt in prompts])
    bias = key_bias(
        torch.ones(1, people, dtype=torch.bool),
        torch.zeros(1, groups, dtype=torch.bool),
        torch.ones(1, people, FRAMES, dtype=torch.bool),
    )
    conditions = (
        model.tower.encode(torch.from_numpy(tokens))[None],
        torch.zeros(1, groups, 192),
        torch.zeros(1, groups, dtype=torch.int64),
        torch.ones(1, people, dtype=torch.int64),  # row 1: 'person'
        torch.arange(people)[None],
    )

    def predict(x: Any, t: int, keep: float) -> Any:
        kept = torch.tensor([keep])
        return model.denoiser(x, torch.tensor([float(t)]), *conditions, kept, kept, bias)

    def noise(draw: int) -> Any:
        return torch.from_numpy(philox_noise(SEED, 0, draw, (people, FRAMES, 258)))[None]

    levels = trailing_timesteps(1000, STEPS)
    x = noise(0)
    for k, (t, t_next) in enumerate(zip(levels, [*levels[1:], -1], strict=True), start=1):
        abar, abar_next = schedule.alphas_cumprod[t], schedule.alphas_cumprod[t_next] if t_next >= 0 else 1.0
        unconditional = predict(x, t, 0.0)
        x0 = unconditional + GUIDANCE * (predict(x, t, 1.0) - unconditional)
        beta = 1 - abar / abar_next
        mean = abar_next**0.5 * beta / (1 - abar) * x0 + (1 - beta) ** 0.5 * (1 - abar_next) / (1 - abar) * x
        x = mean + ((1 - abar_next) / (1 - abar) * beta) ** 0.5 * noise(k)
    return np.asarray(x[0].numpy() * model.std + model.mean)


@pytest.mark.slow
def test_the_runtime_equals_the_torch_loop(maker: Any, tmp_path: Path) -> None:
    model = maker.toy_model()
    model.denoiser.eval()
    maker.write_bundle(model, tmp_path / "fresh", people=(2,), frames=(FRAMES,), report=lambda _: None)
    prompts = ("a person walks", "a person sits")
    request = GenerationRequest(
        prompts, seconds=FRAMES / maker.FPS, steps=STEPS, guidance=GUIDANCE, sampler="ddpm", seed=SEED, low_pass_s=0.0,
        walls=False, apart_m=0.0, ground=False, feet=False, staged=True,
    )  # fmt: skip
    ours = Generator.load(tmp_path / "fresh", "cpu").generate(request)
    with torch.no_grad():
        rotations, root = fit_body(torch_loop(model, prompts).astype(np.float64))
    joints, _ = forward_kinematics(rotations, root)
    np.testing.assert_allclose(ours.joints_m, joints, atol=1e-3)
    # Without the guidance the two must not agree: the test would see a wrong scale.
    plain = Generator.load(tmp_path / "fresh", "cpu").generate(
        replace(request, guidance=1.0)
    )
    assert np.abs(plain.joints_m - joints).max() > 2e-3
