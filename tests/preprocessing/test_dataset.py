from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing import pose_vector
from motion_preprocessing.dataset import FRAMES_FILE, HEADER_FILE, SEQUENCES_FILE, MotionDataset, write_dataset
from motion_preprocessing.errors import InputError, MissingExtraError, OutputError
from motion_preprocessing.frame_labels import omnifall_labels
from motion_preprocessing.quality import IDLE_WEIGHT
from motion_preprocessing.rotations import geodesic_angle
from motion_preprocessing.sequence import Event, MotionSequence


def sequence(name: str, frames: int, split: str = "train", pair: str = "") -> MotionSequence:
    rng = np.random.default_rng(frames)
    rotations = Rotation.random(frames * 22, rng).as_matrix().reshape(frames, 22, 3, 3).astype(np.float32)
    return MotionSequence(
        name=name,
        fps=20.0,
        local_rotations=rotations,
        root_position_m=rng.normal(size=(frames, 3)).astype(np.float32),
        captions=("a person walks", "someone walks"),
        action="walk",
        person_class="person",
        subject="s1",
        split=split,
        pair=pair,
        source="test",
        licence="free",
        label="walk",
        events=(Event("onset", 0.5),),
    )


def write(folder: Path, *sequences: MotionSequence) -> Path:
    write_dataset(folder, sequences, fps=20.0, credits=["thanks"], provenance={"tool": "test"})
    return folder


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    given = [sequence("a", 7), sequence("b", 1, "test"), sequence("c", 30, "train")]
    dataset = MotionDataset.open(write(tmp_path / "set", *given))
    assert len(dataset) == 3
    assert dataset.fps == 20.0
    assert dataset.header["credits"] == ["thanks"]
    assert dataset.header["frames"] == 38
    for record, wanted in zip(dataset, given, strict=True):
        assert record.captions == wanted.captions
        assert record.events == wanted.events
        for name in ("name", "fps", "action", "person_class", "subject", "split", "pair", "source", "licence", "label"):
            assert getattr(record, name) == getattr(wanted, name)
        assert record.pose.dtype == np.float32
        assert record.pose.shape == (len(wanted.root_position_m), 258)
        pose = pose_vector.decode(record.pose.astype(np.float64))
        np.testing.assert_allclose(pose.joints_m[:, 0], wanted.root_position_m, atol=1e-6)
        assert np.degrees(geodesic_angle(pose.local_rotations, wanted.local_rotations)).max() < 0.01
    dataset.verify()


def test_frames_carry_their_class_and_weight(tmp_path: Path) -> None:
    still = replace(sequence("still", 90), root_position_m=np.full((90, 3), 0.9, dtype=np.float32))
    still = replace(still, local_rotations=np.repeat(still.local_rotations[:1], 90, axis=0))
    known = replace(sequence("known", 12), frame_labels=np.arange(12) % 3)
    by_rule, given = MotionDataset.open(write(tmp_path / "set", still, known))
    joints = by_rule.pose[:, pose_vector.POSITIONS].reshape(90, 22, 3)
    np.testing.assert_array_equal(by_rule.frame_labels, omnifall_labels(joints, 20.0))
    np.testing.assert_array_equal(given.frame_labels, np.arange(12) % 3)
    assert by_rule.frame_labels.dtype == np.int8
    assert by_rule.frame_weights.dtype == np.float32
    assert by_rule.frame_weights[45] == np.float32(IDLE_WEIGHT)
    assert set(given.frame_weights) == {1.0}
    bad = replace(known, frame_labels=np.full(12, 16))
    with pytest.raises(InputError, match="expected 12 classes of 0 to 15"):
        write(tmp_path / "bad", bad)


def test_datasets_without_frame_classes_are_read(tmp_path: Path) -> None:
    import pyarrow as pa

    folder = write(tmp_path / "set", sequence("a", 7))
    with pa.ipc.open_file(pa.memory_map(str(folder / FRAMES_FILE), "r")) as reader:
        [batch] = [reader.get_batch(0).select(["sequence", "pose"])]
        with pa.OSFile(str(tmp_path / "frames"), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
    (tmp_path / "frames").replace(folder / FRAMES_FILE)
    [record] = MotionDataset.open(folder)
    assert record.pose.shape == (7, 258)
    assert record.frame_labels.size == record.frame_weights.size == 0


def test_rooms_travel_with_the_dataset(tmp_path: Path) -> None:
    room = tmp_path / "room.ply"
    room.write_bytes(b"ply of a room")
    given = [
        replace(sequence("a", 7), scene="scenes/house/one.ply", body_scale=1.1),
        replace(sequence("b", 5), scene="scenes/house/one.ply"),
        sequence("c", 3),
    ]
    scenes = {"scenes/house/one.ply": room, "scenes/unused.ply": tmp_path / "nothing"}
    write_dataset(tmp_path / "set", given, fps=20.0, credits=[], provenance={}, scenes=scenes)
    room.unlink()
    dataset = MotionDataset.open((tmp_path / "set").rename(tmp_path / "moved"))
    assert [record.scene for record in dataset] == ["scenes/house/one.ply", "scenes/house/one.ply", ""]
    assert [record.body_scale for record in dataset] == [1.1, 1.0, 1.0]
    file, _, none = (dataset.scene_file(record) for record in dataset)
    assert none is None
    assert file is not None
    assert file.read_bytes() == b"ply of a room"
    assert [path.name for path in (tmp_path / "moved/scenes").rglob("*.ply")] == ["one.ply"]
    dataset.verify()
    file.write_bytes(b"another room")
    with pytest.raises(InputError, match=r"sha256.*one\.ply"):
        dataset.verify()


@pytest.mark.parametrize(
    ("scene", "says"),
    [
        ("scenes/lost.ply", "expected the scene file scenes/lost.ply, got nothing"),
        ("scenes/../../x.ply", "expected a file in scenes/"),
        ("/etc/passwd", "expected a file in scenes/"),
        ("rooms/a.ply", "expected a file in scenes/"),
        ("scenes", "expected a file in scenes/"),
    ],
)
def test_scenes_that_are_not_there_or_lead_out_are_refused(tmp_path: Path, scene: str, says: str) -> None:
    bad = replace(sequence("a", 7), scene=scene)
    with pytest.raises(InputError, match=says):
        write_dataset(tmp_path / "set", [bad], fps=20.0, credits=[], provenance={}, scenes={})
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_of_version_1_has_neither_rooms_nor_sizes(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = write(tmp_path / "set", sequence("a", 7), sequence("b", 3))
    table = parquet.read_table(folder / SEQUENCES_FILE).drop_columns(["scene", "body_scale"])
    parquet.write_table(table, folder / SEQUENCES_FILE)
    header = json.loads((folder / HEADER_FILE).read_text()) | {"format_version": 1}
    (folder / HEADER_FILE).write_text(json.dumps(header))
    dataset = MotionDataset.open(folder)
    assert [(record.name, record.scene, record.body_scale) for record in dataset] == [("a", "", 1.0), ("b", "", 1.0)]
    assert dataset.scene_file(dataset[0]) is None


def test_a_split_holds_only_its_sequences(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", sequence("a", 7), sequence("b", 3, "test"), sequence("c", 5))
    assert [record.name for record in MotionDataset.open(folder, "train")] == ["a", "c"]
    test = MotionDataset.open(folder, "test")
    assert [record.name for record in test] == ["b"]
    assert len(test[0].pose) == 3
    assert len(MotionDataset.open(folder, "validation")) == 0
    with pytest.raises(InputError, match="'dev'"):
        MotionDataset.open(folder, "dev")


def test_poses_are_views_of_the_mapped_file(tmp_path: Path) -> None:
    record = MotionDataset.open(write(tmp_path / "set", sequence("a", 7)))[0]
    assert not record.pose.flags.writeable
    assert not record.pose.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        record.pose[0, 0] = 1.0


def test_pairs_are_found(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "set", sequence("a", 5, pair="x"), sequence("b", 6), sequence("c", 5, pair="x"),
        sequence("d", 5, pair="y"),
    )  # fmt: skip
    assert MotionDataset.open(folder).pairs() == [(0, 2)]


def test_a_dataset_travels_to_a_worker_by_its_path(tmp_path: Path) -> None:
    dataset = MotionDataset.open(write(tmp_path / "set", sequence("a", 300), sequence("b", 3, "test")), "test")
    sent = pickle.dumps(dataset)
    assert len(sent) < 1000
    [record] = pickle.loads(sent)  # noqa: S301, TID251 - our own bytes
    np.testing.assert_array_equal(record.pose, dataset[0].pose)


def test_an_older_dataset_is_replaced_and_anything_else_is_left_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", sequence("a", 7))
    write(folder, sequence("b", 3))
    assert [record.name for record in MotionDataset.open(folder)] == ["b"]
    other = tmp_path / "photos"
    other.mkdir()
    (other / "me.jpg").write_text("x")
    with pytest.raises(OutputError, match="photos"):
        write(other, sequence("a", 7))
    assert [path.name for path in other.iterdir()] == ["me.jpg"]
    assert {path.name for path in tmp_path.iterdir()} == {"set", "photos"}


def test_a_failure_half_way_leaves_nothing_and_keeps_the_old(tmp_path: Path) -> None:
    def failing() -> Iterator[MotionSequence]:
        yield sequence("new", 5)
        raise InputError("expected a good capture, got a bad one")

    folder = write(tmp_path / "set", sequence("old", 7))
    for place in (folder, tmp_path / "fresh"):
        with pytest.raises(InputError, match="bad one"):
            write_dataset(place, failing(), fps=20.0, credits=[], provenance={})
    assert {path.name for path in tmp_path.iterdir()} == {"set"}
    assert [record.name for record in MotionDataset.open(folder)] == ["old"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"root_position_m": np.full((7, 3), np.nan, np.float32)}, "NaN"),
        ({"fps": 30.0}, "20.0 frames a second, got 30.0"),
        ({"split": "dev"}, "'dev'"),
        ({"person_class": "dog"}, "'dog'"),
        ({"name": "first"}, "'first' twice"),
    ],
)
def test_bad_sequences_are_refused(tmp_path: Path, change: dict[str, object], says: str) -> None:
    bad = replace(sequence("a", 7), **change)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=says):
        write(tmp_path / "set", sequence("first", 3), bad)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_dataset_and_an_unwritable_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one"):
        write(tmp_path / "set")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file" / "set", tmp_path / ("x" * 300)):
        with pytest.raises(OutputError, match="expected to write"):
            write(folder, sequence("a", 3))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_missing_parents_are_made_and_taken_away_again(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / ("s" * 250) / "set"
    with pytest.raises(InputError, match="'first' twice"):
        write(folder, sequence("first", 3), sequence("first", 3))
    assert list(tmp_path.iterdir()) == []
    assert len(MotionDataset.open(write(folder, sequence("a", 3)))) == 1


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        MotionDataset.open(tmp_path)
    folder = write(tmp_path / "set", sequence("a", 7), sequence("b", 3))
    header = json.loads((folder / HEADER_FILE).read_text())

    def changed(**values: object) -> None:
        (folder / HEADER_FILE).write_text(json.dumps({**header, **values}))

    changed(format_version=3)
    with pytest.raises(InputError, match="version 1 or 2, got 3"):
        MotionDataset.open(folder)
    changed(sequences=3)
    with pytest.raises(InputError, match="expected 3 sequences, got 2"):
        MotionDataset.open(folder)
    (folder / HEADER_FILE).write_text("{")
    with pytest.raises(InputError, match="no JSON"):
        MotionDataset.open(folder)
    (folder / HEADER_FILE).write_text("[]")
    with pytest.raises(InputError, match="version 1 or 2, got None"):
        MotionDataset.open(folder)
    changed()
    frames = (folder / FRAMES_FILE).read_bytes()
    (folder / FRAMES_FILE).write_bytes(frames[: len(frames) // 2])
    with pytest.raises(InputError, match="readable data files"):
        MotionDataset.open(folder)
    (folder / FRAMES_FILE).write_bytes(frames)
    (folder / SEQUENCES_FILE).unlink()
    with pytest.raises(InputError, match="readable data files"):
        MotionDataset.open(folder)


def test_an_altered_file_fails_verification(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", sequence("a", 40))
    frames = bytearray((folder / FRAMES_FILE).read_bytes())
    frames[len(frames) // 2] ^= 1
    (folder / FRAMES_FILE).write_bytes(frames)
    with pytest.raises(InputError, match="sha256"):
        MotionDataset.open(folder).verify()


def test_without_pyarrow_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"scene-motion\[preprocess\]"):
        MotionDataset.open(tmp_path)
    with pytest.raises(MissingExtraError, match="pyarrow"):
        write(tmp_path / "set", sequence("a", 3))
    assert list(tmp_path.iterdir()) == []
