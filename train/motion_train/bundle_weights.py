"""The weights of a bundle as PyTorch's modules again, so that whoever has only the bundle can train on.

A bundle holds no checkpoint, but its fp32 graphs hold every weight. The tracer keeps the names of parameters, except of
what it transposes or folds: a Linear's weight is known by the bias that is added to its product, the positional
embedding by its shape. What was read is then held against the graphs themselves: same inputs, same outputs.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from motion_preprocessing.errors import BundleError, InputError, MissingExtraError
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import CONDITION, STEP, TEXT_ENCODER, GraphSpec, Manifest
from motion_runtime.tokenizer import PromptTokenizer
from motion_train import checkpoint
from motion_train.config import TrainConfig, from_dict
from motion_train.denoiser import Denoiser, key_bias
from motion_train.teacher import TeacherConfig
from motion_train.text_tower import TextTower, TextTowerConfig

TOLERANCE: Final = 1e-3
"""Largest difference to the graphs' own outputs, of numbers about 1: rounding makes 1e-5, a wrong weight far more."""

_FIRST_MLP: Final = "transformer.resblocks.0.mlp.c_fc.weight"
_PROMPTS: Final = ("a person walks to the bed and lies down", "somebody waves with the left hand")
"""What both towers are asked."""
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Unpacked:
    """What a bundle was exported from, as far as it can be known from it."""

    config: TrainConfig
    """Settings of the training, as the manifest tells; dataset and text tower are names without a folder."""
    denoiser: Denoiser
    """With the bundle's weights, in evaluation mode."""
    tower: TextTower
    """With the bundle's weights, frozen."""
    manifest: Manifest
    """What else the bundle says of itself."""


def unpack(bundle: Bundle) -> Unpacked:
    """Read denoiser and text tower from a bundle's fp32 graphs.

    Args:
        bundle: Opened, its files verified.

    Raises:
        BundleError: Its manifest does not tell the training's settings, or its graphs are not those of `motion-export`.
        MissingExtraError: There is no onnx.
    """
    if importlib.util.find_spec("onnx") is None:
        raise MissingExtraError.for_extra("onnx", "export")
    manifest = bundle.manifest
    if not isinstance(manifest.training.get("config"), dict):
        raise BundleError(
            f"expected the training's settings in the manifest, got none for the bundle {bundle.folder}; "
            "export it again from its checkpoint"
        )
    try:
        config = from_dict(TrainConfig, manifest.training["config"], owner=f"the bundle {bundle.folder}")
    except InputError as error:
        raise BundleError(str(error)) from error
    denoiser = Denoiser(config.model)
    condition, step = _smallest(bundle, CONDITION), _smallest(bundle, STEP)
    tensors = _parameters(bundle, condition, "denoiser.") | _parameters(bundle, step, "denoiser.")
    _fill(denoiser, tensors, bundle)
    tower = _tower(bundle)
    _compare(denoiser.eval(), bundle, condition, step)
    return Unpacked(config, denoiser, tower, manifest)


def _smallest(bundle: Bundle, role: str) -> GraphSpec:
    """The plain fp32 graph of a role with the fewest tokens, of one guidance branch and with a room."""
    fits = [
        graph for graph in bundle.manifest.graphs
        if (graph.role, graph.variant, graph.precision) == (role, "plain", "fp32")
        and (role != STEP or (graph.branches == 1 and graph.scene_tokens))
    ]  # fmt: skip
    if not fits:
        raise BundleError(f"expected a plain fp32 graph '{role}', got none in the bundle {bundle.folder}; export again")
    return min(fits, key=lambda graph: (graph.people, graph.frames))


def _parameters(bundle: Bundle, graph: GraphSpec, prefix: str) -> Arrays:
    """Initialisers of a graph under the names of the module's parameters, `prefix` taken off."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(bundle.path(graph.file)))
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:  # of parameters that are alike the tracer keeps one, and names the others after it
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    named = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
    products = {node.output[0]: node.input[1] for node in model.graph.node if node.op_type == "MatMul"}
    for node in model.graph.node:
        if node.op_type != "Add":
            continue
        biases = [name for name in node.input if name.startswith(prefix) and name.endswith("bias")]
        weights = [products[name] for name in node.input if products.get(name) in values]
        if biases and weights:
            name = biases[0].removeprefix(prefix).removesuffix("bias") + "weight"
            named[name] = values[weights[0]].T  # the tracer multiplies from the other side
    # Cut to the context and folded, the positional embedding has no name any more; nothing else added has its shape.
    if graph.role == TEXT_ENCODER and "ln_final.weight" in named:
        shape = (bundle.manifest.text.context_length, named["ln_final.weight"].shape[0])
        for node in model.graph.node:
            for name in node.input if node.op_type == "Add" else ():
                if name in values and values[name].shape == shape:
                    named["positional_embedding"] = values[name]
    return named


def _fill(module: nn.Module, tensors: Arrays, bundle: Bundle) -> None:
    """Copy arrays into a module; every parameter must be there, and no other."""
    wanted = module.state_dict()
    found = {name: torch.from_numpy(np.array(tensors[name], np.float32)) for name in wanted if name in tensors}
    try:
        checkpoint.load_weights(module, found, f"the bundle {bundle.folder}")
    except InputError as error:
        raise BundleError(f"{error} was not written by motion-export of this version: train on from its run") from error


def _tower(bundle: Bundle) -> TextTower:
    """The text tower.

    How many heads it has is in no weight's shape: it is the number with which it says what the graph says.
    """
    graph = _smallest(bundle, TEXT_ENCODER)
    tensors = _parameters(bundle, graph, "tower.transformer.")
    tokenizer = bundle.path(bundle.manifest.text.tokenizer).read_text(encoding="utf-8")
    layers = len({name.split(".")[2] for name in tensors if name.startswith("transformer.resblocks.")})
    if not layers or not {"token_embedding.weight", _FIRST_MLP, "ln_final.weight"} <= set(tensors):
        raise _other_network(bundle)
    (rows, width), hidden = tensors["token_embedding.weight"].shape, tensors[_FIRST_MLP].shape[0]
    read = PromptTokenizer.parse(tokenizer, bundle.manifest.text.context_length)
    tokens = np.concatenate([read.encode(prompt) for prompt in _PROMPTS])
    said = np.concatenate([_run(bundle, graph, [row[None]])[0] for row in tokens])
    for heads, quick_gelu in [(n, quick) for n in range(1, width + 1) if width % n == 0 for quick in (False, True)]:
        config = TextTowerConfig(
            vocabulary_size=rows,
            context_length=bundle.manifest.text.context_length,
            width=width,
            heads=heads,
            layers=layers,
            mlp_ratio=hidden / width,
            output_dim=bundle.manifest.text.width,
            quick_gelu=quick_gelu,
            source=str(bundle.manifest.training.get("text_tower", "unpacked from a bundle")),
        )
        tower = TextTower(config, tokenizer)
        _fill(tower.transformer, tensors, bundle)
        tower.freeze()
        with torch.no_grad():
            if np.abs(tower.encode(torch.from_numpy(tokens)).numpy() - said).max() < TOLERANCE:
                return tower
    raise _other_network(bundle)


def _other_network(bundle: Bundle) -> BundleError:
    return BundleError(
        f"expected a CLIP text transformer, got another network for the text encoder of the bundle {bundle.folder}; "
        "train on from its checkpoint"
    )


@torch.no_grad()
def _compare(denoiser: Denoiser, bundle: Bundle, condition: GraphSpec, step: GraphSpec) -> None:
    """Hold what was read against the condition graph and the step kernel, on random inputs.

    All but the biases of attention's keys, which a softmax does not see, change what comes out.
    """
    manifest, rng = bundle.manifest, np.random.default_rng(0)
    people, frames = step.people, step.frames
    if condition.people != people:
        raise BundleError(f"expected graphs of {people} people, got others in the bundle {bundle.folder}; export again")
    inputs: dict[str, Tensor] = {}
    for tensor in condition.inputs:
        if tensor.dtype == "int64":
            rows = {"scene_class": len(manifest.object_classes), "person_class": len(manifest.person_classes)}
            drawn = rng.permuted(np.arange(np.prod(tensor.shape)) % rows.get(tensor.name, manifest.identities))
            inputs[tensor.name] = torch.from_numpy(drawn.reshape(tensor.shape))
        else:
            # Half kept, so that the null tokens are compared too.
            half = tensor.name.startswith("keep")
            drawn = np.full(tensor.shape, 0.5) if half else rng.normal(size=tensor.shape)
            inputs[tensor.name] = torch.from_numpy(drawn.astype(np.float32))
    prefix, person = denoiser.condition(**inputs)
    said = _run(bundle, condition, [inputs[tensor.name].numpy() for tensor in condition.inputs])
    x = torch.from_numpy(rng.normal(size=(1, people, frames, manifest.pose_dim)).astype(np.float32))
    bias = key_bias(*(torch.ones(1, *n, dtype=torch.bool) for n in ((people,), (step.scene_tokens,), (people, frames))))
    t = torch.tensor([500])
    x0 = denoiser.denoise(x, t, prefix, person, bias)
    given = {
        "x": x, "x0_prev": x, "noise": x, "t": t, "coefficients": torch.tensor([0.0, 1, 0, 0, 1]), "prefix": prefix,
        "person": person, "key_bias": bias,
    }  # fmt: skip
    _, stepped = _run(bundle, step, [given[spec.name].numpy().astype(spec.dtype) for spec in step.inputs])
    for ours, theirs in ((prefix, said[0]), (person, said[1]), (x0, stepped)):
        difference = float(np.abs(ours.numpy().ravel() - theirs.ravel()).max())
        if not difference < TOLERANCE * max(1.0, float(np.abs(theirs).max())):
            raise BundleError(
                f"expected what the graphs say, got {difference:.2g} beside it for the weights of the bundle "
                f"{bundle.folder}; it was not written by motion-export of this version"
            )


def _run(bundle: Bundle, graph: GraphSpec, inputs: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """One call of a graph by ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(bundle.path(graph.file)), providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in graph.inputs]
    outputs: list[NDArray[Any]] = session.run(None, dict(zip(names, inputs, strict=True)))
    return outputs


def write_run(unpacked: Unpacked, folder: Path, out: Path | None = None) -> Path:
    """Write a run's folder with one checkpoint, and the text tower beside it.

    The checkpoint names this tower. It names no dataset, furniture or teacher: the manifest has their names only, and a
    folder that happens to be called so is another.

    Args:
        unpacked: From `unpack`.
        folder: An empty folder; `checkpoints/` and `text_tower/` are made in it.
        out: What the folder will be called; None = as it is.

    Returns:
        The checkpoint's folder, which `motion-train denoiser --init` and `motion-export --checkpoint` take.
    """
    manifest, config = unpacked.manifest, unpacked.config
    unpacked.tower.save(folder / "text_tower")
    tower = (folder if out is None else out).resolve() / "text_tower"
    config = replace(
        config,
        data=replace(config.data, dataset="", furniture="", text_tower=str(tower)),
        teacher=TeacherConfig(),
        run=replace(config.run, initial=""),
    )
    told = manifest.training
    progress = checkpoint.Progress(
        step=int(told.get("steps", 0)),
        elapsed_s=60.0 * float(told.get("minutes", 0.0)),
        validation_loss=told.get("validation_loss"),
    )
    header = {**told.get("dataset", {}), "fps": manifest.fps, "credits": manifest.credits.splitlines()}
    unused = torch.optim.AdamW(unpacked.denoiser.parameters())  # no state: nothing of it is in a bundle
    denoiser = unpacked.denoiser
    return checkpoint.save(folder, config, manifest.normaliser, progress, denoiser, denoiser, unused, header)
