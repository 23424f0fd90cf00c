"""OmniFall classes of every frame: constructed motions whose truth is known, and what is known of real clips."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motion_preprocessing.event import Event
from motion_preprocessing.falls import read_falls
from motion_preprocessing.frame_labels import ACTIONS, labels_of_events, omnifall_labels
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.markers.uiprmd import MarkerReport, exercise_sequences
from motion_preprocessing.motion_features import ALL_FOURS, KNEELING, LYING, SITTING, SQUATTING, measure
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY

FPS = 20.0
STAND_M = 0.945
Array = NDArray[np.float64]


def body(seconds: float) -> tuple[Array, Array, Array]:
    """Time, rotations of the rest body with hanging arms, and its place."""
    time = np.arange(round(seconds * FPS)) / FPS
    local = np.broadcast_to(np.eye(3), (len(time), 22, 3, 3)).copy()
    local[:, 0] = WORLD_FROM_BODY
    for side, degrees in (("left", -75), ("right", 75)):
        local[:, JOINT_INDEX[f"{side}_shoulder"]] = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    return time, local, np.array([0.0, 0.0, STAND_M]) + np.zeros((len(time), 3))


def bend(local: Array, joint: str, degrees: Array) -> None:
    local[:, JOINT_INDEX[joint]] = Rotation.from_euler("x", degrees[:, None], degrees=True).as_matrix()


def ramp(time: Array, start: float, stop: float) -> Array:
    u = np.clip((time - start) / (stop - start), 0, 1)
    return u * u * (3 - 2 * u)


def names(joints: Array) -> list[str]:
    return [ACTIONS[k] for k in omnifall_labels(joints, FPS)]


def test_every_frame_has_a_class_number() -> None:
    _, local, root = body(2.0)
    labels = omnifall_labels(forward_kinematics(local, root)[0], FPS)
    assert labels.shape == (40,)
    assert labels.dtype == np.int64
    assert len(ACTIONS) == 16
    assert set(labels) == {ACTIONS.index("standing")}


def test_walking_there_and_standing() -> None:
    time, local, root = body(5.0)
    root[:, 0] = 1.2 * np.clip(time, 0, 2.5)
    found = names(forward_kinematics(local, root)[0])
    assert found[10:40] == ["walk"] * 30
    assert found[-25:] == ["standing"] * 25


def test_sitting_down_sitting_and_rising_in_their_order() -> None:
    time, local, root = body(8.0)
    down = ramp(time, 1.5, 2.7) - ramp(time, 5.0, 6.2)
    for side in ("left", "right"):
        bend(local, f"{side}_hip", -85 * down)
        bend(local, f"{side}_knee", 85 * down)
    root[:, 0] -= 0.4 * down
    root[:, 2] -= 0.36 * down
    found = names(forward_kinematics(local, root)[0])
    order = [found[0]] + [b for a, b in zip(found[:-1], found[1:], strict=True) if a != b]
    assert order == ["standing", "sit_down", "sitting", "stand_up", "standing"]
    assert found[round(4.0 * FPS)] == "sitting"
    # The edges lie within a third of a second of the truth.
    assert abs(found.index("sit_down") / FPS - 1.5) < 0.35
    assert abs((len(found) - found[::-1].index("stand_up")) / FPS - 6.2) < 0.35


def test_leaning_sideways_over_planted_feet_is_no_walk() -> None:
    time, local, root = body(4.0)
    lean = ramp(time, 1.0, 1.8) - ramp(time, 2.2, 3.0)
    # A swaying body: the ankles turn, the feet stay.
    local[:, 0] = Rotation.from_euler("x", (25 * lean)[:, None], degrees=True).as_matrix() @ WORLD_FROM_BODY
    feet = forward_kinematics(local, np.zeros_like(root))[0][:, [7, 8]].mean(axis=1)
    root = -feet + [0.0, 0.0, 0.1]
    joints = forward_kinematics(local, root)[0]
    assert np.ptp(joints[:, 0, 1]) > 0.3
    assert "walk" not in names(joints)


@pytest.mark.shared
@pytest.mark.slow
def test_falls_are_labelled_where_the_simulation_says(shared_data: Path) -> None:
    falling, fallen, before = [], [], []
    for fall in read_falls(shared_data / "motion" / "simulated_falls.npz")[::4]:
        if fall.kind == "bed":
            continue
        labels = [ACTIONS[k] for k in omnifall_labels(
            forward_kinematics(fall.local_rotations, fall.root_position_m)[0], fall.fps)]  # fmt: skip
        onset, impact = int(fall.onset_s * fall.fps), int(fall.impact_s * fall.fps)
        before += labels[: max(0, onset - 5)]
        falling += labels[onset + 3 : impact + 1]
        fallen += labels[impact + round(0.5 * fall.fps) :]
    assert np.mean([label == "fall" for label in falling]) > 0.8
    assert np.mean([label == "fallen" for label in fallen]) > 0.95
    assert np.mean([label == "fall" for label in before]) < 0.02


@pytest.mark.shared
@pytest.mark.slow
def test_squats_are_squats(shared_data: Path) -> None:
    path = shared_data / "motion" / "uiprmd_markers.npz"
    found = []
    for sequence in exercise_sequences(path, fps=FPS, report=MarkerReport(), limit=10):  # deep squats of one subject
        labels = set(names(forward_kinematics(sequence.local_rotations, sequence.root_position_m)[0]))
        found.append({"standing", "squat_down", "stand_up"} <= labels)
        assert not {"sit_down", "fall", "kneel_down", "walk"} & labels
    assert np.mean(found) >= 0.9


def stretches(found: list[str]) -> list[tuple[str, int]]:
    return [(name, len(list(frames))) for name, frames in groupby(found)]


def test_a_posture_of_a_frame_or_two_belongs_to_what_is_beside_it() -> None:
    _, local, root = body(4.0)
    f = measure(forward_kinematics(local, root)[0], FPS)
    f.posture[20:60] = SITTING
    f.posture[30:31] = SQUATTING
    f.posture[32:34] = KNEELING
    f.posture[70:76] = SQUATTING  # .3 s can be seen
    found = stretches([ACTIONS[k] for k in labels_of_events(f, ())])
    assert found == [("standing", 20), ("sitting", 40), ("standing", 10), ("squatting", 6), ("standing", 4)]


@pytest.mark.parametrize(("rises_s", "told"), [(None, "crawl"), (3.5, "stand_up"), (6.5, "crawl")])
def test_who_gets_onto_hands_and_knees_stands_up_only_if_they_go_on(rises_s: float | None, told: str) -> None:
    _, local, root = body(8.0)
    f = measure(forward_kinematics(local, root)[0], FPS)
    f.posture[:40] = LYING
    f.posture[40:] = ALL_FOURS
    events = [Event("lie", 0.0, 1.5), Event("get_up_to", 1.5, 2.5, manner="lie"), Event("crawl", 2.0, 8.0)]
    if rises_s is not None:
        events.append(Event("get_up", rises_s, rises_s + 1.0, manner="crawl"))
    found = [ACTIONS[k] for k in labels_of_events(f, tuple(events))]
    assert found[round(2.2 * FPS)] == told
    assert found[10] == "lying"
    assert ("stand_up" in found) == (rises_s is not None)


def tipping(seconds: float) -> Array:
    """A stiff body that tips forward over its feet, at 80 degrees after 1.5 s, after one of standing."""
    time, local, root = body(1.0 + seconds)
    angle = np.radians(80) * np.clip((time - 1.0) / 1.5, 0, None) ** 2.5
    local[:, 0] = Rotation.from_euler("y", angle[:, None]).as_matrix() @ WORLD_FROM_BODY
    root[:, 0], root[:, 2] = STAND_M * np.sin(angle), STAND_M * np.cos(angle)
    return forward_kinematics(local, root)[0]


def test_a_fall_that_the_end_cuts_short_is_a_fall_once_it_is_fast() -> None:
    last = [names(tipping(seconds))[-1] for seconds in (0.3, 1.3, 1.4)]
    assert last == ["standing", "fall", "fall"]
    assert "walk" not in names(tipping(1.3))


@pytest.mark.parametrize("bent_m", [0.36, 0.5])
def test_who_sits_down_or_squats_quickly_falls_at_no_cut(bent_m: float) -> None:
    time, local, root = body(3.0)
    down = ramp(time, 1.0, 1.8)
    for side in ("left", "right"):
        bend(local, f"{side}_hip", -85 * down)
        bend(local, f"{side}_knee", (85 if bent_m < 0.4 else 120) * down)
    root[:, 0] -= (0.4 if bent_m < 0.4 else 0.1) * down
    root[:, 2] -= bent_m * down
    joints = forward_kinematics(local, root)[0]
    for frames in range(20, len(joints)):
        assert "fall" not in names(joints[:frames])


@pytest.mark.shared
@pytest.mark.slow
def test_simulated_falls_that_are_cut_short_are_falls_and_squats_and_sits_are_none(shared_data: Path) -> None:
    last = []
    for fall in read_falls(shared_data / "motion" / "simulated_falls.npz")[::8]:
        if fall.kind == "bed":
            continue
        joints = forward_kinematics(fall.local_rotations, fall.root_position_m)[0]
        cut = int((fall.impact_s - 0.1) * fall.fps)
        last.append(ACTIONS[omnifall_labels(joints[: cut + 1], fall.fps)[-1]])
    assert np.mean([label == "fall" for label in last]) > 0.6
    path = shared_data / "motion" / "uiprmd_markers.npz"
    for sequence in exercise_sequences(path, fps=FPS, report=MarkerReport(), limit=10):
        joints = forward_kinematics(sequence.local_rotations, sequence.root_position_m)[0]
        for frames in range(10, len(joints), 2):
            assert "fall" not in names(joints[:frames])


def test_an_event_may_be_short() -> None:
    _, local, root = body(2.0)
    f = measure(forward_kinematics(local, root)[0], FPS)
    found = stretches([ACTIONS[k] for k in labels_of_events(f, (Event("jump", 1.0, 1.1),))])
    assert found == [("standing", 20), ("jump", 2), ("standing", 18)]


def test_the_deepest_moment_of_a_squat_is_seen_however_short() -> None:
    _, local, root = body(3.0)
    f = measure(forward_kinematics(local, root)[0], FPS)
    f.posture[30] = SQUATTING
    squat = (Event("squat_down", 1.0, 1.5), Event("stand_up", 1.55, 2.0))
    found = stretches([ACTIONS[k] for k in labels_of_events(f, squat)])
    assert [name for name, _ in found] == ["standing", "squat_down", "squatting", "stand_up", "standing"]
    assert found[2] == ("squatting", 1)
