"""Figures of clouds of embeddings against scipy, scikit-learn and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist, pdist
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from motion_train.evaluation.distribution import (
    distances,
    diversity,
    frechet_distance,
    manifolds,
    matched_distance,
    multimodality,
    retrieval_hits,
    two_sample_accuracy,
)


def cloud(seed: int, rows: int, width: int = 6, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, width)) @ rng.standard_normal((width, width)) + shift


@pytest.mark.parametrize(("n", "m"), [(80, 50), (300, 300)])
def test_frechet_distance_is_that_of_the_matrix_root(n: int, m: int) -> None:
    a, b = cloud(0, n), cloud(1, m, shift=0.5)
    c, d = np.cov(a.T), np.cov(b.T)
    shift = a.mean(axis=0) - b.mean(axis=0)
    expected = shift @ shift + np.trace(c + d - 2 * sqrtm(c @ d).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


def test_frechet_distance_of_fewer_rows_than_columns() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((5, 40)), rng.standard_normal((7, 40))
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a, a + 2.0) == pytest.approx(40 * 4.0)
    # Singular covariances: the limit of regular ones.
    c, d = np.cov(a.T) + 1e-9 * np.eye(40), np.cov(b.T) + 1e-9 * np.eye(40)
    values, vectors = np.linalg.eigh(c)
    half = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    trace = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ d @ half), 0)).sum()
    shift = a.mean(axis=0) - b.mean(axis=0)
    assert frechet_distance(a, b) == pytest.approx(shift @ shift + np.trace(c + d) - 2 * trace, rel=1e-4)


def test_distances() -> None:
    a, b = cloud(0, 20), cloud(1, 30)
    np.testing.assert_allclose(distances(a, b), cdist(a, b), atol=1e-6)


def test_manifolds_against_neighbours_of_scikit_learn() -> None:
    real, made, k = cloud(0, 60), cloud(1, 45, shift=0.7), 5
    reach = {
        name: NearestNeighbors(n_neighbors=k + 1).fit(rows).kneighbors(rows)[0][:, k]
        for name, rows in (("real", real), ("made", made))
    }
    between = cdist(real, made)
    found = manifolds(real, made, k)
    assert found.precision == pytest.approx(np.mean([(between[:, j] <= reach["real"]).any() for j in range(45)]))
    assert found.recall == pytest.approx(np.mean([(between[i] <= reach["made"]).any() for i in range(60)]))
    assert found.coverage == pytest.approx(np.mean([between[i].min() <= reach["real"][i] for i in range(60)]))
    balls = sum((between[i] <= reach["real"][i]).sum() for i in range(60))
    assert found.density == pytest.approx(balls / (k * 45))
    assert 0 < found.precision < 1
    assert 0 < found.recall < 1


def test_manifolds_of_the_same_and_of_strangers() -> None:
    rows = cloud(0, 30)
    same, apart = manifolds(rows, rows), manifolds(rows, rows + 1000)
    assert (same.precision, same.recall, same.coverage) == (1.0, 1.0, 1.0)
    assert (apart.precision, apart.recall, apart.density, apart.coverage) == (0.0, 0.0, 0.0, 0.0)
    assert math.isnan(manifolds(rows[:5], rows).precision)


def test_two_samples_against_scikit_learn() -> None:
    a, b = cloud(0, 40), cloud(0, 40, shift=0.3) + cloud(3, 40) * 0.1
    rows, side = np.concatenate([a, b]), np.repeat([0, 1], 40)
    expected = cross_val_score(KNeighborsClassifier(1), rows, side, cv=LeaveOneOut()).mean()
    assert two_sample_accuracy(a, b) == pytest.approx(expected)
    assert two_sample_accuracy(a, b + 1000) == 1.0


def test_diversity_and_multimodality() -> None:
    a, b = cloud(0, 20), cloud(1, 10)
    assert diversity(a) == pytest.approx(pdist(a).mean())
    assert multimodality([a, b, a[:1]]) == pytest.approx((pdist(a).mean() + pdist(b).mean()) / 2)
    assert math.isnan(multimodality([a[:1]]))
    np.testing.assert_allclose(matched_distance(a, a + 3.0), math.sqrt(6) * 3)


def test_retrieval_finds_what_it_must_and_chance_is_chance() -> None:
    rng = np.random.default_rng(0)
    text = np.eye(40)
    own = np.eye(40, dtype=np.bool_)
    hits, chance = retrieval_hits(text, text, own, rng)
    np.testing.assert_array_equal(hits, 1.0)
    np.testing.assert_allclose(chance, np.tile([1 / 32, 2 / 32, 3 / 32], (40, 1)))
    # All alike: the right one comes last, not first.
    hits, _ = retrieval_hits(np.ones((40, 3)), np.ones((40, 3)), own, rng)
    np.testing.assert_array_equal(hits, 0.0)
    blind, level = retrieval_hits(rng.standard_normal((120, 4)), rng.standard_normal((120, 4)), own_of(120), rng)
    np.testing.assert_allclose(blind.mean(axis=0), level.mean(axis=0), atol=0.05)


def test_captions_that_say_the_same_are_right() -> None:
    same = np.ones((33, 33), dtype=np.bool_)
    hits, chance = retrieval_hits(np.eye(33), np.roll(np.eye(33), 1, axis=0), same, np.random.default_rng(0))
    assert hits.min() == 1.0
    assert chance.min() == 1.0


def own_of(count: int) -> np.ndarray:
    return np.eye(count, dtype=np.bool_)
