"""A prompt that changes over time: 'a person walks | 4s: a person sits down | stands up'.

Parts are separated by '|' and follow each other. A part may begin with its length in seconds, '4s:'; the parts without
one share what is left of the motion's length equally. Where every part has a length, their sum is the motion's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from motion_preprocessing.errors import InputError

LEAST_PART_S: Final = 1.0
"""Shorter parts show nothing of what they ask for."""
LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)\s*s\s*:\s*", re.IGNORECASE)
"""What a part of a given length begins with."""


@dataclass(frozen=True)
class Part:
    """What one person does for a while."""

    text: str
    """The sentence."""
    seconds: float | None
    """How long; None = what is left."""


@dataclass(frozen=True)
class Timeline:
    """What one person does, part after part."""

    parts: tuple[Part, ...]
    """At least one."""

    @classmethod
    def parse(cls, prompt: str) -> Timeline:
        """Read a prompt; one without '|' and length is a single part.

        Raises:
            InputError: A part is empty or too short.
        """
        parts: list[Part] = []
        for piece in prompt.split("|"):
            text = piece.strip()
            length = LENGTH.match(text)
            if length:
                text = text[length.end() :]
            if not text.strip() and "|" in prompt:
                raise InputError(
                    f"expected words in every part, got none in part {len(parts) + 1} of '{prompt:.60}' for the "
                    "prompt; write 'a person walks | a person sits down'"
                )
            seconds = float(length[1]) if length else None
            if seconds is not None and not LEAST_PART_S <= seconds <= 3600:
                raise InputError(
                    f"expected parts of {LEAST_PART_S:g} s to an hour, got {seconds:g} s in '{prompt:.60}' for the "
                    "prompt; make the part longer"
                )
            parts.append(Part(text.strip(), seconds))
        return cls(tuple(parts))

    @property
    def seconds(self) -> float | None:
        """Length of all parts; None where a part is open."""
        lengths = [part.seconds for part in self.parts]
        return None if None in lengths else float(sum(length for length in lengths if length is not None))

    def starts(self, seconds: float) -> list[float]:
        """When each part begins in a motion of a length; the last part goes on to its end.

        Raises:
            InputError: The parts do not fit.
        """
        fixed = sum(part.seconds or 0.0 for part in self.parts)
        open_parts = sum(part.seconds is None for part in self.parts)
        share = (seconds - fixed) / open_parts if open_parts else 0.0
        # A single part is as long as the motion, however short that is.
        if len(self.parts) > 1 and open_parts and share < LEAST_PART_S - 1e-9:
            raise InputError(
                f"expected at least {LEAST_PART_S:g} s for each of {len(self.parts)} parts, got {seconds:g} s in all "
                "for the prompt; ask for more --seconds"
            )
        starts, now = [], 0.0
        for part in self.parts:
            starts.append(now)
            now += share if part.seconds is None else part.seconds
        if starts[-1] > seconds - LEAST_PART_S + 1e-9 and len(self.parts) > 1:
            raise InputError(
                f"expected parts within {seconds:g} s, got the last one from {starts[-1]:g} s on for the prompt; "
                "ask for more --seconds"
            )
        return starts

    def first_frames(self, seconds: float, fps: float) -> list[int]:
        """The frames at which the parts of a motion of a length begin; errors of `starts`."""
        return [round(start * fps) for start in self.starts(seconds)]


def motion_seconds(timelines: Sequence[Timeline], seconds: float) -> float:
    """Length of a motion: that of the longest prompt whose parts all have a length, else what was asked for."""
    lengths = [length for timeline in timelines if (length := timeline.seconds) is not None]
    return max(lengths, default=seconds)


def part_at(firsts: Sequence[int], frame: int) -> int:
    """Which of the parts that begin at some frames is on at a frame."""
    return max(i for i, first in enumerate(firsts) if first <= frame)
