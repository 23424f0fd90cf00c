"""Checks captures as they lie on disk and names every fault with its file and field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.layout import CAPTURE_FILE, find_captures
from motion_preprocessing.captures.messages import without_path
from motion_preprocessing.captures.poses_of import read_prediction
from motion_preprocessing.captures.read import Capture, DepthSet, Fault, KeyFrame, PredictionFile, parse
from motion_preprocessing.depth.maps import METRIC_KINDS, DepthMap, load_depth_map
from motion_preprocessing.errors import InputError

_ASPECT_TOLERANCE: Final = 0.03
_MANY: Final = 0.2
"""Share of broken pixels from which a depth map gets a warning."""


def check_set(folder: Path, on_capture: Callable[[Path], None] = lambda _: None) -> Iterator[tuple[Path, list[Fault]]]:
    """Check every capture in and below a folder; yield each one's folder and faults.

    Raises:
        InputError: There is no capture.
    """
    captures = find_captures(folder)
    if not captures:
        raise InputError(f"expected captures (folders with {CAPTURE_FILE}), got none for {folder}; name their folder")
    names: dict[str, Path] = {}
    for path in captures:
        on_capture(path)
        capture, faults = check_capture(path)
        if capture is not None:
            first = names.setdefault(capture.name, path)
            if first != path:
                message = f"expected one capture called {capture.name}, got it in {first} as well"
                faults.append(Fault(CAPTURE_FILE, "time", message))
        yield path, faults


def check_capture(folder: Path) -> tuple[Capture | None, list[Fault]]:
    """Check one capture with all its files; the capture is None where capture.json is unusable."""
    capture, faults = parse(folder)
    if capture is None:
        return None, faults
    for key_frame in capture.key_frames:
        faults += _mask_faults(capture, key_frame)
    for depth in capture.depth:
        faults += _depth_faults(capture, depth)
    for prediction in capture.predictions:
        name = _relative(capture, prediction.path)
        if not prediction.path.is_file():
            faults.append(Fault(name, "", "expected a file of predictions, got nothing"))
        else:
            faults += _prediction_faults(capture, prediction)
    return capture, faults


def _relative(capture: Capture, path: Path) -> str:
    return path.relative_to(capture.folder).as_posix()


def _mask_faults(capture: Capture, key_frame: KeyFrame) -> list[Fault]:
    faults = []
    name = _relative(capture, key_frame.mask_file)
    try:
        mask = key_frame.mask()
    except InputError as error:
        faults.append(Fault(name, "", without_path(str(error), key_frame.mask_file)))
    else:
        known = {0, *(segment.id for segment in key_frame.segments)}
        foreign = sorted(set(np.unique(mask).tolist()) - known)
        if foreign:
            shown = ", ".join(map(str, foreign[:5]))
            faults.append(
                Fault(name, "", f"expected the ids of key frame {key_frame.frame}'s segments, got {shown} as well")
            )
    if key_frame.image_file is not None:
        try:
            key_frame.image()
        except InputError as error:
            message = without_path(str(error), key_frame.image_file)
            faults.append(Fault(_relative(capture, key_frame.image_file), "", message))
    return faults


def _depth_faults(capture: Capture, depth: DepthSet) -> list[Fault]:
    faults = []
    missing = []
    for key_frame in capture.key_frames:
        path = depth.file(key_frame.frame)
        if path is None:
            missing.append(key_frame.frame)
            continue
        name = _relative(capture, path)
        try:
            loaded = load_depth_map(path, depth.kind, unit_m=depth.unit_m)
            known = _known(loaded, capture)
        except InputError as error:
            faults.append(Fault(name, "", without_path(str(error), path)))
            continue
        height, width = known.shape
        wanted = capture.camera.width / capture.camera.height
        if abs(width / height / wanted - 1) > _ASPECT_TOLERANCE:
            message = f"expected the picture's proportions, {wanted:.2f}, got {width} x {height}"
            faults.append(Fault(name, "", message))
        elif 1 - float(known.mean()) > _MANY:
            message = f"expected values nearly everywhere, got none for {100 * (1 - known.mean()):.0f} % of the pixels"
            faults.append(Fault(name, "", message, warning=True))
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (" ..." if len(missing) > 5 else "")
        nothing = len(missing) == len(capture.key_frames)
        message = f"expected a map for each key frame, got none for {shown}"
        faults.append(Fault(f"depth/{depth.name}", "", message, warning=not nothing))
    return faults


def _known(depth: DepthMap, capture: Capture) -> NDArray[np.bool_]:
    """Return which pixels (H, W) of a map say something; raises where none does."""
    if depth.kind == "disparity":
        return np.isfinite(depth.disparity())
    if depth.kind in METRIC_KINDS:
        return np.isfinite(depth.metres(capture.camera))
    known = np.isfinite(depth.values) & (depth.values > 0)
    if not known.any():
        raise InputError(f"expected depths above 0, got none for {depth.name}; run the model anew")
    return known


def _prediction_faults(capture: Capture, prediction: PredictionFile) -> list[Fault]:
    name = _relative(capture, prediction.path)
    try:
        poses = read_prediction(prediction, capture)
    except InputError as error:
        return [Fault(name, "", without_path(str(error), prediction.path))]
    tracks = {track.track_id for track in capture.tracks}
    strangers = sorted(set(poses.ids.tolist()) - tracks)
    faults = []
    if strangers:
        shown = ", ".join(map(str, strangers[:5]))
        faults.append(Fault(name, "track_id", f"expected tracks of capture.json, got {shown} as well", warning=True))
    if poses.dropped:
        faults.append(Fault(name, "", f"expected usable poses, got {poses.dropped} that are not", warning=True))
    return faults
