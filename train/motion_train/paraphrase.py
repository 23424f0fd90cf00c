"""Say a caption in other words: synonyms by `motion_words`, words dropped, and general sentences about motion."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

import numpy as np

from motion_preprocessing.captions import inflect
from motion_train.motion_words import MANNERS, OTHERS, PLACES, PLAIN, UNSEEN, VERBS

_FORMS: Final = ("third", "progressive", "base")
_DROPPABLE: Final = frozenset(["a", "an", "the", "and", "is", "then", "with", "of", "at", "in", "their", "his", "her"])
_WORD: Final = re.compile(r"[a-z]+(?:-[a-z]+)*")

Table = dict[str, tuple[tuple[str, ...], str]]


@cache
def _table(unseen: bool) -> tuple[re.Pattern[str], Table]:
    """Surface form -> the phrases that may take its place, and their grammatical form."""
    found: Table = {}
    for verbs in UNSEEN if unseen else VERBS:
        for form in _FORMS[:2]:
            choices = verbs[1:] if unseen else verbs
            for phrase in verbs[:1] if unseen else verbs:
                found.setdefault(inflect(phrase, form), (choices, form))
    if not unseen:
        for plain in PLAIN:
            for phrase in plain:
                found.setdefault(phrase, (plain, ""))
    # The longest first: 'walks forward' before 'walks'.
    surfaces = sorted(found, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, surfaces)) + r")\b"), found


def _replace(text: str, unseen: bool, probability: float, rng: np.random.Generator) -> str:
    pattern, table = _table(unseen)

    def choose(match: re.Match[str]) -> str:
        choices, form = table[match.group()]
        if rng.random() >= probability:
            return match.group()
        phrase = choices[int(rng.integers(len(choices)))]
        return inflect(phrase, form) if form else phrase

    return pattern.sub(choose, text)


def paraphrase(text: str, rng: np.random.Generator, probability: float = 0.6) -> str:
    """Replace each known phrase by one of its group with the given probability; sides and senses are kept."""
    return _replace(text, False, probability, rng)


def unseen_paraphrase(text: str, rng: np.random.Generator) -> str | None:
    """The caption with every verb that has one replaced by a word kept out of training; None if there is none."""
    changed = _replace(text, True, 1.0, rng)
    return None if changed == text else changed


def drop_words(text: str, rng: np.random.Generator, probability: float = 0.15) -> str:
    """Leave out little words, as people do who type prompts in a hurry."""
    kept = [word for word in text.split() if word not in _DROPPABLE or rng.random() >= probability]
    return " ".join(kept) or text


def general_sentences(count: int, rng: np.random.Generator) -> list[str]:
    """Different sentences about people doing things, far beyond what the motion data show."""
    phrases = [phrase for group in (*VERBS, *UNSEEN) for phrase in group] + list(OTHERS)
    subjects = PLAIN[0]
    found: dict[str, None] = {}
    for _ in range(50 * count):
        if len(found) >= count:
            break
        form = _FORMS[int(rng.integers(3))]
        subject = "" if form == "base" else str(rng.choice(subjects)) + (" is" if form == "progressive" else "")
        words = [subject, inflect(phrases[int(rng.integers(len(phrases)))], form), str(rng.choice(MANNERS))]
        if rng.random() < 0.35:
            second = "third" if form == "progressive" else form
            words += [str(rng.choice(("and", ", then", "and then"))), inflect(str(rng.choice(phrases)), second)]
        if rng.random() < 0.3:
            words.append(str(rng.choice(PLACES)))
        found.setdefault(" ".join(" ".join(words).split()).replace(" ,", ","), None)
    return list(found)


def vocabulary(sentences: Iterable[str] = (), *, unseen: bool = True) -> Iterator[str]:
    """Every word of the phrases above in every form, and of the given sentences: what must not fall to pieces.

    Without the `unseen` phrases, these are the words that stand for some motion.
    """
    words: dict[str, None] = {}
    for phrase in [phrase for group in (*VERBS, *(UNSEEN if unseen else ())) for phrase in group] + list(OTHERS):
        for form in _FORMS:
            words.update(dict.fromkeys(_WORD.findall(inflect(phrase, form))))
    for text in (*(phrase for group in PLAIN for phrase in group), *PLACES, *MANNERS, *sentences):
        words.update(dict.fromkeys(_WORD.findall(text.lower())))
    for word in words:
        yield from word.split("-")
