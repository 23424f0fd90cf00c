"""Who may start anywhere starts where nobody comes by."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from motion_preprocessing.metrics import person_penetration_m
from motion_preprocessing.scene import Scene
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement, Room
from motion_runtime.starting_places import out_of_the_way


def test_who_is_in_nobodys_way_stays(room: Room) -> None:
    start = Placement((1.5, 1.5), 0.3)
    assert out_of_the_way(room, start, []) == start
    assert out_of_the_way(room, start, [np.full((40, 6, 2), 9.0)]) == start


def test_who_is_in_somebodys_way_starts_where_they_are_not(room: Room) -> None:
    way = np.stack([np.linspace(0.8, 3.5, 60), np.full(60, 2.5)], axis=1)[:, None]  # through the middle of the ward
    start = Placement((2.0, 2.4), 0.0)
    moved = out_of_the_way(room, start, [way])
    assert np.linalg.norm(way[:, 0] - moved.start_m, axis=1).min() > 1.0
    assert room.free_space.clearance(*moved.start_m) >= 0.3
    assert out_of_the_way(room, start, [way], math.pi / 3).heading_rad == math.pi / 3
    assert out_of_the_way(room, start, [way]) == moved


def test_four_people_of_the_built_in_model_keep_their_limbs_off_each_other(ward: Scene) -> None:
    prompts = (
        "a patient walks to the bed and lies down", "a nurse walks to the chair and sits down",
        "a person walks through the room", "a person stands and waves",
    )  # fmt: skip
    generator = Generator.load(None, "cpu")
    request = GenerationRequest(prompts, scene=ward, seed=7002)
    assert generator.staged(request).strays == (2, 3)
    joints = generator.generate(request).joints_m.astype(np.float64)
    depth = np.max([person_penetration_m(joints[a], joints[b]) for a, b in combinations(range(4), 2)], axis=0)
    assert (depth > 0).mean() < 0.05  # a quarter of the frames where only pelves were kept apart
