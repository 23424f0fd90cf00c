"""Requests that cannot be meant are refused when they are made."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_runtime.motion import GenerationRequest, Motion


def test_one_prompt_serves_all_persons() -> None:
    request = GenerationRequest((" a person walks ",), ("staff", "patient"))
    assert request.persons == 2
    assert request.prompt_of_each == ("a person walks", "a person walks")


def test_prompts_alone_make_persons() -> None:
    request = GenerationRequest(("walks", "sits"))
    assert request.person_classes == ("person", "person")
    assert request.prompt_of_each == ("walks", "sits")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompts": ()}, "expected at least one prompt"),
        ({"prompts": ("",)}, "prompt"),
        ({"prompts": ("walks", " \n\t")}, "prompt"),
        ({"prompts": ("x" * 10_000,)}, "got 10,000 for the prompt"),
        ({"prompts": "a person walks"}, "expected a tuple of prompts"),
        ({"person_classes": "staff"}, "expected a tuple of prompts"),
        ({"prompts": ("a", "b"), "person_classes": ("staff",) * 3}, r"one a person \(3\), got 2 prompts"),
        ({"prompts": ("a", "b"), "person_classes": ("staff",)}, r"one a person \(1\), got 2 prompts"),
        ({"seconds": 0.0}, "expected seconds above 0 and at most 3600, got 0.0"),
        ({"seconds": -1.0}, "expected seconds above 0"),
        ({"seconds": math.nan}, "expected seconds above 0 and at most 3600, got nan"),
        ({"seconds": math.inf}, "expected seconds above 0 and at most 3600, got inf"),
        ({"seconds": 1e308}, "at most 3600, got 1e"),
        ({"steps": -(10**400)}, r"expected steps at least 1, got -10{38}; "),
        ({"seed": 10**400}, "expected seed"),
        ({"start_m": (1e300, 0.0)}, "expected start position"),
        ({"guidance": -0.1}, "expected guidance at least 0 and at most 100"),
        ({"guidance": math.nan}, "expected guidance"),
        ({"eta": 1.5}, "expected eta at least 0 and at most 1"),
        ({"steps": 0}, "expected steps at least 1"),
        ({"seed": -1}, "expected seed at least 0"),
        ({"seed": 2**64}, "expected seed"),
        ({"sample": -1}, "expected sample number at least 0"),
        ({"heading_deg": math.nan}, "expected heading as a finite number, got nan"),
        ({"start_m": (0.0, math.inf)}, "expected start position at least -10000 and at most 10000, got inf"),
    ],
)
def test_what_cannot_be_meant_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        GenerationRequest(**({"prompts": ("a person walks",)} | values))
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value)  # what to do about it


def test_a_request_is_frozen_and_checked_again_when_replaced() -> None:
    request = GenerationRequest(("walks",))
    with pytest.raises(FrozenInstanceError):
        request.seed = 3  # type: ignore[misc]
    with pytest.raises(InputError, match="seconds"):
        replace(request, seconds=0)


def test_a_motion_knows_its_sizes_and_refuses_arrays_that_do_not_fit() -> None:
    arrays = {
        "joints_m": np.zeros((2, 30, 22, 3), np.float32),
        "local_rotations": np.zeros((2, 30, 22, 3, 3), np.float32),
        "root_position_m": np.zeros((2, 30, 3), np.float32),
    }
    labels: dict[str, Any] = {"fps": 20.0, "person_classes": ("staff", "patient"), "prompts": ("a", "b"), "seed": 1}
    motion = Motion(**arrays, **labels)
    assert (motion.persons, motion.frames, motion.seconds) == (2, 30, 1.5)
    with pytest.raises(ValueError, match=r"expected shape \(2, 30, 3\), got \(2, 29, 3\) for root_position_m"):
        Motion(**(arrays | {"root_position_m": arrays["root_position_m"][:, 1:]}), **labels)
    with pytest.raises(ValueError, match="prompts"):
        Motion(**arrays, **(labels | {"prompts": ("a",)}))
