"""Views and holes."""

from __future__ import annotations

import numpy as np

from motion_preprocessing.furnishing.scan import scan, visible_from


def test_the_far_side_of_a_ball_is_hidden():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(60_000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    eye = np.array([4.0, 0.0, 0.0])
    seen = visible_from(normals, eye)
    cosine = normals[:, 0]
    assert seen[cosine > 0.8].mean() > 0.99
    assert seen[cosine < 0.0].mean() < 0.02


def test_a_lone_wall_is_seen_whole():
    rng = np.random.default_rng(1)
    wall = np.column_stack([np.full(500, 2.0), rng.uniform(-1, 1, 500), rng.uniform(0, 2, 500)])
    assert visible_from(wall, np.array([0.0, 0.0, 1.5])).all()


def test_no_object_vanishes():
    rng = np.random.default_rng(2)
    near = rng.uniform([-1, -1, 0], [1, 1, 2], size=(3000, 3))
    behind = rng.uniform([-0.2, -0.2, 0.2], [0.2, 0.2, 0.4], size=(300, 3))  # inside of the first
    points, objects = np.concatenate([near, behind]), np.repeat([0, 1], [3000, 300])
    corners = np.array([[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]])
    shares = []
    for seed in range(30):
        seen = scan(points, objects, corners, np.random.default_rng(seed))
        assert np.bincount(objects[seen], minlength=2).min() > 20
        shares.append(seen.mean())
    assert min(shares) < 0.6 < max(shares)  # some windows see one side, others everything
