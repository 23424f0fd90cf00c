"""What the network says of a motion, before a body is fitted to it: between the two halves of the generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motion_runtime.editing.constraints import Constraints
from motion_runtime.editing.grips import Grip
from motion_runtime.guidance import Guidance
from motion_runtime.placement import Placement
from motion_runtime.stage import Use


@dataclass(frozen=True)
class Prediction:
    """A motion as pose vectors, and what its bodies are to meet."""

    pose_vectors: NDArray[np.float32]
    """(P, T, 258) in metres, in the canonical frame; positions and rotations need not agree."""
    placement: Placement
    """Where the canonical frame stands in the room."""
    sampler: str
    """Sampler in use."""
    steps: int
    """Denoising steps."""
    guidance: Guidance
    """Scales of classifier-free guidance."""
    known: Constraints | None = None
    """What is known of the motion beforehand, in the room; None = nothing."""
    uses: tuple[tuple[Use, ...], ...] = ()
    """What each person sits or lies on, one after the other; empty = nobody on anything."""
    grips: tuple[Grip, ...] = ()
    """Whose hands hold whom, where and when."""
    roams: bool = False
    """Whether the motion may as well be elsewhere in the room."""
    together: bool = True
    """Whether people may do something with each other; else they were made one by one."""
