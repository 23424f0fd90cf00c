"""People at the furniture of rooms that no training saw: where they start, and whether they sit and lie on it.

    python benchmarks/furniture.py --out benchmarks/results/furniture [--bundle B] [--seeds 2] [--rooms 20] [--data D]

Protocol. Rooms are `held_out_room` 0 to 19, whose shapes are known. All motion is 6 s with the bundle's defaults.

Starts: pairs of prompts that name a seat or a bed, each person with a sentence. Somebody starts well who is in reach of
what their sentence names (within 0.8 m, or 0.6 to 4.5 m away where they are to walk there), no deeper than 5 cm in
anything in the first three frames and inside the walls, and 0.5 m from the other's pelvis. 'First person only' leaves
the second to the model.

Use: the same requests with and without --use, on the same noise. 'Before it' starts half a metre in front, facing away,
by --start; 'anywhere' leaves the start open; 'walks there' too. Contact is the pelvis within 5 cm of the surface for
half a second on end (docs/metrics.md, 'pelvis meets the seat or the mattress'); penetration the share of frames in
which the body is more than 2 cm inside a thing; skate and jerk as in docs/metrics.md. Intervals of the differences are
bootstrap percentiles over pairs, 95 %.

Company: two to four people in the rooms that have a seat and a bed, the first two of whom walk to one each. Contact,
penetration, skate and jerk of these two; overlap is the share of frames in which any two bodies share space.

Training data (--data): how far the pelvis goes back from standing to sitting in captures of sitting down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
import numpy as np
from machine import describe, in_words
from numpy.typing import NDArray
from recorded import write_results
from rich.progress import track

from motion_preprocessing.furnishing.item import to_item
from motion_preprocessing.furnishing.rooms import HeldOutRoom, held_out_room
from motion_preprocessing.metrics import evaluate_motion
from motion_runtime import GenerationRequest, Generator
from motion_runtime.approach import Stance, stance_of
from motion_train.evaluation.requests import SECONDS, for_room
from motion_train.evaluation.room_figures import in_contact
from motion_train.evaluation.solids import object_depth_m

Array = NDArray[np.float64]

FIGURES: Final = {
    "contact": ("contact", "%", 100.0),
    "penetration": ("frames with the body > 2 cm in a thing", "%", 100.0),
    "depth_cm": ("mean depth in things", "cm", 1.0),
    "skate": ("foot-skate ratio", "", 1.0),
    "jerk": ("jerk, mean", "m/s^3", 1.0),
}
KINDS: Final = {
    "seat_before": "sits, before it", "seat_anywhere": "sits, anywhere", "seat_walk": "walks there and sits",
    "mattress_before": "lies, before it", "mattress_anywhere": "lies, anywhere",
    "mattress_walk": "walks there and lies",
}  # fmt: skip
COMPANY: Final = ("a person walks through the room", "a person stands and waves")
"""Who else is in the room."""
RESAMPLES: Final = 2000


def pairs(room: HeldOutRoom) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Two sentences, and the class that each names."""
    seat, bed = room.support("seat"), room.support("mattress")
    if bed is not None:
        yield ("a patient lies on the bed", "a nurse walks to the bed"), ("bed", "bed")
        yield ("a person walks to the bed", "a person sits on the bed"), ("bed", "bed")
    if seat is not None:
        name = seat.object_class
        yield (f"a person sits down on the {name}", f"a person walks to the {name}"), (name, name)
        yield (f"a person sits down on the {name}", f"a person sits down on the {name}"), (name, name)
        if bed is not None:
            yield ("a patient lies on the bed", f"a person sits down on the {name}"), ("bed", name)


def starts_well(room: HeldOutRoom, joints: Array, person: int, prompt: str, name: str) -> tuple[bool, bool, bool]:
    """Whether somebody starts in reach of what is named, clear of things, and clear of others; joints (P, T, 22, 3)."""
    pelvis = joints[:, 0, 0, :2]
    named = [placed for placed in room.placed if placed.object_class == name]
    gaps = []
    for placed in named:
        x0, x1, y0, y1 = placed.rectangle_m
        x, y = to_item(pelvis[person][None], placed.yaw_rad, np.array(placed.origin_m))[0]
        gaps.append(math.hypot(max(x0 - x, 0.0, x - x1), max(y0 - y, 0.0, y - y1)))
    away = stance_of(prompt) is Stance.AWAY
    reach = 0.6 < min(gaps) < 4.5 if away else min(gaps) < 0.8
    others = [placed for placed in room.placed if away or placed not in named]  # who lies on a bed is on it
    inside = bool((np.abs(pelvis[person]) < np.array(room.size_m) / 2 - 0.1).all())
    free = inside and float(object_depth_m(joints[person, :3], others).max()) < 0.05
    gap = np.linalg.norm(np.delete(pelvis, person, axis=0) - pelvis[person], axis=1).min()
    return reach, free, bool(gap > 0.5)


def measure_starts(generator: Generator, rooms: Sequence[HeldOutRoom], seeds: int) -> dict[str, dict[str, float]]:
    """Shares of people who start well, with everybody placed and with the first person alone."""
    rows: dict[str, list[tuple[int, tuple[bool, bool, bool]]]] = {"everybody": [], "first person only": []}
    for room in track(rooms, "starts"):
        for prompts, names in pairs(room):
            for seed in range(seeds):
                request = generator.staged(GenerationRequest(prompts, seconds=SECONDS, scene=room.scene, seed=seed))
                for how, asked in (
                    ("everybody", request),
                    ("first person only", replace(request, others=(), uses=(), staged=True)),
                ):
                    joints = generator.generate(asked).joints_m.astype(np.float64)
                    for person in (0, 1):
                        well = starts_well(room, joints, person, prompts[person], names[person])
                        rows[how].append((person, well))
    found = {}
    for how, told in rows.items():
        for person, words in ((0, "first"), (1, "second")):
            own = np.array([well for one, well in told if one == person])
            reach, free, apart = own.mean(axis=0)
            found[f"{how}: {words}"] = {
                "people": len(own), "reach": float(reach), "free": float(free), "apart": float(apart),
                "all": float(own.all(axis=1).mean()),
            }  # fmt: skip
    return found


def requests(index: int, room: HeldOutRoom, seed: int) -> list[tuple[str, str, GenerationRequest]]:
    """Kind, support and request of every motion of a room."""
    found = []
    for wanted in for_room(index, room, seed):
        kind = wanted.name.partition("_")[2]
        if kind in KINDS:
            found.append((kind, kind.partition("_")[0], wanted.request))
    for kind, does in (("seat", "sits"), ("mattress", "lies")):
        support = room.support(kind)
        if support is not None:
            prompt = f"a person walks to the {support.object_class} and {does} down"
            asked = GenerationRequest((prompt,), seconds=SECONDS, scene=room.scene, seed=seed, sample=index)
            found.append((f"{kind}_walk", kind, asked))
    return found


def measure_use(generator: Generator, rooms: Sequence[HeldOutRoom], seeds: int) -> dict[str, dict[str, Array]]:
    """By kind and figure: (2, N) without and with --use."""
    rows: dict[str, list[Array]] = {}
    for seed in range(seeds):
        for index, room in enumerate(track(rooms, f"use, seed {seed}")):
            for kind, where, request in requests(index, room, seed):
                support = room.support(where)
                assert support is not None
                both = []
                for use in (False, True):
                    motion = generator.generate(replace(request, use=use))
                    joints = motion.joints_m[0]
                    depth = object_depth_m(joints, room.placed)
                    metrics = evaluate_motion(motion.joints_m, motion.fps, local_rotations=motion.local_rotations)
                    both.append(
                        [in_contact(support, joints, motion.fps), (depth > 0.02).mean(), 100 * depth.mean(),
                         metrics.foot_skate_ratio, metrics.jerk_mean_m_s3]
                    )  # fmt: skip
                rows.setdefault(kind, []).append(np.array(both, dtype=np.float64))
    stacked = {kind: np.stack(rows[kind], axis=-1) for kind in KINDS if kind in rows}  # (2, figures, N)
    stacked["all"] = np.concatenate(list(stacked.values()), axis=-1)
    return {kind: {name: one[:, k] for k, name in enumerate(FIGURES)} for kind, one in stacked.items()}


def measure_company(generator: Generator, rooms: Sequence[HeldOutRoom], seeds: int) -> dict[str, dict[str, float]]:
    """Figures of two people who walk to a thing each, and how much anybody overlaps, by how many there are."""
    found = {}
    for people in range(2, 3 + len(COMPANY)):
        rows, overlaps = [], []
        for index, room in enumerate(track(rooms, f"company of {people}")):
            bed, seat = room.support("mattress"), room.support("seat")
            if bed is None or seat is None:
                continue
            first = f"a patient walks to the {bed.object_class} and lies down"
            prompts = (first, f"a nurse walks to the {seat.object_class} and sits down", *COMPANY[: people - 2])
            for seed in range(seeds):
                asked = GenerationRequest(prompts, seconds=SECONDS, scene=room.scene, seed=seed, sample=index)
                motion = generator.generate(asked)
                for person, support in enumerate((bed, seat)):
                    joints = motion.joints_m[person]
                    own = evaluate_motion(joints[None], motion.fps)
                    inside = (object_depth_m(joints, room.placed) > 0.02).mean()
                    met = in_contact(support, joints, motion.fps)
                    rows.append([met, inside, own.foot_skate_ratio, own.jerk_mean_m_s3])
                overlaps.append(evaluate_motion(motion.joints_m, motion.fps).person_penetration_share)
        if rows:
            contact, inside, skate, jerk = np.nanmean(np.array(rows, dtype=np.float64), axis=0)
            found[str(people)] = {
                "motions": len(overlaps), "contact": float(contact), "penetration": float(inside),
                "skate": float(skate), "jerk": float(jerk), "overlap": float(np.mean(overlaps)),
            }  # fmt: skip
    return found


def interval(both: Array) -> tuple[float, float]:
    """95 % of the difference of means, with less without, of (2, N)."""
    gaps = both[1] - both[0]
    gaps = gaps[np.isfinite(gaps)]
    if not len(gaps):
        return math.nan, math.nan
    picks = np.random.default_rng(0).integers(0, len(gaps), (RESAMPLES, len(gaps)))
    low, high = np.quantile(gaps[picks].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def sitting_back_m(folder: Path) -> dict[str, list[float]]:
    """Quantiles 10, 50 and 90 % of how far pelves go back while they sit down, by the captures' kind."""
    from motion_preprocessing.canonical import canonicalise
    from motion_preprocessing.dataset import MotionDataset
    from motion_preprocessing.pose_vector import POSITIONS

    found: dict[str, list[float]] = {}
    for record in MotionDataset.open(folder):
        kind = next((k for k in ("uiprmd_m05", "sim_chair_both") if record.name.startswith(k)), None)
        if kind is not None:  # others walk first, or start seated
            pelvis = canonicalise(np.asarray(record.pose, dtype=np.float64))[:, POSITIONS][:, :3]
            found.setdefault(kind, []).append(-float(pelvis[np.argmin(pelvis[:, 2]), 0]))
    return {kind: np.quantile(values, (0.1, 0.5, 0.9)).round(3).tolist() for kind, values in found.items()}


def cell(both: Array, scale: float) -> str:
    """Without, with, and the interval of the difference."""
    low, high = interval(both)
    without, using = np.nanmean(both, axis=1)
    return f"{scale * without:.3g} -> {scale * using:.3g} ({scale * low:+.2g} .. {scale * high:+.2g})"


@click.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Default: the built-in one.")
@click.option("--rooms", default=20, show_default=True, help="Held-out rooms.")
@click.option("--seeds", default=2, show_default=True, help="Motions a request.")
@click.option("--starts/--no-starts", "with_starts", default=True, show_default=True, help="Measure where pairs start.")
@click.option("--data", type=click.Path(path_type=Path), help="Processed dataset to measure sitting down in.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Stem of the .json and .md to write.")
def main(bundle: Path | None, rooms: int, seeds: int, with_starts: bool, data: Path | None, out: Path) -> None:
    """Measure people at furniture."""
    generator = Generator.load(bundle, provider="cpu")
    held_out = [held_out_room(index) for index in range(rooms)]
    starts = measure_starts(generator, held_out, seeds) if with_starts else {}
    use = measure_use(generator, held_out, seeds)
    company = measure_company(generator, held_out, seeds)
    machine = describe()
    command = f"python benchmarks/furniture.py --rooms {rooms} --seeds {seeds}" + (not with_starts) * " --no-starts"
    command += (data is not None) * " --data DATASET"
    result = {
        "protocol": __doc__,
        "command": command,
        "bundle": {"name": generator.bundle.manifest.name, "sha256": generator.bundle.sha256},
        "starts": starts,
        "use": {
            kind: {
                name: {"without": float(np.nanmean(both[0])), "with": float(np.nanmean(both[1])),
                       "difference_95": interval(both)}
                for name, both in figures.items()
            }
            for kind, figures in use.items()
        },
        "motions": {kind: int(figures["contact"].shape[1]) for kind, figures in use.items()},
        "company": company,
        "machine": machine,
    }  # fmt: skip
    model = f"bundle {generator.bundle.manifest.name} {generator.bundle.sha256[:12]}"
    lines = ["# People at furniture", "", f"`{command}`; {model}; {in_words(machine)}.", ""]
    if starts:
        lines += ["| who is placed: who is looked at | people | in reach | off things | off the other | all |",
                  "|---|---|---|---|---|---|"]  # fmt: skip
    for who, row in starts.items():
        shares = " | ".join(f"{row[name]:.0%}" for name in ("reach", "free", "apart", "all"))
        lines.append(f"| {who} | {row['people']:.0f} | {shares} |")
    lines += ["", "Without -> with `--use`, and 95 % of the difference:", ""]
    heads = [f"{words}{f', {unit}' if unit else ''}" for words, unit, _ in FIGURES.values()]
    lines += [f"| motion | motions | {' | '.join(heads)} |", "|---" * (2 + len(FIGURES)) + "|"]
    for kind, figures in use.items():
        cells = " | ".join(cell(figures[name], scale) for name, (_, _, scale) in FIGURES.items())
        lines.append(f"| {KINDS.get(kind, kind)} | {figures['contact'].shape[1]} | {cells} |")
    lines += ["", "Two who walk to a bed and a seat and lie and sit down there, and who else is in the room:", "",
              "| people | motions | contact | frames inside of things | foot-skate ratio | jerk, m/s^3 | overlap |",
              "|---|---|---|---|---|---|---|"]  # fmt: skip
    lines += [
        f"| {people} | {row['motions']:.0f} | {row['contact']:.0%} | {row['penetration']:.1%} | {row['skate']:.3f} | "
        f"{row['jerk']:.0f} | {row['overlap']:.1%} |"
        for people, row in company.items()
    ]
    if data is not None:
        result["sitting_back_m"] = sitting_back_m(data)
        lines += ["", "Way back of the pelvis while somebody sits down in the training data, m:", "",
                  "| captures | 10 % | 50 % | 90 % |", "|---|---|---|---|"]  # fmt: skip
        for kind, values in result["sitting_back_m"].items():
            lines.append(f"| {kind} | {' | '.join(f'{value:.2f}' for value in values)} |")
    table = "\n".join(lines) + "\n"
    write_results(out, result, table)
    click.echo(table)


if __name__ == "__main__":
    main()
