"""The coarse action that a sentence speaks of."""

from __future__ import annotations

import re
from typing import Final

from motion_preprocessing.captions import progressive, third_person
from motion_preprocessing.mocap import coarse_action

_VERBS: Final = ("dance", "climb", "sit", "jump", "hop", "leap", "run", "jog", "walk", "stride", "fall")
_IRREGULAR: Final = {"ran": "run", "sat": "sit", "fell": "fall", "leapt": "leap"}


def _forms() -> dict[str, str]:
    forms = dict(_IRREGULAR)
    for verb in _VERBS:
        past = verb + "d" if verb.endswith("e") else verb + "ed"
        forms |= {verb: verb, third_person(verb): verb, progressive(verb): verb, past: verb}
    return forms | {"hopped": "hop", "jogged": "jog", "climber": "climb", "dancer": "dance"}


_FORMS: Final = _forms()


def action_of_text(text: str) -> str:
    """Name the coarse action of a sentence: the one that is named first in it; 'other' where none is."""
    words = [_FORMS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _FORMS]
    if words and words[0] == "fall":
        return "fall"
    return coarse_action(" ".join(words), "")
