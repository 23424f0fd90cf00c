"""One sample's output folder: motion.npz, person_<n>.bvh, preview.gif and run.json (docs/formats/motion.md).

The folder appears complete or not at all. motion.npz holds plain arrays, stored without compression and with fixed
time stamps: equal motions give equal bytes on every machine.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import as_output_error, atomic_file, atomic_folder
from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.resample import continuous
from motion_preprocessing.rotations import matrix_from_quaternion, quaternion_from_matrix
from motion_preprocessing.skeleton import JOINT_NAMES, PARENTS, REST_OFFSETS_M
from motion_runtime.bvh_writer import write_bvh
from motion_runtime.motion import Motion
from motion_runtime.preview import render_contact_sheet, render_preview

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

FORMAT_VERSION: Final = 1

OWN_FILES: Final = ("motion.npz", "person_*.bvh", "preview.gif", "contact_sheet.png", "run.json")
"""All that a sample's folder may hold if it is to be overwritten: somebody's other files are never removed."""

_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def write_sample(
    folder: Path,
    motion: Motion,
    scene: Scene | None,
    run_info: Mapping[str, Any],
    *,
    overwrite: bool = False,
    preview: bool = True,
) -> None:
    """Write a sample's folder, whole or not at all.

    Args:
        folder: Folder to make; its parents are made too.
        motion: The motion.
        scene: The room it takes place in, drawn in the preview; None = an empty one.
        run_info: What run.json says (bundle, provider, timings, metrics ...); plain JSON values, no NaN.
        overwrite: Replace an existing sample's folder.
        preview: Draw preview.gif and contact_sheet.png as well.

    Raises:
        OutputError: The folder exists (and holds more than a sample, if `overwrite`), or could not be written.
    """
    folder = Path(folder)
    if overwrite:
        with as_output_error(folder):
            names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        foreign = [name for name in names if not any(fnmatch(name, own) for own in OWN_FILES)]
        if foreign:
            raise OutputError(
                f"expected nothing but a sample's files, got '{foreign[0]}' in {folder} for --overwrite; "
                "choose another place or move it away"
            )
    info = json.dumps(dict(run_info), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        write_motion(temporary / "motion.npz", motion)
        for person in range(motion.persons):
            write_bvh(
                temporary / f"person_{person}.bvh",
                motion.local_rotations[person],
                motion.root_position_m[person],
                motion.fps,
            )
        if preview:
            render_preview(temporary / "preview.gif", motion, scene)
            render_contact_sheet(temporary / "contact_sheet.png", motion, scene)
        (temporary / "run.json").write_text(info, encoding="utf-8")


def write_motion(path: Path, motion: Motion) -> None:
    """Write motion.npz; `docs/formats/motion.md` says what each array holds.

    Raises:
        OutputError: The file could not be written.
    """
    arrays: dict[str, NDArray[Any]] = {
        "format_version": np.array(FORMAT_VERSION, dtype=np.int32),
        "joints_m": np.ascontiguousarray(motion.joints_m, dtype=np.float32),
        "local_rotations_wxyz": _continuous(quaternion_from_matrix(motion.local_rotations.astype(np.float64))),
        "root_position_m": np.ascontiguousarray(motion.root_position_m, dtype=np.float32),
        "fps": np.array(motion.fps, dtype=np.float64),
        "person_classes": np.array(motion.person_classes, dtype=np.str_),
        "prompts": np.array(motion.prompts, dtype=np.str_),
        "seed": np.array(motion.seed, dtype=np.uint64),
        "sample": np.array(motion.sample, dtype=np.int64),
        "sampler": np.array(motion.sampler, dtype=np.str_),
        "steps": np.array(motion.steps, dtype=np.int64),
        "guidance": np.array(motion.guidance, dtype=np.float64),
        "room_from_canonical": np.ascontiguousarray(motion.room_from_canonical, dtype=np.float64),
        "joint_names": np.array(JOINT_NAMES, dtype=np.str_),
        "joint_parents": np.array(PARENTS, dtype=np.int32),
        "rest_offsets_m": np.array(REST_OFFSETS_M, dtype=np.float64),
    }
    with atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            # Little-endian and C order whatever the machine; object arrays would need pickle and are refused.
            np.lib.format.write_array(
                buffer, array.astype(array.dtype.newbyteorder("<"), order="C", copy=False), allow_pickle=False
            )
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_ZIP_EPOCH)
            entry.create_system = 3  # the default differs between Windows and the rest
            archive.writestr(entry, buffer.getvalue())


def read_motion(path: Path) -> Motion:
    """Read what `write_motion` wrote. Joint positions are taken as stored, rotations come back from quaternions.

    Raises:
        InputError: The file is missing, broken, or of another format version.
    """
    try:
        # Opened here: numpy leaves a broken archive's file open.
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
        if int(stored["format_version"]) != FORMAT_VERSION:
            raise InputError(
                f"expected format version {FORMAT_VERSION}, got {int(stored['format_version'])} for {path}; "
                "use the release that wrote it"
            )
        return Motion(
            joints_m=stored["joints_m"],
            local_rotations=matrix_from_quaternion(stored["local_rotations_wxyz"].astype(np.float64)).astype(np.float32),
            root_position_m=stored["root_position_m"],
            fps=float(stored["fps"]),
            person_classes=tuple(str(name) for name in stored["person_classes"]),
            prompts=tuple(str(text) for text in stored["prompts"]),
            seed=int(stored["seed"]),
            sample=int(stored["sample"]),
            sampler=str(stored["sampler"]),
            steps=int(stored["steps"]),
            guidance=float(stored["guidance"]),
            room_from_canonical=stored["room_from_canonical"],
        )
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile, IndexError) as error:
        reason = " ".join(str(error).split()) or "nothing in it"
        raise InputError(f"expected a motion.npz, got '{reason}' for {path}; make it anew") from error


def motion_from_rotations(
    local_rotations: NDArray[np.floating[Any]],
    root_position_m: NDArray[np.floating[Any]],
    fps: float,
    *,
    person_classes: tuple[str, ...] = (),
    prompts: tuple[str, ...] = (),
    seed: int = 0,
) -> Motion:
    """Make a `Motion` of recorded or synthetic rotations (P, T, 22, 3, 3) and root positions (P, T, 3)."""
    rotations = np.asarray(local_rotations, dtype=np.float64)
    root = np.asarray(root_position_m, dtype=np.float64)
    joints, _ = forward_kinematics(rotations, root)
    people = len(root)
    return Motion(
        joints_m=joints.astype(np.float32),
        local_rotations=rotations.astype(np.float32),
        root_position_m=root.astype(np.float32),
        fps=fps,
        person_classes=person_classes or ("person",) * people,
        prompts=prompts or ("",) * people,
        seed=seed,
    )


def _continuous(quaternions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Choose signs (P, T, 22, 4) so that neighbouring frames are less than half a turn apart: safe to interpolate."""
    frames_first = continuous(np.swapaxes(quaternions, 0, 1))
    return np.ascontiguousarray(np.swapaxes(frames_first, 0, 1), dtype=np.float32)
