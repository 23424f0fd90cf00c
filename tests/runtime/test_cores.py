"""Cores granted by affinity and control groups."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from motion_runtime import cores
from motion_runtime.cores import cgroup_quota, granted_cores, has_8bit_products


def groups(tmp_path: Path, own: str, files: dict[str, str]) -> tuple[Path, Path]:
    root = tmp_path / "cgroup"
    root.mkdir()
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    own_file = tmp_path / "own"
    own_file.write_text(own)
    return root, own_file


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {}, math.inf),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2.0),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/../outside\n", {"cpu.max": "300000 100000"}, 3.0),
        ("3:cpu,cpuacct:/x\n", {"cpu/x/cpu.cfs_quota_us": "400000", "cpu/x/cpu.cfs_period_us": "100000"}, 4.0),
        ("3:memory:/x\n", {"cpu/x/cpu.cfs_quota_us": "400000", "cpu/x/cpu.cfs_period_us": "100000"}, math.inf),
        ("", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ("rubbish\n", {"cpu.max": "rubbish here too\n"}, math.inf),
        ("0::/\n", {"cpu.max": "100000 0\n"}, math.inf),
    ],
)
def test_quota(tmp_path: Path, own: str, files: dict[str, str], expected: float) -> None:
    assert cgroup_quota(*groups(tmp_path, own, files)) == expected


def test_no_control_groups(tmp_path: Path) -> None:
    assert cgroup_quota(tmp_path / "none", tmp_path / "neither") == math.inf


@pytest.mark.parametrize(("quota", "expected"), [(math.inf, 6), (8.0, 6), (2.0, 2), (1.5, 2), (0.2, 1)])
def test_granted_cores(monkeypatch: pytest.MonkeyPatch, quota: float, expected: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)), raising=False)
    monkeypatch.setattr(cores, "cgroup_quota", lambda: quota)
    assert granted_cores() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nmodel name : X\nflags\t\t: fpu avx2 avx512_vnni\n", True),
        ("flags\t: fpu avx2 avx_vnni\n", True),
        ("Features\t: fp asimd asimddp\n", True),
        ("flags\t\t: fpu avx2\nmodel name : with avx512_vnni in its name\n", False),
        ("", False),
    ],
)
def test_8bit_products_are_read_from_the_flags(tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert has_8bit_products(tmp_path / "cpuinfo") is expected


def test_8bit_products_where_the_system_does_not_tell(tmp_path: Path) -> None:
    assert has_8bit_products(tmp_path / "nowhere") is False
