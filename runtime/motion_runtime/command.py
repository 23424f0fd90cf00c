"""A click command that fails in one line.

Whatever a caller can get wrong ends as a single line on stderr and the exit code of its error class; a traceback is
left to what is a bug. Ctrl-C ends with 130, as shells expect.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

from motion_preprocessing.errors import MotionError

INTERRUPTED: Final = 130
"""128 + SIGINT."""


class Interrupted(click.ClickException):
    """Ctrl-C, seen before click answers it with an empty line and exit code 1."""

    exit_code = INTERRUPTED


class OneLineCommand(click.Command):
    """A command whose expected failures are one line on stderr."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command's function."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if sys.stderr.isatty():
                click.echo(err=True)  # past the ^C that the terminal shows
            raise Interrupted("interrupted, nothing was written") from None

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, and exit with 0 or with the code of what went wrong."""
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except MotionError as error:
            _fail(str(error), error.exit_code)
        except click.ClickException as error:
            _fail(error.format_message(), error.exit_code)
        if standalone_mode:
            sys.exit(code if isinstance(code, int) else 0)
        return code


def _fail(message: str, code: int) -> NoReturn:
    """Print one line and exit."""
    click.echo(f"error: {' '.join(message.splitlines())}", err=True)
    sys.exit(code)
