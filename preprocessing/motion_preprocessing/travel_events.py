"""Detectors of moving through space: walking, running, turning, jumping, climbing."""

from __future__ import annotations

from typing import Final

import numpy as np

from motion_preprocessing.event import Event, spanning, way_name
from motion_preprocessing.motion_features import (
    ANKLES,
    PELVIS,
    TOES,
    Bools,
    Features,
    Floats,
    closed,
    rate,
    runs,
    smooth,
)

MOVING_M_S: Final = 0.25
RUN_M_S: Final = 2.05  # faster is running ...
JOG_M_S: Final = 1.3  # ... and so is this with a bounce of
JOG_M_S2: Final = 2.0  # mean absolute vertical acceleration; brisk walking stays under 1.3, jogging is over 2.4
TURN_DEG_S: Final = 28.0
TURN_EDGE_DEG_S: Final = 10.0  # a turn begins and ends where it is slower than this
TURN_DEG: Final = 32.0
CIRCLE_DEG: Final = 240.0
VEER_DEG: Final = 22.0
DUCK_DEG: Final = 50.0


TURN_FEET: Final = 0.4  # share of a turn that the feet must share, or it is a twist of the trunk


def _feet_yaw_rad(f: Features) -> Floats:
    """Unwrapped direction (T,) in which the two feet point together."""
    ways = f.joints_m[:, TOES, :2] - f.joints_m[:, ANKLES, :2]
    ways = ways / np.maximum(np.sqrt((ways**2).sum(-1, keepdims=True)), 1e-6)
    way = ways.sum(axis=1)
    return np.asarray(np.unwrap(np.arctan2(way[:, 1], way[:, 0])))


def turns(f: Features, allowed: Bools) -> list[Event]:
    """Turn of the facing by more than TURN_DEG at more than TURN_DEG_S; where the feet stay it is a twist."""
    if f.frames < 2:
        return []
    speed = np.degrees(np.gradient(f.yaw_rad)) * f.fps
    feet, walked = _feet_yaw_rad(f), stepping(f) & (f.speed_m_s > MOVING_M_S)
    found: list[Event] = []
    for sign in (1, -1):
        for start, stop in closed((sign * speed > TURN_DEG_S) & allowed, f.count(0.3), f.count(0.2)):
            a, b = start, stop
            while a > 0 and sign * speed[a - 1] > TURN_EDGE_DEG_S and allowed[a - 1]:
                a -= 1
            while b < f.frames and sign * speed[b] > TURN_EDGE_DEG_S and allowed[b]:
                b += 1
            if found and found[-1].start_s == a / f.fps and found[-1].end_s == b / f.fps:
                continue  # grown into the one before
            amount = float(np.degrees(f.yaw_rad[b - 1] - f.yaw_rad[a]))
            if sign * amount > TURN_DEG:
                before, after = max(0, a - f.count(0.2)), min(f.frames, b + f.count(0.25)) - 1
                shared = sign * float(np.degrees(feet[after] - feet[before])) > TURN_FEET * abs(amount)
                shared = shared or bool(walked[a:b].mean() > 0.5)
                side = "" if shared else "left" if sign > 0 else "right"
                found.append(spanning(f, "turn" if shared else "twist", a, b, amount, side))
    found.sort(key=lambda e: e.start_s)
    # A turn that is taken back at once is a twist of the body (boxing, swinging), not a change of direction.
    kept: list[Event] = []
    for e in found:
        last = kept[-1] if kept else None
        if last is not None and e.kind == last.kind == "turn" and e.start_s - last.end_s < 0.6:
            larger = max(abs(e.amount), abs(last.amount))
            if larger < 100 and abs(e.amount + last.amount) < 0.4 * larger:
                kept.pop()
                continue
        kept.append(e)
    return kept


STEP_M: Final = 0.15  # a foot's shift within a second, at the least, of who walks


def stepping(f: Features) -> Bools:
    """Where a foot changes its place within a second: leaning into a lunge moves the pelvis alone."""
    half = f.count(0.5)
    index = np.arange(f.frames)
    feet = f.joints_m[:, ANKLES, :2]
    shift = feet[np.minimum(index + half, f.frames - 1)] - feet[np.maximum(index - half, 0)]
    return np.asarray(np.sqrt((shift**2).sum(-1)).max(axis=1) > STEP_M)


def locomotion(f: Features, allowed: Bools) -> list[Event]:
    """Walking and running: stretches of horizontal pelvis motion on the feet, cut where the pace or the way changes."""
    moving = (f.speed_m_s > MOVING_M_S) & allowed & stepping(f)
    # Bent low, hips and shoulders say little about where one faces: ducking under something is no sidestep.
    ahead, left = f.velocity_m_s[:, 0], np.where(f.tilt_deg > DUCK_DEG, 0.0, f.velocity_m_s[:, 1])
    ahead = np.where(f.tilt_deg > DUCK_DEG, f.speed_m_s, ahead)
    sector = np.round(np.arctan2(left, ahead) / (np.pi / 2)).astype(int) % 4
    names = ("forward", "left", "backward", "right")
    pace = smooth(f.speed_m_s, 1.0, f.fps)
    bounce = smooth(np.abs(f.vertical_m_s2), 0.8, f.fps)
    running = (pace > RUN_M_S) | ((pace > JOG_M_S) & (bounce > JOG_M_S2))
    code = np.where(moving, 1 + sector + 4 * running, 0)
    found = []
    for value in np.unique(code[code > 0]).tolist():
        for a, b in closed(code == value, f.count(0.35), f.count(0.5)):
            path = float(f.speed_m_s[a:b].sum() / f.fps)
            if path < 0.35:
                continue
            kind, way = ("run" if value > 4 else "walk"), names[(value - 1) % 4]
            found.append(spanning(f, kind, a, b, path, way, _path(f, a, b, path)))
    return found


def _path(f: Features, a: int, b: int, path_m: float) -> str:
    """Say whether a stretch of walking is straight, veers or goes in a circle, by how its direction of travel turns."""
    total = float(np.degrees(f.heading_rad[b - 1] - f.heading_rad[a]))
    side = "left" if total > 0 else "right"
    if abs(total) > CIRCLE_DEG and path_m > 2.0:
        return f"circle_{side}"
    if path_m > 1.2 and VEER_DEG < abs(total) < 80:
        return f"veer_{side}"
    return "straight" if path_m > 1.2 and abs(total) < 15 else ""


JUMP_FLIGHT_S: Final = 0.24
JUMP_FOOT_M: Final = 0.06
JUMP_ACCELERATION: Final = -5.0  # m/s^2 in the middle of the flight; gravity less the smoothing


def jumps(f: Features) -> list[Event]:
    """Flights: both feet off, the pelvis in free fall, longer than a running step's .1-.2 s."""
    if f.frames < 4:
        return []
    off = f.foot_m.min(axis=1) > JUMP_FOOT_M
    found = []
    for a, b in runs(off & (f.leg_m > 0.3)):
        if b - a < 2:
            continue
        lo, hi = max(0, a - 1), min(f.frames, b + 1)
        pelvis = f.joints_m[lo:hi, PELVIS, 2]
        flight = (b - a + 1) / f.fps
        rise = float(pelvis.max() - min(pelvis[0], pelvis[-1]))
        quarter = (b - a) // 4  # the smoothing blurs the ends of the flight
        middle = f.vertical_m_s2[a + quarter : b - quarter].mean()
        if flight < JUMP_FLIGHT_S or middle > JUMP_ACCELERATION or rise < 0.07 or flight > 1.2:
            continue
        take_off = max(0, a - f.count(0.25))
        landing = min(f.frames, b + f.count(0.25))
        shift = f.joints_m[min(b, f.frames - 1), PELVIS, :2] - f.joints_m[a, PELVIS, :2]
        yaw = f.yaw_rad[a]
        ahead, left = shift @ [np.cos(yaw), np.sin(yaw)], shift @ [-np.sin(yaw), np.cos(yaw)]
        way = way_name(ahead, left) if np.hypot(ahead, left) > 0.25 else "up"
        found.append(spanning(f, "jump", take_off, landing, rise, way))
    return found


CLIMB_M: Final = 0.22
CLIMB_STILL_M_S: Final = 0.25
CLIMB_STILL_SHARE: Final = 0.5  # of the time one foot must rest on something, or the body hangs or swings
CLIMB_M_S: Final = 0.75  # of the support: faster is a leap, a drop or a pull-up, no step after step


def climbs(f: Features, grounded: Bools) -> list[Event]:
    """The lower foot's support changes its height for good: steps, or a ladder when the hands are high."""
    width = f.count(0.8)
    if f.frames < 2 * width:
        return []
    lowest = f.foot_m.min(axis=1)
    support = np.lib.stride_tricks.sliding_window_view(lowest, width).min(axis=1)  # (T - width + 1,)
    speed = np.gradient(smooth(support, 0.6, f.fps)) * f.fps
    resting = np.sqrt((rate(f.joints_m[:, ANKLES], f.fps) ** 2).sum(-1)).min(axis=1)
    found = []
    for a, b in [*closed(speed > 0.08, f.count(1.2), 1), *closed(speed < -0.08, f.count(1.2), 1)]:
        rise = float(support[min(b, len(support) - 1)] - support[max(0, a - 1)])
        stop = min(f.frames, b + width)
        if abs(rise) < CLIMB_M or not grounded[a:stop].mean() > 0.7:
            continue
        if abs(rise) > CLIMB_M_S * (b - a) / f.fps:
            continue
        if (resting[a:stop] < CLIMB_STILL_M_S).mean() < CLIMB_STILL_SHARE:
            continue
        # Stairs go further than they rise, a ladder does not.
        shift = f.joints_m[stop - 1, PELVIS, :2] - f.joints_m[a, PELVIS, :2]
        steep = float(np.hypot(shift[0], shift[1])) < 0.9 * abs(rise)
        found.append(spanning(f, "climb", a, stop, rise, "", "ladder" if steep else "steps"))
    return found
