"""The training objective: masked x0 (or epsilon) error plus geometric terms on the predicted motion.

Geometric terms are measured in metres on the de-normalised prediction and, but for the first, weighted by abar_t:
where x_t is almost pure noise the best prediction is a blurred mean, which has no bones and no feet to be right about.

    relative     joints about the pelvis against the true ones, at every noise level: which way a body faces is told by
                 its joints' places alone, and beside metres of travel that is next to nothing in the error of x0
    velocity     finite differences of the predicted positions against the true ones (MDM, eq. 5)
    bone         lengths of the predicted positions' bones against the rest skeleton's (InterGen, eq. 8)
    kinematics   joints by forward kinematics of the predicted rotations, about the pelvis, against the true ones:
                 what the written files show (MDM, eq. 3)
    foot         speed of the feet of that skeleton where the true foot stands still (MDM, eq. 4)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import POSITIONS, ROTATIONS
from motion_preprocessing.rotations import matrix_from_6d
from motion_preprocessing.skeleton import BONES, FEET, JOINT_COUNT, JOINT_INDEX, REST_OFFSETS_M, rest_joints
from motion_train.denoiser import key_bias
from motion_train.diffusion import GaussianDiffusion, masked_mean

STANDING_M: float = 0.005
"""A foot that moves less than this from one frame to the next (0.1 m/s at 20 fps) counts as standing."""


@dataclass(frozen=True)
class LossConfig:
    """Weights of the objective's terms."""

    target: str = "x0"
    """What the error of the denoiser is measured on: 'x0', 'epsilon' or 'variational' (the bound's term)."""
    relative: float = 20.0
    """Weight of the term of joints about the pelvis (m^2)."""
    velocity: float = 30.0
    """Weight of the velocity term (m^2 a frame)."""
    bone: float = 10.0
    """Weight of the bone-length term (m^2)."""
    kinematics: float = 10.0
    """Weight of the forward-kinematics term (m^2)."""
    foot: float = 30.0
    """Weight of the foot term (m^2 a frame)."""
    geometry_share: float = 0.5
    """Share of a batch's samples on which the geometric terms are computed: those with the least noise, which carry
    nearly all of the terms' weight. Forward kinematics costs a third of a step of a small model."""
    drop_text: float = 0.1
    """Share of samples trained without their text."""
    drop_scene: float = 0.1
    """Share of samples trained without their scene, drawn independently of the text."""

    def __post_init__(self) -> None:
        if self.target not in ("x0", "epsilon", "variational"):
            raise ValueError(f"expected 'x0', 'epsilon' or 'variational', got '{self.target}' for the loss target")


class Objective:
    """Computes the losses of a batch (see `windows.WindowSampler.batch` for its keys)."""

    def __init__(self, diffusion: GaussianDiffusion, config: LossConfig, mean: Tensor, std: Tensor) -> None:
        self.diffusion = diffusion
        self.config = config
        self.mean = mean
        self.std = std

    def __call__(
        self, model: torch.nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the scalars of every term and their weighted sum 'loss'.

        Steps, noise and condition dropout are drawn from `generator` (CPU), so that a step's randomness is a function
        of its seed on every device.
        """
        x0 = batch["x0"]  # (B, P, T, D)
        rows = x0.shape[0]
        t = torch.randint(0, self.diffusion.schedule.steps, (rows,), generator=generator).to(x0.device)
        noise = torch.randn(x0.shape, generator=generator).to(x0.device)
        keep_text = (torch.rand(rows, generator=generator) >= self.config.drop_text).float().to(x0.device)
        keep_scene = (torch.rand(rows, generator=generator) >= self.config.drop_scene).float().to(x0.device)
        xt = self.diffusion.q_sample(x0, t, noise)
        bias = key_bias(batch["text_mask"], batch["scene_mask"], batch["pose_mask"])
        predicted = model(
            xt,
            t.float(),
            batch["text"],
            batch["scene"],
            batch["scene_class"],
            batch["person_class"],
            batch["identity"],
            keep_text,
            keep_scene,
            bias,
        ).float()
        return self.terms(predicted, x0, xt, noise, t, batch["pose_mask"])

    def terms(
        self, predicted: Tensor, x0: Tensor, xt: Tensor, noise: Tensor, t: Tensor, pose_mask: Tensor
    ) -> dict[str, Tensor]:
        """Compute every term from a prediction of x0 (B, P, T, D)."""
        c = self.config
        mask = pose_mask[..., None]  # (B, P, T, 1)
        if c.target == "x0":
            main = self.diffusion.simple_loss(predicted, x0, mask)
        elif c.target == "epsilon":
            main = self.diffusion.simple_loss(self.diffusion.epsilon_from_x0(xt, t, predicted), noise, mask)
        else:
            main = masked_mean(self.diffusion.variational_entries(x0, xt, t, predicted), mask)
        result = {"simple": main}
        if c.relative:
            result["relative"] = self._relative(predicted, x0, mask)
        if c.velocity or c.bone or c.kinematics or c.foot:
            count = max(1, round(c.geometry_share * len(t)))
            rows = torch.argsort(t)[:count]
            result |= self._geometry(predicted[rows], x0[rows], t[rows], pose_mask[rows])
        names = ("relative", "velocity", "bone", "kinematics", "foot")
        weighted = (getattr(c, name) * result[name] for name in names if name in result)
        result["loss"] = main + sum(weighted, torch.zeros_like(main))
        return result

    def _relative(self, predicted: Tensor, x0: Tensor, mask: Tensor) -> Tensor:
        error = (predicted - x0)[..., POSITIONS] * self.std[POSITIONS]  # metres
        error = error.reshape(*error.shape[:-1], JOINT_COUNT, 3)
        about = error[..., 1:, :] - error[..., :1, :]  # (B, P, T, J - 1, 3)
        return masked_mean(about.flatten(-2) ** 2, mask)

    def _geometry(self, predicted: Tensor, x0: Tensor, t: Tensor, pose_mask: Tensor) -> dict[str, Tensor]:
        signal = torch.from_numpy(self.diffusion.schedule.alphas_cumprod.copy()).to(x0.device)[t].to(x0.dtype)
        weight = signal[:, None, None] * pose_mask  # (B, P, T)
        pair = weight[..., 1:] * pose_mask[..., :-1]  # both frames of a difference must exist
        guess, truth = predicted * self.std + self.mean, x0 * self.std + self.mean
        lead = guess.shape[:-1]
        p = guess[..., POSITIONS].reshape(*lead, JOINT_COUNT, 3)
        q = truth[..., POSITIONS].reshape(*lead, JOINT_COUNT, 3)
        velocity = (p[..., 1:, :, :] - p[..., :-1, :, :]) - (q[..., 1:, :, :] - q[..., :-1, :, :])
        parents, children = [b[0] for b in BONES], [b[1] for b in BONES]
        rest = torch.from_numpy(REST_OFFSETS_M.copy()).to(p)[children].norm(dim=-1)  # (21,)
        # A tiny constant under the root: the gradient of a norm is undefined for joints that coincide.
        length = ((p[..., children, :] - p[..., parents, :]) ** 2).sum(-1).add(1e-8).sqrt()
        joints = self._posed(guess, p)
        relative = q - q[..., :1, :]
        feet = list(FEET)
        ground = joints[..., feet, :] + p[..., :1, :]
        moved = ground[..., 1:, :, :] - ground[..., :-1, :, :]
        still = (q[..., 1:, feet, :] - q[..., :-1, feet, :]).norm(dim=-1) < STANDING_M  # (B, P, T-1, 2)
        return {
            "velocity": _weighted(velocity**2, pair[..., None, None]),
            "bone": _weighted((length - rest) ** 2, weight[..., None]),
            "kinematics": _weighted((joints - relative) ** 2, weight[..., None, None]),
            "foot": _weighted(moved**2, (pair[..., None] * still)[..., None]),
        }

    def _posed(self, guess: Tensor, positions: Tensor) -> Tensor:
        """Pose the rest skeleton by the predicted rotations; joints relative to the pelvis (B, P, T, 22, 3)."""
        lead = guess.shape[:-1]
        body = matrix_from_6d(guess[..., ROTATIONS].reshape(*lead, JOINT_COUNT - 1, 6))
        # The rigid fit's cheap stand-in: an SVD has no stable gradient while the prediction is still a blur. The rest
        # pelvis has its hips along x and, about their middle, the spine in the y-z plane.
        hips = positions[..., JOINT_INDEX["left_hip"], :] - positions[..., JOINT_INDEX["right_hip"], :]
        middle = (positions[..., JOINT_INDEX["left_hip"], :] + positions[..., JOINT_INDEX["right_hip"], :]) / 2
        up = positions[..., JOINT_INDEX["spine1"], :] - middle
        frame = matrix_from_6d(torch.cat([hips, up], dim=-1))  # x = hips, y = spine at right angles to them
        tilt = torch.from_numpy(_pelvis_tilt()).to(frame)
        root = frame @ tilt
        rotations = torch.cat([root[..., None, :, :], body], dim=-3)
        joints: Tensor = forward_kinematics(rotations, torch.zeros_like(positions[..., 0, :]))[0]
        return joints


def _pelvis_tilt() -> NDArray[np.float64]:
    """Rotation from rest body axes to the frame that `_posed` builds from the rest pose itself."""
    rest = rest_joints()
    hips = rest[JOINT_INDEX["left_hip"]] - rest[JOINT_INDEX["right_hip"]]
    up = rest[JOINT_INDEX["spine1"]] - (rest[JOINT_INDEX["left_hip"]] + rest[JOINT_INDEX["right_hip"]]) / 2
    return np.array(matrix_from_6d(np.concatenate([hips, up]))).T.copy()


def _weighted(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of `values` under `weight` (broadcastable); weights scale, and the count is of entries above zero."""
    full = weight.expand_as(values)
    return (values * full).sum() / (full > 0).sum().clamp_min(1)
