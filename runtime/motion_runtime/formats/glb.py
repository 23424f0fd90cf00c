"""Everybody and the room as one animated glTF file: skinned bodies, one animation, metres.

    'Z up' (turned so that glTF's y is up)
      person_0 (patient)   the skeleton: 22 nodes under 'pelvis'
      person_1 (staff)
      wheelchair_0 ...      under who is pushed in one, moved by the same animation
      room, walls, ceiling  triangles of a mesh, else points: room and ceiling
    person_0_body ...      the skinned meshes; glTF wants them outside of any turned node

Node transforms without the animation are the T-pose on the floor where each person starts, facing the room's +x.
Inverse bind matrices take a joint's rest position to the origin and nothing else, because rest rotations are none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.gltf import linear_from_srgb
from motion_preprocessing.resample import continuous
from motion_preprocessing.rotations import quaternion_from_matrix
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_NAMES, PARENTS, WORLD_FROM_BODY
from motion_runtime.figure import twins
from motion_runtime.formats.glb_file import INDICES, VERTICES, GlbFile
from motion_runtime.formats.room import Room
from motion_runtime.formats.skin import Skin, built_in_skin
from motion_runtime.motion import Motion
from motion_runtime.wheelchair_view import Wheelchair

Array = NDArray[np.float64]

Z_UP: Final = [-math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]
"""x, y, z, w: a quarter turn about x that takes the room's z to glTF's y."""
_POINTS: Final = 0
_UNLIT: Final = "KHR_materials_unlit"


def write_glb(
    path: Path, motion: Motion, room: Room | None = None, skin: Skin | None = None, chairs: Sequence[Wheelchair] = ()
) -> None:
    """Write a motion as a binary glTF file.

    Args:
        path: File to write; an existing one is replaced.
        motion: The motion; finite.
        room: What stands around it.
        skin: The body; None = the built-in one.
        chairs: The wheelchairs that people are pushed in.

    Raises:
        OutputError: The file could not be written.
    """
    content = glb_bytes(motion, room, skin, chairs)
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def glb_bytes(
    motion: Motion, room: Room | None = None, skin: Skin | None = None, chairs: Sequence[Wheelchair] = ()
) -> bytes:
    """Return what `write_glb` writes: equal motions give equal bytes."""
    skin = skin or built_in_skin()
    file = GlbFile({"version": "2.0", "generator": f"scene-motion {version('scene-motion')}"})
    geometry = _geometry(file, skin)
    times = file.array((np.arange(motion.frames) / motion.fps).astype(np.float32), bounds=True)
    top = file.add("nodes", {"name": "Z up", "rotation": Z_UP, "children": []})
    roots = [top]
    channels: list[dict[str, Any]] = []
    samplers: list[dict[str, Any]] = []

    def animate(node: int, path: str, output: int) -> None:
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        samplers.append({"input": times, "interpolation": "LINEAR", "output": output})

    for person, twin in enumerate(twins(motion.person_classes)):
        holder, first = _skeleton(file, motion, person, skin)
        file.node(top)["children"].append(holder)
        roots.append(_body(file, motion, person, twin, skin, geometry, first))
        quaternions = _quaternions(motion.local_rotations[person])
        for joint in range(JOINT_COUNT):
            animate(first + joint, "rotation", file.array(quaternions[:, joint], normalized=True))
        animate(first, "translation", file.array(motion.root_position_m[person].astype(np.float32)))
    for number, chair in enumerate(chairs):
        node = _chair(file, chair, number)
        file.node(top)["children"].append(node)
        animate(node, "rotation", file.array(_about_z(chair), normalized=True))
        animate(node, "translation", file.array(_on_floor(chair)))
    file.add("animations", {"name": "motion", "channels": channels, "samplers": samplers})
    if room is not None:
        file.node(top)["children"] += _room(file, room)
    file.add("scenes", {"name": "scene-motion", "nodes": roots, "extras": _extras(motion)})
    return file.to_bytes()


def _extras(motion: Motion) -> dict[str, Any]:
    """What is known of the motion, for programs that read it."""
    return {
        "prompts": list(motion.prompts),
        "person_classes": list(motion.person_classes),
        # JSON readers hold whole numbers as doubles: a seed beyond 2^53 would lose digits.
        "seed": str(motion.seed) if motion.seed > 2**53 else motion.seed,
        "sample": motion.sample,
        "fps": motion.fps,
        "frames": motion.frames,
        "up": "z in 'Z up', y in the file",
    }


def _geometry(file: GlbFile, skin: Skin) -> dict[str, int]:
    """Arrays of the body that all people share."""
    small = len(skin.vertices_m) < 65535  # the largest number would restart the primitive
    indices = skin.faces.reshape(-1).astype(np.uint16 if small else np.uint32)
    return {
        "indices": file.array(indices, target=INDICES),
        "POSITION": file.array(skin.vertices_m, target=VERTICES, bounds=True),
        "NORMAL": file.array(skin.normals, target=VERTICES),
        "JOINTS_0": file.array(skin.joints, target=VERTICES),
        "WEIGHTS_0": file.array(skin.weights, target=VERTICES, normalized=True),
    }


def _skeleton(file: GlbFile, motion: Motion, person: int, skin: Skin) -> tuple[int, int]:
    """Add a person's nodes; return the one that holds them and the first joint."""
    name = motion.person_classes[person]
    about = {"person": person, "person_class": name, "prompt": motion.prompts[person]}
    holder = file.add("nodes", {"name": f"person_{person} ({name})", "extras": about})
    first = holder + 1
    for joint, parent in enumerate(PARENTS):
        offset = skin.rest_joints_m[joint] - (skin.rest_joints_m[parent] if parent >= 0 else 0.0)
        node: dict[str, Any] = {"name": JOINT_NAMES[joint], "translation": _floats(offset)}
        if joint == 0:
            start = motion.root_position_m[person, 0]
            height = -float(skin.vertices_m[:, 1].min())
            node |= {"translation": _floats([start[0], start[1], height]), "rotation": _upright()}
        children = [first + child for child, up in enumerate(PARENTS) if up == joint]
        if children:
            node["children"] = children
        file.add("nodes", node)
    file.node(holder)["children"] = [first]
    return holder, first


def _body(
    file: GlbFile, motion: Motion, person: int, twin: int, skin: Skin, geometry: dict[str, int], first: int
) -> int:
    """Add a person's skinned mesh and return its node."""
    inverse_bind = np.tile(np.eye(4, dtype=np.float32), (JOINT_COUNT, 1, 1))
    inverse_bind[:, :3, 3] = -skin.rest_joints_m
    binding = {
        "name": f"person_{person}",
        "inverseBindMatrices": file.array(inverse_bind),
        "joints": list(range(first, first + JOINT_COUNT)),
        "skeleton": first,
    }
    material = {"name": f"person_{person}", "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.85}}
    color = file.array(_color_array(skin.colors(motion.person_classes[person], twin)), target=VERTICES, normalized=True)
    attributes = {name: accessor for name, accessor in geometry.items() if name != "indices"} | {"COLOR_0": color}
    primitive = {
        "attributes": attributes,
        "indices": geometry["indices"],
        "material": file.add("materials", material),
    }
    mesh = file.add("meshes", {"name": f"person_{person}_body", "primitives": [primitive]})
    return file.add("nodes", {"name": f"person_{person}_body", "mesh": mesh, "skin": file.add("skins", binding)})


def _chair(file: GlbFile, chair: Wheelchair, number: int) -> int:
    """Add a wheelchair, where it stands first, and return its node."""
    name = f"wheelchair_{number}"
    vertices, normals, faces, colors = chair.parts
    material = {"name": name, "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.7}}
    primitive = {
        "attributes": {
            "POSITION": file.array(vertices.astype(np.float32), target=VERTICES, bounds=True),
            "NORMAL": file.array(normals.astype(np.float32), target=VERTICES),
            "COLOR_0": file.array(_color_array(colors.astype(np.float64)), target=VERTICES, normalized=True),
        },
        "indices": file.array(faces.reshape(-1).astype(np.uint16), target=INDICES),
        "material": file.add("materials", material),
    }
    mesh = file.add("meshes", {"name": name, "primitives": [primitive]})
    half = 0.5 * float(chair.yaw_rad[0])
    where = {"translation": _floats(_on_floor(chair)[0]), "rotation": _floats([0, 0, math.sin(half), math.cos(half)])}
    return file.add("nodes", {"name": name, "mesh": mesh, **where})


def _on_floor(chair: Wheelchair) -> NDArray[np.float32]:
    return np.pad(chair.places_m, ((0, 0), (0, 1))).astype(np.float32)


def _about_z(chair: Wheelchair) -> NDArray[np.int16]:
    """Quaternions x, y, z, w (T, 4) in 32767ths; half angles without jumps have signs without them."""
    half = 0.5 * chair.yaw_rad
    turns = np.stack([np.zeros_like(half), np.zeros_like(half), np.sin(half), np.cos(half)], axis=1)
    return np.round(32767.0 * turns).astype(np.int16)


def _room(file: GlbFile, room: Room) -> list[int]:
    """Add the room's nodes: outer walls and ceiling apart, and not drawn from outside where they are faces."""
    walls = np.zeros_like(room.ceiling) if room.walls is None else room.walls
    nodes = []
    for name, part in (("room", ~(walls | room.ceiling)), ("walls", walls), ("ceiling", room.ceiling)):
        if not part.any():
            continue
        material: dict[str, Any] = {
            "name": name,
            "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 1.0},
        }
        if room.faces is None:
            file.use_extension(_UNLIT)
            material["extensions"] = {_UNLIT: {}}
        elif name == "room":
            material["doubleSided"] = True
        if room.faces is None:
            primitive: dict[str, Any] = {"mode": _POINTS}
            chosen = np.flatnonzero(part)
        else:
            chosen, faces = np.unique(room.faces[part], return_inverse=True)
            primitive = {"indices": file.array(faces.reshape(-1).astype(np.uint32), target=INDICES)}
        attributes = {
            "POSITION": file.array(room.points_m[chosen].astype(np.float32), target=VERTICES, bounds=True),
            "COLOR_0": file.array(_color_array(room.colors[chosen]), target=VERTICES, normalized=True),
        }
        if room.normals is not None:
            attributes["NORMAL"] = file.array(room.normals[chosen], target=VERTICES)
        primitive |= {"attributes": attributes, "material": file.add("materials", material)}
        mesh = file.add("meshes", {"name": name, "primitives": [primitive]})
        nodes.append(file.add("nodes", {"name": name, "mesh": mesh}))
    return nodes


def _color_array(srgb: Array) -> NDArray[np.uint16]:
    """Linear light and full opacity (N, 4) in 65535ths: eight bits would show steps in dark colours."""
    light = np.round(65535.0 * linear_from_srgb(np.clip(srgb, 0.0, 1.0)))
    return np.concatenate([light, np.full((len(light), 1), 65535.0)], axis=1).astype(np.uint16)


def _quaternions(rotations: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Quaternions x, y, z, w (T, 22, 4) in 32767ths, neighbours less than half a turn apart.

    Sixteen bits turn a bone of a metre by less than 0.05 mm at its end.
    """
    wxyz = continuous(np.asarray(quaternion_from_matrix(np.asarray(rotations, dtype=np.float64))))
    return np.round(32767.0 * wxyz[..., [1, 2, 3, 0]]).astype(np.int16)


def _upright() -> list[float]:
    w, x, y, z = np.asarray(quaternion_from_matrix(WORLD_FROM_BODY)).tolist()
    return [x, y, z, w]


def _floats(values: Any) -> list[float]:
    """Plain numbers, rounded to the micrometre for a short text."""
    return [round(float(value), 6) + 0.0 for value in values]
