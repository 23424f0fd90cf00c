"""What mkdocs needs to know of a repository whose pages link to files beside docs/.

Pages are read in the repository too, where `../benchmarks/results/x.md` and `../examples/y.py` are right. On the site
the recorded results are pages of their own; other files of the repository are named, not linked.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
RESULTS = "benchmarks/results"
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(((?:\.\./)+)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the recorded results, and the changelog, to the pages."""
    for path in (*sorted((ROOT / RESULTS).glob("*.md")), ROOT / "CHANGELOG.md"):
        uri = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, *, page: Any, files: Any, **_: Any) -> str:
    """Turn links that leave docs/ into links to added pages, or into plain names."""
    depth = page.file.src_uri.count("/")

    def replace(match: re.Match[str]) -> str:
        picture, text, up, target, anchor = match.groups()
        if up.count("../") <= depth:
            return match[0]
        if files.get_file_from_path(target) is not None:
            return f"{picture}[{text}]({'../' * depth}{target}{anchor or ''})"
        if not (ROOT / target).exists():
            return match[0]  # mkdocs says so, and the build fails
        return text if text.startswith("`") or " " in text else f"`{text}`"

    return _LINK.sub(replace, markdown)
