"""The processed motion dataset: a folder that is written whole or not at all and read by memory mapping.

    dataset.json       format version, frame rate, pose layout, skeleton, credits, sha256 of the other files
    sequences.parquet  a row a sequence: name, frames, captions, action, person class, subject, split, pair, source, ...
    frames.arrow       Arrow IPC file, a record batch a sequence in the same order, a row a frame: pose (258 float32),
                       label (OmniFall's class), weight (how much the frame should count when windows are drawn)
    scenes/...         scene files of the rooms that sequences name, where there are any

Opening a dataset maps `frames.arrow`; a record's pose is a read-only numpy view into the map, so that a training
process loads only the pages that it samples and several share them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType, ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing import pose_vector
from motion_preprocessing.atomic_output import as_output_error, atomic_folder
from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import InputError, MissingExtraError, OutputError
from motion_preprocessing.frame_labels import ACTIONS, omnifall_labels
from motion_preprocessing.pose_vector import POSE_DIM
from motion_preprocessing.quality import frame_weights
from motion_preprocessing.sequence import PERSON_CLASSES, SPLITS, Event, MotionSequence
from motion_preprocessing.skeleton import JOINT_NAMES, PARENTS, REST_OFFSETS_M

FORMAT: Final = "scene-motion dataset"
FORMAT_VERSION: Final = 2
"""2 adds `scene` and `body_scale`; sequences of version 1 have neither room nor size."""
_READABLE: Final = (1, FORMAT_VERSION)
HEADER_FILE: Final = "dataset.json"
FRAMES_FILE: Final = "frames.arrow"
SEQUENCES_FILE: Final = "sequences.parquet"
SCENES_FOLDER: Final = "scenes"


_LABEL, _WEIGHT = "label", "weight"


def _arrow() -> ModuleType:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError.for_extra("pyarrow", "preprocess") from None
    return pyarrow  # type: ignore[no-any-return, unused-ignore]


@dataclass(frozen=True)
class MotionRecord:
    """One sequence as it is read back."""

    name: str
    """Unique name."""
    fps: float
    """Frames a second."""
    pose: NDArray[np.float32]
    """(T, 258) pose vectors, a read-only view of the mapped file."""
    captions: tuple[str, ...]
    """Sentences about the whole of it."""
    events: tuple[Event, ...]
    """Moments worth naming."""
    action: str
    """Coarse action."""
    person_class: str
    """person, staff or patient."""
    subject: str
    """Who moved."""
    split: str
    """train, validation or test."""
    pair: str
    """Key shared by the people of one take in one world frame, whose frames correspond; '' for one person alone."""
    source: str
    """Where it comes from."""
    licence: str
    """Licence terms of the source."""
    label: str
    """The source's own short label."""
    scene: str
    """Scene file of its room, relative to the dataset's folder (see `MotionDataset.scene_file`); '' for none."""
    body_scale: float
    """Size of the body that moved relative to the skeleton it is written with."""
    frame_labels: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, dtype=np.int8))
    """(T,) OmniFall's class of every frame, as `frame_labels.ACTIONS` numbers them; empty in datasets without."""
    frame_weights: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    """(T,) how much every frame should count when windows are drawn, 0..1: idle stretches little (see `quality`); empty
    in datasets without."""


def _sequence_schema(pa: ModuleType, version: int = FORMAT_VERSION) -> Any:
    texts = ("action", "person_class", "subject", "split", "pair", "source", "licence", "label")
    events = pa.list_(pa.struct([("name", pa.string()), ("time_s", pa.float64())]))
    return pa.schema(
        [
            ("name", pa.string()),
            ("frames", pa.int64()),
            ("fps", pa.float64()),
            ("captions", pa.list_(pa.string())),
            ("events", events),
            *((name, pa.string()) for name in texts),
            *([("scene", pa.string()), ("body_scale", pa.float64())] if version > 1 else ()),
        ]
    )


def _frame_schema(pa: ModuleType) -> Any:
    columns = [("sequence", pa.int32()), ("pose", pa.list_(pa.float32(), POSE_DIM))]
    return pa.schema([*columns, (_LABEL, pa.int8()), (_WEIGHT, pa.float32())])


def _encode(sequence: MotionSequence) -> NDArray[np.float32]:
    # Encoded in float64: velocities are differences of positions, times the frame rate.
    rotations = sequence.local_rotations.astype(np.float64)
    pose = np.asarray(pose_vector.encode(rotations, sequence.root_position_m.astype(np.float64), sequence.fps))
    if not np.isfinite(pose).all():
        raise InputError(f"expected finite motion, got NaN or infinity for {sequence.name}; leave the capture out")
    return pose.astype(np.float32)


def write_dataset(
    folder: Path,
    sequences: Iterable[MotionSequence],
    *,
    fps: float,
    credits: Iterable[str],
    provenance: Mapping[str, Any],
    scenes: Mapping[str, Path] = MappingProxyType({}),
) -> None:
    """Write a dataset folder atomically; an older dataset in its place is replaced.

    Args:
        folder: The dataset's folder; missing parents are made.
        sequences: What to write; consumed one at a time.
        fps: Their frame rate.
        credits: Lines of credit that the sources ask for.
        provenance: How the dataset was made; goes into the header as it is.
        scenes: Where the scene files lie that sequences name by `scene`; they are copied. Looked at after the sequences
            were consumed.

    Raises:
        OutputError: The folder exists and is no dataset, or cannot be written.
        InputError: There is no sequence, names repeat, a sequence holds NaN or another frame rate, or it names a scene
            that is not given.
    """
    with as_output_error(folder):
        if folder.exists() and not (folder / HEADER_FILE).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(f"expected a dataset or nothing, got something else for {folder}; name another folder")
    pa = _arrow()
    with atomic_folder(folder, overwrite=True) as partial:
        _write_files(pa, partial, sequences, fps, list(credits), dict(provenance), scenes)


def _write_files(
    pa: ModuleType,
    folder: Path,
    sequences: Iterable[MotionSequence],
    fps: float,
    credits: list[str],
    provenance: dict[str, Any],
    scenes: Mapping[str, Path],
) -> None:
    rows: list[dict[str, Any]] = []
    names: set[str] = set()
    schema = _frame_schema(pa)
    with pa.OSFile(str(folder / FRAMES_FILE), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for index, sequence in enumerate(sequences):
            _check(sequence, fps, names)
            names.add(sequence.name)
            pose = _encode(sequence)
            poses = pa.FixedSizeListArray.from_arrays(pa.array(pose.reshape(-1)), POSE_DIM)
            numbers = pa.array(np.full(len(pose), index, dtype=np.int32))
            joints = pose[:, pose_vector.POSITIONS].reshape(len(pose), -1, 3)
            labels = _labels(sequence, joints)
            weights = frame_weights(joints, fps)
            columns = [numbers, poses, pa.array(labels, pa.int8()), pa.array(weights, pa.float32())]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            rows.append(
                {
                    "name": sequence.name,
                    "frames": len(pose),
                    "fps": sequence.fps,
                    "captions": list(sequence.captions),
                    "events": [{"name": event.name, "time_s": event.time_s} for event in sequence.events],
                    "action": sequence.action,
                    "person_class": sequence.person_class,
                    "subject": sequence.subject,
                    "split": sequence.split,
                    "pair": sequence.pair,
                    "source": sequence.source,
                    "licence": sequence.licence,
                    "label": sequence.label,
                    "scene": sequence.scene,
                    "body_scale": sequence.body_scale,
                }
            )
    if not rows:
        raise InputError("expected at least one sequence, got none for the dataset; check the source")
    pa.parquet.write_table(pa.Table.from_pylist(rows, schema=_sequence_schema(pa)), folder / SEQUENCES_FILE)
    named = sorted({row["scene"] for row in rows if row["scene"]})
    for scene in named:
        _copy_scene(folder, scene, scenes)
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "fps": fps,
        "pose_dim": POSE_DIM,
        "pose_layout": "joint positions 22*3 m | joint velocities 22*3 m/s | 6D rotations of joints 1..21, 21*6",
        "axes": "z up, floor z = 0, metres, right-handed; yaw 0 faces +x with the left towards +y",
        "skeleton": {"joints": list(JOINT_NAMES), "parents": list(PARENTS), "rest_offsets_m": REST_OFFSETS_M.tolist()},
        "sequences": len(rows),
        "frames": sum(row["frames"] for row in rows),
        "credits": credits,
        "licences": sorted({row["licence"] for row in rows}),
        "provenance": provenance,
        "files": {name: sha256_of(folder / name) for name in (FRAMES_FILE, SEQUENCES_FILE, *named)},
    }
    (folder / HEADER_FILE).write_text(json.dumps(header, indent=1) + "\n", encoding="utf-8")


def _labels(sequence: MotionSequence, joints_m: NDArray[np.float32]) -> NDArray[np.int8]:
    """What the source knows, else what the rules see."""
    if sequence.frame_labels is None:
        return omnifall_labels(joints_m, sequence.fps).astype(np.int8)
    given = np.asarray(sequence.frame_labels)
    if given.shape != (len(joints_m),) or given.min() < 0 or given.max() >= len(ACTIONS):
        raise InputError(
            f"expected {len(joints_m)} classes of 0 to {len(ACTIONS) - 1}, got others for the frames of "
            f"{sequence.name}; number them as frame_labels.ACTIONS does"
        )
    return given.astype(np.int8)


def _copy_scene(folder: Path, scene: str, scenes: Mapping[str, Path]) -> None:
    place = PurePosixPath(scene)
    if place.is_absolute() or ".." in place.parts or place.parts[0] != SCENES_FOLDER or len(place.parts) < 2:
        raise InputError(f"expected a file in {SCENES_FOLDER}/, got '{scene}' for the scene of a sequence; rename it")
    source = scenes.get(scene)
    if source is None or not source.is_file():
        raise InputError(f"expected the scene file {scene}, got nothing for the dataset; give it with the sequences")
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / place)


def _check(sequence: MotionSequence, fps: float, names: set[str]) -> None:
    for value, allowed, what in (
        (sequence.split, SPLITS, "split"),
        (sequence.person_class, PERSON_CLASSES, "person class"),
    ):
        if value not in allowed:
            known = ", ".join(allowed)
            raise InputError(f"expected one of {known}, got '{value}' for the {what} of {sequence.name}; correct it")
    if sequence.name in names:
        raise InputError(f"expected unique names, got '{sequence.name}' twice for the dataset; rename one")
    if sequence.fps != fps:
        raise InputError(f"expected {fps} frames a second, got {sequence.fps} for {sequence.name}; resample it")


class MotionDataset:
    """A dataset folder, memory-mapped. Indexing and iteration give `MotionRecord`s of the chosen split."""

    def __init__(
        self,
        folder: Path,
        split: str | None,
        header: Mapping[str, Any],
        rows: list[dict[str, Any]],
        batches: list[int],
        reader: Any,
    ) -> None:
        self.folder = folder
        """Where it lies."""
        self.split = split
        """The chosen split; None is all of it."""
        self.header = header
        """The contents of dataset.json."""
        self._rows, self._batches, self._reader = rows, batches, reader

    @classmethod
    def open(cls, folder: Path, split: str | None = None) -> MotionDataset:
        """Open a dataset, or one split of it.

        Raises:
            InputError: The folder is no dataset, is of a newer format, or its files do not agree.
        """
        if split is not None and split not in SPLITS:
            raise InputError(f"expected one of {', '.join(SPLITS)}, got '{split}' for the split; choose one")
        pa = _arrow()
        try:
            header = json.loads((folder / HEADER_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no JSON"
            raise InputError(f"expected a dataset, got '{reason}' for {folder / HEADER_FILE}; make one") from None
        version = header.get("format_version") if isinstance(header, dict) else None
        if version not in _READABLE or header.get("format") != FORMAT or header.get("pose_dim") != POSE_DIM:
            known = " or ".join(map(str, _READABLE))
            raise InputError(f"expected format version {known}, got {version} for {folder}; make it anew")
        try:
            rows = pa.parquet.read_table(folder / SEQUENCES_FILE, schema=_sequence_schema(pa, version)).to_pylist()
            reader = pa.ipc.open_file(pa.memory_map(str(folder / FRAMES_FILE), "r"))
            batches = reader.num_record_batches
        except (OSError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"expected readable data files, got '{reason}' for {folder}; make it anew") from None
        if batches != len(rows) or len(rows) != header.get("sequences"):
            raise InputError(f"expected {header.get('sequences')} sequences, got {batches} for {folder}; make it anew")
        chosen = [i for i, row in enumerate(rows) if split is None or row["split"] == split]
        return cls(folder, split, header, [rows[i] for i in chosen], chosen, reader)

    @property
    def fps(self) -> float:
        """Frames a second of every sequence."""
        return float(self.header["fps"])

    def __reduce__(self) -> tuple[Any, tuple[Path, str | None]]:
        # A worker process maps the file itself: neither the map nor the data is sent to it.
        return MotionDataset.open, (self.folder, self.split)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> MotionRecord:
        row = self._rows[index]
        batch = self._reader.get_batch(self._batches[index])
        pose = batch.column(1).flatten().to_numpy(zero_copy_only=True).reshape(-1, POSE_DIM)
        return MotionRecord(
            name=row["name"],
            fps=row["fps"],
            pose=pose,
            captions=tuple(row["captions"]),
            events=tuple(Event(event["name"], event["time_s"]) for event in row["events"]),
            action=row["action"],
            person_class=row["person_class"],
            subject=row["subject"],
            split=row["split"],
            pair=row["pair"],
            source=row["source"],
            licence=row["licence"],
            label=row["label"],
            scene=row.get("scene", ""),
            body_scale=row.get("body_scale", 1.0),
            **self._frame_columns(batch),
        )

    def _frame_columns(self, batch: Any) -> dict[str, Any]:
        """Return the labels and weights of a sequence's frames, nothing where the file has none."""
        if _LABEL not in batch.schema.names:
            return {}
        label, weight = (batch.column(name).to_numpy(zero_copy_only=True) for name in (_LABEL, _WEIGHT))
        return {"frame_labels": label, "frame_weights": weight}

    def scene_file(self, record: MotionRecord) -> Path | None:
        """Return the scene file of the room that a sequence moves in, None where it has none.

        It lies in the sequence's world (z up, floor z = 0, metres): `scene.load_scene` with up 'z' and units 'm' reads
        it, and its `world_from_file` tells how much the floor was corrected once more.
        """
        return self.folder / record.scene if record.scene else None

    def __iter__(self) -> Iterator[MotionRecord]:
        return (self[index] for index in range(len(self)))

    def pairs(self) -> list[tuple[int, ...]]:
        """Return the indices of the sequences that share a world frame, grouped by take."""
        groups: dict[str, list[int]] = {}
        for index, row in enumerate(self._rows):
            if row["pair"]:
                groups.setdefault(row["pair"], []).append(index)
        return [tuple(group) for group in groups.values() if len(group) > 1]

    def verify(self) -> None:
        """Check the files' sha256 against the header.

        Raises:
            InputError: A file was altered.
        """
        for name, expected in self.header["files"].items():
            if sha256_of(self.folder / name) != expected:
                raise InputError(
                    f"expected the sha256 of dataset.json, got another for {self.folder / name}; make it anew"
                )
