"""The objective's terms on motions for which they are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from motion_preprocessing.pose_vector import encode
from motion_preprocessing.skeleton import REST_OFFSETS_M, WORLD_FROM_BODY
from motion_runtime.schedule import NoiseSchedule
from motion_train.diffusion import GaussianDiffusion
from motion_train.losses import LossConfig, Objective

FRAMES = 8


def motion(seed: int = 0, still: bool = False) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    rotations = Rotation.from_rotvec(0.4 * rng.normal(size=(FRAMES * 22, 3))).as_matrix().reshape(FRAMES, 22, 3, 3)
    rotations[:, 0] = rotations[:, 0] @ WORLD_FROM_BODY
    root = np.cumsum(rng.normal(scale=0.02, size=(FRAMES, 3)), axis=0) + [0, 0, 0.9]
    if still:
        rotations[:], root[:] = rotations[0], root[0]
    return torch.from_numpy(encode(rotations, root, 20.0))[None, None]  # (1, 1, T, 258)


def terms(predicted, truth, config=None, mask=None, t=0):
    diffusion = GaussianDiffusion(NoiseSchedule.cosine(1000))
    objective = Objective(diffusion, config or LossConfig(), torch.zeros(258).double(), torch.ones(258).double())
    mask = torch.ones(1, 1, FRAMES, dtype=torch.bool) if mask is None else mask
    steps = torch.tensor([t])
    noise = torch.zeros_like(truth)
    return objective.terms(predicted, truth, diffusion.q_sample(truth, steps, noise), noise, steps, mask)


@pytest.mark.parametrize("target", ["x0", "epsilon", "variational"])
def test_a_perfect_prediction_costs_nothing(target):
    x = motion()
    got = terms(x, x, LossConfig(target=target), t=5)
    for name in ("simple", "relative", "velocity", "bone", "kinematics"):
        assert float(got[name]) == pytest.approx(0.0, abs=1e-9), name
    # The foot term is the true motion of standing feet: at most (5 mm)^2 a frame, spread over three axes.
    assert float(got["foot"]) <= 0.005**2


def test_a_shift_costs_position_only():
    x = motion()
    moved = x.clone()
    moved[..., 0:66:3] += 0.1
    got = terms(moved, x)
    assert float(got["simple"]) == pytest.approx(22 / 258 * 0.01)
    for name in ("relative", "velocity", "bone", "kinematics"):
        assert float(got[name]) == pytest.approx(0.0, abs=1e-9), name


@pytest.mark.parametrize("t", [0, 900])
def test_the_relative_term_sees_a_body_that_faces_elsewhere_at_every_noise_level(t):
    x = motion(still=True)
    joints = x[..., :66].reshape(FRAMES, 22, 3)
    about = joints - joints[:, :1]
    turned = x.clone()
    # Half a turn about the pelvis: each horizontal coordinate relative to it changes its sign.
    flipped = about * torch.tensor([-1.0, -1.0, 1.0], dtype=x.dtype) + joints[:, :1]
    turned[..., :66] = flipped.reshape(1, 1, FRAMES, 66)
    expected = float((2 * about[:, 1:, :2]).square().sum() / (FRAMES * 21 * 3))
    assert expected > 0.01
    assert float(terms(turned, x, t=t)["relative"]) == pytest.approx(expected, rel=1e-6)


def test_velocity_term_of_a_drift():
    x = motion()
    drifting = x.clone()
    drifting[..., 0:66:3] += 0.03 * torch.arange(FRAMES)[:, None]
    weight = float(NoiseSchedule.cosine(1000).alphas_cumprod[0])
    assert float(terms(drifting, x)["velocity"]) == pytest.approx(weight * 0.03**2 / 3, rel=1e-6)


def test_bone_term_of_one_stretched_bone():
    x = motion()
    stretched = x.clone()
    wrist, elbow = x[..., 60:63], x[..., 54:57]
    stretched[..., 60:63] = elbow + 1.5 * (wrist - elbow)
    weight = float(NoiseSchedule.cosine(1000).alphas_cumprod[0])
    expected = weight * (0.5 * np.linalg.norm(REST_OFFSETS_M[20])) ** 2 / 21
    assert float(terms(stretched, x)["bone"]) == pytest.approx(expected, rel=1e-4)


def test_kinematics_term_sees_rotations_that_positions_do_not_show():
    x = motion()
    turned = x.clone()
    turned[..., 132 + 6 * 17 : 132 + 6 * 18] = torch.tensor([0.0, 1.0, 0.0, -1.0, 0.0, 0.0])  # left elbow
    got = terms(turned, x)
    assert float(got["kinematics"]) > 1e-5
    assert float(got["velocity"]) == pytest.approx(0.0, abs=1e-12)


def test_foot_term_of_a_sliding_foot():
    x = motion(still=True)
    sliding = x.clone()
    sliding[..., 0:66:3] += 0.02 * torch.arange(FRAMES)[:, None]  # the whole body slides 2 cm a frame
    weight = float(NoiseSchedule.cosine(1000).alphas_cumprod[0])
    assert float(terms(sliding, x)["foot"]) == pytest.approx(weight * 0.02**2 / 3, rel=1e-6)


@pytest.mark.parametrize("target", ["x0", "epsilon", "variational"])
def test_masked_frames_cost_nothing(target):
    x = motion()
    wrong = x.clone()
    wrong[..., 5:, :] += 1.0
    mask = torch.ones(1, 1, FRAMES, dtype=torch.bool)
    mask[..., 5:] = False
    got = terms(wrong, x, LossConfig(target=target), mask=mask, t=5)
    for name in ("simple", "velocity", "bone", "kinematics"):
        assert float(got[name]) == pytest.approx(0.0, abs=1e-9), name


@pytest.mark.parametrize("target", ["x0", "epsilon", "variational"])
@pytest.mark.parametrize("t", [0, 5])
def test_padding_does_not_thin_the_error(target, t):
    """Frames that are not there neither cost nor count: the loss is that of the shorter motion."""
    x = motion()
    wrong = x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).double()
    mask = torch.ones(1, 1, FRAMES, dtype=torch.bool)
    mask[..., 5:] = False
    config = LossConfig(target=target)
    padded = terms(wrong, x, config, mask=mask, t=t)
    short = terms(wrong[..., :5, :], x[..., :5, :], config, mask=mask[..., :5], t=t)
    assert float(padded["simple"]) == pytest.approx(float(short["simple"]), rel=1e-9)


def test_geometry_fades_with_the_signal():
    x = motion()
    moved = x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).double()
    assert float(terms(moved, x, t=999)["velocity"]) < 1e-6 * float(terms(moved, x, t=0)["velocity"])


def test_unknown_target_is_refused():
    with pytest.raises(ValueError, match="variational"):
        LossConfig(target="v")


def test_gradients_are_finite_from_degenerate_predictions():
    x = motion()
    guess = torch.zeros_like(x, requires_grad=True)
    terms(guess, x)["loss"].backward()
    assert torch.isfinite(guess.grad).all()
