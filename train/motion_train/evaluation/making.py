"""Motions made once: each is kept under the bundle's hash, the request and where it ran, so that a run goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.metrics import bone_length_drift_percent
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.scene import Scene
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest, Motion
from motion_train.evaluation.requests import Wanted
from motion_train.files import make_folder

_DIGEST: Final = 20


@dataclass(frozen=True, eq=False)
class Made:
    """A motion of P persons over T frames."""

    wanted: Wanted
    joints_m: NDArray[np.float32]
    """(P, T, 22, 3) in the room."""
    local_rotations: NDArray[np.float32]
    """(P, T, 22, 3, 3)."""
    root_position_m: NDArray[np.float32]
    """(P, T, 3)."""
    fps: float
    room_from_canonical: NDArray[np.float64]
    """(4, 4)."""
    network_drift_percent: float
    """Bone-length drift of the network's own positions, before a body is fitted to them; mean over bones."""

    def motion(self) -> Motion:
        """As the runtime has it, for pictures."""
        request = self.wanted.request
        return Motion(
            self.joints_m,
            self.local_rotations,
            self.root_position_m,
            self.fps,
            request.person_classes,
            request.prompt_of_each,
            request.seed,
            room_from_canonical=self.room_from_canonical,
        )

    @property
    def start(self) -> tuple[tuple[float, float], float]:
        """Where the first person starts (x, y) and faces, degrees."""
        x, y = self.room_from_canonical[:2, 3]
        cosine, sine = self.room_from_canonical[:2, 0]
        return (float(x), float(y)), float(np.degrees(np.arctan2(sine, cosine)))


def request_digest(request: GenerationRequest) -> str:
    """Name of a request's content."""
    digest = hashlib.sha256()
    for field in fields(GenerationRequest):
        value = getattr(request, field.name)
        if isinstance(value, Scene):
            digest.update(value.points_m.tobytes())
            digest.update(value.labels.tobytes())
        else:
            digest.update(f"{field.name}={value!r};".encode())
    return digest.hexdigest()[:_DIGEST]


class Maker:
    """Makes motions of one bundle, or reads those that were made before."""

    def __init__(self, generator: Generator, cache: Path, steps: int | None = None) -> None:
        self.generator, self.steps = generator, steps
        self.folder = cache / generator.bundle.sha256[:_DIGEST]
        make_folder(self.folder)

    @cached_property
    def _untold(self) -> Generator:
        return self.generator.without_scene_tokens()

    def make(self, wanted: Wanted) -> Made:
        """Make one motion.

        Raises:
            InputError: The request cannot be met.
            BundleError: It is beyond the bundle.
            OutputError: It cannot be kept.
        """
        request, provider = wanted.request, self.generator.provider
        # Another provider or precision rounds otherwise, by centimetres in int8.
        how = f"{self.steps or 0}_{provider.name}_{provider.precision}"
        path = self.folder / f"{wanted.part}_{wanted.name}_{request_digest(request)}_{how}.npz"
        kept = _read(path)
        if kept is None:
            kept = self._make(request, self.generator if wanted.tokens else self._untold)
            with atomic_file(path) as part, part.open("wb") as file:
                np.savez(file, **kept)
        return Made(
            wanted,
            kept["joints_m"],
            kept["local_rotations"],
            kept["root_position_m"],
            float(kept["fps"]),
            kept["room_from_canonical"],
            float(kept["drift"]),
        )

    def all(self, wanted: Iterable[Wanted], progress: Callable[[], None]) -> list[Made]:
        """Make several; `progress` is called after each."""
        made = []
        for one in wanted:
            made.append(self.make(one))
            progress()
        return made

    def _make(self, request: GenerationRequest, generator: Generator) -> dict[str, Any]:
        asked = replace(request, steps=self.steps) if self.steps else request
        prediction = generator.predict(asked)
        motion = generator.pose(asked, prediction)
        raw = prediction.pose_vectors[..., POSITIONS].reshape(motion.joints_m.shape)
        return {
            "joints_m": motion.joints_m,
            "local_rotations": motion.local_rotations,
            "root_position_m": motion.root_position_m,
            "fps": np.float64(motion.fps),
            "room_from_canonical": motion.room_from_canonical,
            "drift": np.float64(np.mean([bone_length_drift_percent(person) for person in raw])),
        }


def _read(path: Path) -> dict[str, Any] | None:
    """What was kept; None for what is missing or broken, which is made again."""
    try:
        # Opened here: numpy leaves a file open that turns out to be no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile):
        return None
