"""Makes routines: from keys to frames, checked for what no body does, as sequences of the dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from motion_preprocessing.events import detect
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.motion_features import LYING, measure
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.simulation import errands, routines
from motion_preprocessing.simulation.facing import any_facing, faced
from motion_preprocessing.simulation.hinges import Array, Pose, local_rotations
from motion_preprocessing.simulation.keys import animate
from motion_preprocessing.simulation.phases import labels_of_phases
from motion_preprocessing.simulation.recorded import faded
from motion_preprocessing.simulation.routine import Part, Routine, Walks, words

FPS: Final = 20.0
FADE_S: Final = 0.3
LICENCE: Final = "made from key poses by scene-motion; free of others' rights"
WALK_LICENCE: Final = (
    "made from key poses and CMU mocap walks; CMU mocap terms: free for research and commercial products; "
    "do not resell the data itself; credit mocap.cs.cmu.edu (NSF EIA-0196217)"
)


_ACTIONS: Final = {
    "chair_sit": "sit", "chair_stand": "stand_up", "chair_both": "sit", "bed_lie": "lie", "bed_up": "get_up",
    "bed_roll": "lie", "floor_up": "get_up", "floor_lie": "lie", "pick_up": "pick_up", "reach": "reach",
    "kneel_up": "get_up",
}  # fmt: skip
"""Coarse action of each kind."""


@dataclass(frozen=True)
class Made:
    """A routine as motion."""

    rotations: Array
    """(T, 22, 3, 3) local rotations."""
    root_m: Array
    """(T, 3)."""
    joints_m: Array
    """(T, 22, 3)."""
    events: tuple[Event, ...]
    """Start of each phase, named by its class."""
    routine: Routine
    pose: Pose
    """The frames in hinge angles, before what the hinges could not follow of recorded ones was brought back."""


def make(kind: str, rng: np.random.Generator, walks: Walks) -> Made:
    """Draw a routine of a kind and make it."""
    routine = (routines.KINDS | errands.KINDS)[kind][0](rng, walks)
    pose = animate(
        routine.keys, FPS, rng, routine.boxes, routine.lead, routine.trail, liveliness=float(rng.uniform(0.6, 1.4))
    )
    rotations, root = local_rotations(pose), pose.root_m.copy()
    ease = 1 - np.clip(np.arange(len(root)) / (FADE_S * FPS), 0, 1)
    ease = ease * ease * (3 - 2 * ease)
    if routine.arrival is not None:
        # What the hinges could not follow of the recorded frames fades out after them.
        record = routine.arrival.record
        n = len(record.root_m)
        share = np.ones(len(root))
        share[n - 1 :] = ease[: len(root) - n + 1]
        root += share[:, None] * (record.root_m[-1] - root[n - 1])
        rotations = faded(rotations, n - 1, record.rotations[-1], share)
        rotations[:n], root[:n] = record.rotations, record.root_m
    if routine.departure is not None:
        record = routine.departure.record
        at = len(root) - len(record.root_m)
        share = np.ones(len(root))
        share[: at + 1] = ease[: at + 1][::-1]
        root += share[:, None] * (record.root_m[0] - root[at])
        rotations = faded(rotations, at, record.rotations[0], share)
        rotations[at:], root[at:] = record.rotations, record.root_m
    joints = np.asarray(forward_kinematics(rotations, root)[0])
    return Made(rotations, root, joints, _events(routine), routine, pose)


def _events(routine: Routine) -> tuple[Event, ...]:
    return phase_events(routine.parts, None if routine.lead is None else len(routine.lead.root_m))[0]


def phase_events(parts: list[Part], lead: int | None) -> tuple[tuple[Event, ...], float]:
    """Return where each part begins, as events named by its class, and where the last one ends, seconds.

    Args:
        parts: In order of time.
        lead: Frames before the first key; None where the first key is the first frame.
    """
    at = 0.0 if lead is None else (lead - 1) / FPS
    events: list[Event] = []
    first = lead is None
    for part in parts:
        if not part.keys:
            continue
        if not events or events[-1].name != part.label:
            events.append(Event(part.label, round(at if events else 0.0, 4)))
        for key in part.keys:
            at += 0.0 if first else key.seconds
            first = False
    return tuple(events), at


def faults(made: Made) -> list[str]:
    """What no body does: joints under the floor, limbs that jump, feet that slide."""
    j = made.joints_m
    speed = np.linalg.norm(np.diff(j, axis=0), axis=-1) * FPS
    change = np.linalg.norm(np.diff(j, 2, axis=0), axis=-1) * FPS * FPS
    found = []
    if j[..., 2].min() < -0.04:
        found.append("floor")
    if speed.max() > 5.5:
        found.append("speed")
    if change.max() > 95.0:
        found.append("jump")
    if not np.isfinite(j).all():
        found.append("finite")
    # Others must not see what it is not: a fall in lying down, lying in a squat with the trunk level.
    seen = measure(j, FPS)
    if any(event.kind == "fall" for event in detect(seen)):
        found.append("falls")
    if made.routine.kind == "pick_up" and (seen.posture == LYING).any():
        found.append("level")
    return found


def sequence_of(made: Made, name: str, seed: int, split: str, rng: np.random.Generator) -> MotionSequence:
    """Describe a made routine for the dataset."""
    routine = made.routine
    recorded = routine.arrival is not None or routine.departure is not None
    patient = bool(rng.random() < 0.5)
    rotations, root_m = faced(made.rotations, made.root_m, any_facing(rng))
    return MotionSequence(
        name=name,
        fps=FPS,
        local_rotations=rotations,
        root_position_m=root_m,
        captions=words(routine, patient, rng),
        action=_ACTIONS[routine.kind],
        person_class="patient" if patient else "person",
        subject=f"simulated_{seed}_{split}",
        split=split,
        pair="",
        source=f"key poses: {routine.kind}",
        licence=WALK_LICENCE if recorded else LICENCE,
        label=" ".join([routine.kind.replace("_", " "), *routine.tags.values()]),
        events=made.events,
        frame_labels=labels_of_phases(made.events, len(rotations), FPS),
    )
