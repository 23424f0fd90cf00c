"""The words that the runtime takes for known are those that training sets in for one another.

Where they changed, write sorted(set(vocabulary())) into runtime/motion_runtime/known_words.txt.
"""

from __future__ import annotations

from importlib import resources

from motion_train.paraphrase import vocabulary


def test_the_runtime_knows_the_words_of_training() -> None:
    known = (resources.files("motion_runtime") / "known_words.txt").read_text(encoding="utf-8").split()
    assert sorted(set(vocabulary())) == known
