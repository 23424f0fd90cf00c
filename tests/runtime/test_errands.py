"""What somebody uses in the parts of a prompt, and what the model reads of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from motion_preprocessing.room_objects import RoomObject
from motion_runtime.errands import PACE_M_S, Errand, as_prompt, errands, phases, things_used
from motion_runtime.timeline import LEAST_PART_S, Part, Timeline


def thing(number: int, name: str, x_m: float) -> RoomObject:
    """A metre by half a metre, half a metre high."""
    back = (0.0, 0.0)
    return RoomObject(
        number, name, name, True, np.arange(3), (x_m, 0.0), (1.0, 0.5, 0.5), 0.0, 0.5, (x_m, 0.0), back
    )  # fmt: skip


CHAIR, BED, TABLE, FAR = thing(1, "chair", 0.0), thing(2, "bed", 4.0), thing(3, "table", 1.2), thing(4, "chair", 9.0)
ROOM = (CHAIR, BED, TABLE)


def uses(prompt: str) -> list[tuple[str, bool, int, int, int | None]]:
    """Class, lies, part, since and until of each errand."""
    found = errands([part.strip() for part in prompt.split("|")], ROOM)
    return [(one.things[0].object_class if one.things else "", one.lies, *_when(one)) for one in found]


def _when(one: Errand) -> tuple[int, int, int | None]:
    return one.part, one.since, one.until


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("walks around | waves", []),
        ("sits on the chair", [("chair", False, 0, 0, None)]),
        ("walks to the bed | sits down | lies down", [("bed", False, 1, 0, None)]),
        ("walks to the table | looks round | sits down", [("chair", False, 2, 0, None)]),
        ("gets up from the bed | waves | sits down", [("bed", True, 0, 0, 0), ("chair", False, 2, 0, None)]),
        ("sits on the chair | lies down", [("chair", False, 0, 0, 1), ("bed", True, 1, 1, None)]),
        (
            "sits on the chair | stands up and walks to the bed and lies down",
            [("chair", False, 0, 0, 1), ("bed", True, 1, 1, None)],
        ),
        (
            "sits on the chair | stands up | walks to the bed | lies down",
            [("chair", False, 0, 0, 1), ("bed", True, 3, 1, None)],
        ),
        ("sits on the chair | sits on the bed", [("chair", False, 0, 0, 1), ("bed", False, 1, 1, None)]),
        ("gets up from the bed and walks away", [("bed", True, 0, 0, 0)]),
        (
            "gets up from the bed and sits down on the chair",
            [("bed", True, 0, 0, 0), ("chair", False, 0, 0, None)],
        ),
        (
            "gets off the bed, walks to the chair and sits down",
            [("bed", True, 0, 0, 0), ("chair", False, 0, 0, None)],
        ),
    ],
)
def test_what_is_used_when(prompt: str, wanted: list[tuple[str, bool, int, int, int | None]]) -> None:
    assert uses(prompt) == wanted


@pytest.mark.parametrize(
    "way",
    ["gets off the bed", "getting out of bed", "climbs off", "jumps up", "leaves the bed", "stands up", "walks away"],
)
def test_who_leaves_is_not_held_there(way: str) -> None:
    assert uses(f"lies on the bed | {way}") == [("bed", True, 0, 0, 1)]


@pytest.mark.parametrize(
    "way", ["falls to the floor", "falls out of bed", "rolls off the bed", "collapses", "slips down"]
)
def test_who_falls_off_is_not_held_there_and_falls(way: str) -> None:
    falls = way != "slips down"
    (one,) = errands(["lies on the bed", way], ROOM)
    assert (one.until, one.falls) == ((1, True) if falls else (None, False))
    assert not errands(["lies on the bed", "gets off the bed"], ROOM)[0].falls


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("a person gets off the bed", "a person stands up from a chair"),
        ("a patient falls out of bed", "a patient rolls out of bed and falls to the floor"),
        ("a person stands up and waves", "a person stands up and waves"),
    ],
)
def test_who_leaves_a_bed_is_told_so_in_words_that_the_model_knows(said: str, told: str) -> None:
    for first, reads in (("a person lies on the bed", told), ("a person sits on the chair", said)):
        draft, again = phases([(first, 4.0), (said, 4.0)], errands([first, said], ROOM), [None])
        assert draft[1] == again[1] == Part(reads, 4.0)


@pytest.mark.parametrize("stays", ["goes to sleep", "goes back to sleep", "sleeps", "waves", "sits up"])
def test_who_goes_to_sleep_goes_nowhere(stays: str) -> None:
    assert uses(f"lies on the bed | {stays}") == [("bed", True, 0, 0, None)]


def test_at_a_table_one_sits_on_the_chair_beside_it() -> None:
    furniture = (FAR, CHAIR, BED, TABLE)
    assert things_used("sits down at the table", furniture) == [CHAIR]
    assert things_used("sits down", furniture) == [FAR, CHAIR]
    assert things_used("sits down at the table", (FAR, TABLE)) == [TABLE]
    assert things_used("walks", furniture) == []


SAID = (
    "a person sits down on the chair",
    "a person stands up",
    "a person walks to the bed and lies down",
    "a person stands up and walks to the chair and sits down",
    "a person waves",
)


@pytest.mark.parametrize("way_m", [None, 0.0, 2.5, 40.0])
@pytest.mark.parametrize("seconds", [1.0, 2.7, 20 / 3, 12.0])
def test_what_the_model_reads_takes_as_long_as_what_was_said(seconds: float, way_m: float | None) -> None:
    for texts in itertools.product(SAID, SAID):
        parts = [(text, seconds) for text in texts]
        wanted = errands(texts, ROOM)
        for told in phases(parts, wanted, [way_m] * len(wanted)):
            assert sum(part.seconds or 0.0 for part in told) == pytest.approx(2 * seconds, abs=1e-3)
            assert min(part.seconds or 0.0 for part in told) >= LEAST_PART_S
            # A command reads it back, and no part begins elsewhere than it was to.
            starts = Timeline.parse(as_prompt(told)).starts(2 * seconds)
            assert min(abs(start - seconds) for start in starts) < 2e-3


def test_a_part_that_ends_on_a_thing_is_rising_walking_and_resting() -> None:
    parts = [(SAID[0], 5.0), ("a person stands up and walks to the bed and lies down", 9.0)]
    draft, again = phases(parts, errands([text for text, _ in parts], ROOM), [None, 3.0])
    said = [(part.text, part.seconds) for part in draft]
    assert said[0][1] == 5.0
    assert [text for text, _ in said] == [
        "a person sits down on a chair", "a person stands up from a chair", "a person walks forward",
        "a patient lies on the bed",
    ]  # fmt: skip
    assert said[2] == ("a person walks forward", pytest.approx(3.0 / PACE_M_S))
    # Gone over again, the end of the way and the rest are one: no seam where somebody goes down.
    assert "walks to the bed and lies down" in again[-1].text
    assert len(again) <= len(draft)


def test_where_there_is_no_time_the_prompt_is_read_as_it_is() -> None:
    texts = ["a person stands up", "a person walks to the bed and lies down"]
    parts = [(text, 2.0) for text in texts]
    wanted = [Errand((CHAIR,), False, 0, 0, 1), Errand((BED,), True, 1, 1)]
    told = [Part(text, 2.0) for text in texts]
    assert phases(parts, wanted, [None, 3.0]) == (told, told)
