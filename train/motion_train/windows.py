"""Batches of motion windows for the denoiser: persons composed, captions chosen, everything normalised.

`WindowSampler.batch(step)` is a pure function of (seed, step): on resume nothing but the step number is restored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motion_preprocessing.canonical import move_points, move_pose_vectors
from motion_preprocessing.errors import InputError
from motion_preprocessing.groups import GROUP_SIZE
from motion_preprocessing.labels import PERSON_CLASSES
from motion_preprocessing.pose_vector import POSE_DIM, POSITIONS, ROTATIONS, VELOCITIES
from motion_train.config import DataConfig
from motion_train.paraphrase import paraphrase
from motion_train.window_pool import CLASS_SHARES, Window, make_windows

FloatArray = NDArray[np.floating[Any]]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]

FALLBACK_CAPTION: Final = "a person moves"
MIN_DISTANCE_M: Final = 0.65
"""Composed persons' pelves keep at least this far apart over the whole window."""
_SCENE_CLEARANCE_M: Final = 0.35
_STRATA: Final = 0.12
"""A batch's windows come from this share of the pool, ordered by length, so that little of it is padding."""


def normaliser_of(windows: Sequence[Window]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation (258,) over all persons and frames of the windows.

    Horizontal positions share one deviation over x, y and all joints, so that the geometry of a body and the distances
    between bodies are scaled alike; heights, velocities and rotations have their own with a floor, because a joint that
    hardly moves must not have its noise blown up.
    """
    x = np.concatenate([w.pose.reshape(-1, POSE_DIM) for w in windows]).astype(np.float64)
    mean, std = x.mean(axis=0), x.std(axis=0)
    position_std = std[POSITIONS].reshape(-1, 3)
    position_std[:, :2] = np.sqrt(np.mean(position_std[:, :2] ** 2))
    position_std[:, 2] = np.maximum(position_std[:, 2], 0.1)
    std[POSITIONS] = position_std.reshape(-1)
    velocity_std = std[VELOCITIES].reshape(-1, 3)
    floor = np.maximum(0.3 * np.sqrt(np.mean(velocity_std**2, axis=0)), 1e-3)
    std[VELOCITIES] = np.maximum(velocity_std, floor).reshape(-1)
    std[ROTATIONS] = np.maximum(std[ROTATIONS], 0.1)
    # The canonical frame has no preferred side.
    mean[POSITIONS].reshape(-1, 3)[:, 1] = 0.0
    return mean.astype(np.float32), std.astype(np.float32)


class WindowSampler:
    """Draws batches from a pool of windows."""

    def __init__(
        self,
        folder: Path,
        split: str,
        embed: Embed,
        config: DataConfig,
        seed: int,
        *,
        windows: int | None = None,
        normaliser: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
        workers: int = 1,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        """Build the pool.

        Args:
            folder: Processed dataset.
            split: Which part of it.
            embed: Turns sentences into embeddings (N, Dt).
            config: The `data` section of the configuration.
            seed: Key of the pool and of every batch.
            windows: Size of the pool, `config.windows` unless told.
            normaliser: Mean and deviation to use instead of the pool's own (validation uses training's).
            workers: Processes that build the pool.
            progress: Called with (what, done, total).
        """
        self.config, self.seed = config, seed
        count = windows or config.windows

        def made(kind: str, total: int) -> list[Window]:
            note = (lambda done: progress(f"{kind} windows", done, total)) if progress else None
            return list(make_windows(folder, split, config, seed, kind, total, workers, note))

        self.singles = sorted(made("single", count), key=lambda w: w.pose.shape[1])
        self.pairs = made("pair", max(count // 12, 1)) if config.people > 1 else []
        if not self.singles:
            raise InputError(f"expected at least one window, got none for the split '{split}'; raise data.windows")
        self.mean, self.std = normaliser or normaliser_of([*self.singles, *self.pairs])
        sentences = sorted({s for w in (*self.singles, *self.pairs) for s in self._sentences(w)} | {FALLBACK_CAPTION})
        # Row i of the embeddings is a caption, rows i + n, i + 2n ... are the same in other words.
        self._row = {sentence: i for i, sentence in enumerate(sentences)}
        words = np.random.Generator(np.random.Philox(key=[seed, 2**41]))
        for _ in range(config.paraphrases):
            sentences += [paraphrase(sentence, words) for sentence in sentences[: len(self._row)]]
        self._embedded = np.asarray(embed(sentences), dtype=np.float32)

    @property
    def sentences(self) -> list[str]:
        """Every caption that a batch may hold, in the words of its clip or of its measurement."""
        return list(self._row)

    @staticmethod
    def _sentences(window: Window) -> tuple[str, ...]:
        return (*window.clip_captions, *window.measured_captions)

    def batch(self, step: int) -> dict[str, Tensor]:
        """Return batch number `step`.

        Keys: x0 (B, P, T, 258) normalised; pose_mask (B, P, T), text_mask (B, P), scene_mask (B, S) bool; text
        (B, P, Dt); scene (B, S, 192); scene_class (B, S), person_class (B, P), identity (B, P) int64. P is drawn for
        the batch; with more than one person the batch is shorter, so that every step costs about the same.
        """
        rng = np.random.Generator(np.random.Philox(key=[self.seed, 2**40 + step]))
        c = self.config
        people = 1
        if c.people > 1 and rng.uniform() < c.pair_fraction:
            people = 2 if c.people == 2 or rng.uniform() < 0.75 else int(rng.integers(3, c.people + 1))
        rows = [self._row_of(people, rng, centre) for centre in self._draw(max(1, c.batch_size // people), rng)]
        frames = max(len(pose) for row in rows for pose in row["poses"])
        return self._collate(rows, people, frames)

    def _draw(self, rows: int, rng: np.random.Generator) -> list[int]:
        """Indices of windows of similar length."""
        total = len(self.singles)
        reach = max(1, int(_STRATA * total / 2))
        centre = int(rng.integers(total))
        low, high = max(0, centre - reach), min(total, centre + reach)
        return [int(i) for i in rng.integers(low, high, size=rows)]

    def _row_of(self, people: int, rng: np.random.Generator, index: int) -> dict[str, Any]:
        """Compose one sample of `people` persons."""
        if people == 2 and self.pairs and rng.uniform() < 0.35:
            window = self.pairs[int(rng.integers(len(self.pairs)))]
            caption = self._caption(window, rng)
            who = [window.person_class] * 2
            return self._described(window, list(window.pose), [caption] * 2, who, window.scene_mask, rng)
        window = self.singles[index]
        poses, captions, classes = [window.pose[0]], [self._caption(window, rng)], [window.person_class]
        mask = window.scene_mask.copy()
        for _ in range(people - 1):
            other = self.singles[int(np.clip(index + rng.integers(-200, 201), 0, len(self.singles) - 1))]
            moved = _place_beside(poses, other.pose[0], rng)
            poses.append(moved)
            captions.append(self._caption(other, rng))
            classes.append(other.person_class)
            mask &= ~_groups_near(window.scene_points, moved)
        return self._described(window, poses, captions, classes, mask, rng)

    def _described(
        self,
        window: Window,
        poses: list[FloatArray],
        captions: list[str],
        classes: list[str],
        scene_mask: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> dict[str, Any]:
        return {
            "poses": poses,
            "text": [
                self._row[caption] + len(self._row) * int(rng.integers(self.config.paraphrases + 1))
                for caption in captions
            ],
            "classes": [
                int(rng.choice(len(PERSON_CLASSES), p=CLASS_SHARES.get(name, CLASS_SHARES["person"])))
                for name in classes
            ],
            # Without replacement: two persons of one sample never share an identity.
            "identity": rng.permutation(self.config.identities)[: len(poses)],
            "scene": window.scene_points,
            "scene_class": window.scene_class,
            "scene_mask": scene_mask,
        }

    def _caption(self, window: Window, rng: np.random.Generator) -> str:
        first, second = window.clip_captions, window.measured_captions
        if rng.uniform() < self.config.measured_caption_fraction:
            first, second = second, first
        options = first or second or (FALLBACK_CAPTION,)
        return options[int(rng.integers(len(options)))]

    def _collate(self, rows: list[dict[str, Any]], people: int, frames: int) -> dict[str, Tensor]:
        count = len(rows)
        x0 = np.zeros((count, people, frames, POSE_DIM), dtype=np.float32)
        pose_mask = np.zeros((count, people, frames), dtype=np.bool_)
        for i, row in enumerate(rows):
            for p, pose in enumerate(row["poses"]):
                x0[i, p, : len(pose)] = (pose - self.mean) / self.std
                pose_mask[i, p, : len(pose)] = True
        scene_mask = np.stack([row["scene_mask"] for row in rows])
        used = max(1, int(scene_mask.sum(axis=1).max()))
        order = np.argsort(~scene_mask, axis=1, kind="stable")[:, :used]  # unused groups to the end, then cut off
        scene = np.stack([row["scene"].reshape(-1, 3 * GROUP_SIZE)[o] for row, o in zip(rows, order, strict=True)])
        scene_class = np.stack([row["scene_class"][o] for row, o in zip(rows, order, strict=True)])
        return {
            "x0": torch.from_numpy(x0),
            "pose_mask": torch.from_numpy(pose_mask),
            "text": torch.from_numpy(self._embedded[np.array([row["text"] for row in rows])]),
            "text_mask": torch.ones(count, people, dtype=torch.bool),
            "scene": torch.from_numpy(scene.astype(np.float32)),
            "scene_class": torch.from_numpy(scene_class),
            "scene_mask": torch.from_numpy(np.take_along_axis(scene_mask, order, axis=1)),
            "person_class": torch.tensor([row["classes"] for row in rows], dtype=torch.int64),
            "identity": torch.from_numpy(np.stack([row["identity"] for row in rows]).astype(np.int64)),
        }


def _place_beside(others: list[FloatArray], pose: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Move a canonical pose (T, 258) to where its path keeps clear of the others' paths, near them if it can."""
    root = pose[:, :3]
    best, best_gap = (0.0, np.zeros(2)), -1.0
    for attempt in range(10):
        distance = rng.uniform(0.8, 1.8 + 0.4 * attempt)
        angle, yaw = rng.uniform(-np.pi, np.pi), rng.uniform(-np.pi, np.pi)
        shift = others[0][0, :2] + distance * np.array([np.cos(angle), np.sin(angle)])
        path = move_points(root, yaw, shift)[:, :2]
        gap = min(_gap(path, other[:, :2]) for other in others)
        if gap > best_gap:
            best, best_gap = (yaw, shift), gap
        if gap > MIN_DISTANCE_M:
            break
    return move_pose_vectors(pose, *best)


def _gap(a: FloatArray, b: FloatArray) -> float:
    """Smallest distance of two paths at equal times; the shorter one stays at its end."""
    frames = max(len(a), len(b))
    index = np.arange(frames)
    difference = a[np.minimum(index, len(a) - 1)] - b[np.minimum(index, len(b) - 1)]
    return float(np.sqrt((difference**2).sum(axis=1)).min())


def _groups_near(groups: NDArray[np.float32], pose: FloatArray) -> NDArray[np.bool_]:
    """Which scene groups (S, 64, 3) a path (T, 258) comes too close to."""
    path = pose[::4, :2]
    points = groups[:, ::4, :2].reshape(len(groups), -1, 1, 2)
    distance = ((points - path) ** 2).sum(axis=-1)
    return np.asarray(distance.reshape(len(groups), -1).min(axis=1) < _SCENE_CLEARANCE_M**2)


def embedder(
    encode: Callable[[Tensor], Tensor], tokenise: Callable[[str], NDArray[np.int64]], batch: int = 256
) -> Embed:
    """Wrap a text tower's encode (B, L) -> (B, Dt) and a tokenizer into sentences -> embeddings."""

    def embed(sentences: Sequence[str]) -> NDArray[np.float32]:
        parts = []
        with torch.no_grad():
            for first in range(0, len(sentences), batch):
                tokens = np.concatenate([tokenise(sentence) for sentence in sentences[first : first + batch]])
                parts.append(encode(torch.from_numpy(tokens)).float().cpu().numpy())
        return np.concatenate(parts)

    return embed
