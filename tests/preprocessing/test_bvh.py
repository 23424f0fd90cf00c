from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.bvh import read_bvh
from motion_preprocessing.errors import InputError

ARM = """HIERARCHY
ROOT base
{
  OFFSET 1 1 1
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT elbow
  {
    OFFSET 2 0 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    End Site
    {
      OFFSET 0 3 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.0333333
5 6 7 90 0 0 0 0 0
5 6 7 90 0 0 0 0 90
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "arm.bvh"
    path.write_text(text)
    return path


def test_right_angles_put_the_joints_where_they_belong(tmp_path: Path) -> None:
    bvh = read_bvh(write(tmp_path, ARM))
    assert bvh.names == ("base", "elbow", "elbow_end")
    assert bvh.parents == (-1, 0, 1)
    positions, _ = bvh.pose()
    # The base turned by 90 degrees about z lays +x along +y and +y along -x.
    np.testing.assert_allclose(positions[0], [[5, 6, 7], [5, 8, 7], [2, 8, 7]], atol=1e-12)
    # The elbow's own turn about x comes first: +y -> +z, which the base's turn leaves alone.
    np.testing.assert_allclose(positions[1, 2], [5, 8, 10], atol=1e-12)


def test_euler_order_against_scipy(tmp_path: Path) -> None:
    angles = (31.0, -52.0, 77.0)
    row = "0 0 0 " + " ".join(map(str, angles)) + " 10 20 30"
    bvh = read_bvh(write(tmp_path, ARM.replace("Frames: 2", "Frames: 1").split("5 6 7")[0] + row + "\n"))
    _, rotations = bvh.pose()
    base = Rotation.from_euler("ZYX", angles, degrees=True)
    elbow = base * Rotation.from_euler("ZYX", (10, 20, 30), degrees=True)
    np.testing.assert_allclose(rotations[0, 0], base.as_matrix(), atol=1e-12)
    np.testing.assert_allclose(rotations[0, 1], elbow.as_matrix(), atol=1e-12)


def test_rest_frame_is_dropped_and_becomes_the_reference(tmp_path: Path) -> None:
    motion = read_bvh(write(tmp_path, ARM)).motion(unit_m=0.5, fps=24.0, rest_frame=0)
    assert motion.fps == 24.0
    assert motion.joints_m.shape == (1, 3, 3)
    np.testing.assert_allclose(motion.rest_joints_m, [[0, 0, 0], [0, 1, 0], [-1.5, 1, 0]], atol=1e-12)
    np.testing.assert_allclose(motion.rotations[0, 0], np.eye(3), atol=1e-12)
    for node, parent in ((1, 0), (2, 1)):
        bone = motion.rest_joints_m[node] - motion.rest_joints_m[parent]
        expected = motion.joints_m[0, node] - motion.joints_m[0, parent]
        np.testing.assert_allclose(motion.rotations[0, parent] @ bone, expected, atol=1e-12)


def test_without_a_rest_frame_the_zero_pose_is_the_reference(tmp_path: Path) -> None:
    motion = read_bvh(write(tmp_path, ARM)).motion(unit_m=1.0, fps=30.0)
    assert motion.joints_m.shape == (2, 3, 3)
    np.testing.assert_allclose(motion.rest_joints_m, [[0, 0, 0], [2, 0, 0], [2, 3, 0]], atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("MOTION", "", "MOTION"),
        ("5 6 7 90 0 0 0 0 90\n", "", "truncated"),
        ("5 6 7 90 0 0 0 0 90", "5 6 7 90 0 0 0 0", "9 channel values, got 8"),
        ("5 6 7 90 0 0 0 0 90", "5 6 7 90 0 0 0 0 90 1", "9 channel values, got 10"),
        ("5 6 7 90 0 0 0 0 90", "5 6 7 90 0 nan 0 0 90", "NaN"),
        ("5 6 7 90 0 0 0 0 90", "5 6 7 90 0 x 0 0 90", "numbers"),
        ("CHANNELS 3 Zrotation", "CHANNELS 4 Zrotation", "channel"),
        ("OFFSET 2 0 0", "OFFSET 2 nan 0", "finite"),
        ("OFFSET 2 0 0", "OFFSET 2 0", "number"),
        ("Frames: 2", "Frames: 0", "frames"),
        ("JOINT elbow", "JOINT base", "unique"),
        ("HIERARCHY", "HIERARCHIE", "HIERARCHY"),
        ("MOTION\n", "}\nMOTION\n", "one ROOT"),
        ("HIERARCHY\n", "HIERARCHY\n}\n", "expected ROOT, got '}'"),
        ("  }\n}\nMOTION", "  }\nMOTION", "truncated"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in ARM
    with pytest.raises(InputError, match=says) as caught:
        read_bvh(write(tmp_path, ARM.replace(old, new, 1)))
    assert "\n" not in str(caught.value)
    assert "arm.bvh" in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.bvh"):
        read_bvh(tmp_path / "none.bvh")
