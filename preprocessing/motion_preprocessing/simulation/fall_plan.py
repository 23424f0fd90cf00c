"""What a fall is made of: who falls from which pose, what pushes, how the person reacts; and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from motion_preprocessing.simulation.body import BodySize
from motion_preprocessing.simulation.hinges import Array, Pose
from motion_preprocessing.simulation.solve import Box


@dataclass(frozen=True)
class Push:
    """A force on a part of the body for a while, standard body's units: it scales with weight."""

    part: str
    force_n: tuple[float, float, float]
    seconds: float
    start_s: float = 0.0
    torque_nm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    until_off_m: float = 0.0
    """Above zero the force ends when the part has moved so far sideways."""


@dataclass(frozen=True)
class Person:
    """How somebody reacts; drawn anew for every fall."""

    latency_s: float = 0.18
    """Until the reaction begins."""
    tone: float = 0.55
    """Share of the strength that the muscles work with."""
    arm_strength: float = 0.8
    """How far the arms reach the protective pose."""
    catch: float = 1.0
    """Factor on the arms' tone while they break the fall."""
    knees: float = 0.9
    """Depth of the yielding legs."""
    legs_s: float = 0.5
    """How long the legs take to yield."""
    righting: float = 0.6
    """How strongly the trunk is righted while on the feet."""
    steps: bool = True
    """Whether a recovery step is taken."""
    turning: float = 0.0
    """How far the trunk is turned aside while falling forward or back, -1 .. 1."""
    limp_s: float = 0.0
    """Above zero: the muscles give way within so many seconds, as in a faint."""
    relaxed: float = 0.14
    """Tone of the lying body."""


@dataclass(frozen=True)
class FallPlan:
    """What happens to whom."""

    kind: str
    start: Pose
    """One frame: where the body is."""
    root_velocity: Array
    """(6,) linear velocity in the world and angular velocity in the world."""
    hinge_velocity: Array
    """(45,)."""
    reference: Array
    """(R, 45) angles that the clip goes on with, 20 frames a second."""
    person: Person
    size: BodySize
    pushes: tuple[Push, ...] = ()
    boxes: tuple[Box, ...] = ()
    friction: float = 0.8
    drag: tuple[str, float, float] = ("", 0.0, 0.0)
    """Toe that is held, by how many N s / m, for how long."""
    slippery: tuple[str, float, float] = ("", 0.0, 0.0)
    """Foot on ice, its friction, the other foot's friction."""
    clip_s: float = 0.0
    """How long the clip goes on after the latency."""
    way: tuple[float, float] | None = None
    """Direction the response assumes in the body's frame (ahead, left) instead of the measured one."""


@dataclass(frozen=True)
class Fallen:
    """A finished fall, brought back to the project's skeleton."""

    pose: Pose
    """20 frames a second from the onset on."""
    impact_s: float
    """First floor contact of pelvis, trunk or thigh; NaN if there is none."""
    pelvis_m_s: float
    """Speed of the pelvis just before."""
    head_hit: bool
    """Whether the head meets the floor within .45 s of it."""
    head_m_s: float
    """Speed of the head just before that; NaN without."""
    hand_first: bool
    """Whether a hand meets the floor before."""
    settled: bool
    """Whether all joints came to rest."""
    limit_deg: float
    """Largest excess over a joint limit."""
    depth_m: float
    """Largest penetration of the floor."""
    rest: str
    """prone, side or supine."""
    side: str
    """Side that is down where the body lies on one: left, right or ''."""
