"""Windows of a long motion: they cover it, overlap, begin where prompts change, and their frames map back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_preprocessing.canonical import canonicalise, move_pose_vectors
from motion_preprocessing.errors import InputError
from motion_preprocessing.pose_vector import POSITIONS, ROTATIONS, encode
from motion_runtime.editing.constraints import Constraints
from motion_runtime.editing.windows import (
    Frame,
    Window,
    eased,
    fade_in,
    groups,
    in_windows,
    plan_windows,
    with_guides,
)
from motion_runtime.placement import Placement

Walk = Callable[..., tuple[np.ndarray, np.ndarray]]


@settings(max_examples=200, deadline=None)
@given(st.integers(4, 2000), st.lists(st.integers(1, 1999), max_size=5), st.integers(40, 200), st.integers(2, 20))
def test_windows_cover_the_motion_once_and_fit_the_model(
    frames: int, cuts: list[int], longest: int, overlap: int
) -> None:
    windows = plan_windows(frames, cuts, longest, overlap)
    assert [w.start for w in windows] == [0, *(w.end for w in windows[:-1])]
    assert windows[-1].end == frames
    assert all(0 < w.frames <= longest for w in windows)
    assert all(w.overlap == min(overlap, w.start) for w in windows)
    assert {cut for cut in cuts if cut < frames} <= {w.start for w in windows}


@settings(max_examples=100, deadline=None)
@given(st.integers(4, 2000), st.integers(40, 200))
def test_no_more_windows_than_it_takes(frames: int, longest: int) -> None:
    count = len(plan_windows(frames, [], longest, 20))
    assert count == (1 if frames <= longest else 1 + -(-(frames - longest) // (longest - 20)))


def test_a_short_motion_is_one_window_and_windows_are_about_equally_long() -> None:
    assert plan_windows(120, [0], 120, 20) == [Window(0, 0, 120)]
    lengths = [w.frames for w in plan_windows(400, [], 120, 20)]
    assert max(lengths) - min(lengths) <= 4


def test_a_model_too_short_to_overlap_is_refused() -> None:
    assert plan_windows(30, [], 30, 20) == [Window(0, 0, 30)]
    for frames, cuts in ((31, []), (30, [10])):
        with pytest.raises(InputError, match="expected a bundle for at least 40 frames, got one for 30"):
            plan_windows(frames, cuts, 30, 20)


def test_a_windows_frame_is_that_of_its_first_pose_and_maps_back(walk_rotations: Walk) -> None:
    rotations, root = walk_rotations(50, 1.5, 20.0)
    x = np.stack([encode(rotations, root, 20.0), encode(rotations, root + [0, 1.0, 0], 20.0)])
    frame = Frame.of(x[:, 30:])
    np.testing.assert_allclose(frame.into(x)[0, 30:], canonicalise(x[0, 30:]), atol=1e-12)
    np.testing.assert_allclose(frame.out(frame.into(x)), x, atol=1e-12)
    first = Placement((1.0, 2.0), 0.4)
    here = frame.placed(first)
    in_room = first.to_room(x[..., POSITIONS].reshape(2, 50, 22, 3))
    np.testing.assert_allclose(
        here.to_canonical(in_room).reshape(2, 50, 66), frame.into(x)[..., POSITIONS], atol=1e-12
    )


def test_a_window_is_led_to_where_the_way_is_then() -> None:
    known = Constraints.none(2, 100)
    known.set_floor(0, 99, np.array([9.9, 0.0]))
    known.set_floor(1, 10, np.array([1.0, 1.0]))
    windows = plan_windows(100, [], 60, 20)
    guided = with_guides(known, windows, (0.0, 0.0))
    assert [w.end for w in windows] == [60, 100]
    assert guided.floor_mask[0].nonzero()[0].tolist() == [59, 99]
    np.testing.assert_allclose(guided.floor_m[0, 59], [5.9, 0])
    assert guided.floor_mask[1].nonzero()[0].tolist() == [10]  # nothing comes after it
    assert known.floor_mask.sum() == 2  # not known, only led to


@pytest.fixture
def walk(walk_rotations: Walk) -> np.ndarray:
    """Pose vectors (1, 60, 258) of a walk along a curve."""
    return np.asarray(encode(*walk_rotations(60, 1.0, 20.0), 20.0))[None]


def test_the_overlap_is_the_earlier_windows_first_and_the_later_ones_last(walk: np.ndarray) -> None:
    past, own = walk[:, :20], walk.copy()
    own[..., ROTATIONS] += 1.0
    blended = fade_in(past, 60)(own)
    np.testing.assert_allclose(blended[:, :10], past[:, :10], atol=1e-12)
    np.testing.assert_allclose(blended[:, 20:], own[:, 20:], atol=1e-12)
    off = (blended - walk)[0, :, ROTATIONS][:, 0]
    assert (np.diff(off[9:21]) > 0).all()
    assert np.abs(np.diff(off, 3)).max() < 0.06  # a step would have 1


def test_a_window_that_sets_somebody_elsewhere_is_moved_to_where_they_are(walk: np.ndarray) -> None:
    astray = move_pose_vectors(walk, 2.0, np.array([4.0, -3.0]))
    np.testing.assert_allclose(fade_in(walk[:, :20], 60)(astray), walk, atol=1e-9)


def test_people_far_apart_are_made_by_themselves(walk: np.ndarray) -> None:
    def at(*places: float) -> np.ndarray:
        return np.concatenate([move_pose_vectors(walk, 0.0, np.array([x, 0.0])) for x in places])

    assert groups(at(0.0, 1.5)) == [[0, 1]]
    assert groups(at(0.0, 5.0)) == [[0], [1]]
    assert groups(at(0.0, 9.0, 2.0, 4.0)) == [[0, 2, 3], [1]]
    assert groups(at(0.0, 1.5), together=False) == [[0], [1]]
    seen: list[tuple[int, list[int]]] = []

    def make(window: Window, people: list[int], frame: Frame, past: np.ndarray | None) -> np.ndarray:
        seen.append((window.first, people))
        x = at(*(5.0 * person for person in people))[:, : window.frames] if past is None else frame.into(whole[people])
        return np.asarray(x if past is None else x[:, window.first : window.end])

    whole = at(0.0, 5.0, 6.0)[:, :60]
    whole[2] = at(10.0)[0]
    made = in_windows(plan_windows(60, [40], 40, 20), 3, make)
    assert seen == [(0, [0, 1, 2]), (20, [0]), (20, [1]), (20, [2])]
    np.testing.assert_allclose(made[:, :30], whole[:, :30], atol=1e-9)
    np.testing.assert_allclose(made[:, 46:], whole[:, 46:], atol=1e-9)
    np.testing.assert_allclose(made, eased(whole, plan_windows(60, [40], 40, 20)), atol=1e-9)


def test_where_windows_meet_edges_are_taken_off_and_nowhere_else() -> None:
    windows = plan_windows(90, [50], 60, 20)
    assert [(window.first, window.start) for window in windows] == [(0, 0), (30, 50)]
    t = np.arange(90.0)
    straight = np.stack([0.03 * t, np.full(90, 2.0)], axis=1)[None]  # (1, T, 2)
    np.testing.assert_allclose(eased(straight, windows), straight, atol=1e-12)
    step = straight + (t >= 48)[:, None]
    made = eased(step, windows)
    np.testing.assert_array_equal(made[:, :41], step[:, :41])  # the earlier window's alone
    np.testing.assert_array_equal(made[:, 56:], step[:, 56:])
    assert 3 * np.abs(np.diff(made, 3, axis=1)).max() < np.abs(np.diff(step, 3, axis=1)).max()
    np.testing.assert_array_equal(eased(step, windows[:1]), step)
