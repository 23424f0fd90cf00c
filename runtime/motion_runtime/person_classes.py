"""Names that people give to a person's class, and the class that is meant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from motion_preprocessing.errors import InputError

UNKNOWN_ROW: Final = 0
"""Of the class table: a place for data without classes, nothing to ask for."""
_MEANT: Final = {
    **dict.fromkeys(
        ("nurse", "doctor", "carer", "caregiver", "aide", "assistant", "helper", "therapist", "physiotherapist",
         "physician", "surgeon", "paramedic", "medic", "orderly", "porter", "employee", "worker"), "staff"
    ),
    **dict.fromkeys(("resident", "senior", "elder", "elderly"), "patient"),
    **dict.fromkeys(
        ("human", "man", "woman", "adult", "child", "boy", "girl", "visitor", "guest", "relative", "people", "someone",
         "somebody", "anybody", "persons"), "person"
    ),
}  # fmt: skip


def no_such_class(name: str, table: Sequence[str]) -> InputError:
    """What is said of a class that a model does not have, and which one is meant as far as the name tells.

    Args:
        name: As it was given.
        table: The model's classes, row 0 that of the unknown.
    """
    known = [known for row, known in enumerate(table) if row != UNKNOWN_ROW]
    word = name.strip().lower()
    one = word.removesuffix("s")
    meant = next((each for each in (word, one, _MEANT.get(word), _MEANT.get(one)) if each in known), None)
    several = re.findall(r"\w+", word)
    if meant in (word, one):
        todo = f"write '{meant}'"
    elif meant is not None:
        todo = f"write '{meant}', which '{word}' is"
    elif len(several) > 1 and all(each in known for each in several):
        todo = "give one a person, as in --person staff --person patient"
    else:
        todo = "choose one of these"
    return InputError(f"expected one of {', '.join(known)}, got '{name:.40}' for the class of a person; {todo}")


def class_named(who: str) -> str:
    """The class of somebody by the words for them: 'a nurse' is staff, 'an elderly man' a patient, else 'person'."""
    words = (word.removesuffix("s") for word in re.findall(r"[a-z]+", who.lower()))
    meant = [_MEANT.get(word, word) for word in words]
    return next((one for one in reversed(meant) if one in ("staff", "patient")), "person")
