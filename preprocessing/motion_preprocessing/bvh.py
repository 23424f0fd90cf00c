"""Reader of BVH (Biovision hierarchy) motion capture files.

A node's rotation is the product of its channels' rotations in the order the file lists them (column vectors), and a
node's frame is its parent's frame times that rotation. End Sites become nodes named after their parent with `_end`.
The header's frame time is returned but is not to be trusted for every collection: callers may know better.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.source_motion import END_SUFFIX, SourceMotion, axis_rotation

_CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")


@dataclass(frozen=True)
class Bvh:
    """A parsed file, in its own length unit."""

    names: tuple[str, ...]
    """Node names, End Sites included; parents precede children."""
    parents: tuple[int, ...]
    """Parent of each node, -1 for the root."""
    offsets: NDArray[np.float64]
    """(N, 3) offset of each node from its parent with all rotations zero."""
    channels: tuple[tuple[str, ...], ...]
    """The channels of each node, as the file orders them."""
    frames: NDArray[np.float64]
    """(T, C) channel values; angles in degrees."""
    frame_time_s: float
    """Seconds a frame, as the header says."""

    def pose(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return node positions (T, N, 3) and world rotations (T, N, 3, 3)."""
        count = len(self.frames)
        positions = np.empty((count, len(self.names), 3))
        rotations = np.empty((count, len(self.names), 3, 3))
        column = 0
        for node, parent in enumerate(self.parents):
            translation = np.broadcast_to(self.offsets[node], (count, 3)).copy()
            local = np.broadcast_to(np.eye(3), (count, 3, 3))
            # A position channel replaces the offset of its axis.
            for channel in self.channels[node]:
                value = self.frames[:, column]
                column += 1
                axis = channel[0].lower()
                if channel.endswith("position"):
                    translation[:, "xyz".index(axis)] = value
                else:
                    local = local @ axis_rotation(axis, np.radians(value))
            if parent < 0:
                positions[:, node], rotations[:, node] = translation, local
            else:
                turned = np.einsum("tij,tj->ti", rotations[:, parent], translation)
                positions[:, node] = positions[:, parent] + turned
                rotations[:, node] = rotations[:, parent] @ local
        return positions, rotations

    def motion(self, *, unit_m: float, fps: float, rest_frame: int | None = None) -> SourceMotion:
        """Express the frames relative to a rest pose.

        Args:
            unit_m: Metres of the file's length unit.
            fps: The true frame rate.
            rest_frame: The frame that shows the rest pose, which is then left out of the motion with all before it;
                None takes the pose of zero rotations, which is no frame.
        """
        positions, rotations = self.pose()
        if rest_frame is None:
            rest_joints = np.zeros((len(self.names), 3))
            for node, parent in enumerate(self.parents):
                if parent >= 0:
                    rest_joints[node] = rest_joints[parent] + self.offsets[node]
        else:
            rest_joints = positions[rest_frame]
            rotations = rotations[rest_frame + 1 :] @ np.swapaxes(rotations[rest_frame], -1, -2)
            positions = positions[rest_frame + 1 :]
        rest_joints = rest_joints - rest_joints[0]
        return SourceMotion(self.names, self.parents, rest_joints * unit_m, rotations, positions * unit_m, fps)


class _Tokens:
    """The words of the hierarchy with the place they were read from."""

    def __init__(self, words: list[str], path: Path) -> None:
        self.words, self.path, self.at = words, path, 0

    def next(self, what: str) -> str:
        if self.at >= len(self.words):
            raise InputError(f"expected {what}, got the end of the file for {self.path}; the file is truncated")
        self.at += 1
        return self.words[self.at - 1]

    def expect(self, word: str) -> None:
        got = self.next(f"'{word}'")
        if got != word:
            raise InputError(f"expected '{word}', got '{got}' for {self.path}; the file is not valid BVH")

    def number(self, what: str) -> float:
        word = self.next(what)
        try:
            value = float(word)
        except ValueError:
            raise InputError(f"expected a number as {what}, got '{word}' for {self.path}; mend the file") from None
        if not np.isfinite(value):
            raise InputError(f"expected a finite number as {what}, got '{word}' for {self.path}; mend the file")
        return value

    def integer(self, what: str) -> int:
        value = self.number(what)
        if value != int(value) or value < 0:
            raise InputError(f"expected a count as {what}, got {value} for {self.path}; mend the file")
        return int(value)


def read_bvh(path: Path) -> Bvh:
    """Read a BVH file.

    Raises:
        InputError: The file is missing, truncated, malformed or holds numbers that are not finite.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"expected a readable BVH file, got '{error.strerror}' for {path}; check the path") from None
    head, found, tail = text.partition("MOTION")
    if not found:
        raise InputError(f"expected a MOTION section, got none for {path}; the file is truncated or no BVH")
    names, parents, offsets, channels = _hierarchy(_Tokens(head.split(), path))

    lines = tail.strip().splitlines()
    if len(lines) < 2:
        raise InputError(f"expected 'Frames:' and 'Frame Time:', got the end of the file for {path}; it is truncated")
    header = _Tokens(" ".join(lines[:2]).replace(":", " : ").split(), path)
    header.expect("Frames")
    header.expect(":")
    count = header.integer("the frame count")
    header.expect("Frame")
    header.expect("Time")
    header.expect(":")
    frame_time_s = header.number("the frame time")
    rows = [row for line in lines[2:] if (row := line.split())]
    if len(rows) != count or count == 0:
        raise InputError(f"expected {max(count, 1)} frames, got {len(rows)} for {path}; the file is truncated")
    width = sum(len(c) for c in channels)
    for number, row in enumerate(rows):
        if len(row) != width:
            raise InputError(
                f"expected {width} channel values, got {len(row)} for frame {number} of {path}; mend the file"
            )
    try:
        frames = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise InputError(f"expected numbers in the MOTION section, got '{error}' for {path}; mend the file") from None
    bad = ~np.isfinite(frames)
    if bad.any():
        frame = int(np.argwhere(bad)[0, 0])
        raise InputError(
            f"expected finite channel values, got NaN or infinity for frame {frame} of {path}; mend the file"
        )
    return Bvh(names, parents, offsets, channels, frames, frame_time_s)


def _hierarchy(
    tokens: _Tokens,
) -> tuple[tuple[str, ...], tuple[int, ...], NDArray[np.float64], tuple[tuple[str, ...], ...]]:
    """Parse the HIERARCHY section without recursion: a deep chain must not exhaust the stack."""
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[tuple[str, ...]] = []
    open_nodes: list[int] = []
    tokens.expect("HIERARCHY")
    while True:
        if names and not open_nodes:
            break
        word = tokens.next("ROOT, JOINT, End or '}'")
        if word == "}":
            if not open_nodes:
                raise InputError(f"expected ROOT, got '}}' for {tokens.path}; the file is not valid BVH")
            open_nodes.pop()
            continue
        if word not in ("ROOT", "JOINT", "End") or (word == "ROOT") != (not names):
            raise InputError(f"expected a node, got '{word}' for {tokens.path}; the file is not valid BVH")
        label = tokens.next("a node's name")
        parent = open_nodes[-1] if open_nodes else -1
        name = names[parent] + END_SUFFIX if word == "End" else label
        if name in names:
            raise InputError(f"expected unique node names, got '{name}' twice for {tokens.path}; rename one")
        tokens.expect("{")
        tokens.expect("OFFSET")
        offsets.append([tokens.number(f"the offset of {name}") for _ in range(3)])
        own: tuple[str, ...] = ()
        if word != "End":
            tokens.expect("CHANNELS")
            own = tuple(
                tokens.next(f"a channel of {name}") for _ in range(tokens.integer(f"the channel count of {name}"))
            )
            unknown = [c for c in own if c not in _CHANNELS]
            if unknown:
                raise InputError(
                    f"expected channels such as Xrotation, got '{unknown[0]}' for {name} of {tokens.path}; "
                    "the channel count does not fit the names"
                )
        names.append(name)
        parents.append(parent)
        channels.append(own)
        open_nodes.append(len(names) - 1)
    if tokens.at < len(tokens.words):
        raise InputError(f"expected one ROOT, got '{tokens.words[tokens.at]}' after it for {tokens.path}; split it")
    return tuple(names), tuple(parents), np.array(offsets), tuple(channels)
