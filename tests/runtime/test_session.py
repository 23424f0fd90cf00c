"""Sessions: the provider that was asked for or an error, inputs checked, graphs as described."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.errors import BundleError, ProviderError
from motion_runtime.backends import obstacles
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import CONDITION, FUSED, PLAIN, STEP, TEXT_ENCODER
from motion_runtime.session import GraphSession, Provider, choose_provider

TOY = Path(__file__).with_name("toy_bundle")
CPU = Provider("cpu", "asked for", 1)
Arrays = dict[str, np.ndarray]
KEPT = {1: ((1, 1),), 2: ((1, 1), (0, 0)), 3: ((1, 1), (0, 1), (0, 0))}
"""(text, scene) of each branch, by their number."""
WEIGHTS = {1: (1.0,), 2: (2.0, -1.0), 3: (3.0, 1.5 - 3.0, 1.0 - 1.5)}
"""Guidance 2, and guidance 3 for text with 1.5 for the scene."""


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.open(TOY)


def conditions(bundle: Bundle, people: int, branches: int, seed: int = 0) -> Arrays:
    """Prefix (K, P+S, d) and person (K, P, d) of a random text and room, the first persons the same for every P."""
    m = bundle.manifest
    rng = np.random.default_rng(seed)
    text = rng.standard_normal((1, 2, m.text.width), np.float32)[:, :people]
    scene = rng.standard_normal((1, m.scene_tokens, 3 * m.scene_points), np.float32)
    session = GraphSession.load(bundle, CONDITION, CPU, people)
    rows = [
        session.run(
            {
                "text": text,
                "scene": scene,
                "scene_class": np.ones((1, m.scene_tokens), np.int64),
                "person_class": np.arange(people)[None] + 1,
                "identity": np.arange(people)[None],
                "keep_text": np.full((1, people), keep_text, np.float32),
                "keep_scene": np.full(1, keep_scene, np.float32),
            }
        )
        for keep_text, keep_scene in KEPT[branches]
    ]
    return {"prefix": np.concatenate([r[0] for r in rows]), "person": np.concatenate([r[1] for r in rows])}


def step_inputs(
    bundle: Bundle, people: int, frames: int, used_people: int, used_frames: int, branches: int = 2
) -> Arrays:
    """A step for `used` persons and frames in a kernel of another size; the rest is rubbish and masked."""
    m = bundle.manifest
    rng = np.random.default_rng(1)
    arrays: Arrays = {}
    for name in ("x", "x0_prev", "noise"):
        values = rng.standard_normal((1, used_people, used_frames, m.pose_dim), np.float32)
        full = np.full((1, people, frames, m.pose_dim), 3.0, np.float32)
        full[:, :used_people, :used_frames] = values
        arrays[name] = full
    poses = (np.arange(people) < used_people)[:, None] & (np.arange(frames) < used_frames)
    used = np.concatenate([[True], np.arange(people) < used_people, np.ones(m.scene_tokens, bool), poses.reshape(-1)])
    return {
        **arrays,
        "t": np.array([500], np.float32),
        "coefficients": np.array([0.5, 0.4, 0.1, 0.2, *WEIGHTS[branches]], np.float32),
        "key_bias": np.tile(np.where(used, 0, -1e4).astype(np.float32), (branches, 1)),
        **conditions(bundle, people, branches),
    }


@pytest.mark.parametrize("branches", [1, 2, 3])
def test_fused_and_plain_graph_agree(bundle: Bundle, branches: int) -> None:
    inputs = step_inputs(bundle, 2, 40, 2, 33, branches)
    fused = GraphSession.load(bundle, STEP, CPU, 2, 40, branches)
    plain_spec = bundle.find(STEP, PLAIN, 2, 40, branches)
    assert plain_spec is not None
    assert fused.spec.variant == FUSED
    plain = GraphSession(bundle.path(plain_spec.file), plain_spec, CPU)
    for a, b in zip(fused.run(inputs), plain.run(inputs), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)
        assert np.abs(a).max() > 0.1


@pytest.mark.parametrize("branches", [1, 2, 3])
@pytest.mark.parametrize(("people", "frames"), [(1, 40), (2, 20), (2, 40)])
def test_result_does_not_depend_on_the_kernel_that_serves_it(
    bundle: Bundle, people: int, frames: int, branches: int
) -> None:
    def result(people: int, frames: int) -> np.ndarray:
        session = GraphSession.load(bundle, STEP, CPU, people, frames, branches)
        return session.run(step_inputs(bundle, people, frames, 1, 17, branches))[0][:, :1, :17]

    np.testing.assert_allclose(result(people, frames), result(1, 20), atol=1e-4)


@pytest.mark.parametrize("branches", [1, 2, 3])
def test_step_is_a_weighed_sum_and_the_update(bundle: Bundle, branches: int) -> None:
    """One-branch kernels give the branches; any mix of them and x' follow in float64."""
    inputs = step_inputs(bundle, 2, 20, 2, 20, branches)
    single = GraphSession.load(bundle, STEP, CPU, 2, 20, 1)
    x0_of_each = []
    for row in range(branches):
        one = {name: inputs[name][row : row + 1] for name in ("prefix", "person", "key_bias")}
        coefficients = np.array([0, 0, 0, 0, 1], np.float32)
        x0_of_each.append(single.run({**inputs, **one, "coefficients": coefficients})[1].astype(np.float64))
    assert all(np.abs(x0_of_each[0] - other).max() > 1e-3 for other in x0_of_each[1:])
    weights = [0.7, -1.9, 1.6][:branches]
    session = GraphSession.load(bundle, STEP, CPU, 2, 20, branches)
    x_next, x0 = session.run({**inputs, "coefficients": np.array([0.3, 0.6, -0.2, 0.7, *weights], np.float32)})
    expected = sum(weight * branch for weight, branch in zip(weights, x0_of_each, strict=True))
    np.testing.assert_allclose(x0, expected, atol=1e-5)
    update = 0.3 * inputs["x"] + 0.6 * expected - 0.2 * inputs["x0_prev"] + 0.7 * inputs["noise"]
    np.testing.assert_allclose(x_next, update, atol=1e-5)


def test_text_encoder_reads_order_and_stops_at_the_end_token(bundle: Bundle) -> None:
    text = bundle.manifest.text
    session = GraphSession.load(bundle, TEXT_ENCODER, CPU)

    def embed(*ids: int, pad: int = text.pad) -> np.ndarray:
        tokens = np.full((1, text.context_length), pad, np.int64)
        tokens[0, : len(ids) + 2] = [text.sot, *ids, text.eot]
        return session.run({"tokens": tokens})[0]

    assert embed(5, 6).shape == (1, text.width)
    assert np.abs(embed(5, 6) - embed(6, 5)).max() > 1e-4
    np.testing.assert_allclose(embed(5, 6), embed(5, 6, pad=7), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": None}, "expected an input 'x', got none"),
        ({"extra": np.zeros(1, np.float32)}, "expected no input 'extra'"),
        ({"t": np.array([1.0])}, "expected float32 [1], got float64 [1]"),
        ({"x": np.zeros((1, 2, 19, 258), np.float32)}, "[1, 2, 20, 258]"),
        ({"key_bias": np.zeros((2, 3), np.float32)}, "'key_bias'"),
    ],
)
def test_inputs_are_verified(bundle: Bundle, change: dict[str, Any], said: str) -> None:
    session = GraphSession.load(bundle, STEP, CPU, 2, 20, 2)
    inputs = {**step_inputs(bundle, 2, 20, 2, 20), **change}
    with pytest.raises(BundleError) as caught:
        session.run({name: value for name, value in inputs.items() if value is not None})
    assert said in str(caught.value)


def test_graph_that_is_not_in_the_bundle(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="3 people, 40 frames, 2 branches"):
        GraphSession.load(bundle, STEP, CPU, 3, 40, 2)
    with pytest.raises(BundleError, match="int8"):
        GraphSession.load(bundle, STEP, Provider("cpu", "asked for", 1, "int8"), 2, 40, 2)
    with pytest.raises(BundleError, match="2 people, 40 frames, 2 branches and 3 groups of a room's points"):
        GraphSession.load(bundle, STEP, CPU, 2, 40, 2, 3)


def test_graph_of_another_shape_than_the_manifest_says(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(TOY, tmp_path / "bundle"))
    put(folder, "step_p2_t40_k2.fused.onnx", (folder / "step_p2_t20_k2.fused.onnx").read_bytes())
    with pytest.raises(BundleError) as caught:
        GraphSession.load(Bundle.open(folder), STEP, CPU, 2, 40, 2)
    assert "x float32 [1, 2, 40, 258]" in str(caught.value)
    assert "x float32 [1, 2, 20, 258]" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no graph at all"])
def test_file_that_is_no_graph(tmp_path: Path, content: bytes) -> None:
    folder = Path(shutil.copytree(TOY, tmp_path / "bundle"))
    put(folder, "step_p2_t40_k2.fused.onnx", content)
    with pytest.raises(BundleError) as caught:
        GraphSession.load(Bundle.open(folder), STEP, CPU, 2, 40, 2)
    assert "\n" not in str(caught.value)


def test_a_graph_that_cannot_run_is_one_line(bundle: Bundle) -> None:
    """A token beyond the vocabulary is within the input's dtype and shape: only ONNX Runtime finds it."""
    tokens = np.full((1, bundle.manifest.text.context_length), 10**6, np.int64)
    session = GraphSession.load(bundle, TEXT_ENCODER, CPU)
    with pytest.raises(BundleError, match=r"expected a graph that runs, got: .*text_encoder.onnx") as caught:
        session.run({"tokens": tokens})
    assert "\n" not in str(caught.value)
    session.provider = Provider("cuda", "", 1)
    with pytest.raises(ProviderError, match=r"expected the cuda provider to run .*--provider cpu"):
        session.run({"tokens": tokens})


def put(folder: Path, name: str, content: bytes) -> None:
    """Replace a file and its digest: damage that the digest does not show."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_conditions_are_bound_once_and_checked(bundle: Bundle) -> None:
    inputs = step_inputs(bundle, 2, 20, 2, 20)
    session = GraphSession.load(bundle, STEP, CPU, 2, 20, 2)
    fixed = {name: inputs.pop(name) for name in ("prefix", "person", "key_bias")}
    step = session.bind(fixed)
    for found, expected in zip(step(inputs), session.run({**inputs, **fixed}), strict=True):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(BundleError, match="expected an input 'noise', got none"):
        step({name: value for name, value in inputs.items() if name != "noise"})
    with pytest.raises(BundleError, match="'prefix'"):
        session.bind({**fixed, "prefix": fixed["prefix"][:1]})
    with pytest.raises(BundleError, match="expected no input 'colour', got one"):
        session.bind({**fixed, "colour": fixed["prefix"]})
    with pytest.raises(BundleError, match="expected float32 .*, got float64 .* for the input 'noise'"):
        step({**inputs, "noise": inputs["noise"].astype(np.float64)})


@pytest.fixture
def cuda() -> Provider:
    if (obstacle := obstacles.cuda()) is not None:
        pytest.skip(obstacle.problem)
    return choose_provider("cuda")


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu(bundle: Bundle, cuda: Provider) -> None:
    inputs = step_inputs(bundle, 2, 40, 2, 33)
    session = GraphSession.load(bundle, STEP, cuda, 2, 40, 2)
    on_cuda = session.run(inputs)
    on_cpu = GraphSession.load(bundle, STEP, CPU, 2, 40, 2).run(inputs)
    for a, b in zip(on_cuda, on_cpu, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.gpu
def test_cuda_takes_a_step_of_a_batch(bundle: Bundle, cuda: Provider) -> None:
    """Requests of different lengths; four calls, more than both turns need to be recorded and replayed."""
    requests = [step_inputs(bundle, 2, 40, 2, frames) for frames in (20, 33, 40)]
    together = {name: np.stack([request[name] for request in requests]) for name in requests[0]}
    on_cuda = GraphSession.load(bundle, STEP, cuda, 2, 40, 2, batch=3)
    on_cpu = GraphSession.load(bundle, STEP, CPU, 2, 40, 2)
    for _ in range(4):
        found = on_cuda.run(together)
    for row, request in enumerate(requests):
        for a, b in zip(found, on_cpu.run(request), strict=True):
            np.testing.assert_allclose(a[row], b, atol=1e-4)


@pytest.mark.gpu
def test_cuda_keeps_the_poses_and_replays_its_recordings(bundle: Bundle, cuda: Provider) -> None:
    """Six steps, each from the last one's results: more than both turns need to be recorded and replayed."""
    inputs = step_inputs(bundle, 2, 40, 2, 33)
    fixed = {name: inputs.pop(name) for name in ("prefix", "person", "key_bias")}
    on_cuda = GraphSession.load(bundle, STEP, cuda, 2, 40, 2).bind(fixed)
    on_cpu = GraphSession.load(bundle, STEP, CPU, 2, 40, 2).bind(fixed)
    found = expected = (inputs["x"], inputs["x0_prev"])
    for _ in range(6):
        found = on_cuda({**inputs, "x": found[0], "x0_prev": found[1]})
        expected = on_cpu({**inputs, "x": expected[0], "x0_prev": expected[1]})
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(a), b, atol=1e-3)
