"""Modelled furniture read from a folder: `furniture.npz` (points) and `furniture.json` (what they are)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.furnishing.item import Item
from motion_preprocessing.labels import OBJECT_CLASSES

Split = Literal["train", "validation", "test"]

SEATS: Final = frozenset({"chair", "sofa", "stool", "wheelchair", "toilet"})
_NOT_USED: Final = frozenset({"bunk", "mezzanine", "urinal", "bidet", "child", "corner", "ceiling", "hanging", "hood"})
"""Kinds nobody here sits or lies on, or that hang overhead."""
_HELD_OUT_OF_HASH: Final = (15, 25)
"""Of a hundred hash values, those below the first are test items, those below the second validation items."""


@cache
def _held_out() -> dict[str, Split]:
    table = json.loads(files("motion_preprocessing").joinpath("furnishing/held_out.json").read_text(encoding="utf-8"))
    found: dict[str, Split] = dict.fromkeys(table["validation"], "validation")
    found.update(dict.fromkeys(table["test"], "test"))
    known: dict[str, Split] = dict.fromkeys(table["train"], "train")
    return known | found


def split_of(item_id: str) -> Split:
    """Return the split an item belongs to: by the committed table, or else by the hash of its id."""
    listed = _held_out().get(item_id)
    if listed is not None:
        return listed
    number = int(hashlib.sha256(item_id.encode()).hexdigest()[:8], 16) % 100
    test, validation = _HELD_OUT_OF_HASH
    return "test" if number < test else "validation" if number < validation else "train"


@dataclass(frozen=True)
class Model:
    """One item of the library, in the project's item frame, centred on its outline."""

    id: str
    object_class: str
    points_m: NDArray[np.float32]
    """(M, 3) points visible from outside."""
    size_m: NDArray[np.float64]
    """(3,) along x (front), y, z."""
    base_m: float
    """Height of its lowest point above the floor."""
    support_m: float | None
    """Height of seat, mattress or top."""
    contact_m: NDArray[np.float64]
    """(2, 2) least and greatest x, y of the seat's or mattress' surface."""

    def scaled(self, factors: NDArray[np.float64], rng: np.random.Generator, per_m2: float) -> Item:
        """Return it with its three axes scaled, as a thinned cloud."""
        size = self.size_m * factors
        area = 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
        count = min(len(self.points_m), max(60, int(0.8 * area * per_m2)))
        # Points of the file are in no order: a run of them is as random as any choice, and cheap.
        start = int(rng.integers(len(self.points_m) - count + 1))
        points = self.points_m[start : start + count] * factors.astype(np.float32)
        points[:, 2] += np.float32(self.base_m)
        half = size / 2
        low = np.array([-half[0], -half[1], self.base_m])
        high = np.array([half[0], half[1], self.base_m + size[2]])
        support = None if self.support_m is None else self.support_m * float(factors[2])
        return Item(self.object_class, points, low, high, support, self.id)


class FurnitureLibrary:
    """The items of one split."""

    def __init__(self, models: list[Model]) -> None:
        self.models = models
        self.by_class: dict[str, list[Model]] = {}
        for model in models:
            self.by_class.setdefault(model.object_class, []).append(model)

    def __len__(self) -> int:
        return len(self.models)

    def with_support(self, classes: frozenset[str], height_m: float, stretch: float) -> list[Model]:
        """Return items of these classes whose seat, mattress or top can be brought to a height by this factor."""
        return [
            model
            for name in sorted(classes)
            for model in self.by_class.get(name, [])
            if model.support_m is not None and 1 / stretch <= height_m / model.support_m <= stretch
        ]

    @classmethod
    def open(cls, folder: Path, split: Split = "train") -> FurnitureLibrary:
        """Read the items of a split.

        Raises:
            InputError: The folder does not hold a furniture library.
        """
        try:
            about = json.loads((folder / "furniture.json").read_text(encoding="utf-8"))["items"]
            with np.load(folder / "furniture.npz", allow_pickle=False) as content:
                points = np.asarray(content["points"], dtype=np.float32)
                outer = np.unpackbits(content["outer"], axis=1, count=points.shape[1]).astype(bool)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"expected furniture.npz and furniture.json, got {type(error).__name__} for {folder}; name the folder "
                "of the furniture library"
            ) from error
        chosen = [k for k, item in enumerate(about) if split_of(item["id"]) == split]
        return cls([_model(about[k], points[k], outer[k]) for k in chosen if _usable(about[k])])


def _usable(about: dict[str, object]) -> bool:
    return str(about["subclass"]) not in _NOT_USED and str(about["class"]) in OBJECT_CLASSES


def _model(about: dict[str, object], points: NDArray[np.float32], outer: NDArray[np.bool_]) -> Model:
    # Front -y of the file is +x here.
    turned = np.stack([-points[:, 1], points[:, 0], points[:, 2]], axis=1)
    if about["class"] == "bed" and np.ptp(turned[:, 0]) < np.ptp(turned[:, 1]):
        turned = points  # a day bed shows its side; beds lie along x here
    shuffled = turned[np.random.Generator(np.random.Philox(key=len(turned))).permutation(len(turned))]
    seen = outer[np.random.Generator(np.random.Philox(key=len(turned))).permutation(len(turned))]
    low, high = turned.min(axis=0).astype(np.float64), turned.max(axis=0).astype(np.float64)
    name = str(about["class"])
    height = about["seat_height_m"]
    support = float(height) if isinstance(height, int | float) else None
    if support is None and name in ("table", "desk", "nightstand", "cabinet", "sink"):
        support = float(high[2])
    if support is None and name == "toilet":
        support = _seat_of_toilet(turned)
    elevation = float(about.get("elevation_m", 0.0) or 0.0)  # type: ignore[arg-type]
    if name == "tv":
        elevation = max(elevation, 0.9)
    flat = turned[np.abs(turned[:, 2] - support) < 0.04] if support is not None else turned
    if len(flat) < 30:
        flat = turned
    contact = np.stack([np.percentile(flat[:, :2], 6, axis=0), np.percentile(flat[:, :2], 94, axis=0)])
    return Model(str(about["id"]), name, shuffled[seen], high - low, elevation, support, contact.astype(np.float64))


def _seat_of_toilet(points: NDArray[np.float32]) -> float:
    """The front part of a toilet reaches as high as its seat; the cistern stands behind."""
    front = points[points[:, 0] > np.percentile(points[:, 0], 60)]
    return float(np.percentile(front[:, 2], 97))
