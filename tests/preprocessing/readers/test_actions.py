"""Actions named by sentences, and licences that are marked."""

from __future__ import annotations

import pytest

from motion_preprocessing.readers import licences
from motion_preprocessing.readers.actions import action_of_text


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("a person walks forward and then jumps", "walk"),
        ("The man is JUMPING over a box, then walks on.", "jump"),
        ("someone sat down", "sit"),
        ("two people are dancing salsa", "dance"),
        ("he runs, then falls", "run"),
        ("she stumbles and fell", "fall"),
        ("climbing a ladder", "climb"),
        ("a person waves", "other"),
        ("the sidewalk and the grun", "other"),
        ("", "other"),
    ],
)
def test_actions(text: str, action: str) -> None:
    assert action_of_text(text) == action


@pytest.mark.parametrize("licence", [licences.AMASS, licences.HUMANML3D, licences.INTERHUMAN])
def test_what_must_not_be_sold_is_marked(licence: str) -> None:
    assert licences.is_non_commercial(licence)


def test_what_may_be_sold_is_not_marked() -> None:
    assert not licences.is_non_commercial("CMU mocap terms: free for research and commercial products")
