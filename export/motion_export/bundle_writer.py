"""Write a bundle: trace, fuse, convert, check, compare with PyTorch, describe; only then rename into place."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from motion_export import graphs
from motion_export.fusion import fuse_attention
from motion_export.inputs import Drawing
from motion_export.kernels import BatchedStepKernel, ConditionKernel, StepKernel, TextKernel, traceable
from motion_export.motion_gate import MOTIONS, Embed
from motion_export.precisions import BATCHED, VARIANTS_OF, check_precisions, converted_to, precision_providers
from motion_export.text_graph import trace_text
from motion_export.weights import WeightsFile
from motion_preprocessing.atomic_output import atomic_folder
from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import InputError
from motion_runtime.bundle import MANIFEST_FILE, Bundle
from motion_runtime.guidance import Guidance
from motion_runtime.manifest import (
    CONDITION,
    FORMAT_VERSION,
    FP32,
    PLAIN,
    STEP,
    TEXT_ENCODER,
    Calibration,
    GraphSpec,
    Manifest,
    Normaliser,
    SamplingDefaults,
    ScheduleSpec,
    TextSpec,
    expected_tensors,
    to_dict,
    to_json,
)
from motion_runtime.sampler import plan_steps
from motion_runtime.schedule import NoiseSchedule
from motion_runtime.tokenizer import PAD_ID
from motion_train.denoiser import Denoiser
from motion_train.text_tower import TextTower

BRANCHES: Final = (1, 2, 3)
MAX_BATCH: Final = 64
"""Requests in a batch: a device is full long before."""
TOKENIZER_FILE: Final = "tokenizer.json"
CREDITS_FILE: Final = "CREDITS.txt"
_ONNX_IR: Final = 8
"""The first runtimes that know opset 17 read this version of the file format."""

Report = Callable[[str], None]
Shape = tuple[int, int, int, int]
"""Persons, frames, guidance branches and scene groups."""


@dataclass(frozen=True)
class Model:
    """A trained model and what must be known about it to generate with it."""

    denoiser: Denoiser
    """With the weights to export."""
    tower: TextTower
    """Text tower that the denoiser was trained with."""
    mean: NDArray[np.float32]
    """(D,) mean of the pose vector."""
    std: NDArray[np.float32]
    """(D,) standard deviation of the pose vector."""
    schedule: ScheduleSpec
    """Noise schedule of the training."""
    fps: float
    """Frames a second of the training data."""
    scene_tokens: int
    """Groups S of object points."""
    scene_radius_m: float
    """Object points farther than this from the origin were left out."""
    person_classes: tuple[str, ...]
    """Rows of the person-class table."""
    object_classes: tuple[str, ...]
    """Rows of the object-class table."""
    credits: str
    """Credit that the training data asks for; empty only where it is known to ask for none."""
    name: str = "scene-motion"
    """What the model is called."""
    licence: str = "Apache-2.0"
    """Licence of the weights, SPDX."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """What it was trained on and for how long."""
    default: SamplingDefaults = SamplingDefaults("dpm++", 20, 2.5)
    """Sampling where a request leaves it open."""
    calibration: Calibration | None = None
    """What its answers are to be multiplied by; None = nothing was measured."""
    fall_speed: float = 1.0
    """How much faster than it has them falls are to be gone through, ..."""
    fall_offset_m_s: float = 0.0
    """... and by how much more the pelvis is to sink then, m/s."""
    summary: Mapping[str, str] = field(default_factory=dict)
    """What people should know of it, by subject."""

    def __post_init__(self) -> None:
        config = self.denoiser.config
        for what, got, expected in (
            ("person classes", len(self.person_classes), config.person_classes),
            ("object classes", len(self.object_classes), config.object_classes),
            ("numbers of the text embedding", self.tower.width, config.text_dim),
            ("means", len(self.mean), config.pose_dim),
            ("standard deviations", len(self.std), config.pose_dim),
        ):
            if got != expected:
                raise InputError(f"expected {expected} {what}, got {got} for the model; give the parts of one run")


def write_bundle(
    model: Model,
    out: Path,
    *,
    people: tuple[int, ...],
    frames: tuple[int, ...],
    branches: tuple[int, ...] = BRANCHES,
    batch: int = 1,
    precisions: tuple[str, ...] = (FP32,),
    motions: int = MOTIONS,
    embed: Embed | None = None,
    overwrite: bool = False,
    report: Report = lambda line: None,
) -> Bundle:
    """Export a model and write its bundle.

    Args:
        model: What to export.
        out: Folder of the bundle.
        people: Person counts P to make kernels for.
        frames: Frame counts T to make kernels for.
        branches: Numbers of guidance branches K to make kernels for.
        batch: Requests B to make further kernels for, of as many branches as sampling takes by default; 1 = none.
        precisions: Arithmetic of the step kernels, of `motion_runtime.manifest.PRECISIONS`; fp32 is always with them.
        motions: How many motions a reduced precision is compared over.
        embed: An evaluator's embedding, by which they are compared too.
        overwrite: Replace an existing folder.
        report: Told about each step in a line.

    Returns:
        The bundle, opened and verified.

    Raises:
        InputError: A shape is out of range, or a precision is unknown.
        ParityError: A graph does not compute what PyTorch computes, or a precision moves otherwise than fp32; nothing
            is written.
        ProviderError: bf16 was asked for, and OpenVINO or the CPU's instructions for it are missing.
        OutputError: The folder exists or cannot be written.
    """
    _check_shapes(model, people, frames, branches, batch)
    providers = precision_providers(precisions)
    manifest = _describe(model, people, frames, branches)
    with atomic_folder(out, overwrite=overwrite) as folder:
        specs = _write_graphs(model, manifest, tuple(providers), batch, folder, report)
        _write_texts(model, manifest, folder)
        manifest = replace(
            manifest,
            graphs=tuple(spec for spec in specs if spec.batch == 1),
            batched=tuple(spec for spec in specs if spec.batch > 1),
            files={path.name: sha256_of(path) for path in sorted(folder.iterdir())},
        )
        drawing = Drawing(
            model.denoiser, manifest, NoiseSchedule.named(manifest.schedule.kind, manifest.schedule.steps)
        )
        parity, measured = check_precisions(
            Bundle(folder, manifest, sha256=""), drawing, model.tower, providers, motions, report, embed
        )
        provider = providers[FP32]
        manifest = replace(
            manifest,
            precisions=measured,
            parity={
                "provider": provider.name,
                "onnxruntime": onnxruntime.__version__,
                "machine": platform.machine(),
                "graphs": {name: result.to_dict() for name, result in parity.items()},
            },
        )
        (folder / MANIFEST_FILE).write_bytes(to_json(to_dict(manifest)))
        Bundle.open(folder)
    return Bundle.open(out)


def _check_shapes(
    model: Model, people: tuple[int, ...], frames: tuple[int, ...], branches: tuple[int, ...], batch: int
) -> None:
    identities = model.denoiser.config.identities
    if not people or not all(1 <= count <= identities for count in people):
        raise InputError(f"expected person counts from 1 to {identities}, got {list(people)} for --people; change them")
    if not frames or not all(2 <= count <= 10_000 for count in frames):
        raise InputError(f"expected frame counts from 2 to 10000, got {list(frames)} for --frames; change them")
    if not branches or not all(count in BRANCHES for count in branches):
        raise InputError(f"expected branches among {list(BRANCHES)}, got {list(branches)} for the kernels; change them")
    if not 1 <= batch <= MAX_BATCH:
        raise InputError(f"expected 1 to {MAX_BATCH} requests in a batch, got {batch} for --batch; change it")


def _describe(model: Model, people: tuple[int, ...], frames: tuple[int, ...], branches: tuple[int, ...]) -> Manifest:
    """The manifest without its graphs and files."""
    config, tokenizer = model.denoiser.config, model.tower.prompt_tokenizer()
    return Manifest(
        format_version=FORMAT_VERSION,
        name=model.name,
        opset=graphs.OPSET,
        fps=model.fps,
        people=tuple(sorted(set(people))),
        frames=tuple(sorted(set(frames))),
        branches=tuple(sorted(set(branches))),
        scene_tokens=model.scene_tokens,
        scene_points=config.scene_points,
        scene_radius_m=model.scene_radius_m,
        pose_dim=config.pose_dim,
        width=config.width,
        identities=config.identities,
        graphs=(),
        normaliser=Normaliser(model.mean, model.std),
        schedule=model.schedule,
        text=TextSpec(
            context_length=tokenizer.context_length,
            width=model.tower.width,
            tokenizer=TOKENIZER_FILE,
            sot=tokenizer.start_id,
            eot=tokenizer.end_id,
            pad=PAD_ID,
        ),
        person_classes=model.person_classes,
        object_classes=model.object_classes,
        default=model.default,
        licence=model.licence,
        credits=model.credits,
        files={},
        training={
            **model.training,
            "exported_with": {"scene-motion": version("scene-motion"), "torch": torch.__version__},
        },
        calibration=model.calibration,
        fall_speed=model.fall_speed,
        fall_offset_m_s=model.fall_offset_m_s,
        summary=model.summary,
    )


def _write_graphs(
    model: Model, manifest: Manifest, precisions: tuple[str, ...], batch: int, folder: Path, report: Report
) -> list[GraphSpec]:
    """Trace every graph and convert the step kernels; their weights go to one file."""
    denoiser = traceable(model.denoiser)
    schedule = NoiseSchedule.named(manifest.schedule.kind, manifest.schedule.steps)
    drawing = Drawing(model.denoiser, manifest, schedule)
    together = _default_branches(manifest, schedule) if batch > 1 else ()
    specs: list[GraphSpec] = []
    with WeightsFile(folder) as weights:

        def write(
            proto: onnx.ModelProto,
            role: str,
            variant: str = PLAIN,
            shape: Shape = (0, 0, 0, 0),
            precision: str = FP32,
            batch: int = 1,
        ) -> None:
            inputs, outputs = expected_tensors(manifest, role, *shape, batch)
            stem = role + "".join(f"_{letter}{size}" for letter, size in zip("ptk", shape[:3], strict=True) if size)
            stem += f"_b{batch}" * (batch > 1)
            stem += "_no_room" * (role == STEP and shape[3] == 0)
            kind = f".{precision}" * (precision != FP32) + f".{variant}" * (variant != PLAIN)
            file = f"{stem}{kind}.onnx"
            specs.append(GraphSpec(file, role, variant, precision, *shape, inputs, outputs, batch))
            proto.ir_version = _ONNX_IR
            weights.move_out(proto)
            (folder / file).write_bytes(proto.SerializeToString(deterministic=True))
            report(f"{file}: {len(proto.graph.node)} nodes")

        def write_step(kernel: nn.Module, example: Mapping[str, NDArray[Any]], shape: Shape, batch: int = 1) -> None:
            _, outputs = expected_tensors(manifest, STEP, *shape, batch)
            plain = graphs.trace(kernel, _tensors(example), [tensor.name for tensor in outputs], STEP)
            fused = fuse_attention(plain)
            for precision, variants in VARIANTS_OF.items():
                if precision not in precisions or (batch > 1 and precision not in BATCHED):
                    continue
                for variant in variants:
                    converted = converted_to(precision, plain if variant == PLAIN else fused)
                    graphs.check(converted)
                    write(converted, STEP, variant, shape, precision, batch)

        condition = ConditionKernel(denoiser)
        rng = np.random.default_rng(0)
        for people in manifest.people:
            example = drawing.condition(rng, people)
            shape = (people, 0, 0, manifest.scene_tokens)
            names = [tensor.name for tensor in expected_tensors(manifest, CONDITION, *shape)[1]]
            write(graphs.trace(condition, _tensors(example), names, CONDITION), CONDITION, shape=shape)
            # Motion without a room needs none of its tokens, a sixth of a short sequence.
            rooms = sorted({0, manifest.scene_tokens})
            for count, k, groups in product(manifest.frames, manifest.branches, rooms):
                shape = (people, count, k, groups)
                write_step(StepKernel(denoiser, k), drawing.step(rng, *shape), shape)
                if k in together:
                    example = drawing.batched_step(rng, *shape, batch)
                    write_step(BatchedStepKernel(denoiser, k, batch), example, shape, batch)
        text = trace_text(TextKernel(model.tower), _tensors(drawing.tokens(rng)))
        write(text, TEXT_ENCODER)
    return specs


def _default_branches(manifest: Manifest, schedule: NoiseSchedule) -> set[int]:
    """Branches that the kernels have which the default sampling runs, as `Generator` chooses them."""
    default = manifest.default
    guidance = Guidance(default.guidance, default.guidance, default.guidance_interval)
    plan = plan_steps(schedule, default.sampler, default.steps, guidance=guidance)
    needed = {len(step.branches) for step in plan}
    return {min(k for k in manifest.branches if k >= count) for count in needed if count <= max(manifest.branches)}


def _write_texts(model: Model, manifest: Manifest, folder: Path) -> None:
    (folder / TOKENIZER_FILE).write_text(model.tower.tokenizer_text, encoding="utf-8")
    lines = [f"{manifest.name}: weights under {manifest.licence}", "", manifest.credits or "No credit is asked for."]
    (folder / CREDITS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _tensors(arrays: Mapping[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
