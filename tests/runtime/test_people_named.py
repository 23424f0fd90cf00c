"""The people of one sentence: who they are and what each of them does, and sentences that are about one alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from motion_runtime.cli import main
from motion_runtime.people_named import as_named, not_made, people_named, somebody_else

WHEELED = "a patient sits in a wheelchair that is pushed"
HELPS = "a nurse helps a patient stand up"
SEVERAL = (
    ("two people walk", ["a person walks"] * 2, "person person"),
    ("Three people walk, turn around and sit down together.", ["a person walks, turns around and sits down"] * 3,
     "person person person"),
    ("Two nurses are walking", ["a nurse is walking"] * 2, "staff staff"),
    ("two people slowly walked", ["a person slowly walked"] * 2, "person person"),
    ("four residents each sit on a chair", ["a resident sits on a chair"] * 4, "patient patient patient patient"),
    ("two elderly men carry boxes", ["an elderly man carries boxes"] * 2, "patient patient"),
    ("two people dance salsa together", ["two people dance salsa together"] * 2, "person person"),
    ("a nurse and a patient walk", ["a nurse walks", "a patient walks"], "staff patient"),
    ("A nurse walks with a patient.", ["a nurse walks", "a patient walks"], "staff patient"),
    ("a person walks beside another person", ["a person walks", "a person walks"], "person person"),
    ("a person walks and another sits down", ["a person walks", "a person sits down"], "person person"),
    ("someone waves and somebody else sits", ["someone waves", "someone sits"], "person person"),
    ("one person walks, the other person runs", ["one person walks", "a person runs"], "person person"),
    ("a person falls while a nurse watches", ["a person falls", "a nurse watches"], "person staff"),
    ("a man walks while a woman sits on the bed and another person waves",
     ["a man walks", "a woman sits on the bed", "a person waves"], "person person person"),
    ("a man walks to the bed while the other man waves", ["a man walks to the bed", "a man waves"], "person person"),
    ("a nurse waits while the person gets up", ["a nurse waits", "the person gets up"], "staff person"),
    ("two people walking", ["a person is walking"] * 2, "person person"),
    ("two people spring up", ["a person springs up"] * 2, "person person"),
    ("two people in a room walk", ["two people in a room walk"] * 2, "person person"),
    ("a person dances with a partner", ["a person dances with a partner"] * 2, "person person"),
    ("a nurse's aide walks with a patient", ["a nurse's aide walks", "a patient walks"], "staff patient"),
    ("a nurse lifts a patient", ["a nurse lifts a patient"] * 2, "staff patient"),
    (HELPS, [HELPS] * 2, "staff patient"),
    ("a person helps another stand up", ["a person helps another stand up"] * 2, "person person"),
    ("a patient stands up with the help of a nurse", [HELPS] * 2, "staff patient"),
    ("a patient stands up with a nurse", [HELPS] * 2, "staff patient"),
    ("a patient stands up beside a nurse", ["a patient stands up", "a nurse stands up"], "patient staff"),
    ("a nurse pushes a patient in a wheelchair", ["a nurse pushes a wheelchair", WHEELED], "staff patient"),
    # Some of them.
    ("two people walk and one of them falls", ["a person walks and falls", "a person walks"], "person person"),
    ("three residents stand, one of them falls", ["a resident stands and falls", *["a resident stands"] * 2],
     "patient patient patient"),
    ("two patients walk while one suddenly falls", ["a patient walks and suddenly falls", "a patient walks"],
     "patient patient"),
    ("two people walk, one person falls", ["a person walks and falls", "a person walks"], "person person"),
    ("two people walk but only one of them falls", ["a person walks and falls", "a person walks"], "person person"),
    ("two people walking, one of whom trips", ["a person is walking and trips", "a person is walking"],
     "person person"),
    ("two people walk, one of them falls and the other helps him up",
     ["a person walks and falls", "a person walks and helps him up"], "person person"),
    ("two people: the first sits, the second falls", ["a person sits", "a person falls"], "person person"),
    ("three people sit and two of them stand up", [*["a person sits and stands up"] * 2, "a person sits"],
     "person person person"),
    ("one of three residents falls while the others walk", ["a resident falls", *["a resident walks"] * 2],
     "patient patient patient"),
    ("there are two people, one falls", ["a person falls", "a person stands"], "person person"),
    ("a nurse and a patient walk and the patient falls", ["a nurse walks", "a patient walks and falls"],
     "staff patient"),
    ("two people walk and both of them fall", ["a person walks and falls"] * 2, "person person"),
    ("a nurse helps a patient stand up and the patient walks", [HELPS, "a patient walks"], "staff patient"),
    ("a nurse pushes a patient in a wheelchair and the patient falls",
     ["a nurse pushes a wheelchair", "a patient falls"], "staff patient"),
    # Several beside others.
    ("two nurses help a patient stand up", [HELPS] * 3, "staff staff patient"),
    ("two carers lift a patient from the floor", ["a carer lifts a patient from the floor"] * 3,
     "staff staff patient"),
    ("a nurse helps two patients stand up", [HELPS] * 3, "staff patient patient"),
    ("a nurse and a carer help a patient stand up", [HELPS, "a carer helps a patient stand up", HELPS],
     "staff staff patient"),
    ("a patient stands up with the help of two nurses", [HELPS] * 3, "staff staff patient"),
    ("two nurses and a patient walk", ["a nurse walks", "a nurse walks", "a patient walks"], "staff staff patient"),
    ("a nurse, a carer and a patient walk", ["a nurse walks", "a carer walks", "a patient walks"],
     "staff staff patient"),
    ("two people, a nurse and a patient, walk", ["a nurse walks", "a patient walks"], "staff patient"),
    ("a patient walks with two nurses", ["a patient walks", "a nurse walks", "a nurse walks"], "patient staff staff"),
    ("two carers push a patient in a wheelchair", [*["a carer pushes a wheelchair"] * 2, WHEELED],
     "staff staff patient"),
    ("two nurses watch while one of the patients falls", [*["a nurse watches"] * 2, "a patient falls"],
     "staff staff patient"),
    ("a patient falls while two other patients watch", ["a patient falls", *["a patient watches"] * 2],
     "patient patient patient"),
    ("a man waits for the nurse while a woman sits", ["a man waits for the nurse", "a woman sits"], "person person"),
    ("a couple of confused residents walk", ["a confused resident walks"] * 2, "patient patient"),
    ("five people walk", ["a person walks"] * 5, "person person person person person"),
)  # fmt: skip
ALONE = (
    "a person walks",
    "a person walks and sits down",
    "a person walks to the bed and a chair",
    "a person walks with a stick",
    "a person sits with crossed legs",
    "a nurse carries a tray",
    "a nurse pushes a wheelchair",
    "two steps forward",
    "a person lifts their arms and a leg",
    "a person helps",
    "a person walks forward, then the person turns around",
    "a man walks to the door and the man sits down",
    "a person stands up, the man walks on",
    "the patient gets up and the elderly patient walks",
    "a person puts one hand next to another",
    "a person takes a step and another follows",
    "a person walks beside another chair",
    "a person sits next to the patient bed",
    "a person stands next to the nurse station and waves",
    "a patient stands up with the help of a patient lift",
    "a nurse walks with a patient chart",
    "a person walks with a child's gait",
    "a person walks with someone's bag",
    "a person walks as a nurse does",
    "a person walks as slowly as a child walks",
    "a person acts like a nurse and helps a patient",
    "a person pretends to help a patient",
    "a person walks next to someone who falls",
    "",
)


@pytest.mark.parametrize(("sentence", "each", "classes"), SEVERAL)
def test_everybody_gets_a_sentence_and_a_class(sentence: str, each: list[str], classes: str) -> None:
    assert people_named([sentence], []) == (tuple(each), tuple(classes.split()))


@pytest.mark.parametrize("sentence", ALONE)
def test_sentences_about_one_stay_as_they_are(sentence: str) -> None:
    prompts, classes = people_named([sentence], [])
    assert prompts == (sentence,)
    assert len(classes) == 1


@pytest.mark.parametrize(
    ("prompt", "person_class"),
    [
        ("a patient falls", "patient"),
        ("The nurse walks.", "staff"),
        ("nurse walks", "staff"),
        ("an elderly man falls", "patient"),
        ("4s: a rather confused resident walks | 3s: he falls", "patient"),
        ("in the kitchen a patient falls", "patient"),
        ("suddenly, a member of staff falls", "staff"),
        ("one of the residents falls", "patient"),
        ("nurses walk", "staff"),
        ("an old woman falls", "person"),
        ("a person walks to the nurse", "person"),
        ("walks to the nurse", "person"),
        ("a person in a nurse's uniform walks", "person"),
        ("the patient bed rolls", "person"),
    ],
)
def test_who_is_alone_has_the_class_of_the_noun(prompt: str, person_class: str) -> None:
    assert people_named([prompt], []) == ((prompt,), (person_class,))
    assert people_named([prompt], ["staff"]) == ((prompt,), ("staff",))


def test_each_of_several_prompts_has_the_class_of_its_noun() -> None:
    prompts = ("a nurse walks", "a patient falls", "someone waves")
    assert people_named(prompts, []) == (prompts, ("staff", "patient", "person"))


@pytest.mark.parametrize(
    ("prompts", "classes"), [(["two people walk"], ["person"]), (["two people walk", "a person sits"], ["person"] * 2),
                             ([], [])]
)
def test_who_says_how_many_there_are_is_believed(prompts: list[str], classes: list[str]) -> None:
    assert people_named(prompts, classes) == (tuple(prompts), tuple(classes))


@pytest.mark.parametrize(
    ("prompt", "each", "classes"),
    [
        ("two people walk | they sit down", ["a person walks | a person sits down"] * 2, "person person"),
        ("2 people walk | 3s: then they sit down | 2.5s: both of them wave",
         ["a person walks | 3s: a person sits down | 2.5s: a person waves"] * 2, "person person"),
        ("A nurse and a patient walk. | 3s: They are turning around.",
         ["a nurse walks | 3s: a nurse is turning around", "a patient walks | 3s: a patient is turning around"],
         "staff patient"),
        ("3s: a nurse helps a patient stand up | they walk",
         ["3s: a nurse helps a patient stand up | a nurse walks",
          "3s: a nurse helps a patient stand up | a patient walks"], "staff patient"),
        ("three people walk | they dance together", ["a person walks | three people dance together"] * 3,
         "person person person"),
        ("a nurse and a patient walk | the nurse watches while the patient falls",
         ["a nurse walks | the nurse watches", "a patient walks | the patient falls"], "staff patient"),
        ("a man walks while a woman sits | they stand up", ["a man walks | a man stands up",
         "a woman sits | a woman stands up"], "person person"),
        ("two people walk | 3s: one of them falls", ["a person walks | 3s: a person falls",
         "a person walks | 3s: a person walks"], "person person"),
        ("two people walk | they turn around and one of them falls",
         ["a person walks | a person turns around and falls", "a person walks | a person turns around"],
         "person person"),
        ("a nurse and a patient walk | the patient falls while the nurse watches",
         ["a nurse walks | a nurse watches", "a patient walks | a patient falls"], "staff patient"),
    ],
)  # fmt: skip
def test_people_of_a_first_part_do_what_follows(prompt: str, each: list[str], classes: str) -> None:
    assert people_named([prompt], []) == (tuple(each), tuple(classes.split()))


@pytest.mark.parametrize(
    "prompt",
    [
        "two people walk | a person sits down", "two people walk | three people sit down", "a person walks | they sit",
        "two people walk | both hands up", "two people walk | the visitor sits down",
        "two people walk | the other sits", "two people walk | they don't sit",
    ],
)  # fmt: skip
def test_parts_that_name_others_or_fewer_are_left_alone_and_that_is_said(prompt: str) -> None:
    assert people_named([prompt], [])[0] == (prompt,)
    assert bool(not_made([prompt], 1)) == (not prompt.startswith("a person"))
    assert not_made([prompt], 2) == []


def test_it_is_said_whom_a_sentence_named() -> None:
    said = as_named(*people_named(["a nurse and a patient walk"], []))
    assert said.startswith("2 people, as the prompt names them (staff: a nurse walks; patient: a patient walks)")
    assert "(2 x person: a person walks; staff: a nurse sits)" in as_named(
        *people_named(["two people walk while a nurse sits"], [])
    )


@pytest.mark.parametrize(
    ("sentence", "other"),
    [
        ("a person pushes another person", "another person"),
        ("A person talks to a nurse", "a nurse"),
        ("a person runs like a child", ""),
        ("a person walks, then the person sits down", ""),
        ("a person puts one foot in front of another", ""),
        ("a nurse walks to the bed, then the nurse waves to a patient", "a patient"),
        ("a person walks", ""),
        ("walks forward", ""),
        ("a nurse watches two patients walk", "two patients"),
    ],
)
def test_who_else_is_named_is_found(sentence: str, other: str) -> None:
    assert somebody_else([sentence]) == other


def test_commands_say_whom_they_do_not_make(tmp_path: Path) -> None:
    prompt = "a person pushes another person"
    jobs = tmp_path / "jobs.csv"
    jobs.write_text(f"name,prompt\none,{prompt}\ntwo,a person walks\n", encoding="utf-8")
    for asked, line in ((["--prompt", prompt], ""), (["--jobs", str(jobs)], "line 2: ")):
        result = CliRunner().invoke(main, [*asked, "--out", str(tmp_path / "x"), "--dry-run"])
        assert result.exit_code == 0, result.output
        assert result.stderr.count("who is not made") == 1
        assert f"warning: {line}the prompt names 'another person' too" in result.stderr


@pytest.mark.parametrize(
    ("prompt", "warned"),
    [
        ("a person walks forward | 4s: a person sits down", False),
        ("a patient falls | a patient lies on the floor", False),
        ("a nurse walks | a patient falls", True),
        ("a person walks | another person waves", True),
        ("a person walks | a person walks towards another person", True),
    ],
)
def test_who_is_named_in_every_part_is_one(prompt: str, warned: bool) -> None:
    assert bool(not_made([prompt], 1)) == warned


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("a crowd walks", "a crowd"),
        ("several residents dance", "several residents"),
        ("the residents walk", "the residents"),
        ("Everybody falls", "everybody"),
        ("3s: people walk | they sit", "people"),
        ("five people", "five people"),
        ("a person walks in a crowd", ""),
        ("two people walk", ""),
        ("both hands go up", ""),
    ],
)
def test_a_crowd_is_one_person_and_that_is_said(prompt: str, shown: str) -> None:
    said = not_made([prompt], 1)
    assert [line.split("'")[1] for line in said] == [shown] * bool(shown)
    assert not_made([prompt], 2) == []


def test_who_cannot_be_told_apart_is_said() -> None:
    prompt = "two people walk as one of them falls over"
    told, classes = people_named([prompt], ["person", "person"])
    assert not_made(told, len(classes)) == [
        "'one of them' is read as all of them, who are told the same; give a prompt for each"
    ]


def test_more_people_than_a_model_knows_are_refused_as_if_they_were_given(tmp_path: Path) -> None:
    said = []
    for asked in (["--prompt", "five people walk"], ["--prompt", "a person walks", *["--person", "person"] * 5]):
        result = CliRunner().invoke(main, [*asked, "--out", str(tmp_path / "x"), "--dry-run", "--quiet"])
        assert result.exit_code == 4
        said.append(result.stderr)
    assert said[0] == said[1]
    assert "expected at most 4 persons" in said[0]
