"""Random inputs of every graph, as they occur in use, and PyTorch's answers to them.

The reference is the denoiser itself in fp32, called once a branch, with guidance and update in float64: nothing of the
exported modules, of the tracer's coding or of the batching is part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from motion_export.kernels import reference
from motion_export.parity import Array, Draw, Reference
from motion_runtime.manifest import CONDITION, STEP, GraphSpec, Manifest
from motion_runtime.sampler import SAMPLERS, plan_steps
from motion_runtime.schedule import NoiseSchedule
from motion_train.denoiser import IGNORED, Denoiser
from motion_train.text_tower import TextTower

Floats = NDArray[np.float32]

KEPT: Final = {1: ((1, 1),), 2: ((1, 1), (0, 0)), 3: ((1, 1), (0, 1), (0, 0))}
"""(text, scene) that the branches of a step kernel keep, by their number."""


class Drawing:
    """Draws inputs for a model's graphs."""

    def __init__(self, denoiser: Denoiser, manifest: Manifest, schedule: NoiseSchedule) -> None:
        """Draw for `denoiser`, whose sizes `manifest` holds."""
        self._denoiser = reference(denoiser)
        self._manifest = manifest
        self._plans = [plan_steps(schedule, sampler, 20) for sampler in SAMPLERS]
        self._signal = schedule.alphas_cumprod

    def tokens(self, rng: np.random.Generator) -> dict[str, Array]:
        """Draw a prompt of random ids."""
        text = self._manifest.text
        tokens = np.full((1, text.context_length), text.pad, dtype=np.int64)
        words = int(rng.integers(0, text.context_length - 1))
        ids = rng.integers(0, min(text.sot, text.eot), size=words)
        tokens[0, : words + 2] = [text.sot, *ids, text.eot]
        return {"tokens": tokens}

    def condition(self, rng: np.random.Generator, people: int) -> dict[str, Array]:
        """Draw a prompt's embedding, a room and people."""
        m = self._manifest
        # Groups of points as large as parts of furniture, in a room.
        centres = rng.uniform((-4, -4, 0), (4, 4, 1.5), (1, m.scene_tokens, 1, 3)).astype(np.float32)
        points = centres + 0.15 * _normal(rng, 1, m.scene_tokens, m.scene_points, 3)
        return {
            "text": _normal(rng, 1, people, m.text.width),
            "scene": points.reshape(1, m.scene_tokens, 3 * m.scene_points),
            "scene_class": rng.integers(0, len(m.object_classes), (1, m.scene_tokens)),
            "person_class": rng.integers(0, len(m.person_classes), (1, people)),
            "identity": rng.permutation(m.identities)[None, :people].astype(np.int64),
            "keep_text": rng.integers(0, 2, (1, people)).astype(np.float32),
            "keep_scene": rng.integers(0, 2, 1).astype(np.float32),
        }

    def step(
        self, rng: np.random.Generator, people: int, frames: int, branches: int, scene_tokens: int
    ) -> dict[str, Array]:
        """Draw a denoising step of a random sampler, with part of what the kernel has room for unused."""
        m = self._manifest
        shape = (1, people, frames, m.pose_dim)
        plan = self._plans[int(rng.integers(len(self._plans)))]
        step = plan[int(rng.integers(len(plan)))]
        weights = _weights(rng, branches)
        given = self.condition(rng, people)
        rows = [
            self.condition_reference(
                {**given, "keep_text": np.full((1, people), text, np.float32), "keep_scene": np.full(1, scene)}
            )
            for text, scene in KEPT[branches]
        ]
        used = np.concatenate(
            [
                [True],
                np.arange(people) < rng.integers(1, people + 1),
                np.arange(scene_tokens) < rng.integers(0, scene_tokens + 1),
                np.tile(np.arange(frames) < rng.integers(2, frames + 1), people),
            ]
        )
        values = {
            "prefix": np.concatenate([row[0] for row in rows])[:, : people + scene_tokens],
            "person": np.concatenate([row[1] for row in rows]),
            "key_bias": np.tile(np.where(used, 0.0, IGNORED).astype(np.float32), (branches, 1)),
        }
        # Motion as the network makes it from noise, with as much noise as belongs to the step: noise alone at a step
        # that expects nearly clean motion never occurs, and is answered by outputs of any size.
        last = np.array([len(self._signal) - 1], dtype=np.float32)
        x0_prev = self._denoise(0, {**values, "x": _normal(rng, *shape), "t": last}).astype(np.float32)
        signal = float(self._signal[int(step.t)])
        return {
            "x": (np.sqrt(signal) * x0_prev + np.sqrt(1 - signal) * _normal(rng, *shape)).astype(np.float32),
            "x0_prev": x0_prev,
            "noise": _normal(rng, *shape),
            "t": np.array([step.t], dtype=np.float32),
            "coefficients": np.array([step.a, step.b, step.c, step.s, *weights], dtype=np.float32),
            **values,
        }

    def batched_step(
        self, rng: np.random.Generator, people: int, frames: int, branches: int, scene_tokens: int, batch: int
    ) -> dict[str, Array]:
        """Draw a step of each of so many requests, each of its own sampler and at its own noise level."""
        drawn = [self.step(rng, people, frames, branches, scene_tokens) for _ in range(batch)]
        return {name: np.stack([values[name] for values in drawn]) for name in drawn[0]}

    def comparison(self, spec: GraphSpec, tower: TextTower) -> tuple[Draw, Reference]:
        """Drawing and reference of a graph."""
        if spec.role == STEP:
            shape = spec.people, spec.frames, spec.branches, spec.scene_tokens
            if spec.batch > 1:
                return lambda rng: self.batched_step(rng, *shape, spec.batch), self.batched_reference
            return lambda rng: self.step(rng, *shape), self.step_reference
        if spec.role == CONDITION:
            return lambda rng: self.condition(rng, spec.people), self.condition_reference
        return self.tokens, lambda values: [_numpy(tower.encode(torch.from_numpy(values["tokens"])))]

    def condition_reference(self, values: Mapping[str, Array]) -> Sequence[Floats]:
        """Run `Denoiser.condition`."""
        with torch.no_grad():
            outputs = self._denoiser.condition(**{name: _tensor(value) for name, value in values.items()})
        return [_numpy(output) for output in outputs]

    def step_reference(self, values: Mapping[str, Array]) -> Sequence[Floats]:
        """Call the denoiser once a branch, then guide and update in float64."""
        branches = [self._denoise(row, values) for row in range(len(values["prefix"]))]
        a, b, c, s, *weights = (float(value) for value in values["coefficients"])
        x0 = np.sum([w * branch for w, branch in zip(weights, branches, strict=True)], axis=0)
        x_next = a * values["x"] + b * x0 + c * values["x0_prev"] + s * values["noise"]
        return [x_next.astype(np.float32), x0.astype(np.float32)]

    def batched_reference(self, values: Mapping[str, Array]) -> Sequence[Floats]:
        """Take the step of one request after the other: nothing of the batch is part of it."""
        batch = len(values["x"])
        each = [self.step_reference({name: value[row] for name, value in values.items()}) for row in range(batch)]
        return [np.stack(outputs) for outputs in zip(*each, strict=True)]

    def _denoise(self, row: int, values: Mapping[str, Array]) -> NDArray[Any]:
        """Call the denoiser for one branch: x0 (1, P, T, D) in float64."""
        given = [_tensor(values[name][row : row + 1]) for name in ("prefix", "person", "key_bias")]
        with torch.no_grad():
            predicted = self._denoiser.denoise(_tensor(values["x"]), _tensor(values["t"]), *given)
        return _numpy(predicted).astype(np.float64)


def _weights(rng: np.random.Generator, branches: int) -> list[float]:
    """Weights of the branches, for guidance between 0 and 3: what is in use. Rounding grows with their sum."""
    if branches == 1:
        return [1.0]
    text, scene = rng.uniform(0, 3, 2)
    return [text, 1 - text] if branches == 2 else [text, scene - text, 1 - scene]


def _normal(rng: np.random.Generator, *shape: int) -> Floats:
    return rng.standard_normal(shape, dtype=np.float32)


def _tensor(value: Array) -> torch.Tensor:
    return torch.from_numpy(value if value.dtype == np.int64 else value.astype(np.float32))


def _numpy(value: torch.Tensor) -> NDArray[Any]:
    return value.detach().numpy()
