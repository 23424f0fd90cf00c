"""A recorded step does what forward and backward do: on a GPU, and on a CPU by a stand-in that records and replays."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from motion_runtime.schedule import NoiseSchedule
from motion_train.denoiser import Denoiser, DenoiserConfig
from motion_train.diffusion import GaussianDiffusion
from motion_train.graphed import GraphedBackward
from motion_train.losses import LossConfig, Objective

GROUPS, TEXT = 3, 8


class Operations(TorchDispatchMode):
    """Stands in for a CUDA graph: keeps every operation with its very tensors, and does all of them again."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[object, ...]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.kept.append((func, args, kwargs or {}, result))
        return result

    def register_generator_state(self, generator: torch.Generator) -> None:
        pass

    def replay(self) -> None:
        with torch.no_grad():
            for func, args, kwargs, before in self.kept:
                for old, new in zip(tree_leaves(before), tree_leaves(func(*args, **kwargs)), strict=True):
                    # A view of what was computed again is up to date.
                    if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.device:
    if request.param == "cuda":
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        return torch.device("cuda")
    fork_rng = torch.random.fork_rng

    @contextmanager
    def recording(graph: Operations, **_: object) -> Iterator[None]:
        with fork_rng([]), graph:  # a GPU draws nothing while it records
            yield

    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: fork_rng([]))
    for name, value in {
        "graph_pool_handle": lambda: (0, 1), "Stream": lambda: stream, "current_stream": lambda: stream,
        "stream": nullcontext, "CUDAGraph": Operations, "graph": recording,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)
    return torch.device("cpu")


def batch_of(device: torch.device, seed: int, rows: int, people: int, frames: int) -> dict[str, Tensor]:
    """A batch like those of the sampler, its last frames and scene groups empty in the last row."""
    rng = torch.Generator().manual_seed(seed)
    pose_mask = torch.ones(rows, people, frames, dtype=torch.bool)
    scene_mask = torch.ones(rows, GROUPS, dtype=torch.bool)
    pose_mask[-1, :, frames - 3 :] = False
    scene_mask[-1, -1] = False
    values = {
        "x0": torch.randn(rows, people, frames, 258, generator=rng) * pose_mask[..., None],
        "pose_mask": pose_mask,
        "text": torch.randn(rows, people, TEXT, generator=rng),
        "text_mask": torch.ones(rows, people, dtype=torch.bool),
        "scene": torch.randn(rows, GROUPS, 192, generator=rng),
        "scene_class": torch.randint(0, 20, (rows, GROUPS), generator=rng),
        "scene_mask": scene_mask,
        "person_class": torch.randint(0, 4, (rows, people), generator=rng),
        "identity": torch.arange(people).expand(rows, -1),
    }
    return {name: value.to(device) for name, value in values.items()}


def test_losses_and_gradients_are_those_of_the_plain_step(device: torch.device) -> None:
    torch.manual_seed(0)
    # With dropout: its masks come from torch's own generator, the noise from the step's.
    settings = DenoiserConfig(width=16, layers=2, heads=2, feedforward=32, text_dim=TEXT, dropout=0.1)
    plain = Denoiser(settings).to(device).train()
    model = copy.deepcopy(plain)
    mean, std = torch.zeros(258, device=device), torch.full((258,), 0.5, device=device)
    objective = Objective(GaussianDiffusion(NoiseSchedule.cosine(1000)), LossConfig(), mean, std)
    graphed = GraphedBackward(lambda batch, rng: objective(model, batch, rng), model, device)
    # Each shape more than once, in turns, while the weights go on.
    for step, shape in enumerate([(4, 1, 12), (4, 1, 12), (2, 2, 8), (4, 1, 12), (2, 2, 8), (2, 2, 8)]):
        batch, seed = batch_of(device, step, *shape), 100 + step
        torch.manual_seed(seed)
        found = graphed(batch, seed)
        torch.manual_seed(seed)
        expected = objective(plain, batch, torch.Generator(device).manual_seed(seed))
        plain.zero_grad()
        expected["loss"].backward()
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value.detach(), rtol=1e-4, atol=1e-6, msg=f"{name} of step {step}")
        size = torch.cat([p.grad.flatten() for p in plain.parameters()]).norm()
        for (name, mine), theirs in zip(model.named_parameters(), plain.parameters(), strict=True):
            apart = (mine.grad - theirs.grad).norm()
            assert apart <= 1e-3 * theirs.grad.norm() + 1e-5 * size, f"{name} at step {step}"
        with torch.no_grad():
            for mine, theirs in zip(model.parameters(), plain.parameters(), strict=True):
                theirs -= 1e-3 * theirs.grad
                mine.copy_(theirs)


def test_what_was_returned_stays_when_the_graph_runs_again(device: torch.device) -> None:
    model = nn.Linear(2, 1, bias=False).to(device)
    graphed = GraphedBackward(lambda batch, rng: {"loss": model(batch["x0"]).sum()}, model, device)
    first = graphed({"x0": torch.ones(1, 2, device=device)}, 0)["loss"]
    before = float(first)
    graphed({"x0": torch.full((1, 2), 3.0, device=device)}, 0)
    assert float(first) == before != 0.0


def test_a_parameter_that_a_batch_does_not_use_has_no_gradient(device: torch.device) -> None:
    model = nn.ParameterDict({"always": nn.Parameter(torch.ones(2)), "in_company": nn.Parameter(torch.ones(2))})
    model = model.to(device)

    def compute(batch, rng):
        x = batch["x0"]
        used = model["always"] + (model["in_company"] if x.shape[0] > 1 else 0.0)
        return {"loss": (x * used).sum()}

    graphed = GraphedBackward(compute, model, device)
    for rows, wanted in ((2, 2.0), (1, 0.0), (2, 2.0)):
        graphed({"x0": torch.ones(rows, 2, device=device)}, 0)
        assert model["always"].grad.tolist() == [rows, rows]
        assert model["in_company"].grad.tolist() == [wanted, wanted]
