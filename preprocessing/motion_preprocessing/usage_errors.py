"""What click says of a wrong call, in the words of every other error: expected this, got that, do so.

Click's sentences are recognised by their English form; whatever is phrased otherwise stays as click says it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

import click

_EXISTING: Final = "an existing {kind}"
_RULES: Final = (
    (re.compile(r"(?P<got>.+) is not a valid (?P<kind>integer|float)(?: range)?\."), "{kind}"),
    (re.compile(r"(?P<got>.+) is not a valid (?P<kind>.+?)(?: range)?\."), "a {kind}"),
    (re.compile(r"(?P<got>.+) is not in the range (?P<kind>.+)\."), "a number {kind}"),
    (re.compile(r"(?P<got>.+) is not one of (?P<kind>.+)\."), "one of {kind}"),
    (re.compile(r"(?P<kind>\w+) (?P<got>.+) does not exist\."), _EXISTING),
)
"""Click's sentence -> what was expected."""
_PLAIN: Final = {"integer": "a whole number", "float": "a number"}
"""What click calls after types of Python's."""


def in_our_words(error: click.ClickException) -> str:
    """Say an error of click's as one of our own."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    call = "" if context is None else context.command_path
    see = f"see '{call} --help'" if call else "--help lists the options"
    if isinstance(error, click.MissingParameter):
        return f"expected {_named(error)}, got nothing for it; {see}"
    if isinstance(error, click.NoSuchOption):
        instead = f"take {' or '.join(error.possibilities)}, or " if error.possibilities else ""
        return f"expected an option of {call}, got '{error.option_name}'; {instead}{see}"
    if isinstance(error, click.BadOptionUsage) and "requires" in error.message:
        return f"expected a value, got none for {error.option_name}; {see}"
    if isinstance(error, click.BadParameter):
        return _bad_value(error.message, _named(error)) or error.format_message()
    if found := re.fullmatch(r"No such command '(.+)'\..*", error.message, re.DOTALL):
        commands = "its commands"
        if context is not None and isinstance(context.command, click.Group):
            commands = ", ".join(context.command.list_commands(context))
        return f"expected one of {commands}, got '{found[1]}' for the command; {see}"
    if found := re.fullmatch(r"Got unexpected extra arguments? \((.+)\)", error.message):
        return f"expected no more arguments, got '{found[1]}'; {see}"
    return error.format_message()


def refuse_nan(ctx: click.Context, params: Iterable[click.Parameter]) -> None:
    """Refuse NaN where a range is given: click compares it, and finds it neither below nor above.

    Raises:
        BadParameter: It was given.
    """
    for param in params:
        if param.name is None or not isinstance(param.type, click.FloatRange):
            continue
        value = ctx.params.get(param.name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and math.isnan(number):
                raise click.BadParameter(f"expected a number, got '{number}'; correct it", ctx, param)


def _bad_value(message: str, name: str) -> str | None:
    """Name the option in a message of ours, or put one of click's in our words."""
    if message.startswith("expected "):
        told, semicolon, remedy = message.partition(";")
        return f"{told} for {name}{semicolon}{remedy}"
    for pattern, expected in _RULES:
        found = pattern.fullmatch(message)
        if found:
            kind = _PLAIN.get(found["kind"]) or _range(found["kind"].replace("'", ""))
            kind = kind.lower() if expected == _EXISTING else kind  # click's 'File' starts a sentence
            return f"expected {expected.format(kind=kind)}, got {found['got']} for {name}; correct it"
    return None


def _range(text: str) -> str:
    """A range as it is said; other texts as they are."""
    found = re.fullmatch(r"(?:(?P<low>[^<>=]+)(?P<above><=?))?x(?:(?P<sign>[<>]=?)(?P<end>[^<>=]+))?", text)
    if found is None:
        return text
    if found["low"] and found["above"] == found["sign"] == "<=":
        return f"from {found['low']} to {found['end']}"
    parts = [{"<=": "of at least", "<": "above"}[found["above"]] + f" {found['low']}"] if found["low"] else []
    if found["end"]:
        words = {"<=": "of at most", "<": "below", ">=": "of at least", ">": "above"}
        parts.append(f"{words[found['sign']]} {found['end']}")
    return " and ".join(parts)


def _named(error: click.BadParameter) -> str:
    """The option or argument, as it is typed."""
    if isinstance(error.param, click.Option):
        return max(error.param.opts, key=len)
    if error.param is not None:
        return error.param.human_readable_name
    return str(error.param_hint).strip("'")
