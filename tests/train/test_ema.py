from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from motion_train.ema import ExponentialMovingAverage, decay_at


def test_follows_the_recursion_in_float64() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    ema = ExponentialMovingAverage(model, decay=0.7)
    expected = {n: p.detach().double().numpy().copy() for n, p in model.named_parameters()}
    for step in range(1, 30):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p))
        model(torch.randn(5, 3))  # moves the buffers
        ema.update(model, step)
        d = min(0.7, (1 + step) / (10 + step))
        for name, p in model.named_parameters():
            expected[name] = d * expected[name] + (1 - d) * p.detach().double().numpy()
    for name, p in ema.module.named_parameters():
        np.testing.assert_allclose(p.numpy(), expected[name], atol=1e-5)
    for (name, live), average in zip(model.named_buffers(), ema.module.buffers(), strict=True):
        assert torch.equal(live, average), name


def test_decay_rises_to_its_limit() -> None:
    assert decay_at(1, 0.999) == pytest.approx(2 / 11)
    assert decay_at(90, 0.999) == pytest.approx(0.91)
    assert decay_at(10**6, 0.999) == 0.999
    assert decay_at(1, 0.0) == 0.0


def test_average_is_apart_from_the_model() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    ema = ExponentialMovingAverage(model, decay=0.5)
    model.train()
    assert not ema.module.training
    assert not any(p.requires_grad for p in ema.module.parameters())
    assert all(p.requires_grad for p in model.parameters())
    before = [p.clone() for p in ema.module.parameters()]
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    for old, new in zip(before, ema.module.parameters(), strict=True):
        assert torch.equal(old, new)
