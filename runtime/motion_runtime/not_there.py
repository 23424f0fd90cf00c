"""What prompts name and a room lacks: who walks to a sofa where there is none walks anywhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from motion_preprocessing.labels import named_classes
from motion_preprocessing.room_objects import RoomObject
from motion_runtime.approach import ROLLS, things_for

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

_MOST: Final = 8
"""Kinds of things that a warning lists."""
_OPENING: Final = re.compile(
    r"\b(?:to|towards?|at|through|from|by|before|out of|opens?) (?:the|a|an) (door|doorway|window)\b"
)
_ADVICE: Final = "say one of these, give a place with --goal x,y, or label the thing"
_NO_NAME: Final = ("unknown", "other")


def not_there(prompts: Sequence[str], scene: Scene) -> list[str]:
    """A line for each thing that prompts name and the room lacks, and what the room has instead.

    Args:
        prompts: What each person does, as the model reads it.
        scene: The room.
    """
    furniture = scene.furniture
    there = {thing.object_class for thing in furniture}
    rolls = any(ROLLS.search(prompt.lower()) for prompt in prompts)
    found: dict[str, str] = {}
    for prompt in prompts:
        for opening in _OPENING.findall(prompt.lower()):
            found.setdefault(
                opening,
                f"expected a thing that people can be led to, got the {opening} of '{prompt:.60}', which is none; "
                "say where it is with --goal x,y",
            )
        for name in named_classes(prompt):
            # A wheelchair that is pushed goes along with people.
            if name in there or name in _NO_NAME or (rolls and name == "wheelchair"):
                continue
            like = things_for(prompt, furniture)
            stands_in = bool(like) and like[0].object_class not in named_classes(prompt)
            instead = f"the {like[0].name} stands in for it" if stands_in else _ADVICE
            found.setdefault(
                name,
                f"expected a {name} in the room for '{prompt:.60}', got none, but {_listed(furniture)}; {instead}",
            )
    return list(found.values())


def _listed(furniture: Sequence[RoomObject]) -> str:
    """What a room has, in words: 'a bed, 3 chairs and a table'."""
    counts: dict[str, int] = {}
    for thing in furniture:
        kind = thing.name if thing.object_class in _NO_NAME else thing.object_class  # 'object 3' is one of a kind
        counts[kind] = counts.get(kind, 0) + 1
    words = [_counted(kind, count) for kind, count in counts.items()]
    if len(words) > _MOST:
        words = [*words[: _MOST - 1], "more"]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words) or "nothing at all"


def _counted(kind: str, count: int) -> str:
    if count > 1:
        return f"{count} {'shelves' if kind == 'shelf' else f'{kind}s'}"
    return kind if kind.startswith("object ") else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
