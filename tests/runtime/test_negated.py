"""Who is told what not to do."""

from __future__ import annotations

import pytest

from motion_runtime.negated import negated


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("the resident does not fall", "does not fall"),
        ("a man almost falls but catches himself on the table", "almost falls"),
        ("a person doesn't get up", "doesn't get"),
        ("An old woman never quite sits down | she isn't walking", "isn't walking"),
        ("a patient gets up without using the hands", "without using"),
        ("a person falls and lies still", ""),
        ("a nurse walks to the desk and does paperwork", ""),
    ],
)
def test_what_is_not_to_happen_is_warned_of(prompt: str, words: str) -> None:
    assert [line.split("'")[1] if "n't" not in words else words for line in negated([prompt])] == [words] * bool(words)
