"""What a bundle's `manifest.json` says: dataclasses, their reader, and the shapes that follow from its sizes.

A reader ignores keys it does not know; whatever a reader must know raises the format version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import BundleError
from motion_runtime.manifest_values import Reader
from motion_runtime.sampler import SAMPLERS
from motion_runtime.schedule import SCHEDULE_KINDS

FORMAT_VERSION: Final = 2
MAX_BRANCHES: Final = 3
"""Guidance weighs text and scene separately with three branches; there is nothing more to weigh."""
MAX_SCHEDULE_STEPS: Final = 100_000
"""A hundred times the usual: beyond, a damaged number would only fill the memory."""
ALLOWED_SUFFIXES: Final = (".onnx", ".bin", ".json", ".txt", ".md")

STEP: Final = "step"
CONDITION: Final = "condition"
TEXT_ENCODER: Final = "text_encoder"
ROLES: Final = (STEP, CONDITION, TEXT_ENCODER)
PLAIN: Final = "plain"
FUSED: Final = "fused"
VARIANTS: Final = (PLAIN, FUSED)
FP32: Final = "fp32"
FP16: Final = "fp16"
INT8: Final = "int8"
BF16: Final = "bf16"
STORED: Final = (FP32, FP16, INT8)
"""Precisions that have graphs of their own."""
PRECISIONS: Final = (*STORED, BF16)
"""bf16 needs no graphs: a backend that knows it computes the plain fp32 graph that way."""

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a graph."""

    name: str
    """Name in the graph."""
    dtype: str
    """numpy's name of the element type, such as 'float32'."""
    shape: tuple[int, ...]
    """Fixed shape."""


@dataclass(frozen=True)
class GraphSpec:
    """One ONNX file of the bundle."""

    file: str
    """File name in the bundle's folder."""
    role: str
    """'step', 'condition' or 'text_encoder'."""
    variant: str
    """'plain' (ONNX operators only) or 'fused' (with com.microsoft operators, for ONNX Runtime on CPU and CUDA)."""
    precision: str
    """Arithmetic of the graph: 'fp32', or of a step kernel 'fp16' or 'int8'."""
    people: int
    """Persons P of the graph's shapes; 0 where there are none."""
    frames: int
    """Frames T of the graph's shapes; 0 where there are none."""
    branches: int
    """Guidance branches K that a step kernel passes through the network; 0 for other graphs."""
    inputs: tuple[TensorSpec, ...]
    """Inputs in the graph's order."""
    outputs: tuple[TensorSpec, ...]
    """Outputs in the graph's order."""


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Per-feature mean and standard deviation of the pose vector."""

    mean: NDArray[np.float32]
    """(D,) mean."""
    std: NDArray[np.float32]
    """(D,) standard deviation, above 0."""

    def normalise(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pose vectors (..., D) to the model's numbers."""
        return (x - self.mean) / self.std

    def denormalise(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The model's numbers (..., D) to pose vectors."""
        return x * self.std + self.mean


@dataclass(frozen=True)
class ScheduleSpec:
    """Which noise schedule the network was trained with: `NoiseSchedule.named(kind, steps)`."""

    kind: str
    """'cosine' or 'linear'."""
    steps: int
    """Diffusion steps K."""


@dataclass(frozen=True)
class TextSpec:
    """How prompts become an embedding."""

    context_length: int
    """Tokens L that the encoder reads."""
    width: int
    """Width Dt of the embedding."""
    tokenizer: str
    """File name of the byte-pair encoding."""
    sot: int
    """Id of the start token."""
    eot: int
    """Id of the end token."""
    pad: int
    """Id that fills the rest."""


@dataclass(frozen=True)
class SamplingDefaults:
    """Settings that are used where a request leaves them open."""

    sampler: str
    """'ddpm', 'ddim' or 'dpm++'."""
    steps: int
    """Denoising steps."""
    guidance: float
    """Scale of classifier-free guidance."""


@dataclass(frozen=True)
class Manifest:
    """What `manifest.json` says."""

    format_version: int
    """Version of the bundle's format."""
    name: str
    """What the model is called."""
    opset: int
    """ONNX opset of the plain graphs."""
    fps: float
    """Frames a second of the motion."""
    people: tuple[int, ...]
    """Person counts P that step kernels exist for, ascending."""
    frames: tuple[int, ...]
    """Frame counts T that step kernels exist for, ascending."""
    branches: tuple[int, ...]
    """Numbers of guidance branches K that step kernels exist for, ascending."""
    scene_tokens: int
    """Groups S of object points."""
    scene_points: int
    """Points in a group."""
    scene_radius_m: float
    """Object points farther than this from the origin of the motion's frame were left out in training."""
    pose_dim: int
    """Numbers D in a pose vector."""
    width: int
    """Width d of the denoiser's tokens."""
    identities: int
    """Rows of the identity table: more persons than this cannot be told apart."""
    graphs: tuple[GraphSpec, ...]
    """Every ONNX file."""
    normaliser: Normaliser
    """Mean and standard deviation of the pose vector."""
    schedule: ScheduleSpec
    """Noise schedule."""
    text: TextSpec
    """Text encoder."""
    person_classes: tuple[str, ...]
    """Rows of the person-class table; row 0 is unknown."""
    object_classes: tuple[str, ...]
    """Rows of the object-class table; row 0 is unknown."""
    default: SamplingDefaults
    """Sampling defaults."""
    licence: str
    """Licence of the weights, as an SPDX expression."""
    credits: str
    """Credit that the training data asks for."""
    files: Mapping[str, str]
    """File name -> sha256 of every file but the manifest."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """What the network was trained on and for how long."""
    parity: Mapping[str, Any] = field(default_factory=dict)
    """Differences to PyTorch that were measured at export."""
    precisions: Mapping[str, Any] = field(default_factory=lambda: {FP32: {}})
    """Precisions that step kernels may be run in -> what was measured of them at export; always with 'fp32'."""


def parse_manifest(content: bytes, where: str) -> Manifest:
    """Read a manifest's bytes.

    Args:
        content: The file's bytes.
        where: What to call it in an error.

    Raises:
        BundleError: It is no manifest, of a newer format, or contradicts itself.
    """
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        raise BundleError(f"expected JSON, got something else for {where}; restore the bundle") from None
    top = Reader(values, where)
    version = top.integer("format_version")
    if version > FORMAT_VERSION:
        raise BundleError(
            f"expected format version {FORMAT_VERSION} at most, got {version} for {where}; "
            "upgrade with: pip install --upgrade scene-motion"
        )
    if version < FORMAT_VERSION:
        raise BundleError(
            f"expected format version {FORMAT_VERSION}, got {version} for {where}; "
            "export the checkpoint again with this release's motion-export"
        )
    normaliser, schedule = top.table("normaliser"), top.table("schedule")
    text, default = top.table("text"), top.table("default")
    manifest = Manifest(
        format_version=version,
        name=top.text("name"),
        opset=top.integer("opset"),
        fps=top.number("fps", positive=True),
        people=top.integers("people", empty=False),
        frames=top.integers("frames", empty=False),
        branches=top.integers("branches", empty=False),
        scene_tokens=top.integer("scene_tokens", least=0),
        scene_points=top.integer("scene_points"),
        scene_radius_m=top.number("scene_radius_m", positive=True),
        pose_dim=top.integer("pose_dim"),
        width=top.integer("width"),
        identities=top.integer("identities"),
        graphs=tuple(_graph(reader) for reader in top.tables("graphs")),
        normaliser=Normaliser(normaliser.vector("mean"), normaliser.vector("std")),
        schedule=ScheduleSpec(
            schedule.choice("kind", SCHEDULE_KINDS), schedule.integer("steps", most=MAX_SCHEDULE_STEPS)
        ),
        text=TextSpec(
            context_length=text.integer("context_length"),
            width=text.integer("width"),
            tokenizer=text.text("tokenizer"),
            sot=text.integer("sot", least=0),
            eot=text.integer("eot", least=0),
            pad=text.integer("pad", least=0),
        ),
        person_classes=top.texts("person_classes"),
        object_classes=top.texts("object_classes"),
        default=SamplingDefaults(
            default.choice("sampler", SAMPLERS), default.integer("steps"), default.number("guidance")
        ),
        licence=top.text("licence"),
        credits=top.text("credits"),
        files={name: top.table("files").text(name) for name in top.table("files").values},
        training=dict(top.table("training").values),
        parity=dict(top.table("parity").values),
        precisions=dict(top.table("precisions").values) if "precisions" in top.values else {FP32: {}},
    )
    _check_names(manifest, where)
    _check_sizes(manifest, where)
    _check_shapes(manifest, where)
    return manifest


def expected_tensors(
    manifest: Manifest, role: str, people: int = 0, frames: int = 0, branches: int = 0
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs and outputs that the format asks of a graph.

    The step kernel guides inside: its conditions have a row for each of K branches, its last K coefficients weigh them.
    """
    m = manifest
    prefix = people + m.scene_tokens
    tokens = 1 + prefix + people * frames
    pose = (1, people, frames, m.pose_dim)

    def floats(name: str, *shape: int) -> TensorSpec:
        return TensorSpec(name, "float32", shape)

    if role == STEP:
        return (
            floats("x", *pose),
            floats("x0_prev", *pose),
            floats("noise", *pose),
            floats("t", 1),
            floats("coefficients", 4 + branches),
            floats("prefix", branches, prefix, m.width),
            floats("person", branches, people, m.width),
            floats("key_bias", branches, tokens),
        ), (floats("x_next", *pose), floats("x0", *pose))
    if role == CONDITION:
        return (
            floats("text", 1, people, m.text.width),
            floats("scene", 1, m.scene_tokens, 3 * m.scene_points),
            TensorSpec("scene_class", "int64", (1, m.scene_tokens)),
            TensorSpec("person_class", "int64", (1, people)),
            TensorSpec("identity", "int64", (1, people)),
            floats("keep_text", 1, people),
            floats("keep_scene", 1),
        ), (floats("prefix", 1, prefix, m.width), floats("person", 1, people, m.width))
    return (
        (TensorSpec("tokens", "int64", (1, m.text.context_length)),),
        (floats("embedding", 1, m.text.width),),
    )


def _graph(reader: Reader) -> GraphSpec:
    return GraphSpec(
        file=reader.text("file"),
        role=reader.choice("role", ROLES),
        variant=reader.choice("variant", VARIANTS),
        precision=reader.choice("precision", STORED),
        people=reader.integer("people", least=0),
        frames=reader.integer("frames", least=0),
        branches=reader.integer("branches", least=0, most=MAX_BRANCHES),
        inputs=tuple(_tensor(item) for item in reader.tables("inputs")),
        outputs=tuple(_tensor(item) for item in reader.tables("outputs")),
    )


def _tensor(reader: Reader) -> TensorSpec:
    return TensorSpec(reader.text("name"), reader.text("dtype"), reader.integers("shape", least=0))


def _check_names(manifest: Manifest, where: str) -> None:
    """Every file lies directly in the folder, is listed with a digest, and is of a kind that nothing executes."""
    for name, digest in manifest.files.items():
        if not _FILE_NAME.fullmatch(name) or not name.endswith(ALLOWED_SUFFIXES):
            raise BundleError(
                f"expected plain names ending in {', '.join(ALLOWED_SUFFIXES)}, got '{name}' for the files of {where}; "
                "do not use this bundle"
            )
        if not _SHA256.fullmatch(digest):
            raise BundleError(f"expected a sha256 in hex, got '{digest}' for '{name}' of {where}; restore the bundle")
    for name in (manifest.text.tokenizer, *(graph.file for graph in manifest.graphs)):
        if name not in manifest.files:
            raise BundleError(f"expected '{name}' among the files, got no entry for it in {where}; restore the bundle")


def _check_sizes(manifest: Manifest, where: str) -> None:
    """Numbers that limit each other do."""
    for what, value, limit, of in (
        ("people", max(manifest.people), manifest.identities, "identities"),
        ("default steps", manifest.default.steps, manifest.schedule.steps, "steps of the schedule"),
    ):
        if value > limit:
            raise BundleError(f"expected {what} up to the {limit} {of}, got {value} in {where}; restore the bundle")


def _check_shapes(manifest: Manifest, where: str) -> None:
    """The graphs a runtime needs exist and have the inputs and outputs that follow from the manifest's sizes."""
    for label, vector in (("mean", manifest.normaliser.mean), ("std", manifest.normaliser.std)):
        if vector.shape != (manifest.pose_dim,):
            raise BundleError(
                f"expected {manifest.pose_dim} numbers, got {len(vector)} for the normaliser's {label} in {where}; "
                "restore the bundle"
            )
    mean, std = manifest.normaliser.mean, manifest.normaliser.std
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise BundleError(f"expected finite means and deviations above 0, got others in {where}; restore the bundle")
    for graph in manifest.graphs:
        expected = expected_tensors(manifest, graph.role, graph.people, graph.frames, graph.branches)
        for kind, wanted, given in zip(("inputs", "outputs"), expected, (graph.inputs, graph.outputs), strict=True):
            if wanted != given:
                raise BundleError(
                    f"expected {_describe(wanted, given)}, got {_describe(given, wanted)} for the {kind} of "
                    f"'{graph.file}' in {where}; restore the bundle"
                )
    unknown = sorted(set(manifest.precisions) - set(PRECISIONS))
    if unknown or FP32 not in manifest.precisions:
        raise BundleError(
            f"expected fp32 and others of {', '.join(PRECISIONS)}, got {', '.join(unknown) or 'no fp32'} for the "
            f"precisions in {where}; restore the bundle"
        )
    present = {(graph.role, graph.precision, graph.people, graph.frames, graph.branches) for graph in manifest.graphs}
    needed = {(TEXT_ENCODER, FP32, 0, 0, 0)}
    stored = [precision for precision in STORED if precision in manifest.precisions]
    for people in manifest.people:
        needed.add((CONDITION, FP32, people, 0, 0))
        for precision, *rest in product(stored, manifest.frames, manifest.branches):
            needed.add((STEP, precision, people, rest[0], rest[1]))
    missing = sorted(needed - present)
    if missing:
        role, precision, people, frames, branches = missing[0]
        raise BundleError(
            f"expected a {precision} {role} graph for {people} people, {frames} frames and {branches} branches, "
            f"got none in {where}; restore the bundle"
        )


def _describe(tensors: tuple[TensorSpec, ...], other: tuple[TensorSpec, ...]) -> str:
    """The first tensor that differs, in words."""
    for index, tensor in enumerate(tensors):
        if index >= len(other) or other[index] != tensor:
            return f"{tensor.name} {tensor.dtype} {list(tensor.shape)}"
    return f"{len(tensors)} tensors"


def to_dict(manifest: Manifest) -> dict[str, Any]:
    """Plain values for JSON; `parse_manifest` reads them back."""
    values = asdict(manifest)
    for key in ("mean", "std"):
        # float32 numbers in the fewest digits that read back the same, not as their float64 expansions.
        values["normaliser"][key] = [float(str(number)) for number in values["normaliser"][key]]
    return values
