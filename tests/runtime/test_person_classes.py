"""What is said of a person's class that the model does not have."""

from __future__ import annotations

import pytest

from motion_runtime.person_classes import class_named, no_such_class

TABLE = ("unknown", "person", "staff", "patient")


@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("nurse", "write 'staff', which 'nurse' is"),
        ("Nurses", "write 'staff', which 'nurses' is"),
        ("resident", "write 'patient', which 'resident' is"),
        ("woman", "write 'person', which 'woman' is"),
        ("Patients", "write 'patient'"),
        ("STAFF", "write 'staff'"),
        ("staff,patient", "give one a person, as in --person staff --person patient"),
        ("cat", "choose one of these"),
        ("", "choose one of these"),
    ],
)
def test_the_class_that_is_meant_is_named(name: str, todo: str) -> None:
    said = str(no_such_class(name, TABLE))
    assert said.startswith(f"expected one of person, staff, patient, got '{name}' for the class of a person; {todo}")


def test_only_what_the_model_has_is_offered() -> None:
    said = str(no_such_class("nurse", ("unknown", "person")))
    assert said == "expected one of person, got 'nurse' for the class of a person; choose one of these"


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("a nurse", "staff"), ("nurses", "staff"), ("an elderly man", "patient"), ("old residents", "patient"),
        ("patients", "patient"), ("a woman", "person"), ("", "person"),
    ],
)  # fmt: skip
def test_the_class_of_somebody_is_told_by_the_noun(who: str, expected: str) -> None:
    assert class_named(who) == expected
