"""Reads body model files: SMPL, SMPL-H and SMPL-X as their makers publish them (.pkl and .npz).

The official SMPL .pkl was written by Python 2 with arrays of the package chumpy inside, which no longer imports. It is
read through the allow-list reader with stand-ins for chumpy's arrays and scipy's sparse matrices. The files are
licensed to their users by the Max Planck Society; none comes with this project.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.bodies.body_model import KINDS, BodyModel
from motion_preprocessing.errors import InputError
from motion_preprocessing.foreign_pickle import Name, Record, read_foreign_pickle

SHAPE_COEFFICIENTS: Final = 10
"""Further shape directions are left out: every importer here carries ten. In SMPL-X files expressions follow them."""
FIELDS: Final = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
_WHAT: Final = "an SMPL, SMPL-H or SMPL-X model file"
_REMEDY: Final = "give the .pkl or .npz of the model's own site"


class _ChumpyArray(Record):
    """chumpy.ch.Ch: the array is its attribute x."""


class _ChumpySelection(Record):
    """chumpy.reordering.Select: some entries of another array."""


class _SparseMatrix(Record):
    """scipy.sparse's compressed matrices."""


_STAND_INS: Final[dict[Name, type[Record]]] = {
    ("chumpy.ch", "Ch"): _ChumpyArray,
    ("chumpy", "Ch"): _ChumpyArray,
    ("chumpy.reordering", "Select"): _ChumpySelection,
    **{
        (f"scipy.sparse.{module}", f"{layout}_matrix"): type(f"_{layout}", (_SparseMatrix,), {"layout": layout})
        for layout in ("csc", "csr")
        for module in (layout, f"_{layout}")
    },
}


def load_body_model(path: Path) -> BodyModel:
    """Read a body model file.

    Raises:
        InputError: The file is missing, damaged, no body model, or tries to run code.
    """
    return body_model_from_fields(read_fields(path), str(path))


def read_fields(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a model file under SMPL's names (`FIELDS`)."""
    path = Path(path)
    if path.suffix == ".npz":
        found = _read_npz(path)
    elif path.suffix == ".pkl":
        content = read_foreign_pickle(path, _WHAT, _STAND_INS)
        if not isinstance(content, dict):
            raise InputError(f"expected {_WHAT}, got a pickled {type(content).__name__} for {path}; {_REMEDY}")
        try:
            found = {name: _dense(content[name]) for name in FIELDS if name in content}
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"expected {_WHAT}, got arrays that do not unpack for {path}; {_REMEDY}") from error
    else:
        raise InputError(f"expected {_WHAT} (.pkl or .npz), got '{path.suffix}' for {path}; {_REMEDY}")
    missing = [name for name in FIELDS if name not in found]
    if missing:
        raise InputError(f"expected {_WHAT}, got none of its '{missing[0]}' for {path}; {_REMEDY}")
    return found


def body_model_from_fields(fields: Mapping[str, NDArray[Any]], name: str = "body") -> BodyModel:
    """Build a model from the arrays of a model file."""
    for field in FIELDS:
        if not np.issubdtype(np.asarray(fields[field]).dtype, np.number):
            raise InputError(f"expected numbers, got {fields[field].dtype} for {field} of {name}; {_REMEDY}")
    tree = np.asarray(fields["kintree_table"])
    weights = np.asarray(fields["weights"], dtype=np.float64)
    if tree.ndim != 2 or weights.ndim != 2 or tree.shape[1] != weights.shape[1] or tree.shape[1] not in KINDS:
        kinds = ", ".join(f"{count} ({kind})" for count, kind in KINDS.items())
        raise InputError(f"expected {kinds} joints, got {tree.shape[-1]} for {name}; {_REMEDY}")
    # The root's parent is written as -1 or as the largest unsigned number.
    parents = (-1, *(int(parent) for parent in tree[0, 1:]))
    shape = np.asarray(fields["shapedirs"], dtype=np.float64)
    pose = np.asarray(fields["posedirs"], dtype=np.float64)
    if shape.ndim != 3 or pose.ndim != 3:
        raise InputError(f"expected directions (V, 3, n), got {shape.shape} and {pose.shape} for {name}; {_REMEDY}")
    return BodyModel(
        template_m=np.asarray(fields["v_template"], dtype=np.float64),
        faces=np.asarray(fields["f"]).astype(np.int32),
        weights=weights,
        parents=parents,
        regressor=np.asarray(fields["J_regressor"], dtype=np.float64),
        shape_directions=np.ascontiguousarray(shape[..., :SHAPE_COEFFICIENTS]),
        pose_directions=pose,
        name=name,
    )


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise InputError(f"expected {_WHAT}, got a single array for {path}; {_REMEDY}")
            return {name: file[name] for name in FIELDS if name in file.files}
    except OSError as error:
        raise InputError(f"expected {_WHAT}, got '{error}' for {path}; check the path") from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"expected {_WHAT}, got '{error}' for {path}; {_REMEDY}") from error


def _dense(value: Any) -> NDArray[Any]:
    """Turn a stand-in into the array it stands for."""
    if isinstance(value, _ChumpySelection):
        chosen = _dense(value.__dict__["a"]).reshape(-1)[np.asarray(value.__dict__["idxs"])]
        shape = value.__dict__.get("preferred_shape")
        chosen = np.asarray(chosen)
        return chosen if shape is None else chosen.reshape(tuple(int(size) for size in shape))
    if isinstance(value, _ChumpyArray):
        return _dense(value.__dict__.get("x", value.__dict__.get("_x")))
    if isinstance(value, _SparseMatrix):
        return _dense_from_sparse(value)
    return np.asarray(value)


def _dense_from_sparse(matrix: Record) -> NDArray[Any]:
    """Expand a compressed sparse matrix."""
    state = matrix.__dict__
    rows, columns = (int(size) for size in state.get("_shape", state.get("shape", ())))
    data, inner, starts = (np.asarray(state[name]) for name in ("data", "indices", "indptr"))
    outer = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    dense = np.zeros((rows, columns), dtype=data.dtype)
    np.add.at(dense, (inner, outer) if type(matrix).__dict__["layout"] == "csc" else (outer, inner), data)
    return dense
