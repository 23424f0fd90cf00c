"""A carer helps somebody up from a chair, the floor or a bed: two people in one world.

The patient's motion is one of key poses; the carer's hands follow the patient's arms and back while they help. The
support itself is not simulated here: whoever makes a scene may pass an `act` that has the patient's part done by a
body, with the carer's hands as forces (`tracked_care`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from motion_preprocessing.metrics import person_penetration_m
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.simulation import bed as beds
from motion_preprocessing.simulation import chair as chairs
from motion_preprocessing.simulation import ground
from motion_preprocessing.simulation.facing import any_facing, faced
from motion_preprocessing.simulation.fall import ramp
from motion_preprocessing.simulation.hinges import Array, Chain, Pose, chain, local_rotations
from motion_preprocessing.simulation.keypose import FPS, LICENCE, phase_events
from motion_preprocessing.simulation.keys import Follow, Key, animate
from motion_preprocessing.simulation.phases import labels_of_phases
from motion_preprocessing.simulation.routine import Part
from motion_preprocessing.simulation.solve import Box
from motion_preprocessing.simulation.steps import ARMS_DOWN, stance
from motion_preprocessing.skeleton import JOINT_INDEX

Rng = np.random.Generator


@dataclass(frozen=True)
class Help:
    """Two people: first the one who is helped, then the carer."""

    kind: str
    poses: tuple[Pose, Pose]
    events: tuple[tuple[Event, ...], tuple[Event, ...]]
    boxes: tuple[Box, ...]
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Hold:
    """A hand of the carer's that is laid on the other person."""

    hand: str
    """left or right."""
    joint: str
    """Joint of the other person that the place hangs on."""
    offset_m: tuple[float, float, float]
    """The place, seen from that joint in hinge axes."""
    strength: Array
    """(T,) 0 .. 1."""


Act = Callable[[Pose, tuple[Box, ...], tuple[Hold, ...]], Pose]
"""How the one who is helped does what the keys say, among boxes, held by hands: as many frames as the keys' pose."""


def as_posed(pose: Pose, boxes: tuple[Box, ...], holds: tuple[Hold, ...]) -> Pose:
    """Do exactly what the keys say."""
    return pose


def _strength(frames: int, grab_s: float, release_s: float) -> Array:
    times = np.arange(frames) / FPS
    return np.array([ramp(t - grab_s + 0.8, 0.8) * (1 - ramp(t - release_s, 0.6)) for t in times])


def _point(body: Chain, joint: str, offset: tuple[float, float, float]) -> Array:
    index = JOINT_INDEX[joint]
    return np.asarray(body.joints_m[:, index] + body.turns[:, index] @ np.array(offset))


def _palms(body: Chain, holds: tuple[Hold, ...]) -> tuple[Follow, ...]:
    """Hands that are laid on somebody: their palms follow, not their wrists."""
    return tuple(
        Follow(f"{hold.hand}_wrist", _point(body, hold.joint, hold.offset_m), hold.strength,
               (0.0, 0.08 if hold.hand == "left" else -0.08, 0.0))
        for hold in holds
    )  # fmt: skip


def _stand(seconds: float, x: float, y: float, yaw: float, bend: float = 0.0, crouch: float = 0.0) -> Key:
    """A carer's pose: `bend` degrees of the trunk, `crouch` 0 .. 1 of the knees."""
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    back = 0.05 - 0.002 * bend - 0.16 * crouch
    arms = ARMS_DOWN if bend < 8 else {"shoulder.y": -50.0, "shoulder.x": -76.0, "elbow": -35.0}
    return Key(
        seconds, arms | {"knee": 6 + 60 * crouch, "hip.y": -0.6 * bend - 45 * crouch, "spine.y": 0.45 * bend,
                        "neck.y": 8},
        (x + c * back, y + s * back, 0.93 - 0.22 * crouch), (yaw, 0.55 * bend, 0.0), stance(x, y, yaw, 0.14),
        balance_m=(x + 0.05 * c, y + 0.05 * s),
    )  # fmt: skip


def _timeline(parts: list[Part]) -> tuple[tuple[Event, ...], float]:
    events, stop = phase_events(parts, None)
    return events, stop


def _start_of(events: tuple[Event, ...], label: str, last: bool = False) -> float:
    found = [event.time_s for event in events if event.name == label]
    return found[-1] if last else found[0]


_CARERS: Final = ("a carer", "a nurse", "someone", "a caregiver", "a person")
_HELPED: Final = ("a patient", "an elderly person", "another person", "a patient")


def _words(rng: Rng, what: tuple[str, ...], where: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for _ in range(60):
        carer, helped = str(rng.choice(_CARERS)), str(rng.choice(_HELPED))
        verb = str(rng.choice(what))
        form = int(rng.integers(4))
        if form == 0:
            text = f"{carer} helps {helped} {verb} {where}"
        elif form == 1:
            text = f"{carer} supports {helped} who {_third(verb)} {where}"
        elif form == 2:
            text = f"{helped} {_third(verb)} {where} with the help of {carer}"
        else:
            text = f"{carer} helps {helped} {verb}"
        found.setdefault(text)
        if len(found) == 7:
            break
    return tuple(found)


def _third(verb: str) -> str:
    first, _, rest = verb.partition(" ")
    return f"{first}s {rest}".strip()


def _carer_events(grab_s: float, release_s: float) -> tuple[Event, ...]:
    return (
        Event("standing", 0.0),
        Event("other", round(max(grab_s - 0.5, 0.05), 4)),
        Event("standing", round(release_s + 0.4, 4)),
    )


def _side_arms(side: str, frames: int, grab_s: float, release_s: float, inner: str) -> tuple[Hold, Hold]:
    """The carer stands at the patient's `side`: one hand under that upper arm, the hand `inner` on the back."""
    outer = {"left": "right", "right": "left"}[inner]
    strength = _strength(frames, grab_s, release_s)
    sign = 1.0 if side == "left" else -1.0
    return (
        Hold(inner, "spine3", (-0.15, 0.05 * sign, 0.06), strength),
        Hold(outer, f"{side}_elbow", (0.05, 0.0, 0.07), strength),
    )


def help_chair(rng: Rng, act: Act = as_posed) -> Help:
    """Help somebody up from a chair, standing in front or at a side."""
    front = bool(rng.random() < 0.5)
    seat = chairs.draw_seat(rng)
    arms = "front" if front else str(rng.choice(["thighs", "front"]))
    seat = replace(seat, arms=arms, tempo=float(rng.uniform(1.1, 1.7)), back=True, lean_deg=27.0)
    wait, after = float(rng.uniform(1.2, 2.2)), float(rng.uniform(0.8, 1.4))
    parts = [
        Part("sitting", [chairs.seated(seat, 0.0), chairs.seated(seat, wait)], ()),
        Part("stand_up", chairs.stand_up(seat, int(rng.choice([0, 0, 1]))), ()),
        Part("standing", [chairs.standing(seat, 0.6 * seat.tempo), chairs.standing(seat, after)], ()),
    ]
    events, stop = _timeline(parts)
    keys = [key for part in parts for key in part.keys]
    patient = animate(keys, FPS, rng, seat.boxes())
    frames = len(patient.root_m)
    grab, risen = _start_of(events, "stand_up"), _start_of(events, "standing")
    release = min(risen + 0.8, stop - 0.3)
    if front:
        # The elbows are taken from below when the trunk has come forward.
        grab += 0.75 * seat.tempo
        release = risen - 0.2
        # A little aside, so that two heads that lean forward do not meet.
        x, y = seat.feet_m + float(rng.uniform(0.5, 0.6)), float(rng.choice([-1.0, 1.0]) * rng.uniform(0.36, 0.44))
        yaw = 180.0 + (22.0 if y > 0 else -22.0)
        carer = [
            _stand(0.0, x, y, yaw), _stand(grab - 0.3, x, y, yaw, 10.0, 0.7), _stand(0.9, x, y, yaw, 6.0, 0.5),
            _stand(max(risen - grab - 0.6, 0.3), x, y, yaw, 6.0, 0.15), _stand(stop - risen, x, y, yaw),
        ]  # fmt: skip
        strength = _strength(frames, grab + 0.2, release)
        holds: tuple[Hold, ...] = tuple(
            Hold(mine, f"{theirs}_elbow", (0.03, 0.06 * sign, -0.05), strength)
            for mine, theirs, sign in (("left", "right", -1.0), ("right", "left", 1.0))
        )
    else:
        side = str(rng.choice(["left", "right"]))
        sign = 1.0 if side == "left" else -1.0
        x, y, yaw = (float(v) for v in rng.normal((0.16, 0.58 * sign, -35.0 * sign), (0.03, 0.02, 5.0)))
        carer = [
            _stand(0.0, x, y, yaw), _stand(grab - 0.2, x, y, yaw, 26.0, 0.6), _stand(0.8, x, y, yaw, 24.0, 0.55),
            _stand(max(risen - grab - 0.6, 0.3), x, y, yaw, 10.0, 0.1), _stand(stop - risen, x, y, yaw),
        ]  # fmt: skip
        holds = _side_arms(side, frames, grab, release, "right" if side == "left" else "left")
    patient = act(patient, seat.boxes(), holds)
    helper = animate(carer, FPS, rng, follow=_palms(chain(patient), holds))
    captions = _words(rng, ("stand up", "get up"), "from the chair")
    return Help(
        "help_chair", _same_length(patient, helper), (events, _carer_events(grab, release)), seat.boxes(), captions
    )


def help_floor(rng: Rng, act: Act = as_posed) -> Help:
    """Help somebody up from the floor, from half-kneeling on."""
    start = str(rng.choice(["side", "prone", "supine"]))
    tempo = float(rng.uniform(1.1, 1.5))
    roll = [*ground.over_the_side(start, rng), ground.all_fours(0.8)]
    rise = ground.half_kneel_up(str(rng.choice(["knee", "free"])))
    hold = replace(roll[0], seconds=0.0)
    parts = [
        Part("lying", [hold, replace(roll[0], seconds=float(rng.uniform(0.3, 1.0)))], ()),
        Part("stand_up", ground.slower([*roll[1:], *rise], tempo), ()),
        Part("standing", [ground.standing(0.8 * tempo), ground.standing(float(rng.uniform(0.7, 1.2)))], ()),
    ]
    events, stop = _timeline(parts)
    patient = animate([key for part in parts for key in part.keys], FPS, rng)
    frames = len(patient.root_m)
    begin, risen = _start_of(events, "stand_up"), _start_of(events, "standing")
    rising = sum(key.seconds for key in rise) * tempo
    kneel = risen - rising
    grab, release = kneel + 0.6, min(risen + 0.9, stop - 0.3)
    # The left foot comes forward, so the right side is free for the carer.
    x, y, yaw = (float(v) for v in rng.normal((-0.12, -0.58, 35.0), (0.03, 0.02, 5.0)))
    carer = [
        _stand(0.0, x, y, yaw, 12.0), _stand(max(begin, 0.3), x, y, yaw, 20.0, 0.1),
        _stand(kneel - begin, x, y, yaw, 30.0, 0.3),
        _stand(0.6, x, y, yaw, 58.0, 0.8), _stand(max(0.55 * rising, 0.4), x, y, yaw, 48.0, 0.6),
        _stand(max(0.45 * rising - 0.3, 0.3), x, y, yaw, 12.0, 0.1), _stand(stop - risen - 0.3, x, y, yaw),
    ]  # fmt: skip
    holds = _side_arms("right", frames, grab, release, "left")
    patient = act(patient, (), holds)
    helper = animate(carer, FPS, rng, follow=_palms(chain(patient), holds))
    captions = _words(rng, ("get up", "stand up"), "from the floor")
    return Help("help_floor", _same_length(patient, helper), (events, _carer_events(grab, release)), (), captions)


def help_bed(rng: Rng, act: Act = as_posed) -> Help:
    """Help somebody who lies in bed to sit up on its edge."""
    bed = beds.draw_bed(rng)
    tempo = float(rng.uniform(1.4, 1.9))
    seat = replace(chairs.draw_seat(rng), pelvis_m=bed.sit_m, feet_m=bed.feet_m, back=False, half_m=0.1, arms="thighs")
    up = ground.slower(ground.reverse([chairs.seated(seat, 0.0), *beds.log_roll(bed, rng)], 0.9), tempo)
    parts = [
        Part("lying", [beds.flat(bed, 0.0, rng), beds.flat(bed, float(rng.uniform(0.8, 1.6)), rng)], ()),
        Part("stand_up", up[:-1], ()),
        Part("sitting", [*up[-1:], chairs.seated(seat, float(rng.uniform(0.8, 1.4)))], ()),
    ]
    events, stop = _timeline(parts)
    patient = animate([key for part in parts for key in part.keys], FPS, rng, bed.boxes())
    frames = len(patient.root_m)
    begin, seated = _start_of(events, "stand_up"), _start_of(events, "sitting")
    grab, release = begin + 0.35 * (seated - begin), seated - 0.3
    # Beside the head end's shoulder, clear of the legs that come over the edge.
    x, y, yaw = (float(v) for v in rng.normal((0.66, 0.48, -165.0), (0.02, 0.03, 6.0)))
    carer = [
        _stand(0.0, x, y, yaw, 6.0), _stand(begin, x, y, yaw, 26.0, 0.3), _stand(grab - begin, x, y, yaw, 42.0, 0.7),
        _stand(0.6 * (seated - grab), x, y, yaw, 30.0, 0.5), _stand(0.4 * (seated - grab), x, y, yaw, 14.0, 0.2),
        _stand(stop - seated, x, y, yaw, 6.0),
    ]  # fmt: skip
    strength = _strength(frames, grab, release)
    holds = (
        Hold("left", "right_elbow", (0.0, -0.05, 0.06), strength),
        Hold("right", "right_shoulder", (-0.02, -0.08, 0.08), strength),
    )
    patient = act(patient, bed.boxes(), holds)
    helper = animate(carer, FPS, rng, bed.boxes(), follow=_palms(chain(patient), holds))
    captions = _words(rng, ("sit up", "get up"), "in bed" if rng.random() < 0.5 else "on the edge of the bed")
    return Help(
        "help_bed", _same_length(patient, helper), (events, _carer_events(grab, release)), bed.boxes(), captions
    )


def _same_length(first: Pose, second: Pose) -> tuple[Pose, Pose]:
    frames = min(len(first.root_m), len(second.root_m))
    return Pose(*(a[:frames] for a in first)), Pose(*(a[:frames] for a in second))


KINDS: Final[dict[str, tuple[Callable[..., Help], float]]] = {
    "help_chair": (help_chair, 0.5), "help_floor": (help_floor, 0.3), "help_bed": (help_bed, 0.2),
}  # fmt: skip
"""Each scene with its share."""

_TRUNK: Final = [JOINT_INDEX[name] for name in ("pelvis", "spine2", "spine3", "neck", "head")]


def help_faults(made: Help) -> list[str]:
    """What two bodies cannot do: hands that do not arrive, trunks in each other; and what one body cannot."""
    found = []
    joints = [chain(pose).joints_m for pose in made.poses]
    gap = np.linalg.norm(joints[0][:, _TRUNK, None] - joints[1][:, None, _TRUNK], axis=-1)
    if gap.min() < 0.2:
        found.append("trunks")
    # Hands that help press into flesh, for a moment.
    if (person_penetration_m(joints[0][::2], joints[1][::2]) > 0.05).mean() > 0.1:
        found.append("overlap")
    for j in joints:
        speed = np.linalg.norm(np.diff(j, axis=0), axis=-1) * FPS
        if j[..., 2].min() < -0.04:
            found.append("floor")
        if speed.max() > 5.5:
            found.append("speed")
    return found


def help_sequences(made: Help, name: str, seed: int, split: str, rng: Rng) -> list[MotionSequence]:
    """Describe both people for the dataset."""
    turn = any_facing(rng)
    result = []
    for pose, events, who in zip(made.poses, made.events, ("patient", "staff"), strict=True):
        rotations, root_m = faced(local_rotations(pose), pose.root_m, turn)
        result.append(
            MotionSequence(
                name=f"{name}_{who}",
                fps=FPS,
                local_rotations=rotations,
                root_position_m=root_m,
                captions=made.captions,
                action="help",
                person_class=who,
                subject=f"simulated_{seed}_{split}",
                split=split,
                pair=name,
                source=f"key poses: {made.kind}",
                licence=LICENCE,
                label=f"{made.kind.replace('_', ' ')} {who}",
                events=events,
                frame_labels=labels_of_phases(events, len(rotations), FPS),
            )
        )
    return result
