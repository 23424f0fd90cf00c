"""A walk is bent so that it begins where somebody is and ends on the thing that they are to use.

What happens and when is a draft's, made in the open; which way it goes is not. While somebody is upright, the pelvis is
put on a way round the furniture to the place before the seat or beside the bed, as far along it as it is along the
draft's own way, and the body faces along it; at both ends it turns on the spot for that. From where it begins to go
down everything is the draft's again, moved as one piece to where it rests. What slides by that is stepped where the
denoising loop goes over it again.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.easing import smooth_step
from motion_preprocessing.pose_vector import root_orientation
from motion_preprocessing.rotations import about_z
from motion_runtime.editing.constraints import wrapped
from motion_runtime.editing.joints import joints_of, with_joints
from motion_runtime.editing.on_furniture import Down, facing_down, resting
from motion_runtime.editing.turn_round import FASTEST_RAD_S, SHORTEST_S
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]

ROUND_M: Final = 0.2
"""Corners of a way are rounded by a Gaussian of this width."""
_STEP_M: Final = 0.05
_HEADING_S: Final = 0.25
"""Bodies sway about where they face."""
_PACE_S: Final = 0.15
_LEAST_PACE: Final = 0.15
"""Of the pace that the draft has, while somebody does not face the way that they go."""
_SHORT_M: Final = 0.3
"""Who has no more than this to go does not turn for it."""


class End(NamedTuple):
    """Where a way ends, in the frame of the pose vectors."""

    place_m: Array
    """(2,) of the pelvis when the body is down."""
    facing_rad: float
    """Of the body then: as `facing_down`."""
    side_rad: float
    """On which side of that somebody stands before going down."""
    gap_m: float
    """How far from `place_m` they stand then at least."""


def bent(x: Array, corners: Array, end: End, down: Down, begin: int, upright: int, fps: float) -> Array:
    """Bend one person's walk.

    Args:
        x: (T, 258) in metres.
        corners: (N, 2) of the way, from where they are at `begin` to before `end`.
        end: Where it ends.
        down: When they are down there.
        begin: Frame from which the way may change.
        upright: Frame at which they begin to go down.
        fps: Frames a second.

    Returns:
        Pose vectors (T, 258), up to `begin` as they were.
    """
    joints = joints_of(x)
    place = joints[:, 0, :2]
    last = facing_down(joints[resting(joints, down)])
    spin = float(wrapped(np.array(end.facing_rad - last)))
    sits = end.place_m + (place - place[down.level].mean(axis=0)) @ _about(spin).T
    out = np.array([math.cos(end.facing_rad + end.side_rad), math.sin(end.facing_rad + end.side_rad)])
    missing = float(np.clip(end.gap_m - (sits[upright] - end.place_m) @ out, 0.0, end.gap_m))
    arrived = int(np.argmax(down.level))
    away = 1.0 - smooth_step((np.arange(len(x)) - upright) / max(arrived - upright, 1))
    sits = sits + missing * away[:, None] * out

    way = _rounded(np.concatenate([place[begin : begin + 1], corners[1:-1], sits[upright : upright + 1]]))
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    own = np.asarray(low_pass(np.unwrap(heading_rad(root_orientation(joints)))[:, None], _HEADING_S * fps))[:, 0]
    frames = np.arange(begin, upright + 1)
    pace = np.linalg.norm(np.diff(place[begin : upright + 1], axis=0), axis=1)
    pace = np.asarray(low_pass(pace[:, None], _PACE_S * fps))[:, 0] + 1e-6
    facing, error = _facings(way, lengths, _shares(pace), own[begin], own[upright] + spin, fps)
    facing, error = _facings(
        way, lengths, _shares(pace * np.maximum(np.cos(error[1:]), _LEAST_PACE)), own[begin], own[upright] + spin, fps
    )
    at = _shares(pace * np.maximum(np.cos(error[1:]), _LEAST_PACE)) * lengths[-1]
    turn = np.zeros(len(x))
    turn[begin : upright + 1] = facing - own[frames]
    turn[upright:] = turn[upright]
    moved = place.copy()
    moved[frames] = np.stack([np.interp(at, lengths, way[:, axis]) for axis in (0, 1)], axis=1)
    moved[upright:] = sits[upright:]
    pelvis = np.concatenate([moved, joints[:, 0, 2:]], axis=1)
    bodies = (joints - joints[:, :1]) @ np.asarray(about_z(turn)).swapaxes(-1, -2) + pelvis[:, None]
    return with_joints(x, bodies, fps)


def _shares(pace: Array) -> Array:
    """How far along (N + 1,) a way somebody is who goes it at a pace (N,)."""
    return np.asarray(np.concatenate([[0.0], np.cumsum(pace)]) / pace.sum())


def _facings(
    way: Array, lengths: Array, shares: Array, first_rad: float, last_rad: float, fps: float
) -> tuple[Array, Array]:
    """Where somebody faces (N,) on a way, and how much that is off the way's direction."""
    frames = np.arange(len(shares))
    if lengths[-1] < _SHORT_M:
        turn = float(wrapped(np.array(last_rad - first_rad)))
        takes = _takes(turn, len(frames), fps)
        return first_rad + turn * smooth_step((frames - (len(frames) - 1)) / takes + 1.0), np.zeros(len(frames))
    ahead = np.unwrap(np.arctan2(*np.gradient(way, axis=0).T[::-1]))
    along = np.interp(shares * lengths[-1], lengths, ahead)
    before = float(wrapped(np.array(along[0] - first_rad)))
    along += first_rad + before - along[0]
    after = float(wrapped(np.array(last_rad - along[-1])))
    sets_out = -before * (1.0 - smooth_step(frames / _takes(before, len(frames), fps)))
    comes = after * smooth_step((frames - (len(frames) - 1)) / _takes(after, len(frames), fps) + 1.0)
    return along + sets_out + comes, sets_out + comes


def _takes(turn_rad: float, most: int, fps: float) -> float:
    """Frames that a turn on the spot takes, where there are so many."""
    return min(max(SHORTEST_S, abs(turn_rad) / FASTEST_RAD_S) * fps, max(most - 1, 1))


def _about(turn_rad: float) -> Array:
    c, s = math.cos(turn_rad), math.sin(turn_rad)
    return np.array([[c, -s], [s, c]])


def _rounded(corners: Array) -> Array:
    """Points (N, 2) of a way, close to each other, with its corners rounded; both ends stay."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    count = max(math.ceil(lengths[-1] / _STEP_M), 2) + 1
    at = np.linspace(0.0, lengths[-1], count)
    way = np.stack([np.interp(at, lengths, corners[:, axis]) for axis in (0, 1)], axis=1)
    width = round(4 * ROUND_M / _STEP_M)
    # Both ends are continued straight on, so that they stay where they are.
    width = min(width, count - 1)
    first, last = 2 * way[0] - way[width:0:-1], 2 * way[-1] - way[-2 : -2 - width : -1]
    smooth = np.asarray(low_pass(np.concatenate([first, way, last]), ROUND_M / _STEP_M))[width : width + count]
    u = np.linspace(0.0, 1.0, count)[:, None]
    return np.asarray(smooth + (1 - u) * (way[0] - smooth[0]) + u * (way[-1] - smooth[-1]))
