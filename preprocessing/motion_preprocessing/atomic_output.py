"""Files and folders that appear whole or not at all.

Everything is written under a temporary name beside its place, on the same file system, and renamed when it is complete;
whatever interrupts the writing (a full disk, Ctrl-C) leaves nothing behind. An operating-system error becomes one line.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from motion_preprocessing.errors import OutputError

_TEMPORARY: Final = r"(?<=[/\\])\.([^/\\]{1,39})\.[^./\\]+\.partial(?=[/\\])"
"""A folder's name while it is being written: an error names the place that was asked for. One that was cut stays."""


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well, else remove it.

    Raises:
        OutputError: The file could not be written.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=".partial", dir=path.parent)
        temporary = Path(name)
        os.close(handle)
        yield temporary
        temporary.chmod(_permissions(0o666))
        temporary.replace(path)
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(folder: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `folder`; rename it to `folder` when the block ends well, else remove it.

    Missing parents are made, and removed again if the block fails. An empty folder counts as none. With `overwrite` an
    existing one is replaced at the very end; until then it stays as it is.

    Raises:
        OutputError: `folder` exists and `overwrite` is not set, it is not a folder, or it could not be written.
    """
    folder = Path(os.path.abspath(folder))
    made: list[Path] = []
    temporary: Path | None = None
    done = False
    try:
        if folder.is_symlink() or folder.is_file():
            raise OutputError(f"expected a folder, got a file or link at {folder} for the output; choose another place")
        if not overwrite:
            _check_new(folder)
        for parent in reversed(folder.parents):
            if not parent.exists():
                parent.mkdir()
                made.append(parent)
        temporary = Path(tempfile.mkdtemp(prefix=_prefix(folder), suffix=".partial", dir=folder.parent))
        yield temporary
        temporary.chmod(_permissions(0o777))
        if not overwrite:
            _check_new(folder)  # another run may have been as quick
        swap_folder(temporary, folder)
        done = True
    except OSError as error:
        raise _output_error(folder, error) from error
    finally:
        if not done:
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)
            for parent in reversed(made):
                # Somebody else may have put something there meanwhile: only empty folders go.
                if parent.exists() and not any(parent.iterdir()):
                    parent.rmdir()


def _check_new(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(
            f"expected a new folder, got the existing {folder} for the output; choose another place or use --overwrite"
        )


def swap_folder(complete: Path, folder: Path) -> None:
    """Rename `complete` to `folder`; what was there is set aside first, and put back if that fails."""
    if not folder.exists():
        complete.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=_prefix(folder), suffix=".old", dir=folder.parent))
    old = aside / folder.name
    folder.rename(old)
    try:
        complete.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _prefix(path: Path) -> str:
    """Start of a temporary name; cut, so that a name may be as long as the file system allows."""
    return f".{path.name[:40]}."


def _permissions(mode: int) -> int:
    """What the process's umask leaves of `mode`: temporary files are private, finished ones are as any other."""
    return mode & ~_UMASK


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_UMASK: Final = _umask()
"""Read once: reading it sets it, for all threads."""


@contextmanager
def as_output_error(path: Path) -> Iterator[None]:
    """Turn an operating-system error of the block, which deals with the output at `path`, into one line.

    Raises:
        OutputError: There was one.
    """
    try:
        yield
    except OSError as error:
        raise _output_error(path, error) from error


def _output_error(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or str(error) or type(error).__name__
    if re.fullmatch(r"\d+ requested and \d+ written", reason):  # what numpy says of a full disk
        reason = "only a part was taken"
    shown = re.sub(_TEMPORARY, r"\1", str(path))
    return OutputError(
        f"expected to write {shown}, got '{reason}' from the operating system for the output; "
        "free some space or choose a place you may write to"
    )
