"""The benchmark of recordings: what nobody recorded counts as no recording."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import WORLD_FROM_BODY


def sequence(name: str, action: str, source: str, metres_a_frame: float) -> MotionSequence:
    rotations = np.broadcast_to(np.eye(3, dtype=np.float32), (20, 22, 3, 3)).copy()
    rotations[:, 0] = WORLD_FROM_BODY
    root = np.array([0, 0, 0.93]) + np.arange(20)[:, None] * [metres_a_frame, 0, 0]
    return MotionSequence(
        name=name, fps=20.0, local_rotations=rotations, root_position_m=root.astype(np.float32), captions=("moves",),
        action=action, person_class="person", subject=name, split="train", pair="", source=source, licence="none",
    )  # fmt: skip


def test_what_was_simulated_is_no_recording(
    benchmark_script: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [
        sequence("walk", "walk", "CMU a.bvh", 0.0),
        sequence("sits", "sit", "key poses: chair_sit", 0.1),
        sequence("waves", "walk", "layered: wave over cmu", 0.1),
        sequence("falls", "fall", "simulated fall push_f", 0.1),
    ]
    write_dataset(tmp_path / "set", clips, fps=20.0, credits=["nobody"], provenance={})
    monkeypatch.setattr(sys, "argv", ["recording_metrics.py", str(tmp_path / "set"), "--out", str(tmp_path)])
    benchmark_script("recording_metrics").main()
    kinds = json.loads((tmp_path / "recording_metrics.json").read_text(encoding="utf-8"))["kinds"]
    assert {kind: figures["clips"] for kind, figures in kinds.items()} == {
        "all recordings": 1, "walk": 1, "all simulated falls": 1, "all else that is simulated": 2,
    }  # fmt: skip
    assert kinds["all recordings"]["foot_skate_ratio"] == 0.0
    assert kinds["all else that is simulated"]["foot_skate_ratio"] == 1.0
