"""`motion-run inspect`, --dry-run, --json, --quiet and --verbose: what is said, to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from motion_preprocessing.scene import load_scene
from motion_runtime.cli import UNITS, UP, main
from motion_runtime.inspect_command import _UNITS, _UP
from motion_runtime.run_help import SECTIONS

TOY = Path(__file__).with_name("toy_bundle")
WARD = Path(__file__).parents[2] / "examples" / "ward.ply"
QUICK = ("--bundle", TOY, "--provider", "cpu", "--seconds", "1", "--no-preview", "--formats", "npz")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_room_in_words_in_json_and_as_a_picture(tmp_path: Path) -> None:
    told = run("inspect", WARD, "--picture", tmp_path / "plan.png")
    assert told.exit_code == 0, told.output
    for words in ("80,000 points", "z up, in m", "4 outer walls", "bed ", "chair 3", "(by label)", "plan.png"):
        assert words in told.stdout
    with Image.open(tmp_path / "plan.png") as picture:
        assert picture.format == "PNG"
    found = json.loads(run("inspect", WARD, "--labels", "ignore", "--no-picture", "--json").stdout)
    assert found["units"] == "m"
    assert found["high_m"][0] == pytest.approx(4.4, abs=0.1)
    assert 15 < found["floor_m2"] < 22.5
    assert 4 < found["free_m2"] < found["floor_m2"]
    bed = next(thing for thing in found["objects"] if thing["class"] == "bed")
    assert bed["by"] == "shape"
    assert bed["size_m"][0] == pytest.approx(2.1, abs=0.1)
    assert "picture" not in found


def test_the_room_may_be_named_as_motion_run_has_it() -> None:
    named, plain = (run("inspect", *words, "--no-picture", "--json") for words in (("--scene", WARD), (WARD,)))
    assert named.stdout == plain.stdout
    assert plain.exit_code == 0


def test_things_of_no_class_are_listed_by_their_own_name(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text(
        json.dumps({str(n): f"Ding {n}" for n in range(23)} | {"4": "Hospital Bed #1"})
    )
    told = run("inspect", WARD, "--labels", tmp_path / "names.json", "--no-picture")
    assert told.exit_code == 0, told.output
    assert "(by label 'Ding 10')" in told.stdout  # the nightstand
    assert "bed " in told.stdout
    assert "Hospital Bed" not in told.stdout
    assert "floor     20.5" in told.stdout


def test_a_bundle_in_words_and_in_json() -> None:
    told = run("inspect", TOY)
    assert told.exit_code == 0, told.output
    for words in ("toy", "people      1, 2", "up to 2 s", "fp32", "Apache-2.0", "Untrained"):
        assert words in told.stdout
    found = json.loads(run("inspect", TOY, "--json").stdout)
    assert found["people"] == [1, 2]
    assert found["precisions"] == ["fp32"]
    assert len(found["sha256"]) == 64


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nothing.ply"], 2),
        ([str(Path(__file__).parent)], 4),
        ([str(WARD), "--units", "miles"], 2),
        ([], 2),
        ([str(WARD), "--scene", str(WARD)], 2),
    ],
)
def test_what_cannot_be_inspected_is_one_line(
    arguments: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("inspect", *arguments)
    assert not list(tmp_path.iterdir())
    assert result.exit_code == code
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")


def test_the_choices_are_those_of_motion_run() -> None:
    assert (_UP, _UNITS) == (UP, UNITS)


def test_a_dry_run_says_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    asked = (
        *QUICK,
        "--scene",
        WARD,
        "--prompt",
        "sits down on the chair",
        "--num-samples",
        3,
        "--out",
        out,
        "--dry-run",
    )
    told = run(*asked)
    assert told.exit_code == 0, told.output
    for words in ("3 motions of 1 s", "sits down on the chair", "ward.ply with bed", "start", "toy on cpu in fp32"):
        assert words in told.stdout
    assert not out.exists()
    found = json.loads(run(*asked, "--json").stdout)
    assert found["frames"] == 20
    assert len(found["start_m"]) == 2
    assert "chair 2" in found["objects"]
    assert not out.exists()
    goal = json.loads(run(*asked[:-1], "--goal", "bed", "--dry-run", "--json").stdout)
    assert goal["places"] == []  # a seat is no place to walk to, but a thing to use
    bed = load_scene(WARD).furniture[0]
    assert bed.gap_m(np.array([goal["seats"][0][0][:2]]))[0] <= 0
    far = json.loads(run(*asked[:-1], "--goal", "2.5,2.5", "--dry-run", "--json").stdout)
    assert far["places"][0][-1] == pytest.approx([0.95, 2.5, 2.5])
    refused = run(*QUICK, "--prompt", "walks", "--person", "robot", "--out", out, "--dry-run")
    assert refused.exit_code == 2
    assert "robot" in refused.stderr


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--scene", WARD, "--start", "99,99"), "expected a start inside the room"),
        (("--scene", WARD, "--path", "0:50,50"), "expected places inside the room"),
        (("--start", "1,1", "--path", "0:0,0 0.5:1,0"), "expected the start that the edits have, 0.00,0.00, got 1,1"),
    ],
)
def test_a_dry_run_refuses_places_that_the_run_would(tmp_path: Path, asked: tuple[object, ...], words: str) -> None:
    for more in ((), ("--dry-run",)):
        refused = run(*QUICK, "--prompt", "walks", "--out", tmp_path / "out", *asked, *more)
        assert refused.exit_code == 2, refused.output
        assert words in refused.stderr
        assert refused.stdout == ""


def test_quiet_json_and_verbose(tmp_path: Path) -> None:
    quiet = run(*QUICK, "--prompt", "walks", "--out", tmp_path / "a", "--quiet")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
    assert run(*QUICK, "--prompt", "walks", "--out", tmp_path / "e", "--quiet", "--dry-run").output == ""
    said = json.loads(run(*QUICK, "--prompt", "walks", "--out", tmp_path / "b", "--json").stdout)
    assert said["samples"] == [str(tmp_path / "b" / "sample_000")]
    assert (Path(said["samples"][0]) / "motion.npz").is_file()
    verbose = run(*QUICK, "--prompt", "walks", "--out", tmp_path / "c", "--verbose").stdout
    assert verbose.index("toy on cpu") < verbose.index("wrote 1 motion")
    several = run(*QUICK, "--prompt", "walks", "--out", tmp_path / "d", "-q", "-v")
    assert several.exit_code == 2
    assert not (tmp_path / "d").exists()


def test_start_with_a_heading_and_a_goal_are_used(tmp_path: Path) -> None:
    arguments = (*QUICK, "--prompt", "walks", "--start", "1,2,90", "--goal", "1,2.5")
    found = json.loads(run(*arguments, "--out", tmp_path / "x", "--dry-run", "--json").stdout)
    assert (found["start_m"], found["heading_deg"]) == ([1.0, 2.0], 90.0)
    assert found["places"] == [[[0.0, 1.0, 2.0], [0.95, 1.0, 2.5]]]
    wrong = run(*QUICK, "--prompt", "walks", "--start", "1,2,3,4", "--out", tmp_path / "y")
    assert wrong.exit_code == 2
    assert "--start" in wrong.stderr


def test_help_has_every_option_once_in_its_section_and_the_exit_codes() -> None:
    told = run("--help").stdout
    listed = [name for _, names in SECTIONS for name in names]
    assert len(listed) == len(set(listed))
    titles = [title for title, _ in SECTIONS]
    places = [told.index(f"\n{title}:") for title in titles]
    assert places == sorted(places)
    for option in main.params:
        assert option.name in (*listed, "version")
    for code in ("2 bad file", "4 bundle", "130 interrupted"):
        assert code in told
    assert "motion-run inspect" in told
    assert run("inspect", "--help").exit_code == 0


def test_a_dry_run_says_where_everybody_starts_and_sits(tmp_path: Path) -> None:
    told = run(
        "--scene", WARD, "--prompt", "a patient sits on the bed", "--prompt", "a nurse walks to the bed", *QUICK,
        "--person", "patient", "--person", "staff", "--dry-run", "--out", tmp_path / "out",
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "start     of person 2:" in told.stdout
    assert "seat      of person 1: about" in told.stdout
    assert "of person 2: about" not in told.stdout
