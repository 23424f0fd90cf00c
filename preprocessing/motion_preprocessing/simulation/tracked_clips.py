"""Key poses done by a body: whose, how quickly and with which small pushes is drawn; what no body could do is refused.

The recorded walks before and after a routine stay as they are: physics begins where the walk has come to a stand, and
ends where the body walks off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.easing import smooth_step
from motion_preprocessing.frame_labels import ACTIONS
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import jerk_m_s3
from motion_preprocessing.resample import continuous, cubic
from motion_preprocessing.rotations import matrix_from_quaternion, quaternion_from_matrix
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.simulation import keypose
from motion_preprocessing.simulation.body import BodySize, draw_size
from motion_preprocessing.simulation.grounding import eased, flesh_of, grounded, hands_in_lap, heights
from motion_preprocessing.simulation.hinges import HINGES, Array, Pose, chain, local_rotations
from motion_preprocessing.simulation.keypose import FPS, Made
from motion_preprocessing.simulation.keys import Key, smoothed
from motion_preprocessing.simulation.phases import labels_of_phases
from motion_preprocessing.simulation.recorded import faded
from motion_preprocessing.simulation.routine import Routine, Walks
from motion_preprocessing.simulation.solve import Box, part_of, points_of
from motion_preprocessing.simulation.touching import gaps
from motion_preprocessing.simulation.track_world import Help, Nudge, TrackPlan
from motion_preprocessing.simulation.tracking import Tracked, track
from motion_preprocessing.skeleton import JOINT_INDEX

KINDS: Final = (
    "chair_sit", "chair_stand", "chair_both", "bed_lie", "bed_up", "bed_roll", "floor_up", "floor_lie", "kneel_up",
)  # fmt: skip
"""Routines that a body can do by physics."""
HELPS: Final = (Help(0.15, 0.15, 0.04), Help(0.25, 0.25, 0.06), Help(0.35, 0.35, 0.08))
"""Helping hands, weakest first: a clip is done with the weakest that suffices. The last is the limit."""
MEAN_HELP: Final = (0.15, 0.30)
"""Most help on average, upright and level, share of body weight."""
ERROR_M: Final = (0.12, 0.35)
"""Most that joints are away from the key poses, on average over the clip and in any frame, wherever the body is."""
END_M: Final = 0.15
"""Most that they are away in the last frame."""
DRIFT_M: Final = 0.40
"""Most that the body is over another place of floor or bed than the key poses."""
FLOOR_M: Final = 0.02
THINGS_M: Final = 0.06
SLIDE_M_S: Final = 0.15
"""Most that feet and hands that should stay where they are slide, on average."""
LIMIT_DEG: Final = 5.0
REST_M_S: Final = 0.25
SUNK_M: Final = 0.08
HELD_M: Final = 0.03
"""A contact that two keys in a row have within this distance is held between them."""
ON_M: Final = 0.10
"""A wrist that is so high over something has its hand on it."""
LIMBS: Final = ("left_foot", "right_foot", "left_hand", "right_hand")
"""Whose contacts are measured."""
FADE_S: Final = 0.4
FLOATS_S: Final = 0.5
FLOATS_M: Final = 0.06
THROUGH_M: Final = 0.14
"""A reference whose trunk or head is deeper in a thing goes through it; upholstery gives, splines are not exact."""
_ARMREST: Final = (0.20, 0.03, 0.03)


@dataclass(frozen=True)
class TrackedClip:
    """A routine done by a body."""

    made: Made
    """What came out."""
    keys: Made
    """The key poses, at the body's times."""
    first: int
    """Frame where physics begins."""
    held: NDArray[np.bool_]
    """(T', 4) whether each of LIMBS should stay where it is, in the frames that physics made."""
    tracked: Tracked
    size: BodySize
    boxes: tuple[Box, ...]
    rung: int
    """Which of HELPS it was done with."""
    refused: tuple[str, ...]
    """Why the reference was not tried; empty where it was."""


def solid(routine: Routine) -> tuple[Box, ...]:
    """Return a routine's furniture as a body of flesh meets it.

    Key poses sink into upholstery by what flesh and cushion give together; here the cushion is as low as it is when
    somebody sits on it. Hands that hold on to armrests get armrests.
    """
    boxes = list(sunk_boxes(routine.boxes))
    if routine.tags.get("arms") == "armrests":
        held = next((key.touch["hand_l"] for key in routine.keys if "hand_l" in key.touch), None)
        if held is not None:
            along, across, thick = _ARMREST
            top = held[2] - 0.03
            boxes += [
                Box("chair", (held[0] - 0.06, side * (held[1] + 0.01)), (along, across), top, bottom_m=top - thick)
                for side in (1.0, -1.0)
            ]
    return tuple(boxes)


def sunk_boxes(boxes: tuple[Box, ...]) -> tuple[Box, ...]:
    """Return furniture as low as it is under somebody's weight."""
    return tuple(replace(box, top_m=box.top_m - _sunk(box)) for box in boxes)


def _sunk(box: Box) -> float:
    if box.name == "bed":
        return 0.02
    return 0.05 if box.give_m > 0.05 else 0.0


def stretch(made: Made) -> tuple[int, int]:
    """Return the frames, first and one past the last, between the recorded walks and the steps that belong to them."""
    routine, start, stop = made.routine, 0, len(made.root_m)
    if routine.arrival is not None:
        steps = sum(key.seconds for key in routine.arrival.keys)
        start = len(routine.arrival.record.root_m) - 2 + round(steps * FPS)
    if routine.departure is not None:
        steps = sum(key.seconds for key in routine.departure.keys)
        stop = stop - len(routine.departure.record.root_m) - round(steps * FPS) + 1
    return start, stop


def reference_faults(pose: Pose, boxes: tuple[Box, ...]) -> list[str]:
    """What no body can follow: a pose that rests on nothing for long, or that goes through furniture or floor."""
    flesh = flesh_of(BodySize())
    points = points_of(chain(pose), flesh.on, flesh.offsets_m)
    over = heights(points, flesh.radii_m, boxes).min(axis=1)
    found = []
    aloft = np.convolve(over > FLOATS_M, np.ones(round(FLOATS_S * FPS)), mode="valid")
    if len(aloft) and aloft.max() >= round(FLOATS_S * FPS):
        found.append("floats")
    trunk = np.isin(flesh.on, [JOINT_INDEX[name] for name in ("pelvis", "spine1", "spine2", "spine3", "head")])
    deep = max((_inside(points[:, trunk], flesh.radii_m[trunk], box) for box in boxes), default=0.0)
    if max(deep, float((flesh.radii_m - points[..., 2])[:, trunk].max())) > THROUGH_M:
        found.append("through")
    return found


def _inside(points_m: Array, radii_m: Array, box: Box) -> float:
    """How deep flesh is in a box: least way out through its top or sides, at most over all points and frames."""
    c, s = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
    rel = points_m[..., :2] - np.array(box.centre_m)
    x, y = c * rel[..., 0] + s * rel[..., 1], c * rel[..., 1] - s * rel[..., 0]
    outs = np.stack(
        [box.top_m - points_m[..., 2], box.half_m[0] - np.abs(x), box.half_m[1] - np.abs(y),
         points_m[..., 2] - box.bottom_m], axis=-1
    ) + radii_m[:, None]  # fmt: skip
    return float(np.maximum(outs[..., :3].min(axis=-1) * (outs[..., 3] > 0), 0.0).max(initial=0.0))


def _warp(frames: int, rng: np.random.Generator) -> Array:
    """Draw the frame of the key poses (T',) that each frame of the clip shows: somebody's own rhythm."""
    tempo = np.exp(rng.normal(scale=0.06))
    noise = smoothed(rng.normal(size=(3 * frames, 1)), 0.5 * FPS)[:, 0]
    # White noise smoothed by a Gaussian keeps 1 / (2 sigma sqrt(pi)) of its variance.
    rate = tempo * np.exp(0.12 * noise * np.sqrt(FPS * np.sqrt(np.pi)))
    at = np.concatenate([[0.0], np.cumsum(rate)])
    count = int(np.searchsorted(at, frames - 1))
    return np.asarray(at[: count + 1] * (frames - 1) / at[count])


def _paced(made: Made, start: int, stop: int, at: Array) -> Made:
    """Let a routine go through the frames `at` between two of its frames: somebody's own rhythm."""
    frames = np.concatenate([np.arange(start), at, np.arange(stop, len(made.root_m))])
    pose = Pose(
        cubic(made.pose.root_m, frames),
        _between(made.pose.root, frames),
        cubic(made.pose.angles, frames),
    )
    rotations, root = _between(made.rotations, frames), cubic(made.root_m, frames)
    events = tuple(
        Event(event.name, round(float(np.interp(event.time_s * FPS, frames, np.arange(len(frames)))) / FPS, 4))
        for event in made.events
    )
    joints = np.asarray(forward_kinematics(rotations, root)[0])
    return Made(rotations, root, joints, events, made.routine, pose)


def _between(turns: Array, frames: Array) -> Array:
    quaternions = continuous(np.asarray(quaternion_from_matrix(turns)))
    return np.asarray(matrix_from_quaternion(cubic(quaternions, frames)))


_ARM: Final = np.array([part_of(hinge.name.rsplit("_", 1)[0]) in ("shoulder", "elbow", "wrist") for hinge in HINGES])


def _slack(made: Made, start: int, stop: int) -> Array:
    """How far (T, 45) muscles are let go: arms of who sits, all of who lies."""
    labels = labels_of_phases(made.events, len(made.root_m), FPS)[start:stop]
    sits, lies = (smoothed((labels == ACTIONS.index(name)).astype(np.float64)[:, None], 0.25 * FPS)
                  for name in ("sitting", "lying"))  # fmt: skip
    return np.asarray(0.6 * np.maximum(sits * _ARM, lies))


def _nudges(seconds: float, rng: np.random.Generator) -> tuple[Nudge, ...]:
    """Draw up to two small pushes from any side."""
    found = []
    for _ in range(int(rng.integers(3))):
        way, size = rng.uniform(-np.pi, np.pi), rng.uniform(1.0, 5.0)
        force = (float(size * np.cos(way)), float(size * np.sin(way)), 0.0)
        part = str(rng.choice(["pelvis", "spine3", "left_shoulder", "right_shoulder"]))
        found.append(Nudge(part, float(rng.uniform(0, seconds)), 0.15, force))
    return tuple(found)


def make_tracked(kind: str, rng: np.random.Generator, walks: Walks) -> TrackedClip:
    """Draw a routine of a kind, and a body that does it with the weakest help that suffices."""
    made = keypose.make(kind, rng, walks)
    size = draw_size(rng)
    tone, friction = float(rng.uniform(0.8, 1.25)), float(rng.uniform(0.6, 1.0))
    start, stop = stretch(made)
    at = _warp(stop - start, rng) + start
    held = held_limbs(made)[np.round(at).astype(int)]
    keys, stop = _paced(made, start, stop, at), start + len(at)
    boxes = solid(made.routine)
    cut = Pose(*(a[start:stop] for a in keys.pose))
    nudges = _nudges((stop - start) / FPS, rng)
    refused = tuple(reference_faults(cut, boxes))
    if refused:
        none = Tracked(cut, *(np.zeros((1, 3)),) * 2, np.zeros((1, 0, 3)), np.zeros((1, 45)), 0.0, 0.0, 0.0)
        return TrackedClip(keys, keys, start, held, none, size, boxes, 0, refused)
    slack = _slack(keys, start, stop)
    laid = hands_in_lap(eased(cut, FPS), in_lap(keys)[start:stop], size, FPS)
    goal = grounded(laid, size, boxes, FPS)
    clip: TrackedClip | None = None
    for rung, hand in enumerate(HELPS):
        tracked = track(TrackPlan(goal, slack, hand, size, boxes, friction, tone, nudges))
        clip = TrackedClip(_joined(keys, start, tracked.pose), keys, start, held, tracked, size, boxes, rung, ())
        if not tracked_faults(clip):
            break
    assert clip is not None
    return clip


def _joined(keys: Made, start: int, pose: Pose) -> Made:
    """Put what a body did in place of the key poses; what it is away at the ends fades into what is beside it."""
    rotations, root = keys.rotations.copy(), keys.root_m.copy()
    own, last = local_rotations(pose), start + len(pose.root_m) - 1
    frames = np.arange(len(root))
    if start > 0:
        share = 1 - smooth_step((start - frames) / (FADE_S * FPS))
        before = slice(0, start)
        root[before] += share[before, None] * (pose.root_m[0] - keys.root_m[start])
        rotations[before] = faded(keys.rotations, start, own[0], share)[before]
    if last < len(root) - 1:
        share = 1 - smooth_step((frames - last) / (FADE_S * FPS))
        after = slice(last + 1, None)
        root[after] += share[after, None] * (pose.root_m[-1] - keys.root_m[last])
        rotations[after] = faded(keys.rotations, last, own[-1], share)[after]
    rotations[start : last + 1], root[start : last + 1] = own, pose.root_m
    whole = Pose(*(a.copy() for a in keys.pose))
    for mine, theirs in zip(whole, pose, strict=True):
        mine[start : last + 1] = theirs
    joints = np.asarray(forward_kinematics(rotations, root)[0])
    return Made(rotations, root, joints, keys.events, keys.routine, whole)


def tracked_faults(clip: TrackedClip) -> list[str]:
    """Why a clip is not kept; empty for a good one."""
    if clip.refused:
        return list(clip.refused)
    found = [fault for fault in keypose.faults(clip.made) if fault != "floor"]
    return found + body_faults(clip.tracked, figures_of(clip))


def body_faults(t: Tracked, f: dict[str, Any]) -> list[str]:
    """What of a body's doing, with its figures, is not kept."""
    checks = (
        ("error", f["error_m"] > ERROR_M[0] or f["error_most_m"] > ERROR_M[1]),
        ("place", f["drift_m"] > DRIFT_M),
        ("help", f["help_up"] > MEAN_HELP[0] or f["help_level"] > MEAN_HELP[1]),
        ("depth", f["floor_m"] > FLOOR_M or f["things_m"] > THINGS_M),
        ("slide", max(f["feet_m_s"], f["hands_m_s"]) > SLIDE_M_S),
        ("limit", t.limit_deg > LIMIT_DEG),
        ("unsettled", t.rest_m_s > REST_M_S),
        ("end", abs(t.sunk_m) > SUNK_M or f["end_m"] > END_M),
    )
    return [name for name, wrong in checks if wrong]


def figures_of(clip: TrackedClip) -> dict[str, Any]:
    """Measure a clip: distances in metres and speeds in m / s of the project's skeleton, help in shares of weight."""
    stop = clip.first + len(clip.tracked.pose.root_m)
    cut = Pose(*(a[clip.first : stop] for a in clip.keys.pose))
    sits = in_lap(clip.keys)[clip.first : stop]
    return {
        "rung": clip.rung, "height_m": clip.size.height_m, "mass_kg": clip.size.mass_kg,
        "strength": clip.size.strength, **body_figures(clip.tracked, cut),
        **contact_figures(clip.tracked.pose, clip.held, sits, clip.size, clip.boxes),
    }  # fmt: skip


def body_figures(t: Tracked, cut: Pose) -> dict[str, Any]:
    """Measure what a body made of key poses, and with what help."""
    gap = chain(t.pose).joints_m - chain(cut).joints_m
    drift = np.linalg.norm(gap[..., :2].mean(axis=1), axis=-1)
    gap[..., :2] -= gap[..., :2].mean(axis=1, keepdims=True)
    away = np.linalg.norm(gap, axis=-1).mean(axis=1)
    level = np.hypot(t.help_force[:, 0], t.help_force[:, 1])
    up = np.abs(t.help_force[:, 2])
    turning = np.linalg.norm(t.help_moment, axis=1)
    return {
        "error_m": float(away.mean()), "error_most_m": float(away.max()), "end_m": float(away[-1]),
        "drift_m": float(drift.max()),
        "help_up": float(up.mean()), "help_up_most": float(up.max()),
        "help_level": float(level.mean()), "help_level_most": float(level.max()),
        "help_turn": float(turning.mean()), "help_turn_most": float(turning.max()),
    }  # fmt: skip


def contact_figures(
    pose: Pose, held: NDArray[np.bool_], sits: NDArray[np.bool_], size: BodySize, boxes: tuple[Box, ...]
) -> dict[str, float]:
    """Measure what touches: depth in floor and things, what should stay and slides, what should touch and hovers, jerk.

    Args:
        pose: T frames, in the scale of the project's skeleton.
        held: (T, 4) as those of a clip.
        sits: (T,) whether the hands should lie in the lap.
        size: Whose flesh it is.
        boxes: Furniture, in the same scale.
    """
    found, joints = gaps(pose, size, boxes), chain(pose).joints_m
    speed = np.linalg.norm(np.diff(joints[..., :2], axis=0), axis=-1) * FPS
    both = held[1:] & held[:-1]
    # A foot that turns on its toes or its heel slides no more than a wheel does.
    feet = np.minimum(speed[:, _FEET[0]], speed[:, _FEET[1]])
    hands = np.minimum(found.room_m[:, _HANDS], found.lap_m)
    return {
        "floor_m": float(max(-found.floor_m.min(), 0.0)), "things_m": float(max(-found.things_m.min(), 0.0)),
        "feet_m_s": _mean(feet[both[:, :2]]), "hands_m_s": _mean(speed[:, _HANDS][both[:, 2:]]),
        "hover_m": _mean(np.maximum(hands[held[:, 2:]], 0.0)),
        "lap_m": _mean(np.maximum(found.lap_m[sits], 0.0)), "jerk_m_s3": float(jerk_m_s3(joints, FPS).mean()),
    }  # fmt: skip


_FEET: Final = tuple([JOINT_INDEX[f"{side}_{part}"] for side in ("left", "right")] for part in ("ankle", "foot"))
_HANDS: Final = [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else 0.0


def held_limbs(made: Made) -> NDArray[np.bool_]:
    """Return when (T, 4) the keys want each of LIMBS to stay where it is.

    That is between two keys in a row that have it in the same place on floor or furniture: hands on one's own thighs
    go along with them.
    """
    routine, frames, boxes = made.routine, len(made.root_m), solid(made.routine)
    at = 0.0 if routine.lead is None else (len(routine.lead.root_m) - 1) / FPS
    result = np.zeros((frames, len(LIMBS)), dtype=bool)
    before: Key | None = None
    for key in routine.keys:
        begin, at = at, at + (key.seconds if before is not None or routine.lead is not None else 0.0)
        for i, limb in enumerate(LIMBS):
            name = f"{limb.split('_')[1]}_{limb[0]}"
            here, there = key.touch.get(name), None if before is None else before.touch.get(name)
            held = here is not None and there is not None and np.hypot(here[0] - there[0], here[1] - there[1]) < HELD_M
            if held and here is not None and (i < 2 or _on_room(here, boxes)):
                result[int(np.ceil(begin * FPS)) : int(at * FPS) + 1, i] = True
        before = key
    return result


def _on_room(place: tuple[float, ...], boxes: tuple[Box, ...]) -> bool:
    """Whether a hand's place (x, y, height) is on floor or furniture."""
    point = np.array([[[place[0], place[1], place[2] if len(place) > 2 else 0.05]]])
    return bool(heights(point, np.zeros(1), boxes)[0, 0] < ON_M)


def in_lap(made: Made) -> NDArray[np.bool_]:
    """Return when (T,) hands should lie in the lap: of who sits on a seat without armrests."""
    sits = labels_of_phases(made.events, len(made.root_m), FPS) == ACTIONS.index("sitting")
    bare = made.routine.kind.startswith("chair") and made.routine.tags.get("arms") != "armrests"
    return np.asarray(sits & bare)


def tracked_sequence(
    clip: TrackedClip, name: str, seed: int, split: str, rng: np.random.Generator
) -> MotionSequence:
    """Describe a clip for the dataset."""
    row = keypose.sequence_of(clip.made, name, seed, split, rng)
    return replace(
        row,
        source=f"tracked {row.source}",
        licence=row.licence.replace("made from key poses", "made by physics from key poses"),
        body_scale=clip.size.scale,
    )
