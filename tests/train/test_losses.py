"""The objective's terms on motions for which they are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from motion_preprocessing.pose_vector import encode
from motion_preprocessing.skeleton import REST_OFFSETS_M, WORLD_FROM_BODY
from motion_runtime.schedule import NoiseSchedule
from motion_train.diffusion import GaussianDiffusion
from motion_train.losses import TERMS, LossConfig, Objective

FRAMES = 8


def motion(seed: int = 0, still: bool = False) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    rotations = Rotation.from_rotvec(0.4 * rng.normal(size=(FRAMES * 22, 3))).as_matrix().reshape(FRAMES, 22, 3, 3)
    rotations[:, 0] = rotations[:, 0] @ WORLD_FROM_BODY
    root = np.cumsum(rng.normal(scale=0.02, size=(FRAMES, 3)), axis=0) + [0, 0, 0.9]
    if still:
        rotations[:], root[:] = rotations[0], root[0]
    return torch.from_numpy(encode(rotations, root, 20.0))[None, None]  # (1, 1, T, 258)


def terms(predicted, truth, config=None, mask=None, t=0, room=None):
    diffusion = GaussianDiffusion(NoiseSchedule.cosine(1000))
    objective = Objective(diffusion, config or LossConfig(), torch.zeros(258).double(), torch.ones(258).double())
    mask = torch.ones(truth.shape[:3], dtype=torch.bool) if mask is None else mask
    steps = torch.tensor([t])
    noise = torch.zeros_like(truth)
    batch = {"x0": truth, "pose_mask": mask} | (room or empty_room())
    return objective.terms(predicted, diffusion.q_sample(truth, steps, noise), noise, steps, batch)


def empty_room():
    return {"scene": torch.zeros(1, 1, 192), "scene_mask": torch.zeros(1, 1, dtype=torch.bool)}


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
def test_the_forearm_term_is_about_the_elbow(t):
    x = motion()
    waved, reached = x.clone(), x.clone()
    waved[..., 3 * 21] += 0.06  # the right wrist alone
    reached[..., 3 * 21] += 0.06
    reached[..., 3 * 19] += 0.06  # with its elbow
    config = LossConfig(forearms=1.0)
    assert float(terms(waved, x, config, t=t)["forearms"]) == pytest.approx(0.06**2 / 6)
    assert float(terms(reached, x, config, t=t)["forearms"]) == pytest.approx(0.0, abs=1e-12)


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


def company(seed: int = 3) -> torch.Tensor:
    """Two persons half a metre from each other, (1, 2, T, 258)."""
    first, second = motion(seed), motion(seed + 1)
    second[..., 0:66:3] += 0.5
    return torch.cat([first, second], dim=1)


def test_terms_of_two_persons_fade_with_the_signal_and_see_a_wrong_distance():
    x = company()
    apart = x.clone()
    apart[:, 1, :, 0:66:3] += 0.3
    got, faint = terms(apart, x, t=0), terms(apart, x, t=600)
    share = NoiseSchedule.cosine(1000).alphas_cumprod
    assert float(got["distance"]) > 0.01
    assert float(faint["distance"] / got["distance"]) == pytest.approx(float(share[600] / share[0]))
    assert float(got["orientation"]) == pytest.approx(0.0, abs=1e-12)
    assert float(terms(x, x)["distance"]) == 0.0


def test_a_person_who_turns_to_the_other_pays_by_orientation():
    x = company()
    turned = x.clone()
    hips = turned[:, 1, :, 3:9].clone()
    turned[:, 1, :, 3:6], turned[:, 1, :, 6:9] = hips[..., 3:], hips[..., :3]  # half a turn: cosine from 1 to -1
    weight = float(NoiseSchedule.cosine(1000).alphas_cumprod[0])
    assert float(terms(turned, x)["orientation"]) == pytest.approx(4 * weight, rel=1e-6)


@pytest.mark.parametrize("t", [0, 900])
def test_a_seat_passed_by_costs_at_every_noise_level(t):
    x = motion()
    room = empty_room()
    room["scene"] = x[0, 0, 0, :3].repeat(64).reshape(1, 1, 192).float()
    room["scene_mask"] = torch.ones(1, 1, dtype=torch.bool)
    past = x.clone()
    past[..., 0:66:3] += 0.2
    assert float(terms(past, x, t=t, room=room)["objects"]) > 1e-4
    assert float(terms(x, x, t=t, room=room)["objects"]) == 0.0
    assert float(terms(past, x, t=t)["objects"]) == 0.0


def test_the_floor_term_is_that_of_the_skeleton_that_is_written():
    x = motion()
    sunk = x.clone()
    sunk[..., 2:66:3] -= 0.9
    depth = np.maximum(0.0, -sunk[0, 0, :, 2:66:3].numpy()) - np.maximum(0.0, -x[0, 0, :, 2:66:3].numpy())
    weight = float(NoiseSchedule.cosine(1000).alphas_cumprod[0])
    assert float(terms(sunk, x)["floor"]) == pytest.approx(weight * float((depth**2).mean()), rel=1e-6)


def test_weights_make_the_sum():
    x = company()
    wrong = x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).double()
    config = LossConfig(forearms=30.0)
    got = terms(wrong, x, config)
    assert set(got) == {"simple", "loss", *TERMS}
    expected = got["simple"] + sum(getattr(config, name) * got[name] for name in TERMS)
    assert float(got["loss"]) == pytest.approx(float(expected), rel=1e-12)


def test_terms_without_weight_are_left_out():
    got = terms(company(), company(), LossConfig(distance=0.0, orientation=0.0, objects=0.0))
    assert not {"distance", "orientation", "objects"} & set(got)


def test_a_scene_that_is_not_told_asks_for_nothing():
    x = motion().float()
    diffusion = GaussianDiffusion(NoiseSchedule.cosine(1000))
    batch = {
        "x0": x,
        "pose_mask": torch.ones(1, 1, FRAMES, dtype=torch.bool),
        "text_mask": torch.ones(1, 1, dtype=torch.bool),
        "scene": x[0, 0, 0, :3].repeat(64).reshape(1, 1, 192),
        "scene_mask": torch.ones(1, 1, dtype=torch.bool),
    } | {name: torch.zeros(1, 1) for name in ("text", "scene_class", "person_class", "identity")}

    def past(xt, *_):
        return x + 0.2

    for dropped, costs in ((1.0, False), (0.0, True)):
        objective = Objective(diffusion, LossConfig(drop_scene=dropped), torch.zeros(258), torch.ones(258))
        got = objective(past, batch, torch.Generator().manual_seed(0))
        assert (float(got["objects"]) > 0) is costs
        assert (float(got["simple"]) > 0) is True


class Meeting(TorchDispatchMode):
    """Notes every operation that a tensor of the CPU takes part in or whose value is read."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        tensors = [value for value in tree_leaves((args, kwargs, result)) if isinstance(value, torch.Tensor)]
        if "local_scalar" in str(func) or any(tensor.device.type == "cpu" for tensor in tensors):
            self.noted.append(str(func))
        return result


def test_after_the_first_step_nothing_is_copied_to_the_device_or_read_from_it():
    # The device 'meta' computes nothing, but whoever would wait for a GPU would be seen waiting for it.
    far = {"device": "meta"}
    x = torch.zeros(4, 2, FRAMES, 258, **far)
    batch = {"x0": x, "pose_mask": torch.ones(4, 2, FRAMES, dtype=torch.bool, **far)}
    batch |= {"scene": torch.zeros(4, 3, 192, **far), "scene_mask": torch.ones(4, 3, dtype=torch.bool, **far)}
    t = torch.zeros(4, dtype=torch.int64, **far)
    diffusion = GaussianDiffusion(NoiseSchedule.cosine(1000))
    objective = Objective(diffusion, LossConfig(), torch.zeros(258, **far), torch.ones(258, **far))
    for first in (True, False):
        with Meeting() as meeting:
            xt = diffusion.q_sample(x, t, x)
            guess = torch.zeros_like(x, requires_grad=True)
            objective.terms(guess, xt, x, t, batch)["loss"].backward()
        assert bool(meeting.noted) is first, meeting.noted
