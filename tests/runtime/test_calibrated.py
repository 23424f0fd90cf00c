"""Answers made as large as they should be, against scipy's DCT and closed forms."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import dct, idct

from motion_preprocessing.errors import BundleError
from motion_preprocessing.pose_vector import POSE_DIM, POSITIONS, ROTATIONS, VELOCITIES
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX
from motion_runtime import GenerationRequest, Generator
from motion_runtime.bundle import Bundle
from motion_runtime.calibrated import ARMS, SIDES, Calibrated, dct_basis, raised_arms
from motion_runtime.manifest import Calibration, Normaliser, to_dict
from motion_runtime.manifest_reader import parse_manifest
from motion_runtime.sampler import Step
from motion_runtime.session import choose_provider

TOY = Path(__file__).parent / "toy_bundle"
FPS = 20.0
CALIBRATION = Calibration(
    (1.0, 5.0),
    (100, 300),
    arms=((1.2, 0.4), (1.0, 0.2)),
    raised_arms=((1.4, 0.5), (1.6, 0.5)),
    others=((1.1, 0.8), (1.3, 0.6)),
)
NORMALISER = Normaliser(
    np.random.default_rng(5).normal(size=POSE_DIM).astype(np.float32), np.full(POSE_DIM, 0.5, np.float32)
)
STEP = Step(200, a=0.5, b=0.5, c=0.0, s=0.1)


@pytest.mark.parametrize("frames", [1, 2, 7, 120])
def test_the_basis_is_scipys(frames: int) -> None:
    x = np.random.default_rng(0).normal(size=(frames, 3))
    np.testing.assert_allclose(dct_basis(frames) @ x, dct(x, axis=0, norm="ortho"), atol=1e-12)


def motion(people: int, frames: int, up: tuple[int, ...]) -> np.ndarray:
    """Noise in the model's numbers; the hands of some arms, numbered from 0, are up, all others down."""
    x0 = np.random.default_rng(1).normal(size=(people, frames, POSE_DIM)).astype(np.float32)
    for number in range(2 * people):
        person, side = divmod(number, 2)
        x0[person, :, 3 * JOINT_INDEX[f"{SIDES[side]}_wrist"] + 2] += 20.0 if number in up else -20.0
    return x0


def test_every_frequency_is_multiplied_by_its_factor() -> None:
    """Level 200 is in the middle of both, and factors between frequencies lie on lines from 1 at 0 Hz.

    Those above 1 of raised arms, here 1.5, count thrice.
    """
    x0 = motion(2, 90, up=(1, 2))
    found = Calibrated(CALIBRATION, NORMALISER, FPS)(x0, STEP)
    hertz = np.arange(90) * FPS / 180
    expected = np.empty_like(x0)
    others = np.setdiff1d(np.arange(POSE_DIM), np.concatenate(ARMS))
    for person, left, right in ((0, (1.1, 0.3), (3.375, 0.5)), (1, (3.375, 0.5), (1.1, 0.3))):
        for numbers, factors in ((ARMS[0], left), (ARMS[1], right), (others, (1.2, 0.7))):
            curve = np.interp(hertz, (0, 1, 5), (1, *factors))
            part = dct(x0[person][:, numbers], axis=0, norm="ortho") * curve[:, None]
            expected[person][:, numbers] = idct(part, axis=0, norm="ortho")
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.dtype == np.float32


def test_arms_are_arms_and_raised_where_the_hand_is_over_the_elbow() -> None:
    for side, numbers in zip(SIDES, ARMS, strict=True):
        joints = np.zeros(JOINT_COUNT, dtype=bool)
        joints[[JOINT_INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist")]] = True
        inside = np.zeros(POSE_DIM, dtype=bool)
        inside[numbers] = True
        np.testing.assert_array_equal(inside[POSITIONS], np.repeat(joints, 3))
        np.testing.assert_array_equal(inside[VELOCITIES], np.repeat(joints, 3))
        np.testing.assert_array_equal(inside[ROTATIONS], np.repeat(joints[1:], 6))
    metres = np.zeros((1, 10, POSE_DIM), dtype=np.float32)
    metres[0, :5, 3 * JOINT_INDEX["left_wrist"] + 2] = 0.2  # half of the time
    metres[0, :3, 3 * JOINT_INDEX["right_wrist"] + 2] = 0.2
    assert raised_arms(NORMALISER.normalise(metres), NORMALISER).tolist() == [[True, False]]


def test_who_stands_still_stays_and_the_last_step_is_left_alone() -> None:
    calibrated = Calibrated(CALIBRATION, NORMALISER, FPS)
    still = np.tile(np.random.default_rng(2).normal(size=POSE_DIM), (1, 30, 1)).astype(np.float32)
    np.testing.assert_allclose(calibrated(still, STEP), still, atol=1e-5)
    x0 = np.random.default_rng(3).normal(size=(1, 30, POSE_DIM)).astype(np.float32)
    assert calibrated(x0, Step(3, a=0.0, b=1.0, c=0.0, s=0.0)) is x0
    assert np.abs(calibrated(x0, STEP) - x0).max() > 0.1


def test_beyond_the_levels_and_frequencies_the_nearest_counts() -> None:
    calibrated = Calibrated(CALIBRATION, NORMALISER, FPS)
    for level, table in ((0, 0), (999, 1)):
        arms, _, _ = calibrated.filters(40, level)
        basis = dct_basis(40)
        assert (basis @ arms @ basis.T)[-1, -1] == pytest.approx(CALIBRATION.arms[table][-1], rel=1e-5)


def test_a_bundle_keeps_it_and_a_request_may_go_without() -> None:
    plain = Bundle.open(TOY)
    manifest = replace(plain.manifest, calibration=CALIBRATION)
    again = parse_manifest(json.dumps(to_dict(manifest)).encode(), "a copy")
    assert again.calibration == CALIBRATION
    assert plain.manifest.calibration is None
    wanted = GenerationRequest(prompts=("a person walks",), seconds=2.0, seed=4, low_pass_s=0.0)
    bare = Generator(plain, choose_provider("cpu")).generate(wanted)
    given = Generator(replace(plain, manifest=again), choose_provider("cpu"))
    np.testing.assert_array_equal(given.generate(replace(wanted, calibrate=False)).joints_m, bare.joints_m)
    assert np.abs(given.generate(wanted).joints_m - bare.joints_m).max() > 1e-3


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("arms", [[1.0, 1.0]]), ("raised_arms", None), ("arms", [[1.0], [1.0]]),
        ("others", [[1.0, -0.1], [1.0, 1.0]]), ("others", "none"),
        ("others", [[1.0, None], [1.0, 1.0]]), ("hertz", [5.0, 1.0]), ("hertz", []), ("levels", [100]),
    ],
)  # fmt: skip
def test_a_damaged_one_is_refused(key: str, value: object) -> None:
    values = to_dict(replace(Bundle.open(TOY).manifest, calibration=CALIBRATION))
    values["calibration"][key] = value
    with pytest.raises(BundleError, match="expected .*calibration"):
        parse_manifest(json.dumps(values).encode(), "a copy")
