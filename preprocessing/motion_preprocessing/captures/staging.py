"""Sets the stage of a synthetic capture: a room, a camera under its ceiling, people within view, furniture around them.

Every choice comes from the generator that is passed in. People are placed so that they stay in the room, are seen, keep
apart, and cover each other about as often as is asked for; furniture is put where nobody ever comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import Capsules, body_capsules
from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.captures.keypoints import COCO_JOINTS
from motion_preprocessing.captures.render import Box, Room
from motion_preprocessing.captures.visibility import behind_body, behind_boxes
from motion_preprocessing.captures.walks import Motion, MotionSource, move
from motion_preprocessing.furnish import Furniture, make
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M

Array = NDArray[np.float64]

FURNITURE: Final = ("bed", "chair", "table", "cabinet", "sofa", "nightstand", "desk", "shelf", "stool")
FIRST_FURNITURE_SEGMENT: Final = 10
_WALL_MARGIN_M: Final = 0.3
_APART_M: Final = 0.55
_TRIES: Final = 160
_REDRAWS: Final = 12
_STAGES: Final = 6
_NEAR_ENOUGH: Final = 0.06
_SCREENS: Final = 6
_SCREEN_TRIES: Final = 60
_VISIBLE: Final = [*(5 * [JOINT_INDEX["head"]]), *COCO_JOINTS]
_MARKS: Final = [JOINT_INDEX[n] for n in ("pelvis", "head", "left_ankle", "right_ankle", "left_wrist", "right_wrist")]


@dataclass(frozen=True)
class Actor:
    """One person on the stage."""

    motion: Motion
    """In the room."""
    joints_m: Array
    """(T, 22, 3)."""
    world_rotations: Array
    """(T, 22, 3, 3)."""
    scale: float
    """Body size relative to the project's skeleton."""

    def capsules(self) -> Capsules:
        """The body as the camera sees it."""
        capsules = body_capsules(self.joints_m)
        return Capsules(capsules.starts_m, capsules.ends_m, capsules.radii_m * self.scale)


@dataclass(frozen=True)
class Item:
    """One piece of furniture: its class and the segment of its boxes."""

    name: str
    segment: int


@dataclass(frozen=True)
class Stage:
    """Everything but the camera's errors."""

    room: Room
    boxes: list[Box]
    items: list[Item]
    camera: Intrinsics
    world_from_camera: Array
    """(4, 4)."""
    actors: list[Actor]


def corner_camera(room: Room, pitch_deg: float, roll_deg: float, rng: np.random.Generator) -> Array:
    """Return (4, 4) world_from_camera of a camera in a ceiling corner that looks into the room.

    A pitch of 0 looks level, 90 straight down; a roll turns the picture clockwise as seen by the camera.
    """
    x, y, z = room.size_m
    corner = rng.integers(0, 2, 2)
    inset = rng.uniform(0.1, 0.3, 2)
    eye = np.array([abs(corner[0] * x - inset[0]), abs(corner[1] * y - inset[1]), z - rng.uniform(0.1, 0.3)])
    target = np.array([x, y]) * rng.uniform(0.45, 0.55, 2)
    yaw = np.arctan2(target[1] - eye[1], target[0] - eye[0])
    pitch, roll = np.radians(pitch_deg), np.radians(roll_deg)
    forward = np.array([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), -np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    down = np.cross(forward, right)
    level = np.stack([right, down, forward], axis=-1)
    c, s = np.cos(roll), np.sin(roll)
    matrix = np.eye(4)
    matrix[:3, :3] = level @ np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    matrix[:3, 3] = eye
    return matrix


def set_stage(
    *,
    camera: Intrinsics,
    pitch_deg: float,
    roll_deg: float,
    people: int,
    frames: int,
    fps: float,
    occlusion: float,
    scale_spread: float,
    source: MotionSource,
    rng: np.random.Generator,
) -> Stage:
    """Build one stage.

    Args:
        camera: Its intrinsics.
        pitch_deg: How far the camera looks down.
        roll_deg: How far the picture is turned.
        people: How many.
        frames: Length, T.
        fps: Frames a second.
        occlusion: Share of a person's frames in which more than a third of the keypoints should be hidden.
        scale_spread: Standard deviation of body size.
        source: Where motions come from.
        rng: Source of every choice.
    """
    best: tuple[float, Stage] | None = None
    for _ in range(_STAGES):
        made, hidden = _one_stage(
            camera, pitch_deg, roll_deg, people, frames, fps, occlusion, scale_spread, source, rng
        )
        miss = abs(hidden - occlusion) + (people - len(made.actors))
        if best is None or miss < best[0]:
            best = (miss, made)
        if miss < _NEAR_ENOUGH:
            break
    assert best is not None
    return best[1]


def _one_stage(
    camera: Intrinsics, pitch_deg: float, roll_deg: float, people: int, frames: int, fps: float, occlusion: float,
    scale_spread: float, source: MotionSource, rng: np.random.Generator,
) -> tuple[Stage, float]:  # fmt: skip
    """Build a stage; return it with the share of poses that are hidden."""
    room = Room((rng.uniform(4.2, 6.0), rng.uniform(4.2, 6.0), rng.uniform(2.4, 2.8)))
    world_from_camera = corner_camera(room, pitch_deg, roll_deg, rng)
    actors: list[Actor] = []
    for _ in range(people):
        best: tuple[float, Actor] | None = None
        for _ in range(_REDRAWS):
            scale = float(np.clip(1 + scale_spread * rng.standard_normal(), 0.85, 1.15))
            motion = source.draw(rng, frames, fps)
            found = _place(motion, scale, room, camera, world_from_camera, actors, occlusion, rng)
            if found is not None and (best is None or found[0] > best[0]):
                best = found
            if best is not None and best[0] > 0.8:
                break
        if best is not None:
            actors.append(best[1])
    eye = world_from_camera[:3, 3]
    boxes, items = _furnish(room, eye, actors, rng)
    hidden = _hide_behind_furniture(room, eye, actors, boxes, items, occlusion, rng)
    return Stage(room, boxes, items, camera, world_from_camera, actors), hidden


def actor_of(motion: Motion, scale: float) -> Actor:
    """Pose a body of this size."""
    joints, world = forward_kinematics(motion.local_rotations, motion.root_position_m, scale * REST_OFFSETS_M)
    return Actor(motion, np.asarray(joints), np.asarray(world), scale)


def _place(
    motion: Motion,
    scale: float,
    room: Room,
    camera: Intrinsics,
    world_from_camera: Array,
    others: list[Actor],
    overlap: float,
    rng: np.random.Generator,
) -> tuple[float, Actor] | None:
    """Try places for a motion; return the best with its score (1 is best), or None where none is possible."""
    start = actor_of(move(motion, 0.0, np.zeros(2), scale), scale)
    marks = start.joints_m[:, _MARKS] - np.append(start.joints_m[:, 0, :2].mean(axis=0), 0.0)
    other_marks = [other.joints_m[:, _MARKS] for other in others]
    other_boxes = [_boxes(camera, world_from_camera, other) for other in other_marks]
    best: tuple[float, float, Array] | None = None
    size = np.array(room.size_m[:2])
    for _ in range(_TRIES):
        yaw = rng.uniform(-np.pi, np.pi)
        c, s = np.cos(yaw), np.sin(yaw)
        turned = marks @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        low, high = turned[..., :2].min(axis=(0, 1)), turned[..., :2].max(axis=(0, 1))
        least, most = _WALL_MARGIN_M - low, size - _WALL_MARGIN_M - high
        if np.any(most < least):
            continue
        shift = rng.uniform(least, most)
        placed = turned + np.append(shift, 0.0)
        gaps = [np.linalg.norm(placed[:, 0, :2] - other[:, 0, :2], axis=-1).min() for other in other_marks]
        if min(gaps, default=np.inf) < _APART_M:
            continue
        pixels = camera.project(_to_camera(world_from_camera, placed))
        seen = float(camera.contains(pixels).mean())
        box = _boxes(camera, world_from_camera, placed)
        covered = np.zeros(len(placed), dtype=np.bool_)
        for other in other_boxes:
            covered |= _overlapping(box, other)
        score = seen - (abs(float(covered.mean()) - overlap) if others else 0.0)
        if best is None or score > best[0]:
            best = (score, yaw, shift)
    if best is None:
        return None
    score, yaw, shift = best
    turned_start = move(motion, yaw, np.zeros(2), scale)
    centre = turned_start.root_position_m[:, :2].mean(axis=0)
    return score, actor_of(move(motion, yaw, shift - centre, scale), scale)


def _to_camera(world_from_camera: Array, points: Array) -> Array:
    return (points - world_from_camera[:3, 3]) @ world_from_camera[:3, :3]


def _boxes(camera: Intrinsics, world_from_camera: Array, marks: Array) -> Array:
    """Boxes (T, 4) around marks (T, M, 3) in the picture; NaN where one is behind the camera."""
    pixels = camera.project(_to_camera(world_from_camera, marks))
    return np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=-1)


def _overlapping(a: Array, b: Array) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.asarray((np.minimum(a[:, 2:], b[:, 2:]) > np.maximum(a[:, :2], b[:, :2])).all(axis=-1))


def _furnish(
    room: Room, eye: Array, actors: list[Actor], rng: np.random.Generator
) -> tuple[list[Box], list[Item]]:
    """Put furniture along the walls and into the room where nobody walks and not in front of the lens."""
    boxes: list[Box] = []
    items: list[Item] = []
    taken: list[tuple[Array, float]] = [(eye[:2], 0.7)]
    joints = _all_joints(actors)
    size = np.array(room.size_m[:2])
    for _ in range(int(rng.integers(4, 8))):
        name = str(rng.choice(FURNITURE))
        item = make(name, rng)
        half = np.array(item.half_extent)
        for _ in range(25):
            wall, yaw = int(rng.integers(0, 5)), 0.0
            place = rng.uniform(0.5, size - 0.5)
            if wall < 4:  # back to a wall
                yaw = (0.0, np.pi / 2, np.pi, -np.pi / 2)[wall]
                gap = half[0] + 0.08
                place[wall % 2] = gap if wall < 2 else size[wall % 2] - gap
            else:
                yaw = rng.uniform(-np.pi, np.pi)
            if _is_free(item, place, yaw, size, joints, taken):
                boxes += _boxes_of(item, place, yaw, FIRST_FURNITURE_SEGMENT + len(items), rng)
                items.append(Item(name, FIRST_FURNITURE_SEGMENT + len(items)))
                taken.append((place, float(np.linalg.norm(half))))
                break
    return boxes, items


def _hide_behind_furniture(
    room: Room, eye: Array, actors: list[Actor], boxes: list[Box], items: list[Item], share: float,
    rng: np.random.Generator,
) -> float:  # fmt: skip
    """Stand wardrobes and screens between the camera and people until about this share of poses is hidden.

    Returns:
        The share that is.
    """
    if not actors:
        return 0.0
    joints = _all_joints(actors)
    size = np.array(room.size_m[:2])
    marks = np.stack([actor.joints_m[:, _VISIBLE] for actor in actors])  # (P, T, M, 3)
    hidden = behind_boxes(eye, marks, boxes)
    for index, other in enumerate(actors):
        for person in range(len(actors)):
            if person != index:
                hidden[person] |= behind_body(eye, marks[person], other.capsules())
    for _ in range(_SCREENS):
        gap = abs(_hidden_share(hidden) - share)
        best: tuple[float, Furniture, Array, float, NDArray[np.bool_]] | None = None
        for _ in range(_SCREEN_TRIES):
            person, frame = int(rng.integers(len(actors))), int(rng.integers(marks.shape[1]))
            body = marks[person, frame, :, :2].mean(axis=0)
            ahead = (eye[:2] - body) / max(float(np.linalg.norm(eye[:2] - body)), 1e-9)
            item = _screen(rng)
            place = body + ahead * rng.uniform(0.3, 2.2) + 0.2 * rng.standard_normal(2)
            yaw = float(np.arctan2(ahead[1], ahead[0]) + 0.3 * rng.standard_normal())
            if not _is_free(item, place, yaw, size, joints, [(eye[:2], 0.9)]):
                continue
            now = hidden | behind_boxes(eye, marks, _boxes_of(item, place, yaw, 0, None))
            miss = abs(_hidden_share(now) - share)
            if miss < gap - 0.01 and (best is None or miss < best[0]):
                best = (miss, item, place, yaw, now)
        if best is None:
            break
        _, item, place, yaw, hidden = best
        boxes += _boxes_of(item, place, yaw, FIRST_FURNITURE_SEGMENT + len(items), rng)
        items.append(Item(item.name, FIRST_FURNITURE_SEGMENT + len(items)))
    return _hidden_share(hidden)


def _hidden_share(hidden: NDArray[np.bool_]) -> float:
    return float((hidden.mean(axis=-1) > 1 / 3).mean())


def _screen(rng: np.random.Generator) -> Furniture:
    """A wardrobe, or a screen or curtain as wards have them."""
    if rng.uniform() < 0.25:
        return make("cabinet", rng)
    half = rng.uniform(0.2, 0.8)
    return Furniture("other", ((-0.03, 0.03, -half, half, 0.0, rng.uniform(1.0, 2.3)),))


def _all_joints(actors: list[Actor]) -> Array:
    return np.concatenate([actor.joints_m.reshape(-1, 3) for actor in actors]) if actors else np.zeros((0, 3))


def _is_free(
    item: Furniture, place: Array, yaw: float, size: Array, joints: Array, taken: list[tuple[Array, float]]
) -> bool:
    """Whether an object stands in the room, in nobody's way and clear of circles (place, radius)."""
    half = np.array(item.half_extent)
    c, s = np.cos(yaw), np.sin(yaw)
    corners = np.array([[x, y] for x in (-half[0], half[0]) for y in (-half[1], half[1])])
    outline = corners @ np.array([[c, s], [-s, c]]) + place
    if np.any(outline < 0.0) or np.any(outline > size):
        return False
    reach = float(np.linalg.norm(half))
    if any(np.linalg.norm(place - other) <= reach + radius for other, radius in taken):
        return False
    low = joints[joints[:, 2] < item.height + 0.1, :2]
    own = np.abs((low - place) @ np.array([[c, -s], [s, c]]))
    return not bool(np.any((own < half + 0.2).all(axis=-1)))


def _boxes_of(
    item: Furniture, place: Array, yaw: float, segment: int, rng: np.random.Generator | None
) -> list[Box]:
    tint = rng.integers(60, 200, 3).tolist() if rng is not None else (0, 0, 0)
    return [
        Box(np.array([x0, y0, z0]), np.array([x1, y1, z1]), place, yaw, segment, (tint[0], tint[1], tint[2]))
        for x0, x1, y0, y1, z0, z1 in item.boxes
    ]
