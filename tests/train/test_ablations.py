"""The benchmark of loss terms: small enough to run here, its figures on motions for which they are known."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.pose_vector import encode
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.manifest import Normaliser
from motion_runtime.sampler import philox_noise, plan_steps
from motion_runtime.schedule import NoiseSchedule
from motion_train import config as configuration
from motion_train.interaction_terms import NEAR_M, TOUCHING
from motion_train.losses import TERMS

FRAMES = 12
SETTINGS = """
[data]
batch_size = 4
windows = 8
frames = 16
min_frames = 12
people = 2
pair_fraction = 0.5
paraphrases = 0
[run]
threads = 1
validation_batches = 1
"""


@pytest.fixture(scope="module")
def modules(benchmark_script: Callable[[str], ModuleType]) -> tuple[ModuleType, ModuleType]:
    return benchmark_script("ablations"), benchmark_script("held_out")


def standing(at_m: tuple[float, float] = (0.0, 0.0), yaw: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Local rotations and pelvis positions of someone who stands in the rest pose."""
    turn = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
    rotations = np.broadcast_to(np.eye(3), (FRAMES, 22, 3, 3)).copy()
    rotations[:, 0] = turn @ WORLD_FROM_BODY
    return rotations, np.broadcast_to([*at_m, 0.9], (FRAMES, 3)).copy()


def pose(at_m: tuple[float, float] = (0.0, 0.0), yaw: float = 0.0) -> np.ndarray:
    return np.asarray(encode(*standing(at_m, yaw), 20.0))


def sample(*poses: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(poses)[None])


def batch(x: torch.Tensor, scene: np.ndarray | None = None) -> dict[str, torch.Tensor]:
    points = np.zeros((1, 1, 192)) if scene is None else scene.reshape(1, -1, 192)
    return {
        "x0": x,
        "pose_mask": torch.ones(x.shape[:3], dtype=torch.bool),
        "text_mask": torch.ones(x.shape[:2], dtype=torch.bool),
        "scene": torch.from_numpy(points),
        "scene_mask": torch.full(points.shape[:2], scene is not None),
    } | {name: torch.zeros(x.shape[:2]) for name in ("text", "scene_class", "person_class", "identity")}


PLAIN = Normaliser(np.zeros(258, np.float32), np.ones(258, np.float32))


def test_figures_of_what_is_known(modules: tuple[ModuleType, ModuleType]) -> None:
    _, held_out = modules
    truth = sample(pose(), pose((0.6, 0.0)))
    seat = np.zeros((1, 64, 3)) + [0.0, 0.0, 0.75]
    (same,) = held_out.measure(batch(truth, seat), truth, PLAIN, 20.0)
    for figure in ("use_cm", "objects_cm", "company_cm", "facing_deg", "jerk_m_s3"):
        assert same[figure] == pytest.approx(0.0, abs=1e-4), figure
    made = sample(pose((-0.2, 0.0)), pose((0.6, 0.0), yaw=math.radians(250)))
    (moved,) = held_out.measure(batch(truth, seat), made, PLAIN, 20.0)
    assert moved["use_cm"] == pytest.approx(20.0, abs=1e-4)  # only the first person used the seat
    assert moved["facing_deg"] == pytest.approx(110.0, abs=1e-4)
    assert moved["bone_drift_percent"] == pytest.approx(0.0, abs=1e-4)

    wanted, got = (x[0, :, 0, :66].reshape(2, 22, 3).numpy() for x in (truth, made))
    errors = [
        abs(math.dist(got[0, j], got[1, k]) - math.dist(wanted[0, j], wanted[1, k]))
        for j in range(22)
        for k in range(22)
        if math.dist(wanted[0, j], wanted[1, k]) < NEAR_M
    ]
    assert moved["company_cm"] == pytest.approx(100 * sum(errors) / len(errors), abs=1e-4)
    by_person = []
    for person in range(2):
        near = [j for j in TOUCHING if math.dist(wanted[person, j], seat[0, 0]) < NEAR_M]
        errors = [abs(math.dist(got[person, j], seat[0, 0]) - math.dist(wanted[person, j], seat[0, 0])) for j in near]
        by_person.append(sum(errors) / len(errors))
    assert moved["objects_cm"] == pytest.approx(100 * sum(by_person) / 2, abs=1e-4)


def test_what_cannot_be_measured_is_no_number(modules: tuple[ModuleType, ModuleType]) -> None:
    _, held_out = modules
    alone = sample(pose())
    (figures,) = held_out.measure(batch(alone), alone, PLAIN, 20.0)
    for figure in ("use_cm", "objects_cm", "company_cm", "facing_deg", "overlap_share"):
        assert math.isnan(figures[figure]), figure


class Telling(torch.nn.Module):
    """Predicts 1 where it is told the text and 0 where not, plus a tenth of x."""

    def condition(self, text, scene, scene_class, person_class, identity, keep_text, keep_scene):
        return keep_text, keep_scene

    def denoise(self, x, t, prefix, person, key_bias):
        return prefix[:, None, None, None] + 0.1 * x


def test_generation_is_the_samplers_own_with_guidance(modules: tuple[ModuleType, ModuleType]) -> None:
    _, held_out = modules
    plan = plan_steps(NoiseSchedule.cosine(1000), "dpm++", 5, guidance=2.5)
    x = philox_noise(3, 7, 0, (1, 1, FRAMES, 258))
    made = held_out.generate(Telling(), batch(torch.from_numpy(x)), plan, 3, 7).numpy()
    before = np.zeros_like(x)
    for step in plan:
        x0 = 2.5 * (1 + 0.1 * x) - 1.5 * 0.1 * x
        x, before = step.a * x + step.b * x0 + step.c * before, x0
    np.testing.assert_allclose(made, x, atol=1e-5)
    noisy = plan_steps(NoiseSchedule.cosine(1000), "ddpm", 5)
    with pytest.raises(ValueError, match="without noise of its own"):
        held_out.generate(Telling(), batch(torch.from_numpy(x)), noisy, 3, 7)


def test_requests_are_few_from_each_batch(modules: tuple[ModuleType, ModuleType]) -> None:
    _, held_out = modules
    source = SimpleNamespace(batch=lambda i: {"x0": torch.full((100, 1 + i % 2, 2, 3), float(i))})
    taken = held_out.requests(source, 20, 5)
    assert [tuple(b["x0"].shape[:2]) for b in taken] == [(16, 1), (5, 2), (4, 1)]


def test_every_term_is_left_out_alone(modules: tuple[ModuleType, ModuleType]) -> None:
    ablations, _ = modules
    variants = ablations.STUDIES["terms"].variants
    assert {term: variants[term][1] for term in TERMS} == {term: (f"loss.{term}=0",) for term in TERMS}


def test_every_change_of_a_study_is_a_setting_and_changes_it(modules: tuple[ModuleType, ModuleType]) -> None:
    ablations, _ = modules
    small = (
        "loss.forearms=30",
        "model.dropout=0",
        "model.width=128",
        "model.feedforward=512",
        "model.layers=4",
        "optimiser.lr=1.5e-3",
    )
    given = configuration.load(None, small)
    for study in ablations.STUDIES.values():
        for name, (_, changed) in study.variants.items():
            assert (configuration.load(None, (*small, *changed)) == given) is (name == ablations.FULL), name


def test_a_small_run_writes_every_variant(
    modules: tuple[ModuleType, ModuleType],
    tiny_model: str,
    tiny_tower: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ablations, _ = modules
    clips = []
    for i, split in enumerate(("train", "train", "validation", "validation")):
        rotations, root = (np.concatenate([array] * 3) for array in standing())
        root[:, 0] += 0.02 * (i + 1) * np.arange(len(root))
        clips.append(
            MotionSequence(
                f"clip {i}",
                20.0,
                rotations.astype(np.float32),
                root.astype(np.float32),
                ("a person walks forward",),
                "walk",
                "person",
                f"subject {i}",
                split,
                "",
                "made for a test",
                "CC0-1.0",
            )
        )
    write_dataset(tmp_path / "data", clips, fps=20.0, credits=["Somebody."], provenance={})
    (tmp_path / "small.toml").write_text(tiny_model + SETTINGS)

    seen = []
    write = ablations.write_results

    def note(out, result, table):
        seen.append(list(result["variants"]))
        write(out, result, table)

    monkeypatch.setattr(ablations, "write_results", note)
    options = {
        "--data": "data", "--text": tiny_tower, "--config": "small.toml", "--steps": 3, "--only": "full,orientation",
        "--singles": 3, "--pairs": 2, "--denoising-steps": 2, "--out": "results",
    }  # fmt: skip
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(ablations.main, [str(word) for option in options.items() for word in option])
    assert done.exit_code == 0, (done.output, done.exception)
    assert seen == [["recordings", "full"], ["recordings", "full", "orientation"]]
    result = json.loads((tmp_path / "results.json").read_text())
    assert result["requests"] == [3, 2]
    full, company = result["variants"]["full"], result["variants"]["orientation"]
    assert company["changed"] == ["loss.orientation=0"]
    assert full["steps"] == company["steps"] == 3
    assert full["held_out"]["simple"] > 0
    assert "to_full" not in full["figures"]["jerk_m_s3"]
    assert set(company["figures"]["jerk_m_s3"]["to_full"]) == {"relative", "low", "high", "negligible"}
    assert company["figures"]["facing_deg"]["samples"] == 2
    assert result["variants"]["recordings"]["figures"]["facing_deg"]["mean"] == pytest.approx(0.0, abs=1e-9)
    assert "| orientation |" in (tmp_path / "results.md").read_text()

    options |= {"--study": "recipe", "--only": "full,wide,dropout,linear", "--out": "recipe"}
    options["--set"] = "model.dropout=0.1"
    done = CliRunner().invoke(ablations.main, [str(word) for option in options.items() for word in option])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "dropout: what it changes is given so already, left out" in done.stderr
    recipe = json.loads((tmp_path / "recipe.json").read_text())["variants"]
    assert [*recipe] == ["recordings", "full", "wide", "linear"]
    assert recipe["wide"]["parameters"] > recipe["full"]["parameters"] == recipe["linear"]["parameters"]
    assert "| linear noise schedule |" in (tmp_path / "recipe.md").read_text()
