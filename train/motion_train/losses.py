"""The training objective: masked x0 (or epsilon) error plus geometric terms on the predicted motion.

Geometric terms are measured in metres on the de-normalised prediction and, but for three, weighted by abar_t: where x_t
is almost pure noise the best prediction is a blurred mean, which has no bones and no feet to be right about.

    relative     joints about the pelvis against the true ones, at every noise level: which way a body faces is told by
                 its joints' places alone, and beside metres of travel that is next to nothing in the error of x0
    forearms     wrists about the elbows against the true ones, at every noise level: who waves moves little else
    velocity     finite differences of the predicted positions against the true ones (MDM, eq. 5)
    bone         lengths of the predicted positions' bones against the rest skeleton's (InterGen, eq. 8)
    kinematics   joints by forward kinematics of the predicted rotations, about the pelvis, against the true ones:
                 what the written files show (MDM, eq. 3)
    foot         speed of the feet of that skeleton where the true foot stands still (MDM, eq. 4)
    distance     distances between two persons' joints against the true ones (InterGen, masked joint distance maps)
    orientation  how two persons face each other against the truth (InterGen, relative orientation)
    objects      distances from the joints that touch things to the objects near them against the true ones, at every
                 noise level: where in the room a body goes is settled in the first, noisiest steps, and a place is less
                 of a blur there than a pose is, since hundreds of entries of x_t name it together
    floor        depth of that skeleton's joints below the floor where the true ones are not (after PhysDiff's metric)

Sources: MDM (Tevet et al. 2023), InterGen (Liang et al. 2023), PhysDiff (Yuan et al. 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import POSITIONS, ROTATIONS
from motion_preprocessing.rotations import matrix_from_6d
from motion_preprocessing.skeleton import BONES, FEET, JOINT_COUNT, JOINT_INDEX, REST_OFFSETS_M, rest_joints
from motion_train import interaction_terms
from motion_train.denoiser import key_bias
from motion_train.diffusion import GaussianDiffusion, masked_mean
from motion_train.interaction_terms import weighted_mean
from motion_train.teacher import TAUGHT, Teacher

# Slices, not lists of indices, which would be copied to a GPU in every step; left and right lie side by side.
_ELBOWS: Final = slice(JOINT_INDEX["left_elbow"], JOINT_INDEX["right_elbow"] + 1)
_WRISTS: Final = slice(JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"] + 1)
STANDING_M: float = 0.005
"""A foot that moves less than this from one frame to the next (0.1 m/s at 20 fps) counts as standing."""


@dataclass(frozen=True)
class LossConfig:
    """Weights of the objective's terms."""

    target: str = "x0"
    """What the error of the denoiser is measured on: 'x0', 'epsilon' or 'variational' (the bound's term)."""
    relative: float = 20.0
    """Weight of the term of joints about the pelvis (m^2)."""
    forearms: float = 0.0
    """Weight of the term of wrists about the elbows (m^2); 30 is what continued training on waves takes."""
    velocity: float = 30.0
    """Weight of the velocity term (m^2 a frame)."""
    bone: float = 10.0
    """Weight of the bone-length term (m^2)."""
    kinematics: float = 10.0
    """Weight of the forward-kinematics term (m^2)."""
    foot: float = 30.0
    """Weight of the foot term (m^2 a frame)."""
    # The next four correct how persons, objects and the floor lie to each other, beside the error of x0.
    distance: float = 3.0
    """Weight of the joint-distance term of two persons (m^2); InterGen's own."""
    orientation: float = 0.1
    """Weight of the relative-orientation term of two persons (0 .. 4)."""
    objects: float = 1.0
    """Weight of the term of distances to objects (m^2). Six joints share it, so it is firm at this weight already."""
    floor: float = 30.0
    """Weight of the floor term (m^2)."""
    geometry_share: float = 0.5
    """Share of a batch's samples on which the geometric terms are computed: those with the least noise, which carry
    nearly all of the terms' weight; forward kinematics is a large part of a small model's step."""
    drop_text: float = 0.1
    """Share of samples trained without their text."""
    drop_scene: float = 0.1
    """Share of samples trained without their scene, drawn independently of the text."""

    def __post_init__(self) -> None:
        if self.target not in ("x0", "epsilon", "variational"):
            raise ValueError(f"expected 'x0', 'epsilon' or 'variational', got '{self.target}' for the loss target")


TERMS: Final = (
    "relative", "forearms", "velocity", "bone", "kinematics", "foot", "distance", "orientation", "objects", "floor"
)  # fmt: skip
"""Names of the geometric terms and of their weights."""


@dataclass(frozen=True)
class _Body:
    """Constants of the skeleton as tensors, placed once: copying them to a GPU in every step would make it wait."""

    parents: Tensor
    """(21,) of the bones, as `children`."""
    children: Tensor
    feet: Tensor
    offsets: Tensor
    """(22, 3) rest offsets, metres."""
    lengths: Tensor
    """(21,) of the bones at rest, metres."""
    tilt: Tensor
    """See `_pelvis_tilt`."""

    @classmethod
    def beside(cls, like: Tensor) -> _Body:
        """Place them on the device of `like`, in its type."""
        offsets = torch.from_numpy(REST_OFFSETS_M.copy()).to(like)
        children = torch.tensor([child for _, child in BONES], device=like.device)
        return cls(
            parents=torch.tensor([parent for parent, _ in BONES], device=like.device),
            children=children,
            feet=torch.tensor(FEET, device=like.device),
            offsets=offsets,
            lengths=offsets[children].norm(dim=-1),
            tilt=torch.from_numpy(_pelvis_tilt()).to(like),
        )


class Objective:
    """Computes the losses of a batch (see `windows.WindowSampler.batch` for its keys)."""

    def __init__(
        self,
        diffusion: GaussianDiffusion,
        config: LossConfig,
        mean: Tensor,
        std: Tensor,
        teacher: Teacher | None = None,
    ) -> None:
        """Put the objective together; mean and deviation (258,) are the normaliser's."""
        self.diffusion = diffusion
        self.teacher = teacher
        self.config = config
        self.mean = mean
        self.std = std
        self._bodies: dict[tuple[torch.device, torch.dtype], _Body] = {}

    def __call__(
        self, model: torch.nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the scalars of every term and their weighted sum 'loss'.

        Steps, noise and condition dropout are drawn from `generator`, where it is: a step's randomness is a function of
        its seed and of the kind of device (CPU or CUDA). On a GPU the noise of a batch takes a CPU longer to draw than
        the whole step takes.
        """
        x0 = batch["x0"]  # (B, P, T, D)
        rows, place = x0.shape[0], generator.device
        taught = self.teacher is not None and TAUGHT in batch
        if self.teacher is None:
            t = torch.randint(0, self.diffusion.schedule.steps, (rows,), generator=generator, device=place)
        else:
            t = self.teacher.noise_levels(torch.rand(rows, generator=generator, device=place), taught=taught)
        t = t.to(x0.device)
        noise = torch.randn(x0.shape, generator=generator, device=place).to(x0.device)
        drawn = torch.rand(2, rows, generator=generator, device=place).to(x0.device)
        keep_text = (drawn[0] >= self.config.drop_text).float()
        keep_scene = (drawn[1] >= self.config.drop_scene).float()
        xt = self.diffusion.q_sample(x0, t, noise)
        bias = key_bias(batch["text_mask"], batch["scene_mask"], batch["pose_mask"])

        def predict(of: torch.nn.Module, part: slice, keep_text: Tensor, keep_scene: Tensor) -> Tensor:
            told = (batch[key][part] for key in ("text", "scene", "scene_class", "person_class", "identity"))
            answer: Tensor = of(xt[part], t[part].float(), *told, keep_text, keep_scene, bias[part]).float()
            return answer

        predicted = predict(model, slice(None), keep_text, keep_scene)
        if self.teacher is not None and taught:
            answer = self.teacher.answer(partial(predict, self.teacher.model), keep_text, keep_scene)
            batch = {**batch, "x0": torch.cat([answer, x0[len(answer) :]])}
        # What was not told cannot be met.
        told = batch["scene_mask"] & keep_scene.bool()[:, None]
        return self.terms(predicted, xt, noise, t, {**batch, "scene_mask": told})

    def terms(
        self, predicted: Tensor, xt: Tensor, noise: Tensor, t: Tensor, batch: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Compute every term from a prediction of the batch's x0 (B, P, T, D)."""
        c = self.config
        x0, pose_mask = batch["x0"], batch["pose_mask"]
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
        if c.forearms:
            result["forearms"] = self._forearms(predicted, x0, mask)
        if c.objects:
            joints, truth = self._positions(predicted), self._positions(x0)
            result["objects"] = interaction_terms.objects(
                joints, truth, pose_mask.to(joints.dtype), batch["scene"], batch["scene_mask"]
            )
        if any(getattr(c, name) for name in TERMS if name not in ("relative", "forearms", "objects")):
            count = max(1, round(c.geometry_share * len(t)))
            rows = torch.argsort(t)[:count]
            result |= self._geometry(predicted[rows], x0[rows], t[rows], pose_mask[rows])
        weighted = (getattr(c, name) * result[name] for name in TERMS if name in result)
        result["loss"] = main + sum(weighted, torch.zeros_like(main))
        return result

    def _relative(self, predicted: Tensor, x0: Tensor, mask: Tensor) -> Tensor:
        error = self._error_m(predicted, x0)
        about = error[..., 1:, :] - error[..., :1, :]  # (B, P, T, J - 1, 3)
        return masked_mean(about.flatten(-2) ** 2, mask)

    def _forearms(self, predicted: Tensor, x0: Tensor, mask: Tensor) -> Tensor:
        error = self._error_m(predicted, x0)
        about = error[..., _WRISTS, :] - error[..., _ELBOWS, :]  # (B, P, T, 2, 3)
        return masked_mean(about.flatten(-2) ** 2, mask)

    def _error_m(self, predicted: Tensor, x0: Tensor) -> Tensor:
        """Error of the positions (B, P, T, J, 3), metres."""
        error = (predicted - x0)[..., POSITIONS] * self.std[POSITIONS]
        return error.reshape(*error.shape[:-1], JOINT_COUNT, 3)

    def _geometry(self, predicted: Tensor, x0: Tensor, t: Tensor, pose_mask: Tensor) -> dict[str, Tensor]:
        c = self.config
        weight = self.diffusion.at("abar", t, pose_mask.to(x0.dtype)) * pose_mask  # (B, P, T)
        pair = weight[..., 1:] * pose_mask[..., :-1]  # both frames of a difference must exist
        guess = predicted * self.std + self.mean
        p, q = self._positions(predicted), self._positions(x0)
        fixed = self._body(p)
        velocity = (p[..., 1:, :, :] - p[..., :-1, :, :]) - (q[..., 1:, :, :] - q[..., :-1, :, :])
        # A tiny constant under the root: the gradient of a norm is undefined for joints that coincide.
        bones = p.index_select(-2, fixed.children) - p.index_select(-2, fixed.parents)
        length = (bones**2).sum(-1).add(1e-8).sqrt()
        joints = self._posed(guess, p)
        relative = q - q[..., :1, :]
        standing = joints + p[..., :1, :]
        ground, true_feet = standing.index_select(-2, fixed.feet), q.index_select(-2, fixed.feet)
        moved = ground[..., 1:, :, :] - ground[..., :-1, :, :]
        still = (true_feet[..., 1:, :, :] - true_feet[..., :-1, :, :]).norm(dim=-1) < STANDING_M  # (B, P, T-1, 2)
        terms = {
            "velocity": weighted_mean(velocity**2, pair[..., None, None]),
            "bone": weighted_mean((length - fixed.lengths) ** 2, weight[..., None]),
            "kinematics": weighted_mean((joints - relative) ** 2, weight[..., None, None]),
            "foot": weighted_mean(moved**2, (pair[..., None] * still)[..., None]),
            "floor": interaction_terms.floor(standing, q, weight),
        }
        if c.distance:
            terms["distance"] = interaction_terms.distance(p, q, weight)
        if c.orientation:
            terms["orientation"] = interaction_terms.orientation(p, q, weight)
        return terms

    def _positions(self, x: Tensor) -> Tensor:
        """Joints (B, P, T, 22, 3) in metres that normalised pose vectors say."""
        metres = x[..., POSITIONS] * self.std[POSITIONS] + self.mean[POSITIONS]
        return metres.reshape(*x.shape[:-1], JOINT_COUNT, 3)

    def _body(self, like: Tensor) -> _Body:
        key = (like.device, like.dtype)
        if key not in self._bodies:
            self._bodies[key] = _Body.beside(like)
        return self._bodies[key]

    def _posed(self, guess: Tensor, positions: Tensor) -> Tensor:
        """Pose the rest skeleton by the predicted rotations; joints relative to the pelvis (B, P, T, 22, 3)."""
        lead, fixed = guess.shape[:-1], self._body(positions)
        body = matrix_from_6d(guess[..., ROTATIONS].reshape(*lead, JOINT_COUNT - 1, 6))
        # The rigid fit's cheap stand-in: an SVD has no stable gradient while the prediction is still a blur. The rest
        # pelvis has its hips along x and, about their middle, the spine in the y-z plane.
        hips = positions[..., JOINT_INDEX["left_hip"], :] - positions[..., JOINT_INDEX["right_hip"], :]
        middle = (positions[..., JOINT_INDEX["left_hip"], :] + positions[..., JOINT_INDEX["right_hip"], :]) / 2
        up = positions[..., JOINT_INDEX["spine1"], :] - middle
        frame = matrix_from_6d(torch.cat([hips, up], dim=-1))  # x = hips, y = spine at right angles to them
        root = frame @ fixed.tilt
        rotations = torch.cat([root[..., None, :, :], body], dim=-3)
        joints: Tensor = forward_kinematics(rotations, torch.zeros_like(positions[..., 0, :]), fixed.offsets)[0]
        return joints


def _pelvis_tilt() -> NDArray[np.float64]:
    """Rotation from rest body axes to the frame that `_posed` builds from the rest pose itself."""
    rest = rest_joints()
    hips = rest[JOINT_INDEX["left_hip"]] - rest[JOINT_INDEX["right_hip"]]
    up = rest[JOINT_INDEX["spine1"]] - (rest[JOINT_INDEX["left_hip"]] + rest[JOINT_INDEX["right_hip"]]) / 2
    return np.array(matrix_from_6d(np.concatenate([hips, up]))).T.copy()
