"""The shared weights file: each content once, aligned, and read back the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from motion_export.weights import INLINE_BYTES, WeightsFile
from motion_runtime.bundle import Bundle


def model(**arrays: np.ndarray) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    return helper.make_model(helper.make_graph([], "weights", [], [], tensors))


def place(tensor: onnx.TensorProto) -> tuple[int, int]:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    return int(entries["offset"]), int(entries["length"])


def test_equal_tensors_of_two_graphs_lie_in_one_place_and_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    big = rng.standard_normal((200, 200)).astype(np.float32)
    other = rng.standard_normal((300, 7)).astype(np.float32)
    ids = np.arange(500)
    first, second = model(a=big, b=other, ids=ids), model(z=big.copy(), y=other * 2)
    with WeightsFile(tmp_path) as weights:
        weights.move_out(first)
        weights.move_out(second)
    for name, moved in (("first", first), ("second", second)):
        (tmp_path / f"{name}.onnx").write_bytes(moved.SerializeToString())
    found = {
        tensor.name: numpy_helper.to_array(tensor, str(tmp_path))
        for name in ("first", "second")
        for tensor in onnx.load(tmp_path / f"{name}.onnx").graph.initializer
    }
    for name, expected in {"a": big, "b": other, "ids": ids, "z": big, "y": other * 2}.items():
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].dtype == expected.dtype
    assert place(first.graph.initializer[0]) == place(second.graph.initializer[0])
    payload = big.nbytes + 2 * other.nbytes + ids.nbytes
    assert payload <= (tmp_path / "weights.bin").stat().st_size < payload + 2 * 4096


def test_large_tensors_start_on_a_page_and_small_ones_stay_inside(tmp_path: Path) -> None:
    moved = model(
        odd=np.ones(333, np.float32),
        large=np.arange(100_000, dtype=np.float32),
        small=np.ones(INLINE_BYTES // 4 - 1, np.float32),
        shape=np.array([1, 2, 3]),
    )
    with WeightsFile(tmp_path) as weights:
        weights.move_out(moved)
    tensors = {tensor.name: tensor for tensor in moved.graph.initializer}
    assert place(tensors["odd"])[0] % 64 == 0
    assert place(tensors["large"])[0] % 4096 == 0
    for name in ("small", "shape"):
        assert not tensors[name].external_data
        assert tensors[name].raw_data


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"mine")
    with pytest.raises(FileExistsError), WeightsFile(tmp_path):
        pass
    assert (tmp_path / "weights.bin").read_bytes() == b"mine"


def test_bundle_stores_each_weight_once(exported: Bundle) -> None:
    """Two person counts, two variants: the file is about as large as one model."""
    sizes: dict[tuple[int, int], int] = {}
    named = 0
    for spec in exported.manifest.graphs:
        graph = onnx.load(exported.path(spec.file), load_external_data=False).graph
        for tensor in graph.initializer:
            if tensor.external_data:
                sizes[place(tensor)] = place(tensor)[1]
                named += place(tensor)[1]
    on_disk = exported.path("weights.bin").stat().st_size
    assert on_disk < 1.1 * sum(sizes.values())
    assert on_disk < 0.5 * named
