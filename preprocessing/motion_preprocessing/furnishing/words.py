"""Sentences that name the furniture: 'sits down' becomes 'sits down on the chair' where a chair was placed.

Two ways: `name_objects` rewrites a sentence measured on the motion, `use_sentences` words the uses alone. Both leave
out what the window does not show.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from motion_preprocessing.captions import inflect
from motion_preprocessing.furnishing.furnisher import Use

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "sofa": ("sofa", "couch"), "nightstand": ("nightstand", "bedside table"), "cabinet": ("cabinet", "cupboard"),
    "tv": ("television", "tv"), "appliance": ("machine",), "walker": ("walking frame",), "sink": ("sink", "basin"),
    "other": ("steps",),
}  # fmt: skip
"""What people call a class; the class' own name where it is not here."""
_FRAMES: Final = (
    ("a person ", "third"),
    ("someone ", "third"),
    ("a person is ", "progressive"),
    ("the person ", "third"),
)

_PHRASES: Final[dict[str, tuple[str, ...]]] = {
    "sit_down": ("*sit down {on}", "*take a seat {on}", "*sit {on}", "*lower the body and *sit down {on}"),
    "sit": ("*sit {on}", "*be seated {on}", "*stay seated {on}"),
    "stand_up": ("*stand up from {it}", "*get up from {it}", "*rise from {it}"),
    "lie_down": ("*lie down {on}", "*lie {on}", "*lay the body down {on}"),
    "lie": ("*lie {on}", "*rest {on}", "*lie still {on}"),
    "get_up": ("*get up from {it}", "*get out of {it}", "*rise from {it}"),
    "fall_from": ("*fall from {it}", "*fall off {it}", "*fall off {it} onto the floor"),
    "reach": ("*reach out over {it}", "*reach for something on {it}", "*move the hands over {it}"),
    "walk_to": ("*walk to {it}", "*walk up to {it}", "*go over to {it}"),
    "climb": ("*step onto {it}", "*climb onto {it}", "*step up onto {it}"),
}
_SALIENT: Final = ("sit_down", "lie_down", "stand_up", "get_up", "fall_from", "sit", "lie", "climb", "reach", "walk_to")


def _taken(words: str) -> str:
    """A pattern of words that are taken where they are there; '?+' says so as well, but not before Python 3.11.5."""
    return rf"(?:{words}|(?!{words}))"


_PACE: Final = _taken(r" (?:slowly|quickly|fast|gently|carefully)\b")
_SEAT: Final = _taken(r" (?:on|onto|in|into) (?:a|the) (?:[a-z]+ ){0,2}(?:seat|chair|stool|sofa|bed)\b")
_OFF: Final = _taken(r" from (?:a|the) (?:seat|chair|stool|sofa|bed|floor)\b")
_STILL: Final = _taken(r" still\b")
_WAY: Final = _taken(r" (?:down|forward|backward)\b")
_OPEN: Final = r"(?! (?:on|onto|from|in|into|out|off|over|again and again)\b)"
"""Nothing follows that says already where."""

_END: Final = r"(?=,| and | then | before | while |$)"
"""Of a clause."""

_REWRITES: Final[tuple[tuple[str, re.Pattern[str], str], ...]] = tuple(
    (use, re.compile(pattern), new)
    for use, pattern, new in (
        ("sit_down", rf"\b(?P<v>(?:sits?|sitting) down\b{_PACE}){_SEAT}{_OPEN}", r"\g<v> {on}"),
        ("sit_down", rf"\b(?P<v>(?:takes?|taking) a seat\b){_SEAT}{_OPEN}", r"\g<v> {on}"),
        ("sit", rf"\b(?P<v>(?:sits?|sitting)\b(?! (?:up|down)\b){_STILL}){_SEAT}{_OPEN}", r"\g<v> {on}"),
        ("stand_up", rf"\b(?P<v>(?:stands?|standing|gets?|getting) up\b{_PACE}){_OFF}{_OPEN}", r"\g<v> from {it}"),
        ("stand_up", rf"\b(?P<v>(?:rises?|rising)\b{_PACE}) from (?:a|the) (?:seat|chair)\b", r"\g<v> from {it}"),
        ("lie_down", rf"\b(?P<v>(?:lies?|lying) down\b{_PACE}){_SEAT}{_OPEN}", r"\g<v> {on}"),
        ("lie", rf"\b(?P<v>(?:lies?|lying)\b(?! down\b){_STILL}){_SEAT}{_OPEN}", r"\g<v> {on}"),
        ("get_up", rf"\b(?P<v>(?:gets?|getting|stands?|standing) up\b{_PACE}){_OFF}{_OPEN}", r"\g<v> from {it}"),
        ("fall_from", rf"\b(?P<v>(?:falls?|falling)\b{_WAY}){_OPEN}", r"\g<v> from {it}"),
        ("reach", r"\b(?P<v>reach(?:es|ing)?) forward\b", r"\g<v> over {it}"),
        ("climb", r"\b(?P<v>(?:steps?|stepping) up\b)(?! (?:on|onto|a|and down)\b)", r"\g<v> onto {it}"),
        ("walk_to", rf"\b(?P<v>(?:walks?|walking)\b(?! backward)(?![^,]*circle)[^,]*?){_END}", r"\g<v> to {it}"),
    )
)  # fmt: skip


def _names(use: Use, rng: np.random.Generator) -> dict[str, str]:
    options = _NAMES.get(use.object_class, (use.object_class,))
    name = options[int(rng.integers(len(options)))]
    if use.object_class == "other" and rng.uniform() < 0.4:
        name = "step"
    article = "the" if rng.uniform() < 0.7 or name.endswith("steps") else "a"
    it = f"{article} {name}"
    on = f"in {it}" if use.object_class == "wheelchair" else f"on {it}"
    if use.object_class == "bed" and use.use in ("sit", "sit_down") and rng.uniform() < 0.4:
        on = f"on the edge of {it}"
    return {"it": it, "on": on}


def name_objects(sentence: str, uses: Sequence[Use], rng: np.random.Generator) -> str:
    """Put the objects into a sentence about the motion; it comes back as it was where no words for a use are in it.

    Args:
        sentence: In the third person, the progressive or the base form, without a full stop.
        uses: What the described person uses.
        rng: Source of names and articles.
    """
    names: dict[int, dict[str, str]] = {}
    told: set[str] = set()
    for kind, pattern, new in _REWRITES:
        use = next((u for u in uses if u.use == kind and _nameable(u)), None)
        if use is None or kind in told:
            continue
        words = names.setdefault(use.placed, _names(use, rng))
        found = list(pattern.finditer(sentence))
        if not found or (kind == "walk_to" and " to " in found[-1].group()):
            continue
        # A walk that ends at something is the last one; of all else the first mention is told.
        match = found[-1 if kind == "walk_to" else 0]
        changed = match.expand(new.format(**words))
        if changed != match.group():
            sentence = sentence[: match.start()] + changed + sentence[match.end() :]
            names[use.placed] = _again(words)
            told.add(kind)
    return sentence


def _again(words: dict[str, str]) -> dict[str, str]:
    """Return the names for a second mention: 'a chair' has become 'the chair'."""
    return {key: re.sub(r"(^| )a ", r"\1the ", text) for key, text in words.items()}


def _nameable(use: Use) -> bool:
    return use.object_class != "other" or use.use == "climb"


def use_sentences(uses: Sequence[Use], rng: np.random.Generator, count: int = 3, person: int = 0) -> tuple[str, ...]:
    """Word what a person does with furniture in `count` ways; none where nothing is used."""
    chosen = [u for u in uses if u.person == person and _nameable(u)]
    chosen = [u for u in chosen if u.use not in ("sit", "lie") or not _told_by(u, chosen)]
    climbs = [u for u in chosen if u.use == "climb"]
    chosen = [u for u in chosen if u.use != "climb"] + climbs[:1]
    if not chosen:
        return ()
    told = sorted(sorted(chosen, key=lambda u: _SALIENT.index(u.use))[:3], key=lambda u: u.start)
    sentences = []
    for _ in range(count):
        start, form = _FRAMES[int(rng.integers(len(_FRAMES)))]
        some = told if rng.uniform() < 0.6 else [told[int(rng.integers(len(told)))]]
        names: dict[int, dict[str, str]] = {}
        clauses = []
        for use in some:
            options = _PHRASES[use.use]
            words = names.setdefault(use.placed, _names(use, rng))
            clauses.append(options[int(rng.integers(len(options)))].format(**words))
            names[use.placed] = _again(words)
        joint = " and " if rng.uniform() < 0.6 else ", then "
        sentences.append(
            start + inflect(joint.join([", ".join(clauses[:-1]), clauses[-1]] if clauses[1:] else clauses), form)
        )
    return tuple(dict.fromkeys(sentences))


def _told_by(state: Use, uses: Sequence[Use]) -> bool:
    into = "sit_down" if state.use == "sit" else "lie_down"
    return any(u.use == into and u.placed == state.placed for u in uses)


def with_objects(
    sentences: Sequence[str], uses: Sequence[Use], rng: np.random.Generator, person: int = 0
) -> tuple[str, ...]:
    """Return sentences about a furnished window that name its objects: rewritten ones, then ones about uses alone.

    Sentences in which nothing could be named are left out; none are returned where the person uses nothing.
    """
    own = [u for u in uses if u.person == person]
    renamed = [name_objects(sentence, own, rng) for sentence in sentences]
    changed = [new for new, old in zip(renamed, sentences, strict=True) if new != old]
    return tuple(dict.fromkeys([*changed, *use_sentences(own, rng, person=person)]))
