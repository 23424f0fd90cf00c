"""Makes the windows of a motion, as `in_windows` asks for them: conditions, noise, the denoising loop, corrections.

A motion is gone through in one pass or two: what the first one makes may be a draft that the second goes over again
(`second_pass`). Each pass has a maker of its own, which remembers where people went who were made before others, and
whose hands hold whom; who is made by themselves, throughout, has one too (`one_by_one`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import BundleError
from motion_preprocessing.groups import SceneTokens
from motion_runtime.amounts import Amounts, amounts_of
from motion_runtime.approach import names_others
from motion_runtime.bundle import Bundle
from motion_runtime.calibrated import Calibrated
from motion_runtime.conditioning import KernelShape, padded
from motion_runtime.corrections import of_window
from motion_runtime.editing.as_told import way_and_turn
from motion_runtime.editing.constraints import Constraints
from motion_runtime.editing.grips import Grip
from motion_runtime.editing.hands_on import HandsOn
from motion_runtime.editing.impose import Imposer, in_the_loop
from motion_runtime.editing.joints import joints_of
from motion_runtime.editing.leaps import without_leaps
from motion_runtime.editing.stay_inside import ways_of
from motion_runtime.editing.windows import Frame, Window, fade_in, sure_frames
from motion_runtime.long_lie import is_down, lies, lies_there, lying_on, lying_still, stays_down
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement, Room
from motion_runtime.rising import AFTER_S, calmest, fastest_m_s
from motion_runtime.sampler import Step, StepKernel, philox_noise, sample
from motion_runtime.schedule import NoiseSchedule
from motion_runtime.timeline import part_at
from motion_runtime.who_holds import who_holds, who_wheels

Array = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """What a loaded bundle gives to the making of windows."""

    bundle: Bundle
    schedule: NoiseSchedule
    calibrated: Calibrated | None
    shape: Callable[[int, int, bool], KernelShape]
    """Of the smallest kernel for so many persons and frames, with a room to be seen or without."""
    scene: Callable[[Room | None, Placement, KernelShape], SceneTokens]
    """What is seen of a room from a canonical frame."""
    kernel: Callable[[tuple[str, ...], Sequence[str], KernelShape, int, SceneTokens], StepKernel]
    """The step kernel with the conditions of a window: classes and texts of its people, its frames, what is seen."""


@dataclass(frozen=True)
class WindowMaker:
    """One pass over a motion; called, it makes one window of some of the people."""

    model: Model
    request: GenerationRequest
    """What is wanted, staged."""
    windows: Sequence[Window]
    """All of the motion."""
    placement: Placement
    """Of the first window's canonical frame."""
    room: Room | None
    """What is seen, and what holds people back."""
    steps: list[Step]
    """Of the denoising loop; of a draft's, only the later ones."""
    hands_steps: int
    """In how many of the last steps hands are laid on."""
    progress: Callable[[int, int], None] | None = None
    """Called after every denoising step with how many are done and how many there are."""
    guides: Constraints | None = None
    """What is known of the motion, in the room."""
    draft: Array | None = None
    """What is gone over again, (p, T, 258) of those who are made, in the first window's canonical frame; None = the
    motion is made anew."""
    before: int = 0
    """Denoising steps that the draft took."""
    passed: Sequence[Array] = ()
    """Where others go, (T, K, 2) each over all of the motion, in the room: they do not give way."""
    counted: int = 0
    """The person whose steps `progress` is told of."""
    grips: list[Grip] = field(default_factory=list, init=False)
    """Whose hands hold whom in the windows made so far."""
    _passed: dict[int, list[Array]] = field(default_factory=dict, init=False)
    """By number of a window: where those went over it, (T, K, 2) in the room, who are made already."""
    _gone: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict, init=False)
    """By number of a person and of a part of their prompt: how far they have gone and turned in it."""
    _handles: dict[tuple[int, str, int], Array] = field(default_factory=dict, init=False)
    """By a person's hand and the other in the wheelchair: where it holds the handle."""

    def __call__(self, window: Window, people: list[int], frame: Frame, past: Array | None) -> Array:
        """Generate one window of some people.

        Args:
            window: Which.
            people: Numbers of the people, p of them.
            frame: The window's canonical frame, as it lies in the first window's.
            past: What it goes on from, (p, overlap, 258) in its frame; None = the motion begins with it.

        Returns:
            Pose vectors (p, t, 258) in metres, in its frame.

        Raises:
            BundleError: The network says what is no number.
        """
        model, request, manifest = self.model, self.request, self.model.bundle.manifest
        here, number = frame.placed(self.placement), self.windows.index(window)
        shape = model.shape(len(people), window.frames, self.room is not None)
        texts = [request.timelines[person].parts[self._part(person, window)].text for person in people]
        classes = tuple(request.person_classes[person] for person in people)
        ways = self._passed.get(number, [way[window.first : window.end] for way in self.passed])
        kept = 0 if past is None else past.shape[1]
        told = self._told(window, people, texts)
        hold = partial(
            of_window, here, request, self.room, people, manifest.fps, first_s=window.first / manifest.fps, kept=kept,
            turns=self.draft is not None, passed=ways, told=told,
        )  # fmt: skip
        kernel = model.kernel(classes, texts, shape, window.frames, model.scene(self.room, here, shape))
        calibrated = model.calibrated if request.calibrate else None
        seen = None if self.guides is None else self.guides.window(window.first, window.end).of(people).in_frame(here)
        imposer = None if seen is None else Imposer(seen, manifest.fps)

        def drawn(draw: int) -> tuple[Array, HandsOn | None]:
            corrections: list[Callable[[Array], Array]] = []
            if past is not None:
                corrections += [fade_in(past, window.frames), partial(without_leaps, fps=manifest.fps)]
            corrections += hold()
            hands = None
            if request.hands:
                wait = max(len(self.steps) - self.hands_steps, 0)
                hands = HandsOn(
                    who_holds(texts, classes),
                    manifest.fps,
                    wait,
                    kept,
                    who_wheels(texts, classes),
                    self._handles_of(people),
                )
                corrections.append(hands)
            if imposer is not None:
                corrections.append(imposer)
            noise = self._noise(people, shape, window, draw)
            clean = sample(
                kernel,
                self.steps,
                noise,
                # Steps of further draws are not told of: how many there will be is not known beforehand.
                partial(self._report, number, people) if draw == 0 else None,
                in_the_loop(corrections, manifest.normaliser, len(people), window.frames, calibrated),
                self._begun(window, people, shape, noise),
            )[0, : len(people), : window.frames]  # (p, t, D)
            if not np.isfinite(clean).all():
                raise BundleError(
                    f"expected numbers, got NaN or infinity from the network of {model.bundle.folder}; "
                    "check the bundle, or try --provider cpu"
                )
            return manifest.normaliser.denormalise(clean).astype(np.float64), hands

        down = self._down(seen, people, past)
        rest = [own for own in down if self._stays(window, people[own], texts[own])]
        rise = [own for own in down if own not in rest]
        if rise and self.draft is None:
            looked_at = kept + round(AFTER_S * manifest.fps)
            x, hands = calmest(drawn, lambda found: fastest_m_s(found[0][rise], looked_at, manifest.fps))
        else:
            x, hands = drawn(0)
        if self.guides is None:
            for correction in hold(finished=True):
                x = correction(x)
        x = self._long_lie(seen, texts, past, x, rest)
        if hands is not None:
            self.grips.extend(grip.moved(people, window.first) for grip in hands.grips)
            for grip in (grip.moved(people, window.first) for grip in hands.handles):
                self._handles[grip.person, grip.side, grip.other] = grip.place_m
        self._has_gone(window, people, told, x)
        self._passed[number] = [*ways, *ways_of(here.to_room(joints_of(x)))]
        return x

    def _down(self, seen: Constraints | None, people: Sequence[int], past: Array | None) -> list[int]:
        """Who of a window's people lies on the floor when it begins, as far as that is known beforehand."""
        if past is not None:
            return [own for own, body in enumerate(past) if is_down(body, self.model.bundle.manifest.fps)]
        if seen is None:
            return []
        return [
            own for own in range(len(people)) if seen.position_mask[own, 0].all() and lies(seen.positions_m[own, 0])
        ]

    def _stays(self, window: Window, person: int, text: str) -> bool:
        """Whether somebody who lies on the floor when a window begins is to stay as they are."""
        number = self.windows.index(window)
        goes_on = number > 0 and self._part(person, self.windows[number - 1]) == self._part(person, window)
        return stays_down(text, goes_on=goes_on)

    def _long_lie(
        self, seen: Constraints | None, texts: Sequence[str], past: Array | None, x: Array, rest: Sequence[int]
    ) -> Array:  # fmt: skip
        """Keep those of a window (p, t, 258) down who lie on the floor, and are told nothing else."""
        fps = self.model.bundle.manifest.fps
        result = np.array(x)
        for own, text in enumerate(texts):
            # Who is known later on is led there.
            if seen is not None and not seen.window(1, x.shape[1]).of([own]).empty:
                continue
            if own in rest:
                begun, sure = (x[own, :1], 1) if past is None else (past[own], sure_frames(past.shape[1]))
                result[own] = lying_on(begun, sure, x.shape[1])
            elif past is None and seen is None and lies_there(text):
                result[own] = lying_still(x[own], fps)
        return result

    def _told(self, window: Window, people: Sequence[int], texts: Sequence[str]) -> list[Amounts | None]:
        """How far each of a window's people is to go, and by how much to turn; None where something else says so."""
        request = self.request
        together = len(people) > 1 and any(map(names_others, texts))
        if not request.amounts or self.guides is not None or together:
            return []
        told: list[Amounts | None] = []
        for person, text in zip(people, texts, strict=True):
            found = None if person < len(request.uses) and request.uses[person] else amounts_of(text)
            if found is not None:
                part = self._part(person, window)
                further = self.windows[self.windows.index(window) + 1 :]
                goes_on = any(self._part(person, other) == part for other in further)
                found = found.left(*self._gone.get((person, part), (0.0, 0.0)), goes_on=goes_on)
            told.append(found)
        return told

    def _handles_of(self, people: Sequence[int]) -> dict[tuple[int, str, int], Array]:
        """Where hands have held handles in earlier windows, by the numbers that a window has for its people."""
        number = {person: own for own, person in enumerate(people)}
        return {
            (number[person], side, number[other]): place
            for (person, side, other), place in self._handles.items()
            if person in number and other in number
        }

    def _part(self, person: int, window: Window) -> int:
        """Which part of a person's prompt a window is made by."""
        request, fps = self.request, self.model.bundle.manifest.fps
        return part_at(request.timelines[person].first_frames(request.seconds, fps), window.start)

    def _has_gone(self, window: Window, people: Sequence[int], told: Sequence[Amounts | None], x: Array) -> None:
        """Remember how far who was told so has gone in a window (p, t, 258), for the windows after it."""
        fps = self.model.bundle.manifest.fps
        since = max(sure_frames(window.overlap) - 1, 0)
        for person, amounts, body in zip(people, told, joints_of(x), strict=False):
            if amounts is not None:
                key = person, self._part(person, window)
                # What the next window may change is counted there.
                following = self.windows[self.windows.index(window) + 1 :][:1]
                ends = window.end if not following else following[0].first + max(sure_frames(following[0].overlap), 1)
                before, now = self._gone.get(key, (0.0, 0.0)), way_and_turn(body[since : ends - window.first], fps)
                self._gone[key] = before[0] + now[0], before[1] + now[1]

    def _noise(
        self, people: Sequence[int], shape: KernelShape, window: Window, again: int
    ) -> Callable[[int], Floats]:  # fmt: skip
        """Noise of a window by number of the draw; `again` = how often the window was made before."""
        request = self.request
        # Drawn in the request's own size, so that it does not depend on which kernel serves it.
        size = (len(people), window.frames, self.model.bundle.manifest.pose_dim)
        # Windows, how often they are made, and people who are made one by one, have streams of noise of their own.
        stream = (self.windows.index(window) << 32) + (people[0] << 48) + (again << 24)

        def noise(draw: int) -> Floats:
            return padded(philox_noise(request.seed, request.sample, draw + stream, size), shape)

        return noise

    def _begun(
        self, window: Window, people: list[int], shape: KernelShape, noise: Callable[[int], Floats]
    ) -> tuple[Floats, Floats] | None:
        """The draft at the first step's noise level and without noise, both (1, P, T, 258); None without a draft."""
        if self.draft is None:
            return None
        part = self.draft[:, window.first : window.end]
        x = Frame.of(part).into(part).astype(np.float32)
        clean = padded(self.model.bundle.manifest.normaliser.normalise(x), shape)
        abar = float(self.model.schedule.alphas_cumprod[self.steps[0].t])
        return np.float32(abar**0.5) * clean + np.float32((1 - abar) ** 0.5) * noise(0), clean

    def _report(self, number: int, people: Sequence[int], k: int, n: int) -> None:
        """Tell how far the making of the motion is, after k of a window's n steps."""
        # People in further groups of a window are made again and again: that window's steps count once.
        if self.progress is not None and people[0] == self.counted:
            self.progress(self.before + number * n + k, self.before + len(self.windows) * n)
