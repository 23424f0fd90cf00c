"""Kernels of a batch: as many single steps, compared with PyTorch one by one, over the weights that are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motion_export import bundle_writer
from motion_export.bundle_writer import Model, write_bundle
from motion_export.inputs import Drawing
from motion_export.kernels import BatchedStepKernel, StepKernel, traceable
from motion_export.parity import calls, shares
from motion_preprocessing.errors import InputError, ParityError
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import FUSED, PLAIN, STEP
from motion_runtime.schedule import NoiseSchedule

P, T, S, B = 2, 10, 4, 3


@pytest.fixture(scope="module")
def batched(toy_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Kernels of one person and 10 frames, and of batches of 3."""
    return write_bundle(toy_model, tmp_path_factory.mktemp("batched") / "toy", people=(1,), frames=(10,), batch=B)


@pytest.mark.parametrize("branches", [1, 2, 3])
def test_a_batch_is_as_many_kernels(toy_model: Model, branches: int) -> None:
    """Each request has its own level, coefficients and conditions; the kernel of one is the reference."""
    generator = torch.Generator().manual_seed(0)
    d = toy_model.denoiser.config.width
    shapes = {
        "x": (B, 1, P, T, 258), "x0_prev": (B, 1, P, T, 258), "noise": (B, 1, P, T, 258), "t": (B, 1),
        "coefficients": (B, 4 + branches), "prefix": (B, branches, P + S, d), "person": (B, branches, P, d),
        "key_bias": (B, branches, 1 + P + S + P * T),
    }  # fmt: skip
    inputs = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    inputs["t"] = torch.tensor([[20.0], [500.0], [990.0]])
    denoiser = traceable(toy_model.denoiser)
    found = BatchedStepKernel(denoiser, branches, B)(**inputs)
    for row in range(B):
        single = StepKernel(denoiser, branches)(**{name: value[row] for name, value in inputs.items()})
        for ours, theirs in zip(found, single, strict=True):
            assert ours.shape == (B, 1, P, T, 258)
            torch.testing.assert_close(ours[row], theirs, atol=1e-5, rtol=0)


def test_they_come_beside_the_kernels_of_one_request_and_share_their_weights(batched: Bundle, exported: Bundle) -> None:
    manifest = batched.manifest
    assert {graph.file for graph in manifest.batched} == {
        f"step_p1_t10_k2_b3{room}{kind}.onnx" for room in ("", "_no_room") for kind in ("", ".fused")
    }  # of two branches: the toy guides both conditions by default
    assert all(graph.batch == B and graph.inputs[0].shape == (B, 1, 1, 10, 258) for graph in manifest.batched)
    assert all(graph.batch == 1 for graph in manifest.graphs)
    assert manifest.batch == B
    assert batched.path("weights.bin").stat().st_size == exported.path("weights.bin").stat().st_size
    parity = manifest.parity["graphs"]
    for graph in manifest.batched:
        assert parity[graph.file]["inputs"] == 20
        assert 0 < parity[graph.file]["max_abs"] <= 1e-4
    assert "batch" not in (exported.folder / "manifest.json").read_text("utf-8")


def test_every_bundle_without_them_keeps_its_bytes(toy_model: Model, exported: Bundle, batched: Bundle) -> None:
    for graph in exported.manifest.graphs:
        if graph.people == 1:
            assert batched.manifest.files[graph.file] == exported.manifest.files[graph.file]


def test_they_are_those_that_sampling_takes_by_default(toy_model: Model, exported: Bundle, tmp_path: Path) -> None:
    manifest = exported.manifest
    schedule = NoiseSchedule.named(manifest.schedule.kind, manifest.schedule.steps)
    for guidance, interval, has, branches in (
        (1.0, (0.0, 1.0), (1, 2, 3), {1}),
        (1.0, (0.0, 1.0), (3,), {3}),  # the smallest that there is, as at run time
        (2.0, (0.0, 1.0), (1, 2, 3), {2}),
        (2.0, (0.0, 1.0), (1,), set()),  # such a bundle cannot sample by its default
        (2.0, (0.2, 0.8), (1, 2, 3), {1, 2}),
    ):
        default = replace(manifest.default, guidance=guidance, guidance_interval=interval)
        found = bundle_writer._default_branches(replace(manifest, default=default, branches=has), schedule)
        assert found == branches
    sometimes = replace(toy_model, default=default)
    bundle = write_bundle(sometimes, tmp_path / "b", people=(1,), frames=(4,), branches=(1, 2), batch=2)
    assert {graph.branches for graph in bundle.manifest.batched} == {1, 2}


def test_requests_that_are_mixed_up_are_found_and_nothing_is_written(
    toy_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mixed(BatchedStepKernel):
        def forward(self, *inputs: torch.Tensor, **named: torch.Tensor) -> Any:
            x_next, x0 = super().forward(*inputs, **named)
            return x_next, x0.flip(0)

    monkeypatch.setattr(bundle_writer, "BatchedStepKernel", Mixed)
    with pytest.raises(ParityError, match=r"for 'x0\[.*step_p1_t4_k2_b2_no_room\.onnx"):
        write_bundle(toy_model, tmp_path / "b", people=(1,), frames=(4,), branches=(2,), batch=2)
    assert list(tmp_path.iterdir()) == []


def test_the_reference_is_a_request_at_a_time(toy_model: Model, batched: Bundle) -> None:
    spec = batched.find(STEP, PLAIN, 1, 10, 2, batch=B)
    assert spec is not None
    manifest = batched.manifest
    drawing = Drawing(
        toy_model.denoiser, manifest, NoiseSchedule.named(manifest.schedule.kind, manifest.schedule.steps)
    )
    draw, reference = drawing.comparison(spec, toy_model.tower)
    values = draw(np.random.default_rng(0))
    assert len({float(level) for level in values["t"][:, 0]}) > 1
    expected = [drawing.step_reference({name: value[row] for name, value in values.items()}) for row in range(B)]
    for output, each in zip(reference(values), zip(*expected, strict=True), strict=True):
        np.testing.assert_array_equal(output, np.stack(each))
    # Guidance and the frames in use count for each request by itself.
    values["coefficients"][:, 4:] = [[1.0, 0.0], [3.0, -2.0], [0.2, 0.1]]
    values["key_bias"][:, :, -10:] = 0.0
    values["key_bias"][2, :, -4:] = -1e4
    weights = shares(spec, values)
    assert weights.shape == (B, 1, 1, 10, 1)
    np.testing.assert_allclose(weights[:, 0, 0, 0, 0], [1.0, 1 / 5.0, 1.0])
    np.testing.assert_allclose(weights[2, 0, 0, :, 0], [1.0] * 6 + [0.0] * 4)
    assert calls(spec, 20) == 7  # 21 requests


@pytest.mark.parametrize("batch", [0, -1, 65])
def test_batches_out_of_range(toy_model: Model, tmp_path: Path, batch: int) -> None:
    with pytest.raises(InputError, match="--batch"):
        write_bundle(toy_model, tmp_path / "b", people=(1,), frames=(4,), batch=batch)


def test_half_precision_has_them_and_int8_does_not(reduced_and_batched: Bundle) -> None:
    assert {graph.precision for graph in reduced_and_batched.manifest.batched} == {"fp32", "fp16"}
    for variant in (PLAIN, FUSED):
        spec = reduced_and_batched.find(STEP, variant, 1, 10, 2, precision="fp16", batch=2)
        assert spec is not None
        assert all(tensor.dtype == "float32" for tensor in (*spec.inputs, *spec.outputs))


@pytest.fixture
def reduced_and_batched(toy_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    from motion_export import precisions

    # How a precision moves is tested elsewhere.
    monkeypatch.setattr(precisions, "_compare_motions", lambda bundle, providers, *rest: dict.fromkeys(
        [name for name in providers if name != "fp32"], {}))  # fmt: skip
    return write_bundle(
        toy_model, tmp_path / "b", people=(1,), frames=(10,), branches=(2,), batch=2, precisions=("fp16", "int8")
    )
