"""Smoothing of joint positions and rotations towards constant velocity, robust to single bad frames."""
