"""The real dataset format, text tower, windows and denoiser, in their smallest sizes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_train.checkpoint import Checkpoint, check_normaliser, find, load, save
from motion_train.cli import main
from motion_train.denoiser import Denoiser
from motion_train.initial import refit_text

SETTINGS = """
[data]
batch_size = 3
windows = 10
frames = 24
min_frames = 12
people = 2
[run]
steps = 4
threads = 1
validation_batches = 1
"""


def sequence(name: str, split: str, seed: int, stride_m: float) -> MotionSequence:
    """Limbs that swing at random while the pelvis travels."""
    rng = np.random.Generator(np.random.Philox(seed))
    frames = 60
    phase = np.arange(frames)[:, None, None] * 0.3 + rng.uniform(0, 6, (22, 3))
    rotations = np.asarray(matrix_from_rotation_vector(0.3 * np.sin(phase)))
    rotations[:, 0] = WORLD_FROM_BODY
    root = np.stack([stride_m * np.arange(frames), 0.1 * np.sin(phase[:, 0, 0]), np.full(frames, 0.95)], axis=-1)
    return MotionSequence(
        name,
        20.0,
        rotations.astype(np.float32),
        root.astype(np.float32),
        ("a person walks forward",),
        "walk",
        "person",
        f"subject {seed}",
        split,
        "",
        "made for a test",
        "CC0-1.0",
    )


def dataset(folder: Path, stride_m: float = 0.05) -> Path:
    splits = ("train", "train", "train", "validation")
    sequences = [sequence(f"clip {i}", split, i, stride_m) for i, split in enumerate(splits)]
    write_dataset(folder, sequences, fps=20.0, credits=["Somebody, somewhere."], provenance={})
    return folder


@pytest.fixture
def toml(tmp_path: Path, tiny_model: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(tiny_model + SETTINGS)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["denoiser", *map(str, arguments)])


def test_trains_on_a_dataset_and_a_tower(tmp_path: Path, toml: Path, tiny_tower: Path) -> None:
    data, out = dataset(tmp_path / "data"), tmp_path / "run"
    result = run("--config", toml, "--data", data, "--text", tiny_tower, "--out", out)
    assert result.exit_code == 0, result.output
    saved = load(find(out))
    assert saved.progress.step == 4
    assert saved.progress.validation_loss is not None
    assert np.isfinite(saved.progress.validation_loss)
    assert saved.config.data.dataset == str(data)
    check_normaliser(saved.normaliser, 258, "the run")
    assert saved.data is not None
    assert (saved.data["fps"], saved.data["credits"]) == (20.0, ["Somebody, somewhere."])

    # A resumed run takes data and tower from its own settings, and only the data that it began with.
    assert run("--out", out, "--resume", "--steps", "5").exit_code == 0
    other = dataset(tmp_path / "other", stride_m=0.2)
    result = run("--out", out, "--resume", "--steps", "6", "--data", other)
    assert result.exit_code == 2
    assert "error: expected the normaliser that the run began with" in result.stderr.splitlines()[-1]
    assert load(find(out, "latest")).progress.step == 5


def test_a_run_starts_from_the_weights_of_another(tmp_path: Path, toml: Path, tiny_tower: Path) -> None:
    first, data = tmp_path / "first", dataset(tmp_path / "data")
    assert run("--config", toml, "--data", data, "--text", tiny_tower, "--out", first).exit_code == 0
    begun = load(find(first, "best"))
    other = dataset(tmp_path / "other", stride_m=0.2)
    # A learning rate of nearly nothing leaves the weights where they began.
    arguments = ("--config", toml, "--data", other, "--text", tiny_tower, "--steps", "1", "--lr", "1e-12")
    result = run(*arguments, "--out", tmp_path / "second", "--init", first)
    assert result.exit_code == 0, result.output
    assert "the text tower is the same" in result.output
    saved = load(find(tmp_path / "second"))
    for name, tensor in begun.ema.items():
        torch.testing.assert_close(saved.model[name], tensor, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(saved.normaliser.mean, begun.normaliser.mean)
    # Its normaliser is not that of its data, and yet it goes on.
    result = run("--out", tmp_path / "second", "--resume", "--steps", "2")
    assert result.exit_code == 0, result.output
    assert load(find(tmp_path / "second", "latest")).progress.step == 2

    result = run(*arguments, "--out", tmp_path / "third", "--init", first, "--set", "model.layers=2")
    assert result.exit_code == 2
    assert "model.layers: 1 -> 2 for --init; set it as there" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "third").exists()


def test_a_run_is_taught_by_the_one_it_starts_from(tmp_path: Path, toml: Path, tiny_tower: Path) -> None:
    first, data = tmp_path / "first", dataset(tmp_path / "data")
    assert run("--config", toml, "--data", data, "--text", tiny_tower, "--out", first).exit_code == 0
    lesson = ("--set", "teacher.share=0.5", "--set", "teacher.guidance=2", "--set", "teacher.guided_from=600")
    other = ("--set", f"teacher.dataset={dataset(tmp_path / 'other', stride_m=0.2)}")
    arguments = ("--config", toml, "--data", data, "--text", tiny_tower, "--lr", "1e-3", *lesson, *other)
    whole, half = tmp_path / "whole", tmp_path / "half"
    result = run(*arguments, "--out", whole, "--init", first, "--steps", "4")
    assert result.exit_code == 0, result.output
    # Stopped and resumed it is the same run: the teacher is still what it began with.
    assert run(*arguments, "--out", half, "--init", first, "--steps", "4", "--max-minutes", "1e-9").exit_code == 0
    assert load(find(half, "latest")).progress.step < 4
    assert run("--out", half, "--resume", "--max-minutes", "0").exit_code == 0
    saved, resumed = load(find(whole, "latest")), load(find(half, "latest"))
    assert resumed.progress.step == saved.progress.step == 4
    for name, tensor in saved.model.items():
        torch.testing.assert_close(resumed.model[name], tensor, rtol=0, atol=0)

    result = run(*arguments, "--out", tmp_path / "third", "--steps", "4")
    assert result.exit_code == 2
    assert "expected a run to learn from, got none for teacher.share; give --init" in result.stderr.splitlines()[-1]
    missing = ("--init", first, "--set", f"teacher.dataset={tmp_path}")
    result = run(*arguments, "--out", tmp_path / "third", *missing)
    assert result.exit_code == 2
    assert "for teacher.dataset" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize("named", ["run.initial", "teacher.run"])
def test_a_resumed_run_keeps_its_teacher_when_that_goes_on(
    tmp_path: Path, toml: Path, tiny_tower: Path, named: str
) -> None:
    base, first, data = tmp_path / "base", tmp_path / "first", dataset(tmp_path / "data")
    common = ("--config", toml, "--data", data, "--text", tiny_tower)
    assert run(*common, "--out", first).exit_code == 0
    shutil.copytree(first, base)
    lesson: tuple[object, ...] = ("--set", "teacher.share=0.5", "--init", first if named == "run.initial" else base)
    if named == "teacher.run":
        lesson += ("--set", f"teacher.run={first}")
    whole, half = tmp_path / "whole", tmp_path / "half"
    assert run(*common, *lesson, "--out", whole).exit_code == 0
    assert run(*common, *lesson, "--out", half, "--max-minutes", "1e-9").exit_code == 0

    # The teacher is trained on, and has a better checkpoint than that of the lessons.
    saved = load(find(first))
    model = Denoiser(saved.config.model)
    better = replace(saved.progress, step=50, validation_loss=0.0, best_validation_loss=0.0)
    save(first, saved.config, saved.normaliser, better, model, model, torch.optim.AdamW(model.parameters()))
    assert find(first).name != saved.folder.name

    later = shutil.copytree(half, tmp_path / "later")
    assert run("--out", half, "--resume", "--max-minutes", "0").exit_code == 0
    as_whole, resumed = load(find(whole, "latest")), load(find(half, "latest"))
    assert resumed.progress.step == as_whole.progress.step == 4
    for name, tensor in as_whole.model.items():
        torch.testing.assert_close(resumed.model[name], tensor, rtol=0, atol=0)

    shutil.rmtree(saved.folder)
    result = run("--out", later, "--resume", "--max-minutes", "0")
    assert result.exit_code == 2
    told = f"expected '{saved.folder.name}', by which the run was taught so far, got no such one in '{first}'"
    assert told in result.stderr.splitlines()[-1]


def test_a_run_is_taught_by_another_than_it_starts_from(tmp_path: Path, toml: Path, tiny_tower: Path) -> None:
    first, second, data = tmp_path / "first", tmp_path / "second", dataset(tmp_path / "data")
    common = ("--config", toml, "--data", data, "--text", tiny_tower)
    assert run(*common, "--out", first).exit_code == 0
    assert run(*common, "--out", second, "--init", first, "--lr", "1e-2", "--steps", "3").exit_code == 0

    def learn(name: str, init: Path, *more: object) -> Checkpoint:
        # These terms are not between what is answered and what is to be: no answer makes them nothing.
        alone = [f"loss.{term}=0" for term in ("bone", "kinematics", "foot", "floor")]
        flags = [flag for line in ("teacher.share=1", "model.dropout=0", *alone) for flag in ("--set", line)]
        result = run(*common, "--out", tmp_path / name, "--init", init, "--steps", "1", *flags, *more)
        assert result.exit_code == 0, result.output
        assert ("is taught by" in result.output) == bool(more)
        return load(find(tmp_path / name, "latest"))

    of_second = ("--set", f"teacher.run={second}")
    # Whose answers they are shows in the loss, which is none where somebody learns from himself.
    own = learn("own", second).progress.train_loss
    assert own == pytest.approx(0, abs=1e-9)
    assert learn("same", second, *of_second).progress.train_loss == pytest.approx(0, abs=1e-9)
    other = learn("other", first, *of_second).progress.train_loss
    assert other is not None
    assert other > 1e-6

    stranger = tmp_path / "stranger"
    other = dataset(tmp_path / "strange data", stride_m=0.5)
    assert run("--config", toml, "--data", other, "--text", tiny_tower, "--out", stranger).exit_code == 0
    arguments = (*common, "--out", tmp_path / "third", "--init", first, "--set", "teacher.share=1")
    result = run(*arguments, "--set", f"teacher.run={stranger}")
    assert result.exit_code == 2
    assert "for teacher.run; give a run that began with the same weights" in result.stderr.splitlines()[-1]
    result = run(*arguments, "--set", f"teacher.run={tmp_path / 'nothing'}")
    assert result.exit_code == 2
    assert "nothing" in result.stderr.splitlines()[-1]
    result = run(*arguments, *of_second, "--set", "teacher.share=0")
    assert result.exit_code == 2
    assert "got 0 beside teacher.run; set teacher.share" in result.stderr.splitlines()[-1]


def test_the_text_projection_is_refitted_to_another_tower() -> None:
    torch.manual_seed(1)
    layers = torch.nn.Sequential(torch.nn.LayerNorm(6), torch.nn.Linear(6, 5))
    new = torch.randn(400, 6) * 3
    # Exchanged dimensions commute with a layer norm: nothing is lost but the ridge's share.
    old = torch.nn.functional.layer_norm(new, (6,))[:, torch.randperm(6)]
    before = layers(old).detach()
    lost = refit_text(layers, old, new)
    expected = before - layers(new).detach()
    assert lost == pytest.approx(float((expected**2).sum() / ((before - before.mean(0)) ** 2).sum()), abs=1e-6)
    assert lost < 1e-5


def test_text_tower_of_another_width_is_refused(tmp_path: Path, toml: Path, tiny_tower: Path) -> None:
    data = dataset(tmp_path / "data")
    arguments = ("--config", toml, "--data", data, "--out", tmp_path / "run", "--set", "model.text_dim=9")
    result = run(*arguments, "--text", tiny_tower)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"error: expected a text tower of width 9 [model.text_dim], got 8 for '{tiny_tower}'; set model.text_dim=8 "
        "or give another --text"
    ]
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_half_precision_trains_full_precision_weights(tmp_path: Path, toml: Path, tiny_tower: Path) -> None:
    """In processes of their own: the precision is fixed once a process."""
    data = dataset(tmp_path / "data")
    runs = {}
    for precision in ("fp32", "bf16"):
        out = tmp_path / precision
        arguments = ["--config", toml, "--data", data, "--text", tiny_tower, "--out", out, "--precision", precision]
        rate = ["--lr", "3e-3", "--set", "optimiser.warmup_steps=0", "--steps", "12"]
        command = [sys.executable, "-m", "motion_train", "denoiser", *arguments, *rate]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert f"precision {precision}" in done.stderr
        runs[precision] = load(find(out))
    full, half = runs["fp32"], runs["bf16"]
    assert {tensor.dtype for tensor in half.model.values()} == {torch.float32}
    assert any(not torch.equal(tensor, full.model[name]) for name, tensor in half.model.items())
    # bf16 has 8 bits: the two runs drift apart, but learn the same.
    assert half.progress.validation_loss == pytest.approx(full.progress.validation_loss, rel=0.03)
