"""The page in a real browser: it draws, it moves, it obeys, it asks nobody for anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import motion_runtime.viewer
from motion_preprocessing.bodies.default_body import default_body
from motion_preprocessing.rotations import matrix_from_quaternion, matrix_from_rotation_vector, quaternion_from_matrix
from motion_preprocessing.scene import load_scene
from motion_runtime.motion import Motion
from motion_runtime.viewer.page import view_page, write_view
from motion_runtime.viewer.samples import Shown
from motion_runtime.viewer.serve import make_server

if TYPE_CHECKING:
    from .conftest import Browser

WARD = Path(__file__).parents[3] / "examples" / "ward.ply"
EVIL = "</script><script>document.title='broken'</script><img src=x onerror=document.title='broken'>"
WIDE, HIGH = 640, 480


@pytest.fixture(scope="module")
def pages(walk: Callable[..., Motion], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of three pages: one person in the room, three samples without one, text that wants to break out."""
    folder = tmp_path_factory.mktemp("pages")
    alone = walk(prompts=("a person walks",), person_classes=("staff",))
    moved = replace(alone, root_position_m=alone.root_position_m + np.float32([1.6, 1.5, 0]))
    moved = replace(moved, joints_m=alone.joints_m + np.float32([1.6, 1.5, 0]))
    write_view(folder / "room.html", [Shown(moved, "sample_000")], load_scene(WARD), title="ward")
    several = [Shown(walk(2, turn_rad=turn, prompts=("walks", "follows")), f"turn {turn}") for turn in (0.0, 1.0, 2.0)]
    write_view(folder / "several.html", several, title="three turns")
    evil = walk(2, prompts=(EVIL, "walks"), person_classes=(EVIL, "person"))
    events = {"events": [{"person": 0, "label": EVIL, "start_s": 0.1, "end_s": 1.9}]}
    write_view(folder / "evil.html", [Shown(evil, EVIL, events), Shown(evil, EVIL)], title=EVIL)
    return {path.stem: path.as_uri() for path in folder.glob("*.html")}


@pytest.fixture
def page(browser: Browser) -> Browser:
    browser.resize(WIDE, HIGH)
    browser.prefer("light")
    return browser


def middle(picture: np.ndarray) -> np.ndarray:
    """The part of a picture that no panel covers."""
    return picture[90:300, 60:580].astype(int)


def clock(browser: Browser) -> float:
    return float(browser.run("document.body.dataset.time"))


def test_the_room_and_the_body_are_drawn_and_move(page: Browser, pages: dict[str, str]) -> None:
    page.open(pages["room"] + "#play=0&t=0.2")
    first = middle(page.picture())
    # Neither empty nor one colour, and somewhere the green shirt of the staff.
    assert first.std() > 10
    red, green, blue = np.moveaxis(first, -1, 0)
    shirt = (green > red + 40) & (green > blue + 15)
    assert shirt.sum() > 150
    assert clock(page) == pytest.approx(0.2)
    again = middle(page.picture())
    assert np.abs(again - first).max() < 8  # it stands still while paused

    page.run("const s = document.getElementById('scrub'); s.value = 1.6; s.dispatchEvent(new Event('input'))")
    page.settle()
    assert clock(page) == pytest.approx(1.6)
    later = middle(page.picture())
    assert (np.abs(later - first).max(axis=-1) > 30).sum() > 300

    page.drag((300, 200), (420, 210))
    page.settle()
    turned = middle(page.picture())
    assert (np.abs(turned - later).max(axis=-1) > 30).mean() > 0.1
    page.press("r")
    assert (np.abs(middle(page.picture()) - turned).max(axis=-1) > 15).mean() > 0.1
    assert page.complaints() == []
    assert page.requests() == [pages["room"]]


def test_what_happens_at_once_lies_in_rows_of_its_own(
    page: Browser, walk: Callable[..., Motion], tmp_path: Path
) -> None:
    page.resize(1000, 700)  # a small window shows no lanes unless asked
    names = ("squats", "turns", "lies", "waves")
    for count, rows in ((1, 1), (2, 2), (3, 3), (4, 3)):
        events = [{"person": 0, "label": name, "start_s": 0.2, "end_s": 1.5} for name in names[:count]]
        write_view(tmp_path / f"{count}.html", [Shown(walk(), "sample_000", {"events": events})])
        page.open((tmp_path / f"{count}.html").as_uri() + "#play=0")
        assert page.run("document.getElementById('lanes').clientHeight") == 18 * rows + 5


def test_the_help_names_what_belongs_together_in_pairs(page: Browser, pages: dict[str, str]) -> None:
    page.resize(1000, 700)
    page.open(pages["room"] + "#play=0")
    page.press("h")
    keys = page.run("[...document.querySelectorAll('#keys dt')].map(e => e.textContent)")
    assert keys[:5] == ["Space", "\u2190", "\u2192", "Shift \u2190", "Shift \u2192"]
    tops = page.run("[...document.querySelectorAll('#keys dt')].map(e => e.getBoundingClientRect().top)")
    assert tops[0] < tops[1] == tops[2] < tops[3] == tops[4]


def test_keys_do_what_the_help_says(page: Browser, pages: dict[str, str]) -> None:
    page.open(pages["several"] + "#play=0&sample=1")
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert clock(page) == pytest.approx(0.1)
    page.press("ArrowLeft")
    assert clock(page) == pytest.approx(0.05)
    page.press("ArrowRight", shift=True)
    assert clock(page) == pytest.approx(1.05)
    page.press("End")
    assert clock(page) == pytest.approx(1.95)
    page.press("Home")
    assert clock(page) == 0.0
    page.press(" ", "Space")
    page.wait("Number(document.body.dataset.time) > 0.2")
    page.press(" ", "Space")
    stopped = clock(page)
    page.settle()
    assert clock(page) == stopped

    page.press("ArrowDown")
    assert page.run("document.getElementById('speed').textContent") == "0.5\u00d7"
    pressed = "document.getElementById('{}').getAttribute('aria-pressed')"
    keys = {"t": "trail", "c": "marks", "n": "names", "e": "events", "o": "loop", "f": "follow"}
    for key, button in keys.items():
        before = page.run(pressed.format(button))
        page.press(key)
        assert page.run(pressed.format(button)) != before, button
    assert page.run("document.getElementById('labels').hidden") is True
    page.press("h")
    assert page.run("document.getElementById('help').open") is True
    listed = page.run("[...document.querySelectorAll('#keys kbd')].map(k => k.textContent)")
    assert {"Space", "F", "T", "C", "N", "E", "S", "V", "D", "H"} <= set(listed)
    page.press("h")
    assert page.run("document.getElementById('help').open") is False
    assert page.complaints() == []


def test_the_fine_body_is_drawn_as_well_as_the_coarse_one(page: Browser, pages: dict[str, str]) -> None:
    # Software rendering chooses the coarse one by itself.
    page.open(pages["several"] + "#play=0&sample=1&quality=full")
    fine = middle(page.picture())
    page.open(pages["several"] + "#play=0&sample=1&quality=fast")
    coarse = middle(page.picture())
    blue = [(picture[..., 2] > picture[..., 0] + 40) for picture in (fine, coarse)]
    assert blue[0].sum() > 150
    assert (blue[0] & blue[1]).sum() / (blue[0] | blue[1]).sum() > 0.85
    assert page.complaints() == []


def test_the_trail_shows_earlier_poses_and_the_way(page: Browser, pages: dict[str, str]) -> None:
    page.open(pages["several"] + "#play=0&sample=1&t=1.9&marks=0")
    without = middle(page.picture())
    page.press("t")
    page.settle()
    assert (np.abs(middle(page.picture()) - without).max(axis=-1) > 12).sum() > 500
    assert page.complaints() == []


def test_samples_stand_side_by_side(page: Browser, pages: dict[str, str]) -> None:
    page.open(pages["several"] + "#play=0&t=1")
    cells = page.run("[...document.querySelectorAll('.cell')].map(c => { const b = c.getBoundingClientRect();"
                     "return [b.left, b.top, b.right, b.bottom, c.textContent]; })")  # fmt: skip
    assert [cell[4] for cell in cells] == ["turn 0.0", "turn 1.0", "turn 2.0"]
    picture = page.picture().astype(int)
    for left, top, right, bottom, _ in cells:
        assert 0 <= left < right <= WIDE
        inside = picture[round(top) + 30 : round(bottom) - 4, round(left) + 4 : round(right) - 4]
        assert (inside[..., 2] > inside[..., 0] + 40).sum() > 60  # somebody in blue
    page.press("2")
    assert page.run("document.querySelectorAll('.cell').length") == 0
    assert page.run("document.querySelector('#tabs [aria-pressed=true]').textContent") == "turn 1.0"
    page.press("s")
    assert page.run("document.querySelectorAll('.cell').length") == 3
    page.run("document.querySelectorAll('.cell button')[2].click()")
    page.settle()
    assert page.run("document.querySelector('#tabs [aria-pressed=true]').textContent") == "turn 2.0"
    assert page.complaints() == []


def test_light_and_dark_follow_the_system_and_the_key(page: Browser, pages: dict[str, str]) -> None:
    page.prefer("dark")
    page.open(pages["several"] + "#play=0")
    assert page.picture().mean() < 80
    page.prefer("light")
    page.settle()
    page.settle()
    assert page.picture().mean() > 180
    page.press("d")
    assert page.picture().mean() < 80
    page.prefer("dark")
    page.press("d")
    assert page.picture().mean() > 180  # what was chosen stays, whatever the system says
    assert page.complaints() == []


def test_a_phone_shows_everything_within_its_width(page: Browser, pages: dict[str, str]) -> None:
    page.resize(390, 780, mobile=True)
    page.open(pages["room"] + "#play=0")
    sizes = page.run(
        "[...document.querySelectorAll('button, #clock, #title, .label')].filter(e => e.offsetParent)"
        ".map(e => { const b = e.getBoundingClientRect(); return [e.id, b.left, b.right, b.height,"
        " parseFloat(getComputedStyle(e).fontSize)]; })"
    )
    assert len(sizes) > 10
    for name, left, right, height, font in sizes:
        assert left >= 0, name
        assert right <= 390, name
        assert font >= 12, name
        assert height >= 15, name
    assert page.run("document.documentElement.scrollWidth") == 390
    assert page.complaints() == []


def test_text_that_wants_to_break_out_is_shown_as_text(page: Browser, pages: dict[str, str]) -> None:
    page.open(pages["evil"] + "#play=0")
    page.press("1")
    assert page.run("document.title") == EVIL
    # The data and two scripts; the block of arrays is taken away once it has been read.
    assert page.run("document.querySelectorAll('img, script').length") == 3
    prompts = page.run("[...document.querySelectorAll('.prompt')].map(p => p.textContent)")
    assert prompts == [EVIL, "walks"]
    assert page.run("document.querySelector('#tabs button').textContent") == EVIL
    assert page.complaints() == []


def test_the_policy_stops_scripts_and_requests(page: Browser, pages: dict[str, str]) -> None:
    page.open(pages["several"] + "#play=0")
    page.run(
        "const s = document.createElement('script'); s.textContent = 'document.title = 1'; document.body.append(s)"
    )
    page.run("fetch('http://127.0.0.1:9/').catch(() => {})")
    page.run("const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i)")
    page.settle()
    assert page.run("document.title") == "three turns"
    assert len([text for text in page.complaints() if "Content Security Policy" in text]) >= 3


def test_a_served_page_asks_only_for_itself(page: Browser, walk: Callable[..., Motion]) -> None:
    import threading

    from motion_runtime.viewer.page import content_policy

    server = make_server(view_page([Shown(walk())]), content_policy(), 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        page.open(f"http://127.0.0.1:{server.server_port}/")
        assert page.requests() == [f"http://127.0.0.1:{server.server_port}/"]
        assert page.complaints() == []
        page.call("Page.navigate", url="about:blank")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_page_poses_bodies_as_the_body_model_does(page: Browser) -> None:
    """The script's own kinematics, between frames too, against `BodyModel.pose` in float64."""
    model, rng = default_body().model, np.random.default_rng(5)
    rotations = matrix_from_rotation_vector(rng.normal(0, 0.7, (2, 22, 3)))
    rotations[1] = rotations[0] @ matrix_from_rotation_vector(rng.normal(0, 0.05, (22, 3)))
    turns = quaternion_from_matrix(rotations)
    turns[1] *= np.where((turns[0] * turns[1]).sum(axis=-1, keepdims=True) < 0, -1, 1)
    root = rng.normal(0, 2, (2, 3))
    folder = Path(next(iter(motion_runtime.viewer.__path__))) / "page"
    script = (folder / "body.js").read_text(encoding="utf-8")
    arrays = {"rotations": np.rint(32767 * turns).ravel().tolist(), "root": root.ravel().tolist()}
    rest = model.rest_joints_m()[:22]
    page.call("Page.navigate", url="about:blank")
    matrices = page.run(
        "(() => { const THREE = {}; const clamp = (v, a, b) => Math.min(b, Math.max(a, v));"
        f"{script}\nconst poser = new Poser({json.dumps({'rest': rest.ravel().tolist(), 'parents': model.parents})});"
        f"const person = {json.dumps(arrays)}; const all = [];"
        "for (const frame of [0, 1, 0.25]) { const m = new Array(352); poser.pose(person, frame, m); all.push(m); }"
        "return all; })()"
    )
    blend = 0.75 * turns[0] + 0.25 * turns[1]
    blend /= np.linalg.norm(blend, axis=-1, keepdims=True)
    expected_turns = [rotations[0], rotations[1], matrix_from_quaternion(blend)]
    expected_root = [root[0], root[1], 0.75 * root[0] + 0.25 * root[1]]
    for got, turn, place in zip(matrices, expected_turns, expected_root, strict=True):
        bones = np.array(got, dtype=np.float64).reshape(22, 4, 4).transpose(0, 2, 1)  # column by column
        moved = np.einsum("vk,kij,vj->vi", model.weights, bones[:, :3, :3], model.template_m)
        moved += model.weights @ bones[:, :3, 3]
        # The rest pelvis is at the origin within a rounding, and the root's place is the pelvis'.
        expected = model.pose(turn, translation_m=place - rest[0]).vertices_m
        assert np.abs(moved - expected).max() < 4e-4
