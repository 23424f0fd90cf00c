"""Nobody turns over within a frame: where a body's orientation jumps, it gets there as fast as people turn.

Half a turn is hard for a network that errs little by little: between two ways of facing it draws what is in the middle
of both, a body without breadth, left and right of which then change places. Its joints hardly move, but the body that
is fitted to them is flipped in a frame or two, arms and all. So the turn is stretched: around the jump, over as many
frames as it takes at a speed that people reach, the orientation goes from what is before to what is after by the smooth
step s(u) = u^2 (3 - 2 u), which is 1.5 times as fast as its mean at most. The joints' centre stays where the network
has it, but that a body which rolls over is raised by what would be lower than it was.

There are several ways round: by an angle a about an axis, and by a + 2 pi k. The one is taken that is nearest to what
the body turns about that axis in the frames that are no jumps. For most it is the shortest, but who turns fast when
they are flipped would turn back by it all that they have turned.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.easing import smooth_step
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.motion_features import runs
from motion_preprocessing.pose_vector import root_orientation
from motion_preprocessing.rotations import geodesic_angle, matrix_from_rotation_vector, rotation_vector_from_matrix
from motion_runtime.low_pass import low_pass

Array = NDArray[np.float64]

FASTEST_RAD_S: Final = 10.5
"""600 degrees a second: of 1,358 clips, dances and cartwheels and falls among them, four ever turn faster."""
_STEEPEST: Final = 1.5
"""Largest slope of the smooth step."""
_NO_TURN_RAD: Final = 1e-6
"""Less has no axis."""
_RAISED_S: Final = 0.1
"""A Gaussian over what a body is raised by, so that rolling over is no leap."""


def without_flips(rotations: Array, root_m: Array, fps: float) -> tuple[Array, Array]:
    """Stretch what turns too fast.

    Args:
        rotations: (P, T, 22, 3, 3), entry 0 the root's orientation.
        root_m: (P, T, 3) pelvis.
        fps: Frames a second.

    Returns:
        Rotations and pelvis; unchanged where nothing flips.
    """
    rotations, root_m = rotations.copy(), root_m.copy()
    for person in range(len(root_m)):
        turned, windows = stretched(rotations[person, :, 0], fps)
        if windows:
            root_m[person] = _beside(rotations[person], root_m[person], turned, fps)
            rotations[person, :, 0] = turned
    return rotations, root_m


def stretched(orientations: Array, fps: float) -> tuple[Array, list[tuple[int, int]]]:
    """Stretch the jumps of orientations (T, 3, 3); also gives the frames [first, last] between which each was."""
    most = FASTEST_RAD_S / fps
    jumps = np.asarray(geodesic_angle(orientations[1:], orientations[:-1])) > most  # (T - 1,)
    if not jumps.any():
        return orientations.copy(), []
    steps = np.asarray(rotation_vector_from_matrix(orientations[1:] @ orientations[:-1].swapaxes(-1, -2)))
    own = np.concatenate([np.zeros((1, 3)), np.cumsum(np.where(jumps[:, None], 0.0, steps), axis=0)])  # (T, 3)
    longest = (len(orientations) - 1) * most / _STEEPEST

    def way(first: int, last: int) -> Array:
        return _way_round(orientations[first], orientations[last], own[last] - own[first], longest)

    while True:
        windows = runs(jumps)  # from the frame before the first jump to the one after the last
        wider = jumps.copy()
        for first, last in windows:
            angle = float(np.linalg.norm(way(first, last)))
            if last - first < _STEEPEST * angle / most:
                wider[max(first - 1, 0) : last + 1] = True
        if (wider == jumps).all():
            break
        jumps = wider
    result = orientations.copy()
    for first, last in windows:
        part = smooth_step(np.linspace(0.0, 1.0, last - first + 1))[:, None]
        result[first : last + 1] = matrix_from_rotation_vector(part * way(first, last)) @ orientations[first]
    return result, windows


def joints_without_flips(joints_m: Array, fps: float) -> tuple[Array, Array]:
    """Stretch what turns too fast of joints (T, 22, 3), as `stretched` does; the same joints where nothing flips.

    Also gives how the body is turned then, (T, 3, 3).

    Between two ways of facing joints are those of a body without breadth, and which of them is left says nothing. So
    what they are to the body goes evenly, over as many frames as its turn takes, from what it is before to after.
    """
    orientations = root_orientation(joints_m)
    turned, windows = stretched(orientations, fps)
    if not windows:
        return joints_m, turned
    pelvis = joints_m[:, :1]
    own = (joints_m - pelvis) @ orientations  # (T, 22, 3) in the body's axes
    result = joints_m.copy()
    for first, last in windows:
        share = np.linspace(0.0, 1.0, last - first + 1)[:, None, None]
        between = own[first] + share * (own[last] - own[first])
        result[first : last + 1] = between @ turned[first : last + 1].swapaxes(-1, -2) + pelvis[first : last + 1]
    return result, turned


def _way_round(start: Array, end: Array, own: Array, longest_rad: float) -> Array:
    """The turn (3,) from an orientation (3, 3) to another that is nearest to the body's own (3,), if there is time."""
    shortest = np.asarray(rotation_vector_from_matrix(end @ start.T))
    angle = float(np.linalg.norm(shortest))
    if angle < _NO_TURN_RAD:
        return shortest
    turn = angle + 2 * np.pi * round((float(own @ shortest) / angle - angle) / (2 * np.pi))
    return np.asarray(turn / angle * shortest) if abs(turn) <= longest_rad else shortest


def _beside(rotations: Array, root_m: Array, turned: Array, fps: float) -> Array:
    """Where the pelvis goes (T, 3) of a body (T, 22, 3, 3) whose root is turned about the centre of its joints."""
    before = np.asarray(forward_kinematics(rotations, root_m)[0])
    after = np.asarray(forward_kinematics(np.concatenate([turned[:, None], rotations[:, 1:]], axis=1), root_m)[0])
    place = root_m + before.mean(axis=1) - after.mean(axis=1)
    sunk = before[..., 2].min(axis=1) - after[..., 2].min(axis=1) - (place - root_m)[:, 2]
    place[:, 2] += low_pass(np.maximum(sunk, 0.0)[:, None], _RAISED_S * fps)[:, 0]
    return np.asarray(place)
