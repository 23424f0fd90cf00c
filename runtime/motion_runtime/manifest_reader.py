"""Read a bundle's `manifest.json` and check that it does not contradict itself.

A reader ignores keys it does not know; whatever a reader must know raises the format version.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product
from typing import Final

import numpy as np

from motion_preprocessing.errors import BundleError
from motion_runtime.guidance import ALL_STEPS
from motion_runtime.manifest import (
    CONDITION,
    FORMAT_VERSION,
    FP32,
    PRECISIONS,
    ROLES,
    STEP,
    STORED,
    TEXT_ENCODER,
    VARIANTS,
    Calibration,
    GraphSpec,
    Manifest,
    Normaliser,
    SamplingDefaults,
    ScheduleSpec,
    TensorSpec,
    TextSpec,
    expected_tensors,
)
from motion_runtime.manifest_values import Reader
from motion_runtime.sampler import SAMPLERS
from motion_runtime.schedule import SCHEDULE_KINDS

MAX_BRANCHES: Final = 3
"""Guidance weighs text and scene separately with three branches; there is nothing more to weigh."""
MAX_SCHEDULE_STEPS: Final = 100_000
"""A hundred times the usual: beyond, a damaged number would only fill the memory."""
ALLOWED_SUFFIXES: Final = (".onnx", ".bin", ".json", ".txt", ".md")

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


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
        graphs=tuple(_graph(reader, top.integer("scene_tokens", least=0)) for reader in top.tables("graphs")),
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
            default.choice("sampler", SAMPLERS),
            default.integer("steps"),
            default.number("guidance"),
            # Bundles of before this was a setting guide in every step.
            default.interval("guidance_interval") if "guidance_interval" in default.values else ALL_STEPS,
        ),
        licence=top.text("licence"),
        credits=top.text("credits"),
        files={name: top.table("files").text(name) for name in top.table("files").values},
        training=dict(top.table("training").values),
        parity=dict(top.table("parity").values),
        precisions=dict(top.table("precisions").values) if "precisions" in top.values else {FP32: {}},
        calibration=None if top.values.get("calibration") is None else _calibration(top.table("calibration")),
        fall_speed=top.number("fall_speed", positive=True) if "fall_speed" in top.values else 1.0,
        fall_offset_m_s=top.number("fall_offset_m_s") if "fall_offset_m_s" in top.values else 0.0,
        summary=top.table("summary").words() if "summary" in top.values else {},
        batched=_batched(top) if "batched" in top.values else (),
    )
    _check_names(manifest, where)
    _check_sizes(manifest, where)
    _check_shapes(manifest, where)
    return manifest


def _calibration(reader: Reader) -> Calibration:
    hertz, levels = reader.numbers("hertz"), tuple(map(int, reader.numbers("levels")))
    size = len(levels), len(hertz)
    return Calibration(hertz, levels, *(reader.matrix(part, *size) for part in ("arms", "raised_arms", "others")))


def _batched(top: Reader) -> tuple[GraphSpec, ...]:
    """Step kernels of several requests."""
    return tuple(
        replace(_graph(reader, 0), role=reader.choice("role", (STEP,)), batch=reader.integer("batch", least=2))
        for reader in top.tables("batched")
    )


def _graph(reader: Reader, scene_tokens: int) -> GraphSpec:
    role = reader.choice("role", ROLES)
    if "scene_tokens" in reader.values:
        scene_tokens = reader.integer("scene_tokens", least=0)
    elif role == TEXT_ENCODER:
        scene_tokens = 0
    # Bundles of before there were kernels without a room have room for all in the others.
    return GraphSpec(
        file=reader.text("file"),
        role=role,
        variant=reader.choice("variant", VARIANTS),
        precision=reader.choice("precision", STORED),
        people=reader.integer("people", least=0),
        frames=reader.integer("frames", least=0),
        branches=reader.integer("branches", least=0, most=MAX_BRANCHES),
        scene_tokens=scene_tokens,
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
    for name in (manifest.text.tokenizer, *(graph.file for graph in (*manifest.graphs, *manifest.batched))):
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
    for graph in (*manifest.graphs, *manifest.batched):
        expected = expected_tensors(
            manifest, graph.role, graph.people, graph.frames, graph.branches, graph.scene_tokens, graph.batch
        )
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
    present = {
        (graph.role, graph.precision, graph.people, graph.frames, graph.branches, graph.scene_tokens)
        for graph in manifest.graphs
    }
    needed = {(TEXT_ENCODER, FP32, 0, 0, 0, 0)}
    stored = [precision for precision in STORED if precision in manifest.precisions]
    # With room for a room always; without, for all shapes or for none.
    rooms = {manifest.scene_tokens} | {graph.scene_tokens for graph in manifest.graphs if graph.role == STEP}
    for people in manifest.people:
        needed.add((CONDITION, FP32, people, 0, 0, manifest.scene_tokens))
        for precision, frames, branches, groups in product(stored, manifest.frames, manifest.branches, sorted(rooms)):
            needed.add((STEP, precision, people, frames, branches, groups))
    # What stands in for another kernel is of its shape, and there is one size of batch.
    needed |= {
        (STEP, graph.precision, graph.people, graph.frames, graph.branches, graph.scene_tokens)
        for graph in manifest.batched
    }
    sizes = sorted({graph.batch for graph in manifest.batched})
    if len(sizes) > 1:
        raise BundleError(f"expected one size of batch, got {sizes} for the kernels of {where}; restore the bundle")
    missing = sorted(needed - present)
    if missing:
        role, precision, people, frames, branches, groups = missing[0]
        raise BundleError(
            f"expected a {precision} {role} graph for {people} people, {frames} frames, {branches} branches and "
            f"{groups} groups of a room's points, got none in {where}; restore the bundle"
        )


def _describe(tensors: tuple[TensorSpec, ...], other: tuple[TensorSpec, ...]) -> str:
    """The first tensor that differs, in words."""
    for index, tensor in enumerate(tensors):
        if index >= len(other) or other[index] != tensor:
            return f"{tensor.name} {tensor.dtype} {list(tensor.shape)}"
    return f"{len(tensors)} tensors"
