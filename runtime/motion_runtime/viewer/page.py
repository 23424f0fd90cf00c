"""One HTML file with everything in it: three.js, the page's own script and style, the motions and the room.

Nothing is fetched: the page's Content-Security-Policy forbids every request and every script but the two in the file,
which it names by their SHA-256. Text from outside (prompts, names, events) is only ever data: in the JSON block `<`,
`>` and `&` are written as escapes, so that no text can end the block, and the script shows it as text, never as HTML.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from motion_preprocessing.atomic_output import as_output_error, atomic_file
from motion_preprocessing.errors import OutputError
from motion_runtime.viewer.arrays import ArrayBlock
from motion_runtime.viewer.payload import build_payload
from motion_runtime.viewer.samples import Shown

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

VIEW_FILE: Final = "view.html"
_MARK: Final = "<!doctype html><!-- scene-motion view -->"
"""Start of every page: only such a file is replaced without being asked to."""
_SCRIPTS: Final = (
    "data.js", "body.js", "room.js", "marks.js", "labels.js", "stage.js", "timeline.js", "controls.js", "main.js",
)  # fmt: skip
"""The page's own scripts, joined in this order into one function's scope."""


def write_view(
    path: Path, shown: Sequence[Shown], scene: Scene | None = None, *, title: str = "", overwrite: bool = False
) -> None:
    """Write the page of one or several motions in one room.

    Args:
        path: File to write; a page of an earlier call is replaced.
        shown: The motions.
        scene: The room they share; None = a plain floor.
        title: Shown in the window's title and the corner of the page.
        overwrite: Replace a file that is no such page.

    Raises:
        InputError: A motion holds NaN or infinity.
        OutputError: Another file is at `path`, or it could not be written.
    """
    path = Path(path)
    with as_output_error(path):
        if path.exists() and not overwrite and not is_view(path):
            raise OutputError(
                f"expected a new file or a page of an earlier run, got another file at {path} for the view; "
                "choose another name or replace it with --overwrite"
            )
    text = view_page(shown, scene, title=title)
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def view_page(shown: Sequence[Shown], scene: Scene | None = None, *, title: str = "") -> str:
    """Return the page as text; see `write_view`."""
    block = ArrayBlock()
    payload = build_payload(shown, scene, block, title)
    three, script, style = _asset("three_js/three.min.js"), _script(), _asset("page/style.css")
    policy = content_policy()
    head = (
        f"{_MARK}\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">\n'
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">\n'
        # Without it a browser asks the server for /favicon.ico.
        '<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title or 'scene-motion')}</title>\n<style>{style}</style></head>\n"
    )
    body = (
        f"<body>\n{_asset('page/page.html')}\n"
        f'<script type="application/json" id="payload">{json_for_html(payload)}</script>\n'
        f'<script type="text/plain" id="arrays">{block.base64()}</script>\n'
        f"<script>{three}</script>\n<script>{script}</script>\n</body></html>\n"
    )
    return head + body


def content_policy() -> str:
    """The page's Content-Security-Policy: its own scripts and style, no request anywhere."""
    scripts = " ".join(_source(text) for text in (_asset("three_js/three.min.js"), _script()))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_source(_asset('page/style.css'))}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def json_for_html(value: Any) -> str:
    """Return JSON that is safe inside a script element: no text in it can end the element or start a comment."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@cache
def _asset(name: str) -> str:
    text = (resources.files("motion_runtime.viewer") / name).read_text(encoding="utf-8")
    # A checkout on Windows may have changed the line ends, and with them what the page is called by its hash.
    return text.replace("\r\n", "\n")


@cache
def _script() -> str:
    parts = "\n".join(_asset(f"page/{name}") for name in _SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}\n}})();\n'


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def is_view(path: Path) -> bool:
    """Whether a file is a page that was made here."""
    with path.open("rb") as stream:
        return stream.read(len(_MARK)) == _MARK.encode("ascii")
