"""What a training run is set to: frozen dataclasses, read from a TOML file and from flags.

A file holds one table a section, a flag one value:

    [optimiser]                       --set optimiser.lr=2e-4
    lr = 1e-4

Later settings win (defaults, file, flags). Every key must be known and every value of its declared type; the resolved
configuration is written beside each checkpoint as plain JSON and read back by `from_dict`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from motion_preprocessing.errors import InputError
from motion_train.denoiser import DenoiserConfig
from motion_train.losses import LossConfig
from motion_train.teacher import TeacherConfig

Config = TypeVar("Config")


@dataclass(frozen=True)
class DataConfig:
    """Where the windows of motion come from and how they are drawn."""

    dataset: str = ""
    """Folder of the processed motion dataset."""
    text_tower: str = ""
    """Folder of the frozen text tower whose embeddings condition the denoiser."""
    furniture: str = ""
    """Folder of modelled furniture to furnish windows with, beside what is made by rule; '' = only the latter."""
    batch_size: int = 32
    """Windows a step and device."""
    people: int = 4
    """Most persons of a sample; the number is drawn for each batch."""
    windows: int = 6000
    """Windows made before the training starts, from which batches are drawn."""
    identities: int = 16
    """Rows of the identity table to draw from."""
    frames: int = 120
    """Frames T of a window; shorter sequences are masked."""
    min_frames: int = 40
    """Shortest window that is drawn."""
    short_fraction: float = 0.4
    """Share of the windows that are shorter than `frames`, of any length down to `min_frames`."""
    join_fraction: float = 0.75
    """Share of the clips too short for their window that are continued by another clip; the others are masked."""
    scene_tokens: int = 24
    """Groups S of object points a window has room for; unused ones are masked."""
    scene_radius_m: float = 4.0
    """Object points farther than this from the window's origin are left out."""
    scene_fraction: float = 0.7
    """Share of the windows that stand in a scene."""
    pair_fraction: float = 0.25
    """Share of the batches whose samples hold more than one person, where `people` allows it."""
    topic_fraction: float = 0.7
    """Share of the windows cut around an event that was drawn by its kind; the others are cut anywhere."""
    paraphrases: int = 2
    """Each caption is also given in so many other wordings, of which one is drawn with the motion."""
    mirror_fraction: float = 0.5
    """Share of the windows whose left and right (motion and words) are exchanged."""
    measured_caption_fraction: float = 0.5
    """Share of the windows described by a sentence measured on them; the others keep a caption of their clip."""

    def __post_init__(self) -> None:
        _positive(self, "data", "batch_size", "people", "windows", "identities", "frames", "min_frames")
        _positive(self, "data", "scene_tokens", "scene_radius_m")
        if self.min_frames > self.frames:
            raise InputError(
                f"expected data.min_frames <= data.frames, got {self.min_frames} and {self.frames}; change one"
            )
        _not_negative(self, "data", "paraphrases")
        shares = ("scene_fraction", "pair_fraction", "topic_fraction", "mirror_fraction", "measured_caption_fraction")
        _fraction(self, "data", "short_fraction", "join_fraction", *shares)


@dataclass(frozen=True)
class DiffusionConfig:
    """The forward process."""

    schedule: Literal["cosine", "linear"] = "cosine"
    """Noise schedule."""
    steps: int = 1000
    """Diffusion steps K."""

    def __post_init__(self) -> None:
        _positive(self, "diffusion", "steps")


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW, its learning rate over the run, and the moving average of the weights."""

    lr: float = 2e-4
    """Peak learning rate, reached after the warm-up."""
    min_lr_ratio: float = 0.02
    """The cosine ends at this share of `lr`."""
    warmup_steps: int = 500
    """Steps of linear warm-up."""
    schedule_by: Literal["steps", "time"] = "steps"
    """What drives the cosine: the share of `run.steps` done, or of `run.max_minutes` gone (not reproducible)."""
    beta1: float = 0.9
    """Decay of the gradient's running mean."""
    beta2: float = 0.99
    """Decay of the squared gradient's running mean."""
    weight_decay: float = 0.01
    """Decoupled weight decay of matrices; vectors (biases, norms) have none."""
    clip_norm: float = 1.0
    """Largest global gradient norm; 0 turns clipping off."""
    ema_decay: float = 0.999
    """Decay of the moving average of the weights, approached from below in the first steps."""

    def __post_init__(self) -> None:
        _positive(self, "optimiser", "lr")
        _not_negative(self, "optimiser", "warmup_steps", "weight_decay", "clip_norm")
        _fraction(self, "optimiser", "min_lr_ratio", "beta1", "beta2", "ema_decay")


@dataclass(frozen=True)
class RunConfig:
    """Length of the run, its randomness, and what is written when."""

    initial: str = ""
    """Run whose weights this one began with, and whose normaliser it keeps; '' = it began from nothing."""
    seed: int = 0
    """Every random number of the run is a function of this, the step and the process."""
    steps: int = 100_000
    """Optimiser steps of the whole run, those before a resume included."""
    max_minutes: float = 0.0
    """Minutes of the whole run, those before a resume included; 0 sets no limit."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` is bf16 autocast on a CUDA device that has it, else fp32."""
    threads: int = 0
    """CPU threads of torch; 0 is as many as the process is granted."""
    log_every: int = 50
    """Steps between two lines of the log."""
    validate_every: int = 500
    """Steps between two validations; 0 leaves only the one at the end."""
    validation_batches: int = 8
    """Batches of a validation; their windows and noise are the same each time. 0 turns validation off."""
    checkpoint_every: int = 1000
    """Steps between two checkpoints; one is also written when the validation improves and at the end."""
    keep_checkpoints: int = 2
    """Newest checkpoints to keep, besides the best."""

    def __post_init__(self) -> None:
        _positive(self, "run", "steps", "log_every", "checkpoint_every", "keep_checkpoints")
        _not_negative(self, "run", "seed", "max_minutes", "threads", "validate_every", "validation_batches")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a training run of the denoiser depends on, apart from the code."""

    model: DenoiserConfig = field(default_factory=DenoiserConfig)
    """Size of the denoiser."""
    data: DataConfig = field(default_factory=DataConfig)
    """Motion windows."""
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    """Forward process."""
    loss: LossConfig = field(default_factory=LossConfig)
    """Loss weights and condition dropout."""
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    """Batches whose target is another model's answer."""
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    """Optimiser and moving average."""
    run: RunConfig = field(default_factory=RunConfig)
    """Length, seed, logging and checkpoints."""

    def __post_init__(self) -> None:
        if not self.data.people <= self.data.identities <= self.model.identities:
            raise InputError(
                f"expected data.people <= data.identities <= model.identities, got {self.data.people}, "
                f"{self.data.identities} and {self.model.identities}; every person of a sample needs a row of its own"
            )
        if self.teacher.share and not self.run.initial:
            raise InputError("expected a run to learn from, got none for teacher.share; give --init")
        if self.optimiser.schedule_by == "time" and self.run.max_minutes <= 0:
            raise InputError(
                "expected run.max_minutes above 0, got 0 for optimiser.schedule_by = 'time'; give --max-minutes"
            )


def load(
    path: Path | None,
    settings: Iterable[str] = (),
    flags: Mapping[str, Any] | None = None,
    base: TrainConfig | None = None,
) -> TrainConfig:
    """Resolve the denoiser's configuration; arguments and errors of `resolve`."""
    return resolve(TrainConfig, path, settings, flags, base)


def resolve(
    kind: type[Config],
    path: Path | None,
    settings: Iterable[str] = (),
    flags: Mapping[str, Any] | None = None,
    base: Config | None = None,
) -> Config:
    """Resolve a configuration, each overriding what stands before it.

    Args:
        kind: A dataclass of sections.
        path: TOML file, or None.
        settings: Lines 'section.key=value'.
        flags: Values by 'section.key'.
        base: What stands before all these; None for the defaults.

    Raises:
        InputError: The file is no TOML, or a key or value is not one of `kind`'s.
    """
    values: dict[str, Any] = {} if base is None else to_dict(base)
    if path is not None:
        _merge(values, read_toml(path))
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"expected section.key=value, got '{setting}' for --set; write e.g. optimiser.lr=1e-4")
        _merge(values, _nested(key.strip(), _value_of(text.strip())))
    for key, value in (flags or {}).items():
        _merge(values, _nested(key, value))
    return from_dict(kind, values)


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        InputError: It cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror
        raise InputError(f"expected a TOML file, got '{path}' ({reason}) for --config; check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"expected TOML, got '{path}' ({reason}) for --config; mend that line") from None


def from_dict(
    kind: type[Config], values: Mapping[str, Any], where: str = "", owner: str = "the configuration"
) -> Config:
    """Build the dataclass `kind` from nested mappings.

    Args:
        kind: A dataclass, its fields dataclasses or plain values.
        values: By key.
        where: Section that the keys stand in, for messages.
        owner: What holds the values, for messages.

    Raises:
        InputError: A key is unknown or missing, or a value of the wrong type or out of range.
    """
    hints = typing.get_type_hints(kind)
    known = [f.name for f in dataclasses.fields(kind)]  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{where}.{key}" if where else key
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise InputError(
                f"expected a known key, got '{name}' for {owner}; did you mean "
                f"'{f'{where}.{nearest}' if where else nearest}'?"
            )
        arguments[key] = _convert(hints[key], value, name, owner)
    required = (f for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING)  # type: ignore[arg-type]
    if missing := next((f.name for f in required if f.name not in values), None):
        name = f"{where}.{missing}" if where else missing
        raise InputError(f"expected the key '{name}', got none for {owner}; add it")
    try:
        return kind(**arguments)
    except ValueError as error:
        raise InputError(f"{error} for [{where or 'the configuration'}]; correct it") from None


def to_dict(config: Any) -> dict[str, Any]:
    """Nested plain dictionaries, ready for JSON."""
    return dataclasses.asdict(config)


def read_json(kind: type[Config], path: Path) -> Config:
    """Read a configuration that `to_dict` and JSON wrote.

    Raises:
        InputError: The file cannot be read or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"expected a saved configuration, got '{path}' ({error}); the run is damaged") from None
    if not isinstance(values, dict):
        raise InputError(f"expected a saved configuration, got other JSON for '{path}'; the run is damaged")
    return from_dict(kind, values, owner=f"'{path}'")


def differences(old: Any, new: Any) -> list[str]:
    """Lines 'section.key: old -> new' for all that differs between two configurations of one kind."""
    before, after = _flatten(to_dict(old)), _flatten(to_dict(new))
    return [f"{key}: {before.get(key)} -> {after[key]}" for key in after if before.get(key) != after[key]]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _nested(key: str, value: Any) -> dict[str, Any]:
    """{'a': {'b': value}} for 'a.b'."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _value_of(text: str) -> Any:
    """Read the value of a flag as TOML, so '1e-4', 'true' and '[1, 2]' have types; a bare word is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _convert(hint: Any, value: Any, name: str, owner: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise InputError(f"expected a table, got {value!r} for {name}; write [{name}] with one line a key")
        return from_dict(hint, value, name, owner)
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value in choices:
            return value
        listed = ", ".join(map(str, choices))
        raise InputError(f"expected one of {listed}, got {value!r} for {name}; choose one of these")
    # bool is an int and an int is a float in Python: only the second of these is meant here.
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    expected = getattr(hint, "__name__", str(hint))
    raise InputError(f"expected {expected}, got {value!r} for {name}; correct its type")


def _positive(config: object, section: str, *names: str) -> None:
    for name in names:
        if not getattr(config, name) > 0:
            raise InputError(f"expected a number above 0, got {getattr(config, name)} for {section}.{name}; raise it")


def _not_negative(config: object, section: str, *names: str) -> None:
    for name in names:
        if not getattr(config, name) >= 0:
            raise InputError(f"expected 0 or more, got {getattr(config, name)} for {section}.{name}; raise it")


def _fraction(config: object, section: str, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            raise InputError(f"expected 0 to 1, got {getattr(config, name)} for {section}.{name}; correct it")
