"""From key poses with contacts to motion: every key is solved, the keys are joined by cubics, contacts are then held.

A key says how the body looks (angles), where and how the pelvis is, and which hands, feet, knees rest where. A contact
that two keys in a row share stays where it is; one whose place differs is carried over in an arc.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.easing import smooth_step
from motion_preprocessing.resample import continuous
from motion_preprocessing.rotations import (
    matrix_from_quaternion,
    matrix_from_rotation_vector,
    quaternion_from_matrix,
    rotation_vector_from_matrix,
)
from motion_preprocessing.simulation.hinges import (
    HIGH_RAD,
    HINGE_COUNT,
    HINGES,
    LOW_RAD,
    Array,
    Pose,
    angles_of,
    chain,
    mirrored_angles,
)
from motion_preprocessing.simulation.solve import Box, Goals, even_weight, part_of, points_of, solve
from motion_preprocessing.skeleton import JOINT_INDEX

ANKLE_M: Final = 0.066
"""Height of the ankle joint of a foot that stands flat."""
TOE_M: Final = 0.010
"""Height of its toe joint."""

# effector: (joint, weight along the floor, upright weight, default height)
_SINGLE: Final[dict[str, tuple[str, float, float, float]]] = {
    "knee": ("knee", 20.0, 20.0, 0.058), "hand": ("wrist", 20.0, 20.0, 0.05), "elbow": ("elbow", 20.0, 20.0, 0.045),
    "toes": ("foot", 20.0, 20.0, 0.02), "instep": ("ankle", 12.0, 12.0, 0.06), "seat": ("pelvis", 8.0, 20.0, 0.1),
    "head": ("head", 0.0, 8.0, 0.09),
}  # fmt: skip
_SIDES: Final = {"l": "left_", "r": "right_", "": ""}
_FOOT_WEIGHT: Final = 20.0


@dataclass(frozen=True)
class Key:
    """One key pose."""

    seconds: float
    """Time since the key before."""
    angles_deg: Mapping[str, float]
    """Angles by name, as `angles_of` reads them."""
    at_m: tuple[float, float, float]
    """About where the pelvis is."""
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Pelvis: yaw, then pitch (forward is positive), then roll (to the right is positive)."""
    touch: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Contacts: foot_l (x, y, yaw in degrees, height of the sole) or its ankle and toe joint, others (x, y, height);
    NaN leaves a coordinate free."""
    balance_m: tuple[float, float] | None = None
    """Where the centre of mass is to stand."""
    lock: bool = False
    """The pose is taken as it is: no contact is solved for."""
    angles_rad: Array | None = None
    """Angles (45,) instead of `angles_deg`, such as those of a recorded frame."""
    root: Array | None = None
    """Pelvis orientation (3, 3) instead of `turn_deg`."""


@dataclass(frozen=True)
class Follow:
    """A hand that goes along with a moving point, such as another person's arm."""

    joint: str
    """Name of the joint that follows."""
    targets_m: Array
    """(T, 3) the point, a row a frame of the motion."""
    strength: Array
    """(T,) 0 .. 1, how firmly."""
    offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """What follows, seen from the joint in hinge axes, such as the palm from the wrist."""


def turn(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Array:
    """Return the pelvis orientation (3, 3) of a key."""
    about = np.diag(np.radians([roll_deg, pitch_deg, yaw_deg]))
    roll, pitch, yaw = (matrix_from_rotation_vector(row) for row in about)
    return np.asarray(yaw @ pitch @ roll)


def mirrored_key(key: Key) -> Key:
    """Return the key of the mirror image about the plane y = 0."""

    def swap(name: str) -> str:
        stem, _, tail = name.partition("_")
        return f"{stem}_{ {'l': 'r', 'r': 'l'}[tail] }" if tail else name

    angles: dict[str, float] = {}
    for name, value in key.angles_deg.items():
        part, _, axis = name.partition("_")[0].partition(".")
        central = part in ("spine", "neck", "head")
        angles[swap(name)] = -value if central and axis in ("x", "z") else value
    touch = {}
    for name, place in key.touch.items():
        x, y, *rest = place
        if len(place) == 6:
            rest = [rest[0], rest[1], -rest[2], rest[3]]
        elif name.startswith("foot") and rest:
            rest = [-rest[0], *rest[1:]]
        touch[swap(name)] = (x, -y, *rest)
    flip = np.diag([1.0, -1.0, 1.0])
    return Key(
        key.seconds, angles, (key.at_m[0], -key.at_m[1], key.at_m[2]),
        (-key.turn_deg[0], key.turn_deg[1], -key.turn_deg[2]), touch,
        None if key.balance_m is None else (key.balance_m[0], -key.balance_m[1]), key.lock,
        None if key.angles_rad is None else mirrored_angles(key.angles_rad),
        None if key.root is None else flip @ key.root @ flip,
    )  # fmt: skip


def mirrored_box(box: Box) -> Box:
    """Return a box mirrored about the plane y = 0."""
    x, y = box.centre_m
    return Box(box.name, (x, -y), box.half_m, box.top_m, -box.yaw_rad, box.bottom_m, box.give_m)


def _points(name: str, place: tuple[float, ...]) -> list[tuple[str, Array, float, float]]:
    """Joints, targets, horizontal and upright weights of one contact."""
    stem, _, tail = name.partition("_")
    side = _SIDES[tail]
    if stem == "foot" and len(place) == 6:
        return [
            (f"{side}ankle", np.array(place[:3]), _FOOT_WEIGHT, _FOOT_WEIGHT),
            (f"{side}foot", np.array(place[3:]), _FOOT_WEIGHT, _FOOT_WEIGHT),
        ]
    if stem == "foot":
        x, y, yaw, height = (*place, *(0.0, 0.0, 0.0, 0.0)[len(place) :])
        out = 0.025 if tail == "l" else -0.025
        c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
        toe = np.array([x + c * 0.12 - s * out, y + s * 0.12 + c * out, TOE_M + height])
        ankle = np.array([x, y, ANKLE_M + height])
        return [(f"{side}ankle", ankle, _FOOT_WEIGHT, _FOOT_WEIGHT), (f"{side}foot", toe, _FOOT_WEIGHT, _FOOT_WEIGHT)]
    joint, along, up, height = _SINGLE[stem]
    target = np.array([place[0], place[1], place[2] if len(place) > 2 else height])
    return [(side + joint, target, along, up)]


def _authored(keys: list[Key]) -> Pose:
    root = np.stack([turn(*key.turn_deg) if key.root is None else key.root for key in keys])
    angles = np.stack([angles_of(key.angles_deg) if key.angles_rad is None else key.angles_rad for key in keys])
    return Pose(np.array([key.at_m for key in keys]), root, angles)


_KEY_PULL: Final = even_weight(0.5, spine=0.9, neck=1.0, head=1.0, collar=0.9, foot=1.0, wrist=0.5, elbow=0.35)
_FRAME_PULL: Final = even_weight(0.8, spine=1.4, neck=1.5, head=1.5, collar=1.4, foot=1.5, wrist=0.7, elbow=0.6)


def solve_keys(keys: list[Key], boxes: tuple[Box, ...]) -> Pose:
    """Solve the keys' poses for their contacts."""
    prior = _authored(keys)
    on, targets, weights = _table(keys)
    balance = np.array([key.balance_m if key.balance_m is not None else (np.nan, np.nan) for key in keys])
    goals = Goals(on, np.zeros((len(on), 3)), targets, weights, prior, _KEY_PULL, (1.0, 1.6), balance, 4.0, boxes)
    found = solve(prior, goals, iterations=40)
    locked = np.array([key.lock for key in keys])
    return Pose(
        np.where(locked[:, None], prior.root_m, found.root_m),
        np.where(locked[:, None, None], prior.root, found.root),
        np.where(locked[:, None], prior.angles, found.angles),
    )


def _table(keys: list[Key]) -> tuple[NDArray[np.int64], Array, Array]:
    """Joints (C,), targets (K, C, 3) and weights (K, C, 3) of the contacts of all keys."""
    columns: dict[tuple[str, str], int] = {}
    entries = []
    for k, key in enumerate(keys):
        for name, place in key.touch.items():
            for joint, target, along, up in _points(name, place):
                column = columns.setdefault((name, joint), len(columns))
                entries.append((k, column, target, along, up))
    on = np.array([JOINT_INDEX[joint] for _, joint in columns], dtype=np.int64)
    targets, weights = np.zeros((len(keys), len(on), 3)), np.zeros((len(keys), len(on), 3))
    for k, column, target, along, up in entries:
        known = np.isfinite(target)
        targets[k, column] = np.where(known, target, 0.0)
        weights[k, column] = np.where(known, (along, along, up), 0.0)
    return on, targets, weights


def pchip(knots: Array, values: Array, times: Array) -> Array:
    """Interpolate (K, ...) at `times` by monotone cubics (Fritsch and Butland 1984): no overshoot, no full stops."""
    width = np.diff(knots).reshape(-1, *([1] * (values.ndim - 1)))
    slope = np.diff(values, axis=0) / width
    tangent = np.zeros_like(values)
    if len(knots) > 2:
        before, after = slope[:-1], slope[1:]
        w1, w2 = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
        same = before * after > 0
        safe_before, safe_after = np.where(same, before, 1.0), np.where(same, after, 1.0)
        tangent[1:-1] = np.where(same, (w1 + w2) / (w1 / safe_before + w2 / safe_after), 0.0)
    index = np.clip(np.searchsorted(knots, times, side="right") - 1, 0, len(knots) - 2)
    h = width[index]
    u = ((times - knots[index]) / np.diff(knots)[index]).reshape(-1, *([1] * (values.ndim - 1)))
    u2, u3 = u * u, u * u * u
    result: Array = (
        (2 * u3 - 3 * u2 + 1) * values[index]
        + (u3 - 2 * u2 + u) * h * tangent[index]
        + (3 * u2 - 2 * u3) * values[index + 1]
        + (u3 - u2) * h * tangent[index + 1]
    )
    return result


def smoothed(values: Array, sigma: float) -> Array:
    """Gaussian smoothing along axis 0; `sigma` in frames; the ends are continued as they are."""
    reach = max(1, int(3 * sigma + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([np.repeat(values[:1], reach, 0), values, np.repeat(values[-1:], reach, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    return np.asarray(windows @ kernel)


_SWAY_DEG: Final = {
    "hip": 0.5, "knee": 0.5, "ankle": 0.3, "spine1": 0.7, "spine2": 0.7, "spine3": 0.7, "neck": 1.5, "head": 2.0,
    "collar": 1.0, "shoulder": 2.5, "elbow": 3.0, "wrist": 4.0,
}  # fmt: skip


def sway(frames: int, fps: float, rng: np.random.Generator) -> Array:
    """Slow small movements (T, 45) that no living body is without, radians."""
    scale = np.radians([_SWAY_DEG.get(part_of(h.name.rsplit("_", 1)[0]), 0.0) for h in HINGES])
    sigma = 0.35 * fps
    noise = smoothed(rng.normal(size=(frames, HINGE_COUNT)), sigma)
    # White noise smoothed by a Gaussian keeps 1 / (2 sigma sqrt(pi)) of its variance.
    return np.asarray(noise * scale * np.sqrt(2 * sigma * np.sqrt(np.pi)))


def animate(
    keys: list[Key],
    fps: float,
    rng: np.random.Generator,
    boxes: tuple[Box, ...] = (),
    lead: Pose | None = None,
    trail: Pose | None = None,
    liveliness: float = 1.0,
    follow: tuple[Follow, ...] = (),
) -> Pose:
    """Make motion of key poses.

    Args:
        keys: In order of time; the first key's `seconds` is the time from the last frame of `lead`, if there is one.
        fps: Frames a second.
        rng: Draws the swaying.
        boxes: Furniture.
        lead: Recorded frames that the motion goes on from; they are part of the result.
        trail: Recorded frames that it goes over into, `seconds` of which are counted from the last key by the caller:
            the last key must be the pose of the first frame of `trail`, locked.
        liveliness: Factor of the swaying.
        follow: Joints that go along with moving points; their rows are the frames after `lead`.
    """
    solved = solve_keys(keys, boxes)
    knots = np.cumsum([key.seconds if (i or lead is not None) else 0.0 for i, key in enumerate(keys)])
    count = int(round(knots[-1] * fps))
    times = np.arange(0 if lead is None else 1, count + 1) / fps
    lead_knots, trail_knots = np.zeros(0), np.zeros(0)
    parts = [solved]
    if lead is not None:
        lead_knots = -np.arange(len(lead.root_m))[::-1] / fps
        parts.insert(0, lead)
    if trail is not None:
        trail_knots = knots[-1] + np.arange(1, len(trail.root_m)) / fps
        parts.append(Pose(trail.root_m[1:], trail.root[1:], trail.angles[1:]))
    all_knots = np.concatenate([lead_knots, knots, trail_knots])
    quaternions = continuous(np.asarray(quaternion_from_matrix(np.concatenate([p.root for p in parts]))))
    prior = Pose(
        pchip(all_knots, np.concatenate([p.root_m for p in parts]), times),
        np.asarray(matrix_from_quaternion(pchip(all_knots, quaternions, times))),
        pchip(all_knots, np.concatenate([p.angles for p in parts]), times),
    )
    # Swaying fades where recorded frames join on.
    fade = np.ones(len(times))
    if lead is not None:
        fade *= np.clip(times / 0.6, 0, 1)
    if trail is not None:
        fade *= np.clip((times[-1] - times) / 0.6, 0, 1)
    moved = prior.angles + liveliness * fade[:, None] * sway(len(times), fps, rng)
    prior = Pose(prior.root_m, prior.root, np.clip(moved, LOW_RAD, HIGH_RAD))
    goals = _followed(_held(keys, knots, times, prior, boxes), follow)
    found = solve(prior, goals, iterations=10)
    # The corrections are smoothed, not the motion, so that its own quickness stays. The smoothed poses become what
    # the next pass pulls to, so that neighbouring frames end in the same of several solutions.
    for sigma in (2.5, 1.5):
        shift = smoothed(found.root_m - prior.root_m, sigma)
        away = np.asarray(rotation_vector_from_matrix(found.root @ np.swapaxes(prior.root, -1, -2)))
        bent = smoothed(found.angles - prior.angles, sigma)
        calm = Pose(
            prior.root_m + shift,
            np.asarray(matrix_from_rotation_vector(smoothed(away, sigma))) @ prior.root,
            prior.angles + bent,
        )
        found = solve(calm, replace(goals, prior=calm), iterations=4)
    found = Pose(
        smoothed(found.root_m, 0.6),
        np.asarray(matrix_from_quaternion(smoothed(continuous(np.asarray(quaternion_from_matrix(found.root))), 0.6))),
        smoothed(found.angles, 0.6),
    )
    pieces = [found]
    if lead is not None:
        pieces.insert(0, lead)
    if trail is not None:
        pieces.append(Pose(trail.root_m[1:], trail.root[1:], trail.angles[1:]))
    return Pose(*(np.concatenate(group) for group in zip(*pieces, strict=True)))


def _held(keys: list[Key], knots: Array, times: Array, prior: Pose, boxes: tuple[Box, ...]) -> Goals:
    """Turn the keys' contacts into targets and weights for every frame."""
    on, at, strength = _table(keys)
    frames = len(times)
    targets, weights = np.zeros((frames, len(on), 3)), np.zeros((frames, len(on), 3))
    segment = np.clip(np.searchsorted(knots, times, side="right") - 1, -1, len(keys) - 2)
    for c in range(len(on)):
        for k in range(-1, len(keys) - 1):
            inside = segment == k
            if not inside.any():
                continue
            start, stop = (knots[k] if k >= 0 else 0.0), knots[k + 1]
            u = (times[inside] - start) / max(stop - start, 1e-9)
            before = strength[k, c] if k >= 0 else np.zeros(3)
            after = strength[k + 1, c]
            if before.any() and after.any():
                # What only one of them holds does not move.
                both = (before > 0) & (after > 0)
                goal = np.where(after > 0, at[k + 1, c], at[k, c])
                origin = np.where(before > 0, at[k, c], goal)
                gap = np.where(both, goal - origin, 0.0)
                way = float(np.linalg.norm(gap))
                move = smooth_step((u - 0.1) / 0.8)
                targets[inside, c] = origin + move[:, None] * gap
                if way > 0.04 and both[:2].all():
                    targets[inside, c, 2] += min(0.13, 0.03 + 0.16 * way) * np.sin(np.pi * move) ** 2
                weights[inside, c] = np.maximum(before, after)
            elif before.any():
                targets[inside, c] = at[k, c]
                fade = 1 - smooth_step(u * (stop - start) / min(0.25, stop - start))
                weights[inside, c] = before * fade[:, None]
            elif after.any():
                targets[inside, c] = at[k + 1, c]
                fade = smooth_step(1 - (1 - u) * (stop - start) / min(0.25, stop - start))
                weights[inside, c] = after * fade[:, None]
    balance = np.full((len(keys), 2), np.nan)
    for k, key in enumerate(keys):
        if key.balance_m is not None:
            balance[k] = key.balance_m
    # NaN of either neighbour leaves the frames between them free.
    held = np.stack([np.interp(times, knots, balance[:, i]) for i in range(2)], axis=-1)
    return Goals(on, np.zeros((len(on), 3)), targets, weights, prior, _FRAME_PULL, (0.6, 2.5), held, 2.0, boxes)


def _followed(goals: Goals, follow: tuple[Follow, ...]) -> Goals:
    if not follow:
        return goals
    frames = len(goals.targets_m)
    rows = [np.minimum(np.arange(frames), len(f.targets_m) - 1) for f in follow]
    targets = np.stack([f.targets_m[row] for f, row in zip(follow, rows, strict=True)], axis=1)
    strength = np.stack([f.strength[row] for f, row in zip(follow, rows, strict=True)], axis=1)
    on = np.array([JOINT_INDEX[f.joint] for f in follow])
    # The target comes out of where the joint would be otherwise: a weight alone that grows would pull at once.
    offsets = np.array([f.offset_m for f in follow])
    free = points_of(chain(goals.prior), on, offsets)
    targets = free + strength[..., None] * (targets - free)
    strength = smooth_step(strength / 0.2)
    return replace(
        goals,
        on=np.concatenate([goals.on, on]),
        offsets_m=np.concatenate([goals.offsets_m, offsets]),
        targets_m=np.concatenate([goals.targets_m, targets], axis=1),
        weights=np.concatenate([goals.weights, 14.0 * np.repeat(strength[..., None], 3, axis=-1)], axis=1),
    )
