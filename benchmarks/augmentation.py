"""Does a recogniser become better by what the model makes? Few clips of one's own, with and without generated motion.

    python benchmarks/augmentation.py --data DATASET --out benchmarks/results/augmentation [--bundle B] [--draws 6]

Protocol. Windows of at most six seconds, cut around events and labelled as `motion_train.evaluation.recognise` does,
from the dataset's training split ('own'), from its validation and test splits (tested on: other people, other seeds of
what is simulated), and generated: `PROMPTS`, `--samples` seeds of each action, 6 s, no room, the bundle's defaults,
labelled by the event detectors and by what was asked. None is left out for being badly made.

*Few of everything*: so many own windows of each of ten actions are drawn (with what else they show), the smallest draws
being parts of the larger ones. *Few falls*: all own windows that show no fall, and so many falls. Each draw trains a
recogniser on the own windows alone, and on own and generated ones, as much weight on either half; both see the same own
windows. 'Generated alone' has none of one's own.

Two recognisers, as people have them: a forest of 150 trees on statistics of joints (`recognise.features`), and a small
temporal convolutional network on joints (three layers, 0.1 M weights, ten frames a second), turned, scaled and shifted
in time at random as it learns. Figures are average precisions (the area under precision over recall) on held-out
windows, in per cent: the mean over actions; the mean over actions of recorded people alone, on recordings alone; of
falls; and how many held-out falls are found when one of a hundred other windows is a false alarm. In brackets the 95 %
interval of the difference over the draws, each against itself (Student's t).

What this cannot say: nobody recorded falls that may be used, so that falls, lying down and getting up are those of
`motion-preprocess simulate` in the test as well. And the model has seen the whole training split, of which 'own' are a
few windows: it stands for what a company does not have. What all of the split would do instead is the last row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import torch
from machine import describe, in_words
from numpy.typing import NDArray
from recorded import write_results
from torch import nn

from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.events import detect
from motion_preprocessing.motion_features import measure
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime import GenerationRequest, Generator
from motion_train.evaluation.clips import LONGEST_S, Clips
from motion_train.evaluation.recognise import KINDS, features, labelled_windows, stacked

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PROMPTS: Final = {
    "walk": (
        "a person walks forward", "an old man walks slowly", "a nurse walks quickly through the room",
        "a person walks in a circle", "a resident walks a few steps and stops",
    ),
    "turn": (
        "a person turns around", "a person turns left by 90 degrees", "a person turns to the right and walks on",
        "a person walks forward and turns around",
    ),
    "sit_down": (
        "a person sits down on a chair", "a resident slowly sits down", "a person walks forward and sits down",
        "a patient sits down on the edge of the bed",
    ),
    "stand_up": (
        "a person stands up from a chair", "a patient slowly stands up", "a person stands up and walks away",
        "an old woman gets up from the chair",
    ),
    "lie_down": (
        "a person lies down on the bed", "a patient lies down slowly", "a person sits down on the bed and lies down",
        "a person lies down on the floor",
    ),
    "get_up": (
        "a person gets up from the floor", "a patient gets up from lying on the floor",
        "a person is lying on the floor and gets up",
    ),
    "fall": (
        "a person falls to the floor", "an old woman slips and falls", "a resident faints",
        "a person walks forward, trips and falls", "a patient stands up and falls",
        "a person loses balance and falls", "a person stumbles and falls", "a person falls backward",
    ),
    "reach": (
        "a person reaches out with the right hand", "a person reaches out with the left hand",
        "a person reaches up to a shelf", "a person stands and reaches for something",
    ),
    "bend": (
        "a person bends forward", "a person picks something up from the floor", "a person bends down",
        "a nurse bends over the bed",
    ),
    "wave": (
        "a person waves with the right hand", "a person waves with the left hand", "a person stands and waves",
        "a person raises an arm and waves",
    ),
}  # fmt: skip
"""What is generated of each action, in turn."""
SEED: Final = 9000
FEW: Final = (1, 3, 10, 30)
"""Own windows of each action."""
FALLS: Final = (0, 1, 3, 10, 30)
"""Own falls beside everything else."""
FALSE_ALARMS: Final = 0.01
FALL: Final = KINDS.index("fall")
_FEWEST_TESTED: Final = 20
"""Actions that fewer recorded windows show are no part of the mean over recordings."""
_STEPS: Final = 400
_BATCH: Final = 32
_FPS: Final = 10
"""Of the network."""


@dataclass(frozen=True, eq=False)
class Windows:
    """N windows and what they show."""

    described: NDArray[np.float32]
    """(N, F) statistics of joints."""
    joints_m: NDArray[np.float32]
    """(N, T, 22, 3), ten frames a second, the last pose held on where a window is shorter than six seconds."""
    shows: Bools
    """(N, K) of `KINDS`."""
    recorded: Bools
    """(N,) whether somebody was recorded; else it is simulated or generated."""

    @classmethod
    def of(cls, joints_m: Sequence[Floats], fps: float, shows: Bools, recorded: Bools) -> Windows:
        """Describe windows (T, 22, 3), each as long as it is."""
        at = (np.arange(round(LONGEST_S * _FPS)) * fps / _FPS).astype(int)
        held = [joints[np.minimum(at, len(joints) - 1)] for joints in joints_m]
        described = stacked([features(joints, fps) for joints in joints_m])
        return cls(described, np.array(held, dtype=np.float32), shows, recorded)

    def __getitem__(self, chosen: NDArray[np.int64]) -> Windows:
        """Some of them."""
        return Windows(*(field[chosen] for field in self.fields))

    def __add__(self, other: Windows) -> Windows:
        """Those of both."""
        return Windows(*map(np.concatenate, zip(self.fields, other.fields, strict=True)))

    def __len__(self) -> int:
        """N."""
        return len(self.shows)

    @property
    def fields(self) -> tuple[NDArray[Any], ...]:
        """The arrays, a row a window."""
        return self.described, self.joints_m, self.shows, self.recorded


Fit = Callable[[Windows, Floats, int], Callable[[Windows], Floats]]
"""(training, weights (N,), seed) -> windows -> chances (M, K)."""


def windows_of(data: Path, split: str, count: int, seed: int) -> Windows:
    """Windows of a split, about so many."""
    clips = Clips(MotionDataset.open(data, split=split))
    cut = labelled_windows(clips, count, seed)
    recorded = [clips.records[i].source.startswith(("CMU", "UI-PRMD")) for i in cut.records]
    return Windows.of(cut.joints_m, clips.fps, cut.shows, np.array(recorded, dtype=np.bool_))


def generated(generator: Generator, samples: int) -> Windows:
    """So many motions of each action, its prompts in turn."""
    joints, shows = [], []
    for kind, of_kind in PROMPTS.items():
        for k in range(samples):
            request = GenerationRequest((of_kind[k % len(of_kind)],), seconds=LONGEST_S, seed=SEED, sample=k)
            motion = generator.generate(request)
            made = np.asarray(motion.joints_m[0], dtype=np.float64)
            seen = {event.kind for event in detect(measure(made, motion.fps))} | {kind}
            joints.append(made)
            shows.append([name in seen for name in KINDS])
    return Windows.of(joints, generator.bundle.manifest.fps, np.array(shows), np.zeros(len(joints), dtype=np.bool_))


def few_of_each(pool: Windows, most: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Orders of windows, an action each: the first n of every one are a draw of n."""
    return [rng.permutation(np.flatnonzero(column))[:most] for column in pool.shows.T]


def halves(own: int, made: int) -> Floats:
    """Weights (own + made,) of windows, whose sum is the same for either."""
    return np.concatenate([np.full(own, 1.0), np.full(made, own / made if own and made else 1.0)])


def forest(threads: int) -> Fit:
    """Trees on statistics of joints."""
    from sklearn.ensemble import RandomForestClassifier

    def fit(training: Windows, weights: Floats, seed: int) -> Callable[[Windows], Floats]:
        trees = RandomForestClassifier(150, min_samples_leaf=2, max_features=0.1, n_jobs=threads, random_state=seed)
        trees.fit(training.described, training.shows.astype(np.int64), sample_weight=weights)

        def chances(windows: Windows) -> Floats:
            every = trees.predict_proba(windows.described)
            # What all of them or none show has one column.
            return np.stack([one[:, list(c).index(1)] if 1 in c else np.zeros(len(one))
                             for one, c in zip(every, trees.classes_, strict=True)], axis=1)  # fmt: skip

        return chances

    return fit


class Network(nn.Module):
    """Convolutions over time of joints about the pelvis' place, its way and its height."""

    def __init__(self, width: int = 64) -> None:
        """Put the layers together."""
        super().__init__()
        sizes = [JOINT_COUNT * 3 + 2, width, width, width]
        layers: list[nn.Module] = []
        for k, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False)):
            layers += [nn.Conv1d(a, b, 5, padding="same", dilation=2**k), nn.BatchNorm1d(b), nn.ReLU(), nn.Dropout(0.1)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(2 * width, len(KINDS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (B, K) of joints (B, T, 22, 3)."""
        way = torch.diff(x[:, :, 0, :2], dim=1, append=x[:, -1:, 0, :2]) * _FPS
        own = x - torch.cat([x[:, :, :1, :2], torch.zeros_like(x[:, :, :1, :1])], dim=-1)
        h = self.body(torch.cat([own.flatten(2), way], dim=-1).transpose(1, 2))
        return self.head(torch.cat([h.amax(-1), h.mean(-1)], dim=-1))


def network(threads: int) -> Fit:
    """The small network."""
    torch.set_num_threads(threads)

    def fit(training: Windows, weights: Floats, seed: int) -> Callable[[Windows], Floats]:
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        x, y = torch.from_numpy(training.joints_m), torch.from_numpy(training.shows.astype(np.float32))
        model = Network()
        optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=_STEPS)
        share = weights / weights.sum()
        for _ in range(_STEPS):
            rows = rng.choice(len(training), _BATCH, p=share)
            loss = nn.functional.binary_cross_entropy_with_logits(model(_varied(x[rows], rng)), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        model.eval()

        @torch.no_grad()
        def chances(windows: Windows) -> Floats:
            # Which way somebody faces says nothing: the mean over four ways.
            joints, turns = torch.from_numpy(windows.joints_m), np.arange(4) * np.pi / 2
            answers = [torch.sigmoid(model(_turned(joints, np.full(len(windows), turn)))) for turn in turns]
            return torch.stack(answers).mean(0).double().numpy()

        return chances

    return fit


def _turned(x: torch.Tensor, angle: Floats) -> torch.Tensor:
    c, s = (torch.from_numpy(f(angle).astype(np.float32))[:, None, None] for f in (np.cos, np.sin))
    return torch.stack([c * x[..., 0] - s * x[..., 1], s * x[..., 0] + c * x[..., 1], x[..., 2]], dim=-1)


def _varied(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """The same turned, larger or smaller, and begun later."""
    rows = len(x)
    turned = _turned(x, rng.uniform(0, 2 * np.pi, rows))
    size = torch.from_numpy(rng.uniform(0.9, 1.1, (rows, 1, 1, 1)).astype(np.float32))
    late = np.minimum(np.arange(x.shape[1]) + rng.integers(0, _FPS, (rows, 1)), x.shape[1] - 1)
    return size * turned[torch.arange(rows)[:, None], torch.from_numpy(late)]


RECOGNISERS: Final = {"forest": forest, "network": network}


def figures(chances: Floats, test: Windows) -> dict[str, float]:
    """What is measured of a recogniser's answers (M, K), in per cent."""
    from sklearn.metrics import average_precision_score

    def precision(of: int, rows: Bools) -> float:
        return 100 * float(average_precision_score(test.shows[rows, of], chances[rows, of]))

    every = np.ones(len(test), dtype=np.bool_)
    recorded = [k for k in range(len(KINDS)) if test.shows[test.recorded, k].sum() >= _FEWEST_TESTED]
    return {
        "all": float(np.mean([precision(k, every) for k in range(len(KINDS))])),
        "recorded": float(np.mean([precision(k, test.recorded) for k in recorded])) if recorded else float("nan"),
        "fall": precision(FALL, every),
        "found": 100 * found_at(chances[:, FALL], test.shows[:, FALL], FALSE_ALARMS),
    }


def found_at(chances: Floats, truth: Bools, alarms: float) -> float:
    """Share of what is true that has a greater chance than all but so many of the others."""
    others = np.sort(chances[~truth])[::-1]
    return float((chances[truth] > others[min(int(alarms * len(others)), len(others) - 1)]).mean())


COLUMNS: Final = {
    "all": "ten actions", "recorded": "recorded people", "fall": "falls", "found": "falls found at 1 % false alarms",
}  # fmt: skip


def difference(without: Sequence[float], beside: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the mean difference of pairs (Student's t)."""
    from scipy.stats import t

    d = np.asarray(beside) - np.asarray(without)
    reach = float(t.ppf(0.975, len(d) - 1) * d.std(ddof=1) / np.sqrt(len(d)))
    return float(d.mean()) - reach, float(d.mean()) + reach


def study(fit: Fit, pool: Windows, made: Windows, test: Windows, draws: int) -> dict[str, Any]:
    """Train on every draw, with and without what is generated: figures by row and by draw."""
    few: dict[str, list[dict[str, dict[str, float]]]] = {}
    for draw in range(draws):
        rng = np.random.default_rng(SEED + draw)
        order = few_of_each(pool, max(*FEW, *FALLS), rng)
        others = np.flatnonzero(~pool.shows[:, FALL])
        sets = {f"{n} of each action": np.unique(np.concatenate([one[:n] for one in order])) for n in FEW}
        sets |= {f"no fall but {n}, all else": np.concatenate([others, order[FALL][:n]]) for n in FALLS}
        for name, chosen in sets.items():
            own = pool[chosen]
            both = own + made
            without = figures(fit(own, halves(len(own), 0), draw)(test), test)
            beside = figures(fit(both, halves(len(own), len(made)), draw)(test), test)
            few.setdefault(name, []).append({"own": without, "both": beside})
            click.echo(f"draw {draw + 1} of {draws}, {name}: {without['fall']:.0f} -> {beside['fall']:.0f}", err=True)
    return {
        "rows": few,
        "generated": figures(fit(made, halves(len(made), 0), 0)(test), test),
        "split": figures(fit(pool, halves(len(pool), 0), 0)(test), test),
    }


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    lines = [
        f"{result['windows']['own']} own windows to draw from, {result['windows']['generated']} generated, "
        f"{result['windows']['test']} tested on ({result['windows']['test_falls']} fall); {result['draws']} draws. "
        f"{in_words(result['machine'])}, bundle {result['bundle']['sha256'][:12]}. "
        "Protocol: [benchmarks/augmentation.py](../augmentation.py).",
    ]
    for name, found in result["recognisers"].items():
        lines += ["", f"Recogniser: {name}. Own windows alone -> with generated ones.", ""]
        lines += ["| trained on | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "---|" * len(COLUMNS)]
        for row, pairs in found["rows"].items():
            cells = []
            for column in COLUMNS:
                own, both = ([pair[side][column] for pair in pairs] for side in ("own", "both"))
                low, high = difference(own, both)
                cells.append(f"{np.mean(own):.0f} -> {np.mean(both):.0f} ({low:+.0f} .. {high:+.0f})")
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
        for row, key in (("generated alone", "generated"), ("all of the training split", "split")):
            lines.append(f"| {row} | " + " | ".join(f"{found[key][column]:.0f}" for column in COLUMNS) + " |")
    return "\n".join(lines) + "\n"


@click.command(context_settings={"show_default": True})
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Processed dataset.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Results without suffix.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Bundle. Default: the built-in one.")
@click.option("--draws", type=click.IntRange(min=2), default=6, help="Draws of own windows.")
@click.option("--samples", type=click.IntRange(min=1), default=50, help="Generated motions of each action.")
@click.option("--windows", type=click.IntRange(min=20), default=1500, help="Own windows to draw from.")
@click.option("--threads", type=click.IntRange(min=1), default=1, help="Of the recognisers.")
def main(
    data: Path, out: Path, bundle: Path | None, draws: int, samples: int, windows: int, threads: int
) -> None:  # fmt: skip
    """Measure what generated motion does for recognisers."""
    generator = Generator.load(bundle)
    made = generated(generator, samples)
    pool = windows_of(data, "train", windows, 0)
    test = windows_of(data, "validation", windows // 5, 1) + windows_of(data, "test", windows // 5, 1)
    result: dict[str, Any] = {
        "benchmark": "augmentation",
        "bundle": {"name": generator.bundle.manifest.name, "sha256": generator.bundle.sha256},
        "machine": describe(),
        "draws": draws,
        "windows": {
            "own": len(pool), "generated": len(made), "test": len(test), "test_falls": int(test.shows[:, FALL].sum()),
        },
        "recognisers": {},
    }  # fmt: skip
    for name, recogniser in RECOGNISERS.items():
        result["recognisers"][name] = study(recogniser(threads), pool, made, test, draws)
    write_results(out, result, table(result))
    click.echo(table(result))


if __name__ == "__main__":
    main()
