"""Sentences that name the furniture."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.furnishing.furnisher import Use
from motion_preprocessing.furnishing.words import name_objects, use_sentences, with_objects

SITTING = [
    Use("chair", "sit_down", 0, 20, 40, 0),
    Use("chair", "sit", 0, 40, 80, 0),
    Use("chair", "stand_up", 0, 80, 99, 0),
]
IN_BED = [Use("bed", "lie", 0, 0, 20, 0), Use("bed", "fall_from", 0, 20, 40, 0)]
AT_TABLE = [Use("table", "walk_to", 0, 0, 30, 0), Use("table", "reach", 0, 40, 60, 0)]


@pytest.mark.parametrize(
    ("uses", "before", "after"),
    [
        (SITTING, "a person walks forward and sits down", "a person walks forward and sits down on * chair"),
        (SITTING, "someone is sitting down slowly", "someone is sitting down slowly on * chair"),
        (SITTING, "a person sits on a low stool", "a person sits on * chair"),
        (SITTING, "take a seat", "take a seat on * chair"),
        (SITTING, "a person stands up from the seat slowly", "a person stands up from * chair slowly"),
        (SITTING, "a person sits down on the floor", "a person sits down on the floor"),
        (SITTING, "a person waves", "a person waves"),
        (IN_BED, "someone lies still", "someone lies still on * bed"),
        (IN_BED, "a person lies on the back", "a person lies on the back"),
        (IN_BED, "a person falls to the floor", "a person falls from * bed to the floor"),
        (IN_BED, "a person falls out of bed", "a person falls out of bed"),
        (AT_TABLE, "walks forward, turns and walks back", "walks forward, turns and walks back to * table"),
        (AT_TABLE, "someone walks in a circle", "someone walks in a circle"),
        (AT_TABLE, "reach forward with the right hand", "reach over * table with the right hand"),
    ],
)
def test_the_object_comes_into_the_sentence(uses, before, after):
    for seed in range(6):
        got = name_objects(before, uses, np.random.default_rng(seed))
        assert got in {after.replace("*", article) for article in ("a", "the")}


def test_a_second_mention_is_definite():
    for seed in range(12):
        got = name_objects("a person sits down and stands up", SITTING, np.random.default_rng(seed))
        first, second = got.split(" and ")
        assert first.endswith(("on a chair", "on the chair"))
        assert second == "stands up from the chair"


def test_names_fit_the_object():
    rng = np.random.default_rng(0)
    in_it = {name_objects("sits down", [Use("wheelchair", "sit_down", 0, 0, 9, 0)], rng) for _ in range(20)}
    assert in_it == {"sits down in the wheelchair", "sits down in a wheelchair"}
    on_it = {name_objects("sits down", [Use("sofa", "sit_down", 0, 0, 9, 0)], rng) for _ in range(30)}
    assert {"sits down on the sofa", "sits down on the couch"} < on_it


def test_uses_alone_are_worded_in_several_ways():
    sentences = use_sentences(SITTING, np.random.default_rng(1), 8)
    assert len(set(sentences)) == len(sentences) > 4
    assert all("chair" in sentence for sentence in sentences)
    assert use_sentences(SITTING, np.random.default_rng(1), person=1) == ()


def test_only_sentences_that_name_something_are_returned():
    got = with_objects(["a person sits down", "a person waves"], SITTING, np.random.default_rng(0))
    assert len(got) > 2
    assert all("chair" in sentence for sentence in got)
    assert with_objects(["a person sits down"], [], np.random.default_rng(0)) == ()
