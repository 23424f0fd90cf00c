"""One training run of the text tower: vocabulary, windows, both sides, the teacher, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.errors import InputError
from motion_runtime.cores import granted_cores
from motion_runtime.manifest import Normaliser
from motion_train import checkpoint, config
from motion_train.caption_meaning import same_meanings
from motion_train.config import DataConfig, TrainConfig
from motion_train.console import TrainingConsole
from motion_train.contrastive import ContrastiveConfig, ContrastiveModel, PairSource, draw_caption, stack
from motion_train.files import make_folder, write_json, write_text
from motion_train.loader import Batch
from motion_train.motion_encoder import MotionEncoder
from motion_train.paraphrase import general_sentences, paraphrase, unseen_paraphrase, vocabulary
from motion_train.retrieval import Retrieval, retrieval
from motion_train.seeds import INITIALISATION, seed_of
from motion_train.sentence_teacher import TeacherSentences, embed_sentences
from motion_train.text_tower import TOKENIZER_FILE, TextTower, TextTowerConfig
from motion_train.tokenizer_build import tokenizer_json, vocabulary_size
from motion_train.trainer import Outcome, Trainer, make_accelerator
from motion_train.window_pool import Window, make_windows
from motion_train.windows import normaliser_of

CONFIG_FILE: Final = "contrastive.json"
RETRIEVAL_FILE: Final = "retrieval.json"
TEACHER_FILE: Final = "teacher.npz"
_EVALUATION_WINDOWS: Final = 400
_GENERAL_SENTENCES: Final = 12_000
_TEACHER_CAPTIONS: Final = 4_000
"""Captions that the teacher is asked about, each also in other words."""
_RETRIEVAL_SEED: Final = 7


@dataclass(frozen=True)
class TextRun:
    """What a run is set to, and whether it goes on from a checkpoint."""

    config: ContrastiveConfig
    resume: bool


def resolve_text_run(
    path: Path | None, settings: Sequence[str], flags: Mapping[str, Any], out: Path, *, resume: bool
) -> TextRun:
    """Resolve the configuration; nothing is written. A resumed run starts from its own settings.

    With a limit of minutes as a flag the learning rate follows the clock, so that it has come down when the time is
    over, unless the file or a setting says otherwise.

    Raises:
        InputError: A setting is wrong or missing or may not change on resume, or the run has begun and `resume` is not
            set.
    """
    base = ContrastiveConfig()
    if flags.get("run.max_minutes"):
        base = replace(base, optimiser=replace(base.optimiser, schedule_by="time"))
    going_on = checkpoint.exists(out)
    if going_on and not resume:
        raise InputError(f"expected no checkpoints, got some in '{out}' for --out; add --resume or choose another")
    if going_on:
        base = config.read_json(ContrastiveConfig, out / CONFIG_FILE)
    resolved = config.resolve(ContrastiveConfig, path, settings, flags, base)
    if going_on:
        for line in config.differences(base, resolved):
            if line.startswith(("tower.", "motion.", "run.seed")):
                raise InputError(f"expected the settings of '{out}', got {line} for --resume; start a new run")
    if not resolved.data.dataset:
        raise InputError("expected a folder, got none for --data; give the one that motion-preprocess wrote")
    return TextRun(resolved, going_on)


def train_text(run: TextRun, out: Path, *, distil: bool = False, teacher_file: Path | None = None) -> Outcome:
    """Train, measure retrieval on held-out subjects, and write the tower, the motion encoder and the figures to `out`.

    Args:
        run: From `resolve_text_run`.
        out: The run's folder, which is the tower's folder too.
        distil: Ask the installed teacher for embeddings; they are kept in `out`.
        teacher_file: Embeddings made before, in place of `distil`.

    Raises:
        InputError: The dataset is none or has too little, or the teacher's file is none.
        MissingExtraError: The teacher's package is not installed.
        OutputError: The folder cannot be written.
        MotionError: The loss is not finite any more.
    """
    settings = run.config
    accelerator = make_accelerator(settings.run)
    console = TrainingConsole(settings.run.steps, enabled=accelerator.is_main_process)
    teacher = None if teacher_file is None else TeacherSentences.load(teacher_file)
    windows = load_windows(settings.data, "train", settings.run.seed, settings.data.windows, settings.run.threads)
    console.line(f"{len(windows)} training windows")
    make_folder(out)  # not before the data are known to be there
    captions = sorted({caption for window in windows for caption in (*window.clip_captions, *window.measured_captions)})
    tokenizer = _tokenizer(run, out, captions)
    if distil and teacher is None:
        teacher = _teacher(out, captions, settings.run.seed)
    saved = checkpoint.load(checkpoint.find(out, "latest")) if run.resume else None
    # A resumed encoder goes on with the normaliser that it has learned to live with.
    normaliser = saved.normaliser if saved is not None else Normaliser(*normaliser_of(windows))
    torch.manual_seed(seed_of(settings.run.seed, INITIALISATION))
    model = build_model(settings, tokenizer, normaliser.mean, normaliser.std)
    tokenise = model.text.prompt_tokenizer().encode
    held_out = DataConfig(**{**asdict(settings.data), "mirror_fraction": 0.0, "join_fraction": 0.0})
    validation = load_windows(
        held_out, "validation", settings.run.seed, _EVALUATION_WINDOWS, settings.run.threads, required=False
    )
    trainer = Trainer(
        model,
        _objective,
        PairSource(windows, tokenise, settings, augment=True, teacher=teacher),
        PairSource(validation, tokenise, settings, augment=False) if validation else None,
        TrainConfig(data=settings.data, optimiser=settings.optimiser, run=settings.run),
        normaliser,
        out,
        accelerator,
        console,
    )
    if saved is not None:
        trainer.restore(saved)
        console.line(f"resumed from {saved.folder}")
    write_json(out / CONFIG_FILE, config.to_dict(settings))
    _describe(console, model, teacher)
    outcome = trainer.fit()
    if outcome.reason == "signal":
        console.line("no tower is written before the run is over; go on with --resume")
    else:
        best = checkpoint.load(checkpoint.find(out, "best" if validation else "latest"))
        model.load_state_dict(best.ema)
        model.cpu().eval()  # what it is measured on is there
        model.text.save(out)
        model.motion.save(out)
        figures = measure(model, held_out, settings)
        write_json(out / RETRIEVAL_FILE, figures)
        console.table("Retrieval, R@1 / R@3 in pools of 32", {name: _row(value) for name, value in figures.items()})
    return outcome


def load_windows(
    data: DataConfig, split: str, seed: int, count: int, threads: int = 0, *, required: bool = True
) -> list[Window]:
    """Make `count` windows of one person; of a split without clips none, unless they are required.

    Raises:
        InputError: The dataset is none, or the split is empty and required.
    """
    folder = Path(data.dataset)
    if not required and not len(MotionDataset.open(folder, split=split)):
        return []
    made = make_windows(folder, split, data, seed, {"single": count}, threads or granted_cores())
    return [window for _, window in made]


def build_model(
    settings: ContrastiveConfig, tokenizer: str, mean: NDArray[np.float32], std: NDArray[np.float32]
) -> ContrastiveModel:
    """Both sides, untrained; seed torch first."""
    tower = settings.tower
    text = TextTower.small(
        TextTowerConfig(
            vocabulary_size=vocabulary_size(tokenizer),
            context_length=tower.context_length,
            width=tower.width,
            heads=tower.heads,
            layers=tower.layers,
            output_dim=tower.output_dim,
            source="small, trained on motion and captions",
        ),
        tokenizer,
    )
    motion = MotionEncoder(settings.motion, torch.from_numpy(mean), torch.from_numpy(std))
    return ContrastiveModel(text, motion, settings.contrast)


def teacher_sentences(captions: Sequence[str], seed: int) -> list[str]:
    """What the teacher is asked: captions, the same in other words, seen and unseen, and general sentences."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 2**42]))
    asked: dict[str, None] = {}
    for index in rng.permutation(len(captions))[:_TEACHER_CAPTIONS]:
        caption = captions[int(index)]
        unseen = unseen_paraphrase(caption, rng)
        asked |= dict.fromkeys((caption, paraphrase(caption, rng), unseen or caption))
    asked.update(dict.fromkeys(general_sentences(_GENERAL_SENTENCES, rng)))
    return list(asked)


@torch.no_grad()
def measure(model: ContrastiveModel, data: DataConfig, settings: ContrastiveConfig) -> dict[str, dict[str, Any]]:
    """Retrieval on held-out subjects with clip captions, measured captions, and verbs kept out of training."""
    figures: dict[str, dict[str, Any]] = {}
    for split in ("validation", "test"):
        seed = settings.run.seed + _RETRIEVAL_SEED
        windows = load_windows(data, split, seed, _EVALUATION_WINDOWS, settings.run.threads, required=False)
        for kind, share in (("clip", 0.0), ("measured", 1.0), ("unseen", 0.0)):
            rng = np.random.Generator(np.random.Philox(key=[seed, 2**43]))
            found = retrieve(model, windows, share, rng, unseen=kind == "unseen")
            if found is not None:
                figures[f"{split} {kind}"] = asdict(found)
    return figures


def retrieve(
    model: ContrastiveModel, windows: Sequence[Window], measured: float, rng: np.random.Generator, *, unseen: bool
) -> Retrieval | None:
    """Retrieval of one kind of captions; None with fewer than two windows that have one."""
    chosen: list[tuple[Window, str, str]] = []
    for window in windows:
        if not (window.measured_captions if measured else window.clip_captions):
            continue
        caption = draw_caption(window, measured, rng)
        said = unseen_paraphrase(caption, rng) if unseen else caption
        if said is not None:
            chosen.append((window, caption, said))
    if len(chosen) < 2:
        return None
    kept = [window for window, _, _ in chosen]
    tokenise = model.text.prompt_tokenizer().encode
    text = model.text.encode(torch.from_numpy(np.concatenate([tokenise(said) for _, _, said in chosen])))
    motion = torch.cat([model.motion(*stack(kept[start : start + 64])) for start in range(0, len(kept), 64)])
    owned = [(*window.clip_captions, *window.measured_captions) for window in kept]
    same = same_meanings([caption for _, caption, _ in chosen], owned)
    return retrieval(text.numpy(), motion.numpy(), same, rng)


def _objective(model: nn.Module, batch: Batch, generator: torch.Generator) -> Mapping[str, Tensor]:
    values: Mapping[str, Tensor] = model(batch)
    return values


def _tokenizer(run: TextRun, out: Path, captions: Sequence[str]) -> str:
    """The vocabulary of a resumed run is the one it began with."""
    path = out / TOKENIZER_FILE
    if run.resume:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"expected the vocabulary that the run began with, got {type(error).__name__} for {path}; start a new "
                "run"
            ) from error
    text = tokenizer_json(run.config.tower.merges, vocabulary(captions))
    write_text(path, text)
    return text


def _teacher(out: Path, captions: Sequence[str], seed: int) -> TeacherSentences:
    """Ask the teacher; a resumed run goes on with the answers that are in `out`."""
    kept = out / TEACHER_FILE
    if not kept.is_file():
        embed_sentences(teacher_sentences(captions, seed)).save(kept)
    return TeacherSentences.load(kept)


def _describe(console: TrainingConsole, model: ContrastiveModel, teacher: TeacherSentences | None) -> None:
    text, motion = (sum(p.numel() for p in side.parameters()) / 1e6 for side in (model.text, model.motion))
    taught = f", {len(teacher.sentences)} sentences of a teacher" if teacher is not None else ""
    console.line(
        f"text tower of {text:.2f} million parameters ({model.text.config.vocabulary_size} tokens), "
        f"motion encoder of {motion:.2f} million{taught}"
    )


def _row(figures: Mapping[str, Any]) -> str:
    names = {"text to motion": "text_to_motion", "motion to text": "motion_to_text", "chance": "chance"}
    parts = [f"{name} {figures[key][1]:.2f} / {figures[key][3]:.2f}" for name, key in names.items()]
    return ", ".join(parts) + f" ({figures['windows']} windows)"
