"""What the body does, frame by frame: heights, angles, speeds and postures measured from joint positions.

Everything here is vectorised over the frames, so that a training window costs well under a millisecond. Heights are in
metres over the floor z = 0, angles in degrees, positions lightly smoothed (0.15 s) before anything is derived.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.skeleton import JOINT_INDEX

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PELVIS: Final = JOINT_INDEX["pelvis"]
NECK: Final = JOINT_INDEX["neck"]
HEAD: Final = JOINT_INDEX["head"]
HIPS: Final = [JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]]
KNEES: Final = [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]]
ANKLES: Final = [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]
TOES: Final = [JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"]]
SHOULDERS: Final = [JOINT_INDEX["left_shoulder"], JOINT_INDEX["right_shoulder"]]
ELBOWS: Final = [JOINT_INDEX["left_elbow"], JOINT_INDEX["right_elbow"]]
WRISTS: Final = [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]

UPRIGHT, SITTING, LYING, KNEELING, SQUATTING, ALL_FOURS, BETWEEN = range(7)
"""Postures of a frame; BETWEEN is none of the others."""

# Thresholds of the postures, metres and degrees, for the project's skeleton (standing pelvis at .93 m).
UPRIGHT_LEG_M: Final = 0.68  # pelvis over the lower foot
LYING_TILT_DEG: Final = 62.0  # trunk against the vertical
LYING_KNEE_M: Final = 0.25  # pelvis over the knees: less when lying, .38 on hands and knees
SIT_THIGH: Final = -0.6  # vertical part of the thigh's direction: -1 standing, 0 level
SIT_EITHER_THIGH: Final = -0.85  # the steeper thigh: balancing on one leg has it at -1
SIT_BEHIND_M: Final = 0.05  # centre of mass behind the ankles: nobody stays there without a seat
SIT_PELVIS_M: Final = 0.88
SIT_GAP_M: Final = (0.30, 0.44)  # pelvis joint: lower is the floor, higher a seat; between are dips of dancers
SIT_TIP_THIGH: Final = -0.45  # leaning forward on a seat, to rise or having just sat down, puts the mass over the feet:
SIT_TIP_M: Final = 0.11  # then the ankles' distance ahead of the pelvis and half the mass's behind them tell it
SIT_TIP_M_S: Final = 0.2  # from a squat, as long as the pelvis rests
PERCH_FOOT_M: Final = 0.08
EDGE_THIGH: Final = -0.8  # on the edge of a high bed the thighs slope, and feet are on the floor: knees are bent, and
EDGE_KNEE_DEG: Final = 40.0  # the mass is behind the heels, where nobody on their feet stays
EDGE_AHEAD_M: Final = 0.13
EDGE_BEHIND_M: Final = 0.03
EDGE_M_S: Final = 0.12
WHEELED_FOOT_M: Final = 0.02
WHEELED_BEHIND_M: Final = 0.15
WHEELED_STIR_M_S: Final = 0.15  # ankles against the pelvis, over half a second
KNEE_ON_FLOOR_M: Final = 0.14
SQUAT_PELVIS_M: Final = 0.68
SQUAT_KNEE_DEG: Final = 62.0


def smooth(x: Floats, seconds: float, fps: float) -> Floats:
    """Centred moving average along axis 0 over an odd number of frames nearest `seconds`; ends see the end frame."""
    half = int(round(seconds * fps)) // 2
    if half < 1 or x.shape[0] < 2:
        return x
    padded = np.concatenate([np.repeat(x[:1], half, axis=0), x, np.repeat(x[-1:], half, axis=0)])
    total = np.cumsum(padded, axis=0)
    width = 2 * half + 1
    out = total[width - 1 :].copy()
    out[1:] -= total[:-width]
    averaged: Floats = out / width
    return averaged


def rate(x: Floats, fps: float) -> Floats:
    """Central differences along axis 0 times `fps` (zero for a single frame)."""
    if x.shape[0] < 2:
        return np.zeros_like(x)
    gradient: Floats = np.gradient(x, axis=0) * fps
    return gradient


def _norm(x: Floats) -> Floats:
    length: Floats = np.sqrt(np.einsum("...i,...i->...", x, x))
    return length


def _unit(x: Floats) -> Floats:
    unit: Floats = x / np.maximum(_norm(x), 1e-9)[..., None]
    return unit


def runs(mask: Bools) -> list[tuple[int, int]]:
    """Return the stretches [start, stop) in which `mask` (T,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def closed(mask: Bools, gap: int, shortest: int) -> list[tuple[int, int]]:
    """Return the stretches of `mask` after joining gaps of up to `gap` frames, without those under `shortest`."""
    joined: list[tuple[int, int]] = []
    for start, stop in runs(mask):
        if joined and start - joined[-1][1] <= gap:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return [(a, b) for a, b in joined if b - a >= shortest]


@dataclass(frozen=True)
class Features:
    """Measurements of T frames."""

    fps: float
    joints_m: Floats
    """(T, 22, 3) smoothed."""
    yaw_rad: Floats
    """(T,) direction the body faces, unwrapped, counter-clockwise from +x; held while lying."""
    velocity_m_s: Floats
    """(T, 2) horizontal pelvis velocity averaged over half a second, along the facing and to the left."""
    speed_m_s: Floats
    """(T,) its length."""
    heading_rad: Floats
    """(T,) direction of travel, unwrapped (means nothing at rest)."""
    vertical_m_s: Floats
    """(T,) vertical pelvis velocity."""
    vertical_m_s2: Floats
    """(T,) vertical pelvis acceleration."""
    tilt_deg: Floats
    """(T,) angle between pelvis-to-neck and the vertical."""
    pitch_deg: Floats
    """(T,) how far the trunk leans to where the body faces; negative backwards."""
    chest_up: Floats
    """(T,) vertical part of the direction the chest faces: 1 supine, -1 prone."""
    left_up: Floats
    """(T,) vertical part of the direction to the body's left: -1 when the left side is down."""
    knee_deg: Floats
    """(T, 2) flexion of left and right knee, 0 when straight."""
    thigh_up: Floats
    """(T, 2) vertical part of the thighs' directions, hip to knee."""
    behind_m: Floats
    """(T,) how far the centre of mass is behind the ankles."""
    foot_m: Floats
    """(T, 2) height of the lower of ankle and toe joint above its standing height, left and right."""
    leg_m: Floats
    """(T,) pelvis over the lower foot."""
    wrist_body_m: Floats
    """(T, 2, 3) wrists relative to their shoulders: forward, left, up."""
    forearm_body_m: Floats
    """(T, 2, 3) wrists relative to their elbows: forward, left, up."""
    wrist_speed_m_s: Floats
    """(T, 2) speed of the wrists relative to the pelvis."""
    ankle_body_m: Floats
    """(T, 2, 3) ankles relative to the pelvis: forward, left, up."""
    ankle_speed_m_s: Floats
    """(T, 2) speed of the ankles relative to the pelvis."""
    posture: NDArray[np.int64]
    """(T,) UPRIGHT, SITTING, LYING, KNEELING, SQUATTING, ALL_FOURS or BETWEEN."""

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return int(self.joints_m.shape[0])

    def count(self, seconds: float) -> int:
        """Frames in `seconds`, at least one."""
        return max(1, int(round(seconds * self.fps)))


# In the rest pose the toe joint is .0 and the ankle .055 above it; the sole is some 2 cm under the toe joint.
_TOE_M: Final = 0.02
_ANKLE_M: Final = 0.075


def _turn_into(points: Floats, forward: Floats, left: Floats) -> Floats:
    """Express (T, ..., 3) in the facing frame: along `forward`, along `left` (T, 2), up."""
    shape = (-1,) + (1,) * (points.ndim - 2)
    fx, fy = forward[:, 0].reshape(shape), forward[:, 1].reshape(shape)
    lx, ly = left[:, 0].reshape(shape), left[:, 1].reshape(shape)
    x, y = points[..., 0], points[..., 1]
    return np.stack([x * fx + y * fy, x * lx + y * ly, points[..., 2]], axis=-1)


def _facing(j: Floats, fps: float) -> Floats:
    """Unwrapped yaw (T,) from hips and shoulders, which turn against each other in walking and so cancel."""
    across = _unit(j[:, HIPS[0]] - j[:, HIPS[1]]) + _unit(j[:, SHOULDERS[0]] - j[:, SHOULDERS[1]])
    level = np.hypot(across[:, 0], across[:, 1])
    yaw = np.arctan2(-across[:, 0], across[:, 1])
    good = np.flatnonzero(level > 0.8)
    if good.size == 0:
        return np.full(len(j), float(yaw[0]))
    held: Floats = np.asarray(np.interp(np.arange(len(j)), good, np.unwrap(yaw[good])))
    return smooth(held, 0.4, fps)


def _postures(f: dict[str, Floats], j: Floats) -> NDArray[np.int64]:
    pelvis, knees = j[:, PELVIS, 2], j[:, KNEES, 2]
    tilt, thigh = f["tilt"], f["thigh"].mean(axis=1)
    slow = f["speed"] < 0.5
    lying = (tilt > LYING_TILT_DEG) & (pelvis - knees.mean(axis=1) < LYING_KNEE_M) & (f["low"] < 0.45)
    hands_down = j[:, WRISTS, 2].min(axis=1) < 0.3
    fours = (tilt > 45) & hands_down & (knees.min(axis=1) < 0.2) & (pelvis - knees.min(axis=1) > 0.2) & (pelvis < 0.75)
    seated = (thigh > SIT_THIGH) & (f["thigh"].min(axis=1) > SIT_EITHER_THIGH) & (pelvis < SIT_PELVIS_M) & slow
    seated &= (f["behind"] > SIT_BEHIND_M) & (tilt < 58) & ((pelvis < SIT_GAP_M[0]) | (pelvis > SIT_GAP_M[1]))
    tipped = (thigh > SIT_TIP_THIGH) & (f["ahead"] + 0.5 * f["behind"] > SIT_TIP_M) & (np.abs(f["rise"]) < SIT_TIP_M_S)
    seated |= (
        tipped & (f["foot"].max(axis=1) < PERCH_FOOT_M) & (f["speed"] < 0.3) & (tilt < 58) & (pelvis > SIT_GAP_M[1])
    )
    # On a high stool the feet rest on a rung: both off the floor, knees bent, at rest, and not hanging by the hands.
    perched = (f["foot"].min(axis=1) > PERCH_FOOT_M) & (f["knee"].min(axis=1) > 55) & (f["leg"] > 0.55) & (tilt < 40)
    perched &= (f["speed"] < 0.25) & (pelvis < 0.95) & (thigh > -0.75) & (f["hands"] < 0.1)
    edge = (thigh > EDGE_THIGH) & (f["knee"].min(axis=1) > EDGE_KNEE_DEG) & (f["ahead"] > EDGE_AHEAD_M) & (tilt < 58)
    edge &= (f["behind"] > EDGE_BEHIND_M) & (f["speed"] < EDGE_M_S) & (np.abs(f["rise"]) < EDGE_M_S)
    edge &= (f["foot"].max(axis=1) < PERCH_FOOT_M) & (pelvis > SIT_GAP_M[1]) & (pelvis < SIT_PELVIS_M)
    # In a wheelchair one sits and moves: feet on rests, which do not stir against the pelvis.
    wheeled = (f["foot"].min(axis=1) > WHEELED_FOOT_M) & (thigh > SIT_TIP_THIGH) & (f["behind"] > WHEELED_BEHIND_M)
    wheeled &= (f["stir"].max(axis=1) < WHEELED_STIR_M_S) & (f["knee"].min(axis=1) > 55) & (tilt < 40) & ~slow
    kneeling = (knees.min(axis=1) < KNEE_ON_FLOOR_M) & (pelvis < 0.7) & (tilt < 58)
    squat = (pelvis < SQUAT_PELVIS_M) & (f["knee"].min(axis=1) > SQUAT_KNEE_DEG) & (tilt < 75)
    upright = f["leg"] > UPRIGHT_LEG_M
    tests = [lying, fours, seated | perched | edge | wheeled, kneeling, squat, upright]
    codes = [LYING, ALL_FOURS, SITTING, KNEELING, SQUATTING, UPRIGHT]
    posture: NDArray[np.int64] = np.select(tests, codes, default=BETWEEN)
    return posture


def measure(joints_m: Floats, fps: float) -> Features:
    """Measure a motion of joints (T, 22, 3), metres, Z up, at `fps` frames a second."""
    raw = np.asarray(joints_m, dtype=np.float64)
    if raw.ndim != 3 or raw.shape[1:] != (22, 3) or raw.shape[0] < 1:
        raise ValueError(f"expected joints of shape (T, 22, 3), got {raw.shape}")
    j = smooth(raw, 0.15, fps)
    pelvis = j[:, PELVIS]
    yaw = _facing(j, fps)
    forward = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)
    left = np.stack([-forward[:, 1], forward[:, 0]], axis=-1)

    world_velocity = smooth(rate(pelvis[:, :2], fps), 0.5, fps)
    velocity = np.stack([(world_velocity * forward).sum(-1), (world_velocity * left).sum(-1)], axis=-1)
    speed = _norm(velocity)
    heading = np.unwrap(np.arctan2(world_velocity[:, 1], world_velocity[:, 0]))

    trunk = _unit(j[:, NECK] - pelvis)
    tilt = np.degrees(np.arccos(np.clip(trunk[:, 2], -1, 1)))
    pitch = np.degrees(np.arctan2((trunk[:, :2] * forward).sum(-1), trunk[:, 2]))
    shoulders, hips = _unit(j[:, SHOULDERS[0]] - j[:, SHOULDERS[1]]), _unit(j[:, HIPS[0]] - j[:, HIPS[1]])
    across = _unit(shoulders + 2 * hips)  # somebody lying with the chest twisted lies as the pelvis lies
    chest = np.cross(across, trunk)

    thigh, shank = _unit(j[:, KNEES] - j[:, HIPS]), _unit(j[:, ANKLES] - j[:, KNEES])
    knee = np.degrees(np.arccos(np.clip((thigh * shank).sum(-1), -1, 1)))
    # Rough segment masses (Winter 2009): trunk .5, head .08, thigh .1, shank and foot .06, arm .05 each.
    mass_centre = (
        0.25 * (pelvis + j[:, NECK]) + 0.08 * j[:, HEAD]
        + 0.05 * (j[:, HIPS] + j[:, KNEES]).sum(1) + 0.03 * (j[:, KNEES] + j[:, ANKLES]).sum(1)
        + 0.025 * (j[:, SHOULDERS] + j[:, WRISTS]).sum(1)
    )  # fmt: skip
    behind = ((j[:, ANKLES, :2].mean(1) - mass_centre[:, :2]) * forward).sum(-1)
    foot = np.minimum(j[:, TOES, 2] - _TOE_M, j[:, ANKLES, 2] - _ANKLE_M)
    leg = pelvis[:, 2] - foot.min(axis=1)
    low = pelvis[:, 2] - j[:, :, 2].min(axis=1)

    wrists = _turn_into(j[:, WRISTS] - j[:, SHOULDERS], forward, left)
    ankles = _turn_into(j[:, ANKLES] - pelvis[:, None], forward, left)
    parts = {"tilt": tilt, "thigh": thigh[..., 2], "speed": speed, "behind": behind}
    vertical = rate(pelvis[:, 2], fps)
    parts |= {"ahead": ankles[..., 0].mean(axis=1), "rise": vertical}
    parts["stir"] = smooth(_norm(rate(ankles, fps)), 0.5, fps)
    parts |= {"knee": knee, "leg": leg, "low": low, "foot": foot, "hands": wrists[..., 2].max(axis=1)}
    return Features(
        fps=fps,
        joints_m=j,
        yaw_rad=yaw,
        velocity_m_s=velocity,
        speed_m_s=speed,
        heading_rad=heading,
        vertical_m_s=vertical,
        vertical_m_s2=rate(vertical, fps),
        tilt_deg=tilt,
        pitch_deg=pitch,
        chest_up=chest[:, 2],
        left_up=across[:, 2],
        knee_deg=knee,
        thigh_up=thigh[..., 2],
        behind_m=behind,
        foot_m=foot,
        leg_m=leg,
        wrist_body_m=wrists,
        forearm_body_m=_turn_into(j[:, WRISTS] - j[:, ELBOWS], forward, left),
        wrist_speed_m_s=_norm(rate(j[:, WRISTS] - pelvis[:, None], fps)),
        ankle_body_m=ankles,
        ankle_speed_m_s=_norm(rate(ankles, fps)),
        posture=_postures(parts, j),
    )
