"""The text encoder's graph for the small tower and for OpenAI's flavour of CLIP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from motion_export.bundle_writer import Model
from motion_export.kernels import TextKernel
from motion_export.text_graph import trace_text
from motion_train.text_tower import TextTower


@pytest.mark.parametrize("quick_gelu", [False, True])
def test_every_length_of_prompt_agrees(toy_model: Model, tmp_path: Path, quick_gelu: bool) -> None:
    torch.manual_seed(1)
    config = replace(toy_model.tower.config, quick_gelu=quick_gelu, layers=2)
    tower = TextTower.small(config, toy_model.tower.tokenizer_text).freeze()
    tokenizer = tower.prompt_tokenizer()
    length = config.context_length
    model = trace_text(TextKernel(tower), {"tokens": torch.ones(1, length, dtype=torch.int64)})
    onnx.save(model, tmp_path / "text.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "text.onnx"), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    seen = []
    for words in range(length - 1):
        tokens = np.zeros((1, length), np.int64)
        tokens[0, : words + 2] = [tokenizer.start_id, *rng.integers(1, tokenizer.start_id, words), tokenizer.end_id]
        (found,) = session.run(None, {"tokens": tokens})
        with torch.no_grad():
            np.testing.assert_allclose(found, tower.encode(torch.from_numpy(tokens)).numpy(), atol=1e-5)
        seen.append(found)
    assert len({array.tobytes() for array in seen}) == len(seen)  # the end token was found at every place
