"""Traced graphs: the opset asked for, fixed shapes, nothing random in them, defects found."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from motion_export.graphs import OPSET, check, check_opset, trace
from motion_preprocessing.errors import InputError, ParityError
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import FUSED, PLAIN

RANDOM_OPERATORS = {"Dropout", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli"}
CONTROL_FLOW = {"If", "Loop", "Scan"}


def opsets(model: onnx.ModelProto) -> dict[str, int]:
    return {entry.domain: entry.version for entry in model.opset_import}


@pytest.mark.parametrize(("opset", "said"), [(18, "18 and above are not written yet"), (16, "LayerNormalization")])
def test_other_opsets_are_refused(opset: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_opset(opset)
    check_opset(OPSET)


def test_bundle_holds_plain_opset_17_without_chance_or_control_flow(exported: Bundle) -> None:
    for spec in exported.manifest.graphs:
        model = onnx.load(exported.path(spec.file), load_external_data=False)
        operators = {node.op_type for node in model.graph.node}
        assert not operators & (RANDOM_OPERATORS | CONTROL_FLOW)
        assert opsets(model)[""] == 17 == exported.manifest.opset
        domains = {node.domain for node in model.graph.node}
        assert domains == ({"", "com.microsoft"} if spec.variant == FUSED else {""}), spec.file
        for value in (*model.graph.input, *model.graph.output):
            assert all(size.dim_value > 0 for size in value.type.tensor_type.shape.dim), spec.file


def test_nothing_of_the_tracing_machine_stays(exported: Bundle) -> None:
    for spec in exported.manifest.graphs:
        content = exported.path(spec.file).read_bytes()
        assert b".py" not in content
        assert b"/home" not in content


def test_trace_of_a_module_in_training_mode_has_no_dropout() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    module.train()
    model = trace(module, {"x": torch.ones(1, 4)}, ["y"], "test")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.ones((1, 4), np.float32)})
    weight, bias = (parameter.detach().numpy().astype(np.float64) for parameter in module[0].parameters())
    np.testing.assert_allclose(found[0], weight.sum(axis=1) + bias, atol=1e-6)


def test_constants_can_be_shared() -> None:
    """A constant of the module becomes an initialiser; left in a node it could not leave the graph."""

    class WithTable(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.sin(torch.arange(600, dtype=torch.float32))

    model = trace(WithTable(), {"x": torch.zeros(1, 600)}, ["y"], "test")
    assert [tensor.dims for tensor in model.graph.initializer if len(tensor.dims) and tensor.dims[-1] == 600]
    assert "Constant" not in {node.op_type for node in model.graph.node}


def test_invalid_graph_is_found(exported: Bundle) -> None:
    spec = exported.find("text_encoder", PLAIN)
    assert spec is not None
    model = onnx.load(exported.path(spec.file))
    model.graph.node[0].input[0] = "nowhere"
    with pytest.raises(ParityError, match="nowhere"):
        check(model)
