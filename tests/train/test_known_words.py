"""The words that the runtime takes for known are those that training sets in for one another.

Where they changed, write sorted(set(vocabulary(unseen=False))) into runtime/motion_runtime/known_words.txt.
"""

from __future__ import annotations

from importlib import resources

from motion_preprocessing.captions import inflect
from motion_runtime.plain_words import in_plain_words
from motion_train.motion_words import UNSEEN
from motion_train.paraphrase import vocabulary


def test_the_runtime_knows_the_words_of_training() -> None:
    known = (resources.files("motion_runtime") / "known_words.txt").read_text(encoding="utf-8").split()
    assert sorted(set(vocabulary(unseen=False))) == known


def test_words_that_no_motion_was_shown_with_are_none_of_them() -> None:
    assert {"swoon", "amble"} <= set(vocabulary()) - set(vocabulary(unseen=False))


def test_what_no_motion_was_shown_with_is_read_in_plain_words() -> None:
    left = [phrase for group in UNSEEN for phrase in group[1:] if _read(phrase) == _said(phrase)]
    # Some are followed as they are (docs/prompts.md), the others say nothing without what it is done to.
    assert left == [
        "*bounce up", "*hop up", "*be sitting down", "*scale", "*stretch towards something", "*grasp at something",
        "*lob", "*fling",
    ]  # fmt: skip


def _said(phrase: str) -> str:
    return f"a person {inflect(phrase, 'third')}"


def _read(phrase: str) -> str:
    return in_plain_words(_said(phrase))
