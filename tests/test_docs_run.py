"""Pages that say '<!-- run -->' before a block are followed from top to bottom, as readers do, in small settings."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOY = Path(__file__).parent / "runtime" / "toy_bundle"
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
MARKED = re.compile(r"^<!-- run -->\n+```(bash|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SMALL = {
    "motion-run": ["--steps", "2", "--no-preview", "--no-open"],
    "motion-view": ["--no-open"],
}
"""What is added to a command: pictures are tested elsewhere, and so is what many steps give."""
EVERY = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
PAGES = [page for page in EVERY if MARKED.search(page.read_text(encoding="utf-8")) and page.name != "tutorial.md"]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader stands: beside the examples, with a tiny untrained bundle in place of the built-in one."""
    monkeypatch.setattr("motion_runtime.bundle.DEFAULT_BUNDLE", TOY)
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "ward.ply", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def follow(page: str) -> int:
    """Run every marked block of a page's text in the current folder; return how many there were."""
    namespace: dict[str, object] = {}
    found = MARKED.findall(page)
    for language, text in found:
        if language == "python":
            exec(compile(text, "a page of the docs", "exec"), namespace)
            continue
        for line in re.sub(r"\\\n\s*", "", text).splitlines():
            if words := shlex.split(line, comments=True):
                run(words)
    return len(found)


def run(words: list[str]) -> None:
    """Run one command line of the project in this process."""
    program, *arguments = words
    module, _, _ = SCRIPTS[program].partition(":")
    held = importlib.import_module(module)
    command = getattr(held, "cli", None) or held.main
    small = [
        *(SMALL.get(program, []) if arguments[0] != "inspect" else []),
        *(["--num-samples", "2"] if "--num-samples" in arguments else []),
    ]
    assert not command.main([*arguments, *small], prog_name=program, standalone_mode=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_can_be_followed(page: Path, reader: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if "motion-preprocess" in "".join(block for _, block in MARKED.findall(text)):
        for module in ("pyarrow", "scipy", "sklearn"):
            pytest.importorskip(module)
    assert follow(text) == text.count("<!-- run -->")


def test_the_tutorial_leaves_what_it_promises(reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert follow((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")) == 7
    assert (reader / "falls" / "view.html").is_file()
    assert {path.name for path in (reader / "take_away").iterdir()} >= {
        "motion.glb", "coco17.npz", "omnifall.csv", "ava.csv",
    }  # fmt: skip
    assert " 4.4 x 5.0 x 2.6 m" in capsys.readouterr().out


def test_a_page_that_is_wrong_is_found_out(reader: Path) -> None:
    with pytest.raises(SystemExit):
        follow("<!-- run -->\n```bash\nmotion-run --promt walks --out x\n```\n")
    with pytest.raises(NameError):
        follow("<!-- run -->\n```python\nundefined_name\n```\n")
