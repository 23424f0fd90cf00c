"""What mkdocs needs to know of a repository whose pages link to files beside docs/.

Pages are read in the repository too, where `../benchmarks/results/x.md` and `../examples/y.py` are right. On the site
the recorded results are pages of their own; other files of the repository are named, not linked.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
RESULTS = "benchmarks/results"
DOCS = ROOT / "docs"
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the recorded results, and the changelog, to the pages."""
    for path in (*sorted((ROOT / RESULTS).glob("*.md")), ROOT / "CHANGELOG.md"):
        uri = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, files: Any, **_: Any) -> str:
    """Turn links that leave docs/ into links to added pages, or into plain names."""
    source = Path(page.file.abs_src_path)

    def replace(match: re.Match[str]) -> str:
        picture, text, link, anchor = match.groups()
        target = Path(os.path.normpath(source.parent / link))
        if target.is_relative_to(DOCS) or not target.is_relative_to(ROOT) or not target.exists():
            return match[0]  # a link that leads nowhere is for mkdocs to find
        name = target.relative_to(ROOT).as_posix()
        if files.get_file_from_path(name) is not None:
            return f"{picture}[{text}]({os.path.relpath(name, Path(page.file.src_uri).parent)}{anchor or ''})"
        return text if text.startswith("`") or " " in text else f"`{text}`"

    return _LINK.sub(replace, markdown)
