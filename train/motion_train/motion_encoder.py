"""The motion encoder: a window of poses -> a vector that the text tower's embedding of its caption is close to.

A small transformer over every other frame with a learned summary token. It is trained with the text tower
(`contrastive.py`) and is the motion side of the evaluator afterwards, so it carries its own normaliser: what it takes
is pose vectors in metres, in the canonical frame of their first frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from motion_preprocessing.errors import InputError
from motion_preprocessing.pose_vector import POSE_DIM
from motion_train.config import read_json, to_dict
from motion_train.denoiser import sinusoidal
from motion_train.files import write_json, write_tensors

WEIGHTS_FILE: Final = "motion_encoder.safetensors"
CONFIG_FILE: Final = "motion_encoder.json"


@dataclass(frozen=True)
class MotionEncoderConfig:
    """Sizes of the motion encoder."""

    width: int = 160
    """Width of its tokens."""
    layers: int = 3
    """Transformer layers."""
    heads: int = 5
    """Attention heads; must divide `width`."""
    dropout: float = 0.1
    """Dropout inside the layers while training."""
    stride: int = 2
    """Every how many frames one is read."""
    max_frames: int = 240
    """Longest window."""
    output_dim: int = 256
    """Width of the embedding; equals the text tower's."""


class MotionEncoder(nn.Module):
    """Pose vectors (B, T, 258) -> embeddings (B, D), not normalised."""

    mean: Tensor
    std: Tensor
    positions: Tensor

    def __init__(self, config: MotionEncoderConfig, mean: Tensor, std: Tensor) -> None:
        """Build an untrained encoder; mean and std (258,) are those of the training windows."""
        super().__init__()
        if config.width % config.heads or config.width % 2:
            raise InputError(
                f"expected an even width that {config.heads} heads divide, got {config.width} for the motion encoder; "
                "change motion.width or motion.heads"
            )
        self.config = config
        self.register_buffer("mean", mean.clone().float())
        self.register_buffer("std", std.clone().float())
        self.register_buffer("positions", sinusoidal(torch.arange(config.max_frames), config.width), persistent=False)
        self.input = nn.Linear(POSE_DIM, config.width)
        self.summary = nn.Parameter(torch.randn(config.width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, 4 * config.width, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(
            layer, config.layers, nn.LayerNorm(config.width), enable_nested_tensor=False
        )
        self.output = nn.Linear(config.width, config.output_dim)

    def forward(self, pose: Tensor, mask: Tensor) -> Tensor:
        """Embed windows.

        Args:
            pose: (B, T, 258) metres, canonical frame.
            mask: (B, T) True where a frame is there; the first one always is.

        Returns:
            (B, D).
        """
        pose, mask = pose[:, :: self.config.stride], mask[:, :: self.config.stride]
        x = self.input((pose - self.mean) / self.std)  # (B, T', d)
        x = x + self.positions[: self.config.stride * x.shape[1] : self.config.stride]
        x = torch.cat([self.summary.expand(len(x), 1, -1), x], dim=1)  # (B, 1+T', d)
        absent = torch.cat([torch.zeros_like(mask[:, :1]), ~mask], dim=1)
        out: Tensor = self.output(self.layers(x, src_key_padding_mask=absent)[:, 0])  # (B, D)
        return out

    def save(self, folder: Path) -> None:
        """Write `motion_encoder.safetensors` and `motion_encoder.json`, each renamed into place when whole.

        Raises:
            OutputError: A file cannot be written.
        """
        write_tensors(folder / WEIGHTS_FILE, self.state_dict())
        write_json(folder / CONFIG_FILE, to_dict(self.config))

    @classmethod
    def load(cls, folder: Path) -> MotionEncoder:
        """Read what `save` wrote, in evaluation mode.

        Raises:
            InputError: A file is missing or does not fit.
        """
        config = read_json(MotionEncoderConfig, folder / CONFIG_FILE)
        encoder = cls(config, torch.zeros(POSE_DIM), torch.ones(POSE_DIM))
        try:
            encoder.load_state_dict(load_file(folder / WEIGHTS_FILE))
        except Exception as error:  # safetensors and torch raise many kinds for a missing, broken or foreign file
            raise InputError(
                f"expected the weights of a motion encoder, got {type(error).__name__} for {folder / WEIGHTS_FILE}; "
                "give the folder that 'motion-train text' wrote"
            ) from error
        return encoder.eval()
