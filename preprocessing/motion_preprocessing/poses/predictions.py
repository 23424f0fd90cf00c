"""Poses as an estimator gives them: N poses, each of one frame and one id, in any order; and how they join tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.poses.track import BETA_COUNT, PersonTrack
from motion_preprocessing.skeleton import JOINT_COUNT

Array = NDArray[np.float64]

_TRAILING: Final[dict[str, tuple[int, ...]]] = {
    "frames": (),
    "ids": (),
    "rotations": (JOINT_COUNT, 3, 3),
    "betas": (BETA_COUNT,),
    "translation_m": (3,),
    "predicted_2d": (JOINT_COUNT, 2),
    "score": (),
}
_ORTHONORMAL_TOLERANCE: Final = 1e-2


@dataclass(frozen=True, eq=False)
class PosePredictions:
    """N poses in the camera frame; the arrays' meaning is that of `PersonTrack`."""

    frames: NDArray[np.int64]
    """(N,)."""
    ids: NDArray[np.int64]
    """(N,) the annotated person the crop was made for, or the number the estimator's own tracker gave."""
    rotations: Array
    """(N, 22, 3, 3)."""
    betas: Array
    """(N, 10)."""
    translation_m: Array
    """(N, 3)."""
    predicted_2d: Array
    """(N, 22, 2)."""
    score: Array
    """(N,) 0..1; 1 where the estimator gives none."""
    body: str = "smpl"
    """Body model that `betas` and `translation_m` are of: 'smpl' or 'smplx'."""
    dropped: int = 0
    """Poses of the file that are not among these: not finite, behind the camera, no rotation, or a tracker's guess."""

    def __post_init__(self) -> None:
        count = len(self.frames)
        for name, trailing in _TRAILING.items():
            shape = np.shape(getattr(self, name))
            if shape != (count, *trailing):
                raise InputError(f"expected shape {(count, *trailing)}, got {shape} for {name} of poses; reshape it")

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, index: NDArray[Any]) -> PosePredictions:
        """Return some of the poses: a mask (N,) or indices."""
        return replace(self, **{f.name: getattr(self, f.name)[index] for f in fields(self) if f.name in _TRAILING})

    def usable(self) -> PosePredictions:
        """Return the poses that are finite, in front of the camera and whose matrices are rotations."""
        count = len(self)
        finite = np.ones(count, dtype=np.bool_)
        for name in ("rotations", "betas", "translation_m", "predicted_2d", "score"):
            value = getattr(self, name)
            finite &= np.isfinite(value).all(axis=tuple(range(1, value.ndim)))
        finite &= self.translation_m[:, 2] > 0
        rotations = np.where(finite[:, None, None, None], self.rotations, np.eye(3))
        gram = np.matmul(rotations, rotations.swapaxes(-1, -2))
        proper = (np.abs(gram - np.eye(3)).max(axis=(-1, -2)) < _ORTHONORMAL_TOLERANCE) & (np.linalg.det(rotations) > 0)
        keep = finite & proper.all(axis=1)
        return replace(self.take(keep), dropped=self.dropped + int(count - np.count_nonzero(keep)))


def attach(tracks: Sequence[PersonTrack], predictions: PosePredictions) -> tuple[list[PersonTrack], int]:
    """Give each track the poses of its id.

    Of several poses for one frame and id the one with the highest score counts.

    Returns:
        The tracks, and how many poses found no frame of a track.
    """
    used = np.zeros(len(predictions), dtype=np.bool_)
    joined = []
    # Written in the order of their scores, so that the best of several comes last and stays.
    order = np.argsort(predictions.score, kind="stable")
    for track in tracks:
        mine = order[predictions.ids[order] == track.track_id]
        at = np.searchsorted(track.frames, predictions.frames[mine])
        hit = at < len(track)
        hit[hit] = track.frames[at[hit]] == predictions.frames[mine][hit]
        at, mine = at[hit], mine[hit]
        used[mine] = True
        arrays: dict[str, Any] = {"present": track.present.copy()}
        arrays["present"][at] = True
        for name in ("rotations", "betas", "translation_m", "predicted_2d", "score"):
            arrays[name] = getattr(track, name).copy()
            arrays[name][at] = getattr(predictions, name)[mine]
        joined.append(replace(track, **arrays))
    return joined, int(np.count_nonzero(~used))
