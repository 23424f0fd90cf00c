from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.amc import amc_motion, read_amc, read_asf
from motion_preprocessing.errors import InputError

ASF = """:version 1.10
:name TEST
:units
  mass 1.0
  length 0.45
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata
  begin
    id 1
    name upper
    direction 0 0 1
    length 2
    axis 0 0 90 XYZ
    dof rx
    limits (-180 180)
  end
  begin
    id 2
    name lower
    direction 1 0 0
    length 3
    axis 10 20 30 XYZ
    dof rx ry rz
  end
  begin
    id 3
    name stub
    direction 0 1 0
    length 1
    axis 0 0 0 XYZ
  end
:hierarchy
  begin
    root upper stub
    upper lower
  end
"""
AMC = """#!OML:ASF x
:FULLY-SPECIFIED
:DEGREES
1
root 4 5 6 0 0 0
upper 90
lower 0 0 0
2
root 4 5 6 0 90 0
upper 0
lower 11 22 33
"""


def write(tmp_path: Path, asf: str = ASF, amc: str = AMC) -> tuple[Path, Path]:
    (tmp_path / "test.asf").write_text(asf)
    (tmp_path / "test.amc").write_text(amc)
    return tmp_path / "test.asf", tmp_path / "test.amc"


def test_a_bone_turns_about_its_own_axes_at_its_start(tmp_path: Path) -> None:
    asf, amc = write(tmp_path)
    skeleton = read_asf(asf)
    motion = amc_motion(skeleton, read_amc(amc, skeleton), unit_m=0.1, fps=30.0)
    node = {name: index for index, name in enumerate(motion.names)}
    # The axes of `upper` are turned by 90 degrees about z, so its rx is a turn about +y: +z -> +x.
    start = motion.joints_m[0, node["upper"]]
    np.testing.assert_allclose(start, [0.4, 0.5, 0.6], atol=1e-12)
    np.testing.assert_allclose(motion.joints_m[0, node["lower"]] - start, [0.2, 0, 0], atol=1e-12)
    # `lower` is carried along: +x -> -z. Its end is a node of its own.
    end = motion.joints_m[0, node["lower_end"]] - motion.joints_m[0, node["lower"]]
    np.testing.assert_allclose(end, [0, 0, -0.3], atol=1e-12)
    np.testing.assert_allclose(motion.rest_joints_m[node["lower_end"]], [0.3, 0, 0.2], atol=1e-12)
    # The root's second frame: a turn about y by 90 degrees, +z -> +x.
    end = motion.joints_m[1, node["lower"]] - motion.joints_m[1, node["upper"]]
    np.testing.assert_allclose(end, [0.2, 0, 0], atol=1e-12)


def test_rotation_order_against_scipy(tmp_path: Path) -> None:
    asf, amc = write(tmp_path)
    skeleton = read_asf(asf)
    motion = amc_motion(skeleton, read_amc(amc, skeleton), unit_m=1.0, fps=30.0)
    # Lower-case letters are scipy's fixed axes: x first.
    axes = Rotation.from_euler("xyz", (10, 20, 30), degrees=True)
    turn = Rotation.from_euler("xyz", (11, 22, 33), degrees=True)
    expected = Rotation.from_euler("y", 90, degrees=True) * axes * turn * axes.inv()
    np.testing.assert_allclose(motion.rotations[1, motion.names.index("lower")], expected.as_matrix(), atol=1e-12)


def test_the_skeleton_says_its_length_unit(tmp_path: Path) -> None:
    asf, amc = write(tmp_path)
    skeleton = read_asf(asf)
    values = read_amc(amc, skeleton)
    length = re.search(r"length ([0-9.]+)", asf.read_text())
    assert length is not None
    # Values divided by `length` are inches.
    expected = amc_motion(skeleton, values, unit_m=0.0254 / float(length[1]), fps=30.0)
    assert (amc_motion(skeleton, values, fps=30.0).joints_m == expected.joints_m).all()
    asf, _ = write(tmp_path, asf=asf.read_text().replace(length[0], "length 1.0", 1))
    inches = amc_motion(read_asf(asf), values, fps=30.0)
    np.testing.assert_allclose(inches.joints_m[0, 0], np.array([4, 5, 6]) * 0.0254, atol=1e-12)


def test_every_child_lies_where_its_parents_rotation_puts_it(tmp_path: Path) -> None:
    asf, amc = write(tmp_path)
    skeleton = read_asf(asf)
    motion = amc_motion(skeleton, read_amc(amc, skeleton), unit_m=0.05, fps=30.0)
    # A bone's vector is turned by the bone itself, which is why its nodes lie at the STARTS.
    for name, child in (("upper", "lower"), ("lower", "lower_end"), ("stub", "stub_end")):
        a, b = motion.names.index(name), motion.names.index(child)
        turned = motion.rotations[:, a] @ (motion.rest_joints_m[b] - motion.rest_joints_m[a])
        np.testing.assert_allclose(motion.joints_m[:, b] - motion.joints_m[:, a], turned, atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("upper 0\n", "tail 0\n", "'tail' .no such bone"),
        ("upper 0\n", "stub 0\n", "'stub' .no channels"),
        ("upper 0\n", "upper 0 0\n", "1 values, got 2"),
        ("upper 0\n", "upper nan\n", "finite"),
        ("upper 0\n", "upper x\n", "numbers"),
        ("lower 11 22 33\n", "", "none of 'lower' for frame 2"),
        ("lower 11 22 33\n", "lower 11 22", "3 values, got 2"),
        ("1\nroot", "root", "frame number"),
        (AMC, "", "frames"),
    ],
)
def test_bad_motion_is_refused_in_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in AMC
    asf, amc = write(tmp_path, amc=AMC.replace(old, new, 1))
    with pytest.raises(InputError, match=says) as caught:
        read_amc(amc, read_asf(asf))
    assert "\n" not in str(caught.value)
    assert "test.amc" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (":hierarchy", ":other", "hierarchy"),
        ("upper lower", "upper lower tail", "'tail'"),
        ("root upper stub", "root stub", "apart"),
        ("length 2\n", "", "'length'"),
        ("length 2\n", "length two\n", "numbers"),
        ("length 0.45", "length 0", "positive"),
    ],
)
def test_bad_skeletons_are_refused_in_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in ASF
    asf, _ = write(tmp_path, asf=ASF.replace(old, new, 1))
    with pytest.raises(InputError, match=says) as caught:
        read_asf(asf)
    assert "\n" not in str(caught.value)
