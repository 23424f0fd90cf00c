"""What a reader of a page brings or has made before: small stand-ins, put where the page's commands look for them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

ROOT: Final = Path(__file__).parents[1]


def recordings(_page: str) -> None:
    """A folder of motion capture: people of three splits who walk."""
    from .preprocessing.conftest import CaptureFolder

    folder = Path("MOTION_FOLDER")
    folder.mkdir()
    captures = CaptureFolder(folder)
    for subject in ("16", "17", "18", "08", "02"):
        captures.walk(f"cmu_bvh/{subject}/{subject}_01.bvh")


def training(page: str) -> None:
    """The same, and the repository's settings."""
    recordings(page)
    shutil.copytree(ROOT / "train" / "configs", "train/configs")


def dataset(_page: str) -> None:
    """A processed dataset in out/."""
    from .preprocessing.simulation.conftest import striding, write_recording

    write_recording(Path("out"), striding())


def starts(_page: str) -> None:
    """A processed dataset of somebody walking in mocap/."""
    from .preprocessing.simulation.conftest import striding, write_recording

    write_recording(Path("mocap"), striding())


def motion(_page: str) -> None:
    """A sample in out/."""
    from motion_runtime.cli import main

    words = ["--prompt", "a person walks", "--steps", "2", "--seconds", "1", "--no-preview", "--out", "out"]
    main.main(words, standalone_mode=False)


def body(_page: str) -> None:
    """A body of the SMPL family."""
    from motion_preprocessing.bodies.capsule_body import capsule_body_fields

    np.savez("SMPLX_NEUTRAL.npz", **capsule_body_fields())


def exports(page: str) -> None:
    """The same, and cameras."""
    body(page)
    cameras(page)


def cameras(_page: str) -> None:
    """The cameras of the page on these."""
    page = (ROOT / "docs" / "formats" / "cameras.md").read_text(encoding="utf-8")
    [lines] = re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    Path("cameras.json").write_text(lines, encoding="utf-8")


def seen(page: str) -> None:
    """A sample in out/, and the cameras."""
    motion(page)
    cameras(page)


def jobs(page: str) -> None:
    """The page's own example of a job file, and the room it names."""
    [lines] = re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[:1]
    # Untrained networks do not notice that eight samples are two.
    Path("jobs.jsonl").write_text(lines.replace('"num_samples": 8', '"num_samples": 2'), encoding="utf-8")
    shutil.copy("examples/ward.ply", "ward.ply")


STAND_INS: Final[dict[str, Callable[[str], None]]] = {
    "docs/data-licences.md": dataset,
    "docs/formats/cameras.md": seen,
    "docs/formats/datasets.md": recordings,
    "docs/formats/exports.md": exports,
    "docs/formats/jobs.md": jobs,
    "docs/formats/motion.md": motion,
    "docs/metrics.md": motion,
    "docs/simulation.md": starts,
    "docs/train.md": training,
}
"""By page: what is put there before its first block; it is given the page's text."""
