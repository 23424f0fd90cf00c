"""The quality benchmark: what counts as seen, and that it runs from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from motion_preprocessing.describe import Event
from motion_runtime import Generator
from motion_runtime.prediction import Prediction

TOY = Path(__file__).with_name("toy_bundle")


@pytest.fixture(scope="module")
def quality(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("quality")


def event(kind: str, amount: float = 0.0, side: str = "", manner: str = "") -> Event:
    return Event(kind, 0.0, 1.0, amount, side, manner)


@pytest.mark.parametrize(
    ("prompt", "right", "wrong"),
    [
        ("walk", event("walk", 2.0, "forward"), event("walk", 2.0, "backward")),
        ("turn", event("turn", 90.0), event("turn", -90.0)),
        ("turn", event("turn", 70.0), event("turn", 180.0)),
        ("wave", event("wave", 0.0, "right"), event("wave", 0.0, "left")),
        ("wave", event("wave", 0.0, "right"), event("raise_arm", 0.0, "right")),
        ("climb", event("climb", 0.5, "", "ladder"), event("climb", -0.5, "", "ladder")),
        ("climb", event("climb", 0.5, "", "ladder"), event("rise", 0.5)),
        ("sit down", event("sit_down", -0.4), event("sit")),
        ("bend", event("bend", 60.0, "forward"), event("bend", 30.0, "backward")),
    ],
)
def test_only_what_was_asked_counts(quality: ModuleType, prompt: str, right: Event, wrong: Event) -> None:
    ((_, expected),) = quality.PROMPTS[prompt]
    assert expected.seen([wrong, right])
    assert not expected.seen([wrong])
    assert not expected.seen([])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the untrained network's motion has frames without a measure
def test_runs_the_network_once_a_motion_and_checks_every_person(
    quality: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    predict = Generator.predict

    def counted(self: Generator, request: object) -> Prediction:
        runs.append(1)
        return predict(self, request)  # type: ignore[arg-type]

    measured: list[tuple[int, ...]] = []

    def drift(joints: NDArray[np.float32]) -> NDArray[np.float64]:
        measured.append(joints.shape)
        return np.full(len(joints), 1.5)

    monkeypatch.setattr(quality, "bone_length_drift_percent", drift)
    looked_at: list[str] = []
    monkeypatch.setattr(Generator, "predict", counted)
    monkeypatch.setattr(
        quality.Expected, "seen", lambda self, events: looked_at.append(self.kind) or self.kind != "wave"
    )
    arguments = ["--bundle", str(TOY), "--seeds", "1", "--steps", "2", "--seconds", "1", "--out", str(tmp_path / "q")]
    result = CliRunner().invoke(quality.main, arguments)
    assert result.exit_code == 0, result.output
    assert len(runs) == len(quality.PROMPTS)
    found = json.loads((tmp_path / "q.json").read_text())
    assert measured == [(20, 22, 3)] * (len(quality.PROMPTS) + 1)  # one person at a time
    assert found["network_bone_drift_percent"] == 1.5
    assert looked_at[-2:] == ["walk", "wave"]
    assert found["asked_and_seen"] == {name: float(name not in ("wave", "two persons")) for name in quality.PROMPTS}
    assert "| a person walks forward / a person stands and waves | 0% |" in (tmp_path / "q.md").read_text()
