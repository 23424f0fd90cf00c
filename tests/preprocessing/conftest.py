"""Small captures, made in the test, whose every joint is known."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from motion_preprocessing import cli

Angles = Mapping[str, tuple[float, float, float]]

# Lengths in the files' own unit (0.45 inch: 0.05644 m), y up, facing +z, left towards +x.
BVH_NODES: tuple[tuple[str, str, tuple[float, float, float]], ...] = (
    ("Hips", "", (0, 0, 0)),
    *(
        node
        for side, s in (("Left", 1), ("Right", -1))
        for node in (
            (f"{side}UpLeg", "Hips", (1.5 * s, -1.8, 0.8)),
            (f"{side}Leg", f"{side}UpLeg", (0, -7, 0)),
            (f"{side}Foot", f"{side}Leg", (0, -7.5, 0)),
            (f"{side}ToeBase", f"{side}Foot", (0, -0.5, 2.2)),
        )
    ),
    ("Spine", "Hips", (0, 2, 0)),
    ("Spine1", "Spine", (0, 2, 0)),
    ("Neck", "Spine1", (0, 0, 0)),
    ("Neck1", "Neck", (0, 1.7, 0.2)),
    ("Head", "Neck1", (0, 1.7, -0.2)),
    *(
        node
        for side, s in (("Left", 1), ("Right", -1))
        for node in (
            (f"{side}Shoulder", "Spine1", (0, 0, 0)),
            (f"{side}Arm", f"{side}Shoulder", (3.3 * s, 1, -0.3)),
            (f"{side}ForeArm", f"{side}Arm", (5 * s, 0, 0)),
            (f"{side}Hand", f"{side}ForeArm", (3.5 * s, 0, 0)),
        )
    ),
)


def _bvh(frames: Sequence[tuple[tuple[float, float, float], Angles]], leave_out: str = "") -> str:
    """Write a BVH of (root position, node -> angles about z, y, x in degrees) frames."""
    nodes = [node for node in BVH_NODES if node[0] != leave_out]
    children: dict[str, list[str]] = {}
    for name, parent, _ in nodes:
        children.setdefault(parent, []).append(name)
    offsets = {name: offset for name, _, offset in nodes}
    lines = ["HIERARCHY"]
    order: list[str] = []

    def put(name: str, depth: int) -> None:
        order.append(name)
        pad = "  " * depth
        lines.append(f"{pad}{'ROOT' if depth == 0 else 'JOINT'} {name}")
        lines.append(f"{pad}{{")
        lines.append(f"{pad}  OFFSET {' '.join(map(str, offsets[name]))}")
        place = "6 Xposition Yposition Zposition" if depth == 0 else "3"
        lines.append(f"{pad}  CHANNELS {place} Zrotation Yrotation Xrotation")
        for child in children.get(name, []):
            put(child, depth + 1)
        if name not in children:
            lines.extend([f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET 0 0 1", f"{pad}  }}"])
        lines.append(f"{pad}}}")

    put("Hips", 0)
    lines += ["MOTION", f"Frames: {len(frames)}", "Frame Time: 0.0333333"]
    for position, angles in frames:
        values = [*position]
        for name in order:
            values.extend(angles.get(name, (0.0, 0.0, 0.0)))
        lines.append(" ".join(f"{value:.6f}" for value in values))
    return "\n".join(lines) + "\n"


ASF_BONES: tuple[tuple[str, str, tuple[float, float, float], float, tuple[float, float, float], str], ...] = (
    *(
        bone
        for side, s in (("l", 1), ("r", -1))
        for bone in (
            (f"{side}hipjoint", "root", (0.64 * s, -0.72, 0.27), 2.5, (0, 0, 0), ""),
            (f"{side}femur", f"{side}hipjoint", (0.34202014 * s, -0.93969262, 0), 7.5, (0, 0, 20 * s), "rx ry rz"),
            (f"{side}tibia", f"{side}femur", (0.34202014 * s, -0.93969262, 0), 7.5, (0, 0, 20 * s), "rx"),
            (f"{side}foot", f"{side}tibia", (0.1 * s, -0.27, 0.957), 2.2, (-90, 0, 20 * s), "rx rz"),
            (f"{side}toes", f"{side}foot", (0, 0, 1), 1.1, (-90, 0, 20 * s), "rx"),
        )
    ),
    ("lowerback", "root", (0, 1, 0), 2.1, (0, 0, 0), "rx ry rz"),
    ("upperback", "lowerback", (0, 1, 0), 2.1, (0, 0, 0), "rx ry rz"),
    ("thorax", "upperback", (0, 1, 0), 2.1, (0, 0, 0), "rx ry rz"),
    ("lowerneck", "thorax", (0, 1, 0.1), 1.6, (0, 0, 0), "rx ry rz"),
    ("upperneck", "lowerneck", (0, 1, -0.1), 1.6, (0, 0, 0), "rx ry rz"),
    ("head", "upperneck", (0, 1, 0), 1.7, (0, 0, 0), "rx ry rz"),
    *(
        bone
        for side, s in (("l", 1), ("r", -1))
        for bone in (
            (f"{side}clavicle", "thorax", (0.96 * s, 0.22, -0.15), 3.6, (0, 0, 0), "ry rz"),
            (f"{side}humerus", f"{side}clavicle", (s, 0, 0), 5.3, (180, -30 * s, -90 * s), "rx ry rz"),
            (f"{side}radius", f"{side}humerus", (s, 0, 0), 3.5, (180, -30 * s, -90 * s), "rx"),
            (f"{side}wrist", f"{side}radius", (s, 0, 0), 1.7, (0, 90 * s, 90), "ry"),
        )
    ),
)


def _asf() -> str:
    lines = [
        ":version 1.10", ":name TEST", ":units", "  mass 1.0", "  length 0.45", "  angle deg", ":documentation",
        "  none", ":root", "  order TX TY TZ RX RY RZ", "  axis XYZ", "  position 0 0 0", "  orientation 0 0 0",
        ":bonedata",
    ]  # fmt: skip
    for number, (name, _, direction, length, axis, dof) in enumerate(ASF_BONES, start=1):
        lines += ["begin", f"id {number}", f"name {name}", f"direction {' '.join(map(str, direction))}"]
        lines += [f"length {length}", f"axis {' '.join(map(str, axis))} XYZ"]
        if dof:
            limits = ["limits (-180.0 180.0)", "(-180.0 180.0)", "(-180.0 180.0)"]
            lines += [f"dof {dof}", *limits[: len(dof.split())]]
        lines.append("end")
    lines += [":hierarchy", "begin"]
    children: dict[str, list[str]] = {}
    for name, parent, *_ in ASF_BONES:
        children.setdefault(parent, []).append(name)
    lines += [f"{parent} {' '.join(names)}" for parent, names in children.items()]
    return "\n".join([*lines, "end"]) + "\n"


def _amc(frames: Sequence[tuple[tuple[float, ...], Mapping[str, tuple[float, ...]]]]) -> str:
    """Write an AMC of (root's six values, bone -> values of its channels) frames."""
    lines = ["#!OML:ASF test", ":FULLY-SPECIFIED", ":DEGREES"]
    for number, (root, values) in enumerate(frames, start=1):
        lines += [str(number), f"root {' '.join(map(str, root))}"]
        for name, *_, dof in ASF_BONES:
            if dof:
                given = values.get(name, (0.0,) * len(dof.split()))
                lines.append(f"{name} {' '.join(map(str, given))}")
    return "\n".join(lines) + "\n"


HEADER = (
    "source,file,subject,trial,fps,frames,seconds,tpose_frame0,skeleton_approx,category,qc,label,fmt,origin,licence"
)


class CaptureFolder:
    """A folder of captures with its manifest, as the collection lays it out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[str] = []

    def bvh_text(self, frames: Sequence[tuple[tuple[float, float, float], Angles]], leave_out: str = "") -> str:
        return _bvh(frames, leave_out)

    def asf_text(self) -> str:
        return _asf()

    def amc_text(self, frames: Sequence[tuple[tuple[float, ...], Mapping[str, tuple[float, ...]]]]) -> str:
        return _amc(frames)

    def add(
        self, file: str, text: str, frames: int, *, label: str = "walk", category: str = "walk", t_pose: int = 1,
        fps: float = 30.0,
    ) -> Path:  # fmt: skip
        path = self.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        subject, trial = path.parent.name, path.stem
        self.rows.append(
            f'CMU,{file},{subject},{trial},{fps},{frames},{frames / fps},{t_pose},0,{category},,"{label}",x,x,free'
        )
        (self.path / "manifest.csv").write_text("\n".join([HEADER, *self.rows]) + "\n")
        return path

    def walk(self, file: str = "cmu_bvh/16/16_01.bvh", count: int = 46) -> Path:
        """A person who glides straight on, 1 m/s, the left knee bent by a right angle; the T-pose comes first."""
        step = 1.0 / 30 / (0.0254 / 0.45)
        frames: list[tuple[tuple[float, float, float], Angles]] = [((0, 17.0, 0), {})]
        frames += [((0, 17.0, step * i), {"LeftLeg": (0, 0, 90.0)}) for i in range(count)]
        return self.add(file, _bvh(frames), count + 1)


@pytest.fixture
def captures(tmp_path: Path) -> CaptureFolder:
    folder = tmp_path / "captures"
    folder.mkdir()
    return CaptureFolder(folder)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command line; return exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["motion-preprocess", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        code = 0
        try:
            cli.main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call
