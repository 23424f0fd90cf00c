"""Batches prepared ahead, by a thread and by processes."""

from __future__ import annotations

import sys

import pytest
import torch

from motion_train.loader import Batch, Prefetcher


class Numbers:
    def batch(self, step: int) -> Batch:
        if step == 13:
            raise ValueError("thirteen")
        return {"step": torch.tensor([step]), "values": torch.full((2, 3), step / 2)}


@pytest.mark.parametrize("processes", [0, 2])
def test_batches_come_in_order(processes: int) -> None:
    if processes and sys.platform == "win32":
        pytest.skip("no fork on Windows")
    batches = Prefetcher(Numbers(), 1, 3, processes)
    try:
        for step in (1, 4, 7, 10):
            batch = batches.take()
            assert batch["step"].tolist() == [step]
            torch.testing.assert_close(batch["values"], torch.full((2, 3), step / 2))
        with pytest.raises(ValueError, match="thirteen"):
            batches.take()
    finally:
        batches.close()
