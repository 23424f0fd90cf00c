"""The evaluator: a text tower and a motion encoder of their own, trained on the training split with another seed.

'Internal evaluator': its figures compare models of this project on this data, never published leaderboards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from motion_preprocessing.canonical import canonical_move, move_points
from motion_preprocessing.errors import InputError
from motion_preprocessing.pose_vector import encode
from motion_preprocessing.rotations import about_z
from motion_runtime.motion import Motion
from motion_train.contrastive import ContrastiveConfig
from motion_train.motion_encoder import MotionEncoder
from motion_train.text_run import CONFIG_FILE, TextRun, resolve_text_run, train_text
from motion_train.text_tower import TextTower
from motion_train.trainer import Outcome

SEED: Final = 20_261
"""The generator's tower has another."""
_BATCH: Final = 64
_SETTINGS: Final = (
    "data.windows=2500", "data.batch_size=64", "run.validate_every=0", "run.log_every=20", "run.checkpoint_every=105",
    "optimiser.lr=1e-3", "optimiser.warmup_steps=40",
)  # fmt: skip
"""Only the last weights are taken (no validation before the end), so that no held-out clip chooses among them."""


def evaluator_run(
    data: Path | None, out: Path, *, steps: int, seed: int, threads: int, settings: Sequence[str], resume: bool
) -> TextRun:
    """Resolve a run of the evaluator.

    Raises:
        InputError: As `resolve_text_run`.
    """
    flags: dict[str, Any] = {"run.steps": steps, "run.seed": seed, "run.threads": threads}
    if data is not None:
        flags["data.dataset"] = str(data)
    return resolve_text_run(None, (*_SETTINGS, *settings), flags, out, resume=resume)


def train_evaluator(run: TextRun, out: Path) -> Outcome:
    """Train on the training split; raises as `train_text`."""
    return train_text(run, out)


@dataclass(frozen=True)
class Evaluator:
    """A trained evaluator."""

    text: TextTower
    motion: MotionEncoder
    seed: int
    """Of its training."""

    @classmethod
    def load(cls, folder: Path) -> Evaluator:
        """Read the folder that `motion-evaluate train-evaluator` wrote.

        Raises:
            InputError: A file is missing or does not fit.
        """
        from motion_train.config import read_json

        if not (folder / CONFIG_FILE).is_file():
            raise InputError(
                f"expected an evaluator, got no {CONFIG_FILE} in '{folder}' for --evaluator; "
                "run 'motion-evaluate train-evaluator'"
            )
        settings = read_json(ContrastiveConfig, folder / CONFIG_FILE)
        return cls(TextTower.load(folder), MotionEncoder.load(folder), settings.run.seed)

    @torch.no_grad()
    def embed_text(self, sentences: Sequence[str]) -> NDArray[np.float64]:
        """Unit vectors (N, D)."""
        encode_prompt = self.text.prompt_tokenizer().encode
        tokens = torch.from_numpy(np.concatenate([encode_prompt(sentence) for sentence in sentences]))
        return _unit(self.text.encode(tokens).numpy())

    @torch.no_grad()
    def embed_motion(self, poses: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Unit vectors (N, D) of pose vectors (T, 258) in the canonical frame of their first frame."""
        found = []
        for start in range(0, len(poses), _BATCH):
            batch = poses[start : start + _BATCH]
            frames = max(len(pose) for pose in batch)
            stacked = np.zeros((len(batch), frames, batch[0].shape[1]), dtype=np.float32)
            mask = np.zeros((len(batch), frames), dtype=np.bool_)
            for row, pose in enumerate(batch):
                stacked[row, : len(pose)], mask[row, : len(pose)] = pose, True
            found.append(self.motion(torch.from_numpy(stacked), torch.from_numpy(mask)).numpy())
        return _unit(np.concatenate(found))

    def embed_first(self, motions: Sequence[Motion]) -> NDArray[np.float64]:
        """Unit vectors (N, D) of the first persons of generated motions."""
        return self.embed_motion(
            [canonical_pose(m.joints_m[0], m.local_rotations[0], m.root_position_m[0], m.fps) for m in motions]
        )


def canonical_pose(
    joints_m: NDArray[np.floating[Any]],
    local_rotations: NDArray[np.floating[Any]],
    root_m: NDArray[np.floating[Any]],
    fps: float,
) -> NDArray[np.float32]:
    """Pose vectors (T, 258) of one person's motion, moved into the canonical frame of its first frame."""
    yaw, shift = canonical_move(np.asarray(joints_m[0], dtype=np.float64))
    turned = np.array(local_rotations, dtype=np.float64)
    turned[:, 0] = about_z(np.asarray(yaw)) @ turned[:, 0]
    root = move_points(np.asarray(root_m, dtype=np.float64), yaw, shift)
    return np.asarray(encode(turned, root, fps), dtype=np.float32)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True))
