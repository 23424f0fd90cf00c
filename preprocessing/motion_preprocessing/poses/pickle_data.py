"""Reads the data of a pickle without running it.

A pickle is a program. Python's own unpickler runs it, calling whatever the file names; a file from somebody else is
therefore as dangerous as a script. This reader walks the file's opcodes itself and knows a closed list of things:
numbers, text, bytes, lists, tuples, sets, dicts, numpy arrays and scalars (plain, joblib's, and torch tensors where the
caller supplies their storages). No function that the file names is ever looked up or called; a name outside the list
ends the reading with one line that says which.
"""

from __future__ import annotations

import bz2
import io
import lzma
import math
import os
import pickletools
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError

MAX_BYTES: Final = 4 << 30
"""Of a file after decompression, and of one array."""
_MARK: Final = object()
_PLAIN_DTYPE: Final = re.compile(r"[?biufcSU]\d*|O8?")

_PUSHED: Final = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8",
})  # fmt: skip
"""Opcodes whose argument is the value."""

_ARRAY_MODULES: Final = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC_MODULES: Final = ("numpy.core.numeric", "numpy._core.numeric")
_BUILTINS: Final = ("builtins", "__builtin__")
_TORCH_STORAGES: Final = {
    "FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
    "BFloat16Storage": "<u2",
}  # fmt: skip


@dataclass(frozen=True)
class _Name:
    """A global that the file names and that is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class _Pending:
    """An object between its creation and its state; other places of the file may already refer to it."""

    def __init__(self, kind: str, dtype: np.dtype[Any] | None = None) -> None:
        self.kind = kind
        self.dtype = dtype
        self.value: Any = None
        self.done = False


class ForbiddenError(ValueError):
    """The file names something that is not data."""


def read_pickle_data(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> Any:
    """Read a pickle or joblib file (plain, or compressed with zlib, gzip, bz2 or lzma).

    Raises:
        InputError: The file is missing, damaged, too large, or holds anything but data.
    """
    path = Path(path)
    try:
        content = _decompressed(path.read_bytes(), max_bytes)
        return PickleData(io.BytesIO(content)).load()
    except OSError as error:
        raise InputError(f"expected a pickle, got '{error.strerror or error}' for {path}; check the file") from error
    except Exception as error:
        raise as_input_error(error, path) from error


def as_input_error(error: Exception, path: Path) -> InputError:
    """Say in one line why a pickle was not read; anything a damaged file can raise is the file's fault."""
    if isinstance(error, InputError):
        return error
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ForbiddenError):
        return InputError(
            f"expected a pickle of numbers, text and arrays, got {said} for {path}; such a file can run code when it "
            "is opened and was not: convert it to .npz where you trust it"
        )
    return InputError(f"expected a whole pickle, got '{said[:120]}' for {path}; the file is damaged: copy it again")


def _decompressed(content: bytes, limit: int) -> bytes:
    decoder: Any
    if content[:2] == b"\x1f\x8b":
        decoder = zlib.decompressobj(31)
    elif content[:1] == b"\x78" and content[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda", b"\x7d"):
        decoder = zlib.decompressobj()
    elif content[:3] == b"BZh":
        decoder = bz2.BZ2Decompressor()
    elif content[:6] == b"\xfd7zXZ\x00" or content[:3] == b"\x5d\x00\x00":
        decoder = lzma.LZMADecompressor()
    else:
        return content
    data: bytes = decoder.decompress(content, limit + 1)
    if len(data) > limit:
        raise ValueError(f"more than {limit >> 20} MiB after decompression")
    return data


class PickleData:
    """One stream of opcodes.

    Args:
        file: Positioned at the start of the pickle.
        storage: Gives the array (N,) for a torch storage's key, dtype and length; None: torch tensors are refused.
        max_bytes: Of one array.
    """

    def __init__(
        self,
        file: BinaryIO,
        storage: Callable[[str, str, int], NDArray[Any]] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._file = file
        self._storage = storage
        self._max_bytes = max_bytes
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """Return the object of the stream."""
        for opcode, argument, _ in pickletools.genops(self._file):
            name = opcode.name
            if name == "STOP":
                return self._pop()
            if name in _PUSHED:
                self._stack.append(argument)
            elif name not in ("PROTO", "FRAME"):
                self._step(name, argument)
        raise ValueError("an end before its time")

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self._memo[int(argument)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(_settled(self._memo[int(argument)]))
        elif name in ("NONE", "NEWTRUE", "NEWFALSE"):
            stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self._pop_to_mark()
        elif name == "DUP":
            stack.append(stack[-1])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            stack.append(self._global(name, argument))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, called = self._pop(), self._pop()
            stack.append(self._made(called, arguments, name))
        elif name == "BUILD":
            state = self._pop()
            stack.append(self._built(self._pop(), state))
        elif name in ("PERSID", "BINPERSID"):
            stack.append(self._persistent(argument if name == "PERSID" else self._pop()))
        else:
            self._container(name)

    def _container(self, name: str) -> None:
        stack = self._stack
        if name.startswith("EMPTY_"):
            stack.append({"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}[name]())
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            last = tuple(_settled(item) for item in stack[-count:])
            del stack[-count:]
            stack.append(last)
        elif name in ("TUPLE", "LIST", "FROZENSET"):
            items = self._pop_to_mark()
            stack.append({"TUPLE": tuple, "LIST": list, "FROZENSET": frozenset}[name](items))
        elif name == "DICT":
            items = self._pop_to_mark()
            stack.append(dict(zip(items[::2], items[1::2], strict=True)))
        elif name in ("APPEND", "APPENDS"):
            items = [self._pop()] if name == "APPEND" else self._pop_to_mark()
            self._container_on_top(list).extend(items)
        elif name == "ADDITEMS":
            items = self._pop_to_mark()
            self._container_on_top(set).update(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [self._pop(), self._pop()][::-1] if name == "SETITEM" else self._pop_to_mark()
            self._container_on_top(dict).update(zip(items[::2], items[1::2], strict=True))
        else:
            raise ForbiddenError(f"the opcode {name}")

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("a mark in place of a value")
        return _settled(value)

    def _pop_to_mark(self) -> list[Any]:
        stack = self._stack
        at = len(stack) - 1
        while stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("no mark")
        items = [_settled(item) for item in stack[at + 1 :]]
        del stack[at:]
        return items

    def _container_on_top(self, kind: type[Any]) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise ValueError(f"{type(self._stack[-1]).__name__} in place of {kind.__name__}")
        return self._stack[-1]

    def _global(self, opcode: str, argument: Any) -> _Name:
        if opcode == "GLOBAL":
            module, _, name = str(argument).partition(" ")
        else:
            name, module = str(self._pop()), str(self._pop())
        found = _Name(module, name)
        known = (
            (module in _ARRAY_MODULES and name in ("_reconstruct", "scalar"))
            or (module in _NUMERIC_MODULES and name == "_frombuffer")
            or (module == "numpy" and name in ("ndarray", "dtype"))
            or (module == "joblib.numpy_pickle" and name == "NumpyArrayWrapper")
            or (module == "_codecs" and name == "encode")
            or (module == "collections" and name == "OrderedDict")
            or (module in _BUILTINS and name in ("set", "frozenset", "bytes", "bytearray"))
        )
        if not known and self._storage is not None:
            known = (module == "torch" and name in _TORCH_STORAGES) or (
                module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_parameter")
            )
        if not known:
            raise ForbiddenError(f"the name '{found}'")
        return found

    def _made(self, called: Any, arguments: Any, opcode: str) -> Any:
        if not isinstance(called, _Name) or not isinstance(arguments, tuple):
            raise ForbiddenError("a call of something without a name")
        name = called.name
        if name == "NumpyArrayWrapper" and opcode == "NEWOBJ" and not arguments:
            return _Pending("joblib array")
        if opcode == "NEWOBJ":
            raise ForbiddenError(f"an object of '{called}'")
        if name == "_reconstruct":
            return _Pending("array")
        if name == "dtype":
            return _Pending("dtype", _plain_dtype(arguments[0]))
        if name == "scalar":
            return _scalar(*arguments)
        if name == "_frombuffer":
            buffer, dtype, shape, order = arguments
            return self._array(_dtype_of(dtype), shape, order == "F", bytes(buffer))
        if name == "encode" and len(arguments) == 2 and arguments[1] in ("latin1", "latin-1"):
            return str(arguments[0]).encode("latin-1")
        if name == "OrderedDict":
            return dict(*arguments)
        if name in ("set", "frozenset", "bytes", "bytearray"):
            # A number would be the length of an array of zeros.
            if any(not isinstance(a, (list, tuple, bytes)) for a in arguments) or len(arguments) > 1:
                raise ForbiddenError(f"a call of '{called}'")
            return {"set": set, "frozenset": frozenset, "bytes": bytes, "bytearray": bytearray}[name](*arguments)
        if name == "_rebuild_tensor_v2":
            return _tensor(*arguments[:4])
        if name == "_rebuild_parameter":
            return arguments[0]
        raise ForbiddenError(f"a call of '{called}'")

    def _built(self, target: Any, state: Any) -> Any:
        if not isinstance(target, _Pending) or target.done:
            raise ForbiddenError(f"a state for {type(target).__name__}")
        if target.kind == "dtype":
            if target.dtype is None or any(part is not None for part in state[2:5]):
                raise ForbiddenError("an array of records")
            target.value = target.dtype.newbyteorder(state[1]) if state[1] in ("<", ">") else target.dtype
        elif target.kind == "array":
            shape, dtype, fortran, raw = state[-4:]
            target.value = self._array(_dtype_of(dtype), shape, bool(fortran), raw)
        else:
            target.value = self._joblib_array(state)
        target.done = True
        return target.value

    def _joblib_array(self, state: dict[str, Any]) -> NDArray[Any]:
        if state["subclass"] != _Name("numpy", "ndarray"):
            raise ForbiddenError(f"an array of '{state['subclass']}'")
        dtype = _dtype_of(state["dtype"])
        if dtype.hasobject:
            # joblib puts a second pickle here; it is read like the first.
            nested = PickleData(self._file, self._storage, self._max_bytes).load()
            return np.asarray(nested, dtype=object)
        if state.get("numpy_array_alignment_bytes") is not None:
            self._file.read(self._file.read(1)[0])
        size = self._size(state["shape"], dtype)
        return self._array(dtype, state["shape"], state["order"] == "F", self._file.read(size))

    def _size(self, shape: Any, dtype: np.dtype[Any]) -> int:
        if not isinstance(shape, tuple) or any(not isinstance(n, (int, np.integer)) or n < 0 for n in shape):
            raise ValueError(f"a shape of {shape}")
        size = math.prod(int(n) for n in shape) * dtype.itemsize
        if size > self._max_bytes:
            raise ValueError(f"an array of {size >> 20} MiB")
        return size

    def _array(self, dtype: np.dtype[Any], shape: Any, fortran: bool, raw: Any) -> NDArray[Any]:
        size = self._size(shape, dtype)
        if dtype.hasobject:
            if not isinstance(raw, list) or len(raw) != math.prod(shape):
                raise ValueError("objects of another number than the array's")
            flat = np.empty(len(raw), dtype=object)
            flat[:] = raw
        else:
            data = raw.encode("latin-1") if isinstance(raw, str) else raw
            if not isinstance(data, (bytes, bytearray)) or len(data) != size:
                raise ValueError("an array cut short")
            flat = np.frombuffer(data, dtype=dtype) if size else np.zeros(0, dtype)
        return flat.reshape(shape, order="F" if fortran else "C").copy()

    def _persistent(self, identity: Any) -> NDArray[Any]:
        if self._storage is None:
            raise ForbiddenError("a reference to another file")
        kind, storage_type, key, _, count = identity
        if kind != "storage" or not isinstance(storage_type, _Name) or storage_type.name not in _TORCH_STORAGES:
            raise ForbiddenError(f"a storage of '{storage_type}'")
        array = self._storage(str(key), _TORCH_STORAGES[storage_type.name], int(count))
        if storage_type.name == "BFloat16Storage":
            # The upper half of a float32.
            array = (array.astype("<u4") << 16).view("<f4")
        return array


def _settled(value: Any) -> Any:
    return value.value if isinstance(value, _Pending) and value.done else value


def _plain_dtype(spec: Any) -> np.dtype[Any]:
    if not isinstance(spec, str) or not _PLAIN_DTYPE.fullmatch(spec):
        raise ForbiddenError(f"an array of type '{str(spec)[:40]}'")
    return np.dtype(spec)


def _dtype_of(value: Any) -> np.dtype[Any]:
    value = _settled(value)
    # A dtype of one byte has no state of its own in some versions.
    found = value.dtype if isinstance(value, _Pending) and value.kind == "dtype" else value
    if not isinstance(found, np.dtype):
        raise ValueError("no array type")
    return found


def _scalar(dtype: Any, raw: Any) -> Any:
    found = _dtype_of(dtype)
    data = raw.encode("latin-1") if isinstance(raw, str) else raw
    if found.hasobject or not isinstance(data, bytes) or len(data) != found.itemsize:
        raise ForbiddenError("a scalar that is no number")
    return np.frombuffer(data, dtype=found)[0]


def _tensor(storage: NDArray[Any], offset: int, size: Iterable[int], stride: Iterable[int]) -> NDArray[Any]:
    shape, steps = tuple(int(n) for n in size), tuple(int(n) for n in stride)
    if not isinstance(storage, np.ndarray) or len(shape) != len(steps) or min((0, offset, *shape, *steps)) < 0:
        raise ValueError("a tensor of no array")
    last = offset + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))
    if math.prod(shape) == 0:
        return np.zeros(shape, storage.dtype)
    # A step of zero would make a terabyte of one number.
    if last >= len(storage) or math.prod(shape) > len(storage):
        raise ValueError("a tensor beyond its storage")
    strides = tuple(s * storage.itemsize for s in steps)
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides, writeable=False).copy()


