"""Puts people where a prompt and a room ask for them: near the furniture that is named, on the way to a goal.

`staged` turns what is said in words into numbers of the request: starts, headings, paths, and what is sat on. Whoever
gives a start or a path keeps it. People are placed one after the other, who is told where first, then who names a
thing, then the rest; each keeps clear of those before. Equal requests are staged equally; samples of one differ where
places are about as good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.room_objects import SITTABLE, RoomObject, named
from motion_runtime.approach import (
    Spot,
    Stance,
    ends_on,
    good,
    lies,
    names_others,
    rests_on,
    seats_one,
    spots,
    stance_of,
    things_for,
    worded,
)
from motion_runtime.editing.constraints import wrapped
from motion_runtime.editing.edits import Edits
from motion_runtime.editing.root_path import RootPath, Waypoint
from motion_runtime.errands import Errand, as_prompt, errands, phases, things_used
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import NEIGHBOUR_M, Room, choose_placement, draw
from motion_runtime.route import find_route
from motion_runtime.stage import Place, Start, Use
from motion_runtime.who_holds import who_holds

WALK_M_S: Final = 0.8
"""An easy pace: how far away somebody starts who is to be somewhere at the end."""
_TO_REST_M: Final = 1.4
"""How far from its seat somebody starts who walks there: the built-in model walks about as far before it sits down,
however long the motion is."""
_FASTEST_M_S: Final = 4.0
_AWAY_M: Final = (1.0, 3.5)
_ARRIVED: Final = 0.85
"""Part of the motion's time that a way with corners takes; the rest is for what is done at its end."""
_PEOPLE_M: Final = 0.8
"""Nobody starts nearer to somebody else."""
_HELD_M: Final = (0.55, 0.95)
_HELD_RAD: Final = math.radians(80)
"""Who helps somebody up from a chair stands so far away, and so far aside of where that one faces: nine of ten do in
the training data, 0.57 to 1 m away and 20 to 70 degrees aside."""
_OPEN_M: Final = 1.8
"""From neighbour to neighbour where there is no room. Beyond 2.5 m they would not see each other any more."""
_OPEN_DEG: Final = 40.0
"""How far somebody may be turned from facing out of the circle."""
_BESIDE_M: Final = (0.35, 1.5)
"""How far from a thing's outline somebody stands for whom there is no place at it."""
_HURRIES_M_S: Final = 1.8
"""Who has to walk faster to a seat walks as the model has them."""
_RESTS_S: Final = 2.0
"""Sitting or lying down takes as long."""
_LONG_S: Final = 6.5
"""The model makes a walk and what it ends on in one piece in no more."""
_AT_HAND_M: Final = 2.5
"""Who starts where they were told to uses what is no farther away, but for those who walk there."""


@dataclass(frozen=True)
class _Goal:
    """Where somebody is to end."""

    place_m: Place
    yaw_deg: float | None
    spot: Spot | None
    """At the thing that was named; None for a place."""


def staged(request: GenerationRequest, room: Room | None, last_s: float) -> GenerationRequest:
    """Give a request its starts, its paths and what people sit or lie on.

    Args:
        request: What is wanted.
        room: The room; None = an empty one.
        last_s: Time of the motion's last frame.

    Raises:
        InputError: A goal is no place and no thing of the room, cannot be reached in time, or contradicts a path.
    """
    if request.staged:
        return request
    prompts = [" , ".join(part.text for part in timeline.parts) for timeline in request.timelines]
    goals = _goals(request, room, prompts)
    edits = request.edits
    posed = edits is not None and edits.start_pose is not None
    if room is not None and (edits is None or (any(goals) and not posed)):
        request = _Stage(request, room, prompts, goals, last_s).fill()
    if room is None and edits is None and not any(goals) and not any(map(names_others, prompts)):
        request = _in_the_open(request)
    if not any(goals):
        return request
    if goals[0] is not None and request.start_m is None and room is None and not posed:
        request = replace(request, start_m=(0.0, 0.0))
    starts = [request.start_m, *(None if start is None else start.place_m for start in request.others)]
    starts += [None] * (request.persons - len(starts))
    paths = [
        RootPath(()) if goal is None else _path(start, goal, room, last_s)
        for start, goal in zip(starts, goals, strict=False)
    ]
    return replace(request, goals=(), edits=replace(edits or Edits(), paths=tuple(paths)), staged=True)


def _in_the_open(request: GenerationRequest) -> GenerationRequest:
    """Put people who have nothing to do with each other on a circle, facing out, so that none is in another's way.

    Left to the model, they start where its recorded pairs do, within reach of each other, and are pushed apart from
    then on. Who was told where to start stays there, and so does everybody with them.
    """
    if request.persons == 1 or request.start_m is not None or any(request.others):
        return request
    rng = np.random.Generator(np.random.Philox(key=[request.seed, draw(request)]))
    between = 2 * math.pi / request.persons
    radius = _OPEN_M / (2 * math.sin(between / 2))
    first = rng.uniform(-math.pi, math.pi)
    starts = []
    for person in range(request.persons):
        angle = first + between * person
        turn = rng.uniform(-_OPEN_DEG, _OPEN_DEG)
        starts.append(Start((radius * math.cos(angle), radius * math.sin(angle)), math.degrees(angle) + turn))
    heading = starts[0].heading_deg if request.heading_deg is None else request.heading_deg
    return replace(request, start_m=starts[0].place_m, heading_deg=heading, others=tuple(starts[1:]), staged=True)


def _goals(request: GenerationRequest, room: Room | None, prompts: Sequence[str]) -> list[_Goal | None]:
    """Each person's goal."""
    if not request.goals:
        return [None] * request.persons
    if len(request.goals) > request.persons:
        raise InputError(
            f"expected at most {request.persons} goals, one a person, got {len(request.goals)}; "
            "leave some out, or ask for as many persons with --person"
        )
    if request.edits is not None and request.edits.paths:
        raise InputError("expected a path or a goal, got both; give the goal as the last place of the path")
    found: list[_Goal | None] = []
    for text, prompt in zip(request.goals, prompts, strict=False):
        if text.strip() == "-":
            found.append(None)
            continue
        place = parse_place(text)
        if place is not None:
            if room is not None:
                room.check_inside(place[:2], "goal", "--goal")
            found.append(_Goal((place[0], place[1]), place[2], None))
            continue
        spot = _spot_of(text, request, room)
        if not (ends_on(prompt) and spot.thing.object_class in SITTABLE):
            found.append(_Goal(spot.before(), math.degrees(spot.outward_rad + math.pi), spot))
        elif lies(prompt):
            found.append(_Goal(spot.thing.level_centre_m, None, spot))
        else:
            found.append(_Goal(spot.on(), math.degrees(spot.seated_rad), spot))
    return found + [None] * (request.persons - len(found))


def parse_place(text: str) -> tuple[float, float, float | None] | None:
    """Read 'x,y' or 'x,y,yaw'; None where the text is no numbers."""
    words = text.split(",")
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return None
    if len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)):
        raise InputError(f"expected x,y or x,y,yaw as metres and degrees, got '{text:.40}' for a place; write 1.5,2")
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None


def _spot_of(text: str, request: GenerationRequest, room: Room | None) -> Spot:
    """The best place at the thing that a goal names."""
    if room is None:
        raise InputError(f"expected a room for the goal '{text:.40}', got none; give one with --scene, or write x,y")
    things = named(room.scene.furniture, text)
    if not things:
        there = ", ".join(thing.name for thing in room.scene.furniture[:12]) or "nothing"
        raise InputError(
            f"expected a place x,y or one of {there} for the goal, got '{text:.40}'; "
            "motion-run inspect ROOM shows what was found"
        )
    found = good(spots(things, room.free_space))
    if not found:
        raise InputError(
            f"expected free floor beside the {things[0].name} for the goal, got none; write the place as x,y"
        )
    return found[draw(request) % len(found)]


class _Stage:
    """A room while people are put into it."""

    def __init__(
        self, request: GenerationRequest, room: Room, prompts: Sequence[str], goals: list[_Goal | None],
        last_s: float,
    ) -> None:  # fmt: skip
        self._request, self._room, self._prompts, self._goals = request, room, prompts, goals
        self._last_s, self._number = last_s, draw(request)
        self._aims: dict[int, Spot] = {}
        """Where goals are that somebody sits or lies on."""
        self._starts: dict[int, Start] = {}
        self._uses: dict[int, list[Use]] = {}
        self._spots: dict[int, list[Spot]] = {}
        """Where what somebody uses is, one for each use."""
        self._errands = [self._errands_of(person) for person in range(request.persons)]
        self._told_as: dict[int, str] = {}
        self._retold_as: dict[int, str] = {}
        self._seated: list[RoomObject] = []
        """Seats for one that somebody has."""
        self._roams = False

    def _errands_of(self, person: int) -> list[Errand]:
        """What somebody uses, one after the other; a goal is the last of them."""
        request, goal = self._request, self._goals[person]
        if not request.use:
            return []
        found = errands([part.text for part in request.timelines[person].parts], self._room.scene.furniture)
        spot = None if goal is None or request.edits is not None else goal.spot
        ends = bool(found) and found[-1].until is None and ends_on(self._prompts[person])
        if spot is not None and ends and spot.use(start_free=True) is not None:
            self._aims[person] = spot
            self._goals[person] = None
            found[-1] = replace(found[-1], things=(spot.thing,))
        return found

    def _lengths(self, person: int) -> list[tuple[str, float]]:
        """Text and length of each part of somebody's prompt."""
        timeline, seconds = self._request.timelines[person], self._request.seconds
        starts = [*timeline.starts(seconds), seconds]
        return [(part.text, end - start) for part, start, end in zip(timeline.parts, starts, starts[1:], strict=False)]

    def _run(self, person: int) -> None:
        """Find places for what somebody uses after the first, and tell the model the way from one to the next."""
        wanted, taken = self._errands[person], self._spots.get(person, [])
        if not taken or not self._request.use:
            return
        start = self._starts[person].place_m
        ways: list[float | None] = [None if self._uses[person][0].start_free else self._way_m(start, taken[0])]
        for index, errand in enumerate(wanted[1:], 1):
            before = taken[-1].before()
            full = [one for one in self._seated if one is not taken[-1].thing]
            things = [thing for thing in errand.things if not any(thing is one for one in full)]
            found = good(spots(things, self._room.free_space))
            if person in self._aims and index == len(wanted) - 1:
                found = [self._aims[person]]
            if not found:
                break
            spot = min(found, key=lambda one: self._way_m(before, one))
            if not self._in_time(self._way_m(before, spot)):
                break
            self._take(person, spot, index, start_free=False, bent=True)
            ways.append(self._way_m(before, spot))
        done = wanted[: len(taken)]
        told, again = phases(self._lengths(person), done, ways)
        if len(done) > 1 or self._uses[person][0].bent or self._request.seconds > _LONG_S:
            self._told_as[person], self._retold_as[person] = as_prompt(told), as_prompt(again)

    def _in_time(self, way_m: float) -> bool:
        """Whether a way can be walked, and rested at its end, in the motion's time."""
        return way_m < _HURRIES_M_S * (self._last_s - _RESTS_S)

    def _way_m(self, start: Place, spot: Spot) -> float:
        """How far it is from a place to before a thing, round the furniture."""
        corners = find_route(self._room.free_space, start, spot.before())
        return float(np.linalg.norm(np.diff(corners, axis=0), axis=1).sum())

    def fill(self) -> GenerationRequest:
        """Put everybody in and return the request that says so."""
        request = self._request
        things = [self._things(person) for person in range(request.persons)]
        told = request.start_m is not None or any(request.others) or any(self._goals) or request.edits is not None
        self._roams = not (told or any(things))
        self._starts = {person: start for person, start in enumerate(request.others, 1) if start is not None}
        if request.start_m is not None:
            self._told(things[0])
        holds = who_holds(self._prompts, request.person_classes)
        for person in range(request.persons):
            # The chair that somebody is helped up from is not the carer's.
            if person not in self._starts and things[person] and not holds[person]:
                self._at_furniture(person, things[person])
        for person, goal in enumerate(self._goals):
            if person not in self._starts and goal is not None:
                self._on_the_way(person, goal)
        if request.persons > 1:
            for person in range(request.persons):
                # Who does something with others is where the model has them do it.
                if person not in self._starts and (person == 0 or not names_others(self._prompts[person])):
                    held = [other for other in self._starts if holds[person] and not holds[other]]
                    if not (held and self._at_hand(person, self._starts[held[0]])):
                        self._anywhere(person)
        for person in range(request.persons):
            self._run(person)
        return self._filled()

    def _filled(self) -> GenerationRequest:
        request, first = self._request, self._starts.get(0)
        if first is not None and request.start_m is None:
            heading = first.heading_deg if request.heading_deg is None else request.heading_deg
            request = replace(request, start_m=first.place_m, heading_deg=heading)
        people = range(request.persons)
        others = tuple(self._starts.get(person) for person in people[1:])
        uses = tuple(tuple(self._uses.get(person, ())) for person in people) if request.use else ()
        told, retold = (
            tuple(words.get(person, one) for person, one in enumerate(request.prompt_of_each)) if request.use and words
            else ()
            for words in (self._told_as, self._retold_as)
        )  # fmt: skip
        return replace(
            request,
            others=others if any(others) else (),
            uses=uses if any(uses) else (),
            roams=self._roams,
            staged=not any(self._goals),
            told=told,
            retold=retold,
        )

    def _things(self, person: int) -> list[RoomObject]:
        """What somebody's goal or else their prompt names."""
        goal = self._goals[person]
        if goal is not None:
            return [] if goal.spot is None else [goal.spot.thing]
        if self._errands[person] and self._errands[person][0].things:
            return list(self._errands[person][0].things)
        prompt, furniture = self._prompts[person], self._room.scene.furniture
        return things_used(prompt, furniture) if self._request.use else things_for(prompt, furniture)

    def _told(self, things: Sequence[RoomObject]) -> None:
        """The first person starts where the request says, and uses what is near."""
        request = self._request
        assert request.start_m is not None
        start = np.array(request.start_m)
        heading = 0.0 if request.heading_deg is None else request.heading_deg
        self._starts[0] = Start(request.start_m, heading)
        if not rests_on(self._prompts[0]):
            return
        goal = self._goals[0]
        near = _AT_HAND_M if goal is None and stance_of(self._prompts[0]) is not Stance.AWAY else math.inf
        found = self._spots_at(0, things)
        found = [spot for spot in found if math.dist(spot.before(), start) < near]
        if found:
            spot = min(found, key=lambda spot: math.dist(spot.before(), start))
            walks = stance_of(self._prompts[0]) is Stance.AWAY and goal is None
            self._take(0, spot, 0, start_free=False, bent=walks and self._in_time(self._way_m(request.start_m, spot)))

    def _at_furniture(self, person: int, things: Sequence[RoomObject]) -> None:
        """Start at, on or some steps from what is named, if there is a place."""
        request, prompt, goal = self._request, self._prompts[person], self._goals[person]
        stance = Stance.AWAY if goal is not None else stance_of(prompt)
        # One may walk to a chair that somebody sits on, but not sit there too.
        full = self._seated if stance is not Stance.AWAY or rests_on(prompt) else []
        free = [thing for thing in things if not any(thing is one for one in full)]
        every = self._spots_at(person, free)
        for found in (good(every), every):
            kept = [spot for spot in found if stance is Stance.AWAY or self._apart(_place(spot, stance))]
            if kept:
                break
        else:
            self._beside(person, things)
            return
        spot = kept[self._number % len(kept)]
        if stance is Stance.ON and spot.thing.object_class not in SITTABLE:
            stance = Stance.FACING
        if stance is Stance.AWAY:
            far_m = min(max(WALK_M_S * (self._last_s - 2.0), _AWAY_M[0]), _AWAY_M[1])
            if rests_on(prompt) and goal is None and spot.thing.object_class in SITTABLE:
                far_m = _TO_REST_M
            start = self._steps_away(spot.before(), far_m)
            if start is None:
                return
        else:
            heading = {
                Stance.ON: spot.seated_rad,
                Stance.BACK_TO: spot.outward_rad,
                Stance.FACING: spot.outward_rad + math.pi,
            }[stance]
            start = Start(_place(spot, stance), math.degrees(heading) % 360.0)
        self._starts[person] = start
        if rests_on(prompt):
            # On the way to a goal the path says where the start is.
            self._take(person, spot, 0, start_free=goal is None)
        if goal is None:
            said = request.prompt_of_each[person]
            # In company too whoever is to lie down after a walk would lie on the floor.
            alone = request.persons == 1 or (stance is Stance.AWAY and not names_others(prompt))
            told = worded(said, spot.thing, request.seconds, alone=alone)
            if told != said:
                self._told_as[person] = told

    def _spots_at(self, person: int, things: Sequence[RoomObject]) -> list[Spot]:
        """Where somebody may use the first thing that they do."""
        goal = self._goals[person]
        if goal is not None and goal.spot is not None:
            return [goal.spot]
        if person in self._aims and len(self._errands[person]) == 1:
            return [self._aims[person]]
        return spots(list(things), self._room.free_space)

    def _take(self, person: int, spot: Spot, index: int, *, start_free: bool, bent: bool = False) -> None:
        """Somebody sits or lies there, as the errand of that number says when."""
        use = spot.use(start_free=start_free)
        if use is not None:
            errand = self._errands[person][index : index + 1]
            starts = self._request.timelines[person].starts(self._request.seconds)
            since = starts[errand[0].since] if errand else 0.0
            until = math.inf if not errand or errand[0].until is None else starts[errand[0].until]
            self._uses.setdefault(person, []).append(replace(use, bent=bent, since_s=since, until_s=until))
            self._spots.setdefault(person, []).append(spot)
            if seats_one(spot.thing):
                self._seated.append(spot.thing)

    def _beside(self, person: int, things: Sequence[RoomObject]) -> None:
        """Stand near a thing whose places are taken, and face it."""
        stands = self._stands()
        if not len(stands):
            return
        gap = np.stack([thing.gap_m(stands) for thing in things])  # (things, N)
        nearest = gap.min(axis=0)
        near = np.flatnonzero((nearest >= _BESIDE_M[0]) & (nearest <= _BESIDE_M[1]))
        if not len(near):
            near = np.argsort(nearest, kind="stable")[:1]
        near = near[nearest[near] <= nearest[near].min() + 0.2]
        chosen = int(near[self._number % len(near)])
        x, y = np.array(things[int(gap[:, chosen].argmin())].centre_m) - stands[chosen]
        self._put(person, stands[chosen], math.atan2(y, x))

    def _at_hand(self, person: int, held: Start) -> bool:
        """Stand before somebody who is to be helped or held, and face them; whether there is room for it."""
        stands = self._room.stands() if self._room.free_space.free.any() else np.zeros((0, 2))
        for other in self._starts.values():
            if other is not held:
                stands = stands[np.linalg.norm(stands - other.place_m, axis=1) >= _PEOPLE_M]
        away = stands - held.place_m
        gap = np.linalg.norm(away, axis=1)
        aside = np.abs(wrapped(np.arctan2(away[:, 1], away[:, 0]) - math.radians(held.heading_deg or 0.0)))
        near = np.flatnonzero((gap >= _HELD_M[0]) & (gap <= _HELD_M[1]) & (aside <= _HELD_RAD))
        if not len(near):
            return False
        chosen = int(near[self._number % len(near)])
        x, y = -away[chosen]
        self._put(person, stands[chosen], math.atan2(y, x))
        return True

    def _on_the_way(self, person: int, goal: _Goal) -> None:
        """Start somewhere from where a goal can be walked to in time."""
        start = self._steps_away(goal.place_m, min(max(WALK_M_S * self._last_s, _AWAY_M[0]), _AWAY_M[1]))
        if start is not None:
            self._starts[person] = start

    def _steps_away(self, goal: Place, far_m: float) -> Start | None:
        """A place on the free floor about `far_m` from a goal, in sight of it if there is one, and the way to face."""
        stands = self._stands()
        gap = np.array(goal) - stands
        distance = np.hypot(gap[:, 0], gap[:, 1])
        yaw = np.arctan2(gap[:, 1], gap[:, 0])
        seen = self._room.free_space.free_run(stands[:, 0], stands[:, 1], yaw) >= distance - 0.5
        score = -np.abs(distance - far_m) + 1.5 * seen
        score[distance < 0.5] = -np.inf
        if not np.isfinite(score).any():
            return None
        best = np.flatnonzero(score >= score.max() - 0.3)
        chosen = int(best[self._number % len(best)])
        return Start((float(stands[chosen, 0]), float(stands[chosen, 1])), math.degrees(float(yaw[chosen])) % 360.0)

    def _anywhere(self, person: int) -> None:
        """Start on the free floor, further people near the first, all with a way ahead."""
        if person == 0 and not self._starts:
            placement = choose_placement(self._request, self._room)
            self._put(0, np.array(placement.start_m), placement.heading_rad)
            return
        stands = self._stands()
        if not len(stands):
            return
        headings = np.arange(8, dtype=np.float64) * (math.pi / 4)
        if person == 0 and self._request.heading_deg is not None:
            headings = np.array([math.radians(self._request.heading_deg)])
        score = self._room.score(stands, headings, 1)
        near = np.min([np.linalg.norm(stands - one.place_m, axis=1) for one in self._starts.values()], axis=0)
        score -= 2.0 * np.maximum(near - 2 * NEIGHBOUR_M, 0.0)[:, None]
        best = np.flatnonzero(score >= score.max() - 0.3)
        stand, turn = np.unravel_index(best[self._number % len(best)], score.shape)
        self._put(person, stands[stand], float(headings[turn]))

    def _put(self, person: int, place: NDArray[np.float64], yaw_rad: float) -> None:
        self._starts[person] = Start((float(place[0]), float(place[1])), math.degrees(yaw_rad) % 360.0)

    def _stands(self) -> NDArray[np.float64]:
        """Free floor (N, 2) that keeps clear of everybody."""
        if not self._room.free_space.free.any():
            return np.zeros((0, 2))
        stands = self._room.stands()
        for start in self._starts.values():
            stands = stands[np.linalg.norm(stands - start.place_m, axis=1) >= _PEOPLE_M]
        return stands

    def _apart(self, place: Place) -> bool:
        return all(math.dist(place, start.place_m) >= _PEOPLE_M for start in self._starts.values())


def _place(spot: Spot, stance: Stance) -> Place:
    """Where somebody starts at a spot."""
    return spot.on() if stance is Stance.ON and spot.thing.object_class in SITTABLE else spot.before()


def _path(start: Place | None, goal: _Goal, room: Room | None, last_s: float) -> RootPath:
    """The way to a goal: its corners at a steady pace, the goal at the end."""
    end = Waypoint(last_s, *goal.place_m, goal.yaw_deg)
    if start is None:
        return RootPath((end,))
    corners = np.array([start, goal.place_m]) if room is None else find_route(room.free_space, start, goal.place_m)
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    if float(lengths.sum()) > _FASTEST_M_S * last_s:
        raise InputError(
            f"expected a goal within {_FASTEST_M_S * last_s:.1f} m of way, got {float(lengths.sum()):.1f} m for "
            f"{last_s:.1f} s; ask for more --seconds, or start nearer"
        )
    share = np.cumsum(lengths)[:-1] / max(float(lengths.sum()), 1e-9)
    between = [
        Waypoint(float(s) * _ARRIVED * last_s, float(x), float(y))
        for s, (x, y) in zip(share, corners[1:-1], strict=True)
    ]
    return RootPath((Waypoint(0.0, *start), *between, end))
