"""Whole motions: from a new process, and in bulk."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from motion_preprocessing.errors import InputError
from motion_runtime.generator import Generator
from motion_runtime.jobs.fields import Job
from motion_runtime.jobs.finished import Settings
from motion_runtime.jobs.make import make_jobs
from motion_runtime.jobs.plan import Planned
from motion_runtime.jobs.rooms import Rooms

PROMPT: Final = "a person walks forward and sits down"
_COLD: Final = """
import json, sys, time
started, folder, prompt, seconds, provider, precision = float(sys.argv[1]), *sys.argv[2:]
from pathlib import Path
from motion_runtime import GenerationRequest, Generator
first = []
generator = Generator.load(Path(folder), provider, precision)
request = GenerationRequest(prompts=(prompt,), seconds=float(seconds))
generator.generate(request, progress=lambda done, total: first or first.append(time.time() - started))
done = time.time() - started
status = Path("/proc/self/status")  # getrusage counts the parent's memory from before this program replaced it
if status.is_file():
    peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
elif sys.platform == "darwin":
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
else:
    peak = None
print(json.dumps({"first_step_s": first[0], "motion_s": done, "peak_mb": peak, "torch": "torch" in sys.modules}))
"""


def measure_cold(
    folder: Path, seconds: float, rounds: int, provider: str = "auto", precision: str = "auto"
) -> dict[str, dict[str, float]]:
    """Start new processes that make one motion each; the first one only warms the file cache.

    Returns:
        Minimum and median of `first_step_s` (from the process's start to the end of the first denoising step),
        `motion_s` and `peak_mb`, the last where the system tells.

    Raises:
        InputError: A process failed.
    """
    kept: list[dict[str, Any]] = []
    for number in range(rounds + 1):
        arguments = [str(time.time()), str(folder), PROMPT, str(seconds), provider, precision]
        done = subprocess.run([sys.executable, "-c", _COLD, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason"])[-1]
            raise InputError(f"expected a motion, got '{reason}' from a new process; mend that first")
        if number:
            kept.append(json.loads(done.stdout.splitlines()[-1]))
    assert not any(result["torch"] for result in kept)
    return {
        key: {"min": min(r[key] for r in kept), "median": float(np.median([r[key] for r in kept]))}
        for key in ("first_step_s", "motion_s", "peak_mb")
        if kept[0][key] is not None
    }


def measure_bulk(generator: Generator, motions: int, seconds: float, batch: int = 1) -> dict[str, float]:
    """Make motions as `motion-run --jobs` does, into a folder that is thrown away; loading kernels is timed too.

    Args:
        generator: What makes them.
        motions: How many.
        seconds: Length of each.
        batch: Requests that share a call of the step kernel.
    """
    fps = generator.bundle.manifest.fps
    kernel = generator.bundle.smallest_kernel(1, round(seconds * fps))
    jobs = [
        Planned(
            Job(number, f"m{number}", 1, {"prompt": [PROMPT], "seconds": seconds, "seed": number}, Path()),
            kernel, seconds, 1.0, {},
        )
        for number in range(motions)
    ]  # fmt: skip
    settings = Settings(
        generator.bundle.sha256, generator.provider.name, generator.provider.precision, ("npz", "bvh"), False,
        batch=batch,
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        outcomes = list(make_jobs(jobs, generator, Rooms(), Path(folder), settings))
        elapsed = time.perf_counter() - start
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
    return {"motions": motions, "seconds": seconds, "batch": batch, "motions_per_s": motions / elapsed,
            "motion_seconds_per_s": motions * seconds / elapsed}  # fmt: skip
