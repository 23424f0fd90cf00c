"""Files of what cameras see: as COCO's and PYSKL's readers want them, by one's own cameras and by the still one."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from motion_preprocessing.bodies.capsule_body import capsule_body_fields
from motion_preprocessing.bodies.model_files import load_body_model
from motion_preprocessing.describe import ACTIONS
from motion_runtime.body_view import BodyView
from motion_runtime.cli import main as run_main
from motion_runtime.convert_cli import main as convert_main
from motion_runtime.formats.action_segments import frame_actions
from motion_runtime.formats.camera import camera_for
from motion_runtime.formats.export import Export
from motion_runtime.formats.keypoints import COCO_NAMES, NTU_NAMES, coco_keypoints, ntu_joints
from motion_runtime.formats.names import BY_CAMERAS
from motion_runtime.formats.skin import skin_of
from motion_runtime.motion import Motion
from motion_runtime.views.camera_file import read_cameras
from motion_runtime.views.sight import View, look
from motion_runtime.writer import write_motion

WARD = Path(__file__).parents[3] / "examples" / "ward.ply"
TOY = Path(__file__).parents[1] / "toy_bundle"
CAMERAS = {
    "cameras": [
        # The first sees everybody, the second one person's half, the third nobody.
        {"name": "door", "width": 1280, "height": 720, "fov_deg": 90, "position": [4, -2, 2.2], "look_at": [0, 0.5, 1]},
        {"name": "bent", "width": 640, "height": 480, "fx": 500, "fy": 505, "cx": 322, "cy": 238,
         "distortion": [-0.2, 0.05, 0.001, 0.0, 0.0], "position": [2.5, 0.4, 1.6], "look_at": [0, 1.6, 1.0]},
        {"name": "away", "width": 640, "height": 480, "fov_deg": 60, "position": [4, 0, 2], "look_at": [9, 0, 1]},
    ]
}  # fmt: skip


@pytest.fixture(scope="module")
def two(walk: Callable[..., Motion]) -> Motion:
    return walk(people=2, frames=12, person_classes=("staff", "patient"), prompts=("helps", "walks \u00e4"))


@pytest.fixture(scope="module")
def cameras_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cameras") / "my_cameras.json"
    path.write_text(json.dumps(CAMERAS))
    return path


@pytest.fixture(scope="module")
def views(two: Motion, cameras_file: Path) -> dict[str, View]:
    return {view.camera.name: view for view in look(two, read_cameras(cameras_file))}


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(convert_main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def written(two: Motion, cameras_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of every format that has a use for cameras."""
    folder = tmp_path_factory.mktemp("written")
    (folder / "clip").mkdir()
    write_motion(folder / "clip" / "motion.npz", two)
    result = convert(folder / "clip", "--to", ",".join(BY_CAMERAS), "--cameras", cameras_file, "--out", folder / "out")
    assert result.exit_code == 0, result.output
    assert "cameras.json  the cameras by which" in result.stdout
    return folder / "out"


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(("file", "names"), [("coco_keypoints.json", COCO_NAMES), ("ntu_keypoints.json", NTU_NAMES)])
def test_cocos_json_says_what_the_cameras_see(
    written: Path, two: Motion, views: dict[str, View], file: str, names: tuple[str, ...]
) -> None:
    content = load(written / file)
    [category] = content["categories"]
    assert tuple(category["keypoints"]) == names
    assert {number for bone in category["skeleton"] for number in bone} == set(range(1, len(names) + 1))
    images = {image["id"]: image for image in content["images"]}
    assert len(images) == 3 * two.frames == len({image["file_name"] for image in images.values()})
    assert len({row["id"] for row in content["annotations"]}) == len(content["annotations"])
    actions = frame_actions(two)
    counted = dict.fromkeys(views, 0)
    for row in content["annotations"]:
        image = images[row["image_id"]]
        view, frame, person = views[image["camera"]], image["frame"], row["track_id"] - 1
        counted[image["camera"]] += 1
        assert image["file_name"] == f"clip/{image['camera']}/{frame:06d}.png"
        assert (image["width"], image["height"]) == (view.camera.width, view.camera.height)
        assert image["time_s"] == pytest.approx(frame / two.fps)
        seen = view.coco if names is COCO_NAMES else view.ntu
        keypoints = np.array(row["keypoints"]).reshape(-1, 3)
        state = seen.visibility[person, frame]
        np.testing.assert_array_equal(keypoints[:, 2], state)
        np.testing.assert_allclose(keypoints[state > 0, :2], seen.pixels[person, frame, state > 0], atol=0.006)
        assert not keypoints[state == 0].any()
        assert row["num_keypoints"] == np.count_nonzero(state)
        np.testing.assert_allclose(row["keypoints_depth_m"], seen.depth_m[person, frame], atol=1e-4)
        left, top, width, height = row["bbox"]
        assert 0 <= left < left + width <= image["width"]
        assert 0 <= top < top + height <= image["height"]
        assert row["area"] <= width * height + 1
        assert row["visible_share"] == pytest.approx(view.share[person, frame], abs=1e-4)
        assert row["person_class"] == two.person_classes[person]
        assert row["action"] == ACTIONS[actions[person, frame]]
        assert (row["category_id"], row["iscrowd"]) == (category["id"], 0)
    assert counted["door"] == 2 * two.frames
    assert counted["bent"] > 0
    assert counted["away"] == 0


def test_a_body_beyond_the_edge_has_its_whole_box_there(written: Path) -> None:
    content = load(written / "coco_keypoints.json")
    of_bent = {image["id"] for image in content["images"] if image["camera"] == "bent"}
    cut = [row for row in content["annotations"] if row["image_id"] in of_bent and row["whole_bbox"][1] < -5]
    cut += [row for row in content["annotations"] if row["image_id"] in of_bent and row["whole_bbox"][0] < -5]
    assert cut
    for row in cut:
        assert row["bbox"][2] * row["bbox"][3] < row["whole_bbox"][2] * row["whole_bbox"][3]


def test_pycocotools_reads_it(written: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco").COCO(str(written / "coco_keypoints.json"))
    ids = coco.getAnnIds(catIds=coco.getCatIds(["person"]), areaRng=[1, 1e9])
    assert ids
    assert len(coco.loadAnns(ids)[0]["keypoints"]) == 51


def test_the_cameras_come_along_in_the_frame_of_the_room(written: Path, cameras_file: Path, two: Motion) -> None:
    given, again = read_cameras(cameras_file), read_cameras(written / "cameras.json")
    assert [camera.name for camera in again] == ["door", "bent", "away"]
    assert all(row["frame"] == "room" for row in load(written / "cameras.json")["cameras"])
    for one, other in zip(given, again, strict=True):
        np.testing.assert_allclose(one.project(two.joints_m)[0], other.project(two.joints_m)[0], atol=1e-9)
    assert not (written / "camera.json").exists()


def test_pysklls_pickle_has_pixels_and_scores(written: Path, two: Motion, views: dict[str, View]) -> None:
    data = pickle.loads((written / "pyskl_2d.pkl").read_bytes())
    assert data["split"] == {"train": ["clip_door", "clip_bent", "clip_away"]}
    for annotation, view in zip(data["annotations"], views.values(), strict=True):
        assert annotation["frame_dir"] == f"clip_{view.camera.name}"
        assert annotation["keypoint"].shape == (2, two.frames, 17, 2)
        assert annotation["keypoint"].dtype == annotation["keypoint_score"].dtype == np.float32
        assert annotation["img_shape"] == (view.camera.height, view.camera.width) == annotation["original_shape"]
        state = view.coco.visibility
        np.testing.assert_array_equal(annotation["keypoint_score"], np.array([0, 0.5, 1])[state])
        np.testing.assert_allclose(annotation["keypoint"][state > 0], view.coco.pixels[state > 0], atol=1e-3)
        assert not annotation["keypoint"][state == 0].any()
        assert annotation["total_frames"] == two.frames
        assert annotation["label_name"] == ACTIONS[annotation["label"]]


def test_ntus_text_says_what_is_tracked(written: Path, two: Motion, views: dict[str, View]) -> None:
    for name, view in views.items():
        lines = (written / f"ntu25_{name}.skeleton").read_text().splitlines()
        joints = np.array([line.split() for line in lines if len(line.split()) == 12], dtype=float)
        joints = joints.reshape(two.frames, 2, 25, 12).swapaxes(0, 1)
        np.testing.assert_array_equal(joints[..., 11], view.ntu.visibility)
        x, y, z = np.moveaxis(view.camera.from_room(ntu_joints(two)), -1, 0)
        np.testing.assert_allclose(joints[..., :3], np.stack([-x, -y, z], axis=-1), atol=1e-6)
        ahead = z > 0.1
        np.testing.assert_allclose(joints[ahead][:, 5:7], view.ntu.pixels[ahead], atol=1e-3)
        assert np.isfinite(joints).all()


def test_avas_boxes_are_what_is_seen(written: Path, two: Motion, views: dict[str, View]) -> None:
    rows = list(csv.reader(io.StringIO((written / "ava.csv").read_text())))
    assert {row[0] for row in rows} == {"clip_door", "clip_bent"}
    for row in rows:
        view = views[row[0].removeprefix("clip_")]
        size = np.tile([view.camera.width, view.camera.height], 2)
        expected = view.visible[int(row[7]) - 1, round(int(row[1]) * two.fps)] / size
        np.testing.assert_allclose([float(value) for value in row[2:6]], expected, atol=1e-4)


def test_without_cameras_the_still_one_sees_everybody_through_walls(tmp_path: Path, two: Motion) -> None:
    write_motion(tmp_path / "motion.npz", two)
    result = convert(tmp_path / "motion.npz", "--to", "coco-2d", "--scene", WARD, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    content = load(tmp_path / "out" / "coco_keypoints.json")
    assert {image["camera"] for image in content["images"]} == {"front"}
    assert len(content["annotations"]) == 2 * two.frames
    pixels = camera_for(two).project(coco_keypoints(two))
    for row in content["annotations"]:
        keypoints = np.array(row["keypoints"]).reshape(-1, 3)
        frame = content["images"][row["image_id"] - 1]["frame"]
        np.testing.assert_allclose(keypoints[:, :2], pixels[row["track_id"] - 1, frame], atol=0.01)
        assert (keypoints[:, 2] > 0).all()
        assert row["visible_share"] > 0.3


def test_the_room_hides_people_from_ones_own_cameras(tmp_path: Path, two: Motion) -> None:
    write_motion(tmp_path / "motion.npz", two)
    outside = CAMERAS["cameras"][0] | {"frame": "room", "position": [12, 1, 1.2], "look_at": [0, 1, 1]}
    (tmp_path / "cameras.json").write_text(json.dumps(outside))
    out = tmp_path / "out"
    options = ("--scene", WARD, "--cameras", tmp_path / "cameras.json", "--out", out)
    result = convert(tmp_path / "motion.npz", "--to", "coco-2d", *options)
    assert result.exit_code == 0, result.output
    rows = load(out / "coco_keypoints.json")["annotations"]
    assert rows
    assert all(row["visible_share"] < 0.05 for row in rows)  # the ward's walls are in between
    assert {state for row in rows for state in row["keypoints"][2::3]} <= {0, 1}


def test_what_the_still_camera_sees_comes_with_that_one(tmp_path: Path, two: Motion, cameras_file: Path) -> None:
    write_motion(tmp_path / "motion.npz", two)
    options = ("--to", "pyskl,ava", "--cameras", cameras_file, "--out", tmp_path / "out")
    assert convert(tmp_path / "motion.npz", *options).exit_code == 0
    assert load(tmp_path / "out" / "camera.json") == camera_for(two).as_dict()  # of pyskl.pkl
    assert (tmp_path / "out" / "cameras.json").is_file()


def test_another_body_is_the_one_that_is_seen(tmp_path: Path, two: Motion, cameras_file: Path) -> None:
    np.savez(tmp_path / "body.npz", **capsule_body_fields())  # type: ignore[arg-type]
    body = load_body_model(tmp_path / "body.npz")
    camera = read_cameras(cameras_file)[0]
    [view] = Export(two, body=body, cameras=(camera,)).views
    vertices = BodyView(two, skin_of(body)).vertices(1, 3)
    pixels, _ = camera.project(vertices)
    np.testing.assert_allclose(view.whole[1, 3], [*pixels.min(axis=0), *pixels.max(axis=0)], atol=1e-3)
    [built_in] = Export(two, cameras=(camera,)).views
    assert np.abs(built_in.whole[1, 3] - view.whole[1, 3]).max() > 1


# ------------------------------------------------------------------------------------------------ commands


def refused(result: Result, words: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: expected ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def test_cameras_without_a_format_for_them_are_refused(tmp_path: Path, two: Motion, cameras_file: Path) -> None:
    write_motion(tmp_path / "motion.npz", two)
    arguments = ("--cameras", cameras_file, "--out", tmp_path / "out")
    words = "expected one of coco-2d, ntu-2d, pyskl-2d, ntu-text, ava for the formats beside cameras"
    refused(convert(tmp_path / "motion.npz", "--to", "glb,bvh", *arguments), words)
    refused(CliRunner().invoke(run_main, ["--prompt", "walks", *map(str, arguments)]), words)
    assert not (tmp_path / "out").exists()


def test_a_bad_camera_file_is_refused_before_any_work(tmp_path: Path, two: Motion) -> None:
    write_motion(tmp_path / "motion.npz", two)
    (tmp_path / "cameras.json").write_text('{"width": 3}')
    arguments = ("--cameras", tmp_path / "cameras.json", "--out", tmp_path / "out")
    words = "expected width and height in whole pixels"
    refused(convert(tmp_path / "motion.npz", "--to", "coco-2d", *arguments), words)
    toy = ("--bundle", TOY, "--prompt", "walks", "--formats", "coco-2d")
    refused(CliRunner().invoke(run_main, [*map(str, toy), *map(str, arguments)]), words)
    assert not (tmp_path / "out").exists()


def test_motion_run_writes_what_cameras_see(tmp_path: Path, cameras_file: Path) -> None:
    toy = ("--bundle", TOY, "--provider", "cpu", "--precision", "fp32", "--no-preview", "--seconds", 0.5)
    arguments = (*toy, "--prompt", "a person walks", "--formats", "coco-2d", "--cameras", cameras_file)
    result = CliRunner().invoke(run_main, [*map(str, arguments), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "cameras.json  the cameras by which" in result.stdout
    sample = tmp_path / "out" / "sample_000"
    assert {path.name for path in sample.iterdir()} == {
        "motion.npz", "run.json", "coco_keypoints.json", "cameras.json"
    }  # fmt: skip
    assert load(sample / "coco_keypoints.json")["images"][0]["file_name"] == "out/sample_000/door/000000.png"


def test_a_job_names_its_cameras_and_is_made_again_for_others(tmp_path: Path) -> None:
    job = {"name": "a", "prompt": "walks", "seconds": 0.5, "cameras": "c.json", "num_samples": 2}
    (tmp_path / "c.json").write_text(json.dumps(CAMERAS))
    (tmp_path / "jobs.jsonl").write_text(json.dumps(job) + "\n")
    fixed = ("--bundle", TOY, "--provider", "cpu", "--precision", "fp32")
    arguments = [*map(str, fixed), "--jobs", str(tmp_path / "jobs.jsonl"), "--out", str(tmp_path / "out")]
    refused(CliRunner().invoke(run_main, arguments), "for the formats beside cameras, got npz, bvh")
    arguments += ["--formats", "coco-2d"]
    result = CliRunner().invoke(run_main, arguments)
    assert result.exit_code == 0, result.output
    for sample in ("sample_000", "sample_001"):
        content = load(tmp_path / "out" / "a" / sample / "coco_keypoints.json")
        assert content["images"][0]["file_name"] == f"a/{sample}/door/000000.png"
    (tmp_path / "c.json").write_text(json.dumps(CAMERAS["cameras"][0]))
    result = CliRunner().invoke(run_main, arguments)
    assert result.exit_code == 7
    assert "got another 'files'" in result.stderr
    (tmp_path / "c.json").write_text("[]")
    result = CliRunner().invoke(run_main, arguments)
    assert result.exit_code == 2
    assert "line 1: expected 1 to 64 cameras, got 0" in result.stderr
