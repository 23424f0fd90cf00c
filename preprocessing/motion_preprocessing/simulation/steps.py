"""Footsteps: how a recorded walk comes to a stop and turns about, and how a standing body walks off into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.rotations import about_z
from motion_preprocessing.simulation.hinges import Array, Pose, chain
from motion_preprocessing.simulation.keys import Key
from motion_preprocessing.simulation.recorded import Recording, fit
from motion_preprocessing.skeleton import JOINT_INDEX

_FPS: Final = 20.0
_HALF_STANCE_M: Final = 0.10
ARMS_DOWN: Final = {"shoulder.x": -78.0, "shoulder.y": -4.0, "elbow": -18.0, "knee": 6.0}


@dataclass(frozen=True)
class Junction:
    """A frame of a recorded walk with both feet on the floor."""

    recording: Recording
    frame: int
    ahead: str
    """l or r: the foot in front."""


def junctions(walks: list[Recording], before: int, after: int) -> list[Junction]:
    """Find double-support frames of steady straight walking with so many frames before and after them."""
    found = []
    for walk in walks:
        j = walk.joints_m
        ankles = j[:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]]
        toes = j[:, [JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"]]]
        for t in range(before, len(j) - after):
            span = j[max(0, t - 20) : t + 21, 0, :2]
            way = span[-1] - span[0]
            speed = np.linalg.norm(way) / ((len(span) - 1) / _FPS)
            if not 0.6 < speed < 1.7:
                continue
            ahead = way / np.linalg.norm(way)
            facing = heading_rad(walk.rotations[t, 0])
            if np.cos(facing - np.arctan2(ahead[1], ahead[0])) < 0.93:
                continue
            path = j[max(0, t - before) : t + after + 1, 0]
            if np.abs((path[:, :2] - path[0, :2]) @ [-ahead[1], ahead[0]]).max() > 0.35 or np.ptp(path[:, 2]) > 0.12:
                continue
            reach = (ankles[t, 0, :2] - ankles[t, 1, :2]) @ ahead
            front = 0 if reach > 0 else 1
            flat = ankles[t, front, 2] < 0.12 and toes[t, front, 2] < 0.05 and toes[t, 1 - front, 2] < 0.05
            if abs(reach) > 0.35 and flat:
                found.append(Junction(walk, t, "lr"[front]))
    return found


def moved(pose: Pose, yaw_rad: float, shift: Array) -> Pose:
    """Turn a pose about the vertical through the origin, then shift it (2,) over the floor."""
    turn = np.asarray(about_z(np.asarray(yaw_rad)))
    return Pose(pose.root_m @ turn.T + np.append(shift, 0.0), turn @ pose.root, pose.angles)


def foot_place(pose: Pose, frame: int, side: str) -> tuple[float, ...]:
    """Ankle and toe joint of a foot in a frame, as a contact."""
    joints = chain(Pose(pose.root_m[[frame]], pose.root[[frame]], pose.angles[[frame]])).joints_m[0]
    name = {"l": "left", "r": "right"}[side]
    return (*joints[JOINT_INDEX[f"{name}_ankle"]].tolist(), *joints[JOINT_INDEX[f"{name}_foot"]].tolist())


def frame_key(pose: Pose, frame: int, seconds: float) -> Key:
    """Return a locked key of a recorded frame, both feet where they are."""
    touch = {f"foot_{side}": foot_place(pose, frame, side) for side in "lr"}
    return Key(
        seconds, {}, tuple(pose.root_m[frame].tolist()), touch=touch, lock=True, angles_rad=pose.angles[frame],
        root=pose.root[frame],
    )  # fmt: skip


def stance(x: float, y: float, yaw_deg: float, half_m: float = _HALF_STANCE_M) -> dict[str, tuple[float, ...]]:
    """Contacts of two feet side by side about a point, facing `yaw_deg`."""
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return {
        "foot_l": (x - s * half_m, y + c * half_m, yaw_deg),
        "foot_r": (x + s * half_m, y - c * half_m, yaw_deg),
    }


@dataclass(frozen=True)
class Placed:
    """Recorded frames, moved over the floor."""

    rotations: Array
    """(T, 22, 3, 3) local rotations."""
    root_m: Array
    """(T, 3)."""


def _placed(junction: Junction, frames: slice, yaw_rad: float, shift: Array) -> Placed:
    turn = np.asarray(about_z(np.asarray(yaw_rad)))
    rotations = junction.recording.rotations[frames].copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    return Placed(rotations, junction.recording.root_m[frames] @ turn.T + np.append(shift, 0.0))


@dataclass(frozen=True)
class Arrival:
    """A walk that comes to a stand: recorded frames, then keys."""

    lead: Pose
    """Fitted frames, without the last."""
    keys: list[Key]
    """From the last fitted frame on."""
    record: Placed
    """The recorded frames that belong to `lead` and the first key."""


def arrive(
    junction: Junction, frames: int, at: Array, yaw_deg: float, come_deg: float, tempo: float, stand_m: float = 0.93,
    half_m: float = _HALF_STANCE_M,
) -> Arrival:  # fmt: skip
    """Walk up and come to stand with the ankles about `at` (2,), facing `yaw_deg`.

    Args:
        junction: Where the recorded walk is left.
        frames: How many of its frames come before.
        at: Middle of the ankles in the end.
        yaw_deg: Where the body faces in the end.
        come_deg: How much it has to turn for that, counter-clockwise: it comes walking towards yaw_deg - come_deg.
        tempo: Factor on times.
        stand_m: Height of the standing pelvis.
        half_m: Half the distance of the feet in the end.
    """
    rec, t = junction.recording, junction.frame
    pose = fit(rec.rotations[t - frames + 1 : t + 1], rec.root_m[t - frames + 1 : t + 1])
    # Over two steps, in which the body sways to either side as often.
    way = pose.root_m[-1, :2] - pose.root_m[max(0, frames - 21), :2]
    heading = float(np.arctan2(way[1], way[0]))
    come = np.radians(yaw_deg - come_deg)
    yaw = float(come - heading)
    pose = moved(pose, yaw, np.zeros(2))
    # A last stride carries on ahead; more of it where the body need not turn back.
    run_up = 0.62 if abs(come_deg) < 100 else 0.5
    from_m = np.asarray(at) - run_up * np.array([np.cos(come), np.sin(come)])
    shift = from_m - pose.root_m[-1, :2]
    pose = moved(pose, 0.0, shift)
    record = _placed(junction, slice(t - frames + 1, t + 1), yaw, shift)
    places = {side: foot_place(pose, -1, side) for side in "lr"}
    keys = [frame_key(pose, -1, 1 / _FPS)]
    count = max(2, int(np.ceil(abs(come_deg) / 62)) + 1)
    side = "r" if junction.ahead == "l" else "l"
    # Turning to the left, a right foot that leads would cross in front: it only follows there.
    yaws = {s: float(np.degrees(come)) for s in "lr"}
    for k in range(1, count + 2):
        u = min(1.0, k / count)
        facing = np.degrees(come) + come_deg * min(1.0, (k - 0.25) / (count - 0.25)) ** 1.1
        if k >= count:
            facing = yaw_deg
        spot = from_m + (np.asarray(at) - from_m) * (1 - (1 - min(1.0, u + 0.12)) ** 2)
        half = half_m if k >= count - 1 else 0.09
        sign = 1.0 if side == "l" else -1.0
        c, s = np.cos(np.radians(facing)), np.sin(np.radians(facing))
        places[side] = (spot[0] - s * half * sign, spot[1] + c * half * sign, facing)
        yaws[side] = facing
        pelvis_yaw = 0.6 * yaws[side] + 0.4 * yaws["lr".replace(side, "")]
        body = from_m + (np.asarray(at) - from_m) * (1 - (1 - u) ** 2)
        seconds = (0.5 + 0.06 * k) * tempo
        swing = 10.0 * (1 - u) * (1 if side == "l" else -1)
        angles = ARMS_DOWN | {"shoulder.y_l": swing, "shoulder.y_r": -swing, "head.z": np.sign(come_deg) * 14 * (u < 1)}
        keys.append(
            Key(seconds, angles, (body[0] + 0.03 * c, body[1] + 0.03 * s, stand_m - 0.01), (pelvis_yaw, 3, 0),
                {f"foot_{name}": place for name, place in places.items()})
        )  # fmt: skip
        side = "r" if side == "l" else "l"
    return Arrival(Pose(pose.root_m[:-1], pose.root[:-1], pose.angles[:-1]), keys, record)


@dataclass(frozen=True)
class Departure:
    """A stand that walks off: keys, then recorded frames."""

    keys: list[Key]
    """Up to the first recorded frame."""
    trail: Pose
    """Fitted frames; the first is the last key."""
    record: Placed
    """The recorded frames of `trail`."""


def depart(
    junction: Junction, frames: int, at: Array, yaw_deg: float, turn_deg: float, tempo: float, stand_m: float = 0.93,
    half_m: float = _HALF_STANCE_M,
) -> Departure:  # fmt: skip
    """Turn by `turn_deg` in place and walk off; arguments as those of `arrive`."""
    keys: list[Key] = []
    count = int(np.ceil(abs(turn_deg) / 55))
    facing = {"l": yaw_deg, "r": yaw_deg}
    places = stance(float(at[0]), float(at[1]), yaw_deg, half_m)
    front = "l" if turn_deg > 0 else "r"
    order = [front, "r" if front == "l" else "l"]
    behind = "r" if junction.ahead == "l" else "l"
    spot = np.asarray(at, dtype=np.float64)
    for k in range(2 * count):
        side = order[k % 2]
        facing[side] = yaw_deg + turn_deg * (k // 2 + 1) / count
        c, s = np.cos(np.radians(facing[side])), np.sin(np.radians(facing[side]))
        sign = 1.0 if side == "l" else -1.0
        # The body drifts away from what stands behind it while it turns.
        spot = spot + 0.05 * np.array([np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))])
        places[f"foot_{side}"] = (spot[0] - s * half_m * sign, spot[1] + c * half_m * sign, facing[side])
        mean = 0.5 * (facing["l"] + facing["r"])
        angles = ARMS_DOWN | {"head.z": np.sign(turn_deg) * 12.0}
        keys.append(
            Key(0.5 * tempo, angles, (spot[0] + 0.03 * c, spot[1] + 0.03 * s, stand_m - 0.01), (mean, 3, 0),
                dict(places))
        )  # fmt: skip
    final = yaw_deg + turn_deg
    rec, t = junction.recording, junction.frame
    pose = fit(rec.rotations[t : t + frames], rec.root_m[t : t + frames])
    way = pose.root_m[min(20, frames - 1), :2] - pose.root_m[0, :2]
    yaw = float(np.radians(final) - np.arctan2(way[1], way[0]))
    pose = moved(pose, yaw, np.zeros(2))
    stand = places[f"foot_{behind}"]
    rear = foot_place(pose, 0, behind)
    # The hind foot of the recorded stride stands where it stood.
    c, s = np.cos(np.radians(final)), np.sin(np.radians(final))
    out = 0.025 if behind == "l" else -0.025
    ball = np.array([stand[0] + c * 0.12 - s * out, stand[1] + s * 0.12 + c * out])
    shift = ball - np.array(rear[3:5])
    pose = moved(pose, 0.0, shift)
    first = frame_key(pose, 0, 0.8 * tempo)
    return Departure([*keys, first], pose, _placed(junction, slice(t, t + frames), yaw, shift))
