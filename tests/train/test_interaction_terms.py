"""Terms on persons, objects and floor against loops in plain Python."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from motion_train import interaction_terms
from motion_train.interaction_terms import NEAR_M, TOUCHING

ROWS, FRAMES, GROUPS = 2, 3, 4
LEFT_HIP, RIGHT_HIP = 1, 2


def bodies(seed: int, people: int, spread_m: float = 0.6) -> torch.Tensor:
    """Joints (B, P, T, 22, 3) about the origin: some pairs are nearer than NEAR_M, some are not."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(spread_m * rng.normal(size=(ROWS, people, FRAMES, 22, 3)))


def weights(seed: int, people: int) -> torch.Tensor:
    """One weight a sample, with a person missing from one and a frame from another."""
    values = np.random.default_rng(seed).uniform(0.2, 1, size=(ROWS, 1, 1)) * np.ones((ROWS, people, FRAMES))
    values[0, -1], values[1, 0, 1] = 0.0, 0.0
    return torch.from_numpy(values)


def mean(entries: list[tuple[float, float]]) -> float:
    """Weighted sum over the count of entries that have a weight."""
    counted = [(value, weight) for value, weight in entries if weight > 0]
    assert counted
    return sum(value * weight for value, weight in counted) / len(counted)


def distance_by_hand(p, q, w):
    entries = []
    for b in range(ROWS):
        for first, second in combinations(range(p.shape[1]), 2):
            for f in range(FRAMES):
                weight = min(w[b, first, f], w[b, second, f])
                for j in range(22):
                    for k in range(22):
                        true = math.dist(q[b, first, f, j], q[b, second, f, k])
                        guess = math.dist(p[b, first, f, j], p[b, second, f, k])
                        entries.append(((guess - true) ** 2, weight if true < NEAR_M else 0.0))
    return mean(entries)


def facing(joints):
    """Yaw that someone with these hips faces."""
    x, y = joints[LEFT_HIP, :2] - joints[RIGHT_HIP, :2]
    return math.atan2(y, x) - math.pi / 2


def orientation_by_hand(p, q, w):
    entries = []
    for b in range(ROWS):
        for first, second in combinations(range(p.shape[1]), 2):
            for f in range(FRAMES):
                guess = facing(p[b, second, f]) - facing(p[b, first, f])
                true = facing(q[b, second, f]) - facing(q[b, first, f])
                entries.append((4 * math.sin((guess - true) / 2) ** 2, min(w[b, first, f], w[b, second, f])))
    return mean(entries)


def objects_by_hand(p, q, w, scene, mask):
    entries = []
    for b in range(ROWS):
        for person in range(p.shape[1]):
            for f in range(FRAMES):
                for joint in TOUCHING:
                    for s in range(GROUPS):
                        centre = [sum(scene[b, s, axis::3]) / 64 for axis in range(3)]
                        true = math.dist(q[b, person, f, joint], centre)
                        guess = math.dist(p[b, person, f, joint], centre)
                        near = true < NEAR_M and mask[b, s]
                        entries.append(((guess - true) ** 2, w[b, person, f] if near else 0.0))
    return mean(entries)


def floor_by_hand(p, q, w):
    entries = []
    for b, person, f, j in np.ndindex(*p.shape[:4]):
        depth = max(0.0, min(0.0, q[b, person, f, j, 2]) - p[b, person, f, j, 2])
        entries.append((depth**2, w[b, person, f]))
    return mean(entries)


def room(seed: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    points = rng.normal(scale=0.5, size=(ROWS, GROUPS, 1, 3)) + rng.normal(scale=0.1, size=(ROWS, GROUPS, 64, 3))
    mask = torch.ones(ROWS, GROUPS, dtype=torch.bool)
    mask[1, 2] = False
    return torch.from_numpy(points.reshape(ROWS, GROUPS, 192)), mask


PLAIN = {
    "distance": (interaction_terms.distance, distance_by_hand),
    "orientation": (interaction_terms.orientation, orientation_by_hand),
    "floor": (interaction_terms.floor, floor_by_hand),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("people", [2, 3])
def test_terms_are_those_of_plain_loops(name: str, people: int) -> None:
    term, by_hand = PLAIN[name]
    p, q, w = bodies(0, people), bodies(1, people), weights(2, people)
    expected = by_hand(p.numpy(), q.numpy(), w.numpy())
    assert expected > 1e-3
    # The root's tiny constant shifts a distance of a centimetre by half a micrometre.
    assert float(term(p, q, w)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("people", [1, 2])
def test_objects_term_is_that_of_plain_loops(people: int) -> None:
    p, q, w = bodies(0, people), bodies(1, people), weights(2, people)
    scene, mask = room()
    expected = objects_by_hand(p.numpy(), q.numpy(), w.numpy(), scene.numpy(), mask.numpy())
    assert expected > 1e-2
    assert float(interaction_terms.objects(p, q, w, scene, mask)) == pytest.approx(expected, rel=1e-5)


def every_term(p, q, w, scene, mask) -> dict[str, torch.Tensor]:
    terms = {name: term(p, q, w) for name, (term, _) in PLAIN.items()}
    return terms | {"objects": interaction_terms.objects(p, q, w, scene, mask)}


def test_a_perfect_prediction_and_a_masked_one_cost_nothing() -> None:
    q, w = bodies(1, 2), weights(2, 2)
    for name, value in every_term(q, q, w, *room()).items():
        assert float(value) == 0.0, name
    wrong = torch.where(w[..., None, None] > 0, q, q + 0.4)
    for name, value in every_term(wrong, q, w, *room()).items():
        assert float(value) == 0.0, name
    for name, value in every_term(q + torch.randn_like(q), q, torch.zeros_like(w), *room()).items():
        assert float(value) == 0.0, name


def test_nothing_is_asked_of_one_person_alone_of_an_empty_room_or_of_what_is_far_away() -> None:
    p, q, w = bodies(0, 1), bodies(1, 1), torch.ones(ROWS, 1, FRAMES)
    scene, mask = room()
    assert float(interaction_terms.distance(p, q, w)) == 0.0
    assert float(interaction_terms.orientation(p, q, w)) == 0.0
    assert float(interaction_terms.objects(p, q, w, scene, torch.zeros_like(mask))) == 0.0
    assert float(interaction_terms.objects(p, q, w, scene + 9.0, mask)) == 0.0
    two = bodies(1, 2)
    two[:, 1, ..., 0] += 9.0
    assert float(interaction_terms.distance(two + torch.randn_like(two), two, torch.ones(ROWS, 2, FRAMES))) == 0.0


def test_who_lies_on_the_side_faces_nowhere() -> None:
    p, q, w = bodies(0, 2), bodies(1, 2), torch.ones(ROWS, 2, FRAMES)
    q[:, 0, :, LEFT_HIP, :2] = q[:, 0, :, RIGHT_HIP, :2] + 0.02
    assert float(interaction_terms.orientation(p, q, w)) == 0.0


def test_a_body_that_sinks_pays_for_what_the_true_one_does_not() -> None:
    q = bodies(1, 1)
    q[..., 2] = q[..., 2].abs() + 0.1
    p = q.clone()
    p[..., 10, 2] = -0.03
    w = torch.ones(ROWS, 1, FRAMES)
    assert float(interaction_terms.floor(p, q, w)) == pytest.approx(0.03**2 / 22)
    q[..., 10, 2] = -0.02
    assert float(interaction_terms.floor(p, q, w)) == pytest.approx(0.01**2 / 22)


@pytest.mark.parametrize("blur", [True, False])
def test_gradients_are_finite_where_points_coincide(blur: bool) -> None:
    q, w = bodies(1, 2), weights(2, 2)
    scene, mask = room()
    p = torch.zeros_like(q) if blur else q.clone()
    p.requires_grad_()
    sum(every_term(p, q, w, scene, mask).values()).backward()  # type: ignore[union-attr]
    assert torch.isfinite(p.grad).all()
