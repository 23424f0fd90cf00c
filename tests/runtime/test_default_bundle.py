"""The bundle that comes with the package: whole, small enough, credited, and every graph loads."""

from __future__ import annotations

import pytest

from motion_runtime.bundle import DEFAULT_BUNDLE, Bundle
from motion_runtime.session import GraphSession, Provider

pytestmark = pytest.mark.skipif(not DEFAULT_BUNDLE.exists(), reason="no default bundle has been trained yet")


def test_is_whole_and_at_most_40_mb() -> None:
    bundle = Bundle.open()
    files = {path.name: path.stat().st_size for path in bundle.folder.iterdir()}
    assert set(files) == {*bundle.manifest.files, "manifest.json"}
    assert sum(files.values()) <= 40_000_000


def test_serves_six_seconds_of_two_people() -> None:
    manifest = Bundle.open().manifest
    assert max(manifest.people) >= 2
    assert max(manifest.frames) / manifest.fps >= 6.0
    assert {"person", "staff", "patient"} <= set(manifest.person_classes)


def test_credits_its_data_and_names_no_path_of_the_machine_that_made_it() -> None:
    bundle = Bundle.open()
    assert "mocap.cs.cmu.edu" in bundle.manifest.credits
    assert "mocap.cs.cmu.edu" in bundle.path("CREDITS.txt").read_text(encoding="utf-8")
    text = (bundle.folder / "manifest.json").read_text(encoding="utf-8")
    assert not any(start in text for start in ('"/home', '"/work', '"/root', '"/tmp'))
    assert bundle.manifest.training["steps"] > 0


def test_every_graph_agreed_with_pytorch_and_loads() -> None:
    bundle = Bundle.open()
    measured = bundle.manifest.parity["graphs"]
    for spec in bundle.manifest.graphs:
        assert measured[spec.file]["inputs"] == 20
        assert measured[spec.file]["max_abs"] <= measured[spec.file]["tolerance"] == 1e-4
        GraphSession(bundle.path(spec.file), spec, Provider("cpu", "", 1))
