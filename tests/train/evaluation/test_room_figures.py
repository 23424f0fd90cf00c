"""Figures in rooms, on bodies that stand where one knows what they touch."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from motion_preprocessing.furnishing.rooms import HeldOutRoom, held_out_room
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.motion import GenerationRequest
from motion_train.evaluation.making import Made
from motion_train.evaluation.real import RealSet
from motion_train.evaluation.requests import Wanted, without_tokens
from motion_train.evaluation.room_figures import room_figures

FRAMES, FPS = 40, 20.0


def standing(wanted: Wanted, at_m: tuple[float, float]) -> Made:
    rotations = np.broadcast_to(np.eye(3, dtype=np.float32), (FRAMES, 22, 3, 3)).copy()
    rotations[:, 0] = WORLD_FROM_BODY
    root = np.broadcast_to([*at_m, 0.93], (FRAMES, 3)).astype(np.float32)
    joints, _ = forward_kinematics(rotations, root)
    return Made(wanted, joints[None].astype(np.float32), rotations[None], root[None], FPS, np.eye(4), 0.0)


def wanted(room: HeldOutRoom) -> Wanted:
    return Wanted("rooms", "00_seat_before", GenerationRequest(("a person sits",), scene=room.scene), 0)


def test_dropping_the_tokens_alone_is_measured_beside_the_whole_system() -> None:
    room = held_out_room(0)
    seat = room.support("seat")
    assert seat is not None
    free, inside, asked = seat.approach_m, seat.centre_m, wanted(room)
    seen = [standing(asked, free), standing(replace(asked, name="01_seat_before"), inside)]
    untold = [standing(without_tokens(one.wanted), inside) for one in seen]
    rows = room_figures({0: room}, seen, [], untold, RealSet([], [], FPS), np.random.default_rng(0), 2)
    value = {row.key: row.model.value for row in rows}
    assert value["scene_penetration"] == 0.5
    assert value["scene_penetration_no_tokens"] == 1.0
    assert value["scene_penetration_tokens_ratio"] == 2.0
    assert math.isnan(value["scene_penetration_hidden"])
    assert value["contact"] == value["contact_no_tokens"] == 0.0  # nobody sits
