"""Sentences in words that no caption has, each beside the same sentence in words that a tower knows.

A denoiser lives with what its text tower says. So a tower that learns more words must go on saying the same of the
sentences it knows: a lesson is a sentence `said` and a sentence `meant`, and what the tower of before says of `meant`
is what the new one is to say of `said`. Captions stand for themselves, and so does every phrase that captions have.
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
"""Share of the lessons in which a caption stands for itself: what is known already is what must not be lost."""
_OTHER_SHARE: Final = 0.1
"""Of things that no motion shows: they mean themselves, whoever does them and in whatever tense."""
_WORDED_SHARE: Final = 0.1
"""Of captions in other words."""
_HOW: Final = tuple(manner for manner in MANNERS if manner)
_WHERE: Final = tuple(place for place in PLACES if place)
_THEY: Final = "they"
_WHO: Final = (
    *PLAIN[0], "an old lady", "an elderly man", "grandma", "my grandfather", "the old man", "an elderly resident",
    "a pensioner", "a lady", "the lady", "a boy", "a girl", _THEY,
)  # fmt: skip
"""Who is no more than a person to the model; nurses and carers are more."""
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
        known = understood_as(captions)
        # What training sets in for one another knows better than a dictionary: 'hobble' is to limp, not any walk.
        self._phrases = sorted({**verbs, **known}.items())
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
        if chance < _OWN_SHARE + _OTHER_SHARE:
            other = OTHERS[int(rng.integers(len(OTHERS)))]
            return self.sentence(rng, (other, other))
        if chance < _OWN_SHARE + _OTHER_SHARE + _WORDED_SHARE:
            caption = self._captions[int(rng.integers(len(self._captions)))]
            return Lesson(drop_words(paraphrase(caption, rng), rng), caption)
        return self.sentence(rng)

    def sentence(self, rng: np.random.Generator, phrase: tuple[str, str] | None = None) -> Lesson:
        """Draw a sentence about somebody who does something, in one of the forms in which people tell it.

        Args:
            rng: Draws.
            phrase: A verb phrase and what it is understood as; None draws them.
        """
        said, meant = self._phrase(rng) if phrase is None else phrase
        who = _WHO[int(rng.integers(len(_WHO)))]
        told, form = _told(said, who, rng)
        ends = [
            _HOW[int(rng.integers(len(_HOW)))] if rng.random() < 0.3 else "",
            _WHERE[int(rng.integers(len(_WHERE)))] if rng.random() < 0.2 else "",
        ]
        said_after, meant_after = [told, *ends], [f"a person {inflect(meant, 'third')}", *ends]
        if rng.random() < 0.25:
            second, plain = self._phrase(rng)
            join = str(rng.choice(("and", ", then", "and then")))
            said_after += [join, in_form(second, form)]
            meant_after += [join, inflect(plain, "third")]
        return Lesson(_joined(said_after), _joined(meant_after))

    def _phrase(self, rng: np.random.Generator) -> tuple[str, str]:
        return self._phrases[int(rng.choice(len(self._phrases), p=self._weights))]


def understood_as(captions: Sequence[str]) -> dict[str, str]:
    """What each phrase that training sets in for others is understood as: itself where captions have it.

    Args:
        captions: Of the training.
    """
    every = " ".join(f" {caption} " for caption in captions)
    found = {}
    for group in VERBS:
        for phrase in group:
            is_caption = f" {inflect(phrase, 'third')} " in every
            found[phrase] = phrase if is_caption and group[0] not in _FALLS else _FALLS.get(group[0], group[0])
    return found


def in_form(phrase: str, form: str) -> str:
    """A verb phrase in the base form, the third person or the past."""
    if form != PAST:
        return inflect(phrase, form)
    return _VERB.sub(lambda match: next(word for name, word in forms(match.group(1)) if name == PAST), phrase)


def _told(phrase: str, who: str, rng: np.random.Generator) -> tuple[str, str]:
    """A verb phrase of somebody, in the present, in the past or as an order; and the form of what they do next."""
    chance = rng.random()
    if phrase.startswith("*be "):  # 'they be', 'is being': it is told of one person, in the simple forms
        who = PLAIN[0][0] if who == _THEY else who
        form = PAST if chance < 0.3 else "third"
        return f"{who} {in_form(phrase, form)}", form
    present, now, then = ("base", "are", "were") if who == _THEY else ("third", "is", "was")
    if chance < 0.45:
        return f"{who} {in_form(phrase, present)}", present
    if chance < 0.65:
        # In the progressive only the first verb takes -ing: 'is running and stops'.
        return f"{who} {now} {_progressive(phrase, present)}", present
    if chance < 0.85:
        return f"{who} {in_form(phrase, PAST)}", PAST
    if chance < 0.92:
        return f"{who} {then} {_progressive(phrase, PAST)}", PAST
    return in_form(phrase, "base"), "base"


def _progressive(phrase: str, after: str) -> str:
    """The first verb with -ing, those after it in the given form."""
    first = _VERB.search(phrase)
    if first is None:
        return phrase
    end = first.end()
    return inflect(phrase[:end], "progressive") + in_form(phrase[end:], after)


def _joined(words: Sequence[str]) -> str:
    return " ".join(" ".join(words).split()).replace(" ,", ",")
