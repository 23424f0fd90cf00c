"""A room whose unit is not clear: asked for on a terminal, once; said elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from motion_preprocessing.scene import load_scene
from motion_runtime import room_units
from motion_runtime.cli import main

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"


@pytest.fixture
def hall(tmp_path: Path) -> Path:
    """Twice the ward: five metres high, or cropped at one and a half if in feet."""
    path = tmp_path / "hall.npy"
    np.save(path, 2 * load_scene(WARD).points_m)
    return path


def inspect(path: Path, *options: str, said: str = "") -> tuple[str, str]:
    told = CliRunner().invoke(main, ["inspect", str(path), "--no-picture", *options], input=said)
    assert told.exit_code == 0, told.output
    return told.stdout, told.stderr


def test_elsewhere_it_is_said_in_one_line(hall: Path) -> None:
    out, err = inspect(hall)
    assert "z up, in m" in out
    assert err.count("\n") == 1
    for words in ("m (5.0 m high)", "ft (1.5 m high)", "m is taken", "--units"):
        assert words in err
    assert inspect(hall, "--units", "ft")[1] == ""
    assert inspect(WARD)[1] == ""


@pytest.mark.parametrize(("said", "unit"), [("\n", "m"), ("ft\n", "ft"), ("yards\nft\n", "ft")])
def test_on_a_terminal_it_is_asked(hall: Path, said: str, unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_units, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    out, err = inspect(hall, said=said)
    assert f"z up, in {unit}" in out
    assert "ft (1.5 m high)" in err
    assert inspect(WARD, said="ft\n")[1] == ""  # nobody is asked what is clear
    assert json.loads(inspect(hall, "--json", said="ft\n")[0])["units"] == "m"  # nor a program
