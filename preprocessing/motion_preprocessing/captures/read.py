"""Reads captures: capture.json becomes tracks, key frames and lists of files, or one clear error.

`parse` collects every fault of a capture.json; `read_capture` raises on the first. Masks and pictures are opened when
they are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.captures.layout import CAPTURE_FILE, DEPTH_SUFFIXES, frame_name
from motion_preprocessing.captures.schema import capture_schema, violations
from motion_preprocessing.errors import InputError
from motion_preprocessing.poses.track import PersonTrack

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
_MAX_SHOWN: Final = 3


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with a capture."""

    file: str
    """Relative to the capture's folder."""
    field: str
    """Path inside the file; '' where it is the file itself."""
    message: str
    """'expected X, got Y'."""
    warning: bool = False
    """Whether the capture can be used nevertheless."""

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.message}" if self.field else f"{self.file}: {self.message}"


@dataclass(frozen=True)
class Segment:
    """What one value of a mask means."""

    id: int
    kind: str
    """person, floor, wall, ceiling or furniture."""
    track: int | None = None
    """Of a person."""
    name: str = ""
    """Class of furniture."""
    instance: int = -1
    """Number of the piece of furniture, the same in all key frames."""


@dataclass(frozen=True)
class KeyFrame:
    """A frame with masks."""

    frame: int
    mask_file: Path
    image_file: Path | None
    segments: tuple[Segment, ...]
    size: tuple[int, int]
    """Width and height of the camera."""

    def mask(self) -> NDArray[np.int32]:
        """Read the segment ids (H, W).

        Raises:
            InputError: The file is missing, no grey picture, or of another size than the camera.
        """
        image = _open_image(self.mask_file)
        if image.mode not in ("L", "P", "I;16", "I"):
            raise InputError(
                f"expected a grey picture of segment ids, got mode {image.mode} for {self.mask_file}; write it without "
                "colours"
            )
        self._check_size(image, self.mask_file, "mask")
        return np.asarray(image).astype(np.int32)

    def image(self) -> NDArray[np.uint8] | None:
        """Read the picture (H, W, 3), or None where there is none.

        Raises:
            InputError: The file is unreadable or of another size than the camera.
        """
        if self.image_file is None:
            return None
        image = _open_image(self.image_file)
        self._check_size(image, self.image_file, "picture")
        return np.asarray(image.convert("RGB"))

    def _check_size(self, image: Image.Image, path: Path, what: str) -> None:
        if image.size != self.size:
            raise InputError(
                f"expected {self.size[0]} x {self.size[1]} pixels, got {image.size[0]} x {image.size[1]} for the "
                f"{what} {path}; masks and pictures have the camera's size"
            )


@dataclass(frozen=True)
class DepthSet:
    """Depth maps of the key frames, all of one kind."""

    name: str
    kind: str
    """disparity, metric or depth."""
    unit_m: float
    """Metres of one unit; only for metric."""
    folder: Path

    def file(self, frame: int) -> Path | None:
        """Return the map of a frame, None where there is none."""
        for suffix in DEPTH_SUFFIXES:
            path = self.folder / frame_name(frame, suffix)
            if path.is_file():
                return path
        return None


@dataclass(frozen=True)
class PredictionFile:
    """What a pose estimator said."""

    format: str
    """hmr2, phalp or gvhmr."""
    path: Path
    track: int | None = None
    """Whom a file of one person is of."""
    first_frame: int = 0
    """Frame of the capture that the file starts with."""
    pelvis_offset_m: tuple[float, float, float] | None = None
    """Rest pelvis of the estimator's body, metres from its translation; None = that of the format's body model."""


@dataclass(frozen=True)
class Capture:
    """One capture as it lies on disk."""

    folder: Path
    site: str
    room: str
    time: str
    fps: float
    frame_count: int
    camera: Intrinsics
    tracks: tuple[PersonTrack, ...]
    """Annotated people, without poses."""
    key_frames: tuple[KeyFrame, ...]
    depth: tuple[DepthSet, ...]
    predictions: tuple[PredictionFile, ...]

    @property
    def name(self) -> str:
        """Site, room and time; unique in a set."""
        return f"{self.site}/{self.room}/{self.time}"

    def depth_of_kind(self, kind: str) -> DepthSet | None:
        """Return the first set of a kind, None where there is none."""
        return next((depth for depth in self.depth if depth.kind == kind), None)


def read_capture(folder: Path) -> Capture:
    """Read a capture.

    Raises:
        InputError: capture.json is missing, no JSON, or does not hold what it must.
    """
    capture, faults = parse(folder)
    errors = [fault for fault in faults if not fault.warning]
    if capture is None or errors:
        shown = "; ".join(f"{fault.field}: {fault.message}" if fault.field else fault.message for fault in errors[:3])
        more = f" (and {len(errors) - _MAX_SHOWN} more)" if len(errors) > _MAX_SHOWN else ""
        raise InputError(f"{shown}{more} for {folder / CAPTURE_FILE}; run motion-preprocess validate")
    return capture


def parse(folder: Path) -> tuple[Capture | None, list[Fault]]:
    """Read capture.json and collect what is wrong with it; the capture is None where nothing can be read."""
    try:
        content = _load_json(folder / CAPTURE_FILE)
    except InputError as error:
        return None, [Fault(CAPTURE_FILE, "", str(error))]
    faults = [Fault(CAPTURE_FILE, field, message) for field, message in violations(content, capture_schema())]
    if faults:
        return None, faults
    faults = list(_disagreements(content))
    if any(not fault.warning for fault in faults):
        return None, faults
    return _build(folder, content), faults


def _load_json(path: Path) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant}, which is no number")

    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"expected at most {MAX_FILE_BYTES >> 20} MiB, got more; split the capture")
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise InputError(f"expected JSON, got '{error.msg}' in line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError:
        raise InputError("expected JSON in UTF-8, got other bytes") from None
    except RecursionError:
        raise InputError("expected JSON of a few levels, got very deep nesting") from None
    except ValueError as error:
        raise InputError(f"expected JSON, got {error}") from None
    except OSError as error:
        raise InputError(f"expected a readable file, got '{error.strerror}'") from None


def _disagreements(content: Any) -> Iterator[Fault]:
    """What the schema cannot say: numbers that must agree with each other."""
    count, camera = content["frame_count"], content["camera"]
    classes: dict[int, str] = {}
    seen: dict[int, int] = {}
    last = -1

    def fault(field: str, message: str, warning: bool = False) -> Fault:
        return Fault(CAPTURE_FILE, field, message, warning)

    if count == 1:
        yield fault("frame_count", "expected more than one frame to smooth over, got 1", warning=True)
    for i, entry in enumerate(content["frames"]):
        frame, where = entry["frame"], f"frames[{i}]"
        if not last < frame < count:
            yield fault(f"{where}.frame", f"expected {last + 1} to {count - 1}, rising, got {frame}")
        last = max(last, frame)
        here: set[int] = set()
        for k, person in enumerate(entry["people"]):
            field, track = f"{where}.people[{k}]", person["track"]
            if track in here:
                yield fault(f"{field}.track", f"expected each person once a frame, got track {track} again")
            here.add(track)
            seen[track] = seen.get(track, 0) + 1
            if classes.setdefault(track, person["class"]) != person["class"]:
                yield fault(f"{field}.class", f"expected {classes[track]} as before, got {person['class']}")
            x0, y0, x1, y1 = person["box"]
            if x1 <= x0 or y1 <= y0:
                yield fault(f"{field}.box", f"expected x0 < x1 and y0 < y1, got {person['box']}")
            elif x1 <= 0 or y1 <= 0 or x0 >= camera["width"] or y0 >= camera["height"]:
                yield fault(f"{field}.box", f"expected a box in the picture, got {person['box']}")
            elif not (x0 - 1 <= person["centre"][0] <= x1 + 1 and y0 - 1 <= person["centre"][1] <= y1 + 1):
                yield fault(f"{field}.centre", f"expected a point in the box, got {person['centre']}", warning=True)
            for joint, (_, _, visible) in enumerate(person["keypoints"]):
                if visible not in (0, 1, 2):
                    yield fault(f"{field}.keypoints[{joint}][2]", f"expected 0, 1 or 2, got {visible}")
    for track, times in seen.items():
        if times < 3:
            message = f"expected 3 frames or more to tell a motion, got {times} of track {track}"
            yield fault("frames", message, warning=True)
    if not seen:
        yield fault("frames", "expected people, got none", warning=True)
    yield from _key_frame_disagreements(content, set(seen))
    for name, key in (("depth", "name"), ("predictions", "file")):
        used: set[str] = set()
        for i, entry in enumerate(content[name]):
            if entry[key] in used:
                yield fault(f"{name}[{i}].{key}", f"expected different ones, got '{entry[key]}' twice")
            used.add(entry[key])
            if ".." in entry[key].split("/"):
                yield fault(f"{name}[{i}].{key}", f"expected a place inside the capture, got '{entry[key]}'")


def _key_frame_disagreements(content: Any, tracks: set[int]) -> Iterator[Fault]:
    frames: set[int] = set()
    if not content["key_frames"]:
        yield Fault(CAPTURE_FILE, "key_frames", "expected key frames to find the room by, got none", warning=True)
    for i, entry in enumerate(content["key_frames"]):
        where = f"key_frames[{i}]"
        if entry["frame"] >= content["frame_count"]:
            last = content["frame_count"] - 1
            yield Fault(CAPTURE_FILE, f"{where}.frame", f"expected 0 to {last}, got {entry['frame']}")
        if entry["frame"] in frames:
            yield Fault(CAPTURE_FILE, f"{where}.frame", f"expected each frame once, got {entry['frame']} again")
        frames.add(entry["frame"])
        for key in ("mask", "image"):
            if ".." in entry.get(key, "").split("/"):
                yield Fault(CAPTURE_FILE, f"{where}.{key}", f"expected a place inside the capture, got '{entry[key]}'")
        ids: set[int] = set()
        for k, segment in enumerate(entry["segments"]):
            field = f"{where}.segments[{k}]"
            if segment["id"] in ids:
                yield Fault(CAPTURE_FILE, f"{field}.id", f"expected each id once, got {segment['id']} again")
            ids.add(segment["id"])
            if segment["kind"] == "person" and "track" not in segment:
                yield Fault(CAPTURE_FILE, f"{field}.track", "expected the person's track, got nothing")
            elif segment["kind"] == "person" and segment["track"] not in tracks:
                message = f"expected a track of frames[], got {segment['track']}"
                yield Fault(CAPTURE_FILE, f"{field}.track", message, warning=True)
            if segment["kind"] == "furniture" and not segment.get("class"):
                yield Fault(CAPTURE_FILE, f"{field}.class", "expected the furniture's class, got nothing")


def _build(folder: Path, content: Any) -> Capture:
    camera = content["camera"]
    size = (camera["width"], camera["height"])
    key_frames = tuple(
        KeyFrame(
            frame=entry["frame"],
            mask_file=folder / entry["mask"],
            image_file=folder / entry["image"] if "image" in entry else None,
            segments=tuple(
                Segment(s["id"], s["kind"], s.get("track"), s.get("class", ""), s.get("instance", -1))
                for s in entry["segments"]
            ),
            size=size,
        )
        for entry in sorted(content["key_frames"], key=lambda entry: entry["frame"])
    )
    return Capture(
        folder=folder,
        site=content["site"],
        room=content["room"],
        time=content["time"],
        fps=float(content["fps"]),
        frame_count=content["frame_count"],
        camera=Intrinsics(float(camera["fx"]), float(camera["fy"]), float(camera["cx"]), float(camera["cy"]), *size),
        tracks=_tracks(content["frames"]),
        key_frames=key_frames,
        depth=tuple(
            DepthSet(entry["name"], entry["kind"], float(entry.get("unit", 1.0)), folder / "depth" / entry["name"])
            for entry in content["depth"]
        ),
        predictions=tuple(
            PredictionFile(
                entry["format"],
                folder / entry["file"],
                entry.get("track"),
                entry.get("first_frame", 0),
                tuple(entry["pelvis_offset_m"]) if "pelvis_offset_m" in entry else None,
            )
            for entry in content["predictions"]
        ),
    )


def _tracks(frames: Any) -> tuple[PersonTrack, ...]:
    found: dict[int, list[tuple[int, Any]]] = {}
    for entry in frames:
        for person in entry["people"]:
            found.setdefault(person["track"], []).append((entry["frame"], person))
    return tuple(
        replace(
            PersonTrack.blank(track, [frame for frame, _ in seen], seen[0][1]["class"]),
            action=tuple(person["action"] for _, person in seen),
            box=np.array([person["box"] for _, person in seen], dtype=np.float64),
            keypoints_2d=np.array([person["keypoints"] for _, person in seen], dtype=np.float64),
        )
        for track, seen in sorted(found.items())
    )


def _open_image(path: Path) -> Image.Image:
    try:
        image = Image.open(path)
        image.load()
    except OSError as error:
        reason = error.strerror or "no picture"
        raise InputError(f"expected a readable picture, got '{reason}' for {path}; write it anew") from None
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"expected a readable picture, got '{error}' for {path}; write it anew") from None
    return image
