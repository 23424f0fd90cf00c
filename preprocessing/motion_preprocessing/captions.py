"""Sentences for the short labels of motion indices and the kinds of simulated falls, each in several wordings."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from motion_preprocessing.caption_phrases import (
    ANIMAL_MANNERS,
    CATEGORY,
    CONTEXTS,
    DANCE,
    FALLS,
    PIECES,
    RESTS,
    SALSA,
)
from motion_preprocessing.errors import InputError

MAX_SENTENCES: Final = 8
_MAX_PIECES: Final = 4  # a longer list of actions is no sentence that anybody would type

_THIRD: Final = {"be": "is", "have": "has", "do": "does", "go": "goes"}
_DOUBLING: Final = frozenset(
    ["run", "sit", "stop", "hop", "jog", "spin", "drop", "mop", "step", "sidestep", "put", "get", "trip", "slip",
     "swim", "begin", "signal", "let", "flap", "shrug", "hit", "tip", "squat", "skip", "hug", "nod", "cut", "clap",
     "grab", "drag", "flip", "rub", "scrub", "set", "sip", "skid", "swig", "trot", "strut", "plod", "slog", "footslog",
     "leapfrog", "lap", "leg", "shin", "shlep", "sun", "hop-skip", "outrun", "bop", "flop", "lob", "nap", "pad", "pat",
     "plop", "wag"]
)  # fmt: skip


def third_person(verb: str) -> str:
    """Inflect a base form: walk -> walks, crouch -> crouches, carry -> carries, be -> is."""
    if verb in _THIRD:
        return _THIRD[verb]
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")


def progressive(verb: str) -> str:
    """Inflect a base form: walk -> walking, run -> running, lie -> lying, take -> taking."""
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb in _DOUBLING:
        return verb + verb[-1] + "ing"
    if verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        return verb[:-1] + "ing"
    return verb + "ing"


_VERB: Final = re.compile(r"\*([a-z]+(?:-[a-z]+)?)")


def inflect(phrase: str, form: str) -> str:
    """Put the starred verbs of a phrase into a form: 'third', 'progressive', 'gerund' or 'base'.

    In the progressive only the first verb takes -ing and the verbs after it follow in the third person, which is how
    one tells a sequence: 'is running, stops and runs on'. A gerund takes -ing throughout: 'before turning and going'.
    """
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        verb = match.group(1)
        if form == "gerund":
            return progressive(verb)
        if form == "progressive":
            return progressive(verb) if count == 1 else third_person(verb)
        return third_person(verb) if form == "third" else verb

    return _VERB.sub(replace, phrase)


_FRAMES: Final = (
    ("a person ", "third"),
    ("someone is ", "progressive"),
    ("the person ", "third"),
    ("a person is ", "progressive"),
    ("someone ", "third"),
    ("a human ", "third"),
    ("", "base"),
    ("somebody is ", "progressive"),
)
_JOINS: Final = (" and ", ", then ", " and then ")


def _join(phrases: list[str], turn: int) -> str:
    """Tell phrases in order: 'A, B and C', or 'A, then B'."""
    if len(phrases) == 1:
        return phrases[0]
    # The short join for phrases that have a join of their own inside, so that sentences do not pile up 'and's.
    simple = all(" and " not in p for p in phrases)
    last = _JOINS[turn % len(_JOINS)] if simple else ", then "
    return ", ".join(phrases[:-1]) + last + phrases[-1]


def combine(options: list[tuple[str, ...]], tails: tuple[str, ...] = ("",)) -> tuple[str, ...]:
    """Combine one phrase of each option, in order, with subjects; deterministic, all different."""
    found: dict[str, None] = {}
    for turn in range(4 * MAX_SENTENCES):
        subject, form = _FRAMES[turn % len(_FRAMES)]
        shift = turn + turn // 4  # so that a subject meets every phrase
        phrases = [option[(shift + place) % len(option)] for place, option in enumerate(options[:_MAX_PIECES])]
        if form == "progressive" and phrases[0].startswith("*be "):
            subject, form = subject.removesuffix("is "), "third"  # 'is being pushed' would read as an endless push
        found.setdefault(subject + inflect(_join(phrases, shift), form) + tails[turn % len(tails)])
        if len(found) == MAX_SENTENCES:
            break
    return tuple(found)


_IMPAIRED: Final = "(performed incorrectly, as by a patient)"
_IMPAIRED_TAILS: Final = (" with limited movement", " with difficulty", " stiffly and not quite right")


def _normalise(label: str) -> str:
    return re.sub(r"\s+", " ", label.strip().lower().replace("\u2013", "-"))


def _dance(text: str) -> tuple[str, ...]:
    moves = sorted((text.index(word), phrase) for word, phrase in DANCE if word in text)
    static = text.startswith("static")
    start = ("*hold a dance pose",) if static else ("*dance", "*dance ballet", "*perform a ballet dance")
    return combine([start, *((phrase,) for _, phrase in moves[:2])])


def _animal(name: str) -> tuple[str, ...]:
    article = "an" if name[0] in "aeiou" else "a"
    phrases = [f"*imitate {article} {name}", f"*move like {article} {name}", f"*pretend to be {article} {name}"]
    if name in ANIMAL_MANNERS:
        phrases.append(ANIMAL_MANNERS[name])
    return combine([tuple(phrases)])


def _pieces(text: str) -> list[tuple[str, ...]]:
    """Cut a label at its commas and look every piece up; [] when one of them is unknown."""
    if text in PIECES:
        return [PIECES[text]]
    options = [PIECES.get(piece.strip()) for piece in text.split(",") if piece.strip()]
    return [o for o in options if o] if options and all(options) else []


@cache
def sentences_for_label(label: str, category: str = "") -> tuple[str, ...]:
    """Turn an index label such as 'walk, 90-degree left turn' into 4 to 8 English sentences.

    Args:
        label: The label, in any capitals: pieces joined by commas, with 'context - ' before them or not.
        category: The coarse category of the clip (walk, run_jump, sit_stand, two_person, daily_reach, other), used only
            where the label's own words are unknown.

    Returns:
        Different sentences without full stops, or () for a label that says nothing ('Unknown') or cannot be read.
    """
    text = _normalise(label)
    if text.endswith(_IMPAIRED):
        return tuple(
            sentence + _IMPAIRED_TAILS[turn % len(_IMPAIRED_TAILS)]
            for turn, sentence in enumerate(sentences_for_label(text.removesuffix(_IMPAIRED).strip(), category))
        )
    if text in ("", "unknown"):
        return ()
    if text == "salsa dance":
        return SALSA
    animal = re.fullmatch(r"([a-z ]+?) \(human subject\)", text)
    if animal:
        return _animal(animal.group(1))
    if text.startswith("dance - ") or "dance pose" in text:
        return _dance(text.removeprefix("dance - "))
    options = _pieces(text)
    tails: tuple[str, ...] = ("",)
    if not options and " - " in text:
        context, _, rest = text.partition(" - ")
        # A piece may need its context to be understood ('basketball - low'): try the first with it, the rest without.
        first, _, others = rest.partition(",")
        if f"{context} - {first.strip()}" in PIECES:
            options = [PIECES[f"{context} - {first.strip()}"], *(_pieces(others) if others else [])]
        else:
            options, tails = _pieces(rest), CONTEXTS.get(context, ("",))
    if not options:
        options = [CATEGORY[category]] if category in CATEGORY else []
    return combine(options, tails) if options else ()


@cache
def sentences_for_fall(kind: str, rest: str) -> tuple[str, ...]:
    """Describe a simulated fall in 8 sentences, half of them with how it ends.

    Args:
        kind: push_l, push_r, push_f, push_b, trip, slip, faint, shift, bed, sts_weak_fwd, sts_weak_side, sts_weak_back.
        rest: How the person comes to lie: prone, side or supine; '' where it is not known.
    """
    if kind not in FALLS:
        raise InputError(f"expected one of {', '.join(FALLS)}, got '{kind}' for the kind of fall; add its phrases")
    if rest and rest not in RESTS:
        raise InputError(f"expected one of {', '.join(RESTS)}, got '{rest}' for the rest after a fall; leave it empty")
    plain = combine([FALLS[kind]])
    if not rest:
        return plain
    ended = combine([FALLS[kind], RESTS[rest]])
    # Every second one from each, so that both halves see all the subjects and wordings.
    return plain[0::2] + ended[1::2]
