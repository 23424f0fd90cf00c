"""Prompts that change over time: reading them, and when each part begins."""

from __future__ import annotations

import pytest

from motion_preprocessing.errors import InputError
from motion_runtime.editing.windows import overlap_frames, plan_windows
from motion_runtime.motion import GenerationRequest
from motion_runtime.timeline import Part, Timeline, motion_seconds, part_at


def test_parts_and_lengths_are_read() -> None:
    assert Timeline.parse("a person walks").parts == (Part("a person walks", None),)
    assert Timeline.parse(" walks |4s: sits down|  1.5 S :stands up ").parts == (
        Part("walks", None), Part("sits down", 4.0), Part("stands up", 1.5)
    )  # fmt: skip
    # Seconds in the middle of a sentence are words.
    assert Timeline.parse("waits 4s: then walks").parts == (Part("waits 4s: then walks", None),)


@pytest.mark.parametrize(
    ("prompt", "seconds", "starts"),
    [
        ("walks", 0.2, [0]),
        ("walks | sits", 6.0, [0, 3]),
        ("2s: walks | sits | stands", 8.0, [0, 2, 5]),
        ("walks | 4s: sits", 6.0, [0, 2]),
        ("2s: walks | 3s: sits", 5.0, [0, 2]),
        ("2s: walks | 3s: sits", 9.0, [0, 2]),
    ],
)
def test_open_parts_share_what_is_left(prompt: str, seconds: float, starts: list[float]) -> None:
    assert Timeline.parse(prompt).starts(seconds) == pytest.approx(starts)


def test_the_motion_is_as_long_as_the_longest_prompt_with_all_its_lengths() -> None:
    timelines = [Timeline.parse(prompt) for prompt in ("2s: walks | 3s: sits", "7s: waves", "falls")]
    assert motion_seconds(timelines, 20.0) == 7.0
    assert motion_seconds(timelines[2:], 20.0) == 20.0
    assert GenerationRequest(("2s: walks | 8s: sits",)).seconds == 10.0
    assert GenerationRequest(("2s: walks | sits",)).seconds == 6.0


@pytest.mark.parametrize("parts", [2, 3, 4, 5])
def test_every_part_has_the_window_that_begins_with_it(parts: int) -> None:
    timeline = Timeline.parse(" | ".join("abcde"[:parts]))
    for tenths in range(10 * parts, 300):
        firsts = timeline.first_frames(tenths / 10, 20.0)
        windows = plan_windows(round(2 * tenths), firsts, 120, overlap_frames(20.0))
        assert {part_at(firsts, window.start) for window in windows} == set(range(parts)), tenths
    assert [part_at([0, 60], frame) for frame in (0, 59, 60, 120)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("prompt", "seconds", "message"),
    [
        ("walks | ", 6.0, "expected words in every part, got none in part 2 of"),
        ("| walks", 6.0, "expected words in every part, got none in part 1 of"),
        ("4s: | walks", 6.0, "expected words in every part, got none in part 1 of"),
        ("0.5s: walks | sits", 6.0, "expected parts of 1 s to an hour, got 0.5 s"),
        ("walks | sits | stands", 2.5, "expected at least 1 s for each of 3 parts, got 2.5 s in all"),
        ("4s: walks | sits", 4.5, "expected at least 1 s for each of 2 parts"),
        ("4000s: walks", 6.0, "expected parts of 1 s to an hour, got 4000 s"),
        ("4s:", 6.0, "expected words"),
    ],
)
def test_what_does_not_fit_is_one_line(prompt: str, seconds: float, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        GenerationRequest((prompt,), seconds=seconds)
    assert "\n" not in str(caught.value)


def test_long_prompts_of_one_person_must_fit_that_of_another() -> None:
    with pytest.raises(InputError, match="expected at least 1 s for each of 3 parts"):
        GenerationRequest(("2s: walks", "a | b | c"))
