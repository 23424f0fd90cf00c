"""Whether a prompt says anything in words that the model was taught.

The text tower answers to every text, and the motion to every answer: of a prompt in another language comes some motion,
and nobody learns why it is not the one that was asked for. A word counts as known if the tower was taught it
(`known_words.txt`: every form of every phrase that training sets in for another), or if the tokenizer has it whole: the
vocabulary was cut so that the words of the captions are whole and those of other languages fall to pieces.
Short words are whole in many languages, so of those only the first kind counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+")
_CONTRACTED: Final = re.compile(r"n't\b|(?<=\w)'(?:s|re|ll|ve|d|m)\b")
_LEAST_WHOLE: Final = 4
"""Letters of a word that is known because the tokenizer has it whole."""
_ENDINGS: Final = ("s", "es", "d", "ed", "ing")
LITTLE: Final = frozenset([
    "a", "about", "after", "again", "along", "also", "although", "always", "am", "an", "and", "any", "are", "as", "at",
    "away", "back", "be", "because", "been", "before", "being", "below", "between", "both", "but", "by", "can", "did",
    "do", "does", "doing", "done", "during", "each", "either", "enough", "even", "every", "few", "first", "for", "from",
    "had", "has", "have", "having", "he", "her", "here", "hers", "herself", "him", "himself", "his", "how", "i", "if",
    "in", "into", "is", "it", "its", "itself", "just", "least", "less", "like", "made", "make", "makes", "making",
    "may", "me", "might", "more", "most", "much", "my", "near", "neither", "no", "nobody", "none", "nor", "not", "now",
    "of", "off", "often", "on", "once", "one", "ones", "oneself", "only", "onto", "or", "other", "others", "our", "out",
    "over", "own", "per", "same", "she", "should", "slightly", "so", "some", "something", "such", "than", "that", "the",
    "their", "them", "themselves", "then", "there", "these", "they", "this", "those", "through", "till", "time",
    "times", "to", "too", "toward", "towards", "twice", "under", "until", "up", "upon", "us", "very", "was", "we",
    "were", "what", "when", "where", "which", "while", "who", "whom", "whose", "why", "will", "with", "within",
    "without", "would", "you", "your", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
])  # fmt: skip
"""English words that say nothing of a motion by themselves."""
PEOPLE: Final = frozenset([
    "adult", "adults", "boy", "boys", "caregiver", "caregivers", "carer", "carers", "child", "children", "colleague",
    "couple", "doctor", "doctors", "elder", "elderly", "everybody", "everyone", "friend", "gentleman", "girl", "girls",
    "group", "guy", "guys", "human", "humans", "individual", "individuals", "kid", "kids", "lady", "ladies", "man",
    "men", "nurse", "nurses", "old", "older", "partner", "patient", "patients", "people", "person", "persons",
    "resident", "residents", "senior", "somebody", "someone", "staff", "subject", "therapist", "visitor", "woman",
    "women", "young",
])  # fmt: skip
"""Who does it; 'patient' and 'person' are words of other languages too."""
NOT_UNDERSTOOD: Final = (
    "says little in words that the model knows, so that its motion may be any; write in plain English what somebody "
    "does, such as 'a person sits down on a chair'"
)
"""How a warning about such a prompt goes on."""
_SHOWN: Final = 40
"""Letters of a prompt that a warning shows."""


def shortened(prompt: str) -> str:
    """A prompt in quotes, its first words where it is long."""
    return f"'{prompt}'" if len(prompt) <= _SHOWN else f"'{prompt[:_SHOWN].rstrip()}...'"


@cache
def _taught() -> frozenset[str]:
    """Words of the tower's training."""
    return frozenset((resources.files("motion_runtime") / "known_words.txt").read_text(encoding="utf-8").split())


def is_understood(text: str, whole: Callable[[str], bool]) -> bool:
    """Whether at least half the words of a prompt are known, and one of them says more than who does it.

    Args:
        text: A prompt, cleaned.
        whole: Whether the tokenizer has a word in one piece.
    """
    words = _WORD.findall(_CONTRACTED.sub(" ", text))
    small = LITTLE | PEOPLE
    said = sum(word not in small and _known(word, whole) for word in words)
    return said > 0 and 2 * (said + sum(word in small for word in words)) >= len(words)


def _known(word: str, whole: Callable[[str], bool]) -> bool:
    stems = [word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)]
    return any(stem in _taught() or (len(stem) >= _LEAST_WHOLE and whole(stem)) for stem in (word, *stems))
