"""Commands that README and the docs show have these options; test_docs_run.py runs them."""

from __future__ import annotations

import importlib
import re
import shlex
import tomllib
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def blocks(page: Path, language: str) -> list[str]:
    """Code blocks of a page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    """Single commands of a shell text: continued lines joined, '&&' taken apart, comments left out."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    single: list[list[str]] = []
    for line in words:
        while "&&" in line:
            single.append(line[: line.index("&&")])
            line = line[line.index("&&") + 1 :]
        single.append(line)
    return [command for command in single if command]


def shown() -> list[tuple[str, list[str]]]:
    """Every command that README or a page of docs/ shows, with the page."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        (page.relative_to(ROOT).as_posix(), command)
        for page in pages
        for block in blocks(page, "bash")
        for command in commands(block)
    ]


def program_named(name: str) -> click.Command:
    """The click command behind an entry point."""
    module, _, attribute = PROJECT["scripts"][name].partition(":")
    entry = getattr(importlib.import_module(module), attribute)
    # motion-preprocess wraps its group `cli` in a plain function.
    return entry if isinstance(entry, click.Command) else importlib.import_module(module).cli


def inspect_command() -> click.Command:
    """The other command of motion-run, which is no group."""
    command = importlib.import_module("motion_runtime.inspect_command").inspect
    assert isinstance(command, click.Command)
    return command


def check_command(words: list[str]) -> None:
    """Parse a command of the project's as its own program would, without running it."""
    program, *arguments = words
    command, path = program_named(program), program
    if words[:2] == ["motion-run", "inspect"]:
        command, path, arguments = inspect_command(), "motion-run inspect", words[2:]
    while isinstance(command, click.Group):
        if command.invoke_without_command and arguments[0].startswith("-"):
            break  # options of the group itself, which does something without a command
        first = arguments.pop(0)
        path = f"{path} {first}"
        found = command.get_command(click.Context(command, info_name=path), first)
        assert found is not None, f"no command '{path}'"
        command = found
    with command.make_context(path, arguments):
        pass


@pytest.mark.parametrize(("page", "words"), shown())
def test_shown_commands_exist_with_their_options(page: str, words: list[str]) -> None:
    program = words[0]
    if program in PROJECT["scripts"]:
        if program in ("motion-train", "motion-export"):
            pytest.importorskip("torch")
        check_command(words)
    elif program == "make":
        for target in words[1:]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), target
    elif words[:2] == ["pip", "install"]:
        own = [word for word in words if word.startswith((".", PROJECT["name"]))]
        extras = [extra for word in own for found in re.findall(r"\[(.*?)\]", word) for extra in found.split(",")]
        assert set(extras) <= set(PROJECT["optional-dependencies"])
    for word in words[1:]:
        # Files of the repository that a command names are there; what a reader brings or makes is not.
        if word.startswith(("train/", "examples/", "benchmarks/")):
            assert (ROOT / word).exists(), word


@pytest.mark.parametrize("program", sorted(PROJECT["scripts"]))
def test_examples_of_the_help_have_these_options(program: str) -> None:
    command = program_named(program)
    if program == "motion-train":
        pytest.importorskip("torch")
    context = click.Context(command, info_name=program)
    several = command.list_commands(context) if isinstance(command, click.Group) else []
    for each in (command, *(command.get_command(context, name) for name in several)):
        assert each is not None
        # A remark behind an example stands in brackets after two spaces.
        text = re.sub(r"  +\(.*\)$", "", each.epilog or "", flags=re.MULTILINE)
        for words in commands(text):
            if words[0] in PROJECT["scripts"]:
                check_command(words)


@pytest.mark.parametrize("program", sorted(PROJECT["scripts"]))
def test_every_program_has_short_help_and_says_its_version(program: str) -> None:
    if program == "motion-train":
        pytest.importorskip("torch")
    command = program_named(program)
    help_ = CliRunner().invoke(command, ["-h"], prog_name=program)
    assert help_.exit_code == 0, help_.output
    assert help_.stdout.startswith(f"Usage: {program}")
    assert "\x1b" not in help_.stdout
    said = CliRunner().invoke(command, ["--version"], prog_name=program)
    assert (said.exit_code, said.stdout) == (0, f"{program}, version {version(PROJECT['name'])}\n")


def test_commands_that_do_not_exist_are_found_out() -> None:
    assert len(shown()) > 8
    check_command(["motion-run", "--prompt", "a person walks", "--out", "x"])
    for wrong in (["motion-run", "--promt", "a", "--out", "x"], ["motion-run", "--prompt", "a"]):
        with pytest.raises(click.UsageError):
            check_command(wrong)
    with pytest.raises(AssertionError, match="no command 'motion-preprocess mocup'"):
        check_command(["motion-preprocess", "mocup", "a", "b"])


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")))])
def test_commands_named_in_the_text_exist(page: str) -> None:
    """`motion-train text` and the like in running text: the program and its sub-command are there."""
    for program, word in re.findall(r"`(motion-[a-z]+)(?: ([a-z0-9-]+))?", (ROOT / page).read_text(encoding="utf-8")):
        assert program in PROJECT["scripts"], program
        command = program_named(program)
        if word and not word.startswith("-") and isinstance(command, click.Group):
            assert word in command.list_commands(click.Context(command)), f"{program} {word}"
