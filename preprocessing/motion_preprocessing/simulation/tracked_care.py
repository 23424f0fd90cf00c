"""Somebody is helped up by physics: the carer's hands are springs on the other's body.

Who is helped is a body of flesh that follows its key poses as in `tracked_clips`. While the carer holds, each hand
pulls the place that it lies on towards where the key poses have it, and lifts a little; its force is limited and
measured.
The carer is posed anew, by key poses, so that the hands lie where the body really is: what the hands' forces do to the
carer is not simulated. The help at the pelvis, which nobody gives, is still there for balance, and measured as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.simulation import care
from motion_preprocessing.simulation.body import BodySize, draw_size
from motion_preprocessing.simulation.grounding import eased, grounded
from motion_preprocessing.simulation.hinges import HINGE_COUNT, Pose, chain
from motion_preprocessing.simulation.keypose import FPS
from motion_preprocessing.simulation.solve import Box
from motion_preprocessing.simulation.track_world import Hand, Help, TrackPlan
from motion_preprocessing.simulation.tracked_clips import HELPS, body_faults, body_figures, contact_figures, sunk_boxes
from motion_preprocessing.simulation.tracking import Tracked, track
from motion_preprocessing.skeleton import JOINT_INDEX

KINDS: Final = tuple(care.KINDS)
HAND_LIFT: Final = 0.06
"""Force upward of each of the carer's hands, share of the body weight of who is held."""
HAND_MOST: Final = 0.15
"""Most force of each hand, share of that weight."""
PLACE_M: Final = 0.30
"""Most that who is helped is away from where the carer expects them."""


@dataclass(frozen=True)
class Helped:
    """A scene of two people in which one is helped by forces."""

    scene: care.Help
    tracked: Tracked
    figures: dict[str, Any]
    size: BodySize
    boxes: tuple[Box, ...]

    def faults(self) -> list[str]:
        """Why it is not kept; empty for a good one."""
        found = [fault for fault in care.help_faults(self.scene) if fault != "floor"]
        return found + body_faults(self.tracked, self.figures) + ["place"] * (self.figures["drift_m"] > PLACE_M)


def _pull(pose: Pose, holds: Sequence[care.Hold]) -> tuple[Hand, ...]:
    body = chain(pose)
    return tuple(
        Hand(
            hold.joint, hold.offset_m,
            body.joints_m[:, JOINT_INDEX[hold.joint]]
            + body.turns[:, JOINT_INDEX[hold.joint]] @ np.array(hold.offset_m),
            hold.strength, HAND_LIFT, HAND_MOST,
        )
        for hold in holds
    )  # fmt: skip


def make_helped(
    kind: str, rng: np.random.Generator, hands: bool = True, helps: tuple[Help, ...] = HELPS
) -> Helped:
    """Draw a scene, and a body that is helped in it, with the weakest help at the pelvis that suffices.

    Args:
        kind: One of KINDS.
        rng: Draws the scene, as for key poses, and then the body.
        hands: Whether the carer's hands give force; without it they only lie where the body is.
        helps: Helps at the pelvis, weakest first.
    """
    # A stream of its own, so that the scene is that of the key poses.
    own = rng.spawn(1)[0]
    size = draw_size(own)
    tone, friction = float(own.uniform(0.8, 1.25)), float(own.uniform(0.6, 1.0))
    seen: dict[str, Any] = {}

    def act(pose: Pose, boxes: tuple[Box, ...], holds: tuple[care.Hold, ...]) -> Pose:
        things = sunk_boxes(boxes)
        goal = grounded(eased(pose, FPS), size, things, FPS)
        pulls = _pull(goal, holds) if hands else ()
        slack = np.zeros((len(pose.root_m), HINGE_COUNT))
        for rung, hand in enumerate(helps):
            tracked = track(TrackPlan(goal, slack, hand, size, things, friction, tone, (), pulls))
            force = np.linalg.norm(tracked.hands_force, axis=-1)
            held = np.zeros((len(pose.root_m), 4), dtype=bool)
            figures = body_figures(tracked, pose) | contact_figures(tracked.pose, held, held[:, 0], size, things)
            figures |= {
                "rung": rung, "height_m": size.height_m, "mass_kg": size.mass_kg, "strength": size.strength,
                "carer": float(force.sum(axis=1).mean()) if hands else 0.0,
                "carer_most": float(force.max(initial=0.0)),
            }  # fmt: skip
            seen.update(tracked=tracked, figures=figures, boxes=things)
            if not body_faults(tracked, figures):
                break
        return seen["tracked"].pose  # type: ignore[no-any-return]

    scene = care.KINDS[kind][0](rng, act)
    return Helped(scene, seen["tracked"], seen["figures"], size, seen["boxes"])


def helped_sequences(made: Helped, name: str, seed: int, split: str, rng: np.random.Generator) -> list[MotionSequence]:
    """Describe both people for the dataset."""
    rows = care.help_sequences(made.scene, name, seed, split, rng)
    return [
        replace(
            row,
            source=f"tracked {row.source}",
            licence=row.licence.replace("made from key poses", "made by physics from key poses"),
            body_scale=made.size.scale if row.person_class == "patient" else row.body_scale,
        )
        for row in rows
    ]
