"""The prompt tokenizer by itself: no torch, a byte-pair encoding of a few merges written here by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from motion_preprocessing.errors import BundleError, InputError
from motion_runtime.tokenizer import MAX_PROMPT_CHARACTERS, PAD_ID, PromptTokenizer, clean_prompt

LETTERS = "abcdefghijklmnopqrstuvwxyz<>_&;!,"
MERGES = [("w", "a"), ("l", "k</w>"), ("wa", "lk</w>")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    symbols = [*LETTERS, *(letter + "</w>" for letter in LETTERS), *("".join(pair) for pair in MERGES)]
    vocabulary = {symbol: i for i, symbol in enumerate([*symbols, "<start_of_text>", "<end_of_text>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=MERGES, end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer.to_str(), encoding="utf-8")
    return path


def test_frames_the_words_between_start_and_end_and_pads_with_zeros(path: Path) -> None:
    tokenizer = PromptTokenizer.load(path, 8)
    vocabulary = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
    tokens = tokenizer.encode("walk at")
    expected = ["<start_of_text>", "walk</w>", "a", "t</w>", "<end_of_text>"]
    assert tokens.dtype == np.int64
    assert tokens.tolist() == [[vocabulary[symbol] for symbol in expected] + [PAD_ID] * 3]


def test_end_token_is_the_highest_id_and_survives_truncation(path: Path) -> None:
    tokenizer = PromptTokenizer.load(path, 6)
    tokens = tokenizer.encode("walk " * 50)
    assert tokens.shape == (1, 6)
    assert tokens[0, -1] == tokenizer.end_id == tokens.max() == tokenizer.vocabulary_size - 1
    assert tokens[0, 0] == tokenizer.start_id
    # One token less than the room leaves the sentence whole.
    assert (tokenizer.encode("walk walk walk walk") == tokens).all()
    assert (tokenizer.encode("walk walk walk") != tokens).any()


@pytest.mark.parametrize(
    ("text", "read", "left_out"),
    [
        ("Walk  walk walk walk", "walk walk walk walk", ""),
        ("walk walk walk walk\nWALK at", "walk walk walk walk", "walk at"),
        ("walk walk ball", "walk walk ba", "ll"),
    ],
)
def test_says_what_it_cuts_off(path: Path, text: str, read: str, left_out: str) -> None:
    tokenizer = PromptTokenizer.load(path, 6)  # room for four
    assert tokenizer.split(text) == (read, left_out)
    if left_out:
        longer = PromptTokenizer.load(path, 40)
        assert tokenizer.encode(text)[0, 1:5].tolist() == longer.encode(text)[0, 1:5].tolist()
        assert longer.encode(text)[0, 5] != longer.end_id
    else:
        assert (tokenizer.encode(text) == tokenizer.encode(read)).all()


@pytest.mark.parametrize("text", ["", "   ", "\t\n", "&nbsp;", "&amp;nbsp;"])
def test_refuses_a_prompt_without_words(path: Path, text: str) -> None:
    with pytest.raises(InputError, match="expected words, got nothing but white space"):
        PromptTokenizer.load(path, 8).encode(text)


def test_refuses_an_endless_prompt_but_takes_the_longest_allowed(path: Path) -> None:
    tokenizer = PromptTokenizer.load(path, 8)
    assert tokenizer.encode("a" * MAX_PROMPT_CHARACTERS).shape == (1, 8)
    with pytest.raises(InputError, match="at most 2,000 characters, got 10,000") as caught:
        tokenizer.encode("a" * 10_000)
    assert "\n" not in str(caught.value)


def test_refuses_bytes_that_are_no_text(path: Path) -> None:
    undecodable = b"walk \xff".decode("utf-8", errors="surrogateescape")  # what a shell passes for Latin-1
    with pytest.raises(InputError, match="expected UTF-8 text"):
        PromptTokenizer.load(path, 8).encode(undecodable)


def test_a_prompt_cannot_spell_control_tokens(path: Path) -> None:
    tokenizer = PromptTokenizer.load(path, 40)
    tokens = tokenizer.encode("<end_of_text> <start_of_text> a")
    assert (tokens == tokenizer.end_id).sum() == 1
    assert (tokens == tokenizer.start_id).sum() == 1


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("A  Person\tWALKS \n", "a person walks"),
        ("it&amp;#39;s", "it's"),
        ("donâ€™t fall", "don't fall"),
        ("ÉTÉ", "été"),
    ],
)
def test_clean_up(text: str, cleaned: str) -> None:
    assert clean_prompt(text) == cleaned


@pytest.mark.parametrize("content", ["", "{}", "[1, 2", '{"model": 3}'])
def test_refuses_a_file_that_is_no_tokenizer(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match="expected a tokenizer, got other text for .*tokenizer.json"):
        PromptTokenizer.load(tmp_path / "tokenizer.json", 8)


def test_refuses_a_missing_file_and_a_binary_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="got no file for"):
        PromptTokenizer.load(tmp_path / "none.json", 8)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BundleError, match="got other data for"):
        PromptTokenizer.load(tmp_path / "binary.json", 8)


def test_refuses_a_vocabulary_without_control_tokens_and_a_tiny_context(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    with pytest.raises(BundleError, match="at least 3 tokens, got 2"):
        PromptTokenizer.parse(text, 2)
    with pytest.raises(BundleError, match="got a vocabulary without them"):
        PromptTokenizer.parse(text.replace("<end_of_text>", "<other>"), 8)


def test_imports_no_torch() -> None:
    code = "import sys, motion_runtime.tokenizer; sys.exit('torch' in sys.modules or 'open_clip' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
