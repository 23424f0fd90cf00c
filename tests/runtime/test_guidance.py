"""Guidance: weights of branches, the branches that are not run, and the interval of steps it counts in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.errors import BundleError, InputError
from motion_preprocessing.groups import GROUP_SIZE, SceneTokens
from motion_runtime.bundle import Bundle
from motion_runtime.conditioning import KernelShape
from motion_runtime.generator import Generator
from motion_runtime.guidance import Guidance
from motion_runtime.manifest import STEP
from motion_runtime.motion import GenerationRequest
from motion_runtime.sampler import Step, plan_steps
from motion_runtime.schedule import NoiseSchedule
from motion_runtime.session import choose_provider

TOY = Path(__file__).with_name("toy_bundle")


@pytest.mark.parametrize(
    ("guidance", "branches", "weights"),
    [
        (Guidance(1, 1), (0,), [1]),
        (Guidance(2.5, 2.5), (0, 2), [2.5, -1.5]),
        (Guidance(0, 0), (2,), [1]),
        (Guidance(3, 1), (0, 1), [3, -2]),
        (Guidance(3, 2), (0, 1, 2), [3, -1, -1]),
        (Guidance(0, 2), (1, 2), [2, -1]),
        (Guidance(0, 1), (1,), [1]),
    ],
)
def test_only_branches_with_a_weight_are_run(
    guidance: Guidance, branches: tuple[int, ...], weights: list[float]
) -> None:
    step = plan_steps(NoiseSchedule.cosine(), "ddim", 4, guidance=guidance)[1]
    assert step.branches == branches
    np.testing.assert_array_equal(step.coefficients[4:], np.float32(weights))
    assert sum(step.weights) == pytest.approx(1)


def test_the_interval_is_counted_from_noise_to_motion() -> None:
    plan = plan_steps(NoiseSchedule.cosine(), "ddpm", 10, guidance=Guidance(2, 2, (0.2, 0.6)))
    assert [len(step.branches) for step in plan] == [1, 1, 2, 2, 2, 2, 1, 1, 1, 1]
    assert [len(s.branches) for s in plan_steps(NoiseSchedule.cosine(), "ddpm", 3, guidance=2.0)] == [2, 2, 2]


@pytest.mark.parametrize("interval", [(0.5, 0.2), (-0.1, 1), (0, 1.1), (float("nan"), 1)])
def test_an_impossible_interval_is_refused(interval: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="expected an interval within 0 and 1"):
        GenerationRequest(("walks",), guidance_interval=interval)


@pytest.fixture
def generator() -> Generator:
    return Generator.load(TOY, "cpu")


def kernels(generator: Generator) -> set[int]:
    """Numbers of branches of the step kernels that were loaded."""
    return {key[3] for key in generator._sessions if key[0] == STEP}


def request(**values: Any) -> GenerationRequest:
    return GenerationRequest(("a person walks",), **({"seconds": 1.0, "steps": 4, "sampler": "ddim"} | values))


def test_the_unconditional_branch_is_not_run_where_guidance_is_1(generator: Generator) -> None:
    generator.generate(request(guidance=1.0))
    assert kernels(generator) == {1}
    part = generator.generate(request(guidance=3.0, guidance_interval=(0.0, 0.5)))
    assert kernels(generator) == {1, 2}
    whole, none = (generator.generate(request(guidance=g)) for g in (3.0, 1.0))
    assert np.abs(part.joints_m - whole.joints_m).max() > 1e-6
    assert np.abs(part.joints_m - none.joints_m).max() > 1e-6
    empty = generator.generate(request(guidance=3.0, guidance_interval=(0.0, 0.0)))
    np.testing.assert_array_equal(empty.joints_m, none.joints_m)
    # Without a room the scale of the scene means nothing, and costs nothing.
    alone = generator.generate(request(guidance=1.0, guidance_scene=4.0))
    np.testing.assert_array_equal(alone.joints_m, none.joints_m)
    assert kernels(generator) == {1, 2}


def bound(generator: Generator) -> tuple[Any, KernelShape]:
    """A step kernel with a prompt and a room bound to it."""
    shape = KernelShape(1, 20, 4)
    rng = np.random.default_rng(0)
    scene = SceneTokens(
        rng.normal(size=(4, GROUP_SIZE, 3)).astype(np.float32), np.array([1, 2, 0, 3]), np.array([True] * 3 + [False])
    )
    return generator._bind(("person",), ["a person walks"], shape, 20, scene), shape


def test_three_branches_are_the_weighted_sum_of_each_alone(generator: Generator) -> None:
    kernel, _ = bound(generator)
    x = np.random.default_rng(1).normal(size=(1, 1, 20, 258)).astype(np.float32)
    step = Step(500, a=0.0, b=1.0, c=0.0, s=0.0)

    def x0(*weights: float) -> np.ndarray:
        return np.asarray(kernel(x, x, x, replace(step, weights=weights))[1], np.float64)

    everything, scene, nothing = x0(1, 0, 0), x0(0, 1, 0), x0(0, 0, 1)
    for a, b in ((everything, scene), (scene, nothing), (everything, nothing)):
        assert np.abs(a - b).max() > 1e-4
    text, room = 2.5, 1.5
    expected = nothing + room * (scene - nothing) + text * (everything - scene)
    weights = Guidance(text, room).weights(0, 1)
    np.testing.assert_allclose(x0(*weights), expected, atol=2e-5)
    assert kernels(generator) == {1, 3}


def test_a_bundle_of_two_branches_runs_one_and_refuses_three() -> None:
    bundle = Bundle.open(TOY)
    graphs = tuple(graph for graph in bundle.manifest.graphs if graph.branches in (0, 2))
    poor = Generator(replace(bundle, manifest=replace(bundle.manifest, graphs=graphs, branches=(2,))),
                     choose_provider("cpu"))  # fmt: skip
    rich = Generator.load(TOY, "cpu")
    for guidance in (0.0, 1.0, 2.0):
        a, b = (g.generate(request(guidance=guidance)) for g in (poor, rich))
        np.testing.assert_allclose(a.joints_m, b.joints_m, atol=1e-5)
    kernel, _ = bound(poor)
    x = np.zeros((1, 1, 20, 258), np.float32)
    with pytest.raises(BundleError, match="expected step kernels of 3 guidance branches, got 2 at most"):
        kernel(x, x, x, Step(5, 1.0, 0.0, 0.0, 0.0, (3.0, -1.0, -1.0)))
