"""Terms of the training objective on what bodies do with each other, with objects and with the floor.

Each is a mean of squares over entries of a weight above zero, 0 without such an entry, like the terms of `losses`.
Nothing here waits for the device: who takes part is told by weights, never by picking entries.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Final

import torch
from torch import Tensor

from motion_preprocessing.skeleton import FEET, JOINT_INDEX

NEAR_M: Final = 1.0
"""Joints and objects that are truly nearer than this have to do with each other."""
TOUCHING: Final = (
    JOINT_INDEX["pelvis"],
    *FEET,
    JOINT_INDEX["head"],
    JOINT_INDEX["left_wrist"],
    JOINT_INDEX["right_wrist"],
)
"""The joints whose distances to objects count: what sits, stands, lies and reaches."""
_LEAST_HIPS_M: Final = 0.05
"""Hips that are nearer to each other than this over the floor, as of someone lying on the side, face nowhere: they are
0.14 m apart. Also bounds the gradient where a prediction's hips are still one blur."""


def distance(predicted: Tensor, true: Tensor, weight: Tensor) -> Tensor:
    """Squared error of the distances between two persons' joints (InterGen, masked joint distance map loss), m^2.

    Args:
        predicted: (B, P, T, J, 3) joints, metres.
        true: The same of the true motion; pairs of joints nearer than NEAR_M there count.
        weight: (B, P, T), 0 where a person or frame is not there.
    """
    first, second = _pairs(predicted)
    wanted = _distances(true[:, first], true[:, second])  # (B, C, T, J, J), C pairs of persons
    error = _distances(predicted[:, first], predicted[:, second]) - wanted
    both = _both(weight, first, second)[..., None, None] * (wanted < NEAR_M)
    return weighted_mean(error**2, both)


def orientation(predicted: Tensor, true: Tensor, weight: Tensor) -> Tensor:
    """Error of how two persons face each other (InterGen, relative orientation loss), as 4 sin^2(error / 2).

    The angle between the directions in which two pairs of hips lie is that between the directions in which the two
    persons face. The squared differences of its cosine and sine are smooth where an angle jumps by a full turn.
    Arguments are those of `distance`. Frames in which either person's true hips lie one above the other do not count.
    """
    first, second = _pairs(predicted)
    wanted, facing = _across(true)
    guess, _ = _across(predicted)
    both = _both(weight * facing, first, second)
    error = _angle(guess[:, first], guess[:, second]) - _angle(wanted[:, first], wanted[:, second])
    return weighted_mean((error**2).sum(-1), both)


def objects(predicted: Tensor, true: Tensor, weight: Tensor, scene: Tensor, scene_mask: Tensor) -> Tensor:
    """Squared error of the distances from pelvis, hands, feet and head to the centres of near object groups, m^2.

    A seat missed by 10 cm is next to nothing in the error of x0; its distance says that it was passed by. A group's
    centre stands for it: groups are compact (64 points), and the nearest point would change from frame to frame.

    Args:
        predicted: (B, P, T, J, 3) joints, metres.
        true: The same of the true motion; pairs of joint and centre nearer than NEAR_M there count.
        weight: (B, P, T), 0 where a person or frame is not there.
        scene: (B, S, 3 N) points of the groups, metres, in the motion's frame.
        scene_mask: (B, S), 0 where a group is not there or was not told.
    """
    centres = scene.reshape(*scene.shape[:2], scene.shape[2] // 3, 3).mean(dim=-2)  # (B, S, 3)
    centres = centres[:, None, None].to(predicted)
    wanted = _distances(_touching(true), centres)  # (B, P, T, 6, S)
    error = _distances(_touching(predicted), centres) - wanted
    counted = weight[..., None, None] * scene_mask[:, None, None, None, :] * (wanted < NEAR_M)
    return weighted_mean(error**2, counted)


def floor(predicted: Tensor, true: Tensor, weight: Tensor) -> Tensor:
    """Square of how far joints are below the floor and below the true ones, m^2; arguments are those of `distance`."""
    depth = torch.relu(true[..., 2].clamp_max(0.0) - predicted[..., 2])  # (B, P, T, J)
    return weighted_mean(depth**2, weight[..., None])


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of `values` under `weight` (broadcastable); weights scale, and the count is of entries above zero."""
    full = weight.expand_as(values)
    return (values * full).sum() / (full > 0).sum().clamp_min(1)


def _distances(first: Tensor, second: Tensor) -> Tensor:
    """Distances (..., N, M) between points (..., N, 3) and (..., M, 3)."""
    # The coordinates are taken one by one, for differences (..., N, M, 3) would be the largest tensor of a whole step;
    # a tiny constant under the root: the gradient of a norm is undefined for points that coincide.
    x, y, z = ((first[..., :, None, axis] - second[..., None, :, axis]) ** 2 for axis in range(3))
    return (x + y + z).add(1e-8).sqrt()


def _across(joints: Tensor) -> tuple[Tensor, Tensor]:
    """Direction (..., 2) from right to left hip over the floor, and whether it is one (...)."""
    across = joints[..., JOINT_INDEX["left_hip"], :2] - joints[..., JOINT_INDEX["right_hip"], :2]
    length = (across**2).sum(-1, keepdim=True).add(1e-12).sqrt()
    return across / length.clamp_min(_LEAST_HIPS_M), length[..., 0] >= _LEAST_HIPS_M


def _angle(first: Tensor, second: Tensor) -> Tensor:
    """Cosine and sine (..., 2) of the angle from one direction (..., 2) to another."""
    cosine = (first * second).sum(-1)
    return torch.stack([cosine, first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]], dim=-1)


def _touching(joints: Tensor) -> Tensor:
    return torch.stack([joints[..., joint, :] for joint in TOUCHING], dim=-2)


def _both(weight: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Weight (B, C, T) of pairs of persons: both must be there, and the noise is the sample's."""
    return torch.minimum(weight[:, first], weight[:, second])


def _pairs(joints: Tensor) -> tuple[Tensor, Tensor]:
    """First and second person of each of the C pairs of a sample."""
    return _pair_indices(joints.shape[1], joints.device)


@cache
def _pair_indices(people: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The same for a number of persons, made once a device."""
    pairs = torch.tensor(list(combinations(range(people), 2)), dtype=torch.int64).reshape(-1, 2)
    return pairs[:, 0].to(device), pairs[:, 1].to(device)
