"""Motion longer than the model's: windows that overlap, each generated in its own canonical frame.

A window goes on from the last second of the one before. That second is known to it: moved into its own canonical frame
(the first person of its first frame at the origin, facing +x) and imposed on x0 at every step, wholly at first and ever
less towards the end of the overlap, where the window's own x0 takes over. What the two windows say about the overlap is
thus blended in x0, and the blend is what both the next step and the result go on from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import canonical_move, heading_rad, move_points, move_pose_vectors
from motion_preprocessing.easing import smooth_step
from motion_preprocessing.errors import InputError
from motion_preprocessing.pose_vector import root_orientation
from motion_runtime.editing.constraints import Constraints
from motion_runtime.editing.joints import joints_of
from motion_runtime.low_pass import low_pass
from motion_runtime.placement import Placement
from motion_runtime.stage import Start

Array = NDArray[np.float64]

OVERLAP_S: Final = 1.0
"""What two windows share."""
APART_M: Final = 2.5
"""People farther from each other at a window's start are generated one by one: pairs in training data start nearer, and
a model that has seen no others lets one jump to the other."""
SURE: Final = 0.5
"""Share of the overlap that is the earlier window's alone; over the rest the later one fades in."""
EASED: Final = 0.07
"""Standard deviation of the Gaussian where windows meet, of the overlap ..."""
EASED_AFTER: Final = 0.3
"""... and until when, of the overlap after its end."""


@dataclass(frozen=True)
class Window:
    """Frames first .. end - 1 of a motion, generated in one go."""

    first: int
    """First frame, of the overlap if there is one."""
    start: int
    """First frame that no earlier window has; `first` in the first window."""
    end: int
    """One past the last frame."""

    @property
    def frames(self) -> int:
        """Length, overlap included."""
        return self.end - self.first

    @property
    def overlap(self) -> int:
        """Frames shared with the window before."""
        return self.start - self.first


def plan_windows(frames: int, cuts: list[int], longest: int, overlap: int) -> list[Window]:
    """Split a motion into windows.

    Args:
        frames: Frames of the whole motion.
        cuts: Frames at which somebody's prompt changes: a window begins there.
        longest: Frames that the model makes in one go.
        overlap: Frames that neighbouring windows share.

    Raises:
        InputError: The model is too short for windows that overlap.
    """
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < frames}), frames]
    if (len(edges) > 2 or frames > longest) and longest < 2 * overlap:
        raise InputError(
            f"expected a bundle for at least {2 * overlap} frames, got one for {longest} for a motion in several "
            "parts; ask for a shorter motion or export a larger kernel"
        )
    windows: list[Window] = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        start = low
        while start < high:
            shared = min(overlap, start)
            # As few windows as it takes, and about equally long.
            count = -(-(high - start) // (longest - shared)) if windows else _count(high, longest, overlap)
            size = -(-(high - start) // count) if windows else min(longest, -(-(high + (count - 1) * overlap) // count))
            windows.append(Window(start - shared, start, min(start + size, high)))
            start = windows[-1].end
    return windows


def _count(frames: int, longest: int, overlap: int) -> int:
    """Windows that a stretch takes whose first one has no overlap."""
    return 1 if frames <= longest else 1 + -(-(frames - longest) // (longest - overlap))


def with_guides(known: Constraints, windows: Sequence[Window], start_m: tuple[float, float] | None) -> Constraints:
    """Tell each window where on the way over the floor it is to end.

    A window does not see the next place of a path if that comes after it, and would leave the whole way to the last
    window. So its last frame is led to where the straight line between the known places before and after it is then.

    Args:
        known: What is known, in the room.
        windows: In order.
        start_m: Where the first person starts.
    """
    floor, mask = known.floor_m.copy(), known.floor_mask.copy()
    for person in range(len(mask)):
        places = {int(frame): known.floor_m[person, frame] for frame in np.flatnonzero(known.floor_mask[person])}
        if person == 0 and start_m is not None:
            places.setdefault(0, np.array(start_m))
        times = sorted(places)
        for frame in (window.end - 1 for window in windows[:-1]):
            if times and times[0] < frame < times[-1] and frame not in places:
                for axis in (0, 1):
                    floor[person, frame, axis] = np.interp(frame, times, [places[time][axis] for time in times])
                mask[person, frame] = True
    return replace(known, floor_m=floor, floor_mask=mask)


def overlap_frames(fps: float) -> int:
    """Frames that neighbouring windows share."""
    return max(2, round(OVERLAP_S * fps))


def sure_frames(overlap: int) -> int:
    """Frames of an overlap that are the earlier window's alone."""
    return round(SURE * overlap)


def fade_in(past: Array, frames: int) -> Callable[[Array], Array]:
    """Blend the earlier window's frames into a window's pose vectors.

    Each person is first moved rigidly over the floor so that they stand and face as the earlier window has them: the
    model has its own mind of how near to each other people are, and would set them there where the overlap ends.

    Args:
        past: (P, overlap, 258) of the earlier window, in this one's canonical frame.
        frames: Frames of this window.

    Returns:
        A function of pose vectors (P, T, 258).
    """
    overlap = past.shape[1]
    sure = sure_frames(overlap)
    u = np.clip((np.arange(overlap) - sure + 1) / (overlap - sure + 1), 0.0, 1.0)
    share = (1 - u**3 * (10 + u * (6 * u - 15)))[:, None]  # of the earlier window: 1, then smoothly to 0
    assert overlap < frames

    last = max(sure - 1, 0)
    there = joints_of(past[:, last])

    def blend(x: Array) -> Array:
        here = joints_of(x[:, last])
        turns = heading_rad(root_orientation(there)) - heading_rad(root_orientation(here))
        result = np.empty_like(x)
        for person, turn in enumerate(turns):
            turned = move_points(here[person, 0], float(turn), np.zeros(2))
            result[person] = move_pose_vectors(x[person], float(turn), there[person, 0, :2] - turned[:2])
        result[:, :overlap] += share * (past - result[:, :overlap])
        return result

    return blend


def groups(x: Array, *, together: bool = True) -> list[list[int]]:
    """Persons that a window is to show to each other: those within `APART_M` of one another, and their neighbours'.

    Args:
        x: (P, T, 258) from the window's first frame on.
        together: Whether they do anything with each other; else each is by themselves, however near: shown to each
            other, they do what the others were told too.
    """
    return _near(x[:, 0, :2], together)


def _near(pelvis: Array, together: bool) -> list[list[int]]:
    """Groups of places (P, 2)."""
    if not together:
        return [[person] for person in range(len(pelvis))]
    return linked(np.linalg.norm(pelvis[:, None] - pelvis[None], axis=-1) <= APART_M)


def linked(near: NDArray[np.bool_]) -> list[list[int]]:
    """Groups of persons, of whom (P, P) says who is near whom: neighbours, and neighbours' neighbours."""
    for _ in range(len(near)):
        near = near @ near
    return [np.flatnonzero(row).tolist() for person, row in enumerate(near) if not row[:person].any()]


def starting(
    starts: Sequence[Start | None], placement: Placement, *, together: bool = True
) -> list[tuple[list[int], Frame]]:
    """Persons that the first window is to show to each other, as `groups`, and the frames they are generated in.

    Args:
        starts: Of the second, third ... person; who has none starts about the first.
        placement: Of the first person.
        together: As of `groups`.
    """
    places = [placement.start_m, *(placement.start_m if start is None else start.place_m for start in starts)]
    found = []
    for people in _near(np.array(places), together):
        start = starts[people[0] - 1] if people[0] > 0 else None
        frame = Frame()
        if start is not None:
            x, y = placement.to_canonical(np.array([[*start.place_m, 0.0]]))[0, :2]
            frame = Frame(math.radians(start.heading_deg) - placement.heading_rad, (float(x), float(y)))
        found.append((people, frame))
    return found


def in_windows(
    windows: Sequence[Window],
    persons: int,
    make: Callable[[Window, list[int], Frame, Array | None], Array],
    begin: Sequence[tuple[list[int], Frame]] | None = None,
    *,
    together: bool = True,
) -> Array:
    """Generate window after window and put them together.

    Args:
        windows: In order.
        persons: Persons P.
        make: Generates a window's pose vectors (p, T, 258) of some persons in the canonical frame of the first of them,
            given where that lies in the first window's and what the overlap holds already, in the window's own frame
            (None in the first).
        begin: From `starting`; None = everybody is shown to everybody at first.
        together: As of `groups`, for further windows.

    Returns:
        Pose vectors (P, T, 258) of the whole motion, in the first window's canonical frame.
    """
    first, *further = windows
    parts = [(people, frame.out(make(first, people, frame, None)))
             for people, frame in begin or [(list(range(persons)), Frame())]]  # fmt: skip
    whole = np.concatenate([part for _, part in parts])[np.argsort([one for people, _ in parts for one in people])]
    for window in further:
        part = np.empty((persons, window.frames, whole.shape[-1]))
        for people in groups(whole[:, window.first :], together=together):
            past = whole[people, window.first :]
            frame = Frame.of(past)
            part[people] = frame.out(make(window, people, frame, frame.into(past)))
        # The part holds the blended overlap: the last step's x0 was corrected too.
        whole = np.concatenate([whole[:, : window.first], part], axis=1)
    return eased(whole, windows)


def eased(x: Array, windows: Sequence[Window]) -> Array:
    """Smooth pose vectors (P, T, 258) where windows meet.

    What a window does need not go with how the one before has ended: the model goes over to it as soon as the overlap
    lets it, and often in a fifth of a second. A Gaussian takes the edge off, from the middle of the overlap until a
    little after it.
    """
    weight = np.zeros(x.shape[1])
    frames = np.arange(x.shape[1])
    for window in windows[1:]:
        since, until = window.first + SURE * window.overlap, window.start + EASED_AFTER * window.overlap
        inside = 1.0 - np.abs(frames - (since + until) / 2) / ((until - since) / 2)  # 1 in the middle, 0 at both ends
        weight = np.maximum(weight, smooth_step(2.0 * inside))
    if not weight.any():
        return x
    sigma = EASED * np.mean([window.overlap for window in windows[1:]])
    return np.asarray(x + weight[:, None] * (low_pass(x, float(sigma)) - x))


@dataclass(frozen=True)
class Frame:
    """A window's canonical frame, as it lies in that of the first window."""

    yaw_rad: float = 0.0
    """Direction of its +x axis."""
    origin_m: tuple[float, float] = (0.0, 0.0)
    """Its origin."""

    @classmethod
    def of(cls, x: Array) -> Frame:
        """The canonical frame of pose vectors (P, T, 258): their first person's first frame."""
        yaw, shift = canonical_move(joints_of(x[0, 0]))
        # p' = R(yaw) p + shift, so the origin of p' is where p = -R(-yaw) shift.
        c, s = np.cos(-yaw), np.sin(-yaw)
        return cls(-yaw, (float(-(c * shift[0] - s * shift[1])), float(-(s * shift[0] + c * shift[1]))))

    def into(self, x: Array) -> Array:
        """Move pose vectors (P, T, 258) from the first window's frame into this one."""
        c, s = np.cos(-self.yaw_rad), np.sin(-self.yaw_rad)
        shift = -np.array([c * self.origin_m[0] - s * self.origin_m[1], s * self.origin_m[0] + c * self.origin_m[1]])
        return np.asarray(move_pose_vectors(x, -self.yaw_rad, shift), np.float64)

    def out(self, x: Array) -> Array:
        """Move pose vectors from this frame into the first window's."""
        return np.asarray(move_pose_vectors(x, self.yaw_rad, np.array(self.origin_m)), np.float64)

    def placed(self, first: Placement) -> Placement:
        """Where this frame stands in the room."""
        origin = first.to_room(np.array([[*self.origin_m, 0.0]]))[0]
        return Placement((float(origin[0]), float(origin[1])), first.heading_rad + self.yaw_rad)
