"""The light packages stay light: importing every module of them loads nothing that the base install lacks."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "scipy", "pyarrow", "sklearn", "open_clip", "onnx", "diffusers", "accelerate", "smplx")

IMPORT_ALL = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [module.name for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    importlib.import_module(name)
print(json.dumps({"names": names, "loaded": sorted({name.split(".")[0] for name in sys.modules})}))
"""


def run_python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", ["motion_preprocessing", "motion_runtime"])
def test_importing_every_module_loads_nothing_heavy(package: str) -> None:
    result = json.loads(run_python("-c", IMPORT_ALL, package))
    assert len(result["names"]) > 10
    assert not set(HEAVY) & set(result["loaded"])


def test_the_runtimes_face_is_loaded_on_first_use() -> None:
    loaded = "print('onnxruntime' in sys.modules)"
    script = f"import sys, motion_runtime; {loaded}; motion_runtime.Generator; {loaded}"
    assert run_python("-c", script).split() == ["False", "True"]


def test_help_answers_without_loading_the_engine() -> None:
    script = (
        "import sys\n"
        "from motion_runtime.cli import main\n"
        "try:\n    main(['--help'])\n"
        "finally:\n    print('LOADED', [n for n in ('numpy', 'onnxruntime', 'tokenizers') if n in sys.modules])"
    )
    assert run_python("-c", script).splitlines()[-1] == "LOADED []"
