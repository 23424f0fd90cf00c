"""Recordings to compare with: captioned windows of the held-out subjects, drawn as training draws its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_preprocessing.stitch import unpack
from motion_train.caption_meaning import same_meanings
from motion_train.config import DataConfig
from motion_train.contrastive import draw_caption
from motion_train.window_pool import Window, make_windows

SHORTEST: int = 20
"""Frames: a second."""
_MEASURED: float = 0.5
"""Share of the captions that were measured on the motion; the others are the clip's own."""


@dataclass(frozen=True, eq=False)
class RealSet:
    """N captioned windows of one person."""

    windows: list[Window]
    captions: list[str]
    """One of each window's captions."""
    fps: float

    @property
    def poses(self) -> list[NDArray[np.float32]]:
        """Pose vectors, each (T, 258)."""
        return [window.pose[0] for window in self.windows]

    @property
    def joints_m(self) -> list[NDArray[np.float32]]:
        """Each (T, 22, 3)."""
        return [pose[:, POSITIONS].reshape(-1, JOINT_COUNT, 3) for pose in self.poses]

    def rotations(self) -> list[NDArray[np.float64]]:
        """Local rotations, each (T, 22, 3, 3)."""
        return [np.asarray(unpack(pose.astype(np.float64))[0]) for pose in self.poses]

    def same(self) -> NDArray[np.bool_]:
        """(N, N), where caption i also fits window j."""
        owned = [(*window.clip_captions, *window.measured_captions) for window in self.windows]
        return same_meanings(self.captions, owned)


def real_windows(
    data: Path, splits: Sequence[str], count: int, frames: int, seed: int, *, required: bool = True
) -> RealSet:
    """Draw windows of some splits, as many of each.

    Args:
        data: The dataset.
        splits: 'train', 'validation', 'test'.
        count: How many in all; short and uncaptioned ones are left out.
        frames: Longest window.
        seed: Of the draw.
        required: Refuse splits that give none.

    Raises:
        InputError: The folder is no dataset, or its splits have no captioned window.
    """
    settings = DataConfig(
        dataset=str(data), people=1, frames=frames, min_frames=min(SHORTEST, frames), scene_tokens=1,
        scene_fraction=0.0, join_fraction=0.0, mirror_fraction=0.0, short_fraction=0.0,
    )  # fmt: skip
    rng = np.random.Generator(np.random.Philox(key=[seed, 2**45]))
    windows: list[Window] = []
    fps = MotionDataset.open(data).fps
    having = [split for split in splits if len(MotionDataset.open(data, split=split))]
    for place, split in enumerate(having):
        share = count // len(having) + (place < count % len(having))
        windows += [window for _, window in make_windows(data, split, settings, seed, {"single": share})]
    windows = [w for w in windows if w.pose.shape[1] >= SHORTEST and (w.clip_captions or w.measured_captions)]
    if required and not windows:
        raise InputError(
            f"expected captioned clips of {' or '.join(splits)}, got none for --data '{data}'; preprocess again"
        )
    return RealSet(windows, [draw_caption(window, _MEASURED, rng) for window in windows], fps)
