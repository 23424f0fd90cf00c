"""Click commands that fail in one line.

Whatever a caller can get wrong ends as a single line on stderr and the exit code of its error class; a traceback is
left to what is a bug. Ctrl-C ends with 130 and SIGTERM with 143, as shells expect.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NoReturn, cast

import click

from motion_preprocessing.errors import MotionError
from motion_preprocessing.usage_errors import in_our_words, refuse_nan

_SIGNAL_EXIT: Final = 128
"""Shells report a program that a signal ended as 128 + its number."""
INTERRUPTED: Final = _SIGNAL_EXIT + signal.SIGINT
"""Exit code of a program that stopped cleanly because it was asked to."""
_REPEAT_S: Final = 0.5
"""How long a request to terminate may take to be seen before it is made again."""

SETTINGS: Final[dict[str, Any]] = {"max_content_width": 110, "help_option_names": ["-h", "--help"]}
"""`context_settings` of every command."""
_NO_ARGUMENTS: Final = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click, from 8.2 on, raises with the help as its message where a group is called without a command."""


class Stopped(BaseException):
    """Ctrl-C or a request to terminate: what was being written is taken away on the way out.

    Like KeyboardInterrupt no `Exception`: it may come anywhere, and whoever catches all errors must not swallow it.
    """

    def __init__(self, number: int, left: str = "nothing was written") -> None:
        super().__init__(f"interrupted, {left}")
        self.number = number


class OneLineCommand(click.Command):
    """A command whose expected failures are one line on stderr."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; NaN is in no range."""
        rest = super().parse_args(ctx, args)
        refuse_nan(ctx, self.params)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command's function; SIGTERM unwinds it as Ctrl-C does."""
        with _terminable():
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:  # before click answers it with an empty line and exit code 1
                raise Stopped(signal.SIGINT) from None

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
        except Stopped as error:
            if error.number == signal.SIGINT and sys.stderr.isatty():
                click.echo(err=True)  # past the ^C that the terminal shows
            _fail(str(error), _SIGNAL_EXIT + error.number)
        except click.ClickException as error:
            if isinstance(error, _NO_ARGUMENTS):
                click.echo(error.format_message(), err=True)
                sys.exit(error.exit_code)
            _fail(in_our_words(error), error.exit_code)
        if standalone_mode:
            sys.exit(code if isinstance(code, int) else 0)
        return code


class OneLineGroup(OneLineCommand, click.Group):
    """A group of commands whose expected failures are one line on stderr."""

    command_class = OneLineCommand


def _fail(message: str, code: int) -> NoReturn:
    """Print one line and exit."""
    click.echo(f"error: {' '.join(message.splitlines())}", err=True)
    sys.exit(code)


@contextmanager
def kept_when_stopped(what: Callable[[], str]) -> Iterator[None]:
    """Let an interruption of the block say what it leaves, where that is not nothing.

    Args:
        what: Called when it happens; completes 'interrupted, ...'.
    """
    try:
        yield
    except (KeyboardInterrupt, Stopped) as error:
        raise Stopped(error.number if isinstance(error, Stopped) else signal.SIGINT, what()) from None


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM, which would end the program on the spot, into an exception while the block runs.

    Python drops what is raised inside a finalizer, a weak reference's callback (imports have those) or C code that
    clears errors. So the request is repeated until the block is left, and raises only where it is not yet unwinding.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield  # only the main thread may set signal handlers
        return
    over = threading.Event()
    again: list[threading.Thread] = []

    def repeat(number: int) -> None:
        while not over.wait(_REPEAT_S):
            signal.pthread_kill(cast(int, main.ident), number)

    def stop(number: int, _frame: FrameType | None) -> None:
        if not again:
            again.append(threading.Thread(target=repeat, args=(number,), daemon=True))
            again[0].start()
        if not _unwinding(sys.exc_info()[1]):
            raise Stopped(number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        over.set()
        for thread in again:
            thread.join()  # a repetition that came after the next line would end the program on the spot
        signal.signal(signal.SIGTERM, before)


def _unwinding(error: BaseException | None) -> bool:
    """Whether this, or what was being handled when it was raised, is the way out of a stopped command."""
    while error is not None and not isinstance(error, Stopped):
        error = error.__context__
    return error is not None
