"""From a traced module to a checked ONNX graph of opset 17.

The TorchScript exporter (`dynamo=False`) writes opset 17 natively. The newer one starts at 18, and its conversion down
to 17 has been seen to write invalid Split nodes without a word.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Final

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from motion_preprocessing.errors import InputError, ParityError

OPSET: Final = 17


def check_opset(opset: int) -> None:
    """Refuse every opset but the one that is written and tested."""
    if opset == OPSET:
        return
    reason = "18 and above are not written yet" if opset > OPSET else "older ones lack LayerNormalization"
    raise InputError(f"expected opset {OPSET}, got {opset} for --opset ({reason}); use --opset {OPSET}")


def trace(module: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str], name: str) -> onnx.ModelProto:
    """Export a module with fixed shapes.

    Args:
        module: Takes the inputs in order; it is set to evaluation mode.
        inputs: Example of every input by name.
        outputs: Names of the outputs.
        name: Name of the graph.

    Returns:
        The model, with every weight inside, checked by onnx.
    """
    # The exporter gives the module back its own mode: a fresh wrapper in training mode would wake the dropout inside.
    module.eval()
    stream = io.BytesIO()
    fast_path = torch.backends.mha.get_fastpath_enabled()
    # The fast path of nn.MultiheadAttention is one operator that ONNX does not know.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")  # each export warns that the exporter is the older one
            torch.onnx.export(
                module,
                tuple(inputs.values()),
                stream,  # type: ignore[arg-type]  # the older exporter writes to streams as well
                opset_version=OPSET,
                dynamo=False,
                input_names=list(inputs),
                output_names=list(outputs),
                do_constant_folding=True,
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    model = onnx.load_from_string(stream.getvalue())
    model.graph.name = name
    _hoist_constants(model)
    _strip(model)
    check(model)
    return model


def check(model: onnx.ModelProto) -> None:
    """Have onnx check a graph, shapes included.

    Raises:
        ParityError: It is not valid.
    """
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ParityError(
            f"expected a valid ONNX graph, got: {reason} for '{model.graph.name}'; this is a defect of the export"
        ) from error


def _hoist_constants(model: onnx.ModelProto) -> None:
    """Turn Constant nodes into initialisers, so that the large ones can be shared between graphs."""
    kept = []
    for node in model.graph.node:
        value = next((item.t for item in node.attribute if item.name == "value"), None)
        if node.op_type != "Constant" or value is None:
            kept.append(node)
            continue
        tensor = numpy_helper.from_array(numpy_helper.to_array(value), node.output[0])
        model.graph.initializer.append(tensor)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _strip(model: onnx.ModelProto) -> None:
    """Drop what the tracer notes about source lines: it is half of a small graph and differs between machines."""
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    model.doc_string = ""
    del model.graph.value_info[:]
