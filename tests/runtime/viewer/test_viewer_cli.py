"""`motion-view` and `motion-run --view` as a user meets them."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.floor import UNITS as FLOOR_UNITS
from motion_preprocessing.floor import UP_AXES
from motion_runtime.cli import main as run_main
from motion_runtime.motion import Motion
from motion_runtime.viewer import serve
from motion_runtime.viewer.cli import UNITS, UP, main
from motion_runtime.viewer.samples import find_samples
from motion_runtime.writer import write_motion

ROOT = Path(__file__).parents[3]
WARD = ROOT / "examples" / "ward.ply"
TOY = ROOT / "tests" / "runtime" / "toy_bundle"


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that would have been opened: no test opens a window."""
    addresses: list[str] = []
    monkeypatch.setattr(serve.webbrowser, "open", lambda url: addresses.append(url) or True)
    monkeypatch.setattr(serve, "has_desktop", lambda environment, platform: True)
    return addresses


@pytest.fixture
def ran(tmp_path: Path, walk: Callable[..., Motion]) -> Path:
    """What a run leaves: two samples."""
    for index in range(2):
        folder = tmp_path / "out" / f"sample_{index:03d}"
        folder.mkdir(parents=True)
        write_motion(folder / "motion.npz", walk(prompts=(f"walks {index}",)))
        (folder / "run.json").write_text(json.dumps({"request": {"scene": str(WARD)}}), encoding="utf-8")
    return tmp_path / "out"


def view(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def shown(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="payload">(.*?)</script>', text)[1])  # type: ignore[index]


def test_a_run_a_sample_and_a_file_are_shown(ran: Path, tmp_path: Path, opened: list[str]) -> None:
    result = view(ran)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"wrote {ran / 'view.html'} (")
    payload = shown(ran / "view.html")
    assert payload["title"] == "out"
    assert [sample["name"] for sample in payload["samples"]] == ["sample_000", "sample_001"]
    assert payload["room"]["count"] > 10_000
    assert opened == [(ran / "view.html").as_uri()]

    assert view(ran / "sample_001", "--no-open", "--no-scene").exit_code == 0
    payload = shown(ran / "sample_001" / "view.html")
    assert [sample["people"][0]["prompt"] for sample in payload["samples"]] == ["walks 1"]
    assert payload["room"] is None
    assert len(opened) == 1

    lone = tmp_path / "mine.npz"
    shutil.copy(ran / "sample_000" / "motion.npz", lone)
    result = view(lone, "--units", "ft", "--no-open")
    assert result.exit_code == 2
    assert "expected a room beside --up, --units or --labels, got none in run.json for mine; name" in result.stderr
    result = view(lone, "--out", tmp_path / "mine.html", "--no-open")
    assert result.exit_code == 0
    assert "to look at it, open" in result.output
    assert shown(tmp_path / "mine.html")["title"] == "mine"


def test_quiet_says_nothing_and_writes_the_page(ran: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(ran), "--out", str(tmp_path / "q.html"), "--quiet", "--no-open"])
    assert (result.exit_code, result.output) == (0, "")
    assert (tmp_path / "q.html").stat().st_size > 500_000


def test_a_room_that_has_gone_is_said_and_can_be_named(ran: Path, tmp_path: Path) -> None:
    for info in ran.glob("*/run.json"):
        info.write_text(json.dumps({"request": {"scene": "gone/ward.ply"}}), encoding="utf-8")
    result = view(ran, "--no-open")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "warning: the room gone/ward.ply is not there any more, an empty floor is shown; name it with --scene"
    ]
    assert shown(ran / "view.html")["room"] is None
    result = view(ran, "--no-open", "--scene", WARD, "--up", "z", "--units", "m", "--labels", "ignore")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert shown(ran / "view.html")["room"] is not None
    # A relative path is looked for beside the run as well.
    (tmp_path / "gone").mkdir()
    shutil.copy(WARD, tmp_path / "gone")
    found = find_samples(ran)
    assert found.lost_scene == ""
    assert found.scene_path is not None
    assert found.scene_path.samefile(tmp_path / "gone" / "ward.ply")


def test_room_and_label_table_of_a_job_are_looked_for_beside_the_folder_of_all_jobs(ran: Path, tmp_path: Path) -> None:
    sample = tmp_path / "station" / "dataset" / "job_00001" / "sample_000"
    shutil.copytree(ran / "sample_000", sample)
    request = {"scene": "rooms/ward.ply", "scene_labels": "rooms/names.json"}
    (sample / "run.json").write_text(json.dumps({"request": request}))
    assert find_samples(sample.parent).labels is None  # not there yet
    rooms = tmp_path / "station" / "rooms"
    rooms.mkdir()
    shutil.copy(WARD, rooms)
    (rooms / "names.json").write_text('{"0": "thing"}')
    found = find_samples(sample.parent)
    assert found.scene_path is not None
    assert found.scene_path.samefile(rooms / "ward.ply")
    assert found.labels is not None
    assert Path(found.labels).samefile(rooms / "names.json")
    with pytest.raises(InputError, match=r"got a folder of jobs at .*dataset; name one of them, such as .*job_00001$"):
        find_samples(sample.parents[1])


def test_of_many_motions_the_first_nine_are_shown(ran: Path) -> None:
    for index in range(2, 11):
        shutil.copytree(ran / "sample_000", ran / f"sample_{index:03d}")
    result = view(ran, "--no-open", "--no-scene")
    assert result.exit_code == 0
    assert "the first 9 of 11 motions" in result.stderr
    assert [sample["name"] for sample in shown(ran / "view.html")["samples"]] == [f"sample_{k:03d}" for k in range(9)]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 2, "expected a motion.npz or a folder that motion-run wrote, got no motion at nowhere"),
        (["out/sample_000/run.json"], 2, "expected a motion.npz"),
        (["out", "--scene", "a", "--no-scene"], 2, "expected --scene or --no-scene, got both"),
        (["out", "--serve", "0", "--out", "x.html"], 2, "expected --serve or --out, got both"),
        (["out", "--out", "notes.txt"], 7, "got another file at notes.txt"),
        (["out", "--out", "missing/view.html"], 7, "missing"),
        (["out", "--scene", "missing.ply"], 2, "missing.ply"),
        (["out", "--no-scene", "--units", "ft"], 2, "expected a room beside --up, --units or --labels, got --no-scene"),
    ],
)
def test_mistakes_are_one_line(
    ran: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.chdir(ran.parent)
    Path("notes.txt").write_text("mine", encoding="utf-8")
    before = sorted(ran.parent.rglob("*"))
    result = view(*arguments)
    assert result.exit_code == code
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert sorted(ran.parent.rglob("*")) == before
    assert Path("notes.txt").read_text(encoding="utf-8") == "mine"


def test_choices_are_those_of_scenes() -> None:
    assert ("auto", *UP_AXES) == UP
    assert ("auto", *FLOOR_UNITS) == UNITS


@pytest.mark.parametrize(
    ("environment", "platform", "seen"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
        ({}, "darwin", True),
        ({}, "win32", True),
        ({"SSH_CONNECTION": "a b c d"}, "darwin", False),
    ],
)
def test_a_window_is_opened_only_where_somebody_sits(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], platform: str, seen: bool
) -> None:
    monkeypatch.undo()
    assert serve.has_desktop(environment, platform) is seen


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = serve.make_server("<p>page</p>", "default-src 'none'", 0)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def ask(server: ThreadingHTTPServer, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    result = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    connection.close()
    return result


def test_the_server_hands_out_one_page_and_nothing_else(server: ThreadingHTTPServer) -> None:
    status, headers, body = ask(server, "/")
    assert (status, body) == (200, "<p>page</p>")
    assert headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors")
    assert headers["x-content-type-options"] == "nosniff"
    assert ask(server, "/view.html?x=1")[0] == 200
    assert ask(server, "/", "HEAD")[::2] == (200, "")
    for path in ("/favicon.ico", "/../../etc/passwd", "/view.html/..", "/motion.npz"):
        assert ask(server, path)[0] == 404
    assert ask(server, "/", "POST")[0] == 501


def test_the_server_answers_this_machine_alone(server: ThreadingHTTPServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert ask(server, "/", Host=f"localhost:{server.server_port}")[0] == 200
    # The name of another site that resolves to 127.0.0.1.
    assert ask(server, "/", Host=f"evil.example:{server.server_port}")[0] == 403
    assert ask(server, "/", Host="127.0.0.1:1")[0] == 403


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OutputError, match=f"for port {port}; choose another one, or 0 for any"):
            serve.make_server("", "", port)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_serving_ends_with_ctrl_c_and_writes_nothing(ran: Path) -> None:
    before = sorted(ran.rglob("*"))
    program = [sys.executable, "-c", "from motion_runtime.viewer.cli import main; main()"]
    arguments = [str(ran), "--serve", "0", "--no-open", "--no-scene"]
    with subprocess.Popen(
        [*program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts background jobs with SIGINT ignored, and children inherit that: Ctrl-C must count in any case.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])  # type: ignore[index]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read().startswith(b"<!doctype html>")
        connection.close()
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert errors == ""
    assert sorted(ran.rglob("*")) == before


def test_motion_run_writes_a_page_of_its_motions_and_replaces_it(tmp_path: Path, opened: list[str]) -> None:
    out = tmp_path / "out"
    arguments = ["--bundle", TOY, "--provider", "cpu", "--seconds", "1", "--no-preview", "--scene", WARD]
    arguments += ["--prompt", "walks", "--num-samples", "2", "--out", out, "--view"]
    words = [str(word) for word in arguments]
    result = CliRunner().invoke(run_main, words)
    assert result.exit_code == 0, result.output
    payload = shown(out / "view.html")
    assert [sample["name"] for sample in payload["samples"]] == ["sample_000", "sample_001"]
    assert payload["title"] == "out"
    assert payload["room"]["count"] > 10_000
    assert opened == [(out / "view.html").as_uri()]
    # A page, in the run's folder or a sample's, is no stranger's file.
    assert view(out / "sample_000", "--no-open").exit_code == 0
    words = [word for word in words if word not in ("--scene", str(WARD))]
    again = CliRunner().invoke(run_main, [*words, "--overwrite", "--no-open"])
    assert again.exit_code == 0, again.output
    assert f"open {out / 'view.html'} in a browser" in again.output
    assert len(opened) == 1
    assert not (out / "sample_000" / "view.html").exists()
    (out / "view.html").write_text("somebody's own", encoding="utf-8")
    refused = CliRunner().invoke(run_main, [*words, "--overwrite"])
    assert refused.exit_code == 7
    assert "got 'view.html'" in refused.output
