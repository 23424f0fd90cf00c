"""What prompts say of ways and turns, and what they do not."""

from __future__ import annotations

import numpy as np
import pytest

from motion_runtime.amounts import Amounts, amounts_of


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("a person walks two metres", 2.0),
        ("a person walks forward 2 m", 2.0),
        ("A patient slowly walks straight ahead for three meters and stops", 3.0),
        ("a person runs 10m", 10.0),
        ("a person steps half a metre to the left", 0.5),
        ("a person walks one and a half metres backwards", 1.5),
        ("a person walks 2,5 m", 2.5),
        ("a person walks 2.5 m, then falls", 2.5),
        ("a person moves sideways by 80 cm", 0.8),
        ("a nurse hurries a metre ahead", 1.0),
        ("somebody is moving 2 m forward", 2.0),
        ("a patient walks along the corridor for 12.25 m, shuffling", 12.25),
    ],
)
def test_ways(text: str, metres: float) -> None:
    assert amounts_of(text) == Amounts(way_m=metres)


@pytest.mark.parametrize(
    ("text", "degrees", "either"),
    [
        ("a person turns left by 90 degrees", 90, False),
        ("a person turns 90 degrees to the right", -90, False),
        ("a person turns 45\N{DEGREE SIGN} left", 45, False),
        ("a person turns around by 180 degrees", 180, True),
        ("somebody turns themselves clockwise by 30 deg", -30, False),
        ("a person spins counter-clockwise through 360 degrees", 360, False),
        ("a person rotates anticlockwise 120 degrees and sits down", 120, False),
        ("a person walks and makes a turn, turning right by 90 degrees", -90, False),
        ("a person turns 90 degrees counter clockwise", 90, False),
        ("a person turns 90 degrees in a clockwise direction", -90, False),
        ("a person turns by 90 degrees towards the left and raises the right arm", 90, False),
    ],
)
def test_turns(text: str, degrees: float, either: bool) -> None:
    found = amounts_of(text)
    assert found is not None
    assert found.way_m is None
    assert found.turn_rad == pytest.approx((np.radians(degrees),) * 2)
    assert found.either_side == either


def test_both() -> None:
    found = amounts_of("a person walks three metres, then turns left by 90 degrees")
    assert found == Amounts(3.0, (float(np.radians(90)),) * 2, False)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("a person turns left", 65, 135),
        ("a person walks and turns to the right", -135, -65),
        ("a person turns to his left and walks on", 65, 135),
        ("a nurse walks three steps, turning right", -135, -65),
    ],
)
def test_turns_without_a_number(text: str, least: float, most: float) -> None:
    found = amounts_of(text)
    assert found is not None
    assert found.turn_rad == pytest.approx((np.radians(least), np.radians(most)))
    assert not found.either_side


@pytest.mark.parametrize(
    ("text", "degrees", "either"),
    [
        ("a person turns around", 180, True),
        ("a person turns right around", 180, True),
        ("a person turns back", 180, True),
        ("an old man is turning himself round", 180, True),
        ("a person walks to the door and turns around", 180, True),
        ("a person turns around and walks back", 180, True),
        ("a person turns around to the left", 180, False),
        ("a person turns around on the spot", 180, True),
        ("a person turns around clockwise", -180, False),
    ],
)
def test_turning_round(text: str, degrees: float, either: bool) -> None:
    found = amounts_of(text)
    assert found is not None
    assert found.turn_rad == pytest.approx((np.radians(degrees - 20), np.radians(degrees + 20)))
    assert found.either_side == either


@pytest.mark.parametrize(
    "text",
    [
        "a person walks forward",
        "a person turns",
        "a person turns left and right",
        "a person turns left and then right",
        "a person turns left, then back",
        "a person turns left and turns back",
        "a person turns 45 degrees left, then 90 degrees right",
        "a person turns left by 90 degrees and then turns right",
        "a person walks without turning left",
        "a person turns left, then turns right",
        "a person turns slightly to the left",
        "a person turns left a bit",
        "a person turns left several times",
        "a patient turns to the left side in bed",
        "a person lies down and turns right",
        "a person turns the head to the left",
        "a person turns around in bed",
        "a patient turns around and falls",
        "a person turns the wheelchair around",
        "a person turns around the corner",
        "a person turns around a table",
        "a person turns around and around",
        "a person turns back and forth",
        "a person turns around partially",
        "a person turns left 90 degrees and then turns around",
        "a person turns around and then turns right by 90 degrees",
        "a person turns around three times",
        "a person turns around in circles",
        "a person turns back the covers",
        "a person turns back to the bed",
        "a person turns his head around",
        "a person turns left and turns around",
        "a person does not turn around",
        "a person walks two steps",
        "a person walks to the chair two metres away",
        "a person walks for two minutes",
        "a person climbs two metres",
        "a person jumps over a 1 m high fence",
        "a person walks two metres, then walks three metres",
        "a person turns left by 90 degrees and turns right by 45 degrees",
        "a person turns left and right by 90 degrees",
        "a person walks 500 metres",
        "a person walks 1,500 metres",
        "a person walks twenty five metres",
        "a person walks 2 or 3 metres",
        "a person walks at 1.5 m/s",
        "a person walks at 1.4 metres per second",
        "a person walks half a metre a second",
        "a person steps over a 20 cm box",
        "a person walks with a 1 m stick",
        "a person walks in a circle of two metres",
        "a person walks until 2 m before the wall",
        "a patient does not walk two metres",
        "a person moves the left foot 20 cm forward",
        "a person turns the head by 90 degrees",
        "a person bends by 90 degrees",
        "a person walks 0 m",
        "two people walk, one metre apart",
        "",
    ],
)
def test_nothing_is_said(text: str) -> None:
    assert amounts_of(text) is None


def test_what_is_left_of_it() -> None:
    told = Amounts(5.0, (1.0, 2.0))
    assert told.left(2.0, 0.5, goes_on=True) == Amounts(3.0, (0.5, 1.5), goes_on=True)
    assert told.left(6.0, 2.5, goes_on=False) == Amounts(0.0, (-1.5, -0.5))
    assert Amounts(way_m=1.0).left(0.0, 0.3, goes_on=False) == Amounts(way_m=1.0)
    either = Amounts(turn_rad=(3.0, 3.0), either_side=True)
    assert either.left(0.0, 0.0, goes_on=True) == Amounts(None, (3.0, 3.0), either_side=True, goes_on=True)
    assert either.left(0.0, -1.0, goes_on=False) == Amounts(turn_rad=(-2.0, -2.0))
