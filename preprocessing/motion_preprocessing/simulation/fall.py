"""One fall by physics: from a moving body at the moment balance is lost until it lies still.

Physics starts AT the onset with the reference's pose and velocity, without any help. What follows is a person: the clip
goes on for a latency, then a protective pose chosen by the direction of the fall is taken up, arms quickly and legs as
a slow ramp; perhaps one recovery step; after the impact the muscles give way and the limbs sink to the floor.

Bodies of other sizes move in their own scale s. The result is brought back to the project's skeleton by dividing
lengths by s and times by sqrt(s) (Froude's similarity), so that its free fall is again that of 9.81 m/s2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from motion_preprocessing.resample import continuous, cubic
from motion_preprocessing.rotations import (
    matrix_from_quaternion,
    rotation_vector_from_matrix,
)
from motion_preprocessing.simulation.body import (
    CONTROL_STEPS,
    TICK_S,
)
from motion_preprocessing.simulation.fall_plan import Fallen, FallPlan
from motion_preprocessing.simulation.fall_poses import PROTECTIVE, rest_pose
from motion_preprocessing.simulation.fall_world import World
from motion_preprocessing.simulation.hinges import (
    HIGH_RAD,
    HINGE_INDEX,
    HINGES,
    LOW_RAD,
    Array,
    Pose,
    angles_of,
)
from motion_preprocessing.simulation.solve import part_of

LONGEST_S: Final = 6.0
REST_M_S: Final = 0.1
REST_S: Final = 1.0
FPS: Final = 20.0

_GROUP: Final = np.array(
    [
        {"hip": 0, "knee": 0, "ankle": 0, "foot": 0, "neck": 3, "head": 3, "collar": 2, "shoulder": 2, "elbow": 2,
         "wrist": 2}.get(part_of(hinge.name.rsplit("_", 1)[0]), 1)
        for hinge in HINGES
    ]
)  # fmt: skip
"""Leg 0, trunk 1, arm 2, neck and head 3."""
_LEFT_LEG: Final = np.array([hinge.name.startswith("left") for hinge in HINGES]) & (_GROUP == 0)
_RIGHT_LEG: Final = np.array([hinge.name.startswith("right") for hinge in HINGES]) & (_GROUP == 0)


@dataclass
class Trace:
    """What is recorded every tick."""

    root_m: list[Array] = field(default_factory=list)
    quaternion: list[Array] = field(default_factory=list)
    angles: list[Array] = field(default_factory=list)


_KNEES: Final = np.array([HINGE_INDEX["left_knee_y"], HINGE_INDEX["right_knee_y"]])


def ramp(t: float, seconds: float) -> float:
    """Smoothstep from 0 at t = 0 to 1 at `seconds`."""
    u = min(max(t / max(seconds, 1e-6), 0.0), 1.0)
    return u * u * (3 - 2 * u)


def _yaw(turn: Array) -> float:
    """Heading of a root orientation, from its forward and left axes."""
    return float(np.arctan2(turn[1, 0] - turn[0, 1], turn[0, 0] + turn[1, 1]))


def simulate(plan: FallPlan, rng: np.random.Generator) -> Fallen:
    """Let somebody fall."""
    return _Fall(plan, rng).run()


class _Fall:
    def __init__(self, plan: FallPlan, rng: np.random.Generator) -> None:
        self.plan, self.rng, self.world = plan, rng, World(plan)
        self.tempo = float(np.sqrt(plan.size.scale))
        self.way = np.zeros(2)
        self.impact: float | None = None
        self.target: Array = plan.start.angles[0].copy()
        self.frozen: Array = self.target
        self.held: Array = self.target
        self.rest: Array | None = None
        self.rest_name, self.rest_side = "", ""
        self.step_foot, self.step_at, self.step_turn = "", 0.0, np.zeros(2)
        self.trace = Trace()
        self.head_hit, self.head_speed, self.hand_first = False, float("nan"), False
        self.pelvis_speed = float("nan")
        self.limit, self.depth = 0.0, 0.0
        self.speeds: list[tuple[float, float]] = []
        self._place = self.world.data.xpos.copy()
        self.origin = self.world.data.xpos[self.world.body["pelvis"]].copy()
        self.off = False

    def run(self) -> Fallen:
        world = self.world
        self._floor_of_feet()
        calm, t = 0.0, 0.0
        ticks = int(LONGEST_S * self.tempo / TICK_S)
        for tick in range(ticks):
            t = tick * TICK_S / self.tempo
            self._record()
            self._control(t)
            self._push(t)
            world.data.ctrl[:] = self.target
            world.mj.mj_step(world.model, world.data, CONTROL_STEPS)
            fastest = self._observe(t)
            calm = calm + TICK_S / self.tempo if fastest < REST_M_S else 0.0
            if calm >= REST_S and t > 1.0:
                break
        self._record()
        return self._result(calm >= REST_S - 0.02)

    def _floor_of_feet(self) -> None:
        foot, slippery, other = self.plan.slippery
        if not foot:
            return
        for side in ("left", "right"):
            for part in ("ankle", "foot"):
                geom = self.world.geom[f"{side}_{part}"]
                # MuJoCo takes the larger friction of two geoms unless one has priority.
                self.world.model.geom_priority[geom] = 1
                self.world.model.geom_friction[geom, 0] = slippery if side == foot else other

    def _record(self) -> None:
        data = self.world.data
        self.trace.root_m.append(data.qpos[0:3].copy())
        self.trace.quaternion.append(data.qpos[3:7].copy())
        self.trace.angles.append(data.qpos[self.world.qpos].copy())

    def _direction(self) -> tuple[Array, float]:
        """Where the body falls to, in its own frame (ahead, left), and its pitch."""
        world, data, s = self.world, self.world.data, self.plan.size.scale
        world.mj.mj_subtreeVel(world.model, data)
        root = world.body["pelvis"]
        com, velocity = data.subtree_com[root], data.subtree_linvel[root]
        feet = data.xpos[world.feet].mean(axis=0)
        turn = data.xmat[root].reshape(3, 3)
        d = velocity[:2] / np.sqrt(s) + 3.1 * (com[:2] - feet[:2]) / s
        yaw = _yaw(turn)
        c, sn = np.cos(yaw), np.sin(yaw)
        return np.array([c * d[0] + sn * d[1], c * d[1] - sn * d[0]]), float(np.arcsin(np.clip(turn[2, 0] * -1, -1, 1)))

    def _control(self, t: float) -> None:
        plan, p = self.plan, self.plan.person
        late = p.latency_s + 0.05 + plan.clip_s
        if t <= late and len(plan.reference):
            at = min(t * FPS, len(plan.reference) - 1.0)
            low = int(at)
            high = min(low + 1, len(plan.reference) - 1)
            self.frozen = plan.reference[low] + (at - low) * (plan.reference[high] - plan.reference[low])
        measured, pitch = self._direction()
        self.way = 0.92 * self.way + 0.08 * (measured if plan.way is None else np.array(plan.way) * 1.5)
        react = t - p.latency_s
        tone = np.full(len(HINGES), 1.0 + (p.tone - 1.0) * ramp(react, 0.2))
        tone[_GROUP >= 2] = np.maximum(tone[_GROUP >= 2], 0.7 * p.arm_strength)
        catch = np.ones(len(HINGES))
        catch[_GROUP == 2] = p.catch
        # Neck muscles are strong against one's own head.
        catch[_GROUP == 3] = 2.0
        goal = self.frozen
        if p.limp_s > 0:
            goal, tone = self._faint(t)
        elif react > 0 and self.impact is None:
            goal = self._protect(react, pitch, tone)
        elif self.impact is not None:
            goal = self._protect(react, 0.0, tone)
        if self.impact is not None:
            goal = self._sink(t - self.impact, goal, tone)
        self.target = np.clip(goal, LOW_RAD, HIGH_RAD)
        self.world.set_muscles(tone, catch)

    def _faint(self, t: float) -> tuple[Array, Array]:
        p = self.plan.person
        share = ramp(t, p.limp_s)
        tone = np.full(len(HINGES), 1.0 + (0.05 - 1.0) * share)
        quick = ramp(t, p.limp_s / 1.3)
        weak = (_GROUP == 0) | (_GROUP == 3)
        tone[weak] = 1.0 + (0.05 - 1.0) * quick
        limp = angles_of({"knee": 60 * p.knees, "hip.y": -32 * p.knees, "neck.y": 20, "head.y": 15, "shoulder.x": -80,
                          "elbow": -20, "spine.y": 14})  # fmt: skip
        return np.asarray(self.frozen + ramp(t, p.limp_s) * (limp - self.frozen)), tone

    def _protect(self, react: float, pitch: float, tone: Array) -> Array:
        p, way = self.plan.person, self.way
        if np.hypot(*way) < 1e-6:
            return self.frozen
        unit = way / np.hypot(*way)
        weights = np.array([max(unit[0], 0), max(-unit[0], 0), max(unit[1], 0), max(-unit[1], 0)]) ** 1.5
        pose = (weights / weights.sum()) @ PROTECTIVE
        pose[_KNEES] *= p.knees
        if p.turning:
            for name, degrees in (("spine1_z", 12), ("spine2_z", 12), ("spine3_z", 12), ("neck_z", 16)):
                pose[HINGE_INDEX[name]] += np.radians(degrees) * p.turning * abs(unit[0])
        arms, legs, trunk = ramp(react, 0.22), ramp(react, p.legs_s), ramp(react, 0.22)
        share = np.array([0.85 * legs, 0.7 * trunk, p.arm_strength * arms, 0.95 * trunk])[_GROUP]
        goal: Array = self.frozen + share * (pose - self.frozen)
        if self.impact is not None:
            return goal
        # On the feet the trunk is righted and the ankles push against the sway.
        fade = 1 - ramp(react - 0.25, 0.4)
        for side in ("left", "right"):
            goal[HINGE_INDEX[f"{side}_hip_y"]] += p.righting * np.clip(pitch - 0.08, -0.5, 0.8) * fade
            if self.plan.kind != "trip":
                goal[HINGE_INDEX[f"{side}_ankle_y"]] += 0.45 * np.clip(way[0], -1, 1) * fade
        if p.steps:
            self._step(react, pitch, goal, tone)
        return goal

    def _step(self, react: float, pitch: float, goal: Array, tone: Array) -> None:
        """Lift the foot that carries less and plant it where the body falls to."""
        if not self.step_foot and react > 0.02:
            ankles = [self.world.data.xpos[self.world.body[f"{side}_ankle"]] for side in ("left", "right")]
            d = self.way / max(np.hypot(*self.way), 1e-6)
            if abs(d[1]) > 0.7:
                self.step_foot = "left" if d[1] > 0 else "right"
            else:
                self.step_foot = "left" if ankles[0][2] > ankles[1][2] else "right"
            self.step_at, self.step_turn = react, d
        if not self.step_foot:
            return
        u = react - self.step_at
        if u > 0.55:
            return
        ahead, left = self.step_turn
        sign = 1.0 if self.step_foot == "left" else -1.0
        lift, plant = ramp(u, 0.14) * (1 - ramp(u - 0.14, 0.22)), ramp(u - 0.12, 0.2)
        hip = -75 * max(ahead, 0) - 22 - (0 if ahead > -0.3 else -8)
        swing = {"hip": hip, "knee": 85.0}
        place = {"hip": -48 * ahead if ahead > 0 else 22 * -ahead, "knee": 22.0}
        keep = 1 - ramp(u - 0.40, 0.15)
        side = self.step_foot
        for name, index in (("hip", f"{side}_hip_y"), ("knee", f"{side}_knee_y")):
            value = np.radians(lift * swing[name] + plant * place[name])
            if name == "hip":
                value -= 0.7 * pitch * plant
            weight = max(lift, plant) * keep
            goal[HINGE_INDEX[index]] += weight * (value - goal[HINGE_INDEX[index]])
        out = np.radians(28 * left) * max(lift, plant) * keep
        goal[HINGE_INDEX[f"{side}_hip_x"]] += out if left * sign > 0 else 0.5 * out
        own, other = (_LEFT_LEG, _RIGHT_LEG) if side == "left" else (_RIGHT_LEG, _LEFT_LEG)
        tone[own] = np.maximum(tone[own], 1.0 * keep)
        tone[other] = np.maximum(tone[other], 0.9 * keep)

    def _sink(self, since: float, goal: Array, tone: Array) -> Array:
        """After the impact the muscles give way and the limbs sink."""
        p = self.plan.person
        actual = self.world.data.qpos[self.world.qpos]
        self.held = self.held + (TICK_S / self.tempo) / 0.12 * (actual - self.held)
        limp = ramp(since, 0.25)
        # Arms and neck go on breaking the fall for a moment.
        delay = ramp(since - 0.3, 0.3)
        fresh = tone.copy()
        tone[:] = fresh + limp * (p.relaxed - fresh)
        arms = _GROUP == 2
        tone[arms] = fresh[arms] + delay * (0.3 * p.relaxed - fresh[arms])
        neck = _GROUP == 3
        if p.limp_s <= 0:
            tone[neck] = 0.9 + ramp(since - 0.5, 0.3) * (p.relaxed - 0.9)
        mixed: Array = self.held.copy()
        if p.limp_s <= 0:
            stay = 1 - delay
            mixed[arms] += stay * (goal - mixed)[arms]
            mixed[neck] += (1 - ramp(since - 0.5, 0.3)) * (goal - mixed)[neck]
        if since > 0.35:
            if self.rest is None:
                self.rest_name, self.rest_side = self._lies()
                self.rest = rest_pose(self.rest_name, self.rest_side, self.rng)
            share = ramp(since - 0.35, 0.5)
            body = ~arms
            mixed[body] += share * (self.rest - mixed)[body]
        return mixed

    def _lies(self) -> tuple[str, str]:
        turn = self.world.data.xmat[self.world.body["pelvis"]].reshape(3, 3)
        chest = self.world.data.xmat[self.world.body["spine3"]].reshape(3, 3)
        front, left = 0.5 * (turn[2, 0] + chest[2, 0]), 0.5 * (turn[2, 1] + chest[2, 1])
        if abs(left) > abs(front):
            return "side", "left" if left < 0 else "right"
        return ("supine", "") if front > 0 else ("prone", "")

    def _push(self, t: float) -> None:
        world, plan = self.world, self.plan
        world.data.xfrc_applied[:] = 0
        weight = plan.size.mass_kg / 70.0
        for push in plan.pushes:
            if not push.start_s <= t < push.start_s + push.seconds or self.off:
                continue
            body = world.body[push.part]
            shape = np.sin(np.pi * (t - push.start_s) / push.seconds) * np.pi / 2 if push.until_off_m == 0 else 1.0
            world.data.xfrc_applied[body, :3] += np.array(push.force_n) * weight * shape
            world.data.xfrc_applied[body, 3:] += np.array(push.torque_nm) * weight * plan.size.scale * shape
            if push.until_off_m:
                moved = world.data.xpos[world.body["pelvis"]] - self.origin
                if abs(moved[0]) > push.until_off_m * plan.size.scale:
                    self.off = True
        foot, drag, seconds = plan.drag
        if foot and t < seconds:
            body = world.body[f"{foot}_foot"]
            velocity = np.zeros(6)
            world.mj.mj_objectVelocity(world.model, world.data, world.mj.mjtObj.mjOBJ_BODY, body, velocity, 0)
            force = -drag * velocity[3:6] * [1.0, 1.0, 0.3]
            norm = float(np.linalg.norm(force))
            world.data.xfrc_applied[body, :3] += force * min(1.0, 450.0 / max(norm, 1e-9)) * weight

    def _observe(self, t: float) -> float:
        """Watch contacts and speeds; return the fastest joint's speed, standard scale."""
        world, s = self.world, self.plan.size.scale
        place = world.data.xpos.copy()
        speed = np.linalg.norm(place - self._place, axis=1) / TICK_S / np.sqrt(s)
        self._place = place
        pelvis, head = float(speed[world.body["pelvis"]]), float(speed[world.body["head"]])
        self.speeds.append((pelvis, head))
        touching = set(world.floor_contacts().tolist())
        names = {name for name, geom in world.geom.items() if geom in touching}
        parts = {part_of(name) for name in names}
        low = place[world.body["pelvis"], 2] < 0.45 * s
        if self.impact is None:
            self.hand_first |= bool(parts & {"wrist", "elbow"})
            if parts & {"pelvis", "spine1", "spine2", "spine3", "collar"} or ("hip" in parts and low):
                self.impact = t
                self.held = world.data.qpos[world.qpos].copy()
                self.pelvis_speed = max(v for v, _ in self.speeds[-10:])
        if "head" in parts and not self.head_hit and (self.impact is None or t < self.impact + 0.45):
            self.head_hit = True
            self.head_speed = max(v for _, v in self.speeds[-8:])
        angles = world.data.qpos[world.qpos]
        over = np.maximum(LOW_RAD - angles, angles - HIGH_RAD).max()
        self.limit = max(self.limit, float(np.degrees(over)))
        if world.data.ncon:
            floor = world.data.contact.geom[: world.data.ncon, 0] == world.floor
            if floor.any():
                self.depth = max(self.depth, float(-world.data.contact.dist[: world.data.ncon][floor].min()))
        return float(speed.max())

    def _result(self, settled: bool) -> Fallen:
        s = self.plan.size.scale
        ticks = np.array(self.trace.root_m) / s
        every = TICK_S / self.tempo * FPS
        count = int((len(ticks) - 1) * every)
        times = np.arange(count + 1) / every
        quaternions = continuous(np.array(self.trace.quaternion))
        pose = Pose(
            cubic(ticks, times),
            np.asarray(matrix_from_quaternion(cubic(quaternions, times))),
            cubic(np.array(self.trace.angles), times),
        )
        rest, side = self._lies()
        return Fallen(
            pose, float("nan") if self.impact is None else self.impact, self.pelvis_speed, self.head_hit,
            self.head_speed, self.hand_first, settled, self.limit, self.depth / s, rest, side,
        )  # fmt: skip


def velocities_at(pose: Pose, frame: int, fps: float) -> tuple[Array, Array]:
    """Velocities of a motion at a frame, by central differences: root (6,) in the world, hinges (45,)."""
    low, high = max(0, frame - 1), min(len(pose.root_m) - 1, frame + 1)
    seconds = (high - low) / fps
    linear = (pose.root_m[high] - pose.root_m[low]) / seconds
    angular = np.asarray(rotation_vector_from_matrix(pose.root[high] @ pose.root[low].T)) / seconds
    return np.concatenate([linear, angular]), (pose.angles[high] - pose.angles[low]) / seconds
