"""The contrastive training of the text tower: its loss, its data, its measure, and a whole tiny run."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.spatial.transform import Rotation

from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.tokenizer import PromptTokenizer
from motion_train import text_run
from motion_train.caption_meaning import same_meaning, same_meanings
from motion_train.contrastive import ContrastiveConfig, PairSource, info_nce, stack
from motion_train.motion_encoder import MotionEncoder, MotionEncoderConfig
from motion_train.paraphrase import drop_words, general_sentences, paraphrase, unseen_paraphrase
from motion_train.retrieval import retrieval
from motion_train.sentence_teacher import TeacherSentences
from motion_train.text_run import resolve_text_run, train_text
from motion_train.text_tower import TextTower
from motion_train.tokenizer_build import tokenizer_json
from motion_train.window_pool import Described, Window


def _reference(text: np.ndarray, motion: np.ndarray, scale: float, same: np.ndarray) -> float:
    """InfoNCE written out as sums of exponentials, in float64."""
    text = text / np.sqrt((text**2).sum(axis=1, keepdims=True))
    motion = motion / np.sqrt((motion**2).sum(axis=1, keepdims=True))
    count, total = len(text), 0.0
    for i in range(count):
        own = math.exp(scale * text[i] @ motion[i])
        motions = [j for j in range(count) if j == i or not same[i, j]]
        total -= math.log(own / sum(math.exp(scale * text[i] @ motion[j]) for j in motions))
        texts = [j for j in range(count) if j == i or not same[j, i]]
        total -= math.log(own / sum(math.exp(scale * text[j] @ motion[i]) for j in texts))
    return total / (2 * count)


@pytest.mark.parametrize("seed", range(3))
def test_loss_is_the_sum_written_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    text, motion = rng.normal(size=(2, 6, 4))
    same = rng.random((6, 6)) < 0.3
    found = info_nce(torch.tensor(text), torch.tensor(motion), torch.tensor(5.0), torch.tensor(same))
    assert float(found) == pytest.approx(_reference(text, motion, 5.0, same), rel=1e-9)


def test_loss_of_equal_embeddings_is_the_logarithm_of_the_batch() -> None:
    ones = torch.ones(7, 3)
    none = torch.zeros(7, 7, dtype=torch.bool)
    assert float(info_nce(ones, ones, torch.tensor(9.0), none)) == pytest.approx(math.log(7), abs=1e-5)
    assert float(info_nce(ones, ones, torch.tensor(9.0), ~none)) == pytest.approx(0.0, abs=1e-6)


def test_a_pair_that_says_the_same_pushes_nothing_apart() -> None:
    torch.manual_seed(0)
    text, motion = torch.randn(2, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    info_nce(text, motion, torch.tensor(4.0), torch.ones(2, 2, dtype=torch.bool)).backward()
    assert text.grad is not None
    assert text.grad.abs().max() < 1e-6


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("a person walks", "someone walks", True),
        ("a person turns left", "a person turns right", False),
        ("someone slowly walks to the chair and sits down", "a man walks slowly to a chair, then sits down", True),
        ("a person walks", "a person sits", False),
        ("a person walks", "a person walks and waves and jumps", False),
        ("he is", "she is", False),
        ("he is", "he is", True),
    ],
)
def test_same_meaning(first: str, second: str, expected: bool) -> None:
    assert same_meaning(first, second) is expected


def test_the_batch_comparison_equals_the_single_one() -> None:
    rng = np.random.default_rng(1)
    texts = general_sentences(60, rng) + ["he is", "a person walks", "someone walks", "a person turns left"]
    owned = [tuple(rng.choice(texts, size=rng.integers(0, 4))) for _ in range(40)]
    expected = [[any(same_meaning(text, own) for own in group) for group in owned] for text in texts]
    found = same_meanings(texts, owned)
    assert found.tolist() == expected
    assert 20 < found.sum() < found.size / 2


CAPTIONS = [
    "a person walks forward and turns left", "someone is falling to the right", "the person sits down, then stands up",
    "a man raises the left arm and runs quickly",
]  # fmt: skip


def test_paraphrases_keep_the_sides_and_never_use_held_out_words() -> None:
    rng = np.random.default_rng(0)
    for caption in CAPTIONS:
        said = {paraphrase(caption, rng, 0.8) for _ in range(50)}
        assert len(said) > 10
        assert all(("left" in s) == ("left" in caption) and ("right" in s) == ("right" in caption) for s in said)
        words = {word.strip(",") for s in said for word in s.split()}
        assert not words & {form for w in ("amble", "saunter", "gallop", "settle") for form in (w, w + "s", w + "ing")}


def test_paraphrase_keeps_the_grammar_and_repeats_itself_by_seed() -> None:
    once, again = (paraphrase("someone is jumping", np.random.default_rng(5), 1.0) for _ in range(2))
    assert once == again
    verbs = {paraphrase("someone is jumping", np.random.default_rng(s), 1.0).split(" is ")[1] for s in range(40)}
    assert verbs == {"jumping", "leaping", "springing up", "making a jump", "jumping up"}
    assert paraphrase(CAPTIONS[0], np.random.default_rng(0), 0.0) == CAPTIONS[0]


def test_unseen_paraphrases_use_only_held_out_verbs() -> None:
    rng = np.random.default_rng(0)
    said = {unseen_paraphrase("a person walks", rng) for _ in range(40)}
    assert said == {"a person ambles", "a person saunters", "a person treads"}
    assert unseen_paraphrase("a person claps", rng) is None


def test_dropping_words_leaves_the_telling_ones() -> None:
    rng = np.random.default_rng(0)
    assert drop_words("a person walks to the left", rng, 1.0) == "person walks to left"
    assert drop_words("the", rng, 1.0) == "the"


def test_general_sentences_are_different_and_many() -> None:
    said = general_sentences(500, np.random.default_rng(0))
    assert len(said) == len(set(said)) == 500
    assert not [s for s in said if "*" in s or "  " in s or " ," in s]


def test_retrieval_of_perfect_and_of_random_embeddings() -> None:
    rng = np.random.default_rng(0)
    motion = rng.normal(size=(200, 64))
    none = np.zeros((200, 200), dtype=bool)
    perfect = retrieval(3 * motion, motion, none, rng)
    assert perfect.text_to_motion == perfect.motion_to_text == {1: 1.0, 3: 1.0}
    assert perfect.chance == pytest.approx({1: 1 / 32, 3: 3 / 32})
    guess = retrieval(rng.normal(size=(200, 64)), motion, none, rng, pools=200)
    assert guess.text_to_motion[3] == pytest.approx(3 / 32, abs=0.03)
    # Two halves that each say the same: any of its half is right.
    halves = np.arange(200)[:, None] % 2 == np.arange(200) % 2
    guess = retrieval(rng.normal(size=(200, 64)), motion, halves, rng, pools=200)
    assert guess.text_to_motion[1] == pytest.approx(guess.chance[1], abs=0.03)
    assert guess.chance[1] == pytest.approx(0.5, abs=0.02)


def _encoder() -> MotionEncoder:
    torch.manual_seed(0)
    config = MotionEncoderConfig(width=16, heads=2, layers=1, output_dim=5)
    return MotionEncoder(config, torch.randn(258), torch.rand(258) + 0.5).eval()


def test_motion_encoder_sees_the_frames_that_are_there_and_no_others() -> None:
    encoder = _encoder()
    pose = torch.randn(1, 20, 258)
    longer = torch.cat([pose, torch.full((1, 10, 258), 7.0)], dim=1)
    mask = torch.arange(30)[None] < 20
    short, padded = encoder(pose, mask[:, :20]), encoder(longer, mask)
    torch.testing.assert_close(padded, short, atol=1e-5, rtol=0)
    assert (encoder(longer, torch.ones_like(mask)) - short).abs().max() > 1e-3
    assert (encoder(pose.flip(1), mask[:, :20]) - short).abs().max() > 1e-3  # order matters


def test_motion_encoder_is_saved_with_its_normaliser(tmp_path: Path) -> None:
    encoder = _encoder()
    encoder.save(tmp_path)
    pose, mask = torch.randn(2, 9, 258), torch.ones(2, 9, dtype=torch.bool)
    loaded = MotionEncoder.load(tmp_path)
    torch.testing.assert_close(loaded(pose, mask), encoder(pose, mask), atol=0, rtol=0)
    (tmp_path / "motion_encoder.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="expected the weights of a motion encoder"):
        MotionEncoder.load(tmp_path)


def test_teachers_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "teacher.npz"
    TeacherSentences(("a", "b c"), np.eye(2, dtype=np.float16)).save(path)
    loaded = TeacherSentences.load(path)
    assert loaded.sentences == ("a", "b c")
    assert loaded.embeddings.tolist() == [[1, 0], [0, 1]]
    np.savez(path, sentences=np.array(["a"]), embeddings=np.zeros((2, 3)))
    with pytest.raises(InputError, match="as many embeddings as sentences"):
        TeacherSentences.load(path)
    path.write_bytes(b"PK")
    with pytest.raises(InputError, match="expected sentences and embeddings"):
        TeacherSentences.load(path)


def _window(frames: int, clip: tuple[str, ...], measured: tuple[str, ...], value: float) -> Window:
    pose = np.full((1, frames, 258), value, dtype=np.float32)
    scene = (np.zeros((1, 64, 3), np.float32), np.zeros(1, np.int64), np.zeros(1, bool))
    return Window(pose, (Described(clip, measured, "person"),), *scene)


def test_batches_are_a_function_of_their_number_and_pad_with_nothing() -> None:
    windows = [_window(5 + i, (f"a person does trick {i}",), (), float(i)) for i in range(6)]
    windows.append(_window(9, (), (), 9.0))
    config = ContrastiveConfig()
    tokenizer = _tokenise()
    source = PairSource(windows, tokenizer, config, augment=True)
    first, again, other = source.batch(3), source.batch(3), source.batch(4)
    assert len(source.windows) == 6
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["motion"], other["motion"])
    assert first["tokens"].shape == (6, 32)
    assert torch.equal(first["same"], torch.eye(6, dtype=torch.bool))
    lengths = first["mask"].sum(dim=1)
    assert sorted(lengths.tolist()) == [5, 6, 7, 8, 9, 10]
    assert all(float(row[int(n) :].abs().sum()) == 0 for row, n in zip(first["motion"], lengths, strict=True))
    with pytest.raises(InputError, match="expected windows with captions"):
        PairSource(windows[-1:], tokenizer, config, augment=True)


def _tokenise() -> Callable[[str], NDArray[np.int64]]:
    return PromptTokenizer.parse(tokenizer_json(400), 32).encode


def test_stack_keeps_every_frame() -> None:
    motion, mask = stack([_window(3, (), (), 1.0), _window(5, (), (), 2.0)])
    assert motion.shape == (2, 5, 258)
    assert mask.tolist() == [[True] * 3 + [False] * 2, [True] * 5]


def _sequence(name: str, split: str, kind: int) -> MotionSequence:
    """Three motions that a glance tells apart: standing, walking, arms going up."""
    rng = np.random.default_rng(kind * 100 + len(name))
    frames = 40
    local = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    local[:, 0] = Rotation.from_euler("z", rng.uniform(-180, 180), degrees=True).as_matrix() @ WORLD_FROM_BODY
    root = np.array([*rng.uniform(-1, 1, 2), 0.93]) + np.zeros((frames, 3))
    if kind == 1:
        root += np.arange(frames)[:, None] * (local[0, 0] @ [0, 0, 1]) * rng.uniform(0.04, 0.06)
    if kind == 2:
        lift = Rotation.from_rotvec(np.linspace(0, rng.uniform(1.0, 1.5), frames)[:, None] * [0, 0, 1]).as_matrix()
        local[:, 16], local[:, 17] = lift, np.swapaxes(lift, 1, 2)
    caption = ("a person stands still", "a person walks forward", "a person raises both arms")[kind]
    return MotionSequence(
        name=f"{name}{kind}", fps=20.0, local_rotations=local.astype(np.float32),
        root_position_m=root.astype(np.float32), captions=(caption,), action="walk", person_class="person",
        subject=name, split=split, pair="", source="test", licence="none", label=caption,
    )  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contrastive") / "dataset"
    names = [("s", "train"), ("tt", "train"), ("v", "validation"), ("w", "test")]
    people = [_sequence(name, split, kind) for (name, split), kind in itertools.product(names, range(3))]
    write_dataset(path, people, fps=20.0, credits=["nobody"], provenance={})
    return path


@pytest.fixture(autouse=True)
def _few_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_run, "_EVALUATION_WINDOWS", 36)


def _settings(dataset: Path, steps: int) -> tuple[str, ...]:
    return (
        f"data.dataset={json.dumps(str(dataset))}", f"run.steps={steps}", "run.threads=1", "run.validation_batches=1",
        "run.checkpoint_every=50", "run.validate_every=20", "run.log_every=10", "data.windows=24", "data.batch_size=12",
        "data.frames=30", "data.min_frames=20", "data.measured_caption_fraction=0.0", "tower.merges=300",
        "tower.width=16", "tower.heads=2", "tower.layers=1", "tower.output_dim=8", "tower.context_length=16",
        "motion.width=16", "motion.heads=2", "motion.layers=1", "motion.output_dim=8", "optimiser.lr=2e-3",
        "optimiser.warmup_steps=5", "contrast.teacher_batch=4",
    )  # fmt: skip


def _train(dataset: Path, out: Path, steps: int, teacher: Path, *, resume: bool = False) -> None:
    run = resolve_text_run(None, _settings(dataset, steps), {}, out, resume=resume)
    train_text(run, out, teacher_file=teacher)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(6, 384))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    TeacherSentences(tuple(general_sentences(6, rng)), embeddings.astype(np.float16)).save(tmp_path / "t.npz")
    return tmp_path / "t.npz"


def test_a_run_learns_and_writes_a_tower_and_a_motion_encoder(dataset: Path, teacher: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    _train(dataset, out, 100, teacher)
    figures = json.loads((out / "retrieval.json").read_text())
    # Three kinds of motion, of unseen subjects: captions must find theirs far more often than by chance.
    assert figures["test clip"]["text_to_motion"]["1"] > figures["test clip"]["chance"]["1"] + 0.3
    assert figures["test clip"]["windows"] == 36
    tower, encoder = TextTower.load(out), MotionEncoder.load(out)
    assert tower.width == encoder.config.output_dim == 8
    assert not list(out.glob(".*.part*"))


def test_a_resumed_run_is_the_run_that_never_stopped(dataset: Path, teacher: Path, tmp_path: Path) -> None:
    _train(dataset, tmp_path / "whole", 8, teacher)
    run = resolve_text_run(None, _settings(dataset, 8), {}, tmp_path / "halves", resume=False)
    stop_after(4, run, tmp_path / "halves", teacher)
    _train(dataset, tmp_path / "halves", 8, teacher, resume=True)
    for name in ("text_tower.safetensors", "motion_encoder.safetensors"):
        whole, halves = load_file(tmp_path / "whole" / name), load_file(tmp_path / "halves" / name)
        assert all(torch.equal(whole[key], halves[key]) for key in whole)


def stop_after(steps: int, run: text_run.TextRun, out: Path, teacher: Path) -> None:
    """Interrupt a run as Ctrl-C does, after so many steps."""
    original = text_run.Trainer._over
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            text_run.Trainer, "_over", lambda self: "signal" if self.progress.step >= steps else original(self)
        )
        outcome = train_text(run, out, teacher_file=teacher)
    assert (outcome.reason, outcome.progress.step) == ("signal", steps)
    assert not (out / "text_tower.safetensors").exists()


def test_a_started_run_is_neither_overwritten_nor_changed(dataset: Path, teacher: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    _train(dataset, out, 2, teacher)
    with pytest.raises(InputError, match="expected no checkpoints, got some"):
        resolve_text_run(None, (), {}, out, resume=False)
    with pytest.raises(InputError, match=r"got tower.width: 16 -> 32 for --resume"):
        resolve_text_run(None, ("tower.width=32",), {}, out, resume=True)


def test_settings_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder, got none for --data"):
        resolve_text_run(None, (), {}, tmp_path / "run", resume=False)
    with pytest.raises(InputError, match="expected one width of embedding"):
        resolve_text_run(None, ("tower.output_dim=8",), {}, tmp_path / "run", resume=False)
    with pytest.raises(InputError, match="expected a known key, got 'tower.widht'"):
        resolve_text_run(None, ("tower.widht=8",), {}, tmp_path / "run", resume=False)
    with pytest.raises(InputError, match="expected 0 to 1, got 2.0 for contrast.drop_fraction"):
        resolve_text_run(None, ("contrast.drop_fraction=2.0",), {}, tmp_path / "run", resume=False)
