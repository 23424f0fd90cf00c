"""Who holds whom is read from prompts: who does something to another one, not to a thing, and not who is held."""

from __future__ import annotations

import pytest

from motion_runtime.who_holds import who_holds, who_wheels

HOLDS = (
    "a nurse helps a patient stand up",
    "a carer supports an elderly person who gets up",
    "A Nurse  is helping another person",
    "someone catches a falling man",
    "a person pulls her up",
    "a nurse holds the arm of the patient",
    "a nurse is holding him",
    "a person lifts the other up",
    "a nurse holds the other hand of the patient",
)
DOES_NOT = (
    "a patient stands up from a chair with the help of a nurse",
    "a patient is helped by a nurse",
    "a person holds a cup",
    "a person holds her cup",
    "a person raises the left arm",
    "a person lifts one foot and then lifts the other foot",
    "a person raises the other hand",
    "a nurse pushes a wheelchair",
    "a person stands beside another person",
    "a person walks forward",
)


@pytest.mark.parametrize("prompt", HOLDS)
def test_who_does_it_to_another_holds(prompt: str) -> None:
    assert who_holds((prompt, "a person sits"), ("person", "person")) == [True, False]
    assert who_holds(("a person sits", prompt), ("person", "person")) == [False, True]


@pytest.mark.parametrize("prompt", DOES_NOT)
def test_others_do_not(prompt: str) -> None:
    assert who_holds((prompt, "a person sits"), ("staff", "patient")) == [False, False]


def test_of_those_who_share_a_sentence_the_staff_holds_or_the_first() -> None:
    assert who_holds((HOLDS[0],) * 2, ("patient", "staff")) == [False, True]
    assert who_holds((HOLDS[0],) * 3, ("person",) * 3) == [True, False, False]
    assert who_holds((HOLDS[0], HOLDS[1]), ("person",) * 2) == [True, True]


def test_two_may_hold_each_other() -> None:
    assert who_holds(("two people hug each other",) * 2, ("person",) * 2) == [True, True]


def test_nobody_holds_who_is_alone() -> None:
    assert who_holds((HOLDS[0],), ("staff",)) == [False]


@pytest.mark.parametrize(
    "prompt",
    [
        "a nurse pushes a wheelchair",
        "a nurse is slowly pushing an old man in a wheelchair",
        "a carer steers the wheel-chair",
        "someone wheels a patient out of the room",
        "a nurse wheels her along",
    ],
)
def test_who_pushes_a_wheelchair(prompt: str) -> None:
    assert who_wheels((prompt, "a patient sits"), ("person", "person")) == [True, False]
    assert who_wheels((prompt,) * 2, ("patient", "staff")) == [False, True]
    assert who_wheels((prompt,) * 2, ("person", "person")) == [True, False]
    assert who_wheels((prompt,), ("staff",)) == [False]


@pytest.mark.parametrize(
    "prompt",
    [
        "a patient sits in a wheelchair that is pushed",
        "a patient is pushed in a wheelchair",
        "a patient wheels herself along",
        "a patient pushes himself along in a wheelchair",
        "a patient is pushing his own wheelchair",
        "a patient pushes the wheels of the wheelchair",
        "a patient pushes up from the wheelchair",
        "a nurse pushes an empty wheelchair",
        "a nurse wheels the trolley",
        "a nurse wheels the patient's bed",
        "a person stands at the wheel a minute",
        "a person pushes the door open and walks to the wheelchair",
        "a person moves in a wheelchair",
    ],
)
def test_others_push_nobody_in_a_wheelchair(prompt: str) -> None:
    assert who_wheels((prompt, "a person sits"), ("staff", "patient")) == [False, False]
