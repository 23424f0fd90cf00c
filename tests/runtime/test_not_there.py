"""What prompts name and the room lacks is warned of, once a thing, with what there is instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from motion_preprocessing.scene import Scene, load_scene
from motion_runtime.cli import main
from motion_runtime.not_there import not_there

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"


@pytest.mark.parametrize(
    ("prompt", "lacks", "says"),
    [
        ("a person walks to the toilet", "a toilet", "3 chairs"),
        ("a person sits on the sofa", "a sofa", "the chair stands in for it"),
        ("a person walks to the door", "the door", "--goal x,y"),
        ("a person looks out of the window", "the window", "--goal x,y"),
    ],
)
def test_one_line_names_what_is_lacking_and_what_there_is(ward: Scene, prompt: str, lacks: str, says: str) -> None:
    (line,) = not_there([prompt, prompt], ward)
    assert lacks in line
    assert says in line
    assert prompt in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "prompts",
    [
        ("a person walks to the bed and lies down", "a nurse sits down on a chair"),
        ("a person walks forward",),
        ("a nurse pushes a wheelchair", "a patient sits in a wheelchair that is pushed"),
        ("a person falls to the floor",),
        ("a person shuts the cabinet door",),
    ],
)
def test_what_is_there_and_what_goes_along_is_not_warned_of(ward: Scene, prompts: tuple[str, ...]) -> None:
    assert not_there(prompts, ward) == []


def test_the_command_says_it_on_stderr_and_without_a_room_nothing(tmp_path: Path) -> None:
    for scene, expected in ((["--scene", str(WARD)], 1), ([], 0)):
        asked = ["--prompt", "a person walks to the toilet", "--out", str(tmp_path / "x"), "--dry-run", *scene]
        result = CliRunner().invoke(main, asked)
        assert result.exit_code == 0, result.output
        assert result.stderr.count("warning: expected a toilet") == expected


def test_things_without_a_class_are_listed_by_what_they_can_be_asked_for_by() -> None:
    (line,) = not_there(["a person walks to the toilet"], load_scene(WARD, labels="ignore"))
    names = [thing.name for thing in load_scene(WARD, labels="ignore").furniture if thing.object_class == "unknown"]
    assert names
    assert names[0] in line
