"""One evaluation from start to end: what is asked for, made (or found made), measured and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from motion_preprocessing.errors import InputError
from motion_preprocessing.furnishing.library import FurnitureLibrary
from motion_preprocessing.furnishing.rooms import HeldOutRoom, held_out_room
from motion_preprocessing.metrics import jerk_m_s3
from motion_preprocessing.scene import Scene
from motion_runtime.generator import Generator
from motion_runtime.manifest import STEP
from motion_train.evaluation import requests
from motion_train.evaluation.action_figures import action_figures
from motion_train.evaluation.body_figures import (
    body_figures,
    company_figures,
    fall_figures,
    held_out_falls,
    memory_figures,
)
from motion_train.evaluation.embedder import Evaluator
from motion_train.evaluation.making import Made, Maker
from motion_train.evaluation.real import real_windows
from motion_train.evaluation.report import Findings, write_report
from motion_train.evaluation.room_figures import room_figures
from motion_train.evaluation.rows import Row
from motion_train.evaluation.text_figures import text_figures


@dataclass(frozen=True)
class Plan:
    """What is measured, and on how much."""

    data: Path
    evaluator: Path
    out: Path
    bundle: Path | None = None
    cache: Path | None = None
    """Where motions are kept; None = beside the report."""
    splits: tuple[str, ...] = ("validation", "test")
    count: int = 96
    """Held-out captions."""
    samples: int = 8
    """Motions an action."""
    rooms: int = 20
    """Held-out rooms."""
    groups: int = 4
    """Motions of two, of three and of four people each."""
    windows: int = 1200
    """Training windows of the classifier of actions."""
    replications: int = 20
    seed: int = 0
    steps: int | None = None
    """Denoising steps; None = the bundle's own."""
    provider: str = "auto"
    furniture: Path | None = None
    """Modelled furniture of the test split for the rooms, beside procedural."""
    threads: int = 1
    films: int = 11
    """Animated samples."""


Say = Callable[[str], None]


def evaluate(plan: Plan, say: Say, progress: Callable[[str, int, int], None]) -> list[Row]:
    """Evaluate a bundle and write the report.

    Args:
        plan: What is measured.
        say: Takes a line about what goes on.
        progress: Called with (what, done, total) after each motion.

    Raises:
        InputError: The data, the evaluator or a number is none that can be used.
        BundleError: The bundle is broken.
        OutputError: The report cannot be written.
    """
    for name, least in (("count", 8), ("samples", 1), ("rooms", 1), ("groups", 1), ("replications", 2)):
        if getattr(plan, name) < least:
            raise InputError(f"expected at least {least}, got {getattr(plan, name)} for --{name}; ask for more")
    rng = np.random.Generator(np.random.Philox(key=[plan.seed, 2**46]))
    evaluator = Evaluator.load(plan.evaluator)
    generator = Generator.load(plan.bundle, plan.provider)
    manifest = generator.bundle.manifest
    frames = max(graph.frames for graph in manifest.graphs if graph.role == STEP)
    say("drawing recordings")
    held_out = real_windows(plan.data, plan.splits, plan.count, frames, plan.seed)
    training = real_windows(plan.data, ("train",), len(held_out.windows), frames, plan.seed + 1)
    library = None if plan.furniture is None else FurnitureLibrary.open(plan.furniture, split="test")
    rooms = {i: held_out_room(i, library) for i in range(plan.rooms)}
    seconds = [len(pose) / held_out.fps for pose in held_out.poses]
    captions = requests.for_captions(held_out.captions, seconds, plan.seed)
    actions = requests.for_actions(plan.samples, plan.seed)
    in_rooms = [wanted for i, room in rooms.items() for wanted in requests.for_room(i, room, plan.seed)]
    company = requests.for_company(plan.groups, min(4, max(manifest.people)), plan.seed)
    paired = [wanted for wanted in in_rooms if not wanted.name.endswith("anywhere")]
    total = len(captions) + len(actions) + 2 * len(in_rooms) + len(paired) + len(company)
    maker = Maker(generator, plan.cache or plan.out.with_name(plan.out.name + ".motions"), plan.steps)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress("motions", done, total)

    made = maker.all(captions, step)
    acted = maker.all(actions, step)
    seen = maker.all(in_rooms, step)
    starts = {one.wanted.name: one.start for one in seen}
    blind = maker.all([requests.without_room(wanted, *starts[wanted.name]) for wanted in paired], step)
    untold = maker.all([requests.without_tokens(wanted) for wanted in in_rooms], step)
    together = maker.all(company, step)
    say("measuring text and distributions")
    rows = text_figures(evaluator, held_out, training, made, acted, rng, plan.replications)
    say("measuring bodies")
    rows += body_figures(held_out, training, made, rng, plan.replications)
    say("measuring rooms")
    rows += room_figures(rooms, seen, blind, untold, held_out, rng, plan.replications, library)
    rows += company_figures(together, plan.data, rng, plan.replications)
    falls = [one for one in acted if one.wanted.name.startswith("fall_")]
    rows += fall_figures(falls, held_out_falls(plan.data, plan.splits), rng, plan.replications)
    say("looking for training clips")
    memory, near, near_real = memory_figures(made, held_out, plan.data, rng, plan.replications)
    rows += memory
    say("training the classifier of actions")
    rows += action_figures(
        acted, together, plan.data, plan.splits, plan.windows, plan.seed, rng, plan.replications, plan.threads
    )
    say("writing")
    jerk = (
        np.concatenate([jerk_m_s3(one.joints_m[0], one.fps).ravel() for one in made]),
        np.concatenate([jerk_m_s3(joints, held_out.fps).ravel() for joints in held_out.joints_m]),
    )
    about = _about(plan, generator, evaluator, len(held_out.windows), total)
    films = _films(acted, seen, together, rooms, plan.films)
    write_report(plan.out, Findings(rows, about, jerk, (near, near_real), films))
    return rows


def _about(plan: Plan, generator: Generator, evaluator: Evaluator, windows: int, motions: int) -> dict[str, Any]:
    default = generator.bundle.manifest.default
    settings = {
        name: value
        for name, value in asdict(plan).items()
        if name not in ("data", "evaluator", "out", "bundle", "cache")
    }
    settings = {name: v.name if isinstance(v, Path) else v for name, v in settings.items()}
    return {
        "tool": f"motion-evaluate, scene-motion {version('scene-motion')}",
        "bundle": generator.bundle.manifest.name,
        "bundle sha256": generator.bundle.sha256,
        "sampler": f"{default.sampler}, {plan.steps or default.steps} steps, guidance {default.guidance}",
        "provider": generator.provider.name,
        "data": plan.data.name,
        "evaluator": f"internal, seed {evaluator.seed}",
        "held-out windows": windows,
        "motions made": motions,
        "intervals": f"95 %, {plan.replications} half-samples",
        **settings,
    }


def _films(
    acted: list[Made], seen: list[Made], together: list[Made], rooms: dict[int, HeldOutRoom], most: int
) -> list[tuple[Made, Scene | None]]:
    """The first of each kind."""
    kinds: dict[str, tuple[Made, Scene | None]] = {}
    for name in ("sit_down", "fall", "get_up", "walk", "wave", "help", "wheelchair"):
        first = next((one for one in acted if one.wanted.name.startswith(f"{name}_")), None)
        if first is not None:
            kinds[name] = (first, None)
    for ending in ("seat_before", "mattress_before", "walk"):
        first = next((one for one in seen if one.wanted.name.endswith(ending)), None)
        if first is not None:
            kinds[f"room {ending}"] = (first, rooms[first.wanted.row].scene)
    if together:
        kinds["company"] = (together[0], None)
    return list(kinds.values())[:most]
