"""Batches that are answered by a teacher: which they are, at which noise levels, and with what."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from motion_preprocessing.errors import InputError
from motion_runtime.schedule import NoiseSchedule
from motion_train.config import from_dict
from motion_train.denoiser import Denoiser, DenoiserConfig
from motion_train.diffusion import GaussianDiffusion
from motion_train.losses import LossConfig, Objective
from motion_train.teacher import TAUGHT, Interleaved, Teacher, TeacherConfig

LEVELS = 1000
MODEL = DenoiserConfig(width=16, layers=1, heads=2, feedforward=32, text_dim=8, dropout=0.0, identities=4)


class Numbered:
    """Batches that say whose they are and which."""

    def __init__(self, owner: int) -> None:
        self.owner = owner

    def batch(self, step: int) -> Mapping[str, Tensor]:
        return {"x0": torch.tensor([self.owner, step])}


class Knows(torch.nn.Module):
    """A model whose answer is always the same."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, *told: Tensor) -> Tensor:
        return self.answer


def teacher(guidance: float = 2.0, share: float = 0.5, guided_from: int = 700, answers_from: int = 0) -> Teacher:
    torch.manual_seed(1)
    model = Denoiser(MODEL)
    with torch.no_grad():  # begun anew it would ignore what it is told
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return Teacher(model, TeacherConfig(share, "", guidance, guided_from, answers_from), LEVELS)


def batch(rows: int = 8) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    return {
        "x0": torch.randn(rows, 1, 5, 258, generator=generator),
        "pose_mask": torch.ones(rows, 1, 5, dtype=torch.bool),
        "text": torch.randn(rows, 1, 8, generator=generator),
        "text_mask": torch.ones(rows, 1, dtype=torch.bool),
        "scene": torch.randn(rows, 2, 192, generator=generator),
        "scene_class": torch.ones(rows, 2, dtype=torch.int64),
        "scene_mask": torch.ones(rows, 2, dtype=torch.bool),
        "person_class": torch.ones(rows, 1, dtype=torch.int64),
        "identity": torch.zeros(rows, 1, dtype=torch.int64),
    }


def objective(of: Teacher | None, drop: float = 0.0) -> Objective:
    diffusion = GaussianDiffusion(NoiseSchedule.cosine(LEVELS))
    weights = LossConfig(drop_text=drop, drop_scene=drop)
    return Objective(diffusion, weights, torch.zeros(258), torch.ones(258), of)


@pytest.mark.parametrize("share", [0.25, 0.6, 1.0])
def test_every_batch_of_both_sources_comes_once_and_in_order(share: float) -> None:
    source = Interleaved(Numbered(0), Numbered(1), share)
    made = [source.batch(step) for step in range(200)]
    assert [TAUGHT in one for one in made] == [bool(one["x0"][0]) for one in made]
    for owner in (0, 1):
        numbers = [int(one["x0"][1]) for one in made if int(one["x0"][0]) == owner]
        assert numbers == list(range(len(numbers)))
    taught = np.cumsum([TAUGHT in one for one in made])
    assert np.abs(taught - share * np.arange(1, 201)).max() <= 1  # at no time more than a batch behind


def test_over_all_batches_every_noise_level_is_equally_frequent() -> None:
    one = teacher(share=0.5, guided_from=700)
    drawn = torch.rand(100_000, generator=torch.Generator().manual_seed(3))
    own, taught = one.noise_levels(drawn, taught=False), one.noise_levels(drawn, taught=True)
    assert int(own.max()) == 699
    counts = np.histogram(torch.cat([own, taught]).numpy(), bins=20, range=(0, LEVELS))[0]
    np.testing.assert_allclose(counts, 10_000, rtol=0.05)


def test_without_guidance_all_batches_have_all_levels() -> None:
    drawn = torch.linspace(0, 1, 1001)[:-1]
    for taught in (False, True):
        levels = teacher(guidance=1.0, guided_from=700).noise_levels(drawn, taught=taught)
        np.testing.assert_allclose(levels.numpy(), np.arange(1000), atol=1)


def test_the_answer_is_guided_in_the_rows_that_have_the_noise_for_it() -> None:
    one = teacher(guidance=3.0)
    told = torch.tensor([1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    rows = one.guided_rows(8)
    assert rows == 5  # (1 - .7) / .5 of 8
    values = {False: torch.arange(8.0), True: 10 + torch.arange(8.0)}

    def predict(part: slice, keep_text: Tensor, keep_scene: Tensor) -> Tensor:
        return torch.where(keep_text.bool(), values[True][part], values[False][part])

    got = one.answer(predict, told, told)
    scale = torch.where(torch.arange(8) < rows, 3.0, 1.0)
    torch.testing.assert_close(got, values[False] + scale * 10 * told)


@pytest.mark.parametrize(("guidance", "drop"), [(1.0, 0.0), (2.0, 0.0), (2.0, 1.0)])
def test_a_student_that_is_its_teacher_lacks_the_guidance_alone(guidance: float, drop: float) -> None:
    one, given = teacher(guidance), batch()
    lesson = {**given, TAUGHT: torch.ones(())}
    got = objective(one, drop)(one.model, lesson, torch.Generator().manual_seed(4))
    if guidance == 1 or drop == 1:  # who is told nothing is not guided
        assert float(got["simple"]) == pytest.approx(0.0, abs=1e-10)
        return
    # The same noise again, by hand.
    generator = torch.Generator().manual_seed(4)
    t = one.noise_levels(torch.rand(8, generator=generator), taught=True)
    xt = GaussianDiffusion(NoiseSchedule.cosine(LEVELS)).q_sample(
        given["x0"], t, torch.randn(given["x0"].shape, generator=generator)
    )
    names = ("text", "scene", "scene_class", "person_class", "identity")
    answers = [
        one.model(xt, t.float(), *(given[name] for name in names), keep, keep, torch.zeros(8, 1 + 1 + 2 + 5))
        for keep in (torch.ones(8), torch.zeros(8))
    ]
    lacking = (t >= 700).float()[:, None, None, None] * (answers[0] - answers[1])
    assert float(lacking.abs().max()) > 1e-3
    assert float(got["simple"]) == pytest.approx(float((lacking**2).mean()), rel=1e-4)


def test_clips_are_answered_by_themselves_below_the_guided_levels() -> None:
    given = batch()
    for one in (teacher(), None):
        got = objective(one)(Knows(given["x0"]), given, torch.Generator().manual_seed(5))
        assert float(got["simple"]) == 0.0


@pytest.mark.parametrize("rows", [8, 1000])
def test_a_teacher_of_high_levels_answers_those_alone(rows: int) -> None:
    one = teacher(guidance=1.0, answers_from=700)
    drawn = torch.rand(rows, generator=torch.Generator().manual_seed(6))
    levels, answered = one.noise_levels(drawn, taught=True), one.answered_rows(rows)
    assert answered == round(0.3 * rows)
    assert int(levels[:answered].min()) >= 700
    assert int(levels[answered:].max()) < 700
    if rows == 1000:  # over all rows every level is as frequent as in batches that are not taught
        counts = np.histogram(levels.numpy(), bins=4, range=(0, LEVELS))[0]
        np.testing.assert_allclose(counts, 250, atol=60)
        own = one.noise_levels(drawn, taught=False)
        np.testing.assert_array_equal(own.numpy(), (drawn * LEVELS).long().numpy())


def test_below_its_levels_a_taught_batch_is_answered_by_its_clips() -> None:
    given = batch()
    one = teacher(guidance=1.0, answers_from=500)
    lesson = {**given, TAUGHT: torch.ones(())}
    got = objective(one)(Knows(given["x0"]), lesson, torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(4)
    t = one.noise_levels(torch.rand(8, generator=generator), taught=True)
    noise = torch.randn(given["x0"].shape, generator=generator)
    xt = GaussianDiffusion(NoiseSchedule.cosine(LEVELS)).q_sample(given["x0"], t, noise)
    told = (given[name] for name in ("text", "scene", "scene_class", "person_class", "identity"))
    answer = one.model(xt, t.float(), *told, torch.ones(8), torch.ones(8), torch.zeros(8, 1 + 1 + 2 + 5))
    off = torch.where((t >= 500)[:, None, None, None], answer - given["x0"], 0.0)
    assert int((t >= 500).sum()) == 4
    assert float(got["simple"]) == pytest.approx(float((off**2).mean()), rel=1e-4)


def test_a_student_learns_the_guidance() -> None:
    one, student, lesson = teacher(), teacher().model.train().requires_grad_(True), {**batch(), TAUGHT: torch.ones(())}
    optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
    losses = []
    for step in range(60):
        loss = objective(one)(student, lesson, torch.Generator().manual_seed(step % 4))["simple"]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-4:]) < 0.3 * np.mean(losses[:4])
    assert all(parameter.grad is None for parameter in one.model.parameters())


@pytest.mark.parametrize(
    "values",
    [
        {"share": 1.5},
        {"guided_from": -1},
        {"guidance": 2.0},
        {"answers_from": -1},
        {"share": 0.5, "guidance": 2.0, "answers_from": 700},
    ],
)
def test_settings_that_mean_nothing_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        from_dict(TeacherConfig, values)
