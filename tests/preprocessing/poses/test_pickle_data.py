"""Pickles are read as data: everything that could run code is refused, and nothing of it runs."""

from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_preprocessing.poses.pickle_data import read_pickle_data

DATA: dict[str, Any] = {
    "numbers": [1, -70000, 2**70, 1.5, True, None],
    "text": ("a", "ü", b"bytes", bytearray(b"xy")),
    "nested": {"x": [{"y": (1, 2, 3, 4)}, [], {}, ()], 3: {1, 2}, (1, 2): frozenset([5])},
    "float": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big_endian": np.arange(5, dtype=">i4"),
    "bools": np.array([True, False]),
    "strings": np.array(["ab", "c"]),
    "empty": np.zeros((0, 3)),
    "scalar": np.float64(2.25),
    "int_scalar": np.int32(-7),
    "zero_d": np.array(3.0),
    "ordered": collections.OrderedDict(a=1, b=2),
    "objects": np.array([{"a": 1}, None, [np.zeros(2)]], dtype=object),
}


def _same(a: Any, b: Any) -> bool:
    if isinstance(b, np.ndarray):
        if b.dtype.hasobject:
            return a.shape == b.shape and all(_same(x, y) for x, y in zip(a.ravel(), b.ravel(), strict=True))
        return a.dtype == b.dtype and a.shape == b.shape and bool(np.array_equal(a, b))
    if isinstance(b, dict):
        return list(a) == list(b) and all(_same(a[k], b[k]) for k in b)
    if isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and bool(a == b)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles_of_every_protocol_are_read(protocol: int, tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(DATA, protocol))
    assert _same(read_pickle_data(tmp_path / "x.pkl"), DATA)


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_joblib_files_are_read(compress: Any, tmp_path: Path) -> None:
    joblib.dump(DATA, tmp_path / "x.pkl", compress=compress)
    assert _same(read_pickle_data(tmp_path / "x.pkl"), DATA)


def test_shared_arrays_stay_shared(tmp_path: Path) -> None:
    array = np.arange(3.0)
    (tmp_path / "x.pkl").write_bytes(pickle.dumps([array, array, {"again": array}]))
    first, second, third = read_pickle_data(tmp_path / "x.pkl")
    assert first is second is third["again"]


class _Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("wrap", ["plain", "deep", "joblib", "object array"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(protocol: int, wrap: str, tmp_path: Path) -> None:
    mark, file = tmp_path / "was_here", tmp_path / "evil.pkl"
    evil: Any = _Runs(mark)
    if wrap == "deep":
        evil = {"frame": [1.0, (np.zeros(3), {"smpl": evil})]}
    if wrap == "object array":
        evil = np.array([evil], dtype=object)
    if wrap in ("joblib", "object array"):
        joblib.dump(evil, file, protocol=protocol)
    else:
        file.write_bytes(pickle.dumps(evil, protocol))
    # joblib's own object around an array of objects is refused already, in the oldest protocol.
    named = r"(posix|nt)\.system|copy_reg\._reconstructor"
    with pytest.raises(InputError, match=rf"expected a pickle of .* got the name '({named})' for .*evil\.pkl") as e:
        read_pickle_data(file)
    assert "\n" not in str(e.value)
    assert not mark.exists()
    # The trap is a real one.
    pickle.loads(pickle.dumps(_Runs(mark)))
    assert mark.exists()


@pytest.mark.parametrize(
    ("stream", "named"),
    [
        (b"cbuiltins\neval\n(S'1'\ntR.", "builtins.eval"),
        (b"cbuiltins\ngetattr\n.", "builtins.getattr"),
        (b"cnumpy\nndarray.__setstate__\n.", "ndarray.__setstate__"),
        (b"cnumpy\nload\n.", "numpy.load"),
        (b"cnumpy.core.multiarray\nfromfile\n.", "fromfile"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"(S'ls'\nios\nsystem\n.", "INST"),
        (b"(cnumpy\ndtype\nS'f4'\no.", "OBJ"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"P1\n.", "another file"),
        (b"}}b.", "a state for dict"),
        (b"cnumpy\ndtype\n(S'V1000000000'\ntR.", "array of type"),
        (b"cnumpy\ndtype\n(cnumpy\nndarray\ntR.", "array of type"),
        (b"cbuiltins\nbytearray\n(I1000000000000\ntR.", "bytearray"),
        (b"cnumpy\nndarray\n((I99999999999\nttR.", "a call of 'numpy.ndarray'"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "numpy.ndarray"),
        (b"}S'a'\nI1\nsI1\nI2\nR.", "without a name"),
    ],
)
def test_every_other_way_to_reach_code_is_refused(stream: bytes, named: str, tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(stream)
    with pytest.raises(InputError, match="x.pkl") as refused:
        read_pickle_data(tmp_path / "x.pkl")
    assert named in str(refused.value)


def test_damaged_files_end_in_one_line(tmp_path: Path) -> None:
    whole = pickle.dumps(DATA)
    path = tmp_path / "x.pkl"
    for cut in (0, 1, 2, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"expected a whole pickle, got .* for .*x\.pkl"):
            read_pickle_data(path)
    joblib.dump({"a": np.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match="an array cut short"):
        read_pickle_data(path)
    for text in (b"x\x9cgarbage", b"hello", b"\x1f\x8bno", b".", b"0.", b"t.", b"a."):
        path.write_bytes(text)
        with pytest.raises(InputError, match="expected a whole pickle"):
            read_pickle_data(path)
    with pytest.raises(InputError, match="No such file"):
        read_pickle_data(tmp_path / "none.pkl")


def test_random_damage_never_escapes_as_another_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = np.frombuffer(pickle.dumps({k: DATA[k] for k in ("numbers", "nested", "float", "text")}), np.uint8)
    path = tmp_path / "x.pkl"
    refused = 0
    for _ in range(300):
        bent = whole.copy()
        at = rng.integers(0, len(bent), 3)
        bent[at] = rng.integers(0, 256, 3)
        path.write_bytes(bent.tobytes())
        try:
            read_pickle_data(path)
        except InputError:
            refused += 1
    assert refused > 100


def test_a_file_that_grows_without_end_is_stopped(tmp_path: Path) -> None:
    joblib.dump({"zeros": np.zeros(1 << 20)}, tmp_path / "x.pkl", compress=9)
    assert (tmp_path / "x.pkl").stat().st_size < 1 << 16
    with pytest.raises(InputError, match="more than 4 MiB after decompression"):
        read_pickle_data(tmp_path / "x.pkl", max_bytes=4 << 20)
