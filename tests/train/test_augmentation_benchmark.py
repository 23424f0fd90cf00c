"""The benchmark of augmentation: its figures against closed forms and scikit-learn's, and both recognisers learn."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from motion_train.evaluation.recognise import KINDS


@pytest.fixture(scope="module")
def subject(benchmark_script: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_script("augmentation")


def windows(subject: ModuleType, count: int, seed: int) -> object:
    """Bodies of which every second one sinks, which is called a fall."""
    rng = np.random.default_rng(seed)
    shows = np.zeros((count, len(KINDS)), dtype=np.bool_)
    shows[::2, KINDS.index("fall")] = True
    joints = []
    for falls in shows.any(axis=1):
        body = rng.normal([0, 0, 1], 0.1, (1, 22, 3)) + rng.normal(0, 0.01, (60, 22, 3))
        joints.append(body - np.linspace(0, 0.8 * falls, 60)[:, None, None] * [0, 0, 1])
    return subject.Windows.of(joints, 20.0, shows, np.zeros(count, dtype=np.bool_))


@pytest.mark.parametrize("name", ["forest", "network"])
def test_recognisers_learn_what_they_are_shown(subject: ModuleType, name: str) -> None:
    fit, training, test = subject.RECOGNISERS[name](1), windows(subject, 24, 0), windows(subject, 20, 1)
    chances = fit(training, subject.halves(len(training), 0), 0)(test)
    assert chances.shape == (20, len(KINDS))
    falls = chances[:, subject.FALL]
    assert falls[::2].min() > falls[1::2].max()
    assert subject.found_at(falls, test.shows[:, subject.FALL], 0.01) == 1.0
    # What nothing showed is never seen.
    assert chances[:, KINDS.index("wave")].max() < 0.1


def test_how_many_are_found_at_a_rate_of_false_alarms(subject: ModuleType) -> None:
    truth = np.arange(300) >= 200
    chances = np.concatenate([np.arange(200), [0, 197.5, 198.5, 500] * 25]).astype(float)
    # Of 200 others two may be as high: those of 198 and 199, so that what is above 197 is found.
    assert subject.found_at(chances, truth, 0.01) == 0.75
    assert subject.found_at(chances, truth, 0.0) == 0.25


def test_own_windows_weigh_as_much_as_generated_ones(subject: ModuleType) -> None:
    weights = subject.halves(3, 12)
    assert weights[:3].sum() == pytest.approx(weights[3:].sum())
    np.testing.assert_array_equal(subject.halves(0, 4), np.ones(4))


def test_draws_are_of_windows_that_show_the_action(subject: ModuleType) -> None:
    pool = windows(subject, 40, 2)
    orders = subject.few_of_each(pool, 8, np.random.default_rng(0))
    assert [len(order) for order in orders] == [8 if kind == "fall" else 0 for kind in KINDS]
    fall = orders[subject.FALL]
    assert len(set(fall)) == 8
    assert pool.shows[fall, subject.FALL].all()


def test_the_interval_is_students(subject: ModuleType) -> None:
    low, high = subject.difference([1.0, 2.0, 3.0], [3.0, 5.0, 7.0])
    # Differences 2, 3, 4: mean 3, standard error 1 / sqrt(3), t of two degrees of freedom 4.3027.
    assert (low, high) == pytest.approx((3 - 4.3027 / 3**0.5, 3 + 4.3027 / 3**0.5), abs=1e-4)


def test_every_action_has_prompts(subject: ModuleType) -> None:
    assert tuple(subject.PROMPTS) == KINDS
    assert min(map(len, subject.PROMPTS.values())) >= 3
