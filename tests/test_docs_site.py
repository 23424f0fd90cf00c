"""The site is whole and asks nobody for anything; the licence pages speak of what is really shipped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from motion_preprocessing import errors

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FETCHED = re.compile(r"""<(?:script|img|iframe|source|video)[^>]*\ssrc=["']?([^"'\s>]+)|<link([^>]*)>|url\(([^)]+)\)""")


@pytest.mark.slow
def test_the_site_builds_and_fetches_nothing(tmp_path: Path) -> None:
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        for source, link, style in FETCHED.findall(page.read_text(encoding="utf-8")):
            target = source or style
            if link and 'rel="stylesheet"' in link.replace("=stylesheet", '="stylesheet"'):
                target = link
            assert "//" not in target.removeprefix("data:"), f"{page.name} fetches {target}"
    reference = (tmp_path / "site" / "reference.html").read_text(encoding="utf-8")
    assert 'id="motion_runtime.generator.Generator.generate"' in reference


def test_every_file_of_the_wheel_has_its_terms_on_the_licence_page() -> None:
    page = (ROOT / "docs" / "licence.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = tuple(name for row in rows for name in re.findall(r"`([^`]+)`", row))
    assert len(named) > 5
    packages = [ROOT / folder for folder in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
    shipped = [
        path.relative_to(package.parent).as_posix()
        for package in packages
        for path in package.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and path.name != "py.typed" and "/." not in str(path)
    ]
    assert len(shipped) > 20
    assert [name for name in shipped if not name.startswith(named)] == []
    for name in named:
        if name != "py.typed":
            assert any(path.startswith(name) for path in shipped), f"{name} is not shipped any more"


def test_third_party_packages_are_those_that_the_project_asks_for() -> None:
    page = (ROOT / "docs" / "third-party.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line.split("|")[3] for line in page.splitlines() if line.startswith("| ")}
    asked = {re.split(r"[ >=<;\[]", line)[0] for line in PROJECT["project"]["dependencies"]} - {"onnxruntime"}
    assert asked <= rows.keys()
    assert not [name for name, licence in rows.items() if re.search(r"GPL|not stated", licence)]


def test_errors_that_the_help_page_quotes_exist() -> None:
    page = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
    quotes = re.findall(r"^\*\*'([^']+)'", page, re.MULTILINE)
    assert len(quotes) >= 5
    sources = " ".join(
        path.read_text(encoding="utf-8")
        for folder in ("preprocessing", "runtime")
        for path in (ROOT / folder).rglob("*.py")
    )
    sources = re.sub(r"\{[^{}]*\}|'\{.*?\}'", "*", re.sub(r'"\s*\n\s*f?"', "", sources))
    for quote in quotes:
        pattern = re.escape(re.sub(r"\.\.\.|\d+|CUDA", "*", quote)).replace(r"\*", r"[*']+")
        assert re.search(pattern, sources), quote


def test_the_help_page_has_every_exit_code() -> None:
    page = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
    rows = {int(code) for code in re.findall(r"^\| (\d) \|", page, re.MULTILINE)}
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type)}
    assert rows == codes | {0}
