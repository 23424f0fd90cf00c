"""From results to the sequences of a processed dataset."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captions import sentences_for_label
from motion_preprocessing.captures.lifting import LiftedPerson
from motion_preprocessing.captures.results import Result
from motion_preprocessing.describe import describe
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.mocap import coarse_action
from motion_preprocessing.resample import resample
from motion_preprocessing.sequence import MotionSequence

_TOGETHER: Final = 0.8
"""People whose stretches share this part of the longer one count as seen together."""
_CAPTIONS: Final = 4


def sequences_of(result: Result, *, fps: float, licence: str, scene: str = "") -> Iterator[MotionSequence]:
    """Yield the sequences of one capture.

    People who are seen at the same time for most of the time are cut to the frames that they share, get one `pair` key
    and stay in one world frame.

    Everybody is written with one skeleton. A body of another size is shrunk or enlarged as a whole about the point of
    the floor below its mean place: feet that stand stay where they are, and those of a body that is s times as large
    move 1/s times as fast. Whoever is d away from his mean place is written (1 - 1/s) d nearer to it.

    Args:
        result: What the capture gave.
        fps: Frame rate of the sequences.
        licence: Licence terms to write with them.
        scene: The room's file in the dataset.
    """
    groups = _together(result.people)
    place = result.name.replace("/", "_")
    numbers: Counter[int] = Counter()
    for group in groups:
        first = max(person.first_frame for person in group)
        last = min(person.first_frame + len(person.seen) for person in group)
        for person in group:
            numbers[person.track_id] += 1
            part = slice(first - person.first_frame, last - person.first_frame)
            rotations, root = resample(
                person.local_rotations[part].astype(np.float64),
                person.root_position_m[part].astype(np.float64),
                result.fps,
                fps,
            )
            root = resized(root, person.body_scale)
            label = _most_common(person.actions[part])
            name = f"{place}_p{person.track_id}_{numbers[person.track_id]}"
            joints, _ = forward_kinematics(rotations, root)
            seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
            measured = describe(np.asarray(joints), fps, np.random.default_rng(seed), _CAPTIONS).sentences
            yield MotionSequence(
                name=name,
                fps=fps,
                local_rotations=rotations.astype(np.float32),
                root_position_m=root.astype(np.float32),
                captions=tuple(dict.fromkeys((*sentences_for_label(label)[:_CAPTIONS], *measured))),
                action=coarse_action(label, ""),
                person_class=person.person_class,
                subject=f"{place}_p{person.track_id}",
                split=split_of(result.name),
                pair=f"{place}_{first}" if len(group) > 1 else "",
                source=f"capture {result.name}",
                licence=licence,
                label=label,
                scene=scene,
                body_scale=person.body_scale,
            )


def resized(root_position_m: NDArray[np.float64], body_scale: float) -> NDArray[np.float64]:
    """Return the root's path (T, 3) of a body `body_scale` times as small: all of it about its mean place's floor."""
    centre = root_position_m.mean(axis=0) * (1.0, 1.0, 0.0)
    return np.asarray(centre + (root_position_m - centre) / body_scale)


def split_of(name: str) -> str:
    """Return the split of a capture: by its site and room, 8 in 10 rooms train, one validates, one tests."""
    site_and_room = name.rsplit("/", 1)[0]
    number = int.from_bytes(hashlib.sha256(site_and_room.encode()).digest()[:4], "big") % 10
    return "validation" if number == 8 else "test" if number == 9 else "train"


def _together(people: tuple[LiftedPerson, ...]) -> list[list[LiftedPerson]]:
    groups: list[list[LiftedPerson]] = []
    for person in people:
        for group in groups:
            if all(_share(person, other) >= _TOGETHER for other in group) and _shared(person, *group) >= 3:
                group.append(person)
                break
        else:
            groups.append([person])
    return groups


def _shared(*people: LiftedPerson) -> int:
    return min(p.first_frame + len(p.seen) for p in people) - max(p.first_frame for p in people)


def _share(a: LiftedPerson, b: LiftedPerson) -> float:
    return _shared(a, b) / max(len(a.seen), len(b.seen))


def _most_common(actions: tuple[str, ...]) -> str:
    named = [action for action in actions if action]
    return Counter(named).most_common(1)[0][0] if named else ""
