"""Detectors: from the measurements of a window of motion to timed events (walk, turn, sit_down, fall, wave ...).

Thresholds stand as constants with their units beside the detector that uses them. Every detector is a rule on
`Features`; they know nothing of one another but for the postures and the falls, which explain other things away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from motion_preprocessing.motion_features import (
    ALL_FOURS,
    ANKLES,
    BETWEEN,
    KNEELING,
    LYING,
    NECK,
    PELVIS,
    SITTING,
    SQUATTING,
    UPRIGHT,
    WRISTS,
    Bools,
    Features,
    closed,
    runs,
    smooth,
)


@dataclass(frozen=True)
class Event:
    """Something that happens between two times of a window.

    Kinds and what `amount` means: walk, run (metres of path), turn (degrees, left positive), sit_down, stand_up,
    lie_down, get_up, kneel_down, squat_down (height change in metres), sit, lie, kneel, squat, crawl, stand (0), fall
    (peak downward speed, m/s), roll, cartwheel (0), jump (rise in metres), bend (degrees), pick_up (lowest hand height
    in metres), raise_arm, hold_arm, reach, wave, punch (0), kick, lift_leg (ankle height in metres), climb (metres,
    negative down), gesture (m/s).
    """

    kind: str
    start_s: float
    end_s: float
    amount: float = 0.0
    side: str = ""
    """left, right or both for limbs; forward, backward, left, right for ways; prone, supine, left, right for lying;
    straight, circle_left, veer_right ... is in `manner`."""
    manner: str = ""
    """How it is done: for walk the path (straight, circle_left, circle_right, veer_left, veer_right); for lie the
    surface (floor, bed); for get_up and stand_up what one rises from; for climb steps or ladder."""


MOVING_M_S: Final = 0.25
RUN_M_S: Final = 2.05  # faster is running ...
JOG_M_S: Final = 1.3  # ... and so is this with a bounce of
JOG_M_S2: Final = 2.0  # mean absolute vertical acceleration; brisk walking stays under 1.3, jogging is over 2.4
TURN_DEG_S: Final = 28.0
TURN_EDGE_DEG_S: Final = 10.0  # a turn begins and ends where it is slower than this
TURN_DEG: Final = 32.0
CIRCLE_DEG: Final = 240.0
VEER_DEG: Final = 22.0


def _event(
    f: Features, kind: str, start: int, stop: int, amount: float = 0.0, side: str = "", manner: str = ""
) -> Event:
    return Event(kind, start / f.fps, stop / f.fps, float(amount), side, manner)


def _way(forward: float, left: float) -> str:
    """Name the quadrant of a direction in the facing frame."""
    if abs(forward) >= abs(left):
        return "forward" if forward >= 0 else "backward"
    return "left" if left > 0 else "right"


def turns(f: Features, allowed: Bools) -> list[Event]:
    """Turn of the facing by more than TURN_DEG at more than TURN_DEG_S."""
    if f.frames < 2:
        return []
    speed = np.degrees(np.gradient(f.yaw_rad)) * f.fps
    found = []
    for sign in (1, -1):
        for start, stop in closed((sign * speed > TURN_DEG_S) & allowed, f.count(0.3), f.count(0.2)):
            a, b = start, stop
            while a > 0 and sign * speed[a - 1] > TURN_EDGE_DEG_S and allowed[a - 1]:
                a -= 1
            while b < f.frames and sign * speed[b] > TURN_EDGE_DEG_S and allowed[b]:
                b += 1
            amount = float(np.degrees(f.yaw_rad[b - 1] - f.yaw_rad[a]))
            if sign * amount > TURN_DEG:
                found.append(_event(f, "turn", a, b, amount))
    found.sort(key=lambda e: e.start_s)
    # A turn that is taken back at once is a twist of the body (boxing, swinging), not a change of direction.
    kept: list[Event] = []
    for e in found:
        last = kept[-1] if kept else None
        if last is not None and e.start_s - last.end_s < 0.6:
            larger = max(abs(e.amount), abs(last.amount))
            if larger < 100 and abs(e.amount + last.amount) < 0.4 * larger:
                kept.pop()
                continue
        kept.append(e)
    return kept


def locomotion(f: Features, allowed: Bools) -> list[Event]:
    """Walking and running: stretches of horizontal pelvis motion on the feet, cut where the pace or the way changes."""
    moving = (f.speed_m_s > MOVING_M_S) & allowed
    sector = np.round(np.arctan2(f.velocity_m_s[:, 1], f.velocity_m_s[:, 0]) / (np.pi / 2)).astype(int) % 4
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
            found.append(_event(f, kind, a, b, path, way, _path(f, a, b, path)))
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


FALL_SPEED_M_S: Final = 1.1  # downward speed of pelvis or neck at its peak; sitting down stays below .9
FALL_DROP_M: Final = 0.30  # of the pelvis
BED_FALL_SPEED_M_S: Final = 0.6  # lower, for a start in bed


def falls(f: Features) -> list[Event]:
    """Fast drops that end on the floor: pelvis under .45 m and neck under .6 m, within 1.5 s of the fastest moment."""
    pelvis, neck = f.joints_m[:, PELVIS, 2], f.joints_m[:, NECK, 2]
    neck_speed = np.gradient(neck) * f.fps if f.frames > 1 else np.zeros(1)
    down = np.maximum(-f.vertical_m_s, -neck_speed)
    on_floor = (pelvis < 0.45) & (neck < 0.6)
    found: list[Event] = []
    for a, b in closed(down > BED_FALL_SPEED_M_S, f.count(0.25), 2):
        peak = a + int(np.argmax(down[a:b]))
        landing = np.flatnonzero(on_floor[peak : peak + f.count(1.5)])
        if landing.size == 0:
            continue
        end = max(peak + int(landing[0]), b)
        start = a
        while start > 0 and down[start - 1] > 0.12:
            start -= 1
        before = slice(max(0, start - f.count(0.3)), start + 1)
        from_bed = bool((f.tilt_deg[before] > 50).any() and 0.3 < pelvis[start] < 0.8)
        stop = min(f.frames - 1, end + f.count(0.2))
        drop = pelvis[start] - pelvis[stop]
        if drop < (0.2 if from_bed else FALL_DROP_M) or (not from_bed and down[peak] < FALL_SPEED_M_S):
            continue
        if found and start <= found[-1].end_s * f.fps + f.count(0.5):
            continue
        remains = on_floor[stop : stop + f.count(0.6)]
        if remains.size > f.count(0.3) and remains.mean() < 0.6:
            continue  # up again at once: a dive or a roll
        shift = f.joints_m[stop, NECK, :2] - f.joints_m[start, NECK, :2]
        yaw = f.yaw_rad[start]
        ahead, left = shift @ [np.cos(yaw), np.sin(yaw)], shift @ [-np.sin(yaw), np.cos(yaw)]
        way = _way(ahead, left) if np.hypot(ahead, left) > 0.3 else ""
        found.append(_event(f, "fall", start, stop, down[peak], way, "bed" if from_bed else ""))
    return found


def somersaults(f: Features) -> list[Event]:
    """Trunk upside down: a roll with the pelvis low, a cartwheel with the pelvis high."""
    found = []
    over = f.tilt_deg > 115
    for a, b in closed(over, f.count(0.3), f.count(0.1)):
        # A head-down lying is none; one that goes over the back has the pelvis low right after.
        if (f.posture[a:b] == LYING).mean() > 0.5:
            continue
        kind = "roll" if f.joints_m[a : b + f.count(0.6), PELVIS, 2].min() < 0.4 else "cartwheel"
        found.append(_event(f, kind, max(0, a - f.count(0.4)), min(f.frames, b + f.count(0.4))))
    return found


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
        way = _way(ahead, left) if np.hypot(ahead, left) > 0.25 else "up"
        found.append(_event(f, "jump", take_off, landing, rise, way))
    return found


def _lying_side(f: Features, a: int, b: int) -> str:
    chest, left = float(f.chest_up[a:b].mean()), float(f.left_up[a:b].mean())
    if abs(left) > abs(chest):
        return "left" if left < 0 else "right"
    return "supine" if chest > 0 else "prone"


_STATE: Final = {SITTING: "sit", LYING: "lie", KNEELING: "kneel", SQUATTING: "squat", ALL_FOURS: "crawl"}
_INTO: Final = {SITTING: "sit_down", LYING: "lie_down", KNEELING: "kneel_down", SQUATTING: "squat_down"}


def _stable_runs(f: Features) -> list[tuple[int, int, int]]:
    """Postures as stretches (start, stop, posture) that last: short flickers are dropped."""
    shortest = {UPRIGHT: 0.2, SITTING: 0.4, LYING: 0.35, KNEELING: 0.4, SQUATTING: 0.2, ALL_FOURS: 0.4}
    stretches: list[tuple[int, int, int]] = []
    for posture, seconds in shortest.items():
        stretches += [(a, b, posture) for a, b in closed(f.posture == posture, f.count(0.25), f.count(seconds))]
    stretches.sort()
    kept: list[tuple[int, int, int]] = []
    for a, b, posture in stretches:
        if kept and a < kept[-1][1]:  # two postures closed over each other's flickers: the longer one has the frames
            if b - a <= kept[-1][1] - kept[-1][0]:
                a = kept[-1][1]
                if b - a < f.count(0.2):
                    continue
            else:
                kept[-1] = (kept[-1][0], a, kept[-1][2])
                if kept[-1][1] - kept[-1][0] < f.count(0.2):
                    kept.pop()
        if kept and kept[-1][2] == posture:
            kept[-1] = (kept[-1][0], b, posture)
        else:
            kept.append((a, b, posture))

    # Leaving a low seat one passes through a squat: that is part of standing up, no squat of its own.
    def passing(place: int) -> bool:
        a, b, posture = kept[place]
        near = kept[max(0, place - 1) : place] + kept[place + 1 : place + 2]
        return posture == SQUATTING and b - a < f.count(1.2) and any(p == SITTING for *_, p in near)

    return [stretch for place, stretch in enumerate(kept) if not passing(place)]


def _widen(f: Features, a: int, b: int, rising: bool) -> tuple[int, int]:
    """Extend the gap between two postures over the frames in which the pelvis is already, or still, on its way."""
    way = (f.vertical_m_s > 0.06) if rising else (f.vertical_m_s < -0.06)
    limit = f.count(1.2)
    start, stop = a, b
    while start > max(0, a - limit) and way[start - 1]:
        start -= 1
    while stop < min(f.frames, b + limit) and way[stop]:
        stop += 1
    if stop - start < f.count(0.4):  # too slow for the threshold; it took some time all the same
        start, stop = max(0, start - f.count(0.5)), min(f.frames, stop + f.count(0.5))
    return start, stop


def postures(f: Features, fallen: list[Event]) -> list[Event]:
    """States (sit, lie, kneel ...) and the transitions between them (sit_down, stand_up, get_up ...)."""
    stretches = _stable_runs(f)
    pelvis = f.joints_m[:, PELVIS, 2]
    found: list[Event] = []
    for a, b, posture in stretches:
        if posture in _STATE:
            side = _lying_side(f, a, b) if posture == LYING else ""
            manner = "bed" if posture == LYING and float(np.median(pelvis[a:b])) > 0.38 else "floor"
            if posture == SITTING:
                manner = "floor" if float(np.median(pelvis[a:b])) < 0.3 else "seat"
            if posture == ALL_FOURS:
                manner = "moving" if float(f.speed_m_s[a:b].mean()) > 0.12 else ""
            found.append(_event(f, _STATE[posture], a, b, 0.0, side, manner))
    for (_, a, before), (b, end, after) in zip(stretches[:-1], stretches[1:], strict=True):
        if before in (after, BETWEEN):
            continue
        change = float(np.median(pelvis[b:end]) - np.median(pelvis[max(0, a - f.count(0.4)) : a]))
        # On a high stool the pelvis hardly changes its height: there the postures say which way it goes.
        rising = before == SITTING if {before, after} == {SITTING, UPRIGHT} else change > 0
        start, stop = _widen(f, a, b, rising)
        change = float(pelvis[min(stop, f.frames - 1)] - pelvis[start])
        if any(e.start_s * f.fps < stop and start < e.end_s * f.fps + f.count(0.4) for e in fallen):
            continue  # the way down of a fall is no lying down
        source = _STATE.get(before, "stand")
        if after == UPRIGHT:
            kind = "stand_up" if before == SITTING else "get_up" if before in (LYING, ALL_FOURS) else "rise"
            if before == SITTING and change < 0.03:
                kind = ""
        elif before == LYING:
            kind = "sit_up" if after == SITTING else "get_up_to" if after in (KNEELING, ALL_FOURS) else ""
        else:
            kind = _INTO.get(after, "")
            if kind == "squat_down" and before != UPRIGHT:
                kind = ""
        if kind:
            found.append(_event(f, kind, start, stop, change, "", source))
    return found


BEND_DEG: Final = 42.0
PICK_UP_M: Final = 0.38


def bends(f: Features, upright: Bools) -> list[Event]:
    """The trunk leans forward or back over standing legs; with a hand near the floor it is a picking up."""
    found = []
    for a, b in closed((f.pitch_deg > BEND_DEG) & upright, f.count(0.3), f.count(0.3)):
        hand = float(f.joints_m[a:b, WRISTS, 2].min())
        top = float(f.pitch_deg[a:b].max())
        if hand < PICK_UP_M:
            found.append(_event(f, "pick_up", a, b, hand))
        else:
            found.append(_event(f, "bend", a, b, top, "forward"))
    for a, b in closed((f.pitch_deg < -25) & upright, f.count(0.3), f.count(0.3)):
        found.append(_event(f, "bend", a, b, float(-f.pitch_deg[a:b].min()), "backward"))
    return found


RAISED_M: Final = 0.05  # wrist over the shoulder
WAVE_SWING_M: Final = 0.05
WAVE_FLIPS: Final = 3
PUNCH_M_S: Final = 1.7  # growth of the distance from shoulder to wrist
PUNCH_REACH_M: Final = 0.36
SIDES: Final = ("left", "right")


def arms(f: Features, upright: Bools) -> list[Event]:
    """Raised arms, waving, reaching, punching and, where nothing else fits, gestures."""
    found: list[Event] = []
    raised = (f.wrist_body_m[:, :, 2] > RAISED_M) & upright[:, None]
    both: Bools = np.asarray(raised.all(axis=1))
    masks: dict[str, Bools] = {"both": both, "left": raised[:, 0], "right": raised[:, 1]}
    spans: dict[str, list[tuple[int, int]]] = {s: closed(m, f.count(0.3), f.count(0.3)) for s, m in masks.items()}
    for side, stretches in spans.items():
        for a, b in stretches:
            if side != "both" and any(min(b, d) - max(a, c) > 0.5 * (b - a) for c, d in spans["both"]):
                continue
            found.append(_event(f, "raise_arm" if a > 0 else "hold_arm", a, b, 0.0, side))
    for index, side in enumerate(SIDES):
        found += _waves(f, index, side, upright)
        body = f.wrist_body_m[:, index]
        extended = np.sqrt((body**2).sum(-1)) > 0.46
        ahead = extended & (body[:, 0] > 0.33) & (body[:, 2] > -0.3) & (body[:, 2] <= RAISED_M) & upright
        found += [_event(f, "reach", a, b, 0.0, side) for a, b in closed(ahead, f.count(0.2), f.count(0.3))]
        reach = np.sqrt((body**2).sum(-1))
        thrust = np.gradient(reach) * f.fps if f.frames > 1 else np.zeros(1)
        hits = (thrust > PUNCH_M_S) & (body[:, 2] > -0.22) & (body[:, 2] < 0.2) & upright
        for a, b in closed(hits, f.count(0.15), 1):
            if reach[a : b + 2].max() > PUNCH_REACH_M:
                found.append(_event(f, "punch", a, min(b + 1, f.frames), 0.0, side))
    return found


def _waves(f: Features, index: int, side: str, upright: Bools) -> list[Event]:
    """A hand over its elbow and at shoulder height or higher that swings about the elbow, each way within 0.8 s.

    Measured against the elbow, so that dancing, boxing or laughing with the whole arm or body is no waving.
    """
    forearm = f.forearm_body_m[:, index]
    lifted = (f.wrist_body_m[:, index, 2] > -0.05) & (forearm[:, 2] > 0.1) & upright
    if not lifted.any():
        return []
    swing = forearm[:, :2] - smooth(forearm[:, :2], 0.9, f.fps)
    # The main direction of the swinging, so that waving seen from the side counts too.
    part = swing[lifted]
    _, vectors = np.linalg.eigh(part.T @ part)
    along = swing @ vectors[:, -1]
    sign = np.where(along > WAVE_SWING_M, 1, np.where(along < -WAVE_SWING_M, -1, 0))
    found = []
    for a, b in closed(lifted, f.count(0.2), f.count(0.8)):
        peaks = np.flatnonzero(sign[a:b]) + a
        flips = peaks[1:][np.diff(sign[peaks]) != 0]
        if flips.size < WAVE_FLIPS:
            continue
        groups = np.split(flips, np.flatnonzero(np.diff(flips) > f.count(0.8)) + 1)
        found += [
            _event(f, "wave", max(a, int(g[0]) - f.count(0.4)), min(b, int(g[-1]) + f.count(0.4)), 0.0, side)
            for g in groups
            if g.size >= WAVE_FLIPS and abs(f.yaw_rad[int(g[-1])] - f.yaw_rad[int(g[0])]) < 0.8
        ]
    return found


KICK_SPEED_M_S: Final = 2.8
SWIFT_KICK_M_S: Final = 5.0  # of the ankle against the pelvis: running stays below, a ball is kicked faster
KICK_AHEAD_M: Final = 0.45


def legs(f: Features, upright: Bools) -> list[Event]:
    """Kicks (a fast foot ahead of or beside the pelvis, well off the floor) and slowly lifted legs."""
    found: list[Event] = []
    still = f.speed_m_s < 0.5
    for index, side in enumerate(SIDES):
        ankle, other = f.ankle_body_m[:, index], f.foot_m[:, 1 - index]
        height = f.joints_m[:, ANKLES[index], 2]
        reach = np.maximum(ankle[:, 0], np.abs(ankle[:, 1]))
        out = (reach > KICK_AHEAD_M) & (height > 0.3) & (other < 0.15) & upright
        for a, b in closed(out, f.count(0.2), 1):
            speed = f.ankle_speed_m_s[max(0, a - f.count(0.3)) : b, index].max()
            if speed > KICK_SPEED_M_S:
                found.append(_event(f, "kick", max(0, a - f.count(0.3)), b, float(height[a:b].max()), side))
        swift = (f.ankle_speed_m_s[:, index] > SWIFT_KICK_M_S) & upright & (ankle[:, 0] > -0.35)
        for a, b in closed(swift, f.count(0.2), 1):
            lo, hi = max(0, a - f.count(0.2)), min(f.frames, b + f.count(0.3))
            if not any(e.side == side and e.start_s * f.fps < hi and lo < e.end_s * f.fps for e in found):
                found.append(_event(f, "kick", lo, hi, float(height[a:b].max()), side))
        lifted = (f.foot_m[:, index] > 0.14) & (other < 0.08) & upright & still
        for a, b in closed(lifted, f.count(0.2), f.count(0.6)):
            kicks = [e for e in found if e.kind == "kick" and e.side == side]
            if not any(e.start_s * f.fps < b and a < e.end_s * f.fps for e in kicks):
                found.append(_event(f, "lift_leg", a, b, float(height[a:b].max()), side))
    return found


CLIMB_M: Final = 0.22


def climbs(f: Features, grounded: Bools) -> list[Event]:
    """The lower foot's support changes its height for good: steps, or a ladder when the hands are high."""
    width = f.count(0.8)
    if f.frames < 2 * width:
        return []
    lowest = f.foot_m.min(axis=1)
    support = np.lib.stride_tricks.sliding_window_view(lowest, width).min(axis=1)  # (T - width + 1,)
    speed = np.gradient(smooth(support, 0.6, f.fps)) * f.fps
    found = []
    for a, b in [*closed(speed > 0.08, f.count(1.2), 1), *closed(speed < -0.08, f.count(1.2), 1)]:
        rise = float(support[min(b, len(support) - 1)] - support[max(0, a - 1)])
        stop = min(f.frames, b + width)
        if abs(rise) < CLIMB_M or not grounded[a:stop].mean() > 0.7:
            continue
        # Stairs go further than they rise, a ladder does not.
        shift = f.joints_m[stop - 1, PELVIS, :2] - f.joints_m[a, PELVIS, :2]
        steep = float(np.hypot(shift[0], shift[1])) < 0.9 * abs(rise)
        found.append(_event(f, "climb", a, stop, rise, "", "ladder" if steep else "steps"))
    return found


def stillness(f: Features, upright: Bools) -> list[Event]:
    """Standing, and gestures of the hands while standing."""
    resting = upright & (f.speed_m_s < 0.2)
    hands = smooth(f.wrist_speed_m_s.max(axis=1), 0.5, f.fps)
    found = [_event(f, "stand", a, b) for a, b in closed(resting & (hands < 0.45), f.count(0.3), f.count(0.8))]
    for a, b in closed(resting & (hands > 0.6), f.count(0.5), f.count(0.8)):
        found.append(_event(f, "gesture", a, b, float(hands[a:b].mean())))
    return found


def detect(f: Features) -> tuple[Event, ...]:
    """All events of a window in the order in which they start."""
    fallen = falls(f)
    tumbles = somersaults(f)
    free = np.ones(f.frames, dtype=bool)
    for event in (*fallen, *tumbles):
        free[int(event.start_s * f.fps) : int(np.ceil(event.end_s * f.fps)) + 1] = False
    on_feet = (f.posture != LYING) & (f.posture != ALL_FOURS) & (f.posture != SITTING) & (f.posture != KNEELING)
    standing = on_feet & free & (f.leg_m > 0.55)
    lying_free = (f.posture != LYING) & (f.posture != ALL_FOURS) & free
    flights = jumps(f) if not tumbles else []
    stepping = standing & (f.tilt_deg < 75)
    events = [
        *fallen,
        *tumbles,
        *postures(f, [*fallen, *tumbles]),
        *flights,
        *locomotion(f, stepping),
        *turns(f, lying_free),
        *bends(f, standing & (f.leg_m > 0.6)),
        *arms(f, lying_free & (f.tilt_deg < 50)),
        *legs(f, standing),
        *climbs(f, free & (f.posture != LYING) & (f.posture != SITTING)),
        *stillness(f, (f.posture == UPRIGHT) & free & (f.tilt_deg < 30)),
    ]
    return tuple(sorted(_settled(f, events), key=lambda e: (e.start_s, e.end_s)))


def _settled(f: Features, events: list[Event]) -> list[Event]:
    """Let the more telling event explain others away: a circle its turns, a fall its arms, a wave its raised arm."""

    def inside(e: Event, kinds: tuple[str, ...], same_side: bool = False, share: float = 0.5) -> bool:
        length = max(e.end_s - e.start_s, 1e-6)
        return any(
            o is not e
            and o.kind in kinds
            and (not same_side or o.side in (e.side, "both") or e.side == "both")
            and min(e.end_s, o.end_s) - max(e.start_s, o.start_s) > share * length
            for o in events
        )

    kept = []
    for e in events:
        if e.kind == "turn" and any(
            o.manner.startswith("circle") and o.start_s <= e.start_s + 0.5 and e.end_s <= o.end_s + 0.5 for o in events
        ):
            continue
        if e.kind in ("raise_arm", "hold_arm", "reach", "gesture") and inside(e, ("wave",), e.kind != "gesture", 0.3):
            continue
        if e.kind in ("reach", "punch", "gesture") and inside(e, ("walk", "run", "jump", "fall", "pick_up")):
            continue
        if e.kind in ("raise_arm", "hold_arm", "wave") and inside(e, ("jump",), share=0.9):
            continue
        if e.kind in ("lift_leg", "stand", "reach", "squat_down", "rise") and inside(e, ("climb",), share=0.4):
            continue
        if e.kind == "walk" and inside(e, ("climb",), share=0.8):
            continue
        if e.kind == "run" and inside(e, ("jump",), share=0.4):
            continue  # the bounce was the jump's
        if e.kind == "lift_leg" and any(
            o.kind == "climb" and o.start_s - 1.0 < e.end_s and e.start_s < o.end_s + 1.0 for o in events
        ):
            continue
        if e.kind == "jump" and inside(e, ("fall",), share=0.3):
            continue
        if e.kind == "lift_leg" and any(
            o.kind == "sit" and o.start_s - 1.2 < e.end_s and e.start_s < o.end_s + 1.0 for o in events
        ):
            continue  # a foot on its way to or from the rung of a stool
        if e.kind in ("bend", "pick_up") and inside(e, ("sit_down", "stand_up", "squat_down", "get_up", "rise")):
            continue
        if e.kind == "walk" and e.amount < 0.6 and inside(e, ("turn",), share=0.6):
            continue  # the steps of a turn on the spot
        if e.kind == "kick" and inside(e, ("jump", "climb"), share=0.3):
            continue
        if e.kind in ("walk", "run") and e.manner.startswith("veer") and any(
            o.kind == "turn" and e.start_s - 0.3 < o.start_s and o.end_s < e.end_s + 0.6 for o in events
        ):
            e = replace(e, manner="")
        if e.kind == "stand" and inside(e, ("raise_arm", "hold_arm", "wave", "reach", "lift_leg", "bend", "gesture")):
            continue
        if e.kind in ("squat", "squat_down", "rise") and inside(e, ("jump",), share=0.4):
            continue
        if e.kind in ("squat", "crawl", "kneel", "sit", "bend", "pick_up") and inside(e, ("fall", "roll", "cartwheel")):
            continue
        kept.append(e)
    return kept
