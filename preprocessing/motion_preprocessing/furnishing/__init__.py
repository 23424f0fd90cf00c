"""Furniture for motions that were recorded without any.

Mocap has no rooms, yet the denoiser reads one. From the motion alone, seats are put under bodies that sit, beds under
bodies that lie, steps under feet, tables in front of hands, and further objects where nobody comes. It is a stand-in
for paired data, not a substitute.
"""
