"""Seams of the built-in model's long motion against recordings, and the benchmark that measures them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from motion_runtime import GenerationRequest, Generator
from motion_runtime.editing.windows import Window


@pytest.fixture(scope="module")
def seams(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("seams")


def test_what_counts_as_a_seam(seams: ModuleType) -> None:
    # Frames 30 .. 39 are blended; a third difference reads four frames.
    touched = seams.at_seams([Window(0, 0, 40), Window(20, 40, 80)], 80)
    assert touched.shape == (77,)
    np.testing.assert_array_equal(np.flatnonzero(touched), np.arange(26, 41))


@pytest.mark.slow
@pytest.mark.parametrize(
    "prompts",
    [("4s: a person walks forward | 4s: a person sits down on a chair",), ("9s: a person walks forward",),
     ("4s: a person walks forward | 4s: a person turns left by 90 degrees | 4s: a person bends over",),
     ("4s: a person walks forward | 3s: a person turns left", "7s: a person waves with the right hand")],
)  # fmt: skip
def test_a_seam_jerks_no_more_than_recordings_do(
    seams: ModuleType, default_bundle: Path, prompts: tuple[str, ...]
) -> None:
    """Four of five seeds: of twelve, two at most are beyond it (docs/editing.md)."""
    generator = Generator.load(default_bundle, "cpu", "fp32")
    jerks = []
    for seed in range(1, 6):
        request = GenerationRequest(prompts, seed=seed)
        at_seams, _ = seams.seam_jerk(generator.generate(request), generator.windows_of(request))
        jerks.append(np.quantile(at_seams, 0.99))
    recordings = json.loads(seams.RECORDINGS.read_text(encoding="utf-8"))
    assert sorted(jerks)[-2] <= recordings["kinds"]["all recordings"]["jerk_q99_m_s3"]
