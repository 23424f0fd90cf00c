"""What is corrected of what the network says: all of it, in the order in which it is done, and why in that order.

In every denoising step, on x0 of one window (`of_window`; `window_maker` adds the first three, and the last two):

    Calibrated         frequencies become as large as they should be: in the model's numbers, before anything is placed
    fade_in            what earlier windows have made; everything else goes on from there
    without_leaps      where that is, and not where the model begins such motion: before anything is asked of places
    AsTold             ways get as long and turns as large as the prompt says
    StandAt            people start where they were told to, before anything is asked of the places they are at
    OnTheGround        whole motions go up or down onto what is under them at those places
    OnFurniture        who sits or lies gets down to the seat, from a height that now means something
    StayInside         ways are moved off walls and off each other: the last that moves anybody over the floor
    HandsOn            hands find the other's body, or the handles of their wheelchair, where it is by now
    Imposer            what is known of the motion is met whatever the others have done

Once a window is finished (`of_window`), and once the whole motion is (`of_whole`). Where something is known of the
motion neither is done: they move people as a whole, and would move them off it.

    FeetCarry          the way that the feet go, while they are as the network has them
    AsTold, StandAt, OnTheGround, StayInside as before, with
    StandBeforeFall    between the last two: who floats though the motion as a whole stands where it belongs

    rising             of several draws of a window in which somebody gets up from the floor, the calmest is kept
    long_lie           who lies on the floor after a fall stays there from window to window
    come_to_rest       a walk to a seat is put so that it ends there, and the loop goes over it again (`second_pass`)
    as_planned         who falls out of bed, made of a plan of that (`out_of_bed`), begins and ends where it does
    OnFurniture        whole motions are moved onto the seat, as one piece, now that it is known where they end
    StayInside         once more, for the places where they are now

On bodies (`of_bodies`), on rotations from here on, so that bones keep their lengths:

    at_rest            noise is taken off pose vectors, of which joints and rotations shake each by themselves
    come_down          who hangs in the air during or after a fall is lowered, before their fall is held against gravity
    fall_rates         who falls does so as fast as in simulated falls, and rests once at rest: poses stay, only their
                       times change, and with them those of whoever holds them
    at_most_gravity    who falls faster than anybody can falls a little later: times again, now that noise is no fall
    fit_body           one body a pose; it is set in the room
    without_flips      bodies flip only once they are fitted; what follows would smear a flip over its neighbours
    above_floor        who lies in the floor is raised onto it and their limbs are turned out of it, before heights are
                       held against those of things
    elsewhere          ways through things go elsewhere: deeper than turns and seats can mend
    settle             whole motions go where they touch the fewest things: what rigid moves can do, turns need not
    feet_stand         legs bend so that standing feet stay where they are, now that bodies do, and stepping ones rise
    above_floor        again, for legs of who falls that are bent into the floor by it
    keep_off           what is inside of things even so is turned out of them, the pelvis shifted a little
    laid_on            hands, now that both bodies stay where they are
    meet               what is known is met exactly: last, so that nothing moves it any more
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import fit_body
from motion_runtime.above_floor import above_floor
from motion_runtime.amounts import Amounts
from motion_runtime.at_rest import at_rest
from motion_runtime.come_down import come_down
from motion_runtime.editing.as_told import AsTold
from motion_runtime.editing.feet_carry import FeetCarry
from motion_runtime.editing.hands_on import laid_on
from motion_runtime.editing.meet import meet
from motion_runtime.editing.on_furniture import OnFurniture
from motion_runtime.editing.on_the_ground import OnTheGround
from motion_runtime.editing.stand_at import StandAt
from motion_runtime.editing.stand_before_fall import StandBeforeFall
from motion_runtime.editing.stay_inside import StayInside
from motion_runtime.editing.windows import sure_frames
from motion_runtime.elsewhere import elsewhere
from motion_runtime.fall_speed import fall_rates
from motion_runtime.feet_stand import feet_stand
from motion_runtime.flips import without_flips
from motion_runtime.free_fall import at_most_gravity
from motion_runtime.keep_off import keep_off
from motion_runtime.manifest import Manifest
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement, Room
from motion_runtime.prediction import Prediction
from motion_runtime.settle import settle
from motion_runtime.stage import Start, Use

Array = NDArray[np.float64]
BESIDE: Final = 5 / 3
"""Who does nothing with others and uses nothing of the room keeps so much farther from them: at 0.45 m arms touch."""
Correction = Callable[[Array], Array]
"""Of pose vectors (P, T, 258) in metres, in a canonical frame."""


def of_window(
    placement: Placement, request: GenerationRequest, room: Room | None, people: Sequence[int], fps: float,
    *, first_s: float = 0.0, kept: int = 0, turns: bool = False, finished: bool = False, passed: Sequence[Array] = (),
    told: Sequence[Amounts | None] = (),
) -> list[Correction]:  # fmt: skip
    """What holds the people of a window back and leads them onto the furniture, if anything does.

    Args:
        placement: Where the window's canonical frame stands in the room.
        request: What is wanted, staged.
        room: The room.
        people: Who of the request is in the window.
        fps: Frames a second.
        first_s: Time of the window's first frame.
        kept: Frames at the start of the window that are the end of the one before; 0 = the motion starts with it.
        turns: Whether who comes walking to a seat turns round for it.
        finished: Whether the motion is no longer denoised.
        passed: Ways (T, K, 2) in the room of people who were made before these, over the window.
        told: How far and by how much each of the people is to go and to turn.
    """
    bounds = room.bounds if room is not None and request.walls else None
    uses = _uses_of(people, request)
    apart_m = request.apart_m if len(people) > 1 or passed else 0.0
    # A seat stays where it is, and may be beside another; who uses none has room to give way.
    passed_m = apart_m if any(uses) else BESIDE * apart_m
    held: list[Correction] = []
    first = kept == 0
    if finished and request.feet:
        held.append(FeetCarry(fps, kept, [any(not use.start_free for use in one) for one in uses]))
    if any(told):
        # Who goes over to a turn while windows are blended has begun it.
        held.append(AsTold(told, fps, sure_frames(kept)))
    others = [request.others[p - 1] if p <= len(request.others) else None for p in people[1:]]
    bent = bool(uses and uses[0] and uses[0][0].bent)
    # A bent way that is gone over again begins where it should: held there in the loop, whatever of its first turn the
    # network takes back swings the whole way round, and people walk sideways.
    begins = any(others) or (room is not None and len(people) == 1 if not bent else finished or not turns)
    if first and begins:
        # The first person of a window starts at its origin, but in company the model does not always see to it, and
        # beside furniture it may put somebody a metre off, to where it would rather have the seat. Who was put nowhere
        # stays where the model has them about the first, and so does the first.
        held.append(StandAt([Start(placement.start_m, math.degrees(placement.heading_rad)), *others], placement))
    if request.ground:
        supports = room.supports if room is not None else None
        held.append(OnTheGround(placement, supports))
        if first and finished:
            held.append(StandBeforeFall(placement, supports, fps))
    if any(uses) and not finished:
        held.append(OnFurniture(uses, placement, fps, first_s=first_s, kept=kept, turns=turns))
    if bounds is not None or apart_m > 0:
        held.append(StayInside(bounds, placement, fps, apart_m, passed, passed_m, limbs=not any(uses)))
    return held


def of_whole(
    placement: Placement, request: GenerationRequest, room: Room | None, fps: float, people: Sequence[int],
    passed: Sequence[Array] = (),
) -> list[Correction]:  # fmt: skip
    """What leads people onto the furniture, once their motion is whole; arguments as of `of_window`."""
    space = None if room is None else room.free_space
    bounds = room.bounds if room is not None and request.walls else None
    apart_m = request.apart_m if len(people) > 1 or passed else 0.0
    uses = _uses_of(people, request)
    # Whoever walks there from where they were told to turns round for the seat, which cannot be turned towards them.
    turns = any(one[:1] and one[0].bent for one in uses)
    held: list[Correction] = [OnFurniture(uses, placement, fps, space, turns=turns, finished=True)]
    if bounds is not None or apart_m > 0:
        held.append(StayInside(bounds, placement, fps, apart_m, passed))
    return held


def _uses_of(people: Sequence[int], request: GenerationRequest) -> list[tuple[Use, ...]]:
    return [request.uses[person] if person < len(request.uses) else () for person in people]


def of_bodies(
    made: Prediction, request: GenerationRequest, room: Room | None, fps: float, manifest: Manifest
) -> tuple[Array, Array]:
    """Fit one body to each pose, set it in the room, and correct it there.

    Args:
        made: What the network says.
        request: What is wanted.
        room: The request's room.
        fps: Frames a second.
        manifest: That of the bundle, which says how quick its falls are.

    Returns:
        Rotations (P, T, 22, 3, 3), entry 0 the root's orientation in the room, and pelves (P, T, 3) in the room.
    """
    vectors, grips = made.pose_vectors, made.grips
    steady = at_rest(vectors, fps, request.low_pass_s)
    if request.ground and made.known is None and request.low_pass_s > 0:
        held = frozenset(person for grip in grips for person in (grip.person, grip.other))
        steady = come_down(steady, fps, made.placement, room.supports if room is not None else None, held)
        quicker = manifest.fall_speed, manifest.fall_offset_m_s
        rates = fall_rates(steady, fps, request.as_read.prompt_of_each, *quicker)
        steady, grips = at_most_gravity(steady, fps, grips, rates)
    rotations, root = fit_body(steady)
    rotations[..., 0, :, :] = made.placement.rotation @ rotations[..., 0, :, :]
    root = made.placement.to_room(root)
    if request.low_pass_s > 0:
        rotations, root = without_flips(rotations, root, fps)
    if request.ground:
        rotations, root = above_floor(rotations, root, fps)
    solids = room.solids if room is not None and request.solid else None
    if room is not None and solids is not None and made.known is None:
        bounds = room.bounds if request.walls else None
        if made.roams:
            rotations, root = elsewhere(rotations, root, solids, bounds, fps)
        # Who uses several things is on none of them if the whole is moved for one.
        uses = [one[0] if len(one) == 1 else None for one in made.uses]
        rotations, root = settle(rotations, root, uses, solids, bounds, fps, together=made.together)
    if request.feet:
        rotations = feet_stand(rotations, root, fps)
        if request.ground:
            rotations, root = above_floor(rotations, root, fps)
    if solids is not None:
        rotations, root = keep_off(rotations, root, solids, fps)
    if grips:
        rotations = laid_on(rotations, root, grips, fps)
    if made.known is not None:
        rotations, root = meet(rotations, root, made.known, fps)
    return rotations, root
