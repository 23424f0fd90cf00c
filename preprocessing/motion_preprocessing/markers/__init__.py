"""Optical markers to the project's skeleton: a body fitted to them, and the collection that is read so."""
