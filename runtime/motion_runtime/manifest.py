"""What a bundle's `manifest.json` says: dataclasses, and the shapes of the graphs that follow from its sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_runtime.guidance import ALL_STEPS

FORMAT_VERSION: Final = 2

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
    scene_tokens: int
    """Groups S of object points that there is room for; 0 = a step kernel for motion without a room."""
    inputs: tuple[TensorSpec, ...]
    """Inputs in the graph's order."""
    outputs: tuple[TensorSpec, ...]
    """Outputs in the graph's order."""
    batch: int = 1
    """Requests B that a step kernel takes a step of in one call."""


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Per-feature mean and standard deviation of the pose vector."""

    mean: NDArray[np.float32]
    """(D,) mean."""
    std: NDArray[np.float32]
    """(D,) standard deviation, above 0."""

    def same_as(self, other: Normaliser) -> bool:
        """Whether numbers of one mean the same as those of the other."""
        return np.array_equal(self.mean, other.mean) and np.array_equal(self.std, other.std)

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
    """'ddpm', 'ddim', 'dpm++' or 'sde-dpm++'."""
    steps: int
    """Denoising steps."""
    guidance: float
    """Scale of classifier-free guidance."""
    guidance_interval: tuple[float, float] = ALL_STEPS
    """Steps in which it counts, as shares of the way from noise (0) to motion (1)."""


@dataclass(frozen=True)
class Calibration:
    """How much larger each frequency of a movement is than the network says: `motion_runtime.calibrated` uses it."""

    hertz: tuple[float, ...]
    """Frequencies F, ascending."""
    levels: tuple[int, ...]
    """Noise levels K, ascending."""
    arms: tuple[tuple[float, ...], ...]
    """Factors (K, F) of shoulders, elbows and wrists."""
    raised_arms: tuple[tuple[float, ...], ...]
    """The same of arms whose hand is up."""
    others: tuple[tuple[float, ...], ...]
    """Factors (K, F) of all other joints."""


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
    """Every ONNX file but those of `batched`."""
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
    calibration: Calibration | None = None
    """What the network's answers are multiplied by; None = they are taken as they are."""
    fall_speed: float = 1.0
    """How much faster than the network has them falls are gone through: `motion_runtime.fall_speed`."""
    fall_offset_m_s: float = 0.0
    """By how much more the pelvis sinks then, m/s: slow falls are too slow by more than quick ones."""
    summary: Mapping[str, str] = field(default_factory=dict)
    """What people should know of the model, by subject: data, training, metrics, limits ...; not part of its name."""
    batched: tuple[GraphSpec, ...] = ()
    """Step kernels of several requests. Apart from `graphs`, whose kernels they only stand in for: who does not know of
    them, as older releases, does without."""

    @property
    def batch(self) -> int:
        """Requests that a kernel of `batched` takes; 1 = there are none."""
        return max((graph.batch for graph in self.batched), default=1)


def expected_tensors(
    manifest: Manifest,
    role: str,
    people: int = 0,
    frames: int = 0,
    branches: int = 0,
    scene_tokens: int = 0,
    batch: int = 1,
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs and outputs that the format asks of a graph of some size.

    The step kernel guides inside: its conditions have a row for each of K branches, its last K coefficients weigh them.
    A kernel of a batch has the tensors of B kernels, stacked along a first axis.
    """
    if batch > 1:
        single = expected_tensors(manifest, role, people, frames, branches, scene_tokens)
        inputs, outputs = (tuple(replace(each, shape=(batch, *each.shape)) for each in kind) for kind in single)
        return inputs, outputs
    m = manifest
    prefix = people + scene_tokens
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
            floats("scene", 1, scene_tokens, 3 * m.scene_points),
            TensorSpec("scene_class", "int64", (1, scene_tokens)),
            TensorSpec("person_class", "int64", (1, people)),
            TensorSpec("identity", "int64", (1, people)),
            floats("keep_text", 1, people),
            floats("keep_scene", 1),
        ), (floats("prefix", 1, prefix, m.width), floats("person", 1, people, m.width))
    return (
        (TensorSpec("tokens", "int64", (1, m.text.context_length)),),
        (floats("embedding", 1, m.text.width),),
    )


def to_dict(manifest: Manifest) -> dict[str, Any]:
    """Plain values for JSON; `parse_manifest` reads them back."""
    values = asdict(manifest)
    for key in ("mean", "std"):
        # float32 numbers in the fewest digits that read back the same, not as their float64 expansions.
        values["normaliser"][key] = [float(str(number)) for number in values["normaliser"][key]]
    for key in ("summary", "batched"):
        if not values[key]:
            del values[key]
    for graph in values["graphs"]:
        del graph["batch"]
    return values


def to_json(values: Mapping[str, Any]) -> bytes:
    """Return the content of `manifest.json`."""
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()
