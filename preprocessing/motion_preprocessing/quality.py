"""What a recording is worth: frames in which nothing happens weigh less, faulty recordings are named.

Most raw captures stand about before and after what they show. A stretch in which no joint moves for a second or longer
is idle; half a second at either end of it keeps its full weight, since beginnings and ends of actions are part of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.metrics import foot_skate_ratio
from motion_preprocessing.motion_features import Features, closed, measure, rate
from motion_preprocessing.travel_events import jumps

IDLE_M_S: Final = 0.22
"""No joint is faster (over .15 s): people who stand still sway with .1 m/s at the head."""
IDLE_S: Final = 1.0
IDLE_EDGE_S: Final = 0.5
IDLE_WEIGHT: Final = 0.2
"""Weight of a frame inside an idle stretch; every other frame weighs 1."""

JITTER_M: Final = 0.008
"""Median distance of slow joints from the middle of where they are a frame before and after, at 20 frames a second."""
SLIDING: Final = 0.5
SLIDING_S: Final = 2.0
"""In shorter clips a single turn on the ball of the foot is half of the frames."""
GRAVITY_M_S2: Final = 9.81
RATE_FACTOR: Final = 1.25
"""Free fall tells the frame rate: it must not be off by more than this factor. At less than .72 of the true rate no
flight is told from being carried, and nothing is found."""
FLIGHTS: Final = 2
_SLOW_M_S: Final = 0.4
_SLOW_SAMPLES: Final = 100
_FLIGHT_FRAMES: Final = 4

JITTER, FEET_SLIDE, FRAME_RATE, FROZEN = "jitter", "feet slide", "frame rate", "frozen frames"
FROZEN_SHARE: Final = 0.05
_FROZEN_M: Final = 1e-5
_MOVING_M: Final = 0.01


def idle_frames(joints_m: NDArray[np.floating[Any]], fps: float) -> NDArray[np.bool_]:
    """Where (T,) nothing happens, edges left out; joints (T, 22, 3) in metres."""
    f = measure(np.asarray(joints_m, dtype=np.float64), fps)
    speed = np.sqrt((rate(f.joints_m, fps) ** 2).sum(axis=-1)).max(axis=1)
    idle = np.zeros(f.frames, dtype=bool)
    edge = int(round(IDLE_EDGE_S * fps))
    for start, stop in closed(speed < IDLE_M_S, 1, f.count(IDLE_S)):
        idle[start + edge : stop - edge] = True
    return idle


def frame_weights(joints_m: NDArray[np.floating[Any]], fps: float) -> NDArray[np.float32]:
    """How much each frame (T,) should count when windows are drawn: 1, or IDLE_WEIGHT where nothing happens."""
    return np.where(idle_frames(joints_m, fps), np.float32(IDLE_WEIGHT), np.float32(1.0))


def faults(joints_m: NDArray[np.floating[Any]], fps: float, *, slides: bool = False) -> tuple[str, ...]:
    """Name what is wrong with a recording (T, 22, 3): JITTER, FEET_SLIDE, FRAME_RATE, FROZEN; () for a sound one.

    Args:
        joints_m: Joints, metres, z up, floor at z = 0.
        fps: Frames a second.
        slides: Whether feet are meant to slide, as in a fall on a wet floor.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    found = []
    if _jitter_m(joints, fps) > JITTER_M:
        found.append(JITTER)
    if not slides and len(joints) >= SLIDING_S * fps and foot_skate_ratio(joints, fps) > SLIDING:
        found.append(FEET_SLIDE)
    gravity = fall_accelerations(measure(joints, fps))
    if len(gravity) >= FLIGHTS:
        off = float(np.sqrt(GRAVITY_M_S2 / max(float(np.median(gravity)), 1e-6)))
        if not 1 / RATE_FACTOR < off < RATE_FACTOR:
            found.append(FRAME_RATE)
    if _frozen_share(joints) > FROZEN_SHARE:
        found.append(FROZEN)
    return tuple(found)


def _jitter_m(joints: NDArray[np.float64], fps: float) -> float:
    """See JITTER_M; scaled to 20 frames a second as if the noise were independent from frame to frame."""
    if len(joints) < 3:
        return 0.0
    speed = np.sqrt((np.diff(joints, axis=0) ** 2).sum(-1)) * fps
    off = np.sqrt(((joints[1:-1] - (joints[2:] + joints[:-2]) / 2) ** 2).sum(-1))
    slow = (speed[1:] < _SLOW_M_S) & (speed[:-1] < _SLOW_M_S)
    return float(np.median(off[slow])) if slow.sum() >= _SLOW_SAMPLES else 0.0


def _frozen_share(joints: NDArray[np.float64]) -> float:
    """Share of frames that repeat the one before between two that move: what a wrong resampling leaves."""
    if len(joints) < 4:
        return 0.0
    shift = np.sqrt((np.diff(joints, axis=0) ** 2).sum(-1)).max(axis=1)
    frozen = (shift[1:-1] < _FROZEN_M) & (shift[:-2] > _MOVING_M) & (shift[2:] > _MOVING_M)
    return float(frozen.mean())


def fall_accelerations(f: Features) -> list[float]:
    """Downward acceleration of the mass's centre in the middle of each flight, m/s^2: gravity, if the rate is true."""
    found = []
    margin = f.count(0.3)
    for event in jumps(f):
        start, stop = round(event.start_s * f.fps) + margin, round(event.end_s * f.fps) - margin
        if stop - start >= _FLIGHT_FRAMES:
            time = np.arange(start, stop) / f.fps
            height = _mass_height_m(f.joints_m[start:stop])
            found.append(float(-2 * np.polyfit(time, height, 2)[0]))
    return found


# Segment masses as in motion_features, the joints in SMPL's order.
_MASSES: Final = {0: 0.25, 12: 0.25, 15: 0.08, 1: 0.05, 2: 0.05, 4: 0.08, 5: 0.08, 7: 0.03, 8: 0.03,
                  16: 0.025, 17: 0.025, 20: 0.025, 21: 0.025}  # fmt: skip


def _mass_height_m(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    total = sum(_MASSES.values())
    return np.asarray(sum(mass * joints[:, joint, 2] for joint, mass in _MASSES.items()) / total)


@dataclass
class Tally:
    """What became of one source's recordings."""

    takes: int = 0
    """All that were read."""
    seconds_before: float = 0.0
    """Their length."""
    kept: int = 0
    """Sequences made."""
    seconds: float = 0.0
    """Their length."""
    idle_seconds: float = 0.0
    """How much of it is idle."""
    dropped: dict[str, list[str]] = field(default_factory=dict)
    """Names of what was dropped, by fault."""

    def read(self, seconds: float) -> None:
        """Count a recording."""
        self.takes += 1
        self.seconds_before += seconds

    def drop(self, fault: str, name: str) -> None:
        """Note a recording that was dropped."""
        self.dropped.setdefault(fault, []).append(name)

    def keep(self, joints_m: NDArray[np.floating[Any]], fps: float) -> None:
        """Count a sequence that was made."""
        self.kept += 1
        self.seconds += len(joints_m) / fps
        self.idle_seconds += float(idle_frames(joints_m, fps).sum()) / fps

    def faults_text(self) -> str:
        """'2 feet slide, 1 jitter', or '0'."""
        return ", ".join(f"{len(names)} {fault}" for fault, names in sorted(self.dropped.items())) or "0"
