"""OpenVINO: the same function in fp32, near it in bf16, and clear lines where it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.errors import BundleError, MissingExtraError, ProviderError
from motion_runtime.backends.openvino_graph import OpenVinoGraph, compile_options
from motion_runtime.backends.ort_graph import OrtGraph
from motion_runtime.backends.provider import Provider, choose_provider
from motion_runtime.bundle import Bundle
from motion_runtime.generator import Generator
from motion_runtime.manifest import STEP
from motion_runtime.motion import GenerationRequest
from motion_runtime.session import GraphSession

TOY = Path(__file__).parents[1] / "toy_bundle"


def drawn(bundle: Bundle, branches: int) -> dict[str, np.ndarray]:
    spec = bundle.find(STEP, "plain", 2, 20, branches)
    assert spec is not None
    rng = np.random.default_rng(branches)
    arrays = {tensor.name: rng.standard_normal(tensor.shape, np.float32) for tensor in spec.inputs}
    arrays["t"][:] = 300
    return arrays


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match="openvino"):
        OpenVinoGraph(TOY / "step_p1_t20_k1.onnx", Provider("openvino", "", 1))


def test_options() -> None:
    options = compile_options(Provider("openvino", "", 3, "bf16"))
    assert options["INFERENCE_PRECISION_HINT"] == "bf16"
    assert options["INFERENCE_NUM_THREADS"] == 3
    assert compile_options(Provider("openvino", "", 3))["INFERENCE_PRECISION_HINT"] == "f32"


@pytest.mark.parametrize("branches", [1, 2, 3])
def test_fp32_agrees_with_onnx_runtime(branches: int) -> None:
    pytest.importorskip("openvino")
    bundle = Bundle.open(TOY)
    inputs = drawn(bundle, branches)
    session = GraphSession.load(bundle, STEP, choose_provider("openvino", 1), 2, 20, branches)
    assert session.spec.variant == "plain"
    expected = OrtGraph(bundle.path(session.spec.file), Provider("cpu", "", 1), "cpu").run(inputs)
    for found, exact in zip(session.run(inputs), expected, strict=True):
        np.testing.assert_allclose(found, exact, atol=2e-5)
    first = session.run(inputs)[0]
    session.run({**inputs, "x": inputs["x"] * 2})
    np.testing.assert_array_equal(first, session.run(inputs)[0])  # results are no views of the next run's buffers


def test_bf16_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = pytest.importorskip("openvino")
    bundle = Bundle.open(TOY)
    provider = choose_provider("openvino", 1, "bf16", offered=("fp32", "bf16"))
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        inputs = drawn(bundle, 2)
        session = GraphSession.load(bundle, STEP, provider, 2, 20, 2)
        exact = OrtGraph(bundle.path(session.spec.file), Provider("cpu", "", 1), "cpu").run(inputs)[1]
        error = np.sqrt(np.square(session.run(inputs)[1] - exact).mean() / np.square(exact).mean())
        assert 1e-5 < error < 3e-2  # bf16 was in use, and kept two digits
    monkeypatch.setattr(openvino.Core, "get_property", lambda self, device, name: ["FP32"])
    with pytest.raises(ProviderError, match="bf16 instructions.*--precision fp32"):
        GraphSession.load(bundle, STEP, provider, 2, 20, 2)


def test_a_file_that_is_no_graph(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "x.onnx").write_bytes(b"no graph")
    with pytest.raises(BundleError) as caught:
        OpenVinoGraph(tmp_path / "x.onnx", Provider("openvino", "", 1))
    assert "\n" not in str(caught.value)


def test_a_motion_is_the_cpus() -> None:
    pytest.importorskip("openvino")
    request = GenerationRequest(prompts=("a person walks",), seconds=1.0, seed=3)
    found, expected = (Generator.load(TOY, name).generate(request) for name in ("openvino", "cpu"))
    np.testing.assert_allclose(found.joints_m, expected.joints_m, atol=1e-4)
