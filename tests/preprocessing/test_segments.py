"""Recordings cut into actions, on events given by hand."""

from __future__ import annotations

import numpy as np

from motion_preprocessing.event import Event
from motion_preprocessing.segments import cut_by_events, segment_actions
from motion_preprocessing.skeleton import WORLD_FROM_BODY, rest_joints

FPS = 20.0


def cut(*events: Event, seconds: float = 10.0) -> list[tuple[str, int, int]]:
    return [(s.event.kind, s.start, s.stop) for s in cut_by_events(events, round(seconds * FPS), FPS)]


def test_actions_follow_each_other_without_overlap() -> None:
    events = (Event("walk", 0.0, 3.0, 3.0, "forward"), Event("sit_down", 3.5, 4.5), Event("sit", 4.3, 8.0))
    assert cut(*events) == [("walk", 0, 64), ("sit_down", 66, 90), ("sit", 90, 164)]


def test_the_more_telling_action_keeps_its_time() -> None:
    assert cut(Event("stand", 0.0, 10.0), Event("wave", 4.0, 6.0, side="right")) == [
        ("stand", 0, 80),
        ("wave", 80, 120),
        ("stand", 120, 200),
    ]


def test_what_is_too_short_or_covered_is_left_out() -> None:
    assert cut(Event("gesture", 1.0, 1.4)) == []
    assert cut(Event("gesture", 1.0, 3.0), Event("fall", 1.0, 3.0)) == [("fall", 16, 64)]
    assert cut() == []


def test_segments_never_leave_the_recording() -> None:
    rng = np.random.default_rng(0)
    kinds = ("walk", "turn", "sit", "wave", "stand", "fall")
    for _ in range(50):
        times = np.sort(rng.uniform(0, 10, size=(6, 2)), axis=1)
        events = tuple(Event(str(rng.choice(kinds)), float(a), float(b)) for a, b in times)
        segments = cut_by_events(events, 200, FPS)
        edges = [edge for s in segments for edge in (s.start, s.stop)]
        assert edges == sorted(edges)
        assert all(0 <= edge <= 200 for edge in edges)


def test_a_person_who_stands_is_one_segment() -> None:
    joints = np.tile(rest_joints() @ WORLD_FROM_BODY.T, (60, 1, 1))
    joints[..., 2] -= joints[..., 2].min() - 0.02
    # Arms down: the T-pose would be a gesture of its own.
    for shoulder, chain in ((16, (18, 20)), (17, (19, 21))):
        joints[:, chain] = joints[:, [shoulder]] + np.array([[0.0, 0.0, -0.25], [0.0, 0.0, -0.5]])
    [segment] = segment_actions(joints, FPS)
    assert (segment.event.kind, segment.start, segment.stop) == ("stand", 0, 60)
