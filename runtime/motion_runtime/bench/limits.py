"""What this machine's CPU can do: its rate of fp32 matrix products, and its memory's bandwidth.

Measured with numpy in a process of its own, since its BLAS takes its number of threads from the environment at start.
Products are of the shape of the network's largest layer; the memory is copied in pieces far beyond any cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Final

from motion_preprocessing.errors import InputError

_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_MEASURE: Final = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
rows, width, wide, threads, rounds = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
left = rng.standard_normal((rows, width), dtype=np.float32)
right = rng.standard_normal((width, wide), dtype=np.float32)
out = np.empty((rows, wide), np.float32)
def best(call):
    found = []
    for _ in range(rounds + 2):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found[2:])
product = best(lambda: np.matmul(left, right, out=out))
pieces = [np.ones(2**23, np.float32) for _ in range(threads)]
copies = [np.empty_like(piece) for piece in pieces]
with ThreadPoolExecutor(threads) as pool:
    copying = best(lambda: list(pool.map(np.copyto, copies, pieces)))
print(json.dumps({
    "gflop_s": 2e-9 * rows * width * wide / product,
    "copy_gb_s": 2e-9 * sum(piece.nbytes for piece in pieces) / copying,
}))
"""


def measure_limits(rows: int, width: int, wide: int, threads: int, rounds: int) -> dict[str, Any]:
    """Best rates over some rounds, by so many threads.

    Args:
        rows: Tokens in a guided step.
        width: Width of a token.
        wide: Width of the layer that is widest.
        threads: Threads.
        rounds: How often.

    Returns:
        `gflop_s` of the product (rows, width) x (width, wide), and `copy_gb_s`, bytes read and written.

    Raises:
        InputError: The process failed.
    """
    environment = {**os.environ, **dict.fromkeys(_THREADS, str(threads))}
    numbers = [str(value) for value in (rows, width, wide, threads, rounds)]
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *numbers], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        raise InputError(f"expected this machine's limits, got '{reason}' from a new process; mend that first")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
