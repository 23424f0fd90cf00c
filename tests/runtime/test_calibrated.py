"""Answers made as large as they should be, against scipy's DCT and closed forms."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.fft import dct, idct

from motion_preprocessing.errors import BundleError
from motion_preprocessing.pose_vector import POSE_DIM, POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX
from motion_runtime import GenerationRequest, Generator
from motion_runtime.bundle import Bundle
from motion_runtime.calibrated import ARMS, Calibrated, dct_basis
from motion_runtime.manifest import Calibration, to_dict
from motion_runtime.manifest_reader import parse_manifest
from motion_runtime.sampler import Step
from motion_runtime.session import choose_provider

TOY = Path(__file__).parent / "toy_bundle"
FPS = 20.0
CALIBRATION = Calibration((1.0, 5.0), (100, 300), ((1.2, 0.4), (1.0, 0.2)), ((1.1, 0.8), (1.3, 0.6)))
STEP = Step(200, a=0.5, b=0.5, c=0.0, s=0.1)


@pytest.mark.parametrize("frames", [1, 2, 7, 120])
def test_the_basis_is_scipys(frames: int) -> None:
    x = np.random.default_rng(0).normal(size=(frames, 3))
    np.testing.assert_allclose(dct_basis(frames) @ x, dct(x, axis=0, norm="ortho"), atol=1e-12)


def test_every_frequency_is_multiplied_by_its_factor() -> None:
    """Level 200 is in the middle of both, and factors between frequencies lie on lines from 1 at 0 Hz."""
    x0 = np.random.default_rng(1).normal(size=(2, 90, POSE_DIM)).astype(np.float32)
    found = Calibrated(CALIBRATION, FPS)(x0, STEP)
    hertz = np.arange(90) * FPS / 180
    expected = np.empty_like(x0)
    others = np.setdiff1d(np.arange(POSE_DIM), ARMS)
    for numbers, factors in ((ARMS, (1.1, 0.3)), (others, (1.2, 0.7))):
        curve = np.interp(hertz, (0, 1, 5), (1, *factors))
        part = dct(x0[..., numbers], axis=1, norm="ortho") * curve[:, None]
        expected[..., numbers] = idct(part, axis=1, norm="ortho")
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert found.dtype == np.float32


def test_arms_are_arms() -> None:
    joints = np.zeros(JOINT_COUNT, dtype=bool)
    joints[[JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("shoulder", "elbow", "wrist")]] = 1
    of_places = np.zeros(POSE_DIM, dtype=bool)
    of_places[ARMS] = True
    np.testing.assert_array_equal(of_places[POSITIONS], np.repeat(joints, 3))
    np.testing.assert_array_equal(of_places[66:132], np.repeat(joints, 3))
    np.testing.assert_array_equal(of_places[132:], np.repeat(joints[1:], 6))


def test_who_stands_still_stays_and_the_last_step_is_left_alone() -> None:
    calibrated = Calibrated(CALIBRATION, FPS)
    still = np.tile(np.random.default_rng(2).normal(size=POSE_DIM), (1, 30, 1)).astype(np.float32)
    np.testing.assert_allclose(calibrated(still, STEP), still, atol=1e-5)
    x0 = np.random.default_rng(3).normal(size=(1, 30, POSE_DIM)).astype(np.float32)
    assert calibrated(x0, Step(3, a=0.0, b=1.0, c=0.0, s=0.0)) is x0
    assert np.abs(calibrated(x0, STEP) - x0).max() > 0.1


def test_beyond_the_levels_and_frequencies_the_nearest_counts() -> None:
    calibrated = Calibrated(CALIBRATION, FPS)
    for level, table in ((0, 0), (999, 1)):
        arms, _ = calibrated.filters(40, level)
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
        ("arms", [[1.0, 1.0]]), ("arms", [[1.0], [1.0]]), ("others", [[1.0, -0.1], [1.0, 1.0]]), ("others", "none"),
        ("others", [[1.0, None], [1.0, 1.0]]), ("hertz", [5.0, 1.0]), ("hertz", []), ("levels", [100]),
    ],
)  # fmt: skip
def test_a_damaged_one_is_refused(key: str, value: object) -> None:
    values = to_dict(replace(Bundle.open(TOY).manifest, calibration=CALIBRATION))
    values["calibration"][key] = value
    with pytest.raises(BundleError, match="expected .*calibration"):
        parse_manifest(json.dumps(values).encode(), "a copy")
