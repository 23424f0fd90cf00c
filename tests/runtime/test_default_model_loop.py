"""The built-in model through ONNX Runtime and through PyTorch: the same noise gives the same motion after 50 steps.

PyTorch's network has the bundle's own weights, read out of its graphs, and every sampler is written as its paper has
it, with two network calls a step: none of the runtime's coefficients, kernels or masks is used on that side.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import fit_body
from motion_preprocessing.scene import load_scene
from motion_runtime.generator import Generator
from motion_runtime.manifest import CONDITION, PLAIN, STEP
from motion_runtime.motion import GenerationRequest
from motion_runtime.sampler import philox_noise, trailing_timesteps
from motion_runtime.schedule import NoiseSchedule

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"
PROMPTS = ("a person walks forward", "a person waves with the right hand")
STEPS, SEED, FRAMES, GUIDANCE = 50, 3, 24, 2.5


@pytest.fixture(scope="module")
def generator(default_bundle: Path) -> Generator:
    return Generator.load(default_bundle, "cpu", "fp32")


@pytest.fixture(scope="module")
def denoiser(generator: Generator) -> Any:
    """PyTorch's network with the weights that the bundle's graphs hold."""
    from motion_train.denoiser import Denoiser, DenoiserConfig

    model = Denoiser(DenoiserConfig(**generator.bundle.manifest.training["config"]["model"]))
    weights: dict[str, Any] = {}
    for graph in generator.bundle.manifest.graphs:
        if graph.variant == PLAIN and graph.precision == "fp32" and graph.role in (STEP, CONDITION):
            weights |= graph_weights(generator.bundle.path(graph.file))
    model.load_state_dict({name: torch.from_numpy(weights[name].copy()) for name in model.state_dict()})
    return model.eval()


def graph_weights(path: Path) -> dict[str, np.ndarray]:
    """Parameters of a graph by PyTorch's names; a matrix product's has no name and is known by its node's."""
    graph = onnx.load(str(path)).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = {re.sub(r"^denoiser\.", "", name): value for name, value in stored.items() if "::" not in name}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in stored:
            scopes = [scope for scope in node.name.split("/")[1:-1] if scope != "denoiser"]
            # '/text_in/text_in.1/MatMul' names a member of a sequence with its owner's name in front.
            inner = [*scopes[1:], ""]
            name = ".".join(s for s, after in zip(scopes, inner, strict=True) if not after.startswith(f"{s}."))
            weights[f"{name}.weight"] = stored[node.input[1]].T
    return weights


def torch_motion(generator: Generator, denoiser: Any, request: GenerationRequest, sampler: str) -> np.ndarray:
    """The sampler as published; returns pose vectors (P, T, 258)."""
    from motion_runtime.placement import choose_placement
    from motion_train.denoiser import key_bias

    manifest, people = generator.bundle.manifest, len(PROMPTS)
    abar = NoiseSchedule.named(manifest.schedule.kind, manifest.schedule.steps).alphas_cumprod
    room = generator.room_of(request)
    shape = generator._kernel_shape(people, FRAMES, seen=True)
    scene = generator._scene_tokens(room, choose_placement(request, room), shape)
    assert scene.mask.any()
    bias = key_bias(
        torch.ones(1, people, dtype=torch.bool),
        torch.from_numpy(scene.mask)[None],
        torch.ones(1, people, FRAMES, dtype=torch.bool),
    )
    conditions = (
        torch.from_numpy(np.concatenate([generator._embed(prompt) for prompt in PROMPTS]))[None],
        torch.from_numpy(scene.points.reshape(1, manifest.scene_tokens, -1)),
        torch.from_numpy(scene.classes)[None],
        torch.full((1, people), manifest.person_classes.index("person")),
        torch.arange(people)[None],
    )

    def x0_of(x: Any, t: int) -> Any:
        both = [
            denoiser(x.float(), torch.tensor([float(t)]), *conditions, torch.tensor([keep]), torch.tensor([keep]), bias)
            for keep in (0.0, 1.0)
        ]
        return (both[0] + GUIDANCE * (both[1] - both[0])).double()

    def noise(draw: int) -> Any:
        return torch.from_numpy(philox_noise(SEED, 0, draw, (people, FRAMES, 258)))[None].double()

    levels = trailing_timesteps(len(abar), STEPS)
    x, before = noise(0), None
    for k, (t, t_next) in enumerate(zip(levels, [*levels[1:], None], strict=True), start=1):
        now, then = abar[t], 1.0 if t_next is None else abar[t_next]
        x0 = x0_of(x, t)
        if sampler == "ddpm":  # Ho et al. 2020, eq. 6 and 7
            beta = 1 - now / then
            mean = then**0.5 * beta / (1 - now) * x0 + (1 - beta) ** 0.5 * (1 - then) / (1 - now) * x
            x = mean + ((1 - then) / (1 - now) * beta) ** 0.5 * noise(k)
        elif sampler == "ddim":  # Song et al. 2021, eq. 12, sigma = 0
            epsilon = (x - now**0.5 * x0) / (1 - now) ** 0.5
            x = then**0.5 * x0 + (1 - then) ** 0.5 * epsilon
        else:  # Lu et al. 2022, Algorithm 2
            if then == 1.0:
                x = x0
                continue
            half_log_snr = [0.5 * np.log(level / (1 - level)) for level in (now, then)]
            h = half_log_snr[1] - half_log_snr[0]
            d = x0 if before is None else (1 + h / (2 * before[1])) * x0 - h / (2 * before[1]) * before[0]
            x = ((1 - then) / (1 - now)) ** 0.5 * x - then**0.5 * np.expm1(-h) * d
            before = x0, h
    return np.asarray(x[0].numpy() * manifest.normaliser.std + manifest.normaliser.mean)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "dpm++"])
def test_fifty_steps_give_the_motion_of_the_torch_loop(generator: Generator, denoiser: Any, sampler: str) -> None:
    request = GenerationRequest(
        PROMPTS, seconds=FRAMES / generator.bundle.manifest.fps, scene=load_scene(WARD), start_m=(1.5, 2.0),
        heading_deg=0.0, sampler=sampler, steps=STEPS, guidance=GUIDANCE, seed=SEED, low_pass_s=0.0, walls=False,
        apart_m=0.0, ground=False, feet=False, solid=False, calibrate=False, staged=True,
        guidance_interval=(0.0, 1.0),
    )  # fmt: skip
    made = generator.predict(request)
    ours = generator.pose(request, made)
    with torch.no_grad():
        theirs = torch_motion(generator, denoiser, request, sampler)
    np.testing.assert_allclose(made.pose_vectors[..., :66], theirs[..., :66], atol=1e-3)
    rotations, root = fit_body(theirs)
    joints, _ = forward_kinematics(rotations, root)
    np.testing.assert_allclose(made.placement.to_canonical(ours.joints_m), joints, atol=1e-3)
    assert np.ptp(joints[..., 0]) > 0.3  # somebody does something
