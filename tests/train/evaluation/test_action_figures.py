"""Rows of the actions: who of two is looked at, what counts as a false alarm."""

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
from motion_train.evaluation.clips import KINDS_OF_TWO
from motion_train.evaluation.making import Made
from motion_train.evaluation.recognise import KINDS, Labelled
from motion_train.evaluation.recognise_two import DOES, ELSEWHERE, PairRecogniser, Pairs
from motion_train.evaluation.requests import Wanted
from motion_train.evaluation.rows import Row


class ByHeight:
    """Sees rising in bodies that are two metres up, walking in those that are five."""

    kinds = KINDS

    def __init__(self, *_: Any) -> None:
        pass

    def sees(self, windows: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        level = np.array([round(float(window[0, 0, 2])) for window in windows])
        heights = {"get_up": 2, "walk": 5}
        return {kind: level == heights.get(kind, 9) for kind in KINDS}


class ByHeights(ByHeight):
    """Sees help where the first body is one metre up and the other one two."""

    kinds = KINDS_OF_TWO
    sees_people = PairRecogniser.sees_people

    def sees(self, own: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        found = [
            round(float(a[0, 0, 2])) == 1 and round(float(b[0, 0, 2])) == 2 for a, b in zip(own, other, strict=True)
        ]
        return {"help": np.array(found, dtype=np.bool_), "wheelchair": np.zeros(len(found), dtype=np.bool_)}


def body(height_m: float) -> np.ndarray:
    joints = np.zeros((5, 22, 3), dtype=np.float32)
    joints[..., 2] = height_m
    return joints


def people(k: int, *heights_m: float, action: str = "help") -> Made:
    joints = np.stack([body(height) for height in heights_m])
    request = GenerationRequest(("helps",) * len(heights_m), seconds=1.0)
    rotations = np.broadcast_to(np.eye(3, dtype=np.float32), (*joints.shape, 3))
    return Made(
        Wanted("actions", f"{action}_{k:03d}", request), joints, rotations, joints[:, :, 0], 20.0, np.eye(4), 0.0
    )


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Any:
    windows = Pairs()
    for own, other, does, sort in ((1, 2, "help", DOES), (1, 0, "help", DOES), (1, 2, "", ELSEWHERE),
                                   (0, 2, "", ELSEWHERE)):  # fmt: skip
        windows.add(body(own).astype(float), body(other).astype(float), does, sort)
    single = Labelled([body(5).astype(float)], np.array([[kind == "walk" for kind in KINDS]]), np.arange(1))
    monkeypatch.setattr(subject, "Recogniser", ByHeight)
    monkeypatch.setattr(subject, "PairRecogniser", ByHeights)
    monkeypatch.setattr(subject, "labelled_windows", lambda *_: single)
    monkeypatch.setattr(subject, "hands_held", lambda windows, _: windows)
    monkeypatch.setattr(subject, "pair_windows", lambda *_: windows)
    monkeypatch.setattr(subject, "Clips", lambda _: SimpleNamespace(fps=20.0))
    monkeypatch.setattr(MotionDataset, "open", lambda *_, **__: None)

    def rows(made: Sequence[Made], company: Sequence[Made]) -> dict[str, Row]:
        rng = np.random.default_rng(0)
        found = subject.action_figures(made, company, Path("data"), ("test",), 10, 0, rng, 2, 1)
        return {row.key: row for row in found}

    return rows


def test_help_is_seen_in_both_and_rising_in_the_other(figures: Any) -> None:
    made = [people(0, 1, 2), people(1, 1, 0), people(2, 2, 1), people(3, 1, 2)]
    made += [people(0, 1, 2, action="wheelchair"), people(1, 5, 2, action="wheelchair"), people(0, 5, action="walk")]
    company = [people(0, 5, 1, 2, action="2"), people(1, 2, 1, action="2")]  # 5 people, of whom two seem to help
    rows = figures(made, company)
    assert rows["help"].model.value == 0.5
    assert rows["help"].model.count == 4
    assert rows["help"].real.value == 0.5
    assert rows["help"].met is False
    assert "false alarms on 50.0% of 2 others" in rows["help"].note
    assert "seen in 50% of 2 motions that were asked for other things" in rows["help"].note  # those of two people
    assert f"(who {ELSEWHERE}: 1)" in rows["help"].note
    assert "seen in 40% of 5 people in company" in rows["help"].note
    assert rows["wheelchair"].model.value == 0.0
    assert rows["wheelchair"].met is None  # no held-out clip shows it
    assert rows["helped"].model.value == 0.5
    assert rows["helped"].real.value == 0.5  # of the two held-out takes of help the other one rises in one
    assert rows["helped"].real.count == 2
    assert rows["helped"].met is None
    assert rows["walk"].model.value == 1.0
    assert "seen in 17% of 6 motions" in rows["walk"].note


def test_what_no_clip_teaches_is_missed_and_what_was_not_asked_is_left_open(
    figures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ByHeights, "kinds", ("help",))
    rows = figures([people(0, 1, 2, action="wheelchair")], [])
    assert rows["wheelchair"].met is False
    assert rows["help"].met is None
    assert rows["help"].note == rows["walk"].note == "not asked for"
    assert "helped" not in rows
