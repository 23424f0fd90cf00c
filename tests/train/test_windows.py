"""Training windows and batches from a small dataset that the test writes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from motion_preprocessing.dataset import MotionDataset, write_dataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.pose_vector import encode
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_train.config import DataConfig
from motion_train.window_parts import MIN_DISTANCE_M
from motion_train.window_pool import Window, WindowMaker, make_windows
from motion_train.windows import WindowSampler, normaliser_of, padded, places_together

CONFIG = DataConfig(
    batch_size=6, windows=30, people=3, frames=40, min_frames=10, scene_tokens=8, pair_fraction=0.5, paraphrases=0
)


def sequence(name: str, frames: int, split: str, pair: str = "", seed: int = 0) -> MotionSequence:
    rng = np.random.default_rng(seed)
    steps = Rotation.from_rotvec(0.02 * rng.normal(size=(22, 3))).as_matrix()
    local = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    local[:, 0] = Rotation.from_euler("z", rng.uniform(-180, 180), degrees=True).as_matrix() @ WORLD_FROM_BODY
    for t in range(1, frames):
        local[t, 1:] = local[t - 1, 1:] @ steps[1:]
    root = np.array([*rng.uniform(-3, 3, 2), 0.93]) + np.arange(frames)[:, None] * [0.05, 0.02, 0.0]
    return MotionSequence(
        name=name, fps=20.0, local_rotations=local.astype(np.float32), root_position_m=root.astype(np.float32),
        captions=(f"a person turns the {name} left",), action="dance" if pair else "walk", person_class="person",
        subject=name, split=split, pair=pair, source="test", licence="none", label="walk",
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("windows") / "dataset"
    people = [sequence(f"s{i}", 30 + 15 * i, "train", seed=i) for i in range(4)]
    people += [sequence("a", 60, "train", "duet", 8), sequence("b", 60, "train", "duet", 9)]
    people += [sequence("v", 50, "validation", seed=11)]
    write_dataset(path, people, fps=20.0, credits=["nobody"], provenance={})
    return path


def embed(sentences):
    return np.stack([np.full(5, float(sum(map(ord, s)) % 97), dtype=np.float32) for s in sentences])


@pytest.fixture(scope="module")
def sampler(folder) -> WindowSampler:
    return WindowSampler(folder, "train", embed, CONFIG, seed=3)


def test_windows_are_canonical_consistent_and_a_function_of_their_number(folder):
    makers = [WindowMaker(MotionDataset.open(folder, split="train"), CONFIG, 7) for _ in range(2)]
    for index in range(12):
        window, again = makers[0].single(index), makers[1].single(index)
        together, once_more = makers[0].group(index), makers[1].group(index)
        np.testing.assert_array_equal(together.pose, once_more.pose)
        np.testing.assert_array_equal(window.pose, again.pose)
        np.testing.assert_array_equal(window.scene_points, again.scene_points)
        assert window.measured_captions == again.measured_captions
        assert CONFIG.min_frames <= window.pose.shape[1] <= CONFIG.frames
        np.testing.assert_allclose(window.pose[0, 0, :2], 0.0, atol=1e-5)
        # Velocities belong to the positions, also over joins and after mirroring.
        joints = window.pose[0, :, :66].reshape(-1, 22, 3)
        speed = window.pose[0, :, 66:132].reshape(-1, 22, 3)
        np.testing.assert_allclose(speed[:-1], np.diff(joints, axis=0) * 20.0, atol=2e-3)
    assert not np.array_equal(makers[0].single(0).pose, makers[0].single(1).pose)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_that_is_no_dataset_is_said_by_workers_too(tmp_path, folder, workers):
    with pytest.raises(InputError, match="dataset.json"):
        list(make_windows(tmp_path, "train", CONFIG, 3, {"single": 2}, workers))
    with pytest.raises(InputError, match="got none for the windows"):
        list(make_windows(folder, "test", CONFIG, 3, {"single": 2}, workers))


def test_mirrored_windows_have_mirrored_words(folder):
    always = WindowMaker(MotionDataset.open(folder, split="train"), dataclasses.replace(CONFIG, mirror_fraction=1.0), 7)
    words = {s for i in range(12) for s in always.single(i).clip_captions}
    assert words
    assert all("right" in s for s in words)


def test_pairs_keep_their_common_frame(folder):
    maker = WindowMaker(MotionDataset.open(folder, split="train"), dataclasses.replace(CONFIG, mirror_fraction=0.0), 7)
    window = maker.pair(0)
    data = {r.name: r for r in MotionDataset.open(folder, split="train")}
    distance = np.linalg.norm(window.pose[0, :, :2] - window.pose[1, :, :2], axis=-1)
    true = np.linalg.norm(data["a"].pose[:, :2] - data["b"].pose[:, :2], axis=-1)
    windows = np.lib.stride_tricks.sliding_window_view(true, len(distance))
    assert np.abs(windows - distance).max(axis=1).min() < 1e-4


def test_a_batch_is_a_function_of_its_number(folder, sampler):
    other = WindowSampler(folder, "train", embed, CONFIG, seed=3)
    for step in (0, 5):
        a, b = sampler.batch(step), other.batch(step)
        assert a.keys() == b.keys()
        for key in a:
            torch.testing.assert_close(a[key], b[key], rtol=0, atol=0)
    assert sampler.batch(0)["x0"].shape != sampler.batch(1)["x0"].shape or not torch.equal(
        sampler.batch(0)["x0"], sampler.batch(1)["x0"]
    )


def test_shapes_masks_and_identities(sampler):
    people = set()
    for step in range(40):
        batch = sampler.batch(step)
        rows, persons, frames, width = batch["x0"].shape
        people.add(persons)
        groups = batch["scene"].shape[1]
        assert width == 258
        assert frames <= CONFIG.frames
        assert rows == max(1, CONFIG.batch_size // persons)
        assert batch["pose_mask"].shape == (rows, persons, frames)
        assert batch["pose_mask"].any(dim=2).all()
        assert batch["text"].shape == (rows, persons, 5)
        assert batch["scene"].shape == (rows, groups, 192)
        assert groups <= CONFIG.scene_tokens
        assert batch["scene_class"].shape == batch["scene_mask"].shape == (rows, groups)
        # Nothing but padding is zero, and padding is masked.
        assert (batch["x0"][~batch["pose_mask"]] == 0).all()
        for row in batch["identity"].tolist():
            assert len(set(row)) == persons  # drawn without replacement
        assert batch["person_class"].min() >= 0
        assert batch["person_class"].max() <= 3
    assert people == {1, 2, 3}


def test_composed_people_keep_their_distance_and_have_words_of_their_own(folder):
    config = dataclasses.replace(CONFIG, people=4)
    maker = WindowMaker(MotionDataset.open(folder, split="train"), config, 7)
    counts = []
    for index in range(40):
        window = maker.group(index)
        counts.append(len(window.people))
        assert window.pose.shape[0] == len(window.people)
        np.testing.assert_allclose(window.pose[0, 0, :2], 0.0, atol=1e-5)
        for p in range(len(window.people)):
            assert window.people[p].measured_captions
            # Rotations and positions tell of the same body: its velocities are those of its positions.
            joints = window.pose[p, :, :66].reshape(-1, 22, 3)
            speed = window.pose[p, :, 66:132].reshape(-1, 22, 3)
            np.testing.assert_allclose(speed[:-1], np.diff(joints, axis=0) * 20.0, atol=2e-3)
            for q in range(p):
                gap = np.linalg.norm(window.pose[p, :, :2] - window.pose[q, :, :2], axis=-1).min()
                assert gap > MIN_DISTANCE_M - 1e-4
    assert {2, 3, 4} <= set(counts)


def test_a_batch_holds_the_windows_as_they_were_made(folder, sampler):
    """Frames are gathered from one table: each row must be one window, with its own scene, words and padding."""
    maker = WindowMaker(MotionDataset.open(folder, split="train"), CONFIG, 3)
    made = [maker.single(i) for i in range(CONFIG.windows)]
    made += [maker.pair(i) for i in range(CONFIG.windows // 6)] + [maker.group(i) for i in range(CONFIG.windows // 3)]
    seen = set()
    for step in range(30):
        batch = sampler.batch(step)
        poses = batch["x0"].numpy() * sampler.std + sampler.mean
        for row, pose in enumerate(poses):
            length = int(batch["pose_mask"][row].sum(dim=-1)[0])
            assert (batch["pose_mask"][row].sum(dim=-1) == length).all()
            same = [
                i for i, w in enumerate(made)
                if w.pose.shape[:2] == (len(pose), length) and np.abs(w.pose - pose[:, :length]).max() < 2e-4
            ]  # fmt: skip
            # Short clips may give the same poses twice, in two scenes.
            assert any(fits(made[i], {name: values[row] for name, values in batch.items()}) for i in same)
            seen.add(len(pose))
    assert seen == {1, 2, 3}


def test_batches_come_in_few_shapes_where_shapes_cost():
    assert [padded(size, 40, 120) for size in (1, 40, 41, 80, 119, 120)] == [40, 40, 80, 80, 120, 120]
    assert padded(3, 40, 24) == 24
    assert [padded(size, 1, 60) for size in (1, 37, 60)] == [1, 37, 60]


def test_windows_of_a_batch_are_alike_and_all_are_drawn_as_often():
    rng = np.random.default_rng(0)
    batches = np.stack([places_together(rng, 8) for _ in range(20_000)])
    assert np.ptp(batches, axis=1).max() < 0.13
    assert batches.min() >= 0.0
    assert batches.max() < 1.0
    # In 200 equal parts of the pool, the outermost included: a batch is one draw, so few of 20,000 differ by chance.
    share = np.histogram(batches, bins=200, range=(0.0, 1.0))[0] / batches.size * 200
    np.testing.assert_allclose(share, 1.0, atol=0.25)


def fits(window: Window, sample: dict[str, torch.Tensor]) -> bool:
    """Whether scene and words of a sample are those of the window."""
    used = int(sample["scene_mask"].sum())
    if used != window.scene_mask.sum():
        return False
    scene = np.array_equal(sample["scene"][:used].numpy(), window.scene_points[:used].reshape(used, 192))
    return scene and all(
        any(np.array_equal(embed([s])[0], text.numpy()) for s in (*person.clip_captions, *person.measured_captions))
        for person, text in zip(window.people, sample["text"], strict=True)
    )


def test_normalised_data_are_of_unit_size(folder, sampler):
    maker = WindowMaker(MotionDataset.open(folder, split="train"), CONFIG, 3)
    made = [maker.single(i) for i in range(20)]
    x = np.concatenate([((w.pose - sampler.mean) / sampler.std).reshape(-1, 258) for w in made])
    assert np.abs(x).mean() < 1.5
    position_std = sampler.std[:66].reshape(22, 3)
    assert np.ptp(position_std[:, :2]) < 1e-6  # x and y alike for all joints
    mean, std = normaliser_of(made)
    flat = np.concatenate([w.pose.reshape(-1, 258) for w in made]).astype(np.float64)
    np.testing.assert_allclose(mean[66:132], flat[:, 66:132].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(std[2], max(flat[:, 2].std(), 0.1), rtol=1e-5)
    assert (std > 0).all()


def test_validation_takes_trainings_normaliser(folder, sampler):
    other = WindowSampler(
        folder, "validation", embed, CONFIG, seed=3, windows=8, normaliser=(sampler.mean, sampler.std)
    )
    np.testing.assert_array_equal(other.mean, sampler.mean)
    assert other.batch(0)["x0"].shape[-1] == 258


def test_moving_does_not_change_rotations():
    from motion_preprocessing.canonical import canonicalise

    s = sequence("m", 20, "train", seed=4)
    x = encode(s.local_rotations.astype(np.float64), s.root_position_m.astype(np.float64), 20.0)
    np.testing.assert_array_equal(canonicalise(x)[:, 132:], x[:, 132:])
