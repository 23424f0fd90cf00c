"""Annotated video of people in rooms: the on-disk format, synthetic captures with ground truth, the whole pipeline."""
