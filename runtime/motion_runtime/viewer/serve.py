"""Hands a page to the browser of this machine, and to nobody else: 127.0.0.1 only, one page, nothing from the disk."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from motion_preprocessing.errors import OutputError

HOST: Final = "127.0.0.1"
_PATHS: Final = ("/", "/view.html")


def make_server(page: str, policy: str, port: int) -> ThreadingHTTPServer:
    """Bind a server of one page to 127.0.0.1; whoever calls runs `serve_forever` and closes it.

    Args:
        page: The HTML.
        policy: Its Content-Security-Policy, sent as a header too.
        port: Port to listen on; 0 = a free one.

    Raises:
        OutputError: The port is taken or may not be used.
    """
    content = page.encode("utf-8")

    class Handler(BaseHTTPRequestHandler):
        server_version = "scene-motion"
        sys_version = ""

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, body: bool) -> None:
            # A page of another site may point a name of its own at 127.0.0.1: then Host is that name.
            own = self.headers.get("Host", "") in _own_hosts(own_port)
            if not own or self.path.partition("?")[0] not in _PATHS:
                self.send_error(404 if own else 403)
                return
            self.send_response(200)
            for name, value in _headers(policy, len(content)).items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the terminal belongs to the command."""

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(
            f"expected a free port, got '{reason}' for port {port}; choose another one, or 0 for any"
        ) from error
    own_port = server.server_port
    return server


def open_browser(url: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Open an address in the default browser, but only where somebody sits at a screen; say whether it was tried."""
    if not has_desktop(environment, sys.platform):
        return False
    return webbrowser.open(url)


def open_file(path: Path) -> bool:
    """Open a file as `open_browser` does."""
    return open_browser(path.resolve().as_uri())


def has_desktop(environment: Mapping[str, str], platform: str) -> bool:
    """Whether a window that is opened now would be seen: not over SSH, in CI, or on a machine without a display."""
    if environment.get("CI"):
        return False
    if platform in ("win32", "darwin"):
        return not environment.get("SSH_CONNECTION")
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def _own_hosts(port: int) -> tuple[str, ...]:
    names = (HOST, "localhost")
    return tuple(f"{name}:{port}" for name in names) + (names if port == 80 else ())


def _headers(policy: str, length: int) -> dict[str, str]:
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(length),
        "Content-Security-Policy": f"{policy}; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
