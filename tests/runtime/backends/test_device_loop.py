"""The device's loop: run for real with the CPU as its device, and recorded where only a GPU could run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from motion_preprocessing.errors import ProviderError
from motion_runtime.backends import obstacles, ort_graph
from motion_runtime.backends.device_loop import DeviceLoop, Resident
from motion_runtime.backends.ort_graph import DeviceGraph, OrtGraph
from motion_runtime.backends.provider import Provider
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import FUSED, STEP

TOY = Path(__file__).parents[1] / "toy_bundle"
CPU = Provider("cpu", "", 1)
FIXED = ("prefix", "person", "key_bias")
Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def graph() -> OrtGraph:
    bundle = Bundle.open(TOY)
    spec = bundle.find(STEP, FUSED, 1, 20, 2)
    assert spec is not None
    return OrtGraph(bundle.path(spec.file), CPU, "cpu")


def loop_over(graph: OrtGraph) -> DeviceLoop:
    return DeviceLoop(graph.session, graph.inputs, graph.outputs, device="cpu", capture=False)


def drawn(graph: OrtGraph, seed: int) -> tuple[Arrays, Arrays]:
    """Inputs that stay and inputs that change."""
    rng = np.random.default_rng(seed)
    arrays = {tensor.name: rng.standard_normal(tensor.shape, np.float32) for tensor in graph.inputs}
    arrays["t"][:] = 400
    arrays["coefficients"][:] = [0.6, 0.4, -0.1, 0.1, 2.0, -1.0]
    return {name: arrays.pop(name) for name in FIXED}, arrays


def test_several_steps_are_those_of_plain_runs(graph: OrtGraph) -> None:
    fixed, moving = drawn(graph, 0)
    step = loop_over(graph).bind(fixed)
    found: Any = (moving["x"], moving["x0_prev"])
    expected: Any = found
    for number in range(5):
        now = {**moving, "noise": moving["noise"] * number}
        found = step({**now, "x": found[0], "x0_prev": found[1]})
        expected = graph.run({**fixed, **now, "x": expected[0], "x0_prev": expected[1]})
        assert all(isinstance(value, Resident) and not value.fetched for value in found)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(a), b)


def test_what_is_kept_read_or_changed_is_right(graph: OrtGraph) -> None:
    """In-betweening reads and changes x0 at every step; somebody keeps every result."""
    fixed, moving = drawn(graph, 1)
    step = loop_over(graph).bind(fixed)
    found: Any = (moving["x"], moving["x0_prev"])
    expected: Any = found
    kept, wanted = [], []
    for number in range(6):
        found = step({**moving, "x": found[0], "x0_prev": found[1]})
        expected = graph.run({**fixed, **moving, "x": expected[0], "x0_prev": expected[1]})
        kept.append(found)
        wanted.append([array.copy() for array in expected])
        if number % 2:
            found = found[0], np.where(np.arange(258) < 5, 0.25, found[1]).astype(np.float32)
            expected = expected[0], np.where(np.arange(258) < 5, 0.25, expected[1]).astype(np.float32)
    for pair, exact in zip(kept, wanted, strict=True):
        for a, b in zip(pair, exact, strict=True):
            np.testing.assert_array_equal(np.asarray(a), b)


def test_two_requests_in_turns_do_not_disturb_each_other(graph: OrtGraph) -> None:
    loop = loop_over(graph)
    requests = []
    for seed in (2, 3):
        fixed, moving = drawn(graph, seed)
        state: Any = (moving["x"], moving["x0_prev"])
        requests.append({"fixed": fixed, "moving": moving, "step": loop.bind(fixed), "found": state, "expected": state})
    for _ in range(3):
        for r in requests:
            x, x0 = r["found"]
            r["found"] = r["step"]({**r["moving"], "x": x, "x0_prev": x0})
            x, x0 = r["expected"]
            r["expected"] = graph.run({**r["fixed"], **r["moving"], "x": x, "x0_prev": x0})
    for r in requests:
        for a, b in zip(r["found"], r["expected"], strict=True):
            np.testing.assert_array_equal(np.asarray(a), b)


def test_steps_of_batches_whose_requests_change() -> None:
    """As a batch is run on a device: nothing is kept from call to call, every input is given."""
    bundle = Bundle.open(TOY)
    spec = bundle.find(STEP, FUSED, 1, 20, 2, batch=3)
    assert spec is not None
    batched = OrtGraph(bundle.path(spec.file), CPU, "cpu")
    loop = loop_over(batched)
    for seed in range(4):
        fixed, moving = drawn(batched, seed)
        found = [np.asarray(output) for output in loop.bind({})({**fixed, **moving})]
        for ours, theirs in zip(found, batched.run({**fixed, **moving}), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_x_given_as_x0_too(graph: OrtGraph) -> None:
    fixed, moving = drawn(graph, 4)
    step = loop_over(graph).bind(fixed)
    x, _ = step(moving)
    exact, _ = graph.run({**fixed, **moving})
    found = step({**moving, "x": x, "x0_prev": x})
    expected = graph.run({**fixed, **moving, "x": exact, "x0_prev": exact})
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(a), b)


def test_a_resident_is_an_array_to_its_readers(graph: OrtGraph) -> None:
    fixed, moving = drawn(graph, 5)
    x, x0 = loop_over(graph).bind(fixed)(moving)
    assert (x.shape, x.dtype) == ((1, 1, 20, 258), np.float32)
    expected, expected_x0 = graph.run({**fixed, **moving})
    np.testing.assert_array_equal(x[0, :, 3:5], expected[0, :, 3:5])
    np.testing.assert_array_equal(2 * x - x0, 2 * expected - expected_x0)
    np.testing.assert_array_equal(np.isfinite(x), True)
    assert np.asarray(x, np.float64).dtype == np.float64
    assert len(x) == 1


class Recorder:
    """A session that writes down what it is asked for; its numbers are nothing."""

    def __init__(self, graph: OrtGraph) -> None:
        self.graph = graph
        self.runs: list[tuple[Any, str]] = []
        self.bindings: list[Any] = []

    def io_binding(self) -> Any:
        binding = RecordedBinding()
        self.bindings.append(binding)
        return binding

    def run_with_iobinding(self, binding: Any, options: ort.RunOptions) -> None:
        assert binding.synchronised
        binding.synchronised = False
        self.runs.append((binding, options.get_run_config_entry("gpu_graph_id")))

    def get_inputs(self) -> list[Any]:
        return list(self.graph.session.get_inputs())

    def get_outputs(self) -> list[Any]:
        return list(self.graph.session.get_outputs())


class RecordedBinding:
    def __init__(self) -> None:
        self.inputs: dict[str, int] = {}
        self.outputs: dict[str, int] = {}
        self.synchronised = False

    def bind_ortvalue_input(self, name: str, value: Any) -> None:
        self.inputs[name] = value.data_ptr()

    def bind_ortvalue_output(self, name: str, value: Any) -> None:
        self.outputs[name] = value.data_ptr()

    def synchronize_inputs(self) -> None:
        self.synchronised = True


def test_each_turn_has_its_recording_and_no_address_changes(graph: OrtGraph) -> None:
    recorder = Recorder(graph)
    loop = DeviceLoop(recorder, graph.inputs, graph.outputs, device="cpu", capture=True)
    even, odd = recorder.bindings
    assert even.inputs.keys() == {tensor.name for tensor in graph.inputs}
    for given, made in (("x", "x_next"), ("x0_prev", "x0")):
        assert even.outputs[made] == odd.inputs[given]
        assert odd.outputs[made] == even.inputs[given]
        assert even.inputs[given] != odd.inputs[given]
    assert all(even.inputs[name] == odd.inputs[name] for name in (*FIXED, "noise", "t", "coefficients"))
    fixed, moving = drawn(graph, 6)
    step = loop.bind(fixed)
    state: Any = (moving["x"], moving["x0_prev"])
    for _ in range(5):
        state = step({**moving, "x": state[0], "x0_prev": state[1]})
    assert recorder.runs == [(even, "1"), (odd, "2"), (even, "1"), (odd, "2"), (even, "1")]


@pytest.fixture
def created(graph: OrtGraph, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Sessions asked of ONNX Runtime; they are recorders that claim their provider, in host memory."""
    asked: list[dict[str, Any]] = []

    class Session(Recorder):
        def __init__(self, path: str, options: Any, providers: list[Any], **rest: Any) -> None:
            super().__init__(graph)
            asked.append({"path": path, "providers": providers, "session": self, **rest})
            self.provider = providers[0][0]

        def get_providers(self) -> list[str]:
            return [self.provider]

    real = ort.OrtValue.ortvalue_from_shape_and_type
    monkeypatch.setattr(ort.OrtValue, "ortvalue_from_shape_and_type", lambda s, t, device, index: real(s, t, "cpu", 0))
    monkeypatch.setattr(ort_graph.ort, "InferenceSession", Session)
    monkeypatch.setattr(obstacles, "preload", lambda: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return asked


def test_cuda_and_tensorrt_are_asked_for_by_name_with_their_options(
    created: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = TOY / "step_p1_t20_k2.fused.onnx"
    DeviceGraph(path, Provider("cuda", "", 1))
    DeviceGraph(path, Provider("tensorrt", "", 1, "fp16"))
    (cuda,), (tensorrt,) = (call["providers"] for call in created)
    assert cuda == ("CUDAExecutionProvider", {"use_tf32": "0", "enable_cuda_graph": "1"})
    assert tensorrt[0] == "TensorrtExecutionProvider"
    assert tensorrt[1]["trt_fp16_enable"] == "1"
    assert Path(tensorrt[1]["trt_engine_cache_path"]).parent == tmp_path / "scene-motion" / "tensorrt"
    assert created[0]["disabled_optimizers"] == []


def test_engines_are_sealed_after_the_first_run(created: list[dict[str, Any]], graph: OrtGraph, tmp_path: Path) -> None:
    loaded = DeviceGraph(TOY / "step_p1_t20_k2.fused.onnx", Provider("tensorrt", "", 1))
    folder = Path(created[0]["providers"][0][1]["trt_engine_cache_path"])
    (folder / "a.engine").write_bytes(b"engine")
    assert not (folder / "engines.json").exists()
    fixed, moving = drawn(graph, 7)
    loaded.bind(fixed)(moving)
    assert "a.engine" in (folder / "engines.json").read_text()


def test_a_node_that_keeps_launches_from_being_recorded_is_said(
    created: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = ort_graph.ort.InferenceSession

    def refuses(path: str, options: Any, providers: list[Any], **rest: Any) -> Any:
        if providers[0][1]["enable_cuda_graph"] == "1":
            raise RuntimeError("a node on the CPU rules graph capture out")
        return session(path, options, providers, **rest)

    monkeypatch.setattr(ort_graph.ort, "InferenceSession", refuses)
    DeviceGraph(TOY / "step_p1_t20_k2.fused.onnx", Provider("cuda", "", 1))
    assert "without CUDA graphs" in capsys.readouterr().err

    def broken(*args: Any, **options: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(ort_graph.ort, "InferenceSession", broken)
    with pytest.raises(ProviderError, match="out of memory; use --provider cpu"):
        DeviceGraph(TOY / "step_p1_t20_k2.fused.onnx", Provider("cuda", "", 1))
