"""Make tests/runtime/toy_bundle: an untrained model of a few kB in the real format; tests then need no torch.

    python tests/runtime/make_toy_bundle.py

Its motion is noise around the rest pose: person 0 stands over the origin and faces +x, as the canonical frame has it.
Needs the extra [export]; run it again when the bundle's format changes, and commit the result.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np
import torch

from motion_export.bundle_writer import Model, write_bundle
from motion_preprocessing.labels import OBJECT_CLASSES, PERSON_CLASSES
from motion_preprocessing.pose_vector import POSE_DIM, encode
from motion_preprocessing.skeleton import JOINT_COUNT, WORLD_FROM_BODY, rest_joints
from motion_runtime.manifest import SamplingDefaults, ScheduleSpec
from motion_train.denoiser import Denoiser, DenoiserConfig
from motion_train.text_tower import TextTower, TextTowerConfig
from motion_train.tokenizer_build import tokenizer_json, vocabulary_size

FOLDER = Path(__file__).with_name("toy_bundle")
FPS = 20.0
MERGES = 60
BATCH = 3


def standing_pose() -> np.ndarray:
    """The rest pose as a pose vector (258,), feet on the floor, facing +x."""
    rotations = np.tile(np.eye(3), (1, JOINT_COUNT, 1, 1))
    rotations[:, 0] = WORLD_FROM_BODY
    joints = rest_joints() @ np.asarray(WORLD_FROM_BODY).T
    root = joints[:1] - [0, 0, joints[:, 2].min()]
    root[:, :2] = 0
    return np.asarray(encode(rotations, root, FPS))[0].astype(np.float32)


def toy_model() -> Model:
    """An untrained denoiser and text tower of a few thousand weights."""
    torch.manual_seed(0)
    tokenizer = tokenizer_json(MERGES)
    sizes = TextTowerConfig(
        vocabulary_size(tokenizer), context_length=16, width=8, heads=2, layers=1, output_dim=16
    )  # fmt: skip
    tower = TextTower.small(sizes, tokenizer).freeze()
    config = DenoiserConfig(
        width=32, layers=2, heads=2, feedforward=64, text_dim=16, person_classes=4, object_classes=len(OBJECT_CLASSES),
        identities=4,
    )  # fmt: skip
    return Model(
        denoiser=Denoiser(config),
        tower=tower,
        mean=standing_pose(),
        std=np.full(POSE_DIM, 0.02, np.float32),
        schedule=ScheduleSpec("cosine", 1000),
        fps=FPS,
        scene_tokens=4,
        scene_radius_m=3.0,
        person_classes=PERSON_CLASSES,
        object_classes=OBJECT_CLASSES,
        name="toy",
        licence="Apache-2.0",
        credits="Untrained; no data was used.",
        training={"data": "none"},
        default=SamplingDefaults("dpm++", 4, 2.0),
    )


if __name__ == "__main__":
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    write_bundle(toy_model(), out, people=(1, 2), frames=(20, 40), batch=BATCH, overwrite=True, report=click.echo)
