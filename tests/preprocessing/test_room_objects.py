"""Things of a room: found by labels, and by shape where there are none; a million points are thinned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.ply import read_ply, write_ply
from motion_preprocessing.room_objects import RoomObject, _Shape, guess_class, named
from motion_preprocessing.scene import MAX_POINTS, OBJECT_CLASSES, Scene, load_scene, object_points

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"


@pytest.fixture(scope="module")
def labelled() -> Scene:
    return load_scene(WARD)


@pytest.fixture(scope="module")
def blind() -> Scene:
    return load_scene(WARD, labels="ignore")


def of_class(scene: Scene, name: str) -> list[RoomObject]:
    return [thing for thing in scene.furniture if thing.object_class == name]


def test_labelled_things_are_those_of_the_file(labelled: Scene) -> None:
    raw = read_ply(WARD).properties
    things = labelled.furniture
    numbers = raw["instance"][raw["label"] > 3]
    assert sorted(len(thing.members) for thing in things) == sorted(np.unique(numbers, return_counts=True)[1].tolist())
    assert all(thing.labelled for thing in things)
    assert [thing.number for thing in things] == list(range(1, len(things) + 1))
    assert {"bed", "chair", "chair 2", "chair 3", "table", "walker"} <= {thing.name for thing in things}
    for thing in things:  # nearly all points are in the box
        off = (labelled.points_m[thing.members, :2] - np.array(thing.centre_m)) @ thing.axes.T
        assert (np.abs(off) <= np.array(thing.size_m[:2]) / 2 + 1e-6).all(axis=1).mean() > 0.95


def test_things_without_labels_are_found_and_mostly_known(labelled: Scene, blind: Scene) -> None:
    for name in ("bed", "chair", "table"):
        truth, found = of_class(labelled, name), of_class(blind, name)
        assert len(found) == len(truth), name
        for thing in truth:
            nearest = min(found, key=lambda one: np.hypot(*np.subtract(one.centre_m, thing.centre_m)))
            np.testing.assert_allclose(nearest.centre_m, thing.centre_m, atol=0.1)
            np.testing.assert_allclose(nearest.size_m, thing.size_m, atol=0.15)
            assert not nearest.labelled
    assert {thing.object_class for thing in blind.furniture} == {"bed", "chair", "table", "unknown"}
    _, classes = object_points(blind)
    assert {OBJECT_CLASSES[c] for c in np.unique(classes)} == {"unknown", "bed", "chair", "table"}


def test_backs_and_seats_of_chairs(labelled: Scene) -> None:
    """The ward's two plain chairs stand at the table at (0.5, 4): their backs are on the far side of it."""
    for thing in of_class(labelled, "chair"):
        assert thing.level_m is not None
        assert 0.35 < thing.level_m < 0.55
        if thing.size_m[0] < 0.6:
            towards = np.array([0.5, 4.0]) - thing.centre_m
            assert np.dot(thing.back_m, towards) < -0.05


@pytest.mark.parametrize(("length", "width", "expected"), [(1.2, 0.6, "table"), (2.8, 2.1, "unknown")])
def test_a_low_table_is_no_larger_than_those_are(length: float, width: float, expected: str) -> None:
    """A bed that hangs together with the nightstands beside it is as low and as level, and no table."""
    shape = _Shape(
        (0.0, 0.0), length, width, 0.6, 0.0, 0.5, (0.0, 0.0), fill=0.8, above=0.05, below=0.1, back=(0.0, 0.0)
    )
    assert guess_class(shape) == expected


def test_asked_for_by_name(labelled: Scene) -> None:
    things = labelled.furniture
    (second,) = named(things, "Chair  2")
    assert second.name == "chair 2"
    assert {thing.name for thing in named(things, "the armchair")} == {"chair", "chair 2", "chair 3"}
    assert named(things, "object 1") == [things[0]]
    assert named(things, "object 99") == named(things, "piano") == named(things, "chair 9") == []


def test_more_points_than_are_needed_are_thinned_evenly(tmp_path: Path) -> None:
    columns = read_ply(WARD).properties
    rng = np.random.default_rng(0)
    many = {name: np.tile(column, 7) for name, column in columns.items()}
    for axis in "xyz":
        many[axis] = (1000 * (many[axis] + rng.normal(0, 0.004, len(many[axis])))).astype(np.float32)  # millimetres
    write_ply(tmp_path / "many.ply", many)
    scene = load_scene(tmp_path / "many.ply")
    assert scene.floor is not None
    assert scene.floor.units == "mm"
    assert MAX_POINTS / 3 < len(scene) <= MAX_POINTS
    assert scene.colors is not None
    assert len(scene.labels) == len(scene.instances) == len(scene.colors) == len(scene)
    assert {thing.name for thing in scene.furniture} >= {"bed", "chair 3", "table"}
