"""The model bundle: a folder that holds all that generation needs, and nothing executable but ONNX.

`manifest.json` describes every graph and names every file with its sha256. `Bundle.open` reads it, refuses what it
cannot trust or does not understand (each with one line), and hands out paths. Format: `docs/formats/bundle.md`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from motion_preprocessing.counted import counted
from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import BundleError
from motion_runtime.manifest import PLAIN, STEP, TEXT_ENCODER, GraphSpec, Manifest, to_json
from motion_runtime.manifest_reader import parse_manifest

MANIFEST_FILE: Final = "manifest.json"
WEIGHTS_FILE: Final = "weights.bin"
DEFAULT_BUNDLE: Final = Path(__file__).with_name("default_bundle")


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files have been checked."""

    folder: Path
    """Where it lies."""
    manifest: Manifest
    """Its description."""
    sha256: str
    """Digest of the manifest without its summary. It holds the digests of all other files: it names the bundle."""

    @classmethod
    def open(cls, folder: Path | None = None, *, verify: bool = True) -> Bundle:
        """Read and check a bundle.

        Args:
            folder: The bundle's folder; None = the one that comes with the package.
            verify: Compare every file's sha256. Only a writer that has just made the files may leave this out.

        Raises:
            BundleError: The folder is no bundle, is incomplete or altered, or is of a newer format.
        """
        folder = DEFAULT_BUNDLE if folder is None else Path(folder)
        content = _read_manifest(folder)
        manifest = parse_manifest(content, str(folder / MANIFEST_FILE))
        if verify:
            _verify_files(folder, manifest.files)
        if manifest.summary:
            # Figures of a bundle are told in its summary: they must not turn it into another bundle than was measured.
            content = to_json({key: value for key, value in json.loads(content).items() if key != "summary"})
        return cls(folder=folder, manifest=manifest, sha256=hashlib.sha256(content).hexdigest())

    def path(self, file: str) -> Path:
        """Path of a file that the manifest lists."""
        if file not in self.manifest.files:
            raise BundleError(f"expected a file of the bundle, got '{file}' for {self.folder}; export the bundle again")
        return self.folder / file

    def find(
        self,
        role: str,
        variant: str = PLAIN,
        people: int = 0,
        frames: int = 0,
        branches: int = 0,
        scene_tokens: int | None = None,
        *,
        precision: str = "fp32",
        batch: int = 1,
    ) -> GraphSpec | None:
        """Find the graph of a role, variant, shape, precision and number of requests.

        The shape is of persons, frames, guidance branches and scene groups; None = as many of these as there may be.
        """
        if scene_tokens is None:
            scene_tokens = 0 if role == TEXT_ENCODER else self.manifest.scene_tokens
        wanted = (role, variant, people, frames, branches, scene_tokens, precision, batch)
        for graph in self.manifest.graphs if batch == 1 else self.manifest.batched:
            key = (
                graph.role, graph.variant, graph.people, graph.frames, graph.branches, graph.scene_tokens,
                graph.precision, graph.batch,
            )  # fmt: skip
            if key == wanted:
                return graph
        return None

    def smallest_kernel(self, people: int, frames: int) -> tuple[int, int]:
        """The (P, T) with the fewest tokens among the step kernels that cover a request.

        Kernels of every number of branches in the manifest exist for it.

        Raises:
            BundleError: No kernel is large enough.
        """
        shapes = {(graph.people, graph.frames) for graph in self.manifest.graphs if graph.role == STEP}
        covering = [shape for shape in shapes if shape[0] >= people and shape[1] >= frames]
        if not covering:
            most_people = max(shape[0] for shape in shapes)
            longest = max(shape[1] for shape in shapes if shape[0] >= min(people, most_people))
            raise BundleError(
                f"expected at most {counted(most_people, 'person')} and {longest} frames "
                f"({longest / self.manifest.fps:g} s), got {people} and {frames} ({frames / self.manifest.fps:g} s) "
                f"for the bundle {self.folder.name}; ask for less or export a larger kernel"
            )
        return min(covering, key=lambda shape: (shape[0] * shape[1], shape))


def _read_manifest(folder: Path) -> bytes:
    path = folder / MANIFEST_FILE
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"expected a bundle's {MANIFEST_FILE}, got {error.strerror or 'an unreadable file'} for {path}; "
            "give the folder that motion-export wrote"
        ) from None


def _verify_files(folder: Path, files: Mapping[str, str]) -> None:
    for name, digest in files.items():
        path = folder / name
        try:
            found = sha256_of(path)
        except OSError as error:
            raise BundleError(
                f"expected the file '{name}', got {error.strerror or 'an unreadable file'} for the bundle {folder}; "
                "restore the bundle"
            ) from None
        if found != digest:
            raise BundleError(
                f"expected sha256 {digest[:12]}..., got {found[:12]}... ({path.stat().st_size:,} bytes) for '{name}' "
                f"of the bundle {folder}; the file is truncated or altered, restore the bundle"
            )
