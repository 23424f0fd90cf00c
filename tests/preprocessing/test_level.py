"""Levelling against walks on floors of known tilt; rotations are checked with scipy's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motion_preprocessing import cli
from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.level import FloorTilt, Stances, find_stances, fit_floor_tilt
from motion_preprocessing.manifest import Take
from motion_preprocessing.mocap import Report, capture_sequences, has_even_floor, sessions
from motion_preprocessing.pose_vector import decode
from motion_preprocessing.skeleton import FEET, JOINT_COUNT, WORLD_FROM_BODY

Floats = NDArray[np.float64]
FPS = 30.0


def straight(count: int) -> Floats:
    """Steps of 0.6 m along x, (count, 2), a few cm off the line; the right foot takes the odd ones, 0.2 m aside."""
    number = np.arange(count)
    return np.stack([0.6 * number, 0.03 * np.cos(1.7 * number) - 0.2 * (number % 2)], axis=1)


def circle(count: int) -> Floats:
    angle = 0.4 * np.arange(count)
    return (1.5 - 0.2 * (np.arange(count)[:, None] % 2)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def walk(steps: Floats, rise: Floats | float = 0.0, *, seed: int = 0) -> Floats:
    """Joints (T, 22, 3) of someone whose left and right foot rest in turn at `steps` (N, 2), `rise` (N) high.

    A foot rests for 0.4 s, then swings 0.12 m high to its next place. As in the captures the right one rests 2 cm
    higher than the left one, and each stance is off by some 3 mm.
    """
    places = np.concatenate([steps, np.broadcast_to(rise, len(steps))[:, None]], axis=1)
    places[:, 2] += np.random.default_rng(seed).normal(0, 0.003, len(places)) + 0.02 * (np.arange(len(places)) % 2)
    joints = np.zeros(((len(places) - 1) * 12, JOINT_COUNT, 3))
    share = np.linspace(0, 1, 12)[:, None]
    swing = share + np.sin(2 * np.pi * share) / -(2 * np.pi)
    for step in range(len(places) - 1):
        frames = slice(12 * step, 12 * step + 12)
        joints[frames, FEET[step % 2]] = places[step]
        if step == 0:
            joints[frames, FEET[1]] = places[1]
            continue
        path = places[step - 1] + swing * (places[step + 1] - places[step - 1])
        path[:, 2] += 0.12 * np.sin(np.pi * share[:, 0])
        joints[frames, FEET[1 - step % 2]] = path
    return joints


def uphill(tilt_deg: float, azimuth_deg: float) -> Rotation:
    """Rotation that makes a level floor rise by `tilt_deg` towards the azimuth, about a horizontal axis."""
    azimuth = np.radians(azimuth_deg)
    return Rotation.from_rotvec(np.radians(tilt_deg) * np.array([np.sin(azimuth), -np.cos(azimuth), 0.0]))


def stances(joints: Floats, tilt: Rotation | None = None) -> Stances:
    """Stances of joints, tilted first."""
    return find_stances(joints if tilt is None else tilt.apply(joints.reshape(-1, 3)).reshape(joints.shape), FPS)


def left_over_deg(tilt: FloorTilt | None, true: Rotation) -> float:
    """Angle between the vertical and the normal of the true floor once it is levelled."""
    assert tilt is not None
    root = np.broadcast_to(np.eye(3), (1, JOINT_COUNT, 3, 3))
    _, normal = tilt.level(root, true.apply([[0.0, 0.0, 1.0]]))
    return float(np.degrees(np.arccos(np.clip(normal[0, 2], -1, 1))))


def test_stances_are_found_where_feet_rest() -> None:
    steps = straight(9)
    left, right = stances(walk(steps))
    np.testing.assert_allclose(left[:, :2], steps[0:8:2], atol=0.01)
    np.testing.assert_allclose(right[:, :2], steps[1:8:2], atol=0.01)
    np.testing.assert_allclose(left[:, 2], 0, atol=0.015)
    np.testing.assert_allclose(right[:, 2], 0.02, atol=0.015)


def test_a_foot_held_up_is_no_stance() -> None:
    joints = np.zeros((60, JOINT_COUNT, 3))
    joints[:, FEET[0], 2] = 0.3
    left, right = stances(joints)
    assert len(left) == 0
    assert len(right) == 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tilt_deg", [-3.0, 1.1, 4.5])
def test_a_straight_walk_shows_the_tilt_along_its_way(tilt_deg: float, seed: int) -> None:
    true = uphill(tilt_deg, 0)
    tilt = fit_floor_tilt([stances(walk(straight(9), seed=seed), true)])
    assert left_over_deg(tilt, true) < 0.2
    assert tilt is not None
    # The feet's own difference, 2 cm over 20 cm, is not taken for a slope to the side.
    assert abs(tilt.slope[1]) < 0.003


@pytest.mark.parametrize("azimuth_deg", [0, 70, 160, 250, 340])
def test_a_walk_in_a_circle_shows_the_tilt_whichever_way(azimuth_deg: float) -> None:
    true = uphill(2.0, azimuth_deg)
    assert left_over_deg(fit_floor_tilt([stances(walk(circle(24)), true)]), true) < 0.2


def test_the_clips_of_a_session_share_one_plane_and_a_box_in_the_way_does_not_count() -> None:
    true = uphill(1.2, 0)
    rise = np.zeros(9)
    rise[7] = 0.25
    clips = [walk(straight(9), seed=1), walk(-straight(8), seed=2), walk(straight(9), rise, seed=3)]
    assert left_over_deg(fit_floor_tilt([stances(joints, true) for joints in clips]), true) < 0.2


@pytest.mark.parametrize("seed", range(10))
def test_a_level_floor_is_left_alone(seed: int) -> None:
    assert fit_floor_tilt([stances(walk(straight(9), seed=seed))]) is None
    assert fit_floor_tilt([stances(walk(circle(24), seed=seed)), stances(walk(straight(7), seed=seed))]) is None


@pytest.mark.parametrize("height_m", [0.12, 0.17, 0.2])
@pytest.mark.parametrize("level_steps", [0, 2, 4, 6])
def test_real_steps_are_left_alone(height_m: float, level_steps: int) -> None:
    # Stairs of 0.3 m a tread after some steps on the floor, and a landing on top.
    steps = straight(level_steps + 6)
    rise = height_m * np.clip(np.arange(len(steps)) - level_steps, 0, 3)
    steps[level_steps:, 0] = steps[level_steps, 0] + 0.3 * np.arange(6)
    assert fit_floor_tilt([stances(walk(steps, rise))]) is None


def test_a_ramp_is_left_alone() -> None:
    assert fit_floor_tilt([stances(walk(straight(9)), uphill(8.0, 0))]) is None
    exact = np.array([[x, 0.0, 0.0] for x in range(4)])
    assert fit_floor_tilt([(uphill(5.9, 0).apply(exact),)]) is not None
    assert fit_floor_tilt([(uphill(6.1, 0).apply(exact),)]) is None


def test_a_slight_tilt_is_left_alone_however_clear() -> None:
    exact = np.array([[x, 0.0, 0.0] for x in range(4)])
    assert fit_floor_tilt([(uphill(0.26, 0).apply(exact),)]) is not None
    assert fit_floor_tilt([(uphill(0.24, 0).apply(exact),)]) is None


def test_too_little_ground_has_no_say() -> None:
    true = uphill(3.0, 0)
    steps = straight(9)
    steps[:, 0] *= 0.2
    assert fit_floor_tilt([stances(walk(steps), true)]) is None
    # To and fro between two places 1.4 m apart; with 1.6 m it counts.
    there = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]] * 3)
    assert fit_floor_tilt([(true.apply(1.4 * there),)]) is None
    assert left_over_deg(fit_floor_tilt([(true.apply(1.6 * there),)]), true) < 1e-6
    assert fit_floor_tilt([]) is None
    assert fit_floor_tilt([stances(np.zeros((40, JOINT_COUNT, 3)))]) is None


def test_few_stances_fit_any_plane_and_are_not_believed() -> None:
    exact = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    true = uphill(3.0, 0)
    assert fit_floor_tilt([(true.apply(exact),)]) is None  # 3 stances, 2 unknowns
    assert fit_floor_tilt([(true.apply(exact), true.apply(exact))]) is not None


def test_what_must_be_explained() -> None:
    # On a slope of 1 % stances scatter by e: of the variance 0.01^2 var(x) + e^2 the slope explains the first part.
    x = np.arange(8.0) * 0.6
    scatter = np.array([1, -1, -1, 1, 1, -1, -1, 1])  # orthogonal to x and to a constant

    def clip(explained: float) -> Stances:
        e = 0.01 * np.std(x) * np.sqrt(1 / explained - 1)
        return (np.stack([x, 0 * x, 0.01 * x + e * scatter], axis=1),)

    assert fit_floor_tilt([clip(0.95)]) is not None
    assert fit_floor_tilt([clip(0.75)]) is None  # a clip alone
    assert fit_floor_tilt([clip(0.75)] * 2) is not None  # two agree
    assert fit_floor_tilt([clip(0.45)] * 2) is None


def test_too_many_stances_off_the_plane_make_no_floor() -> None:
    x = np.arange(12.0) * 0.5
    for boxes, levelled in ((2, True), (4, False)):
        z = 0.02 * x
        z[1 : 1 + 3 * boxes : 3] += 0.4
        tilt = fit_floor_tilt([(np.stack([x, 0 * x, z], axis=1),)])
        assert (tilt is not None) is levelled


def test_clips_that_do_not_agree_are_not_levelled_together() -> None:
    long, short = straight(12), straight(6)
    tilted = [stances(walk(long, seed=n), uphill(1.5, 0)) for n in range(2)]
    level = [stances(walk(short, seed=n)) for n in range(2, 6)]
    assert fit_floor_tilt(tilted) is not None
    assert fit_floor_tilt([*tilted, *level[:1]]) is not None
    assert fit_floor_tilt([*tilted, *level]) is None


def test_levelling_turns_the_body_as_one_rigid_whole() -> None:
    rng = np.random.default_rng(5)
    local = Rotation.random(6 * JOINT_COUNT, random_state=rng).as_matrix().reshape(6, JOINT_COUNT, 3, 3)
    root = rng.normal(size=(6, 3))
    joints, _ = forward_kinematics(local, root)
    true = uphill(3.7, 130)
    tilted = local.copy()
    tilted[:, 0] = true.as_matrix() @ local[:, 0]
    tilt = FloorTilt((float(np.tan(np.radians(3.7)) * np.cos(np.radians(130))),
                      float(np.tan(np.radians(3.7)) * np.sin(np.radians(130)))), 1.0)  # fmt: skip
    assert tilt.angle_deg == pytest.approx(3.7)
    back = forward_kinematics(*tilt.level(tilted, true.apply(root)))[0]
    # About a horizontal axis there and back: not even the heading changes.
    np.testing.assert_allclose(back, joints, atol=1e-12)


def take(subject: str, trial: str, label: str = "walk", category: str = "walk") -> Take:
    return Take(f"{trial}.bvh", subject, trial, FPS, 30, False, category, label, "", "")


def test_a_session_is_all_of_a_subject_and_of_partners() -> None:
    a1, b1, c1 = take("1", "1_1"), take("2", "2_1"), take("3", "3_1")
    a2, b2 = take("1", "1_2", "salsa", "two_person"), take("2", "2_2", "salsa", "two_person")
    assert sessions([[a1], [b1], [c1]]) == [[[a1]], [[b1]], [[c1]]]
    assert sessions([[a1], [b1], [c1], [a2, b2]]) == [[[a1], [b1], [a2, b2]], [[c1]]]


@pytest.mark.parametrize(
    ("label", "even"),
    [
        ("playground - climb", False), ("walk on uneven terrain", False), ("climb 3 steps", False), ("walk", True),
        ("climb ladder", False), ("Run Side Step Left", True), ("sit on stepstool, stand up", True),
    ],
)  # fmt: skip
def test_labels_of_uneven_ground(label: str, even: bool) -> None:
    assert has_even_floor(take("1", "1_1", label)) is even


def hops(captures: Any, trial: str, tilt_deg: float, *, count: int = 7, label: str = "walk") -> None:
    """A rest body that stands at places 0.5 m apart on a floor that rises ahead, gliding from one to the next."""
    ease = (1 - np.cos(np.linspace(0, np.pi, 12))) / 2
    along = np.concatenate([[n + s for s in (*np.zeros(8), *ease)] for n in range(count - 1)] + [[count - 1] * 8])
    angle = np.radians(tilt_deg)
    z = 0.5 * along / (0.0254 / 0.45)
    places = np.stack([0 * z, 17 * np.cos(angle) + z * np.sin(angle), z * np.cos(angle) - 17 * np.sin(angle)], axis=1)
    frames = [((0.0, 17.0, 0.0), {})]
    # The file is y up and looks along z: uphill is the negative turn about x, the last of the three channels.
    frames += [(tuple(place), {"Hips": (0.0, 0.0, -tilt_deg)}) for place in places]
    subject = trial.partition("_")[0]
    captures.add(f"cmu_bvh/{subject}/{trial}.bvh", captures.bvh_text(frames), len(frames), label=label)


def upright_error_deg(pose: Floats) -> float:
    local = decode(pose.astype(np.float64)).local_rotations[:, 0]
    return float(np.degrees(Rotation.from_matrix(local @ WORLD_FROM_BODY.T).magnitude().max()))


def test_the_command_levels_a_tilted_session(
    captures: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hops(captures, "07_01", 2.5)
    hops(captures, "07_02", 2.5, count=2)  # covers too little ground, but shares the floor
    hops(captures, "07_03", 2.5, label="playground - climb")
    hops(captures, "16_01", 0.0)
    monkeypatch.setattr(sys, "argv", ["motion-preprocess", "mocap", str(captures.path), str(tmp_path / "set")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "2 (up to 2.50 degrees)" in capsys.readouterr().out
    poses = {record.name: np.array(record.pose) for record in MotionDataset.open(tmp_path / "set")}
    assert upright_error_deg(poses["cmu_07_01"]) < 0.2
    assert upright_error_deg(poses["cmu_07_02"]) < 0.2
    assert upright_error_deg(poses["cmu_07_03"]) == pytest.approx(2.5, abs=0.01)
    assert upright_error_deg(poses["cmu_16_01"]) < 0.01
    feet = decode(poses["cmu_07_01"].astype(np.float64)).joints_m[:, list(FEET)]
    np.testing.assert_allclose(feet[..., 2], 0, atol=0.01)  # 13 cm from first to last before
    assert feet[-1, 0, 0] - feet[0, 0, 0] > 2.5


@pytest.mark.shared
def test_stances_of_a_tilted_session_come_down_to_the_floor(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    (folder / "cmu_bvh").symlink_to(shared_data / "motion" / "cmu_bvh")
    rows = (shared_data / "motion" / "manifest.csv").read_text().splitlines()
    wanted = [row for row in rows if ",07_0" in row or ",43_01" in row or ",39_0" in row]
    (folder / "manifest.csv").write_text("\n".join([rows[0], *wanted]) + "\n")
    report = Report()
    made = list(capture_sequences(folder, fps=FPS, report=report))
    levelled = [sequence for sequence in made if sequence.subject in ("cmu_07", "cmu_43")]
    assert len(levelled) == report.levelled == 10
    for sequence in levelled:
        joints, _ = forward_kinematics(
            sequence.local_rotations.astype(np.float64), sequence.root_position_m.astype(np.float64)
        )
        heights = np.concatenate(find_stances(joints, FPS))[:, 2]
        assert len(heights) > 4
        assert heights.max() < 0.02  # 2 to 9 cm before
