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
from motion_export.checkpoint_model import load_model  # noqa: E402
from motion_preprocessing.errors import BundleError  # noqa: E402
from motion_runtime.bundle import Bundle  # noqa: E402
from motion_train import bundle_weights, checkpoint, config  # noqa: E402
from motion_train.bundle_weights import unpack, write_run  # noqa: E402
from motion_train.cli import main  # noqa: E402
from motion_train.config import DataConfig, TrainConfig, to_dict  # noqa: E402
from motion_train.initial import load_initial, tower_of  # noqa: E402


def _settings(model: Model) -> TrainConfig:
    return TrainConfig(model=model.denoiser.config, data=DataConfig(people=2, identities=4))


@pytest.fixture(scope="module")
def trained(toy_model: Model) -> Model:
    """The toy model with numbers in every weight: what was never trained has biases that are all alike."""
    denoiser, tower = deepcopy(toy_model.denoiser), deepcopy(toy_model.tower)
    told = {
        "config": to_dict(_settings(toy_model)), "steps": 7, "minutes": 2.0, "text_tower": "toy",
        "dataset": {"sequences": 3},
    }  # fmt: skip
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


def test_it_names_its_own_tower_and_no_dataset(
    trained: Model, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the same name beside it is another."""
    trained.tower.save(tmp_path / "tower")
    monkeypatch.chdir(tmp_path)
    folder = write_run(unpack(bundle), tmp_path / "base")
    saved = checkpoint.load(folder)
    assert saved.config.data.text_tower == str(tmp_path / "base" / "text_tower")
    assert (saved.config.data.dataset, saved.config.teacher.share, saved.config.run.initial) == ("", 0.0, "")
    tower = tower_of(saved)
    assert tower is not None
    assert load_model(folder).tower.config == tower.config


def test_weights_that_are_alike_come_back_too(toy_model: Model, tmp_path: Path) -> None:
    """What was never trained has biases of zeros, of which the tracer keeps one."""
    told = {"config": to_dict(_settings(toy_model))}
    found = unpack(write_bundle(replace(toy_model, training=told), tmp_path / "toy", people=(1,), frames=(10,)))
    old, new = toy_model.denoiser.state_dict(), found.denoiser.state_dict()
    assert [name for name in old if not torch.equal(old[name], new[name])] == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("scene_in.weight", "expected what the graphs say"),
        ("layers.1.attention.value.weight", "expected what the graphs say"),
        ("time_in.0.weight", "expected what the graphs say"),
        ("null_text", "expected what the graphs say"),
        ("transformer.resblocks.0.attn.out_proj.weight", "expected a CLIP text transformer"),
    ],
)
def test_weights_that_do_not_say_what_the_graphs_say_are_refused(
    wrong: str, message: str, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = bundle_weights._parameters

    def altered(*arguments: Any) -> Mapping[str, Any]:
        """Transposed where that has the same shape, else turned round."""
        return {name: (value.T if value.ndim == 2 and len(set(value.shape)) == 1 else value[::-1]).copy()
                if name == wrong else value for name, value in read(*arguments).items()}  # fmt: skip

    monkeypatch.setattr(bundle_weights, "_parameters", altered)
    with pytest.raises(BundleError, match=message):
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
