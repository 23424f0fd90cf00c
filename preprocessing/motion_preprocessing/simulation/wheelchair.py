"""Somebody pushes a wheelchair in which somebody sits: a recorded walk whose hands hold on, and a posed seat.

The chair runs along the walker's path, smoothed; its rear wheels are under the seat, so it points along the path where
the seat is. Handles and seat are fixed in the chair, hands on the handles, feet on the rests. Nobody pushes in truth:
the walk stays as it was recorded, but for its pace and, of every second one, the bend of its way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.errors import InputError
from motion_preprocessing.metrics import foot_skate_ratio, person_penetration_m
from motion_preprocessing.rotations import about_z
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.simulation.arms import (
    ARM_M,
    bent_spine,
    hand_at,
    shoulder_excess_deg,
    turned,
    turns_of,
)
from motion_preprocessing.simulation.facing import any_facing, faced
from motion_preprocessing.simulation.hinges import Array, local_rotations
from motion_preprocessing.simulation.keypose import WALK_LICENCE
from motion_preprocessing.simulation.keys import Key, animate, smoothed
from motion_preprocessing.simulation.phases import labels_of_phases
from motion_preprocessing.simulation.solve import Box
from motion_preprocessing.simulation.spans import FPS, Base, Span, recorded_base
from motion_preprocessing.simulation.waves import REAL_CHANGE_M_S2, largest_change
from motion_preprocessing.skeleton import JOINT_INDEX

Rng = np.random.Generator
_GRIP_M: Final = 0.07
"""Wrist behind the handle that the hand is closed about."""
_SMOOTH_FRAMES: Final = 10.0
_SIDES: Final = ("left", "right")


@dataclass(frozen=True)
class Chair:
    """A wheelchair's sizes and how it is held."""

    handle_m: tuple[float, float, float]
    """Ahead of the walker's pelvis, half the distance of the two, height."""
    ahead_m: float
    """The sitter's pelvis before the walker's."""
    pelvis_m: float
    """Height of the sitter's pelvis joint."""
    rest_m: tuple[float, float]
    """Foot rests: ahead of the sitter's pelvis, height."""
    lean_deg: float
    """The walker's trunk, forward, beyond that of the recording."""
    hands: str
    """Where the sitter's hands are: lap or armrests."""


def draw_chair(rng: Rng) -> Chair:
    """Draw a wheelchair."""
    return Chair(
        handle_m=(float(rng.uniform(0.35, 0.48)), float(rng.uniform(0.225, 0.275)), float(rng.uniform(0.9, 1.05))),
        ahead_m=float(rng.uniform(0.75, 0.95)),
        pelvis_m=float(rng.uniform(0.60, 0.67)),
        rest_m=(float(rng.uniform(0.36, 0.44)), float(rng.uniform(0.1, 0.16))),
        lean_deg=float(rng.uniform(4.0, 14.0)),
        hands=str(rng.choice(["lap", "armrests"])),
    )


@dataclass(frozen=True)
class Ride:
    """Two people: first the one who sits, then the one who pushes."""

    chair: Chair
    rotations: tuple[Array, Array]
    """(T, 22, 3, 3) local rotations each."""
    root_m: tuple[Array, Array]
    """(T, 3) each."""
    joints_m: tuple[Array, Array]
    """(T, 22, 3) each."""
    handles_m: Array
    """(T, 2, 3) where the left and the right wrist belong."""
    walked_m: Array
    """(T, 22, 3) the walker before anything was laid over."""
    base_skate: float
    """Share of frames in which a foot of the recorded walk slides."""
    subject: str
    """Who walked."""
    source: str
    """Name of that recording."""

    def people_m(self) -> tuple[Array, ...]:
        """The joints of both, the walker's first."""
        return self.joints_m[::-1]

    def faults(self) -> list[str]:
        """What two bodies and a wheelchair cannot do."""
        found = []
        sitter, walker = self.joints_m
        wrists = walker[:, [JOINT_INDEX[f"{side}_wrist"] for side in _SIDES]]
        if np.linalg.norm(wrists - self.handles_m, axis=-1).max() > 0.01:
            found.append("reach")
        if person_penetration_m(sitter, walker).max() > 0.0:
            found.append("overlap")
        if max(shoulder_excess_deg(self.rotations[1], side) for side in _SIDES) > 8.0:
            found.append("limits")
        limit = max(REAL_CHANGE_M_S2, 1.02 * largest_change(self.walked_m).max())
        if max(largest_change(joints).max() for joints in (sitter, walker)) > limit:
            found.append("jump")
        course = heading_rad(self.rotations[0][:, 0])
        facing = heading_rad(self.rotations[1][:, 0])
        if np.cos(smoothed(np.unwrap(facing), 8.0) - np.unwrap(course)).min() < np.cos(np.radians(35)):
            found.append("facing")
        if np.linalg.norm(self.root_m[1][-1, :2] - self.root_m[1][0, :2]) < 1.0:
            found.append("still")
        if foot_skate_ratio(walker, FPS) > self.base_skate + 0.02:
            found.append("slides")
        return found

    def sequences(self, name: str, seed: int, split: str, rng: Rng) -> list[MotionSequence]:
        """Describe both people for the dataset."""
        turn = any_facing(rng)
        course = np.unwrap(heading_rad(self.rotations[0][:, 0]))
        bend = float(np.degrees(course[-1] - course[0]))
        words = ride_words(rng, "" if abs(bend) < 25 else "left" if bend > 0 else "right")
        result = []
        for number, who in enumerate(("patient", "staff")):
            rotations, root_m = faced(self.rotations[number], self.root_m[number], turn)
            events = (Event("sitting" if who == "patient" else "walk", 0.0),)
            result.append(
                MotionSequence(
                    name=f"{name}_{who}",
                    fps=FPS,
                    local_rotations=rotations,
                    root_position_m=root_m,
                    captions=words[number],
                    action="wheelchair",
                    person_class=who,
                    subject=f"layered_{self.subject}",
                    split=split,
                    pair=name,
                    source=f"layered: wheelchair over {self.source}",
                    licence=WALK_LICENCE,
                    label=f"wheelchair {who}",
                    events=events,
                    frame_labels=labels_of_phases(events, len(rotations), FPS),
                )
            )
        return result


def _course(root_m: Array, ahead_m: float) -> tuple[Array, Array]:
    """Return the chair's place (T, 2) `ahead_m` along the smoothed path from each frame on, and its direction (T,)."""
    way = root_m[:, :2]
    # Continued in its last direction, at both ends, so that smoothing does not shorten the path.
    extra = 60
    first, last = (way[8] - way[0]) / 8, (way[-1] - way[-9]) / 8
    steps = np.arange(1, extra + 1)[:, None]
    longer = smoothed(np.concatenate([way[0] - steps[::-1] * first, way, way[-1] + steps * last]), _SMOOTH_FRAMES)
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(longer, axis=0), axis=-1))])
    at = run[extra : extra + len(way)] + ahead_m
    place = np.stack([np.interp(at, run, longer[:, i]) for i in range(2)], axis=-1)
    behind = np.stack([np.interp(at - 0.3, run, longer[:, i]) for i in range(2)], axis=-1)
    before = np.stack([np.interp(at + 0.3, run, longer[:, i]) for i in range(2)], axis=-1)
    tangent = before - behind
    return place, np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))


def _sitter(chair: Chair, frames: int, rng: Rng) -> tuple[Array, Array]:
    """Somebody in the chair's own frame, who looks about a little."""
    x, sole = chair.rest_m
    half = float(rng.uniform(0.08, 0.12))
    if chair.hands == "lap":
        arms = {"shoulder.y": -24.0, "shoulder.x": -80.0, "elbow": -58.0, "shoulder.y'": -10.0}
        touch: dict[str, tuple[float, ...]] = {}
    else:
        arms = {"shoulder.y": -4.0, "shoulder.x": -68.0, "elbow": -70.0}
        rest = (0.20, 0.25, chair.pelvis_m + 0.17)
        touch = {"hand_l": rest, "hand_r": (rest[0], -rest[1], rest[2])}
    touch |= {"foot_l": (x, half, 4.0, sole), "foot_r": (x, -half, -4.0, sole), "seat": (0.0, 0.0, chair.pelvis_m)}
    back = float(rng.uniform(-12.0, -4.0))

    def key(seconds: float) -> Key:
        look = float(rng.normal(scale=14))
        return Key(
            seconds, arms | {"hip.y": -84.0, "knee": 78.0, "spine.y": float(rng.uniform(4, 12)), "head.z": look,
                             "neck.z": 0.5 * look, "neck.y": float(rng.uniform(-2, 12))},
            (0.0, 0.0, chair.pelvis_m), (0.0, back + float(rng.normal(scale=1.5)), 0.0), touch,
        )  # fmt: skip

    keys, left = [key(0.0)], (frames - 1) / FPS
    while left > 0.4:
        step = min(left, float(rng.uniform(1.2, 2.6)))
        keys.append(key(step))
        left -= step
    seat = Box("chair", (-0.04, 0.0), (0.23, 0.22), chair.pelvis_m - 0.1, give_m=0.09)
    pose = animate(keys, FPS, rng, (seat,))
    rows = np.minimum(np.arange(frames), len(pose.root_m) - 1)
    return local_rotations(pose)[rows], pose.root_m[rows]


def curved(base: Base, bend_1_m: float) -> Base:
    """Bend a walk's way by so many radians a metre, left positive; every step turns with it."""
    step = np.diff(base.root_m[:, :2], axis=0)
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(smoothed(step, 4.0), axis=-1))])
    turn = np.asarray(about_z(bend_1_m * run))
    rotations, root = base.rotations.copy(), base.root_m.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    middle = np.asarray(about_z(bend_1_m * (run[1:] + run[:-1]) / 2))[:, :2, :2]
    root[1:, :2] = root[0, :2] + np.cumsum(np.einsum("tij,tj->ti", middle, step), axis=0)
    return replace(base, rotations=rotations, root_m=root)


def _handles(chair: Chair, place: Array, turn: Array) -> Array:
    """Where the wrists belong, (T, 2, 3)."""
    ahead, half, height = chair.handle_m
    grips = np.array([[ahead - _GRIP_M - chair.ahead_m, sign * half, height] for sign in (1.0, -1.0)])
    handles = np.einsum("tij,cj->tci", turn, grips)
    handles[..., :2] += place[:, None]
    return np.asarray(handles)


def _leaning(rotations: Array, lean_deg: float) -> Array:
    """Lean the trunk forward; the look stays ahead."""
    lean = np.array([[0.0, np.radians(lean_deg), 0.0]])
    result = bent_spine(rotations, lean)
    neck = JOINT_INDEX["neck"]
    result[:, neck] = turned(result[:, neck], -0.7 * lean)
    return result


def make_ride(rng: Rng, spans: list[Span]) -> Ride:
    """Draw a walk and a chair and put them together.

    Raises:
        InputError: Nobody walks in the spans.
    """
    seconds = float(rng.uniform(4.0, 8.0))
    walks = [span for span in spans if span.kind == "walk"]
    if not walks:
        raise InputError("expected recorded walks of 3 s or more, got none for the wheelchair; give other --starts")
    pace = float(rng.uniform(1.1, 1.45))
    base = recorded_base(walks[int(rng.integers(len(walks)))], seconds, pace, rng)
    skate = foot_skate_ratio(turns_of(base.rotations, base.root_m)[0], FPS)
    if rng.random() < 0.5:
        base = curved(base, float(rng.choice([-1.0, 1.0]) * rng.uniform(0.06, 0.22)))
    chair = draw_chair(rng)
    place, yaw = _course(base.root_m, chair.ahead_m)
    turn = np.asarray(about_z(yaw))
    handles = _handles(chair, place, turn)
    pushing = _leaning(base.rotations, chair.lean_deg)
    # Whoever cannot reach the handles leans on them more, then walks closer.
    for _ in range(8):
        joints = turns_of(pushing, base.root_m)[0]
        shoulders = joints[:, [JOINT_INDEX[f"{side}_shoulder"] for side in _SIDES]]
        if np.linalg.norm(handles - shoulders, axis=-1).max() < 0.99 * ARM_M:
            break
        ahead, half, height = chair.handle_m
        if chair.lean_deg < 19:
            chair = replace(chair, lean_deg=chair.lean_deg + 3)
        else:
            chair = replace(chair, handle_m=(max(ahead - 0.04, 0.33), half, height))
        handles = _handles(chair, place, turn)
        pushing = _leaning(base.rotations, chair.lean_deg)
    for number, side in enumerate(_SIDES):
        elbow_to = (turn @ np.array([-0.5, 0.35 if side == "left" else -0.35, -1.0])).reshape(-1, 3)
        arm = hand_at(pushing, base.root_m, side, handles[:, number], elbow_to)
        pushing[:, JOINT_INDEX[f"{side}_shoulder"]] = arm[:, 0]
        pushing[:, JOINT_INDEX[f"{side}_elbow"]] = arm[:, 1]
        pushing[:, JOINT_INDEX[f"{side}_wrist"]] = np.eye(3)
    sitting, seated = _sitter(chair, len(yaw), rng)
    sitting[:, 0] = turn @ sitting[:, 0]
    root = np.einsum("tij,tj->ti", turn, seated)
    root[:, :2] += place
    return Ride(
        chair, (sitting, pushing), (root, base.root_m), (turns_of(sitting, root)[0], turns_of(pushing, base.root_m)[0]),
        handles, turns_of(base.rotations, base.root_m)[0], skate, base.subject, base.source,
    )  # fmt: skip


_STAFF: Final = ("a carer", "a nurse", "someone", "a caregiver", "a person", "a nurse's aide")
_PATIENT: Final = ("a patient", "an elderly person", "someone", "a person", "a resident")


def ride_words(rng: Rng, turns: str, count: int = 7) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Word what the sitter and what the walker does.

    Args:
        rng: Draws the words.
        turns: left, right or '' for a straight way.
        count: Sentences for each.
    """
    way = ("", f" to the {turns}", f" in a curve to the {turns}") if turns else ("", " straight ahead", " forward")
    sat: dict[str, None] = {}
    pushed: dict[str, None] = {}
    for _ in range(80):
        carer, patient = str(rng.choice(_STAFF)), str(rng.choice(_PATIENT))
        pushed.setdefault(str(rng.choice([
            f"{carer} pushes a wheelchair{rng.choice(way)}",
            f"{carer} pushes {patient} in a wheelchair{rng.choice(way)}",
            f"{carer} walks behind a wheelchair and pushes it{rng.choice(way)}",
            f"{carer} is pushing a wheelchair",
            f"{carer} walks and pushes a wheelchair with both hands",
            f"{carer} wheels {patient} along{rng.choice(way)}",
        ])))  # fmt: skip
        sat.setdefault(str(rng.choice([
            f"{patient} sits in a wheelchair that is pushed{rng.choice(way)}",
            f"{patient} is pushed in a wheelchair{rng.choice(way)}",
            f"{patient} is sitting in a wheelchair and is pushed by {carer}",
            f"{patient} rides in a wheelchair{rng.choice(way)}",
            f"{patient} sits still in a moving wheelchair",
            f"{patient} is wheeled along{rng.choice(way)}",
        ])))  # fmt: skip
    return tuple(sat)[:count], tuple(pushed)[:count]
