"""Mirroring of motion and of the words about it: what was left becomes right.

Motion is reflected at the world's plane y = 0. With M = diag(1, -1, 1) in the world and S = diag(-1, 1, 1) in body axes
(x is the body's left), a joint's world rotation R becomes M R S on the joint of the other side: the two reflections
cancel to a proper rotation. Local rotations become S R S, and the rest offsets S o are those of the other side's joint,
which holds because the rest skeleton is symmetric (`is_symmetric`).
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import POSE_DIM
from motion_preprocessing.skeleton import JOINT_COUNT, MIRROR, REST_OFFSETS_M

Array = Any

_WORLD_SIGN: Final = np.array([1.0, -1.0, 1.0])
_BODY_SIGN: Final = np.array([-1.0, 1.0, 1.0])


def is_symmetric(offsets_m: NDArray[np.float64] = REST_OFFSETS_M, tolerance_m: float = 1e-9) -> bool:
    """Say whether rest offsets (22, 3) in body axes are their own mirror image, without which no mirroring is exact."""
    mirrored = np.asarray(offsets_m)[list(MIRROR)] * _BODY_SIGN
    return bool(np.abs(mirrored - offsets_m).max() <= tolerance_m)


def _like(xp: Any, values: NDArray[Any], example: Array) -> Array:
    return xp.asarray(values, dtype=example.dtype, device=device(example))


def _permute(xp: Any, x: Array, order: NDArray[np.int64], axis: int) -> Array:
    return xp.take(x, xp.asarray(order, device=device(x)), axis=axis)


def mirror_motion(local_rotations: Array, root_position_m: Array) -> tuple[Array, Array]:
    """Reflect a motion at the world's plane y = 0.

    Args:
        local_rotations: (..., 22, 3, 3), entry 0 the root's world orientation.
        root_position_m: (..., 3) metres.

    Returns:
        The mirrored rotations and root position, of the same shapes.
    """
    xp = array_namespace(local_rotations, root_position_m)
    body = np.outer(_BODY_SIGN, _BODY_SIGN)
    signs = np.stack([np.outer(_WORLD_SIGN, _BODY_SIGN)] + [body] * (JOINT_COUNT - 1))
    swapped = _permute(xp, local_rotations, np.array(MIRROR), axis=local_rotations.ndim - 3)
    return swapped * _like(xp, signs, swapped), root_position_m * _like(xp, _WORLD_SIGN, root_position_m)


def mirror_joints(joints_m: Array) -> Array:
    """Reflect joint positions (..., 22, 3) at the world's plane y = 0; joints keep their names: sides are swapped."""
    xp = array_namespace(joints_m)
    swapped = _permute(xp, joints_m, np.array(MIRROR), axis=joints_m.ndim - 2)
    return swapped * _like(xp, _WORLD_SIGN, swapped)


def _pose_map() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Mirroring a pose vector is a signed permutation of its features: return the order and the signs (258,)."""
    index = np.arange(POSE_DIM)
    swap = np.array(MIRROR)
    points = 3 * JOINT_COUNT
    positions = index[:points].reshape(JOINT_COUNT, 3)[swap]
    velocities = index[points : 2 * points].reshape(JOINT_COUNT, 3)[swap]
    rotations = index[2 * points :].reshape(JOINT_COUNT - 1, 6)[swap[1:] - 1]
    order = np.concatenate([positions.ravel(), velocities.ravel(), rotations.ravel()])
    # The first two columns of S R S one after the other.
    six = np.concatenate([_BODY_SIGN * _BODY_SIGN[0], _BODY_SIGN * _BODY_SIGN[1]])
    signs = np.concatenate([np.tile(_WORLD_SIGN, 2 * JOINT_COUNT), np.tile(six, JOINT_COUNT - 1)])
    return order, signs


_ORDER, _SIGNS = _pose_map()


def mirror_pose_vector(x: Array) -> Array:
    """Reflect pose vectors (..., 258) in metres (not normalised) at the world's plane y = 0.

    The same as encoding the mirrored motion, for a symmetric rest skeleton.
    """
    xp = array_namespace(x)
    if x.shape[-1] != POSE_DIM:
        raise ValueError(f"expected pose vectors of {POSE_DIM} numbers, got {x.shape[-1]}")
    return _permute(xp, x, _ORDER, axis=x.ndim - 1) * _like(xp, _SIGNS, x)


_LEFT_TO_RIGHT: Final[dict[str, str]] = {
    "left": "right",
    "lefts": "rights",
    "lefthand": "righthand",
    "lefthanded": "righthanded",
    "leftmost": "rightmost",
    "leftward": "rightward",
    "leftwards": "rightwards",
    "counterclockwise": "clockwise",
}
_SWAP: Final[dict[str, str]] = {
    # Two words are turned into a third, so that mirroring them twice changes the spelling but not the sense.
    "counter-clockwise": "clockwise",
    "anti-clockwise": "clockwise",
    "anticlockwise": "clockwise",
    **_LEFT_TO_RIGHT,
    **{right: left for left, right in _LEFT_TO_RIGHT.items()},
}
_LETTER: Final = r"[^\W\d_]"
_WORD: Final = re.compile(
    rf"(?<!{_LETTER})(?:{'|'.join(sorted(map(re.escape, _SWAP), key=len, reverse=True))})(?!{_LETTER})", re.IGNORECASE
)

# Words that are no side of the body: 'right away', 'at right angles', 'all right', 'has left', 'left the room' ...
_IDIOM: Final = re.compile(
    r"right(?:\s+(?:away|now|here|there|side\s+up|angles?)|[\s-]+angled)\b"
    r"|left\s+(?:the|a|his|her|their)\s+(?:room|house|bed|chair|seat|table|building|ward|hall|scene)\b",
    re.IGNORECASE,
)
_BEFORE_IDIOM: Final = {"right": re.compile(r"\ball\s+$", re.IGNORECASE),
                        "left": re.compile(r"\b(?:has|have|had)\s+$", re.IGNORECASE)}  # fmt: skip
# ... but 'turns right now' does speak of a side.
_SIDE_FOLLOWS: Final = re.compile(
    r"\b(?:the|to|turn\w*|veer\w*|step\w*|mov\w*|lean\w*|look\w*|fac\w*|rotat\w*|bend\w*|fall\w*)\s+$", re.IGNORECASE
)


def _is_idiom(text: str, match: re.Match[str]) -> bool:
    before, word = text[: match.start()], match.group().lower()
    if word in _BEFORE_IDIOM and _BEFORE_IDIOM[word].search(before):
        return True
    return bool(_IDIOM.match(text, match.start())) and not _SIDE_FOLLOWS.search(before)


def mirror_text(text: str) -> str:
    """Swap left and right, clockwise and counterclockwise, in an English sentence.

    Whole words only ('upright' and 'leftover' stay), small, Capitalised and ALL-CAPITAL spelling kept. A short list of
    idioms ('right away', 'all right', 'left the room') is left alone.
    """

    def swap(match: re.Match[str]) -> str:
        word = match.group()
        if _is_idiom(text, match):
            return word
        other = _SWAP[word.lower()]
        if word.isupper():
            return other.upper()
        return other.capitalize() if word[0].isupper() else other

    return _WORD.sub(swap, text)
