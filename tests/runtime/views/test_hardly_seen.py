"""Cameras that see hardly any floor, or hardly anybody: how much is counted, and one line that says it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motion_preprocessing.scene import Scene
from motion_runtime.cli import main
from motion_runtime.convert_cli import main as convert
from motion_runtime.motion import Motion
from motion_runtime.views.hardly_seen import WhoIsSeen, floor_seen_m2, hardly_any_floor
from motion_runtime.views.sight import look
from motion_runtime.views.view_camera import ViewCamera

RUNTIME = Path(__file__).parents[1]
TOY = RUNTIME / "toy_bundle"
WARD = RUNTIME.parents[1] / "examples" / "ward.ply"
CAMERAS = [
    {"name": "good", "width": 320, "height": 180, "fov_deg": 90, "position": [0.3, 0.3, 2.4], "look_at": [2, 3, 0]},
    # Close before the wall.
    {"name": "wall", "width": 320, "height": 180, "fov_deg": 30, "position": [2, 0.5, 1.6], "look_at": [2, 0, 1.6]},
]

Stand = Callable[..., Motion]
CameraAt = Callable[..., ViewCamera]


def level(z: float, half_m: float = 3.0) -> np.ndarray:
    """Points 2 cm apart in a level square."""
    side = np.arange(-half_m, half_m, 0.02)
    x, y = np.meshgrid(side, side)
    return np.column_stack([x.ravel(), y.ravel(), np.full(x.size, z)])


def room(*parts: np.ndarray) -> Scene:
    points = np.concatenate(parts).astype(np.float32)
    none = np.full(len(points), -1, dtype=np.int32)
    return Scene(points, none, none, None, (), np.eye(4))


def test_the_floor_in_a_picture_from_above_is_the_pictures_footprint(camera_at: CameraAt) -> None:
    camera = camera_at((0.0, 0.0, 2.4), (0.0, 0.0, 0.0), focal_px=1280.0)
    sides = np.array([1280, 720]) * 2.4 / 1280
    seen, whole = floor_seen_m2(camera, room(level(0.0)))
    assert whole == pytest.approx(36.0, rel=0.05)
    # Cells of a quarter of a metre that the edges of the picture cut count whole.
    assert sides.prod() <= seen <= (sides + 0.25).prod()
    assert hardly_any_floor([camera], room(level(0.0))) == []
    under_a_roof = room(level(0.0), level(1.5))
    assert floor_seen_m2(camera, under_a_roof) == (0.0, whole)
    assert hardly_any_floor([camera], under_a_roof) == ["camera 'one' sees 0 of 36 m2 of the floor"]
    # All of a small floor is not hardly any.
    assert hardly_any_floor([camera], room(level(0.0, 0.4))) == []
    assert hardly_any_floor([camera], None) == []


def test_whom_a_camera_sees_is_counted_over_motions(stand: Stand, camera_at: CameraAt) -> None:
    before, behind = camera_at((4.0, 0.0, 1.0)), replace(camera_at((8.0, 0.0, 1.0), (12.0, 0.0, 1.0)), name="away")
    seen = WhoIsSeen()
    for _ in range(3):
        seen.add(look(stand((0.0, 0.0), (0.0, 0.8)), [before, behind]))
    (line,) = seen.warnings()
    assert line.startswith("camera 'away' sees 0 of 6 persons, in 0 of 3 frames; ")
    both = WhoIsSeen()
    both.add(look(stand((0.0, 0.0)), [replace(before, name="away")]))  # one frame in four is no longer hardly
    both.add_all(seen)
    assert both.warnings() == []
    other = WhoIsSeen()
    other.add(look(stand((0.0, 0.0)), [behind]), "b.json")
    assert other.warnings()[0].startswith("camera 'away' of b.json sees 0 of 1 person, in 0 of 1 frame; ")


def test_a_hand_in_the_picture_is_nobody_seen(stand: Stand, camera_at: CameraAt) -> None:
    motion = stand((0.0, 0.0), arms_down=False)
    seen = WhoIsSeen()
    seen.add(look(motion, [camera_at((3.0, 0.75, 1.4), (0.0, 0.75, 1.4), focal_px=9000.0)]))
    assert len(seen.warnings()) == 1


def test_every_command_names_the_camera(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(CAMERAS))
    cameras, scene = ("--cameras", str(tmp_path / "c.json")), ("--scene", str(WARD))

    def warned(result: object, *starts: str) -> None:
        assert result.exit_code == 0, result.output  # type: ignore[attr-defined]
        lines = [line for line in result.stderr.splitlines() if "camera" in line]  # type: ignore[attr-defined]
        assert len(lines) == len(starts)
        for line, start in zip(lines, starts, strict=True):
            assert line.startswith(f"warning: {start}"), line

    floor, people = "camera 'wall' sees 0 of ", "camera 'wall' sees 0 of 1 person, in 0 of 10 frames; "
    warned(CliRunner().invoke(main, ["inspect", str(WARD), *cameras, "--picture", str(tmp_path / "a.png")]), floor)
    toy = ("--bundle", str(TOY), "--provider", "cpu", "--precision", "fp32", "--formats", "coco-2d")
    asked = ("--prompt", "walks", "--seconds", "0.5", "--start", "2,3", "--steps", "2", "--no-preview")
    out = ("--out", str(tmp_path / "out"))
    warned(CliRunner().invoke(main, [*toy, *asked, *scene, *cameras, *out]), floor, people)
    motion = str(tmp_path / "out" / "sample_000" / "motion.npz")
    again = [motion, "--to", "coco-2d", *scene, *cameras, "--out", str(tmp_path / "more")]
    warned(CliRunner().invoke(convert, again), floor, people)


def test_jobs_say_it_once_for_all_that_share_a_camera(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps([{**CAMERAS[1], "frame": "room"}]))
    job = {"prompt": "walks", "seconds": 0.5, "steps": 1, "cameras": "c.json", "scene": str(WARD)}
    (tmp_path / "jobs.jsonl").write_text("\n".join(json.dumps({**job, "seed": seed}) for seed in range(3)))
    fixed = ["--bundle", str(TOY), "--provider", "cpu", "--precision", "fp32", "--formats", "coco-2d"]
    result = CliRunner().invoke(main, [*fixed, "--jobs", str(tmp_path / "jobs.jsonl"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    floor, people = (line for line in result.stderr.splitlines() if "camera" in line)
    assert floor.startswith("warning: line 1: camera 'wall' sees 0 of ")
    assert people.startswith("warning: camera 'wall' of c.json sees 0 of 3 persons, in 0 of 30 frames; ")
