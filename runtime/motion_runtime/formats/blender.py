"""FBX and USD by way of Blender: the .glb is handed to a Blender that the user has, run without a window."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from motion_preprocessing.atomic_output import as_output_error, atomic_file
from motion_preprocessing.errors import MissingExtraError, OutputError
from motion_runtime.formats.blender_script import CHECK, READY
from motion_runtime.formats.programs import find_program, last_words

VARIABLE: Final = "BLENDER"
"""Environment variable with the program's path, for a Blender that is not on PATH."""
_FAILED: Final = 9
"""Exit code that Blender is told to end with when the script raises."""
_ANSWERS_S: Final = 120.0
"""A first start from a slow disk takes this long at most."""


def find_blender(wanted_for: str) -> str:
    """Return the path of Blender's program.

    Raises:
        MissingExtraError: There is none.
    """
    return find_program("Blender", "blender", VARIABLE, wanted_for, " 4.2 or newer")


def check_blender(wanted_for: str, suffix: str) -> None:
    """Ask Blender, which takes a second or two and is done once, whether it can read a .glb and write it as asked.

    Args:
        wanted_for: The format.
        suffix: That of its file, such as '.fbx'.

    Raises:
        MissingExtraError: There is no Blender, or it lacks what the format needs: those of Linux distributions may.
    """
    program = find_blender(wanted_for)
    lacks = _lacks(program, suffix)
    if lacks:
        raise MissingExtraError(
            f"expected a Blender that writes {suffix}, got '{lacks}' for {program}; install Blender 4.2 or newer, "
            f"set {VARIABLE} to its program, or take the .glb"
        )


@cache
def _lacks(program: str, suffix: str) -> str:
    """What Blender says that it cannot do; '' where it is ready."""
    try:
        done = _run(program, CHECK, suffix, timeout_s=_ANSWERS_S)
    except subprocess.TimeoutExpired:
        return f"no answer within {_ANSWERS_S:g} s"
    except OSError as error:
        return error.strerror or "an error"
    return "" if not done.returncode and READY in done.stdout else last_words(done.stderr or done.stdout)


def _run(program: str, *given: str, timeout_s: float | None = None) -> subprocess.CompletedProcess[str]:
    """Have Blender run the script."""
    with resources.as_file(resources.files("motion_runtime.formats") / "blender_script.py") as script:
        command = [
            program, "--background", "--factory-startup", "--python-exit-code", str(_FAILED),
            "--python", str(script), "--", *given,
        ]  # fmt: skip
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_s,
        )


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
    with as_output_error(path), tempfile.TemporaryDirectory(prefix="scene-motion-") as made:
        folder = Path(made)
        (folder / "motion.glb").write_bytes(glb)
        written = folder / f"written{path.suffix}"
        done = _run(program, str(folder / "motion.glb"), str(written), repr(float(fps)), str(frames))
        if done.returncode or not written.is_file() or not written.stat().st_size:
            raise OutputError(
                f"expected Blender to write {path.name}, got exit code {done.returncode} and "
                f"'{last_words(done.stderr or done.stdout)}' for {program}; use Blender 4.2 or newer, or take the .glb"
            )
        with atomic_file(path) as temporary:
            shutil.copyfile(written, temporary)
