"""How far and how much, where a prompt says so: 'walks three metres', 'turns left by 90 degrees', 'turns right'.

A text embedding keeps little of numbers, so they are read from the words themselves, and `editing/as_told` has the
motion keep to them. Only what is said plainly is read: one way, one turn, of the body as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

MOST_M: Final = 50.0
MOST_DEG: Final = 720.0
"""What is said beyond these is taken for something else."""
_WORDS: Final = {
    word: float(number)
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), 1
    )
} | {"a": 1.0, "half a": 0.5, "one and a half": 1.5, "two and a half": 2.5}
_NUMBER: Final = rf"(\d+(?:\.\d+)?|{'|'.join(sorted(_WORDS, key=len, reverse=True))})"
_NOT: Final = r"(?<!\bnot )(?<!n't )(?<!\bnever )(?<!\bwithout )"
_WAY: Final = re.compile(
    rf"{_NOT}\b(?:(?:walk|step|run|jog|stroll|march|sprint|strid|shuffl|limp|hurr)\w*|go(?:es|ing)?"
    r"|mov(?:es?|ing)(?! (?:the|his|her|their)\b))"
    r"(?: (?!and\b|or\b|then\b|to\b|towards?\b|from\b|up\b|down\b|within\b|until\b|circles?\b)[\w-]+){0,4}?"
    # Who steps over 'a 20 cm box' does not go 20 cm, nor who walks twenty five metres five.
    rf"(?<! a)(?<! an)(?<!ty)(?<!hundred) {_NUMBER} ?(m|metres?|meters?|cm|centimetres?|centimeters?)\b"
    r"(?! ?/| (?:per|an?|each|every) ?(?:second|minute|hour)"
    r"| (?:high|tall|wide|deep|long|thick|away|apart|behind|above|below|off|of|from|into|in front|before|short)\b)"
)
_SIDE: Final = (
    r"(?: (?:by|of|through|about|around|round|in|on|an?|the|towards?|to|his|her|their|left|right|direction"
    r"|(?:(?:anti|counter)[ -]?)?clockwise))*"
)
_TURN: Final = re.compile(
    rf"{_NOT}\b(?:turn|rotat|spin|pivot)\w*(?: (?:him|her|them)sel(?:f|ves))?({_SIDE}) "
    rf"(\d+(?:\.\d+)?)[ -]?deg(?:rees?)?({_SIDE})"
)
_TURNS: Final = re.compile(
    rf"{_NOT}\bturn(?:s|ing)? (?:to (?:the|his|her|their) )?(left|right)"
    r"(?! (?:hand|arm|leg|foot|side|over|onto|away|page|a?round|several|twice|again|a bit)\b)"
)
_ROUND: Final = re.compile(
    rf"{_NOT}\bturn(?:s|ing)?(?: (?:him|her|them)sel(?:f|ves))?(?: right| half ?way)?"
    r" (?:a?round|about|back(?! (?:to|towards?)\b))\b"
    r"(?! (?:the|an?|his|her|their|its|\d|\w+ (?:times|corners?)|and (?:a?round|forth|fro|back)|or|in (?:a )?circles?"
    rf"|several|many|once|twice|thrice|again|on(?! the spot))\b)({_SIDE})"
)
"""Who turns round by themselves, and not round something, nor something round."""
_ROUND_DEG, _NEARLY_DEG = 180.0, 20.0
"""By how much, and by how much more or less."""
_DOWN: Final = re.compile(r"\b(?:fall|faint|collaps|trip|slip|stumbl|crawl|roll)\w*\b")
"""Of who ends on the floor nobody says by how much they turned."""
_TO_AND_FRO: Final = re.compile(
    r"\b(?:left|right|deg(?:rees?)?)(?:,| and| or| then)+(?: (?:turn(?:s|ing)?|to|the|his|her|their|by))*"
    r" (?:(?:left|right|back)\b|\d+(?:\.\d+)?[ -]?deg)"
)
"""Several turns, of which only one may be named by the verb."""
_OTHERWISE: Final = re.compile(
    r"\b(?:l(?:ies?|ying|aid|ay)|bed|mattress|rolls?|rolling|head|slightly|partly|partially|a bit|a little)\b"
)
"""Who lies turns over, heads turn by themselves, and what is slight is none of these."""
_LEAST_DEG, _MOST_DEG = 65.0, 135.0
"""'Turns left': what captions call so."""


@dataclass(frozen=True)
class Amounts:
    """What a sentence says of a motion as a whole."""

    way_m: float | None = None
    """Length of the way, metres."""
    turn_rad: tuple[float, float] | None = None
    """By how much somebody turns in all, at least and at most, counter-clockwise, radians."""
    either_side: bool = False
    """Whether it may as well be the other way round."""
    goes_on: bool = False
    """Whether there is time left afterwards to go the rest of the way."""

    def left(self, gone_m: float, turned_rad: float, *, goes_on: bool) -> Amounts:
        """What is left of it for those who have gone and turned so much; `goes_on`, they will have time for more."""
        turn = self.turn_rad
        if turn is not None and self.either_side and turned_rad < 0:
            turn = -turn[1], -turn[0]
        return Amounts(
            None if self.way_m is None else max(self.way_m - gone_m, 0.0),
            None if turn is None else (turn[0] - turned_rad, turn[1] - turned_rad),
            self.either_side and turned_rad == 0.0,
            goes_on,
        )


def amounts_of(text: str) -> Amounts | None:
    """Read a sentence; None where it says no amount, or more than one of a kind."""
    words = " ".join(text.lower().replace("\N{DEGREE SIGN}", " degrees ").split())
    words = re.sub(r"(\d),(\d{1,2})\b", r"\1.\2", words)  # three digits are thousands
    ways, turns = list(_WAY.finditer(words)), list(_TURN.finditer(words))
    way = _metres(*ways[0].groups()) if len(ways) == 1 else None
    several = _TO_AND_FRO.search(words) is not None
    # Who turns by degrees 'and turns around' turns twice, but who 'turns around by 180 degrees' does not.
    inside = [any(turn.start() <= found.start() < turn.end() for turn in turns) for found in _ROUND.finditer(words)]
    several = several or (bool(turns) and not all(inside))
    turn, either = _radians(*turns[0].groups()) if len(turns) == 1 and not several else (None, False)
    if not turns and not several and not _OTHERWISE.search(words):
        turn, either = _in_words(words)
    if way is None and turn is None:
        return None
    return Amounts(way, turn, either)


def _in_words(words: str) -> tuple[tuple[float, float] | None, bool]:
    """The turn that is said without degrees, and whether it may go either way; None where there are several."""
    sides, rounds = _TURNS.findall(words), _ROUND.findall(words)
    if len(sides) + len(rounds) != 1 or (rounds and _DOWN.search(words)):
        return None, False
    if sides:
        return _roughly(sides[0]), False
    turn, either = _radians("", str(_ROUND_DEG), rounds[0])
    nearly = float(np.radians(_NEARLY_DEG))
    return (None, False) if turn is None else ((turn[0] - nearly, turn[1] + nearly), either)


def _metres(number: str, unit: str) -> float | None:
    value = _value(number) * (0.01 if unit.startswith("c") else 1.0)
    return value if 0 < value <= MOST_M else None


def _roughly(side: str) -> tuple[float, float]:
    least, most = float(np.radians(_LEAST_DEG)), float(np.radians(_MOST_DEG))
    return (least, most) if side == "left" else (-most, -least)


def _radians(before: str, degrees: str, after: str) -> tuple[tuple[float, float] | None, bool]:
    value, said = float(degrees), f"{before} {after}"
    left = bool(re.search(r"\bleft\b|(?:anti|counter)[ -]?clockwise", said))
    right = bool(re.search(r"\bright\b|\bclockwise", re.sub(r"(?:anti|counter)[ -]?clockwise", "", said)))
    if (left and right) or not 0 < value <= MOST_DEG:
        return None, False
    turn = float(np.radians(-value if right else value))
    return (turn, turn), not (left or right)


def _value(number: str) -> float:
    return _WORDS.get(number) or float(number)
