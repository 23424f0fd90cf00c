"""A room whose unit is not clear: asked for on a terminal, once; said elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from motion_preprocessing.scene import load_scene
from motion_runtime import room_units
from motion_runtime.cli import main
from motion_runtime.convert_cli import main as convert_main
from motion_runtime.jobs.rooms import KEPT_ROOMS, RoomKey, Rooms
from motion_runtime.motion import Motion
from motion_runtime.viewer import view_command
from motion_runtime.viewer.cli import main as view_main
from motion_runtime.writer import write_motion

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"
TOY = Path(__file__).parent / "toy_bundle"


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


def test_points_that_are_left_out_are_counted_in_one_line(tmp_path: Path) -> None:
    points = load_scene(WARD).points_m.copy()
    points[[3, 7]] = np.nan
    np.save(tmp_path / "ward.npy", points)
    path = tmp_path / "ward.npy"
    told = f"2 of {len(points):,} points of {path} are left out: their coordinates are NaN or infinite"
    assert inspect(path)[1] == f"warning: {told}\n"


@pytest.mark.parametrize(("said", "unit"), [("\n", "m"), ("ft\n", "ft"), ("yards\nft\n", "ft")])
def test_on_a_terminal_it_is_asked(hall: Path, said: str, unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_units, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    out, err = inspect(hall, said=said)
    assert f"z up, in {unit}" in out
    assert "ft (1.5 m high)" in err
    assert inspect(WARD, said="ft\n")[1] == ""  # nobody is asked what is clear
    assert json.loads(inspect(hall, "--json", said="ft\n")[0])["units"] == "m"  # nor a program


@pytest.fixture
def sample(tmp_path: Path, walk: Callable[..., Motion]) -> Path:
    folder = tmp_path / "out" / "sample_000"
    folder.mkdir(parents=True)
    write_motion(folder / "motion.npz", walk(frames=5))
    return folder


def test_other_commands_say_the_same_line(
    hall: Path, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = inspect(hall)[1]
    convert = [str(sample), "--to", "glb", "--scene", str(hall), "--out"]
    view = [str(sample), "--scene", str(hall), "--no-open", "--overwrite", "--out", str(tmp_path / "v.html")]
    for command, arguments in ((convert_main, [*convert, str(tmp_path / "a")]), (view_main, view)):
        told = CliRunner().invoke(command, arguments)
        assert told.exit_code == 0, told.output
        assert told.stderr == line
        assert CliRunner().invoke(command, [*arguments, "--units", "ft", "--overwrite"]).stderr == ""
    monkeypatch.setattr(room_units, "sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    assert "Which (m, ft)" in CliRunner().invoke(convert_main, [*convert, str(tmp_path / "b")], input="ft\n").stderr
    assert "Which (m, ft)" in CliRunner().invoke(view_main, view, input="ft\n").stderr
    # Nobody waits for an answer where a program reads what is said.
    assert CliRunner().invoke(convert_main, [*convert, str(tmp_path / "c"), "--json"]).stderr == line


def test_a_job_files_room_is_said_once_with_the_field_that_settles_it(
    hall: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = inspect(hall)[1]
    rooms, unclear = Rooms(), (str(hall), "auto", "auto", "")
    others: list[RoomKey] = [(str(hall), "z", unit, "") for unit in ("m", "ft", "in", "cm")]
    assert len(others) == KEPT_ROOMS
    for key in (unclear, *others, unclear):  # in the end it is loaded again
        rooms.get(key)
    assert capsys.readouterr().err == line.replace("--units", "the field 'units'")


def test_the_viewer_takes_unit_and_labels_that_the_run_took(
    hall: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = ["--bundle", str(TOY), "--provider", "cpu", "--seconds", "0.5", "--steps", "1", "--no-preview"]
    out = tmp_path / "run"
    arguments = [*quick, "--scene", str(hall), "--units", "ft", "--labels", "ignore"]
    ran = CliRunner().invoke(main, [*arguments, "--prompt", "walks", "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    request = json.loads((out / "sample_000" / "run.json").read_text())["request"]
    assert (request["scene_up"], request["scene_units"], request["scene_labels"]) == ("z", "ft", "ignore")
    taken: list[tuple[str, str, object]] = []
    load = room_units.load_room

    def watched(path: Path, *, up: str, units: str, labels: object, **options: object) -> object:
        taken.append((up, units, labels))
        return load(path, up=up, units=units, labels=labels, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(view_command, "load_room", watched)
    for more in ([], ["--units", "m"]):
        told = CliRunner().invoke(view_main, [str(out), "--no-open", *more])
        assert told.exit_code == 0, told.output
        assert told.stderr == ""
    assert taken == [("z", "ft", "ignore"), ("z", "m", "ignore")]
    (out / "sample_000" / "run.json").write_text(json.dumps({"request": request | {"scene_units": ["ft"]}}))
    assert "--units" in CliRunner().invoke(view_main, [str(out), "--no-open"]).stderr  # a foreign one says nothing
