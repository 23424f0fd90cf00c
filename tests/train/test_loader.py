"""Batches prepared ahead."""

from __future__ import annotations

import pytest
import torch

from motion_train.loader import Batch, Prefetcher


class Numbers:
    def batch(self, step: int) -> Batch:
        if step == 13:
            raise ValueError("thirteen")
        return {"step": torch.tensor([step]), "values": torch.full((2, 3), step / 2)}


def test_batches_come_in_order() -> None:
    batches = Prefetcher(Numbers(), 1, 3)
    try:
        for step in (1, 4, 7, 10):
            batch = batches.take()
            assert batch["step"].tolist() == [step]
            torch.testing.assert_close(batch["values"], torch.full((2, 3), step / 2))
        with pytest.raises(ValueError, match="thirteen"):
            batches.take()
    finally:
        batches.close()
