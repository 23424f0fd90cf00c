"""Prompts to token ids, as CLIP's text tower reads them: [sot, words ..., eot, 0, 0, ...].

The clean-up (mojibake repair, HTML entities, white space, lower case) runs in Python, exactly as open_clip does it;
only the byte-pair encoding runs in `tokenizers`. Handing the clean-up to a tokenizer's own normaliser changes the ids
of everyday prompts. A prompt is data: text that spells a control token ('<end_of_text>') stays ordinary text.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Final

import ftfy
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from motion_preprocessing.errors import BundleError, InputError
from motion_runtime.prompt_words import is_understood

START_TOKEN: Final = "<start_of_text>"
END_TOKEN: Final = "<end_of_text>"
PAD_ID: Final = 0
"""CLIP pads with id 0. The towers read the embedding at the end token, so what stands behind it is never seen."""
MAX_PROMPT_CHARACTERS: Final = 2_000


def clean_prompt(text: str) -> str:
    """Repair encoding slips and entities, collapse white space, lower the case."""
    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split()).lower()


def check_prompt(text: str) -> str:
    """Return the cleaned prompt.

    Raises:
        InputError: It is empty, too long, or not Unicode text.
    """
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InputError(
            f"expected at most {MAX_PROMPT_CHARACTERS:,} characters, got {len(text):,} for the prompt; "
            "describe the motion in one or two sentences"
        )
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError("expected UTF-8 text, got undecodable bytes for the prompt; retype it in UTF-8") from error
    cleaned = clean_prompt(text)
    if not cleaned:
        raise InputError("expected words, got nothing but white space for the prompt; say what the person does")
    return cleaned


class PromptTokenizer:
    """A byte-pair encoding read from `tokenizer.json` together with CLIP's clean-up and framing."""

    def __init__(self, encoding: Tokenizer, context_length: int) -> None:
        start, end = encoding.token_to_id(START_TOKEN), encoding.token_to_id(END_TOKEN)
        if start is None or end is None:
            raise BundleError(
                f"expected the tokens {START_TOKEN} and {END_TOKEN}, got a vocabulary without them for the tokenizer; "
                "export the bundle again"
            )
        if context_length < 3:
            raise BundleError(
                f"expected a context of at least 3 tokens, got {context_length} for the tokenizer; "
                "export the bundle again"
            )
        self._encoding = encoding
        self.context_length = context_length
        self.start_id: int = start
        self.end_id: int = end

    @classmethod
    def load(cls, path: Path | str, context_length: int) -> PromptTokenizer:
        """Read `tokenizer.json`.

        Raises:
            BundleError: The file is missing or is no tokenizer.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise BundleError(f"expected a tokenizer, got no file for {path}; restore the bundle") from error
        except (OSError, UnicodeDecodeError) as error:
            raise BundleError(f"expected a tokenizer, got other data for {path}; restore the bundle") from error
        return cls.parse(text, context_length, origin=str(path))

    @classmethod
    def parse(cls, text: str, context_length: int, origin: str = "the tokenizer") -> PromptTokenizer:
        """Read the text of a `tokenizer.json`.

        Raises:
            BundleError: It is no tokenizer.
        """
        try:
            encoding = Tokenizer.from_str(text)
        except Exception as error:  # tokenizers raises bare Exception for text it cannot parse
            raise BundleError(f"expected a tokenizer, got other text for {origin}; restore the bundle") from error
        return cls(encoding, context_length)

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids, the two control tokens included."""
        return self._encoding.get_vocab_size()

    def split(self, text: str) -> tuple[str, str]:
        """Split a prompt, cleaned, into what fits the context and what `encode` cuts off, '' where all of it fits.

        Raises:
            InputError: The prompt is empty, too long, or not Unicode text.
        """
        cleaned = check_prompt(text)
        offsets = self._encoding.encode(cleaned, add_special_tokens=False).offsets
        room = self.context_length - 2
        end = offsets[room][0] if len(offsets) > room else len(cleaned)
        return cleaned[:end].rstrip(), cleaned[end:].lstrip()

    def understands(self, text: str) -> bool:
        """Whether a prompt says anything in words that the model was taught (`prompt_words`).

        Raises:
            InputError: The prompt is empty, too long, or not Unicode text.
        """
        return is_understood(check_prompt(text), self._is_whole)

    def _is_whole(self, word: str) -> bool:
        return len(self._encoding.encode(word, add_special_tokens=False).ids) == 1

    def encode(self, text: str) -> NDArray[np.int64]:
        """Token ids (1, L) of one prompt; what does not fit is cut off (`split` says where), the end token is kept.

        Raises:
            InputError: The prompt is empty, too long, or not Unicode text.
        """
        ids = self._encoding.encode(check_prompt(text), add_special_tokens=False).ids[: self.context_length - 2]
        tokens = np.full((1, self.context_length), PAD_ID, dtype=np.int64)
        tokens[0, 0] = self.start_id
        tokens[0, 1 : 1 + len(ids)] = ids
        tokens[0, 1 + len(ids)] = self.end_id
        return tokens
