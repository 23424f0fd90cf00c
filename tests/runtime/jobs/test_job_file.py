"""Job files: what a line may say, and how a bad one is named."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from motion_preprocessing.errors import InputError
from motion_runtime.cli import main
from motion_runtime.jobs.fields import KINDS, REQUEST, Job, make_job
from motion_runtime.jobs.job_file import read_job_file
from motion_runtime.motion import GenerationRequest

EVERYTHING: dict[str, Any] = {
    "name": "first",
    "prompt": ["walks", "waves, then sits"],
    "person": ["staff", "patient"],
    "seconds": 2.5,
    "num_samples": 3,
    "seed": 7,
    "start": [1.5, 2],
    "heading": 90,
    "sampler": "ddim",
    "steps": 5,
    "guidance": 1.5,
    "guidance_interval": [0.2, 0.8],
    "eta": 0.5,
    "low_pass": 0,
    "walls": False,
    "apart": 0.3,
    "path": ["0:0,0 2:1,0", "-"],
}


def write_lines(path: Path, *lines: object) -> Path:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def faults_of(path: Path) -> dict[int, str]:
    return {fault.line: fault.reason for fault in read_job_file(path)[1]}


def test_a_line_becomes_the_request_it_spells_out(tmp_path: Path) -> None:
    (job,), faults = read_job_file(write_lines(tmp_path / "jobs.jsonl", EVERYTHING))
    assert not faults
    assert (job.name, job.samples, job.line) == ("first", 3, 1)
    request = job.request(None)
    assert request.prompts == ("walks", "waves, then sits")
    assert request.person_classes == ("staff", "patient")
    assert (request.seconds, request.seed, request.sampler, request.steps) == (2.5, 7, "ddim", 5)
    assert (request.start_m, request.heading_deg) == ((1.5, 2.0), 90)
    assert (request.guidance, request.guidance_interval, request.eta) == (1.5, (0.2, 0.8), 0.5)
    assert (request.low_pass_s, request.walls, request.apart_m) == (0, False, 0.3)
    assert request.edits is not None
    assert len(request.edits.paths) == 2


def test_csv_and_jsonl_say_the_same(tmp_path: Path) -> None:
    (expected,), _ = read_job_file(write_lines(tmp_path / "jobs.jsonl", EVERYTHING))
    cells = [json.dumps(value) if not isinstance(value, str) else value for value in EVERYTHING.values()]
    cells[list(EVERYTHING).index("start")] = "1.5,2"
    cells[list(EVERYTHING).index("guidance_interval")] = "0.2,0.8"
    row = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    (job,), faults = read_job_file(write_lines(tmp_path / "jobs.csv", ",".join(EVERYTHING), row))
    assert not faults
    assert (job.name, job.samples, job.fields) == (expected.name, expected.samples, expected.fields)


def test_what_is_left_open_is_left_out(tmp_path: Path) -> None:
    jobs, faults = read_job_file(
        write_lines(tmp_path / "jobs.csv", "prompt,seed,person", "walks,,", "", "sits,3,staff")
    )
    assert not faults
    assert [(job.name, job.line) for job in jobs] == [("job_00002", 2), ("job_00004", 4)]
    assert jobs[0].fields == {"prompt": ["walks"]}
    assert jobs[1].fields == {"prompt": ["sits"], "seed": 3, "person": ["staff"]}


def test_a_spreadsheets_mark_and_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_bytes("\ufeffprompt,seed\r\nwalks,1\r\n".encode())
    (job,), faults = read_job_file(tmp_path / "jobs.csv")
    assert not faults
    assert job.fields == {"prompt": ["walks"], "seed": 1}


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffprompt;seconds;seed;walls;start\r\n{};4,5;1;FALSE;1.5,2\r\n",
        "sep=;\r\nprompt;seconds;seed;walls;start\r\n{};4,5;1;FALSE;1.5,2\r\n",
        "prompt\tseconds\tseed\twalls\tstart\n{}\t4.5\t1\tfalse\t1.5,2\n",
        'sep=,\nprompt,seconds,seed,walls,start\n{},4.5,1,False,"1.5,2"\n',
    ],
)
def test_what_spreadsheets_of_other_countries_write_is_read(tmp_path: Path, text: str) -> None:
    said = '"a person walks, then sits; and waves"'
    (tmp_path / "jobs.csv").write_bytes(text.format(said).encode())
    (job,), faults = read_job_file(tmp_path / "jobs.csv")
    assert not faults
    assert job.fields == {
        "prompt": [said.strip('"')], "seconds": 4.5, "seed": 1, "walls": False, "start": [1.5, 2.0],
    }  # fmt: skip
    assert job.line == 3 if text.startswith("sep") else job.line == 2


def test_columns_may_be_called_as_options_and_as_people_write_them(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "jobs.csv", "Prompt,num-samples,Low Pass,SEED", "walks,2,0.1,3")
    (job,), faults = read_job_file(path)
    assert not faults
    assert (job.samples, job.fields) == (2, {"prompt": ["walks"], "low_pass": 0.1, "seed": 3})


def test_a_cell_too_many_is_told_by_what_separates_them(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "jobs.csv", "prompt;seed", "walks; sits;1")
    assert "expected 2 cells, got 3; put texts with ';' in quotes" in faults_of(path)[2]


def test_files_are_named_from_the_job_file(tmp_path: Path) -> None:
    values = {"prompt": "walks", "scene": "rooms/a.ply", "labels": "l.json", "keyframes": "k.npz",
              "start_pose": "m.npz@1.5", "hold": ["left_arm=old/m.npz", "legs=m@2.npz"]}  # fmt: skip
    (tmp_path / "m@2.npz").touch()
    job = make_job(values, 1, tmp_path)
    assert job.room == (str(tmp_path / "rooms/a.ply"), "auto", "auto", str(tmp_path / "l.json"))
    assert [path.relative_to(tmp_path).as_posix() for path in job.files] == [
        "rooms/a.ply", "l.json", "k.npz", "m.npz", "old/m.npz", "m@2.npz",
    ]  # fmt: skip
    assert make_job({"prompt": "walks"}, 1, tmp_path).room is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "expected a JSON object, got '{'"),
        ("[1]", "expected a JSON object, got '[1]'"),
        ('"walks"', "expected a JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"seed": ' + "1" * 5000 + "}", "too many digits"),
        ('{"prompt": "a", "prompt": "b"}', "expected each field once, got 'prompt'"),
        ({"prompt": "walks", "promt": "sits"}, "expected a field of a job, got 'promt'; take 'prompt'"),
        ({"prompt": "walks", "sec": 2}, "got 'sec'; take 'seconds'"),
        ({"prompt": "walks", "colour": 2}, "hold, path, got 'colour'; correct the name"),
        ({"seed": 1}, "expected a prompt, got none"),
        ({"prompt": ""}, "for 'prompt'"),
        ({"prompt": []}, "for 'prompt'"),
        ({"prompt": ["walks", 3]}, "for 'prompt'"),
        ({"prompt": "walks", "seconds": "long"}, "expected a number, got 'long' for 'seconds'"),
        ({"prompt": "walks", "seconds": True}, "expected a number, got 'true' for 'seconds'"),
        ({"prompt": "walks", "seed": 1.5}, "expected a whole number, got '1.5' for 'seed'"),
        ({"prompt": "walks", "num_samples": 0}, "expected 1 to 1000, got '0' for 'num_samples'"),
        ({"prompt": "walks", "start": [1, 2, 3, 4]}, "expected two numbers, or three"),
        ({"prompt": "walks", "guidance_interval": [1]}, "expected two numbers, got '[1]'"),
        ({"prompt": "walks", "start": "here"}, "degrees faced, got 'here' for 'start'"),
        ({"prompt": "walks", "walls": "no"}, "expected true or false"),
        ({"prompt": "walks", "sampler": "euler"}, "dpm++, sde-dpm++, got 'euler' for 'sampler'"),
        ({"prompt": "walks", "name": "../up"}, "expected a folder's name"),
        ({"prompt": "walks", "name": "index.jsonl"}, "expected a folder's name"),
        ({"prompt": "walks", "up": "y"}, "expected a scene beside 'up'"),
        ({"prompt": "walks", "scene": "a\0b"}, "for 'scene'"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path, line: object, words: str) -> None:
    jobs, faults = read_job_file(write_lines(tmp_path / "jobs.jsonl", {"prompt": "a"}, line, "", {"prompt": "b"}))
    assert [job.line for job in jobs] == [1, 4]
    assert [fault.line for fault in faults] == [2]
    assert words in faults[0].reason


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("walks,1,2", "expected 2 cells, got 3"),
        ("walks,x", "expected a number, got 'x' for 'seed'"),
        ("walks,1.5", "expected a whole number"),
        ('"[""walks"", 2]",1', "for 'prompt'"),
        ('"[walks",1', "JSON list"),
        (",1", "expected a prompt, got none"),
        ('"walks"x,1', "expected cells of a .csv"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: str, words: str) -> None:
    assert words in faults_of(write_lines(tmp_path / "jobs.csv", "prompt,seed", "walks,1", row))[3]


def test_names_are_told_apart_as_every_file_system_does(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "jobs.jsonl", *({"prompt": "a", "name": name} for name in ("fall", "sit", "Fall")))
    assert "which line 1 has" in faults_of(path)[3]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("jobs.json", "{}", "expected a .jsonl or .csv file"),
        ("jobs.jsonl", "\n\n", "expected at least one job"),
        ("jobs.csv", "prompt,seed\n", "expected at least one job"),
        ("jobs.csv", "prompt,sead\nwalks,1\n", "got 'sead' in line 1 of .*, which names the columns; take 'seed'"),
        ("jobs.csv", "a person walks\n", "got 'a person walks' in line 1 of .*, which names the columns; correct"),
        ("jobs.csv", "prompt,prompt\nwalks,1\n", "each column once, got 'prompt' several times in line 1"),
        ("jobs.jsonl", b"\xff\xfe{", "expected UTF-8 text"),
        ("jobs.jsonl", None, "expected a file of jobs"),
    ],
)
def test_a_file_that_holds_no_jobs_is_refused(
    tmp_path: Path, name: str, content: str | bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=words):
        read_job_file(tmp_path / name)


def test_every_field_of_a_request_can_be_set() -> None:
    """Who knows the command line knows the file: names are the options', with underscores."""
    staging = {"others", "uses", "told", "retold", "roams", "strays", "rolls", "staged"}
    of_their_own = {"prompts", "person_classes", "scene", "edits", "sample", *staging}
    assert {field.name for field in fields(GenerationRequest)} - of_their_own == set(REQUEST.values())
    options = {option.opts[0].removeprefix("--").replace("-", "_") for option in main.params}
    assert set(KINDS) - options == {"name", "eta"}


def test_a_start_may_say_where_to_face() -> None:
    request = make_job({"prompt": "walks", "start": "1,2,90"}, 1, Path()).request(None)
    assert (request.start_m, request.heading_deg) == ((1.0, 2.0), 90.0)


def test_a_job_is_checked_by_what_makes_requests() -> None:
    job = Job(1, "a", 1, {"prompt": ["walks"], "seconds": -1}, Path())
    with pytest.raises(InputError, match="expected seconds above 0"):
        job.request(None)
