"""Click commands that fail in one line: `motion_preprocessing.command` under the name it once had."""

from motion_preprocessing.command import INTERRUPTED, OneLineCommand, OneLineGroup, Stopped

__all__ = ["INTERRUPTED", "OneLineCommand", "OneLineGroup", "Stopped"]
