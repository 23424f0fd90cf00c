"""Several processed datasets made one: recorded, simulated and lifted motion trained on together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import numpy as np

from motion_preprocessing.dataset import MotionDataset, MotionRecord, write_dataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.stitch import unpack


def merge_datasets(folders: Sequence[Path], out: Path) -> int:
    """Write the sequences of all folders, in their order, to one dataset; returns how many there are.

    Splits, credits, licences and rooms come along. A name that several datasets use is an error: what it means would
    depend on the order.

    Args:
        folders: Two datasets or more, of one frame rate.
        out: The new dataset's folder.

    Raises:
        InputError: There are fewer than two, one is none, frame rates differ or names repeat.
        OutputError: The folder cannot be written, or is one of those read.
    """
    if len(folders) < 2:
        raise InputError(f"expected two datasets or more, got {len(folders)} for the merge; name another")
    if out.resolve() in [folder.resolve() for folder in folders]:
        raise InputError(f"expected a new folder, got '{out}', which is read, for the output; choose another")
    datasets = [MotionDataset.open(folder) for folder in folders]
    fps = datasets[0].fps
    for folder, dataset in zip(folders, datasets, strict=True):
        if dataset.fps != fps:
            raise InputError(
                f"expected {fps:g} frames a second as in '{folders[0]}', got {dataset.fps:g} for '{folder}'; make it "
                "again with that --fps"
            )
    scenes: dict[str, Path] = {}

    def sequences() -> Iterator[MotionSequence]:
        for dataset in datasets:
            for record in dataset:
                file = dataset.scene_file(record)
                if file is not None and scenes.setdefault(record.scene, file) != file:
                    raise InputError(
                        f"expected one room a name, got '{record.scene}' from two datasets; make one of them again "
                        "under other names"
                    )
                yield sequence_of(record)

    credits = dict.fromkeys(line for dataset in datasets for line in dataset.header["credits"])
    provenance = {
        "tool": f"motion-preprocess merge, scene-motion {version('scene-motion')}",
        "parts": [dict(dataset.header["provenance"]) for dataset in datasets],
    }
    write_dataset(out, sequences(), fps=fps, credits=credits, provenance=provenance, scenes=scenes)
    return sum(len(dataset) for dataset in datasets)


def sequence_of(record: MotionRecord) -> MotionSequence:
    """The sequence that a record was written from, up to rounding."""
    rotations, root = unpack(np.asarray(record.pose, dtype=np.float64))
    shared = {field.name for field in fields(MotionSequence)} & {field.name for field in fields(MotionRecord)}
    values = {name: getattr(record, name) for name in shared}
    return MotionSequence(
        **values, local_rotations=rotations.astype(np.float32), root_position_m=root.astype(np.float32)
    )
