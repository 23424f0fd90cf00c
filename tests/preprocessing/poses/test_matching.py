"""Whose pose is it: distances against loops, both rules against truth, assignment against all permutations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_preprocessing.poses.matching import (
    SHARED,
    assigned_to_other,
    keypoint_distances,
    mask_occluded,
    match_ids,
    nearest_other,
    occlusion_masks,
    optimal_assignment,
)
from motion_preprocessing.poses.predictions import PosePredictions
from motion_preprocessing.poses.reprojection import filter_reprojection, relative_error, reprojection_error_px
from motion_preprocessing.poses.track import KEYPOINT_NAMES, PersonTrack
from motion_preprocessing.skeleton import JOINT_INDEX

MakePerson = Callable[..., PersonTrack]


def test_distances_equal_a_loop_over_pairs_and_keypoints() -> None:
    rng = np.random.default_rng(0)
    keypoints = np.concatenate([rng.uniform(0, 500, (4, 3, 17, 2)), rng.integers(0, 3, (4, 3, 17, 1))], axis=-1)
    keypoints[1, 2, :, 2] = 0  # nobody annotated
    predicted = rng.uniform(0, 500, (4, 2, 22, 2))
    predicted[2, 1, JOINT_INDEX["left_knee"]] = np.nan
    got = keypoint_distances(keypoints, predicted)
    assert got.shape == (4, 3, 2)
    for t in range(4):
        for a in range(3):
            for b in range(2):
                lengths = []
                for name in SHARED:
                    x, y, v = keypoints[t, a, KEYPOINT_NAMES.index(name)]
                    u, w = predicted[t, b, JOINT_INDEX[name]]
                    if v > 0 and u == u:
                        lengths.append(((x - u) ** 2 + (y - w) ** 2) ** 0.5)
                expected = sum(lengths) / len(lengths) if len(lengths) >= 3 else np.nan
                np.testing.assert_allclose(got[t, a, b], expected, rtol=1e-12)


def test_assignment_is_the_best_of_all_permutations() -> None:
    rng = np.random.default_rng(1)
    distances = rng.uniform(0, 100, (30, 4, 4))
    got = optimal_assignment(distances)
    for t in range(30):
        best = min(permutations(range(4)), key=lambda p: sum(distances[t, p[b], b] for b in range(4)))
        assert got[t].tolist() == list(best)


def test_a_forbidden_pair_is_taken_by_nobody_and_costs_nobody_a_partner() -> None:
    distances = np.array([[np.nan, 10.0], [np.nan, 400.0], [np.nan, 20.0]])
    assert optimal_assignment(distances).tolist() == [-1, 0]
    assert optimal_assignment(distances, limit=5.0).tolist() == [-1, -1]
    assert optimal_assignment(np.full((2, 2), np.nan)).tolist() == [-1, -1]
    # Two pairs of 100 are better than one of 1 and none.
    assert optimal_assignment(np.array([[1.0, 100.0], [100.0, np.nan]])).tolist() == [1, 0]


def test_the_two_rules_differ_where_both_poses_lie_on_the_person_in_front() -> None:
    swapped = np.array([[90.0, 3.0], [4.0, 95.0]])
    assert nearest_other(swapped).tolist() == [True, True]
    assert assigned_to_other(swapped).tolist() == [True, True]
    both_on_first = np.array([[3.0, 5.0], [80.0, 82.0]])  # pose 1 lies on person 0, who hides person 1
    assert nearest_other(both_on_first).tolist() == [False, True]
    assert assigned_to_other(both_on_first).tolist() == [False, False]
    touching = np.array([[9.0, 20.0], [8.0, 2.0]])  # pose 0 is a little nearer to its neighbour, pose 1 is certain
    assert nearest_other(touching).tolist() == [True, False]
    assert assigned_to_other(touching).tolist() == [False, False]
    unannotated = np.array([[np.nan, 5.0], [np.nan, 6.0]])
    assert nearest_other(unannotated).tolist() == [False, True]


def _crowd(person: MakePerson, rng: np.random.Generator) -> list[PersonTrack]:
    starts = np.array([[-1.6, 0.1, 4.0], [0.0, 0.1, 5.0], [1.7, 0.1, 6.0]])
    tracks = [person(10 + i, s + np.linspace(0, 1, 40)[:, None] * (0.8, 0.0, 0.5), rng) for i, s in enumerate(starts)]
    noisy = []
    for track in tracks:
        keypoints = track.keypoints_2d.copy()
        keypoints[..., :2] += rng.normal(0, 3.0, (40, 17, 2))
        keypoints[rng.random((40, 17)) < 0.15] = 0.0
        noisy.append(replace(track, keypoints_2d=keypoints))
    return noisy


def test_exactly_the_swapped_poses_are_masked(person: MakePerson) -> None:
    rng = np.random.default_rng(5)
    tracks = _crowd(person, rng)
    swap = rng.random(40) < 0.2
    a, b = tracks[0], tracks[1]
    mixed = {}
    for name in ("rotations", "translation_m", "predicted_2d"):
        x, y = getattr(a, name), getattr(b, name)
        where = swap.reshape(-1, *[1] * (x.ndim - 1))
        mixed[name] = (np.where(where, y, x), np.where(where, x, y))
    tracks[0] = replace(a, **{name: pair[0] for name, pair in mixed.items()})
    tracks[1] = replace(b, **{name: pair[1] for name, pair in mixed.items()})
    masks = occlusion_masks(tracks)
    assert masks.poses == 120
    for rule in (masks.nearest, masks.assigned):
        np.testing.assert_array_equal(rule[0], swap)
        np.testing.assert_array_equal(rule[1], swap)
        assert not rule[2].any()
    assert masks.masked == (0, 0, 2 * int(swap.sum()))
    for rule in ("nearest", "assignment", "either", "both"):
        masked, _ = mask_occluded(tracks, rule=rule)
        np.testing.assert_array_equal(masked[0].present, ~swap)
        np.testing.assert_array_equal(masked[0].rotations, tracks[0].rotations)  # a mask, not an erasure
    with pytest.raises(InputError, match="expected nearest, assignment, either or both, got best"):
        mask_occluded(tracks, rule="best")


def test_tracks_of_different_frames_are_compared_frame_by_frame(person: MakePerson) -> None:
    rng = np.random.default_rng(6)
    a, b, _ = _crowd(person, rng)
    late = b.at(slice(25, None))
    predicted = a.predicted_2d.copy()
    predicted[30] = b.predicted_2d[30]
    masks = occlusion_masks([replace(a, predicted_2d=predicted), late])
    assert np.flatnonzero(masks.nearest[0]).tolist() == [30]
    assert masks.poses == 55
    assert occlusion_masks([]).poses == 0
    assert not occlusion_masks([a]).nearest[0].any()


def test_foreign_ids_are_matched_to_people(person: MakePerson) -> None:
    rng = np.random.default_rng(7)
    tracks = _crowd(person, rng)
    order = np.array([2, 0, 1])
    predictions = PosePredictions(
        frames=np.repeat(np.arange(40), 3), ids=np.tile(np.arange(3), 40),
        rotations=np.stack([tracks[i].rotations for i in order], axis=1).reshape(120, 22, 3, 3),
        betas=np.zeros((120, 10)),
        translation_m=np.stack([tracks[i].translation_m for i in order], axis=1).reshape(120, 3),
        predicted_2d=np.stack([tracks[i].predicted_2d for i in order], axis=1).reshape(120, 22, 2),
        score=np.ones(120),
    )  # fmt: skip
    stranger = replace(predictions.take(np.arange(1)), predicted_2d=np.full((1, 22, 2), 5000.0))
    merged = PosePredictions(
        *(np.concatenate([getattr(predictions, n), getattr(stranger, n)]) for n in (
            "frames", "ids", "rotations", "betas", "translation_m", "predicted_2d", "score"))
    )  # fmt: skip
    matched = match_ids(tracks, merged)
    assert matched.dropped == 1
    np.testing.assert_array_equal(matched.ids, np.tile([12, 10, 11], 40))


def test_reprojection_filter_drops_the_far_and_keeps_the_unjudged(person: MakePerson) -> None:
    track = person(0, np.tile([0.0, 0.0, 5.0], (6, 1)), np.random.default_rng(8))
    predicted = track.predicted_2d.copy()
    predicted[1, :, 0] += 100.0
    predicted[2, :, 1] -= 12.0
    keypoints = track.keypoints_2d.copy()
    keypoints[3, :, 2] = 0
    track = replace(track, predicted_2d=predicted, keypoints_2d=keypoints)
    np.testing.assert_allclose(reprojection_error_px(track), [0, 100, 12, np.nan, 0, 0], atol=1e-9)
    diagonal = np.hypot(*(track.box[:, 2:] - track.box[:, :2]).T)
    np.testing.assert_allclose(relative_error(track)[1], 100 / diagonal[1])
    (kept,), report = filter_reprojection([track])
    assert kept.present.tolist() == [True, False, True, True, True, True]
    assert (report.poses, report.rejected, report.unverified) == (6, 1, 1)
    (kept,), _ = filter_reprojection([track], max_px=10.0, keep_unverified=False)
    assert kept.present.tolist() == [True, False, False, False, True, True]
    boxless = replace(track, box=np.zeros((6, 4)))
    assert relative_error(boxless)[1] > relative_error(track)[1] > 0.1
