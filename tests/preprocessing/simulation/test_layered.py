from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.events import detect
from motion_preprocessing.frame_labels import ACTIONS
from motion_preprocessing.metrics import person_penetration_m
from motion_preprocessing.motion_features import measure
from motion_preprocessing.pose_vector import encode
from motion_preprocessing.simulation import care, keypose
from motion_preprocessing.simulation.arms import turns_of
from motion_preprocessing.simulation.batch import read_starts
from motion_preprocessing.simulation.hinges import Array, chain
from motion_preprocessing.simulation.recorded import Recording, recordings
from motion_preprocessing.simulation.routine import Walks
from motion_preprocessing.simulation.spans import FPS, Base, Span, posed_base, recorded_base, spans
from motion_preprocessing.simulation.waves import Wave, Waving, draw_wave, make_waving, wave_over
from motion_preprocessing.simulation.wheelchair import Ride, curved, make_ride
from motion_preprocessing.skeleton import JOINT_INDEX


@pytest.fixture(scope="module")
def found(starts: Path) -> list[Span]:
    return spans(recordings(MotionDataset.open(starts), ("walk",)))


@pytest.fixture(scope="module")
def walked(found: list[Span]) -> list[Span]:
    """Without the first and the last step, which start and end at rest."""
    return [replace(span, start=span.start + 12, stop=span.stop - 12) for span in found]


@pytest.fixture(scope="module")
def walk_base(walked: list[Span]) -> Base:
    return recorded_base(walked[0], 8.0, 1.2, np.random.default_rng(0))


@pytest.fixture(scope="module")
def ride() -> Ride:
    """Behind the chair glides a standing body: the walk of the other tests sways too much to hold on to anything."""
    base = posed_base("stand", 5.0, np.random.default_rng(2))
    root = base.root_m + np.outer(np.arange(len(base.root_m)) / FPS, [1.1, 0.0, 0.0])
    glider = Recording("glide", "cmu_98", "train", "walk", np.asarray(encode(base.rotations, root, FPS), np.float32))
    made = make_ride(np.random.default_rng(1), [Span(glider, "walk", 0, len(root), False)])
    assert made.faults() == []
    return made


@pytest.fixture(scope="module")
def recorded(starts: Path) -> Walks:
    return read_starts(starts).walks["train"]


def kinds(joints_m: Array) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for event in detect(measure(joints_m, FPS)):
        found.setdefault(event.kind, []).append(event.side)
    return found


def plain_wave(seconds: float) -> Wave:
    return replace(
        draw_wave(np.random.default_rng(3), seconds), hz=1.8, swings=3, half_deg=25.0, raise_s=0.3, rise_s=0.6
    )


def test_a_walk_is_found_as_such_and_slowed_down(found: list[Span]) -> None:
    assert [(span.kind, span.busy) for span in found] == [("walk", False)]
    usual = recorded_base(found[0], 100.0, 1.0, np.random.default_rng(0))
    slow = recorded_base(found[0], 100.0, 1.25, np.random.default_rng(0))
    assert len(slow.root_m) == pytest.approx(1.25 * len(usual.root_m), abs=2)
    np.testing.assert_allclose(slow.root_m[-1], usual.root_m[-1], atol=0.05)


@pytest.mark.parametrize(("kind", "sides"), [
    ("walk", ("left",)), ("walk", ("right",)), ("stand", ("right",)), ("stand", ("left", "right")), ("sit", ("left",)),
    ("sit", ("left", "right")),
])  # fmt: skip
def test_waves_are_seen_with_their_side_and_the_rest_goes_on(
    walk_base: Base, kind: str, sides: tuple[str, ...]
) -> None:
    base = walk_base if kind == "walk" else posed_base(kind, 4.0, np.random.default_rng(1))
    wave = plain_wave(4.0)
    rotations = wave_over(base, dict.fromkeys(sides, wave), 2.0)
    joints = turns_of(rotations, base.root_m)[0]
    assert set(kinds(joints)["wave"]) == {"both" if len(sides) == 2 else sides[0]}
    assert "wave" not in kinds(turns_of(base.rotations, base.root_m)[0])
    legs = [JOINT_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("hip", "knee", "ankle", "foot")]
    np.testing.assert_array_equal(rotations[:, legs], base.rotations[:, legs])
    # Before and after, the arm is where it was.
    after = round(wave.end_s * FPS) + 1
    for frames in (slice(0, round(wave.raise_s * FPS) + 1), slice(after, None)):
        np.testing.assert_allclose(rotations[frames], base.rotations[frames], atol=1e-9)
    assert after < len(rotations)


def test_a_drawn_wave_begins_and_ends_inside_the_clip() -> None:
    for seed in range(300):
        seconds = 2.85 + seed / 60
        wave = draw_wave(np.random.default_rng(seed), seconds)
        assert wave.raise_s >= 0.1
        assert wave.end_s < seconds
        assert 2 <= wave.swings <= 7
        assert 1.2 <= wave.hz <= 2.5


def test_waves_that_nobody_would_see_are_left_out(walk_base: Base) -> None:
    def faults(half_deg: float) -> list[str]:
        wave = replace(plain_wave(4.0), half_deg=half_deg)
        rotations = wave_over(walk_base, {"left": wave}, 0.0)
        joints = turns_of(rotations, walk_base.root_m)[0]
        return Waving(walk_base, rotations, joints, ("left",), {"left": wave}).faults()

    assert faults(25.0) == []
    assert faults(4.0) == ["unseen"]


def test_the_same_seed_waves_the_same(walked: list[Span]) -> None:
    first, again = (make_waving(np.random.default_rng(5), walked) for _ in range(2))
    np.testing.assert_array_equal(first.rotations, again.rotations)
    words = [made.sequences("w", 5, "train", np.random.default_rng(6))[0].captions for made in (first, again)]
    assert words[0] == words[1]
    assert len(set(words[0])) >= 5


def test_hands_hold_the_handles_of_a_chair_that_keeps_its_shape(ride: Ride) -> None:
    sitter, walker = ride.joints_m
    wrists = walker[:, [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]]
    # Steady against each other and against the seat, as things of one chair are.
    across = np.linalg.norm(wrists[:, 0] - wrists[:, 1], axis=-1)
    assert np.ptp(across) < 0.01
    assert 0.44 < across.mean() < 0.56
    np.testing.assert_allclose(wrists[..., 2], ride.chair.handle_m[2], atol=0.01)
    to_seat = np.linalg.norm(sitter[:, None, 0] - wrists, axis=-1)
    assert np.ptp(to_seat, axis=0).max() < 0.05
    ankles = [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]
    assert np.ptp(sitter[:, ankles, 2]) < 0.02
    assert 0.1 < sitter[:, [JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"]], 2].mean() < 0.2
    assert person_penetration_m(sitter, walker).max() == 0.0


def test_who_rides_is_seen_to_sit_and_both_are_in_one_world(ride: Ride) -> None:
    seen = set(kinds(ride.joints_m[0]))
    assert "sit" in seen
    assert not {"squat", "walk"} & seen
    two = ride.sequences("r", 1, "train", np.random.default_rng(0))
    assert [(s.person_class, s.pair) for s in two] == [("patient", "r"), ("staff", "r")]
    assert [ACTIONS[s.frame_labels[0]] for s in two if s.frame_labels is not None] == ["sitting", "walk"]
    assert all("wheel" in text for text in two[0].captions + two[1].captions)
    # One world: the distance of the two is what it was before they were turned.
    gap = np.linalg.norm(two[0].root_position_m - two[1].root_position_m, axis=-1)
    np.testing.assert_allclose(gap, np.linalg.norm(ride.root_m[0] - ride.root_m[1], axis=-1), atol=1e-5)


def test_a_ride_that_goes_through_its_passenger_is_left_out(ride: Ride) -> None:
    sitter, walker = ride.joints_m
    back = walker[:, :1, :] - sitter[:, :1, :]
    assert "overlap" in replace(ride, joints_m=(sitter + 0.9 * back, walker)).faults()


def test_a_bent_way_turns_by_its_length(walk_base: Base) -> None:
    bent = curved(walk_base, 0.2)
    steps = [np.linalg.norm(np.diff(base.root_m[:, :2], axis=0), axis=-1) for base in (walk_base, bent)]
    np.testing.assert_allclose(steps[1], steps[0], rtol=1e-9)
    # Straight on, so that its swaying does not count.
    length = float(np.linalg.norm(walk_base.root_m[-1, :2] - walk_base.root_m[0, :2]))
    turned = np.unwrap(heading_rad(bent.rotations[:, 0])) - np.unwrap(heading_rad(walk_base.rotations[:, 0]))
    assert turned[-1] - turned[0] == pytest.approx(0.2 * length, rel=0.05)
    ways = [np.diff(base.root_m[[0, 10, -11, -1], :2], axis=0)[[0, 2]] for base in (walk_base, bent)]
    gone = [np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b) for a, b in ways]
    assert gone[1] - gone[0] == pytest.approx(0.2 * length * (len(turned) - 11) / len(turned), rel=0.1)


@pytest.mark.parametrize(("kind", "seen"), [
    ("pick_up", {"pick_up", "squat_down"}), ("reach", {"reach", "raise_arm", "hold_arm"}), ("kneel_up", {"rise"}),
])  # fmt: skip
def test_errands_are_seen_as_what_they_are(kind: str, seen: set[str], recorded: Walks) -> None:
    good = 0
    for seed in (2, 3, 5):
        made = keypose.make(kind, np.random.default_rng(seed), recorded)
        good += not keypose.faults(made)
        assert seen & set(kinds(made.joints_m))
        assert made.joints_m[-1, 0, 2] > 0.85
    assert good >= 2


def test_only_lying_down_that_looks_like_a_fall_is_left_out(recorded: Walks) -> None:
    made = [keypose.make("floor_lie", np.random.default_rng([11, seed]), recorded) for seed in range(4)]
    assert not any("fall" in kinds(m.joints_m) or "falls" in keypose.faults(m) for m in made)
    hurried = [replace(m, joints_m=m.joints_m[::3]) for m in made]
    looks = ["fall" in kinds(m.joints_m) for m in hurried]
    assert [("falls" in keypose.faults(m)) for m in hurried] == looks
    assert any(looks)


def test_hands_are_laid_on_the_other_person_without_a_jump_and_from_outside() -> None:
    two = care.help_bed(np.random.default_rng(0))
    helper = chain(two.poses[1])
    hands = helper.joints_m[:, [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]]
    assert np.linalg.norm(np.diff(hands, axis=0), axis=-1).max() * FPS < 3.5
    palm = hands[:, 0] + helper.turns[:, JOINT_INDEX["left_wrist"]] @ [0.0, 0.08, 0.0]
    elbow = chain(two.poses[0]).joints_m[:, JOINT_INDEX["right_elbow"]]
    assert 0.05 < np.linalg.norm(palm - elbow, axis=-1).min() < 0.1
    assert care.help_faults(two) == []
    into = replace(two, poses=(two.poses[0], two.poses[1]._replace(root_m=two.poses[1].root_m - [0.25, 0.0, 0.0])))
    assert "overlap" in care.help_faults(into)
