"""Held-out windows as requests: what a model makes of their words, rooms and people, beside what was recorded there.

Figures of bodies are those of `motion_preprocessing.metrics` on the joints as they would be written, and the bone drift
of the network's own positions. The others compare with the recording, which is but one of the motions that the same
words allow: they say something between models, not by themselves. The recordings' own values are those of `measure`
with the recording as what was made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motion_preprocessing.groups import GROUP_SIZE
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import (
    bone_length_drift_percent,
    floor_fit,
    foot_skate_ratio,
    jerk_m_s3,
    person_penetration_m,
)
from motion_preprocessing.pose_vector import POSITIONS, fit_body
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime.guidance import KEPT
from motion_runtime.manifest import Normaliser
from motion_runtime.sampler import Step, philox_noise
from motion_train.denoiser import Denoiser, key_bias
from motion_train.interaction_terms import NEAR_M, TOUCHING
from motion_train.loader import Batch, BatchSource

Array = NDArray[np.float64]

BODY: Final = {
    "foot_skate_ratio": ("foot-skate ratio", 0.001),
    "jerk_m_s3": ("jerk, m/s^3", 0.0),
    "float_mm": ("float, mm", 0.1),
    "penetration_mm": ("penetration, mm", 0.1),
    "bone_drift_percent": ("bone drift of positions, %", 0.0),
}
"""Figure -> its name, and what is too little to count."""
TOGETHER: Final = {
    "use_cm": ("pelvis from the place of use, cm", 0.1),
    "objects_cm": ("distances to objects, error, cm", 0.1),
    "company_cm": ("distances of two persons' joints, error, cm", 0.1),
    "facing_deg": ("facing of two persons, error, degrees", 0.1),
    "overlap_share": ("frames in which two persons overlap", 0.001),
}
"""The same of what bodies do with objects and with each other."""
USE_M: Final = 0.25
"""An object this near to the recorded pelvis is used. Of 150 held-out windows, 39 of them with someone who sits or lies
on furniture, these have their nearest point within 0.1 to 0.23 m, and whoever passes by keeps 0.36 m or more."""
_A_BATCH: Final = 16
"""Requests from one batch: its windows are of like length, and there are few such in a small pool."""
_MOST_BATCHES: Final = 2000


def requests(source: BatchSource, singles: int, pairs: int) -> list[Batch]:
    """Take the first so many windows of one person and of two; fewer where the source has none of two."""
    wanted = {1: singles, 2: pairs}
    taken: list[Batch] = []
    for number in range(_MOST_BATCHES):
        if not any(wanted.values()):
            break
        batch = source.batch(number)
        rows, people = batch["x0"].shape[:2]
        count = min(rows, _A_BATCH, wanted.get(people, 0))
        if count:
            taken.append({name: value[:count] for name, value in batch.items()})
            wanted[people] -= count
    return taken


@torch.no_grad()
def generate(model: Denoiser, batch: Batch, plan: Sequence[Step], seed: int, number: int) -> Tensor:
    """Make what a batch's words, rooms and people ask for: normalised pose vectors (B, P, T, D).

    Args:
        model: The denoiser.
        batch: The requests; of its x0 nothing but the shape is looked at.
        plan: Of a sampler without noise of its own, from `plan_steps`.
        seed: Of the starting noise.
        number: Of the batch: other batches have other noise.

    Raises:
        ValueError: The sampler adds noise.
    """
    if any(step.s for step in plan):
        raise ValueError("expected a sampler without noise of its own, got one that adds some; take ddim or dpm++")
    shape, device = batch["x0"].shape, batch["x0"].device
    bias = key_bias(batch["text_mask"], batch["scene_mask"], batch["pose_mask"])
    ones = torch.ones(shape[0], device=device)
    branches = {
        branch: model.condition(
            batch["text"],
            batch["scene"],
            batch["scene_class"],
            batch["person_class"],
            batch["identity"],
            ones * KEPT[branch][0],
            ones * KEPT[branch][1],
        )
        for branch in {branch for step in plan for branch in step.branches}
    }
    x = torch.from_numpy(philox_noise(seed, number, 0, tuple(shape))).to(device)
    before = torch.zeros_like(x)
    for step in plan:
        x0 = torch.zeros_like(x)
        for branch in step.branches:
            x0 += step.weights[branch] * model.denoise(x, ones * step.t, *branches[branch], bias)
        x, before = step.a * x + step.b * x0 + step.c * before, x0
    return x


def measure(batch: Batch, made: Tensor, normaliser: Normaliser, fps: float) -> list[dict[str, float]]:
    """Measure normalised pose vectors (B, P, T, D) that were made for a batch: figures of each sample, NaN for none."""
    guesses, truths = (_metres(x, normaliser) for x in (made, batch["x0"]))
    frames = batch["pose_mask"].all(dim=1).sum(dim=-1).tolist()
    points = batch["scene"].cpu().numpy().astype(np.float64)
    used = batch["scene_mask"].cpu().numpy()
    figures = []
    for guess, truth, count, groups, mask in zip(guesses, truths, frames, points, used, strict=True):
        scene = groups.reshape(-1, GROUP_SIZE, 3)[mask]
        figures.append(_sample(guess[:, :count], truth[:, :count], scene, fps))
    return figures


def _metres(x: Tensor, normaliser: Normaliser) -> Array:
    return np.asarray(x.float().cpu().numpy() * normaliser.std.astype(np.float64) + normaliser.mean)


def written_joints(x: Array) -> Array:
    """Joints (P, T, 22, 3) of the bodies that pose vectors (P, T, 258) are written as."""
    return np.asarray(forward_kinematics(*fit_body(x))[0])


def _sample(guess: Array, truth: Array, scene: Array, fps: float) -> dict[str, float]:
    """Figures of one sample: pose vectors (P, T, 258) made and recorded, scene groups (S, 64, 3)."""
    made, recorded = written_joints(guess), written_joints(truth)
    own = guess[..., POSITIONS].reshape(made.shape)
    floor = [floor_fit(person) for person in made]
    pairs = list(combinations(range(len(made)), 2))
    rows: Mapping[str, list[float]] = {
        "foot_skate_ratio": [foot_skate_ratio(person, fps) for person in made],
        "jerk_m_s3": [float(jerk_m_s3(person, fps).mean()) for person in made],
        "float_mm": [fit.float_mm for fit in floor],
        "penetration_mm": [fit.penetration_mm for fit in floor],
        "bone_drift_percent": [float(bone_length_drift_percent(person).mean()) for person in own],
        "use_cm": [100 * use_m(a, b, scene) for a, b in zip(made, recorded, strict=True)],
        "objects_cm": [100 * objects_error_m(a, b, scene) for a, b in zip(made, recorded, strict=True)],
        "company_cm": [100 * company_error_m(made[[i, j]], recorded[[i, j]]) for i, j in pairs],
        "facing_deg": [facing_error_deg(made[[i, j]], recorded[[i, j]]) for i, j in pairs],
        "overlap_share": [float((person_penetration_m(made[i], made[j]) > 0).mean()) for i, j in pairs],
    }
    return {name: _mean(values) for name, values in rows.items()}


def use_m(made: Array, recorded: Array, scene: Array) -> float:
    """How near the pelvis comes to where the recorded one is nearest to an object, metres, in any frame.

    Joints are (T, 22, 3), the scene's groups (S, 64, 3). NaN where no object is within USE_M of the recorded pelvis.
    """
    if not len(scene):
        return math.nan
    pelvis = recorded[:, 0]
    gap = np.stack([np.linalg.norm(scene.reshape(-1, 3) - place, axis=-1).min() for place in pelvis])
    best = int(gap.argmin())
    return float(np.linalg.norm(made[:, 0] - pelvis[best], axis=-1).min()) if gap[best] < USE_M else math.nan


def objects_error_m(made: Array, recorded: Array, scene: Array) -> float:
    """Mean error of the distances that the loss `objects` is about, metres; arguments are those of `use_m`."""
    centres = scene.mean(axis=1)
    wanted, got = (_distances(joints[:, list(TOUCHING)], centres) for joints in (recorded, made))
    return _mean(np.abs(got - wanted)[wanted < NEAR_M])


def company_error_m(made: Array, recorded: Array) -> float:
    """Mean error of the distances that the loss `distance` is about, metres, from two persons' joints (2, T, 22, 3)."""
    wanted, got = (_distances(*joints) for joints in (recorded, made))
    return _mean(np.abs(got - wanted)[wanted < NEAR_M])


def facing_error_deg(made: Array, recorded: Array) -> float:
    """Mean error of the angle between two persons' facing directions, degrees, from joints (2, T, 22, 3)."""
    wanted, got = (np.subtract(*_yaw(joints)) for joints in (recorded, made))
    return float(np.degrees(np.abs((got - wanted + np.pi) % (2 * np.pi) - np.pi)).mean())


def _yaw(joints: Array) -> Array:
    """Angle (..., T) of the direction from right to left hip over the floor."""
    across = joints[..., JOINT_INDEX["left_hip"], :] - joints[..., JOINT_INDEX["right_hip"], :]
    return np.asarray(np.arctan2(across[..., 1], across[..., 0]))


def _distances(first: Array, second: Array) -> Array:
    """Distances (..., N, M) between points (..., N, 3) and (..., M, 3)."""
    return np.asarray(np.linalg.norm(first[..., :, None, :] - second[..., None, :, :], axis=-1))


def _mean(values: Any) -> float:
    """Mean of what could be measured, NaN for nothing."""
    array = np.asarray(values, dtype=np.float64)
    array = array[np.isfinite(array)]
    return float(array.mean()) if array.size else math.nan
