"""Scene files in, aligned rooms and object points out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_preprocessing.groups import scene_tokens
from motion_preprocessing.labels import DEFAULT_LABELS, OBJECT_CLASSES, STRUCTURE, object_class, plain_name
from motion_preprocessing.ply import read_ply, write_ply
from motion_preprocessing.scene import Scene, load_scene, object_points, wall_planes

WARD = Path(__file__).parents[2] / "examples" / "ward.ply"
Z = np.array([0.0, 0.0, 1.0])


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    return {name: column[::4] for name, column in read_ply(WARD).properties.items()}


def xyz(columns: dict[str, np.ndarray]) -> np.ndarray:
    return np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float64)


def with_xyz(columns: dict[str, np.ndarray], points: np.ndarray) -> dict[str, np.ndarray]:
    return {**columns, **{axis: points[:, i].astype(np.float32) for i, axis in enumerate("xyz")}}


def names_of(scene: Scene) -> np.ndarray:
    return np.array([*scene.label_names, ""])[scene.labels]


def test_example_room_is_loaded_as_it_is() -> None:
    scene = load_scene(WARD)
    raw = read_ply(WARD).properties
    np.testing.assert_allclose(scene.world_from_file, np.eye(4), atol=2e-3)
    np.testing.assert_allclose(scene.points_m, xyz(raw), atol=5e-3)
    assert scene.points_m.dtype == np.float32
    assert scene.labels.dtype == scene.instances.dtype == np.int32
    np.testing.assert_array_equal(names_of(scene), [DEFAULT_LABELS[n] for n in raw["label"].tolist()])
    np.testing.assert_array_equal(scene.instances, raw["instance"])
    assert scene.colors is not None
    np.testing.assert_array_equal(scene.colors[:, 2], raw["blue"])
    assert scene.floor is not None
    assert (scene.floor.up, scene.floor.units) == ("z", "m")


@pytest.mark.parametrize("labels", [None, "ignore"])
def test_any_frame_comes_out_level_and_metric(tmp_path: Path, columns: dict[str, np.ndarray], labels: None) -> None:
    """Y up, millimetres, tilted by 6 degrees: as files from phones and CAD programs are."""
    tilt = np.radians(6.0)
    turn = np.array([[np.cos(tilt), -np.sin(tilt), 0], [np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
    turn = turn @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    points = (xyz(columns) @ turn.T + [1.0, -0.4, 2.0]) * 1000.0
    write_ply(tmp_path / "room.ply", with_xyz(columns, points))
    scene = load_scene(tmp_path / "room.ply", labels=labels)
    matrix = scene.world_from_file
    # p_world = world_from_file p_file, to the last point.
    np.testing.assert_allclose(points.astype(np.float32) @ matrix[:3, :3].T + matrix[:3, 3], scene.points_m, atol=1e-4)
    rotation = matrix[:3, :3] * 1000.0
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert np.degrees(np.arccos((rotation @ turn @ Z) @ Z)) < 0.2
    # Heights are those of the original room; sideways nothing but a rotation about the origin has happened.
    np.testing.assert_allclose(scene.points_m[:, 2], columns["z"], atol=0.03)
    assert matrix[:2, 3].tolist() == [0.0, 0.0]
    mapped = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # y to z by a right angle
    assert np.degrees(np.arccos((np.trace(rotation @ mapped.T) - 1) / 2)) == pytest.approx(6.0, abs=0.2)


def test_stated_up_and_units_are_obeyed(tmp_path: Path, columns: dict[str, np.ndarray]) -> None:
    write_ply(tmp_path / "room.ply", columns)
    scene = load_scene(tmp_path / "room.ply", units="ft")
    np.testing.assert_allclose(scene.points_m[:, 2], columns["z"] * 0.3048, atol=5e-3)
    with pytest.raises(InputError, match=r"expected a floor .*room\.ply"):
        load_scene(tmp_path / "room.ply", up="-z", labels="ignore")


def test_arrays_are_read_like_ply(tmp_path: Path, columns: dict[str, np.ndarray]) -> None:
    points, colors = xyz(columns), np.stack([columns[c] for c in ("red", "green", "blue")], axis=1)
    np.savez(
        tmp_path / "room.npz",
        points=points,
        labels=columns["label"],
        colors=colors / 255.0,
        instances=columns["instance"],
        label_names=np.array(list(DEFAULT_LABELS.values())),
    )
    np.save(tmp_path / "room.npy", np.column_stack([points, colors]))
    write_ply(tmp_path / "room.ply", columns)
    from_ply, from_npz = load_scene(tmp_path / "room.ply"), load_scene(tmp_path / "room.npz")
    np.testing.assert_allclose(from_npz.points_m, from_ply.points_m, atol=1e-5)
    np.testing.assert_array_equal(names_of(from_npz), names_of(from_ply))
    np.testing.assert_array_equal(from_npz.colors, colors)
    np.testing.assert_array_equal(from_npz.instances, columns["instance"])
    bare = load_scene(tmp_path / "room.npy")
    np.testing.assert_allclose(bare.points_m, points, atol=0.02)
    assert (bare.labels == -1).all()
    assert (bare.instances == -1).all()
    assert bare.colors is None


def test_label_tables_by_order_of_precedence(tmp_path: Path, columns: dict[str, np.ndarray]) -> None:
    path = tmp_path / "room.ply"
    numbers = np.where(columns["label"] == 4, 40, columns["label"]).astype(np.int32)
    table = {**{n: name for n, name in DEFAULT_LABELS.items() if n != 4}, 40: "Hospital_Bed", -5: "nothing"}
    write_ply(path, {**columns, "label": numbers}, [f"label {n} {name}" for n, name in table.items()])
    scene = load_scene(path)
    beds = names_of(scene) == "Hospital_Bed"
    np.testing.assert_array_equal(beds, columns["label"] == 4)
    points, classes = object_points(scene)
    assert (classes == object_class("bed")).sum() == beds.sum()
    side = {"labels": {str(n): name for n, name in table.items()} | {"40": "couch"}}
    (tmp_path / "room.labels.json").write_text(json.dumps(side))
    assert (names_of(load_scene(path)) == "couch").sum() == beds.sum()
    assert (names_of(load_scene(path, labels={**table, 40: "tub"})) == "tub").sum() == beds.sum()
    assert (load_scene(path, labels="ignore").labels == -1).all()


def test_unlabelled_points_stay_unknown(tmp_path: Path, columns: dict[str, np.ndarray]) -> None:
    path = tmp_path / "room.ply"
    numbers = columns["label"].astype(np.float32)
    numbers[numbers == 11] = 0  # 'unlabelled' in the default table
    numbers[numbers == 8] = -1
    numbers[numbers == 10] = np.nan
    renamed = {("scalar_Label" if name == "label" else name): column for name, column in columns.items()}
    write_ply(path, {**renamed, "scalar_Label": numbers})
    scene = load_scene(path)
    np.testing.assert_array_equal(scene.labels < 0, np.isin(columns["label"], [11, 8, 10]))
    _, classes = object_points(scene)
    # What has no label and stands in the room is an object of no known class, or of the one its shape tells; labelled
    # objects keep theirs.
    wardrobe = (columns["label"] == 11) & (columns["z"] > 0.1) & (columns["z"] < 1.9)
    unknown = int((classes == 0).sum())
    assert 0.8 * wardrobe.sum() < unknown < 1.6 * wardrobe.sum()
    assert (classes == object_class("chair")).sum() == (columns["label"] == 5).sum()
    assert 0.8 < (classes == object_class("table")).sum() / (columns["label"] == 8).sum() < 1.1


@pytest.mark.parametrize("share", [0.001, 0.5, 0.95])
def test_points_that_are_nowhere_are_left_out_unless_nearly_all_are(
    tmp_path: Path, columns: dict[str, np.ndarray], share: float
) -> None:
    """A scan with them is the scan without them, in every array that goes with the points."""
    count = len(columns["x"])
    broken = np.random.default_rng(1).random(count) < share
    torn = {name: np.where(broken, np.nan, column) if name == "x" else column for name, column in columns.items()}
    torn["z"] = np.where(np.roll(broken, 1) & broken, -np.inf, torn["z"])
    write_ply(tmp_path / "torn.ply", torn)
    if share > 0.9:
        with pytest.raises(InputError, match=r"got [\d,]+ of [\d,]+ points with NaN or infinity for .*torn.ply"):
            load_scene(tmp_path / "torn.ply")
        return
    write_ply(tmp_path / "clean.ply", {name: column[~broken] for name, column in columns.items()})
    scene, clean = load_scene(tmp_path / "torn.ply"), load_scene(tmp_path / "clean.ply")
    assert scene.left_out == f"{np.count_nonzero(broken):,} of {count:,} points"
    assert clean.left_out == ""
    np.testing.assert_array_equal(scene.points_m, clean.points_m)
    np.testing.assert_array_equal(scene.labels, clean.labels)
    np.testing.assert_array_equal(scene.world_from_file, clean.world_from_file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": 57}, "57 .*comment label 57 NAME"),
        ({"label": 1.5}, "fractions in label"),
    ],
)
def test_bad_values_are_refused(
    tmp_path: Path, columns: dict[str, np.ndarray], change: dict[str, float], message: str
) -> None:
    changed = {name: column.copy() for name, column in columns.items()}
    for name, value in change.items():
        changed[name] = changed[name].astype(np.float64)
        changed[name][5] = value
        if name == "label" and value == 57:
            changed[name] = changed[name].astype(np.int32)
    write_ply(tmp_path / "room.ply", changed)
    with pytest.raises(InputError, match=message) as caught:
        load_scene(tmp_path / "room.ply")
    assert "room.ply" in str(caught.value)
    assert "\n" not in str(caught.value)


def write_bad(folder: Path, kind: str) -> Path:
    rng = np.random.default_rng(0)
    path = folder / "bad.npz"
    points = rng.random((500, 3))
    if kind == "missing":
        return folder / "nothing.ply"
    if kind == "empty npz":
        path.touch()
    elif kind == "truncated npz":
        np.savez(path, points=points)
        path.write_bytes(path.read_bytes()[:800])
    elif kind == "no points":
        np.savez(path, cloud=points)
    elif kind == "two columns":
        np.save(path := folder / "bad.npy", points[:, :2])
    elif kind == "objects":
        np.save(path := folder / "bad.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif kind == "labels of another length":
        np.savez(path, points=points, labels=np.zeros(7, int))
    elif kind == "grey colors":
        np.savez(path, points=points, colors=np.zeros(500))
    elif kind == "text labels":
        np.savez(path, points=points, labels=np.array(["bed"] * 500))
    elif kind == "one point":
        np.save(path := folder / "bad.npy", points[:1])
    elif kind == "99 points":
        np.save(path := folder / "bad.npy", points[:99])
    elif kind == "no z":
        write_ply(path := folder / "bad.ply", {"x": points[:, 0], "y": points[:, 1]})
    elif kind == "ball":
        ball = rng.normal(size=(5000, 3))
        np.save(path := folder / "bad.npy", ball / np.linalg.norm(ball, axis=1, keepdims=True))
    elif kind == "wall":
        np.save(path := folder / "bad.npy", rng.uniform((0, 0, 0), (4, 0.01, 2.5), (5000, 3)))
    elif kind == "map coordinates":
        room = xyz({name: column[::4] for name, column in read_ply(WARD).properties.items()})
        np.save(path := folder / "bad.npy", room + [500_000.0, 6_000_000.0, 12.0])
    elif kind in ("side file no table", "side file no JSON", "side file with words"):
        write_ply(path := folder / "bad.ply", read_ply(WARD).properties)
        text = {"side file no table": "[1, 2]", "side file no JSON": "{", "side file with words": '{"one": "bed"}'}
        (folder / "bad.labels.json").write_text(text[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "expected the file of a room, got none at "),
        ("empty npz", "expected a numpy file"),
        ("truncated npz", "expected a numpy file"),
        ("no points", r"called points .* \['cloud'\]"),
        ("two columns", r"shape \(N, 3\), got \(500, 2\)"),
        ("objects", "expected a numpy file"),
        ("labels of another length", "one number of labels a point"),
        ("grey colors", r"colors of shape \(N, 3\)"),
        ("text labels", "one number of labels a point"),
        ("one point", "100 points or more, got 1 "),
        ("99 points", "100 points or more, got 99 "),
        ("no z", "got no z"),
        ("ball", "expected a floor"),
        ("wall", "expected a floor"),
        ("map coordinates", "subtract the map offset"),
        ("side file no table", "expected a table"),
        ("side file no JSON", "expected a table"),
        ("side file with words", "expected a table"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, kind: str, message: str) -> None:
    path = write_bad(tmp_path, kind)
    with pytest.raises(InputError, match=message) as caught:
        load_scene(path)
    assert path.stem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_class_table_and_names() -> None:
    assert OBJECT_CLASSES[:3] == ("unknown", "bed", "chair")
    assert len(set(OBJECT_CLASSES)) == len(OBJECT_CLASSES) == 20
    for name in OBJECT_CLASSES[1:]:
        assert object_class(name) == OBJECT_CLASSES.index(name)
    for name in set(DEFAULT_LABELS.values()) - STRUCTURE - {"unlabelled"}:
        assert name in OBJECT_CLASSES
    assert OBJECT_CLASSES[object_class("Night_Stand")] == "nightstand"
    assert OBJECT_CLASSES[object_class("chest-of  drawers")] == "cabinet"
    assert OBJECT_CLASSES[object_class("grand piano")] == "other"
    assert object_class("unlabelled") == 0


def test_names_with_numbers_remarks_and_what_kind_of_thing_it_is() -> None:
    for name, known in (
        ("Hospital Bed #1", "bed"), ("visitor chair", "chair"), ("Chairs (2nd row)", "chair"),
        ("low_side-table.003", "table"),
        ("floor lamp", "lamp"), ("wall cabinet", "cabinet"), ("cabinet door", "other"), ("bed rail", "other"),
        ("Sessel", "other"), ("17", "other"),
    ):  # fmt: skip
        assert OBJECT_CLASSES[object_class(name)] == known, name
    for name, part in (
        ("Floor (PVC)", "floor"), ("vinyl floor", "floor"), ("WALLS", "wall"), ("wall_03", "wall"), ("Doors", "door"),
        ("suspended ceiling", "ceiling"), ("cabinet door", "cabinet door"), ("floor lamp", "floor lamp"),
    ):  # fmt: skip
        assert plain_name(name) == part


def test_floor_and_walls_that_are_named_in_another_language(tmp_path: Path) -> None:
    path = tmp_path / "station.ply"
    path.write_bytes(WARD.read_bytes())
    names = {**DEFAULT_LABELS, 1: "Fussboden", 2: "Wand", 4: "Pflegebett", 5: "Sessel"}
    (tmp_path / "station.labels.json").write_text(json.dumps({str(k): v for k, v in names.items()}))
    truth, scene = load_scene(WARD), load_scene(path)
    np.testing.assert_array_equal(scene.structure, truth.structure)
    assert set(scene.label_names) >= {"floor", "wall", "Pflegebett", "Sessel"}
    assert [thing.object_class for thing in scene.furniture].count("other") == 4  # a bed and three chairs
    assert len(scene.furniture) == len(truth.furniture)


def test_object_points_with_labels_are_the_furniture() -> None:
    scene = load_scene(WARD)
    points, classes = object_points(scene)
    furniture = ~np.isin(names_of(scene), ["floor", "wall", "ceiling"])
    np.testing.assert_array_equal(points, scene.points_m[furniture])
    assert [OBJECT_CLASSES[c] for c in np.unique(classes)] == [
        "bed", "chair", "table", "nightstand", "cabinet", "walker", "lamp"
    ]  # fmt: skip


def test_object_points_without_labels_are_nearly_the_same() -> None:
    truth, blind = load_scene(WARD), load_scene(WARD, labels="ignore")
    furniture = ~np.isin(names_of(truth), ["floor", "wall"])
    points, _ = object_points(blind)
    found = np.isin(blind.points_m.view("V12").reshape(-1), points.view("V12").reshape(-1))
    body_high = (blind.points_m[:, 2] > 0.1) & (blind.points_m[:, 2] < 1.9)
    assert found[furniture & body_high].mean() > 0.9
    assert furniture[found].mean() > 0.99


def test_walls_of_the_example_room() -> None:
    """Four walls and not the wardrobe's front."""
    scene = load_scene(WARD)
    walls = wall_planes(scene.points_m)
    assert len(walls) == 4
    for normal, offset in (((1, 0, 0), 0.0), ((-1, 0, 0), 4.4), ((0, 1, 0), 0.0), ((0, -1, 0), 5.0)):
        assert any(w.normal @ np.array(normal) > 0.999 and abs(w.offset - offset) < 0.05 for w in walls)


def test_scene_to_tokens() -> None:
    tokens = scene_tokens(*object_points(load_scene(WARD)), max_tokens=32, centre_xy=(2.0, 2.0))
    assert tokens.mask.sum() > 24
    names = {OBJECT_CLASSES[c] for c in tokens.classes[tokens.mask]}
    assert names == {"bed", "chair", "table", "nightstand", "cabinet", "walker", "lamp"}
    assert 0.0 < tokens.points[tokens.mask][..., 2].mean() < 1.2


@pytest.mark.shared
@pytest.mark.parametrize("name", ["a", "b", "e"])
@pytest.mark.parametrize("labels", [None, "ignore"])
def test_simulated_scans(shared_data: Path, name: str, labels: None) -> None:
    room = json.loads((shared_data / "scenes" / "rooms.json").read_text())["rooms"][name]
    scene = load_scene(shared_data / "scenes" / room["file"], labels=labels)
    file_from_world = np.array(room["file_from_world"])
    # Where the truth has an object, z of its box is where ours has it.
    points, classes = object_points(scene)
    for item in room["objects"]:
        corners = np.array(item["centre"]) + np.array([[0, 0, -0.5], [0, 0, 0.5]]) * item["size"][2]
        in_file = corners @ file_from_world[:3, :3].T + file_from_world[:3, 3]
        ours = in_file @ scene.world_from_file[:3, :3].T + scene.world_from_file[:3, 3]
        np.testing.assert_allclose(ours[:, 2], corners[:, 2], atol=0.03)
        np.testing.assert_allclose(ours[0, :2], ours[1, :2], atol=0.03)
        if labels is None:
            near = np.hypot(*(points[:, :2] - ours[0, :2]).T) < 0.5 * np.hypot(*item["size"][:2])
            assert (classes[near] == object_class(item["class"])).any()


@pytest.mark.shared
def test_laser_scan(shared_data: Path) -> None:
    scene = load_scene(shared_data / "scenes" / "lidar_room.ply")
    points, _ = object_points(scene)
    assert 0.1 < len(points) / len(scene) < 0.6
    # The table the scanner stood on, between floor and ceiling.
    table = (np.abs(points[:, 2] - 0.72) < 0.05).mean()
    assert table > 0.05


def test_walls_are_known_by_label_and_without() -> None:
    labelled, blind = load_scene(WARD), load_scene(WARD, labels="ignore")
    walls = labelled.points_m[labelled.labelled(frozenset({"wall"}))]
    np.testing.assert_array_equal(labelled.wall_points_m, walls)
    found = blind.wall_points_m
    assert len(found) > 1000
    low, high = np.percentile(walls[:, :2], [1, 99], axis=0)
    off = np.minimum(np.abs(found[:, :2] - low), np.abs(found[:, :2] - high)).min(axis=1)
    assert np.mean(off < 0.15) > 0.98  # the ward is a rectangle
