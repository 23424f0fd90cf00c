"""Completion with the Tab key: the script that a shell loads, and what is offered."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[1]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]


def command_of(program: str) -> click.Command:
    module, _, _ = SCRIPTS[program].partition(":")
    held = importlib.import_module(module)
    command = getattr(held, "cli", None) or held.main
    assert isinstance(command, click.Command)
    return command


def variable(program: str) -> str:
    return f"_{program.upper().replace('-', '_')}_COMPLETE"


def offered(line: str) -> list[str]:
    """What bash would offer for the last word of a line."""
    words = line.split(" ")
    program = words[0]
    env = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), variable(program): "bash_complete"}
    result = CliRunner().invoke(command_of(program), env=env, prog_name=program)
    assert result.exit_code == 0, result.output
    return [row.partition(",")[2] for row in result.stdout.splitlines() if row]


@pytest.mark.parametrize("program", sorted(SCRIPTS))
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_comes_out_and_the_shell_can_read_it(program: str, shell: str, tmp_path: Path) -> None:
    if program in ("motion-train", "motion-export", "motion-evaluate"):
        pytest.importorskip("torch")
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("click asks bash for its version")
    env = {variable(program): f"{shell}_source"}
    result = CliRunner().invoke(command_of(program), env=env, prog_name=program)
    assert result.exit_code == 0, result.output
    assert f"{variable(program)}={shell}_complete" in result.stdout
    found = shutil.which(shell)
    if found is not None:
        script = tmp_path / "script"
        script.write_text(result.stdout, encoding="utf-8")
        subprocess.run([found, "--no-execute" if shell == "fish" else "-n", script], check=True, timeout=60)


def test_options_commands_and_choices_are_offered() -> None:
    assert offered("motion-run --guidance-s") == ["--guidance-scene"]
    assert offered("motion-run --scene x --units c") == ["cm"]
    assert offered("motion-preprocess cap") == ["captures"]
    assert "--occlusion-rule" in offered("motion-preprocess captures --o")


def test_inspect_is_offered_first_and_has_its_own_options() -> None:
    assert offered("motion-run ins") == ["inspect"]
    assert offered("motion-run --prompt walks ins") == []
    assert "--no-picture" in offered("motion-run inspect --no-")
    assert "--no-preview" not in offered("motion-run inspect --no-")


def test_the_help_page_names_the_variables() -> None:
    page = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
    named = re.findall(r"`[^`]*(_MOTION_\w+_COMPLETE)=(\w+)_source (motion-\w+)", page)
    assert {shell for _, shell, _ in named} == {"bash", "zsh", "fish"}
    assert all(name == variable(program) for name, _, program in named)
