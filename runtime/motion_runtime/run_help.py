"""How `motion-run` shows its help, and its way to `motion-run inspect`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any, Final

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from motion_preprocessing.command import OneLineCommand

INSPECT: Final = "inspect"
SECTIONS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("What happens", ("prompts", "persons", "seconds", "num_samples", "seed", "jobs", "keep_going")),
    (
        "Room",
        (
            "scene_path", "up", "units", "labels", "start", "heading", "goals", "amounts", "walls", "ground", "feet",
            "use", "solid", "hands", "apart",
        ),
    ),
    ("What is known beforehand", ("keyframes", "start_pose", "end_pose", "holds", "paths")),
    (
        "Model",
        (
            "bundle", "provider", "precision", "batch", "sampler", "steps", "guidance", "guidance_text",
            "guidance_scene", "guidance_interval", "plain", "ways", "calibrate", "low_pass",
        ),
    ),
    ("Output", ("out", "formats", "cameras_path", "preview", "no_preview", "view", "open_view", "overwrite")),
    ("What is said", ("dry_run", "as_json", "quiet", "verbose")),
)  # fmt: skip
_STRAY: Final = re.compile(r"Got unexpected extra arguments? \((.+)\)")
EXIT_CODES: Final = """\b
Exit codes:
  0 done   2 bad file or argument   3 part not installed   4 bundle   5 provider   7 output
  130 interrupted   143 terminated   1 a fault of this program; whatever else happens, no half output stays behind
"""


class RunCommand(OneLineCommand):
    """A command with its options in sections, and `inspect` as its first word for another one."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *rest: Any, **extra: Any) -> Any:
        """Run, or go to `inspect`."""
        words = list(sys.argv[1:] if args is None else args)
        if words[:1] == [INSPECT]:
            from motion_runtime.inspect_command import inspect

            return inspect.main(words[1:], f"motion-run {INSPECT}", *rest, **extra)
        return super().main(args, prog_name, *rest, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; a prompt without its option is the first thing that many type."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            found = _STRAY.match(error.message)
            if found is None:
                raise
            raise click.UsageError(
                f"expected options, got '{found[1]}' without one; put --prompt before what happens, in quotes", ctx
            ) from None

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse; where only completions are asked for, the words after `inspect` are that command's."""
        if args[:1] == [INSPECT] and extra.get("resilient_parsing"):
            from motion_runtime.inspect_command import inspect

            return inspect.make_context(f"{info_name} {INSPECT}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete options, and `inspect` where no word stands before it."""
        found = super().shell_complete(ctx, incomplete)
        if INSPECT.startswith(incomplete) and not any(
            ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE for name in ctx.params
        ):
            found.insert(0, CompletionItem(INSPECT, help="Say what a room file or a model bundle holds."))
        return found

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write options by section; those of no section come last."""
        by_name = {option.name: option.get_help_record(ctx) for option in self.get_params(ctx)}
        for title, names in SECTIONS:
            records = [record for name in names if (record := by_name.pop(name, None)) is not None]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        rest = [record for record in by_name.values() if record is not None]
        if rest:
            with formatter.section("Other"):
                formatter.write_dl(rest)
