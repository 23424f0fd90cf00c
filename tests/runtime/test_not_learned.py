"""Who is told to fall out of a wheelchair falls, and what is made instead is said."""

from __future__ import annotations

import pytest

from motion_preprocessing.motion_features import measure
from motion_preprocessing.posture_events import falls
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
from motion_runtime.not_learned import not_learned


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a patient falls out of the wheelchair", "falls out of the wheelchair"),
        ("A man slid from his old wheelchair", "slid from his old wheelchair"),
        ("a person falls out of bed", ""),
        ("a nurse pushes a patient in a wheelchair", ""),
        ("a patient gets out of the wheelchair and falls", ""),
    ],
)
def test_a_fall_out_of_a_wheelchair_is_said_to_be_another(prompt: str, words: str) -> None:
    assert [line.split("'")[1] for line in not_learned([prompt, prompt])] == [words] * bool(words)


@pytest.mark.parametrize("prompt", ["a patient falls out of the wheelchair", "a person slides from her wheelchair"])
def test_who_falls_out_of_a_wheelchair_falls(prompt: str) -> None:
    generator, fallen = Generator.load(), 0
    for seed in range(4):
        joints = generator.generate(GenerationRequest(prompts=(prompt,), seconds=6.0, seed=seed)).joints_m[0]
        fallen += bool(falls(measure(joints, 20.0)))
    assert fallen >= 3


@pytest.mark.parametrize("prompt", ["a person sits on the floor", "someone sits down cross-legged on the ground"])
def test_who_sits_on_the_floor_is_said_to_sit_on_a_seat(prompt: str) -> None:
    (line,) = not_learned([prompt])
    assert "seat that is not there" in line


@pytest.mark.parametrize("prompt", ["a person sits down", "a person sits on the floor and lies back"])
def test_who_sits_on_a_seat_or_lies_back_is_not(prompt: str) -> None:
    assert not not_learned([prompt])
