"""`motion-evaluate` from end to end with a generator that needs no network, and what it says to bad input."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from scipy.spatial.transform import Rotation

from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.furnishing.rooms import held_out_room
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import POSE_DIM, encode
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.motion import GenerationRequest, Motion
from motion_train.config import to_dict
from motion_train.contrastive import ContrastiveConfig, SmallTowerConfig
from motion_train.evaluation.cli import main
from motion_train.evaluation.estimate import Estimate
from motion_train.evaluation.making import Maker, request_digest
from motion_train.evaluation.requests import Wanted, away_deg, for_room, without_tokens
from motion_train.evaluation.rows import NOT_MEASURED, Row, markdown
from motion_train.files import write_json
from motion_train.motion_encoder import MotionEncoderConfig
from motion_train.text_run import CONFIG_FILE, build_model
from motion_train.tokenizer_build import tokenizer_json

FPS = 20.0


def walking(seed: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rotations = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    swing = 0.4 * np.sin(np.arange(frames) * rng.uniform(0.3, 0.5))
    rotations[:, 0] = WORLD_FROM_BODY
    for joint, side in ((1, 1), (2, -1), (16, -1), (17, 1)):
        rotations[:, joint] = Rotation.from_rotvec(side * swing[:, None] * [1.0, 0, 0]).as_matrix()
    root = np.array([0, 0, 0.93]) + np.arange(frames)[:, None] * [rng.uniform(0.03, 0.06), 0, 0]
    return rotations, root


def sequence(index: int, split: str) -> MotionSequence:
    rotations, root = walking(index, 50 + index)
    return MotionSequence(
        name=f"{split}{index}", fps=FPS, local_rotations=rotations.astype(np.float32),
        root_position_m=root.astype(np.float32), captions=("a person walks forward",), action="walk",
        person_class="person", subject=f"{split}{index}", split=split, pair="", source="test", licence="none",
    )  # fmt: skip


@dataclass
class Walker:
    """A generator whose people walk."""

    calls: int = 0

    def __post_init__(self) -> None:
        manifest = SimpleNamespace(
            graphs=[SimpleNamespace(frames=120, role="step")], people=[1, 2], name="walker",
            default=SimpleNamespace(sampler="ddpm", steps=4, guidance=1.0),
        )  # fmt: skip
        self.bundle = SimpleNamespace(manifest=manifest, sha256="ab" * 32)
        self.provider = SimpleNamespace(name="cpu", precision="fp32")
        self.untold = 0

    def without_scene_tokens(self) -> SimpleNamespace:
        def predict(request: GenerationRequest) -> SimpleNamespace:
            self.untold += 1
            assert request.scene is not None
            return self.predict(request)

        return SimpleNamespace(predict=predict, pose=self.pose)

    def predict(self, request: GenerationRequest) -> SimpleNamespace:
        self.calls += 1
        people, frames = request.persons, round(request.seconds * FPS)
        return SimpleNamespace(pose_vectors=np.zeros((people, frames, POSE_DIM), dtype=np.float32))

    def pose(self, request: GenerationRequest, _made: SimpleNamespace) -> Motion:
        people, frames = request.persons, round(request.seconds * FPS)
        parts = [walking(1000 * request.sample + p, frames) for p in range(people)]
        rotations, root = (np.stack([part[i] for part in parts]) for i in (0, 1))
        root = root + np.arange(people)[:, None, None] * [0, 3.0, 0]
        joints, _ = forward_kinematics(rotations, root)
        return Motion(
            joints.astype(np.float32), rotations.astype(np.float32), root.astype(np.float32), FPS,
            request.person_classes, request.prompt_of_each, request.seed,
        )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate")
    people = [sequence(i, split) for split, n in (("train", 8), ("validation", 3), ("test", 3)) for i in range(n)]
    write_dataset(path / "data", people, fps=FPS, credits=["nobody"], provenance={})
    small = ContrastiveConfig(
        tower=SmallTowerConfig(merges=8, width=8, heads=2, layers=1, output_dim=8),
        motion=MotionEncoderConfig(width=8, layers=1, heads=2, output_dim=8),
    )
    torch.manual_seed(0)
    model = build_model(
        small,
        tokenizer_json(8, {"a", "person", "walks"}),
        np.zeros(POSE_DIM, np.float32),
        np.ones(POSE_DIM, np.float32),
    )
    (path / "evaluator").mkdir()
    model.text.save(path / "evaluator")
    model.motion.save(path / "evaluator")
    write_json(path / "evaluator" / CONFIG_FILE, to_dict(small))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def failed(result: Result, *, code: int) -> str:
    assert result.exit_code == code, result.output
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("error: ")
    assert sum(line.startswith("error") for line in lines) == 1
    return lines[-1]


def test_a_whole_evaluation(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walker = Walker()
    monkeypatch.setattr("motion_train.evaluation.run.Generator.load", lambda *_: walker)
    arguments = (
        "--data", folder / "data", "--evaluator", folder / "evaluator", "--out", tmp_path / "report", "--count", 8,
        "--samples", 1, "--rooms", 1, "--groups", 1, "--windows", 30, "--replications", 3, "--threads", 1,
    )  # fmt: skip
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "report" / "metrics.json").read_text())
    rows = figures["figures"]
    assert rows["walk"]["model"]["value"] is not None or rows["walk"]["note"]
    assert rows["bone_drift_mean_percent"]["model"]["value"] < 0.01
    assert rows["help"]["met"] is False
    assert rows["apart_2"]["model"]["value"] == 1.0
    assert rows["apart_2"]["why no real"] == "no recordings of 2 people"
    assert rows["falls"]["model"]["value"] == 0.0
    assert rows["wall_penetration"]["model"]["value"] > 0.2  # whoever walks for six seconds leaves the room
    assert figures["about"]["bundle sha256"] == "ab" * 32
    page = (tmp_path / "report" / "index.html").read_text()
    assert ">no recordings of 2 people<" in page
    assert "data:image/gif;base64," in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert "<svg" in page
    assert "<th>steps</th><td>not given</td>" in page
    assert "<th>splits</th><td>validation, test</td>" in page
    assert "R-precision@3" in (tmp_path / "report" / "table.md").read_text()
    made = walker.calls
    in_rooms = len(for_room(0, held_out_room(0), 0))
    assert walker.untold == in_rooms
    assert rows["scene_penetration_no_tokens"]["model"]["count"] == in_rooms
    assert rows["contact_no_tokens"]["model"]["count"] == rows["contact"]["model"]["count"]
    assert made == figures["about"]["motions made"]
    # What was made is found again.
    assert run(*arguments).exit_code == 0
    assert walker.calls == made


def test_a_broken_file_is_made_again(tmp_path: Path) -> None:
    walker = Walker()
    wanted = Wanted("actions", "walk_000", GenerationRequest(("a person walks",), seconds=2.0))
    maker = Maker(walker, tmp_path)  # type: ignore[arg-type]
    first = maker.make(wanted)
    (file,) = maker.folder.iterdir()
    file.write_bytes(file.read_bytes()[:200])
    again = maker.make(wanted)
    assert walker.calls == 2
    np.testing.assert_array_equal(first.joints_m, again.joints_m)
    assert [path.name for path in maker.folder.iterdir()] == [file.name]


def test_a_motion_without_scene_tokens_is_not_taken_for_the_one_with_them(tmp_path: Path) -> None:
    walker = Walker()
    shown = Wanted(
        "rooms", "00_walk", GenerationRequest(("a person walks",), seconds=2.0, scene=held_out_room(0).scene)
    )
    maker = Maker(walker, tmp_path)  # type: ignore[arg-type]
    for wanted in (shown, without_tokens(shown), shown, without_tokens(shown)):
        maker.make(wanted)
    assert (walker.calls, walker.untold) == (2, 1)


def test_a_motion_is_not_taken_for_one_of_another_provider_or_precision(tmp_path: Path) -> None:
    walker = Walker()
    wanted = Wanted("actions", "walk_000", GenerationRequest(("a person walks",), seconds=2.0))
    for number, (name, precision) in enumerate((("cpu", "fp32"), ("cpu", "int8"), ("openvino", "int8")), 1):
        walker.provider = SimpleNamespace(name=name, precision=precision)
        for _ in range(2):
            Maker(walker, tmp_path).make(wanted)  # type: ignore[arg-type]
        assert walker.calls == number


def test_requests_are_told_apart() -> None:
    room = held_out_room(0)
    request = GenerationRequest(("a person walks",), scene=room.scene)
    others = [replace(request, seed=1), replace(request, scene=None), replace(request, scene=held_out_room(2).scene)]
    assert len({request_digest(one) for one in (request, *others)}) == 4
    assert request_digest(request) == request_digest(
        GenerationRequest(("a person walks",), scene=held_out_room(0).scene)
    )


@pytest.mark.parametrize("index", [0, 1, 2])
def test_who_sits_down_starts_with_the_back_to_the_seat(index: int) -> None:
    room = held_out_room(index)
    for support in room.supports:
        angle = math.radians(away_deg(support))
        away = np.array(support.approach_m) - support.centre_m
        assert np.array([math.cos(angle), math.sin(angle)]) @ away > 0
    names = [wanted.name for wanted in for_room(index, room, 0)]
    assert names[0] == f"{index:02d}_walk"
    assert len(names) == 1 + 2 * len({support.kind for support in room.supports})


def test_rows_for_a_model_card() -> None:
    bare = Row("p", "k", "walls", "%", Estimate(0.5, 0.4, 0.6, 9), unreal="no walls")
    assert markdown([bare]).splitlines()[-1] == "| walls | 50 % (40 to 60) | no walls |  |  |"
    row = Row("p", "k", "a | b", "%", Estimate(0.5, 0.4, 0.6, 9), NOT_MEASURED, ">= 60 %", False)
    assert markdown([row]).splitlines()[-1] == "| a / b | 50 % (40 to 60) | not measured | >= 60 % | no |"
    assert json.dumps(row.as_dict(), allow_nan=False)


def test_bad_input_is_one_line(folder: Path, tmp_path: Path) -> None:
    given = ("--data", folder / "data", "--evaluator", folder / "evaluator", "--out", tmp_path / "r")
    assert "--data" in failed(run(), code=2)
    assert "for --split" in failed(run(*given, "--split", "train"), code=2)
    assert "for --count" in failed(run(*given, "--count", 3), code=2)
    assert "train-evaluator" in failed(run(*given[:2], "--evaluator", tmp_path, *given[4:]), code=2)
    assert "manifest.json" in failed(run(*given, "--bundle", tmp_path), code=4)
    assert "for --data" in failed(run("train-evaluator", "--out", tmp_path / "e"), code=2)
    assert not (tmp_path / "r").exists()


def test_canonical_poses_are_those_of_training(folder: Path) -> None:
    from motion_train.evaluation.embedder import canonical_pose

    rotations, root = walking(3, 40)
    joints, _ = forward_kinematics(rotations, root)
    turned = rotations.copy()
    turned[:, 0] = Rotation.from_euler("z", 130, degrees=True).as_matrix() @ turned[:, 0]
    moved = root @ Rotation.from_euler("z", 130, degrees=True).as_matrix().T + [3.0, 1.0, 0.0]
    other, _ = forward_kinematics(turned, moved)
    straight = encode(rotations, root - [root[0, 0], root[0, 1], 0], FPS)
    np.testing.assert_allclose(canonical_pose(other, turned, moved, FPS), straight, atol=1e-5)
    np.testing.assert_allclose(canonical_pose(joints, rotations, root, FPS), straight, atol=1e-5)
