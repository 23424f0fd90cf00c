"""Text towers against open_clip itself, vocabularies against its tokenizer, and the traced graph against both."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from motion_preprocessing.errors import InputError
from motion_runtime.tokenizer import PromptTokenizer
from motion_train.open_clip_import import import_open_clip
from motion_train.paraphrase import general_sentences, vocabulary
from motion_train.text_tower import TextTower, TextTowerConfig
from motion_train.tokenizer_build import CLIP_MERGES, clip_merges, tokenizer_json, vocabulary_size

MERGES = 600
WORDS = ("walks", "collapses", "crouches")


def _prompts() -> list[str]:
    rng = np.random.default_rng(3)
    hard = [
        "She's 12 years old; it'll do, won't it?", "naïve CAFÉ \U0001f600\U0001f44d\U0001f3fd go", "a  b\t c&amp;lt;d",
        "日本語のテスト", "____---...!!!", "‘quotes’ “x”", "1234567 km/h", "straße ÉTÉ", "don't 're 'S 'LL",
        "e\u0301 combining", "word " * 60,
    ]  # fmt: skip
    alphabet = [chr(c) for c in (*range(33, 127), *range(0xC0, 0x17F))] + [" "] * 30
    noise = ["".join(rng.choice(alphabet, size=40)) for _ in range(150)]
    return hard + noise + general_sentences(200, rng)


@pytest.fixture(scope="module")
def small_tokenizer() -> str:
    return tokenizer_json(MERGES, WORDS)


@pytest.mark.parametrize(("count", "words"), [(CLIP_MERGES, ()), (MERGES, ()), (MERGES, WORDS)])
def test_ids_equal_those_of_open_clip_with_the_same_merges(tmp_path: Path, count: int, words: tuple[str, ...]) -> None:
    merges = clip_merges(count, words)
    lines = ["#version", *(" ".join(pair) for pair in merges)]
    (tmp_path / "bpe.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    theirs = import_open_clip().tokenizer.SimpleTokenizer(str(tmp_path / "bpe.txt.gz"), context_length=32)
    ours = PromptTokenizer.parse(tokenizer_json(count, words), 32)
    assert ours.vocabulary_size == theirs.vocab_size
    prompts = _prompts()
    found = [ours.encode(prompt) for prompt in prompts]
    differing = [p for p, ids in zip(prompts, found, strict=True) if (ids != theirs([p]).numpy()).any()]
    assert not differing
    assert len({ids.tobytes() for ids in found}) > 300


def test_kept_words_have_the_symbols_of_the_whole_vocabulary(small_tokenizer: str) -> None:
    whole = PromptTokenizer.parse(tokenizer_json(), 16)
    cut = PromptTokenizer.parse(small_tokenizer, 16)
    plain = PromptTokenizer.parse(tokenizer_json(MERGES), 16)

    def symbols(tokenizer: PromptTokenizer, word: str) -> list[str]:
        ids = [int(i) for i in tokenizer.encode(word)[0] if int(i) not in (0, tokenizer.start_id, tokenizer.end_id)]
        return [tokenizer._encoding.id_to_token(i) for i in ids]

    for word in WORDS:
        assert symbols(cut, word) == symbols(whole, word)
        assert len(symbols(plain, word)) > len(symbols(cut, word))


def test_merge_count_is_checked() -> None:
    with pytest.raises(InputError, match="expected 1 to 48,894 merges, got 50,000"):
        clip_merges(50_000)


@pytest.fixture
def small(small_tokenizer: str) -> TextTower:
    torch.manual_seed(0)
    config = TextTowerConfig(vocabulary_size(small_tokenizer), 12, width=24, heads=3, layers=2, output_dim=10)
    return TextTower.small(config, small_tokenizer)


def _tokens(tower: TextTower, *prompts: str) -> torch.Tensor:
    tokenizer = tower.prompt_tokenizer()
    return torch.from_numpy(np.concatenate([tokenizer.encode(prompt) for prompt in prompts]))


def test_embedding_depends_on_the_words_and_not_on_what_follows_the_end(small: TextTower) -> None:
    small.eval()
    tokens = _tokens(small, "a person walks", "a person sits")
    out = small.encode(tokens)
    assert out.shape == (2, 10)
    assert (out[0] - out[1]).abs().max() > 1e-3
    assert (out.norm(dim=1) - 1).abs().max() > 1e-3  # not normalised
    changed = tokens.clone()
    end = int((tokens[0] == tokens.max()).int().argmax())
    changed[:, end + 1 :] = 7
    torch.testing.assert_close(small.encode(changed)[0], out[0], atol=1e-6, rtol=0)


def test_saved_tower_is_the_same_tower_and_frozen(small: TextTower, tmp_path: Path) -> None:
    small.eval()
    small.save(tmp_path / "tower")
    assert sorted(p.name for p in (tmp_path / "tower").iterdir()) == [
        "config.json", "text_tower.safetensors", "tokenizer.json"
    ]  # fmt: skip
    loaded = TextTower.load(tmp_path / "tower")
    tokens = _tokens(small, "a person walks")
    torch.testing.assert_close(loaded.encode(tokens), small.encode(tokens), atol=0, rtol=0)
    assert loaded.config == small.config
    loaded.train()
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert TextTower.load(tmp_path / "tower", frozen=False).train().training


def test_damaged_folders_are_refused(small: TextTower, tmp_path: Path) -> None:
    folder = tmp_path / "tower"
    with pytest.raises(InputError, match=r"expected a text tower's config.json"):
        TextTower.load(folder)
    small.save(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "widht": 3}))
    with pytest.raises(InputError, match=r"expected a known key, got 'widht' for '.*config.json'"):
        TextTower.load(folder)
    (folder / "config.json").write_text(json.dumps({"width": 24, "heads": 3}))
    with pytest.raises(InputError, match="expected the key 'vocabulary_size', got none"):
        TextTower.load(folder)
    (folder / "config.json").write_text(json.dumps({**config, "layers": 1}))
    with pytest.raises(InputError, match="with 1 layers, got others"):
        TextTower.load(folder)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "text_tower.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(InputError, match="expected a readable weights file"):
        TextTower.load(folder)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(InputError, match="expected a divisor of the width 10, got 3"):
        TextTowerConfig(100, width=10, heads=3)


@pytest.fixture(scope="module")
def clip() -> Iterator[tuple[str, Any]]:
    """A tiny CLIP that open_clip itself builds, with random weights."""
    open_clip = import_open_clip()
    config = {
        "embed_dim": 20,
        "vision_cfg": {"image_size": 8, "layers": 1, "width": 16, "head_width": 8, "patch_size": 4},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 2},
    }
    registry = open_clip.factory._MODEL_CONFIGS
    registry["tiny-for-tests"] = config
    registry["tiny-hf-for-tests"] = {**config, "text_cfg": {"hf_model_name": "roberta-base"}}
    torch.manual_seed(1)
    model = open_clip.create_model("tiny-for-tests", pretrained=None).eval()
    yield "tiny-for-tests", model
    del registry["tiny-for-tests"], registry["tiny-hf-for-tests"]


def _write(model: Any, kind: str, folder: Path) -> Path:
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    path = folder / f"clip{'.safetensors' if kind == 'safetensors' else '.pt'}"
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "plain":
        torch.save(state, path)
    elif kind == "checkpoint":  # as open_clip's own training writes it, from several processes
        torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    elif kind == "custom text":
        text = ("token_embedding", "positional_embedding", "transformer", "ln_final", "text_projection")
        torch.save({f"text.{k}" if k.startswith(text) else k: v for k, v in state.items()}, path)
    return path


@pytest.mark.parametrize("kind", ["safetensors", "plain", "checkpoint", "custom text"])
def test_pretrained_tower_from_a_file_equals_open_clips_encode_text(
    clip: tuple[str, Any], tmp_path: Path, kind: str
) -> None:
    name, model = clip
    tower = TextTower.pretrained(name, _write(model, kind, tmp_path))
    prompts = ["a person walks forward", "two people dance \U0001f57a", "word " * 100]
    theirs = model.encode_text(import_open_clip().tokenize(prompts))
    torch.testing.assert_close(tower.encode(_tokens(tower, *prompts)), theirs, atol=1e-6, rtol=0)
    assert not tower.training
    assert not any(p.requires_grad for p in tower.parameters())
    assert tower.width == 20
    tower.save(tmp_path / "saved")
    again = TextTower.load(tmp_path / "saved")
    torch.testing.assert_close(again.encode(_tokens(again, *prompts)), theirs, atol=1e-6, rtol=0)


class _Archive(torch.nn.Module):
    """Holds tensors under OpenAI's names, to be saved as TorchScript as they did."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.token_embedding, self.transformer = model.token_embedding, model.transformer
        self.ln_final = model.ln_final
        self.positional_embedding, self.text_projection = model.positional_embedding, model.text_projection
        self.register_buffer("context_length", torch.tensor(77))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.token_embedding(x)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_torchscript_archives_and_quick_gelu(clip: tuple[str, Any], tmp_path: Path) -> None:
    name, model = clip
    traced = torch.jit.trace(_Archive(model), torch.zeros(1, 2, dtype=torch.int64))
    traced.save(str(tmp_path / "openai.pt"))
    plain = TextTower.pretrained(name, tmp_path / "openai.pt")
    quick = TextTower.pretrained(name, tmp_path / "openai.pt", quick_gelu=True)
    tokens = _tokens(plain, "a person walks")
    torch.testing.assert_close(plain.encode(tokens), model.encode_text(tokens), atol=1e-6, rtol=0)
    assert quick.config.quick_gelu
    assert 1e-5 < (quick.encode(tokens) - plain.encode(tokens)).abs().max() < 0.1


def test_pretrained_refuses_what_it_cannot_take(clip: tuple[str, Any], tmp_path: Path) -> None:
    name, model = clip
    with pytest.raises(InputError, match="expected a model that open_clip knows, got 'no-such'"):
        TextTower.pretrained("no-such", tmp_path / "x.pt")
    with pytest.raises(InputError, match=r"expected a file or a tag of 'ViT-B-32' \(openai, .*got 'no-such-tag'"):
        TextTower.pretrained("ViT-B-32", "no-such-tag")
    with pytest.raises(InputError, match=r"got the settings \['hf_model_name'\]"):
        TextTower.pretrained("tiny-hf-for-tests", tmp_path / "x.pt")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"got others .* for .*other.safetensors"):
        TextTower.pretrained(name, tmp_path / "other.safetensors")
    (tmp_path / "cut.pt").write_bytes(_write(model, "plain", tmp_path).read_bytes()[:3000])
    with pytest.raises(InputError, match="expected a readable weights file"):
        TextTower.pretrained(name, tmp_path / "cut.pt")


def test_weights_files_run_no_code(clip: tuple[str, Any], tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return open, (str(tmp_path / "trapped"), "w")

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(InputError, match="expected a readable weights file"):
        TextTower.pretrained(clip[0], tmp_path / "trap.pt")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_traced_graph_computes_the_same(small: TextTower) -> None:
    for parameter in small.parameters():  # fresh layers are alike, which the tracer merges
        torch.nn.init.normal_(parameter, std=0.2)
    small.freeze()
    fastpath = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    buffer = io.BytesIO()
    try:
        torch.onnx.export(
            small, (_tokens(small, "a person walks"),), buffer, opset_version=17, dynamo=False,
            input_names=["tokens"], output_names=["embedding"],
        )  # fmt: skip
    finally:
        torch.backends.mha.set_fastpath_enabled(fastpath)
    session = onnxruntime.InferenceSession(buffer.getvalue(), providers=["CPUExecutionProvider"])
    for prompt in ["a", "someone crouches", "a person walks forward and then sits down on a chair again and again"]:
        tokens = _tokens(small, prompt)
        (found,) = session.run(["embedding"], {"tokens": tokens.numpy()})
        np.testing.assert_allclose(found, small.encode(tokens).numpy(), atol=2e-5)


def test_open_clip_can_be_imported_where_torchvisions_operators_are_missing() -> None:
    """A stand-in torchvision that registers a fake for an undeclared operator, as the real one does then."""
    code = """
import sys, types, importlib.abc, importlib.util, torch
class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == "torchvision" else None
    def exec_module(self, module):
        torch.library.register_fake("torchvision::nms")(lambda dets, scores, iou: dets)
sys.meta_path.insert(0, Finder())
from motion_train import open_clip_import
try:
    import torchvision
except RuntimeError as error:
    assert "torchvision::nms" in str(error)
else:
    sys.exit("the stand-in does not show the fault")
open_clip_import._import_torchvision()
assert "torchvision" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_vocabulary_holds_every_form_of_the_words_of_motion() -> None:
    words = set(vocabulary(["a zebra cross-steps"]))
    assert {"walk", "walks", "walking", "ambles", "zebra", "cross", "steps"} <= words
    assert all(word.isalpha() for word in words)
