"""TensorRT's engines on disk: minutes of building, once a graph; damaged ones are found, said and built anew.

`$XDG_CACHE_HOME/scene-motion/tensorrt/<bundle>-<graph>/` holds the engines and `engines.json` with their sha256, which
is written when the first run is through. Files that are not in it come from a build that was cut short.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Final

import click

from motion_preprocessing.digest import sha256_of

INDEX: Final = "engines.json"


def cache_root() -> Path:
    """Where programs of this user keep what they can make again."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if named else Path.home() / ".cache") / "scene-motion"


class EngineCache:
    """Engines of one graph."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which need not exist."""
        self.folder = folder
        self._sealed = False

    @classmethod
    def of(cls, graph: Path) -> EngineCache:
        """The cache of a bundle's graph: its name does not tell the weights, the manifest's digest does."""
        manifest = graph.parent / "manifest.json"
        digest = hashlib.sha256(manifest.read_bytes() if manifest.is_file() else graph.read_bytes()).hexdigest()
        return cls(cache_root() / "tensorrt" / f"{digest[:16]}-{graph.stem}")

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self.folder.is_dir() or not any(self.folder.iterdir())

    def prepare(self) -> None:
        """Make the folder; clear it where a file of it is damaged or was never finished."""
        if not self.empty and (damage := self._damage()):
            self.clear(damage)
        self.folder.mkdir(parents=True, exist_ok=True)

    def clear(self, reason: str) -> None:
        """Remove every engine, and say why."""
        click.echo(
            f"warning: the engine cache {self.folder} is cleared: {reason}; "
            "engines are built again, which takes minutes",
            err=True,
        )
        shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        self._sealed = False

    def seal(self) -> None:
        """Write down what is in it, once: from now on it can be told from a build that was cut short."""
        if self._sealed:
            return
        digests = {path.name: sha256_of(path) for path in self._files()}
        beside = self.folder / f"{INDEX}.{os.getpid()}"
        beside.write_text(json.dumps(digests, indent=1), encoding="utf-8")
        beside.replace(self.folder / INDEX)
        self._sealed = True

    def _files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if not path.name.startswith(INDEX))

    def _damage(self) -> str:
        """What is wrong with the engines, in words; '' where they are whole."""
        try:
            digests = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return "an earlier build was not finished"
        if not isinstance(digests, dict):
            return "its list of engines is damaged"
        found = {path.name: sha256_of(path) for path in self._files()}
        odd = sorted(name for name in digests.keys() | found.keys() if digests.get(name) != found.get(name))
        return f"'{odd[0]}' is missing, altered or unknown" if odd else ""
