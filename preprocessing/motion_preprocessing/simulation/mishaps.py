"""What makes people fall, drawn at random: where the fall starts, what pushes, how the person reacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_capsules
from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.resample import continuous, cubic
from motion_preprocessing.rotations import matrix_from_quaternion, quaternion_from_matrix
from motion_preprocessing.simulation import bed as beds
from motion_preprocessing.simulation import chair as chairs
from motion_preprocessing.simulation.body import draw_size
from motion_preprocessing.simulation.fall import FPS, velocities_at
from motion_preprocessing.simulation.fall_plan import FallPlan, Person, Push
from motion_preprocessing.simulation.hinges import HINGE_INDEX, Array, Pose
from motion_preprocessing.simulation.keys import animate, mirrored_box, mirrored_key
from motion_preprocessing.simulation.recorded import Recording, fit
from motion_preprocessing.simulation.solve import Box
from motion_preprocessing.simulation.steps import moved
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY

Rng = np.random.Generator


@dataclass(frozen=True)
class Spot:
    """A frame of a recording in which a fall may start."""

    recording: Recording
    frame: int
    foot: str = ""
    """left or right: the foot that the mishap is about."""


@dataclass(frozen=True)
class Spots:
    """Where falls may start."""

    striding: list[Spot]
    """Any moment of steady walking."""
    passing: list[Spot]
    """The swing ankle passes the other."""
    striking: list[Spot]
    """Just before the heel strikes."""
    standing: list[Spot]
    """At the end of a stretch of standing."""


@dataclass(frozen=True)
class Mishap:
    """A fall to be simulated, with what comes before it."""

    plan: FallPlan
    before: Pose
    """Frames up to and without the onset."""
    source: str
    """The recording that it starts from, '' for key poses."""
    split: str
    """The split of that recording, '' for key poses."""
    earlier: tuple[tuple[str, float], ...]
    """Phases before the onset: OmniFall class and start."""
    mirrored: bool = False
    """Whether a key-pose start was mirrored."""


_BEFORE: Final = 26
_AFTER: Final = 12
ON_FLOOR_M: Final = 0.04
"""The underside of a body whose feet are on the floor is lower: 1 cm at most before 249 falls that start there, and 6
to 27 cm before those that start over blocks which are not there."""


def on_the_floor(joints_m: Array) -> NDArray[np.bool_]:
    """Whether something of a body is on the floor, (T,), from joints (T, 22, 3)."""
    body = body_capsules(joints_m)
    ends = np.minimum(body.starts_m[..., 2], body.ends_m[..., 2]) - body.radii_m
    return np.asarray(ends.min(axis=1) < ON_FLOOR_M)


def spots(recordings: list[Recording]) -> Spots:
    """Search recordings for moments in which a fall may start.

    There are recorded walks over blocks and steps, which physics does not have: who walks there is in the air.
    """
    found = Spots([], [], [], [])
    for rec in recordings:
        if rec.action == "walk":
            _walking_spots(rec, found)
        _standing_spots(rec, found)
    return found


def _walking_spots(rec: Recording, found: Spots) -> None:
    j = rec.joints_m
    feet = j[:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]]
    on_floor = on_the_floor(j)
    for t in range(_BEFORE, len(j) - _AFTER):
        way = j[t + 8, 0, :2] - j[t - 8, 0, :2]
        length = float(np.linalg.norm(way))
        if not 0.45 < length / 0.8 < 1.7 or np.ptp(j[t - 20 : t + 10, 0, 2]) > 0.12:
            continue
        if not on_floor[t - _BEFORE : t + _AFTER + 1].all():
            continue
        ahead = way / length
        yaw = float(heading_rad(rec.rotations[t, 0]))
        if np.cos(yaw - np.arctan2(ahead[1], ahead[0])) < 0.93:
            continue
        found.striding.append(Spot(rec, t))
        reach = (feet[t - 1 : t + 2, :, :2] - j[t - 1 : t + 2, None, 0, :2]) @ ahead
        gap = reach[:, 0] - reach[:, 1]
        if gap[0] * gap[2] < 0 and abs(gap[1]) < 0.15:
            found.passing.append(Spot(rec, t, "left" if gap[2] > gap[0] else "right"))
        for side in (0, 1):
            lead = reach[1, side] > 0.22 and feet[t, side, 2] < 0.2
            slows = (
                (feet[t + 1, side, :2] - feet[t, side, :2]) @ ahead
                > 0.03
                > (feet[t + 3, side, :2] - feet[t + 2, side, :2]) @ ahead
            )
            if lead and slows:
                found.striking.append(Spot(rec, t, ("left", "right")[side]))


def _standing_spots(rec: Recording, found: Spots) -> None:
    j = rec.joints_m
    speed = np.linalg.norm(np.diff(j[:, 0], axis=0), axis=-1) * 20
    still = (speed < 0.2) & (j[:-1, 0, 2] > 0.84) & (j[:-1, 0, 2] < 0.96)
    feet = j[:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]], 2].max(axis=1)
    still &= feet[:-1] < 0.11
    wrists = j[:, [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]]
    neck = j[:, JOINT_INDEX["neck"]] - j[:, 0]
    # Arms hang and the trunk is upright: many takes act or mime.
    still &= (wrists[..., 2].max(axis=1) < j[:, JOINT_INDEX["neck"], 2] - 0.3)[:-1]
    still &= (neck[:, 2] > 0.96 * np.linalg.norm(neck, axis=1))[:-1]
    for t in range(_BEFORE, len(j) - _AFTER, 3):
        if still[t - 20 : t + 4].all():
            found.standing.append(Spot(rec, t))


def _timed(pose: Pose, times: Array) -> Pose:
    quaternions = continuous(np.asarray(quaternion_from_matrix(pose.root)))
    return Pose(
        cubic(pose.root_m, times),
        np.asarray(matrix_from_quaternion(cubic(quaternions, times))),
        cubic(pose.angles, times),
    )


def _reference(spot: Spot, slow: float, stoop_deg: float, before: int) -> tuple[Pose, int]:
    """Fitted frames about a spot, slowed and stooping, moved so that the onset stands at the origin and faces +x."""
    rec = spot.recording
    low = max(0, spot.frame - int(np.ceil(before * slow)) - 1)
    high = min(len(rec.root_m), spot.frame + _AFTER + 1)
    pose = fit(rec.rotations[low:high], rec.root_m[low:high])
    at = spot.frame - low
    ahead = np.arange(at, len(pose.root_m) - 1 + 1e-9, slow)
    back = np.arange(at, -1e-9, -slow)[1:][::-1]
    pose = _timed(pose, np.concatenate([back, ahead]))
    onset = len(back)
    for name in ("spine1_y", "spine2_y", "spine3_y"):
        pose.angles[:, HINGE_INDEX[name]] += np.radians(stoop_deg) / 3
    pose.angles[:, HINGE_INDEX["neck_y"]] -= np.radians(stoop_deg) / 2
    yaw = float(heading_rad(_world_root(pose.root[onset])))
    turned = moved(pose, -yaw, np.zeros(2))
    return moved(turned, 0.0, -turned.root_m[onset, :2]), onset


def _world_root(turn: Array) -> Array:
    return np.asarray(turn @ WORLD_FROM_BODY)


def _person(rng: Rng) -> Person:
    return Person(
        latency_s=float(rng.uniform(0.10, 0.25)),
        tone=float(rng.uniform(0.45, 0.85)),
        arm_strength=float(rng.uniform(0.85, 1.0)),
        catch=float(rng.uniform(1.6, 2.6)),
        knees=float(rng.uniform(0.6, 1.2)),
        legs_s=float(rng.uniform(0.45, 1.0)),
        righting=float(rng.uniform(0.3, 0.9)),
        steps=bool(rng.random() < 0.75),
        turning=float(rng.choice([-1.0, 0.0, 0.0, 1.0]) * rng.uniform(0.4, 1.2)),
        relaxed=float(rng.uniform(0.10, 0.18)),
    )


def _pick(items: list[Spot], rng: Rng) -> Spot:
    return items[int(rng.integers(len(items)))]


def _obstacle(rng: Rng, way: tuple[float, float]) -> tuple[Box, ...]:
    """Sometimes furniture stands where the body falls."""
    if rng.random() > 0.25:
        return ()
    name, half, top = (
        ("nightstand", (0.2, 0.2), 0.55), ("chair", (0.23, 0.23), 0.46), ("table", (0.4, 0.3), 0.74),
        ("cabinet", (0.3, 0.25), 1.0), ("bed", (0.5, 1.0), 0.5),
    )[int(rng.integers(5))]  # fmt: skip
    distance = float(rng.uniform(0.75, 1.2)) + max(half) * 0.7
    aside = float(rng.uniform(-0.25, 0.25))
    centre = (way[0] * distance - way[1] * aside, way[1] * distance + way[0] * aside)
    return (Box(name, centre, half, top * float(rng.uniform(0.9, 1.1)), float(rng.uniform(-0.6, 0.6))),)


def _from_stand(rng: Rng, kind: str, where: Spots, person: Person, **changes: Any) -> Mishap:
    """Start in a recorded stand, or in one of key poses: few takes stand still."""
    if where.standing and rng.random() < 0.5:
        return _from_spot(rng, kind, _pick(where.standing, rng), False, person, **changes)
    seat = replace(chairs.draw_seat(rng), feet_m=0.0)
    keys = [chairs.standing(seat, 0.0), chairs.standing(seat, 0.7), chairs.standing(seat, float(rng.uniform(0.4, 0.8)))]
    pose = animate(keys, FPS, rng, (), liveliness=float(rng.uniform(0.8, 2.0)))
    stoop = np.radians(rng.uniform(0, 18))
    for name in ("spine1_y", "spine2_y", "spine3_y"):
        pose.angles[:, HINGE_INDEX[name]] += stoop / 3
    pose.angles[:, HINGE_INDEX["neck_y"]] -= stoop / 2
    onset = len(pose.root_m) - 4
    return _keyed(rng, kind, pose, onset, person, (("standing", 0.0),), pose.angles[onset:], **changes)


def _from_spot(
    rng: Rng, kind: str, spot: Spot, walking: bool, person: Person, stoop: bool = True, **changes: Any
) -> Mishap:
    slow = float(rng.uniform(0.6, 0.95)) if walking else 1.0
    pose, onset = _reference(spot, slow, float(rng.uniform(0, 18)) if stoop else 0.0, int(rng.integers(14, _BEFORE)))
    root_velocity, hinge_velocity = velocities_at(pose, onset, FPS)
    start = Pose(pose.root_m[[onset]], pose.root[[onset]], pose.angles[[onset]])
    plan = FallPlan(
        kind, start, root_velocity, hinge_velocity, pose.angles[onset:], person, draw_size(rng),
        friction=float(rng.uniform(0.6, 0.95)),
    )  # fmt: skip
    before = Pose(pose.root_m[:onset], pose.root[:onset], pose.angles[:onset])
    rec = spot.recording
    label = "walk" if walking else "standing"
    return Mishap(replace(plan, **changes), before, rec.name, rec.split, ((label, 0.0),))


_WAYS: Final = {"f": (1.0, 0.0), "b": (-1.0, 0.0), "l": (0.0, 1.0), "r": (0.0, -1.0)}


def _push(side: str) -> Callable[[Rng, Spots], Mishap]:
    def make(rng: Rng, where: Spots) -> Mishap:
        walking = side in "flr" and rng.random() < (0.6 if side == "f" else 0.25)
        impulse, seconds = float(rng.uniform(50, 110)), float(rng.uniform(0.13, 0.2))
        way = _WAYS[side]
        turn = float(rng.normal(scale=0.2))
        c, s = np.cos(turn), np.sin(turn)
        force = impulse / seconds * np.array([c * way[0] - s * way[1], s * way[0] + c * way[1], 0.0])
        part = str(rng.choice(["spine3", "spine2", "pelvis"]))
        pushes = (Push(part, (float(force[0]), float(force[1]), 0.0), seconds),)
        person, boxes, kind = _person(rng), _obstacle(rng, way), f"push_{side}"
        if walking:
            return _from_spot(rng, kind, _pick(where.striding, rng), True, person, pushes=pushes, boxes=boxes)
        return _from_stand(rng, kind, where, person, pushes=pushes, boxes=boxes)

    return make


def _trip(rng: Rng, where: Spots) -> Mishap:
    spot = _pick(where.passing, rng)
    return _from_spot(
        rng, "trip", spot, True, _person(rng), boxes=_obstacle(rng, (1.0, 0.0)),
        drag=(spot.foot, float(rng.uniform(300, 600)), float(rng.uniform(0.12, 0.24))),
    )  # fmt: skip


def _slip(rng: Rng, where: Spots) -> Mishap:
    spot = _pick(where.striking, rng)
    side = float(rng.choice([-0.6, -0.3, 0.0, 0.3, 0.6]))
    seconds = float(rng.uniform(0.25, 0.35))
    pushes = (
        Push(f"{spot.foot}_ankle", (float(rng.uniform(120, 220)), 0.0, 0.0), seconds),
        Push("spine3", (-float(rng.uniform(200, 330)), side * 150.0, 0.0), seconds),
    )
    person = replace(_person(rng), steps=False)
    return _from_spot(
        rng, "slip", spot, True, person, stoop=False, pushes=pushes, slippery=(spot.foot, 0.02, 0.25),
        clip_s=float(rng.uniform(0.1, 0.25)), way=(-1.0, side), boxes=_obstacle(rng, (-1.0, 0.0)),
    )  # fmt: skip


def _shift(rng: Rng, where: Spots) -> Mishap:
    side = str(rng.choice(["b", "b", "l", "r"]))
    impulse, seconds = float(rng.uniform(40, 70)), float(rng.uniform(0.4, 0.6))
    way = _WAYS[side]
    force = (impulse / seconds * way[0], impulse / seconds * way[1], 0.0)
    return _from_stand(
        rng, "shift", where, _person(rng), pushes=(Push("pelvis", force, seconds),), boxes=_obstacle(rng, way)
    )


def _faint(rng: Rng, where: Spots) -> Mishap:
    walking = bool(rng.random() < 0.15)
    person = replace(_person(rng), limp_s=float(rng.uniform(0.5, 0.95)), steps=False, relaxed=0.06)
    sway = rng.normal(scale=22, size=2)
    pushes = (Push("spine2", (float(sway[0]), float(sway[1]), 0.0), 0.8),)
    if walking:
        return _from_spot(rng, "faint", _pick(where.striding, rng), True, person, pushes=pushes)
    return _from_stand(rng, "faint", where, person, pushes=pushes)


def _keyed(
    rng: Rng, kind: str, pose: Pose, onset: int, person: Person, earlier: tuple[tuple[str, float], ...],
    reference: Array, **changes: Any
) -> Mishap:  # fmt: skip
    root_velocity, hinge_velocity = velocities_at(pose, onset, FPS)
    start = Pose(pose.root_m[[onset]], pose.root[[onset]], pose.angles[[onset]])
    plan = FallPlan(
        kind, start, root_velocity, hinge_velocity, reference, person, draw_size(rng),
        friction=float(rng.uniform(0.6, 0.95)),
    )  # fmt: skip
    before = Pose(pose.root_m[:onset], pose.root[:onset], pose.angles[:onset])
    return Mishap(replace(plan, **changes), before, "", "", earlier)


def _failed_rise(rng: Rng, where: Spots) -> Mishap:
    seat = chairs.draw_seat(rng)
    seat = replace(seat, arms=str(rng.choice(["thighs", "front"])), tempo=float(rng.uniform(1.0, 1.6)))
    wait = float(rng.uniform(0.4, 1.0))
    up = chairs.stand_up(seat)
    keys = [chairs.seated(seat, 0.0), chairs.seated(seat, wait), *up, chairs.standing(seat, 0.5)]
    pose = animate(keys, FPS, rng, seat.boxes())
    off = wait + up[0].seconds
    share = float(rng.uniform(0.35, 0.95))
    onset = int((off + share * (up[1].seconds + up[2].seconds + 0.5)) * FPS)
    way = _WAYS[str(rng.choice(["f", "f", "l", "r", "b"]))]
    push = float(rng.uniform(25, 60)) / 0.4
    person = replace(_person(rng), tone=float(rng.uniform(0.2, 0.45)), latency_s=float(rng.uniform(0.05, 0.15)))
    boxes = tuple(replace(box, give_m=0.0, top_m=box.top_m - 0.045) for box in seat.boxes()[:1])
    return _keyed(
        rng, "failed_rise", pose, onset, person, (("sitting", 0.0), ("stand_up", wait)), pose.angles[onset:],
        pushes=(Push("spine2", (push * way[0], push * way[1], 0.0), 0.4),), boxes=boxes,
    )  # fmt: skip


def _missed_seat(rng: Rng, where: Spots) -> Mishap:
    seat = replace(
        chairs.draw_seat(rng), arms=str(rng.choice(["thighs", "front"])), tempo=float(rng.uniform(0.85, 1.2))
    )
    wait = float(rng.uniform(0.5, 1.2))
    down = chairs.sit_down(seat)
    keys = [chairs.standing(seat, 0.0), chairs.standing(seat, wait), *down, chairs.seated(seat, 0.6)]
    pose = animate(keys, FPS, rng, ())
    # The seat is not there: balance is lost where the weight would have met it.
    onset = int((wait + down[0].seconds + float(rng.uniform(0.55, 1.0)) * down[1].seconds) * FPS)
    person = replace(
        _person(rng), steps=False, tone=float(rng.uniform(0.3, 0.55)), latency_s=float(rng.uniform(0.12, 0.22)),
        legs_s=0.9, knees=1.0,
    )  # fmt: skip
    boxes: tuple[Box, ...] = ()
    if rng.random() < 0.7:
        aside, back = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.45, 0.6)), -float(rng.uniform(0.0, 0.3))
        if rng.random() < 0.5:
            aside, back = float(rng.uniform(-0.1, 0.1)), -float(rng.uniform(0.62, 0.9))
        boxes = (Box("chair", (back, aside), (0.23, 0.22), seat.pelvis_m - 0.14),)
    return _keyed(
        rng, "missed_seat", pose, onset, person, (("standing", 0.0), ("sit_down", wait)), pose.angles[onset:],
        way=(-1.0, float(rng.normal(scale=0.25))), boxes=boxes,
        pushes=(Push("pelvis", (-float(rng.uniform(10, 60)), 0.0, 0.0), 0.3),),
    )  # fmt: skip


def _out_of_bed(rng: Rng, where: Spots) -> Mishap:
    bed = replace(beds.draw_bed(rng), in_m=float(rng.uniform(0.02, 0.14)))
    mirror = bool(rng.random() < 0.5)
    start = float(rng.choice([0.0, 0.0, 60.0, 85.0]))
    seconds = float(rng.uniform(0.8, 1.6))
    keys = [beds.flat(bed, 0.0, rng, start), beds.flat(bed, seconds, rng, start)]
    boxes = bed.boxes()
    if mirror:
        keys, boxes = [mirrored_key(key) for key in keys], tuple(mirrored_box(box) for box in boxes)
    pose = animate(keys, FPS, rng, boxes, liveliness=0.5)
    onset = len(pose.root_m) - 2
    person = replace(
        _person(rng), steps=False, tone=float(rng.uniform(0.2, 0.45)), latency_s=float(rng.uniform(0.3, 0.7))
    )
    force, torque = float(rng.uniform(30, 80)), float(rng.uniform(25, 60))
    pushes = (
        Push("pelvis", (force, 0.0, 0.0), 2.0, 0.0, (0.0, torque, 0.0), until_off_m=0.2 + bed.in_m),
        Push("spine3", (force * 0.8, 0.0, 0.0), 2.0, 0.0, (0.0, torque, 0.0), until_off_m=0.2 + bed.in_m),
    )
    boxes = tuple(replace(box, give_m=0.0, top_m=box.top_m - 0.02) for box in boxes)
    made = _keyed(
        rng, "out_of_bed", pose, onset, person, (("lying", 0.0),), pose.angles[onset:], pushes=pushes, boxes=boxes
    )
    return replace(made, mirrored=mirror)


KINDS: Final[dict[str, tuple[Callable[[Rng, Spots], Mishap], float]]] = {
    "push_f": (_push("f"), 0.08), "push_b": (_push("b"), 0.12),
    "push_l": (_push("l"), 0.09), "push_r": (_push("r"), 0.09),
    "trip": (_trip, 0.12), "slip": (_slip, 0.12), "shift": (_shift, 0.1), "faint": (_faint, 0.1),
    "failed_rise": (_failed_rise, 0.08), "missed_seat": (_missed_seat, 0.05), "out_of_bed": (_out_of_bed, 0.05),
}  # fmt: skip
"""Each mishap with its share of the tries."""
