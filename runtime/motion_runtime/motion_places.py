"""Which motions some files and folders hold, and a name for each: a job's sample is 'fall_bed/sample_000'."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from motion_preprocessing.errors import InputError

MOTION_FILE: Final = "motion.npz"
SAMPLE_PREFIX: Final = "sample_"


def motion_places(given: Sequence[Path]) -> dict[str, Path]:
    """File of each motion by its name, in the order given.

    A motion is named after its folder, or its file where that is not called motion.npz as they all are; those of a
    folder of motions by their way from it, with '/' between. Where two names are equal all get the folders above in
    front of them, until they differ.

    Args:
        given: Files, or folders that hold motion.npz, directly or in folders below.

    Raises:
        InputError: A folder holds none, or nothing tells two motions apart.
    """
    found: list[tuple[Path, int]] = []  # and how many words its name has
    for path in given:
        if not path.is_dir() or (path / MOTION_FILE).exists():
            found.append((path / MOTION_FILE if path.is_dir() else path, 1))
            continue
        below = [file for file in sorted(path.rglob(MOTION_FILE)) if not _hidden(file.relative_to(path))]
        if not below:
            raise InputError(f"expected a motion.npz or a folder that holds one, got none in {path}; check the path")
        found += [(file, len(file.relative_to(path).parts) - 1) for file in below]
    words = [_words(file) for file, _ in found]
    seen: dict[str, Path] = {}
    for (file, _), all_words in zip(found, words, strict=True):
        first = seen.setdefault("/".join(all_words).lower(), file)
        if first is not file:
            raise InputError(
                f"expected motions of different names, got '{all_words[-1]}' twice ({first} and {file}); leave one out"
            )
    lengths = [length for _, length in found]
    while True:
        names = ["/".join(all_words[-length:]) for all_words, length in zip(words, lengths, strict=True)]
        count = Counter(name.lower() for name in names)  # some file systems do not tell capitals from small letters
        if max(count.values(), default=0) < 2:
            return dict(zip(names, (file for file, _ in found), strict=True))
        lengths = [length + 1 for length in lengths]


def clip_name(name: str, file: Path) -> str:
    """What label tables call a motion: a sample of a run has the run's folder in front, as one of a job has the job's.

    Else the tables of two runs, put together, would both have a 'sample_000'.
    """
    words = _words(file)
    if "/" in name or not name.startswith(SAMPLE_PREFIX) or len(words) < 2:
        return name
    return f"{words[-2]}/{name}"


def _words(file: Path) -> tuple[str, ...]:
    """The longest name of a motion: its folders from the root on, and its file's name where that says anything."""
    place = Path(os.path.abspath(file))
    folders = tuple(part for part in place.parent.parts if part != place.anchor) or ("motion",)
    return folders if file.name == MOTION_FILE else (*folders, file.stem)


def _hidden(path: Path) -> bool:
    """Whether it is below a folder that is being written."""
    return any(part.startswith(".") for part in path.parts)
