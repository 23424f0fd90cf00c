"""Label tables: every person's every frame has one class, boxes hold the people, clips are named after what happens."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.describe import ACTIONS, action_labels
from motion_runtime.formats import action_segments, label_files
from motion_runtime.formats.camera import HEIGHT, WIDTH, camera_for
from motion_runtime.formats.export import Export
from motion_runtime.motion import Motion

Walk = Callable[..., Motion]


@pytest.fixture
def actions(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Two people whose classes are known, in place of what the detectors say."""
    given = np.array([[0] * 10 + [1] * 5 + [2] * 15, [8] * 30])
    monkeypatch.setattr(action_segments, "frame_actions", lambda _: given)
    monkeypatch.setattr(label_files, "frame_actions", lambda _: given)
    return given


def test_classes_are_the_detectors(pair: Motion) -> None:
    found = action_segments.frame_actions(pair)
    assert found.shape == (2, 30)
    np.testing.assert_array_equal(found[1], action_labels(pair.joints_m[1], pair.fps))


def test_stretches_cover_everybodys_time_once(pair: Motion, actions: np.ndarray) -> None:
    covered = np.full((2, 30), -1)
    for person, action, start, stop in action_segments.segments(pair):
        assert (covered[person, start:stop] == -1).all()
        covered[person, start:stop] = action
    np.testing.assert_array_equal(covered, actions)
    assert len(action_segments.segments(pair)) == 4


def test_omnifalls_table(pair: Motion, actions: np.ndarray) -> None:
    rows = list(csv.DictReader(io.StringIO(label_files.omnifall_csv(pair, "clip, 1"))))
    assert [[row[name] for name in ("label", "start", "end", "subject")] for row in rows] == [
        ["0", "0.000", "0.500", "0"], ["1", "0.500", "0.750", "0"], ["2", "0.750", "1.500", "0"],
        ["8", "0.000", "1.500", "1"],
    ]  # fmt: skip
    assert list(rows[0]) == ["path", "label", "start", "end", "subject", "cam", "dataset"]
    assert {row["path"] for row in rows} == {"clip, 1"}
    assert {(row["cam"], row["dataset"]) for row in rows} == {("-1", "scene-motion")}


def test_avas_table_has_a_box_round_everybody_each_second(pair: Motion, actions: np.ndarray) -> None:
    rows = list(csv.reader(io.StringIO(label_files.ava_csv(pair, "clip"))))
    assert [(row[1], row[6], row[7]) for row in rows] == [
        ("0000", "1", "1"), ("0000", "9", "2"), ("0001", "3", "1"), ("0001", "2", "1"), ("0001", "9", "2"),
    ]  # fmt: skip
    assert rows[2][2:6] == rows[3][2:6]  # one box, two actions
    camera = camera_for(pair)
    for row in rows:
        low, high = np.array(row[2:4], float), np.array(row[4:6], float)
        pixels = camera.project(pair.joints_m[int(row[7]) - 1, int(row[1]) * 20]) / (WIDTH, HEIGHT)
        assert (low >= 0).all()
        assert (high <= 1).all()
        assert (low < pixels.min(axis=0)).all()
        assert (high > pixels.max(axis=0)).all()
        assert (high - low < 1.6 * np.ptp(pixels, axis=0) + 0.05).all()
    table = dict(re.findall(r'name: "(\w+)"\s+id: (\d+)', label_files.ava_label_map()))
    assert table["walk"] == "1"
    assert table["jump"] == "16"
    assert len(table) == len(ACTIONS)


def test_avas_table_loses_no_fall_between_two_seconds(monkeypatch: pytest.MonkeyPatch, pair: Motion) -> None:
    def fallen_once(start: int, stop: int) -> list[tuple[str, str]]:
        given = np.full((2, 30), ACTIONS.index("standing"))
        given[1, start:stop] = ACTIONS.index("fall")
        monkeypatch.setattr(action_segments, "frame_actions", lambda _: given)
        monkeypatch.setattr(label_files, "frame_actions", lambda _: given)
        rows = csv.reader(io.StringIO(label_files.ava_csv(pair, "clip")))
        return [(row[1], row[7]) for row in rows if int(row[6]) == ACTIONS.index("fall") + 1]

    assert fallen_once(1, 9) == [("0000", "2")]
    assert fallen_once(12, 20) == [("0001", "2")]
    assert fallen_once(21, 30) == [("0001", "2")]
    assert fallen_once(12, 21) == [("0001", "2")]  # said once where a second lies in it
    assert fallen_once(0, 30) == [("0000", "2"), ("0001", "2")]


@pytest.mark.parametrize(
    ("classes", "name"),
    [
        ([[8] * 20 + [1] * 3 + [2] * 20], "fall"), ([[8] * 30 + [3] * 10], "sit_down"),
        ([[8] * 30, [4] * 40], "sitting"), ([[9] * 30 + [8] * 5], "other"), ([[8] * 20 + [2] * 5], "fallen"),
    ],
)  # fmt: skip
def test_a_clip_is_named_after_what_happens(
    monkeypatch: pytest.MonkeyPatch, pair: Motion, classes: list[list[int]], name: str
) -> None:
    longest = max(map(len, classes))
    dense = np.array([row + row[-1:] * (longest - len(row)) for row in classes])
    monkeypatch.setattr(action_segments, "frame_actions", lambda _: dense)
    assert ACTIONS[action_segments.clip_action(pair)] == name


def test_camera_json_takes_a_point_of_the_room_to_its_pixel(pair: Motion, tmp_path: Path) -> None:
    export = Export(pair, "clip")
    export.write(tmp_path, ["ava", "pyskl"])
    said = json.loads((tmp_path / "camera.json").read_text())
    # The textbook's pinhole camera: x right, y down, z ahead.
    points = np.concatenate([pair.joints_m[1, 7].astype(np.float64), np.ones((22, 1))], axis=1)
    seen = points @ np.array(said["camera_from_room"]).T
    pixels = seen[:, :3] @ np.array(said["intrinsics"]).T
    np.testing.assert_allclose(pixels[:, :2] / pixels[:, 2:], camera_for(pair).project(pair.joints_m[1, 7]), atol=1e-3)
    assert (seen[:, 2] > 0).all()
    upright = np.array(said["camera_from_room"])[:3, :3]
    np.testing.assert_allclose(upright @ upright.T, np.eye(3), atol=1e-8)
    assert np.linalg.det(upright) == pytest.approx(1.0)
    assert (said["width"], said["height"]) == (WIDTH, HEIGHT)
