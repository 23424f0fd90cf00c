"""Reads pickles that others wrote without running what they hold.

A pickle is a program: it names functions and calls them while it is read. This reader knows the few names that arrays
need and hands out harmless stand-ins for classes of packages that are not wanted here; any other name ends the reading
with an error that says which it was.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from motion_preprocessing.errors import InputError

Name = tuple[str, str]


class Record:
    """Stands in for an object of a class that is not loaded: keeps its state as attributes."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        # Protocol 2 writes (dict, slots) for classes with slots.
        parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        for part in parts:
            if isinstance(part, dict):
                self.__dict__.update({str(key): value for key, value in part.items()})


def _text_as_bytes(text: str, encoding: str = "latin1") -> bytes:
    """Python 3's protocol 2 writes bytes as text and has codecs.encode make them bytes again."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"the text encoding '{encoding}'")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    """How the same protocol writes b''."""
    return b""


def _plain_object(cls: type, base: type = object, state: Any = None) -> Any:
    if not (isinstance(cls, type) and issubclass(cls, Record)) or base is not object:
        raise pickle.UnpicklingError(f"an object of {cls!r}")
    return cls()


# Taken from what numpy itself writes, since the modules that hold them have moved between its versions.
_RECONSTRUCT: Final[Any] = np.zeros(0).__reduce__()[0]
_SCALAR: Final[Any] = np.float64(0).__reduce__()[0]
_FROM_BUFFER: Final[Any] = np.zeros(1).__reduce_ex__(5)[0]
ARRAYS: Final[dict[Name, Any]] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _text_as_bytes,
    ("__builtin__", "bytes"): _empty_bytes,
    ("builtins", "bytes"): _empty_bytes,
    ("builtins", "object"): object,
    ("__builtin__", "object"): object,
    ("copyreg", "_reconstructor"): _plain_object,
    ("copy_reg", "_reconstructor"): _plain_object,
    **{
        (f"numpy.{core}.{name}", function.__name__): function
        for core in ("core", "_core")
        for name, function in (("multiarray", _RECONSTRUCT), ("multiarray", _SCALAR), ("numeric", _FROM_BUFFER))
    },
}
"""What numpy's arrays, scalars and types are made of, under the names of Python 2 and 3 and of numpy 1 and 2."""


class _AllowListUnpickler(pickle.Unpickler):
    def __init__(self, data: bytes, allowed: Mapping[Name, Any]) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._allowed:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return self._allowed[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("a reference to another file")


def read_foreign_pickle(path: Path, what: str, stand_ins: Mapping[Name, Callable[..., Any]] | None = None) -> Any:
    """Read a pickle of plain containers and numpy arrays.

    Args:
        path: The file.
        what: What it should be, for messages.
        stand_ins: Further names the file may use and what is called instead: `Record`, or a harmless function.

    Raises:
        InputError: The file is no pickle, is cut short, or names anything else.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"expected {what}, got '{error.strerror}' for {path}; check the path") from error
    try:
        return _AllowListUnpickler(data, {**ARRAYS, **(stand_ins or {})}).load()
    except pickle.UnpicklingError as error:
        raise InputError(
            f"expected only arrays, numbers and text, got {error} for {path}; "
            f"nothing of it was run; get {what} from its makers"
        ) from error
    except Exception as error:  # a damaged pickle can fail in any way, none of which is a bug of ours
        raise InputError(
            f"expected {what}, got a damaged pickle ({type(error).__name__}) for {path}; download it again"
        ) from error
