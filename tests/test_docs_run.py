"""Pages that say '<!-- run -->' before a block are followed from top to bottom, as readers do, in small settings.

Blocks that are not run are listed with the reason; their commands are parsed by test_docs.py all the same.
"""

from __future__ import annotations

import importlib
import re
import shutil
import tomllib
from pathlib import Path
from typing import Final

import pytest

from .docs_stand_ins import STAND_INS
from .test_docs import commands

ROOT = Path(__file__).parents[1]
TOY = Path(__file__).parent / "runtime" / "toy_bundle"
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
MARKED = re.compile(r"^<!-- run -->\n+```(bash|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
PLAIN = re.compile(r"(?<!<!-- run -->\n)^```(bash|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)

TINY_NETWORK: Final = (
    "model.width=16", "model.layers=1", "model.heads=2", "model.feedforward=16", "model.text_dim=8",
    "data.batch_size=2", "data.windows=6", "data.frames=24", "data.min_frames=12", "run.validation_batches=1",
)  # fmt: skip
TINY_TOWER: Final = (
    "tower.width=8", "tower.heads=1", "tower.layers=1", "tower.output_dim=8", "tower.merges=50",
    "motion.width=8", "motion.heads=1", "motion.layers=1", "motion.output_dim=8", "data.batch_size=2", "data.windows=8",
)  # fmt: skip


def settings(*keys: str) -> list[str]:
    """`--set` for each key, and one thread."""
    return [word for key in ("run.threads=1", *keys) for word in ("--set", key)]


SMALL: Final[dict[tuple[str, ...], list[str]]] = {
    ("motion-run",): ["--steps", "2", "--no-preview", "--no-open"],
    ("motion-run", "inspect"): [],
    ("motion-run", "--jobs"): [],
    ("motion-view",): ["--no-open"],
    ("motion-preprocess", "captures"): ["--workers", "0"],
    ("motion-preprocess", "simulate"): ["--workers", "0", "--count", "1"],
    ("motion-train", "text"): ["--steps", "2", *settings(*TINY_TOWER)],
    ("motion-train", "denoiser"): ["--steps", "2", *settings(*TINY_NETWORK)],
    ("motion-evaluate",): [
        "--count", "8", "--samples", "1", "--rooms", "1", "--groups", "1", "--windows", "20", "--replications", "2",
        "--steps", "1", "--threads", "1",
    ],
    ("motion-evaluate", "train-evaluator"): [
        "--steps", "2", "--threads", "1", "--set", "data.windows=8", "--set", "data.batch_size=2",
    ],
}  # fmt: skip
"""What is added to a command, by its first words: pictures are tested elsewhere, and so is what many steps give."""

NOT_RUN: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "an installation: test_wheel.py makes one": (
        ("docs/tutorial.md", "pip install ."),
        ("docs/train.md", "pip install '.[export]'"),
        ("docs/deploy.md", "pip wheel --wheel-dir"),
        ("docs/deploy.md", "pip wheel --no-deps"),
        ("docs/deploy.md", "python3 -m venv /opt"),
    ),
    "needs a GPU": (("docs/deploy.md", "pip install 'onnxruntime-gpu"),),
    "makes users and services of the system": (("docs/deploy.md", "useradd"),),
    "these tests themselves": (("README.md", "make test"),),
    "test_docs_site.py builds the site": (("docs/index.md", "make docs"),),
    "the same commands as in docs/train.md, which are run": (
        ("README.md", "pip install '.[export,distil]'"),
        ("docs/metrics.md", "motion-evaluate train-evaluator"),
    ),
    "needs weights or models that are not ours to give": (
        ("README.md", "motion-train clip"),
        ("docs/formats/predictions.md", "output = model(batch)"),
        ("docs/formats/predictions.md", "motion-preprocess depth"),
    ),
    "needs collections that are not ours to give; tests/preprocessing/readers reads small ones": (
        ("docs/formats/datasets.md", "motion-preprocess humanml3d"),
    ),
    "tests/export/test_summary.py puts a summary into a bundle": (
        ("docs/formats/bundle.md", "motion-export --checkpoint RUN"),
    ),
    "tests/export/test_unpack.py unpacks a bundle": (("docs/train.md", "motion-train unpack"),),
    "trains for hours": (("docs/decisions/0017-trained-on-half-way.md", "motion-train unpack"),),
    "needs WordNet; tests/train/test_words.py has a small one": (("docs/train.md", "motion-train words"),),
    "trains a model for every term of the loss": (("docs/train.md", "python benchmarks/ablations.py"),),
}
"""Why a block is not run: pages and how the blocks begin."""

NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "motion-preprocess": ("pyarrow", "scipy", "sklearn"),
    "motion_preprocessing.dataset": ("pyarrow",),
    "motion-train": ("torch",),
    "motion-export": ("onnx",),
    "simulate": ("mujoco",),
}
"""Packages beyond the base install that words in a page's blocks need."""

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
        for words in commands(text):
            run(words)
    return len(found)


def run(words: list[str]) -> None:
    """Run one command line of the project in this process; installations and servers are left out."""
    if words[:2] == ["pip", "install"] or "--serve" in words:
        return
    program, *arguments = words
    module, _, _ = SCRIPTS[program].partition(":")
    held = importlib.import_module(module)
    command = getattr(held, "cli", None) or held.main
    longest = max((first for first in SMALL if words[: len(first)] == list(first)), key=len, default=())
    small = [
        *SMALL.get(longest, []),
        *(["--num-samples", "3"] if "--num-samples" in arguments else []),
    ]
    # 'SITE/ROOM/TIME' stands for whichever capture it is.
    arguments = [str(next(Path().glob(re.sub("SITE|ROOM|TIME", "*", word)), word)) if "SITE/" in word else word
                 for word in arguments]  # fmt: skip
    assert not command.main([*arguments, *small], prog_name=program, standalone_mode=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_can_be_followed(page: Path, reader: Path) -> None:
    text = page.read_text(encoding="utf-8")
    marked = "".join(block for _, block in MARKED.findall(text))
    for word, modules in NEEDS.items():
        for module in modules if word in marked else ():
            pytest.importorskip(module)
    STAND_INS.get(page.relative_to(ROOT).as_posix(), lambda _: None)(text)
    assert follow(text) == text.count("<!-- run -->")


def test_every_other_block_has_a_reason() -> None:
    listed = [entry for entries in NOT_RUN.values() for entry in entries]
    for page in EVERY:
        name = page.relative_to(ROOT).as_posix()
        for language, block in PLAIN.findall(page.read_text(encoding="utf-8")):
            reasons = [entry for entry in listed if entry[0] == name and block.startswith(entry[1])]
            assert len(reasons) == 1, f"{name}: {block.splitlines()[0]}"
            listed.remove(reasons[0])
            if language == "python":
                compile(block, name, "exec")
    assert not listed, "not in the docs any more"


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
