"""The bundle that comes with the package: whole, small enough, credited, and every graph loads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from motion_runtime.bundle import Bundle
from motion_runtime.session import GraphSession, Provider


@pytest.mark.usefixtures("default_bundle")
def test_is_whole_and_at_most_60_mb() -> None:
    bundle = Bundle.open()
    files = {path.name: path.stat().st_size for path in bundle.folder.iterdir()}
    assert set(files) == {*bundle.manifest.files, "manifest.json"}
    assert sum(files.values()) <= 60_000_000


@pytest.mark.usefixtures("default_bundle")
def test_serves_six_seconds_of_two_people() -> None:
    manifest = Bundle.open().manifest
    assert max(manifest.people) >= 2
    assert max(manifest.frames) / manifest.fps >= 6.0
    assert {"person", "staff", "patient"} <= set(manifest.person_classes)


def texts(value: Any) -> Iterator[str]:
    """All strings in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def absolute_paths(text: str) -> list[str]:
    """Places on some machine that a text names; addresses in the web are none."""
    return re.findall(r"(?<![\w./])(?:/|[A-Za-z]:[/\\])[\w.][^\s\"'`,;()\[\]]*", re.sub(r"\w+://\S+", "", text))


def test_absolute_paths_are_told_from_other_words() -> None:
    said = "from '/data/run/best' or C:\\runs\\best, out=/tmp/x:/y; see https://mocap.cs.cmu.edu/ 1/2 and/or a/b / c"
    assert absolute_paths(said) == ["/data/run/best", "C:\\runs\\best", "/tmp/x:/y"]
    assert list(texts({"a": ["b", {"c": 1}], "d": "e"})) == ["a", "b", "c", "d", "e"]


@pytest.mark.usefixtures("default_bundle")
def test_credits_its_data_and_names_no_path_of_the_machine_that_made_it() -> None:
    bundle = Bundle.open()
    assert "mocap.cs.cmu.edu" in bundle.manifest.credits
    assert "mocap.cs.cmu.edu" in bundle.path("CREDITS.txt").read_text(encoding="utf-8")
    manifest = json.loads((bundle.folder / "manifest.json").read_text(encoding="utf-8"))
    assert [path for text in texts(manifest) for path in absolute_paths(text)] == []
    assert bundle.manifest.training["steps"] > 0


@pytest.mark.usefixtures("default_bundle")
def test_every_graph_agreed_with_pytorch_and_loads() -> None:
    bundle = Bundle.open()
    measured = bundle.manifest.parity["graphs"]
    for spec in bundle.manifest.graphs:
        if spec.precision == "fp32":
            assert measured[spec.file]["inputs"] == 20
            assert measured[spec.file]["max_abs"] <= measured[spec.file]["tolerance"] == 1e-4
        GraphSession(bundle.path(spec.file), spec, Provider("cpu", "", 1, spec.precision))


@pytest.mark.usefixtures("default_bundle")
def test_reduced_precisions_move_like_fp32() -> None:
    measured = Bundle.open().manifest.precisions
    assert set(measured) == {"fp32", "int8", "bf16"}
    for name in ("int8", "bf16"):
        motion = measured[name]["motion"]
        assert motion["motions"] >= 512
        assert motion["jerk_ks"]["found"] <= motion["jerk_ks"]["limit"]
        assert motion["feature_distance"]["found"] <= motion["feature_distance"]["limit"]
