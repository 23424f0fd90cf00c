"""Rewrite attention as com.microsoft.MultiHeadAttention, which ONNX Runtime runs on CPU and CUDA as one kernel.

    softmax(q k^T / sqrt(d) + bias) v     with q, k, v split into heads and joined again

becomes one node with an additive bias. The projections stay separate products, so the fused graph uses the very weights
of the plain one. The rest is left to ONNX Runtime's own optimiser: on the CPU, its explicit SkipLayerNormalization and
BiasGelu are slower than what they stand for (docs/decisions).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from motion_preprocessing.errors import ParityError

DOMAIN: Final = "com.microsoft"


@dataclass(frozen=True)
class _Match:
    """One attention in the graph."""

    query: str
    key: str
    value: str
    bias: str
    batch: int
    queries: int
    keys: int
    heads: int
    scale: float
    output: str
    nodes: tuple[onnx.NodeProto, ...]
    """Nodes that the fused one replaces; the last one gives the output."""


def fuse_attention(plain: onnx.ModelProto) -> onnx.ModelProto:
    """Copy a model with every attention fused.

    Raises:
        ParityError: A softmax is left that is not part of the known pattern: the denoiser has been coded anew.
    """
    model = onnx.ModelProto()
    model.CopyFrom(plain)
    graph = model.graph
    lookup = _Lookup(graph)
    matches = [_match(lookup, node) for node in graph.node if node.op_type == "Softmax"]
    replaced = {id(node) for match in matches for node in match.nodes}
    fused = {id(match.nodes[-1]): _node(match, index) for index, match in enumerate(matches)}
    # Expansions still to be written, by the name of the bias that they read.
    pending: dict[str, list[_Match]] = {}
    for match in {_expanded(match): match for match in matches}.values():
        pending.setdefault(match.bias, []).append(match)
        graph.initializer.append(_bias_shape(match))
    nodes = [_expand(match) for name in lookup.inputs for match in pending.pop(name, [])]
    for node in graph.node:
        if id(node) in fused:
            nodes.append(fused[id(node)])
        elif id(node) not in replaced:
            nodes.append(node)
        nodes.extend(_expand(match) for name in node.output for match in pending.pop(name, []))
    del graph.node[:]
    graph.node.extend(nodes)
    if matches:
        model.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    _drop_unused(graph)
    return model


class _Lookup:
    """Producers, consumers and constants of a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.producer = {name: node for node in graph.node for name in node.output}
        self.consumers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
        self.constant = {tensor.name: tensor for tensor in graph.initializer}
        self.inputs = {value.name: value for value in graph.input}

    def array(self, name: str) -> np.ndarray:
        """Value of a constant."""
        return np.asarray(numpy_helper.to_array(self.constant[name]))

    def only_consumer(self, name: str, op_type: str) -> onnx.NodeProto:
        """The one node that reads a tensor."""
        nodes = self.consumers.get(name, [])
        if len(nodes) != 1 or nodes[0].op_type != op_type:
            raise _unknown(f"{[node.op_type for node in nodes]} instead of one {op_type} after '{name}'")
        return nodes[0]

    def made_by(self, name: str, op_type: str) -> onnx.NodeProto:
        """The node that writes a tensor."""
        node = self.producer.get(name)
        if node is None or node.op_type != op_type:
            raise _unknown(f"{node.op_type if node else 'nothing'} instead of {op_type} before '{name}'")
        return node

    def split_constant(self, node: onnx.NodeProto) -> tuple[str, str]:
        """Names of a binary node's variable and constant inputs."""
        first, second = node.input
        if second in self.constant:
            return first, second
        raise _unknown(f"no constant as second input of {node.op_type} '{node.name}'")


def _match(lookup: _Lookup, softmax: onnx.NodeProto) -> _Match:
    add = lookup.made_by(softmax.input[0], "Add")
    divide = lookup.made_by(add.input[0], "Div")
    scores, divisor = lookup.split_constant(divide)
    product = lookup.made_by(scores, "MatMul")
    query_heads = lookup.made_by(product.input[0], "Transpose")
    key_heads = lookup.made_by(product.input[1], "Transpose")
    weighted = lookup.only_consumer(softmax.output[0], "MatMul")
    value_heads = lookup.made_by(weighted.input[1], "Transpose")
    joined = lookup.only_consumer(weighted.output[0], "Transpose")
    out = lookup.only_consumer(joined.output[0], "Reshape")
    nodes = [add, divide, product, softmax, weighted, joined]
    sources, shapes = [], []
    for transpose, permutations in (
        (query_heads, ((0, 2, 1, 3),)),
        # The tracer may join 'split heads' and 'transpose the keys' into one permutation or leave them as two nodes.
        (key_heads, ((0, 2, 3, 1), (0, 1, 3, 2))),
        (value_heads, ((0, 2, 1, 3),)),
    ):
        nodes.append(transpose)
        order = _permutation(transpose)
        if order not in permutations:
            raise _unknown(f"the permutation {order} at '{transpose.name}'")
        if order == (0, 1, 3, 2):
            transpose = lookup.made_by(transpose.input[0], "Transpose")
            nodes.append(transpose)
        split = lookup.made_by(transpose.input[0], "Reshape")
        nodes.append(split)
        sources.append(split.input[0])
        shapes.append([int(size) for size in lookup.array(split.input[1])])  # (B, N, H, d/H)
    return _Match(
        query=sources[0],
        key=sources[1],
        value=sources[2],
        bias=add.input[1],
        batch=shapes[0][0],
        queries=shapes[0][1],
        keys=shapes[1][1],
        heads=shapes[0][2],
        scale=1.0 / float(lookup.array(divisor)),
        output=out.output[0],
        nodes=(*nodes, out),
    )


def _node(match: _Match, index: int) -> onnx.NodeProto:
    # Inputs: query, key, value, packed bias (none), key padding mask (none), additive attention bias.
    return helper.make_node(
        "MultiHeadAttention",
        [match.query, match.key, match.value, "", "", _expanded(match)],
        [match.output],
        name=f"attention_{index}",
        domain=DOMAIN,
        num_heads=match.heads,
        scale=match.scale,
    )


def _expanded(match: _Match) -> str:
    return f"{match.bias}_for_{match.queries}"


def _expand(match: _Match) -> onnx.NodeProto:
    # The kernel broadcasts the bias over batch and heads only, so each query row is spelt out, once for all layers.
    name = _expanded(match)
    return helper.make_node("Expand", [match.bias, f"{name}_shape"], [name], name=name)


def _bias_shape(match: _Match) -> onnx.TensorProto:
    shape = np.array([match.batch, 1, match.queries, match.keys], dtype=np.int64)
    return numpy_helper.from_array(shape, f"{_expanded(match)}_shape")


def _permutation(node: onnx.NodeProto) -> tuple[int, ...]:
    return tuple(next(item.ints for item in node.attribute if item.name == "perm"))


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Remove constants, and nodes without a reader, that the fusion left behind."""
    while True:
        read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
        idle = [node for node in graph.node if not any(name in read for name in node.output)]
        if not idle:
            break
        for node in idle:
            graph.node.remove(node)
    for tensor in list(_unread(graph)):
        graph.initializer.remove(tensor)


def _unread(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    return (tensor for tensor in list(graph.initializer) if tensor.name not in read)


def _unknown(what: str) -> ParityError:
    return ParityError(
        f"expected softmax(q k^T / sqrt(d) + bias) v, got {what} for the fusion; this is a defect of the export"
    )
