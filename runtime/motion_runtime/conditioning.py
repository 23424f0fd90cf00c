"""The network's conditions for one request: fixed-shape arrays, and the mask that makes one shape serve many requests.

A step kernel has room for P persons, T frames and S scene groups. A request that needs fewer leaves the rest empty, and
`key_bias` keeps every token from attending to what is empty, so that the result does not depend on the kernel's size.
Token order: [time | text of each person | scene groups | poses of person 0, frame by frame | poses of person 1 | ...].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.groups import SceneTokens

IGNORED: Final = np.float32(-1e4)
"""Additive bias of a key that must not be attended to: exp(-1e4) is zero, and it fits fp16."""

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class KernelShape:
    """Room in a step kernel."""

    people: int
    """Persons P."""
    frames: int
    """Frames T."""
    scene_tokens: int
    """Scene groups S."""


def condition_inputs(
    shape: KernelShape,
    text: Floats,
    person_class: Integers,
    scene: SceneTokens,
    *,
    keep_text: bool = True,
    keep_scene: bool = True,
) -> dict[str, NDArray[np.generic]]:
    """Inputs of the condition graph.

    Args:
        shape: The kernel that the conditions are for.
        text: (p, Dt) text embedding of each person in the request, p <= P.
        person_class: (p,) row of each person's class.
        scene: S scene tokens in the canonical frame.
        keep_text: False = the null token in the place of every text.
        keep_scene: False = the null token in the place of every scene group.
    """
    persons, width = text.shape
    text_of_all = np.zeros((1, shape.people, width), np.float32)
    text_of_all[0, :persons] = text
    class_of_all = np.zeros((1, shape.people), np.int64)
    class_of_all[0, :persons] = person_class
    return {
        "text": text_of_all,
        "scene": scene.points.reshape(1, shape.scene_tokens, -1),
        "scene_class": scene.classes[None],
        "person_class": class_of_all,
        "identity": np.arange(shape.people, dtype=np.int64)[None],  # any distinct rows: they mean nothing else
        "keep_text": np.full((1, shape.people), keep_text, np.float32),
        "keep_scene": np.full(1, keep_scene, np.float32),
    }


def key_bias(shape: KernelShape, persons: int, frames: int, scene_mask: NDArray[np.bool_]) -> Floats:
    """Bias of every token as a key, (N,): 0 to attend to it, -1e4 to ignore it."""
    exists = np.arange(shape.people) < persons
    poses = exists[:, None] & (np.arange(shape.frames) < frames)  # (P, T)
    used = np.concatenate([[True], exists, scene_mask, poses.reshape(-1)])
    return np.where(used, np.float32(0), IGNORED)


def no_scene(shape: KernelShape, group_size: int) -> SceneTokens:
    """Scene tokens of an empty room: none."""
    return SceneTokens(
        points=np.zeros((shape.scene_tokens, group_size, 3), np.float32),
        classes=np.zeros(shape.scene_tokens, np.int64),
        mask=np.zeros(shape.scene_tokens, np.bool_),
    )


def padded(values: Floats, shape: KernelShape) -> Floats:
    """Put values (p, t, D) into the kernel's (1, P, T, D), zero where there is nobody."""
    result = np.zeros((1, shape.people, shape.frames, values.shape[-1]), np.float32)
    result[0, : values.shape[0], : values.shape[1]] = values
    return result
