"""Sentences for labels and falls: every label that means something is worded, sides and senses are kept."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motion_preprocessing.caption_phrases import FALLS, PIECES, RESTS
from motion_preprocessing.captions import inflect, progressive, sentences_for_fall, sentences_for_label, third_person
from motion_preprocessing.errors import InputError
from motion_preprocessing.mirror import mirror_text


@pytest.mark.parametrize(
    ("verb", "third", "ing"),
    [
        ("walk", "walks", "walking"),
        ("run", "runs", "running"),
        ("crouch", "crouches", "crouching"),
        ("carry", "carries", "carrying"),
        ("sway", "sways", "swaying"),
        ("lie", "lies", "lying"),
        ("take", "takes", "taking"),
        ("be", "is", "being"),
        ("do", "does", "doing"),
        ("begin", "begins", "beginning"),
        ("free", "frees", "freeing"),
    ],
)
def test_verbs_are_inflected(verb, third, ing):
    assert (third_person(verb), progressive(verb)) == (third, ing)


def test_forms_of_a_phrase_with_two_verbs():
    phrase = "*squat down and *rise"
    assert inflect(phrase, "third") == "squats down and rises"
    assert inflect(phrase, "progressive") == "squatting down and rises"
    assert inflect(phrase, "gerund") == "squatting down and rising"
    assert inflect(phrase, "base") == "squat down and rise"


def check(sentences, least=4, most=8):
    assert least <= len(sentences) <= most
    assert len(set(sentences)) == len(sentences)
    for sentence in sentences:
        assert "*" not in sentence
        assert sentence == sentence.strip()
        assert not sentence.endswith(".")
        assert not re.search(r"  |,,| ,|\b(\w+) \1\b", sentence), sentence


@pytest.mark.parametrize(
    ("label", "every", "some"),
    [
        ("walk", "walk|stroll", "someone is walking forward"),
        ("walk, veer right", "walk|stroll", "right"),
        ("sit on stepstool, stand up", "stool", "stand"),
        ("direct traffic, wave, point", "traffic", "point"),
        ("bend over, scoop up, rise, lift arm", "arm", "bend"),
        ("run/jog, 90-degree left turn", "left", "jog"),
        ("prairie dog (human subject)", "prairie dog", "a person imitates a prairie dog"),
        ("elephant (human subject)", "elephant", "an elephant"),
        ("basketball - low, fast free style dribble, dribble through legs", "dribbl", "through the legs"),
        ("dance - small jetes, pirouette", "danc", "leaps in a jete.*pirouette"),
        ("playground - climb, hang, swing", "climb", "playground"),
        ("Run Dive Over Roll Run", "roll", "dives"),
        ("deep squat", "squat|knees", "squats"),
    ],
)
def test_labels_are_worded(label, every, some):
    sentences = sentences_for_label(label, "other")
    check(sentences)
    assert all(re.search(every, s) for s in sentences), sentences
    assert any(re.search(some, s) for s in sentences), sentences


def test_a_label_that_says_nothing_gives_no_sentence():
    assert sentences_for_label("Unknown", "other") == ()
    assert sentences_for_label("", "walk") == ()
    assert sentences_for_label("Frobnicate wildly", "other") == ()


def test_an_unknown_label_falls_back_on_its_category():
    sentences = sentences_for_label("Frobnicate wildly", "walk")
    check(sentences)
    assert all("walk" in s or "step" in s or "foot" in s for s in sentences)


def test_salsa_tells_of_two_people_and_of_one():
    sentences = sentences_for_label("salsa dance", "two_person")
    check(sentences)
    assert any(s.startswith("two people") for s in sentences)
    assert any(s.startswith("a person") for s in sentences)


def test_limited_performance_is_said():
    plain = sentences_for_label("side lunge")
    limited = sentences_for_label("side lunge (performed incorrectly, as by a patient)")
    check(limited)
    assert all(b.startswith(a) and len(b) > len(a) for a, b in zip(plain, limited, strict=True))


@given(st.sampled_from(sorted(PIECES)))
def test_every_known_piece_is_worded_whatever_its_capitals(piece):
    sentences = sentences_for_label(piece)
    check(sentences)
    assert sentences == sentences_for_label(f"  {piece.upper()} ")


@pytest.mark.parametrize("piece", [p for p in PIECES if re.search(r"\b(left|right)\b", p)])
def test_a_mirrored_label_gives_mirrored_sentences(piece):
    mirrored = tuple(mirror_text(s) for s in sentences_for_label(piece))
    assert mirrored == sentences_for_label(mirror_text(piece))
    assert mirrored != sentences_for_label(piece)


@pytest.mark.parametrize("kind", sorted(FALLS))
@pytest.mark.parametrize("rest", ["", *sorted(RESTS)])
def test_falls_are_worded(kind, rest):
    sentences = sentences_for_fall(kind, rest)
    check(sentences, least=6)
    ended = {"prone": "face down|stomach|prone", "supine": "on the back|face up|supine", "side": "side"}
    if rest:
        assert sum(bool(re.search(f"(?:lie|lying|lies).*(?:{ended[rest]})", s)) for s in sentences) >= 3


def test_pushes_to_the_two_sides_are_mirror_images():
    assert tuple(mirror_text(s) for s in sentences_for_fall("push_l", "")) == sentences_for_fall("push_r", "")


def test_unknown_falls_are_refused():
    with pytest.raises(InputError, match="push_l.*got 'slide'"):
        sentences_for_fall("slide", "prone")
    with pytest.raises(InputError, match="prone.*got 'upside'"):
        sentences_for_fall("trip", "upside")


@pytest.mark.shared
def test_every_label_of_the_recordings_is_worded(shared_data):
    with open(shared_data / "motion" / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        sentences = sentences_for_label(row["label"], row["category"])
        if row["label"] == "Unknown":
            assert sentences == ()
        else:
            check(sentences)
    with np.load(shared_data / "motion" / "simulated_falls.npz") as data:
        for clip in json.loads(str(data["clips"])):
            check(sentences_for_fall(clip["kind"], clip["rest"]), least=6)
    with np.load(shared_data / "motion" / "uiprmd_markers.npz") as data:
        labels = {trial["label"] for trial in json.loads(str(data["trials"]))}
    for label in labels:
        check(sentences_for_label(label))
