"""Build `tokenizer.json` from the vocabulary that open_clip ships, whole or cut down.

A byte-pair encoding is an ordered list of merges, each joining symbols that earlier merges made. So any prefix of the
list is itself a valid encoding, and so is a prefix plus all merges that some words need: those words then have the very
symbols that CLIP gives them, every other word more and shorter ones. The second part is there because words of motion
are rare in the picture captions that CLIP's merges were counted on: 'sits' is merge 12,214, 'collapses' 43,089.

Ids: 0..255 the bytes, 256..511 the bytes at a word's end, then one id a merge, then the start and the end token.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from tokenizers import Regex, Tokenizer, pre_tokenizers
from tokenizers.models import BPE

from motion_preprocessing.errors import InputError
from motion_runtime.tokenizer import END_TOKEN, START_TOKEN
from motion_train.open_clip_import import import_open_clip

CLIP_MERGES: Final = 49_152 - 256 - 2
"""Merges of CLIP's vocabulary; the file that open_clip ships holds more, which CLIP never used."""
WORD_END: Final = "</w>"
_WORDS: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def clip_merges(count: int = CLIP_MERGES, words: Iterable[str] = ()) -> list[tuple[str, str]]:
    """The first `count` merges of CLIP's byte-pair encoding and those that `words` (letters only) need, in order."""
    if not 0 < count <= CLIP_MERGES:
        raise InputError(
            f"expected 1 to {CLIP_MERGES:,} merges, got {count:,} for the vocabulary; choose a number in that range"
        )
    lines = gzip.decompress(Path(import_open_clip().tokenizer.default_bpe()).read_bytes()).decode("utf-8").split("\n")
    every = [(first, second) for first, second in (line.split() for line in lines[1 : 1 + CLIP_MERGES])]
    ranks = {pair: rank for rank, pair in enumerate(every)}
    kept = set(range(count))
    for word in words:
        kept.update(_ranks_used(word, ranks))
    return [every[rank] for rank in sorted(kept)]


def _ranks_used(word: str, ranks: dict[tuple[str, str], int]) -> list[int]:
    """The merges that the encoding of one word applies: always the earliest of the list that fits."""
    symbols = [*word[:-1], word[-1] + WORD_END]
    used: list[int] = []
    while len(symbols) > 1:
        rank, place = min((ranks.get(pair, len(ranks)), place) for place, pair in enumerate(pairwise(symbols)))
        if rank == len(ranks):
            break
        symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]
        used.append(rank)
    return used


def build_tokenizer(merges: Sequence[tuple[str, str]]) -> Tokenizer:
    """The encoding of a list of merges; ids equal open_clip's with the same merges.

    The control tokens are entries of the vocabulary that no merge yields, not 'added tokens': text cannot spell them.
    """
    byte_symbols = list(import_open_clip().tokenizer.bytes_to_unicode().values())
    symbols = [
        *byte_symbols,
        *(symbol + WORD_END for symbol in byte_symbols),
        *(first + second for first, second in merges),
        START_TOKEN,
        END_TOKEN,
    ]
    vocabulary = {symbol: index for index, symbol in enumerate(symbols)}
    tokenizer = Tokenizer(BPE(vocab=vocabulary, merges=list(merges), end_of_word_suffix=WORD_END))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def tokenizer_json(merge_count: int = CLIP_MERGES, words: Iterable[str] = ()) -> str:
    """The text of `tokenizer.json`, compact."""
    document = json.loads(build_tokenizer(clip_merges(merge_count, words)).to_str())
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def vocabulary_size(tokenizer: str) -> int:
    """Number of ids of a `tokenizer.json` text."""
    return len(json.loads(tokenizer)["model"]["vocab"])
