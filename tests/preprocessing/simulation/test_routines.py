from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.pose_vector import encode
from motion_preprocessing.simulation import care
from motion_preprocessing.simulation.batch import read_starts
from motion_preprocessing.simulation.hinges import Pose, chain, local_rotations
from motion_preprocessing.simulation.keypose import faults, make, sequence_of
from motion_preprocessing.simulation.mishaps import spots
from motion_preprocessing.simulation.recorded import Recording, fit
from motion_preprocessing.simulation.routine import Walks, words
from motion_preprocessing.simulation.routines import KINDS
from motion_preprocessing.simulation.steps import arrive, junctions
from motion_preprocessing.skeleton import JOINT_INDEX


@pytest.fixture(scope="module")
def walks(starts: Path) -> Walks:
    return read_starts(starts).walks["train"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("chair_both", "bed_roll")])
def test_routines_do_what_they_say(kind: str, walks: Walks) -> None:
    for seed in range(4):
        made = make(kind, np.random.default_rng([6, seed]), walks)
        if not faults(made):
            break
    else:
        pytest.fail("no clean clip in four")
    height = made.joints_m[:, 0, 2]
    low, high = height[:3].mean(), height[-3:].mean()
    if kind in ("chair_sit", "bed_lie", "floor_lie"):
        low, high = high, low
    assert low < (0.3 if kind.startswith("floor") else 0.75)
    if not (kind == "bed_up" and high < 0.8) and not (kind == "bed_lie" and high < 0.8):
        assert high > 0.8
    sequence = sequence_of(made, "clip", 0, "train", np.random.default_rng(0))
    assert sequence.frame_labels is not None
    assert len(sequence.frame_labels) == len(made.root_m)
    assert all(sentence == sentence.strip() and "  " not in sentence for sentence in sequence.captions)
    assert len(set(sequence.captions)) == len(sequence.captions) >= 3


@pytest.mark.parametrize("come_deg", [180.0, -90.0])
def test_walks_come_to_a_stand_where_they_should(come_deg: float, walks: Walks) -> None:
    found = arrive(walks.into[0], 24, np.array([0.4, 0.1]), 0.0, come_deg, 1.0)
    last = found.keys[-1]
    places = np.array([last.touch[f"foot_{side}"][:2] for side in "lr"])
    np.testing.assert_allclose(places.mean(axis=0), [0.4, 0.1], atol=1e-9)
    # It comes walking towards yaw - come, and turns by come, to the left where that is positive.
    way = found.lead.root_m[-1, :2] - found.lead.root_m[2, :2]
    heading = np.degrees(np.arctan2(way[1], way[0]))
    assert np.cos(np.radians(heading + come_deg)) > 0.98
    yaws = np.unwrap([np.radians(key.turn_deg[0]) for key in found.keys[1:]])
    assert np.sign(yaws[-1] - yaws[0]) == np.sign(come_deg)


def test_turning_words_are_true(walks: Walks) -> None:
    checked = 0
    for seed in range(12):
        rng = np.random.default_rng([8, seed])
        routine = KINDS["chair_sit"][0](rng, walks)
        told = " ".join(words(routine, False, np.random.default_rng(0)))
        if routine.arrival is None or ("left" in told) == ("right" in told):
            continue
        yaws = np.unwrap([np.radians(key.turn_deg[0]) for key in routine.arrival.keys[1:]])
        assert ("left" in told) == (yaws[-1] > yaws[0])
        checked += 1
    assert checked >= 2


def test_hinges_follow_a_recording(walk: Pose) -> None:
    recording = Recording(
        "w", "cmu_1", "train", "walk", encode(local_rotations(walk), walk.root_m, 20.0).astype(np.float32)
    )
    again = fit(recording.rotations[30:60], recording.root_m[30:60])
    away = np.linalg.norm(chain(again).joints_m - recording.joints_m[30:60], axis=-1)
    assert away.mean() < 0.005
    assert len(junctions([recording], 24, 0)) > 3
    found = spots([recording])
    assert found.striding
    assert found.passing
    assert found.striking
    assert not found.standing
    recorded = recording.joints_m
    over = recorded.copy()
    over[60:, :, 2] += 0.15  # up a step that physics does not have
    recording.joints_m = over
    on_floor = spots([recording])
    for all_of, some in zip(vars(found).values(), vars(on_floor).values(), strict=True):
        assert [spot.frame for spot in some] == [spot.frame for spot in all_of if spot.frame + 12 < 60]
    recording.joints_m = recorded
    for spot in found.passing:
        ankles = recording.joints_m[:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]], 0]
        swing = 0 if spot.foot == "left" else 1
        assert ankles[spot.frame + 2, swing] - ankles[spot.frame - 2, swing] > 0.15
    assert abs(float(heading_rad(recording.rotations[40, 0]))) < 0.3


@pytest.mark.parametrize("kind", ["help_chair", "help_floor"])
def test_hands_reach_whom_they_help(kind: str) -> None:
    for seed in range(5):
        made = care.KINDS[kind][0](np.random.default_rng([3, seed]))
        if not care.help_faults(made):
            break
    else:
        pytest.fail("no clean scene in five")
    patient, carer = (chain(pose).joints_m for pose in made.poses)
    assert len(patient) == len(carer)
    wrists = carer[:, [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]]
    gap = np.linalg.norm(patient[:, :, None] - wrists[:, None], axis=-1).min(axis=1)
    # Both hands are on the other's body for a while.
    assert (gap.max(axis=1) < 0.2).sum() > 8
    who = [s.person_class for s in care.help_sequences(made, "clip", 0, "train", np.random.default_rng(0))]
    assert who == ["patient", "staff"]
