"""Who may start anywhere starts where nobody comes by."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motion_preprocessing.metrics import person_penetration_m
from motion_preprocessing.scene import Scene
from motion_runtime.cli import main
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


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float], Path]:
    """A room of 3 m by 3 m with a table over all but a strip of its floor."""

    def make(strip_m: float) -> Path:
        side = np.arange(0, 3, 0.05)
        floor = np.stack(np.meshgrid(side, side, [0.0]), axis=-1).reshape(-1, 3)
        along, high = (part.ravel() for part in np.meshgrid(side, np.arange(0, 2.5, 0.05)))
        walls = [np.stack([along, np.full_like(along, at), high], axis=1) for at in (0, 3)]
        walls += [wall[:, [1, 0, 2]] for wall in walls]
        top = np.arange(0.1, 2.9, 0.03)
        table = np.stack(np.meshgrid(top[top < 2.9 - strip_m], top, [0.72]), axis=-1).reshape(-1, 3)
        path = tmp_path_factory.mktemp("room") / "room.npz"
        parts = [(floor, 1), *((wall, 2) for wall in walls), (table, 8)]
        points, labels = zip(*((part, np.full(len(part), label)) for part, label in parts), strict=True)
        np.savez(path, points=np.concatenate(points), labels=np.concatenate(labels))
        return path

    return make


WALKS = ("--prompt", "a person walks", "--seconds", "1", "--steps", "1", "--no-preview", "--formats", "npz")


def test_a_room_without_free_floor_is_refused_before_anything_is_made(
    furnished: Callable[[float], Path], tmp_path: Path
) -> None:
    path, out = furnished(0.0), tmp_path / "out"
    (tmp_path / "jobs.jsonl").write_text(json.dumps({"prompt": "a person walks", "scene": str(path)}), encoding="utf-8")
    of_one = [*WALKS, "--scene", str(path)]
    for arguments in (of_one, [*of_one, "--dry-run"], ["--jobs", str(tmp_path / "jobs.jsonl")],
                      ["--jobs", str(tmp_path / "jobs.jsonl"), "--dry-run"]):  # fmt: skip
        told = CliRunner().invoke(main, [*arguments, "--out", str(out)])
        assert told.exit_code == 2
        assert "expected free floor 0.6 m wide in the room, got none" in told.stderr
        assert told.stderr.splitlines()[-1].startswith("error: ")
        assert not out.exists()
    told = CliRunner().invoke(main, [*WALKS, "--scene", str(furnished(1.0)), "--dry-run", "--out", str(out)])
    assert (told.exit_code, told.stderr) == (0, "")


def test_who_is_told_to_start_in_such_a_room_is_warned_of(furnished: Callable[[float], Path], tmp_path: Path) -> None:
    told = "the room has no free floor 0.6 m wide: whoever is not on a thing is put inside one; scan the floor"
    for strip_m, warned in ((0.0, True), (1.0, False)):
        path = furnished(strip_m)
        job = {"prompt": "a person walks", "scene": str(path), "start": [1.5, 1.5]}
        (tmp_path / "jobs.jsonl").write_text(json.dumps(job), encoding="utf-8")
        of_one = [*WALKS, "--scene", str(path), "--start", "1.5,1.5"]
        for arguments in (of_one, ["--jobs", str(tmp_path / "jobs.jsonl")]):
            found = CliRunner().invoke(main, [*arguments, "--dry-run", "--out", str(tmp_path / "out")])
            assert found.exit_code == 0, found.output
            assert found.stderr.count(told) == found.stderr.count("\n") == warned
