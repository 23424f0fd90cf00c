"""Who lies at the end of a part and walks in the next is warned of, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from motion_runtime.cli import main
from motion_runtime.still_down import still_down

FALLS, WALKS = "4s: a person falls to the floor", "5s: a person walks forward"


@pytest.mark.parametrize(
    "prompt",
    [
        f"{FALLS} | {WALKS}",
        f"{WALKS} | {FALLS} | a person turns left",
        "a person lies down on the floor | a person waves with the right hand | a person gets up",
        "a person gets up and faints | a person jumps",
        f"{FALLS} | a person holds their leg | {WALKS}",
    ],
)
def test_the_parts_between_which_nobody_gets_up_are_named_once(prompt: str) -> None:
    (line,) = still_down([prompt, prompt])
    assert "gets up" in line
    assert any(part in line for part in (WALKS, "turns left", "waves", "jumps"))


@pytest.mark.parametrize(
    "prompt",
    [
        WALKS,
        FALLS,
        f"{WALKS} | {FALLS}",
        f"{FALLS} | a person gets up from the floor | {WALKS}",
        f"a person falls to the floor and gets up | {WALKS}",
        f"{FALLS} | a person stands up and walks",
        f"{FALLS} | a person crawls forward",
        f"{FALLS} | a person waves lying on the floor",
        f"{FALLS} | a person falls again",
        f"{FALLS} | a person gets back on their feet | {WALKS}",
        f"{FALLS} | a person turns onto their side",
        f"{FALLS} | a person turns over",
        f"a person trips and nearly falls | {WALKS}",
        f"a nurse walks to a patient who lies in bed | {WALKS}",
        f"a person falls into the chair | {WALKS}",
        "a person lies on the bed | a person sits up | a person walks to the door",
        "a person sits down on a chair | a person walks forward",
        "a person walks | a person sits down | a person falls asleep | a person waves",
    ],
)
def test_who_gets_up_or_stays_down_is_not(prompt: str) -> None:
    assert still_down([prompt]) == []


def test_commands_say_so(tmp_path: Path) -> None:
    prompt = f"{FALLS} | {WALKS}"
    jobs = tmp_path / "jobs.csv"
    jobs.write_text(f"name,prompt\none,{prompt}\n", encoding="utf-8")
    for asked, line in ((["--prompt", prompt], ""), (["--jobs", str(jobs)], "line 2: ")):
        result = CliRunner().invoke(main, [*asked, "--out", str(tmp_path / "x"), "--dry-run"])
        assert result.exit_code == 0, result.output
        assert result.stderr.count(f"warning: {line}expected a part in which somebody gets up") == 1
