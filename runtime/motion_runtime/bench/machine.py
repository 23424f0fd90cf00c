"""What a benchmark ran on: recorded beside every result."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any, Final

from motion_runtime.cores import granted_cores

PACKAGES: Final = ("scene-motion", "numpy", "onnxruntime", "onnxruntime-gpu", "openvino", "torch")


def describe() -> dict[str, Any]:
    """CPU, cores, memory, load and versions."""
    return {
        "cpu": _cpu_model(),
        "cores_granted": granted_cores(),
        "cores_seen": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "load_before": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def in_words(machine: dict[str, Any]) -> str:
    """One line for a table's caption."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if name != "scene-motion")
    return f"{machine['cores_granted']} cores of {machine['cpu']}, {machine['system']}, {versions}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown CPU"


def _memory_gb() -> float | None:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal"):
            return round(int(line.split()[1]) / 1e6, 1)
    return None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
