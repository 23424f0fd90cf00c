"""Simulated falls as sequences of the dataset: what is kept, how it is told, which phases it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from motion_preprocessing.mocap import FALL_LICENCE
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.simulation.facing import any_facing, faced
from motion_preprocessing.simulation.fall import FPS, simulate
from motion_preprocessing.simulation.fall_plan import Fallen
from motion_preprocessing.simulation.hinges import Array, Pose, chain, local_rotations
from motion_preprocessing.simulation.mishaps import KINDS, Mishap, Spots, on_the_floor
from motion_preprocessing.simulation.phases import labels_of_phases
from motion_preprocessing.skeleton import JOINT_INDEX

LICENCE: Final = "made by physics from key poses by scene-motion; free of others' rights"
ONSET_TO_IMPACT_S: Final = (0.35, 2.3)
DESCENT_S: Final = (0.35, 1.1)
IMPACT_M_S: Final = (1.5, 4.5)
SOFT_IMPACT_M_S: Final = 0.8
"""Lower limit for falls that begin low: from a seat, out of bed, or folding up in a faint."""
PELVIS_M: Final = 0.35
DEPTH_M: Final = 0.02
LIMIT_DEG: Final = 5.0
_OFF_THE_FLOOR: Final = ("out_of_bed",)
"""Falls that start on something."""
_LOW_STARTS: Final = ("missed_seat", "out_of_bed", "failed_rise", "faint", "slip")


@dataclass(frozen=True)
class FallClip:
    """A simulated fall with what comes before it."""

    mishap: Mishap
    fallen: Fallen
    pose: Pose
    """All frames, 20 a second."""
    joints_m: Array
    """(T, 22, 3)."""
    onset: int
    """Frame of the onset."""
    way: str
    """forward, backward, left or right: where the body falls to."""
    descent_s: float
    """From 15 % of the peak downward speed of shoulders and hips to 15 % of it."""


def make_fall(kind: str, rng: np.random.Generator, where: Spots) -> FallClip:
    """Draw a mishap of a kind and simulate it."""
    mishap = KINDS[kind][0](rng, where)
    fallen = simulate(mishap.plan, rng)
    pose = Pose(*(np.concatenate(pair) for pair in zip(mishap.before, fallen.pose, strict=True)))
    joints = chain(pose).joints_m
    onset = len(mishap.before.root_m)
    return FallClip(mishap, fallen, pose, joints, onset, _way(joints, onset, fallen.impact_s), _descent(joints, onset))


def _way(joints: Array, onset: int, impact_s: float) -> str:
    """Direction from the feet to the neck at the impact, in the heading at the onset."""
    if not np.isfinite(impact_s):
        return ""
    hit = min(len(joints) - 1, onset + round(impact_s * FPS))
    feet = joints[hit, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]], :2].mean(axis=0)
    lean = joints[hit, JOINT_INDEX["neck"], :2] - feet
    across = joints[onset, JOINT_INDEX["left_hip"], :2] - joints[onset, JOINT_INDEX["right_hip"], :2]
    left = across / max(float(np.linalg.norm(across)), 1e-9)
    ahead = np.array([left[1], -left[0]])
    x, y = float(lean @ ahead), float(lean @ left)
    if abs(x) > abs(y):
        return "forward" if x > 0 else "backward"
    return "left" if y > 0 else "right"


def _descent(joints: Array, onset: int) -> float:
    places = [JOINT_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "hip")]
    height = joints[max(0, onset - 4) :, places, 2].mean(axis=1)
    # Ten times finer, so that the answer is not a multiple of a frame.
    fine = np.interp(np.arange(0, len(height) - 1, 0.1), np.arange(len(height)), height)
    down = -np.gradient(fine) * FPS * 10
    down = np.convolve(down, np.ones(11) / 11, mode="same")
    peak = int(np.argmax(down))
    low = 0.15 * down[peak]
    a, b = peak, peak
    while a > 0 and down[a - 1] > low:
        a -= 1
    while b < len(down) - 1 and down[b + 1] > low:
        b += 1
    return (b - a) / (FPS * 10)


def fall_faults(clip: FallClip) -> list[str]:
    """Why a fall is not kept; empty for a good one."""
    f, kind = clip.fallen, clip.mishap.plan.kind
    found = []
    if not ONSET_TO_IMPACT_S[0] <= f.impact_s <= ONSET_TO_IMPACT_S[1]:
        found.append("time")
    if not DESCENT_S[0] <= clip.descent_s <= DESCENT_S[1]:
        found.append("descent")
    low = SOFT_IMPACT_M_S if kind in _LOW_STARTS else IMPACT_M_S[0]
    if not low <= f.pelvis_m_s <= IMPACT_M_S[1]:
        found.append("speed")
    if f.pose.root_m[-1, 2] >= PELVIS_M:
        found.append("pelvis")
    if not f.settled:
        found.append("unsettled")
    if f.depth_m > DEPTH_M:
        found.append("depth")
    if f.limit_deg > LIMIT_DEG:
        found.append("limit")
    if kind not in _OFF_THE_FLOOR and not on_the_floor(clip.joints_m[: clip.onset]).all():
        found.append("air")
    if kind == "slip" and clip.way == "forward":
        found.append("direction")
    return found


_CAUSES: Final[dict[str, tuple[str, ...]]] = {
    "push_f": ("is pushed from behind", "gets pushed forward", "is shoved from behind"),
    "push_b": ("is pushed from the front", "gets pushed backward", "is shoved backward"),
    "push_l": ("is pushed from the right", "gets pushed to the left", "is shoved to the left"),
    "push_r": ("is pushed from the left", "gets pushed to the right", "is shoved to the right"),
    "trip": ("trips", "trips over something", "stumbles over an obstacle", "catches the {foot} foot and trips"),
    "slip": ("slips", "slips on the wet floor", "slips with the {foot} foot", "loses grip on the floor"),
    "shift": ("loses balance", "sways and loses balance", "staggers"),
    "faint": ("faints", "passes out", "loses consciousness", "collapses"),
    "failed_rise": ("tries to stand up from the chair", "gets up from the chair and loses balance",
                    "cannot hold the balance while standing up"),
    "missed_seat": ("misses the chair while sitting down", "tries to sit down and misses the seat",
                    "sits down beside the chair"),
    "out_of_bed": ("rolls out of bed", "rolls over the edge of the bed to the {side}", "slides out of the bed"),
}  # fmt: skip
_SUBJECTS: Final = ("a person", "someone", "the person", "a patient", "the patient", "an elderly person")
_ENDS: Final = {
    "prone": ("lies face down", "ends up lying on the front", "lies on the stomach"),
    "supine": ("lies on the back", "ends up on the back", "lies face up"),
    "side": ("lies on the {side} side", "ends up on the {side} side"),
}


def fall_words(clip: FallClip, rng: np.random.Generator, count: int = 8) -> tuple[str, ...]:
    """Word a fall: cause, direction, how the person comes to lie."""
    plan, fallen = clip.mishap.plan, clip.fallen
    bed_side = "right" if not clip.mishap.mirrored else "left"
    foot = plan.slippery[0] or plan.drag[0]
    causes = [text.format(foot=foot, side=bed_side) for text in _CAUSES[plan.kind]]
    way = {"forward": "forward", "backward": "backward", "left": "to the left", "right": "to the right"}[clip.way]
    falls = [f"falls {way}", "falls", "falls to the floor", f"falls down {way}", f"drops to the floor {way}"]
    ends = [text.format(side=fallen.side) for text in _ENDS[fallen.rest]]
    stays = ["stays on the floor", "remains lying", "lies on the floor"]
    start = clip.mishap.earlier[-1][0]
    walks = ("walks", "is walking", "walks along") if start == "walk" else ()
    found: dict[str, None] = {}
    for turn in range(8 * count):
        subject = _SUBJECTS[int(rng.integers(len(_SUBJECTS)))]
        cause, fall = str(rng.choice(causes)), str(rng.choice(falls))
        if plan.kind == "out_of_bed":
            fall = str(rng.choice(["falls to the floor", "falls on the floor"]))
        end = str(rng.choice(ends if rng.random() < 0.7 else stays))
        form = turn % 5
        if form == 0:
            text = f"{subject} {cause} and {fall}"
        elif form == 1:
            text = f"{subject} {cause}, {fall} and {end}"
        elif form == 2:
            text = f"{subject} {fall} and {end}"
        elif form == 3 and walks:
            text = f"{subject} {walks[int(rng.integers(len(walks)))]}, {cause} and {fall}"
        else:
            text = f"{subject} {fall}" if rng.random() < 0.5 else f"{subject} {cause}, then {fall}"
        found.setdefault(text.replace("and loses balance and", "and loses balance, then"))
        if len(found) == count:
            break
    return tuple(found)


def fall_sequence(clip: FallClip, name: str, seed: int, split: str, rng: np.random.Generator) -> MotionSequence:
    """Describe a fall for the dataset."""
    mishap, fallen = clip.mishap, clip.fallen
    rotations, root_m = faced(local_rotations(clip.pose), clip.pose.root_m, any_facing(rng))
    onset_s = clip.onset / FPS
    impact_s = onset_s + fallen.impact_s
    speed = np.linalg.norm(np.diff(clip.joints_m, axis=0), axis=-1).max(axis=1) * FPS
    moving = np.flatnonzero(speed > 0.8)
    down_s = max(impact_s, (int(moving[-1]) + 1) / FPS if moving.size else impact_s)
    events = [Event(label, start) for label, start in mishap.earlier if start < onset_s]
    events += [Event("onset", onset_s), Event("fall", onset_s), Event("impact", round(impact_s, 4))]
    events.append(Event("fallen", round(down_s, 4)))
    source = f"simulated fall {mishap.plan.kind}" + (f" from CMU {mishap.source}" if mishap.source else "")
    return MotionSequence(
        name=name,
        fps=FPS,
        local_rotations=rotations,
        root_position_m=root_m,
        captions=fall_words(clip, rng),
        action="fall",
        person_class="patient",
        subject=f"simulated_{seed}_{split}",
        split=split,
        pair="",
        source=source,
        licence=FALL_LICENCE if mishap.source else LICENCE,
        label=f"fall {mishap.plan.kind} {clip.way} {fallen.rest}",
        events=tuple(events),
        body_scale=mishap.plan.size.scale,
        frame_labels=labels_of_phases(tuple(events), len(rotations), FPS),
    )
