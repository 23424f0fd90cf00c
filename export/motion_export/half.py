"""A step kernel in half precision: the products of the layers in fp16, everything that adds up or normalises in fp32.

    fp16    projections, attention and MLP of each layer, with their biases and the GELU
    fp32    softmax, LayerNorm, the residual stream, time embedding, first and last layer, guidance and update

The inputs and outputs stay float32. In the fused graph the softmax is inside MultiHeadAttention, whose CUDA kernels
accumulate it in fp32.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS: Final = "/layers."
"""What the names of the layers' nodes start with."""
_ALWAYS: Final = ("MatMul", "Div", "Erf", "Mul", "Reshape", "Transpose", "MultiHeadAttention")


def to_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a step kernel, plain or fused, with the products of its layers in fp16."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    inside = {name for node in graph.node if _is_product(node, constants) for name in node.output}
    read_outside = {name for node in graph.node if not _is_product(node, constants) for name in node.input}
    read_outside |= {value.name for value in graph.output}
    cast: set[str] = set()
    added: dict[str, TensorProto] = {}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if not _is_product(node, constants):
            nodes.append(node)
            continue
        for index, name in enumerate(node.input):
            if name in constants:
                if constants[name].data_type == TensorProto.FLOAT:
                    values = numpy_helper.to_array(constants[name]).astype(np.float16)
                    added[name] = numpy_helper.from_array(values, _half(name))
                    node.input[index] = _half(name)
            elif name:
                if name not in inside and name not in cast:
                    nodes.append(_cast(name, _half(name), TensorProto.FLOAT16))
                    cast.add(name)
                node.input[index] = _half(name)
        outputs = list(node.output)
        node.output[:] = [_half(name) for name in outputs]
        nodes.append(node)
        nodes.extend(_cast(_half(name), name, TensorProto.FLOAT) for name in outputs if name in read_outside)
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(added.values())
    drop_unread(graph)
    return result


def _is_product(node: onnx.NodeProto, constants: dict[str, TensorProto]) -> bool:
    """Whether a node computes in fp16: one of a layer's products, or the addition of a constant to one."""
    if not node.name.startswith((LAYERS, "attention_")):
        return False
    return node.op_type in _ALWAYS or (node.op_type == "Add" and any(name in constants for name in node.input))


def _half(name: str) -> str:
    return f"{name}_fp16"


def _cast(source: str, target: str, dtype: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], name=f"{target}_cast", to=dtype)


def drop_unread(graph: onnx.GraphProto) -> None:
    """Remove constants that no node reads."""
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
