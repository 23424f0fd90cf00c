"""The room as other tools get it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from motion_preprocessing.scene import load_scene
from motion_runtime.formats import room as room_module
from motion_runtime.formats.room import room_of

WARD = Path(__file__).parents[3] / "examples" / "ward.ply"


def test_points_keep_their_place_and_colours() -> None:
    scene = load_scene(WARD)
    room = room_of(scene)
    assert scene.colors is not None
    assert len(room.points_m) == len(scene)
    np.testing.assert_array_equal(room.points_m, scene.points_m)
    np.testing.assert_allclose(room.colors, scene.colors / 255)


def test_the_ceiling_is_apart() -> None:
    scene = load_scene(WARD)
    labels = np.full_like(scene.labels, -1)
    high = scene.points_m[:, 2] > 2.2
    room = room_of(replace(scene, labels=labels))
    assert (room.ceiling[high]).all()
    assert not room.ceiling[scene.points_m[:, 2] < 2.1].any()


def test_without_colours_the_pictures_colours_are_taken() -> None:
    room = room_of(replace(load_scene(WARD), colors=None))
    assert room.colors.min() >= 0
    assert room.colors.max() <= 1
    assert len(np.unique(room.colors.round(3), axis=0)) > 5
    assert not room.ceiling.any()


def test_large_rooms_are_thinned_evenly(monkeypatch: object) -> None:
    scene = load_scene(WARD)
    most = len(scene) // 3
    monkeypatch.setattr(room_module, "MAX_POINTS", most)  # type: ignore[attr-defined]
    room = room_of(scene)
    assert most / 2 < len(room.points_m) <= most
    assert len(room.points_m) == len(room.colors) == len(room.ceiling)
    np.testing.assert_allclose(room.points_m.mean(axis=0), scene.points_m.mean(axis=0), atol=0.05)
