from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from motion_preprocessing.errors import InputError, OutputError
from motion_runtime.manifest import Normaliser
from motion_train import checkpoint
from motion_train import config as configuration
from motion_train.checkpoint import Progress, check_normaliser, exists, find, load, load_optimizer, load_weights, save
from motion_train.optimiser import make_optimizer

SETTINGS = configuration.load(None, ["run.keep_checkpoints=2", "model.width=32"])
NORMALISER = Normaliser(np.array([0.1, -2.0], np.float32), np.array([1.0, 1e-3], np.float32))


def parts(seed: int = 0) -> tuple[nn.Module, nn.Module, torch.optim.AdamW]:
    """A model that has made a step, its average and its optimiser."""
    torch.manual_seed(seed)
    model, ema = nn.Linear(2, 3), nn.Linear(2, 3)
    optimizer = make_optimizer(model, SETTINGS.optimiser)
    model(torch.randn(4, 2)).square().mean().backward()
    optimizer.step()
    return model, ema, optimizer


def write(run: Path, step: int, validation_loss: float | None = None) -> Path:
    return save(run, SETTINGS, NORMALISER, Progress(step=step, validation_loss=validation_loss), *parts())


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def test_reads_back_what_was_written(tmp_path: Path) -> None:
    model, ema, optimizer = parts()
    progress = Progress(7, 12.5, 0.3, None, 0.25)
    folder = save(tmp_path, SETTINGS, NORMALISER, progress, model, ema, optimizer)
    assert folder == tmp_path / "checkpoints" / "step_00000007"
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "ema.safetensors",
        "model.safetensors",
        "normaliser.json",
        "optimizer.safetensors",
        "state.json",
    ]
    read = load(folder)
    assert (read.config, read.progress) == (SETTINGS, progress)
    assert np.array_equal(read.normaliser.mean, NORMALISER.mean)
    assert np.array_equal(read.normaliser.std, NORMALISER.std)
    other, _, other_optimizer = parts(seed=1)
    load_weights(other, read.model, "it")
    other_optimizer.state.clear()
    load_optimizer(other, other_optimizer, read.optimizer, "it")
    # The same gradient takes both to the same place only if every moment and counter came back.
    for m, o in ((model, optimizer), (other, other_optimizer)):
        m.zero_grad()
        m(torch.ones(1, 2)).sum().backward()
        o.step()
    assert torch.equal(model.weight, other.weight)  # type: ignore[arg-type]
    assert torch.equal(model.bias, other.bias)  # type: ignore[arg-type]
    assert all(torch.equal(ema.state_dict()[name], tensor) for name, tensor in read.ema.items())
    # Whoever may read the other files may read the weights.
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_keeps_what_a_bundle_must_say_of_the_data(tmp_path: Path) -> None:
    header = {"fps": 25.0, "credits": ["Somebody."], "sequences": 2, "frames": 9, "provenance": {}, "files": {"a": "b"}}
    folder = save(tmp_path, SETTINGS, NORMALISER, Progress(1), *parts(), header)
    del header["files"]
    assert load(folder).data == header
    (folder / "data.json").write_text("{}")
    with pytest.raises(InputError, match="it is damaged"):
        load(folder)
    (folder / "data.json").unlink()
    with pytest.raises(InputError, match="expected the file 'data.json'"):
        load(folder)


def test_older_checkpoints_are_without_it(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    assert not (folder / "data.json").exists()
    assert load(folder).data is None


def test_keeps_the_newest_and_the_best(tmp_path: Path) -> None:
    assert not exists(tmp_path)
    for step, loss in ((1, 0.9), (2, 0.2), (3, None), (4, 0.5), (5, None)):
        write(tmp_path, step, loss)
    assert names(tmp_path) == ["step_00000002", "step_00000004", "step_00000005"]
    assert exists(tmp_path)
    assert find(tmp_path, "latest").name == "step_00000005"
    assert find(tmp_path, "best").name == "step_00000002"
    assert find(tmp_path / "checkpoints" / "step_00000004").name == "step_00000004"


def test_best_of_none_measured_is_the_newest(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2)
    assert find(tmp_path, "best").name == "step_00000002"


def test_same_step_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, 3, 0.5)
    write(tmp_path, 3, 0.4)
    assert names(tmp_path) == ["step_00000003"]
    assert load(find(tmp_path)).progress.validation_loss == 0.4


@pytest.mark.parametrize("name", ["config.json", "normaliser.json", "ema.safetensors", "optimizer.safetensors"])
def test_damage_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, 1) / name
    content = path.read_bytes()
    for damaged in (content[:-1], content[:-2] + bytes([content[-2] ^ 1]) + content[-1:], b""):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="it is damaged") as caught:
            load(path.parent)
        assert len(str(caught.value).splitlines()) == 1
    path.unlink()
    with pytest.raises(InputError, match=f"expected the file '{name}'"):
        load(path.parent)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": {}, "progress": {"stride": 1}}'])
def test_damaged_state_is_refused(tmp_path: Path, content: str) -> None:
    folder = write(tmp_path, 1)
    (folder / "state.json").write_text(content)
    with pytest.raises(InputError, match="expected a checkpoint's state"):
        load(folder)


def test_newer_format_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(state | {"format_version": 2}))
    with pytest.raises(InputError, match="expected checkpoint format 1, got 2"):
        load(folder)


def test_nothing_to_find(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a checkpoint or a run's folder"):
        find(tmp_path / "nowhere")


def test_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_flush", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write(tmp_path, 2)
    assert names(tmp_path) == ["step_00000001"]
    assert load(find(tmp_path)).progress.step == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="expected to write"):
        write(tmp_path / "run", 1)


def test_out_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match="expected to write"):
        write(tmp_path / "run", 1)


def test_interrupted_write_is_no_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 1)
    half = tmp_path / "checkpoints" / ".writing-step_00000002"
    half.mkdir()
    (half / "state.json").write_text("{}")
    (tmp_path / "checkpoints" / "step_00000009").mkdir()
    assert find(tmp_path, "latest").name == "step_00000001"
    write(tmp_path, 3)
    assert not half.exists()


def test_weights_of_another_model_are_refused() -> None:
    model = nn.Linear(2, 3)
    with pytest.raises(InputError, match=r"expected \(3, 2\), got none for 'weight' of it"):
        load_weights(model, {"bias": torch.zeros(3)}, "it")
    with pytest.raises(InputError, match=r"expected \(3,\), got \(4,\) for 'bias'"):
        load_weights(model, {"weight": torch.zeros(3, 2), "bias": torch.zeros(4)}, "it")
    with pytest.raises(InputError, match="expected no tensor, got .* for 'more'"):
        load_weights(model, {**model.state_dict(), "more": torch.zeros(1)}, "it")
    optimizer = make_optimizer(model, SETTINGS.optimiser)
    with pytest.raises(InputError, match="that of 'bias'"):
        load_optimizer(model, optimizer, {"bias.exp_avg": torch.zeros(4)}, "it")


def test_normaliser_checks_itself() -> None:
    check_normaliser(NORMALISER, 2, "it")
    with pytest.raises(InputError, match="expected a normaliser of 3 features"):
        check_normaliser(NORMALISER, 3, "it")
    for bad in (replace(NORMALISER, std=np.zeros(2, np.float32)), replace(NORMALISER, mean=np.full(2, np.nan, "f4"))):
        with pytest.raises(InputError, match="expected finite means and stds above 0"):
            check_normaliser(bad, 2, "it")
