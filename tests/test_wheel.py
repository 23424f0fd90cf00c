"""The wheel, built and installed into a clean environment with the base dependencies alone, generates motion."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from motion_runtime.writer import read_motion

ROOT = Path(__file__).parents[1]
EXTRAS = ("torch", "scipy", "pyarrow", "onnx", "open_clip", "sklearn", "diffusers")

pytestmark = pytest.mark.slow


def call(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    words = [str(part) for part in command]
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd, timeout=900, check=False, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with nothing but the wheel and what it asks for; returns its folder of programs."""
    folder = tmp_path_factory.mktemp("wheel")
    isolation = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    call(sys.executable, "-m", "build", "--wheel", *isolation, "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=True)
    programs = folder / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    call(programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=folder)
    return programs


def test_the_base_install_is_light_and_whole(installed: Path, tmp_path: Path) -> None:
    script = (
        "import importlib.util, json, sys;"
        f"print(json.dumps([n for n in {EXTRAS!r} if importlib.util.find_spec(n)]))"
    )
    assert json.loads(call(installed / "python", "-c", script, cwd=tmp_path)) == []
    # The packages come from the wheel, not from the checkout.
    where = call(installed / "python", "-c", "import motion_runtime; print(motion_runtime.__file__)", cwd=tmp_path)
    assert str(installed.parent) in where


@pytest.mark.usefixtures("default_bundle")
def test_motion_run_generates_with_the_built_in_bundle(installed: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / "ward.ply", tmp_path)
    prompt = "a person walks forward, turns and sits down"
    said = call(installed / "motion-run", "--scene", "ward.ply", "--prompt", prompt, "--out", "out", cwd=tmp_path)
    assert "wrote 1 motion" in said
    motion = read_motion(tmp_path / "out" / "sample_000" / "motion.npz")
    assert motion.prompts == (prompt,)
    assert motion.seconds == 6.0
    assert (tmp_path / "out" / "sample_000" / "preview.gif").stat().st_size > 1000


def test_motion_run_generates_with_a_given_bundle(installed: Path, tmp_path: Path) -> None:
    toy = Path(__file__).parent / "runtime" / "toy_bundle"
    arguments = ("--bundle", toy, "--prompt", "walks", "--seconds", "1", "--out", "out")
    call(installed / "motion-run", *arguments, cwd=tmp_path)
    assert read_motion(tmp_path / "out" / "sample_000" / "motion.npz").frames == 20


CAPTURE = (
    "HIERARCHY ROOT Hips { OFFSET 0 0 0 CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation "
    "End Site { OFFSET 0 1 0 } }\nMOTION\nFrames: 1\nFrame Time: 0.03\n0 0 0 0 0 0\n"
)


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("motion-train denoiser --out x", "train"),
        ("motion-export --checkpoint x --out y", "export"),
        ("motion-preprocess mocap data y", "preprocess"),
    ],
)
def test_the_other_commands_name_the_extra_they_need(
    installed: Path, tmp_path: Path, command: str, extra: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    columns = "file,subject,trial,category,label,licence,source,fps,frames,tpose_frame0"
    (data / "manifest.csv").write_text(f"{columns}\na.bvh,1,1_1,walk,walk,free,CMU,30,1,0\n", encoding="utf-8")
    (data / "a.bvh").write_text(CAPTURE, encoding="utf-8")
    (tmp_path / "x").mkdir()
    before = sorted(tmp_path.rglob("*"))
    program, *arguments = command.split()
    done = subprocess.run(
        [installed / program, *arguments], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert f"pip install 'scene-motion[{extra}]'" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before
