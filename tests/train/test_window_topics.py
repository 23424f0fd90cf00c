"""Which moment a window shows, and whether a clip's caption can be trusted for it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from motion_preprocessing.dataset import MotionRecord
from motion_preprocessing.event import Event
from motion_preprocessing.pose_vector import encode
from motion_preprocessing.rotations import about_z
from motion_preprocessing.skeleton import JOINT_COUNT, WORLD_FROM_BODY
from motion_train.window_topics import Moment, Topics, agrees, clip_events, place


def _record(path_m: np.ndarray, source: str = "CMU x", yaw_rad: np.ndarray | None = None) -> MotionRecord:
    """A standing body carried along a path (T, 2)."""
    frames = len(path_m)
    rotations = np.tile(np.eye(3), (frames, JOINT_COUNT, 1, 1))
    yaw = np.zeros(frames) if yaw_rad is None else yaw_rad
    rotations[:, 0] = about_z(yaw) @ WORLD_FROM_BODY
    root = np.concatenate([path_m, np.full((frames, 1), 0.93)], axis=1)
    pose = encode(rotations.astype(np.float32), root.astype(np.float32), 20.0).astype(np.float32)
    values = {field.name: "" for field in dataclasses.fields(MotionRecord)}
    values |= {"pose": pose, "fps": 20.0, "captions": (), "events": (), "source": source}
    return MotionRecord(**values)


def test_a_turn_on_the_spot_is_filed_as_one() -> None:
    still = np.zeros((80, 2))
    yaw = np.concatenate([np.zeros(30), np.linspace(0, np.pi / 2, 20), np.full(30, np.pi / 2)])
    record = _record(still, yaw_rad=yaw)
    topics = Topics([_record(still), record], 20.0)
    (moment,) = topics.moments["turn"]
    assert moment.record == 1
    assert moment.start < 40 < moment.stop


@pytest.mark.parametrize("length", [40, 60, 100])
def test_a_window_holds_its_event_with_a_margin_where_there_is_room(length: int) -> None:
    rng = np.random.default_rng(0)
    moment = Moment(0, 70, 90)
    for _ in range(200):
        start = place(moment, 300, length, 20.0, rng)
        assert start <= 70 - 5
        assert start + length >= 90 + 5


def test_a_window_shorter_than_its_event_lies_inside_it() -> None:
    rng = np.random.default_rng(1)
    starts = [place(Moment(0, 50, 150), 400, 60, 20.0, rng) for _ in range(200)]
    assert min(starts) >= 50
    assert max(starts) + 60 <= 150
    assert len(set(starts)) > 20


def test_a_window_stays_within_its_clip() -> None:
    rng = np.random.default_rng(2)
    for moment in (Moment(0, 0, 15), Moment(0, 95, 110)):
        for _ in range(100):
            assert 0 <= place(moment, 110, 60, 20.0, rng) <= 50
    assert place(Moment(0, 5, 20), 50, 60, 20.0, rng) == 0


def test_what_is_said_of_helping_is_not_asked_of_the_helper() -> None:
    walks = [Event("walk", 0.0, 2.0)]
    assert agrees("a carer walks up and helps a patient stand up", walks)
    assert not agrees("a carer sits down and helps a patient stand up", walks)
    assert not agrees("a person stands up", walks)


def test_a_caption_needs_all_that_it_says() -> None:
    seated = [Event("sit", 0.0, 5.0)]
    both = [Event("sit_down", 0.0, 1.0), Event("sit", 1.0, 3.0), Event("stand_up", 3.0, 4.0)]
    assert not agrees("a person sits down and gets up", seated)
    assert agrees("a person sits down and gets up", both)
    assert agrees("a person sits on a chair", seated)
    assert not agrees("someone is jumping forward", [Event("walk", 0.0, 3.0, 4.0, "forward")])
    assert not agrees("a person falls after tripping", [Event("lie", 0.0, 5.0)])
    assert agrees("a person plays basketball", [])


def test_sources_weigh_by_the_root_of_their_number() -> None:
    walk = np.stack([np.linspace(0, 4, 80), np.zeros(80)], axis=1)
    records = [_record(walk, "CMU a") for _ in range(16)] + [_record(walk, "other b")]
    topics = Topics(records, 20.0)
    rng = np.random.default_rng(3)
    drawn = [topics.draw(rng).record for _ in range(3000)]
    # One moment of weight 1 beside 16 of weight 1/4.
    assert np.mean(np.array(drawn) == 16) == pytest.approx(1 / 5, abs=0.03)


def test_clips_too_short_to_measure_have_no_events() -> None:
    assert clip_events(_record(np.zeros((6, 2))), 20.0) == ()
    assert len(Topics([_record(np.zeros((6, 2)))], 20.0)) == 0
