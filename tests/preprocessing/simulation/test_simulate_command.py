from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from motion_preprocessing.cli import cli
from motion_preprocessing.dataset import FRAMES_FILE, HEADER_FILE, SEQUENCES_FILE, MotionDataset
from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.simulation.batch import KINDS, Tally, Try, chosen_kinds, tries
from motion_preprocessing.simulation.command import run_simulate

pytest.importorskip("mujoco")
QUICK = ("push_b", "chair_both")


def simulate(out: Path, starts: Path, **changes: object) -> Tally:
    options: dict[str, object] = {"count": 3, "seed": 4, "kinds": QUICK, "workers": 0, "sheets": None}
    return run_simulate(out, starts, **(options | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("kinds", [QUICK, ("wave", "reach")])
def test_a_batch_that_was_stopped_ends_in_the_same_bytes(starts: Path, tmp_path: Path, kinds: tuple[str, ...]) -> None:
    simulate(tmp_path / "whole", starts, sheets=tmp_path / "sheets", kinds=kinds)
    # What a killed run leaves: the folder of tries with one of them finished, and half a file beside it.
    place = tmp_path / "resumed.tries"
    place.mkdir()
    source = tries(starts, place, 4, kinds, 0)
    next(source)
    source.close()
    (place / ".000001.npz.partial").write_bytes(b"half")
    with pytest.raises(OutputError, match="another"):
        simulate(tmp_path / "resumed", starts, kinds=kinds)
    header = json.loads((tmp_path / "whole" / HEADER_FILE).read_text())
    from motion_preprocessing.dataset import FORMAT_VERSION
    from motion_preprocessing.simulation.batch import VERSION

    batch = {"version": VERSION, "dataset_format": FORMAT_VERSION, "seed": 4, "kinds": list(kinds),
             "starts": header["provenance"]["starts"], "numpy": np.__version__}  # fmt: skip
    (place / "batch.json").write_text(json.dumps(batch))
    simulate(tmp_path / "resumed", starts, kinds=kinds)
    for name in (HEADER_FILE, FRAMES_FILE, SEQUENCES_FILE):
        assert (tmp_path / "resumed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not place.exists()
    with Image.open(next((tmp_path / "sheets").glob("*.png"))) as image:
        assert np.asarray(image).std() > 5
    dataset = MotionDataset.open(tmp_path / "whole")
    assert len(dataset) == 3
    assert {record.split for record in dataset} <= {"train", "validation", "test"}


def test_kinds_and_groups() -> None:
    assert chosen_kinds(()) == tuple(KINDS)
    assert set(chosen_kinds(("care", "trip"))) == {"help_chair", "help_floor", "help_bed", "trip"}
    assert set(chosen_kinds(("layered",))) == {"wave", "wheelchair", "pick_up", "reach", "kneel_up"}
    with pytest.raises(InputError, match="dance"):
        chosen_kinds(("dance",))


def test_heads_are_hit_in_no_larger_share_than_asked_for() -> None:
    tally = Tally()
    kept = [tally.take(Try("trip", (), (), {"head_hit": i % 4 != 0}, (), (), 0.1)) for i in range(200)]
    assert not all(kept)
    assert tally.heads / tally.falls < 0.40
    assert not tally.take(Try("trip", ("time",), (), {"head_hit": False}, (), (), 0.1))
    assert tally.faults["trip"] == {"time": 1}


def test_the_command_line_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["simulate", str(tmp_path / "out"), "--starts", str(tmp_path), "--count", "1"])
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert "expected a dataset" in result.output
