"""Falls out of bed: who is meant, where they are put, what they are told, and that the built-in model does it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.frame_labels import ACTIONS, omnifall_labels
from motion_preprocessing.scene import Scene, load_scene
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
from motion_runtime.out_of_bed import falls_out_of, no_way_off
from motion_runtime.placement import Room
from motion_runtime.stage import Start
from motion_runtime.staging import staged

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"


@pytest.fixture(scope="module")
def ward() -> Scene:
    return load_scene(WARD)


@pytest.fixture(scope="module")
def room(ward: Scene) -> Room:
    return Room(ward)


def stage(room: Room, *prompts: str, **given: object) -> GenerationRequest:
    return staged(GenerationRequest(prompts, scene=room.scene, **given), room, 5.95)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a patient falls out of bed", ("bed", 0)),
        ("an old man rolls off the bed and falls to the floor", ("bed", 0)),
        ("The patient slides from her bed to the floor", ("bed", 0)),
        ("a patient lies in bed, rolls over the edge of the bed and falls", ("bed", 0)),
        ("a woman is asleep in bed and suddenly falls out of bed", ("bed", 0)),
        ("a person falls off the sofa", ("sofa", 0)),
        ("a patient lies in bed | falls out of bed | lies on the floor", ("bed", 1)),
        ("a person falls out of bed and gets up", None),
        ("a person walks to the bed and falls off the bed", None),
        ("a person walks to the bed | falls off the bed", None),
        ("a patient sits up in bed | falls out of bed", None),
        ("a patient falls beside the bed", None),
        ("a patient falls onto the bed", None),
        ("a patient gets out of bed", None),
        ("a person falls asleep in bed", None),
    ],
)
def test_who_falls_out_of_bed_and_does_nothing_else(prompt: str, expected: tuple[str, int] | None) -> None:
    assert falls_out_of(prompt.split("|")) == expected


def test_one_starts_on_the_mattress_and_lands_on_free_floor(room: Room, ward: Scene) -> None:
    bed = next(thing for thing in ward.furniture if thing.object_class == "bed")
    for sample in range(4):
        request = stage(room, "a patient falls out of bed", sample=sample)
        (way,) = request.rolls
        assert way is not None
        assert not request.uses
        assert request.start_m == way.place_m
        along = bed.axes @ (np.array(way.place_m) - bed.centre_m)
        assert (np.abs(along) < 0.5 * np.array(bed.size_m[:2])).all()
        assert float(room.free_space.clearance(*way.lands_m)) > 0.15
        assert float(bed.gap_m(np.array([way.lands_m]))[0]) == pytest.approx(way.beside_m, abs=0.1)
        assert way.level_m == bed.level_m


def test_in_parts_one_falls_when_it_is_said(room: Room) -> None:
    request = stage(room, "3s: a patient lies in bed | 3s: the patient falls out of bed")
    (way,) = request.rolls
    assert way is not None
    assert way.since_s == 3.0


def test_others_keep_off_where_one_lands(room: Room) -> None:
    request = stage(room, "a patient falls out of bed", "a nurse stands and waves")
    (way, none) = request.rolls
    assert way is not None
    assert none is None
    (nurse,) = request.others
    assert nurse is not None
    assert math.dist(nurse.place_m, way.lands_m) > 0.8


def test_who_was_told_where_to_start_or_uses_nothing_stays_there(room: Room) -> None:
    assert stage(room, "a patient falls out of bed", start_m=(2.0, 2.0)).rolls == ()
    assert stage(room, "a patient falls out of bed", use=False).rolls == ()
    assert stage(room, "a patient falls out of bed", "a person waves", others=(Start((2.0, 2.0), 0.0),)).rolls == ()
    assert stage(room, "a patient lies on the bed").rolls == ()


def test_a_bed_without_a_free_side_is_warned_of(room: Room, ward: Scene) -> None:
    request = stage(room, "a patient falls out of bed")
    assert no_way_off(request, ward) is None
    said = no_way_off(replace(request, rolls=()), ward)
    assert said is not None
    assert "falls beside the bed" in said
    assert no_way_off(stage(room, "a person lies on the bed"), ward) is None


def test_the_built_in_model_falls_out_of_bed(ward: Scene) -> None:
    """Lies on the mattress, falls and lies on the floor beside it; other draws do it otherwise."""
    generator = Generator.load()
    ends = []
    for sample in range(3):
        request = GenerationRequest(("an old woman falls out of bed",), seconds=6.0, scene=ward, seed=77, sample=sample)
        (way,) = generator.staged(request).rolls
        assert way is not None
        joints = generator.generate(request).joints_m[0].astype(np.float64)
        labels = [ACTIONS[k] for k in omnifall_labels(joints, 20.0)]
        assert labels[0] == "lying"
        assert "fall" in labels
        assert labels[-1] == "fallen"
        assert joints[0, 0, 2] == pytest.approx(way.level_m + 0.14, abs=0.12)
        assert joints[-1, 0, 2] < 0.35
        beside = (joints[-1, 0, :2] - way.place_m) @ way.out - way.edge_m
        assert 0.0 < beside < 1.0
        ends.append(joints[-1])
    assert np.linalg.norm(ends[0] - ends[1], axis=-1).max() > 0.1


def test_equal_requests_fall_equally(ward: Scene) -> None:
    generator = Generator.load()
    request = GenerationRequest(("a patient falls out of bed",), seconds=4.0, scene=ward, seed=5)
    first, second = (generator.generate(request).joints_m for _ in range(2))
    np.testing.assert_array_equal(first, second)
