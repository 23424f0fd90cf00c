"""Which formats there are, by name: kept apart from what writes them, so that `--help` answers at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from motion_preprocessing.errors import InputError


class Format(NamedTuple):
    """One kind of output."""

    files: tuple[str, ...]
    """Patterns of the files that it writes."""
    summary: str
    needs: str = ""
    """A program of others that has to be found, if any."""


CAMERA_FILE: Final = "camera.json"
CAMERA_SUMMARY: Final = "the still camera by which boxes, text and pickle are seen"
CAMERAS_FILE: Final = "cameras.json"
CAMERAS_SUMMARY: Final = "the cameras by which keypoints and boxes are seen, in the frame of the room"
BY_CAMERAS: Final = ("coco-2d", "ntu-2d", "pyskl-2d", "ntu-text", "ava")
"""Formats that hold what the cameras see which one gives; without any, what a still camera in front does."""
FORMATS: Final[dict[str, Format]] = {
    "npz": Format(("motion.npz",), "the motion as arrays, the format of this project"),
    "bvh": Format(("person_*.bvh",), "a skeleton a person for Blender, Maya, Unreal ...; Y up, centimetres"),
    "glb": Format(("motion.glb",), "everybody skinned and the room, animated, for browsers, Blender, Unity ..."),
    "amass": Format(("person_*_smplh.npz",), "arrays of AMASS for SMPL-H, one file a person"),
    "amass-smplx": Format(("person_*_smplx.npz",), "arrays of AMASS for SMPL-X, one file a person"),
    "smpl": Format(("person_*_smpl.npz",), "arguments of SMPL in the package smplx, one file a person"),
    "coco": Format(("coco17.npz",), "the 17 keypoints of COCO in 3D, metres"),
    "ntu": Format(("ntu25.npz",), "the 25 joints of NTU RGB+D, metres"),
    "ntu-text": Format(
        ("ntu25.skeleton", "ntu25_*.skeleton", CAMERA_FILE), "the same as text of NTU RGB+D, seen by a camera"
    ),
    "pyskl": Format(("pyskl.pkl", CAMERA_FILE), "pickle for PYSKL and MMAction2, 25 joints, one class a clip"),
    "coco-2d": Format(("coco_keypoints.json", CAMERAS_FILE), "JSON of COCO: keypoints, visibility, boxes in cameras"),
    "ntu-2d": Format(("ntu_keypoints.json", CAMERAS_FILE), "the same of the 25 joints of NTU RGB+D"),
    "pyskl-2d": Format(("pyskl_2d.pkl", CAMERAS_FILE), "pickle for PYSKL: 17 keypoints in cameras, with scores"),
    "omnifall": Format(("omnifall.csv",), "who does what from when to when, in the 16 classes of OmniFall"),
    "ava": Format(("ava.csv", "ava_actions.pbtxt", CAMERA_FILE), "table of AVA: a box and a class a second and person"),
    "mp4": Format(("preview.mp4",), "the motion in its room as a video, through ffmpeg", needs="ffmpeg"),
    "fbx": Format(("motion.fbx",), "the .glb as FBX, through Blender", needs="Blender"),
    "usd": Format(("motion.usdc",), "the .glb as USD, through Blender", needs="Blender"),
}
_MEANT: Final = {
    "gltf": "glb", "vrm": "glb", "usda": "usd", "usdc": "usd", "usdz": "usd", "smplx": "amass-smplx", "smplh": "amass",
    "smpl-x": "amass-smplx", "smpl-h": "amass", "numpy": "npz", "video": "mp4", "gif": "mp4", "avi": "mp4",
    "skeleton": "ntu-text", "pkl": "pyskl", "pickle": "pyskl", "csv": "omnifall", "json": "coco-2d",
}  # fmt: skip
"""What formats are called that have another name here, or are not written but are like one that is."""
ALL: Final = "all"
"""Stands for every format that needs no other program."""


def parse_formats(text: str) -> tuple[str, ...]:
    """Turn 'glb,bvh' into names, each once, in the order given.

    Raises:
        InputError: A name is unknown, or there is none.
    """
    names = [part.strip().lower() for part in text.split(",") if part.strip()]
    every = [name for name, kind in FORMATS.items() if not kind.needs]
    names = [name for part in names for name in (every if part == ALL else [part])]
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        meant = next((_MEANT[name] for name in unknown if name in _MEANT), None)
        raise InputError(
            f"expected some of {', '.join(FORMATS)} or {ALL}, got '{unknown[0] if unknown else text}' for the formats; "
            + ("separate them by commas" if meant is None else f"take '{meant}', or separate others by commas")
        )
    return tuple(dict.fromkeys(names))


def check_by_cameras(formats: Sequence[str]) -> None:
    """Find out whether any of the formats has a use for cameras.

    Raises:
        InputError: None has.
    """
    if not set(formats) & set(BY_CAMERAS):
        raise InputError(
            f"expected one of {', '.join(BY_CAMERAS)} for the formats beside cameras, got {', '.join(formats)}; add one"
        )


def files_of(names: Sequence[str]) -> tuple[str, ...]:
    """Patterns of all files of some formats."""
    return tuple(pattern for name in names for pattern in FORMATS[name].files)
