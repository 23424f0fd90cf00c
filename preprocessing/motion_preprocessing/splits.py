"""Which sequences train and which are kept back: by subject, from the committed `splits.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Splits:
    """Who is kept out of training; everybody else trains."""

    validation: frozenset[str]
    """Subjects of the validation split."""
    test: frozenset[str]
    """Subjects of the test split."""
    falls_validation: frozenset[int]
    """Falls without a source capture, by their index."""
    falls_test: frozenset[int]
    """The same for the test split."""

    def of_subject(self, subject: str) -> str:
        """Return the split of a captured person."""
        return "test" if subject in self.test else "validation" if subject in self.validation else "train"

    def of_fall(self, index: int, source: str) -> str:
        """Return the split of a simulated fall, so that no fall starts in another split's capture."""
        if source:
            return self.of_subject(PurePosixPath(source).parent.name)
        return "test" if index in self.falls_test else "validation" if index in self.falls_validation else "train"


def load_splits() -> Splits:
    """Read the committed table."""
    table = json.loads(files("motion_preprocessing").joinpath("splits.json").read_text(encoding="utf-8"))
    return Splits(
        frozenset(table["validation"]),
        frozenset(table["test"]),
        frozenset(table["falls_validation"]),
        frozenset(table["falls_test"]),
    )
