"""Where people stand in the room: by the estimator's word, or fitted to their pixels, the depth and the floor.

`room` fits them; `predicted` keeps the estimator's distance, with the camera's own focal length; `assumed` keeps the
distance that follows from the focal length which HMR2 assumes, 5000/256 of the picture's longer side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from motion_preprocessing.captures.read import Capture
from motion_preprocessing.captures.room_of import CapturedRoom
from motion_preprocessing.depth.body_surface import PersonDepth
from motion_preprocessing.depth.placing import FloorReport, floor_report, place_person
from motion_preprocessing.poses.crop_camera import hmr_camera
from motion_preprocessing.poses.track import PersonTrack

PLACEMENTS: Final = ("room", "predicted", "assumed")


def place_people(
    tracks: Sequence[PersonTrack], room: CapturedRoom, capture: Capture, *, how: str
) -> tuple[list[tuple[PersonTrack, float]], dict[str, Any]]:
    """Place people in the camera's frame.

    Args:
        tracks: With poses.
        room: Depth with people, masks and floor.
        capture: Camera and frame rate.
        how: One of PLACEMENTS.

    Returns:
        Each track with the size of its body, and figures for the report: how far standing feet are from the floor.
    """
    if how == "assumed":
        own = hmr_camera(capture.camera.width, capture.camera.height)
        farther = np.array([1.0, 1.0, own.fx / np.sqrt(capture.camera.fx * capture.camera.fy)])
        tracks = [replace(track, translation_m=track.translation_m * farther) for track in tracks]
    if how in ("predicted", "assumed"):
        reports = [floor_report(track, room.floor) for track in tracks]
        return [(track, 1.0) for track in tracks], _figures(reports, reports)
    placed = [
        place_person(track, capture.camera, fps=capture.fps, views=_views(track.track_id, room), floor=room.floor)
        for track in tracks
    ]
    figures = _figures([person.floor_before for person in placed], [person.floor_after for person in placed])
    return [(person.track, person.scale) for person in placed], figures


def _views(track_id: int, room: CapturedRoom) -> list[PersonDepth]:
    views = []
    for number, frame, people in zip(room.numbers, room.frames, room.persons, strict=True):
        mask = people == track_id
        if mask.any():
            views.append(PersonDepth(number, frame.depth_m, mask))
    return views


def _figures(before: list[FloorReport], after: list[FloorReport]) -> dict[str, Any]:
    """Median height of standing feet off the floor, and how many float or sink; None where nobody stands."""
    figures: dict[str, Any] = {"standing_frames": sum(report.frames for report in after)}
    for name, reports in (("before", before), ("after", after)):
        weights = [report.frames for report in reports]
        total = sum(weights)
        for key, values in (
            (f"feet_{name}_m", [report.median_abs_m for report in reports]),
            (f"floating_{name}", [report.floating for report in reports]),
            (f"sinking_{name}", [report.sinking for report in reports]),
        ):
            known = [value * weight for value, weight in zip(values, weights, strict=True) if np.isfinite(value)]
            figures[key] = float(sum(known) / total) if total else None
    return figures
