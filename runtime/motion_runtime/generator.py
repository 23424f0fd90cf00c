"""The generator: a request in, a motion out.

    prompts ---> tokens ---> text embeddings ---+
    people ------------------------------------ condition graph, with and without ---> denoising loop ---> pose vectors
    room ---> canonical frame ---> scene tokens +                                                              |
                                                                                                               v
    Motion in the room <--- room frame <--- forward kinematics: exact bone lengths <--- one body fitted to each pose

The model works in the canonical frame: at the start the first person stands over the origin and faces +x, floor z = 0.
`placement` chooses where in the room that frame stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import BundleError, InputError
from motion_preprocessing.groups import GROUP_SIZE, SceneTokens
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import POSE_DIM, fit_body
from motion_runtime.bundle import Bundle
from motion_runtime.conditioning import KernelShape, condition_inputs, key_bias, no_scene, padded
from motion_runtime.low_pass import low_pass
from motion_runtime.manifest import CONDITION, STEP, TEXT_ENCODER
from motion_runtime.motion import GenerationRequest, Motion
from motion_runtime.placement import Placement, Room, choose_placement
from motion_runtime.sampler import StepKernel, philox_noise, plan_steps, sample
from motion_runtime.schedule import NoiseSchedule
from motion_runtime.session import GraphSession, Provider, choose_provider
from motion_runtime.tokenizer import PromptTokenizer

Floats = NDArray[np.float32]

MIN_FRAMES: Final = 4
"""The fewest of which every figure of `motion_preprocessing.metrics` can be measured."""


@dataclass(frozen=True)
class Prediction:
    """What the network says, before a body is fitted to it."""

    pose_vectors: Floats
    """(P, T, 258) in metres, in the canonical frame; positions and rotations need not agree."""
    placement: Placement
    """Where the canonical frame stands in the room."""
    sampler: str
    """Sampler in use."""
    steps: int
    """Denoising steps."""
    guidance: float
    """Scale of classifier-free guidance."""


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
        self._sessions: dict[tuple[str, int, int, int], GraphSession] = {}
        self._room: Room | None = None

    @classmethod
    def load(cls, bundle: Path | str | None = None, provider: str = "auto") -> Generator:
        """Open a bundle and choose where to run it.

        Args:
            bundle: The bundle's folder; None = the one that comes with the package.
            provider: 'auto', 'cpu' or 'cuda'.

        Raises:
            BundleError: The bundle is incomplete, altered or of a newer format.
            ProviderError: The provider is unknown or does not work here.
        """
        chosen = choose_provider(provider)
        return cls(Bundle.open(None if bundle is None else Path(bundle)), chosen)

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
        steady = low_pass(made.pose_vectors, request.low_pass_s * fps)
        joints, rotations, root = _pose_in_room(steady, made.placement)
        return Motion(
            joints_m=joints,
            local_rotations=rotations,
            root_position_m=root,
            fps=fps,
            person_classes=request.person_classes,
            prompts=request.prompt_of_each,
            seed=request.seed,
            sample=request.sample,
            sampler=made.sampler,
            steps=made.steps,
            guidance=made.guidance,
            room_from_canonical=made.placement.room_from_canonical,
        )

    def split_prompt(self, prompt: str) -> tuple[str, str]:
        """Split a prompt, cleaned, into what the model reads and what is beyond its context, '' for most prompts.

        Raises:
            InputError: The prompt is empty, too long, or not Unicode text.
        """
        return self._tokenizer.split(prompt)

    def predict(self, request: GenerationRequest, progress: Callable[[int, int], None] | None = None) -> Prediction:
        """Run the network only, before one body is fitted to what it says; arguments and errors of `generate`."""
        manifest = self.bundle.manifest
        default = manifest.default
        sampler = default.sampler if request.sampler is None else request.sampler
        steps = default.steps if request.steps is None else request.steps
        guidance = default.guidance if request.guidance is None else request.guidance
        plan = plan_steps(self._schedule, sampler, steps, guidance=guidance, eta=request.eta)

        frames = self._frames(request.seconds)
        shape = self._kernel_shape(request.persons, frames)
        room = self._room_of(request)
        placement = choose_placement(request, room)
        scene = self._scene_tokens(room, placement, shape)
        kernel = self._bind(request, shape, frames, scene)

        def noise(draw: int) -> Floats:
            # Drawn in the request's own size, so that it does not depend on which kernel serves it.
            size = (request.persons, frames, manifest.pose_dim)
            return padded(philox_noise(request.seed, request.sample, draw, size), shape)

        clean = sample(kernel, plan, noise, progress)[0, : request.persons, :frames]  # (p, t, D)
        if not np.isfinite(clean).all():
            raise BundleError(
                f"expected numbers, got NaN or infinity from the network of {self.bundle.folder}; "
                "check the bundle, or try --provider cpu"
            )
        return Prediction(manifest.normaliser.denormalise(clean), placement, sampler, steps, guidance)

    def _bind(self, request: GenerationRequest, shape: KernelShape, frames: int, scene: SceneTokens) -> StepKernel:
        """Embed the conditions, with and without, and give the step kernel that has them."""
        classes = self._class_rows(request.person_classes)
        text = np.concatenate([self._embed(prompt) for prompt in request.prompt_of_each])  # (p, Dt)
        both = [
            self._session(CONDITION, shape.people).run(condition_inputs(shape, text, classes, scene, keep=keep))
            for keep in (True, False)
        ]
        prefix, person = (np.concatenate(parts) for parts in zip(*both, strict=True))  # (2, P+S, d), (2, P, d)
        bias = np.tile(key_bias(shape, request.persons, frames, scene.mask), (2, 1))  # (2, N)
        session = self._session(STEP, shape.people, shape.frames, branches=2)

        def kernel(x: Floats, x0_prev: Floats, noise: Floats, t: int, coefficients: Floats) -> tuple[Floats, Floats]:
            x_next, x0 = session.run(
                {
                    "x": x,
                    "x0_prev": x0_prev,
                    "noise": noise,
                    "t": np.array([t], np.float32),
                    "coefficients": coefficients,
                    "prefix": prefix,
                    "person": person,
                    "key_bias": bias,
                }
            )
            return x_next, x0

        return kernel

    def _frames(self, seconds: float) -> int:
        """Number of frames of a motion."""
        fps = self.bundle.manifest.fps
        frames = round(seconds * fps)
        if frames < MIN_FRAMES:
            raise InputError(f"expected at least {MIN_FRAMES / fps:g} s, got {seconds:g} s; ask for a longer motion")
        return frames

    def _kernel_shape(self, persons: int, frames: int) -> KernelShape:
        """Shape of the smallest step kernel that covers the request."""
        people, longest = self.bundle.smallest_kernel(persons, frames)
        return KernelShape(people, longest, self.bundle.manifest.scene_tokens)

    def _class_rows(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        """Rows of the class table, (p,)."""
        table = self.bundle.manifest.person_classes
        for name in names:
            if name not in table:
                raise InputError(f"expected one of {', '.join(table)}, got '{name}' for the class of a person")
        return np.array([table.index(name) for name in names], np.int64)

    def _room_of(self, request: GenerationRequest) -> Room | None:
        """The request's room; what was worked out for the last one is kept, since samples mostly share it."""
        if request.scene is None:
            return None
        if self._room is None or self._room.scene is not request.scene:
            self._room = Room(request.scene)
        return self._room

    def _scene_tokens(self, room: Room | None, placement: Placement, shape: KernelShape) -> SceneTokens:
        """Scene tokens in the canonical frame, with object classes as rows of the bundle's table."""
        if room is None or shape.scene_tokens == 0:
            return no_scene(shape, GROUP_SIZE)
        manifest = self.bundle.manifest
        return room.tokens(placement, manifest.object_classes, manifest.scene_tokens, manifest.scene_radius_m)

    def _embed(self, prompt: str) -> Floats:
        """Text embedding (1, Dt) of a prompt."""
        (embedding,) = self._session(TEXT_ENCODER).run({"tokens": self._tokenizer.encode(prompt)})
        return embedding

    def _session(self, role: str, people: int = 0, frames: int = 0, branches: int = 0) -> GraphSession:
        """A graph's session, loaded when first needed."""
        key = (role, people, frames, branches)
        if key not in self._sessions:
            self._sessions[key] = GraphSession.load(self.bundle, role, self.provider, people, frames, branches)
        return self._sessions[key]


def _pose_in_room(x: NDArray[np.float64], placement: Placement) -> tuple[Floats, Floats, Floats]:
    """Read pose vectors (p, t, 258) as bodies in the room: joints, local rotations and root positions.

    The network's joints need not agree with its rotations; forward kinematics of one fitted body gives bones that keep
    their lengths. Worked in float64, rounded once at the end.
    """
    rotations, root = fit_body(x)
    rotations[..., 0, :, :] = placement.rotation @ rotations[..., 0, :, :]
    root = placement.to_room(root)
    joints, _ = forward_kinematics(rotations, root)
    return joints.astype(np.float32), rotations.astype(np.float32), root.astype(np.float32)
