from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import textwrap
from pathlib import Path

import pytest

from motion_preprocessing.errors import InputError
from motion_train import config as configuration
from motion_train.config import (
    DataConfig,
    DiffusionConfig,
    OptimiserConfig,
    RunConfig,
    TrainConfig,
    differences,
    from_dict,
    load,
    read_json,
    to_dict,
)


def test_later_settings_win(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[optimiser]\nlr = 3e-4\nclip_norm = 2\n[run]\nprecision = "bf16"\nseed = 5\n')
    assert load(path).optimiser == OptimiserConfig(lr=3e-4, clip_norm=2.0)
    both = load(path, ["optimiser.lr=1e-4", "run.seed=6", "run.seed = 7"], {"run.seed": 8})
    assert (both.optimiser.lr, both.optimiser.clip_norm, both.run.seed, both.run.precision) == (1e-4, 2.0, 8, "bf16")
    base = load(None, ["model.layers=3", "optimiser.lr=9e-4"])
    onto = load(path, base=base)
    assert (onto.model.layers, onto.optimiser.lr) == (3, 3e-4)


def test_json_round_trip(tmp_path: Path) -> None:
    settings = load(None, ["model.width=64", "data.dataset=some folder", "loss.drop_text=0.2", "run.max_minutes=7"])
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_dict(settings)))
    assert read_json(TrainConfig, path) == settings
    assert settings != TrainConfig()
    assert differences(TrainConfig(), settings) == [
        "model.width: 256 -> 64",
        "data.dataset:  -> some folder",
        "loss.drop_text: 0.1 -> 0.2",
        "run.max_minutes: 0.0 -> 7.0",
    ]
    path.write_text("{")
    with pytest.raises(InputError, match="the run is damaged"):
        read_json(TrainConfig, path)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("optimiser.learning_rate=1", "expected a known key, got 'optimiser.learning_rate'"),
        ("optimiser.ema_decy=1", "did you mean 'optimiser.ema_decay'?"),
        ("modle.width=8", "did you mean 'model'?"),
        ("run.steps=1.5", "expected int, got 1.5 for run.steps"),
        ("run.steps=true", "expected int, got True for run.steps"),
        ("optimiser.lr=fast", "expected float, got 'fast' for optimiser.lr"),
        ("run.precision=fp16", "expected one of auto, fp32, bf16, got 'fp16' for run.precision"),
        ("run=3", "expected a table, got 3 for run"),
        ("model.width=", "expected int, got '' for model.width"),
        ("model.heads=3", "got 256 for [model]"),
        ("optimiser.lr=0", "expected a number above 0, got 0.0 for optimiser.lr"),
        ("optimiser.lr=nan", "expected a number above 0, got nan for optimiser.lr"),
        ("run.seed=-1", "expected 0 or more, got -1 for run.seed"),
        ("data.mirror_fraction=1.2", "expected 0 to 1, got 1.2 for data.mirror_fraction"),
        ("data.min_frames=500", "data.min_frames <= data.frames, got 500 and 120"),
        ("data.people=17", "got 17, 16 and 16"),
        ("optimiser.schedule_by=time", "give --max-minutes"),
        ("loss.target=x1", "for the loss target"),
        ("=3", "expected section.key=value"),
        ("run.steps", "expected section.key=value"),
    ],
)
def test_refuses_what_it_does_not_know(setting: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load(None, [setting])
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("content", [b"[run", b"run = ", b"\xff\xfe", None])
def test_refuses_files_that_are_no_toml(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="expected (a TOML file|TOML), got"):
        load(path)


@pytest.mark.parametrize("kind", [DataConfig, DiffusionConfig, OptimiserConfig, RunConfig, TrainConfig])
def test_every_field_has_a_docstring(kind: type) -> None:
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    undocumented = [
        statement.target.id
        for statement, after in zip(body.body, [*body.body[1:], None], strict=True)
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant))
    ]
    assert undocumented == []


def test_module_names_its_sections() -> None:
    assert [field.name for field in dataclasses.fields(TrainConfig)] == [
        "model",
        "data",
        "diffusion",
        "loss",
        "teacher",
        "optimiser",
        "run",
    ]
    assert configuration.TrainConfig() == from_dict(TrainConfig, {})
