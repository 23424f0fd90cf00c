"""The preview as an MP4 by way of ffmpeg: frames are piped to a program that the user has, one after the other.

H.264 where that ffmpeg has it, else MPEG-4 part 2; 4:2:0 as every player takes it, in the colours of ITU-R BT.709.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import click

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.errors import MissingExtraError, OutputError
from motion_runtime.formats.programs import find_program, last_words
from motion_runtime.motion import Motion
from motion_runtime.preview import BODY, PREVIEW_SIZE, Pixels, preview_frames

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

FORMAT: Final = "mp4"
VARIABLE: Final = "MOTION_FFMPEG"
"""Environment variable with the program's path, for an ffmpeg that is not on PATH."""
_ENCODERS: Final[dict[str, tuple[str, ...]]] = {
    "libx264": ("-crf", "20"),
    "libopenh264": ("-b:v", "2M"),
    "mpeg4": ("-q:v", "3"),
}
"""Encoders that need no graphics card, the best first, each with what sets its quality."""


class Ffmpeg(NamedTuple):
    """An ffmpeg that was found."""

    program: str
    """Its path."""
    encoder: str
    """The best of `_ENCODERS` that it has."""


def find_ffmpeg() -> Ffmpeg:
    """Find an ffmpeg and what it can do.

    Raises:
        MissingExtraError: There is none, or it has no encoder that is known to play everywhere.
    """
    program = find_program("ffmpeg", "ffmpeg", VARIABLE, FORMAT)
    with suppress(OSError):  # what cannot be run has no encoder
        command = [program, "-hide_banner", "-encoders"]
        listed = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).stdout
        has = re.findall(r"^\s*V\S{5}\s+(\S+)", listed.decode("utf-8", "replace"), re.MULTILINE)
        for encoder in _ENCODERS:
            if encoder in has:
                return Ffmpeg(program, encoder)
    raise MissingExtraError(
        f"expected an ffmpeg with one of {', '.join(_ENCODERS)}, got none of them for {program}; "
        f"install another one or set {VARIABLE} to its program"
    )


def with_video(formats: str) -> str:
    """Add the video to formats separated by commas; without ffmpeg say so on stderr and return them as they are."""
    try:
        find_ffmpeg()
    except MissingExtraError as error:
        click.echo(f"warning: {error}; preview.gif is drawn in its place", err=True)
        return formats
    return f"{formats},{FORMAT}"


def render_video(
    path: Path,
    motion: Motion,
    scene: Scene | None = None,
    *,
    size: tuple[int, int] = PREVIEW_SIZE,
    style: str = BODY,
) -> None:
    """Write an MP4 with every frame of a motion.

    Args:
        path: File to write; an existing one is replaced.
        motion: The motion.
        scene: The room; None = a plain floor.
        size: Width and height in pixels; odd ones grow by one, since colours are stored for squares of four pixels.
        style: 'body' or 'stick', as in `render_preview`.

    Raises:
        InputError: The motion holds NaN or infinity.
        MissingExtraError: There is no ffmpeg.
        OutputError: ffmpeg failed, or the file could not be written.
    """
    ffmpeg = find_ffmpeg()
    even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
    frames = preview_frames(motion, scene, size=even, fps=motion.fps, style=style)
    with atomic_file(path) as temporary:
        _encode(ffmpeg, frames, even, motion.fps, temporary, path.name)


def _encode(
    ffmpeg: Ffmpeg, frames: Iterable[Pixels], size: tuple[int, int], fps: float, path: Path, shown_name: str
) -> None:
    program, encoder = ffmpeg
    command = [
        program, "-hide_banner", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{size[0]}x{size[1]}", "-framerate", f"{fps:g}",
        "-i", "pipe:0",
        # Players take a small video for BT.601 and a large one for BT.709 unless it says which it is.
        "-vf", "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int",
        "-pix_fmt", "yuv420p",
        "-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
        "-c:v", encoder, *_ENCODERS[encoder], "-movflags", "+faststart", "-f", "mp4", str(path),
    ]  # fmt: skip
    # Into a file: a pipe that nobody reads while frames are written would stop both programs.
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        assert process.stdin is not None
        try:
            taken = all(_takes(process.stdin, frame) for frame in frames)
        except BaseException:
            process.kill()
            raise
        finally:
            with suppress(OSError):
                process.stdin.close()
            code = process.wait()
        said.seek(0)
        words = last_words(said.read().decode("utf-8", "replace"))
    if code or not taken or not path.stat().st_size:
        raise OutputError(
            f"expected ffmpeg to write {shown_name}, got exit code {code} and '{words}' for {program} with {encoder}; "
            f"set {VARIABLE} to another ffmpeg, or take the GIF"
        )


def _takes(pipe: IO[bytes], frame: Pixels) -> bool:
    """Write a frame; False where the program gave up, which its exit code and last words explain.

    It closed its end of the pipe then: a `BrokenPipeError`, but on Windows a plain `OSError` with EINVAL.
    """
    try:
        pipe.write(frame.tobytes())
    except OSError:
        return False
    return True
