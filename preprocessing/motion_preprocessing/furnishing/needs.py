"""What a motion rests on, reaches for, climbs or walks up to: the places where furniture must have been.

Read from joints alone. A seat is needed where the body sits with its pelvis above the floor, a bed where it lies above
the floor, a step where a foot is planted above it, a table where hands stay in front of the body at its height.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.furnishing.sweep import SPHERE_CAPSULES, Sweep, capsules_named
from motion_preprocessing.motion_features import (
    LYING,
    PELVIS,
    SITTING,
    SQUATTING,
    UPRIGHT,
    WRISTS,
    Features,
    closed,
    runs,
)

Floats = NDArray[np.floating[Any]]

SINK_M: Final = 0.02
"""How far flesh sinks into what it rests on: the support is drawn this much above the body's lowest point."""
DEEPEST_M: Final = 0.045
"""No support may reach farther than this into a body that rests on it."""
_LOWEST_SEAT_M: Final = 0.2
_LOWEST_BED_M: Final = 0.28
_SAME_SPOT_M: Final = 0.35

_SEAT_PARTS: Final = capsules_named("hip")  # thighs slope down from a high stool
_TRUNK: Final = capsules_named("hip", "spine1", "spine2", "spine3", "collar")
_FOOT_PARTS: Final = capsules_named("foot", "foot_end")
_HAND_PARTS: Final = capsules_named("wrist_end")


@dataclass(frozen=True)
class Need:
    """A place where furniture must stand."""

    kind: str
    """sit, lie, reach, climb or walk_to."""
    person: int
    start: int
    """First frame [start, stop) of the contact, or of the walk."""
    stop: int
    origin_m: NDArray[np.float64]
    """(2,) under the pelvis; for climb, the first foot hold."""
    yaw_rad: float
    """Where the body faces; for lie from head to feet; for climb the way up."""
    height_m: float
    """Of the surface."""
    frames: NDArray[np.bool_]
    """(T,) frames of steady contact."""
    also: tuple[tuple[float, float], ...] = ()
    """Of a bed: where somebody sits on it."""


def find_needs(f: Features, sweep: Sweep, person: int, *, seated: bool = False) -> list[Need]:
    """All needs of one person, beds first; `seated` as in `furnish_people`."""
    beds = _beds(f, sweep, person)
    seats = _seats(f, sweep, person, seated)
    for k, bed in enumerate(beds):
        on_it = [seat.origin_m for seat in seats if on_bed(seat, bed.origin_m, bed.height_m)]
        beds[k] = replace(bed, also=tuple((float(x), float(y)) for x, y in on_it))
    supports = beds + seats
    return supports + _steps(f, sweep, person) + _reaches(f, sweep, person) + _goals(f, person, supports)


def _episodes(f: Features, mask: NDArray[np.bool_], shortest_s: float) -> list[tuple[int, int]]:
    """Stretches of a posture, split where the body has moved on."""
    found = []
    xy = f.joints_m[:, PELVIS, :2]
    for a, b in closed(mask, f.count(0.4), f.count(shortest_s)):
        first = a
        for t in range(a, b):
            if np.linalg.norm(xy[t] - xy[first]) > _SAME_SPOT_M:
                if t - first >= f.count(shortest_s):
                    found.append((first, t))
                first = t
        if b - first >= f.count(shortest_s):
            found.append((first, b))
    return found


def _steady(f: Features, a: int, b: int, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Frames of [a, b) in which the pelvis hardly moves; the calmer half where it always does."""
    speed = np.abs(f.vertical_m_s) + f.speed_m_s
    inside = np.zeros(f.frames, dtype=np.bool_)
    inside[a:b] = mask[a:b]
    calm = inside & (speed < 0.15)
    if calm.sum() >= 3:
        return np.asarray(calm)
    return np.asarray(inside & (speed <= np.median(speed[inside])))


def _surface(sweep: Sweep, person: int, frames: NDArray[np.bool_], parts: NDArray[np.bool_]) -> float:
    """Height of what these parts of the body rest on."""
    low = (sweep.centres_m[person, :, parts, 2] - sweep.radius_m[parts][:, None]).min(axis=0)  # (T,)
    return float(min(np.median(low[frames]) + SINK_M, np.percentile(low[frames], 5) + DEEPEST_M))


def _seats(f: Features, sweep: Sweep, person: int, seated: bool) -> list[Need]:
    sitting = (f.posture == SITTING) & (f.joints_m[:, PELVIS, 2] > 0.3)
    if seated:
        # Who leans far forward on a seat, the feet under it, is over the feet as in a squat.
        sitting |= (f.posture == SQUATTING) & (f.thigh_up.mean(axis=1) > -0.35) & (f.joints_m[:, PELVIS, 2] > 0.42)
    needs: list[Need] = []
    for a, b in _episodes(f, sitting, 0.4):
        frames = _steady(f, a, b, sitting)
        if np.abs(f.vertical_m_s[frames]).max() > 0.35:
            continue  # passing through on the way down
        height = _surface(sweep, person, frames, _SEAT_PARTS)
        origin = f.joints_m[frames, PELVIS, :2].mean(axis=0)
        if height < _LOWEST_SEAT_M or any(np.linalg.norm(origin - n.origin_m) < 0.5 for n in needs):
            continue
        forward = np.array([np.cos(f.yaw_rad[frames]).mean(), np.sin(f.yaw_rad[frames]).mean()])
        yaw = float(np.arctan2(forward[1], forward[0]))
        needs.append(Need("sit", person, a, b, origin, yaw, height, frames))
    return needs


def _beds(f: Features, sweep: Sweep, person: int) -> list[Need]:
    lying = (f.posture == LYING) & (f.joints_m[:, PELVIS, 2] > 0.33)
    needs: list[Need] = []
    for a, b in _episodes(f, lying, 0.3):
        frames = _steady(f, a, b, lying)
        height = _surface(sweep, person, frames, _TRUNK)
        spine = (f.joints_m[frames, PELVIS, :2] - f.joints_m[frames, 12, :2]).mean(axis=0)
        origin = f.joints_m[frames, PELVIS, :2].mean(axis=0)
        if height < _LOWEST_BED_M or np.abs(f.vertical_m_s[frames]).max() > 0.5:
            continue
        if any(np.linalg.norm(origin - n.origin_m) < 1.0 for n in needs):
            continue
        needs.append(Need("lie", person, a, b, origin, float(np.arctan2(spine[1], spine[0])), height, frames))
    return needs


def on_bed(seat: Need, origin_m: Floats | tuple[float, float], height_m: float) -> bool:
    """Whether who sits there sits on the bed at a place."""
    near = float(np.linalg.norm(seat.origin_m - np.asarray(origin_m))) < 1.2
    return seat.kind == "sit" and abs(seat.height_m - height_m) < 0.2 and near


def _steps(f: Features, sweep: Sweep, person: int) -> list[Need]:
    """Foot holds above the floor, one need each; those of one climb are joined when they are fitted."""
    if f.foot_m.max() < 0.1:
        return []
    centres = sweep.centres_m[person][:, _FOOT_PARTS]  # (T, K, 3)
    radii = sweep.radius_m[_FOOT_PARTS]
    half = len(radii) // 2
    order = np.argsort([not name.startswith("left") for name in _foot_names()], kind="stable")
    needs: list[Need] = []
    on_feet = (f.posture != LYING) & (f.posture != SITTING)
    for side in (order[:half], order[half:]):
        foot = centres[:, side]
        speed = np.linalg.norm(np.gradient(foot.mean(axis=1), axis=0), axis=-1) * f.fps
        sole = (foot[..., 2] - radii[side]).min(axis=1)
        flat = np.ptp(foot[..., 2], axis=1) < 0.12
        planted = (speed < 0.25) & (sole > 0.07) & flat & on_feet
        for a, b in closed(planted, 1, f.count(0.2)):
            frames = np.zeros(f.frames, dtype=np.bool_)
            frames[a:b] = True
            # A lifted leg is also still and high: a foot hold bears weight, so the pelvis is above it.
            spot = foot[a:b].mean(axis=(0, 1))[:2].astype(np.float64)
            other = f.foot_m[a:b, 1 if side[0] == order[0] else 0]
            under = np.linalg.norm(f.joints_m[a:b, PELVIS, :2] - spot, axis=1)
            leg = f.joints_m[a:b, PELVIS, 2] - sole[a:b]
            if not ((under < 0.25) & (leg > 0.6) & (other > sole[a:b] - 0.1)).any():
                continue
            height = float(min(np.median(sole[a:b]) + 0.01, sole[a:b].min() + DEEPEST_M))
            if any(np.linalg.norm(spot - n.origin_m) < 0.2 and abs(height - n.height_m) < 0.08 for n in needs):
                continue
            needs.append(Need("climb", person, a, b, spot, float(f.yaw_rad[a:b].mean()), height, frames))
    needs.sort(key=lambda n: n.start)
    if len(needs) < 2:
        return needs
    # The steps of a flight lie in one direction: the way of the climb, or else where the body faces on the whole.
    way = needs[-1].origin_m - needs[0].origin_m
    yaw = np.arctan2(np.sin([n.yaw_rad for n in needs]).mean(), np.cos([n.yaw_rad for n in needs]).mean())
    if np.linalg.norm(way) > 0.3:
        yaw = np.arctan2(way[1], way[0])
    return [replace(need, yaw_rad=float(yaw)) for need in needs]


def _foot_names() -> list[str]:
    return [name for name, foot in zip(SPHERE_CAPSULES, _FOOT_PARTS, strict=True) if foot]


def _reaches(f: Features, sweep: Sweep, person: int) -> list[Need]:
    """Hands held still in front of the body, at the height of tables and counters."""
    wrists, speed = f.wrist_body_m, f.wrist_speed_m_s
    height = f.joints_m[:, WRISTS, 2]
    # In lunges and squats the arms go forward for balance.
    straight = (f.posture == UPRIGHT) & (f.knee_deg.max(axis=1) < 50)
    calm = (f.speed_m_s < 0.35) & (straight | (f.posture == SITTING))
    ahead = (wrists[..., 0] > 0.27) & (height > 0.5) & (height < 1.15) & (speed < 0.5) & calm[:, None]
    best: tuple[int, int, int] | None = None
    for a, b in closed(ahead.any(axis=1), f.count(0.25), f.count(0.4)):
        if best is None or b - a > best[1] - best[0]:
            best = (a, b, int(np.argmax(ahead[a:b].sum(axis=0))))
    if best is None:
        return []
    a, b, _ = best
    frames = np.zeros(f.frames, dtype=np.bool_)
    frames[a:b] = ahead[a:b].any(axis=1)
    hands = sweep.centres_m[person][:, _HAND_PARTS]  # (T, K, 3)
    half = hands.shape[1] // 2
    low = np.stack([hands[:, :half, 2].min(axis=1), hands[:, half:, 2].min(axis=1)], axis=1) - 0.03
    top = float(low[frames][ahead[frames]].min())
    if not 0.4 < top < 1.05:
        return []
    origin = f.joints_m[frames, PELVIS, :2].mean(axis=0)
    yaw = float(np.arctan2(np.sin(f.yaw_rad[frames]).mean(), np.cos(f.yaw_rad[frames]).mean()))
    return [Need("reach", person, a, b, origin, yaw, top, frames)]


def _goals(f: Features, person: int, supports: list[Need]) -> list[Need]:
    """Where a walk comes to a stop with nothing else to stop for."""
    moving = f.speed_m_s > 0.35
    needs: list[Need] = []
    for a, b in runs(moving):
        path = float(f.speed_m_s[a:b].sum() / f.fps)
        stop = min(b + f.count(0.3), f.frames - 1)
        still = f.speed_m_s[b : b + f.count(0.5)]
        if path < 0.8 or len(still) < f.count(0.4) or still.max() > 0.45 or f.posture[stop] != UPRIGHT:
            continue
        end = f.joints_m[stop, PELVIS, :2]
        if any(np.linalg.norm(end - n.origin_m) < 1.0 for n in supports):
            continue
        frames = np.zeros(f.frames, dtype=np.bool_)
        frames[b : b + f.count(0.5)] = True
        # The object stands where the walk was heading, which is seldom off where the body faces.
        if f.velocity_m_s[max(a, b - f.count(0.6)) : b, 0].mean() < 0.25:
            continue
        needs.append(Need("walk_to", person, a, b, end.copy(), float(f.yaw_rad[stop]), 0.0, frames))
    return needs[-1:]
