"""PLY files written byte by byte here, read by our reader."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.ply import read_ply, write_ply

FORMATS = ("ascii", "binary_little_endian", "binary_big_endian")
POINTS = [(0.5, -1.25, 3.0, 255, 7), (1e-3, 2.0, -4.5, 0, -2), (8.0, 0.0, 1.0, 17, 32000)]
VERTEX = ("property double x", "property float32 y", "property float z", "property uchar red", "property short label")
COLUMNS = ("d", "f", "f", "B", "h")


def row(file_format: str, codes: str, values: tuple[float, ...]) -> bytes:
    if file_format == "ascii":
        return (" ".join(str(v) for v in values) + "\n").encode()
    return struct.pack(("<" if "little" in file_format else ">") + codes, *values)


def header(file_format: str, *lines: str, newline: str = "\n") -> bytes:
    return newline.join(["ply", f"format {file_format} 1.0", *lines, "end_header", ""]).encode()


def check_points(path: Path) -> None:
    ply = read_ply(path)
    assert len(ply) == 3
    for index, name in enumerate(("x", "y", "z", "red", "label")):
        np.testing.assert_allclose(ply.properties[name], [p[index] for p in POINTS], rtol=1e-7)
    assert ply.properties["red"].dtype == np.uint8
    assert ply.properties["label"].dtype == np.int16
    assert all(column.dtype.isnative for column in ply.properties.values())


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_reads_every_format(tmp_path: Path, file_format: str, newline: str) -> None:
    head = header(
        file_format, "comment label 4 bed", "obj_info by hand", "element vertex 3", *VERTEX, newline=newline
    )
    path = tmp_path / "a.ply"
    path.write_bytes(head + b"".join(row(file_format, "dffBh", p) for p in POINTS))
    check_points(path)
    assert read_ply(path).comments == ("label 4 bed", "by hand")


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("sizes", [(3, 3), (3, 4)], ids=["triangles", "mixed"])
def test_steps_over_lists_and_other_elements(tmp_path: Path, file_format: str, sizes: tuple[int, int]) -> None:
    head = header(
        file_format,
        "element material 2", "property float shine",
        "element face 2", "property list uchar int vertex_indices", "property uchar flag",
        "element vertex 3", *VERTEX,
        "element edge 1", "property int a",
    )  # fmt: skip
    body = b"".join(row(file_format, "f", (0.5,)) for _ in range(2))
    body += b"".join(row(file_format, f"B{n}iB", (n, *range(n), 9)) for n in sizes)
    body += b"".join(row(file_format, "dffBh", p) for p in POINTS) + row(file_format, "i", (0,))
    path = tmp_path / "a.ply"
    path.write_bytes(head + body)
    check_points(path)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("sizes", [(2, 2, 2), (0, 3, 1)], ids=["even", "uneven"])
def test_steps_over_lists_among_the_vertices(tmp_path: Path, file_format: str, sizes: tuple[int, ...]) -> None:
    lines = (*VERTEX[:2], "property list uchar float neighbours", *VERTEX[2:])
    head = header(file_format, "element vertex 3", *lines)
    rows = [
        row(file_format, f"dfB{n}ffBh", (*p[:2], n, *(0.5,) * n, *p[2:])) for p, n in zip(POINTS, sizes, strict=True)
    ]
    path = tmp_path / "a.ply"
    path.write_bytes(head + b"".join(rows))
    check_points(path)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    columns = {
        "x": rng.normal(size=50).astype(np.float32),
        "t": rng.normal(size=50),
        "red": rng.integers(0, 256, 50).astype(np.uint8),
        "label": rng.integers(-9, 9, 50).astype(np.int32),
        "big": rng.integers(0, 60000, 50).astype(">u2"),
    }
    write_ply(tmp_path / "a.ply", columns, ["label 4 bed", "metres"])
    ply = read_ply(tmp_path / "a.ply")
    assert list(ply.properties) == list(columns)
    assert ply.comments == ("label 4 bed", "metres")
    for name, column in columns.items():
        np.testing.assert_array_equal(ply.properties[name], column)
        assert ply.properties[name].dtype == column.dtype.newbyteorder("=")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    (target / "inside").touch()
    with pytest.raises(OutputError, match="expected to write"):
        write_ply(target, {"x": np.zeros(3, np.float32)})
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("columns", "comments", "message"),
    [
        ({"x": np.zeros(2, np.float32), "y": np.zeros(3, np.float32)}, [], "columns of one length"),
        ({"x": np.zeros(2, np.complex64)}, [], "convert the column"),
        ({"x": np.zeros(2, np.float32)}, ["two\nlines"], "line break"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    tmp_path: Path, columns: dict[str, np.ndarray], comments: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        write_ply(tmp_path / "a.ply", columns, comments)
    assert list(tmp_path.iterdir()) == []


BINARY = header("binary_little_endian", "element vertex 3", *VERTEX)
BODY = b"".join(row("binary_little_endian", "dffBh", p) for p in POINTS)
ASCII = header("ascii", "element vertex 3", *VERTEX)
LISTS = header("binary_little_endian", "element face 9", "property list uchar int i", "element vertex 3", *VERTEX)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty file"),
        (b"x,y,z\n1,2,3\n", "another format"),
        (b"plywood\n", "another format"),
        (BINARY[:60], "end_header, got none"),
        (BINARY + BODY[:-1], "cut short"),
        (BINARY, "cut short"),
        (LISTS + b"\x03" + 4 * b"\x01", "cut short"),
        (LISTS.replace(b"uchar int", b"uint int") + b"\xff\xff\xff\xff" + bytes(200), "cut short"),
        (LISTS.replace(b"uchar int", b"uint64 double") + b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(9), "cut short"),
        (LISTS.replace(b"face 9", b"face 99999999999999") + b"\x03" + 200 * b"\x01", "cut short"),
        (BINARY.replace(b"vertex 3", b"vertex 99999999999999") + BODY, "cut short"),
        (BINARY.replace(b"vertex 3", b"vertex 1" + 300 * b"0"), "element vertex 1000"),
        (ASCII.replace(b"vertex 3", b"vertex 99999999999999") + b"1 2 3 4 5\n", "cut short"),
        (header("ascii", "element vertex 1", *VERTEX, "property list uchar int n") + b"1 2 3 4 5 inf\n", "cut short"),
        (ASCII + b"1 2 3 4 5\n1 2 3 4 5\n", "cut short"),
        (ASCII, "cut short"),
        (ASCII + 3 * b"1 2 3\n", "5 numbers a vertex, got 3"),
        (ASCII + b"1 2 3 4 5\n1 two 3 4 5\n1 2 3 4 5\n", "expected numbers"),
        (ASCII + 3 * b"1 2 3 nan 5\n", "NaN in the property red"),
        (header("ascii", "element face 0"), "called vertex"),
        (header("binary_middle_endian", "element vertex 3", *VERTEX), "binary_middle_endian"),
        (header("ascii", "element vertex 3", "property quaternion x"), "property quaternion x"),
        (header("ascii", "element vertex many", *VERTEX), "element vertex many"),
        (header("ascii", "element vertex -3", *VERTEX), "element vertex -3"),
        (header("ascii", "property float x"), "property float x"),
    ],
)
def test_broken_files_are_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.ply"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_ply(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_ply(tmp_path / "nothing.ply")
    with pytest.raises(InputError, match="directory"):
        read_ply(tmp_path)


def test_a_ply_without_points_is_empty_not_broken(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    for file_format in FORMATS:
        path.write_bytes(header(file_format, "element vertex 0", *VERTEX))
        assert len(read_ply(path)) == 0


@pytest.mark.parametrize("lists", [False, True], ids=["plain", "with lists"])
def test_blank_lines_of_an_ascii_file_are_no_rows(tmp_path: Path, lists: bool) -> None:
    elements = ["element face 2", "property list uchar int vertex_indices", "element vertex 3", *VERTEX]
    rows = ["3 0 1 2", "", "3 2 1 0"]
    for point in POINTS:
        rows += ["", " ".join(map(str, point)) + (" 2 5 6" if lists else ""), "  "]
    if lists:
        elements.append("property list uchar int neighbours")
    (tmp_path / "a.ply").write_bytes(header("ascii", *elements) + "\n".join(["", *rows, ""]).encode())
    check_points(tmp_path / "a.ply")
