"""Which moment of which clip a window shows: moments are drawn by what happens in them, not by their length.

Most of what was ever recorded is walking, dancing and idling; sitting down takes a second of a whole session. Detected
events (`motion_preprocessing.events`) are therefore filed under topics, a topic is drawn by its weight, and the window
is cut so that it holds the event.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.dataset import MotionRecord
from motion_preprocessing.event import Event
from motion_preprocessing.events import detect
from motion_preprocessing.motion_features import measure
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.skeleton import JOINT_COUNT

TOPIC_WEIGHTS: Final[dict[str, float]] = {
    "walk": 6.0, "fall": 5.0, "sit_down": 5.0, "stand_up": 5.0, "turn": 4.0, "wave": 4.0, "get_up": 3.5, "jump": 3.5,
    "lie_down": 3.0, "run": 3.0, "climb": 3.0, "bend": 2.5, "pick_up": 2.0, "sit": 1.5, "raise_arm": 1.5, "reach": 1.5,
    "lie": 1.0, "squat_down": 1.0, "kneel_down": 1.0, "lift_leg": 1.0, "sit_up": 1.0, "stand": 1.0, "hand_to_face": 0.7,
    "kick": 0.7, "punch": 0.7, "crawl": 0.7, "lunge": 0.7, "twist": 0.5, "roll": 0.3, "cartwheel": 0.2,
}  # fmt: skip
"""How often a topic is drawn. Events of other kinds come along in the windows of these."""
MIN_FRAMES: Final = 10
"""Shorter clips are not measured."""
_MARGIN_S: Final = 0.25
"""A window shows this much of what comes before and after its event, where the clip has it."""

_TOLD: Final[tuple[tuple[str, frozenset[str]], ...]] = tuple(
    (pattern, frozenset(kinds.split()))
    for pattern, kinds in (
        (r"sits? down|sitting down|takes? a seat|(?:sit|sits|sitting) on\b", "sit_down sit"),
        (r"(?:stand|stands|standing|get|gets|getting|rise|rises|rising|straighten|straightens)\b[a-z ]{0,12}\bup\b|"
         r"to (?:the|their) feet|rise from|rises from|sit to stand|sit-to-stand", "stand_up get_up rise get_up_to"),
        (r"jump|leap|\bhop|skip", "jump"),
        (r"\bfall|collaps|tumbl|\btrip|\bslip|faint|topple", "fall"),
        (r"climb|ladder|stairs|ascend|descend", "climb"),
        (r"\bturn|spin|twirl|pivot", "turn walk run"),
        (r"bend|stoop|\bbow|lean forward", "bend pick_up squat_down"),
        (r"pick|scoop", "pick_up bend squat_down kneel_down"),
        (r"\blie |\blies |lying|\blay", "lie lie_down"),
        (r"kneel", "kneel_down kneel"),
        (r"squat|crouch", "squat_down squat"),
        (r"\bwave|waving", "wave"),
        (r"\brun|\bjog|sprint", "run"),
        (r"\bwalk|stroll|wander", "walk climb"),
        (r"crawl|all fours", "crawl"),
        (r"kick", "kick"),
    )
)  # fmt: skip
"""Words of a caption, and the kinds of event of which one must be seen where they are said."""
_PATTERNS: Final = tuple((re.compile(pattern), kinds) for pattern, kinds in _TOLD)
_OF_ANOTHER: Final = re.compile(r"\b(?:help|assist|support)(?:s|ed|ing)?\b.*")
"""What is said of helping is what the other one does."""


@dataclass(frozen=True)
class Moment:
    """An event of a clip, in frames."""

    record: int
    """Index of the clip."""
    start: int
    """First frame."""
    stop: int
    """One past the last frame."""


class Topics:
    """Moments of all clips by topic."""

    def __init__(self, records: Sequence[MotionRecord], fps: float) -> None:
        """Detect the events of every clip, once for all windows that are drawn."""
        found: dict[str, list[tuple[Moment, str]]] = {}
        for index, record in enumerate(records):
            for event in clip_events(record, fps):
                start, stop = int(event.start_s * fps), int(np.ceil(event.end_s * fps)) + 1
                moment = Moment(index, start, min(stop, len(record.pose)))
                found.setdefault(event.kind, []).append((moment, _family(record)))
        kinds = [kind for kind in TOPIC_WEIGHTS if kind in found]
        self.moments: dict[str, list[Moment]] = {kind: [moment for moment, _ in found[kind]] for kind in kinds}
        weights = np.array([TOPIC_WEIGHTS[kind] for kind in kinds])
        self._kinds = kinds
        self._shares = weights / weights.sum() if kinds else weights
        self._within = {kind: balanced([family for _, family in found[kind]]) for kind in kinds}

    def __len__(self) -> int:
        """Number of topics."""
        return len(self._kinds)

    def draw(self, rng: np.random.Generator) -> Moment:
        """Draw a topic by its weight and one of its moments."""
        kind = self._kinds[int(rng.choice(len(self._kinds), p=self._shares))]
        return self.moments[kind][int(rng.choice(len(self.moments[kind]), p=self._within[kind]))]


def clip_events(record: MotionRecord, fps: float) -> tuple[Event, ...]:
    """Events of a whole clip."""
    if len(record.pose) < MIN_FRAMES:
        return ()
    return detect(measure(np.asarray(record.pose[:, POSITIONS], dtype=np.float64).reshape(-1, JOINT_COUNT, 3), fps))


def place(moment: Moment, total: int, length: int, fps: float, rng: np.random.Generator) -> int:
    """First frame of a window of `length` frames that holds the moment or, if that is longer, lies inside it."""
    if total <= length:
        return 0
    margin = int(_MARGIN_S * fps)
    earliest, latest = moment.stop + margin - length, moment.start - margin
    if earliest > latest:  # no room for margins, or for all of the event
        earliest, latest = sorted((moment.stop - length, moment.start))
    earliest, latest = (int(np.clip(frame, 0, total - length)) for frame in (earliest, latest))
    return int(rng.integers(earliest, latest + 1))


def agrees(caption: str, events: Iterable[Event]) -> bool:
    """Whether what a clip's caption says can be seen among the events of a window of it.

    'Sits down and gets up' is true of the clip, not of a window in which the person merely sits. 'Helps a patient stand
    up' asks nothing of the helper that could be measured on them.
    """
    caption = _OF_ANOTHER.sub("", caption)
    kinds = {event.kind for event in events}
    return all(kinds & needed for pattern, needed in _PATTERNS if pattern.search(caption))


def _family(record: MotionRecord) -> str:
    """What a moment shares its weight with: the recordings of one source."""
    return record.source.split(" ")[0]


def balanced(families: Sequence[str]) -> NDArray[np.float64]:
    """Shares of things of some families: one with many weighs more than one with few, but not in proportion."""
    counts = {family: families.count(family) for family in set(families)}
    weights = np.array([counts[family] ** -0.5 for family in families])
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares
