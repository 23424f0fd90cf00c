"""What a training run shows: a live bar on a terminal, plain lines elsewhere, a table at the end."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table


def clock(seconds: float) -> str:
    """Format seconds as h:mm:ss."""
    whole = max(0, round(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


class TrainingConsole:
    """Reports on stderr, so that stdout stays free; silent where `enabled` is False (all but one process)."""

    def __init__(self, total_steps: int, enabled: bool = True, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.enabled = enabled
        self.total_steps = total_steps
        self._live: Progress | None = None
        if enabled and self.console.is_terminal:
            self._live = Progress(
                SpinnerColumn(),
                TextColumn("step {task.fields[step]}/{task.fields[steps]}"),
                BarColumn(),
                TextColumn("{task.percentage:.1f}%  {task.fields[line]}"),
                console=self.console,
            )
            self._task = self._live.add_task("", total=1.0, step=0, steps=total_steps, line="")

    def __enter__(self) -> TrainingConsole:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def steps(self, step: int, share: float, left_s: float, rate: float, scalars: Mapping[str, float]) -> None:
        """Report progress: `share` of the run done, seconds left, steps a second, and named numbers."""
        if not self.enabled:
            return
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in scalars.items())
        line = f"{numbers}  {rate:.2f} steps/s  left {clock(left_s)}"
        if self._live is not None:
            self._live.update(self._task, completed=share, step=step, line=line)
        else:
            self.line(f"step {step}/{self.total_steps} ({100 * share:.1f}%)  {line}")

    def line(self, text: str) -> None:
        """Write one line of plain text."""
        if self.enabled:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def table(self, title: str, rows: Mapping[str, str]) -> None:
        """Write what came out as a table of two columns."""
        if not self.enabled:
            return
        table = Table(title=title, show_header=False, title_justify="left")
        for name, value in rows.items():
            table.add_row(name, value, style=None)
        self.console.print(table, soft_wrap=True, highlight=False)
