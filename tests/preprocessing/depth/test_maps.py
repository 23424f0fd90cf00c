"""Depth map files and what their kinds allow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.depth.maps import DepthMap, load_depth_map, save_depth_map
from motion_preprocessing.depth.resize import resize_labels, resize_map
from motion_preprocessing.errors import InputError

CAMERA = Intrinsics(600.0, 600.0, 320.0, 240.0, 640, 480)


def test_the_three_file_formats_hold_the_same_map(tmp_path: Path) -> None:
    millimetres = np.arange(12, dtype=np.uint16).reshape(3, 4) * 1000
    Image.fromarray(millimetres).save(tmp_path / "m.png")
    np.save(tmp_path / "m.npy", (millimetres / 1000).astype(np.float32)[None, None])  # a network's batch and channel
    np.savez(tmp_path / "m.npz", depth=millimetres / 1000, other=np.zeros(2))
    expected = np.where(millimetres > 0, millimetres / 1000, np.nan)
    for name, unit in (("m.png", 1e-3), ("m.npy", 1.0), ("m.npz", 1.0)):
        loaded = load_depth_map(tmp_path / name, "metric", unit_m=unit)
        np.testing.assert_allclose(loaded.metres(CAMERA), expected, rtol=1e-6)
    save_depth_map(tmp_path / "new" / "s.npz", DepthMap(millimetres * 1.0, "metric", 1e-3))
    again = load_depth_map(tmp_path / "new" / "s.npz", "metric", unit_m=1e-3)
    np.testing.assert_allclose(again.metres(CAMERA), expected)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["s.npz"]


def test_kinds_in_metres() -> None:
    values = np.full((240, 320), 5.0)
    # Depth Anything 3's metric model saw 320 pixels: the focal length at that size is 300, the canonical one.
    assert np.all(DepthMap(values, "focal_metric").metres(CAMERA) == 5.0)
    assert np.all(DepthMap(np.full((480, 640), 5.0), "focal_metric").metres(CAMERA) == 10.0)
    points = CAMERA.backproject(np.full((480, 640), 2.5))
    np.testing.assert_allclose(DepthMap(points, "points").metres(CAMERA), 2.5)
    for kind in ("depth", "disparity"):
        with pytest.raises(InputError, match=f"expected a map in metres .*, got kind '{kind}'"):
            DepthMap(values, kind).metres(CAMERA)


@pytest.mark.parametrize("kind", ["metric", "depth", "focal_metric"])
def test_only_a_disparity_is_a_disparity(kind: str) -> None:
    with pytest.raises(InputError, match=f"expected a disparity to fit .* got kind '{kind}'"):
        DepthMap(np.ones((2, 2)), kind).disparity()


def test_empty_maps_are_refused_with_one_line(tmp_path: Path) -> None:
    np.save(tmp_path / "zero.npy", np.zeros((4, 4)))
    np.save(tmp_path / "nan.npy", np.full((4, 4), np.nan))
    np.save(tmp_path / "flat.npy", np.ones((4, 4)))
    with pytest.raises(InputError, match=r"expected depths above 0, got none for .*zero\.npy; .*") as zero:
        load_depth_map(tmp_path / "zero.npy", "metric").metres(CAMERA)
    with pytest.raises(InputError, match=r"expected finite disparities, got only NaN for .*nan\.npy") as nan:
        load_depth_map(tmp_path / "nan.npy", "disparity").disparity()
    with pytest.raises(InputError, match="expected disparities that differ"):
        load_depth_map(tmp_path / "flat.npy", "disparity").disparity()
    assert "\n" not in str(zero.value) + str(nan.value)


def test_files_that_are_no_maps(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "eight.png")
    np.save(tmp_path / "line.npy", np.zeros(5))
    np.save(tmp_path / "words.npy", np.array([["a", "b"]]))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 2)), b=np.zeros((2, 2)))
    (tmp_path / "broken.npz").write_bytes(b"PK nothing")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    for name, message in (
        ("eight.png", "expected a 16-bit grey .png, got mode L"),
        ("line.npy", r"expected an array \(H, W\), got \(5,\)"),
        ("words.npy", "expected numbers"),
        ("object.npy", "expected a depth map, got"),
        ("two.npz", "expected an array 'depth', got a, b"),
        ("broken.npz", "expected a depth map"),
        ("broken.png", "expected a depth map"),
        ("absent.npy", "No such file"),
        ("map.exr", "expected .npy, .npz or .png, got '.exr'"),
    ):
        with pytest.raises(InputError, match=message):
            load_depth_map(tmp_path / name, "metric")
    with pytest.raises(InputError, match="expected a kind of disparity, .* got 'inverse'"):
        DepthMap(np.ones((2, 2)), "inverse")
    with pytest.raises(InputError, match="expected a unit above 0"):
        DepthMap(np.ones((2, 2)), "metric", 0.0)


def test_resizing_keeps_a_ramp_and_does_not_spread_gaps() -> None:
    rows, columns = np.mgrid[0:30, 0:40] + 0.5
    ramp = 2.0 * columns + 3.0 * rows
    larger = resize_map(ramp, 120, 60)
    r, c = np.mgrid[0:60, 0:120] + 0.5
    expected = 2.0 * c / 3 + 3.0 * r / 2
    np.testing.assert_allclose(larger[2:-2, 3:-3], expected[2:-2, 3:-3], rtol=1e-5)
    ramp[10:14, 10:20] = np.nan
    holed = resize_map(ramp, 120, 60)
    assert np.isnan(holed[22:26, 34:56]).all()
    known = np.isfinite(holed)
    assert known.mean() > 0.95
    # Beside the gap the means are one-sided: off by no more than half an old pixel's slope.
    assert np.nanmax(np.abs(holed - expected)[3:-3, 3:-3]) < 2.5
    doubled = resize_labels(np.array([[1, 2], [3, 4]]), 4, 4)
    assert doubled.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
