"""Writing a file so that it appears under its name only when it is whole."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from motion_preprocessing.errors import OutputError


@contextmanager
def replace_when_written(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path` that takes its place at the end, or vanishes on an error."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"expected to write {path}, got '{error.strerror}'; check space and permissions") from error
    finally:
        temporary.unlink(missing_ok=True)
