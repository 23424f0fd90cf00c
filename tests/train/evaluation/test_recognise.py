"""The classifier of actions: features that do not depend on the place, thresholds by search, an easy lesson learned."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.canonical import move_points
from motion_preprocessing.dataset import MotionDataset, MotionRecord, write_dataset
from motion_preprocessing.event import Event as Detected
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY
from motion_train.evaluation.clips import KINDS_OF_TWO, Clips, shows_its_own
from motion_train.evaluation.forest import best_threshold
from motion_train.evaluation.recognise import (
    KINDS,
    Labelled,
    Recogniser,
    features,
    hands_held,
    labelled_windows,
    shown,
)
from motion_train.evaluation.requests import ACTIONS, for_actions

FPS = 20.0
DETECTED = Detected("stand", 0.0, 1.0)


def moving(seed: int, *, drop_m: float = 0.0, frames: int = 50) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rotations = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    turn = Rotation.from_rotvec(np.linspace(0, 0.7 * rng.uniform(-1, 1), frames)[:, None] * [0, 0, 1]).as_matrix()
    rotations[:, 0] = turn @ WORLD_FROM_BODY
    rotations[:, 1:] = Rotation.from_rotvec(0.1 * rng.standard_normal((21, 3))).as_matrix()
    root = np.array([0, 0, 0.93]) + np.linspace(0, 1, frames)[:, None] * [*rng.uniform(-1, 1, 2), -drop_m]
    joints, _ = forward_kinematics(rotations, root)
    return np.asarray(joints, dtype=np.float64)


def test_features_do_not_depend_on_place_and_way() -> None:
    joints = moving(0)
    np.testing.assert_allclose(
        features(joints, FPS), features(move_points(joints, 2.5, np.array([4.0, -1.0])), FPS), atol=1e-4
    )
    assert np.abs(features(joints, FPS) - features(moving(0, drop_m=0.5), FPS)).max() > 0.1


def test_the_best_threshold_is_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(80) < 0.3
    chance = np.round(np.clip(0.3 * truth + rng.random(80) * 0.6, 0, 1), 2)

    def score(at: float) -> float:
        return float((chance[truth] >= at).mean() + (chance[~truth] < at).mean())

    assert score(best_threshold(chance, truth)) == pytest.approx(max(score(at) for at in np.arange(0, 1.001, 0.001)))
    assert best_threshold(chance, np.ones(80, dtype=np.bool_)) == 0.5


def lesson(first: int, count: int) -> Labelled:
    shows = np.zeros((count, len(KINDS)), dtype=np.bool_)
    shows[::2, KINDS.index("sit_down")] = True
    return Labelled([moving(first + i, drop_m=0.45 * (i % 2 == 0)) for i in range(count)], shows, np.arange(count))


def test_it_learns_what_it_is_shown_and_nothing_else() -> None:
    recogniser = Recogniser(lesson(0, 40), FPS)
    assert recogniser.kinds == ("sit_down",)
    new = lesson(100, 20)
    np.testing.assert_array_equal(recogniser.sees(new.joints_m)["sit_down"], new.shows[:, KINDS.index("sit_down")])


def test_nothing_to_learn() -> None:
    empty = Labelled([moving(i) for i in range(6)], np.zeros((6, len(KINDS)), dtype=np.bool_), np.arange(6))
    assert Recogniser(empty, FPS).sees([moving(9)]) == {}


def pair(folder: Path, action: str, events: tuple[Event, ...] = (), frames: int = 200) -> MotionDataset:
    """Somebody who stands and somebody who walks along, of one take."""
    people = []
    for who, pace in (("patient", 0.0), ("staff", 0.06)):
        rotations = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
        rotations[:, 0] = WORLD_FROM_BODY
        root = np.array([0, 0, 0.93]) + np.arange(frames)[:, None] * [pace, 0, 0]
        people.append(MotionSequence(
            name=f"take_{who}", fps=FPS, local_rotations=rotations.astype(np.float32),
            root_position_m=root.astype(np.float32), captions=("a nurse does it",), action=action, person_class=who,
            subject="x", split="train", pair="take", source="key poses: x", licence="none", events=events,
        ))  # fmt: skip
    write_dataset(folder, people, fps=FPS, credits=["nobody"], provenance={})
    return MotionDataset.open(folder, split="train")


def seen_in(record: MotionRecord, start: int, frames: int = 60) -> set[str]:
    joints = np.asarray(record.pose[start : start + frames, POSITIONS], dtype=np.float64).reshape(-1, 22, 3)
    found = {kind for kind, told in zip(KINDS, shown(record, joints, start, FPS), strict=True) if told}
    return found | {kind for kind in KINDS_OF_TWO if shows_its_own(record, kind, start, frames, FPS)}


def test_the_one_who_helps_shows_it_while_it_lasts(tmp_path: Path) -> None:
    told = (Event("standing", 0.0), Event("other", 3.0), Event("standing", 6.0))  # frames 60 to 120
    patient, staff = pair(tmp_path / "d", "help", told)
    assert "help" in seen_in(staff, 60)
    assert "help" in seen_in(staff, 21)
    assert "help" not in seen_in(staff, 10)  # half a second of it
    assert "help" not in seen_in(staff, 125)
    assert "help" not in seen_in(patient, 60)
    assert "walk" in seen_in(staff, 60)


def test_the_one_who_pushes_a_wheelchair_shows_it(tmp_path: Path) -> None:
    patient, staff = pair(tmp_path / "d", "wheelchair")
    assert {"wheelchair", "walk"} <= seen_in(staff, 30)
    assert "wheelchair" not in seen_in(patient, 30)
    assert not seen_in(dataclasses.replace(staff, person_class="patient"), 30) & {"wheelchair", "walk"}


def test_a_hand_near_the_floor_is_a_bend_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    patient, _ = pair(tmp_path / "d", "other")
    found = (dataclasses.replace(DETECTED, kind="pick_up"),)
    monkeypatch.setattr("motion_train.evaluation.recognise.detect", lambda _: found)
    assert seen_in(patient, 0) == {"bend"}


def test_windows_of_clips_are_added(tmp_path: Path) -> None:
    data = pair(tmp_path / "d", "wheelchair")
    drawn = labelled_windows(Clips(data), 30, 0)
    assert len(drawn.joints_m) == 31  # there is one clip of somebody who pushes
    assert drawn.shows[-1, KINDS.index("walk")]


def test_who_is_asked_to_help_is_the_first_and_staff() -> None:
    asked = {wanted.name: wanted.request for wanted in for_actions(1, 0)}
    assert [name.rpartition("_")[0] for name in asked] == list(ACTIONS)
    assert tuple(ACTIONS) == KINDS + KINDS_OF_TWO
    for action in ("help", "wheelchair"):
        request = asked[f"{action}_000"]
        assert request.person_classes == ("staff", "patient")
        assert request.prompts[0].startswith("a nurse")
    assert asked["walk_000"].persons == 1


def test_a_phase_counts_when_a_second_of_it_is_shown(tmp_path: Path) -> None:
    told = (Event("lying", 0.0), Event("stand_up", 1.0), Event("standing", 6.0))  # frames 20 to 120
    patient, _ = pair(tmp_path / "d", "get_up", told)
    assert "get_up" in seen_in(patient, 60)  # it began before the window
    assert "get_up" not in seen_in(patient, 110)
    assert "get_up" not in seen_in(patient, 0, frames=30)


def test_held_hands_are_taught_not_to_be_waves() -> None:
    joints = moving(1, frames=60)
    wrist, elbow = JOINT_INDEX["right_wrist"], JOINT_INDEX["right_elbow"]
    joints[:, wrist, 1] += 0.1 * np.sin(2 * np.pi * 2.0 * np.arange(60) / FPS)
    shows = np.zeros((2, len(KINDS)), dtype=np.bool_)
    shows[0, [KINDS.index("wave"), KINDS.index("walk")]] = True
    lesson = hands_held(Labelled([joints, moving(2)], shows, np.arange(2)), FPS)
    assert len(lesson.joints_m) == 3
    assert [kind for kind, told in zip(KINDS, lesson.shows[2], strict=True) if told] == ["walk"]
    assert lesson.shows[0, KINDS.index("wave")]
    np.testing.assert_array_equal(lesson.joints_m[0], joints)

    def swing(one: np.ndarray) -> float:
        return float(np.ptp((one[:, wrist] - one[:, elbow])[10:-10, 1]))

    assert swing(joints) > 0.18
    assert swing(lesson.joints_m[2]) < 0.06
    others = [j for j in range(22) if j not in (JOINT_INDEX["left_wrist"], wrist)]
    np.testing.assert_array_equal(lesson.joints_m[2][:, others], joints[:, others])
