"""One sample's output folder: motion.npz, the other formats asked for, pictures and run.json (docs/formats/motion.md).

The folder appears complete or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from motion_preprocessing.atomic_output import as_output_error, atomic_folder
from motion_preprocessing.errors import OutputError
from motion_runtime.formats.export import Export, check_programs
from motion_runtime.formats.motion_file import FORMAT_VERSION, motion_from_rotations, read_motion, write_motion
from motion_runtime.formats.names import FORMATS, files_of
from motion_runtime.motion import Motion
from motion_runtime.preview import BODY, render_contact_sheet, render_preview

if TYPE_CHECKING:
    from motion_preprocessing.bodies.body_model import BodyModel
    from motion_preprocessing.scene import Scene
    from motion_runtime.views.sight import View
    from motion_runtime.views.view_camera import ViewCamera

__all__ = ["FORMAT_VERSION", "OWN_FILES", "motion_from_rotations", "read_motion", "write_motion", "write_sample"]

DEFAULT_FORMATS: Final = ("npz", "bvh")

OWN_FILES: Final = (*files_of(tuple(FORMATS)), "preview.gif", "contact_sheet.png", "view.html", "run.json")
"""All that a sample's folder may hold if it is to be overwritten: somebody's other files are never removed."""


def write_sample(
    folder: Path,
    motion: Motion,
    scene: Scene | None,
    run_info: Mapping[str, Any],
    *,
    overwrite: bool = False,
    preview: bool = True,
    style: str = BODY,
    formats: Sequence[str] = DEFAULT_FORMATS,
    body: BodyModel | None = None,
    name: str = "",
    cameras: tuple[ViewCamera, ...] = (),
) -> tuple[View, ...]:
    """Write a sample's folder, whole or not at all.

    Args:
        folder: Folder to make; its parents are made too.
        motion: The motion.
        scene: The room it takes place in, drawn in the preview; None = an empty one.
        run_info: What run.json says (bundle, provider, timings, metrics ...); plain JSON values, no NaN.
        overwrite: Replace an existing sample's folder.
        preview: Draw contact_sheet.png and preview.gif as well; the latter is left out where formats ask for 'mp4'.
        style: 'body' or 'stick': how people are drawn in these and in a video.
        formats: Names of `formats.names.FORMATS`; motion.npz is always written.
        body: A body of the SMPL family for the formats that show or name one; None = the built-in one.
        name: What label tables call the clip; '' = the folder's name.
        cameras: Those of one's own, for formats that hold what a camera sees.

    Returns:
        What these cameras see; nothing where no format holds it.

    Raises:
        MissingExtraError: A format needs another program, which is not found.
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
    check_programs(formats)
    info = json.dumps(dict(run_info), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        write_motion(temporary / "motion.npz", motion)
        export = Export(motion, name or folder.name, scene, body, style, cameras)
        export.write(temporary, [name for name in formats if name != "npz"])
        if preview and "mp4" not in formats:
            render_preview(temporary / "preview.gif", motion, scene, style=style)
        if preview:
            render_contact_sheet(temporary / "contact_sheet.png", motion, scene, style=style)
        (temporary / "run.json").write_text(info, encoding="utf-8")
    return export.seen
