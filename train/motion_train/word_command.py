"""`motion-train words`: a trained text tower learns more words, for the denoiser that it has already."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from motion_preprocessing.atomic_output import atomic_folder
from motion_preprocessing.errors import InputError
from motion_runtime.cores import granted_cores
from motion_train.config import DataConfig
from motion_train.files import check_writable, write_json
from motion_train.motion_words import UNSEEN
from motion_train.text_run import load_windows
from motion_train.text_tower import TextTower
from motion_train.word_lessons import Lesson, Lessons, understood_as
from motion_train.word_run import figures, teach
from motion_train.wordnet_verbs import is_held_out, verbs_under

FIGURES_FILE = "words.json"
_WINDOWS = 2000
"""Windows of a split whose captions are read."""
_MEASURED = 400
"""Sentences of each list that is measured."""

EXAMPLES = """\b
Examples:
  motion-train unpack --out BASE
  motion-train words --text BASE/text_tower --data DATASET --wordnet data.verb --out TOWER
  motion-export --checkpoint BASE --text-tower TOWER --dataset DATASET --calibrate --sampler sde-dpm++ --steps 12 \\
      --guidance 1 --out BUNDLE
"""


@click.command("words", epilog=EXAMPLES)
@click.option("--text", "text_tower", type=click.Path(path_type=Path), required=True, help="The tower to start from.")
@click.option("--data", "dataset", type=click.Path(path_type=Path), required=True, help="Dataset that taught it.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The taught tower's folder.")
@click.option("--wordnet", type=click.Path(path_type=Path), help="'data.verb' of WordNet 3: verbs that no caption has.")
@click.option(
    "--hold-out", type=click.FloatRange(0, 0.9), default=0.0, show_default=True,
    help="Share of WordNet's verbs that is not taught, only measured.",
)  # fmt: skip
@click.option("--steps", type=click.IntRange(1), default=3000, show_default=True, help="Optimiser steps.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the lessons.")
@click.option("--threads", type=click.IntRange(0), default=0, help="CPU threads; 0 is as many as are granted.")
@click.option("--overwrite", is_flag=True, help="Replace an existing folder.")
def words_command(**options: Any) -> None:
    """Teach a text tower more words; the denoiser that was trained with it stays as it is.

    What the tower says of the captions is held fast; synonyms, tenses and WordNet's verbs are to be said like the plain
    sentence that they stand for.
    """
    threads = options["threads"] or granted_cores()
    torch.set_num_threads(threads)
    out: Path = options["out"]
    check_writable(out)
    if not 0 <= options["hold_out"] <= 0.9:  # NaN passes click's range
        raise InputError(f"expected 0 to 0.9, got {options['hold_out']} for --hold-out; choose a share in that range")
    tower = TextTower.load(options["text_tower"])
    further = verbs_under(options["wordnet"]) if options["wordnet"] else {}
    taught = {phrase: plain for phrase, plain in further.items() if not is_held_out(phrase, options["hold_out"])}
    with atomic_folder(out, overwrite=options["overwrite"]) as folder:
        click.echo(f"reading the captions of {options['dataset']}", err=True)
        captions = {split: _captions(options["dataset"], split, threads) for split in ("train", "test")}
        if not captions["train"]:
            raise InputError(f"expected captions, got none for {options['dataset']}; give what the tower learned from")
        click.echo(f"{len(captions['train'])} captions, {len(taught)} verbs of WordNet", err=True)
        lessons = Lessons(captions["train"], taught)
        new = teach(tower, lessons, options["steps"], options["seed"], lambda line: click.echo(line, err=True))
        measured = figures(tower, new, _lists(lessons, captions, further, taught))
        new.save(folder)
        found = {name: {when: asdict(value) for when, value in both.items()} for name, both in measured.items()}
        write_json(folder / FIGURES_FILE, {"steps": options["steps"], "verbs": len(taught), "understood": found})
    click.echo("understood as meant (nearest of all that is meant in the list), and distance to it: before, after")
    for name, both in measured.items():
        before, after = both["before"], both["after"]
        click.echo(
            f"  {name} ({before.count}): {before.nearest:.0%}, {after.nearest:.0%}; "
            f"{before.distance:.3f}, {after.distance:.3f}"
        )


def _captions(dataset: Path, split: str, threads: int) -> list[str]:
    """Captions of windows of a split, sorted."""
    data = DataConfig(dataset=str(dataset), windows=_WINDOWS)
    windows = load_windows(data, split, 0, _WINDOWS, threads, required=False)
    return sorted({caption for window in windows for caption in (*window.clip_captions, *window.measured_captions)})


def _lists(
    lessons: Lessons, captions: dict[str, list[str]], further: dict[str, str], taught: dict[str, str]
) -> dict[str, list[Lesson]]:
    """What is measured: captions of held-out clips, words of training, verbs taught and verbs not taught."""
    rng = np.random.Generator(np.random.Philox(key=[1, 2**45]))
    new = sorted(set(captions["test"]) - set(captions["train"]))
    known = understood_as(captions["train"])
    unseen = {phrase: known[group[0]] for group in UNSEEN for phrase in group[1:] if phrase not in known}

    def sentences(verbs: dict[str, str]) -> list[Lesson]:
        pairs = sorted(verbs.items())
        return [lessons.sentence(rng, pairs[n % len(pairs)]) for n in range(_MEASURED if pairs else 0)]

    return {
        "captions of held-out clips": [Lesson(text, text) for text in rng.permutation(new)[:_MEASURED].tolist()],
        "verbs of training": sentences(known),
        "verbs of WordNet, taught": sentences({p: plain for p, plain in taught.items() if p not in known}),
        "verbs of WordNet, not taught": sentences({p: further[p] for p in sorted({*further} - {*taught} - {*known})}),
        "verbs kept out of training, taught by WordNet": sentences({p: taught[p] for p in unseen if p in taught}),
        "verbs kept out of training, not taught": sentences({p: m for p, m in unseen.items() if p not in taught}),
    }
