"""Names of the files and fields of the capture format; docs/formats/capture.md describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FORMAT: Final = "scene-motion capture"
FORMAT_VERSION: Final = 1
CAPTURE_FILE: Final = "capture.json"
TRUTH_FILE: Final = "truth.npz"
DEPTH_SUFFIXES: Final = (".npy", ".npz", ".png")


def frame_name(frame: int, suffix: str) -> str:
    """Return the name of a file that belongs to a frame."""
    return f"{frame:06d}{suffix}"


def find_captures(folder: Path) -> list[Path]:
    """Return the capture folders in and below a folder, sorted."""
    return sorted(path.parent for path in folder.rglob(CAPTURE_FILE))
