"""The generator: a request in, a motion out.

    prompts ---> tokens ---> text embeddings ---+
    people ------------------------------------ condition graph, with and without ---> denoising loop ---> pose vectors
    room ---> canonical frame ---> scene tokens +                                                              |
                                                                                                               v
    Motion in the room <--- room frame <--- forward kinematics: exact bone lengths <--- one body fitted to each pose

The model works in the canonical frame: at the start the first person stands over the origin and faces +x, floor z = 0.
`placement` chooses where in the room that frame stands. What is known of the motion is imposed in the loop and met by
the body at the end, and a motion longer than the model's is made in windows that overlap: both are `editing`. What else
is corrected, in the loop and after it, in which order and why, is told by `corrections`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import BundleError, InputError
from motion_preprocessing.groups import GROUP_SIZE, SceneTokens
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import POSE_DIM
from motion_runtime.approach import names_others
from motion_runtime.bundle import Bundle
from motion_runtime.calibrated import Calibrated
from motion_runtime.conditioning import KernelShape, condition_inputs, key_bias, no_scene
from motion_runtime.corrections import of_bodies, of_whole
from motion_runtime.editing.constraints import Constraints
from motion_runtime.editing.edits import check_inside, with_start
from motion_runtime.editing.windows import (
    Window,
    in_windows,
    overlap_frames,
    plan_windows,
    starting,
    with_guides,
)
from motion_runtime.guidance import KEPT, Guidance
from motion_runtime.manifest import CONDITION, PLAIN, STEP, TEXT_ENCODER
from motion_runtime.motion import GenerationRequest, Motion
from motion_runtime.one_by_one import one_by_one
from motion_runtime.person_classes import no_such_class
from motion_runtime.placement import Placement, Room, choose_placement
from motion_runtime.plain_words import in_plain_words
from motion_runtime.prediction import Prediction
from motion_runtime.sampler import Step, StepKernel, plan_steps
from motion_runtime.schedule import NoiseSchedule
from motion_runtime.session import GraphSession, Provider, choose_provider
from motion_runtime.shared_rooms import SharedRooms
from motion_runtime.staging import staged
from motion_runtime.step_batcher import StepBatcher
from motion_runtime.tokenizer import PromptTokenizer
from motion_runtime.window_maker import Model, WindowMaker

Floats = NDArray[np.float32]

MIN_FRAMES: Final = 4
"""The fewest of which every figure of `motion_preprocessing.metrics` can be measured."""
KEPT_EMBEDDINGS: Final = 4096
"""Prompts whose embedding is kept, a kilobyte or two each."""


class Generator:
    """A bundle, loaded. Not thread-safe: one generator a thread."""

    def __init__(self, bundle: Bundle, provider: Provider) -> None:
        """Prepare a verified bundle; `Generator.load` is the usual way in.

        Raises:
            BundleError: The model is of another pose representation or scene coding than this release.
        """
        manifest = bundle.manifest
        for name, expected, got in (
            ("numbers a pose", POSE_DIM, manifest.pose_dim),
            ("points a scene group", GROUP_SIZE, manifest.scene_points),
        ):
            if expected != got:
                raise BundleError(f"expected {expected} {name}, got {got} for {bundle.folder}; export it again")
        self.bundle = bundle
        self.provider = provider
        self._schedule = NoiseSchedule.named(manifest.schedule.kind, manifest.schedule.steps)
        self._tokenizer = PromptTokenizer.load(bundle.path(manifest.text.tokenizer), manifest.text.context_length)
        self._sessions: dict[tuple[str, int, int, int, int | None, str, int], GraphSession] = {}
        self._least_scene = min(graph.scene_tokens for graph in manifest.graphs if graph.role == STEP)
        self._calibrated: Calibrated | None = None
        if manifest.calibration is not None:
            self._calibrated = Calibrated(manifest.calibration, manifest.normaliser, manifest.fps)
        self._room: Room | None = None
        self._rooms: SharedRooms | None = None
        self._shows_rooms = True
        self._batcher: StepBatcher | None = None
        self._embeddings: dict[str, Floats] = {}
        self._loading = RLock()

    @classmethod
    def load(cls, bundle: Path | str | None = None, provider: str = "auto", precision: str = "auto") -> Generator:
        """Open a bundle and choose where to run it.

        Args:
            bundle: The bundle's folder; None = the one that comes with the package.
            provider: 'auto', 'cpu', 'openvino', 'cuda' or 'tensorrt'.
            precision: 'auto', 'fp32', 'fp16', 'int8' or 'bf16'; see `choose_provider`.

        Raises:
            BundleError: The bundle is incomplete, altered or of a newer format.
            ProviderError: The provider is unknown or does not work here.
        """
        opened = Bundle.open(None if bundle is None else Path(bundle))
        return cls(opened, choose_provider(provider, None, precision, opened.manifest.precisions))

    def generate(self, request: GenerationRequest, progress: Callable[[int, int], None] | None = None) -> Motion:
        """Make one motion.

        Args:
            request: What is wanted.
            progress: Called after every denoising step with how many are done and how many there are.

        Raises:
            InputError: The request cannot be met by any bundle (an unknown class, no free floor ...).
            BundleError: The request is beyond this bundle (too many persons, too long).
        """
        return self.pose(request, self.predict(request, progress))

    def pose(self, request: GenerationRequest, made: Prediction) -> Motion:
        """Take the noise off, fit one body to each pose and set it in the room: the second half of `generate`."""
        fps = self.bundle.manifest.fps
        rotations, root = of_bodies(made, request, self.room_of(request), fps, self.bundle.manifest)
        joints, _ = forward_kinematics(rotations, root)
        return Motion(
            joints_m=joints.astype(np.float32),
            local_rotations=rotations.astype(np.float32),
            root_position_m=root.astype(np.float32),
            fps=fps,
            person_classes=request.person_classes,
            prompts=request.prompt_of_each,
            seed=request.seed,
            sample=request.sample,
            sampler=made.sampler,
            steps=made.steps,
            guidance=made.guidance.text,
            room_from_canonical=made.placement.room_from_canonical,
        )

    def split_prompt(self, prompt: str) -> tuple[str, str]:
        """Split a prompt, cleaned, into what the model reads and what is beyond its context, '' for most prompts.

        Raises:
            InputError: The prompt is empty, too long, or not Unicode text.
        """
        return self._tokenizer.split(prompt)

    def understands(self, prompt: str, *, plain: bool = True) -> bool:
        """Whether a prompt says anything in words that the model was taught; what it makes of others is anything.

        Args:
            prompt: What somebody does.
            plain: Whether it is read in plain words, as requests are that do not say otherwise.

        Raises:
            InputError: The prompt is empty, too long, or not Unicode text.
        """
        return self._tokenizer.understands(in_plain_words(prompt) if plain else prompt)

    def twin(self) -> Generator:
        """Another generator over the same sessions, for another thread; only ONNX Runtime's on a CPU may be shared."""
        other = copy(self)
        other._room = None
        return other

    @property
    def batch(self) -> int:
        """Requests that the bundle's step kernels of a batch take, in the provider's precision; 1 = it has none."""
        manifest, precision = self.bundle.manifest, self.provider.stored_precision
        return manifest.batch if any(graph.precision == precision for graph in manifest.batched) else 1

    def batched(self, batcher: StepBatcher) -> Generator:
        """A twin for another thread, on any provider: its steps meet those of others, and one thread runs them all.

        The other graphs are ONNX Runtime's on every provider, whose sessions several threads may run. Its own twins
        meet there too, and share the rooms that they are in: there are many of them, and few rooms.
        """
        other = self.twin()
        other._batcher = batcher
        other._rooms = SharedRooms()
        return other

    def without_scene_tokens(self) -> Generator:
        """A twin whose network is shown no room, while all that is corrected knows it: what do the tokens do alone?"""
        other = self.twin()
        other._shows_rooms = False
        return other

    def check(self, request: GenerationRequest) -> KernelShape:
        """Refuse, without running the network, what `generate` would refuse.

        Where on the free floor somebody starts is drawn anew for each sample; whether there is any is looked at here.

        Returns:
            The shape of the kernel that the request's longest window takes.

        Raises:
            InputError: No bundle can make this.
            BundleError: This bundle cannot.
        """
        default = self.bundle.manifest.default
        sampler = default.sampler if request.sampler is None else request.sampler
        steps = default.steps if request.steps is None else request.steps
        for step in plan_steps(self._schedule, sampler, steps, guidance=self.guidance_of(request), eta=request.eta):
            self._runnable(step)
        self._class_rows(request.person_classes)
        for part in (part for timeline in request.timelines for part in timeline.parts):
            self.split_prompt(part.text)
        if request.goals:
            request = self.staged(request)  # whether there is such a thing in the room, and a way to it
        windows, room = self.windows_of(request), self.room_of(request)
        request, _ = self._known(request, windows[-1].end, room)
        if room is not None and request.start_m is not None:
            room.check_inside(request.start_m)
        elif room is not None and not room.free_space.free.any() and self.staged(request).start_m is None:
            room.stands()  # which says so
        return self._kernel_shape(request.persons, max(window.frames for window in windows), request.scene is not None)

    def predict(self, request: GenerationRequest, progress: Callable[[int, int], None] | None = None) -> Prediction:
        """Run the network only, before one body is fitted to what it says; arguments and errors of `generate`."""
        fps, default = self.bundle.manifest.fps, self.bundle.manifest.default
        sampler = default.sampler if request.sampler is None else request.sampler
        steps = default.steps if request.steps is None else request.steps
        guidance = self.guidance_of(request)
        plan = plan_steps(self._schedule, sampler, steps, guidance=guidance, eta=request.eta)
        room = self.room_of(request)
        request = self.staged(request).as_made
        windows = self.windows_of(request)
        request, known = self._known(request, windows[-1].end, room)
        placement = choose_placement(request, room)
        guides = None if known is None else with_guides(known, windows, placement.start_m)

        # In the second half of the steps hands are laid on, in a second pass too, which has only the later ones.
        maker = WindowMaker(
            self._model(), request, windows, placement, room, plan, (len(plan) + 1) // 2, progress, guides
        )
        placed = len(request.others) + 1 == request.persons and all(request.others)
        together = not placed or (request.persons > 1 and any(map(names_others, request.prompts)))
        if guides is None and not together:
            whole, placement = one_by_one(maker, self.windows_of)
        else:
            begin = starting(request.others, placement, together=together) if request.others else None
            whole = in_windows(windows, request.persons, maker, begin, together=together)
            if guides is None and any(request.uses):
                for correction in of_whole(placement, request, room, fps, range(request.persons)):
                    whole = correction(whole)
        return Prediction(
            whole.astype(np.float32), placement, sampler, steps, guidance, known, request.uses, tuple(maker.grips),
            request.roams, together,
        )  # fmt: skip

    def _known(
        self, request: GenerationRequest, frames: int, room: Room | None
    ) -> tuple[GenerationRequest, Constraints | None]:
        """A staged request that starts where its edits say, and what is known by them; None = nothing.

        Raises:
            InputError: Edits contradict each other or the start, or are of places outside the room.
        """
        fps = self.bundle.manifest.fps
        known = None if request.edits is None else request.edits.constraints(request.persons, frames, fps)
        if known is None or known.empty:
            return request, None
        request = with_start(request, known)
        if room is not None:
            check_inside(known, room, fps)
        return request, known

    def _model(self) -> Model:
        """What windows are made with."""
        return Model(self.bundle, self._schedule, self._calibrated, self._kernel_shape, self._scene_tokens, self._bind)

    def staged(self, request: GenerationRequest) -> GenerationRequest:
        """Put people near what the prompt names and on the way to their goals, as `generate` does by itself.

        Raises:
            InputError: A goal is unknown, or cannot be reached.
        """
        last = self.windows_of(request)[-1].end - 1
        found = staged(request.as_read, self.room_of(request), last / self.bundle.manifest.fps)
        return replace(found, prompts=request.prompts)

    def windows_of(self, request: GenerationRequest, person: int | None = None) -> list[Window]:
        """The windows that a motion is generated in, one where the model is long enough for it.

        Args:
            request: What is wanted.
            person: Whose, of who is made by themselves; None = everybody's.

        Raises:
            InputError: The motion is too short, or the model too short for windows that overlap.
            BundleError: There are more persons than the bundle has kernels for.
        """
        fps, frames = self.bundle.manifest.fps, self._frames(request.seconds)
        timelines = request.timelines if person is None else (request.timelines[person],)
        cuts = [first for timeline in timelines for first in timeline.first_frames(request.seconds, fps)]
        return plan_windows(frames, cuts, self._longest(len(timelines), frames), overlap_frames(fps))

    def guidance_of(self, request: GenerationRequest) -> Guidance:
        """Scales of guidance, the bundle's where the request leaves them open."""
        scale = self.bundle.manifest.default.guidance if request.guidance is None else request.guidance
        text = scale if request.guidance_text is None else request.guidance_text
        scene = scale if request.guidance_scene is None else request.guidance_scene
        interval = request.guidance_interval or self.bundle.manifest.default.guidance_interval
        # Without a room there is nothing to tell apart: one branch less to run.
        return Guidance(text, text if request.scene is None else scene, interval)

    def _bind(
        self,
        person_classes: tuple[str, ...],
        texts: Sequence[str],
        shape: KernelShape,
        frames: int,
        scene: SceneTokens,
    ) -> StepKernel:
        """Embed the conditions of the branches that are run, and give the step kernel that has them."""
        classes = self._class_rows(person_classes)
        text = np.concatenate([self._embed(prompt) for prompt in texts])  # (p, Dt)
        bias = key_bias(shape, len(texts), frames, scene.mask)  # (N,)
        # The graph that embeds conditions has room for a room always; what is not there is left out of the sequence.
        whole = replace(shape, scene_tokens=self.bundle.manifest.scene_tokens)
        groups = scene if shape.scene_tokens == whole.scene_tokens else no_scene(whole, GROUP_SIZE)
        embedded: dict[int, tuple[Floats, Floats]] = {}
        bound: dict[tuple[tuple[int, ...], str], Callable[[Mapping[str, Floats]], tuple[Floats, ...]]] = {}

        def branch(number: int) -> tuple[Floats, Floats]:
            """Prefix (1, P+S, d) and person (1, P, d) of a branch."""
            if number not in embedded:
                keep_text, keep_scene = KEPT[number]
                inputs = condition_inputs(whole, text, classes, groups, keep_text=keep_text, keep_scene=keep_scene)
                prefix, person = self._session(CONDITION, shape.people).run(inputs)
                embedded[number] = prefix[:, : shape.people + shape.scene_tokens], person
            return embedded[number]

        def bind(branches: tuple[int, ...], provider: Provider) -> Callable[[Mapping[str, Floats]], tuple[Floats, ...]]:
            """The kernel of so many branches with their conditions, stacked."""
            key = branches, provider.precision
            if key not in bound:
                prefix, person = (np.concatenate(parts) for parts in zip(*map(branch, branches), strict=True))
                conditions = {"prefix": prefix, "person": person, "key_bias": np.tile(bias, (len(branches), 1))}
                session = self._step_session(shape, len(branches), provider)
                if self._batcher is None:
                    bound[key] = session.bind(conditions)
                else:
                    bound[key] = self._batcher.bind(session, conditions)
            return bound[key]

        def kernel(x: Floats, x0_prev: Floats, noise: Floats, step: Step) -> tuple[Floats, Floats]:
            branches, coefficients = self._runnable(step)
            run = bind(branches, self.provider.at(step.t / self._schedule.steps))
            t = np.array([step.t], np.float32)
            x_next, x0 = run({"x": x, "x0_prev": x0_prev, "noise": noise, "t": t, "coefficients": coefficients})
            return x_next, x0

        return kernel

    def _runnable(self, step: Step) -> tuple[tuple[int, ...], Floats]:
        """A step's branches and coefficients for the smallest kernel that the bundle has for them.

        Raises:
            BundleError: It has none for so many branches.
        """
        have = [count for count in self.bundle.manifest.branches if count >= len(step.branches)]
        if not have:
            raise BundleError(
                f"expected step kernels of {len(step.branches)} guidance branches, got "
                f"{max(self.bundle.manifest.branches)} at most for the bundle {self.bundle.folder.name}; "
                "leave out --guidance-text and --guidance-scene, or export more branches"
            )
        spare = have[0] - len(step.branches)  # run with weight 0
        coefficients = np.concatenate([step.coefficients, np.zeros(spare, np.float32)])
        return step.branches + step.branches[-1:] * spare, coefficients

    def _longest(self, persons: int, frames: int) -> int:
        """Frames of the longest step kernel for so many persons."""
        graphs = self.bundle.manifest.graphs
        longest = [graph.frames for graph in graphs if graph.role == STEP and graph.people >= persons]
        return max(longest) if longest else self.bundle.smallest_kernel(persons, frames)[1]  # says what is missing

    def _frames(self, seconds: float) -> int:
        """Number of frames of a motion."""
        fps = self.bundle.manifest.fps
        frames = round(seconds * fps)
        if frames < MIN_FRAMES:
            raise InputError(f"expected at least {MIN_FRAMES / fps:g} s, got {seconds:g} s; ask for a longer motion")
        return frames

    def _kernel_shape(self, persons: int, frames: int, seen: bool) -> KernelShape:
        """Shape of the smallest step kernel that covers the request; `seen`, it has room for the room's groups."""
        people, longest = self.bundle.smallest_kernel(persons, frames)
        return KernelShape(people, longest, self.bundle.manifest.scene_tokens if seen else self._least_scene)

    def _class_rows(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        """Rows of the class table, (p,)."""
        table = self.bundle.manifest.person_classes
        for name in names:
            if name not in table:
                raise no_such_class(name, table)
        return np.array([table.index(name) for name in names], np.int64)

    def room_of(self, request: GenerationRequest) -> Room | None:
        """The request's room; what was worked out for the last one is kept, since samples mostly share it."""
        if request.scene is None:
            return None
        if self._rooms is not None:
            return self._rooms.of(request.scene)
        room = self._room  # read once: a job's bodies are fitted in another thread while the next job is predicted
        if room is None or room.scene is not request.scene:
            room = self._room = Room(request.scene)
        return room

    def _scene_tokens(self, room: Room | None, placement: Placement, shape: KernelShape) -> SceneTokens:
        """Scene tokens in the canonical frame, with object classes as rows of the bundle's table."""
        if room is None or shape.scene_tokens == 0 or not self._shows_rooms:
            return no_scene(shape, GROUP_SIZE)
        manifest = self.bundle.manifest
        return room.tokens(placement, manifest.object_classes, manifest.scene_tokens, manifest.scene_radius_m)

    def _embed(self, prompt: str) -> Floats:
        """Text embedding (1, Dt) of a prompt; the last few are kept, since many requests share theirs."""
        with self._loading:
            if prompt not in self._embeddings:
                (embedding,) = self._session(TEXT_ENCODER).run({"tokens": self._tokenizer.encode(prompt)})
                if len(self._embeddings) >= KEPT_EMBEDDINGS:
                    del self._embeddings[next(iter(self._embeddings))]
                self._embeddings[prompt] = embedding
            return self._embeddings[prompt]

    def _step_session(self, shape: KernelShape, branches: int, provider: Provider) -> GraphSession:
        """A step kernel's session: of a batch, where steps meet in one and the bundle has such a kernel."""
        size = shape.people, shape.frames, branches, shape.scene_tokens
        batch = 1 if self._batcher is None else self.batch
        precision = provider.stored_precision
        if batch > 1 and self.bundle.find(STEP, PLAIN, *size, precision=precision, batch=batch) is None:
            batch = 1
        return self._session(STEP, *size, provider=provider, batch=batch)

    def _session(
        self,
        role: str,
        people: int = 0,
        frames: int = 0,
        branches: int = 0,
        scene_tokens: int | None = None,
        provider: Provider | None = None,
        batch: int = 1,
    ) -> GraphSession:
        """A graph's session, loaded when first needed; `scene_tokens` None = as many as there may be."""
        provider = provider or self.provider
        key = (role, people, frames, branches, scene_tokens, provider.precision, batch)
        with self._loading:
            if key not in self._sessions:
                self._sessions[key] = GraphSession.load(
                    self.bundle, role, provider, people, frames, branches, scene_tokens, batch
                )
            return self._sessions[key]
