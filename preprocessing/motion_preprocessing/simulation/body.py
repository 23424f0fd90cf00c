"""The body as a MuJoCo model: the project's skeleton in flesh of many sizes, hinges with springs as muscles."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import numpy as np

from motion_preprocessing.errors import MissingExtraError
from motion_preprocessing.simulation.hinges import HINGES, OFFSETS_M, Array
from motion_preprocessing.simulation.solve import MASS_SHARES, Box, part_of
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, PARENTS

STANDARD_HEIGHT_M: Final = 1.70
"""Height of somebody with the project's rest offsets."""
STANDARD_MASS_KG: Final = 70.0
TIMESTEP_S: Final = 1 / 480
CONTROL_STEPS: Final = 4
"""Physics steps a control tick."""
TICK_S: Final = TIMESTEP_S * CONTROL_STEPS
DAMPING_SHARE: Final = 0.1
"""Derivative gain over proportional gain, seconds."""
GRAVITY_M_S2: Final = 9.81


def mujoco_module() -> ModuleType:
    """Import MuJoCo.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import mujoco
    except ImportError:
        raise MissingExtraError.for_extra("mujoco", "simulate") from None
    return mujoco  # type: ignore[no-any-return, unused-ignore]


@dataclass(frozen=True)
class BodySize:
    """Whose body it is."""

    height_m: float = STANDARD_HEIGHT_M
    """Standing height."""
    mass_kg: float = STANDARD_MASS_KG
    """Mass."""
    strength: float = 1.0
    """Muscle strength for one's weight; 1 is an able adult."""

    @property
    def scale(self) -> float:
        """Size over that of the project's skeleton."""
        return self.height_m / STANDARD_HEIGHT_M

    @property
    def girth(self) -> float:
        """Thickness over that of somebody as slim as the standard body."""
        slim = STANDARD_MASS_KG * self.scale**3
        return float(np.sqrt(self.mass_kg / slim))


def draw_size(rng: np.random.Generator) -> BodySize:
    """Draw a body: heights 1.48 to 1.88 m, body-mass index 18 to 34."""
    height = float(np.clip(rng.normal(1.66, 0.09), 1.48, 1.88))
    index = float(np.clip(rng.normal(25.0, 3.8), 18.0, 34.0))
    return BodySize(height, index * height * height, float(rng.uniform(0.75, 1.15)))


# part: geoms as (type, numbers, kind of scaling); left side, hinge axes
_SOLREF: Final = "0.005 1"
_SOLIMP: Final = "0.9 0.985 0.004"


def _capsule(a: tuple[float, ...], b: tuple[float, ...], radius: float) -> str:
    ends = " ".join(f"{v:.9g}" for v in (*a, *b))
    return f'type="capsule" fromto="{ends}" size="{radius:.9g}"'


def _box(centre: tuple[float, ...], half: tuple[float, ...]) -> str:
    return f'type="box" pos="{" ".join(f"{v:.9g}" for v in centre)}" size="{" ".join(f"{v:.9g}" for v in half)}"'


def _ellipsoid(centre: tuple[float, ...], half: tuple[float, ...]) -> str:
    return _box(centre, half).replace('type="box"', 'type="ellipsoid"')


def _geom(name: str, s: float, girth: float) -> str:
    """Shape of the part of a joint, metres times `s`."""
    side = -1.0 if name.startswith("right") else 1.0
    part = part_of(name)
    g = s * girth

    def at(x: float, y: float, z: float) -> tuple[float, float, float]:
        return (s * x, s * side * y, s * z)

    if part in ("pelvis", "spine1", "spine2", "spine3"):
        z, width, radius = {
            "pelvis": (-0.02, 0.075, 0.10), "spine1": (0.06, 0.06, 0.095), "spine2": (0.03, 0.065, 0.10),
            "spine3": (0.10, 0.085, 0.105),
        }[part]  # fmt: skip
        return _capsule((0.0, -s * width, s * z), (0.0, s * width, s * z), radius * g)
    if part == "neck":
        return _capsule((0.0, 0.0, 0.0), (s * 0.03, 0.0, s * 0.06), 0.05 * s)
    if part == "head":
        return _ellipsoid((s * 0.02, 0.0, s * 0.07), (s * 0.098, s * 0.076, s * 0.115))
    if part == "collar":
        return _capsule(at(0.0, 0.03, 0.02), at(0.0, 0.08, 0.03), 0.05 * s)
    if part == "ankle":
        return _box(at(0.035, 0.008, -0.041), (s * 0.085, s * 0.038, s * 0.025))
    if part == "foot":
        return _box(at(0.03, 0.0, 0.002), (s * 0.035, s * 0.04, s * 0.012))
    if part == "wrist":
        return _capsule(at(0.0, 0.03, 0.0), at(0.0, 0.14, 0.0), 0.024 * s)
    child = {"hip": "knee", "knee": "ankle", "shoulder": "elbow", "elbow": "wrist"}[part]
    end = OFFSETS_M[JOINT_INDEX[name.replace(part, child)]] * s
    radius = {"hip": 0.068 * g, "knee": 0.046 * g**0.5 * s**0.5, "shoulder": 0.042 * g, "elbow": 0.034 * s}[part]
    inner = 0.12 if part == "hip" else 0.05
    return _capsule(tuple(inner * end), tuple(0.97 * end), radius)


def _contact(name: str) -> str:
    """Contact bits: everything meets the room; arms meet the trunk, head and thighs, one leg the other."""
    part, left = part_of(name), name.startswith("left")
    kind, affinity = 0, 1
    if part in ("elbow", "wrist"):
        kind = 2
    elif part in ("pelvis", "spine1", "spine2", "spine3", "head", "hip"):
        affinity |= 2
    if part in ("hip", "knee", "ankle", "foot"):
        kind, affinity = (kind | 4, affinity) if left else (kind, affinity | 4)
    return f'contype="{kind}" conaffinity="{affinity}"'


def _body(joint: int, size: BodySize, children: dict[int, list[int]]) -> str:
    name, s = JOINT_NAMES[joint], size.scale
    place = np.zeros(3) if joint == 0 else OFFSETS_M[joint] * s
    part = part_of(name)
    # A capsule would otherwise roll away like a log; hands and feet must turn freely.
    condim, friction = ("4", "0.2 0.02 0.0001") if part in ("wrist", "ankle", "foot") else ("6", "0.2 0.02 0.01")
    lines = [f'<body name="{name}" pos="{place[0]:.9g} {place[1]:.9g} {place[2]:.9g}">']
    if joint == 0:
        lines.append('<freejoint name="root"/>')
    for hinge in HINGES:
        if hinge.joint == joint:
            axis = " ".join("1" if i == hinge.axis else "0" for i in range(3))
            lines.append(
                f'<joint name="{hinge.name}" type="hinge" axis="{axis}" limited="true" '
                f'range="{hinge.low_rad:.9g} {hinge.high_rad:.9g}" damping="{1.0 if hinge.torque_nm > 12 else 0.3}" '
                'armature="0.02" solreflimit="0.006 1" solimplimit="0.97 0.999 0.01"/>'
            )
    lines.append(
        f'<geom name="{name}" {_geom(name, s, size.girth)} mass="{MASS_SHARES[joint] * size.mass_kg:.9g}" '
        f'condim="{condim}" friction="{friction}" solref="{_SOLREF}" solimp="{_SOLIMP}" {_contact(name)}/>'
    )
    lines += [_body(child, size, children) for child in children[joint]]
    lines.append("</body>")
    return "\n".join(lines)


def gains(size: BodySize) -> tuple[Array, Array]:
    """Stiffness (Nm / rad) and torque limits (Nm) of the hinges of a body: they grow with weight times length."""
    grows = size.mass_kg / STANDARD_MASS_KG * size.scale
    stiffness = np.array([hinge.stiffness for hinge in HINGES]) * grows
    torque = np.array([hinge.torque_nm for hinge in HINGES]) * grows * size.strength
    return stiffness, torque


def model_xml(size: BodySize, boxes: tuple[Box, ...] = (), friction: float = 0.8) -> str:
    """Write the model: floor, furniture (sizes in the body's own scale), body."""
    s = size.scale
    children: dict[int, list[int]] = {joint: [] for joint in range(JOINT_COUNT)}
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            children[parent].append(joint)
    room = [
        f'<geom name="floor" type="plane" size="20 20 0.1" contype="1" conaffinity="0" condim="6" '
        f'friction="{friction:.9g} 0.02 0.01" solref="{_SOLREF}" solimp="{_SOLIMP}"/>'
    ]
    for i, box in enumerate(boxes):
        half = (s * box.half_m[0], s * box.half_m[1], s * (box.top_m - box.bottom_m) / 2)
        centre = (s * box.centre_m[0], s * box.centre_m[1], s * (box.top_m + box.bottom_m) / 2)
        soft = "0.03 1" if box.name == "bed" else "0.012 1"
        room.append(
            f'<geom name="box{i}" {_box(centre, half)} euler="0 0 {box.yaw_rad:.9g}" contype="1" conaffinity="0" '
            f'friction="{friction:.9g} 0.02 0.01" condim="6" solref="{soft}" solimp="{_SOLIMP}"/>'
        )
    stiffness, torque = gains(size)
    muscles = [
        f'<position joint="{hinge.name}" kp="{k:.9g}" kv="{DAMPING_SHARE * k:.9g}" forcerange="{-t:.9g} {t:.9g}"/>'
        for hinge, k, t in zip(HINGES, stiffness, torque, strict=True)
    ]
    return "\n".join(
        [
            '<mujoco><compiler angle="radian" autolimits="true"/>',
            f'<option timestep="{TIMESTEP_S:.12g}" integrator="implicitfast" gravity="0 0 {-GRAVITY_M_S2}" '
            'iterations="30" cone="pyramidal"/>',
            "<worldbody>", *room, _body(0, size, children), "</worldbody>",
            "<actuator>", *muscles, "</actuator></mujoco>",
        ]
    )  # fmt: skip


def compile_body(size: BodySize, boxes: tuple[Box, ...] = (), friction: float = 0.8) -> Any:
    """Compile the model."""
    return mujoco_module().MjModel.from_xml_string(model_xml(size, boxes, friction))


class Indexed:
    """Where a compiled model's hinges and parts are: what every controller of it needs."""

    def index(self, model: Any) -> None:
        """Look them up."""
        joints = [model.joint(hinge.name).id for hinge in HINGES]
        self.qpos = np.array([model.jnt_qposadr[j] for j in joints])
        self.qvel = np.array([model.jnt_dofadr[j] for j in joints])
        self.body: dict[str, int] = {name: model.body(name).id for name in JOINT_NAMES}
        self.geom: dict[str, int] = {name: model.geom(name).id for name in JOINT_NAMES}
