"""Batches of motion windows for the denoiser: windows drawn, captions chosen, everything normalised.

`WindowSampler.batch(step)` is a pure function of (seed, step): on resume nothing but the step number is restored. The
pool lies on the device that trains; a batch is a few hundred numbers drawn on the host and a gather there, because a
small model on a fast GPU would otherwise wait for its batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motion_preprocessing.errors import InputError
from motion_preprocessing.groups import GROUP_SIZE
from motion_preprocessing.pose_vector import POSE_DIM, POSITIONS, ROTATIONS, VELOCITIES
from motion_train.config import DataConfig
from motion_train.paraphrase import paraphrase
from motion_train.window_pool import CLASS_SHARES, KINDS, Described, Window, make_windows

FloatArray = NDArray[np.floating[Any]]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]

FALLBACK_CAPTION: Final = "a person moves"
_PAIR_SHARE: Final = 0.35
"""Of the samples of two persons, this share is from takes of two; the others are composed."""
_FRAMES_TOGETHER: Final = 40
"""On a GPU the frames of a batch are a multiple of this."""
_STRATA: Final = 0.12
"""A batch's windows come from this share of the pool, ordered by length, so that little of it is padding."""


def normaliser_of(windows: Sequence[Window]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation (258,) over all persons and frames of the windows.

    Horizontal positions share one deviation over x, y and all joints, so that the geometry of a body and the distances
    between bodies are scaled alike; heights, velocities and rotations have their own with a floor, because a joint that
    hardly moves must not have its noise blown up.
    """
    # Summed window by window, about the first one's mean: all frames at once would not fit into memory in float64.
    origin = windows[0].pose.reshape(-1, POSE_DIM).mean(axis=0, dtype=np.float64)
    count, total, squares = 0, np.zeros(POSE_DIM), np.zeros(POSE_DIM)
    for window in windows:
        x = window.pose.reshape(-1, POSE_DIM) - origin
        count, total, squares = count + len(x), total + x.sum(axis=0), squares + (x**2).sum(axis=0)
    mean = origin + total / count
    std = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))
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
        device: torch.device | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        """Build the pool.

        Args:
            folder: Processed dataset.
            split: Which part of it.
            embed: Turns sentences into embeddings (N, Dt).
            config: The `data` section of the configuration.
            seed: Key of the pool and of every batch.
            windows: Windows of one person, `config.windows` unless told; there are half as many more of several.
            normaliser: Mean and deviation to use instead of the pool's own (validation uses training's).
            workers: Processes that build the pool.
            device: Where the pool lies and batches are made; the CPU unless told.
            progress: Called with (what, done, total).
        """
        self.config, self.seed = config, seed
        self._device = device or torch.device("cpu")
        # On a GPU batches come in few shapes, for each of which a graph is recorded.
        self._multiple = _FRAMES_TOGETHER if self._device.type == "cuda" else 1
        counts = {"single": windows or config.windows}
        if config.people > 1:
            counts |= {"pair": max(counts["single"] // 6, 1), "group": max(counts["single"] // 3, 1)}
        note = (lambda done: progress("windows", done, sum(counts.values()))) if progress else None
        made = list(make_windows(folder, split, config, seed, counts, workers, note))
        if not made:
            raise InputError(f"expected at least one window, got none for the split '{split}'; raise data.windows")
        every = [window for _, window in made]
        self.found = normaliser_of(every)
        """Mean and deviation of the pool, whichever are used."""
        self.mean, self.std = normaliser or self.found

        # Tables: of windows, of persons (those of a window beside each other), of frames, of scenes.
        self._length = np.array([window.pose.shape[1] for window in every])
        self._used = np.array([int(window.scene_mask.sum()) for window in every])
        people = np.array([len(window.people) for window in every])
        self._person = np.cumsum(people) - people
        described = [person for window in every for person in window.people]
        shares = [CLASS_SHARES.get(person.person_class, CLASS_SHARES["person"]) for person in described]
        self._shares = np.cumsum(np.array(shares), axis=1)
        self._embed(described, embed)
        self._lay_out(every)

        # Pools of windows, each in the order of length.
        kinds = np.array([kind for kind, _ in made])
        order = np.argsort(self._length, kind="stable")
        self._pools = {
            (kind, count): rows
            for kind in KINDS
            for count in range(1, config.people + 1)
            if len(rows := order[(kinds[order] == kind) & (people[order] == count)])
        }

    @property
    def sentences(self) -> list[str]:
        """Every caption that a batch may hold, in the words of its clip or of its measurement."""
        return list(self._row)

    def _embed(self, described: Sequence[Described], embed: Embed) -> None:
        """Embed every caption and list whose it is."""
        told = {s for person in described for s in (*person.clip_captions, *person.measured_captions)}
        sentences = sorted(told | {FALLBACK_CAPTION})
        # Row i of the embeddings is a caption, rows i + n, i + 2n ... are the same in other words.
        self._row = {sentence: i for i, sentence in enumerate(sentences)}
        words = np.random.Generator(np.random.Philox(key=[self.seed, 2**41]))
        for _ in range(self.config.paraphrases):
            sentences += [paraphrase(sentence, words) for sentence in sentences[: len(self._row)]]
        self._embedded = torch.from_numpy(np.asarray(embed(sentences), dtype=np.float32)).to(self._device)
        # (N, 2, 2): of each person the first place in the list and the number of the clip's captions, and of the
        # measured ones; who has but one kind has it twice.
        listed: list[int] = []
        spans = []
        for person in described:
            clip, measured = person.clip_captions, person.measured_captions
            own = []
            for captions in (clip or measured or (FALLBACK_CAPTION,), measured or clip or (FALLBACK_CAPTION,)):
                own.append((len(listed), len(captions)))
                listed += [self._row[caption] for caption in captions]
            spans.append(own)
        self._listed, self._spans = np.array(listed), np.array(spans)

    def _lay_out(self, windows: Sequence[Window]) -> None:
        """Put all frames into one table on the device and all scenes into another."""
        sizes = np.array([window.pose.shape[1] for window in windows for _ in window.people])
        self._first = np.cumsum(sizes) - sizes
        # As many zeros at the end as a gather from the last window may read beyond it.
        self._frames = torch.zeros(int(sizes.sum()) + self.config.frames, POSE_DIM, device=self._device)
        for window, person in zip(windows, self._person, strict=True):
            flat = ((window.pose - self.mean) / self.std).reshape(-1, POSE_DIM)
            start = self._first[person]
            self._frames[start : start + len(flat)] = torch.from_numpy(flat)
        scenes = np.stack([window.scene_points.reshape(-1, 3 * GROUP_SIZE) for window in windows])
        self._scenes = torch.from_numpy(scenes.astype(np.float32)).to(self._device)
        self._scene_classes = torch.from_numpy(np.stack([window.scene_class for window in windows])).to(self._device)

    def batch(self, step: int) -> dict[str, Tensor]:
        """Return batch number `step`, on the pool's device.

        Keys: x0 (B, P, T, 258) normalised; pose_mask (B, P, T), text_mask (B, P), scene_mask (B, S) bool; text
        (B, P, Dt); scene (B, S, 192); scene_class (B, S), person_class (B, P), identity (B, P) int64. P is drawn for
        the batch; with more than one person the batch is shorter, so that every step costs about the same.
        """
        rng = np.random.Generator(np.random.Philox(key=[self.seed, 2**40 + step]))
        c = self.config
        people, rows = self._draw(rng)
        length, used = self._length[rows], self._used[rows]
        persons = self._person[rows][:, None] + np.arange(people)  # (B, P)
        span = np.take_along_axis(
            self._spans[persons],
            (rng.uniform(size=persons.shape) < c.measured_caption_fraction).astype(np.int64)[..., None, None],
            axis=2,
        )[..., 0, :]
        text = self._listed[span[..., 0] + (rng.uniform(size=persons.shape) * span[..., 1]).astype(np.int64)]
        text = text + len(self._row) * rng.integers(c.paraphrases + 1, size=persons.shape)
        classes = (rng.uniform(size=persons.shape)[..., None] >= self._shares[persons][..., :-1]).sum(axis=-1)
        # Without replacement: two persons of one sample never share an identity.
        identity = np.argsort(rng.uniform(size=(len(rows), c.identities)), axis=1)[:, :people]
        frame = torch.arange(padded(int(length.max()), self._multiple, c.frames), device=self._device)
        group = torch.arange(padded(max(1, int(used.max())), self._multiple, c.scene_tokens), device=self._device)
        here = {
            name: torch.from_numpy(np.ascontiguousarray(values)).to(self._device, non_blocking=True)
            for name, values in (
                ("row", rows), ("first", self._first[persons]), ("length", length), ("used", used), ("text", text),
                ("class", classes.astype(np.int64)), ("identity", identity),
            )
        }  # fmt: skip
        pose_mask = (frame < here["length"][:, None, None]).expand(-1, people, -1)
        return {
            "x0": self._frames[here["first"][..., None] + frame] * pose_mask[..., None],
            "pose_mask": pose_mask,
            "text": self._embedded[here["text"]],
            "text_mask": torch.ones(len(rows), people, dtype=torch.bool, device=self._device),
            "scene": self._scenes[here["row"], : len(group)],
            "scene_class": self._scene_classes[here["row"], : len(group)],
            "scene_mask": group < here["used"][:, None],
            "person_class": here["class"],
            "identity": here["identity"],
        }

    def _draw(self, rng: np.random.Generator) -> tuple[int, NDArray[np.int64]]:
        """Draw the windows of a batch (B,), all of as many persons and of similar length."""
        c = self.config
        people = 1
        if c.people > 1 and rng.uniform() < c.pair_fraction:
            people = 2 if c.people == 2 or rng.uniform() < 0.7 else int(rng.integers(3, c.people + 1))
        sources = [self._pools[kind, people] for kind in KINDS[1:] if (kind, people) in self._pools]
        if people == 1 or not sources:
            people, sources = 1, [self._pools["single", 1]]
        rows = max(1, c.batch_size // people)
        place = places_together(rng, rows)
        drawn = np.stack([source[(place * len(source)).astype(np.int64)] for source in sources])
        return people, np.where(rng.uniform(size=rows) < _PAIR_SHARE, drawn[0], drawn[-1])


def padded(size: int, multiple: int, most: int) -> int:
    """Round a size up to a multiple, but not beyond `most`."""
    return min(-(-size // multiple) * multiple, most)


def places_together(rng: np.random.Generator, rows: int) -> FloatArray:
    """Draw places (rows,) in a pool of length 1 that are near each other; each by itself is uniform in [0, 1).

    What would lie beyond an end is mirrored there. Cut off, it would fall on the first and the last window of the pool:
    each of these would be one and a half of a hundred samples.
    """
    place = np.abs(rng.uniform() + _STRATA * (rng.uniform(size=rows) - 0.5))
    return np.minimum(1.0 - np.abs(1.0 - place), 1.0 - 1e-9)


def embedder(
    encode: Callable[[Tensor], Tensor],
    tokenise: Callable[[str], NDArray[np.int64]],
    batch: int = 256,
    device: torch.device | None = None,
) -> Embed:
    """Wrap a text tower's encode (B, L) -> (B, Dt), on `device`, and a tokenizer into sentences -> embeddings."""

    def embed(sentences: Sequence[str]) -> NDArray[np.float32]:
        parts = []
        with torch.no_grad():
            for first in range(0, len(sentences), batch):
                tokens = np.concatenate([tokenise(sentence) for sentence in sentences[first : first + batch]])
                parts.append(encode(torch.from_numpy(tokens).to(device)).float().cpu().numpy())
        return np.concatenate(parts)

    return embed
