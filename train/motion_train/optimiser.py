"""AdamW (Loshchilov and Hutter 2019) and the learning rate over a run."""

from __future__ import annotations

import math

import torch
from torch import nn

from motion_train.config import OptimiserConfig


def lr_factor(config: OptimiserConfig, step: int, share: float) -> float:
    """Learning rate as a share of its peak, `step` steps and `share` of the run done: linear warm-up times a cosine."""
    warmup = min(1.0, (step + 1) / (config.warmup_steps + 1))
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))
    return warmup * (config.min_lr_ratio + (1.0 - config.min_lr_ratio) * cosine)


def make_optimizer(model: nn.Module, config: OptimiserConfig) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices only."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=(config.beta1, config.beta2), fused=True)
