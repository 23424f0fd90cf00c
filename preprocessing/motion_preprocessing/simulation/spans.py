"""Stretches of motion that an action is laid over: recorded walking, standing and sitting, and some of key poses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from motion_preprocessing.events import detect
from motion_preprocessing.motion_features import measure
from motion_preprocessing.resample import resample
from motion_preprocessing.simulation import chair as chairs
from motion_preprocessing.simulation.hinges import Array, local_rotations
from motion_preprocessing.simulation.keys import Key, animate
from motion_preprocessing.simulation.recorded import Recording
from motion_preprocessing.simulation.steps import ARMS_DOWN, stance

FPS: Final = 20.0
POSTURES: Final = {"walk": "walk", "stand": "standing", "sit": "sitting"}
"""Events that make a stretch, and the OmniFall class of its frames."""
SHORTEST_S: Final = 3.0
UPRIGHT_DEG: Final = 28.0
"""Nobody who stands or walks in a stretch bends further."""
_ARMS: Final = ("wave", "raise_arm", "hold_arm", "reach", "hand_to_face", "punch", "pick_up")


@dataclass(frozen=True)
class Span:
    """Frames of a recording in which somebody does one thing."""

    recording: Recording
    kind: str
    """One of POSTURES."""
    start: int
    """First frame."""
    stop: int
    """One past the last frame."""
    busy: bool
    """Whether the arms do something else meanwhile."""


@dataclass(frozen=True)
class Base:
    """Motion that something is laid over."""

    rotations: Array
    """(T, 22, 3, 3) local rotations."""
    root_m: Array
    """(T, 3)."""
    kind: str
    """One of POSTURES."""
    subject: str
    """Who moved; '' for nobody."""
    source: str
    """Name of the recording; '' for key poses."""


def spans(recordings: list[Recording]) -> list[Span]:
    """Find the stretches of recordings in which somebody walks, stands or sits."""
    found = []
    for recording in recordings:
        if len(recording.joints_m) < SHORTEST_S * FPS:
            continue
        features = measure(recording.joints_m, FPS)
        events = detect(features)
        busy = [event for event in events if event.kind in _ARMS]
        for event in events:
            if event.kind not in POSTURES or event.end_s - event.start_s < SHORTEST_S:
                continue
            start, stop = round(event.start_s * FPS), min(round(event.end_s * FPS) + 1, len(recording.joints_m))
            if event.kind != "sit" and features.tilt_deg[start:stop].max() > UPRIGHT_DEG:
                continue
            other = any(min(event.end_s, o.end_s) > max(event.start_s, o.start_s) for o in busy)
            found.append(Span(recording, event.kind, start, stop, other))
    return found


def recorded_base(span: Span, seconds: float, pace: float, rng: np.random.Generator) -> Base:
    """Cut `seconds` out of a span, or all of it where it is shorter, slowed down by the factor `pace`."""
    frames = min(span.stop - span.start, int(round(seconds * FPS / pace)))
    first = span.start + int(rng.integers(span.stop - span.start - frames + 1))
    cut = slice(first, first + frames)
    rotations, root = span.recording.rotations[cut], span.recording.root_m[cut]
    if pace != 1.0:
        rotations, root = resample(rotations, root, FPS, FPS * pace)
    return Base(rotations.copy(), root.copy(), span.kind, span.recording.subject, span.recording.name)


def _standing(seconds: float, rng: np.random.Generator) -> Key:
    x, y = rng.normal(scale=0.02, size=2)
    look = float(rng.normal(scale=12))
    arms = {"shoulder.y": float(rng.uniform(-12, 4)), "elbow": float(rng.uniform(-35, -10))}
    return Key(
        seconds, ARMS_DOWN | arms | {"head.z": look, "neck.z": 0.5 * look, "spine.z": 0.3 * look},
        (0.04 + x, y, 0.93), (0.2 * look, 2.0, 0.0), stance(0.0, 0.0, 0.0, 0.12), balance_m=(0.05 + x, y),
    )  # fmt: skip


def posed_base(kind: str, seconds: float, rng: np.random.Generator) -> Base:
    """Stand or sit for some seconds, looking about a little, by key poses."""
    seat = chairs.draw_seat(rng)

    def key(after_s: float) -> Key:
        if kind == "stand":
            return _standing(after_s, rng)
        lean, look = float(rng.normal(scale=4)), float(rng.normal(scale=12))
        return chairs.seated(seat, after_s, lean, look, **{"neck.y": float(rng.uniform(-4, 10))})

    keys = [key(0.0)]
    left = seconds
    while left > 0.3:
        step = min(left, float(rng.uniform(1.0, 2.2)))
        keys.append(key(step))
        left -= step
    pose = animate(keys, FPS, rng, seat.boxes() if kind == "sit" else ())
    return Base(local_rotations(pose), pose.root_m, kind, "", "")
