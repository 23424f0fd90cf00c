"""A classifier of what somebody does with another: helps them up, pushes their wheelchair.

It sees windows of two people only, so that company alone tells it nothing: both bodies by themselves, and what is
between them (`pair_features.py`). It learns from takes of the training split, and from as many windows of every sort of
people who have little to do with each other, made so that neither body, nor the place, nor nearness gives it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import canonical_move, move_points
from motion_train.evaluation.clips import KINDS_OF_TWO, Clips, shows_its_own
from motion_train.evaluation.forest import Forest
from motion_train.evaluation.pair_features import pair_features
from motion_train.evaluation.recognise import features, stacked
from motion_train.window_topics import Moment, place

Floats = NDArray[np.floating[Any]]
Joints = NDArray[np.float64]
DOES: Final = "does it"
EXCHANGED: Final = "is the other one of the two"
DANCES: Final = "dances with the other"
MEETS: Final = "is near somebody"
STANDS_BY: Final = "is where a helper would be"
ELSEWHERE: Final = "does it beside somebody else"
APART: Final = "does it out of reach"
_RISES: Final = ("stand_up", "get_up")
_NEAR_M: Final = (0.4, 1.5)
"""Pelves of people who are near each other, at the start."""
_BEYOND_M: Final = (0.8, 2.0)
"""So far is the other one moved away to be out of reach."""
_CLEAR_M: Final = 0.35
"""Pelves of people who are put together keep this far apart: about as near as those of a carer and a patient come."""
_SHORTEST_S: Final = 1.0
"""Windows are no shorter."""
_TRIES: Final = 12
"""To put two together who keep clear of each other."""


@dataclass(eq=False)
class Pairs:
    """N windows of two people, and what the first one does with the other."""

    own_m: list[Joints] = field(default_factory=list)
    """Each (T, 22, 3)."""
    other_m: list[Joints] = field(default_factory=list)
    """The same frames of the other one."""
    does: list[str] = field(default_factory=list)
    """Of `KINDS_OF_TWO`, or ''."""
    sorts: list[str] = field(default_factory=list)
    """How the window came about."""

    def add(self, own_m: Joints, other_m: Joints, does: str, sort: str) -> None:
        """Add a window."""
        self.own_m.append(own_m)
        self.other_m.append(other_m)
        self.does.append(does)
        self.sorts.append(sort)

    def extend(self, more: Pairs) -> None:
        """Add all of another set."""
        for one in zip(more.own_m, more.other_m, more.does, more.sorts, strict=True):
            self.add(*one)

    @property
    def shows(self) -> NDArray[np.bool_]:
        """(N, K) of `KINDS_OF_TWO`."""
        return np.array([[does == kind for kind in KINDS_OF_TWO] for does in self.does]).reshape(-1, len(KINDS_OF_TWO))


def pair_windows(clips: Clips, count: int, seed: int) -> Pairs:
    """Cut windows of takes of two people, at most `count` of each action, and make as many of every sort without it."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 2**43]))
    partner = {a: b for take in clips.takes for a, b in (take, take[::-1])}
    pairs, bases = Pairs(), []
    for kind in KINDS_OF_TWO:
        having = [moment for moment in clips.made_of(kind) if moment.record in partner]
        for i in rng.permutation(len(having))[:count]:
            moment = having[i]
            own, other, start = _cut(clips, moment, partner[moment.record], rng)
            if len(own) < _SHORTEST_S * clips.fps:
                continue
            shows = shows_its_own(clips.records[moment.record], kind, start, len(own), clips.fps)
            pairs.add(own, other, kind if shows else "", DOES)
            pairs.add(other, own, "", EXCHANGED)
            bases.append((own, other))
    dances = [take for take in clips.takes if clips.records[take[0]].action not in KINDS_OF_TWO]
    for _ in range(count if dances else 0):
        a, b = rng.permutation(dances[int(rng.integers(len(dances)))])
        whole = Moment(int(a), 0, len(clips.records[a].pose))
        pairs.add(*_cut(clips, whole, int(b), rng)[:2], "", DANCES)
    for sort in (MEETS, STANDS_BY, ELSEWHERE, APART) if bases and len(clips.topics) else ():
        for _ in range(count):
            for _ in range(_TRIES):
                own, other = _together(clips, *bases[int(rng.integers(len(bases)))], sort, rng)
                if len(own) >= _SHORTEST_S * clips.fps and _clearance_m(own, other) > _CLEAR_M:
                    pairs.add(own, other, "", sort)
                    break
    return pairs


def _cut(clips: Clips, moment: Moment, other: int, rng: np.random.Generator) -> tuple[Joints, Joints, int]:
    """Cut the same frames, around a moment of the one, of two people of a take; also the first frame."""
    total = min(len(clips.records[i].pose) for i in (moment.record, other))
    length = min(clips.frames, total)
    start = place(moment, total, length, clips.fps, rng)
    return clips.joints_m(moment.record, start, length), clips.joints_m(other, start, length), start


def _together(clips: Clips, own: Joints, other: Joints, sort: str, rng: np.random.Generator) -> tuple[Joints, Joints]:
    """Put two people together who have nothing to do with each other; from a window in which they have."""
    if sort == MEETS:
        own, other = _anybody(clips, rng), _anybody(clips, rng, rises=bool(rng.uniform() < 0.5))
        away, way = rng.uniform(*_NEAR_M), rng.uniform(-np.pi, np.pi)
        at = own[0, 0, :2] + away * np.array([np.cos(way), np.sin(way)])
        other = _starting(other, at, float(rng.uniform(-np.pi, np.pi)))
    elif sort == STANDS_BY:
        if rng.uniform() < 0.5:
            other = _in_place_of(other, _anybody(clips, rng, rises=True))
        own = _in_place_of(own, _anybody(clips, rng))
    elif sort == ELSEWHERE:
        other = _in_place_of(other, _anybody(clips, rng))
    else:
        between = other[0, 0, :2] - own[0, 0, :2]
        way = np.arctan2(between[1], between[0]) + rng.uniform(-1, 1)
        other = other + rng.uniform(*_BEYOND_M) * np.array([np.cos(way), np.sin(way), 0.0])
    frames = min(len(own), len(other))
    return own[:frames], other[:frames]


def _anybody(clips: Clips, rng: np.random.Generator, *, rises: bool = False) -> Joints:
    """Cut a window of one person, of somebody who rises where that is asked for."""
    having = [kind for kind in _RISES if kind in clips.topics.moments]
    if not rises or not having:
        return clips.cut(clips.topics.draw(rng), rng)[0]
    moments = clips.topics.moments[having[int(rng.integers(len(having)))]]
    return clips.cut(moments[int(rng.integers(len(moments)))], rng)[0]


def _in_place_of(one: Joints, another: Joints) -> Joints:
    """Move somebody to where another one starts, facing the same way."""
    yaw, _ = canonical_move(one[0])
    return _starting(another, one[0, 0, :2], -yaw)


def _starting(joints_m: Joints, at_m: Floats, way_rad: float) -> Joints:
    """Move somebody so that the pelvis starts at a point (2,) and the body faces a way."""
    there = move_points(joints_m, *canonical_move(joints_m[0]))
    return np.asarray(move_points(there, way_rad, at_m))


def _clearance_m(own: Joints, other: Joints) -> float:
    return float(np.linalg.norm(own[:, 0, :2] - other[:, 0, :2], axis=-1).min())


class PairRecogniser:
    """The classifier."""

    def __init__(self, training: Pairs, fps: float, threads: int = 1) -> None:
        """Learn from windows of two; what fewer than five windows show is left out."""
        self.fps = fps
        described = self._describe(training.own_m, training.other_m)
        self._forest = Forest(described, training.shows, KINDS_OF_TWO, threads)
        self.kinds = self._forest.kinds

    def sees(self, own_m: Sequence[Floats], other_m: Sequence[Floats]) -> dict[str, NDArray[np.bool_]]:
        """In which windows (N,) the first one does something with the other."""
        return self._forest.sees(self._describe(own_m, other_m))

    def sees_people(self, people_m: Floats, who: int = 0) -> dict[str, bool]:
        """What one of P people (P, T, 22, 3) does with any other of them: nothing where there is none."""
        others = [person for index, person in enumerate(people_m) if index != who]
        return {kind: bool(found.any()) for kind, found in self.sees([people_m[who]] * len(others), others).items()}

    def _describe(self, own_m: Sequence[Floats], other_m: Sequence[Floats]) -> NDArray[np.float32]:
        fps = self.fps
        return stacked(
            [
                np.concatenate([features(own, fps), features(other, fps), pair_features(own, other, fps)])
                for own, other in zip(own_m, other_m, strict=True)
            ]
        )
