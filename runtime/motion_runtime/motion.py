"""What goes into the generator and what comes out: `GenerationRequest` and `Motion`.

Room coordinates throughout: Z up, metres, right-handed, the floor is z = 0. Axes: P persons, T frames, 22 joints in
SMPL's order (`motion_preprocessing.skeleton.JOINT_NAMES`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.skeleton import JOINT_COUNT
from motion_runtime.fall_ways import with_ways
from motion_runtime.guidance import ALL_STEPS, Guidance
from motion_runtime.plain_words import in_plain_words
from motion_runtime.timeline import Timeline, motion_seconds
from motion_runtime.tokenizer import MAX_PROMPT_CHARACTERS, check_prompt

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene
    from motion_runtime.editing.edits import Edits
    from motion_runtime.stage import RollsOut, Start, Use

DEFAULT_PERSON_CLASS: Final = "person"
MAX_SECONDS: Final = 3600.0
"""No bundle makes motions as long; beyond, numbers of frames would overflow."""
MAX_START_M: Final = 10_000.0
"""No room is as far from its origin; beyond, float32 joints would lose their millimetres."""


@dataclass(frozen=True)
class GenerationRequest:
    """One motion to be made. Equal requests give equal bytes on the same execution provider."""

    prompts: tuple[str, ...]
    """What happens: one sentence for everybody, or one a person; 'walks | 4s: sits down' for one after the other."""
    person_classes: tuple[str, ...] = ()
    """Who they are ('person', 'staff', 'patient'), one a person; empty = a 'person' for each prompt."""
    seconds: float = 6.0
    """Length of the motion."""
    scene: Scene | None = None
    """The room; None = an empty one, the first person starting at the origin."""
    sampler: str | None = None
    """'ddpm', 'ddim', 'dpm++' or 'sde-dpm++'; None = the bundle's default."""
    steps: int | None = None
    """Denoising steps; None = the bundle's default."""
    guidance: float | None = None
    """Scale of classifier-free guidance; 1 = follow the prompt plainly, None = the bundle's default."""
    guidance_text: float | None = None
    """The same for the prompt alone; None = as `guidance`."""
    guidance_scene: float | None = None
    """The same for the room alone; None = as `guidance`."""
    guidance_interval: tuple[float, float] | None = None
    """Steps in which conditions are exaggerated, as shares of the way from noise (0) to motion (1); None = the bundle's
    default."""
    low_pass_s: float = 0.045
    """Standard deviation of the filter that takes the network's noise off what moves, seconds (`sharp_low_pass`); what
    rests is smoothed more (`at_rest`). 0 = nothing is smoothed."""
    eta: float = 0.0
    """Noise of DDIM: 0 = deterministic, 1 = as much as DDPM. Other samplers ignore it."""
    seed: int = 0
    """Chooses the noise."""
    sample: int = 0
    """Number of this sample among several of one request: same conditions, other noise, other starting place."""
    start_m: tuple[float, float] | None = None
    """Where in the room the first person starts (x, y); None = chosen in free space."""
    heading_deg: float | None = None
    """Where the first person faces at the start: 0 = +x, 90 = +y; None = chosen towards free space."""
    walls: bool = True
    """Whether the room's walls hold people back; without, only furniture is seen."""
    apart_m: float = 0.45
    """People keep their pelves this far apart; 0 = they may meet and cross."""
    calibrate: bool = True
    """Whether the network's answers are made as quick as it was measured to be too slow (`calibrated`)."""
    amounts: bool = True
    """Whether ways are as long and turns as large as the prompt says where it says so."""
    plain: bool = True
    """Whether the model reads prompts in plain words where it does not know what to make of theirs (`plain_words`)."""
    ways: bool = True
    """Whether falls that are not told which way go in ways drawn by the seed (`fall_ways`)."""
    ground: bool = True
    """Whether a motion that floats over floor and furniture, or sinks into the floor, is moved onto them as a whole,
    and nobody falls faster than gravity lets them."""
    feet: bool = True
    """Whether who walks gets only as far as their feet carry them, instead of sliding; not where the way is given. And
    whether legs bend so that feet that stand stay where they stand."""
    hands: bool = True
    """Whether who helps, supports or holds another one has the hands on them, rather than near them."""
    edits: Edits | None = None
    """What is known of the motion beforehand: keyframes, poses, held body parts, paths."""
    goals: tuple[str, ...] = ()
    """Where each person ends: 'x,y' or 'x,y,yaw' in metres and degrees, the name of a thing of the room ('chair 2',
    'object 3', 'bed'), or '-' for nowhere in particular. Without a start people start in reach."""
    use: bool = True
    """Whether who sits or lies is led onto a thing of the room: what their prompt names, or else a seat or a bed."""
    solid: bool = True
    """Whether the room's things are solid: bodies that are inside of one are moved out of it."""
    others: tuple[Start | None, ...] = ()
    """Where the second, third ... person starts; None, or left out = where the model has them."""
    uses: tuple[tuple[Use, ...], ...] = ()
    """What each person sits or lies on, one after the other; worked out by `Generator.staged`."""
    rolls: tuple[RollsOut | None, ...] = ()
    """How each person falls out of bed; None, or left out = they do not. Worked out by `Generator.staged`."""
    told: tuple[str, ...] = ()
    """What the model reads in place of the prompts, one a person; worked out by `Generator.staged`, empty = these."""
    retold: tuple[str, ...] = ()
    """What it reads when it goes over a draft that was made by `told`; worked out likewise, empty = the prompts."""
    roams: bool = False
    """Whether nobody was told where to start nor does anything at a thing of the room, so that the whole motion may as
    well be elsewhere in it; worked out by `Generator.staged`."""
    strays: tuple[int, ...] = ()
    """Who was put on free floor for nobody's sake, and may as well start elsewhere; worked out likewise."""
    staged: bool = False
    """Whether starts, paths and uses were worked out already; True leaves open ones to the model."""

    def __post_init__(self) -> None:
        given: tuple[object, ...] = (self.prompts, self.person_classes, self.goals)
        if any(isinstance(value, str) for value in given):  # a string is a sequence too: one person a letter
            raise InputError(
                "expected a tuple of prompts and one of person classes, got a string; write ('a person walks',)"
            )
        prompts = tuple(prompt.strip() for prompt in self.prompts)
        timelines = tuple(Timeline.parse(prompt) for prompt in prompts)
        for part in (part for timeline in timelines for part in timeline.parts):
            check_prompt(part.text)
        if not prompts:
            raise InputError("expected at least one prompt, got none; say what happens, such as 'a person walks'")
        classes = tuple(self.person_classes) or (DEFAULT_PERSON_CLASS,) * len(prompts)
        if len(prompts) not in (1, len(classes)):
            raise InputError(
                f"expected one prompt for all or one a person ({len(classes)}), got {len(prompts)} prompts; "
                "give as many prompts as persons"
            )
        object.__setattr__(self, "prompts", prompts)
        object.__setattr__(self, "person_classes", classes)
        object.__setattr__(self, "seconds", motion_seconds(timelines, self.seconds))
        _check_range("seconds", self.seconds, 0.0, MAX_SECONDS, low_open=True)
        for timeline in timelines:
            timeline.starts(self.seconds)
        for scale in (self.guidance, self.guidance_text, self.guidance_scene):
            _check_range("guidance", scale, 0.0, 100.0)
        Guidance(1.0, 1.0, self.guidance_interval or ALL_STEPS)
        _check_range("eta", self.eta, 0.0, 1.0)
        _check_range("low pass", self.low_pass_s, 0.0, 1.0)
        _check_range("distance", self.apart_m, 0.0, 5.0)
        _check_range("steps", self.steps, 1, math.inf)
        _check_range("seed", self.seed, 0, 2**64 - 1)
        _check_range("sample number", self.sample, 0, 2**32 - 1)
        _check_range("heading", self.heading_deg, -math.inf, math.inf)
        for value in self.start_m or ():
            _check_range("start position", value, -MAX_START_M, MAX_START_M)

    @property
    def persons(self) -> int:
        """Number of persons P."""
        return len(self.person_classes)

    @property
    def prompt_of_each(self) -> tuple[str, ...]:
        """The prompts with a single one repeated for everybody, length P."""
        return self.prompts * self.persons if len(self.prompts) == 1 else self.prompts

    @property
    def as_read(self) -> GenerationRequest:
        """The same in the words that the model reads; the request itself where these are its own."""
        prompts = tuple(map(in_plain_words, self.prompts)) if self.plain else self.prompts
        too_long = any(len(prompt) > MAX_PROMPT_CHARACTERS for prompt in prompts)
        return self if too_long or prompts == self.prompts else replace(self, prompts=prompts)

    @property
    def as_made(self) -> GenerationRequest:
        """The same in the words that the network is given: as read, with a way for each fall that has none."""
        request = self.as_read
        if not self.ways:
            return request

        def drawn(prompts: tuple[str, ...]) -> tuple[str, ...]:
            found = tuple(with_ways(prompt, self.seed, self.sample, person) for person, prompt in enumerate(prompts))
            return found if all(len(prompt) <= MAX_PROMPT_CHARACTERS for prompt in found) else prompts

        each = drawn(request.prompt_of_each)
        prompts = request.prompts if each == request.prompt_of_each else each
        made = prompts, drawn(request.told), drawn(request.retold)
        if made == (request.prompts, request.told, request.retold):
            return request
        return replace(request, prompts=made[0], told=made[1], retold=made[2])

    @property
    def timelines(self) -> tuple[Timeline, ...]:
        """What each person does, part after part, length P."""
        return tuple(Timeline.parse(prompt) for prompt in self.told or self.prompt_of_each)


@dataclass(frozen=True, eq=False)
class Motion:
    """A generated motion of P persons over T frames, standing in the room."""

    joints_m: NDArray[np.float32]
    """(P, T, 22, 3) joint positions, metres. Bone lengths are exact: forward kinematics of the two arrays below."""
    local_rotations: NDArray[np.float32]
    """(P, T, 22, 3, 3); entry 0 is the root's orientation in the room, the others are relative to the parent joint."""
    root_position_m: NDArray[np.float32]
    """(P, T, 3) position of the pelvis joint in the room, metres."""
    fps: float
    """Frames a second."""
    person_classes: tuple[str, ...]
    """Class of each person, length P."""
    prompts: tuple[str, ...]
    """Prompt of each person, length P."""
    seed: int
    """Seed of the request."""
    sample: int = 0
    """Number of the sample."""
    sampler: str = ""
    """Sampler that was used."""
    steps: int = 0
    """Denoising steps that were used."""
    guidance: float = 1.0
    """Guidance scale of the prompt that was used."""
    room_from_canonical: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    """(4, 4) rigid transform from the frame the model works in (first person at the origin, facing +x) to the room."""

    def __post_init__(self) -> None:
        persons, frames = len(self.person_classes), self.joints_m.shape[1]
        shapes = {
            "joints_m": (self.joints_m.shape, (persons, frames, JOINT_COUNT, 3)),
            "local_rotations": (self.local_rotations.shape, (persons, frames, JOINT_COUNT, 3, 3)),
            "root_position_m": (self.root_position_m.shape, (persons, frames, 3)),
            "prompts": ((len(self.prompts),), (persons,)),
            "room_from_canonical": (self.room_from_canonical.shape, (4, 4)),
        }
        for name, (got, expected) in shapes.items():
            if got != expected:
                raise ValueError(f"expected shape {expected}, got {got} for {name}; give arrays of one motion")

    @property
    def persons(self) -> int:
        """Number of persons P."""
        return len(self.person_classes)

    @property
    def frames(self) -> int:
        """Number of frames T."""
        return int(self.joints_m.shape[1])

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.fps


def _check_range(name: str, value: float | None, low: float, high: float, *, low_open: bool = False) -> None:
    """Refuse NaN, infinity and what lies outside [low, high] (or (low, high])."""
    if value is None:
        return
    # Compared, not converted: Python knows integers that no float holds. NaN is within no limits.
    if not low <= value <= high or abs(value) == math.inf or (low_open and value == low):
        bound = "above" if low_open else "at least"
        limits = [f"{bound} {low:g}"] * math.isfinite(low) + [f"at most {high:g}"] * math.isfinite(high)
        wanted = " and ".join(limits) or "as a finite number"
        raise InputError(f"expected {name} {wanted}, got {value!s:.40}; correct it")
