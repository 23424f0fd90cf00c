"""A step kernel with 8-bit products: weights quantised per output channel, activations as they come.

For a product y = x W of the layers, with W (in, out) constant:

    W ~ q s_w        q int8 in -127..127, s_w (out,) = max |W| of each column / 127
    x ~ (u - z) s_x  u uint8, s_x and z from the least and largest number of x         DynamicQuantizeLinear
    y ~ ((u - z) q) s_x s_w                                                            MatMulInteger

Products of two activations, in the attention, stay in fp32, and so do the first and the last layer: they read and write
poses, whose features differ in scale. ONNX Runtime fuses each product's four nodes into one.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from motion_export.half import LAYERS, drop_unread


def quantise(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a step kernel, plain or fused, with the products of its layers in 8 bits."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    quantised: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if not (node.op_type == "MatMul" and node.name.startswith(LAYERS) and node.input[1] in constants):
            nodes.append(node)
            continue
        source, weight = node.input
        if source not in quantised:  # query, key and value read the same numbers
            quantised.add(source)
            parts = [f"{source}_{part}" for part in ("uint8", "scale", "zero")]
            nodes.append(helper.make_node("DynamicQuantizeLinear", [source], parts, name=f"{source}_quantise"))
        whole, scale = quantise_columns(numpy_helper.to_array(constants[weight]))
        graph.initializer.append(numpy_helper.from_array(whole, f"{weight}_int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{weight}_scale"))
        nodes.extend(_product(node, source, weight))
    del graph.node[:]
    graph.node.extend(nodes)
    drop_unread(graph)
    return result


def quantise_columns(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers (in, out) in -127..127 and scales (out,) of a matrix's columns; a column of zeros has scale 1."""
    largest = np.abs(weight).max(axis=0).astype(np.float64)
    scale = np.where(largest > 0, largest / 127, 1.0)
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


def _product(node: onnx.NodeProto, source: str, weight: str) -> list[onnx.NodeProto]:
    """The nodes that take a product's place; they write its output."""
    (name,) = node.output
    return [
        helper.make_node(
            "MatMulInteger", [f"{source}_uint8", f"{weight}_int8", f"{source}_zero"], [f"{name}_int32"],
            name=f"{name}_integer",
        ),
        helper.make_node("Cast", [f"{name}_int32"], [f"{name}_float"], name=f"{name}_cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{source}_scale", f"{weight}_scale"], [f"{name}_scale"], name=f"{name}_scales"),
        helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [name], name=f"{name}_scaled"),
    ]  # fmt: skip
