"""Who has come to rest lies, sits or stands still: a low pass that is wider where little moves.

One width is a compromise: narrow enough for an impact, it leaves a body on the floor trembling. As in the One-Euro
filter (Casiez et al. 2012) the width follows the motion here. Since the whole motion is known, it looks both ways in
time and delays nothing; and what limits it is no speed, but how far it moves anything. Over p, what `sharp_low_pass`
leaves, Gaussians G of growing widths w are laid, and at each frame

    D_w(t)^2 = sum_s G_w(t - s) |p(s) - p(t)|^2 = (G_w * |p|^2)(t) - 2 p(t) . (G_w * p)(t) + |p(t)|^2

says how far what G_w mixes lies from what is there. By Jensen's inequality |G_w * p - p| <= D_w. The widest kernel up
to which D_w stays below 6 mm for places and 25 mrad for turns is taken: nothing is moved further than that, trembling
goes, and whoever moves keeps the narrow kernel.

Trunk, arms and legs come to rest each by itself, and each as a whole: a hand that waves keeps its shoulder's part in
it, and does not keep the body from standing still.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import POSITIONS, ROTATIONS
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS
from motion_runtime.low_pass import gaussian, sharp_low_pass

Array = NDArray[np.float64]

WAY_M: Final = 0.006
"""As far, at most, a joint's place is moved ..."""
TURN: Final = 0.025
"""... and as far, as a 6D vector, its rotation: 1.4 degrees or less."""
REST_S: Final = 0.3
"""The widest kernel: breath, a quarter of a hertz, keeps 90 % of its depth."""
WIDTHS_S: Final = (0.0, *(REST_S * 2.0**-half for half in (3.0, 2.5, 2.0, 1.5, 1.0, 0.5, 0.0)))
"""All of them; between two, what they give is mixed."""
SWING_S: Final = 0.15
"""So near to motion nothing rests: a hand that waves at 2 Hz turns back in less, and would else lose its furthest."""
CLEAR: Final = 2.5
"""Beyond, a kernel is at least as many widths away from motion, which its tail then does not reach."""


def _chains() -> NDArray[np.int64]:
    """To which chain each joint belongs: 0 = the trunk, 1 to 4 = legs and arms."""
    chain = np.zeros(JOINT_COUNT, dtype=np.int64)
    for number, name in enumerate(("left_hip", "right_hip", "left_collar", "right_collar"), 1):
        chain[JOINT_INDEX[name]] = number
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            chain[joint] = chain[joint] or chain[parent]
    return chain


_CHAIN: Final = _chains()
_TURNED: Final = _CHAIN[1:]
_OF_NUMBER: Final = np.concatenate([np.tile(np.repeat(_CHAIN, 3), 2), np.repeat(_TURNED, 6)])
"""(258,) chain that each number of a pose vector is about."""
_OF_PART: Final = np.zeros((JOINT_COUNT * 3 + len(_TURNED) * 6, JOINT_COUNT + len(_TURNED)))
"""(192, 43) 1 where a number of joints' places and turns belongs to one of these."""
_OF_PART[np.arange(len(_OF_PART)), np.repeat(np.arange(_OF_PART.shape[1]), [3] * JOINT_COUNT + [6] * len(_TURNED))] = 1
_BY_CHAIN: Final = np.argsort(np.concatenate([_CHAIN, _TURNED]), kind="stable")
_FIRST_OF_CHAIN: Final = np.searchsorted(np.concatenate([_CHAIN, _TURNED])[_BY_CHAIN], np.arange(_CHAIN.max() + 1))


def at_rest(x: NDArray[np.floating[Any]], fps: float, moving_s: float) -> Array:
    """Take the noise off pose vectors (..., T, 258): some of it where bodies move, nearly all where they rest.

    Args:
        x: Pose vectors in metres.
        fps: Frames a second.
        moving_s: Standard deviation of `sharp_low_pass` for what moves, seconds; 0 returns the vectors as they are.
    """
    narrow = sharp_low_pass(x, moving_s * fps)
    if moving_s == 0:
        return narrow
    result = narrow.copy()
    for person in np.ndindex(narrow.shape[:-2]):
        result[person] = _steadied(narrow[person], fps)
    return result


def _steadied(p: Array, fps: float) -> Array:
    """Lay the wider kernels over one person's vectors (T, 258)."""
    widths = np.array(WIDTHS_S)
    width = widths_s(p, fps)  # (T, chains)
    lower = np.clip(np.searchsorted(widths, width, side="right") - 1, 0, len(widths) - 2)
    # Mixed so that variances in time add up: a kernel that is a little wider than none does hardly anything.
    share = (width**2 - widths[lower] ** 2) / (widths[lower + 1] ** 2 - widths[lower] ** 2)
    result = np.zeros_like(p)
    for level, sigma_s in enumerate(WIDTHS_S):
        weight = np.where(lower == level, 1.0 - share, np.where(lower + 1 == level, share, 0.0))
        if weight.any():
            mixed = _mixed(p, sigma_s * fps) if sigma_s else p
            result += weight[:, _OF_NUMBER] * mixed
    return result


def widths_s(p: Array, fps: float) -> Array:
    """Width of the kernel, seconds, for each chain of one person's vectors (T, 258) at each frame: (T, 5)."""
    width, before = (np.zeros((len(p), _CHAIN.max() + 1)) for _ in range(2))
    within = np.ones(width.shape, dtype=np.bool_)
    parts = np.concatenate([p[:, POSITIONS] / WAY_M, p[:, ROTATIONS] / TURN], axis=1)  # (T, 192)
    squares = parts**2 @ _OF_PART
    for low, high in pairwise(WIDTHS_S):
        far = _far(parts, squares, high * fps)
        crossing = low + (high - low) * (1.0 - before) / np.maximum(far - before, 1e-12)
        width = np.where(within, np.where(far <= 1.0, high, crossing), width)
        within &= far <= 1.0
        if not within.any():
            break
        before = far
    narrowed = width.copy()
    for offset in range(1, min(len(p), int((SWING_S + CLEAR * REST_S) * fps) + 1)):
        further = max(0.0, offset / fps - SWING_S) / CLEAR
        narrowed[offset:] = np.minimum(narrowed[offset:], width[:-offset] + further)
        narrowed[:-offset] = np.minimum(narrowed[:-offset], width[offset:] + further)
    return narrowed


def _far(parts: Array, squares: Array, sigma_frames: float) -> Array:
    """D of one kernel, the largest of each chain, (T, 5).

    Args:
        parts: (T, 192) joints' places and turns as shares of how far they may be moved.
        squares: (T, 43) their |p|^2.
        sigma_frames: The kernel's width.
    """
    mixed = _mixed(np.concatenate([parts, squares], axis=1), sigma_frames)
    numbers = parts.shape[1]
    far = mixed[:, numbers:] - 2.0 * (parts * mixed[:, :numbers]) @ _OF_PART + squares
    by_chain = np.maximum.reduceat(far[:, _BY_CHAIN], _FIRST_OF_CHAIN, axis=1)
    return np.sqrt(np.maximum(by_chain, 0.0))


def _mixed(p: Array, sigma_frames: float) -> Array:
    """Convolve (T, D) along T with what is inside of the motion: an end held on would tremble as its one frame does."""
    offsets, kernel = gaussian(sigma_frames)
    result, total = np.zeros_like(p), np.zeros((len(p), 1))
    for offset, weight in zip(offsets, kernel, strict=True):
        first, last = max(0, -offset), min(len(p), len(p) - offset)
        if first < last:
            result[first:last] += weight * p[first + offset : last + offset]
            total[first:last] += weight
    return result / total
