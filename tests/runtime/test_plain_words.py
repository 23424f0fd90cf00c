"""What the model reads of prompts whose words it does not know, and what it is left to read as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motion_preprocessing.captions import inflect
from motion_runtime.cli import main
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Room
from motion_runtime.plain_phrases import RULES
from motion_runtime.plain_words import in_plain_words
from motion_runtime.staging import staged
from motion_runtime.verb_forms import forms

TOY = Path(__file__).with_name("toy_bundle")


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("a person trips", "a person trips and falls"),
        ("a person is tripping", "a person is tripping and falls"),
        ("a person tripped over a rug", "a person trips and falls over a rug"),
        ("tripping", "tripping and falls"),
        ("trip", "trip and fall"),
        ("two people faint", "two people faint and fall"),
        ("he has fainted", "he faints and falls"),
        ("a person turned around", "a person turns around"),
        ("the man has turned around and waved", "the man turns around and waves"),
        ("she turned to the left", "she turns to the left"),
        ("she turned her head", "she turned her head"),
        ("he turned the page", "he turned the page"),
        ("a patient slips on the wet floor", "a patient slips and falls on the wet floor"),
        ("She suddenly passed out in the kitchen", "She suddenly faints and falls in the kitchen"),
        ("an old man slowly keels over backwards", "an old man slowly falls backwards"),
        ("a woman with a stick is keeling over", "a woman with a stick is falling to the floor"),
        ("a person makes a half turn", "a person turns by 180 degrees"),
        ("he does a full turn clockwise", "he turns by 360 degrees clockwise"),
        ("a person walks and spins once", "a person walks and turns by 360 degrees"),
        ("a nurse turns full circle to the left", "a nurse turns by 360 degrees to the left"),
        ("she had a nasty fall", "she falls to the floor"),
        ("a resident went over in the hall", "a resident falls in the hall"),
        ("a resident goes down heavily", "a resident falls to the floor heavily"),
        ("her legs give way", "she falls to the floor"),
        ("the old man\N{RIGHT SINGLE QUOTATION MARK}s knees buckled", "the old man falls to the floor"),
        ("a patient slides off the chair onto the floor", "a patient falls off the chair onto the floor"),
        ("a person fell", "a person falls"),
        ("a person faints and lies still", "a person faints and falls and lies still"),
        ("a person tries to sit down and slips off the chair", "a person tries to sit down and falls off the chair"),
        ("a person tripped and fell", "a person trips and falls"),
        ("he sat down and stood up", "he sits down and stands up"),
        ("a woman takes a nap", "a woman lies down on the bed"),
        ("a woman takes a nap on the sofa", "a woman lies down on the sofa"),
        ("a patient is asleep", "a patient is lying on the bed"),
        ("a patient is sleeping in bed", "a patient is lying in bed"),
        ("a resident ambles", "a resident walks forward"),
        ("a resident ambles two metres", "a resident walks forward two metres"),
        ("a nurse makes her way to the bed", "a nurse walks to the bed"),
        ("a patient potters about", "a patient walks around"),
        ("he was scurrying down the corridor", "he is running down the corridor"),
        ("a man limps", "a man limps forward"),
        ("she plops down on the chair", "she sits down on the chair"),
        ("she plonks herself down", "she sits down on a chair"),
        ("an old man lowered himself slowly onto the sofa", "an old man slowly sits down on the sofa"),
        ("an old man keeled slowly over", "an old man slowly falls to the floor"),
        ("he gets to his feet", "he stands up"),
        ("she pushed herself up from the edge of the bed", "she stands up from the edge of the bed"),
        ("he picks himself up and walks", "he gets up from the floor and walks"),
        ("a patient gets out of the wheelchair", "a patient stands up from the wheelchair"),
        ("a person hunches over", "a person bends over"),
        ("a person drops to her knees", "a person kneels"),
        ("a person freezes", "a person stands still"),
        ("a person falls asleep on the sofa", "a person lies down on the sofa"),
        ("a patient fell fast asleep in bed", "a patient lies down in bed"),
        ("she drops off to sleep", "she lies down on the bed"),
        ("a patient is falling asleep in the armchair", "a patient is sitting in the armchair"),
        ("an old woman has fallen asleep in her chair", "an old woman is sitting in her chair"),
        ("a person sits down and falls asleep", "a person sits down and is sitting"),
        ("a person sits down and sleeps", "a person sits down and sleeps"),
        ("a person falls asleep on the floor", "a person lies down on the floor"),
        ("a person falls silent", "a person stands still"),
        ("he fell in love with the nurse", "he stands still"),
        ("a patient falls ill and lies down", "a patient stands still and lies down"),
        ("a resident falls behind", "a resident walks slowly"),
        ("a nurse falls into step with a patient", "a nurse walks"),
        ("a person drops a cup", "a person puts down a cup"),
        ("he dropped his stick and fell", "he puts down his stick and falls"),
        ("a person drops a cup, which crashes to the floor", "a person puts down a cup, which crashes to the floor"),
        ("a patient makes a trip to the toilet", "a patient walks to the toilet"),
    ],
)
def test_phrases_are_read_in_plain_words_in_the_form_they_have(prompt: str, read: str) -> None:
    assert in_plain_words(prompt) == read
    assert in_plain_words(read) == read


@pytest.mark.parametrize(
    "prompt",
    [
        "a person  walks forward ",
        "a person trips over a chair and falls",
        "a person trips, but catches herself on the rail",
        "a person nearly trips",
        "a person slips and sits down",
        "a patient lies in bed and faints",
        "a person does not faint",
        "she tries not to slip",
        "a person faints on the bed",
        "a person makes several trips to the kitchen",
        "a trip to the doctor",
        "a person is tripped by a cable",
        "a person trips someone",
        "a nurse hands over a slip of paper",
        "a person slips on a jacket",
        "a person slips into a coat and out of the room",
        "a nurse passes out the cards",
        "a nurse passes out of the room",
        "a person falls behind the sofa",
        "a person drops her head",
        "a person drops it",
        "a patient goes to sleep in the bed",
        "the light goes down",
        "a glass hits the floor",
        "a person tears down the curtain",
        "a nurse settles into the routine",
        "a person eases herself into the water",
        "a man pushes himself up onto his elbows",
        "the shelf comes crashing down",
        "a person stubs a toe",
        "a person goes down the stairs",
        "a nurse goes down in the lift",
        "a person goes down on one knee",
        "a person goes over to the bed",
        "a nurse goes over and helps",
        "a person lay a cup down",
        "a person goes over the plan",
        "the curtain drops",
        "a man crumples a sheet of paper",
        "a person buckles the belt",
        "a person rolls up the sleeves",
        "a person runs a finger over the table",
        "a person charges the phone",
        "a person bolts the door",
        "a nurse turns in her report",
        "a person sleeps in the armchair",
        "a person settles the bill",
        "a patient sets off the alarm",
        "a person proceeds to sit down",
        "a person scales a fish",
        "she has got a stick",
        "a person who fell lies on the floor",
        "a person picks up a box",
        "a person kicks the ball",
        "a nurse makes a half turn of the handle",
        "a person turns the wheelchair around once",
        "a person spins the wheel once",
    ],
)
def test_what_means_something_else_stays_letter_by_letter(prompt: str) -> None:
    assert in_plain_words(prompt) == prompt


def test_parts_are_read_one_by_one_and_keep_their_lengths() -> None:
    assert (
        in_plain_words("a person walks|3s: he faints | she falls")
        == "a person walks|3s: he faints and falls | she falls"
    )


@pytest.mark.parametrize("form", ["third", "progressive", "base"])
def test_plain_phrases_are_plain(form: str) -> None:
    subject = {"third": "a person", "progressive": "a person is", "base": "people"}[form]
    for plain in {words for rule in RULES for words in (rule.reads, rule.placed) if words and not rule.takes}:
        text = f"{subject} {inflect(plain, form)}".replace("is being ", "is ")
        assert in_plain_words(text) == text


def test_no_phrase_is_in_the_table_twice_or_cannot_be_found() -> None:
    says = [phrase for rule in RULES for phrase in rule.says]
    assert len(set(says)) == len(says)
    simple = [(rule, one) for rule in RULES for one in rule.says if re.fullmatch(r"\*[a-z]+(?: [a-z_]+)*", one)]
    assert len(simple) > 100
    for rule, phrase in simple:
        text = inflect(phrase.replace("_self", "herself").replace("_his", "her"), "third")
        text = f"a person {text} the ball" if rule.takes else f"a person {text}"
        assert in_plain_words(text) != text, phrase


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("trip", "trip trips tripping tripped"),
        ("crumple", "crumple crumples crumpling crumpled"),
        ("hurry", "hurry hurries hurrying hurried"),
        ("sway", "sway sways swaying swayed"),
        ("pass", "pass passes passing passed"),
        ("lie", "lie lies lying lay lain"),
        ("be", "be is being was were been"),
        ("go", "go goes going went gone"),
        ("plop", "plop plops plopping plopped"),
        ("boogie", "boogie boogies boogying boogied"),
    ],
)
def test_every_form_of_a_verb(verb: str, expected: str) -> None:
    assert [word for _, word in forms(verb)] == expected.split()


def test_the_model_reads_the_plain_words_and_the_motion_says_the_own_ones() -> None:
    generator = Generator.load(TOY, "cpu")

    def made(prompt: str, **given: object) -> tuple[np.ndarray, tuple[str, ...]]:
        motion = generator.generate(GenerationRequest((prompt,), seconds=1.0, steps=2, **given))  # type: ignore[arg-type]
        return motion.joints_m, motion.prompts

    plain, _ = made("a person falls to the floor")
    own, prompts = made("a person keels over")
    assert prompts == ("a person keels over",)
    np.testing.assert_array_equal(own, plain)
    assert not np.array_equal(made("a person keels over", plain=False)[0], plain)
    np.testing.assert_array_equal(made("a person falls to the floor", plain=False)[0], plain)


def test_who_is_staged_keeps_the_own_words_and_is_read_in_plain_ones(room: Room) -> None:
    generator = Generator.load(TOY, "cpu")
    request = GenerationRequest(("a person plops down on the chair",), scene=room.scene)
    plainly = generator.staged(GenerationRequest(("a person sits down on the chair",), scene=room.scene))
    found = generator.staged(request)
    assert found.prompts == request.prompts
    assert found.uses == plainly.uses != ()
    assert found.start_m == plainly.start_m
    assert staged(GenerationRequest(request.prompts, scene=room.scene), room, 5.95).uses == ()


def test_a_prompt_that_is_just_short_enough_stays_so() -> None:
    request = GenerationRequest(("a person trips | " * 117 + "a person swoons",), seconds=200.0)
    assert request.as_read is request


def test_words_that_are_read_as_others_are_known() -> None:
    generator = Generator.load(TOY, "cpu")
    assert generator.understands("a person swoons")
    assert not generator.understands("a person swoons", plain=False)


def test_a_run_says_how_a_prompt_is_read_where_that_differs(tmp_path: Path) -> None:
    def told(*more: object) -> str:
        arguments = ("--bundle", TOY, "--seconds", 1, "--steps", 2, "--no-preview", "--prompt", "a person keels over",
                     "--no-ways", "--out", tmp_path / "out")  # fmt: skip
        result = CliRunner().invoke(main, [str(value) for value in (*arguments, *more)])
        assert result.exit_code == 0, result.output
        return result.output

    assert "read as   a person falls to the floor" in told("--dry-run")
    assert "read as" not in told("--dry-run", "--no-plain")
    (person,) = json.loads(told("--dry-run", "--json"))["people"]
    assert person["prompt"] == "a person keels over"
    assert person["read_as"] == "a person falls to the floor"
    told()
    info = json.loads((tmp_path / "out" / "sample_000" / "run.json").read_text(encoding="utf-8"))
    assert info["request"]["prompts"] == ["a person keels over"]
    assert info["request"]["prompts_read_as"] == ["a person falls to the floor"]
    assert info["request"]["plain"] is True
