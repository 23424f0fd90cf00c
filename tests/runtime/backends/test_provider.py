"""Providers and precisions: what was asked for or an error with its remedy; only `auto` chooses, and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from motion_preprocessing.errors import ProviderError
from motion_runtime.backends import obstacles, provider
from motion_runtime.backends.obstacles import Obstacle
from motion_runtime.backends.ort_graph import provider_options, session_options
from motion_runtime.backends.provider import CAN, PROVIDERS, Provider, choose_provider
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import FUSED, PLAIN, PRECISIONS, STEP
from motion_runtime.session import GraphSession

TOY = Path(__file__).parents[1] / "toy_bundle"


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles, "cuda", lambda: Obstacle("no driver", "install it"))


@pytest.fixture
def cuda_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles, "cuda", lambda: None)


def test_unknown_names_and_thread_count() -> None:
    with pytest.raises(ProviderError, match="auto, cpu, openvino, cuda, tensorrt, got 'tpu'"):
        choose_provider("tpu")
    with pytest.raises(ProviderError, match="auto, fp32, fp16, int8, bf16, got 'fp8'"):
        choose_provider("cpu", precision="fp8")
    with pytest.raises(ProviderError, match="at least 1"):
        choose_provider("cpu", threads=0)


@pytest.mark.usefixtures("no_cuda")
def test_auto_says_why_it_takes_the_cpu() -> None:
    chosen = choose_provider("auto")
    assert (chosen.name, chosen.reason, chosen.precision) == ("cpu", "no driver", "fp32")
    assert chosen.threads >= 1
    for name in ("cuda", "tensorrt"):
        with pytest.raises(ProviderError, match=rf"no driver.*--provider {name}.*install it.*--provider cpu"):
            choose_provider(name)


@pytest.mark.usefixtures("cuda_works")
def test_cuda_where_it_works() -> None:
    assert choose_provider("auto").name == "cuda"
    assert choose_provider("cuda").variant == FUSED
    assert Provider("tensorrt", "", 1).variant == Provider("openvino", "", 1).variant == PLAIN


@pytest.mark.parametrize(
    ("name", "offered", "able", "expected"),
    [
        ("cpu", ("fp32", "int8"), True, "int8"),
        ("cpu", ("fp32", "int8"), False, "fp32"),
        ("cpu", ("fp32", "fp16"), True, "fp32"),
        ("openvino", ("fp32", "int8", "bf16"), True, "fp32"),
        ("cuda", ("fp32", "int8", "fp16"), True, "fp32"),
    ],
)
@pytest.mark.usefixtures("cuda_works")
def test_precision_of_auto(
    monkeypatch: pytest.MonkeyPatch, name: str, offered: tuple[str, ...], able: bool, expected: str
) -> None:
    monkeypatch.setattr(provider, "has_8bit_products", lambda: able)
    monkeypatch.setattr(obstacles, "openvino", lambda: None)
    assert choose_provider(name, offered=offered).precision == expected
    assert choose_provider(name, precision="fp32", offered=offered).precision == "fp32"


@pytest.mark.usefixtures("cuda_works")
def test_a_precision_by_name_takes_a_provider_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles, "openvino", lambda: None)
    assert choose_provider("auto", precision="int8", offered=PRECISIONS).name == "cpu"
    assert choose_provider("auto", precision="bf16", offered=PRECISIONS).name == "openvino"
    assert choose_provider("auto", precision="fp16", offered=PRECISIONS).name == "cuda"


def test_precision_that_the_bundle_or_the_provider_does_not_have() -> None:
    with pytest.raises(ProviderError, match=r"of the bundle \(fp32\), got 'int8'.*--precisions fp32,int8"):
        choose_provider("cpu", precision="int8")
    for name in PROVIDERS[1:]:
        for precision in set(PRECISIONS) - set(CAN[name]):
            with pytest.raises(ProviderError, match=rf"got '{precision}'; use --provider "):
                choose_provider(name, precision=precision, offered=PRECISIONS)


def test_openvino_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstacles.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ProviderError, match=r"--provider openvino; run: pip install 'scene-motion\[openvino\]'"):
        choose_provider("openvino")
    with pytest.raises(ProviderError, match="openvino is not installed"):
        choose_provider("auto", precision="bf16", offered=PRECISIONS)


def test_the_last_steps_of_int8_and_bf16_are_fp32() -> None:
    for precision in ("int8", "bf16"):
        chosen = Provider("cpu", "asked for", 2, precision)
        assert chosen.at(0.999) is chosen
        assert chosen.at(0.1) is chosen
        assert chosen.at(0.099) == Provider("cpu", "asked for", 2, "fp32")
        assert chosen.at(0.0).precision == "fp32"
    half = Provider("cuda", "asked for", 2, "fp16")
    assert half.at(0.0) is half


def test_build_without_cuda_or_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    for obstacle in (obstacles.cuda(), obstacles.tensorrt()):
        assert obstacle is not None
        assert "pip install" in obstacle.remedy


class FallenBack:
    """An ONNX Runtime session that took the CPU although something else was asked for, as the real one does."""

    def __init__(self, *args: object, **options: object) -> None:
        pass

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


@pytest.mark.parametrize(
    ("name", "wanted"), [("cuda", "CUDAExecutionProvider"), ("tensorrt", "TensorrtExecutionProvider")]
)
def test_silent_fallback_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, wanted: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(ort, "InferenceSession", FallenBack)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None, raising=False)
    with pytest.raises(ProviderError, match=rf"expected {wanted}, got CPUExecutionProvider.*pip install"):
        GraphSession.load(Bundle.open(TOY), STEP, Provider(name, "asked for", 1), 2, 40, 2)


def test_driver_without_libraries_is_seen_by_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    class Driver:
        def __init__(self, name: str) -> None:
            pass

        def cuInit(self, flags: int) -> int:  # noqa: N802
            return 0

        def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
            count._obj.value = 1
            return 0

    names = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: names)
    monkeypatch.setattr(ort, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(obstacles.ctypes, "CDLL", Driver)
    monkeypatch.setattr(ort, "InferenceSession", FallenBack)
    for obstacle in (obstacles.cuda(), obstacles.tensorrt()):
        assert obstacle is not None
        assert "CUDA or cuDNN libraries do not load" in obstacle.problem
    monkeypatch.setattr(obstacles, "cuda", lambda: None)
    obstacle = obstacles.tensorrt()
    assert obstacle is not None
    assert "TensorRT libraries do not load" in obstacle.problem


def test_probe_graph_is_one() -> None:
    session = ort.InferenceSession(obstacles.PROBE_GRAPH, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": np.array([1.5], np.float32)})
    assert result.tolist() == [3.0]


@pytest.mark.parametrize(("version", "spin"), [("1.20.1", "0"), ("1.26.0", "0"), ("1.27.0", "1"), ("2.0.0.dev1", "1")])
def test_threads_are_as_granted_and_hardly_spin(version: str, spin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "__version__", version)
    options = session_options(Provider("cpu", "", 3))
    entry = options.get_session_config_entry
    assert options.intra_op_num_threads == 3
    assert entry("session.inter_op.allow_spinning") == "0"
    assert entry("session.intra_op.allow_spinning") == spin
    if spin == "1":  # for a moment, and only while a graph is run
        assert 0 < int(entry("session.intra_op.spin_duration_us")) <= 100
        assert entry("session.force_spinning_stop") == "1"


def test_options_of_the_devices(tmp_path: Path) -> None:
    assert provider_options("cpu", capture=False) == {}
    assert provider_options("cuda", capture=True) == {"use_tf32": "0", "enable_cuda_graph": "1"}
    assert provider_options("cuda", capture=False)["enable_cuda_graph"] == "0"
    fp32 = provider_options("tensorrt", capture=True, cache=tmp_path)
    assert (fp32["trt_fp16_enable"], fp32["trt_cuda_graph_enable"]) == ("0", "1")
    assert fp32["trt_engine_cache_path"] == str(tmp_path)
    assert fp32["trt_engine_cache_enable"] == "1"
    half = provider_options("tensorrt", capture=True, half=True, cache=tmp_path)
    assert (half["trt_fp16_enable"], half["trt_layer_norm_fp32_fallback"]) == ("1", "1")
