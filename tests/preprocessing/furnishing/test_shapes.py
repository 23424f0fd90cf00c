"""Points lie on the surfaces they are drawn from, evenly."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.furnishing.procedural import MAKERS, bed, seat, table
from motion_preprocessing.furnishing.shapes import Shape
from motion_preprocessing.labels import OBJECT_CLASSES


def test_a_box_is_covered_by_area():
    box = (0.0, 1.0, 0.0, 2.0, 0.0, 0.5)
    points = Shape("other", (box,)).sample(np.random.default_rng(0), 2000.0)
    on = np.stack([np.isclose(points[:, a], e, atol=1e-6) for a in range(3) for e in (box[2 * a], box[2 * a + 1])])
    assert on.any(axis=0).all()
    areas = np.array([1.0, 1.0, 0.5, 0.5, 0.0, 2.0])  # nothing under the box
    np.testing.assert_allclose(on.sum(axis=1), 2000 * areas, atol=60)


def test_nothing_is_drawn_where_another_box_stands():
    lower, upper = (0.0, 1.0, 0.0, 1.0, 0.0, 0.5), (0.0, 0.5, 0.0, 1.0, 0.5, 0.8)
    points = Shape("other", (lower, upper)).sample(np.random.default_rng(0), 2000.0)
    inner = np.all((points[:, :2] > 0.001) & (points[:, :2] < 0.999), axis=1) & (np.abs(points[:, 0] - 0.5) > 0.001)
    between = np.isclose(points[:, 2], 0.5, atol=1e-3) & inner
    assert points[between, 0].min() > 0.5
    assert between.sum() == pytest.approx(1000, rel=0.1)


def test_a_cylinder_is_covered_by_area():
    points = Shape("other", drums=((0.0, 0.0, 0.5, 0.5, 0.0, 1.0, 1.0),)).sample(np.random.default_rng(0), 3000.0)
    radius = np.hypot(points[:, 0], points[:, 1])
    side = np.isclose(radius, 0.5, atol=1e-5)
    top = ~side
    np.testing.assert_allclose(points[top, 2], 1.0)
    assert side.sum() == pytest.approx(3000 * np.pi, rel=0.01)
    assert np.all(points[:, 2] >= 0)
    assert top.sum() == pytest.approx(3000 * np.pi / 4, rel=0.01)
    # Half of a disc's area lies within radius / sqrt(2).
    assert np.mean(radius[top] < 0.5 / np.sqrt(2)) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_every_class_is_made_in_many_sizes(name):
    assert name in OBJECT_CLASSES
    sizes = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        item = MAKERS[name](rng).item(rng, 150.0)
        assert item.object_class == name
        assert len(item.points_m) > 20
        assert np.all(item.points_m >= item.low_m - 1e-5)
        assert np.all(item.points_m <= item.high_m + 1e-5)
        assert -1e-9 <= item.low_m[2] < 0.6
        assert 0.2 < item.high_m[2] < 2.4
        sizes.add(tuple(np.round(item.high_m - item.low_m, 3)))
    assert len(sizes) == 12


def test_all_classes_of_the_model_can_be_made():
    assert set(MAKERS) == set(OBJECT_CLASSES) - {"unknown"}


@pytest.mark.parametrize("kind", ["chair", "sofa", "stool", "wheelchair", "toilet"])
def test_a_seat_to_measure_has_its_surface_there(kind):
    rng = np.random.default_rng(2)
    points = seat(kind, rng, 0.46, (-0.2, 0.25, -0.2, 0.2)).sample(rng, 1500.0)
    middle = points[(np.abs(points[:, 0] - 0.02) < 0.1) & (np.abs(points[:, 1]) < 0.1) & (points[:, 2] > 0.42)]
    assert len(middle) > 20
    assert np.isclose(np.quantile(middle[:, 2], [0.6, 1.0]), 0.46).all()
    if kind != "stool":  # the back rest is behind
        high = points[points[:, 2] > 0.46 + 0.27]
        assert len(high) > 5
        assert high[:, 0].max() < -0.1


def test_beds_and_tables_to_measure_fill_their_rectangle():
    rng = np.random.default_rng(3)
    for shape, height in (
        (bed(rng, 0.6, (-1.0, 1.0, -0.5, 0.4), boards=False), 0.6),
        (table(rng, 0.75, (0, 1, 0, 1)), 0.75),
    ):
        assert shape.support_m == height
        low, high = shape.bounds()
        assert high[2] == height
        assert low[2] == 0.0
