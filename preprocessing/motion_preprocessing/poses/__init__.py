"""Poses of people from video: the internal record, importers, matching to annotations, reprojection."""
