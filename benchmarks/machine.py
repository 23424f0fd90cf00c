"""What a benchmark ran on: the description that `motion-bench` records too."""

from motion_runtime.bench.machine import describe, in_words

__all__ = ["describe", "in_words"]
