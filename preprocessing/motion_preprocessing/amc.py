"""Reader of Acclaim motion capture: the skeleton (.asf) and the motion (.amc).

A bone turns about its START; its joint in other formats' sense is where its parent ends. With C the bone's axes in the
rest pose and M the product of its channels, its rotation in the world relative to the rest pose is

    D_bone = D_parent C M C^T

so that the bone points along D_bone direction. Here every bone becomes a node at the bone's start under the bone's
name, and a bone without children also gives a node at its far end. Rotations named 'XYZ' apply x first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.source_motion import END_SUFFIX, SourceMotion, axis_rotation

ROOT = "root"
INCH_M: Final = 0.0254
_ROTATIONS = {"rx": "x", "ry": "y", "rz": "z"}
_TRANSLATIONS = {"tx": 0, "ty": 1, "tz": 2}


@dataclass(frozen=True)
class AsfBone:
    """One bone of the skeleton; the root is a bone of no length."""

    name: str
    parent: int
    """Index of the parent bone, -1 for the root."""
    vector: NDArray[np.float64]
    """(3,) from the bone's start to its end in the rest pose, in the file's length unit."""
    axes: NDArray[np.float64]
    """(3, 3) the bone's axes C in the rest pose."""
    dof: tuple[str, ...]
    """Its channels in the order of the .amc file's values: rx ry rz, and tx ty tz for the root."""


@dataclass(frozen=True)
class AsfSkeleton:
    """A parsed .asf file."""

    bones: tuple[AsfBone, ...]
    """Parents precede children; the root comes first."""
    length: float
    """The file's `length` unit: values divided by it are inches."""
    angle_rad: float
    """Radians of one unit of angle."""
    root_position: NDArray[np.float64]
    """(3,) position of the root in the rest pose."""

    @property
    def unit_m(self) -> float:
        """Metres of the file's length unit."""
        return INCH_M / self.length


def _read(path: Path, kind: str) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"expected a readable {kind} file, got '{error.strerror}' for {path}; check it") from None
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line]


def _numbers(words: list[str], where: str, path: Path) -> NDArray[np.float64]:
    try:
        values = np.array([float(word) for word in words])
    except ValueError:
        raise InputError(f"expected numbers, got '{' '.join(words)}' for {where} of {path}; mend the file") from None
    if not np.isfinite(values).all():
        raise InputError(f"expected finite numbers, got NaN or infinity for {where} of {path}; mend the file")
    return values


def _euler(angles_rad: NDArray[np.float64], order: str) -> NDArray[np.float64]:
    """Rotation of fixed-axis angles: 'xyz' applies x first, so its matrix stands rightmost."""
    matrix = np.eye(3)
    for axis, angle in zip(order, angles_rad, strict=True):
        matrix = axis_rotation(axis, angle) @ matrix
    return matrix


def read_asf(path: Path) -> AsfSkeleton:
    """Read a skeleton.

    Raises:
        InputError: The file is missing, malformed, or its hierarchy names a bone that it does not define.
    """
    sections: dict[str, list[list[str]]] = {}
    section: list[list[str]] = []
    for line in _read(path, "ASF"):
        words = line.split()
        if words[0].startswith(":"):
            section = sections.setdefault(words[0], [])
        else:
            section.append(words)
    for needed in (":units", ":root", ":bonedata", ":hierarchy"):
        if needed not in sections:
            raise InputError(f"expected a section '{needed}', got none for {path}; the file is truncated or no ASF")
    units = {words[0]: words[1] for words in sections[":units"] if len(words) == 2}
    angle_rad = float(np.pi / 180) if units.get("angle", "deg").startswith("deg") else 1.0
    length = float(_numbers([units.get("length", "1")], "the length unit", path)[0])
    if length <= 0:
        raise InputError(f"expected a positive length unit, got {length} for {path}; mend the file")

    root = {words[0]: words[1:] for words in sections[":root"]}
    root_axes = _euler(
        _numbers(root.get("orientation", ["0"] * 3), "the root's orientation", path) * angle_rad,
        root.get("axis", ["XYZ"])[0].lower(),
    )
    root_bone = AsfBone(ROOT, -1, np.zeros(3), root_axes, tuple(w.lower() for w in root.get("order", [])))
    data = _bone_data(sections[":bonedata"], angle_rad, path)

    parent_of: dict[str, str] = {}
    for words in sections[":hierarchy"]:
        if words[0] not in ("begin", "end"):
            parent_of.update(dict.fromkeys(words[1:], words[0]))
    bones = [root_bone]
    index = {ROOT: 0}
    waiting = dict(parent_of)
    while waiting:
        ready = [child for child, parent in waiting.items() if parent in index]
        if not ready:
            raise InputError(f"expected a tree from 'root', got '{next(iter(waiting))}' apart for {path}; mend it")
        for child in ready:
            if child not in data:
                raise InputError(f"expected bone data of '{child}', got none for {path}; mend the hierarchy")
            vector, axes, dof = data[child]
            index[child] = len(bones)
            bones.append(AsfBone(child, index[waiting.pop(child)], vector, axes, dof))
    position = _numbers(root.get("position", ["0"] * 3), "the root's position", path)
    return AsfSkeleton(tuple(bones), length, angle_rad, position)


def _bone_data(
    lines: list[list[str]], angle_rad: float, path: Path
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]]:
    """Parse the bone blocks into name -> (vector, axes, degrees of freedom)."""
    bones: dict[str, tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]] = {}
    block: dict[str, list[str]] = {}
    for words in lines:
        if words[0] == "begin":
            block = {}
        elif words[0] != "end":
            block.setdefault(words[0], words[1:])
        else:
            missing = [key for key in ("name", "direction", "length", "axis") if not block.get(key)]
            if missing:
                raise InputError(f"expected '{missing[0]}' in a bone's data, got none for {path}; mend the file")
            name = block["name"][0]
            direction = _numbers(block["direction"], f"bone {name}", path)
            vector = direction * _numbers(block["length"], f"bone {name}", path)[0]
            order = block["axis"][3].lower() if len(block["axis"]) > 3 else "xyz"
            axes = _euler(_numbers(block["axis"][:3], f"bone {name}", path) * angle_rad, order)
            bones[name] = (vector, axes, tuple(word.lower() for word in block.get("dof", [])))
    return bones


def read_amc(path: Path, skeleton: AsfSkeleton) -> NDArray[np.float64]:
    """Read a motion's channel values (T, C), C running over the skeleton's bones in order and their channels.

    Raises:
        InputError: The file is missing, truncated, names a bone that the skeleton lacks, or gives a bone the wrong
            number of values.
    """
    slots: dict[str, slice] = {}
    width = 0
    for bone in skeleton.bones:
        if bone.dof:
            slots[bone.name] = slice(width, width + len(bone.dof))
            width += len(bone.dof)
    known = {bone.name for bone in skeleton.bones}
    rows: list[NDArray[np.float64]] = []
    seen: set[str] = set()
    for line in _read(path, "AMC"):
        words = line.split()
        if words[0].startswith(":"):
            continue
        if len(words) == 1 and words[0].isdigit():
            _check_frame(rows, seen, slots, path)
            rows.append(np.zeros(width))
            seen = set()
            continue
        name = words[0]
        if not rows:
            raise InputError(f"expected a frame number, got '{line}' for {path}; the file is not valid AMC")
        if name not in slots:
            has = "no channels" if name in known else "no such bone"
            raise InputError(f"expected bones of the skeleton, got '{name}' ({has} in the .asf) for {path}; pair them")
        values = _numbers(words[1:], f"bone {name} in frame {len(rows)}", path)
        slot = slots[name]
        if len(values) != slot.stop - slot.start:
            raise InputError(
                f"expected {slot.stop - slot.start} values, got {len(values)} for bone {name} in frame {len(rows)} "
                f"of {path}; the file is truncated or of another skeleton"
            )
        rows[-1][slot] = values
        seen.add(name)
    _check_frame(rows, seen, slots, path)
    if not rows:
        raise InputError(f"expected frames, got none for {path}; the file is empty")
    return np.stack(rows)


def _check_frame(rows: list[NDArray[np.float64]], seen: set[str], slots: dict[str, slice], path: Path) -> None:
    missing = [name for name in slots if name not in seen]
    if rows and missing:
        raise InputError(
            f"expected values for every bone, got none of '{missing[0]}' for frame {len(rows)} of {path}; "
            "the file is truncated"
        )


def amc_motion(
    skeleton: AsfSkeleton, values: NDArray[np.float64], *, fps: float, unit_m: float | None = None
) -> SourceMotion:
    """Turn channel values (T, C) of `read_amc` into motion relative to the skeleton's rest pose.

    Args:
        skeleton: The skeleton.
        values: Channel values.
        fps: The true frame rate.
        unit_m: Metres of the file's length unit; None takes what the .asf file says.

    Raises:
        InputError: A bone has a channel other than rotations and translations.
    """
    unit_m = skeleton.unit_m if unit_m is None else unit_m
    count = len(values)
    bones = skeleton.bones
    rest: list[NDArray[np.float64]] = []
    rotations: list[NDArray[np.float64]] = []
    joints: list[NDArray[np.float64]] = []
    column = 0
    for bone in bones:
        local = np.broadcast_to(np.eye(3), (count, 3, 3))
        translation = np.zeros((count, 3))
        for channel in bone.dof:
            value = values[:, column]
            column += 1
            if channel in _TRANSLATIONS:
                translation[:, _TRANSLATIONS[channel]] = value
            elif channel in _ROTATIONS:
                local = axis_rotation(_ROTATIONS[channel], value * skeleton.angle_rad) @ local
            else:
                raise InputError(f"expected channels such as rx, got '{channel}' for bone {bone.name}; mend the .asf")
        turned = bone.axes @ local @ bone.axes.T
        if bone.parent < 0:
            rest.append(np.zeros(3))
            rotations.append(turned)
            joints.append(translation + skeleton.root_position)
        else:
            start = bones[bone.parent].vector
            rest.append(rest[bone.parent] + start)
            joints.append(joints[bone.parent] + rotations[bone.parent] @ start)
            rotations.append(rotations[bone.parent] @ turned)
    names = [bone.name for bone in bones]
    parents = [bone.parent for bone in bones]
    leaves = [i for i in range(len(bones)) if i not in parents]
    for i in leaves:
        names.append(bones[i].name + END_SUFFIX)
        parents.append(i)
        rest.append(rest[i] + bones[i].vector)
        joints.append(joints[i] + rotations[i] @ bones[i].vector)
        rotations.append(rotations[i])
    return SourceMotion(
        tuple(names),
        tuple(parents),
        np.stack(rest) * unit_m,
        np.stack(rotations, axis=1),
        np.stack(joints, axis=1) * unit_m,
        fps,
    )
