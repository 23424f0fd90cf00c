"""What one does with another: windows with and without it, and an easy lesson in which company alone says nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.canonical import canonical_move, move_points
from motion_preprocessing.dataset import MotionDataset, write_dataset
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY
from motion_train.evaluation.clips import KINDS_OF_TWO, Clips
from motion_train.evaluation.recognise_two import (
    APART,
    DANCES,
    DOES,
    ELSEWHERE,
    EXCHANGED,
    MEETS,
    STANDS_BY,
    PairRecogniser,
    Pairs,
    pair_windows,
)

FPS = 20.0
FRAMES = 80
BESIDE = (0.5, 0.2)


def turns(way_deg: float, frames: int = FRAMES) -> np.ndarray:
    rotations = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    rotations[:, 0] = Rotation.from_euler("z", way_deg, degrees=True).as_matrix() @ WORLD_FROM_BODY
    return rotations


def sequence(name: str, action: str, who: str, pair: str, at: tuple[float, float], pace: float = 0.0) -> MotionSequence:
    """Somebody who stands, or walks along, at a place."""
    root = np.array([*at, 0.93]) + np.arange(FRAMES)[:, None] * [pace, 0.0, 0.0]
    rotations = turns(0)
    for joint, side in ((1, 1), (2, -1)):
        swing = 0.4 * side * np.sin(np.arange(FRAMES) * 0.4) * (pace > 0)
        rotations[:, joint] = Rotation.from_rotvec(swing[:, None] * [1.0, 0, 0]).as_matrix()
    events = (Event("standing", 0.0), Event("other", 0.5), Event("standing", 3.0)) if action == "help" else ()
    return MotionSequence(
        name=name, fps=FPS, local_rotations=rotations.astype(np.float32), root_position_m=root.astype(np.float32),
        captions=("somebody does something",), action=action, person_class=who, subject="x", split="train", pair=pair,
        source="key poses: x", licence="none", events=events,
    )  # fmt: skip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    folder: Path = tmp_path_factory.mktemp("pairs") / "d"
    people = [sequence(f"walk{i}", "walk", "person", "", (0.0, 0.0), 0.04 + 0.01 * i) for i in range(3)]
    for action, first, second in (("help", "staff", "patient"), ("dance", "person", "person")):
        for i in range(3):
            people.append(sequence(f"{action}{i}a", action, first, f"{action}{i}", (0.0, 0.0)))
            people.append(sequence(f"{action}{i}b", action, second, f"{action}{i}", BESIDE))
    write_dataset(folder, people, fps=FPS, credits=["nobody"], provenance={})
    return Clips(MotionDataset.open(folder, split="train"))


@pytest.mark.parametrize("fps", [10.0, 40.0])
def test_windows_are_as_long_at_any_rate(tmp_path: Path, fps: float) -> None:
    people = [
        replace(sequence(name, "help", who, "help", place), fps=fps)
        for name, who, place in (("a", "staff", (0.0, 0.0)), ("b", "patient", BESIDE))
    ]
    write_dataset(tmp_path / "d", people, fps=fps, credits=["nobody"], provenance={})
    pairs = pair_windows(Clips(MotionDataset.open(tmp_path / "d", split="train")), 2, 0)
    assert {len(own) for own, sort in zip(pairs.own_m, pairs.sorts, strict=True) if sort == DOES} == {min(80, 6 * fps)}


def test_windows_of_every_sort_are_made(clips: Clips) -> None:
    pairs = pair_windows(clips, 6, 0)
    sorts = {sort: [i for i, s in enumerate(pairs.sorts) if s == sort] for sort in set(pairs.sorts)}
    counts = {sort: len(found) for sort, found in sorts.items()}
    assert counts == {DOES: 3, EXCHANGED: 3, DANCES: 6, MEETS: 6, STANDS_BY: 6, ELSEWHERE: 6, APART: 6}
    np.testing.assert_array_equal(pairs.shows[:, 0], [sort == DOES for sort in pairs.sorts])
    assert not pairs.shows[:, 1].any()
    for i, j in zip(sorts[DOES], sorts[EXCHANGED], strict=True):
        np.testing.assert_array_equal(pairs.own_m[i], pairs.other_m[j])
        np.testing.assert_array_equal(pairs.other_m[i], pairs.own_m[j])
    for own, other in zip(pairs.own_m, pairs.other_m, strict=True):
        assert own.shape == other.shape
        assert np.linalg.norm(own[:, 0, :2] - other[:, 0, :2], axis=-1).min() > 0.35


def test_people_who_are_put_together_stand_where_they_should(clips: Clips) -> None:
    pairs = pair_windows(clips, 12, 1)
    for own, other, sort in zip(pairs.own_m, pairs.other_m, pairs.sorts, strict=True):
        between = (other[0, 0] - own[0, 0])[:2]
        moved = np.linalg.norm(between - BESIDE)
        if sort == APART:  # the helper as in a take, the other one moved away
            assert 0.8 - 1e-6 <= moved <= 2.0 + 1e-6
            assert np.linalg.norm(between) > 0.8
        if sort in (STANDS_BY, ELSEWHERE):  # in a helper's place, or a patient's, facing the same way
            assert moved < 1e-5
            assert canonical_move(own[0])[0] == pytest.approx(0.0, abs=1e-4)
            assert canonical_move(other[0])[0] == pytest.approx(0.0, abs=1e-4)
        if sort == MEETS:
            assert 0.4 <= np.linalg.norm(between) <= 1.5


def test_a_split_without_takes_gives_no_windows(tmp_path: Path) -> None:
    write_dataset(
        tmp_path / "d", [sequence("a", "walk", "person", "", (0, 0), 0.05)], fps=FPS, credits=["x"], provenance={}
    )
    pairs = pair_windows(Clips(MotionDataset.open(tmp_path / "d", split="train")), 5, 0)
    assert not pairs.own_m
    assert pairs.shows.shape == (0, len(KINDS_OF_TWO))
    assert PairRecogniser(pairs, FPS).kinds == ()


def two(seed: int, *, hand_on: bool, rises: bool) -> tuple[np.ndarray, np.ndarray]:
    """A carer beside somebody who rises or does not, with a hand on their back or with both down."""
    rng = np.random.default_rng(seed)
    way, at = rng.uniform(-np.pi, np.pi), rng.uniform(-3, 3, 2)
    own, _ = forward_kinematics(turns(0), np.broadcast_to([0.0, 0.0, 0.93], (FRAMES, 3)))
    root = np.broadcast_to([rng.uniform(0.4, 0.6), 0.0, 0.55], (FRAMES, 3)).copy()
    root[:, 2] += 0.38 * rises * np.clip(np.linspace(-0.5, 1.5, FRAMES), 0, 1)
    other, _ = forward_kinematics(turns(rng.uniform(-60, 60)), root)
    own, other = np.array(own), np.array(other)
    own += 0.01 * rng.standard_normal((1, 22, 3))
    for side in ("left", "right"):
        elbow, wrist = JOINT_INDEX[f"{side}_elbow"], JOINT_INDEX[f"{side}_wrist"]
        palm = other[:, JOINT_INDEX["spine2"]] if hand_on else own[:, 0] + [0.05, 0.3, -0.15]
        own[:, wrist] = palm - [0.1, 0, 0] + 0.02 * rng.standard_normal(3)
        own[:, elbow] = own[:, wrist] - [0.2, 0, 0]
    moved = [move_points(body, way, at) for body in (own, other)]
    return moved[0], moved[1]


def lesson(first: int, count: int) -> Pairs:
    """Help, a hand on somebody who stays, somebody who rises alone beside another, and help out of reach."""
    pairs = Pairs()
    for i in range(count):
        helper, helped = two(first + i, hand_on=True, rises=True)
        pairs.add(helper, helped, "help", DOES)
        pairs.add(helped, helper, "", EXCHANGED)
        pairs.add(*two(first + i, hand_on=True, rises=False), "", ELSEWHERE)
        pairs.add(*two(first + i, hand_on=False, rises=True), "", STANDS_BY)
        pairs.add(helper, helped + [1.2, 0.4, 0.0], "", APART)
    return pairs


def test_help_is_told_from_all_that_looks_alike() -> None:
    recogniser = PairRecogniser(lesson(0, 16), FPS)
    assert recogniser.kinds == ("help",)
    new = lesson(100, 8)
    seen = recogniser.sees(new.own_m, new.other_m)["help"]
    for sort in (DOES, EXCHANGED, ELSEWHERE, STANDS_BY, APART):
        np.testing.assert_array_equal(seen[[s == sort for s in new.sorts]], sort == DOES, err_msg=sort)
    helper, helped = two(200, hand_on=True, rises=True)
    far = helped + [4.0, 0.0, 0.0]
    assert recogniser.sees_people(np.stack([helper, far, helped])) == {"help": True}
    assert recogniser.sees_people(np.stack([helper, far, helped]), who=2) == {"help": False}
    assert recogniser.sees_people(np.stack([helper, far])) == {"help": False}
    assert recogniser.sees_people(np.stack([helper])) == {"help": False}  # alone
