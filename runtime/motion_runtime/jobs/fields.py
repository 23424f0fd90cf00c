"""The fields of a job: what each may hold in a .jsonl line or a .csv cell, and the request that they make.

Names are those of `motion-run`'s options with underscores. Files are named relative to the job file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from motion_preprocessing.errors import InputError
from motion_preprocessing.floor import UNITS, UP_AXES
from motion_preprocessing.scene import Scene
from motion_runtime.editing.options import edits_of
from motion_runtime.motion import GenerationRequest
from motion_runtime.people_named import people_named
from motion_runtime.sampler import SAMPLERS
from motion_runtime.views.camera_file import read_cameras
from motion_runtime.views.view_camera import ViewCamera

MAX_SAMPLES: Final = 1000
INDEX_FILE: Final = "index.jsonl"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
REQUEST: Final = {
    "seconds": "seconds", "seed": "seed", "sampler": "sampler", "steps": "steps", "guidance": "guidance",
    "guidance_text": "guidance_text", "guidance_scene": "guidance_scene", "guidance_interval": "guidance_interval",
    "eta": "eta", "low_pass": "low_pass_s", "start": "start_m", "heading": "heading_deg", "goal": "goals",
    "calibrate": "calibrate", "amounts": "amounts", "plain": "plain", "ways": "ways", "walls": "walls",
    "apart": "apart_m", "ground": "ground", "feet": "feet", "use": "use", "solid": "solid", "hands": "hands",
}  # fmt: skip
"""Fields that a request takes as they are, and what it calls them."""

Value = Any
"""Of JSON: a text, a number, a list of either."""


@dataclass(frozen=True)
class Job:
    """One line of a job file: its own values checked, not yet what they name."""

    line: int
    """Line in the job file, from 1."""
    name: str
    """Name of its folder."""
    samples: int
    """Motions to make."""
    fields: Mapping[str, Value]
    """Everything else that the line says, as JSON values."""
    base: Path
    """Folder that its file names start from."""

    @property
    def room(self) -> tuple[str, str, str, str] | None:
        """Scene file, up axis, unit and labels; None without a scene. Equal for jobs that share a room."""
        if "scene" not in self.fields:
            return None
        get = self.fields.get
        return str(self.base / self.fields["scene"]), get("up", "auto"), get("units", "auto"), self._labels

    @property
    def _labels(self) -> str:
        labels: str = self.fields.get("labels", "")
        return labels if labels in ("", "ignore") else str(self.base / labels)

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that its motion depends on, scene and labels among them."""
        room = self.room
        named = [] if room is None else [room[0], *([room[3]] if room[3] not in ("", "ignore") else [])]
        named += [str(self.base / name) for name in self.fields.get("keyframes", ())]
        named += [str(self.base / self.fields["cameras"])] if "cameras" in self.fields else []
        poses = [self.fields[key] for key in ("start_pose", "end_pose") if key in self.fields]
        poses += [text.partition("=")[2] for text in self.fields.get("hold", ())]
        for text in poses:
            path = self.base / (text if (self.base / text).exists() else text.rpartition("@")[0] or text)
            named.append(str(path / "motion.npz" if path.is_dir() else path))
        return tuple(Path(name) for name in named)

    def request(self, scene: Scene | None) -> GenerationRequest:
        """The request for its first sample, with the room that was loaded for it.

        Raises:
            InputError: The values are no request, or a file of the edits is wrong.
        """
        get = self.fields.get
        edits = edits_of(
            keyframes=[self.base / name for name in get("keyframes", ())],
            start_pose=self._beside(get("start_pose")),
            end_pose=self._beside(get("end_pose")),
            holds=[self._hold(text) for text in get("hold", ())],
            paths=get("path", ()),
        )
        given = {of: self.fields[name] for name, of in REQUEST.items() if name in self.fields}
        given = {of: tuple(value) if isinstance(value, list) else value for of, value in given.items()}
        start = get("start", ())
        if len(start) == 3:
            given |= {"start_m": tuple(start[:2]), "heading_deg": start[2]}
        prompts, persons = people_named(get("prompt", ()), get("person", ()))
        return GenerationRequest(prompts=prompts, person_classes=persons, scene=scene, edits=edits, **given)

    def cameras(self, scene: Scene | None) -> tuple[ViewCamera, ...]:
        """The cameras that see its motions, in the room that was loaded for it.

        Raises:
            InputError: The file is none, or a camera in it is wrong.
        """
        return read_cameras(self.base / self.fields["cameras"], scene) if "cameras" in self.fields else ()

    def _beside(self, text: str | None) -> str | None:
        return None if text is None else str(self.base / text)

    def _hold(self, text: str) -> str:
        part, equals, file = text.partition("=")
        return f"{part}={self.base / file}" if equals and file else text


def make_job(values: Mapping[str, object], line: int, base: Path, *, cells: bool = False) -> Job:
    """Make a job of a line's values.

    Args:
        values: Field -> value.
        line: Line in the file.
        base: Folder of the file.
        cells: Values are texts, as in a .csv; empty ones count as left out.

    Raises:
        InputError: A field is unknown, or a value is not of its kind.
    """
    fields: dict[str, Value] = {}
    for name, value in values.items():
        if name not in KINDS:
            raise InputError(unknown_field(name))
        if value is None or (cells and value == ""):
            continue
        fields[name] = KINDS[name](name, _read_cell(name, str(value)) if cells else value)
    if not fields.get("prompt"):
        raise InputError("expected a prompt, got none; say what happens, such as 'a person walks'")
    if "scene" not in fields and (odd := [name for name in ("up", "units", "labels") if name in fields]):
        raise InputError(f"expected a scene beside '{odd[0]}', got none; name the room's file")
    name = fields.pop("name", f"job_{line:05d}")
    return Job(line, name, fields.pop("num_samples", 1), fields, base)


def unknown_field(name: str, where: str = "") -> str:
    """What is said of a field that there is none of: the one that is meant where it can be told, else all of them."""
    given = name.lower()
    near = get_close_matches(given, KINDS, 1, 0.7) or [field for field in KINDS if field.startswith(given)]
    if name and near:
        return f"expected a field of a job, got '{name:.40}'{where}; take '{near[0]}'"
    return f"expected fields among {', '.join(KINDS)}, got '{name:.40}'{where}; correct the name"


def is_number(name: str) -> bool:
    """Whether a field holds one number."""
    return KINDS[name] in (_integer, _number, _samples)


def _read_cell(name: str, text: str) -> Value:
    """A cell's value: lists are JSON or a single text, numbers are numbers."""
    expected = ""
    if is_number(name):
        expected = "a number"
    elif KINDS[name] is _flag:
        expected, text = "true or false", text.lower()  # a spreadsheet writes TRUE
    elif KINDS[name] is _texts and text.startswith("["):
        expected = 'a text or a JSON list such as ["walks", "waves"]'
    if not expected:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong(name, expected, text) from None


def _wrong(name: str, expected: str, value: object) -> InputError:
    shown = value if isinstance(value, str) else json.dumps(value, default=str)
    return InputError(f"expected {expected}, got '{shown:.60}' for '{name}'")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _wrong(name, "a text", value)
    return value


def _texts(name: str, value: object) -> list[str]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise _wrong(name, "a text or a list of texts", value)
    return [_text(name, item) for item in value]


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, "a number", value)
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, "true or false", value)
    return value


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(name, "a whole number", value)
    return value


def _numbers(name: str, value: object, expected: str, *counts: int) -> list[float]:
    if isinstance(value, str):
        try:
            value = [float(part) for part in value.split(",")]
        except ValueError:
            raise _wrong(name, expected, value) from None
    if not isinstance(value, list) or len(value) not in counts:
        raise _wrong(name, expected, value)
    return [float(_number(name, item)) for item in value]


def _pair(name: str, value: object) -> list[float]:
    return _numbers(name, value, "two numbers", 2)


def _start(name: str, value: object) -> list[float]:
    return _numbers(name, value, "two numbers, or three with the degrees faced", 2, 3)


def _one_of(*choices: str) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        if value not in choices:
            raise _wrong(name, f"one of {', '.join(choices)}", value)
        return str(value)

    return check


def _name(name: str, value: object) -> str:
    text = _text(name, value)
    if not _NAME.fullmatch(text) or text == INDEX_FILE:
        raise _wrong(name, "a folder's name of up to 100 letters, digits, '.', '_' and '-'", text)
    return text


def _samples(name: str, value: object) -> int:
    count = _integer(name, value)
    if not 1 <= count <= MAX_SAMPLES:
        raise _wrong(name, f"1 to {MAX_SAMPLES}", count)
    return count


KINDS: Final[dict[str, Callable[[str, Any], Value]]] = {
    "name": _name,
    "prompt": _texts,
    "person": _texts,
    "scene": _text,
    "up": _one_of("auto", *UP_AXES),
    "units": _one_of("auto", *UNITS),
    "labels": _text,
    "cameras": _text,
    "seconds": _number,
    "num_samples": _samples,
    "seed": _integer,
    "start": _start,
    "heading": _number,
    "goal": _texts,
    "walls": _flag,
    "apart": _number,
    "calibrate": _flag,
    "amounts": _flag,
    "plain": _flag,
    "ways": _flag,
    "ground": _flag,
    "feet": _flag,
    "use": _flag,
    "solid": _flag,
    "hands": _flag,
    "sampler": _one_of(*SAMPLERS),
    "steps": _integer,
    "guidance": _number,
    "guidance_text": _number,
    "guidance_scene": _number,
    "guidance_interval": _pair,
    "eta": _number,
    "low_pass": _number,
    "keyframes": _texts,
    "start_pose": _text,
    "end_pose": _text,
    "hold": _texts,
    "path": _texts,
}
"""Every field, and what checks its value."""
