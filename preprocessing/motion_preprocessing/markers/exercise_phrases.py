"""Sentences for clinical exercises, told as they were moved: which side, how far, in which order.

The names of the exercises alone would mislead: 'sit to stand' starts standing in every take, so it is a sitting down
and a standing up.
"""

from __future__ import annotations

from typing import Final

from motion_preprocessing.captions import combine
from motion_preprocessing.errors import InputError

SIT_TO_STAND: Final = "sit to stand"
_TOUCH: Final = (
    "*lower the body until it touches a seat and *stand up again", "*squat down to a seat and *rise at once",
    "*lower the body towards a chair and *stand up again", "*squat down to seat height and *stand up",
)  # fmt: skip
"""For those who put no weight on the seat: they move as in a squat, and calling it sitting would teach a wrong word."""

_PHRASES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "deep squat": (
        ("*squat down deeply with both arms raised and *stand up again", "*do a deep squat with the arms held up",
         "*hold both arms up, *squat down low and *rise", "*do a squat", "*squat down and *stand up"),
        ("*squat down only halfway with both arms raised and *stand up again", "*do a shallow squat",
         "*hold both arms up, *squat down incompletely and *rise", "*lower the body a little and *stand up again"),
    ),
    "hurdle step": (
        ("*lift the {side} leg over a low hurdle and *put it back",
         "*raise the {side} knee, *step over a hurdle and back", "*do a hurdle step with the {side} leg",
         "*stand on the {other} leg, *lift the {side} foot and *set it down",
         "*raise the {side} knee and *lower it"),
        ("*lift the {side} leg a little and *put it back",
         "*do a hurdle step with the {side} leg without lifting it high",
         "*raise the {side} foot only slightly and *set it down"),
    ),
    "inline lunge": (
        ("*stand with one foot ahead of the other, *sink into a lunge and *rise again", "*do a lunge",
         "*lower the {other} knee towards the floor in a lunge and *come up",
         "*lunge with the {side} foot in front"),
        ("*do a shallow lunge", "*sink only a little into a lunge and *rise again",
         "*lunge with the {side} foot in front without going down far"),
    ),
    "side lunge": (
        ("*do a side lunge to the {side}", "*lunge to the {side} with legs apart and *return",
         "*sink sideways onto the {side} leg and *rise again",
         "*stand with legs apart, *lunge sideways and *come back up"),
        ("*do a shallow side lunge to the {side}", "*sink a little onto the {side} leg with legs apart and *rise",
         "*lunge to the {side} only slightly and *return"),
    ),
    SIT_TO_STAND: (
        ("*sit down on a chair and *stand up again", "*sit down and *get up", "*take a seat and *rise again",
         "*lower the body onto a seat, *sit and *stand up", "*sit down on a stool, then *stand up"),
        ("*sit down on a chair and *stand up again", "*sit down and *get up", "*take a seat and *rise again",
         "*lower the body onto a seat and *stand up"),
    ),
    "standing active straight leg raise": (
        ("*raise the straight {side} leg forward and *lower it", "*lift the {side} leg straight to the front",
         "*stand on the {other} leg and *raise the {side} leg forward",
         "*swing the {side} leg forward with a straight knee"),
        ("*raise the {side} leg forward a little and *lower it", "*lift the {side} leg only partway to the front",
         "*stand on the {other} leg and *raise the {side} leg not very high"),
    ),
    "standing shoulder abduction": (
        ("*raise the {side} arm sideways and *lower it", "*lift the {side} arm out to the side and over the head",
         "*raise the {side} arm high at the side, then *let it down",
         "*lift a straight {side} arm sideways up and back down"),
        ("*raise the {side} arm sideways only partway and *lower it",
         "*lift the {side} arm a little out to the side",
         "*raise the {side} arm at the side, not very high, and *let it down"),
    ),
    "standing shoulder extension": (
        ("*move the straight {side} arm backward and forward again", "*stretch the {side} arm behind the body",
         "*swing the {side} arm back and *return it", "*extend the {side} arm to the back"),
        ("*move the {side} arm backward a little", "*stretch the {side} arm only slightly behind the body",
         "*swing the {side} arm back a bit and *return it"),
    ),
    "standing shoulder internal-external rotation": (
        ("*hold the {side} elbow at shoulder height and *move the forearm up and down",
         "*rotate the {side} forearm with the elbow lifted to the side", "*swing the {side} forearm in and out",
         "*lift the {side} elbow sideways and *swing the forearm up and down"),
        ("*hold the {side} elbow up and *move the forearm a little", "*rotate the {side} forearm only slightly",
         "*swing the {side} forearm in and out with a small movement"),
    ),
    "standing shoulder scaption": (
        ("*raise the {side} arm diagonally between front and side and *lower it",
         "*lift the {side} arm obliquely forward",
         "*raise the straight {side} arm at an angle to the front, then *let it down",
         "*raise the {side} arm and *lower it"),
        ("*raise the {side} arm diagonally only partway and *lower it",
         "*lift the {side} arm a little obliquely forward",
         "*raise the {side} arm at an angle, not very high, and *let it down"),
    ),
}  # fmt: skip
"""Phrases of each exercise: as meant, and when it goes less far than it should."""

EXERCISES: Final = tuple(_PHRASES)
_POOR: Final = ("", " incorrectly", " with some difficulty", " not quite correctly")


def sentences_for_exercise(
    name: str, side: str, *, limited: bool, correct: bool, seated: bool = True
) -> tuple[str, ...]:
    """Describe an exercise in up to 8 sentences.

    Args:
        name: One of EXERCISES.
        side: The limb that moves, left or right; of no meaning for squats and sitting down.
        limited: Whether it goes clearly less far than the same person can.
        correct: Whether it was performed as it should be.
        seated: Whether weight was put on the seat, of who was to sit.
    """
    if name not in _PHRASES:
        raise InputError(f"expected one of {', '.join(EXERCISES)}, got '{name}' for the exercise; add its phrases")
    other = "left" if side == "right" else "right"
    full, less = _PHRASES[name]
    tails = ("",) if correct else _POOR
    if limited and name == SIT_TO_STAND:
        tails = (" with limited motion", " stiffly", "", " with difficulty")
    if name == SIT_TO_STAND and not seated:
        full = less = _TOUCH
    phrases = tuple(phrase.format(side=side, other=other) for phrase in (less if limited else full))
    return combine([phrases], ("",) if limited and name != SIT_TO_STAND else tails)
