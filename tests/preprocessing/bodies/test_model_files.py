"""Body model files: the official pickle without chumpy, npz of three kinds, and files that are none of these."""

from __future__ import annotations

import os
import pickle
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from motion_preprocessing.bodies.capsule_body import capsule_body_fields
from motion_preprocessing.bodies.model_files import body_model_from_fields, load_body_model
from motion_preprocessing.errors import InputError
from motion_preprocessing.foreign_pickle import read_foreign_pickle

VERTICES = 60


@pytest.fixture(scope="module")
def fields() -> dict[str, np.ndarray]:
    """A small part of the capsule body: the whole is 40 MB a file."""
    whole = capsule_body_fields()
    small = {name: whole[name][:VERTICES] for name in ("v_template", "shapedirs", "posedirs", "weights")}
    regressor = whole["J_regressor"][:, ::48][:, :VERTICES]
    return {**small, "J_regressor": regressor, "kintree_table": whole["kintree_table"], "f": whole["f"][:20]}


@pytest.fixture
def chumpy() -> Iterator[Any]:
    """Classes under chumpy's names, so that a pickle can be written as the makers of SMPL wrote theirs."""
    root, ch, reordering = (types.ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering"))
    ch.Ch = type("Ch", (), {"__module__": "chumpy.ch"})  # type: ignore[attr-defined]
    reordering.Select = type("Select", (ch.Ch,), {"__module__": "chumpy.reordering"})  # type: ignore[attr-defined]
    modules = {"chumpy": root, "chumpy.ch": ch, "chumpy.reordering": reordering}
    sys.modules.update(modules)
    yield modules
    for name in modules:
        del sys.modules[name]


def as_chumpy(modules: Any, array: np.ndarray) -> Any:
    value = modules["chumpy.ch"].Ch()
    value.x = array
    return value


@pytest.mark.parametrize("layout", ["csc", "csr"])
def test_the_official_pickle_is_read_without_chumpy(
    layout: str, fields: dict[str, np.ndarray], chumpy: Any, tmp_path: Path
) -> None:
    selection = chumpy["chumpy.reordering"].Select()
    wide = np.concatenate([fields["shapedirs"], np.ones((VERTICES, 3, 2))], axis=2)
    selection.a = as_chumpy(chumpy, wide)
    selection.idxs = np.arange(wide.size).reshape(wide.shape)[..., :10].ravel()
    selection.preferred_shape = (VERTICES, 3, 10)
    content = {
        **fields,
        "v_template": as_chumpy(chumpy, fields["v_template"]),
        "shapedirs": selection,
        "J_regressor": getattr(sparse, f"{layout}_matrix")(fields["J_regressor"]),
        "kintree_table": fields["kintree_table"].astype(np.uint32),
        "bs_style": "lbs",
    }
    path = tmp_path / "basicModel_neutral.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    for module in ("chumpy.ch", "chumpy.reordering"):
        sys.modules[module].__dict__.clear()  # the reader must not import it
    model = load_body_model(path)
    expected = body_model_from_fields(fields)
    assert model.kind == "SMPL"
    assert model.parents == expected.parents
    for name in ("template_m", "shape_directions", "pose_directions", "regressor", "weights", "faces"):
        np.testing.assert_allclose(getattr(model, name), getattr(expected, name), atol=1e-12)


@pytest.mark.parametrize(("joints", "kind", "coefficients"), [(24, "SMPL", 10), (52, "SMPL-H", 16), (55, "SMPL-X", 20)])
def test_npz_files_of_three_kinds(
    joints: int, kind: str, coefficients: int, fields: dict[str, np.ndarray], tmp_path: Path
) -> None:
    extra = joints - 24
    path = tmp_path / "model.npz"
    arrays = {
        **fields,
        "weights": np.pad(fields["weights"], ((0, 0), (0, extra))),
        "J_regressor": np.pad(fields["J_regressor"], ((0, extra), (0, 0))),
        "kintree_table": np.concatenate(
            [fields["kintree_table"], [[20] * extra, list(range(24, joints))]], axis=1
        ).astype(np.uint32),
        "posedirs": np.pad(fields["posedirs"], ((0, 0), (0, 0), (0, 9 * extra))),
        "shapedirs": np.pad(fields["shapedirs"], ((0, 0), (0, 0), (0, coefficients - 10))),
        "part2num": np.array({"pelvis": 0}, dtype=object),  # SMPL-X files hold such entries; they are not read
    }
    np.savez(path, **arrays, allow_pickle=True)
    model = load_body_model(path)
    assert model.kind == kind
    assert model.shape_count == 10
    still = np.broadcast_to(np.eye(3), (22, 3, 3))
    np.testing.assert_allclose(model.pose(still).vertices_m, fields["v_template"], atol=1e-12)


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo ran > ran.txt",)


def test_a_pickle_that_tries_to_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "smpl.pkl"
    path.write_bytes(pickle.dumps({"v_template": Malicious()}))
    with pytest.raises(InputError, match=r"expected only arrays, numbers and text, got \w+.system for .*nothing of it"):
        load_body_model(path)
    assert not (tmp_path / "ran.txt").exists()


@pytest.mark.parametrize(
    "text",
    [
        b"cbuiltins\neval\n(S'1+1'\ntR.",
        b"c__builtin__\ngetattr\n(S'a'\nS'upper'\ntR.",
        b"cnumpy\nload\n(S'x'\ntR.",
        b"c_codecs\nencode\n(Vx\nS'zlib'\ntR.",
        b"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.",
        b"Pother\n.",
    ],
)
def test_no_other_name_gets_through(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(text)
    with pytest.raises(InputError, match="expected"):
        read_foreign_pickle(path, "a file")


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_and_containers_survive(protocol: int, tmp_path: Path) -> None:
    content = {"a": np.arange(6.0).reshape(2, 3), "b": [np.float32(2.5), b"\xff\x00", "text"], "c": (1, None, True)}
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    found = read_foreign_pickle(path, "a file")
    np.testing.assert_array_equal(found["a"], content["a"])
    assert found["b"] == content["b"]
    assert found["c"] == content["c"]


def test_other_files_are_refused_in_one_line(fields: dict[str, np.ndarray], tmp_path: Path) -> None:
    def expect(path: Path, message: str) -> None:
        with pytest.raises(InputError, match=message) as caught:
            load_body_model(path)
        assert "\n" not in str(caught.value)

    expect(tmp_path / "absent.pkl", "No such file")
    expect(tmp_path / "absent.npz", "No such file")
    (tmp_path / "body.obj").write_text("v 0 0 0")
    expect(tmp_path / "body.obj", r"got '.obj'")
    whole = pickle.dumps(fields, protocol=2)
    (tmp_path / "cut.pkl").write_bytes(whole[: len(whole) // 2])
    expect(tmp_path / "cut.pkl", "for .*cut.pkl")
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    expect(tmp_path / "list.pkl", "got a pickled list")
    hollow = sparse.csc_matrix(fields["J_regressor"])
    del hollow.__dict__["indptr"]
    (tmp_path / "hollow.pkl").write_bytes(pickle.dumps({**fields, "J_regressor": hollow}, protocol=2))
    expect(tmp_path / "hollow.pkl", "got arrays that do not unpack")
    (tmp_path / "garbage.npz").write_bytes(b"PK\x03\x04 nothing")
    expect(tmp_path / "garbage.npz", "expected an SMPL")
    np.savez(tmp_path / "motion.npz", poses=np.zeros((3, 156)))
    expect(tmp_path / "motion.npz", "got none of its 'v_template'")
    hand = {"kintree_table": np.zeros((2, 16)), "weights": np.zeros((VERTICES, 16))}
    np.savez(tmp_path / "mano.npz", **{**fields, **hand})
    expect(tmp_path / "mano.npz", r"24 \(SMPL\).*got 16")
    np.savez(tmp_path / "short.npz", **{**fields, "weights": fields["weights"][:7]})
    expect(tmp_path / "short.npz", r"got \(7, 24\) for weights")
    np.savez(tmp_path / "flat.npz", **{**fields, "shapedirs": np.zeros(4)})
    expect(tmp_path / "flat.npz", "expected directions")
    np.savez(tmp_path / "text.npz", **{**fields, "v_template": np.array(["a"])})
    expect(tmp_path / "text.npz", "expected numbers")
