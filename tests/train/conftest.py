"""What several tests of training start from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from motion_train.text_tower import TextTower, TextTowerConfig
from motion_train.tokenizer_build import tokenizer_json, vocabulary_size


@pytest.fixture(scope="session")
def tiny_tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest text tower, with random weights."""
    folder = tmp_path_factory.mktemp("tower")
    torch.manual_seed(0)
    tokenizer = tokenizer_json(100)
    config = TextTowerConfig(vocabulary_size(tokenizer), width=8, heads=1, layers=1, output_dim=8)
    TextTower.small(config, tokenizer).save(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model() -> str:
    """Settings of the smallest denoiser that reads `tiny_tower`."""
    return """
[model]
width = 16
layers = 1
heads = 2
feedforward = 16
text_dim = 8
"""
