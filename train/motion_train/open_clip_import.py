"""Import open_clip where torchvision's compiled operators are missing.

open_clip needs torchvision for its image transforms, which this project never calls. A torchvision wheel built for CUDA
beside a CPU-only torch cannot load its operators, and importing it fails with 'operator torchvision::nms does not
exist' because it registers shape functions for operators nobody declared. Declaring their schemas is enough.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from types import ModuleType
from typing import Any

import torch

from motion_preprocessing.errors import MissingExtraError

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[Any] = []  # a torch.library.Library takes its schemas back when it is collected


def _declare_missing_operators() -> None:
    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    _declared.append(library)
    for schema in _SCHEMAS:
        name = schema.partition("(")[0]
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)


def _import_torchvision() -> None:
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]  # half-imported
        _declare_missing_operators()
        importlib.import_module("torchvision")


@functools.cache
def import_open_clip() -> ModuleType:
    """Return the module `open_clip`.

    Raises:
        MissingExtraError: open_clip or torchvision is not installed.
    """
    # open_clip sets this variable on import; a library should not change its user's environment.
    parallelism = os.environ.get("TOKENIZERS_PARALLELISM")
    try:
        _import_torchvision()
        return importlib.import_module("open_clip")
    except ModuleNotFoundError as error:
        raise MissingExtraError.for_extra(error.name or "open_clip", "train") from error
    finally:
        if parallelism is None:
            os.environ.pop("TOKENIZERS_PARALLELISM", None)
        else:
            os.environ["TOKENIZERS_PARALLELISM"] = parallelism
