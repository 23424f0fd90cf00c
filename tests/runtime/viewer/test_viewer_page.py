"""What is in a page: arrays that come back, text that cannot break out, nothing that is fetched."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motion_runtime.viewer
from motion_preprocessing.bodies.default_body import default_body
from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.rotations import matrix_from_quaternion
from motion_preprocessing.scene import load_scene
from motion_runtime.motion import Motion
from motion_runtime.viewer.arrays import ArrayBlock, quantised
from motion_runtime.viewer.page import view_page, write_view
from motion_runtime.viewer.samples import Shown

WARD = Path(__file__).parents[3] / "examples" / "ward.ply"
EVIL = "</script><script>alert(1)</script><!-- <b onclick=x> & \u2028 \" ' ]]>"
TYPES = {"u8": "u1", "i8": "i1", "u16": "<u2", "i16": "<i2", "u32": "<u4", "f32": "<f4"}


class Read:
    """A page as a browser sees it, by other means than those that wrote it."""

    def __init__(self, text: str) -> None:
        blocks = re.findall(r"<script([^>]*)>(.*?)</script>", text, re.DOTALL)
        self.data = {match[1]: body for head, body in blocks if (match := re.search(r'id="(\w+)"', head))}
        self.scripts = [body for head, body in blocks if not head]
        self.payload: dict[str, Any] = json.loads(self.data["payload"])
        self.block = zlib.decompress(base64.b64decode(self.data["arrays"]))

    def array(self, ref: dict[str, Any]) -> np.ndarray:
        return np.frombuffer(self.block, dtype=TYPES[ref["type"]], count=ref["count"], offset=ref["at"])


def test_arrays_come_back_and_start_where_typed_arrays_may() -> None:
    block = ArrayBlock()
    arrays = [np.arange(3, dtype=np.uint8), np.array([[1.5, -2]], dtype=np.float32), np.array([-7], dtype=">i2")]
    refs = [block.add(array) for array in arrays]
    data = zlib.decompress(base64.b64decode(block.base64()))
    for array, ref in zip(arrays, refs, strict=True):
        assert ref["at"] % 4 == 0
        read = np.frombuffer(data, dtype=TYPES[ref["type"]], count=ref["count"], offset=ref["at"])
        np.testing.assert_array_equal(read, array.ravel())
    with pytest.raises(ValueError, match="float64"):
        block.add(np.zeros(2))


def test_16_bits_keep_what_fits_and_refuse_what_does_not() -> None:
    values = np.linspace(-0.999, 0.999, 1001)
    np.testing.assert_allclose(quantised(values, 1 / 32767) / 32767, values, atol=0.51 / 32767)
    with pytest.raises(ValueError, match="16 bits"):
        quantised(np.array([1.1]), 1 / 32767)


def test_the_motion_comes_back_from_the_page(walk: Callable[..., Motion]) -> None:
    motion = walk(2, person_classes=("staff", "patient"), prompts=("walks", "walks too"))
    read = Read(view_page([Shown(motion, "sample_000")], title="run"))
    (sample,) = read.payload["samples"]
    assert (sample["name"], sample["fps"], sample["frames"]) == ("sample_000", 20.0, 40)
    assert [person["class"] for person in sample["people"]] == ["staff", "patient"]
    assert [person["prompt"] for person in sample["people"]] == ["walks", "walks too"]
    for index, person in enumerate(sample["people"]):
        turns = matrix_from_quaternion(read.array(person["rotations"]).reshape(-1, 22, 4) / 32767)
        np.testing.assert_allclose(turns, motion.local_rotations[index], atol=2e-4)
        np.testing.assert_array_equal(read.array(person["root"]).reshape(-1, 3), motion.root_position_m[index])
    assert read.payload["room"] is None


def test_the_body_comes_back_from_the_page(walk: Callable[..., Motion]) -> None:
    read = Read(view_page([Shown(walk())]))
    body, model = read.payload["body"], default_body().model
    places = read.array(body["vertices"]).reshape(-1, 3) * body["unit"]
    np.testing.assert_allclose(places, model.template_m, atol=2.6e-5)
    np.testing.assert_array_equal(read.array(body["faces"]).reshape(-1, 3), model.faces)
    weights = np.zeros_like(model.weights)
    joints, parts = (read.array(body[name]).reshape(-1, 4) for name in ("joints", "weights"))
    np.add.at(weights, (np.arange(len(weights))[:, None], joints), parts / parts.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(weights, model.weights, atol=0.006)


def test_the_room_comes_back_from_the_page(walk: Callable[..., Motion]) -> None:
    scene = load_scene(WARD)
    read = Read(view_page([Shown(walk())], scene))
    room = read.payload["room"]
    points = read.array(room["points"]).reshape(-1, 3) * room["unit"] + np.array(room["origin"])
    assert len(points) == room["count"] <= 120_000
    # Every point shown is one of the scan's, under the ceiling.
    known = {tuple(key) for key in np.rint(scene.points_m * 200).astype(int)}
    around = [np.array(step) for step in np.ndindex(3, 3, 3)]
    for point in points[:: len(points) // 50]:
        cell = np.rint(point * 200).astype(int)
        assert any(tuple(cell + step - 1) in known for step in around)
    assert points[:, 2].max() < 2.2
    # Walls know the way into the room: from each, the middle of the room is ahead.
    kinds, inward = read.array(room["kinds"]), read.array(room["inward"]).reshape(-1, 2) / 127
    walls = kinds == 1
    assert walls.sum() > 1000
    np.testing.assert_allclose(np.linalg.norm(inward[walls], axis=1), 1, atol=0.02)
    assert (((np.array([2.2, 2.5]) - points[walls, :2]) * inward[walls]).sum(axis=1) > 0).mean() > 0.99
    assert not inward[~walls].any()


def test_text_from_outside_stays_text(walk: Callable[..., Motion]) -> None:
    motion = replace(walk(prompts=(EVIL,)), person_classes=(EVIL,), sampler=EVIL)
    info = {"events": [{"person": 0, "label": EVIL, "start_s": 0.5, "end_s": 1.0}]}
    text = view_page([Shown(motion, EVIL, info)], title=EVIL)
    read = Read(text)
    (sample,) = read.payload["samples"]
    (person,) = sample["people"]
    assert person["prompt"] == person["class"] == sample["name"] == person["events"][0]["label"] == EVIL
    assert "alert(1)</script>" not in text
    assert text.count("<script") == 4 + sum(script.count("<script") for script in read.scripts)
    assert html.escape(EVIL) in text


def test_the_policy_names_the_scripts_and_forbids_the_rest(walk: Callable[..., Motion]) -> None:
    text = view_page([Shown(walk())])
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert "unsafe" not in policy
    assert "http" not in policy

    def named(body: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'"

    assert rules["script-src"].split() == [named(script) for script in Read(text).scripts]
    assert rules["style-src"] == named(re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1])  # type: ignore[index]
    # Nothing in the markup points anywhere.
    markup = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    assert re.findall(r'(?:src|href)="([^"]*)"', markup) == ["data:,"]
    assert "three.js authors" in text  # the licence asks for its notice in every copy
    assert "Permission is hereby granted" in text


def test_the_same_motion_gives_the_same_page(walk: Callable[..., Motion]) -> None:
    assert view_page([Shown(walk())]) == view_page([Shown(walk())])


def test_events_of_run_json_come_before_those_that_are_seen(walk: Callable[..., Motion]) -> None:
    motion = walk(2, frames=80, turn_rad=0.0)
    seen = Read(view_page([Shown(motion)])).payload["samples"][0]
    assert seen["events_from"] == "seen in motion"
    assert any("walk" in event["label"] for event in seen["people"][0]["events"])
    listed = [
        {"person": 1, "label": "alarm", "start_s": 1, "end_s": 2.5},
        {"person": 1, "kind": "fall", "start_s": 3.0},
        {"person": 7, "label": "nobody", "start_s": 0, "end_s": 1},
        {"label": "never", "start_s": float("nan"), "end_s": 1},
        "nothing",
    ]
    given = Read(view_page([Shown(motion, run_info={"events": listed})])).payload["samples"][0]
    assert given["events_from"] == "run.json"
    assert [person["events"] for person in given["people"]] == [
        [],
        [{"label": "alarm", "start": 1, "end": 2.5}, {"label": "fall", "start": 3.0, "end": 3.0}],
    ]


def test_prompts_that_change_come_in_parts(walk: Callable[..., Motion]) -> None:
    motion = walk(3, frames=80, prompts=("walks | 1s: waves | sits", "walks", "one||two"))
    people = Read(view_page([Shown(motion)])).payload["samples"][0]["people"]
    assert people[0]["parts"] == [
        {"label": "walks", "start": 0.0, "end": 1.5},
        {"label": "waves", "start": 1.5, "end": 2.5},
        {"label": "sits", "start": 2.5, "end": 4.0},
    ]
    assert people[1]["parts"] == people[2]["parts"] == []


@pytest.mark.parametrize("prompt", ["1.02s: walks | 1s: waves", "1.02s: walks | waves"])
def test_parts_are_shown_of_a_motion_that_was_rounded_down_to_frames(walk: Callable[..., Motion], prompt: str) -> None:
    read = Read(view_page([Shown(walk(frames=40, prompts=(prompt,)))]))
    parts = read.payload["samples"][0]["people"][0]["parts"]
    assert [(part["label"], part["start"], part["end"]) for part in parts] == [("walks", 0, 1.02), ("waves", 1.02, 2)]
    read = Read(view_page([Shown(walk(frames=38, prompts=(prompt,)))]))
    assert read.payload["samples"][0]["people"][0]["parts"] == []  # a motion that was cut


def test_broken_motions_are_refused(walk: Callable[..., Motion]) -> None:
    motion = walk()
    joints = motion.joints_m.copy()
    joints[0, 3, 4, 1] = np.nan
    with pytest.raises(InputError, match="NaN"):
        view_page([Shown(replace(motion, joints_m=joints))])


def test_only_pages_are_replaced(walk: Callable[..., Motion], tmp_path: Path) -> None:
    path = tmp_path / "view.html"
    path.write_text("<!doctype html><p>somebody's own", encoding="utf-8")
    with pytest.raises(OutputError, match="another file at"):
        write_view(path, [Shown(walk())])
    assert "somebody's own" in path.read_text(encoding="utf-8")
    write_view(path, [Shown(walk(1))], overwrite=True)
    before = path.read_bytes()
    write_view(path, [Shown(walk(2))])
    assert path.read_bytes() != before
    assert [entry.name for entry in tmp_path.iterdir()] == ["view.html"]


def test_the_example_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[3] / "docs" / "viewer.md"
    (example,) = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(page), "exec"), {})
    assert Read(Path("view.html").read_text(encoding="utf-8")).payload["samples"][0]["name"] == "T-pose"


def test_the_viewer_adds_less_than_a_megabyte_to_the_wheel() -> None:
    (folder,) = map(Path, motion_runtime.viewer.__path__)
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {"three.min.js", "LICENSE", "main.js", "style.css", "page.html"} <= {path.name for path in files}
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert "MIT License" in (folder / "three_js" / "LICENSE").read_text(encoding="utf-8")
