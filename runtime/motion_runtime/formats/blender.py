"""FBX and USD by way of Blender: the .glb is handed to a Blender that the user has, run without a window."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path
from typing import Final

from motion_preprocessing.atomic_output import as_output_error, atomic_file
from motion_preprocessing.errors import OutputError
from motion_runtime.formats.programs import find_program, last_words

VARIABLE: Final = "BLENDER"
"""Environment variable with the program's path, for a Blender that is not on PATH."""
_FAILED: Final = 9
"""Exit code that Blender is told to end with when the script raises."""


def find_blender(wanted_for: str) -> str:
    """Return the path of Blender's program.

    Raises:
        MissingExtraError: There is none.
    """
    return find_program("Blender", "blender", VARIABLE, wanted_for, " 4.2 or newer")


def convert_glb(program: str, glb: bytes, path: Path, fps: float, frames: int) -> None:
    """Have Blender read a .glb and write it as `path` says: .fbx, .usd, .usdc or .usda.

    Args:
        program: Blender.
        glb: Content of the .glb.
        path: File to write; an existing one is replaced.
        fps: Frames a second of the animation.
        frames: How many.

    Raises:
        OutputError: Blender failed or wrote nothing.
    """
    script = resources.files("motion_runtime.formats") / "blender_script.py"
    with as_output_error(path), tempfile.TemporaryDirectory(prefix="scene-motion-") as made:
        folder = Path(made)
        (folder / "motion.glb").write_bytes(glb)
        written = folder / f"written{path.suffix}"
        with resources.as_file(script) as script_path:
            command = [
                program, "--background", "--factory-startup", "--python-exit-code", str(_FAILED),
                "--python", str(script_path), "--",
                str(folder / "motion.glb"), str(written), repr(float(fps)), str(frames),
            ]  # fmt: skip
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
            )
        if done.returncode or not written.is_file() or not written.stat().st_size:
            raise OutputError(
                f"expected Blender to write {path.name}, got exit code {done.returncode} and "
                f"'{last_words(done.stderr or done.stdout)}' for {program}; use Blender 4.2 or newer, or take the .glb"
            )
        with atomic_file(path) as temporary:
            shutil.copyfile(written, temporary)
