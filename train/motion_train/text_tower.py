"""The text tower: one embedding a prompt, by open_clip's own text transformer.

Two sources, one class, so that training and export never ask which it is:

- `TextTower.pretrained` takes the text half of any plain CLIP that open_clip knows, by tag or from a local file. It is
  frozen, as the thesis has it.
- `TextTower.small` is the same architecture, small and untrained; `contrastive.py` trains it on motion and captions.

The embedding is CLIP's pooled projection, NOT normalised: the denoiser has its own projection, and the length of the
vector says something. A tower's folder holds `config.json`, `text_tower.safetensors` and `tokenizer.json`.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from motion_preprocessing.errors import InputError
from motion_runtime.tokenizer import PromptTokenizer
from motion_train import config as configuration
from motion_train.files import make_folder, write_json, write_tensors, write_text
from motion_train.open_clip_import import import_open_clip
from motion_train.tokenizer_build import tokenizer_json

CONFIG_FILE: Final = "config.json"
WEIGHTS_FILE: Final = "text_tower.safetensors"
TOKENIZER_FILE: Final = "tokenizer.json"

# What open_clip's configs may say beyond the plain CLIP tower. Anything else needs other code, mostly a download.
_PLAIN_TEXT_KEYS: Final = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"}


@dataclass(frozen=True)
class TextTowerConfig:
    """Everything that the shapes and the arithmetic of a tower depend on."""

    vocabulary_size: int
    """Token ids, the start and the end token included; the end token is the highest, as the pooling needs."""
    context_length: int = 32
    """Tokens a prompt, start and end included."""
    width: int = 160
    """Width of the tower's tokens."""
    heads: int = 5
    """Attention heads; must divide `width`."""
    layers: int = 3
    """Transformer layers."""
    mlp_ratio: float = 4.0
    """Hidden width of each layer's MLP over `width`."""
    output_dim: int = 256
    """Width Dt of the embedding."""
    quick_gelu: bool = False
    """x * sigmoid(1.702 x) in place of GELU: what OpenAI's own weights were trained with."""
    source: str = "small"
    """Where the weights come from, for the manifest."""

    def __post_init__(self) -> None:
        for name in ("vocabulary_size", "width", "heads", "layers", "output_dim"):
            if getattr(self, name) < 1:
                raise InputError(f"expected 1 or more, got {getattr(self, name)} for the text tower's {name}; raise it")
        if self.context_length < 3:
            raise InputError(
                f"expected at least 3, got {self.context_length} for the text tower's context_length; raise it"
            )
        if self.width % self.heads:
            raise InputError(
                f"expected a divisor of the width {self.width}, got {self.heads} for the text tower's heads; change one"
            )


class TextTower(nn.Module):
    """open_clip's text transformer behind one call: tokens (B, L) int64 -> embedding (B, Dt)."""

    def __init__(self, config: TextTowerConfig, tokenizer: str) -> None:
        """Build an untrained tower.

        Args:
            config: Its sizes.
            tokenizer: The text of the `tokenizer.json` it reads.
        """
        super().__init__()
        open_clip = import_open_clip()
        self.config = config
        self.tokenizer_text = tokenizer
        self._frozen = False
        self.transformer = open_clip.transformer.TextTransformer(
            context_length=config.context_length,
            vocab_size=config.vocabulary_size,
            width=config.width,
            heads=config.heads,
            layers=config.layers,
            mlp_ratio=config.mlp_ratio,
            output_dim=config.output_dim,
            pool_type="none",  # see encode
            act_layer=open_clip.transformer.QuickGELU if config.quick_gelu else nn.GELU,
        )

    @classmethod
    def small(cls, config: TextTowerConfig, tokenizer: str) -> TextTower:
        """An untrained tower of the given sizes that reads the given `tokenizer.json` text; seed torch first."""
        return cls(config, tokenizer)

    @classmethod
    def pretrained(
        cls, name: str, weights: Path | str, *, quick_gelu: bool | None = None, cache: Path | None = None
    ) -> TextTower:
        """The frozen text half of a CLIP.

        Args:
            name: A model of open_clip's list, for instance 'ViT-B-32'.
            weights: A local .pt, .bin or .safetensors file, or one of open_clip's tags (which downloads).
            quick_gelu: Overrides the activation; None takes what open_clip knows of the tag or model.
            cache: Where open_clip keeps downloads.

        Raises:
            InputError: The model or tag is unknown, no plain CLIP tower, or the file does not fit it.
        """
        open_clip = import_open_clip()
        model = open_clip.get_model_config(name)
        if model is None:
            raise InputError(
                f"expected a model that open_clip knows, got '{name}' for the text tower; "
                "see open_clip.list_models()"
            )
        text: dict[str, Any] = model["text_cfg"]
        if foreign := sorted(set(text) - _PLAIN_TEXT_KEYS):
            raise InputError(
                f"expected a plain CLIP text tower, got the settings {foreign} for '{name}'; choose another model"
            )
        path, tag_quick_gelu = _find_weights(name, weights, cache)
        if quick_gelu is None:
            quick_gelu = tag_quick_gelu if tag_quick_gelu is not None else bool(model.get("quick_gelu", False))
        config = TextTowerConfig(
            vocabulary_size=text.get("vocab_size", 49_408),
            context_length=text.get("context_length", 77),
            width=text["width"],
            heads=text["heads"],
            layers=text["layers"],
            mlp_ratio=text.get("mlp_ratio", 4.0),
            output_dim=model["embed_dim"],
            quick_gelu=quick_gelu,
            source=f"open_clip {name} {Path(weights).name}",
        )
        tower = cls(config, _clip_tokenizer())
        tower._load(_text_half(_read_state(path), set(tower.transformer.state_dict())), str(path))
        return tower.freeze()

    @classmethod
    def load(cls, folder: Path | str, *, frozen: bool = True) -> TextTower:
        """Read a folder that `save` wrote.

        Raises:
            InputError: A file is missing or does not fit.
        """
        folder = Path(folder)
        try:
            tokenizer = (folder / TOKENIZER_FILE).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InputError(
                f"expected a text tower's {CONFIG_FILE} and {TOKENIZER_FILE}, got {type(error).__name__} for {folder}; "
                "give the folder that 'motion-train text' or 'motion-train clip' wrote"
            ) from error
        tower = cls(configuration.read_json(TextTowerConfig, folder / CONFIG_FILE), tokenizer)
        tower._load(_read_state(folder / WEIGHTS_FILE), str(folder / WEIGHTS_FILE))
        return tower.freeze() if frozen else tower

    def save(self, folder: Path | str) -> None:
        """Write `config.json`, `text_tower.safetensors` and `tokenizer.json`, each renamed into place when whole.

        Raises:
            OutputError: A file cannot be written.
        """
        folder = Path(folder)
        make_folder(folder)
        write_tensors(folder / WEIGHTS_FILE, self._state())
        write_text(folder / TOKENIZER_FILE, self.tokenizer_text)
        write_json(folder / CONFIG_FILE, configuration.to_dict(self.config))

    @property
    def width(self) -> int:
        """Width Dt of the embedding."""
        return self.config.output_dim

    def prompt_tokenizer(self) -> PromptTokenizer:
        """The tokenizer whose ids this tower reads."""
        return PromptTokenizer.parse(self.tokenizer_text, self.config.context_length)

    def freeze(self) -> TextTower:
        """Take the weights out of training for good; dropout-free evaluation mode stays on."""
        self._frozen = True
        self.requires_grad_(False)
        return self.train(False)

    def train(self, mode: bool = True) -> TextTower:
        """Set the training mode; a frozen tower stays in evaluation mode."""
        super().train(mode and not self._frozen)
        return self

    def encode(self, tokens: Tensor) -> Tensor:
        """Tokens (B, L) int64 -> pooled projection (B, Dt), not normalised.

        The projection at the end token, CLIP's pooling; a gather, because open_clip's own indexing exports with a
        warning that it may be wrong for negative indices.
        """
        every: Tensor = self.transformer(tokens)  # (B, L, Dt)
        end = tokens.argmax(dim=-1)[:, None, None].expand(-1, 1, every.shape[-1])  # (B, 1, Dt)
        return every.gather(1, end)[:, 0]

    def forward(self, tokens: Tensor) -> Tensor:
        """The same as `encode`, for tracing."""
        return self.encode(tokens)

    def _state(self) -> dict[str, Tensor]:
        return cast(dict[str, Tensor], self.transformer.state_dict())

    def _load(self, state: dict[str, Tensor], origin: str) -> None:
        own = self._state()
        missing = sorted(set(own) - set(state))
        wrong = sorted(key for key in set(own) & set(state) if own[key].shape != state[key].shape)
        if missing or wrong or set(state) - set(own):
            first = (missing or wrong or sorted(set(state) - set(own)))[0]
            raise InputError(
                f"expected the weights of a text tower of width {self.config.width} with {self.config.layers} layers, "
                f"got others (first at '{first}') for {origin}; give the file that belongs to the model"
            )
        self.transformer.load_state_dict({key: value.float() for key, value in state.items()})


@cache
def _clip_tokenizer() -> str:
    return tokenizer_json()


def _find_weights(name: str, weights: Path | str, cache: Path | None) -> tuple[Path, bool | None]:
    """The file of a path or a tag, and the activation that belongs to the tag where open_clip knows it."""
    if Path(weights).is_file():
        return Path(weights), None
    open_clip = import_open_clip()
    tag = open_clip.get_pretrained_cfg(name, str(weights))
    if not tag:
        known = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise InputError(
            f"expected a file or a tag of '{name}' ({known}), got '{weights}' for the text tower's weights; choose one"
        )
    try:
        path = Path(open_clip.download_pretrained(tag, cache_dir=None if cache is None else str(cache)))
    except Exception as error:  # the hub client raises many kinds, none of them its public contract
        raise InputError(
            f"expected to download '{weights}' of '{name}', got '{type(error).__name__}' for the text tower's weights; "
            "check the network or give a local file"
        ) from error
    return path, bool(tag["quick_gelu"]) if "quick_gelu" in tag else None


def _read_state(path: Path) -> dict[str, Tensor]:
    """Tensors by name from .safetensors, a torch checkpoint or OpenAI's TorchScript archive; nothing is unpickled."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if _is_torchscript(path):
            return dict(torch.jit.load(str(path), map_location="cpu").state_dict())  # type: ignore[no-untyped-call]
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"expected weights, got no file for {path}; give the path of an existing file") from error
    except Exception as error:  # torch and safetensors raise many kinds for a broken file
        raise InputError(
            f"expected a readable weights file, got '{type(error).__name__}' for {path}; fetch the file again"
        ) from error
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise InputError(f"expected tensors by name, got {type(loaded).__name__} for {path}; give a checkpoint file")
    return {key: value for key, value in state.items() if isinstance(value, Tensor)}


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _text_half(state: dict[str, Tensor], names: set[str]) -> dict[str, Tensor]:
    """The text tower's tensors of a whole CLIP, whose keys may carry 'module.' (DDP) and 'text.' (CustomTextCLIP)."""
    half: dict[str, Tensor] = {}
    for key, value in state.items():
        short = key.removeprefix("module.").removeprefix("text.")
        if short in names:
            half[short] = value
    return half
