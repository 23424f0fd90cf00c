"""Detectors of arms and legs: raising, waving, reaching, punching, kicking, gestures; and of standing still."""

from __future__ import annotations

from typing import Final

import numpy as np

from motion_preprocessing.event import SIDES, Event, spanning
from motion_preprocessing.motion_features import ANKLES, HEAD, PELVIS, WRISTS, Bools, Features, closed, rate, smooth

RAISED_M: Final = 0.05  # wrist over the shoulder
WAVE_SWING_M: Final = 0.05
WAVE_FLIPS: Final = 3
RESTING_ELBOW_M_S: Final = 0.28  # against the shoulder, while both hands wave
PUNCH_M_S: Final = 1.7  # growth of the distance from shoulder to wrist
PUNCH_REACH_M: Final = 0.36


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
            found.append(spanning(f, "raise_arm" if a > 0 else "hold_arm", a, b, 0.0, side))
    waves = [_waves(f, index, side, upright) for index, side in enumerate(SIDES)]
    found += _apart(f, waves[0], waves[1])
    for index, side in enumerate(SIDES):
        body = f.wrist_body_m[:, index]
        extended = np.sqrt((body**2).sum(-1)) > 0.46
        ahead = extended & (body[:, 0] > 0.33) & (body[:, 2] > -0.3) & (body[:, 2] <= RAISED_M) & upright
        found += [spanning(f, "reach", a, b, 0.0, side) for a, b in closed(ahead, f.count(0.4), f.count(0.3))]
        reach = np.sqrt((body**2).sum(-1))
        thrust = np.gradient(reach) * f.fps if f.frames > 1 else np.zeros(1)
        hits = (thrust > PUNCH_M_S) & (body[:, 2] > -0.22) & (body[:, 2] < 0.2) & upright
        for a, b in closed(hits, f.count(0.15), 1):
            if reach[a : b + 2].max() > PUNCH_REACH_M:
                found.append(spanning(f, "punch", a, min(b + 1, f.frames), 0.0, side))
    return found


def _apart(f: Features, left: list[Event], right: list[Event]) -> list[Event]:
    """Waves of one hand, and of both where the elbows rest.

    Two hands that swing at once with elbows that go along are laughing, dancing or arms that go up and down.
    """
    kept = []
    elbows = np.linalg.norm(rate(f.wrist_body_m - f.forearm_body_m, f.fps), axis=-1).max(axis=1)
    for mine, theirs in ((left, right), (right, left)):
        kept += [e for e in mine if not any(min(e.end_s, o.end_s) > max(e.start_s, o.start_s) for o in theirs)]
    for e in left:
        for o in right:
            start, stop = max(e.start_s, o.start_s), min(e.end_s, o.end_s)
            if stop > start and elbows[round(start * f.fps) : round(stop * f.fps) + 1].mean() < RESTING_ELBOW_M_S:
                kept.append(Event("wave", min(e.start_s, o.start_s), max(e.end_s, o.end_s), 0.0, "both"))
    return kept


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
            spanning(f, "wave", max(a, int(g[0]) - f.count(0.4)), min(b, int(g[-1]) + f.count(0.4)), 0.0, side)
            for g in groups
            if g.size >= WAVE_FLIPS and abs(f.yaw_rad[int(g[-1])] - f.yaw_rad[int(g[0])]) < 0.8
        ]
    return found


KICK_SPEED_M_S: Final = 2.8
SWIFT_KICK_M_S: Final = 5.0  # of the ankle against the pelvis: running stays below, a ball is kicked faster
KICK_AHEAD_M: Final = 0.45
KICK_HEIGHT_M: Final = 0.55  # of the ankle: a hop's or a hasty step's stays lower
SLOW_RAISE_S: Final = 0.45  # how long a foot is out when the leg is raised, not kicked
SLOW_RAISE_M_S: Final = 4.2
STRAIGHT_KNEE_DEG: Final = 38.0


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
            raised = b - a > f.count(SLOW_RAISE_S) and speed < SLOW_RAISE_M_S
            if raised:  # lifted and held or lowered again with control
                manner = "straight" if f.knee_deg[a:b, index].max() < STRAIGHT_KNEE_DEG else ""
                found.append(
                    spanning(f, "lift_leg", max(0, a - f.count(0.3)), b, float(height[a:b].max()), side, manner)
                )
            elif speed > KICK_SPEED_M_S and (height[a:b].max() > KICK_HEIGHT_M or speed > SWIFT_KICK_M_S):
                found.append(spanning(f, "kick", max(0, a - f.count(0.3)), b, float(height[a:b].max()), side))
        swift = (f.ankle_speed_m_s[:, index] > SWIFT_KICK_M_S) & upright & (ankle[:, 0] > -0.35)
        for a, b in closed(swift, f.count(0.2), 1):
            lo, hi = max(0, a - f.count(0.2)), min(f.frames, b + f.count(0.3))
            if not any(e.side == side and e.start_s * f.fps < hi and lo < e.end_s * f.fps for e in found):
                found.append(spanning(f, "kick", lo, hi, float(height[a:b].max()), side))
        lifted = (f.foot_m[:, index] > 0.14) & (other < 0.08) & upright & still
        for a, b in closed(lifted, f.count(0.2), f.count(0.6)):
            kicks = [e for e in found if e.kind in ("kick", "lift_leg") and e.side == side]
            if not any(e.start_s * f.fps < b and a < e.end_s * f.fps for e in kicks):
                found.append(spanning(f, "lift_leg", a, b, float(height[a:b].max()), side))
    return found


ACTIVE_M_S: Final = 0.5  # a busy hand, against the pelvis
IN_PLACE_M: Final = 0.25  # pelvis travel within 1.5 s
AT_FACE_M: Final = 0.33  # wrist to head joint: a hand at the mouth or chin


def stillness(f: Features, upright: Bools) -> list[Event]:
    """On one spot: standing still, hands that are busy (gesture), a hand held at the face."""
    half = f.count(0.75)
    index = np.arange(f.frames)
    pelvis = f.joints_m[:, PELVIS, :2]
    shift = pelvis[np.minimum(index + half, f.frames - 1)] - pelvis[np.maximum(index - half, 0)]
    in_place = upright & (np.hypot(shift[:, 0], shift[:, 1]) < IN_PLACE_M)
    hands = smooth(f.wrist_speed_m_s, 0.6, f.fps)
    at_rest = in_place & (f.speed_m_s < 0.2) & (f.tilt_deg < 30) & (hands.max(axis=1) < 0.45)
    found = [spanning(f, "stand", a, b) for a, b in closed(at_rest, f.count(0.3), f.count(0.8))]
    for a, b in closed(in_place & (hands.max(axis=1) > ACTIVE_M_S), f.count(0.5), f.count(0.8)):
        mean = hands[a:b].mean(axis=0)
        side = "both" if mean.min() > 0.5 * mean.max() else SIDES[int(np.argmax(mean))]
        low = float(f.pitch_deg[a:b].mean()) > 18 and side == "both"
        found.append(spanning(f, "gesture", a, b, float(mean.max()), side, "stooped" if low else ""))
    masks: dict[str, Bools] = {}
    for arm, side in enumerate(SIDES):
        distance = np.sqrt(((f.joints_m[:, WRISTS[arm]] - f.joints_m[:, HEAD]) ** 2).sum(-1))
        near = (distance < AT_FACE_M) & (f.tilt_deg < 50) & (smooth(f.speed_m_s, 0.5, f.fps) < 0.4)
        # Hands held over the head or behind it are near it too.
        near &= (f.wrist_speed_m_s[:, arm] < 0.7) & (f.joints_m[:, WRISTS[arm], 2] < f.joints_m[:, HEAD, 2] + 0.12)
        near &= f.wrist_body_m[:, arm, 0] > 0.05
        masks[side] = near
    masks["both"] = masks["left"] & masks["right"]
    spans = {side: closed(mask, f.count(0.6), f.count(0.6)) for side, mask in masks.items()}
    for side, stretches in spans.items():
        for a, b in stretches:
            if side != "both" and any(min(b, d) - max(a, c) > 0.5 * (b - a) for c, d in spans["both"]):
                continue
            found.append(spanning(f, "hand_to_face", a, b, 0.0, side))
    return found
