"""FBX and USD through Blender, with a stand-in for the program that says what it was asked and writes a file."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pygltflib
import pytest

from motion_preprocessing.errors import MissingExtraError, OutputError
from motion_runtime.formats import blender, blender_script
from motion_runtime.formats.export import Export, check_programs
from motion_runtime.motion import Motion

SCRIPT = Path(blender.__file__).with_name("blender_script.py")


@pytest.fixture
def stand_in(make_program: Callable[[str, str, str], Path]) -> Path:
    return make_program(
        "blender",
        "BLENDER",
        "given = sys.argv[sys.argv.index('--') + 1:]\n"
        "do = (place / 'do').read_text()\n"
        "if given[0] == '--check':\n"
        "    with (place / 'checked').open('a') as file:\n        file.write(given[1])\n"
        "    if do == 'no usd' and given[1] == '.usdc':\n        sys.exit('RuntimeError: built without USD')\n"
        "    print('Blender 9.9\\nscene-motion: ready\\n' * (do != 'something else'))\n"
        "    sys.exit()\n"
        "(place / 'asked').write_text(json.dumps(sys.argv[1:]))\n"
        "if do == 'write':\n    shutil.copy(given[0], given[1])\n"
        "elif do == 'fail':\n"
        "    print('Traceback\\nValueError: no such\\toperator\\n  and more\\nError: script failed', file=sys.stderr)\n"
        "    sys.exit(9)\n",
    )


@pytest.mark.parametrize(("name", "file"), [("fbx", "motion.fbx"), ("usd", "motion.usdc")])
def test_blender_is_given_the_glb_and_told_what_to_write(
    tmp_path: Path, stand_in: Path, pair: Motion, name: str, file: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    Export(pair).write(out, [name])
    assert [path.name for path in out.iterdir()] == [file]
    asked = json.loads((stand_in / "asked").read_text())
    assert asked[:3] == ["--background", "--factory-startup", "--python-exit-code"]
    assert int(asked[3]) > 0  # else a failed script would end with 0
    assert asked[4:7] == ["--python", str(SCRIPT), "--"]
    assert asked[8].endswith(Path(file).suffix)
    assert asked[9:] == ["20.0", "30"]
    # The stand-in copied what it was given: the very .glb.
    assert len(pygltflib.GLTF2().load_from_bytes((out / file).read_bytes()).skins) == 2


@pytest.mark.parametrize(
    ("does", "said"), [("fail", "exit code 9 and 'ValueError: no such operator'"), ("", "exit code 0")]
)
def test_a_blender_that_fails_is_one_line_and_leaves_nothing(
    tmp_path: Path, stand_in: Path, pair: Motion, does: str, said: str
) -> None:
    (stand_in / "do").write_text(does)
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(OutputError, match="^expected Blender to write motion.fbx[^\n]*$") as caught:
        Export(pair).write(out, ["fbx"])
    assert said in str(caught.value)
    assert not list(out.iterdir())


def test_without_blender_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLENDER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="^expected Blender, got none on PATH for the format fbx; install"):
        check_programs(["glb", "fbx"])
    check_programs(["glb", "bvh"])
    monkeypatch.setenv("BLENDER", str(tmp_path / "nothing"))
    with pytest.raises(MissingExtraError, match="nothing to run at .*nothing, which BLENDER names"):
        check_programs(["usd"])


def test_what_a_blender_lacks_is_found_out_before_and_once(stand_in: Path) -> None:
    (stand_in / "do").write_text("no usd")
    program = re.escape(str(stand_in / "blender"))
    for _ in range(3):
        check_programs(["glb", "fbx"])
        with pytest.raises(
            MissingExtraError, match=rf"^expected a Blender that writes \.usdc, got '.*without USD' for {program}; inst"
        ):
            check_programs(["fbx", "usd"])
    assert (stand_in / "checked").read_text() == ".fbx.usdc"


def test_a_program_that_is_no_blender_is_found_out(
    stand_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stand_in / "do").write_text("something else")
    with pytest.raises(MissingExtraError, match="got 'nothing said' for"):
        check_programs(["fbx"])
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    monkeypatch.setenv("BLENDER", str(tmp_path / "text"))
    with pytest.raises(MissingExtraError, match="^expected a Blender that writes .fbx, got .* for .*text"):
        check_programs(["fbx"])


def test_the_script_names_what_is_missing() -> None:
    def with_operators(*names: str) -> SimpleNamespace:
        return SimpleNamespace(types=SimpleNamespace(**dict.fromkeys(names)))

    of_a_distribution = with_operators("IMPORT_SCENE_OT_gltf", "EXPORT_SCENE_OT_fbx")
    blender_script.check(of_a_distribution, ".fbx")
    with pytest.raises(RuntimeError, match="without USD"):
        blender_script.check(of_a_distribution, "motion.usdc")
    with pytest.raises(RuntimeError, match="without glTF"):
        blender_script.check(with_operators("WM_OT_usd_export"), ".usdc")


@pytest.mark.skipif(shutil.which("blender") is None, reason="no Blender on PATH")
def test_a_real_blender_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLENDER", raising=False)
    check_programs(["fbx"])


def test_blender_on_the_path_is_found(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BLENDER")
    monkeypatch.setenv("PATH", f"{stand_in}{os.pathsep}{os.environ['PATH']}")
    assert blender.find_blender("fbx") == str(stand_in / "blender")


def test_the_script_needs_nothing_but_blenders_own_python() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) if node.module}
    assert imported <= {"__future__", "importlib", "math", "sys", "typing"}
    # Blender 4.2 runs Python 3.11: the syntax must not be newer.
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 11))
