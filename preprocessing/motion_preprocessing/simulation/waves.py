"""Waving with one hand or both, laid over recorded or posed walking, standing and sitting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from motion_preprocessing.easing import min_jerk
from motion_preprocessing.events import detect
from motion_preprocessing.motion_features import measure
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.simulation.arms import (
    bent_spine,
    blended,
    hand_at,
    shoulder_excess_deg,
    turns_of,
)
from motion_preprocessing.simulation.facing import any_facing, faced
from motion_preprocessing.simulation.hinges import Array
from motion_preprocessing.simulation.keypose import LICENCE, WALK_LICENCE
from motion_preprocessing.simulation.phases import labels_of_phases
from motion_preprocessing.simulation.spans import FPS, POSTURES, Base, Span, posed_base, recorded_base
from motion_preprocessing.skeleton import JOINT_INDEX

Rng = np.random.Generator
_UPPER_M: Final = 0.26
_FORE_M: Final = 0.25
REAL_CHANGE_M_S2: Final = 65.0
"""99th percentile of the largest acceleration of a joint in recorded walking, sitting and daily motion."""


@dataclass(frozen=True)
class Wave:
    """One arm's wave."""

    raise_s: float
    """When the arm begins to rise."""
    rise_s: float
    """How long it takes up."""
    lower_s: float
    """How long it takes down."""
    hz: float
    """Swings a second."""
    swings: int
    half_deg: float
    """The forearm swings so far to either side."""
    lift_deg: float
    """Of the upper arm over the horizontal."""
    aside_deg: float
    """Of the upper arm: 0 points forward, 90 to its side."""
    tilt_deg: tuple[float, float]
    """Of the forearm in the middle of a swing: forward, outward."""
    facing_deg: float
    """Who is waved to: 0 is straight ahead, positive on the arm's side."""
    phase: float
    """Of the first swing: 1 or -1."""

    @property
    def waving(self) -> tuple[float, float]:
        """When the forearm swings, seconds."""
        start = self.raise_s + 0.75 * self.rise_s
        return start, start + self.swings / self.hz

    @property
    def end_s(self) -> float:
        """When the arm is down again."""
        return self.waving[1] + self.lower_s


def draw_wave(rng: Rng, seconds: float) -> Wave:
    """Draw a wave that begins and ends within so many seconds."""
    rise, lower = float(rng.uniform(0.45, 0.9)), float(rng.uniform(0.5, 1.0))
    room = seconds - 0.75 * rise - lower - 0.3
    # Two swings fit into the shortest clip, or nobody would see a wave.
    hz = max(float(rng.uniform(1.2, 2.5)), 2 / room)
    swings = min(int(rng.integers(2, 8)), int(room * hz + 1e-9))
    spare = room - swings / hz
    high = rng.random() < 0.3
    return Wave(
        raise_s=0.1 + float(rng.uniform(0, 1)) * spare,
        rise_s=rise,
        lower_s=lower,
        hz=hz,
        swings=swings,
        half_deg=float(rng.uniform(14, 32)),
        lift_deg=float(rng.uniform(5, 45) if high else rng.uniform(-50, 5)),
        aside_deg=float(rng.uniform(30, 85)),
        tilt_deg=(float(rng.uniform(0, 28)), float(rng.uniform(-5, 18))),
        facing_deg=float(rng.normal(scale=15)),
        phase=float(rng.choice([-1.0, 1.0])),
    )


def _aimed(wave: Wave, side: str, times: Array) -> tuple[Array, Array]:
    """Directions (T, 3) of upper arm and forearm in the chest's axes."""
    sign = 1.0 if side == "left" else -1.0
    start, stop = wave.waving
    swell = min_jerk((times - start) * 2 * wave.hz) * min_jerk((stop - times) * 2 * wave.hz)
    swing = wave.phase * swell * np.sin(2 * np.pi * wave.hz * (times - start))
    aside, facing = np.radians(wave.aside_deg), np.radians(sign * wave.facing_deg)
    # The upper arm goes along with the forearm a little.
    lift = np.radians(wave.lift_deg + 3.0 * swing)
    upper = np.stack([np.cos(lift) * np.cos(aside), sign * np.cos(lift) * np.sin(aside), np.sin(lift)], axis=-1)
    forward, outward = np.tan(np.radians(wave.tilt_deg))
    middle = np.array([forward, sign * outward, 1.0])
    middle /= np.linalg.norm(middle)
    axis = np.array([np.cos(facing), np.sin(facing), 0.0])
    fore = np.asarray(matrix_from_rotation_vector(np.radians(wave.half_deg) * swing[:, None] * axis)) @ middle
    return upper, fore


def wave_over(base: Base, waves: dict[str, Wave], sway_deg: float) -> Array:
    """Lay waves over a base; returns local rotations.

    Args:
        base: What goes on otherwise.
        waves: The wave of each arm, by side.
        sway_deg: How far the trunk leans to the other side meanwhile.
    """
    times = np.arange(len(base.root_m)) / FPS
    weights = {
        side: min_jerk((times - wave.raise_s) / wave.rise_s) * min_jerk((wave.end_s - times) / wave.lower_s)
        for side, wave in waves.items()
    }
    lean = np.zeros((len(times), 3))
    for side, wave in waves.items():
        rock = 1 + 0.25 * np.sin(2 * np.pi * wave.hz * (times - wave.waving[0]))
        lean[:, 0] += (1.0 if side == "left" else -1.0) * np.radians(sway_deg) * weights[side] * rock
    result = bent_spine(base.rotations, lean)
    for side, wave in waves.items():
        joints, turns = turns_of(result, base.root_m)
        chest = turns[:, JOINT_INDEX["spine3"]]
        upper, fore = ((chest @ way[..., None])[..., 0] for way in _aimed(wave, side, times))
        target = joints[:, JOINT_INDEX[f"{side}_shoulder"]] + _UPPER_M * upper + _FORE_M * fore
        arm = hand_at(result, base.root_m, side, target, upper)
        hand = np.broadcast_to(np.eye(3), (len(times), 1, 3, 3))
        part = tuple(JOINT_INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        result = blended(result, part, np.concatenate([arm, hand], axis=1), weights[side])
    return result


@dataclass(frozen=True)
class Waving:
    """A person who waves."""

    base: Base
    rotations: Array
    """(T, 22, 3, 3) local rotations."""
    joints_m: Array
    """(T, 22, 3)."""
    sides: tuple[str, ...]
    """The arms that wave."""
    waves: dict[str, Wave]

    def people_m(self) -> tuple[Array, ...]:
        """The joints."""
        return (self.joints_m,)

    def faults(self) -> list[str]:
        """What no body does, and waves that nobody would see as such."""
        found = []
        base = turns_of(self.base.rotations, self.base.root_m)[0]
        if largest_change(self.joints_m).max() > max(REAL_CHANGE_M_S2, 1.02 * largest_change(base).max()):
            found.append("jump")
        if max(shoulder_excess_deg(self.rotations, side) for side in self.sides) > 8.0:
            found.append("limits")
        body = [JOINT_INDEX[name] for name in ("head", "neck")]
        for side in self.sides:
            wrist = self.joints_m[:, JOINT_INDEX[f"{side}_wrist"]]
            if np.linalg.norm(self.joints_m[:, body] - wrist[:, None], axis=-1).min() < 0.13:
                found.append("head")
        seen = {event.side for event in detect(measure(self.joints_m, FPS)) if event.kind == "wave"}
        if ("both" if len(self.sides) == 2 else self.sides[0]) not in seen or len(seen) > 1:
            found.append("unseen")
        return found

    def sequences(self, name: str, seed: int, split: str, rng: Rng) -> list[MotionSequence]:
        """Describe a waving person for the dataset."""
        rotations, root_m = faced(self.rotations, self.base.root_m, any_facing(rng))
        label = POSTURES[self.base.kind]
        begin = min(wave.waving[0] for wave in self.waves.values())
        events = (Event(label, 0.0), Event("wave", round(begin, 4)))
        arm = "both" if len(self.sides) == 2 else self.sides[0]
        return [
            MotionSequence(
                name=name,
                fps=FPS,
                local_rotations=rotations,
                root_position_m=root_m,
                captions=wave_words(self, rng),
                action="wave",
                person_class="patient" if self.base.kind == "sit" and rng.random() < 0.5 else "person",
                subject=f"layered_{self.base.subject or f'{seed}_{split}'}",
                split=split,
                pair="",
                source=f"layered: wave over {self.base.source or 'key poses'}",
                licence=WALK_LICENCE if self.base.source else LICENCE,
                label=f"wave {arm} {self.base.kind}",
                events=events,
                frame_labels=labels_of_phases(events, len(rotations), FPS),
            )
        ]


def make_waving(rng: Rng, spans: list[Span]) -> Waving:
    """Draw a base and waves and lay them together."""
    kind = str(rng.choice(["stand", "walk", "sit"], p=(0.4, 0.35, 0.25)))
    seconds = float(rng.uniform(3.0, 8.0))
    fitting = [span for span in spans if span.kind == kind and not span.busy]
    if fitting and (kind == "walk" or rng.random() < 0.6):
        base = recorded_base(fitting[int(rng.integers(len(fitting)))], seconds, float(rng.uniform(0.95, 1.2)), rng)
    else:
        base = posed_base("stand" if kind == "walk" else kind, seconds, rng)
    arms = str(rng.choice(["right", "left", "both"], p=(0.46, 0.4, 0.14)))
    sides = ("left", "right") if arms == "both" else (arms,)
    first = draw_wave(rng, (len(base.root_m) - 1) / FPS)
    waves = {sides[0]: first}
    if arms == "both":
        waves["right"] = replace(
            first,
            half_deg=first.half_deg * float(rng.uniform(0.8, 1.2)),
            lift_deg=first.lift_deg + float(rng.normal(scale=6)),
            aside_deg=first.aside_deg + float(rng.normal(scale=8)),
            facing_deg=-first.facing_deg,
            phase=first.phase * float(rng.choice([1.0, -1.0])),
        )
    rotations = wave_over(base, waves, float(rng.uniform(-1.0, 4.0)))
    return Waving(base, rotations, turns_of(rotations, base.root_m)[0], sides, waves)


def largest_change(joints_m: Array) -> Array:
    """Return the largest acceleration of any joint in each frame, m / s^2."""
    return np.asarray(np.linalg.norm(np.diff(joints_m, 2, axis=0), axis=-1).max(axis=1) * FPS * FPS)


_WHO: Final = ("a person", "someone", "the person", "a human", "somebody")


def wave_words(made: Waving, rng: Rng, count: int = 7) -> tuple[str, ...]:
    """Say it in several ways."""
    arm = "both hands" if len(made.sides) == 2 else f"the {made.sides[0]} hand"
    arms = "both arms" if len(made.sides) == 2 else f"the {made.sides[0]} arm"
    tails = {
        "walk": (" while walking", " while walking along"), "stand": (" while standing", "", " standing still"),
        "sit": (" while sitting", " while sitting on a chair", " sitting on a chair"),
    }[made.base.kind]  # fmt: skip
    leads = {"walk": ("walks and ", "walks forward and "), "stand": ("stands and ", ""), "sit": ("sits and ", "")}
    verbs = (
        f"waves with {arm}", f"raises {arms} and waves", f"waves {arm}", f"waves hello with {arm}", "waves",
        f"lifts {arm} and waves to somebody", "waves at someone", "waves goodbye",
    )  # fmt: skip
    found: dict[str, None] = {}
    for _ in range(40):
        verb = str(rng.choice(verbs))
        if rng.random() < 0.5:
            text = f"{rng.choice(_WHO)} {verb}{rng.choice(tails)}"
        else:
            text = f"{rng.choice(_WHO)} {rng.choice(leads[made.base.kind])}{verb}"
        found.setdefault(text)
        if len(found) == count:
            break
    return tuple(found)
