"""Depth of a room from video frames: maps, the joint fit of disparity to metres, clouds, people placed in them."""
