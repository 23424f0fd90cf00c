"""What one capture gave, as a folder: written when the capture is done, read when the dataset is put together.

    result.json   figures and the key of what it was made from
    result.npz    motion, reprojection errors
    room.ply      the room
    *.png         pictures

The key is a digest of the capture's files and the configuration: a folder with the right key is not made again.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import atomic_folder
from motion_preprocessing.captures.layout import TRUTH_FILE
from motion_preprocessing.captures.lifting import LiftConfig, Lifted, LiftedPerson
from motion_preprocessing.depth.cloud import write_cloud
from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import InputError
from motion_preprocessing.labels import DEFAULT_LABELS

RESULT_VERSION: Final = 2
"""Part of every key: raise it when the chain computes something else."""
RESULT_JSON: Final = "result.json"
RESULT_NPZ: Final = "result.npz"
ROOM_FILE: Final = "room.ply"


@dataclass(frozen=True, eq=False)
class Result:
    """A result folder as it is read back."""

    name: str
    fps: float
    """Of the capture."""
    people: tuple[LiftedPerson, ...]
    errors_px: NDArray[np.float64]
    believed: NDArray[np.bool_]
    figures: dict[str, Any]
    pictures: tuple[str, ...]
    """Names of the picture files."""


def key_of(capture: Path, config: LiftConfig, extra: dict[str, Any]) -> str:
    """Return the digest of everything that a result depends on.

    Raises:
        InputError: A file cannot be read.
    """
    digest = hashlib.sha256(json.dumps([RESULT_VERSION, asdict(config), extra], sort_keys=True).encode())
    for path in sorted(capture.rglob("*")):
        if path.is_file() and path.name != TRUTH_FILE:
            try:
                digest.update(f"{path.relative_to(capture).as_posix()} {sha256_of(path)}\n".encode())
            except OSError as error:
                raise InputError(f"expected a readable file, got '{error.strerror}' for {path}; check it") from None
    return digest.hexdigest()


def is_done(folder: Path, key: str) -> bool:
    """Whether a result folder is there and was made from what the key says."""
    try:
        content = json.loads((folder / RESULT_JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("key") == key


def write_result(folder: Path, lifted: Lifted, key: str, pictures: Iterable[tuple[str, Any]]) -> None:
    """Write a result folder; an older one is replaced.

    Args:
        folder: Its place.
        lifted: What it holds.
        key: See `key_of`.
        pictures: Names and Pillow images.
    """
    with atomic_folder(folder, overwrite=True) as partial:
        names = []
        for name, image in pictures:
            image.save(partial / name)
            names.append(name)
        arrays: dict[str, Any] = {"errors_px": lifted.errors_px, "believed": lifted.believed}
        people = []
        for number, person in enumerate(lifted.people):
            arrays[f"{number}_rotations"] = person.local_rotations.astype(np.float32)
            arrays[f"{number}_root_m"] = person.root_position_m.astype(np.float32)
            arrays[f"{number}_seen"] = person.seen
            people.append(
                {
                    "track": person.track_id,
                    "class": person.person_class,
                    "first_frame": person.first_frame,
                    "body_scale": person.body_scale,
                    "actions": list(person.actions),
                }
            )
        np.savez(partial / RESULT_NPZ, **arrays)
        write_cloud(partial / ROOM_FILE, lifted.cloud, tuple(DEFAULT_LABELS.values()))
        content = {
            "key": key,
            "name": lifted.name,
            "fps": lifted.fps,
            "world_from_camera": lifted.world_from_camera.tolist(),
            "people": people,
            "figures": lifted.figures,
            "pictures": names,
        }
        (partial / RESULT_JSON).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_result(folder: Path) -> Result:
    """Read a result folder.

    Raises:
        InputError: It is damaged.
    """
    try:
        content = json.loads((folder / RESULT_JSON).read_text(encoding="utf-8"))
        with np.load(folder / RESULT_NPZ, allow_pickle=False) as arrays:
            people = tuple(
                LiftedPerson(
                    track_id=entry["track"],
                    person_class=entry["class"],
                    actions=tuple(entry["actions"]),
                    first_frame=entry["first_frame"],
                    seen=arrays[f"{number}_seen"],
                    local_rotations=arrays[f"{number}_rotations"],
                    root_position_m=arrays[f"{number}_root_m"],
                    body_scale=entry["body_scale"],
                )
                for number, entry in enumerate(content["people"])
            )
            errors, believed = arrays["errors_px"], arrays["believed"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"expected a result, got '{error}' for {folder}; remove the folder and run again") from None
    return Result(
        content["name"], content["fps"], people, errors, believed, content["figures"], tuple(content["pictures"])
    )
