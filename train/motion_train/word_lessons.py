"""Sentences in words that no caption has, each beside the same sentence in words that a tower knows.

A denoiser lives with what its text tower says. So a tower that learns more words must go on saying the same of the
sentences it knows: a lesson is a sentence `said` and a sentence `meant`, and what the tower of before says of `meant`
is what the new one is to say of `said`. Captions stand for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from motion_preprocessing.captions import inflect
from motion_runtime.verb_forms import PAST, forms
from motion_train.motion_words import MANNERS, OTHERS, PLACES, PLAIN, VERBS
from motion_train.paraphrase import drop_words, paraphrase

_VERB: Final = re.compile(r"\*([a-z]+(?:-[a-z]+)?)")
_OWN_SHARE: Final = 0.4
"""Share of the lessons in which a sentence stands for itself: what is known already is what must not be lost."""
_HOW: Final = tuple(manner for manner in MANNERS if manner)
_WHERE: Final = tuple(place for place in PLACES if place)
_WHO: Final = (
    *PLAIN[0], "an old lady", "an elderly man", "grandma", "the nurse", "a nurse", "a carer", "my grandfather",
    "the old man", "an elderly resident", "they", "a pensioner", "a lady", "the lady", "a boy", "a girl",
)  # fmt: skip
_FALLS: Final = {"*trip": "*trip and *fall", "*slip": "*slip and *fall", "*faint": "*faint and *fall",
                 "*lose balance": "*lose balance and *fall to the floor"}  # fmt: skip
"""What the data show of these ends on the floor, and captions say so."""


@dataclass(frozen=True)
class Lesson:
    """A sentence and what it is to be understood as."""

    said: str
    meant: str


class Lessons:
    """Draws lessons: `draw(rng)`."""

    def __init__(self, captions: Sequence[str], verbs: Mapping[str, str]) -> None:
        """Say what there is to draw from.

        Args:
            captions: Of the training; they stand for themselves, also in other words.
            verbs: Further verb phrases such as '*amble', and the phrase that each is understood as.
        """
        self._captions = captions
        known = {phrase: group[0] for group in VERBS for phrase in group}
        # What training sets in for one another knows better than a dictionary: 'hobble' is to limp, not any walk.
        meant = {**verbs, **known}
        self._phrases = [(phrase, _FALLS.get(plain, plain)) for phrase, plain in sorted(meant.items())]
        # As many of the one as of the other, however long the dictionary is.
        further = sum(phrase not in known for phrase, _ in self._phrases)
        weights = [1 / further if phrase not in known else 1 / len(known) for phrase, _ in self._phrases]
        self._weights = np.array(weights) / sum(weights)

    def draw(self, rng: np.random.Generator) -> Lesson:
        """Draw one."""
        chance = rng.random()
        if chance < _OWN_SHARE:
            caption = self._captions[int(rng.integers(len(self._captions)))]
            return Lesson(caption, caption)
        if chance < _OWN_SHARE + 0.1:  # what no motion shows means itself, whoever does it and in whatever tense
            other = OTHERS[int(rng.integers(len(OTHERS)))]
            return self.sentence(rng, (other, other))
        if chance < _OWN_SHARE + 0.2:
            caption = self._captions[int(rng.integers(len(self._captions)))]
            return Lesson(drop_words(paraphrase(caption, rng), rng), caption)
        return self.sentence(rng)

    def sentence(self, rng: np.random.Generator, phrase: tuple[str, str] | None = None) -> Lesson:
        """Draw a sentence about somebody who does something, in one of the forms in which people tell it.

        Args:
            rng: Draws.
            phrase: A verb phrase and what it is understood as; None draws them.
        """
        if phrase is None:
            phrase = self._phrases[int(rng.choice(len(self._phrases), p=self._weights))]
        who = _WHO[int(rng.integers(len(_WHO)))]
        how = _HOW[int(rng.integers(len(_HOW)))] if rng.random() < 0.3 else ""
        where = _WHERE[int(rng.integers(len(_WHERE)))] if rng.random() < 0.2 else ""
        said, meant = _told(phrase[0], who, rng), f"a person {inflect(phrase[1], 'third')}"
        ends = [how, where]
        if rng.random() < 0.25:
            second = self._phrases[int(rng.choice(len(self._phrases), p=self._weights))]
            join = str(rng.choice(("and", ", then", "and then")))
            # Told in the past, what comes after is in the past too.
            form = "past" if " was " in f" {said} " or said.startswith(f"{who} {_past(phrase[0])}") else "third"
            ends += [join, _past(second[0]) if form == "past" else inflect(second[0], "third")]
            meant_ends = [how, where, join, inflect(second[1], "third")]
        else:
            meant_ends = ends
        return Lesson(_joined(said, *ends), _joined(meant, *meant_ends))


def _told(phrase: str, who: str, rng: np.random.Generator) -> str:
    """A verb phrase of somebody, in the present, in the past or as an order."""
    plural = who == "they"
    chance = rng.random()
    if chance < 0.45:
        return f"{who} {inflect(phrase, 'base' if plural else 'third')}"
    if chance < 0.65:
        return f"{who} {'are' if plural else 'is'} {inflect(phrase, 'progressive')}"
    if chance < 0.85:
        return f"{who} {_past(phrase)}"
    if chance < 0.92:
        return f"{who} {'were' if plural else 'was'} {inflect(phrase, 'progressive')}"
    return inflect(phrase, "base")


def _past(phrase: str) -> str:
    return _VERB.sub(lambda match: next(form for name, form in forms(match.group(1)) if name == PAST), phrase)


def _joined(*words: str) -> str:
    return " ".join(" ".join(words).split()).replace(" ,", ",")
