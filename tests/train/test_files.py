"""What training writes is whole, readable by others, and fails in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from motion_preprocessing.errors import OutputError
from motion_train.files import make_folder, write_json, write_tensors, write_text


def test_weights_can_be_read_by_whoever_may_read_the_rest(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.tensor(3)}
    write_tensors(tmp_path / "w.safetensors", tensors)
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode
    found = load_file(tmp_path / "w.safetensors")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a.json", "half \ud800")
    assert (tmp_path / "a.json").read_text() == '{\n "a": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_errors_of_the_system_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="expected to make the folder"):
        make_folder(tmp_path / "file" / "below")
    with pytest.raises(OutputError, match="expected to write"):
        write_text(tmp_path / "nowhere" / "a.txt", "")
