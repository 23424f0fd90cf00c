"""What is told of a model: put into a bundle that is there, read again, and refused where it is no summary."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from motion_export.cli import main
from motion_export.summary import read_summary
from motion_runtime.bundle import Bundle
from motion_runtime.cli import main as run_cli

TOY = Path(__file__).parents[1] / "runtime" / "toy_bundle"
SUMMARY = {"data": "None: the weights are random.", "limits": "Moves nothing like a person. \u00bd"}


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TOY, tmp_path / "toy"))


def export(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def written(folder: Path, values: Any) -> Path:
    path = folder / "summary.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    return path


def test_a_bundle_is_told_of_and_stays_what_it_is(toy: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in toy.iterdir()}
    plain = Bundle.open(toy)
    result = export("--summary", written(tmp_path, SUMMARY), "--into", toy)
    assert result.exit_code == 0, result.output
    told = Bundle.open(toy)
    assert dict(told.manifest.summary) == SUMMARY
    assert told.sha256 == plain.sha256
    assert {path.name for path in toy.iterdir()} == set(before)
    changed = {name for name, content in before.items() if (toy / name).read_bytes() != content}
    assert changed == {"manifest.json"}
    # Said anew, it replaces what was said; everything else is kept to the byte.
    assert export("--summary", written(tmp_path, {"card": "docs/model-card.md"}), "--into", toy).exit_code == 0
    values = json.loads((toy / "manifest.json").read_bytes())
    assert values.pop("summary") == {"card": "docs/model-card.md"}
    assert (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode() == before["manifest.json"]


def test_a_manifest_that_somebody_laid_out_anew_takes_one_too(toy: Path, tmp_path: Path) -> None:
    path = toy / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=4), encoding="utf-8")
    assert export("--summary", written(tmp_path, SUMMARY), "--into", toy).exit_code == 0
    assert Bundle.open(toy).sha256 == Bundle.open(TOY).sha256


def test_inspect_shows_it(toy: Path, tmp_path: Path) -> None:
    long = "word " * 60 + "end"
    assert export("--summary", written(tmp_path, {"intended use": long}), "--into", toy).exit_code == 0
    text = CliRunner().invoke(run_cli, ["inspect", str(toy)]).stdout
    assert "    intended use\n      word word" in text
    assert "word end" in text
    assert max(map(len, text.splitlines()[-3:])) <= 110
    found = json.loads(CliRunner().invoke(run_cli, ["inspect", str(toy), "--json"]).stdout)
    assert found["summary"] == {"intended use": long}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("no json", "expected a JSON object"),
        ("[" * 100_000, "expected a JSON object"),
        (["data"], "expected a JSON object"),
        ({}, "got none in --summary"),
        ({"hours": 6.0}, "got 6.0 for 'hours'"),
        ({"data": " "}, "for 'data'"),
        ({"data": "x" * 4001}, "for 'data'"),
        ({"n" * 41: "x"}, "expected names"),
        ({"a\nb": "x"}, "expected names"),
    ],
)
def test_what_is_no_summary_is_one_line_and_changes_nothing(toy: Path, tmp_path: Path, values: Any, said: str) -> None:
    before = (toy / "manifest.json").read_bytes()
    result = export("--summary", written(tmp_path, values), "--into", toy)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert "restore the bundle" not in line
    assert (toy / "manifest.json").read_bytes() == before


def test_a_missing_file_a_broken_bundle_and_other_options(toy: Path, tmp_path: Path) -> None:
    good = written(tmp_path, SUMMARY)
    assert "No such file" in export("--summary", tmp_path / "none.json", "--into", toy).stderr
    alone = "expected --summary, --fall-speed or --fall-offset alone beside --into, got none"
    assert alone in export("--into", toy).stderr
    assert "got --steps, --summary" in export("--summary", good, "--into", toy, "--steps", 3).stderr
    assert "'--checkpoint'" in export("--out", toy).stderr
    assert "'--out'" in export("--checkpoint", toy).stderr
    (toy / "tokenizer.json").write_text("{}", encoding="utf-8")
    assert export("--summary", good, "--into", toy).exit_code == 4
    assert not json.loads((toy / "manifest.json").read_bytes()).get("summary")


def test_a_reader_refuses_a_summary_that_is_none(toy: Path) -> None:
    values = json.loads((toy / "manifest.json").read_bytes())
    (toy / "manifest.json").write_text(json.dumps(values | {"summary": {"data": 3}}), encoding="utf-8")
    result = CliRunner().invoke(run_cli, ["inspect", str(toy)])
    assert result.exit_code == 4
    assert "for 'data' in 'summary' in" in result.stderr


def test_the_built_in_models_summary_is_one_and_says_what_is_to_be_said() -> None:
    summary = read_summary(Path(__file__).parents[2] / "export" / "default_summary.json")
    assert {"data", "hours", "licences", "credits", "training", "metrics", "ablations", "limits", "intended use"} < set(
        summary
    )
    assert "NSF EIA-0196217" in summary["credits"]


def test_the_speed_of_falls_is_put_into_a_bundle_once_it_was_measured(toy: Path) -> None:
    before = Bundle.open(toy)
    result = export("--fall-speed", 1.1, "--into", toy)
    assert result.exit_code == 0, result.output
    after = Bundle.open(toy)
    assert after.manifest.fall_speed == 1.1
    assert after.manifest.files == before.manifest.files
    assert after.sha256 != before.sha256  # its falls are others
    assert f"fall speed; sha256 {after.sha256[:12]}" in result.output
    assert export("--fall-speed", 3.0, "--into", toy).exit_code == 2

    assert export("--fall-speed", 0.9, "--fall-offset", 0.4, "--into", toy).exit_code == 0
    manifest = Bundle.open(toy).manifest
    assert (manifest.fall_speed, manifest.fall_offset_m_s) == (0.9, 0.4)
    assert export("--fall-speed", 1.1, "--into", toy).exit_code == 0
    manifest = Bundle.open(toy).manifest
    assert (manifest.fall_speed, manifest.fall_offset_m_s) == (1.1, 0.4)  # what was not given stays
    assert export("--fall-offset", -0.1, "--into", toy).exit_code == 2
