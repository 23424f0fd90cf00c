"""The parity check raises where it must, and says where and by how much."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from motion_export.bundle_writer import Model
from motion_export.inputs import Drawing
from motion_export.parity import Array, Draw, Reference, measure, measure_reduced, shares
from motion_preprocessing.errors import BundleError, ParityError
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import CONDITION, FUSED, INT8, PLAIN, STEP, GraphSpec, TensorSpec
from motion_runtime.schedule import NoiseSchedule
from motion_runtime.session import Provider

CPU = Provider("cpu", "", 1)


@pytest.fixture
def comparison(toy_model: Model, exported: Bundle) -> tuple[GraphSpec, Draw, Reference]:
    spec = exported.find(STEP, FUSED, 2, 10, 3)
    assert spec is not None
    drawing = Drawing(toy_model.denoiser, exported.manifest, NoiseSchedule.cosine())
    return spec, *drawing.comparison(spec, toy_model.tower)


def test_agreement_is_measured(exported: Bundle, comparison: tuple[GraphSpec, Draw, Reference]) -> None:
    spec, draw, reference = comparison
    found = measure(exported.path(spec.file), spec, draw, reference, provider=CPU, inputs=3)
    assert found.inputs == 3
    assert 0 < found.max_abs < 5e-5
    assert 0 < found.max_abs_unoptimised < 5e-5


@pytest.mark.parametrize("amount", [2e-3, -2e-3, np.nan, np.inf])
def test_worst_element_is_named_with_both_values(
    exported: Bundle, comparison: tuple[GraphSpec, Draw, Reference], amount: float
) -> None:
    spec, draw, reference = comparison
    wanted: list[np.float32] = []

    def shifted(values: Mapping[str, Array]) -> list[Array]:
        x_next, x0 = (np.array(output) for output in reference(values))
        x0[0, 1, 1, 77] += np.float32(amount)
        wanted.append(x0[0, 1, 1, 77])
        return [x_next, x0]

    with pytest.raises(ParityError) as caught:
        measure(exported.path(spec.file), spec, draw, shifted, provider=CPU)
    message = str(caught.value)
    assert "'x0[0, 1, 1, 77]'" in message
    assert f"expected {wanted[0]:.9g} within 0.0001, got " in message
    assert "input 0" in message
    assert " a unit of the branches' weights)" in message
    assert "\n" not in message


def test_error_in_a_later_input_is_found(exported: Bundle, comparison: tuple[GraphSpec, Draw, Reference]) -> None:
    spec, draw, reference = comparison
    calls = iter(range(100))

    def late(values: Mapping[str, Array]) -> list[Array]:
        outputs = [np.array(output) for output in reference(values)]
        outputs[0].flat[0] += 2e-3 * (next(calls) == 19)
        return outputs

    with pytest.raises(ParityError, match=r"x_next\[0, 0, 0, 0\].*input 19"):
        measure(exported.path(spec.file), spec, draw, late, provider=CPU)


def test_differences_count_by_the_guidance_and_only_where_frames_are_used(
    exported: Bundle, comparison: tuple[GraphSpec, Draw, Reference]
) -> None:
    spec, draw, _ = comparison
    values = draw(np.random.default_rng(0))
    values["coefficients"][4:] = (2.5, -1.0, -0.5)
    bias = values["key_bias"].copy()
    bias[:, -spec.people * spec.frames :] = 0.0
    bias[:, -3:] = -1e4  # the last frames of the last person
    found = shares(spec, {**values, "key_bias": bias})
    assert found.shape == (1, 2, 10, 1)
    expected = np.full((2, 10), 1 / 4.0)
    expected[1, 7:] = 0.0
    np.testing.assert_allclose(found[0, :, :, 0], expected)
    values["coefficients"][4:] = (0.5, 0.25, 0.0)  # no more lenient than without guidance, and no less
    assert shares(spec, values).max() == 1.0


def test_a_reduced_precision_is_judged_where_frames_are_used(
    exported: Bundle, comparison: tuple[GraphSpec, Draw, Reference]
) -> None:
    spec, draw, reference = comparison
    coarse = replace(CPU, precision=INT8)  # only its limit is taken: the graph is that of fp32

    def some(rng: np.random.Generator) -> dict[str, Array]:
        values = draw(rng)
        bias = values["key_bias"].copy()
        bias[:, -3:] = -1e4  # the last frames of the last person
        return {**values, "key_bias": bias}

    def wrong_by(amount: float, frames: slice) -> Reference:
        def other(values: Mapping[str, Array]) -> list[Array]:
            answers = [np.array(answer) for answer in reference(values)]
            for answer in answers:
                answer[:, -1, frames] += amount
            return answers

        return other

    unused, used = slice(-3, None), slice(0, 3)
    assert measure_reduced(exported.path(spec.file), spec, some, wrong_by(100.0, unused), provider=coarse) < 1e-4
    with pytest.raises(ParityError, match="relative RMS"):
        measure_reduced(exported.path(spec.file), spec, some, wrong_by(100.0, used), provider=coarse)


def test_tolerance_decides(exported: Bundle, comparison: tuple[GraphSpec, Draw, Reference]) -> None:
    spec, draw, reference = comparison
    with pytest.raises(ParityError, match="within 1e-09"):
        measure(exported.path(spec.file), spec, draw, reference, provider=CPU, tolerance=1e-9)


def test_wrong_shape_of_the_reference(exported: Bundle, comparison: tuple[GraphSpec, Draw, Reference]) -> None:
    spec, draw, reference = comparison
    with pytest.raises(ParityError, match="shape"):
        measure(exported.path(spec.file), spec, draw, lambda v: [o[0] for o in reference(v)], provider=CPU)


def test_graph_of_another_model_fails(toy_model: Model, exported: Bundle) -> None:
    """Weights that differ in one bias of one layer are seen."""
    other = copy.deepcopy(toy_model.denoiser)
    other.layers[1].contract.bias.data[5] += 0.05
    spec = exported.find(STEP, PLAIN, 1, 10, 2)
    assert spec is not None
    drawing = Drawing(other, exported.manifest, NoiseSchedule.cosine())
    with pytest.raises(ParityError):
        measure(exported.path(spec.file), spec, *drawing.comparison(spec, toy_model.tower), provider=CPU)


def test_description_must_fit_the_graph(exported: Bundle, comparison: tuple[GraphSpec, Draw, Reference]) -> None:
    spec, draw, reference = comparison
    wrong = replace(spec, outputs=(*spec.outputs, TensorSpec("more", "float32", (1,))))
    with pytest.raises(BundleError, match="outputs"):
        measure(exported.path(spec.file), wrong, draw, reference, provider=CPU)


def test_drawn_inputs_are_those_of_the_graph(toy_model: Model, exported: Bundle) -> None:
    drawing = Drawing(toy_model.denoiser, exported.manifest, NoiseSchedule.cosine())
    for spec in exported.manifest.graphs:
        draw, _ = drawing.comparison(spec, toy_model.tower)
        values = draw(np.random.default_rng(0))
        found = {name: (value.dtype.name, value.shape) for name, value in values.items()}
        assert found == {tensor.name: (tensor.dtype, tensor.shape) for tensor in spec.inputs}


def test_identities_are_distinct(toy_model: Model, exported: Bundle) -> None:
    drawing = Drawing(toy_model.denoiser, exported.manifest, NoiseSchedule.cosine())
    spec = exported.find(CONDITION, PLAIN, 2)
    assert spec is not None
    for seed in range(20):
        identity = drawing.condition(np.random.default_rng(seed), 2)["identity"][0]
        assert len(set(identity.tolist())) == 2
