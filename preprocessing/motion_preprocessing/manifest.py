"""The folder of captures: its `manifest.csv` (one row a take) and the files that it names.

The manifest is believed where it and a file disagree: about the frame rate always, about the added T-pose only if the
first frame is one.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from motion_preprocessing.amc import AsfSkeleton, amc_motion, read_amc, read_asf
from motion_preprocessing.bvh import read_bvh
from motion_preprocessing.errors import InputError
from motion_preprocessing.retarget import JointMap, joint_map, rest_is_t_pose, to_t_pose
from motion_preprocessing.source_motion import SourceMotion

_TEXTS: Final = ("file", "subject", "trial", "category", "label", "licence", "source")
_COLUMNS: Final = (*_TEXTS, "fps", "frames", "tpose_frame0")


@dataclass(frozen=True)
class Take:
    """One row of the manifest."""

    file: str
    """Path inside the folder."""
    subject: str
    """Who moved."""
    trial: str
    """Unique name of the take."""
    fps: float
    """The true frame rate."""
    frames: int
    """Frames of the file, an added T-pose included."""
    t_pose_first: bool
    """Whether the first frame is an added T-pose."""
    category: str
    """Coarse category."""
    label: str
    """The collection's short label."""
    licence: str
    """Licence terms."""
    source: str
    """Name of the collection."""

    @property
    def pair(self) -> str:
        """Key of the take that several people share, '' for one person alone."""
        return f"{self.label} {self.trial.rpartition('_')[2]}" if self.category == "two_person" else ""


def read_manifest(folder: Path) -> list[Take]:
    """Read `manifest.csv`.

    Raises:
        InputError: It is missing or empty, lacks a column, or a row holds what is no number where one must stand.
    """
    path = folder / "manifest.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"expected a readable manifest, got '{reason}' for {path}; check DATA_DIR") from None
    if not rows:
        raise InputError(f"expected a row a take, got none for {path}; the manifest is empty")
    missing = [column for column in _COLUMNS if rows[0].get(column) is None]
    if missing:
        raise InputError(f"expected a column '{missing[0]}', got none for {path}; mend the manifest")
    takes = []
    for number, row in enumerate(rows, start=2):
        try:
            fps, frames, added = float(row["fps"]), int(row["frames"]), row["tpose_frame0"] == "1"
        except (TypeError, ValueError):
            raise InputError(
                f"expected numbers as fps and frames, got others for line {number} of {path}; mend it"
            ) from None
        if not 1 <= fps <= 1000:
            raise InputError(f"expected a frame rate of 1 to 1000, got {fps} for line {number} of {path}; mend it")
        texts = {name: row[name] or "" for name in _TEXTS}
        takes.append(Take(fps=fps, frames=frames, t_pose_first=added, **texts))
    return takes


class CaptureReader:
    """Reads takes of one folder as T-pose-relative motion; skeleton files are read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._skeletons: dict[Path, AsfSkeleton] = {}

    def read(self, take: Take) -> tuple[SourceMotion, JointMap]:
        """Read a take and the map of its skeleton.

        Raises:
            InputError: The file is bad, of an unknown skeleton or of another length than the manifest says.
        """
        path = self._folder / take.file
        if path.suffix == ".bvh":
            bvh = read_bvh(path)
            self._check_length(take, len(bvh.frames))
            nodes = joint_map(bvh.names, str(path))
            if take.t_pose_first and len(bvh.frames) > 1:
                source = bvh.motion(unit_m=nodes.unit_m, fps=take.fps, rest_frame=0)
                if rest_is_t_pose(source, nodes):
                    return source, nodes
            # No T-pose was added whatever the manifest says, or one that is none: the first frame is motion.
            return to_t_pose(bvh.motion(unit_m=nodes.unit_m, fps=take.fps), nodes), nodes
        if path.suffix == ".amc":
            asf = path.parent / f"{path.parent.name}.asf"
            skeleton = self._skeletons.get(asf) or self._skeletons.setdefault(asf, read_asf(asf))
            values = read_amc(path, skeleton)
            self._check_length(take, len(values))
            nodes = joint_map(tuple(bone.name for bone in skeleton.bones), str(asf))
            return to_t_pose(amc_motion(skeleton, values, fps=take.fps), nodes), nodes
        raise InputError(f"expected .bvh or .amc, got '{path.suffix}' for {path}; mend the manifest")

    def _check_length(self, take: Take, frames: int) -> None:
        if frames != take.frames:
            raise InputError(
                f"expected {take.frames} frames as in the manifest, got {frames} for {self._folder / take.file}; "
                "the file is truncated or another"
            )
