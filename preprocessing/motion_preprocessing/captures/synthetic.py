"""Synthetic captures with ground truth: what a camera and a pose estimator would say about a stage that is known.

The errors are those of the real chain: pixels of keypoints off, people in front of each other, an estimator that
answers for the wrong person, with nonsense or not at all, a distance that follows an assumed body size, a disparity
known up to scale and offset, depth that is noisy. Everything follows from one seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import Capsules
from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.captures.keypoints import coco_keypoints
from motion_preprocessing.captures.mistakes import MIN_KEYPOINTS, MISSING, UNSEEN, WRONG, choose_mistakes
from motion_preprocessing.captures.render import View, cast_people, cast_room
from motion_preprocessing.captures.staging import Stage, set_stage
from motion_preprocessing.captures.visibility import behind_body, behind_boxes
from motion_preprocessing.captures.walks import MotionSource
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_COUNT

Array = NDArray[np.float64]

FIRST_PERSON_SEGMENT: Final = 100
OCCLUDED_NOISE: Final = 1.5
"""How much larger an estimator's errors are for people who are partly hidden."""
CLASSES: Final = ("patient", "staff", "person")


@dataclass(frozen=True)
class SyntheticConfig:
    """What synthetic captures are like."""

    frames: int = 100
    """Frames of a capture."""
    fps: float = 10.0
    """Frames a second."""
    key_frames: int = 5
    """Frames with masks, a picture and depth."""
    width: int = 320
    """Of the picture, pixels."""
    height: int = 240
    """Of the picture, pixels."""
    horizontal_fov_deg: float = 90.0
    """Field of view of the camera."""
    pitch_deg: tuple[float, float] = (0.0, 60.0)
    """Range of how far the camera looks down."""
    roll_deg: tuple[float, float] = (-8.0, 8.0)
    """Range of how far the picture is turned."""
    people: tuple[int, int] = (2, 3)
    """Fewest and most people."""
    depth_noise: float = 0.03
    """Standard deviation of depth, relative."""
    depth_correlation_px: float = 0.0
    """Noise is smoothed over the picture by a Gaussian of this standard deviation (and kept as large): depth models err
    in patches. 0: each pixel by itself."""
    depth_outliers: float = 0.0
    """Share of depth pixels that say anything at all."""
    occlusion: float = 0.2
    """Share of a person's frames in which more than a third of the keypoints are hidden by furniture or by others; met
    as far as rooms and ways allow."""
    swapped: float = 0.05
    """Share of poses that are another person's."""
    swap_alike: bool = False
    """Whether that may be, and then mostly is, a person who looks alike: keypoints closer on average than 0.3 of the
    box's side, one behind the other in nearly one pose."""
    wrong: float = 0.02
    """Share of poses that are grossly wrong."""
    missing: float = 0.03
    """Share of poses that are missing."""
    keypoint_noise_px: float = 1.0
    """Standard deviation of annotated keypoints."""
    rotation_noise_deg: float = 4.0
    """Standard deviation of each joint's rotation."""
    distance_noise: float = 0.03
    """Standard deviation of a pose's distance from the camera, relative, frame by frame."""
    pose_noise_px: float = 1.0
    """Standard deviation of the predicted pelvis in the picture."""
    body_scale: float = 0.03
    """Standard deviation of body size; the estimator takes every body for one of size 1, nearer or farther away."""

    def __post_init__(self) -> None:
        if not self.depth_correlation_px >= 0:
            raise InputError(
                f"expected 0 pixels or more, got {self.depth_correlation_px} for depth_correlation_px; raise it"
            )
        if self.frames < 1 or not 1 <= self.key_frames <= self.frames:
            raise InputError(
                f"expected 1 to {self.frames} key frames, got {self.key_frames} for a capture of {self.frames} frames; "
                "change either"
            )
        for name in ("occlusion", "swapped", "wrong", "missing", "depth_outliers"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"expected a share of 0 to 1, got {getattr(self, name)} for {name}; give a share")


@dataclass(frozen=True)
class Truth:
    """What is true of a synthetic capture; docs/formats/capture.md names the arrays."""

    joints_m: Array
    local_rotations: Array
    root_position_m: Array
    track_ids: NDArray[np.int64]
    world_from_camera: Array
    floor_normal: Array
    floor_offset: float
    alpha: float
    beta: float
    key_frames: NDArray[np.int64]
    depth_m: Array
    predicted: NDArray[np.int8]
    occluded: NDArray[np.bool_]


@dataclass(frozen=True)
class Poses:
    """N predicted poses, as HMR2 gives them."""

    frame: NDArray[np.int64]
    track_id: NDArray[np.int64]
    box_center: Array
    box_size: Array
    pred_cam: Array
    global_orient: Array
    body_pose: Array
    betas: Array


@dataclass(frozen=True)
class SyntheticCapture:
    """Everything that is written to disk."""

    config: SyntheticConfig
    stage: Stage
    classes: tuple[str, ...]
    """(P,)."""
    boxes: Array
    """(P, T, 4) annotated."""
    keypoints: Array
    """(P, T, 17, 3) annotated."""
    views: list[View]
    """Of the key frames."""
    disparity: list[Array]
    """Of the key frames, at the camera's size."""
    metric_m: list[Array]
    """Of the key frames, at half the size."""
    poses: Poses
    truth: Truth


def synthesise(config: SyntheticConfig, seed: int, source: MotionSource | None = None) -> SyntheticCapture:
    """Make one capture; the same arguments give the same one."""
    rng = np.random.default_rng(seed)
    stage = set_stage(
        camera=Intrinsics.from_fov(config.width, config.height, config.horizontal_fov_deg),
        pitch_deg=rng.uniform(*config.pitch_deg),
        roll_deg=rng.uniform(*config.roll_deg),
        people=int(rng.integers(config.people[0], config.people[1] + 1)),
        frames=config.frames,
        fps=config.fps,
        occlusion=config.occlusion,
        scale_spread=config.body_scale,
        source=source or MotionSource(),
        rng=rng,
    )
    if not stage.actors:
        raise InputError(
            f"expected a motion that fits a room of {stage.room.size_m[0]:.1f} x {stage.room.size_m[1]:.1f} m, got "
            f"none for seed {seed}; ask for fewer frames or other motions"
        )
    capsules = [actor.capsules() for actor in stage.actors]
    keypoints, boxes, occluded = _annotate(config, stage, capsules, rng)
    seen = boxes[..., 2] > boxes[..., 0]
    predicted, shown = choose_mistakes(
        keypoints, boxes, seen, swapped=config.swapped, swap_alike=config.swap_alike, missing=config.missing,
        wrong=config.wrong, rng=rng,
    )  # fmt: skip
    poses = _predict(config, stage, boxes, predicted, shown, occluded, rng)
    chosen = np.unique(np.round(np.linspace(0, config.frames - 1, config.key_frames)).astype(np.int64))
    views = _views(stage, capsules, chosen)
    alpha, beta = float(rng.uniform(0.01, 0.05)), float(rng.uniform(0.02, 0.1))
    disparity = [(1 / _noisy(config, view.depth_m, rng) - beta) / alpha for view in views]
    metric = [_noisy(config, halved(view.depth_m), rng) for view in views]
    normal = stage.world_from_camera[2, :3]  # the camera's view of world z
    truth = Truth(
        joints_m=np.stack([actor.joints_m for actor in stage.actors]),
        local_rotations=np.stack([actor.motion.local_rotations for actor in stage.actors]),
        root_position_m=np.stack([actor.motion.root_position_m for actor in stage.actors]),
        track_ids=np.arange(1, len(stage.actors) + 1),
        world_from_camera=stage.world_from_camera,
        floor_normal=normal.copy(),
        floor_offset=float(stage.world_from_camera[2, 3]),
        alpha=alpha,
        beta=beta,
        key_frames=chosen,
        depth_m=np.stack([view.depth_m for view in views]),
        predicted=predicted,
        occluded=occluded,
    )
    classes = tuple(CLASSES[i % len(CLASSES)] for i in rng.permutation(len(stage.actors)))
    return SyntheticCapture(config, stage, classes, boxes, keypoints, views, disparity, metric, poses, truth)


def synthesise_of_set(
    config: SyntheticConfig, *, seed: int, index: int, count: int, source: MotionSource | None = None
) -> SyntheticCapture:
    """Make capture `index` of a set of `count` whose pitches are spread evenly over their range."""
    low, high = config.pitch_deg
    pitch = low + (high - low) * (index / (count - 1) if count > 1 else 0.5)
    mixed = np.random.SeedSequence([seed, index]).generate_state(1)[0]
    return synthesise(replace(config, pitch_deg=(pitch, pitch)), int(mixed), source)


def _to_camera(stage: Stage, points: Array) -> Array:
    return (points - stage.world_from_camera[:3, 3]) @ stage.world_from_camera[:3, :3]


def halved(depth_m: Array) -> Array:
    """Return a depth map (H, W) at half the size: the mean of four in 1/depth, which is exact on planes."""
    height, width = depth_m.shape[0] // 2, depth_m.shape[1] // 2
    blocks = depth_m[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    return np.asarray(1 / (1 / blocks).mean(axis=(1, 3)))


def _noisy(config: SyntheticConfig, depth_m: Array, rng: np.random.Generator) -> Array:
    noise = rng.standard_normal(depth_m.shape)
    if config.depth_correlation_px:
        noise = correlated(noise, config.depth_correlation_px * depth_m.shape[1] / config.width)
    noisy = depth_m * np.maximum(1 + config.depth_noise * noise, 0.3)
    if config.depth_outliers:
        lost = rng.uniform(size=depth_m.shape) < config.depth_outliers
        noisy = np.where(lost, rng.uniform(0.5, 8.0, size=depth_m.shape), noisy)
    return noisy


def correlated(noise: Array, spread_px: float) -> Array:
    """Smooth white noise (H, W) of variance 1 by a Gaussian of this standard deviation; the variance stays 1."""
    y, x = (np.fft.fftfreq(count)[:, None] for count in noise.shape)
    response = np.exp(-2 * (np.pi * spread_px) ** 2 * (y**2 + x.T**2))
    smooth = np.fft.ifft2(np.fft.fft2(noise) * response).real
    return np.asarray(smooth / np.sqrt(np.mean(response**2)))


def _views(stage: Stage, capsules: list[Capsules], frames: NDArray[np.int64]) -> list[View]:
    empty = cast_room(stage.camera, stage.world_from_camera, stage.room, stage.boxes)
    tints = ((70, 110, 200), (80, 170, 90), (220, 140, 50), (190, 80, 160))
    views = []
    for frame in frames:
        people = [
            (Capsules(c.starts_m[frame], c.ends_m[frame], c.radii_m), FIRST_PERSON_SEGMENT + 1 + i, tints[i % 4])
            for i, c in enumerate(capsules)
        ]
        views.append(cast_people(empty, stage.camera, stage.world_from_camera, people))
    return views


def _annotate(
    config: SyntheticConfig, stage: Stage, capsules: list[Capsules], rng: np.random.Generator
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Keypoints (P, T, 17, 3), boxes (P, T, 4; zeros where not annotated), and who is hidden (P, T)."""
    keypoints, boxes, occluded = [], [], []
    for number, actor in enumerate(stage.actors):
        places = coco_keypoints(actor.joints_m, actor.world_rotations)
        pixels = stage.camera.project(_to_camera(stage, places))
        inside = stage.camera.contains(pixels)
        eye = stage.world_from_camera[:3, 3]
        hidden = behind_boxes(eye, places, stage.boxes)
        for other, c in enumerate(capsules):
            if other != number:
                hidden |= behind_body(eye, places, c)
        noisy = pixels + config.keypoint_noise_px * rng.standard_normal(pixels.shape)
        inside &= stage.camera.contains(noisy)
        known = inside & (inside.sum(axis=-1, keepdims=True) >= MIN_KEYPOINTS)
        visible = np.where(known, np.where(hidden, 1.0, 2.0), 0.0)
        keypoints.append(np.concatenate([np.where(known[..., None], noisy, 0.0), visible[..., None]], axis=-1))
        # The box bounds the body, which reaches past the joints.
        c = capsules[number]
        ends = np.concatenate([_to_camera(stage, c.starts_m), _to_camera(stage, c.ends_m)], axis=1)
        reach = np.tile(c.radii_m, 2) * stage.camera.fx / np.maximum(ends[..., 2], 0.2)
        outline = stage.camera.project(ends)
        low, high = outline - reach[..., None], outline + reach[..., None]
        limit = np.array([stage.camera.width, stage.camera.height], dtype=np.float64)
        any_known = known.any(axis=-1)
        with np.errstate(invalid="ignore"):
            box = np.concatenate([np.fmin.reduce(low, axis=1), np.fmax.reduce(high, axis=1)], axis=-1)
        box = np.clip(np.nan_to_num(box), 0.0, np.tile(limit, 2))
        boxes.append(np.where(any_known[:, None], box, 0.0))
        occluded.append(any_known & ((known & hidden).sum(axis=-1) > known.sum(axis=-1) / 3))
    return np.stack(keypoints), np.stack(boxes), np.stack(occluded)


def _predict(
    config: SyntheticConfig, stage: Stage, boxes: Array, predicted: NDArray[np.int8], shown: NDArray[np.int64],
    occluded: NDArray[np.bool_], rng: np.random.Generator,
) -> Poses:  # fmt: skip
    """Poses in the form of HMR2's output."""
    camera = stage.camera
    rotation = stage.world_from_camera[:3, :3].T
    columns: dict[str, list[Array]] = {name: [] for name in Poses.__dataclass_fields__}
    betas = 0.3 * rng.standard_normal((len(stage.actors), 10))
    for person in range(len(stage.actors)):
        frames = np.flatnonzero((predicted[person] != MISSING) & (predicted[person] != UNSEEN))
        whose = shown[person, frames]
        count = len(frames)
        local = np.stack([stage.actors[w].motion.local_rotations[f] for w, f in zip(whose, frames, strict=True)])
        pelvis = np.stack([stage.actors[w].joints_m[f, 0] for w, f in zip(whose, frames, strict=True)])
        scale = np.array([stage.actors[w].scale for w in whose])
        local[:, 0] = rotation @ local[:, 0]
        wrong = predicted[person, frames] == WRONG
        blur = np.where(occluded[whose, frames], OCCLUDED_NOISE, 1.0)
        spread = np.radians(np.where(wrong, 40.0, blur * config.rotation_noise_deg))[:, None, None]
        noise = spread * rng.standard_normal((count, JOINT_COUNT, 3)) / np.sqrt(3)
        local = local @ np.asarray(matrix_from_rotation_vector(noise))
        place = _to_camera(stage, pelvis)
        pixel = camera.project(place) + config.pose_noise_px * blur[:, None] * rng.standard_normal((count, 2))
        pixel += np.where(wrong[:, None], 0.25 * (boxes[person, frames, 3] - boxes[person, frames, 1])[:, None]
                          * rng.standard_normal((count, 2)), 0.0)  # fmt: skip
        depth = place[:, 2] / scale * np.maximum(1 + config.distance_noise * blur * rng.standard_normal(count), 0.5)
        translation = np.stack(
            [(pixel[:, 0] - camera.cx) / camera.fx * depth, (pixel[:, 1] - camera.cy) / camera.fy * depth, depth], -1
        )
        box = boxes[person, frames]
        centre = (box[:, :2] + box[:, 2:]) / 2
        size = 1.2 * np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
        b = 2 * camera.fx / depth  # the crop's scale times its size, pixels a metre times 2
        cam = np.concatenate(
            [(b / size)[:, None], translation[:, :2] - 2 * (centre - [camera.cx, camera.cy]) / b[:, None]], axis=-1
        )
        body = np.concatenate([local[:, 1:], np.broadcast_to(np.eye(3), (count, 2, 3, 3))], axis=1)
        values = (frames, np.full(count, person + 1), centre, size, cam, local[:, 0], body, betas[whose])
        for name, value in zip(columns, values, strict=True):
            columns[name].append(value)
    return Poses(**{name: np.concatenate(parts) for name, parts in columns.items()})  # type: ignore[arg-type]


def predicted_joints(poses: Poses, camera: Intrinsics) -> Array:
    """Return the joints (N, 22, 3) that predicted poses say, in the camera frame, with the camera's focal length."""
    b = poses.box_size * poses.pred_cam[:, 0]
    shift = 2 * (poses.box_center - [camera.cx, camera.cy]) / b[:, None]
    root = np.concatenate([poses.pred_cam[:, 1:] + shift, (2 * camera.fx / b)[:, None]], axis=-1)
    local = np.concatenate([poses.global_orient[:, None], poses.body_pose[:, : JOINT_COUNT - 1]], axis=1)
    return np.asarray(forward_kinematics(local, root)[0])
