"""Verbs that WordNet puts under those that the motion data show: ways to walk, to fall, to sit.

WordNet (Fellbaum 1998; Princeton's licence, which allows any use) orders verbs by meaning: what lies under 'walk' in
the sense of going on foot are ways of walking. Its file `data.verb` is read while a tower learns words; nothing of it
is part of the project or of what is shipped.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from motion_preprocessing.errors import InputError

HEADS: Final[tuple[tuple[str, str, str], ...]] = (
    ("*walk", "walk", "use one's feet to advance"),
    ("*run", "run", "move fast by using one's feet"),
    ("*jump up", "jump", "move forward by leaps"),
    ("*fall to the floor", "fall", "lose an upright position"),
    ("*fall to the floor", "collapse", "collapse due to"),
    ("*fall to the floor", "slump", "fall or sink heavily"),
    ("*fall to the floor", "collapse", "break down, literally"),
    ("*faint and *fall", "faint", "pass out from"),
    ("*trip and *fall", "stumble", "miss a step"),
    ("*stagger", "stagger", "walk as if unable"),
    ("*sit down", "sit down", "take a seat"),
    ("*sit down", "sit", "be seated"),
    ("*stand up", "stand up", "rise to one"),
    ("*lie down", "lie down", "assume a reclining"),
    ("*lie", "lie", "be lying, be prostrate"),
    ("*bend over", "crouch", "bend one"),
    ("*squat down", "squat", "sit on one's heels"),
    ("*kneel down", "kneel", "rest one"),
    ("*turn around", "turn around", "turn abruptly and face"),
    ("*turn around", "about-face", "turn, usually 180"),
    ("*climb", "climb", "go upward with gradual"),
    ("*climb", "climb", "move with difficulty, by grasping"),
    ("*crawl", "crawl", "move slowly; in the case of people"),
    ("*wave", "wave", "signal with the hands"),
    ("*reach", "reach out", "move forward or upward in order to touch"),
    ("*kick", "kick", "strike with the foot"),
    ("*dance", "dance", "move in a graceful"),
    ("*throw something", "throw", "propel through the air"),
    ("*drink", "drink", "take in liquids"),
)
"""A phrase that the model knows, a verb, and words of the meaning of it that is taken."""

_REFUSED: Final = frozenset(["cock", "drop like flies", "implode", "lounge", "mouse", "ski jump", "take the floor"])
"""What lies there and is hardly ever said of somebody who does that."""
_MEANT: Final = 1 / 3
"""Least share of a verb's meanings that lie under its head."""
Synset = tuple[list[str], list[str], str]
"""Words, synsets right below, meaning."""


def verbs_under(database: Path) -> dict[str, str]:
    """Read what lies right under `HEADS`: the phrase that the model knows, by a verb phrase such as '*amble'.

    Args:
        database: 'data.verb' of WordNet 3.

    Returns:
        Those with one reading: not what lies under two heads, nor what mostly means something else ('gives', 'passes').

    Raises:
        InputError: It is no such file.
    """
    synsets = _read(database)
    if missing := [verb for plain, verb, meant in HEADS if not _senses(synsets, verb, meant)]:
        raise InputError(
            f"expected WordNet's data.verb, got no '{missing[0]}' with the meaning that is taken for {database}; "
            "give that of WordNet 3"
        )
    found: dict[str, set[str]] = {}
    senses = Counter(word for words, _, _ in synsets.values() for word in words)
    meant_here: dict[str, set[str]] = {}
    for plain, verb, meant in HEADS:
        for key in _senses(synsets, verb, meant):
            for one in (key, *synsets[key][1]):
                for word in synsets[one][0]:
                    found.setdefault(word, set()).add(plain)
                    meant_here.setdefault(word, set()).add(one)
    return {
        f"*{word}": plains.pop() for word, plains in sorted(found.items())
        if len(plains) == 1 and word not in _REFUSED and len(meant_here[word]) >= _MEANT * senses[word]
    }  # fmt: skip


def is_held_out(phrase: str, share: float) -> bool:
    """Whether a verb phrase belongs to the given share, the same in every run; 'swill down' does where 'swill' does."""
    verb = phrase.split()[0]
    return int(hashlib.sha256(verb.encode()).hexdigest()[:8], 16) < share * 2**32


def _senses(synsets: Mapping[str, Synset], verb: str, meant: str) -> list[str]:
    """Keys of the synsets of a verb whose meaning has the given words."""
    return [key for key, (words, _, meaning) in synsets.items() if verb in words and meant in meaning]


def _read(database: Path) -> dict[str, Synset]:
    try:
        lines = database.read_text(encoding="latin1").splitlines()
    except OSError as error:
        raise InputError(f"expected WordNet's data.verb, got {error.strerror} for {database}; check the path") from None
    found: dict[str, Synset] = {}
    for line in lines:
        head, bar, meaning = line.partition("|")
        fields = head.split()
        if line.startswith(" ") or not bar or len(fields) < 5:
            continue
        try:
            last = 4 + 2 * int(fields[3], 16)
        except ValueError:
            continue
        below = [key for sign, key in zip(fields[last + 1 :: 4], fields[last + 2 :: 4], strict=False) if sign == "~"]
        found[fields[0]] = [word.replace("_", " ").lower() for word in fields[4:last:2]], below, meaning.strip()
    return {key: (words, [b for b in below if b in found], meaning) for key, (words, below, meaning) in found.items()}
