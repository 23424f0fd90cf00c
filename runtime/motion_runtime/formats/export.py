"""Writes a motion in any of the formats of `names.FORMATS`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from motion_preprocessing.bodies.body_model import BodyModel
from motion_preprocessing.scene import Scene
from motion_runtime.bvh_writer import write_bvh
from motion_runtime.formats import label_files, skeleton_files, smpl_files, view_files
from motion_runtime.formats.blender import check_blender, convert_glb, find_blender
from motion_runtime.formats.camera import camera_for
from motion_runtime.formats.glb import glb_bytes, write_glb
from motion_runtime.formats.motion_file import write_motion
from motion_runtime.formats.names import CAMERA_FILE, CAMERAS_FILE, FORMATS
from motion_runtime.formats.room import Room, room_of
from motion_runtime.formats.room_mesh import room_of_mesh
from motion_runtime.formats.skin import Skin, built_in_skin, skin_of
from motion_runtime.formats.video import find_ffmpeg, render_video
from motion_runtime.motion import Motion
from motion_runtime.preview import BODY
from motion_runtime.views.camera_file import cameras_text
from motion_runtime.views.sight import View, look
from motion_runtime.views.view_camera import ViewCamera
from motion_runtime.wheelchair_view import Wheelchair, wheelchairs_of

_JOINTS_OF: Final = {"amass": 52, "amass-smplx": 55, "smpl": 24}
"""Joints of the body model that each kind of parameters is for."""


@dataclass(frozen=True)
class Export:
    """A motion with what is needed around it; the room and the body are worked out once, when first asked for."""

    motion: Motion
    name: str = "motion"
    """What label tables call it."""
    scene: Scene | None = None
    body: BodyModel | None = None
    """A body of the SMPL family in place of the built-in one; videos show that one nevertheless."""
    style: str = BODY
    """'body' or 'stick': how people are drawn in a video."""
    cameras: tuple[ViewCamera, ...] = ()
    """Cameras of one's own; without, a still one in front sees what has to be seen by one."""

    @cached_property
    def room(self) -> Room | None:
        """The room as it is drawn: the triangles of a mesh, else points."""
        if self.scene is None:
            return None
        return room_of(self.scene) if self.scene.mesh is None else room_of_mesh(self.scene, self.scene.mesh)

    @cached_property
    def chairs(self) -> list[Wheelchair]:
        """The wheelchairs that people are pushed in and the room does not show."""
        return wheelchairs_of(self.motion, self.scene)

    @cached_property
    def skin(self) -> Skin:
        """The body as it is drawn."""
        return built_in_skin() if self.body is None else skin_of(self.body)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """What the cameras see; the still one may stand behind a wall, so nothing of the room hides anybody from it."""
        skin = None if self.body is None else self.skin
        if self.cameras:
            return look(self.motion, self.cameras, self.scene, skin)
        return look(self.motion, (camera_for(self.motion).as_view(),), None, skin)

    @property
    def seen(self) -> tuple[View, ...]:
        """What the cameras of one's own see, as far as what was written holds it."""
        looked: tuple[View, ...] = self.__dict__.get("views", ())
        return looked if self.cameras else ()

    def write(self, folder: Path, formats: Sequence[str]) -> None:
        """Write files into an existing folder.

        Raises:
            MissingExtraError: A format needs another program, which is not found.
            OutputError: A file could not be written.
        """
        for name in formats:
            _WRITERS[name](self, folder)

    def _body_for(self, name: str) -> BodyModel | None:
        """The given body where it is of the kind that these parameters are for."""
        return self.body if self.body is not None and self.body.joint_count == _JOINTS_OF[name] else None


def check_programs(formats: Sequence[str]) -> None:
    """Find out before any work whether what the formats need is there.

    Raises:
        MissingExtraError: Another program is needed and not found, or cannot do what the format needs.
    """
    for name in formats:
        if FORMATS[name].needs == "Blender":
            check_blender(name, Path(FORMATS[name].files[0]).suffix)
        elif FORMATS[name].needs:
            find_ffmpeg()


def _bvh(export: Export, folder: Path) -> None:
    motion = export.motion
    for person in range(motion.persons):
        path = folder / f"person_{person}.bvh"
        write_bvh(path, motion.local_rotations[person], motion.root_position_m[person], motion.fps)


def _people(name: str, suffix: str, arrays_of: Callable[..., smpl_files.Arrays]) -> Callable[[Export, Path], None]:
    def write(export: Export, folder: Path) -> None:
        smpl_files.write_people(folder, export.motion, suffix, arrays_of, export._body_for(name))

    return write


def _still_camera(export: Export, folder: Path) -> None:
    text = json.dumps(camera_for(export.motion).as_dict(), indent=1)
    label_files.write_text(folder / CAMERA_FILE, f"{text}\n")


def _cameras(export: Export, folder: Path) -> None:
    label_files.write_text(folder / CAMERAS_FILE, cameras_text(view.camera for view in export.views))


def _pyskl(export: Export, folder: Path) -> None:
    skeleton_files.write_pyskl(folder / "pyskl.pkl", export.motion, export.name)
    _still_camera(export, folder)


def _in_views(write: Callable[[Path, Motion, str, Sequence[View]], None], file: str) -> Callable[[Export, Path], None]:
    def write_both(export: Export, folder: Path) -> None:
        write(folder / file, export.motion, export.name, export.views)
        _cameras(export, folder)

    return write_both


def _ava(export: Export, folder: Path) -> None:
    views = export.views if export.cameras else ()
    label_files.write_text(folder / "ava.csv", label_files.ava_csv(export.motion, export.name, views))
    label_files.write_text(folder / "ava_actions.pbtxt", label_files.ava_label_map())
    (_cameras if export.cameras else _still_camera)(export, folder)


def _ntu_text(export: Export, folder: Path) -> None:
    if export.cameras:
        for view in export.views:
            skeleton_files.write_ntu_text(folder / f"ntu25_{view.camera.name}.skeleton", export.motion, view)
        _cameras(export, folder)
    else:
        skeleton_files.write_ntu_text(folder / "ntu25.skeleton", export.motion)
        _still_camera(export, folder)


def _through_blender(name: str, file: str) -> Callable[[Export, Path], None]:
    def write(export: Export, folder: Path) -> None:
        program = find_blender(name)
        content = glb_bytes(export.motion, export.room, export.skin, export.chairs)
        convert_glb(program, content, folder / file, export.motion.fps, export.motion.frames)

    return write


_WRITERS: Final[dict[str, Callable[[Export, Path], None]]] = {
    "npz": lambda export, folder: write_motion(folder / "motion.npz", export.motion),
    "bvh": _bvh,
    "glb": lambda export, folder: write_glb(
        folder / "motion.glb", export.motion, export.room, export.skin, export.chairs
    ),
    "amass": _people("amass", "smplh", smpl_files.amass_smplh),
    "amass-smplx": _people("amass-smplx", "smplx", smpl_files.amass_smplx),
    "smpl": _people("smpl", "smpl", smpl_files.smpl),
    "coco": lambda export, folder: skeleton_files.write_coco(folder / "coco17.npz", export.motion),
    "ntu": lambda export, folder: skeleton_files.write_ntu(folder / "ntu25.npz", export.motion),
    "ntu-text": _ntu_text,
    "pyskl": _pyskl,
    "coco-2d": _in_views(view_files.write_coco_2d, "coco_keypoints.json"),
    "ntu-2d": _in_views(view_files.write_ntu_2d, "ntu_keypoints.json"),
    "pyskl-2d": _in_views(view_files.write_pyskl_2d, "pyskl_2d.pkl"),
    "omnifall": lambda export, folder: label_files.write_text(
        folder / "omnifall.csv", label_files.omnifall_csv(export.motion, export.name)
    ),
    "ava": _ava,
    "mp4": lambda export, folder: render_video(folder / "preview.mp4", export.motion, export.scene, style=export.style),
    "fbx": _through_blender("fbx", "motion.fbx"),
    "usd": _through_blender("usd", "motion.usdc"),
}
assert _WRITERS.keys() == FORMATS.keys()
