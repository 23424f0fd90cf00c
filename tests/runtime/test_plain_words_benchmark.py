"""The benchmark of plain words: its lists, and that it runs from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

TOY = Path(__file__).with_name("toy_bundle")


@pytest.fixture(scope="module")
def benchmark(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("plain_words")


def test_the_lists_are_of_prompts_each_under_an_action_and_none_is_there_twice(benchmark: ModuleType) -> None:
    lists = benchmark.read_prompts(benchmark.PROMPTS.read_text(encoding="utf-8"))
    assert [len(prompts) for prompts in lists.values()] == [37, 43, 76]
    for prompts in lists.values():
        assert len({prompt for _, prompt in prompts}) == len(prompts)
        assert {action for action, _ in prompts} <= {*benchmark.SHOWN_BY, "dance"}


def test_verbs_are_taken_from_below_a_meaning(benchmark: ModuleType, tmp_path: Path) -> None:
    database = tmp_path / "data.verb"
    database.write_text(
        "  a licence\n"
        "00000001 38 v 02 fall 0 go_down 1 002 @ 00000009 v 0000 ~ 00000002 v 0000 | lose an upright position\n"
        "00000002 38 v 01 topple 0 001 @ 00000001 v 0000 | fall down\n"
        "00000003 38 v 01 fall 0 000 | decrease\n",
        encoding="latin1",
    )
    found = benchmark.of_wordnet(database)
    assert found == [("fall", "a person falls"), ("fall", "a person goes down"), ("fall", "a person topples")]


def test_it_counts_both_ways(benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text(
        "# few\nfall|a person keels over\nwalk|a person walks\ndance|a person dances\n", encoding="utf-8"
    )
    monkeypatch.setattr(benchmark, "PROMPTS", prompts)
    monkeypatch.setattr(benchmark, "detect", lambda measured: [])
    result = CliRunner().invoke(
        benchmark.main, ["--bundle", str(TOY), "--seeds", "1", "--out", str(tmp_path / "found")]
    )
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["rows"]
    assert [(row["action"], row["plain"][:2]) for row in rows] == [("fall", [1, 0]), ("walk", [1, 0]), ("all", [2, 0])]
    assert "| few | all | 0 of 2 | 0 of 2 |" in (tmp_path / "found.md").read_text(encoding="utf-8")
