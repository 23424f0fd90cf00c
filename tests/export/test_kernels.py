"""The step kernel as a module: guidance and the sampler's update in closed form, no dropout left."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
import torch

from motion_export.bundle_writer import Model
from motion_export.kernels import ConditionKernel, StepKernel, reference, traceable
from motion_train.denoiser import Attention, Denoiser

P, T, S = 2, 10, 4


@pytest.fixture(params=[1, 2, 3])
def branches(request: pytest.FixtureRequest) -> int:
    count: int = request.param
    return count


@pytest.fixture
def inputs(toy_model: Model, branches: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    d = toy_model.denoiser.config.width

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    return {
        "x": normal(1, P, T, 258),
        "x0_prev": normal(1, P, T, 258),
        "noise": normal(1, P, T, 258),
        "t": torch.tensor([300.0]),
        "coefficients": normal(4 + branches),
        "prefix": normal(branches, P + S, d),
        "person": normal(branches, P, d),
        "key_bias": torch.zeros(branches, 1 + P + S + P * T),
    }


def branch(model: Model, inputs: dict[str, torch.Tensor], row: int) -> torch.Tensor:
    chosen = [inputs[name][row : row + 1] for name in ("prefix", "person", "key_bias")]
    with torch.no_grad():
        return model.denoiser.eval().denoise(inputs["x"], inputs["t"], *chosen)


def test_a_weight_of_one_is_that_branch_alone(toy_model: Model, inputs: dict[str, torch.Tensor], branches: int) -> None:
    kernel = StepKernel(traceable(toy_model.denoiser), branches)
    seen = []
    for row in range(branches):
        inputs["coefficients"] = torch.zeros(4 + branches)
        inputs["coefficients"][[1, 4 + row]] = 1.0
        x_next, x0 = kernel(**inputs)
        torch.testing.assert_close(x0, branch(toy_model, inputs, row), atol=2e-6, rtol=0)
        torch.testing.assert_close(x_next, x0, atol=0, rtol=0)
        seen.append(x0)
    assert all((a - b).abs().max() > 1e-3 for a, b in combinations(seen, 2))


def test_text_and_scene_are_weighed_apart(toy_model: Model, inputs: dict[str, torch.Tensor], branches: int) -> None:
    """Brooks et al. 2023, eq. 3: none + g_s (scene - none) + g_t (all - scene)."""
    if branches != 3:
        pytest.skip("needs three branches")
    g_text, g_scene = 2.5, 1.4
    inputs["coefficients"] = torch.tensor([0.0, 1.0, 0.0, 0.0, g_text, g_scene - g_text, 1 - g_scene])
    _, x0 = StepKernel(traceable(toy_model.denoiser), 3)(**inputs)
    both, scene, none = (branch(toy_model, inputs, row).double() for row in range(3))
    expected = none + g_scene * (scene - none) + g_text * (both - scene)
    torch.testing.assert_close(x0.double(), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("index", "name"), [(0, "x"), (2, "x0_prev"), (3, "noise")])
def test_each_coefficient_scales_its_own_term(
    toy_model: Model, inputs: dict[str, torch.Tensor], branches: int, index: int, name: str
) -> None:
    inputs["coefficients"] = torch.zeros(4 + branches)
    inputs["coefficients"][index] = -0.75
    x_next, _ = StepKernel(traceable(toy_model.denoiser), branches)(**inputs)
    np.testing.assert_array_equal(x_next.numpy(), -0.75 * inputs[name].numpy())


@pytest.mark.parametrize(("make", "explicit"), [(traceable, True), (reference, False)])
def test_copies_are_quiet_and_leave_the_original(
    toy_model: Model, make: Callable[[Denoiser], Denoiser], explicit: bool
) -> None:
    original = copy.deepcopy(toy_model.denoiser).train()
    before = [module.explicit for module in original.modules() if isinstance(module, Attention)]
    twin = make(original)
    assert not any(module.training for module in twin.modules())
    assert not any(parameter.requires_grad for parameter in twin.parameters())
    assert all(module.explicit is explicit for module in twin.modules() if isinstance(module, Attention))
    assert [module.explicit for module in original.modules() if isinstance(module, Attention)] == before
    assert original.training
    assert all(parameter.requires_grad for parameter in original.parameters())


def test_condition_kernel_is_the_denoisers_condition(toy_model: Model) -> None:
    config = toy_model.denoiser.config
    given = {
        "text": torch.randn(1, P, config.text_dim),
        "scene": torch.randn(1, S, 192),
        "scene_class": torch.ones(1, S, dtype=torch.int64),
        "person_class": torch.tensor([[1, 3]]),
        "identity": torch.tensor([[2, 0]]),
        "keep_text": torch.tensor([[1.0, 0.0]]),
        "keep_scene": torch.ones(1),
    }
    for ours, theirs in zip(
        ConditionKernel(traceable(toy_model.denoiser))(**given), toy_model.denoiser.condition(**given), strict=True
    ):
        torch.testing.assert_close(ours, theirs.detach(), atol=0, rtol=0)
