"""`motion-preprocess furnish`: looks at what is placed around the motions of a dataset."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import click
import numpy as np
from PIL import Image

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.furnishing.furnisher import furnish_people
from motion_preprocessing.furnishing.library import FurnitureLibrary
from motion_preprocessing.furnishing.picture import contact_sheet, picture
from motion_preprocessing.furnishing.words import use_sentences
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT

_FRAMES = 120


def run_furnish(
    folder: Path, out: Path, *, furniture: Path | None, count: int, seed: int, name: str | None, used_only: bool
) -> None:
    """Furnish windows of a dataset, write a contact sheet of `count` of them, and say what was placed."""
    dataset = MotionDataset.open(folder)
    library = FurnitureLibrary.open(furniture) if furniture is not None else None
    records = [dataset[i] for i in range(len(dataset))]
    records = [r for r in records if name is None or name in r.name or name in r.label or name == r.action]
    if not records:
        raise InputError(f"expected sequences named like '{name}', got none for {folder}; leave --name out")
    rng = np.random.Generator(np.random.Philox(key=seed))
    uses: Counter[str] = Counter()
    unmet: Counter[str] = Counter()
    pictures: list[Image.Image] = []
    seconds, windows = 0.0, 0
    while windows < 10 * count or (len(pictures) < count and windows < 200 * count):
        record = records[int(rng.integers(len(records)))]
        start = int(rng.integers(max(1, len(record.pose) - _FRAMES + 1)))
        people = np.asarray(record.pose[start : start + _FRAMES, POSITIONS]).reshape(1, -1, JOINT_COUNT, 3)
        began = time.process_time()
        done = furnish_people(people, rng, fps=record.fps, library=library, free_objects=int(rng.integers(6)))
        seconds += time.process_time() - began
        windows += 1
        uses.update(f"{use.use} {use.object_class}" for use in done.uses)
        unmet.update(done.unmet)
        if len(pictures) < count and (done.uses or not used_only):
            said = next(iter(use_sentences(done.uses, rng, 1)), "")
            pictures.append(picture(people, done, f"{record.name} from {start}: {said}"))
    if not pictures:
        raise InputError(f"expected motions that use furniture, got none for {folder}; leave --used out")
    with atomic_file(out) as temporary:
        contact_sheet(pictures).save(temporary, format="PNG")
    click.echo(f"{windows} windows, {1000 * seconds / windows:.1f} ms each; {len(pictures)} of them in {out}")
    for text, number in sorted(uses.items(), key=lambda pair: -pair[1]):
        click.echo(f"  {number:5d}  {text}")
    for kind, number in unmet.items():
        click.echo(f"  {number:5d}  needs to {kind} were not met")
