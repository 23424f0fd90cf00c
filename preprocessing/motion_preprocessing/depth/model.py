"""Runs any monocular depth model that was exported to ONNX: a picture in, a map out.

Models of this kind differ in little: the size they take, how colours are scaled, what the numbers mean. The first is
read from the graph, the others are said by the caller; nothing is guessed from a file's name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.depth.maps import KINDS, DepthMap
from motion_preprocessing.depth.resize import resize_map
from motion_preprocessing.errors import InputError

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class DepthModelConfig:
    """How pictures are brought to a model."""

    kind: str
    """What the model's numbers are: one of `maps.KINDS` but 'points'."""
    unit_m: float = 1.0
    """Metres of one unit, for metric kinds."""
    short_side: int = 518
    """Pixels of the shorter side, where the graph leaves its size open."""
    multiple: int = 14
    """The sides are rounded to multiples of this, where the graph leaves its size open: the patch of the network."""
    mean: tuple[float, float, float] = IMAGENET_MEAN
    """Taken off each colour in 0..1."""
    std: tuple[float, float, float] = IMAGENET_STD
    """Each colour is divided by this."""
    output: str = ""
    """Name of the output that is the map; '' takes the first."""
    threads: int = 0
    """Of the CPU; 0 leaves it to ONNX Runtime."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS or self.kind == "points":
            known = ", ".join(kind for kind in KINDS if kind != "points")
            raise InputError(f"expected a kind of {known}, got '{self.kind}' for a depth model; name its kind")
        if self.short_side < 1 or self.multiple < 1 or min(self.std) <= 0:
            raise InputError(
                f"expected sizes and deviations above 0, got {self.short_side}, {self.multiple}, {self.std} for a "
                "depth model; correct them"
            )


class DepthModel:
    """A loaded model."""

    def __init__(self, session: Any, config: DepthModelConfig, name: str) -> None:
        self._session = session
        self.config = config
        self.name = name
        inputs = session.get_inputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        colours_first = len(shape) == 4 and (shape[1] == 3 or not isinstance(shape[1], int))
        if not colours_first or inputs[0].type not in ("tensor(float)", "tensor(float16)"):
            said = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
            raise InputError(f"expected one input of floats (1, 3, H, W), got {said} for {name}; export it so")
        self._input = inputs[0].name
        self._dtype = np.float16 if inputs[0].type == "tensor(float16)" else np.float32
        self._height, self._width = (n if isinstance(n, int) else None for n in shape[2:])
        outputs = [output.name for output in session.get_outputs()]
        if config.output and config.output not in outputs:
            raise InputError(f"expected one of {', '.join(outputs)}, got output '{config.output}' for {name}; name one")
        self._output = config.output or outputs[0]

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], config: DepthModelConfig, *, providers: Sequence[str] = ()
    ) -> DepthModel:
        """Load an .onnx file.

        Args:
            path: The model; weights in a file of their own lie beside it.
            config: How pictures are brought to it.
            providers: ONNX Runtime's, in order; the CPU alone by default.

        Raises:
            InputError: The file is missing, no model, or takes something else than pictures.
        """
        import onnxruntime

        path = Path(path)
        if not path.is_file():
            raise InputError(f"expected an ONNX model, got no file for {path}; check the path")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = config.threads
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(
                str(path), options, providers=list(providers) or ["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions share no base class
            said = " ".join(str(error).split())[:160]
            raise InputError(f"expected an ONNX model, got '{said}' for {path}; export it again") from error
        return cls(session, config, str(path))

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height at which a picture of this size is shown to the model."""
        scale = self.config.short_side / min(width, height)
        step = self.config.multiple
        wide, high = (max(round(side * scale / step), 1) * step for side in (width, height))
        return self._width or wide, self._height or high

    def run(self, image: NDArray[np.uint8]) -> DepthMap:
        """Return the map of a picture (H, W, 3), red green blue, at the picture's size."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise InputError(f"expected bytes (H, W, 3), got {image.dtype} {image.shape} for a picture; convert it")
        height, width = image.shape[:2]
        tensor = self.prepared(image)
        try:
            (result,) = self._session.run([self._output], {self._input: tensor})
        except Exception as error:  # as above
            said = " ".join(str(error).split())[:160]
            raise InputError(
                f"expected the model to take {tensor.shape}, got '{said}' for {self.name}; choose the size it was "
                "exported for"
            ) from error
        values = np.asarray(result, dtype=np.float64)
        # (1, H, W), (1, 1, H, W) and (1, H, W, 1) all occur.
        while values.ndim > 2 and 1 in (values.shape[0], values.shape[-1]):
            values = values[0] if values.shape[0] == 1 else values[..., 0]
        if values.ndim != 2:
            raise InputError(
                f"expected a map (H, W), got {np.shape(result)} for the output {self._output} of {self.name}; name the "
                "output that is the map"
            )
        return DepthMap(resize_map(values, width, height), self.config.kind, self.config.unit_m, self.name)

    def prepared(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the picture as the model takes it, (1, 3, h, w)."""
        width, height = self.input_size(image.shape[1], image.shape[0])
        planes = [resize_map(image[..., channel].astype(np.float64), width, height) for channel in range(3)]
        mean, std = np.array(self.config.mean), np.array(self.config.std)
        colours = (np.stack(planes) / 255.0 - mean[:, None, None]) / std[:, None, None]
        return np.ascontiguousarray(colours[None], dtype=self._dtype)
