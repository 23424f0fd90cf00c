"""Prompts that say what is not done: the model knows no 'not', and does it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_NEGATED: Final = re.compile(
    r"\b(?:(?:do|does|did|is|are|was|can|could|will|would)(?: not|n['’]t)|cannot|never|almost|nearly|without)"
    r" (?:\w+ly )?(?:falls?|falling|fell|collaps\w+|faint\w*|slip\w*|trip\w*|stumbl\w*|walk\w*|mov\w+|get\w*|ris\w+"
    r"|stand\w*|sit\w*|turn\w*|us\w+)\b"
)


def negated(prompts: Sequence[str]) -> list[str]:
    """A line for each prompt in which something is said not to happen, or hardly.

    Args:
        prompts: What each person does.
    """
    found = ((match[0], prompt) for prompt in dict.fromkeys(prompts) if (match := _NEGATED.search(prompt.lower())))
    return [
        f"'{words}' in '{prompt:.60}' may well happen: the model knows no 'not'; say what is done instead"
        for words, prompt in found
    ]
