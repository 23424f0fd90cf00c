"""The toy model, exported once for all tests of the export."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("onnx")
pytest.importorskip("torch")

if TYPE_CHECKING:
    from motion_export.bundle_writer import Model
    from motion_runtime.bundle import Bundle

GENERATOR = Path(__file__).parents[1] / "runtime" / "make_toy_bundle.py"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_toy_bundle", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def toy_model() -> Model:
    model: Model = load_generator().toy_model()
    return model


@pytest.fixture(scope="session")
def exported(toy_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Kernels for 1 and 2 persons, 10 frames."""
    from motion_export.bundle_writer import write_bundle

    return write_bundle(toy_model, tmp_path_factory.mktemp("export") / "toy", people=(2, 1), frames=(10,))
