"""Rows of the actions: who of two is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.dataset import MotionDataset
from motion_runtime.motion import GenerationRequest
from motion_train.evaluation import action_figures as subject
from motion_train.evaluation.making import Made
from motion_train.evaluation.recognise import KINDS, Labelled
from motion_train.evaluation.requests import Wanted


class ByHeight:
    """Sees help in bodies that are one metre up, rising in those that are two."""

    kinds = KINDS

    def __init__(self, *_: Any) -> None:
        pass

    def sees(self, windows: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        level = np.array([round(float(window[0, 0, 2])) for window in windows])
        heights = {"help": 1, "get_up": 2}
        return {kind: level == heights.get(kind, 9) for kind in KINDS}


def two(k: int, first_m: float, second_m: float, action: str = "help") -> Made:
    joints = np.zeros((2, 5, 22, 3), dtype=np.float32)
    joints[0, ..., 2], joints[1, ..., 2] = first_m, second_m
    request = GenerationRequest(("helps", "rises"), seconds=1.0)
    turns = np.broadcast_to(np.eye(3, dtype=np.float32), (2, 5, 22, 3, 3))
    return Made(Wanted("actions", f"{action}_{k:03d}", request), joints, turns, joints[:, :, 0], 20.0, np.eye(4), 0.0)


def test_help_is_seen_in_the_helper_and_rising_in_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Labelled([], np.zeros((0, len(KINDS)), dtype=np.bool_))
    monkeypatch.setattr(subject, "Recogniser", ByHeight)
    monkeypatch.setattr(subject, "labelled_windows", lambda *_: nothing)
    monkeypatch.setattr(MotionDataset, "open", lambda *_, **__: SimpleNamespace(fps=20.0))
    made = [two(0, 1, 2), two(1, 1, 0), two(2, 2, 1), two(3, 1, 2), two(0, 0, 2, "walk")]
    rng = np.random.default_rng(0)
    rows = {r.key: r for r in subject.action_figures(made, Path("data"), ("test",), 10, 0, rng, 2, 1)}
    assert rows["help"].model.value == 0.75
    assert rows["helped"].model.value == 0.5
    assert rows["helped"].met is None
