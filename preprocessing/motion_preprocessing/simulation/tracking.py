"""A body that follows key poses by physics: muscles do what the movement needs, and a limited hand helps at the pelvis.

Key poses say where a body should be; they know of neither weight nor balance. Here a body of flesh tries to do them.
At every tick the torques that the movement needs are computed by inverse dynamics with the contacts that there are
(floor and furniture can push, and rub within friction); muscles give them as far as they are strong enough, and their
springs the rest. What contacts cannot give, balance above all, is help from outside: a spring at the pelvis whose force
along each axis of the world is limited by construction, and measured.

Bodies of other sizes move in their own scale s; lengths go by s and times by sqrt(s) (Froude's similarity).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.resample import continuous, cubic
from motion_preprocessing.rotations import matrix_from_quaternion, quaternion_from_matrix, rotation_vector_from_matrix
from motion_preprocessing.simulation.body import CONTROL_STEPS, TICK_S
from motion_preprocessing.simulation.grounding import rests
from motion_preprocessing.simulation.hinges import HIGH_RAD, HINGE_COUNT, LOW_RAD, Array, Pose
from motion_preprocessing.simulation.keys import smoothed
from motion_preprocessing.simulation.track_world import TrackPlan, TrackWorld, Wanted

FPS: Final = 20.0
SETTLE_S: Final = 0.8
"""The first pose is held for so long before the clip begins."""
SETTLE_HELP: Final = 8.0
"""Help is so much stronger while the body settles."""
HOLD_S: Final = 0.7
"""The last pose is held for so long after it ends, to see whether the body stays."""
DRIFT_S: Final = 0.5
"""Time in which the pelvis' goal gives in to where the body is held by what it rests on."""
DRIFT_M: Final = np.array([0.30, 0.30, 0.05])
"""How far the goal gives in."""
SOON_S: Final = 0.15
"""A part that is off so soon is not leant on any more."""
LEAVING: Final = 0.5
"""How dear it is to lean on what is about to leave."""


@dataclass(frozen=True)
class Tracked:
    """What a body made of its key poses."""

    pose: Pose
    """T frames, in the scale of the project's skeleton."""
    help_force: Array
    """(N, 3) force of the help at each tick of the clip, share of body weight."""
    help_moment: Array
    """(N, 3) its moment, share of body weight times height."""
    hands_force: Array
    """(N, H, 3) force of other people's hands, share of body weight."""
    effort: Array
    """(N, 45) torque over its limit."""
    limit_deg: float
    """Most that a joint's limits are exceeded by."""
    rest_m_s: float
    """Fastest joint at the end of the time that the last pose is held."""
    sunk_m: float
    """How much lower the pelvis is at the end of that time than it should be."""


class _Course(NamedTuple):
    """The reference at every tick, in the body's own scale."""

    root_m: Array
    root: Array
    quaternion: Array
    angles: Array
    slack: Array
    velocity: Array
    spin: Array
    rates: Array
    push: Array
    twist: Array
    bends: Array
    leaving: NDArray[np.bool_]
    """(N, 22) whether each part is off what it rested on, or soon will be."""
    frames: Array
    """Frame of the reference that each tick belongs to."""
    first: int
    """Tick of frame 0."""
    stop: int
    """One past the tick of the last frame."""


def _course(plan: TrackPlan) -> _Course:
    ref, tempo = plan.reference, float(np.sqrt(plan.size.scale))
    last = len(ref.root_m) - 1
    ticks_a_frame = tempo / FPS / TICK_S
    first, length, after = (round(x * FPS * ticks_a_frame) for x in (SETTLE_S, last / FPS, HOLD_S))
    frames = np.clip(np.arange(-first, length + after + 1) / ticks_a_frame, 0, last)
    root_m = cubic(ref.root_m, frames) * plan.size.scale
    quaternion = cubic(continuous(np.asarray(quaternion_from_matrix(ref.root))), frames)
    quaternion /= np.linalg.norm(quaternion, axis=1, keepdims=True)
    root = np.asarray(matrix_from_quaternion(quaternion))
    angles = np.clip(cubic(ref.angles, frames), LOW_RAD, HIGH_RAD)
    slack = np.clip(cubic(plan.slack, frames), 0, 1)
    turns = np.asarray(rotation_vector_from_matrix(root[2:] @ np.swapaxes(root[:-2], -1, -2))) / (2 * TICK_S)
    spin = np.concatenate([np.zeros((1, 3)), turns, np.zeros((1, 3))])
    velocity, rates = np.gradient(root_m, TICK_S, axis=0), np.gradient(angles, TICK_S, axis=0)
    # Cubics have corners in their acceleration; what muscles do is smooth over some 30 ms.
    push, twist, bends = (
        smoothed(np.gradient(x, TICK_S, axis=0), 0.03 / TICK_S) for x in (velocity, spin, rates)
    )
    off = ~rests(ref, plan.size, plan.boxes, FPS)
    soon = np.minimum(np.arange(last + 1) + round(SOON_S * FPS), last)
    leaving = cubic((off | off[soon]).astype(np.float64), frames) > 0.5
    return _Course(
        root_m, root, quaternion, angles, slack, velocity, spin, rates, push, twist, bends, leaving, frames, first,
        first + length + 1,
    )  # fmt: skip


def track(plan: TrackPlan) -> Tracked:
    """Let a body follow a reference."""
    return Run(plan).run()


class Run:
    """One body that follows one reference, tick by tick."""

    def __init__(self, plan: TrackPlan) -> None:
        self.plan, self.world, self.course = plan, TrackWorld(plan), _course(plan)
        count = len(self.course.frames)
        self.roots, self.angles = np.empty((count, 7)), np.empty((count, HINGE_COUNT))
        self.force, self.moment = np.empty((count, 3)), np.empty((count, 3))
        self.effort = np.empty((count, HINGE_COUNT))
        self.hands = np.empty((count, len(plan.hands), 3))
        self.drift = np.zeros(3)
        self.speed = 0.0

    def run(self) -> Tracked:
        """Go through all ticks."""
        course, world, scale = self.course, self.world, self.plan.size.scale
        tempo = float(np.sqrt(scale))
        world.place(course.root_m[0], course.quaternion[0], course.angles[0])
        most = DRIFT_M * scale
        last = world.data.xpos.copy()
        for k in range(len(course.frames)):
            away = world.data.qpos[:3] - course.root_m[k] - self.drift
            self.drift = np.clip(self.drift + away * TICK_S / (DRIFT_S * tempo), -most, most)
            t = (k - course.first) * TICK_S / tempo
            self.hands[k] = world.outside_forces(t, float(course.frames[k])) / world.weight
            # How a body comes to lie or sit before the clip begins is not part of it.
            world.limit_help(SETTLE_HELP if t < -SETTLE_S / 3 else 1.0)
            self._control(k)
            world.mj.mj_step(world.model, world.data, CONTROL_STEPS)
            self.roots[k], self.angles[k] = world.data.qpos[:7], world.data.qpos[world.qpos]
            self.force[k], self.moment[k] = world.help_given()
            self.effort[k] = np.abs(world.data.actuator_force[:HINGE_COUNT]) / world.limit
            if k >= len(course.frames) - 12:
                self.speed = max(self.speed, float(np.linalg.norm(world.data.xpos - last, axis=1).max()) / TICK_S)
            last = world.data.xpos.copy()
        return self._result()

    def _control(self, k: int) -> None:
        c, world = self.course, self.world
        goal = c.root_m[k] + self.drift
        effort = world.effort(
            Wanted(goal, c.root[k], c.velocity[k], c.spin[k], c.push[k], c.twist[k], c.bends[k],
                   world.by_body(c.leaving[k] * LEAVING))
        )
        world.set_muscles(c.slack[k], c.angles[k], c.rates[k], effort)
        world.set_help(goal, c.root[k], c.velocity[k], c.spin[k])

    def _result(self) -> Tracked:
        course, scale = self.course, self.plan.size.scale
        # A tick's result stands at its end.
        times = course.first - 1 + np.arange(len(self.plan.reference.root_m)) * np.sqrt(scale) / FPS / TICK_S
        pose = Pose(
            cubic(self.roots[:, :3], times) / scale,
            np.asarray(matrix_from_quaternion(cubic(continuous(self.roots[:, 3:]), times))),
            cubic(self.angles, times),
        )
        clip = slice(course.first, course.stop)
        over = np.maximum(LOW_RAD - self.angles[clip], self.angles[clip] - HIGH_RAD).max()
        return Tracked(
            pose, self.force[clip], self.moment[clip], self.hands[clip], self.effort[clip],
            float(np.degrees(max(over, 0.0))), self.speed / np.sqrt(scale),
            float(course.root_m[-1, 2] - self.roots[-1, 2]) / scale,
        )  # fmt: skip
