"""Names of who and what is in a room: the model's class tables, and the label tables of scene files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

OBJECT_CLASSES: Final[tuple[str, ...]] = (
    "unknown", "bed", "chair", "sofa", "stool", "table", "desk", "nightstand", "cabinet", "shelf", "appliance",
    "wheelchair", "walker", "toilet", "sink", "bathtub", "lamp", "plant", "tv", "other",
)  # fmt: skip
"""The model's class table; its order is part of every trained bundle."""

PERSON_CLASSES: Final[tuple[str, ...]] = ("unknown", "person", "staff", "patient")
"""The model's table of who a person is; its order is part of every trained bundle. Row 0 says nothing of them."""

DEFAULT_LABELS: Final[Mapping[int, str]] = dict(
    enumerate(
        (
            "unlabelled", "floor", "wall", "ceiling", "bed", "chair", "sofa", "stool", "table", "desk", "nightstand",
            "cabinet", "shelf", "appliance", "wheelchair", "walker", "toilet", "sink", "bathtub", "lamp", "plant",
            "tv", "other",
        )
    )
)  # fmt: skip
"""What the numbers mean in a scene file that does not say it."""

UNLABELLED: Final = frozenset({"unlabelled", "unlabeled", "unknown", "unannotated", "undefined", "none", "void"})
FLOOR: Final = frozenset({"floor", "ground", "carpet", "rug", "mat", "doormat"})
WALL: Final = frozenset({"wall", "door", "doorframe", "window", "curtain", "blinds", "picture", "mirror"})
CEILING: Final = frozenset({"ceiling", "roof"})
STRUCTURE: Final = FLOOR | WALL | CEILING
"""Parts of the room itself: never object points."""

_SYNONYMS: Final[Mapping[str, str]] = {
    other: name
    for name, others in {
        "bed": ("hospital bed", "care bed", "single bed", "double bed", "mattress", "cot"),
        "chair": ("armchair", "arm chair", "office chair", "dining chair", "recliner", "seat"),
        "sofa": ("couch", "settee", "loveseat"),
        "stool": ("bench", "footstool", "ottoman", "pouf"),
        "table": ("dining table", "coffee table", "side table", "overbed table", "bed table"),
        "desk": ("writing desk", "dressing table", "workstation"),
        "nightstand": ("night stand", "night table", "bedside table", "bedside cabinet"),
        "cabinet": ("wardrobe", "closet", "cupboard", "dresser", "chest of drawers", "drawer", "sideboard", "counter"),
        "shelf": ("shelves", "bookshelf", "bookcase", "rack"),
        "appliance": ("refrigerator", "fridge", "oven", "stove", "dishwasher", "washing machine", "microwave"),
        "wheelchair": ("wheel chair",),
        "walker": ("rollator", "walking frame", "zimmer frame"),
        "toilet": ("commode", "wc"),
        "sink": ("basin", "washbasin", "wash basin"),
        "bathtub": ("bath", "bath tub", "tub", "shower"),
        "lamp": ("light", "floor lamp", "table lamp"),
        "plant": ("potted plant", "flower"),
        "tv": ("television", "monitor", "screen", "display"),
    }.items()
    for other in others
}


_REMARK: Final = re.compile(r"\([^)]*\)|\[[^]]*\]")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_ENDINGS: Final[Mapping[str, str]] = {"floor": "floor", "wall": "wall", "walls": "wall", "ceiling": "ceiling"}
"""Parts of the room in whatever material: 'vinyl floor', 'north wall'. A 'cabinet door' is no door of the room."""


def plain_name(name: str) -> str:
    """Return the words of a label name in lower case, without numbers and remarks.

    'Night_Stand #2 (left)' is 'night stand'; parts of the room are in one form: 'vinyl floor' is 'floor'.
    """
    words = _LETTERS.findall(_REMARK.sub(" ", name).lower())
    plain = " ".join(words)
    if _is_class(plain) or not words:
        return plain
    one = plain.removesuffix("s")
    return one if one in STRUCTURE else _ENDINGS.get(words[-1], plain)


def object_class(name: str) -> int:
    """Return the index in `OBJECT_CLASSES` of a label name; 'other' for a name that is none of ours.

    A name of several words is what its last ones say: 'visitor chair', 'adjustable side table'.
    """
    plain = plain_name(name)
    if plain in UNLABELLED:
        return 0
    words = plain.split()
    endings = (" ".join(words[-length:]) for length in range(min(_LONGEST_NAME, len(words)), 0, -1))
    forms = (form for ending in endings for form in (ending, ending.removesuffix("s")))
    known = next((form for form in forms if _is_class(form)), "other")
    return OBJECT_CLASSES.index(_SYNONYMS.get(known, known))


_WORDS: Final = re.compile(r"[a-z]+")
_LONGEST_NAME: Final = 3
"""Words of the longest synonym ('chest of drawers')."""
_ORDINARY: Final = frozenset({"light", "screen", "display", "counter", "rack", "seat", "bath", "monitor", "other"})
"""Names that mean something else in most sentences: 'a light step', 'counter the push'."""


def named_classes(text: str) -> list[str]:
    """Object classes that a sentence names, in its order: 'sits on the couch by the bed' gives sofa and bed."""
    words = _WORDS.findall(text.lower())
    found: list[str] = []
    at = 0
    while at < len(words):
        for length in range(min(_LONGEST_NAME, len(words) - at), 0, -1):
            name = " ".join(words[at : at + length])
            plain = next((form for form in (name, name.removesuffix("s")) if _is_class(form)), None)
            if plain is not None and plain not in _ORDINARY:
                found.append(_SYNONYMS.get(plain, plain))
                at += length
                break
        else:
            at += 1
    return found


def label_of_name(name: str) -> int:
    """Number in `DEFAULT_LABELS` of what an object of a drawing is called ('Bed_02', 'WallNorth'); 0 = not known."""
    words = " ".join(_WORDS.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
    wanted = next(iter(named_classes(words)), None)
    if wanted is None:
        parts = set(words.split())
        structure = (("floor", FLOOR), ("ceiling", CEILING), ("wall", WALL | {"walls"}))
        wanted = next((label for label, names in structure if parts & names), None)
    return next((number for number, label in DEFAULT_LABELS.items() if label == wanted), 0)


def _is_class(name: str) -> bool:
    return name in _SYNONYMS or (name in OBJECT_CLASSES and name not in UNLABELLED)
