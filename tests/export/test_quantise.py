"""8-bit products: the formula by hand in float64, which products are converted, what is left of the old weights."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from motion_export.half import to_half
from motion_export.quantise import quantise, quantise_columns
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import FUSED, PLAIN, STEP

ROWS, INPUTS, OUTPUTS = 5, 16, 6


def two_products(name: str) -> tuple[onnx.ModelProto, np.ndarray, np.ndarray]:
    """Products of one input with two weights, and of one with the other (which has no constant)."""
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal((INPUTS, OUTPUTS)).astype(np.float32) for _ in range(2))
    first[:, 2] = 0
    second[:, 1] *= 1e3
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["y1"], name=f"{name}/query/MatMul"),
        helper.make_node("MatMul", ["x", "w2"], ["y2"], name=f"{name}/key/MatMul"),
        helper.make_node("Transpose", ["y2"], ["y2t"], name=f"{name}/Transpose", perm=[1, 0]),
        helper.make_node("MatMul", ["y1", "y2t"], ["z"], name=f"{name}/MatMul"),
    ]
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [ROWS, INPUTS])],
        [
            helper.make_tensor_value_info("y1", onnx.TensorProto.FLOAT, [ROWS, OUTPUTS]),
            helper.make_tensor_value_info("y2", onnx.TensorProto.FLOAT, [ROWS, OUTPUTS]),
            helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [ROWS, ROWS]),
        ],
        [numpy_helper.from_array(first, "w1"), numpy_helper.from_array(second, "w2")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), first, second


def run(model: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: list[np.ndarray] = session.run(None, {"x": x})
    return found


def test_products_are_the_formula() -> None:
    """u, z and s_x by ONNX's definition of DynamicQuantizeLinear, everything else in float64."""
    model, first, second = two_products("/layers.0")
    x = np.random.default_rng(1).standard_normal((ROWS, INPUTS)).astype(np.float32)
    found = run(quantise(model), x)
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    scale = np.float32((high - low) / 255)
    zero = float(np.clip(np.rint(-low / scale), 0, 255))
    integers = np.clip(np.rint(x / scale) + zero, 0, 255) - zero
    for weight, y in ((first, found[0]), (second, found[1])):
        largest = np.abs(weight.astype(np.float64)).max(axis=0)
        step = np.where(largest > 0, largest / 127, 1.0)
        expected = (integers @ np.rint(weight / step)) * float(scale) * step
        np.testing.assert_allclose(y, expected, rtol=2e-6, atol=1e-6)
        np.testing.assert_allclose(y, x.astype(np.float64) @ weight, atol=0.05 * np.abs(weight).max())
    np.testing.assert_allclose(found[2], found[0] @ found[1].T, rtol=1e-4, atol=1e-2)


def test_columns_keep_their_own_scale() -> None:
    weight = np.array([[1.0, -1000.0, 0.0], [-0.5, 10.0, 0.0]], np.float32)
    whole, scale = quantise_columns(weight)
    assert whole.tolist() == [[127, -127, 0], [-64, 1, 0]]  # ties to even: -63.5 -> -64
    np.testing.assert_allclose(scale, [1 / 127, 1000 / 127, 1.0], rtol=1e-6)


def test_only_products_of_layers_with_constant_weights() -> None:
    inside = Counter(node.op_type for node in quantise(two_products("/layers.3")[0]).graph.node)
    assert inside["DynamicQuantizeLinear"] == 1  # both products read the same input
    assert inside["MatMulInteger"] == 2
    assert inside["MatMul"] == 1
    outside, _, _ = two_products("/pose_in")
    assert quantise(outside).SerializeToString() == outside.SerializeToString()


@pytest.mark.parametrize("convert", [quantise, to_half])
@pytest.mark.parametrize("variant", [PLAIN, FUSED])
def test_the_original_stays_and_its_weights_go(exported: Bundle, convert: object, variant: str) -> None:
    spec = exported.find(STEP, variant, 2, 10, 2)
    assert spec is not None
    model = onnx.load(exported.path(spec.file))
    before = model.SerializeToString()
    converted = convert(model)  # type: ignore[operator]
    assert model.SerializeToString() == before
    onnx.checker.check_model(converted, full_check=True)
    read = {name for node in converted.graph.node for name in node.input}
    assert {tensor.name for tensor in converted.graph.initializer} <= read
    assert len(converted.SerializeToString()) < len(before)


@pytest.mark.parametrize("variant", [PLAIN, FUSED])
def test_half_keeps_norms_softmax_residuals_and_update_in_fp32(exported: Bundle, variant: str) -> None:
    spec = exported.find(STEP, variant, 2, 10, 2)
    assert spec is not None
    half = to_half(onnx.load(exported.path(spec.file)))
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in onnx.shape_inference.infer_shapes(half).graph.value_info
    }
    types |= {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    by_kind: dict[str, set[int]] = {}
    for node in half.graph.node:
        kind = node.op_type
        if kind == "MatMul":
            kind = "product of a layer" if node.name.startswith("/layers.") else "first and last product"
        elif kind == "Add":
            kind = (
                "residual" if node.name.endswith(("/Add", "/Add_2")) and node.name.count("/") == 2 else "other addition"
            )
        by_kind.setdefault(kind, set()).update(types[name] for name in node.output if name in types)
    float16, float32 = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    assert by_kind["product of a layer"] == {float16}
    for kind in ("LayerNormalization", "first and last product", "residual", "Sin"):
        assert by_kind[kind] == {float32}, kind
    if variant == PLAIN:
        assert by_kind["Softmax"] == {float32}
    assert all(value.type.tensor_type.elem_type == float32 for value in (*half.graph.input, *half.graph.output))
