"""Readers of public motion datasets: each turns its own layout into `MotionSequence`s."""
