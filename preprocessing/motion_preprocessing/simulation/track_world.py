"""The physics of a body that follows key poses: MuJoCo's world with muscles and limited help at the pelvis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.rotations import (
    matrix_from_rotation_vector,
    quaternion_from_matrix,
    rotation_vector_from_matrix,
)
from motion_preprocessing.simulation.body import (
    DAMPING_SHARE,
    GRAVITY_M_S2,
    STANDARD_MASS_KG,
    TICK_S,
    BodySize,
    Indexed,
    gains,
    model_xml,
    mujoco_module,
)
from motion_preprocessing.simulation.hinges import HINGE_COUNT, Array, Pose
from motion_preprocessing.simulation.solve import Box, part_of
from motion_preprocessing.simulation.support import cone, contact_forces
from motion_preprocessing.skeleton import JOINT_NAMES

ROOT_GAIN: Final = 4.0
"""How quickly the body wants its pelvis back where it should be, radians a second (critically damped)."""
HAND_STIFFNESS: Final = 20.0
"""Spring of another person's hand: force for a metre, over the mass of who is held, 1 / s2."""
HAND_DRAG: Final = 2.0
"""Its damping over that mass, 1 / s."""
CALM_S: Final = 0.01
"""Time in which planned torques follow, so that a contact that comes or goes does not make them jump."""
GRIP: Final = 0.5
"""Share of the friction that the plan of a movement counts on."""
_DEAR: Final = {"ankle": 0.02, "foot": 0.05, "wrist": 0.30, "elbow": 0.15, "head": 0.3, "neck": 0.3}
"""How little parts should carry; 0.02 for others."""


class Help(NamedTuple):
    """The spring at the pelvis; its force and moment are limited along each axis of the world."""

    upright: float
    """Most it lifts or presses, share of body weight."""
    level: float
    """Most it pushes along each of the two directions over the floor, share of body weight."""
    turning: float
    """Most it turns about each axis, share of body weight times height."""
    stiffness: float = 150.0
    """1 / s2: force for a metre, over mass."""


@dataclass(frozen=True)
class Nudge:
    """A small push, half a sine in time."""

    part: str
    """Joint whose part is pushed."""
    start_s: float
    seconds: float
    impulse_n_s: tuple[float, float, float]
    """For somebody of 70 kg."""


@dataclass(frozen=True)
class Hand:
    """Somebody else's hand that pulls a point of the body towards where it wants it."""

    part: str
    """Joint that the point hangs on."""
    offset_m: tuple[float, float, float]
    """The point, seen from the joint in hinge axes."""
    targets_m: Array
    """(T, 3) where it is pulled to, a row a frame of the reference."""
    strength: Array
    """(T,) 0 .. 1, how firmly it is held."""
    lift: float = 0.0
    """Force upward while it is held, share of body weight."""
    most: float = 0.15
    """Most force, share of body weight."""


@dataclass(frozen=True)
class TrackPlan:
    """What is followed, and by whom. Times and lengths are in the scale of the project's skeleton."""

    reference: Pose
    """T frames."""
    slack: Array
    """(T, 45) 0 .. 1, how far muscles are let go: 1 leaves a limb to its weight."""
    help: Help
    size: BodySize = BodySize()
    boxes: tuple[Box, ...] = ()
    friction: float = 0.8
    tone: float = 1.0
    """Factor on the muscles' stiffness, not on their strength."""
    nudges: tuple[Nudge, ...] = ()
    hands: tuple[Hand, ...] = ()


class Wanted(NamedTuple):
    """What the pelvis and the hinges should do in one tick, in the body's own scale."""

    root_m: Array
    root: Array
    """(3, 3)."""
    velocity: Array
    spin: Array
    """(3,) rad / s about the world's axes."""
    push: Array
    """(3,) acceleration of the pelvis."""
    twist: Array
    """(3,) angular acceleration."""
    bends: Array
    """(45,) accelerations of the hinges."""
    leaving: Array
    """(bodies,) how little each body should be leant on because it is about to leave what it rests on."""


class TrackWorld(Indexed):
    """MuJoCo's model and data, with muscles, help and what a tick of control needs."""

    def __init__(self, plan: TrackPlan) -> None:
        self.mj = mujoco_module()
        self.plan, size = plan, plan.size
        self.weight = size.mass_kg * GRAVITY_M_S2
        """Newton."""
        self.lever = self.weight * size.height_m
        self.model: Any = self._compiled()
        self.data = self.mj.MjData(self.model)
        model = self.model
        self.index(model)
        self.dear = np.full(model.nbody, 0.02)
        for name, body in self.body.items():
            self.dear[body] = _DEAR.get(part_of(name), 0.02)
        stiffness, self.limit = gains(size)
        self.stiffness = stiffness * plan.tone
        self.damping = DAMPING_SHARE * stiffness * np.sqrt(plan.tone)
        self.known = np.zeros((model.nbody, 6))
        """What of the forces from outside the body counts on: those of hands, not nudges."""
        self.missing = np.zeros(6)
        """Force and moment about the world's axes that the wanted movement lacks: what contacts cannot give."""
        self.planned = np.zeros(HINGE_COUNT)
        self._mass = np.empty((model.nv, model.nv))
        self.limit_help(1.0)

    def _compiled(self) -> Any:
        plan, size, kinds = self.plan, self.plan.size, self.mj
        spec = kinds.MjSpec.from_string(model_xml(size, plan.boxes, plan.friction))
        spec.body("pelvis").add_site(name="pelvis")
        spec.worldbody.add_site(name="origin")
        spec.worldbody.add_body(name="goal", mocap=True).add_site(name="goal")
        moment = size.mass_kg * (0.17 * size.scale) ** 2
        caps = [plan.help.level * self.weight, plan.help.level * self.weight, plan.help.upright * self.weight]
        caps += [plan.help.turning * self.lever] * 3
        self.help_lead, self.help_stiff, self.help_most = np.empty(6), np.empty(6), np.array(caps)
        for axis in range(6):
            inertia = size.mass_kg if axis < 3 else moment
            stiff = plan.help.stiffness * (1.0 if axis < 3 else 2.0) / size.scale * inertia
            damping = np.sqrt(stiff * inertia)
            self.help_stiff[axis] = max(stiff, 1e-9)
            self.help_lead[axis] = damping / max(stiff, 1e-12)
            actuator = spec.add_actuator(
                name=f"help{axis}", trntype=kinds.mjtTrn.mjTRN_SITE, target="pelvis",
                refsite="origin" if axis < 3 else "goal", gear=[float(i == axis) for i in range(6)],
            )  # fmt: skip
            actuator.gaintype, actuator.biastype = kinds.mjtGain.mjGAIN_FIXED, kinds.mjtBias.mjBIAS_AFFINE
            actuator.gainprm[0], actuator.biasprm[1], actuator.biasprm[2] = stiff, -stiff, -damping
            # `limit_help` sets what it may be.
            actuator.forcelimited, actuator.forcerange = True, [-1.0, 1.0]
        return spec.compile()

    def limit_help(self, factor: float) -> None:
        """Set the most that the help gives, as a multiple of what the plan allows."""
        self.model.actuator_forcerange[HINGE_COUNT:, 0] = -factor * self.help_most
        self.model.actuator_forcerange[HINGE_COUNT:, 1] = factor * self.help_most

    def place(self, root_m: Array, quaternion: Array, angles: Array) -> None:
        """Put the body into a pose at rest, lifted out of what it would be inside of."""
        mj, data = self.mj, self.data
        mj.mj_resetData(self.model, data)
        data.qpos[:3], data.qpos[3:7], data.qpos[self.qpos] = root_m, quaternion, angles
        for _ in range(4):
            mj.mj_forward(self.model, data)
            deep = -min(self.room_contacts()[1].min(initial=0.0), 0.0)
            if deep < 0.002:
                break
            data.qpos[2] += deep

    def room_contacts(self) -> tuple[NDArray[np.int64], Array]:
        """Contacts with floor and furniture: their indices and distances (negative inside)."""
        contact, count = self.data.contact, self.data.ncon
        bodies = self.model.geom_bodyid[contact.geom[:count]]
        found = np.flatnonzero((bodies == 0).any(axis=1)).astype(np.int64) if count else np.zeros(0, dtype=np.int64)
        return found, np.asarray(contact.dist[:count][found], dtype=np.float64)

    def by_body(self, values: Array) -> Array:
        """Return values (22,) of parts as those of MuJoCo's bodies."""
        result = np.zeros(self.model.nbody)
        result[[self.body[name] for name in JOINT_NAMES]] = values
        return result

    def effort(self, want: Wanted) -> Array:
        """Torques (45,) that would move the body as wanted if its contacts gave what they can (inverse dynamics)."""
        mj, model, data = self.mj, self.model, self.data
        turn = data.xmat[self.body["pelvis"]].reshape(3, 3)
        g = ROOT_GAIN / np.sqrt(self.plan.size.scale)
        miss = np.asarray(rotation_vector_from_matrix(want.root @ turn.T))
        accel = np.zeros(model.nv)
        accel[:3] = want.push + g * g * (want.root_m - data.qpos[:3]) + 2 * g * (want.velocity - data.qvel[:3])
        accel[3:6] = turn.T @ (want.twist + g * g * miss + 2 * g * (want.spin - turn @ data.qvel[3:6]))
        accel[self.qvel] = want.bends
        self._full_mass()
        need = self._mass @ accel + data.qfrc_bias
        self._hands_share(need)
        which, _ = self.room_contacts()
        if len(which):
            contact = data.contact
            jacobians, cones = np.empty((len(which), 3, model.nv)), np.empty((len(which), 4, 3))
            bodies = model.geom_bodyid[contact.geom[which]]
            for i, c in enumerate(which):
                mj.mj_jac(model, data, jacobians[i], None, contact.pos[c], int(bodies[i].max()))
                # The normal points from the first geom to the second.
                away = 1.0 if bodies[i, 0] == 0 else -1.0
                cones[i] = cone(away * contact.frame[c].reshape(3, 3), GRIP * self.plan.friction)
            maps = np.swapaxes(jacobians[:, :, :6], 1, 2)
            dear = np.maximum(self.dear, want.leaving)[bodies.max(axis=1)]
            forces = contact_forces(need[:6], maps, cones, dear, 0.3 * self.plan.size.scale)
            need = need - np.einsum("cij,ci->j", jacobians, forces)
        follow = TICK_S / (CALM_S + TICK_S)
        self.missing += follow * (np.concatenate([need[:3], turn @ need[3:6]]) - self.missing)
        self.planned += follow * (need[self.qvel] - self.planned)
        return self.planned

    def _full_mass(self) -> None:
        try:
            self.mj.mj_fullM(self.model, self.data, self._mass)
        except TypeError:
            # Before MuJoCo 4 the target came before the sparse matrix.
            self.mj.mj_fullM(self.model, self._mass, self.data.qM)

    def _hands_share(self, need: Array) -> None:
        """Take off what other people's hands give."""
        for body in np.flatnonzero(np.abs(self.known).sum(axis=1)):
            shift, turning = np.empty((3, self.model.nv)), np.empty((3, self.model.nv))
            self.mj.mj_jacBodyCom(self.model, self.data, shift, turning, int(body))
            need -= shift.T @ self.known[body, :3] + turning.T @ self.known[body, 3:]

    def outside_forces(self, t: float, frame: float) -> Array:
        """Apply nudges and other people's hands at a time, seconds and frames; return the hands' forces (H, 3), N."""
        data, size = self.data, self.plan.size
        self.known[:] = 0
        given = np.zeros((len(self.plan.hands), 3))
        for i, hand in enumerate(self.plan.hands):
            body = self.body[hand.part]
            at = min(frame, len(hand.targets_m) - 1.0)
            low = int(at)
            high = min(low + 1, len(hand.targets_m) - 1)
            firm = hand.strength[low] + (at - low) * (hand.strength[high] - hand.strength[low])
            if firm <= 0:
                continue
            goal = (hand.targets_m[low] + (at - low) * (hand.targets_m[high] - hand.targets_m[low])) * size.scale
            arm = data.xmat[body].reshape(3, 3) @ np.array(hand.offset_m) * size.scale
            velocity = np.empty(6)
            self.mj.mj_objectVelocity(self.model, data, self.mj.mjtObj.mjOBJ_BODY, body, velocity, 0)
            speed = velocity[3:] + np.cross(velocity[:3], arm)
            stiff, drag = HAND_STIFFNESS / size.scale * size.mass_kg, HAND_DRAG / np.sqrt(size.scale) * size.mass_kg
            force = stiff * (goal - data.xpos[body] - arm) - drag * speed
            force[2] += hand.lift * self.weight
            force *= firm * min(1.0, hand.most * self.weight / max(float(np.linalg.norm(force)), 1e-9))
            self.known[body, :3] += force
            self.known[body, 3:] += np.cross(data.xpos[body] + arm - data.xipos[body], force)
            given[i] = force
        data.xfrc_applied[:] = self.known
        for nudge in self.plan.nudges:
            if nudge.start_s <= t < nudge.start_s + nudge.seconds:
                shape = np.sin(np.pi * (t - nudge.start_s) / nudge.seconds) * np.pi / 2 / nudge.seconds
                # An impulse is a mass times a speed, and speeds go by sqrt(s).
                heavy = size.mass_kg / STANDARD_MASS_KG
                data.xfrc_applied[self.body[nudge.part], :3] += np.array(nudge.impulse_n_s) * heavy * shape
        return given

    def set_muscles(self, slack: Array, angles: Array, rates: Array, effort: Array) -> None:
        """Set stiffness, damping and targets of the muscles for a slack (45,)."""
        model, firm = self.model, 1 - 0.8 * slack
        stiff, damping = self.stiffness * firm, self.damping * np.sqrt(firm)
        model.actuator_gainprm[:HINGE_COUNT, 0] = stiff
        model.actuator_biasprm[:HINGE_COUNT, 1] = -stiff
        model.actuator_biasprm[:HINGE_COUNT, 2] = -damping
        # A muscle knows the torque that the movement needs; its spring does the rest.
        self.data.ctrl[:HINGE_COUNT] = angles + (damping * rates + (1 - slack) * effort) / stiff

    def set_help(self, root_m: Array, root: Array, velocity: Array, spin: Array) -> None:
        """Set where the help draws the pelvis to: it leads by what its damping takes and by what is missing."""
        missing = np.concatenate([self.missing[:3], root.T @ self.missing[3:]]) / self.help_stiff
        self.data.ctrl[HINGE_COUNT : HINGE_COUNT + 3] = root_m + self.help_lead[:3] * velocity + missing[:3]
        self.data.ctrl[HINGE_COUNT + 3 : HINGE_COUNT + 6] = missing[3:]
        ahead = np.asarray(matrix_from_rotation_vector(self.help_lead[3] * spin)) @ root
        self.data.mocap_quat[0] = np.asarray(quaternion_from_matrix(ahead))
        self.data.mocap_pos[0] = root_m

    def help_given(self) -> tuple[Array, Array]:
        """Force (3,) over body weight and moment (3,) over weight times height that the help gives."""
        given = self.data.actuator_force[HINGE_COUNT:]
        return given[:3] / self.weight, given[3:6] / self.lever
