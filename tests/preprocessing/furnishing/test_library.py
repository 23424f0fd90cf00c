"""The furniture library: what is read, how it is turned, who may see it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_preprocessing.furnishing.library import FurnitureLibrary, split_of

SPLITS = ("train", "validation", "test")


def write_library(folder: Path, ids: list[str]) -> Path:
    """Chairs .5 wide, .6 deep (front towards -y), seat at .45, back rest up to .9."""
    rng = np.random.default_rng(0)
    seat = np.column_stack([rng.uniform(-0.25, 0.25, 3000), rng.uniform(-0.3, 0.3, 3000), np.full(3000, 0.45)])
    back = np.column_stack([rng.uniform(-0.25, 0.25, 1096), np.full(1096, 0.3), rng.uniform(0.45, 0.9, 1096)])
    legs = rng.uniform(size=(4, 1)) * [0, 0, 0.45] + [
        [-0.25, -0.3, 0],
        [0.25, -0.3, 0],
        [-0.25, 0.3, 0],
        [0.25, 0.3, 0],
    ]
    legs[0, 2] = 0.0
    points = np.concatenate([legs, seat, back])[:4096].astype(np.float16)
    outer = np.packbits(np.ones((len(ids), 4096), dtype=np.uint8), axis=1)
    np.savez(folder / "furniture.npz", points=np.stack([points] * len(ids)), outer=outer)
    items = [
        {"id": name, "class": "chair", "subclass": "dining", "seat_height_m": 0.45, "elevation_m": 0.0} for name in ids
    ]
    (folder / "furniture.json").write_text(json.dumps({"items": items}), encoding="utf-8")
    return folder


def test_each_item_is_in_one_split(tmp_path):
    ids = [f"maker/{k}:chair" for k in range(60)]
    write_library(tmp_path, ids)
    found = [{model.id for model in FurnitureLibrary.open(tmp_path, split).models} for split in SPLITS]
    assert sorted(set().union(*found)) == sorted(ids)
    assert sum(map(len, found)) == 60
    assert all(found)  # of sixty by hash, some in each


def test_items_face_x_and_are_scaled_to_a_height(tmp_path):
    name = next(f"maker/{k}:chair" for k in range(60) if split_of(f"maker/{k}:chair") == "train")
    write_library(tmp_path, [name])
    (model,) = FurnitureLibrary.open(tmp_path).models
    np.testing.assert_allclose(model.size_m, [0.6, 0.5, 0.9], atol=2e-3)
    item = model.scaled(np.array([1.0, 1.0, 0.5 / 0.45]), np.random.default_rng(0), 800.0)
    assert item.support_m == pytest.approx(0.5)
    high = item.points_m[item.points_m[:, 2] > 0.6]
    np.testing.assert_allclose(high[:, 0], -0.3, atol=2e-3)  # the back rest is behind
    assert item.high_m[2] == pytest.approx(1.0, abs=2e-3)
    (x0, y0), (x1, y1) = model.contact_m
    np.testing.assert_allclose([x0, x1, y0, y1], [-0.27, 0.27, -0.22, 0.22], atol=0.03)
    library = FurnitureLibrary([model])
    assert library.with_support(frozenset({"chair"}), 0.5, 1.2) == [model]
    assert library.with_support(frozenset({"chair"}), 0.6, 1.2) == []
    assert library.with_support(frozenset({"bed"}), 0.5, 1.2) == []


def test_a_folder_without_a_library_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected furniture.npz and furniture.json"):
        FurnitureLibrary.open(tmp_path)


@pytest.mark.shared
def test_the_modelled_furniture(shared_data):
    folder = shared_data / "furniture"
    every = json.loads((folder / "furniture.json").read_text(encoding="utf-8"))["items"]
    libraries = {split: FurnitureLibrary.open(folder, split) for split in SPLITS}
    seen = [model.id for library in libraries.values() for model in library.models]
    assert len(seen) == len(set(seen))
    assert set(seen) <= {item["id"] for item in every}
    for name in ("chair", "bed", "table"):
        assert all(library.by_class[name] for library in libraries.values())
    models = [model for library in libraries.values() for model in library.models]
    # Whatever is high on a chair is its back: behind the seat's middle.
    behind = [
        model.points_m[model.points_m[:, 2] > model.support_m + 0.25, 0].mean() < model.contact_m[:, 0].mean()
        for model in models
        if model.object_class in ("chair", "sofa") and model.support_m and model.size_m[2] > model.support_m + 0.3
    ]
    assert len(behind) > 50
    assert np.mean(behind) > 0.95
    for model in models:
        if model.object_class == "bed":  # lengthwise along x
            assert model.size_m[0] > 1.6
