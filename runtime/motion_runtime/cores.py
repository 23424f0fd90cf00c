"""How many CPU cores this process may really use, cut by affinity and the container's quota, and what they can do."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

_CGROUP_ROOT: Final = Path("/sys/fs/cgroup")
_OWN_CGROUP: Final = Path("/proc/self/cgroup")
_CPU_INFO: Final = Path("/proc/cpuinfo")
_8BIT_PRODUCTS: Final = frozenset({"avx512_vnni", "avx_vnni", "asimddp", "i8mm"})


def granted_cores() -> int:
    """Cores granted by the scheduler's affinity and by cgroup quotas (v2 and v1), at least 1.

    A container limited to 2 cores on a 64-core host still sees 64; that many threads would only fight each other.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, math.ceil(min(float(cores), cgroup_quota())))


def has_8bit_products(info: Path = _CPU_INFO) -> bool:
    """Whether the CPU multiplies and adds 8-bit numbers in one instruction; False where the system does not tell.

    Without it 8-bit kernels are hardly faster than fp32, and on older x86 their sums of two products saturate.
    """
    try:
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = (line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "features")))
    return bool(_8BIT_PRODUCTS & set(next(flags, [])))


def cgroup_quota(root: Path = _CGROUP_ROOT, own: Path = _OWN_CGROUP) -> float:
    """Cores' worth of time a period that the process's control groups allow; infinite where there is no limit.

    Args:
        root: Where the control groups are mounted.
        own: The file that says which ones this process is in.
    """
    quota = math.inf
    for folder in _group_folders(root, own):
        quota = min(quota, _quota_v2(folder / "cpu.max"), _quota_v1(folder))
    return quota


def _group_folders(root: Path, own: Path) -> list[Path]:
    """Folders of the process's own groups and of all groups above them: the tightest limit holds."""
    folders = [root, root / "cpu"]
    try:
        lines = own.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return folders
    for line in lines:
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        folder = root / "cpu" if controllers else root
        for part in path.strip("/").split("/"):
            if part in ("", ".."):
                break
            folder = folder / part
            folders.append(folder)
    return folders


def _quota_v2(path: Path) -> float:
    fields = _fields(path)
    if len(fields) != 2 or fields[0] == "max":
        return math.inf
    return _share(fields[0], fields[1])


def _quota_v1(folder: Path) -> float:
    quota, period = _fields(folder / "cpu.cfs_quota_us"), _fields(folder / "cpu.cfs_period_us")
    if len(quota) != 1 or len(period) != 1:
        return math.inf
    return _share(quota[0], period[0])


def _share(quota: str, period: str) -> float:
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return math.inf
    return share if share > 0 else math.inf  # v1 writes -1 for 'no limit'


def _fields(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return []
