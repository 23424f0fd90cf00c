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
    meant = next((one for one in (word, word.removesuffix("s"), _MEANT.get(word), _MEANT.get(word.removesuffix("s")))
                  if one in known), None)  # fmt: skip
    todo = "choose one of these" if meant is None else f"write '{meant}'"
    if meant is None and len(words := re.findall(r"\w+", word)) > 1 and all(one in known for one in words):
        todo = "give one a person, as in --person staff --person patient"
    if meant is not None and meant not in (word, word.removesuffix("s")):
        todo += f", which '{word}' is"
    return InputError(f"expected one of {', '.join(known)}, got '{name:.40}' for the class of a person; {todo}")
