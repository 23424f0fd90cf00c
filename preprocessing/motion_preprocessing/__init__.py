"""Coordinates, skeleton, rotations, pose vectors, scenes and datasets. Never imports torch."""
