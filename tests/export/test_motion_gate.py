"""The gate of reduced precisions: what passes, what does not, and that the message holds the figures."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_export import motion_gate, precisions
from motion_export.bundle_writer import Model, write_bundle
from motion_export.motion_gate import (
    FAULTS,
    FEATURES,
    JERK_KS,
    LIMITS,
    Embed,
    MotionFigures,
    check,
    compare,
    measure_motion,
)
from motion_export.parity import RELATIVE_RMS
from motion_preprocessing.errors import InputError, ParityError
from motion_runtime.backends.openvino_graph import import_openvino
from motion_runtime.bundle import Bundle
from motion_runtime.generator import Generator
from motion_runtime.manifest import FUSED, INT8, PLAIN, STEP
from motion_runtime.motion import GenerationRequest
from motion_runtime.session import GraphSession, Provider, choose_provider

CPU = Provider("cpu", "", 1)


def figures(**changes: float) -> MotionFigures:
    rng = np.random.default_rng(0)
    means = dict.fromkeys(LIMITS, 100.0) | changes
    return MotionFigures(means, rng.exponential(50.0, 5000), (np.zeros((1, 9, 22, 3)),) * 4)


def test_the_same_motion_passes() -> None:
    comparison = compare(figures(), figures())
    assert comparison["motions"] == 4
    assert comparison["jerk_ks"]["found"] == 0
    assert comparison["joints_apart_mm"] == {"mean": 0, "worst motion": 0}
    check(INT8, comparison)


@pytest.mark.parametrize("name", LIMITS)
def test_a_figure_beyond_its_limit_is_named_with_both_values(name: str) -> None:
    share, _ = LIMITS[name]
    check(INT8, compare(figures(**{name: 100 * (1 + 0.99 * share)}), figures()))
    beyond = 100 * (1 + 1.01 * share)
    with pytest.raises(ParityError) as caught:
        check(INT8, compare(figures(**{name: beyond}), figures()))
    sign = "+" if name in FAULTS else "+-"
    assert f"{name} {beyond:.5g} instead of 100.0 {sign} {100 * share:g}" in str(caught.value)
    assert "leave int8 out" in str(caught.value)


@pytest.mark.parametrize("name", LIMITS)
def test_less_of_a_fault_is_no_reason_to_refuse(name: str) -> None:
    comparison = compare(figures(**{name: 90.0}), figures())
    if name in FAULTS:
        check(INT8, comparison)
    else:
        with pytest.raises(ParityError, match=name):
            check(INT8, comparison)


def test_a_small_figure_may_differ_by_a_fixed_amount() -> None:
    _, least = LIMITS["penetration_mm"]
    exact = figures(penetration_mm=0.0)
    check(INT8, compare(figures(penetration_mm=0.9 * least), exact))
    with pytest.raises(ParityError, match="penetration_mm"):
        check(INT8, compare(figures(penetration_mm=1.1 * least), exact))


def test_jerk_of_another_distribution_fails_with_the_same_mean() -> None:
    other = replace(figures(), jerk=np.full(5000, figures().jerk.mean()))
    with pytest.raises(ParityError, match=f"jerk_ks .* above {JERK_KS}"):
        check(INT8, compare(other, figures()))


def test_what_cannot_be_measured_in_one_of_them_fails() -> None:
    nothing = figures(skate_mm=float("nan"))
    check(INT8, compare(nothing, nothing))
    for found, exact in ((nothing, figures()), (figures(), nothing)):
        comparison = compare(found, exact)
        json.dumps(comparison, allow_nan=False)
        with pytest.raises(ParityError, match="skate_mm"):
            check(INT8, comparison)


def test_joints_apart_are_measured_between_the_same_motions() -> None:
    moved = replace(figures(), joints_m=(np.full((1, 9, 22, 3), [0.003, 0, 0.004]), *figures().joints_m[1:]))
    assert compare(moved, figures())["joints_apart_mm"] == {"mean": 1.25, "worst motion": 5.0}


def test_embeddings_of_another_place_fail() -> None:
    """Two clouds of one shape: the Frechet distance is the squared distance of their means."""
    rows = np.random.default_rng(1).normal(size=(200, 3))
    exact = replace(figures(), features=rows)
    spread = rows.var(axis=0, ddof=1).sum()
    for share, passes in ((0.9, True), (1.1, False)):
        shift = np.sqrt(share * FEATURES * spread)
        comparison = compare(replace(figures(), features=rows + [shift, 0, 0]), exact)
        assert comparison["feature_distance"]["found"] == pytest.approx(shift**2, rel=1e-3)
        assert comparison["feature_distance"]["limit"] == pytest.approx(FEATURES * spread, rel=1e-4)
        if passes:
            check(INT8, comparison)
        else:
            with pytest.raises(ParityError, match="feature_distance"):
                check(INT8, comparison)
    assert "feature_distance" not in compare(figures(), exact)


@pytest.fixture(scope="module")
def reduced(toy_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """fp32, fp16 and int8 of one shape, with one and two branches."""
    folder = tmp_path_factory.mktemp("reduced") / "toy"
    return write_bundle(
        toy_model, folder, people=(1,), frames=(10,), branches=(1, 2), precisions=("int8", "fp16"), motions=6,
        embed=lambda motions: np.stack([motion.root_position_m[0].mean(axis=0) for motion in motions]),
    )  # fmt: skip


def test_bundle_holds_graphs_and_figures_of_every_precision(reduced: Bundle) -> None:
    measured = reduced.manifest.precisions
    assert set(measured) == {"fp32", "fp16", "int8"}
    assert measured["fp32"]["max_abs"] <= 1e-4
    for precision in ("fp16", "int8"):
        assert 0 < measured[precision]["relative_rms"] <= RELATIVE_RMS[precision]
        motion = measured[precision]["motion"]
        assert motion["motions"] == 6
        assert set(motion["figures"]) == set(LIMITS)
        assert 0 <= motion["feature_distance"]["found"] <= motion["feature_distance"]["limit"]
        assert motion["jerk_ks"]["found"] <= motion["jerk_ks"]["limit"]
    assert measured["fp16"]["relative_rms"] < measured["int8"]["relative_rms"]
    for branches in (1, 2):
        assert reduced.find(STEP, PLAIN, 1, 10, branches, precision="fp16") is not None
        assert reduced.find(STEP, FUSED, 1, 10, branches, precision="fp16") is not None
        assert reduced.find(STEP, FUSED, 1, 10, branches, precision="int8") is not None
    assert Bundle.open(reduced.folder).manifest.precisions == measured


def test_weights_are_shared_by_the_graphs_of_a_precision(reduced: Bundle, exported: Bundle) -> None:
    """Half a byte-count for fp16 and a quarter for int8 on top of fp32's, however many graphs there are."""
    exact = exported.path("weights.bin").stat().st_size
    assert exact < reduced.path("weights.bin").stat().st_size < 2 * exact


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_the_runtime_runs_the_precision_and_ends_in_fp32(
    reduced: Bundle, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = Generator.load(reduced.folder, "cpu", precision)
    assert generator.provider.precision == precision
    used: list[str] = []
    real = GraphSession.bind

    def recorded(session: GraphSession, fixed: Any) -> Any:
        run = real(session, fixed)

        def step(moving: Any) -> Any:
            used.append(session.spec.precision)
            return run(moving)

        return step

    monkeypatch.setattr(GraphSession, "bind", recorded)
    request = GenerationRequest(prompts=("a person walks",), seconds=0.5, steps=20, seed=1)
    found = generator.generate(request)
    assert used == (["int8"] * 18 + ["fp32"] * 2 if precision == "int8" else ["fp16"] * 20)
    exact = Generator.load(reduced.folder, "cpu", "fp32").generate(request)
    assert 0 < np.abs(found.joints_m - exact.joints_m).max() < 0.02


def test_motions_of_fp32_are_measured_as_themselves(reduced: Bundle) -> None:
    """The gate between fp32 and fp32 from the same noise is exactly zero: seeds and prompts are those of the index."""
    first, second = measure_motion(reduced, CPU, 2), measure_motion(reduced, CPU, 2)
    np.testing.assert_array_equal(first.jerk, second.jerk)
    assert first.jerk.size > 0
    assert not np.array_equal(first.joints_m[0], first.joints_m[1])


def test_a_precision_that_moves_otherwise_is_refused_and_nothing_is_written(
    toy_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = motion_gate.measure_motion

    def shaken(bundle: Bundle, provider: Provider, motions: int, embed: Embed | None) -> MotionFigures:
        found = real(bundle, provider, motions, embed)
        return found if provider.precision == "fp32" else replace(found, jerk=found.jerk * 1.5)

    monkeypatch.setattr(precisions, "measure_motion", shaken)
    with pytest.raises(ParityError, match="expected int8 to move like fp32 over 1 motions, got .*jerk_ks"):
        write_bundle(
            toy_model, tmp_path / "toy", people=(1,), frames=(10,), branches=(2,), precisions=("int8",), motions=1
        )
    assert list(tmp_path.iterdir()) == []


def test_a_precision_far_from_pytorch_is_refused(
    toy_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RELATIVE_RMS, "fp16", 1e-9)
    with pytest.raises(ParityError, match=r"fp16 within 1e-09 .*relative RMS.*step_p1_t10_k2(_no_room)?.fp16.onnx"):
        write_bundle(
            toy_model, tmp_path / "toy", people=(1,), frames=(10,), branches=(2,), precisions=("fp16",), motions=1
        )


def test_unknown_precision(toy_model: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got 'fp8' for --precisions"):
        write_bundle(toy_model, tmp_path / "toy", people=(1,), frames=(10,), precisions=("fp8",))


def test_bf16_is_measured_through_openvino(toy_model: Model, tmp_path: Path) -> None:
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    if "BF16" not in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bf16 instructions")
    bundle = write_bundle(
        toy_model, tmp_path / "toy", people=(1,), frames=(10,), branches=(2,), precisions=("bf16",), motions=8
    )
    assert bundle.manifest.precisions["bf16"]["provider"] == "openvino"
    assert {graph.precision for graph in bundle.manifest.graphs} == {"fp32"}  # no weights of its own
    chosen = choose_provider("auto", 1, "bf16", bundle.manifest.precisions)
    assert chosen.name == "openvino"
