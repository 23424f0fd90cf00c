"""Depth models in ONNX: tiny graphs whose answer is known in closed form, through the command line too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from motion_preprocessing.cli import cli
from motion_preprocessing.depth.maps import load_depth_map
from motion_preprocessing.depth.model import IMAGENET_MEAN, IMAGENET_STD, DepthModel, DepthModelConfig
from motion_preprocessing.errors import InputError

PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


def _model(path: Path, height: int | str, width: int | str, *, keep: int = 1, channels: int = 3) -> Path:
    """A graph whose map is 5 * red + 1, and whose second output is the input."""
    weights = np.zeros((1, channels, 1, 1), np.float32)
    weights[0, 0] = 5.0
    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["conv"]),
        helper.make_node("Identity", ["conv"], ["map"]) if keep
        else helper.make_node("Squeeze", ["conv", "axis"], ["map"]),
        helper.make_node("Identity", ["image"], ["copy"]),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes, "depth",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, channels, height, width])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, None),
         helper.make_tensor_value_info("copy", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(np.ones(1, np.float32), "b"),
         numpy_helper.from_array(np.array([1], np.int64), "axis")],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def _ramp(width: int, height: int) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.linspace(0, 250, width)[None].round()
    image[..., 1] = 77
    return image


@pytest.mark.parametrize(("size", "keep"), [((28, 42), 1), (("h", "w"), 0)])
def test_the_map_is_the_models_at_the_pictures_size(size: tuple[int, int], keep: int, tmp_path: Path) -> None:
    image = _ramp(96, 64)
    config = DepthModelConfig("metric", unit_m=0.5, short_side=28, threads=1, **PLAIN)
    model = DepthModel.load(_model(tmp_path / "d.onnx", *size, keep=keep), config)
    assert model.input_size(96, 64) == (42, 28)  # 96 * 28 / 64, to a multiple of 14
    depth = model.run(image)
    assert depth.values.shape == (64, 96)
    assert (depth.kind, depth.unit_m) == ("metric", 0.5)
    expected = 5.0 * image[..., 0] / 255.0 + 1.0
    # Inside, a ramp survives shrinking and enlarging; at the rim the mean over a larger pixel is one-sided.
    np.testing.assert_allclose(depth.values[:, 6:-6], expected[:, 6:-6], atol=0.03)


def test_colours_are_normalised_in_the_order_red_green_blue(tmp_path: Path) -> None:
    image = np.zeros((28, 28, 3), np.uint8)
    image[:] = (10, 100, 200)
    model = DepthModel.load(_model(tmp_path / "d.onnx", 28, 28), DepthModelConfig("disparity", threads=1))
    expected = (np.array([10, 100, 200]) / 255 - IMAGENET_MEAN) / IMAGENET_STD
    np.testing.assert_allclose(model.prepared(image)[0, :, 3, 4], expected, rtol=1e-5)
    np.testing.assert_allclose(model.run(image).values, 5 * expected[0] + 1, rtol=1e-5)


def test_the_size_follows_the_short_side_of_either_orientation(tmp_path: Path) -> None:
    model = DepthModel.load(_model(tmp_path / "d.onnx", "h", "w"), DepthModelConfig("disparity", threads=1))
    assert model.input_size(1920, 1080) == (924, 518)
    assert model.input_size(1080, 1920) == (518, 924)


def test_what_is_no_depth_model_is_refused(tmp_path: Path) -> None:
    config = DepthModelConfig("disparity", short_side=28, threads=1, **PLAIN)
    with pytest.raises(InputError, match="got no file for .*absent.onnx"):
        DepthModel.load(tmp_path / "absent.onnx", config)
    (tmp_path / "bad.onnx").write_bytes(b"bad")
    with pytest.raises(InputError, match=r"expected an ONNX model, got .* for .*bad\.onnx; export it again") as bad:
        DepthModel.load(tmp_path / "bad.onnx", config)
    assert "\n" not in str(bad.value)
    with pytest.raises(InputError, match=r"expected one input of floats \(1, 3, H, W\), got image tensor\(float\)"):
        DepthModel.load(_model(tmp_path / "one.onnx", 28, 28, channels=1), config)
    good = _model(tmp_path / "d.onnx", 28, 28)
    with pytest.raises(InputError, match="expected one of map, copy, got output 'depth'"):
        DepthModel.load(good, DepthModelConfig("disparity", output="depth"))
    with pytest.raises(InputError, match=r"expected a map \(H, W\), got \(1, 3, 28, 28\) for the output copy"):
        DepthModel.load(good, DepthModelConfig("disparity", output="copy")).run(_ramp(28, 28))
    with pytest.raises(InputError, match="expected a kind of disparity, metric, depth, focal_metric, got 'points'"):
        DepthModelConfig("points")
    with pytest.raises(InputError, match="expected bytes"):
        DepthModel.load(good, config).run(np.zeros((4, 4, 3)))


def test_the_command_writes_a_map_a_picture_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    frames, out = tmp_path / "frames", tmp_path / "out"
    frames.mkdir()
    for number in (0, 10):
        Image.fromarray(_ramp(60, 40)).save(frames / f"{number:06d}.png")
    (frames / "notes.txt").write_text("no picture")
    model = str(_model(tmp_path / "d.onnx", "h", "w"))
    plain = ["--mean", "0", "0", "0", "--std", "1", "1", "1", "--short-side", "28", "--threads", "1"]
    arguments = ["depth", str(frames), str(out), "--model", model, "--kind", "metric", *plain]
    first = CliRunner().invoke(cli, [*arguments, "--preview"], catch_exceptions=False)
    assert first.exit_code == 0
    assert "2 of 2 maps of kind metric written" in first.output
    names = ["000000.npz", "000000.preview.png", "000010.npz", "000010.preview.png"]
    assert sorted(p.name for p in out.iterdir()) == names
    depth = load_depth_map(out / "000010.npz", "metric")
    assert depth.values[20, 30] == pytest.approx(1 + float(_ramp(60, 40)[20, 30, 0]) / 51, abs=0.05)
    preview = np.asarray(Image.open(out / "000010.preview.png"))
    assert preview[20, 5] > preview[20, 55]  # near is light
    (out / "000010.npz").unlink()
    kept = (out / "000000.npz").stat().st_mtime_ns
    again = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert "1 of 2 maps" in again.output
    assert (out / "000000.npz").stat().st_mtime_ns == kept


def test_the_command_names_what_is_missing(tmp_path: Path) -> None:
    model = str(_model(tmp_path / "d.onnx", 28, 28))
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for frames, message in (
        ("empty", "expected pictures"), ("absent", "got nothing at"), ("broken.png", "expected a picture, got")
    ):  # fmt: skip
        arguments = ["depth", str(tmp_path / frames), str(tmp_path / "out"), "--model", model, "--kind", "disparity"]
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 2
        assert message in result.output
        assert "Traceback" not in result.output
    result = CliRunner().invoke(cli, ["depth", "x", "y", "--model", model])
    assert result.exit_code == 2
    assert "--kind" in result.output
