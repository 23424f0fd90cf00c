"""Whether the model does what people say in other words: prompts as they are, and read in plain words.

    python benchmarks/plain_words.py --out benchmarks/results/plain_words [--wordnet data.verb] [--seeds 3]

Protocol. Every prompt of `plain_words.txt`, each under what it asks for, is generated with the bundle's defaults, 6 s,
no room, once a seed, with `plain` off and on. Counted are the motions in which the event detectors of
`motion_preprocessing.events` find the action, whatever else happens: a stand-in for a person's eye. Of those asked to
fall it is also counted in how many the pelvis ends below .35 m, and how many of these falls a body could have
(`motion_train.evaluation.falls`).

The table of plain words was written after the third list, by the same hand, and mended after a look at what it does
there. `--wordnet` adds a list that nobody wrote for it: up to 30 verbs an action, drawn at random from those that
WordNet 3.1 puts under 'fall', 'walk', 'run' ..., rare and figurative ones too ('data.verb' of its database). It was not
looked at before the table was done; eight phrases were added after.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Final

import click
import numpy as np
from recorded import write_results

from motion_preprocessing.captions import third_person
from motion_preprocessing.events import detect
from motion_preprocessing.motion_features import measure
from motion_runtime import GenerationRequest, Generator
from motion_train.evaluation.falls import fall_physics

PROMPTS: Final = Path(__file__).with_suffix(".txt")
SHOWN_BY: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "fall": (("fall", ""),), "lie": (("lie", ""), ("lie_down", "")), "walk": (("walk", ""),), "run": (("run", ""),),
    "sit": (("sit_down", ""),), "stand": (("stand_up", ""), ("get_up", "")), "turn": (("turn", ""),),
    "bend": (("bend", "forward"),), "jump": (("jump", ""),), "squat": (("squat_down", ""), ("squat", "")),
    "wave": (("wave", ""),), "kick": (("kick", ""),), "reach": (("reach", ""), ("raise_arm", "")),
    "climb": (("climb", ""),), "crawl": (("crawl", ""),), "kneel": (("kneel_down", ""), ("kneel", "")),
    "back": (("walk", "backward"),), "stop": (("stand", ""),),
}  # fmt: skip
"""Kinds of events, and their sides, by what is asked for; what has no detector is not counted."""
UNDER: Final = (
    ("fall", "fall", "lose an upright position"), ("fall", "faint", "pass out from"),
    ("fall", "collapse", "collapse due to"), ("fall", "slump", "fall or sink heavily"),
    ("walk", "walk", "use one's feet to advance"), ("run", "run", "move fast by using one's feet"),
    ("sit", "sit down", "take a seat"), ("sit", "sit", "be seated"), ("stand", "stand up", "rise to one"),
    ("jump", "jump", "move forward by leaps"), ("squat", "crouch", "bend one"),
    ("squat", "squat", "sit on one's heels"), ("turn", "about-face", "turn, usually 180"),
    ("kneel", "kneel", "rest one"), ("wave", "wave", "signal with the hands"), ("reach", "reach out", "reach outward"),
)  # fmt: skip
"""Action, a verb, and words of the meaning of it that is taken."""
MOST_VERBS: Final = 30


def read_prompts(text: str) -> dict[str, list[tuple[str, str]]]:
    """Lists of (action, prompt), by title."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        if line.startswith("# "):
            rows = found.setdefault(line.removeprefix("# "), [])
        else:
            action, _, prompt = line.partition("|")
            rows.append((action, prompt))
    return found


def of_wordnet(database: Path) -> list[tuple[str, str]]:
    """(action, prompt) of verbs under those of UNDER."""
    synsets: dict[str, tuple[list[str], list[str], str]] = {}
    for line in database.read_text(encoding="latin1").splitlines():
        head, _, meaning = line.partition("|")
        fields = head.split()
        if line.startswith(" ") or not fields:
            continue
        last = 4 + 2 * int(fields[3], 16)
        below = [b for sign, b in zip(fields[last + 1 :: 4], fields[last + 2 :: 4], strict=False) if sign == "~"]
        synsets[fields[0]] = [word.replace("_", " ").lower() for word in fields[4:last:2]], below, meaning
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for action, verb, meant in UNDER:
        for key in [key for key, (words, _, meaning) in synsets.items() if verb in words and meant in meaning]:
            for word in [word for one in (key, *synsets[key][1]) for word in synsets[one][0]]:
                first, space, rest = word.partition(" ")
                found[action][f"a person {third_person(first)}{space}{rest}"] = None
    rng = np.random.default_rng(0)
    return [(action, str(prompt)) for action, prompts in found.items()
            for prompt in sorted(rng.permutation(list(prompts))[:MOST_VERBS])]  # fmt: skip


class Counter:
    """Generates and counts; what is read alike is generated once."""

    def __init__(self, generator: Generator, seeds: range) -> None:
        self._generator, self._seeds = generator, seeds
        self._made: dict[str, list[tuple[list[tuple[str, str]], bool | None]]] = {}

    def count(self, action: str, prompt: str, *, plain: bool) -> np.ndarray:
        """(4,): motions, those that show it, falls to the floor, and those of them that a body could have."""
        requests = [GenerationRequest((prompt,), seconds=6.0, seed=seed, plain=plain) for seed in self._seeds]
        read = requests[0].as_read.prompts[0]
        if read not in self._made:
            self._made[read] = []
            for request in requests:
                motion = self._generator.generate(request)
                joints = np.asarray(motion.joints_m[0], np.float64)
                events = [(event.kind, event.side) for event in detect(measure(joints, motion.fps))]
                physics = fall_physics(joints, motion.fps)
                self._made[read].append((events, None if physics is None else physics.plausible))
        made = self._made[read]
        shown = sum(any(kind == e[0] and side in ("", e[1]) for kind, side in SHOWN_BY[action] for e in events)
                    for events, _ in made)  # fmt: skip
        falls = [fall for _, fall in made if fall is not None and action == "fall"]
        return np.array([len(made), shown, len(falls), sum(falls)])


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--wordnet", type=click.Path(exists=True, path_type=Path), help="'data.verb' of WordNet 3.1.")
@click.option("--seeds", default=3, show_default=True, help="Motions a prompt.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(bundle: Path | None, wordnet: Path | None, seeds: int, out: Path) -> None:
    """Measure what is read in plain words."""
    generator = Generator.load(bundle, provider="cpu")
    counter = Counter(generator, range(500, 500 + seeds))
    lists = read_prompts(PROMPTS.read_text(encoding="utf-8"))
    if wordnet is not None:
        lists["verbs under those of WordNet"] = of_wordnet(wordnet)
    rows: list[dict[str, object]] = []
    for title, prompts in lists.items():
        counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((2, 4), np.int64))
        for action, prompt in prompts:
            if action in SHOWN_BY:
                counts[action] += [counter.count(action, prompt, plain=plain) for plain in (False, True)]
        counts["all"] = np.sum(list(counts.values()), axis=0)
        rows += [{"list": title, "action": action, "as they are": both[0].tolist(), "plain": both[1].tolist()}
                 for action, both in counts.items()]  # fmt: skip
        click.echo(f"{title}: done", err=True)
    lines = [
        "# Prompts as they are, and read in plain words", "",
        f"Motions that show what was asked for, {seeds} a prompt, bundle {generator.bundle.sha256[:12]}; of falls, how "
        "many end on the floor and how many of these a body could have.", "",
        "| prompts | action | as they are | in plain words | falls as they are | falls in plain words |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in rows:
        ways = [row["as they are"], row["plain"]]
        shown = [f"{way[1]} of {way[0]}" for way in ways]  # type: ignore[index]
        falls = [f"{way[2]}, {way[3]}" if row["action"] == "fall" else "" for way in ways]  # type: ignore[index]
        lines.append("| " + " | ".join([str(row["list"]), str(row["action"]), *shown, *falls]) + " |")
    text = "\n".join(lines)
    result = {"protocol": __doc__, "bundle": generator.bundle.sha256, "seeds": seeds, "rows": rows}
    write_results(out, result, text + "\n")
    click.echo(text)


if __name__ == "__main__":
    main()
