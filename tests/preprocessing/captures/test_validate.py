"""Every fault of a capture is named with its file and field."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from motion_preprocessing.captures.messages import within, without_path
from motion_preprocessing.captures.read import Fault, read_capture
from motion_preprocessing.captures.schema import capture_schema, violations
from motion_preprocessing.captures.validate import check_capture, check_set
from motion_preprocessing.cli import cli
from motion_preprocessing.errors import InputError

Edit = Callable[[Callable[[Any], object]], None]


def errors(folder: Path) -> list[Fault]:
    return [fault for fault in check_capture(folder)[1] if not fault.warning]


def only(folder: Path) -> Fault:
    found = errors(folder)
    assert len(found) == 1, found
    return found[0]


def test_a_good_capture_has_no_faults_and_reads_as_it_was_written(capture_folder: Path) -> None:
    capture, faults = check_capture(capture_folder)
    assert faults == []
    assert capture is not None
    assert capture.name == "house/room_1/noon"
    assert [key_frame.frame for key_frame in capture.key_frames] == [0, 23]
    truth = np.load(capture_folder / "truth.npz")
    content = json.loads((capture_folder / "capture.json").read_text())
    assert [track.track_id for track in capture.tracks] == truth["track_ids"].tolist()
    track = capture.tracks[1]
    seen = [(entry["frame"], p) for entry in content["frames"] for p in entry["people"] if p["track"] == 2]
    assert track.frames.tolist() == [frame for frame, _ in seen]
    np.testing.assert_array_equal(track.keypoints_2d, [p["keypoints"] for _, p in seen])
    np.testing.assert_array_equal(track.box, [p["box"] for _, p in seen])
    assert not track.present.any()
    key_frame = capture.key_frames[0]
    mask, image = key_frame.mask(), key_frame.image()
    assert mask.shape == (120, 160)
    assert image is not None
    assert image.shape == (120, 160, 3)
    assert {segment.kind for segment in key_frame.segments} >= {"floor", "wall", "person"}
    assert {segment.id for segment in key_frame.segments} == set(np.unique(mask).tolist()) - {0}


def test_malformed_json_is_named_by_line(capture_folder: Path) -> None:
    (capture_folder / "capture.json").write_text('{"format": "scene-motion capture",\n "fps": }')
    fault = only(capture_folder)
    assert fault.file == "capture.json"
    assert fault.message == "expected JSON, got 'Expecting value' in line 2, column 9"
    with pytest.raises(InputError, match=r"line 2, column 9 for .*capture.json"):
        read_capture(capture_folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1, NaN]", "got NaN"), ("[" * 100_000, "nesting"), ("[]", "expected an object, got an array of 0")],
)
def test_odd_json_is_refused(capture_folder: Path, text: str, message: str) -> None:
    (capture_folder / "capture.json").write_text(text)
    assert message in only(capture_folder).message


def test_all_faults_are_named_not_the_first_only(capture_folder: Path, edit: Edit) -> None:
    def spoil(content: Any) -> None:
        content["fps"] = "ten"
        content["camera"]["fx"] = -1
        del content["site"]
        content["colour"] = 1
        content["frames"][2]["people"][0]["keypoints"].pop()
        content["frames"][3]["people"][0]["class"] = "robot"
        content["frames"][4]["people"][0]["box"][1] = None
        content["key_frames"][0]["frame"] = True

    edit(spoil)
    found = {fault.field: fault.message for fault in errors(capture_folder)}
    assert found["fps"] == 'expected a number, got "ten"'
    assert found["camera.fx"] == "expected more than 0, got -1"
    assert found["site"] == "expected this field, got nothing"
    assert "an unknown field" in found["colour"]
    assert found["frames[2].people[0].keypoints"] == "expected 17 entries, got 16"
    assert found["frames[3].people[0].class"] == 'expected one of person, staff, patient, got "robot"'
    assert found["frames[4].people[0].box[1]"] == "expected a number, got null"
    assert found["key_frames[0].frame"] == "expected a whole number, got true"
    assert len(found) == 8


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "a b", ""])
def test_names_that_are_no_folder_names_are_refused(capture_folder: Path, edit: Edit, name: str) -> None:
    edit(lambda content: content.update(site=name))
    fault = only(capture_folder)
    assert fault.field == "site"
    assert "expected text like" in fault.message


def test_no_line_names_its_file_twice(capture_folder: Path) -> None:
    Image.fromarray(np.zeros((60, 80), dtype=np.uint8)).save(capture_folder / "masks/000023.png")
    (capture_folder / "masks/000000.png").write_bytes(b"no picture")
    (capture_folder / "frames/000000.jpg").write_bytes(b"no picture")
    (capture_folder / "depth/metric/000000.npy").write_bytes(b"no array")
    (capture_folder / "depth/relative/000000.npy").rename(capture_folder / "depth/relative/000000.png")
    np.save(capture_folder / "depth/relative/000023.npy", np.full((12, 16), np.nan))
    (capture_folder / "predictions/hmr2.npz").write_bytes(b"no zip")
    found = errors(capture_folder)
    assert len(found) == 7
    for fault in found:
        assert str(capture_folder) not in fault.message, fault
        assert Path(fault.file).name not in fault.message, fault
        assert fault.message.startswith("expected ")
        assert ", got " in fault.message


@pytest.mark.parametrize(
    ("message", "short"),
    [
        ("expected x, got y for the 16-bit mask IN/c/m.png; write it anew", "expected x, got y; write it anew"),
        ("expected x, got y for pred_cam of IN/c/m.png", "expected x, got y for pred_cam"),
        ("expected x, got 'IN/c/m.png' here", "expected x, got 'm.png' here"),
        ("expected x, got y for IN/c/m.png.old", "expected x, got y for IN/c/m.png.old"),
    ],
)
def test_a_path_is_taken_out_of_a_message(message: str, short: str) -> None:
    assert without_path(message, Path("IN/c/m.png")) == short


def test_files_are_named_within_their_capture() -> None:
    message = "expected a, got b for IN/c/capture.json; see IN/c/masks/1.png of IN/c"
    assert within(message, Path("IN/c")) == "expected a, got b for capture.json; see masks/1.png"


def test_a_person_twice_in_one_frame_is_an_error(capture_folder: Path, edit: Edit) -> None:
    def repeat(content: Any) -> None:
        people = content["frames"][1]["people"]
        people.append(people[0])

    edit(repeat)
    fault = only(capture_folder)
    assert fault.field == "frames[1].people[2].track"
    assert "got track 1 again" in fault.message


def test_a_person_seen_in_two_frames_is_a_warning(capture_folder: Path, edit: Edit) -> None:
    def leave_two(content: Any) -> None:
        for entry in content["frames"][2:]:
            entry["people"] = [person for person in entry["people"] if person["track"] != 2]

    edit(leave_two)
    _, faults = check_capture(capture_folder)
    assert [(f.field, f.warning) for f in faults if "track 2" in f.message] == [("frames", True)]
    assert errors(capture_folder) == []
    assert [len(track) for track in read_capture(capture_folder).tracks] == [24, 2]


def test_numbers_that_disagree_are_named(capture_folder: Path, edit: Edit) -> None:
    def spoil(content: Any) -> None:
        content["frames"][5]["frame"] = 4
        content["frames"][23]["frame"] = 24
        content["frames"][7]["people"][0]["class"] = "person"
        content["frames"][7]["people"][1]["class"] = "person"
        content["frames"][8]["people"][0]["box"] = [50, 20, 40, 60]
        content["frames"][9]["people"][0]["keypoints"][3][2] = 3
        content["key_frames"][1]["frame"] = 99
        content["key_frames"][1]["segments"].append({"id": 1, "kind": "furniture"})
        content["predictions"][0]["file"] = "../../secret.npz"

    edit(spoil)
    fields = {fault.field for fault in errors(capture_folder)}
    assert fields >= {
        "frames[5].frame", "frames[23].frame", "frames[8].people[0].box", "frames[9].people[0].keypoints[3][2]",
        "key_frames[1].frame", "predictions[0].file",
    }  # fmt: skip
    last = len(json.loads((capture_folder / "capture.json").read_text())["key_frames"][1]["segments"]) - 1
    assert {f"key_frames[1].segments[{last}].id", f"key_frames[1].segments[{last}].class"} <= fields
    assert fields & {"frames[7].people[0].class", "frames[7].people[1].class"}


def test_a_mask_of_the_wrong_size_is_named(capture_folder: Path) -> None:
    Image.fromarray(np.zeros((60, 80), dtype=np.uint8)).save(capture_folder / "masks/000023.png")
    fault = only(capture_folder)
    assert fault.file == "masks/000023.png"
    assert "expected 160 x 120 pixels, got 80 x 60" in fault.message


def test_masks_hold_the_ids_of_their_segments(capture_folder: Path) -> None:
    path = capture_folder / "masks/000000.png"
    mask = np.asarray(Image.open(path)).copy()
    mask[:5, :5] = 250
    Image.fromarray(mask).save(path)
    assert "got 250 as well" in only(capture_folder).message
    Image.fromarray(np.stack([mask] * 3, axis=-1)).save(path)
    assert "got mode RGB" in only(capture_folder).message
    path.write_bytes(b"no picture")
    assert only(capture_folder).file == "masks/000000.png"
    path.unlink()
    assert "No such file" in only(capture_folder).message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((120, 160), np.nan), "expected finite disparities, got only NaN"),
        (np.full((120, 160), 2.0), "expected disparities that differ, got one value"),
        (np.ones((120, 160, 3)), "expected an array (H, W), got (120, 160, 3)"),
        (np.arange(160.0 * 160).reshape(160, 160), "expected the picture's proportions, 1.33"),
        (np.array([["a"]]), "expected numbers, got <U1"),
        (np.array([object()]), "Object arrays cannot be loaded"),
    ],
)
def test_depth_maps_are_checked(capture_folder: Path, values: Any, message: str) -> None:
    np.save(capture_folder / "depth/relative/000000.npy", values)
    fault = only(capture_folder)
    assert fault.file == "depth/relative/000000.npy"
    assert message in fault.message


def test_zero_depth_and_missing_maps_are_named(capture_folder: Path) -> None:
    np.save(capture_folder / "depth/metric/000023.npy", np.zeros((60, 80)))
    assert "expected depths above 0, got none" in only(capture_folder).message
    (capture_folder / "depth/metric/000023.npy").unlink()
    _, faults = check_capture(capture_folder)
    assert [(f.file, f.warning) for f in faults] == [("depth/metric", True)]
    (capture_folder / "depth/metric/000000.npy").unlink()
    assert "got none for 0, 23" in only(capture_folder).message


def test_predictions_are_checked(capture_folder: Path) -> None:
    path = capture_folder / "predictions/hmr2.npz"
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, "track_id": arrays["track_id"] + 7})
    assert errors(capture_folder) == []
    assert any(f.field == "track_id" and f.warning for f in check_capture(capture_folder)[1])
    arrays.pop("betas")
    np.savez(path, **arrays)
    assert "betas" in only(capture_folder).message
    path.unlink()
    assert only(capture_folder) == Fault("predictions/hmr2.npz", "", "expected a file of predictions, got nothing")


def test_predictions_of_other_tools_are_checked(capture_folder: Path, edit: Edit) -> None:
    (capture_folder / "predictions/phalp.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    edit(lambda content: content["predictions"].append({"format": "phalp", "file": "predictions/phalp.pkl"}))
    assert only(capture_folder).file == "predictions/phalp.pkl"
    edit(lambda content: content["predictions"][1].update(format="gvhmr"))
    assert "expected the track that the file is of" in only(capture_folder).message


def test_a_frame_by_itself_is_read_with_a_warning(capture_folder: Path, edit: Edit) -> None:
    def one(content: Any) -> None:
        content["frame_count"] = 1
        content["frames"] = content["frames"][:1]
        content["key_frames"] = content["key_frames"][:1]

    edit(one)
    assert errors(capture_folder) == []
    assert any(f.field == "frame_count" and f.warning for f in check_capture(capture_folder)[1])


def test_two_captures_of_one_name_are_an_error(capture_set: Path) -> None:
    shutil.copytree(capture_set / "house/room_1/noon", capture_set / "house/room_1/other")
    results = dict(check_set(capture_set))
    assert [len(faults) for faults in results.values()] == [0, 1]
    with pytest.raises(InputError, match=r"expected captures .*, got none"):
        list(check_set(capture_set / "house/room_1/noon/masks"))


def test_the_command_prints_a_line_a_fault(capture_set: Path, edit: Edit) -> None:
    runner = CliRunner()
    result = runner.invoke(cli, ["validate", str(capture_set)])
    assert result.exit_code == 0, result.output
    assert "1 captures, all good" in result.output
    assert result.stderr == ""  # bars are for terminals
    edit(lambda content: content.update(fps=0))
    result = runner.invoke(cli, ["validate", str(capture_set)])
    assert result.exit_code == 2
    assert "got faults in 1 of 1" in result.output
    assert "capture.json: fps: expected more than 0, got 0" in result.output


def test_the_schema_promises_nothing_that_is_not_checked() -> None:
    with pytest.raises(NotImplementedError, match="uniqueItems"):
        list(violations([1], {"type": "array", "uniqueItems": True}))
    # Walking the whole schema: a keyword in a corner that no capture reaches would raise here.
    def walk(schema: Any) -> None:
        if isinstance(schema, dict):
            for name, part in schema.items():
                if name in ("properties", "$defs"):
                    for item in part.values():
                        list(violations(None, item, capture_schema()))
                        walk(item)
                elif name == "items":
                    list(violations(None, part, capture_schema()))
                    walk(part)

    walk(capture_schema())
