"""Read a Wavefront OBJ file: vertices, their colours where there are any, faces, and what its objects are called.

Format: Wavefront's Advanced Visualizer manual, appendix B1. Of it `v`, `f`, `o` and `g` matter here. Red, green and
blue after x, y and z are a custom of scanners. An object whose name says what it is ('Bed_02') labels its vertices.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from motion_preprocessing.errors import InputError
from motion_preprocessing.labels import label_of_name
from motion_preprocessing.mesh import Mesh, check_mesh, fans


def read_obj(path: Path) -> Mesh:
    """Read an OBJ file.

    Raises:
        InputError: The file is missing, holds no vertex, or a line cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"expected an OBJ file, got '{error.strerror or error}' for {path}; check the path") from error
    rows: list[list[float]] = []
    sizes: list[int] = []
    flat: list[int] = []
    named: list[tuple[int, int]] = []  # from which face on which label holds
    for number, line in enumerate(text.replace("\\\n", " ").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            if words[0] == "v":
                rows.append([float(word) for word in words[1:7]])
                if len(rows[-1]) < 3:
                    raise ValueError(line)
            elif words[0] == "f":
                corners = [int(word.split("/", 1)[0]) for word in words[1:]]
                flat += [corner - 1 if corner > 0 else len(rows) + corner for corner in corners]
                sizes.append(len(corners))
            elif words[0] in ("o", "g"):
                named.append((len(sizes), label_of_name(" ".join(words[1:]))))
        except ValueError as error:
            shown = " ".join(words)[:60]
            raise InputError(
                f"expected a line of an OBJ file, got '{shown}' in line {number} of {path}; export the mesh again"
            ) from error
    if not rows:
        raise InputError(f"expected vertices ('v x y z'), got none for {path}; export the room as OBJ again")
    colored = all(len(row) == 6 for row in rows)
    table = np.array([row[:6] if colored else row[:3] for row in rows], dtype=np.float64)
    lengths = np.array(sizes, dtype=np.int64)
    corners_of = np.array(flat, dtype=np.int64)
    vertices = table[:, :3]
    # Faces of two corners make no triangle, but a label is given to their vertices too.
    check_mesh(vertices, corners_of, path)
    faces = fans(lengths, corners_of)
    labels = None
    if any(label for _, label in named):
        of_face = np.zeros(len(sizes), dtype=np.int64)
        for first, label in named:
            of_face[first:] = label
        labels = np.zeros(len(vertices), dtype=np.int64)
        labels[corners_of] = np.repeat(of_face, lengths)
    colors = None
    if colored:
        scale = 255.0 if table[:, 3:].max(initial=0.0) <= 1.0 else 1.0
        colors = np.clip(np.round(np.nan_to_num(table[:, 3:]) * scale), 0, 255).astype(np.uint8)
    return Mesh(vertices, faces, colors, labels)
