"""Writes synthetic captures in the capture format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from motion_preprocessing.atomic_output import atomic_folder
from motion_preprocessing.captures.layout import CAPTURE_FILE, FORMAT, FORMAT_VERSION, TRUTH_FILE, frame_name
from motion_preprocessing.captures.render import Room
from motion_preprocessing.captures.synthetic import FIRST_PERSON_SEGMENT, SyntheticCapture, Truth
from motion_preprocessing.poses.crop_camera import camera_to_crop, crop_to_camera
from motion_preprocessing.skeleton import SMPL_PELVIS_M


def write_capture(folder: Path, capture: SyntheticCapture, *, site: str, room: str, time: str) -> None:
    """Write a capture's folder; it appears when it is complete.

    Raises:
        OutputError: The folder exists or cannot be written.
    """
    with atomic_folder(folder) as partial:
        _write_files(partial, capture, site, room, time)


def _write_files(folder: Path, capture: SyntheticCapture, site: str, room: str, time: str) -> None:
    truth = capture.truth
    for name in ("frames", "masks", "predictions", "depth/relative", "depth/metric"):
        (folder / name).mkdir(parents=True)
    for index, frame in enumerate(truth.key_frames.tolist()):
        view = capture.views[index]
        Image.fromarray(view.colors).save(folder / "frames" / frame_name(frame, ".jpg"), quality=85)
        Image.fromarray(view.segments.astype(np.uint8)).save(folder / "masks" / frame_name(frame, ".png"))
        # Half precision would round far depths by millimetres: less than the noise, at half the size.
        for name, values in (("relative", capture.disparity[index]), ("metric", capture.metric_m[index])):
            np.save(folder / "depth" / name / frame_name(frame, ".npy"), values.astype(np.float16))
    poses = {name: getattr(capture.poses, name) for name in type(capture.poses).__dataclass_fields__}
    camera = capture.stage.camera
    # An estimator's translation is that of its body model's origin, not of the pelvis.
    pelvis = crop_to_camera(poses["pred_cam"], poses["box_center"], poses["box_size"], camera)
    poses["pred_cam"] = camera_to_crop(pelvis - np.array(SMPL_PELVIS_M), poses["box_center"], poses["box_size"], camera)
    np.savez(
        folder / "predictions" / "hmr2.npz",
        **{name: value.astype(np.float32) if value.dtype.kind == "f" else value for name, value in poses.items()},
        img_size=np.array([camera.width, camera.height]),
        orientation=np.array("camera"),
    )
    _write_truth(folder / TRUTH_FILE, truth)
    text = json.dumps(_description(capture, site, room, time), separators=(",", ":"))
    (folder / CAPTURE_FILE).write_text(text + "\n", encoding="utf-8")


def _write_truth(path: Path, truth: Truth) -> None:
    arrays: dict[str, Any] = {name: np.asarray(getattr(truth, name)) for name in Truth.__dataclass_fields__}
    arrays["depth_m"] = truth.depth_m.astype(np.float16)
    for name in ("joints_m", "local_rotations", "root_position_m"):
        arrays[name] = arrays[name].astype(np.float32)
    arrays["pelvis_offset_m"] = np.zeros(3)
    np.savez_compressed(path, **arrays)


def _description(capture: SyntheticCapture, site: str, room: str, time: str) -> dict[str, Any]:
    config, camera = capture.config, capture.stage.camera
    frames = []
    for frame in range(config.frames):
        people = []
        for person, track in enumerate(capture.truth.track_ids.tolist()):
            x0, y0, x1, y1 = capture.boxes[person, frame].round(2).tolist()
            if x1 <= x0:
                continue
            keypoints = [
                [round(x, 2), round(y, 2), int(v)] for x, y, v in capture.keypoints[person, frame].tolist()
            ]
            people.append(
                {
                    "track": track,
                    "class": capture.classes[person],
                    "centre": [round((x0 + x1) / 2, 2), round((y0 + y1) / 2, 2)],
                    "box": [x0, y0, x1, y1],
                    "keypoints": keypoints,
                    "action": capture.stage.actors[person].motion.action,
                }
            )
        if people:
            frames.append({"frame": frame, "people": people})
    shell = Room((0.0, 0.0, 0.0))
    segments: list[dict[str, Any]] = [
        {"id": shell.floor, "kind": "floor"}, {"id": shell.wall, "kind": "wall"},
        {"id": shell.ceiling, "kind": "ceiling"},
    ]  # fmt: skip
    segments += [
        {"id": item.segment, "kind": "furniture", "class": item.name, "instance": number}
        for number, item in enumerate(capture.stage.items)
    ]
    segments += [
        {"id": FIRST_PERSON_SEGMENT + track, "kind": "person", "track": track}
        for track in capture.truth.track_ids.tolist()
    ]
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "site": site,
        "room": room,
        "time": time,
        "fps": config.fps,
        "frame_count": config.frames,
        "camera": {
            "width": camera.width, "height": camera.height, "fx": camera.fx, "fy": camera.fy, "cx": camera.cx,
            "cy": camera.cy, "source": "calibrated",
        },
        "frames": frames,
        "key_frames": [
            {
                "frame": frame,
                "image": f"frames/{frame_name(frame, '.jpg')}",
                "mask": f"masks/{frame_name(frame, '.png')}",
                "segments": [s for s in segments if np.any(capture.views[index].segments == s["id"])],
            }
            for index, frame in enumerate(capture.truth.key_frames.tolist())
        ],
        "depth": [{"name": "relative", "kind": "disparity"}, {"name": "metric", "kind": "metric", "unit": 1.0}],
        "predictions": [{"format": "hmr2", "file": "predictions/hmr2.npz"}],
    }  # fmt: skip
