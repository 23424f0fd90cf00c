"""Programs of others that a user may have: where they are, and what they said when they failed."""

from __future__ import annotations

import os
import re
import shutil
from typing import Final

from motion_preprocessing.errors import MissingExtraError

_MOST: Final = 200
"""Letters of a program's last words that an error repeats."""


def find_program(name: str, command: str, variable: str, wanted_for: str, version: str = "") -> str:
    """Return the path of a program.

    Args:
        name: What people call it.
        command: What it is called on PATH.
        variable: Environment variable with its path, for one that is not on PATH.
        wanted_for: The format that needs it.
        version: What to install of it, such as ' 4.2 or newer'.

    Raises:
        MissingExtraError: There is none.
    """
    named = os.environ.get(variable)
    found = shutil.which(named or command)
    if found is None:
        where = f"nothing to run at {named}, which {variable} names," if named else "none on PATH"
        raise MissingExtraError(
            f"expected {name}, got {where} for the format {wanted_for}; "
            f"install {name}{version} or set {variable} to its program"
        )
    return found


def last_words(text: str) -> str:
    """The line that names the last error of a Python, else the last one that says something."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return (errors or lines or ["nothing said"])[-1][:_MOST]
