"""Wrong calls of click commands: one line in the words of every other error, whatever is wrong."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from motion_preprocessing.command import OneLineCommand, OneLineGroup


def pair(_context: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and "," not in value:
        raise click.BadParameter(f"expected two numbers, got '{value}'; write 1,2")
    return value


@click.command(cls=OneLineCommand)
@click.argument("places", nargs=-1, required=True)
@click.option("--out", required=True)
@click.option("--count", type=click.IntRange(1, 9))
@click.option("--share", type=click.FloatRange(0, 1))
@click.option("--angles", type=click.FloatRange(0, 90), nargs=2)
@click.option("--unit", type=click.Choice(["m", "cm"]))
@click.option("--file", type=click.Path(exists=True))
@click.option("--pair", callback=pair)
def lone(**_: object) -> None:
    """A command."""


@click.group(cls=OneLineGroup)
def several() -> None:
    """A group."""


@several.command()
@click.option("--fps", type=click.FloatRange(5, 120))
@click.option("--most", type=click.IntRange(0))
@click.option("--part", type=click.FloatRange(0, 1, min_open=True))
def make(fps: float, most: int, part: float) -> None:
    """One of its commands."""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["a"], "expected --out, got nothing for it; see 'lone --help'"),
        (["--out", "o"], "expected PLACES, got nothing for it; see 'lone --help'"),
        (["a", "--out"], "expected a value, got none for --out; --help lists the options"),
        (["a", "--out", "o", "--zzz"], "expected an option of lone, got '--zzz'; see 'lone --help'"),
        (["a", "--out", "o", "--count", "x"], "expected a whole number, got 'x' for --count; correct it"),
        (["a", "--out", "o", "--count", "10"], "expected a number from 1 to 9, got 10 for --count; correct it"),
        (["a", "--out", "o", "--share", "-1"], "expected a number from 0 to 1, got -1.0 for --share; correct it"),
        (["a", "--out", "o", "--share", "nan"], "expected a number, got 'nan' for --share; correct it"),
        (["a", "--out", "o", "--angles", "3", "nan"], "expected a number, got 'nan' for --angles; correct it"),
        (["a", "--out", "o", "--unit", "mile"], "expected one of m, cm, got 'mile' for --unit; correct it"),
        (["a", "--out", "o", "--file", "no"], "expected an existing path, got 'no' for --file; correct it"),
        (["a", "--out", "o", "--pair", "1"], "expected two numbers, got '1' for --pair; write 1,2"),
    ],
)  # fmt: skip
def test_a_wrong_call_says_what_was_expected(arguments: list[str], line: str) -> None:
    told = CliRunner().invoke(lone, arguments, prog_name="lone")
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr == f"error: {line}\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["mak"], "expected one of make, got 'mak' for the command; see 'several --help'"),
        (["make", "--fps", "nan"], "expected a number, got 'nan' for --fps; correct it"),
        (["make", "--fps", "x"], "expected a number, got 'x' for --fps; correct it"),
        (["make", "--most", "-1"], "expected a number of at least 0, got -1 for --most; correct it"),
        (["make", "--part", "0"], "expected a number above 0 and of at most 1, got 0.0 for --part; correct it"),
        (["make", "more"], "expected no more arguments, got 'more'; see 'several make --help'"),
    ],
)
def test_so_do_a_groups_commands(arguments: list[str], line: str) -> None:
    told = CliRunner().invoke(several, arguments, prog_name="several")
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr == f"error: {line}\n"


def test_an_option_that_is_meant_is_named() -> None:
    told = CliRunner().invoke(lone, ["a", "--out", "o", "--cuont", "1"], prog_name="lone").stderr
    assert told.startswith("error: expected an option of lone, got '--cuont'; take --count")
    assert told.endswith(", or see 'lone --help'\n")


def test_what_is_right_passes(tmp_path: Path) -> None:
    right = ["a", "--out", "o", "--share", "0.5", "--angles", "0", "90", "--unit", "cm", "--file", str(tmp_path)]
    assert CliRunner().invoke(lone, [*right, "--pair", "1,2"]).exit_code == 0
