"""Floors found in rooms whose floor is known."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_preprocessing.floor import UNITS, UP_AXES, Floor, find_floor
from motion_preprocessing.ply import read_ply
from motion_preprocessing.scene import load_scene

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"
Z = np.array([0.0, 0.0, 1.0])


@cache
def ward() -> tuple[np.ndarray, np.ndarray]:
    """Points and labels of the example room: floor z = 0, 4.4 x 5 x 2.6 m, no ceiling."""
    columns = read_ply(WARD).properties
    points = np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float64)
    return points[::3], columns["label"][::3]


def rotation(axis: np.ndarray, degrees: float) -> np.ndarray:
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def errors(floor: Floor, normal: np.ndarray, on_floor: np.ndarray) -> tuple[float, float]:
    """Angle in degrees, and height in cm at a point of the true floor."""
    angle = np.degrees(np.arccos(np.clip(floor.plane.normal @ normal, -1.0, 1.0)))
    return float(angle), abs(float(floor.plane.distances(on_floor[None])[0])) * floor.metres_per_unit * 100


def check(floor: Floor, normal: np.ndarray, on_floor: np.ndarray) -> None:
    angle, height = errors(floor, normal, on_floor)
    assert angle < 1.0
    assert height < 3.0


# Proper rotations that bring z to each axis that scans come in.
TURNS = {
    "z": np.eye(3),
    "y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "-z": np.diag([1.0, -1.0, -1.0]),
}


@pytest.mark.parametrize("up", list(TURNS))
@pytest.mark.parametrize(("tilt_deg", "yaw_deg"), [(0.0, 0.0), (0.0, 25.0), (8.0, 25.0)])
@pytest.mark.parametrize("ceiling", [False, True])
def test_up_is_found_without_labels(up: str, tilt_deg: float, yaw_deg: float, ceiling: bool) -> None:
    points, _ = ward()
    if ceiling:
        over = np.random.default_rng(0).uniform((0, 0, 2.6), (4.4, 5.0, 2.6), (15_000, 3))
        points = np.concatenate([points, over])
    turn = rotation(np.array([1.0, 0.4, -0.7]), tilt_deg) @ TURNS[up] @ rotation(Z, yaw_deg)
    floor = find_floor(points @ turn.T)
    assert floor.up == up
    assert floor.tilt_deg == pytest.approx(np.degrees(np.arccos((turn @ Z) @ np.array(UP_AXES[up]))), abs=1.0)
    check(floor, turn @ Z, turn @ np.array([2.0, 2.0, 0.0]))


@pytest.mark.parametrize("units", list(UNITS))
def test_units_are_told_by_the_height_of_the_room(units: str) -> None:
    points, _ = ward()
    floor = find_floor(points / UNITS[units])
    assert floor.units == units
    assert floor.height_m == pytest.approx(2.5, abs=0.15)
    check(floor, Z, np.array([2.0, 2.0, 0.0]))


def test_units_and_up_can_be_stated() -> None:
    points, _ = ward()
    assert find_floor(points, units="ft").height_m == pytest.approx(2.5 * 0.3048, abs=0.1)
    on_side = points @ rotation(np.array([0.0, 1.0, 0.0]), 90.0).T
    floor = find_floor(on_side, up="x")
    assert floor.up == "x"
    check(floor, np.array([1.0, 0.0, 0.0]), np.zeros(3))
    with pytest.raises(InputError, match="got 'w' for the up axis"):
        find_floor(points, up="w")
    with pytest.raises(InputError, match="got 'parsec' for the units"):
        find_floor(points, units="parsec")


@pytest.mark.parametrize("kind", ["5 % strays", "5 cm noise", "5 % range noise", "one far stray"])
def test_noise_and_strays(kind: str) -> None:
    points, _ = ward()
    rng = np.random.default_rng(7)
    points = points.copy()
    if kind == "5 % strays":
        chosen = rng.random(len(points)) < 0.05
        points[chosen] = rng.uniform((-1.0, -1.0, -0.6), (5.4, 6.0, 3.2), (int(chosen.sum()), 3))
    elif kind == "5 cm noise":
        points += rng.normal(scale=0.05, size=points.shape)
    elif kind == "5 % range noise":
        camera = np.array([2.0, 2.0, 1.6])
        points = camera + (points - camera) * (1 + rng.normal(scale=0.05, size=(len(points), 1)))
    else:
        points = np.concatenate([points, [[1e9, 1e12, -1e9]]])
    check(find_floor(points), Z, np.array([2.0, 2.0, 0.0]))


def test_sparse_floor_under_a_dense_table_and_ceiling() -> None:
    """As in a laser scan: the ceiling is the largest plane, a table top the second, the floor is sparse."""
    rng = np.random.default_rng(9)
    parts = [
        rng.uniform((0, 0, 2.8), (5, 4, 2.8), (40_000, 3)),
        rng.uniform((1, 1, 0.75), (3.5, 2.5, 0.75), (30_000, 3)),
        rng.uniform((0, 0, 0), (5, 4, 0), (3_000, 3)),
        rng.uniform((0, 0, 0), (0, 4, 2.8), (4_000, 3)),
        rng.uniform((0, 0, 0), (5, 0, 2.8), (4_000, 3)),
        *(rng.uniform((x, y, 0), (x + 0.05, y + 0.05, 0.75), (150, 3)) for x in (1.0, 3.4) for y in (1.0, 2.4)),
    ]
    cloud = np.concatenate(parts) + rng.normal(scale=0.005, size=(sum(map(len, parts)), 3))
    check(find_floor(cloud), Z, np.array([4.5, 3.5, 0.0]))


def test_what_stands_on_the_floor_does_not_lift_it() -> None:
    rng = np.random.default_rng(11)
    points, _ = ward()
    skirting = rng.uniform((0.0, 0.0, 0.0), (0.02, 5.0, 0.09), (3000, 3))
    carpet = rng.uniform((1.5, 1.0, 0.012), (3.0, 2.5, 0.016), (3000, 3))
    floor = find_floor(np.concatenate([points, skirting, carpet]))
    angle, height = errors(floor, Z, np.array([2.2, 2.5, 0.0]))
    assert angle < 0.3
    assert height < 0.8  # the points near it lie 1.8 cm up in the mean


def test_labels_decide() -> None:
    points, labels = ward()
    # By geometry alone a tilt as steep as this is not looked for.
    turn = rotation(np.array([1.0, 1.0, 0.0]), 44.0)
    check(find_floor(points @ turn.T, is_floor=labels == 1), turn @ Z, np.zeros(3))
    # A pit below the floor is no longer the lowest plane that counts.
    pit = np.random.default_rng(13).uniform((0.0, 0.0, -0.5), (4.4, 5.0, -0.5), (len(points) // 5, 3))
    is_floor = np.concatenate([labels == 1, np.zeros(len(pit), bool)])
    check(find_floor(np.concatenate([points, pit]), is_floor=is_floor), Z, np.zeros(3))
    # Fewer labelled points than any plane that is looked for.
    few = np.zeros(len(points), bool)
    few[np.flatnonzero(labels == 1)[:40]] = True
    check(find_floor(points, is_floor=few), Z, np.zeros(3))


def test_labels_that_contradict_the_room_are_refused() -> None:
    points, labels = ward()
    with pytest.raises(InputError, match="check the label table"):
        find_floor(points, is_floor=labels == 2)  # four walls are no floor
    middle = np.random.default_rng(0).uniform((0, 0, 1.0), (4.4, 5.0, 1.0), (5000, 3))
    cloud = np.concatenate([points, middle])
    with pytest.raises(InputError, match="of the rest below it"):
        find_floor(cloud, is_floor=np.arange(len(cloud)) >= len(points))
    with pytest.raises(InputError, match="3 floor points or more"):
        find_floor(points, is_floor=np.arange(len(points)) < 2)


def without_floor(kind: str) -> np.ndarray:
    rng = np.random.default_rng(17)
    if kind == "ball":
        ball = rng.normal(size=(8000, 3))
        return ball / np.linalg.norm(ball, axis=1, keepdims=True) * rng.random((8000, 1)) ** (1 / 3)
    if kind == "shell":
        shell = rng.normal(size=(8000, 3))
        return shell / np.linalg.norm(shell, axis=1, keepdims=True)
    if kind == "cube":
        return rng.random((8000, 3))
    if kind == "wall":
        return rng.uniform((0, 0, 0), (4, 0.01, 2.5), (8000, 3))
    if kind == "line":
        return np.linspace(0, 1, 500)[:, None] * np.ones(3)
    if kind == "one place":
        return np.ones((500, 3))
    points, _ = ward()
    return points[points[:, 2] > 0.2]


@pytest.mark.parametrize("kind", ["ball", "shell", "cube", "wall", "line", "one place", "room cut above the floor"])
def test_a_scan_without_a_floor_is_refused(kind: str) -> None:
    with pytest.raises(InputError, match="expected"):
        find_floor(without_floor(kind))


def test_a_bare_floor_is_a_floor() -> None:
    points, labels = ward()
    check(find_floor(points[labels == 1]), Z, np.zeros(3))


def box(low: tuple[float, float, float], high: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    """The faces of a box but its bottom, 900 points a square metre."""
    low_, high_ = np.array(low), np.array(high)
    faces = []
    for axis, end in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 1)):
        area = np.prod(np.delete(high_ - low_, axis))
        face = rng.uniform(low_, high_, (int(900 * area), 3))
        face[:, axis] = (low_, high_)[end][axis]
        faces.append(face)
    return np.concatenate(faces)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_floor_of_an_unlabelled_y_up_ascii_scan(tmp_path: Path, seed: int) -> None:
    """Made here from nothing: furniture, four walls, a ceiling, 1 cm noise, 2 % strays, tilted by 5 degrees."""
    rng = np.random.default_rng(seed)
    parts = [
        rng.uniform((0, 0, 0), (5.2, 3.8, 0), (9000, 3)),
        rng.uniform((0, 0, 2.6), (5.2, 3.8, 2.6), (9000, 3)),
        *(rng.uniform((x, 0, 0), (x, 3.8, 2.6), (5000, 3)) for x in (0, 5.2)),
        *(rng.uniform((0, y, 0), (5.2, y, 2.6), (7000, 3)) for y in (0, 3.8)),
        box((0.1, 0.1, 0), (2.1, 1.1, 0.55), rng),
        box((3.6, 0.3, 0.7), (4.9, 1.2, 0.75), rng),
        *(box((x, y, 0), (x + 0.06, y + 0.06, 0.7), rng) for x in (3.6, 4.84) for y in (0.3, 1.14)),
        box((0.0, 3.1, 0), (1.6, 3.8, 2.0), rng),
    ]
    room = np.concatenate(parts)
    room = room + rng.normal(scale=0.01, size=room.shape)
    strays = rng.random(len(room)) < 0.02
    room[strays] = rng.uniform((-1, -1, -0.5), (6.2, 4.8, 3.1), (int(strays.sum()), 3))
    turn = rotation(rng.normal(size=3), 5.0) @ TURNS["y"] @ rotation(Z, rng.uniform(0, 360))
    shift = rng.uniform(-3, 3, 3)
    header = ["ply", "format ascii 1.0", f"element vertex {len(room)}", *(f"property float {a}" for a in "xyz")]
    rows = [" ".join(f"{value:.4f}" for value in point) for point in room @ turn.T + shift]
    (tmp_path / "scan.ply").write_text("\n".join([*header, "end_header", *rows, ""]), encoding="ascii")

    scene = load_scene(tmp_path / "scan.ply")
    assert scene.floor is not None
    assert (scene.floor.up, scene.floor.units) == ("y", "m")
    check(scene.floor, turn @ Z, turn @ np.array([2.6, 1.9, 0.0]) + shift)
    # What the floor is for: the room stands level on z = 0, to within 1 degree and 3 cm anywhere on it.
    corners = np.array([[x, y, 0.0] for x in (0.0, 5.2) for y in (0.0, 3.8)])
    placed = (corners @ turn.T + shift) @ scene.world_from_file[:3, :3].T + scene.world_from_file[:3, 3]
    assert np.abs(placed[:, 2]).max() < 0.03
    up = scene.world_from_file[:3, :3] @ turn @ Z
    assert np.degrees(np.arccos(np.clip(up[2], -1.0, 1.0))) < 1.0


@pytest.mark.shared
@pytest.mark.parametrize("name", ["a", "b", "e"])
@pytest.mark.parametrize("how", ["as it is", "labels", "tilted, millimetres, 5 % range noise"])
def test_simulated_scans(shared_data: Path, name: str, how: str) -> None:
    truth = json.loads((shared_data / "scenes" / "rooms.json").read_text())["rooms"][name]
    columns = read_ply(shared_data / "scenes" / truth["file"]).properties
    points = np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float64)
    *normal, offset = truth["floor_plane_file"]
    normal = np.array(normal)
    on_floor = points.mean(axis=0)
    on_floor = on_floor - (normal @ on_floor + offset) * normal
    is_floor, scale = None, 1.0
    if how == "labels":
        is_floor = columns["label"] == 1
    elif how != "as it is":
        rng, scale = np.random.default_rng(1), 1000.0
        file_from_world = np.array(truth["file_from_world"])
        camera = file_from_world[:3, :3] @ np.array(truth["viewpoints_world"][0]) + file_from_world[:3, 3]
        points = camera + (points - camera) * (1 + rng.normal(scale=0.05, size=(len(points), 1)))
        turn = rotation(rng.normal(size=3), 10.0)
        points, normal, on_floor = points @ turn.T * scale, turn @ normal, turn @ on_floor * scale
    floor = find_floor(points, is_floor=is_floor)
    check(floor, normal, on_floor)
    assert floor.metres_per_unit == pytest.approx(1 / scale)


@pytest.mark.shared
def test_laser_scan_whose_ceiling_is_larger_than_its_floor(shared_data: Path) -> None:
    columns = read_ply(shared_data / "scenes" / "lidar_room.ply").properties
    points = np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float64)
    floor = find_floor(points)
    assert (floor.up, floor.units) == ("z", "m")
    assert floor.plane.offset == pytest.approx(1.27, abs=0.03)  # the scanner stood on a table, read off a side view
    assert floor.tilt_deg < 2.0
    for up, turn in TURNS.items():
        assert find_floor(points @ turn.T).up == up


def test_a_height_that_fits_two_units_is_said_to() -> None:
    """A hall of five metres might be a scan in feet, cropped at one and a half; a usual room is what it is."""
    points, _ = ward()
    assert find_floor(points).other_units == ()
    assert find_floor(points * 1000).other_units == ()
    hall = find_floor(2 * points)
    assert (hall.units, hall.other_units) == ("m", ("ft",))
    assert find_floor(2 * points, units="m").other_units == ()
