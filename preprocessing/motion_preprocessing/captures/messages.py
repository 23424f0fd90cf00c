"""Messages that stand behind the name of what they are about do not name it again."""

from __future__ import annotations

import re
from pathlib import Path


def without_path(message: str, path: Path) -> str:
    """Take a file's path out of a message about it: '... for the mask IN/a/mask.png; do' becomes '...; do'."""
    name = re.escape(str(path))
    message = re.sub(rf" (?:for|of|in) (?:the (?:[\w-]+ )+)?{name}(?![\w./])", "", message)
    return re.sub(rf"{name}(?![\w./])", path.name, message)


def within(message: str, folder: Path) -> str:
    """Name files relative to a folder: '... for IN/a/capture.json' becomes '... for capture.json'."""
    return without_path(message.replace(f"{folder}/", ""), folder)
