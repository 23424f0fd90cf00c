"""Detectors of what becomes of the whole body: falls, rolls, sitting, lying, kneeling, bending."""

from __future__ import annotations

from typing import Final

import numpy as np

from motion_preprocessing.event import Event, spanning, way_name
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
    Floats,
    closed,
)

FALL_SPEED_M_S: Final = 1.1  # downward speed of pelvis or neck at its peak; sitting down stays below .9
FALL_DROP_M: Final = 0.30  # of the pelvis
WALK_ON_S: Final = 0.4  # how long a walk carries on into a fall
BED_FALL_SPEED_M_S: Final = 0.6  # lower, for a start in bed
NECK_DROP_M: Final = 0.2  # who goes from hands and knees onto the floor has the neck down already
SINKING_M_S: Final = 0.85  # who stood, and whose pelvis never gets this fast, lets themselves down
CAUGHT_S: Final = 2.0  # for so long whoever has caught themselves may still go down, as part of the same fall
CUT_SPEED_M_S: Final = 1.0  # pelvis or neck still go down so fast where the recording ends in a fall ...
CUT_SINKING_M_S: Final = 0.5  # ... and the pelvis so fast, in its last fifth of a second ...
CUT_OFF_BALANCE_M: Final = 0.3  # ... with the body's middle so far from the line between the ankles: who sits down
# or squats in a hurry keeps it nearer, or is slower
CUT_FOOT_M: Final = 0.15  # ... and a foot near the floor, unlike who jumps down
TOPPLES_M: Final = 1.0  # who lets themselves down has the neck go this far in two goes, with hands and knees in between
TOPPLE_SPEED_M_S: Final = 1.8  # or slower: 1.6 at most


def falls(f: Features) -> list[Event]:
    """Fast drops that end on the floor: pelvis under .45 m and neck under .6 m, within 1.5 s of the fastest moment.

    Who goes to hands and knees lets the pelvis sink, and who goes down from there has the neck near the floor already.
    Who faints may sink slowly too, but then topples, and goes from standing to the floor in one. Where the recording
    ends before the floor is reached, who goes down as fast and is off balance falls.
    """
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
        leaning = bool((f.tilt_deg[before] > 50).any() and 0.3 < pelvis[start] < 0.8)
        lay = leaning and bool((f.posture[before] == LYING).any())
        stop = min(f.frames - 1, end + f.count(0.2))
        drop = pelvis[start] - pelvis[stop]
        if drop < (0.2 if leaning else FALL_DROP_M) or neck[start] - neck[stop] < NECK_DROP_M:
            continue
        if not leaning and down[peak] < FALL_SPEED_M_S:
            continue
        since = max(0, start - f.count(CAUGHT_S))
        topples = neck[start] - neck[stop] > TOPPLES_M and -neck_speed[start : stop + 1].min() > TOPPLE_SPEED_M_S
        if not (lay or topples) and -f.vertical_m_s[since : stop + 1].min() < SINKING_M_S:
            continue
        if found and start <= found[-1].end_s * f.fps + f.count(0.5):
            continue
        remains = on_floor[stop : stop + f.count(0.6)]
        if remains.size > f.count(0.3) and remains.mean() < 0.6:
            continue  # up again at once: a dive or a roll
        shift = f.joints_m[stop, NECK, :2] - f.joints_m[start, NECK, :2]
        yaw = f.yaw_rad[start]
        # What the walk would have covered anyway says nothing about the fall.
        carried = WALK_ON_S * f.velocity_m_s[max(0, start - f.count(0.2))]
        ahead = float(shift @ [np.cos(yaw), np.sin(yaw)] - carried[0])
        left = float(shift @ [-np.sin(yaw), np.cos(yaw)] - carried[1])
        way = way_name(ahead, left) if np.hypot(ahead, left) > 0.3 else ""
        found.append(spanning(f, "fall", start, stop, down[peak], way, "bed" if leaning else ""))
    return found + _cut_short(f, down, found)


def _cut_short(f: Features, down: Floats, found: list[Event]) -> list[Event]:
    """The fall, or none, that is under way where the recording ends."""
    last = f.frames - 1
    if down[last] < CUT_SPEED_M_S or f.foot_m[last].min() > CUT_FOOT_M:
        return []
    if -f.vertical_m_s[max(0, last - f.count(0.2)) :].min() < CUT_SINKING_M_S:
        return []
    level = f.joints_m[last, :, :2]
    first, second = level[list(ANKLES)]
    middle = 0.6 * level[PELVIS] + 0.4 * level[NECK]
    along = second - first
    share = np.clip((middle - first) @ along / max(float(along @ along), 1e-9), 0.0, 1.0)
    if np.linalg.norm(middle - first - share * along) < CUT_OFF_BALANCE_M:
        return []
    start = last
    while start > 0 and down[start - 1] > 0.12:
        start -= 1
    if found and start <= found[-1].end_s * f.fps + f.count(0.5):
        return []
    return [spanning(f, "fall", start, f.frames, down[start:].max())]


def somersaults(f: Features) -> list[Event]:
    """Trunk upside down: a roll with the pelvis low, a cartwheel with the pelvis high."""
    found = []
    over = f.tilt_deg > 115
    for a, b in closed(over, f.count(0.3), f.count(0.1)):
        # A head-down lying is none; one that goes over the back has the pelvis low right after.
        if (f.posture[a:b] == LYING).mean() > 0.5:
            continue
        kind = "roll" if f.joints_m[a : b + f.count(0.6), PELVIS, 2].min() < 0.4 else "cartwheel"
        found.append(spanning(f, kind, max(0, a - f.count(0.4)), min(f.frames, b + f.count(0.4))))
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


def _cut_by_falls(
    f: Features, stretches: list[tuple[int, int, int]], fallen: list[Event]
) -> list[tuple[int, int, int]]:
    """Cut a lying through which one falls out of bed in two: one on the bed, one on the floor."""
    cut = []
    for a, b, posture in stretches:
        for e in fallen:
            start, stop = round(e.start_s * f.fps), round(e.end_s * f.fps)
            if posture == LYING and a < start and stop < b:
                cut.append((a, start, posture))
                a = stop
        cut.append((a, b, posture))
    return cut


def postures(f: Features, fallen: list[Event]) -> list[Event]:
    """States (sit, lie, kneel ...) and the transitions between them (sit_down, stand_up, get_up ...)."""
    stretches = _stable_runs(f)
    pelvis = f.joints_m[:, PELVIS, 2]
    found: list[Event] = []
    for a, b, posture in _cut_by_falls(f, stretches, fallen):
        if posture in _STATE:
            side = _lying_side(f, a, b) if posture == LYING else ""
            manner = "bed" if posture == LYING and float(np.median(pelvis[a:b])) > 0.38 else "floor"
            if posture == SITTING:
                manner = "floor" if float(np.median(pelvis[a:b])) < 0.3 else "seat"
            if posture == ALL_FOURS:
                manner = "moving" if float(f.speed_m_s[a:b].mean()) > 0.12 else ""
            found.append(spanning(f, _STATE[posture], a, b, 0.0, side, manner))
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
            found.append(spanning(f, kind, start, stop, change, "", source))
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
            passing = "passing" if float(f.speed_m_s[a:b].min()) > 0.4 else ""
            found.append(spanning(f, "pick_up", a, b, hand, "", passing))
        else:
            found.append(spanning(f, "bend", a, b, top, "forward"))
    for a, b in closed((f.pitch_deg < -25) & upright, f.count(0.3), f.count(0.3)):
        found.append(spanning(f, "bend", a, b, float(-f.pitch_deg[a:b].min()), "backward"))
    return found


LUNGE_APART_M: Final = 0.5  # between the ankles, level
LUNGE_KNEE_DEG: Final = 50.0
LUNGE_DROP_M: Final = 0.1  # of the pelvis, from where it was
LUNGE_THIGHS: Final = 0.25  # difference of the thighs' slopes ...
LUNGE_KNEES_DEG: Final = 30.0  # ... or of the knees' angles: less is a squat with feet apart
LUNGE_STILL_M: Final = 0.2  # how far the feet may shift


def lunges(f: Features, free: Bools) -> list[Event]:
    """The feet stand far apart and stay, one knee bends and the body sinks onto it; `side` is that leg's way."""
    ankles = f.joints_m[:, ANKLES]
    apart = ankles[:, 0, :2] - ankles[:, 1, :2]
    bent = f.knee_deg.max(axis=1) > LUNGE_KNEE_DEG
    down = (np.hypot(apart[:, 0], apart[:, 1]) > LUNGE_APART_M) & bent & (f.foot_m.max(axis=1) < 0.12) & free
    down &= (f.posture != LYING) & (f.posture != SITTING) & (f.posture != ALL_FOURS) & (f.speed_m_s < 0.6)
    pelvis = f.joints_m[:, PELVIS, 2]
    found = []
    for a, b in closed(down, f.count(0.2), f.count(0.3)):
        margin = f.count(0.8)
        around = pelvis[max(0, a - margin) : b + margin]
        drop = float(around.max() - pelvis[a:b].min())
        shift = np.sqrt((np.ptp(ankles[a:b, :, :2], axis=0) ** 2).sum(-1)).max()
        if drop < LUNGE_DROP_M or shift > LUNGE_STILL_M:
            continue
        lowest = a + int(np.argmin(pelvis[a:b]))
        alike = abs(f.thigh_up[lowest, 0] - f.thigh_up[lowest, 1]) < LUNGE_THIGHS
        if alike and abs(f.knee_deg[lowest, 0] - f.knee_deg[lowest, 1]) < LUNGE_KNEES_DEG:
            continue
        yaw = f.yaw_rad[lowest]
        lead = int(np.argmin(np.hypot(*(ankles[lowest, :, :2] - f.joints_m[lowest, PELVIS, :2]).T)))
        toward = ankles[lowest, lead, :2] - ankles[lowest, 1 - lead, :2]
        ahead, left = toward @ [np.cos(yaw), np.sin(yaw)], toward @ [-np.sin(yaw), np.cos(yaw)]
        # In a lunge in line the front knee bends over its foot and the back knee sinks: the way is always forward.
        way = "forward" if abs(ahead) > abs(left) else "left" if left > 0 else "right"
        found.append(spanning(f, "lunge", max(0, a - f.count(0.3)), min(f.frames, b + f.count(0.3)), drop, way))
    return found
