"""TensorRT's engines on disk: whole ones stay, damaged and unfinished ones go, and it is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from motion_runtime.backends.engine_cache import INDEX, EngineCache

TOY = Path(__file__).parents[1] / "toy_bundle"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sealed cache of two engines."""
    cache = EngineCache(tmp_path / "cache")
    cache.prepare()
    for name in ("a.engine", "b.timing"):
        (cache.folder / name).write_bytes(name.encode() * 100)
    cache.seal()
    return cache.folder


def test_whole_engines_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    EngineCache(folder).prepare()
    assert {path.name for path in folder.iterdir()} == {"a.engine", "b.timing", INDEX}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "a.engine").write_bytes(b"a.engine"), "'a.engine' is missing, altered"),
        (lambda f: (f / "b.timing").unlink(), "'b.timing' is missing, altered"),
        (lambda f: (f / "c.engine").write_bytes(b""), "'c.engine' is missing, altered or unknown"),
        (lambda f: (f / INDEX).unlink(), "not finished"),
        (lambda f: (f / INDEX).write_text("{"), "not finished"),
        (lambda f: (f / INDEX).write_text("[]"), "damaged"),
    ],
)
def test_damage_is_said_and_cleared(
    folder: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], object], said: str
) -> None:
    damage(folder)
    EngineCache(folder).prepare()
    assert list(folder.iterdir()) == []
    message = capsys.readouterr().err
    assert said in message
    assert str(folder) in message
    assert message.count("\n") == 1


def test_sealed_once_and_again_after_clearing(folder: Path) -> None:
    cache = EngineCache(folder)
    cache.seal()
    (folder / "late.engine").write_bytes(b"x")
    cache.seal()
    assert "late.engine" not in json.loads((folder / INDEX).read_text())
    cache.clear("of a test")
    assert cache.empty
    (folder / "new.engine").write_bytes(b"x")
    cache.seal()
    assert set(json.loads((folder / INDEX).read_text())) == {"new.engine"}


def test_another_bundle_has_other_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trainings export graphs of the same bytes; only the manifest tells them apart."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    copy = Path(shutil.copytree(TOY, tmp_path / "bundle"))
    name = "step_p1_t20_k2.onnx"
    here, there = EngineCache.of(TOY / name), EngineCache.of(copy / name)
    assert here.folder == there.folder
    assert here.folder != EngineCache.of(TOY / "step_p1_t20_k1.onnx").folder
    (copy / "manifest.json").write_bytes((copy / "manifest.json").read_bytes() + b"\n")
    assert EngineCache.of(copy / name).folder != here.folder
    assert here.folder.is_relative_to(tmp_path / "cache" / "scene-motion" / "tensorrt")
