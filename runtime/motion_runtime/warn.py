"""Warnings of the commands: a line each on stderr."""

from __future__ import annotations

from collections.abc import Iterable

import click


def warn(lines: Iterable[str]) -> None:
    """Say each line on stderr, as a warning."""
    for line in lines:
        click.echo(f"warning: {line}", err=True)
