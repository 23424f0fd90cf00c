"""The benchmark of motion in many parts: what it asks for, and that it looks without touching."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from motion_runtime import GenerationRequest, Generator, corrections

TOY = Path(__file__).with_name("toy_bundle")


@pytest.fixture(scope="module")
def stories(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("stories")


def test_who_sits_or_falls_gets_up_next_and_nobody_else(stories: ModuleType) -> None:
    rng = np.random.default_rng(1)
    told = [stories.story(rng) for _ in range(300)]
    assert {len(acts) for acts in told} == {3, 4}
    assert {act for acts in told for act in acts} == set(stories.ACTS)
    for before, after in ((a, b) for acts in told for a, b in zip(acts[:-1], acts[1:], strict=True)):
        assert before != after
        assert (after == "stand") == (before == "sit")
        assert (after == "up") == (before == "fall")


def test_it_makes_the_motion_that_is_made_without_looking(stories: ModuleType) -> None:
    generator, mend = Generator.load(TOY, "cpu"), corrections.without_flips
    request = GenerationRequest(("a person turns around", "a person waves"), seconds=0.6, seed=3)
    motion, flips = stories.flipped(generator, request)
    np.testing.assert_array_equal(motion.joints_m, generator.generate(request).joints_m)
    assert len(flips) == 2
    assert corrections.without_flips is mend
