"""MP4 through ffmpeg, with a stand-in that says what it was asked and counts what it is given, and the real one."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from click.testing import CliRunner, Result

from motion_preprocessing.errors import MissingExtraError, OutputError
from motion_runtime.cli import main
from motion_runtime.convert_cli import main as convert_main
from motion_runtime.formats import video
from motion_runtime.formats.export import check_programs
from motion_runtime.motion import Motion
from motion_runtime.preview import preview_frames
from motion_runtime.writer import write_motion

REAL = shutil.which("ffmpeg")
TOY = Path(__file__).parents[1] / "toy_bundle"
QUICK = ("--bundle", TOY, "--provider", "cpu", "--seconds", "0.5", "--prompt", "walks")
ENCODERS = "Encoders:\n V..... = Video\n ------\n V....D {}    an encoder\n A....D aac    sound\n"


@pytest.fixture
def stand_in(make_program: Callable[[str, str, str], Path]) -> Path:
    """Beside `do` there is a file `has`, which says what the program can."""
    place = make_program(
        "ffmpeg",
        "MOTION_FFMPEG",
        "if sys.argv[-1] == '-encoders':\n    print((place / 'has').read_text())\n    sys.exit()\n"
        "(place / 'asked').write_text(json.dumps(sys.argv[1:]))\n"
        "do = (place / 'do').read_text()\n"
        "if do == 'fail':\n"
        "    sys.stderr.write('x' * 200000 + '\\nConversion\\tfailed!\\n')\n    sys.exit(69)\n"
        "given = sys.stdin.buffer.read()\n"
        "(place / 'given').write_bytes(given)\n"
        "if do == 'write':\n    pathlib.Path(sys.argv[-1]).write_bytes(b'video')\n",
    )
    (place / "has").write_text(ENCODERS.format("libx264"))
    return place


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without ffmpeg."""
    monkeypatch.delenv("MOTION_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_every_frame_goes_through_the_pipe(tmp_path: Path, stand_in: Path, pair: Motion) -> None:
    video.render_video(tmp_path / "v.mp4", pair, size=(161, 119), style="stick")
    assert (tmp_path / "v.mp4").read_bytes() == b"video"
    asked = json.loads((stand_in / "asked").read_text())
    told = dict(zip(asked, asked[1:], strict=False))
    assert (told["-video_size"], told["-framerate"], told["-pixel_format"]) == ("162x120", "20", "rgb24")
    assert told["-pix_fmt"] == "yuv420p"
    frames = list(preview_frames(pair, size=(162, 120), fps=20.0, style="stick"))
    assert len(frames) == pair.frames
    assert (stand_in / "given").read_bytes() == b"".join(frame.tobytes() for frame in frames)


@pytest.mark.parametrize(
    ("has", "chosen"), [("libx264", "libx264"), ("libopenh264", "libopenh264"), ("mpeg4", "mpeg4")]
)
def test_h264_where_there_is_one_else_mpeg4(stand_in: Path, has: str, chosen: str) -> None:
    (stand_in / "has").write_text(ENCODERS.format("mpeg4") + ENCODERS.format(has))
    assert video.find_ffmpeg() == (str(stand_in / "ffmpeg"), chosen)


def test_an_ffmpeg_without_encoders_is_none(stand_in: Path) -> None:
    (stand_in / "has").write_text(ENCODERS.format("h264_nvenc"))
    with pytest.raises(MissingExtraError, match="^expected an ffmpeg with one of libx264.*to its program$"):
        check_programs(["mp4"])
    (stand_in / "ffmpeg").write_bytes(b"\x00 no program")
    with pytest.raises(MissingExtraError, match="^expected an ffmpeg with one of"):
        check_programs(["mp4"])


@pytest.mark.parametrize(
    ("does", "said"), [("fail", "exit code 69 and 'Conversion failed!'"), ("", "exit code 0 and 'nothing said'")]
)
def test_an_ffmpeg_that_fails_is_one_line_and_leaves_nothing(
    tmp_path: Path, stand_in: Path, pair: Motion, does: str, said: str
) -> None:
    (stand_in / "do").write_text(does)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(OutputError, match="^expected ffmpeg to write v.mp4[^\n]*$") as caught:
        video.render_video(out / "v.mp4", pair, size=(320, 240), style="stick")
    assert said in str(caught.value)
    assert not list(out.iterdir())


@pytest.mark.parametrize(
    ("does", "said"), [("fail", "exit code 69 and 'Conversion failed!'"), ("write", "exit code 0 and 'nothing said'")]
)
def test_a_pipe_that_breaks_as_on_windows_keeps_the_programs_words(
    tmp_path: Path, stand_in: Path, pair: Motion, monkeypatch: pytest.MonkeyPatch, does: str, said: str
) -> None:
    """There a write to a pipe whose other end is closed is no BrokenPipeError."""

    class Broken(io.BytesIO):
        def __init__(self, pipe: IO[bytes]) -> None:
            super().__init__()
            self.pipe = pipe

        def write(self, _: object) -> int:
            raise OSError(errno.EINVAL, "Invalid argument")

        def close(self) -> None:
            self.pipe.close()

    class Windows(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            assert self.stdin is not None
            self.stdin = Broken(self.stdin)

    (stand_in / "do").write_text(does)
    ffmpeg = video.find_ffmpeg()
    monkeypatch.setattr(video, "find_ffmpeg", lambda: ffmpeg)
    monkeypatch.setattr(subprocess, "Popen", Windows)
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="^expected ffmpeg to write v.mp4[^\n]*$") as caught:
        video.render_video(tmp_path / "out" / "v.mp4", pair, size=(320, 240), style="stick")
    assert said in str(caught.value)
    assert not list((tmp_path / "out").iterdir())


def test_an_interrupted_video_leaves_neither_file_nor_program(
    tmp_path: Path, stand_in: Path, pair: Motion, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Watched(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            started.append(self)

    def interrupted(*_: object, **__: object) -> object:
        yield np.zeros((480, 640, 3), np.uint8)
        raise KeyboardInterrupt

    ffmpeg = video.find_ffmpeg()
    monkeypatch.setattr(video, "find_ffmpeg", lambda: ffmpeg)
    monkeypatch.setattr(subprocess, "Popen", Watched)
    monkeypatch.setattr(video, "preview_frames", interrupted)
    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        video.render_video(tmp_path / "out" / "v.mp4", pair)
    assert [process.returncode for process in started] == [-9]
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("asked", [("--preview", "mp4"), ("--formats", "npz,bvh,mp4")])
def test_the_video_takes_the_gifs_place(tmp_path: Path, asked: tuple[str, ...]) -> None:
    result = run(*QUICK, *asked, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    sample = tmp_path / "out" / "sample_000"
    names = {path.name for path in sample.iterdir()}
    assert names == {"motion.npz", "person_0.bvh", "preview.mp4", "contact_sheet.png", "run.json"}
    assert f"{sample / 'preview.mp4'} in a video player" in result.stdout.splitlines()[-1]
    # It counts as a file of a sample: the next run may replace it.
    again = run(*QUICK, "--no-preview", "--out", tmp_path / "out", "--overwrite")
    assert again.exit_code == 0, again.output


@pytest.mark.usefixtures("nowhere")
def test_without_ffmpeg_a_preview_is_a_gif_and_a_format_an_error(tmp_path: Path) -> None:
    result = run(*QUICK, "--preview", "mp4", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stderr == (
        "warning: expected ffmpeg, got none on PATH for the format mp4; install ffmpeg or set MOTION_FFMPEG to its "
        "program; preview.gif is drawn in its place\n"
    )
    names = {path.name for path in (tmp_path / "out" / "sample_000").iterdir()}
    assert names == {"motion.npz", "person_0.bvh", "preview.gif", "contact_sheet.png", "run.json"}
    asked = run(*QUICK, "--formats", "mp4", "--out", tmp_path / "none")
    assert asked.exit_code == 3
    assert asked.stderr.startswith("error: expected ffmpeg, got none on PATH")
    assert not (tmp_path / "none").exists()


def test_convert_makes_it_too(tmp_path: Path, stand_in: Path, pair: Motion) -> None:
    write_motion(tmp_path / "motion.npz", pair)
    arguments = [str(tmp_path / "motion.npz"), "--to", "mp4", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(convert_main, arguments)
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["preview.mp4"]
    assert len((stand_in / "given").read_bytes()) == pair.frames * 640 * 480 * 3


@pytest.fixture(params=["libx264", "mpeg4"])
def real(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> video.Ffmpeg:
    """The ffmpeg on PATH with one of its encoders; skips where there is none."""
    monkeypatch.delenv("MOTION_FFMPEG", raising=False)
    if REAL is None:
        pytest.skip("there is no ffmpeg on PATH")
    found = video.find_ffmpeg()
    if request.param not in (found.encoder, "mpeg4"):
        pytest.skip("this ffmpeg has no such encoder")
    chosen = video.Ffmpeg(found.program, request.param)
    monkeypatch.setattr(video, "find_ffmpeg", lambda: chosen)
    return chosen


def decoded(program: str, path: Path, width: int, height: int) -> np.ndarray:
    """Frames (T, H, W, 3) of a video, its colours taken for those of BT.709."""
    to_rgb = "scale=in_color_matrix=bt709:flags=bicubic+accurate_rnd+full_chroma_int"
    command = [program, "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-vf", to_rgb, "pipe:1"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3).astype(np.float64)


def test_the_real_ffmpeg_writes_what_was_drawn(tmp_path: Path, pair: Motion, real: video.Ffmpeg) -> None:
    path = tmp_path / "v.mp4"
    video.render_video(path, pair, size=(321, 240), style="stick")
    about = subprocess.run([real.program, "-i", path], capture_output=True, text=True, check=False).stderr
    # MPEG-4 part 2 has no place for the standard of its colours.
    assert ("yuv420p" if real.encoder == "mpeg4" else "yuv420p(tv, bt709") in about
    assert "322x240" in about
    assert "20 fps" in about
    shown = decoded(real.program, path, 322, 240)
    drawn = np.stack(list(preview_frames(pair, size=(322, 240), fps=20.0, style="stick"))).astype(np.float64)
    assert shown.shape == drawn.shape
    assert 10 * np.log10(255**2 / np.mean((shown - drawn) ** 2)) > 35


def test_colours_keep_their_values(
    tmp_path: Path, pair: Motion, real: video.Ffmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    colors = np.array([(58, 110, 200), (220, 120, 40), (40, 160, 80), (248, 249, 251)], np.uint8)
    frame = np.tile(np.repeat(colors, 80, axis=0), (240, 1, 1))
    monkeypatch.setattr(video, "preview_frames", lambda *_, **__: [frame] * 4)
    video.render_video(tmp_path / "v.mp4", pair, size=(320, 240))
    shown = decoded(real.program, tmp_path / "v.mp4", 320, 240)
    middles = shown[:, 20:-20].reshape(4, 200, 4, 80, 3)[:, :, :, 20:60].mean(axis=(0, 1, 3))
    # Written by one standard and read by another, the first three would be off by 9 to 20.
    np.testing.assert_allclose(middles, colors, atol=3.0)


def test_it_is_found_on_the_path(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOTION_FFMPEG")
    monkeypatch.setenv("PATH", f"{stand_in}{os.pathsep}{os.environ['PATH']}")
    assert video.find_ffmpeg().program == str(stand_in / "ffmpeg")
