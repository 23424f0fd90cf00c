"""Falls that are not told which way go any way, as often as simulated ones; all that says more stays as it is."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from motion_runtime.cli import main
from motion_runtime.fall_ways import FALLS, WAYS, with_ways
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest

TOY = Path(__file__).with_name("toy_bundle")


def drawn(prompt: str, count: int = 40) -> set[str]:
    return {with_ways(prompt, seed, 0, 0) for seed in range(count)}


@pytest.mark.parametrize(
    ("prompt", "template"),
    [
        ("a person falls", "a person falls {}"),
        ("a person falls to the floor", "a person falls {}"),
        ("An old man falls on the ground and lies still", "An old man falls {} and lies still"),
        ("a person is falling down", "a person is falling down {}"),
        ("two people fall to the floor.", "two people fall {}."),
        ("a person falls and gets up", "a person falls {} and gets up"),
        ("an old man slowly falls, then he lies still", "an old man slowly falls {}, then he lies still"),
        ("a resident collapses in the kitchen", "a resident collapses {} in the kitchen"),
        ("a patient faints and falls to the floor", "a patient faints and falls {}"),
        ("she slips and falls while she walks", "she slips and falls {} while she walks"),
        ("a person stands up from the wheelchair and falls", "a person stands up from the wheelchair and falls {}"),
        ("a person walks|2s: he falls down|a person gets up", "a person walks|2s: he falls down {}|a person gets up"),
    ],
)
def test_what_is_left_open_is_said(prompt: str, template: str) -> None:
    assert drawn(prompt) == {template.format(way) for way in WAYS} - {
        template.format(way) for way, count in zip(WAYS, FALLS["slips"], strict=True) if "slips" in prompt and not count
    }


@pytest.mark.parametrize(
    "prompt",
    [
        "a person walks", "a person falls forward", "a person falls backwards to the floor", "he falls to the left",
        "a person falls onto the right side", "a person falls on the back", "a patient falls out of bed",
        "a person falls off the chair", "a person falls down the stairs", "a person falls against the table",
        "a person trips and falls", "a person stumbles and falls to the floor", "a person is pushed and falls",
        "a person nearly falls", "a person does not fall", "she falls asleep", "he falls in love", "she falls ill",
        "a person falls and lies on the stomach", "a person falls to the knees", "a person falls face down",
        "a person bends over after a fall", "he walks as if to fall asleep", "a person falls into a chair",
        "a person falls over the rug", "night falls on the town",
        "a person walks backward and falls", "a person pretends to fall", "the fall of a person",
        "a person falls and lies prone", "a person falls and lands on the buttocks",
        "a person misses the chair and falls",
        "a person walks downstairs and falls", "a person is tackled and falls", "nobody falls",
        "a person doesn\N{RIGHT SINGLE QUOTATION MARK}t fall", "a person collapses in a chair",
        "a cup falls and a person picks it up", "this fall, a person walks", "a person walks in fall and runs",
        "a person watches the leaves falling", "a nurse catches a patient who falls",
        "a nurse helps a patient who falls", "a person has had one fall and lies",
    ],
)  # fmt: skip
def test_what_is_said_or_implied_stays(prompt: str) -> None:
    assert drawn(prompt) == {prompt}


def test_a_prompt_that_has_a_way_has_none_drawn_again() -> None:
    for prompt in drawn("a person walks and falls to the floor | she faints and falls"):
        assert drawn(prompt) == {prompt}


@pytest.mark.parametrize(
    ("cause", "prompt"),
    [
        ("", "a person falls"), ("slips", "he slips and falls"), ("faints", "he faints and falls"),
        ("loses balance", "he loses balance and falls"), ("stands up", "he tries to stand up and falls"),
    ],
)  # fmt: skip
def test_ways_are_as_frequent_as_simulated_ones(cause: str, prompt: str) -> None:
    count = 3000
    found = Counter(with_ways(prompt, 7, sample, 0).removeprefix(prompt).strip() for sample in range(count))
    expected = np.array(FALLS[cause]) / sum(FALLS[cause])
    for way, share in zip(WAYS, expected, strict=True):
        # Four standard deviations of a binomial share.
        assert abs(found[way] / count - share) <= 4 * (share * (1 - share) / count) ** 0.5, way
    assert sum(found.values()) == count


def test_what_comes_after_a_fall_is_not_its_cause() -> None:
    for seed in range(60):
        plain = with_ways("a person falls", seed, 0, 0)
        assert with_ways("a person falls and gets up", seed, 0, 0) == f"{plain} and gets up"


def test_parts_that_a_room_adds_leave_each_fall_its_way() -> None:
    for seed in range(60):
        short = with_ways("a person walks and sits down | a person falls", seed, 0, 0).split(" | ")
        long = with_ways("a person walks | a person sits down | a person falls", seed, 0, 0).split(" | ")
        assert short[-1] == long[-1]


def test_seed_sample_person_and_part_decide_and_nothing_else() -> None:
    def ways(**of: int) -> list[str]:
        return [with_ways("he falls|he falls", **({"seed": k, "sample": 0, "person": 0} | of)) for k in range(50)]

    assert ways() == ways()
    assert ways() != ways(sample=1)
    assert ways() != ways(person=1)
    assert any(first != second for first, second in (text.split("|") for text in ways()))


def test_the_network_is_given_them_and_files_keep_what_was_written() -> None:
    request = GenerationRequest(("a person falls",), person_classes=("person",) * 3, seconds=2.0, seed=5)
    made = request.as_made
    assert len(made.prompts) == 3
    assert len(set(made.prompts)) > 1
    assert made.as_made == made
    assert request.as_read is request
    assert replace(request, ways=False).as_made.prompts == request.prompts
    walks = GenerationRequest(("a person walks",), person_classes=("person",) * 3)
    assert walks.as_made.prompts == walks.prompts
    # What people in a room are told in place of their prompts has the same ways.
    staged = replace(request, told=request.prompt_of_each, retold=request.prompt_of_each)
    assert staged.as_made.told == staged.as_made.retold == made.prompts

    generator = Generator.load(TOY, "cpu")
    alone = GenerationRequest(("a person falls",), seconds=1.0, seed=5)
    found, told, plain = (
        generator.generate(one)
        for one in (alone, replace(alone, prompts=alone.as_made.prompts), replace(alone, ways=False))
    )
    assert found.prompts == ("a person falls",)
    np.testing.assert_array_equal(found.joints_m, told.joints_m)
    assert np.abs(found.joints_m - plain.joints_m).max() > 1e-6


def test_the_command_says_what_was_made(tmp_path: Path) -> None:
    def run(*arguments: object) -> Any:
        common = ("--bundle", TOY, "--prompt", "a person falls", "--seconds", 1, "--seed", 5, "--no-preview")
        return CliRunner().invoke(main, [str(a) for a in (*common, "--out", tmp_path / "made", *arguments)])

    way = with_ways("a person falls", 5, 0, 0)
    assert f"read as   {way}" in run("--dry-run").output
    assert "read as" not in run("--dry-run", "--num-samples", 2).output
    assert "read as" not in run("--dry-run", "--no-ways").output
    result = run("--formats", "npz")
    assert result.exit_code == 0, result.output
    (info,) = (json.loads(path.read_text()) for path in (tmp_path / "made").rglob("run.json"))
    assert info["request"]["prompts"] == ["a person falls"]
    assert info["request"]["prompts_read_as"] == [way]
    assert info["request"]["ways"] is True
