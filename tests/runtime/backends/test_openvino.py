"""OpenVINO: the same function in fp32, near it in bf16, and clear lines where it cannot."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.errors import BundleError, MissingExtraError, ProviderError
from motion_runtime.backends.openvino_graph import OpenVinoGraph, compile_options, import_openvino
from motion_runtime.backends.ort_graph import OrtGraph
from motion_runtime.backends.provider import Provider, choose_provider
from motion_runtime.bundle import Bundle
from motion_runtime.generator import Generator
from motion_runtime.manifest import STEP
from motion_runtime.motion import GenerationRequest
from motion_runtime.session import GraphSession

needs_openvino = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="openvino is not installed")
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


@needs_openvino
@pytest.mark.parametrize("branches", [1, 2, 3])
def test_fp32_agrees_with_onnx_runtime(branches: int) -> None:
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


@needs_openvino
def test_bf16_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = import_openvino()
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


@needs_openvino
def test_a_file_that_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no graph")
    with pytest.raises(BundleError) as caught:
        OpenVinoGraph(tmp_path / "x.onnx", Provider("openvino", "", 1))
    assert "\n" not in str(caught.value)


@needs_openvino
def test_a_motion_is_the_cpus() -> None:
    request = GenerationRequest(prompts=("a person walks",), seconds=1.0, seed=3)
    found, expected = (Generator.load(TOY, name).generate(request) for name in ("openvino", "cpu"))
    np.testing.assert_allclose(found.joints_m, expected.joints_m, atol=1e-4)


@pytest.mark.parametrize("name", ["cpu", pytest.param("openvino", marks=needs_openvino)])
def test_nobody_is_told_and_nothing_is_kept(tmp_path: Path, name: str) -> None:
    """ONNX Runtime and OpenVINO keep and send usage data unless they are kept from it."""
    program = f"""
import socket, sys
from pathlib import Path
def refuse(*arguments, **options):
    raise AssertionError("connects")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
Generator.load({str(TOY)!r}, {name!r}).generate(GenerationRequest(prompts=("a person walks",), seconds=1.0))
assert not any(module.startswith("openvino_telemetry") for module in sys.modules)
"""
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
