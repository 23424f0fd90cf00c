"""Puts people into a room: who starts where, what each sits or lies on, and how the model is told of it.

They are placed one after the other, who is told where first, then who names a thing, then the rest; each keeps clear of
those before (`starting_places`). Who uses several things, one after the other, has a run of places and ways.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from motion_preprocessing.room_objects import SITTABLE, RoomObject
from motion_runtime.approach import (
    Spot,
    Stance,
    ends_on,
    good,
    lies,
    names_others,
    rests_on,
    seats_one,
    sits_up,
    spots,
    stance_of,
    things_for,
    worded,
    worded_walk,
)
from motion_runtime.errands import Errand, as_prompt, errands, phases, things_used
from motion_runtime.goals import Goal
from motion_runtime.motion import GenerationRequest
from motion_runtime.out_of_bed import TOLD, falls_out_of, ways_off
from motion_runtime.placement import Room, draw
from motion_runtime.route import find_route
from motion_runtime.said import FALLS
from motion_runtime.stage import Place, RollsOut, Start, Use
from motion_runtime.starting_places import StartingPlaces
from motion_runtime.who_holds import who_holds

_WALK_M_S: Final = 0.8
"""An easy pace: how far away somebody starts who is to be somewhere at the end."""
_TO_REST_M: Final = 1.4
"""How far from its seat somebody starts who walks there: the built-in model walks about as far before it sits down,
however long the motion is."""
_AWAY_M: Final = (1.0, 3.5)
_HURRIES_M_S: Final = 1.8
"""Who has to walk faster to a seat walks as the model has them."""
_RESTS_S: Final = 2.0
"""Sitting or lying down takes as long."""
_LONG_S: Final = 6.5
"""The model makes a walk and what it ends on in one piece in no more."""
_SHORT_M: Final = 2.0
"""Told to walk less far before it sits down, as a part of its own, the model sits down at once."""
_AT_HAND_M: Final = 2.5
"""Who starts where they were told to uses what is no farther away, but for those who walk there."""


class RoomStaging:
    """A room while people are put into it."""

    def __init__(
        self, request: GenerationRequest, room: Room, prompts: Sequence[str], goals: list[Goal | None],
        last_s: float,
    ) -> None:  # fmt: skip
        """Prepare to put everybody in.

        Args:
            request: What is wanted.
            room: The room.
            prompts: What each person does, the parts of a timeline as one sentence.
            goals: Each person's; set to None, in place, where somebody is to sit or lie on the goal, which is an
                errand then and no way to be kept to.
            last_s: Time of the motion's last frame.
        """
        self._request, self._room, self._prompts, self._goals = request, room, prompts, goals
        self._last_s, self._number = last_s, draw(request)
        self._aims: dict[int, Spot] = {}
        """Where goals are that somebody sits or lies on."""
        self._places = StartingPlaces(room, self._number)
        self._uses: dict[int, list[Use]] = {}
        self._spots: dict[int, list[Spot]] = {}
        """Where what somebody uses is, one for each use."""
        self._errands = [self._errands_of(person) for person in range(request.persons)]
        self._told_as: dict[int, str] = {}
        self._retold_as: dict[int, str] = {}
        self._seated: list[RoomObject] = []
        """Seats for one that somebody has."""
        self._rolls: dict[int, RollsOut] = {}
        self._roams = False
        self._strays: list[int] = []

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
        start = self._places.starts[person].place_m
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
        said = self._request.prompt_of_each[person]
        parted = len(done) > 1 or "|" in said or self._request.seconds > _LONG_S
        if not parted and ways[0] is not None and ways[0] < _SHORT_M and not lies(said):
            self._told_as[person] = worded(said, taken[0].thing, self._request.seconds)
        elif parted or self._uses[person][0].bent:
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
        self._places.starts = {person: start for person, start in enumerate(request.others, 1) if start is not None}
        if request.start_m is not None:
            self._told(things[0])
        holds = who_holds(self._prompts, request.person_classes)
        if request.use and not told:
            for person in range(request.persons):
                self._out_of_bed(person)
        for person in range(request.persons):
            # The chair that somebody is helped up from is not the carer's.
            if person not in self._places.starts and things[person] and not holds[person]:
                self._at_furniture(person, things[person])
        for person, goal in enumerate(self._goals):
            if person not in self._places.starts and goal is not None:
                self._on_the_way(person, goal)
        if request.persons > 1:
            for person in range(request.persons):
                # Who does something with others is where the model has them do it.
                if person not in self._places.starts and (person == 0 or not names_others(self._prompts[person])):
                    held = [other for other in self._places.starts if holds[person] and not holds[other]]
                    if not (held and self._places.at_hand(person, self._places.starts[held[0]])):
                        self._places.anywhere(person, request)
                        self._strays.append(person)
        for person in range(request.persons):
            self._run(person)
        return self._filled()

    def _filled(self) -> GenerationRequest:
        request, first = self._request, self._places.starts.get(0)
        if first is not None and request.start_m is None:
            heading = first.heading_deg if request.heading_deg is None else request.heading_deg
            request = replace(request, start_m=first.place_m, heading_deg=heading)
        people = range(request.persons)
        others = tuple(self._places.starts.get(person) for person in people[1:])
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
            rolls=tuple(self._rolls.get(person) for person in people) if self._rolls else (),
            roams=self._roams,
            strays=tuple(self._strays),
            staged=not any(self._goals),
            told=told,
            retold=retold,
        )

    def _out_of_bed(self, person: int) -> None:
        """Who falls out of bed starts in it, if there is a side to fall to."""
        timeline = self._request.timelines[person]
        falls = falls_out_of([part.text for part in timeline.parts])
        if falls is None or names_others(self._prompts[person]):
            return
        name, part = falls
        things = [thing for thing in self._room.scene.furniture if not any(thing is one for one in self._seated)]
        ways = ways_off(things, name, self._room.free_space)
        if not ways:
            return
        thing, way = ways[self._number % len(ways)]
        if part > 0:
            way = replace(way, since_s=timeline.starts(self._request.seconds)[part])
        self._rolls[person] = way
        said = self._request.prompt_of_each[person]
        in_one = "|" not in said and thing.object_class == "bed"
        told = worded(said, thing, self._request.seconds) if in_one else TOLD
        if told != said:
            self._told_as[person] = self._retold_as[person] = told
        self._places.starts[person] = Start(way.place_m, math.degrees(way.foot_rad) % 360.0)
        self._places.kept.append(way.lands_m)
        if seats_one(thing):
            self._seated.append(thing)

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
        self._places.starts[0] = Start(request.start_m, heading)
        goal = self._goals[0]
        if not rests_on(self._prompts[0]):
            if goal is None and stance_of(self._prompts[0]) is Stance.AWAY:
                self._tell_of_walk(0, request.start_m, things)
            return
        near = _AT_HAND_M if goal is None and stance_of(self._prompts[0]) is not Stance.AWAY else math.inf
        found = self._spots_at(0, things)
        found = [spot for spot in found if math.dist(spot.before(), start) < near]
        if found:
            walks = stance_of(self._prompts[0]) is Stance.AWAY and goal is None
            if walks and not lies(self._prompts[0]):
                found = good(found)  # nobody walks to the arm of a sofa because it is nearer
            spot = min(found, key=lambda spot: math.dist(spot.before(), start))
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
            kept = [spot for spot in found if stance is Stance.AWAY or self._places.apart(_place(spot, stance))]
            if kept:
                break
        else:
            self._places.beside(person, things)
            return
        spot = kept[self._number % len(kept)]
        if stance is Stance.ON and spot.thing.object_class not in SITTABLE:
            stance = Stance.FACING
        if stance is Stance.AWAY:
            far_m = min(max(_WALK_M_S * (self._last_s - 2.0), _AWAY_M[0]), _AWAY_M[1])
            if rests_on(prompt) and goal is None and spot.thing.object_class in SITTABLE:
                far_m = _TO_REST_M
            start = self._places.steps_away(spot.before(), far_m)
            if start is None:
                return
            self._places.kept.append(spot.before())
        else:
            heading = {
                Stance.ON: spot.seated_rad,
                Stance.BACK_TO: spot.outward_rad,
                Stance.FACING: spot.outward_rad + math.pi,
            }[stance]
            start = Start(_place(spot, stance), math.degrees(heading) % 360.0)
        self._places.starts[person] = start
        # Who sits and falls within one part of a prompt is on the seat at first: nobody knows for how long.
        if rests_on(prompt) and (self._errands[person] or not FALLS.search(prompt.lower())):
            # On the way to a goal the path says where the start is.
            self._take(person, spot, 0, start_free=goal is None)
        if goal is None:
            said = request.prompt_of_each[person]
            # In company too whoever is to lie down after a walk would lie on the floor.
            alone = request.persons == 1 or (stance is Stance.AWAY and not names_others(prompt))
            told = worded(said, spot.thing, request.seconds, alone=alone)
            if told != said:
                self._told_as[person] = told
                if sits_up(said) and person in self._uses:  # who sits up on a high bed is as high as who gets up
                    self._uses[person] = [replace(use, until_s=0.0) for use in self._uses[person]]
            elif stance is Stance.AWAY:
                self._tell_of_walk(person, start.place_m, [spot.thing])

    def _tell_of_walk(self, person: int, start: Place, things: Sequence[RoomObject]) -> None:
        """Tell the model how far somebody walks who goes to a bed, and does not rest on it."""
        beds = spots([thing for thing in things if thing.object_class == "bed"], self._room.free_space)
        said = self._request.prompt_of_each[person]
        if beds:
            # They walk straight on: to the side of it that they come to first.
            told = worded_walk(said, self._request.seconds, min(self._way_m(start, spot) for spot in beds))
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
            falls = bool(errand) and errand[0].falls
            self._uses.setdefault(person, []).append(replace(use, bent=bent, since_s=since, until_s=until, falls=falls))
            self._spots.setdefault(person, []).append(spot)
            if seats_one(spot.thing):
                self._seated.append(spot.thing)

    def _on_the_way(self, person: int, goal: Goal) -> None:
        """Start somewhere from where a goal can be walked to in time."""
        start = self._places.steps_away(goal.place_m, min(max(_WALK_M_S * self._last_s, _AWAY_M[0]), _AWAY_M[1]))
        if start is not None:
            self._places.starts[person] = start


def _place(spot: Spot, stance: Stance) -> Place:
    """Where somebody starts at a spot."""
    return spot.on() if stance is Stance.ON and spot.thing.object_class in SITTABLE else spot.before()
