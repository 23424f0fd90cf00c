"""What benchmarks write: whole files, JSON that every program reads, one way to write them for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def recorded(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("recorded")


def test_numbers_and_table_stand_side_by_side(recorded: ModuleType, tmp_path: Path) -> None:
    figures = {"speed": np.float32(0.5), "count": np.int64(3), "rows": [{"jerk": float("nan")}], "name": "ä"}
    recorded.write_results(tmp_path / "new" / "of.two", figures, "| a |\n")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"of.two.json", "of.two.md"}
    text = (tmp_path / "new" / "of.two.json").read_text(encoding="utf-8")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(text, parse_constant=refuse)
    assert found == {"speed": 0.5, "count": 3, "rows": [{"jerk": None}], "name": "ä"}
    assert (tmp_path / "new" / "of.two.md").read_text(encoding="utf-8") == "| a |\n"


def test_results_that_cannot_be_written_leave_those_that_are_there(recorded: ModuleType, tmp_path: Path) -> None:
    recorded.write_results(tmp_path / "x", {"a": 1}, "one\n")
    with pytest.raises(TypeError):
        recorded.write_results(tmp_path / "x", {"a": object()}, "two\n")
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"a": 1}
    assert (tmp_path / "x.md").read_text(encoding="utf-8") == "one\n"


def test_no_benchmark_writes_its_results_by_itself() -> None:
    """The file that a stopped run of captures goes on from is no result."""
    own = [
        f"{path.name}: {line.strip()}"
        for path in sorted(BENCHMARKS.glob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "write_text(" in line and path.name != "recorded.py" and "partial" not in line
    ]
    assert own == []
