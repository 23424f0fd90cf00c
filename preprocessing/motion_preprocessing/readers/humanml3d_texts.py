"""HumanML3D's text files: a line an annotation, `caption#word/TAG word/TAG ...#start#end`, times in seconds.

Start and end of 0.0 mean the whole take, as does a time that is 'nan'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from motion_preprocessing.errors import InputError
from motion_preprocessing.readers.files import read_lines


@dataclass(frozen=True)
class Annotation:
    """What one line says."""

    caption: str
    """The sentence."""
    start_s: float
    """Where the part begins that it speaks of."""
    end_s: float
    """Where that part ends; 0 with a start of 0 for the whole take."""

    @property
    def span(self) -> tuple[float, float] | None:
        """The part it speaks of, None for the whole take."""
        return None if self.start_s == 0 and self.end_s == 0 else (self.start_s, self.end_s)


def read_annotations(path: Path) -> list[Annotation]:
    """Read the lines of a take's text file.

    Raises:
        InputError: The file is missing or empty, or a line is not of the form above.
    """
    annotations = []
    for number, line in enumerate(read_lines(path, "a text file"), start=1):
        # Captions may hold a '#', the three fields after them never do.
        parts = line.rsplit("#", 3)
        try:
            caption, _, *times = parts
            start, end = (0.0 if math.isnan(value := float(time)) else value for time in times)
        except ValueError:
            raise InputError(
                f"expected caption#tokens#start#end, got '{line[:60]}' for line {number} of {path}; mend the line"
            ) from None
        if not (math.isfinite(start) and math.isfinite(end)):
            raise InputError(f"expected finite times, got {start} to {end} for line {number} of {path}; mend the line")
        caption = " ".join(caption.split())
        if caption:
            annotations.append(Annotation(caption, start, end))
    if not annotations:
        raise InputError(f"expected at least one caption, got none for {path}; leave the take out")
    return annotations


def by_span(annotations: Sequence[Annotation]) -> dict[tuple[float, float] | None, tuple[str, ...]]:
    """Group captions by the part of the take that they speak of; None is the whole."""
    groups: dict[tuple[float, float] | None, list[str]] = {}
    for annotation in annotations:
        captions = groups.setdefault(annotation.span, [])
        if annotation.caption not in captions:
            captions.append(annotation.caption)
    return {span: tuple(captions) for span, captions in groups.items()}
