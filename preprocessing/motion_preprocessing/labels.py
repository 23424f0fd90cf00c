"""Names of who and what is in a room: the model's class tables, and the label tables of scene files."""

from __future__ import annotations

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


def plain_name(name: str) -> str:
    """Return a label name in lower case with single spaces, so that 'Night_Stand' and 'night stand' are one."""
    return " ".join(name.replace("_", " ").replace("-", " ").lower().split())


def object_class(name: str) -> int:
    """Return the index in `OBJECT_CLASSES` of a label name; 'other' for a name that is none of ours."""
    plain = plain_name(name)
    if plain in UNLABELLED:
        return 0
    plain = _SYNONYMS.get(plain, plain)
    return OBJECT_CLASSES.index(plain if plain in OBJECT_CLASSES else "other")
