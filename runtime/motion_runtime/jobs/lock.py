"""One run at a time in a folder.

The lock is the operating system's on an open file: it goes with the process however that ends, so that one left by a
dead process is simply taken over. What the file says is only for the line that the second run prints.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from motion_preprocessing.atomic_output import as_output_error
from motion_preprocessing.errors import OutputError

LOCK_FILE: Final = ".motion-run.lock"


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Keep other runs out of an existing folder while the block runs.

    Raises:
        OutputError: Another run is in it, or the lock cannot be written.
    """
    path = folder / LOCK_FILE
    while True:
        with as_output_error(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        taken = _take(handle, path)
        if not taken or _is_at(handle, path):
            break
        os.close(handle)  # of a file that the run before has just removed: others lock the next one of that name
    try:
        if not taken:
            with as_output_error(path):
                owner = os.read(handle, 200).decode("utf-8", "replace").strip() or "unknown"
            raise OutputError(
                f"expected a folder that no other run writes to, got one in use by process {owner} for {folder}; "
                "wait for it or choose another --out"
            )
        with as_output_error(path):
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()} on {socket.gethostname()}\n".encode())
        try:
            yield
        finally:
            if sys.platform != "win32":  # where an open file cannot be removed: there it stays
                with suppress(OSError):
                    path.unlink()
    finally:
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one at a path."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _take(handle: int, path: Path) -> bool:
    """Lock the open file; False where another process has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            # A byte far behind the text: what is locked cannot be read there.
            os.lseek(handle, 1 << 20, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        raise OutputError(
            f"expected a file system with locks, got '{error.strerror or error}' for {path}; choose another --out"
        ) from None
    return True
