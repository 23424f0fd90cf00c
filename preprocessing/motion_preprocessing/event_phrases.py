"""Verb phrases for measured events: what an `Event` is called in English, in several wordings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from motion_preprocessing.event import Event

_ON_FLOOR: Final = {"prone": ("face down", "on the stomach"), "supine": ("on the back", "face up"),
                    "left": ("on the left side",), "right": ("on the right side",)}  # fmt: skip


def _number(value: float) -> str:
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    rounded = int(round(value))
    return words[rounded] if rounded < len(words) else str(rounded)


def _travel(e: Event, detailed: bool) -> tuple[str, ...]:
    seconds = max(e.end_s - e.start_s, 1e-3)
    speed = e.amount / seconds
    running = e.kind == "run"
    if e.side in ("left", "right") and running:
        return (f"*run sideways to the {e.side}", f"*sidestep quickly to the {e.side}")
    if e.side in ("left", "right"):
        return (f"*sidestep to the {e.side}", f"*step to the {e.side}", f"*walk sideways to the {e.side}")
    way = {"forward": "forward", "backward": "backward"}[e.side]
    if e.amount < 0.8 and not running:
        return (f"*take a step {way}", f"*step {way}", f"*make a small step {way}")
    if running:
        verbs = ["*run", "*run", "*jog"] if speed < 2.9 else ["*run", "*run", "*sprint"]
        pace = ["fast", "quickly"] if speed > 3.6 else []
    else:
        verbs = ["*walk"] if way == "backward" else ["*walk", "*walk", "*stroll"] if speed < 0.9 else ["*walk"]
        pace = ["slowly", "at a slow pace"] if speed < 0.75 else ["briskly", "quickly", "fast"] if speed > 1.55 else []
    if e.manner.startswith("circle"):
        side = e.manner.removeprefix("circle_")
        clock = "counterclockwise" if side == "left" else "clockwise"
        ends = ["in a circle", f"in a circle to the {side}", f"{clock} in a circle", f"around in a circle, {clock}"]
        return tuple(f"{verb} {end}" for verb in verbs for end in ends)
    ends = [way, way]
    if e.manner == "straight" and way == "forward":
        ends += ["straight ahead", "forward in a straight line"]
    if e.manner.startswith("veer"):
        side = e.manner.removeprefix("veer_")
        ends += [f"{way} and *veer {side}", f"{way} and *curve to the {side}", f"{way}, bearing {side}"]
    if way == "forward" and not detailed:
        ends.append("")
    if detailed and e.amount > 1.2:
        unit = "meter" if round(e.amount) == 1 else "meters"
        ends += [f"{way} about {_number(e.amount)} {unit}", f"{_number(e.amount)} {unit} {way}"]
    if detailed and seconds > 1.5:
        ends.append(f"{way} for {_number(seconds)} seconds")
    found = [f"{verb} {end}".strip() for verb in verbs for end in ends]
    if pace:
        # An adverb after 'for three seconds' reads badly.
        found = [p if " for " in p else f"{p} {pace[i % len(pace)]}" for i, p in enumerate(found)]
    return tuple(found)


def _turning(e: Event, detailed: bool) -> tuple[str, ...]:
    side = "left" if e.amount > 0 else "right"
    size = abs(e.amount)
    clock = "counterclockwise" if side == "left" else "clockwise"
    if size < 65:
        found = [f"*turn slightly to the {side}", f"*turn a little to the {side}", f"*turn {side} a bit"]
        if detailed:
            found.append(f"*turn {side} by 45 degrees")
    elif size < 135:
        found = [f"*turn {side}", f"*turn to the {side}", f"*make a {side} turn"]
        if detailed:
            found += [f"*turn {side} by 90 degrees", f"*turn 90 degrees to the {side}"]
    elif size < 250:
        found = ["*turn around", "*turn around", f"*turn around to the {side}"]
        if detailed:
            found += [f"*turn 180 degrees to the {side}", f"*turn around {clock}"]
    else:
        found = ["*spin around", f"*spin around {clock}", f"*turn in a full circle to the {side}"]
    return tuple(found)


def _pace(e: Event, quick_s: float, slow_s: float) -> str:
    seconds = e.end_s - e.start_s
    return " quickly" if seconds < quick_s else " slowly" if seconds > slow_s else ""


def _falling(e: Event, detailed: bool) -> tuple[str, ...]:
    del detailed
    if e.manner == "bed":
        return ("*fall out of bed", "*roll off the bed onto the floor", "*fall from the bed to the floor")
    if not e.side:
        return ("*fall down", "*collapse", "*fall to the floor", "*drop to the floor")
    way = e.side if e.side in ("forward", "backward") else f"to the {e.side}"
    sided = (f"*fall {way}", f"*fall down {way}", f"*lose balance and *fall {way}")
    return (*sided, "*fall", "*fall to the floor", "*fall down")


def _arm(e: Event) -> str:
    return "both arms" if e.side == "both" else f"the {e.side} arm"


def _hand(e: Event) -> str:
    return "both hands" if e.side == "both" else f"the {e.side} hand"


def _lying(e: Event, detailed: bool) -> tuple[str, ...]:
    del detailed
    place = "on the bed" if e.manner == "bed" else "on the floor"
    how = _ON_FLOOR[e.side]
    return (f"*lie {place}", *(f"*lie {place} {h}" for h in how), *(f"*lie {h}" for h in how), "*lie still")


def _rising(e: Event, detailed: bool) -> tuple[str, ...]:
    del detailed
    pace = _pace(e, 0.9, 2.5)
    if e.kind == "stand_up":
        source = ["from the floor"] if e.amount > 0.55 else ["from the seat", "from the chair"]
        return (f"*stand up{pace}", f"*get up{pace}", f"*rise{pace}", *(f"*stand up{pace} {s}" for s in source))
    if e.kind == "get_up":
        return (f"*get up from the floor{pace}", f"*get up{pace}", f"*stand up from the floor{pace}")
    if e.manner == "squat":
        return ("*rise from a squat", "*stand up again", "*straighten the legs")
    return ("*rise from the knees", "*stand up again", "*get up again")


def _jumping(e: Event, detailed: bool) -> tuple[str, ...]:
    high = " high" if e.amount > 0.32 else ""
    if e.side == "up":
        return (f"*jump{high}", f"*jump up{high}", f"*leap up{high}", "*jump on the spot" if detailed else "*jump")
    way = e.side if e.side in ("forward", "backward") else f"to the {e.side}"
    return (f"*jump {way}", f"*leap {way}", f"*jump{high}", f"*jump {way}")


def _climbing(e: Event, detailed: bool) -> tuple[str, ...]:
    del detailed
    way = "up" if e.amount > 0 else "down"
    if e.manner == "ladder":
        return (f"*climb {way}", f"*climb {way} a ladder", f"*climb {way} with hands and feet")
    return (f"*step {way}", f"*climb {way}", f"*go {way} some steps", f"*walk {way} the steps")


def _crawling(e: Event, detailed: bool) -> tuple[str, ...]:
    del detailed
    if e.manner == "moving":
        return ("*crawl", "*crawl on hands and knees", "*move on all fours")
    return ("*be on hands and knees", "*be on all fours")


PHRASES: Final[dict[str, Callable[[Event, bool], tuple[str, ...]]]] = {
    "walk": _travel,
    "run": _travel,
    "turn": _turning,
    "fall": _falling,
    "lie": _lying,
    "stand_up": _rising,
    "get_up": _rising,
    "rise": _rising,
    "jump": _jumping,
    "climb": _climbing,
    "crawl": _crawling,
    "sit_down": lambda e, d: (
        ("*sit down on the floor", "*sit down", "*lower the body to the floor")
        if e.amount < -0.6
        else (f"*sit down{_pace(e, 0.8, 2.2)}", "*sit down", "*take a seat", "*sit down on a seat")
    ),
    "sit": lambda e, d: (
        ("*sit on the floor", "*be seated on the floor")
        if e.manner == "floor"
        else ("*sit", "*sit still", "*sit on a seat")
    ),
    "lie_down": lambda e, d: (f"*lie down{_pace(e, 0.8, 2.5)}", "*lie down", "*lay the body down"),
    "sit_up": lambda e, d: ("*sit up", f"*sit up{_pace(e, 0.8, 2.5)}", "*rise to sitting"),
    "get_up_to": lambda e, d: ("*push up onto hands and knees", "*come up onto the knees"),
    "kneel_down": lambda e, d: ("*kneel down", "*go down on the knees", "*kneel"),
    "kneel": lambda e, d: ("*kneel", "*stay on the knees"),
    "twist": lambda e, d: (
        f"*twist the upper body to the {e.side}", f"*twist to the {e.side}", f"*rotate the trunk to the {e.side}",
    ),
    "lunge": lambda e, d: (
        ("*lunge forward", "*do a lunge", "*sink into a lunge", "*sink into a lunge and *rise")
        if e.side == "forward"
        else (f"*lunge to the {e.side}", "*do a side lunge", f"*sink into a side lunge to the {e.side}")
    ),
    "squat_down": lambda e, d: ("*squat down", "*crouch down", "*bend the knees and *squat"),
    "squat": lambda e, d: ("*squat", "*crouch"),
    "bend": lambda e, d: (
        ("*bend forward", "*bend over", "*lean forward", "*bow down")
        if e.side == "forward"
        else ("*lean back", "*bend backward")
    ),
    "pick_up": lambda e, d: (
        ("*bend down to the floor", "*reach down to the floor")
        + (("*pick something up from the floor",) if e.manner != "passing" else ())
    ),
    "raise_arm": lambda e, d: (f"*raise {_arm(e)}", f"*lift {_arm(e)}", f"*raise {_arm(e)} up"),
    "hold_arm": lambda e, d: (f"*hold {_arm(e)} up", f"*keep {_arm(e)} raised", f"*hold {_arm(e)} high"),
    "reach": lambda e, d: (f"*reach forward with {_hand(e)}", f"*stretch {_arm(e)} forward", f"*extend {_arm(e)}"),
    "wave": lambda e, d: (f"*wave with {_hand(e)}", f"*wave {_hand(e)}", "*wave"),
    "punch": lambda e, d: (
        ("*throw punches", "*box", "*punch several times", "*punch again and again")
        if e.amount > 0
        else (f"*punch with {_hand(e)}", "*punch", f"*thrust {_hand(e)} forward")
    ),
    "kick": lambda e, d: (f"*kick with the {e.side} leg", "*kick", f"*kick with the {e.side} foot"),
    "lift_leg": lambda e, d: (
        (f"*raise the {e.side} leg forward", f"*lift the straight {e.side} leg", f"*raise the {e.side} leg")
        if e.manner == "straight"
        else (f"*lift the {e.side} leg", f"*raise the {e.side} foot", f"*stand on one leg, {e.side} leg up")
    ),
    "roll": lambda e, d: ("*roll over on the floor", "*do a roll", "*roll"),
    "cartwheel": lambda e, d: ("*turn upside down", "*do a cartwheel", "*turn a cartwheel"),
    "stand": lambda e, d: ("*stand still", "*stand", "*stand in place"),
    "gesture": lambda e, d: (
        ("*move both arms to and fro, stooping", "*sweep with both hands", "*lean forward, moving both arms")
        if e.manner == "stooped"
        else (f"*move {_arm(e)}", f"*gesture with {_hand(e)}", f"*move {_hand(e)} about")
    ),
    "hand_to_face": lambda e, d: (
        f"*bring {_hand(e)} to the face", f"*raise {_hand(e)} to the mouth", f"*hold {_hand(e)} at the face",
    ),
}  # fmt: skip
"""Verb phrases of an event, starred as `captions.inflect` wants them; the flag asks for figures."""
