"""The long lie: who lies on the floor after a fall stays there until a prompt has them do something.

A window of longer motion is made by its words: where these still say 'a person falls', the model gets somebody up who
lies there, to fall again; and where they say 'lies motionless', it soon has them on hands and knees. Who cannot get up
is what falls are watched for (Fleming and Brayne 2008 call lying for long after a fall the 'long lie'). So time runs
out for who is down, within the frames that two windows share, and the pose that they came to rest in is kept.

Who lies there from the first is on hands and knees for most of a window too. Of it, what is kept is the stillest moment
of the longest time in which they lie; around it time swings to and fro, as slowly as one breathes.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.easing import smooth_step
from motion_preprocessing.pose_vector import POSITIONS, VELOCITIES
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX
from motion_runtime.fall_speed import FALLS
from motion_runtime.said import GETS_UP, SPRINGS_UP

Array = NDArray[np.float64]

PELVIS_M: Final = 0.35
HEAD_M: Final = 0.45
"""Lower than both is down on the floor: on all fours the pelvis is higher, on a bed both are."""
STILL_M_S: Final = 0.6
"""The mean speed of the joints at which somebody has all but come to rest."""
_NOT: Final = re.compile(
    r"\b(?:does not|doesn't|do not|cannot|can't|can not|unable to|without|never)"
    r" (?:mov\w+|(?:get|getting|stand|standing|rise|rising)(?: back)?(?: up)?)\b"
)
"""Who does not do so stays as they are."""
_DOES: Final = re.compile(
    rf"{GETS_UP.pattern}|{SPRINGS_UP.pattern}"
    r"|\b(?:crawl|roll|turn|writh|wriggl|squirm|struggl|wav|reach|sit|stand|kneel|mov|kick|tr(?:y|ies)|walk|lift|push"
    r"|rais|shak|twitch)(?:s|es|ed|ing|e)?\b|\b(?:gets?|getting) (?:back|on|onto|to)\b"
)
"""Who does something where they lie, or gets up."""
_AGAIN: Final = re.compile(r"\b(?:again|repeatedly|twice|times|every|keeps)\b")
_STAYS: Final = re.compile(
    r"\b(?:lies|lie|lying|lays|stays?|staying|remains?|remaining|rests?|resting|motionless|unconscious|immobile)\b"
    r"|\bis (?:still|down)\b"
)

_LIES: Final = re.compile(
    r"^(?:(?:an?|the|one|another|some(?:body|one)) )?(?:[\w-]+ ){0,3}?"
    r"(?:lies|lays|(?:is|stays|remains) (?:\w+ )?lying)\b(?! (?:down|back)\b)"
)
"""Who lies from the first, ..."""
_AND: Final = re.compile(
    r",|\b(?:then|before|after|until|while)\b|\band (?!(?:is |stays |remains )?(?:still|motionless|unconscious)\b"
    r"|(?:stays|sleeps|rests|remains)\b)"
)
"""... and does something else as well."""
LEAST_S: Final = 0.5
"""Who lies for less of a window does not lie in it."""
BREATH_S: Final = 4.0
"""Fifteen breaths a minute."""
SWING_S: Final = 0.15
"""Time swings by so much at most."""


def stays_down(text: str, *, goes_on: bool) -> bool:
    """Whether who lies on the floor stays as they are.

    Args:
        text: What they are told to do, in the model's words.
        goes_on: Whether they were told the same before: who falls has fallen then.
    """
    words = _NOT.sub("stays", text.lower())
    fallen = list(FALLS.finditer(words))
    if fallen and (not goes_on or _AGAIN.search(words)):
        return False
    after = words[fallen[-1].end() :] if fallen else words
    return not _DOES.search(after) and bool(fallen or _STAYS.search(words))


def is_down(past: NDArray[np.floating[Any]], fps: float) -> bool:
    """Whether somebody's pose vectors (T, 258), metres over the floor, end at rest on it."""
    last = np.asarray(past[-1, POSITIONS]).reshape(JOINT_COUNT, 3)
    before = np.asarray(past[max(len(past) - 1 - round(0.25 * fps), 0), POSITIONS]).reshape(JOINT_COUNT, 3)
    speed = float(np.linalg.norm(last - before, axis=-1).mean()) / 0.25
    return lies(last) and speed < STILL_M_S


def lies(joints: NDArray[np.floating[Any]]) -> bool:
    """Whether joints (22, 3), metres over the floor, are those of somebody who lies on it."""
    return bool(joints[0, 2] < PELVIS_M and joints[JOINT_INDEX["head"], 2] < HEAD_M)


def lies_there(text: str) -> bool:
    """Whether somebody is told to lie, from the first to the last and without anything else."""
    words = _NOT.sub("stays", text.lower())
    return bool(_LIES.search(words)) and not _AND.search(words) and not _DOES.search(words)


def lying_still(x: NDArray[np.floating[Any]], fps: float) -> Array:
    """Pose vectors (T, 258) of somebody who lies there, about the stillest moment in which they lie on the floor.

    Returns:
        (T, 258); as they are where nobody lies for half a second.
    """
    result: Array = np.array(x, dtype=np.float64)
    joints = result[:, POSITIONS].reshape(len(x), JOINT_COUNT, 3)
    down = (joints[:, 0, 2] < PELVIS_M) & (joints[:, JOINT_INDEX["head"], 2] < HEAD_M)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], down, [False]]).astype(np.int64)))
    runs = edges.reshape(-1, 2)
    swing = SWING_S * fps
    if not len(runs) or (longest := runs[np.argmax(runs[:, 1] - runs[:, 0])])[1] - longest[0] < LEAST_S * fps:
        return result
    first, last = int(longest[0]), int(longest[1]) - 1
    speed = np.linalg.norm(np.gradient(joints[first : last + 1], axis=0), axis=-1).mean(axis=1)
    around = np.convolve(np.pad(speed, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    centre = float(np.clip(first + int(np.argmin(around)), first + swing, last - swing))
    phase = 2 * np.pi * np.arange(len(x)) / (BREATH_S * fps)
    at = centre + swing * np.sin(phase)
    lower = np.minimum(at.astype(np.int64), len(x) - 2)
    share = (at - lower)[:, None]
    result = (1.0 - share) * result[lower] + share * result[lower + 1]
    result[:, VELOCITIES] *= (2 * np.pi * SWING_S / BREATH_S * np.cos(phase))[:, None]
    return np.asarray(result)


def lying_on(past: NDArray[np.floating[Any]], sure: int, frames: int) -> Array:
    """Go on from pose vectors (K, 258) for `frames` in all: as they are for `sure`, then slower and slower to the last.

    Returns:
        (frames, 258); velocities are those of the slower motion.
    """
    since, last = max(sure - 1, 0), len(past) - 1
    # Time slows down over twice as long as is left: of a smooth step's length that is half, and it ends on the last.
    middles = np.arange(frames - 1) + 0.5
    rates = 1.0 - smooth_step((middles - since) / max(2 * (last - since), 1))
    at = np.clip(np.concatenate([[0.0], np.cumsum(rates)]), 0.0, last)
    lower = np.minimum(at.astype(np.int64), max(last - 1, 0))
    share = (at - lower)[:, None]
    result = (1.0 - share) * past[lower] + share * past[np.minimum(lower + 1, last)]
    result[:, VELOCITIES] *= np.concatenate([[1.0], rates])[:, None]
    return np.asarray(result, dtype=np.float64)
