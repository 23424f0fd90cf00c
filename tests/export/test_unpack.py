"""A bundle's weights come back as they were written, and nothing else passes for them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from click.testing import CliRunner  # noqa: E402

from motion_export.bundle_writer import Model, write_bundle  # noqa: E402
from motion_preprocessing.errors import BundleError  # noqa: E402
from motion_runtime.bundle import Bundle  # noqa: E402
from motion_train import bundle_weights, checkpoint, config  # noqa: E402
from motion_train.bundle_weights import unpack, write_run  # noqa: E402
from motion_train.cli import main  # noqa: E402
from motion_train.config import DataConfig, TrainConfig, to_dict  # noqa: E402
from motion_train.initial import load_initial  # noqa: E402


@pytest.fixture(scope="module")
def trained(toy_model: Model) -> Model:
    """The toy model with numbers in every weight: what was never trained has biases that are all alike."""
    denoiser, tower = deepcopy(toy_model.denoiser), deepcopy(toy_model.tower)
    settings = TrainConfig(model=denoiser.config, data=DataConfig(people=2, identities=4))
    told = {"config": to_dict(settings), "steps": 7, "minutes": 2.0, "text_tower": "toy", "dataset": {"sequences": 3}}
    model = replace(toy_model, denoiser=denoiser, tower=tower, training=told)
    with torch.no_grad():
        for module in (model.denoiser, model.tower):
            for parameter in module.parameters():
                parameter.normal_(std=0.3)
    return model


@pytest.fixture(scope="module")
def bundle(trained: Model, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_bundle(trained, tmp_path_factory.mktemp("unpack") / "toy", people=(1, 2), frames=(10,))


def test_every_weight_comes_back_to_the_bit(trained: Model, bundle: Bundle) -> None:
    found = unpack(bundle)
    for before, after in ((trained.denoiser, found.denoiser), (trained.tower, found.tower)):
        old, new = before.state_dict(), after.state_dict()
        assert old.keys() == new.keys()
        assert [name for name in old if not torch.equal(old[name], new[name])] == []
    assert replace(found.tower.config, source=trained.tower.config.source) == trained.tower.config
    assert asdict(found.config.model) == asdict(trained.denoiser.config)


def test_what_is_written_is_a_run_that_others_start_from(trained: Model, bundle: Bundle, tmp_path: Path) -> None:
    write_run(unpack(bundle), tmp_path)
    saved = checkpoint.load(checkpoint.find(tmp_path))
    assert saved.progress.step == 7
    assert saved.progress.elapsed_s == 120.0
    assert saved.data == {"fps": trained.fps, "credits": [trained.credits], "sequences": 3}
    np.testing.assert_array_equal(saved.normaliser.mean, trained.mean)
    np.testing.assert_array_equal(saved.normaliser.std, trained.std)
    assert all(torch.equal(saved.ema[name], value) for name, value in trained.denoiser.state_dict().items())
    assert saved.optimizer == {}


def test_weights_that_do_not_say_what_the_graphs_say_are_refused(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = bundle_weights._parameters

    def altered(*arguments: Any) -> Mapping[str, Any]:
        return {name: value.T.copy().reshape(value.shape) if "scene_in.weight" in name else value
                for name, value in read(*arguments).items()}  # fmt: skip

    monkeypatch.setattr(bundle_weights, "_parameters", altered)
    with pytest.raises(BundleError, match="expected what the graphs say"):
        unpack(bundle)


def test_a_bundle_that_does_not_tell_its_training_is_refused(exported: Bundle) -> None:
    with pytest.raises(BundleError, match="expected the training's settings"):
        unpack(exported)


def test_the_built_in_model_is_unpacked_by_the_command(tmp_path: Path) -> None:
    out = tmp_path / "base"
    done = CliRunner().invoke(main, ["unpack", "--out", str(out)])
    assert done.exit_code == 0, done.output
    saved = checkpoint.load(checkpoint.find(out))
    assert saved.config.model.layers == 8
    assert saved.data is not None
    assert "mocap.cs.cmu.edu" in " ".join(saved.data["credits"])
    further = Path(__file__).parents[2] / "train" / "configs" / "further.toml"
    load_initial(out, config.load(further, (), {"run.initial": str(out)}))  # of one size
    again = CliRunner().invoke(main, ["unpack", "--out", str(out)])
    assert again.exit_code != 0
    assert "expected" in again.output
