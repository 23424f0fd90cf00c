"""Everything that a page shows, as JSON with its arrays in one block.

Axes: P persons, T frames. Room coordinates, metres, Z up. Rotations go as 16-bit quaternions (w, x, y, z times 32767):
their rounding moves a hand by about 0.1 mm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.bodies.default_body import default_body
from motion_preprocessing.errors import InputError
from motion_preprocessing.events import detect
from motion_preprocessing.motion_features import measure
from motion_preprocessing.resample import continuous
from motion_preprocessing.rotations import quaternion_from_matrix
from motion_preprocessing.scene import object_points
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX
from motion_runtime.figure import person_color, twins
from motion_runtime.framing import choose_camera
from motion_runtime.room_view import room_view
from motion_runtime.timeline import LEAST_PART_S, Timeline
from motion_runtime.viewer.arrays import ArrayBlock, quantised
from motion_runtime.viewer.highlights import Highlights, find_highlights
from motion_runtime.viewer.room import room_payload
from motion_runtime.viewer.samples import Shown
from motion_runtime.wheelchair_view import Wheelchair, wheelchairs_of

if TYPE_CHECKING:
    from motion_preprocessing.bodies.body_model import BodyModel
    from motion_preprocessing.event import Event
    from motion_preprocessing.scene import Scene
    from motion_runtime.motion import Motion

QUATERNION_UNIT: Final = 1 / 32767
_BODY_UNIT_M: Final = 5e-5
_COARSE_M: Final = 0.035
"""Width of the cells of which the coarse body keeps one vertex each."""
_FINE_JOINTS: Final = tuple(JOINT_INDEX[name] for name in ("head", "left_wrist", "right_wrist"))
"""Face and hands, which would fall apart in such large steps."""
_WEIGHTS: Final = 4
"""Joints that move a vertex, at most: what graphics cards take."""
_SHIRT: Final = (92, 124, 150)
_TROUSERS: Final = (62, 66, 78)
"""Colours of the built-in body's clothes, which take the colour of the person's class."""
_PLAIN: Final = ("stand", "gesture")
"""Events that say nothing when shown."""


def build_payload(shown: Sequence[Shown], scene: Scene | None, block: ArrayBlock, title: str) -> dict[str, Any]:
    """Describe motions for the page; arrays go into `block`.

    Raises:
        InputError: A motion holds NaN or infinity.
    """
    for sample in shown:
        arrays = (sample.motion.joints_m, sample.motion.local_rotations, sample.motion.root_position_m)
        if sample.motion.frames < 1 or not all(np.isfinite(array).all() for array in arrays):
            raise InputError(
                "expected a motion of finite numbers, got NaN, infinity or no frame for the view; make it anew"
            )
    obstacles = None if scene is None else object_points(scene)[0]
    joints = shown[0].motion.joints_m.astype(np.float64)
    room = None if scene is None else room_view(scene)
    _, azimuth = choose_camera(joints, room, (960, 600), (40.0, 60.0, 40.0, 90.0))
    return {
        "title": title,
        "azimuth": round(float(azimuth), 4),
        "body": _body(block),
        "room": None if scene is None else room_payload(scene, block),
        "samples": [_sample(sample, scene, obstacles, block) for sample in shown],
    }


def _body(block: ArrayBlock) -> dict[str, Any]:
    """The built-in body at rest, pelvis at the origin, body axes."""
    body = default_body()
    order = np.argsort(-body.model.weights, axis=1, kind="stable")[:, :_WEIGHTS]
    weights = np.take_along_axis(body.model.weights, order, axis=1)
    weights /= weights.sum(axis=1, keepdims=True)
    rest = body.model.rest_joints_m()[:JOINT_COUNT]
    # 0 keeps its colour (skin, hair, shoes), 1 takes the class's, 2 a darker shade of it.
    cloth = np.zeros(len(body.colors), dtype=np.uint8)
    cloth[(body.colors == _SHIRT).all(axis=1)] = 1
    cloth[(body.colors == _TROUSERS).all(axis=1)] = 2
    return {
        "unit": _BODY_UNIT_M,
        "vertices": block.add(quantised(body.model.template_m, _BODY_UNIT_M)),
        "faces": block.add(body.model.faces.astype(np.uint16)),
        "coarse": block.add(_coarse_faces(body.model).astype(np.uint16)),
        "joints": block.add(order.astype(np.uint8)),
        "weights": block.add(np.rint(255 * weights).astype(np.uint8)),
        "colors": block.add(body.colors),
        "cloth": block.add(cloth),
        "rest": block.add(rest.astype(np.float32)),
        "parents": list(body.model.parents),
    }


def _coarse_faces(model: BodyModel) -> NDArray[np.int32]:
    """Fewer triangles (F', 3) on some of the same vertices: for shadows, earlier poses, and computers without graphics.

    Vertices that share a cell of space and the joint that moves them most become one of them; legs stay apart.
    """
    joint = model.weights.argmax(axis=1)
    width = np.where(np.isin(joint, _FINE_JOINTS), _COARSE_M / 2, _COARSE_M)
    keys = np.column_stack([np.floor(model.template_m / width[:, None]).astype(np.int64), joint])
    _, first, cluster = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    faces = first[cluster.reshape(-1)][model.faces]
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    return np.unique(faces[whole], axis=0).astype(np.int32)


def _sample(
    sample: Shown, scene: Scene | None, obstacles: NDArray[np.float32] | None, block: ArrayBlock
) -> dict[str, Any]:
    motion = sample.motion
    found = find_highlights(motion.joints_m, motion.fps, obstacles)
    quaternions = quaternion_from_matrix(motion.local_rotations.astype(np.float64))
    # Signs without jumps: the page blends neighbouring frames.
    smooth = np.swapaxes(continuous(np.swapaxes(quaternions, 0, 1)), 0, 1)
    given = _given_events(sample.run_info, motion)
    twin_of = twins(motion.person_classes)
    colors = [person_color(name, twin) for name, twin in zip(motion.person_classes, twin_of, strict=True)]
    people = []
    for person, person_class in enumerate(motion.person_classes):
        people.append(
            {
                "class": person_class,
                "number": motion.person_classes[: person + 1].count(person_class),
                "alone": motion.person_classes.count(person_class) == 1,
                "prompt": motion.prompts[person],
                "parts": _parts(motion.prompts[person], motion.seconds, motion.fps),
                "color": [round(channel, 4) for channel in colors[person]],
                "rotations": block.add(quantised(smooth[person], QUATERNION_UNIT)),
                "root": block.add(motion.root_position_m[person].astype(np.float32)),
                "feet": block.add(found.feet[person]),
                "hits": block.add(_hits(found, person)),
                "events": given[person] if given is not None else _detected(motion, person),
            }
        )
    return {
        "name": sample.name,
        "fps": motion.fps,
        "frames": motion.frames,
        "events_from": "run.json" if given is not None else "seen in motion",
        "facts": _facts(motion, found, obstacles is not None),
        "people": people,
        "wheelchairs": [_wheelchair(chair, block) for chair in wheelchairs_of(motion, scene)],
    }


def _wheelchair(chair: Wheelchair, block: ArrayBlock) -> dict[str, Any]:
    """A wheelchair where it faces +x, and where it is: (T, 3) of x, y and the direction that it faces."""
    vertices, _, faces, colors = chair.parts  # of each box's own corners: the page finds the normals
    way = np.column_stack([chair.places_m, chair.yaw_rad])
    return {
        "vertices": block.add(vertices.astype(np.float32)),
        "faces": block.add(faces.astype(np.uint16)),
        "colors": block.add(colors.astype(np.float32)),
        "way": block.add(way.astype(np.float32)),
    }


def _hits(found: Highlights, person: int) -> NDArray[np.float32]:
    """(T, 3, 4): deepest place and depth in the room's things, in another person, in the floor."""
    kinds = (found.scene_hits_m[person], found.person_hits_m[person], found.floor_hits_m[person])
    return np.stack(kinds, axis=1).astype(np.float32)


def _facts(motion: Motion, found: Highlights, in_room: bool) -> list[list[str]]:
    """Pairs of name and value for the page's panel."""
    facts = [["seed", str(motion.seed)], ["sample", str(motion.sample)]]
    if motion.sampler:
        facts.append(["sampler", f"{motion.sampler}, {motion.steps} steps"])
        facts.append(["guidance", f"{motion.guidance:g}"])
    facts.append(["length", f"{motion.seconds:.1f} s at {motion.fps:g} fps"])
    facts.append(["sliding feet", f"{100 * float(found.skate_share.mean()):.0f} %"])
    if in_room:
        depth = found.scene_hits_m[..., 3]
        facts.append(["inside things", _depth_words(depth)])
    if motion.persons > 1:
        facts.append(["inside each other", _depth_words(found.person_hits_m[..., 3])])
    return facts


def _depth_words(depth_m: NDArray[np.float64]) -> str:
    if not (depth_m > 0).any():
        return "never"
    share = float((depth_m > 0).any(axis=0).mean())
    return f"{100 * share:.0f} %, up to {100 * float(depth_m.max()):.0f} cm"


def _given_events(info: Mapping[str, Any], motion: Motion) -> list[list[dict[str, Any]]] | None:
    """Events that run.json lists, a list a person; None if it lists none. What does not fit is left out."""
    listed = info.get("events")
    if not isinstance(listed, list) or not listed:
        return None
    events: list[list[dict[str, Any]]] = [[] for _ in range(motion.persons)]
    for entry in listed:
        if not isinstance(entry, dict):
            continue
        person, label = entry.get("person", 0), entry.get("label", entry.get("kind"))
        start, end = entry.get("start_s"), entry.get("end_s", entry.get("start_s"))
        times = all(isinstance(time, int | float) and math.isfinite(time) for time in (start, end))
        if isinstance(person, int) and 0 <= person < motion.persons and isinstance(label, str) and times:
            events[person].append({"label": label, "start": start, "end": end})
    return events


def _detected(motion: Motion, person: int) -> list[dict[str, Any]]:
    """Events that the detectors see in a person's motion."""
    events = detect(measure(motion.joints_m[person].astype(np.float64), motion.fps))
    return [
        {"label": _words(event), "start": round(event.start_s, 3), "end": round(event.end_s, 3)}
        for event in events
        if event.kind not in _PLAIN
    ]


def _parts(prompt: str, seconds: float, fps: float) -> list[dict[str, Any]]:
    """What a prompt that changes over time asks for, and when; empty for a plain one."""
    try:
        timeline = Timeline.parse(prompt)
        # The motion that was asked for may have been half a frame longer: its parts fitted into it.
        least = sum(LEAST_PART_S if part.seconds is None else part.seconds for part in timeline.parts)
        starts = timeline.starts(least if 0 < least - seconds < 0.51 / fps else seconds)
    except InputError:
        return []  # a '|' that was not meant so, in a motion from elsewhere
    ends = [*starts[1:], seconds]
    parts = zip(timeline.parts, starts, ends, strict=True)
    return [{"label": part.text, "start": start, "end": end} for part, start, end in parts] if len(starts) > 1 else []


def _words(event: Event) -> str:
    kind = event.kind.replace("_", " ")
    if event.kind == "turn":
        return f"turn {'left' if event.amount > 0 else 'right'} {abs(event.amount):.0f}\u00b0"
    return f"{kind} {event.side}" if event.side and event.side != "both" else kind
