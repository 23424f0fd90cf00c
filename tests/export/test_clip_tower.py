"""A pretrained CLIP goes from its weights file through `motion-train clip` into a bundle, against open_clip itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from motion_export.bundle_writer import Model, write_bundle
from motion_runtime.manifest import TEXT_ENCODER
from motion_runtime.session import GraphSession, Provider
from motion_runtime.tokenizer import PromptTokenizer
from motion_train.cli import main
from motion_train.denoiser import Denoiser
from motion_train.open_clip_import import import_open_clip
from motion_train.text_tower import TextTower

WIDTH = 20
CLIP_VOCABULARY = 49_408


@pytest.fixture(scope="module")
def clip() -> Iterator[Any]:
    """A tiny CLIP that open_clip builds, with random weights, registered as 'tiny-to-export'."""
    open_clip = import_open_clip()
    open_clip.factory._MODEL_CONFIGS["tiny-to-export"] = {
        "embed_dim": WIDTH,
        "vision_cfg": {"image_size": 8, "layers": 1, "width": 16, "head_width": 8, "patch_size": 4},
        "text_cfg": {"context_length": 77, "vocab_size": CLIP_VOCABULARY, "width": 16, "heads": 2, "layers": 2},
    }
    torch.manual_seed(1)
    model = open_clip.create_model("tiny-to-export", pretrained=None).eval()
    for parameter in model.parameters():
        # Fresh layers are zero or one in places, where half of an encoder could be missing unseen.
        torch.nn.init.normal_(parameter, std=0.2)
    yield model
    del open_clip.factory._MODEL_CONFIGS["tiny-to-export"]


@pytest.fixture(scope="module")
def weights(clip: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.pt"
    torch.save(clip.state_dict(), path)
    return path


def make(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["clip", "--model", "tiny-to-export", *map(str, arguments)])


def test_a_tower_of_clip_reaches_the_bundle(clip: Any, weights: Path, toy_model: Model, tmp_path: Path) -> None:
    result = make("--weights", weights, "--out", tmp_path / "tower")
    assert result.exit_code == 0, result.output
    assert f"width {WIDTH} [model.text_dim]" in result.stdout
    tower = TextTower.load(tmp_path / "tower")
    assert tower.config.source == "open_clip tiny-to-export clip.pt"
    torch.manual_seed(0)
    denoiser = Denoiser(replace(toy_model.denoiser.config, text_dim=WIDTH))
    bundle = write_bundle(
        replace(toy_model, tower=tower, denoiser=denoiser), tmp_path / "bundle", people=(1,), frames=(4,)
    )
    text = bundle.manifest.text
    tokenizer = PromptTokenizer.load(bundle.path(text.tokenizer), text.context_length)
    assert (tokenizer.vocabulary_size, text.context_length, text.width) == (CLIP_VOCABULARY, 77, WIDTH)
    session = GraphSession.load(bundle, TEXT_ENCODER, Provider("cpu", "", 1))
    for prompt in ("a person walks forward", "Two people dance \U0001f57a, don't they?", "word " * 100):
        tokens = import_open_clip().tokenize([prompt])
        with torch.no_grad():
            expected = clip.encode_text(tokens).numpy()
        np.testing.assert_array_equal(tokenizer.encode(prompt), tokens.numpy())
        (embedding,) = session.run({"tokens": tokenizer.encode(prompt)})
        np.testing.assert_allclose(embedding, expected, atol=1e-4)
        assert np.abs(expected).max() > 0.1


def test_nothing_is_written_for_what_cannot_be_read(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pt").write_bytes(weights.read_bytes()[:2000])
    out = tmp_path / "deep" / "tower"
    for given, code in (("cut.pt", 2), ("no-such-tag", 2)):
        result = make("--weights", tmp_path / given, "--out", out)
        assert result.exit_code == code
        assert result.stderr.startswith("error: expected ")
        assert len(result.stderr.splitlines()) == 1
        assert not out.parent.exists()


def test_a_tower_that_is_there_is_kept(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    result = make("--weights", weights, "--out", tmp_path)
    assert result.exit_code == 7
    assert "--overwrite" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert make("--weights", weights, "--out", tmp_path, "--overwrite").exit_code == 0
    assert (tmp_path / "text_tower.safetensors").is_file()
