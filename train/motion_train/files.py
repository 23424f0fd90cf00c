"""Files and folders that training writes: whole or not at all, and readable as any other file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.errors import InputError, OutputError

if TYPE_CHECKING:
    from torch import Tensor


def check_writable(out: Path) -> None:
    """Refuse a place that cannot be written before the work for it begins.

    Raises:
        InputError: A file is in the way.
        OutputError: The place may not be written to.
    """
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not existing.is_dir():
        raise InputError(f"expected a folder, got the file '{existing}' for --out; choose another")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(f"expected a folder that can be written, got '{existing}' for --out; choose another")


def make_folder(folder: Path) -> None:
    """Make a folder and its parents where they are missing.

    Raises:
        OutputError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"expected to make the folder '{folder}', got '{error.strerror}' for the output; choose another place"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, renamed into place when whole.

    Raises:
        OutputError: It cannot be written.
    """
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON; see `write_text`."""
    write_text(path, json_text(value))


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a .safetensors file, renamed into place when whole.

    Raises:
        OutputError: It cannot be written.
    """
    with atomic_file(path) as part:
        part.write_bytes(tensor_bytes(tensors))


def json_text(value: Any) -> str:
    """Format JSON for people."""
    return json.dumps(value, indent=1) + "\n"


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Contents of a .safetensors file; safetensors' own `save_file` hides it from everybody but its owner."""
    from safetensors.torch import save  # loads torch, which `--help` does not wait for

    data: bytes = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    return data
