"""Fused attention: the same function, the same weights, every attention found."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from motion_export.bundle_writer import Model
from motion_export.fusion import fuse_attention
from motion_preprocessing.errors import ParityError
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import FUSED, PLAIN, STEP

B, N, H, D = 2, 7, 2, 4


def attention(*, divide: bool = True, keys: int = N, two_transposes: bool = True) -> onnx.ModelProto:
    """softmax(q k^T / sqrt(d) + bias) v by hand: inputs q (B, 5, H*D), k, v (B, keys, H*D) and bias (B, keys)."""

    def constant(name: str, values: list[int] | float) -> onnx.TensorProto:
        array = np.array(values, np.float32 if isinstance(values, float) else np.int64)
        return onnx.numpy_helper.from_array(array, name)

    nodes = [
        helper.make_node("Reshape", ["q", "q_shape"], ["q4"]),
        helper.make_node("Reshape", ["k", "k_shape"], ["k4"]),
        helper.make_node("Reshape", ["v", "k_shape"], ["v4"]),
        helper.make_node("Transpose", ["q4"], ["qh"], perm=[0, 2, 1, 3]),
        helper.make_node("Transpose", ["v4"], ["vh"], perm=[0, 2, 1, 3]),
    ]
    if two_transposes:
        nodes.append(helper.make_node("Transpose", ["k4"], ["kh"], perm=[0, 2, 1, 3]))
        nodes.append(helper.make_node("Transpose", ["kh"], ["kt"], perm=[0, 1, 3, 2]))
    else:
        nodes.append(helper.make_node("Transpose", ["k4"], ["kt"], perm=[0, 2, 3, 1]))
    nodes += [
        helper.make_node("MatMul", ["qh", "kt"], ["scores"]),
        helper.make_node("Div" if divide else "Mul", ["scores", "root"], ["scaled"]),
        helper.make_node("Unsqueeze", ["bias", "axes"], ["bias4"]),
        helper.make_node("Add", ["scaled", "bias4"], ["biased"]),
        helper.make_node("Softmax", ["biased"], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "vh"], ["mixed"]),
        helper.make_node("Transpose", ["mixed"], ["joined"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["joined", "out_shape"], ["y"]),
    ]
    initialisers = [
        constant("q_shape", [B, 5, H, D]),
        constant("k_shape", [B, keys, H, D]),
        constant("out_shape", [B, 5, H * D]),
        constant("axes", [1, 2]),
        constant("root", float(np.sqrt(D))),
    ]

    def value(name: str, *shape: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "attention",
        [value("q", B, 5, H * D), value("k", B, keys, H * D), value("v", B, keys, H * D), value("bias", B, keys)],
        [value("y", B, 5, H * D)],
        initialisers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(None, inputs)[0]
    return result


@pytest.mark.parametrize("two_transposes", [True, False])
def test_fused_attention_is_the_formula(two_transposes: bool) -> None:
    """Against the formula in float64, with more keys than queries and some of them masked."""
    rng = np.random.default_rng(0)
    shapes = {"q": (B, 5, H * D), "k": (B, N, H * D), "v": (B, N, H * D)}
    inputs = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    inputs["bias"] = np.where(rng.random((B, N)) < 0.3, -1e4, 0).astype(np.float32)
    fused = fuse_attention(attention(two_transposes=two_transposes))
    operators = [node.op_type for node in fused.graph.node]
    assert "MultiHeadAttention" in operators
    assert not {"Softmax", "Transpose", "MatMul"} & set(operators)

    q, k, v = (inputs[name].astype(np.float64).reshape(B, -1, H, D).swapaxes(1, 2) for name in ("q", "k", "v"))
    scores = q @ k.swapaxes(2, 3) / np.sqrt(D) + inputs["bias"][:, None, None, :]
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    expected = (weights / weights.sum(axis=-1, keepdims=True)) @ v
    np.testing.assert_allclose(run(fused, inputs), expected.swapaxes(1, 2).reshape(B, 5, H * D), atol=2e-6)


def test_fusion_leaves_the_plain_model_as_it_is() -> None:
    plain = attention()
    before = plain.SerializeToString()
    fuse_attention(plain)
    assert plain.SerializeToString() == before


def test_unknown_coding_of_attention_is_not_passed_over() -> None:
    with pytest.raises(ParityError, match="Mul instead of Div"):
        fuse_attention(attention(divide=False))


def test_graph_without_attention_stays_the_same() -> None:
    model = attention()
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("Identity", ["q"], ["y"]))
    del model.graph.initializer[:]
    assert fuse_attention(model).SerializeToString() == model.SerializeToString()


def test_every_layer_is_fused_and_shares_its_weights(toy_model: Model, exported: Bundle) -> None:
    plain_spec, fused_spec = exported.find(STEP, PLAIN, 2, 10, 2), exported.find(STEP, FUSED, 2, 10, 2)
    assert plain_spec is not None
    assert fused_spec is not None
    plain = onnx.load(exported.path(plain_spec.file), load_external_data=False)
    fused = onnx.load(exported.path(fused_spec.file), load_external_data=False)
    operators = [node.op_type for node in fused.graph.node]
    assert operators.count("MultiHeadAttention") == toy_model.denoiser.config.layers
    assert "Softmax" not in operators
    assert places(fused) == places(plain)
    assert len(places(plain)) > 10


def places(model: onnx.ModelProto) -> set[tuple[str, str]]:
    """Offset and length of every tensor in the weights file."""
    result = set()
    for tensor in model.graph.initializer:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        if entries:
            assert entries["location"] == "weights.bin"
            result.add((entries["offset"], entries["length"]))
    return result
